/* SPDX-License-Identifier: MIT */
/*
 * selector.c - what a phase 2 selector selects: from text, to text, compared, and as the body of an ID payload
 * (RFC 2407 4.6.2).
 */
#include "identity.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

enum { SELECTOR_INPUT_MAX = 160, IP_ICMP = 1, IP_ICMPV6 = 58 };

/* Protocols that people write by name; first the name that is printed. /etc/protocols may be missing or differ. */
static const struct {
	const char *name;
	uint8_t number;
	bool has_ports;
} protocols[] = {
	/* clang-format off */
	{ "icmp",      IP_ICMP,   true  }, /* type and code stand in the port's place */
	{ "igmp",      2,         false },
	{ "ipip",      4,         false },
	{ "tcp",       6,         true  },
	{ "udp",       17,        true  },
	{ "dccp",      33,        true  },
	{ "ipv6",      41,        false },
	{ "gre",       47,        false },
	{ "esp",       50,        false },
	{ "ah",        51,        false },
	{ "ipv6-icmp", IP_ICMPV6, true  },
	{ "icmpv6",    IP_ICMPV6, true  },
	{ "ospf",      89,        false },
	{ "vrrp",      112,       false },
	{ "l2tp",      115,       false },
	{ "sctp",      132,       true  },
	{ "udplite",   136,       true  },
	/* clang-format on */
};

static int protocol_parse(struct selector *s, const char *word)
{
	unsigned long number;

	for (size_t i = 0; i < COUNT(protocols); i++)
		if (strcasecmp(protocols[i].name, word) == 0) {
			s->protocol = protocols[i].number;
			return 0;
		}
	if (!address_number(word, UINT8_MAX, &number))
		return FAULT_INPUT;
	s->protocol = (uint8_t)number;
	return 0;
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == IP_ICMP || protocol == IP_ICMPV6;
}

static bool protocol_has_ports(uint8_t protocol)
{
	for (size_t i = 0; i < COUNT(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].has_ports;
	return false;
}

/* A port, or an ICMP type, or "TYPE.CODE". */
static int port_parse(struct selector *s, char *word)
{
	unsigned long number, code = 0;

	if (!is_icmp(s->protocol)) {
		if (!address_number(word, UINT16_MAX, &number))
			return FAULT_INPUT;
		s->port = (uint16_t)number;
		return number == 0 || protocol_has_ports(s->protocol) ? 0 : FAULT_INPUT;
	}
	char *dot = strchr(word, '.');
	if (dot)
		*dot++ = '\0';
	if (!address_number(word, UINT8_MAX, &number) || (dot && !address_number(dot, UINT8_MAX, &code)))
		return FAULT_INPUT;
	s->port = (uint16_t)(number << 8 | code);
	return 0;
}

static int upper_parse(struct selector *s, char *inside)
{
	size_t len = strlen(inside);

	if (len == 0 || inside[len - 1] != ']')
		return FAULT_INPUT;
	inside[len - 1] = '\0';
	char *port = strchr(inside, '/');
	if (port)
		*port++ = '\0';
	int fault = protocol_parse(s, inside);
	return fault || !port ? fault : port_parse(s, port);
}

int selector_parse(struct selector *out, const char *text)
{
	char copy[SELECTOR_INPUT_MAX];
	size_t len = strlen(text);

	*out = (struct selector){ .protocol = 0 };
	if (len >= sizeof(copy))
		return FAULT_INPUT;
	memcpy(copy, text, len + 1);
	char *inside = strchr(copy, '[');
	if (inside)
		*inside++ = '\0';
	int fault = address_range_parse(&out->range, copy);
	/* An ID payload has a family (RFC 2407 4.6.2), so "%any" alone selects nothing that could be sent. */
	if (!fault && out->range.family == 0)
		fault = FAULT_INPUT;
	if (!fault && inside)
		fault = upper_parse(out, inside);
	if (fault)
		*out = (struct selector){ .protocol = 0 };
	return fault;
}

static void range_text(char *out, size_t size, const struct address_range *range)
{
	char first[INET6_ADDRSTRLEN] = "?", last[INET6_ADDRSTRLEN] = "?";
	int prefix = address_range_prefix(range);
	size_t len = address_len(range->family);

	if (len == 0) {
		snprintf(out, size, "%%any");
		return;
	}
	inet_ntop(range->family, range->first, first, sizeof(first));
	inet_ntop(range->family, range->last, last, sizeof(last));
	if (prefix == (int)len * 8)
		snprintf(out, size, "%s", first);
	else if (prefix >= 0)
		snprintf(out, size, "%s/%d", first, prefix);
	else
		snprintf(out, size, "%s-%s", first, last);
}

static void port_text(char *out, size_t size, const struct selector *s)
{
	out[0] = '\0';
	if (s->port == 0)
		return;
	if (!is_icmp(s->protocol))
		snprintf(out, size, "/%u", s->port);
	else if (s->port & 0xff)
		snprintf(out, size, "/%u.%u", s->port >> 8, s->port & 0xff);
	else
		snprintf(out, size, "/%u", s->port >> 8);
}

const char *selector_text(char out[SELECTOR_TEXT_MAX], const struct selector *s)
{
	char range[2 * INET6_ADDRSTRLEN], protocol[12], port[12];

	range_text(range, sizeof(range), &s->range);
	port_text(port, sizeof(port), s);
	snprintf(protocol, sizeof(protocol), "%u", s->protocol);
	for (size_t i = COUNT(protocols); i-- > 0;)
		if (protocols[i].number == s->protocol)
			snprintf(protocol, sizeof(protocol), "%s", protocols[i].name);
	if (s->protocol == 0 && s->port == 0)
		snprintf(out, SELECTOR_TEXT_MAX, "%s", range);
	else
		snprintf(out, SELECTOR_TEXT_MAX, "%s[%s%s]", range, protocol, port);
	return out;
}

bool selector_same(const struct selector *a, const struct selector *b)
{
	size_t len = address_len(a->range.family);

	return a->protocol == b->protocol && a->port == b->port && a->range.family == b->range.family &&
	       memcmp(a->range.first, b->range.first, len) == 0 &&
	       memcmp(a->range.last, b->range.last, len) == 0;
}

bool selector_covers(const struct selector *outer, const struct selector *inner)
{
	return address_range_covers(&outer->range, &inner->range) &&
	       (outer->protocol == 0 || outer->protocol == inner->protocol) &&
	       (outer->port == 0 || outer->port == inner->port);
}

struct selector selector_of_host(const struct address *a)
{
	struct selector s = { .range = { .family = a->family } };

	memcpy(s.range.first, a->ip, sizeof(s.range.first));
	memcpy(s.range.last, a->ip, sizeof(s.range.last));
	return s;
}

/* ---- ID payloads of phase 2 ---- */

static void mask_put(struct writer *w, unsigned prefix, size_t len)
{
	for (size_t i = 0; i < len; i++, prefix = prefix > 8 ? prefix - 8 : 0)
		put_u8(w, prefix >= 8 ? 0xff : (uint8_t)(0xff << (8 - prefix)));
}

void selector_put(struct writer *w, const struct selector *s)
{
	size_t len = address_len(s->range.family);
	bool is_v4 = s->range.family == AF_INET;
	int prefix = address_range_prefix(&s->range);
	bool is_host = prefix == (int)len * 8;

	if (len == 0) {
		/* No ID payload can hold this; what is written would be taken for something else. */
		w->failed = true;
		return;
	}
	if (is_host)
		put_u8(w, is_v4 ? ID_IPV4_ADDR : ID_IPV6_ADDR);
	else if (prefix >= 0)
		put_u8(w, is_v4 ? ID_IPV4_SUBNET : ID_IPV6_SUBNET);
	else
		put_u8(w, is_v4 ? ID_IPV4_RANGE : ID_IPV6_RANGE);
	put_u8(w, s->protocol);
	put_u16(w, s->port);
	put_bytes(w, bytes_of(s->range.first, len));
	if (!is_host && prefix >= 0)
		mask_put(w, (unsigned)prefix, len);
	else if (!is_host)
		put_bytes(w, bytes_of(s->range.last, len));
}

/* Ones, then zeros; nothing else is a prefix. */
static bool is_mask(struct bytes mask)
{
	bool ended = false;

	for (size_t bit = 0; bit < mask.len * 8; bit++) {
		bool is_set = mask.at[bit / 8] & 0x80 >> bit % 8;

		if (is_set && ended)
			return false;
		ended = ended || !is_set;
	}
	return true;
}

static const char *subnet_read(struct address_range *out, struct bytes address, struct bytes mask)
{
	if (!is_mask(mask))
		return "the ID's netmask has holes";
	/* RFC 2407 4.6.2.5: the mask says which bits count, so the host's own address may stand before it. */
	for (size_t i = 0; i < mask.len; i++) {
		out->first[i] = address.at[i] & mask.at[i];
		out->last[i] = address.at[i] | (uint8_t)~mask.at[i];
	}
	return NULL;
}

static const char *range_read(struct address_range *out, uint8_t type, struct reader *r)
{
	bool is_v4 = type == ID_IPV4_ADDR || type == ID_IPV4_SUBNET || type == ID_IPV4_RANGE;
	bool is_host = type == ID_IPV4_ADDR || type == ID_IPV6_ADDR;
	size_t len = is_v4 ? 4 : 16;
	struct bytes first = read_bytes(r, len), last = is_host ? first : read_bytes(r, len);

	if (!reader_done(r))
		return "the ID's length does not fit its type";
	out->family = is_v4 ? AF_INET : AF_INET6;
	if (type == ID_IPV4_SUBNET || type == ID_IPV6_SUBNET)
		return subnet_read(out, first, last);
	if (memcmp(first.at, last.at, len) > 0)
		return "the ID's range ends before it begins";
	memcpy(out->first, first.at, len);
	memcpy(out->last, last.at, len);
	return NULL;
}

static const char *selector_body_read(struct selector *s, struct bytes body)
{
	struct reader r = reader_over(body);
	uint8_t type = read_u8(&r);

	s->protocol = read_u8(&r);
	s->port = read_u16(&r);
	if (r.failed)
		return "the ID payload is shorter than its fixed part";
	switch (type) {
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
	case ID_IPV4_SUBNET:
	case ID_IPV6_SUBNET:
	case ID_IPV4_RANGE:
	case ID_IPV6_RANGE:
		/* A port without a protocol says nothing; taking it for "any" would select more than was asked. */
		if (s->protocol == 0 && s->port != 0)
			return "the ID has a port but no protocol";
		return range_read(&s->range, type, &r);
	case ID_FQDN:
	case ID_USER_FQDN:
	case ID_DER_ASN1_DN:
	case ID_DER_ASN1_GN:
	case ID_KEY_ID:
		return "the ID is a name where addresses are needed";
	default:
		return "the ID has an unknown type";
	}
}

int selector_read(struct selector *out, struct bytes body, const char **why)
{
	struct selector s = { .protocol = 0 };

	*why = selector_body_read(&s, body);
	*out = *why ? (struct selector){ .protocol = 0 } : s;
	return *why ? FAULT_INPUT : 0;
}
