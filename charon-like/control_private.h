/* SPDX-License-Identifier: MIT */
/* control_private.h - what the files of the control server share. All of it belongs to the main loop's thread. */
#ifndef KEYFERRY_CONTROL_PRIVATE_H
#define KEYFERRY_CONTROL_PRIVATE_H
#include <jansson.h>

#include "ask.h"
#include "control.h"
#include "events.h"
#include "failures.h"
#include "list.h"

struct control {
	struct loop *loop;
	struct control_host host;
	char *path;                          /* of the socket that is ours, or NULL                   */
	struct watch listener;               /* fd -1: none                                           */
	struct list sessions;
	size_t session_count;
	struct list requests;                /* those that take more than one turn                    */
	struct subscription *subscription;
	struct failures *failures;
	uint64_t started;                    /* loop ms                                               */
};

/* One connected front end. */
struct session {
	struct list in_control;
	struct control *control;
	struct watch watch;
	uint8_t watched;                     /* what the watch is set for: 1 reading, 2 writing       */
	struct timer idle, next;             /* next: looks for the next request                      */
	struct request *request;             /* that is being worked on, or NULL                      */
	bool in_over;                        /* it will send nothing more                             */
	bool is_broken;                      /* to be freed as soon as nobody uses it                 */
	size_t in_used;
	char *out;                           /* malloc()ed; out_sent of out_used octets are written   */
	size_t out_used, out_sent, out_size;
	char in[CONTROL_LINE_MAX];
};

/* A request that waits for shards or events; embedded in what the command needs. Outlives its session. */
struct request {
	struct list in_control;
	struct control *control;             /* NULL: the server was ended                            */
	struct session *session;             /* NULL: done, or the front end went away                */
	unsigned asked;                      /* questions at shards; freed when they are back         */
	void (*event)(struct request *request, const struct event_sa *event);   /* may be NULL        */
	void (*timeout)(struct request *request);                               /* may be NULL        */
	void (*free)(struct request *request);
	struct timer timer;
};

/* ---- control_session.c ---- */
int session_new(struct control *control, int fd) MUST_CHECK;
void session_free(struct session *session);
/* Answers; none of them frees the session. */
void session_say(struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes `data`; NULL: there was no memory for it. */
void session_data(struct session *session, json_t *data);
/* error NULL: it went well. */
void session_done(struct session *session, const char *error);
/* Its request is over: goes on with what came in meanwhile, in a later turn. */
void session_next(struct session *session);

/* ---- control_request.c ---- */
/* From now on the session waits for it. */
void request_begin(struct request *request, struct session *session);
/* The last answer, error NULL: it went well. May free the request. */
void request_end(struct request *request, const char *error);
/* The front end or the server went away. May free the request. */
void request_abandon(struct request *request);
/* `ask` comes back to ask->done(), which calls request_answered() first. */
void request_ask(struct request *request, struct ask *ask, struct shard *shard);
/* False: the answer is for nobody, and `request` may be gone. */
bool request_answered(struct request *request) MUST_CHECK;
int request_set_timeout(struct request *request, unsigned seconds) MUST_CHECK;

/* ---- commands: answer at once, or begin a request ---- */
struct command {
	const char *name, *usage;
	size_t arguments_min, arguments_max;
	/* `arguments` are strings; `all` is the whole request. */
	void (*run)(struct session *session, const char *const *arguments, const json_t *all);
};
enum { ARGUMENTS_MAX = 4, COMMAND_NAME_MAX = 128 };

/* control_commands.c */
void command_run(struct session *session, const json_t *all);
/* Says that there is no such connection, and which one was meant. */
void complain_name(struct session *session, const char *kind, const char *name, const char *const *known);
/* "NAME/CHILD" in two; false and an answer when it is malformed. child[0] '\0': all. */
bool split_name(struct session *session, const char *argument, char name[COMMAND_NAME_MAX], char child[COMMAND_NAME_MAX]);
/* The connection and, when it is not "", the child, or NULL and an answer. */
const struct connection_settings *find_connection(struct session *session, const char *name, const char *child);

/* control_up.c */
void command_up(struct session *session, const char *const *arguments, const json_t *all);
void command_down(struct session *session, const char *const *arguments, const json_t *all);
/* control_status.c */
void command_status(struct session *session, const char *const *arguments, const json_t *all);
/* control_crl.c */
void command_crl(struct session *session, const char *const *arguments, const json_t *all);
/* What is kept of CRLs and OCSP answers; NULL without memory. */
json_t *revocation_json(const struct control *control) MUST_CHECK;
/* control_plugins.c */
void command_plugins(struct session *session, const char *const *arguments, const json_t *all);

#endif
