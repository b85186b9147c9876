/* SPDX-License-Identifier: MIT */
/*
 * fuzz_dn.c - distinguished names: as text, and two as DER that are compared, as a configured one with what a peer sends. The first octet
 * picks which, the second where the first name ends.
 */
#include "dn.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_printable(const char *text, size_t size)
{
	must(strlen(text) < size);
	for (const char *c = text; *c; c++)
		must(*c >= ' ' && *c <= '~');
}

/* What is read is equal to itself in every way, and its text is the same name where nothing of it is cut. */
static void name(struct bytes der)
{
	uint8_t octets[IDENTITY_DATA_MAX];
	char text[8 * IDENTITY_DATA_MAX], small[20], why[IDENTITY_WHY_MAX];
	struct writer w = writer_over(octets, sizeof(octets));
	struct dn dn;

	if (der.len > IDENTITY_DATA_MAX || dn_read(&dn, der)) {
		must(!dn_matches(der, 0, der));
		return;
	}
	must(dn_matches(der, 0, der) && dn_matches(der, MATCH_WILDCARDS, der));
	must(dn_matches(der, MATCH_REORDERED, der) && dn_matches(der, MATCH_REORDERED | MATCH_WILDCARDS, der));
	must_be_printable(dn_text(text, sizeof(text), &dn), sizeof(text));
	must_be_printable(dn_text(small, sizeof(small), &dn), sizeof(small));
	/* Empty values have no text, and numbers of attributes are not read beyond 32 bits. */
	if (dn_parse(&w, text, false, why) == 0)
		must(dn_matches(writer_bytes(&w), MATCH_REORDERED, der) || strstr(text, "=\\") || strstr(text, "#"));
}

static void pair(struct bytes pattern, struct bytes id)
{
	uint8_t left[IDENTITY_KEY_MAX], right[IDENTITY_KEY_MAX];
	struct identity a = { ID_DER_ASN1_DN, pattern }, b = { ID_DER_ASN1_DN, id };
	bool is_same = identity_fits(&a, 0, &b);

	name(pattern);
	name(id);
	must(is_same == identity_fits(&b, 0, &a));
	if (!is_same || pattern.len > IDENTITY_DATA_MAX || id.len > IDENTITY_DATA_MAX)
		return;
	must(identity_fits(&a, MATCH_WILDCARDS, &b) && identity_fits(&a, MATCH_REORDERED, &b));
	must(bytes_equal(identity_key(left, &a), identity_key(right, &b)));
}

static void texts(struct bytes input)
{
	uint8_t octets[IDENTITY_DATA_MAX];
	char text[2 * IDENTITY_DATA_MAX], why[IDENTITY_WHY_MAX] = "", shown[IDENTITY_TEXT_MAX];
	struct identity id;

	if (input.len >= sizeof(text))
		return;
	if (input.len)
		memcpy(text, input.at, input.len);
	text[input.len] = '\0';
	for (int reversed = 0; reversed < 2; reversed++) {
		struct writer w = writer_over(octets, sizeof(octets));

		if (dn_parse(&w, text, reversed, why) == 0)
			name(writer_bytes(&w));
		else
			must(why[0] && strlen(why) < sizeof(why));
	}
	if (identity_parse_as(&id, text, MATCH_WILDCARDS | MATCH_RANGES, why))
		return;
	must(identity_fits(&id, 0, &id) || id.type == ID_IPV4_RANGE || id.type == ID_IPV6_RANGE);
	must_be_printable(identity_text(shown, &id), sizeof(shown));
	identity_free(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_over(bytes_of(data, size));
	uint8_t kind = read_u8(&r), at = read_u8(&r);
	size_t left = reader_left(&r);

	if (kind % 2) {
		struct bytes first = read_bytes(&r, at < left ? at : left);

		pair(first, read_rest(&r));
	} else {
		texts(read_rest(&r));
	}
	return 0;
}
