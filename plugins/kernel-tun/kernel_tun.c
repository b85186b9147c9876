/* SPDX-License-Identifier: MIT */
/* kernel_tun.c - the plugin: its settings and its state. The service itself is ops.c. */
#include <errno.h>
#include <stdlib.h>

#include "tun.h"

/* What is left of 1500 octets after IPv4, UDP and ESP with AES-GCM; SAs that need more say so to senders one by one. */
enum { MTU_DEFAULT = 1438, MTU_LEAST = 576, MTU_MOST = 65535, TABLE_MOST = 0x7fffffff, PRIORITY_MOST = 32000 };

static const char *const names[] = { "name", "device", "mtu", "table", "priority", NULL };

static int read_unsigned(const struct config_node *node, const char *name, unsigned least, unsigned most, unsigned *out,
			 const struct log_context *log)
{
	const char *text = config_get(node, name);
	char *end;

	if (!text)
		return 0;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < least || value > most) {
		config_complain(log, node, "%s=\"%s\" is no number from %u to %u", name, text, least, most);
		return FAULT_INPUT;
	}
	*out = (unsigned)value;
	return 0;
}

static int check_names(const struct config_node *node, const struct log_context *log)
{
	for (size_t i = 0; i < node->attribute_count; i++) {
		size_t known = 0;

		while (names[known] && strcmp(names[known], node->attributes[i].name) != 0)
			known++;
		if (names[known])
			continue;
		const char *nearest = config_nearest(node->attributes[i].name, names);
		config_complain(log, node, "kernel-tun knows no attribute '%s'%s%s%s", node->attributes[i].name,
				nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
		return FAULT_INPUT;
	}
	return 0;
}

static int read_options(struct tun_options *o, const struct config_node *node, const struct log_context *log)
{
	*o = (struct tun_options){ "keyferry0", MTU_DEFAULT, RULE_TABLE, RULE_PRIORITY };
	if (!node)
		return 0;
	const char *device = config_get(node, "device");
	int fault = check_names(node, log);

	if (fault)
		return fault;
	if (device && (*device == '\0' || strlen(device) >= IFNAMSIZ || strpbrk(device, "/ :%"))) {
		config_complain(log, node, "device=\"%s\" is no name of a network device (1 to %d characters)", device, IFNAMSIZ - 1);
		return FAULT_INPUT;
	}
	o->device = device ? device : o->device;
	if ((fault = read_unsigned(node, "mtu", MTU_LEAST, MTU_MOST, &o->mtu, log)) ||
	    (fault = read_unsigned(node, "table", 1, TABLE_MOST - RULE_CLASSES, &o->table, log)))
		return fault;
	return read_unsigned(node, "priority", 1, PRIORITY_MOST - RULE_PRIORITIES, &o->priority, log);
}

static void stop(void *state)
{
	struct tun *t = state;

	if (!t)
		return;
	tun_ops.detach(t);
	tables_free(&t->tables);
	free(t);
}

static int start(struct core *core, const struct config_node *settings, void **state)
{
	const struct log_context *log = log_root(core->log);
	struct tun *t = calloc(1, sizeof(*t));

	if (!t) {
		log_error(log, "no memory for kernel-tun");
		return FAULT_MEMORY;
	}
	t->host.log = log;
	t->device.fd = t->wake[0] = t->wake[1] = -1;
	t->wire.raw[0] = t->wire.raw[1] = t->wire.probe[0] = t->wire.probe[1] = t->wire.clear[0] = t->wire.clear[1] = -1;
	int fault = tables_init(&t->tables);
	if (fault)
		log_error(log, "no memory for the packet tables of kernel-tun");
	else
		fault = read_options(&t->options, settings, log);
	if (fault) {
		stop(t);
		return fault;
	}
	*state = t;
	return 0;
}

static const struct service services[] = {
	{ SERVICE_KERNEL_IPSEC, "tun", &tun_ops },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "kernel-tun",
	.summary = "ESP in userspace over a TUN device",
	.provides = services,
	.start = start,
	.stop = stop,
};
