/* SPDX-License-Identifier: MIT */
/*
 * identity.c - identities: owned, as text, and the ID payloads of phase 1; those of phase 2 are selector.c's. From text they are
 * identity_parse.c's, compared identity_match.c's.
 */
#include "dn.h"
#include "identity_parts.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROTOCOL_UDP = 17, PORT_IKE = 500, PORT_NAT_T = 4500 };

/* ---- owned ---- */

int identity_new(struct identity *out, uint8_t type, struct bytes data)
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

/* ---- what is in it ---- */

/* RFC 5280 4.2.1.6: the choices of GeneralName, each with its number as context tag; a directoryName is explicit. */
enum { GN_EMAIL = 0x81, GN_DNS = 0x82, GN_DIRECTORY = 0xa4, GN_URI = 0x86, GN_ADDRESS = 0x87, GN_CLASS = 0xc0, GN_CONTEXT = 0x80 };

bool general_name_read(uint8_t *tag, struct bytes *contents, struct bytes der)
{
	struct reader r = reader_over(der);

	*contents = der_read(&r, tag);
	return reader_done(&r) && (*tag & GN_CLASS) == GN_CONTEXT && contents->len;
}

struct identity identity_plain(const struct identity *id)
{
	struct bytes contents;
	uint8_t tag, type = 0;

	if (id->type != ID_DER_ASN1_GN || !general_name_read(&tag, &contents, id->data))
		return *id;
	if (tag == GN_DNS)
		type = ID_FQDN;
	else if (tag == GN_EMAIL)
		type = ID_USER_FQDN;
	else if (tag == GN_DIRECTORY)
		type = ID_DER_ASN1_DN;
	else if (tag == GN_ADDRESS)
		type = contents.len == 4 ? ID_IPV4_ADDR : contents.len == 16 ? ID_IPV6_ADDR : 0;
	return type ? (struct identity){ type, contents } : *id;
}

bool identity_range(struct address_range *out, const struct identity *id)
{
	size_t len = address_len(id->type == ID_IPV4_RANGE ? AF_INET : id->type == ID_IPV6_RANGE ? AF_INET6 : 0);

	*out = (struct address_range){ .family = id->type == ID_IPV4_RANGE ? AF_INET : AF_INET6 };
	if (!len || id->data.len != 2 * len)
		return false;
	memcpy(out->first, id->data.at, len);
	memcpy(out->last, id->data.at + len, len);
	return true;
}

/* ---- to text ---- */

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

static bool addresses_text(char *out, size_t size, const struct identity *id)
{
	uint8_t family = id->type == ID_IPV4_ADDR ? AF_INET : id->type == ID_IPV6_ADDR ? AF_INET6 : 0;
	char text[SELECTOR_TEXT_MAX];
	struct selector range = { .protocol = 0 };
	struct address a;

	if (family && address_from_bytes(&a, family, id->data) == 0)
		address_host_text(text, &a);
	else if (identity_range(&range.range, id))
		selector_text(text, &range);
	else
		return false;
	snprintf(out, size, "%s", text);
	return true;
}

static void general_name_text(char *out, size_t size, const struct identity *id)
{
	struct bytes contents;
	uint8_t tag;
	int used = snprintf(out, size, "uri:");

	if (general_name_read(&tag, &contents, id->data) && tag == GN_URI && is_printable(contents))
		log_escape(out + used, size - (size_t)used, contents);
	else
		hex_text(out, size, id->data);
}

static void value_text(char *out, size_t size, const struct identity *id)
{
	struct dn dn;

	if (addresses_text(out, size, id))
		return;
	if (id->type == ID_DER_ASN1_DN && dn_read(&dn, id->data) == 0 && dn.count)
		dn_text(out, size, &dn);
	else if (id->type == ID_FQDN || id->type == ID_USER_FQDN || (id->type == ID_KEY_ID && is_printable(id->data)))
		log_escape(out, size, id->data);
	else if (id->type == ID_DER_ASN1_GN)
		general_name_text(out, size, id);
	else
		hex_text(out, size, id->data);
}

const char *identity_text(char out[IDENTITY_TEXT_MAX], const struct identity *id)
{
	char name[NAME_TEXT_MAX];
	/* Room for the longest name of a type, in brackets. */
	char value[IDENTITY_TEXT_MAX - NAME_TEXT_MAX - 4];
	struct identity plain = identity_plain(id);

	if (id->type == 0) {
		snprintf(out, IDENTITY_TEXT_MAX, "%%any");
		return out;
	}
	value_text(value, sizeof(value), &plain);
	snprintf(out, IDENTITY_TEXT_MAX, "%s (%s)", value, id_type_name(name, id->type));
	return out;
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

static const char *length_fault(const struct identity *id)
{
	if (id->data.len == 0)
		return "the ID is empty";
	return id->data.len <= IDENTITY_DATA_MAX ? NULL : "the ID is longer than 1024 octets";
}

static const char *dn_fault(const struct identity *id)
{
	const char *fault = length_fault(id);
	struct dn dn;

	if (fault)
		return fault;
	if (dn_read(&dn, id->data))
		return "the DN in the ID is not DER, or has more than 64 attributes";
	return dn.count ? NULL : "the DN in the ID is empty, and names nobody";
}

static const char *general_name_fault(const struct identity *id)
{
	const char *fault = length_fault(id);
	struct identity plain = identity_plain(id);
	struct bytes contents;
	uint8_t tag;

	if (fault)
		return fault;
	if (!general_name_read(&tag, &contents, id->data))
		return "the GN in the ID is not DER";
	return plain.type == ID_DER_ASN1_DN ? dn_fault(&plain) : NULL;
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
	case ID_KEY_ID:
		return length_fault(id);
	case ID_DER_ASN1_DN:
		return dn_fault(id);
	case ID_DER_ASN1_GN:
		return general_name_fault(id);
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
