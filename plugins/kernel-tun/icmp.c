/* SPDX-License-Identifier: MIT */
/* icmp.c - see icmp.h. The answer comes from the address that was asked for: the only one that is sure to route back here. */
#include "icmp.h"

enum { ICMP_HEADER = 8, ICMP4_ANSWER_MAX = 576 };

bool icmp_may_send(struct icmp_limit *limit, uint64_t now)
{
	uint64_t earned = (now - limit->at) * ICMP_PER_SECOND / 1000;

	if (earned > 0) {
		limit->tokens = earned + limit->tokens > ICMP_BURST ? ICMP_BURST : limit->tokens + (uint32_t)earned;
		limit->at = now;
	}
	if (limit->tokens == 0)
		return false;
	limit->tokens--;
	return true;
}

/* RFC 1122 3.2.2, RFC 4443 2.4 (e): no error about an error, a later fragment, or what went or came to many. */
static bool may_answer(const struct inner *in, const uint8_t *packet)
{
	const uint8_t *upper = packet + in->header_len;

	if (in->family == AF_INET) {
		bool is_later = load_u16(packet + 6) & IPV4_OFFSET;
		bool is_error = in->protocol == IPPROTO_ICMP &&
				(in->len == in->header_len || (upper[0] != 8 && upper[0] != 0));

		return !is_later && !is_error && in->destination[0] < 224 && in->source[0] < 224 && in->source[0] != 0;
	}
	if (in->protocol == IPPROTO_ICMPV6 && (in->len == in->header_len || upper[0] < 128))
		return false;
	static const uint8_t any[16];
	return in->destination[0] != 0xff && in->source[0] != 0xff && memcmp(in->source, any, sizeof(any)) != 0;
}

static size_t answer_ipv4(uint8_t *out, const struct inner *in, const uint8_t *packet, enum icmp_kind kind, size_t mtu)
{
	size_t room = ICMP4_ANSWER_MAX - IPV4_HEADER - ICMP_HEADER;
	size_t quoted = in->len < room ? in->len : room;
	size_t len = IPV4_HEADER + ICMP_HEADER + quoted;
	uint8_t *icmp = out + IPV4_HEADER;

	memset(out, 0, IPV4_HEADER + ICMP_HEADER);
	out[0] = 0x45;
	store_u16(out + 2, (uint16_t)len);
	out[8] = 64;
	out[9] = IPPROTO_ICMP;
	memcpy(out + 12, in->destination, 4);
	memcpy(out + 16, in->source, 4);
	checksum_ipv4(out, IPV4_HEADER);
	/* Destination unreachable: fragmentation needed (RFC 1191 4), or communication prohibited (RFC 1812 5.2.7.1). */
	icmp[0] = 3;
	icmp[1] = kind == ICMP_TOO_BIG ? 4 : 13;
	if (kind == ICMP_TOO_BIG)
		store_u16(icmp + 6, (uint16_t)mtu);
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	store_sum(icmp + 2, checksum_fold(checksum_add(0, icmp, ICMP_HEADER + quoted)));
	return len;
}

static size_t answer_ipv6(uint8_t *out, const struct inner *in, const uint8_t *packet, enum icmp_kind kind, size_t mtu)
{
	size_t room = ICMP_ANSWER_MAX - IPV6_HEADER - ICMP_HEADER;
	size_t quoted = in->len < room ? in->len : room;
	uint8_t *icmp = out + IPV6_HEADER;

	memset(out, 0, IPV6_HEADER + ICMP_HEADER);
	out[0] = 0x60;
	store_u16(out + 4, (uint16_t)(ICMP_HEADER + quoted));
	out[6] = IPPROTO_ICMPV6;
	out[7] = 64;
	memcpy(out + 8, in->destination, 16);
	memcpy(out + 24, in->source, 16);
	/* RFC 4443: packet too big (3.2), or destination unreachable, prohibited (3.1). */
	icmp[0] = kind == ICMP_TOO_BIG ? 2 : 1;
	icmp[1] = kind == ICMP_TOO_BIG ? 0 : 1;
	if (kind == ICMP_TOO_BIG)
		store_u32(icmp + 4, (uint32_t)mtu);
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	struct inner answer = { .family = AF_INET6, .protocol = IPPROTO_ICMPV6, .source = out + 8, .destination = out + 24 };
	uint64_t sum = checksum_pseudo(&answer, ICMP_HEADER + quoted);
	store_sum(icmp + 2, checksum_fold(checksum_add(sum, icmp, ICMP_HEADER + quoted)));
	return IPV6_HEADER + ICMP_HEADER + quoted;
}

size_t icmp_answer(uint8_t out[ICMP_ANSWER_MAX], const struct inner *in, const uint8_t *packet, enum icmp_kind kind, size_t mtu)
{
	if (!may_answer(in, packet))
		return 0;
	if (in->family == AF_INET)
		return answer_ipv4(out, in, packet, kind, mtu);
	return answer_ipv6(out, in, packet, kind, mtu > IPV6_MTU_MIN ? mtu : IPV6_MTU_MIN);
}
