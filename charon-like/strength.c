/* SPDX-License-Identifier: MIT */
/* strength.c - see strength.h; the guessing is the library's. */
#include "strength.h"

#include <stdio.h>
#include <zxcvbn.h>

#include "secret.h"

static bool is_text(struct bytes secret)
{
	for (size_t i = 0; i < secret.len; i++)
		if (secret.at[i] < 0x20 || secret.at[i] >= 0x7f)
			return false;
	return true;
}

unsigned strength_bits(struct bytes secret)
{
	char text[STRENGTH_LOOKED_AT + 1] = "";
	size_t len = 0;

	/* Nobody types what is not ASCII into two routers: it is random octets, and their hex has as many bits. */
	if (is_text(secret))
		for (; len < secret.len && len < STRENGTH_LOOKED_AT; len++)
			text[len] = (char)secret.at[len];
	else
		for (; len / 2 < secret.len && len < STRENGTH_LOOKED_AT; len += 2)
			snprintf(text + len, 3, "%02x", secret.at[len / 2]);
	double bits = len ? ZxcvbnMatch(text, NULL, NULL) : 0;
	wipe(text, sizeof(text));
	return bits > 0 ? (unsigned)bits : 0;
}
