/* SPDX-License-Identifier: MIT */
/* pidfile.c - see pidfile.h. The lock, not the file, says that a daemon lives: what a crash leaves behind is taken over. */
#include "pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void pidfile_make_folder(const char *path)
{
	char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;

	if (slash && slash != folder) {
		*slash = '\0';
		(void)!mkdir(folder, 0755);
	}
	free(folder);
}

static int complain(const char *path, const struct log_context *log)
{
	bool has_no_folder = errno == ENOENT;
	/* Without the right to make it the folder is missing. */
	bool may_not = has_no_folder || errno == EACCES || errno == EPERM || errno == EROFS;

	log_line(log, LEVEL_ERROR, "pid-file", "cannot make the file %s for the process ID: %s%s", path,
		 has_no_folder ? "its folder is missing and cannot be made" : strerror(errno),
		 may_not ? "; run as root, or choose a place of your own with --pid-file" : "");
	return may_not ? FAULT_PERMISSION : FAULT_SYSTEM;
}

static int complain_other(int fd, const char *path, const struct log_context *log)
{
	char text[32] = "";
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	long pid = len > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		log_line(log, LEVEL_ERROR, "already-running", "another keyferryd runs already: process %ld has %s", pid, path);
	else
		log_line(log, LEVEL_ERROR, "already-running", "another keyferryd runs already: it has %s", path);
	return FAULT_EXISTS;
}

/* Between opening and locking another may have removed the file: then the lock is on a file that nobody sees. */
static bool is_still_there(int fd, const char *path)
{
	struct stat opened, found;

	return fstat(fd, &opened) == 0 && stat(path, &found) == 0 && opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
}

/* A locked descriptor, or a fault. */
static int open_locked(const char *path, const struct log_context *log)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

		if (fd < 0)
			return complain(path, log);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int fault = errno == EWOULDBLOCK ? complain_other(fd, path, log) : complain(path, log);
			close(fd);
			return fault;
		}
		if (is_still_there(fd, path))
			return fd;
		close(fd);
	}
}

int pidfile_take(struct pidfile *file, const char *path, const struct log_context *log)
{
	char text[32];

	pidfile_make_folder(path);
	int fd = open_locked(path, log);
	if (fd < 0)
		return fd;
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	file->fd = fd;
	file->path = strdup(path);
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len && file->path)
		return 0;
	int fault = file->path ? complain(path, log) : FAULT_MEMORY;
	pidfile_release(file);
	return fault;
}

void pidfile_release(struct pidfile *file)
{
	if (file->fd < 0)
		return;
	/* First the name, then the lock: who finds the name finds the lock too. */
	if (file->path)
		unlink(file->path);
	close(file->fd);
	free(file->path);
	*file = (struct pidfile){ -1, NULL };
}
