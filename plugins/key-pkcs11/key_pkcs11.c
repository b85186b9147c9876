/* SPDX-License-Identifier: MIT */
/* key_pkcs11.c - the plugin: private keys and certificates of tokens (PKCS#11), named by URIs of RFC 7512. */
#include <stdio.h>
#include <stdlib.h>

#include "plugin.h"
#include "token.h"

/* ---- what a key is ---- */

static void kind_of(gnutls_pubkey_t public_key, enum key_kind *kind, unsigned *bits)
{
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	int algorithm = gnutls_pubkey_get_pk_algorithm(public_key, bits);

	*kind = algorithm == GNUTLS_PK_RSA ? KEY_RSA : KEY_OTHER;
	if (algorithm != GNUTLS_PK_EC || gnutls_pubkey_export_ecc_raw2(public_key, &curve, NULL, NULL, 0) < 0)
		return;
	*kind = curve == GNUTLS_ECC_CURVE_SECP256R1   ? KEY_ECDSA256
		: curve == GNUTLS_ECC_CURVE_SECP384R1 ? KEY_ECDSA384
		: curve == GNUTLS_ECC_CURVE_SECP521R1 ? KEY_ECDSA521
						      : KEY_OTHER;
	*bits = *kind == KEY_ECDSA256 ? 256 : *kind == KEY_ECDSA384 ? 384 : 521;
}

static int facts_take(struct token_key *key, gnutls_pubkey_t public_key, char why[WHY_MAX])
{
	gnutls_datum_t der = { NULL, 0 };

	kind_of(public_key, &key->key.kind, &key->key.bits);
	if (key->key.kind == KEY_OTHER) {
		snprintf(why, WHY_MAX, "%s: IKEv1 cannot sign with this kind of key; RSA and ECDSA with P-256, P-384 or P-521 can", key->url);
		return FAULT_INPUT;
	}
	if (key->key.kind == KEY_RSA && (key->key.bits < RSA_BITS_MIN || key->key.bits > RSA_BITS_MAX)) {
		snprintf(why, WHY_MAX, "%s: an RSA key of %u bits; %d to %d are taken", key->url, key->key.bits, RSA_BITS_MIN, RSA_BITS_MAX);
		return FAULT_INPUT;
	}
	if (gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_DER, &der) < 0)
		return FAULT_MEMORY;
	uint8_t *copy = malloc(der.size);
	if (copy)
		key->key.spki = bytes_of(memcpy(copy, der.data, der.size), der.size);
	gnutls_free(der.data);
	return copy ? 0 : FAULT_MEMORY;
}

/* Beside a private key there is a public one, or a certificate; RSA keys have both parts in one. */
static int public_find(struct token_key *key, gnutls_pubkey_t public_key)
{
	gnutls_x509_crt_t crt;

	if (gnutls_pubkey_import_privkey(public_key, key->handle, 0, 0) >= 0 || gnutls_pubkey_import_url(public_key, key->url, 0) >= 0)
		return 0;
	if (gnutls_x509_crt_init(&crt) < 0)
		return FAULT_MEMORY;
	int error = gnutls_x509_crt_import_url(crt, key->url, 0);
	if (error >= 0)
		error = gnutls_pubkey_import_x509(public_key, crt, 0);
	gnutls_x509_crt_deinit(crt);
	return error < 0 ? FAULT_NOT_FOUND : 0;
}

static int facts_find(struct token_key *key, char why[WHY_MAX])
{
	gnutls_pubkey_t public_key;

	if (gnutls_pubkey_init(&public_key) < 0)
		return FAULT_MEMORY;
	gnutls_pubkey_set_pin_function(public_key, token_key_pin, key);
	int fault = public_find(key, public_key);
	if (fault == FAULT_NOT_FOUND) {
		snprintf(why, WHY_MAX, "%s: the token has neither the public key nor a certificate beside this private key; store one of them there with the same id",
			 key->url);
		fault = FAULT_INPUT;
	}
	if (fault == 0)
		fault = facts_take(key, public_key, why);
	gnutls_pubkey_deinit(public_key);
	return fault;
}

/* RFC 7512 2.4 has an attribute for the PIN, but the URI stands in lines of the log, and GnuTLS would give that PIN again and again. */
static int uri_check(const char *url, char why[WHY_MAX])
{
	if (!strcasestr(url, "pin-value="))
		return 0;
	snprintf(why, WHY_MAX, "the PKCS#11 URI has a PIN in it (pin-value), which would stand in the log: write it into a file that only root can read, and name "
		 "that with passphrase-file=");
	return FAULT_INPUT;
}

/* ---- its life ---- */

static void key_free(struct private_key *private_key)
{
	struct token_key *key = CONTAINER(private_key, struct token_key, key);

	tokens_bury(key->tokens, key);
}

static struct token_key *key_new(struct tokens *tokens, const struct key_request *request)
{
	struct token_key *key = calloc(1, sizeof(*key));

	if (!key)
		return NULL;
	key->key = (struct private_key){ .kind = KEY_OTHER, .may_block = true, .sign = token_key_sign, .free = key_free };
	atomic_init(&key->key.refs, 1);
	key->tokens = tokens;
	key->url = strdup(request->where);
	/* With the zero octet behind it, which GnuTLS wants. */
	bool is_whole = key->url && (!request->passphrase.at || secret_new(&key->pin, request->passphrase.len + 1) == 0);
	if (is_whole && request->passphrase.len)
		memcpy(key->pin.at, request->passphrase.at, request->passphrase.len);
	tokens_ref(tokens);
	tokens_lock(tokens);
	list_append(&tokens->keys, &key->link);
	tokens_unlock(tokens);
	if (is_whole)
		return key;
	key_free(&key->key);
	return NULL;
}

/* Signs once, so that what would fail in message 5 fails now. */
static int key_try(struct token_key *key, const struct crypto *crypto, char why[WHY_MAX])
{
	const struct signature_alg *alg = crypto ? crypto_signature(crypto, key_facts(key->key.kind)->alg) : NULL;
	uint8_t octets[HASH_SIZE_MAX] = { 1, 2, 3 }, made[SIGNATURE_MAX];
	size_t count = key_facts(key->key.kind)->octets, len = sizeof(made);
	struct bytes in = bytes_of(octets, count ? count : 32);
	int fault = token_key_sign(&key->key, in, made, &len, why);

	if (fault == 0 && alg && alg->verify(key->key.spki, in, bytes_of(made, len))) {
		snprintf(why, WHY_MAX, "%s: what the token signs is not right by the public key that it has beside this one", key->url);
		fault = FAULT_INPUT;
	}
	return fault;
}

static int load(void *state, const struct key_request *request, struct private_key **out, char why[WHY_MAX])
{
	struct tokens *tokens = state;

	if (uri_check(request->where, why))
		return FAULT_INPUT;
	struct token_key *key = key_new(tokens, request);
	snprintf(why, WHY_MAX, "out of memory");
	if (!key)
		return FAULT_MEMORY;
	tokens_lock(tokens);
	int fault = token_key_open(key, why);
	/* A token that was plugged in since: see token.c. */
	if (fault < 0 && !key->pin_failed && tokens_stop_again(tokens))
		fault = token_key_open(key, why);
	if (fault == 0)
		fault = facts_find(key, why);
	tokens_unlock(tokens);
	if (fault == 0)
		fault = key_try(key, request->crypto, why);
	if (fault < 0)
		key_free(&key->key);
	else
		*out = &key->key;
	return fault == FAULT_CRYPTO ? FAULT_INPUT : fault;
}

/* ---- certificates, which are no secrets ---- */

static int load_cert(void *state, const struct key_request *request, struct bytes *der, char why[WHY_MAX])
{
	struct tokens *tokens = state;
	gnutls_x509_crt_t crt;
	gnutls_datum_t out = { NULL, 0 };

	*der = bytes_of(NULL, 0);
	if (uri_check(request->where, why))
		return FAULT_INPUT;
	tokens_lock(tokens);
	int fault = tokens_start(tokens, why), error = 0;
	if (fault == 0 && gnutls_x509_crt_init(&crt) < 0)
		fault = FAULT_MEMORY;
	if (fault == 0) {
		error = gnutls_x509_crt_import_url(crt, request->where, 0);
		if (error >= 0)
			error = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &out);
		gnutls_x509_crt_deinit(crt);
	}
	tokens_unlock(tokens);
	if (fault == 0 && error < 0) {
		snprintf(why, WHY_MAX, "%s: there is no token with such a certificate (%s): plug it in, or see 'p11tool --list-all' for what there is", request->where,
			 gnutls_strerror(error));
		return FAULT_INPUT;
	}
	uint8_t *copy = fault ? NULL : malloc(out.size);
	if (copy)
		*der = bytes_of(memcpy(copy, out.data, out.size), out.size);
	gnutls_free(out.data);
	return fault ? fault : copy ? 0 : FAULT_MEMORY;
}

/* ---- the plugin ---- */

static int read_modules(struct tokens *tokens, const struct config_node *node, const struct log_context *log)
{
	const char *text = config_get(node, "modules");

	while (text && *(text += strspn(text, " \t\n"))) {
		size_t len = strcspn(text, " \t\n");

		if (tokens->module_count == TOKEN_MODULES_MAX) {
			config_complain(log, node, "modules names more than %d", TOKEN_MODULES_MAX);
			return FAULT_INPUT;
		}
		char *path = strndup(text, len);
		if (!path)
			return FAULT_MEMORY;
		tokens->modules[tokens->module_count++] = path;
		if (path[0] != '/') {
			config_complain(log, node, "modules: %s is no path from the root: write it as \"/usr/lib/softhsm/libsofthsm2.so\"", path);
			return FAULT_INPUT;
		}
		text += len;
	}
	return 0;
}

static int read_settings(struct tokens *tokens, const struct config_node *node, const struct log_context *log)
{
	for (size_t i = 0; i < node->attribute_count; i++)
		if (strcmp(node->attributes[i].name, "name") != 0 && strcmp(node->attributes[i].name, "modules") != 0) {
			config_complain(log, node, "key-pkcs11 knows no attribute '%s'; there is: modules", node->attributes[i].name);
			return FAULT_INPUT;
		}
	return read_modules(tokens, node, log);
}

static int start(struct core *core, const struct config_node *settings, void **state)
{
	struct tokens *tokens = tokens_new();

	if (!tokens)
		return FAULT_MEMORY;
	int fault = settings ? read_settings(tokens, settings, log_root(core->log)) : 0;
	if (fault < 0)
		tokens_unref(tokens);
	else
		*state = tokens;
	return fault;
}

static void stop(void *state)
{
	tokens_unref(state);
}

static const struct key_store store = {
	.name = "pkcs11",
	.load = load,
	.load_cert = load_cert,
};

static const struct service services[] = {
	{ SERVICE_KEY, "pkcs11", &store },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "key-pkcs11",
	.summary = "private keys and certificates of tokens (PKCS#11), which the keys never leave",
	.provides = services,
	.start = start,
	.stop = stop,
};
