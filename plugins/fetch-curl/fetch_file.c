/* SPDX-License-Identifier: MIT */
/* fetch_file.c - file: (RFC 8089), for places that the administrator named. Read here, since libcurl would wait for a pipe's writer. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fetch_parts.h"

static int fail(struct fetch_answer *out, int fault, const char *path, const char *what)
{
	snprintf(out->why, sizeof(out->why), "%.200s %s", path, what);
	return fault;
}

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* "file:/PATH", "file:///PATH", "file://localhost/PATH", with %XX. False: none of these. */
static bool read_path(char path[PATH_MAX], const char *url)
{
	const char *at = url + strlen("file:");
	size_t used = 0;

	if (strncmp(at, "//localhost/", 12) == 0)
		at += 11;
	else if (strncmp(at, "//", 2) == 0)
		at += 2;
	if (*at != '/')
		return false;
	while (*at && used < PATH_MAX - 1) {
		char c = *at++;

		if (c == '%' && isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) {
			c = (char)(hex(at[0]) << 4 | hex(at[1]));
			at += 2;
		}
		/* One that %00 ends early would be another file. */
		if (c == '\0')
			return false;
		path[used++] = c;
	}
	path[used] = '\0';
	return *at == '\0';
}

static int read_open(int fd, const char *path, const struct fetch_request *request, struct fetch_answer *out)
{
	struct stat file;

	if (fstat(fd, &file) < 0)
		return fail(out, FAULT_SYSTEM, path, strerror(errno));
	if (!S_ISREG(file.st_mode))
		return fail(out, FAULT_INPUT, path, "is no file");
	out->modified = file.st_mtim.tv_sec;
	if (request->modified && request->modified == out->modified) {
		out->is_unchanged = true;
		return 0;
	}
	if (file.st_size > (off_t)request->size_max) {
		snprintf(out->why, sizeof(out->why), "%.200s has %lld octets, more than the limit of %zu", path, (long long)file.st_size, request->size_max);
		return FAULT_FULL;
	}
	if (file.st_size <= 0)
		return fail(out, FAULT_INPUT, path, "is empty");
	out->data = malloc((size_t)file.st_size);
	if (!out->data)
		return fail(out, FAULT_MEMORY, path, "does not fit into memory");
	while (out->len < (size_t)file.st_size) {
		ssize_t got = read(fd, out->data + out->len, (size_t)file.st_size - out->len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fail(out, FAULT_SYSTEM, path, got < 0 ? strerror(errno) : "became shorter while it was read");
		out->len += (size_t)got;
	}
	return 0;
}

int fetch_file(const struct fetch_request *request, struct fetch_answer *out)
{
	char path[PATH_MAX];

	if (request->source != FETCH_CONFIGURED) {
		snprintf(out->why, sizeof(out->why), "file: is not allowed in a certificate: it would have us read files of ours for others");
		return FAULT_PERMISSION;
	}
	if (!read_path(path, request->url)) {
		snprintf(out->why, sizeof(out->why), "this is no URL of a local file: write file:///PATH");
		return FAULT_INPUT;
	}
	/* Without O_NONBLOCK a pipe would be waited for, before it can be told that it is one. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(out, errno == ENOENT || errno == ENOTDIR ? FAULT_NOT_FOUND : FAULT_SYSTEM, path, strerror(errno));
	int fault = read_open(fd, path, request, out);
	close(fd);
	return fault;
}
