/* SPDX-License-Identifier: MIT */
/* cert_advice.c - see cert_advice.h. What a peer checks is the store's (plugins/cert-chain). */
#include "cert_advice.h"

#include <stdio.h>

enum { DAY = 24 * 60 * 60, ECC_BITS_MIN = 256 };

static long long days_until(int64_t when, int64_t now)
{
	return (long long)((when - now) / DAY);
}

bool cert_expires(const struct certificate *c, int64_t now, char why[WHY_MAX])
{
	char when[CERT_TIME_TEXT_MAX];
	const char *text = certificate_time_text(when, now < c->not_before ? c->not_before : c->not_after);
	int64_t left = c->not_after - now;

	if (now >= c->not_before && left >= (int64_t)CERT_EXPIRY_DAYS * DAY)
		return false;
	if (now < c->not_before)
		snprintf(why, WHY_MAX, "certificate %s (serial %s) is valid from %s on; until then nothing can be proved with it, or the clock is wrong", c->subject_text,
			 c->serial_text, text);
	else if (left < 0)
		snprintf(why, WHY_MAX, "certificate %s (serial %s) expired on %s; renew it, or set the clock right", c->subject_text, c->serial_text, text);
	else
		snprintf(why, WHY_MAX, "certificate %s (serial %s) expires on %s, in %lld days; renew it before", c->subject_text, c->serial_text, text,
			 days_until(c->not_after, now));
	return true;
}

const char *cert_validity_text(char out[CERT_VALIDITY_TEXT_MAX], const struct certificate *c, int64_t now)
{
	char when[CERT_TIME_TEXT_MAX];

	if (now < c->not_before)
		snprintf(out, CERT_VALIDITY_TEXT_MAX, "not valid before %s", certificate_time_text(when, c->not_before));
	else if (now > c->not_after)
		snprintf(out, CERT_VALIDITY_TEXT_MAX, "expired on %s", certificate_time_text(when, c->not_after));
	else
		snprintf(out, CERT_VALIDITY_TEXT_MAX, "valid until %s, %lld days left", certificate_time_text(when, c->not_after),
			 days_until(c->not_after, now));
	return out;
}

int cert_anchor_check(const struct certificate *c, char why[WHY_MAX])
{
	bool is_rsa = c->kind == KEY_RSA;

	if (!c->is_ca) {
		snprintf(why, WHY_MAX,
			 "certificate %s (serial %s) is that of no authority (its basicConstraints do not say CA), so it can vouch for nobody; to trust this one peer, "
			 "name the file with cert= in its <remote>",
			 c->subject_text, c->serial_text);
		return FAULT_INPUT;
	}
	if ((is_rsa && c->bits < CERT_RSA_BITS_MIN) || (!is_rsa && c->bits < ECC_BITS_MIN)) {
		snprintf(why, WHY_MAX, "certificate %s (serial %s) has a key of %u bits, and %d are the least that is taken; no peer can be trusted by it", c->subject_text,
			 c->serial_text, c->bits, is_rsa ? CERT_RSA_BITS_MIN : ECC_BITS_MIN);
		return FAULT_INPUT;
	}
	return 0;
}

static bool is_self_issued(const struct certificate *c)
{
	return bytes_equal(c->subject, c->issuer);
}

static struct certificate *issuer_of(const struct certificate *c, struct certificate *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] != c && bytes_equal(list[i]->subject, c->issuer))
			return list[i];
	return NULL;
}

/* The last of the chain that is in the file. */
static struct certificate *end_of(const struct cert_list *own)
{
	struct certificate *at = own->at[0], *next;

	for (size_t i = 0; i < CERT_CHAIN_MAX && !is_self_issued(at) && (next = issuer_of(at, own->at, own->count)); i++)
		at = next;
	return at;
}

bool cert_own_flaw(const struct provider *store, const struct cert_list *own, struct certificate *const *anchors, size_t anchor_count, int64_t now,
		   char why[WHY_MAX])
{
	struct certificate *end = end_of(own), *above = is_self_issued(end) ? NULL : issuer_of(end, anchors, anchor_count);
	struct certificate *anchor = above ? above : end;
	struct cert_chain chain;
	struct cert_failure failure;

	if (above && !is_self_issued(above)) {
		snprintf(why, WHY_MAX,
			 "the certificate of %s, which has issued %s, is not in the file, and it is no authority at the top that peers know; add it behind the others",
			 above->subject_text, end->subject_text);
		return true;
	}
	struct cert_query query = { .given = own->at, .given_count = own->count, .anchors = &anchor, .anchor_count = 1, .now = now };
	int fault = ((const struct cert_store *)store->ops)->verify(store->state, &query, &chain, &failure);
	if (fault == 0)
		cert_chain_free(&chain);
	if (fault != FAULT_CRYPTO || strcmp(failure.code, "cert-expired") == 0 || strcmp(failure.code, "cert-not-yet-valid") == 0)
		return false;
	snprintf(why, WHY_MAX, "peers will refuse it: %.*s", WHY_MAX - 32, failure.why);
	return true;
}
