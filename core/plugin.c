/* SPDX-License-Identifier: MIT */
/*
 * plugin.c - the one loader: finds plugins, opens and checks them, starts them in the order of their needs, and
 * can say of each that does not run why not. What they provide is kept by services.c.
 */
#include "plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "services.h"

enum standing { WAITING, RUNNING, LEFT_OUT };

struct entry {
	char *name;                      /* of the file, without ".so"            */
	char *file;
	char *why_not;                   /* when LEFT_OUT; NULL: no memory for it */
	const struct plugin *plugin;     /* NULL: not opened, or not fit          */
	void *state;
	enum standing standing;
	size_t found;                    /* as the how many-th it was found       */
	size_t rank;                     /* its place in the configured order     */
};

/* main thread */
struct plugins {
	struct entry *entries;           /* in the configured order   */
	size_t count;
	struct entry **running;          /* in the order of the start */
	size_t running_count;
};

static bool names_hold(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

__attribute__((format(printf, 4, 5)))
static void leave_out(const struct core *core, struct entry *entry, enum log_level level, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	if (vasprintf(&entry->why_not, format, values) < 0)
		entry->why_not = NULL;
	va_end(values);
	entry->standing = LEFT_OUT;
	log_at(log_root(core->log), level, "plugin-left-out", "plugin %s is left out: %s", entry->name,
	       entry->why_not ? entry->why_not : fault_text(FAULT_MEMORY));
}

/* --- finding ------------------------------------------------------------------------------------ */

static int add_entry(struct plugins *plugins, const char *folder, const char *name, size_t name_len,
		     const struct plugin *linked)
{
	struct entry *more = realloc(plugins->entries, (plugins->count + 1) * sizeof(*more));

	if (!more)
		return FAULT_MEMORY;
	plugins->entries = more;
	struct entry *entry = &more[plugins->count];
	*entry = (struct entry){ .plugin = linked, .found = plugins->count };
	plugins->count++;
	entry->name = strndup(name, name_len);
	if (linked)
		entry->file = strdup("(linked in)");
	else if (asprintf(&entry->file, "%s/%s", folder, name) < 0)
		entry->file = NULL;
	return entry->name && entry->file ? 0 : FAULT_MEMORY;
}

static int is_plugin_file(const struct dirent *item)
{
	size_t len = strlen(item->d_name);

	return item->d_name[0] != '.' && len > 3 && strcmp(item->d_name + len - 3, ".so") == 0;
}

/* Not alphasort(), whose order depends on the locale. */
static int by_file_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool has_prefix(const char *name, const char *prefix)
{
	return !prefix || strncmp(name, prefix, strlen(prefix)) == 0;
}

static int find_files(struct plugins *plugins, const struct core *core, const char *folder, const char *prefix)
{
	struct dirent **items;
	int count = scandir(folder, &items, is_plugin_file, by_file_name);
	int fault = 0;

	if (count < 0) {
		fault = errno == ENOMEM ? FAULT_MEMORY : FAULT_SYSTEM;
		log_at(log_root(core->log), LEVEL_ERROR, "plugin-folder", "the folder of plugins, %s, cannot be read: %s", folder,
			  strerror(errno));
		return fault;
	}
	for (int i = 0; i < count; i++) {
		const char *name = items[i]->d_name;

		if (!fault && has_prefix(name, prefix))
			fault = add_entry(plugins, folder, name, strlen(name) - 3, NULL);
		free(items[i]);
	}
	free(items);
	return fault;
}

static int by_rank(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	if (left->rank != right->rank)
		return left->rank < right->rank ? -1 : 1;
	return left->found < right->found ? -1 : left->found > right->found;
}

/* Those that `order` names come first, the others as they were found. */
static void sort_entries(struct plugins *plugins, const char *const *order)
{
	for (size_t i = 0; i < plugins->count; i++) {
		size_t place = 0;

		while (order && order[place] && strcmp(order[place], plugins->entries[i].name) != 0)
			place++;
		plugins->entries[i].rank = place;
	}
	if (plugins->count)
		qsort(plugins->entries, plugins->count, sizeof(plugins->entries[0]), by_rank);
	for (size_t i = 0; i < plugins->count; i++)
		plugins->entries[i].rank = i;
}

static int find(struct plugins *plugins, const struct core *core, const struct plugins_options *options)
{
	int fault = 0;

	for (const struct plugin *const *it = options->linked; it && *it && !fault; it++)
		if (has_prefix((*it)->name, options->prefix))
			fault = add_entry(plugins, NULL, (*it)->name, strlen((*it)->name), *it);
	if (!fault && options->folder)
		fault = find_files(plugins, core, options->folder, options->prefix);
	if (!fault)
		sort_entries(plugins, options->order);
	return fault;
}

/* --- opening and checking ----------------------------------------------------------------------- */

static void open_entry(const struct core *core, struct entry *entry)
{
	/* RTLD_NOW: a missing symbol is found here, not in the middle of an exchange. */
	void *handle = dlopen(entry->file, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		const char *why = dlerror();
		leave_out(core, entry, LEVEL_ERROR, "%s cannot be opened: %s", entry->file, why ? why : "unknown error");
		return;
	}
	entry->plugin = dlsym(handle, "plugin");
	if (!entry->plugin)
		leave_out(core, entry, LEVEL_ERROR, "%s is not a plugin: it has no symbol \"plugin\"", entry->file);
}

static bool services_are_sound(const struct core *core, struct entry *entry)
{
	for (const struct service *row = entry->plugin->provides; row && row->kind != SERVICE_END; row++) {
		if ((unsigned)row->kind < SERVICE_KINDS && row->key && row->ops)
			continue;
		leave_out(core, entry, LEVEL_ERROR, "row %zu of the services in %s has %s",
			  (size_t)(row - entry->plugin->provides) + 1, entry->file,
			  (unsigned)row->kind >= SERVICE_KINDS ? "an unknown kind" : row->key ? "no ops" : "no key");
		return false;
	}
	return true;
}

/* True when nothing in its table speaks against starting it. */
static bool is_sound(const struct core *core, struct entry *entry)
{
	const struct plugin *plugin = entry->plugin;

	/* Before anything else is read: the rest of the struct may be another one. */
	if (plugin->abi != PLUGIN_ABI) {
		leave_out(core, entry, LEVEL_ERROR,
			  "%s has plugin ABI %u, this program has %u; rebuild the plugin against the installed headers, "
			  "or install the plugin of the same package version",
			  entry->file, (unsigned)plugin->abi, (unsigned)PLUGIN_ABI);
		return false;
	}
	if (!plugin->name || strcmp(plugin->name, entry->name) != 0) {
		leave_out(core, entry, LEVEL_ERROR, "%s calls itself \"%s\"; a plugin's file must have its name",
			  entry->file, plugin->name ? plugin->name : "");
		return false;
	}
	return services_are_sound(core, entry);
}

static bool is_repeated(const struct plugins *plugins, const struct entry *entry)
{
	for (const struct entry *it = plugins->entries; it < entry; it++)
		if (it->standing != LEFT_OUT && strcmp(it->name, entry->name) == 0)
			return true;
	return false;
}

static void open_all(struct plugins *plugins, const struct core *core, const struct plugins_options *options)
{
	for (size_t i = 0; i < plugins->count; i++) {
		struct entry *entry = &plugins->entries[i];

		if (names_hold(options->skip, entry->name)) {
			leave_out(core, entry, LEVEL_DEBUG, "the configuration says to skip it");
			continue;
		}
		if (is_repeated(plugins, entry)) {
			leave_out(core, entry, LEVEL_ERROR, "there is another plugin of that name");
			continue;
		}
		if (!entry->plugin)
			open_entry(core, entry);
		if (entry->plugin && !is_sound(core, entry))
			entry->plugin = NULL;
	}
}

/* --- needs -------------------------------------------------------------------------------------- */

static bool provides(const struct plugin *plugin, const struct need *need)
{
	for (const struct service *row = plugin ? plugin->provides : NULL; row && row->kind != SERVICE_END; row++)
		if (row->kind == need->kind && (!need->key || strcmp(row->key, need->key) == 0))
			return true;
	return false;
}

/* The first other plugin of that standing that provides what `entry` needs. */
static const struct entry *provider_of(const struct plugins *plugins, const struct entry *entry,
				       const struct need *need, enum standing standing)
{
	for (size_t i = 0; i < plugins->count; i++) {
		const struct entry *it = &plugins->entries[i];

		if (it != entry && it->standing == standing && provides(it->plugin, need))
			return it;
	}
	return NULL;
}

/* The first need that no plugin which runs or may yet run meets, or NULL. */
static const struct need *unmet_need(const struct plugins *plugins, const struct entry *entry)
{
	for (const struct need *need = entry->plugin->needs; need && need->kind != SERVICE_END; need++)
		if (!provider_of(plugins, entry, need, RUNNING) && !provider_of(plugins, entry, need, WAITING))
			return need;
	return NULL;
}

static void leave_out_unmet(const struct plugins *plugins, const struct core *core, struct entry *entry,
			    const struct need *need)
{
	const struct entry *lost = provider_of(plugins, entry, need, LEFT_OUT);

	leave_out(core, entry, LEVEL_ERROR, "it needs a service of kind %s%s%s, which no loaded plugin provides%s%s%s",
		  service_kind_name(need->kind), need->key ? ", key " : "", need->key ? need->key : "",
		  lost ? " (" : "", lost ? lost->name : "", lost ? " would, but is left out itself)" : "");
}

static bool drop_one_unmet(struct plugins *plugins, const struct core *core)
{
	for (size_t i = 0; i < plugins->count; i++) {
		struct entry *entry = &plugins->entries[i];
		const struct need *need = entry->standing == WAITING ? unmet_need(plugins, entry) : NULL;

		if (!need)
			continue;
		leave_out_unmet(plugins, core, entry, need);
		return true;
	}
	return false;
}

/* The first need that keeps it from starting now, or NULL. A patient one waits for all who provide it. */
static const struct need *blocking_need(const struct plugins *plugins, const struct entry *entry, bool is_patient)
{
	for (const struct need *need = entry->plugin->needs; need && need->kind != SERVICE_END; need++) {
		if (!provider_of(plugins, entry, need, RUNNING))
			return need;
		if (is_patient && provider_of(plugins, entry, need, WAITING))
			return need;
	}
	return NULL;
}

static struct entry *next_to_start(struct plugins *plugins, bool is_patient)
{
	for (size_t i = 0; i < plugins->count; i++) {
		struct entry *entry = &plugins->entries[i];

		if (entry->standing == WAITING && !blocking_need(plugins, entry, is_patient))
			return entry;
	}
	return NULL;
}

/* Nothing can start although each need has a provider: they wait for each other. False: nobody waits. */
static bool break_circle(struct plugins *plugins, const struct core *core)
{
	for (size_t i = 0; i < plugins->count; i++) {
		struct entry *entry = &plugins->entries[i];

		if (entry->standing != WAITING)
			continue;
		const struct need *need = blocking_need(plugins, entry, false);
		const struct entry *other = provider_of(plugins, entry, need, WAITING);
		leave_out(core, entry, LEVEL_ERROR,
			  "it needs a service of kind %s%s%s of %s, and from there the needs go in a circle",
			  service_kind_name(need->kind), need->key ? ", key " : "", need->key ? need->key : "",
			  other->name);
		return true;
	}
	return false;
}

/* --- starting and stopping ---------------------------------------------------------------------- */

static const struct config_node *settings_of(const struct config_node *root, const char *name)
{
	for (size_t i = 0; root && i < root->child_count; i++) {
		const struct config_node *node = root->children[i];
		const char *value = strcmp(node->name, "plugin") == 0 ? config_get(node, "name") : NULL;

		if (value && strcmp(value, name) == 0)
			return node;
	}
	return NULL;
}

static void stop(struct core *core, struct entry *entry)
{
	services_remove(core->services, entry->name);
	if (entry->plugin->stop)
		entry->plugin->stop(entry->state);
	entry->state = NULL;
}

static int add_services(struct core *core, const struct entry *entry)
{
	int fault = 0;

	for (const struct service *row = entry->plugin->provides; row && row->kind != SERVICE_END && !fault; row++) {
		struct provider provider = { row->ops, entry->state, row->key, entry->name };
		fault = services_add(core->services, row->kind, &provider, entry->rank);
	}
	return fault;
}

static void start(struct plugins *plugins, struct core *core, struct entry *entry, const struct config_node *root)
{
	const struct plugin *plugin = entry->plugin;
	int fault = plugin->start ? plugin->start(core, settings_of(root, entry->name), &entry->state) : 0;

	if (fault) {
		entry->state = NULL;
		leave_out(core, entry, LEVEL_ERROR, "it did not start: %s", fault_text(fault));
		return;
	}
	fault = add_services(core, entry);
	if (fault) {
		stop(core, entry);
		leave_out(core, entry, LEVEL_ERROR, "its services were not added: %s", fault_text(fault));
		return;
	}
	entry->standing = RUNNING;
	plugins->running[plugins->running_count++] = entry;
	log_debug(log_root(core->log), "plugin %s runs", entry->name);
}

static void start_all(struct plugins *plugins, struct core *core, const struct config_node *root)
{
	do {
		struct entry *entry;

		do {
			/* To a fixpoint: who is left out may have been what another needed. */
			while (drop_one_unmet(plugins, core))
				;
			entry = next_to_start(plugins, true);
			if (!entry)
				entry = next_to_start(plugins, false);
			if (entry)
				start(plugins, core, entry, root);
		} while (entry);
	} while (break_circle(plugins, core));
}

int plugins_load(struct plugins **out, struct core *core, const struct plugins_options *options)
{
	struct plugins *plugins = calloc(1, sizeof(*plugins));
	int fault;

	*out = NULL;
	core->services = services_new();
	fault = plugins && core->services ? find(plugins, core, options) : FAULT_MEMORY;
	if (!fault) {
		plugins->running = calloc(plugins->count + 1, sizeof(struct entry *));
		fault = plugins->running ? 0 : FAULT_MEMORY;
	}
	if (fault) {
		plugins_free(plugins, core);
		return fault;
	}
	open_all(plugins, core, options);
	start_all(plugins, core, options->root);
	log_info(log_root(core->log), "%zu of %zu plugins run", plugins->running_count, plugins->count);
	*out = plugins;
	return 0;
}

void plugins_free(struct plugins *plugins, struct core *core)
{
	while (plugins && plugins->running_count > 0)
		stop(core, plugins->running[--plugins->running_count]);
	services_free(core->services);
	core->services = NULL;
	if (!plugins)
		return;
	for (size_t i = 0; i < plugins->count; i++) {
		free(plugins->entries[i].name);
		free(plugins->entries[i].file);
		free(plugins->entries[i].why_not);
	}
	free(plugins->entries);
	free(plugins->running);
	free(plugins);
}

size_t plugins_count(const struct plugins *plugins)
{
	return plugins->count;
}

struct plugin_status plugins_at(const struct plugins *plugins, size_t i)
{
	struct plugin_status status = { NULL, NULL, NULL, NULL };

	if (i >= plugins->count)
		return status;
	const struct entry *entry = &plugins->entries[i];
	status.name = entry->name;
	status.summary = entry->plugin && entry->plugin->summary ? entry->plugin->summary : "";
	status.file = entry->file;
	if (entry->standing == LEFT_OUT)
		status.why_not = entry->why_not ? entry->why_not : fault_text(FAULT_MEMORY);
	return status;
}
