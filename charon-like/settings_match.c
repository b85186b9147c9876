/* SPDX-License-Identifier: MIT */
/*
 * settings_match.c - which connections fit a pair of addresses. A connection with a single remote host is found by
 * that host; the few others are tried in order.
 */
#include <stdlib.h>

#include "settings_parts.h"

/* Ranks of what is more specific than a range is wide: all 128 bits of an address and one more. */
enum { RANK_HOST = 256, RANK_RANGE = 2, RANK_NAME = 1, RANK_ANY = 0 };

static unsigned rank_of(const struct connection_settings *c)
{
	if (c->remote_host)
		return RANK_NAME;
	if (!c->remote.family)
		return RANK_ANY;
	return address_range_is_host(&c->remote) ? RANK_HOST : RANK_RANGE + address_range_weight(&c->remote);
}

static int compare(const void *left, const void *right)
{
	const struct connection_settings *a = *(const struct connection_settings *const *)left;
	const struct connection_settings *b = *(const struct connection_settings *const *)right;
	unsigned a_rank = rank_of(a), b_rank = rank_of(b);

	if (a_rank != b_rank)
		return a_rank > b_rank ? -1 : 1;
	if (!a->local.family != !b->local.family)
		return a->local.family ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

int match_index(struct settings *s)
{
	s->ranges = calloc(s->connection_count + 1, sizeof(*s->ranges));
	if (!s->ranges)
		return FAULT_MEMORY;
	for (size_t i = 0; i < s->connection_count; i++)
		s->ranges[i] = &s->connections[i];
	qsort(s->ranges, s->connection_count, sizeof(*s->ranges), compare);
	/* Those with a host are in front and move to the table, in this order. */
	for (size_t i = 0; i < s->connection_count; i++) {
		const struct connection_settings *c = s->ranges[i];

		if (rank_of(c) != RANK_HOST)
			s->ranges[s->range_count++] = c;
		else if (lookup_add(&s->hosts, bytes_of(c->remote.first, address_len(c->remote.family)), c))
			return FAULT_MEMORY;
	}
	return 0;
}

static bool is_fit(const struct connection_settings *c, const struct address *local, const struct address *remote)
{
	if (c->local.family && local && local->family && !address_same_host(&c->local, local))
		return false;
	return address_range_has(&c->remote, remote);
}

const struct connection_settings *settings_match(const struct settings *s, const struct address *local, const struct address *remote,
						 bool (*visit)(const struct connection_settings *c, void *arg), void *arg)
{
	for (const struct lookup_item *it = lookup_find(&s->hosts, address_bytes(remote)); it; it = it->next)
		if (is_fit(it->at, local, remote) && (!visit || visit(it->at, arg)))
			return it->at;
	for (size_t i = 0; i < s->range_count; i++)
		if (is_fit(s->ranges[i], local, remote) && (!visit || visit(s->ranges[i], arg)))
			return s->ranges[i];
	return NULL;
}
