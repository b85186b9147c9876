/* SPDX-License-Identifier: MIT */
/* test_proposal.c - proposals in words: what they become, and what is said of those that are wrong. */
#include "test_proposal.h"

#include "proposal_table.h"

#include "unit.h"

#include <time.h>

static void ike_is(const char *words, const char *expected)
{
	struct ike_transforms list;
	char why[WHY_MAX], text[PROPOSAL_TEXT_MAX], got[4096] = "";

	CU_ASSERT_EQUAL(ike_transforms_parse(&list, words, &everything, why), 0);
	for (size_t i = 0; i < list.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", ike_transform_text(text, &list.at[i]));
	CU_ASSERT_STRING_EQUAL(got, expected);
	if (strcmp(got, expected) != 0)
		printf("%s: %s %s\n", words, got, why);
	free(list.at);
}

static void esp_is(const char *words, const char *expected)
{
	struct esp_transforms list;
	char why[WHY_MAX], text[PROPOSAL_TEXT_MAX], got[4096] = "";

	CU_ASSERT_EQUAL(esp_transforms_parse(&list, words, &everything, why), 0);
	for (size_t i = 0; i < list.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", esp_transform_text(text, &list.at[i]));
	CU_ASSERT_STRING_EQUAL(got, expected);
	if (strcmp(got, expected) != 0)
		printf("%s: %s %s\n", words, got, why);
	free(list.at);
}

/* `says` must stand somewhere in what is said. */
static void ike_fails(const char *words, int fault, const char *says)
{
	struct ike_transforms list;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(ike_transforms_parse(&list, words, &everything, why), fault);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, says));
	CU_ASSERT_PTR_NULL(list.at);
	if (!strstr(why, says))
		printf("%s: %s\n", words, why);
}

static void esp_fails(const char *words, int fault, const char *says)
{
	struct esp_transforms list;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(esp_transforms_parse(&list, words, &everything, why), fault);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, says));
	CU_ASSERT_PTR_NULL(list.at);
	if (!strstr(why, says))
		printf("%s: %s\n", words, why);
}

static void ike_words(void)
{
	ike_is("aes256-sha256-modp2048", "aes256-sha256-modp2048");
	ike_is(" aes-sha-modp1536,3des-md5-modp1024 \n camellia192-sha2_512-x25519,",
	       "aes128-sha1-modp1536 3des-md5-modp1024 camellia192-sha512-curve25519");
	ike_is("AES256-SHA2_384-BrainpoolP384r1", "aes256-sha384-ecp384bp");
	ike_is("aes256-prfsha256-sha256-modp8192", "aes256-sha256-modp8192");
	ike_is("aes256-sha256-modp2048 aes256-sha2_256-modp2048", "aes256-sha256-modp2048");
}

static void words_combine(void)
{
	ike_is("aes256-aes128-sha256-sha1-modp2048-ecp256",
	       "aes256-sha256-modp2048 aes256-sha256-ecp256 aes256-sha1-modp2048 aes256-sha1-ecp256 "
	       "aes128-sha256-modp2048 aes128-sha256-ecp256 aes128-sha1-modp2048 aes128-sha1-ecp256");
	esp_is("aes128gcm16-aes128-sha256-sha1", "aes128gcm16 aes128-sha256 aes128-sha1");
	esp_is("aes128-sha1-esn-noesn", "aes128-sha1-esn aes128-sha1");
}

static void esp_words(void)
{
	esp_is("aes256gcm16", "aes256gcm16");
	esp_is("aes128gcm,aes192gcm64-ecp256,aes256ccm96", "aes128gcm16 aes192gcm8-ecp256 aes256ccm12");
	esp_is("aes128ctr-sha384-modp2048-esn", "aes128ctr-sha384-modp2048-esn");
	esp_is("null-sha1, 3des-md5, camellia256-sha512-curve25519", "null-sha1 3des-md5 camellia256-sha512-curve25519");
	esp_is("aes256-sha256_96", "aes256-sha256_96");
	esp_is("aes256-sha256-noesn", "aes256-sha256");
}

static void ike_algorithms_are_resolved(void)
{
	struct ike_transforms list;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(ike_transforms_parse(&list, "camellia192-sha384-ecp512bp", &everything, why), 0);
	const struct ike_transform *t = &list.at[0];
	CU_ASSERT(t->cipher == 8 && t->key_bits == 192 && t->hash == 5 && t->group == 30);
	CU_ASSERT_STRING_EQUAL(t->cipher_alg->name, "camellia192-cbc");
	CU_ASSERT_STRING_EQUAL(t->hash_alg->name, "sha384");
	CU_ASSERT_STRING_EQUAL(t->prf_alg->name, "hmac-sha384");
	CU_ASSERT_STRING_EQUAL(t->group_alg->name, "brainpool512");
	free(list.at);
}

static void esp_sizes_are_resolved(void)
{
	static const struct {
		const char *words;
		uint8_t id, key_len, salt_len, mac_key_len, icv_len;
		uint16_t key_bits, auth;
	} cases[] = {
		{ "aes256-sha256", 12, 32, 0, 32, 16, 256, 5 }, { "aes256-sha256_96", 12, 32, 0, 32, 12, 256, 5 },
		{ "3des-sha1", 3, 24, 0, 20, 12, 0, 2 },        { "null-sha512", 11, 0, 0, 64, 32, 0, 7 },
		{ "aes128ctr-md5", 13, 16, 4, 16, 12, 128, 1 }, { "aes192gcm12", 19, 24, 4, 0, 12, 192, 0 },
		{ "aes128ccm8", 14, 16, 3, 0, 8, 128, 0 },      { "camellia128-sha384", 22, 16, 0, 48, 24, 128, 6 },
	};
	char why[WHY_MAX];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct esp_transforms list;

		CU_ASSERT_EQUAL(esp_transforms_parse(&list, cases[i].words, &everything, why), 0);
		const struct esp_transform *t = &list.at[0];
		CU_ASSERT(t->id == cases[i].id && t->key_bits == cases[i].key_bits && t->auth == cases[i].auth);
		CU_ASSERT(t->key_len == cases[i].key_len && t->salt_len == cases[i].salt_len);
		CU_ASSERT(t->mac_key_len == cases[i].mac_key_len && t->icv_len == cases[i].icv_len);
		CU_ASSERT(!t->aead == (t->auth != 0) && !t->mac == (t->auth == 0));
		CU_ASSERT_EQUAL(t->cipher == NULL, t->aead != NULL || t->id == 11);
		free(list.at);
	}
}

static void wrong_words_are_named(void)
{
	ike_fails("aes256-sha257-modp2048", FAULT_INPUT, "\"aes256-sha257-modp2048\": sha257 is unknown; did you mean sha256?");
	ike_fails("aes256-sha256-modp2408", FAULT_INPUT, "did you mean modp2048?");
	ike_fails("aes256-sha256-modp2048, qqqqqqqqqqqq-sha1", FAULT_INPUT, "qqqqqqqqqqqq is unknown");
	ike_fails("lagacy", FAULT_INPUT, "did you mean legacy?");
	ike_fails("aes256-sha256-modp2048!", FAULT_INPUT, "did you mean modp2048?");
	ike_fails("default-aes256", FAULT_INPUT, "the preset default stands alone");
	ike_fails("aes256--sha256", FAULT_INPUT, "a word is missing beside a dash");
	ike_fails("aes256-sha256-modp2048-", FAULT_INPUT, "a word is missing beside a dash");
	ike_fails("aes256-sha256-aes256-modp2048", FAULT_INPUT, "aes256 stands twice");
	ike_fails("aes256-esn-sha256-modp2048", FAULT_INPUT, "esn is for ESP alone");
	esp_fails("aes256-sha256-prfsha256", FAULT_INPUT, "prfsha256 is for phase 1 alone");
	ike_fails("", FAULT_INPUT, "no proposal");
	ike_fails(" , ", FAULT_INPUT, "no proposal");
	ike_fails("a\x1b[31m-sha1", FAULT_INPUT, "a\\x1b[31m is unknown");
}

static void missing_parts_are_named(void)
{
	ike_fails("aes128-modp2048", FAULT_INPUT, "\"aes128-modp2048\": the hash is missing");
	ike_fails("aes128-sha1", FAULT_INPUT, "the Diffie-Hellman group is missing");
	ike_fails("sha1-modp2048", FAULT_INPUT, "the cipher is missing");
	esp_fails("aes128", FAULT_INPUT, "the integrity algorithm of aes128 is missing");
	esp_fails("sha1", FAULT_INPUT, "the cipher is missing");
	esp_fails("aes128gcm16-sha256", FAULT_INPUT, "leave sha256 out");
	esp_fails("null", FAULT_INPUT, "the integrity algorithm of null is missing");
	ike_fails("aes256-prfsha1-sha256-modp2048", FAULT_INPUT, "leave prfsha1 out");
	ike_fails("aes256-prfsha1-sha256-sha1-modp2048", FAULT_INPUT, "leave prfsha1 out");
}

static void weak_words_are_refused(void)
{
	static const char *const both[] = { "des", "cast", "blowfish", "idea", "chacha20poly1305" };
	static const char *const groups[] = { "modp768", "modp1024s160", "modp2048s224", "modp2048s256", "ecp192", "ecp224" };
	char words[80];

	for (size_t i = 0; i < COUNT(both); i++) {
		snprintf(words, sizeof(words), "%s-sha1-modp2048", both[i]);
		ike_fails(words, FAULT_UNSUPPORTED, " is refused: ");
		esp_fails(words, FAULT_UNSUPPORTED, " is refused: ");
	}
	for (size_t i = 0; i < COUNT(groups); i++) {
		snprintf(words, sizeof(words), "aes128-sha1-%s", groups[i]);
		ike_fails(words, FAULT_UNSUPPORTED, groups[i]);
		esp_fails(words, FAULT_UNSUPPORTED, groups[i]);
	}
	ike_fails("aes256gcm16-sha256-modp2048", FAULT_UNSUPPORTED, "it is for ESP alone");
	esp_fails("des-iv64-sha1", FAULT_UNSUPPORTED, "des is refused");
	esp_fails("aes128gmac", FAULT_UNSUPPORTED, "does not encrypt");
}

static void missing_backends_are_named(void)
{
	struct ike_transforms ike;
	struct esp_transforms esp;
	char why[WHY_MAX];
	const struct crypto without_25519 = { "curve25519" }, without_sha1 = { "hmac-sha1" }, without_gcm = { "aes256-gcm16" };

	CU_ASSERT_EQUAL(ike_transforms_parse(&ike, "aes256-sha256-curve25519", &without_25519, why), FAULT_UNSUPPORTED);
	CU_ASSERT_STRING_EQUAL(why, "\"aes256-sha256-curve25519\": no loaded crypto plugin has curve25519");
	CU_ASSERT_EQUAL(ike_transforms_parse(&ike, "aes256-sha1-modp2048", &without_sha1, why), FAULT_UNSUPPORTED);
	CU_ASSERT_EQUAL(esp_transforms_parse(&esp, "aes256gcm16", &without_gcm, why), FAULT_UNSUPPORTED);
	CU_ASSERT_EQUAL(ike_transforms_parse(&ike, "default", &without_25519, why), 0);
	for (size_t i = 0; i < ike.count; i++)
		CU_ASSERT(ike.at[i].group != 31);
	free(ike.at);
	CU_ASSERT_EQUAL(ike_transforms_parse(&ike, "asa", &without_sha1, why), FAULT_UNSUPPORTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "\"asa\": no loaded crypto plugin has any transform"));
}

static void lists_have_limits(void)
{
	char words[4000] = "";

	ike_fails("aes128-aes192-aes256-sha1-sha256-sha384-modp1024-modp1536-modp2048", FAULT_FULL, "more than 24 transforms");
	esp_fails("aes128-sha256, aes128-sha256_96", FAULT_INPUT, "look alike");
	memset(words, 'a', sizeof(words) - 1);
	ike_fails(words, FAULT_INPUT, "longer than");
	memset(words, '-', sizeof(words) - 1);
	ike_fails(words, FAULT_INPUT, "longer than");
}

static void presets_are_sound(void)
{
	const char *name;
	char why[WHY_MAX], both[80];

	for (size_t i = 0; (name = preset_name_at(i)); i++) {
		struct ike_transforms ike;
		struct esp_transforms esp;

		CU_ASSERT_EQUAL(ike_transforms_parse(&ike, name, &everything, why), 0);
		CU_ASSERT_STRING_EQUAL(why, "");
		CU_ASSERT_EQUAL(esp_transforms_parse(&esp, name, &everything, why), 0);
		CU_ASSERT_STRING_EQUAL(why, "");
		for (size_t k = 0; strcmp(name, "default") == 0 && k < ike.count; k++)
			CU_ASSERT(ike.at[k].cipher == 7 && ike.at[k].hash >= 4 && ike.at[k].group >= 14);
		for (size_t k = 0; strcmp(name, "default") == 0 && k < esp.count; k++)
			CU_ASSERT(esp.at[k].id >= 12 && (esp.at[k].aead || esp.at[k].auth == 5));
		free(ike.at);
		free(esp.at);
	}
	snprintf(both, sizeof(both), "default, legacy");
	struct ike_transforms ike;
	struct esp_transforms esp;
	CU_ASSERT_EQUAL(ike_transforms_parse(&ike, both, &everything, why), 0);
	CU_ASSERT_EQUAL(esp_transforms_parse(&esp, both, &everything, why), 0);
	CU_ASSERT(ike.count <= OFFER_MAX && esp.count <= OFFER_MAX);
	free(ike.at);
	free(esp.at);
}

/* Generous, because sanitizers and a busy machine slow it down: it takes a few milliseconds. */
static void thousand_connections_parse_quickly(void)
{
	struct timespec begin, end;
	char why[WHY_MAX];

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int i = 0; i < 1000; i++) {
		struct ike_transforms ike;
		struct esp_transforms esp;

		CU_ASSERT_EQUAL(ike_transforms_parse(&ike, "default", &everything, why), 0);
		CU_ASSERT_EQUAL(esp_transforms_parse(&esp, "default", &everything, why), 0);
		free(ike.at);
		free(esp.at);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	double ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
	CU_ASSERT(ms < 2000);
	if (getenv("UNIT_TIMES"))
		printf("1000 connections: %.1f ms\n", ms);
}

static const struct unit_case cases[] = {
	{ "phase 1 words become transforms in their order", ike_words },
	{ "several words of a kind become all combinations", words_combine },
	{ "ESP words become transforms in their order", esp_words },
	{ "phase 1 words bring their numbers and algorithms", ike_algorithms_are_resolved },
	{ "ESP words bring their key, salt and ICV sizes", esp_sizes_are_resolved },
	{ "a wrong word is named with the nearest right one", wrong_words_are_named },
	{ "a missing part is named", missing_parts_are_named },
	{ "weak and unsupported words are refused with the reason", weak_words_are_refused },
	{ "what no backend has is an error in words and left out of presets", missing_backends_are_named },
	{ "a list that is too long or ambiguous is refused", lists_have_limits },
	{ "every preset is valid, and the default one has nothing old", presets_are_sound },
	{ "the words of a thousand connections are parsed in no time", thousand_connections_parse_quickly },
};

UNIT_MAIN("proposal", cases)
