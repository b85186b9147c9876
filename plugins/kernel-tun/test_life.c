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

/* A packet that left, in a batch from a port of the peer's address. */
static void take_from(uint16_t port, size_t index)
{
	struct address is = path.inbound.remote;

	path.inbound.remote.port = port;
	take(index);
	path.inbound.remote = is;
}

static void pass_from(uint16_t port)
{
	emit(&hundred, NULL);
	take_from(port, 0);
	CU_ASSERT_EQUAL(path.device_count, 1);
}

static void moves(void)
{
	open_limited(true, (struct ipsec_limits){ 0 });
	pass_from(4500);
	CU_ASSERT_EQUAL(path.moved, 0);
	pass_from(1025);
	CU_ASSERT_TRUE(path.moved == 1 && path.moved_to.port == 1025);
	CU_ASSERT_TRUE(address_same_host(&path.moved_to, &path.inbound.remote));
	(void)!address_parse(&path.inbound.remote, "203.0.113.9");
	path.in->now += 999;
	pass_from(4500);
	CU_ASSERT_EQUAL(path.moved, 1);
	path.in->now++;
	pass_from(4500);
	CU_ASSERT_TRUE(path.moved == 2 && address_same_host(&path.moved_to, &path.inbound.remote));
	/* The SA is where the host has it, and nothing else moves it. */
	CU_ASSERT_FALSE(address_same_host(&atomic_load(&far_sa()->endpoint)->remote, &path.inbound.remote));
	path_close();
}

static void moves_only_forward(void)
{
	open_limited(true, (struct ipsec_limits){ 0 });
	pass_from(4500);
	emit(&hundred, NULL);
	static uint8_t older[2048];
	size_t len = path.wire_len[0];
	memcpy(older, path.wire[0], len);
	pass_from(4500);
	memcpy(path.wire[0], older, len);
	path.wire_len[0] = len;
	/* Late, authentic and new: it is delivered, and says nothing. */
	take_from(1025, 0);
	CU_ASSERT_TRUE(path.device_count == 1 && path.moved == 0);
	/* Replayed by somebody else. */
	take_from(1025, 0);
	CU_ASSERT_TRUE(path.device_count == 0 && path.moved == 0);
	emit(&hundred, NULL);
	path.wire[0][20] ^= 1;
	take_from(1025, 0);
	CU_ASSERT_TRUE(path.device_count == 0 && path.moved == 0);
	path.wire[0][20] ^= 1;
	take_from(1025, 0);
	CU_ASSERT_TRUE(path.device_count == 1 && path.moved == 1);
	path_close();
}

/* As the daemon does it: both directions, in the tables of the side whose peer it is. */
static void moved_by_the_host(void)
{
	open_limited(true, (struct ipsec_limits){ 0 });
	struct address to = path.inbound.remote;
	to.port = 1025;
	pass_from(1025);
	CU_ASSERT_EQUAL(path.moved, 1);
	struct esp_sa *sa = tables_find_sa(&path.far, SPI, true, &path.inbound.remote);
	CU_ASSERT_PTR_EQUAL_FATAL(sa, far_sa());
	CU_ASSERT_EQUAL(tables_move_sa(&path.far, sa, endpoint_new(sa, &path.inbound.local, &path.moved_to, 0)), 0);
	CU_ASSERT_PTR_EQUAL(far_sa(), sa);
	CU_ASSERT_TRUE(address_same(&atomic_load(&sa->endpoint)->remote, &to));
	/* At home there, wherever it was before; its window stays. */
	path.in->now += MOVED_MS;
	pass_from(1025);
	CU_ASSERT_EQUAL(path.moved, 1);
	take_from(1025, 0);
	CU_ASSERT_EQUAL(path.device_count, 0);
	pass_from(4500);
	CU_ASSERT_TRUE(path.moved == 2 && path.moved_to.port == 4500);
	path_close();
}

static void outbound_moved(void)
{
	struct address to = make_sa(SUITE_AEAD, false, SPI).remote;

	open_limited(false, (struct ipsec_limits){ 0 });
	CU_ASSERT_TRUE(emit_many(1) == 1 && address_same(&path.sent_to, &path.outbound.remote));
	to.port = 1025;
	struct esp_sa *sa = near_sa();
	CU_ASSERT_EQUAL(tables_move_sa(&path.near, sa, endpoint_new(sa, &path.outbound.local, &to, 1400)), 0);
	CU_ASSERT_TRUE(emit_many(1) == 1 && address_same(&path.sent_to, &to));
	CU_ASSERT_EQUAL(load_u32(path.wire[0] + 4), 2);
	CU_ASSERT_EQUAL(tables_mtu(&path.near, 1), esp_sa_inner_mtu(sa, AF_INET, 1400));
	CU_ASSERT_PTR_EQUAL(tables_find_sa(&path.near, SPI, false, &to), sa);
	CU_ASSERT_PTR_NULL(near_sa());
	path_close();
}

static void nobody_to_tell(void)
{
	open_limited(true, (struct ipsec_limits){ 0 });
	path.host.moved = NULL;
	pass_from(1025);
	path_close();
	/* Without UDP there is no port, and an address cannot change under way. */
	path_open(SUITE_AEAD);
	path.inbound.udp_encap = path.outbound.udp_encap = false;
	path_install();
	path.in->reader = READER_RAW;
	pass_from(1025);
	CU_ASSERT_EQUAL(path.moved, 0);
	path_close();
}

static const struct unit_case cases[] = {
	{ "an outbound SA tells of its soft limit of packets, then of its hard one, and sends nothing more", outbound_packets },
	{ "an outbound SA ends with the packet that reaches its limit of octets", outbound_bytes },
	{ "an inbound SA tells of its limits of packets too, and takes nothing more", inbound_packets },
	{ "only authentic packets use up an inbound SA's octets", inbound_bytes },
	{ "each limit works without the others, and the first one that is reached counts", one_limit },
	{ "an SA may end within a super-packet", in_a_super_packet },
	{ "the host is told where the peer of an inbound SA is now, once a second at most", moves },
	{ "neither late nor replayed nor forged packets move a peer", moves_only_forward },
	{ "an inbound SA that was moved takes packets as before, and tells of the next move", moved_by_the_host },
	{ "an outbound SA that was moved sends to the new place, and is found there only", outbound_moved },
	{ "nobody is told where no one wants to know, nor without UDP encapsulation", nobody_to_tell },
};

UNIT_MAIN("kernel-tun life", cases)
