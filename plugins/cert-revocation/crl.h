/* SPDX-License-Identifier: MIT */
/* crl.h - a certificate revocation list (RFC 5280 5) that was read: what it covers, and a certificate looked up in it. */
#ifndef KEYFERRY_CRL_H
#define KEYFERRY_CRL_H
#include <pthread.h>

#include "cert_check.h"

enum {
	SERIAL_MAX = 64,                     /* octets; RFC 5280 4.1.2.2 has 20                                        */
	POINTS_MAX = 8,                      /* distribution points of one certificate that are looked at              */
	CRL_PROOFS_MAX = 4,                  /* signers whose check is remembered                                      */
	CRL_ISSUERS_MAX = 4096,              /* of certificates in an indirect CRL                                     */
	/* ReasonFlags (4.2.1.13) as a number: bit 0 is the leftmost, "unused". */
	REASONS_ALL = 0x1fe,
};

/* Reasons of CRLReason (5.3.1). */
enum { REASON_UNSPECIFIED = 0, REASON_REMOVED = 8 };
/* "key compromise"; static. */
const char *reason_text(unsigned reason);
/* "2026-01-31 12:00 UTC". */
enum { TIME_TEXT_MAX = 40 };
const char *time_text(char out[TIME_TEXT_MAX], int64_t t);

struct crl_entry {
	uint32_t serial_at, date_at;         /* offsets in the DER of the CRL                                          */
	uint16_t issuer;                     /* index in issuers                                                       */
	uint8_t serial_len, reason;
};

/* IssuingDistributionPoint (5.2.5). */
struct crl_scope {
	struct bytes whole;                  /* the extension's value; empty: there is none                            */
	struct bytes names;                  /* content of fullName, GeneralNames; empty: none                         */
	struct bytes relative;               /* content of nameRelativeToCRLIssuer                                     */
	bool user_only, ca_only, attribute_only, is_indirect;
	unsigned reasons;                    /* REASONS_ALL unless it says less                                        */
};

/* Immutable but for the proofs; any thread. Views into `der`, which is its own. */
struct crl {
	atomic_size_t references;
	uint8_t *der;
	size_t len;
	struct bytes tbs, algorithm, signature;      /* algorithm: the OID                                             */
	struct bytes issuer;
	int64_t this_update, next_update;            /* next 0: it does not say                                        */
	struct bytes number, base;                   /* content of INTEGERs; base: it is a delta CRL (5.2.4)           */
	bool is_delta;
	struct crl_scope scope;
	struct bytes freshest;                       /* value of freshestCRL (5.2.6): CRLDistributionPoints            */
	struct crl_entry *entries;                   /* ordered by serial, then issuer                                 */
	size_t count;
	struct bytes *issuers;                       /* of the entries; the first is the CRL's own                     */
	size_t issuer_count;
	/* What checking the signature with a key gave. */
	pthread_mutex_t lock;
	struct { uint8_t key[32]; bool is_good; } proofs[CRL_PROOFS_MAX];
	size_t proof_count;
};

/* Reads one, and copies it. FAULT_INPUT, FAULT_UNSUPPORTED (a critical extension that we do not know), FAULT_MEMORY; why: a clause. */
int crl_read(struct crl **out, struct bytes der, char why[WHY_MAX]) MUST_CHECK;
struct crl *crl_ref(struct crl *crl);
void crl_unref(struct crl *crl);

/* ---- crl_use.c ---- */
/* Has the key of this certificate signed it, and may it (keyUsage)? Remembered. FAULT_CRYPTO with a clause. */
int crl_prove(struct crl *crl, const struct certificate *signer, char why[WHY_MAX]) MUST_CHECK;
/* May a certificate that is not of the chain sign CRLs for the one at `at`? */
bool signer_is_made_by(const struct certificate *signer, const struct cert_chain *chain, size_t at, int64_t now);
/* NULL: it names no such certificate. */
const struct crl_entry *crl_find(const struct crl *crl, struct bytes issuer, struct bytes serial);
int64_t crl_entry_date(const struct crl *crl, const struct crl_entry *entry);
/* Does the delta go with that base (5.2.4)? */
bool crl_delta_fits(const struct crl *delta, const struct crl *base);

/* ---- points.c ---- */
/* DistributionPoint (4.2.1.13) of a certificate or of freshestCRL. */
struct point {
	struct bytes names;                  /* content of fullName, GeneralNames; empty: none                         */
	struct bytes relative;
	unsigned reasons;
	struct bytes issuer;                 /* Name of cRLIssuer; empty: the certificate's issuer                     */
};
/* CRLDistributionPoints: at most POINTS_MAX are taken. FAULT_INPUT. */
int points_read(struct bytes value, struct point out[POINTS_MAX], size_t *count) MUST_CHECK;
/* The next URI in GeneralNames as text; false: no more. Those with other octets than printable ASCII are passed over. */
bool point_next_url(struct reader *names, char *out, size_t size);
/* Do a CRL's scope and a point name the same place? A scope without a name covers all. */
bool point_covers(const struct crl_scope *scope, const struct point *points, size_t count);
int scope_read(struct bytes value, struct crl_scope *out) MUST_CHECK;
/* Value of an extension of a certificate; empty when it has none. `oid` is DER content. */
struct bytes certificate_extension(const struct certificate *certificate, struct bytes oid);

#endif
