/* SPDX-License-Identifier: MIT */
/* dn_types.c - the attributes of distinguished names: their names, their numbers, and how their values are encoded. */
#include "dn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* X.520, RFC 4519, RFC 2985, RFC 5280 A.1, CA/Browser Forum. The first of a row is printed. */
static const struct {
	const char *oid;               /* DER; none of these has an octet of zero */
	const char *names[4];
	enum string_kind kind;
} types[] = {
	/* clang-format off */
	{ "\x55\x04\x03", { "CN", "commonName" }, STRING_ANY },
	{ "\x55\x04\x06", { "C", "countryName" }, STRING_PRINTABLE },
	{ "\x55\x04\x0a", { "O", "organizationName" }, STRING_ANY },
	{ "\x55\x04\x0b", { "OU", "organizationalUnitName" }, STRING_ANY },
	{ "\x55\x04\x07", { "L", "localityName" }, STRING_ANY },
	{ "\x55\x04\x08", { "ST", "stateOrProvinceName" }, STRING_ANY },
	{ "\x55\x04\x09", { "street", "streetAddress" }, STRING_ANY },
	{ "\x55\x04\x11", { "postalCode" }, STRING_ANY },
	{ "\x55\x04\x05", { "serialNumber" }, STRING_PRINTABLE },
	{ "\x55\x04\x04", { "surname" }, STRING_ANY },
	{ "\x55\x04\x2a", { "givenName", "GN", "G" }, STRING_ANY },
	{ "\x55\x04\x2b", { "initials", "I" }, STRING_ANY },
	{ "\x55\x04\x2c", { "generationQualifier" }, STRING_ANY },
	{ "\x55\x04\x41", { "pseudonym" }, STRING_ANY },
	{ "\x55\x04\x29", { "name", "N" }, STRING_ANY },
	{ "\x55\x04\x0c", { "title", "T" }, STRING_ANY },
	{ "\x55\x04\x0d", { "description", "D" }, STRING_ANY },
	{ "\x55\x04\x0f", { "businessCategory" }, STRING_ANY },
	{ "\x55\x04\x14", { "telephoneNumber" }, STRING_PRINTABLE },
	{ "\x55\x04\x2d", { "x500UniqueIdentifier", "ID" }, STRING_ANY },
	{ "\x55\x04\x2e", { "dnQualifier" }, STRING_PRINTABLE },
	{ "\x55\x04\x61", { "organizationIdentifier" }, STRING_ANY },
	{ "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", { "UID", "userId" }, STRING_ANY },
	{ "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", { "DC", "domainComponent" }, STRING_IA5 },
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", { "emailAddress", "E", "email" }, STRING_IA5 },
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02", { "unstructuredName", "UN" }, STRING_ANY },
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08", { "unstructuredAddress" }, STRING_ANY },
	{ "\x60\x86\x48\x01\x86\xf8\x42\x03\x01\x03", { "employeeNumber", "EN" }, STRING_ANY },
	{ "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", { "jurisdictionL" }, STRING_ANY },
	{ "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", { "jurisdictionST" }, STRING_ANY },
	{ "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", { "jurisdictionC" }, STRING_PRINTABLE },
	/* clang-format on */
};

static const char *const type_unclear[][2] = {
	{ "S", "write ST (a state) or surname" },
	{ "SN", "write surname or serialNumber" },
};

/* Seven bits an octet, the high bit set in all but the last (X.690 8.19.2). */
static void put_arc(struct writer *w, uint32_t arc)
{
	for (int shift = 28; shift > 0; shift -= 7)
		if (arc >> shift)
			put_u8(w, (uint8_t)(0x80 | (arc >> shift & 0x7f)));
	put_u8(w, arc & 0x7f);
}

/* "2.5.4.3"; the first two numbers make one of 40 times the first and the second (X.690 8.19.4). */
static int dotted_parse(struct writer *w, const char *word)
{
	uint32_t first = 0;
	char *end;

	for (size_t i = 0;; i++) {
		if (!isdigit((unsigned char)*word))
			return FAULT_INPUT;
		unsigned long arc = strtoul(word, &end, 10);
		if (arc > (i < 2 ? UINT32_MAX - 80 : UINT32_MAX) || (i == 0 && arc > 2) || (i == 1 && first < 2 && arc > 39))
			return FAULT_INPUT;
		if (i == 0)
			first = (uint32_t)arc;
		else
			put_arc(w, i == 1 ? 40 * first + (uint32_t)arc : (uint32_t)arc);
		if (*end == '\0')
			return i > 0 && !w->failed ? 0 : FAULT_INPUT;
		if (*end != '.')
			return FAULT_INPUT;
		word = end + 1;
	}
}

int dn_type_parse(struct writer *oid, enum string_kind *kind, const char *word, char why[IDENTITY_WHY_MAX])
{
	*kind = STRING_ANY;
	for (size_t i = 0; i < COUNT(type_unclear); i++)
		if (strcasecmp(type_unclear[i][0], word) == 0) {
			snprintf(why, IDENTITY_WHY_MAX, "'%s' means different things to different programs: %s", word, type_unclear[i][1]);
			return FAULT_INPUT;
		}
	for (size_t i = 0; i < COUNT(types); i++)
		for (size_t j = 0; j < COUNT(types[i].names) && types[i].names[j]; j++)
			if (strcasecmp(types[i].names[j], word) == 0) {
				put_bytes(oid, bytes_text(types[i].oid));
				*kind = types[i].kind;
				return 0;
			}
	if (dotted_parse(oid, strncasecmp(word, "oid.", 4) == 0 ? word + 4 : word) == 0)
		return 0;
	snprintf(why, IDENTITY_WHY_MAX, "no attribute is called '%s'; there are CN, C, O, OU, L, ST, DC, UID, emailAddress, serialNumber "
		 "and others, and numbers such as 2.5.4.3", word);
	return FAULT_INPUT;
}

/* ---- to text ---- */

static void put_dotted(struct writer *w, struct bytes oid)
{
	uint64_t arc = 0;
	char number[48];
	bool is_first = true;

	for (size_t i = 0; i < oid.len; i++) {
		/* A number that does not fit loses its upper bits in what is printed; what is compared are octets. */
		arc = arc << 7 | (oid.at[i] & 0x7f);
		if (oid.at[i] & 0x80)
			continue;
		uint64_t first = arc < 80 ? arc / 40 : 2;
		if (is_first)
			snprintf(number, sizeof(number), "%u.%llu", (unsigned)first, (unsigned long long)(arc - 40 * first));
		else
			snprintf(number, sizeof(number), ".%llu", (unsigned long long)arc);
		put_bytes(w, bytes_text(number));
		is_first = false;
		arc = 0;
	}
}

void dn_type_put(struct writer *w, struct bytes oid)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (bytes_equal(bytes_text(types[i].oid), oid)) {
			put_bytes(w, bytes_text(types[i].names[0]));
			return;
		}
	put_dotted(w, oid);
}
