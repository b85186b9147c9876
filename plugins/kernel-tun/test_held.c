/* SPDX-License-Identifier: MIT */
/* test_held.c - packets that come before their SA: which are kept, how long, and that they leave sealed or not at all. */
#include <linux/virtio_net.h>

#include "test_path.h"

enum { RACES = 3000 };

static size_t held(void)
{
	return atomic_load(&path.out->held.count);
}

static uint64_t given_up(void)
{
	return atomic_load(&path.out->counts.no_sa);
}

static void set_policy_of(uint32_t child, const char *remote, bool want_acquire)
{
	struct ipsec_policy policy = { .child = child, .want_acquire = want_acquire };

	CU_ASSERT_EQUAL_FATAL(selector_parse(&policy.local_ts, "10.1.0.0/16") | selector_parse(&policy.remote_ts, remote), 0);
	CU_ASSERT_EQUAL_FATAL(tables_set_policy(&path.near, &policy), 0);
}

/* Everything but the outbound SA. */
static void open_waiting(void)
{
	path_open(SUITE_AEAD);
	set_policy_of(1, "10.2.0.0/16", true);
	CU_ASSERT_EQUAL_FATAL(install(&path.far, &path.inbound), 0);
}

static void add_sa(void)
{
	CU_ASSERT_EQUAL_FATAL(install(&path.near, &path.outbound), 0);
}

/* What the sending thread does when it is woken. */
static void turn(void)
{
	path.wire_count = 0;
	out_release(path.out);
	out_flush(path.out);
}

/* And again when it said that it would. */
static void settle(void)
{
	turn();
	CU_ASSERT_EQUAL(path.wire_count, 0);
	path.out->now += (uint64_t)path.out->held.wait;
	turn();
}

static void emit_flow(uint16_t port)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .destination_port = port, .len = port };

	emit(&p, NULL);
}

static void sent_later(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_SYN, .len = 30, .tos = 0x28 };
	uint8_t wanted[256];
	size_t len = make_packet(wanted, &p);

	open_waiting();
	emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 1 && path.acquired == 1 && path.answer_len == 0);
	turn();
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 1);
	add_sa();
	settle();
	CU_ASSERT_TRUE_FATAL(path.wire_count == 1 && held() == 0);
	take(0);
	CU_ASSERT_TRUE(path.device_count == 1 && path.device_len == len && memcmp(path.device, wanted, len) == 0);
	CU_ASSERT_EQUAL(given_up(), 0);
	turn();
	CU_ASSERT_EQUAL(path.wire_count, 0);
	path_close();
}

static void one_of_a_flow(void)
{
	open_waiting();
	for (int i = 0; i < 3; i++)
		emit_flow(7);
	CU_ASSERT_TRUE(held() == 1 && given_up() == 2);
	for (uint16_t port = 8; port < 20; port++)
		emit_flow(port);
	CU_ASSERT_TRUE(held() == HELD_CHILD_MAX && given_up() == 2 + 13 - HELD_CHILD_MAX);
	add_sa();
	settle();
	CU_ASSERT_EQUAL_FATAL(path.wire_count, HELD_CHILD_MAX);
	for (size_t i = 0; i < HELD_CHILD_MAX; i++) {
		take(i);
		CU_ASSERT_EQUAL(path.device_len, 20 + 8 + 7 + i);
	}
	path_close();
}

static void fragments(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 800, .fragment = IPV4_MF };

	open_waiting();
	emit(&p, NULL);
	p.fragment = 101;
	emit(&p, NULL);
	CU_ASSERT_EQUAL(held(), 2);
	path_close();
}

static void super_packet(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_ACK, .len = 60000, .fragment = IPV4_DF };
	struct vnet_header vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1300 };
	size_t payload = 0;

	open_waiting();
	emit(&p, &vnet);
	CU_ASSERT_EQUAL(held(), 1);
	/* The thread's buffer has other packets by now. */
	memset(packet, 0xee, sizeof(packet));
	add_sa();
	settle();
	CU_ASSERT_EQUAL_FATAL(path.wire_count, 47);
	for (size_t i = 0; i < path.wire_count; i++) {
		struct inner in;

		take(i);
		CU_ASSERT_EQUAL_FATAL(inner_parse(&in, bytes_of(path.device, path.device_len)), 0);
		CU_ASSERT_EQUAL(checksum_fold(checksum_add(checksum_pseudo(&in, in.len - 20), path.device + 20, in.len - 20)), 0);
		for (size_t at = 40; at < in.len; at++, payload++)
			if (path.device[at] != test_pattern(payload))
				CU_FAIL_FATAL("wrong octet");
	}
	CU_ASSERT_EQUAL(payload, 60000);
	path_close();
}

/* The stack left the checksum to the device: it is completed once. */
static void partial_checksum(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 50 };
	struct vnet_header vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 6 }, none = { 0 };
	uint8_t wanted[128];
	size_t len = make_packet(wanted, &p);
	struct inner in;

	open_waiting();
	CU_ASSERT_EQUAL_FATAL(make_packet(packet, &p), len);
	CU_ASSERT_EQUAL_FATAL(inner_parse(&in, bytes_of(packet, len)), 0);
	store_sum(packet + 26, (uint16_t)~checksum_fold(checksum_pseudo(&in, len - 20)));
	out_packet(path.out, &vnet, packet, len);
	CU_ASSERT_EQUAL(held(), 1);
	CU_ASSERT_EQUAL(memcmp(&path.out->held.at[0].vnet, &none, sizeof(none)), 0);
	add_sa();
	settle();
	CU_ASSERT_EQUAL_FATAL(path.wire_count, 1);
	take(0);
	CU_ASSERT_TRUE(path.device_len == len && memcmp(path.device, wanted, len) == 0);
	path_close();
}

static void too_old(void)
{
	open_waiting();
	emit_flow(7);
	path.out->now += HELD_MS - 1;
	emit_flow(8);
	CU_ASSERT_TRUE(held() == 2 && given_up() == 0);
	path.out->now++;
	add_sa();
	settle();
	CU_ASSERT_TRUE_FATAL(path.wire_count == 1 && held() == 0 && given_up() == 1);
	take(0);
	CU_ASSERT_EQUAL(path.device_len, 20 + 8 + 8);
	path_close();
	/* Without any change. */
	open_waiting();
	emit_flow(7);
	path.out->now += HELD_MS;
	turn();
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 0 && given_up() == 1);
	path_close();
}

static void peer_gets_ready(void)
{
	open_waiting();
	emit_flow(7);
	CU_ASSERT_EQUAL(path.out->held.wait, HELD_LOOK_MS);
	path.out->now += 400;
	add_sa();
	turn();
	CU_ASSERT_TRUE(path.wire_count == 0 && path.out->held.wait == HELD_SETTLE_MS);
	path.out->now += HELD_SETTLE_MS - 1;
	/* Another change starts nothing anew, and what comes from the device now does not wait. */
	policies_touch(&path.near.policies);
	emit_flow(8);
	CU_ASSERT_TRUE(path.wire_count == 1 && held() == 1 && path.out->held.wait == 1);
	path.out->now++;
	turn();
	CU_ASSERT_TRUE(path.wire_count == 1 && held() == 0);
	path_close();
	/* The SA goes meanwhile. */
	open_waiting();
	emit_flow(7);
	add_sa();
	turn();
	tables_remove_sa(&path.near, tables_find_sa(&path.near, SPI, false, &path.outbound.remote));
	path.out->now += HELD_SETTLE_MS;
	turn();
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 1 && path.out->held.wait == HELD_LOOK_MS);
	add_sa();
	settle();
	CU_ASSERT_TRUE(path.wire_count == 1 && held() == 0);
	path_close();
}

static void policy_goes(void)
{
	open_waiting();
	emit_flow(7);
	CU_ASSERT_EQUAL(tables_remove_policy(&path.near, 1), 0);
	turn();
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 0 && atomic_load(&path.out->counts.no_policy) == 1);
	/* Back again, but not on demand. */
	set_policy_of(1, "10.2.0.0/16", true);
	emit_flow(7);
	CU_ASSERT_EQUAL(held(), 1);
	set_policy_of(1, "10.2.0.0/16", false);
	turn();
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 0 && given_up() == 1);
	emit_flow(7);
	CU_ASSERT_TRUE(held() == 0 && path.answer_len > 0);
	path_close();
}

/* What was negotiated may be another child than the one that asked, and narrower. */
static void another_child(void)
{
	open_waiting();
	emit_flow(7);
	path.outbound.child = 2;
	add_sa();
	turn();
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 1);
	set_policy_of(2, "10.2.0.1", false);
	settle();
	CU_ASSERT_TRUE_FATAL(path.wire_count == 1 && held() == 0);
	take(0);
	CU_ASSERT_EQUAL(path.device_len, 20 + 8 + 7);
	path_close();
	open_waiting();
	emit_flow(7);
	(void)!selector_parse(&path.outbound.remote_ts, "10.2.9.0/24");
	add_sa();
	settle();
	CU_ASSERT_TRUE(path.wire_count == 0 && held() == 0);
	CU_ASSERT_EQUAL(atomic_load(&tables_find_sa(&path.near, SPI, false, &path.outbound.remote)->outside_selector), 1);
	path_close();
}

static void emit_to(uint8_t last)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 9 };
	struct vnet_header none = { 0 };
	size_t len = make_packet(packet, &p);

	packet[19] = last;
	checksum_ipv4(packet, 20);
	out_packet(path.out, &none, packet, len);
}

static void bounded(void)
{
	char remote[32];

	path_open(SUITE_AEAD);
	for (uint32_t i = 1; i <= HELD_PACKETS_MAX + 2; i++) {
		snprintf(remote, sizeof(remote), "10.2.0.%u", i);
		set_policy_of(i, remote, true);
		emit_to((uint8_t)i);
	}
	CU_ASSERT_TRUE(held() == HELD_PACKETS_MAX && given_up() == 2);
	CU_ASSERT_TRUE(path.out->held.at[0].child == 3 && path.out->held.at[HELD_PACKETS_MAX - 1].child == HELD_PACKETS_MAX + 2);
	/* One that would not be kept pushes out nothing. */
	emit_to(50);
	CU_ASSERT_TRUE(given_up() == 3 && path.out->held.at[0].child == 3);
	/* All are freed when the thread ends. */
	out_close(path.out);
	CU_ASSERT_TRUE(held() == 0 && given_up() == 3 + HELD_PACKETS_MAX);
	path_close();
}

/* The sending thread holds a packet in the moment the SA comes: it sees that itself, or is woken for it. */
static void *send_one(void *barrier)
{
	pthread_barrier_wait(barrier);
	epoch_enter(&path.near.epoch, READER_OUT);
	emit_flow(7);
	epoch_leave(&path.near.epoch, READER_OUT);
	return NULL;
}

static void race(pthread_barrier_t *barrier)
{
	pthread_t sender;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&sender, NULL, send_one, barrier), 0);
	pthread_barrier_wait(barrier);
	add_sa();
	bool wakes = held() > 0;
	pthread_join(sender, NULL);
	if (path.wire_count == 0) {
		CU_ASSERT_TRUE(wakes || path.out->held.at[0].due != 0);
		settle();
	}
	CU_ASSERT_TRUE(path.wire_count == 1 && held() == 0);
	tables_remove_sa(&path.near, tables_find_sa(&path.near, SPI, false, &path.outbound.remote));
}

static void races(void)
{
	pthread_barrier_t barrier;

	open_waiting();
	CU_ASSERT_EQUAL_FATAL(pthread_barrier_init(&barrier, NULL, 2), 0);
	for (int i = 0; i < RACES; i++)
		race(&barrier);
	pthread_barrier_destroy(&barrier);
	path_close();
}

static const struct unit_case cases[] = {
	{ "a packet that finds no SA is sent as it was once there is one", sent_later },
	{ "one packet of each flow is held, and a few flows of each child, in their order", one_of_a_flow },
	{ "fragments are not taken for repetitions", fragments },
	{ "a super-packet is held and cut later", super_packet },
	{ "a checksum that was left to the device is complete when the packet is sent", partial_checksum },
	{ "a packet that was held too long is given up", too_old },
	{ "what was held gives the peer a moment to install its side", peer_gets_ready },
	{ "what was held goes with its policy, never in the clear", policy_goes },
	{ "what was held goes by the policies and selectors of the moment it is sent in", another_child },
	{ "there is a limit for all children together, and the oldest packets make room", bounded },
	{ "no held packet is forgotten when its SA comes in that moment", races },
};

UNIT_MAIN("kernel-tun held", cases)
