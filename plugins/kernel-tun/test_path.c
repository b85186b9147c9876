/* SPDX-License-Identifier: MIT */
/* test_path.c - whole ways: a packet out of one side's tables and into the other's, whatever happens to it in between. */
#include <linux/virtio_net.h>

#include "test_path.h"

static void round_trips(void)
{
	for (enum test_suite suite = 0; suite < SUITES; suite++)
		for (int esn = 0; esn < 2; esn++) {
			path_open(suite);
			path.outbound.transform.esn = path.inbound.transform.esn = esn;
			path_install();
			for (size_t len = 0; len < 200; len++) {
				struct test_packet p = { .protocol = IPPROTO_UDP, .len = len, .tos = 0xb8 };
				uint8_t wanted[512];
				size_t size = make_packet(wanted, &p);
				emit(&p, NULL);
				CU_ASSERT_EQUAL_FATAL(path.wire_count, 1);
				CU_ASSERT_EQUAL(load_u32(path.wire[0]), SPI);
				CU_ASSERT_EQUAL(load_u32(path.wire[0] + 4), len + 1);
				take(0);
				CU_ASSERT_EQUAL(path.device_count, 1);
				CU_ASSERT_EQUAL(path.device_len, size);
				CU_ASSERT_EQUAL(memcmp(path.device, wanted, size), 0);
			}
			CU_ASSERT_EQUAL(atomic_load(&far_sa()->packets), 200);
			path_close();
		}
}

static void flipped(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 40 };

	for (enum test_suite suite = 0; suite < SUITES; suite++) {
		path_open(suite);
		path_install();
		emit(&p, NULL);
		/* Not the SPI: that is another SA's. */
		for (size_t i = 4; i < path.wire_len[0]; i++) {
			path.wire[0][i] ^= 0x10;
			take(0);
			CU_ASSERT_EQUAL(path.device_count, 0);
			path.wire[0][i] ^= 0x10;
		}
		CU_ASSERT_EQUAL(atomic_load(&far_sa()->bad_icv), path.wire_len[0] - 4);
		take(0);
		CU_ASSERT_EQUAL(path.device_count, 1);
		path_close();
	}
}

static void every_length(void)
{
	for (enum test_suite suite = 0; suite < SUITES; suite++) {
		struct test_packet p = { .protocol = IPPROTO_UDP, .len = 100 };

		path_open(suite);
		path_install();
		emit(&p, NULL);
		size_t whole = path.wire_len[0];
		for (size_t len = 0; len < whole; len++) {
			path.wire_len[0] = len;
			take(0);
			CU_ASSERT_EQUAL(path.device_count, 0);
		}
		path.wire_len[0] = whole;
		take(0);
		CU_ASSERT_EQUAL(path.device_count, 1);
		path_close();
	}
}

static void replays(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 10 };
	static uint8_t first[2048];

	path_open(SUITE_AEAD);
	path_install();
	emit(&p, NULL);
	size_t len = path.wire_len[0];
	memcpy(first, path.wire[0], len);
	take(0);
	take(0);
	CU_ASSERT_EQUAL(path.device_count, 0);
	for (int i = 0; i < 64; i++)
		emit(&p, NULL);
	take(0);
	CU_ASSERT_EQUAL(path.device_count, 1);
	memcpy(path.wire[0], first, len);
	take(0);
	CU_ASSERT_EQUAL(path.device_count, 0);
	CU_ASSERT_EQUAL(atomic_load(&far_sa()->replayed), 2);
	path_close();
}

/* Sealed by the right SA, with a plaintext that no honest peer sends. */
static void inject(const uint8_t *plain, size_t len, uint8_t next_header)
{
	struct esp_sa *sa = tables_find_sa(&path.near, SPI, false, &path.outbound.remote);

	memcpy(path.wire[0] + esp_sa_plain_offset(sa), plain, len);
	path.wire_len[0] = esp_seal(sa, &path.out->pool, path.wire[0], len, next_header);
	take(0);
}

static void garbage_inside(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .len = 30 };
	uint8_t plain[256];

	path_open(SUITE_AEAD);
	path_install();
	size_t whole = make_packet(plain, &p);
	for (size_t len = 0; len < whole; len++) {
		inject(plain, len, 4);
		CU_ASSERT_EQUAL(path.device_count, 0);
	}
	for (unsigned next = 0; next < 256; next++) {
		inject(plain, whole, (uint8_t)next);
		CU_ASSERT_EQUAL(path.device_count, next == 4);
	}
	/* RFC 4303 2.7: what follows the inner packet is trimmed. */
	inject(plain, whole + 50, 4);
	CU_ASSERT_EQUAL(path.device_count, 1);
	CU_ASSERT_EQUAL(path.device_len, whole);
	path_close();
}

static void bad_padding(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 7 };

	path_open(SUITE_NULL);
	path_install();
	emit(&p, NULL);
	/* 35 octets, 3 of padding: spoil one, and make the ICV right again. */
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *trailer = path.wire[0] + 8 + 35;
		struct esp_sa *sa = tables_find_sa(&path.near, SPI, false, &path.outbound.remote);
		struct bytes covered = bytes_of(path.wire[0], path.wire_len[0] - 12);
		uint8_t icv[64];

		trailer[i] ^= 0x40;
		store_u32(path.wire[0] + 4, 100 + i);
		test_mac(sa->mac_context, &covered, 1, icv);
		memcpy(path.wire[0] + path.wire_len[0] - 12, icv, 12);
		take(0);
		CU_ASSERT_EQUAL(path.device_count, 0);
		trailer[i] ^= 0x40;
	}
	CU_ASSERT_EQUAL(atomic_load(&path.in->counts.malformed), 4);
	path_close();
}

static void dummies(void)
{
	uint8_t plain[64] = { 0 };

	path_open(SUITE_AEAD);
	path_install();
	inject(plain, sizeof(plain), 59);
	CU_ASSERT_EQUAL(path.device_count, 0);
	CU_ASSERT_EQUAL(atomic_load(&path.in->counts.malformed), 0);
	path_close();
}

static void outside_inbound(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 10 };
	uint8_t plain[64];
	size_t len = make_packet(plain, &p);

	path_open(SUITE_AEAD);
	path_install();
	plain[13] = 9;
	checksum_ipv4(plain, 20);
	inject(plain, len, 4);
	CU_ASSERT_EQUAL(path.device_count, 0);
	plain[13] = 1;
	plain[17] = 3;
	checksum_ipv4(plain, 20);
	inject(plain, len, 4);
	CU_ASSERT_EQUAL(path.device_count, 0);
	CU_ASSERT_EQUAL(atomic_load(&far_sa()->outside_selector), 2);
	path_close();
}

static void outside_outbound(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 10 };

	path_open(SUITE_AEAD);
	(void)!selector_parse(&path.outbound.remote_ts, "10.2.9.0/24");
	path_install();
	emit(&p, NULL);
	CU_ASSERT_EQUAL(path.wire_count, 0);
	CU_ASSERT_EQUAL(atomic_load(&tables_find_sa(&path.near, SPI, false, &path.outbound.remote)->outside_selector), 1);
	path_close();
}

static void never_clear(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 10 };

	path_open(SUITE_AEAD);
	CU_ASSERT_EQUAL(set_policy("10.1.0.0/16", "10.2.0.0/16", false, true), 0);
	for (int i = 0; i < 5; i++)
		emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count == 0 && path.acquired == 1 && path.answer_len == 0);
	path.out->now += 1000;
	emit(&p, NULL);
	CU_ASSERT_EQUAL(path.acquired, 2);
	CU_ASSERT_EQUAL(set_policy("10.1.0.0/16", "10.2.0.0/16", false, false), 0);
	emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count == 0 && path.acquired == 2 && path.answer_len > 0);
	CU_ASSERT_TRUE(path.answer[20] == 3 && path.answer[21] == 13);
	CU_ASSERT_EQUAL(atomic_load(&path.out->counts.no_sa), 7);
	/* What no policy selects is dropped in silence. */
	path.answer_len = 0;
	p.ipv6 = true;
	emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count == 0 && path.answer_len == 0);
	CU_ASSERT_EQUAL(atomic_load(&path.out->counts.no_policy), 1);
	path_close();
}

static void super_packets(void)
{
	struct test_packet p = { .protocol = IPPROTO_TCP, .flags = TCP_ACK, .len = 60000, .fragment = IPV4_DF };
	struct vnet_header vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1300 };
	static uint8_t all[WIRE_MAX * 2048];
	size_t used = 0;

	path_open(SUITE_AEAD);
	path_install();
	emit(&p, &vnet);
	CU_ASSERT_EQUAL_FATAL(path.wire_count, 47);
	for (size_t i = 0; i < path.wire_count; i++) {
		CU_ASSERT_TRUE(i == 46 || path.wire_len[i] == path.wire_len[0]);
		memcpy(all + used, path.wire[i], path.wire_len[i]);
		used += path.wire_len[i];
	}
	struct esp_batch b = { .local = path.inbound.local, .remote = path.inbound.remote, .data = all, .len = used, .segment = path.wire_len[0] };
	in_batch(path.in, &b);
	in_flush(path.in);
	CU_ASSERT_EQUAL(path.device_count, 1);
	CU_ASSERT_EQUAL(path.device_len, 60040);
	CU_ASSERT_EQUAL(path.device_vnet.gso_size, 1300);
	for (size_t i = 0; i < 60000; i++)
		if (path.device[40 + i] != test_pattern(i)) {
			CU_FAIL("the data is another");
			break;
		}
	path_close();
}

static void too_big(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 1450, .fragment = IPV4_DF };

	path_open(SUITE_AEAD);
	path_install();
	emit(&p, NULL);
	CU_ASSERT_EQUAL(path.wire_count, 0);
	CU_ASSERT_TRUE(path.answer_len > 0 && path.answer[21] == 4);
	size_t mtu = load_u16(path.answer + 26);
	/* The MTU that was told is the largest that fits: the outer packet has 1500 octets or a few less. */
	p.len = mtu - 28;
	emit(&p, NULL);
	CU_ASSERT_EQUAL_FATAL(path.wire_count, 1);
	CU_ASSERT_TRUE(path.wire_len[0] + 28 <= 1500 && path.wire_len[0] + 28 > 1496);
	p.fragment = 0;
	p.len = 2500;
	emit(&p, NULL);
	CU_ASSERT_EQUAL(path.wire_count, 2);
	path_close();
}

static void transport_mode(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 50, .source_port = 1701, .destination_port = 1701 };

	for (int nat = 0; nat < 2; nat++) {
		path_open(SUITE_AEAD);
		path.outbound.transport = path.inbound.transport = true;
		(void)!address_parse(&path.outbound.local, "10.1.0.1");
		(void)!address_parse(&path.outbound.remote, "10.2.0.1");
		/* Behind a NAT the sender is seen under another address. */
		(void)!address_parse(&path.inbound.remote, nat ? "203.0.113.9" : "10.1.0.1");
		(void)!address_parse(&path.inbound.local, "10.2.0.1");
		(void)!selector_parse(&path.inbound.remote_ts, nat ? "203.0.113.9[17/1701]" : "10.1.0.1[17/1701]");
		(void)!selector_parse(&path.inbound.local_ts, "10.2.0.1[17/1701]");
		CU_ASSERT_EQUAL_FATAL(set_policy("10.1.0.1[17/1701]", "10.2.0.1[17/1701]", true, false), 0);
		CU_ASSERT_EQUAL_FATAL(install(&path.near, &path.outbound) | install(&path.far, &path.inbound), 0);
		emit(&p, NULL);
		CU_ASSERT_EQUAL_FATAL(path.wire_count, 1);
		take(0);
		CU_ASSERT_EQUAL_FATAL(path.device_count, 1);
		struct inner in;
		CU_ASSERT_EQUAL(inner_parse(&in, bytes_of(path.device, path.device_len)), 0);
		CU_ASSERT_EQUAL(in.len, 20 + 8 + 50);
		CU_ASSERT_EQUAL(in.source[0], nat ? 203 : 10);
		CU_ASSERT_EQUAL(checksum_fold(checksum_add(checksum_pseudo(&in, 58), path.device + 20, 58)), 0);
		CU_ASSERT_EQUAL(plain_sum(0, path.device, 20), 0);
		p.fragment = IPV4_MF;
		emit(&p, NULL);
		CU_ASSERT_EQUAL(path.wire_count, 0);
		p.fragment = IPV4_DF;
		p.len = 1800;
		emit(&p, NULL);
		CU_ASSERT_TRUE(path.wire_count == 1 && path.wire_len[0] > 1800);
		take(0);
		CU_ASSERT_EQUAL(path.device_len, 20 + 8 + 1800);
		p.len = 50;
		path_close();
	}
}

static void outer_congestion(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 9, .tos = 2 };

	path_open(SUITE_AEAD);
	path_install();
	emit(&p, NULL);
	take_as(0, 3);
	CU_ASSERT_EQUAL(path.device[1], 3);
	CU_ASSERT_EQUAL(plain_sum(0, path.device, 20), 0);
	path_close();
}

static void used_up(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 9 };

	path_open(SUITE_AEAD);
	path_install();
	struct esp_sa *sa = tables_find_sa(&path.near, SPI, false, &path.outbound.remote);
	sa->sequence = SEQUENCE_SOFT - 2;
	emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count == 1 && path.soft == 0);
	emit(&p, NULL);
	emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count == 1 && path.soft == 1 && path.hard == 0);
	sa->sequence = UINT32_MAX - 1;
	emit(&p, NULL);
	CU_ASSERT_EQUAL(path.wire_count, 1);
	CU_ASSERT_EQUAL(load_u32(path.wire[0] + 4), UINT32_MAX);
	emit(&p, NULL);
	emit(&p, NULL);
	CU_ASSERT_TRUE(path.wire_count == 0 && path.soft == 1 && path.hard == 1);
	path_close();
}

static void wrong_encapsulation(void)
{
	struct test_packet p = { .protocol = IPPROTO_UDP, .len = 9 };

	path_open(SUITE_AEAD);
	path_install();
	emit(&p, NULL);
	path.in->reader = READER_RAW;
	take(0);
	CU_ASSERT_EQUAL(path.device_count, 0);
	CU_ASSERT_EQUAL(atomic_load(&path.in->counts.no_sa), 1);
	path_close();
}

static void refused_sas(void)
{
	struct esp_sa *sa;
	const char *why;

	path_open(SUITE_CBC);
	path.outbound.transform.mac = NULL;
	CU_ASSERT_EQUAL(esp_sa_new(&sa, &path.outbound, &why), FAULT_UNSUPPORTED);
	path.outbound = make_sa(SUITE_AEAD, false, SPI);
	path.outbound.encryption_key.len--;
	CU_ASSERT_EQUAL(esp_sa_new(&sa, &path.outbound, &why), FAULT_INPUT);
	path.outbound = make_sa(SUITE_CTR, false, SPI);
	path.outbound.transform.salt_len = 0;
	path.outbound.encryption_key.len -= 4;
	CU_ASSERT_EQUAL(esp_sa_new(&sa, &path.outbound, &why), FAULT_INPUT);
	path.inbound = make_sa(SUITE_AEAD, true, SPI);
	CU_ASSERT_EQUAL(install(&path.far, &path.inbound), 0);
	CU_ASSERT_EQUAL(install(&path.far, &path.inbound), FAULT_EXISTS);
	path_close();
}

static const struct unit_case cases[] = {
	{ "every kind of algorithm gives back what was sent, with and without ESN", round_trips },
	{ "one flipped bit anywhere is a bad ICV, and the real packet still passes", flipped },
	{ "ESP of every wrong length is dropped", every_length },
	{ "a packet is taken once, and not when it is too old", replays },
	{ "authentic garbage inside never reaches the device", garbage_inside },
	{ "padding that does not count 1, 2, 3 is refused", bad_padding },
	{ "dummy packets vanish", dummies },
	{ "an inner packet outside of the SA's selectors is dropped and counted", outside_inbound },
	{ "a packet that the policy selects but its SA does not is dropped and counted", outside_outbound },
	{ "without an SA nothing leaves, the host is told once a second, the sender is answered", never_clear },
	{ "a super-packet is cut, sealed, opened and merged to the same again", super_packets },
	{ "what does not fit is answered with the MTU that does, or fragmented", too_big },
	{ "transport mode rebuilds the header, also behind a NAT", transport_mode },
	{ "congestion on the outer path is passed on", outer_congestion },
	{ "the host is told in time, and after the last number nothing is sent", used_up },
	{ "an SA without UDP encapsulation takes nothing from UDP, nor the other way", wrong_encapsulation },
	{ "SAs without integrity, with keys of a wrong length or twice are refused", refused_sas },
};

UNIT_MAIN("kernel-tun path", cases)
