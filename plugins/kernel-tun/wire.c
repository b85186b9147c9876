/* SPDX-License-Identifier: MIT */
/* wire.c - see wire.h. */
#include "wire.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PATH_MTU_DEFAULT = 1500 };

static int family_index(uint8_t family)
{
	return family == AF_INET6;
}

static int open_marked(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int mark = KERNEL_MARK;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* What raw IPv6 sockets do not put before the payload, and large buffers; a socket without them still works. */
static void set_raw_options(int fd, bool is_ipv6)
{
	int on = 1, size = WIRE_BUFFER;

	if (is_ipv6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

void wire_open(struct wire *w, const struct kernel_host *host)
{
	w->host = host;
	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		w->probe[i] = open_marked(family, SOCK_DGRAM, 0);
		w->raw[i] = open_marked(family, SOCK_RAW, IPPROTO_ESP);
		if (w->raw[i] >= 0)
			set_raw_options(w->raw[i], i);
		else if (errno != EAFNOSUPPORT)
			log_at(host->log, LEVEL_WARN, "tun-raw",
			       "no raw socket for %s ESP (%s): only ESP in UDP works; grant CAP_NET_RAW and CAP_NET_ADMIN",
			       i ? "IPv6" : "IPv4", strerror(errno));
	}
}

void wire_close(struct wire *w)
{
	for (int i = 0; i < 2; i++) {
		if (w->raw[i] >= 0)
			close(w->raw[i]);
		if (w->probe[i] >= 0)
			close(w->probe[i]);
		if (w->clear[i] >= 0)
			close(w->clear[i]);
		w->raw[i] = w->probe[i] = w->clear[i] = -1;
	}
}

int wire_open_clear(struct wire *w, uint8_t family)
{
	_Atomic int *fd = &w->clear[family_index(family)];

	if (atomic_load(fd) >= 0)
		return 0;
	/* Its packets bring their IP header along (raw(7)); the mark keeps them off our routes. */
	atomic_store(fd, open_marked(family, SOCK_RAW, IPPROTO_RAW));
	if (atomic_load(fd) >= 0)
		return 0;
	log_at(w->host->log, LEVEL_ERROR, "tun-raw", "no raw socket for %s packets that bypass the device (%s): grant CAP_NET_RAW and CAP_NET_ADMIN",
	       family == AF_INET6 ? "IPv6" : "IPv4", strerror(errno));
	return errno == EPERM ? FAULT_PERMISSION : FAULT_SYSTEM;
}

bool wire_send_clear(struct wire *w, const struct inner *in, const uint8_t *packet, size_t len)
{
	struct address to = { .family = in->family };
	struct sockaddr_storage socket;

	memcpy(to.ip, in->destination, address_len(in->family));
	return sendto(atomic_load(&w->clear[family_index(in->family)]), packet, len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&socket,
		      address_to_socket(&to, &socket)) >= 0;
}

uint16_t wire_path_mtu(struct wire *w, const struct address *remote)
{
	struct sockaddr_storage to;
	bool is_ipv6 = remote->family == AF_INET6;
	int fd = w->probe[family_index(remote->family)];
	struct address target = *remote;
	int mtu = 0;
	socklen_t len = sizeof(mtu);

	target.port = target.port ? target.port : 4500;
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, address_to_socket(&target, &to)) ||
	    getsockopt(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_MTU : IP_MTU, &mtu, &len) || mtu <= 0)
		return PATH_MTU_DEFAULT;
	return (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
}

static int socket_for(const struct wire *w, const struct out_packet *p)
{
	if (!p->sa->udp_encap)
		return w->raw[family_index(p->endpoint->remote.family)];
	return w->host->encap_socket(w->host->arg, p->endpoint->remote.family);
}

static void put_control(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	m->msg_controllen += CMSG_SPACE(len);
}

/* The source is the address that the SA was negotiated with, whatever the route would choose. */
static void put_source(struct msghdr *m, const struct address *local)
{
	if (local->family == AF_INET6) {
		struct in6_pktinfo info = { .ipi6_ifindex = local->scope };

		memcpy(&info.ipi6_addr, local->ip, 16);
		put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	} else {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, local->ip, 4);
		put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
}

static void build_message(struct wire *w, const struct out_batch *b, size_t index, const uint8_t *at)
{
	const struct wire_group *g = &w->groups[index];
	const struct out_packet *p = &b->at[g->first];
	struct msghdr *m = &w->messages[index].msg_hdr;
	bool is_ipv6 = p->endpoint->remote.family == AF_INET6;
	size_t len = 0;
	int tos = p->tos;

	for (size_t i = 0; i < g->count; i++)
		len += p[i].len;
	w->pieces[index] = (struct iovec){ .iov_base = (void *)(uintptr_t)at, .iov_len = len };
	*m = (struct msghdr){
		.msg_name = (void *)(uintptr_t)&p->endpoint->to,
		.msg_namelen = p->endpoint->to_len,
		.msg_iov = &w->pieces[index],
		.msg_iovlen = 1,
		.msg_control = w->control[index],
	};
	memset(w->control[index], 0, WIRE_CONTROL);
	put_source(m, &p->endpoint->local);
	if (tos != 0)
		put_control(m, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
	if (g->count > 1) {
		uint16_t size = (uint16_t)p->len;

		put_control(m, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
}

/* How many packets from `first` on one UDP_SEGMENT call can carry: of one size, but for a shorter last one. */
static size_t group_len(const struct wire *w, const struct out_batch *b, size_t first)
{
	const struct out_packet *p = &b->at[first];
	size_t count = 1, total = p->len;

	size_t ip = p->endpoint->remote.family == AF_INET6 ? IPV6_HEADER : IPV4_HEADER;

	if (!p->sa->udp_encap || w->no_segment || ip + UDP_HEADER + p->len > p->endpoint->path_mtu)
		return 1;
	while (first + count < b->count && count < WIRE_SEGMENTS) {
		const struct out_packet *next = &p[count];

		if (next->sa != p->sa || next->endpoint != p->endpoint || next->tos != p->tos || next->len > p->len ||
		    total + next->len > WIRE_GSO_MAX)
			break;
		total += next->len;
		count++;
		if (next->len < p->len)
			break;
	}
	return count;
}

static bool wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, WIRE_WAIT_MS) > 0;
}

/* One by one: the kernel refused to segment, or the path got narrower. */
static void send_singly(struct wire *w, int fd, const struct out_batch *b, size_t index)
{
	const struct wire_group *g = &w->groups[index];
	struct msghdr m = w->messages[index].msg_hdr;
	uint8_t *at = w->pieces[index].iov_base;

	m.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
	for (size_t i = 0; i < g->count; i++) {
		struct iovec piece = { .iov_base = at, .iov_len = b->at[g->first + i].len };

		m.msg_iov = &piece;
		at += piece.iov_len;
		if (sendmsg(fd, &m, MSG_NOSIGNAL) >= 0)
			continue;
		if (errno == EMSGSIZE)
			w->shrunk = b->at[g->first].sa;
		counter_add(&w->failed, 1);
	}
}

/* What to do about the message that sendmmsg() stopped at; false: leave it. */
static bool retry_message(struct wire *w, int fd, const struct out_batch *b, size_t index, bool waited)
{
	bool segmented = w->groups[index].count > 1;

	switch (errno) {
	case EAGAIN:
		/* The device is full: the sender is slowed down, as a local one would be. */
		if (!waited && wait_writable(fd))
			return true;
		break;
	case EINTR:
		return true;
	case EINVAL: case EMSGSIZE: case EIO:
		if (segmented) {
			w->no_segment |= errno == EIO;
			send_singly(w, fd, b, index);
			return false;
		}
		w->shrunk = b->at[w->groups[index].first].sa;
		break;
	default:
		break;
	}
	counter_add(&w->failed, w->groups[index].count);
	return false;
}

static void send_groups(struct wire *w, const struct out_batch *b, int fd, size_t from, size_t to)
{
	bool waited = false;

	if (fd < 0) {
		for (; from < to; from++)
			counter_add(&w->failed, w->groups[from].count);
		return;
	}
	while (from < to) {
		int sent = sendmmsg(fd, w->messages + from, (unsigned)(to - from), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			from += (size_t)sent;
			waited = false;
		} else if (!retry_message(w, fd, b, from, waited)) {
			from++;
			waited = false;
		} else {
			waited = true;
		}
	}
}

void wire_send(struct wire *w, const struct out_batch *batch)
{
	const uint8_t *at = batch->buffer;
	size_t from = 0;
	int fd = -1;

	w->group_count = 0;
	for (size_t first = 0; first < batch->count; ) {
		struct wire_group *g = &w->groups[w->group_count];
		int needed = socket_for(w, &batch->at[first]);

		if (needed != fd && w->group_count > from) {
			send_groups(w, batch, fd, from, w->group_count);
			from = w->group_count;
		}
		fd = needed;
		*g = (struct wire_group){ first, group_len(w, batch, first) };
		build_message(w, batch, w->group_count, at);
		at += w->pieces[w->group_count].iov_len;
		first += g->count;
		w->group_count++;
	}
	send_groups(w, batch, fd, from, w->group_count);
}
