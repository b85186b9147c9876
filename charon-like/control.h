/* SPDX-License-Identifier: MIT */
/*
 * control.h - the UNIX socket on which `keyferry` talks to the daemon. One JSON object a line: a request
 *
 *	{"command": "up", "arguments": ["office"], "timeout": 60}
 *
 * is answered by any number of {"line": "..."} and {"data": {...}}, then by one {"done": true, "status": 0} or
 * {"done": true, "status": 1, "error": "..."}. One request at a time and connection; the next may follow.
 */
#ifndef KEYFERRY_CONTROL_H
#define KEYFERRY_CONTROL_H
#include "bus.h"
#include "plugin.h"
#include "shard.h"

/* Limits; who may open the socket is root's friend, but may still be a broken program. */
enum {
	CONTROL_LINE_MAX = 64 * 1024,        /* one request                                             */
	CONTROL_SESSIONS_MAX = 64,
	CONTROL_OUT_MAX = 64 * 1024 * 1024,  /* answers not yet read: the status of some 30,000 SAs     */
	CONTROL_IDLE_MS = 60 * 1000,         /* without a request, or without reading the answer        */
	CONTROL_WAIT_SECONDS = 100,          /* `up` unless it says otherwise: a peer that is silent is given up after 85 */
	CONTROL_WAIT_MAX = 24 * 3600,
};

/* What the commands act on; lives longer than the server. */
struct control_host {
	const struct log_context *log;
	struct bus *bus;
	struct engine *engine;
	const struct plugins *plugins;
	/* The settings in force, without a reference of their own. */
	struct settings *(*settings)(void *arg);
	/* Those in force; NULL: none. May be NULL. */
	const struct shunts *(*shunts)(void *arg);
	/* Reads the configuration again; lines of the log about it also go to `say`. */
	int (*reload)(void *arg, void (*say)(void *to, const char *line), void *to);
	/* The same for secrets alone. */
	int (*reload_secrets)(void *arg, void (*say)(void *to, const char *line), void *to);
	/* Whether `keep` of a connection, or of its child, is to be heeded. May be NULL. */
	void (*set_wanted)(void *arg, const char *connection, const char *child, bool wanted);
	void *arg;
};

struct control;            /* main loop's thread */

/*
 * Serves on the loop. `path` NULL: no socket, see control_adopt(). A socket that nobody listens on any more is replaced.
 * FAULT_EXISTS: another daemon listens there; FAULT_PERMISSION, FAULT_SYSTEM: logged with what to do. Changes the process's
 * umask for a moment, so call it before threads are started.
 */
int control_new(struct control **out, struct loop *loop, const struct control_host *host, const char *path) MUST_CHECK;
/* Ends all sessions and removes the socket; questions that shards still have are dropped when they come back. */
void control_free(struct control *control);
/* Serves a connected stream socket, which it owns from now on: 0 or a fault, then it is closed. */
int control_adopt(struct control *control, int fd) MUST_CHECK;

#endif
