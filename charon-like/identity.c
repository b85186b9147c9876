/* SPDX-License-Identifier: MIT */
/*
 * identity.c - identities: from text, to text, compared, and the ID payloads of phase 1; those of phase 2 are
 * selector.c's. What a DN holds is left to who reads certificates: here it is octets.
 */
#include "identity.h"

#include "log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PROTOCOL_UDP = 17, PORT_IKE = 500, PORT_NAT_T = 4500 };

/* ---- from text ---- */

static int identity_new(struct identity *out, uint8_t type, struct bytes data)
{
	if (data.len == 0 || data.len > IDENTITY_DATA_MAX)
		return FAULT_INPUT;
	uint8_t *copy = malloc(data.len);
	if (!copy)
		return FAULT_MEMORY;
	memcpy(copy, data.at, data.len);
	*out = (struct identity){ type, bytes_of(copy, data.len) };
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_parse(struct identity *out, uint8_t type, const char *text)
{
	uint8_t data[IDENTITY_DATA_MAX];
	size_t len = strlen(text);

	if (len % 2 || len / 2 > sizeof(data))
		return FAULT_INPUT;
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return FAULT_INPUT;
		data[i] = (uint8_t)(high << 4 | low);
	}
	/* A DN is a DER SEQUENCE (X.501, RFC 2407 4.6.2.10); other octets were meant to be something else. */
	if (type == ID_DER_ASN1_DN && (len == 0 || data[0] != 0x30))
		return FAULT_INPUT;
	return identity_new(out, type, bytes_of(data, len / 2));
}

static int address_identity(struct identity *out, uint8_t family, const char *text)
{
	struct address a;

	if (address_parse(&a, text) || a.scope || (family && a.family != family))
		return FAULT_INPUT;
	return identity_of_address(out, &a);
}

/* What follows an explicit type is taken as it is: some gear sends group names with blanks as FQDN. */
static int text_identity(struct identity *out, uint8_t type, const char *text)
{
	for (const char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c))
			return FAULT_INPUT;
	return identity_new(out, type, bytes_text(text));
}

static int typed_parse(struct identity *out, const char *text, bool *is_typed)
{
	static const struct {
		const char *prefix;
		uint8_t type;
		bool is_hex;
	} types[] = {
		{ "fqdn:", ID_FQDN, false },     { "@", ID_FQDN, false },         { "user:", ID_USER_FQDN, false },
		{ "ipv4:", ID_IPV4_ADDR, false }, { "ipv6:", ID_IPV6_ADDR, false }, { "keyid:0x", ID_KEY_ID, true },
		{ "keyid:", ID_KEY_ID, false },  { "dn:", ID_DER_ASN1_DN, true },
	};

	for (size_t i = 0; i < COUNT(types); i++) {
		size_t len = strlen(types[i].prefix);

		if (strncmp(text, types[i].prefix, len) != 0)
			continue;
		*is_typed = true;
		if (types[i].type == ID_IPV4_ADDR || types[i].type == ID_IPV6_ADDR)
			return address_identity(out, types[i].type == ID_IPV4_ADDR ? AF_INET : AF_INET6, text + len);
		return types[i].is_hex ? hex_parse(out, types[i].type, text + len) : text_identity(out, types[i].type, text + len);
	}
	*is_typed = false;
	return FAULT_INPUT;
}

/*
 * A bare word is a host name or user@host. What can be neither (a prefix, a DN's text, a pattern, a mistyped
 * address) is refused: as an FQDN it would silently never match.
 */
static int bare_parse(struct identity *out, const char *text)
{
	const char *at = strchr(text, '@'), *host = at ? at + 1 : text;
	bool has_letter = false;

	if (*host == '\0')
		return FAULT_INPUT;
	for (const char *c = text; *c && c < host; c++)
		if (!isgraph((unsigned char)*c))
			return FAULT_INPUT;
	for (const char *c = host; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return FAULT_INPUT;
		has_letter = has_letter || isalpha((unsigned char)*c);
	}
	if (!at && !has_letter)
		return FAULT_INPUT;
	return identity_new(out, at ? ID_USER_FQDN : ID_FQDN, bytes_text(text));
}

int identity_parse(struct identity *out, const char *text)
{
	bool is_typed;

	*out = (struct identity){ .type = 0 };
	if (strcmp(text, "%any") == 0)
		return 0;
	int fault = typed_parse(out, text, &is_typed);
	if (is_typed)
		return fault;
	fault = address_identity(out, 0, text);
	return fault == FAULT_INPUT ? bare_parse(out, text) : fault;
}

int identity_of_address(struct identity *out, const struct address *a)
{
	*out = (struct identity){ .type = 0 };
	if (!address_len(a->family))
		return FAULT_INPUT;
	return identity_new(out, a->family == AF_INET ? ID_IPV4_ADDR : ID_IPV6_ADDR, address_bytes(a));
}

int identity_copy(struct identity *out, const struct identity *from)
{
	struct identity copy = { from->type, bytes_of(NULL, 0) };
	int fault = from->data.len ? identity_new(&copy, from->type, from->data) : 0;

	*out = fault ? (struct identity){ .type = 0 } : copy;
	return fault;
}

void identity_free(struct identity *id)
{
	free((void *)id->data.at);
	*id = (struct identity){ .type = 0 };
}

/* ---- to text, compared ---- */

static bool is_printable(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.at[i] < 0x20 || b.at[i] > 0x7e)
			return false;
	return b.len > 0;
}

static void hex_text(char *out, size_t size, struct bytes b)
{
	size_t used = (size_t)snprintf(out, size, "0x");
	/* Room for "..." and the end. */
	size_t fit = (size - used - 4) / 2;

	for (size_t i = 0; i < b.len && i < fit; i++, used += 2)
		snprintf(out + used, size - used, "%02x", b.at[i]);
	if (b.len > fit)
		snprintf(out + used, size - used, "...");
}

const char *identity_text(char out[IDENTITY_TEXT_MAX], const struct identity *id)
{
	char name[NAME_TEXT_MAX];
	/* Room for the longest name of a type, in brackets. */
	char value[IDENTITY_TEXT_MAX - NAME_TEXT_MAX - 4];
	uint8_t family = id->type == ID_IPV4_ADDR ? AF_INET : id->type == ID_IPV6_ADDR ? AF_INET6 : 0;
	struct address a;

	if (id->type == 0) {
		snprintf(out, IDENTITY_TEXT_MAX, "%%any");
		return out;
	}
	if (family && address_from_bytes(&a, family, id->data) == 0)
		address_host_text(value, &a);
	else if (id->type == ID_FQDN || id->type == ID_USER_FQDN || (id->type == ID_KEY_ID && is_printable(id->data)))
		log_escape(value, sizeof(value), id->data);
	else
		hex_text(value, sizeof(value), id->data);
	snprintf(out, IDENTITY_TEXT_MAX, "%s (%s)", value, id_type_name(name, id->type));
	return out;
}

bool identity_same(const struct identity *a, const struct identity *b)
{
	return a->type == b->type && bytes_equal(a->data, b->data);
}

bool identity_matches(const struct identity *pattern, const struct identity *id)
{
	if (pattern->type == 0)
		return true;
	if (pattern->type != ID_FQDN || id->type != ID_FQDN)
		return identity_same(pattern, id);
	if (pattern->data.len != id->data.len)
		return false;
	/* Octet by octet: a peer's name may hold NUL, which must not end the comparison. */
	for (size_t i = 0; i < id->data.len; i++)
		if (tolower(pattern->data.at[i]) != tolower(id->data.at[i]))
			return false;
	return true;
}

/* ---- ID payloads of phase 1 ---- */

void identity_put(struct writer *w, const struct identity *id)
{
	put_u8(w, id->type);
	/* RFC 2407 4.6.2: zero, or UDP and 500; zero is what everybody accepts, also behind a NAT. */
	put_u8(w, 0);
	put_u16(w, 0);
	put_bytes(w, id->data);
}

/* RFC 2407 4.6.2 wants UDP with port 0 or 500; peers that floated to 4500 (RFC 3947 4) send that. */
static bool is_phase1_port(uint8_t protocol, uint16_t port)
{
	return (protocol == 0 && port == 0) ||
	       (protocol == PROTOCOL_UDP && (port == 0 || port == PORT_IKE || port == PORT_NAT_T));
}

static const char *identity_fault(const struct identity *id)
{
	switch (id->type) {
	case ID_IPV4_ADDR:
		return id->data.len == 4 ? NULL : "an IPv4 address in the ID must be 4 octets";
	case ID_IPV6_ADDR:
		return id->data.len == 16 ? NULL : "an IPv6 address in the ID must be 16 octets";
	case ID_FQDN:
	case ID_USER_FQDN:
	case ID_DER_ASN1_DN:
	case ID_DER_ASN1_GN:
	case ID_KEY_ID:
		if (id->data.len == 0)
			return "the ID is empty";
		return id->data.len <= IDENTITY_DATA_MAX ? NULL : "the ID is longer than 1024 octets";
	case ID_IPV4_SUBNET:
	case ID_IPV6_SUBNET:
	case ID_IPV4_RANGE:
	case ID_IPV6_RANGE:
		return "the ID is a set of addresses, which names nobody";
	default:
		return "the ID has an unknown type";
	}
}

int identity_read(struct identity *out, struct bytes body, const char **why)
{
	struct reader r = reader_over(body);
	uint8_t type = read_u8(&r), protocol = read_u8(&r);
	uint16_t port = read_u16(&r);
	struct bytes data = read_rest(&r);

	*out = (struct identity){ .type = 0 };
	if (!reader_done(&r)) {
		*why = "the ID payload is shorter than its fixed part";
		return FAULT_INPUT;
	}
	if (!is_phase1_port(protocol, port)) {
		*why = "the ID's protocol and port are neither zero nor those of IKE";
		return FAULT_INPUT;
	}
	struct identity id = { type, data };
	*why = identity_fault(&id);
	if (*why)
		return FAULT_INPUT;
	*out = id;
	return 0;
}
