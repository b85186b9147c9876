/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_cross.c - both ends begin at once, or one while the other has not finished: the cases of docs/collisions.md, each from either
 * end first, some milliseconds apart, and with traffic, none of which may be lost.
 */
#include "kin.h"
#include "liveness.h"
#include "pair.h"

enum { PROBE_MS = 1, APART_MS = 5, ROUND_MS = CHILD_RETIRE_PEER_MS + CHILD_LINGER_MS + KIN_SURPLUS_MS + 15000 };

static const char psk[] = "a pre-shared key of some length\n";

static const char document[] =
	"<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\"><local address=\"192.0.2.%d\"/><remote address=\"192.0.2.%d\"/>"
	"<phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\" lifetime=\"1d\"/>"
	"<child name=\"c\" proposals=\"aes128gcm16\" lifetime=\"1d\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection>"
	"<psk ids=\"192.0.2.1 192.0.2.2\" file=\"psk\"/></keyferry>";

/* ---- what a side does ---- */

static struct ike_sa *sa_of(const struct side *side)
{
	struct ike_sa *sa = sa_find_connection(&side->shards[0]->sas, "t");

	return sa && sa->state == SA_ESTABLISHED ? kin_best(sa) : NULL;
}

static struct child *child_of(const struct side *side)
{
	LIST_EACH(it, &side->shards[0]->sas.all) {
		LIST_EACH(jt, &CONTAINER(it, struct ike_sa, in_shard)->children) {
			struct child *child = CONTAINER(jt, struct child, in_sa);
			if (child->stage == CHILD_CURRENT)
				return child;
		}
	}
	return NULL;
}

static void up(struct side *side)
{
	CU_ASSERT_EQUAL(shard_up(side->shards[0], "t", NULL), 0);
}

static void renew_child(struct side *side)
{
	struct child *child = child_of(side);

	if (child)
		child_renew(child);
}

static void renew_phase1(struct side *side)
{
	struct ike_sa *sa = sa_of(side);

	if (sa)
		(void)!shard_renew(sa, NULL);
}

static void renew_both(struct side *side)
{
	renew_phase1(side);
	renew_child(side);
}

static void nothing(struct side *side)
{
	(void)side;
}

/* ---- what the wire does ---- */

struct wire {
	unsigned seen[SIDES];                /* messages of Quick Mode or Main Mode from each side     */
	unsigned lose_from, lose;            /* the n-th such of a side is lost, 0: none               */
	unsigned late_ms;
};

static unsigned pass(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct wire *wire = arg;
	uint8_t type = packet->data[18];

	(void)pair;
	if (type == EXCHANGE_QUICK || type == PHASE1_TYPE) {
		wire->seen[!packet->to]++;
		if ((packet->to == LEFT) == (wire->lose_from == RIGHT) && wire->seen[wire->lose_from] == wire->lose) {
			if (!wire->late_ms)
				return 0;
			packet->due += wire->late_ms;
		}
	}
	return 1;
}

/* ---- one case ---- */

struct cross {
	const char *says;
	bool from_nothing;                   /* there is no tunnel yet                                 */
	void (*first)(struct side *side), (*second)(struct side *side);
	unsigned lose, late_ms;              /* of the first side's messages: which is lost or late    */
};

static void run_with_traffic(struct pair *pair, uint64_t ms)
{
	for (uint64_t end = pair->now + ms; pair->now < end;) {
		pair_probe(pair, LEFT);
		pair_probe(pair, RIGHT);
		pair_run(pair, end - pair->now > 2000 || pair->now % 500 < 40 ? PROBE_MS : 50);
	}
}

static bool is_one(const struct pair *pair)
{
	bool is = pair_keys_agree(pair);

	for (int i = 0; i < SIDES; i++)
		is &= pair->side[i].kernel.count == 2 && pair->side[i].shards[0]->sas.count == 1 && child_of(&pair->side[i]);
	return is;
}

static void run_case(const struct cross *cross, unsigned first, unsigned apart)
{
	char text[SIDES][1024];
	struct wire wire = { .lose_from = first, .lose = cross->lose, .late_ms = cross->late_ms };

	for (int i = 0; i < SIDES; i++)
		snprintf(text[i], sizeof(text[i]), document, i + 1, 2 - i, i + 1, 2 - i);
	struct pair_options options = { .left = text[LEFT], .right = text[RIGHT], .left_psk = psk, .right_psk = psk };
	struct pair *pair = pair_new(&options);
	if (!cross->from_nothing)
		CU_ASSERT(pair_up(pair, 5000));
	run_with_traffic(pair, 20000);
	pair->filter = pass;
	pair->filter_arg = &wire;
	cross->first(&pair->side[first]);
	run_with_traffic(pair, apart);
	cross->second(&pair->side[!first]);
	run_with_traffic(pair, ROUND_MS);
	/* A connection that comes up has nothing to send with before; the policy is there a moment earlier. */
	bool good = is_one(pair) && pair->probes_lost == 0 && (cross->from_nothing || pair->probes_held == 0);
	for (int i = 0; i < SIDES; i++)
		good &= pair->side[i].events[EVENT_CHILD_DOWN] == 0;
	if (!good)
		printf("not true: %s (%s first, %u ms apart): SAs %zu and %zu, in the kernels %zu and %zu, lost %llu, held %llu\n", cross->says,
		       first == LEFT ? "left" : "right", apart, pair->side[LEFT].shards[0]->sas.count, pair->side[RIGHT].shards[0]->sas.count,
		       pair->side[LEFT].kernel.count, pair->side[RIGHT].kernel.count, (unsigned long long)pair->probes_lost,
		       (unsigned long long)pair->probes_held);
	CU_ASSERT(good);
	pair_free(pair);
}

/* In the order of docs/collisions.md, which has the messages of Main Mode. */
static const struct cross rows[] = {
	{ "both renew a child at once", false, renew_child, renew_child, 0, 0 },
	{ "both renew a child, and the first one's message 1 is lost", false, renew_child, renew_child, 1, 0 },
	{ "both renew a child, and the first one's message 1 comes when the other is over", false, renew_child, renew_child, 1, 300 },
	{ "a child is renewed, message 3 is lost, and the peer renews it too", false, renew_child, renew_child, 2, 0 },
	{ "both begin phase 1 and the child from nothing", true, up, up, 0, 0 },
	{ "both begin from nothing, and the first one's message 1 is lost", true, up, up, 1, 0 },
	{ "both begin from nothing, and the first one's last message of phase 1 is lost", true, up, up, (PHASE1_CLEAR + 2) / 2, 0 },
	{ "both renew phase 1 at once", false, renew_phase1, renew_phase1, 0, 0 },
	{ "both renew phase 1 at once, and the first one's last message is late", false, renew_phase1, renew_phase1, (PHASE1_CLEAR + 2) / 2, 900 },
	{ "phase 1 is renewed while the peer renews the child", false, renew_phase1, renew_child, 0, 0 },
	{ "both renew phase 1 and the child", false, renew_both, renew_both, 0, 0 },
	{ "both renew phase 1 and the child, and a message is lost", false, renew_both, renew_both, 2, 0 },
	{ "nobody else does anything", false, renew_both, nothing, 0, 0 },
};

static void all_rows(void)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		for (unsigned first = LEFT; first <= RIGHT; first++)
			for (unsigned apart = 0; apart <= APART_MS; apart++)
				run_case(&rows[i], first, apart);
}

static const struct unit_case cases[] = {
	{ "of what both ends begin at once one pair is left, the same at both, and no packet is lost", all_rows },
};

UNIT_MAIN("pairs-cross", cases)
