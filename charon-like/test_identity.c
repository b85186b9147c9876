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
		{ "keyid:#deadbe01", ID_KEY_ID, "0xdeadbe01 (KEY_ID)" },
		{ "keyid:de", ID_KEY_ID, "de (KEY_ID)" },
		{ "@#de:ad", ID_KEY_ID, "0xdead (KEY_ID)" },
		{ "@[vpn users]", ID_KEY_ID, "vpn users (KEY_ID)" },
		{ "@@alice@example", ID_USER_FQDN, "alice@example (USER_FQDN)" },
		{ "dns:gw.example", ID_FQDN, "gw.example (FQDN)" },
		{ "email:alice@example", ID_USER_FQDN, "alice@example (USER_FQDN)" },
		{ "rfc822:alice@example", ID_USER_FQDN, "alice@example (USER_FQDN)" },
		{ "userfqdn:alice@example", ID_USER_FQDN, "alice@example (USER_FQDN)" },
		{ "C=CH, O=Linux strongSwan, CN=moon", ID_DER_ASN1_DN, "C=CH, O=Linux strongSwan, CN=moon (DN)" },
		{ "/C=CH/O=Linux strongSwan/CN=moon", ID_DER_ASN1_DN, "C=CH, O=Linux strongSwan, CN=moon (DN)" },
		{ "dn:CN=moon", ID_DER_ASN1_DN, "CN=moon (DN)" },
		{ "asn1dn:CN=moon", ID_DER_ASN1_DN, "CN=moon (DN)" },
		{ "rfc4514:CN=moon,C=CH", ID_DER_ASN1_DN, "C=CH, CN=moon (DN)" },
		{ "asn1dn:#300c310a300806035504030c0161", ID_DER_ASN1_DN, "CN=a (DN)" },
		{ "dn:300c310a300806035504030c0161", ID_DER_ASN1_DN, "CN=a (DN)" },
		{ "gn:#82026777", ID_DER_ASN1_GN, "gw (GN)" },
		{ "asn1gn:#81036140" "62", ID_DER_ASN1_GN, "a@b (GN)" },
		{ "gn:#8704c0000201", ID_DER_ASN1_GN, "192.0.2.1 (GN)" },
		{ "gn:#a40e300c310a300806035504030c0161", ID_DER_ASN1_GN, "CN=a (GN)" },
		{ "gn:#8801ff", ID_DER_ASN1_GN, "0x8801ff (GN)" },
		{ "uri:https://gw.example/x", ID_DER_ASN1_GN, "uri:https://gw.example/x (GN)" },
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
		"", "@", "fqdn:", "user:", "keyid:", "keyid:0x", "keyid:0x123", "keyid:0xzz", "dn:", "dn:3", "dn:0401", "dn:3000", "dn:moon",
		"dn:#", "dn:#300c310a300806035504030c01", "rfc4514:", "rfc4514:CN", "gn:", "gn:gw", "gn:#", "gn:#8200", "gn:#0c0161", "gn:#820261",
		"gn:#82016100", "uri:", "uri:a b", "@#", "@#0", "@#zz", "@[", "@[]", "@[a", "@@", "keyid:#", "keyid:#zz", "dns:", "CN=", "O=a,b",
		"a=b", "CN=*", "C=CH, CN=*", "*", "*.", "*@", "*@example", "fqdn:*.example", "user:*@example", "@*.example", "ipv4net:10.0.0.0/8",
		"ipv6range:::1-::2", "ipv4:::1",
		"ipv6:192.0.2.1", "ipv4:gw", "192.0.2.300", "10.0.0.0/8", "2001:db8::/32", "fe80::1%lo",
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

static bool fits(const char *pattern, unsigned match, const char *text)
{
	struct identity p, id;
	char why[IDENTITY_WHY_MAX];

	CU_ASSERT_EQUAL(identity_parse_as(&p, pattern, match | MATCH_RANGES, why), 0);
	CU_ASSERT_EQUAL(identity_parse(&id, text), 0);
	bool does_fit = identity_fits(&p, match, &id);
	identity_free(&p);
	identity_free(&id);
	return does_fit;
}

static void users_match_as_mail_does(void)
{
	CU_ASSERT(fits("alice@example", 0, "alice@EXAMPLE") && !fits("alice@example", 0, "Alice@example"));
	CU_ASSERT(fits("user:alice", 0, "user:alice") && !fits("user:alice", 0, "user:ALICE") && !fits("user:alice", 0, "alice@example"));
	/* The last '@' begins the host. */
	CU_ASSERT(!fits("user:a@b@example", 0, "user:A@b@example") && fits("user:a@b@example", 0, "user:a@b@Example"));
}

static void general_names_are_what_they_hold(void)
{
	CU_ASSERT(fits("gw", 0, "gn:#82024757") && fits("gn:#82026777", 0, "GW") && !fits("gw", 0, "gn:#86026777"));
	CU_ASSERT(fits("192.0.2.1", 0, "gn:#8704c0000201") && fits("CN=a", 0, "gn:#a40e300c310a300806035504030c0161"));
	CU_ASSERT(fits("uri:a:b", 0, "gn:#8603613a62") && !fits("uri:a:b", 0, "uri:A:b"));
}

static void wildcards_are_asked_for(void)
{
	unsigned w = MATCH_WILDCARDS;

	CU_ASSERT(fits("*.example", w, "gw.Example") && fits("*.example", w, "a.b.example") && fits("fqdn:*.example", w, "x.example"));
	CU_ASSERT(!fits("*.example", w, "example") && !fits("*.example", w, "fqdn:.example") && !fits("*.example", w, "evil-example"));
	CU_ASSERT(!fits("*.example", w, "fqdn:a b.example") && !fits("*.example", w, "fqdn:a..example") && !fits("*.example", w, "@[x.example]"));
	CU_ASSERT(fits("*@example", w, "bob@EXAMPLE") && !fits("*@example", w, "user:@example") && !fits("*@example", w, "user:a b@example"));
	CU_ASSERT(!fits("*@example", w, "bob@x.example") && !fits("*@example", w, "user:bob@evil@example") && !fits("*@example", w, "example"));
	CU_ASSERT(fits("*.example", w, "gw.example") && fits("*@example", w, "bob@example"));
	CU_ASSERT(fits("keyid:*", w, "keyid:*") && !fits("keyid:*", w, "keyid:a"));
	CU_ASSERT(fits("C=CH, CN=*", w, "C=CH, CN=moon"));
	/* What the peer's side says is never one: a certificate for "*.example" is not one for gw.example. */
	struct identity gw, all = { ID_FQDN, bytes_text("*.example") };
	CU_ASSERT_EQUAL(identity_parse(&gw, "gw.example"), 0);
	CU_ASSERT(!identity_fits(&gw, w, &all) && !identity_matches(&all, &gw) && identity_fits(&all, w, &gw));
	/* Nor does a NUL end a name. */
	struct identity nul = { ID_FQDN, bytes_of("evil\0.example", 13) }, late = { ID_FQDN, bytes_of("gw.example\0", 11) };
	CU_ASSERT(!identity_fits(&all, w, &nul) && !identity_fits(&all, w, &late));
	struct identity any_user = { ID_USER_FQDN, bytes_text("*@example") }, nul_user = { ID_USER_FQDN, bytes_of("e\0@example", 10) };
	CU_ASSERT(!identity_fits(&any_user, w, &nul_user));
	identity_free(&gw);
}

static void ranges_name_addresses(void)
{
	char why[IDENTITY_WHY_MAX], out[IDENTITY_TEXT_MAX];
	struct identity id;

	CU_ASSERT(fits("10.0.0.0/8", 0, "10.1.2.3") && !fits("10.0.0.0/8", 0, "11.0.0.1") && !fits("10.0.0.0/8", 0, "@10.1.2.3"));
	CU_ASSERT(fits("ipv4net:10.0.0.0/8", 0, "10.1.2.3") && fits("ipv4range:10.0.0.1-10.0.0.9", 0, "10.0.0.9"));
	CU_ASSERT(fits("2001:db8::/32", 0, "2001:db8::1") && !fits("2001:db8::/32", 0, "2001:db9::1") && fits("ipv6range:::1-::9", 0, "::5"));
	CU_ASSERT(fits("%any4", 0, "10.1.2.3") && !fits("%any4", 0, "::1"));
	CU_ASSERT_EQUAL(identity_parse_as(&id, "10.0.0.0/8", MATCH_RANGES, why), 0);
	CU_ASSERT_STRING_EQUAL(identity_text(out, &id), "10.0.0.0/8 (IPv4 range)");
	identity_free(&id);
	CU_ASSERT_EQUAL(identity_parse_as(&id, "ipv4net:10.0.0.1", MATCH_RANGES, why), 0);
	CU_ASSERT_EQUAL(id.type, ID_IPV4_ADDR);
	identity_free(&id);
	CU_ASSERT_EQUAL(identity_parse_as(&id, "10.0.0.0/8", 0, why), FAULT_INPUT);
	CU_ASSERT_STRING_EQUAL(why, "a range of addresses names nobody");
	CU_ASSERT_EQUAL(identity_parse_as(&id, "*.example", 0, why), FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "id-match=\"wildcards\""));
}

static void identities_that_match_have_one_key(void)
{
	static const char *const pairs[][2] = {
		{ "gw.example", "GW.EXAMPLE" }, { "gw", "gn:#82024757" }, { "CN=a", "cn=A" }, { "a@b", "a@B" }, { "192.0.2.1", "gn:#8704c0000201" },
	};
	uint8_t left[IDENTITY_KEY_MAX], right[IDENTITY_KEY_MAX];

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct identity a, b;

		CU_ASSERT(identity_parse(&a, pairs[i][0]) == 0 && identity_parse(&b, pairs[i][1]) == 0);
		CU_ASSERT(bytes_equal(identity_key(left, &a), identity_key(right, &b)) && identity_matches(&a, &b));
		identity_free(&a);
		identity_free(&b);
	}
}

static const char *hint(char out[IDENTITY_WHY_MAX], const char *wanted, const char *text)
{
	struct identity w, id;

	CU_ASSERT(identity_parse(&w, wanted) == 0 && identity_parse(&id, text) == 0);
	identity_hint(out, &w, 0, &id);
	identity_free(&w);
	identity_free(&id);
	return out;
}

static void what_nearly_matches_is_told(void)
{
	char out[IDENTITY_WHY_MAX];

	CU_ASSERT_STRING_EQUAL(hint(out, "gw.example", "keyid:gw.example"),
			       "the names are equal but their types differ, FQDN and KEY_ID: write 'keyid:' in front");
	CU_ASSERT_PTR_NOT_NULL(strstr(hint(out, "keyid:a@b", "a@b"), "KEY_ID and USER_FQDN: write 'user:' in front"));
	CU_ASSERT_PTR_NOT_NULL(strstr(hint(out, "CN=a, C=CH", "C=CH, CN=a"), "'rfc4514:' in front"));
	CU_ASSERT_STRING_EQUAL(hint(out, "gw.example", "gx.example"), "");
	CU_ASSERT_STRING_EQUAL(hint(out, "CN=a, C=CH", "C=CH, CN=b"), "");
	struct identity id, hidden = { ID_FQDN, bytes_text("*.example") };
	CU_ASSERT_EQUAL(identity_parse(&id, "gw.example"), 0);
	CU_ASSERT_STRING_EQUAL(identity_hint(out, &hidden, 0, &id), "id-match=\"wildcards\" is missing");
	identity_free(&id);
}

static void a_certificate_has_many_names(void)
{
	static const uint8_t subject[] = "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01" "a";
	const struct identity names[] = {
		{ ID_FQDN, bytes_text("gw.example") }, { ID_IPV4_ADDR, bytes_of("\xc0\0\2\1", 4) }, { ID_USER_FQDN, bytes_text("a@b") },
	};
	struct certified by = { bytes_of(subject, sizeof(subject) - 1), names, COUNT(names) }, empty = { bytes_of("\x30\0", 2), names, 1 };
	static const char *const held[] = { "CN=A", "GW.example", "192.0.2.1", "a@b", "%any", "gn:#820a67772e6578616d706c65" };
	static const char *const not_held[] = { "CN=b", "a", "keyid:gw.example", "192.0.2.2", "@192.0.2.1", "b" };
	char out[CERTIFIED_TEXT_MAX];
	struct identity id;

	for (size_t i = 0; i < COUNT(held); i++) {
		CU_ASSERT_EQUAL(identity_parse(&id, held[i]), 0);
		CU_ASSERT(certified_has(&by, &id, 0));
		identity_free(&id);
	}
	for (size_t i = 0; i < COUNT(not_held); i++) {
		CU_ASSERT_EQUAL(identity_parse(&id, not_held[i]), 0);
		CU_ASSERT(!certified_has(&by, &id, 0));
		identity_free(&id);
	}
	CU_ASSERT_STRING_EQUAL(certified_text(out, &by), "CN=a (DN), gw.example (FQDN), 192.0.2.1 (IPv4), a@b (USER_FQDN)");
	CU_ASSERT_STRING_EQUAL(certified_text(out, &empty), "gw.example (FQDN)");
	id = certified_default(&by);
	CU_ASSERT(id.type == ID_DER_ASN1_DN && id.data.at == subject);
	id = certified_default(&empty);
	CU_ASSERT(identity_same(&id, &names[0]));
	/* An empty subject is no name, and neither is none. */
	struct identity nobody = { ID_DER_ASN1_DN, empty.subject };
	empty.name_count = 0;
	CU_ASSERT(!certified_has(&empty, &nobody, MATCH_WILDCARDS | MATCH_REORDERED));
	CU_ASSERT_EQUAL(certified_default(&empty).type, 0);
	CU_ASSERT_STRING_EQUAL(certified_text(out, &empty), "no name at all");
	struct identity same[200];
	for (size_t i = 0; i < COUNT(same); i++)
		same[i] = names[0];
	certified_text(out, &(struct certified){ by.subject, same, COUNT(same) });
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "CN=a (DN), gw.example (FQDN), "));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, " more"));
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
				     ((type == ID_FQDN || type == ID_USER_FQDN || type == ID_KEY_ID) && len > 4 &&
				      len <= IDENTITY_DATA_MAX + 4);
			CU_ASSERT_EQUAL(fault, sound ? 0 : FAULT_INPUT);
			fault = selector_read(&s, bytes_of(body, len), &why);
			sound = (type == 1 && len == 8) || (type == 5 && len == 20) || ((type == 4 || type == 7) && len == 12) ||
				((type == 6 || type == 8) && len == 36);
			CU_ASSERT_EQUAL(fault, sound ? 0 : FAULT_INPUT);
		}
}

/* Octets of zero, as above, are no DER; what is must be whole, and name somebody. */
static void names_in_der_are_looked_at(void)
{
	static const struct {
		const char *octets;
		size_t len;
		const char *why;
	} cases[] = {
		{ "\11\0\0\0\x30\x0c\x31\x0a\x30\x08\6\3\x55\4\3\x0c\1a", 18, NULL },
		{ "\11\0\0\0\x30\x0c\x31\x0a\x30\x08\6\3\x55\4\3\x0c\1a", 17, "is not DER" },
		{ "\11\0\0\0\x30\0", 6, "is empty, and names nobody" },
		{ "\11\0\0\0CN=a", 8, "is not DER" },
		{ "\11\0\0\0", 4, "is empty" },
		{ "\12\0\0\0\x82\2gw", 8, NULL },
		{ "\12\0\0\0\x82\3gw", 8, "the GN in the ID is not DER" },
		{ "\12\0\0\0\x0c\2gw", 8, "the GN in the ID is not DER" },
		{ "\12\0\0\0\xa4\2\x30\0", 8, "is empty, and names nobody" },
		{ "\12\0\0\0\xa4\2gw", 8, "is not DER" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity id;
		const char *why = NULL;

		CU_ASSERT_EQUAL(identity_read(&id, bytes_of(cases[i].octets, cases[i].len), &why), cases[i].why ? FAULT_INPUT : 0);
		CU_ASSERT(cases[i].why ? strstr(why, cases[i].why) != NULL : why == NULL);
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
	{ "of user@host only the host is compared without regard to case", users_match_as_mail_does },
	{ "a general name is what it holds", general_names_are_what_they_hold },
	{ "wildcards are asked for, and only the configured side has any", wildcards_are_asked_for },
	{ "a range of addresses names those in it", ranges_name_addresses },
	{ "identities that match have one key", identities_that_match_have_one_key },
	{ "what nearly matches is told", what_nearly_matches_is_told },
	{ "a certificate has its subject and its alternative names", a_certificate_has_many_names },
	{ "a copy has its own memory", copies_are_own },
	{ "an identity's text has no control characters and fits", text_is_safe_and_fits },
	{ "an identity goes over the wire", identity_goes_over_the_wire },
	{ "only IKE's ports are accepted in phase 1", ports_of_ike_are_accepted },
	{ "every ID type at every length is read or refused", every_type_at_every_length_is_survived },
	{ "a DN and a GN in an ID payload are looked at", names_in_der_are_looked_at },
	{ "selectors go over the wire", selectors_go_over_the_wire },
	{ "host bits in a subnet are ignored, holes and ports alone refused", odd_selectors },
};

UNIT_MAIN("identity", cases)
