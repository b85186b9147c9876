/* SPDX-License-Identifier: MIT */
/*
 * fuzz_identity.c - ID payload bodies of both phases, and the text of identities, ranges and selectors. The first octet
 * picks which.
 */
#include "identity.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void identity_body(struct bytes body)
{
	struct identity id, back;
	const char *why;
	char text[IDENTITY_TEXT_MAX];
	uint8_t octets[IDENTITY_DATA_MAX + 4];
	struct writer w = writer_over(octets, sizeof(octets));

	if (identity_read(&id, body, &why)) {
		must(why && id.type == 0);
		return;
	}
	must(identity_matches(&id, &id) && strlen(identity_text(text, &id)) > 0);
	for (const char *c = text; *c; c++)
		must(*c >= ' ' && *c <= '~');
	identity_put(&w, &id);
	must(identity_read(&back, writer_bytes(&w), &why) == 0 && identity_same(&id, &back));
}

static void selector_round(const struct selector *s)
{
	struct selector back;
	const char *why;
	char text[SELECTOR_TEXT_MAX];
	uint8_t octets[40];
	struct writer w = writer_over(octets, sizeof(octets));

	selector_put(&w, s);
	must(selector_read(&back, writer_bytes(&w), &why) == 0 && selector_same(s, &back));
	must(selector_covers(s, &back) && strlen(selector_text(text, s)) > 0);
}

static void texts(struct bytes input)
{
	char text[512], out[IDENTITY_TEXT_MAX];
	struct identity id;
	struct selector s, again;
	struct address_range range;

	if (input.len >= sizeof(text))
		return;
	if (input.len)
		memcpy(text, input.at, input.len);
	text[input.len] = '\0';
	if (identity_parse(&id, text) == 0) {
		identity_text(out, &id);
		identity_free(&id);
	}
	if (address_range_parse(&range, text) == 0)
		must(address_range_covers(&range, &range) && address_range_overlaps(&range, &range));
	if (selector_parse(&s, text))
		return;
	selector_round(&s);
	must(selector_parse(&again, selector_text(text, &s)) == 0 && selector_same(&s, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_over(bytes_of(data, size));
	uint8_t kind = read_u8(&r) % 3;
	struct bytes rest = read_rest(&r);
	struct selector s;
	const char *why;

	if (kind == 0)
		identity_body(rest);
	else if (kind == 1 && selector_read(&s, rest, &why) == 0)
		selector_round(&s);
	else if (kind == 2)
		texts(rest);
	return 0;
}
