/* SPDX-License-Identifier: MIT */
/* expiry.h - until when the certificates of a configuration are valid: warnings at load and once a day, and the list of `check-config`. */
#ifndef KEYFERRY_EXPIRY_H
#define KEYFERRY_EXPIRY_H
#include <stdio.h>

#include "loop.h"
#include "settings.h"

/* Once a day is told of what cert_expires() warns of. */
enum { EXPIRY_SAY_MS = 24 * 60 * 60 * 1000 };

/* One line, code "cert-expires", for each certificate that has to be renewed, with the place that names it. `now`: seconds since 1970. */
void expiry_say(const struct settings *settings, int64_t now, const struct log_context *log);
/* One line for each certificate. */
void expiry_list(const struct settings *settings, int64_t now, FILE *out);

#endif
