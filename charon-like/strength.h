/* SPDX-License-Identifier: MIT */
/* strength.h - how many guesses a pre-shared key stands. */
#ifndef KEYFERRY_STRENGTH_H
#define KEYFERRY_STRENGTH_H
#include "bytes.h"

/*
 * Bits: log2 of the guesses that somebody needs who tries words, names, dates, rows of keys and what people make of them first, then all else
 * (zxcvbn). Of long secrets the start is looked at, which suffices: see STRENGTH_LOOKED_AT.
 */
enum { STRENGTH_LOOKED_AT = 100 };           /* characters; the time to look grows faster than their number */
unsigned strength_bits(struct bytes secret);

#endif
