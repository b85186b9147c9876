/* SPDX-License-Identifier: MIT */
/* plain.h - two hosts with one connection "t" and one child "c" between their networks, and what tests look at in them. */
#ifndef KEYFERRY_PLAIN_H
#define KEYFERRY_PLAIN_H
#include "pair.h"

static const char psk[] = "a pre-shared key of some length\n";

/* Further attributes; NULL: none. */
struct words {
	const char *connection[SIDES], *phase1[SIDES], *child[SIDES];
};

static inline struct pair *plain_with(const struct words *words, unsigned shards)
{
	static const char *const host[] = { "192.0.2.1", "192.0.2.2" };
	char document[SIDES][2048];

#define WORD(where) (words->where[i] ? words->where[i] : "")
	for (int i = 0; i < SIDES; i++)
		snprintf(document[i], sizeof(document[i]),
			 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" %s><local address=\"%s\"/><remote address=\"%s\"/>"
			 "<phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\" %s/>"
			 "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\" %s/></connection>"
			 "<psk ids=\"%s %s\" file=\"psk\"/></keyferry>",
			 WORD(connection), host[i], host[!i], WORD(phase1), i + 1, !i + 1, WORD(child), host[0], host[1]);
#undef WORD
	struct pair_options options = { .left = document[LEFT], .right = document[RIGHT], .left_psk = psk, .right_psk = psk, .shards = shards };
	return pair_new(&options);
}

static inline struct pair *plain_new(unsigned shards)
{
	return plain_with(&(struct words){ .connection = { "dpd=\"no\"", "dpd=\"no\"" } }, shards);
}

static inline struct child *current_of(const struct side *side)
{
	EACH_SA(it, side) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		LIST_EACH(jt, &sa->children) {
			struct child *child = CONTAINER(jt, struct child, in_sa);
			if (child->stage == CHILD_CURRENT)
				return child;
		}
	}
	return NULL;
}

static inline void runs_with_traffic(struct pair *pair, uint64_t ms)
{
	for (uint64_t end = pair->now + ms; pair->now < end; pair_run(pair, 50)) {
		pair_probe(pair, LEFT);
		pair_probe(pair, RIGHT);
	}
}

/* Two SAs of the right side on different shards: [0] has the children. False: they came to be on one. */
static inline bool two_shards(struct pair *pair, struct ike_sa *sas[2])
{
	struct side *right = &pair->side[RIGHT];

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	CU_ASSERT_EQUAL(shard_renew(side_find(&pair->side[LEFT], "t"), NULL), 0);
	pair_run(pair, 1000);
	EACH_SA(it, right) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		if (sa->state == SA_ESTABLISHED)
			sas[list_empty(&sa->children)] = sa;
	}
	return sas[0] && sas[1] && sas[0]->shard != sas[1]->shard;
}

#endif
