/* SPDX-License-Identifier: MIT */
/* test_bytes.c - the reader stays inside its input, the writer inside its memory. Also the words for faults. */
#include "bytes.h"

#include "unit.h"

static void reads_big_endian(void)
{
	static const uint8_t in[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff };
	struct reader r = reader_over(bytes_of(in, sizeof(in)));

	CU_ASSERT_EQUAL(read_u8(&r), 1);
	CU_ASSERT_EQUAL(read_u16(&r), 0x0203);
	CU_ASSERT_EQUAL(read_u32(&r), 0x04050607);
	CU_ASSERT_EQUAL(read_u64(&r), 0x08090a0b0c0d0e0full);
	CU_ASSERT_EQUAL(reader_left(&r), 1);
	CU_ASSERT_FALSE(reader_done(&r));
	CU_ASSERT_EQUAL(read_u8(&r), 0xff);
	CU_ASSERT_TRUE(reader_done(&r));
}

static void failure_is_sticky(void)
{
	static const uint8_t in[] = { 1, 2, 3 };
	struct reader r = reader_over(bytes_of(in, sizeof(in)));

	CU_ASSERT_EQUAL(read_u32(&r), 0);
	CU_ASSERT_TRUE(r.failed);
	CU_ASSERT_EQUAL(read_u8(&r), 0);
	CU_ASSERT_EQUAL(reader_left(&r), 0);
	CU_ASSERT_EQUAL(read_rest(&r).len, 0);
	CU_ASSERT_FALSE(reader_done(&r));
}

static void huge_length_fails(void)
{
	static const uint8_t in[] = { 1, 2, 3 };
	struct reader r = reader_over(bytes_of(in, sizeof(in)));
	struct bytes b = read_bytes(&r, SIZE_MAX);

	CU_ASSERT_PTR_NULL(b.at);
	CU_ASSERT_EQUAL(b.len, 0);
	CU_ASSERT_TRUE(r.failed);
}

static void exact_end_is_fine(void)
{
	static const uint8_t in[] = { 1, 2, 3 };
	struct reader r = reader_over(bytes_of(in, sizeof(in)));

	CU_ASSERT_EQUAL(read_bytes(&r, 3).at, in);
	CU_ASSERT_TRUE(reader_done(&r));
	CU_ASSERT_EQUAL(read_bytes(&r, 0).len, 0);
	CU_ASSERT_TRUE(reader_done(&r));
	CU_ASSERT_EQUAL(read_u8(&r), 0);
	CU_ASSERT_FALSE(reader_done(&r));
}

static void nothing_can_be_read(void)
{
	struct reader r = reader_over((struct bytes){ NULL, 0 });

	CU_ASSERT_TRUE(reader_done(&r));
	CU_ASSERT_EQUAL(read_rest(&r).len, 0);
	CU_ASSERT_TRUE(reader_done(&r));
	r = reader_over((struct bytes){ NULL, 7 });
	CU_ASSERT_EQUAL(reader_left(&r), 0);
}

static void rest_is_what_is_left(void)
{
	static const uint8_t in[] = { 1, 2, 3 };
	struct reader r = reader_over(bytes_of(in, sizeof(in)));

	(void)read_u8(&r);
	struct bytes rest = read_rest(&r);
	CU_ASSERT_EQUAL(rest.len, 2);
	CU_ASSERT_EQUAL(rest.at, in + 1);
	CU_ASSERT_TRUE(reader_done(&r));
}

static void writes_big_endian(void)
{
	static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'o', 'k' };
	uint8_t out[sizeof(want)];
	struct writer w = writer_over(out, sizeof(out));

	put_u8(&w, 1);
	put_u16(&w, 0x0203);
	put_u32(&w, 0x04050607);
	put_u64(&w, 0x08090a0b0c0d0e0full);
	put_bytes(&w, bytes_text("ok"));
	CU_ASSERT_FALSE(w.failed);
	CU_ASSERT_TRUE(bytes_equal(writer_bytes(&w), bytes_of(want, sizeof(want))));
}

static void full_writer_writes_no_more(void)
{
	uint8_t out[4] = { 9, 9, 9, 9 };
	struct writer w = writer_over(out, 3);

	put_u16(&w, 0x0102);
	put_u16(&w, 0x0304);
	CU_ASSERT_TRUE(w.failed);
	put_u8(&w, 5);
	CU_ASSERT_PTR_NULL(put_space(&w, 0));
	CU_ASSERT_EQUAL(writer_bytes(&w).len, 0);
	CU_ASSERT_EQUAL(memcmp(out, "\1\2\11\11", 4), 0);
}

static void writer_refuses_huge_space(void)
{
	uint8_t out[8];
	struct writer w = writer_over(out, sizeof(out));

	put_u8(&w, 1);
	CU_ASSERT_PTR_NULL(put_space(&w, SIZE_MAX));
	CU_ASSERT_TRUE(w.failed);
}

static void empty_bytes_can_be_written(void)
{
	uint8_t out[1];
	struct writer w = writer_over(out, sizeof(out));

	put_bytes(&w, (struct bytes){ NULL, 0 });
	CU_ASSERT_FALSE(w.failed);
	CU_ASSERT_EQUAL(w.used, 0);
}

static void patches_only_what_was_written(void)
{
	uint8_t out[8] = { 0 };
	struct writer w = writer_over(out, sizeof(out));

	put_u32(&w, 0);
	patch_u16(&w, 2, 0xabcd);
	CU_ASSERT_FALSE(w.failed);
	CU_ASSERT_EQUAL(memcmp(out, "\0\0\xab\xcd\0\0\0\0", 8), 0);
	patch_u16(&w, 3, 0x1234);
	CU_ASSERT_TRUE(w.failed);
	w.failed = false;
	patch_u16(&w, SIZE_MAX, 0x1234);
	CU_ASSERT_TRUE(w.failed);
	CU_ASSERT_EQUAL(memcmp(out, "\0\0\xab\xcd\0\0\0\0", 8), 0);
}

static void equality_looks_at_length_and_content(void)
{
	CU_ASSERT_TRUE(bytes_equal(bytes_text("abc"), bytes_text("abc")));
	CU_ASSERT_FALSE(bytes_equal(bytes_text("abc"), bytes_text("abd")));
	CU_ASSERT_FALSE(bytes_equal(bytes_text("abc"), bytes_text("ab")));
	CU_ASSERT_TRUE(bytes_equal((struct bytes){ NULL, 0 }, bytes_text("")));
}

static void each_fault_has_its_own_words(void)
{
	for (int fault = FAULT_FULL; fault <= 0; fault++) {
		CU_ASSERT_STRING_NOT_EQUAL(fault_text(fault), fault_text(1));
		for (int other = FAULT_FULL; other < fault; other++)
			CU_ASSERT_STRING_NOT_EQUAL(fault_text(fault), fault_text(other));
	}
	CU_ASSERT_STRING_EQUAL(fault_text(-1000), fault_text(1));
}

static const struct unit_case cases[] = {
	{ "numbers are read big-endian", reads_big_endian },
	{ "after a read over the end nothing is read", failure_is_sticky },
	{ "a huge length does not wrap around", huge_length_fails },
	{ "reading up to the end is done, not failed", exact_end_is_fine },
	{ "an empty input is done at once", nothing_can_be_read },
	{ "the rest is what was not read", rest_is_what_is_left },
	{ "numbers are written big-endian", writes_big_endian },
	{ "a full writer writes no more", full_writer_writes_no_more },
	{ "a huge space is refused", writer_refuses_huge_space },
	{ "empty bytes can be written", empty_bytes_can_be_written },
	{ "only what was written can be patched", patches_only_what_was_written },
	{ "equal bytes have equal length and content", equality_looks_at_length_and_content },
	{ "each fault has words of its own", each_fault_has_its_own_words },
};

UNIT_MAIN("bytes", cases)
