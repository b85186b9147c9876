/* SPDX-License-Identifier: MIT */
/* pki.h - certificates for tests, made when they are needed and with whatever flaw a test wants; nothing of it is kept in files here. */
#ifndef KEYFERRY_PKI_H
#define KEYFERRY_PKI_H
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* What tests take for the present: 2026-01-01 00:00:00 UTC. */
#define PKI_NOW INT64_C(1767225600)
enum { PKI_DAY = 24 * 60 * 60 };

/* RSA takes a tenth of a second to make, the curves none. */
enum pki_key { PKI_P256, PKI_P384, PKI_P521, PKI_RSA1024, PKI_RSA2048, PKI_RSA3072, PKI_RSA4096, PKI_ED25519, PKI_P224 };

/* "ca": an authority without further limits; "leaf": digitalSignature; "none": neither basicConstraints nor keyUsage. */
enum pki_role { PKI_LEAF, PKI_CA, PKI_BARE };

/* Of one certificate; what is left out has a default that no check minds. */
struct pki_spec {
	const char *dn;                  /* RFC 4514: "CN=gw,O=Example"; NULL: an empty subject                      */
	enum pki_role role;
	enum pki_key key;
	const struct pki_cert *same_key; /* takes its key instead of a new one                                       */
	int64_t from, until;             /* 0: a day before PKI_NOW, 90 days after it (a CA: ten years)              */
	uint64_t serial;                 /* 0: a number of its own                                                   */
	gnutls_digest_algorithm_t hash;  /* 0: SHA-256                                                               */
	bool has_path_length;
	int path_length;
	unsigned usage;                  /* 0: as the role says; else GNUTLS_KEY_...                                 */
	const char *const *purposes;     /* OIDs of extKeyUsage, ends with NULL; NULL: no such extension             */
	const char *const *names;        /* "dns:gw.example", "email:a@b", "ip:192.0.2.1", "dn:CN=other", "uri:x:y"  */
	const char *const *permitted, *const *excluded;  /* nameConstraints: "dns:", "email:", "ip:10.0.0.0/8", "dn:" */
	const char *crl_url, *ocsp_url;
	const char *critical_oid;        /* an extension that nobody knows, critical                                 */
	unsigned strange_extensions;     /* so many that nobody knows, not critical                                  */
	const char *extension_oid;       /* one more, with this content                                              */
	struct bytes extension;
	bool without_key_ids;
	unsigned version;                /* 0: 3                                                                     */
};

/* To be zeroed before, and freed with pki_free(). */
struct pki_cert {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
	gnutls_datum_t der;
};

/* NULL issuer: self-signed. Ends the program with a message when GnuTLS does not do it. */
void pki_make(struct pki_cert *out, const struct pki_spec *spec, const struct pki_cert *issuer);
void pki_free(struct pki_cert *cert);
static inline struct bytes pki_der(const struct pki_cert *cert)
{
	return bytes_of(cert->der.data, cert->der.size);
}
/* To be freed with gnutls_free(). */
gnutls_datum_t pki_pem(const struct pki_cert *cert);
gnutls_datum_t pki_pkcs7(const struct pki_cert *const *certs, size_t count, gnutls_x509_crt_fmt_t format);
/* A CRL of `issuer` that revokes the certificates. `number` 0: without a number; next_update 0: a week after PKI_NOW. */
gnutls_datum_t pki_crl(const struct pki_cert *issuer, const struct pki_cert *const *revoked, size_t count, unsigned number, int64_t next_update);
gnutls_datum_t pki_crl_at(const struct pki_cert *issuer, const struct pki_cert *const *revoked, size_t count, unsigned number, int64_t this_update,
			  int64_t next_update);

#endif
