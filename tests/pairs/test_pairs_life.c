/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_life.c - tunnels that stay up: thousands of renewals of both phases on a lossy wire, many begun by both ends at once, and
 * traffic all the while, none of which may come to an end that cannot receive it.
 */
#include <malloc.h>

#include "kin.h"
#include "liveness.h"
#include "plain.h"
#include "weather.h"

enum {
	PROBE_MS = 50, STEP_MS = 25,
	COLLIDE_IN_100 = 30,
	SECONDS_MAX = 100,
};

static const struct words short_child = { .child = { "lifetime=\"30s\"", "lifetime=\"30s\"" } };
static const struct words short_lives = { .phase1 = { "lifetime=\"150s\"", "lifetime=\"150s\"" }, .child = { "lifetime=\"30s\"", "lifetime=\"30s\"" } };

/* ---- what is there ---- */

struct view {
	size_t current, others, exchanges, established;
	struct child *child;
	struct ike_sa *sa;
};

static struct view look(const struct side *side)
{
	struct view view = { .current = 0 };

	EACH_SA(it, side) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		LIST_EACH(jt, &sa->exchanges)
			view.exchanges++;
		if (sa->state != SA_ESTABLISHED)
			continue;
		view.established++;
		view.sa = kin_best(sa);
		LIST_EACH(kt, &sa->children) {
			struct child *child = CONTAINER(kt, struct child, in_sa);
			if (child->stage != CHILD_CURRENT) {
				view.others++;
				continue;
			}
			view.current++;
			view.child = child;
		}
	}
	return view;
}

/* One pair, the same at both ends, and nothing besides in either kernel. */
static bool is_one_pair(const struct pair *pair)
{
	struct view left = look(&pair->side[LEFT]), right = look(&pair->side[RIGHT]);

	return left.current == 1 && right.current == 1 && left.others + right.others == 0 && left.child->spi_in == right.child->spi_out &&
	       left.child->spi_out == right.child->spi_in && pair->side[LEFT].kernel.count == 2 && pair->side[RIGHT].kernel.count == 2 &&
	       pair_keys_agree(pair);
}

/* Runs with traffic in both directions. */
static void run_with_traffic(struct pair *pair, uint64_t ms)
{
	for (uint64_t end = pair->now + ms; pair->now < end;) {
		if (pair->now % PROBE_MS == 0) {
			pair_probe(pair, LEFT);
			pair_probe(pair, RIGHT);
		}
		pair_run(pair, STEP_MS - pair->now % STEP_MS);
	}
}

/* ---- ten thousand renewals ---- */

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t in_use(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

static unsigned renewals(const struct pair *pair)
{
	return pair->side[LEFT].events[EVENT_CHILD_RENEWED];
}

static unsigned phases(const struct pair *pair)
{
	return pair->side[LEFT].events[EVENT_IKE_UP];
}

/* Both ends begin within a few milliseconds. */
static void collide(struct pair *pair, struct weather *weather)
{
	unsigned first = weather_draw(weather, 2);
	bool of_phase1 = weather_draw(weather, 4) == 0;

	for (unsigned i = 0; i < SIDES; i++) {
		struct view view = look(&pair->side[i ? !first : first]);
		if (of_phase1 && view.sa)
			(void)!shard_renew(view.sa, NULL);
		else if (view.child)
			child_renew(view.child);
		pair_run(pair, weather_draw(weather, 4));
	}
}

/* True when all is as it should be, `ms` after something was renewed. */
static bool settle(struct pair *pair)
{
	for (unsigned i = 0; i < 40; i++) {
		run_with_traffic(pair, 1000);
		if (is_one_pair(pair))
			return true;
	}
	return false;
}

static void many(unsigned want_children, unsigned want_phases, unsigned shards)
{
	struct weather weather = { .state = weather_seed(), .lose = 5, .delay = 5, .delay_ms = 30 };
	struct pair *pair = plain_with(&short_lives, shards);
	time_t end = time(NULL) + SECONDS_MAX;
	size_t before = 0, sas = 0;
	unsigned unsettled = 0, collisions = 0;

	pair->filter = weather_pass;
	pair->filter_arg = &weather;
	CU_ASSERT_FATAL(pair_up(pair, 60000));
	while ((renewals(pair) < want_children || phases(pair) < want_phases) && time(NULL) < end) {
		if (weather_draw(&weather, 100) < COLLIDE_IN_100) {
			collisions++;
			collide(pair, &weather);
		}
		run_with_traffic(pair, weather_draw(&weather, 15000));
		/* What went wrong stands at the end of PAIR_ECHO's output. */
		if (!settle(pair) || pair->side[LEFT].events[EVENT_CHILD_DOWN] + pair->side[RIGHT].events[EVENT_CHILD_DOWN]) {
			unsettled++;
			break;
		}
		if (renewals(pair) < want_children / 10)
			before = in_use();
		/* Beyond SAS_PER_PEER_MAX the oldest established one would be freed. */
		for (int i = 0; i < SIDES; i++) {
			size_t established = look(&pair->side[i]).established;
			sas = established > sas ? established : sas;
		}
	}
	printf("%u renewals of phase 2 and %u of phase 1 in %llu simulated s, %u times by both ends at once; %u packets lost, %u late\n",
	       renewals(pair), phases(pair), (unsigned long long)pair->now / 1000, collisions, weather.lost, weather.late);
	printf("%llu packets of traffic, %llu without an SA to send them, %llu that could not be received; at most %zu ISAKMP SAs; "
	       "%zu octets in use after a tenth, %zu at the end\n", (unsigned long long)pair->probes_sent,
	       (unsigned long long)pair->probes_held, (unsigned long long)pair->probes_lost, sas, before, in_use());
	CU_ASSERT_EQUAL(unsettled, 0);
	CU_ASSERT_EQUAL(pair->probes_held, 0);
	CU_ASSERT_EQUAL(pair->probes_lost, 0);
	CU_ASSERT_EQUAL(pair->side[LEFT].events[EVENT_CHILD_DOWN] + pair->side[RIGHT].events[EVENT_CHILD_DOWN], 0);
	CU_ASSERT(sas <= SAS_PER_PEER_MAX);
	CU_ASSERT(renewals(pair) >= want_children / 10 && in_use() < before + 100000);
	pair_free(pair);
}

static void thousands(void)
{
	const char *children = getenv("LIFE_RENEWALS");

	many(children ? (unsigned)atoi(children) : 10000, children ? (unsigned)atoi(children) / 5 : 2000, 1);
}

/* An SA that takes over is as often on another shard as on the same one. */
static void over_shards(void)
{
	many(2000, 400, 3);
}

/* ---- a responder renews towards a peer behind a NAT ---- */

enum { NAT_SHIFT = 40000 };

/* A NAT in front of LEFT, which keeps its address, and lets in only what is sent to where LEFT's own packets come from. */
static unsigned nat_pass(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)pair;
	(void)arg;
	if (packet->to == RIGHT) {
		packet->from.port += NAT_SHIFT;
		return 1;
	}
	if (packet->dest.port < NAT_SHIFT)
		return 0;
	packet->dest.port -= NAT_SHIFT;
	return 1;
}

static void responder_and_nat(void)
{
	struct pair *pair = plain_with(&short_child, 1);
	const struct side *right = &pair->side[RIGHT];

	pair->filter = nat_pass;
	CU_ASSERT_FATAL(pair_up(pair, 60000));
	struct ike_sa *sa = look(right).sa;
	CU_ASSERT_FATAL(sa != NULL);
	CU_ASSERT(sa->role == RESPONDER && sa->remote_nat && sa->remote.port > NAT_SHIFT);
	CU_ASSERT_EQUAL(timer_set(loop_timers(right->loop), &sa->renewal, pair->now + 1000), 0);
	run_with_traffic(pair, 60000);
	sa = look(right).sa;
	CU_ASSERT_FATAL(sa != NULL);
	CU_ASSERT(sa->role == INITIATOR && sa->remote.port > NAT_SHIFT);
	CU_ASSERT_EQUAL(side_sas(right), 1);
	CU_ASSERT_EQUAL(pair->probes_held + pair->probes_lost, 0);
	CU_ASSERT_EQUAL(pair->side[LEFT].events[EVENT_CHILD_DOWN] + right->events[EVENT_CHILD_DOWN], 0);
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "a responder renews phase 1 through a NAT in front of the initiator", responder_and_nat },
	{ "SAs and their children pass from shard to shard without a packet lost", over_shards },
	{ "10,000 renewals of phase 2 and 2,000 of phase 1 lose no packet and leave one pair each time", thousands },
};

UNIT_MAIN("pairs-life", cases)
