/* SPDX-License-Identifier: MIT */
/* failures.c - two bounded tables; when one is full, who has been quiet longest is forgotten. */
#include "failures.h"

#include <stdio.h>
#include <stdlib.h>

#include "map.h"

enum { KEY_SIZE = 2 * EVENT_NAME_MAX };

/* What failed; zeroed first, so that it hashes as a whole. */
struct failure_key {
	char text[KEY_SIZE];
};

struct entry {
	UT_hash_handle hh;
	struct failure_key key;
	struct failure failure;
};

struct failures {
	struct entry *of_connections;    /* by connection and child   */
	struct entry *of_strangers;      /* by the peer's address     */
};

struct failures *failures_new(void)
{
	return calloc(1, sizeof(struct failures));
}

static void forget(struct entry **table, struct entry *entry)
{
	HASH_DELETE(hh, *table, entry);
	free(entry);
}

static void forget_all(struct entry **table)
{
	struct entry *entry, *next;

	HASH_ITER(hh, *table, entry, next)
		forget(table, entry);
}

void failures_free(struct failures *failures)
{
	if (!failures)
		return;
	forget_all(&failures->of_connections);
	forget_all(&failures->of_strangers);
	free(failures);
}

/* Names are cut as events cut them. */
static struct failure_key key_of(const char *connection, const char *child)
{
	struct failure_key key = { { 0 } };

	snprintf(key.text, EVENT_NAME_MAX, "%s", connection);
	snprintf(key.text + EVENT_NAME_MAX, EVENT_NAME_MAX, "%s", child);
	return key;
}

static struct entry *find(struct entry *table, const struct failure_key *key)
{
	struct entry *entry;

	HASH_FIND(hh, table, key, sizeof(*key), entry);
	return entry;
}

/* uthash keeps the order of adding: what is taken out and added again is the newest. */
static void keep(struct entry **table, size_t max, struct failure_key key, const struct event_sa *event, uint64_t now)
{
	struct entry *entry = find(*table, &key);

	if (entry)
		HASH_DELETE(hh, *table, entry);
	else
		entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	while (HASH_COUNT(*table) >= max)
		forget(table, *table);
	entry->key = key;
	struct failure *f = &entry->failure;
	f->count = strcmp(f->code, event->code) == 0 ? f->count + 1 : 1;
	f->when = now;
	memcpy(f->code, event->code, sizeof(f->code));
	memcpy(f->text, event->text, sizeof(f->text));
	memcpy(f->peer, event->peer, sizeof(f->peer));
	entry->hh.tbl = NULL;
	HASH_ADD(hh, *table, key, sizeof(entry->key), entry);
	/* Without memory for its table uthash leaves it out and says so by this. */
	if (!entry->hh.tbl)
		free(entry);
}

static void forget_key(struct failures *failures, const char *connection, const char *child)
{
	struct failure_key key = key_of(connection, child);
	struct entry *entry = find(failures->of_connections, &key);

	if (entry)
		forget(&failures->of_connections, entry);
}

void failures_take(struct failures *failures, const struct event_sa *event, uint64_t now)
{
	switch (event->head.type) {
	case EVENT_FAILURE:
		if (event->connection[0])
			keep(&failures->of_connections, FAILURES_MAX, key_of(event->connection, event->child), event, now);
		else
			keep(&failures->of_strangers, STRANGERS_MAX, key_of(event->peer, ""), event, now);
		break;
	case EVENT_CHILD_UP:
		forget_key(failures, event->connection, event->child);
		/* Also what went wrong on the way there: not every failure of a phase 2 knows its child. */
		forget_key(failures, event->connection, "");
		break;
	default:
		break;
	}
}

const struct failure *failures_of(const struct failures *failures, const char *connection, const char *child)
{
	struct failure_key key = key_of(connection, child);
	const struct entry *entry = find(failures->of_connections, &key);

	return entry ? &entry->failure : NULL;
}

const struct failure *failures_of_stranger(const struct failures *failures, size_t i)
{
	const struct entry *entry = failures->of_strangers;

	while (entry && i-- > 0)
		entry = entry->hh.next;
	return entry ? &entry->failure : NULL;
}
