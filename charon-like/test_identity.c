/* SPDX-License-Identifier: MIT */
/* test_identity.c - identities and phase 2 selectors: from text, on the wire, compared. */
#include "identity.h"

#include "unit.h"

static void text_has_its_type(void)
{
	static const struct {
		const char *text;
		uint8_t type;
		const char *shown;
	} cases[] = {
		{ "192.0.2.1", ID_IPV4_ADDR, "192.0.2.1 (IPv4)" },
		{ "2001:db8::1", ID_IPV6_ADDR, "2001:db8::1 (IPv6)" },
		{ "gw.example", ID_FQDN, "gw.example (FQDN)" },
		{ "moon", ID_FQDN, "moon (FQDN)" },
		{ "alice@example", ID_USER_FQDN, "alice@example (USER_FQDN)" },
		{ "@192.0.2.1", ID_FQDN, "192.0.2.1 (FQDN)" },
		{ "fqdn:my group", ID_FQDN, "my group (FQDN)" },
		{ "user:alice", ID_USER_FQDN, "alice (USER_FQDN)" },
		{ "ipv4:192.0.2.1", ID_IPV4_ADDR, "192.0.2.1 (IPv4)" },
		{ "ipv6:::1", ID_IPV6_ADDR, "::1 (IPv6)" },
		{ "keyid:vpn users", ID_KEY_ID, "vpn users (KEY_ID)" },
		{ "keyid:0xdeADbe01", ID_KEY_ID, "0xdeadbe01 (KEY_ID)" },
		{ "dn:3000", ID_DER_ASN1_DN, "0x3000 (DN)" },
		{ "%any", 0, "%any" },
	};
	char out[IDENTITY_TEXT_MAX];
	struct identity id;

	for (size_t i = 0; i < COUNT(cases); i++) {
		CU_ASSERT_EQUAL(identity_parse(&id, cases[i].text), 0);
		CU_ASSERT_EQUAL(id.type, cases[i].type);
		CU_ASSERT_STRING_EQUAL(identity_text(out, &id), cases[i].shown);
		identity_free(&id);
	}
}

static void bad_text_is_refused(void)
{
	static const char *const texts[] = {
		"", "@", "fqdn:", "user:", "keyid:", "keyid:0x", "keyid:0x123", "keyid:0xzz", "dn:", "dn:3", "dn:0401", "ipv4:::1",
		"ipv6:192.0.2.1", "ipv4:gw", "192.0.2.300", "10.0.0.0/8", "2001:db8::/32", "fe80::1%lo", "CN=gw, O=example",
		"*.example", "two words", "user@", "a b@example", "line\nbreak", "fqdn:line\nbreak", "gw:500",
	};
	char text[2 * IDENTITY_DATA_MAX + 20];
	struct identity id;

	for (size_t i = 0; i < COUNT(texts); i++) {
		CU_ASSERT_EQUAL(identity_parse(&id, texts[i]), FAULT_INPUT);
		CU_ASSERT_PTR_NULL(id.data.at);
	}
	memset(text, 'a', sizeof(text));
	text[IDENTITY_DATA_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(identity_parse(&id, text), FAULT_INPUT);
	text[IDENTITY_DATA_MAX] = '\0';
	CU_ASSERT_EQUAL(identity_parse(&id, text), 0);
	identity_free(&id);
}

static void names_match_without_case(void)
{
	struct identity a, b, c, any, user;

	CU_ASSERT_EQUAL(identity_parse(&a, "gw.example"), 0);
	CU_ASSERT_EQUAL(identity_parse(&b, "GW.Example"), 0);
	CU_ASSERT_EQUAL(identity_parse(&c, "keyid:gw.example"), 0);
	CU_ASSERT_EQUAL(identity_parse(&any, "%any"), 0);
	CU_ASSERT_EQUAL(identity_parse(&user, "user:GW.example"), 0);
	CU_ASSERT(identity_matches(&a, &b) && !identity_same(&a, &b) && identity_same(&a, &a));
	CU_ASSERT(!identity_matches(&a, &c) && !identity_matches(&a, &user) && !identity_matches(&c, &a));
	CU_ASSERT(identity_matches(&any, &c) && !identity_matches(&c, &any));
	struct identity nul = { ID_FQDN, bytes_of("gw.example\0x", 12) };
	CU_ASSERT(!identity_matches(&a, &nul) && !identity_matches(&nul, &a));
	identity_free(&a);
	identity_free(&b);
	identity_free(&c);
	identity_free(&user);
}

static void copies_are_own(void)
{
	struct identity a, b, none = { .type = 0 };
	struct address host;

	CU_ASSERT_EQUAL(address_parse(&host, "2001:db8::1"), 0);
	CU_ASSERT_EQUAL(identity_of_address(&a, &host), 0);
	CU_ASSERT_EQUAL(identity_copy(&b, &a), 0);
	CU_ASSERT(identity_same(&a, &b) && a.data.at != b.data.at);
	identity_free(&a);
	identity_free(&b);
	CU_ASSERT_EQUAL(identity_copy(&b, &none), 0);
	CU_ASSERT(identity_same(&b, &none));
	identity_free(&b);
	host.family = 0;
	CU_ASSERT_EQUAL(identity_of_address(&a, &host), FAULT_INPUT);
}

static void text_is_safe_and_fits(void)
{
	uint8_t data[IDENTITY_DATA_MAX];
	char out[IDENTITY_TEXT_MAX];

	for (unsigned type = 0; type < 256; type++)
		for (size_t len = 0; len <= sizeof(data); len += len < 20 ? 1 : 251) {
			memset(data, type % 2 ? 0x1b : 'x', sizeof(data));
			struct identity id = { (uint8_t)type, bytes_of(data, len) };

			identity_text(out, &id);
			CU_ASSERT(strlen(out) < IDENTITY_TEXT_MAX);
			CU_ASSERT_PTR_NULL(strchr(out, 0x1b));
		}
}

static void identity_goes_over_the_wire(void)
{
	uint8_t body[64];
	struct writer w = writer_over(body, sizeof(body));
	struct identity id, back;
	const char *why;

	CU_ASSERT_EQUAL(identity_parse(&id, "gw.example"), 0);
	identity_put(&w, &id);
	CU_ASSERT(bytes_equal(writer_bytes(&w), bytes_of("\2\0\0\0gw.example", 14)));
	CU_ASSERT_EQUAL(identity_read(&back, writer_bytes(&w), &why), 0);
	CU_ASSERT(identity_same(&id, &back));
	identity_free(&id);
}

static int read_identity(const char *octets, size_t len)
{
	struct identity id;
	const char *why = NULL;
	int fault = identity_read(&id, bytes_of(octets, len), &why);

	CU_ASSERT((fault == 0) == (why == NULL));
	return fault;
}

static void ports_of_ike_are_accepted(void)
{
	CU_ASSERT_EQUAL(read_identity("\1\0\0\0\1\2\3\4", 8), 0);
	CU_ASSERT_EQUAL(read_identity("\1\x11\x01\xf4\1\2\3\4", 8), 0);
	CU_ASSERT_EQUAL(read_identity("\1\x11\x11\x94\1\2\3\4", 8), 0);
	CU_ASSERT_EQUAL(read_identity("\1\x11\0\0\1\2\3\4", 8), 0);
	CU_ASSERT_EQUAL(read_identity("\1\0\x01\xf4\1\2\3\4", 8), FAULT_INPUT);
	CU_ASSERT_EQUAL(read_identity("\1\x06\x01\xf4\1\2\3\4", 8), FAULT_INPUT);
	CU_ASSERT_EQUAL(read_identity("\1\x11\x01\xf5\1\2\3\4", 8), FAULT_INPUT);
}

static void every_type_at_every_length_is_survived(void)
{
	uint8_t body[IDENTITY_DATA_MAX + 8] = { 0 };
	struct identity id;
	struct selector s;
	const char *why;

	for (unsigned type = 0; type < 256; type++)
		for (size_t len = 0; len <= sizeof(body); len += len < 48 ? 1 : 61) {
			body[0] = (uint8_t)type;
			int fault = identity_read(&id, bytes_of(body, len), &why);
			bool sound = (type == ID_IPV4_ADDR && len == 8) || (type == ID_IPV6_ADDR && len == 20) ||
				     ((type == ID_FQDN || type == ID_USER_FQDN || (type >= ID_DER_ASN1_DN && type <= ID_KEY_ID)) &&
				      len > 4 && len <= IDENTITY_DATA_MAX + 4);
			CU_ASSERT_EQUAL(fault, sound ? 0 : FAULT_INPUT);
			fault = selector_read(&s, bytes_of(body, len), &why);
			sound = (type == 1 && len == 8) || (type == 5 && len == 20) || ((type == 4 || type == 7) && len == 12) ||
				((type == 6 || type == 8) && len == 36);
			CU_ASSERT_EQUAL(fault, sound ? 0 : FAULT_INPUT);
		}
}

static void selectors_go_over_the_wire(void)
{
	static const struct {
		const char *text;
		uint8_t type;
		size_t len;
	} cases[] = {
		{ "192.0.2.1[udp/1701]", ID_IPV4_ADDR, 8 },  { "10.1.0.0/17", ID_IPV4_SUBNET, 12 },
		{ "0.0.0.0/0", ID_IPV4_SUBNET, 12 },         { "10.0.0.1-10.0.0.9[tcp]", ID_IPV4_RANGE, 12 },
		{ "2001:db8::1", ID_IPV6_ADDR, 20 },         { "2001:db8::/33", ID_IPV6_SUBNET, 36 },
		{ "::1-::9", ID_IPV6_RANGE, 36 },            { "192.0.2.1[icmp/3.4]", ID_IPV4_ADDR, 8 },
	};
	uint8_t body[64];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct writer w = writer_over(body, sizeof(body));
		struct selector s, back;
		const char *why;

		CU_ASSERT_EQUAL(selector_parse(&s, cases[i].text), 0);
		selector_put(&w, &s);
		CU_ASSERT_EQUAL(body[0], cases[i].type);
		CU_ASSERT_EQUAL(w.used, cases[i].len);
		CU_ASSERT_EQUAL(selector_read(&back, writer_bytes(&w), &why), 0);
		CU_ASSERT(selector_same(&s, &back));
	}
	struct writer w = writer_over(body, sizeof(body));
	struct selector none = { .protocol = 0 };
	selector_put(&w, &none);
	CU_ASSERT(w.failed);
}

static void odd_selectors(void)
{
	struct selector s;
	const char *why;
	char out[SELECTOR_TEXT_MAX];

	CU_ASSERT_EQUAL(selector_read(&s, bytes_of("\4\0\0\0\12\1\2\3\xff\xff\0\0", 12), &why), 0);
	CU_ASSERT_STRING_EQUAL(selector_text(out, &s), "10.1.0.0/16");
	CU_ASSERT_EQUAL(selector_read(&s, bytes_of("\4\0\0\0\12\1\2\3\xff\0\xff\0", 12), &why), FAULT_INPUT);
	CU_ASSERT_STRING_EQUAL(why, "the ID's netmask has holes");
	CU_ASSERT_EQUAL(selector_read(&s, bytes_of("\7\0\0\0\12\0\0\2\12\0\0\1", 12), &why), FAULT_INPUT);
	CU_ASSERT_EQUAL(selector_read(&s, bytes_of("\1\0\0\1\12\0\0\2", 8), &why), FAULT_INPUT);
	CU_ASSERT_EQUAL(selector_read(&s, bytes_of("\2\0\0\0gw", 6), &why), FAULT_INPUT);
	CU_ASSERT_STRING_EQUAL(why, "the ID is a name where addresses are needed");
}

static const struct unit_case cases[] = {
	{ "an identity's text decides its type", text_has_its_type },
	{ "text that is no identity is refused", bad_text_is_refused },
	{ "host names match without regard to case, nothing else does", names_match_without_case },
	{ "a copy has its own memory", copies_are_own },
	{ "an identity's text has no control characters and fits", text_is_safe_and_fits },
	{ "an identity goes over the wire", identity_goes_over_the_wire },
	{ "only IKE's ports are accepted in phase 1", ports_of_ike_are_accepted },
	{ "every ID type at every length is read or refused", every_type_at_every_length_is_survived },
	{ "selectors go over the wire", selectors_go_over_the_wire },
	{ "host bits in a subnet are ignored, holes and ports alone refused", odd_selectors },
};

UNIT_MAIN("identity", cases)
