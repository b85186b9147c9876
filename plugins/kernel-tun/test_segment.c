/* SPDX-License-Identifier: MIT */
/* test_segment.c - cutting super-packets and merging segments again. */
#include <linux/virtio_net.h>

#include "coalesce.h"
#include "segment.h"
#include "test_parts.h"
#include "unit.h"

static uint8_t super[PACKET_MAX], piece[PACKET_MAX], expected[PACKET_MAX];

static struct vnet_header gso(const struct test_packet *p, uint16_t size)
{
	bool is_tcp = p->protocol == IPPROTO_TCP;

	return (struct vnet_header){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_size = size,
		.gso_type = !is_tcp ? VNET_GSO_UDP : p->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
	};
}

/* Cuts, and compares each piece with one made by hand. */
static void cut(struct test_packet p, uint16_t size, size_t mtu, size_t step)
{
	struct vnet_header vnet = gso(&p, size);
	struct segmenter s;
	struct inner in;
	size_t total = p.len, index = 0;
	uint8_t flags = p.flags;
	uint32_t sequence = p.sequence;
	uint16_t id = p.id;

	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(super, make_packet(super, &p))), 0);
	CU_ASSERT_EQUAL_FATAL(segment_begin(&s, &vnet, &in, super, mtu), 0);
	for (size_t at = 0; at < total; at += step, index++) {
		p.offset = at;
		p.len = total - at < step ? total - at : step;
		p.id = (uint16_t)(id + index);
		p.sequence = sequence + (uint32_t)at;
		p.flags = flags;
		if (at + p.len < total)
			p.flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (at > 0)
			p.flags &= (uint8_t)~TCP_CWR;
		size_t len = make_packet(expected, &p);
		CU_ASSERT_EQUAL_FATAL(segment_size(&s), len);
		segment_next(&s, piece, piece + in.header_len);
		CU_ASSERT_EQUAL(memcmp(piece, expected, len), 0);
	}
	CU_ASSERT_EQUAL(segment_size(&s), 0);
}

static void tcp_is_cut(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR, .id = 0xfffe, .options = 12,
				 .sequence = 0xfffff000, .fragment = IPV4_DF };

	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		for (size_t len = 1; len < 65000; len = len * 3 + 1) {
			p.ipv6 = ipv6;
			p.len = len;
			cut(p, 1400, 1500, 1400);
			cut(p, 1400, 1300, 1300 - (ipv6 ? 40 : 20) - 32);
			cut(p, 7, 1300, 7);
		}
}

static void udp_is_cut(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP };

	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		for (size_t len = 1; len < 60000; len = len * 5 + 1) {
			p.ipv6 = ipv6;
			p.len = len;
			cut(p, 1200, 1300, 1200);
		}
}

static int begin(const struct test_packet *p, struct vnet_header vnet, size_t mtu)
{
	struct segmenter s;
	struct inner in;

	if (inner_parse(&in, bytes_of(super, make_packet(super, p))))
		return 1;
	return segment_begin(&s, &vnet, &in, super, mtu);
}

static void contradictions(void)
{
	struct test_packet tcp = { .protocol = IPPROTO_TCP, .len = 5000 }, udp = { .protocol = IPPROTO_UDP, .len = 5000 };
	struct vnet_header vnet = gso(&tcp, 0);

	CU_ASSERT_EQUAL(begin(&tcp, vnet, 1400), FAULT_INPUT);
	CU_ASSERT_EQUAL(begin(&udp, gso(&tcp, 1000), 1400), FAULT_INPUT);
	CU_ASSERT_EQUAL(begin(&tcp, gso(&udp, 1000), 1400), FAULT_INPUT);
	CU_ASSERT_EQUAL(begin(&udp, gso(&udp, 1400), 1400), FAULT_FULL);
	vnet.gso_type = 3;
	CU_ASSERT_EQUAL(begin(&udp, vnet, 1400), FAULT_INPUT);
	tcp.fragment = IPV4_MF;
	CU_ASSERT_EQUAL(begin(&tcp, gso(&tcp, 1000), 1400), FAULT_INPUT);
}

static void fragments(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 3000 };
	struct vnet_header none = { 0 };
	struct segmenter s;
	struct inner in;
	size_t at = 0, len = make_packet(super, &p);

	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(super, len)), 0);
	CU_ASSERT_EQUAL(segment_begin(&s, &none, &in, super, 1400), 0);
	while (segment_size(&s) > 0) {
		size_t size = segment_size(&s);
		CU_ASSERT_TRUE(size <= 1400);
		segment_next(&s, piece, piece + 20);
		CU_ASSERT_EQUAL(load_u16(piece + 2), size);
		CU_ASSERT_EQUAL(plain_sum(0, piece, 20), 0);
		CU_ASSERT_EQUAL((load_u16(piece + 6) & IPV4_OFFSET) * 8u, at);
		CU_ASSERT_EQUAL(memcmp(piece + 20, super + 20 + at, size - 20), 0);
		at += size - 20;
		CU_ASSERT_EQUAL((load_u16(piece + 6) & IPV4_MF) != 0, at < len - 20);
	}
	CU_ASSERT_EQUAL(at, len - 20);
	p.fragment = IPV4_DF;
	CU_ASSERT_EQUAL(begin(&p, none, 1400), FAULT_FULL);
	p.ipv6 = true;
	CU_ASSERT_EQUAL(begin(&p, none, 1400), FAULT_FULL);
}

/* What a coalescer writes, each with its virtio header. */
struct written {
	size_t count;
	size_t len[200];
	struct vnet_header vnet[200];
	uint8_t packet[200][PACKET_MAX];
};

static struct written written;

static void keep(void *arg, const struct iovec *pieces, size_t count)
{
	struct written *w = arg;
	uint8_t *at = w->packet[w->count];

	vnet_read(&w->vnet[w->count], pieces[0].iov_base);
	for (size_t i = 1; i < count; i++) {
		memcpy(at, pieces[i].iov_base, pieces[i].iov_len);
		at += pieces[i].iov_len;
	}
	w->len[w->count] = (size_t)(at - w->packet[w->count]);
	w->count++;
}

static uint8_t stream[200][2048];

static void add(struct coalescer *c, size_t slot, const struct test_packet *p)
{
	struct inner in;

	CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(stream[slot], make_packet(stream[slot], p))), 0);
	coalesce_add(c, &in, stream[slot]);
}

static struct coalescer begin_merge(void)
{
	written.count = 0;
	return (struct coalescer){ .write = keep, .arg = &written };
}

static struct test_packet segment_of(size_t index)
{
	return (struct test_packet){ .protocol = IPPROTO_TCP, .flags = TCP_ACK, .id = (uint16_t)(65530 + index), .len = 1000, .options = 12,
				     .sequence = (uint32_t)(0xffffff00 + index * 1000), .offset = index * 1000 };
}

static void merge_is_inverse(void)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct coalescer c = begin_merge();
		struct segmenter s;
		struct inner in;

		for (size_t i = 0; i < 30; i++) {
			struct test_packet p = segment_of(i);
			p.ipv6 = ipv6;
			p.len = i == 29 ? 17 : 1000;
			p.flags |= i == 29 ? TCP_PSH : 0;
			add(&c, i, &p);
		}
		coalesce_flush(&c);
		CU_ASSERT_EQUAL_FATAL(written.count, 1);
		CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(written.packet[0], written.len[0])), 0);
		CU_ASSERT_EQUAL(in.len, written.len[0]);
		CU_ASSERT_EQUAL_FATAL(segment_begin(&s, &written.vnet[0], &in, written.packet[0], 1500), 0);
		for (size_t i = 0; i < 30; i++) {
			struct test_packet p = segment_of(i);
			p.ipv6 = ipv6;
			p.len = i == 29 ? 17 : 1000;
			p.flags |= i == 29 ? TCP_PSH : 0;
			size_t len = make_packet(expected, &p);
			CU_ASSERT_EQUAL_FATAL(segment_size(&s), len);
			segment_next(&s, piece, piece + in.header_len);
			CU_ASSERT_EQUAL(memcmp(piece, expected, len), 0);
		}
		/* The stack completes the checksum of the whole as it is marked. */
		CU_ASSERT_EQUAL(vnet_complete(&written.vnet[0], written.packet[0], written.len[0]), 0);
		uint64_t sum = checksum_pseudo(&in, in.len - in.header_len);
		CU_ASSERT_EQUAL(checksum_fold(checksum_add(sum, written.packet[0] + in.header_len, in.len - in.header_len)), 0);
	}
}

/* Two packets, the second spoiled by `change`: they must not be merged. */
static void apart(void (*change)(struct test_packet *p))
{
	struct coalescer c = begin_merge();
	struct test_packet first = segment_of(0), second = segment_of(1);

	change(&second);
	add(&c, 0, &first);
	add(&c, 1, &second);
	coalesce_flush(&c);
	CU_ASSERT_EQUAL(written.count, 2);
	CU_ASSERT_EQUAL(written.vnet[0].gso_type, 0);
	CU_ASSERT_EQUAL(memcmp(written.packet[0], expected, make_packet(expected, &first)), 0);
	CU_ASSERT_EQUAL(memcmp(written.packet[1], expected, make_packet(expected, &second)), 0);
}

static void other_port(struct test_packet *p) { p->source_port++; }
static void gap(struct test_packet *p) { p->sequence++; }
static void larger(struct test_packet *p) { p->len++; }
static void other_tos(struct test_packet *p) { p->tos = 2; }
static void other_id(struct test_packet *p) { p->id++; }
static void fin(struct test_packet *p) { p->flags |= TCP_FIN; }
static void cwr(struct test_packet *p) { p->flags |= TCP_CWR; }
static void syn(struct test_packet *p) { p->flags |= TCP_SYN; }
static void empty(struct test_packet *p) { p->len = 0; }
static void fewer_options(struct test_packet *p) { p->options = 8; }
static void udp(struct test_packet *p) { p->protocol = IPPROTO_UDP; }
static void ipv6(struct test_packet *p) { p->ipv6 = true; }

static void not_merged(void)
{
	void (*const changes[])(struct test_packet *) = { other_port, gap, larger, other_tos, other_id, fin, cwr, syn, empty,
							   fewer_options, udp, ipv6 };

	for (size_t i = 0; i < COUNT(changes); i++)
		apart(changes[i]);
}

static void damaged_stays_damaged(void)
{
	struct coalescer c = begin_merge();
	struct inner in;

	for (size_t i = 0; i < 3; i++) {
		struct test_packet p = segment_of(i);
		size_t len = make_packet(stream[i], &p);
		stream[i][len - 1] ^= i == 1;
		CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(stream[i], len)), 0);
		coalesce_add(&c, &in, stream[i]);
	}
	coalesce_flush(&c);
	CU_ASSERT_EQUAL(written.count, 3);
	CU_ASSERT_EQUAL(written.vnet[1].flags, 0);
}

static void long_streams(void)
{
	struct coalescer c = begin_merge();
	size_t total = 0;

	for (size_t i = 0; i < 200; i++) {
		struct test_packet p = segment_of(i);
		add(&c, i, &p);
	}
	coalesce_flush(&c);
	for (size_t i = 0; i < written.count; i++) {
		CU_ASSERT_TRUE(written.len[i] <= PACKET_MAX);
		total += written.len[i] - 52;
	}
	CU_ASSERT_EQUAL(total, 200 * 1000);
	CU_ASSERT_EQUAL(written.count, 4);
}

static const struct unit_case cases[] = {
	{ "a TCP super-packet is cut into what the stack would have sent", tcp_is_cut },
	{ "a UDP super-packet is cut into what the stack would have sent", udp_is_cut },
	{ "a super-packet that contradicts its virtio header is refused", contradictions },
	{ "IPv4 without DF is fragmented, all else that is too large is not", fragments },
	{ "merging segments is the inverse of cutting them", merge_is_inverse },
	{ "what is not the next of the same flow is not merged", not_merged },
	{ "a segment with a wrong checksum reaches the stack as it is", damaged_stays_damaged },
	{ "a super-packet never grows beyond 64 KiB", long_streams },
};

UNIT_MAIN("kernel-tun segment", cases)
