/* SPDX-License-Identifier: MIT */
/* segment.c - see segment.h. What it makes of a super-packet is what the stack would have sent without offloading. */
#include <linux/virtio_net.h>

#include "segment.h"

static int begin_tcp(struct segmenter *s, const struct vnet_header *vnet, size_t mtu)
{
	size_t tcp = inner_tcp_header(s->in, s->packet);

	s->cut = CUT_TCP;
	s->head = s->in->header_len + tcp;
	/* A sender that does not know the tunnel's MTU yet: TCP does not mind smaller segments. */
	s->step = s->head + vnet->gso_size > mtu && mtu > s->head ? mtu - s->head : vnet->gso_size;
	return tcp == 0 ? FAULT_INPUT : s->head + s->step > mtu ? FAULT_FULL : 0;
}

static int begin_udp(struct segmenter *s, const struct vnet_header *vnet, size_t mtu)
{
	s->cut = CUT_UDP;
	s->head = s->in->header_len + UDP_HEADER;
	s->step = vnet->gso_size;
	if (s->in->protocol != IPPROTO_UDP || s->in->fragment || s->head > s->in->len)
		return FAULT_INPUT;
	return s->head + s->step > mtu ? FAULT_FULL : 0;
}

/* Where no port selects it a fragment travels like any packet. */
static int begin_fragments(struct segmenter *s, size_t mtu)
{
	s->cut = CUT_FRAGMENTS;
	s->head = s->in->header_len;
	if (s->in->family != AF_INET || load_u16(s->packet + 6) & IPV4_DF || mtu < s->head + 8)
		return FAULT_FULL;
	s->step = (mtu - s->head) / 8 * 8;
	return 0;
}

static int begin_cut(struct segmenter *s, const struct vnet_header *vnet, size_t mtu)
{
	uint8_t type = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	switch (type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		if (s->in->len > mtu)
			return begin_fragments(s, mtu);
		s->cut = CUT_WHOLE;
		s->head = s->in->header_len;
		s->step = s->in->len;
		return 0;
	case VIRTIO_NET_HDR_GSO_TCPV4: case VIRTIO_NET_HDR_GSO_TCPV6:
		return begin_tcp(s, vnet, mtu);
	case VNET_GSO_UDP:
		return begin_udp(s, vnet, mtu);
	default:
		return FAULT_INPUT;
	}
}

int segment_begin(struct segmenter *s, const struct vnet_header *vnet, const struct inner *in, const uint8_t *packet, size_t mtu)
{
	*s = (struct segmenter){ .in = in, .packet = packet };
	int fault = begin_cut(s, vnet, mtu);

	if (fault == 0 && s->step == 0)
		fault = FAULT_INPUT;
	s->at = s->head;
	return fault;
}

size_t segment_size(const struct segmenter *s)
{
	size_t left = s->in->len - s->at;

	/* A packet without payload is one piece all the same. */
	if (left == 0 && s->index > 0)
		return 0;
	return s->head + (left < s->step ? left : s->step);
}

static void fix_ip(const struct segmenter *s, uint8_t *header, size_t size, bool last)
{
	if (s->in->family == AF_INET6) {
		store_u16(header + 4, (uint16_t)(size - IPV6_HEADER));
		return;
	}
	store_u16(header + 2, (uint16_t)size);
	if (s->cut == CUT_FRAGMENTS) {
		uint16_t flags = load_u16(s->packet + 6);
		uint16_t more = last ? flags & IPV4_MF : IPV4_MF;

		store_u16(header + 6, (uint16_t)(more | ((flags & IPV4_OFFSET) + (s->at - s->head) / 8)));
	} else {
		store_u16(header + 4, (uint16_t)(load_u16(s->packet + 4) + s->index));
	}
	checksum_ipv4(header, s->in->header_len);
}

static void fix_upper(const struct segmenter *s, const uint8_t *header, uint8_t *upper, size_t size, bool last)
{
	struct inner piece = *s->in;
	size_t len = size - s->in->header_len;
	size_t checksum = s->cut == CUT_TCP ? 16 : 6;

	piece.source = header + (s->in->family == AF_INET ? 12 : 8);
	piece.destination = header + (s->in->family == AF_INET ? 16 : 24);
	if (s->cut == CUT_TCP) {
		store_u32(upper + 4, load_u32(upper + 4) + (uint32_t)(s->at - s->head));
		/* RFC 793: PSH and FIN belong to the end of the data; RFC 3168 6.1.2: CWR to its beginning. */
		if (!last)
			upper[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (s->index > 0)
			upper[13] &= (uint8_t)~TCP_CWR;
	} else {
		store_u16(upper + 4, (uint16_t)len);
	}
	store_u16(upper + checksum, 0);
	uint16_t folded = checksum_fold(checksum_add(checksum_pseudo(&piece, len), upper, len));
	if (folded == 0 && s->cut == CUT_UDP)
		folded = 0xffff;
	store_sum(upper + checksum, folded);
}

void segment_next(struct segmenter *s, uint8_t *header, uint8_t *upper)
{
	size_t size = segment_size(s), ip = s->in->header_len;
	bool last = s->at + (size - s->head) == s->in->len;

	memcpy(header, s->packet, ip);
	memcpy(upper, s->packet + ip, s->head - ip);
	memcpy(upper + (s->head - ip), s->packet + s->at, size - s->head);
	if (s->cut != CUT_WHOLE)
		fix_ip(s, header, size, last);
	if (s->cut == CUT_TCP || s->cut == CUT_UDP)
		fix_upper(s, header, upper, size, last);
	s->at += size - s->head;
	s->index++;
}
