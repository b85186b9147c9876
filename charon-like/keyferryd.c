/* SPDX-License-Identifier: MIT */
/* keyferryd.c - the daemon's main(): its command line, and going into the background once the start has succeeded. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "check.h"
#include "daemon.h"
#include "privileges.h"

enum { STATUS_USAGE = 2, OPTION_PLUGIN_DIR = 256, OPTION_CONTROL, OPTION_PID_FILE, OPTION_CHECK };

struct arguments {
	struct daemon_options options;
	bool foreground, check_only;
	char config_file[PATH_MAX], control_path[PATH_MAX], pid_file[PATH_MAX];
};

static const char usage_text[] =
	"usage: keyferryd [OPTION]...\n"
	"  -f, --foreground       stay in the foreground and log to standard error\n"
	"  -c, --config FILE      configuration (" CONFIG_FILE ")\n"
	"  -l, --log-level LEVEL  error, warn, info or debug; goes before the configuration\n"
	"      --plugin-dir DIR   where plugins are (" PLUGIN_DIR ")\n"
	"      --control PATH     control socket (" CONTROL_PATH ")\n"
	"      --pid-file PATH    file for the process ID (" PID_FILE ")\n"
	"      --check            check the configuration and exit\n"
	"  -v, --version          tell the version and exit\n"
	"  -h, --help             tell this and exit\n";

static int complain_usage(const char *what)
{
	fprintf(stderr, "keyferryd: %s; try keyferryd --help\n", what);
	return STATUS_USAGE;
}

/* 0: go on, else the status to exit with, or -1: exit with success. */
static int take_option(struct arguments *a, int option)
{
	switch (option) {
	case 'f':
		a->foreground = true;
		return 0;
	case 'c':
		a->options.load.config_file = optarg;
		return 0;
	case 'l':
		a->options.log_level = log_level_parse(optarg);
		return a->options.log_level < 0 ? complain_usage("a log level is error, warn, info or debug") : 0;
	case OPTION_PLUGIN_DIR:
		a->options.load.plugin_dir = optarg;
		return 0;
	case OPTION_CONTROL:
		a->options.control_path = optarg;
		return 0;
	case OPTION_PID_FILE:
		a->options.pid_file = optarg;
		return 0;
	case OPTION_CHECK:
		a->check_only = true;
		return 0;
	case 'v':
		puts("keyferryd " PACKAGE_VERSION);
		return -1;
	case 'h':
		fputs(usage_text, stdout);
		return -1;
	default:
		/* getopt_long() has said what is wrong. */
		fputs("try keyferryd --help\n", stderr);
		return STATUS_USAGE;
	}
}

static int read_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "config", required_argument, NULL, 'c' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "plugin-dir", required_argument, NULL, OPTION_PLUGIN_DIR },
		{ "control", required_argument, NULL, OPTION_CONTROL },
		{ "pid-file", required_argument, NULL, OPTION_PID_FILE },
		{ "check", no_argument, NULL, OPTION_CHECK },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, status;

	while ((option = getopt_long(argc, argv, "fc:l:vh", long_options, NULL)) != -1)
		if ((status = take_option(a, option)))
			return status;
	return optind < argc ? complain_usage("it takes options only") : 0;
}

/* Into the background the working folder does not come along. Returns the path that is to be used. */
static const char *absolute(char out[PATH_MAX], const char *path)
{
	char folder[PATH_MAX];

	if (path[0] == '/' || strstr(path, "://") || !getcwd(folder, sizeof(folder)) ||
	    snprintf(out, PATH_MAX, "%s/%s", folder, path) >= PATH_MAX)
		return path;
	return out;
}

static int check_only(const struct arguments *a)
{
	struct log_options options = { .level = a->options.log_level < 0 ? LEVEL_WARN : (enum log_level)a->options.log_level, .fd = STDERR_FILENO };
	struct log *log = log_new(&options);
	int fault = log ? check_config(&a->options.load, log, stdout) : FAULT_MEMORY;

	if (log)
		log_free(log);
	return fault ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- the background ---- */

/* The first process: as soon as the daemon has said how its start went it exits with that. */
static int wait_for_start(int from, pid_t child)
{
	char status = EXIT_FAILURE;
	ssize_t got;

	while ((got = read(from, &status, 1)) < 0 && errno == EINTR)
		;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	/* It ended without a word: it was killed, or crashed. */
	return got == 1 ? status : EXIT_FAILURE;
}

/* Where to say how the start went, in the daemon's process; -1 with *status in all the others. */
static int go_to_background(int *status)
{
	int ends[2];
	pid_t child;

	*status = EXIT_FAILURE;
	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		fprintf(stderr, "keyferryd: cannot go to the background: %s\n", strerror(errno));
		return -1;
	}
	if (child > 0) {
		close(ends[1]);
		*status = wait_for_start(ends[0], child);
		return -1;
	}
	close(ends[0]);
	/* A second time, so that the daemon leads no session and never gets a terminal. */
	if (setsid() < 0 || (child = fork()) < 0)
		return -1;
	if (child > 0) {
		*status = EXIT_SUCCESS;
		return -1;
	}
	return ends[1];
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)!chdir("/");
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

static void tell_start(int to, bool good)
{
	char status = good ? EXIT_SUCCESS : EXIT_FAILURE;

	/* Who does not listen any more does not want to know. */
	(void)!write(to, &status, 1);
	close(to);
}

static int run(const struct arguments *a, int tell)
{
	struct daemon *daemon = NULL;
	int fault = daemon_new(&daemon, &a->options);

	if (tell >= 0) {
		if (!fault)
			leave_terminal();
		tell_start(tell, fault == 0);
	}
	if (fault)
		return EXIT_FAILURE;
	fault = daemon_run(daemon);
	daemon_free(daemon);
	return fault ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments a = {
		.options = {
			.load = { .config_file = CONFIG_FILE, .plugin_dir = PLUGIN_DIR },
			.control_path = CONTROL_PATH, .pid_file = PID_FILE, .log_level = -1,
			.take_signals = true, .drop_privileges = true,
			.log = { .level = LEVEL_INFO, .fd = STDERR_FILENO, .timestamps = true },
		},
	};
	int status = read_arguments(&a, argc, argv), tell = -1;

	if (status)
		return status < 0 ? EXIT_SUCCESS : status;
	a.options.load.config_file = absolute(a.config_file, a.options.load.config_file);
	if (a.check_only)
		return check_only(&a);
	privileges_protect_memory();
	a.options.control_path = absolute(a.control_path, a.options.control_path);
	a.options.pid_file = absolute(a.pid_file, a.options.pid_file);
	/* The journal stamps lines itself. */
	a.options.log.timestamps = !getenv("JOURNAL_STREAM");
	if (!a.foreground) {
		openlog("keyferryd", LOG_PID, LOG_DAEMON);
		a.options.log.to_syslog = true;
		tell = go_to_background(&status);
		if (tell < 0)
			return status;
	}
	return run(&a, tell);
}
