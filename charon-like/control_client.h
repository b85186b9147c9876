/* SPDX-License-Identifier: MIT */
/* control_client.h - one request to the daemon's control socket, and its answers. */
#ifndef KEYFERRY_CONTROL_CLIENT_H
#define KEYFERRY_CONTROL_CLIENT_H
#include <jansson.h>

#include "fault.h"

enum { CLIENT_ERROR_MAX = 512 };

/* What comes back; any may be NULL. */
struct client_answers {
	void (*line)(void *arg, const char *line);
	void (*data)(void *arg, const json_t *data);
	void *arg;
};

/*
 * Sends the request (which stays the caller's) and takes answers until the last. 0: it went well. Otherwise `error` has a
 * sentence for people: FAULT_NOT_FOUND (no daemon there), FAULT_PERMISSION, FAULT_SYSTEM; FAULT_INPUT: the daemon says no.
 */
int client_ask(const char *path, const json_t *request, const struct client_answers *answers, char error[CLIENT_ERROR_MAX]) MUST_CHECK;

#endif
