/* SPDX-License-Identifier: MIT */
/* lead.c - what leads packets to policies: routes and interfaces, which are another service's, and may be nobody's. Under the lock. */
#include "kernel_net.h"
#include "xfrm.h"

int lead_to(struct xfrm *x, const struct ipsec_policy *policy)
{
	const struct provider *net = x->host.net;

	return net ? ((const struct kernel_net *)net->ops)->routes_add(net->state, policy) : 0;
}

void lead_no_more(struct xfrm *x, uint32_t child)
{
	const struct provider *net = x->host.net;

	if (net)
		((const struct kernel_net *)net->ops)->routes_delete(net->state, child);
}

void lead_settle(struct xfrm *x)
{
	const struct provider *net = x->host.net;

	if (net)
		((const struct kernel_net *)net->ops)->settle(net->state);
}
