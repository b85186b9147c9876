/* SPDX-License-Identifier: MIT */
/*
 * test_pki.h - certificates, CRLs and OCSP answers for tests, made by OpenSSL, which can make all kinds of them; around the present, since
 * GnuTLS looks at the clock itself for the certificates of responders.
 */
#ifndef KEYFERRY_TEST_PKI_H
#define KEYFERRY_TEST_PKI_H
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "cert_check.h"

struct made_cert {
	X509 *x;
	EVP_PKEY *key;
	struct certificate c;              /* its views are owned here                                                 */
};

/* `extensions`: lines as of openssl.cnf, "NAME = VALUE", then sections that they name; NULL: none. issuer NULL: self-signed. */
void cert_make(struct made_cert *out, const char *cn, const struct made_cert *issuer, bool is_ca, const char *extensions);
void cert_drop(struct made_cert *cert);

struct made_entry {
	const struct made_cert *cert;
	int reason;                        /* -1: not told                                                             */
	const struct made_cert *issuer;    /* certificateIssuer; NULL: none                                            */
	bool is_critical_unknown;
};
struct made_crl_spec {
	const struct made_cert *signer;
	const struct made_cert *name;      /* whose subject is the issuer; NULL: the signer's                          */
	int64_t this_update, next_update;  /* seconds from now; next 0: a day; -1: none                                */
	long number, base;                 /* 0: none                                                                  */
	const char *extensions;            /* as of cert_make()                                                        */
	bool is_critical_unknown, is_sha1;
	struct made_entry entries[4];      /* up to the first without cert                                             */
};
/* DER, to be freed. */
struct bytes crl_make(const struct made_crl_spec *spec);
struct bytes crl_pem(struct bytes der);

struct made_answer_spec {
	const struct made_cert *signer;    /* who signs                                                                */
	const struct made_cert *about, *issuer;
	const struct made_cert *also;      /* another one that is good, in the same answer                             */
	int status;                        /* V_OCSP_CERTSTATUS_GOOD, ...                                              */
	int reason;
	int64_t this_update, next_update;  /* seconds from now; next 0: an hour; -1: none                              */
	bool by_key, without_nonce, has_wrong_nonce, without_certs, is_sha256, is_sha1;    /* sha256: names; sha1: signs */
	int error;                         /* OCSP_RESPONSE_STATUS_..., 0: successful                                  */
};
/* The answer to a request, which may be empty; DER, to be freed. */
struct bytes answer_make(const struct made_answer_spec *spec, struct bytes request);

#endif
