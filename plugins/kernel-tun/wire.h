/* SPDX-License-Identifier: MIT */
/* wire.h - sockets for ESP: raw ones of our own, the daemon's for UDP encapsulation; sending in batches; the path's MTU. */
#ifndef KEYFERRY_TUN_WIRE_H
#define KEYFERRY_TUN_WIRE_H
#include "out.h"

enum {
	WIRE_CONTROL = 128,        /* control messages of one message: source, TOS, segment size  */
	WIRE_SEGMENTS = 64,        /* of one UDP_SEGMENT call (UDP_MAX_SEGMENTS of older kernels) */
	WIRE_GSO_MAX = 65000,      /* octets of one UDP_SEGMENT call                              */
	WIRE_WAIT_MS = 10,
	WIRE_BUFFER = 8 * 1024 * 1024,
};

/* A run of packets that one message carries. */
struct wire_group {
	size_t first, count;
};

/* `send` part: the sending thread; sockets: fixed while it runs */
struct wire {
	const struct kernel_host *host;
	int raw[2];                /* IPv4, IPv6; -1: not available                               */
	_Atomic int clear[2];      /* raw, for packets that bypass the device; -1: nobody needed it yet */
	int probe[2];              /* UDP, to ask for the MTU of a path; under the writers' lock  */
	bool no_segment;           /* the kernel has no UDP_SEGMENT                               */
	struct esp_sa *shrunk;         /* its packets were too large for the path; until epoch_leave() */
	_Atomic uint64_t failed;   /* packets that could not be sent                              */
	size_t group_count;
	struct wire_group groups[OUT_PACKETS];
	struct mmsghdr messages[OUT_PACKETS];
	struct iovec pieces[OUT_PACKETS];
	_Alignas(struct cmsghdr) uint8_t control[OUT_PACKETS][WIRE_CONTROL];
};

/* A family that the host lacks is left out; raw sockets that it refuses too, with a line. */
void wire_open(struct wire *w, const struct kernel_host *host);
void wire_close(struct wire *w);
/* Sends all of the batch. */
void wire_send(struct wire *w, const struct out_batch *batch);
/* Under the writers' lock; once is enough. FAULT_PERMISSION, FAULT_SYSTEM. */
int wire_open_clear(struct wire *w, uint8_t family) MUST_CHECK;
/* The sending thread: a whole IP packet as it is, the way that it takes without the device. */
bool wire_send_clear(struct wire *w, const struct inner *in, const uint8_t *packet, size_t len);
/* Largest packet on the way to a peer. */
uint16_t wire_path_mtu(struct wire *w, const struct address *remote);

#endif
