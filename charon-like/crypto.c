/* SPDX-License-Identifier: MIT */
/*
 * crypto.c - makes the one table of algorithms from the backends' rows: in the configured order, the first that
 * has an algorithm and gives its known answers serves it.
 */
#include "crypto.h"

#include <stdlib.h>

#include "crypto_known.h"

enum kind { KIND_HASH, KIND_MAC, KIND_CIPHER, KIND_AEAD, KIND_GROUP, KIND_SIGNATURE };

struct row {
	enum kind kind;
	const char *name;
	const void *alg;
	const char *backend;
};

/* any thread; written by crypto_new() only */
struct crypto {
	struct row rows[KNOWN_ROWS];
	size_t count;
	int (*random)(uint8_t *out, size_t len);
};

static const struct row *row_find(const struct crypto *crypto, enum kind kind, const char *name)
{
	for (size_t i = 0; i < crypto->count; i++)
		if (crypto->rows[i].kind == kind && strcmp(crypto->rows[i].name, name) == 0)
			return &crypto->rows[i];
	return NULL;
}

static void row_refused(const struct crypto_backend *backend, const char *name, const char *why,
			const struct log_context *log)
{
	log_at(log, LEVEL_ERROR, "crypto-self-test", "%s of crypto backend %s %s and is not used",
	       name, backend->name, why);
}

/* `why`: what the known answers said. A row that passed had one, so at most KNOWN_ROWS of them are kept. */
static void row_keep(struct crypto *crypto, const struct crypto_backend *backend, struct row row,
		     const char *why, const struct log_context *log)
{
	if (why) {
		row_refused(backend, row.name, why, log);
		return;
	}
	if (row_find(crypto, row.kind, row.name) || crypto->count == KNOWN_ROWS)
		return;
	row.backend = backend->name;
	crypto->rows[crypto->count++] = row;
}

/* All its rows are tried, also those that an earlier backend serves: a broken library must not stay unknown. */
static void backend_add(struct crypto *crypto, const struct crypto_backend *backend,
			const struct log_context *log)
{
	for (const struct hash_alg *it = backend->hashes; it && it->name; it++)
		row_keep(crypto, backend, (struct row){ KIND_HASH, it->name, it, NULL },
			 known_hash(it), log);
	for (const struct mac_alg *it = backend->macs; it && it->name; it++)
		row_keep(crypto, backend, (struct row){ KIND_MAC, it->name, it, NULL },
			 known_mac(it), log);
	for (const struct cipher_alg *it = backend->ciphers; it && it->name; it++)
		row_keep(crypto, backend, (struct row){ KIND_CIPHER, it->name, it, NULL },
			 known_cipher(it), log);
	for (const struct aead_alg *it = backend->aeads; it && it->name; it++)
		row_keep(crypto, backend, (struct row){ KIND_AEAD, it->name, it, NULL },
			 known_aead(it), log);
	for (const struct dh_group *it = backend->groups; it && it->name; it++)
		row_keep(crypto, backend, (struct row){ KIND_GROUP, it->name, it, NULL },
			 known_group(it), log);
	for (const struct signature_alg *it = backend->signatures; it && it->name; it++)
		row_keep(crypto, backend, (struct row){ KIND_SIGNATURE, it->name, it, NULL },
			 known_signature(it), log);
	const char *why = backend->random ? known_random(backend->random) : NULL;
	if (why)
		row_refused(backend, "random", why, log);
	else if (!crypto->random)
		crypto->random = backend->random;
}

static int backends_add(struct crypto *crypto, const struct services *services,
			const char *const *order, const struct log_context *log)
{
	const struct provider *provider;

	for (size_t i = 0; order && order[i]; i++) {
		provider = services_find(services, SERVICE_CRYPTO, order[i]);
		if (!provider) {
			log_at(log, LEVEL_ERROR, "crypto-backend",
			       "crypto backend %s is configured, but no such plugin is loaded",
			       order[i]);
			return FAULT_UNSUPPORTED;
		}
		backend_add(crypto, provider->ops, log);
	}
	for (size_t i = 0; !order && (provider = services_at(services, SERVICE_CRYPTO, i)); i++)
		backend_add(crypto, provider->ops, log);
	if (crypto->count == 0 || !crypto->random) {
		log_at(log, LEVEL_ERROR, "crypto-backend",
		       "no crypto backend with %s: load crypto-gnutls or crypto-openssl",
		       crypto->count == 0 ? "any algorithm" : "random numbers");
		return FAULT_UNSUPPORTED;
	}
	return 0;
}

int crypto_new(struct crypto **out, const struct services *services, const char *const *order,
	       const struct log_context *log)
{
	struct crypto *crypto = calloc(1, sizeof(*crypto));

	*out = NULL;
	if (!crypto)
		return FAULT_MEMORY;
	int fault = backends_add(crypto, services, order, log);
	if (fault) {
		crypto_free(crypto);
		return fault;
	}
	*out = crypto;
	return 0;
}

void crypto_free(struct crypto *crypto)
{
	free(crypto);
}

static const void *alg_find(const struct crypto *crypto, enum kind kind, const char *name)
{
	const struct row *row = row_find(crypto, kind, name);

	return row ? row->alg : NULL;
}

const struct hash_alg *crypto_hash(const struct crypto *crypto, const char *name)
{
	return alg_find(crypto, KIND_HASH, name);
}

const struct mac_alg *crypto_mac(const struct crypto *crypto, const char *name)
{
	return alg_find(crypto, KIND_MAC, name);
}

const struct cipher_alg *crypto_cipher(const struct crypto *crypto, const char *name)
{
	return alg_find(crypto, KIND_CIPHER, name);
}

const struct aead_alg *crypto_aead(const struct crypto *crypto, const char *name)
{
	return alg_find(crypto, KIND_AEAD, name);
}

const struct dh_group *crypto_group(const struct crypto *crypto, const char *name)
{
	return alg_find(crypto, KIND_GROUP, name);
}

const struct signature_alg *crypto_signature(const struct crypto *crypto, const char *name)
{
	return alg_find(crypto, KIND_SIGNATURE, name);
}

const char *crypto_backend_of(const struct crypto *crypto, const void *alg)
{
	for (size_t i = 0; i < crypto->count; i++)
		if (crypto->rows[i].alg == alg)
			return crypto->rows[i].backend;
	return "none";
}

int crypto_random(const struct crypto *crypto, void *out, size_t len)
{
	return crypto->random(out, len);
}
