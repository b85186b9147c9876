/* SPDX-License-Identifier: MIT */
/* settings_cross.c - checks that need more than one element: names used twice, keys for everybody, plugins that must be there. */
#include <stdio.h>

#include "kernel.h"
#include "settings_parts.h"

/* ---- things given twice ---- */

static void twice_check(struct check *check, struct lookup *seen, const struct config_node *node, const char *attribute)
{
	const char *value = config_get(node, attribute);
	const struct lookup_item *same = value ? lookup_find(seen, bytes_text(value)) : NULL;
	const struct config_node *first = same ? same->at : NULL;

	if (first)
		check_error(check, node, "there is one with %s '%s' already, at %s:%u", attribute, value, first->file, first->line);
	else if (value && lookup_add(seen, bytes_text(value), node))
		check->is_out_of_memory = true;
}

static void all_twice_check(struct check *check, const struct config_node *root, const char *element, const char *attribute)
{
	struct lookup seen = { NULL };

	for (size_t i = 0; i < root->child_count; i++)
		if (strcmp(root->children[i]->name, element) == 0)
			twice_check(check, &seen, root->children[i], attribute);
	lookup_free(&seen);
}

/* ---- keys ---- */

static bool has_key(const struct settings *s, const struct connection_settings *c)
{
	struct address host = { .family = 0 };

	if (address_range_is_host(&c->remote) &&
	    address_from_bytes(&host, c->remote.family, bytes_of(c->remote.first, address_len(c->remote.family))))
		return false;
	return settings_psk(s, &c->local, &c->local_id, &host, &c->remote_id, NULL) || psk_may_fit(s, c);
}

static const char *attribute_of(const struct connection_settings *c, const char *element, const char *attribute)
{
	const struct config_node *node = node_child(c->node, element);

	return node ? config_get(node, attribute) : NULL;
}

/* What was looked for, as written: "gw.example at 192.0.2.1". */
static const char *end_text(char *out, size_t size, const struct connection_settings *c, const char *element)
{
	const char *id = attribute_of(c, element, "id"), *address = attribute_of(c, element, "address");

	snprintf(out, size, "%s%s%s", id ? id : "", id ? " at " : "", address ? address : "any address of ours");
	return out;
}

/* An id with blanks or commas stands in quotes in a list, and a range of ids is told from one of addresses. */
static const char *suggested_id(const struct connection_settings *c, const char *element, char out[IDENTITY_TEXT_MAX])
{
	const char *id = attribute_of(c, element, "id"), *address = attribute_of(c, element, "address");

	if (id && strcmp(id, "%any") != 0) {
		const char *quote = strpbrk(id, " ,") ? "'" : "";
		uint8_t type = strcmp(element, "remote") == 0 && strncmp(id, "ipv", 3) != 0 ? c->remote_id.type : 0;

		snprintf(out, IDENTITY_TEXT_MAX, "%s%s%s%s", quote, type == ID_IPV4_RANGE ? "ipv4range:" : type == ID_IPV6_RANGE ? "ipv6range:" : "",
			 id, quote);
		return out;
	}
	return address && (!c->remote_host || strcmp(element, "local") == 0) ? address : "%any";
}

static void key_check(struct check *check, const struct settings *s, const struct connection_settings *c)
{
	char local[IDENTITY_TEXT_MAX], remote[IDENTITY_TEXT_MAX], local_id[IDENTITY_TEXT_MAX], remote_id[IDENTITY_TEXT_MAX];
	bool has_local = attribute_of(c, "local", "id") || attribute_of(c, "local", "address");

	/* What is not known can have no key; its absence or form was complained about. */
	if (strcmp(c->auth, "psk") != 0 || !attribute_of(c, "remote", "address") || has_key(s, c))
		return;
	const char *id_match = attribute_of(c, "remote", "id-match");
	check_error(check, c->node, "no psk for local %s and remote %s; add <psk ids=\"%s%s%s\"%s%s%s file=\"%s.psk\"/>%s",
		    end_text(local, sizeof(local), c, "local"), end_text(remote, sizeof(remote), c, "remote"),
		    has_local ? suggested_id(c, "local", local_id) : "", has_local ? " " : "", suggested_id(c, "remote", remote_id),
		    id_match ? " id-match=\"" : "", id_match ? id_match : "", id_match ? "\"" : "",
		    c->name ? c->name : "NAME",
		    !address_range_is_host(&c->remote) && strcmp(c->mode, "main") == 0
			    ? "; Main Mode chooses the key by address, before it knows the peer's id" : "");
}

/* ---- plugins ---- */

static const char *auth_words(char *out, size_t size, const struct services *services)
{
	const struct provider *provider;
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; (provider = services_at(services, SERVICE_AUTH, i)) && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", provider->key);
	return used ? out : "none";
}

static void auth_check(struct check *check, const struct connection_settings *c, const struct config_node *node)
{
	char words[256];

	if (!word_is_name(c->auth))
		check_error(check, node, "auth '%s' is not the name of a method", c->auth);
	else if (check->services && !services_find(check->services, SERVICE_AUTH, c->auth))
		check_error(check, node, "auth '%s' needs the plugin auth-%s.so, which is not loaded: install it, or see above why it is left out; "
			    "loaded methods: %s", c->auth, c->auth, auth_words(words, sizeof(words), check->services));
}

static void plugins_check(struct check *check, const struct connection_settings *c)
{
	const struct config_node *phase1 = node_child(c->node, "phase1"), *node = phase1 ? phase1 : c->node;
	/* As exchange.h has it: the version and the exchange type of RFC 2408 3.1. */
	const char *key = strcmp(c->mode, "main") == 0 ? "1/2" : "1/4";

	if (check->services && !services_find(check->services, SERVICE_EXCHANGE, key))
		check_error(check, node, "mode '%s' needs the plugin exchange-%s.so, which is not loaded: install it, or see above why it is left out",
			    c->mode, c->mode);
	auth_check(check, c, node);
}

/* Not an error: a peer may be wanted up to phase 1 only, to try it. */
static void quick_check(struct check *check, const struct settings *s)
{
	if (s->connection_count && check->services && !services_find(check->services, SERVICE_EXCHANGE, "1/32"))
		check_warn(check, s->connections[0].node, "no child can come up, here and in other connections, without the plugin "
			   "exchange-quick.so, which is not loaded: install it, or see above why it is left out");
}

/* ---- kernel services ---- */

/* Of the service that is asked for by name, or any. Where there is none at all it is said elsewhere. */
static bool kernel_has(const struct check *check, const char *wanted, uint32_t feature)
{
	const struct provider *provider;
	bool is_there = false;

	for (size_t i = 0; (provider = services_at(check->services, SERVICE_KERNEL_IPSEC, i)); i++) {
		if (strcmp(wanted, "auto") != 0 && strcmp(wanted, provider->key) != 0)
			continue;
		is_there = true;
		if (((const struct kernel_ipsec *)provider->ops)->features & feature)
			return true;
	}
	return !is_there;
}

static void kernel_check(struct check *check, const struct settings *s, const struct connection_settings *c)
{
	const struct config_node *daemon = node_child(config_root(s->config), "daemon");
	const char *wanted = daemon ? config_get(daemon, "kernel") : NULL;

	if (!wanted)
		wanted = "auto";
	const char *which = strcmp(wanted, "auto") == 0 ? "no loaded one" : wanted;
	for (size_t i = 0; i < c->child_count; i++) {
		const struct child_settings *child = &c->children[i];
		if (child->is_ah && !kernel_has(check, wanted, KERNEL_AH))
			check_error(check, child->node, "protocol 'ah' needs a kernel service that has AH, which %s has not: install "
				    "kernel-xfrm.so and write <daemon kernel=\"xfrm\"/>, or write protocol 'esp'", which);
		if (child->compress && !kernel_has(check, wanted, KERNEL_IPCOMP))
			check_error(check, child->node, "compress 'yes' needs a kernel service that has IPComp, which %s has not: install "
				    "kernel-xfrm.so and write <daemon kernel=\"xfrm\"/>, or write compress 'no'", which);
	}
}

void cross_check(struct check *check, struct settings *s)
{
	const struct config_node *root = config_root(s->config);

	all_twice_check(check, root, "connection", "name");
	all_twice_check(check, root, "shunt", "name");
	all_twice_check(check, root, "plugin", "name");
	all_twice_check(check, root, "psk", "ids");
	all_twice_check(check, root, "ca", "name");
	for (size_t i = 0; i < s->connection_count; i++) {
		plugins_check(check, &s->connections[i]);
		key_check(check, s, &s->connections[i]);
		if (check->services)
			kernel_check(check, s, &s->connections[i]);
	}
	auth_cross_check(check, s);
	aggressive_check(check, s);
	options_cross_check(check, s);
	quick_check(check, s);
}
