/* SPDX-License-Identifier: MIT */
/* sa_table.c - finds a shard's SAs: by cookies for messages, by connection for commands. */
#include <stdlib.h>

#include "sa.h"
#include "shard.h"

struct ike_sa *sa_find(struct sa_table *table, const uint8_t cookie[2][COOKIE_SIZE])
{
	struct ike_sa *sa;

	HASH_FIND(hh, table->by_key, cookie, 2 * COOKIE_SIZE, sa);
	return sa;
}

struct sa_group *sa_find_group(const struct sa_table *table, const char *connection)
{
	struct sa_group *group;

	HASH_FIND_STR(table->by_connection, connection, group);
	return group;
}

struct ike_sa *sa_find_connection(const struct sa_table *table, const char *connection)
{
	struct sa_group *group = sa_find_group(table, connection);
	struct ike_sa *found = NULL;

	if (!group)
		return NULL;
	LIST_EACH(it, &group->sas) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_group);
		if (sa->state == SA_ESTABLISHED)
			return sa;
		if (sa->state == SA_CONNECTING)
			found = sa;
	}
	return found;
}

static struct sa_group *make_group(struct sa_table *table, const char *name)
{
	size_t len = strlen(name);
	struct sa_group *group = calloc(1, sizeof(*group) + len + 1);

	if (!group)
		return NULL;
	memcpy(group->name, name, len);
	list_init(&group->sas);
	HASH_ADD_KEYPTR(hh, table->by_connection, group->name, len, group);
	if (group->hh.tbl)
		return group;
	free(group);
	return NULL;
}

int sa_set_connection(struct ike_sa *sa, const struct connection_settings *c)
{
	struct sa_table *table = &sa->shard->sas;
	struct sa_group *group = sa_find_group(table, c->name);

	if (!group)
		group = make_group(table, c->name);
	if (group != sa->group) {
		sa_leave_connection(sa);
		if (!group)
			return FAULT_MEMORY;
		sa->group = group;
		list_append(&group->sas, &sa->in_group);
	}
	sa->connection = c;
	return 0;
}

void sa_leave_connection(struct ike_sa *sa)
{
	struct sa_group *group = sa->group;

	if (!group)
		return;
	list_remove(&sa->in_group);
	sa->group = NULL;
	sa->connection = NULL;
	if (!list_empty(&group->sas))
		return;
	HASH_DEL(sa->shard->sas.by_connection, group);
	free(group);
}
