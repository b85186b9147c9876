/* SPDX-License-Identifier: MIT */
/* in.c - see in.h. */
#include "in.h"

enum { TTL_DEFAULT = 64, NO_NEXT_HEADER = 59 };

/* Behind the SA's own selectors nothing passes (RFC 4301 5.2 step 4). */
static void deliver(struct in_worker *w, struct esp_sa *sa, const struct inner *in, uint8_t *packet, uint8_t outer_tos)
{
	uint16_t mtu = atomic_load_explicit(&sa->child->mtu, memory_order_relaxed);

	if (!selector_takes(&sa->remote_ts, in, false) || !selector_takes(&sa->local_ts, in, true)) {
		counter_add(&sa->outside_selector, 1);
		return;
	}
	if ((outer_tos & ECN_MASK) == ECN_CE && !sa->transport)
		inner_set_ce(packet);
	if (mtu > 0)
		inner_clamp_mss(in, packet, mtu);
	coalesce_add(&w->coalescer, in, packet);
}

static void write_ipv4(uint8_t *out, const struct esp_batch *from, size_t len, uint8_t protocol)
{
	memset(out, 0, IPV4_HEADER);
	out[0] = 0x45;
	out[1] = from->tos;
	store_u16(out + 2, (uint16_t)len);
	store_u16(out + 6, IPV4_DF);
	out[8] = TTL_DEFAULT;
	out[9] = protocol;
	memcpy(out + 12, from->remote.ip, 4);
	memcpy(out + 16, from->local.ip, 4);
	checksum_ipv4(out, IPV4_HEADER);
}

static void write_ipv6(uint8_t *out, const struct esp_batch *from, size_t len, uint8_t protocol)
{
	store_u32(out, UINT32_C(6) << 28 | (uint32_t)from->tos << 20);
	store_u16(out + 4, (uint16_t)(len - IPV6_HEADER));
	out[6] = protocol;
	out[7] = TTL_DEFAULT;
	memcpy(out + 8, from->remote.ip, 16);
	memcpy(out + 24, from->local.ip, 16);
}

/* The IP header is made again from the outer addresses; room for it before the payload is not sure, so it moves. */
static uint8_t *rebuild(struct in_worker *w, const struct esp_batch *from, const uint8_t *plain, size_t len, uint8_t protocol)
{
	size_t ip = from->remote.family == AF_INET ? IPV4_HEADER : IPV6_HEADER;

	if (ip + len > PACKET_MAX)
		return NULL;
	if (IN_BOUNCE - w->bounce_used < ip + len) {
		coalesce_flush(&w->coalescer);
		w->bounce_used = 0;
	}
	uint8_t *packet = w->bounce + w->bounce_used;
	w->bounce_used += ip + len;
	memcpy(packet + ip, plain, len);
	if (from->remote.family == AF_INET)
		write_ipv4(packet, from, ip + len, protocol);
	else
		write_ipv6(packet, from, ip + len, protocol);
	return packet;
}

static int take_transport(struct in_worker *w, struct esp_sa *sa, const struct esp_batch *from, const uint8_t *plain, size_t len, uint8_t next)
{
	size_t ip = from->remote.family == AF_INET ? IPV4_HEADER : IPV6_HEADER;
	uint8_t *packet = rebuild(w, from, plain, len, next);
	struct inner in;

	if (!packet || inner_parse(&in, bytes_of(packet, ip + len)))
		return FAULT_INPUT;
	/* RFC 3948 3.1.2 (2): a NAT changed the addresses that the checksum covers; the ICV vouches for the rest. */
	if (sa->udp_encap)
		checksum_upper(&in, packet);
	deliver(w, sa, &in, packet, from->tos);
	return 0;
}

static int take_tunnel(struct in_worker *w, struct esp_sa *sa, const struct esp_batch *from, uint8_t *plain, size_t len, uint8_t next)
{
	struct inner in;

	/* What follows the inner packet is padding against traffic analysis (RFC 4303 2.7). */
	if (inner_parse(&in, bytes_of(plain, len)) || next != (in.family == AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6))
		return FAULT_INPUT;
	deliver(w, sa, &in, plain, from->tos);
	return 0;
}

static void take_plain(struct in_worker *w, struct esp_sa *sa, const struct esp_batch *from, uint8_t *plain, size_t len, uint8_t next)
{
	counter_add(&sa->packets, 1);
	counter_add(&sa->bytes, len);
	esp_sa_check(sa, w->host);
	atomic_store_explicit(&sa->last_used, w->now, memory_order_relaxed);
	/* RFC 4303 2.6: a dummy. */
	if (next == NO_NEXT_HEADER)
		return;
	if (sa->transport ? take_transport(w, sa, from, plain, len, next) : take_tunnel(w, sa, from, plain, len, next))
		counter_add(&w->counts.malformed, 1);
}

/* All of a batch has one sender, so its addresses are compared once, or once for each turn of SAs within it. */
static bool is_elsewhere(struct in_worker *w, const struct esp_sa *sa, const struct esp_batch *from)
{
	if (sa == w->compared)
		return w->is_elsewhere;
	const struct endpoint *endpoint = atomic_load_explicit(&sa->endpoint, memory_order_acquire);
	w->compared = sa;
	w->is_elsewhere = sa->udp_encap && w->host->moved && !address_same(&endpoint->remote, &from->remote);
	return w->is_elsewhere;
}

/* Only the newest packet says where the peer is: an older one may have been delayed on its way from where it was. */
static void tell_moved(struct in_worker *w, struct esp_sa *sa, const struct esp_batch *from, const uint8_t *esp)
{
	bool is_newest = load_u32(esp + 4) == (uint32_t)sa->replay.top;

	if (!is_newest || (sa->moved_at != 0 && w->now - sa->moved_at < MOVED_MS))
		return;
	sa->moved_at = w->now ? w->now : 1;
	w->host->moved(w->host->arg, sa->spi, &from->local, &from->remote);
}

static void take_esp(struct in_worker *w, const struct esp_batch *from, uint8_t *esp, size_t len)
{
	struct esp_sa *sa = len < ESP_HEADER ? NULL : tables_inbound(w->tables, load_u32(esp));
	uint8_t *plain, next_header;
	size_t plain_len;

	if (!sa || sa->spent || sa->udp_encap != (w->reader == READER_UDP)) {
		counter_add(&w->counts.no_sa, 1);
		return;
	}
	switch (esp_open(sa, esp, len, &plain, &plain_len, &next_header)) {
	case ESP_OK:
		if (is_elsewhere(w, sa, from))
			tell_moved(w, sa, from, esp);
		take_plain(w, sa, from, plain, plain_len, next_header);
		break;
	case ESP_REPLAYED:
		counter_add(&sa->replayed, 1);
		break;
	case ESP_BAD_ICV:
		counter_add(&sa->bad_icv, 1);
		break;
	case ESP_MALFORMED:
		counter_add(&w->counts.malformed, 1);
		break;
	}
}

void in_batch(struct in_worker *w, const struct esp_batch *batch)
{
	size_t step = batch->segment ? batch->segment : batch->len;

	w->compared = NULL;
	for (size_t at = 0; at < batch->len; at += step)
		take_esp(w, batch, batch->data + at, batch->len - at < step ? batch->len - at : step);
}

void in_flush(struct in_worker *w)
{
	coalesce_flush(&w->coalescer);
	w->bounce_used = 0;
}
