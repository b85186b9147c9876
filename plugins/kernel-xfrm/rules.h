/* SPDX-License-Identifier: MIT */
/* rules.h - what a policy becomes: one for each direction and pair of prefixes. */
#ifndef KEYFERRY_XFRM_RULES_H
#define KEYFERRY_XFRM_RULES_H
#include "build.h"

enum { RULES_MAX = 512 };

/* What was asked of the kernel. */
enum rule_step { RULE_LEFT, RULE_INSTALLED, RULE_REMOVED };

struct rules {
	struct rule_key at[RULES_MAX];         /* each another                                             */
	uint32_t priority[RULES_MAX];
	bool is_bypass[RULES_MAX];
	enum rule_step step[RULES_MAX];        /* policy.c's, like the status that netlink_queue() gives   */
	int status[RULES_MAX];
	size_t count;
	bool is_full;                          /* there are more than RULES_MAX                            */
	const struct ipsec_options *options;   /* the policy's                                             */
};

/* To be freed; NULL: no memory. Borrows the policy. */
struct rules *rules_of(const struct ipsec_policy *policy) MUST_CHECK;
/* rules->count: it is not among them. */
size_t rules_find(const struct rules *rules, const struct rule_key *key);

#endif
