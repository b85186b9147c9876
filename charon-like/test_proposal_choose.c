/* SPDX-License-Identifier: MIT */
/* test_proposal_choose.c - which offer is taken, and the line that says why none is. */
#include "test_proposal.h"

#include "names.h"

#include "unit.h"

static const uint16_t psk[] = { 1 }, rsa[] = { 3 }, both[] = { 3, 1 };

static void joined_proposals(void)
{
	static const uint8_t others[] = { PROTO_AH, PROTO_ESP };
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];
	struct esp_transforms accepted = esp_list("aes128-sha1");

	for (size_t i = 0; i < COUNT(others); i++) {
		body_begin(&b, 1, 1);
		proposal_add(&b, 2, 1, PROTO_ESP, 4, 1);
		transform_add(&b, 0, 1, 12);
		esp_attributes_add(&b);
		proposal_add(&b, 2, 1, others[i], 4, 1);
		transform_add(&b, 0, 1, 2);
		esp_attributes_add(&b);
		proposal_add(&b, 0, 2, PROTO_ESP, 4, 1);
		transform_add(&b, 0, 1, 12);
		esp_attributes_add(&b);
		CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
		CU_ASSERT_EQUAL(offers.count, 3);
		CU_ASSERT_STRING_EQUAL(offers.at[0].fault, "wanted only together with another protocol");
		CU_ASSERT_PTR_NOT_NULL(offers.at[1].fault);
		CU_ASSERT_EQUAL(esp_choose(&offers, &accepted, MODE_TUNNEL, false, why), 2);
		CU_ASSERT_EQUAL(offers.at[2].transform.icv_len, 12);
	}
	b.octets[b.proposal + 4] = 1;
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(esp_choose(&offers, &accepted, MODE_TUNNEL, false, why), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "nearest aes128-sha1 is not usable: wanted only together with another protocol"));
	free(accepted.at);
}

static void offers_of(struct ike_offers *offers, const char *words, const uint16_t *auths, size_t count)
{
	static uint8_t octets[8192];
	struct writer w = writer_over(octets, sizeof(octets));
	struct ike_transforms list = ike_list(words);
	char why[WHY_MAX];

	ike_offers_put(&w, &list, auths, count, 3600);
	CU_ASSERT_EQUAL(ike_offers_read(offers, writer_bytes(&w), why), 0);
	free(list.at);
}

static void ike_choice(const char *offered, const char *accepted, const uint16_t *auths, size_t count, int index, const char *says)
{
	static struct ike_offers offers;
	struct ike_transforms list = ike_list(accepted);
	char why[WHY_MAX];

	offers_of(&offers, offered, auths, count);
	int got = ike_choose(&offers, &list, psk, 1, why);
	CU_ASSERT_EQUAL(got, index);
	CU_ASSERT_STRING_EQUAL(why, says);
	if (strcmp(why, says) != 0)
		printf("expected \"%s\"\n     got \"%s\"\n", says, why);
	if (got >= 0)
		CU_ASSERT_PTR_NOT_NULL(offers.at[got].transform.cipher_alg);
	free(list.at);
}

static void esp_choice(const char *offered, uint16_t their_mode, const char *accepted, int index, const char *says)
{
	static struct esp_offers offers;
	struct esp_transforms list = esp_list(offered);
	uint8_t octets[4096];
	struct writer w = writer_over(octets, sizeof(octets));
	char why[WHY_MAX];

	esp_offers_put(&w, &list, 0x1000, 0, their_mode, &(struct lifetime){ .seconds = 3600 });
	free(list.at);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&w), why), 0);
	list = esp_list(accepted);
	CU_ASSERT_EQUAL(esp_choose(&offers, &list, MODE_TUNNEL, false, why), index);
	CU_ASSERT_STRING_EQUAL(why, says);
	if (strcmp(why, says) != 0)
		printf("expected \"%s\"\n     got \"%s\"\n", says, why);
	free(list.at);
}

static void phase1_choices(void)
{
	ike_choice("aes256-sha256-modp2048", "aes256-sha256-modp2048", psk, 1, 0, "");
	ike_choice("aes256-sha256-modp2048, aes128-sha1-modp1536, aes128-sha256-ecp256",
		   "aes128-sha256-ecp256-modp1536, aes128-sha1-modp1536", psk, 1, 1, "");
	ike_choice("aes256-sha256-modp2048", "aes256-sha256-modp2048", both, 2, 1, "");
	ike_choice("aes128-3des-sha1-modp1024", "aes256-sha256-modp2048", psk, 1, -1,
		   "peer offers aes128-sha1-modp1024, 3des-sha1-modp1024; we accept aes256-sha256-modp2048; nearest "
		   "aes128-sha1-modp1024 misses aes256, sha256, modp2048");
	ike_choice("3des-sha1-modp1024, aes256-sha256-modp1024", "aes256-sha256-modp2048", psk, 1, -1,
		   "peer offers 3des-sha1-modp1024, aes256-sha256-modp1024; we accept aes256-sha256-modp2048; nearest "
		   "aes256-sha256-modp1024 misses modp2048");
	ike_choice("aes256-sha256-modp2048", "aes256-sha256-modp2048", rsa, 1, -1,
		   "peer offers aes256-sha256-modp2048; we accept aes256-sha256-modp2048; nearest "
		   "aes256-sha256-modp2048 fits, but peer wants authentication by rsa, we by psk");
	ike_choice("aes128-sha256-modp2048", "aes256-sha256-modp2048", rsa, 1, -1,
		   "peer offers aes128-sha256-modp2048; we accept aes256-sha256-modp2048; nearest "
		   "aes128-sha256-modp2048 misses aes256; also peer wants authentication by rsa, we by psk");
}

static void esp_choices(void)
{
	esp_choice("aes256gcm16, aes128-sha1", MODE_TUNNEL, "aes128-sha1", 1, "");
	esp_choice("aes128-sha256", MODE_TUNNEL, "aes128-sha256_96", 0, "");
	esp_choice("aes128-sha1-modp1024", MODE_TUNNEL, "aes128-sha1-modp2048", -1,
		   "peer offers aes128-sha1-modp1024; we accept aes128-sha1-modp2048; nearest "
		   "aes128-sha1-modp1024 misses modp2048");
	esp_choice("aes128-sha1", MODE_TUNNEL, "aes128-sha1-modp2048", -1,
		   "peer offers aes128-sha1; we accept aes128-sha1-modp2048; nearest aes128-sha1 misses modp2048");
	esp_choice("aes128-sha1-modp1024-esn", MODE_TUNNEL, "aes128-sha1", -1,
		   "peer offers aes128-sha1-modp1024-esn; we accept aes128-sha1; nearest "
		   "aes128-sha1-modp1024-esn asks for modp1024 and esn, which we do not accept");
	esp_choice("aes128-sha1", MODE_TRANSPORT, "aes128-sha1", -1,
		   "peer offers aes128-sha1; we accept aes128-sha1; nearest aes128-sha1 fits, but peer wants "
		   "transport mode, we tunnel");
}

static void long_lists_are_cut(void)
{
	static struct ike_offers offers;
	struct ike_transforms list = ike_list("l2tp");
	char why[WHY_MAX];

	offers_of(&offers, "default", psk, 1);
	CU_ASSERT_EQUAL(ike_choose(&offers, &list, rsa, 1, why), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, " more; we accept "));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, " more; nearest "));
	CU_ASSERT(strlen(why) < WHY_MAX - 1);
	free(list.at);
	offers.count = 0;
	list = (struct ike_transforms){ NULL, 0 };
	CU_ASSERT_EQUAL(ike_choose(&offers, &list, NULL, 0, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "peer offers nothing");
}

static const struct unit_case cases[] = {
	{ "proposals with one number are not chosen alone", joined_proposals },
	{ "phase 1 takes the first offer that is accepted, or says why none", phase1_choices },
	{ "ESP takes the first offer that is accepted, or says why none", esp_choices },
	{ "long lists are cut in the explanation", long_lists_are_cut },
};

UNIT_MAIN("proposal_choose", cases)
