/* SPDX-License-Identifier: MIT */
/*
 * segment.h - cuts what the TUN device hands over into packets that fit: super-packets (TSO, USO) into the TCP segments and UDP
 * datagrams they stand for, and IPv4 packets that may be fragmented into fragments.
 */
#ifndef KEYFERRY_TUN_SEGMENT_H
#define KEYFERRY_TUN_SEGMENT_H
#include "packet.h"

enum cut { CUT_WHOLE, CUT_TCP, CUT_UDP, CUT_FRAGMENTS };

/* one packet thread */
struct segmenter {
	enum cut cut;
	const struct inner *in;
	const uint8_t *packet;
	size_t head;               /* octets before what is cut: IP, and TCP or UDP               */
	size_t step;               /* octets of each piece but the last                           */
	size_t at;                 /* next octet of the packet                                    */
	uint16_t index;            /* of the next piece                                           */
};

/*
 * Prepares to cut a parsed packet whose checksum is complete, unless `vnet` says that it is a super-packet. Pieces have at most `mtu` octets.
 * FAULT_INPUT: the headers contradict `vnet`; FAULT_FULL: it is too large and may not be cut.
 */
int segment_begin(struct segmenter *s, const struct vnet_header *vnet, const struct inner *in, const uint8_t *packet, size_t mtu) MUST_CHECK;
/* How long the next piece is, header and all; 0: there is none. */
size_t segment_size(const struct segmenter *s);
/* Writes the next piece: its IP header to `header`, what follows to `upper`. There must be one. */
void segment_next(struct segmenter *s, uint8_t *header, uint8_t *upper);

#endif
