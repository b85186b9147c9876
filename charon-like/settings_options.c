/* SPDX-License-Identifier: MIT */
/*
 * settings_options.c - what a <child> asks of the kernel's own IPsec: marks, interfaces, routes, what is copied between headers. Whether
 * the kernel service in use heeds it is checked when that is known.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel_net.h"
#include "settings_parts.h"

enum { WORD_MAX = 64 };

/* ---- one child ---- */

/* Decimal, or hex with 0x. */
static bool mark_number(const char *text, const char **end, uint32_t *out)
{
	char *after;
	unsigned long long value = strtoull(text, &after, strncmp(text, "0x", 2) == 0 ? 16 : 10);

	*end = after;
	*out = (uint32_t)value;
	return *text >= '0' && *text <= '9' && value <= UINT32_MAX;
}

static void mark_read(struct check *check, const struct config_node *node, struct ipsec_options *o)
{
	const char *word = config_get(node, "mark"), *end;

	if (!word)
		return;
	bool is_mark = mark_number(word, &end, &o->mark);
	o->mark_mask = UINT32_MAX;
	if (is_mark && *end == '/')
		is_mark = mark_number(end + 1, &end, &o->mark_mask);
	if (!is_mark || *end)
		check_error(check, node, "mark '%s' is not a mark; write 0x10, or 0x10/0xff for these bits of it", word);
	else if (!o->mark_mask || o->mark & ~o->mark_mask)
		check_error(check, node, "mark '%s' fits no packet: the mask must have all bits of the mark, and one at least", word);
}

/* "10.9.0.1/24": the address, not the network. */
static bool prefix_parse(struct bytes word, struct net_prefix *out)
{
	char text[WORD_MAX];
	unsigned long bits;

	if (word.len >= sizeof(text))
		return false;
	memcpy(text, word.at, word.len);
	text[word.len] = '\0';
	char *slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	if (address_parse(&out->address, text))
		return false;
	bits = address_len(out->address.family) * 8;
	if (slash && !address_number(slash + 1, bits, &bits))
		return false;
	out->bits = (uint8_t)bits;
	return true;
}

/* Adds to the `count` there are; `wrong` is the word that does not fit, or nothing. */
static size_t prefixes_parse(struct net_prefix out[NET_PREFIXES_MAX], size_t count, const char *list, struct bytes *wrong)
{
	struct bytes word;

	*wrong = (struct bytes){ NULL, 0 };
	while (list && word_next(&list, &word)) {
		if (count < NET_PREFIXES_MAX && prefix_parse(word, &out[count])) {
			count++;
			continue;
		}
		*wrong = word;
		break;
	}
	return count;
}

static bool is_device_name(const char *name)
{
	return *name && strlen(name) < IF_NAMESIZE && !strpbrk(name, "/ :%") && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void interface_read(struct check *check, const struct config_node *node, struct child_settings *child)
{
	static const struct number_rule if_id = { "if-id", 0, 1, UINT32_MAX };
	const char *name = config_get(node, "interface"), *addresses = config_get(node, "interface-address");
	struct net_prefix prefixes[NET_PREFIXES_MAX];
	struct bytes wrong;

	child->options.if_id = word_number(check, node, &if_id);
	child->interface_address = addresses;
	if (name && !is_device_name(name))
		check_error(check, node, "interface '%s' is no name of a network device (1 to %d characters)", name, IF_NAMESIZE - 1);
	else if (name)
		memcpy(child->options.interface, name, strlen(name));
	if (name && !config_get(node, "if-id"))
		check_error(check, node, "interface '%s' needs a number that its packets are told by; add if-id=\"42\", or another that nothing "
			    "else uses", name);
	if (name && child->transport)
		check_error(check, node, "mode 'transport' has no networks that could be routed to interface '%s'", name);
	if (addresses && !name)
		check_error(check, node, "interface-address needs an interface; add interface=\"NAME\"");
	(void)!prefixes_parse(prefixes, 0, addresses, &wrong);
	if (wrong.len)
		check_error(check, node, "interface-address '%.*s' is not an address with its prefix length (10.9.0.1/24), or more than %d are given",
			    (int)wrong.len, (const char *)wrong.at, NET_PREFIXES_MAX);
}

/* Packets without the mark or beside the interface would take the route too, and leave in the clear with an inner address. */
static void routes_read(struct check *check, const struct config_node *node, struct ipsec_options *o)
{
	static const char *const routes[] = { "no", "yes", NULL };
	bool is_partial = o->mark_mask || (o->if_id && !o->interface[0]);
	bool is_wanted = word_choice(check, node, "routes", routes, !is_partial);

	o->no_routes = !is_wanted;
	if (is_wanted && is_partial)
		check_error(check, node, "routes 'yes' would also lead packets %s there; route those that are meant by rules of your own",
			    o->mark_mask ? "without the mark" : "beside the interface");
}

static void copies_read(struct check *check, const struct config_node *node, struct ipsec_options *o)
{
	static const char *const dscp[] = { "out", "in", "both", "no", NULL };
	static const char *const copied[] = { "yes", "no", NULL };
	enum { DSCP_OUT, DSCP_IN, DSCP_BOTH, DSCP_NO };
	size_t which = word_choice(check, node, "copy-dscp", dscp, DSCP_OUT);

	o->hides_dscp = which == DSCP_IN || which == DSCP_NO;
	o->takes_dscp = which == DSCP_IN || which == DSCP_BOTH;
	o->hides_ecn = word_choice(check, node, "copy-ecn", copied, 0) == 1;
	o->drops_df = word_choice(check, node, "copy-df", copied, 0) == 1;
}

void options_read(struct check *check, const struct config_node *node, struct child_settings *child)
{
	static const struct number_rule reqid = { "reqid", 0, 1, REQID_MAX };
	static const struct number_rule priority = { "priority", 0, 1, PRIORITY_MAX };
	static const char *const offloads[] = {
		[OFFLOAD_NO] = "no", [OFFLOAD_CRYPTO] = "crypto", [OFFLOAD_PACKET] = "packet", [OFFLOAD_AUTO] = "auto", NULL,
	};
	struct ipsec_options *o = &child->options;

	child->reqid = word_number(check, node, &reqid);
	o->priority = word_number(check, node, &priority);
	o->offload = (enum ipsec_offload)word_choice(check, node, "offload", offloads, OFFLOAD_NO);
	mark_read(check, node, o);
	interface_read(check, node, child);
	routes_read(check, node, o);
	copies_read(check, node, o);
}

/* ---- against each other ---- */

struct seen {
	struct lookup reqids, interfaces, if_ids;
};

/* The first that was added under this key; NULL: this is it. */
static const struct child_settings *first_of(struct check *check, struct lookup *lookup, struct bytes key,
					     const struct child_settings *child)
{
	const struct lookup_item *same = lookup_find(lookup, key);

	if (same)
		return same->at;
	if (lookup_add(lookup, key, child))
		check->is_out_of_memory = true;
	return NULL;
}

static void interface_compare(struct check *check, struct seen *seen, const struct child_settings *child)
{
	const struct ipsec_options *o = &child->options;
	const struct child_settings *first = first_of(check, &seen->interfaces, bytes_text(o->interface), child);

	if (first && first->options.if_id != o->if_id)
		check_error(check, child->node, "interface '%s' has the if-id %u already, at %s:%u", o->interface, first->options.if_id,
			    first->node->file, first->node->line);
	first = first_of(check, &seen->if_ids, bytes_of(&o->if_id, sizeof(o->if_id)), child);
	if (first && strcmp(first->options.interface, o->interface) != 0)
		check_error(check, child->node, "if-id '%u' is that of the interface '%s' already, at %s:%u", o->if_id,
			    first->options.interface, first->node->file, first->node->line);
}

static void child_compare(struct check *check, struct seen *seen, const struct connection_settings *c, const struct child_settings *child)
{
	const struct child_settings *first;

	if (child->reqid && !c->remote_host && !address_range_is_host(&c->remote))
		check_error(check, child->node, "reqid '%u' is one number, but each peer of %s needs its own; leave it out", child->reqid,
			    c->name ? c->name : "this connection");
	first = child->reqid ? first_of(check, &seen->reqids, bytes_of(&child->reqid, sizeof(child->reqid)), child) : NULL;
	if (first)
		check_error(check, child->node, "reqid '%u' is that of the child '%s' at %s:%u already", child->reqid,
			    first->name ? first->name : "", first->node->file, first->node->line);
	if (child->options.interface[0])
		interface_compare(check, seen, child);
	if (child->options.interface[0] && check->services && !services_find(check->services, SERVICE_KERNEL_NET, NULL))
		check_error(check, child->node, "interface '%s' needs the plugin kernel-net.so, which is not loaded: install it, or see above why it is "
			    "left out", child->options.interface);
}

void options_cross_check(struct check *check, const struct settings *s)
{
	struct seen seen = { .reqids = { NULL } };

	for (size_t i = 0; i < s->connection_count; i++)
		for (size_t k = 0; k < s->connections[i].child_count; k++)
			child_compare(check, &seen, &s->connections[i], &s->connections[i].children[k]);
	lookup_free(&seen.reqids);
	lookup_free(&seen.interfaces);
	lookup_free(&seen.if_ids);
}

/* ---- the interfaces ---- */

/* Of two children with one interface the smaller MTU counts, and each address once. */
static void interface_merge(struct net_interface *into, const struct child_settings *child)
{
	struct net_prefix own[NET_PREFIXES_MAX];
	struct bytes wrong;
	size_t count = prefixes_parse(own, 0, child->interface_address, &wrong);

	memcpy(into->name, child->options.interface, sizeof(into->name));
	into->if_id = child->options.if_id;
	if (child->mtu && (!into->mtu || child->mtu < into->mtu))
		into->mtu = child->mtu;
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;

		while (k < into->prefix_count && !address_same_host(&into->prefixes[k].address, &own[i].address))
			k++;
		if (k == into->prefix_count && k < NET_PREFIXES_MAX)
			into->prefixes[into->prefix_count++] = own[i];
	}
}

static size_t count_children(const struct settings *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->connection_count; i++)
		for (size_t k = 0; k < s->connections[i].child_count; k++)
			count += s->connections[i].children[k].options.interface[0] != '\0';
	return count;
}

int settings_interfaces(const struct settings *s, struct net_interface **out, size_t *count)
{
	struct net_interface *all = calloc(count_children(s) + 1, sizeof(*all));

	*out = all;
	*count = 0;
	if (!all)
		return FAULT_MEMORY;
	for (size_t i = 0; i < s->connection_count; i++) {
		for (size_t k = 0; k < s->connections[i].child_count; k++) {
			const struct child_settings *child = &s->connections[i].children[k];
			size_t at = 0;

			if (!child->options.interface[0])
				continue;
			while (at < *count && strcmp(all[at].name, child->options.interface) != 0)
				at++;
			*count += at == *count;
			interface_merge(&all[at], child);
		}
	}
	return 0;
}
