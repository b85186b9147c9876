/* SPDX-License-Identifier: MIT */
/* out.c - see out.h. A packet that a policy selects leaves sealed or not at all. */
#include <linux/virtio_net.h>

#include "out.h"

static void answer(struct out_worker *w, const struct inner *in, const uint8_t *packet, enum icmp_kind kind, size_t mtu)
{
	uint8_t out[ICMP_ANSWER_MAX];

	if (!icmp_may_send(&w->limit, w->now))
		return;
	size_t len = icmp_answer(out, in, packet, kind, mtu);
	if (len > 0)
		w->answer(w->arg, out, len);
}

static void give_up(struct out_worker *w, size_t index)
{
	held_remove(&w->held, index);
	counter_add(&w->counts.no_sa, 1);
}

/* Where there is no room the one that has waited longest goes: of all its sender has most likely given up. */
static void hold(struct out_worker *w, const struct esp_child *child, const struct vnet_header *vnet, const struct inner *in,
		 const uint8_t *packet)
{
	size_t count = atomic_load(&w->held.count);
	bool is_wanted = held_wants(&w->held, child->id, in);

	if (count == 0)
		w->held.generation = w->cache.generation;
	if (is_wanted && count == HELD_PACKETS_MAX)
		give_up(w, 0);
	if (!is_wanted || held_add(&w->held, child->id, vnet, in, packet, w->now))
		counter_add(&w->counts.no_sa, 1);
}

/*
 * With an SA on its way the sender is told nothing: it will try again, while an ICMP error would end the attempt.
 */
static void refuse(struct out_worker *w, const struct policy *policy, const struct vnet_header *vnet, const struct inner *in,
		   const uint8_t *packet)
{
	struct esp_child *child = policy->child;
	uint64_t last = atomic_load_explicit(&child->acquired_at, memory_order_relaxed);

	if (!policy->want_acquire) {
		counter_add(&w->counts.no_sa, 1);
		answer(w, in, packet, ICMP_PROHIBITED, 0);
		return;
	}
	hold(w, child, vnet, in, packet);
	if (last != 0 && w->now - last < ACQUIRE_MS)
		return;
	atomic_store_explicit(&child->acquired_at, w->now ? w->now : 1, memory_order_relaxed);
	w->host->acquire(w->host->arg, child->id);
}

/* In transport mode the inner header is the outer one, which the socket makes: it can be no other than usual. */
static bool fits_transport(const struct inner *in, const struct endpoint *e)
{
	size_t len = address_len(in->family);

	return in->family == e->remote.family && !in->fragment &&
	       in->header_len == (in->family == AF_INET ? IPV4_HEADER : IPV6_HEADER) &&
	       memcmp(in->destination, e->remote.ip, len) == 0 && memcmp(in->source, e->local.ip, len) == 0;
}

/*
 * Transport mode protects whole packets only (RFC 4303 3.3.4), so what is no TCP, which can be told to send less, may be larger than
 * the path: then ESP is fragmented on it.
 */
static int begin(struct segmenter *s, const struct esp_sa *sa, size_t mtu, const struct vnet_header *vnet, const struct inner *in,
		 const uint8_t *packet)
{
	bool is_super = vnet->gso_type != VIRTIO_NET_HDR_GSO_NONE;

	if (sa->transport && in->protocol != IPPROTO_TCP && !is_super)
		mtu = PACKET_MAX;
	else if (sa->transport && in->len > mtu && !is_super)
		return FAULT_FULL;
	return segment_begin(s, vnet, in, packet, mtu);
}

static bool seal_piece(struct out_worker *w, struct esp_sa *sa, const struct endpoint *endpoint, struct segmenter *s)
{
	struct out_batch *b = &w->batch;
	uint8_t header[HEADERS_MAX];
	size_t size = segment_size(s), ip = s->in->header_len;
	uint8_t next_header = s->in->protocol;

	if (b->count == OUT_PACKETS || OUT_BUFFER - b->used < size + ESP_GROWTH_MAX)
		out_flush(w);
	uint8_t *esp = b->buffer + b->used, *plain = esp + esp_sa_plain_offset(sa);
	if (sa->transport) {
		segment_next(s, header, plain);
		size -= ip;
	} else {
		segment_next(s, plain, plain + ip);
		next_header = s->in->family == AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;
	}
	size_t len = esp_seal(sa, &w->pool, esp, size, next_header);
	if (len > 0) {
		b->at[b->count++] = (struct out_packet){ .sa = sa, .endpoint = endpoint, .len = len, .tos = s->in->tos };
		b->used += len;
		counter_add(&sa->packets, 1);
		counter_add(&sa->bytes, size);
	}
	esp_sa_check(sa, w->host);
	return len > 0;
}

static void protect(struct out_worker *w, struct esp_sa *sa, const struct vnet_header *vnet, struct inner *in, uint8_t *packet)
{
	const struct endpoint *endpoint = atomic_load_explicit(&sa->endpoint, memory_order_acquire);
	struct segmenter s;

	if (sa->transport && !fits_transport(in, endpoint)) {
		counter_add(&w->counts.malformed, 1);
		return;
	}
	if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		inner_clamp_mss(in, packet, endpoint->mtu);
	int fault = begin(&s, sa, endpoint->mtu, vnet, in, packet);
	if (fault == FAULT_FULL) {
		counter_add(&w->counts.too_big, 1);
		answer(w, in, packet, ICMP_TOO_BIG, endpoint->mtu);
		return;
	}
	if (fault) {
		counter_add(&w->counts.malformed, 1);
		return;
	}
	while (segment_size(&s) > 0)
		if (!seal_piece(w, sa, endpoint, &s)) {
			counter_add(&w->counts.failed, 1);
			return;
		}
	atomic_store_explicit(&sa->last_used, w->now, memory_order_relaxed);
}

static void carry(struct out_worker *w, struct esp_sa *sa, const struct vnet_header *vnet, struct inner *in, uint8_t *packet)
{
	if (selector_takes(&sa->remote_ts, in, true) && selector_takes(&sa->local_ts, in, false))
		protect(w, sa, vnet, in, packet);
	else
		/* Narrower than the policy: the peer would drop it, or it is another peer's. */
		counter_add(&sa->outside_selector, 1);
}

/* As the device would have sent it: a super-packet in pieces. */
static void pass(struct out_worker *w, const struct vnet_header *vnet, const struct inner *in, const uint8_t *packet)
{
	uint8_t *piece = w->batch.buffer;
	struct segmenter s;
	size_t size;

	out_flush(w);
	if (segment_begin(&s, vnet, in, packet, PACKET_MAX)) {
		counter_add(&w->counts.malformed, 1);
		return;
	}
	while ((size = segment_size(&s)) > 0) {
		segment_next(&s, piece, piece + in->header_len);
		if (!w->pass(w->arg, in, piece, size))
			counter_add(&w->counts.failed, 1);
	}
}

static void shunt(struct out_worker *w, struct policy *policy, const struct vnet_header *vnet, const struct inner *in, const uint8_t *packet)
{
	if (policy->action == IPSEC_DROP)
		counter_add(&policy->dropped, 1);
	else
		pass(w, vnet, in, packet);
}

void out_packet(struct out_worker *w, const struct vnet_header *vnet, uint8_t *packet, size_t len)
{
	struct inner in;

	if (inner_parse(&in, bytes_of(packet, len)) ||
	    (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE && vnet_complete(vnet, packet, in.len))) {
		counter_add(&w->counts.malformed, 1);
		return;
	}
	struct policy *policy = policies_find(&w->tables->policies, &w->cache, &in);
	if (!policy || policy->action != IPSEC_PROTECT) {
		if (policy)
			shunt(w, policy, vnet, &in, packet);
		else
			counter_add(&w->counts.no_policy, 1);
		return;
	}
	struct esp_sa *sa = atomic_load_explicit(&policy->child->out, memory_order_acquire);
	if (sa)
		carry(w, sa, vnet, &in, packet);
	else
		refuse(w, policy, vnet, &in, packet);
}

/* False: it waits on. Its policy is looked up again, for the one that held it may be gone, or another child protects it now. */
static bool release(struct out_worker *w, struct held_packet *p, bool has_changed)
{
	if (w->now - p->since >= HELD_MS) {
		counter_add(&w->counts.no_sa, 1);
		return true;
	}
	if (!has_changed && (p->due == 0 || w->now < p->due))
		return false;
	const struct policy *policy = policies_find(&w->tables->policies, &w->cache, &p->in);
	struct esp_sa *sa = policy ? atomic_load_explicit(&policy->child->out, memory_order_acquire) : NULL;

	if (!sa)
		p->due = 0;
	else if (p->due == 0)
		p->due = w->now + HELD_SETTLE_MS;
	if (sa ? w->now < p->due : policy && policy->want_acquire)
		return false;
	if (sa)
		carry(w, sa, &p->vnet, &p->in, p->packet);
	else
		counter_add(policy ? &w->counts.no_sa : &w->counts.no_policy, 1);
	return true;
}

/*
 * A writer changes first, then raises the generation, then looks whether anything is held, and wakes this thread; here `count` was written
 * before the generation is read. All are sequentially consistent, so that one of the two sees the other.
 */
void out_release(struct out_worker *w)
{
	struct held *h = &w->held;

	if (atomic_load(&h->count) == 0)
		return;
	uint64_t generation = atomic_load(&w->tables->policies.generation);
	bool has_changed = generation != h->generation;
	h->generation = generation;
	h->wait = HELD_LOOK_MS;
	for (size_t i = 0; i < atomic_load(&h->count); ) {
		struct held_packet *p = &h->at[i];

		if (release(w, p, has_changed)) {
			held_remove(h, i);
			continue;
		}
		if (p->due != 0 && p->due - w->now < (uint64_t)h->wait)
			h->wait = (int)(p->due - w->now);
		i++;
	}
}

void out_close(struct out_worker *w)
{
	while (atomic_load(&w->held.count) > 0)
		give_up(w, 0);
}

void out_flush(struct out_worker *w)
{
	if (w->batch.count > 0)
		w->send(w->arg, &w->batch);
	w->batch.count = 0;
	w->batch.used = 0;
}
