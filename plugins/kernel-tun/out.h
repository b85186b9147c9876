/* SPDX-License-Identifier: MIT */
/* out.h - the way out: a packet from the TUN device finds its policy and SA, is cut, sealed and collected into a batch. */
#ifndef KEYFERRY_TUN_OUT_H
#define KEYFERRY_TUN_OUT_H
#include "held.h"
#include "icmp.h"
#include "segment.h"
#include "table.h"

enum {
	OUT_PACKETS = 128,         /* of one batch                                              */
	OUT_BUFFER = 256 * 1024,
	OUT_ENOUGH = 32,           /* as many are sent before more is read                      */
	ACQUIRE_MS = 1000,
};

/* A sealed packet; `sa` and `endpoint` are valid until epoch_leave(). */
struct out_packet {
	struct esp_sa *sa;
	const struct endpoint *endpoint;
	size_t len;
	uint8_t tos;
};

/* Sealed packets, one behind the other. */
struct out_batch {
	size_t count, used;
	struct out_packet at[OUT_PACKETS];
	uint8_t buffer[OUT_BUFFER];
};

/* Why packets from the device went nowhere; one that is held counts when it is given up. */
struct out_counts {
	_Atomic uint64_t malformed, no_policy, no_sa, too_big, failed;
};

/* one packet thread */
struct out_worker {
	struct tables *tables;
	const struct kernel_host *host;
	/* Sends the batch and empties it. */
	void (*send)(void *arg, struct out_batch *batch);
	/* Gives a packet of ours to the device. */
	void (*answer)(void *arg, uint8_t *packet, size_t len);
	/* Sends a packet in the clear, beside the device; false: it cannot. */
	bool (*pass)(void *arg, const struct inner *in, const uint8_t *packet, size_t len);
	void *arg;
	uint64_t now;              /* milliseconds, set for each batch                          */
	struct flow_cache cache;
	struct icmp_limit limit;
	struct held held;
	struct out_counts counts;
	struct iv_pool pool;
	struct out_batch batch;
};

/* Takes a packet as the device gave it; may change it. Between epoch_enter() and epoch_leave(). */
void out_packet(struct out_worker *w, const struct vnet_header *vnet, uint8_t *packet, size_t len);
/*
 * What was held goes its way when there is an SA, or is given up when it is too old. After packets were taken, when policies or SAs
 * changed, and after `held.wait` while some are held. Between epoch_enter() and epoch_leave().
 */
void out_release(struct out_worker *w);
/* Sends what was collected. */
void out_flush(struct out_worker *w);
/* Gives up all that is held: at the end. */
void out_close(struct out_worker *w);

#endif
