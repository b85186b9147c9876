/* SPDX-License-Identifier: MIT */
/* crl_read.c - CertificateList (RFC 5280 5.1) into a table that is looked up by serial. Pure: no signature, no time is checked. */
#include "crl.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "der.h"

/* Content of the OIDs 2.5.29.N. */
enum { CE_LEN = 3, CE_REASON = 21, CE_INVALIDITY = 24, CE_NUMBER = 20, CE_DELTA = 27, CE_SCOPE = 28, CE_ISSUER = 29, CE_AUTHORITY_KEY = 35, CE_FRESHEST = 46 };

struct extension {
	uint8_t id;                          /* of 2.5.29; 0: another                                                  */
	bool is_critical;
	struct bytes value;
};

static int fail(char why[WHY_MAX], int fault, const char *text)
{
	snprintf(why, WHY_MAX, "%s", text);
	return fault;
}

/* ---- times ---- */

static int two_digits(struct reader *r)
{
	uint8_t tens = read_u8(r), ones = read_u8(r);

	if (tens < '0' || tens > '9' || ones < '0' || ones > '9')
		r->failed = true;
	return r->failed ? 0 : (tens - '0') * 10 + ones - '0';
}

int64_t der_time(struct reader *r)
{
	bool is_short = der_is_next(r, DER_UTC_TIME);
	struct reader text = der_enter(r, is_short ? DER_UTC_TIME : DER_TIME);
	struct tm tm = { 0 };

	/* RFC 5280 4.1.2.5.1: years from 50 on are of the last century. */
	int century = is_short ? 0 : two_digits(&text);
	int year = two_digits(&text);
	tm.tm_year = is_short ? (year < 50 ? 100 + year : year) : century * 100 + year - 1900;
	tm.tm_mon = two_digits(&text) - 1;
	tm.tm_mday = two_digits(&text);
	tm.tm_hour = two_digits(&text);
	tm.tm_min = two_digits(&text);
	tm.tm_sec = two_digits(&text);
	if (read_u8(&text) != 'Z' || !reader_done(&text) || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60) {
		r->failed = true;
		return 0;
	}
	return timegm(&tm);
}

const char *time_text(char out[TIME_TEXT_MAX], int64_t t)
{
	time_t value = t;
	struct tm tm;

	if (!gmtime_r(&value, &tm) || strftime(out, TIME_TEXT_MAX, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(out, TIME_TEXT_MAX, "an unknown time");
	return out;
}

const char *reason_text(unsigned reason)
{
	/* clang-format off */
	static const char *const texts[] = {
		"not told", "key compromise", "compromise of the authority", "affiliation changed", "superseded", "cessation of operation", "on hold", "not told",
		"removed", "privilege withdrawn", "compromise of the attribute authority",
	};
	/* clang-format on */

	return texts[reason < COUNT(texts) ? reason : 0];
}

/* ---- extensions ---- */

static struct extension read_extension(struct reader *list)
{
	static const uint8_t ce[] = { 0x55, 0x1d };
	struct reader r = der_enter(list, DER_SEQUENCE);
	struct bytes oid = der_get(&r, DER_OID);
	struct extension e = { 0, false, { NULL, 0 } };

	e.is_critical = der_flag(&r, DER_BOOLEAN);
	e.value = der_get(&r, DER_OCTETS);
	if (!reader_done(&r))
		list->failed = true;
	if (!list->failed && oid.len == CE_LEN && memcmp(oid.at, ce, sizeof(ce)) == 0)
		e.id = oid.at[2];
	return e;
}

static struct bytes integer_in(struct bytes value)
{
	struct reader r = reader_over(value);
	struct bytes content = der_get(&r, DER_INTEGER);

	return reader_done(&r) ? content : (struct bytes){ NULL, 0 };
}

static int take_extension(struct crl *crl, const struct extension *e, char why[WHY_MAX])
{
	switch (e->id) {
	case CE_NUMBER:
		crl->number = integer_in(e->value);
		return crl->number.len ? 0 : fail(why, FAULT_INPUT, "its number is malformed");
	case CE_DELTA:
		crl->is_delta = true;
		crl->base = integer_in(e->value);
		return crl->base.len ? 0 : fail(why, FAULT_INPUT, "the number of its base is malformed");
	case CE_SCOPE:
		return scope_read(e->value, &crl->scope) ? fail(why, FAULT_INPUT, "its issuing distribution point is malformed") : 0;
	case CE_FRESHEST:
		crl->freshest = e->value;
		return 0;
	case CE_AUTHORITY_KEY:
		return 0;
	default:
		return e->is_critical ? fail(why, FAULT_UNSUPPORTED, "it has a critical extension that is not known here") : 0;
	}
}

static int read_extensions(struct crl *crl, struct reader *tbs, char why[WHY_MAX])
{
	struct reader outer = der_enter(tbs, DER_CONTEXT | DER_CONSTRUCTED);
	struct reader list = der_enter(&outer, DER_SEQUENCE);
	int fault = 0;

	while (reader_left(&list) > 0 && !fault) {
		struct extension e = read_extension(&list);

		if (!list.failed)
			fault = take_extension(crl, &e, why);
	}
	if (!fault && (!reader_done(&list) || !reader_done(&outer)))
		fault = fail(why, FAULT_INPUT, "its extensions are malformed");
	return fault;
}

/* ---- entries ---- */

/* The directoryName of a certificateIssuer (5.3.3), a whole Name. */
static struct bytes directory_name(struct bytes value)
{
	struct reader outer = reader_over(value);
	struct reader names = der_enter(&outer, DER_SEQUENCE);
	struct bytes content, name = { NULL, 0 };

	while (reader_left(&names) > 0 && !name.len)
		if (der_any(&names, &content, NULL) == (DER_CONTEXT | DER_CONSTRUCTED | 4))
			name = content;
	return name;
}

static void take_entry_extension(struct crl *crl, const struct extension *e, struct crl_entry *entry, struct reader *list)
{
	struct reader r = reader_over(e->value);
	struct bytes name;

	switch (e->id) {
	case CE_REASON: {
		struct bytes reason = der_get(&r, DER_ENUMERATED);

		list->failed |= reason.len != 1;
		entry->reason = reason.len == 1 ? reason.at[0] : 0;
		break;
	}
	case CE_ISSUER:
		name = directory_name(e->value);
		list->failed |= name.len == 0 || crl->issuer_count == CRL_ISSUERS_MAX;
		if (!list->failed && !bytes_equal(name, crl->issuers[entry->issuer])) {
			entry->issuer = (uint16_t)crl->issuer_count;
			crl->issuers[crl->issuer_count++] = name;
		}
		break;
	case CE_INVALIDITY:
		break;
	default:
		/* 5.3: a list with an entry that is not understood must not be used. */
		list->failed |= e->is_critical;
		break;
	}
}

/* `last`: whose issuer goes on (5.3.3). */
static void read_entry(struct crl *crl, struct reader *entries, struct crl_entry *entry, uint16_t last)
{
	struct reader r = der_enter(entries, DER_SEQUENCE);
	struct bytes serial = der_get(&r, DER_INTEGER);
	const uint8_t *date = r.at;

	(void)der_time(&r);
	entries->failed |= r.failed || serial.len < 1 || serial.len > SERIAL_MAX;
	if (entries->failed)
		return;
	*entry = (struct crl_entry){ (uint32_t)(serial.at - crl->der), (uint32_t)(date - crl->der), last, (uint8_t)serial.len, 0 };
	if (reader_left(&r) > 0) {
		struct reader list = der_enter(&r, DER_SEQUENCE);

		while (reader_left(&list) > 0) {
			struct extension e = read_extension(&list);

			if (!list.failed)
				take_entry_extension(crl, &e, entry, &list);
		}
		entries->failed |= list.failed;
	}
	entries->failed |= !reader_done(&r);
}

static int order(const void *a, const void *b, void *arg)
{
	const struct crl *crl = arg;
	const struct crl_entry *x = a, *y = b;

	if (x->serial_len != y->serial_len)
		return x->serial_len < y->serial_len ? -1 : 1;
	int result = memcmp(crl->der + x->serial_at, crl->der + y->serial_at, x->serial_len);
	return result ? result : x->issuer - y->issuer;
}

static size_t count_values(struct bytes content)
{
	struct reader r = reader_over(content);
	struct bytes skipped;
	size_t count = 0;

	while (reader_left(&r) > 0) {
		(void)der_any(&r, &skipped, NULL);
		count++;
	}
	return r.failed ? 0 : count;
}

static int read_entries(struct crl *crl, struct bytes content, char why[WHY_MAX])
{
	struct reader entries = reader_over(content);
	size_t count = count_values(content);

	if (count == 0)
		return content.len ? fail(why, FAULT_INPUT, "its entries are malformed") : 0;
	crl->entries = malloc(count * sizeof(*crl->entries));
	if (!crl->entries)
		return fail(why, FAULT_MEMORY, "there is no memory for it");
	for (uint16_t last = 0; crl->count < count && !entries.failed; crl->count++) {
		read_entry(crl, &entries, &crl->entries[crl->count], last);
		if (!entries.failed)
			last = crl->entries[crl->count].issuer;
	}
	if (entries.failed)
		return fail(why, FAULT_INPUT, "one of its entries is malformed, or has a critical extension that is not known here");
	qsort_r(crl->entries, crl->count, sizeof(*crl->entries), order, crl);
	return 0;
}

/* ---- the whole ---- */

static int read_tbs(struct crl *crl, struct bytes outer_algorithm, char why[WHY_MAX])
{
	struct reader whole = reader_over(crl->tbs);
	struct reader r = der_enter(&whole, DER_SEQUENCE);
	struct bytes version, algorithm, content, entries = { NULL, 0 };

	if (der_optional(&r, DER_INTEGER, &version) && (version.len != 1 || version.at[0] != 1))
		return fail(why, FAULT_UNSUPPORTED, "its version is neither 1 nor 2");
	(void)der_any(&r, &content, &algorithm);
	if (der_any(&r, &content, &crl->issuer) != DER_SEQUENCE)
		r.failed = true;
	crl->this_update = der_time(&r);
	if (der_is_next(&r, DER_UTC_TIME) || der_is_next(&r, DER_TIME))
		crl->next_update = der_time(&r);
	if (r.failed || !bytes_equal(algorithm, outer_algorithm))
		return fail(why, FAULT_INPUT, "its head is malformed");
	crl->issuers[0] = crl->issuer;
	crl->issuer_count = 1;
	(void)der_optional(&r, DER_SEQUENCE, &entries);
	int fault = read_entries(crl, entries, why);
	if (!fault && der_is_next(&r, DER_CONTEXT | DER_CONSTRUCTED))
		fault = read_extensions(crl, &r, why);
	if (!fault && (!reader_done(&r) || !reader_done(&whole)))
		fault = fail(why, FAULT_INPUT, "there is something behind its end");
	/* 5.3.3: others than its issuer stand in an indirect CRL only. */
	if (!fault && crl->issuer_count > 1 && !crl->scope.is_indirect)
		fault = fail(why, FAULT_INPUT, "it names certificates of other issuers, and does not say that it is indirect");
	return fault;
}

static int read_list(struct crl *crl, char why[WHY_MAX])
{
	struct reader whole = reader_over(bytes_of(crl->der, crl->len));
	struct reader r = der_enter(&whole, DER_SEQUENCE);
	struct bytes content, algorithm;

	if (der_any(&r, &content, &crl->tbs) != DER_SEQUENCE)
		r.failed = true;
	if (der_any(&r, &content, &algorithm) != DER_SEQUENCE)
		r.failed = true;
	struct reader inner = reader_over(content);
	crl->algorithm = der_get(&inner, DER_OID);
	crl->signature = der_get(&r, DER_BITS);
	if (!reader_done(&r) || !reader_done(&whole) || inner.failed || crl->signature.len < 2 || crl->signature.at[0] != 0)
		return fail(why, FAULT_INPUT, "it is no CRL in DER or PEM");
	/* Behind the number of unused bits. */
	crl->signature = bytes_of(crl->signature.at + 1, crl->signature.len - 1);
	return read_tbs(crl, algorithm, why);
}

int crl_read(struct crl **out, struct bytes der, char why[WHY_MAX])
{
	struct crl *crl = calloc(1, sizeof(*crl));

	*out = NULL;
	if (!crl)
		return fail(why, FAULT_MEMORY, "there is no memory for it");
	atomic_init(&crl->references, 1);
	pthread_mutex_init(&crl->lock, NULL);
	crl->scope.reasons = REASONS_ALL;
	crl->der = malloc(der.len ? der.len : 1);
	crl->issuers = calloc(CRL_ISSUERS_MAX, sizeof(*crl->issuers));
	crl->len = der.len;
	int fault = 0;
	if (!crl->der || !crl->issuers)
		fault = fail(why, FAULT_MEMORY, "there is no memory for it");
	else if (der.len)
		memcpy(crl->der, der.at, der.len);
	if (!fault)
		fault = der.len <= UINT32_MAX ? read_list(crl, why) : fail(why, FAULT_FULL, "it is too large");
	if (fault) {
		crl_unref(crl);
		return fault;
	}
	/* Few have more than one. */
	struct bytes *fewer = realloc(crl->issuers, crl->issuer_count * sizeof(*fewer));
	crl->issuers = fewer ? fewer : crl->issuers;
	*out = crl;
	return 0;
}

struct crl *crl_ref(struct crl *crl)
{
	atomic_fetch_add(&crl->references, 1);
	return crl;
}

void crl_unref(struct crl *crl)
{
	if (!crl || atomic_fetch_sub(&crl->references, 1) > 1)
		return;
	pthread_mutex_destroy(&crl->lock);
	free(crl->entries);
	free(crl->issuers);
	free(crl->der);
	free(crl);
}
