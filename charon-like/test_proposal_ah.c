/* SPDX-License-Identifier: MIT */
/* test_proposal_ah.c - AH: its words, its transforms on the wire, and which of AH and ESP is taken. */
#include "test_proposal.h"

#include "unit.h"

static struct esp_transforms ah_list(const char *words)
{
	struct esp_transforms list;
	char why[WHY_MAX];

	if (ah_transforms_parse(&list, words, &everything, why))
		abort();
	return list;
}

static void words(void)
{
	static const char expected[] = "AH sha256-modp2048, AH sha512-modp2048, AH sha1-esn, AH sha256_96, ";
	struct esp_transforms list = ah_list("sha256-sha512-modp2048, sha-esn, sha256_96");
	char text[PROPOSAL_TEXT_MAX], all[WHY_MAX] = "";

	for (size_t i = 0; i < list.count; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s, ", esp_transform_text(text, &list.at[i]));
	CU_ASSERT_STRING_EQUAL(all, expected);
	CU_ASSERT_EQUAL(esp_transform_protocol(&list.at[0]), PROTO_AH);
	free(list.at);
	list = ah_list("default");
	CU_ASSERT(list.count > 3 && list.count <= OFFER_MAX && !list.at[0].group_alg);
	free(list.at);
}

/* RFC 2407 4.4.3 and IANA's registry: the transform; 4.5: the attribute. RFC 4868 2.3: the ICV. */
static void sizes(void)
{
	static const struct { const char *word; uint8_t id, key_len, icv_len; uint16_t auth; } rows[] = {
		{ "md5", 2, 16, 12, 1 },    { "sha1", 3, 20, 12, 2 },   { "sha256", 5, 32, 16, 5 }, { "sha256_96", 5, 32, 12, 5 },
		{ "sha384", 6, 48, 24, 6 }, { "sha512", 7, 64, 32, 7 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct esp_transforms list = ah_list(rows[i].word);
		const struct esp_transform *t = &list.at[0];
		CU_ASSERT(t->is_ah && t->id == rows[i].id && t->auth == rows[i].auth && t->mac);
		CU_ASSERT(t->mac_key_len == rows[i].key_len && t->icv_len == rows[i].icv_len);
		CU_ASSERT(t->key_len == 0 && t->salt_len == 0 && !t->aead && !t->cipher && t->key_bits == 0);
		free(list.at);
	}
}

static void wrong_words(void)
{
	static const struct { const char *words, *says; } rows[] = {
		{ "aes128-sha256", "aes128 encrypts, which AH does not: leave it out, or use ESP" },
		{ "null-sha256", "null encrypts, which AH does not" },
		{ "modp2048", "the integrity algorithm is missing, such as sha256" },
		{ "sha257", "sha257 is unknown; did you mean sha256?" },
		{ "legacy", "the preset legacy has nothing for AH: name the algorithms, such as sha256" },
		{ "default-sha1", "the preset default stands alone" },
		{ "sha256, sha256_96", "sha256 and sha256_96 look alike to the peer" },
		{ "desmac", "desmac is refused" },
		{ "", "no proposal is named" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct esp_transforms list;
		char why[WHY_MAX];
		CU_ASSERT(ah_transforms_parse(&list, rows[i].words, &everything, why) < 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i].says));
		if (!strstr(why, rows[i].says))
			printf("\"%s\": %s\n", rows[i].words, why);
	}
}

/* ---- on the wire ---- */

static void offer_add(struct body *b, uint8_t next, uint8_t number, uint8_t protocol, uint8_t id, uint16_t auth)
{
	proposal_add(b, next, number, protocol, 4, 1);
	transform_add(b, 0, 1, id);
	basic_add(b, 4, MODE_TUNNEL);
	if (auth)
		basic_add(b, 5, auth);
}

static void written(void)
{
	static struct esp_offers offers;
	struct esp_transforms list = ah_list("sha256-sha1-modp2048-esn");
	uint8_t octets[512];
	struct writer w = writer_over(octets, sizeof(octets));
	char why[WHY_MAX];

	esp_offers_put(&w, &list, 0x12345678, 0, MODE_TRANSPORT, &(struct lifetime){ .seconds = 3600 });
	CU_ASSERT_EQUAL(octets[13], PROTO_AH);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&w), why), 0);
	CU_ASSERT_EQUAL_FATAL(offers.count, 2);
	for (size_t i = 0; i < offers.count; i++) {
		CU_ASSERT_PTR_NULL(offers.at[i].fault);
		CU_ASSERT(esp_transform_same(&offers.at[i].transform, &list.at[i]));
		CU_ASSERT(offers.at[i].protocol == PROTO_AH && offers.at[i].spi == 0x12345678 && offers.at[i].mode == MODE_TRANSPORT);
	}
	free(list.at);
}

/* RFC 2407 4.4.3: no AH without the attribute, and it must be the transform's. */
static void faults(void)
{
	static const struct { uint8_t id; uint16_t auth, bits; const char *fault; } rows[] = {
		{ 5, 5, 0, NULL },
		{ 3, 0, 0, "no integrity algorithm" },
		{ 3, 1, 0, "a transform and an integrity algorithm that do not belong together" },
		{ 2, 4, 0, "it is no HMAC" },
		{ 5, 77, 0, "an unknown integrity algorithm" },
		{ 77, 5, 0, "a transform and an integrity algorithm that do not belong together" },
		{ 5, 5, 256, "a key length, of which AH's algorithms have only one" },
	};
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		body_begin(&b, 1, 1);
		offer_add(&b, 0, 1, PROTO_AH, rows[i].id, rows[i].auth);
		if (rows[i].bits)
			basic_add(&b, 6, rows[i].bits);
		CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
		CU_ASSERT_EQUAL_FATAL(offers.count, 1);
		CU_ASSERT_EQUAL(offers.at[0].fault != NULL, rows[i].fault != NULL);
		if (rows[i].fault && offers.at[0].fault)
			CU_ASSERT_STRING_EQUAL(offers.at[0].fault, rows[i].fault);
	}
}

static void either(void)
{
	struct esp_transforms ah = ah_list("sha256"), esp = esp_list("aes128-sha1");
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];
	uint32_t spi = 0x1000;
	uint8_t octets[256];
	struct writer w = writer_over(octets, sizeof(octets));

	body_begin(&b, 1, 1);
	offer_add(&b, 2, 1, PROTO_AH, 5, 5);
	proposal_add(&b, 0, 2, PROTO_ESP, 4, 1);
	transform_add(&b, 0, 1, 12);
	esp_attributes_add(&b);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(esp_choose(&offers, &ah, MODE_TUNNEL, false, why), 0);
	CU_ASSERT_PTR_NOT_NULL(offers.at[0].transform.mac);
	CU_ASSERT_EQUAL(esp_choose(&offers, &esp, MODE_TUNNEL, false, why), 1);
	CU_ASSERT_EQUAL(sa_choice_put(&w, writer_bytes(&b.w), 1, 1, PROTO_AH, &spi), 0);
	CU_ASSERT_EQUAL(octets[13], PROTO_AH);
	free(ah.at);
	free(esp.at);
}

static void refusals(void)
{
	struct esp_transforms ah = ah_list("sha256"), esp = esp_list("aes128-sha256");
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];

	body_begin(&b, 1, 1);
	offer_add(&b, 0, 1, PROTO_AH, 5, 5);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(esp_choose(&offers, &esp, MODE_TUNNEL, false, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "peer offers AH sha256; we accept aes128-sha256; nearest AH sha256 misses aes128");
	/* RFC 2408 4.2: one number is both together. */
	body_begin(&b, 1, 1);
	offer_add(&b, 2, 1, PROTO_AH, 5, 5);
	proposal_add(&b, 0, 1, PROTO_ESP, 4, 1);
	transform_add(&b, 0, 1, 12);
	esp_attributes_add(&b);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(esp_choose(&offers, &ah, MODE_TUNNEL, false, why), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "nearest AH sha256 is not usable: wanted only together with another protocol"));
	/* Without the attribute it has no name. */
	body_begin(&b, 1, 1);
	offer_add(&b, 0, 1, PROTO_AH, 3, 0);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(esp_choose(&offers, &ah, MODE_TUNNEL, false, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "peer offers AH_3; we accept AH sha256; nearest AH_3 is not usable: no integrity algorithm");
	free(ah.at);
	free(esp.at);
}

static const struct unit_case cases[] = {
	{ "AH's words are an integrity algorithm, a group and esn", words },
	{ "each has its transform, attribute, key and ICV", sizes },
	{ "wrong words are said, with what to write instead", wrong_words },
	{ "what is offered is read the same", written },
	{ "a transform needs the attribute that belongs to it", faults },
	{ "of AH and ESP the one that the child names is taken", either },
	{ "AH for ESP, and both together, are refused with the reason", refusals },
};

UNIT_MAIN("proposal_ah", cases)
