/* SPDX-License-Identifier: MIT */
/* key_file.h - what the files of this plugin share. */
#ifndef KEYFERRY_KEY_FILE_H
#define KEYFERRY_KEY_FILE_H
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "keys.h"

/* A private key in any of the forms that files have it in (see keyferry.xml(5)). FAULT_INPUT: `why` says in a clause why not; FAULT_MEMORY. */
int key_read(gnutls_x509_privkey_t *out, const char *path, struct bytes file, struct bytes passphrase, char why[WHY_MAX]) MUST_CHECK;
/* A public key: SubjectPublicKeyInfo in PEM or DER. */
int key_read_public(gnutls_pubkey_t *out, const char *path, struct bytes file, char why[WHY_MAX]) MUST_CHECK;
/* What IKEv1 can do with it. FAULT_INPUT: nothing, and why. */
int key_classify(gnutls_pubkey_t key, const char *path, enum key_kind *kind, unsigned *bits, char why[WHY_MAX]) MUST_CHECK;

static inline gnutls_datum_t datum_of(struct bytes b)
{
	return (gnutls_datum_t){ (unsigned char *)b.at, (unsigned)b.len };
}

#endif
