/* SPDX-License-Identifier: MIT */
/* test_fetch_ldap.c - the plugin and directories, of which libldap is between libcurl and the network. */
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fetch.h"
#include "plugin.h"
#include "unit.h"
#include "web_server.h"

/* What a case works with. */
static struct fixture {
	struct core core;
	void *state;
	const struct fetcher *fetcher;
	struct web_server server;
	struct fetch_answer answer;
	char url[FETCH_URL_MAX];
	struct fetch_request request;
} f;

static void begin(const char *what, void (*serve)(struct web_request *request), void *arg)
{
	static const struct log_options quiet = { .level = LEVEL_ERROR, .fd = -1 };

	memset(&f, 0, sizeof(f));
	f.core.log = log_new(&quiet);
	f.server.serve = serve;
	f.server.arg = arg;
	CU_ASSERT_FATAL(plugin.start(&f.core, NULL, &f.state) == 0);
	CU_ASSERT_FATAL(web_open(&f.server) == 0);
	f.server.is_raw = true;
	f.fetcher = plugin.provides[0].ops;
	snprintf(f.url, sizeof(f.url), "ldap://127.0.0.1:%u/cn=x?%s;binary", f.server.port, what);
	f.request = (struct fetch_request){
		.url = f.url, .source = FETCH_CONFIGURED, .size_max = 1 << 20, .time_max = 20000, .connect_max = 5000, .slow_octets = 100,
		.slow_seconds = 2, .redirects_max = FETCH_REDIRECTS_MAX,
	};
}

static void end(void)
{
	web_close(&f.server);
	plugin.stop(f.state);
	log_free(f.core.log);
}

static int get(void)
{
	return f.fetcher->get(f.state, &f.request, &f.answer);
}

/* Answers a bind with success, and a search with one entry that has one value. Lengths of one octet suffice. */
static void serve_ldap(struct web_request *request)
{
	uint8_t in[512];
	static const uint8_t bound[] = { 0x30, 0x0c, 0x02, 0x01, 0, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00 };
	static const uint8_t entry[] = {
		0x30, 0x2c, 0x02, 0x01, 0, 0x64, 0x27, 0x04, 0x04, 'c', 'n', '=', 'x', 0x30, 0x1f, 0x30, 0x1d, 0x04, 0x14,
		'c', 'r', 'l', 'c', 'r', 'l', 'c', 'r', 'l', 'c', 'r', 'l', 'x', ';', 'b', 'i', 'n', 'a', 'r', 'y', 0x31, 0x05, 0x04, 0x03, 0x30, 0x01, 0x00,
	};
	static const uint8_t done[] = { 0x30, 0x0c, 0x02, 0x01, 0, 0x65, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00 };
	uint8_t out[sizeof(entry)];
	ssize_t n;

	while ((n = web_read(request, in, sizeof(in))) > 5) {
		bool is_bind = in[5] == 0x60, is_search = in[5] == 0x63;

		memcpy(out, is_bind ? bound : entry, is_bind ? sizeof(bound) : sizeof(entry));
		out[4] = in[4];
		if (is_bind || is_search)
			(void)web_write(request, bytes_of(out, is_bind ? sizeof(bound) : sizeof(entry)));
		if (!is_search)
			continue;
		memcpy(out, done, sizeof(done));
		out[4] = in[4];
		(void)web_write(request, bytes_of(out, sizeof(done)));
	}
}

static void ldap(void)
{
	begin("crlcrlcrlcrlx", serve_ldap, NULL);
	CU_ASSERT_EQUAL(get(), 0);
	CU_ASSERT(f.answer.len == 3 && f.answer.data && memcmp(f.answer.data, "\x30\x01\x00", 3) == 0);
	free(f.answer.data);
	f.request.post = bytes_text("x");
	CU_ASSERT_EQUAL(get(), FAULT_INPUT);
	end();
}

/* Opens and closes descriptors of its own as fast as it can. */
struct opener {
	atomic_bool is_over;
	unsigned lost;
};

static void *open_and_close(void *arg)
{
	struct opener *opener = arg;

	while (!atomic_load(&opener->is_over)) {
		int fd = eventfd(0, EFD_CLOEXEC);

		sched_yield();
		opener->lost += fd >= 0 && close(fd) < 0;
	}
	return NULL;
}

static void ldap_closes_once(void)
{
	struct opener opener = { 0 };
	pthread_t thread;

	begin("crlcrlcrlcrlx", serve_ldap, NULL);
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, open_and_close, &opener) == 0);
	for (unsigned i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(get(), 0);
		free(f.answer.data);
	}
	atomic_store(&opener.is_over, true);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(opener.lost, 0);
	end();
}

static void bind_answer(struct web_request *request, uint8_t id)
{
	const uint8_t bound[] = { 0x30, 0x0c, 0x02, 0x01, id, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00 };

	(void)web_write(request, bytes_of(bound, sizeof(bound)));
}

/* Says that its answer has 1 GiB, and sends it. */
static void flood_ldap(struct web_request *request)
{
	static uint8_t octets[1 << 16] = { 0x30, 0x84, 0x40, 0x00, 0x00, 0x00, 0x02, 0x01 };
	atomic_size_t *sent = request->server->arg;
	uint8_t in[512];
	ssize_t n;

	while ((n = web_read(request, in, sizeof(in))) > 5) {
		if (in[5] == 0x60)
			bind_answer(request, in[4]);
		if (in[5] != 0x63)
			continue;
		octets[8] = in[4];
		for (size_t i = 0; i < (1 << 14) && web_write(request, bytes_of(octets, sizeof(octets))); i++)
			atomic_fetch_add(sent, sizeof(octets));
	}
}

static void ldap_flood(void)
{
	atomic_size_t sent = 0;

	begin("y", flood_ldap, &sent);
	CU_ASSERT_EQUAL(get(), FAULT_FULL);
	CU_ASSERT(strstr(f.answer.why, "it has more than 1048576 octets, which is the limit") != NULL);
	end();
	/* What is under way in the sockets beside it. */
	CU_ASSERT(atomic_load(&sent) > f.request.size_max && atomic_load(&sent) < 32 << 20);
}

/* Sends us to a place on this machine, which it cannot reach itself: both as a reference and as the result. */
static void refer_ldap(struct web_request *request)
{
	uint8_t in[512], out[128];
	char to[32];
	ssize_t n;

	snprintf(to, sizeof(to), "ldap://127.0.0.1:%05u/", *(unsigned *)request->server->arg);
	while ((n = web_read(request, in, sizeof(in))) > 5) {
		size_t len = strlen(to);
		const uint8_t reference[] = { 0x30, (uint8_t)(7 + len), 0x02, 0x01, in[4], 0x73, (uint8_t)(2 + len), 0x04, (uint8_t)len };
		const uint8_t result[] = {
			0x30, (uint8_t)(16 + len), 0x02, 0x01, in[4], 0x65, (uint8_t)(11 + len), 0x0a, 0x01, 10, 0x04, 0x00, 0x04, 0x00,
			0xa3, (uint8_t)(2 + len), 0x04, (uint8_t)len,
		};

		if (in[5] == 0x60)
			bind_answer(request, in[4]);
		if (in[5] != 0x63)
			continue;
		memcpy(out, reference, sizeof(reference));
		memcpy(out + sizeof(reference), to, len);
		(void)web_write(request, bytes_of(out, sizeof(reference) + len));
		memcpy(out, result, sizeof(result));
		memcpy(out + sizeof(result), to, len);
		(void)web_write(request, bytes_of(out, sizeof(result) + len));
	}
}

static void count_clients(struct web_request *request)
{
	(void)request;
}

static void ldap_referral(void)
{
	struct web_server elsewhere = { .serve = count_clients };

	CU_ASSERT_FATAL(web_open(&elsewhere) == 0);
	elsewhere.is_raw = true;
	begin("y", refer_ldap, &elsewhere.port);
	CU_ASSERT_EQUAL(get(), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(atomic_load(&f.server.requests), 1);
	CU_ASSERT_EQUAL(atomic_load(&elsewhere.requests), 0);
	end();
	web_close(&elsewhere);
}

static const struct unit_case cases[] = {
	{ "an attribute is fetched by ldap", ldap },
	{ "a descriptor is closed once, so that none of another thread is", ldap_closes_once },
	{ "a directory that answers with 1 GiB is left", ldap_flood },
	{ "a directory that refers to another is not followed", ldap_referral },
};

UNIT_MAIN("fetch-ldap", cases)
