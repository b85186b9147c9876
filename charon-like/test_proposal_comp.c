/* SPDX-License-Identifier: MIT */
/* test_proposal_comp.c - IPComp in SA payloads: offered, read, chosen and answered together with ESP or AH. */
#include "test_proposal.h"

#include "unit.h"

enum { DEFLATE = 2, LZS = 3, CPI = 0x1234, OUR_CPI = 0x4321 };

static const struct lifetime hour = { .seconds = 3600 };

/* One of IPComp; `cpi_len` octets of CPI. */
static void comp_add(struct body *b, uint8_t next, uint8_t number, uint8_t cpi_len, uint32_t cpi, uint8_t id)
{
	proposal_add(b, next, number, PROTO_IPCOMP, cpi_len, 1);
	for (uint8_t i = 0; i < cpi_len; i++)
		b->octets[b->w.used - 1 - i] = (uint8_t)(i < 4 ? cpi >> (8 * i) : 0);
	transform_add(b, 0, 1, id);
}

static void esp_add(struct body *b, uint8_t next, uint8_t number)
{
	proposal_add(b, next, number, PROTO_ESP, 4, 1);
	transform_add(b, 0, 1, 12);
	esp_attributes_add(b);
}

static void offered(void)
{
	static struct esp_offers offers;
	struct esp_transforms list = esp_list("aes256gcm16-aes128-sha256-modp2048");
	uint8_t octets[1024];
	struct writer w = writer_over(octets, sizeof(octets));
	char why[WHY_MAX];

	esp_offers_put(&w, &list, 0x12345678, CPI, MODE_UDP_TUNNEL, &hour);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&w), why), 0);
	/* With it first, then without. */
	CU_ASSERT_EQUAL_FATAL(offers.count, 4);
	for (size_t i = 0; i < offers.count; i++) {
		CU_ASSERT_PTR_NULL(offers.at[i].fault);
		CU_ASSERT(offers.at[i].proposal_number == (i < 2 ? 1 : 2) && offers.at[i].transform_number == i % 2 + 1);
		CU_ASSERT_EQUAL(offers.at[i].comp.cpi, i < 2 ? CPI : 0);
		CU_ASSERT(offers.at[i].spi == 0x12345678 && esp_transform_same(&offers.at[i].transform, &list.at[i % 2]));
	}
	CU_ASSERT_EQUAL(esp_choose(&offers, &list, MODE_UDP_TUNNEL, true, why), 0);
	CU_ASSERT_EQUAL(esp_choose(&offers, &list, MODE_UDP_TUNNEL, false, why), 2);
	free(list.at);
}

static void answered(void)
{
	static struct esp_offers offers, answer;
	static struct body b;
	struct esp_transforms list = esp_list("aes128-sha1");
	char why[WHY_MAX];

	/* In the order of the offer, whichever that is. */
	for (int comp_first = 0; comp_first < 2; comp_first++) {
		uint8_t octets[512];
		struct writer w = writer_over(octets, sizeof(octets));
		body_begin(&b, 1, 1);
		if (!comp_first)
			esp_add(&b, 2, 7);
		comp_add(&b, comp_first ? 2 : 0, 7, 2, CPI, DEFLATE);
		basic_add(&b, 4, MODE_TUNNEL);
		if (comp_first)
			esp_add(&b, 0, 7);
		CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
		CU_ASSERT_EQUAL_FATAL(esp_choose(&offers, &list, MODE_TUNNEL, true, why), 0);
		CU_ASSERT_EQUAL(comp_choice_put(&w, writer_bytes(&b.w), &offers.at[0], 0xc0ffee01, OUR_CPI), 0);
		CU_ASSERT_EQUAL(octets[13], comp_first ? PROTO_IPCOMP : PROTO_ESP);
		CU_ASSERT_EQUAL(esp_offers_read(&answer, writer_bytes(&w), why), 0);
		CU_ASSERT_EQUAL_FATAL(answer.count, 1);
		CU_ASSERT(!answer.at[0].fault && answer.at[0].spi == 0xc0ffee01 && answer.at[0].comp.cpi == OUR_CPI);
		CU_ASSERT(answer.at[0].proposal_number == 7 && answer.at[0].protocol == PROTO_ESP);
		offers.at[0].comp.transform_number = 9;
		CU_ASSERT_EQUAL(comp_choice_put(&w, writer_bytes(&b.w), &offers.at[0], 0xc0ffee01, OUR_CPI), FAULT_NOT_FOUND);
	}
	free(list.at);
}

/* RFC 3173 4.1. */
static void cpis(void)
{
	static const struct { uint8_t len; uint32_t cpi; uint8_t id; const char *fault; } rows[] = {
		{ 2, 256, DEFLATE, NULL },        { 2, 61439, DEFLATE, NULL },
		{ 4, 256, DEFLATE, NULL },        { 4, 0xabcd1234, DEFLATE, NULL },
		{ 2, DEFLATE, DEFLATE, NULL },    { 2, 0, DEFLATE, "a reserved CPI" },
		{ 2, LZS, DEFLATE, "a reserved CPI" }, { 2, 255, DEFLATE, "a reserved CPI" },
		{ 2, 61440, DEFLATE, "a reserved CPI" }, { 3, 256, DEFLATE, "a CPI that is neither 2 nor 4 octets" },
		{ 0, 0, DEFLATE, "a CPI that is neither 2 nor 4 octets" }, { 16, 256, DEFLATE, "a CPI that is neither 2 nor 4 octets" },
		{ 2, CPI, LZS, "IPComp of another kind than DEFLATE" },
	};
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		body_begin(&b, 1, 1);
		esp_add(&b, 2, 1);
		comp_add(&b, 0, 1, rows[i].len, rows[i].cpi, rows[i].id);
		basic_add(&b, 4, MODE_TUNNEL);
		CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
		CU_ASSERT_EQUAL_FATAL(offers.count, 1);
		const char *fault = offers.at[0].fault;
		CU_ASSERT_STRING_EQUAL(fault ? fault : "", rows[i].fault ? rows[i].fault : "");
		CU_ASSERT_EQUAL(offers.at[0].comp.cpi, fault ? 0 : (uint16_t)rows[i].cpi);
	}
}

static void bundles(void)
{
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];
	struct esp_transforms list = esp_list("aes128-sha1");

	/* Alone it protects nothing. */
	body_begin(&b, 1, 1);
	comp_add(&b, 0, 1, 2, CPI, DEFLATE);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL_FATAL(offers.count, 1);
	CU_ASSERT_STRING_EQUAL(offers.at[0].fault, "IPComp alone, which protects nothing");
	CU_ASSERT_EQUAL(esp_choose(&offers, &list, MODE_TUNNEL, true, why), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "peer offers IPCOMP_2; "));
	/* Unsaid, its mode is transport mode. */
	body_begin(&b, 1, 1);
	esp_add(&b, 2, 1);
	comp_add(&b, 0, 1, 2, CPI, DEFLATE);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_STRING_EQUAL(offers.at[0].fault, "IPComp in another mode than what it is offered with");
	/* Three protocols. */
	body_begin(&b, 1, 1);
	esp_add(&b, 2, 1);
	proposal_add(&b, 2, 1, PROTO_AH, 4, 1);
	transform_add(&b, 0, 1, 3);
	basic_add(&b, 4, MODE_TUNNEL);
	basic_add(&b, 5, 2);
	comp_add(&b, 0, 1, 2, CPI, DEFLATE);
	basic_add(&b, 4, MODE_TUNNEL);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(offers.count, 2);
	CU_ASSERT_STRING_EQUAL(offers.at[0].fault, "wanted only together with another protocol");
	free(list.at);
}

/* As charon's is: what it chose, and the same without IPComp. */
static void one_answer(void)
{
	static struct esp_offers answer;
	struct esp_transforms one = esp_list("aes128-sha256"), two = esp_list("aes128-aes256-sha256");
	char why[WHY_MAX];

	for (int i = 0; i < 4; i++) {
		uint8_t octets[512];
		struct writer w = writer_over(octets, sizeof(octets));
		esp_offers_put(&w, i & 1 ? &two : &one, 0x1000, i & 2 ? CPI : 0, MODE_TUNNEL, &hour);
		CU_ASSERT_EQUAL(esp_offers_read(&answer, writer_bytes(&w), why), 0);
		CU_ASSERT_EQUAL(esp_answer_is_one(&answer, true), !(i & 1));
		CU_ASSERT_EQUAL(esp_answer_is_one(&answer, false), i == 0);
	}
	/* Two that differ are none. */
	answer.at[1].spi++;
	answer.count = 2;
	CU_ASSERT_FALSE(esp_answer_is_one(&answer, true));
	free(one.at);
	free(two.at);
}

/* Of two transforms with one number the answer could only mean the first. */
static void repeated(void)
{
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];

	for (uint8_t second = 1; second <= 2; second++) {
		body_begin(&b, 1, 1);
		esp_add(&b, 2, 1);
		proposal_add(&b, 0, 1, PROTO_IPCOMP, 2, 2);
		transform_add(&b, 3, 1, LZS);
		transform_add(&b, 0, second, DEFLATE);
		basic_add(&b, 4, MODE_TUNNEL);
		patch_u16(&b.w, b.proposal + 2, (uint16_t)(b.w.used - b.proposal));
		CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
		CU_ASSERT_EQUAL_FATAL(offers.count, 1);
		CU_ASSERT_EQUAL(offers.at[0].fault == NULL, second == 2);
		CU_ASSERT_EQUAL(offers.at[0].comp.transform_number, second == 2 ? 2 : 0);
	}
}

static void unwanted(void)
{
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];
	struct esp_transforms list = esp_list("aes128-sha1");

	body_begin(&b, 1, 1);
	esp_add(&b, 2, 1);
	comp_add(&b, 0, 1, 2, CPI, DEFLATE);
	basic_add(&b, 4, MODE_TUNNEL);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(esp_choose(&offers, &list, MODE_TUNNEL, false, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "peer offers aes128-sha1 with IPComp; we accept aes128-sha1; nearest aes128-sha1 with IPComp fits, but "
			       "peer insists on IPComp, which we do not use here");
	free(list.at);
}

static const struct unit_case cases[] = {
	{ "it is offered with ESP, then ESP without it", offered },
	{ "the answer repeats both in the order of the offer", answered },
	{ "a CPI has 2 or 4 octets and is in the range that is negotiated", cpis },
	{ "it must fit what it is offered with", bundles },
	{ "an answer that repeats its choice without it is one choice", one_answer },
	{ "of two transforms of one number only the first counts", repeated },
	{ "a peer that insists on it where it is not configured is told", unwanted },
};

UNIT_MAIN("proposal_comp", cases)
