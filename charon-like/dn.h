/* SPDX-License-Identifier: MIT */
/* dn.h - distinguished names (X.501): from DER and from text, as text, compared. Everybody else asks identity.h. */
#ifndef KEYFERRY_DN_H
#define KEYFERRY_DN_H
#include "identity.h"

/* The smallest part of a name has 9 octets, so no name of IDENTITY_DATA_MAX has twice as many; real ones have about ten. */
enum { DN_PARTS_MAX = 64 };

/* X.680 8.4: tags, among them those of the string types that X.520 uses. */
enum {
	DER_OID = 0x06, DER_SEQUENCE = 0x30, DER_SET = 0x31, DER_UTF8 = 0x0c, DER_NUMERIC = 0x12, DER_PRINTABLE = 0x13, DER_T61 = 0x14,
	DER_IA5 = 0x16, DER_VISIBLE = 0x1a, DER_UNIVERSAL = 0x1c, DER_BMP = 0x1e,
};

/* How a value is encoded that is not written as #HEX. */
enum string_kind { STRING_ANY, STRING_PRINTABLE, STRING_IA5 };

/* One "CN=moon". Views into the DER. */
struct dn_part {
	struct bytes oid;                    /* contents of the OBJECT IDENTIFIER                        */
	struct bytes value;                  /* contents of the value                                    */
	uint8_t tag;                         /* of the value, a DER string type as a rule                */
};

/* Parts in the order of the DER; those of relative name i are first[i] to first[i + 1] - 1. */
struct dn {
	struct dn_part at[DN_PARTS_MAX];
	size_t first[DN_PARTS_MAX + 1];
	size_t count;                        /* of relative names; 0: the empty name                     */
};

/*
 * The next element of DER: its contents, and its tag. Fails as the reader does: a tag of several octets, and a length that is
 * indefinite, not the shortest (X.690 10.1) or above 64 KiB.
 */
struct bytes der_read(struct reader *r, uint8_t *tag);
void der_put(struct writer *w, uint8_t tag, struct bytes contents);

/* FAULT_INPUT: it is no Name of X.501 in DER, or has more than DN_PARTS_MAX parts. */
int dn_read(struct dn *out, struct bytes der) MUST_CHECK;
/* The value as UTF-8; false when it is no string. */
bool dn_part_utf8(struct writer *w, const struct dn_part *part);
/*
 * Whether `name` is what `pattern` says, as RFC 5280 7.1 compares: the types of strings do not matter, nor the case of ASCII letters,
 * nor how many blanks there are. `match`: enum identity_match. False when one of them is no name.
 */
bool dn_matches(struct bytes pattern, unsigned match, struct bytes name);
/* Whether a value is "*", which is a wildcard for who asks for some. */
bool dn_has_wildcard(const struct dn *dn);
/* Octets that are equal for names that match; those of names that do not match may be equal too. */
void dn_key(struct writer *w, struct bytes der);

/*
 * "C=CH, O=Linux strongSwan, CN=moon" or "/C=CH/O=Linux strongSwan/CN=moon", in the order of the DER; with `is_reversed` in that of RFC 4514
 * 2.1, the last relative name first. Escapes as in RFC 4514 2.4, or the whole value in quotes. FAULT_INPUT with a clause in `why`.
 */
int dn_parse(struct writer *der, const char *text, bool is_reversed, char why[IDENTITY_WHY_MAX]) MUST_CHECK;
/* "CN", "2.5.4.3": contents of the OBJECT IDENTIFIER, and how values are encoded. FAULT_INPUT with a clause in `why`. */
int dn_type_parse(struct writer *oid, enum string_kind *kind, const char *word, char why[IDENTITY_WHY_MAX]) MUST_CHECK;
/* "CN", or the number of one that has no name here. */
void dn_type_put(struct writer *w, struct bytes oid);
/* As dn_parse() takes it; printable ASCII, too long ones without their middle. Returns `out`. */
const char *dn_text(char *out, size_t size, const struct dn *dn);
/* Whether text begins as the first attribute of a name does: "C=", "/O =", "2.5.4.3=". */
bool dn_is_begun(const char *text);
/* What names of people, hosts and the like begin with in RFC 4514's order only: "CN=gw, O=Example, C=CH". */
bool dn_looks_reversed(const struct dn *dn);

#endif
