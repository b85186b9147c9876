/* SPDX-License-Identifier: MIT */
/*
 * cert_check.h - is a certificate of a validated chain revoked? What is known is told at once; what has to be fetched is asked for, and
 * who waits is told when it is worth to ask again. Only chains that end at an anchor are to be asked about: the places where a certificate
 * says that its revocation is told are its authority's word only then (CVE-2022-40617).
 */
#ifndef KEYFERRY_CERT_CHECK_H
#define KEYFERRY_CERT_CHECK_H
#include "certs.h"
#include "list.h"
#include "loop.h"

/* What is to be when it cannot be learnt whether a certificate is revoked. One that is known to be revoked is refused by both. */
enum revocation_policy {
	REVOCATION_IF_POSSIBLE,              /* it counts as good, and a line says so                                  */
	REVOCATION_STRICT,                   /* it is refused                                                          */
	REVOCATION_OFF,                      /* nothing is asked                                                       */
};

enum {
	/*
	 * Seconds that a negotiation waits for CRLs and OCSP answers before what is not known by then counts as unknown: less than any
	 * peer keeps an exchange half open, and enough for a look-up, a connection and a document over a slow line.
	 */
	CERT_CHECK_SECONDS = 10,
	CERT_WANTS_MAX = 12,
};

/*
 * Who waits; not moved while it does. The check's from CHECK_WAITS until news() runs on `home`, or forget() gives it back. Zeroed but for
 * home and news before the first check().
 */
struct cert_waiter {
	struct job job;
	struct loop *home;
	void (*news)(struct cert_waiter *waiter);
	/* The check's. */
	struct list in_check;
	const void *wants[CERT_WANTS_MAX];
	size_t want_count;
	int64_t since;
};

/* All borrowed for the call. */
struct cert_check_query {
	const struct cert_chain *chain;      /* as cert_store.verify() gave it                                         */
	enum revocation_policy policy;
	/* Places configured for the anchor's authority, end with NULL; NULL: none. They come before those in the certificates. */
	const char *const *crl_urls, *const *ocsp_urls;
	/* Of ours or the peer's: one of them may have signed a CRL, if one of the chain has signed it. */
	struct certificate *const *others;
	size_t other_count;
	int64_t now;                         /* seconds since 1970                                                     */
	bool is_last;                        /* the time to wait is over: nothing is waited for, `waiter` may be NULL  */
	struct cert_waiter *waiter;
};

enum { CHECK_WAITS = 1 };

/* What is kept, for a person to look at. Strings and times as of the call; times in seconds since 1970, 0: none. */
struct revocation_entry {
	const char *kind;                    /* "CRL", "OCSP"                                                          */
	const char *url;
	const char *about;                   /* issuer, or subject and serial; "" when nothing is known yet            */
	int64_t this_update, next_update;    /* of the answer that is kept                                             */
	int64_t fetched, refresh;            /* when it was, when it will be again                                     */
	size_t octets, revoked;              /* its size, how many certificates it names                               */
	bool is_under_way;
	const char *failure, *why;           /* of the last attempt: code and clause, NULL: it went well               */
};

/* SERVICE_CERT_CHECK "revocation". Any thread; never blocks. */
struct cert_check {
	/*
	 * 0: none is revoked; with failure->code not NULL it is not known and the policy lets it pass: to be logged. CHECK_WAITS.
	 * FAULT_CRYPTO with `failure`: revoked, or not known and the policy is strict. FAULT_MEMORY.
	 */
	int (*check)(void *state, const struct cert_check_query *query, struct cert_failure *failure);
	/* On its home's thread. True: given back. False: news() is about to run, or ran; the waiter has to live until then. */
	bool (*forget)(void *state, struct cert_waiter *waiter);
	void (*each)(void *state, void (*visit)(void *arg, const struct revocation_entry *entry), void *arg);
	/* Fetches everything again that is kept. CHECK_WAITS: news() comes when all of that is over; 0: there is nothing to do. */
	int (*refresh)(void *state, struct cert_waiter *waiter);
};

#endif
