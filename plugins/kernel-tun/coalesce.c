/* SPDX-License-Identifier: MIT */
/* coalesce.c - see coalesce.h. The inverse of segment.c: cut again, the same packets result. */
#include <linux/virtio_net.h>

#include "coalesce.h"

static struct iovec piece(uint8_t *at, size_t len)
{
	return (struct iovec){ .iov_base = at, .iov_len = len };
}

static void write_single(struct coalescer *c, uint8_t *packet, size_t len)
{
	uint8_t vnet[VNET_HEADER] = { 0 };
	struct iovec pieces[2] = { piece(vnet, sizeof(vnet)), piece(packet, len) };

	c->write(c->arg, pieces, 2);
}

/*
 * Plain data of an established flow, correct in every checksum that merging would replace: a damaged segment must stay
 * visible to its receiver.
 */
static bool may_merge(const struct inner *in, const uint8_t *packet, size_t tcp)
{
	const uint8_t *upper = packet + in->header_len;
	size_t ip = in->family == AF_INET ? IPV4_HEADER : IPV6_HEADER;
	size_t len = in->len - in->header_len;

	if (tcp == 0 || in->header_len != ip || len == tcp || (upper[13] & ~TCP_PSH) != TCP_ACK)
		return false;
	if (in->family == AF_INET && checksum_fold(checksum_add(0, packet, ip)) != 0)
		return false;
	return checksum_fold(checksum_add(checksum_pseudo(in, len), upper, len)) == 0;
}

static bool same_headers(const struct coalescer *c, const struct inner *in, const uint8_t *packet, size_t tcp)
{
	const uint8_t *a = c->packet, *b = packet;
	const uint8_t *ta = a + c->in.header_len, *tb = b + in->header_len;

	if (c->in.family != in->family || c->head != in->header_len + tcp)
		return false;
	if (in->family == AF_INET) {
		/* Version, TOS; flags, TTL, protocol; addresses. The id counts on, unless it means nothing (RFC 6864 4.1). */
		if (memcmp(a, b, 2) != 0 || memcmp(a + 6, b + 6, 4) != 0 || memcmp(a + 12, b + 12, 8) != 0 ||
		    (!(load_u16(b + 6) & IPV4_DF) && load_u16(b + 4) != c->next_id))
			return false;
	} else if (memcmp(a, b, 4) != 0 || memcmp(a + 6, b + 6, 34) != 0) {
		return false;
	}
	/* Ports; acknowledgement and header length; window; urgent pointer and options. */
	return memcmp(ta, tb, 4) == 0 && memcmp(ta + 8, tb + 8, 5) == 0 && memcmp(ta + 14, tb + 14, 2) == 0 &&
	       memcmp(ta + 18, tb + 18, tcp - 18) == 0;
}

static bool follows(const struct coalescer *c, const struct inner *in, const uint8_t *packet, size_t tcp)
{
	size_t payload = in->len - in->header_len - tcp;

	return c->count > 0 && c->count < COALESCE_PIECES && !c->closed && payload <= c->step &&
	       c->len + payload <= PACKET_MAX && same_headers(c, in, packet, tcp) &&
	       load_u32(packet + in->header_len + 4) == c->next_sequence;
}

static void append(struct coalescer *c, const struct inner *in, uint8_t *packet, size_t tcp)
{
	size_t head = in->header_len + tcp, payload = in->len - head;
	bool pushed = packet[in->header_len + 13] & TCP_PSH;

	if (c->count == 0) {
		c->in = *in;
		c->packet = packet;
		c->head = head;
		c->step = payload;
		c->len = head;
		c->pieces[1] = piece(packet, in->len);
	} else {
		c->packet[c->in.header_len + 13] |= pushed ? TCP_PSH : 0;
		c->pieces[1 + c->count] = piece(packet + head, payload);
	}
	c->len += payload;
	c->next_sequence = load_u32(packet + in->header_len + 4) + (uint32_t)payload;
	c->next_id = (uint16_t)(load_u16(packet + 4) + 1);
	c->closed = pushed || payload < c->step;
	c->count++;
}

void coalesce_add(struct coalescer *c, const struct inner *in, uint8_t *packet)
{
	size_t tcp = inner_tcp_header(in, packet);

	if (!may_merge(in, packet, tcp)) {
		coalesce_flush(c);
		write_single(c, packet, in->len);
		return;
	}
	if (!follows(c, in, packet, tcp))
		coalesce_flush(c);
	append(c, in, packet, tcp);
}

/* The checksum is left to the stack: it holds the pseudo header's sum, as TSO wants it. */
static void write_super(struct coalescer *c)
{
	size_t ip = c->in.header_len;
	struct vnet_header h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = c->in.family == AF_INET ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.header_len = (uint16_t)c->head,
		.gso_size = (uint16_t)c->step,
		.csum_start = (uint16_t)ip,
		.csum_offset = 16,
	};

	if (c->in.family == AF_INET) {
		store_u16(c->packet + 2, (uint16_t)c->len);
		checksum_ipv4(c->packet, ip);
	} else {
		store_u16(c->packet + 4, (uint16_t)(c->len - IPV6_HEADER));
	}
	store_sum(c->packet + ip + 16, (uint16_t)~checksum_fold(checksum_pseudo(&c->in, c->len - ip)));
	vnet_write(c->vnet, &h);
	c->pieces[0] = piece(c->vnet, sizeof(c->vnet));
	c->write(c->arg, c->pieces, 1 + c->count);
}

void coalesce_flush(struct coalescer *c)
{
	if (c->count == 1)
		write_single(c, c->packet, c->in.len);
	else if (c->count > 1)
		write_super(c);
	c->count = 0;
}
