/* SPDX-License-Identifier: MIT */
/* test_map.c - SipHash-2-4 against its paper, and uthash on top of it. */
#include <stdbool.h>
#include <stdlib.h>

/* uthash gets no memory while this is set: the test of running out of it. */
static bool is_exhausted;
#define uthash_malloc(size) (is_exhausted ? NULL : malloc(size))

#include "map.h"

#include "unit.h"

/*
 * Of the 64 vectors that come with the reference implementation, those for the lengths given: key
 * 00..0f, input 00, 01, 02, ... Length 15 is the example of the paper, appendix A.
 */
static const struct {
	size_t len;
	uint64_t hash;
} vectors[] = {
	{ 0, 0x726fdb47dd0e0e31u },  { 1, 0x74f839c593dc67fdu },  { 2, 0x0d6c8009d9a94f5au },
	{ 3, 0x85676696d7fb7e2du },  { 4, 0xcf2794e0277187b7u },  { 5, 0x18765564cd99a68du },
	{ 6, 0xcbc9466e58fee3ceu },  { 7, 0xab0200f58b01d137u },  { 8, 0x93f5f5799a932462u },
	{ 9, 0x9e0082df0ba9e4b0u },  { 10, 0x7a5dbbc594ddb9f3u }, { 11, 0xf4b32f46226bada7u },
	{ 12, 0x751e8fbc860ee5fbu }, { 13, 0x14ea5627c0843d90u }, { 14, 0xf723ca908e7af2eeu },
	{ 15, 0xa129ca6149be45e5u }, { 16, 0x3f2acc7f57c29bdbu }, { 17, 0x699ae9f52cbe4794u },
	{ 63, 0x958a324ceb064572u },
};

static void known_answers(void)
{
	uint8_t key[16], input[64];

	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)i;
	memcpy(key, input, sizeof(key));
	for (size_t i = 0; i < COUNT(vectors); i++)
		CU_ASSERT_EQUAL(siphash(key, bytes_of(input, vectors[i].len)), vectors[i].hash);
}

static void alignment_does_not_matter(void)
{
	uint8_t key[17] = { 0 }, input[64] = { 0 };

	memcpy(input + 8, "initiator cookie", 16);
	memcpy(input + 33, "initiator cookie", 16);
	CU_ASSERT_EQUAL(siphash(key, bytes_of(input + 8, 16)), siphash(key + 1, bytes_of(input + 33, 16)));
}

static void map_hash_is_stable(void)
{
	CU_ASSERT_EQUAL(map_hash("cookie", 6), map_hash("cookie", 6));
	CU_ASSERT_NOT_EQUAL(map_hash("cookie", 6), map_hash("cookid", 6));
	CU_ASSERT_NOT_EQUAL(map_hash("cookie", 6), map_hash("cookie", 5));
	CU_ASSERT_EQUAL(map_hash("", 0), map_hash("x", 0));
	static const uint8_t zero_key[16];
	CU_ASSERT_NOT_EQUAL(map_hash("cookie", 6), siphash(zero_key, bytes_text("cookie")));
}

struct row {
	uint64_t cookie;
	UT_hash_handle hh;
};

static void rows_are_found_and_removed(void)
{
	enum { ROWS = 3000 };
	struct row *rows = calloc(ROWS, sizeof(*rows)), *map = NULL, *found;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
	for (uint64_t i = 0; i < ROWS; i++) {
		rows[i].cookie = i << 32;
		HASH_ADD(hh, map, cookie, sizeof(rows[i].cookie), &rows[i]);
	}
	CU_ASSERT_EQUAL(HASH_COUNT(map), ROWS);
	for (uint64_t i = 0; i < ROWS; i += 2)
		HASH_DEL(map, &rows[i]);
	CU_ASSERT_EQUAL(HASH_COUNT(map), ROWS / 2);
	for (uint64_t i = 0; i < ROWS; i++) {
		uint64_t cookie = i << 32;

		HASH_FIND(hh, map, &cookie, sizeof(cookie), found);
		CU_ASSERT_EQUAL(found, i % 2 ? &rows[i] : NULL);
	}
	HASH_CLEAR(hh, map);
	free(rows);
}

static void without_memory_nothing_is_added(void)
{
	struct row row = { .cookie = 7 }, *map = NULL;

	is_exhausted = true;
	HASH_ADD(hh, map, cookie, sizeof(row.cookie), &row);
	is_exhausted = false;
	CU_ASSERT_PTR_NULL(map);
	CU_ASSERT_PTR_NULL(row.hh.tbl);
	HASH_ADD(hh, map, cookie, sizeof(row.cookie), &row);
	CU_ASSERT_EQUAL(HASH_COUNT(map), 1);
	HASH_CLEAR(hh, map);
}

static const struct unit_case cases[] = {
	{ "siphash gives the paper's answers", known_answers },
	{ "siphash reads from any address", alignment_does_not_matter },
	{ "map_hash is keyed and stays the same in one process", map_hash_is_stable },
	{ "rows of a map are found until they are removed", rows_are_found_and_removed },
	{ "without memory a row is not added and says so", without_memory_nothing_is_added },
};

UNIT_MAIN("map", cases)
