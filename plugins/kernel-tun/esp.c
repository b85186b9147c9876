/* SPDX-License-Identifier: MIT */
/* esp.c - ESP over one buffer (RFC 4303): pads, numbers, encrypts and authenticates a packet, and the reverse. */
#include <stdlib.h>

#include "esp_sa.h"
#include "secret.h"

/* NULL: the random source failed, nothing may be sent. */
static const uint8_t *pool_take(struct iv_pool *pool, size_t len)
{
	if (pool->used + len > sizeof(pool->octets)) {
		if (crypto_random(pool->crypto, pool->octets, sizeof(pool->octets)))
			return NULL;
		pool->used = 0;
	}
	const uint8_t *at = pool->octets + pool->used;
	pool->used += len;
	return at;
}

/* RFC 4106 5, RFC 4309 4: with extended numbers the whole 64 bits are authenticated. */
static struct bytes additional_data(const struct esp_sa *sa, const uint8_t *esp, uint64_t number, uint8_t out[12])
{
	if (!sa->esn)
		return bytes_of(esp, ESP_HEADER);
	store_u32(out, sa->spi);
	store_u64(out + 4, number);
	return bytes_of(out, 12);
}

/* RFC 3686 4: salt, IV and a block counter that starts with 1. */
static void counter_block(const struct esp_sa *sa, const uint8_t *iv, uint8_t out[16])
{
	memcpy(out, sa->salt, 4);
	memcpy(out + 4, iv, 8);
	store_u32(out + 12, 1);
}

/* RFC 4303 2.2.1: the high half is authenticated as if it stood behind the packet. */
static int mac_run(struct esp_sa *sa, const uint8_t *esp, size_t len, uint64_t number, uint8_t out[ESP_ICV_MAX])
{
	uint8_t high[4];
	struct bytes pieces[] = { bytes_of(esp, len), bytes_of(high, sizeof(high)) };

	store_u32(high, (uint32_t)(number >> 32));
	return sa->mac->context_run(sa->mac_context, pieces, sa->esn ? 2 : 1, out);
}

static int seal_aead(struct esp_sa *sa, uint8_t *esp, size_t len)
{
	uint8_t nonce[AEAD_NONCE_MAX], aad[12];
	uint8_t *plain = esp + esp_sa_plain_offset(sa);

	/* RFC 4106 3.1: the IV must never repeat under a key; the number never does. */
	store_u64(esp + ESP_HEADER, sa->sequence);
	memcpy(nonce, sa->salt, sa->salt_len);
	memcpy(nonce + sa->salt_len, esp + ESP_HEADER, 8);
	return sa->aead->seal(sa->aead_context, nonce, additional_data(sa, esp, sa->sequence, aad), plain, len, plain, plain + len);
}

static int seal_cipher(struct esp_sa *sa, struct iv_pool *pool, uint8_t *esp, size_t len)
{
	uint8_t block[16], icv[ESP_ICV_MAX];
	uint8_t *plain = esp + esp_sa_plain_offset(sa);
	const uint8_t *iv = esp + ESP_HEADER;

	if (sa->cipher && sa->cipher->block == 1) {
		store_u64(esp + ESP_HEADER, sa->sequence);
		counter_block(sa, iv, block);
		iv = block;
	} else if (sa->iv_len > 0) {
		const uint8_t *random = pool_take(pool, sa->iv_len);

		if (!random)
			return FAULT_CRYPTO;
		memcpy(esp + ESP_HEADER, random, sa->iv_len);
	}
	if (sa->cipher && sa->cipher->context_run(sa->cipher_context, true, iv, plain, len))
		return FAULT_CRYPTO;
	if (mac_run(sa, esp, esp_sa_plain_offset(sa) + len, sa->sequence, icv))
		return FAULT_CRYPTO;
	memcpy(plain + len, icv, sa->icv_len);
	return 0;
}

size_t esp_seal(struct esp_sa *sa, struct iv_pool *pool, uint8_t *esp, size_t len, uint8_t next_header)
{
	uint8_t *end = esp + esp_sa_plain_offset(sa) + len;
	size_t pad = (size_t)(sa->block - (len + ESP_TRAILER) % sa->block) % sa->block;

	/* RFC 4303 3.3.3: the counter must not cycle. */
	if (sa->spent || sa->sequence >= sa->end.sequence)
		return 0;
	sa->sequence++;
	store_u32(esp, sa->spi);
	store_u32(esp + 4, (uint32_t)sa->sequence);
	for (size_t i = 0; i < pad; i++)
		*end++ = (uint8_t)(i + 1);
	*end++ = (uint8_t)pad;
	*end = next_header;
	len += pad + ESP_TRAILER;
	if (sa->aead ? seal_aead(sa, esp, len) : seal_cipher(sa, pool, esp, len))
		return 0;
	return esp_sa_plain_offset(sa) + len + sa->icv_len;
}

static enum esp_result open_aead(struct esp_sa *sa, uint8_t *esp, size_t len, uint64_t number)
{
	uint8_t nonce[AEAD_NONCE_MAX], aad[12];
	uint8_t *text = esp + esp_sa_plain_offset(sa);

	memcpy(nonce, sa->salt, sa->salt_len);
	memcpy(nonce + sa->salt_len, esp + ESP_HEADER, 8);
	return sa->aead->open(sa->aead_context, nonce, additional_data(sa, esp, number, aad), text, len, text, text + len)
		? ESP_BAD_ICV : ESP_OK;
}

static enum esp_result open_cipher(struct esp_sa *sa, uint8_t *esp, size_t len, uint64_t number)
{
	uint8_t block[16], icv[ESP_ICV_MAX];
	uint8_t *text = esp + esp_sa_plain_offset(sa);
	const uint8_t *iv = esp + ESP_HEADER;

	if (mac_run(sa, esp, esp_sa_plain_offset(sa) + len, number, icv) ||
	    !secret_equal(bytes_of(icv, sa->icv_len), bytes_of(text + len, sa->icv_len)))
		return ESP_BAD_ICV;
	if (!sa->cipher)
		return ESP_OK;
	if (sa->cipher->block == 1) {
		counter_block(sa, iv, block);
		iv = block;
	}
	return sa->cipher->context_run(sa->cipher_context, false, iv, text, len) ? ESP_BAD_ICV : ESP_OK;
}

/* RFC 4303 2.4: the pad counts 1, 2, 3, ...; one that does not is inspected and refused. */
static bool trim_padding(const uint8_t *plain, size_t *len)
{
	size_t pad = plain[*len - 2];

	if (pad + ESP_TRAILER > *len)
		return false;
	const uint8_t *at = plain + *len - ESP_TRAILER - pad;
	for (size_t i = 0; i < pad; i++)
		if (at[i] != i + 1)
			return false;
	*len -= pad + ESP_TRAILER;
	return true;
}

enum esp_result esp_open(struct esp_sa *sa, uint8_t *esp, size_t len, uint8_t **plain, size_t *plain_len, uint8_t *next_header)
{
	size_t around = esp_sa_plain_offset(sa) + sa->icv_len;

	if (len < around + ESP_TRAILER || (len - around) % sa->block != 0)
		return ESP_MALFORMED;
	size_t text = len - around;
	uint32_t low = load_u32(esp + 4);
	uint64_t number = sa->esn ? replay_extend(&sa->replay, low) : low;
	if (!replay_may_accept(&sa->replay, number))
		return ESP_REPLAYED;
	enum esp_result result = sa->aead ? open_aead(sa, esp, text, number) : open_cipher(sa, esp, text, number);
	if (result != ESP_OK)
		return result;
	replay_accept(&sa->replay, number);
	*plain = esp + esp_sa_plain_offset(sa);
	*next_header = (*plain)[text - 1];
	*plain_len = text;
	return trim_padding(*plain, plain_len) ? ESP_OK : ESP_MALFORMED;
}
