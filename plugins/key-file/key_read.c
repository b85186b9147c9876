/* SPDX-License-Identifier: MIT */
/* key_read.c - finds a key in the content of a file, and says what is there instead where there is none. The forms are GnuTLS's to read. */
#include "key_file.h"

#include <gnutls/pkcs12.h>
#include <stdio.h>

static const char begin[] = "-----BEGIN ";

/* Does some block of a PEM file have this label? */
static bool has_label(struct bytes file, const char *label)
{
	const uint8_t *at = file.at, *end = file.at + file.len;

	while (file.len && (at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1))) {
		at += sizeof(begin) - 1;
		if ((size_t)(end - at) > strlen(label) && memcmp(at, label, strlen(label)) == 0 && at[strlen(label)] == '-')
			return true;
	}
	return false;
}

static bool is_pem(struct bytes file)
{
	return file.len && memmem(file.at, file.len, begin, sizeof(begin) - 1);
}

static bool is_certificate(struct bytes file)
{
	gnutls_datum_t data = datum_of(file);
	gnutls_x509_crt_t certificate;

	if (is_pem(file))
		return has_label(file, "CERTIFICATE") || has_label(file, "X509 CERTIFICATE") || has_label(file, "TRUSTED CERTIFICATE");
	if (gnutls_x509_crt_init(&certificate) < 0)
		return false;
	bool is_one = gnutls_x509_crt_import(certificate, &data, GNUTLS_X509_FMT_DER) == 0;
	gnutls_x509_crt_deinit(certificate);
	return is_one;
}

static bool is_public_key(struct bytes file)
{
	gnutls_datum_t data = datum_of(file);
	gnutls_pubkey_t key;

	if (is_pem(file))
		return has_label(file, "PUBLIC KEY") || has_label(file, "RSA PUBLIC KEY");
	if (gnutls_pubkey_init(&key) < 0)
		return false;
	bool is_one = gnutls_pubkey_import(key, &data, GNUTLS_X509_FMT_DER) == 0;
	gnutls_pubkey_deinit(key);
	return is_one;
}

/* Of a private key that GnuTLS does not read: what it is instead, and what to do. */
static int not_private(const char *path, struct bytes file, char why[WHY_MAX])
{
	if (has_label(file, "OPENSSH PRIVATE KEY"))
		snprintf(why, WHY_MAX, "%s is a key in OpenSSH's own form; make another one of it with 'ssh-keygen -p -m PKCS8 -f %s'", path, path);
	else if (is_certificate(file))
		snprintf(why, WHY_MAX, "%s is a certificate, and a private key is wanted: name the file with its key here, and this one with cert=", path);
	else if (is_public_key(file))
		snprintf(why, WHY_MAX, "%s is a public key, and a private key is wanted", path);
	else if (!file.len)
		snprintf(why, WHY_MAX, "%s is empty, and a private key is wanted", path);
	else
		snprintf(why, WHY_MAX, "%s has no private key in PEM, DER or PKCS #12 that can be read", path);
	return FAULT_INPUT;
}

/* GnuTLS says different things of a wrong passphrase, by form and cipher. */
static int not_opened(const char *path, struct bytes passphrase, char why[WHY_MAX])
{
	if (passphrase.at)
		snprintf(why, WHY_MAX, "%s is encrypted, and the passphrase is wrong: see the file that passphrase-file= names", path);
	else
		snprintf(why, WHY_MAX, "%s is encrypted: write its passphrase into a file that only root can read, and name that with passphrase-file=",
			 path);
	return FAULT_INPUT;
}

/* ---- PKCS #12 ---- */

/* FAULT_NOT_FOUND: it is none. */
static int read_pkcs12(gnutls_x509_privkey_t *out, const char *path, struct bytes file, struct bytes passphrase, char why[WHY_MAX])
{
	gnutls_datum_t data = datum_of(file);
	const char *password = passphrase.at ? (const char *)passphrase.at : "";
	gnutls_pkcs12_t box;
	int fault = FAULT_NOT_FOUND;

	if (gnutls_pkcs12_init(&box) < 0)
		return FAULT_MEMORY;
	if (gnutls_pkcs12_import(box, &data, GNUTLS_X509_FMT_DER, 0) == 0) {
		gnutls_x509_privkey_t key = NULL;
		fault = 0;
		if (gnutls_pkcs12_verify_mac(box, password) < 0)
			fault = not_opened(path, passphrase, why);
		else if (gnutls_pkcs12_simple_parse(box, password, &key, NULL, NULL, NULL, NULL, NULL, 0) < 0 || !key) {
			snprintf(why, WHY_MAX, "%s is PKCS #12, but no private key in it can be read", path);
			fault = FAULT_INPUT;
		}
		if (!fault)
			*out = key;
	}
	gnutls_pkcs12_deinit(box);
	return fault;
}

/* ---- all other forms ---- */

/* GnuTLS's result does not tell: with a wrong passphrase what comes out looks like anything. */
static bool is_encrypted(struct bytes file)
{
	gnutls_datum_t data = datum_of(file);
	unsigned schema, cipher, iterations;
	uint8_t salt[64];
	unsigned salt_size = sizeof(salt);

	if (is_pem(file))
		return has_label(file, "ENCRYPTED PRIVATE KEY") || memmem(file.at, file.len, "Proc-Type: 4,ENCRYPTED", 22);
	int result = gnutls_pkcs8_info(&data, GNUTLS_X509_FMT_DER, &schema, &cipher, salt, &salt_size, &iterations, NULL);
	return result == 0 || result == GNUTLS_E_UNKNOWN_CIPHER_TYPE || result == GNUTLS_E_SHORT_MEMORY_BUFFER;
}

static int import(gnutls_x509_privkey_t key, struct bytes file, struct bytes passphrase)
{
	gnutls_datum_t data = datum_of(file);
	gnutls_x509_crt_fmt_t form = is_pem(file) ? GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER;

	/* With a passphrase GnuTLS does not take what is not encrypted. */
	int result = gnutls_x509_privkey_import2(key, &data, form, NULL, GNUTLS_PKCS_PLAIN);
	return result >= 0 || !passphrase.at ? result : gnutls_x509_privkey_import2(key, &data, form, (const char *)passphrase.at, 0);
}

static int check_numbers(gnutls_x509_privkey_t key, const char *path, char why[WHY_MAX])
{
	if (gnutls_x509_privkey_verify_params(key) >= 0)
		return 0;
	snprintf(why, WHY_MAX, "%s is damaged: the numbers of the key do not belong together", path);
	return FAULT_INPUT;
}

int key_read(gnutls_x509_privkey_t *out, const char *path, struct bytes file, struct bytes passphrase, char why[WHY_MAX])
{
	gnutls_x509_privkey_t key = NULL;

	int fault = is_pem(file) ? FAULT_NOT_FOUND : read_pkcs12(&key, path, file, passphrase, why);
	if (fault == FAULT_NOT_FOUND) {
		if (gnutls_x509_privkey_init(&key) < 0)
			return FAULT_MEMORY;
		int result = import(key, file, passphrase);
		if (result < 0)
			fault = is_encrypted(file) ? not_opened(path, passphrase, why) : not_private(path, file, why);
		else
			fault = 0;
	}
	if (!fault)
		fault = check_numbers(key, path, why);
	if (!fault)
		*out = key;
	else if (key)
		gnutls_x509_privkey_deinit(key);
	return fault;
}

/* ---- public keys ---- */

int key_read_public(gnutls_pubkey_t *out, const char *path, struct bytes file, char why[WHY_MAX])
{
	gnutls_datum_t data = datum_of(file);

	if (gnutls_pubkey_init(out) < 0)
		return FAULT_MEMORY;
	if (gnutls_pubkey_import(*out, &data, is_pem(file) ? GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER) == 0)
		return 0;
	gnutls_pubkey_deinit(*out);
	if (is_certificate(file))
		snprintf(why, WHY_MAX, "%s is a certificate, and a public key is wanted: name it with cert= instead", path);
	else if (has_label(file, "PRIVATE KEY") || has_label(file, "RSA PRIVATE KEY") || has_label(file, "EC PRIVATE KEY") ||
		 has_label(file, "ENCRYPTED PRIVATE KEY"))
		snprintf(why, WHY_MAX, "%s is a private key, and the peer's public key is wanted: the peer makes it with 'openssl pkey -pubout -in KEY'",
			 path);
	else
		snprintf(why, WHY_MAX, "%s has no public key that can be read: SubjectPublicKeyInfo in PEM (\"BEGIN PUBLIC KEY\") or DER is wanted", path);
	return FAULT_INPUT;
}

static int classify_curve(gnutls_pubkey_t key, const char *path, enum key_kind *kind, char why[WHY_MAX])
{
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;

	(void)gnutls_pubkey_export_ecc_raw2(key, &curve, NULL, NULL, 0);
	switch (curve) {
	case GNUTLS_ECC_CURVE_SECP256R1:
		*kind = KEY_ECDSA256;
		return 0;
	case GNUTLS_ECC_CURVE_SECP384R1:
		*kind = KEY_ECDSA384;
		return 0;
	case GNUTLS_ECC_CURVE_SECP521R1:
		*kind = KEY_ECDSA521;
		return 0;
	default:
		snprintf(why, WHY_MAX, "%s: the curve %s has no number in IKEv1 (RFC 4754); there are P-256, P-384 and P-521", path,
			 curve == GNUTLS_ECC_CURVE_INVALID ? "of the key" : gnutls_ecc_curve_get_name(curve));
		return FAULT_INPUT;
	}
}

int key_classify(gnutls_pubkey_t key, const char *path, enum key_kind *kind, unsigned *bits, char why[WHY_MAX])
{
	int algorithm = gnutls_pubkey_get_pk_algorithm(key, bits);

	if (algorithm == GNUTLS_PK_ECDSA)
		return classify_curve(key, path, kind, why);
	if (algorithm != GNUTLS_PK_RSA) {
		const char *name = algorithm > 0 ? gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm) : NULL;
		snprintf(why, WHY_MAX, "%s: a key for %s cannot sign in IKEv1; RSA and ECDSA (P-256, P-384, P-521) can", path, name ? name : "something else");
		return FAULT_INPUT;
	}
	*kind = KEY_RSA;
	if (*bits >= RSA_BITS_MIN && *bits <= RSA_BITS_MAX)
		return 0;
	snprintf(why, WHY_MAX, "%s: RSA of %u bits is refused, %d to %d are taken: make another key", path, *bits, RSA_BITS_MIN, RSA_BITS_MAX);
	return FAULT_INPUT;
}
