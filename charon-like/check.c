/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include "check.h"

#include <string.h>
#include <time.h>

#include "expiry.h"

static bool is_skipped(const struct load *load, const char *name)
{
	for (const char *const *skip = load->daemon.plugins_skip; skip && *skip; skip++)
		if (strcmp(*skip, name) == 0)
			return true;
	return false;
}

/* A daemon does without a plugin that did not start with its settings; who asks whether they are right wants to know. */
static int check_plugins(const struct load *load)
{
	const struct config_node *root = config_root(load->config);
	struct plugin_status status;

	for (size_t i = 0; i < root->child_count; i++) {
		const char *name = config_get(root->children[i], "name");

		if (strcmp(root->children[i]->name, "plugin") == 0 && name && load_find_plugin(load, name, &status) && status.why_not &&
		    !is_skipped(load, name))
			return FAULT_INPUT;
	}
	return 0;
}

/* At start the daemon says the same when it attaches to the kernel service. */
static void check_kernel(const struct load *load)
{
	const char *kernel = load->daemon.kernel, *wanted = strcmp(kernel, "auto") == 0 ? NULL : kernel;

	if (!services_find(load->core.services, SERVICE_KERNEL_IPSEC, wanted))
		log_line(log_root(load->core.log), LEVEL_WARN, "no-kernel", "there is no kernel service%s%s: phase 1 only", wanted ? " " : "",
		       wanted ? wanted : "");
}

static int check(struct load *load, const struct load_options *options)
{
	int fault = load_config(load, options), of_plugins;

	if (!fault)
		fault = load_services(load, options);
	if (fault)
		return fault;
	check_kernel(load);
	of_plugins = check_plugins(load);
	fault = load_settings(load);
	return fault ? fault : of_plugins;
}

int check_config(const struct load_options *options, struct log *log, FILE *out)
{
	struct load load = { .core = { .log = log, .bus = bus_new(), .helpers = helpers_new(1), .main_loop = loop_new(NULL) } };
	struct core *core = &load.core;
	int fault = FAULT_MEMORY;

	if (core->bus && core->helpers && core->main_loop)
		fault = check(&load, options);
	if (!fault) {
		size_t count = settings_connection_count(load.settings);
		expiry_say(load.settings, (int64_t)time(NULL), log_root(log));
		expiry_list(load.settings, (int64_t)time(NULL), out);
		fprintf(out, "%s: %zu connection%s, fine\n", options->config_file, count, count == 1 ? "" : "s");
	}
	load_free(&load);
	helpers_free(core->helpers);
	if (core->main_loop)
		loop_free(core->main_loop);
	bus_free(core->bus);
	return fault;
}
