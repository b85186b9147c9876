/* SPDX-License-Identifier: MIT */
/* test_pairs_loss.c - a network that loses one packet in five, doubles and reorders others: every tunnel comes up all the same. */
#include "tamper.h"
#include "weather.h"

enum { TUNNELS = 200, LOST_IN_100 = 20, DOUBLED_IN_100 = 10, LATE_IN_100 = 10, LATE_MS = 1500, MINUTES = 20 };

static void lossy(void)
{
	struct weather weather = { .state = weather_seed(), .lose = LOST_IN_100, .twice = DOUBLED_IN_100, .delay = LATE_IN_100,
				   .delay_ms = LATE_MS };
	/* A message and its answer both arrive in 64 of 100 cases. So many sendings that it is never chance when a tunnel fails. */
	struct pair *pair = tamper_new_with("aes128-sha256-curve25519", "retransmit-tries=\"20\" half-open-seconds=\"600s\"");
	unsigned up = 0;

	pair->filter = weather_pass;
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

TAMPER_MAIN("pairs-loss", cases)
