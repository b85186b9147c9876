/* SPDX-License-Identifier: MIT */
/* prefix.h - a range of addresses as the fewest prefixes that make it up: routes and selectors of kernels are prefixes. */
#ifndef KEYFERRY_PREFIX_H
#define KEYFERRY_PREFIX_H
#include "address.h"

/* IPv6 at worst: one of each length from both ends. */
enum { PREFIXES_MAX = 254 };

struct prefix {
	uint8_t family, bits;
	uint8_t ip[16];
};

/* Returns how many; a range without a family is all of both. */
size_t prefixes_of(struct prefix out[PREFIXES_MAX], const struct address_range *range);

#endif
