/* SPDX-License-Identifier: MIT */
/* test_shunts.c - what passes beside the tunnels or is dropped, and which of several policies says so. */
#include <linux/virtio_net.h>

#include "test_path.h"

static void set_shunt(uint32_t id, enum ipsec_action action, const char *local, const char *remote)
{
	struct ipsec_policy policy = { .child = id, .action = action };

	CU_ASSERT_EQUAL_FATAL(selector_parse(&policy.local_ts, local) | selector_parse(&policy.remote_ts, remote), 0);
	CU_ASSERT_EQUAL_FATAL(tables_set_policy(&path.near, &policy), 0);
}

static uint64_t dropped(uint32_t id)
{
	return atomic_load(&tables_policy(&path.near, id)->dropped);
}

/* One packet from 10.1.0.1 to 10.2.0.1: is it sealed, passed, or neither? */
static char way_of(uint8_t protocol, uint16_t port)
{
	struct test_packet p = { .protocol = protocol, .destination_port = port, .len = 30 };

	path.clear_count = 0;
	emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count + path.clear_count <= 1 && path.answer_len == 0);
	return path.wire_count ? 'e' : path.clear_count ? 'c' : '-';
}

static void passes_unchanged(void)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct test_packet p = { .ipv6 = ipv6, .protocol = IPPROTO_UDP, .len = 700 };
		uint8_t wanted[1024];
		size_t len = make_packet(wanted, &p);

		path_open(SUITE_AEAD);
		set_shunt(2, IPSEC_BYPASS, ipv6 ? "fd01::/16" : "10.1.0.0/16", ipv6 ? "fd02::/16" : "10.2.0.0/16");
		emit(&p, NULL);
		CU_ASSERT_TRUE(path.wire_count == 0 && path.clear_count == 1 && path.clear_len == len && memcmp(path.clear, wanted, len) == 0);
		path_close();
	}
}

static void super_packets_pass_in_pieces(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_ACK, .len = 3500 }, last = { .protocol = IPPROTO_TCP, .flags = TCP_ACK,
				 .sequence = 3000, .offset = 3000, .len = 500, .id = 3 };
	struct vnet_header vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .header_len = 40, .gso_size = 1000,
				    .csum_start = 20, .csum_offset = 16 };
	uint8_t wanted[1024];

	path_open(SUITE_AEAD);
	set_shunt(2, IPSEC_BYPASS, "10.1.0.0/16", "10.2.0.0/16");
	emit(&p, &vnet);
	CU_ASSERT_EQUAL(path.clear_count, 4);
	size_t len = make_packet(wanted, &last);
	CU_ASSERT_TRUE(path.clear_len == len && memcmp(path.clear, wanted, len) == 0);
	path_close();
}

static void drops_are_counted(void)
{
	path_open(SUITE_AEAD);
	path_install();
	set_shunt(2, IPSEC_DROP, "0.0.0.0/0", "10.2.0.0/24[udp/7]");
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 7), '-');
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 7), '-');
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 8), 'e');
	CU_ASSERT_EQUAL(dropped(2), 2);
	path_close();
}

static void the_more_specific_goes_first(void)
{
	path_open(SUITE_AEAD);
	path_install();
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 7), 'e');
	set_shunt(2, IPSEC_BYPASS, "10.1.0.0/16", "0.0.0.0/0");
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 7), 'e');
	/* A tie is the shunt's, whichever came first. */
	set_shunt(3, IPSEC_BYPASS, "10.1.0.0/16", "10.2.0.0/16");
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 7), 'c');
	CU_ASSERT_EQUAL_FATAL(set_policy("10.1.0.0/16", "10.2.0.0/16", false, false), 0);
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 7), 'c');
	CU_ASSERT_EQUAL_FATAL(set_policy("10.1.0.0/16", "10.2.0.0/16[udp/7]", false, false), 0);
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 7), 'e');
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 8), 'c');
	CU_ASSERT_EQUAL_FATAL(set_policy("10.1.0.0/16", "10.2.0.0/24", false, false), 0);
	CU_ASSERT_EQUAL(way_of(IPPROTO_UDP, 8), 'e');
	path_close();
}

static void what_was_held_is_given_up(void)
{
	path_open(SUITE_AEAD);
	CU_ASSERT_EQUAL_FATAL(set_policy("10.1.0.0/16", "10.2.0.0/16", false, true), 0);
	CU_ASSERT_TRUE(way_of(IPPROTO_UDP, 7) == '-' && atomic_load(&path.out->held.count) == 1);
	set_shunt(2, IPSEC_DROP, "10.1.0.0/16", "10.2.0.0/24");
	out_release(path.out);
	CU_ASSERT_TRUE(path.wire_count == 0 && path.clear_count == 0 && atomic_load(&path.out->held.count) == 0);
	path_close();
}

static const struct unit_case cases[] = {
	{ "what bypasses the tunnel passes unchanged", passes_unchanged },
	{ "a super-packet that bypasses the tunnel passes in pieces", super_packets_pass_in_pieces },
	{ "what is dropped is counted", drops_are_counted },
	{ "the more specific goes first, at a tie the shunt", the_more_specific_goes_first },
	{ "what was held for a child is given up when a shunt takes its place", what_was_held_is_given_up },
};

UNIT_MAIN("kernel-tun shunts", cases)
