/* SPDX-License-Identifier: MIT */
/*
 * proposal_table.h - what the proposal files share: each algorithm that can be negotiated once, with its word, its
 * number on the wire and the name that crypto backends know it by. Others use proposal.h.
 */
#ifndef KEYFERRY_PROPOSAL_TABLE_H
#define KEYFERRY_PROPOSAL_TABLE_H
#include "proposal.h"

struct proposal_row {
	const char *word;
	uint16_t number;           /* on the wire; 0: IKEv1 has none                                      */
	uint16_t key_bits;         /* 0: one length, no Key Length attribute                              */
	const char *alg;           /* name in crypto.h; NULL: not used, `refused` says why                */
	const char *refused;
	uint8_t salt_len;          /* ESP ciphers: octets of KEYMAT after the key                         */
	uint8_t icv_len;           /* ESP authentication: octets the MAC is cut to                        */
	uint8_t ah;                /* ESP authentication: the AH transform of it                          */
	bool is_aead;
};

struct proposal_rows {
	const struct proposal_row *at;
	size_t count;
};

extern const struct proposal_rows ike_cipher_rows, ike_hash_rows, ike_prf_rows, group_rows;
extern const struct proposal_rows esp_cipher_rows, esp_auth_rows, esp_esn_rows;

/* Other spellings of the words, strongSwan's too; returns the word itself when it is no alias. */
const char *proposal_alias(const char *word);
/* The aliases one by one, for the search of the nearest word; NULL at the end. */
const char *proposal_alias_at(size_t i);
const struct proposal_row *row_by_word(const struct proposal_rows *rows, const char *word);
const struct proposal_row *row_by_number(const struct proposal_rows *rows, uint16_t number, uint16_t key_bits);

/* The parts of a transform as words: "aes256", "sha256", "modp2048"; "" when there is none, made up when unknown. */
enum { PART_TEXT_MAX = 32, PART_COUNT_MAX = 4 };
struct proposal_parts {
	char text[PART_COUNT_MAX][PART_TEXT_MAX];
	size_t count;
};
void ike_transform_parts(struct proposal_parts *out, const struct ike_transform *t);
void esp_transform_parts(struct proposal_parts *out, const struct esp_transform *t);

/* Looks the algorithms up. The first word that no loaded backend has, or NULL: all are there. */
const char *ike_transform_resolve(struct ike_transform *t, const struct crypto *crypto);
const char *esp_transform_resolve(struct esp_transform *t, const struct crypto *crypto);

enum proposal_kind { PROPOSAL_IKE, PROPOSAL_ESP, PROPOSAL_AH };

/* The words of a preset, or NULL: there is none, or it has none of this kind. */
const char *preset_words(const char *name, enum proposal_kind kind);
const char *preset_name_at(size_t i);

/* ---- the proposals of an SA payload's body, one transform after the other ---- */

/* Attribute and DOI numbers: RFC 2409 appendix A, RFC 2407 4.5, RFC 4304. */
enum {
	IKE_ATTR_CIPHER = 1, IKE_ATTR_HASH, IKE_ATTR_AUTH, IKE_ATTR_GROUP, IKE_ATTR_GROUP_TYPE, IKE_ATTR_PRIME,
	IKE_ATTR_GENERATOR_1, IKE_ATTR_GENERATOR_2, IKE_ATTR_CURVE_A, IKE_ATTR_CURVE_B, IKE_ATTR_LIFE_TYPE,
	IKE_ATTR_LIFE_DURATION, IKE_ATTR_PRF, IKE_ATTR_KEY_LENGTH, IKE_ATTR_FIELD_SIZE, IKE_ATTR_GROUP_ORDER,
	ESP_ATTR_LIFE_TYPE = 1, ESP_ATTR_LIFE_DURATION, ESP_ATTR_GROUP, ESP_ATTR_MODE, ESP_ATTR_AUTH, ESP_ATTR_KEY_LENGTH,
	ESP_ATTR_ESN = 11,
	LIFE_SECONDS = 1, LIFE_KILOBYTES = 2,
	ATTRIBUTE_BASIC = 0x8000,
	TRANSFORM_KEY_IKE = 1,
	IPCOMP_DEFLATE = 2,                /* RFC 2407 4.4.5                                                */
	CPI_LEN = 2,
	/* RFC 3173 3.3: those below the first number an algorithm, but for some that are reserved; those above the last are private. */
	CPI_FIRST = 256, CPI_LAST = 61439,
	PROPOSAL_NUMBERS = 256,
};

struct sa_transform {
	uint8_t proposal_number, protocol, number, id;
	struct bytes spi;
	struct bytes attributes;
	struct bytes body;         /* all after the generic header: number, id, reserved, attributes */
};

/* Each proposal number and how many proposal payloads carry it: more than one means that all are wanted together. */
struct sa_numbers {
	uint8_t payloads[PROPOSAL_NUMBERS];
};

/* Ties IPComp to the ESP or AH of the same proposal number; alone it has a fault. */
void comp_join(struct esp_offers *offers, const struct sa_numbers *numbers);

/* Reads the whole body; `visit` sees each transform. FAULT_INPUT: malformed. */
int sa_walk(struct bytes sa_body, struct sa_numbers *numbers, void (*visit)(void *arg, const struct sa_transform *t), void *arg,
	    char why[WHY_MAX]) MUST_CHECK;

#endif
