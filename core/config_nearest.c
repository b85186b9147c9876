/* SPDX-License-Identifier: MIT */
/* config_nearest.c - finds the word that somebody meant who wrote another one into a configuration. */
#include <ctype.h>

#include "config.h"

enum { WORD_MAX = 63 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Damerau-Levenshtein distance without regard to case, where a swapped pair counts once and is not edited
 * again. Both words have at most WORD_MAX octets.
 */
static unsigned word_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		int c = tolower((unsigned char)a[i - 1]);
		int c_before = i > 1 ? tolower((unsigned char)a[i - 2]) : -1;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			int d = tolower((unsigned char)b[j - 1]);

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (c != d));
			if (j > 1 && d == c_before && c == tolower((unsigned char)b[j - 2]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		unsigned *oldest = before;
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_len];
}

/* One slip in a short word, up to three in a long one; of two letters none is a slip. */
static unsigned slips_allowed(size_t a_len, size_t b_len)
{
	return least((unsigned)(a_len > b_len ? a_len : b_len) / 3, 3);
}

const char *config_nearest(const char *word, const char *const *words)
{
	size_t len = strlen(word);
	unsigned best = WORD_MAX;
	const char *nearest = NULL;

	if (len > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		size_t other_len = strlen(*words);
		unsigned distance = other_len > WORD_MAX ? WORD_MAX : word_distance(word, len, *words, other_len);

		if (distance < best && distance <= slips_allowed(len, other_len)) {
			best = distance;
			nearest = *words;
		}
	}
	return nearest;
}
