/* SPDX-License-Identifier: MIT */
/* keys.h - asymmetric keys with which ends of an ISAKMP SA sign: which kinds there are, and where private ones come from. */
#ifndef KEYFERRY_KEYS_H
#define KEYFERRY_KEYS_H
#include <stdatomic.h>

#include "crypto.h"
#include "proposal.h"

/* What IKEv1 signs with, a method of authentication each: RFC 2409 5.1, RFC 4754. KEY_OTHER: only authorities have such keys. */
enum key_kind { KEY_RSA, KEY_ECDSA256, KEY_ECDSA384, KEY_ECDSA521, KEY_OTHER };

struct key_facts {
	const char *text;                    /* for people: "RSA", "ECDSA-256"                     */
	const char *alg;                     /* a struct signature_alg's name                      */
	uint16_t v1_id;                      /* the method's number                                */
	const char *prf;                     /* a struct mac_alg's name: what HASH_I and HASH_R are made with, whatever was negotiated;
						NULL: as negotiated (RFC 2409 5.1)                 */
	size_t octets;                       /* of HASH_I and HASH_R; 0: as negotiated             */
};
/* Of KEY_OTHER: v1_id is 0, `alg` no algorithm's name. */
const struct key_facts *key_facts(enum key_kind kind);
/* "RSA 2048", "ECDSA-256". Returns `out`. */
enum { KEY_TEXT_MAX = 24 };
const char *key_text(char out[KEY_TEXT_MAX], enum key_kind kind, unsigned bits);

/* any thread; immutable. The signature of a token may take seconds. */
struct private_key {
	atomic_size_t refs;
	enum key_kind kind;
	unsigned bits;                       /* of the modulus, or of the curve's field            */
	struct bytes spki;                   /* SubjectPublicKeyInfo (RFC 5280 4.1), DER; freed with the key */
	bool may_block;                      /* sign() is called on helper threads only            */
	/* As struct signature_alg's. `why` (not NULL) says in a clause why not. */
	int (*sign)(struct private_key *key, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX]);
	void (*free)(struct private_key *key);
};

struct private_key *private_key_ref(struct private_key *key);
void private_key_unref(struct private_key *key);

/* Somebody's; owned by whoever declares it. */
struct public_key {
	enum key_kind kind;
	unsigned bits;
	struct bytes spki;                   /* malloc()ed                                         */
};
int public_key_copy(struct public_key *out, const struct public_key *from) MUST_CHECK;
void public_key_free(struct public_key *key);

/* Of a file that holds keys, in octets: a key of 8192 bits and a chain of certificates. */
enum { KEY_FILE_MAX = SECRET_MAX - 1 };

struct key_request {
	const char *where;                   /* path, or pkcs11: URI (RFC 7512)                    */
	struct bytes passphrase;             /* or PIN; ends with a zero octet that is not counted; at NULL: none */
	const struct crypto *crypto;         /* which makes the signatures                         */
};

/* SERVICE_KEY, key: "file", "pkcs11". Main thread, while a configuration is read. Faults say why in a clause, with place and remedy. */
struct key_store {
	const char *name;
	/* The key is the caller's. FAULT_INPUT, FAULT_MEMORY, FAULT_UNSUPPORTED. */
	int (*load)(void *state, const struct key_request *request, struct private_key **out, char why[WHY_MAX]);
	/* A public key alone. NULL: this store has none. */
	int (*load_public)(void *state, const struct key_request *request, struct public_key *out, char why[WHY_MAX]);
	/* A certificate that is kept beside the keys, in DER, malloc()ed. NULL: this store has none. */
	int (*load_cert)(void *state, const struct key_request *request, struct bytes *der, char why[WHY_MAX]);
};

#endif
