/* SPDX-License-Identifier: MIT */
/*
 * cert_rules.c - one path checked: GnuTLS decides whether it is sound, with rules of ours beside it, stricter where IKE wants it (RFC 4945 5.1.3),
 * that also tell which certificate is at fault. Nothing here looks at the clock: `now` is given.
 */
#include "cert_parts.h"

#include <gnutls/abstract.h>
#include <gnutls/x509-ext.h>
#include <stdio.h>

enum {
	/* Times are ours to check, by the query's clock; revocation is another plugin's. MEDIUM: 112 bits, RSA of 2048. */
	VERIFY_FLAGS = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_CRL_CHECKS |
		       GNUTLS_VERIFY_DO_NOT_ALLOW_X509_V1_CA_CRT | GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM),
	PURPOSES_MAX = 32, OID_SIZE_MAX = 128,
	ECC_BITS_MIN = 256,          /* 128 bits of strength; less than any curve of RFC 4754 */
};

/* RFC 5280 4.1.2.5: both ends belong to it. */
static int times_check(const struct cert_path *path, int64_t now, struct cert_failure *failure)
{
	char when[CERT_TIME_TEXT_MAX], now_text[CERT_TIME_TEXT_MAX];

	for (size_t i = 0; i < path->count; i++) {
		const struct certificate *c = path->at[i];

		if (now > c->not_after)
			return cert_fails(failure, "cert-expired", c, "expired on %s, and it is %s; renew it, or set the clock right",
					  certificate_time_text(when, c->not_after), certificate_time_text(now_text, now));
		if (now < c->not_before)
			return cert_fails(failure, "cert-not-yet-valid", c, "is valid from %s on, and it is %s; wait, or set the clock right",
					  certificate_time_text(when, c->not_before), certificate_time_text(now_text, now));
	}
	return 0;
}

/* An anchor is trusted as it is, so who signed it how does not matter; that its key could be broken does. */
static int strength_check(const struct cert_path *path, struct cert_failure *failure)
{
	for (size_t i = 0; i < path->count; i++) {
		const struct certificate *c = path->at[i];
		int signature = gnutls_x509_crt_get_signature_algorithm(cert_crt(c));
		gnutls_digest_algorithm_t hash = signature < 0 ? GNUTLS_DIG_UNKNOWN : gnutls_sign_get_hash_algorithm((gnutls_sign_algorithm_t)signature);

		if (c->kind == KEY_RSA && c->bits < CERT_RSA_BITS_MIN)
			return cert_fails(failure, "cert-weak-key", c, "has an RSA key of %u bits, and %d are the least that is taken; make a new one", c->bits,
					  CERT_RSA_BITS_MIN);
		if (gnutls_x509_crt_get_pk_algorithm(cert_crt(c), NULL) == GNUTLS_PK_EC && c->bits < ECC_BITS_MIN)
			return cert_fails(failure, "cert-weak-key", c, "has an elliptic curve key of %u bits, and %d are the least that is taken; make a new one",
					  c->bits, ECC_BITS_MIN);
		if (i + 1 < path->count && (hash == GNUTLS_DIG_SHA1 || hash == GNUTLS_DIG_MD5 || hash == GNUTLS_DIG_MD2))
			return cert_fails(failure, "cert-weak-signature", c, "is signed with %s, which can be forged; let it be issued again with SHA-256",
					  gnutls_digest_get_name(hash));
	}
	return 0;
}

/* RFC 5280 6.1.4 (l): certificates that an authority made for itself do not count. */
static size_t authorities_between(const struct cert_path *path, size_t authority)
{
	size_t count = 0;

	for (size_t i = 1; i < authority; i++)
		count += !bytes_equal(path->at[i]->subject, path->at[i]->issuer);
	return count;
}

static int authority_check(const struct cert_path *path, size_t i, struct cert_failure *failure)
{
	const struct certificate *c = path->at[i];
	unsigned usage = 0, is_ca = 0;
	int length = -1;

	/* RFC 4945 5.1.3.9: also old ones without the extension are refused. */
	if (!c->is_ca)
		return cert_fails(failure, "cert-not-authority", c,
				  "is that of no authority (its basicConstraints do not say CA), so it cannot have issued %s; let an authority issue that one",
				  path->at[i - 1]->subject_text);
	if (gnutls_x509_crt_get_key_usage(cert_crt(c), &usage, NULL) >= 0 && !(usage & GNUTLS_KEY_KEY_CERT_SIGN))
		return cert_fails(failure, "cert-key-usage", c,
				  "may not sign certificates (its keyUsage has no keyCertSign), but has issued %s; let the authority have a certificate that may",
				  path->at[i - 1]->subject_text);
	if (gnutls_x509_crt_get_basic_constraints(cert_crt(c), NULL, &is_ca, &length) >= 0 && length >= 0 &&
	    authorities_between(path, i) > (size_t)length)
		return cert_fails(failure, "cert-path-length", c,
				  "allows %d authorities below it (its pathLenConstraint), and there are %zu, down to %s; let one that is nearer issue", length,
				  authorities_between(path, i), path->at[1]->subject_text);
	return 0;
}

static int constraint_fails(const struct certificate *authority, const struct certificate *below, const char *type, struct cert_failure *failure)
{
	return cert_fails(failure, "cert-name-constraint", below,
			  "has a %s that %s, an authority above it, may not issue for (its nameConstraints); use a name that it may, or another authority", type,
			  authority->subject_text);
}

/* Host names one by one: gnutls_x509_name_constraints_check_crt() would also take a common name for one. */
static int constraints_of(const struct certificate *authority, const struct certificate *below, gnutls_x509_name_constraints_t constraints,
			  struct cert_failure *failure)
{
	for (size_t i = 0; i < below->name_count; i++) {
		gnutls_datum_t name = { (unsigned char *)below->names[i].data.at, (unsigned)below->names[i].data.len };

		if (below->names[i].type == ID_FQDN && !gnutls_x509_name_constraints_check(constraints, GNUTLS_SAN_DNSNAME, &name))
			return constraint_fails(authority, below, "dNSName", failure);
	}
	if (!gnutls_x509_name_constraints_check_crt(constraints, GNUTLS_SAN_RFC822NAME, cert_crt(below)))
		return constraint_fails(authority, below, "rfc822Name", failure);
	if (!gnutls_x509_name_constraints_check_crt(constraints, GNUTLS_SAN_IPADDRESS, cert_crt(below)))
		return constraint_fails(authority, below, "iPAddress", failure);
	return cert_subtrees_check(authority, below, failure);
}

/* RFC 5280 6.1.3 (b), (c): on all that are below, but not on those that authorities between made for themselves. */
static int names_check(const struct cert_path *path, size_t authority, struct cert_failure *failure)
{
	const struct certificate *above = path->at[authority];
	gnutls_x509_name_constraints_t constraints;
	int fault = 0;

	if (gnutls_x509_name_constraints_init(&constraints) < 0)
		return FAULT_MEMORY;
	int error = gnutls_x509_crt_get_name_constraints(cert_crt(above), constraints, 0, NULL);
	if (error < 0 && error != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		fault = cert_fails(failure, "cert-name-constraint", above, "has nameConstraints that cannot be read; let it be issued again");
	for (size_t i = authority; error >= 0 && fault == 0 && i-- > 0;) {
		if (i > 0 && bytes_equal(path->at[i]->subject, path->at[i]->issuer))
			continue;
		fault = constraints_of(above, path->at[i], constraints, failure);
	}
	gnutls_x509_name_constraints_deinit(constraints);
	return fault;
}

/* RFC 4945 5.1.3.2: where there is a keyUsage, one of these two; others do no harm. */
static int usage_check(const struct certificate *leaf, struct cert_failure *failure)
{
	unsigned usage = 0;
	int error = gnutls_x509_crt_get_key_usage(cert_crt(leaf), &usage, NULL);

	if (error == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE || (error >= 0 && usage & (GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_NON_REPUDIATION)))
		return 0;
	return cert_fails(failure, "cert-key-usage", leaf,
			  "may not sign (its keyUsage has neither digitalSignature nor nonRepudiation); let it be issued again with one of these");
}

/*
 * RFC 4945 5.1.3.12 takes ipsecIKE and anyExtendedKeyUsage. The others stand in most certificates that IKE is used with: Windows and Apple ask
 * for serverAuth of gateways and for Apple's ikeIntermediate, and give clients clientAuth. Without the extension everything is allowed.
 */
static bool is_purpose(const char *oid)
{
	static const char *const purposes[] = { GNUTLS_KP_IPSEC_IKE, GNUTLS_KP_ANY, GNUTLS_KP_TLS_WWW_SERVER, GNUTLS_KP_TLS_WWW_CLIENT, "1.3.6.1.5.5.8.2.2" };

	for (size_t i = 0; i < COUNT(purposes); i++)
		if (strcmp(oid, purposes[i]) == 0)
			return true;
	return false;
}

static int purpose_check(const struct certificate *leaf, struct cert_failure *failure)
{
	char oid[OID_SIZE_MAX];

	for (unsigned i = 0; i < PURPOSES_MAX; i++) {
		size_t size = sizeof(oid);
		int error = gnutls_x509_crt_get_key_purpose_oid(cert_crt(leaf), i, oid, &size, NULL);

		if (error == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE && i == 0)
			return 0;
		if (error >= 0 && is_purpose(oid))
			return 0;
		if (error < 0 && error != GNUTLS_E_SHORT_MEMORY_BUFFER)
			break;
	}
	return cert_fails(failure, "cert-extended-key-usage", leaf,
			  "is not meant for IKE (its extKeyUsage has none of ipsecIKE, ikeIntermediate, serverAuth, clientAuth, anyExtendedKeyUsage); let it be issued "
			  "again with one of these or without the extension");
}

static int kind_check(const struct certificate *leaf, struct cert_failure *failure)
{
	if (leaf->kind != KEY_OTHER)
		return 0;
	return cert_fails(failure, "cert-key-kind", leaf,
			  "has a key that IKEv1 cannot sign with (%s of %u bits); RSA and ECDSA with P-256, P-384 or P-521 can (RFC 2409, RFC 4754)",
			  gnutls_pk_get_name((gnutls_pk_algorithm_t)gnutls_x509_crt_get_pk_algorithm(cert_crt(leaf), NULL)), leaf->bits);
}

/* What is read here or by GnuTLS, and policies: they limit what a certificate is good for among policies, and none is asked for (RFC 4945 5.1.3.4). */
static bool is_known_extension(const char *oid)
{
	static const char *const known[] = {
		GNUTLS_X509EXT_OID_SUBJECT_KEY_ID, GNUTLS_X509EXT_OID_KEY_USAGE,       GNUTLS_X509EXT_OID_SAN,        GNUTLS_X509EXT_OID_BASIC_CONSTRAINTS,
		GNUTLS_X509EXT_OID_NAME_CONSTRAINTS, GNUTLS_X509EXT_OID_CRL_DIST_POINTS, GNUTLS_X509EXT_OID_CRT_POLICY, GNUTLS_X509EXT_OID_AUTHORITY_KEY_ID,
		GNUTLS_X509EXT_OID_EXTENDED_KEY_USAGE, GNUTLS_X509EXT_OID_AUTHORITY_INFO_ACCESS,
	};

	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(oid, known[i]) == 0)
			return true;
	return false;
}

/* RFC 5280 4.2: who does not know a critical extension does not use the certificate. */
static int extensions_check(const struct certificate *c, struct cert_failure *failure)
{
	char oid[OID_SIZE_MAX];

	for (unsigned i = 0;; i++) {
		unsigned is_critical = 0;
		size_t size = sizeof(oid);
		int error = gnutls_x509_crt_get_extension_info(cert_crt(c), i, oid, &size, &is_critical);

		if (error == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return 0;
		if (error == 0 && (!is_critical || is_known_extension(oid)))
			continue;
		return cert_fails(failure, "cert-critical-extension", c,
				  "has a critical extension that is not known here (%s), so it must not be used (RFC 5280 4.2); let it be issued again without",
				  error == 0 ? oid : "unreadable");
	}
}

/* ---- GnuTLS's own validation ---- */

static int judge(const struct cert_path *path, unsigned *status)
{
	gnutls_x509_crt_t list[CERT_CHAIN_MAX], anchor = cert_crt(path->at[path->count - 1]);
	gnutls_x509_trust_list_t trusted;

	*status = 0;
	/* A certificate that is pinned stands for itself. */
	if (path->count == 1)
		return 0;
	for (size_t i = 0; i + 1 < path->count; i++)
		list[i] = cert_crt(path->at[i]);
	if (gnutls_x509_trust_list_init(&trusted, 1) < 0)
		return FAULT_MEMORY;
	int error = gnutls_x509_trust_list_add_cas(trusted, &anchor, 1, 0);
	if (error >= 0)
		error = gnutls_x509_trust_list_verify_crt(trusted, list, (unsigned)path->count - 1, VERIFY_FLAGS, status, NULL);
	/* The certificates are not the list's. */
	gnutls_x509_trust_list_deinit(trusted, 0);
	if (error == GNUTLS_E_MEMORY_ERROR)
		return FAULT_MEMORY;
	if (error < 0)
		*status |= GNUTLS_CERT_INVALID;
	return 0;
}

static unsigned judge_link(const struct certificate *certificate, const struct certificate *issuer)
{
	gnutls_x509_crt_t crt = cert_crt(issuer);
	unsigned status = 0;

	return gnutls_x509_crt_verify(cert_crt(certificate), &crt, 1, VERIFY_FLAGS, &status) < 0 ? GNUTLS_CERT_INVALID : status;
}

static int not_signed(const struct cert_path *path, size_t i, struct cert_failure *failure)
{
	return cert_fails(failure, "cert-signature", path->at[i],
			  "was not signed with the key of %s (serial %s), which has the name of its issuer; it is forged, or the authority has a new key "
			  "whose certificate belongs in a <ca>",
			  path->at[i + 1]->subject_text, path->at[i + 1]->serial_text);
}

/* From the anchor down, as GnuTLS goes and stops. */
static int signature_fails(const struct cert_path *path, struct cert_failure *failure)
{
	for (size_t i = path->count - 1; i-- > 0;)
		if (judge_link(path->at[i], path->at[i + 1]) & GNUTLS_CERT_SIGNATURE_FAILURE)
			return not_signed(path, i, failure);
	return cert_fails(failure, "cert-signature", path->at[0], "or one above it has a wrong signature");
}

static int verdict_fails(const struct cert_path *path, unsigned status, struct cert_failure *failure)
{
	gnutls_datum_t text = { NULL, 0 };

	gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
	cert_fails(failure, "cert-refused", path->at[0], "or one above it is refused by GnuTLS: %s", text.data ? (const char *)text.data : "no reason given");
	gnutls_free(text.data);
	return FAULT_CRYPTO;
}

/* One signature by itself: the TBSCertificate as it came, with the issuer's key. */
static bool is_signed_by(const struct certificate *certificate, const struct certificate *issuer, gnutls_sign_algorithm_t algorithm)
{
	struct reader whole = reader_over(certificate->der), r = reader_over(element_read(&whole).content);
	struct bytes tbs = element_read(&r).whole;
	gnutls_datum_t data = { (unsigned char *)tbs.at, (unsigned)tbs.len };
	uint8_t octets[CERT_RSA_BITS_MAX / 8];
	size_t size = sizeof(octets);
	gnutls_pubkey_t key;

	if (r.failed || gnutls_x509_crt_get_signature(cert_crt(certificate), (char *)octets, &size) < 0 || gnutls_pubkey_init(&key) < 0)
		return false;
	gnutls_datum_t signature = { octets, (unsigned)size };
	bool is = gnutls_pubkey_import_x509(key, cert_crt(issuer), 0) >= 0 &&
		  gnutls_pubkey_verify_data2(key, algorithm, 0, &data, &signature) >= 0;
	gnutls_pubkey_deinit(key);
	return is;
}

/*
 * All of them, where GnuTLS has stopped at something before it came to a signature: what is said below is about what authorities have signed, and nobody
 * else has us read thousands of constraints.
 */
static int signatures_check(const struct cert_path *path, struct cert_failure *failure)
{
	for (size_t i = path->count - 1; i-- > 0;) {
		int algorithm = gnutls_x509_crt_get_signature_algorithm(cert_crt(path->at[i]));

		if (algorithm <= 0)
			return cert_fails(failure, "cert-signature", path->at[i],
					  "is signed with an algorithm that is not known here; let it be issued again with SHA-256");
		if (!is_signed_by(path->at[i], path->at[i + 1], (gnutls_sign_algorithm_t)algorithm))
			return not_signed(path, i, failure);
	}
	return 0;
}

/*
 * GnuTLS counts self-issued authorities for the path length, takes common names for host names and cannot apply constraints that exclude
 * directory names. The rules of this file and cert_subtrees.c do all that as RFC 5280 has it and have been passed, so this verdict alone does
 * not count; but GnuTLS stops where it comes to it, so what it has not come to, but for signatures, is looked at link by link.
 */
static int constraints_judged(const struct cert_path *path, unsigned status, struct cert_failure *failure)
{
	for (size_t i = path->count - 1; i-- > 0;) {
		unsigned others = judge_link(path->at[i], path->at[i + 1]) & ~(unsigned)(GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE);

		if (others)
			return verdict_fails(path, status | others, failure);
	}
	return 0;
}

static int leaf_check(const struct certificate *leaf, struct cert_failure *failure)
{
	int fault = usage_check(leaf, failure);

	if (fault == 0)
		fault = purpose_check(leaf, failure);
	return fault ? fault : kind_check(leaf, failure);
}

int cert_rules_check(const struct cert_path *path, int64_t now, struct cert_failure *failure)
{
	unsigned status;
	int fault = judge(path, &status);

	if (fault < 0)
		return fault;
	if (status & GNUTLS_CERT_SIGNATURE_FAILURE)
		return signature_fails(path, failure);
	if ((fault = times_check(path, now, failure)) || (fault = strength_check(path, failure)) || (status && (fault = signatures_check(path, failure))))
		return fault;
	for (size_t i = path->count; i-- > 0;)
		if ((fault = extensions_check(path->at[i], failure)) || (i > 0 && ((fault = authority_check(path, i, failure)) || (fault = names_check(path, i, failure)))))
			return fault;
	if ((fault = leaf_check(path->at[0], failure)))
		return fault;
	if (status == (GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE))
		return constraints_judged(path, status, failure);
	return status ? verdict_fails(path, status, failure) : 0;
}
