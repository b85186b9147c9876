/* SPDX-License-Identifier: MIT */
/* kernel_net.c - the plugin: its settings and its state. The service itself is ops.c. */
#include <errno.h>
#include <stdlib.h>

#include "host_net.h"

enum { TABLE_MOST = 0x7fffffff, PRIORITY_MOST = 32000 };

static const char *const names[] = { "name", "table", "priority", NULL };

static int read_unsigned(const struct config_node *node, const char *name, unsigned most, unsigned *out, const struct log_context *log)
{
	const char *text = config_get(node, name);
	char *end;

	if (!text)
		return 0;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > most) {
		config_complain(log, node, "%s=\"%s\" is no number from 1 to %u", name, text, most);
		return FAULT_INPUT;
	}
	*out = (unsigned)value;
	return 0;
}

static int read_options(struct net_options *o, const struct config_node *node, const struct log_context *log)
{
	for (size_t i = 0; node && i < node->attribute_count; i++) {
		const char *name = node->attributes[i].name;
		size_t known = 0;

		while (names[known] && strcmp(names[known], name) != 0)
			known++;
		if (names[known])
			continue;
		config_complain(log, node, "kernel-net knows no attribute '%s'; there is: table, priority", name);
		return FAULT_INPUT;
	}
	int fault = node ? read_unsigned(node, "table", TABLE_MOST - TABLES, &o->table, log) : 0;
	return fault || !node ? fault : read_unsigned(node, "priority", PRIORITY_MOST - RULES, &o->priority, log);
}

static void stop(void *state)
{
	net_free(state);
}

static int start(struct core *core, const struct config_node *settings, void **state)
{
	const struct log_context *log = log_root(core->log);
	struct host_net *h;
	int fault = net_new(&h, log);

	if (fault)
		log_error(log, "no memory for kernel-net");
	else
		fault = read_options(&h->options, settings, log);
	if (fault) {
		net_free(h);
		return fault;
	}
	*state = h;
	return 0;
}

static const struct service services[] = {
	{ SERVICE_KERNEL_NET, "linux", &host_net_ops },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "kernel-net",
	.summary = "XFRM interfaces and source routes for the IPsec of the Linux kernel",
	.provides = services,
	.start = start,
	.stop = stop,
};
