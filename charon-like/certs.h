/* SPDX-License-Identifier: MIT */
/*
 * certs.h - certificates (X.509, RFC 5280) as the daemon sees them, and the store that reads and validates them (SERVICE_CERT). What
 * a certificate says is read once, into a struct that never changes; whoever validates is behind the store.
 */
#ifndef KEYFERRY_CERTS_H
#define KEYFERRY_CERTS_H
#include <stdatomic.h>

#include "events.h"
#include "identity.h"
#include "keys.h"
#include "proposal.h"

/* Bounds on what others make; docs/keyferry.xml.5 repeats those that a user can meet. */
enum {
	CERT_SIZE_MAX = 32 * 1024,           /* octets of one; a CERT payload could hold 65,530                        */
	CERT_GIVEN_MAX = 16,                 /* of a peer in one negotiation: far more than any chain has              */
	CERT_CHAIN_MAX = 10,                 /* from the leaf to the anchor, both counted                              */
	CERT_FILE_SIZE_MAX = 4 * 1024 * 1024, /* of a file of ours: a system's whole bundle of authorities has 250 KiB  */
	CERT_FILE_COUNT_MAX = 1024,
	CERT_NAMES_MAX = 128,                /* subjectAltNames of one; a certificate with more is refused             */
	CERT_EXTENSIONS_MAX = 64,            /* a certificate with more is refused; real ones have about ten           */
	CERT_URLS_MAX = 8,                   /* of each kind in one; more are not looked at                            */
	CERT_URL_SIZE_MAX = 1024,            /* octets; a longer one is not looked at                                  */
	CERT_RSA_BITS_MIN = 2048,            /* NIST SP 800-131A: less has been disallowed since 2014                  */
	CERT_RSA_BITS_MAX = 16384,           /* a larger one only costs time                                           */
	CERT_RSA_EXPONENT_BITS_MAX = 64,     /* 65537 has 17; a long exponent makes checking as slow as signing        */
	CERT_TEXT_MAX = 160,                 /* of a subject or an issuer in a line, of which some have two             */
	CERT_SERIAL_TEXT_MAX = 44,           /* RFC 5280 4.1.2.2: 20 octets at most, in hex                            */
	CERT_WHY_MAX = EVENT_TEXT_MAX,
};

/* Immutable; any thread. What is `struct bytes` is a view into `der`. */
struct certificate {
	atomic_size_t references;
	void (*free)(struct certificate *certificate);       /* the store's                                        */
	struct bytes der;                        /* the whole certificate                                          */
	struct bytes subject, issuer;            /* Name, a SEQUENCE; an empty subject is 30 00 (RFC 4945 5.1.2.1) */
	struct bytes serial;                     /* content of the INTEGER                                         */
	struct bytes spki;                       /* SubjectPublicKeyInfo                                           */
	enum key_kind kind;
	unsigned bits;                           /* of the modulus or the field                                    */
	int64_t not_before, not_after;           /* seconds since 1970; both are still valid                       */
	/*
	 * subjectAltNames in the order of the certificate, owned: dNSName as FQDN, rfc822Name as USER_FQDN, iPAddress (of 4 or 16
	 * octets) as IPV4_ADDR or IPV6_ADDR, directoryName as DER_ASN1_DN, all others as DER_ASN1_GN, a whole GeneralName.
	 */
	const struct identity *names;
	size_t name_count;
	bool is_ca;                              /* basicConstraints say so (RFC 5280 4.2.1.9)                     */
	const char *const *crl_urls;             /* cRLDistributionPoints (4.2.1.13), ends with NULL; never NULL   */
	const char *const *ocsp_urls;            /* of authorityInfoAccess (4.2.2.1), likewise                     */
	/* For lines, escaped and cut to fit: "O=Example, CN=gw", "4f1002". */
	char subject_text[CERT_TEXT_MAX], issuer_text[CERT_TEXT_MAX], serial_text[CERT_SERIAL_TEXT_MAX];
};

/* NULL is taken and given back. */
struct certificate *certificate_ref(struct certificate *certificate);
void certificate_unref(struct certificate *certificate);
/* "2026-01-01 00:00:00 UTC", of seconds since 1970. Returns `out`. */
enum { CERT_TIME_TEXT_MAX = 32 };
const char *certificate_time_text(char out[CERT_TIME_TEXT_MAX], int64_t when);
/* The same octets. */
bool certificate_same(const struct certificate *a, const struct certificate *b);

/* Owned by whoever declares it, { NULL, 0 } is an empty one: cert_list_free(). */
struct cert_list {
	struct certificate **at;
	size_t count;
};
/* Takes the caller's reference, also when it fails. FAULT_MEMORY; FAULT_FULL: there are `max` already. */
int cert_list_add(struct cert_list *list, struct certificate *certificate, size_t max) MUST_CHECK;
void cert_list_free(struct cert_list *list);

/* Leaf first, anchor last; a pinned certificate stands alone. References are owned: cert_chain_free(). */
struct cert_chain {
	struct certificate *at[CERT_CHAIN_MAX];
	size_t count;
};
void cert_chain_free(struct cert_chain *chain);

/* Which check failed on which certificate (subject, serial), and what to do. `code` is static: "cert-expired"; see keyferryd(8). */
struct cert_failure {
	const char *code;
	char why[CERT_WHY_MAX];
};

/* All borrowed. */
struct cert_query {
	struct certificate *const *given;        /* by the peer: leaf first, the others in any order               */
	size_t given_count;
	struct certificate *const *anchors;      /* trusted: authorities, self-signed or not, or the leaf itself   */
	size_t anchor_count;
	struct certificate *const *intermediates;        /* of ours, not trusted: they may complete a path         */
	size_t intermediate_count;
	int64_t now;                             /* seconds since 1970                                             */
};

/* SERVICE_CERT "x509". Any thread; nothing blocks. `why` is written when they fail: a clause, without the place. */
struct cert_store {
	const char *name;
	/* One certificate in DER. FAULT_INPUT, FAULT_UNSUPPORTED (a key or a size that is refused), FAULT_MEMORY. */
	int (*read)(void *state, struct bytes der, struct certificate **out, char why[WHY_MAX]);
	/* Certificates of a PKCS#7 in DER, as a CERT payload of type 1 has them (RFC 2408 3.9), at most CERT_GIVEN_MAX; added to `out`. */
	int (*unwrap)(void *state, struct bytes pkcs7, struct cert_list *out, char why[WHY_MAX]);
	/* A file of ours: PEM with one or many, DER, PKCS#7 in PEM or DER; in the order of the file, added to `out`, at least one. */
	int (*load)(void *state, struct bytes file, struct cert_list *out, char why[WHY_MAX]);
	/*
	 * Is there a path from the first given certificate to an anchor on which every check is passed? Times, signatures, key sizes,
	 * constraints, usages (RFC 5280 6, RFC 4945 5.1.3); not revocation, and not whether the names are the peer's. FAULT_CRYPTO with
	 * `failure`, which tells of the path that came furthest; FAULT_MEMORY, too with `failure`. `out` is the caller's when 0.
	 */
	int (*verify)(void *state, const struct cert_query *query, struct cert_chain *out, struct cert_failure *failure);
};

#endif
