/* SPDX-License-Identifier: MIT */
/* test_proposal_wire.c - SA payloads written, read and answered; and those that are wrong. */
#include "test_proposal.h"

#include "names.h"
#include "proposal_table.h"

#include "unit.h"

static const uint16_t psk[] = { 1 }, rsa[] = { 3 }, both[] = { 3, 1 };

static void ike_fault_is(struct body *b, const char *fault)
{
	static struct ike_offers offers;
	char why[WHY_MAX], text[PROPOSAL_TEXT_MAX];

	CU_ASSERT_EQUAL(ike_offers_read(&offers, writer_bytes(&b->w), why), 0);
	CU_ASSERT(offers.count > 0);
	const char *got = offers.count ? offers.at[offers.count - 1].fault : "nothing";
	CU_ASSERT_STRING_EQUAL(got ? got : "", fault);
	if (strcmp(got ? got : "", fault) != 0)
		printf("expected \"%s\", got \"%s\" (%s)\n", fault, got ? got : "", why);
	for (size_t i = 0; i < offers.count; i++)
		CU_ASSERT(ike_transform_text(text, &offers.at[i].transform)[0]);
}

static void esp_fault_is(struct body *b, const char *fault)
{
	static struct esp_offers offers;
	char why[WHY_MAX], text[PROPOSAL_TEXT_MAX];

	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b->w), why), 0);
	CU_ASSERT(offers.count > 0);
	const char *got = offers.count ? offers.at[offers.count - 1].fault : "nothing";
	CU_ASSERT_STRING_EQUAL(got ? got : "", fault);
	if (strcmp(got ? got : "", fault) != 0)
		printf("expected \"%s\", got \"%s\" (%s)\n", fault, got ? got : "", why);
	for (size_t i = 0; i < offers.count; i++)
		CU_ASSERT(esp_transform_text(text, &offers.at[i].transform)[0]);
}

static void is_malformed(struct bytes body, const char *says)
{
	static struct ike_offers ike;
	static struct esp_offers esp;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(ike_offers_read(&ike, body, why), FAULT_INPUT);
	CU_ASSERT_EQUAL(esp_offers_read(&esp, body, why), FAULT_INPUT);
	CU_ASSERT(ike.count == 0 && esp.count == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, says));
	if (!strstr(why, says))
		printf("expected \"%s\", got \"%s\"\n", says, why);
}

/* ---- what we write ---- */

static void phase1_octets(void)
{
	static const char expected[] =
		"\0\0\0\1\0\0\0\1"
		"\0\0\0\x30\1\1\0\1"
		"\0\0\0\x28\1\1\0\0"
		"\x80\1\0\7\x80\x0e\1\0\x80\2\0\4\x80\4\0\x0e\x80\3\0\1\x80\x0b\0\1\x00\x0c\0\4\0\1\x51\x80";
	struct ike_transforms list = ike_list("aes256-sha256-modp2048");
	uint8_t octets[200];
	struct writer w = writer_over(octets, sizeof(octets));

	ike_offers_put(&w, &list, psk, 1, 86400);
	CU_ASSERT(bytes_equal(writer_bytes(&w), bytes_of(expected, sizeof(expected) - 1)));
	free(list.at);
}

static void esp_octets(void)
{
	static const char expected[] =
		"\0\0\0\1\0\0\0\1"
		"\0\0\0\x30\1\3\4\1\xc0\1\2\3"
		"\0\0\0\x24\1\x0c\0\0"
		"\x80\3\0\x0e\x80\4\0\1\x80\1\0\1\x80\2\x0e\x10\x80\5\0\2\x80\6\0\x80\x80\x0b\0\1";
	struct esp_transforms list = esp_list("aes128-sha1-modp2048-esn");
	uint8_t octets[200];
	struct writer w = writer_over(octets, sizeof(octets));

	esp_offers_put(&w, &list, 0xc0010203, 0, MODE_TUNNEL, &(struct lifetime){ .seconds = 3600 });
	CU_ASSERT(bytes_equal(writer_bytes(&w), bytes_of(expected, sizeof(expected) - 1)));
	free(list.at);
}

static void what_is_written_is_read(void)
{
	static struct ike_offers ike;
	static struct esp_offers esp;
	static uint8_t octets[4096];
	const char *name;
	char why[WHY_MAX];

	for (size_t n = 0; (name = preset_name_at(n)); n++) {
		struct ike_transforms ikes = ike_list(name);
		struct esp_transforms esps = esp_list(name);
		struct writer w = writer_over(octets, sizeof(octets));

		ike_offers_put(&w, &ikes, both, 2, 28800);
		CU_ASSERT_EQUAL(ike_offers_read(&ike, writer_bytes(&w), why), 0);
		CU_ASSERT_EQUAL(ike.count, 2 * ikes.count);
		for (size_t i = 0; i < ike.count; i++)
			CU_ASSERT(ike_transform_same(&ike.at[i].transform, &ikes.at[i / 2]) && !ike.at[i].fault &&
				  ike.at[i].auth == both[i % 2] && ike.at[i].lifetime == 28800 && ike.at[i].transform_number == i + 1);
		w = writer_over(octets, sizeof(octets));
		esp_offers_put(&w, &esps, 0x12345678, 0, MODE_UDP_TUNNEL, &(struct lifetime){ .seconds = 100000 });
		CU_ASSERT_EQUAL(esp_offers_read(&esp, writer_bytes(&w), why), 0);
		CU_ASSERT(esp.count > 0 && esp.count <= esps.count);
		for (size_t i = 0; i < esp.count; i++)
			CU_ASSERT(!esp.at[i].fault && esp.at[i].spi == 0x12345678 && esp.at[i].mode == MODE_UDP_TUNNEL &&
				  esp.at[i].lifetime == 100000 && esp.at[i].transform.group == esps.at[0].group);
		free(ikes.at);
		free(esps.at);
	}
}

static void an_offer_that_does_not_fit_fails(void)
{
	struct ike_transforms list = ike_list("default"), none = { NULL, 0 };
	struct esp_transforms esps = esp_list("default"), no_esp = { NULL, 0 };
	uint8_t octets[1024];

	for (size_t size = 0; size < 400; size++) {
		struct writer w = writer_over(octets, size);

		ike_offers_put(&w, &list, psk, 1, 3600);
		CU_ASSERT(w.failed);
		w = writer_over(octets, size < 100 ? size : 100);
		esp_offers_put(&w, &esps, 256, 0, MODE_TUNNEL, &(struct lifetime){ .seconds = 3600 });
		CU_ASSERT(w.failed);
	}
	struct writer w = writer_over(octets, sizeof(octets));
	ike_offers_put(&w, &none, psk, 1, 3600);
	CU_ASSERT(w.failed);
	w = writer_over(octets, sizeof(octets));
	esp_offers_put(&w, &no_esp, 256, 0, MODE_TUNNEL, &(struct lifetime){ .seconds = 3600 });
	CU_ASSERT(w.failed);
	free(list.at);
	free(esps.at);
}

static void the_choice_is_repeated(void)
{
	static const char extra[] = "\0\1\2";
	static struct body b;
	uint8_t octets[200];
	struct writer w = writer_over(octets, sizeof(octets));
	uint32_t spi = 0xcafe0001;

	body_begin(&b, 1, 1);
	proposal_add(&b, 2, 3, PROTO_ESP, 4, 1);
	transform_add(&b, 0, 1, 3);
	esp_attributes_add(&b);
	proposal_add(&b, 0, 7, PROTO_ESP, 4, 2);
	transform_add(&b, 3, 9, 12);
	esp_attributes_add(&b);
	variable_add(&b, 300, extra, sizeof(extra));
	size_t first = b.transform, end = b.w.used;
	transform_add(&b, 0, 10, 12);
	esp_attributes_add(&b);
	patch_u16(&b.w, b.proposal + 2, (uint16_t)(b.w.used - b.proposal));
	CU_ASSERT_EQUAL(sa_choice_put(&w, writer_bytes(&b.w), 7, 9, PROTO_ESP, &spi), 0);
	CU_ASSERT_EQUAL(w.used, 8 + 12 + (end - first));
	CU_ASSERT(memcmp(octets + 8, "\0\0\0", 3) == 0 && memcmp(octets + 12, "\7\3\4\1\xca\xfe\0\1", 8) == 0);
	CU_ASSERT(memcmp(octets + 20, "\0\0", 2) == 0);
	CU_ASSERT(memcmp(octets + 22, b.octets + first + 2, end - first - 2) == 0);
	CU_ASSERT_EQUAL(sa_choice_put(&w, writer_bytes(&b.w), 7, 1, PROTO_ESP, &spi), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(sa_choice_put(&w, writer_bytes(&b.w), 7, 9, PROTO_AH, &spi), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(sa_choice_put(&w, bytes_of(b.octets, b.w.used - 1), 7, 9, PROTO_ESP, &spi), FAULT_INPUT);
	w = writer_over(octets, 30);
	CU_ASSERT_EQUAL(sa_choice_put(&w, writer_bytes(&b.w), 7, 9, PROTO_ESP, &spi), FAULT_FULL);
}

/* ---- what we read ---- */

static void every_situation_bit(void)
{
	static struct body b;

	for (unsigned bit = 0; bit < 32; bit++) {
		body_begin(&b, 1, 1u << bit);
		proposal_add(&b, 0, 1, PROTO_ISAKMP, 0, 1);
		transform_add(&b, 0, 1, 1);
		ike_attributes_add(&b);
		if (bit == 0)
			ike_fault_is(&b, "");
		else
			is_malformed(writer_bytes(&b.w), "only identity-only (1) is supported");
	}
	body_begin(&b, 1, 0xffffffff);
	is_malformed(writer_bytes(&b.w), "situation 0xffffffff");
	body_begin(&b, 0, 1);
	is_malformed(writer_bytes(&b.w), "DOI 0");
}

static void malformed_frames(void)
{
	static struct body b;
	static const struct {
		size_t at;
		uint8_t value;
		const char *says;
	} cases[] = {
		{ 8, 1, "wrong next payload" },         { 8, 2, "the proposal payload at place 2 ends early" },
		{ 9, 1, "reserved" },                   { 11, 0, "shorter than its own header" },
		{ 11, 3, "shorter than its own header" }, { 11, 7, "shorter than its fixed part" },
		{ 11, 200, "ends early" },              { 11, 8, "the transform payload at place 1 ends early" },
		{ 14, 255, "shorter than its fixed part and SPI" }, { 15, 0, "announces 0 transforms" },
		{ 15, 2, "announces 2 transforms" },    { 16, 2, "wrong next payload" },
		{ 16, 3, "at place 2 ends early" },     { 17, 1, "reserved" },
		{ 19, 4, "shorter than its fixed part" }, { 19, 20, "then something else" },
		{ 22, 1, "reserved" },                  { 19, 255, "ends early" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		ike_body(&b);
		ike_attributes_add(&b);
		b.octets[cases[i].at] = cases[i].value;
		is_malformed(writer_bytes(&b.w), cases[i].says);
	}
	ike_body(&b);
	ike_attributes_add(&b);
	for (size_t len = 0; len < b.w.used; len++)
		is_malformed(bytes_of(b.octets, len), "");
	put_u8(&b.w, 0);
	is_malformed(writer_bytes(&b.w), "goes on after its last proposal");
}

static void broken_attributes(void)
{
	static struct body b;

	ike_body(&b);
	ike_attributes_add(&b);
	put_u8(&b.w, 0);
	lengths_set(&b);
	is_malformed(writer_bytes(&b.w), "an attribute of transform 1 of proposal 1 ends early");
	ike_body(&b);
	variable_add(&b, 12, "\1\2\3\4", 4);
	b.octets[27] = 5;
	is_malformed(writer_bytes(&b.w), "ends early");
}

static void missing_and_double_attributes(void)
{
	static const struct {
		uint16_t type;
		const char *missing;
	} cases[] = {
		{ 1, "no cipher" }, { 2, "no hash" }, { 3, "no authentication method" }, { 4, "no Diffie-Hellman group" },
		{ 14, "a cipher without its key length" },
	};
	static const uint16_t attributes[][2] = { { 1, 7 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 14, 128 } };
	static struct body b;

	for (size_t i = 0; i < COUNT(cases); i++) {
		ike_body(&b);
		for (size_t k = 0; k < COUNT(attributes); k++)
			if (attributes[k][0] != cases[i].type)
				basic_add(&b, attributes[k][0], attributes[k][1]);
		ike_fault_is(&b, cases[i].missing);
		ike_body(&b);
		ike_attributes_add(&b);
		basic_add(&b, cases[i].type, 2);
		ike_fault_is(&b, "an attribute that stands twice");
	}
	ike_body(&b);
	ike_fault_is(&b, "no cipher");
	for (int i = 0; i < 100; i++)
		basic_add(&b, 77, 1);
	ike_fault_is(&b, "an unsupported attribute");
	ike_body(&b);
	basic_add(&b, 1, 7);
	for (int i = 0; i < 20; i++) {
		basic_add(&b, 11, 1);
		basic_add(&b, 12, 1);
	}
	ike_fault_is(&b, "two lifetimes of the same unit");
}

static void every_ike_number(void)
{
	static struct ike_offers offers;
	static struct body b;
	char why[WHY_MAX];
	struct ike_transforms accepted = ike_list("legacy");

	for (uint16_t type = 0; type < 40; type++)
		for (unsigned value = 0; value <= UINT16_MAX; value += value < 34 ? 1 : 9973) {
			ike_body(&b);
			for (uint16_t k = 1; k <= 4; k++)
				basic_add(&b, k, k == type ? (uint16_t)value : k == 1 ? 5 : k);
			if (type == 0 || type > 4)
				basic_add(&b, type, (uint16_t)value);
			CU_ASSERT_EQUAL(ike_offers_read(&offers, writer_bytes(&b.w), why), 0);
			CU_ASSERT_EQUAL(offers.count, 1);
			CU_ASSERT(ike_choose(&offers, &accepted, rsa, 1, why) <= 0);
			variable_add(&b, type, "\0\1\2\3\4\5\6\7\10", value % 10);
			CU_ASSERT_EQUAL(ike_offers_read(&offers, writer_bytes(&b.w), why), 0);
			CU_ASSERT(ike_choose(&offers, &accepted, rsa, 1, why) <= 0);
		}
	free(accepted.at);
	ike_body(&b);
	basic_add(&b, 1, 5);
	basic_add(&b, 2, 2);
	basic_add(&b, 3, 1);
	basic_add(&b, 4, 32769);
	ike_fault_is(&b, "an unknown Diffie-Hellman group");
	variable_add(&b, 6, "\1", 1);
	ike_fault_is(&b, "a group of the peer's own, which is not trusted");
}

static void every_esp_number(void)
{
	static const uint16_t keys[] = { 0, 1, 56, 128, 160, 192, 256, 288, 65535 };
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];
	struct esp_transforms accepted = esp_list("aes128gcm16, aes256-3des-sha256-sha1, null-md5, camellia128-sha512");

	for (unsigned id = 0; id < 256; id++)
		for (size_t k = 0; k <= COUNT(keys); k++)
			for (uint16_t auth = 0; auth < 12; auth += auth == 2 ? 3 : 1) {
				esp_body(&b, (uint8_t)id);
				basic_add(&b, 4, MODE_TUNNEL);
				if (k < COUNT(keys))
					basic_add(&b, 6, keys[k]);
				if (auth)
					basic_add(&b, 5, auth);
				CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
				CU_ASSERT_EQUAL(offers.count, 1);
				bool is_fine = !offers.at[0].fault;
				int chosen = esp_choose(&offers, &accepted, MODE_TUNNEL, false, why);
				CU_ASSERT(chosen == -1 || (is_fine && (offers.at[0].transform.aead || offers.at[0].transform.mac)));
				CU_ASSERT(chosen == -1 || offers.at[0].transform.icv_len >= 12);
			}
	free(accepted.at);
}

static void esp_faults(void)
{
	static struct body b;

	esp_body(&b, 12);
	esp_attributes_add(&b);
	esp_fault_is(&b, "");
	basic_add(&b, 11, 1);
	esp_fault_is(&b, "");
	esp_body(&b, 12);
	esp_attributes_add(&b);
	basic_add(&b, 11, 2);
	esp_fault_is(&b, "an unknown kind of sequence numbers");
	esp_body(&b, 20);
	esp_attributes_add(&b);
	esp_fault_is(&b, "an integrity algorithm beside a cipher that has its own");
	esp_body(&b, 23);
	esp_attributes_add(&b);
	esp_fault_is(&b, "AES-GMAC does not encrypt");
	esp_body(&b, 23);
	basic_add(&b, 4, 1);
	basic_add(&b, 6, 0);
	esp_fault_is(&b, "a cipher without its key length");
	esp_body(&b, 12);
	basic_add(&b, 6, 128);
	basic_add(&b, 5, 2);
	esp_fault_is(&b, "no encapsulation mode");
	basic_add(&b, 4, 5);
	esp_fault_is(&b, "an unknown encapsulation mode");
	esp_body(&b, 12);
	basic_add(&b, 6, 128);
	basic_add(&b, 4, 61443);
	esp_fault_is(&b, "no integrity algorithm");
	basic_add(&b, 5, 2);
	esp_fault_is(&b, "");
	basic_add(&b, 3, 0);
	esp_fault_is(&b, "an unknown Diffie-Hellman group");
	esp_body(&b, 3);
	esp_attributes_add(&b);
	esp_fault_is(&b, "a key length for a cipher that has only one");
}

static void spis(void)
{
	static struct ike_offers ike;
	static struct body b;
	char why[WHY_MAX];

	for (unsigned len = 0; len < 256; len++) {
		body_begin(&b, 1, 1);
		proposal_add(&b, 0, 1, PROTO_ISAKMP, (uint8_t)len, 1);
		transform_add(&b, 0, 1, 1);
		ike_attributes_add(&b);
		ike_fault_is(&b, len <= 16 ? "" : "an SPI of more than 16 octets");
		body_begin(&b, 1, 1);
		proposal_add(&b, 0, 1, PROTO_ESP, (uint8_t)len, 1);
		transform_add(&b, 0, 1, 12);
		esp_attributes_add(&b);
		esp_fault_is(&b, len == 4 ? "" : "an SPI that is not 4 octets");
	}
	for (unsigned spi = 0; spi <= 256; spi++) {
		esp_body(&b, 12);
		esp_attributes_add(&b);
		memcpy(b.octets + 16, (uint8_t[]){ 0, 0, (uint8_t)(spi >> 8), (uint8_t)spi }, 4);
		esp_fault_is(&b, spi < 256 ? "a reserved SPI" : "");
	}
	esp_body(&b, 1);
	CU_ASSERT_EQUAL(ike_offers_read(&ike, writer_bytes(&b.w), why), 0);
	CU_ASSERT_STRING_EQUAL(ike.at[0].fault, "not for ISAKMP");
}

static void lifetimes(void)
{
	static struct esp_offers offers;
	static struct body b;
	char why[WHY_MAX];

	esp_body(&b, 12);
	esp_attributes_add(&b);
	basic_add(&b, 1, 2);
	variable_add(&b, 2, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	basic_add(&b, 1, 1);
	variable_add(&b, 2, "\1\0\0\0\0", 5);
	CU_ASSERT_EQUAL(esp_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT(!offers.at[0].fault && offers.at[0].lifetime == UINT32_MAX && offers.at[0].lifetime_bytes == UINT64_MAX);
	static const struct {
		const char *octets;
		size_t len;
		const char *fault;
	} cases[] = {
		{ "", 0, "a lifetime of no usable length" }, { "\0\0\0\0\0\0\0\0\1", 9, "a lifetime of no usable length" },
		{ "\1", 1, "" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		esp_body(&b, 12);
		esp_attributes_add(&b);
		basic_add(&b, 1, 1);
		variable_add(&b, 2, cases[i].octets, cases[i].len);
		esp_fault_is(&b, cases[i].fault);
	}
	basic_add(&b, 2, 1);
	esp_fault_is(&b, "a lifetime without unit");
	esp_body(&b, 12);
	esp_attributes_add(&b);
	basic_add(&b, 1, 1);
	esp_fault_is(&b, "a unit of lifetime without lifetime");
	esp_body(&b, 12);
	esp_attributes_add(&b);
	basic_add(&b, 1, 3);
	esp_fault_is(&b, "a lifetime of unknown unit");
	esp_body(&b, 12);
	variable_add(&b, 4, "\0\1", 2);
	esp_fault_is(&b, "a basic attribute in variable form");
}

static void many_and_double_numbers(void)
{
	static struct ike_offers offers;
	static struct body b;
	char why[WHY_MAX];

	body_begin(&b, 1, 1);
	for (unsigned i = 0; i < 200; i++) {
		proposal_add(&b, i < 199 ? 2 : 0, (uint8_t)i, PROTO_ISAKMP, 0, 3);
		size_t proposal = b.proposal;
		for (unsigned k = 0; k < 3; k++) {
			transform_add(&b, k < 2 ? 3 : 0, k < 2 ? 1 : 2, 1);
			ike_attributes_add(&b);
		}
		CU_ASSERT_EQUAL(proposal, b.proposal);
	}
	CU_ASSERT_EQUAL(ike_offers_read(&offers, writer_bytes(&b.w), why), 0);
	CU_ASSERT_EQUAL(offers.count, TRANSFORMS_MAX);
	CU_ASSERT_PTR_NULL(offers.at[0].fault);
	CU_ASSERT_STRING_EQUAL(offers.at[1].fault, "a transform number that stands twice");
	CU_ASSERT_PTR_NULL(offers.at[2].fault);
}

static const struct unit_case cases[] = {
	{ "a phase 1 offer has the octets of RFC 2409", phase1_octets },
	{ "an ESP offer has the octets of RFC 2407", esp_octets },
	{ "what is written is read back", what_is_written_is_read },
	{ "an offer that is empty or does not fit fails", an_offer_that_does_not_fit_fails },
	{ "the answer repeats the chosen transform octet for octet", the_choice_is_repeated },
	{ "every situation bit but identity-only is refused", every_situation_bit },
	{ "malformed proposals and transforms are refused", malformed_frames },
	{ "attributes that run over their end are refused", broken_attributes },
	{ "a missing or double attribute is the transform's fault", missing_and_double_attributes },
	{ "every phase 1 attribute with any value is survived", every_ike_number },
	{ "every ESP transform with any key length is survived", every_esp_number },
	{ "an ESP transform that contradicts itself has a fault", esp_faults },
	{ "phase 1 ignores SPIs, ESP wants four octets that are not reserved", spis },
	{ "lifetimes have a unit and up to eight octets", lifetimes },
	{ "only so many transforms are kept, and of equal numbers the first", many_and_double_numbers },
};

UNIT_MAIN("proposal_wire", cases)
