/* SPDX-License-Identifier: MIT */
/* replay.c - see replay.h. A ring of words, so that advancing clears whole words and shifts nothing (RFC 6479). */
#include "replay.h"

#include <stdlib.h>

int replay_init(struct replay *r, uint32_t size)
{
	size = size < REPLAY_MIN ? REPLAY_MIN : size > REPLAY_MAX ? REPLAY_MAX : size;
	*r = (struct replay){ .size = size, .words = 2 };
	while ((r->words - 1) * 64 < size)
		r->words *= 2;
	r->map = calloc(r->words, sizeof(*r->map));
	return r->map ? 0 : FAULT_MEMORY;
}

void replay_free(struct replay *r)
{
	free(r->map);
	r->map = NULL;
}

/* RFC 4303 A2.1: the half is the one that puts the number nearest to the window. */
uint64_t replay_extend(const struct replay *r, uint32_t low)
{
	uint32_t top_low = (uint32_t)r->top, high = (uint32_t)(r->top >> 32);

	if (top_low >= r->size - 1) {
		if (low < top_low - (r->size - 1))
			high++;
	} else if (high > 0 && low >= top_low - (r->size - 1)) {
		high--;
	}
	return (uint64_t)high << 32 | low;
}

bool replay_may_accept(const struct replay *r, uint64_t number)
{
	if (number == 0)
		return false;
	if (number > r->top)
		return true;
	if (r->top - number >= r->size)
		return false;
	return !(r->map[number / 64 % r->words] >> number % 64 & 1);
}

void replay_accept(struct replay *r, uint64_t number)
{
	uint64_t word = number / 64, top_word = r->top / 64;

	if (number > r->top) {
		uint64_t advance = word - top_word;

		for (uint64_t i = 1; i <= advance && i <= r->words; i++)
			r->map[(top_word + i) % r->words] = 0;
		r->top = number;
	}
	r->map[word % r->words] |= (uint64_t)1 << number % 64;
}
