/* SPDX-License-Identifier: MIT */
/* net_private.h - what net.c (sockets, sending) and net_receive.c share. */
#ifndef KEYFERRY_NET_PRIVATE_H
#define KEYFERRY_NET_PRIVATE_H
#include <sys/socket.h>

#include "net.h"

enum {
	SOCKET_COUNT = 4,
	DATAGRAM_MAX = 65536,        /* also the largest GRO super-packet                        */
	BATCH = 32,                  /* datagrams or super-packets in one recvmmsg()             */
	RUNS = 64,                   /* stretches of ESP handed over at once                     */
	ANCILLARY_SIZE = 256,        /* packet info, GRO's segment size, an extended error       */
	MARKER_SIZE = 4,             /* RFC 3948 2.2: non-ESP marker                             */
};

/* net's thread, but for sending; watch.fd -1: not open */
struct net_socket {
	struct watch watch;
	struct net *net;
	uint8_t family;
	bool is_nat;
	uint16_t port;
};

/* What recvmmsg() fills. */
struct inbox {
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_storage from[BATCH];
	union {
		uint8_t octets[ANCILLARY_SIZE];
		struct cmsghdr align;
	} ancillary[BATCH];
	uint8_t buffers[BATCH][DATAGRAM_MAX];
};

/* net's thread after net_start(); any thread sends */
struct net {
	const struct log_context *log;
	struct net_socket sockets[SOCKET_COUNT];
	struct loop *loop;
	struct engine *engine;
	const struct kernel_ipsec *kernel;   /* with a receive(), or NULL                        */
	struct esp_batch runs[RUNS];
	size_t run_count;
	struct inbox *inbox;
};

/* A line about one peer: repeats are counted per peer. */
struct peer_context {
	struct log_context ctx;
	const struct address *remote;
};

struct peer_context about_peer(const struct net *net, const struct address *remote);
/* Reads, tells IKE, ESP and keepalives apart, hands over; for watch.ready of a struct net_socket. */
void net_socket_ready(struct watch *watch, bool readable, bool writable);

#endif
