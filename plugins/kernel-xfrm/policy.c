/* SPDX-License-Identifier: MIT */
/*
 * policy.c - policies: those of a child (rules.h) are sent together, and half of them are none. The kernel has one for a selector, whoever
 * wants it; here it is known who else does. All but the ops is called under the lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules.h"
#include "xfrm.h"

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
static void queue_install(struct xfrm *x, const struct rule *rule, const struct claim *claim, const struct owner *owner, int *status)
{
	const struct ipsec_policy *policy = claim->is_bypass ? NULL : &owner->policy;
	uint16_t type = rule->count == 0 ? XFRM_MSG_NEWPOLICY : XFRM_MSG_UPDPOLICY;
	struct nlmsghdr *request = build_policy(&x->netlink, type, &rule->key, claim->priority, policy);

	if (policy)
		offload_policy(request, policy, rule->key.direction);
	netlink_queue(&x->netlink, request, status);
}

static void queue_top(struct xfrm *x, const struct rule *rule, int *status)
{
	const struct claim *top = &rule->claims[rule->count - 1];

	queue_install(x, rule, top, owner_find(x, top->owner), status);
}

static void queue_remove(struct xfrm *x, const struct rule_key *key, int *status)
{
	netlink_queue(&x->netlink, build_policy_id(&x->netlink, XFRM_MSG_DELPOLICY, key), status);
}

/* The first that failed; what is gone need not be removed. */
static int error_of(const struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		int error = abs(rules->status[i]);
		bool is_fine = rules->step[i] == RULE_REMOVED && (error == ENOENT || error == ESRCH);

		if (rules->step[i] != RULE_LEFT && error && !is_fine)
			return error;
	}
	return 0;
}

static int complain(struct xfrm *x, const char *what, const struct ipsec_policy *policy, int error)
{
	char text[64 + 2 * SELECTOR_TEXT_MAX], local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];

	snprintf(text, sizeof(text), "cannot %s the policy of %s to %s", what, selector_text(local, &policy->local_ts),
		 selector_text(remote, &policy->remote_ts));
	return xfrm_complain(x, "policy-install", text, error);
}

/* The child does not want the i-th any more: it is the next one's, or goes. */
static void leave_rule(struct xfrm *x, struct rules *rules, size_t i, struct rule *rule, const struct owner *owner)
{
	bool was_top = is_top(rule, owner->id);

	disown(rule, owner->id);
	rules->step[i] = rule->count == 0 ? RULE_REMOVED : was_top ? RULE_INSTALLED : RULE_LEFT;
	if (rules->step[i] == RULE_REMOVED)
		queue_remove(x, &rule->key, &rules->status[i]);
	else if (was_top)
		queue_top(x, rule, &rules->status[i]);
	rule_put(x, rule);
}

static void leave_rules(struct xfrm *x, const struct owner *owner, const struct ipsec_policy *policy, const struct rules *but)
{
	struct rules *rules = rules_of(policy);

	for (size_t i = 0; rules && i < rules->count; i++) {
		struct rule *rule;

		if (but && rules_find(but, &rules->at[i]) < but->count)
			continue;
		HASH_FIND(hh, x->rules, &rules->at[i], sizeof(rules->at[i]), rule);
		if (rule && owns(rule, owner->id))
			leave_rule(x, rules, i, rule, owner);
	}
	netlink_flush(&x->netlink);
	int error = rules ? error_of(rules) : ENOMEM;
	if (error)
		complain(x, "remove", policy, error);
	free(rules);
}

static struct claim claim_of(const struct rules *rules, size_t i, const struct owner *owner)
{
	return (struct claim){ .owner = owner->id, .priority = rules->priority[i], .is_bypass = rules->is_bypass[i] };
}

static bool same_policy(const struct ipsec_policy *a, const struct ipsec_policy *b)
{
	return a->transport == b->transport && a->is_ah == b->is_ah && a->compress == b->compress && a->action == b->action &&
	       a->want_acquire == b->want_acquire && a->mtu == b->mtu && selector_same(&a->local_ts, &b->local_ts) &&
	       selector_same(&a->remote_ts, &b->remote_ts) && address_same_host(&a->local, &b->local) &&
	       address_same_host(&a->remote, &b->remote) && memcmp(&a->options, &b->options, sizeof(a->options)) == 0;
}

/* So that nothing can fail any more once the kernel has been asked. */
static bool has_room(struct xfrm *x, const struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = rule_get(x, &rules->at[i]);

		if (!rule || make_room(rule))
			return false;
	}
	return true;
}

/* Those that nobody wants are forgotten. */
static void put_rules(struct xfrm *x, const struct rules *rules)
{
	struct rule *rule;

	for (size_t i = 0; i < rules->count; i++) {
		HASH_FIND(hh, x->rules, &rules->at[i], sizeof(rules->at[i]), rule);
		if (rule)
			rule_put(x, rule);
	}
}

/* To touch a policy in the kernel is to send what waits for its SA, perhaps before the peer can receive that: see policy_wake(). */
static int install_rules(struct xfrm *x, const struct owner *owner, struct rules *rules, bool is_same)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = rule_get(x, &rules->at[i]);
		struct claim claim = claim_of(rules, i, owner);

		rules->status[i] = 0;
		rules->step[i] = is_behind(rule, &claim) || (is_same && is_top(rule, owner->id)) ? RULE_LEFT : RULE_INSTALLED;
		if (rules->step[i] == RULE_INSTALLED)
			queue_install(x, rule, &claim, owner, &rules->status[i]);
	}
	netlink_flush(&x->netlink);
	for (size_t i = 0; i < rules->count; i++) {
		struct claim claim = claim_of(rules, i, owner);

		if (rules->status[i] == 0)
			own(rule_get(x, &rules->at[i]), &claim);
	}
	return error_of(rules);
}

static void look_for_tag(const struct nlmsghdr *message, void *arg)
{
	struct xfrm_userpolicy_info info;

	if (message->nlmsg_type != XFRM_MSG_NEWPOLICY || mnl_nlmsg_get_payload_len(message) < sizeof(info))
		return;
	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	*(bool *)arg = info.lft.soft_use_expires_seconds == BUILD_TAG;
}

/* It is not known whether we have installed it. What is there may be another program's, which is not ours to remove. */
static void remove_ours(struct xfrm *x, const struct rule_key *key)
{
	bool is_ours = false;

	if (!netlink_talk(&x->netlink, build_policy_id(&x->netlink, XFRM_MSG_GETPOLICY, key), look_for_tag, &is_ours) && is_ours)
		queue_remove(x, key, NULL);
}

/* What was done of it, and what may have been done. `old` (may be NULL) is what the owner had before. */
static void undo_rules(struct xfrm *x, const struct owner *owner, struct rules *rules, const struct rules *old)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = rule_get(x, &rules->at[i]);
		size_t before = old ? rules_find(old, &rules->at[i]) : 0;

		if (rules->status[i] > 0)
			continue;
		if (old && before < old->count) {
			own(rule, &(struct claim){ .owner = owner->id, .priority = old->priority[before], .is_bypass = old->is_bypass[before] });
			if (rules->step[i] != RULE_LEFT)
				queue_top(x, rule, NULL);
		} else if (rules->status[i] == 0) {
			leave_rule(x, rules, i, rule, owner);
		} else if (rule->count == 0) {
			remove_ours(x, &rule->key);
		} else {
			queue_top(x, rule, NULL);
		}
	}
	netlink_flush(&x->netlink);
}

/* Half a policy is none: what was done is undone. */
static int enter_rules(struct xfrm *x, struct owner *owner, struct rules *rules, const struct ipsec_policy *before)
{
	bool has_begun = has_room(x, rules), is_same = before && same_policy(before, &owner->policy);
	int error = has_begun ? install_rules(x, owner, rules, is_same) : ENOMEM;

	if (!error)
		return 0;
	int fault = complain(x, "install", &owner->policy, error);
	struct rules *old = before ? rules_of(before) : NULL;
	if (before)
		owner->policy = *before;
	if (has_begun)
		undo_rules(x, owner, rules, old);
	put_rules(x, rules);
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
			netlink_queue(&x->netlink, build_policy(&x->netlink, XFRM_MSG_UPDPOLICY, &key, PRIORITY_NEIGHBOUR, NULL), NULL);
			adopt_neighbour(x, &key);
		}
	}
	int error = netlink_flush(&x->netlink);
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

static int replace(struct xfrm *x, struct owner *owner, const struct ipsec_policy *policy, struct rules *rules)
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

	for (size_t i = 0; rules && i < rules->count; i++) {
		struct rule *rule;
		HASH_FIND(hh, x->rules, &rules->at[i], sizeof(rules->at[i]), rule);
		if (rule && is_top(rule, owner->id))
			queue_top(x, rule, NULL);
	}
	int error = rules ? netlink_flush(&x->netlink) : ENOMEM;
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

	HASH_ITER(hh, x->rules, rule, next)
		if (is_top(rule, ORPHAN))
			queue_remove(x, &rule->key, &rule->status);
	netlink_flush(&x->netlink);
	HASH_ITER(hh, x->rules, rule, next) {
		if (!is_top(rule, ORPHAN))
			continue;
		int error = abs(rule->status);
		if (error && error != ENOENT && error != ESRCH)
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
