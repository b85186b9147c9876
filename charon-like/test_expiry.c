/* SPDX-License-Identifier: MIT */
/* test_expiry.c - what is said of the certificates of a whole configuration. */
#include "expiry.h"

#include "test_settings.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 */
enum { DAY = 24 * 60 * 60 };

static const char text[] = "keyferry\n connection name=a\n  local address=192.0.2.1 key=left.key cert=left.pem\n  remote address=192.0.2.9\n"
			   "  phase1 auth=signature\n  child name=b\n"
			   " connection name=c\n  local address=192.0.2.1 key=left.key cert=left.pem\n  remote address=192.0.2.8 cert=right.pem\n"
			   "  phase1 auth=signature\n  child name=d\n"
			   " ca name=corp file=corp.pem\n";

static void begin(struct run *run, struct services *services)
{
	run_with(run, text, services);
	CU_ASSERT_PTR_NOT_NULL_FATAL(run->settings);
}

/* The same certificates were read for each connection that names them. */
static void set(struct run *run, int64_t own, int64_t peer, int64_t authority)
{
	for (size_t i = 0; i < settings_connection_count(run->settings); i++) {
		const struct connection_settings *c = settings_connection_at(run->settings, i);

		c->certs.at[0]->not_after = own;
		if (c->remote_cert)
			c->remote_cert->not_after = peer;
		c->cas[0]->certs.at[0]->not_after = authority;
	}
}

static size_t lines_of(const struct run *run)
{
	size_t lines = 0;

	for (const char *at = run->log.text; (at = strstr(at, "cert-expires")); at++)
		lines++;
	return lines;
}

static void warnings(void)
{
	struct services *services = fake_services();
	struct run run;

	begin(&run, services);
	set(&run, NOW + 100 * DAY, NOW + 200 * DAY, NOW + 300 * DAY);
	expiry_say(run.settings, NOW, log_root(run.log.log));
	CU_ASSERT_EQUAL(lines_of(&run), 0);
	set(&run, NOW + 10 * DAY, NOW + 200 * DAY, NOW - 1);
	expiry_say(run.settings, NOW, log_root(run.log.log));
	CU_ASSERT_EQUAL(lines_of(&run), 2);
	CU_ASSERT(kept_log_has(&run.log, "warn  cert-expires: "));
	CU_ASSERT(kept_log_has(&run.log, "t.conf:2: our certificate: certificate CN=left (serial ) expires on 2026-01-11 00:00:00 UTC, in 10 days; renew it before"));
	CU_ASSERT(kept_log_has(&run.log, "error cert-expires: "));
	CU_ASSERT(kept_log_has(&run.log, "t.conf:12: authority: certificate CN=corp (serial ) expired on 2025-12-31 23:59:59 UTC"));
	/* A day later again. */
	expiry_say(run.settings, NOW + DAY, log_root(run.log.log));
	CU_ASSERT_EQUAL(lines_of(&run), 4);
	CU_ASSERT(kept_log_has(&run.log, "in 9 days"));
	run_end(&run);
	services_free(services);
}

static void list(void)
{
	struct services *services = fake_services();
	struct run run;
	char *out = NULL;
	size_t size;

	begin(&run, services);
	set(&run, NOW + 10 * DAY, NOW + 20 * DAY, NOW + 30 * DAY);
	FILE *file = open_memstream(&out, &size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	expiry_list(run.settings, NOW, file);
	fclose(file);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "t.conf:2: our certificate CN=left (serial ): valid until 2026-01-11 00:00:00 UTC, 10 days left\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "t.conf:7: the peer's certificate CN=right (serial ): valid until 2026-01-21 00:00:00 UTC, 20 days left\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "t.conf:12: authority CN=corp (serial ): valid until 2026-01-31 00:00:00 UTC, 30 days left\n"));
	size_t lines = 0;
	for (const char *at = out; *at; at++)
		lines += *at == '\n';
	CU_ASSERT_EQUAL(lines, 3);
	free(out);
	run_end(&run);
	services_free(services);
}

static const struct unit_case cases[] = {
	{ "each certificate that expires soon is told of once, and again the next day", warnings },
	{ "all certificates are listed with the time that they have left", list },
};

int main(void)
{
	files_make();
	secret_file("left.key", "1 left\n", 0600);
	secret_file("left.pem", "1 left\n", 0644);
	secret_file("right.pem", "1 right\n", 0644);
	secret_file("corp.pem", "1 corp\n", 0644);
	int status = unit_run("expiry", cases, COUNT(cases));
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}
