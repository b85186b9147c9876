/* SPDX-License-Identifier: MIT */
/*
 * test_control.h - what the tests of the control server share: two shards with loops of their own, whose work is a fake, settings
 * made of two tables, and a front end at the other end of a socket.
 */
#ifndef KEYFERRY_TEST_CONTROL_H
#define KEYFERRY_TEST_CONTROL_H
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "control.h"
#include "control_private.h"
#include "events.h"
#include "peers.h"
#include "unit.h"

enum { SHARDS = 2, REPLY_MAX = 1 << 22 };

/* ---- fakes ---- */

static struct child_settings children[] = { { .name = "lan" }, { .name = "voice" } };
static struct connection_settings connections[] = {
	{ .name = "office", .keep = KEEP_UP, .mode = "main", .auth = "psk", .children = children, .child_count = 2 },
	{ .name = "branch", .keep = KEEP_PASSIVE, .mode = "main", .auth = "psk", .children = children, .child_count = 1 },
};
static uint64_t now_ms;
static char up_asked[64];
static int up_fault;
static size_t down_count;
static char wanted[64];

size_t settings_connection_count(const struct settings *s)
{
	return s ? COUNT(connections) : 0;
}

const struct connection_settings *settings_connection_at(const struct settings *s, size_t i)
{
	(void)s;
	return &connections[i];
}

const struct connection_settings *settings_connection(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < settings_connection_count(s); i++)
		if (strcmp(connections[i].name, name) == 0)
			return &connections[i];
	return NULL;
}

int shard_up(struct shard *shard, const char *connection, const char *child)
{
	(void)shard;
	snprintf(up_asked, sizeof(up_asked), "%s/%s", connection, child ? child : "*");
	return up_fault;
}

size_t shard_down(struct shard *shard, const char *connection, const char *child)
{
	(void)connection;
	(void)child;
	return shard->index == 1 ? down_count : 0;
}

int peers_shard_of(struct peers *peers, const char *connection)
{
	(void)peers;
	(void)connection;
	return 1;
}

static inline uint64_t test_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static inline struct settings *test_settings(void *arg)
{
	return arg;
}

static inline int test_reload(void *arg, void (*say)(void *to, const char *line), void *to)
{
	(void)arg;
	say(to, "office.xml:3: <child>: no such thing");
	return FAULT_INPUT;
}

static inline int test_reload_secrets(void *arg, void (*say)(void *to, const char *line), void *to)
{
	(void)arg;
	say(to, "the secrets were read again");
	return 0;
}

static inline void test_wanted(void *arg, const char *connection, const char *child, bool is_wanted)
{
	(void)arg;
	snprintf(wanted, sizeof(wanted), "%s/%s %s", connection, child ? child : "*", is_wanted ? "yes" : "no");
}

/* ---- the fixture ---- */

static char logged[4096];

struct fixture {
	struct log *log;
	struct loop *loop;
	struct bus *bus;
	struct engine engine;
	struct shard *shards[SHARDS];
	struct control *control;
	int fd;                              /* of the front end */
	size_t used;
	char *reply;                         /* what it was told since the last request */
};

static inline void log_sink(void *arg, enum log_level level, const char *line)
{
	size_t used = strlen(logged);

	(void)arg;
	(void)level;
	snprintf(logged + used, sizeof(logged) - used, "%s\n", line);
}

static inline void pump(struct fixture *f)
{
	size_t ran;

	do {
		ran = loop_turn(f->loop);
		for (unsigned i = 0; i < SHARDS; i++)
			ran += loop_turn(f->shards[i]->loop);
	} while (ran > 0);
}

static inline struct control_host host_of(struct fixture *f)
{
	static char anything;

	return (struct control_host){
		.log = log_root(f->log), .bus = f->bus, .engine = &f->engine, .settings = test_settings,
		.reload = test_reload, .reload_secrets = test_reload_secrets, .set_wanted = test_wanted, .arg = &anything,
	};
}

static inline int connect_pair(struct fixture *f)
{
	int pair[2];

	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	CU_ASSERT(control_adopt(f->control, pair[1]) == 0);
	return pair[0];
}

static inline void fixture_open(struct fixture *f, const char *path)
{
	static const struct clock clock = { test_now, NULL };
	struct log_options options = { .level = LEVEL_DEBUG, .fd = -1, .sink = log_sink };

	now_ms = 100000;
	logged[0] = up_asked[0] = wanted[0] = '\0';
	up_fault = 0;
	down_count = 0;
	*f = (struct fixture){ .log = log_new(&options), .loop = loop_new(&clock), .bus = bus_new(), .fd = -1 };
	f->reply = calloc(1, REPLY_MAX);
	f->engine.shard_count = SHARDS;
	f->engine.shards = f->shards;
	for (unsigned i = 0; i < SHARDS; i++) {
		f->shards[i] = calloc(1, sizeof(struct shard));
		f->shards[i]->engine = &f->engine;
		f->shards[i]->index = i;
		f->shards[i]->loop = loop_new(&clock);
		list_init(&f->shards[i]->sas.all);
	}
	struct control_host host = host_of(f);
	CU_ASSERT_FATAL(control_new(&f->control, f->loop, &host, path) == 0);
	if (!path)
		f->fd = connect_pair(f);
}

static inline void fixture_close(struct fixture *f)
{
	if (f->fd >= 0)
		close(f->fd);
	control_free(f->control);
	for (unsigned i = 0; i < SHARDS; i++) {
		loop_free(f->shards[i]->loop);
		free(f->shards[i]);
	}
	loop_free(f->loop);
	bus_free(f->bus);
	log_free(f->log);
	free(f->reply);
}

/* Takes in what the front end was told; false once the server has hung up. */
static inline bool read_reply(struct fixture *f)
{
	ssize_t got;

	while ((got = recv(f->fd, f->reply + f->used, REPLY_MAX - 1 - f->used, MSG_DONTWAIT)) > 0)
		f->used += (size_t)got;
	f->reply[f->used] = '\0';
	return got < 0 && errno != ECONNRESET;
}

static inline void say(struct fixture *f, const char *text)
{
	f->used = 0;
	CU_ASSERT(send(f->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
	pump(f);
	(void)read_reply(f);
}

static inline bool told(const struct fixture *f, const char *text)
{
	return strstr(f->reply, text) != NULL;
}

static inline bool done_well(const struct fixture *f)
{
	return told(f, "{\"done\":true,\"status\":0}\n");
}

#endif
