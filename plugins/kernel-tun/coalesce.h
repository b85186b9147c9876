/* SPDX-License-Identifier: MIT */
/*
 * coalesce.h - hands packets to the TUN device: consecutive segments of one TCP flow as one super-packet, which costs the
 * stack as much as one packet, all others one by one.
 */
#ifndef KEYFERRY_TUN_COALESCE_H
#define KEYFERRY_TUN_COALESCE_H
#include "packet.h"

#include <sys/uio.h>

enum { COALESCE_PIECES = 64 };

/* one packet thread; set `write` and `arg`, zero the rest */
struct coalescer {
	void (*write)(void *arg, const struct iovec *pieces, size_t count);
	void *arg;
	size_t count;              /* packets that wait; 0: none                                 */
	struct inner in;           /* the first                                                  */
	uint8_t *packet;           /* the first; stays the caller's until it is flushed          */
	size_t head;               /* IP and TCP header                                          */
	size_t step;               /* payload of each but the last                               */
	size_t len;                /* of the super-packet so far                                 */
	uint32_t next_sequence;
	uint16_t next_id;
	bool closed;               /* nothing may follow: short or pushed                        */
	uint8_t vnet[VNET_HEADER];
	struct iovec pieces[1 + COALESCE_PIECES];
};

/* The memory of `packet`, whose inner form is `in`, must stay untouched until coalesce_flush(). */
void coalesce_add(struct coalescer *c, const struct inner *in, uint8_t *packet);
void coalesce_flush(struct coalescer *c);

#endif
