/* SPDX-License-Identifier: MIT */
/* dn_parse.c - the text of distinguished names, to DER. It is the configuration's; what peers send is dn.c's. */
#include "dn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { TYPE_WORD_MAX = 64, SHOWN_MAX = 40 };

/* One call of dn_parse(). */
struct text {
	const char *at;
	char separator;                /* ',' or '/' */
	char *why;
};

static int refuse(const struct text *t, const char *what, const char *where, size_t len)
{
	snprintf(t->why, IDENTITY_WHY_MAX, "%s at '%.*s'", what, (int)(len < SHOWN_MAX ? len : SHOWN_MAX), where);
	return FAULT_INPUT;
}

/* ---- what stands before the '=' ---- */

static void skip_blanks(struct text *t)
{
	while (*t->at == ' ')
		t->at++;
}

/* The length of "CN" in "CN = moon"; 0 when no '=' follows a type. */
static size_t type_len(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || text[len] == '.')
		len++;
	size_t end = len;
	while (text[end] == ' ')
		end++;
	return text[end] == '=' ? len : 0;
}

bool dn_is_begun(const char *text)
{
	while (*text == ' ')
		text++;
	return type_len(*text == '/' ? text + 1 : text) > 0;
}

static int type_parse(struct text *t, struct writer *oid, enum string_kind *kind)
{
	char word[TYPE_WORD_MAX];
	size_t len;

	skip_blanks(t);
	len = type_len(t->at);
	if (!len || len >= sizeof(word))
		return refuse(t, "an attribute such as CN= is missing (a ',' in a value is written '\\,')", t->at, strlen(t->at));
	memcpy(word, t->at, len);
	word[len] = '\0';
	int fault = dn_type_parse(oid, kind, word, t->why);
	if (fault)
		return fault;
	t->at += len;
	skip_blanks(t);
	t->at++;
	skip_blanks(t);
	return 0;
}

/* ---- what stands behind it ---- */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Whether the separator at t->at ends the value: old OpenSSL writes a '/' of a value as it is, so there a type has to follow. */
static bool is_end(const struct text *t)
{
	if (*t->at == '\0' || (*t->at == '+' && dn_is_begun(t->at + 1) && t->at[1] != '/'))
		return true;
	return *t->at == t->separator && (t->separator == ',' || type_len(t->at + 1) > 0);
}

/* RFC 4514 2.4: "\," and the like, or "\2C". */
static int escape_parse(struct text *t, struct writer *value)
{
	int high = hex_digit(t->at[1]), low = high < 0 ? -1 : hex_digit(t->at[2]);

	if (low >= 0) {
		put_u8(value, (uint8_t)(high << 4 | low));
		t->at += 3;
		return 0;
	}
	if (t->at[1] != ' ' && !ispunct((unsigned char)t->at[1]))
		return refuse(t, "a backslash stands before no punctuation and no two hex digits", t->at, strlen(t->at));
	put_u8(value, (uint8_t)t->at[1]);
	t->at += 2;
	return 0;
}

static int text_value(struct text *t, struct writer *value)
{
	bool is_quoted = *t->at == '"';
	size_t keep = 0;

	t->at += is_quoted;
	while (is_quoted ? *t->at && *t->at != '"' : !is_end(t)) {
		bool is_blank = *t->at == ' ';

		if (iscntrl((unsigned char)*t->at))
			return refuse(t, "there is a control character", "", 0);
		if (*t->at == '\\') {
			int fault = escape_parse(t, value);
			if (fault)
				return fault;
		} else {
			put_u8(value, (uint8_t)*t->at++);
		}
		if (!is_blank || is_quoted)
			keep = value->used;
	}
	/* Blanks at the end that are not escaped are none of the value's. */
	value->used = keep;
	if (!is_quoted)
		return 0;
	if (*t->at != '"')
		return refuse(t, "a quote is not closed", t->at, 0);
	t->at++;
	skip_blanks(t);
	return is_end(t) ? 0 : refuse(t, "something follows a closed quote", t->at, strlen(t->at));
}

static bool is_utf8(struct bytes text)
{
	size_t more = 0;

	/* Enough to refuse Latin-1; what else is wrong is equal to nothing. */
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.at[i];
		bool goes_on = (c & 0xc0) == 0x80;

		if (goes_on != (more > 0))
			return false;
		if (goes_on)
			more--;
		else
			more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : SIZE_MAX;
		if (more == SIZE_MAX)
			return false;
	}
	return more == 0;
}

static uint8_t string_tag(struct bytes text, enum string_kind kind)
{
	bool is_printable = true, is_ascii = true;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.at[i];

		is_ascii = is_ascii && c < 0x80;
		/* X.680 41.4. */
		is_printable = is_printable && c && c < 0x80 && (isalnum(c) || strchr(" '()+,-./:=?", c));
	}
	if (kind == STRING_IA5 && is_ascii)
		return DER_IA5;
	/* RFC 5280 4.1.2.4: PrintableString or UTF8String; the shorter known one first, as strongSwan does. */
	return is_printable ? DER_PRINTABLE : DER_UTF8;
}

/* "#0C046D6F6F6E": the DER of the value (RFC 4514 2.4). */
static int hex_value(struct text *t, struct writer *out)
{
	const char *start = t->at++;
	size_t begin = out->used;
	uint8_t tag;

	while (hex_digit(t->at[0]) >= 0 && hex_digit(t->at[1]) >= 0) {
		put_u8(out, (uint8_t)(hex_digit(t->at[0]) << 4 | hex_digit(t->at[1])));
		t->at += 2;
	}
	skip_blanks(t);
	struct reader r = reader_over(bytes_of(out->base + begin, out->used - begin));
	der_read(&r, &tag);
	return is_end(t) && reader_done(&r) && tag ? 0 : refuse(t, "# is not followed by one value's DER in hex", start, strlen(start));
}

static int value_parse(struct text *t, struct writer *out, enum string_kind kind)
{
	uint8_t octets[IDENTITY_DATA_MAX];
	struct writer value = writer_over(octets, sizeof(octets));
	const char *start = t->at;

	if (*t->at == '#')
		return hex_value(t, out);
	int fault = text_value(t, &value);
	if (fault)
		return fault;
	if (value.failed)
		return refuse(t, "a value is too long", start, strlen(start));
	if (!value.used)
		return refuse(t, "an attribute has no value", start, strlen(start));
	if (!is_utf8(writer_bytes(&value)))
		return refuse(t, "a value is not UTF-8", start, strlen(start));
	der_put(out, string_tag(writer_bytes(&value), kind), writer_bytes(&value));
	return 0;
}

/* ---- the whole ---- */

static int bytes_compare(const void *left, const void *right)
{
	const struct bytes *a = left, *b = right;
	int order = memcmp(a->at, b->at, a->len < b->len ? a->len : b->len);

	return order ? order : a->len < b->len ? -1 : a->len > b->len;
}

static int part_parse(struct text *t, struct writer *out)
{
	uint8_t octets[IDENTITY_DATA_MAX], number[TYPE_WORD_MAX];
	struct writer part = writer_over(octets, sizeof(octets)), oid = writer_over(number, sizeof(number));
	enum string_kind kind;

	int fault = type_parse(t, &oid, &kind);
	if (fault)
		return fault;
	der_put(&part, DER_OID, writer_bytes(&oid));
	if ((fault = value_parse(t, &part, kind)) < 0)
		return fault;
	out->failed = out->failed || part.failed;
	der_put(out, DER_SEQUENCE, writer_bytes(&part));
	return 0;
}

/* A relative name: parts with '+' between, in the order of their DER (X.690 11.6). */
static int relative_parse(struct text *t, struct writer *out)
{
	uint8_t octets[IDENTITY_DATA_MAX], sorted[IDENTITY_DATA_MAX];
	struct writer parts = writer_over(octets, sizeof(octets)), set = writer_over(sorted, sizeof(sorted));
	struct bytes at[DN_PARTS_MAX];
	size_t count = 0;

	for (bool is_first = true; is_first || *t->at == '+'; is_first = false) {
		size_t begin = parts.used;

		t->at += !is_first;
		if (count == DN_PARTS_MAX)
			return refuse(t, "there are too many attributes", t->at, strlen(t->at));
		int fault = part_parse(t, &parts);
		if (fault)
			return fault;
		at[count++] = bytes_of(octets + begin, parts.used - begin);
	}
	qsort(at, count, sizeof(at[0]), bytes_compare);
	for (size_t i = 0; i < count; i++)
		put_bytes(&set, at[i]);
	out->failed = out->failed || parts.failed || set.failed;
	der_put(out, DER_SET, writer_bytes(&set));
	return 0;
}

int dn_parse(struct writer *der, const char *text, bool is_reversed, char why[IDENTITY_WHY_MAX])
{
	uint8_t octets[IDENTITY_DATA_MAX], ordered[IDENTITY_DATA_MAX];
	struct writer names = writer_over(octets, sizeof(octets)), contents = writer_over(ordered, sizeof(ordered));
	struct text t = { text, ',', why };
	struct bytes at[DN_PARTS_MAX];
	size_t count = 0;

	skip_blanks(&t);
	if (*t.at == '/')
		t.separator = *t.at++;
	for (bool is_first = true; is_first || *t.at; is_first = false) {
		size_t begin = names.used;

		t.at += !is_first;
		if (count == DN_PARTS_MAX)
			return refuse(&t, "there are too many attributes", t.at, strlen(t.at));
		int fault = relative_parse(&t, &names);
		if (fault)
			return fault;
		at[count++] = bytes_of(octets + begin, names.used - begin);
	}
	for (size_t i = 0; i < count; i++)
		put_bytes(&contents, at[is_reversed ? count - 1 - i : i]);
	der->failed = der->failed || names.failed || contents.failed;
	der_put(der, DER_SEQUENCE, writer_bytes(&contents));
	struct dn dn;
	if (der->failed || dn_read(&dn, writer_bytes(der)))
		return refuse(&t, "the name is too long", text, strlen(text));
	return 0;
}
