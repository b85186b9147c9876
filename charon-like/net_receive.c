/* SPDX-License-Identifier: MIT */
/*
 * net_receive.c - reads batches from the UDP sockets and tells IKE, ESP and keepalives apart. What a message means is the
 * shard's business, what is inside ESP the kernel service's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <time.h>
/* It uses struct timespec without saying where that comes from. */
#include <linux/errqueue.h>

#include "net_private.h"

#include <stdio.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
	ROUNDS = 4,                  /* batches of one socket in one turn, so that none starves the others */
	ERRORS = 16,                 /* of the error queue in one turn                           */
};

/* What the ancillary data of a datagram say. */
struct arrival {
	struct address local;                /* family 0: not known                              */
	size_t segment;                      /* of a GRO super-packet, 0: one datagram           */
	uint8_t tos;                         /* TOS or traffic class                             */
	bool is_group;                       /* sent to a broadcast or multicast address         */
};

static void take_info4(struct arrival *a, const struct cmsghdr *cmsg)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	a->is_group = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
	a->local.family = AF_INET;
	memcpy(a->local.ip, &info.ipi_addr, 4);
}

static void take_info6(struct arrival *a, const struct cmsghdr *cmsg)
{
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	a->is_group = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
	a->local.family = AF_INET6;
	memcpy(a->local.ip, &info.ipi6_addr, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		a->local.scope = info.ipi6_ifindex;
}

static bool is_kind(const struct cmsghdr *cmsg, int level, int type, size_t len)
{
	return cmsg->cmsg_level == level && cmsg->cmsg_type == type && cmsg->cmsg_len >= CMSG_LEN(len);
}

static struct arrival read_ancillary(const struct net_socket *s, struct msghdr *msg)
{
	struct arrival a = { .local.port = s->port };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int segment, class;

		if (is_kind(c, IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo))) {
			take_info4(&a, c);
		} else if (is_kind(c, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo))) {
			take_info6(&a, c);
		} else if (is_kind(c, IPPROTO_UDP, UDP_GRO, sizeof(segment))) {
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			a.segment = segment > 0 ? (size_t)segment : 0;
		} else if (is_kind(c, IPPROTO_IP, IP_TOS, sizeof(a.tos))) {
			memcpy(&a.tos, CMSG_DATA(c), sizeof(a.tos));
		} else if (is_kind(c, IPPROTO_IPV6, IPV6_TCLASS, sizeof(class))) {
			memcpy(&class, CMSG_DATA(c), sizeof(class));
			a.tos = (uint8_t)class;
		}
	}
	return a;
}

static void hand_over_ike(struct net *net, const struct address *local, const struct address *remote,
			  bool is_nat, struct bytes message)
{
	/* An IKE header is never empty, and nothing we know sends more than MESSAGE_MAX. */
	if (message.len < HEADER_SIZE || message.len > MESSAGE_MAX)
		return;
	struct packet *packet = packet_new(local, remote, is_nat, message);
	/* Without memory it is lost, as it might have been on its way; the peer sends it again. */
	if (packet)
		(void)engine_dispatch(net->engine, packet);
}

static void flush_esp(struct net *net)
{
	if (net->run_count)
		net->kernel->receive(net->engine->kernel->state, net->runs, net->run_count);
	net->run_count = 0;
}

static void hand_over_esp(struct net *net, const struct esp_batch *run)
{
	if (run->len == 0 || !net->kernel)
		return;
	if (net->run_count == RUNS)
		flush_esp(net);
	net->runs[net->run_count++] = *run;
}

enum kind { KIND_NOTHING, KIND_IKE, KIND_ESP };

/* RFC 3948 2: what begins with four zeros is IKE (2.2), one octet of ones is a keepalive (2.3), the rest ESP (2.1). */
static enum kind kind_of(struct bytes datagram)
{
	static const uint8_t marker[MARKER_SIZE];

	if (datagram.len < MARKER_SIZE)
		return KIND_NOTHING;
	return memcmp(datagram.at, marker, MARKER_SIZE) == 0 ? KIND_IKE : KIND_ESP;
}

/*
 * One sender's datagrams: each is looked at, since GRO joins whatever has the same size, and stretches of ESP stay
 * together. `run` holds the addresses, and in data, len and segment the whole.
 */
static void split(struct net *net, const struct esp_batch *whole)
{
	struct esp_batch run = *whole;

	run.len = 0;
	for (size_t at = 0; at < whole->len;) {
		size_t left = whole->len - at;
		struct bytes one = bytes_of(whole->data + at, left < whole->segment ? left : whole->segment);
		enum kind kind = kind_of(one);

		at += one.len;
		if (kind == KIND_ESP) {
			run.len += one.len;
			continue;
		}
		hand_over_esp(net, &run);
		run.data = whole->data + at;
		run.len = 0;
		if (kind == KIND_IKE)
			hand_over_ike(net, &whole->local, &whole->remote, true,
				      bytes_of(one.at + MARKER_SIZE, one.len - MARKER_SIZE));
	}
	hand_over_esp(net, &run);
}

static void receive_one(struct net_socket *s, struct mmsghdr *message, uint8_t *data)
{
	struct arrival a = read_ancillary(s, &message->msg_hdr);
	struct esp_batch whole = { .local = a.local, .data = data, .len = message->msg_len, .tos = a.tos };

	if (a.is_group || (message->msg_hdr.msg_flags & MSG_TRUNC) || whole.len == 0 ||
	    address_from_socket(&whole.remote, message->msg_hdr.msg_name) != 0)
		return;
	whole.segment = a.segment ? a.segment : whole.len;
	if (s->is_nat)
		split(s->net, &whole);
	else
		hand_over_ike(s->net, &whole.local, &whole.remote, false, bytes_of(data, whole.len));
}

static int receive_batch(struct net_socket *s)
{
	struct inbox *inbox = s->net->inbox;

	for (size_t i = 0; i < BATCH; i++) {
		inbox->vectors[i] = (struct iovec){ inbox->buffers[i], DATAGRAM_MAX };
		inbox->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &inbox->from[i], .msg_namelen = sizeof(inbox->from[i]),
			.msg_iov = &inbox->vectors[i], .msg_iovlen = 1,
			.msg_control = inbox->ancillary[i].octets, .msg_controllen = ANCILLARY_SIZE,
		};
	}
	int count = recvmmsg(s->watch.fd, inbox->messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++)
		receive_one(s, &inbox->messages[i], inbox->buffers[i]);
	/* Before the buffers are read into again. */
	flush_esp(s->net);
	return count;
}

/* ---- errors that came back ---- */

static void report_error(const struct net *net, struct msghdr *msg)
{
	struct address to;
	char text[160];

	if (address_from_socket(&to, msg->msg_name) != 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct peer_context about = about_peer(net, &to);
		struct sock_extended_err e;

		if (!is_kind(c, IPPROTO_IP, IP_RECVERR, sizeof(e)) && !is_kind(c, IPPROTO_IPV6, IPV6_RECVERR, sizeof(e)))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_origin != SO_EE_ORIGIN_ICMP && e.ee_origin != SO_EE_ORIGIN_ICMP6)
			continue;
		snprintf(text, sizeof(text), "the network says that it is not reachable: %s%s", strerror((int)e.ee_errno),
			 e.ee_errno == ECONNREFUSED ? " (no IKE daemon listens on that port)" : "");
		log_at(&about.ctx, LEVEL_INFO, "unreachable", "%s", text);
		engine_hint(net->engine, &to, text);
	}
}

static void drain_errors(struct net_socket *s)
{
	struct sockaddr_storage to;
	union {
		uint8_t octets[ANCILLARY_SIZE * 2];
		struct cmsghdr align;
	} ancillary;
	uint8_t data[64];

	for (int i = 0; i < ERRORS; i++) {
		struct iovec vector = { data, sizeof(data) };
		struct msghdr msg = {
			.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &vector, .msg_iovlen = 1,
			.msg_control = ancillary.octets, .msg_controllen = sizeof(ancillary.octets),
		};

		if (recvmsg(s->watch.fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		report_error(s->net, &msg);
	}
}

/* A failing read tells of an earlier sending; it never ends the reading. */
void net_socket_ready(struct watch *watch, bool readable, bool writable)
{
	struct net_socket *s = CONTAINER(watch, struct net_socket, watch);

	(void)readable;
	(void)writable;
	for (int round = 0; round < ROUNDS; round++) {
		int count = receive_batch(s);

		if (count < 0 && !s->is_nat)
			drain_errors(s);
		if (count < BATCH)
			return;
	}
}
