/* SPDX-License-Identifier: MIT */
/* checksum.c - Internet checksums: IPv4 headers, TCP and UDP, whole and by difference. */
#include "packet.h"

static uint64_t add_carry(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

/* Eight octets at a time: the sum of 64-bit words folds to the same 16 bits as that of 16-bit words. */
uint64_t checksum_add(uint64_t sum, const uint8_t *at, size_t len)
{
	uint64_t other = 0;

	for (; len >= 16; at += 16, len -= 16) {
		uint64_t a, b;

		memcpy(&a, at, sizeof(a));
		memcpy(&b, at + 8, sizeof(b));
		sum = add_carry(sum, a);
		other = add_carry(other, b);
	}
	while (len > 0) {
		uint64_t rest = 0;
		size_t take = len < sizeof(rest) ? len : sizeof(rest);

		memcpy(&rest, at, take);
		sum = add_carry(sum, rest);
		at += take;
		len -= take;
	}
	return add_carry(sum, other);
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

uint64_t checksum_pseudo(const struct inner *in, size_t len)
{
	size_t octets = address_len(in->family);
	uint8_t tail[8] = { 0 };
	uint64_t sum = checksum_add(0, in->source, octets);

	sum = checksum_add(sum, in->destination, octets);
	store_u32(tail, (uint32_t)len);
	tail[7] = in->protocol;
	return checksum_add(sum, tail, sizeof(tail));
}

void checksum_ipv4(uint8_t *header, size_t header_len)
{
	store_u16(header + 10, 0);
	store_sum(header + 10, checksum_fold(checksum_add(0, header, header_len)));
}

void checksum_upper(const struct inner *in, uint8_t *packet)
{
	uint8_t *upper = packet + in->header_len;
	size_t len = in->len - in->header_len;
	size_t offset = in->protocol == IPPROTO_TCP ? 16 : 6;
	size_t least = in->protocol == IPPROTO_TCP ? (size_t)TCP_HEADER : (size_t)UDP_HEADER;

	if (in->fragment || (in->protocol != IPPROTO_TCP && in->protocol != IPPROTO_UDP) || len < least)
		return;
	store_u16(upper + offset, 0);
	uint16_t folded = checksum_fold(checksum_add(checksum_pseudo(in, len), upper, len));
	/* RFC 768: a computed zero is sent as all ones. */
	if (folded == 0 && in->protocol == IPPROTO_UDP)
		folded = 0xffff;
	store_sum(upper + offset, folded);
}

void checksum_replace(uint8_t checksum[2], uint16_t from, uint16_t to)
{
	uint32_t sum = (uint16_t)~load_u16(checksum);

	sum += (uint16_t)~from;
	sum += to;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	store_u16(checksum, (uint16_t)~sum);
}
