/* SPDX-License-Identifier: MIT */
/*
 * daemon_private.h - what daemon.c (the order of things), daemon_engine.c (threads, kernel service), daemon_net.c and daemon_reload.c share.
 */
#ifndef KEYFERRY_DAEMON_PRIVATE_H
#define KEYFERRY_DAEMON_PRIVATE_H
#include <pthread.h>

#include "control.h"
#include "daemon.h"
#include "file_watch.h"
#include "intents.h"
#include "net.h"
#include "net_watch.h"
#include "pidfile.h"
#include "shunts.h"

/* A thread that runs a loop. */
struct worker {
	struct loop *loop;
	pthread_t thread;
	bool runs;
	char name[24];                       /* shown by ps and top when it fits in 15 */
};

/* main thread, but for what the engine says otherwise */
struct daemon {
	struct daemon_options options;
	struct log *early_log;               /* until the configuration says how lines are to look; kept, some still use it */
	struct log *log;                     /* the same, or one of its own                          */
	struct loop *loop;
	struct load load;
	struct engine engine;
	struct kernel_host kernel_host;
	bool kernel_is_attached;
	struct net *net;
	struct worker net_worker;
	struct worker *workers;              /* one for each shard                                   */
	struct shunts *shunts;
	struct intents *intents;
	struct net_watch *net_watch;         /* NULL: changes of addresses are not noticed           */
	struct control *control;
	struct pidfile pidfile;
	struct watch signals;                /* fd -1: not taken                                     */
	struct file_watch *files;            /* of the configuration; NULL: nobody wants to know     */
	int files_error;                     /* errno, when they could not be watched                */
	struct timer expiry;                 /* when certificates are looked at again                */
};

/* ---- daemon_reload.c ---- */
/* As at SIGHUP: what is wrong is logged. */
void reload_by_itself(struct daemon *d);
/* Around each reading of the configuration: what is read is watched, unless it says that it is not to be. */
void watch_begin(struct daemon *d);
/* `keep`: also what was read before, since this was not the whole. */
void watch_end(struct daemon *d, bool is_wanted, bool keep);

/* ---- daemon.c ---- */
/* Tells of certificates that expire soon, now and once a day. */
void expiry_begin(struct daemon *d);

/* ---- daemon_net.c ---- */
void net_attach(struct daemon *d);
/* The kernel service has no use for it: everything of ours goes. */
void net_keep(struct daemon *d, bool is_wanted);
/* Those of this configuration are there from now on, no others. FAULT_MEMORY. */
int net_set_interfaces(struct daemon *d, const struct settings *settings) MUST_CHECK;
void net_follow(struct daemon *d);

/* ---- daemon_engine.c ---- */
/* peers, shards and their loops; nothing runs yet */
int engine_open(struct daemon *d) MUST_CHECK;
/* Without a kernel service this says what is missing, and the daemon goes on with phase 1 only. */
void engine_attach_kernel(struct daemon *d);
/* Says which messages nobody understands. FAULT_UNSUPPORTED: phase 1 is among them. */
int engine_check_modes(const struct daemon *d) MUST_CHECK;
int engine_start_threads(struct daemon *d) MUST_CHECK;
/* Every shard's new SAs begin with these. All shards or none. */
int engine_set_settings(struct daemon *d, struct settings *settings) MUST_CHECK;
/* Deletes all SAs at their peers, ends the threads, detaches the kernel service, frees the shards. Also after a part of the above. */
void engine_close(struct daemon *d);

#endif
