/* SPDX-License-Identifier: MIT */
/* test_life.c - what happens while an SA lives: it is used up, its peer moves, packets have waited for it. */
#include <linux/virtio_net.h>

#include "test_path.h"

enum { INNER = 20 + 8 + 72 };          /* octets of a packet of `hundred` */

static const struct test_packet hundred = { .protocol = IPPROTO_UDP, .len = 72 };

static struct esp_sa *near_sa(void)
{
	return tables_find_sa(&path.near, SPI, false, &path.outbound.remote);
}

/* How many of `count` packets left. */
static size_t emit_many(size_t count)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		emit(&hundred, NULL);
		left += path.wire_count;
	}
	return left;
}

/* How many of `count` packets arrived, of as many that left. */
static size_t pass_many(size_t count)
{
	size_t arrived = 0;

	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL_FATAL(emit_many(1), 1);
		take(0);
		arrived += path.device_count;
	}
	return arrived;
}

static void open_limited(bool inbound, struct ipsec_limits limits)
{
	path_open(SUITE_AEAD);
	*(inbound ? &path.inbound.limits : &path.outbound.limits) = limits;
	path_install();
}

static void outbound_packets(void)
{
	open_limited(false, (struct ipsec_limits){ .soft_packets = 3, .hard_packets = 5 });
	CU_ASSERT_TRUE(emit_many(2) == 2 && path.soft == 0);
	CU_ASSERT_TRUE(emit_many(2) == 2 && path.soft == 1 && path.hard == 0);
	CU_ASSERT_TRUE(emit_many(1) == 1 && path.soft == 1 && path.hard == 1);
	CU_ASSERT_TRUE(emit_many(4) == 0 && path.soft == 1 && path.hard == 1);
	CU_ASSERT_EQUAL(atomic_load(&path.out->counts.failed), 4);
	CU_ASSERT_EQUAL(atomic_load(&near_sa()->packets), 5);
	CU_ASSERT_TRUE(path.soft_inbound == 0 && path.hard_inbound == 0);
	path_close();
}

static void outbound_bytes(void)
{
	open_limited(false, (struct ipsec_limits){ .soft_bytes = 2 * INNER, .hard_bytes = 3 * INNER + 1 });
	CU_ASSERT_TRUE(emit_many(1) == 1 && path.soft == 0);
	CU_ASSERT_TRUE(emit_many(2) == 2 && path.soft == 1 && path.hard == 0);
	CU_ASSERT_TRUE(emit_many(1) == 1 && path.hard == 1);
	CU_ASSERT_TRUE(emit_many(1) == 0 && path.soft == 1 && path.hard == 1);
	path_close();
}

static void inbound_packets(void)
{
	open_limited(true, (struct ipsec_limits){ .soft_packets = 3, .hard_packets = 5 });
	CU_ASSERT_TRUE(pass_many(2) == 2 && path.soft_inbound == 0);
	CU_ASSERT_TRUE(pass_many(2) == 2 && path.soft_inbound == 1 && path.hard_inbound == 0);
	CU_ASSERT_TRUE(pass_many(1) == 1 && path.soft_inbound == 1 && path.hard_inbound == 1);
	CU_ASSERT_TRUE(pass_many(3) == 0 && path.soft_inbound == 1 && path.hard_inbound == 1);
	CU_ASSERT_EQUAL(atomic_load(&path.in->counts.no_sa), 3);
	CU_ASSERT_EQUAL(atomic_load(&far_sa()->packets), 5);
	CU_ASSERT_TRUE(path.soft == 0 && path.hard == 0);
	path_close();
}

static void inbound_bytes(void)
{
	open_limited(true, (struct ipsec_limits){ .soft_bytes = INNER + 1, .hard_bytes = 3 * INNER });
	CU_ASSERT_TRUE(pass_many(1) == 1 && path.soft_inbound == 0);
	/* What is not authentic or not new counts nothing. */
	take(0);
	path.wire[0][20] ^= 1;
	take(0);
	CU_ASSERT_EQUAL(path.soft_inbound, 0);
	CU_ASSERT_TRUE(pass_many(1) == 1 && path.soft_inbound == 1 && path.hard_inbound == 0);
	CU_ASSERT_TRUE(pass_many(1) == 1 && path.hard_inbound == 1);
	CU_ASSERT_TRUE(pass_many(1) == 0 && path.soft_inbound == 1 && path.hard_inbound == 1);
	path_close();
}

static void one_limit(void)
{
	open_limited(false, (struct ipsec_limits){ .hard_bytes = 1 });
	CU_ASSERT_TRUE(emit_many(3) == 1 && path.soft == 0 && path.hard == 1);
	path_close();
	open_limited(false, (struct ipsec_limits){ .soft_packets = 1 });
	CU_ASSERT_TRUE(emit_many(9) == 9 && path.soft == 1 && path.hard == 0);
	path_close();
	/* Whichever comes first; the other is not told again. */
	open_limited(false, (struct ipsec_limits){ .soft_bytes = 2 * INNER, .soft_packets = 4, .hard_packets = 6 });
	CU_ASSERT_TRUE(emit_many(2) == 2 && path.soft == 1);
	CU_ASSERT_TRUE(emit_many(7) == 4 && path.soft == 1 && path.hard == 1);
	path_close();
}

static void in_a_super_packet(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_ACK, .len = 10000, .fragment = IPV4_DF };
	struct vnet_header vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000 };

	open_limited(false, (struct ipsec_limits){ .soft_packets = 2, .hard_packets = 7 });
	emit(&p, &vnet);
	CU_ASSERT_TRUE(path.wire_count == 7 && path.soft == 1 && path.hard == 1);
	CU_ASSERT_EQUAL(atomic_load(&path.out->counts.failed), 1);
	path_close();
}

static const struct unit_case cases[] = {
	{ "an outbound SA tells of its soft limit of packets, then of its hard one, and sends nothing more", outbound_packets },
	{ "an outbound SA ends with the packet that reaches its limit of octets", outbound_bytes },
	{ "an inbound SA tells of its limits of packets too, and takes nothing more", inbound_packets },
	{ "only authentic packets use up an inbound SA's octets", inbound_bytes },
	{ "each limit works without the others, and the first one that is reached counts", one_limit },
	{ "an SA may end within a super-packet", in_a_super_packet },
};

UNIT_MAIN("kernel-tun life", cases)
