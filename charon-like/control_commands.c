/* SPDX-License-Identifier: MIT */
/* control_commands.c - the table of commands, what they have in common, and those that are answered at once. */
#include <stdio.h>
#include <stdlib.h>

#include "control_private.h"
#include "status.h"

static void command_version(struct session *session, const char *const *arguments, const json_t *all)
{
	(void)arguments;
	(void)all;
	session_data(session, json_pack("{s:i, s:s, s:i}", "schema", STATUS_SCHEMA, "version", PACKAGE_VERSION,
					"plugin_abi", PLUGIN_ABI));
	session_done(session, NULL);
}

static void command_log_level(struct session *session, const char *const *arguments, const json_t *all)
{
	const struct log_context *log = session->control->host.log;
	int level = log_level_parse(arguments[0]);

	(void)all;
	if (level < 0) {
		session_done(session, "a log level is error, warn, info or debug");
		return;
	}
	log_set_level(log->log, (enum log_level)level);
	log_info(log, "the log's level is %s now", log_level_name((enum log_level)level));
	session_say(session, "the log's level is %s now", log_level_name((enum log_level)level));
	session_done(session, NULL);
}

static void say_line(void *to, const char *line)
{
	session_say(to, "%s", line);
}

static void command_reload(struct session *session, const char *const *arguments, const json_t *all)
{
	struct control_host *host = &session->control->host;

	(void)all;
	if (!arguments[0])
		session_done(session, host->reload(host->arg, say_line, session) ?
				      "the configuration was not changed: what is wrong stands above" : NULL);
	else if (strcmp(arguments[0], "secrets") == 0)
		session_done(session, host->reload_secrets(host->arg, say_line, session) ?
				      "the secrets were not changed: what is wrong stands above" : NULL);
	else
		session_done(session, "usage: reload [secrets]");
}

/* clang-format off */
static const struct command commands[] = {
	{ "up",        "up NAME[/CHILD]",        1, 1, command_up },
	{ "down",      "down NAME[/CHILD]",      1, 1, command_down },
	{ "status",    "status [NAME]",          0, 1, command_status },
	{ "plugins",   "plugins",                0, 0, command_plugins },
	{ "log-level", "log-level LEVEL",        1, 1, command_log_level },
	{ "reload",    "reload [secrets]",       0, 1, command_reload },
	{ "crl",       "crl list|refresh",       1, 1, command_crl },
	{ "version",   "version",                0, 0, command_version },
};
/* clang-format on */

void complain_name(struct session *session, const char *kind, const char *name, const char *const *known)
{
	const char *nearest = config_nearest(name, known);
	char text[4 * COMMAND_NAME_MAX + 64];

	snprintf(text, sizeof(text), "there is no %s \"%.*s\"%s%s%s", kind, COMMAND_NAME_MAX, name,
		 nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	session_done(session, text);
}

static const struct command *find_command(struct session *session, const char *name)
{
	const char *known[COUNT(commands) + 1];

	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		known[i] = commands[i].name;
	}
	known[COUNT(commands)] = NULL;
	complain_name(session, "command", name, known);
	return NULL;
}

/* How many there are, or -1 when they are not a short list of strings. */
static int read_arguments(const json_t *all, const char *out[ARGUMENTS_MAX + 1])
{
	const json_t *list = json_object_get(all, "arguments");
	size_t count = list ? json_array_size(list) : 0;

	if ((list && !json_is_array(list)) || count > ARGUMENTS_MAX)
		return -1;
	for (size_t i = 0; i < count; i++) {
		out[i] = json_string_value(json_array_get(list, i));
		if (!out[i])
			return -1;
	}
	for (size_t i = count; i <= ARGUMENTS_MAX; i++)
		out[i] = NULL;
	return (int)count;
}

void command_run(struct session *session, const json_t *all)
{
	const char *name = json_string_value(json_object_get(all, "command"));
	const char *arguments[ARGUMENTS_MAX + 1];
	int count = read_arguments(all, arguments);
	char usage[64];

	if (!name || count < 0) {
		session_done(session, "a request has a \"command\" and, if need be, \"arguments\": a list of at most four strings");
		return;
	}
	const struct command *command = find_command(session, name);
	if (!command)
		return;
	if ((size_t)count < command->arguments_min || (size_t)count > command->arguments_max) {
		snprintf(usage, sizeof(usage), "usage: %s", command->usage);
		session_done(session, usage);
		return;
	}
	command->run(session, arguments, all);
}

bool split_name(struct session *session, const char *argument, char name[COMMAND_NAME_MAX], char child[COMMAND_NAME_MAX])
{
	const char *slash = strchr(argument, '/');
	size_t name_len = slash ? (size_t)(slash - argument) : strlen(argument);
	size_t child_len = slash ? strlen(slash + 1) : 0;

	if (name_len == 0 || name_len >= COMMAND_NAME_MAX || (slash && child_len == 0) || child_len >= COMMAND_NAME_MAX) {
		session_done(session, "a connection is named as NAME, one of its children as NAME/CHILD");
		return false;
	}
	memcpy(name, argument, name_len);
	name[name_len] = '\0';
	if (slash)
		memcpy(child, slash + 1, child_len);
	child[child_len] = '\0';
	return true;
}

static void complain_connection(struct session *session, const struct settings *settings, const char *name)
{
	size_t count = settings ? settings_connection_count(settings) : 0;
	const char **known = calloc(count + 1, sizeof(*known));

	if (!known) {
		session_done(session, fault_text(FAULT_MEMORY));
		return;
	}
	for (size_t i = 0; i < count; i++)
		known[i] = settings_connection_at(settings, i)->name;
	complain_name(session, "connection", name, known);
	free(known);
}

static void complain_child(struct session *session, const struct connection_settings *c, const char *name)
{
	const char **known = calloc(c->child_count + 1, sizeof(*known));
	char kind[COMMAND_NAME_MAX + 16];

	if (!known) {
		session_done(session, fault_text(FAULT_MEMORY));
		return;
	}
	for (size_t i = 0; i < c->child_count; i++)
		known[i] = c->children[i].name;
	snprintf(kind, sizeof(kind), "child of %.*s", COMMAND_NAME_MAX, c->name);
	complain_name(session, kind, name, known);
	free(known);
}

const struct connection_settings *find_connection(struct session *session, const char *name, const char *child)
{
	struct control_host *host = &session->control->host;
	struct settings *settings = host->settings(host->arg);
	const struct connection_settings *c = settings ? settings_connection(settings, name) : NULL;

	if (!c) {
		complain_connection(session, settings, name);
		return NULL;
	}
	for (size_t i = 0; child[0] && i < c->child_count; i++)
		if (strcmp(c->children[i].name, child) == 0)
			return c;
	if (!child[0])
		return c;
	complain_child(session, c, child);
	return NULL;
}
