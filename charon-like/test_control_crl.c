/* SPDX-License-Identifier: MIT */
/* test_control_crl.c - `crl list`, `crl refresh` and what status has of revocation. */
#include <time.h>

#include "cert_check.h"
#include "services.h"
#include "status_text.h"
#include "test_control.h"

static const char list_line[] = "{\"command\":\"crl\",\"arguments\":[\"list\"]}\n";
static const char refresh_line[] = "{\"command\":\"crl\",\"arguments\":[\"refresh\"]}\n";
static struct cert_waiter *waiter;
static bool is_empty;

static void fake_each(void *state, void (*visit)(void *arg, const struct revocation_entry *entry), void *arg)
{
	int64_t now = time(NULL);
	const struct revocation_entry entries[] = {
		{ .kind = "CRL", .url = "http://a.example/", .about = "CN=CA", .this_update = now - 60, .next_update = now + 7300, .fetched = now - 30,
		  .refresh = now + 3700, .octets = 2048, .revoked = 3 },
		{ .kind = "OCSP", .url = "http://b.example/", .about = "", .is_under_way = true, .failure = "ocsp-refused", .why = "it says no" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(entries) && !is_empty; i++)
		visit(arg, &entries[i]);
}

static int fake_refresh(void *state, struct cert_waiter *asking)
{
	(void)state;
	waiter = is_empty ? NULL : asking;
	return is_empty ? 0 : CHECK_WAITS;
}

static void tell(struct job *job)
{
	struct cert_waiter *told_one = CONTAINER(job, struct cert_waiter, job);

	told_one->news(told_one);
}

static void news(struct fixture *f)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(waiter);
	waiter->job = (struct job){ NULL, tell };
	loop_post(waiter->home, &waiter->job);
	pump(f);
	(void)read_reply(f);
}

static struct services *open_with(struct fixture *f)
{
	static const struct cert_check ops = { .each = fake_each, .refresh = fake_refresh };
	struct provider provider = { .ops = &ops, .key = "revocation", .plugin = "fake" };
	struct services *services = services_new();

	is_empty = false;
	CU_ASSERT_FATAL(services && services_add(services, SERVICE_CERT_CHECK, &provider, 0) == 0);
	fixture_open(f, NULL);
	f->engine.services = services;
	return services;
}

/* The text that front ends print of the answer. */
static void printed(const struct fixture *f, void (*print)(FILE *out, const json_t *data), char *out, size_t size)
{
	json_t *answer = json_loads(f->reply, JSON_DISABLE_EOF_CHECK, NULL);
	FILE *file = fmemopen(out, size, "w");

	CU_ASSERT_FATAL(answer && file);
	print(file, json_object_get(answer, "data"));
	fclose(file);
	json_decref(answer);
}

static void lists(void)
{
	struct fixture f;
	struct services *services = open_with(&f);
	char text[1024];

	say(&f, list_line);
	CU_ASSERT(told(&f, "\"url\":\"http://a.example/\"") && done_well(&f));
	printed(&f, revocation_print, text, sizeof(text));
	CU_ASSERT(strstr(text, "CRL http://a.example/\n  of CN=CA, 3") != NULL);
	CU_ASSERT(strstr(text, " s old, good for 2 h 1 min, fetched again in 1 h 1 min if it is used, 3 revoked, 2.0 KiB\n") != NULL);
	CU_ASSERT(strstr(text, "OCSP http://b.example/\n  never got, is being fetched, 0 revoked, 0 B\n  last attempt: ocsp-refused: it says no\n") != NULL);
	say(&f, "{\"command\":\"crl\",\"arguments\":[\"lists\"]}\n");
	CU_ASSERT(told(&f, "usage: crl list|refresh"));
	fixture_close(&f);
	services_free(services);
	fixture_open(&f, NULL);
	say(&f, list_line);
	CU_ASSERT(told(&f, "the plugin cert-revocation is not loaded"));
	fixture_close(&f);
}

static void refreshes(void)
{
	struct fixture f;
	struct services *services = open_with(&f);

	say(&f, refresh_line);
	CU_ASSERT(!told(&f, "done"));
	news(&f);
	CU_ASSERT(told(&f, "\"url\":\"http://a.example/\"") && done_well(&f));
	is_empty = true;
	say(&f, refresh_line);
	CU_ASSERT(told(&f, "they are fetched when a certificate needs them") && done_well(&f));
	fixture_close(&f);
	/* The daemon ends meanwhile. */
	services_free(services);
	services = open_with(&f);
	say(&f, refresh_line);
	struct cert_waiter *late = waiter;
	fixture_close(&f);
	late->news(late);
	services_free(services);
}

static const struct unit_case cases[] = {
	{ "what is kept is listed with its age and its last failure", lists },
	{ "a refresh is waited for, and answered with what is kept then", refreshes },
};

UNIT_MAIN("control_crl", cases)
