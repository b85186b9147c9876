/* SPDX-License-Identifier: MIT */
/*
 * token_key.c - signing with a key that stays in its token. A token may be pulled out and come back at any time: then the key is looked for
 * again, at last with modules that were started anew, since some look for tokens only then.
 */
#include "token.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* The token locks itself after a few wrong PINs, so a wrong one is given once, and none at the last try. */
int token_key_pin(void *data, int attempt, const char *url, const char *label, unsigned flags, char *pin, size_t size)
{
	struct token_key *key = data;

	(void)url;
	(void)label;
	if (attempt > 0 || flags & (GNUTLS_PIN_WRONG | GNUTLS_PIN_FINAL_TRY))
		key->pin_failed = true;
	if (!key->pin.at || key->pin_failed || key->pin.len > size)
		return GNUTLS_E_PKCS11_PIN_ERROR;
	memcpy(pin, key->pin.at, key->pin.len);
	return 0;
}

static int not_opened(const struct token_key *key, int error, char why[WHY_MAX])
{
	const char *text = gnutls_strerror(error);

	if (key->pin_failed)
		snprintf(why, WHY_MAX,
			 "%s: the token refuses the PIN, or has only one try left; it is not tried again before the configuration is read: mend the file that "
			 "passphrase-file names",
			 key->url);
	else if (error == GNUTLS_E_PKCS11_PIN_ERROR && !key->pin.at)
		snprintf(why, WHY_MAX, "%s: the token wants a PIN: write it into a file that only root can read, and name that with passphrase-file=", key->url);
	else if (error == GNUTLS_E_PKCS11_PIN_LOCKED)
		snprintf(why, WHY_MAX, "%s: the token has locked itself after wrong PINs; its administrator can unlock it", key->url);
	else if (error == GNUTLS_E_PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE || error == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		snprintf(why, WHY_MAX, "%s: there is no token with such a private key: plug it in, or see 'p11tool --list-all' for what there is", key->url);
	else
		snprintf(why, WHY_MAX, "%s: the token does not give the key: %s", key->url, text);
	return FAULT_INPUT;
}

int token_key_open(struct token_key *key, char why[WHY_MAX])
{
	int error = GNUTLS_E_PKCS11_PIN_ERROR, fault = tokens_start(key->tokens, why);

	if (fault < 0 || key->handle)
		return fault;
	if (!key->pin_failed) {
		if (gnutls_privkey_init(&key->handle) < 0) {
			snprintf(why, WHY_MAX, "out of memory");
			return FAULT_MEMORY;
		}
		gnutls_privkey_set_pin_function(key->handle, token_key_pin, key);
		error = gnutls_privkey_import_url(key->handle, key->url, 0);
	}
	if (error >= 0)
		return 0;
	token_key_close(key);
	return not_opened(key, error, why);
}

void token_key_close(struct token_key *key)
{
	if (key->handle)
		gnutls_privkey_deinit(key->handle);
	key->handle = NULL;
}

void token_key_free(struct token_key *key)
{
	token_key_close(key);
	list_remove(&key->link);
	free((uint8_t *)key->key.spki.at);
	secret_free(&key->pin);
	free(key->url);
	free(key);
}

/* ---- signatures ---- */

/* A number of at most `size` octets in exactly so many. */
static bool put_padded(struct writer *w, const gnutls_datum_t *number, size_t size)
{
	size_t skip = 0;

	while (skip < number->size && number->data[skip] == 0)
		skip++;
	size_t len = number->size - skip;
	if (len > size)
		return false;
	for (size_t i = len; i < size; i++)
		put_u8(w, 0);
	put_bytes(w, bytes_of(number->data + skip, len));
	return true;
}

/* RFC 4754 6: r | s, each as long as the curve's order. */
static int rs_from_der(const gnutls_datum_t *der, unsigned bits, struct writer *w)
{
	gnutls_datum_t r = { NULL, 0 }, s = { NULL, 0 };

	if (gnutls_decode_rs_value(der, &r, &s) < 0)
		return FAULT_CRYPTO;
	bool is_put = put_padded(w, &r, (bits + 7) / 8) && put_padded(w, &s, (bits + 7) / 8);
	gnutls_free(r.data);
	gnutls_free(s.data);
	return !is_put ? FAULT_CRYPTO : w->failed ? FAULT_FULL : 0;
}

static int sign_once(const struct token_key *key, struct bytes octets, struct writer *w, int *error)
{
	static const gnutls_sign_algorithm_t algorithms[] = {
		[KEY_ECDSA256] = GNUTLS_SIGN_ECDSA_SHA256, [KEY_ECDSA384] = GNUTLS_SIGN_ECDSA_SHA384, [KEY_ECDSA521] = GNUTLS_SIGN_ECDSA_SHA512,
	};
	gnutls_datum_t hash = { (unsigned char *)octets.at, (unsigned)octets.len }, signature = { NULL, 0 };
	int fault = 0;

	w->used = 0;
	/* RFC 2409 5.1: no DigestInfo, as in TLS 1.0. */
	if (key->key.kind == KEY_RSA)
		*error = gnutls_privkey_sign_hash(key->handle, GNUTLS_DIG_UNKNOWN, GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA, &hash, &signature);
	else
		*error = gnutls_privkey_sign_hash2(key->handle, algorithms[key->key.kind], 0, &hash, &signature);
	if (*error < 0)
		return FAULT_CRYPTO;
	if (key->key.kind == KEY_RSA) {
		put_bytes(w, bytes_of(signature.data, signature.size));
		fault = w->failed ? FAULT_FULL : 0;
	} else {
		fault = rs_from_der(&signature, key->key.bits, w);
	}
	gnutls_free(signature.data);
	return fault;
}

/* As it is, then found again in its token, then with modules that are started anew. */
static int sign_locked(struct token_key *key, struct bytes octets, struct writer *w, char why[WHY_MAX])
{
	int fault = FAULT_CRYPTO;

	for (int attempt = 0; attempt < 3 && fault < 0 && !key->pin_failed; attempt++) {
		int error = 0;

		if (attempt == 2 && !tokens_stop_again(key->tokens))
			break;
		fault = token_key_open(key, why);
		if (fault < 0)
			continue;
		fault = sign_once(key, octets, w, &error);
		if (fault == FAULT_FULL)
			break;
		if (fault < 0) {
			snprintf(why, WHY_MAX, "%s: the token does not sign: %s; see that it is plugged in", key->url, gnutls_strerror(error));
			token_key_close(key);
		}
	}
	return fault;
}

int token_key_sign(struct private_key *private_key, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	struct token_key *key = CONTAINER(private_key, struct token_key, key);
	size_t wanted = key_facts(key->key.kind)->octets;
	struct writer w = writer_over(out, *len);

	if (octets.len == 0 || octets.len > HASH_SIZE_MAX || (wanted && octets.len != wanted)) {
		snprintf(why, WHY_MAX, "%zu octets are not what %s signs", octets.len, key_facts(key->key.kind)->text);
		return FAULT_CRYPTO;
	}
	tokens_lock(key->tokens);
	if (key->pin_failed)
		not_opened(key, GNUTLS_E_PKCS11_PIN_ERROR, why);
	int fault = sign_locked(key, octets, &w, why);
	tokens_unlock(key->tokens);
	if (fault == 0)
		*len = w.used;
	return fault;
}
