/* SPDX-License-Identifier: MIT */
/*
 * net.h - UDP 500 and 4500, IPv4 and IPv6: wildcard sockets with packet info, batches in and out, the non-ESP marker
 * (RFC 3948), a look at the header, and hand over to the owning shard or, for ESP in UDP, to the kernel service.
 */
#ifndef KEYFERRY_NET_H
#define KEYFERRY_NET_H
#include "kernel.h"
#include "shard.h"

struct net;

struct net_options {
	uint16_t port, nat_port;
	bool ipv4, ipv6;                     /* families to serve; one that the host lacks is skipped with a line */
};

/*
 * Opens the sockets (SO_MARK KERNEL_MARK). A port in use, a missing capability: one line that says which, who may hold it and
 * what to do; FAULT_SYSTEM or FAULT_PERMISSION.
 */
int net_new(struct net **out, const struct net_options *options, const struct log_context *log) MUST_CHECK;
/* Reads on the loop, whose thread is net's; `engine` gets IKE, engine->kernel's receive() ESP. */
int net_start(struct net *net, struct loop *loop, struct engine *engine) MUST_CHECK;
void net_free(struct net *net);
struct transport net_transport(struct net *net);
/* The address that packets to `remote` leave from; our own policy routes do not count. FAULT_SYSTEM: there is no route. Any thread. */
int net_find_source(const struct address *remote, struct address *out) MUST_CHECK;
/* For struct kernel_host. */
int net_encap_socket(void *net, uint8_t family);

#endif
