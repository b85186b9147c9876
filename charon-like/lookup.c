/* SPDX-License-Identifier: MIT */
/* lookup.c - a hash table with several values for a key, for settings that are written once and then only read. */
#include <stdlib.h>

#include "map.h"
#include "settings_parts.h"

struct lookup_slot {
	UT_hash_handle hh;
	struct lookup_item *first, *last;
	size_t key_len;
	uint8_t key[];
};

static struct lookup_slot *slot_find(const struct lookup *lookup, struct bytes key)
{
	struct lookup_slot *slot;

	HASH_FIND(hh, lookup->slots, key.at, key.len, slot);
	return slot;
}

static struct lookup_slot *slot_add(struct lookup *lookup, struct bytes key)
{
	struct lookup_slot *slot = calloc(1, sizeof(*slot) + key.len);

	if (!slot)
		return NULL;
	if (key.len)
		memcpy(slot->key, key.at, key.len);
	slot->key_len = key.len;
	HASH_ADD_KEYPTR(hh, lookup->slots, slot->key, slot->key_len, slot);
	if (!slot->hh.tbl) {
		free(slot);
		return NULL;
	}
	return slot;
}

int lookup_add(struct lookup *lookup, struct bytes key, const void *item)
{
	struct lookup_slot *slot = slot_find(lookup, key);
	struct lookup_item *last = calloc(1, sizeof(*last));

	if (!slot && last)
		slot = slot_add(lookup, key);
	if (!slot || !last) {
		free(last);
		return FAULT_MEMORY;
	}
	last->at = item;
	if (slot->last)
		slot->last->next = last;
	else
		slot->first = last;
	slot->last = last;
	return 0;
}

const struct lookup_item *lookup_find(const struct lookup *lookup, struct bytes key)
{
	const struct lookup_slot *slot = slot_find(lookup, key);

	return slot ? slot->first : NULL;
}

void lookup_free(struct lookup *lookup)
{
	struct lookup_slot *slot, *next;

	HASH_ITER(hh, lookup->slots, slot, next) {
		HASH_DEL(lookup->slots, slot);
		for (struct lookup_item *it = slot->first, *after; it; it = after) {
			after = it->next;
			free(it);
		}
		free(slot);
	}
}
