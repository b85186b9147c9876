/* SPDX-License-Identifier: MIT */
/* crl_use.c - who has signed a CRL, and what it says of a certificate. Signatures are GnuTLS's. */
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "crl.h"
#include "der.h"

static gnutls_datum_t datum_of(struct bytes b)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)b.at, (unsigned)b.len };
}

/* ---- signatures ---- */

/* "1.2.840.113549.1.1.11"; base 128 of X.690 8.19. */
static void oid_text(char *out, size_t size, struct bytes oid)
{
	size_t used = 0;
	uint64_t value = 0;

	out[0] = '\0';
	for (size_t i = 0; i < oid.len && used < size; i++) {
		value = value << 7 | (oid.at[i] & 0x7f);
		if (oid.at[i] & 0x80)
			continue;
		bool is_first = used == 0;
		unsigned first = is_first ? value < 80 ? (unsigned)value / 40 : 2 : 0;

		used += (size_t)(is_first ? snprintf(out, size, "%u.%llu", first, (unsigned long long)value - 40 * first) :
					    snprintf(out + used, size - used, ".%llu", (unsigned long long)value));
		value = 0;
	}
}

/* RSA-PSS has its hash in its parameters; GnuTLS reads them with the whole list. */
static int check_whole(const struct crl *crl, gnutls_x509_crt_t signer)
{
	gnutls_datum_t der = { crl->der, (unsigned)crl->len };
	gnutls_x509_crl_t list;
	unsigned status = ~0u;

	int result = gnutls_x509_crl_init(&list);
	if (result == 0) {
		result = gnutls_x509_crl_import(list, &der, GNUTLS_X509_FMT_DER);
		if (result == 0)
			result = gnutls_x509_crl_verify(list, &signer, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DO_NOT_ALLOW_SAME, &status);
		gnutls_x509_crl_deinit(list);
	}
	return result == 0 && status == 0 ? 0 : FAULT_CRYPTO;
}

static int check_signature(const struct crl *crl, gnutls_x509_crt_t signer, char why[WHY_MAX])
{
	gnutls_datum_t tbs = datum_of(crl->tbs), signature = datum_of(crl->signature);
	gnutls_pubkey_t key;
	char oid[64];

	oid_text(oid, sizeof(oid), crl->algorithm);
	gnutls_sign_algorithm_t algorithm = gnutls_oid_to_sign(oid);
	if (algorithm != GNUTLS_SIGN_UNKNOWN && !gnutls_sign_is_secure2(algorithm, GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS)) {
		snprintf(why, WHY_MAX, "it is signed with %s, which is not secure", gnutls_sign_get_name(algorithm));
		return FAULT_CRYPTO;
	}
	int result = gnutls_pubkey_init(&key);
	if (result == 0) {
		result = gnutls_pubkey_import_x509(key, signer, 0);
		if (result == 0 && algorithm != GNUTLS_SIGN_UNKNOWN)
			result = gnutls_pubkey_verify_data2(key, algorithm, 0, &tbs, &signature);
		else if (result == 0)
			result = check_whole(crl, signer);
		gnutls_pubkey_deinit(key);
	}
	if (result < 0)
		snprintf(why, WHY_MAX, "its signature is wrong");
	return result < 0 ? FAULT_CRYPTO : 0;
}

/* RFC 5280 4.2.1.3: a key with usages that cRLSign is not among signs no CRLs. */
static int check_usage(gnutls_x509_crt_t signer, char why[WHY_MAX])
{
	unsigned usage = 0, is_critical;
	int result = gnutls_x509_crt_get_key_usage(signer, &usage, &is_critical);

	if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE || (result >= 0 && (usage & GNUTLS_KEY_CRL_SIGN)))
		return 0;
	snprintf(why, WHY_MAX, "the certificate of its signer must not be used to sign CRLs (keyUsage)");
	return FAULT_CRYPTO;
}

static int prove(const struct crl *crl, const struct certificate *signer, char why[WHY_MAX])
{
	gnutls_datum_t der = datum_of(signer->der);
	gnutls_x509_crt_t crt;

	if (gnutls_x509_crt_init(&crt) < 0) {
		snprintf(why, WHY_MAX, "there is no memory for it");
		return FAULT_MEMORY;
	}
	int fault = gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) < 0 ? FAULT_CRYPTO : check_usage(crt, why);
	if (!fault)
		fault = check_signature(crl, crt, why);
	gnutls_x509_crt_deinit(crt);
	return fault;
}

int crl_prove(struct crl *crl, const struct certificate *signer, char why[WHY_MAX])
{
	uint8_t key[32];
	int known = 1;

	snprintf(why, WHY_MAX, "its signature is wrong");
	/* The whole certificate: its usage counts, too. */
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, signer->der.at, signer->der.len, key) < 0)
		return FAULT_CRYPTO;
	pthread_mutex_lock(&crl->lock);
	for (size_t i = 0; i < crl->proof_count && known > 0; i++)
		if (memcmp(crl->proofs[i].key, key, sizeof(key)) == 0)
			known = crl->proofs[i].is_good ? 0 : FAULT_CRYPTO;
	pthread_mutex_unlock(&crl->lock);
	if (known <= 0)
		return known;
	int fault = prove(crl, signer, why);
	if (fault == FAULT_MEMORY)
		return fault;
	pthread_mutex_lock(&crl->lock);
	if (crl->proof_count < CRL_PROOFS_MAX) {
		memcpy(crl->proofs[crl->proof_count].key, key, sizeof(key));
		crl->proofs[crl->proof_count++].is_good = fault == 0;
	}
	pthread_mutex_unlock(&crl->lock);
	return fault;
}

/*
 * RFC 5280 6.3.3 (f): whoever signs a CRL has the same anchor as the certificate. Here: an authority above it in its chain has signed him; not
 * the certificate itself, whose key may be why it is to be revoked.
 */
bool signer_is_made_by(const struct certificate *signer, const struct cert_chain *chain, size_t at, int64_t now)
{
	gnutls_x509_crt_t crt, authority;
	gnutls_datum_t der = datum_of(signer->der);
	unsigned usage = 0, is_critical;
	bool is_made = false;

	if (signer->not_before > now || signer->not_after < now || gnutls_x509_crt_init(&crt) < 0)
		return false;
	for (size_t i = at + 1; gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) >= 0 && i < chain->count && !is_made; i++) {
		gnutls_datum_t over = datum_of(chain->at[i]->der);
		unsigned status = ~0u;

		if (!bytes_equal(signer->issuer, chain->at[i]->subject) || gnutls_x509_crt_init(&authority) < 0)
			continue;
		/* It must say so: one that says nothing may be anybody's. */
		is_made = gnutls_x509_crt_get_key_usage(crt, &usage, &is_critical) >= 0 && (usage & GNUTLS_KEY_CRL_SIGN) &&
			  gnutls_x509_crt_import(authority, &over, GNUTLS_X509_FMT_DER) >= 0 &&
			  gnutls_x509_crt_verify(crt, &authority, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status) >= 0 && status == 0;
		gnutls_x509_crt_deinit(authority);
	}
	gnutls_x509_crt_deinit(crt);
	return is_made;
}

/* ---- looking up ---- */

static int compare(const struct crl *crl, const struct crl_entry *entry, struct bytes serial)
{
	if (entry->serial_len != serial.len)
		return entry->serial_len < serial.len ? -1 : 1;
	return memcmp(crl->der + entry->serial_at, serial.at, serial.len);
}

const struct crl_entry *crl_find(const struct crl *crl, struct bytes issuer, struct bytes serial)
{
	size_t low = 0, high = crl->count;

	/* The first that is not below. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(crl, &crl->entries[middle], serial) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < crl->count && compare(crl, &crl->entries[low], serial) == 0; low++)
		if (bytes_equal(crl->issuers[crl->entries[low].issuer], issuer))
			return &crl->entries[low];
	return NULL;
}

int64_t crl_entry_date(const struct crl *crl, const struct crl_entry *entry)
{
	struct reader r = reader_over(bytes_of(crl->der + entry->date_at, crl->len - entry->date_at));

	return der_time(&r);
}

/* INTEGERs that are not negative: 1 when a is larger, -1 when b is. */
static int compare_numbers(struct bytes a, struct bytes b)
{
	while (a.len && a.at[0] == 0)
		a = bytes_of(a.at + 1, a.len - 1);
	while (b.len && b.at[0] == 0)
		b = bytes_of(b.at + 1, b.len - 1);
	if (a.len != b.len)
		return a.len > b.len ? 1 : -1;
	return a.len ? memcmp(a.at, b.at, a.len) : 0;
}

bool crl_delta_fits(const struct crl *delta, const struct crl *base)
{
	return delta->is_delta && !base->is_delta && bytes_equal(delta->issuer, base->issuer) && bytes_equal(delta->scope.whole, base->scope.whole) &&
	       base->number.len && delta->number.len && compare_numbers(base->number, delta->base) >= 0 &&
	       compare_numbers(base->number, delta->number) <= 0;
}
