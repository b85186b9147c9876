/* SPDX-License-Identifier: MIT */
/* pidfile.h - the file with the daemon's process ID, locked as long as it lives: only one daemon has it. */
#ifndef KEYFERRY_PIDFILE_H
#define KEYFERRY_PIDFILE_H
#include "log.h"

/* Start with { -1, NULL }. */
struct pidfile {
	int fd;
	char *path;
};

/*
 * Makes the last folder of the path when it is missing. Logged: FAULT_EXISTS (another daemon has it, its ID is told),
 * FAULT_PERMISSION, FAULT_SYSTEM, FAULT_MEMORY.
 */
int pidfile_take(struct pidfile *file, const char *path, const struct log_context *log) MUST_CHECK;
/* Removes it. */
void pidfile_release(struct pidfile *file);
/* Makes the folder that a file is to be in, unless it is there; errors show when the file is made. */
void pidfile_make_folder(const char *path);

#endif
