/* SPDX-License-Identifier: MIT */
/* table.c - see table.h. */
#include "table.h"

#include <stdlib.h>

int tables_init(struct tables *t)
{
	*t = (struct tables){ .lock = PTHREAD_MUTEX_INITIALIZER };
	epoch_init(&t->epoch);
	t->inbound = calloc(TABLE_BUCKETS, sizeof(*t->inbound));
	t->outbound = calloc(TABLE_BUCKETS, sizeof(*t->outbound));
	int fault = policies_init(&t->policies);
	return t->inbound && t->outbound ? fault : FAULT_MEMORY;
}

static void remove_all(struct tables *t, struct esp_sa *_Atomic *buckets)
{
	struct esp_sa *sa;

	for (size_t i = 0; buckets && i < TABLE_BUCKETS; i++)
		while ((sa = atomic_load(&buckets[i])))
			tables_remove_sa(t, sa);
	free(buckets);
}

void tables_free(struct tables *t)
{
	struct esp_child *child, *next;

	remove_all(t, t->outbound);
	remove_all(t, t->inbound);
	HASH_ITER(hh, t->children, child, next)
		(void)!tables_remove_policy(t, child->id);
	epoch_reclaim(&t->epoch);
	policies_free(&t->policies);
	pthread_mutex_destroy(&t->lock);
}

static _Atomic(struct esp_sa *) *inbound_bucket(struct tables *t, uint32_t spi)
{
	/* SPIs are ours and random: no peer can make them collide. */
	return &t->inbound[(spi ^ spi >> 16) % TABLE_BUCKETS];
}

struct esp_sa *tables_inbound(struct tables *t, uint32_t spi)
{
	struct esp_sa *sa = atomic_load_explicit(inbound_bucket(t, spi), memory_order_acquire);

	while (sa && sa->spi != spi)
		sa = atomic_load_explicit(&sa->next, memory_order_acquire);
	return sa;
}

/* The port counts with UDP encapsulation only: it tells peers behind one NAT apart. */
static void outbound_key(uint8_t out[SA_KEY], uint32_t spi, const struct address *remote, uint16_t port)
{
	memset(out, 0, SA_KEY);
	store_u32(out, spi);
	out[4] = remote->family;
	store_u16(out + 6, port);
	memcpy(out + 8, remote->ip, sizeof(remote->ip));
}

static _Atomic(struct esp_sa *) *bucket_of(struct tables *t, const struct esp_sa *sa)
{
	if (sa->inbound)
		return inbound_bucket(t, sa->spi);
	return &t->outbound[map_hash(sa->key, SA_KEY) % TABLE_BUCKETS];
}

static void link_sa(struct tables *t, struct esp_sa *sa)
{
	_Atomic(struct esp_sa *) *bucket = bucket_of(t, sa);

	atomic_store(&sa->next, atomic_load(bucket));
	atomic_store_explicit(bucket, sa, memory_order_release);
}

/* What stands behind it stays linked, for readers that are just there. */
static void unlink_sa(struct tables *t, struct esp_sa *sa)
{
	_Atomic(struct esp_sa *) *at = bucket_of(t, sa);
	struct esp_sa *it;

	while ((it = atomic_load(at)) && it != sa)
		at = &it->next;
	if (it)
		atomic_store_explicit(at, atomic_load(&sa->next), memory_order_release);
}

static struct esp_sa *find_outbound(struct tables *t, uint32_t spi, const struct address *remote, uint16_t port)
{
	uint8_t key[SA_KEY];

	outbound_key(key, spi, remote, port);
	struct esp_sa *sa = atomic_load(&t->outbound[map_hash(key, SA_KEY) % TABLE_BUCKETS]);
	while (sa && memcmp(sa->key, key, SA_KEY) != 0)
		sa = atomic_load(&sa->next);
	return sa;
}

struct esp_sa *tables_find_sa(struct tables *t, uint32_t spi, bool inbound, const struct address *remote)
{
	if (inbound)
		return tables_inbound(t, spi);
	struct esp_sa *sa = find_outbound(t, spi, remote, remote->port);
	return sa || remote->port == 0 ? sa : find_outbound(t, spi, remote, 0);
}

static void child_free_retired(struct retired *item)
{
	free(CONTAINER(item, struct esp_child, retired));
}

static struct esp_child *child_get(struct tables *t, uint32_t id)
{
	struct esp_child *child;

	HASH_FIND(hh, t->children, &id, sizeof(id), child);
	if (child || !(child = calloc(1, sizeof(*child))))
		return child;
	child->id = id;
	HASH_ADD(hh, t->children, id, sizeof(child->id), child);
	if (child->hh.tbl)
		return child;
	free(child);
	return NULL;
}

static void child_put(struct tables *t, struct esp_child *child)
{
	if (child->inbound > 0 || child->policy || atomic_load(&child->out))
		return;
	HASH_DEL(t->children, child);
	epoch_retire(&t->epoch, &child->retired, child_free_retired);
}

static void set_outbound(struct tables *t, struct esp_child *child, struct esp_sa *sa)
{
	const struct endpoint *endpoint = sa ? atomic_load(&sa->endpoint) : NULL;

	if (endpoint)
		atomic_store_explicit(&child->mtu, endpoint->mtu, memory_order_relaxed);
	atomic_store_explicit(&child->out, sa, memory_order_release);
	policies_touch(&t->policies);
}

static uint16_t key_port(const struct esp_sa *sa, const struct endpoint *endpoint)
{
	return sa->udp_encap ? endpoint->remote.port : 0;
}

int tables_add_sa(struct tables *t, struct esp_sa *sa, struct endpoint *endpoint, uint32_t child)
{
	bool exists = sa->inbound ? tables_inbound(t, sa->spi) != NULL
				  : find_outbound(t, sa->spi, &endpoint->remote, key_port(sa, endpoint)) != NULL;

	atomic_store(&sa->endpoint, endpoint);
	if (exists || !(sa->child = child_get(t, child))) {
		esp_sa_free(sa);
		return exists ? FAULT_EXISTS : FAULT_MEMORY;
	}
	outbound_key(sa->key, sa->spi, &endpoint->remote, key_port(sa, endpoint));
	link_sa(t, sa);
	if (sa->inbound) {
		sa->child->inbound++;
		return 0;
	}
	sa->older = atomic_load(&sa->child->out);
	set_outbound(t, sa->child, sa);
	return 0;
}

static void remove_outbound(struct tables *t, struct esp_sa *sa)
{
	struct esp_sa *newest = atomic_load(&sa->child->out);

	if (newest == sa) {
		set_outbound(t, sa->child, sa->older);
		return;
	}
	while (newest && newest->older != sa)
		newest = newest->older;
	if (newest)
		newest->older = sa->older;
}

void tables_remove_sa(struct tables *t, struct esp_sa *sa)
{
	struct esp_child *child = sa->child;

	unlink_sa(t, sa);
	if (sa->inbound)
		child->inbound--;
	else
		remove_outbound(t, sa);
	epoch_retire(&t->epoch, &sa->retired, esp_sa_free_retired);
	child_put(t, child);
	epoch_reclaim(&t->epoch);
}

int tables_move_sa(struct tables *t, struct esp_sa *sa, struct endpoint *endpoint)
{
	if (!sa->inbound) {
		struct esp_sa *there = find_outbound(t, sa->spi, &endpoint->remote, key_port(sa, endpoint));

		if (there && there != sa) {
			free(endpoint);
			return FAULT_EXISTS;
		}
		unlink_sa(t, sa);
		outbound_key(sa->key, sa->spi, &endpoint->remote, key_port(sa, endpoint));
		link_sa(t, sa);
	}
	struct endpoint *old = atomic_exchange(&sa->endpoint, endpoint);
	if (!sa->inbound && atomic_load(&sa->child->out) == sa)
		atomic_store_explicit(&sa->child->mtu, endpoint->mtu, memory_order_relaxed);
	epoch_retire(&t->epoch, &old->retired, endpoint_free_retired);
	epoch_reclaim(&t->epoch);
	return 0;
}

int tables_set_policy(struct tables *t, const struct ipsec_policy *from)
{
	struct esp_child *child = child_get(t, from->child);
	struct policy *policy = child ? policy_new(from, child) : NULL;
	int fault = policy ? policies_insert(&t->policies, &t->epoch, policy) : FAULT_MEMORY;

	if (fault) {
		free(policy);
		if (child)
			child_put(t, child);
		return fault;
	}
	/* The new one stands before the old one goes: at no moment is there none. */
	if (child->policy)
		policies_remove(&t->policies, &t->epoch, child->policy);
	child->policy = policy;
	child->policy_ends = false;
	epoch_reclaim(&t->epoch);
	return 0;
}

bool tables_end_policy(struct tables *t, uint32_t id)
{
	struct esp_child *child;

	HASH_FIND(hh, t->children, &id, sizeof(id), child);
	if (child)
		child->policy_ends = true;
	return !child || !atomic_load(&child->out);
}

bool tables_policy_is_over(const struct tables *t, uint32_t id)
{
	struct esp_child *child;

	HASH_FIND(hh, t->children, &id, sizeof(id), child);
	return child && child->policy && child->policy_ends && !atomic_load(&child->out);
}

int tables_remove_policy(struct tables *t, uint32_t id)
{
	struct esp_child *child;

	HASH_FIND(hh, t->children, &id, sizeof(id), child);
	if (!child || !child->policy)
		return FAULT_NOT_FOUND;
	policies_remove(&t->policies, &t->epoch, child->policy);
	child->policy = NULL;
	child_put(t, child);
	epoch_reclaim(&t->epoch);
	return 0;
}

const struct policy *tables_policy(struct tables *t, uint32_t id)
{
	struct esp_child *child;

	HASH_FIND(hh, t->children, &id, sizeof(id), child);
	return child ? child->policy : NULL;
}

unsigned tables_mtu(const struct tables *t, uint32_t id)
{
	struct esp_child *child;

	HASH_FIND(hh, t->children, &id, sizeof(id), child);
	return child ? atomic_load(&child->mtu) : 0;
}
