/* SPDX-License-Identifier: MIT */
/*
 * intents.c - follows the events of connections with `keep` and starts them (again). It never asks what a shard has: the
 * shard is told to bring a child up, and does nothing when it is.
 */
#include "intents.h"

#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "child.h"
#include "events.h"
#include "follow.h"
#include "map.h"

/* A child that somebody keeps. */
struct intent {
	UT_hash_handle hh;                       /* by id                                          */
	struct list in_group;
	struct intents *intents;
	uint32_t id;
	const struct connection_settings *connection;
	const struct child_settings *child;
	bool is_unwanted;                        /* taken down by hand                             */
	bool has_policy;
	uint64_t delay;                          /* ms before the next attempt                     */
	uint64_t asked_at;                       /* for an acquire                                 */
	struct timer timer;
};

/* All of one connection, by its name as events cut it. */
struct group {
	UT_hash_handle hh;
	char name[EVENT_NAME_MAX];
	struct list members;
};

struct intents {
	struct engine *engine;
	struct loop *loop;
	struct settings *settings;               /* all pointers above borrow from it              */
	struct intent *by_id;
	struct group *groups;
	struct subscription *subscription;
};

/* Something to be done by a shard; frees itself. */
struct order {
	struct ask ask;
	char connection[128], child[128];        /* child "": all                                  */
};

/* ---- orders to shards ---- */

static void order_done(struct ask *ask)
{
	free(CONTAINER(ask, struct order, ask));
}

static void order_up(struct ask *ask)
{
	const struct order *order = CONTAINER(ask, struct order, ask);

	/* A failure is published too, and that event brings us back. */
	if (shard_up(ask->shard, order->connection, order->child) < 0)
		log_debug(ask->shard->engine->log, "connection %s could not be started", order->connection);
}

static void order_down(struct ask *ask)
{
	const struct order *order = CONTAINER(ask, struct order, ask);

	(void)shard_down(ask->shard, order->connection, order->child[0] ? order->child : NULL);
}

static void order_change(struct ask *ask)
{
	const struct order *order = CONTAINER(ask, struct order, ask);

	shard_change(ask->shard, order->connection, order->child[0] ? order->child : NULL);
}

static void order_follow(struct ask *ask)
{
	follow_network(ask->shard);
}

static void give_order(struct intents *intents, struct shard *shard, void (*work)(struct ask *ask), const char *connection,
		       const char *child)
{
	struct order *order = calloc(1, sizeof(*order));

	if (!order) {
		log_error(intents->engine->log, "no memory to start or end connection %s", connection);
		return;
	}
	order->ask.work = work;
	order->ask.done = order_done;
	snprintf(order->connection, sizeof(order->connection), "%s", connection);
	snprintf(order->child, sizeof(order->child), "%s", child);
	ask_shard(&order->ask, shard, intents->loop);
}

static void order_all(struct intents *intents, void (*work)(struct ask *ask), const char *connection, const char *child)
{
	for (unsigned i = 0; i < intents->engine->shard_count; i++)
		give_order(intents, intents->engine->shards[i], work, connection, child);
}

/* ---- keeping up ---- */

static void start_now(struct intent *intent)
{
	struct intents *intents = intent->intents;

	intent->asked_at = loop_now(intents->loop);
	timer_stop(loop_timers(intents->loop), &intent->timer);
	give_order(intents, ask_shard_for(intents->engine, intent->connection->name), order_up, intent->connection->name,
		   intent->child->name);
}

static void time_to_try(struct timer *timer)
{
	start_now(CONTAINER(timer, struct intent, timer));
}

/* Between the whole delay and half as much again. */
static uint64_t with_spread(const struct intents *intents, uint64_t delay)
{
	uint32_t random = 0;

	if (crypto_random(intents->engine->crypto, &random, sizeof(random)) != 0)
		return delay;
	return delay + random % (delay / 2 + 1);
}

static void try_later(struct intent *intent)
{
	struct intents *intents = intent->intents;
	struct loop *loop = intents->loop;

	if (intent->connection->keep != KEEP_UP || intent->is_unwanted || timer_is_set(&intent->timer))
		return;
	if (timer_set(loop_timers(loop), &intent->timer, loop_now(loop) + with_spread(intents, intent->delay)) != 0)
		log_error(intents->engine->log, "no memory to start connection %s again", intent->connection->name);
}

static void take_event_for(struct intent *intent, const struct event_sa *event)
{
	switch (event->head.type) {
	case EVENT_CHILD_UP:
		intent->delay = INTENT_RETRY_MS;
		timer_stop(loop_timers(intent->intents->loop), &intent->timer);
		break;
	case EVENT_CHILD_DOWN:
	case EVENT_IKE_DOWN:
		/* Perhaps of an SA that another has replaced; then the shard finds nothing to do. */
		try_later(intent);
		break;
	case EVENT_FAILURE:
		if (!event->final)
			return;
		try_later(intent);
		intent->delay = intent->delay * 2 < INTENT_RETRY_MAX_MS ? intent->delay * 2 : INTENT_RETRY_MAX_MS;
		break;
	default:
		return;
	}
	intent->asked_at = 0;
}

static void take_event(const struct event *event, void *arg)
{
	struct intents *intents = arg;
	const struct event_sa *about = (const struct event_sa *)(const void *)event;
	struct group *group;

	if (event->type == EVENT_LOST) {
		for (struct intent *intent = intents->by_id; intent; intent = intent->hh.next)
			try_later(intent);
		return;
	}
	if (event->size != sizeof(*about))
		return;
	HASH_FIND_STR(intents->groups, about->connection, group);
	if (!group)
		return;
	LIST_EACH(it, &group->members) {
		struct intent *intent = CONTAINER(it, struct intent, in_group);

		if (!about->child[0] || strncmp(about->child, intent->child->name, EVENT_NAME_MAX - 1) == 0)
			take_event_for(intent, about);
	}
}

void intents_set_wanted(struct intents *intents, const char *connection, const char *child, bool wanted)
{
	for (struct intent *intent = intents->by_id; intent; intent = intent->hh.next) {
		if (strcmp(intent->connection->name, connection) != 0 || (child && strcmp(intent->child->name, child) != 0))
			continue;
		intent->is_unwanted = !wanted;
		intent->delay = INTENT_RETRY_MS;
		timer_stop(loop_timers(intents->loop), &intent->timer);
	}
}

void intents_acquire(struct intents *intents, uint32_t child)
{
	struct intent *intent;

	HASH_FIND(hh, intents->by_id, &child, sizeof(child), intent);
	if (!intent || intent->is_unwanted)
		return;
	/* Each packet asks, until there is an SA or a failure. */
	if (intent->asked_at && loop_now(intents->loop) - intent->asked_at < INTENT_ACQUIRE_MS)
		return;
	start_now(intent);
}

/* ---- policies ---- */

static struct address single_remote(const struct connection_settings *c)
{
	struct address none = { 0 }, remote = { .family = c->remote.family };
	size_t len = address_len(c->remote.family);

	if (c->remote_host || !address_range_is_host(&c->remote))
		return none;
	memcpy(remote.ip, c->remote.first, len);
	remote.port = c->remote_port;
	return remote;
}

/* False: what it protects is not known before somebody is connected. */
static bool policy_of(const struct intent *intent, struct ipsec_policy *out)
{
	const struct connection_settings *c = intent->connection;
	const struct child_settings *child = intent->child;
	struct address remote = single_remote(c), local = c->local;

	if (local.family == 0 && remote.family)
		(void)!engine_find_source(intent->intents->engine, &remote, &local);
	if ((child->remote_is_host && !remote.family) || (child->local_is_host && !local.family))
		return false;
	*out = (struct ipsec_policy){
		.child = intent->id, .transport = child->transport, .is_ah = child->is_ah, .compress = child->compress,
		.local_ts = child->local, .remote_ts = child->remote,
		.local = local, .remote = remote, .want_acquire = c->keep == KEEP_ON_DEMAND,
		.mtu = child->mtu, .options = child->options,
	};
	if (child->local_is_host)
		out->local_ts = selector_of_host(&local);
	if (child->remote_is_host)
		out->remote_ts = selector_of_host(&remote);
	return true;
}

static void add_policy(struct intent *intent)
{
	const struct provider *kernel = intent->intents->engine->kernel;
	struct ipsec_policy policy;

	if (!kernel)
		return;
	if (!policy_of(intent, &policy)) {
		log_info(intent->intents->engine->log,
			 "connection %s, child %s: packets are not held back before it is up for the first time, because the addresses of "
			 "its ends are not known yet", intent->connection->name, intent->child->name);
		return;
	}
	/* The kernel service has said why not. */
	intent->has_policy = ((const struct kernel_ipsec *)kernel->ops)->policy_add(kernel->state, &policy) == 0;
}

static void delete_policy(struct intent *intent)
{
	const struct provider *kernel = intent->intents->engine->kernel;

	/* Also without `has_policy`: a child that was up has installed one of the same id. */
	if (kernel)
		(void)((const struct kernel_ipsec *)kernel->ops)->policy_delete(kernel->state, intent->id);
	intent->has_policy = false;
}

/* ---- the network ---- */

/* What waits for its next attempt need not wait any more; a drawn part keeps all from beginning in one moment. */
static void hurry(struct intent *intent)
{
	struct intents *intents = intent->intents;
	struct timers *timers = loop_timers(intents->loop);

	intent->delay = INTENT_RETRY_MS;
	intent->asked_at = 0;
	if (timer_is_set(&intent->timer) &&
	    timer_set(timers, &intent->timer, loop_now(intents->loop) + with_spread(intents, INTENT_HURRY_MS)) != 0)
		log_error(intents->engine->log, "no memory to start connection %s again", intent->connection->name);
}

void intents_network_changed(struct intents *intents)
{
	order_all(intents, order_follow, "", "");
	for (struct intent *intent = intents->by_id; intent; intent = intent->hh.next) {
		/* What it protects, or from where, may go by an address that is another now. */
		if (!intent->connection->local.family)
			add_policy(intent);
		hurry(intent);
	}
}

/* ---- a new configuration ---- */

static struct group *find_group(struct intents *intents, const char *connection)
{
	char name[EVENT_NAME_MAX];
	struct group *group;

	snprintf(name, sizeof(name), "%s", connection);
	HASH_FIND_STR(intents->groups, name, group);
	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	memcpy(group->name, name, sizeof(name));
	list_init(&group->members);
	HASH_ADD_STR(intents->groups, name, group);
	if (!group->hh.tbl) {
		free(group);
		return NULL;
	}
	return group;
}

static int add_intent(struct intents *intents, const struct connection_settings *c, const struct child_settings *child)
{
	struct group *group = find_group(intents, c->name);
	struct intent *intent = calloc(1, sizeof(*intent)), *same;

	if (!group || !intent) {
		free(intent);
		return FAULT_MEMORY;
	}
	*intent = (struct intent){ .intents = intents, .id = child_id(c, child), .connection = c, .child = child,
				   .delay = INTENT_RETRY_MS, .timer.run = time_to_try };
	HASH_FIND(hh, intents->by_id, &intent->id, sizeof(intent->id), same);
	if (same) {
		/* One in 2^32 for each pair of children; then one of them has to be named otherwise. */
		log_error(intents->engine->log, "child %s of connection %s and child %s of %s have the same number; rename one of them",
			  child->name, c->name, same->child->name, same->connection->name);
		free(intent);
		return FAULT_EXISTS;
	}
	HASH_ADD(hh, intents->by_id, id, sizeof(intent->id), intent);
	if (!intent->hh.tbl) {
		free(intent);
		return FAULT_MEMORY;
	}
	list_append(&group->members, &intent->in_group);
	return 0;
}

static void clear(struct intents *intents)
{
	struct intent *intent, *next_intent;
	struct group *group, *next_group;

	HASH_ITER(hh, intents->by_id, intent, next_intent) {
		HASH_DELETE(hh, intents->by_id, intent);
		timer_stop(loop_timers(intents->loop), &intent->timer);
		free(intent);
	}
	HASH_ITER(hh, intents->groups, group, next_group) {
		HASH_DELETE(hh, intents->groups, group);
		free(group);
	}
	settings_unref(intents->settings);
	intents->settings = NULL;
}

static int fill(struct intents *intents, struct settings *settings)
{
	intents->settings = settings_ref(settings);
	for (size_t i = 0; i < settings_connection_count(settings); i++) {
		const struct connection_settings *c = settings_connection_at(settings, i);

		for (size_t k = 0; c->keep != KEEP_PASSIVE && k < c->child_count; k++) {
			int fault = add_intent(intents, c, &c->children[k]);

			if (fault)
				return fault;
		}
	}
	return 0;
}

static const struct child_settings *child_named(const struct connection_settings *c, const char *name)
{
	for (size_t i = 0; i < c->child_count; i++)
		if (strcmp(c->children[i].name, name) == 0)
			return &c->children[i];
	return NULL;
}

/* SAs of what is gone end, of what means something else now are negotiated anew. What is the same is not touched. */
static void end_changed(struct intents *intents, const struct settings *old, const struct settings *new)
{
	for (size_t i = 0; i < settings_connection_count(old); i++) {
		const struct connection_settings *was = settings_connection_at(old, i);
		const struct connection_settings *is = settings_connection(new, was->name);

		if (!is || !connection_settings_same(was, is)) {
			order_all(intents, is ? order_change : order_down, was->name, "");
			continue;
		}
		for (size_t k = 0; k < was->child_count; k++) {
			const struct child_settings *child = child_named(is, was->children[k].name);

			if (!child || !child_settings_same(&was->children[k], child))
				order_all(intents, child ? order_change : order_down, was->name, was->children[k].name);
		}
	}
}

static struct intent *find_same(struct intents *among, const struct intent *intent)
{
	struct intent *same;

	HASH_FIND(hh, among->by_id, &intent->id, sizeof(intent->id), same);
	return same;
}

/* Those that stay as they were keep what they had. */
static void move_over(struct intents *old, struct intents *new)
{
	for (struct intent *was = old->by_id; was; was = was->hh.next) {
		struct intent *is = find_same(new, was);

		if (!is)
			continue;
		is->is_unwanted = was->is_unwanted;
		is->has_policy = was->has_policy && connection_settings_same(was->connection, is->connection) &&
				 child_settings_same(was->child, is->child);
	}
}

int intents_apply(struct intents *intents, struct settings *settings)
{
	struct intents next = { .engine = intents->engine, .loop = intents->loop };
	struct intents old = *intents;
	int fault = fill(&next, settings);

	if (fault) {
		clear(&next);
		return fault;
	}
	if (old.settings)
		end_changed(intents, old.settings, settings);
	move_over(&old, &next);
	next.subscription = old.subscription;
	*intents = next;
	for (struct intent *intent = intents->by_id; intent; intent = intent->hh.next) {
		intent->intents = intents;
		if (!intent->has_policy)
			add_policy(intent);
	}
	/* After that: one that only has another name now is held back all the time. */
	for (struct intent *was = old.by_id; was; was = was->hh.next)
		if (!find_same(intents, was))
			delete_policy(was);
	/* The heap of timers holds addresses of the old ones. */
	old.subscription = NULL;
	clear(&old);
	for (struct intent *intent = intents->by_id; intent; intent = intent->hh.next)
		if (intent->connection->keep == KEEP_UP && !intent->is_unwanted)
			start_now(intent);
	return 0;
}

struct intents *intents_new(struct engine *engine, struct loop *loop)
{
	uint64_t wants = EVENT_BIT(EVENT_IKE_DOWN) | EVENT_BIT(EVENT_CHILD_UP) | EVENT_BIT(EVENT_CHILD_DOWN) | EVENT_BIT(EVENT_FAILURE);
	struct intents *intents = calloc(1, sizeof(*intents));

	if (!intents)
		return NULL;
	intents->engine = engine;
	intents->loop = loop;
	intents->subscription = bus_subscribe(engine->bus, loop, wants, take_event, intents);
	if (!intents->subscription) {
		free(intents);
		return NULL;
	}
	return intents;
}

void intents_free(struct intents *intents)
{
	if (!intents)
		return;
	bus_unsubscribe(intents->engine->bus, intents->subscription);
	clear(intents);
	free(intents);
}
