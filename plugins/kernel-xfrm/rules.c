/* SPDX-License-Identifier: MIT */
/* rules.c - see rules.h. */
#include "rules.h"

#include <stdlib.h>

size_t rules_find(const struct rules *rules, const struct rule_key *key)
{
	size_t i = 0;

	while (i < rules->count && memcmp(&rules->at[i], key, sizeof(*key)) != 0)
		i++;
	return i;
}

/* No two are for the same: a bypass stands in the place of what would protect it. */
static void add_rule(struct rules *rules, const struct xfrm_selector *selector, uint32_t direction, uint32_t priority, bool is_bypass)
{
	struct rule_key key;

	memset(&key, 0, sizeof(key));
	key.selector = *selector;
	key.direction = direction;
	key.mark = rules->options->mark;
	key.mark_mask = rules->options->mark_mask;
	key.if_id = rules->options->if_id;
	size_t i = is_bypass ? rules_find(rules, &key) : rules->count;
	if (i == RULES_MAX) {
		rules->is_full = true;
		return;
	}
	rules->at[i] = key;
	rules->priority[i] = priority;
	rules->is_bypass[i] = is_bypass;
	rules->count += i == rules->count;
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

struct rules *rules_of(const struct ipsec_policy *policy)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (rules) {
		rules->options = &policy->options;
		add_family(rules, policy, AF_INET);
		add_family(rules, policy, AF_INET6);
	}
	return rules;
}
