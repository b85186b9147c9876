/* SPDX-License-Identifier: MIT */
/* prefix.c - see prefix.h. */
#include "prefix.h"

/* The bit that is `i` places from the right. */
static bool bit_at(const uint8_t *ip, size_t len, unsigned i)
{
	return ip[len - 1 - i / 8] >> (i % 8) & 1;
}

static void set_bit(uint8_t *ip, size_t len, unsigned i)
{
	ip[len - 1 - i / 8] |= (uint8_t)(1 << (i % 8));
}

/* False: there is none after it. */
static bool next_address(uint8_t *ip, size_t len)
{
	size_t i = len;

	while (i-- > 0)
		if (++ip[i] != 0)
			return true;
	return false;
}

/* How many bits on the right the largest block has that begins at `first` and ends at `last` at most; `end` is its end. */
static unsigned block_bits(uint8_t end[16], const uint8_t *first, const uint8_t *last, size_t len)
{
	unsigned bits = 0;

	memcpy(end, first, len);
	while (bits < len * 8 && !bit_at(first, len, bits)) {
		uint8_t larger[16];

		memcpy(larger, end, len);
		set_bit(larger, len, bits);
		if (memcmp(larger, last, len) > 0)
			break;
		memcpy(end, larger, len);
		bits++;
	}
	return bits;
}

size_t prefixes_of(struct prefix out[PREFIXES_MAX], const struct address_range *range)
{
	size_t len = address_len(range->family), count = 0;
	uint8_t first[16], end[16];

	if (range->family == 0) {
		out[0] = (struct prefix){ .family = AF_INET };
		out[1] = (struct prefix){ .family = AF_INET6 };
		return 2;
	}
	memcpy(first, range->first, sizeof(first));
	while (count < PREFIXES_MAX && memcmp(first, range->last, len) <= 0) {
		unsigned host = block_bits(end, first, range->last, len);

		out[count] = (struct prefix){ .family = range->family, .bits = (uint8_t)(len * 8 - host) };
		memcpy(out[count++].ip, first, len);
		memcpy(first, end, len);
		if (!next_address(first, len))
			break;
	}
	return count;
}
