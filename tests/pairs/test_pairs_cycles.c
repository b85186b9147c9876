/* SPDX-License-Identifier: MIT */
/* test_pairs_cycles.c - tunnels up and down ten thousand times: afterwards as much memory is in use as before. */
#include <malloc.h>
#include <time.h>

#include "tamper.h"

enum { CYCLES = 10000, WARM_UP = 500, SECONDS_MAX = 60, BETWEEN_MS = 1000, AFTERWARDS_MS = 400000 };

/* There with the address sanitizer, whose malloc() mallinfo2() does not see. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t in_use(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

/*
 * What the C library keeps freed in its caches for each size counts as in use there, and varies. A leak of one octet in each cycle is more.
 */
static size_t slack(size_t cycles)
{
	return __sanitizer_get_current_allocated_bytes ? 0 : cycles;
}

/* All timers have run, nothing is remembered any more. */
static size_t at_rest(struct pair *pair)
{
	pair_run(pair, AFTERWARDS_MS);
	CU_ASSERT_EQUAL(pair->side[LEFT].shards[0]->sas.count, 0);
	CU_ASSERT_EQUAL(pair->side[RIGHT].shards[0]->sas.count, 0);
	CU_ASSERT_EQUAL(pair->side[LEFT].kernel.count + pair->side[RIGHT].kernel.count, 0);
	return in_use();
}

static void cycle(struct pair *pair, unsigned i)
{
	unsigned down = i % 2 ? LEFT : RIGHT;

	CU_ASSERT(pair_up(pair, 5000));
	/* Ended by either side, by a child first, or without a word. */
	if (i % 5 == 0)
		shard_down(pair->side[down].shards[0], "t", "c0");
	if (i % 7 == 0)
		pair_reset(pair);
	else
		shard_down(pair->side[down].shards[0], "t", NULL);
	pair_run(pair, BETWEEN_MS);
}

static void cycles(void)
{
	char left[4096], right[4096];
	unsigned count = 0;
	time_t end = time(NULL) + SECONDS_MAX;

	pair_documents(left, right, "aes128-sha256-curve25519", "aes128gcm16", 2, false, false);
	struct pair_options options = { .left = left, .right = right, .left_psk = "a pre-shared key of some length\n",
					.right_psk = "a pre-shared key of some length\n" };
	struct pair *pair = pair_new(&options);
	for (unsigned i = 0; i < WARM_UP; i++)
		cycle(pair, i);
	size_t before = at_rest(pair);
	/* Slow machines and sanitizers do fewer. */
	for (; count < CYCLES && time(NULL) < end; count++)
		cycle(pair, count);
	size_t after = at_rest(pair);
	printf("%u cycles: %zu octets in use before, %zu after\n", count, before, after);
	CU_ASSERT(count > 100);
	CU_ASSERT(after <= before + slack(count));
	pair_free(pair);
}

/* Messages that lead to nothing, from people without keys, leave nothing either. */
static void garbage(void)
{
	struct pair *pair = tamper_new();
	size_t before = 0;

	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < 300; i++) {
			struct wire_packet packet = { .to = RIGHT, .due = pair->now };
			const struct ike_sa *sa = tamper_sa(&pair->side[LEFT], "s");
			packet.from = sa->local;
			packet.dest = sa->remote;
			memset(packet.data, (int)(i * 7), sizeof(packet.data));
			if (i % 3)
				memcpy(packet.data, sa->cookie, i % 2 ? 16 : 8);
			packet.data[16] = (uint8_t)(i % 24);
			packet.data[17] = 0x10;
			packet.data[18] = (uint8_t[]){ 2, 4, 5, 6, 32, 33 }[i % 6];
			packet.data[19] = i % 4 ? FLAG_ENCRYPTED : 0;
			tamper_set_length(&packet, HEADER_SIZE + i * 4);
			pair_inject(pair, &packet);
		}
		pair_run(pair, 100000);
		if (round == 9)
			before = in_use();
	}
	CU_ASSERT(tamper_is_up(pair, "s"));
	CU_ASSERT(in_use() <= before + slack(60 * 300));
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "memory does not grow however often tunnels go up and down", cycles },
	{ "memory does not grow however much garbage comes (CVE-2018-0159)", garbage },
};

UNIT_MAIN("pairs-cycles", cases)
