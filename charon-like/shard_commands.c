/* SPDX-License-Identifier: MIT */
/* shard_commands.c - what people and the configuration tell a shard: connections up and down. */
#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "events.h"
#include "ikev1/v1.h"
#include "jobs.h"
#include "kin.h"
#include "resolve.h"
#include "shard.h"

static void publish_failure(const struct shard *shard, const char *connection, const char *code, const char *text)
{
	struct event_sa event;

	memset(&event, 0, sizeof(event));
	event.head = (struct event){ EVENT_FAILURE, sizeof(event) };
	snprintf(event.connection, sizeof(event.connection), "%s", connection);
	snprintf(event.code, sizeof(event.code), "%s", code);
	snprintf(event.text, sizeof(event.text), "%s", text);
	event.initiated = event.final = true;
	log_at(shard->engine->log, LEVEL_ERROR, code, "connection %s: %s", connection, text);
	bus_publish(shard->engine->bus, &event.head);
}

static int want_children(struct ike_sa *sa, const struct connection_settings *c, const char *child)
{
	bool found = false;

	for (size_t i = 0; i < c->child_count; i++) {
		if (child && strcmp(child, c->children[i].name) != 0)
			continue;
		found = true;
		int fault = sa_want(sa, c->children[i].name, false);
		if (fault < 0)
			return fault;
	}
	return found || !child ? 0 : FAULT_NOT_FOUND;
}

static int new_cookie(struct shard *shard, uint8_t cookie[2][COOKIE_SIZE])
{
	static const uint8_t zero[COOKIE_SIZE];

	memset(cookie[RESPONDER], 0, COOKIE_SIZE);
	/* Drawn until it maps to this shard, so that the answers come back here. */
	do {
		int fault = crypto_random(shard->engine->crypto, cookie[INITIATOR], COOKIE_SIZE);
		if (fault < 0)
			return fault;
	} while (shard_of(shard->engine, cookie[INITIATOR]) != shard->index || memcmp(cookie[INITIATOR], zero, COOKIE_SIZE) == 0);
	return 0;
}

static const struct exchange_mode *mode_by_word(const struct shard *shard, const char *word)
{
	const struct provider *provider;

	for (size_t i = 0; (provider = services_at(shard->engine->services, SERVICE_EXCHANGE, i)); i++) {
		const struct exchange_mode *mode = provider->ops;
		if (mode->creates_sa && mode->word && strcmp(mode->word, word) == 0)
			return mode;
	}
	return NULL;
}

/* RFC 3947 4: a responder renews from NAT port to where the initiator is seen; a NAT in front of that lets nothing else in. */
static void begin_on_nat_port(struct ike_sa *sa, const struct ike_sa *renewed)
{
	sa->is_float = true;
	sa->local.port = renewed->local.port;
	sa->remote.port = renewed->remote.port;
}

/* The children of the one that is to be replaced, when they cannot just be taken over. */
static int want_anew(struct ike_sa *sa, struct ike_sa *renewed)
{
	struct ike_sa *kin[KIN_MAX];
	size_t count = kin_of(renewed, kin);

	/* A peer that does not answer may have lost what we have. */
	if (address_same_host(&sa->remote, &renewed->remote) && address_same_host(&sa->local, &renewed->local) && !renewed->dpd_probes)
		return 0;
	sa->starts_anew = true;
	for (size_t i = 0; i < count; i++) {
		LIST_EACH(it, &kin[i]->children) {
			const struct child *child = CONTAINER(it, const struct child, in_sa);
			int fault = child->stage == CHILD_CURRENT ? sa_want(sa, child->config->name, true) : 0;
			if (fault < 0 && fault != FAULT_NOT_FOUND)
				return fault;
		}
	}
	return 0;
}

static struct ike_sa *sa_to(struct shard *shard, const struct connection_settings *c, const struct address *remote)
{
	uint8_t cookie[2][COOKIE_SIZE];
	struct ike_sa *sa = new_cookie(shard, cookie) < 0 ? NULL :
			    sa_new(shard, INITIATOR, (const uint8_t(*)[COOKIE_SIZE])cookie, shard->settings);

	if (!sa)
		return NULL;
	sa->remote = *remote;
	sa->remote.port = c->remote_port;
	sa->local = c->local;
	return sa;
}

/* A phase 1 to `remote` that brings up what is wanted afterwards: a child, all (child NULL), or what `renewed` (may be NULL) has. */
static int initiate(struct shard *shard, const struct connection_settings *c, const char *child, const struct address *remote,
		    struct ike_sa *renewed)
{
	const struct exchange_mode *mode = mode_by_word(shard, c->mode);
	char text[160];
	int fault;

	if (!mode) {
		snprintf(text, sizeof(text), "no plugin speaks %s mode: install exchange-%s.so", c->mode, c->mode);
		publish_failure(shard, c->name, "no-exchange-plugin", text);
		return FAULT_UNSUPPORTED;
	}
	struct ike_sa *sa = sa_to(shard, c, remote);
	if (!sa)
		return FAULT_MEMORY;
	sa->generation = renewed ? kin_generation(renewed) + 1 : 1;
	sa->offer_group = renewed ? renewed->transform.group_alg : NULL;
	if (sa->local.family == 0 && engine_find_source(shard->engine, &sa->remote, &sa->local) < 0) {
		publish_failure(shard, c->name, "no-route", "there is no route to the peer: check the network and remote address");
		sa_free(sa);
		return FAULT_SYSTEM;
	}
	sa->local.port = shard->engine->daemon.port;
	if (renewed && renewed->role == RESPONDER && renewed->is_float && address_same_host(&renewed->remote, remote))
		begin_on_nat_port(sa, renewed);
	if ((fault = sa_set_connection(sa, c)) < 0 || (fault = renewed ? want_anew(sa, renewed) : want_children(sa, c, child)) < 0 ||
	    (fault = exchange_start(sa, mode, NULL)) < 0)
		sa_free(sa);
	return fault;
}

/* ---- names of hosts: asked for on a helper thread ---- */

struct naming {
	struct resolve resolve;
	struct shard *shard;
	char connection[EVENT_NAME_MAX], child[EVENT_NAME_MAX];
};

static void naming_done(struct resolve *resolve)
{
	struct naming *naming = CONTAINER(resolve, struct naming, resolve);
	struct shard *shard = naming->shard;
	const struct connection_settings *c = settings_connection(shard->settings, naming->connection);
	const char *child = naming->child[0] ? naming->child : NULL;
	struct ike_sa *sa = sa_find_connection(&shard->sas, naming->connection);
	char text[RESOLVE_HOST_MAX + RESOLVE_ERROR_MAX + 40];
	int fault = 0;

	if (loop_stopping(shard->loop) || !c) {
		log_debug(shard->engine->log, "connection %s is not wanted any more", naming->connection);
	} else if (sa) {
		/* Another child's name was faster. */
		fault = want_children(sa, sa->connection, child);
		sa_run_agenda(sa);
	} else if (!resolve->address.family) {
		snprintf(text, sizeof(text), "the name %s has no address: %s", resolve->host, resolve->error);
		publish_failure(shard, naming->connection, "dns", text);
	} else {
		fault = initiate(shard, c, child, &resolve->address, NULL);
	}
	/* What went wrong was said where it was found. */
	if (fault < 0)
		log_debug(shard->engine->log, "connection %s could not be started", naming->connection);
	free(naming);
}

static int initiate_by_name(struct shard *shard, const struct connection_settings *c, const char *child)
{
	struct naming *naming = shard->engine->resolve ? calloc(1, sizeof(*naming)) : NULL;

	if (!naming)
		return shard->engine->resolve ? FAULT_MEMORY : FAULT_UNSUPPORTED;
	naming->shard = shard;
	naming->resolve.family = c->local.family;
	snprintf(naming->resolve.host, sizeof(naming->resolve.host), "%s", c->remote_host);
	snprintf(naming->connection, sizeof(naming->connection), "%s", c->name);
	snprintf(naming->child, sizeof(naming->child), "%s", child ? child : "");
	shard->engine->resolve(shard->engine, &naming->resolve, shard->loop, naming_done);
	return 0;
}

/* ---- commands ---- */

int shard_up(struct shard *shard, const char *connection, const char *child)
{
	const struct connection_settings *c = settings_connection(shard->settings, connection);
	struct address remote = { 0 };

	if (!c) {
		publish_failure(shard, connection, "unknown-connection", "no connection has this name: see `keyferry status`");
		return FAULT_NOT_FOUND;
	}
	struct ike_sa *sa = sa_find_connection(&shard->sas, connection);
	if (sa) {
		sa = sa->state == SA_ESTABLISHED ? kin_best(sa) : sa;
		int fault = want_children(sa, sa->connection, child);
		sa_run_agenda(sa);
		return fault;
	}
	if (c->remote_host)
		return initiate_by_name(shard, c, child);
	if (!address_range_is_host(&c->remote)) {
		publish_failure(shard, connection, "no-remote-address", "its remote is no single address: it can only answer");
		return FAULT_UNSUPPORTED;
	}
	int fault = address_from_bytes(&remote, c->remote.family, bytes_of(c->remote.first, address_len(c->remote.family)));
	return fault < 0 ? fault : initiate(shard, c, child, &remote, NULL);
}

int shard_renew(struct ike_sa *sa, const struct address *remote)
{
	struct shard *shard = sa->shard;
	const struct connection_settings *c = settings_connection(shard->settings, sa->connection->name);

	remote = remote ? remote : &sa->remote;
	if (!c)
		return FAULT_NOT_FOUND;
	LIST_EACH(it, &sa->group->sas) {
		const struct ike_sa *other = CONTAINER(it, const struct ike_sa, in_group);
		if (other->state == SA_CONNECTING && other->role == INITIATOR && address_same_host(&other->remote, remote))
			return FAULT_EXISTS;
	}
	return initiate(shard, c, NULL, remote, sa);
}

size_t shard_down(struct shard *shard, const char *connection, const char *child)
{
	struct sa_group *group = sa_find_group(&shard->sas, connection);
	struct list *it = group ? group->sas.next : NULL, *next;
	size_t count = 0;

	/* The group goes with its last SA. */
	for (bool is_last = !group; !is_last; it = next) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_group);
		next = it->next;
		is_last = next == &group->sas;
		if (child) {
			count += child_take_down(sa, child, "it was asked to go down");
		} else {
			sa_delete(sa, "it was asked to go down");
			count++;
		}
	}
	return count;
}

void shard_delete_all(struct shard *shard, const char *reason)
{
	LIST_EACH(it, &shard->sas.all)
		sa_delete(CONTAINER(it, struct ike_sa, in_shard), reason);
}

static void change_child(struct ike_sa *sa, const char *child)
{
	if (sa->state != SA_ESTABLISHED || child_take_down(sa, child, "its configuration has changed") == 0)
		return;
	/* One that is gone from the configuration is not found. */
	if (sa_want(sa, child, false) == 0)
		sa_run_agenda(sa);
}

void shard_change(struct shard *shard, const char *connection, const char *child)
{
	struct sa_group *group = sa_find_group(&shard->sas, connection);
	bool was_ours = false;

	if (!group)
		return;
	LIST_EACH(it, &group->sas) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_group);
		was_ours |= sa->role == INITIATOR && sa->state == SA_ESTABLISHED;
		if (child)
			change_child(sa, child);
	}
	if (child)
		return;
	(void)shard_down(shard, connection, NULL);
	/* Who only answered is asked again by his peer. */
	if (was_ours && settings_connection(shard->settings, connection) && shard_up(shard, connection, NULL) < 0)
		log_debug(shard->engine->log, "connection %s could not be started again", connection);
}
