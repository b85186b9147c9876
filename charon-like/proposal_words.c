/* SPDX-License-Identifier: MIT */
/*
 * proposal_words.c - transforms from words: a list of suites ("aes256-sha256-modp2048") and presets, each suite
 * expanded to all combinations of its parts.
 */
#include "proposal_table.h"

#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	WORD_MAX = 40,             /* longer than the longest word there is               */
	SUITE_MAX = 300,           /* characters of one suite; a preset's longest has 80  */
	SUITE_PART_MAX = 12,       /* alternatives of one kind in one suite               */
	NEAREST_MAX = 256,         /* words that a wrong one is compared with             */
};

enum part { PART_CIPHER, PART_HASH, PART_GROUP, PART_PRF, PART_ESN, PARTS };

static const struct proposal_rows *const ike_parts[PARTS] = {
	[PART_CIPHER] = &ike_cipher_rows, [PART_HASH] = &ike_hash_rows, [PART_GROUP] = &group_rows, [PART_PRF] = &ike_prf_rows,
};
static const struct proposal_rows *const esp_parts[PARTS] = {
	[PART_CIPHER] = &esp_cipher_rows, [PART_HASH] = &esp_auth_rows, [PART_GROUP] = &group_rows, [PART_ESN] = &esp_esn_rows,
};

static const struct proposal_rows *const ah_parts[PARTS] = {
	[PART_HASH] = &esp_auth_rows, [PART_GROUP] = &group_rows, [PART_ESN] = &esp_esn_rows,
};

/* One list while it is parsed. */
struct parse {
	enum proposal_kind kind;
	bool in_preset;
	const struct crypto *crypto;
	const struct proposal_rows *const *parts;
	struct ike_transform ike[OFFER_MAX];
	struct esp_transform esp[OFFER_MAX];
	size_t count;
	char suite[SUITE_MAX];     /* the suite in hand, as written */
	char *why;
};

/* The parts of one suite, by kind; NULL stands for a kind that the suite leaves out. */
struct suite {
	const struct proposal_row *at[PARTS][SUITE_PART_MAX];
	size_t count[PARTS];
};

__attribute__((format(printf, 3, 4))) static int refuse(struct parse *p, int fault, const char *format, ...)
{
	char text[WHY_MAX / 2], suite[WHY_MAX / 4];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_escape(suite, sizeof(suite), bytes_text(p->suite));
	snprintf(p->why, WHY_MAX, "\"%s\": %s", suite, text);
	return fault;
}

/* ---- one word ---- */

static const char *nearest(const struct parse *p, const char *word)
{
	const char *words[NEAREST_MAX + 1];
	const char *more;
	size_t count = 0;

	for (size_t part = 0; part < PARTS; part++)
		for (size_t i = 0; p->parts[part] && i < p->parts[part]->count; i++)
			if (p->parts[part]->at[i].alg && count < NEAREST_MAX)
				words[count++] = p->parts[part]->at[i].word;
	for (size_t i = 0; (more = preset_name_at(i)) && count < NEAREST_MAX; i++)
		words[count++] = more;
	for (size_t i = 0; (more = proposal_alias_at(i)) && count < NEAREST_MAX; i++)
		words[count++] = more;
	words[count] = NULL;
	return config_nearest(word, words);
}

static int unknown_word(struct parse *p, const char *word)
{
	const struct proposal_rows *const *others = p->kind == PROPOSAL_ESP ? ike_parts : esp_parts;
	char escaped[WORD_MAX + 24];

	log_escape(escaped, sizeof(escaped), bytes_text(word));
	if (p->kind == PROPOSAL_AH && row_by_word(&esp_cipher_rows, proposal_alias(word)))
		return refuse(p, FAULT_INPUT, "%s encrypts, which AH does not: leave it out, or use ESP", escaped);
	for (size_t part = 0; part < PARTS; part++)
		if (others[part] && row_by_word(others[part], proposal_alias(word)))
			return refuse(p, FAULT_INPUT, "%s is for %s alone", escaped, p->kind == PROPOSAL_ESP ? "phase 1" : "ESP");
	if (p->kind == PROPOSAL_AH && preset_words(word, PROPOSAL_ESP) && !preset_words(word, PROPOSAL_AH))
		return refuse(p, FAULT_INPUT, "the preset %s has nothing for AH: name the algorithms, such as sha256", escaped);
	if (preset_words(word, PROPOSAL_IKE))
		return refuse(p, FAULT_INPUT, "the preset %s stands alone, between commas", escaped);
	const char *near = nearest(p, word);
	if (near)
		return refuse(p, FAULT_INPUT, "%s is unknown; did you mean %s?", escaped, near);
	return refuse(p, FAULT_INPUT, "%s is unknown", escaped);
}

static int word_add(struct parse *p, struct suite *s, const char *word)
{
	const char *plain = proposal_alias(word);
	const struct proposal_row *row = NULL;
	size_t part;

	for (part = 0; part < PARTS && !row; part++)
		row = p->parts[part] ? row_by_word(p->parts[part], plain) : NULL;
	if (!row)
		return unknown_word(p, word);
	part--;
	if (!row->alg)
		return refuse(p, FAULT_UNSUPPORTED, "%s is refused: %s", row->word, row->refused);
	for (size_t i = 0; i < s->count[part]; i++)
		if (s->at[part][i] == row)
			return refuse(p, FAULT_INPUT, "%s stands twice", row->word);
	if (s->count[part] == SUITE_PART_MAX)
		return refuse(p, FAULT_FULL, "more than %d alternatives of one kind", SUITE_PART_MAX);
	s->at[part][s->count[part]++] = row;
	return 0;
}

/* ---- one combination ---- */

static int missing_backend(struct parse *p, const char *word)
{
	if (p->in_preset)
		return 0;
	return refuse(p, FAULT_UNSUPPORTED, "no loaded crypto plugin has %s", word);
}

static int full(struct parse *p)
{
	return refuse(p, FAULT_FULL, "with this the list has more than %d transforms, on which some gear fails", OFFER_MAX);
}

static int ike_add(struct parse *p, const struct proposal_row *const pick[PARTS])
{
	struct ike_transform t = {
		.cipher = pick[PART_CIPHER]->number, .key_bits = pick[PART_CIPHER]->key_bits,
		.hash = pick[PART_HASH]->number, .group = pick[PART_GROUP]->number,
	};
	const char *missing = ike_transform_resolve(&t, p->crypto);

	if (missing)
		return missing_backend(p, missing);
	for (size_t i = 0; i < p->count; i++)
		if (ike_transform_same(&p->ike[i], &t))
			return 0;
	if (p->count == OFFER_MAX)
		return full(p);
	p->ike[p->count++] = t;
	return 0;
}

static int esp_add(struct parse *p, const struct proposal_row *const pick[PARTS])
{
	const struct proposal_row *cipher = pick[PART_CIPHER], *auth = cipher && cipher->is_aead ? NULL : pick[PART_HASH];
	struct esp_transform t = {
		.is_ah = !cipher, .id = cipher ? (uint8_t)cipher->number : auth->ah, .key_bits = cipher ? cipher->key_bits : 0,
		.auth = auth ? auth->number : 0, .group = pick[PART_GROUP] ? pick[PART_GROUP]->number : 0,
		.esn = pick[PART_ESN] && pick[PART_ESN]->number, .short_sha256 = auth && strcmp(auth->word, "sha256_96") == 0,
	};
	const char *missing = esp_transform_resolve(&t, p->crypto);

	if (missing)
		return missing_backend(p, missing);
	for (size_t i = 0; i < p->count; i++) {
		struct esp_transform other = p->esp[i];

		if (esp_transform_same(&other, &t))
			return 0;
		other.short_sha256 = t.short_sha256;
		if (esp_transform_same(&other, &t))
			return refuse(p, FAULT_INPUT, "sha256 and sha256_96 look alike to the peer: write one of them");
	}
	if (p->count == OFFER_MAX)
		return full(p);
	p->esp[p->count++] = t;
	return 0;
}

/* All combinations; the first kind varies slowest, so the order of the words is the order of preference. */
static int expand(struct parse *p, const struct suite *s)
{
	size_t total = 1;

	for (size_t part = 0; part < PARTS; part++)
		total *= s->count[part] ? s->count[part] : 1;
	for (size_t n = 0; n < total; n++) {
		const struct proposal_row *pick[PARTS] = { NULL };
		size_t rest = n;

		for (size_t part = PARTS; part-- > 0;) {
			if (s->count[part] == 0)
				continue;
			pick[part] = s->at[part][rest % s->count[part]];
			rest /= s->count[part];
		}
		int fault = p->kind == PROPOSAL_IKE ? ike_add(p, pick) : esp_add(p, pick);
		if (fault)
			return fault;
	}
	return 0;
}

/* ---- one suite ---- */

/* RFC 2409 4: the PRF is the HMAC of the hash; nothing on the wire could say otherwise. */
static int prf_check(struct parse *p, const struct suite *s)
{
	bool same = s->count[PART_PRF] == s->count[PART_HASH];

	if (s->count[PART_PRF] == 0)
		return 0;
	for (size_t i = 0; i < s->count[PART_PRF]; i++) {
		bool found = false;

		for (size_t k = 0; k < s->count[PART_HASH]; k++)
			found = found || s->at[PART_HASH][k]->number == s->at[PART_PRF][i]->number;
		same = same && found;
	}
	if (same)
		return 0;
	return refuse(p, FAULT_INPUT, "IKEv1 has no PRF of its own, it follows the hash: leave %s out", s->at[PART_PRF][0]->word);
}

static int ike_check(struct parse *p, struct suite *s)
{
	if (s->count[PART_CIPHER] == 0)
		return refuse(p, FAULT_INPUT, "the cipher is missing, such as aes256");
	if (s->count[PART_HASH] == 0)
		return refuse(p, FAULT_INPUT, "the hash is missing, such as sha256");
	if (s->count[PART_GROUP] == 0)
		return refuse(p, FAULT_INPUT, "the Diffie-Hellman group is missing, such as modp2048");
	return prf_check(p, s);
}

static int esp_check(struct parse *p, struct suite *s)
{
	const char *plain = NULL, *aead = NULL;

	for (size_t i = 0; i < s->count[PART_CIPHER]; i++)
		*(s->at[PART_CIPHER][i]->is_aead ? &aead : &plain) = s->at[PART_CIPHER][i]->word;
	if (!plain && !aead)
		return refuse(p, FAULT_INPUT, "the cipher is missing, such as aes256 or aes256gcm16");
	if (plain && s->count[PART_HASH] == 0)
		return refuse(p, FAULT_INPUT, "the integrity algorithm of %s is missing, such as sha256", plain);
	if (!plain && s->count[PART_HASH])
		return refuse(p, FAULT_INPUT, "%s protects integrity by itself: leave %s out", aead, s->at[PART_HASH][0]->word);
	return 0;
}

static int ah_check(struct parse *p, struct suite *s)
{
	return s->count[PART_HASH] ? 0 : refuse(p, FAULT_INPUT, "the integrity algorithm is missing, such as sha256");
}

static int suite_check(struct parse *p, struct suite *s)
{
	switch (p->kind) {
	case PROPOSAL_IKE:
		return ike_check(p, s);
	case PROPOSAL_ESP:
		return esp_check(p, s);
	default:
		return ah_check(p, s);
	}
}

static int suite_parse(struct parse *p, struct bytes text)
{
	char copy[SUITE_MAX], *rest = copy;
	struct suite s = { .count = { 0 } };

	if (text.len >= sizeof(copy)) {
		snprintf(p->suite, sizeof(p->suite), "%.*s...", 20, (const char *)text.at);
		return refuse(p, FAULT_INPUT, "longer than %d characters", SUITE_MAX - 1);
	}
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	memcpy(p->suite, copy, text.len + 1);
	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	for (char *word; (word = strsep(&rest, "-"));) {
		int fault = *word ? word_add(p, &s, word) : refuse(p, FAULT_INPUT, "a word is missing beside a dash");

		if (fault)
			return fault;
	}
	int fault = suite_check(p, &s);
	return fault ? fault : expand(p, &s);
}

/* ---- the list ---- */

static bool is_separator(char c)
{
	return c == ',' || isspace((unsigned char)c);
}

/* Commas and blanks, in any number, part the suites. */
static struct bytes suite_next(const char **at)
{
	while (is_separator(**at))
		++*at;
	const char *begin = *at;
	while (**at && !is_separator(**at))
		++*at;
	return bytes_of(begin, (size_t)(*at - begin));
}

static int preset_parse(struct parse *p, const char *words)
{
	int fault = 0;

	p->in_preset = true;
	for (struct bytes text; !fault && (text = suite_next(&words)).len;)
		fault = suite_parse(p, text);
	p->in_preset = false;
	return fault;
}

static int item_parse(struct parse *p, struct bytes text)
{
	char name[WORD_MAX] = "";

	if (text.len < sizeof(name))
		memcpy(name, text.at, text.len);
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	const char *words = preset_words(name, p->kind);
	return words ? preset_parse(p, words) : suite_parse(p, text);
}

static int list_parse(struct parse *p, const char *words)
{
	const char *at = words;
	int fault = 0;

	p->parts = p->kind == PROPOSAL_IKE ? ike_parts : p->kind == PROPOSAL_ESP ? esp_parts : ah_parts;
	p->why[0] = '\0';
	for (struct bytes text; !fault && (text = suite_next(&at)).len;)
		fault = item_parse(p, text);
	if (fault || p->count)
		return fault;
	/* A suite adds something or is a fault; so nothing was written, or presets that lost all they have. */
	bool is_empty = p->suite[0] == '\0';
	snprintf(p->suite, sizeof(p->suite), "%s", words);
	return is_empty ? refuse(p, FAULT_INPUT, "no proposal is named")
			: refuse(p, FAULT_UNSUPPORTED, "no loaded crypto plugin has any transform of this");
}

int ike_transforms_parse(struct ike_transforms *out, const char *words, const struct crypto *crypto, char why[WHY_MAX])
{
	struct parse p = { .crypto = crypto, .why = why };
	int fault = list_parse(&p, words);

	*out = (struct ike_transforms){ NULL, 0 };
	if (fault)
		return fault;
	out->at = malloc(p.count * sizeof(*out->at));
	if (!out->at) {
		snprintf(why, WHY_MAX, "no memory");
		return FAULT_MEMORY;
	}
	memcpy(out->at, p.ike, p.count * sizeof(*out->at));
	out->count = p.count;
	return 0;
}

static int esp_list_parse(struct esp_transforms *out, enum proposal_kind kind, const char *words, const struct crypto *crypto, char *why)
{
	struct parse p = { .kind = kind, .crypto = crypto, .why = why };
	int fault = list_parse(&p, words);

	*out = (struct esp_transforms){ NULL, 0 };
	if (fault)
		return fault;
	out->at = malloc(p.count * sizeof(*out->at));
	if (!out->at) {
		snprintf(why, WHY_MAX, "no memory");
		return FAULT_MEMORY;
	}
	memcpy(out->at, p.esp, p.count * sizeof(*out->at));
	out->count = p.count;
	return 0;
}

int esp_transforms_parse(struct esp_transforms *out, const char *words, const struct crypto *crypto, char why[WHY_MAX])
{
	return esp_list_parse(out, PROPOSAL_ESP, words, crypto, why);
}

int ah_transforms_parse(struct esp_transforms *out, const char *words, const struct crypto *crypto, char why[WHY_MAX])
{
	return esp_list_parse(out, PROPOSAL_AH, words, crypto, why);
}
