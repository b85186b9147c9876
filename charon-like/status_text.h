/* SPDX-License-Identifier: MIT */
/* status_text.h - the daemon's JSON as text for people. */
#ifndef KEYFERRY_STATUS_TEXT_H
#define KEYFERRY_STATUS_TEXT_H
#include <jansson.h>
#include <stdio.h>

/* Members that are missing, because the daemon is older or newer, are left out. */
void status_print(FILE *out, const json_t *status);
void plugins_print(FILE *out, const json_t *plugins);
void revocation_print(FILE *out, const json_t *revocation);
void version_print(FILE *out, const json_t *version);

#endif
