/* SPDX-License-Identifier: MIT */
/*
 * test_key_file.c - keys in all forms that files have, made by GnuTLS as the test runs or by OpenSSL before it was written, and each way
 * in which a file is not what is wanted. They sign through a real crypto backend.
 */
#include <gnutls/pkcs12.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tests/unit.h"
#include "key_file.h"
#include "plugin.h"

static const char passphrase[] = "ferry";

/* Made for this test alone: with its curve in front, as 'openssl ecparam -genkey' writes it; that encrypted as OpenSSL did of old; and as it does now. */
static const char with_parameters[] =
	"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIGCbxo3zkWBLFe2XE0fuBL1MczhYv9YZFjMDH+til5/FoAoGCCqGSM49\n"
	"AwEHoUQDQgAEXCGZ2ZOuagCmVIljFd/Qj+OeasugNdB/8R8AJCmH3hUK47Xgnd4f\n"
	"jbx4KOGoTHSJURvUcYVjy3OThHeglZT4vw==\n-----END EC PRIVATE KEY-----\n";
static const char encrypted_of_old[] =
	"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,DB1B0A5CEFF41072AA9172F4C525CB25\n\n"
	"2yPrTXrHCNz8cNb3Rn3cdH+9kacTDN2TSUI+ik4+eRC/YckrL8Wm/nX2bU+E7fSl\n"
	"9iGiMBUYmoP9j/Cbj0aKvstRh3T+CNDzFwp+Dl+yWacaMTx75yrJyjzJ6fktUjMz\n"
	"nyuHEhqmjd/+2fovsb4aPIjHhAPNFKQLs+A209r+MKg=\n-----END EC PRIVATE KEY-----\n";
static const char encrypted_now[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgtjLT6qvT2zwICCAAw\n"
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELP8f0H/saQKfEgjiBWJ+yUEgZCl\n"
	"95rG8ZFIMwAuQa7BztWuyh73ivLRO+Up1WuUiAZfRod441V5bHndjOAdJfzcfyv5\n"
	"ICuie4FC+8Dvjnk0Rdf8pay0GLbPnboiV54QCavPEU3+xBQtau5ywoYdC0V5LXd5\n"
	"V1cnKYSFqsLNa2PHf32iIMMhxVBRIqZ9nx4r/nLyw1/qoBwHqwjD25m6Q/hLdNE=\n-----END ENCRYPTED PRIVATE KEY-----\n";

/* ---- around: real backends, files, keys ---- */

static struct core core;
static struct plugins *plugins;
static struct crypto *crypto;
static char folder[] = "/tmp/keyferry-key-XXXXXX", path[sizeof(folder) + 16], why[WHY_MAX];

static bool open_scene(void)
{
	static const char *const skipped[] = { "kernel-tun", "kernel-xfrm", "kernel-net", NULL };
	const char *top = getenv("TOP_BUILDDIR");
	char libs[512];

	snprintf(libs, sizeof(libs), "%s/.libs", top ? top : ".");
	snprintf(path, sizeof(path), "%s/key", mkdtemp(folder));
	core.log = log_new(&(struct log_options){ .level = LEVEL_ERROR, .fd = STDOUT_FILENO });
	core.main_loop = loop_new(NULL);
	core.bus = bus_new();
	core.helpers = helpers_new(1);
	return plugins_load(&plugins, &core, &(struct plugins_options){ .folder = libs, .skip = skipped }) == 0 &&
	       crypto_new(&crypto, core.services, NULL, log_root(core.log)) == 0;
}

static void close_scene(void)
{
	crypto_free(crypto);
	plugins_free(plugins, &core);
	helpers_free(core.helpers);
	loop_free(core.main_loop);
	bus_free(core.bus);
	log_free(core.log);
	unlink(path);
	rmdir(folder);
}

static void write_key(const void *content, size_t len)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(content, 1, len, file) != len || fclose(file) != 0 || chmod(path, 0600) != 0)
		abort();
}

static const struct key_store *store(void)
{
	return plugin.provides[0].ops;
}

static int load_with(const char *word, struct private_key **out)
{
	struct key_request request = { .where = path, .crypto = crypto };

	if (word)
		request.passphrase = bytes_text(word);
	*out = NULL;
	why[0] = '\0';
	return store()->load(NULL, &request, out, why);
}

/* It is of this kind, signs, and its public key takes that. */
static void is_good(const char *says, const char *word, enum key_kind kind)
{
	const struct signature_alg *alg = crypto_signature(crypto, key_facts(kind)->alg);
	uint8_t octets[HASH_SIZE_MAX] = { 7 }, made[SIGNATURE_MAX];
	size_t count = key_facts(kind)->octets ? key_facts(kind)->octets : 20, len = sizeof(made);
	struct private_key *key;

	int fault = load_with(word, &key);
	if (fault)
		printf("not true: %s is read: %s\n", says, why);
	CU_ASSERT_EQUAL(fault, 0);
	if (fault)
		return;
	CU_ASSERT_EQUAL(key->kind, kind);
	CU_ASSERT(!key->may_block);
	CU_ASSERT_EQUAL(key->sign(key, bytes_of(octets, count), made, &len, why), 0);
	CU_ASSERT_EQUAL(alg->verify(key->spki, bytes_of(octets, count), bytes_of(made, len)), 0);
	private_key_unref(key);
}

static void is_refused(const char *word, const char *says)
{
	struct private_key *key;

	CU_ASSERT(load_with(word, &key) < 0);
	CU_ASSERT_PTR_NULL(key);
	if (!strstr(why, says) || !strstr(why, path))
		printf("said: %s\nnot: %s\n", why, says);
	CU_ASSERT(strstr(why, says) && strstr(why, path));
}

static gnutls_x509_privkey_t made(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
	gnutls_x509_privkey_t key;

	if (gnutls_x509_privkey_init(&key) < 0 || gnutls_x509_privkey_generate(key, algorithm, bits, 0) < 0)
		abort();
	return key;
}

static unsigned curve(gnutls_ecc_curve_t id)
{
	return GNUTLS_CURVE_TO_BITS(id);
}

static void take(gnutls_datum_t *out)
{
	write_key(out->data, out->size);
	gnutls_free(out->data);
}

/* ---- forms ---- */

static void pkcs12_write(gnutls_x509_privkey_t key, const char *word)
{
	gnutls_pkcs12_bag_t bag;
	gnutls_pkcs12_t box;
	gnutls_datum_t der, id = { (unsigned char *)"id", 2 };

	if (gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_DER, word, word ? GNUTLS_PKCS_PBES2_AES_256 : GNUTLS_PKCS_PLAIN, &der) < 0 ||
	    gnutls_pkcs12_bag_init(&bag) < 0 || gnutls_pkcs12_init(&box) < 0 ||
	    gnutls_pkcs12_bag_set_data(bag, word ? GNUTLS_BAG_PKCS8_ENCRYPTED_KEY : GNUTLS_BAG_PKCS8_KEY, &der) < 0 ||
	    gnutls_pkcs12_bag_set_key_id(bag, 0, &id) < 0 || gnutls_pkcs12_set_bag(box, bag) < 0 ||
	    gnutls_pkcs12_generate_mac(box, word ? word : "") < 0)
		abort();
	gnutls_free(der.data);
	if (gnutls_pkcs12_export2(box, GNUTLS_X509_FMT_DER, &der) < 0)
		abort();
	take(&der);
	gnutls_pkcs12_bag_deinit(bag);
	gnutls_pkcs12_deinit(box);
}

static void all_forms_of(gnutls_x509_privkey_t key, enum key_kind kind)
{
	static const gnutls_x509_crt_fmt_t formats[] = { GNUTLS_X509_FMT_PEM, GNUTLS_X509_FMT_DER };
	gnutls_datum_t out;

	for (size_t i = 0; i < COUNT(formats); i++) {
		CU_ASSERT_EQUAL_FATAL(gnutls_x509_privkey_export2(key, formats[i], &out), 0);
		take(&out);
		is_good("the key in its own form", NULL, kind);
		CU_ASSERT_EQUAL_FATAL(gnutls_x509_privkey_export2_pkcs8(key, formats[i], NULL, GNUTLS_PKCS_PLAIN, &out), 0);
		take(&out);
		is_good("PKCS #8", NULL, kind);
		is_good("PKCS #8 that is not encrypted, with a passphrase", passphrase, kind);
		CU_ASSERT_EQUAL_FATAL(gnutls_x509_privkey_export2_pkcs8(key, formats[i], passphrase, GNUTLS_PKCS_PBES2_AES_256, &out), 0);
		take(&out);
		is_good("encrypted PKCS #8", passphrase, kind);
		is_refused(NULL, "is encrypted: write its passphrase into a file");
		is_refused("", "the passphrase is wrong");
		is_refused("another one", "the passphrase is wrong");
	}
	pkcs12_write(key, passphrase);
	is_good("PKCS #12", passphrase, kind);
	is_refused(NULL, "is encrypted: write its passphrase into a file");
	is_refused("another one", "the passphrase is wrong");
	pkcs12_write(key, NULL);
	is_good("PKCS #12 without a passphrase", NULL, kind);
}

static void forms(void)
{
	static const struct {
		gnutls_pk_algorithm_t algorithm;
		gnutls_ecc_curve_t curve;
		enum key_kind kind;
	} kinds[] = {
		{ GNUTLS_PK_RSA, GNUTLS_ECC_CURVE_INVALID, KEY_RSA },
		{ GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP256R1, KEY_ECDSA256 },
		{ GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP384R1, KEY_ECDSA384 },
		{ GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP521R1, KEY_ECDSA521 },
	};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		gnutls_x509_privkey_t key = made(kinds[i].algorithm, kinds[i].kind == KEY_RSA ? 2048 : curve(kinds[i].curve));
		all_forms_of(key, kinds[i].kind);
		gnutls_x509_privkey_deinit(key);
	}
}

static void openssl_forms(void)
{
	write_key(with_parameters, strlen(with_parameters));
	is_good("a key behind the parameters of its curve", NULL, KEY_ECDSA256);
	write_key(encrypted_of_old, strlen(encrypted_of_old));
	is_good("a key encrypted as OpenSSL did of old", passphrase, KEY_ECDSA256);
	is_refused(NULL, "is encrypted: write its passphrase into a file");
	is_refused("another one", "the passphrase is wrong");
	write_key(encrypted_now, strlen(encrypted_now));
	is_good("a key encrypted by OpenSSL", passphrase, KEY_ECDSA256);
	is_refused(NULL, "is encrypted: write its passphrase into a file");
	is_refused("another one", "the passphrase is wrong");
}

/* ---- what is refused ---- */

static void refused_kind(gnutls_pk_algorithm_t algorithm, unsigned bits, const char *says)
{
	gnutls_x509_privkey_t key = made(algorithm, bits);
	gnutls_datum_t out;

	CU_ASSERT_EQUAL_FATAL(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &out), 0);
	take(&out);
	is_refused(NULL, says);
	gnutls_x509_privkey_deinit(key);
}

static void weak_and_strange(void)
{
	refused_kind(GNUTLS_PK_RSA, 1024, "RSA of 1024 bits is refused, 2048 to 8192 are taken");
	refused_kind(GNUTLS_PK_RSA, 2040, "RSA of 2040 bits is refused");
	refused_kind(GNUTLS_PK_ECDSA, curve(GNUTLS_ECC_CURVE_SECP224R1), "the curve SECP224R1 has no number in IKEv1");
	refused_kind(GNUTLS_PK_EDDSA_ED25519, 0, "a key for EdDSA (Ed25519) cannot sign in IKEv1");
	refused_kind(GNUTLS_PK_RSA_PSS, 2048, "a key for RSA-PSS cannot sign in IKEv1");
}

static void modes(void)
{
	write_key(with_parameters, strlen(with_parameters));
	CU_ASSERT_EQUAL(chmod(path, 0644), 0);
	is_refused(NULL, "has mode 0644, so others can read or change it: chmod 600");
	CU_ASSERT_EQUAL(unlink(path), 0);
	is_refused(NULL, "cannot be read");
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	is_refused(NULL, "is not a regular file");
	CU_ASSERT_EQUAL(rmdir(path), 0);
}

static void make_certificate(gnutls_x509_privkey_t key, gnutls_x509_crt_fmt_t format)
{
	gnutls_x509_crt_t certificate;
	gnutls_datum_t out;

	if (gnutls_x509_crt_init(&certificate) < 0 || gnutls_x509_crt_set_dn(certificate, "CN=left", NULL) < 0 ||
	    gnutls_x509_crt_set_serial(certificate, "\1", 1) < 0 || gnutls_x509_crt_set_activation_time(certificate, 1000000) < 0 ||
	    gnutls_x509_crt_set_expiration_time(certificate, 2000000000) < 0 || gnutls_x509_crt_set_key(certificate, key) < 0 ||
	    gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0) < 0 ||
	    gnutls_x509_crt_export2(certificate, format, &out) < 0)
		abort();
	take(&out);
	gnutls_x509_crt_deinit(certificate);
}

static void make_public(gnutls_x509_privkey_t key, gnutls_x509_crt_fmt_t format)
{
	gnutls_privkey_t handle;
	gnutls_pubkey_t public_key;
	gnutls_datum_t out;

	if (gnutls_privkey_init(&handle) < 0 || gnutls_privkey_import_x509(handle, key, 0) < 0 || gnutls_pubkey_init(&public_key) < 0 ||
	    gnutls_pubkey_import_privkey(public_key, handle, 0, 0) < 0 || gnutls_pubkey_export2(public_key, format, &out) < 0)
		abort();
	take(&out);
	gnutls_pubkey_deinit(public_key);
	gnutls_privkey_deinit(handle);
}

static void no_private_key(void)
{
	static const char junk[] = "a pre-shared key of some length\n", ssh[] = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n";
	gnutls_x509_privkey_t key = made(GNUTLS_PK_ECDSA, curve(GNUTLS_ECC_CURVE_SECP256R1));
	char *large = calloc(1, KEY_FILE_MAX + 1);

	for (int der = 0; der < 2; der++) {
		make_certificate(key, der ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM);
		is_refused(NULL, "is a certificate, and a private key is wanted");
		make_public(key, der ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM);
		is_refused(NULL, "is a public key, and a private key is wanted");
	}
	write_key(junk, strlen(junk));
	is_refused(NULL, "has no private key in PEM, DER or PKCS #12");
	is_refused(passphrase, "has no private key in PEM, DER or PKCS #12");
	write_key(ssh, strlen(ssh));
	is_refused(NULL, "ssh-keygen -p -m PKCS8");
	write_key(junk, 0);
	is_refused(NULL, "is empty");
	write_key(large, KEY_FILE_MAX + 1);
	is_refused(NULL, "that is no private key");
	free(large);
	gnutls_x509_privkey_deinit(key);
}

/* Whatever octet is changed: no crash, and what is read still signs. */
static void damaged(void)
{
	gnutls_x509_privkey_t key = made(GNUTLS_PK_ECDSA, curve(GNUTLS_ECC_CURVE_SECP256R1));
	gnutls_datum_t der;
	struct private_key *read;

	CU_ASSERT_EQUAL_FATAL(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, &der), 0);
	for (unsigned i = 0; i < der.size; i++) {
		der.data[i] ^= 0x41;
		write_key(der.data, der.size);
		if (load_with(NULL, &read) == 0)
			private_key_unref(read);
		else
			CU_ASSERT(why[0]);
		der.data[i] ^= 0x41;
		write_key(der.data, i);
		CU_ASSERT(load_with(NULL, &read) < 0);
	}
	gnutls_free(der.data);
	gnutls_x509_privkey_deinit(key);
}

static void references(void)
{
	struct private_key *key;

	write_key(with_parameters, strlen(with_parameters));
	CU_ASSERT_EQUAL_FATAL(load_with(NULL, &key), 0);
	CU_ASSERT_PTR_EQUAL(private_key_ref(key), key);
	private_key_unref(key);
	private_key_unref(key);
}

/* ---- public keys ---- */

static int load_public(struct public_key *out)
{
	struct key_request request = { .where = path, .crypto = crypto };

	why[0] = '\0';
	return store()->load_public(NULL, &request, out, why);
}

static void public_refused(const char *says)
{
	struct public_key key;

	CU_ASSERT(load_public(&key) < 0);
	if (!strstr(why, says))
		printf("said: %s\nnot: %s\n", why, says);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, says));
}

static void public_keys(void)
{
	gnutls_x509_privkey_t key = made(GNUTLS_PK_ECDSA, curve(GNUTLS_ECC_CURVE_SECP384R1)), weak = made(GNUTLS_PK_RSA, 1024);
	struct public_key read, copy;
	char text[KEY_TEXT_MAX];

	for (int der = 0; der < 2; der++) {
		make_public(key, der ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM);
		/* Everybody may read it. */
		CU_ASSERT_EQUAL(chmod(path, 0644), 0);
		CU_ASSERT_EQUAL_FATAL(load_public(&read), 0);
		CU_ASSERT(read.kind == KEY_ECDSA384 && read.bits == 384 && read.spki.len == 120);
		CU_ASSERT_STRING_EQUAL(key_text(text, read.kind, read.bits), "ECDSA-384");
		CU_ASSERT_EQUAL_FATAL(public_key_copy(&copy, &read), 0);
		CU_ASSERT(bytes_equal(copy.spki, read.spki) && copy.kind == read.kind);
		public_key_free(&copy);
		public_key_free(&read);
		make_certificate(key, der ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM);
		public_refused("is a certificate, and a public key is wanted: name it with cert= instead");
	}
	write_key(with_parameters, strlen(with_parameters));
	public_refused("is a private key, and the peer's public key is wanted");
	write_key(encrypted_now, strlen(encrypted_now));
	public_refused("is a private key, and the peer's public key is wanted");
	write_key("nothing\n", 8);
	public_refused("has no public key that can be read");
	make_public(weak, GNUTLS_X509_FMT_PEM);
	public_refused("RSA of 1024 bits is refused");
	CU_ASSERT_EQUAL(unlink(path), 0);
	public_refused("the public key cannot be read");
	gnutls_x509_privkey_deinit(weak);
	gnutls_x509_privkey_deinit(key);
}

static const struct unit_case cases[] = {
	{ "RSA and ECDSA keys are read in PEM, DER, PKCS #8 and PKCS #12, encrypted or not, and sign", forms },
	{ "what OpenSSL writes is read", openssl_forms },
	{ "RSA under 2048 bits, curves and algorithms without a number in IKEv1 are refused", weak_and_strange },
	{ "a file that others may read, that is none or not there is refused", modes },
	{ "of what is no private key is said what it is", no_private_key },
	{ "a damaged file is refused or gives a key that signs", damaged },
	{ "a key lives as long as somebody refers to it", references },
	{ "public keys are read in PEM and DER, and of anything else is said what it is", public_keys },
};

int main(void)
{
	if (!open_scene())
		return EXIT_FAILURE;
	int status = unit_run("key-file", cases, COUNT(cases));
	close_scene();
	return status;
}
