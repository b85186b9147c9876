/* SPDX-License-Identifier: MIT */
/* secret_file.c - see secret_file.h. */
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who may read the key can pass for either end, so nobody but its owner may; a group of root's is as good as root. */
static bool mode_check(const char *path, const struct stat *st, char why[WHY_MAX])
{
	unsigned mode = st->st_mode & 07777;
	bool is_open = (mode & 0007) || ((mode & 0070) && st->st_gid != 0);

	if (!S_ISREG(st->st_mode))
		snprintf(why, WHY_MAX, "%s is not a regular file", path);
	else if (is_open)
		snprintf(why, WHY_MAX, "%s has mode %04o, so others can read or change it: chmod 600 %s", path, mode, path);
	return S_ISREG(st->st_mode) && !is_open;
}

static bool read_whole(int fd, struct secret *raw, size_t *used)
{
	while (*used < raw->len) {
		ssize_t got = read(fd, raw->at + *used, raw->len - *used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0;
		*used += (size_t)got;
	}
	return true;
}

static int read_open(struct secret *out, int fd, const char *path, size_t max, char why[WHY_MAX])
{
	AUTO_SECRET raw = { NULL, 0 };
	struct stat st;
	size_t used = 0;

	if (fd < 0 || fstat(fd, &st)) {
		snprintf(why, WHY_MAX, "the secret cannot be read: %s: %s", path, strerror(errno));
		return FAULT_INPUT;
	}
	if (!mode_check(path, &st, why))
		return FAULT_INPUT;
	int fault = secret_new(&raw, max);
	if (fault)
		return fault;
	if (!read_whole(fd, &raw, &used)) {
		snprintf(why, WHY_MAX, "the secret cannot be read: %s: %s", path, strerror(errno));
		return FAULT_INPUT;
	}
	return secret_copy(out, bytes_of(raw.at, used));
}

int secret_file_read(struct secret *out, const char *path, size_t max, char why[WHY_MAX])
{
	/* Opening a FIFO must not wait for who writes it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int fault = read_open(out, fd, path, max, why);

	if (fd >= 0)
		close(fd);
	return fault;
}
