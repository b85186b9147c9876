/* SPDX-License-Identifier: MIT */
/*
 * packet.h - inner packets: what their headers say, their checksums, and the virtio header that the TUN device puts
 * before them. Only inner_parse() walks over headers; what it found may then be read and changed by offset.
 */
#ifndef KEYFERRY_TUN_PACKET_H
#define KEYFERRY_TUN_PACKET_H
#include "address.h"

enum {
	PACKET_MAX = 65535,        /* octets of an IP packet, super-packets too             */
	IPV6_MTU_MIN = 1280,       /* RFC 8200 5                                           */
	IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, UDP_HEADER = 8,
	HEADERS_MAX = 60 + 60,     /* IPv4 with options and TCP with options                */
	VNET_HEADER = 10,          /* struct virtio_net_hdr, without num_buffers            */
	VNET_GSO_UDP = 5,          /* VIRTIO_NET_HDR_GSO_UDP_L4, which older headers lack   */
	IPV4_DF = 0x4000, IPV4_MF = 0x2000, IPV4_OFFSET = 0x1fff,
	ECN_MASK = 3, ECN_CE = 3,
	TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_CWR = 0x80,
};

/* One packet as its headers describe it; `source` and `destination` point into the packet. */
struct inner {
	uint8_t family;
	uint8_t protocol;          /* of the upper layer, behind IPv6 extension headers     */
	uint8_t tos;               /* or traffic class                                      */
	bool fragment;             /* any, the first too                                    */
	bool has_ports;            /* never for fragments: the later ones have none         */
	uint16_t source_port, destination_port; /* ICMP: both are type << 8 | code          */
	size_t header_len;         /* IP header with options or extension headers           */
	size_t len;                /* the whole packet, without what may follow it          */
	const uint8_t *source, *destination;
};

/* What TUN reads and writes before a packet (IFF_VNET_HDR), in the host's octet order. */
struct vnet_header {
	uint8_t flags, gso_type;
	uint16_t header_len, gso_size, csum_start, csum_offset;
};

/* FAULT_INPUT: no IPv4 or IPv6 packet that is whole. */
int inner_parse(struct inner *out, struct bytes packet) MUST_CHECK;
/* TCP header's length, or 0 when the packet holds no whole one (also: is a fragment, is not TCP). */
size_t inner_tcp_header(const struct inner *in, const uint8_t *packet);
/* `side` of the packet: its address, with `protocol` and `port` of it, is what the selector selects. */
bool selector_takes(const struct selector *s, const struct inner *in, bool destination);

void vnet_read(struct vnet_header *out, const uint8_t at[VNET_HEADER]);
void vnet_write(uint8_t at[VNET_HEADER], const struct vnet_header *h);
/* Fills a checksum that the stack left to the device. FAULT_INPUT when the header points outside of the packet. */
int vnet_complete(const struct vnet_header *h, uint8_t *packet, size_t len) MUST_CHECK;

/*
 * Ones' complement sums (RFC 1071) in the host's order, so that no octet is swapped: pieces are added, each of even length
 * but the last, then folded. store_sum() writes what checksum_fold() gave.
 */
uint64_t checksum_add(uint64_t sum, const uint8_t *at, size_t len);
uint16_t checksum_fold(uint64_t sum);
/* Of the pseudo header of a segment of `len` octets. */
uint64_t checksum_pseudo(const struct inner *in, size_t len);
void checksum_ipv4(uint8_t *header, size_t header_len);
/* Writes a TCP or UDP checksum over the whole segment; other protocols and fragments are left alone. */
void checksum_upper(const struct inner *in, uint8_t *packet);
/* RFC 1624: `checksum` after a 16-bit word under it changed. */
void checksum_replace(uint8_t checksum[2], uint16_t from, uint16_t to);
/* Lowers the MSS option of a TCP SYN to what fits into `mtu`; its checksum must be complete. */
void inner_clamp_mss(const struct inner *in, uint8_t *packet, size_t mtu);
/* Rewrites the ECN bits of a header to CE, where the flow knows ECN (RFC 4301 5.1.2). */
void inner_set_ce(uint8_t *packet);

static inline uint16_t load_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t load_u32(const uint8_t *at)
{
	return (uint32_t)load_u16(at) << 16 | load_u16(at + 2);
}

static inline void store_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void store_u32(uint8_t *at, uint32_t value)
{
	store_u16(at, (uint16_t)(value >> 16));
	store_u16(at + 2, (uint16_t)value);
}

static inline void store_u64(uint8_t *at, uint64_t value)
{
	store_u32(at, (uint32_t)(value >> 32));
	store_u32(at + 4, (uint32_t)value);
}

static inline void store_sum(uint8_t *at, uint16_t folded)
{
	memcpy(at, &folded, sizeof(folded));
}

#endif
