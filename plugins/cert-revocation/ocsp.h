/* SPDX-License-Identifier: MIT */
/* ocsp.h - the question at an OCSP responder and its answer (RFC 6960), both by GnuTLS. */
#ifndef KEYFERRY_OCSP_H
#define KEYFERRY_OCSP_H
#include "cert_check.h"

enum {
	OCSP_SIZE_MAX = 64 << 10,            /* octets of an answer: some certificates and one status                  */
	OCSP_NONCE_MAX = 128,                /* octets; RFC 8954 2.1 has 32                                            */
	OCSP_SINGLES_MAX = 64,               /* statuses in one answer that are looked at                              */
	OCSP_SKEW = 300,                     /* seconds that clocks may differ                                         */
	/* Seconds that an answer without nextUpdate may be old; it says that there is always a newer one (4.2.2.1). */
	OCSP_AGE_MAX = 24 * 3600,
};

enum nonce_policy { NONCE_YES, NONCE_NO, NONCE_REQUIRED };
enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

struct ocsp_answer {
	enum ocsp_status status;
	unsigned reason;
	int64_t revoked, this_update, next_update;   /* seconds since 1970; next 0: none                               */
};

struct ocsp_question {
	const struct certificate *certificate, *issuer;
	enum nonce_policy policy;
	uint8_t nonce[OCSP_NONCE_MAX];
	size_t nonce_len;                    /* 0: there is none, or the answer is an old one                          */
};

/* Names a certificate among all: hash of its issuer's name and key, and its serial, in hex. */
enum { OCSP_ID_MAX = 48 };
int ocsp_id(char out[OCSP_ID_MAX], const struct certificate *certificate, const struct certificate *issuer) MUST_CHECK;
/* The same of an authority: hash of its name and key. */
int issuer_id(char out[OCSP_ID_MAX], const struct certificate *issuer) MUST_CHECK;
/* The request in DER, to be freed; sets the nonce. FAULT_CRYPTO, FAULT_MEMORY. */
int ocsp_ask(struct ocsp_question *question, uint8_t **der, size_t *len) MUST_CHECK;
/*
 * Checks signature, responder, nonce, times, and that it is about that certificate. FAULT_CRYPTO with `failure`: a stable code, and a
 * clause about the answer.
 */
int ocsp_read(struct ocsp_answer *out, const struct ocsp_question *question, struct bytes der, int64_t now, struct cert_failure *failure) MUST_CHECK;
/* The same, without who signed it when that is known already: fuzzing gets no further otherwise. */
int ocsp_read_proved(struct ocsp_answer *out, const struct ocsp_question *question, struct bytes der, int64_t now, bool is_proved,
		     struct cert_failure *failure) MUST_CHECK;

#endif
