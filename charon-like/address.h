/* SPDX-License-Identifier: MIT */
/* address.h - addresses of hosts, ranges of them, and what a phase 2 selector selects. */
#ifndef KEYFERRY_ADDRESS_H
#define KEYFERRY_ADDRESS_H
#include "bytes.h"
#include <netinet/in.h>
#include <sys/socket.h>

/* IPv4 or IPv6 with a port. family 0: none. Compare with the functions only. */
struct address {
	uint8_t family;            /* AF_INET, AF_INET6                                     */
	uint16_t port;             /* host order; 0: none                                   */
	uint32_t scope;            /* interface of an IPv6 link-local address, else 0       */
	uint8_t ip[16];            /* network order; IPv4 in the first four octets, then 0  */
};

enum { ADDRESS_TEXT_MAX = 64 };

/* A decimal number without sign or blanks, not above `max`: a prefix, a port, a protocol. */
bool address_number(const char *text, unsigned long max, unsigned long *out) MUST_CHECK;
/* Octets of an address of the family: 4, 16, or 0. */
size_t address_len(uint8_t family);
/* "192.0.2.1", "2001:db8::1", "fe80::1%eth0"; no port, no names. FAULT_INPUT. */
int address_parse(struct address *out, const char *text) MUST_CHECK;
/* "192.0.2.1:500", "[2001:db8::1]:500"; without the port when it is 0. Returns `out`. */
const char *address_text(char out[ADDRESS_TEXT_MAX], const struct address *a);
const char *address_host_text(char out[ADDRESS_TEXT_MAX], const struct address *a);
bool address_same_host(const struct address *a, const struct address *b);
bool address_same(const struct address *a, const struct address *b); /* and the port */
bool address_is_any(const struct address *a);
struct bytes address_bytes(const struct address *a);
int address_from_bytes(struct address *out, uint8_t family, struct bytes ip) MUST_CHECK;
socklen_t address_to_socket(const struct address *a, struct sockaddr_storage *out);
int address_from_socket(struct address *out, const struct sockaddr *from) MUST_CHECK;

/* All addresses from first to last, of one family. family 0: every address of every family ("%any"). */
struct address_range {
	uint8_t family;
	uint8_t first[16], last[16];
};

/* "192.0.2.1", "10.0.0.0/8", "10.0.0.1-10.0.0.9", "%any", "%any4", "%any6"; a prefix with host bits set is refused. */
int address_range_parse(struct address_range *out, const char *text) MUST_CHECK;
/* One address alone; not %any. */
bool address_range_is_host(const struct address_range *range);
bool address_range_has(const struct address_range *range, const struct address *a);
bool address_range_covers(const struct address_range *outer, const struct address_range *inner);
bool address_range_overlaps(const struct address_range *a, const struct address_range *b);
/* Prefix length when the range is exactly a prefix, else -1. */
int address_range_prefix(const struct address_range *range);
/* How many leading bits are fixed: the larger, the more specific; 0 for %any. */
unsigned address_range_weight(const struct address_range *range);

/*
 * One side of a phase 2 selector (RFC 2407 4.6.2): addresses, upper protocol and port. protocol 0: any; port 0: any.
 * For ICMP the port holds type << 8 | code.
 */
struct selector {
	struct address_range range;
	uint8_t protocol;
	uint16_t port;
};

enum { SELECTOR_TEXT_MAX = 128 };

/* "10.1.0.0/16", "10.1.0.0/16[tcp/80]", "2001:db8::/32[udp]", "10.0.0.1-10.0.0.9[17/1701]". */
int selector_parse(struct selector *out, const char *text) MUST_CHECK;
const char *selector_text(char out[SELECTOR_TEXT_MAX], const struct selector *s);
bool selector_same(const struct selector *a, const struct selector *b);
bool selector_covers(const struct selector *outer, const struct selector *inner);
struct selector selector_of_host(const struct address *a);

#endif
