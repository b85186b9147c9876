/* SPDX-License-Identifier: MIT */
/*
 * arena.h - the memory of one exchange: allocated piece by piece, given back all at once or back to
 * a mark, and wiped then. A step that fails leaves nothing behind.
 */
#ifndef KEYFERRY_ARENA_H
#define KEYFERRY_ARENA_H
#include "bytes.h"

struct arena_block;

/* owned by one thread; start with arena_init() */
struct arena {
	struct arena_block *last;
	size_t total;              /* octets handed out since the start, never above ARENA_MAX */
};

/* One exchange needs a few KiB; a peer must not be able to make it take more than this. */
enum { ARENA_MAX = 256 * 1024 };

struct arena_mark {
	struct arena_block *block;
	size_t used, total;
};

void arena_init(struct arena *a);
/* Zeroed and aligned for any type; NULL when memory or ARENA_MAX is exhausted. */
void *arena_alloc(struct arena *a, size_t len) MUST_CHECK;
/* A copy of `from`; .at is NULL when there is no memory (also for an empty `from`: never NULL then). */
struct bytes arena_keep(struct arena *a, struct bytes from) MUST_CHECK;
struct arena_mark arena_mark(const struct arena *a);
/* Wipes and gives back everything allocated since the mark. */
void arena_rollback(struct arena *a, struct arena_mark mark);
/* Wipes and frees all; the arena may be used again. */
void arena_free(struct arena *a);

#endif
