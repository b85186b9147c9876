/* SPDX-License-Identifier: MIT */
/* ocsp.c - GnuTLS reads, and checks signature and responder; here is what it leaves: which certificate, how old, and the nonce. */
#include "ocsp.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crl.h"
#include "der.h"

static int fail(struct cert_failure *failure, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct cert_failure *failure, const char *code, const char *format, ...)
{
	va_list list;

	failure->code = code;
	va_start(list, format);
	vsnprintf(failure->why, sizeof(failure->why), format, list);
	va_end(list);
	return FAULT_CRYPTO;
}

static bool crt_of(gnutls_x509_crt_t *out, const struct certificate *certificate)
{
	gnutls_datum_t der = { (unsigned char *)(uintptr_t)certificate->der.at, (unsigned)certificate->der.len };

	if (gnutls_x509_crt_init(out) < 0)
		return false;
	if (gnutls_x509_crt_import(*out, &der, GNUTLS_X509_FMT_DER) >= 0)
		return true;
	gnutls_x509_crt_deinit(*out);
	return false;
}

/* The octets of subjectPublicKey, which RFC 6960 4.1.1 hashes without tag, length and unused bits. */
static struct bytes key_octets(const struct certificate *certificate)
{
	struct reader whole = reader_over(certificate->spki);
	struct reader r = der_enter(&whole, DER_SEQUENCE);
	struct bytes content;

	(void)der_any(&r, &content, NULL);
	content = der_get(&r, DER_BITS);
	return content.len ? bytes_of(content.at + 1, content.len - 1) : content;
}

static int hash_id(char out[OCSP_ID_MAX], struct bytes name, struct bytes key, struct bytes serial)
{
	uint8_t hash[32];
	gnutls_hash_hd_t handle;

	if (gnutls_hash_init(&handle, GNUTLS_DIG_SHA256) < 0)
		return FAULT_CRYPTO;
	gnutls_hash(handle, name.at, name.len);
	gnutls_hash(handle, key.at, key.len);
	gnutls_hash(handle, serial.at, serial.len);
	gnutls_hash_deinit(handle, hash);
	/* Half of it is enough to tell certificates apart. */
	for (size_t i = 0; i < 20; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
	return 0;
}

int ocsp_id(char out[OCSP_ID_MAX], const struct certificate *certificate, const struct certificate *issuer)
{
	return hash_id(out, certificate->issuer, key_octets(issuer), certificate->serial);
}

int issuer_id(char out[OCSP_ID_MAX], const struct certificate *issuer)
{
	return hash_id(out, issuer->subject, key_octets(issuer), (struct bytes){ NULL, 0 });
}

/* ---- the question ---- */

static int export(gnutls_ocsp_req_t request, uint8_t **der, size_t *len)
{
	gnutls_datum_t octets;

	if (gnutls_ocsp_req_export(request, &octets) < 0)
		return FAULT_CRYPTO;
	*der = malloc(octets.size);
	*len = octets.size;
	if (*der)
		memcpy(*der, octets.data, octets.size);
	gnutls_free(octets.data);
	return *der ? 0 : FAULT_MEMORY;
}

static int set_nonce(gnutls_ocsp_req_t request, struct ocsp_question *question)
{
	gnutls_datum_t nonce;
	unsigned is_critical;

	if (gnutls_ocsp_req_randomize_nonce(request) < 0 || gnutls_ocsp_req_get_nonce(request, &is_critical, &nonce) < 0)
		return FAULT_CRYPTO;
	if (nonce.size <= sizeof(question->nonce)) {
		memcpy(question->nonce, nonce.data, nonce.size);
		question->nonce_len = nonce.size;
	}
	gnutls_free(nonce.data);
	return 0;
}

/* RFC 5019 2.1.1: SHA-1 names certificates here, and all responders know it; nothing is signed with it. */
static int ask(gnutls_ocsp_req_t request, struct ocsp_question *question, uint8_t **der, size_t *len)
{
	gnutls_x509_crt_t certificate, issuer;
	int fault = FAULT_CRYPTO;

	if (!crt_of(&certificate, question->certificate))
		return FAULT_CRYPTO;
	if (crt_of(&issuer, question->issuer)) {
		if (gnutls_ocsp_req_add_cert(request, GNUTLS_DIG_SHA1, issuer, certificate) >= 0)
			fault = question->policy == NONCE_NO ? 0 : set_nonce(request, question);
		gnutls_x509_crt_deinit(issuer);
	}
	gnutls_x509_crt_deinit(certificate);
	return fault ? fault : export(request, der, len);
}

int ocsp_ask(struct ocsp_question *question, uint8_t **der, size_t *len)
{
	gnutls_ocsp_req_t request;

	question->nonce_len = 0;
	if (gnutls_ocsp_req_init(&request) < 0)
		return FAULT_MEMORY;
	int fault = ask(request, question, der, len);
	gnutls_ocsp_req_deinit(request);
	return fault;
}

/* ---- the answer ---- */

static int check_status(gnutls_ocsp_resp_t response, struct cert_failure *failure)
{
	static const char *const texts[] = { "", "malformedRequest", "internalError", "tryLater", "another number", "sigRequired", "unauthorized" };
	int status = gnutls_ocsp_resp_get_status(response);

	if (status == GNUTLS_OCSP_RESP_SUCCESSFUL)
		return 0;
	return fail(failure, "ocsp-refused", "the responder answers %s: ask who runs it", texts[status > 0 && status < (int)COUNT(texts) ? status : 4]);
}

static int check_signer(gnutls_ocsp_resp_t response, const struct ocsp_question *question, struct cert_failure *failure)
{
	/* clang-format off */
	static const struct { unsigned bit; const char *text; } texts[] = {
		{ GNUTLS_OCSP_VERIFY_SIGNATURE_FAILURE,     "its signature is wrong" },
		{ GNUTLS_OCSP_VERIFY_SIGNER_KEYUSAGE_ERROR, "its signer's certificate is not for OCSPSigning (extendedKeyUsage)" },
		{ GNUTLS_OCSP_VERIFY_UNTRUSTED_SIGNER,      "its signer's certificate is not from the authority that it speaks for" },
		{ GNUTLS_OCSP_VERIFY_INSECURE_ALGORITHM,    "it is signed with an algorithm that is not secure" },
		{ GNUTLS_OCSP_VERIFY_CERT_NOT_ACTIVATED,    "its signer's certificate is not yet valid" },
		{ GNUTLS_OCSP_VERIFY_CERT_EXPIRED,          "its signer's certificate has expired" },
	};
	/* clang-format on */
	gnutls_x509_crt_t issuer;
	unsigned status = ~0u;
	int algorithm = gnutls_ocsp_resp_get_signature_algorithm(response);

	/* Who asks chooses the nonce, and with it what is signed: that is what a collision needs. */
	if (algorithm > 0 && !gnutls_sign_is_secure2((gnutls_sign_algorithm_t)algorithm, GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS))
		return fail(failure, "ocsp-unsigned", "it is signed with %s, which is not secure", gnutls_sign_get_name((gnutls_sign_algorithm_t)algorithm));
	if (!crt_of(&issuer, question->issuer))
		return fail(failure, "ocsp-unsigned", "the issuer's certificate cannot be read");
	int result = gnutls_ocsp_resp_verify_direct(response, issuer, &status, 0);
	gnutls_x509_crt_deinit(issuer);
	if (result == 0 && status == 0)
		return 0;
	for (size_t i = 0; result == 0 && i < COUNT(texts); i++)
		if (status & texts[i].bit)
			return fail(failure, "ocsp-unsigned", "%s", texts[i].text);
	return fail(failure, "ocsp-unsigned", "its signer is neither the issuer nor somebody whom the issuer has certified for that");
}

static int check_nonce(gnutls_ocsp_resp_t response, const struct ocsp_question *question, struct cert_failure *failure)
{
	gnutls_datum_t nonce;
	unsigned is_critical;

	if (question->nonce_len == 0)
		return 0;
	if (gnutls_ocsp_resp_get_nonce(response, &is_critical, &nonce) < 0) {
		/* RFC 5019 4: responders that answer from a store have none. */
		if (question->policy != NONCE_REQUIRED)
			return 0;
		return fail(failure, "ocsp-nonce", "it has no nonce, and nonce=\"require\" wants one: ask another responder, or say nonce=\"yes\"");
	}
	bool is_same = bytes_equal(bytes_of(nonce.data, nonce.size), bytes_of(question->nonce, question->nonce_len));
	gnutls_free(nonce.data);
	return is_same ? 0 : fail(failure, "ocsp-nonce", "its nonce is not that of the question: it is an answer to another one, or an old one");
}

static bool hash_is(gnutls_digest_algorithm_t algorithm, struct bytes of, const gnutls_datum_t *hash)
{
	uint8_t octets[64];
	size_t len = gnutls_hash_get_len(algorithm);

	return len > 0 && len <= sizeof(octets) && hash->size == len && gnutls_hash_fast(algorithm, of.at, of.len, octets) >= 0 &&
	       memcmp(octets, hash->data, len) == 0;
}

/* CertID (4.1.1). GnuTLS's own comparison leaves the key out. */
static bool is_about(const struct ocsp_question *question, gnutls_digest_algorithm_t algorithm, const gnutls_datum_t *name,
		     const gnutls_datum_t *key, const gnutls_datum_t *serial)
{
	return bytes_equal(bytes_of(serial->data, serial->size), question->certificate->serial) &&
	       hash_is(algorithm, question->certificate->issuer, name) && hash_is(algorithm, key_octets(question->issuer), key);
}

/* False: there is no i-th. */
static bool read_single(gnutls_ocsp_resp_t response, unsigned i, const struct ocsp_question *question, struct ocsp_answer *out, bool *is_it)
{
	gnutls_datum_t name = { NULL, 0 }, key = { NULL, 0 }, serial = { NULL, 0 };
	gnutls_digest_algorithm_t algorithm;
	time_t this_update = -1, next_update = -1, revoked = -1;
	unsigned status, reason = 0;

	if (gnutls_ocsp_resp_get_single(response, i, &algorithm, &name, &key, &serial, &status, &this_update, &next_update, &revoked, &reason) < 0)
		return false;
	*is_it = is_about(question, algorithm, &name, &key, &serial);
	*out = (struct ocsp_answer){
		status == GNUTLS_OCSP_CERT_GOOD ? OCSP_GOOD : status == GNUTLS_OCSP_CERT_REVOKED ? OCSP_REVOKED : OCSP_UNKNOWN, reason,
		revoked > 0 ? revoked : 0, this_update, next_update > 0 ? next_update : 0,
	};
	gnutls_free(name.data);
	gnutls_free(key.data);
	gnutls_free(serial.data);
	return true;
}

/* Of several about the same certificate one that revokes it counts, else the newest. */
static int find_single(gnutls_ocsp_resp_t response, const struct ocsp_question *question, struct ocsp_answer *out, struct cert_failure *failure)
{
	struct ocsp_answer single;
	bool is_it, has_one = false;

	for (unsigned i = 0; i < OCSP_SINGLES_MAX && read_single(response, i, question, &single, &is_it); i++) {
		if (!is_it || (has_one && out->status == OCSP_REVOKED && single.status != OCSP_REVOKED))
			continue;
		if (!has_one || (single.status == OCSP_REVOKED && out->status != OCSP_REVOKED) || single.this_update > out->this_update)
			*out = single;
		has_one = true;
	}
	return has_one ? 0 : fail(failure, "ocsp-wrong-certificate", "it is about another certificate");
}

static int check_times(const struct ocsp_answer *a, int64_t now, struct cert_failure *failure)
{
	char text[TIME_TEXT_MAX];

	if (a->this_update <= 0 || a->this_update > now + OCSP_SKEW)
		return fail(failure, "ocsp-not-yet-valid", "it is of %s, which is to come: compare the clocks", time_text(text, a->this_update));
	if (a->next_update && a->next_update < now - OCSP_SKEW)
		return fail(failure, "ocsp-expired", "it was good until %s: the responder gives out old answers, or the clock here is wrong",
			    time_text(text, a->next_update));
	if (!a->next_update && a->this_update < now - OCSP_AGE_MAX)
		return fail(failure, "ocsp-expired", "it is of %s and does not say until when it is good: it is taken for a day",
			    time_text(text, a->this_update));
	return 0;
}

int ocsp_read_proved(struct ocsp_answer *out, const struct ocsp_question *question, struct bytes der, int64_t now, bool is_proved,
		     struct cert_failure *failure)
{
	gnutls_datum_t octets = { (unsigned char *)(uintptr_t)der.at, (unsigned)der.len };
	gnutls_ocsp_resp_t response;

	if (der.len > OCSP_SIZE_MAX || gnutls_ocsp_resp_init(&response) < 0)
		return fail(failure, "ocsp-malformed", "it is too large");
	int fault = 0;
	if (gnutls_ocsp_resp_import(response, &octets) < 0)
		fault = fail(failure, "ocsp-malformed", "it is no OCSP response");
	if (!fault)
		fault = check_status(response, failure);
	if (!fault && !is_proved)
		fault = check_signer(response, question, failure);
	if (!fault)
		fault = check_nonce(response, question, failure);
	if (!fault)
		fault = find_single(response, question, out, failure);
	if (!fault)
		fault = check_times(out, now, failure);
	gnutls_ocsp_resp_deinit(response);
	return fault;
}

int ocsp_read(struct ocsp_answer *out, const struct ocsp_question *question, struct bytes der, int64_t now, struct cert_failure *failure)
{
	return ocsp_read_proved(out, question, der, now, false, failure);
}
