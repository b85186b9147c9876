/* SPDX-License-Identifier: MIT */
/* child_parts.h - what child_life.c, child_heard.c and child_rivals.c share. */
#ifndef KEYFERRY_CHILD_PARTS_H
#define KEYFERRY_CHILD_PARTS_H
#include "child.h"
#include "kin.h"

/* The others of the same configured child and peer on this shard, in the order of their coming. */
struct others {
	struct child *at[KIN_MAX * 8];
	size_t count;
};

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* `child` itself left out; NULL: all. */
struct others child_others(struct ike_sa *sa, const char *name, const struct child *child);
/* Another is current: deleted before its lifetime is over, which the peer may count from another moment. */
void child_retire(struct child *child, bool by_peer);
/* The number of a peer among many goes by its address, which may be another now: then nothing else takes its policy along. */
void child_leave_policy_to(struct child *child, uint32_t id);
struct child_rival child_rival_of(const struct child *child);
/* The newer one. Of two that crossed the one with the larger SPI, as in check_crossing() of exchange-quick. */
bool child_beats(const struct child_rival *a, const struct child_rival *b);
/* Nothing is sent with it from now on, so that the peer may forget it first. */
void child_lose_to(struct child *child, const struct child *winner);

/* ---- child_heard.c ---- */
/* Something came in with it. */
bool child_is_heard(const struct child *child);
/* It is sent with from now on: until something comes in, CHILD_LISTEN_MS at most, its step timer runs child_listen_again(). */
void child_listen(struct child *child);
void child_listen_again(struct child *child);

#endif
