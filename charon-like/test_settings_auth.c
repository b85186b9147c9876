/* SPDX-License-Identifier: MIT */
/* test_settings_auth.c - keys, certificates and authorities in a configuration: what they mean, and each way in which they are wrong. */
#include "test_settings.h"

#define SIGNED(local, remote) \
	"keyferry\n connection name=a\n  local address=192.0.2.1" local "\n  remote address=192.0.2.9" remote "\n" \
	"  phase1 auth=signature\n  child name=b\n"

static struct services *services;

static struct settings *good(struct run *run, const char *text)
{
	run_with(run, text, services);
	if (run->fault)
		printf("%s", run->log.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(run->settings);
	return run->settings;
}

static void raw_keys(void)
{
	struct run run;
	const struct connection_settings *c = settings_connection(good(&run, SIGNED(" key=left.key", " public-key=right.pub")), "a");

	CU_ASSERT_STRING_EQUAL(c->auth, "signature");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->key);
	CU_ASSERT(c->key->kind == KEY_ECDSA256 && bytes_equal(c->key->spki, bytes_text("left")));
	CU_ASSERT(c->remote_key.kind == KEY_ECDSA256 && bytes_equal(c->remote_key.spki, bytes_text("right")));
	CU_ASSERT(c->send_cert == SEND_CERT_ASKED && c->certs.count == 0 && !c->remote_cert && c->ca_count == 0);
	CU_ASSERT_EQUAL(run.log.warnings, 0);
	run_end(&run);
}

static void certificates(void)
{
	struct run run;
	struct settings *s = good(&run, SIGNED(" key=left.key cert=left.pem send-cert=always", "") " ca name=corp file=corp.pem\n ca name=other file=other.pem\n");
	const struct connection_settings *c = settings_connection(s, "a");

	CU_ASSERT_EQUAL_FATAL(c->certs.count, 2);
	CU_ASSERT_STRING_EQUAL(c->certs.at[0]->subject_text, "CN=left");
	CU_ASSERT_STRING_EQUAL(c->certs.at[1]->subject_text, "CN=between");
	CU_ASSERT_EQUAL(c->send_cert, SEND_CERT_ALWAYS);
	/* All there are, in the order of the file. */
	CU_ASSERT_EQUAL_FATAL(c->ca_count, 2);
	CU_ASSERT_STRING_EQUAL(c->cas[0]->name, "corp");
	CU_ASSERT_EQUAL(c->cas[1]->certs.count, 2);
	run_end(&run);
	s = good(&run, SIGNED(" key=left.key cert=left.pem send-cert=never", " ca=other") " ca name=corp file=corp.pem\n ca name=other file=other.pem\n");
	c = settings_connection(s, "a");
	CU_ASSERT_EQUAL_FATAL(c->ca_count, 1);
	CU_ASSERT_STRING_EQUAL(c->cas[0]->name, "other");
	CU_ASSERT_EQUAL(c->send_cert, SEND_CERT_NEVER);
	run_end(&run);
	c = settings_connection(good(&run, SIGNED(" key=left.key cert=left.pem", " cert=right.pem")), "a");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->remote_cert);
	CU_ASSERT_STRING_EQUAL(c->remote_cert->subject_text, "CN=right");
	run_end(&run);
}

static void passphrases(void)
{
	static const char *const words[] = { "word.txt", "crlf.txt", "bare.txt" };
	struct run run;

	for (size_t i = 0; i < COUNT(words); i++) {
		char text[512];
		snprintf(text, sizeof(text), SIGNED(" key=locked.key passphrase-file=%s", " public-key=right.pub"), words[i]);
		CU_ASSERT_PTR_NOT_NULL(settings_connection(good(&run, text), "a")->key);
		run_end(&run);
	}
}

static const struct {
	const char *text;
	unsigned line;
	const char *says;
} wrong[] = {
	{ SIGNED("", " public-key=right.pub"), 3, "<local>: auth 'signature' needs our private key: write key=\"FILE\" in <local>" },
	{ "keyferry\n connection name=a\n  remote address=192.0.2.9 public-key=right.pub\n  phase1 auth=signature\n  child name=b\n", 2,
	  "<connection>: auth 'signature' needs our private key" },
	{ SIGNED(" key=none.key", " public-key=right.pub"), 3, "<local>: key: " },
	{ SIGNED(" key=empty.key", " public-key=right.pub"), 3, "empty.key has no key" },
	{ SIGNED(" key=pkcs11:token=x", " public-key=right.pub"), 3, "key needs the plugin key-pkcs11.so, which is not loaded" },
	{ SIGNED(" key=left.key", " public-key=pkcs11:token=x"), 4, "public-key needs the plugin key-pkcs11.so" },
	{ SIGNED(" key=locked.key", " public-key=right.pub"), 3, "locked.key does not open" },
	{ SIGNED(" key=locked.key passphrase-file=wrong.txt", " public-key=right.pub"), 3, "locked.key does not open" },
	{ SIGNED(" key=locked.key passphrase-file=open.txt", " public-key=right.pub"), 3, "passphrase-file: " },
	{ SIGNED(" key=locked.key passphrase-file=open.txt", " public-key=right.pub"), 3, "has mode 0644, so others can read or change it" },
	{ SIGNED(" key=locked.key passphrase-file=long.txt", " public-key=right.pub"), 3, "a passphrase is one line of at most 1024 octets" },
	{ SIGNED(" passphrase-file=word.txt", " public-key=right.pub"), 3, "passphrase-file stands without the key that it opens" },
	{ SIGNED(" key=left.key", ""), 2, "<connection>: nothing says by what the peer is known: write public-key" },
	{ SIGNED(" key=left.key", " public-key=none.pub"), 4, "<remote>: public-key: " },
	{ SIGNED(" key=left.key", " public-key=rsa.pub"), 4, "the peer's key is RSA 2048 and ours ECDSA-256; in IKEv1 both ends sign with the same algorithm" },
	{ SIGNED(" key=left.key", " cert=rsa.pub"), 4, "the peer's key is RSA 2048 and ours ECDSA-256" },
	{ SIGNED(" key=left.key", " public-key=right.pub cert=right.pem"), 4, "public-key and cert say both which key is the peer's; write one of them" },
	{ SIGNED(" key=left.key cert=right.pem", " public-key=right.pub"), 3,
	  "the first certificate of right.pem, CN=right, is not that of left.key: its public key is another one" },
	{ SIGNED(" cert=left.pem", " public-key=right.pub"), 3, "cert stands without key, its private key" },
	{ SIGNED(" key=left.key cert=none.pem", " public-key=right.pub"), 3, "none.pem cannot be read: No such file" },
	{ SIGNED(" key=left.key cert=empty.key", " public-key=right.pub"), 3, "empty.key: there is no certificate" },
	{ SIGNED(" key=left.key send-cert=sometimes", " public-key=right.pub"), 3, "unknown send-cert 'sometimes'; there is: asked, always, never" },
	{ SIGNED(" key=left.key", " ca=corq") " ca name=corp file=corp.pem\n", 4, "ca: there is no <ca name=\"corq\">; did you mean 'corp'?" },
	{ SIGNED(" key=left.key", " ca=corp"), 4, "ca: there is no <ca name=\"corp\">" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=none.pem\n", 7, "<ca>: file: " },
	{ SIGNED(" key=left.key", "") " ca name=corp file=leaf.pem\n", 7, "<ca>: file: certificate CN=leaf (serial ) is that of no authority" },
	{ SIGNED(" key=left.key cert=pkcs11:token=x", " public-key=right.pub"), 3, "cert needs the plugin key-pkcs11.so, which is not loaded" },
	{ SIGNED(" key=left.key", "") " ca name=corp\n", 7, "attribute 'file' is missing" },
	{ SIGNED(" key=left.key", "") " ca name=a/b file=corp.pem\n", 7, "name 'a/b' must be of letters" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=corp.pem\n ca name=corp file=other.pem\n", 8, "there is one with name 'corp' already" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=corp.pem revocation=never\n", 7, "unknown revocation 'never'; there is: if-possible, strict, off" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=corp.pem crl=corp.crl\n", 7, "crl: 'corp.crl' is no URL that can be fetched: write http://HOST/" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=corp.pem ocsp=file:///x\n", 7, "ocsp: 'file:///x': a responder is asked by http or https" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=corp.pem crl=http://a.example/\n", 7, "crl needs a plugin that fetches by http, fetch-curl.so" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=corp.pem revocation=strict\n", 7, "revocation needs the plugin cert-revocation.so" },
	{ SIGNED(" key=left.key", "") " ca name=corp file=corp.pem crl=file:///1,file:///2,file:///3,file:///4,file:///5,file:///6,file:///7,file:///8,file:///9\n", 7,
	  "crl names more than 8 places" },
	{ SIGNED(" public-key=left.pub key=left.key", " public-key=right.pub"), 3, "attribute 'public-key' does not belong here but to <remote>" },
};

static void mistakes(void)
{
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct run run;
		char place[64];
		run_with(&run, wrong[i].text, services);
		snprintf(place, sizeof(place), "t.conf:%u: ", wrong[i].line);
		if (!kept_log_has(&run.log, wrong[i].says) || !kept_log_has(&run.log, place))
			printf("said:\n%snot: %s%s\n", run.log.text, place, wrong[i].says);
		CU_ASSERT(run.fault == FAULT_INPUT && kept_log_has(&run.log, wrong[i].says) && kept_log_has(&run.log, place));
		run_end(&run);
	}
}

static void of_no_use(void)
{
	struct run run;

	(void)good(&run, "keyferry\n connection name=a\n  local address=192.0.2.1 key=left.key\n  remote address=192.0.2.9\n  child name=b\n" KEY_ANY);
	CU_ASSERT_EQUAL(run.log.warnings, 1);
	CU_ASSERT(kept_log_has(&run.log, "keys and certificates are of no use with auth 'psk'"));
	run_end(&run);
}

static void weak_pinned(void)
{
	struct run run;

	(void)good(&run, SIGNED(" key=rsa.key", " cert=weak.pem"));
	CU_ASSERT_EQUAL(run.log.warnings, 1);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:4: "));
	CU_ASSERT(kept_log_has(&run.log, "cert: certificate CN=weak (serial ) has an RSA key of 1024 bits, and 2048 to 8192 are taken, so the peer can prove nothing with it"));
	run_end(&run);
	(void)good(&run, SIGNED(" key=rsa.key", " cert=rsa.pub"));
	CU_ASSERT_EQUAL(run.log.warnings, 0);
	run_end(&run);
}

static void revocation(void)
{
	struct services *more = fake_services();
	struct run run;

	fake_service(more, SERVICE_FETCH, "http");
	fake_service(more, SERVICE_FETCH, "file");
	fake_service(more, SERVICE_CERT_CHECK, "revocation");
	run_with(&run, SIGNED(" key=left.key", "") " ca name=corp file=corp.pem revocation=strict crl=http://a.example/1,file:///x ocsp=HTTP://b.example\n"
		 " ca name=other file=other.pem\n ca name=off file=other.pem revocation=off crl=file:///y\n", more);
	CU_ASSERT_PTR_NOT_NULL_FATAL(run.settings);
	const struct connection_settings *c = settings_connection(run.settings, "a");
	const struct ca_settings *corp = c->cas[0], *other = c->cas[1];
	CU_ASSERT_EQUAL(corp->revocation, REVOCATION_STRICT);
	CU_ASSERT_STRING_EQUAL(corp->crl_urls[0], "http://a.example/1");
	CU_ASSERT_STRING_EQUAL(corp->crl_urls[1], "file:///x");
	CU_ASSERT_PTR_NULL(corp->crl_urls[2]);
	CU_ASSERT_STRING_EQUAL(corp->ocsp_urls[0], "HTTP://b.example");
	CU_ASSERT(other->revocation == REVOCATION_IF_POSSIBLE && !other->crl_urls && !other->ocsp_urls);
	CU_ASSERT_EQUAL(c->cas[2]->revocation, REVOCATION_OFF);
	CU_ASSERT(kept_log_has(&run.log, "crl and ocsp are of no use with revocation=\"off\""));
	run_end(&run);
	services_free(more);
}

static void own_flaw(void)
{
	struct run run;

	(void)good(&run, SIGNED(" key=bad.key cert=bad.pem", " public-key=right.pub"));
	CU_ASSERT_EQUAL(run.log.warnings, 1);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:3: <local>: cert: bad.pem: peers will refuse it: certificate CN=bad may not sign"));
	run_end(&run);
}

static void missing_plugins(void)
{
	struct services *bare = services_new();
	struct run run;

	fake_service(bare, SERVICE_EXCHANGE, "1/2");
	fake_service(bare, SERVICE_EXCHANGE, "1/32");
	run_with(&run, SIGNED(" key=left.key cert=left.pem", " public-key=right.pub"), bare);
	CU_ASSERT(kept_log_has(&run.log, "key needs the plugin key-file.so, which is not loaded"));
	CU_ASSERT(kept_log_has(&run.log, "cert needs the plugin cert-chain.so, which is not loaded"));
	CU_ASSERT(kept_log_has(&run.log, "public-key needs the plugin key-file.so"));
	CU_ASSERT(kept_log_has(&run.log, "auth 'signature' needs the plugin auth-signature.so"));
	run_end(&run);
	services_free(bare);
}

/* What is up stays when our own key is another one, not when the peer's is. */
static void reloads(void)
{
	static const struct {
		const char *file, *content;
		bool same;
	} changes[] = {
		{ "left.key", "1 new\n", true }, { "right.pub", "1 right\n", true }, { "right.pub", "1 new\n", false },
	};

	for (size_t i = 0; i < COUNT(changes); i++) {
		struct settings *fresh;
		struct run run;
		struct settings *s = good(&run, SIGNED(" key=left.key", " public-key=right.pub"));
		secret_file(changes[i].file, changes[i].content, 0600);
		CU_ASSERT_EQUAL_FATAL(settings_again(&fresh, s, fake_crypto, services, log_root(run.log.log)), 0);
		CU_ASSERT_EQUAL(connection_settings_same(settings_connection(s, "a"), settings_connection(fresh, "a")), changes[i].same);
		settings_unref(fresh);
		run_end(&run);
		secret_file("left.key", "1 left\n", 0600);
		secret_file("right.pub", "1 right\n", 0644);
	}
	struct settings *fresh;
	struct run run;
	struct settings *s = good(&run, SIGNED(" key=left.key", "") " ca name=corp file=corp.pem\n");
	secret_file("corp.pem", "1 another\n", 0644);
	CU_ASSERT_EQUAL_FATAL(settings_again(&fresh, s, fake_crypto, services, log_root(run.log.log)), 0);
	CU_ASSERT_FALSE(connection_settings_same(settings_connection(s, "a"), settings_connection(fresh, "a")));
	secret_file("corp.pem", "1 corp\n", 0644);
	settings_unref(fresh);
	run_end(&run);
}

static void saw(void *arg, const char *path, bool is_pattern)
{
	char *all = arg;

	CU_ASSERT_FALSE(is_pattern);
	snprintf(all + strlen(all), 1024 - strlen(all), "%s ", strrchr(path, '/') + 1);
}

/* For <daemon watch="yes"/>. */
static void watched(void)
{
	struct kept_log log;
	struct config *config = build(SIGNED(" key=locked.key passphrase-file=word.txt cert=left.pem", " cert=right.pem") " ca name=corp file=corp.pem\n"
				      " psk ids=%any file=long.psk\n connection name=c\n  local key=pkcs11:x\n  remote address=%any public-key=right.pub\n",
				      kept_log_open(&log));
	char all[1024] = "";

	settings_secret_files(config, saw, all);
	CU_ASSERT_STRING_EQUAL(all, "locked.key word.txt left.pem right.pem corp.pem long.psk right.pub ");
	config_unref(config);
	kept_log_close(&log);
}

static void more_files(void)
{
	char long_line[1100];

	memset(long_line, 'a', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = '\0';
	secret_file("long.txt", long_line, 0600);
	secret_file("left.key", "1 left\n", 0600);
	secret_file("locked.key", "locked\n1 left\n", 0600);
	secret_file("empty.key", "", 0600);
	secret_file("word.txt", "ferry\nmore\n", 0600);
	secret_file("crlf.txt", "ferry\r\n", 0600);
	secret_file("bare.txt", "ferry", 0600);
	secret_file("wrong.txt", "fairy\n", 0600);
	secret_file("open.txt", "ferry\n", 0644);
	secret_file("right.pub", "1 right\n", 0644);
	secret_file("rsa.key", "0 left\n", 0600);
	secret_file("weak.pem", "0 weak\n", 0644);
	secret_file("rsa.pub", "0 right\n", 0644);
	secret_file("bad.key", "1 bad\n", 0600);
	secret_file("bad.pem", "1 bad\n", 0644);
	secret_file("leaf.pem", "1 leaf\n", 0644);
	secret_file("left.pem", "1 left\n1 between\n", 0644);
	secret_file("right.pem", "1 right\n", 0644);
	secret_file("corp.pem", "1 corp\n", 0644);
	secret_file("other.pem", "1 other\n0 second\n", 0644);
}

static const struct unit_case cases[] = {
	{ "keys that know each other are read", raw_keys },
	{ "our certificates, those of the peer and of authorities are read", certificates },
	{ "an authority has places that tell what is revoked, and a policy", revocation },
	{ "a key is opened with the first line of the passphrase's file", passphrases },
	{ "what is wrong is said with its place", mistakes },
	{ "a key without auth signature is warned of", of_no_use },
	{ "a certificate of the peer whose key is too weak is warned of", weak_pinned },
	{ "a certificate of ours that peers will refuse is warned of", own_flaw },
	{ "plugins that read keys and certificates are asked for where they are missing", missing_plugins },
	{ "a reload takes a new key of ours, and ends what a peer's old one has begun", reloads },
	{ "all files of keys and certificates are watched", watched },
};

int main(void)
{
	services = fake_services();
	files_make();
	more_files();
	int status = unit_run("settings_auth", cases, COUNT(cases));
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	services_free(services);
	return status;
}
