/* SPDX-License-Identifier: MIT */
/*
 * test_plugin_module.c - a shared object for test_plugin.c, compiled several times: MODULE_NAME is the name it
 * claims, MODULE_ABI its ABI, MODULE_SYMBOL the name of what it exports.
 */
#include "plugin.h"

#define TEXT_OF(word) #word
#define TEXT(word) TEXT_OF(word)

#ifndef MODULE_ABI
#define MODULE_ABI PLUGIN_ABI
#endif
#ifndef MODULE_SYMBOL
#define MODULE_SYMBOL plugin
#endif

extern const struct plugin MODULE_SYMBOL __attribute__((visibility("default")));

static const char answer[] = "from a module";

static const struct service provided[] = {
	{ SERVICE_COMMAND, TEXT(MODULE_NAME), answer },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin MODULE_SYMBOL = {
	.abi = MODULE_ABI,
	.name = TEXT(MODULE_NAME),
	.summary = "is for the tests of the loader",
	.provides = provided,
};
