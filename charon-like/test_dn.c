/* SPDX-License-Identifier: MIT */
/* test_dn.c - distinguished names: text to DER and back, and compared. The DER was made by OpenSSL 3.0. */
#include "dn.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* Of this text, as OpenSSL has it: UTF8String but for the country. */
#define MOON "3037310b300906035504061302434831193017060355040a0c104c696e7578207374726f6e675377616e310d300b06035504030c046d6f6f6e"
#define UMLAUT \
	"3051310b300906035504061302444531183016060355040a0c0f4dc3bc6c6c65722c2053c3b6686e65310a3008060355040b0c0161311c301a0609" \
	"2a864886f70d010901160d61406578616d706c652e6f7267"
#define MULTI \
	"305331133011060a0992268993f22c64011916036f726731173015060a0992268993f22c64011916076578616d706c653123300f060a0992268993" \
	"f22c6401010c0137301006035504030c09536f6d6520426f6479"

struct der {
	uint8_t octets[2 * IDENTITY_DATA_MAX];
	struct bytes at;
};

static struct bytes from_hex(struct der *der, const char *hex)
{
	unsigned octet;
	size_t len = 0;

	for (; sscanf(hex, "%2x", &octet) == 1; hex += 2)
		der->octets[len++] = (uint8_t)octet;
	return der->at = bytes_of(der->octets, len);
}

static struct bytes from_text(struct der *der, const char *text)
{
	struct writer w = writer_over(der->octets, sizeof(der->octets));
	char why[IDENTITY_WHY_MAX] = "";

	CU_ASSERT_EQUAL(dn_parse(&w, text, false, why), 0);
	CU_ASSERT_STRING_EQUAL(why, "");
	return der->at = writer_bytes(&w);
}

static bool fits(const char *pattern, unsigned match, const char *name)
{
	struct der p, n;

	return dn_matches(from_text(&p, pattern), match, from_text(&n, name));
}

static void text_is_what_openssl_makes(void)
{
	static const struct {
		const char *text, *hex, *shown;
	} cases[] = {
		{ "C=CH, O=Linux strongSwan, CN=moon", MOON, "C=CH, O=Linux strongSwan, CN=moon" },
		{ "/C=CH/O=Linux strongSwan/CN=moon", MOON, NULL },
		{ "C = CH, O = Linux strongSwan, CN = moon", MOON, NULL },
		{ " c=ch,o=linux  strongswan , cn=Moon ", MOON, NULL },
		{ "2.5.4.6=CH,OID.2.5.4.10=Linux strongSwan,commonName=#0c046d6f6f6e", MOON, NULL },
		{ "C=DE, O=M\xc3\xbcller\\, S\xc3\xb6hne, OU=a, E=a@example.org", UMLAUT,
		  "C=DE, O=M\\C3\\BCller\\, S\\C3\\B6hne, OU=a, emailAddress=a@example.org" },
		{ "C = DE, O = \"M\\C3\\BCller, S\\C3\\B6hne\", OU = a, emailAddress = a@example.org", UMLAUT, NULL },
		{ "DC=org, DC=example, UID=7+CN=Some Body", MULTI, "DC=org, DC=example, UID=7+CN=Some Body" },
		{ "DC = org, DC = example, CN = Some Body + UID = 7", MULTI, NULL },
	};
	char out[IDENTITY_TEXT_MAX];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct der made, known;
		struct dn dn;

		CU_ASSERT(dn_matches(from_hex(&known, cases[i].hex), 0, from_text(&made, cases[i].text)));
		CU_ASSERT_EQUAL(dn_read(&dn, known.at), 0);
		CU_ASSERT_STRING_EQUAL(dn_text(out, sizeof(out), &dn), cases[i].shown ? cases[i].shown : out);
		CU_ASSERT(dn_matches(from_text(&made, out), 0, known.at));
	}
}

static void the_order_is_that_of_the_text(void)
{
	struct der forth, back;
	struct writer w = writer_over(back.octets, sizeof(back.octets));
	char why[IDENTITY_WHY_MAX];

	from_text(&forth, "C=CH, O=Linux strongSwan, CN=moon");
	CU_ASSERT_EQUAL(dn_parse(&w, "CN=moon,O=Linux strongSwan,C=CH", true, why), 0);
	CU_ASSERT(bytes_equal(forth.at, writer_bytes(&w)));
	CU_ASSERT(!fits("CN=moon, O=Linux strongSwan, C=CH", 0, "C=CH, O=Linux strongSwan, CN=moon"));
	struct dn dn;
	CU_ASSERT(dn_read(&dn, forth.at) == 0 && !dn_looks_reversed(&dn));
	CU_ASSERT(dn_read(&dn, from_text(&forth, "CN=moon, O=x, C=CH")) == 0 && dn_looks_reversed(&dn));
	CU_ASSERT(dn_read(&dn, from_text(&forth, "CN=moon")) == 0 && !dn_looks_reversed(&dn));
	CU_ASSERT(dn_read(&dn, from_text(&forth, "O=x, CN=moon")) == 0 && !dn_looks_reversed(&dn));
}

static void wrong_text_is_refused_with_a_reason(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "an attribute such as CN= is missing" },
		{ "moon", "an attribute such as CN= is missing" },
		{ "C=CH,", "an attribute such as CN= is missing" },
		{ "O=Example, Inc., CN=gw", "missing (a ',' in a value is written '\\,') at 'Inc., CN=gw'" },
		{ "C=CH, CN=", "an attribute has no value" },
		{ "CN= ", "an attribute has no value" },
		{ "XY=1", "no attribute is called 'XY'" },
		{ "SN=1", "write surname or serialNumber" },
		{ "s=Bern", "write ST (a state) or surname" },
		{ "3.1=x", "no attribute is called '3.1'" },
		{ "1.40=x", "no attribute is called" },
		{ "2.=x", "no attribute is called" },
		{ "2=x", "no attribute is called" },
		{ "2.5.4294967296=x", "no attribute is called" },
		{ "CN=\"moon", "a quote is not closed" },
		{ "CN=\"moon\" star", "something follows a closed quote" },
		{ "CN=moon\\", "a backslash stands before" },
		{ "CN=moon\\n", "a backslash stands before" },
		{ "CN=mo\non", "there is a control character" },
		{ "CN=M\xfcller", "a value is not UTF-8" },
		{ "CN=\\ff", "a value is not UTF-8" },
		{ "CN=#", "# is not followed by one value's DER" },
		{ "CN=#0c05aa", "# is not followed by one value's DER" },
		{ "CN=#0c01zz", "# is not followed by one value's DER" },
	};
	char why[IDENTITY_WHY_MAX];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct der der;
		struct writer w = writer_over(der.octets, sizeof(der.octets));

		why[0] = '\0';
		CU_ASSERT_EQUAL(dn_parse(&w, cases[i].text, false, why), FAULT_INPUT);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, cases[i].why));
	}
}

static void odd_text_is_read(void)
{
	struct der a;
	struct dn dn;
	char out[IDENTITY_TEXT_MAX];
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "/O=a/CN=http://x/y", "O=a, CN=http://x/y" },
		{ "/O=a, b/CN=c", "O=a\\, b, CN=c" },
		{ "O=C++ users, CN=a+b", "O=C\\+\\+ users, CN=a\\+b" },
		{ "CN=\\ a\\ ", "CN=\\ a\\ " },
		{ "CN=\\#1", "CN=\\#1" },
		{ "CN=a=b", "CN=a=b" },
		{ "CN=a;b<c>\\\"", "CN=a\\;b\\<c\\>\\\"" },
		{ "1.3.6.1.4.1.99999.1=x", "1.3.6.1.4.1.99999.1=x" },
		{ "2.999.3=x", "2.999.3=x" },
		{ "0.39.4294967295=x", "0.39.4294967295=x" },
		{ "CN=#030200ff", "CN=#030200FF" },
		{ "givenName=A, G=B, GN=C, serialNumber=7, T=x", "givenName=A, givenName=B, givenName=C, serialNumber=7, title=x" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		CU_ASSERT_EQUAL(dn_read(&dn, from_text(&a, cases[i].text)), 0);
		CU_ASSERT_STRING_EQUAL(dn_text(out, sizeof(out), &dn), cases[i].shown);
	}
	/* Attribute types have their own string types: C and serialNumber PrintableString, emailAddress and DC IA5String. */
	from_text(&a, "C=CH, DC=a, E=a@b, O=a, OU=*, CN=\xc3\xbc");
	static const uint8_t tags[] = { DER_PRINTABLE, DER_IA5, DER_IA5, DER_PRINTABLE, DER_UTF8, DER_UTF8 };
	CU_ASSERT_EQUAL(dn_read(&dn, a.at), 0);
	for (size_t i = 0; i < COUNT(tags); i++)
		CU_ASSERT_EQUAL(dn.at[i].tag, tags[i]);
}

/* RFC 5280 7.1. */
static void strings_compare_as_x509_has_it(void)
{
	static const char *const same[] = {
		"CN=#0c046d6f6f6e", "CN=#13046d6f6f6e", "CN=#16044d4f4f4e", "CN=#14046d6f6f6e", "CN=#1e08006d006f006f006e",
		"CN=#1c100000006d0000006f0000006f0000006e", "CN=MOON", "CN=\" moon \"",
	};
	static const char *const other[] = {
		"CN=mo on", "CN=moo", "CN=moons", "CN=#0c056d6f6f6e00", "CN=#0c05006d6f6f6e", "CN=#04046d6f6f6e", "CN=#1e07006d006f006f00",
		"CN=m\xc3\xb6on", "O=moon", "CN=moon+O=x", "CN=moon, CN=moon", "CN=#0c00",
	};

	for (size_t i = 0; i < COUNT(same); i++)
		CU_ASSERT(fits("CN=moon", 0, same[i]));
	for (size_t i = 0; i < COUNT(other); i++)
		CU_ASSERT(!fits("CN=moon", 0, other[i]) && !fits(other[i], 0, "CN=moon"));
	CU_ASSERT(fits("O=Linux strongSwan", 0, "O=\"  LINUX    strongswan\""));
	CU_ASSERT(!fits("O=Linux strongSwan", 0, "O=LinuxstrongSwan"));
	/* T61String as Latin-1, BMPString; letters beyond ASCII keep their case. */
	CU_ASSERT(fits("CN=M\xc3\xbcller", 0, "CN=#14064dfc6c6c6572") && fits("CN=M\xc3\xbcller", 0, "CN=#1e0c004d00fc006c006c00650072"));
	CU_ASSERT(!fits("CN=M\xc3\xbcller", 0, "CN=M\xc3\x9cLLER"));
	CU_ASSERT(fits("CN=#1c040001f600", 0, "CN=\xf0\x9f\x98\x80") && !fits("CN=#1c047fffffff", 0, "CN=#1c046fffffff"));
	/* What is no string is compared by type and octets. */
	CU_ASSERT(fits("CN=#030200ff", 0, "CN=#030200ff") && !fits("CN=#030200ff", 0, "CN=#040200ff"));
	CU_ASSERT(fits("UID=7+CN=a", 0, "CN=A+UID=7") && !fits("UID=7+CN=a", 0, "UID=7+CN=b") && !fits("CN=a+CN=a", 0, "CN=a+CN=b"));
}

static void wildcards_are_whole_values(void)
{
	const char *name = "C=CH, O=Linux strongSwan, OU=Sales, CN=moon";

	CU_ASSERT(fits("C=CH, O=Linux strongSwan, OU=*, CN=*", MATCH_WILDCARDS, name));
	CU_ASSERT(!fits("C=CH, O=Linux strongSwan, OU=*, CN=*", 0, name));
	CU_ASSERT(!fits("C=CH, O=Linux strongSwan, CN=*", MATCH_WILDCARDS, name));
	CU_ASSERT(!fits("C=CH, O=Linux*, OU=*, CN=*", MATCH_WILDCARDS, name));
	CU_ASSERT(!fits("C=CH, O=*, OU=*, O=*", MATCH_WILDCARDS, name));
	/* A certificate for "*" is one for "*". */
	CU_ASSERT(!fits(name, MATCH_WILDCARDS, "C=*, O=*, OU=*, CN=*"));
	CU_ASSERT(fits("CN=*", MATCH_WILDCARDS, "CN=*") && fits("CN=*", MATCH_WILDCARDS, "CN=#0c00"));
	CU_ASSERT(fits("CN=*+UID=7", MATCH_WILDCARDS, "UID=7+CN=a") && !fits("CN=*+UID=7", MATCH_WILDCARDS, "UID=8+CN=a"));
	CU_ASSERT(fits("CN=*+CN=a", MATCH_WILDCARDS, "CN=a+CN=b"));
	struct der der;
	struct dn dn;
	CU_ASSERT(dn_read(&dn, from_text(&der, "C=CH, CN=*")) == 0 && dn_has_wildcard(&dn));
	CU_ASSERT(dn_read(&dn, from_text(&der, "C=CH, CN=**")) == 0 && !dn_has_wildcard(&dn));
}

static void order_is_free_on_request(void)
{
	const char *name = "C=CH, O=x, OU=a, OU=b, CN=moon";

	CU_ASSERT(fits("CN=moon, OU=b, OU=a, O=X, C=ch", MATCH_REORDERED, name) && !fits("CN=moon, OU=b, OU=a, O=X, C=ch", 0, name));
	CU_ASSERT(!fits("CN=moon, OU=a, OU=a, O=x, C=ch", MATCH_REORDERED, name));
	CU_ASSERT(!fits("CN=moon, OU=b, O=x, C=ch", MATCH_REORDERED, name) && !fits(name, MATCH_REORDERED, "CN=moon, OU=b, O=x, C=ch"));
	/* Who has a wildcard takes what others leave. */
	CU_ASSERT(fits("OU=*, OU=a, CN=moon, O=x, C=CH", MATCH_REORDERED | MATCH_WILDCARDS, name));
	CU_ASSERT(!fits("OU=*, OU=c, CN=moon, O=x, C=CH", MATCH_REORDERED | MATCH_WILDCARDS, name));
	CU_ASSERT(!fits("OU=*, OU=a, CN=moon, O=x, C=CH", MATCH_REORDERED, name));
}

static void names_that_match_have_one_key(void)
{
	static const char *const pairs[][2] = {
		{ "C=CH, O=Linux strongSwan, CN=moon", "c=ch, o=LINUX  strongswan, cn=#1e08006d006f006f006e" },
		{ "UID=7+CN=a", "CN=A+UID=#0c0137" },
	};
	uint8_t left[IDENTITY_KEY_MAX], right[IDENTITY_KEY_MAX];

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct writer l = writer_over(left, sizeof(left)), r = writer_over(right, sizeof(right));
		struct der a, b;

		dn_key(&l, from_text(&a, pairs[i][0]));
		dn_key(&r, from_text(&b, pairs[i][1]));
		CU_ASSERT(l.used > 0 && bytes_equal(writer_bytes(&l), writer_bytes(&r)));
	}
}

static void what_is_not_der_is_refused(void)
{
	static const char *const cases[] = {
		"", "30", "3001", "3000ff", "300031", "31003000", "30023100", "3004310230ff", "30800000",
		/* CN=a with something added, missing, or of another type or length of length. */
		"300c310a30080603550403" "0c0161" "00", "300b310a30080603550403" "0c0161", "300c310b30080603550403" "0c0161",
		"300c310a31080603550403" "0c0161", "300c300a30080603550403" "0c0161", "300c310a30080403550403" "0c0161",
		"30810c310a30080603550403" "0c0161", "3082000c310a30080603550403" "0c0161", "30840000000c310a30080603550403" "0c0161",
		"300c310a30080603550483" "0c0161", "300c310a30080603805583" "0c0161", "300c310a30080603550403" "000161",
		"300c310a30080603550403" "1f0161", "300c310a30080603550403" "0c0261", "300a310830060600" "0c0261", "300931073005060355" "0403",
		"300a31083006060355040361", "300e310c30080603550403" "0c01610000",
	};
	struct der der;
	struct dn dn;

	CU_ASSERT_EQUAL(dn_read(&dn, from_hex(&der, "300c310a30080603550403" "0c0161")), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		CU_ASSERT_EQUAL(dn_read(&dn, from_hex(&der, cases[i])), FAULT_INPUT);
		CU_ASSERT(!dn_matches(der.at, MATCH_REORDERED | MATCH_WILDCARDS, der.at));
	}
	/* Every length of a name that is cut, and every octet that is changed. */
	struct der whole, cut;
	from_hex(&whole, MULTI);
	for (size_t len = 0; len < whole.at.len; len++)
		CU_ASSERT_EQUAL(dn_read(&dn, bytes_of(whole.octets, len)), FAULT_INPUT);
	for (size_t i = 0; i < 256 * whole.at.len; i++) {
		char out[IDENTITY_TEXT_MAX];

		from_hex(&cut, MULTI);
		cut.octets[i / 256] = (uint8_t)i;
		bool is_name = dn_read(&dn, cut.at) == 0;
		if (is_name)
			CU_ASSERT(strlen(dn_text(out, sizeof(out), &dn)) < sizeof(out));
		CU_ASSERT_EQUAL(dn_matches(cut.at, 0, cut.at), is_name);
	}
}

static void many_attributes_are_bounded(void)
{
	char text[1000];
	struct der der;
	struct dn dn;
	char why[IDENTITY_WHY_MAX];

	for (size_t i = 0, used = 0; i < DN_PARTS_MAX + 1; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%sCN=a", i == 0 ? "" : i % 2 ? "+" : ",");
	/* All but the last. */
	text[strlen(text) - 5] = '\0';
	CU_ASSERT_EQUAL(dn_read(&dn, from_text(&der, text)), 0);
	CU_ASSERT_EQUAL(dn.count, DN_PARTS_MAX / 2);
	CU_ASSERT(fits(text, MATCH_REORDERED, text));
	text[strlen(text)] = ',';
	struct writer w = writer_over(der.octets, sizeof(der.octets));
	CU_ASSERT_EQUAL(dn_parse(&w, text, false, why), FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "too long"));
}

/* What made others read beyond a name, or take the beginning of one for the whole. */
static void names_are_compared_as_a_whole(void)
{
	struct der whole, part;

	from_hex(&whole, MOON);
	/* As many octets as both have are equal; their lengths say otherwise. */
	for (size_t len = 0; len < whole.at.len; len++)
		CU_ASSERT(!dn_matches(whole.at, MATCH_REORDERED, bytes_of(whole.octets, len)) &&
			  !dn_matches(bytes_of(whole.octets, len), MATCH_REORDERED, whole.at));
	from_hex(&part, MOON);
	part.octets[part.at.len] = 0;
	CU_ASSERT(!dn_matches(whole.at, 0, bytes_of(part.octets, part.at.len + 1)));
	CU_ASSERT(!fits("C=CH, O=Linux strongSwan", 0, "C=CH, O=Linux strongSwan, CN=moon"));
	CU_ASSERT(!fits("C=CH, O=Linux strongSwan, CN=moon", 0, "C=CH, O=Linux strongSwan"));
	CU_ASSERT(!fits("CN=moon.example", 0, "CN=#0c106d6f6f6e2e6578616d706c65002e6576") &&
		  !fits("CN=moon.example", 0, "CN=#0c0e6d6f6f6e2e6578616d706c650000"));
}

/* The names of certificates have no bound but that of their reader, and blanks could hide that they are equal. */
static void long_names_are_compared(void)
{
	enum { LONG = 20000 };
	static const uint8_t head[] = { 0x30, 0x82, 0, 0, 0x31, 0x82, 0, 0, 0x30, 0x82, 0, 0, 6, 3, 0x55, 4, 10, 0x0c, 0x82, 0, 0 };
	uint8_t *der = malloc(sizeof(head) + LONG);
	struct der moon;

	CU_ASSERT_PTR_NOT_NULL_FATAL(der);
	memcpy(der, head, sizeof(head));
	memset(der + sizeof(head), ' ', LONG);
	memcpy(der + sizeof(head) + LONG - 4, "mOOn", 4);
	static const uint8_t at[][2] = { { 2, 4 }, { 6, 8 }, { 10, 12 }, { 19, 21 } };
	for (size_t i = 0; i < COUNT(at); i++) {
		size_t len = sizeof(head) + LONG - at[i][1];

		der[at[i][0]] = (uint8_t)(len >> 8);
		der[at[i][0] + 1] = (uint8_t)len;
	}
	struct bytes name = bytes_of(der, sizeof(head) + LONG);
	CU_ASSERT(dn_matches(from_text(&moon, "O=moon"), 0, name) && dn_matches(name, 0, name) && dn_matches(name, 0, moon.at));
	der[sizeof(head) + LONG - 1] = 'm';
	CU_ASSERT(!dn_matches(moon.at, 0, name));
	struct dn dn;
	char out[IDENTITY_TEXT_MAX];
	CU_ASSERT(dn_read(&dn, name) == 0 && strlen(dn_text(out, sizeof(out), &dn)) < sizeof(out));
	free(der);
}

static void text_has_an_end(void)
{
	static const char *const pieces[] = { "CN=a,", "CN=a+", "\\,", "1.", "=", "CN=\"", "/CN=", "\\41", "#", "CN=#0c", " ", "a" };
	enum { LONG = 100000 };
	char *text = malloc(LONG + 20), why[IDENTITY_WHY_MAX];

	for (size_t i = 0; i < COUNT(pieces); i++) {
		uint8_t octets[IDENTITY_DATA_MAX];
		struct writer w = writer_over(octets, sizeof(octets));
		size_t used = (size_t)snprintf(text, LONG, "C=CH, O=");

		while (used < LONG)
			used += (size_t)snprintf(text + used, 20, "%s", pieces[i]);
		CU_ASSERT_EQUAL(dn_parse(&w, text, i % 2, why), FAULT_INPUT);
		CU_ASSERT(strlen(why) < IDENTITY_WHY_MAX);
		struct identity id;
		CU_ASSERT_EQUAL(identity_parse(&id, text), FAULT_INPUT);
	}
	free(text);
}

static void long_text_loses_its_middle(void)
{
	char text[700], out[40];
	struct der der;
	struct dn dn;

	snprintf(text, sizeof(text), "C=CH, O=%0600d, CN=moon", 0);
	CU_ASSERT_EQUAL(dn_read(&dn, from_text(&der, text)), 0);
	CU_ASSERT_STRING_EQUAL(dn_text(out, sizeof(out), &dn), "C=CH, O=0000000000...000000000, CN=moon");
	CU_ASSERT_EQUAL(strlen(out), sizeof(out) - 1);
	/* Control characters of terminals do not get there. */
	CU_ASSERT_EQUAL(dn_read(&dn, from_text(&der, "CN=#0c051b5b324a07")), 0);
	CU_ASSERT_STRING_EQUAL(dn_text(out, sizeof(out), &dn), "CN=\\1B[2J\\07");
}

static const struct unit_case cases[] = {
	{ "the text of a name is the name that OpenSSL makes of it", text_is_what_openssl_makes },
	{ "relative names stand in the order of the text, or in its reverse", the_order_is_that_of_the_text },
	{ "wrong text is refused with a reason", wrong_text_is_refused_with_a_reason },
	{ "odd text is read", odd_text_is_read },
	{ "strings compare as X.509 has it", strings_compare_as_x509_has_it },
	{ "a wildcard is a whole value of who asks for it", wildcards_are_whole_values },
	{ "relative names may come in any order on request", order_is_free_on_request },
	{ "names that match have one key", names_that_match_have_one_key },
	{ "what is not DER is refused", what_is_not_der_is_refused },
	{ "a name has at most 64 attributes", many_attributes_are_bounded },
	{ "names are equal only as a whole", names_are_compared_as_a_whole },
	{ "names of any length are compared", long_names_are_compared },
	{ "text longer than any name is refused", text_has_an_end },
	{ "long text loses its middle, and no text has control characters", long_text_loses_its_middle },
};

UNIT_MAIN("dn", cases)
