/* SPDX-License-Identifier: MIT */
/* daemon_reload.c - reads the configuration again, or its secrets alone, and puts it in force: whole or not at all. */
#include "daemon_private.h"

#include <errno.h>

#include "fit.h"

/* ---- files that change ---- */

static void saw_file(void *arg, const char *path, bool is_pattern)
{
	file_watch_add(arg, path, is_pattern);
}

static void file_changed(void *arg, const char *name)
{
	struct daemon *d = arg;
	char text[256];

	log_info(log_root(d->log), "%s has changed: the configuration is read again", log_escape(text, sizeof(text), bytes_text(name)));
	reload_by_itself(d);
}

/* Whether it is wanted is known only after the reading, and then it would be too late. */
void watch_begin(struct daemon *d)
{
	if (!d->files)
		d->files = file_watch_new(d->loop, file_changed, d);
	d->files_error = d->files ? 0 : errno;
	d->load.saw = d->files ? saw_file : NULL;
	d->load.saw_arg = d->files;
	if (d->files)
		file_watch_begin(d->files);
}

void watch_end(struct daemon *d, bool is_wanted, bool keep)
{
	d->load.saw = NULL;
	if (!is_wanted) {
		file_watch_free(d->files);
		d->files = NULL;
		return;
	}
	if (d->files)
		d->files_error = file_watch_end(d->files, keep);
	if (d->files_error)
		log_at(log_root(d->log), LEVEL_WARN, "file-watch", "changes of %s files will not be noticed: %s%s", d->files ? "some" : "the",
		       strerror(d->files_error), d->files_error == ENOSPC ? "; raise fs.inotify.max_user_watches with sysctl" : "");
}

/* ---- what changed ---- */

static bool same_words(const char *const *a, const char *const *b)
{
	while (a && b && *a && *b && strcmp(*a, *b) == 0)
		a++, b++;
	return (!a || !*a) && (!b || !*b);
}

/* What is decided once, at start. */
static void tell_what_waits(const struct daemon *d, const struct daemon_settings *new, const struct log_context *log)
{
	const struct daemon_settings *old = &d->load.daemon;

	if (old->shards != new->shards || old->port != new->port || old->nat_port != new->nat_port || old->log_json != new->log_json ||
	    strcmp(old->kernel, new->kernel) != 0 || !same_words(old->crypto, new->crypto) ||
	    !same_words(old->plugins_skip, new->plugins_skip) || old->half_open_max != new->half_open_max || old->sas_max != new->sas_max ||
	    old->half_open_seconds != new->half_open_seconds || old->retransmit_tries != new->retransmit_tries ||
	    old->retransmit_first_ms != new->retransmit_first_ms)
		log_at(log, LEVEL_WARN, "needs-restart", "<daemon> has changed: but for log-level and watch, that is heeded at the next start of keyferryd");
}

static int put_in_force(struct daemon *d, struct settings *settings, const struct log_context *log)
{
	int fault = fit_settings(settings, d->engine.kernel, log);

	if (fault)
		return fault;
	/* Shards before intents: what is started or ended next has to find the new, and that its interfaces. */
	fault = net_set_interfaces(d, settings);
	if (!fault)
		fault = engine_set_settings(d, settings);

	if (!fault)
		fault = shunts_install(d->shunts, settings);
	if (!fault)
		fault = intents_apply(d->intents, settings);
	if (fault) {
		log_error(log, "the new configuration cannot be used: %s", fault_text(fault));
		/* Those that have it already get the old one back. */
		if (net_set_interfaces(d, d->load.settings) != 0 || engine_set_settings(d, d->load.settings) != 0 ||
		    shunts_install(d->shunts, d->load.settings) != 0)
			log_error(log, "and the old one is not in force everywhere: restart keyferryd");
		return fault;
	}
	shunts_sweep(d->shunts);
	settings_unref(d->load.settings);
	d->load.settings = settings_ref(settings);
	expiry_begin(d);
	return 0;
}

static int take_over(struct daemon *d, struct load_fresh *fresh, const struct log_context *log)
{
	int fault = put_in_force(d, fresh->settings, log);

	if (fault)
		return fault;
	if (d->options.log_level < 0)
		log_set_level(d->log, fresh->daemon.log_level);
	tell_what_waits(d, &fresh->daemon, log);
	size_t count = settings_connection_count(fresh->settings);
	log_info(log, "the configuration was read again: %zu connection%s", count, count == 1 ? "" : "s");
	return 0;
}

/* ---- reading again ---- */

int daemon_reload(struct daemon *daemon, void (*say)(void *to, const char *line), void *to)
{
	bool is_watching = daemon->files != NULL;
	struct load_fresh fresh;
	struct load_tee tee;
	int fault = load_tee_open(&tee, log_root(daemon->log), LEVEL_INFO, say, to);

	if (fault)
		return fault;
	watch_begin(daemon);
	fault = load_again(&daemon->load, daemon->options.load.config_file, log_root(tee.log), &fresh);
	bool is_wanted = fault ? is_watching : fresh.daemon.watch;
	if (!fault) {
		fault = take_over(daemon, &fresh, log_root(tee.log));
		load_fresh_free(&fresh);
	}
	watch_end(daemon, is_wanted, fault != 0);
	load_tee_close(&tee);
	return fault;
}

void reload_by_itself(struct daemon *d)
{
	if (daemon_reload(d, NULL, NULL) != 0)
		log_line(log_root(d->log), LEVEL_ERROR, "reload-failed", "the configuration is the one from before: what is wrong with the new one stands above");
}

int daemon_reload_secrets(struct daemon *daemon, void (*say)(void *to, const char *line), void *to)
{
	struct load *load = &daemon->load;
	struct settings *fresh;
	struct load_tee tee;
	int fault = load_tee_open(&tee, log_root(daemon->log), LEVEL_INFO, say, to);

	if (fault)
		return fault;
	fault = settings_again(&fresh, load->settings, load->crypto, load->core.services, log_root(tee.log));
	if (!fault)
		fault = put_in_force(daemon, fresh, log_root(tee.log));
	if (!fault)
		log_info(log_root(tee.log), "the secrets were read again");
	settings_unref(fresh);
	load_tee_close(&tee);
	return fault;
}
