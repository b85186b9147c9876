/* SPDX-License-Identifier: MIT */
/* policy.c - see policy.h. */
#include "policy.h"

#include <stdlib.h>

#include "table.h"

int policies_init(struct policies *p)
{
	struct shapes *none = calloc(1, sizeof(*none));

	p->buckets = calloc(TABLE_BUCKETS, sizeof(*p->buckets));
	atomic_init(&p->shapes, none);
	atomic_init(&p->generation, 1);
	return p->buckets && none ? 0 : FAULT_MEMORY;
}

void policies_free(struct policies *p)
{
	free(p->buckets);
	free(atomic_load(&p->shapes));
}

static void free_policy(struct retired *item)
{
	free(CONTAINER(item, struct policy, retired));
}

static void free_shapes(struct retired *item)
{
	free(CONTAINER(item, struct shapes, retired));
}

static void copy_bits(uint8_t out[16], const uint8_t *from, unsigned bits)
{
	memset(out, 0, 16);
	memcpy(out, from, (bits + 7) / 8);
	if (bits % 8)
		out[bits / 8] &= (uint8_t)(0xff << (8 - bits % 8));
}

static _Atomic(struct policy_entry *) *bucket_of(struct policies *p, const struct policy_entry *e)
{
	uint8_t key[3 + 32] = { e->family, e->remote_bits, e->local_bits };
	size_t len = address_len(e->family);

	memcpy(key + 3, e->remote, len);
	memcpy(key + 3 + len, e->local, len);
	return &p->buckets[map_hash(key, 3 + 2 * len) % TABLE_BUCKETS];
}

static bool same_key(const struct policy_entry *a, const struct policy_entry *b)
{
	size_t len = address_len(a->family);

	return a->family == b->family && a->remote_bits == b->remote_bits && a->local_bits == b->local_bits &&
	       memcmp(a->remote, b->remote, len) == 0 && memcmp(a->local, b->local, len) == 0;
}

static void add_entry(struct policy *policy, uint8_t family)
{
	const struct address_range *remote = &policy->remote_ts.range, *local = &policy->local_ts.range;

	if ((remote->family && remote->family != family) || (local->family && local->family != family))
		return;
	struct policy_entry *e = &policy->entries[policy->entry_count++];
	e->policy = policy;
	e->family = family;
	e->remote_bits = (uint8_t)(remote->family ? address_range_weight(remote) : 0);
	e->local_bits = (uint8_t)(local->family ? address_range_weight(local) : 0);
	copy_bits(e->remote, remote->first, e->remote_bits);
	copy_bits(e->local, local->first, e->local_bits);
}

struct policy *policy_new(const struct ipsec_policy *from, struct esp_child *child)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	policy->local_ts = from->local_ts;
	policy->remote_ts = from->remote_ts;
	policy->transport = from->transport;
	policy->want_acquire = from->want_acquire;
	policy->by_source = policy_is_by_source(from);
	policy->action = from->action;
	policy->child = child;
	policy->rank = (from->remote_ts.port != 0) + (from->local_ts.port != 0) +
		       (from->remote_ts.protocol != 0 || from->local_ts.protocol != 0);
	/* At a tie the shunt wins. */
	policy->rank = 2 * policy->rank + (from->action != IPSEC_PROTECT);
	add_entry(policy, AF_INET);
	add_entry(policy, AF_INET6);
	return policy;
}

/* Long remote prefixes go first, as routes do, then long local ones. */
static bool shape_before(const struct shape *a, const struct shape *b)
{
	if (a->remote_bits != b->remote_bits)
		return a->remote_bits > b->remote_bits;
	return a->local_bits > b->local_bits;
}

static struct shape *find_shape(struct shapes *shapes, const struct policy_entry *e)
{
	for (size_t i = 0; i < shapes->count; i++) {
		struct shape *s = &shapes->at[i];

		if (s->family == e->family && s->remote_bits == e->remote_bits && s->local_bits == e->local_bits)
			return s;
	}
	return NULL;
}

static void replace_shapes(struct policies *p, struct epoch *epoch, struct shapes *by)
{
	struct shapes *old = atomic_exchange(&p->shapes, by);

	epoch_retire(epoch, &old->retired, free_shapes);
}

static int shape_ref(struct policies *p, struct epoch *epoch, const struct policy_entry *e)
{
	struct shapes *old = atomic_load(&p->shapes);
	struct shape *known = find_shape(old, e);
	struct shape added = { e->family, e->remote_bits, e->local_bits, 1 };
	size_t i = 0;

	if (known) {
		known->count++;
		return 0;
	}
	struct shapes *grown = calloc(1, sizeof(*grown) + (old->count + 1) * sizeof(grown->at[0]));
	if (!grown)
		return FAULT_MEMORY;
	while (i < old->count && !shape_before(&added, &old->at[i])) {
		grown->at[i] = old->at[i];
		i++;
	}
	grown->at[i] = added;
	memcpy(grown->at + i + 1, old->at + i, (old->count - i) * sizeof(old->at[0]));
	grown->count = old->count + 1;
	replace_shapes(p, epoch, grown);
	return 0;
}

/* An unused shape only costs a probe, so one that cannot be taken out for lack of memory stays. */
static void shape_unref(struct policies *p, struct epoch *epoch, const struct policy_entry *e)
{
	struct shapes *old = atomic_load(&p->shapes);
	struct shape *known = find_shape(old, e);

	if (!known || --known->count > 0)
		return;
	struct shapes *less = calloc(1, sizeof(*less) + old->count * sizeof(less->at[0]));
	if (!less)
		return;
	for (size_t i = 0; i < old->count; i++)
		if (&old->at[i] != known)
			less->at[less->count++] = old->at[i];
	replace_shapes(p, epoch, less);
}

void policies_touch(struct policies *p)
{
	atomic_fetch_add(&p->generation, 1);
}

static void link_entry(struct policies *p, struct policy_entry *e)
{
	_Atomic(struct policy_entry *) *at = bucket_of(p, e);
	struct policy_entry *next;

	/* Among equals the newest goes first: it is what the peer negotiated last. */
	while ((next = atomic_load(at)) && next->policy->rank > e->policy->rank)
		at = &next->next;
	atomic_store(&e->next, next);
	atomic_store_explicit(at, e, memory_order_release);
}

static void unlink_entry(struct policies *p, struct policy_entry *e)
{
	_Atomic(struct policy_entry *) *at = bucket_of(p, e);
	struct policy_entry *it;

	while ((it = atomic_load(at)) && it != e)
		at = &it->next;
	if (it)
		atomic_store_explicit(at, atomic_load(&e->next), memory_order_release);
}

int policies_insert(struct policies *p, struct epoch *epoch, struct policy *policy)
{
	for (size_t i = 0; i < policy->entry_count; i++) {
		if (shape_ref(p, epoch, &policy->entries[i]) == 0)
			continue;
		while (i-- > 0)
			shape_unref(p, epoch, &policy->entries[i]);
		return FAULT_MEMORY;
	}
	for (size_t i = 0; i < policy->entry_count; i++)
		link_entry(p, &policy->entries[i]);
	policies_touch(p);
	return 0;
}

void policies_remove(struct policies *p, struct epoch *epoch, struct policy *policy)
{
	for (size_t i = 0; i < policy->entry_count; i++) {
		unlink_entry(p, &policy->entries[i]);
		shape_unref(p, epoch, &policy->entries[i]);
	}
	/* Before it is retired: a reader that enters later must not trust its cache. */
	policies_touch(p);
	epoch_retire(epoch, &policy->retired, free_policy);
}

static bool cache_has(const struct flow_cache *c, uint64_t generation, const struct inner *in)
{
	size_t len = address_len(in->family);

	return c->generation == generation && c->family == in->family && c->protocol == in->protocol &&
	       c->has_ports == in->has_ports && c->source_port == in->source_port &&
	       c->destination_port == in->destination_port && memcmp(c->source, in->source, len) == 0 &&
	       memcmp(c->destination, in->destination, len) == 0;
}

static void cache_put(struct flow_cache *c, uint64_t generation, const struct inner *in, struct policy *policy)
{
	size_t len = address_len(in->family);

	c->generation = generation;
	c->policy = policy;
	c->family = in->family;
	c->protocol = in->protocol;
	c->has_ports = in->has_ports;
	c->source_port = in->source_port;
	c->destination_port = in->destination_port;
	memcpy(c->source, in->source, len);
	memcpy(c->destination, in->destination, len);
}

/* Among policies of equal rank one that has an SA is preferred: during a change of SAs the old child still serves. */
static struct policy *find_in_chain(struct policies *p, const struct policy_entry *key, const struct inner *in)
{
	struct policy *best = NULL;
	struct policy_entry *e = atomic_load_explicit(bucket_of(p, key), memory_order_acquire);

	for (; e; e = atomic_load_explicit(&e->next, memory_order_acquire)) {
		struct policy *policy = e->policy;

		if (best && policy->rank < best->rank)
			break;
		if (!same_key(e, key) || !selector_takes(&policy->remote_ts, in, true) ||
		    !selector_takes(&policy->local_ts, in, false))
			continue;
		if (atomic_load_explicit(&policy->child->out, memory_order_relaxed))
			return policy;
		if (!best)
			best = policy;
	}
	return best;
}

struct policy *policies_find(struct policies *p, struct flow_cache *cache, const struct inner *in)
{
	uint64_t generation = atomic_load(&p->generation);
	struct policy *policy = NULL;

	if (cache_has(cache, generation, in))
		return cache->policy;
	const struct shapes *shapes = atomic_load_explicit(&p->shapes, memory_order_acquire);
	for (size_t i = 0; i < shapes->count && !policy; i++) {
		const struct shape *s = &shapes->at[i];
		struct policy_entry key = { .family = s->family, .remote_bits = s->remote_bits, .local_bits = s->local_bits };

		if (s->family != in->family)
			continue;
		copy_bits(key.remote, in->destination, s->remote_bits);
		copy_bits(key.local, in->source, s->local_bits);
		policy = find_in_chain(p, &key, in);
	}
	cache_put(cache, generation, in, policy);
	return policy;
}

bool policy_is_by_source(const struct ipsec_policy *policy)
{
	const struct address_range *local = &policy->local_ts.range, *remote = &policy->remote_ts.range;

	if (policy->action != IPSEC_PROTECT)
		return local->family && address_range_prefix(local) > 0;
	return !policy->transport && address_range_weight(remote) == 0 && local->family && address_range_prefix(local) > 0 &&
	       policy->local.family && !address_range_has(local, &policy->local);
}
