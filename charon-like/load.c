/* SPDX-License-Identifier: MIT */
/* load.c - reads the configuration, loads the plugins it asks for, and makes settings of it. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "exchange.h"

/* ---- lines to two places ---- */

/* "error ", "warn  ": what log.c puts in front of a line without a stamp. */
enum { LEVEL_WIDTH = 6 };

static void tee_line(void *arg, enum log_level level, const char *line)
{
	const struct load_tee *tee = arg;

	if (strlen(line) > LEVEL_WIDTH)
		line += LEVEL_WIDTH;
	log_at(tee->to, level, NULL, "%s", line);
	if (tee->say)
		tee->say(tee->arg, line);
}

int load_tee_open(struct load_tee *tee, const struct log_context *to, enum log_level level, void (*say)(void *arg, const char *line),
		  void *arg)
{
	struct log_options options = { .level = level, .fd = -1, .sink = tee_line, .sink_arg = tee };

	*tee = (struct load_tee){ .to = to, .say = say, .arg = arg };
	tee->log = log_new(&options);
	return tee->log ? 0 : FAULT_MEMORY;
}

void load_tee_close(struct load_tee *tee)
{
	log_free(tee->log);
}

/* ---- the configuration ---- */

/* A source may be no file at all; then it is up to the plugin to complain. */
static int check_file(const char *file, const struct log_context *log)
{
	if (strstr(file, "://") || access(file, R_OK) == 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		log_line(log, LEVEL_ERROR, "config-missing", "there is no configuration %s: write one, or name another with --config", file);
		return FAULT_NOT_FOUND;
	case EACCES:
		log_line(log, LEVEL_ERROR, "config-unreadable", "the configuration %s may not be read: run as its owner or as root", file);
		return FAULT_PERMISSION;
	default:
		log_line(log, LEVEL_ERROR, "config-unreadable", "the configuration %s cannot be read: %s", file, strerror(errno));
		return FAULT_SYSTEM;
	}
}

static const struct provider *find_source(const struct services *services, const char *file)
{
	const struct provider *provider;

	for (size_t i = 0; (provider = services_at(services, SERVICE_CONFIG, i)); i++) {
		const struct config_source *source = provider->ops;

		if (source->handles(file))
			return provider;
	}
	return NULL;
}

static int read_config(struct config **out, const struct load *load, const struct services *services, const char *file,
		       const struct log_context *log)
{
	/* One that is gone may come again. */
	if (load->saw)
		load->saw(load->saw_arg, file, false);
	int fault = check_file(file, log);
	const struct provider *provider = fault ? NULL : find_source(services, file);
	struct config_builder *builder;

	if (fault)
		return fault;
	if (!provider) {
		log_line(log, LEVEL_ERROR, "config-source", "no plugin reads %s: is it a file whose name ends in .xml, and config-xml.so installed?", file);
		return FAULT_UNSUPPORTED;
	}
	builder = config_builder_new(log);
	if (!builder)
		return FAULT_MEMORY;
	config_builder_observe(builder, load->saw, load->saw_arg);
	const struct config_source *source = provider->ops;
	fault = source->load(provider->state, file, builder, log);
	if (fault) {
		config_builder_free(builder);
		return fault;
	}
	return config_builder_finish(builder, out);
}

int load_config(struct load *load, const struct load_options *options)
{
	const struct log_context *log = log_root(load->core.log);
	struct plugins_options sources = { .folder = options->plugin_dir, .prefix = "config-", .linked = options->linked };
	struct core core = load->core;
	struct plugins *plugins = NULL;
	struct load_tee tee;
	int fault = load_tee_open(&tee, log, LEVEL_WARN, NULL, NULL);

	if (fault)
		return fault;
	/* What these say about themselves they say again when all are loaded; only what is wrong is told now. */
	core.log = tee.log;
	fault = plugins_load(&plugins, &core, &sources);
	if (!fault)
		fault = read_config(&load->config, load, core.services, options->config_file, log);
	if (plugins)
		plugins_free(plugins, &core);
	load_tee_close(&tee);
	return fault ? fault : daemon_settings_read(&load->daemon, load->config, log);
}

int load_again(const struct load *load, const char *file, const struct log_context *log, struct load_fresh *out)
{
	*out = (struct load_fresh){ .config = NULL };
	int fault = read_config(&out->config, load, load->core.services, file, log);
	if (fault)
		return fault;
	if (load->saw)
		settings_secret_files(out->config, load->saw, load->saw_arg);
	/* Both, so that one look tells of all that is wrong. */
	fault = daemon_settings_read(&out->daemon, out->config, log);
	int second = settings_new(&out->settings, out->config, load->crypto, load->core.services, log);
	if (!fault)
		fault = second;
	if (fault)
		load_fresh_free(out);
	return fault;
}

void load_fresh_free(struct load_fresh *fresh)
{
	settings_unref(fresh->settings);
	daemon_settings_free(&fresh->daemon);
	if (fresh->config)
		config_unref(fresh->config);
	*fresh = (struct load_fresh){ .config = NULL };
}

/* ---- services ---- */

static int check_exchanges(const struct services *services, const struct log_context *log)
{
	const struct provider *provider;
	int fault = 0;

	for (size_t i = 0; (provider = services_at(services, SERVICE_EXCHANGE, i)); i++) {
		struct table_fault why = { 0, NULL };

		if (exchange_table_check(provider->ops, &why))
			continue;
		log_line(log, LEVEL_ERROR, "unsound-table", "plugin %s is not safe to use: row %zu of its table: %s; remove it",
			 provider->plugin, why.row + 1, why.why ? why.why : "unsound");
		fault = FAULT_UNSUPPORTED;
	}
	return fault;
}

bool load_find_plugin(const struct load *load, const char *name, struct plugin_status *out)
{
	for (size_t i = 0; i < plugins_count(load->plugins); i++) {
		*out = plugins_at(load->plugins, i);
		if (strcmp(out->name, name) == 0)
			return true;
	}
	return false;
}

/* A name of no plugin is misspelt, as a rule; but a plugin may also be on one machine only, so that it ends nothing. */
static void check_plugin_name(const struct load *load, const struct config_node *node, const char *name)
{
	size_t count = plugins_count(load->plugins);
	struct plugin_status status;

	if (load_find_plugin(load, name, &status))
		return;
	const char **known = calloc(count + 1, sizeof(*known));
	for (size_t i = 0; known && i < count; i++)
		known[i] = plugins_at(load->plugins, i).name;
	const char *nearest = known ? config_nearest(name, known) : NULL;
	/* To skip what is not installed is no mistake, unless another name was meant. */
	if (nearest || strcmp(node->name, "plugin") == 0)
		log_warn(log_root(load->core.log), "%s:%u: <%s>: there is no plugin '%s'%s%s%s", node->file, node->line, node->name, name,
			 nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	free(known);
}

static void check_plugin_names(const struct load *load)
{
	const struct config_node *root = config_root(load->config);

	for (size_t i = 0; i < root->child_count; i++) {
		const struct config_node *node = root->children[i];
		const char *name = config_get(node, "name");

		if (strcmp(node->name, "plugin") == 0 && name)
			check_plugin_name(load, node, name);
		for (const char *const *skip = load->daemon.plugins_skip; strcmp(node->name, "daemon") == 0 && skip && *skip; skip++)
			check_plugin_name(load, node, *skip);
	}
}

int load_services(struct load *load, const struct load_options *options)
{
	struct plugins_options all = {
		.folder = options->plugin_dir, .skip = load->daemon.plugins_skip, .root = config_root(load->config),
		.linked = options->linked,
	};
	const struct log_context *log = log_root(load->core.log);
	int fault = plugins_load(&load->plugins, &load->core, &all);

	if (!fault)
		check_plugin_names(load);
	if (!fault)
		fault = check_exchanges(load->core.services, log);
	if (!fault)
		fault = crypto_new(&load->crypto, load->core.services, load->daemon.crypto, log);
	return fault;
}

int load_settings(struct load *load)
{
	if (load->saw)
		settings_secret_files(load->config, load->saw, load->saw_arg);
	return settings_new(&load->settings, load->config, load->crypto, load->core.services, log_root(load->core.log));
}

void load_free(struct load *load)
{
	if (load->settings)
		settings_unref(load->settings);
	if (load->crypto)
		crypto_free(load->crypto);
	if (load->plugins)
		plugins_free(load->plugins, &load->core);
	if (load->config)
		config_unref(load->config);
	daemon_settings_free(&load->daemon);
	load->settings = NULL;
	load->crypto = NULL;
	load->plugins = NULL;
	load->config = NULL;
}
