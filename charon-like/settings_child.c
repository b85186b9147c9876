/* SPDX-License-Identifier: MIT */
/* settings_child.c - reads one <child>: what a pair of IPsec SAs protects and how; and compares the children of a connection. */
#include <stdio.h>
#include <stdlib.h>

#include "settings_parts.h"

enum { FAULT_TEXT_MAX = 160 };

/* "dynamic" is strongSwan's word for the IKE address of that end; protocol and port may follow as elsewhere. */
static int dynamic_parse(struct selector *out, const char *suffix)
{
	char text[SELECTOR_TEXT_MAX];

	if ((size_t)snprintf(text, sizeof(text), "%%any4%s", suffix) >= sizeof(text) || selector_parse(out, text))
		return FAULT_INPUT;
	out->range = (struct address_range){ .family = 0 };
	return 0;
}

/* True when it is the host's own address. */
static bool selector_read_end(struct check *check, const struct config_node *node, const char *attribute, struct selector *out)
{
	static const char dynamic[] = "dynamic";
	const char *value = config_get(node, attribute);
	char range[SELECTOR_TEXT_MAX], fault[FAULT_TEXT_MAX];

	if (!value)
		return true;
	size_t len = strcspn(value, "[");
	bool is_dynamic = len == strlen(dynamic) && strncmp(value, dynamic, len) == 0;
	int wrong = is_dynamic ? dynamic_parse(out, value + len) : selector_parse(out, value);
	if (!wrong)
		return is_dynamic;
	struct address_range ignored;
	snprintf(range, sizeof(range), "%.*s", (int)(len < sizeof(range) ? len : sizeof(range) - 1), value);
	if (strcmp(range, "%any") == 0)
		check_error(check, node, "%s '%s' has no address family; write 0.0.0.0/0 or ::/0", attribute, value);
	else if (!is_dynamic && address_range_parse(&ignored, range))
		check_error(check, node, "%s '%s' %s, or 'dynamic' for the IKE address itself", attribute, value,
			    range_fault(fault, sizeof(fault), range));
	else
		check_error(check, node, "%s '%s' does not end with a protocol and port; write [tcp], [udp/1701] or [47]",
			    attribute, value);
	return false;
}

/* RFC 2407 4.5: in transport mode the IP header stays, so each end can only be the host itself. */
static void transport_check(struct check *check, const struct child_settings *child)
{
	if (!child->local_is_host && child->local.range.family && !address_range_is_host(&child->local.range))
		check_error(check, child->node, "mode 'transport' protects hosts only, so local must be one address or left out");
	if (!child->remote_is_host && child->remote.range.family && !address_range_is_host(&child->remote.range))
		check_error(check, child->node, "mode 'transport' protects hosts only, so remote must be one address or left out");
}

static void child_check(struct check *check, const struct child_settings *child)
{
	uint8_t local = child->local.range.family, remote = child->remote.range.family;

	if (local && remote && local != remote)
		check_error(check, child->node, "local and remote are not of the same family");
	if ((local == AF_INET6 || remote == AF_INET6) && child->mtu && child->mtu < CHILD_MTU_MIN_IPV6)
		check_error(check, child->node, "mtu '%u' is below IPv6's least, %d", child->mtu, CHILD_MTU_MIN_IPV6);
	if (child->transport)
		transport_check(check, child);
}

static void proposals_read(struct check *check, struct child_settings *child)
{
	const char *words = config_get(child->node, "proposals");
	char why[WHY_MAX] = "";

	if (!check->crypto)
		return;
	words = words ? words : "default";
	int fault = child->is_ah ? ah_transforms_parse(&child->proposals, words, check->crypto, why)
				 : esp_transforms_parse(&child->proposals, words, check->crypto, why);
	if (check_is_input(check, fault))
		check_error(check, child->node, "proposals: %s", why);
}

void child_read(struct check *check, const struct config_node *node, struct child_settings *child)
{
	static const struct number_rule lifetime = { "lifetime", CHILD_LIFETIME, LIFETIME_MIN, LIFETIME_MAX };
	static const struct size_rule bytes = { "lifetime-bytes", LIFETIME_BYTES_MIN, LIFETIME_BYTES_MAX };
	static const struct size_rule packets = { "lifetime-packets", LIFETIME_PACKETS_MIN, LIFETIME_BYTES_MAX };
	static const struct number_rule window = { "replay-window", REPLAY_WINDOW, REPLAY_WINDOW_MIN, REPLAY_WINDOW_MAX };
	static const struct number_rule mtu = { "mtu", 0, CHILD_MTU_MIN, UINT16_MAX };
	static const char *const modes[] = { "tunnel", "transport", NULL }, *const protocols[] = { "esp", "ah", NULL };
	static const char *const answers[] = { "no", "yes", NULL };

	child->node = node;
	child->name = config_get(node, "name");
	if (child->name && !word_is_name(child->name))
		check_error(check, node, "name '%s' must be of letters, digits and '.', '_', '-', begin with a letter or "
			    "digit, and have at most %d of them", child->name, NAME_WORD_MAX);
	child->transport = word_choice(check, node, "mode", modes, 0) == 1;
	child->local_is_host = selector_read_end(check, node, "local", &child->local);
	child->remote_is_host = selector_read_end(check, node, "remote", &child->remote);
	child->lifetime.seconds = word_seconds(check, node, &lifetime);
	child->lifetime.bytes = word_size(check, node, &bytes);
	child->lifetime.packets = word_size(check, node, &packets);
	child->replay_window = word_number(check, node, &window);
	child->mtu = (uint16_t)word_number(check, node, &mtu);
	child->is_ah = word_choice(check, node, "protocol", protocols, 0) == 1;
	child->compress = word_choice(check, node, "compress", answers, 0) == 1;
	proposals_read(check, child);
	options_read(check, node, child);
	child_check(check, child);
}

/* What a child protects, as a key and for people. */
static const char *pair_text(char *out, size_t size, const struct child_settings *child)
{
	char local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];

	snprintf(out, size, "%s%s and %s%s", child->local_is_host ? "dynamic " : "", selector_text(local, &child->local),
		 child->remote_is_host ? "dynamic " : "", selector_text(remote, &child->remote));
	return out;
}

static bool is_readable(const struct config_node *node, const char *attribute, bool is_host, const struct selector *s)
{
	return !config_get(node, attribute) || is_host || s->range.family;
}

static void child_compare(struct check *check, struct lookup *names, struct lookup *pairs, const struct child_settings *child)
{
	char pair[2 * SELECTOR_TEXT_MAX + 32];
	const struct config_node *node = child->node;
	const struct lookup_item *same;
	const struct child_settings *first;

	if (child->name) {
		same = lookup_find(names, bytes_text(child->name));
		first = same ? same->at : NULL;
		if (first)
			check_error(check, node, "there is a child '%s' in this connection already, at %s:%u", child->name,
				    first->node->file, first->node->line);
		else if (lookup_add(names, bytes_text(child->name), child))
			check->is_out_of_memory = true;
	}
	if (!is_readable(node, "local", child->local_is_host, &child->local) ||
	    !is_readable(node, "remote", child->remote_is_host, &child->remote))
		return;
	pair_text(pair, sizeof(pair), child);
	same = lookup_find(pairs, bytes_text(pair));
	first = same ? same->at : NULL;
	if (first)
		check_error(check, node, "it protects what the child '%s' at %s:%u does: %s", first->name ? first->name : "",
			    first->node->file, first->node->line, pair);
	else if (lookup_add(pairs, bytes_text(pair), child))
		check->is_out_of_memory = true;
}

void children_check(struct check *check, const struct connection_settings *c)
{
	struct lookup names = { NULL }, pairs = { NULL };

	for (size_t i = 0; i < c->child_count; i++) {
		child_compare(check, &names, &pairs, &c->children[i]);
		if (c->children[i].is_ah && c->encap == ENCAP_YES)
			check_error(check, c->children[i].node, "protocol 'ah' has no form in UDP, which encap 'yes' of its connection asks for: "
				    "write protocol 'esp', or encap 'no'");
	}
	lookup_free(&names);
	lookup_free(&pairs);
}
