/* SPDX-License-Identifier: MIT */
/* load.h - from a file to settings that can be used: what the daemon's start, its reload and `keyferry check-config` share. */
#ifndef KEYFERRY_LOAD_H
#define KEYFERRY_LOAD_H
#include "plugin.h"
#include "settings.h"

struct load_options {
	const char *config_file;
	const char *plugin_dir;                  /* NULL: none but the linked ones                     */
	const struct plugin *const *linked;      /* see struct plugins_options; NULL: none             */
};

/*
 * main thread. The caller sets core.log, .bus, .helpers and .main_loop, and zeroes the rest, before load_config().
 */
struct load {
	struct core core;                        /* .services are load_services()'s                    */
	config_saw *saw;                         /* is told of each file before it is read; NULL: nobody */
	void *saw_arg;
	struct config *config;                   /* `daemon` borrows from it                           */
	struct daemon_settings daemon;
	struct plugins *plugins;
	struct crypto *crypto;
	struct settings *settings;
};

/* Lines of a log also to somebody who asked for what they tell of; NULL without memory. */
struct load_tee {
	struct log *log;
	const struct log_context *to;
	void (*say)(void *arg, const char *line);        /* may be NULL */
	void *arg;
};
int load_tee_open(struct load_tee *tee, const struct log_context *to, enum log_level level, void (*say)(void *arg, const char *line),
		  void *arg) MUST_CHECK;
void load_tee_close(struct load_tee *tee);

/*
 * First: config and daemon. The plugins that read configuration are loaded for this alone, since the configuration says
 * how the others are to be loaded. Every fault of these is logged with what to do.
 */
int load_config(struct load *load, const struct load_options *options) MUST_CHECK;
/* Second: plugins, crypto. Refuses an exchange mode whose table is unsound. */
int load_services(struct load *load, const struct load_options *options) MUST_CHECK;
/* After that: what came of a plugin; false when there is none of that name. */
bool load_find_plugin(const struct load *load, const char *name, struct plugin_status *out) MUST_CHECK;
/* Third: settings. */
int load_settings(struct load *load) MUST_CHECK;
/* Frees what was loaded; the core's other members stay the caller's. */
void load_free(struct load *load);

/* What a file says now. */
struct load_fresh {
	struct config *config;
	struct daemon_settings daemon;
	struct settings *settings;
};
/* After all of these: the file once more, with the services there are. All of it or nothing. */
int load_again(const struct load *load, const char *file, const struct log_context *log, struct load_fresh *out) MUST_CHECK;
void load_fresh_free(struct load_fresh *fresh);

#endif
