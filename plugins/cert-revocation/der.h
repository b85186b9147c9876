/* SPDX-License-Identifier: MIT */
/*
 * der.h - values in DER (X.690 8, 10), one after the other from a reader. For what GnuTLS has no functions for: extensions of CRL entries,
 * scopes of CRLs; and for CRLs of several MiB, which would cost some hundred octets of memory for each of theirs as a tree.
 */
#ifndef KEYFERRY_DER_H
#define KEYFERRY_DER_H
#include "bytes.h"

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04, DER_OID = 0x06, DER_ENUMERATED = 0x0a, DER_UTC_TIME = 0x17,
	DER_TIME = 0x18, DER_SEQUENCE = 0x30,
	DER_CONTEXT = 0x80, DER_CONSTRUCTED = 0x20,
};

/* Any value: its tag, its content and, when `whole` is not NULL, all of it. Tags of more than one octet are refused. */
static inline uint8_t der_any(struct reader *r, struct bytes *content, struct bytes *whole)
{
	const uint8_t *start = r->at;
	uint8_t tag = read_u8(r);
	size_t len = read_u8(r);

	if ((tag & 0x1f) == 0x1f)
		r->failed = true;
	if (len >= 0x80) {
		size_t octets = len & 0x7f;

		/* The shortest form only, and none without an end. */
		len = octets >= 1 && octets <= 4 ? read_number(r, octets) : 0;
		if (len < 0x80 || (octets > 1 && len >> (8 * (octets - 1)) == 0))
			r->failed = true;
	}
	*content = read_bytes(r, len);
	if (whole)
		*whole = r->failed ? (struct bytes){ NULL, 0 } : bytes_of(start, (size_t)(r->at - start));
	return r->failed ? 0 : tag;
}

static inline bool der_is_next(const struct reader *r, uint8_t tag)
{
	return reader_left(r) > 0 && *r->at == tag;
}

/* The content of a value that has to be of this tag, or the reader fails. */
static inline struct bytes der_get(struct reader *r, uint8_t tag)
{
	struct bytes content;

	if (der_any(r, &content, NULL) != tag || r->failed) {
		r->failed = true;
		return (struct bytes){ NULL, 0 };
	}
	return content;
}

/* The same as a reader over the content. */
static inline struct reader der_enter(struct reader *r, uint8_t tag)
{
	struct reader inner = reader_over(der_get(r, tag));

	inner.failed = r->failed;
	return inner;
}

/* False, and nothing read, when the next is another. */
static inline bool der_optional(struct reader *r, uint8_t tag, struct bytes *content)
{
	if (!der_is_next(r, tag))
		return false;
	*content = der_get(r, tag);
	return !r->failed;
}

/* BOOLEAN DEFAULT FALSE. */
static inline bool der_flag(struct reader *r, uint8_t tag)
{
	struct bytes content;

	return der_optional(r, tag, &content) && content.len == 1 && content.at[0] != 0;
}

/* UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 wants them: in UTC, with seconds, without fractions. Seconds since 1970. */
int64_t der_time(struct reader *r);

#endif
