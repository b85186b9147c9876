/* SPDX-License-Identifier: MIT */
/* test_pairs_basic.c - Main Mode with PSK and Quick Mode between two engines: what comes up, and what is said when it does not. */
#include "pair.h"

static const char psk[] = "a pre-shared key of some length\n", other_psk[] = "another pre-shared key, not the same\n";

static struct pair *make(const char *ike, const char *esp, unsigned children, bool ipv6, bool transport, uint32_t features)
{
	char left[4096], right[4096];

	pair_documents(left, right, ike, esp, children, ipv6, transport);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk, .kernel_features = features };
	return pair_new(&options);
}

static void comes_up(const char *ike, const char *esp, unsigned children, bool ipv6, bool transport, uint32_t features)
{
	struct pair *pair = make(ike, esp, children, ipv6, transport, features);

	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(pair_keys_agree(pair));
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count, 2 * children);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 2 * children);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 1);
	CU_ASSERT_EQUAL(pair->side[LEFT].events[EVENT_IKE_UP], 1);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.sas[0].udp_encap, features & KERNEL_USERSPACE ? true : false);
	CU_ASSERT_EQUAL(shard_down(pair->side[LEFT].shards[0], "t", NULL), 1);
	pair_run(pair, 100);
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count, 0);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 0);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 0);
	CU_ASSERT_EQUAL(pair->side[RIGHT].shards[0]->sas.count, 0);
	pair_free(pair);
}

static void algorithms(void)
{
	static const char *const ike[] = {
		"aes128-sha1-modp1536", "aes256-sha256-modp2048", "aes256-sha384-ecp384", "aes128-sha256-curve25519",
		"camellia128-sha256-modp3072", "3des-sha1-modp1024", "aes192-md5-modp1024", "aes256-sha512-ecp521", "aes256-sha256-ecp256bp",
	};
	static const char *const esp[] = {
		"aes128-sha256", "aes256gcm16-modp2048", "aes128ccm16", "aes128ctr-sha256", "null-sha256", "aes128-sha256_96",
		"3des-sha1-modp1024", "aes256-sha512-curve25519", "camellia256-sha384",
	};

	for (size_t i = 0; i < COUNT(ike); i++)
		comes_up(ike[i], esp[i % COUNT(esp)], 1, false, false, 0);
}

static void many_children(void)
{
	comes_up("aes128-sha256-curve25519", "aes128gcm16", 3, false, false, 0);
}

static void ipv6(void)
{
	comes_up("aes128-sha256-curve25519", "aes128gcm16", 1, true, false, 0);
}

static void transport(void)
{
	comes_up("aes128-sha256-curve25519", "aes128gcm16", 1, false, true, 0);
}

static void userspace(void)
{
	comes_up("aes128-sha256-curve25519", "aes128gcm16", 2, false, false, KERNEL_USERSPACE);
}

static void fails_with(const char *left, const char *right, const char *right_psk, unsigned sayer, const char *code)
{
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = right_psk };
	struct pair *pair = pair_new(&options);

	CU_ASSERT(!pair_up(pair, 300000));
	if (!side_said(&pair->side[sayer], code)) {
		printf("not said: %s\n", code);
		for (size_t i = 0; i < pair->side[sayer].line_count && i < LOG_KEPT; i++)
			printf("  %s\n", pair->side[sayer].lines[i]);
		CU_FAIL("the reason was not said");
	}
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]) + side_children(&pair->side[RIGHT]), 0);
	pair_free(pair);
}

static void wrong_psk(void)
{
	char left[4096], right[4096];

	pair_documents(left, right, "aes128-sha256-curve25519", "aes128gcm16", 1, false, false);
	fails_with(left, right, other_psk, RIGHT, "psk-mismatch");
	fails_with(left, right, other_psk, LEFT, "no-answer: no answer to message 5");
}

static void wrong_proposal(void)
{
	char left[4096], right[4096], unused[4096];

	pair_documents(left, unused, "aes128-sha256-curve25519", "aes128gcm16", 1, false, false);
	pair_documents(unused, right, "aes256-sha256-modp2048", "aes128gcm16", 1, false, false);
	fails_with(left, right, psk, RIGHT, "proposal-mismatch");
	fails_with(left, right, psk, LEFT, "NO-PROPOSAL-CHOSEN");
}

static void wrong_esp(void)
{
	char left[4096], right[4096], unused[4096];

	pair_documents(left, unused, "aes128-sha256-curve25519", "aes128gcm16", 1, false, false);
	pair_documents(unused, right, "aes128-sha256-curve25519", "aes256-sha256", 1, false, false);
	fails_with(left, right, psk, RIGHT, "proposal-mismatch");
	fails_with(left, right, psk, LEFT, "refused-by-peer");
}

static void wrong_selectors(void)
{
	char left[4096], right[4096], unused[4096];

	pair_documents(left, unused, "aes128-sha256-curve25519", "aes128gcm16", 2, false, false);
	pair_documents(unused, right, "aes128-sha256-curve25519", "aes128gcm16", 1, false, true);
	fails_with(left, right, psk, RIGHT, "selector-mismatch");
}

static unsigned drop_all(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)pair;
	(void)packet;
	(void)arg;
	return 0;
}

static void silent_peer(void)
{
	struct pair *pair = make("aes128-sha256-curve25519", "aes128gcm16", 1, false, false, 0);

	pair->filter = drop_all;
	CU_ASSERT(!pair_up(pair, 600000));
	pair_run(pair, 1000);
	CU_ASSERT(side_said(&pair->side[LEFT], "no-answer: no answer to message 1 from 192.0.2.2:500"));
	CU_ASSERT(pair->side[LEFT].failed_finally);
	CU_ASSERT_EQUAL(pair->side[LEFT].shards[0]->sas.count, 0);
	pair_free(pair);
}

static void unknown_peer(void)
{
	struct pair *pair = make("aes128-sha256-curve25519", "aes128gcm16", 1, false, false, 0);
	struct wire_packet packet = { .to = RIGHT };

	CU_ASSERT(pair_up(pair, 5000));
	/* Message 1 of a stranger: from another address. */
	pair_reset(pair);
	CU_ASSERT(shard_up(pair->side[LEFT].shards[0], "t", NULL) == 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pair->wire);
	packet = *pair->wire;
	packet.from.ip[3] = 77;
	pair_inject(pair, &packet);
	pair_run(pair, 50);
	CU_ASSERT(side_said(&pair->side[RIGHT], "unknown-peer"));
	pair_free(pair);
}

static void initial_contact(void)
{
	struct pair *pair = make("aes128-sha256-curve25519", "aes128gcm16", 1, false, false, 0);

	CU_ASSERT(pair_up(pair, 5000));
	/* The left side forgets all, as after kill -9, and comes back. */
	LIST_EACH(it, &pair->side[LEFT].shards[0]->sas.all)
		sa_free(CONTAINER(it, struct ike_sa, in_shard));
	CU_ASSERT(pair_up(pair, 5000));
	pair_run(pair, 100);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 2);
	CU_ASSERT(side_said(&pair->side[RIGHT], "INITIAL-CONTACT"));
	pair_free(pair);
}

static void no_quick(void)
{
	char left[4096], right[4096];

	pair_documents(left, right, "aes128-sha256-curve25519", "aes128gcm16", 1, false, false);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk, .skip = "exchange-quick" };
	struct pair *pair = pair_new(&options);
	CU_ASSERT(!pair_up(pair, 10000));
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 1);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	CU_ASSERT(side_said(&pair->side[RIGHT], "no loaded plugin speaks"));
	pair_free(pair);
}

static void refused_by_kernel(void)
{
	struct pair *pair = make("aes128-sha256-curve25519", "aes128gcm16", 1, false, false, 0);

	pair->side[RIGHT].kernel.refuse = FAULT_SYSTEM;
	CU_ASSERT(!pair_up(pair, 10000));
	CU_ASSERT(side_said(&pair->side[RIGHT], "install-failed"));
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 0);
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "Main and Quick Mode come up with every named algorithm and both ends have the same keys", algorithms },
	{ "three children come up on one phase 1", many_children },
	{ "a tunnel comes up between IPv6 addresses", ipv6 },
	{ "transport mode comes up", transport },
	{ "with a userspace kernel ESP goes in UDP", userspace },
	{ "a wrong PSK is said on both ends", wrong_psk },
	{ "a phase 1 proposal mismatch is said on both ends", wrong_proposal },
	{ "a phase 2 proposal mismatch is said on both ends", wrong_esp },
	{ "a selector mismatch is said", wrong_selectors },
	{ "a silent peer is said, with how often it was asked", silent_peer },
	{ "an unknown peer is said", unknown_peer },
	{ "INITIAL-CONTACT ends what a peer forgot", initial_contact },
	{ "without exchange-quick phase 1 still comes up", no_quick },
	{ "what the kernel refuses leaves nothing behind", refused_by_kernel },
};

UNIT_MAIN("pairs-basic", cases)
