/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_hazards.c - what attackers, strangers with the same identity and unlucky networks do to SAs while they are renewed, moved,
 * handed over and deleted. Each case was seen to fail before it was mended.
 */
#include "kin.h"
#include "plain.h"

static unsigned not_to(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)pair;
	return packet->to != *(unsigned *)arg;
}

static void end_exchanges(struct ike_sa *sa)
{
	while (!list_empty(&sa->exchanges)) {
		struct exchange *ex = CONTAINER(list_first(&sa->exchanges), struct exchange, in_sa);
		ex->is_done = true;
		exchange_end(ex);
	}
}

/* The peer begins Quick Mode anew instead of repeating message 1. */
static void begun_anew(void)
{
	unsigned left = LEFT;
	struct pair *pair = plain_new(1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 2000);
	CU_ASSERT_EQUAL(side_down(&pair->side[LEFT], "t", "c"), 1);
	pair_run(pair, 1000);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.policies, 0);
	pair->filter = not_to;
	pair->filter_arg = &left;
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", "c"), 0);
	pair_run(pair, 100);
	end_exchanges(side_find(&pair->side[LEFT], "t"));
	pair->filter = NULL;
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", "c"), 0);
	pair_run(pair, 100);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.policies, 1);
	pair_free(pair);
}

/* The peer's pair is over while message 3 of its successor is lost for longer than a pair is waited for. */
static unsigned no_message3(struct pair *pair, struct wire_packet *packet, void *arg)
{
	uint64_t *until = arg;

	(void)pair;
	/* Quick Mode to the right, after message 1 */
	return !(packet->to == RIGHT && packet->data[18] == 32 && packet->len < 120 && pair->now < *until);
}

static void late_message3(void)
{
	struct pair *pair = plain_new(1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	uint64_t until = pair->now + 6000;
	pair->filter = no_message3;
	pair->filter_arg = &until;
	CU_ASSERT(child_renew(current_of(&pair->side[LEFT])));
	pair_run(pair, 100);
	child_used_up(current_of(&pair->side[LEFT]), true);
	pair_run(pair, 20000);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.policies, 1);
	pair_free(pair);
}

/* The pair is over at our end first, which waits for message 3 of the successor; then the peer's Delete comes as well. */
static void both_over_before_message3(void)
{
	struct pair *pair = plain_new(1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	uint64_t until = pair->now + 6000;
	pair->filter = no_message3;
	pair->filter_arg = &until;
	CU_ASSERT(child_renew(current_of(&pair->side[LEFT])));
	pair_run(pair, 100);
	child_used_up(current_of(&pair->side[RIGHT]), true);
	pair_run(pair, 100);
	child_used_up(current_of(&pair->side[LEFT]), true);
	/* Its Delete arrives before the first packet on the successor does. */
	pair_run(pair, 50);
	for (unsigned i = 0; i < 200; i++) {
		pair_probe(pair, LEFT);
		pair_probe(pair, RIGHT);
		pair_run(pair, 100);
	}
	CU_ASSERT_EQUAL(pair->side[RIGHT].events[EVENT_CHILD_DOWN], 0);
	CU_ASSERT_EQUAL(pair->probes_held + pair->probes_lost, 0);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	pair_free(pair);
}

/* A peer that does not ask for message 3 when it was lost. */
struct taciturn {
	unsigned messages2, messages3, lost;
};

static unsigned taciturn(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct taciturn *t = arg;

	(void)pair;
	if (packet->data[18] != 32)
		return 1;
	if (packet->to == LEFT)
		return ++t->messages2 == 1;
	return packet->len >= 120 || ++t->messages3 > t->lost;
}

static void run_sending(struct pair *pair, uint64_t ms)
{
	for (uint64_t end = pair->now + ms; pair->now < end; pair_run(pair, 50))
		pair_probe(pair, LEFT);
}

static void never_asks_for_message3(void)
{
	struct taciturn t = { .lost = 2 };
	struct pair *pair = plain_new(1);

	pair->filter = taciturn;
	pair->filter_arg = &t;
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", "c"), 0);
	run_sending(pair, 1800);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(t.messages3, 3);
	/* Now it is heard. */
	pair_probe(pair, RIGHT);
	run_sending(pair, 60000);
	CU_ASSERT_EQUAL(t.messages3, 3);
	pair_free(pair);

	/* It never answers: no more than so often, and not at all as long as nothing is sent. */
	t = (struct taciturn){ .lost = 100 };
	pair = plain_new(1);
	pair->filter = taciturn;
	pair->filter_arg = &t;
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", "c"), 0);
	pair_run(pair, 5000);
	CU_ASSERT_EQUAL(t.messages3, 1);
	run_sending(pair, 60000);
	CU_ASSERT_EQUAL(t.messages3, 1 + CHILD_REPEATS);
	pair_free(pair);
}

/* A child is taken down while it is being renewed. */
static void down_while_renewed(void)
{
	unsigned left = LEFT;
	struct pair *pair = plain_new(1);

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	pair->filter = not_to;
	pair->filter_arg = &left;
	CU_ASSERT(child_renew(current_of(&pair->side[LEFT])));
	pair_run(pair, 100);
	CU_ASSERT_EQUAL(side_down(&pair->side[LEFT], "t", "c"), 1);
	pair->filter = NULL;
	pair_run(pair, 60000);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), 0);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 0);
	pair_free(pair);
}

/* A peer names the last generation that there is. */
static void last_generation(void)
{
	struct pair *pair = plain_new(1);

	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	side_find(&pair->side[LEFT], "t")->generation = UINT32_MAX;
	pair_run(pair, 20000);
	struct ike_sa *old = side_find(&pair->side[RIGHT], "t");
	CU_ASSERT_PTR_NOT_NULL_FATAL(old);
	uint32_t number = old->number;
	for (int i = 0; i < 3; i++) {
		struct ike_sa *sa = side_find(&pair->side[RIGHT], "t");
		(void)!shard_renew(kin_best(sa), NULL);
		pair_run(pair, 60000);
	}
	EACH_SA(it, &pair->side[RIGHT])
		CU_ASSERT_NOT_EQUAL(CONTAINER(it, struct ike_sa, in_shard)->number, number);
	pair_free(pair);
}

/* Of two hosts with one identity, where unique is "never". */
static struct pair *hosts_new(const char *unique, unsigned shards)
{
	char left[2048], right[2048];
	int used = snprintf(left, sizeof(left), "<keyferry xmlns=\"urn:keyferry:1\">");

	for (int i = 1; i <= 2; i++)
		used += snprintf(left + used, sizeof(left) - (size_t)used,
				 "<connection name=\"%c\" dpd=\"no\" unique=\"never\"><local address=\"198.51.100.%d\" id=\"left.example\"/>"
				 "<remote address=\"192.0.2.2\" id=\"right.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
				 "<child name=\"c\" mode=\"transport\" proposals=\"aes128gcm16\"/></connection>",
				 i == 1 ? 'a' : 'b', i);
	snprintf(left + used, sizeof(left) - (size_t)used, "<psk ids=\"%%any\" file=\"psk\"/></keyferry>");
	snprintf(right, sizeof(right),
		 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\" unique=\"%s\"><local address=\"192.0.2.2\" id=\"right.example\"/>"
		 "<remote address=\"%%any\" id=\"left.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
		 "<child name=\"c\" mode=\"transport\" proposals=\"aes128gcm16\"/></connection>"
		 "<psk ids=\"%%any\" file=\"psk\"/></keyferry>", unique);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk, .shards = shards };
	struct pair *pair = pair_new(&options);
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "a", NULL), 0);
	pair_run(pair, 20000);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "b", NULL), 0);
	pair_run(pair, 60000);
	return pair;
}

static void never_is_never(void)
{
	for (unsigned shards = 1; shards <= 4; shards += 3) {
		struct pair *pair = hosts_new("never", shards);
		CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 2);
		CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 2);
		CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.policies, 2);
		pair_free(pair);
	}
}

/* A peer that came again from elsewhere, to another shard. */
static void policy_of_before(void)
{
	for (int i = 0; i < 6; i++) {
		struct pair *pair = hosts_new("replace", 4);
		CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
		CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.policies, 1);
		pair_free(pair);
	}
}

/* Children on their way to an SA of another shard that ends meanwhile. */
static void heir_is_gone(void)
{
	for (int i = 0; i < 10; i++) {
		struct pair *pair = plain_new(4);
		struct side *right = &pair->side[RIGHT];
		struct ike_sa *sas[2] = { NULL, NULL };

		if (two_shards(pair, sas)) {
			/* As two Deletes that two threads read at once. */
			sa_end(sas[0], "the peer deleted it", false);
			sa_end(sas[1], "the peer deleted it", false);
			pair_run(pair, 1000);
			CU_ASSERT_EQUAL(right->kernel.count, 0);
			CU_ASSERT_EQUAL(right->kernel.policies, 0);
			CU_ASSERT_EQUAL(right->events[EVENT_CHILD_DOWN], 1);
		}
		pair_free(pair);
	}
}

/* An order reaches the heir's shard while the children are on their way to it. */
static void down_on_the_way(void)
{
	for (int i = 0; i < 10; i++) {
		struct pair *pair = plain_new(4);
		struct side *right = &pair->side[RIGHT];
		struct ike_sa *sas[2] = { NULL, NULL };

		if (two_shards(pair, sas)) {
			CU_ASSERT_EQUAL(side_children(right), 1);
			(void)kin_hand_over(sas[0]);
			(void)side_down(right, "t", "c");
			pair_run(pair, 20000);
			CU_ASSERT_EQUAL(side_children(right), 0);
		}
		pair_free(pair);
	}
}

static unsigned behind_nat(struct pair *pair, struct wire_packet *packet, void *arg)
{
	uint16_t port = *(uint16_t *)arg;

	(void)pair;
	if (packet->to == RIGHT) {
		(void)!address_parse(&packet->from, "203.0.113.9");
		packet->from.port = (uint16_t)(port + packet->nat_port);
		return 1;
	}
	if (packet->dest.port != port + packet->nat_port)
		return 0;
	(void)!address_parse(&packet->dest, "192.0.2.1");
	packet->dest.port = packet->nat_port ? IKE_NAT_PORT : IKE_PORT;
	return 1;
}

/* Only we send, and phase 1 comes again from another port. */
static void nat_port(void)
{
	static const char head[] = "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\">";
	static const char tail[] = "<phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
				   "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection>"
				   "<psk ids=\"%%any\" file=\"psk\"/></keyferry>";
	char left[2048], right[2048];
	uint16_t port = 10000;
	int used = snprintf(left, sizeof(left), "%s<local address=\"192.0.2.1\" id=\"l.example\"/><remote address=\"192.0.2.2\" id=\"r.example\"/>", head);

	snprintf(left + used, sizeof(left) - (size_t)used, tail, 1, 2);
	used = snprintf(right, sizeof(right), "%s<local address=\"192.0.2.2\" id=\"r.example\"/><remote address=\"%%any\" id=\"l.example\"/>", head);
	snprintf(right + used, sizeof(right) - (size_t)used, tail, 2, 1);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk,
					.kernel_features = KERNEL_UDP_ENCAP | KERNEL_TRANSPORT };
	struct pair *pair = pair_new(&options);
	pair->filter = behind_nat;
	pair->filter_arg = &port;
	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	CU_ASSERT_EQUAL(current_of(&pair->side[RIGHT])->remote.port, 10001);
	port = 20000;
	CU_ASSERT_EQUAL(shard_renew(side_find(&pair->side[LEFT], "t"), NULL), 0);
	pair_run(pair, 30000);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(side_find(&pair->side[RIGHT], "t")->remote.port, 20001);
	CU_ASSERT_EQUAL(current_of(&pair->side[RIGHT])->remote.port, 20001);
	pair_free(pair);
}

/* The successor cannot be installed at the moment when the pair before it is over. */
static void late_refusal(void)
{
	struct pair *pair = plain_new(1);
	struct side *left = &pair->side[LEFT];

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	CU_ASSERT(child_renew(current_of(left)));
	pair_run(pair, 100);
	left->kernel.refuse = FAULT_SYSTEM;
	child_used_up(current_of(left), true);
	left->kernel.refuse = 0;
	pair_run(pair, 20000);
	CU_ASSERT(current_of(left) || left->events[EVENT_CHILD_DOWN] == 1);
	pair_free(pair);
}

/* "As many hosts may share one identity." */
static void nine_hosts(void)
{
	char left[8192], right[2048];
	int used = snprintf(left, sizeof(left), "<keyferry xmlns=\"urn:keyferry:1\">");

	for (int i = 0; i < 9; i++)
		used += snprintf(left + used, sizeof(left) - (size_t)used,
				 "<connection name=\"%c\" dpd=\"no\" unique=\"never\"><local address=\"198.51.100.%d\" id=\"left.example\"/>"
				 "<remote address=\"192.0.2.2\" id=\"right.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
				 "<child name=\"c\" mode=\"transport\" proposals=\"aes128gcm16\"/></connection>", 'a' + i, i + 1);
	snprintf(left + used, sizeof(left) - (size_t)used, "<psk ids=\"%%any\" file=\"psk\"/></keyferry>");
	snprintf(right, sizeof(right),
		 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\" unique=\"never\"><local address=\"192.0.2.2\" id=\"right.example\"/>"
		 "<remote address=\"%%any\" id=\"left.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
		 "<child name=\"c\" mode=\"transport\" proposals=\"aes128gcm16\"/></connection><psk ids=\"%%any\" file=\"psk\"/></keyferry>");
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk };
	struct pair *pair = pair_new(&options);
	for (char name[2] = "a"; name[0] < 'a' + 9; name[0]++) {
		CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], name, NULL), 0);
		pair_run(pair, 2000);
	}
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 9);
	pair_free(pair);
}

/* Message 2 of the renewal is sent again and again by somebody who saw it; the peer's Delete of the old pair is lost. */
struct seen {
	struct wire_packet packet;
	bool has, drops;
};

static unsigned see_message2(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct seen *seen = arg;

	(void)pair;
	if (packet->to != LEFT)
		return 1;
	if (packet->data[18] == 32 && !seen->has) {
		seen->packet = *packet;
		seen->has = true;
	}
	return packet->data[18] == 32 || !seen->drops;
}

static void message2_again(void)
{
	struct pair *pair = plain_new(1);
	static struct seen seen;

	memset(&seen, 0, sizeof(seen));
	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	pair->filter = see_message2;
	pair->filter_arg = &seen;
	CU_ASSERT(child_renew(current_of(&pair->side[LEFT])));
	pair_run(pair, 100);
	CU_ASSERT(seen.has);
	seen.drops = true;
	for (int i = 0; i < 15; i++) {
		pair_run(pair, 9000);
		pair_inject(pair, &seen.packet);
	}
	uint64_t lost = pair->probes_lost;
	pair_probe(pair, LEFT);
	pair_run(pair, 10);
	CU_ASSERT_EQUAL(pair->probes_lost, lost);
	pair_free(pair);
}

/* The configuration loses a child while that is being renewed. */
static void gone_while_renewed(void)
{
	unsigned left = LEFT;
	struct pair *pair = plain_new(1);
	static const char without[] =
		"<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.1\"/><remote address=\"192.0.2.2\"/>"
		"<phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
		"<child name=\"d\" proposals=\"aes128gcm16\" local=\"10.8.0.0/24\" remote=\"10.9.0.0/24\"/></connection>"
		"<psk ids=\"192.0.2.1 192.0.2.2\" file=\"psk\"/></keyferry>";

	side_begin(&pair->side[LEFT]);
	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	pair->filter = not_to;
	pair->filter_arg = &left;
	CU_ASSERT(child_renew(current_of(&pair->side[LEFT])));
	pair_run(pair, 100);
	struct settings *settings = side_read(&pair->side[LEFT], without, psk);
	side_reload(&pair->side[LEFT], settings);
	pair_run(pair, 100);
	pair->filter = NULL;
	pair_run(pair, 60000);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), 0);
	pair_free(pair);
}

/* Message 3 is lost, and the peer deletes the ISAKMP SA that it was under, for it has another. */
static void deleted_under_it(void)
{
	struct pair *pair = plain_new(1);
	struct side *left = &pair->side[LEFT], *right = &pair->side[RIGHT];
	struct ike_sa *older = NULL;

	CU_ASSERT_FATAL(pair_up(pair, 1000));
	pair_run(pair, 6000);
	older = side_find(left, "t");
	CU_ASSERT_EQUAL(shard_renew(older, NULL), 0);
	pair_run(pair, 1000);
	uint64_t until = UINT64_MAX;
	pair->filter = no_message3;
	pair->filter_arg = &until;
	const struct provider *quick = services_find(left->engine.services, SERVICE_EXCHANGE, "1/32");
	CU_ASSERT_EQUAL(exchange_start(older, quick->ops, &older->connection->children[0]), 0);
	pair_run(pair, 100);
	sa_end(older, "as some do", true);
	pair_run(pair, 10);
	pair->filter = NULL;
	pair_run(pair, 60000);
	CU_ASSERT_EQUAL(side_children(left), side_children(right));
	CU_ASSERT(pair_keys_agree(pair));
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "what waits for message 3 under an SA that is deleted is told of", deleted_under_it },
	{ "what the configuration loses while it is renewed does not come up", gone_while_renewed },
	{ "an order finds children that are on their way", down_on_the_way },
	{ "children follow phase 1 to another port of a NAT", nat_port },
	{ "a successor that cannot be installed is told of", late_refusal },
	{ "more than eight hosts share an identity", nine_hosts },
	{ "message 2 that comes again for ever does not keep us on an old pair", message2_again },
	{ "a Quick Mode begun anew leaves a policy", begun_anew },
	{ "a pair whose message 3 was late has a policy", late_message3 },
	{ "a pair that is over at both ends before message 3 of its successor goes on meanwhile", both_over_before_message3 },
	{ "a peer that does not ask for message 3 gets it again, if it is sent to and is not heard", never_asks_for_message3 },
	{ "what is taken down while it is renewed stays down", down_while_renewed },
	{ "the last generation does not end renewals", last_generation },
	{ "hosts with one identity keep their children where unique is never", never_is_never },
	{ "the policy of an address that was left goes", policy_of_before },
	{ "children without an heir are said to be down", heir_is_gone },
};

UNIT_MAIN("pairs-hazards", cases)
