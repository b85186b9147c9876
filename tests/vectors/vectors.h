/* SPDX-License-Identifier: MIT */
/* vectors.h - reads the files of known answers in this folder, and says which backends the tests were linked with. */
#ifndef KEYFERRY_VECTORS_H
#define KEYFERRY_VECTORS_H
#include "crypto.h"

enum { VECTOR_FIELDS_MAX = 8 };

struct vector_field {
	char name[16];
	char *text;  /* as it stands in the file                                  */
	uint8_t *at; /* what it stands for                                        */
	size_t len, size;
};

/* One paragraph of a file. */
struct vector {
	const char *file;
	unsigned line;
	struct vector_field fields[VECTOR_FIELDS_MAX];
	size_t count;
};

/* Calls `each` once for each case and each name of its algorithm. The number of calls; -1: unreadable, said on stdout. */
int vectors_read(const char *file,
		 void (*each)(const struct vector *vector, const char *alg, void *arg), void *arg);
/* A field that is missing is empty. */
struct bytes vector_bytes(const struct vector *vector, const char *name);
bool vector_says(const struct vector *vector, const char *name, const char *text);

struct vector_backend {
	const struct crypto_backend *backend;
	int (*start)(void); /* NULL: it needs none                                       */
	void (*stop)(void);
};

extern const struct vector_backend vector_backends[];
extern const size_t vector_backends_count;
/* False: said on stdout. */
bool vector_backends_start(void);
void vector_backends_stop(void);

/* NULL: the backend has no such row. */
const struct hash_alg *backend_hash(const struct crypto_backend *backend, const char *name);
const struct mac_alg *backend_mac(const struct crypto_backend *backend, const char *name);
const struct cipher_alg *backend_cipher(const struct crypto_backend *backend, const char *name);
const struct aead_alg *backend_aead(const struct crypto_backend *backend, const char *name);
const struct dh_group *backend_group(const struct crypto_backend *backend, const char *name);
const struct signature_alg *backend_signature(const struct crypto_backend *backend, const char *name);

#endif
