/* SPDX-License-Identifier: MIT */
/* keyferry.c - the command line: asks the daemon, and checks configurations without it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "control_client.h"
#include "status.h"
#include "status_text.h"

enum { STATUS_USAGE = 2, OPTION_CONTROL = 256, OPTION_PLUGIN_DIR };

struct arguments {
	const char *control_path, *plugin_dir;
	const char *command;
	char **rest;
	int rest_count;
	long timeout;                        /* 0: the daemon's default */
	bool json;
};

static const char usage_text[] =
	"usage: keyferry [OPTION]... COMMAND [ARGUMENT]\n"
	"  up NAME[/CHILD]        bring a connection or one child of it up, and wait for that\n"
	"  down NAME[/CHILD]      take it down\n"
	"  status [NAME]          what is up, and why what is not up is not\n"
	"  plugins                plugins with their services, algorithms with their backends\n"
	"  log-level LEVEL        error, warn, info or debug\n"
	"  reload [secrets]       read the configuration again, or its secrets alone\n"
	"  crl list|refresh       CRLs and OCSP answers that are kept; fetch them again\n"
	"  version                the version of the daemon that runs\n"
	"  check-config [FILE]    check a configuration without the daemon\n"
	"options\n"
	"      --json             answers as JSON\n"
	"  -t, --timeout SECONDS  how long `up` waits (100)\n"
	"      --control PATH     control socket (" CONTROL_PATH ")\n"
	"      --plugin-dir DIR   plugins for check-config (" PLUGIN_DIR ")\n"
	"  -v, --version          tell the version and exit\n"
	"  -h, --help             tell this and exit\n";

static int complain_usage(const char *what)
{
	fprintf(stderr, "keyferry: %s; try keyferry --help\n", what);
	return STATUS_USAGE;
}

static int take_timeout(struct arguments *a)
{
	char *end;

	a->timeout = strtol(optarg, &end, 10);
	return *end || a->timeout < 1 || a->timeout > 86400 ? complain_usage("a timeout is 1 to 86400 seconds") : 0;
}

/* 0: go on, else the status to exit with, or -1: exit with success. */
static int take_option(struct arguments *a, int option)
{
	switch (option) {
	case 'j':
		a->json = true;
		return 0;
	case 't':
		return take_timeout(a);
	case OPTION_CONTROL:
		a->control_path = optarg;
		return 0;
	case OPTION_PLUGIN_DIR:
		a->plugin_dir = optarg;
		return 0;
	case 'v':
		puts("keyferry " PACKAGE_VERSION);
		return -1;
	case 'h':
		fputs(usage_text, stdout);
		return -1;
	default:
		/* getopt_long() has said what is wrong. */
		fputs("try keyferry --help\n", stderr);
		return STATUS_USAGE;
	}
}

static int read_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "timeout", required_argument, NULL, 't' },
		{ "control", required_argument, NULL, OPTION_CONTROL },
		{ "plugin-dir", required_argument, NULL, OPTION_PLUGIN_DIR },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, status;

	while ((option = getopt_long(argc, argv, "jt:vh", long_options, NULL)) != -1)
		if ((status = take_option(a, option)))
			return status;
	if (optind == argc)
		return complain_usage("a command is missing");
	a->command = argv[optind];
	a->rest = argv + optind + 1;
	a->rest_count = argc - optind - 1;
	return 0;
}

/* ---- the daemon's answers ---- */

static void print_line(void *arg, const char *line)
{
	const struct arguments *a = arg;
	json_t *object = a->json ? json_pack("{s:i, s:s}", "schema", STATUS_SCHEMA, "line", line) : NULL;

	if (object)
		json_dumpf(object, stdout, JSON_COMPACT);
	else
		fputs(line, stdout);
	putchar('\n');
	json_decref(object);
	/* Who waits wants to see it now, also through a pipe. */
	fflush(stdout);
}

static void print_data(void *arg, const json_t *data)
{
	const struct arguments *a = arg;

	if (a->json) {
		json_dumpf(data, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (strcmp(a->command, "status") == 0) {
		status_print(stdout, data);
	} else if (strcmp(a->command, "plugins") == 0) {
		plugins_print(stdout, data);
	} else if (strcmp(a->command, "crl") == 0) {
		revocation_print(stdout, data);
	} else {
		version_print(stdout, data);
	}
}

static int ask_daemon(struct arguments *a)
{
	const struct client_answers answers = { print_line, print_data, a };
	char error[CLIENT_ERROR_MAX];
	json_t *list = json_array();
	json_t *request = json_pack("{s:s, s:o}", "command", a->command, "arguments", list);
	int fault = request ? 0 : FAULT_INPUT;

	for (int i = 0; i < a->rest_count && !fault; i++)
		fault = json_array_append_new(list, json_string(a->rest[i])) == 0 ? 0 : FAULT_INPUT;
	if (a->timeout && !fault)
		fault = json_object_set_new(request, "timeout", json_integer(a->timeout)) == 0 ? 0 : FAULT_MEMORY;
	if (fault)
		snprintf(error, sizeof(error), "names are written in UTF-8");
	else
		fault = client_ask(a->control_path, request, &answers, error);
	json_decref(request);
	if (fault)
		fprintf(stderr, "keyferry: %s\n", error);
	return fault ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- without the daemon ---- */

static int check_file(const struct arguments *a)
{
	const struct load_options options = { .config_file = a->rest_count ? a->rest[0] : CONFIG_FILE, .plugin_dir = a->plugin_dir };
	struct log_options log_options = { .level = LEVEL_WARN, .fd = STDERR_FILENO };
	struct log *log;

	if (a->rest_count > 1)
		return complain_usage("check-config takes one file");
	log = log_new(&log_options);
	int fault = log ? check_config(&options, log, stdout) : FAULT_MEMORY;
	if (log)
		log_free(log);
	return fault ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments a = { .control_path = CONTROL_PATH, .plugin_dir = PLUGIN_DIR };
	int status = read_arguments(&a, argc, argv);

	if (status)
		return status < 0 ? EXIT_SUCCESS : status;
	return strcmp(a.command, "check-config") == 0 ? check_file(&a) : ask_daemon(&a);
}
