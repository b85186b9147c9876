/* SPDX-License-Identifier: MIT */
/*
 * held.h - the first packets for children that have no SA yet, kept until there is one. When and whether they are sent is out.c's:
 * a held packet goes by the policies of that moment, as if it came from the device just then.
 */
#ifndef KEYFERRY_TUN_HELD_H
#define KEYFERRY_TUN_HELD_H
#include "packet.h"

#include <stdatomic.h>

enum {
	HELD_PACKETS_MAX = 128,    /* in all: 8 MiB if each were a super-packet                             */
	HELD_CHILD_MAX = 4,        /* each of another flow: a name is asked for in both families, in pairs  */
	HELD_MS = 30000,           /* by then who sent it has asked again, or given up                      */
	HELD_LOOK_MS = 1000,       /* how late one may be given up                                          */
	/*
	 * From the moment there is an SA. The peer has the whole of its side only after our last message, which left just before:
	 * a packet on the heels of that message would be lost there, or its answer.
	 */
	HELD_SETTLE_MS = 50,
};

struct held_packet {
	uint32_t child;
	uint64_t since;                /* milliseconds                                     */
	uint64_t due;                  /* when it may leave; 0: there is no SA yet         */
	struct vnet_header vnet;
	struct inner in;               /* points into `packet`                             */
	uint8_t *packet;               /* owned                                            */
};

/* the sending thread; `count` is read by all */
struct held {
	_Atomic size_t count;
	uint64_t generation;           /* of the policies, when the packets were looked at last */
	int wait;                      /* until they are to be looked at again, milliseconds    */
	struct held_packet at[HELD_PACKETS_MAX]; /* the oldest first                       */
};

/* False: its flow has one already, or its child has enough. */
bool held_wants(const struct held *h, uint32_t child, const struct inner *in);
/* There must be room. FAULT_MEMORY. */
int held_add(struct held *h, uint32_t child, const struct vnet_header *vnet, const struct inner *in, const uint8_t *packet,
	     uint64_t now) MUST_CHECK;
void held_remove(struct held *h, size_t index);

#endif
