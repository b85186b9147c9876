/* SPDX-License-Identifier: MIT */
/* inner.c - reads and mends inner packets: headers, selectors, the MSS of a SYN, what the stack left to the device. */
#include <linux/virtio_net.h>

#include "packet.h"

enum { EXTENSIONS_MAX = 8 };     /* extension headers of one IPv6 packet that are looked behind */

static void read_ports(struct inner *in, struct reader r)
{
	switch (in->protocol) {
	case IPPROTO_TCP: case IPPROTO_UDP: case IPPROTO_UDPLITE: case IPPROTO_SCTP: case IPPROTO_DCCP:
		in->source_port = read_u16(&r);
		in->destination_port = read_u16(&r);
		break;
	case IPPROTO_ICMP: case IPPROTO_ICMPV6:
		in->source_port = in->destination_port = read_u16(&r);
		break;
	default:
		return;
	}
	in->has_ports = !r.failed;
}

static int parse_ipv4(struct inner *in, struct bytes packet)
{
	struct reader r = reader_over(packet);
	size_t words = read_u8(&r) & 15;

	in->family = AF_INET;
	in->tos = read_u8(&r);
	in->len = read_u16(&r);
	(void)read_u16(&r);
	in->fragment = (read_u16(&r) & (IPV4_MF | IPV4_OFFSET)) != 0;
	(void)read_u8(&r);
	in->protocol = read_u8(&r);
	(void)read_u16(&r);
	in->source = read_bytes(&r, 4).at;
	in->destination = read_bytes(&r, 4).at;
	in->header_len = words * 4;
	if (r.failed || words < 5 || in->len < in->header_len || in->len > packet.len)
		return FAULT_INPUT;
	if (!in->fragment)
		read_ports(in, reader_over(bytes_of(packet.at + in->header_len, in->len - in->header_len)));
	return 0;
}

/* Steps over one extension header; false: `next` is none, the upper layer begins here. */
static bool skip_extension(struct inner *in, struct reader *r, uint8_t *next)
{
	size_t len;

	switch (*next) {
	case IPPROTO_HOPOPTS: case IPPROTO_ROUTING: case IPPROTO_DSTOPTS:
		*next = read_u8(r);
		len = read_u8(r);
		(void)read_bytes(r, len * 8 + 6);
		return true;
	case IPPROTO_FRAGMENT:
		*next = read_u8(r);
		(void)read_bytes(r, 7);
		in->fragment = true;
		/* What follows is only the first fragment's to read. */
		return false;
	default:
		return false;
	}
}

static int parse_ipv6(struct inner *in, struct bytes packet)
{
	struct reader r = reader_over(packet);
	uint32_t head = read_u32(&r);
	size_t payload = read_u16(&r);
	uint8_t next = read_u8(&r);

	in->family = AF_INET6;
	in->tos = (uint8_t)(head >> 20);
	(void)read_u8(&r);
	in->source = read_bytes(&r, 16).at;
	in->destination = read_bytes(&r, 16).at;
	in->len = IPV6_HEADER + payload;
	if (r.failed || in->len > packet.len)
		return FAULT_INPUT;
	r = reader_over(bytes_of(packet.at + IPV6_HEADER, payload));
	unsigned count = 0;
	while (skip_extension(in, &r, &next))
		if (++count > EXTENSIONS_MAX)
			return FAULT_INPUT;
	if (r.failed)
		return FAULT_INPUT;
	in->protocol = next;
	in->header_len = in->len - reader_left(&r);
	if (!in->fragment)
		read_ports(in, r);
	return 0;
}

int inner_parse(struct inner *out, struct bytes packet)
{
	*out = (struct inner){ 0 };
	if (packet.len == 0)
		return FAULT_INPUT;
	switch (packet.at[0] >> 4) {
	case 4:
		return parse_ipv4(out, packet);
	case 6:
		return parse_ipv6(out, packet);
	default:
		return FAULT_INPUT;
	}
}

size_t inner_tcp_header(const struct inner *in, const uint8_t *packet)
{
	size_t left = in->len - in->header_len;

	if (in->fragment || in->protocol != IPPROTO_TCP || left < TCP_HEADER)
		return 0;
	size_t len = (size_t)(packet[in->header_len + 12] >> 4) * 4;
	return len < TCP_HEADER || len > left ? 0 : len;
}

bool selector_takes(const struct selector *s, const struct inner *in, bool destination)
{
	const uint8_t *ip = destination ? in->destination : in->source;
	size_t len = address_len(in->family);

	if (s->range.family != 0 && (s->range.family != in->family || memcmp(ip, s->range.first, len) < 0 ||
				     memcmp(ip, s->range.last, len) > 0))
		return false;
	if (s->protocol == 0)
		return true;
	if (s->protocol != in->protocol)
		return false;
	return s->port == 0 || (in->has_ports && s->port == (destination ? in->destination_port : in->source_port));
}

void vnet_read(struct vnet_header *out, const uint8_t at[VNET_HEADER])
{
	out->flags = at[0];
	out->gso_type = at[1];
	memcpy(&out->header_len, at + 2, 2);
	memcpy(&out->gso_size, at + 4, 2);
	memcpy(&out->csum_start, at + 6, 2);
	memcpy(&out->csum_offset, at + 8, 2);
}

void vnet_write(uint8_t at[VNET_HEADER], const struct vnet_header *h)
{
	at[0] = h->flags;
	at[1] = h->gso_type;
	memcpy(at + 2, &h->header_len, 2);
	memcpy(at + 4, &h->gso_size, 2);
	memcpy(at + 6, &h->csum_start, 2);
	memcpy(at + 8, &h->csum_offset, 2);
}

int vnet_complete(const struct vnet_header *h, uint8_t *packet, size_t len)
{
	size_t at = (size_t)h->csum_start + h->csum_offset;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 0;
	if (h->csum_start > len || at + 2 > len)
		return FAULT_INPUT;
	/* The field already holds the pseudo header's sum, so that it is summed like everything else. */
	uint16_t folded = checksum_fold(checksum_add(0, packet + h->csum_start, len - h->csum_start));
	if (folded == 0 && h->csum_offset == 6)
		folded = 0xffff;
	store_sum(packet + at, folded);
	return 0;
}

/* Where the value of the MSS option stands; 0: there is none. */
static size_t find_mss(const uint8_t *packet, size_t tcp, size_t tcp_len)
{
	struct reader r = reader_over(bytes_of(packet + tcp + TCP_HEADER, tcp_len - TCP_HEADER));

	while (reader_left(&r) > 0) {
		uint8_t kind = read_u8(&r);

		if (kind == 0)
			return 0;
		if (kind == 1)
			continue;
		size_t len = read_u8(&r);
		size_t at = tcp + tcp_len - reader_left(&r);
		if (r.failed || len < 2)
			return 0;
		if (read_bytes(&r, len - 2).at && kind == 2 && len == 4)
			return at;
	}
	return 0;
}

void inner_clamp_mss(const struct inner *in, uint8_t *packet, size_t mtu)
{
	size_t tcp_len = inner_tcp_header(in, packet);
	size_t headers = (in->family == AF_INET ? IPV4_HEADER : IPV6_HEADER) + TCP_HEADER;

	if (tcp_len <= TCP_HEADER || !(packet[in->header_len + 13] & TCP_SYN) || mtu <= headers || mtu - headers > UINT16_MAX)
		return;
	size_t at = find_mss(packet, in->header_len, tcp_len);
	uint16_t limit = (uint16_t)(mtu - headers);
	if (at == 0 || load_u16(packet + at) <= limit)
		return;
	/* A word at an odd offset counts with its octets swapped (RFC 1071 2). */
	bool odd = (at - in->header_len) % 2 != 0;
	uint16_t before = load_u16(packet + at);
	store_u16(packet + at, limit);
	checksum_replace(packet + in->header_len + 16, odd ? __builtin_bswap16(before) : before,
			 odd ? __builtin_bswap16(limit) : limit);
}

void inner_set_ce(uint8_t *packet)
{
	if (packet[0] >> 4 == 6) {
		if (packet[1] & ECN_MASK << 4)
			packet[1] |= ECN_CE << 4;
		return;
	}
	uint16_t before = load_u16(packet);
	if (!(packet[1] & ECN_MASK))
		return;
	packet[1] |= ECN_CE;
	checksum_replace(packet + 10, before, load_u16(packet));
}
