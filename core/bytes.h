/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - borrowed views and the bounds-checked reader and writer: the only code that moves
 * pointers over input. Owned and secret memory is secret.h's, memory of an exchange arena.h's.
 */
#ifndef KEYFERRY_BYTES_H
#define KEYFERRY_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fault.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* The struct that embeds `member` at `pointer`. */
#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Borrowed, never freed by who holds it. */
struct bytes {
	const uint8_t *at;
	size_t len;
};

/* Reads big-endian; once a read runs over the end everything after it reads as nothing. */
struct reader {
	const uint8_t *at, *end;
	bool failed;
};

/* Writes big-endian into memory of a fixed size; once it is full nothing more is written. */
struct writer {
	uint8_t *base;
	size_t used, size;
	bool failed;
};

static inline struct bytes bytes_of(const void *at, size_t len)
{
	return (struct bytes){ (const uint8_t *)at, len };
}

static inline struct bytes bytes_text(const char *text)
{
	return bytes_of(text, strlen(text));
}

/* Not for secrets: secret_equal() takes the same time whatever differs. */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline struct reader reader_over(struct bytes b)
{
	static const uint8_t nothing[1];
	const uint8_t *at = b.at ? b.at : nothing;

	return (struct reader){ at, at + (b.at ? b.len : 0), false };
}

static inline size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

/* Everything was read, and nothing beyond it. */
static inline bool reader_done(const struct reader *r)
{
	return !r->failed && r->at == r->end;
}

static inline struct bytes read_bytes(struct reader *r, size_t len)
{
	if (r->failed || (size_t)(r->end - r->at) < len) {
		r->failed = true;
		return (struct bytes){ NULL, 0 };
	}
	struct bytes out = { r->at, len };
	r->at += len;
	return out;
}

static inline struct bytes read_rest(struct reader *r)
{
	return read_bytes(r, reader_left(r));
}

static inline uint64_t read_number(struct reader *r, size_t octets)
{
	struct bytes b = read_bytes(r, octets);
	uint64_t value = 0;

	for (size_t i = 0; i < b.len; i++)
		value = value << 8 | b.at[i];
	return value;
}

static inline uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}

static inline uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}

static inline uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}

static inline uint64_t read_u64(struct reader *r)
{
	return read_number(r, 8);
}

static inline struct writer writer_over(void *base, size_t size)
{
	return (struct writer){ (uint8_t *)base, 0, size, false };
}

static inline struct bytes writer_bytes(const struct writer *w)
{
	return (struct bytes){ w->base, w->failed ? 0 : w->used };
}

/* Room for `len` octets that the caller fills at once, or NULL. */
static inline uint8_t *put_space(struct writer *w, size_t len)
{
	if (w->failed || w->size - w->used < len) {
		w->failed = true;
		return NULL;
	}
	uint8_t *at = w->base + w->used;
	w->used += len;
	return at;
}

static inline void put_bytes(struct writer *w, struct bytes b)
{
	uint8_t *at = put_space(w, b.len);

	if (at && b.len)
		memcpy(at, b.at, b.len);
}

static inline void put_number(struct writer *w, uint64_t value, size_t octets)
{
	uint8_t *at = put_space(w, octets);

	for (size_t i = 0; at && i < octets; i++)
		at[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
}

static inline void put_u8(struct writer *w, uint8_t value)
{
	put_number(w, value, 1);
}

static inline void put_u16(struct writer *w, uint16_t value)
{
	put_number(w, value, 2);
}

static inline void put_u32(struct writer *w, uint32_t value)
{
	put_number(w, value, 4);
}

static inline void put_u64(struct writer *w, uint64_t value)
{
	put_number(w, value, 8);
}

/* Overwrites two octets that were written before, for lengths known only afterwards. */
static inline void patch_u16(struct writer *w, size_t offset, uint16_t value)
{
	if (w->failed || offset > w->used || w->used - offset < 2) {
		w->failed = true;
		return;
	}
	w->base[offset] = (uint8_t)(value >> 8);
	w->base[offset + 1] = (uint8_t)value;
}

#endif
