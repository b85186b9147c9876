/* SPDX-License-Identifier: MIT */
/* settings_daemon.c - reads <daemon>: what the daemon must know before it loads plugins. */
#include <stdlib.h>
#include <unistd.h>

#include "settings_parts.h"

static unsigned shards_default(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores < SHARDS_AUTO_MAX ? (unsigned)cores : SHARDS_AUTO_MAX;
}

static void defaults(struct daemon_settings *d)
{
	*d = (struct daemon_settings){
		.shards = shards_default(),
		.port = IKE_PORT,
		.nat_port = IKE_NAT_PORT,
		.log_level = LEVEL_INFO,
		.kernel = "auto",
		.half_open_max = HALF_OPEN_DEFAULT,
		.half_open_seconds = HALF_OPEN_SECONDS,
		.sas_max = SAS_DEFAULT,
		.retransmit_tries = RETRANSMIT_TRIES,
		.retransmit_first_ms = RETRANSMIT_FIRST_MS,
	};
}

/* One block: the pointers, NULL, and the words behind them. NULL without memory. */
static const char *const *words_split(const char *list)
{
	size_t count = 0;
	struct bytes word;

	for (const char *at = list; word_next(&at, &word);)
		count++;
	const char **words = calloc(1, (count + 1) * sizeof(*words) + strlen(list) + 1);
	char *text = words ? (char *)(words + count + 1) : NULL;
	for (size_t i = 0; words && word_next(&list, &word); i++) {
		memcpy(text, word.at, word.len);
		words[i] = text;
		text += word.len + 1;
	}
	return words;
}

static const char *const *names_read(struct check *check, const struct config_node *node, const char *attribute)
{
	const char *list = config_get(node, attribute);

	if (!list)
		return NULL;
	const char *const *words = words_split(list);
	if (!words)
		check->is_out_of_memory = true;
	else if (!words[0])
		check_error(check, node, "%s names nothing; leave the attribute out", attribute);
	for (size_t i = 0; words && words[i]; i++)
		if (!word_is_name(words[i]))
			check_error(check, node, "%s: '%s' is not a name", attribute, words[i]);
	return words;
}

static void numbers_read(struct check *check, const struct config_node *node, struct daemon_settings *d)
{
	const struct number_rule shards = { "shards", d->shards, 1, SHARDS_MAX };
	static const struct number_rule port = { "port", IKE_PORT, 1, UINT16_MAX };
	static const struct number_rule nat_port = { "nat-port", IKE_NAT_PORT, 1, UINT16_MAX };
	static const struct number_rule half_open = { "half-open-max", HALF_OPEN_DEFAULT, 1, HALF_OPEN_LIMIT };
	static const struct number_rule sas = { "sas-max", SAS_DEFAULT, 1, SAS_LIMIT };
	static const struct number_rule seconds = { "half-open-seconds", HALF_OPEN_SECONDS, 1, HALF_OPEN_SECONDS_MAX };
	static const struct number_rule tries = { "retransmit-tries", RETRANSMIT_TRIES, 0, RETRANSMIT_TRIES_MAX };
	static const struct number_rule first = { "retransmit-first-ms", RETRANSMIT_FIRST_MS, RETRANSMIT_FIRST_MS_MIN,
						  RETRANSMIT_FIRST_MS_MAX };
	const char *shards_word = config_get(node, "shards");

	if (!shards_word || strcmp(shards_word, "auto") != 0)
		d->shards = word_number(check, node, &shards);
	d->port = (uint16_t)word_number(check, node, &port);
	d->nat_port = (uint16_t)word_number(check, node, &nat_port);
	d->half_open_max = word_number(check, node, &half_open);
	d->sas_max = word_number(check, node, &sas);
	d->half_open_seconds = word_seconds(check, node, &seconds);
	d->retransmit_tries = word_number(check, node, &tries);
	d->retransmit_first_ms = word_number(check, node, &first);
	/* Only the NAT port has the marker that tells IKE from ESP (RFC 3948 2.2). */
	if (d->port == d->nat_port)
		check_error(check, node, "port and nat-port are both %u; they must differ", d->port);
}

static void daemon_read(struct check *check, const struct config_node *node, struct daemon_settings *d)
{
	static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
	static const char *const formats[] = { "text", "json", NULL };
	static const char *const yes_no[] = { "no", "yes", NULL };

	grammar_check_attributes(check, node);
	for (size_t i = 0; i < node->child_count; i++)
		check_error(check, node->children[i], "unknown element; nothing stands in <daemon>");
	d->log_level = (enum log_level)word_choice(check, node, "log-level", levels, LEVEL_INFO);
	d->log_json = word_choice(check, node, "log-format", formats, 0) == 1;
	d->watch = word_choice(check, node, "watch", yes_no, 0) == 1;
	d->crypto = names_read(check, node, "crypto");
	d->plugins_skip = names_read(check, node, "skip-plugins");
	if (config_get(node, "kernel"))
		d->kernel = config_get(node, "kernel");
	if (!word_is_name(d->kernel)) {
		check_error(check, node, "kernel '%s' is not a name; write auto, or what 'keyferry plugins' lists as kernel",
			    d->kernel);
		d->kernel = "auto";
	}
	numbers_read(check, node, d);
}

int daemon_settings_read(struct daemon_settings *out, struct config *config, const struct log_context *log)
{
	const struct config_node *node = node_child(config_root(config), "daemon");
	struct check check = { .log = log };

	defaults(out);
	if (node)
		daemon_read(&check, node, out);
	return check_result(&check);
}

void daemon_settings_free(struct daemon_settings *d)
{
	free((void *)d->crypto);
	free((void *)d->plugins_skip);
	d->crypto = d->plugins_skip = NULL;
}
