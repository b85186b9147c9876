/* SPDX-License-Identifier: MIT */
/* replay.h - the anti-replay window of one inbound SA (RFC 4303 3.4.3), with extended sequence numbers (appendix A2). */
#ifndef KEYFERRY_TUN_REPLAY_H
#define KEYFERRY_TUN_REPLAY_H
#include "bytes.h"

enum { REPLAY_MIN = 64, REPLAY_MAX = 4096 };

/* one packet thread */
struct replay {
	uint64_t top;              /* highest number seen; 0: none                    */
	uint32_t size;             /* packets                                         */
	uint32_t words;            /* of `map`, a power of two, one more than `size` needs */
	uint64_t *map;             /* a ring: number n is bit n % 64 of word n / 64 % words */
};

/* FAULT_MEMORY. `size` is brought into the limits. */
int replay_init(struct replay *r, uint32_t size) MUST_CHECK;
void replay_free(struct replay *r);
/* The 64-bit number that the low half on the wire must mean. */
uint64_t replay_extend(const struct replay *r, uint32_t low);
/* Before the ICV is checked: neither too old nor seen. */
bool replay_may_accept(const struct replay *r, uint64_t number);
/* After it: marks as seen. */
void replay_accept(struct replay *r, uint64_t number);

#endif
