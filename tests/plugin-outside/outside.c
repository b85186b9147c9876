/* SPDX-License-Identifier: MIT */
/* outside.c - a plugin as somebody else writes it: knows the installed headers only. Provides one command. */
#include <log.h>
#include <plugin.h>

static const char greeting[] = "greetings from outside";

static int start(struct core *core, const struct config_node *settings, void **state)
{
	const char *word = settings ? config_get(settings, "word") : NULL;

	log_info(log_root(core->log), "outside: started%s%s", word ? " with " : "", word ? word : "");
	*state = NULL;
	return 0;
}

static const struct service provided[] = {
	{ SERVICE_COMMAND, "outside", greeting },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "outside",
	.summary = "is built against installed headers",
	.provides = provided,
	.start = start,
};
