/* SPDX-License-Identifier: MIT */
/* test_cert_rules.c - one case per check that a path can fail, with the line that is said. */
#include "test_scene.h"

#include <time.h>

/* A leaf below an authority below a root, each as the row says. */
struct row {
	struct pki_spec root, sub, leaf;
	const char *code, *begins, *has; /* code NULL: it is fine */
	int64_t now;                     /* 0: PKI_NOW            */
};

static bool row_holds(const struct row *row)
{
	struct scene s;
	struct pki_spec root = row->root, sub = row->sub, leaf = row->leaf;

	root.dn = root.dn ? root.dn : "CN=root";
	sub.dn = sub.dn ? sub.dn : "CN=sub";
	leaf.dn = leaf.dn ? leaf.dn : "CN=gw";
	root.role = root.role ? root.role : PKI_CA;
	sub.role = sub.role ? sub.role : PKI_CA;
	scene_begin(&s);
	int i_root = scene_make(&s, &root, -1), i_sub = scene_make(&s, &sub, i_root), i_leaf = scene_make(&s, &leaf, i_sub);
	scene_give(&s, i_leaf);
	scene_give(&s, i_sub);
	scene_trust(&s, i_root);
	s.query.now = row->now ? row->now : PKI_NOW;
	bool holds;
	if (row->code) {
		holds = scene_fails(&s, row->code, row->begins, row->has);
	} else {
		holds = scene_verify(&s) == 0;
		if (!holds)
			printf("code %s: %s\n", s.failure.code, s.failure.why);
	}
	scene_end(&s);
	return holds;
}

#define ROWS_HOLD(rows)                                         \
	for (size_t i = 0; i < COUNT(rows); i++) {              \
		bool holds = row_holds(&(rows)[i]);             \
		if (!holds)                                     \
			printf("row %zu of %s\n", i, __func__); \
		CU_ASSERT(holds);                               \
	}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void expired(void)
{
	const struct row rows[] = {
		{ .leaf = { .serial = 0x1234, .until = PKI_NOW - 1 }, .code = "cert-expired", .begins = "certificate CN=gw (serial 1234) expired on 2025-12-31 23:59:59 UTC",
		  .has = ", and it is 2026-01-01 00:00:00 UTC; renew it, or set the clock right" },
		{ .leaf = { .until = PKI_NOW } },
		{ .sub = { .until = PKI_NOW - 1 }, .code = "cert-expired", .begins = "certificate CN=sub (serial ", .has = "expired on " },
		{ .root = { .until = PKI_NOW - 1 }, .code = "cert-expired", .begins = "certificate CN=root (serial ", .has = "expired on " },
	};

	ROWS_HOLD(rows);
}

static void not_yet_valid(void)
{
	const struct row rows[] = {
		{ .leaf = { .from = PKI_NOW + 1 }, .code = "cert-not-yet-valid", .begins = "certificate CN=gw (serial ",
		  .has = "is valid from 2026-01-01 00:00:01 UTC on, and it is 2026-01-01 00:00:00 UTC; wait, or set the clock right" },
		{ .leaf = { .from = PKI_NOW } },
		{ .now = PKI_NOW - 100 * (int64_t)PKI_DAY, .code = "cert-not-yet-valid", .begins = "certificate CN=gw", .has = "is valid from" },
	};

	ROWS_HOLD(rows);
}

static void weak_signature(void)
{
	const struct row rows[] = {
		{ .leaf = { .hash = GNUTLS_DIG_SHA1 }, .code = "cert-weak-signature", .begins = "certificate CN=gw (serial ",
		  .has = "is signed with SHA1, which can be forged; let it be issued again with SHA-256" },
		{ .sub = { .hash = GNUTLS_DIG_SHA1 }, .code = "cert-weak-signature", .begins = "certificate CN=sub (serial ", .has = "SHA1" },
		{ .root = { .hash = GNUTLS_DIG_SHA1 } },
		{ .root = { .key = PKI_RSA2048 }, .sub = { .hash = GNUTLS_DIG_MD5 }, .code = "cert-weak-signature", .begins = "certificate CN=sub (serial ", .has = "MD5" },
		{ .leaf = { .hash = GNUTLS_DIG_SHA384 } },
		{ .leaf = { .hash = GNUTLS_DIG_SHA512 } },
	};

	ROWS_HOLD(rows);
}

static void weak_key(void)
{
	const struct row rows[] = {
		{ .leaf = { .key = PKI_RSA1024 }, .code = "cert-weak-key", .begins = "certificate CN=gw (serial ",
		  .has = "has an RSA key of 1024 bits, and 2048 are the least that is taken; make a new one" },
		{ .sub = { .key = PKI_RSA1024 }, .code = "cert-weak-key", .begins = "certificate CN=sub (serial ", .has = "1024 bits" },
		{ .root = { .key = PKI_RSA1024 }, .code = "cert-weak-key", .begins = "certificate CN=root (serial ", .has = "1024 bits" },
		{ .leaf = { .key = PKI_RSA2048 } },
		{ .sub = { .key = PKI_P224 }, .code = "cert-weak-key", .begins = "certificate CN=sub (serial ", .has = "has an elliptic curve key of 224 bits" },
	};

	ROWS_HOLD(rows);
}

static void key_kind(void)
{
	const struct row rows[] = {
		{ .leaf = { .key = PKI_ED25519 }, .code = "cert-key-kind", .begins = "certificate CN=gw (serial ",
		  .has = "has a key that IKEv1 cannot sign with (EdDSA (Ed25519) of 256 bits)" },
		{ .sub = { .key = PKI_ED25519 } },
		{ .leaf = { .key = PKI_P521 } },
	};

	ROWS_HOLD(rows);
}

static void no_authority(void)
{
	const struct row rows[] = {
		{ .sub = { .role = PKI_BARE }, .code = "cert-not-authority", .begins = "certificate CN=sub (serial ",
		  .has = "is that of no authority (its basicConstraints do not say CA), so it cannot have issued CN=gw" },
		{ .root = { .role = PKI_BARE }, .code = "cert-not-authority", .begins = "certificate CN=root (serial ", .has = "issued CN=sub" },
		{ .root = { .version = 1 }, .code = "cert-not-authority", .begins = "certificate CN=root (serial ", .has = "issued CN=sub" },
		{ .sub = { .usage = GNUTLS_KEY_DIGITAL_SIGNATURE }, .code = "cert-key-usage", .begins = "certificate CN=sub (serial ",
		  .has = "may not sign certificates (its keyUsage has no keyCertSign), but has issued CN=gw" },
		{ .root = { .usage = GNUTLS_KEY_CRL_SIGN }, .code = "cert-key-usage", .begins = "certificate CN=root (serial ", .has = "no keyCertSign" },
	};

	ROWS_HOLD(rows);
}

static void path_length(void)
{
	const struct row rows[] = {
		{ .root = { .has_path_length = true, .path_length = 0 }, .code = "cert-path-length", .begins = "certificate CN=root (serial ",
		  .has = "allows 0 authorities below it (its pathLenConstraint), and there are 1, down to CN=sub" },
		{ .root = { .has_path_length = true, .path_length = 1 } },
		{ .sub = { .has_path_length = true, .path_length = 0 } },
	};

	ROWS_HOLD(rows);
}

/* An authority may issue for itself: a new key under the same name does not count (RFC 5280 4.2.1.9). */
static void path_length_self_issued(void)
{
	struct scene s;

	scene_begin(&s);
	int root = scene_make(&s, &(struct pki_spec){ .dn = "CN=root", .role = PKI_CA, .has_path_length = true, .path_length = 0 }, -1);
	int rolled = scene_ca(&s, "CN=root", root), leaf = scene_leaf(&s, "CN=gw", rolled);
	scene_give(&s, leaf);
	scene_give(&s, rolled);
	scene_trust(&s, root);
	int fault = scene_verify(&s);
	if (fault)
		printf("%s: %s\n", s.failure.code, s.failure.why);
	CU_ASSERT_EQUAL(fault, 0);
	CU_ASSERT(scene_path_is(&s, 3, (int[]){ leaf, rolled, root }));
	scene_end(&s);
}

static void host_names(void)
{
	const struct row rows[] = {
		{ .root = { .permitted = NAMES("dns:example") }, .leaf = { .names = NAMES("dns:gw.example") } },
		{ .root = { .permitted = NAMES("dns:example") }, .leaf = { .names = NAMES("dns:gw.example", "dns:gw.other") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a dNSName that CN=root, an authority above it, may not issue for (its nameConstraints)" },
		{ .sub = { .excluded = NAMES("dns:secret.example") }, .leaf = { .names = NAMES("dns:a.secret.example") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a dNSName that CN=sub, an authority above it" },
		{ .sub = { .excluded = NAMES("dns:secret.example") }, .leaf = { .names = NAMES("dns:a.example") } },
		{ .root = { .permitted = NAMES("dns:example") }, .sub = { .permitted = NAMES("dns:other") }, .leaf = { .names = NAMES("dns:gw.other") },
		  .code = "cert-name-constraint", .begins = "certificate CN=gw (serial ", .has = "CN=root" },
		{ .root = { .permitted = NAMES("dns:example") }, .leaf = { .names = NAMES("dns:notexample") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "dNSName" },
	};

	ROWS_HOLD(rows);
}

/* RFC 5280 7.2: DNS names are compared without regard to case, so that an excluded one must not get by with another. */
static void case_of_names(void)
{
	const struct row rows[] = {
		{ .root = { .permitted = NAMES("dns:Example") }, .leaf = { .names = NAMES("dns:gw.eXample") } },
		{ .sub = { .excluded = NAMES("dns:secret.example") }, .leaf = { .names = NAMES("dns:a.SECRET.example") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a dNSName that CN=sub, an authority above it, may not issue for (its nameConstraints)" },
		{ .sub = { .excluded = NAMES("dns:secret.example") }, .leaf = { .names = NAMES("dns:Secret.example") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "dNSName" },
		/* As others write it: only what is below. */
		{ .sub = { .excluded = NAMES("dns:.secret.example") }, .leaf = { .names = NAMES("dns:a.secret.example") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "dNSName" },
		{ .sub = { .permitted = NAMES("dns:.example") }, .leaf = { .names = NAMES("dns:gw.example") } },
		{ .sub = { .permitted = NAMES("dns:.example") }, .leaf = { .names = NAMES("dns:example") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "dNSName" },
		{ .root = { .permitted = NAMES("email:Example") }, .leaf = { .names = NAMES("email:alice@eXample") } },
		{ .root = { .excluded = NAMES("email:example") }, .leaf = { .names = NAMES("email:root@EXAMPLE") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a rfc822Name that CN=root" },
		{ .root = { .excluded = NAMES("email:root@example") }, .leaf = { .names = NAMES("email:root@EXAMPLE") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a rfc822Name that CN=root" },
		{ .root = { .excluded = NAMES("email:root@example") }, .leaf = { .names = NAMES("email:alice@example") } },
		{ .root = { .excluded = NAMES("email:.example") }, .leaf = { .names = NAMES("email:a@mail.EXAMPLE") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "rfc822Name" },
		{ .root = { .excluded = NAMES("email:.example") }, .leaf = { .names = NAMES("email:a@example") } },
		/* RFC 5280 4.2.1.10: of a subject only where no subjectAltName is one. */
		{ .root = { .excluded = NAMES("email:example") }, .leaf = { .dn = "EMAIL=a@Example,CN=gw" }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw", .has = "rfc822Name" },
		{ .root = { .excluded = NAMES("email:example") }, .leaf = { .dn = "EMAIL=a@Example,CN=gw", .names = NAMES("email:a@other") } },
	};

	ROWS_HOLD(rows);
}

static void other_names(void)
{
	const struct row rows[] = {
		{ .root = { .permitted = NAMES("email:example") }, .leaf = { .names = NAMES("email:alice@example") } },
		{ .root = { .permitted = NAMES("email:example") }, .leaf = { .names = NAMES("email:alice@other") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a rfc822Name that CN=root" },
		{ .root = { .permitted = NAMES("ip:192.0.2.0/24") }, .leaf = { .names = NAMES("ip:192.0.2.7") } },
		{ .root = { .permitted = NAMES("ip:192.0.2.0/24") }, .leaf = { .names = NAMES("ip:192.0.3.7") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a iPAddress that CN=root" },
		{ .root = { .excluded = NAMES("ip:2001:db8::/32") }, .leaf = { .names = NAMES("ip:2001:db8::1") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "has a iPAddress that CN=root" },
		{ .root = { .permitted = NAMES("uri:example") }, .leaf = { .names = NAMES("uri:http://other/") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ",
		  .has = "has a name of a kind that CN=root, an authority above it, has nameConstraints for, which cannot be applied here" },
		{ .root = { .excluded = NAMES("uri:example") }, .leaf = { .names = NAMES("uri:http://other/") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "cannot be applied here" },
		{ .root = { .excluded = NAMES("uri:example") }, .leaf = { .names = NAMES("dns:other") } },
	};

	ROWS_HOLD(rows);
}

static void directory_names(void)
{
	const struct row rows[] = {
		{ .root = { .permitted = NAMES("dn:O=Example,C=CH") }, .sub = { .dn = "CN=sub,O=Example,C=CH" }, .leaf = { .dn = "CN=gw,OU=vpn,O=Example,C=CH" } },
		{ .root = { .permitted = NAMES("dn:O=Example,C=CH") }, .sub = { .dn = "CN=sub,O=Example,C=CH" }, .leaf = { .dn = "CN=gw,O=Other,C=CH" },
		  .code = "cert-name-constraint", .begins = "certificate C=CH, O=Other, CN=gw (serial ",
		  .has = "has a name that CN=root, an authority above it, may not issue for (its nameConstraints of directory names)" },
		{ .root = { .permitted = NAMES("dn:O=Example,C=CH") }, .sub = { .dn = "CN=sub" }, .leaf = { .dn = "CN=gw,O=Example,C=CH" },
		  .code = "cert-name-constraint", .begins = "certificate CN=sub (serial ", .has = "CN=root" },
		/* Above the subtree is not within. */
		{ .root = { .permitted = NAMES("dn:O=Example,C=CH") }, .sub = { .dn = "CN=sub,O=Example,C=CH" }, .leaf = { .dn = "C=CH" },
		  .code = "cert-name-constraint", .begins = "certificate C=CH (serial ", .has = "CN=root" },
		{ .sub = { .excluded = NAMES("dn:O=Bank,C=CH") }, .leaf = { .dn = "CN=gw,O=Bank,C=CH" }, .code = "cert-name-constraint",
		  .begins = "certificate C=CH, O=Bank, CN=gw (serial ", .has = "CN=sub" },
		{ .sub = { .excluded = NAMES("dn:O=Bank,C=CH") }, .leaf = { .dn = "CN=gw,O=Shop,C=CH" } },
		/* As identities are compared: neither case nor blanks make another name. */
		{ .sub = { .excluded = NAMES("dn:O=Bank,C=CH") }, .leaf = { .dn = "CN=gw,O=BANK,C=ch" }, .code = "cert-name-constraint",
		  .begins = "certificate C=ch, O=BANK, CN=gw (serial ", .has = "CN=sub" },
		/* Also as a subjectAltName. */
		{ .sub = { .excluded = NAMES("dn:O=Bank,C=CH") }, .leaf = { .names = NAMES("dn:CN=gw,O=Bank,C=CH") }, .code = "cert-name-constraint",
		  .begins = "certificate CN=gw (serial ", .has = "" },
		{ .root = { .permitted = NAMES("dns:example", "dn:O=Example") }, .sub = { .dn = "CN=sub,O=Example" }, .leaf = { .dn = "CN=gw,O=Example" } },
	};

	ROWS_HOLD(rows);
}

static void usage(void)
{
	const struct row rows[] = {
		{ .leaf = { .usage = GNUTLS_KEY_KEY_ENCIPHERMENT }, .code = "cert-key-usage", .begins = "certificate CN=gw (serial ",
		  .has = "may not sign (its keyUsage has neither digitalSignature nor nonRepudiation); let it be issued again" },
		{ .leaf = { .usage = GNUTLS_KEY_NON_REPUDIATION } },
		{ .leaf = { .usage = GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT } },
		{ .leaf = { .role = PKI_BARE } },
	};

	ROWS_HOLD(rows);
}

static void purposes(void)
{
	const struct row rows[] = {
		{ .leaf = { .purposes = NAMES("1.3.6.1.5.5.7.3.4") }, .code = "cert-extended-key-usage", .begins = "certificate CN=gw (serial ",
		  .has = "is not meant for IKE (its extKeyUsage has none of ipsecIKE, ikeIntermediate, serverAuth, clientAuth, anyExtendedKeyUsage)" },
		{ .leaf = { .purposes = NAMES("1.3.6.1.5.5.7.3.5") }, .code = "cert-extended-key-usage", .begins = "certificate CN=gw (serial ", .has = "" },
		{ .leaf = { .purposes = NAMES("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.17") } },
		{ .leaf = { .purposes = NAMES("1.3.6.1.5.5.8.2.2") } },
		{ .leaf = { .purposes = NAMES("1.3.6.1.5.5.7.3.1") } },
		{ .leaf = { .purposes = NAMES("1.3.6.1.5.5.7.3.2") } },
		{ .leaf = { .purposes = NAMES("2.5.29.37.0") } },
	};

	ROWS_HOLD(rows);
}

static void critical(void)
{
	const struct row rows[] = {
		{ .leaf = { .critical_oid = "1.3.6.1.4.1.99999.1" }, .code = "cert-critical-extension", .begins = "certificate CN=gw (serial ",
		  .has = "has a critical extension that is not known here (1.3.6.1.4.1.99999.1), so it must not be used (RFC 5280 4.2); let it be issued again without" },
		{ .sub = { .critical_oid = "1.3.6.1.4.1.99999.1" }, .code = "cert-critical-extension", .begins = "certificate CN=sub (serial ", .has = "critical" },
	};

	ROWS_HOLD(rows);
}

/* What GnuTLS refuses for its constraints is taken here when RFC 5280 allows it, but not if anything else is wrong: it stops at the first. */
static void more_than_constraints(void)
{
	const struct row rows[] = {
		{ .sub = { .excluded = NAMES("dn:O=Bank") }, .leaf = { .purposes = NAMES("1.3.6.1.5.5.7.3.4") }, .code = "cert-extended-key-usage",
		  .begins = "certificate CN=gw", .has = "" },
		{ .root = { .excluded = NAMES("dn:O=Bank") }, .leaf = { .hash = GNUTLS_DIG_SHA1 }, .code = "cert-weak-signature", .begins = "certificate CN=gw",
		  .has = "" },
		{ .root = { .excluded = NAMES("dn:O=Bank") } },
	};
	struct scene s;

	ROWS_HOLD(rows);
	/* A chain whose upper link is right, and the lower one forged. */
	scene_begin(&s);
	int root = scene_make(&s, &(struct pki_spec){ .dn = "CN=root", .role = PKI_CA, .excluded = NAMES("dn:O=Bank") }, -1);
	int sub = scene_make(&s, &(struct pki_spec){ .dn = "CN=sub", .role = PKI_CA, .without_key_ids = true }, root);
	int namesake = scene_make(&s, &(struct pki_spec){ .dn = "CN=sub", .role = PKI_CA, .without_key_ids = true }, -1);
	int forged = scene_make(&s, &(struct pki_spec){ .dn = "CN=gw", .without_key_ids = true }, namesake);
	scene_give(&s, forged);
	scene_give(&s, sub);
	scene_trust(&s, root);
	CU_ASSERT(scene_fails(&s, "cert-signature", "certificate CN=gw (serial ", "was not signed with the key of CN=sub"));
	scene_end(&s);
}

static int64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* Whoever has no authority behind him can write constraints by the thousand: nobody is to read them. */
static void forged_constraints(void)
{
	enum { COUNT_MAX = 2000, MICROSECONDS_MAX = 30000 };
	static const uint8_t ecdsa[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
	static const char *permitted[COUNT_MAX + 1];
	char why[WHY_MAX];
	struct pki_spec of_root = { .dn = "CN=root", .role = PKI_CA, .excluded = NAMES("dn:O=Bank"), .without_key_ids = true };
	struct scene s;

	for (size_t i = 0; i < COUNT_MAX; i++)
		permitted[i] = "dns:x";
	scene_begin(&s);
	int root = scene_make(&s, &of_root, -1), namesake = scene_make(&s, &of_root, -1);
	int sub = scene_make(&s, &(struct pki_spec){ .dn = "CN=sub", .role = PKI_CA, .permitted = permitted, .without_key_ids = true }, namesake);
	int leaf = scene_make(&s, &(struct pki_spec){ .dn = "CN=gw", .names = NAMES("dns:a"), .without_key_ids = true }, sub);
	/* Signed in a way that nobody knows, which is no wrong signature to GnuTLS. */
	for (uint8_t *at = s.made[sub].der.data; (at = memmem(at, s.made[sub].der.size - (size_t)(at - s.made[sub].der.data), ecdsa, sizeof(ecdsa)));)
		at[7] = 0x7f;
	certificate_unref(s.read[sub]);
	CU_ASSERT_EQUAL_FATAL(cert_read(NULL, pki_der(&s.made[sub]), &s.read[sub], why), 0);
	scene_give(&s, leaf);
	scene_give(&s, sub);
	scene_trust(&s, root);
	int64_t before = cpu_now();
	CU_ASSERT(scene_fails(&s, "cert-signature", "certificate CN=sub (serial ", "is signed with an algorithm that is not known here"));
	int64_t took = cpu_now() - before;
	if (took > MICROSECONDS_MAX)
		printf("%lld us\n", (long long)took);
	CU_ASSERT(took <= MICROSECONDS_MAX);
	scene_end(&s);
}

static const struct unit_case cases[] = {
	{ "a certificate that has expired is refused, wherever it stands in the chain", expired },
	{ "a certificate that is not yet valid is refused", not_yet_valid },
	{ "signatures with SHA-1 and MD5 are refused, but for an anchor's own", weak_signature },
	{ "RSA keys under 2048 bits and small curves are refused, wherever they stand", weak_key },
	{ "a leaf has a key of a kind that IKEv1 signs with", key_kind },
	{ "who is no authority, or may not sign certificates, issues none", no_authority },
	{ "the path length that an authority allows is kept", path_length },
	{ "certificates that an authority made for itself do not count for the path length", path_length_self_issued },
	{ "name constraints of host names hold for all that is below", host_names },
	{ "name constraints of host names and mail addresses hold in whatever case", case_of_names },
	{ "name constraints of mail addresses, addresses and URIs hold", other_names },
	{ "name constraints of directory names hold for subjects and subjectAltNames", directory_names },
	{ "a leaf whose keyUsage does not let it sign is refused", usage },
	{ "a leaf whose extKeyUsage is for something else is refused", purposes },
	{ "critical extensions that are not known are refused", critical },
	{ "where GnuTLS stops at constraints that are none, the rest of the chain is checked all the same", more_than_constraints },
	{ "constraints of who is not signed by an authority are not looked at", forged_constraints },
};

UNIT_MAIN("cert-chain rules", cases)
