/* SPDX-License-Identifier: MIT */
/* epoch.c - see epoch.h. */
#include "epoch.h"

void epoch_init(struct epoch *e)
{
	atomic_init(&e->now, 1);
	for (size_t i = 0; i < READERS; i++)
		atomic_init(&e->reader[i].entered, 0);
	atomic_init(&e->waiting, 0);
	e->first = NULL;
	e->last = &e->first;
}

/*
 * Sequentially consistent on both sides: either the writer sees that the reader has entered, or the reader, whose loads come
 * later, no longer finds what was unlinked. An old number does no harm, it only delays.
 */
void epoch_enter(struct epoch *e, enum reader_id reader)
{
	atomic_exchange(&e->reader[reader].entered, atomic_load(&e->now));
}

void epoch_leave(struct epoch *e, enum reader_id reader)
{
	atomic_store_explicit(&e->reader[reader].entered, 0, memory_order_release);
}

void epoch_retire(struct epoch *e, struct retired *item, void (*free)(struct retired *item))
{
	item->next = NULL;
	item->free = free;
	item->since = atomic_fetch_add(&e->now, 1);
	*e->last = item;
	e->last = &item->next;
	atomic_fetch_add_explicit(&e->waiting, 1, memory_order_relaxed);
}

void epoch_reclaim(struct epoch *e)
{
	uint64_t oldest = UINT64_MAX;

	for (size_t i = 0; i < READERS; i++) {
		uint64_t entered = atomic_load(&e->reader[i].entered);

		if (entered != 0 && entered < oldest)
			oldest = entered;
	}
	while (e->first && e->first->since < oldest) {
		struct retired *item = e->first;

		e->first = item->next;
		if (!e->first)
			e->last = &e->first;
		item->free(item);
		atomic_fetch_sub_explicit(&e->waiting, 1, memory_order_relaxed);
	}
}
