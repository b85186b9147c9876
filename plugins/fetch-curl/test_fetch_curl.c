/* SPDX-License-Identifier: MIT */
/* test_fetch_curl.c - the plugin against servers that answer well, and against those that do not; directories are test_fetch_ldap.c's. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "fetch.h"
#include "plugin.h"
#include "unit.h"
#include "web_server.h"

static const char document[] = "a document";

/* What a case works with. */
static struct fixture {
	struct core core;
	void *state;
	const struct fetcher *fetcher;
	struct web_server server;
	struct fetch_answer answer;
	char seen[WEB_REQUEST_MAX];        /* the head of the last request of /ok */
} f;

/* ---- the server ---- */

static void redirect(struct web_request *request, const char *to)
{
	char header[FETCH_URL_MAX + 32];

	snprintf(header, sizeof(header), "Location: %s\r\n", to);
	web_answer(request, 302, header, bytes_text("elsewhere"));
}

static void serve_headers(struct web_request *request)
{
	char line[1024];

	memset(line, 'a', sizeof(line));
	memcpy(line, "X-Long: ", 8);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	bool is_there = web_write(request, bytes_text("HTTP/1.1 200 OK\r\n"));
	for (size_t i = 0; is_there && i < 1000; i++)
		is_there = web_write(request, bytes_of(line, sizeof(line)));
}

static void serve_etag(struct web_request *request)
{
	if (strstr(request->head, "If-None-Match: \"v1\"") || strstr(request->head, "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"))
		web_answer(request, 304, "ETag: \"v1\"\r\n", bytes_text(""));
	else
		web_answer(request, 200, "ETag: \"v1\"\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n", bytes_text(document));
}

static void serve_number(struct web_request *request)
{
	unsigned n = 0;
	char to[64];

	sscanf(request->path, "/hops/%u", &n);
	snprintf(to, sizeof(to), n == 1 ? "/ok" : "/hops/%u", n - 1);
	redirect(request, to);
}

static void serve(struct web_request *request)
{
	const char *path = request->path;

	if (strcmp(path, "/ok") == 0) {
		snprintf(f.seen, sizeof(f.seen), "%s", request->head);
		web_answer(request, 200, "Set-Cookie: a=b\r\n", bytes_text(document));
	} else if (strcmp(path, "/echo") == 0) {
		web_answer(request, 200, "", request->body);
	} else if (strcmp(path, "/drip") == 0) {
		web_drip(request);
	} else if (strcmp(path, "/hang") == 0) {
		web_hang(request);
	} else if (strcmp(path, "/huge") == 0) {
		web_flood(request, UINT64_C(1) << 30, true);
	} else if (strcmp(path, "/endless") == 0) {
		web_flood(request, UINT64_C(1) << 30, false);
	} else if (strcmp(path, "/loop") == 0) {
		redirect(request, "/loop");
	} else if (strncmp(path, "/hops/", 6) == 0) {
		serve_number(request);
	} else if (strcmp(path, "/to-file") == 0) {
		redirect(request, "file:///etc/hostname");
	} else if (strcmp(path, "/to-ldap") == 0) {
		redirect(request, "ldap://127.0.0.1/cn=x?y");
	} else if (strcmp(path, "/to-near") == 0) {
		redirect(request, "http://127.0.0.2:1/");
	} else if (strcmp(path, "/short") == 0) {
		(void)web_write(request, bytes_text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
	} else if (strcmp(path, "/headers") == 0) {
		serve_headers(request);
	} else if (strcmp(path, "/garbage") == 0) {
		(void)web_write(request, bytes_text("\x1b[31mno HTTP at all\r\n\r\n"));
	} else if (strcmp(path, "/empty") == 0) {
		web_answer(request, 200, "", bytes_text(""));
	} else if (strcmp(path, "/etag") == 0) {
		serve_etag(request);
	} else if (strncmp(path, "/status/", 8) == 0) {
		web_answer(request, (unsigned)atoi(path + 8), "", bytes_text("no"));
	}
	/* Any other: closed without an answer. */
}

/* ---- asking ---- */

static void begin(const struct config_attribute *attributes, size_t count)
{
	static const struct log_options quiet = { .level = LEVEL_ERROR, .fd = -1 };
	const struct config_node node = { .name = "plugin", .file = "test", .attributes = attributes, .attribute_count = count };

	memset(&f, 0, sizeof(f));
	f.core.log = log_new(&quiet);
	f.server.serve = serve;
	CU_ASSERT_FATAL(plugin.start(&f.core, count ? &node : NULL, &f.state) == 0);
	CU_ASSERT_FATAL(web_open(&f.server) == 0);
	f.fetcher = plugin.provides[0].ops;
}

static void end(void)
{
	web_close(&f.server);
	plugin.stop(f.state);
	log_free(f.core.log);
}

static struct fetch_request request_of(const char *url)
{
	return (struct fetch_request){
		.url = url, .source = FETCH_CONFIGURED, .size_max = 1 << 20, .time_max = 20000, .connect_max = 5000, .slow_octets = 100,
		.slow_seconds = 2, .redirects_max = FETCH_REDIRECTS_MAX,
	};
}

static int get(struct fetch_request *request, const char *path)
{
	char url[FETCH_URL_MAX];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", f.server.port, path);
	request->url = url;
	int fault = f.fetcher->get(f.state, request, &f.answer);
	request->url = NULL;
	return fault;
}

static bool got(const char *text)
{
	bool is_same = f.answer.data && f.answer.len == strlen(text) && memcmp(f.answer.data, text, f.answer.len) == 0;

	free(f.answer.data);
	f.answer.data = NULL;
	return is_same;
}

/* The fault, and a clause that has these words. */
static void fails(const char *path, int fault, const char *words)
{
	struct fetch_request request = request_of(NULL);

	CU_ASSERT_EQUAL(get(&request, path), fault);
	CU_ASSERT(strstr(f.answer.why, words) != NULL);
	if (!strstr(f.answer.why, words))
		printf("%s: %s\n", path, f.answer.why);
	CU_ASSERT_PTR_NULL(f.answer.data);
}

/* ---- cases ---- */

static void documents(void)
{
	struct fetch_request request = request_of(NULL);

	begin(NULL, 0);
	CU_ASSERT_EQUAL(get(&request, "/ok"), 0);
	CU_ASSERT(got(document));
	CU_ASSERT_EQUAL(get(&request, "/hops/3"), 0);
	CU_ASSERT(got(document));
	request.post = bytes_text("a question");
	request.content_type = "application/ocsp-request";
	CU_ASSERT_EQUAL(get(&request, "/echo"), 0);
	CU_ASSERT(got("a question"));
	end();
}

static void no_cookies(void)
{
	struct fetch_request request = request_of(NULL);

	begin(NULL, 0);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(get(&request, "/ok"), 0);
		CU_ASSERT(got(document));
	}
	CU_ASSERT_PTR_NULL(strcasestr(f.seen, "Cookie"));
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	end();
}

static void conditions(void)
{
	struct fetch_request request = request_of(NULL);

	begin(NULL, 0);
	CU_ASSERT_EQUAL(get(&request, "/etag"), 0);
	CU_ASSERT(got(document));
	CU_ASSERT_STRING_EQUAL(f.answer.etag, "\"v1\"");
	CU_ASSERT_EQUAL(f.answer.modified, 1700000000);
	request.etag = "\"v1\"";
	CU_ASSERT_EQUAL(get(&request, "/etag"), 0);
	CU_ASSERT(f.answer.is_unchanged && !f.answer.data);
	request.etag = NULL;
	request.modified = 1700000000;
	CU_ASSERT_EQUAL(get(&request, "/etag"), 0);
	CU_ASSERT(f.answer.is_unchanged && !f.answer.data);
	request.modified = 0;
	CU_ASSERT_EQUAL(get(&request, "/status/304"), FAULT_SYSTEM);
	end();
}

static void hostile(void)
{
	begin(NULL, 0);
	fails("/drip", FAULT_SYSTEM, "Less than 100 bytes/sec");
	fails("/huge", FAULT_FULL, "more than 1048576 octets");
	fails("/endless", FAULT_FULL, "more than 1048576 octets");
	fails("/loop", FAULT_PERMISSION, "redirected more than 5 times");
	fails("/hops/6", FAULT_PERMISSION, "redirected more than 5 times");
	fails("/to-file", FAULT_PERMISSION, "redirected to a scheme other than http");
	fails("/to-ldap", FAULT_PERMISSION, "redirected to a scheme other than http");
	fails("/to-near", FAULT_PERMISSION, "127.0.0.2 is this machine");
	fails("/close", FAULT_SYSTEM, "Empty reply");
	fails("/short", FAULT_SYSTEM, "96 bytes remaining");
	fails("/headers", FAULT_INPUT, "headers have more than 64 KiB");
	fails("/garbage", FAULT_SYSTEM, "HTTP/0.9");
	fails("/empty", FAULT_INPUT, "answers with nothing");
	fails("/status/404", FAULT_NOT_FOUND, "answers 404");
	fails("/status/500", FAULT_SYSTEM, "answers 500");
	end();
}

static void silent(void)
{
	struct fetch_request request = request_of(NULL);
	time_t before = time(NULL);

	begin(NULL, 0);
	request.time_max = 1000;
	CU_ASSERT_EQUAL(get(&request, "/hang"), FAULT_SYSTEM);
	CU_ASSERT(strstr(f.answer.why, "timed out") != NULL);
	request.time_max = 20000;
	CU_ASSERT_EQUAL(get(&request, "/hang"), FAULT_SYSTEM);
	CU_ASSERT(strstr(f.answer.why, "Less than 100 bytes/sec") != NULL);
	CU_ASSERT(time(NULL) - before <= 10);
	end();
}

static void *cancel_later(void *arg)
{
	usleep(300000);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

static void cancels(void)
{
	struct fetch_request request = request_of(NULL);
	atomic_bool cancel = false;
	time_t before = time(NULL);
	pthread_t thread;

	begin(NULL, 0);
	request.cancel = &cancel;
	request.slow_seconds = 20;
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, cancel_later, &cancel) == 0);
	CU_ASSERT_EQUAL(get(&request, "/hang"), FAULT_SYSTEM);
	CU_ASSERT(strstr(f.answer.why, "given up") != NULL);
	CU_ASSERT(time(NULL) - before <= 5);
	pthread_join(thread, NULL);
	end();
}

/* URLs of certificates that are not followed; nothing reaches the server. */
static void from_certificates(void)
{
	static const char *const urls[] = {
		"http://127.0.0.1:%u/ok", "http://localhost:%u/ok", "http://2130706433:%u/ok", "http://0x7f.1:%u/ok", "http://[::ffff:127.0.0.1]:%u/ok",
		"http://[::1]:%u/ok", "http://0.0.0.0:%u/ok", "https://127.0.0.1:%u/ok", "ldap://127.0.0.1:%u/cn=x?y", "file:///etc/hostname?%u",
		"ftp://192.0.2.1:%u/", "gopher://192.0.2.1:%u/", "scp://192.0.2.1:%u/", "dict://127.0.0.1:%u/x",
	};
	struct fetch_request request = request_of(NULL);
	char url[FETCH_URL_MAX];

	begin(NULL, 0);
	request.source = FETCH_FROM_CERTIFICATE;
	request.url = url;
	for (size_t i = 0; i < COUNT(urls); i++) {
		snprintf(url, sizeof(url), urls[i], f.server.port);
		int fault = f.fetcher->get(f.state, &request, &f.answer);
		CU_ASSERT_EQUAL(fault, FAULT_PERMISSION);
		if (fault != FAULT_PERMISSION)
			printf("%s: %d %s\n", url, fault, f.answer.why);
	}
	snprintf(url, sizeof(url), "http://a:b@127.0.0.1:%u/ok", f.server.port);
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_INPUT);
	CU_ASSERT_EQUAL(atomic_load(&f.server.requests), 0);
	end();
}

static void lists(void)
{
	static const struct config_attribute attributes[] = { { "name", "fetch-curl" }, { "allow", "127.0.0.1" }, { "exclude", "localhost" } };
	struct fetch_request request = request_of(NULL);
	char url[FETCH_URL_MAX];

	begin(attributes, COUNT(attributes));
	request.source = FETCH_FROM_CERTIFICATE;
	CU_ASSERT_EQUAL(get(&request, "/ok"), 0);
	CU_ASSERT(got(document));
	request.source = FETCH_CONFIGURED;
	request.url = url;
	snprintf(url, sizeof(url), "http://localhost:%u/ok", f.server.port);
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_PERMISSION);
	CU_ASSERT(strstr(f.answer.why, "localhost is excluded") != NULL);
	end();
}

static void settings(void)
{
	static const struct config_attribute bad[] = {
		{ "exclude", "a/b" }, { "allow", "http://x" }, { "proxy", "ftp://x" }, { "ca-file", "/nowhere/ca.pem" }, { "excluded", "x" },
	};
	static const struct log_options quiet = { .level = LEVEL_ERROR, .fd = -1 };
	struct core core = { .log = log_new(&quiet) };

	for (size_t i = 0; i < COUNT(bad); i++) {
		const struct config_node node = { .name = "plugin", .file = "test", .attributes = &bad[i], .attribute_count = 1 };
		void *state;

		CU_ASSERT_EQUAL(plugin.start(&core, &node, &state), FAULT_INPUT);
	}
	log_free(core.log);
}

static void proxy(void)
{
	char url[64];
	struct config_attribute attributes[] = { { "name", "fetch-curl" }, { "proxy", url } };
	struct fetch_request request = request_of("http://ca.example/ok");
	struct fixture outer;

	begin(NULL, 0);
	outer = f;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", f.server.port);
	const struct config_node node = { .name = "plugin", .file = "test", .attributes = attributes, .attribute_count = COUNT(attributes) };
	void *state;
	CU_ASSERT_FATAL(plugin.start(&f.core, &node, &state) == 0);
	/* The server knows no such path, as a proxy is asked for a whole URL; but it is asked. */
	request.source = FETCH_FROM_CERTIFICATE;
	CU_ASSERT_EQUAL(f.fetcher->get(state, &request, &f.answer), FAULT_SYSTEM);
	CU_ASSERT_EQUAL(atomic_load(&f.server.requests), 1);
	/* What only the proxy could reach on its own machine is refused as well. */
	request.url = "http://localhost/ok";
	CU_ASSERT_EQUAL(f.fetcher->get(state, &request, &f.answer), FAULT_PERMISSION);
	request.url = "http://169.254.169.254/ok";
	CU_ASSERT_EQUAL(f.fetcher->get(state, &request, &f.answer), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(atomic_load(&f.server.requests), 1);
	plugin.stop(state);
	(void)outer;
	end();
}

static void files(void)
{
	char path[] = "/tmp/keyferry-fetch-XXXXXX", url[64];
	int fd = mkstemp(path);
	struct fetch_request request = request_of(url);

	begin(NULL, 0);
	CU_ASSERT_FATAL(fd >= 0 && write(fd, document, strlen(document)) == (ssize_t)strlen(document));
	close(fd);
	snprintf(url, sizeof(url), "file://%s", path);
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), 0);
	CU_ASSERT(got(document));
	request.modified = f.answer.modified;
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), 0);
	CU_ASSERT(f.answer.is_unchanged);
	request.modified = 0;
	request.size_max = 5;
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_FULL);
	unlink(path);
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_NOT_FOUND);
	request.url = "file:///tmp";
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_INPUT);
	request.url = "file:///dev/zero";
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_INPUT);
	request.url = "file://elsewhere/etc/hostname";
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_INPUT);
	request.url = "file:///etc/hostname%00";
	CU_ASSERT_EQUAL(f.fetcher->get(f.state, &request, &f.answer), FAULT_INPUT);
	end();
}

/* ---- TLS ---- */

/* A certificate for "localhost" that signs itself; its PEM goes to a file, too. */
static gnutls_certificate_credentials_t make_credentials(const char *path)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	FILE *file = fopen(path, "w");

	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - 100);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
	gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
	gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	CU_ASSERT_FATAL(file && fwrite(pem.data, 1, pem.size, file) == pem.size);
	fclose(file);
	gnutls_certificate_set_x509_key(credentials, &crt, 1, key);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return credentials;
}

static int get_tls(struct fetch_request *request, const char *host)
{
	char url[FETCH_URL_MAX];

	snprintf(url, sizeof(url), "https://%s:%u/ok", host, f.server.port);
	request->url = url;
	return f.fetcher->get(f.state, request, &f.answer);
}

static void tls(void)
{
	char path[] = "/tmp/keyferry-fetch-XXXXXX";
	int fd = mkstemp(path);
	const struct config_attribute attributes[] = { { "name", "fetch-curl" }, { "ca-file", path } };
	struct fetch_request request = request_of(NULL);

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	gnutls_certificate_credentials_t credentials = make_credentials(path);
	begin(attributes, COUNT(attributes));
	f.server.credentials = credentials;
	CU_ASSERT_EQUAL(get_tls(&request, "localhost"), 0);
	CU_ASSERT(got(document));
	CU_ASSERT_EQUAL(get_tls(&request, "127.0.0.1"), FAULT_SYSTEM);
	CU_ASSERT(strstr(f.answer.why, "does not match target host name '127.0.0.1'") != NULL);
	end();
	begin(NULL, 0);
	f.server.credentials = credentials;
	CU_ASSERT_EQUAL(get_tls(&request, "localhost"), FAULT_SYSTEM);
	CU_ASSERT(strstr(f.answer.why, "certificate verification failed") != NULL);
	end();
	gnutls_certificate_free_credentials(credentials);
	unlink(path);
}

static const struct unit_case cases[] = {
	{ "documents are fetched, also behind redirects, and questions are posted", documents },
	{ "cookies are not sent, and proxies of the environment are not used", no_cookies },
	{ "what is unchanged is not sent again", conditions },
	{ "servers that flood, drip, redirect for ever or break off give a fault that says so", hostile },
	{ "a server that never answers is left in time", silent },
	{ "a transfer that nobody wants any more ends at once", cancels },
	{ "a URL of a certificate leads neither to this machine nor to its files", from_certificates },
	{ "near hosts may be allowed, and others excluded", lists },
	{ "settings that make no sense are refused", settings },
	{ "a configured proxy is used, but not to reach its own machine", proxy },
	{ "configured files are read, pipes and devices are not", files },
	{ "a server with another name, or of an unknown authority, is not believed", tls },
};

UNIT_MAIN("fetch_curl", cases)
