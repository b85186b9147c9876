/* SPDX-License-Identifier: MIT */
/* dn_text.c - distinguished names as text for people, which dn_parse.c reads again. */
#include "dn.h"

#include <stdio.h>

/* Grows no further than its buffer; what is printed is cut later. */
static void put_text(struct writer *w, const char *text)
{
	put_bytes(w, bytes_text(text));
}

static void put_hex(struct writer *w, struct bytes b)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < b.len; i++) {
		put_u8(w, (uint8_t)digits[b.at[i] >> 4]);
		put_u8(w, (uint8_t)digits[b.at[i] & 0xf]);
	}
}

/* RFC 4514 2.4; what is not printable ASCII too, since it goes to terminals and logs. */
static void put_value(struct writer *w, const struct dn_part *part)
{
	uint8_t octets[2 * IDENTITY_DATA_MAX];
	struct writer text = writer_over(octets, sizeof(octets));

	if (!dn_part_utf8(&text, part) || text.failed) {
		uint8_t der[IDENTITY_DATA_MAX + 4];
		struct writer whole = writer_over(der, sizeof(der));

		der_put(&whole, part->tag, part->value);
		put_u8(w, '#');
		put_hex(w, writer_bytes(&whole));
		return;
	}
	for (size_t i = 0; i < text.used; i++) {
		uint8_t c = octets[i];
		bool is_end = i == 0 || i + 1 == text.used;

		if (c < 0x20 || c > 0x7e) {
			put_u8(w, '\\');
			put_hex(w, bytes_of(&octets[i], 1));
			continue;
		}
		if (strchr(",+\"\\<>;", c) || (c == ' ' && is_end) || (c == '#' && i == 0))
			put_u8(w, '\\');
		put_u8(w, c);
	}
}

const char *dn_text(char *out, size_t size, const struct dn *dn)
{
	/* At worst "\\C3\\A9" for an octet of a T61String. */
	uint8_t text[7 * IDENTITY_DATA_MAX];
	struct writer w = writer_over(text, sizeof(text));

	for (size_t i = 0; i < dn->count; i++) {
		put_text(&w, i ? ", " : "");
		for (size_t p = dn->first[i]; p < dn->first[i + 1]; p++) {
			put_text(&w, p > dn->first[i] ? "+" : "");
			dn_type_put(&w, dn->at[p].oid);
			put_text(&w, "=");
			put_value(&w, &dn->at[p]);
		}
	}
	/* Names begin with the country and end with the person or host: both say more than what is between. */
	if (w.used < size) {
		snprintf(out, size, "%.*s", (int)w.used, (const char *)text);
	} else {
		int head = (int)(size - 4) / 2, tail = (int)size - 4 - head;

		snprintf(out, size, "%.*s...%.*s", head, (const char *)text, tail, (const char *)text + w.used - (size_t)tail);
	}
	return out;
}

static bool is_type(const struct dn *dn, size_t i, const char *oid)
{
	return bytes_equal(dn->at[dn->first[i]].oid, bytes_text(oid));
}

bool dn_looks_reversed(const struct dn *dn)
{
	static const char *const first[] = { "\x55\x04\x03", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01" };
	static const char *const last[] = { "\x55\x04\x06", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19" };
	bool begins = false, ends = false;

	if (dn->count < 2)
		return false;
	for (size_t i = 0; i < COUNT(first); i++)
		begins = begins || is_type(dn, 0, first[i]);
	for (size_t i = 0; i < COUNT(last); i++)
		ends = ends || is_type(dn, dn->count - 1, last[i]);
	return begins && ends;
}
