/* SPDX-License-Identifier: MIT */
/* daemon.h - keyferryd without its command line: start-up and orderly end, in one call each, so that tests can have daemons. */
#ifndef KEYFERRY_DAEMON_H
#define KEYFERRY_DAEMON_H
#include "load.h"

/* Strings live longer than the daemon. */
struct daemon_options {
	struct load_options load;
	const char *control_path;            /* NULL: no control socket                               */
	const char *pid_file;                /* NULL: none                                            */
	struct log_options log;              /* where lines go; level and json are the configuration's */
	int log_level;                       /* enum log_level that goes before the configuration, -1: none */
	bool take_signals;                   /* SIGTERM and SIGINT end it, SIGHUP reloads              */
	bool drop_privileges;
};

struct daemon;                               /* main thread */

/*
 * Everything runs when it returns 0, in threads of its own but for the main loop. Otherwise nothing is left, and each
 * fault was logged with what to do.
 */
int daemon_new(struct daemon **out, const struct daemon_options *options) MUST_CHECK;
/* The main loop, until daemon_stop(). */
int daemon_run(struct daemon *daemon) MUST_CHECK;
/* Any thread. */
void daemon_stop(struct daemon *daemon);
/*
 * The configuration once more: whole or not at all. Lines about it also go to `say`, which may be NULL. What is the same
 * as before is not touched.
 */
int daemon_reload(struct daemon *daemon, void (*say)(void *to, const char *line), void *to) MUST_CHECK;
/* The same configuration with what the files of its secrets hold now: what is negotiated from now on uses that. */
int daemon_reload_secrets(struct daemon *daemon, void (*say)(void *to, const char *line), void *to) MUST_CHECK;
/* Deletes SAs at the peers, takes everything of ours out of the kernel, ends the threads and frees all. */
void daemon_free(struct daemon *daemon);

/* For tests. */
struct engine *daemon_engine(struct daemon *daemon);

#endif
