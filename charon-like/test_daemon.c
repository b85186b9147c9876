/* SPDX-License-Identifier: MIT */
/*
 * test_daemon.c - whole daemons in this process: starts that fail and say why, and one that runs, is asked and ends. The latter
 * need the plugins of the build (TOP_BUILDDIR/.libs) and are left out without them; none needs root or a network.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "control_client.h"
#include "daemon.h"
#include "net.h"
#include "status_text.h"
#include "unit.h"

static char logged[16384];

static void log_sink(void *arg, enum log_level level, const char *line)
{
	size_t used = strlen(logged);

	(void)arg;
	(void)level;
	snprintf(logged + used, sizeof(logged) - used, "%s\n", line);
}

static bool was_logged(const char *text)
{
	return strstr(logged, text) != NULL;
}

/* A folder of its own, with what a daemon has. */
struct fixture {
	char folder[64];
	char config[128], psk[128], psk2[128], pid_file[128], control[128], plugins[512];
	bool has_plugins;
	struct daemon_options options;
	uint16_t port;
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT(fputs(text, file) >= 0);
	fclose(file);
	CU_ASSERT(chmod(path, 0600) == 0);
}

static const char configuration[] =
	"<keyferry xmlns=\"urn:keyferry:1\">\n"
	"  <daemon port=\"%u\" nat-port=\"%u\" shards=\"2\" skip-plugins=\"kernel-net kernel-tun kernel-xfrm\"%s/>\n"
	"  <connection name=\"office\" keep=\"passive\">\n"
	"    <local address=\"127.0.0.1\" id=\"left.example\"/>\n"
	"    <remote address=\"127.0.0.2\" id=\"right.example\"/>\n"
	"    <phase1 mode=\"main\" auth=\"psk\" proposals=\"aes128-sha256-modp2048\"/>\n"
	"    <child name=\"lan\" local=\"10.1.0.0/16\" remote=\"10.2.0.0/16\" proposals=\"aes128gcm16\"/>\n"
	"  </connection>\n"
	"  <psk ids=\"left.example right.example 127.0.0.1 127.0.0.2\" file=\"office.psk\"/>\n"
	"%s</keyferry>\n";

static void write_config(const struct fixture *f, const char *more, const char *of_daemon)
{
	char text[2048];

	snprintf(text, sizeof(text), configuration, f->port, f->port + 1, of_daemon, more);
	write_file(f->config, text);
}

static bool has_file(const char *folder, const char *name)
{
	char path[640];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, R_OK) == 0;
}

static void fixture_open(struct fixture *f)
{
	const char *build = getenv("TOP_BUILDDIR");

	*f = (struct fixture){ .folder = "/tmp/keyferry-test-XXXXXX" };
	logged[0] = '\0';
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->folder));
	snprintf(f->config, sizeof(f->config), "%s/keyferry.xml", f->folder);
	snprintf(f->psk, sizeof(f->psk), "%s/office.psk", f->folder);
	snprintf(f->psk2, sizeof(f->psk2), "%s/branch.psk", f->folder);
	snprintf(f->pid_file, sizeof(f->pid_file), "%s/run/pid", f->folder);
	snprintf(f->control, sizeof(f->control), "%s/run/control", f->folder);
	snprintf(f->plugins, sizeof(f->plugins), "%s/.libs", build ? build : ".");
	f->has_plugins = has_file(f->plugins, "config-xml.so") && has_file(f->plugins, "exchange-main.so") &&
			 has_file(f->plugins, "auth-psk.so") && has_file(f->plugins, "crypto-gnutls.so");
	/* Away from the ports that the system hands out. */
	f->port = (uint16_t)(20000 + getpid() % 10000);
	write_config(f, "", "");
	write_file(f->psk, "not a secret\n");
	f->options = (struct daemon_options){
		.load = { .config_file = f->config, .plugin_dir = f->has_plugins ? f->plugins : NULL },
		.pid_file = f->pid_file, .control_path = f->control, .log_level = LEVEL_DEBUG,
		.log = { .level = LEVEL_DEBUG, .fd = -1, .sink = log_sink },
	};
}

static void fixture_close(struct fixture *f)
{
	char run[128];

	snprintf(run, sizeof(run), "%s/run", f->folder);
	unlink(f->config);
	unlink(f->psk);
	unlink(f->psk2);
	/* Whatever was in there is gone, or this fails. */
	(void)!rmdir(run);
	CU_ASSERT(rmdir(f->folder) == 0);
}

static void *run_daemon(void *daemon)
{
	CU_ASSERT(daemon_run(daemon) == 0);
	return NULL;
}

/* ---- starts that fail ---- */

static void missing_config_is_told(void)
{
	struct fixture f;
	struct daemon *daemon;

	fixture_open(&f);
	unlink(f.config);
	CU_ASSERT(daemon_new(&daemon, &f.options) == FAULT_NOT_FOUND);
	CU_ASSERT(was_logged("there is no configuration /tmp/keyferry-test-") && was_logged("--config"));
	fixture_close(&f);
}

static void missing_reader_is_told(void)
{
	struct fixture f;
	struct daemon *daemon;

	fixture_open(&f);
	f.options.load.plugin_dir = NULL;
	CU_ASSERT(daemon_new(&daemon, &f.options) == FAULT_UNSUPPORTED);
	CU_ASSERT(was_logged("no plugin reads /tmp/keyferry-test-") && was_logged("config-xml.so"));
	f.options.load.plugin_dir = "/nowhere/at/all";
	CU_ASSERT(daemon_new(&daemon, &f.options) == FAULT_SYSTEM);
	CU_ASSERT(was_logged("/nowhere/at/all"));
	fixture_close(&f);
}

static void second_daemon_is_refused(void)
{
	struct fixture f;
	struct daemon *first, *second;

	fixture_open(&f);
	if (f.has_plugins) {
		CU_ASSERT_FATAL(daemon_new(&first, &f.options) == 0);
		CU_ASSERT(daemon_new(&second, &f.options) == FAULT_EXISTS);
		CU_ASSERT(was_logged("another keyferryd runs already: process ") && was_logged("/run/pid"));
		daemon_free(first);
	}
	fixture_close(&f);
}

static void port_in_use_ends_start(void)
{
	struct fixture f;
	struct daemon *daemon;
	struct net *net;
	struct log *log = log_new(&(struct log_options){ .fd = -1 });

	fixture_open(&f);
	if (f.has_plugins) {
		CU_ASSERT_FATAL(net_new(&net, &(struct net_options){ f.port, (uint16_t)(f.port + 1), true, false }, log_root(log)) == 0);
		CU_ASSERT(daemon_new(&daemon, &f.options) == FAULT_SYSTEM);
		CU_ASSERT(was_logged("is in use: another IKE daemon? `ss -ulpn sport = :"));
		net_free(net);
	}
	log_free(log);
	fixture_close(&f);
}

static void faulty_config_ends_start(void)
{
	struct fixture f;
	struct daemon *daemon;

	fixture_open(&f);
	if (f.has_plugins) {
		write_config(&f, "  <conection name=\"x\"/>\n", "");
		CU_ASSERT(daemon_new(&daemon, &f.options) == FAULT_INPUT);
		CU_ASSERT(was_logged("keyferry.xml:10: <conection>"));
	}
	fixture_close(&f);
}

/* ---- one that runs ---- */

static char answered[65536];

static void take_line(void *arg, const char *line)
{
	size_t used = strlen(answered);

	(void)arg;
	snprintf(answered + used, sizeof(answered) - used, "%s\n", line);
}

/* As people see it. */
static void take_data(void *arg, const json_t *data)
{
	size_t used = strlen(answered);
	FILE *out = fmemopen(answered + used, sizeof(answered) - used, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	if (strcmp(arg, "status") == 0)
		status_print(out, data);
	else if (strcmp(arg, "plugins") == 0)
		plugins_print(out, data);
	else
		version_print(out, data);
	fclose(out);
}

static int ask(const struct fixture *f, const char *command, const char *argument, char error[CLIENT_ERROR_MAX])
{
	struct client_answers answers = { take_line, take_data, (void *)(uintptr_t)command };
	json_t *request = argument ? json_pack("{s:s, s:[s], s:i}", "command", command, "arguments", argument, "timeout", 20) :
			  json_pack("{s:s}", "command", command);
	int fault;

	answered[0] = '\0';
	fault = client_ask(f->control, request, &answers, error);
	json_decref(request);
	return fault;
}

static void talk_of_secrets(const struct fixture *f)
{
	char error[CLIENT_ERROR_MAX];

	CU_ASSERT(chmod(f->psk, 0644) == 0);
	CU_ASSERT(ask(f, "reload", "secrets", error) == FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "office.psk has mode 0644, so others can read or change it"));
	CU_ASSERT_STRING_EQUAL(error, "the secrets were not changed: what is wrong stands above");
	CU_ASSERT(unlink(f->psk) == 0);
	CU_ASSERT(ask(f, "reload", "secrets", error) == FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "office.psk: No such file"));
	write_file(f->psk, "not the same secret\n");
	CU_ASSERT(ask(f, "reload", "secrets", error) == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "the secrets were read again"));
}

static void talk_to_daemon(const struct fixture *f)
{
	char error[CLIENT_ERROR_MAX];

	CU_ASSERT(ask(f, "version", NULL, error) == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "keyferryd " PACKAGE_VERSION));
	CU_ASSERT(ask(f, "status", NULL, error) == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "office: down, keep passive, main psk, 127.0.0.1 ... 127.0.0.2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "kernel service missing: phase 1 only"));
	CU_ASSERT(ask(f, "plugins", NULL, error) == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "config-xml"));
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, " aes128-cbc["));
	CU_ASSERT(ask(f, "down", "office", error) == FAULT_INPUT);
	CU_ASSERT_STRING_EQUAL(error, "nothing of office is up");
	CU_ASSERT(ask(f, "up", "offise", error) == FAULT_INPUT);
	CU_ASSERT_STRING_EQUAL(error, "there is no connection \"offise\"; did you mean \"office\"?");
	/* Broken: the old stays, and with it what names the secrets. */
	write_config(f, "  <psk/>\n", "");
	talk_of_secrets(f);
	CU_ASSERT(ask(f, "reload", NULL, error) == FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "keyferry.xml:10: <psk>"));
	CU_ASSERT(ask(f, "status", "office", error) == 0);
	write_config(f, "  <!-- fine -->\n", "");
	CU_ASSERT(ask(f, "reload", NULL, error) == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answered, "was read again: 1 connection"));
}

static void daemon_runs_and_ends(void)
{
	struct fixture f;
	struct daemon *daemon;
	char error[CLIENT_ERROR_MAX];
	pthread_t thread;

	fixture_open(&f);
	CU_ASSERT(ask(&f, "status", NULL, error) == FAULT_NOT_FOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "keyferryd does not run") && strstr(error, "start it with `keyferryd`"));
	if (f.has_plugins && daemon_new(&daemon, &f.options) == 0) {
		CU_ASSERT(was_logged("there is no kernel service: install kernel-xfrm.so or kernel-tun.so; phase 1 only"));
		CU_ASSERT(was_logged("is ready: 1 connection, UDP ports"));
		CU_ASSERT(pthread_create(&thread, NULL, run_daemon, daemon) == 0);
		talk_to_daemon(&f);
		daemon_stop(daemon);
		pthread_join(thread, NULL);
		daemon_free(daemon);
		CU_ASSERT(access(f.control, F_OK) != 0 && access(f.pid_file, F_OK) != 0);
	} else {
		CU_ASSERT(!f.has_plugins);
	}
	fixture_close(&f);
}

/* ---- files that change ---- */

enum { NOTICE_SECONDS = 20 };

/* Whether the answer to `status` comes to have this text. */
static bool comes_to_say(const struct fixture *f, const char *text)
{
	char error[CLIENT_ERROR_MAX];

	for (unsigned i = 0; i < NOTICE_SECONDS * 10; i++) {
		if (ask(f, "status", NULL, error) == 0 && strstr(answered, text))
			return true;
		usleep(100 * 1000);
	}
	return false;
}

static bool comes_to_log(const char *text)
{
	for (unsigned i = 0; i < NOTICE_SECONDS * 10 && !was_logged(text); i++)
		usleep(100 * 1000);
	return was_logged(text);
}

static void change_files(const struct fixture *f)
{
	char error[CLIENT_ERROR_MAX];

	/* It was not asked for at start. */
	write_config(f, "", " watch=\"yes\"");
	CU_ASSERT(ask(f, "reload", NULL, error) == 0);
	write_config(f, "  <psk/>\n", " watch=\"yes\"");
	CU_ASSERT(comes_to_log("the configuration is the one from before"));
	CU_ASSERT(was_logged("keyferry.xml has changed: the configuration is read again"));
	write_config(f, "  <connection name=\"branch\"><remote address=\"127.0.0.3\"/><child name=\"lan\"/></connection>\n"
			"  <psk ids=\"127.0.0.3\" file=\"branch.psk\"/>\n", " watch=\"yes\"");
	/* Its secret is missing, and watched for all the same. */
	CU_ASSERT(comes_to_log("branch.psk: No such file"));
	write_file(f->psk2, "not a secret either\n");
	CU_ASSERT(comes_to_say(f, "branch: down"));
}

static void files_are_watched(void)
{
	struct fixture f;
	struct daemon *daemon;
	pthread_t thread;

	fixture_open(&f);
	f.options.log_level = LEVEL_INFO;
	if (f.has_plugins) {
		CU_ASSERT_FATAL(daemon_new(&daemon, &f.options) == 0);
		CU_ASSERT(pthread_create(&thread, NULL, run_daemon, daemon) == 0);
		change_files(&f);
		daemon_stop(daemon);
		pthread_join(thread, NULL);
		daemon_free(daemon);
	}
	fixture_close(&f);
}

static void check_says_fine(void)
{
	struct fixture f;
	struct log *log;
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	fixture_open(&f);
	log = log_new(&f.options.log);
	if (f.has_plugins) {
		CU_ASSERT(check_config(&f.options.load, log, out) == 0);
		fflush(out);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "/keyferry.xml: 1 connection, fine\n"));
		write_config(&f, "  <psk/>\n", "");
		CU_ASSERT(check_config(&f.options.load, log, out) == FAULT_INPUT);
		write_config(&f, "  <plugin name=\"exchange-mian\" a=\"b\"/>\n", "");
		CU_ASSERT(check_config(&f.options.load, log, out) == 0);
		CU_ASSERT(was_logged("keyferry.xml") && was_logged("there is no plugin 'exchange-mian'; did you mean 'exchange-main'?"));
	}
	fclose(out);
	log_free(log);
	fixture_close(&f);
}

static const struct unit_case cases[] = {
	{ "a missing configuration is told with the option that names another", missing_config_is_told },
	{ "a configuration that no plugin reads is told with the plugin to install", missing_reader_is_told },
	{ "a second daemon with the same files is refused and the first is named", second_daemon_is_refused },
	{ "a port in use ends the start", port_in_use_ends_start },
	{ "a faulty configuration ends the start with file and line", faulty_config_ends_start },
	{ "a daemon runs, answers, reloads all or secrets alone, and leaves nothing behind", daemon_runs_and_ends },
	{ "with watch files are read again when they change, also after a reload that failed", files_are_watched },
	{ "check says that a configuration is fine, or fails", check_says_fine },
};

UNIT_MAIN("daemon", cases)
