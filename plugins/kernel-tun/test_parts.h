/* SPDX-License-Identifier: MIT */
/* test_parts.h - for the tests of this folder: packets made by hand, and algorithms that are quick and quite insecure. */
#ifndef KEYFERRY_TUN_TEST_PARTS_H
#define KEYFERRY_TUN_TEST_PARTS_H
#include <stdlib.h>

#include "esp_sa.h"

/* An independent checksum: octet pairs, one by one. */
static inline uint16_t plain_sum(uint32_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

struct test_packet {
	bool ipv6;
	uint8_t protocol;              /* IPPROTO_TCP, IPPROTO_UDP                        */
	uint8_t flags, tos;
	uint16_t id, fragment;         /* IPv4; fragment: DF by default in make_packet()  */
	uint16_t source_port, destination_port;
	uint32_t sequence;
	size_t options;                /* octets of TCP options, a multiple of 4: NOPs    */
	size_t offset, len;            /* payload: octets offset..offset+len of a pattern */
};

static inline uint8_t test_pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* 10.1.0.1 -> 10.2.0.1, or fd01::1 -> fd02::1; returns the length. */
static inline size_t make_packet(uint8_t *out, const struct test_packet *p)
{
	size_t ip = p->ipv6 ? 40 : 20, upper = p->protocol == IPPROTO_TCP ? 20 + p->options : 8;
	size_t len = ip + upper + p->len, l4 = upper + p->len;
	uint8_t *u = out + ip;

	memset(out, 0, ip + upper);
	if (p->ipv6) {
		store_u32(out, 0x60000000 | (uint32_t)p->tos << 20);
		store_u16(out + 4, (uint16_t)l4);
		out[6] = p->protocol;
		out[7] = 64;
		out[8] = out[24] = 0xfd;
		out[9] = 1;
		out[25] = 2;
		out[23] = out[39] = 1;
	} else {
		out[0] = 0x45;
		out[1] = p->tos;
		store_u16(out + 2, (uint16_t)len);
		store_u16(out + 4, p->id);
		store_u16(out + 6, p->fragment);
		out[8] = 64;
		out[9] = p->protocol;
		memcpy(out + 12, (uint8_t[]){ 10, 1, 0, 1, 10, 2, 0, 1 }, 8);
		store_u16(out + 10, plain_sum(0, out, 20));
	}
	store_u16(u, p->source_port);
	store_u16(u + 2, p->destination_port);
	if (p->protocol == IPPROTO_TCP) {
		store_u32(u + 4, p->sequence);
		store_u32(u + 8, 0x01020304);
		u[12] = (uint8_t)(upper / 4 << 4);
		u[13] = p->flags;
		store_u16(u + 14, 500);
		memset(u + 20, 1, p->options);
	} else {
		store_u16(u + 4, (uint16_t)l4);
	}
	for (size_t i = 0; i < p->len; i++)
		u[upper + i] = test_pattern(p->offset + i);
	uint32_t pseudo = p->protocol + (uint32_t)l4;
	for (size_t i = p->ipv6 ? 8 : 12; i < ip; i += 2)
		pseudo += load_u16(out + i);
	size_t at = p->protocol == IPPROTO_TCP ? 16 : 6;
	uint16_t sum = plain_sum(pseudo, u, l4);
	store_u16(u + at, sum == 0 && p->protocol == IPPROTO_UDP ? 0xffff : sum);
	return len;
}

/* Each context is its key; the "cipher" adds it, nonce and place to every octet. */
struct test_key {
	size_t len;
	uint8_t at[64];
};

static inline void *test_context_new(struct bytes key)
{
	struct test_key *k = calloc(1, sizeof(*k));

	k->len = key.len;
	memcpy(k->at, key.at, key.len);
	return k;
}

static inline void test_context_free(void *context)
{
	free(context);
}

static inline uint64_t test_digest(const struct test_key *k, uint64_t seed, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		seed = (seed ^ b.at[i] ^ k->at[i % k->len]) * 1099511628211u + 1;
	return seed;
}

static inline void test_crypt(const struct test_key *k, bool encrypt, const uint8_t *iv, size_t iv_len, uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t by = (uint8_t)(k->at[i % k->len] + iv[i % iv_len] + i);

		data[i] = (uint8_t)(encrypt ? data[i] + by : data[i] - by);
	}
}

static inline void test_tag(const struct test_key *k, const uint8_t *nonce, struct bytes aad, struct bytes text, uint8_t out[16])
{
	uint64_t d = test_digest(k, test_digest(k, test_digest(k, 7, bytes_of(nonce, 12)), aad), text);

	store_u64(out, d);
	store_u64(out + 8, ~d);
}

static inline int test_seal(void *c, const uint8_t *nonce, struct bytes aad, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
	memmove(out, in, len);
	test_crypt(c, true, nonce, 12, out, len);
	test_tag(c, nonce, aad, bytes_of(out, len), tag);
	return 0;
}

static inline int test_open(void *c, const uint8_t *nonce, struct bytes aad, const uint8_t *in, size_t len, uint8_t *out, const uint8_t *tag)
{
	uint8_t wanted[16];

	test_tag(c, nonce, aad, bytes_of(in, len), wanted);
	if (memcmp(wanted, tag, 16) != 0)
		return FAULT_CRYPTO;
	memmove(out, in, len);
	test_crypt(c, false, nonce, 12, out, len);
	return 0;
}

static inline int test_cbc(void *c, bool encrypt, const uint8_t *iv, uint8_t *data, size_t len)
{
	test_crypt(c, encrypt, iv, 16, data, len);
	return len % 16 ? FAULT_CRYPTO : 0;
}

static inline int test_ctr(void *c, bool encrypt, const uint8_t *iv, uint8_t *data, size_t len)
{
	test_crypt(c, encrypt, iv, 16, data, len);
	return 0;
}

static inline int test_mac(void *c, const struct bytes *in, size_t count, uint8_t *out)
{
	uint64_t d = 3;

	for (size_t i = 0; i < count; i++)
		d = test_digest(c, d, in[i]);
	for (size_t i = 0; i < 4; i++)
		store_u64(out + 8 * i, d * (i + 1));
	return 0;
}

static const struct aead_alg test_aead = {
	.name = "test-aead", .key = 16, .nonce = 12, .tag = 16, .context_new = test_context_new, .context_free = test_context_free,
	.seal = test_seal, .open = test_open,
};
static const struct cipher_alg test_cbc_cipher = {
	.name = "test-cbc", .key = 16, .block = 16, .iv = 16, .context_new = test_context_new, .context_free = test_context_free,
	.context_run = test_cbc,
};
static const struct cipher_alg test_ctr_cipher = {
	.name = "test-ctr", .key = 16, .block = 1, .iv = 16, .context_new = test_context_new, .context_free = test_context_free,
	.context_run = test_ctr,
};
static const struct mac_alg test_mac_alg = {
	.name = "test-mac", .size = 32, .context_new = test_context_new, .context_free = test_context_free, .context_run = test_mac,
};

/* In place of the daemon's. */
int crypto_random(const struct crypto *crypto, void *out, size_t len)
{
	static uint8_t next;

	(void)crypto;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = next += 29;
	return 0;
}

enum test_suite { SUITE_AEAD, SUITE_CBC, SUITE_CTR, SUITE_NULL, SUITES };

/* An SA of 192.0.2.1 and 192.0.2.2 as one side adds it. */
static inline struct ipsec_sa make_sa(enum test_suite suite, bool inbound, uint32_t spi)
{
	static const uint8_t keys[64] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };
	struct ipsec_sa sa = { .spi = spi, .inbound = inbound, .udp_encap = true, .replay_window = 64, .child = 1 };
	struct esp_transform *t = &sa.transform;

	(void)!address_parse(&sa.local, inbound ? "192.0.2.2" : "192.0.2.1");
	(void)!address_parse(&sa.remote, inbound ? "192.0.2.1" : "192.0.2.2");
	sa.local.port = sa.remote.port = 4500;
	(void)!selector_parse(&sa.local_ts, inbound ? "10.2.0.0/16" : "10.1.0.0/16");
	(void)!selector_parse(&sa.remote_ts, inbound ? "10.1.0.0/16" : "10.2.0.0/16");
	*t = (struct esp_transform){ .key_len = 16 };
	if (suite == SUITE_AEAD) {
		t->aead = &test_aead;
		t->salt_len = 4;
		t->icv_len = 16;
	} else {
		t->cipher = suite == SUITE_CBC ? &test_cbc_cipher : suite == SUITE_CTR ? &test_ctr_cipher : NULL;
		t->key_len = suite == SUITE_NULL ? 0 : 16;
		t->salt_len = suite == SUITE_CTR ? 4 : 0;
		t->mac = &test_mac_alg;
		t->mac_key_len = 32;
		t->icv_len = 12;
	}
	sa.encryption_key = bytes_of(keys, t->key_len + (size_t)t->salt_len);
	sa.integrity_key = bytes_of(keys, t->mac_key_len);
	return sa;
}

#endif
