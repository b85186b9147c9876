/* SPDX-License-Identifier: MIT */
/* test_replay.c - the anti-replay window against a set that remembers everything. */
#include "replay.h"
#include "unit.h"

enum { NUMBERS = 40000 };

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void compare(uint32_t size)
{
	static bool seen[NUMBERS];
	struct replay r;
	uint64_t top = 0;
	uint32_t state = size;

	memset(seen, 0, sizeof(seen));
	CU_ASSERT_EQUAL_FATAL(replay_init(&r, size), 0);
	for (size_t i = 0; i < 60000; i++) {
		uint64_t near = top + 20 > 3 * (uint64_t)r.size ? top + 20 - next_random(&state) % (2 * r.size) : next_random(&state) % 200;
		if (i % 1000 == 999)
			near = top + next_random(&state) % (3 * r.size);
		if (near >= NUMBERS)
			break;
		bool wanted = near > 0 && !seen[near] && (near > top || top - near < r.size);
		CU_ASSERT_EQUAL_FATAL(replay_may_accept(&r, near), wanted);
		if (!wanted)
			continue;
		replay_accept(&r, near);
		seen[near] = true;
		top = near > top ? near : top;
		CU_ASSERT_EQUAL(r.top, top);
	}
	replay_free(&r);
}

static void against_a_set(void)
{
	const uint32_t sizes[] = { 64, 65, 128, 1000, 1024, 4095, 4096 };

	for (size_t i = 0; i < COUNT(sizes); i++)
		compare(sizes[i]);
}

static void limits(void)
{
	struct replay r;

	CU_ASSERT_EQUAL(replay_init(&r, 0), 0);
	CU_ASSERT_EQUAL(r.size, 64);
	replay_free(&r);
	CU_ASSERT_EQUAL(replay_init(&r, 100000), 0);
	CU_ASSERT_EQUAL(r.size, 4096);
	replay_free(&r);
}

static void edges(void)
{
	struct replay r;

	CU_ASSERT_EQUAL(replay_init(&r, 64), 0);
	CU_ASSERT_FALSE(replay_may_accept(&r, 0));
	replay_accept(&r, 1);
	CU_ASSERT_FALSE(replay_may_accept(&r, 1));
	replay_accept(&r, 64);
	CU_ASSERT_FALSE(replay_may_accept(&r, 1));
	CU_ASSERT_TRUE(replay_may_accept(&r, 2));
	replay_accept(&r, 65);
	CU_ASSERT_FALSE(replay_may_accept(&r, 1));
	CU_ASSERT_TRUE(replay_may_accept(&r, 2));
	replay_accept(&r, 66);
	CU_ASSERT_FALSE(replay_may_accept(&r, 2));
	replay_accept(&r, UINT64_MAX);
	CU_ASSERT_FALSE(replay_may_accept(&r, 66));
	CU_ASSERT_TRUE(replay_may_accept(&r, UINT64_MAX - 63));
	CU_ASSERT_FALSE(replay_may_accept(&r, UINT64_MAX - 64));
	replay_free(&r);
}

/* RFC 4303 A2.1, both cases and the ends of the window. */
static void extension(void)
{
	struct replay r = { .size = 64 };

	r.top = 1000;
	CU_ASSERT_EQUAL(replay_extend(&r, 1001), 1001);
	CU_ASSERT_EQUAL(replay_extend(&r, 937), 937);
	CU_ASSERT_EQUAL(replay_extend(&r, 936), UINT64_C(0x100000000) + 936);
	r.top = UINT64_C(0x1fffffff0);
	CU_ASSERT_EQUAL(replay_extend(&r, 0xffffffff), UINT64_C(0x1ffffffff));
	CU_ASSERT_EQUAL(replay_extend(&r, 5), UINT64_C(0x200000005));
	r.top = UINT64_C(0x200000005);
	CU_ASSERT_EQUAL(replay_extend(&r, 0xfffffff0), UINT64_C(0x1fffffff0));
	CU_ASSERT_EQUAL(replay_extend(&r, 4), UINT64_C(0x200000004));
	CU_ASSERT_EQUAL(replay_extend(&r, 0x80000000), UINT64_C(0x280000000));
	r.top = 5;
	CU_ASSERT_EQUAL(replay_extend(&r, 0xfffffff0), 0xfffffff0);
}

static const struct unit_case cases[] = {
	{ "a window of any size agrees with a set that remembers all", against_a_set },
	{ "the size of the window is kept within 64 and 4096", limits },
	{ "number 0, the window's ends and its jumps are right", edges },
	{ "the high half of an extended number is guessed as RFC 4303 says", extension },
};

UNIT_MAIN("kernel-tun replay", cases)
