/* SPDX-License-Identifier: MIT */
/*
 * settings_psk.c - which pre-shared key is for two ends. The remote end decides, then the local one breaks ties, as
 * in strongSwan's secrets; but a key that names several ends of which we are none is never used.
 */
#include <stdio.h>
#include <stdlib.h>

#include "settings_parts.h"

/* How well an id of a key fits the local end; between them ranges stand by their weight. */
enum { FIT_NOT = -1, FIT_UNKNOWN = 0, FIT_ANY = 1, FIT_RANGE = 2, FIT_ADDRESS = 256, FIT_ID = 257 };

/* Both ends as far as they are known; what is not is NULL. */
struct ends {
	const struct address *local, *remote;
	const struct identity *local_id, *remote_id;
};

/* A key found so far, and by what. */
struct find {
	const struct psk_settings *psk;
	const struct psk_id *remote, *local;
	int fit;
};

static uint8_t address_id_type(uint8_t family)
{
	return family == AF_INET ? ID_IPV4_ADDR : ID_IPV6_ADDR;
}

static struct ends ends_of(const struct address *local, const struct identity *local_id, const struct address *remote,
			   const struct identity *remote_id)
{
	return (struct ends){
		.local = local && local->family ? local : NULL,
		.remote = remote && remote->family ? remote : NULL,
		.local_id = local_id && local_id->type ? local_id : NULL,
		.remote_id = remote_id && remote_id->type ? remote_id : NULL,
	};
}

/* ---- the index ---- */

static int range_compare(const void *left, const void *right)
{
	const struct psk_range *a = left, *b = right;
	unsigned a_weight = address_range_weight(&a->id->range), b_weight = address_range_weight(&b->id->range);

	if (!a->id->range.family != !b->id->range.family)
		return a->id->range.family ? -1 : 1;
	if (a_weight != b_weight)
		return a_weight > b_weight ? -1 : 1;
	if (a->psk != b->psk)
		return a->psk < b->psk ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int id_index(struct settings *s, const struct psk_settings *psk, const struct psk_id *id)
{
	uint8_t key[IDENTITY_KEY_MAX];
	struct bytes ip = bytes_of(id->range.first, address_len(id->range.family));
	struct identity host = { address_id_type(id->range.family), ip };

	if (!id->is_range && identity_is_pattern(&id->id, psk->match)) {
		s->psk_patterns[s->psk_pattern_count++] = (struct psk_range){ psk, id };
		return 0;
	}
	if (!id->is_range)
		return lookup_add(&s->psk_ids, identity_key(key, &id->id), psk);
	if (address_range_is_host(&id->range))
		return lookup_add(&s->psk_ids, identity_key(key, &host), psk);
	s->psk_ranges[s->psk_range_count++] = (struct psk_range){ psk, id };
	return 0;
}

int psk_index(struct settings *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->psk_count; i++)
		count += s->psks[i].id_count;
	s->psk_ranges = calloc(count + 1, sizeof(*s->psk_ranges));
	s->psk_patterns = calloc(count + 1, sizeof(*s->psk_patterns));
	if (!s->psk_ranges || !s->psk_patterns)
		return FAULT_MEMORY;
	for (size_t i = 0; i < s->psk_count; i++)
		for (size_t j = 0; j < s->psks[i].id_count; j++)
			if (id_index(s, &s->psks[i], &s->psks[i].ids[j]))
				return FAULT_MEMORY;
	qsort(s->psk_ranges, s->psk_range_count, sizeof(*s->psk_ranges), range_compare);
	return 0;
}

/* ---- fitting ---- */

/* Whether an id of a key names this end by its id: also "192.0.2.1" an ID of that address. */
static bool id_names_identity(const struct psk_settings *psk, const struct psk_id *id, const struct identity *end)
{
	if (!id->is_range)
		return identity_fits(&id->id, psk->match, end);
	return address_range_is_host(&id->range) && end->type == address_id_type(id->range.family) &&
	       bytes_equal(end->data, bytes_of(id->range.first, address_len(id->range.family)));
}

static int local_id_fit(const struct psk_settings *psk, const struct psk_id *id, const struct ends *ends)
{
	if (ends->local_id && id_names_identity(psk, id, ends->local_id))
		return FIT_ID;
	if (!id->is_range)
		return ends->local_id ? FIT_NOT : FIT_UNKNOWN;
	if (!id->range.family)
		return FIT_ANY;
	if (!ends->local)
		return FIT_UNKNOWN;
	if (!address_range_has(&id->range, ends->local))
		return FIT_NOT;
	return address_range_is_host(&id->range) ? FIT_ADDRESS : FIT_RANGE + (int)address_range_weight(&id->range);
}

/*
 * `remote` is the id that names the remote end; only a range can name the local one as well, and %any does not: "%any
 * 192.0.2.1" is for everybody with 192.0.2.1, not for everybody with everybody.
 */
static int local_fit(const struct psk_settings *psk, const struct psk_id *remote, const struct ends *ends, const struct psk_id **by)
{
	int best = psk->id_count == 1 ? FIT_UNKNOWN : FIT_NOT;

	*by = NULL;
	if (psk->id_count == 1)
		return best;
	for (size_t i = 0; i < psk->id_count; i++) {
		const struct psk_id *id = &psk->ids[i];
		bool names_both = id->is_range && !address_range_is_host(&id->range) && address_range_weight(&id->range);
		int fit = id == remote && !names_both ? FIT_NOT : local_id_fit(psk, id, ends);

		if (fit > best) {
			best = fit;
			*by = fit > FIT_UNKNOWN ? id : NULL;
		}
	}
	return best;
}

static void find_try(struct find *find, const struct psk_settings *psk, const struct psk_id *remote, const struct ends *ends)
{
	const struct psk_id *by;
	int fit = local_fit(psk, remote, ends, &by);

	if (fit > find->fit)
		*find = (struct find){ psk, remote, by, fit };
}

/* Keys that name exactly this identity (or address, as an identity of its type). */
static void find_exact(struct find *find, const struct settings *s, const struct identity *end, const struct ends *ends)
{
	uint8_t key[IDENTITY_KEY_MAX];
	const struct lookup_item *it = lookup_find(&s->psk_ids, identity_key(key, end));

	for (; it; it = it->next) {
		const struct psk_settings *psk = it->at;

		for (size_t i = 0; i < psk->id_count; i++)
			if (!identity_is_pattern(&psk->ids[i].id, psk->match) && id_names_identity(psk, &psk->ids[i], end))
				find_try(find, psk, &psk->ids[i], ends);
	}
}

static void find_pattern(struct find *find, const struct settings *s, const struct ends *ends)
{
	for (size_t i = 0; i < s->psk_pattern_count; i++) {
		const struct psk_range *pattern = &s->psk_patterns[i];

		if (id_names_identity(pattern->psk, pattern->id, ends->remote_id))
			find_try(find, pattern->psk, pattern->id, ends);
	}
}

static void find_range(struct find *find, const struct settings *s, const struct ends *ends)
{
	for (size_t i = 0; i < s->psk_range_count; i++) {
		const struct psk_range *range = &s->psk_ranges[i];
		bool is_fit = ends->remote ? address_range_has(&range->id->range, ends->remote) : !range->id->range.family;

		/* Wider ones only count when no narrower one did. */
		if (find->psk && (address_range_weight(&range->id->range) < address_range_weight(&find->remote->range) ||
				  !range->id->range.family != !find->remote->range.family))
			return;
		if (is_fit)
			find_try(find, range->psk, range->id, ends);
	}
}

/* ---- saying how ---- */

static const char *by_text(char *out, size_t size, const char *end, const struct psk_settings *psk, const struct psk_id *id,
			   const struct identity *end_id)
{
	char text[IDENTITY_TEXT_MAX];
	struct selector range = { .range = id->range };

	if (id->is_range && !id->range.family)
		snprintf(out, size, "%s %%any", end);
	else if (!id->is_range && identity_is_pattern(&id->id, psk->match))
		snprintf(out, size, "%s id that fits %s", end, identity_text(text, &id->id));
	else if (end_id && id_names_identity(psk, id, end_id))
		snprintf(out, size, "%s id %s", end, identity_text(text, end_id));
	else if (id->is_range)
		snprintf(out, size, "%s %s %s", end, address_range_is_host(&id->range) ? "address" : "range", selector_text(text, &range));
	else
		snprintf(out, size, "%s id %s", end, identity_text(text, &id->id));
	return out;
}

static void how_text(char how[WHY_MAX], const struct find *find, const struct ends *ends)
{
	char remote[IDENTITY_TEXT_MAX + 16], local[IDENTITY_TEXT_MAX + 16];
	const struct config_node *node = find->psk->node;

	by_text(remote, sizeof(remote), "remote", find->psk, find->remote, ends->remote_id);
	if (find->local)
		by_text(local, sizeof(local), "local", find->psk, find->local, ends->local_id);
	int len = snprintf(how, WHY_MAX, "psk at %s:%u, by %s%s%s", node->file, node->line, remote,
			   find->local ? " and " : "", find->local ? local : "");
	if (len >= WHY_MAX)
		memcpy(how + WHY_MAX - 4, "...", 4);
}

const struct psk_settings *settings_psk(const struct settings *s, const struct address *local, const struct identity *local_id,
					const struct address *remote, const struct identity *remote_id, char how[WHY_MAX])
{
	struct ends ends = ends_of(local, local_id, remote, remote_id);
	struct find find = { .fit = FIT_NOT };

	if (ends.remote_id)
		find_exact(&find, s, ends.remote_id, &ends);
	if (!find.psk && ends.remote_id)
		find_pattern(&find, s, &ends);
	if (!find.psk && ends.remote) {
		struct identity address = { address_id_type(remote->family), address_bytes(remote) };

		find_exact(&find, s, &address, &ends);
	}
	if (!find.psk)
		find_range(&find, s, &ends);
	if (find.psk && how)
		how_text(how, &find, &ends);
	return find.psk;
}

/* ---- whether there can be a key at all ---- */

/* Main Mode takes the key before the peer says its id (RFC 2409 5.4), so there only an address can tell peers apart. */
static bool id_may_fit(const struct psk_settings *psk, const struct psk_id *id, const struct connection_settings *c)
{
	if (id->is_range)
		return address_range_overlaps(&id->range, &c->remote);
	if (!c->remote_id.type)
		return strcmp(c->mode, "main") != 0;
	/* Of two patterns it is not known whether somebody fits both. */
	return identity_fits(&id->id, psk->match, &c->remote_id) || identity_fits(&c->remote_id, c->remote_match, &id->id) ||
	       (identity_is_pattern(&id->id, psk->match) && identity_is_pattern(&c->remote_id, c->remote_match));
}

bool psk_may_be_for(const struct psk_settings *psk, const struct connection_settings *c)
{
	struct ends ends = ends_of(&c->local, &c->local_id, NULL, NULL);
	const struct psk_id *by;

	for (size_t i = 0; i < psk->id_count; i++)
		if (id_may_fit(psk, &psk->ids[i], c) && local_fit(psk, &psk->ids[i], &ends, &by) != FIT_NOT)
			return true;
	return false;
}

bool psk_may_fit(const struct settings *s, const struct connection_settings *c)
{
	for (size_t i = 0; i < s->psk_count; i++)
		if (psk_may_be_for(&s->psks[i], c))
			return true;
	return false;
}
