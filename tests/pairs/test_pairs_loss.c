/* SPDX-License-Identifier: MIT */
/* test_pairs_loss.c - a network that loses one packet in five, doubles and reorders others: every tunnel comes up all the same. */
#include <time.h>

#include "tamper.h"

enum { TUNNELS = 200, LOST_IN_100 = 20, DOUBLED_IN_100 = 10, LATE_IN_100 = 10, LATE_MS = 1500, MINUTES = 20 };

struct weather {
	uint64_t state;
	unsigned lost, doubled, late;
};

static unsigned draw(struct weather *weather)
{
	weather->state ^= weather->state << 13;
	weather->state ^= weather->state >> 7;
	weather->state ^= weather->state << 17;
	return (unsigned)(weather->state >> 20) % 100;
}

static unsigned through(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct weather *weather = arg;

	(void)pair;
	if (draw(weather) < LOST_IN_100) {
		weather->lost++;
		return 0;
	}
	if (draw(weather) < LATE_IN_100) {
		weather->late++;
		packet->due += draw(weather) * LATE_MS / 100;
	}
	if (draw(weather) >= DOUBLED_IN_100)
		return 1;
	weather->doubled++;
	return 2;
}

/* PAIR_SEED in the environment repeats a run; the cookies and keys are others all the same. */
static uint64_t seed(void)
{
	const char *text = getenv("PAIR_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t value = text ? strtoull(text, NULL, 10) : (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
	return value ? value : 1;
}

static void lossy(void)
{
	struct weather weather = { .state = seed() };
	/* A message and its answer both arrive in 64 of 100 cases. So many sendings that it is never chance when a tunnel fails. */
	struct pair *pair = tamper_new_with("aes128-sha256-curve25519", "retransmit-tries=\"20\" half-open-seconds=\"600s\"");
	unsigned up = 0;

	printf("PAIR_SEED=%llu\n", (unsigned long long)weather.state);
	pair->filter = through;
	pair->filter_arg = &weather;
	for (unsigned i = 0; i < TUNNELS; i++) {
		bool is_up = tamper_up_within(pair, MINUTES * 60000);
		pair_run(pair, 100000);
		if (is_up && tamper_is_sound(pair))
			up++;
		else
			printf("tunnel %u of %u: %s\n", i + 1, TUNNELS, is_up ? "unsound" : "not up");
		tamper_reset(pair);
	}
	printf("%u of %u tunnels; %u packets lost, %u doubled, %u late\n", up, TUNNELS, weather.lost, weather.doubled, weather.late);
	CU_ASSERT_EQUAL(up, TUNNELS);
	CU_ASSERT(tamper_is_up(pair, "s"));
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "200 tunnels of 200 come up while a fifth of the packets is lost and others are doubled and late", lossy },
};

UNIT_MAIN("pairs-loss", cases)
