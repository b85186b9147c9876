/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_keep.c - what keeps an SA or ends it: lifetimes that the ends see differently, limits of octets, silence, hints of strangers, and
 * the same peer coming from two places.
 */
#include "kin.h"
#include "liveness.h"
#include "plain.h"
#include "v1.h"

static struct ike_sa *sa_of(const struct side *side, const char *connection)
{
	struct ike_sa *sa = sa_find_connection(&side->shards[0]->sas, connection);

	return sa && sa->state == SA_ESTABLISHED ? sa : NULL;
}

static struct child *child_of(const struct side *side)
{
	struct ike_sa *sa = sa_of(side, "t");

	LIST_EACH(it, &sa->children) {
		struct child *child = CONTAINER(it, struct child, in_sa);
		if (child->stage == CHILD_CURRENT)
			return child;
	}
	return NULL;
}

static void run_with_traffic(struct pair *pair, uint64_t ms, uint64_t step)
{
	for (uint64_t end = pair->now + ms; pair->now < end;) {
		pair_probe(pair, LEFT);
		pair_probe(pair, RIGHT);
		pair_run(pair, step);
	}
}

/* ---- lifetimes ---- */

struct lives {
	const char *phase1[SIDES], *child[SIDES];
	uint32_t phase1_seconds, seconds;
	uint64_t bytes;
};

static void shorter_one_counts(void)
{
	static const struct lives rows[] = {
		{ { "lifetime=\"8h\"", "lifetime=\"1h\"" }, { "lifetime=\"1h\"", "lifetime=\"20m\"" }, 3600, 1200, 0 },
		{ { "lifetime=\"1h\"", "lifetime=\"8h\"" }, { "lifetime=\"20m\"", "lifetime=\"1h\"" }, 3600, 1200, 0 },
		{ { "lifetime=\"30d\"", "lifetime=\"20h\"" }, { "lifetime=\"30d\"", "lifetime=\"20h\"" }, 72000, 72000, 0 },
		{ { "", "" }, { "lifetime-bytes=\"1G\"", "" }, PHASE1_LIFETIME, CHILD_LIFETIME, UINT64_C(1) << 30 },
		{ { "", "" }, { "", "lifetime-bytes=\"1G\"" }, PHASE1_LIFETIME, CHILD_LIFETIME, UINT64_C(1) << 30 },
		{ { "", "" }, { "lifetime-bytes=\"1T\"", "lifetime-bytes=\"100M\"" }, PHASE1_LIFETIME, CHILD_LIFETIME, 100 << 20 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct lives *row = &rows[i];
		struct words words = { .phase1 = { row->phase1[0], row->phase1[1] }, .child = { row->child[0], row->child[1] } };
		struct pair *pair = plain_with(&words, 1);
		CU_ASSERT_FATAL(pair_up(pair, 1000));
		for (int side = 0; side < SIDES; side++) {
			CU_ASSERT_EQUAL(sa_of(&pair->side[side], "t")->lifetime, row->phase1_seconds);
			CU_ASSERT_EQUAL(child_of(&pair->side[side])->lifetime.seconds, row->seconds);
			CU_ASSERT_EQUAL(child_of(&pair->side[side])->lifetime.bytes, row->bytes);
		}
		pair_free(pair);
	}
}

static void used_up(void)
{
	struct words words = { .child = { "lifetime-packets=\"1000000\"", "" } };
	struct pair *pair = plain_with(&words, 1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	CU_ASSERT_EQUAL(child_limits(child_of(&pair->side[LEFT])).hard_packets, 1000000);
	CU_ASSERT(child_limits(child_of(&pair->side[LEFT])).soft_packets >= 800000);
	CU_ASSERT_EQUAL(child_limits(child_of(&pair->side[RIGHT])).hard_packets, 0);
	uint32_t spi = child_of(&pair->side[LEFT])->spi_in;
	pair_run(pair, CHILD_REST_MS);
	child_used_up(child_of(&pair->side[LEFT]), false);
	run_with_traffic(pair, 30000, 10);
	CU_ASSERT(child_of(&pair->side[LEFT])->spi_in != spi);
	/* The end without a successor: the peer has to know, so that both begin again. */
	child_used_up(child_of(&pair->side[LEFT]), true);
	pair_run(pair, 100);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]) + side_children(&pair->side[RIGHT]), 0);
	CU_ASSERT_EQUAL(pair->probes_lost, 0);
	pair_free(pair);
}

/* A refusal to renew is tried again as long as there is time; at the end both know that it is over. */
static void renewal_refused(void)
{
	struct words words = { .child = { "lifetime=\"60s\"", "lifetime=\"60s\"" } };
	struct pair *pair = plain_with(&words, 1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	for (int i = 0; i < 8; i++) {
		pair->side[LEFT].kernel.refuse = FAULT_SYSTEM;
		pair_run(pair, 7000);
	}
	CU_ASSERT(side_said(&pair->side[LEFT], "install-failed"));
	pair->side[LEFT].kernel.refuse = 0;
	pair_run(pair, 5000);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), side_children(&pair->side[RIGHT]));
	pair_free(pair);
}

/* ---- silence ---- */

static void nobody_is_asked(void)
{
	struct words words = { .connection = { "dpd=\"5s\"", "dpd=\"5s\"" } };
	struct pair *pair = plain_with(&words, 1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	unsigned sent = pair->sent;
	run_with_traffic(pair, 1800000, 500);
	CU_ASSERT_EQUAL(pair->sent, sent);
	pair_run(pair, 12000);
	CU_ASSERT(pair->sent > sent);
	/* What is answered is not asked for again for a while: at most each side once in five seconds, and its answer. */
	sent = pair->sent;
	pair_run(pair, 600000);
	CU_ASSERT(pair->sent - sent <= 4 * 600 / 5);
	CU_ASSERT(pair->sent - sent >= 2 * 600 / 6);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), 1);
	pair_free(pair);
}

static unsigned nothing_passes(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)pair;
	(void)packet;
	(void)arg;
	return 0;
}

static void dead_peer(void)
{
	struct words words = { .connection = { "dpd=\"10s\"", "dpd=\"no\"" } };
	struct pair *pair = plain_with(&words, 1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair->filter = nothing_passes;
	pair_run(pair, 25000);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 1);
	pair_run(pair, 16000);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 0);
	CU_ASSERT(side_said(&pair->side[LEFT], "dead-peer: the peer is dead: nothing came for 35 s, and no answer to 8 questions (DPD)"));
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count, 0);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	pair_free(pair);
}

/* Without DPD an exchange that is not answered tells, unless something else comes. */
static void no_answer(void)
{
	for (int traffic = 0; traffic <= 1; traffic++) {
		struct words words = { .connection = { "dpd=\"no\"", "dpd=\"no\"" } };
		struct pair *pair = plain_with(&words, 1);

		CU_ASSERT_FATAL(pair_up(pair, 1000));
		pair_run(pair, KIN_CROSSING_MS);
		pair->filter = nothing_passes;
		CU_ASSERT(child_renew(child_of(&pair->side[LEFT])));
		if (traffic)
			run_with_traffic(pair, 120000, 1000);
		else
			pair_run(pair, 120000);
		CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), traffic);
		CU_ASSERT_EQUAL(side_said(&pair->side[LEFT], "dead-peer"), !traffic);
		pair_free(pair);
	}
}

static unsigned keepalives;

static void count_keepalive(void *state, const struct address *local, const struct address *remote)
{
	(void)state;
	(void)local;
	(void)remote;
	keepalives++;
}

static void nat_is_kept_awake(void)
{
	struct words words = { .connection = { "dpd=\"no\"", "dpd=\"no\"" } };
	struct pair *pair = plain_with(&words, 1);

	pair->side[LEFT].engine.transport.keepalive = count_keepalive;
	keepalives = 0;
	CU_ASSERT_FATAL(pair_up(pair, 1000));
	struct ike_sa *sa = sa_of(&pair->side[LEFT], "t");
	sa->local_nat = sa->is_float = true;
	liveness_start(sa);
	pair_run(pair, 200000);
	CU_ASSERT(keepalives >= 9 && keepalives <= 10);
	/* What we send keeps it awake as well. */
	keepalives = 0;
	run_with_traffic(pair, 200000, 1000);
	CU_ASSERT(keepalives <= 1);
	pair_free(pair);
}

/* ---- hints ---- */

static void inject_notify(struct pair *pair, unsigned to, uint16_t type)
{
	const struct ike_sa *sa = sa_of(&pair->side[to], "t");
	struct wire_packet packet = { .to = to, .due = pair->now, .from = sa->remote, .dest = sa->local, .nat_port = sa->is_float };
	struct ike_header header = { .major = 1, .exchange = EXCHANGE_INFORMATIONAL, .message_id = 99 };
	struct v1_notice notice = { .payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = type, .spi_len = 16, .spi_count = 1 };
	struct message_out out;

	memcpy(header.cookie, sa->cookie, sizeof(header.cookie));
	message_begin(&out, packet.data, sizeof(packet.data), &header);
	memcpy(notice.spi, sa->cookie, sizeof(notice.spi));
	v1_put_notice(&out, &notice);
	CU_ASSERT_EQUAL(message_finish(&out), 0);
	packet.len = out.w.used;
	pair_inject(pair, &packet);
	pair_settle(pair);
}

static void hints_end_nothing(void)
{
	struct words words = { .connection = { "dpd=\"1h\"", "dpd=\"1h\"" } };
	struct pair *pair = plain_with(&words, 1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 60000);
	unsigned sent = pair->sent;
	/* However many come: one question and its answer. */
	for (int i = 0; i < 100; i++)
		inject_notify(pair, LEFT, NOTIFY_INVALID_COOKIE);
	pair_run(pair, 5000);
	CU_ASSERT_EQUAL(pair->sent, sent + 2);
	CU_ASSERT(side_said(&pair->side[LEFT], "unauthenticated-notify"));
	for (unsigned type = 1; type < 40; type++)
		inject_notify(pair, LEFT, (uint16_t)type);
	pair_run(pair, 100000);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), 1);
	/* Where nobody answers the question it was true, and known long before the hour is over. */
	pair->filter = nothing_passes;
	inject_notify(pair, LEFT, NOTIFY_INVALID_SPI);
	pair_run(pair, 40000);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 0);
	pair_free(pair);
}

static void invalid_spi(void)
{
	struct words words = { .connection = { "keep=\"up\"", "" } };
	struct pair *pair = plain_with(&words, 1);
	uint8_t octets[4];
	struct writer w = writer_over(octets, sizeof(octets));

	side_begin(&pair->side[LEFT]);
	pair_run(pair, 1000);
	struct child *child = child_of(&pair->side[LEFT]);
	uint32_t spi = child->spi_in;
	/* RIGHT has lost its SA of the child, and says so under the ISAKMP SA. */
	put_u32(&w, child->spi_out);
	child_free(child_of(&pair->side[RIGHT]), "the test wants it");
	v1_send_notify(sa_of(&pair->side[RIGHT], "t"), NOTIFY_INVALID_SPI, PROTO_ESP, bytes_of(octets, 4), bytes_of(NULL, 0));
	pair_run(pair, 10000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(child_of(&pair->side[LEFT]));
	CU_ASSERT(child_of(&pair->side[LEFT])->spi_in != spi);
	CU_ASSERT(pair_keys_agree(pair));
	pair_free(pair);
}

/* ---- who is the same ---- */

/* LEFT has one identity and two addresses, as if it were two hosts. */
static struct pair *twice_new(const char *unique)
{
	char left[2048], right[2048];
	int used = snprintf(left, sizeof(left), "<keyferry xmlns=\"urn:keyferry:1\">");

	for (int i = 1; i <= 2; i++)
		used += snprintf(left + used, sizeof(left) - (size_t)used,
				 "<connection name=\"%c\" dpd=\"no\" unique=\"never\"><local address=\"198.51.100.%d\" id=\"left.example\"/>"
				 "<remote address=\"192.0.2.2\" id=\"right.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
				 "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.1.%d.0/24\" remote=\"10.2.0.0/24\"/></connection>",
				 i == 1 ? 'a' : 'b', i, i);
	snprintf(left + used, sizeof(left) - (size_t)used, "<psk ids=\"%%any\" file=\"psk\"/></keyferry>");
	snprintf(right, sizeof(right),
		 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\" unique=\"%s\"><local address=\"192.0.2.2\" id=\"right.example\"/>"
		 "<remote address=\"%%any\" id=\"left.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
		 "<child name=\"c1\" proposals=\"aes128gcm16\" local=\"10.2.0.0/24\" remote=\"10.1.1.0/24\"/>"
		 "<child name=\"c2\" proposals=\"aes128gcm16\" local=\"10.2.0.0/24\" remote=\"10.1.2.0/24\"/></connection>"
		 "<psk ids=\"%%any\" file=\"psk\"/></keyferry>", unique);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk };
	struct pair *pair = pair_new(&options);
	CU_ASSERT_EQUAL(shard_up(pair->side[LEFT].shards[0], "a", NULL), 0);
	pair_run(pair, 20000);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(shard_up(pair->side[LEFT].shards[0], "b", NULL), 0);
	pair_run(pair, 60000);
	return pair;
}

static void replaced(void)
{
	struct pair *pair = twice_new("replace");

	/* The later one stays, and the earlier one's host knows that it is over. */
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	CU_ASSERT_PTR_NULL(sa_of(&pair->side[LEFT], "a"));
	CU_ASSERT_PTR_NOT_NULL(sa_of(&pair->side[LEFT], "b"));
	pair_free(pair);
}

static void kept(void)
{
	struct pair *pair = twice_new("keep");

	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	CU_ASSERT_PTR_NOT_NULL(sa_of(&pair->side[LEFT], "a"));
	CU_ASSERT_PTR_NULL(sa_of(&pair->side[LEFT], "b"));
	CU_ASSERT(side_said(&pair->side[RIGHT], "already-connected: left.example (FQDN) is connected already, from another address, and connection t has unique=\"keep\""));
	pair_free(pair);
}

static void both_stay(void)
{
	struct pair *pair = twice_new("never");

	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 2);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 2);
	CU_ASSERT(sa_of(&pair->side[LEFT], "a") && sa_of(&pair->side[LEFT], "b"));
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "the shorter lifetime counts, whoever has it, in seconds and in octets", shorter_one_counts },
	{ "a child that is nearly used up is renewed, one that is ends", used_up },
	{ "a renewal that fails is tried again, and the end is known to both", renewal_refused },
	{ "nobody is asked while packets arrive", nobody_is_asked },
	{ "a peer that does not answer is dead, and the line says how that was found out", dead_peer },
	{ "without DPD an exchange that is not answered tells, unless ESP arrives", no_answer },
	{ "a NAT in front of us is kept awake when nothing else is sent", nat_is_kept_awake },
	{ "hints of strangers make us ask, once, and end nothing", hints_end_nothing },
	{ "INVALID-SPI under the ISAKMP SA ends the child, which comes up again", invalid_spi },
	{ "the same identity from elsewhere replaces the one that was there", replaced },
	{ "with keep it is refused, and the line says why", kept },
	{ "with never both stay", both_stay },
};

UNIT_MAIN("pairs-keep", cases)
