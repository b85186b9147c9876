/* SPDX-License-Identifier: MIT */
/* test_inner.c - reading and mending inner packets, ICMP answers, prefixes. */
#include <linux/virtio_net.h>

#include "icmp.h"
#include "test_parts.h"
#include "unit.h"

static uint8_t packet[2048];

static void parse_ports(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .source_port = 1000, .destination_port = 80, .len = 5 };
	struct inner in;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		p.ipv6 = ipv6;
		size_t len = make_packet(packet, &p);
		CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, len)), 0);
		CU_ASSERT_TRUE(in.has_ports && !in.fragment && in.len == len);
		CU_ASSERT_TRUE(in.source_port == 1000 && in.destination_port == 80);
		CU_ASSERT_EQUAL(in.header_len, ipv6 ? 40 : 20);
	}
}

static void parse_cut(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 64 };
	struct inner in;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		p.ipv6 = ipv6;
		size_t len = make_packet(packet, &p);
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = malloc(cut ? cut : 1);
			memcpy(copy, packet, cut);
			CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(copy, cut)), FAULT_INPUT);
			free(copy);
		}
	}
}

static void parse_fragments(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .fragment = IPV4_MF, .len = 64 };
	struct inner in;

	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, make_packet(packet, &p))), 0);
	CU_ASSERT_TRUE(in.fragment && !in.has_ports);
	p.fragment = 100;
	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, make_packet(packet, &p))), 0);
	CU_ASSERT_TRUE(in.fragment && !in.has_ports);
}

static void parse_extensions(void)
{
	/* Hop-by-hop, destination options, then UDP. */
	static const uint8_t tail[] = { 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, 0, 53, 0, 99, 0, 8, 0, 0 };
	struct inner in;

	memset(packet, 0, sizeof(packet));
	packet[0] = 0x60;
	packet[5] = sizeof(tail);
	memcpy(packet + 40, tail, sizeof(tail));
	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, 64)), 0);
	CU_ASSERT_TRUE(in.protocol == IPPROTO_UDP && in.header_len == 56 && in.source_port == 53 && in.destination_port == 99);
	packet[41] = 9;
	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, 64)), FAULT_INPUT);
	/* A chain without end. */
	memset(packet + 40, 0, 200);
	packet[5] = 200;
	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, 240)), FAULT_INPUT);
}

static bool takes(const char *text, bool destination)
{
	struct selector s;
	struct inner in;
	uint16_t len = load_u16(packet + 2);

	return selector_parse(&s, text) == 0 && inner_parse(&in, bytes_of(packet, len)) == 0 && selector_takes(&s, &in, destination);
}

static void selectors(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .source_port = 1000, .destination_port = 80 };

	make_packet(packet, &p);
	CU_ASSERT_TRUE(takes("10.1.0.0/16", false));
	CU_ASSERT_FALSE(takes("10.1.0.0/16", true));
	CU_ASSERT_TRUE(takes("10.2.0.0-10.2.0.1[tcp/80]", true));
	CU_ASSERT_FALSE(takes("10.2.0.2-10.2.0.9", true));
	CU_ASSERT_FALSE(takes("10.2.0.0/16[tcp/81]", true));
	CU_ASSERT_FALSE(takes("10.2.0.0/16[udp]", true));
	CU_ASSERT_TRUE(takes("0.0.0.0/0", true));
	CU_ASSERT_FALSE(takes("::/0", true));
	p.fragment = IPV4_MF;
	make_packet(packet, &p);
	CU_ASSERT_FALSE(takes("10.2.0.0/16[tcp/80]", true));
	CU_ASSERT_TRUE(takes("10.2.0.0/16[tcp]", true));
}

static void partial_checksum(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .len = 33 };
	struct vnet_header h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 16 };
	struct inner in;
	size_t len = make_packet(packet, &p);
	uint16_t right = load_u16(packet + 36);

	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, len)), 0);
	store_sum(packet + 36, (uint16_t)~checksum_fold(checksum_pseudo(&in, len - 20)));
	CU_ASSERT_EQUAL(vnet_complete(&h, packet, len), 0);
	CU_ASSERT_EQUAL(load_u16(packet + 36), right);
	h.csum_offset = (uint16_t)len;
	CU_ASSERT_EQUAL(vnet_complete(&h, packet, len), FAULT_INPUT);
	h.csum_start = UINT16_MAX;
	CU_ASSERT_EQUAL(vnet_complete(&h, packet, len), FAULT_INPUT);
}

static void clamp(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_SYN, .options = 8 };
	struct inner in;

	for (size_t at = 0; at < 5; at++) {
		size_t len = make_packet(packet, &p);
		CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, len)), 0);
		memcpy(packet + 40 + at, (uint8_t[]){ 2, 4, 0x05, 0xb4 }, 4);
		checksum_upper(&in, packet);
		inner_clamp_mss(&in, packet, 1300);
		CU_ASSERT_EQUAL(load_u16(packet + 40 + at + 2), 1260);
		uint16_t sum = load_u16(packet + 36);
		checksum_upper(&in, packet);
		CU_ASSERT_EQUAL(load_u16(packet + 36), sum);
		inner_clamp_mss(&in, packet, 1400);
		CU_ASSERT_EQUAL(load_u16(packet + 40 + at + 2), 1260);
	}
}

static void clamp_garbage(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_SYN, .options = 8 };
	size_t len = make_packet(packet, &p);
	struct inner in;

	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, len)), 0);
	for (unsigned kind = 0; kind < 256; kind++)
		for (unsigned size = 0; size < 256; size++) {
			uint8_t *copy = malloc(len);
			memcpy(copy, packet, len);
			copy[40] = (uint8_t)kind;
			copy[41] = (uint8_t)size;
			copy[44] = 2;
			copy[45] = (uint8_t)size;
			inner_clamp_mss(&in, copy, 600);
			free(copy);
		}
	CU_PASS("no octet outside was touched");
}

static void ecn(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .tos = 0xb8 | 2, .len = 3 };

	make_packet(packet, &p);
	inner_set_ce(packet);
	CU_ASSERT_EQUAL(packet[1], 0xbb);
	CU_ASSERT_EQUAL(plain_sum(0, packet, 20), 0);
	p.tos = 0xb8;
	make_packet(packet, &p);
	inner_set_ce(packet);
	CU_ASSERT_EQUAL(packet[1], 0xb8);
	p = (struct test_packet){ .ipv6 = true, .protocol = IPPROTO_UDP, .tos = 1 };
	make_packet(packet, &p);
	inner_set_ce(packet);
	CU_ASSERT_EQUAL(load_u32(packet) >> 20 & 0xff, 3);
}

static void icmp_too_big(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 1400 };
	uint8_t out[ICMP_ANSWER_MAX];
	struct inner in, answer;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		p.ipv6 = ipv6;
		CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, make_packet(packet, &p))), 0);
		size_t len = icmp_answer(out, &in, packet, ICMP_TOO_BIG, 1350);
		CU_ASSERT_EQUAL(len, ipv6 ? 1280 : 576);
		CU_ASSERT_EQUAL(inner_parse(&answer, bytes_of(out, len)), 0);
		CU_ASSERT_EQUAL(ipv6 ? load_u32(out + 44) : load_u16(out + 26), 1350);
		CU_ASSERT_EQUAL(out[in.header_len], ipv6 ? 2 : 3);
		CU_ASSERT_EQUAL(memcmp(answer.destination, in.source, ipv6 ? 16 : 4), 0);
		uint64_t sum = ipv6 ? checksum_pseudo(&answer, len - 40) : 0;
		CU_ASSERT_EQUAL(checksum_fold(checksum_add(sum, out + in.header_len, len - in.header_len)), 0);
		/* No answer to the answer. */
		CU_ASSERT_EQUAL(icmp_answer(out + 0, &answer, out, ICMP_PROHIBITED, 0), 0);
	}
}

static void icmp_never(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 10 };
	uint8_t out[ICMP_ANSWER_MAX];
	struct inner in;

	size_t len = make_packet(packet, &p);
	packet[16] = 224;
	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, len)), 0);
	CU_ASSERT_EQUAL(icmp_answer(out, &in, packet, ICMP_PROHIBITED, 0), 0);
	p.fragment = 5;
	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(packet, make_packet(packet, &p))), 0);
	CU_ASSERT_EQUAL(icmp_answer(out, &in, packet, ICMP_PROHIBITED, 0), 0);
}

static void icmp_rate(void)
{
	struct icmp_limit limit = { 0 };
	unsigned sent = 0;

	for (uint64_t now = 10000; now < 11000; now++)
		for (int i = 0; i < 10; i++)
			sent += icmp_may_send(&limit, now);
	CU_ASSERT_TRUE(sent >= ICMP_PER_SECOND && sent <= ICMP_PER_SECOND + ICMP_BURST);
}

static const struct unit_case cases[] = {
	{ "ports and lengths of TCP are read, IPv4 and IPv6", parse_ports },
	{ "a packet that is cut anywhere is refused", parse_cut },
	{ "fragments have no ports, the first neither", parse_fragments },
	{ "IPv6 extension headers are walked, and not for ever", parse_extensions },
	{ "a selector takes addresses, protocol and port of its side", selectors },
	{ "a checksum left to the device is completed, within the packet", partial_checksum },
	{ "the MSS of a SYN is lowered at any offset and its checksum follows", clamp },
	{ "broken TCP options do no harm", clamp_garbage },
	{ "CE is set where the flow knows ECN, and only there", ecn },
	{ "packet too big carries the MTU and a right checksum", icmp_too_big },
	{ "nothing is answered to multicast and later fragments", icmp_never },
	{ "ICMP answers are limited in rate", icmp_rate },
};

UNIT_MAIN("kernel-tun inner", cases)
