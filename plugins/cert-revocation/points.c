/* SPDX-License-Identifier: MIT */
/* points.c - distribution points: where CRLs are, which reasons they cover, who issues them (RFC 5280 4.2.1.13, 5.2.5, 5.2.6). */
#include "crl.h"
#include "der.h"

enum { NAME_URI = DER_CONTEXT | 6, NAME_DIRECTORY = DER_CONTEXT | DER_CONSTRUCTED | 4 };

/* Bit N of ReasonFlags, counted from the left, is bit N of the number. */
static unsigned read_reasons(struct bytes bits)
{
	unsigned reasons = 0;

	for (unsigned i = 0; i < 9 && 1 + i / 8 < bits.len; i++)
		if (bits.at[1 + i / 8] & (0x80 >> i % 8))
			reasons |= 1u << i;
	return reasons & REASONS_ALL;
}

/* DistributionPointName: [0] GeneralNames, or [1] a relative name. */
static void read_name(struct bytes content, struct bytes *names, struct bytes *relative, struct reader *outer)
{
	struct reader r = reader_over(content);

	if (!der_optional(&r, DER_CONTEXT | DER_CONSTRUCTED | 0, names))
		(void)der_optional(&r, DER_CONTEXT | DER_CONSTRUCTED | 1, relative);
	outer->failed |= !reader_done(&r);
}

int scope_read(struct bytes value, struct crl_scope *out)
{
	struct reader whole = reader_over(value);
	struct reader r = der_enter(&whole, DER_SEQUENCE);
	struct bytes content;

	*out = (struct crl_scope){ .whole = value, .reasons = REASONS_ALL };
	if (der_optional(&r, DER_CONTEXT | DER_CONSTRUCTED | 0, &content))
		read_name(content, &out->names, &out->relative, &r);
	out->user_only = der_flag(&r, DER_CONTEXT | 1);
	out->ca_only = der_flag(&r, DER_CONTEXT | 2);
	if (der_optional(&r, DER_CONTEXT | 3, &content))
		out->reasons = read_reasons(content);
	out->is_indirect = der_flag(&r, DER_CONTEXT | 4);
	out->attribute_only = der_flag(&r, DER_CONTEXT | 5);
	return reader_done(&r) && reader_done(&whole) ? 0 : FAULT_INPUT;
}

/* The first directoryName of GeneralNames. */
static struct bytes first_directory(struct bytes names)
{
	struct reader r = reader_over(names);
	struct bytes content;

	while (reader_left(&r) > 0)
		if (der_any(&r, &content, NULL) == NAME_DIRECTORY)
			return content;
	return (struct bytes){ NULL, 0 };
}

static void read_point(struct reader *list, struct point *out)
{
	struct reader r = der_enter(list, DER_SEQUENCE);
	struct bytes content;

	*out = (struct point){ .reasons = REASONS_ALL };
	if (der_optional(&r, DER_CONTEXT | DER_CONSTRUCTED | 0, &content))
		read_name(content, &out->names, &out->relative, &r);
	if (der_optional(&r, DER_CONTEXT | 1, &content))
		out->reasons = read_reasons(content);
	if (der_optional(&r, DER_CONTEXT | DER_CONSTRUCTED | 2, &content)) {
		out->issuer = first_directory(content);
		/* One that cannot be told is not the certificate's issuer, either. */
		r.failed |= out->issuer.len == 0;
	}
	list->failed |= !reader_done(&r);
}

int points_read(struct bytes value, struct point out[POINTS_MAX], size_t *count)
{
	struct reader whole = reader_over(value);
	struct reader list = der_enter(&whole, DER_SEQUENCE);

	*count = 0;
	while (reader_left(&list) > 0 && *count < POINTS_MAX)
		read_point(&list, &out[(*count)++]);
	if (list.failed || !reader_done(&whole))
		*count = 0;
	return list.failed || !reader_done(&whole) ? FAULT_INPUT : 0;
}

bool point_next_url(struct reader *names, char *out, size_t size)
{
	struct bytes content;

	while (reader_left(names) > 0) {
		bool is_text = der_any(names, &content, NULL) == NAME_URI && content.len > 0 && content.len < size;

		for (size_t i = 0; is_text && i < content.len; i++)
			is_text = content.at[i] > ' ' && content.at[i] < 0x7f;
		if (!is_text)
			continue;
		memcpy(out, content.at, content.len);
		out[content.len] = '\0';
		return true;
	}
	return false;
}

/* Is one of the names in both? */
static bool names_meet(struct bytes a, struct bytes b)
{
	struct reader first = reader_over(a);
	struct bytes content, x, y;

	while (reader_left(&first) > 0) {
		struct reader second = reader_over(b);

		(void)der_any(&first, &content, &x);
		while (!first.failed && reader_left(&second) > 0) {
			(void)der_any(&second, &content, &y);
			if (!second.failed && bytes_equal(x, y))
				return true;
		}
	}
	return false;
}

static bool point_meets(const struct crl_scope *scope, const struct point *point)
{
	struct reader names = reader_over(scope->names);
	struct bytes content;

	if (names_meet(scope->names, point->names))
		return true;
	if (scope->relative.len && bytes_equal(scope->relative, point->relative))
		return true;
	/* 6.3.3 (b) (2) (i): a point without a name is called by its cRLIssuer. */
	while (!point->names.len && !point->relative.len && point->issuer.len && reader_left(&names) > 0)
		if (der_any(&names, &content, NULL) == NAME_DIRECTORY && bytes_equal(content, point->issuer))
			return true;
	return false;
}

bool point_covers(const struct crl_scope *scope, const struct point *points, size_t count)
{
	bool is_named = scope->names.len || scope->relative.len;

	for (size_t i = 0; is_named && i < count; i++)
		if (point_meets(scope, &points[i]))
			return true;
	return !is_named;
}

/* TBSCertificate (4.1): its extensions are [3] and the last. */
struct bytes certificate_extension(const struct certificate *certificate, struct bytes oid)
{
	struct reader whole = reader_over(certificate->der);
	struct reader outer = der_enter(&whole, DER_SEQUENCE);
	struct reader tbs = der_enter(&outer, DER_SEQUENCE);
	struct bytes content, value = { NULL, 0 };

	while (reader_left(&tbs) > 0 && !der_is_next(&tbs, DER_CONTEXT | DER_CONSTRUCTED | 3))
		(void)der_any(&tbs, &content, NULL);
	struct reader explicit = der_enter(&tbs, DER_CONTEXT | DER_CONSTRUCTED | 3);
	struct reader list = der_enter(&explicit, DER_SEQUENCE);
	while (reader_left(&list) > 0 && !value.len) {
		struct reader r = der_enter(&list, DER_SEQUENCE);
		bool is_it = bytes_equal(der_get(&r, DER_OID), oid);

		(void)der_flag(&r, DER_BOOLEAN);
		content = der_get(&r, DER_OCTETS);
		if (is_it && reader_done(&r))
			value = content;
	}
	return value;
}
