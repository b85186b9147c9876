/* SPDX-License-Identifier: MIT */
/* test_shunts.c - shunts as policies: what is installed, what a reload touches, and in which order. */
#include "shunts.h"

#include "test_settings.h"

/* ---- a kernel service that writes down what it is told ---- */

static char done[1024];
static int refused;                /* the next of these calls that install */
static uint32_t dropping;

static int fake_add(void *state, const struct ipsec_policy *policy)
{
	char remote[SELECTOR_TEXT_MAX];
	size_t used = strlen(done);

	(void)state;
	dropping = policy->action == IPSEC_DROP ? policy->child : dropping;
	snprintf(done + used, sizeof(done) - used, "%s %s%s; ", policy->action == IPSEC_DROP ? "drop" : "bypass",
		 selector_text(remote, &policy->remote_ts), refused > 0 ? " refused" : "");
	return refused-- > 0 ? FAULT_EXISTS : 0;
}

static int fake_delete(void *state, uint32_t id)
{
	size_t used = strlen(done);

	(void)state, (void)id;
	snprintf(done + used, sizeof(done) - used, "gone; ");
	return 0;
}

static int fake_dropped(void *state, uint32_t id, uint64_t *out)
{
	(void)state;
	*out = 7;
	return id == dropping ? 0 : FAULT_NOT_FOUND;
}

struct fixture {
	struct kept_log log;
	struct kernel_ipsec ops;
	struct provider kernel;
	struct engine engine;
	struct shunts *shunts;
};

static void fixture_open(struct fixture *f)
{
	*f = (struct fixture){ .ops = { .name = "fake", .policy_add = fake_add, .policy_delete = fake_delete, .policy_dropped = fake_dropped } };
	f->engine.log = kept_log_open(&f->log);
	f->kernel = (struct provider){ .ops = &f->ops, .key = "fake", .plugin = "kernel-fake" };
	f->engine.kernel = &f->kernel;
	f->shunts = shunts_new(&f->engine);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->shunts);
	refused = 0;
	done[0] = '\0';
}

static void fixture_close(struct fixture *f)
{
	shunts_free(f->shunts);
	kept_log_close(&f->log);
}

/* Whether the lines of shunts do this when they are the configuration. */
static bool does(struct fixture *f, const char *lines, const char *expected)
{
	char text[1024];
	struct run run;

	done[0] = '\0';
	snprintf(text, sizeof(text), "keyferry\n%s", lines);
	CU_ASSERT_EQUAL(shunts_install(f->shunts, run_good(&run, text)), 0);
	run_end(&run);
	shunts_sweep(f->shunts);
	if (strcmp(done, expected) != 0)
		printf("expected: %s\nwas:      %s\n", expected, done);
	return strcmp(done, expected) == 0;
}

#define LAN " shunt name=lan action=bypass local=10.1.0.0/16 remote=10.1.0.0/16\n"
#define SSH " shunt name=ssh action=drop remote=10.2.0.0/16[tcp/22]\n"

/* ---- cases ---- */

static void a_reload_touches_what_changed(void)
{
	struct fixture f;

	fixture_open(&f);
	CU_ASSERT(does(&f, LAN SSH, "bypass 10.1.0.0/16; drop 10.2.0.0/16[tcp/22]; "));
	CU_ASSERT(does(&f, LAN SSH, ""));
	CU_ASSERT(does(&f, SSH LAN, ""));
	CU_ASSERT(does(&f, LAN " shunt name=ssh action=bypass remote=10.2.0.0/16[tcp/22]\n", "bypass 10.2.0.0/16[tcp/22]; "));
	/* What comes stands before what goes has gone. */
	CU_ASSERT(does(&f, LAN " shunt name=all action=drop remote=0.0.0.0/0\n", "drop 0.0.0.0/0; gone; "));
	CU_ASSERT(does(&f, "", "gone; gone; "));
	fixture_close(&f);
}

static void a_configuration_taken_back_leaves_all_as_it_was(void)
{
	struct fixture f;
	struct run old, new;

	fixture_open(&f);
	struct settings *first = run_good(&old, "keyferry\n" LAN), *second = run_good(&new, "keyferry\n" SSH);
	CU_ASSERT(shunts_install(f.shunts, first) == 0 && shunts_install(f.shunts, second) == 0 && shunts_install(f.shunts, first) == 0);
	shunts_sweep(f.shunts);
	CU_ASSERT_STRING_EQUAL(done, "bypass 10.1.0.0/16; drop 10.2.0.0/16[tcp/22]; bypass 10.1.0.0/16; gone; ");
	run_end(&old);
	run_end(&new);
	fixture_close(&f);
}

static void what_is_refused_is_said_and_tried_again(void)
{
	struct fixture f;
	struct shunt_status shunt;

	fixture_open(&f);
	refused = 1;
	CU_ASSERT(does(&f, LAN, "bypass 10.1.0.0/16 refused; "));
	CU_ASSERT(kept_log_has(&f.log, "shunt lan is not in force: the kernel service has said why"));
	CU_ASSERT(shunts_at(f.shunts, 0, &shunt) && !shunt.is_installed);
	CU_ASSERT(does(&f, LAN, "bypass 10.1.0.0/16; "));
	CU_ASSERT(shunts_at(f.shunts, 0, &shunt) && shunt.is_installed && !shunt.is_counted);
	CU_ASSERT_FALSE(shunts_at(f.shunts, 1, &shunt));
	CU_ASSERT(does(&f, SSH, "drop 10.2.0.0/16[tcp/22]; gone; "));
	CU_ASSERT(shunts_at(f.shunts, 0, &shunt) && shunt.is_counted && shunt.dropped == 7);
	fixture_close(&f);
}

static void without_a_kernel_service_it_is_said(void)
{
	struct fixture f;

	fixture_open(&f);
	f.engine.kernel = NULL;
	CU_ASSERT(does(&f, LAN, ""));
	CU_ASSERT(kept_log_has(&f.log, "shunt lan is not in force: there is no kernel service"));
	fixture_close(&f);
}

static void what_is_not_said_of_us_is_everything(void)
{
	struct run run;
	struct settings *s = run_good(&run, "keyferry\n shunt name=a action=drop remote=2001:db8::/32\n" LAN);
	const struct shunt_settings *shunt = settings_shunt_at(s, 0);
	char text[SELECTOR_TEXT_MAX];

	CU_ASSERT_EQUAL(settings_shunt_count(s), 2);
	CU_ASSERT(shunt->is_drop && !settings_shunt_at(s, 1)->is_drop);
	CU_ASSERT_STRING_EQUAL(selector_text(text, &shunt->local), "::/0");
	CU_ASSERT_PTR_NULL(settings_shunt_at(s, 2));
	run_end(&run);
}

static const struct unit_case cases[] = {
	{ "a reload touches what has changed, and adds before it removes", a_reload_touches_what_changed },
	{ "a configuration that is taken back leaves all as it was", a_configuration_taken_back_leaves_all_as_it_was },
	{ "a shunt that is refused is said to be, and tried again", what_is_refused_is_said_and_tried_again },
	{ "without a kernel service a shunt is said not to be in force", without_a_kernel_service_it_is_said },
	{ "a local end that is not said is everything of the remote one's family", what_is_not_said_of_us_is_everything },
};

int main(void)
{
	return settings_tests("shunts", cases, COUNT(cases));
}
