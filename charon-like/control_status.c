/* SPDX-License-Identifier: MIT */
/*
 * control_status.c - `status`: asks every shard for its SAs, a batch at a time, and puts them under the connections of the
 * configuration, with the last failures of those that are not up.
 */
#include <stdio.h>
#include <stdlib.h>

#include "control_private.h"
#include "shunts.h"
#include "status.h"

struct status;

/* One shard's part. */
struct part {
	struct ask ask;
	struct status *status;
	json_t *sas;
	uint32_t after;
	bool has_more;
};

struct status {
	struct request request;
	char only[COMMAND_NAME_MAX];         /* "": all connections */
	unsigned left;
	unsigned count;
	struct part parts[];
};

static void status_free(struct request *request)
{
	struct status *status = CONTAINER(request, struct status, request);

	for (unsigned i = 0; i < status->count; i++)
		json_decref(status->parts[i].sas);
	free(status);
}

/* ---- failures ---- */

static json_t *failure_json(const struct failure *f, const char *child, uint64_t now)
{
	return json_pack("{s:s, s:s, s:s*, s:s*, s:I, s:I}", "code", f->code, "text", f->text,
			 "peer", f->peer[0] ? f->peer : NULL, "child", child[0] ? child : NULL,
			 "seconds_ago", (json_int_t)((now - f->when) / 1000), "count", (json_int_t)f->count);
}

static json_t *failures_json(const struct control *control, const struct connection_settings *c)
{
	uint64_t now = loop_now(control->loop);
	const struct failure *f = failures_of(control->failures, c->name, "");
	json_t *list = json_array();

	if (f)
		(void)json_array_append_new(list, failure_json(f, "", now));
	for (size_t i = 0; i < c->child_count; i++) {
		f = failures_of(control->failures, c->name, c->children[i].name);
		if (f)
			(void)json_array_append_new(list, failure_json(f, c->children[i].name, now));
	}
	return list;
}

static json_t *strangers_json(const struct control *control)
{
	json_t *list = json_array();
	const struct failure *f;

	for (size_t i = 0; (f = failures_of_stranger(control->failures, i)); i++)
		(void)json_array_append_new(list, failure_json(f, "", loop_now(control->loop)));
	return list;
}

/* ---- connections ---- */

/* The SAs of each connection, by its name; those without one under "". */
static json_t *by_connection(const struct status *status)
{
	json_t *groups = json_object();

	for (unsigned i = 0; groups && i < status->count; i++) {
		json_t *sa;
		size_t at;

		json_array_foreach(status->parts[i].sas, at, sa) {
			const char *name = json_string_value(json_object_get(sa, "connection"));
			json_t *group = json_object_get(groups, name ? name : "");

			if (!group) {
				group = json_array();
				if (json_object_set_new(groups, name ? name : "", group) != 0)
					continue;
			}
			(void)json_array_append(group, sa);
		}
	}
	return groups;
}

/* "up" with a child, "phase 1" without, "connecting", "down". */
static const char *state_of(const json_t *sas)
{
	const char *state = "down";
	const json_t *sa;
	size_t i;

	json_array_foreach(sas, i, sa) {
		const char *sa_state = json_string_value(json_object_get(sa, "state"));

		if (json_array_size(json_object_get(sa, "children")) > 0)
			return "up";
		if (sa_state && strcmp(sa_state, "established") == 0)
			state = "phase 1";
		else if (strcmp(state, "down") == 0)
			state = "connecting";
	}
	return state;
}

/* Takes `connection`; moves its SAs out of `groups`. */
static void put_connection(json_t *into, json_t *groups, json_t *connection, json_t *failures)
{
	const char *name = json_string_value(json_object_get(connection, "name"));
	json_t *sas = name ? json_object_get(groups, name) : NULL;

	sas = sas ? json_incref(sas) : json_array();
	if (name)
		(void)json_object_del(groups, name);
	(void)json_object_set_new(connection, "state", json_string(state_of(sas)));
	(void)json_object_set_new(connection, "sas", sas);
	(void)json_object_set_new(connection, "failures", failures);
	(void)json_array_append_new(into, connection);
}

static void put_configured(const struct status *status, json_t *into, json_t *groups)
{
	const struct control *control = status->request.control;
	struct settings *settings = control->host.settings(control->host.arg);
	size_t count = settings ? settings_connection_count(settings) : 0;

	for (size_t i = 0; i < count; i++) {
		const struct connection_settings *c = settings_connection_at(settings, i);

		if (!status->only[0] || strcmp(status->only, c->name) == 0)
			put_connection(into, groups, status_of_settings(c), failures_json(control, c));
	}
}

/* Connections that a reload has removed while they were up. */
static void put_removed(json_t *into, json_t *groups)
{
	const char *name;
	json_t *sas;
	void *next;

	json_object_foreach_safe(groups, next, name, sas) {
		if (name[0])
			put_connection(into, groups, json_pack("{s:s, s:b}", "name", name, "removed", 1), json_array());
	}
}

/* ---- shunts ---- */

static json_t *shunt_json(const struct shunt_status *shunt)
{
	char local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];

	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "name", shunt->settings->name,
			 "action", shunt->settings->is_drop ? "drop" : "bypass", "local", selector_text(local, &shunt->settings->local),
			 "remote", selector_text(remote, &shunt->settings->remote), "installed", shunt->is_installed,
			 "dropped", shunt->is_counted ? json_integer((json_int_t)shunt->dropped) : json_null());
}

static json_t *shunts_json(const struct control *control)
{
	const struct control_host *host = &control->host;
	const struct shunts *shunts = host->shunts ? host->shunts(host->arg) : NULL;
	struct shunt_status shunt;
	json_t *list = json_array();

	for (size_t i = 0; shunts && shunts_at(shunts, i, &shunt); i++)
		(void)json_array_append_new(list, shunt_json(&shunt));
	return list;
}

static json_t *daemon_json(const struct control *control)
{
	const struct engine *engine = control->host.engine;

	return json_pack("{s:s, s:I, s:i, s:s*, s:I}", "version", PACKAGE_VERSION,
			 "uptime_seconds", (json_int_t)((loop_now(control->loop) - control->started) / 1000),
			 "shards", (int)engine->shard_count, "kernel", engine->kernel ? engine->kernel->key : NULL,
			 "half_open", (json_int_t)atomic_load(&engine->half_open));
}

static json_t *document(const struct status *status)
{
	json_t *connections = json_array(), *groups = by_connection(status);

	put_configured(status, connections, groups);
	put_removed(connections, groups);
	json_t *unassigned = json_object_get(groups, "");
	json_t *whole = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", STATUS_SCHEMA,
				  "daemon", daemon_json(status->request.control), "connections", connections,
				  "shunts", shunts_json(status->request.control),
				  "unassigned", unassigned ? json_incref(unassigned) : json_array(),
				  "strangers", strangers_json(status->request.control),
				  "revocation", revocation_json(status->request.control));
	json_decref(groups);
	return whole;
}

/* ---- asking ---- */

/* On the shard's thread; the array is nobody else's meanwhile. */
static void part_work(struct ask *ask)
{
	struct part *part = CONTAINER(ask, struct part, ask);
	const char *only = part->status->only;

	part->has_more = status_collect(ask->shard, only[0] ? only : NULL, &part->after, part->sas);
}

static void part_done(struct ask *ask)
{
	struct part *part = CONTAINER(ask, struct part, ask);
	struct status *status = part->status;

	if (!request_answered(&status->request))
		return;
	if (!ask->worked) {
		request_end(&status->request, "the daemon is ending");
		return;
	}
	if (part->has_more) {
		request_ask(&status->request, &part->ask, ask->shard);
		return;
	}
	if (--status->left > 0)
		return;
	session_data(status->request.session, document(status));
	request_end(&status->request, NULL);
}

static struct status *status_new(const struct engine *engine, const char *only)
{
	struct status *status = calloc(1, sizeof(*status) + engine->shard_count * sizeof(status->parts[0]));

	if (!status)
		return NULL;
	status->request.free = status_free;
	status->count = status->left = engine->shard_count;
	snprintf(status->only, sizeof(status->only), "%s", only);
	for (unsigned i = 0; i < status->count; i++) {
		status->parts[i] = (struct part){
			.ask = { .work = part_work, .done = part_done }, .status = status, .sas = json_array(),
		};
		if (!status->parts[i].sas) {
			status_free(&status->request);
			return NULL;
		}
	}
	return status;
}

void command_status(struct session *session, const char *const *arguments, const json_t *all)
{
	const struct engine *engine = session->control->host.engine;
	const char *only = arguments[0] ? arguments[0] : "";
	struct status *status;

	(void)all;
	if (only[0] && !find_connection(session, only, ""))
		return;
	status = status_new(engine, only);
	if (!status) {
		session_done(session, fault_text(FAULT_MEMORY));
		return;
	}
	request_begin(&status->request, session);
	for (unsigned i = 0; i < status->count; i++)
		request_ask(&status->request, &status->parts[i].ask, engine->shards[i]);
}
