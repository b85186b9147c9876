/* SPDX-License-Identifier: MIT */
/* proposal.c - one transform: as text, compared, and tied to the algorithms of the loaded backends. */
#include "proposal_table.h"

#include "names.h"

#include <stdio.h>

/* ---- as text ---- */

/*
 * A number's word. Unknown numbers are named by their kind ("group23456"), a key length that the cipher does
 * not have stands where a right one would ("aes0", "aes512gcm16").
 */
static void part_text(char out[PART_TEXT_MAX], const struct proposal_rows *rows, const char *kind, uint16_t number,
		      uint16_t key_bits)
{
	const struct proposal_row *row = row_by_number(rows, number, key_bits), *like = NULL;

	if (row) {
		snprintf(out, PART_TEXT_MAX, "%s", row->word);
		return;
	}
	for (size_t i = 0; i < rows->count && number && !like; i++)
		if (rows->at[i].number == number)
			like = &rows->at[i];
	if (!like) {
		snprintf(out, PART_TEXT_MAX, "%s%u", kind, number);
	} else if (like->key_bits == 0) {
		snprintf(out, PART_TEXT_MAX, "%s_%u", like->word, key_bits);
	} else {
		size_t stem = strcspn(like->word, "0123456789");
		const char *rest = like->word + stem + strspn(like->word + stem, "0123456789");

		snprintf(out, PART_TEXT_MAX, "%.*s%u%s", (int)stem, like->word, key_bits, rest);
	}
}

void ike_transform_parts(struct proposal_parts *out, const struct ike_transform *t)
{
	*out = (struct proposal_parts){ .count = 3 };
	part_text(out->text[0], &ike_cipher_rows, "cipher", t->cipher, t->key_bits);
	part_text(out->text[1], &ike_hash_rows, "hash", t->hash, 0);
	part_text(out->text[2], &group_rows, "group", t->group, 0);
}

void esp_transform_parts(struct proposal_parts *out, const struct esp_transform *t)
{
	*out = (struct proposal_parts){ .count = 4 };
	if (t->is_ah)
		snprintf(out->text[0], PART_TEXT_MAX, "AH");
	else
		part_text(out->text[0], &esp_cipher_rows, "esp", t->id, t->key_bits);
	if (t->auth == 5 && t->short_sha256)
		snprintf(out->text[1], PART_TEXT_MAX, "sha256_96");
	else if (t->auth)
		part_text(out->text[1], &esp_auth_rows, "auth", t->auth, 0);
	if (t->group)
		part_text(out->text[2], &group_rows, "group", t->group, 0);
	if (t->esn)
		snprintf(out->text[3], PART_TEXT_MAX, "esn");
}

static const char *parts_text(char *out, size_t size, const struct proposal_parts *parts)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < parts->count && used < size; i++)
		if (parts->text[i][0])
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "-" : "", parts->text[i]);
	return out;
}

const char *ike_transform_text(char out[PROPOSAL_TEXT_MAX], const struct ike_transform *t)
{
	struct proposal_parts parts;

	ike_transform_parts(&parts, t);
	return parts_text(out, PROPOSAL_TEXT_MAX, &parts);
}

const char *esp_transform_text(char out[PROPOSAL_TEXT_MAX], const struct esp_transform *t)
{
	struct proposal_parts parts;

	esp_transform_parts(&parts, t);
	/* "AH sha256-modp2048": AH is no word of a proposal. */
	size_t head = t->is_ah ? (size_t)snprintf(out, PROPOSAL_TEXT_MAX, "%s ", parts.text[0]) : 0;
	if (t->is_ah)
		parts.text[0][0] = '\0';
	parts_text(out + head, PROPOSAL_TEXT_MAX - head, &parts);
	return out;
}

uint8_t esp_transform_protocol(const struct esp_transform *t)
{
	return t->is_ah ? PROTO_AH : PROTO_ESP;
}

/* ---- compared ---- */

bool ike_transform_same(const struct ike_transform *a, const struct ike_transform *b)
{
	return a->cipher == b->cipher && a->key_bits == b->key_bits && a->hash == b->hash && a->group == b->group;
}

bool esp_transform_same(const struct esp_transform *a, const struct esp_transform *b)
{
	return a->is_ah == b->is_ah && a->id == b->id && a->key_bits == b->key_bits && a->auth == b->auth && a->group == b->group &&
	       a->esn == b->esn && a->short_sha256 == b->short_sha256;
}

/* ---- tied to algorithms ---- */

static const struct proposal_row *row_in_use(const struct proposal_rows *rows, uint16_t number, uint16_t key_bits)
{
	const struct proposal_row *row = row_by_number(rows, number, key_bits);

	return row && row->alg ? row : NULL;
}

const char *ike_transform_resolve(struct ike_transform *t, const struct crypto *crypto)
{
	const struct proposal_row *cipher = row_in_use(&ike_cipher_rows, t->cipher, t->key_bits);
	const struct proposal_row *hash = row_in_use(&ike_hash_rows, t->hash, 0);
	const struct proposal_row *prf = row_in_use(&ike_prf_rows, t->hash, 0);
	const struct proposal_row *group = row_in_use(&group_rows, t->group, 0);

	if (!cipher || !(t->cipher_alg = crypto_cipher(crypto, cipher->alg)))
		return cipher ? cipher->word : "the cipher";
	if (!hash || !prf || !(t->hash_alg = crypto_hash(crypto, hash->alg)))
		return hash ? hash->word : "the hash";
	if (!(t->prf_alg = crypto_mac(crypto, prf->alg)))
		return prf->word;
	if (!group || !(t->group_alg = crypto_group(crypto, group->alg)))
		return group ? group->word : "the group";
	return NULL;
}

static const char *esp_cipher_resolve(struct esp_transform *t, const struct crypto *crypto)
{
	const struct proposal_row *row = row_in_use(&esp_cipher_rows, t->id, t->key_bits);

	if (!row)
		return "the cipher";
	t->salt_len = row->salt_len;
	t->key_len = 0;
	t->aead = NULL;
	t->cipher = NULL;
	if (row->is_aead) {
		if (!(t->aead = crypto_aead(crypto, row->alg)))
			return row->word;
		t->key_len = (uint8_t)t->aead->key;
		t->icv_len = (uint8_t)t->aead->tag;
	} else if (strcmp(row->alg, "null") != 0) {
		if (!(t->cipher = crypto_cipher(crypto, row->alg)))
			return row->word;
		t->key_len = (uint8_t)t->cipher->key;
	}
	return NULL;
}

static const char *esp_auth_resolve(struct esp_transform *t, const struct crypto *crypto)
{
	const struct proposal_row *row = t->short_sha256 ? row_by_word(&esp_auth_rows, "sha256_96")
							 : row_in_use(&esp_auth_rows, t->auth, 0);

	if (!row || !(t->mac = crypto_mac(crypto, row->alg)))
		return row ? row->word : "the integrity algorithm";
	t->mac_key_len = (uint8_t)t->mac->size;
	t->icv_len = row->icv_len;
	return NULL;
}

const char *esp_transform_resolve(struct esp_transform *t, const struct crypto *crypto)
{
	const char *missing = t->is_ah ? NULL : esp_cipher_resolve(t, crypto);

	t->mac = NULL;
	t->mac_key_len = 0;
	if (!missing && !t->aead)
		missing = esp_auth_resolve(t, crypto);
	if (missing || t->group == 0)
		return missing;
	const struct proposal_row *group = row_in_use(&group_rows, t->group, 0);
	if (!group || !(t->group_alg = crypto_group(crypto, group->alg)))
		return group ? group->word : "the group";
	return NULL;
}
