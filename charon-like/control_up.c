/* SPDX-License-Identifier: MIT */
/*
 * control_up.c - `up` and `down`. `up` waits until every child that was asked for is there, tells every event on the
 * way, and ends with the reason when an attempt failed for good.
 */
#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "control_private.h"

/* What people say goes before `keep`: what they took down stays down. */
static void set_wanted(const struct session *session, const char *connection, const char *child, bool wanted)
{
	const struct control_host *host = &session->control->host;

	if (host->set_wanted)
		host->set_wanted(host->arg, connection, child[0] ? child : NULL, wanted);
}

/* ---- up ---- */

struct wanted_child {
	char name[COMMAND_NAME_MAX];
	bool is_up;
};

struct up {
	struct request request;
	struct ask ask;
	char connection[COMMAND_NAME_MAX];
	char child[COMMAND_NAME_MAX];        /* "": all                                               */
	unsigned seconds;
	int fault;                           /* of shard_up()                                         */
	bool is_answered;                    /* the shard has begun                                   */
	bool had_sa;                         /* there was an SA, whose failures count whoever began it */
	bool is_phase1_up;
	bool is_busy;                        /* something was under way when the shard had begun      */
	char last[EVENT_CODE_MAX + EVENT_TEXT_MAX + 4];   /* the last failure, "" for none             */
	char trying[EVENT_TEXT_MAX];         /* what the last attempt says of itself                  */
	size_t count;
	struct wanted_child children[];
};

static void up_free(struct request *request)
{
	free(CONTAINER(request, struct up, request));
}

static struct up *up_new(const struct connection_settings *c, const char *child)
{
	struct up *up = calloc(1, sizeof(*up) + (c->child_count + 1) * sizeof(up->children[0]));

	if (!up)
		return NULL;
	snprintf(up->connection, sizeof(up->connection), "%s", c->name);
	snprintf(up->child, sizeof(up->child), "%s", child);
	for (size_t i = 0; i < c->child_count; i++)
		if (!child[0] || strcmp(child, c->children[i].name) == 0)
			snprintf(up->children[up->count++].name, COMMAND_NAME_MAX, "%s", c->children[i].name);
	return up;
}

/* Events cut names at their own length. */
static bool same_name(const char *name, const char *in_event)
{
	return strncmp(name, in_event, EVENT_NAME_MAX - 1) == 0;
}

static bool is_complete(const struct up *up)
{
	if (!up->is_answered)
		return false;
	for (size_t i = 0; i < up->count; i++)
		if (!up->children[i].is_up)
			return false;
	return up->count > 0 || up->is_phase1_up;
}

/* On the shard's thread. */
static void look_at_sa(struct up *up, const struct ike_sa *sa)
{
	if (!sa->connection || strcmp(sa->connection->name, up->connection) != 0)
		return;
	up->had_sa = true;
	up->is_busy |= sa->state == SA_CONNECTING || !list_empty(&sa->exchanges) || !list_empty(&sa->wanted);
	up->is_phase1_up |= sa->state == SA_ESTABLISHED;
	LIST_EACH(it, &sa->children) {
		const struct child *child = CONTAINER(it, struct child, in_sa);

		for (size_t i = 0; i < up->count; i++)
			if (child->has_inbound && child->has_outbound && strcmp(child->config->name, up->children[i].name) == 0)
				up->children[i].is_up = true;
	}
}

static void up_work(struct ask *ask)
{
	struct up *up = CONTAINER(ask, struct up, ask);

	up->fault = shard_up(ask->shard, up->connection, up->child[0] ? up->child : NULL);
	/* What is up already is told by no event; what comes up later by one that is behind this answer in the queue. */
	LIST_EACH(it, &ask->shard->sas.all)
		look_at_sa(up, CONTAINER(it, struct ike_sa, in_shard));
}

static void up_done(struct ask *ask)
{
	struct up *up = CONTAINER(ask, struct up, ask);

	if (!request_answered(&up->request))
		return;
	up->is_answered = true;
	if (!ask->worked)
		request_end(&up->request, "the daemon is ending");
	else if (up->fault && up->last[0])
		request_end(&up->request, up->last);
	else if (up->fault)
		request_end(&up->request, fault_text(up->fault));
	else if (is_complete(up)) {
		session_say(up->request.session, "%s%s%s is up already", up->connection, up->child[0] ? "/" : "", up->child);
		request_end(&up->request, NULL);
	}
	/* It failed before it could begin to wait for anything. */
	else if (!up->is_busy && up->last[0])
		request_end(&up->request, up->last);
}

static void say_event(struct session *session, const struct event_sa *event)
{
	const char *gap = event->text[0] ? ": " : "";

	switch (event->head.type) {
	case EVENT_TRYING:
		session_say(session, "trying %s%s%s", event->peer, gap, event->text);
		break;
	case EVENT_IKE_UP:
		session_say(session, "phase 1 is up with %s%s%s", event->peer, gap, event->text);
		break;
	case EVENT_IKE_DOWN:
		session_say(session, "phase 1 is down with %s%s%s", event->peer, gap, event->text);
		break;
	case EVENT_CHILD_UP:
		session_say(session, "child %s is up%s%s", event->child, gap, event->text);
		break;
	case EVENT_CHILD_DOWN:
		session_say(session, "child %s is down%s%s", event->child, gap, event->text);
		break;
	case EVENT_FAILURE:
		session_say(session, "%s%s%s%s%s", event->child, event->child[0] ? ": " : "", event->code, gap, event->text);
		break;
	default:
		break;
	}
}

static bool concerns(const struct up *up, const struct event_sa *event)
{
	if (!same_name(up->connection, event->connection))
		return false;
	return !event->child[0] || !up->child[0] || same_name(up->child, event->child);
}

/* May end the request. */
static void take_failure(struct up *up, const struct event_sa *event)
{
	snprintf(up->last, sizeof(up->last), "%s%s%s", event->code, event->text[0] ? ": " : "", event->text);
	/* Until the shard has answered it may still be about an attempt before ours: up_done() looks at that. */
	if (event->final && up->is_answered && (event->initiated || up->had_sa))
		request_end(&up->request, up->last);
}

static void up_event(struct request *request, const struct event_sa *event)
{
	struct up *up = CONTAINER(request, struct up, request);

	if (!concerns(up, event))
		return;
	say_event(request->session, event);
	if (event->head.type == EVENT_FAILURE) {
		take_failure(up, event);
		return;
	}
	if (event->head.type == EVENT_TRYING)
		memcpy(up->trying, event->text, sizeof(up->trying));
	up->is_phase1_up |= event->head.type == EVENT_IKE_UP;
	for (size_t i = 0; i < up->count; i++) {
		if (!event->child[0] || !same_name(up->children[i].name, event->child))
			continue;
		if (event->head.type == EVENT_CHILD_UP)
			up->children[i].is_up = true;
	}
	if (is_complete(up))
		request_end(request, NULL);
}

static void up_timeout(struct request *request)
{
	struct up *up = CONTAINER(request, struct up, request);
	const char *last = up->last[0] ? up->last : up->trying;
	char text[sizeof(up->last) + 64];

	snprintf(text, sizeof(text), "not up after %u second%s%s%s; the daemon goes on trying", up->seconds,
		 up->seconds == 1 ? "" : "s", last[0] ? ", last was " : "", last);
	request_end(request, text);
}

/* 0: it is malformed. */
static unsigned read_timeout(const json_t *all)
{
	const json_t *timeout = json_object_get(all, "timeout");
	json_int_t seconds = json_integer_value(timeout);

	if (!timeout)
		return CONTROL_WAIT_SECONDS;
	return seconds >= 1 && seconds <= CONTROL_WAIT_MAX ? (unsigned)seconds : 0;
}

void command_up(struct session *session, const char *const *arguments, const json_t *all)
{
	const struct engine *engine = session->control->host.engine;
	char name[COMMAND_NAME_MAX], child[COMMAND_NAME_MAX];
	unsigned seconds = read_timeout(all);

	if (!seconds) {
		session_done(session, "a timeout is 1 to 86400 seconds");
		return;
	}
	if (!split_name(session, arguments[0], name, child))
		return;
	const struct connection_settings *c = find_connection(session, name, child);
	struct up *up = c ? up_new(c, child) : NULL;
	if (!up) {
		if (c)
			session_done(session, fault_text(FAULT_MEMORY));
		return;
	}
	up->seconds = seconds;
	up->request.event = up_event;
	up->request.timeout = up_timeout;
	up->request.free = up_free;
	up->ask.work = up_work;
	up->ask.done = up_done;
	set_wanted(session, name, child, true);
	/* From here on no event is missed. */
	request_begin(&up->request, session);
	if (request_set_timeout(&up->request, seconds) != 0) {
		request_end(&up->request, fault_text(FAULT_MEMORY));
		return;
	}
	request_ask(&up->request, &up->ask, ask_shard_for(engine, name));
}

/* ---- down ---- */

struct down;

struct down_ask {
	struct ask ask;
	struct down *down;
	size_t count;
};

struct down {
	struct request request;
	char connection[COMMAND_NAME_MAX], child[COMMAND_NAME_MAX];
	unsigned left;
	size_t count;
	struct down_ask asks[];
};

static void down_free(struct request *request)
{
	free(CONTAINER(request, struct down, request));
}

static void down_work(struct ask *ask)
{
	struct down_ask *part = CONTAINER(ask, struct down_ask, ask);
	const struct down *down = part->down;

	part->count = shard_down(ask->shard, down->connection, down->child[0] ? down->child : NULL);
}

/* Why nothing was found: it is not up, or it is misspelt. */
static void end_of_nothing(struct down *down)
{
	const struct control_host *host = &down->request.session->control->host;
	const struct settings *settings = host->settings(host->arg);
	const struct connection_settings *c = settings ? settings_connection(settings, down->connection) : NULL;
	bool is_known = c && !down->child[0];
	char text[2 * COMMAND_NAME_MAX + 64];

	for (size_t i = 0; c && !is_known && i < c->child_count; i++)
		is_known = strcmp(c->children[i].name, down->child) == 0;
	if (is_known)
		snprintf(text, sizeof(text), "nothing of %s%s%s is up", down->connection, down->child[0] ? "/" : "", down->child);
	else if (c)
		snprintf(text, sizeof(text), "there is no child of %s \"%s\"", down->connection, down->child);
	else
		snprintf(text, sizeof(text), "there is no connection \"%s\"", down->connection);
	request_end(&down->request, text);
}

static void down_done(struct ask *ask)
{
	struct down_ask *part = CONTAINER(ask, struct down_ask, ask);
	struct down *down = part->down;

	if (!request_answered(&down->request))
		return;
	down->count += part->count;
	if (--down->left > 0)
		return;
	if (down->count == 0) {
		end_of_nothing(down);
		return;
	}
	session_say(down->request.session, "%zu SA%s deleted", down->count, down->count == 1 ? "" : "s");
	request_end(&down->request, NULL);
}

/* Also of connections that a reload has removed, so the name is not looked up in the settings. */
void command_down(struct session *session, const char *const *arguments, const json_t *all)
{
	const struct engine *engine = session->control->host.engine;
	struct down *down = calloc(1, sizeof(*down) + engine->shard_count * sizeof(down->asks[0]));

	(void)all;
	if (!down) {
		session_done(session, fault_text(FAULT_MEMORY));
		return;
	}
	if (!split_name(session, arguments[0], down->connection, down->child)) {
		free(down);
		return;
	}
	set_wanted(session, down->connection, down->child, false);
	down->request.free = down_free;
	down->left = engine->shard_count;
	request_begin(&down->request, session);
	for (unsigned i = 0; i < engine->shard_count; i++) {
		down->asks[i] = (struct down_ask){ { .work = down_work, .done = down_done }, down, 0 };
		request_ask(&down->request, &down->asks[i].ask, engine->shards[i]);
	}
}
