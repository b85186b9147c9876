/* SPDX-License-Identifier: MIT */
/* daemon_net.c - the daemon's side of kernel_net.h: devices and routes for a kernel service that leaves packets to the kernel. */
#include <stdlib.h>

#include "daemon_private.h"
#include "kernel_net.h"

static bool may_be_used(const struct services *services)
{
	const struct provider *provider;

	for (size_t i = 0; (provider = services_at(services, SERVICE_KERNEL_IPSEC, i)); i++)
		if (((const struct kernel_ipsec *)provider->ops)->features & KERNEL_OPTIONS)
			return true;
	return false;
}

/* Before the kernel service: what an earlier run left of them goes, whichever serves now. */
void net_attach(struct daemon *d)
{
	const struct services *services = d->load.core.services;
	const struct provider *net = may_be_used(services) ? services_find(services, SERVICE_KERNEL_NET, NULL) : NULL;

	if (net && ((const struct kernel_net *)net->ops)->attach(net->state, d->engine.log) == 0)
		d->kernel_host.net = net;
}

void net_keep(struct daemon *d, bool is_wanted)
{
	const struct provider *net = d->kernel_host.net;

	if (!net || is_wanted)
		return;
	((const struct kernel_net *)net->ops)->detach(net->state);
	d->kernel_host.net = NULL;
}

int net_set_interfaces(struct daemon *d, const struct settings *settings)
{
	const struct provider *net = d->kernel_host.net;
	struct net_interface *all;
	size_t count;

	if (!net)
		return 0;
	int fault = settings_interfaces(settings, &all, &count);
	/* One that cannot be made was said to be; only its children cannot come up. */
	if (!fault)
		(void)!((const struct kernel_net *)net->ops)->interfaces(net->state, all, count);
	free(all);
	return fault;
}

void net_follow(struct daemon *d)
{
	const struct provider *net = d->kernel_host.net;

	if (net)
		((const struct kernel_net *)net->ops)->follow(net->state);
}
