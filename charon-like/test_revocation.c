/* SPDX-License-Identifier: MIT */
/* test_revocation.c - a step that asks whether certificates are revoked: what it waits for, how long, and what is left of it. */
#include "revocation.h"

#include "services.h"
#include "test_exchange.h"

/* ---- a check that does what a case says ---- */

static struct fake {
	int result;                        /* of the next check()                                                      */
	const char *code;
	bool is_late;                      /* forget(): news are on their way                                          */
	unsigned checks, forgets;
	struct cert_check_query seen;
	const struct certificate *first_other;
	struct cert_waiter *waiter;        /* that waits                                                               */
} fake;

static int fake_check(void *state, const struct cert_check_query *query, struct cert_failure *failure)
{
	(void)state;
	fake.checks++;
	fake.seen = *query;
	fake.first_other = query->others[0];
	failure->code = fake.code;
	snprintf(failure->why, sizeof(failure->why), "the check's words");
	if (fake.result == CHECK_WAITS && query->is_last)
		return FAULT_CRYPTO;
	fake.waiter = fake.result == CHECK_WAITS ? query->waiter : NULL;
	return fake.result;
}

static bool fake_forget(void *state, struct cert_waiter *waiter)
{
	(void)state;
	fake.forgets++;
	CU_ASSERT_PTR_EQUAL(waiter, fake.waiter);
	if (fake.is_late)
		return false;
	fake.waiter = NULL;
	return true;
}

static void tell(struct job *job)
{
	struct cert_waiter *waiter = CONTAINER(job, struct cert_waiter, job);

	waiter->news(waiter);
}

static void fake_news(void)
{
	struct cert_waiter *waiter = fake.waiter;

	CU_ASSERT_PTR_NOT_NULL_FATAL(waiter);
	fake.waiter = NULL;
	waiter->job = (struct job){ NULL, tell };
	loop_post(waiter->home, &waiter->job);
}

static const struct cert_check fake_ops = { .check = fake_check, .forget = fake_forget };

/* ---- a mode whose first step asks ---- */

static struct certificate leaf = { .der = { (const uint8_t *)"leaf", 4 } }, anchor = { .der = { (const uint8_t *)"anchor", 6 } };
static struct certificate *anchors[] = { &anchor };
static const char *crl_urls[] = { "http://a.example/", NULL };
static struct ca_settings ca = { .name = "corp", .certs = { anchors, 1 }, .crl_urls = crl_urls };
static const struct ca_settings *cas[] = { &ca };
static const struct connection_settings connection = { .name = "a", .cas = cas, .ca_count = 1 };
static struct cert_chain chain;
static enum verdict last;

static enum verdict ask(struct exchange *ex, const struct message *in)
{
	struct certificate *given[] = { &leaf };
	const struct cert_list list = { given, 1 };
	struct auth_failure failure;

	(void)in;
	last = revocation_step(ex, &connection, &chain, &list, &failure);
	return last == STEP_DROP ? ex_drop(ex, failure.code, "%s", failure.why) : last;
}

static const struct step rows[] = {
	{ .from = INITIATOR, .cover = CLEAR, .require = P(SA), .build = toy_build, .process = ask },
	TOY_ROW(RESPONDER, CLEAR, P(SA)),
	TOY_ROW(INITIATOR, CLEAR, P(SA)),
};
static const struct exchange_mode mode = TOY(rows, true);

static struct bench *bench;

static void begin(enum revocation_policy policy, int result, const char *code)
{
	struct provider provider = { .ops = &fake_ops, .key = "revocation", .plugin = "fake" };
	struct services *services = services_new();

	fake = (struct fake){ .result = result, .code = code };
	ca.revocation = policy;
	chain = (struct cert_chain){ { &leaf, &anchor }, 2 };
	CU_ASSERT_FATAL(services && services_add(services, SERVICE_CERT_CHECK, &provider, 0) == 0);
	bench = bench_new(RESPONDER);
	bench->engine.services = services;
	CU_ASSERT_PTR_NOT_NULL_FATAL(exchange_new(bench->sa, &mode, RESPONDER, 0));
	bench_receive(bench, "\x01", "one", 0);
}

static void end(void)
{
	struct services *services = (struct services *)(uintptr_t)bench->engine.services;

	bench_free(bench);
	services_free(services);
}

/* ---- cases ---- */

static void decides(void)
{
	begin(REVOCATION_STRICT, 0, NULL);
	CU_ASSERT(last == STEP_OK && bench->sent_count == 1);
	CU_ASSERT(fake.seen.chain == &chain && fake.seen.policy == REVOCATION_STRICT && fake.seen.crl_urls[0] == crl_urls[0] && !fake.seen.ocsp_urls);
	CU_ASSERT(fake.seen.other_count == 2 && fake.seen.now > 1700000000 && !fake.seen.is_last);
	/* The peer's do not push out ours. */
	CU_ASSERT(fake.first_other == &anchor);
	end();
	begin(REVOCATION_IF_POSSIBLE, FAULT_CRYPTO, "revoked-by-crl");
	CU_ASSERT(last == STEP_DROP && strcmp(bench->code, "revoked-by-crl") == 0);
	end();
	/* Not known, but let pass. */
	begin(REVOCATION_IF_POSSIBLE, 0, "crl-expired");
	CU_ASSERT(last == STEP_OK && bench->failures == 0);
	end();
}

static void does_not_ask(void)
{
	begin(REVOCATION_OFF, FAULT_CRYPTO, "revoked-by-crl");
	CU_ASSERT(last == STEP_OK && fake.checks == 0);
	end();
	/* A pinned certificate, or one that is an anchor itself. */
	begin(REVOCATION_OFF, 0, NULL);
	ca.revocation = REVOCATION_STRICT;
	chain.count = 1;
	bench_receive(bench, "\x01", "two", 0);
	CU_ASSERT(last == STEP_OK && fake.checks == 0);
	end();
}

static void waits(void)
{
	begin(REVOCATION_STRICT, CHECK_WAITS, NULL);
	CU_ASSERT(last == STEP_WAIT && bench->sent_count == 0 && bench_exchange(bench)->is_waiting);
	/* News that do not decide it. */
	fake_news();
	bench_run(bench, 10);
	CU_ASSERT(last == STEP_WAIT && fake.checks == 2);
	fake.result = 0;
	fake_news();
	bench_run(bench, 10);
	CU_ASSERT(last == STEP_OK && fake.checks == 3 && bench->sent_count == 1);
	/* The time is of no interest any more. */
	bench_run(bench, CERT_CHECK_SECONDS * 1000);
	CU_ASSERT(fake.checks == 3 && fake.forgets == 0);
	end();
}

static void gives_up(void)
{
	begin(REVOCATION_STRICT, CHECK_WAITS, "revocation-timeout");
	bench_run(bench, CERT_CHECK_SECONDS * 1000 - 500);
	CU_ASSERT(fake.checks == 1 && bench_exchange(bench)->is_waiting);
	/* News do not begin the time anew. */
	fake_news();
	bench_run(bench, 100);
	CU_ASSERT_EQUAL(fake.checks, 2);
	bench_run(bench, 500);
	CU_ASSERT(fake.checks == 3 && fake.forgets == 1 && fake.seen.is_last && !fake.seen.waiter);
	CU_ASSERT(last == STEP_DROP && strcmp(bench->code, "revocation-timeout") == 0);
	end();
	/* Of the same place something else is heard, as the peer repeats itself. */
	begin(REVOCATION_STRICT, CHECK_WAITS, "revocation-timeout");
	bench_run(bench, CERT_CHECK_SECONDS * 1000 + 100);
	fake.result = FAULT_CRYPTO;
	fake.code = "revocation-unreachable";
	bench_receive(bench, "\x01", "one", 0);
	CU_ASSERT(last == STEP_DROP && strcmp(bench->code, "revocation-timeout") == 0);
	fake.code = "revoked-by-crl";
	bench_receive(bench, "\x01", "one", 0);
	CU_ASSERT(last == STEP_DROP && strcmp(bench->code, "revoked-by-crl") == 0);
	fake.result = 0;
	bench_receive(bench, "\x01", "one", 0);
	CU_ASSERT_EQUAL(last, STEP_OK);
	end();
	/* The news are on their way as the time ends. */
	begin(REVOCATION_STRICT, CHECK_WAITS, "revocation-timeout");
	fake.is_late = true;
	bench_run(bench, CERT_CHECK_SECONDS * 1000 + 100);
	CU_ASSERT(fake.checks == 1 && fake.forgets == 1);
	fake_news();
	bench_run(bench, 10);
	CU_ASSERT(fake.checks == 2 && fake.seen.is_last && last == STEP_DROP);
	end();
}

static void ends_meanwhile(void)
{
	/* Given back, or told later: to nobody. */
	for (unsigned late = 0; late < 2; late++) {
		begin(REVOCATION_STRICT, CHECK_WAITS, NULL);
		fake.is_late = late;
		exchange_end(bench_exchange(bench));
		CU_ASSERT(fake.forgets == 1 && fake.checks == 1);
		if (late)
			fake_news();
		bench_run(bench, 2 * CERT_CHECK_SECONDS * 1000);
		CU_ASSERT_EQUAL(fake.checks, 1);
		end();
	}
}

static const struct unit_case cases[] = {
	{ "what the check says is the step's verdict", decides },
	{ "nothing is asked where revocation is off or nobody has issued the certificate", does_not_ask },
	{ "a step waits and asks again when there is news", waits },
	{ "it does not wait longer than it should", gives_up },
	{ "an exchange may end while it waits", ends_meanwhile },
};

UNIT_MAIN("revocation", cases)
