/* SPDX-License-Identifier: MIT */
/* settings_words.c - single values of a configuration: numbers, durations, words of a list, names; and how to complain. */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "settings_parts.h"

enum { HINT_MAX = 256 };

/* ---- complaining ---- */

void check_error(struct check *check, const struct config_node *node, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list values;

	check->errors++;
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	config_complain(check->log, node, "%s", text);
}

void check_warn(struct check *check, const struct config_node *node, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	/* Without a code: repeats of one code are only counted, and each of these says something else. */
	log_warn(check->log, "%s:%u: <%s>: %s", node->file, node->line, node->name, text);
}

bool check_is_input(struct check *check, int fault)
{
	if (fault == FAULT_MEMORY)
		check->is_out_of_memory = true;
	return fault && fault != FAULT_MEMORY;
}

int check_result(const struct check *check)
{
	if (check->errors)
		return FAULT_INPUT;
	return check->is_out_of_memory ? FAULT_MEMORY : 0;
}

/* ---- lists of words ---- */

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

bool word_next(const char **list, struct bytes *word)
{
	const char *at = *list, *end;

	while (is_separator(*at))
		at++;
	for (end = at; *end && !is_separator(*end); end++)
		;
	*word = bytes_of(at, (size_t)(end - at));
	*list = end;
	return end > at;
}

bool word_next_quoted(const char **list, struct bytes *word)
{
	const char *at = *list;

	while (is_separator(*at))
		at++;
	const char *end = *at == '\'' || *at == '"' ? strchr(at + 1, *at) : NULL;
	if (!end)
		return word_next(list, word);
	*word = bytes_of(at + 1, (size_t)(end - at) - 1);
	*list = end + 1;
	return true;
}

const char *words_join(char *out, size_t size, const char *const *words)
{
	size_t used = 0;

	out[0] = '\0';
	for (; *words && used < size; words++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", *words);
	return out;
}

const char *words_hint(char *out, size_t size, const char *word, const char *const *words)
{
	const char *nearest = config_nearest(word, words);
	char all[HINT_MAX];

	if (nearest)
		snprintf(out, size, "did you mean '%s'?", nearest);
	else
		snprintf(out, size, "there is: %s", words_join(all, sizeof(all), words));
	return out;
}

size_t word_choice(struct check *check, const struct config_node *node, const char *attribute, const char *const *words,
		   size_t fallback)
{
	const char *value = config_get(node, attribute);
	char hint[HINT_MAX];

	for (size_t i = 0; value && words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	if (value)
		check_error(check, node, "unknown %s '%s'; %s", attribute, value,
			    words_hint(hint, sizeof(hint), value, words));
	return fallback;
}

unsigned word_set(struct check *check, const struct config_node *node, const char *attribute, const char *const *words)
{
	const char *list = config_get(node, attribute);
	char text[HINT_MAX], hint[HINT_MAX];
	struct bytes word;
	unsigned set = 0;

	while (list && word_next(&list, &word)) {
		size_t i = 0;

		while (words[i] && !bytes_equal(bytes_text(words[i]), word))
			i++;
		if (words[i]) {
			set |= 1U << i;
			continue;
		}
		snprintf(text, sizeof(text), "%.*s", (int)word.len, (const char *)word.at);
		check_error(check, node, "unknown %s '%s'; %s", attribute, text, words_hint(hint, sizeof(hint), text, words));
	}
	return set;
}

unsigned word_id_match(struct check *check, const struct config_node *node)
{
	/* In the order of the bits of enum identity_match. */
	static const char *const words[] = { "wildcards", "reordered", NULL };

	return word_set(check, node, "id-match", words);
}

/* ---- numbers ---- */

/* Digits up to the first other character, which `end` points to; false for none. What no limit of ours allows becomes the largest. */
static bool number_parse(const char *text, uint64_t *out, const char **end)
{
	const char *at = text;

	for (*out = 0; *at >= '0' && *at <= '9'; at++) {
		*out = *out * 10 + (uint64_t)(*at - '0');
		if (*out > LIFETIME_BYTES_MAX)
			*out = LIFETIME_BYTES_MAX + 1;
	}
	*end = at;
	return at > text;
}

uint32_t word_number(struct check *check, const struct config_node *node, const struct number_rule *rule)
{
	const char *value = config_get(node, rule->attribute), *end;
	uint64_t number;

	if (!value)
		return rule->fallback;
	if (!number_parse(value, &number, &end) || *end) {
		check_error(check, node, "%s '%s' is not a number", rule->attribute, value);
		return rule->fallback;
	}
	if (number >= rule->min && number <= rule->max)
		return (uint32_t)number;
	check_error(check, node, "%s '%s' must be from %u to %u", rule->attribute, value, rule->min, rule->max);
	return rule->fallback;
}

static uint32_t unit_seconds(const char *unit)
{
	static const struct {
		char name;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };

	for (size_t i = 0; unit[0] && !unit[1] && i < COUNT(units); i++)
		if (units[i].name == unit[0])
			return units[i].seconds;
	return unit[0] ? 0 : 1;
}

uint32_t word_seconds(struct check *check, const struct config_node *node, const struct number_rule *rule)
{
	const char *value = config_get(node, rule->attribute), *end;
	uint64_t number;

	if (!value)
		return rule->fallback;
	uint32_t unit = number_parse(value, &number, &end) ? unit_seconds(end) : 0;
	if (!unit) {
		check_error(check, node, "%s '%s' is not a duration; write 3600s, 60m, 8h, 1d, or plain seconds",
			    rule->attribute, value);
		return rule->fallback;
	}
	if (number * unit >= rule->min && number * unit <= rule->max)
		return (uint32_t)(number * unit);
	check_error(check, node, "%s '%s' must be from %us to %us", rule->attribute, value, rule->min, rule->max);
	return rule->fallback;
}

uint64_t word_size(struct check *check, const struct config_node *node, const struct size_rule *rule)
{
	static const char units[] = "KMGT";
	const char *value = config_get(node, rule->attribute), *end = "";
	const char *unit = NULL;
	uint64_t number = 0;

	if (!value)
		return 0;
	bool is_size = number_parse(value, &number, &end);
	if (is_size && *end) {
		unit = strchr(units, *end);
		is_size = unit && !end[1];
	}
	if (!is_size) {
		check_error(check, node, "%s '%s' is not a size; write 1000000, 500K, 512M, 4G or 1T", rule->attribute, value);
		return 0;
	}
	for (int step = 0; unit && step <= unit - units && number <= LIFETIME_BYTES_MAX; step++)
		number *= 1024;
	if (number >= rule->min && number <= rule->max)
		return number;
	check_error(check, node, "%s '%s' must be from %" PRIu64 " to %" PRIu64, rule->attribute, value, rule->min, rule->max);
	return 0;
}

/* ---- names ---- */

/* Names stand in log lines, on command lines and in the environment of scripts, so they are plain. */
bool word_is_name(const char *word)
{
	size_t len = strlen(word);

	if (len == 0 || len > NAME_WORD_MAX || !isalnum((unsigned char)word[0]))
		return false;
	for (const char *c = word; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	return true;
}

/* RFC 1123 2.1: the last label has a letter in front, or a mistyped address would be a name. */
bool word_is_host_name(const char *word)
{
	const char *label = word;

	if (strlen(word) > 253)
		return false;
	for (const char *c = word; *c; c++) {
		if (*c == '.' && c[1]) {
			if (c == label)
				return false;
			label = c + 1;
		} else if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && *c != '.') {
			return false;
		}
	}
	return isalpha((unsigned char)*label);
}

const char *range_fault(char *out, size_t size, const char *text)
{
	char host[ADDRESS_TEXT_MAX];
	size_t len = strcspn(text, "/");
	struct address a;

	if (text[len] && len < sizeof(host)) {
		memcpy(host, text, len);
		host[len] = '\0';
		unsigned long prefix;
		if (address_parse(&a, host) == 0 && address_number(text + len + 1, address_len(a.family) * 8, &prefix)) {
			snprintf(out, size, "has bits set behind the prefix of %lu; write the network's own address, or "
				 "%s for that host alone", prefix, host);
			return out;
		}
	}
	snprintf(out, size, "is not an address (192.0.2.1, 2001:db8::1), prefix (10.1.0.0/16) or range "
		 "(10.1.0.1-10.1.0.9)");
	return out;
}
