/* SPDX-License-Identifier: MIT */
/* held.c - see held.h. */
#include "held.h"

#include <stdlib.h>

/* Fragments of one packet look the same, and are not. */
static bool same_flow(const struct inner *a, const struct inner *b)
{
	size_t len = address_len(a->family);

	return !a->fragment && a->family == b->family && a->protocol == b->protocol && a->source_port == b->source_port &&
	       a->destination_port == b->destination_port && memcmp(a->source, b->source, len) == 0 &&
	       memcmp(a->destination, b->destination, len) == 0;
}

/* What is asked again while the first waits, a SYN that TCP repeats, is worth nothing more. */
bool held_wants(const struct held *h, uint32_t child, const struct inner *in)
{
	size_t of_child = 0;

	for (size_t i = 0; i < atomic_load(&h->count); i++) {
		const struct held_packet *p = &h->at[i];

		if (p->child != child)
			continue;
		if (++of_child == HELD_CHILD_MAX || same_flow(&p->in, in))
			return false;
	}
	return true;
}

int held_add(struct held *h, uint32_t child, const struct vnet_header *vnet, const struct inner *in, const uint8_t *packet, uint64_t now)
{
	size_t count = atomic_load(&h->count);
	struct held_packet *p = &h->at[count];

	*p = (struct held_packet){ .child = child, .since = now, .packet = malloc(in->len) };
	if (!p->packet)
		return FAULT_MEMORY;
	memcpy(p->packet, packet, in->len);
	/* The checksum of any other was completed when it came. */
	if (vnet->gso_type != 0)
		p->vnet = *vnet;
	p->in = *in;
	p->in.source = p->packet + (in->source - packet);
	p->in.destination = p->packet + (in->destination - packet);
	atomic_store(&h->count, count + 1);
	return 0;
}

void held_remove(struct held *h, size_t index)
{
	size_t count = atomic_load(&h->count) - 1;

	free(h->at[index].packet);
	memmove(&h->at[index], &h->at[index + 1], (count - index) * sizeof(h->at[0]));
	atomic_store(&h->count, count);
}
