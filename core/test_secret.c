/* SPDX-License-Identifier: MIT */
/* test_secret.c - secrets are zeroed, apart from each other, wiped when freed, and made by many threads at once. */
#include "secret.h"

#include <pthread.h>

#include "unit.h"

static bool is_filled(struct bytes b, uint8_t with)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.at[i] != with)
			return false;
	return true;
}

/* Looks at memory that was given back; volatile, so that the compiler looks, too. */
__attribute__((no_sanitize("address"), noinline)) static size_t count_octets(const volatile uint8_t *at, size_t len,
									     uint8_t value)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += at[i] == value;
	return count;
}

static void new_secret_is_zeroed(void)
{
	static const size_t lengths[] = { 1, 16, 20, 63, 64, 65, 256, 257, 1024, 1025, 4096, 4097, SECRET_MAX };
	struct secret s = { NULL, 0 };

	/* Twice: the second time from blocks that were used. */
	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < COUNT(lengths); i++) {
			CU_ASSERT_EQUAL_FATAL(secret_new(&s, lengths[i]), 0);
			CU_ASSERT_EQUAL(s.len, lengths[i]);
			CU_ASSERT_EQUAL((uintptr_t)s.at % 16, 0);
			CU_ASSERT_TRUE(is_filled(secret_bytes(&s), 0));
			memset(s.at, 0xa5, s.len);
		}
	secret_free(&s);
	CU_ASSERT_PTR_NULL(s.at);
	CU_ASSERT_EQUAL(s.len, 0);
	secret_free(&s);
}

static void length_is_limited(void)
{
	struct secret s = { NULL, 0 };

	CU_ASSERT_EQUAL(secret_new(&s, 32), 0);
	CU_ASSERT_EQUAL(secret_new(&s, SECRET_MAX + 1), FAULT_INPUT);
	CU_ASSERT_PTR_NULL(s.at);
	CU_ASSERT_EQUAL(secret_new(&s, SIZE_MAX), FAULT_INPUT);
	CU_ASSERT_EQUAL(secret_new(&s, 0), 0);
	CU_ASSERT_PTR_NULL(s.at);
	CU_ASSERT_EQUAL(s.len, 0);
}

/* The first octets of a free block belong to the allocator. */
static void freed_secret_is_wiped(void)
{
	struct secret other = { NULL, 0 }, s = { NULL, 0 };

	CU_ASSERT_EQUAL(secret_new(&other, 256), 0);
	CU_ASSERT_EQUAL_FATAL(secret_new(&s, 256), 0);
	memset(s.at, 0xa5, s.len);
	const uint8_t *was = s.at;
	secret_free(&s);
	CU_ASSERT_EQUAL(count_octets(was, 256, 0xa5), 0);
	CU_ASSERT_EQUAL(count_octets(was + 16, 240, 0), 240);
	secret_free(&other);
}

static void auto_secret_is_freed(void)
{
	struct secret other = { NULL, 0 };
	const uint8_t *was;

	CU_ASSERT_EQUAL(secret_new(&other, 100), 0);
	{
		AUTO_SECRET s = { NULL, 0 };

		CU_ASSERT_EQUAL_FATAL(secret_new(&s, 100), 0);
		memset(s.at, 0xa5, s.len);
		was = s.at;
	}
	CU_ASSERT_EQUAL(count_octets(was, 100, 0xa5), 0);
	secret_free(&other);
}

static void copy_and_move(void)
{
	AUTO_SECRET a = { NULL, 0 };
	AUTO_SECRET b = { NULL, 0 };

	CU_ASSERT_EQUAL(secret_copy(&a, bytes_text("a pre-shared key")), 0);
	CU_ASSERT_TRUE(bytes_equal(secret_bytes(&a), bytes_text("a pre-shared key")));
	b = secret_move(&a);
	CU_ASSERT_PTR_NULL(a.at);
	CU_ASSERT_EQUAL(a.len, 0);
	CU_ASSERT_TRUE(bytes_equal(secret_bytes(&b), bytes_text("a pre-shared key")));
	/* From a part of itself. */
	CU_ASSERT_EQUAL(secret_copy(&b, bytes_of(b.at + 2, 10)), 0);
	CU_ASSERT_TRUE(bytes_equal(secret_bytes(&b), bytes_text("pre-shared")));
	CU_ASSERT_EQUAL(secret_copy(&b, (struct bytes){ NULL, 0 }), 0);
	CU_ASSERT_EQUAL(b.len, 0);
}

static void shortened_secret_can_be_freed(void)
{
	struct secret s = { NULL, 0 };

	CU_ASSERT_EQUAL_FATAL(secret_new(&s, 1000), 0);
	memset(s.at, 0xa5, s.len);
	s.len = 10;
	secret_free(&s);
	CU_ASSERT_EQUAL_FATAL(secret_new(&s, 10), 0);
	struct secret t = { NULL, 0 };
	CU_ASSERT_EQUAL_FATAL(secret_new(&t, 1000), 0);
	CU_ASSERT_TRUE(is_filled(secret_bytes(&t), 0));
	secret_free(&s);
	secret_free(&t);
}

static void equality(void)
{
	uint8_t a[64], b[64];

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)(i * 7);
	CU_ASSERT_TRUE(secret_equal(bytes_of(a, 64), bytes_of(b, 64)));
	CU_ASSERT_FALSE(secret_equal(bytes_of(a, 64), bytes_of(b, 63)));
	CU_ASSERT_TRUE(secret_equal((struct bytes){ NULL, 0 }, bytes_of(b, 0)));
	for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT_FALSE(secret_equal(bytes_of(a, 64), bytes_of(b, 64)));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	wipe(a, sizeof(a));
	wipe(NULL, 0);
	CU_ASSERT_TRUE(is_filled(bytes_of(a, 64), 0));
}

/* More than one slab of every size, freed in another order than they were made. */
static void many_secrets_stay_apart(void)
{
	enum { MANY = 6000 };
	static struct secret s[MANY];
	static const size_t lengths[] = { 20, 32, 64, 200, 1000, 4000 };

	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < MANY; i++) {
			CU_ASSERT_EQUAL_FATAL(secret_new(&s[i], lengths[i % COUNT(lengths)]), 0);
			memset(s[i].at, (int)(i % 251) + 1, s[i].len);
		}
		for (size_t i = 0; i < MANY; i++) {
			struct secret *one = &s[i * 2879 % MANY];

			CU_ASSERT_TRUE(is_filled(secret_bytes(one), (uint8_t)(i * 2879 % MANY % 251 + 1)));
			secret_free(one);
		}
	}
}

static void *churn(void *arg)
{
	uint32_t random = *(const uint32_t *)arg;
	struct secret s[64] = { { NULL, 0 } };
	uintptr_t wrong = 0;

	for (int i = 0; i < 20000; i++) {
		random = random * 1664525 + 1013904223;
		struct secret *one = &s[random >> 26];
		uint8_t mark = (uint8_t)(one - s + 1);

		wrong += !is_filled(secret_bytes(one), mark);
		secret_free(one);
		if (random >> 25 & 1) {
			wrong += secret_new(one, 1 + (random >> 8) % 300) != 0;
			wrong += !is_filled(secret_bytes(one), 0);
			memset(one->at, mark, one->len);
		}
	}
	for (size_t i = 0; i < COUNT(s); i++)
		secret_free(&s[i]);
	return (void *)wrong;
}

static void threads_share_the_pool(void)
{
	uint32_t seeds[4] = { 1, 2, 3, 4 };
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, churn, &seeds[i]), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *wrong = NULL;

		pthread_join(threads[i], &wrong);
		CU_ASSERT_PTR_NULL(wrong);
	}
}

static const struct unit_case cases[] = {
	{ "a new secret is zeroed, also in a block that was used", new_secret_is_zeroed },
	{ "a secret over SECRET_MAX is refused and an empty one is empty", length_is_limited },
	{ "a freed secret is wiped", freed_secret_is_wiped },
	{ "an AUTO_SECRET is wiped at the end of its block", auto_secret_is_freed },
	{ "a copy is a copy, a move leaves nothing behind", copy_and_move },
	{ "a secret that was shortened is freed and wiped as a whole", shortened_secret_can_be_freed },
	{ "secret_equal sees every bit and the length", equality },
	{ "thousands of secrets do not overlap", many_secrets_stay_apart },
	{ "threads make and free secrets at the same time", threads_share_the_pool },
};

UNIT_MAIN("secret", cases)
