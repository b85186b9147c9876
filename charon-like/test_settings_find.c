/* SPDX-License-Identifier: MIT */
/* test_settings_find.c - secrets from their files, and who finds which connection and key, also among many. */
#include <time.h>

#include "test_settings.h"

/* ---- secrets ---- */

static bool any_key_is(const struct settings *s, struct bytes octets)
{
	const struct psk_settings *psk = settings_psk(s, NULL, NULL, NULL, NULL, NULL);

	return psk && bytes_equal(secret_bytes(&psk->secret), octets);
}

static bool secret_is(const char *file, const char *octets, size_t len, struct run *run)
{
	char text[512];

	snprintf(text, sizeof(text), "keyferry\n psk ids=%%any file=%s\n", file);
	return any_key_is(run_good(run, text), bytes_of(octets, len));
}

static void test_secret_forms(void)
{
	struct run run;

	CU_ASSERT(secret_is("long.psk", "a secret of some length", 23, &run));
	CU_ASSERT_EQUAL(run.log.warnings, 0);
	run_end(&run);
	CU_ASSERT(secret_is("crlf.psk", "a secret of some length", 23, &run));
	run_end(&run);
	CU_ASSERT(secret_is("hex.psk", "\x00\x01\xfe\xff", 4, &run));
	run_end(&run);
	CU_ASSERT(secret_is("base64.psk", "keyferry", 8, &run));
	run_end(&run);
	CU_ASSERT(secret_is("unpadded.psk", "keyferry", 8, &run));
	run_end(&run);
	CU_ASSERT(secret_is("bare.psk", "no newline at the end", 21, &run));
	run_end(&run);
	CU_ASSERT(secret_is("one.psk", "0", 1, &run));
	run_end(&run);
}

static void test_secret_warnings(void)
{
	struct run run;

	CU_ASSERT(secret_is("short.psk", "fifteen octets!", 15, &run));
	CU_ASSERT_EQUAL(run.log.warnings, 1);
	CU_ASSERT(kept_log_has(&run.log, "a secret of 15 octets can be guessed"));
	CU_ASSERT_FALSE(kept_log_has(&run.log, "fifteen"));
	run_end(&run);
	CU_ASSERT(secret_is("odd.psk", "\"quoted for no reason\"", 22, &run));
	CU_ASSERT_EQUAL(run.log.warnings, 2);
	CU_ASSERT(kept_log_has(&run.log, "the quotes are taken as part"));
	CU_ASSERT(kept_log_has(&run.log, "only the first line is the secret"));
	run_end(&run);
	CU_ASSERT(secret_is("tail.psk", "a blank at the end ", 19, &run));
	CU_ASSERT(kept_log_has(&run.log, "a blank at an end"));
	run_end(&run);
}

static void test_secret_again(void)
{
	struct settings *fresh;
	struct run run;

	secret_file("again.psk", "a secret of some length\n", 0600);
	CU_ASSERT(secret_is("again.psk", "a secret of some length", 23, &run));
	secret_file("again.psk", "another secret than that\n", 0600);
	CU_ASSERT_EQUAL(settings_again(&fresh, run.settings, fake_crypto, NULL, log_root(run.log.log)), 0);
	CU_ASSERT(any_key_is(fresh, bytes_text("another secret than that")));
	CU_ASSERT(any_key_is(run.settings, bytes_text("a secret of some length")));
	/* The second time from what the first one made. */
	settings_unref(run.settings);
	run.settings = fresh;
	secret_file("again.psk", "for all\n", 0644);
	CU_ASSERT_EQUAL(settings_again(&fresh, run.settings, fake_crypto, NULL, log_root(run.log.log)), FAULT_INPUT);
	CU_ASSERT_PTR_NULL(fresh);
	CU_ASSERT(kept_log_has(&run.log, "again.psk has mode 0644"));
	run_end(&run);
}

static void test_secret_group(void)
{
	struct run run;

	/* Without root the file's group is ours: then it may not read; with root it is root's and may. */
	if (getegid() == 0) {
		CU_ASSERT(secret_is("group.psk", "a secret of some length", 23, &run));
	} else {
		run_with(&run, "keyferry\n psk ids=%any file=group.psk\n", NULL);
		CU_ASSERT(kept_log_has(&run.log, "has mode 0640"));
	}
	run_end(&run);
}

/* ---- which connection ---- */

struct visits {
	char names[256];
	const char *stop_at;
};

static bool visit(const struct connection_settings *c, void *arg)
{
	struct visits *v = arg;
	size_t used = strlen(v->names);

	snprintf(v->names + used, sizeof(v->names) - used, "%s ", c->name);
	return v->stop_at && strcmp(v->stop_at, c->name) == 0;
}

static struct address host(const char *text)
{
	struct address a = { .family = 0 };

	if (text && address_parse(&a, text))
		abort();
	return a;
}

static const char *match(const struct settings *s, struct visits *v, const char *local, const char *remote)
{
	struct address l = host(local), r = host(remote);
	const struct connection_settings *c;

	v->names[0] = '\0';
	c = settings_match(s, &l, &r, visit, v);
	return c ? c->name : "none";
}

static void test_match(void)
{
	struct visits v = { .stop_at = NULL };
	struct run run;
	const struct settings *s = run_good(&run, "keyferry\n"
		" connection name=any\n  remote address=%any\n" CHILD
		" connection name=named\n  remote address=gw.example\n" CHILD
		" connection name=wide\n  remote address=10.0.0.0/8\n" CHILD
		" connection name=one\n  remote address=10.1.1.1\n" CHILD
		" connection name=narrow\n  remote address=10.1.0.0/16\n" CHILD
		" connection name=wide-here\n  local address=192.0.2.1\n  remote address=10.0.0.0/8\n" CHILD
		" connection name=one-here\n  local address=192.0.2.1\n  remote address=10.1.1.1\n" CHILD
		" connection name=one-there\n  local address=192.0.2.2\n  remote address=10.1.1.1\n" CHILD
		" connection name=six\n  remote address=%any6\n" CHILD KEY_ANY);

	CU_ASSERT_STRING_EQUAL(match(s, &v, "192.0.2.1", "10.1.1.1"), "none");
	CU_ASSERT_STRING_EQUAL(v.names, "one-here one narrow wide-here wide named any ");
	match(s, &v, NULL, "10.1.1.1");
	CU_ASSERT_STRING_EQUAL(v.names, "one-here one-there one narrow wide-here wide named any ");
	match(s, &v, "192.0.2.9", "10.2.0.1");
	CU_ASSERT_STRING_EQUAL(v.names, "wide named any ");
	match(s, &v, NULL, "2001:db8::1");
	CU_ASSERT_STRING_EQUAL(v.names, "six named any ");
	v.stop_at = "narrow";
	CU_ASSERT_STRING_EQUAL(match(s, &v, NULL, "10.1.2.3"), "narrow");
	struct address r = host("10.1.1.1");
	CU_ASSERT_STRING_EQUAL(settings_match(s, NULL, &r, NULL, NULL)->name, "one-here");
	run_end(&run);
}

/* ---- which key ---- */

/* The line of the key's element, 0 for none. */
static unsigned key(const struct settings *s, const char *local, const char *local_id, const char *remote, const char *remote_id,
		    char how[WHY_MAX])
{
	struct identity l = { .type = 0 }, r = { .type = 0 };
	struct address local_host = host(local), remote_host = host(remote);

	if ((local_id && identity_parse(&l, local_id)) || (remote_id && identity_parse(&r, remote_id)))
		abort();
	how[0] = '\0';
	const struct psk_settings *psk = settings_psk(s, &local_host, local_id ? &l : NULL, &remote_host, remote_id ? &r : NULL, how);
	identity_free(&l);
	identity_free(&r);
	return psk ? psk->node->line : 0;
}

static void test_key_order(void)
{
	char how[WHY_MAX];
	struct run run;
	const struct settings *s = run_good(&run, "keyferry\n"
		" psk ids=%any file=long.psk\n"                          /* 2 */
		" psk ids=10.0.0.0/8 file=long.psk\n"                    /* 3 */
		" psk ids=10.1.0.0-10.1.0.9 file=long.psk\n"             /* 4 */
		" psk ids=10.1.0.1 file=long.psk\n"                      /* 5 */
		" psk ids=peer.example file=long.psk\n"                  /* 6 */
		" psk ids=%any,192.0.2.1 file=long.psk\n"                /* 7 */
		" psk ids=%any4 file=long.psk\n");                       /* 8 */

	CU_ASSERT_EQUAL(key(s, "192.0.2.9", "gw", "10.1.0.1", "Peer.Example", how), 6);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "t.conf:6, by remote id Peer.Example (FQDN)"));
	CU_ASSERT_EQUAL(key(s, "192.0.2.9", NULL, "10.1.0.1", "other.example", how), 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "t.conf:5, by remote address 10.1.0.1"));
	CU_ASSERT_EQUAL(key(s, "192.0.2.9", NULL, "203.0.113.1", "10.1.0.1", how), 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote id 10.1.0.1 (IPv4)"));
	CU_ASSERT_EQUAL(key(s, "192.0.2.9", NULL, "10.1.0.2", NULL, how), 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote range 10.1.0.0-10.1.0.9"));
	CU_ASSERT_EQUAL(key(s, "192.0.2.9", NULL, "10.9.0.2", NULL, how), 3);
	CU_ASSERT_EQUAL(key(s, "192.0.2.9", NULL, "203.0.113.1", NULL, how), 8);
	CU_ASSERT_EQUAL(key(s, "192.0.2.9", NULL, "2001:db8::1", NULL, how), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote %any"));
	/* Both ends beat one among keys that fit the remote end equally. */
	CU_ASSERT_EQUAL(key(s, "192.0.2.1", NULL, "2001:db8::1", NULL, how), 7);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote %any and local address 192.0.2.1"));
	CU_ASSERT_EQUAL(key(s, NULL, NULL, NULL, NULL, how), 2);
	run_end(&run);
}

static void test_key_both_ends(void)
{
	char how[WHY_MAX];
	struct run run;
	const struct settings *s = run_good(&run, "keyferry\n"
		" psk ids=right.example file=long.psk\n"                 /* 2 */
		" psk ids=left.example,right.example file=long.psk\n"    /* 3 */
		" psk ids=other.example,lone.example file=long.psk\n"    /* 4 */
		" psk ids=192.0.2.1,10.0.0.1 file=long.psk\n"            /* 5 */
		" psk ids=10.0.0.0/8,172.16.0.0/12 file=long.psk\n");    /* 6 */

	CU_ASSERT_EQUAL(key(s, "192.0.2.1", "left.example", "198.51.100.1", "right.example", how), 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote id right.example (FQDN) and local id left.example (FQDN)"));
	CU_ASSERT_EQUAL(key(s, "192.0.2.1", "third.example", "198.51.100.1", "right.example", how), 2);
	/* A key that names two ends, and surely not ours, is not for us; while our id is not known it may be. */
	CU_ASSERT_EQUAL(key(s, "192.0.2.1", "third.example", "198.51.100.1", "lone.example", how), 0);
	CU_ASSERT_EQUAL(key(s, "192.0.2.1", NULL, "198.51.100.1", "lone.example", how), 4);
	CU_ASSERT_EQUAL(key(s, "192.0.2.1", NULL, "10.0.0.1", NULL, how), 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote address 10.0.0.1 and local address 192.0.2.1"));
	/* The local end by its range; one range may hold both ends. */
	CU_ASSERT_EQUAL(key(s, "172.16.1.1", NULL, "10.0.0.1", NULL, how), 6);
	CU_ASSERT_EQUAL(key(s, "10.0.0.2", NULL, "10.0.0.9", NULL, how), 6);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote range 10.0.0.0/8 and local range 10.0.0.0/8"));
	CU_ASSERT_EQUAL(key(s, "192.0.2.7", NULL, "10.0.0.9", NULL, how), 0);
	CU_ASSERT_EQUAL(key(s, NULL, NULL, "10.0.0.9", NULL, how), 6);
	run_end(&run);
}

static void test_key_names(void)
{
	char how[WHY_MAX];
	struct run run;
	const struct settings *s = run_good(&run, "keyferry\n"
		" psk ids=%any file=long.psk\n"                                             /* 2 */
		" psk ids='C=CH,O=Example,CN=gw' file=long.psk\n"                           /* 3 */
		" psk ids='C=CH,O=Example,CN=*',*@example,*.example id-match=wildcards file=long.psk\n" /* 4 */
		" psk ids=bob@example file=long.psk\n"                                      /* 5 */
		" psk ids=\"CN=b,O=Example,C=CH\" id-match=reordered file=long.psk\n"       /* 6 */
		" psk ids=keyid:users,keyid:gate file=long.psk\n"                           /* 7 */
		" psk ids=ipv4net:10.0.0.0/8 file=long.psk\n"                               /* 8 */
		" psk ids=203.0.113.5 file=long.psk\n"                                      /* 9 */
		" psk ids=@*.example,'/C=DE/CN=gw' id-match=wildcards file=long.psk\n");    /* 10 */

	CU_ASSERT_EQUAL(key(s, NULL, NULL, NULL, "C=ch,O=EXAMPLE,CN=#0c026777", how), 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "t.conf:3, by remote id C=ch, O=EXAMPLE, CN=gw (DN)"));
	/* What names one comes before a pattern, and a pattern before an address. */
	CU_ASSERT_EQUAL(key(s, NULL, NULL, "203.0.113.5", "C=CH,O=Example,CN=b,OU=x", how), 9);
	CU_ASSERT_EQUAL(key(s, NULL, NULL, "203.0.113.5", "O=Example,C=CH,CN=b", how), 6);
	CU_ASSERT_EQUAL(key(s, NULL, NULL, NULL, "bob@EXAMPLE", how), 5);
	CU_ASSERT_EQUAL(key(s, NULL, NULL, NULL, "10.1.2.3", how), 8);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote id that fits 10.0.0.0/8 (IPv4 range)"));
	CU_ASSERT_EQUAL(key(s, NULL, "keyid:gate", NULL, "keyid:users", how), 7);
	CU_ASSERT_EQUAL(key(s, NULL, "gate", NULL, "keyid:users", how), 2);
	CU_ASSERT_EQUAL(key(s, NULL, NULL, NULL, "users", how), 2);
	/* A key for several patterns is between those who fit them; our end may be one of them. */
	CU_ASSERT_EQUAL(key(s, NULL, "gw.example", NULL, "C=CH,O=Example,CN=x", how), 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(how, "by remote id that fits C=CH, O=Example, CN=* (DN) and local id that fits *.example (FQDN)"));
	CU_ASSERT_EQUAL(key(s, NULL, "gw.other", NULL, "C=CH,O=Example,CN=x", how), 2);
	CU_ASSERT_EQUAL(key(s, NULL, "C=de,CN=gw", NULL, "gw.example", how), 10);
	/* Before a peer has said who it is, the key is one for who is expected. */
	struct identity all = { ID_FQDN, bytes_text("*.example") };
	const struct psk_settings *psk = settings_psk(s, NULL, NULL, NULL, &all, how);
	CU_ASSERT(psk && psk->node->line == 4);
	/* What a peer says is no pattern. */
	CU_ASSERT_EQUAL(key(s, NULL, "gw.example", NULL, "keyid:*.example", how), 2);
	run_end(&run);
}

/* A connection whose peers are patterns has a key when somebody who fits it has one. */
static void test_key_for_patterns(void)
{
	static const struct {
		const char *ids, *remote;
		bool has_key;
	} cases[] = {
		{ "*.example id-match=wildcards", "gw.example", true },
		{ "*.example id-match=wildcards", "gw.other", false },
		{ "gw.example", "*.example id-match=wildcards", true },
		{ "gw.other", "*.example id-match=wildcards", false },
		{ "*.example id-match=wildcards", "*.gw.example id-match=wildcards", true },
		{ "CN=b,C=a", "C=a,CN=b id-match=reordered", true },
		{ "CN=b,C=a", "C=a,CN=b", false },
		{ "10.1.2.3", "10.0.0.0/8", true },
	};
	char text[400];

	for (size_t i = 0; i < COUNT(cases); i++) {
		/* In a list of ids commas need quotes. */
		bool has_comma = strchr(cases[i].ids, ',') != NULL;
		size_t word = strcspn(cases[i].ids, " ");
		struct run run;

		snprintf(text, sizeof(text), "keyferry\n connection name=a\n  phase1 mode=aggressive\n  remote address=%%any id=%s\n  child name=b\n"
			 " psk ids=%s%.*s%s%s file=long.psk\n", cases[i].remote, has_comma ? "'" : "", (int)word, cases[i].ids,
			 has_comma ? "'" : "", cases[i].ids + word);
		run_with(&run, text, NULL);
		CU_ASSERT_EQUAL(run.fault, cases[i].has_key ? 0 : FAULT_INPUT);
		CU_ASSERT(cases[i].has_key || strstr(run.log.text, "no psk for local"));
		run_end(&run);
	}
}

/* ---- many ---- */

enum { MANY = 1000 };

static uint64_t microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void test_many(void)
{
	char *text = NULL, remote[32], how[WHY_MAX];
	size_t size, found = 0, keys = 0;
	FILE *out = open_memstream(&text, &size);
	struct visits v = { .stop_at = NULL };
	struct run run;

	fprintf(out, "keyferry\n");
	for (unsigned i = 0; i < MANY; i++)
		fprintf(out, " connection name=c%u\n  local address=192.0.2.1 id=gw.example\n"
			"  remote address=10.0.%u.%u id=r%u.example\n  child name=lan local=10.1.0.0/16 remote=10.2.%u.0/24\n"
			" psk ids=gw.example,r%u.example file=long.psk\n", i, i / 250, i % 250 + 1, i, i % 256, i);
	fclose(out);
	uint64_t began = microseconds();
	const struct settings *s = run_good(&run, text);
	uint64_t loaded = microseconds();
	for (unsigned i = 0; i < MANY; i++) {
		char id[32];

		snprintf(remote, sizeof(remote), "10.0.%u.%u", i / 250, i % 250 + 1);
		snprintf(id, sizeof(id), "r%u.example", i);
		match(s, &v, "192.0.2.1", remote);
		snprintf(how, sizeof(how), "c%u ", i);
		found += strcmp(v.names, how) == 0;
		keys += key(s, "192.0.2.1", "gw.example", remote, id, how) == 5 * (i + 1) + 1;
	}
	CU_ASSERT_EQUAL(found, MANY);
	CU_ASSERT_EQUAL(keys, MANY);
	if (getenv("SETTINGS_TIMES"))
		printf("%d connections: %u us to load, %u us to find each and its key\n", MANY, (unsigned)(loaded - began),
		       (unsigned)(microseconds() - loaded));
	run_end(&run);
	free(text);
}

static const struct unit_case cases[] = {
	{ "a secret is the first line, or hex, or base64", test_secret_forms },
	{ "odd and short secrets are taken with a warning that does not show them", test_secret_warnings },
	{ "secrets are read again for the same configuration", test_secret_again },
	{ "a secret may be read by root's group and by no other", test_secret_group },
	{ "connections are tried from the most specific on", test_match },
	{ "the key that names the remote end best is chosen", test_key_order },
	{ "a key that names both ends is preferred, one that names others is not for us", test_key_both_ends },
	{ "keys are found by names of every type, and by patterns of them", test_key_names },
	{ "a connection for a pattern has a key when somebody who fits has one", test_key_for_patterns },
	{ "each of a thousand connections and keys is found", test_many },
};

int main(void)
{
	return settings_tests("settings_find", cases, COUNT(cases));
}
