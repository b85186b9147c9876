/* SPDX-License-Identifier: MIT */
/* test_intents.c - what `keep` does, over two shards and a kernel service that only write down what they are told. */
#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "events.h"
#include "follow.h"
#include "intents.h"
#include "peers.h"
#include "unit.h"

enum { SHARDS = 2 };

/* ---- fakes ---- */

/* A version of the configuration. */
struct settings {
	const struct connection_settings *connections;
	size_t count;
	int refs;
};

static char done[4096];            /* "up office/lan; " and so on, in order */
static uint64_t now_ms;

static void note(const char *what, const char *a, const char *b)
{
	size_t used = strlen(done);

	snprintf(done + used, sizeof(done) - used, "%s %s%s%s; ", what, a, b ? "/" : "", b ? b : "");
}

struct settings *settings_ref(struct settings *s)
{
	s->refs++;
	return s;
}

void settings_unref(struct settings *s)
{
	if (s)
		s->refs--;
}

size_t settings_connection_count(const struct settings *s)
{
	return s->count;
}

const struct connection_settings *settings_connection_at(const struct settings *s, size_t i)
{
	return &s->connections[i];
}

const struct connection_settings *settings_connection(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->connections[i].name, name) == 0)
			return &s->connections[i];
	return NULL;
}

bool connection_settings_same(const struct connection_settings *a, const struct connection_settings *b)
{
	return a->lifetime == b->lifetime;
}

bool child_settings_same(const struct child_settings *a, const struct child_settings *b)
{
	return a->lifetime.seconds == b->lifetime.seconds;
}

uint32_t child_id(const struct connection_settings *c, const struct child_settings *child)
{
	return (uint32_t)(c->name[0] << 8 | child->name[0]);
}

int crypto_random(const struct crypto *crypto, void *out, size_t len)
{
	(void)crypto;
	memset(out, 0, len);
	return 0;
}

int shard_up(struct shard *shard, const char *connection, const char *child)
{
	(void)shard;
	note("up", connection, child);
	return 0;
}

size_t shard_down(struct shard *shard, const char *connection, const char *child)
{
	if (shard->index == 0)
		note("down", connection, child);
	return 1;
}

void shard_change(struct shard *shard, const char *connection, const char *child)
{
	if (shard->index == 0)
		note("change", connection, child);
}

void follow_network(struct shard *shard)
{
	if (shard->index == 0)
		note("follow", "", NULL);
}

static int loopback(void *state, const struct address *remote, struct address *out)
{
	(void)state;
	(void)remote;
	return address_parse(out, "127.0.0.1");
}

int peers_shard_of(struct peers *peers, const char *connection)
{
	(void)peers;
	(void)connection;
	return -1;
}

static int policy_add(void *state, const struct ipsec_policy *policy)
{
	char remote[SELECTOR_TEXT_MAX];

	(void)state;
	note(policy->want_acquire ? "hold-and-ask" : "hold", selector_text(remote, &policy->remote_ts), NULL);
	return 0;
}

static int policy_delete(void *state, uint32_t child)
{
	char text[2] = { (char)(child >> 8), '\0' };

	(void)state;
	note("release", text, NULL);
	return 0;
}

static uint64_t test_now(void *arg)
{
	(void)arg;
	return now_ms;
}

/* ---- the fixture ---- */

struct fixture {
	struct log *log;
	struct loop *loop;
	struct engine engine;
	struct shard shards[SHARDS];
	struct shard *shard_list[SHARDS];
	struct kernel_ipsec kernel;
	struct provider provider;
	struct intents *intents;
};

static void fixture_open(struct fixture *f)
{
	static const struct clock clock = { test_now, NULL };
	struct log_options options = { .level = LEVEL_DEBUG, .fd = -1 };

	*f = (struct fixture){ .log = log_new(&options), .loop = loop_new(&clock) };
	now_ms = 1000;
	done[0] = '\0';
	f->engine.log = log_root(f->log);
	f->engine.bus = bus_new();
	f->engine.shards = f->shard_list;
	f->engine.shard_count = SHARDS;
	f->kernel = (struct kernel_ipsec){ .policy_add = policy_add, .policy_delete = policy_delete };
	f->provider = (struct provider){ .ops = &f->kernel };
	f->engine.kernel = &f->provider;
	f->engine.transport.source = loopback;
	for (unsigned i = 0; i < SHARDS; i++) {
		f->shard_list[i] = &f->shards[i];
		f->shards[i].engine = &f->engine;
		f->shards[i].index = i;
		f->shards[i].loop = loop_new(&clock);
		list_init(&f->shards[i].sas.all);
	}
	f->intents = intents_new(&f->engine, f->loop);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->intents);
}

static void fixture_close(struct fixture *f)
{
	intents_free(f->intents);
	for (unsigned i = 0; i < SHARDS; i++)
		loop_free(f->shards[i].loop);
	loop_free(f->loop);
	bus_free(f->engine.bus);
	log_free(f->log);
}

static void pump(struct fixture *f)
{
	size_t ran;

	do {
		ran = loop_turn(f->loop);
		for (unsigned i = 0; i < SHARDS; i++)
			ran += loop_turn(f->shards[i].loop);
	} while (ran > 0);
}

/* What has been done since the last call. */
static const char *what_happened(struct fixture *f)
{
	static char seen[sizeof(done)];

	pump(f);
	memcpy(seen, done, sizeof(seen));
	done[0] = '\0';
	return seen;
}

static const char *after(struct fixture *f, uint64_t ms)
{
	now_ms += ms;
	return what_happened(f);
}

static void publish(struct fixture *f, unsigned type, const char *child, bool final)
{
	struct event_sa event = { .head = { type, sizeof(event) }, .connection = "office", .final = final };

	snprintf(event.child, sizeof(event.child), "%s", child);
	bus_publish(f->engine.bus, &event.head);
	pump(f);
}

static struct child_settings make_child(const char *name, const char *remote)
{
	struct child_settings child = { .name = name };

	CU_ASSERT(selector_parse(&child.local, "10.1.0.0/16") == 0);
	CU_ASSERT(selector_parse(&child.remote, remote) == 0);
	return child;
}

static struct connection_settings make_connection(const char *name, enum keep keep, struct child_settings *children, size_t count)
{
	struct connection_settings c = { .name = name, .keep = keep, .children = children, .child_count = count };

	CU_ASSERT(address_range_parse(&c.remote, "127.0.0.1") == 0);
	return c;
}

/* ---- cases ---- */

static void each_keep_is_heeded(void)
{
	struct fixture f;
	struct child_settings a = make_child("lan", "10.2.0.0/16"), b = make_child("lan", "10.3.0.0/16"), c = make_child("lan", "10.4.0.0/16");
	struct connection_settings all[] = {
		make_connection("office", KEEP_UP, &a, 1), make_connection("demand", KEEP_ON_DEMAND, &b, 1),
		make_connection("passive", KEEP_PASSIVE, &c, 1),
	};
	struct settings settings = { all, COUNT(all), 0 };

	fixture_open(&f);
	CU_ASSERT(intents_apply(f.intents, &settings) == 0);
	CU_ASSERT_STRING_EQUAL(what_happened(&f), "hold 10.2.0.0/16; hold-and-ask 10.3.0.0/16; up office/lan; ");
	fixture_close(&f);
	CU_ASSERT(settings.refs == 0);
}

static void hosts_are_filled_in(void)
{
	struct fixture f;
	struct child_settings child = { .name = "host", .local_is_host = true, .remote_is_host = true };
	struct connection_settings all[] = { make_connection("office", KEEP_ON_DEMAND, &child, 1), make_connection("named", KEEP_ON_DEMAND, &child, 1) };
	struct settings settings = { all, COUNT(all), 0 };

	fixture_open(&f);
	all[1].remote_host = "gw.example";
	CU_ASSERT(intents_apply(f.intents, &settings) == 0);
	CU_ASSERT_STRING_EQUAL(what_happened(&f), "hold-and-ask 127.0.0.1; ");
	fixture_close(&f);
}

static void failures_are_retried_more_and_more_slowly(void)
{
	struct fixture f;
	struct child_settings child = make_child("lan", "10.2.0.0/16");
	struct connection_settings office = make_connection("office", KEEP_UP, &child, 1);
	struct settings settings = { &office, 1, 0 };
	uint64_t delay = INTENT_RETRY_MS;

	fixture_open(&f);
	CU_ASSERT(intents_apply(f.intents, &settings) == 0);
	(void)what_happened(&f);
	publish(&f, EVENT_FAILURE, "", false);
	CU_ASSERT_STRING_EQUAL(after(&f, INTENT_RETRY_MAX_MS), "");
	for (int i = 0; i < 10; i++) {
		publish(&f, EVENT_FAILURE, "", true);
		CU_ASSERT_STRING_EQUAL(after(&f, delay - 1), "");
		CU_ASSERT_STRING_EQUAL(after(&f, 1), "up office/lan; ");
		delay = delay * 2 < INTENT_RETRY_MAX_MS ? delay * 2 : INTENT_RETRY_MAX_MS;
	}
	publish(&f, EVENT_CHILD_UP, "lan", false);
	publish(&f, EVENT_CHILD_DOWN, "lan", false);
	CU_ASSERT_STRING_EQUAL(after(&f, INTENT_RETRY_MS), "up office/lan; ");
	fixture_close(&f);
}

static void unwanted_stays_down(void)
{
	struct fixture f;
	struct child_settings two[] = { make_child("lan", "10.2.0.0/16"), make_child("voice", "10.3.0.0/16") };
	struct connection_settings office = make_connection("office", KEEP_UP, two, 2);
	struct settings settings = { &office, 1, 0 };

	fixture_open(&f);
	CU_ASSERT(intents_apply(f.intents, &settings) == 0);
	(void)what_happened(&f);
	intents_set_wanted(f.intents, "office", "voice", false);
	publish(&f, EVENT_IKE_DOWN, "", false);
	CU_ASSERT_STRING_EQUAL(after(&f, INTENT_RETRY_MAX_MS), "up office/lan; ");
	intents_set_wanted(f.intents, "office", NULL, false);
	publish(&f, EVENT_IKE_DOWN, "", false);
	CU_ASSERT_STRING_EQUAL(after(&f, INTENT_RETRY_MAX_MS), "");
	/* A reload does not want it either. */
	CU_ASSERT(intents_apply(f.intents, &settings) == 0);
	CU_ASSERT_STRING_EQUAL(what_happened(&f), "");
	intents_set_wanted(f.intents, "office", NULL, true);
	publish(&f, EVENT_IKE_DOWN, "", false);
	CU_ASSERT_STRING_EQUAL(after(&f, INTENT_RETRY_MAX_MS), "up office/lan; up office/voice; ");
	fixture_close(&f);
}

static void packets_start_what_is_on_demand(void)
{
	struct fixture f;
	struct child_settings child = make_child("lan", "10.2.0.0/16");
	struct connection_settings office = make_connection("office", KEEP_ON_DEMAND, &child, 1);
	struct settings settings = { &office, 1, 0 };
	uint32_t id = child_id(&office, &child);

	fixture_open(&f);
	CU_ASSERT(intents_apply(f.intents, &settings) == 0);
	(void)what_happened(&f);
	intents_acquire(f.intents, id + 1);
	CU_ASSERT_STRING_EQUAL(what_happened(&f), "");
	intents_acquire(f.intents, id);
	intents_acquire(f.intents, id);
	CU_ASSERT_STRING_EQUAL(what_happened(&f), "up office/lan; ");
	publish(&f, EVENT_FAILURE, "", true);
	CU_ASSERT_STRING_EQUAL(after(&f, INTENT_RETRY_MAX_MS), "");
	intents_acquire(f.intents, id);
	CU_ASSERT_STRING_EQUAL(what_happened(&f), "up office/lan; ");
	fixture_close(&f);
}

static void reload_touches_what_changed(void)
{
	struct fixture f;
	struct child_settings one = make_child("lan", "10.2.0.0/16"), two = make_child("lan", "10.3.0.0/16"), three = make_child("lan", "10.4.0.0/16");
	struct connection_settings before[] = {
		make_connection("a", KEEP_UP, &one, 1), make_connection("b", KEEP_UP, &two, 1), make_connection("c", KEEP_UP, &three, 1),
	};
	struct child_settings two_new = two;
	struct connection_settings behind[] = { before[0], make_connection("b", KEEP_UP, &two_new, 1) };
	struct settings old = { before, COUNT(before), 0 }, new = { behind, COUNT(behind), 0 };

	fixture_open(&f);
	two_new.lifetime.seconds = 7;
	CU_ASSERT(intents_apply(f.intents, &old) == 0);
	(void)what_happened(&f);
	CU_ASSERT(intents_apply(f.intents, &new) == 0);
	/* Of `a`, which is the same, nothing but that it is to be up. */
	const char *did = what_happened(&f);
	CU_ASSERT(strstr(did, "hold 10.3.0.0/16; release c; ") == did);
	CU_ASSERT_PTR_NOT_NULL(strstr(did, "change b/lan; "));
	CU_ASSERT_PTR_NOT_NULL(strstr(did, "down c; "));
	CU_ASSERT_PTR_NULL(strstr(did, "down a"));
	CU_ASSERT_PTR_NOT_NULL(strstr(did, "up a/lan; "));
	CU_ASSERT_PTR_NOT_NULL(strstr(did, "up b/lan; "));
	fixture_close(&f);
	CU_ASSERT(old.refs == 0 && new.refs == 0);
}

static void network_change_is_heeded(void)
{
	struct fixture f;
	struct child_settings lan = make_child("lan", "10.2.0.0/16");
	struct connection_settings office = make_connection("office", KEEP_UP, &lan, 1);
	struct settings settings = { &office, 1, 0 };

	fixture_open(&f);
	CU_ASSERT(intents_apply(f.intents, &settings) == 0);
	(void)what_happened(&f);
	for (int i = 0; i < 6; i++) {
		publish(&f, EVENT_FAILURE, "", true);
		(void)after(&f, INTENT_RETRY_MAX_MS);
	}
	publish(&f, EVENT_FAILURE, "", true);
	CU_ASSERT_STRING_EQUAL(after(&f, 2 * INTENT_HURRY_MS), "");
	intents_network_changed(f.intents);
	CU_ASSERT_STRING_EQUAL(after(&f, INTENT_HURRY_MS), "hold 10.2.0.0/16; follow ; up office/lan; ");
	fixture_close(&f);
}

static const struct unit_case cases[] = {
	{ "up is started, up and on-demand are held back, passive is left alone", each_keep_is_heeded },
	{ "selectors of hosts are filled in where the addresses are known", hosts_are_filled_in },
	{ "failures are retried for ever, but more and more slowly", failures_are_retried_more_and_more_slowly },
	{ "what was taken down by hand stays down", unwanted_stays_down },
	{ "a packet starts what is on-demand, once at a time", packets_start_what_is_on_demand },
	{ "a reload touches what has changed", reload_touches_what_changed },
	{ "when the network has changed SAs follow, and what waits is tried at once", network_change_is_heeded },
};

UNIT_MAIN("intents", cases)
