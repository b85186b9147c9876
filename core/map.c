/* SPDX-License-Identifier: MIT */
/* map.c - SipHash-2-4 (Aumasson and Bernstein, 2012) and the random key under which maps use it. */
#include "map.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline uint64_t load(const uint8_t *at)
{
	uint64_t x;

	memcpy(&x, at, sizeof(x));
	return le64toh(x);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

uint64_t siphash(const uint8_t key[16], struct bytes data)
{
	uint64_t k0 = load(key), k1 = load(key + 8);
	struct sip s = {
		.v0 = k0 ^ 0x736f6d6570736575u,
		.v1 = k1 ^ 0x646f72616e646f6du,
		.v2 = k0 ^ 0x6c7967656e657261u,
		.v3 = k1 ^ 0x7465646279746573u,
	};
	size_t whole = data.len & ~(size_t)7;
	uint64_t rest = (uint64_t)data.len << 56;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, load(data.at + i));
	for (size_t i = whole; i < data.len; i++)
		rest |= (uint64_t)data.at[i] << (8 * (i - whole));
	sip_word(&s, rest);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* Written once, before any hash is made; the same in all maps, as an element's hash may be reused. */
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static uint8_t key[16];

static void key_draw(void)
{
	ssize_t got;

	do {
		got = getrandom(key, sizeof(key), 0);
	} while (got < 0 && errno == EINTR);
	/* A predictable key would hand every map to whoever sends cookies; this happens at start or never. */
	if (got != (ssize_t)sizeof(key))
		abort();
}

uint64_t map_hash(const void *at, size_t len)
{
	pthread_once(&key_once, key_draw);
	return siphash(key, bytes_of(at, len));
}
