/* SPDX-License-Identifier: MIT */
/* test_peers.c - who is connected: by identities for INITIAL-CONTACT, by connection for the shard that has it. */
#include "test_exchange.h"

static const struct identity left = { ID_FQDN, { (const uint8_t *)"left.example", 12 } };
static const struct identity right = { ID_FQDN, { (const uint8_t *)"right.example", 13 } };
static const struct identity other = { ID_FQDN, { (const uint8_t *)"other.example", 13 } };
/* Two that know who is there, and one for everybody. */
static const struct connection_settings office = { .name = "office", .remote_id = { ID_FQDN, { (const uint8_t *)"right.example", 13 } } };
static const struct connection_settings home = { .name = "home", .remote_id = { ID_FQDN, { (const uint8_t *)"right.example", 13 } } };
static const struct connection_settings guests = { .name = "guests" };

/* An established SA as peers.c looks at it; the bench's own is left alone. */
static struct ike_sa *add_sa(struct bench *bench, uint8_t number, const struct identity *local, const struct identity *remote,
			     const struct connection_settings *c)
{
	uint8_t cookie[2][COOKIE_SIZE] = { { number }, { 1 } };
	struct ike_sa *sa = sa_new(bench->shards[0], RESPONDER, (const uint8_t(*)[COOKIE_SIZE])cookie, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(sa);
	CU_ASSERT_EQUAL(sa_set_connection(sa, c), 0);
	CU_ASSERT_EQUAL(identity_copy(&sa->local_id, local), 0);
	CU_ASSERT_EQUAL(identity_copy(&sa->remote_id, remote), 0);
	sa->state = SA_ESTABLISHED;
	CU_ASSERT_EQUAL(peers_add(bench->engine.peers, sa), 0);
	return sa;
}

static void known(void)
{
	struct bench *bench = bench_new(RESPONDER);
	struct peers *peers = bench->engine.peers;

	CU_ASSERT(!peers_knows(peers, &left, &right));
	struct ike_sa *first = add_sa(bench, 1, &left, &right, &office), *second = add_sa(bench, 2, &left, &right, &office);
	CU_ASSERT(peers_knows(peers, &left, &right));
	CU_ASSERT(!peers_knows(peers, &left, &other));
	CU_ASSERT(!peers_knows(peers, &right, &left));
	CU_ASSERT(!peers_knows(peers, &other, &right));
	/* The first leaves, and the second is still found. */
	sa_free(first);
	CU_ASSERT(peers_knows(peers, &left, &right));
	sa_free(second);
	CU_ASSERT(!peers_knows(peers, &left, &right));
	bench_free(bench);
}

/* Where one identity ends and the next begins is part of what is compared, and so is the type. */
static void not_alike(void)
{
	static const struct identity ab = { ID_KEY_ID, { (const uint8_t *)"ab", 2 } }, abc = { ID_KEY_ID, { (const uint8_t *)"abc", 3 } };
	static const struct identity c = { ID_KEY_ID, { (const uint8_t *)"c", 1 } }, cd = { ID_KEY_ID, { (const uint8_t *)"cd", 2 } };
	static const struct identity user = { ID_USER_FQDN, { (const uint8_t *)"right.example", 13 } };
	struct bench *bench = bench_new(RESPONDER);

	add_sa(bench, 1, &ab, &cd, &office);
	add_sa(bench, 2, &left, &right, &office);
	CU_ASSERT(peers_knows(bench->engine.peers, &ab, &cd));
	CU_ASSERT(!peers_knows(bench->engine.peers, &abc, &c));
	CU_ASSERT(!peers_knows(bench->engine.peers, &left, &user));
	bench_free(bench);
}

static void forgotten(void)
{
	struct bench *bench = bench_new(RESPONDER);

	add_sa(bench, 1, &left, &right, &office);
	add_sa(bench, 2, &left, &right, &office);
	add_sa(bench, 3, &left, &other, &office);
	const struct ike_sa *newest = add_sa(bench, 4, &left, &right, &office);
	add_sa(bench, 5, &left, &right, &home);
	size_t before = bench->shards[0]->sas.count;
	peers_forget_others(&bench->engine, newest);
	/* It comes as a job: nothing is freed under somebody's feet. */
	CU_ASSERT_EQUAL(bench->shards[0]->sas.count, before);
	bench_run(bench, 1);
	CU_ASSERT_EQUAL(bench->shards[0]->sas.count, before - 3);
	CU_ASSERT(peers_knows(bench->engine.peers, &left, &right) && peers_knows(bench->engine.peers, &left, &other));
	CU_ASSERT_PTR_EQUAL(sa_find(&bench->shards[0]->sas, newest->cookie), newest);
	peers_forget_others(&bench->engine, newest);
	bench_run(bench, 1);
	CU_ASSERT_EQUAL(bench->shards[0]->sas.count, before - 3);
	bench_free(bench);
}

/* With the key of one connection nobody ends what the key of another proved. */
static void of_one_connection(void)
{
	struct bench *bench = bench_new(RESPONDER);
	const struct ike_sa *proven = add_sa(bench, 1, &left, &right, &office);

	add_sa(bench, 2, &left, &right, &guests);
	const struct ike_sa *newest = add_sa(bench, 3, &left, &right, &guests);
	size_t before = bench->shards[0]->sas.count;
	peers_forget_others(&bench->engine, newest);
	bench_run(bench, 1);
	CU_ASSERT_EQUAL(bench->shards[0]->sas.count, before - 1);
	CU_ASSERT_PTR_EQUAL(sa_find(&bench->shards[0]->sas, proven->cookie), proven);
	bench_free(bench);
}

/* One that went meanwhile is no longer found, and that is all. */
static void forgotten_twice(void)
{
	struct bench *bench = bench_new(RESPONDER);
	struct ike_sa *old = add_sa(bench, 1, &left, &right, &office);
	const struct ike_sa *newest = add_sa(bench, 2, &left, &right, &office);

	peers_forget_others(&bench->engine, newest);
	peers_forget_others(&bench->engine, newest);
	sa_free(old);
	bench_run(bench, 1);
	CU_ASSERT(peers_knows(bench->engine.peers, &left, &right));
	bench_free(bench);
}

static void shard_of_connection(void)
{
	struct bench *bench = bench_new(RESPONDER);
	struct peers *peers = bench->engine.peers;

	CU_ASSERT_EQUAL(peers_shard_of(peers, "office"), -1);
	struct ike_sa *first = add_sa(bench, 1, &left, &right, &office), *second = add_sa(bench, 2, &left, &other, &office);
	CU_ASSERT_EQUAL(peers_shard_of(peers, "office"), 0);
	CU_ASSERT_EQUAL(peers_shard_of(peers, "offic"), -1);
	CU_ASSERT_EQUAL(peers_shard_of(peers, "home"), -1);
	sa_free(first);
	CU_ASSERT_EQUAL(peers_shard_of(peers, "office"), 0);
	sa_free(second);
	CU_ASSERT_EQUAL(peers_shard_of(peers, "office"), -1);
	bench_free(bench);
}

static void many(void)
{
	struct bench *bench = bench_new(RESPONDER);

	for (unsigned i = 0; i < 200; i++)
		add_sa(bench, (uint8_t)(i + 10), &left, i % 2 ? &right : &other, i % 3 ? &office : &home);
	const struct ike_sa *newest = add_sa(bench, 1, &left, &right, &home);
	peers_forget_others(&bench->engine, newest);
	bench_run(bench, 1);
	/* The bench's own, the newest, and a hundred of the other peer. */
	CU_ASSERT_EQUAL(bench->shards[0]->sas.count, 102);
	bench_free(bench);
}

static const struct unit_case cases[] = {
	{ "a peer is known while it has an SA", known },
	{ "identities are compared whole, with their types", not_alike },
	{ "INITIAL-CONTACT ends the other SAs of the same two identities, as a job", forgotten },
	{ "INITIAL-CONTACT of a connection for everybody ends no SA of another connection", of_one_connection },
	{ "what is to be forgotten may be gone already", forgotten_twice },
	{ "the shard that has a connection is found", shard_of_connection },
	{ "one of many SAs of one peer stays", many },
};

UNIT_MAIN("peers", cases)
