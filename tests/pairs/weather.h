/* SPDX-License-Identifier: MIT */
/* weather.h - a network that loses, doubles and reorders packets, from a seed. Included by test programs only. */
#ifndef KEYFERRY_WEATHER_H
#define KEYFERRY_WEATHER_H
#include <time.h>

#include "pair.h"

/* Of a hundred packets. */
struct weather {
	uint64_t state;
	unsigned lose, twice, delay, delay_ms;
	unsigned lost, doubled, late;        /* so many were                    */
};

static inline unsigned weather_draw(struct weather *weather, unsigned below)
{
	weather->state ^= weather->state << 13;
	weather->state ^= weather->state >> 7;
	weather->state ^= weather->state << 17;
	return (unsigned)(weather->state >> 20) % below;
}

static inline unsigned weather_pass(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct weather *weather = arg;

	(void)pair;
	if (weather_draw(weather, 100) < weather->lose) {
		weather->lost++;
		return 0;
	}
	if (weather_draw(weather, 100) < weather->delay) {
		weather->late++;
		packet->due += weather_draw(weather, 100) * weather->delay_ms / 100;
	}
	if (weather_draw(weather, 100) >= weather->twice)
		return 1;
	weather->doubled++;
	return 2;
}

/* PAIR_SEED in the environment repeats a run; the cookies and keys are others all the same. */
static inline uint64_t weather_seed(void)
{
	const char *text = getenv("PAIR_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t value = text ? strtoull(text, NULL, 10) : (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
	printf("PAIR_SEED=%llu\n", (unsigned long long)(value ? value : 1));
	return value ? value : 1;
}

#endif
