/* SPDX-License-Identifier: MIT */
/*
 * dn.c - distinguished names (X.501) as certificates and ID payloads carry them: read from DER and compared. Peers send them before they
 * have proved anything. Their text is dn_text.c's.
 */
#include "dn.h"

#include <ctype.h>

/* RFC 3629 3: beyond it there are no characters. */
enum { CHARACTER_MAX = 0x10ffff };

/* ---- DER ---- */

struct bytes der_read(struct reader *r, uint8_t *tag)
{
	uint8_t first;

	*tag = read_u8(r);
	size_t len = first = read_u8(r);
	if (first & 0x80) {
		unsigned octets = first & 0x7f;
		if (octets < 1 || octets > 2)
			r->failed = true;
		len = read_number(r, octets);
		if (len < 0x80 || (octets == 2 && len < 0x100))
			r->failed = true;
	}
	/* The low five bits set: the tag goes on in the next octet, which no name has. */
	if ((*tag & 0x1f) == 0x1f)
		r->failed = true;
	return read_bytes(r, len);
}

void der_put(struct writer *w, uint8_t tag, struct bytes contents)
{
	put_u8(w, tag);
	if (contents.len >= 0x100)
		put_u8(w, 0x82);
	else if (contents.len >= 0x80)
		put_u8(w, 0x81);
	if (contents.len > UINT16_MAX)
		w->failed = true;
	put_number(w, contents.len, contents.len >= 0x100 ? 2 : 1);
	put_bytes(w, contents);
}

static struct bytes read_one(struct reader *r, uint8_t wanted)
{
	uint8_t tag;
	struct bytes contents = der_read(r, &tag);

	if (tag != wanted)
		r->failed = true;
	return contents;
}

/* X.690 8.19.2: each number ends with an octet without the high bit, and begins with no empty one. */
static bool is_oid(struct bytes oid)
{
	bool begins = true;

	for (size_t i = 0; i < oid.len; i++) {
		if (begins && oid.at[i] == 0x80)
			return false;
		begins = !(oid.at[i] & 0x80);
	}
	return oid.len && begins;
}

static bool part_read(struct dn_part *part, struct reader *r)
{
	struct reader inner = reader_over(read_one(r, DER_SEQUENCE));

	part->oid = read_one(&inner, DER_OID);
	part->value = der_read(&inner, &part->tag);
	/* X.690 8.1.5: tag 0 ends contents and begins none. */
	return !r->failed && reader_done(&inner) && is_oid(part->oid) && part->tag != 0;
}

int dn_read(struct dn *out, struct bytes der)
{
	struct reader whole = reader_over(der), names = reader_over(read_one(&whole, DER_SEQUENCE));
	size_t used = 0;

	out->count = 0;
	out->first[0] = 0;
	while (reader_left(&names)) {
		struct reader parts = reader_over(read_one(&names, DER_SET));

		do {
			if (used == DN_PARTS_MAX || !part_read(&out->at[used], &parts))
				return FAULT_INPUT;
			used++;
		} while (reader_left(&parts));
		out->first[++out->count] = used;
	}
	return reader_done(&whole) && reader_done(&names) ? 0 : FAULT_INPUT;
}

/* ---- compared ---- */

/* How many octets a character of the type has; 0: it is no string. */
static size_t character_len(uint8_t tag)
{
	switch (tag) {
	case DER_UTF8: case DER_NUMERIC: case DER_PRINTABLE: case DER_T61: case DER_IA5: case DER_VISIBLE:
		return 1;
	case DER_BMP:
		return 2;
	case DER_UNIVERSAL:
		return 4;
	default:
		return 0;
	}
}

/* A string, and of whole characters that there are. */
static bool is_string(const struct dn_part *part)
{
	size_t len = character_len(part->tag);
	struct reader r = reader_over(part->value);

	if (!len || part->value.len % len)
		return false;
	while (len == 4 && reader_left(&r))
		if (read_u32(&r) > CHARACTER_MAX)
			return false;
	return true;
}

static void put_utf8(struct writer *w, uint32_t c)
{
	if (c < 0x80) {
		put_u8(w, (uint8_t)c);
	} else if (c < 0x800) {
		put_u8(w, (uint8_t)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		put_u8(w, (uint8_t)(0xe0 | c >> 12));
		put_u8(w, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	} else {
		put_u8(w, (uint8_t)(0xf0 | c >> 18));
		put_u8(w, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		put_u8(w, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	}
	if (c >= 0x80)
		put_u8(w, (uint8_t)(0x80 | (c & 0x3f)));
}

/* The octets of the next character in UTF-8. T61String is read as Latin-1, as others do. */
static void put_character(struct writer *w, struct reader *r, uint8_t tag)
{
	size_t len = character_len(tag);

	if (len == 1 && tag != DER_T61)
		put_u8(w, read_u8(r));
	else
		put_utf8(w, (uint32_t)read_number(r, len));
}

bool dn_part_utf8(struct writer *w, const struct dn_part *part)
{
	struct reader r = reader_over(part->value);

	if (!is_string(part))
		return false;
	while (reader_left(&r))
		put_character(w, &r, part->tag);
	return true;
}

/* The octets of a string as they are compared, one by one: certificates have names of any length. */
struct folded {
	struct reader r;
	uint8_t tag;
	uint8_t octets[4];           /* of the character that is given out           */
	size_t at, count;
	bool has_begun;
	int held;                    /* what comes after a blank; -1: nothing        */
};

static struct folded folded_of(const struct dn_part *part)
{
	return (struct folded){ .r = reader_over(part->value), .tag = part->tag, .held = -1 };
}

static int octet_next(struct folded *f)
{
	if (f->at == f->count) {
		struct writer w = writer_over(f->octets, sizeof(f->octets));

		if (!reader_left(&f->r))
			return -1;
		put_character(&w, &f->r, f->tag);
		f->at = 0;
		f->count = w.used;
	}
	uint8_t octet = f->octets[f->at++];
	return octet < 0x80 ? tolower(octet) : octet;
}

/*
 * RFC 5280 7.1 by RFC 4518: no case, no blanks at the ends, one where there are more. Only ASCII letters lose their case: of others, and of
 * characters that look or are composed alike, octets have to be equal, so at worst what is equal to a reader is refused. -1: the end.
 */
static int folded_next(struct folded *f)
{
	int octet = f->held;

	f->held = -1;
	if (octet < 0)
		octet = octet_next(f);
	bool is_blank = octet == ' ';
	while (octet == ' ')
		octet = octet_next(f);
	if (octet >= 0 && is_blank && f->has_begun) {
		f->held = octet;
		return ' ';
	}
	f->has_begun = true;
	return octet;
}

static bool strings_match(const struct dn_part *left, const struct dn_part *right)
{
	struct folded l = folded_of(left), r = folded_of(right);
	int octet;

	do {
		octet = folded_next(&l);
		if (octet != folded_next(&r))
			return false;
	} while (octet >= 0);
	return true;
}

static bool values_match(const struct dn_part *left, const struct dn_part *right)
{
	if (is_string(left) && is_string(right))
		return strings_match(left, right);
	return left->tag == right->tag && bytes_equal(left->value, right->value);
}

static bool is_star(const struct dn_part *part)
{
	return character_len(part->tag) == 1 && part->value.len == 1 && part->value.at[0] == '*';
}

static bool part_matches(const struct dn_part *pattern, bool is_wildcard, const struct dn_part *part)
{
	return bytes_equal(pattern->oid, part->oid) && (is_wildcard || values_match(pattern, part));
}

/* One relative name of each: as many parts, and each of the pattern's finds one of its own. Those without a wildcard choose first. */
static bool relative_matches(const struct dn *pattern, size_t i, unsigned match, const struct dn *name, size_t j)
{
	size_t count = pattern->first[i + 1] - pattern->first[i];
	uint64_t taken = 0;
	size_t found = 0;

	if (count != name->first[j + 1] - name->first[j])
		return false;
	for (int wild = 0; wild < 2; wild++)
		for (size_t p = pattern->first[i]; p < pattern->first[i + 1]; p++) {
			bool is_wild = (match & MATCH_WILDCARDS) && is_star(&pattern->at[p]);

			for (size_t n = name->first[j]; is_wild == (wild == 1) && n < name->first[j + 1]; n++)
				if (!(taken >> n & 1) && part_matches(&pattern->at[p], is_wild, &name->at[n])) {
					taken |= UINT64_C(1) << n;
					found++;
					break;
				}
		}
	return found == count;
}

static bool has_star(const struct dn *dn, size_t i)
{
	for (size_t p = dn->first[i]; p < dn->first[i + 1]; p++)
		if (is_star(&dn->at[p]))
			return true;
	return false;
}

bool dn_has_wildcard(const struct dn *dn)
{
	for (size_t i = 0; i < dn->count; i++)
		if (has_star(dn, i))
			return true;
	return false;
}

/* In any order; again those with a wildcard take what the others leave. */
static bool reordered_matches(const struct dn *pattern, unsigned match, const struct dn *name)
{
	uint64_t taken = 0;
	size_t found = 0;

	for (int wild = 0; wild < 2; wild++)
		for (size_t i = 0; i < pattern->count; i++)
			for (size_t j = 0; has_star(pattern, i) == (wild == 1) && j < name->count; j++)
				if (!(taken >> j & 1) && relative_matches(pattern, i, match, name, j)) {
					taken |= UINT64_C(1) << j;
					found++;
					break;
				}
	return found == name->count;
}

bool dn_matches(struct bytes pattern, unsigned match, struct bytes name)
{
	struct dn p, n;

	if (dn_read(&p, pattern) || dn_read(&n, name) || p.count != n.count)
		return false;
	if (match & MATCH_REORDERED)
		return reordered_matches(&p, match, &n);
	for (size_t i = 0; i < p.count; i++)
		if (!relative_matches(&p, i, match, &n, i))
			return false;
	return true;
}

static void put_folded(struct writer *w, const struct dn_part *part)
{
	struct folded f = folded_of(part);

	if (!is_string(part))
		put_bytes(w, part->value);
	else
		for (int octet = folded_next(&f); octet >= 0; octet = folded_next(&f))
			put_u8(w, (uint8_t)octet);
}

/* Parts of one relative name stand in the order of their DER, which the types of strings change; then only how many there are counts. */
void dn_key(struct writer *w, struct bytes der)
{
	struct dn dn;

	if (dn_read(&dn, der)) {
		put_bytes(w, der);
		return;
	}
	for (size_t i = 0; i < dn.count; i++) {
		size_t parts = dn.first[i + 1] - dn.first[i];

		put_u8(w, (uint8_t)parts);
		if (parts > 1)
			continue;
		put_bytes(w, dn.at[dn.first[i]].oid);
		put_folded(w, &dn.at[dn.first[i]]);
	}
}
