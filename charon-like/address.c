/* SPDX-License-Identifier: MIT */
/* address.c - addresses and ranges of them: from text, to text, compared. Selectors are selector.c's. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

/* The longest text that is looked at: an IPv6 range with protocol and port stays well below it. */
enum { TEXT_INPUT_MAX = 160 };

size_t address_len(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

bool address_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out <= max;
}

static bool has_scope(const struct address *a)
{
	/* RFC 4007 6: of the addresses a host has, only link-local ones need a zone (fe80::/10, ff02::/16). */
	return a->family == AF_INET6 && ((a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80) ||
					 (a->ip[0] == 0xff && (a->ip[1] & 0x0f) == 0x02));
}

static int scope_parse(struct address *a, const char *zone)
{
	unsigned long number;

	if (!has_scope(a))
		return FAULT_INPUT;
	a->scope = if_nametoindex(zone);
	if (a->scope == 0 && address_number(zone, UINT32_MAX, &number))
		a->scope = (uint32_t)number;
	return a->scope ? 0 : FAULT_INPUT;
}

int address_parse(struct address *out, const char *text)
{
	char host[TEXT_INPUT_MAX];
	size_t len = strlen(text);

	*out = (struct address){ .family = 0 };
	if (len >= sizeof(host))
		return FAULT_INPUT;
	memcpy(host, text, len + 1);
	if (inet_pton(AF_INET, host, out->ip) == 1) {
		out->family = AF_INET;
		return 0;
	}
	char *zone = strchr(host, '%');
	if (zone)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, host, out->ip) != 1) {
		*out = (struct address){ .family = 0 };
		return FAULT_INPUT;
	}
	out->family = AF_INET6;
	int fault = zone ? scope_parse(out, zone) : 0;
	if (fault)
		*out = (struct address){ .family = 0 };
	return fault;
}

/* Appends to text that is cut where it does not fit. */
static void text_add(char *out, size_t size, const char *more)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s", more);
}

const char *address_host_text(char out[ADDRESS_TEXT_MAX], const struct address *a)
{
	char name[IF_NAMESIZE] = "";

	if (!address_len(a->family) || !inet_ntop(a->family, a->ip, out, ADDRESS_TEXT_MAX)) {
		snprintf(out, ADDRESS_TEXT_MAX, "%%any");
		return out;
	}
	if (a->scope) {
		if (!if_indextoname(a->scope, name))
			snprintf(name, sizeof(name), "%u", (unsigned)a->scope);
		text_add(out, ADDRESS_TEXT_MAX, "%");
		text_add(out, ADDRESS_TEXT_MAX, name);
	}
	return out;
}

const char *address_text(char out[ADDRESS_TEXT_MAX], const struct address *a)
{
	char host[ADDRESS_TEXT_MAX], port[12];

	address_host_text(host, a);
	out[0] = '\0';
	if (a->port == 0) {
		text_add(out, ADDRESS_TEXT_MAX, host);
		return out;
	}
	bool bracket = a->family == AF_INET6;
	if (bracket)
		text_add(out, ADDRESS_TEXT_MAX, "[");
	text_add(out, ADDRESS_TEXT_MAX, host);
	snprintf(port, sizeof(port), "%s:%u", bracket ? "]" : "", a->port);
	text_add(out, ADDRESS_TEXT_MAX, port);
	return out;
}

bool address_same_host(const struct address *a, const struct address *b)
{
	return a->family == b->family && a->scope == b->scope &&
	       memcmp(a->ip, b->ip, address_len(a->family)) == 0;
}

bool address_same(const struct address *a, const struct address *b)
{
	return a->port == b->port && address_same_host(a, b);
}

bool address_is_any(const struct address *a)
{
	static const uint8_t zeros[16];

	return memcmp(a->ip, zeros, address_len(a->family)) == 0;
}

struct bytes address_bytes(const struct address *a)
{
	return bytes_of(a->ip, address_len(a->family));
}

int address_from_bytes(struct address *out, uint8_t family, struct bytes ip)
{
	*out = (struct address){ .family = 0 };
	if (ip.len == 0 || ip.len != address_len(family))
		return FAULT_INPUT;
	out->family = family;
	memcpy(out->ip, ip.at, ip.len);
	return 0;
}

socklen_t address_to_socket(const struct address *a, struct sockaddr_storage *out)
{
	*out = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	if (a->family == AF_INET) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };

		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == AF_INET6) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port),
					    .sin6_scope_id = a->scope };

		memcpy(&in6.sin6_addr, a->ip, 16);
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

int address_from_socket(struct address *out, const struct sockaddr *from)
{
	*out = (struct address){ .family = 0 };
	if (from->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, from, sizeof(in));
		out->family = AF_INET;
		out->port = ntohs(in.sin_port);
		memcpy(out->ip, &in.sin_addr, 4);
		return 0;
	}
	if (from->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, from, sizeof(in6));
		out->family = AF_INET6;
		out->port = ntohs(in6.sin6_port);
		memcpy(out->ip, &in6.sin6_addr, 16);
		out->scope = has_scope(out) ? in6.sin6_scope_id : 0;
		return 0;
	}
	return FAULT_INPUT;
}

/* ---- ranges ---- */

/* The octet at `index` of a mask of `prefix` bits. */
static uint8_t mask_octet(unsigned prefix, size_t index)
{
	unsigned before = (unsigned)index * 8;

	if (prefix >= before + 8)
		return 0xff;
	return prefix <= before ? 0 : (uint8_t)(0xff << (8 - (prefix - before)));
}

static int prefix_parse(struct address_range *out, const struct address *a, const char *text)
{
	size_t len = address_len(a->family);
	unsigned long prefix;

	if (!address_number(text, len * 8, &prefix))
		return FAULT_INPUT;
	for (size_t i = 0; i < len; i++) {
		uint8_t mask = mask_octet((unsigned)prefix, i);

		/* 10.1.2.3/16 is more often a slip than meant: is it the net or the host? */
		if (a->ip[i] & (uint8_t)~mask)
			return FAULT_INPUT;
		out->last[i] = a->ip[i] | (uint8_t)~mask;
	}
	return 0;
}

static int range_parse(struct address_range *out, char *text)
{
	struct address first, last;
	char *slash = strchr(text, '/'), *dash = strchr(text, '-');

	if (slash)
		*slash++ = '\0';
	else if (dash)
		*dash++ = '\0';
	/* An interface's name has no place in a set of addresses. */
	if (address_parse(&first, text) || first.scope)
		return FAULT_INPUT;
	out->family = first.family;
	memcpy(out->first, first.ip, sizeof(out->first));
	memcpy(out->last, first.ip, sizeof(out->last));
	if (slash)
		return prefix_parse(out, &first, slash);
	if (!dash)
		return 0;
	if (address_parse(&last, dash) || last.scope || last.family != first.family ||
	    memcmp(first.ip, last.ip, sizeof(first.ip)) > 0)
		return FAULT_INPUT;
	memcpy(out->last, last.ip, sizeof(out->last));
	return 0;
}

int address_range_parse(struct address_range *out, const char *text)
{
	char copy[TEXT_INPUT_MAX];
	size_t len = strlen(text);

	*out = (struct address_range){ .family = 0 };
	if (len >= sizeof(copy))
		return FAULT_INPUT;
	if (strcmp(text, "%any") == 0)
		return 0;
	if (strcmp(text, "%any4") == 0)
		text = "0.0.0.0/0";
	else if (strcmp(text, "%any6") == 0)
		text = "::/0";
	memcpy(copy, text, strlen(text) + 1);
	int fault = range_parse(out, copy);
	if (fault)
		*out = (struct address_range){ .family = 0 };
	return fault;
}

bool address_range_is_host(const struct address_range *range)
{
	return range->family != 0 && memcmp(range->first, range->last, address_len(range->family)) == 0;
}

bool address_range_has(const struct address_range *range, const struct address *a)
{
	size_t len = address_len(a->family);

	if (len == 0)
		return false;
	return range->family == 0 || (range->family == a->family && memcmp(range->first, a->ip, len) <= 0 &&
				      memcmp(range->last, a->ip, len) >= 0);
}

bool address_range_covers(const struct address_range *outer, const struct address_range *inner)
{
	size_t len = address_len(outer->family);

	return outer->family == 0 ||
	       (outer->family == inner->family && memcmp(outer->first, inner->first, len) <= 0 &&
		memcmp(outer->last, inner->last, len) >= 0);
}

bool address_range_overlaps(const struct address_range *a, const struct address_range *b)
{
	size_t len = address_len(a->family);

	if (a->family == 0 || b->family == 0)
		return true;
	return a->family == b->family && memcmp(a->first, b->last, len) <= 0 &&
	       memcmp(b->first, a->last, len) <= 0;
}

unsigned address_range_weight(const struct address_range *range)
{
	size_t len = address_len(range->family);
	unsigned bits = 0;

	while (bits < len * 8 && !((range->first[bits / 8] ^ range->last[bits / 8]) & 0x80 >> bits % 8))
		bits++;
	return bits;
}

int address_range_prefix(const struct address_range *range)
{
	size_t len = address_len(range->family);
	unsigned prefix = address_range_weight(range);

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		uint8_t host = (uint8_t)~mask_octet(prefix, i);

		if ((range->first[i] & host) != 0 || (range->last[i] & host) != host)
			return -1;
	}
	return (int)prefix;
}
