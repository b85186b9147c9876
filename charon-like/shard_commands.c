/* SPDX-License-Identifier: MIT */
/* shard_commands.c - what people and the configuration tell a shard: connections up and down. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "events.h"
#include "ikev1/v1.h"
#include "jobs.h"
#include "kin.h"
#include "net.h"
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

/* A phase 1 to `remote` that brings up what is wanted afterwards: a child, all (child NULL), or what `renewed` (may be NULL) has. */
static int initiate(struct shard *shard, const struct connection_settings *c, const char *child, const struct address *remote,
		    const struct ike_sa *renewed)
{
	const struct exchange_mode *mode = mode_by_word(shard, c->mode);
	uint8_t cookie[2][COOKIE_SIZE];
	char text[160];
	int fault = new_cookie(shard, cookie);

	if (fault < 0)
		return fault;
	if (!mode) {
		snprintf(text, sizeof(text), "no plugin speaks %s mode: install exchange-%s.so", c->mode, c->mode);
		publish_failure(shard, c->name, "no-exchange-plugin", text);
		return FAULT_UNSUPPORTED;
	}
	struct ike_sa *sa = sa_new(shard, INITIATOR, (const uint8_t(*)[COOKIE_SIZE])cookie, shard->settings);
	if (!sa)
		return FAULT_MEMORY;
	sa->remote = *remote;
	sa->remote.port = c->remote_port;
	sa->local = c->local;
	sa->generation = renewed ? kin_generation(renewed) + 1 : 1;
	sa->is_float = false;
	if (sa->local.family == 0 && net_find_source(&sa->remote, &sa->local) < 0) {
		publish_failure(shard, c->name, "no-route", "there is no route to the peer: check the network and remote address");
		sa_free(sa);
		return FAULT_SYSTEM;
	}
	sa->local.port = shard->engine->daemon.port;
	if (renewed && renewed->role == RESPONDER && renewed->is_float)
		begin_on_nat_port(sa, renewed);
	if ((fault = sa_set_connection(sa, c)) < 0 || (!renewed && (fault = want_children(sa, c, child)) < 0) ||
	    (fault = exchange_start(sa, mode, NULL)) < 0)
		sa_free(sa);
	return fault;
}

/* ---- names of hosts: asked for on a helper thread ---- */

struct resolve {
	struct errand errand;
	struct shard *shard;
	struct address address;
	int error;
	char connection[EVENT_NAME_MAX], child[EVENT_NAME_MAX];
	uint8_t family;
	char host[256];
};

static void resolve_work(struct errand *errand)
{
	struct resolve *resolve = CONTAINER(errand, struct resolve, errand);
	struct addrinfo hints = { .ai_family = resolve->family, .ai_socktype = SOCK_DGRAM }, *found = NULL;

	resolve->error = getaddrinfo(resolve->host, NULL, &hints, &found);
	if (resolve->error == 0 && (!found || address_from_socket(&resolve->address, found->ai_addr) < 0))
		resolve->error = EAI_NONAME;
	if (found)
		freeaddrinfo(found);
}

static void resolve_done(struct errand *errand)
{
	struct resolve *resolve = CONTAINER(errand, struct resolve, errand);
	struct shard *shard = resolve->shard;
	const struct connection_settings *c = settings_connection(shard->settings, resolve->connection);
	char text[400];

	if (resolve->error) {
		snprintf(text, sizeof(text), "the name %s has no address: %s", resolve->host, gai_strerror(resolve->error));
		publish_failure(shard, resolve->connection, "dns", text);
	} else if (c && !loop_stopping(shard->loop)) {
		/* What went wrong was said where it was found. */
		if (initiate(shard, c, resolve->child[0] ? resolve->child : NULL, &resolve->address, NULL) < 0)
			log_debug(shard->engine->log, "connection %s could not be started", resolve->connection);
	}
	free(resolve);
}

static int initiate_by_name(struct shard *shard, const struct connection_settings *c, const char *child)
{
	if (!shard->engine->helpers)
		return FAULT_UNSUPPORTED;
	struct resolve *resolve = calloc(1, sizeof(*resolve));
	if (!resolve)
		return FAULT_MEMORY;
	resolve->errand = (struct errand){ .home = shard->loop, .work = resolve_work, .done = resolve_done };
	resolve->shard = shard;
	resolve->family = c->local.family;
	snprintf(resolve->host, sizeof(resolve->host), "%s", c->remote_host);
	snprintf(resolve->connection, sizeof(resolve->connection), "%s", c->name);
	snprintf(resolve->child, sizeof(resolve->child), "%s", child ? child : "");
	helpers_run(shard->engine->helpers, &resolve->errand);
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
		int fault = want_children(sa, sa->connection, child);
		sa_run_agenda(sa);
		return fault;
	}
	if (c->remote_host)
		return initiate_by_name(shard, c, child);
	if (c->remote.family == 0 || memcmp(c->remote.first, c->remote.last, sizeof(c->remote.first)) != 0) {
		publish_failure(shard, connection, "no-remote-address", "its remote is no single address: it can only answer");
		return FAULT_UNSUPPORTED;
	}
	int fault = address_from_bytes(&remote, c->remote.family, bytes_of(c->remote.first, address_len(c->remote.family)));
	return fault < 0 ? fault : initiate(shard, c, child, &remote, NULL);
}

int shard_renew(struct ike_sa *sa)
{
	struct shard *shard = sa->shard;
	const struct connection_settings *c = settings_connection(shard->settings, sa->connection->name);

	if (!c)
		return FAULT_NOT_FOUND;
	/* One may be on its way still. */
	LIST_EACH(it, &sa->group->sas) {
		const struct ike_sa *other = CONTAINER(it, const struct ike_sa, in_group);
		if (other->state == SA_CONNECTING && other->role == INITIATOR && address_same_host(&other->remote, &sa->remote))
			return FAULT_EXISTS;
	}
	return initiate(shard, c, NULL, &sa->remote, sa);
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
