/* SPDX-License-Identifier: MIT */
/*
 * status.c - SAs and their children as JSON: addresses, identities with their types, what was agreed, ages, traffic. How that
 * is shown to people is status_text.c's.
 */
#include "status.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth.h"
#include "child.h"

/* json_pack() gives NULL when any member is NULL: memory that ran out shows as a missing object, never as a wrong one. */

static const char *keep_name(enum keep keep)
{
	static const char *const names[] = {
		[KEEP_PASSIVE] = "passive", [KEEP_ON_DEMAND] = "on-demand", [KEEP_UP] = "up",
	};

	return names[keep];
}

static json_t *cookie_json(const uint8_t cookie[COOKIE_SIZE])
{
	char text[2 * COOKIE_SIZE + 1];

	for (size_t i = 0; i < COOKIE_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", cookie[i]);
	return json_string(text);
}

static json_t *spi_json(uint32_t spi)
{
	return json_sprintf("%08" PRIx32, spi);
}

static json_t *end_json(const struct address *address, const struct identity *id, bool is_nat)
{
	char address_buffer[ADDRESS_TEXT_MAX], id_buffer[IDENTITY_TEXT_MAX];

	return json_pack("{s:s, s:s*, s:b}", "address", address->family ? address_text(address_buffer, address) : "",
			 "id", id->type ? identity_text(id_buffer, id) : NULL, "nat", is_nat);
}

/* By what the peer proved itself; NULL: no certificate. */
static json_t *certificate_json(const struct certificate *c)
{
	if (!c)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:I}", "subject", c->subject_text, "serial", c->serial_text, "issuer", c->issuer_text, "not_after",
			 (json_int_t)c->not_after);
}

static json_int_t seconds_since(uint64_t then, uint64_t now)
{
	return then && then <= now ? (json_int_t)((now - then) / 1000) : 0;
}

/* Until a timer runs; null when it is not set. */
static json_t *seconds_left(const struct timer *timer, uint64_t now)
{
	if (!timer_is_set(timer))
		return json_null();
	return json_integer(timer->when > now ? (json_int_t)((timer->when - now) / 1000) : 0);
}

static json_t *usage_json(const struct child *child, bool inbound, uint64_t now)
{
	struct ipsec_usage usage;

	if (!child_usage(child, inbound, &usage))
		return json_null();
	json_t *o = json_pack("{s:I, s:I, s:o}", "bytes", (json_int_t)usage.bytes, "packets", (json_int_t)usage.packets,
			      "idle_seconds", usage.last_used ? json_integer(seconds_since(usage.last_used, now)) : json_null());
	if (o && inbound && json_object_update_new(o, json_pack("{s:I, s:I, s:I}", "replayed", (json_int_t)usage.replayed,
			"bad_icv", (json_int_t)usage.bad_icv, "outside_selector", (json_int_t)usage.outside_selector)) != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* What tells its packets from others beside the selectors, where it was asked for. */
static void put_options(json_t *o, const struct child *child)
{
	const struct ipsec_options *options = &child->config->options;
	static const char *const offloads[] = { [OFFLOAD_CRYPTO] = "crypto", [OFFLOAD_PACKET] = "packet", [OFFLOAD_AUTO] = "auto" };

	(void)json_object_set_new(o, "reqid", json_integer(child->id));
	if (options->mark_mask)
		(void)json_object_set_new(o, "mark", json_sprintf("0x%" PRIx32 "/0x%" PRIx32, options->mark, options->mark_mask));
	if (options->if_id)
		(void)json_object_set_new(o, "if_id", json_integer(options->if_id));
	if (options->interface[0])
		(void)json_object_set_new(o, "interface", json_string(options->interface));
	if (options->offload != OFFLOAD_NO)
		(void)json_object_set_new(o, "offload", json_string(offloads[options->offload]));
}

static json_t *child_json(const struct child *child, uint64_t now)
{
	char transform[PROPOSAL_TEXT_MAX], local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];
	static const char *const stages[] = {
		[CHILD_NEW] = "installing", [CHILD_READY] = "ready", [CHILD_CURRENT] = "up", [CHILD_RETIRED] = "retired",
		[CHILD_LINGERING] = "deleted",
	};

	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o}",
			 "name", child->config->name,
			 "state", stages[child->stage],
			 "mode", child->transport ? "transport" : "tunnel",
			 "protocol", child->transform.is_ah ? "ah" : "esp",
			 "compression", child->cpi_in != 0,
			 "udp_encapsulation", child->udp_encap,
			 "spi_in", spi_json(child->spi_in),
			 "spi_out", spi_json(child->spi_out),
			 "proposal", esp_transform_text(transform, &child->transform),
			 "local", selector_text(local, &child->local_ts),
			 "remote", selector_text(remote, &child->remote_ts),
			 "age_seconds", seconds_since(child->installed_at, now),
			 "lifetime_seconds", (json_int_t)child->lifetime.seconds,
			 "left_seconds", seconds_left(&child->expiry, now),
			 "renewal_seconds", seconds_left(&child->renewal, now),
			 "in", usage_json(child, true, now),
			 "out", usage_json(child, false, now));
	if (o)
		put_options(o, child);
	return o;
}

static json_t *children_json(const struct ike_sa *sa, uint64_t now)
{
	json_t *children = json_array();

	for (const struct list *it = sa->children.next; children && it != &sa->children; it = it->next) {
		const struct child *child = CONTAINER(it, struct child, in_sa);

		if (json_array_append_new(children, child_json(child, now)) != 0) {
			json_decref(children);
			return NULL;
		}
	}
	return children;
}

static json_t *transform_json(const struct ike_sa *sa)
{
	char text[PROPOSAL_TEXT_MAX];

	return sa->transform.cipher ? json_string(ike_transform_text(text, &sa->transform)) : json_null();
}

static json_t *sa_json(const struct ike_sa *sa, uint64_t now)
{
	static const char *const states[] = {
		[SA_CONNECTING] = "connecting", [SA_ESTABLISHED] = "established", [SA_GONE] = "gone",
	};
	bool established = sa->state == SA_ESTABLISHED;

	return json_pack("{s:s*, s:I, s:i, s:s, s:s, s:{s:o, s:o}, s:o, s:o, s:o*, s:b, s:o, s:s*, s:s*, s:I, s:I, s:o, s:o, s:b, s:I, s:I, s:I, s:I, s:o}",
			 "connection", sa->connection ? sa->connection->name : NULL,
			 "number", (json_int_t)sa->number,
			 "shard", (int)sa->shard->index,
			 "state", states[sa->state],
			 "role", sa->role == INITIATOR ? "initiator" : "responder",
			 "cookies", "initiator", cookie_json(sa->cookie[INITIATOR]),
			 "responder", cookie_json(sa->cookie[RESPONDER]),
			 "local", end_json(&sa->local, &sa->local_id, sa->local_nat),
			 "remote", end_json(&sa->remote, &sa->remote_id, sa->remote_nat),
			 "certificate", certificate_json(sa->peer_certificate),
			 "nat_port", sa->is_float,
			 "proposal", transform_json(sa),
			 "mode", sa->mode ? sa->mode->word : NULL,
			 "auth", sa->auth ? sa->auth->name : NULL,
			 "age_seconds", established ? seconds_since(sa->established_at, now) : 0,
			 "lifetime_seconds", (json_int_t)sa->lifetime,
			 "left_seconds", established ? seconds_left(&sa->expiry, now) : json_null(),
			 "renewal_seconds", established ? seconds_left(&sa->renewal, now) : json_null(),
			 "surplus", timer_is_set(&sa->surplus),
			 "messages_in", (json_int_t)sa->packets_in,
			 "messages_out", (json_int_t)sa->packets_out,
			 "bytes_in", (json_int_t)sa->bytes_in,
			 "bytes_out", (json_int_t)sa->bytes_out,
			 "children", children_json(sa, now));
}

static bool is_wanted(const struct ike_sa *sa, const char *connection, uint32_t after)
{
	if (sa->number <= after)
		return false;
	return !connection || (sa->connection && strcmp(sa->connection->name, connection) == 0);
}

bool status_collect(struct shard *shard, const char *connection, uint32_t *after, json_t *into)
{
	uint64_t now = loop_now(shard->loop);
	size_t count = 0;

	/* The list is in the order of the numbers. */
	LIST_EACH(it, &shard->sas.all) {
		const struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);

		if (!is_wanted(sa, connection, *after))
			continue;
		if (count++ == STATUS_BATCH)
			return true;
		*after = sa->number;
		/* Without memory an SA is missing from the list. */
		(void)json_array_append_new(into, sa_json(sa, now));
	}
	return false;
}

static json_t *range_json(const struct address_range *range)
{
	struct selector s = { .range = *range };
	char text[SELECTOR_TEXT_MAX];
	size_t len = address_len(range->family);

	if (len == 0)
		return json_string("%any");
	if (memcmp(range->first, range->last, len) == 0) {
		struct address a = { .family = range->family };

		memcpy(a.ip, range->first, len);
		return json_string(address_host_text(text, &a));
	}
	return json_string(selector_text(text, &s));
}

static json_t *child_settings_json(const struct child_settings *child)
{
	char local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];

	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", child->name, "mode", child->transport ? "transport" : "tunnel",
			 "protocol", child->is_ah ? "ah" : "esp",
			 "local", child->local_is_host ? "%host" : selector_text(local, &child->local),
			 "remote", child->remote_is_host ? "%host" : selector_text(remote, &child->remote));
}

json_t *status_of_settings(const struct connection_settings *c)
{
	char local[ADDRESS_TEXT_MAX];
	json_t *children = json_array();

	for (size_t i = 0; children && i < c->child_count; i++)
		(void)json_array_append_new(children, child_settings_json(&c->children[i]));
	return json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:o, s:o}", "name", c->name, "keep", keep_name(c->keep),
			 "mode", c->mode, "auth", c->auth,
			 "local", c->local.family ? address_host_text(local, &c->local) : "%any",
			 "remote", c->remote_host ? json_string(c->remote_host) : range_json(&c->remote),
			 "configured_children", children);
}
