/* SPDX-License-Identifier: MIT */
/*
 * policy.c - policies: those of a child are one for each direction and pair of prefixes. The kernel has one for a selector, whoever
 * wants it; here it is known who else does. All but the ops is called under the lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "xfrm.h"

/* ---- what a policy becomes ---- */

struct rules {
	struct rule_key at[RULES_MAX];
	uint32_t priority[RULES_MAX];
	bool is_bypass[RULES_MAX];
	size_t count;
	bool is_full;
	const struct ipsec_options *options;
};

static void add_rule(struct rules *rules, const struct xfrm_selector *selector, uint32_t direction, uint32_t priority, bool is_bypass)
{
	if (rules->count == RULES_MAX) {
		rules->is_full = true;
		return;
	}
	struct rule_key *key = &rules->at[rules->count];
	memset(key, 0, sizeof(*key));
	key->selector = *selector;
	key->direction = direction;
	key->mark = rules->options->mark;
	key->mark_mask = rules->options->mark_mask;
	key->if_id = rules->options->if_id;
	rules->priority[rules->count] = priority;
	rules->is_bypass[rules->count++] = is_bypass;
}

/* Forwarded packets have a direction of their own; in transport mode there are none. */
static void add_directions(struct rules *rules, const struct prefix *local, const struct prefix *remote,
			   const struct ipsec_policy *policy, bool is_bypass)
{
	static const struct selector anything;
	const struct selector *local_ts = is_bypass ? &anything : &policy->local_ts;
	const struct selector *remote_ts = is_bypass ? &anything : &policy->remote_ts;
	struct xfrm_selector out = build_selector(local, remote, local_ts, remote_ts);
	struct xfrm_selector in = build_selector(remote, local, remote_ts, local_ts);
	uint32_t given = policy->options.priority, ranked = build_priority(remote, local, remote_ts, local_ts, policy->action != IPSEC_PROTECT);
	uint32_t priority = given ? given - is_bypass : ranked;

	add_rule(rules, &in, XFRM_POLICY_IN, priority, is_bypass);
	if (!policy->transport)
		add_rule(rules, &in, XFRM_POLICY_FWD, priority, is_bypass);
	add_rule(rules, &out, XFRM_POLICY_OUT, priority, is_bypass);
}

static struct address_range of_family(const struct address_range *range, uint8_t family)
{
	struct address_range out = { .family = family };

	if (range->family)
		return *range;
	memset(out.last, 0xff, address_len(family));
	return out;
}

/* A network whose remote side is everything still reaches itself. */
static bool reaches_itself(const struct ipsec_policy *policy, const struct address_range *local, const struct address_range *remote)
{
	return policy->action == IPSEC_PROTECT && !policy->transport && address_range_covers(remote, local) && !address_range_covers(local, remote);
}

static void add_family(struct rules *rules, const struct ipsec_policy *policy, uint8_t family)
{
	struct address_range local_range = of_family(&policy->local_ts.range, family);
	struct address_range remote_range = of_family(&policy->remote_ts.range, family);
	struct prefix local[PREFIXES_MAX], remote[PREFIXES_MAX];

	if (local_range.family != family || remote_range.family != family)
		return;
	size_t locals = prefixes_of(local, &local_range), remotes = prefixes_of(remote, &remote_range);
	for (size_t i = 0; i < locals; i++)
		for (size_t k = 0; k < remotes; k++)
			add_directions(rules, &local[i], &remote[k], policy, false);
	for (size_t i = 0; reaches_itself(policy, &local_range, &remote_range) && i < locals; i++)
		for (size_t k = 0; k < locals; k++)
			add_directions(rules, &local[i], &local[k], policy, true);
}

static struct rules *rules_of(const struct ipsec_policy *policy)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (rules) {
		rules->options = &policy->options;
		add_family(rules, policy, AF_INET);
		add_family(rules, policy, AF_INET6);
	}
	return rules;
}

static bool has_rule(const struct rules *rules, const struct rule_key *key)
{
	for (size_t i = 0; i < rules->count; i++)
		if (memcmp(&rules->at[i], key, sizeof(*key)) == 0)
			return true;
	return false;
}

/* ---- owners ---- */

struct owner *owner_find(struct xfrm *x, uint32_t child)
{
	struct owner *owner;

	HASH_FIND(hh, x->owners, &child, sizeof(child), owner);
	return owner;
}

static struct owner *owner_get(struct xfrm *x, uint32_t child)
{
	struct owner *owner = owner_find(x, child);

	if (owner || !(owner = calloc(1, sizeof(*owner))))
		return owner;
	owner->id = child;
	HASH_ADD(hh, x->owners, id, sizeof(owner->id), owner);
	if (owner->hh.tbl)
		return owner;
	free(owner);
	return NULL;
}

static void owner_put(struct xfrm *x, struct owner *owner)
{
	if (owner->has_policy || owner->outbound > 0)
		return;
	HASH_DELETE(hh, x->owners, owner);
	free(owner);
}

static struct rule *rule_get(struct xfrm *x, const struct rule_key *key)
{
	struct rule *rule;

	HASH_FIND(hh, x->rules, key, sizeof(*key), rule);
	if (rule || !(rule = calloc(1, sizeof(*rule))))
		return rule;
	rule->key = *key;
	HASH_ADD(hh, x->rules, key, sizeof(rule->key), rule);
	if (rule->hh.tbl)
		return rule;
	free(rule);
	return NULL;
}

static void rule_put(struct xfrm *x, struct rule *rule)
{
	if (rule->count > 0)
		return;
	HASH_DELETE(hh, x->rules, rule);
	free(rule->claims);
	free(rule);
}

static void disown(struct rule *rule, uint32_t child)
{
	size_t kept = 0;

	for (size_t i = 0; i < rule->count; i++)
		if (rule->claims[i].owner != child)
			rule->claims[kept++] = rule->claims[i];
	rule->count = kept;
}

static bool is_top(const struct rule *rule, uint32_t child)
{
	return rule->count > 0 && rule->claims[rule->count - 1].owner == child;
}

static bool owns(const struct rule *rule, uint32_t child)
{
	for (size_t i = 0; i < rule->count; i++)
		if (rule->claims[i].owner == child)
			return true;
	return false;
}

/* Room for one more, so that own() cannot fail. */
static int make_room(struct rule *rule)
{
	if (rule->count < rule->size)
		return 0;
	struct claim *grown = realloc(rule->claims, (rule->size * 2 + 2) * sizeof(*grown));
	if (!grown)
		return FAULT_MEMORY;
	rule->claims = grown;
	rule->size = rule->size * 2 + 2;
	return 0;
}

static void own(struct rule *rule, const struct claim *claim)
{
	disown(rule, ORPHAN);
	disown(rule, claim->owner);
	size_t at = rule->count++;
	for (; at > 0 && rule->claims[at - 1].priority < claim->priority; at--)
		rule->claims[at] = rule->claims[at - 1];
	rule->claims[at] = *claim;
}

/* A shunt stands before it. */
static bool is_behind(const struct rule *rule, const struct claim *claim)
{
	for (size_t i = 0; i < rule->count; i++)
		if (rule->claims[i].owner != ORPHAN && rule->claims[i].owner != claim->owner && rule->claims[i].priority < claim->priority)
			return true;
	return false;
}

/* ---- the kernel ---- */

/* Of the owner whose turn it is. A selector that is nobody's of ours yet must not be another program's. */
static int install(struct xfrm *x, const struct rule *rule, const struct claim *claim, const struct owner *owner)
{
	const struct ipsec_policy *policy = claim->is_bypass ? NULL : &owner->policy;
	uint16_t type = rule->count == 0 ? XFRM_MSG_NEWPOLICY : XFRM_MSG_UPDPOLICY;
	struct nlmsghdr *request = build_policy(&x->netlink, type, &rule->key, claim->priority, policy);

	if (policy)
		offload_policy(request, policy, rule->key.direction);
	return netlink_talk(&x->netlink, request, NULL, NULL);
}

static int install_top(struct xfrm *x, const struct rule *rule)
{
	const struct claim *top = &rule->claims[rule->count - 1];

	return install(x, rule, top, owner_find(x, top->owner));
}

static int uninstall(struct xfrm *x, const struct rule_key *key)
{
	int error = netlink_talk(&x->netlink, build_policy_delete(&x->netlink, key), NULL, NULL);

	return error == ENOENT || error == ESRCH ? 0 : error;
}

static int complain(struct xfrm *x, const char *what, const struct ipsec_policy *policy, int error)
{
	char text[64 + 2 * SELECTOR_TEXT_MAX], local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];

	snprintf(text, sizeof(text), "cannot %s the policy of %s to %s", what, selector_text(local, &policy->local_ts),
		 selector_text(remote, &policy->remote_ts));
	return xfrm_complain(x, "policy-install", text, error);
}

/* The child does not want it any more: it is the next one's, or goes. */
static int leave_rule(struct xfrm *x, struct rule *rule, const struct owner *owner)
{
	bool was_top = is_top(rule, owner->id);
	int error = 0;

	disown(rule, owner->id);
	if (rule->count == 0)
		error = uninstall(x, &rule->key);
	else if (was_top)
		error = install_top(x, rule);
	rule_put(x, rule);
	return error;
}

static void leave_rules(struct xfrm *x, const struct owner *owner, const struct ipsec_policy *policy, const struct rules *but)
{
	struct rules *rules = rules_of(policy);
	int error = rules ? 0 : ENOMEM;

	for (size_t i = 0; rules && i < rules->count; i++) {
		struct rule *rule;

		if (but && has_rule(but, &rules->at[i]))
			continue;
		HASH_FIND(hh, x->rules, &rules->at[i], sizeof(rules->at[i]), rule);
		int one = rule && owns(rule, owner->id) ? leave_rule(x, rule, owner) : 0;
		error = error ? error : one;
	}
	if (error)
		complain(x, "remove", policy, error);
	free(rules);
}

static bool same_policy(const struct ipsec_policy *a, const struct ipsec_policy *b)
{
	return a->transport == b->transport && a->is_ah == b->is_ah && a->compress == b->compress && a->action == b->action &&
	       a->want_acquire == b->want_acquire && a->mtu == b->mtu && selector_same(&a->local_ts, &b->local_ts) &&
	       selector_same(&a->remote_ts, &b->remote_ts) && address_same_host(&a->local, &b->local) &&
	       address_same_host(&a->remote, &b->remote) && memcmp(&a->options, &b->options, sizeof(a->options)) == 0;
}

/* To touch a policy in the kernel is to send what waits for its SA, perhaps before the peer can receive that: see policy_wake(). */
static int enter_rule(struct xfrm *x, const struct rules *rules, size_t i, const struct owner *owner, bool is_same)
{
	struct rule *rule = rule_get(x, &rules->at[i]);

	if (!rule)
		return ENOMEM;
	struct claim claim = { .owner = owner->id, .priority = rules->priority[i], .is_bypass = rules->is_bypass[i] };
	int error = make_room(rule) ? ENOMEM : 0;
	if (!error && !is_behind(rule, &claim) && !(is_same && is_top(rule, owner->id)))
		error = install(x, rule, &claim, owner);
	if (!error)
		own(rule, &claim);
	rule_put(x, rule);
	return error;
}

/* Half a policy is none: what was done is undone. */
static int enter_rules(struct xfrm *x, struct owner *owner, const struct rules *rules, const struct ipsec_policy *before)
{
	bool is_same = before && same_policy(before, &owner->policy);
	int error = 0;
	size_t done = 0;

	while (done < rules->count && !(error = enter_rule(x, rules, done, owner, is_same)))
		done++;
	if (!error)
		return 0;
	int fault = complain(x, "install", &owner->policy, error);
	struct rules *old = before ? rules_of(before) : NULL;
	if (before)
		owner->policy = *before;
	for (size_t i = 0; i < done; i++) {
		struct rule *rule = rule_get(x, &rules->at[i]);
		bool stays = old && has_rule(old, &rules->at[i]);
		if (rule)
			(void)(stays ? install_top(x, rule) : leave_rule(x, rule, owner));
	}
	free(old);
	return fault;
}

/* ---- neighbours ---- */

/* Of an earlier run: it stays, and is ours to remove at the end like the others. */
static void adopt_neighbour(struct xfrm *x, const struct rule_key *key)
{
	struct rule *rule;

	HASH_FIND(hh, x->rules, key, sizeof(*key), rule);
	if (!rule)
		return;
	disown(rule, ORPHAN);
	rule_put(x, rule);
}

/*
 * RFC 4861: solicitations, advertisements, redirects. With a policy for all of a link's traffic the peer's link address could never be
 * learnt, and so neither IKE nor ESP be sent to it.
 */
static void allow_neighbours(struct xfrm *x)
{
	enum { FIRST_TYPE = 133, LAST_TYPE = 137 };
	int error = 0;

	for (uint16_t type = FIRST_TYPE; type <= LAST_TYPE; type++) {
		static const uint32_t directions[] = { XFRM_POLICY_IN, XFRM_POLICY_OUT };
		for (size_t i = 0; i < COUNT(directions); i++) {
			struct rule_key key;
			memset(&key, 0, sizeof(key));
			key.direction = directions[i];
			key.selector.family = AF_INET6;
			key.selector.proto = IPPROTO_ICMPV6;
			key.selector.sport = htons(type);
			key.selector.sport_mask = 0xffff;
			int one = netlink_talk(&x->netlink,
					       build_policy(&x->netlink, XFRM_MSG_UPDPOLICY, &key, PRIORITY_NEIGHBOUR, NULL),
					       NULL, NULL);
			error = error ? error : one;
			adopt_neighbour(x, &key);
		}
	}
	if (error)
		xfrm_complain(x, "policy-install", "cannot exempt the search for IPv6 neighbours from policies", error);
	x->has_neighbours = true;
}

static bool has_ipv6(const struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		if (rules->at[i].selector.family == AF_INET6)
			return true;
	return false;
}

/* ---- ops ---- */

static int replace(struct xfrm *x, struct owner *owner, const struct ipsec_policy *policy, const struct rules *rules)
{
	struct ipsec_policy before = owner->policy;
	bool had = owner->has_policy;

	if (!x->has_neighbours && has_ipv6(rules))
		allow_neighbours(x);
	if (policy->want_acquire)
		larval_hold(x);
	owner->policy = *policy;
	int fault = enter_rules(x, owner, rules, had ? &before : NULL);
	/* Nothing is led there before it is held back. */
	if (!fault && (fault = lead_to(x, policy))) {
		leave_rules(x, owner, policy, NULL);
		if (had)
			leave_rules(x, owner, &before, NULL);
		owner->has_policy = false;
	}
	if (fault)
		return fault;
	owner->has_policy = true;
	owner->is_over = false;
	if (had)
		leave_rules(x, owner, &before, rules);
	return 0;
}

int policy_add(void *state, const struct ipsec_policy *policy)
{
	struct xfrm *x = state;
	struct rules *rules = rules_of(policy);
	int fault = FAULT_MEMORY;

	pthread_mutex_lock(&x->lock);
	struct owner *owner = rules ? owner_get(x, policy->child) : NULL;
	if (owner && (rules->is_full || rules->count == 0)) {
		complain(x, "install", policy, rules->is_full ? E2BIG : EAFNOSUPPORT);
		fault = FAULT_INPUT;
	} else if (owner) {
		fault = replace(x, owner, policy, rules);
	} else {
		log_error(x->host.log, "no memory for a policy");
	}
	if (owner)
		owner_put(x, owner);
	pthread_mutex_unlock(&x->lock);
	free(rules);
	return fault;
}

static void end_policy(struct xfrm *x, struct owner *owner)
{
	owner->has_policy = false;
	lead_no_more(x, owner->id);
	leave_rules(x, owner, &owner->policy, NULL);
	owner_put(x, owner);
}

int policy_delete(void *state, uint32_t child)
{
	struct xfrm *x = state;

	pthread_mutex_lock(&x->lock);
	struct owner *owner = owner_find(x, child);
	bool exists = owner && owner->has_policy;
	if (exists && owner->outbound > 0)
		owner->is_over = true;
	else if (exists)
		end_policy(x, owner);
	pthread_mutex_unlock(&x->lock);
	if (!exists)
		log_debug(x->host.log, "there is no policy of child %u to delete", child);
	return exists ? 0 : FAULT_NOT_FOUND;
}

/* The rules that the owner is on top of are written once more, as its policy says now. Returns the first errno. */
static int refresh_rules(struct xfrm *x, const struct owner *owner)
{
	struct rules *rules = rules_of(&owner->policy);
	int error = rules ? 0 : ENOMEM;

	for (size_t i = 0; rules && i < rules->count; i++) {
		struct rule *rule;
		HASH_FIND(hh, x->rules, &rules->at[i], sizeof(rules->at[i]), rule);
		int one = rule && is_top(rule, owner->id) ? install_top(x, rule) : 0;
		error = error ? error : one;
	}
	free(rules);
	return error;
}

int policy_hold(struct xfrm *x, uint32_t child)
{
	struct owner *owner = owner_get(x, child);

	if (!owner)
		return FAULT_MEMORY;
	owner->outbound++;
	return 0;
}

void policy_wake(struct xfrm *x, uint32_t child)
{
	const struct owner *owner = owner_find(x, child);
	int error;

	if (owner && owner->has_policy && owner->policy.want_acquire && owner->outbound == 1 && (error = refresh_rules(x, owner)))
		complain(x, "send what waits for", &owner->policy, error);
}

void policy_release(struct xfrm *x, uint32_t child)
{
	struct owner *owner = owner_find(x, child);

	if (!owner || --owner->outbound > 0)
		return;
	if (owner->has_policy && owner->is_over)
		end_policy(x, owner);
	else
		owner_put(x, owner);
}

void policy_follow(struct xfrm *x, uint32_t child, const struct address *local, const struct address *remote)
{
	struct owner *owner = owner_find(x, child);

	if (!owner || !owner->has_policy ||
	    (address_same_host(&owner->policy.local, local) && address_same_host(&owner->policy.remote, remote)))
		return;
	owner->policy.local = *local;
	owner->policy.remote = *remote;
	int error = refresh_rules(x, owner);
	if (error)
		complain(x, "move", &owner->policy, error);
	(void)!lead_to(x, &owner->policy);
}

/* ---- an earlier run's ---- */

int orphan_add(struct xfrm *x, const struct rule_key *key, uint32_t priority)
{
	struct rule *rule = rule_get(x, key);

	if (!rule || make_room(rule))
		return FAULT_MEMORY;
	own(rule, &(struct claim){ .owner = ORPHAN, .priority = priority });
	return 0;
}

void orphans_remove(struct xfrm *x)
{
	struct rule *rule, *next;

	HASH_ITER(hh, x->rules, rule, next) {
		if (!is_top(rule, ORPHAN))
			continue;
		int error = uninstall(x, &rule->key);
		if (error)
			xfrm_complain(x, "policy-install", "cannot remove a policy of an earlier run", error);
		disown(rule, ORPHAN);
		rule_put(x, rule);
	}
}

void policies_forget(struct xfrm *x)
{
	struct rule *rule, *next_rule;
	struct owner *owner, *next_owner;

	HASH_ITER(hh, x->rules, rule, next_rule) {
		rule->count = 0;
		rule_put(x, rule);
	}
	HASH_ITER(hh, x->owners, owner, next_owner) {
		HASH_DELETE(hh, x->owners, owner);
		free(owner);
	}
	x->has_neighbours = false;
}
