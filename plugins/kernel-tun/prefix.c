/* SPDX-License-Identifier: MIT */
/* prefix.c - see prefix.h. */
#include "prefix.h"

__extension__ typedef unsigned __int128 wide;

static wide load_wide(const uint8_t *at, size_t len)
{
	wide value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

static void store_wide(uint8_t *at, size_t len, wide value)
{
	for (size_t i = len; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

size_t prefixes_of(struct prefix out[PREFIXES_MAX], const struct address_range *range)
{
	if (range->family == 0) {
		out[0] = (struct prefix){ .family = AF_INET };
		out[1] = (struct prefix){ .family = AF_INET6 };
		return 2;
	}
	size_t len = address_len(range->family), count = 0;
	unsigned width = (unsigned)len * 8;
	wide first = load_wide(range->first, len), last = load_wide(range->last, len);
	wide end = first;

	/* The largest block that begins at `first` and does not reach beyond `last`, again and again. */
	while (count < PREFIXES_MAX && first <= last) {
		unsigned host = 0;

		end = first;
		while (host < width) {
			wide larger = end | (wide)1 << host;

			if ((first >> host & 1) || larger > last)
				break;
			end = larger;
			host++;
		}
		out[count] = (struct prefix){ .family = range->family, .bits = (uint8_t)(width - host) };
		store_wide(out[count++].ip, len, first);
		if (end == last)
			break;
		first = end + 1;
	}
	return count;
}
