/* SPDX-License-Identifier: MIT */
/* cert_advice.h - what is wrong, or soon will be, with certificates of ours, so that it is told of before a peer finds it. */
#ifndef KEYFERRY_CERT_ADVICE_H
#define KEYFERRY_CERT_ADVICE_H
#include "certs.h"
#include "plugin.h"

/* Authorities of companies take weeks for a new certificate; those that renew by themselves have done so by then. */
enum { CERT_EXPIRY_DAYS = 30 };

/* Whether it has expired, is not yet valid or expires within CERT_EXPIRY_DAYS; then `why` is a whole sentence. `now`: seconds since 1970. */
bool cert_expires(const struct certificate *certificate, int64_t now, char why[WHY_MAX]);
/* "valid until 2027-01-01 00:00:00 UTC, 12 days left". Returns `out`. */
enum { CERT_VALIDITY_TEXT_MAX = 96 };
const char *cert_validity_text(char out[CERT_VALIDITY_TEXT_MAX], const struct certificate *certificate, int64_t now);
/* An authority that is to be trusted. FAULT_INPUT: it can vouch for nobody; `why` says so in a clause. */
int cert_anchor_check(const struct certificate *certificate, char why[WHY_MAX]) MUST_CHECK;
/*
 * Whether peers will not take our certificate (the first of `own`) with what stands behind it, as far as can be told here; then `why` says it
 * in a clause. `anchors`: what we trust, of which peers may trust some too. Time is left to cert_expires().
 */
bool cert_own_flaw(const struct provider *store, const struct cert_list *own, struct certificate *const *anchors, size_t anchor_count, int64_t now,
		   char why[WHY_MAX]);

#endif
