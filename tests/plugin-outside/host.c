/* SPDX-License-Identifier: MIT */
/* host.c - loads the plugins of one folder as the daemon does, and says what came of each. */
#include <log.h>
#include <plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The plugin of this folder is there for its command; others may be left out for want of a configuration. */
static int report(const struct plugins *plugins, const struct core *core)
{
	for (size_t i = 0; i < plugins_count(plugins); i++) {
		struct plugin_status status = plugins_at(plugins, i);

		printf("%s: %s\n", status.name, status.why_not ? status.why_not : "runs");
	}
	const struct provider *found = services_find(core->services, SERVICE_COMMAND, "outside");
	if (!found)
		return EXIT_FAILURE;
	printf("%s\n", (const char *)found->ops);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct log *log = log_new(&(struct log_options){ .level = LEVEL_INFO, .fd = STDOUT_FILENO });
	struct loop *loop = loop_new(NULL);
	struct bus *bus = bus_new();
	struct helpers *helpers = helpers_new(1);
	struct core core = { .log = log, .bus = bus, .helpers = helpers, .main_loop = loop };
	struct plugins *plugins = NULL;
	int status = EXIT_FAILURE;

	if (argc == 2 && log && loop && bus && helpers &&
	    plugins_load(&plugins, &core, &(struct plugins_options){ .folder = argv[1] }) == 0) {
		setvbuf(stdout, NULL, _IOLBF, 0);
		status = report(plugins, &core);
		plugins_free(plugins, &core);
	}
	helpers_free(helpers);
	bus_free(bus);
	loop_free(loop);
	log_free(log);
	return status;
}
