/* SPDX-License-Identifier: MIT */
/* secret_file.h - reads files that only we may read. */
#ifndef KEYFERRY_SECRET_FILE_H
#define KEYFERRY_SECRET_FILE_H
#include "proposal.h"
#include "secret.h"

/* The file's first `max` octets. FAULT_INPUT: `why` says in a clause why not; others may read it, for one. FAULT_MEMORY. */
int secret_file_read(struct secret *out, const char *path, size_t max, char why[WHY_MAX]) MUST_CHECK;

#endif
