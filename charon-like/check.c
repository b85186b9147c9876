/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include "check.h"

static int check(struct load *load, const struct load_options *options)
{
	int fault = load_config(load, options);

	if (!fault)
		fault = load_services(load, options);
	return fault ? fault : load_settings(load);
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
		fprintf(out, "%s: %zu connection%s, fine\n", options->config_file, count, count == 1 ? "" : "s");
	}
	load_free(&load);
	helpers_free(core->helpers);
	if (core->main_loop)
		loop_free(core->main_loop);
	bus_free(core->bus);
	return fault;
}
