/* SPDX-License-Identifier: MIT */
/* shunts.c - see shunts.h. */
#include "shunts.h"

#include <stdlib.h>

#include "child.h"
#include "map.h"

struct shunt {
	uint32_t id;
	const struct shunt_settings *settings;
	bool is_installed;
};

struct shunt_list {
	struct settings *settings;               /* all below borrow from it                       */
	struct shunt *at;
	size_t count;
};

struct shunts {
	const struct engine *engine;
	struct shunt_list now, before;           /* before: until shunts_sweep()                   */
};

/* Stable over reloads and restarts, as child_id() is; not 0. */
static uint32_t shunt_id(const struct shunt_settings *shunt)
{
	static const uint8_t key[16] = "keyferry shunt";
	uint32_t id = (uint32_t)siphash(key, bytes_text(shunt->name));

	return id ? id : 1;
}

static const struct shunt *find(const struct shunt_list *list, uint32_t id)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].id == id)
			return &list->at[i];
	return NULL;
}

static void list_free(struct shunt_list *list)
{
	free(list->at);
	settings_unref(list->settings);
	*list = (struct shunt_list){ .count = 0 };
}

/* ---- numbers ---- */

static bool is_of_child(const struct settings *settings, uint32_t id)
{
	for (size_t i = 0; i < settings_connection_count(settings); i++) {
		const struct connection_settings *c = settings_connection_at(settings, i);

		for (size_t k = 0; k < c->child_count; k++)
			if (child_id(c, &c->children[k]) == id)
				return true;
	}
	return false;
}

static int fill(struct shunt_list *list, struct settings *settings, const struct log_context *log)
{
	size_t count = settings_shunt_count(settings);

	list->settings = settings_ref(settings);
	list->at = calloc(count + 1, sizeof(*list->at));
	for (size_t i = 0; list->at && i < count; i++) {
		const struct shunt_settings *shunt = settings_shunt_at(settings, i);
		uint32_t id = shunt_id(shunt);

		if (find(list, id) || is_of_child(settings, id)) {
			/* One in 2^32 for each pair. */
			log_error(log, "shunt %s has the number of another one, or of a child; rename it", shunt->name);
			return FAULT_EXISTS;
		}
		list->at[list->count++] = (struct shunt){ .id = id, .settings = shunt };
	}
	return list->at ? 0 : FAULT_MEMORY;
}

/* ---- the kernel service ---- */

static bool install(const struct engine *engine, const struct shunt *shunt)
{
	const struct provider *kernel = engine->kernel;
	const struct ipsec_policy policy = {
		.child = shunt->id, .action = shunt->settings->is_drop ? IPSEC_DROP : IPSEC_BYPASS,
		.local_ts = shunt->settings->local, .remote_ts = shunt->settings->remote,
	};

	if (kernel && ((const struct kernel_ipsec *)kernel->ops)->policy_add(kernel->state, &policy) == 0)
		return true;
	log_at(engine->log, LEVEL_ERROR, "shunt", "shunt %s is not in force: %s", shunt->settings->name,
	       kernel ? "the kernel service has said why, and is asked again at the next reload" : "there is no kernel service");
	return false;
}

/* Also one that could not be replaced: what it was is still there. */
static void uninstall(const struct engine *engine, const struct shunt *shunt)
{
	const struct provider *kernel = engine->kernel;

	if (kernel)
		(void)((const struct kernel_ipsec *)kernel->ops)->policy_delete(kernel->state, shunt->id);
}

static void remove_gone(struct shunts *shunts, const struct shunt_list *next)
{
	struct shunt_list *before = &shunts->before;

	for (size_t i = 0; i < before->count; i++)
		if (!find(&shunts->now, before->at[i].id) && !find(next, before->at[i].id))
			uninstall(shunts->engine, &before->at[i]);
	list_free(before);
}

/* ---- all ---- */

int shunts_install(struct shunts *shunts, struct settings *settings)
{
	struct shunt_list next = { .count = 0 };
	int fault = fill(&next, settings, shunts->engine->log);

	if (fault) {
		list_free(&next);
		return fault;
	}
	for (size_t i = 0; i < next.count; i++) {
		struct shunt *shunt = &next.at[i];
		const struct shunt *was = find(&shunts->now, shunt->id);
		bool is_same = was && was->is_installed && shunt_settings_same(was->settings, shunt->settings);

		shunt->is_installed = is_same || install(shunts->engine, shunt);
	}
	/* After a configuration that could not be put in force this is the one from before once more. */
	remove_gone(shunts, &next);
	shunts->before = shunts->now;
	shunts->now = next;
	return 0;
}

void shunts_sweep(struct shunts *shunts)
{
	static const struct shunt_list none;

	remove_gone(shunts, &none);
}

struct shunts *shunts_new(const struct engine *engine)
{
	struct shunts *shunts = calloc(1, sizeof(*shunts));

	if (shunts)
		shunts->engine = engine;
	return shunts;
}

void shunts_free(struct shunts *shunts)
{
	if (!shunts)
		return;
	list_free(&shunts->before);
	list_free(&shunts->now);
	free(shunts);
}

bool shunts_at(const struct shunts *shunts, size_t i, struct shunt_status *out)
{
	const struct provider *kernel = shunts->engine->kernel;
	const struct kernel_ipsec *ops = kernel ? kernel->ops : NULL;

	if (i >= shunts->now.count)
		return false;
	const struct shunt *shunt = &shunts->now.at[i];
	*out = (struct shunt_status){ .settings = shunt->settings, .is_installed = shunt->is_installed };
	if (ops && ops->policy_dropped && shunt->is_installed && shunt->settings->is_drop)
		out->is_counted = ops->policy_dropped(kernel->state, shunt->id, &out->dropped) == 0;
	return true;
}
