/* SPDX-License-Identifier: MIT */
/*
 * test_esp.c - the ESP of kernel-tun with a real crypto backend: every algorithm, against packets that are put together here
 * from the backend's one-shot functions, as the RFCs say.
 */
#include <openssl/rand.h>

#include "openssl_parts.h"
#include "esp_sa.h"
#include "unit.h"

enum { SPI = 0xcafe0001, TEXT_MAX = 80 };

static const uint8_t key_octets[96] = { 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 7, 11, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59,
					61, 67, 71, 73, 79, 83, 97, 101, 103, 107, 109 };

/* In place of the daemon's. */
int crypto_random(const struct crypto *crypto, void *out, size_t len)
{
	(void)crypto;
	return RAND_bytes(out, (int)len) == 1 ? 0 : FAULT_CRYPTO;
}

static struct ipsec_sa describe(const struct esp_transform *t, bool inbound)
{
	return (struct ipsec_sa){
		.spi = SPI, .inbound = inbound, .transform = *t, .replay_window = 64,
		.encryption_key = bytes_of(key_octets, (size_t)t->key_len + t->salt_len),
		.integrity_key = bytes_of(key_octets + 32, t->mac_key_len),
	};
}

/* What RFC 4303 3.3 and the algorithm's RFC make of `text`, with the IV that the packet has. */
static size_t by_hand(const struct esp_transform *t, uint64_t number, const uint8_t *iv, const uint8_t *text, size_t len, uint8_t *out)
{
	size_t iv_len = t->aead || (t->cipher && t->cipher->block == 1) ? 8 : t->cipher ? t->cipher->iv : 0;
	size_t block = t->cipher && t->cipher->block > 4 ? t->cipher->block : 4;
	uint8_t *p = out + 8 + iv_len, nonce[16], icv[64], high[4] = { 0 }, aad[12];
	uint8_t pad = 0;

	store_u32(out, SPI);
	store_u32(out + 4, (uint32_t)number);
	store_u32(high, (uint32_t)(number >> 32));
	if (iv_len > 0)
		memcpy(out + 8, iv, iv_len);
	memcpy(p, text, len);
	for (; (len + 2) % block; len++)
		p[len] = ++pad;
	p[len++] = pad;
	p[len++] = 4;
	struct bytes key = bytes_of(key_octets, t->key_len);
	memset(nonce, 0, sizeof(nonce));
	memcpy(nonce, key_octets + t->key_len, t->salt_len);
	memcpy(nonce + t->salt_len, iv, 8);
	nonce[15] = 1;
	if (t->aead) {
		void *context = t->aead->context_new(key);
		struct bytes covered = bytes_of(out, 8);

		memcpy(aad, out, 4);
		memcpy(aad + 4, high, 4);
		memcpy(aad + 8, out + 4, 4);
		CU_ASSERT_EQUAL(t->aead->seal(context, nonce, t->esn ? bytes_of(aad, 12) : covered, p, len, p, p + len), 0);
		t->aead->context_free(context);
		return 8 + iv_len + len + t->aead->tag;
	}
	if (t->cipher)
		CU_ASSERT_EQUAL(t->cipher->run(true, key, t->cipher->block == 1 ? nonce : iv, p, len), 0);
	struct bytes covered[] = { bytes_of(out, 8 + iv_len + len), bytes_of(high, 4) };
	CU_ASSERT_EQUAL(t->mac->run(bytes_of(key_octets + 32, t->mac_key_len), covered, t->esn ? 2 : 1, icv), 0);
	memcpy(p + len, icv, t->icv_len);
	return 8 + iv_len + len + t->icv_len;
}

static void round_trip(struct esp_sa *out, struct esp_sa *in, struct iv_pool *pool, const struct esp_transform *t, size_t len)
{
	uint8_t esp[TEXT_MAX + ESP_GROWTH_MAX], wanted[sizeof(esp)], text[TEXT_MAX], *plain, next;
	size_t plain_len;

	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)(i * 3 + len);
	memcpy(esp + esp_sa_plain_offset(out), text, len);
	size_t size = esp_seal(out, pool, esp, len, 4);
	CU_ASSERT_TRUE_FATAL(size > 0 && size <= sizeof(esp));
	CU_ASSERT_EQUAL(by_hand(t, out->sequence, esp + 8, text, len, wanted), size);
	CU_ASSERT_EQUAL(memcmp(esp, wanted, size), 0);
	esp[size - 1] ^= 1;
	CU_ASSERT_EQUAL(esp_open(in, esp, size, &plain, &plain_len, &next), ESP_BAD_ICV);
	CU_ASSERT_EQUAL_FATAL(esp_open(in, wanted, size, &plain, &plain_len, &next), ESP_OK);
	CU_ASSERT_TRUE(plain_len == len && next == 4);
	CU_ASSERT_EQUAL(memcmp(plain, text, len), 0);
	CU_ASSERT_EQUAL(esp_open(in, wanted, size, &plain, &plain_len, &next), ESP_REPLAYED);
}

static void try_transform(const struct esp_transform *t)
{
	struct ipsec_sa from = describe(t, false), to = describe(t, true);
	struct iv_pool pool = { .used = IV_POOL };
	struct esp_sa *out = NULL, *in = NULL;
	const char *why = NULL;

	CU_ASSERT_EQUAL(esp_sa_new(&out, &from, &why) | esp_sa_new(&in, &to, &why), 0);
	if (!out || !in) {
		printf("%s: %s\n", t->aead ? t->aead->name : t->cipher ? t->cipher->name : "null", why);
	} else {
		/* The high half is not 0, and is in what is authenticated. */
		if (t->esn)
			out->sequence = in->replay.top = UINT64_C(0x500000003);
		for (size_t len = 0; len <= TEXT_MAX; len++)
			round_trip(out, in, &pool, t, len);
	}
	esp_sa_free(out);
	esp_sa_free(in);
}

static void aeads(void)
{
	for (const struct aead_alg *a = openssl_aeads; a->name; a++)
		for (int esn = 0; esn < 2; esn++) {
			struct esp_transform t = { .aead = a, .key_len = (uint8_t)a->key, .salt_len = (uint8_t)(a->nonce - 8),
						   .icv_len = (uint8_t)a->tag, .esn = esn };
			try_transform(&t);
		}
}

static void try_macs(const struct cipher_alg *cipher)
{
	for (const struct mac_alg *m = openssl_macs; m->name; m++)
		for (int esn = 0; esn < 2; esn++) {
			/* RFC 2403, 2404: 96 bits; RFC 4868 2.1.1: half of it. */
			struct esp_transform t = { .cipher = cipher, .mac = m, .mac_key_len = (uint8_t)m->size, .esn = esn,
						   .icv_len = (uint8_t)(m->size <= 20 ? 12 : m->size / 2) };

			t.key_len = cipher ? (uint8_t)cipher->key : 0;
			t.salt_len = cipher && cipher->block == 1 ? 4 : 0;
			try_transform(&t);
		}
}

static void ciphers(void)
{
	for (const struct cipher_alg *c = openssl_ciphers; c->name; c++)
		try_macs(c);
}

static void null_cipher(void)
{
	try_macs(NULL);
}

static const struct unit_case cases[] = {
	{ "every AEAD makes the packets of RFC 4106 and 4309 and opens them", aeads },
	{ "every cipher with every HMAC makes the packets of RFC 3602, 3686 and 4868 and opens them", ciphers },
	{ "NULL encryption with every HMAC makes the packets of RFC 2410 and opens them", null_cipher },
};

int main(void)
{
	if (openssl_start())
		return EXIT_FAILURE;
	int status = unit_run("esp", cases, COUNT(cases));
	openssl_stop();
	return status;
}
