/* SPDX-License-Identifier: MIT */
/*
 * test_proposal.h - what the proposal tests share: a crypto table that has every algorithm but those a test takes
 * away, which computes nothing, and SA payloads put together by hand.
 */
#ifndef KEYFERRY_TEST_PROPOSAL_H
#define KEYFERRY_TEST_PROPOSAL_H
#include "names.h"
#include "proposal.h"

#include <stdlib.h>

/* What crypto.c has under this name is not linked into the proposal tests. */
struct crypto {
	const char *missing;       /* a name, or "" */
};

static const struct hash_alg fake_hashes[] = {
	{ .name = "md5", .size = 16 },    { .name = "sha1", .size = 20 },   { .name = "sha256", .size = 32 },
	{ .name = "sha384", .size = 48 }, { .name = "sha512", .size = 64 },
};
static const struct mac_alg fake_macs[] = {
	{ .name = "hmac-md5", .size = 16 },    { .name = "hmac-sha1", .size = 20 },   { .name = "hmac-sha256", .size = 32 },
	{ .name = "hmac-sha384", .size = 48 }, { .name = "hmac-sha512", .size = 64 },
};

#define FAKE_CIPHERS(stem, mode, block) \
	{ stem "128-" mode, 16, block, 16, NULL, NULL, NULL, NULL }, { stem "192-" mode, 24, block, 16, NULL, NULL, NULL, NULL }, \
	{ stem "256-" mode, 32, block, 16, NULL, NULL, NULL, NULL }
static const struct cipher_alg fake_ciphers[] = {
	FAKE_CIPHERS("aes", "cbc", 16), FAKE_CIPHERS("aes", "ctr", 1), FAKE_CIPHERS("camellia", "cbc", 16),
	{ "3des-cbc", 24, 8, 8, NULL, NULL, NULL, NULL },
};

#define FAKE_AEADS(mode, nonce, tag) \
	{ "aes128-" mode, 16, nonce, tag, NULL, NULL, NULL, NULL }, { "aes192-" mode, 24, nonce, tag, NULL, NULL, NULL, NULL }, \
	{ "aes256-" mode, 32, nonce, tag, NULL, NULL, NULL, NULL }
static const struct aead_alg fake_aeads[] = {
	FAKE_AEADS("gcm8", 12, 8), FAKE_AEADS("gcm12", 12, 12), FAKE_AEADS("gcm16", 12, 16),
	FAKE_AEADS("ccm8", 11, 8), FAKE_AEADS("ccm12", 11, 12), FAKE_AEADS("ccm16", 11, 16),
};
static const struct dh_group fake_groups[] = {
	{ .name = "modp1024" },     { .name = "modp1536" },     { .name = "modp2048" }, { .name = "modp3072" },
	{ .name = "modp4096" },     { .name = "modp6144" },     { .name = "modp8192" }, { .name = "ecp256" },
	{ .name = "ecp384" },       { .name = "ecp521" },       { .name = "brainpool256" }, { .name = "brainpool384" },
	{ .name = "brainpool512" }, { .name = "curve25519" },
};

#define FAKE_FIND(rows)                                                                                      \
	for (size_t i = 0; i < COUNT(rows); i++)                                                             \
		if (strcmp(rows[i].name, name) == 0 && strcmp(crypto->missing, name) != 0)                   \
			return &rows[i];                                                                     \
	return NULL

const struct hash_alg *crypto_hash(const struct crypto *crypto, const char *name)
{
	FAKE_FIND(fake_hashes);
}

const struct mac_alg *crypto_mac(const struct crypto *crypto, const char *name)
{
	FAKE_FIND(fake_macs);
}

const struct cipher_alg *crypto_cipher(const struct crypto *crypto, const char *name)
{
	FAKE_FIND(fake_ciphers);
}

const struct aead_alg *crypto_aead(const struct crypto *crypto, const char *name)
{
	FAKE_FIND(fake_aeads);
}

const struct dh_group *crypto_group(const struct crypto *crypto, const char *name)
{
	FAKE_FIND(fake_groups);
}

static const struct crypto everything = { "" };

/* Words that are known to be right. */
static inline struct ike_transforms ike_list(const char *words)
{
	struct ike_transforms list;
	char why[WHY_MAX];

	if (ike_transforms_parse(&list, words, &everything, why))
		abort();
	return list;
}

static inline struct esp_transforms esp_list(const char *words)
{
	struct esp_transforms list;
	char why[WHY_MAX];

	if (esp_transforms_parse(&list, words, &everything, why))
		abort();
	return list;
}

/* ---- SA payloads ---- */

/* An SA payload's body that is put together by hand. */
struct body {
	uint8_t octets[65536];
	struct writer w;
	size_t proposal, transform;
};

static inline void body_begin(struct body *b, uint32_t doi, uint32_t situation)
{
	b->w = writer_over(b->octets, sizeof(b->octets));
	put_u32(&b->w, doi);
	put_u32(&b->w, situation);
}

static inline void lengths_set(struct body *b)
{
	if (b->transform)
		patch_u16(&b->w, b->transform + 2, (uint16_t)(b->w.used - b->transform));
	patch_u16(&b->w, b->proposal + 2, (uint16_t)(b->w.used - b->proposal));
}

static inline void proposal_add(struct body *b, uint8_t next, uint8_t number, uint8_t protocol, uint8_t spi_len, uint8_t count)
{
	b->proposal = b->w.used;
	b->transform = 0;
	put_u32(&b->w, (uint32_t)next << 24);
	put_u8(&b->w, number);
	put_u8(&b->w, protocol);
	put_u8(&b->w, spi_len);
	put_u8(&b->w, count);
	for (size_t i = 0; i < spi_len; i++)
		put_u8(&b->w, 0xc0);
	lengths_set(b);
}

static inline void transform_add(struct body *b, uint8_t next, uint8_t number, uint8_t id)
{
	b->transform = b->w.used;
	put_u32(&b->w, (uint32_t)next << 24);
	put_u8(&b->w, number);
	put_u8(&b->w, id);
	put_u16(&b->w, 0);
	lengths_set(b);
}

static inline void basic_add(struct body *b, uint16_t type, uint16_t value)
{
	put_u16(&b->w, 0x8000 | type);
	put_u16(&b->w, value);
	lengths_set(b);
}

static inline void variable_add(struct body *b, uint16_t type, const char *octets, size_t len)
{
	put_u16(&b->w, type);
	put_u16(&b->w, (uint16_t)len);
	put_bytes(&b->w, bytes_of(octets, len));
	lengths_set(b);
}

/* AES-128, SHA-1, PSK, MODP 1024. */
static inline void ike_attributes_add(struct body *b)
{
	basic_add(b, 1, 7);
	basic_add(b, 14, 128);
	basic_add(b, 2, 2);
	basic_add(b, 3, 1);
	basic_add(b, 4, 2);
}

static inline void esp_attributes_add(struct body *b)
{
	basic_add(b, 4, MODE_TUNNEL);
	basic_add(b, 5, 2);
	basic_add(b, 6, 128);
}

/* One transform of each phase, for a test to add to. */
static inline void ike_body(struct body *b)
{
	body_begin(b, 1, 1);
	proposal_add(b, 0, 1, PROTO_ISAKMP, 0, 1);
	transform_add(b, 0, 1, 1);
}

static inline void esp_body(struct body *b, uint8_t id)
{
	body_begin(b, 1, 1);
	proposal_add(b, 0, 1, PROTO_ESP, 4, 1);
	transform_add(b, 0, 1, id);
}

#endif
