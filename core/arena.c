/* SPDX-License-Identifier: MIT */
/* arena.c - blocks from which an exchange's memory is cut in order; unused octets of a block are always zero. */
#include "arena.h"

#include <stdlib.h>

#include "secret.h"

/*
 * Most exchanges fit the first block; the following double, so that a long certificate chain takes
 * few of them. Sizes include the block's head.
 */
enum { BLOCK_FIRST = 1024, BLOCK_LARGEST = 16 * 1024 };
enum { ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
	struct arena_block *prev;
	size_t used, size;
	_Alignas(max_align_t) uint8_t at[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ NULL, 0 };
}

static struct arena_block *arena_grow(struct arena *a, size_t need)
{
	size_t whole = BLOCK_FIRST;

	if (a->last)
		whole = 2 * (sizeof(struct arena_block) + a->last->size);
	if (whole > BLOCK_LARGEST)
		whole = BLOCK_LARGEST;
	if (whole < sizeof(struct arena_block) + need)
		whole = sizeof(struct arena_block) + need;

	struct arena_block *block = calloc(1, whole);
	if (!block)
		return NULL;
	block->prev = a->last;
	block->size = whole - sizeof(struct arena_block);
	a->last = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t len)
{
	struct arena_block *block = a->last;

	if (len > ARENA_MAX)
		return NULL;
	/* An empty piece has an address of its own, too. */
	size_t need = len ? (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
	if (need > ARENA_MAX - a->total)
		return NULL;
	if (!block || block->size - block->used < need) {
		block = arena_grow(a, need);
		if (!block)
			return NULL;
	}
	void *at = block->at + block->used;
	block->used += need;
	a->total += need;
	return at;
}

struct bytes arena_keep(struct arena *a, struct bytes from)
{
	uint8_t *at = arena_alloc(a, from.len);

	if (!at)
		return (struct bytes){ NULL, 0 };
	if (from.len)
		memcpy(at, from.at, from.len);
	return bytes_of(at, from.len);
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->last, a->last ? a->last->used : 0, a->total };
}

void arena_rollback(struct arena *a, struct arena_mark mark)
{
	while (a->last != mark.block) {
		struct arena_block *block = a->last;

		a->last = block->prev;
		wipe(block->at, block->used);
		free(block);
	}
	if (mark.block) {
		wipe(mark.block->at + mark.used, mark.block->used - mark.used);
		mark.block->used = mark.used;
	}
	a->total = mark.total;
}

void arena_free(struct arena *a)
{
	arena_rollback(a, (struct arena_mark){ NULL, 0, 0 });
}
