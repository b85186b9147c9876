/* SPDX-License-Identifier: MIT */
/* test_address.c - addresses, ranges and selectors: text to value and back, and how they compare. */
#include "address.h"
#include "prefix.h"

#include "unit.h"

static struct address address(const char *text)
{
	struct address a;

	CU_ASSERT_EQUAL(address_parse(&a, text), 0);
	return a;
}

static struct address_range range(const char *text)
{
	struct address_range r;

	CU_ASSERT_EQUAL(address_range_parse(&r, text), 0);
	return r;
}

static struct selector selector(const char *text)
{
	struct selector s;

	CU_ASSERT_EQUAL(selector_parse(&s, text), 0);
	return s;
}

static void addresses_round_trip(void)
{
	static const char *const texts[] = { "192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "::ffff:192.0.2.1", "fe80::1%lo" };
	char out[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct address a = address(texts[i]);

		CU_ASSERT_STRING_EQUAL(address_text(out, &a), texts[i]);
		CU_ASSERT_STRING_EQUAL(address_host_text(out, &a), texts[i]);
	}
}

static void ports_are_printed(void)
{
	char out[ADDRESS_TEXT_MAX];
	struct address a = address("192.0.2.1"), b = address("2001:db8::1");

	a.port = b.port = 4500;
	CU_ASSERT_STRING_EQUAL(address_text(out, &a), "192.0.2.1:4500");
	CU_ASSERT_STRING_EQUAL(address_text(out, &b), "[2001:db8::1]:4500");
	struct address none = { .family = 0 };
	CU_ASSERT_STRING_EQUAL(address_text(out, &none), "%any");
}

static void longest_address_is_cut(void)
{
	char out[ADDRESS_TEXT_MAX];
	struct address a = address("fe80:1111:2222:3333:4444:5555:6666:7777");

	a.scope = UINT32_MAX;
	a.port = 65535;
	CU_ASSERT(strlen(address_text(out, &a)) < ADDRESS_TEXT_MAX);
	CU_ASSERT_STRING_EQUAL(out, "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
}

static void bad_addresses_are_refused(void)
{
	static const char *const texts[] = {
		"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "gw.example", "2001:db8::1%lo", "fe80::1%", "fe80::1%no-such-if",
		"192.0.2.1%lo", "192.0.2.1:500", "[::1]", "%any", "::1::",
	};
	char text[400];
	struct address a;

	for (size_t i = 0; i < COUNT(texts); i++) {
		CU_ASSERT_EQUAL(address_parse(&a, texts[i]), FAULT_INPUT);
		CU_ASSERT_EQUAL(a.family, 0);
	}
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CU_ASSERT_EQUAL(address_parse(&a, text), FAULT_INPUT);
}

static void hosts_compare_without_port(void)
{
	struct address a = address("192.0.2.1"), b = a, c = address("192.0.2.2");

	b.port = 500;
	CU_ASSERT(address_same_host(&a, &b));
	CU_ASSERT(!address_same(&a, &b));
	CU_ASSERT(!address_same_host(&a, &c));
	struct address v6 = address("c000:201::");
	CU_ASSERT(!address_same_host(&a, &v6));
	struct address any = address("::");
	CU_ASSERT(address_is_any(&any));
	CU_ASSERT(!address_is_any(&a));
}

static void sockets_round_trip(void)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1", "fe80::1%lo" };
	struct sockaddr_storage storage;
	struct address back;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct address a = address(texts[i]);

		a.port = 500;
		CU_ASSERT(address_to_socket(&a, &storage) > 0);
		CU_ASSERT_EQUAL(address_from_socket(&back, (const struct sockaddr *)&storage), 0);
		CU_ASSERT(address_same(&a, &back));
	}
	struct address none = { .family = 0 };
	CU_ASSERT_EQUAL(address_to_socket(&none, &storage), 0);
	CU_ASSERT_EQUAL(address_from_socket(&back, (const struct sockaddr *)&storage), FAULT_INPUT);
}

static void octets_need_the_right_length(void)
{
	static const uint8_t octets[17] = { 192, 0, 2, 1 };
	struct address a;

	CU_ASSERT_EQUAL(address_from_bytes(&a, AF_INET, bytes_of(octets, 4)), 0);
	CU_ASSERT(bytes_equal(address_bytes(&a), bytes_of(octets, 4)));
	CU_ASSERT_EQUAL(address_from_bytes(&a, AF_INET, bytes_of(octets, 5)), FAULT_INPUT);
	CU_ASSERT_EQUAL(address_from_bytes(&a, AF_INET6, bytes_of(octets, 17)), FAULT_INPUT);
	CU_ASSERT_EQUAL(address_from_bytes(&a, 0, bytes_of(octets, 0)), FAULT_INPUT);
}

static void ranges_know_their_prefix(void)
{
	static const struct {
		const char *text;
		int prefix;
		unsigned weight;
	} cases[] = {
		{ "10.0.0.0/8", 8, 8 },        { "0.0.0.0/0", 0, 0 },          { "%any", -1, 0 },
		{ "%any4", 0, 0 },             { "%any6", 0, 0 },              { "192.0.2.1", 32, 32 },
		{ "2001:db8::/33", 33, 33 },   { "2001:db8::1", 128, 128 },    { "10.0.0.1-10.0.0.9", -1, 28 },
		{ "10.0.0.0-10.0.0.7", 29, 29 }, { "10.0.0.1-10.0.0.7", -1, 29 }, { "10.0.0.0-10.0.0.2", -1, 30 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address_range r = range(cases[i].text);

		CU_ASSERT_EQUAL(address_range_prefix(&r), cases[i].prefix);
		CU_ASSERT_EQUAL(address_range_weight(&r), cases[i].weight);
	}
}

static void bad_ranges_are_refused(void)
{
	static const char *const texts[] = {
		"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.9-10.0.0.1", "10.0.0.1-::1",
		"10.0.0.1-", "fe80::1%lo", "2001:db8::1/32", "2001:db8::/129", "%anything", "/8", "10.0.0.0/8/8", "10.0.0.0/ 8",
	};
	struct address_range r;

	for (size_t i = 0; i < COUNT(texts); i++) {
		CU_ASSERT_EQUAL(address_range_parse(&r, texts[i]), FAULT_INPUT);
		CU_ASSERT_EQUAL(r.family, 0);
	}
}

static void ranges_hold_and_cover(void)
{
	struct address_range any = range("%any"), net = range("10.1.0.0/16"), part = range("10.1.2.3-10.1.3.0");
	struct address_range over = range("10.1.255.0-10.2.0.0"), v6 = range("%any6");
	struct address in = address("10.1.2.3"), out = address("10.2.0.0"), six = address("::1"), none = { .family = 0 };

	CU_ASSERT(address_range_has(&net, &in) && !address_range_has(&net, &out));
	CU_ASSERT(!address_range_has(&v6, &in) && address_range_has(&v6, &six));
	CU_ASSERT(address_range_has(&any, &in) && address_range_has(&any, &six) && !address_range_has(&any, &none));
	CU_ASSERT(address_range_covers(&net, &part) && !address_range_covers(&part, &net));
	CU_ASSERT(!address_range_covers(&net, &over) && address_range_overlaps(&net, &over));
	CU_ASSERT(!address_range_overlaps(&part, &over) && !address_range_overlaps(&net, &v6));
	CU_ASSERT(address_range_covers(&any, &v6) && !address_range_covers(&v6, &any) && address_range_overlaps(&v6, &any));
}

static void selectors_round_trip(void)
{
	static const char *const texts[] = {
		"10.1.0.0/16", "10.1.0.0/16[tcp/80]", "2001:db8::/32[udp]", "10.0.0.1-10.0.0.9[udp/1701]", "192.0.2.1[icmp/8]",
		"192.0.2.1[icmp/3.4]", "::/0[ipv6-icmp/128]", "0.0.0.0/0[gre]", "192.0.2.1[200]",
	};
	char out[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct selector s = selector(texts[i]);

		CU_ASSERT_STRING_EQUAL(selector_text(out, &s), texts[i]);
	}
	struct selector s = selector("10.0.0.1-10.0.0.9[17/1701]");
	CU_ASSERT_STRING_EQUAL(selector_text(out, &s), "10.0.0.1-10.0.0.9[udp/1701]");
	s = selector("%any4[icmp/3.4]");
	CU_ASSERT_EQUAL(s.port, 3 << 8 | 4);
}

static void bad_selectors_are_refused(void)
{
	static const char *const texts[] = {
		"", "%any", "10.0.0.1/8", "10.0.0.0/8[", "10.0.0.0/8[]", "10.0.0.0/8[tcp", "10.0.0.0/8[tcp/80]x", "10.0.0.0/8[tcp/]",
		"10.0.0.0/8[tcp/65536]", "10.0.0.0/8[256]", "10.0.0.0/8[0/80]", "10.0.0.0/8[gre/80]", "10.0.0.0/8[icmp/256]",
		"10.0.0.0/8[icmp/3.]", "10.0.0.0/8[quux]", "[tcp]",
	};
	struct selector s;

	for (size_t i = 0; i < COUNT(texts); i++)
		CU_ASSERT_EQUAL(selector_parse(&s, texts[i]), FAULT_INPUT);
}

static void selectors_cover(void)
{
	struct selector all = selector("10.0.0.0/8"), tcp = selector("10.1.0.0/16[tcp]"), web = selector("10.1.0.0/16[tcp/80]");
	struct selector udp = selector("10.1.0.0/16[udp]");
	struct address a = address("10.1.0.1");
	struct selector host = selector_of_host(&a);

	CU_ASSERT(selector_covers(&all, &tcp) && selector_covers(&tcp, &web) && !selector_covers(&web, &tcp));
	CU_ASSERT(!selector_covers(&tcp, &udp) && !selector_covers(&tcp, &all));
	CU_ASSERT(selector_same(&web, &web) && !selector_same(&web, &tcp) && !selector_same(&all, &host));
	CU_ASSERT(selector_covers(&all, &host) && address_range_prefix(&host.range) == 32);
}

static size_t cut(const char *text, struct prefix out[PREFIXES_MAX])
{
	struct address_range range;

	return address_range_parse(&range, text) ? 0 : prefixes_of(out, &range);
}

static void prefixes(void)
{
	struct prefix p[PREFIXES_MAX];

	CU_ASSERT_TRUE(cut("10.0.0.0/8", p) == 1 && p[0].bits == 8);
	CU_ASSERT_TRUE(cut("10.0.0.1-10.0.0.9", p) == 4 && p[0].bits == 32 && p[1].bits == 31 && p[2].bits == 30 && p[3].bits == 31);
	CU_ASSERT_TRUE(p[3].ip[3] == 8);
	CU_ASSERT_TRUE(cut("0.0.0.0/0", p) == 1 && p[0].bits == 0);
	CU_ASSERT_TRUE(cut("::/0", p) == 1 && p[0].bits == 0);
	CU_ASSERT_EQUAL(cut("%any", p), 2);
	CU_ASSERT_TRUE(cut("255.255.255.255", p) == 1 && p[0].bits == 32);
	CU_ASSERT_EQUAL(cut("0.0.0.1-255.255.255.254", p), 62);
	CU_ASSERT_EQUAL(cut("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", p), 254);
}

static const struct unit_case cases[] = {
	{ "addresses go to text and back", addresses_round_trip },
	{ "a port is printed after the address, with brackets for IPv6", ports_are_printed },
	{ "the longest address with scope and port fits its text", longest_address_is_cut },
	{ "what is no address is refused", bad_addresses_are_refused },
	{ "hosts compare without port, addresses with it", hosts_compare_without_port },
	{ "addresses go to socket addresses and back", sockets_round_trip },
	{ "octets of a wrong length are no address", octets_need_the_right_length },
	{ "a range knows whether it is a prefix and how specific it is", ranges_know_their_prefix },
	{ "a prefix with host bits and a range backwards are refused", bad_ranges_are_refused },
	{ "ranges hold addresses, cover and overlap ranges", ranges_hold_and_cover },
	{ "selectors go to text and back", selectors_round_trip },
	{ "what is no selector is refused", bad_selectors_are_refused },
	{ "a selector covers those with fewer addresses, protocols and ports", selectors_cover },
	{ "a range becomes the fewest prefixes", prefixes },
};

UNIT_MAIN("address", cases)
