/* SPDX-License-Identifier: MIT */
/*
 * test_crypto.c - choosing among backends and leaving out what fails. The backends here are fakes that know the one answer
 * they are asked for at load; real ones, and a real one with a wrong row, are in tests/vectors.
 */
#include "crypto.h"

#include <sys/random.h>

#include "../tests/unit.h"
#include "crypto_known.h"
#include "services.h"

/* clang-format off */
/* SHA-1 and MD5 of "abc", HMAC-SHA-1 of RFC 2202's second case, as FIPS 180-4 and the RFCs print them. */
static const uint8_t sha1_abc[20] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
				      0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
static const uint8_t md5_abc[16] = { 0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0,
				     0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72 };
static const uint8_t hmac_jefe[20] = { 0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
				       0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79 };
/* clang-format on */

static int sha1_run(const struct bytes *in, size_t count, uint8_t *out)
{
	(void)in;
	(void)count;
	memcpy(out, sha1_abc, sizeof(sha1_abc));
	return 0;
}

static int md5_run(const struct bytes *in, size_t count, uint8_t *out)
{
	(void)in;
	(void)count;
	memcpy(out, md5_abc, sizeof(md5_abc));
	return 0;
}

static int wrong_run(const struct bytes *in, size_t count, uint8_t *out)
{
	md5_run(in, count, out);
	out[15] ^= 1;
	return 0;
}

static int faulty_run(const struct bytes *in, size_t count, uint8_t *out)
{
	md5_run(in, count, out);
	return FAULT_CRYPTO;
}

static int hmac_run(struct bytes key, const struct bytes *in, size_t count, uint8_t *out)
{
	(void)key;
	(void)in;
	(void)count;
	memcpy(out, hmac_jefe, sizeof(hmac_jefe));
	return 0;
}

/* The context is the number of its runs. */
static void *hmac_new(struct bytes key)
{
	(void)key;
	return calloc(1, sizeof(int));
}

static int hmac_context_run(void *context, const struct bytes *in, size_t count, uint8_t *out)
{
	(void)context;
	return hmac_run(bytes_of(NULL, 0), in, count, out);
}

/* Right the first time only, as if the key were lost with the first packet. */
static int hmac_once(void *context, const struct bytes *in, size_t count, uint8_t *out)
{
	int fault = hmac_context_run(context, in, count, out);

	if ((*(int *)context)++ > 0)
		out[0] ^= 1;
	return fault;
}

/* aes128-gcm8 on the known answer; the context remembers the plain text. */
struct fake_aead {
	uint8_t plain[80];
	size_t len;
};

/* clang-format off */
static const uint8_t gcm_sealed[60] = {
	0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c, 0xe3, 0xaa, 0x21, 0x2f,
	0x2c, 0x02, 0xa4, 0xe0, 0x35, 0xc1, 0x7e, 0x23, 0x29, 0xac, 0xa1, 0x2e, 0x21, 0xd5, 0x14, 0xb2, 0x54, 0x66, 0x93, 0x1c,
	0x7d, 0x8f, 0x6a, 0x5a, 0xac, 0x84, 0xaa, 0x05, 0x1b, 0xa3, 0x0b, 0x39, 0x6a, 0x0a, 0xac, 0x97, 0x3d, 0x58, 0xe0, 0x91,
};
static const uint8_t gcm_tag[8] = { 0x5b, 0xc9, 0x4f, 0xbc, 0x32, 0x21, 0xa5, 0xdb };
/* clang-format on */

static void *gcm_new(struct bytes key)
{
	(void)key;
	return calloc(1, sizeof(struct fake_aead));
}

static int gcm_seal(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		    size_t len, uint8_t *out, uint8_t *tag)
{
	struct fake_aead *fake = context;

	(void)nonce;
	(void)aad;
	memcpy(fake->plain, in, len);
	fake->len = len;
	memcpy(out, gcm_sealed, len);
	memcpy(tag, gcm_tag, sizeof(gcm_tag));
	return 0;
}

static int gcm_open(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		    size_t len, uint8_t *out, const uint8_t *tag)
{
	const struct fake_aead *fake = context;

	(void)nonce;
	(void)aad;
	(void)in;
	memcpy(out, fake->plain, len);
	return memcmp(tag, gcm_tag, sizeof(gcm_tag)) == 0 ? 0 : FAULT_CRYPTO;
}

static int gcm_open_all(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
			size_t len, uint8_t *out, const uint8_t *tag)
{
	(void)gcm_open(context, nonce, aad, in, len, out, tag);
	return 0;
}

/* clang-format off */
/* curve25519's known answer (RFC 7748 6.1) whatever it is asked. */
static const uint8_t x25519_shared[32] = { 0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b,
					   0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1,
					   0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42 };
/* clang-format on */

static int group_generate(struct secret *private_out, uint8_t *public_out)
{
	memset(public_out, 9, 32);
	return secret_new(private_out, 32);
}

static int group_shared_all(const struct secret *private_value, struct bytes peer, struct secret *out)
{
	(void)private_value;
	(void)peer;
	return secret_copy(out, bytes_of(x25519_shared, sizeof(x25519_shared)));
}

static int group_shared(const struct secret *private_value, struct bytes peer, struct secret *out)
{
	return peer.len != 32 || peer.at[0] == 0 ? FAULT_CRYPTO
						 : group_shared_all(private_value, peer, out);
}

/* Another result for a fresh private value, which is all zero. */
static int group_shared_torn(const struct secret *private_value, struct bytes peer, struct secret *out)
{
	int fault = group_shared(private_value, peer, out);

	if (!fault && private_value->at[0] == 0)
		out->at[0] ^= 1;
	return fault;
}

static int random_fill(uint8_t *out, size_t len)
{
	return getrandom(out, len, 0) == (ssize_t)len ? 0 : FAULT_SYSTEM;
}

static int random_zero(uint8_t *out, size_t len)
{
	memset(out, 0, len);
	return 0;
}

/* clang-format off */
#define MD5(function) { .name = "md5", .size = 16, .run = function }
#define SHA1          { .name = "sha1", .size = 20, .run = sha1_run }
#define MAC(function)                                                                                \
	{                                                                                            \
		.name = "hmac-sha1", .size = 20, .run = hmac_run, .context_new = hmac_new,           \
		.context_free = free, .context_run = function                                        \
	}
#define GCM(tag_len, function)                                                                       \
	{                                                                                            \
		.name = "aes128-gcm8", .key = 16, .nonce = 12, .tag = tag_len, .context_new = gcm_new, \
		.context_free = free, .seal = gcm_seal, .open = function                             \
	}
#define GROUP(function)                                                                              \
	{                                                                                            \
		.name = "curve25519", .public_len = 32, .shared_len = 32, .generate = group_generate, \
		.shared = function                                                                   \
	}

static const struct hash_alg good_hashes[] = { MD5(md5_run), SHA1, { .name = NULL } };
static const struct hash_alg bad_hashes[] = { MD5(wrong_run), SHA1, { .name = NULL } };
static const struct mac_alg good_macs[] = { MAC(hmac_context_run), { .name = NULL } };
static const struct aead_alg good_aeads[] = { GCM(8, gcm_open), { .name = NULL } };
static const struct dh_group good_groups[] = { GROUP(group_shared), { .name = NULL } };

static const struct crypto_backend good = {
	.name = "good", .hashes = good_hashes, .macs = good_macs, .aeads = good_aeads, .groups = good_groups, .random = random_fill,
};
static const struct crypto_backend bad = {
	.name = "bad", .hashes = bad_hashes, .macs = good_macs, .random = random_fill,
};
static const struct crypto_backend silent = { .name = "silent", .hashes = good_hashes };
static const struct crypto_backend empty = { .name = "empty", .random = random_fill };
/* clang-format on */

/* What was logged: how many lines, and the last. */
struct heard {
	unsigned errors;
	char line[LOG_LINE_MAX];
};

static void hear(void *arg, enum log_level level, const char *line)
{
	struct heard *heard = arg;

	heard->errors += level == LEVEL_ERROR;
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static int crypto_with(struct crypto **out, const struct crypto_backend *const *backends,
		       const char *const *order, struct heard *heard)
{
	struct log *log = log_new(&(struct log_options){
		.level = LEVEL_ERROR, .fd = -1, .sink = hear, .sink_arg = heard });
	struct services *services = services_new();

	CU_ASSERT_FATAL(log && services);
	*heard = (struct heard){ .errors = 0 };
	for (size_t i = 0; backends[i]; i++) {
		struct provider provider = { .ops = backends[i],
					     .key = backends[i]->name,
					     .plugin = backends[i]->name };
		CU_ASSERT_EQUAL_FATAL(services_add(services, SERVICE_CRYPTO, &provider, i), 0);
	}
	int fault = crypto_new(out, services, order, log_root(log));
	services_free(services);
	log_free(log);
	return fault;
}

static void serves_what_passes(void)
{
	const struct crypto_backend *backends[] = { &good, NULL };
	struct crypto *crypto;
	struct heard heard;
	uint8_t out[8] = { 0 };

	CU_ASSERT_EQUAL_FATAL(crypto_with(&crypto, backends, NULL, &heard), 0);
	CU_ASSERT_EQUAL(heard.errors, 0);
	CU_ASSERT_PTR_EQUAL(crypto_hash(crypto, "md5"), &good_hashes[0]);
	CU_ASSERT_PTR_EQUAL(crypto_hash(crypto, "sha1"), &good_hashes[1]);
	CU_ASSERT_PTR_EQUAL(crypto_mac(crypto, "hmac-sha1"), &good_macs[0]);
	CU_ASSERT_PTR_EQUAL(crypto_aead(crypto, "aes128-gcm8"), &good_aeads[0]);
	CU_ASSERT_PTR_EQUAL(crypto_group(crypto, "curve25519"), &good_groups[0]);
	CU_ASSERT_PTR_NULL(crypto_hash(crypto, "sha256"));
	CU_ASSERT_PTR_NULL(crypto_hash(crypto, "hmac-sha1"));
	CU_ASSERT_PTR_NULL(crypto_cipher(crypto, "aes128-cbc"));
	CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, &good_hashes[1]), "good");
	CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, &bad_hashes[1]), "none");
	CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, NULL), "none");
	CU_ASSERT_EQUAL(crypto_random(crypto, out, sizeof(out)), 0);
	crypto_free(crypto);
}

static void leaves_out_what_fails(void)
{
	const struct crypto_backend *backends[] = { &bad, NULL };
	struct crypto *crypto;
	struct heard heard;

	CU_ASSERT_EQUAL_FATAL(crypto_with(&crypto, backends, NULL, &heard), 0);
	CU_ASSERT_EQUAL(heard.errors, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard.line, "crypto-self-test"));
	CU_ASSERT_PTR_NOT_NULL(strstr(heard.line, "md5 of crypto backend bad gives a wrong answer"));
	CU_ASSERT_PTR_NULL(crypto_hash(crypto, "md5"));
	CU_ASSERT_PTR_EQUAL(crypto_hash(crypto, "sha1"), &bad_hashes[1]);
	CU_ASSERT_PTR_EQUAL(crypto_mac(crypto, "hmac-sha1"), &good_macs[0]);
	crypto_free(crypto);
}

static void takes_the_next_backend(void)
{
	const struct crypto_backend *backends[] = { &bad, &good, NULL };
	const char *const order[] = { "good", "bad", NULL };
	const char *const only[] = { "bad", NULL };
	struct crypto *crypto;
	struct heard heard;

	CU_ASSERT_EQUAL_FATAL(crypto_with(&crypto, backends, NULL, &heard), 0);
	CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, crypto_hash(crypto, "md5")), "good");
	CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, crypto_hash(crypto, "sha1")), "bad");
	crypto_free(crypto);
	CU_ASSERT_EQUAL_FATAL(crypto_with(&crypto, backends, order, &heard), 0);
	CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, crypto_hash(crypto, "sha1")), "good");
	CU_ASSERT_EQUAL(heard.errors, 1);
	crypto_free(crypto);
	CU_ASSERT_EQUAL_FATAL(crypto_with(&crypto, backends, only, &heard), 0);
	CU_ASSERT_PTR_NULL(crypto_hash(crypto, "md5"));
	CU_ASSERT_PTR_NULL(crypto_group(crypto, "curve25519"));
	crypto_free(crypto);
}

static void refuses_what_is_missing(void)
{
	const struct crypto_backend *none[] = { NULL }, *one[] = { &good, NULL },
				    *mute[] = { &silent, NULL }, *bare[] = { &empty, NULL };
	const char *const order[] = { "good", "absent", NULL };
	struct crypto *crypto;
	struct heard heard;

	CU_ASSERT_EQUAL(crypto_with(&crypto, none, NULL, &heard), FAULT_UNSUPPORTED);
	CU_ASSERT_PTR_NULL(crypto);
	CU_ASSERT_EQUAL(heard.errors, 1);
	CU_ASSERT_EQUAL(crypto_with(&crypto, one, order, &heard), FAULT_UNSUPPORTED);
	CU_ASSERT_PTR_NULL(crypto);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard.line, "absent"));
	CU_ASSERT_EQUAL(crypto_with(&crypto, mute, NULL, &heard), FAULT_UNSUPPORTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard.line, "random"));
	CU_ASSERT_EQUAL(crypto_with(&crypto, bare, NULL, &heard), FAULT_UNSUPPORTED);
	crypto_free(NULL);
}

static void random_may_come_from_another(void)
{
	const struct crypto_backend zero = { .name = "zero",
					     .hashes = good_hashes,
					     .random = random_zero };
	const struct crypto_backend *backends[] = { &zero, &silent, &good, NULL };
	struct crypto *crypto;
	struct heard heard;
	uint8_t out[32] = { 0 }, none[32] = { 0 };

	CU_ASSERT_EQUAL_FATAL(crypto_with(&crypto, backends, NULL, &heard), 0);
	CU_ASSERT_EQUAL(heard.errors, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard.line, "random of crypto backend zero"));
	CU_ASSERT_EQUAL(crypto_random(crypto, out, sizeof(out)), 0);
	CU_ASSERT(memcmp(out, none, sizeof(none)) != 0);
	crypto_free(crypto);
}

static int verify_all(struct bytes spki, struct bytes octets, struct bytes signature)
{
	(void)spki;
	(void)octets;
	(void)signature;
	return 0;
}

static void *key_none(struct bytes pkcs8)
{
	(void)pkcs8;
	return NULL;
}

static int sign_nothing(void *key, struct bytes octets, uint8_t *out, size_t *len)
{
	(void)key;
	(void)octets;
	(void)out;
	(void)len;
	return 0;
}

static bool says(const char *why, const char *wanted)
{
	return why && strstr(why, wanted);
}

static void tells_why(void)
{
	const struct hash_alg unknown = { .name = "md4", .size = 16, .run = md5_run };
	const struct hash_alg faulty = MD5(faulty_run), missing = MD5(NULL),
			      large = { .name = "md5", .size = 17, .run = md5_run };
	const struct mac_alg forgetful = MAC(hmac_once),
			     half = { .name = "hmac-sha1", .size = 20, .run = hmac_run };
	const struct aead_alg trusting = GCM(8, gcm_open_all), long_tag = GCM(16, gcm_open);
	const struct dh_group open_door = GROUP(group_shared_all), torn = GROUP(group_shared_torn);
	const struct cipher_alg hollow = { .name = "aes128-cbc", .key = 16, .block = 16, .iv = 16 };

	CU_ASSERT(says(known_hash(&unknown), "no known answer"));
	CU_ASSERT(says(known_hash(&faulty), "wrong answer"));
	CU_ASSERT(says(known_hash(&missing), "lacks a function"));
	CU_ASSERT(says(known_hash(&large), "wrong sizes"));
	CU_ASSERT(says(known_mac(&forgetful), "kept key"));
	CU_ASSERT(says(known_mac(&half), "lacks a function"));
	CU_ASSERT(says(known_aead(&trusting), "accepts a wrong tag"));
	CU_ASSERT(says(known_aead(&long_tag), "wrong sizes"));
	CU_ASSERT(says(known_cipher(&hollow), "lacks a function"));
	CU_ASSERT(says(known_group(&open_door), "bad public value"));
	CU_ASSERT(says(known_group(&torn), "does not agree"));
	CU_ASSERT(says(known_random(random_zero), "no random"));
	struct signature_alg signature = { .name = "rsa", .key_new = key_none, .key_free = free, .verify = verify_all };
	CU_ASSERT(says(known_signature(&signature), "lacks a function"));
	signature.sign = sign_nothing;
	CU_ASSERT(says(known_signature(&signature), "accepts a wrong signature"));
	signature.name = "dsa";
	CU_ASSERT(says(known_signature(&signature), "no known answer"));
}

static const struct unit_case cases[] = {
	{ "an algorithm that gives its known answers is served", serves_what_passes },
	{ "a row that gives a wrong answer is left out with one line, and the others stay",
	  leaves_out_what_fails },
	{ "the first backend in order that has an algorithm and passes serves it",
	  takes_the_next_backend },
	{ "without a backend, an ordered one or random numbers there is no crypto",
	  refuses_what_is_missing },
	{ "random numbers come from the first backend whose are not constant",
	  random_may_come_from_another },
	{ "a row is refused for a missing function, a wrong size, a lost key, a wrong tag or a bad public value",
	  tells_why },
};

UNIT_MAIN("crypto", cases)
