/* SPDX-License-Identifier: MIT */
/* test_pairs_renewals.c - renewals that have little time, or cross under two ISAKMP SAs. */
#include "kin.h"
#include "plain.h"

/* Both ends begin Quick Mode for one child, each under another ISAKMP SA; the first message to the left is late. */
static unsigned late_message1(struct pair *pair, struct wire_packet *packet, void *arg)
{
	uint64_t *late = arg;

	(void)pair;
	if (packet->to == LEFT && packet->data[18] == 32 && *late) {
		packet->due += *late;
		*late = 0;
	}
	return 1;
}

static int begin_under(struct side *side, struct ike_sa *sa)
{
	const struct provider *quick = services_find(side->engine.services, SERVICE_EXCHANGE, "1/32");

	return exchange_start(sa, quick->ops, &sa->connection->children[0]);
}

static struct ike_sa *by_cookies(struct side *side, const struct ike_sa *sa)
{
	EACH_SA(it, side) {
		struct ike_sa *other = CONTAINER(it, struct ike_sa, in_shard);
		if (memcmp(other->cookie, sa->cookie, sizeof(sa->cookie)) == 0)
			return other;
	}
	return NULL;
}

static void crossed_under_two(void)
{
	unsigned crossed = 0;

	for (unsigned i = 0; i < 200 && crossed < 20; i++) {
		struct pair *pair = plain_new(4);
		struct side *left = &pair->side[LEFT], *right = &pair->side[RIGHT];
		struct ike_sa *sas[2] = { NULL, NULL }, *older;
		uint64_t late = 700 + 40 * crossed;

		/* The left end has both SAs on one shard, the right one has not. */
		if (two_shards(pair, sas) && (older = by_cookies(left, sas[1]))->shard == by_cookies(left, sas[0])->shard) {
			crossed++;
			pair->filter = late_message1;
			pair->filter_arg = &late;
			CU_ASSERT_EQUAL(begin_under(right, sas[0]), 0);
			CU_ASSERT_EQUAL(begin_under(left, older), 0);
			runs_with_traffic(pair, 40000);
			CU_ASSERT_EQUAL(left->events[EVENT_CHILD_DOWN] + right->events[EVENT_CHILD_DOWN], 0);
			CU_ASSERT_EQUAL(side_children(left), 1);
			CU_ASSERT_EQUAL(side_children(right), 1);
			CU_ASSERT_EQUAL(pair->probes_held + pair->probes_lost, 0);
		}
		pair_free(pair);
	}
	CU_ASSERT_EQUAL(crossed, 20);
}

/* What one end began is lost until the other has renewed the child twice, under an ISAKMP SA on another shard of the first. */
struct lost_under {
	const uint8_t *cookies;
	uint64_t until;
};

static unsigned lose_under(struct pair *pair, struct wire_packet *packet, void *arg)
{
	const struct lost_under *lost = arg;

	return !(packet->to == LEFT && packet->data[18] == 32 && pair->now < lost->until && memcmp(packet->data, lost->cookies, 2 * COOKIE_SIZE) == 0);
}

static void overtaken_under_two(void)
{
	unsigned overtaken = 0;

	for (unsigned i = 0; i < 200 && overtaken < 20; i++) {
		struct pair *pair = plain_new(4);
		struct side *left = &pair->side[LEFT], *right = &pair->side[RIGHT];
		struct ike_sa *sas[2] = { NULL, NULL }, *older;

		if (two_shards(pair, sas) && (older = by_cookies(left, sas[1]))->shard == by_cookies(left, sas[0])->shard) {
			struct lost_under lost = { .cookies = sas[0]->cookie[0], .until = pair->now + 9500 };

			overtaken++;
			pair->filter = lose_under;
			pair->filter_arg = &lost;
			CU_ASSERT_EQUAL(begin_under(right, sas[0]), 0);
			CU_ASSERT_EQUAL(begin_under(left, older), 0);
			runs_with_traffic(pair, 1600);
			CU_ASSERT_EQUAL(begin_under(left, older), 0);
			runs_with_traffic(pair, 100000);
			CU_ASSERT_EQUAL(left->events[EVENT_CHILD_DOWN] + right->events[EVENT_CHILD_DOWN], 0);
			CU_ASSERT_EQUAL(side_children(left), 1);
			CU_ASSERT_EQUAL(side_children(right), 1);
			CU_ASSERT_EQUAL(pair->probes_held + pair->probes_lost, 0);
		}
		pair_free(pair);
	}
	CU_ASSERT_EQUAL(overtaken, 20);
}

/* The peer has deleted the ISAKMP SA that this end begins under, its Delete was lost, and it begins under the one that took over. */
static unsigned nothing(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)pair;
	(void)packet;
	(void)arg;
	return 0;
}

static void crossed_under_a_deleted_one(void)
{
	for (unsigned i = 0; i < 20; i++) {
		struct pair *pair = plain_new(1);
		struct side *left = &pair->side[LEFT], *right = &pair->side[RIGHT];

		CU_ASSERT_FATAL(pair_up(pair, 1000));
		pair_run(pair, 6000);
		struct ike_sa *deleted = side_find(right, "t");
		CU_ASSERT_EQUAL(shard_renew(side_find(left, "t"), NULL), 0);
		pair_run(pair, 1000);
		struct ike_sa *best = kin_best(deleted);
		CU_ASSERT_FATAL(best && best != deleted);
		pair->filter = nothing;
		sa_end(by_cookies(left, deleted), "as surplus", true);
		pair_run(pair, 10);
		pair->filter = NULL;
		CU_ASSERT_EQUAL(begin_under(right, deleted), 0);
		CU_ASSERT_EQUAL(begin_under(left, by_cookies(left, best)), 0);
		runs_with_traffic(pair, 100);
		CU_ASSERT_EQUAL(left->events[EVENT_CHILD_RENEWED], 1);
		CU_ASSERT_EQUAL(right->events[EVENT_CHILD_RENEWED], 1);
		runs_with_traffic(pair, 40000);
		CU_ASSERT_EQUAL(left->events[EVENT_CHILD_DOWN] + right->events[EVENT_CHILD_DOWN], 0);
		CU_ASSERT_EQUAL(pair->probes_held + pair->probes_lost, 0);
		pair_free(pair);
	}
}

/* The child's end comes nearer than it was agreed, at this end alone. */
static void end_soon(struct child *child, uint64_t ms)
{
	struct timers *timers = loop_timers(child->sa->shard->loop);

	CU_ASSERT_EQUAL(timer_set(timers, &child->expiry, loop_now(child->sa->shard->loop) + ms), 0);
}

/* No message 6 of phase 1 comes through. */
static unsigned no_message6(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)arg;
	return !(packet->to == LEFT && packet->data[18] == 2 && side_sas(&pair->side[RIGHT]) > 1);
}

/* Phase 1 is renewed, but the peer cannot know the new SA yet, when the child must be renewed, too. */
static void renewed_before_message6(void)
{
	struct pair *pair = plain_new(1);
	struct side *right = &pair->side[RIGHT];

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	pair->filter = no_message6;
	CU_ASSERT_EQUAL(shard_renew(side_find(&pair->side[LEFT], "t"), NULL), 0);
	pair_run(pair, 1000);
	CU_ASSERT_FALSE(child_renew(current_of(right)));
	end_soon(current_of(right), 2000);
	CU_ASSERT(child_renew(current_of(right)));
	runs_with_traffic(pair, 8000);
	CU_ASSERT_EQUAL(right->events[EVENT_CHILD_RENEWED], 1);
	CU_ASSERT_EQUAL(right->events[EVENT_CHILD_DOWN], 0);
	CU_ASSERT_EQUAL(pair->probes_held + pair->probes_lost, 0);
	pair_free(pair);
}

static unsigned none_until(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)packet;
	return pair->now >= *(uint64_t *)arg;
}

/* All that is sent for most of the time that the child has left is lost: pauses that grow as usual would outlast the rest. */
static void renewed_at_the_last(void)
{
	struct pair *pair = plain_new(1);
	struct side *left = &pair->side[LEFT];

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	uint64_t until = pair->now + 2400;
	pair->filter = none_until;
	pair->filter_arg = &until;
	end_soon(current_of(left), 4000);
	CU_ASSERT(child_renew(current_of(left)));
	pair_run(pair, 5000);
	CU_ASSERT_EQUAL(left->events[EVENT_CHILD_RENEWED], 1);
	CU_ASSERT_EQUAL(left->events[EVENT_CHILD_DOWN], 0);
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "a child is renewed in time although message 6 of the new phase 1 is lost", renewed_before_message6 },
	{ "of two pairs that crossed under two ISAKMP SAs both ends keep the same one", crossed_under_two },
	{ "a Quick Mode that another one has overtaken under a second ISAKMP SA is given up", overtaken_under_two },
	{ "a Quick Mode under an ISAKMP SA that the peer has deleted gives way to the peer's", crossed_under_a_deleted_one },
	{ "a child is renewed in time although little of that is left", renewed_at_the_last },
};

UNIT_MAIN("pairs-renewals", cases)
