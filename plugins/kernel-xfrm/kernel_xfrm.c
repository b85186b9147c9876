/* SPDX-License-Identifier: MIT */
/* kernel_xfrm.c - the plugin. It has no settings of its own; the service itself is ops.c. */
#include "xfrm.h"

static int start(struct core *core, const struct config_node *settings, void **state)
{
	const struct log_context *log = log_root(core->log);
	struct xfrm *x;

	if (settings && settings->attribute_count > 1) {
		config_complain(log, settings, "kernel-xfrm has no attributes but its name");
		return FAULT_INPUT;
	}
	int fault = xfrm_new(&x, log);
	if (fault)
		log_error(log, "no memory for kernel-xfrm");
	*state = x;
	return fault;
}

static void stop(void *state)
{
	xfrm_free(state);
}

static const struct service services[] = {
	{ SERVICE_KERNEL_IPSEC, "xfrm", &xfrm_ops },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "kernel-xfrm",
	.summary = "IPsec of the Linux kernel (XFRM)",
	.provides = services,
	.start = start,
	.stop = stop,
};
