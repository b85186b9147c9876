/* SPDX-License-Identifier: MIT */
/*
 * proposal_table.c - the algorithms that IKEv1 can name, one row each: those we speak and those we refuse, with
 * the reason. Phase 1 numbers: RFC 2409 appendix A and its IANA registry; ESP: RFC 2407 4.4.4 and 4.5.
 */
#include "proposal_table.h"

#define WEAK_KEY "its 56-bit key can be searched"
#define OLD_CIPHER "no backend has it: peers that know it know 3des too"
#define NO_NUMBER "IKEv1 has no number for it"
#define ESP_ONLY "it is for ESP alone, phase 1 of IKEv1 has CBC ciphers with a hash"
#define WEAK_GROUP "its discrete logarithms can be computed"
#define TRAPDOOR "nobody can show how its prime was chosen (RFC 8247 2.4)"
#define NO_BACKEND "no backend has it"

/* clang-format off */
static const struct proposal_row ike_ciphers[] = {
	{ .word = "aes128",      .number = 7, .key_bits = 128, .alg = "aes128-cbc" },         /* RFC 3602 */
	{ .word = "aes192",      .number = 7, .key_bits = 192, .alg = "aes192-cbc" },
	{ .word = "aes256",      .number = 7, .key_bits = 256, .alg = "aes256-cbc" },
	{ .word = "camellia128", .number = 8, .key_bits = 128, .alg = "camellia128-cbc" },    /* RFC 4312 */
	{ .word = "camellia192", .number = 8, .key_bits = 192, .alg = "camellia192-cbc" },
	{ .word = "camellia256", .number = 8, .key_bits = 256, .alg = "camellia256-cbc" },
	{ .word = "3des",        .number = 5, .alg = "3des-cbc" },
	{ .word = "des",         .number = 1, .refused = WEAK_KEY },
	{ .word = "idea",        .number = 2, .refused = OLD_CIPHER },
	{ .word = "blowfish",    .number = 3, .refused = OLD_CIPHER },
	{ .word = "rc5",         .number = 4, .refused = OLD_CIPHER },
	{ .word = "cast",        .number = 6, .refused = OLD_CIPHER },
	{ .word = "null",        .refused = "phase 1 must be encrypted" },
	{ .word = "aes128gcm16", .refused = ESP_ONLY },
	{ .word = "aes192gcm16", .refused = ESP_ONLY },
	{ .word = "aes256gcm16", .refused = ESP_ONLY },
	{ .word = "aes128gcm12", .refused = ESP_ONLY },
	{ .word = "aes192gcm12", .refused = ESP_ONLY },
	{ .word = "aes256gcm12", .refused = ESP_ONLY },
	{ .word = "aes128gcm8",  .refused = ESP_ONLY },
	{ .word = "aes192gcm8",  .refused = ESP_ONLY },
	{ .word = "aes256gcm8",  .refused = ESP_ONLY },
	{ .word = "aes128ccm16", .refused = ESP_ONLY },
	{ .word = "aes192ccm16", .refused = ESP_ONLY },
	{ .word = "aes256ccm16", .refused = ESP_ONLY },
	{ .word = "aes128ctr",   .refused = ESP_ONLY },
	{ .word = "aes192ctr",   .refused = ESP_ONLY },
	{ .word = "aes256ctr",   .refused = ESP_ONLY },
	{ .word = "chacha20poly1305", .refused = NO_NUMBER },
};

static const struct proposal_row ike_hashes[] = {
	{ .word = "md5",    .number = 1, .alg = "md5" },
	{ .word = "sha1",   .number = 2, .alg = "sha1" },
	{ .word = "sha256", .number = 4, .alg = "sha256" },
	{ .word = "sha384", .number = 5, .alg = "sha384" },
	{ .word = "sha512", .number = 6, .alg = "sha512" },
	{ .word = "tiger",  .number = 3, .refused = NO_BACKEND },
	{ .word = "sha256_96", .refused = "only ESP has a truncated hash" },
};

/* IKEv1 negotiates no PRF: it is the HMAC of the hash (RFC 2409 4). The words exist for those who bring IKEv2's. */
static const struct proposal_row ike_prfs[] = {
	{ .word = "prfmd5",    .number = 1, .alg = "hmac-md5" },
	{ .word = "prfsha1",   .number = 2, .alg = "hmac-sha1" },
	{ .word = "prfsha256", .number = 4, .alg = "hmac-sha256" },
	{ .word = "prfsha384", .number = 5, .alg = "hmac-sha384" },
	{ .word = "prfsha512", .number = 6, .alg = "hmac-sha512" },
};

static const struct proposal_row groups[] = {
	{ .word = "modp1024",     .number = 2,  .alg = "modp1024" },
	{ .word = "modp1536",     .number = 5,  .alg = "modp1536" },
	{ .word = "modp2048",     .number = 14, .alg = "modp2048" },                          /* RFC 3526 */
	{ .word = "modp3072",     .number = 15, .alg = "modp3072" },
	{ .word = "modp4096",     .number = 16, .alg = "modp4096" },
	{ .word = "modp6144",     .number = 17, .alg = "modp6144" },
	{ .word = "modp8192",     .number = 18, .alg = "modp8192" },
	{ .word = "ecp256",       .number = 19, .alg = "ecp256" },                            /* RFC 5903 */
	{ .word = "ecp384",       .number = 20, .alg = "ecp384" },
	{ .word = "ecp521",       .number = 21, .alg = "ecp521" },
	{ .word = "ecp256bp",     .number = 28, .alg = "brainpool256" },                      /* RFC 6932 */
	{ .word = "ecp384bp",     .number = 29, .alg = "brainpool384" },
	{ .word = "ecp512bp",     .number = 30, .alg = "brainpool512" },
	{ .word = "curve25519",   .number = 31, .alg = "curve25519" },                        /* RFC 8031 */
	{ .word = "modp768",      .number = 1,  .refused = WEAK_GROUP },
	{ .word = "modp1024s160", .number = 22, .refused = TRAPDOOR },                        /* RFC 5114 */
	{ .word = "modp2048s224", .number = 23, .refused = TRAPDOOR },
	{ .word = "modp2048s256", .number = 24, .refused = TRAPDOOR },
	{ .word = "ecp192",       .number = 25, .refused = NO_BACKEND },
	{ .word = "ecp224",       .number = 26, .refused = NO_BACKEND },
	{ .word = "ecp224bp",     .number = 27, .refused = NO_BACKEND },
	{ .word = "curve448",     .number = 32, .refused = NO_BACKEND },
};

static const struct proposal_row esp_ciphers[] = {
	{ .word = "aes128",      .number = 12, .key_bits = 128, .alg = "aes128-cbc" },        /* RFC 3602 */
	{ .word = "aes192",      .number = 12, .key_bits = 192, .alg = "aes192-cbc" },
	{ .word = "aes256",      .number = 12, .key_bits = 256, .alg = "aes256-cbc" },
	{ .word = "aes128ctr",   .number = 13, .key_bits = 128, .alg = "aes128-ctr", .salt_len = 4 }, /* RFC 3686 */
	{ .word = "aes192ctr",   .number = 13, .key_bits = 192, .alg = "aes192-ctr", .salt_len = 4 },
	{ .word = "aes256ctr",   .number = 13, .key_bits = 256, .alg = "aes256-ctr", .salt_len = 4 },
	{ .word = "aes128ccm8",  .number = 14, .key_bits = 128, .alg = "aes128-ccm8",  .salt_len = 3, .is_aead = true }, /* RFC 4309 */
	{ .word = "aes192ccm8",  .number = 14, .key_bits = 192, .alg = "aes192-ccm8",  .salt_len = 3, .is_aead = true },
	{ .word = "aes256ccm8",  .number = 14, .key_bits = 256, .alg = "aes256-ccm8",  .salt_len = 3, .is_aead = true },
	{ .word = "aes128ccm12", .number = 15, .key_bits = 128, .alg = "aes128-ccm12", .salt_len = 3, .is_aead = true },
	{ .word = "aes192ccm12", .number = 15, .key_bits = 192, .alg = "aes192-ccm12", .salt_len = 3, .is_aead = true },
	{ .word = "aes256ccm12", .number = 15, .key_bits = 256, .alg = "aes256-ccm12", .salt_len = 3, .is_aead = true },
	{ .word = "aes128ccm16", .number = 16, .key_bits = 128, .alg = "aes128-ccm16", .salt_len = 3, .is_aead = true },
	{ .word = "aes192ccm16", .number = 16, .key_bits = 192, .alg = "aes192-ccm16", .salt_len = 3, .is_aead = true },
	{ .word = "aes256ccm16", .number = 16, .key_bits = 256, .alg = "aes256-ccm16", .salt_len = 3, .is_aead = true },
	{ .word = "aes128gcm8",  .number = 18, .key_bits = 128, .alg = "aes128-gcm8",  .salt_len = 4, .is_aead = true }, /* RFC 4106 */
	{ .word = "aes192gcm8",  .number = 18, .key_bits = 192, .alg = "aes192-gcm8",  .salt_len = 4, .is_aead = true },
	{ .word = "aes256gcm8",  .number = 18, .key_bits = 256, .alg = "aes256-gcm8",  .salt_len = 4, .is_aead = true },
	{ .word = "aes128gcm12", .number = 19, .key_bits = 128, .alg = "aes128-gcm12", .salt_len = 4, .is_aead = true },
	{ .word = "aes192gcm12", .number = 19, .key_bits = 192, .alg = "aes192-gcm12", .salt_len = 4, .is_aead = true },
	{ .word = "aes256gcm12", .number = 19, .key_bits = 256, .alg = "aes256-gcm12", .salt_len = 4, .is_aead = true },
	{ .word = "aes128gcm16", .number = 20, .key_bits = 128, .alg = "aes128-gcm16", .salt_len = 4, .is_aead = true },
	{ .word = "aes192gcm16", .number = 20, .key_bits = 192, .alg = "aes192-gcm16", .salt_len = 4, .is_aead = true },
	{ .word = "aes256gcm16", .number = 20, .key_bits = 256, .alg = "aes256-gcm16", .salt_len = 4, .is_aead = true },
	{ .word = "camellia128", .number = 22, .key_bits = 128, .alg = "camellia128-cbc" },   /* RFC 4312 */
	{ .word = "camellia192", .number = 22, .key_bits = 192, .alg = "camellia192-cbc" },
	{ .word = "camellia256", .number = 22, .key_bits = 256, .alg = "camellia256-cbc" },
	{ .word = "3des",        .number = 3,  .alg = "3des-cbc" },                           /* RFC 2451 */
	{ .word = "null",        .number = 11, .alg = "null" },                               /* RFC 2410 */
	{ .word = "des",         .number = 2,  .refused = WEAK_KEY },
	{ .word = "des_iv64",    .number = 1,  .refused = WEAK_KEY },
	{ .word = "rc5",         .number = 4,  .refused = OLD_CIPHER },
	{ .word = "idea",        .number = 5,  .refused = OLD_CIPHER },
	{ .word = "cast",        .number = 6,  .refused = OLD_CIPHER },
	{ .word = "blowfish",    .number = 7,  .refused = OLD_CIPHER },
	{ .word = "3idea",       .number = 8,  .refused = OLD_CIPHER },
	{ .word = "des_iv32",    .number = 9,  .refused = WEAK_KEY },
	{ .word = "rc4",         .number = 10, .refused = OLD_CIPHER },
	{ .word = "seed",        .number = 21, .refused = OLD_CIPHER },
	{ .word = "aes128gmac",  .number = 23, .key_bits = 128, .refused = "AES-GMAC does not encrypt" }, /* RFC 4543 */
	{ .word = "aes192gmac",  .number = 23, .key_bits = 192, .refused = "AES-GMAC does not encrypt" },
	{ .word = "aes256gmac",  .number = 23, .key_bits = 256, .refused = "AES-GMAC does not encrypt" },
	{ .word = "chacha20poly1305", .refused = NO_NUMBER },
};

/* ICV: RFC 2403, 2404, 4868 2.3; the key is as long as the hash. AH's transforms: RFC 2407 4.4.3, RFC 4868 and its IANA registry. */
static const struct proposal_row esp_auths[] = {
	{ .word = "sha256",    .number = 5, .alg = "hmac-sha256", .icv_len = 16, .ah = 5 },
	{ .word = "sha256_96", .number = 5, .alg = "hmac-sha256", .icv_len = 12, .ah = 5 },   /* a draft's, still met */
	{ .word = "sha384",    .number = 6, .alg = "hmac-sha384", .icv_len = 24, .ah = 6 },
	{ .word = "sha512",    .number = 7, .alg = "hmac-sha512", .icv_len = 32, .ah = 7 },
	{ .word = "sha1",      .number = 2, .alg = "hmac-sha1",   .icv_len = 12, .ah = 3 },
	{ .word = "md5",       .number = 1, .alg = "hmac-md5",    .icv_len = 12, .ah = 2 },
	{ .word = "desmac",    .number = 3, .refused = WEAK_KEY },
	{ .word = "kpdk",      .number = 4, .refused = "it is no HMAC" },
	{ .word = "ripemd160", .number = 8, .refused = NO_BACKEND },
	{ .word = "aesxcbc",   .number = 9, .refused = NO_BACKEND },
};

static const struct proposal_row esp_esns[] = {
	{ .word = "noesn", .number = 0, .alg = "" },
	{ .word = "esn",   .number = 1, .alg = "" },                                          /* RFC 4304 */
};

static const struct { const char *alias, *word; } aliases[] = {
	{ "aes",              "aes128" },      { "camellia",        "camellia128" },
	{ "cast128",          "cast" },        { "blowfish128",     "blowfish" },
	{ "sha",              "sha1" },        { "sha2_256",        "sha256" },
	{ "sha2_384",         "sha384" },      { "sha2_512",        "sha512" },
	{ "sha2_256_96",      "sha256_96" },   { "prfsha",          "prfsha1" },
	{ "x25519",           "curve25519" },  { "x448",            "curve448" },
	{ "brainpoolp256r1",  "ecp256bp" },    { "brainpoolp384r1", "ecp384bp" },
	{ "brainpoolp512r1",  "ecp512bp" },    { "brainpoolp224r1", "ecp224bp" },
	{ "aes128gcm",        "aes128gcm16" }, { "aes192gcm",       "aes192gcm16" }, { "aes256gcm",    "aes256gcm16" },
	{ "aes128gcm128",     "aes128gcm16" }, { "aes192gcm128",    "aes192gcm16" }, { "aes256gcm128", "aes256gcm16" },
	{ "aes128gcm96",      "aes128gcm12" }, { "aes192gcm96",     "aes192gcm12" }, { "aes256gcm96",  "aes256gcm12" },
	{ "aes128gcm64",      "aes128gcm8" },  { "aes192gcm64",     "aes192gcm8" },  { "aes256gcm64",  "aes256gcm8" },
	{ "aes128ccm",        "aes128ccm16" }, { "aes192ccm",       "aes192ccm16" }, { "aes256ccm",    "aes256ccm16" },
	{ "aes128ccm128",     "aes128ccm16" }, { "aes192ccm128",    "aes192ccm16" }, { "aes256ccm128", "aes256ccm16" },
	{ "aes128ccm96",      "aes128ccm12" }, { "aes192ccm96",     "aes192ccm12" }, { "aes256ccm96",  "aes256ccm12" },
	{ "aes128ccm64",      "aes128ccm8" },  { "aes192ccm64",     "aes192ccm8" },  { "aes256ccm64",  "aes256ccm8" },
};
/* clang-format on */

const struct proposal_rows ike_cipher_rows = { ike_ciphers, COUNT(ike_ciphers) };
const struct proposal_rows ike_hash_rows = { ike_hashes, COUNT(ike_hashes) };
const struct proposal_rows ike_prf_rows = { ike_prfs, COUNT(ike_prfs) };
const struct proposal_rows group_rows = { groups, COUNT(groups) };
const struct proposal_rows esp_cipher_rows = { esp_ciphers, COUNT(esp_ciphers) };
const struct proposal_rows esp_auth_rows = { esp_auths, COUNT(esp_auths) };
const struct proposal_rows esp_esn_rows = { esp_esns, COUNT(esp_esns) };

const char *proposal_alias(const char *word)
{
	for (size_t i = 0; i < COUNT(aliases); i++)
		if (strcmp(aliases[i].alias, word) == 0)
			return aliases[i].word;
	return word;
}

const char *proposal_alias_at(size_t i)
{
	return i < COUNT(aliases) ? aliases[i].alias : NULL;
}

const struct proposal_row *row_by_word(const struct proposal_rows *rows, const char *word)
{
	for (size_t i = 0; i < rows->count; i++)
		if (strcmp(rows->at[i].word, word) == 0)
			return &rows->at[i];
	return NULL;
}

const struct proposal_row *row_by_number(const struct proposal_rows *rows, uint16_t number, uint16_t key_bits)
{
	for (size_t i = 0; i < rows->count && number; i++)
		if (rows->at[i].number == number && rows->at[i].key_bits == key_bits)
			return &rows->at[i];
	return NULL;
}
