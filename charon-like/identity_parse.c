/* SPDX-License-Identifier: MIT */
/*
 * identity_parse.c - identities as people write them. What can be read in two ways is refused: an identity of the wrong type is one that
 * silently never matches.
 */
#include "dn.h"
#include "identity_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* One call: what is to be read, and how. */
struct text {
	struct identity *out;
	unsigned match;
	char *why;
};

static const char wildcard_unasked[] =
	"'*' stands for many, which only id= of <remote> and ids= of <psk> may do, with id-match=\"wildcards\"";

static int refuse(const struct text *t, const char *why)
{
	snprintf(t->why, IDENTITY_WHY_MAX, "%s", why);
	return FAULT_INPUT;
}

/* ---- octets and addresses ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "deadbe01", also "de:ad:be:01" as other programs print octets. */
static bool hex_read(struct writer *w, const char *text)
{
	for (bool is_first = true; *text; is_first = false) {
		text += !is_first && *text == ':';
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return false;
		put_u8(w, (uint8_t)(high << 4 | low));
		text += 2;
	}
	return w->used > 0 && !w->failed;
}

static int hex_parse(const struct text *t, uint8_t type, const char *text)
{
	uint8_t octets[IDENTITY_DATA_MAX];
	struct writer w = writer_over(octets, sizeof(octets));

	if (!hex_read(&w, text))
		return refuse(t, "what should be hex is not, or too long");
	return identity_new(t->out, type, writer_bytes(&w));
}

static int address_parse_as(const struct text *t, uint8_t family, const char *text)
{
	struct address a;

	if (address_parse(&a, text) || a.scope || (family && a.family != family))
		return FAULT_INPUT;
	return identity_of_address(t->out, &a);
}

/* A single address is no range, and then an identity as any other. */
static int range_parse(const struct text *t, uint8_t family, const char *text)
{
	struct address_range range;
	uint8_t ends[32];
	struct writer w = writer_over(ends, sizeof(ends));

	if (address_range_parse(&range, text) || !range.family || (family && range.family != family))
		return FAULT_INPUT;
	if (!(t->match & MATCH_RANGES))
		return refuse(t, "a range of addresses names nobody");
	size_t len = address_len(range.family);
	put_bytes(&w, bytes_of(range.first, len));
	if (address_range_is_host(&range))
		return identity_new(t->out, range.family == AF_INET ? ID_IPV4_ADDR : ID_IPV6_ADDR, writer_bytes(&w));
	put_bytes(&w, bytes_of(range.last, len));
	return identity_new(t->out, range.family == AF_INET ? ID_IPV4_RANGE : ID_IPV6_RANGE, writer_bytes(&w));
}

static int ipv4_parse(const struct text *t, const char *text)
{
	return address_parse_as(t, AF_INET, text);
}

static int ipv6_parse(const struct text *t, const char *text)
{
	return address_parse_as(t, AF_INET6, text);
}

static int ipv4_range_parse(const struct text *t, const char *text)
{
	return range_parse(t, AF_INET, text);
}

static int ipv6_range_parse(const struct text *t, const char *text)
{
	return range_parse(t, AF_INET6, text);
}

/* ---- names ---- */

/* What follows an explicit type is taken as it is: some gear sends group names with blanks as FQDN. */
static int name_parse(const struct text *t, uint8_t type, const char *text)
{
	for (const char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c))
			return refuse(t, "it has a control character; write octets as keyid:0xHEX");
	return identity_new(t->out, type, bytes_text(text));
}

static int fqdn_parse(const struct text *t, const char *text)
{
	if (text[0] == '*' && (text[1] == '.' || text[1] == '\0') && !(t->match & MATCH_WILDCARDS))
		return refuse(t, wildcard_unasked);
	return name_parse(t, ID_FQDN, text);
}

static int user_parse(const struct text *t, const char *text)
{
	if (text[0] == '*' && text[1] == '@' && !(t->match & MATCH_WILDCARDS))
		return refuse(t, wildcard_unasked);
	return name_parse(t, ID_USER_FQDN, text);
}

static int key_id_parse(const struct text *t, const char *text)
{
	if (text[0] == '#' || strncmp(text, "0x", 2) == 0)
		return hex_parse(t, ID_KEY_ID, text + (text[0] == '#' ? 1 : 2));
	return name_parse(t, ID_KEY_ID, text);
}

/* libreswan's "@[group name]". */
static int bracket_parse(const struct text *t, const char *text)
{
	size_t len = strlen(text);

	if (len < 2 || text[len - 1] != ']')
		return refuse(t, "a ']' is missing at its end");
	for (const char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c))
			return refuse(t, "it has a control character; write octets as keyid:0xHEX");
	return identity_new(t->out, ID_KEY_ID, bytes_of(text, len - 1));
}

static int key_hex_parse(const struct text *t, const char *text)
{
	return hex_parse(t, ID_KEY_ID, text);
}

/* ---- DER ---- */

static int dn_take(const struct text *t, struct bytes der)
{
	struct identity plain = { ID_DER_ASN1_DN, der };
	struct dn dn;

	if (der.len > IDENTITY_DATA_MAX || dn_read(&dn, der))
		return refuse(t, "this is no distinguished name in DER");
	if (!dn.count)
		return refuse(t, "an empty distinguished name names nobody");
	if (!(t->match & MATCH_WILDCARDS) && dn_has_wildcard(&dn))
		return refuse(t, wildcard_unasked);
	return identity_new(t->out, plain.type, plain.data);
}

static int dn_text_parse(const struct text *t, const char *text, bool is_reversed)
{
	uint8_t octets[IDENTITY_DATA_MAX];
	struct writer w = writer_over(octets, sizeof(octets));
	int fault = dn_parse(&w, text, is_reversed, t->why);

	return fault ? fault : dn_take(t, writer_bytes(&w));
}

/* "#30..." or text; hex alone was how a DN had to be written once, and no text is that. */
static int dn_parse_as(const struct text *t, const char *text)
{
	uint8_t octets[IDENTITY_DATA_MAX];
	struct writer w = writer_over(octets, sizeof(octets));

	if (text[0] != '#' && dn_is_begun(text))
		return dn_text_parse(t, text, false);
	if (!hex_read(&w, text[0] == '#' ? text + 1 : text))
		return refuse(t, "a distinguished name is text such as 'C=CH, O=Example, CN=gw', or '#' and its DER in hex");
	return dn_take(t, writer_bytes(&w));
}

static int rfc4514_parse(const struct text *t, const char *text)
{
	return dn_text_parse(t, text, true);
}

static int general_name_parse(const struct text *t, const char *text)
{
	uint8_t octets[IDENTITY_DATA_MAX], tag;
	struct writer w = writer_over(octets, sizeof(octets));
	struct bytes contents;

	if (text[0] != '#' || !hex_read(&w, text + 1) || !general_name_read(&tag, &contents, writer_bytes(&w)))
		return refuse(t, "a general name is written as '#' and its DER (RFC 5280 4.2.1.6) in hex");
	return identity_new(t->out, ID_DER_ASN1_GN, writer_bytes(&w));
}

static int uri_parse(const struct text *t, const char *text)
{
	enum { GN_URI = 0x86 };
	uint8_t octets[IDENTITY_DATA_MAX];
	struct writer w = writer_over(octets, sizeof(octets));

	for (const char *c = text; *c; c++)
		if (!isgraph((unsigned char)*c))
			return refuse(t, "a URI has no blanks and nothing but ASCII");
	der_put(&w, GN_URI, bytes_text(text));
	if (!text[0] || w.failed)
		return refuse(t, "a URI is missing, or too long");
	return identity_new(t->out, ID_DER_ASN1_GN, writer_bytes(&w));
}

/* ---- which of them ---- */

static const struct {
	const char *prefix;
	int (*parse)(const struct text *t, const char *text);
} forms[] = {
	/* clang-format off */
	{ "fqdn:", fqdn_parse },            { "dns:", fqdn_parse },
	{ "user:", user_parse },            { "userfqdn:", user_parse },
	{ "email:", user_parse },           { "rfc822:", user_parse },
	{ "ipv4:", ipv4_parse },            { "ipv6:", ipv6_parse },
	{ "ipv4net:", ipv4_range_parse },   { "ipv6net:", ipv6_range_parse },
	{ "ipv4range:", ipv4_range_parse }, { "ipv6range:", ipv6_range_parse },
	{ "keyid:", key_id_parse },
	{ "dn:", dn_parse_as },             { "asn1dn:", dn_parse_as },
	{ "rfc4514:", rfc4514_parse },
	{ "gn:", general_name_parse },      { "asn1gn:", general_name_parse },
	{ "uri:", uri_parse },
	{ "@@", user_parse },               { "@#", key_hex_parse },
	{ "@[", bracket_parse },            { "@", fqdn_parse },
	/* clang-format on */
};

/*
 * A bare word is a host name or user@host. What can be neither (a prefix, a pattern, a mistyped address) is refused: as an FQDN it would
 * silently never match.
 */
static int bare_parse(const struct text *t, const char *text)
{
	const char *at = strchr(text, '@'), *host = at ? at + 1 : text;
	bool is_pattern = text[0] == '*' && (text[1] == '.' || text + 1 == at), has_letter = false;

	if (is_pattern && !(t->match & MATCH_WILDCARDS))
		return refuse(t, wildcard_unasked);
	if (is_pattern && !at)
		host = text + 2;
	if (*host == '\0')
		return FAULT_INPUT;
	for (const char *c = text; at && c < at; c++)
		if (!isgraph((unsigned char)*c))
			return FAULT_INPUT;
	for (const char *c = host; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return FAULT_INPUT;
		has_letter = has_letter || isalpha((unsigned char)*c);
	}
	if (!at && !has_letter)
		return FAULT_INPUT;
	return identity_new(t->out, at ? ID_USER_FQDN : ID_FQDN, bytes_text(text));
}

int identity_parse_as(struct identity *out, const char *text, unsigned match, char why[IDENTITY_WHY_MAX])
{
	struct text t = { out, match, why };
	int fault;

	*out = (struct identity){ .type = 0 };
	why[0] = '\0';
	if (strcmp(text, "%any") == 0)
		return 0;
	for (size_t i = 0; i < COUNT(forms); i++) {
		size_t len = strlen(forms[i].prefix);

		if (strncmp(text, forms[i].prefix, len) == 0)
			return forms[i].parse(&t, text + len);
	}
	if (dn_is_begun(text))
		return dn_text_parse(&t, text, false);
	fault = address_parse_as(&t, 0, text);
	if (fault == FAULT_INPUT)
		fault = range_parse(&t, 0, text);
	return fault == FAULT_INPUT && !why[0] ? bare_parse(&t, text) : fault;
}

int identity_parse(struct identity *out, const char *text)
{
	char why[IDENTITY_WHY_MAX];

	return identity_parse_as(out, text, 0, why);
}
