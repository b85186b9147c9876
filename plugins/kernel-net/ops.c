/* SPDX-License-Identifier: MIT */
/* ops.c - the service of this plugin (kernel_net.h): how it begins and ends, and what it says about errors. */
#include <errno.h>
#include <stdlib.h>

#include "host_net.h"

int net_complain(struct host_net *h, const char *code, const char *what, int error)
{
	const char *said = h->netlink.why;
	bool is_denied = error == EPERM || error == EACCES;

	log_at(h->log, LEVEL_ERROR, code, "%s: %s%s%s%s%s", what, strerror(error), said[0] ? " (the kernel says: " : "", said, said[0] ? ")" : "",
	       is_denied ? "; needs CAP_NET_ADMIN; run as root or grant it (systemd: AmbientCapabilities=CAP_NET_ADMIN)" : "");
	h->netlink.why[0] = '\0';
	return is_denied ? FAULT_PERMISSION : error == EEXIST ? FAULT_EXISTS : error == EOPNOTSUPP ? FAULT_UNSUPPORTED : FAULT_SYSTEM;
}

static int attach(void *state, const struct log_context *log)
{
	struct host_net *h = state;
	size_t routes, devices;

	h->log = log;
	pthread_mutex_lock(&h->lock);
	int error = netlink_open(&h->netlink, NETLINK_ROUTE, 0);
	if (!error) {
		rules_find(h);
		devices_find(h);
		routes_find(h);
	}
	routes = HASH_COUNT(h->routes);
	devices = HASH_COUNT(h->devices);
	int fault = error ? net_complain(h, "net-route", "cannot talk to the kernel's routing", error) : 0;
	pthread_mutex_unlock(&h->lock);
	if (routes + devices > 0)
		log_info(log, "an earlier run left %zu routes and %zu interfaces: they stay until it is known which are wanted again", routes,
			 devices);
	return fault;
}

static void detach(void *state)
{
	struct host_net *h = state;

	pthread_mutex_lock(&h->lock);
	if (h->netlink.socket) {
		routes_remove(h, true);
		(void)!rules_set(h, AF_INET);
		(void)!rules_set(h, AF_INET6);
		devices_remove(h);
	}
	netlink_close(&h->netlink);
	free(h->interfaces);
	h->interfaces = NULL;
	h->interface_count = 0;
	pthread_mutex_unlock(&h->lock);
}

int net_new(struct host_net **out, const struct log_context *log)
{
	struct host_net *h = calloc(1, sizeof(*h));

	*out = h;
	if (!h)
		return FAULT_MEMORY;
	h->log = log;
	h->options = (struct net_options){ TABLE_DEFAULT, PRIORITY_DEFAULT };
	h->own_read = own_read;
	pthread_mutex_init(&h->lock, NULL);
	return 0;
}

void net_free(struct host_net *h)
{
	if (!h)
		return;
	detach(h);
	pthread_mutex_destroy(&h->lock);
	free(h->own);
	free(h);
}

static int interfaces(void *state, const struct net_interface *all, size_t count)
{
	struct host_net *h = state;
	struct configured *copy = calloc(count + 1, sizeof(*copy));
	int fault = FAULT_MEMORY;

	pthread_mutex_lock(&h->lock);
	if (copy) {
		for (size_t i = 0; i < count; i++)
			copy[i].as = all[i];
		free(h->interfaces);
		h->interfaces = copy;
		h->interface_count = count;
		fault = devices_set(h);
	} else {
		log_error(h->log, "no memory for interfaces");
	}
	pthread_mutex_unlock(&h->lock);
	return fault;
}

static void settle(void *state)
{
	struct host_net *h = state;

	pthread_mutex_lock(&h->lock);
	routes_remove(h, false);
	(void)!rules_set(h, AF_INET);
	(void)!rules_set(h, AF_INET6);
	pthread_mutex_unlock(&h->lock);
}

static void follow(void *state)
{
	struct host_net *h = state;

	pthread_mutex_lock(&h->lock);
	if (h->interface_count > 0)
		(void)!devices_set(h);
	routes_follow(h);
	pthread_mutex_unlock(&h->lock);
}

const struct kernel_net host_net_ops = {
	.name = "linux",
	.attach = attach,
	.detach = detach,
	.interfaces = interfaces,
	.routes_add = routes_add,
	.routes_delete = routes_delete,
	.settle = settle,
	.follow = follow,
};
