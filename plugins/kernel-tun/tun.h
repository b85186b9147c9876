/* SPDX-License-Identifier: MIT */
/* tun.h - the plugin's state: device, routes, sockets, tables, and the threads that move packets between them. */
#ifndef KEYFERRY_TUN_TUN_H
#define KEYFERRY_TUN_TUN_H
#include "device.h"
#include "in.h"
#include "out.h"
#include "route.h"
#include "wire.h"

enum { RAW_MESSAGES = 32, RAW_OCTETS = 65536, RAW_CONTROL = 128, LEFTOVERS_MS = 5000 };

/* Attributes of <plugin name="kernel-tun">. */
struct tun_options {
	const char *device;
	unsigned mtu, table, priority;
};

/* The thread that reads raw sockets. */
struct raw_worker {
	struct in_worker in;
	struct mmsghdr messages[RAW_MESSAGES];
	struct iovec pieces[RAW_MESSAGES];
	struct sockaddr_storage from[RAW_MESSAGES];
	_Alignas(struct cmsghdr) uint8_t control[RAW_MESSAGES][RAW_CONTROL];
	uint8_t octets[RAW_MESSAGES][RAW_OCTETS];
};

struct tun {
	struct tun_options options;
	struct kernel_host host;           /* fixed while attached                                    */
	bool attached;
	struct device device;
	struct netlink netlink;            /* under tables.lock                                       */
	struct routes routes;              /* under tables.lock                                       */
	uint64_t leftovers_until;          /* 0: there are none. The sending thread's once it runs    */
	struct tables tables;
	struct wire wire;
	pthread_t out_thread, raw_thread;
	bool has_out_thread, has_raw_thread;
	int wake[2];                       /* eventfd of each thread                                  */
	_Atomic bool stopping;
	struct out_worker out;
	struct in_worker udp;              /* net's thread                                            */
	struct raw_worker raw;
	uint8_t super[VNET_HEADER + PACKET_MAX];
};

/* Starts the threads; FAULT_SYSTEM (logged). */
int threads_start(struct tun *t) MUST_CHECK;
void threads_stop(struct tun *t);
/* After a change: lets the sending thread look after what is retired or held. */
void threads_wake(struct tun *t);
/* Asks for the path's MTU again. */
void tun_refresh(struct tun *t, uint32_t spi, const struct address *remote);
/* Packets for the device from any thread of ours. */
void tun_write(void *tun, const struct iovec *pieces, size_t count);

extern const struct kernel_ipsec tun_ops;

#endif
