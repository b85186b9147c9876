/* SPDX-License-Identifier: MIT */
/*
 * fuzz_proposal.c - SA payload bodies and proposal words from anybody: read, chosen from, answered, named. The first
 * octet picks the phase, and whether the rest is a body or words.
 */
#include "test_proposal.h"

#include "names.h"

#include <stdlib.h>

static const uint16_t auths[] = { 1, 3, 65001 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a fuzzer must report. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

static void ike_input(struct bytes body)
{
	static const char words[] = "aes256-aes128-3des-sha256-sha1-modp2048-modp1024";
	struct ike_offers offers, answer;
	struct ike_transforms accepted;
	char why[WHY_MAX], text[PROPOSAL_TEXT_MAX];
	uint8_t octets[65536 + 64];
	struct writer w = writer_over(octets, sizeof(octets));

	if (ike_offers_read(&offers, body, why))
		return;
	must(offers.count <= TRANSFORMS_MAX);
	for (size_t i = 0; i < offers.count; i++)
		must(strlen(ike_transform_text(text, &offers.at[i].transform)) > 0);
	must(ike_transforms_parse(&accepted, words, &everything, why) == 0);
	int index = ike_choose(&offers, &accepted, auths, COUNT(auths), why);
	must(index < 0 || (size_t)index < offers.count);
	if (index >= 0) {
		const struct ike_offer *o = &offers.at[index];

		must(!o->fault && o->transform.cipher_alg && o->transform.group_alg);
		must(sa_choice_put(&w, body, o->proposal_number, o->transform_number, PROTO_ISAKMP, NULL) == 0);
		/* The answer must say what we understood. */
		must(ike_offers_read(&answer, writer_bytes(&w), why) == 0 && answer.count == 1 && !answer.at[0].fault);
		must(ike_transform_same(&answer.at[0].transform, &o->transform) && answer.at[0].auth == o->auth);
	} else {
		must(why[0] != '\0');
	}
	free(accepted.at);
}

/* The answer must say what we understood. */
static void answer_check(struct bytes body, const struct esp_offer *o)
{
	static struct esp_offers answer;
	uint8_t octets[65536 + 64];
	struct writer w = writer_over(octets, sizeof(octets));
	uint32_t spi = 0xc0ffee00;
	uint16_t cpi = 0x1234;
	char why[WHY_MAX];

	must(!o->fault && o->transform.icv_len && o->spi > 255);
	if (o->comp.cpi)
		must(comp_choice_put(&w, body, o, spi, cpi) == 0);
	else
		must(sa_choice_put(&w, body, o->proposal_number, o->transform_number, o->protocol, &spi) == 0);
	must(esp_offers_read(&answer, writer_bytes(&w), why) == 0 && answer.count == 1 && !answer.at[0].fault);
	must(esp_transform_same(&answer.at[0].transform, &o->transform) && answer.at[0].mode == o->mode && answer.at[0].spi == spi &&
	     answer.at[0].lifetime == o->lifetime && answer.at[0].comp.cpi == (o->comp.cpi ? cpi : 0));
}

static void choice_check(struct bytes body, const struct esp_offers *from, const struct esp_transforms *accepted, bool compress)
{
	static struct esp_offers offers;
	char why[WHY_MAX];

	offers = *from;
	int index = esp_choose(&offers, accepted, MODE_TUNNEL, compress, why);
	must(index < 0 || (size_t)index < offers.count);
	must(index >= 0 || why[0] != '\0');
	if (index >= 0) {
		must(compress || !offers.at[index].comp.cpi);
		answer_check(body, &offers.at[index]);
	}
}

static void esp_input(struct bytes body)
{
	static const char esp_words[] = "aes256gcm16, aes128-3des-sha256-sha1, aes128-sha1-modp2048", ah_words[] = "sha256-sha1-md5";
	static struct esp_offers offers;
	struct esp_transforms esp, ah;
	char why[WHY_MAX], text[PROPOSAL_TEXT_MAX];

	if (esp_offers_read(&offers, body, why))
		return;
	must(offers.count <= TRANSFORMS_MAX);
	for (size_t i = 0; i < offers.count; i++)
		esp_transform_text(text, &offers.at[i].transform);
	must(esp_transforms_parse(&esp, esp_words, &everything, why) == 0 && ah_transforms_parse(&ah, ah_words, &everything, why) == 0);
	for (int compress = 0; compress < 2; compress++) {
		choice_check(body, &offers, &esp, compress);
		choice_check(body, &offers, &ah, compress);
	}
	free(esp.at);
	free(ah.at);
}

static void words_input(bool is_esp, struct bytes input)
{
	struct ike_transforms ike = { NULL, 0 };
	struct esp_transforms esp = { NULL, 0 };
	char why[WHY_MAX], text[2048];

	if (input.len >= sizeof(text))
		return;
	if (input.len)
		memcpy(text, input.at, input.len);
	text[input.len] = '\0';
	int fault = is_esp ? esp_transforms_parse(&esp, text, &everything, why) : ike_transforms_parse(&ike, text, &everything, why);
	must((fault != 0) == (why[0] != '\0'));
	must(fault || ike.count + esp.count > 0);
	must(ike.count + esp.count <= OFFER_MAX);
	free(ike.at);
	free(esp.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_over(bytes_of(data, size));
	uint8_t kind = read_u8(&r) & 3;
	struct bytes rest = read_rest(&r);

	/* An SA payload's length has 16 bits. */
	if (rest.len > UINT16_MAX)
		return 0;
	if (kind == 0)
		ike_input(rest);
	else if (kind == 1)
		esp_input(rest);
	else
		words_input(kind == 3, rest);
	return 0;
}
