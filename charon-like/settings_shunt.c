/* SPDX-License-Identifier: MIT */
/* settings_shunt.c - reads one <shunt>: what passes in the clear, or not at all, whatever the connections protect. */
#include <stdio.h>

#include "settings_parts.h"

enum { FAULT_TEXT_MAX = 160 };

static void end_read(struct check *check, const struct config_node *node, const char *attribute, struct selector *out)
{
	const char *value = config_get(node, attribute);
	char range[SELECTOR_TEXT_MAX], fault[FAULT_TEXT_MAX];
	struct address_range ignored;

	if (!value || selector_parse(out, value) == 0)
		return;
	size_t len = strcspn(value, "[");
	snprintf(range, sizeof(range), "%.*s", (int)(len < sizeof(range) ? len : sizeof(range) - 1), value);
	if (strcmp(range, "%any") == 0)
		check_error(check, node, "%s '%s' has no address family; write 0.0.0.0/0 or ::/0", attribute, value);
	else if (address_range_parse(&ignored, range))
		check_error(check, node, "%s '%s' %s", attribute, value, range_fault(fault, sizeof(fault), range));
	else
		check_error(check, node, "%s '%s' does not end with a protocol and port; write [tcp], [udp/1701] or [47]",
			    attribute, value);
}

/* What is not said is everything of the other's family. */
static struct selector everything(uint8_t family)
{
	struct selector out = { .range = { .family = family } };

	memset(out.range.last, 0xff, address_len(family));
	return out;
}

static void ends_check(struct check *check, const struct shunt_settings *shunt)
{
	const struct selector *local = &shunt->local, *remote = &shunt->remote;

	if (local->range.family && remote->range.family && local->range.family != remote->range.family)
		check_error(check, shunt->node, "local and remote are not of the same family");
	if (local->protocol && remote->protocol && local->protocol != remote->protocol)
		check_error(check, shunt->node, "local and remote are not of the same protocol");
}

void shunt_read(struct check *check, const struct config_node *node, struct shunt_settings *shunt)
{
	static const char *const actions[] = { "bypass", "drop", NULL };

	shunt->node = node;
	shunt->name = config_get(node, "name");
	if (shunt->name && !word_is_name(shunt->name))
		check_error(check, node, "name '%s' must be of letters, digits and '.', '_', '-', begin with a letter or "
			    "digit, and have at most %d of them", shunt->name, NAME_WORD_MAX);
	shunt->is_drop = word_choice(check, node, "action", actions, 0) == 1;
	end_read(check, node, "local", &shunt->local);
	end_read(check, node, "remote", &shunt->remote);
	if (!config_get(node, "local") && shunt->remote.range.family)
		shunt->local = everything(shunt->remote.range.family);
	ends_check(check, shunt);
}
