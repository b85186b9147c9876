/* SPDX-License-Identifier: MIT */
/*
 * net.c - the UDP sockets: opens them, says what to do when that fails, and sends. What comes in is
 * net_receive.c's.
 */
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_private.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Some 10 ms of 10 Gbit/s of ESP. */
enum { SOCKET_BUFFER = 8 << 20 };

static void describe_peer(const struct log_context *ctx, struct log_fields *fields)
{
	char text[ADDRESS_TEXT_MAX];
	const char *peer = address_text(text, CONTAINER(ctx, struct peer_context, ctx)->remote);
	size_t len = strlen(peer);

	if (len < sizeof(fields->peer))
		memcpy(fields->peer, peer, len + 1);
}

struct peer_context about_peer(const struct net *net, const struct address *remote)
{
	return (struct peer_context){ { net->log->log, describe_peer }, remote };
}

static const char *family_name(uint8_t family)
{
	return family == AF_INET6 ? "IPv6" : "IPv4";
}

/* ---- opening ---- */

static int set_number(const struct net_socket *s, int level, int option, int value)
{
	return setsockopt(s->watch.fd, level, option, &value, sizeof(value));
}

/* The kernel doubles the value; without CAP_NET_ADMIN it is cut to net.core.rmem_max. */
static void set_buffers(const struct net_socket *s)
{
	if (set_number(s, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER) < 0)
		(void)set_number(s, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
	if (set_number(s, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER) < 0)
		(void)set_number(s, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
}

static int set_family_options(const struct net_socket *s)
{
	bool is6 = s->family == AF_INET6;
	int level = is6 ? IPPROTO_IPV6 : IPPROTO_IP;

	if (is6 && set_number(s, level, IPV6_V6ONLY, 1) < 0)
		return FAULT_SYSTEM;
	if (set_number(s, level, is6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1) < 0)
		return FAULT_SYSTEM;
	/* A message larger than the path has to be fragmented: many peers know no IKE fragmentation. */
	if (set_number(s, level, is6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
		       is6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT) < 0)
		return FAULT_SYSTEM;
	/*
	 * "Nobody listens there" is worth a line. Not on the NAT port: a pending error makes the next send fail, whoever
	 * sends, so a forged ICMP message would cost somebody else's ESP packet.
	 */
	if (!s->is_nat && set_number(s, level, is6 ? IPV6_RECVERR : IP_RECVERR, 1) < 0)
		return FAULT_SYSTEM;
	return 0;
}

static int set_options(const struct net_socket *s)
{
	const struct log_context *log = s->net->log;

	if (set_family_options(s) != 0) {
		log_error(log, "cannot set up the socket of UDP port %u (%s): %s", s->port,
			  family_name(s->family), strerror(errno));
		return FAULT_SYSTEM;
	}
	if (set_number(s, SOL_SOCKET, SO_MARK, KERNEL_MARK) < 0)
		log_at(log, LEVEL_WARN, "no-packet-mark",
		       "our packets cannot be marked, so a tunnel to everywhere would catch them too: "
		       "needs CAP_NET_ADMIN; run as root or grant it (systemd: AmbientCapabilities=)");
	set_buffers(s);
	return 0;
}

static int complain_bind(const struct net_socket *s)
{
	const struct log_context *log = s->net->log;
	const char *family = family_name(s->family);

	switch (errno) {
	case EADDRINUSE:
		log_line(log, LEVEL_ERROR, "port-in-use",
			 "UDP port %u (%s) is in use: another IKE daemon? `ss -ulpn sport = :%u` names it",
			 s->port, family, s->port);
		return FAULT_SYSTEM;
	case EACCES:
	case EPERM:
		log_line(log, LEVEL_ERROR, "no-capability",
			 "UDP port %u (%s) needs CAP_NET_BIND_SERVICE; run as root or grant it (systemd: "
			 "AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_ADMIN)", s->port, family);
		return FAULT_PERMISSION;
	default:
		log_line(log, LEVEL_ERROR, "port-failed", "cannot bind UDP port %u (%s): %s", s->port,
			 family, strerror(errno));
		return FAULT_SYSTEM;
	}
}

/* FAULT_UNSUPPORTED: the host does not have the family. */
static int socket_open(struct net_socket *s)
{
	struct address any = { .family = s->family, .port = s->port };
	struct sockaddr_storage where;
	socklen_t where_len = address_to_socket(&any, &where);
	int fault;

	s->watch.fd = socket(s->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->watch.fd < 0) {
		if (errno == EAFNOSUPPORT)
			return FAULT_UNSUPPORTED;
		log_error(s->net->log, "cannot open a UDP socket (%s): %s", family_name(s->family),
			  strerror(errno));
		return FAULT_SYSTEM;
	}
	fault = set_options(s);
	if (fault)
		return fault;
	if (bind(s->watch.fd, (const struct sockaddr *)&where, where_len) == 0)
		return 0;
	/* IPv6 is there but switched off on every interface. */
	if (s->family == AF_INET6 && errno == EADDRNOTAVAIL)
		return FAULT_UNSUPPORTED;
	return complain_bind(s);
}

static void socket_close(struct net_socket *s)
{
	if (s->watch.fd >= 0)
		close(s->watch.fd);
	s->watch.fd = -1;
}

/* How many sockets of the family are open afterwards, or a fault. */
static int family_open(struct net *net, uint8_t family)
{
	int count = 0;

	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		struct net_socket *s = &net->sockets[i];
		int fault;

		if (s->family != family)
			continue;
		fault = socket_open(s);
		if (fault == FAULT_UNSUPPORTED) {
			socket_close(s);
			log_info(net->log, "this host has no %s, so it is not served", family_name(family));
			return count;
		}
		if (fault)
			return fault;
		count++;
	}
	return count;
}

static void net_init(struct net *net, const struct net_options *options, const struct log_context *log)
{
	net->log = log;
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		struct net_socket *s = &net->sockets[i];

		s->net = net;
		s->family = i & 1 ? AF_INET6 : AF_INET;
		s->is_nat = i >= 2;
		s->port = s->is_nat ? options->nat_port : options->port;
		s->watch.fd = -1;
	}
}

int net_new(struct net **out, const struct net_options *options, const struct log_context *log)
{
	struct net *net = calloc(1, sizeof(*net));
	int count4 = 0, count6 = 0;

	if (!net)
		return FAULT_MEMORY;
	net_init(net, options, log);
	net->inbox = calloc(1, sizeof(*net->inbox));
	if (!net->inbox) {
		net_free(net);
		return FAULT_MEMORY;
	}
	if (options->ipv4)
		count4 = family_open(net, AF_INET);
	if (options->ipv6 && count4 >= 0)
		count6 = family_open(net, AF_INET6);
	if (count4 < 0 || count6 < 0) {
		net_free(net);
		return count4 < 0 ? count4 : count6;
	}
	if (count4 + count6 == 0) {
		log_error(log, "there is neither IPv4 nor IPv6 to serve");
		net_free(net);
		return FAULT_SYSTEM;
	}
	*out = net;
	return 0;
}

void net_free(struct net *net)
{
	if (!net)
		return;
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		if (net->loop)
			loop_unwatch(net->loop, &net->sockets[i].watch);
		socket_close(&net->sockets[i]);
	}
	free(net->inbox);
	free(net);
}

static struct net_socket *find_socket(struct net *net, uint8_t family, bool is_nat)
{
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		struct net_socket *s = &net->sockets[i];

		if (s->family == family && s->is_nat == is_nat && s->watch.fd >= 0)
			return s;
	}
	return NULL;
}

int net_encap_socket(void *net, uint8_t family)
{
	const struct net_socket *s = find_socket(net, family, true);

	return s ? s->watch.fd : -1;
}

/* Only for userspace ESP: a kernel that takes ESP off the socket itself expects single packets. */
static void prepare_for_esp(const struct net_socket *s)
{
	bool is6 = s->family == AF_INET6;

	if (set_number(s, IPPROTO_UDP, UDP_GRO, 1) < 0)
		log_debug(s->net->log, "this system has no UDP_GRO: ESP in UDP comes one by one");
	/* RFC 6040: ECN has to be carried over to the inner packet. */
	if (set_number(s, is6 ? IPPROTO_IPV6 : IPPROTO_IP, is6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1) < 0)
		log_debug(s->net->log, "the TOS of packets is not told on %s", family_name(s->family));
}

int net_start(struct net *net, struct loop *loop, struct engine *engine)
{
	const struct kernel_ipsec *kernel = engine->kernel ? engine->kernel->ops : NULL;

	net->engine = engine;
	net->loop = loop;
	net->kernel = kernel && kernel->receive ? kernel : NULL;
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		struct net_socket *s = &net->sockets[i];
		int fault;

		if (s->watch.fd < 0)
			continue;
		if (s->is_nat && net->kernel)
			prepare_for_esp(s);
		s->watch.ready = net_socket_ready;
		fault = loop_watch(loop, &s->watch, true, false);
		if (fault)
			return fault;
	}
	return 0;
}

/* ---- sending ---- */

/* The reply leaves from the address that the request came to, whatever the route prefers. */
static void put_source(struct msghdr *msg, const struct address *local)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (local->family == AF_INET) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, local->ip, 4);
		c->cmsg_len = CMSG_LEN(sizeof(info));
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_ifindex = local->scope };

		memcpy(&info.ipi6_addr, local->ip, 16);
		c->cmsg_len = CMSG_LEN(sizeof(info));
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

static int complain_send(const struct net *net, const struct address *local, const struct address *remote, const char *why)
{
	struct peer_context about = about_peer(net, remote);
	char text[ADDRESS_TEXT_MAX];
	bool has_local = local->family == remote->family && !address_is_any(local);

	log_at(&about.ctx, LEVEL_WARN, "send-failed", "cannot send%s%s: %s", has_local ? " from " : "",
	       has_local ? address_host_text(text, local) : "", why);
	return FAULT_SYSTEM;
}

/* Any thread. With up to two pieces. */
static int send_pieces(const struct net_socket *s, const struct address *local, const struct address *remote, struct iovec *pieces,
		       size_t count)
{
	struct sockaddr_storage to;
	union {
		uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr align;
	} ancillary = { { 0 } };

	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = address_to_socket(remote, &to), .msg_iov = pieces, .msg_iovlen = count,
	};
	if (local->family == remote->family && !address_is_any(local)) {
		msg.msg_control = ancillary.octets;
		msg.msg_controllen = sizeof(ancillary.octets);
		put_source(&msg, local);
	}
	/* The first failure may be an earlier sending's, kept for us by the socket (IP_RECVERR). */
	for (int tries = s->is_nat ? 1 : 2; tries > 0; tries--)
		if (sendmsg(s->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
	return FAULT_SYSTEM;
}

static int net_send(void *state, const struct address *local, const struct address *remote, bool nat_port,
		    struct bytes message)
{
	static const uint8_t marker[MARKER_SIZE];
	struct net *net = state;
	const struct net_socket *s = find_socket(net, remote->family, nat_port);
	struct iovec vectors[2] = {
		{ (void *)(uintptr_t)marker, MARKER_SIZE }, { (void *)(uintptr_t)message.at, message.len },
	};

	if (!s)
		return complain_send(net, local, remote, "there is no socket of that family");
	if (send_pieces(s, local, remote, nat_port ? vectors : vectors + 1, nat_port ? 2 : 1) == 0)
		return 0;
	return complain_send(net, local, remote, strerror(errno));
}

/* RFC 3948 2.3. One that is not sent is the next one's business. */
static void net_keepalive(void *state, const struct address *local, const struct address *remote)
{
	static const uint8_t octet = 0xff;
	const struct net_socket *s = find_socket(state, remote->family, true);
	struct iovec piece = { (void *)(uintptr_t)&octet, sizeof(octet) };

	if (s)
		(void)send_pieces(s, local, remote, &piece, 1);
}

static int net_source(void *state, const struct address *remote, struct address *out)
{
	(void)state;
	return net_find_source(remote, out);
}

struct transport net_transport(struct net *net)
{
	return (struct transport){ .send = net_send, .keepalive = net_keepalive, .source = net_source, .state = net };
}
