/* SPDX-License-Identifier: MIT */
/*
 * key_file.c - private keys of files: read by GnuTLS, whatever signs. From here on a key is a PrivateKeyInfo for the crypto backend that
 * serves its algorithm. Nothing of it is kept but what the backend keeps.
 */
#include "key_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugin.h"
#include "secret_file.h"

struct file_key {
	struct private_key key;
	const struct signature_alg *alg;
	void *handle;                        /* the backend's                                      */
};

static void file_key_free(struct private_key *key)
{
	struct file_key *file = CONTAINER(key, struct file_key, key);

	if (file->handle)
		file->alg->key_free(file->handle);
	free((uint8_t *)key->spki.at);
	free(file);
}

static int file_key_sign(struct private_key *key, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	const struct file_key *file = CONTAINER(key, struct file_key, key);
	int fault = file->alg->sign(file->handle, octets, out, len);

	if (fault)
		snprintf(why, WHY_MAX, "signing with our %s key failed: %s", key_facts(key->kind)->text, fault_text(fault));
	return fault;
}

/* ---- from GnuTLS to the backend ---- */

static int copy_spki(gnutls_pubkey_t key, struct bytes *out)
{
	gnutls_datum_t der;

	if (gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der) < 0)
		return FAULT_MEMORY;
	uint8_t *copy = malloc(der.size);
	if (copy)
		*out = bytes_of(memcpy(copy, der.data, der.size), der.size);
	gnutls_free(der.data);
	return copy ? 0 : FAULT_MEMORY;
}

static int export_pkcs8(gnutls_x509_privkey_t key, struct secret *out)
{
	gnutls_datum_t der;

	if (gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, &der) < 0)
		return FAULT_MEMORY;
	int fault = secret_copy(out, bytes_of(der.data, der.size));
	wipe(der.data, der.size);
	gnutls_free(der.data);
	return fault;
}

/* Signs once: a key whose public part is another's is found now, not in message 5. */
static bool signs(const struct file_key *file)
{
	uint8_t octets[HASH_SIZE_MAX] = { 1, 2, 3 }, made[SIGNATURE_MAX];
	size_t count = key_facts(file->key.kind)->octets, len = sizeof(made);
	struct bytes in = bytes_of(octets, count ? count : sizeof(octets));

	return file->alg->sign(file->handle, in, made, &len) == 0 && file->alg->verify(file->key.spki, in, bytes_of(made, len)) == 0;
}

static int give_to_backend(struct file_key *file, gnutls_x509_privkey_t key, const struct key_request *request, char why[WHY_MAX])
{
	AUTO_SECRET pkcs8 = { NULL, 0 };

	file->alg = crypto_signature(request->crypto, key_facts(file->key.kind)->alg);
	if (!file->alg) {
		snprintf(why, WHY_MAX, "%s: no crypto backend signs with %s: load crypto-openssl or crypto-gnutls", request->where,
			 key_facts(file->key.kind)->text);
		return FAULT_UNSUPPORTED;
	}
	int fault = export_pkcs8(key, &pkcs8);
	if (fault)
		return fault;
	file->handle = file->alg->key_new(secret_bytes(&pkcs8));
	if (file->handle && signs(file))
		return 0;
	snprintf(why, WHY_MAX, "%s: the crypto backend %s does not take this key: it is damaged, or of an unusual kind", request->where,
		 crypto_backend_of(request->crypto, file->alg));
	return FAULT_INPUT;
}

/* `public_key` belongs to `key`. */
static int make(gnutls_x509_privkey_t key, gnutls_pubkey_t public_key, const struct key_request *request, struct private_key **out,
		char why[WHY_MAX])
{
	enum key_kind kind = KEY_OTHER;
	unsigned bits = 0;

	int fault = key_classify(public_key, request->where, &kind, &bits, why);
	if (fault)
		return fault;
	struct file_key *file = calloc(1, sizeof(*file));
	if (!file)
		return FAULT_MEMORY;
	file->key = (struct private_key){ .kind = kind, .bits = bits, .sign = file_key_sign, .free = file_key_free };
	atomic_init(&file->key.refs, 1);
	fault = copy_spki(public_key, &file->key.spki);
	if (!fault)
		fault = give_to_backend(file, key, request, why);
	if (fault)
		file_key_free(&file->key);
	else
		*out = &file->key;
	return fault;
}

static int public_of(gnutls_pubkey_t *out, gnutls_x509_privkey_t key, const char *path, char why[WHY_MAX])
{
	gnutls_privkey_t handle;
	int result = gnutls_privkey_init(&handle);

	if (result < 0)
		return FAULT_MEMORY;
	result = gnutls_privkey_import_x509(handle, key, 0);
	if (result >= 0)
		result = gnutls_pubkey_init(out);
	if (result >= 0 && (result = gnutls_pubkey_import_privkey(*out, handle, 0, 0)) < 0)
		gnutls_pubkey_deinit(*out);
	gnutls_privkey_deinit(handle);
	if (result >= 0)
		return 0;
	snprintf(why, WHY_MAX, "%s: the public key of this private key cannot be computed: %s", path, gnutls_strerror(result));
	return FAULT_INPUT;
}

static int load(void *state, const struct key_request *request, struct private_key **out, char why[WHY_MAX])
{
	AUTO_SECRET file = { NULL, 0 };
	gnutls_x509_privkey_t key;
	gnutls_pubkey_t public_key;

	(void)state;
	int fault = secret_file_read(&file, request->where, KEY_FILE_MAX + 1, why);
	if (fault)
		return fault;
	if (file.len > KEY_FILE_MAX) {
		snprintf(why, WHY_MAX, "%s has more than %d octets: that is no private key", request->where, KEY_FILE_MAX);
		return FAULT_INPUT;
	}
	if ((fault = key_read(&key, request->where, secret_bytes(&file), request->passphrase, why)) < 0)
		return fault;
	fault = public_of(&public_key, key, request->where, why);
	if (!fault) {
		fault = make(key, public_key, request, out, why);
		gnutls_pubkey_deinit(public_key);
	}
	gnutls_x509_privkey_deinit(key);
	return fault;
}

/* ---- public keys ---- */

/* Everybody may read it. The first octets, as many as fit. */
static int read_public_file(const char *path, uint8_t *out, size_t room, size_t *used, char why[WHY_MAX])
{
	FILE *file = fopen(path, "re");

	*used = file ? fread(out, 1, room, file) : 0;
	bool is_read = file && !ferror(file);
	if (!is_read)
		snprintf(why, WHY_MAX, "the public key cannot be read: %s: %s", path, strerror(errno));
	if (file)
		(void)fclose(file);
	return is_read ? 0 : FAULT_INPUT;
}

static int load_public(void *state, const struct key_request *request, struct public_key *out, char why[WHY_MAX])
{
	uint8_t content[KEY_FILE_MAX];
	gnutls_pubkey_t key;
	size_t used;

	(void)state;
	*out = (struct public_key){ .spki = { NULL, 0 } };
	int fault = read_public_file(request->where, content, sizeof(content), &used, why);
	if (fault || (fault = key_read_public(&key, request->where, bytes_of(content, used), why)) < 0)
		return fault;
	fault = key_classify(key, request->where, &out->kind, &out->bits, why);
	if (!fault)
		fault = copy_spki(key, &out->spki);
	gnutls_pubkey_deinit(key);
	return fault;
}

static const struct key_store file_store = { .name = "file", .load = load, .load_public = load_public };

static const struct service provides[] = {
	{ SERVICE_KEY, "file", &file_store },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_CRYPTO, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "key-file",
	.summary = "private and public keys in files: PEM, DER, PKCS #8, PKCS #12 (by GnuTLS)",
	.provides = provides,
	.needs = needs,
};
