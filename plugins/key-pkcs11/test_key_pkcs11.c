/* SPDX-License-Identifier: MIT */
/* test_key_pkcs11.c - keys that stay in a token, which is SoftHSM's: read, signed with, pulled out and put back. */
#include <gnutls/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin.h"
#include "token.h"
#include "unit.h"

static const char pin[] = "1234";

/* One token for all cases. */
static struct fixture {
	char folder[64], module[128];
	struct core core;
	void *state;
	const struct key_store *store;
	char line[1024];
} f;

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s does not work\n", what);
	exit(EXIT_FAILURE);
}

/* ---- the token ---- */

static void find_module(void)
{
	static const char *const places[] = { "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so" };

	for (size_t i = 0; i < COUNT(places) && !f.module[0]; i++)
		if (access(places[i], R_OK) == 0)
			snprintf(f.module, sizeof(f.module), "%s", places[i]);
	must(f.module[0], "finding SoftHSM, which this test needs (Debian: softhsm2),");
}

static int test_pin(void *data, int attempt, const char *url, const char *label, unsigned flags, char *out, size_t size)
{
	(void)data;
	(void)url;
	(void)label;
	(void)flags;
	snprintf(out, size, "%s", pin);
	return attempt == 0 ? 0 : -1;
}

static void make_certificate(const char *label)
{
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;

	must(gnutls_x509_privkey_init(&key) >= 0 && gnutls_x509_crt_init(&crt) >= 0, "memory");
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) >= 0, "a key");
	must(gnutls_x509_crt_set_version(crt, 3) >= 0 && gnutls_x509_crt_set_key(crt, key) >= 0 && gnutls_x509_crt_set_serial(crt, "\x01", 1) >= 0 &&
		     gnutls_x509_crt_set_dn(crt, "CN=gw", NULL) >= 0 && gnutls_x509_crt_set_activation_time(crt, 0) >= 0 &&
		     gnutls_x509_crt_set_expiration_time(crt, 2000000000) >= 0 && gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) >= 0,
	     "a certificate");
	must(gnutls_pkcs11_copy_x509_crt2("pkcs11:token=gw", crt, label, NULL, GNUTLS_PKCS11_OBJ_FLAG_LOGIN) >= 0, "storing a certificate");
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

static void make_key(gnutls_pk_algorithm_t algorithm, unsigned bits, const char *label, const char *id)
{
	gnutls_datum_t cid = { (unsigned char *)id, 1 };

	must(gnutls_pkcs11_privkey_generate3("pkcs11:token=gw", algorithm, bits, label, &cid, 0, NULL, 0, GNUTLS_PKCS11_OBJ_FLAG_LOGIN) >= 0, label);
}

static void token_make(void)
{
	char path[128], command[512];

	find_module();
	snprintf(f.folder, sizeof(f.folder), "/tmp/keyferry-token-XXXXXX");
	must(mkdtemp(f.folder), "a folder");
	snprintf(path, sizeof(path), "%s/tokens", f.folder);
	must(mkdir(path, 0700) == 0, "a folder");
	snprintf(path, sizeof(path), "%s/conf", f.folder);
	FILE *file = fopen(path, "w");
	must(file && fprintf(file, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n", f.folder) > 0 &&
		     fclose(file) == 0,
	     "SoftHSM's configuration");
	must(setenv("SOFTHSM2_CONF", path, 1) == 0, "the environment");
	snprintf(command, sizeof(command), "softhsm2-util --init-token --free --label gw --pin %s --so-pin 4321 >/dev/null", pin);
	must(system(command) == 0, command);
	must(gnutls_pkcs11_init(GNUTLS_PKCS11_FLAG_MANUAL, NULL) >= 0 && gnutls_pkcs11_add_provider(f.module, NULL) >= 0, "PKCS#11");
	gnutls_pkcs11_set_pin_function(test_pin, NULL);
	make_key(GNUTLS_PK_RSA, 2048, "rsa", "\x01");
	make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), "p256", "\x02");
	make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), "p384", "\x03");
	make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1), "p521", "\x04");
	make_key(GNUTLS_PK_RSA, 1024, "short", "\x05");
	make_certificate("cert");
	gnutls_pkcs11_set_pin_function(NULL, NULL);
	gnutls_pkcs11_deinit();
}

static void token_move(bool out)
{
	char in_place[128], away[128];

	snprintf(in_place, sizeof(in_place), "%s/tokens", f.folder);
	snprintf(away, sizeof(away), "%s/away", f.folder);
	if (out)
		must(rename(in_place, away) == 0 && mkdir(in_place, 0700) == 0, "pulling the token out");
	else
		must(rmdir(in_place) == 0 && rename(away, in_place) == 0, "putting the token back");
}

/* ---- the plugin ---- */

static void take_line(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	snprintf(f.line, sizeof(f.line), "%s", line);
}

static int begin_with(const char *name, const char *value)
{
	struct config_attribute attributes[] = { { "name", "key-pkcs11" }, { name, value } };
	const struct config_node node = { .name = "plugin", .file = "test.xml", .line = 7, .attributes = attributes, .attribute_count = COUNT(attributes) };

	f.core.log = log_new(&(struct log_options){ .level = LEVEL_DEBUG, .fd = -1, .sink = take_line });
	f.line[0] = '\0';
	int fault = plugin.start(&f.core, &node, &f.state);
	f.store = plugin.provides[0].ops;
	return fault;
}

static void begin(void)
{
	CU_ASSERT_EQUAL_FATAL(begin_with("modules", f.module), 0);
}

static void end(void)
{
	plugin.stop(f.state);
	log_free(f.core.log);
}

static int load(const char *label, const char *with_pin, struct private_key **out, char why[WHY_MAX])
{
	char url[128];
	struct key_request request = { .where = url, .passphrase = with_pin ? bytes_text(with_pin) : bytes_of(NULL, 0) };

	snprintf(url, sizeof(url), "pkcs11:token=gw;object=%s", label);
	*out = NULL;
	why[0] = '\0';
	return f.store->load(f.state, &request, out, why);
}

static bool says(const char *why, const char *what)
{
	bool is = strstr(why, what);

	if (!is)
		printf("said: %s\n", why);
	return is;
}

/* Verified by GnuTLS from the public key alone. */
static bool is_right(const struct private_key *key, struct bytes octets, struct bytes made)
{
	gnutls_datum_t spki = { (unsigned char *)key->spki.at, (unsigned)key->spki.len }, hash = { (unsigned char *)octets.at, (unsigned)octets.len };
	gnutls_datum_t proof = { (unsigned char *)made.at, (unsigned)made.len }, r = proof, s = proof;
	gnutls_sign_algorithm_t alg = octets.len == 32 ? GNUTLS_SIGN_ECDSA_SHA256 : octets.len == 48 ? GNUTLS_SIGN_ECDSA_SHA384 : GNUTLS_SIGN_ECDSA_SHA512;
	gnutls_pubkey_t public_key;
	int result;

	must(gnutls_pubkey_init(&public_key) >= 0 && gnutls_pubkey_import(public_key, &spki, GNUTLS_X509_FMT_DER) >= 0, "a public key");
	if (key->kind == KEY_RSA) {
		result = gnutls_pubkey_verify_hash2(public_key, GNUTLS_SIGN_UNKNOWN, GNUTLS_VERIFY_USE_TLS1_RSA, &hash, &proof);
	} else {
		gnutls_datum_t der = { NULL, 0 };
		r.size = s.size = proof.size / 2;
		s.data += r.size;
		must(gnutls_encode_rs_value(&der, &r, &s) >= 0, "a signature");
		result = gnutls_pubkey_verify_hash2(public_key, alg, 0, &hash, &der);
		gnutls_free(der.data);
	}
	gnutls_pubkey_deinit(public_key);
	return result >= 0;
}

static int sign(struct private_key *key, char why[WHY_MAX])
{
	uint8_t octets[HASH_SIZE_MAX], made[SIGNATURE_MAX];
	size_t count = key_facts(key->kind)->octets, len = sizeof(made);
	struct bytes in = bytes_of(octets, count ? count : 20);

	memset(octets, 0x5a, sizeof(octets));
	int fault = key->sign(key, in, made, &len, why);
	return fault == 0 && !is_right(key, in, bytes_of(made, len)) ? FAULT_INPUT : fault;
}

/* ---- cases ---- */

static void kinds(void)
{
	static const struct {
		const char *label;
		enum key_kind kind;
		unsigned bits;
		size_t len;
	} rows[] = { { "rsa", KEY_RSA, 2048, 256 }, { "p256", KEY_ECDSA256, 256, 64 }, { "p384", KEY_ECDSA384, 384, 96 }, { "p521", KEY_ECDSA521, 521, 132 } };
	char why[WHY_MAX];

	begin();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct private_key *key;
		CU_ASSERT_EQUAL(load(rows[i].label, pin, &key, why), 0);
		if (!key) {
			printf("%s: %s\n", rows[i].label, why);
			continue;
		}
		CU_ASSERT_EQUAL(key->kind, rows[i].kind);
		CU_ASSERT_EQUAL(key->bits, rows[i].bits);
		CU_ASSERT(key->may_block);
		/* The first bit of a number is zero in one signature of two, and whole octets of it in one of 256. */
		for (int j = 0; j < (key->kind == KEY_RSA ? 1 : 40); j++)
			CU_ASSERT_EQUAL(sign(key, why), 0);
		uint8_t octets[HASH_SIZE_MAX] = { 0 }, made[SIGNATURE_MAX];
		size_t count = key_facts(key->kind)->octets, len = sizeof(made);
		CU_ASSERT_EQUAL(key->sign(key, bytes_of(octets, count ? count : 20), made, &len, why), 0);
		CU_ASSERT_EQUAL(len, rows[i].len);
		len = rows[i].len - 1;
		CU_ASSERT_EQUAL(key->sign(key, bytes_of(octets, count ? count : 20), made, &len, why), FAULT_FULL);
		len = sizeof(made);
		CU_ASSERT_EQUAL(key->sign(key, bytes_of(octets, count ? count - 1 : 0), made, &len, why), FAULT_CRYPTO);
		private_key_unref(key);
	}
	end();
}

static void stays(void)
{
	gnutls_x509_privkey_t out = NULL;
	struct private_key *key;
	char why[WHY_MAX];

	begin();
	CU_ASSERT_EQUAL_FATAL(load("rsa", pin, &key, why), 0);
	/* The plugin has no more of it than this handle, and by that the token gives nothing away. */
	CU_ASSERT(gnutls_privkey_export_x509(CONTAINER(key, struct token_key, key)->handle, &out) < 0);
	private_key_unref(key);
	end();
}

static void refused(void)
{
	struct private_key *key;
	char why[WHY_MAX];

	begin();
	CU_ASSERT_EQUAL(load("none", pin, &key, why), FAULT_INPUT);
	CU_ASSERT(says(why, "pkcs11:token=gw;object=none: there is no token with such a private key: plug it in"));
	CU_ASSERT_EQUAL(load("cert", pin, &key, why), FAULT_INPUT);
	CU_ASSERT(says(why, "there is no token with such a private key"));
	CU_ASSERT_EQUAL(load("short", pin, &key, why), FAULT_INPUT);
	CU_ASSERT(says(why, "an RSA key of 1024 bits; 2048 to 8192 are taken"));
	CU_ASSERT_EQUAL(load("rsa", NULL, &key, why), FAULT_INPUT);
	CU_ASSERT(says(why, "the token wants a PIN: write it into a file that only root can read, and name that with passphrase-file="));
	end();
}

static void wrong_pin(void)
{
	struct private_key *key;
	char why[WHY_MAX];

	begin();
	/* More often than any token forgives in a row. */
	for (int i = 0; i < 12; i++) {
		CU_ASSERT_EQUAL(load("rsa", "9999", &key, why), FAULT_INPUT);
		CU_ASSERT(says(why, "the token refuses the PIN"));
		CU_ASSERT_EQUAL(load("rsa", pin, &key, why), 0);
		private_key_unref(key);
	}
	end();
}

static void pin_tries(void)
{
	struct token_key key = { .pin = { (uint8_t *)"1234", 5 } };
	char out[16], small[4];

	CU_ASSERT_EQUAL(token_key_pin(&key, 0, "", "", GNUTLS_PIN_USER, out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, "1234");
	CU_ASSERT_EQUAL(token_key_pin(&key, 0, "", "", GNUTLS_PIN_USER | GNUTLS_PIN_COUNT_LOW, out, sizeof(out)), 0);
	CU_ASSERT(token_key_pin(&key, 0, "", "", GNUTLS_PIN_USER, small, sizeof(small)) < 0);
	CU_ASSERT(!key.pin_failed);
	CU_ASSERT(token_key_pin(&key, 0, "", "", GNUTLS_PIN_USER | GNUTLS_PIN_FINAL_TRY, out, sizeof(out)) < 0);
	CU_ASSERT(key.pin_failed);
	key.pin_failed = false;
	CU_ASSERT(token_key_pin(&key, 1, "", "", GNUTLS_PIN_USER | GNUTLS_PIN_WRONG, out, sizeof(out)) < 0);
	CU_ASSERT(token_key_pin(&key, 0, "", "", GNUTLS_PIN_USER, out, sizeof(out)) < 0);
}

static void pulled_out(void)
{
	struct private_key *rsa, *p256;
	char why[WHY_MAX];

	begin();
	CU_ASSERT_EQUAL_FATAL(load("rsa", pin, &rsa, why), 0);
	CU_ASSERT_EQUAL_FATAL(load("p256", pin, &p256, why), 0);
	CU_ASSERT_EQUAL(sign(rsa, why), 0);
	token_move(true);
	CU_ASSERT_EQUAL(sign(rsa, why), FAULT_INPUT);
	CU_ASSERT(says(why, "pkcs11:token=gw;object=rsa: there is no token with such a private key: plug it in"));
	CU_ASSERT_EQUAL(sign(p256, why), FAULT_INPUT);
	token_move(false);
	/* Until the modules may be started again. */
	sleep(TOKEN_RESTART_SECONDS + 1);
	CU_ASSERT_EQUAL(sign(rsa, why), 0);
	CU_ASSERT_EQUAL(sign(p256, why), 0);
	private_key_unref(rsa);
	private_key_unref(p256);
	end();
}

/* Also a key that outlives the plugin is freed. */
static void outlives(void)
{
	struct private_key *key;
	char why[WHY_MAX];

	begin();
	CU_ASSERT_EQUAL_FATAL(load("p256", pin, &key, why), 0);
	end();
	CU_ASSERT_EQUAL(sign(key, why), 0);
	private_key_unref(key);
}

static void certificates(void)
{
	struct key_request request = { .where = "pkcs11:token=gw;object=cert" };
	struct bytes der;
	gnutls_x509_crt_t crt;
	char why[WHY_MAX];

	begin();
	CU_ASSERT_EQUAL_FATAL(f.store->load_cert(f.state, &request, &der, why), 0);
	gnutls_datum_t datum = { (unsigned char *)der.at, (unsigned)der.len };
	must(gnutls_x509_crt_init(&crt) >= 0, "memory");
	CU_ASSERT(gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_DER) >= 0);
	gnutls_x509_crt_deinit(crt);
	free((uint8_t *)der.at);
	request.where = "pkcs11:token=gw;object=none";
	CU_ASSERT_EQUAL(f.store->load_cert(f.state, &request, &der, why), FAULT_INPUT);
	CU_ASSERT(says(why, "pkcs11:token=gw;object=none: there is no token with such a certificate"));
	CU_ASSERT_PTR_NULL(der.at);
	end();
}

static void *sign_often(void *arg)
{
	struct private_key *key = arg;
	char why[WHY_MAX];
	size_t failed = 0;

	for (int i = 0; i < 10; i++)
		failed += sign(key, why) != 0;
	return (void *)failed;
}

static void threads(void)
{
	pthread_t at[4];
	struct private_key *keys[2];
	char why[WHY_MAX];

	begin();
	CU_ASSERT_EQUAL_FATAL(load("p256", pin, &keys[0], why), 0);
	CU_ASSERT_EQUAL_FATAL(load("p384", pin, &keys[1], why), 0);
	for (size_t i = 0; i < COUNT(at); i++)
		must(pthread_create(&at[i], NULL, sign_often, keys[i % 2]) == 0, "a thread");
	for (size_t i = 0; i < COUNT(at); i++) {
		void *failed = NULL;
		pthread_join(at[i], &failed);
		CU_ASSERT_PTR_NULL(failed);
	}
	private_key_unref(keys[0]);
	private_key_unref(keys[1]);
	end();
}

/* The lock is held as by a token that takes its time: who frees a key meanwhile does not wait for it. */
static void freed_meanwhile(void)
{
	struct tokens *tokens;
	struct private_key *key, *other;
	char why[WHY_MAX];

	begin();
	tokens = f.state;
	CU_ASSERT_EQUAL_FATAL(load("p256", pin, &key, why), 0);
	CU_ASSERT_EQUAL_FATAL(load("p384", pin, &other, why), 0);
	tokens_lock(tokens);
	private_key_unref(key);
	CU_ASSERT_FALSE(list_empty(&tokens->dead));
	CU_ASSERT_EQUAL(atomic_load(&tokens->refs), 3);
	tokens_unlock(tokens);
	CU_ASSERT(list_empty(&tokens->dead));
	CU_ASSERT_EQUAL(atomic_load(&tokens->refs), 2);
	CU_ASSERT_EQUAL(sign(other, why), 0);
	private_key_unref(other);
	CU_ASSERT_EQUAL(atomic_load(&tokens->refs), 1);
	CU_ASSERT(list_empty(&tokens->keys));
	end();
}

static void settings(void)
{
	struct private_key *key;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(begin_with("modules", "libsofthsm2.so"), FAULT_INPUT);
	CU_ASSERT(says(f.line, "test.xml:7: <plugin>: modules: libsofthsm2.so is no path from the root"));
	log_free(f.core.log);
	CU_ASSERT_EQUAL(begin_with("module", f.module), FAULT_INPUT);
	CU_ASSERT(says(f.line, "key-pkcs11 knows no attribute 'module'; there is: modules"));
	log_free(f.core.log);
	CU_ASSERT_EQUAL(begin_with("modules", "/nowhere/none.so"), 0);
	CU_ASSERT_EQUAL(load("rsa", pin, &key, why), FAULT_SYSTEM);
	CU_ASSERT(says(why, "the module /nowhere/none.so cannot be used"));
	end();
}

/* The URI stands in lines of the log; the PIN must not. */
static void pin_in_uri(void)
{
	static const char *const urls[] = { "pkcs11:token=gw;object=none?pin-value=1234", "pkcs11:token=gw;object=rsa?module-name=x&pin-value=1234",
					    "pkcs11:token=gw;object=rsa?PIN-value=1234" };
	char why[WHY_MAX];

	begin();
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct key_request request = { .where = urls[i] };
		struct private_key *key = NULL;
		struct bytes der;

		CU_ASSERT_EQUAL(f.store->load(f.state, &request, &key, why), FAULT_INPUT);
		CU_ASSERT_PTR_NULL(key);
		CU_ASSERT(says(why, "write it into a file that only root can read, and name that with passphrase-file="));
		CU_ASSERT_PTR_NULL(strstr(why, "1234"));
		CU_ASSERT_EQUAL(f.store->load_cert(f.state, &request, &der, why), FAULT_INPUT);
		CU_ASSERT_PTR_NULL(strstr(why, "1234"));
	}
	end();
}

static const struct unit_case cases[] = {
	{ "keys of all kinds sign in the token, in the lengths of IKEv1", kinds },
	{ "a private key does not leave its token", stays },
	{ "keys that are not there, too short, or want a PIN are refused", refused },
	{ "a PIN in the URI, which is logged, is refused without saying it", pin_in_uri },
	{ "a wrong PIN is tried once a time, so the token does not lock itself", wrong_pin },
	{ "a PIN is given once, and not at the last try", pin_tries },
	{ "a token that was pulled out gives a clear error, and signs when it is back", pulled_out },
	{ "a key that outlives the plugin signs and is freed", outlives },
	{ "certificates of a token are read", certificates },
	{ "several threads may sign at once", threads },
	{ "who frees a key does not wait for a token that is at work", freed_meanwhile },
	{ "wrong settings and modules are told of", settings },
};

int main(void)
{
	char command[128];

	token_make();
	int status = unit_run("key-pkcs11", cases, COUNT(cases));
	snprintf(command, sizeof(command), "rm -rf '%s'", f.folder);
	return system(command) == 0 ? status : EXIT_FAILURE;
}
