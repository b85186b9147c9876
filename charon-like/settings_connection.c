/* SPDX-License-Identifier: MIT */
/* settings_connection.c - reads one <connection>: who the two ends are and how they meet. Its children are settings_child.c's. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "settings_parts.h"

enum { FAULT_TEXT_MAX = 160 };

const struct config_node *node_child(const struct config_node *node, const char *name)
{
	for (size_t i = 0; i < node->child_count; i++)
		if (strcmp(node->children[i]->name, name) == 0)
			return node->children[i];
	return NULL;
}

static void id_read(struct check *check, const struct config_node *node, struct identity *out, unsigned match)
{
	const char *id = config_get(node, "id");
	char why[IDENTITY_WHY_MAX];

	if (id && check_is_input(check, identity_parse_as(out, id, match, why)))
		check_error(check, node, "id '%s' is not an identity; %s", id, why[0] ? why : "write an address, a host name, user@host, "
			    "a distinguished name (C=CH, O=Example, CN=gw), keyid:NAME, keyid:0xHEX, fqdn:NAME or %any");
	if (identity_looks_reversed(out))
		check_warn(check, node, "id '%s' is taken in the order in which it is written; when it is the reverse of the certificate's, "
			   "as RFC 4514 has it, write 'rfc4514:' in front", id);
}

static void local_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	const char *address = config_get(node, "address");

	if (address && strcmp(address, "%any") != 0 && address_parse(&c->local, address))
		check_error(check, node, "address '%s' is not an address (192.0.2.1, 2001:db8::1) or %%any", address);
	id_read(check, node, &c->local_id, 0);
	auth_local_read(check, node, c);
}

/* A host whose identity is not configured is known by its address (RFC 2407 4.6.2). */
static void remote_id_default(struct check *check, struct connection_settings *c)
{
	struct address host;

	if (address_range_is_host(&c->remote) &&
	    !address_from_bytes(&host, c->remote.family, bytes_of(c->remote.first, address_len(c->remote.family))))
		check_is_input(check, identity_of_address(&c->remote_id, &host));
}

static void remote_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	static const struct number_rule port = { "port", IKE_PORT, 1, UINT16_MAX };
	const char *address = config_get(node, "address");
	char fault[FAULT_TEXT_MAX];

	if (address && address_range_parse(&c->remote, address)) {
		if (word_is_host_name(address))
			c->remote_host = address;
		else
			check_error(check, node, "address '%s' %s, host name or %%any", address,
				    range_fault(fault, sizeof(fault), address));
	}
	c->remote_port = (uint16_t)word_number(check, node, &port);
	c->remote_match = word_id_match(check, node);
	id_read(check, node, &c->remote_id, c->remote_match | MATCH_RANGES);
	if (!config_get(node, "id"))
		remote_id_default(check, c);
	auth_remote_read(check, node, c);
}

static void phase1_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	static const struct number_rule lifetime = { "lifetime", PHASE1_LIFETIME, LIFETIME_MIN, LIFETIME_MAX };
	static const char *const modes[] = { "main", "aggressive", NULL };
	const char *words = config_get(node, "proposals");
	char why[WHY_MAX] = "";

	c->mode = modes[word_choice(check, node, "mode", modes, 0)];
	if (config_get(node, "auth"))
		c->auth = config_get(node, "auth");
	c->lifetime = word_seconds(check, node, &lifetime);
	if (check->crypto &&
	    check_is_input(check, ike_transforms_parse(&c->proposals, words ? words : "default", check->crypto, why)))
		check_error(check, node, "proposals: %s", why);
}

/* What is only wrong as a whole; the parts were looked at before. */
static void ends_check(struct check *check, const struct connection_settings *c)
{
	const struct config_node *remote = node_child(c->node, "remote");
	const char *address = remote ? config_get(remote, "address") : NULL;

	if (c->local.family && c->remote.family && c->local.family != c->remote.family)
		check_error(check, remote, "address '%s' and the local one are not of the same family", address);
	if (c->keep == KEEP_PASSIVE || !address || c->remote_host || address_range_is_host(&c->remote))
		return;
	/* A malformed address was complained about already and reads as %any. */
	if (c->remote.family || strcmp(address, "%any") == 0)
		check_error(check, c->node, "cannot initiate to %s, so keep must be 'passive', or the remote address one host",
			    address);
}

static void children_read(struct check *check, struct connection_settings *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->node->child_count; i++)
		count += strcmp(c->node->children[i]->name, "child") == 0;
	c->children = calloc(count ? count : 1, sizeof(*c->children));
	if (!c->children) {
		check->is_out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < c->node->child_count; i++)
		if (strcmp(c->node->children[i]->name, "child") == 0)
			child_read(check, c->node->children[i], &c->children[c->child_count++]);
	children_check(check, c);
}

void connection_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	static const char *const keeps[] = { "passive", "on-demand", "up", NULL };
	static const char *const uniques[] = { "replace", "keep", "never", NULL };
	static const struct number_rule dpd = { "dpd", DPD_SECONDS, DPD_SECONDS_MIN, DPD_SECONDS_MAX };
	const char *dpd_word = config_get(node, "dpd");
	static const char *const encaps[] = { "auto", "yes", "no", NULL };
	/* A missing <phase1> is one that says nothing. */
	static const struct config_node empty = { .name = "phase1", .text = "" };
	struct config_node phase1 = empty;

	c->node = node;
	c->name = config_get(node, "name");
	c->mode = "main";
	c->auth = "psk";
	c->remote_port = IKE_PORT;
	if (c->name && !word_is_name(c->name))
		check_error(check, node, "name '%s' must be of letters, digits and '.', '_', '-', begin with a letter or "
			    "digit, and have at most %d of them", c->name, NAME_WORD_MAX);
	c->keep = (enum keep)word_choice(check, node, "keep", keeps, KEEP_PASSIVE);
	c->encap = (enum encap)word_choice(check, node, "encap", encaps, ENCAP_AUTO);
	c->unique = (enum unique)word_choice(check, node, "unique", uniques, UNIQUE_REPLACE);
	if (!dpd_word || strcmp(dpd_word, "no") != 0)
		c->dpd = word_seconds(check, node, &dpd);
	if (node_child(node, "local"))
		local_read(check, node_child(node, "local"), c);
	if (node_child(node, "remote"))
		remote_read(check, node_child(node, "remote"), c);
	phase1.file = node->file;
	phase1.line = node->line;
	phase1_read(check, node_child(node, "phase1") ? node_child(node, "phase1") : &phase1, c);
	ends_check(check, c);
	children_read(check, c);
}

void connection_free(struct connection_settings *c)
{
	identity_free(&c->local_id);
	identity_free(&c->remote_id);
	auth_free(c);
	free(c->proposals.at);
	for (size_t i = 0; i < c->child_count; i++)
		free(c->children[i].proposals.at);
	free(c->children);
}
