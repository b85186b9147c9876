/* SPDX-License-Identifier: MIT */
/* icmp.h - what a sender is told about a packet that cannot go through the tunnel. */
#ifndef KEYFERRY_TUN_ICMP_H
#define KEYFERRY_TUN_ICMP_H
#include "packet.h"

enum icmp_kind { ICMP_PROHIBITED, ICMP_TOO_BIG };

enum {
	ICMP_ANSWER_MAX = 1280,    /* RFC 4443 2.4 (c); for IPv4 576 (RFC 1812 4.3.2.3)     */
	ICMP_PER_SECOND = 100, ICMP_BURST = 20,
};

/* RFC 1812 4.3.2.8; one packet thread. */
struct icmp_limit {
	uint64_t at;               /* milliseconds                                          */
	uint32_t tokens;
};

bool icmp_may_send(struct icmp_limit *limit, uint64_t now);
/* Writes the answer to `packet`; its length, or 0 where none may be given. `mtu` is for ICMP_TOO_BIG. */
size_t icmp_answer(uint8_t out[ICMP_ANSWER_MAX], const struct inner *in, const uint8_t *packet, enum icmp_kind kind, size_t mtu);

#endif
