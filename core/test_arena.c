/* SPDX-License-Identifier: MIT */
/* test_arena.c - memory of an exchange is zeroed, aligned, limited, and wiped by a rollback. */
#include "arena.h"

#include "unit.h"

static bool is_filled(const uint8_t *at, size_t len, uint8_t with)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != with)
			return false;
	return true;
}

static void *filled(struct arena *a, size_t len)
{
	void *at = arena_alloc(a, len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	memset(at, 0xa5, len);
	return at;
}

static void memory_is_zeroed_and_aligned(void)
{
	struct arena a;

	arena_init(&a);
	for (size_t len = 0; len < 300; len++) {
		uint8_t *at = arena_alloc(&a, len);

		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		CU_ASSERT_EQUAL((uintptr_t)at % _Alignof(max_align_t), 0);
		CU_ASSERT_TRUE(is_filled(at, len, 0));
		memset(at, 0xff, len);
	}
	arena_free(&a);
}

static void pieces_do_not_overlap(void)
{
	enum { PIECES = 400 };
	uint8_t *pieces[PIECES];
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < PIECES; i++) {
		pieces[i] = arena_alloc(&a, i);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pieces[i]);
		memset(pieces[i], (int)(i & 0xff), i);
	}
	for (size_t i = 0; i < PIECES; i++)
		CU_ASSERT_TRUE(is_filled(pieces[i], i, (uint8_t)i));
	arena_free(&a);
}

/* The block that holds the mark stays allocated, so what was wiped may be read. */
static void rollback_wipes_behind_the_mark(void)
{
	struct arena a;

	arena_init(&a);
	uint8_t *kept = filled(&a, 40);
	struct arena_mark mark = arena_mark(&a);
	uint8_t *undone = filled(&a, 200);
	(void)filled(&a, 5000);
	(void)filled(&a, 9000);
	arena_rollback(&a, mark);

	CU_ASSERT_TRUE(is_filled(undone, 200, 0));
	CU_ASSERT_TRUE(is_filled(kept, 40, 0xa5));
	CU_ASSERT_EQUAL(a.total, mark.total);
	CU_ASSERT_EQUAL(arena_alloc(&a, 200), undone);
	arena_free(&a);
}

static void rollback_to_the_start_is_a_new_start(void)
{
	struct arena a;

	arena_init(&a);
	struct arena_mark mark = arena_mark(&a);
	(void)filled(&a, 100);
	(void)filled(&a, 3000);
	arena_rollback(&a, mark);
	CU_ASSERT_PTR_NULL(a.last);
	CU_ASSERT_EQUAL(a.total, 0);

	uint8_t *at = arena_alloc(&a, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_TRUE(is_filled(at, 100, 0));
	arena_free(&a);
}

static void nested_marks_roll_back_in_turn(void)
{
	struct arena a;

	arena_init(&a);
	struct arena_mark outer = arena_mark(&a);
	uint8_t *first = filled(&a, 700);
	struct arena_mark inner = arena_mark(&a);
	(void)filled(&a, 700);
	arena_rollback(&a, inner);
	CU_ASSERT_TRUE(is_filled(first, 700, 0xa5));
	uint8_t *again = arena_alloc(&a, 700);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	CU_ASSERT_TRUE(is_filled(again, 700, 0));
	arena_rollback(&a, outer);
	CU_ASSERT_EQUAL(a.total, 0);
	arena_free(&a);
}

static void maximum_holds(void)
{
	struct arena a;
	size_t pieces = 0;

	arena_init(&a);
	CU_ASSERT_PTR_NULL(arena_alloc(&a, ARENA_MAX + 1));
	CU_ASSERT_PTR_NULL(arena_alloc(&a, SIZE_MAX));
	CU_ASSERT_PTR_NULL(arena_alloc(&a, SIZE_MAX - 14));
	CU_ASSERT_EQUAL(a.total, 0);
	while (arena_alloc(&a, 1000))
		pieces++;
	CU_ASSERT_TRUE(a.total <= ARENA_MAX);
	CU_ASSERT_EQUAL(pieces, ARENA_MAX / 1008);
	arena_free(&a);

	uint8_t *whole = arena_alloc(&a, ARENA_MAX);
	CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
	memset(whole, 1, ARENA_MAX);
	CU_ASSERT_PTR_NULL(arena_alloc(&a, 0));
	arena_free(&a);
}

static void keep_copies(void)
{
	char text[] = "cookie";
	struct arena a;

	arena_init(&a);
	struct bytes kept = arena_keep(&a, bytes_text(text));
	text[0] = 'X';
	CU_ASSERT_TRUE(bytes_equal(kept, bytes_text("cookie")));
	struct bytes nothing = arena_keep(&a, (struct bytes){ NULL, 0 });
	CU_ASSERT_PTR_NOT_NULL(nothing.at);
	CU_ASSERT_EQUAL(nothing.len, 0);
	static const uint8_t large[ARENA_MAX];
	CU_ASSERT_PTR_NULL(arena_keep(&a, bytes_of(large, sizeof(large))).at);
	arena_free(&a);
	arena_free(&a);
}

static const struct unit_case cases[] = {
	{ "memory is zeroed and aligned for any type", memory_is_zeroed_and_aligned },
	{ "pieces do not overlap", pieces_do_not_overlap },
	{ "a rollback wipes what was allocated since the mark", rollback_wipes_behind_the_mark },
	{ "a rollback to the start leaves an arena that can be used", rollback_to_the_start_is_a_new_start },
	{ "nested marks roll back in turn", nested_marks_roll_back_in_turn },
	{ "no more than ARENA_MAX is handed out, however it is asked for", maximum_holds },
	{ "what is kept is a copy, and an empty one is not NULL", keep_copies },
};

UNIT_MAIN("arena", cases)
