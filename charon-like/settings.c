/* SPDX-License-Identifier: MIT */
/* settings.c - makes settings from a configuration, whole or not at all, and hands them out. */
#include "settings.h"

#include <stdlib.h>

#include "settings_parts.h"

static void settings_free(struct settings *s)
{
	lookup_free(&s->names);
	lookup_free(&s->hosts);
	lookup_free(&s->psk_ids);
	free(s->ranges);
	free(s->psk_ranges);
	free(s->psk_patterns);
	for (size_t i = 0; i < s->connection_count; i++)
		connection_free(&s->connections[i]);
	free(s->connections);
	free(s->shunts);
	for (size_t i = 0; i < s->psk_count; i++)
		psk_free(&s->psks[i]);
	free(s->psks);
	for (size_t i = 0; i < s->ca_count; i++)
		ca_free(&s->cas[i]);
	free(s->cas);
	config_unref(s->config);
	free(s);
}

struct settings *settings_ref(struct settings *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void settings_unref(struct settings *s)
{
	if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		settings_free(s);
}

static size_t count_of(const struct config_node *root, const char *element)
{
	size_t count = 0;

	for (size_t i = 0; i < root->child_count; i++)
		count += strcmp(root->children[i]->name, element) == 0;
	return count;
}

/* Everything is read, however much of it is wrong, so that all errors are found at once. */
static void read_all(struct check *check, struct settings *s, const struct config_node *root)
{
	s->connections = calloc(count_of(root, "connection") + 1, sizeof(*s->connections));
	s->shunts = calloc(count_of(root, "shunt") + 1, sizeof(*s->shunts));
	s->psks = calloc(count_of(root, "psk") + 1, sizeof(*s->psks));
	s->cas = calloc(count_of(root, "ca") + 1, sizeof(*s->cas));
	if (!s->connections || !s->shunts || !s->psks || !s->cas) {
		check->is_out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < root->child_count; i++) {
		const struct config_node *node = root->children[i];

		if (strcmp(node->name, "connection") == 0) {
			s->connections[s->connection_count].index = s->connection_count;
			connection_read(check, node, &s->connections[s->connection_count++]);
		} else if (strcmp(node->name, "shunt") == 0) {
			shunt_read(check, node, &s->shunts[s->shunt_count++]);
		} else if (strcmp(node->name, "psk") == 0) {
			psk_read(check, node, &s->psks[s->psk_count++]);
		} else if (strcmp(node->name, "ca") == 0) {
			ca_read(check, node, &s->cas[s->ca_count++]);
		}
	}
}

static int index_all(struct settings *s)
{
	for (size_t i = 0; i < s->connection_count; i++) {
		const struct connection_settings *c = &s->connections[i];

		if (c->name && lookup_add(&s->names, bytes_text(c->name), c))
			return FAULT_MEMORY;
	}
	int fault = match_index(s);
	return fault ? fault : psk_index(s);
}

int settings_new(struct settings **out, struct config *config, const struct crypto *crypto, const struct services *services,
		 const struct log_context *log)
{
	struct check check = { .log = log, .crypto = crypto, .services = services };
	struct settings *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return FAULT_MEMORY;
	atomic_init(&s->refs, 1);
	s->config = config_ref(config);
	grammar_check(&check, config_root(config));
	read_all(&check, s, config_root(config));
	if (!check.is_out_of_memory && index_all(s))
		check.is_out_of_memory = true;
	if (!check.is_out_of_memory)
		cross_check(&check, s);
	if (check.is_out_of_memory)
		log_error(log, "the configuration needs more memory than there is");
	int fault = check_result(&check);
	if (fault)
		settings_free(s);
	else
		*out = s;
	return fault;
}

int settings_again(struct settings **out, const struct settings *old, const struct crypto *crypto, const struct services *services,
		   const struct log_context *log)
{
	return settings_new(out, old->config, crypto, services, log);
}

size_t settings_connection_count(const struct settings *s)
{
	return s->connection_count;
}

const struct connection_settings *settings_connection_at(const struct settings *s, size_t i)
{
	return i < s->connection_count ? &s->connections[i] : NULL;
}

const struct connection_settings *settings_connection(const struct settings *s, const char *name)
{
	const struct lookup_item *it = lookup_find(&s->names, bytes_text(name));

	return it ? it->at : NULL;
}

size_t settings_shunt_count(const struct settings *s)
{
	return s->shunt_count;
}

const struct shunt_settings *settings_shunt_at(const struct settings *s, size_t i)
{
	return i < s->shunt_count ? &s->shunts[i] : NULL;
}

/* ---- what changed ---- */

static bool text_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool range_same(const struct address_range *a, const struct address_range *b)
{
	return address_range_covers(a, b) && address_range_covers(b, a);
}

bool connection_settings_same(const struct connection_settings *a, const struct connection_settings *b)
{
	bool is_same = text_same(a->name, b->name) && a->keep == b->keep && address_same(&a->local, &b->local) &&
		       identity_same(&a->local_id, &b->local_id) && range_same(&a->remote, &b->remote) &&
		       text_same(a->remote_host, b->remote_host) && a->remote_port == b->remote_port &&
		       identity_same(&a->remote_id, &b->remote_id) && a->remote_match == b->remote_match && text_same(a->mode, b->mode) &&
		       text_same(a->auth, b->auth) && auth_same(a, b) && a->lifetime == b->lifetime && a->encap == b->encap &&
		       a->proposals.count == b->proposals.count;

	for (size_t i = 0; is_same && i < a->proposals.count; i++)
		is_same = ike_transform_same(&a->proposals.at[i], &b->proposals.at[i]);
	return is_same;
}

bool child_settings_same(const struct child_settings *a, const struct child_settings *b)
{
	bool is_same = text_same(a->name, b->name) && selector_same(&a->local, &b->local) &&
		       selector_same(&a->remote, &b->remote) && a->local_is_host == b->local_is_host &&
		       a->remote_is_host == b->remote_is_host && a->transport == b->transport && a->is_ah == b->is_ah &&
		       a->compress == b->compress &&
		       a->lifetime.seconds == b->lifetime.seconds && a->lifetime.bytes == b->lifetime.bytes &&
		       a->lifetime.packets == b->lifetime.packets && a->replay_window == b->replay_window && a->mtu == b->mtu &&
		       a->reqid == b->reqid && memcmp(&a->options, &b->options, sizeof(a->options)) == 0 &&
		       a->proposals.count == b->proposals.count;

	for (size_t i = 0; is_same && i < a->proposals.count; i++)
		is_same = esp_transform_same(&a->proposals.at[i], &b->proposals.at[i]);
	return is_same;
}

bool shunt_settings_same(const struct shunt_settings *a, const struct shunt_settings *b)
{
	return text_same(a->name, b->name) && a->is_drop == b->is_drop && selector_same(&a->local, &b->local) &&
	       selector_same(&a->remote, &b->remote);
}
