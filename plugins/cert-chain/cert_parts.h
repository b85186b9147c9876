/* SPDX-License-Identifier: MIT */
/* cert_parts.h - what the files of cert-chain share. */
#ifndef KEYFERRY_CERT_PARTS_H
#define KEYFERRY_CERT_PARTS_H
#include <gnutls/x509.h>
#include <stdlib.h>

#include "certs.h"

/* RFC 5280 4.2.1.6, 4.2.1.10: GeneralName is a CHOICE by these tags. */
enum {
	GENERAL_OTHER, GENERAL_EMAIL, GENERAL_DNS, GENERAL_X400, GENERAL_DIRECTORY, GENERAL_EDI, GENERAL_URI, GENERAL_ADDRESS,
	GENERAL_REGISTERED,
};
/* X.690 8.1.2: classes and tags as they stand in the octet. */
enum {
	TAG_INTEGER = 0x02, TAG_SEQUENCE = 0x30, TAG_CONTEXT = 0x80, TAG_CONSTRUCTED = 0x20, TAG_CLASS_AND_FORM = 0xe0, TAG_NUMBER = 0x1f,
};

/* A certificate with what GnuTLS made of it, which is only read from after cert_read(): any thread (GnuTLS manual, "Thread safety"). */
struct known_cert {
	struct certificate public;
	gnutls_x509_crt_t crt;
	struct identity *names;
	char **crl_urls, **ocsp_urls;
};

static inline gnutls_x509_crt_t cert_crt(const struct certificate *certificate)
{
	return CONTAINER(certificate, struct known_cert, public)->crt;
}

/* One element of DER: its tag, its content, and all of it. The reader fails on what is not DER (X.690 10.1) or has a tag of several octets. */
struct element {
	uint8_t tag;
	struct bytes content, whole;
};
struct element element_read(struct reader *r);

/* cert_read.c */
int cert_read(void *state, struct bytes der, struct certificate **out, char why[WHY_MAX]) MUST_CHECK;
/* cert_names.c: the subjectAltNames, owned by the caller also when it fails. */
int cert_names_read(struct known_cert *cert, char why[WHY_MAX]) MUST_CHECK;
void cert_names_free(struct known_cert *cert);
/* The content of an extension, to be freed with gnutls_free(); no octets: there is none. */
int cert_extension(gnutls_x509_crt_t crt, const char *oid, gnutls_datum_t *out) MUST_CHECK;
/* cert_urls.c */
int cert_urls_read(struct known_cert *cert) MUST_CHECK;
void cert_urls_free(struct known_cert *cert);
/* cert_file.c */
int cert_unwrap(void *state, struct bytes pkcs7, struct cert_list *out, char why[WHY_MAX]) MUST_CHECK;
int cert_load(void *state, struct bytes file, struct cert_list *out, char why[WHY_MAX]) MUST_CHECK;
/* cert_path.c */
int cert_verify(void *state, const struct cert_query *query, struct cert_chain *out, struct cert_failure *failure) MUST_CHECK;

/* A whole path, leaf first, anchor last; borrowed. */
struct cert_path {
	struct certificate *at[CERT_CHAIN_MAX];
	size_t count;
};

/* cert_rules.c: every check on one path but revocation. FAULT_CRYPTO with `failure`. */
int cert_rules_check(const struct cert_path *path, int64_t now, struct cert_failure *failure) MUST_CHECK;
/* Returns FAULT_CRYPTO. The line begins with what certificate it is about. */
int cert_fails(struct cert_failure *failure, const char *code, const struct certificate *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* cert_subtrees.c: those constraints of `authority` on a certificate below it that GnuTLS leaves out (RFC 5280 4.2.1.10). */
int cert_subtrees_check(const struct certificate *authority, const struct certificate *below, struct cert_failure *failure) MUST_CHECK;

extern const struct cert_store cert_chain_store;

#endif
