/* SPDX-License-Identifier: MIT */
/* test_pairs_limits.c - what a peer with keys, or a flood without, can make the other side hold; and a reload in the midst of it. */
#include "tamper.h"

enum { ATTEMPTS = 200, FLOOD = 60 };

/* The left side starts Quick Mode for one child again and again, as no honest peer does. */
static void many_children(void)
{
	struct pair *pair = tamper_new();
	const struct provider *quick = services_find(pair->side[LEFT].services, SERVICE_EXCHANGE, "1/32");

	CU_ASSERT_FATAL(tamper_up(pair) && quick);
	struct ike_sa *sa = tamper_sa(&pair->side[LEFT], "t");
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		CU_ASSERT_EQUAL(exchange_start(sa, quick->ops, &sa->connection->children[0]), 0);
		pair_run(pair, 50);
	}
	CU_ASSERT_EQUAL(tamper_children(&pair->side[RIGHT], "t"), CHILDREN_PER_SA_MAX);
	CU_ASSERT(side_said(&pair->side[RIGHT], "too-many-children"));
	CU_ASSERT(tamper_is_up(pair, "s"));
	pair_free(pair);
}

/* It forgets its SAs, but says nothing of INITIAL-CONTACT: its peers still know the right side. */
static void many_sas(void)
{
	struct pair *pair = tamper_new();
	struct side *left = &pair->side[LEFT];

	for (unsigned i = 0; i < 3 * SAS_PER_PEER_MAX; i++) {
		CU_ASSERT_FATAL(shard_up(left->shards[0], "t", NULL) == 0);
		pair_run(pair, 200);
		struct ike_sa *sa = tamper_sa(left, "t");
		CU_ASSERT_PTR_NOT_NULL_FATAL(sa);
		struct ike_sa *ghost = calloc(1, sizeof(*ghost));
		CU_ASSERT_PTR_NOT_NULL_FATAL(ghost);
		/* Somebody who is no SA of a shard keeps the contact alive. */
		ghost->shard = sa->shard;
		ghost->connection = sa->connection;
		ghost->local_id = sa->local_id;
		ghost->remote_id = sa->remote_id;
		if (i == 0)
			CU_ASSERT_EQUAL(peers_add(left->engine.peers, ghost), 0);
		free(ghost);
		sa_free(sa);
	}
	pair_run(pair, 200);
	size_t count = 0;
	LIST_EACH(it, &pair->side[RIGHT].shards[0]->sas.all)
		count += strcmp(CONTAINER(it, struct ike_sa, in_shard)->connection->name, "t") == 0;
	CU_ASSERT_EQUAL(count, SAS_PER_PEER_MAX);
	CU_ASSERT(tamper_is_up(pair, "s"));
	pair_free(pair);
}

/* There is "s" already, and room for no other; who is there may come again. */
static void no_room(void)
{
	struct pair *pair = tamper_new_with("aes128-sha256-curve25519", "sas-max=\"1\"");

	CU_ASSERT(!tamper_up_within(pair, 10000));
	CU_ASSERT(side_said(&pair->side[RIGHT], "too-many-sas: 192.0.2.1 (IPv4) is refused: there are 1 ISAKMP SAs already (sas-max)"));
	CU_ASSERT_EQUAL(shard_renew(tamper_sa(&pair->side[LEFT], "s"), NULL), 0);
	pair_run(pair, 60000);
	CU_ASSERT(tamper_is_up(pair, "s"));
	CU_ASSERT_EQUAL(pair->side[RIGHT].engine.established, 1);
	pair_free(pair);
}

/* Forged first messages from everywhere; the one of the peer comes up all the same. */
static void flood(void)
{
	struct pair *pair = tamper_new_with("aes128-sha256-curve25519", "half-open-max=\"10\"");
	struct side *right = &pair->side[RIGHT];

	CU_ASSERT_EQUAL(shard_up(pair->side[LEFT].shards[0], "t", NULL), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pair->wire);
	struct wire_packet forged = *pair->wire;
	uint8_t good = forged.data[0];
	for (unsigned i = 0; i < FLOOD; i++) {
		/* None is the peer's own. */
		forged.data[0] = (uint8_t)(good + i + 1);
		forged.due = pair->now;
		pair_inject(pair, &forged);
	}
	pair_run(pair, 2);
	CU_ASSERT(right->engine.half_open <= 10);
	CU_ASSERT(side_said(right, "half-open-limit"));
	pair_run(pair, 5000);
	CU_ASSERT(tamper_is_sound(pair));
	pair_free(pair);
}

static unsigned hold_proof(struct pair *pair, struct wire_packet *packet, void *arg)
{
	bool *held = arg;

	(void)pair;
	if (packet->number != PHASE1_CLEAR + 1 || *held)
		return 1;
	*held = true;
	packet->due += 1000;
	return 1;
}

/* The connection is taken out of the configuration while the initiator's proof is under way. */
static void reload(void)
{
	struct pair *pair = tamper_new(), *other;
	struct side *right = &pair->side[RIGHT];
	char left_xml[4096], right_xml[4096];
	bool held = false;

	pair_documents(left_xml, right_xml, "aes128-sha256-modp2048", "aes128gcm16", 1, false, false);
	struct pair_options options = {
		.left = left_xml, .right = right_xml, .left_psk = "a pre-shared key of some length\n",
		.right_psk = "a pre-shared key of some length\n",
	};
	other = pair_new(&options);
	pair->filter = hold_proof;
	pair->filter_arg = &held;
	pair->sent = 0;
	CU_ASSERT_EQUAL(shard_up(pair->side[LEFT].shards[0], "t", NULL), 0);
	pair_run(pair, 400);
	CU_ASSERT(held);
	/* There "t" means something else, and "s" is gone. */
	shard_set_settings(right->shards[0], other->side[RIGHT].settings);
	pair_run(pair, 3000);
	CU_ASSERT_EQUAL(tamper_children(right, "t"), 0);
	CU_ASSERT_PTR_NULL(tamper_sa(right, "t"));
	CU_ASSERT(side_said(right, "removed or changed meanwhile"));
	pair_free(pair);
	pair_free(other);
}

static const struct unit_case cases[] = {
	{ "a peer cannot have more than CHILDREN_PER_SA_MAX children on one SA", many_children },
	{ "a peer cannot have more than SAS_PER_PEER_MAX SAs, the oldest goes", many_sas },
	{ "nobody new is taken beyond sas-max, but who is there renews", no_room },
	{ "a flood of forged first messages does not keep a peer out", flood },
	{ "a phase 1 that is under way when its connection is changed does not come up", reload },
};

TAMPER_MAIN("pairs-limits", cases)
