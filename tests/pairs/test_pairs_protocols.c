/* SPDX-License-Identifier: MIT */
/* test_pairs_protocols.c - children of AH instead of ESP, and with IPComp: they come up, are renewed and end; and where they cannot be. */
#include "pair.h"

#define AH "\" protocol=\"ah"
#define COMP "\" compress=\"yes"

static const char psk[] = "a pre-shared key of some length\n", ike[] = "aes128-sha256-curve25519";
enum { FEATURES = KERNEL_TRANSPORT | KERNEL_UDP_ENCAP | KERNEL_AH | KERNEL_IPCOMP, NAT_PORT = 40000, MINUTE = 60 * 1000 };

static struct pair *make(const char *left, const char *right, uint32_t features)
{
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk, .kernel_features = features };

	return pair_new(&options);
}

static struct pair *make_alike(const char *child, bool ipv6, bool transport)
{
	char left[4096], right[4096];

	pair_documents(left, right, ike, child, 1, ipv6, transport);
	return make(left, right, FEATURES);
}

static void is_ah(const struct pair *pair)
{
	for (int i = 0; i < SIDES; i++)
		for (size_t k = 0; k < pair->side[i].kernel.count; k++)
			CU_ASSERT(pair->side[i].kernel.sas[k].is_ah && !pair->side[i].kernel.sas[k].udp_encap);
}

static void comes_up(const char *child, size_t key_len, bool ipv6, bool transport)
{
	struct pair *pair = make_alike(child, ipv6, transport);

	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(pair_keys_agree(pair));
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count, 2);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.sas[0].key_len, key_len);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.sas[0].transport, transport);
	is_ah(pair);
	CU_ASSERT(side_said(&pair->side[LEFT], "AH sha"));
	/* The child alone, so that it is a Delete of AH that ends it at the peer. */
	CU_ASSERT_EQUAL(shard_down(pair->side[LEFT].shards[0], "t", "c0"), 1);
	pair_run(pair, 10000);
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count, 0);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 0);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	pair_free(pair);
}

static void plain_cases(void)
{
	comes_up("sha256" AH, 32, false, false);
	comes_up("sha256" AH, 32, false, true);
	comes_up("sha512-modp2048" AH, 64, true, false);
	comes_up("sha1-esn" AH, 20, true, true);
}

static void phase1_takes_it_along(void)
{
	struct pair *pair = make_alike("sha256" AH, false, false);

	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT_EQUAL(shard_down(pair->side[RIGHT].shards[0], "t", NULL), 1);
	pair_run(pair, 10000);
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count, 0);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 0);
	pair_free(pair);
}

static void renewed(void)
{
	struct pair *pair = make_alike("sha256" AH "\" lifetime=\"60s", false, false);

	CU_ASSERT(pair_up(pair, 5000));
	for (unsigned i = 0; i < 1000; i++) {
		pair_probe(pair, i % 2);
		pair_run(pair, MINUTE / 100);
	}
	CU_ASSERT_EQUAL(pair->probes_lost, 0);
	CU_ASSERT(pair->side[LEFT].events[EVENT_CHILD_RENEWED] >= 8);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 1);
	is_ah(pair);
	pair_free(pair);
}

/* RFC 2407 4.6.3.1: RESPONDER-LIFETIME names the SA by its protocol too. */
static void shorter_lifetime(void)
{
	char left[4096], right[4096], unused[4096];

	pair_documents(left, unused, ike, "sha256" AH "\" lifetime=\"1h", 1, false, false);
	pair_documents(unused, right, ike, "sha256" AH "\" lifetime=\"10m", 1, false, false);
	struct pair *pair = make(left, right, FEATURES);
	CU_ASSERT(pair_up(pair, 5000));
	const struct ike_sa *sa = side_find(&pair->side[LEFT], "t");
	CU_ASSERT_PTR_NOT_NULL_FATAL(sa);
	CU_ASSERT_EQUAL(CONTAINER(sa->children.next, struct child, in_sa)->lifetime.seconds, 600);
	pair_free(pair);
}

static void is_refused(const char *left_child, const char *right_child, uint32_t features, wire_filter *filter, unsigned sayer,
		       const char *says)
{
	char left[4096], right[4096], unused[4096];

	pair_documents(left, unused, ike, left_child, 1, false, false);
	pair_documents(unused, right, ike, right_child, 1, false, false);
	struct pair *pair = make(left, right, features);
	pair->filter = filter;
	CU_ASSERT(!pair_up(pair, MINUTE));
	if (!side_said(&pair->side[sayer], says))
		for (size_t i = 0; i < pair->side[sayer].line_count && i < LOG_KEPT; i++)
			printf("  %s\n", pair->side[sayer].lines[i]);
	CU_ASSERT(side_said(&pair->side[sayer], says));
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count + pair->side[RIGHT].kernel.count, 0);
	pair_free(pair);
}

static void for_esp(void)
{
	is_refused("sha256" AH, "aes128-sha256", FEATURES, NULL, RIGHT,
		   "no ESP proposal fits child c0: peer offers AH sha256; we accept aes128-sha256; nearest AH sha256 misses aes128");
	is_refused("aes128-sha256", "sha256" AH, FEATURES, NULL, RIGHT,
		   "no AH proposal fits child c0: peer offers aes128-sha256; we accept AH sha256; nearest aes128-sha256 misses AH");
	is_refused("aes128-sha256", "sha256" AH, FEATURES, NULL, LEFT, "NO-PROPOSAL-CHOSEN");
}

static void without_kernel(void)
{
	is_refused("sha256" AH, "sha256" AH, FEATURES & ~KERNEL_AH, NULL, LEFT,
		   "no-ah: child c0 uses AH, which the kernel service fake does not have: use kernel-xfrm, or ESP");
}

/* In front of the left side. */
static unsigned nat(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)pair;
	(void)arg;
	if (packet->to == RIGHT)
		packet->from.port += NAT_PORT;
	else if (packet->dest.port > NAT_PORT)
		packet->dest.port -= NAT_PORT;
	return 1;
}

static void behind_nat(void)
{
	static const char says[] = "ah-nat: child c0 uses AH, but there is a NAT in front of us, and what it changes AH protects";

	is_refused("sha256" AH, "sha256" AH, FEATURES, nat, LEFT, says);
	/* Only the responder's is of AH. */
	is_refused("aes128-sha256", "sha256" AH, FEATURES, nat, RIGHT, "ah-nat: child c0 uses AH, but there is a NAT in front of the peer");
}

static void peer_insists(void)
{
	char left[4096], right[4096], forced[4096];
	static const char name[] = "<connection name=\"t\"";

	pair_documents(left, right, ike, "sha256" AH, 1, false, false);
	pair_documents(forced, right, ike, "aes128-sha256", 1, false, false);
	const char *at = strstr(right, name) + strlen(name);
	snprintf(forced, sizeof(forced), "%.*s encap=\"yes\"%s", (int)(at - right), right, at);
	struct pair *pair = make(left, forced, FEATURES);
	CU_ASSERT(!pair_up(pair, MINUTE));
	CU_ASSERT(side_said(&pair->side[LEFT], "ah-nat: child c0 uses AH, which has no form in UDP, but the peer insists on UDP"));
	pair_free(pair);
}

/* ---- IPComp ---- */

static struct pair *make_two(const char *left_child, const char *right_child, bool ipv6, bool transport, uint32_t features)
{
	char left[4096], right[4096], unused[4096];

	pair_documents(left, unused, ike, left_child, 1, ipv6, transport);
	pair_documents(unused, right, ike, right_child, 1, ipv6, transport);
	return make(left, right, features);
}

/* What one side receives with, the other sends with. */
static bool cpis_agree(const struct pair *pair, bool compressed)
{
	for (int i = 0; i < SIDES; i++)
		for (size_t k = 0; k < pair->side[i].kernel.count; k++) {
			const struct fake_sa *sa = &pair->side[i].kernel.sas[k];
			const struct fake_kernel *theirs = &pair->side[!i].kernel;
			if ((sa->cpi != 0) != compressed)
				return false;
			for (size_t j = 0; j < theirs->count; j++)
				if (theirs->sas[j].spi == sa->spi && theirs->sas[j].cpi != sa->cpi)
					return false;
		}
	return pair->side[LEFT].kernel.count > 0 && pair->side[LEFT].kernel.policy[0].compress == compressed;
}

static void agrees(const char *left, const char *right, bool ipv6, bool transport, uint32_t features, bool compressed)
{
	struct pair *pair = make_two(left, right, ipv6, transport, features);

	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(pair_keys_agree(pair));
	CU_ASSERT(cpis_agree(pair, compressed));
	CU_ASSERT_EQUAL(side_said(&pair->side[LEFT], ", IPComp"), compressed);
	CU_ASSERT_EQUAL(shard_down(pair->side[RIGHT].shards[0], "t", "c0"), 1);
	pair_run(pair, 10000);
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count + pair->side[RIGHT].kernel.count, 0);
	pair_free(pair);
}

static void both_want_it(void)
{
	agrees("aes128-sha256" COMP, "aes128-sha256" COMP, false, false, FEATURES, true);
	agrees("aes128gcm16-modp2048" COMP, "aes128gcm16-modp2048" COMP, false, true, FEATURES, true);
	agrees("aes128gcm16" COMP, "aes128gcm16" COMP, true, true, FEATURES, true);
	agrees("sha256" AH COMP, "sha256" AH COMP, false, false, FEATURES, true);
}

static void one_does_not(void)
{
	agrees("aes128-sha256" COMP, "aes128-sha256", false, false, FEATURES, false);
	agrees("aes128-sha256", "aes128-sha256" COMP, false, false, FEATURES, false);
	agrees("aes128-sha256" COMP, "aes128-sha256" COMP, false, false, FEATURES & ~KERNEL_IPCOMP, false);
	/* IPv4 in IPv6, which Linux has not. */
	agrees("aes128-sha256" COMP, "aes128-sha256" COMP, true, false, FEATURES, false);
}

static void kernel_finds_out(void)
{
	struct pair *pair = make_two("aes128-sha256" COMP, "aes128-sha256" COMP, false, false, FEATURES);

	pair->side[RIGHT].kernel.refuse_cpi = true;
	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(cpis_agree(pair, false));
	pair_free(pair);
}

static void compressed_through_nat(void)
{
	struct pair *pair = make_two("aes128-sha256" COMP, "aes128-sha256" COMP, false, false, FEATURES);

	pair->filter = nat;
	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(cpis_agree(pair, true));
	CU_ASSERT(pair->side[RIGHT].kernel.sas[0].udp_encap);
	pair_free(pair);
}

static void renewed_compressed(void)
{
	struct pair *pair = make_two("aes128-sha256\" lifetime=\"60s" COMP, "aes128-sha256" COMP, false, false, FEATURES);

	CU_ASSERT(pair_up(pair, 5000));
	pair_run(pair, 10 * MINUTE);
	CU_ASSERT(pair->side[LEFT].events[EVENT_CHILD_RENEWED] >= 8);
	CU_ASSERT(cpis_agree(pair, true));
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "AH comes up in both modes, over IPv4 and IPv6, and is ended by a Delete of AH", plain_cases },
	{ "it ends with phase 1", phase1_takes_it_along },
	{ "it is renewed without a packet lost", renewed },
	{ "the shorter lifetime of both ends counts", shorter_lifetime },
	{ "AH and ESP do not fit, and both ends say why", for_esp },
	{ "a kernel service without AH is said", without_kernel },
	{ "a NAT on the way is said", behind_nat },
	{ "a peer that insists on UDP is said", peer_insists },
	{ "where both ends want IPComp they agree on it", both_want_it },
	{ "where one does not, or cannot, they do without", one_does_not },
	{ "a kernel that turns out to have none does without", kernel_finds_out },
	{ "IPComp passes a NAT in UDP", compressed_through_nat },
	{ "IPComp is renewed along", renewed_compressed },
};

UNIT_MAIN("pairs-protocols", cases)
