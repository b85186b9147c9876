/* SPDX-License-Identifier: MIT */
/* test_fit.c - what a kernel service cannot do is left out, or refused where nothing is left. */
#include "fit.h"

#include "test_settings.h"

/* One whose features are those of `features`, and that lacks Camellia and MD5. */
static bool fake_lacks(void *state, const struct esp_transform *t, char why[WHY_MAX])
{
	enum { ESP_CAMELLIA = 22, AUTH_MD5 = 1 };

	(*(unsigned *)state)++;
	snprintf(why, WHY_MAX, "the kernel lacks %s (load module m)", t->id == ESP_CAMELLIA ? "Camellia-CBC" : "HMAC-MD5");
	return t->id == ESP_CAMELLIA || t->auth == AUTH_MD5;
}

struct fixture {
	struct run run;
	struct kernel_ipsec ops;
	struct provider kernel;
	struct kept_log log;
	unsigned asked;
	int fault;
};

static const struct esp_transforms *fit(struct fixture *f, const char *child, uint32_t features)
{
	char text[512];

	*f = (struct fixture){ .ops = { .name = "fake", .features = features, .lacks = fake_lacks } };
	f->kernel = (struct provider){ .ops = &f->ops, .state = &f->asked, .key = "fake", .plugin = "kernel-fake" };
	snprintf(text, sizeof(text), "keyferry\n connection name=a\n" REMOTE "  child name=b %s\n psk ids=0.0.0.0/0 file=long.psk\n", child);
	struct settings *s = run_good(&f->run, text);
	const struct log_context *log = kept_log_open(&f->log);
	log_set_level(f->log.log, LEVEL_INFO);
	f->fault = fit_settings(s, &f->kernel, log);
	return &settings_connection_at(s, 0)->children[0].proposals;
}

static void fit_end(struct fixture *f)
{
	run_end(&f->run);
	kept_log_close(&f->log);
}

static void what_it_can_is_left_alone(void)
{
	struct fixture f;

	CU_ASSERT_EQUAL(fit(&f, "proposals=aes128-sha256,aes256gcm16", 0)->count, 2);
	CU_ASSERT(f.fault == 0 && f.asked == 2 && f.log.used == 0);
	fit_end(&f);
}

static void what_it_lacks_is_left_out_and_said_once(void)
{
	struct fixture f;
	const struct esp_transforms *left = fit(&f, "proposals=camellia128-sha256,aes128-sha256,camellia256-sha1,aes128-md5", 0);

	CU_ASSERT(f.fault == 0 && f.log.errors == 0);
	CU_ASSERT_EQUAL_FATAL(left->count, 1);
	CU_ASSERT_EQUAL(left->at[0].id, 12);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.log.text, "t.conf:4: <child>: proposals that cannot be installed are left out: the kernel lacks Camellia-CBC "
				      "(load module m): camellia128-sha256, camellia256-sha1; the kernel lacks HMAC-MD5 (load module m): "
				      "aes128-md5\n"));
	fit_end(&f);
}

static void where_nothing_is_left_it_is_refused(void)
{
	struct fixture f;

	(void)fit(&f, "proposals=camellia128-sha256", 0);
	CU_ASSERT_EQUAL(f.fault, FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.log.text, "t.conf:4: <child>: none of its proposals can be installed: the kernel lacks Camellia-CBC "
				      "(load module m): camellia128-sha256\n"));
	fit_end(&f);
}

static void features_count_as_algorithms_do(void)
{
	struct fixture f;

	CU_ASSERT_EQUAL(fit(&f, "proposals=aes128-sha256-esn,aes128-sha256", 0)->count, 1);
	CU_ASSERT(f.fault == 0 && kept_log_has(&f.log, "kernel service fake has no extended sequence numbers: aes128-sha256-esn"));
	fit_end(&f);
	CU_ASSERT_EQUAL(fit(&f, "proposals=aes128-sha256-esn,aes128-sha256", KERNEL_ESN)->count, 2);
	fit_end(&f);
	(void)fit(&f, "protocol=ah proposals=sha256", KERNEL_ESN);
	CU_ASSERT_EQUAL(f.fault, FAULT_INPUT);
	CU_ASSERT(kept_log_has(&f.log, "none of its proposals can be installed: kernel service fake has no AH, which kernel-xfrm has: AH sha256"));
	fit_end(&f);
	CU_ASSERT_EQUAL(fit(&f, "protocol=ah proposals=sha256", KERNEL_AH)->count, 1);
	fit_end(&f);
	(void)fit(&f, "compress=yes", KERNEL_ESN);
	CU_ASSERT_EQUAL(f.fault, FAULT_INPUT);
	CU_ASSERT(kept_log_has(&f.log, "t.conf:4: <child>: kernel service fake has no IPComp, which kernel-xfrm has\n"));
	fit_end(&f);
	(void)fit(&f, "mode=transport", KERNEL_ESN);
	CU_ASSERT_EQUAL(f.fault, FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.log.text, "t.conf:4: <child>: kernel service fake has no transport mode\n"));
	fit_end(&f);
	(void)fit(&f, "mode=transport", KERNEL_TRANSPORT);
	CU_ASSERT_EQUAL(f.fault, 0);
	fit_end(&f);
}

static void shunts_need_a_service_that_has_them(void)
{
	struct fixture f;
	struct run run;
	struct settings *s = run_good(&run, "keyferry\n shunt name=a action=drop remote=10.0.0.0/8\n");

	(void)fit(&f, "mode=tunnel", 0);
	CU_ASSERT_EQUAL(fit_settings(s, &f.kernel, log_root(f.log.log)), FAULT_INPUT);
	CU_ASSERT(kept_log_has(&f.log, "t.conf:2: <shunt>: kernel service fake has no shunts"));
	f.ops.features = KERNEL_SHUNT;
	CU_ASSERT_EQUAL(fit_settings(s, &f.kernel, log_root(f.log.log)), 0);
	run_end(&run);
	fit_end(&f);
}

static void what_only_the_kernel_does_is_refused_by_name(void)
{
	static const char *const asked[] = { "mark=1", "if-id=1", "offload=auto", "priority=1", "copy-dscp=no", "copy-ecn=no", "copy-df=no",
					     "routes=no" };
	struct fixture f;

	for (size_t i = 0; i < COUNT(asked); i++) {
		char text[128];

		snprintf(text, sizeof(text), "kernel service fake does not heed %.*s; leave it out", (int)strcspn(asked[i], "="), asked[i]);
		(void)fit(&f, asked[i], 0);
		CU_ASSERT(f.fault == FAULT_INPUT && kept_log_has(&f.log, text));
		fit_end(&f);
		(void)fit(&f, asked[i], KERNEL_OPTIONS);
		CU_ASSERT_EQUAL(f.fault, 0);
		fit_end(&f);
	}
	(void)fit(&f, "mtu=1300 routes=no", KERNEL_OPTIONS);
	CU_ASSERT(f.fault == FAULT_INPUT && kept_log_has(&f.log, "t.conf:4: <child>: mtu is that of a route with kernel service fake"));
	fit_end(&f);
}

static void without_a_service_nothing_is_refused(void)
{
	struct fixture f;

	(void)fit(&f, "proposals=camellia128-sha256", 0);
	CU_ASSERT_EQUAL(fit_settings(f.run.settings, NULL, log_root(f.log.log)), 0);
	fit_end(&f);
}

static const struct unit_case cases[] = {
	{ "what the service can is left alone", what_it_can_is_left_alone },
	{ "what it lacks is left out, and said once", what_it_lacks_is_left_out_and_said_once },
	{ "where nothing is left the child is refused with place, algorithm and module", where_nothing_is_left_it_is_refused },
	{ "features of the service count as algorithms do", features_count_as_algorithms_do },
	{ "shunts need a service that has them", shunts_need_a_service_that_has_them },
	{ "what only the kernel does is refused by its name", what_only_the_kernel_does_is_refused_by_name },
	{ "without a service nothing is refused", without_a_service_nothing_is_refused },
};

int main(void)
{
	return settings_tests("fit", cases, COUNT(cases));
}
