/* SPDX-License-Identifier: MIT */
/* settings_secret.c - reads one <psk>: who a pre-shared key is for, and the key itself from a file that only we may read. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "secret_file.h"
#include "settings_parts.h"

/* The whole of the longest in hex fits, with its prefix and newline. */
enum { PSK_FILE_MAX = 2 * PSK_MAX + 8 };

/* ---- who it is for ---- */

static void id_add(struct check *check, const struct config_node *node, struct psk_settings *psk, struct bytes word)
{
	struct psk_id *id = &psk->ids[psk->id_count];
	char text[IDENTITY_DATA_MAX + 8], why[IDENTITY_WHY_MAX];

	if (word.len >= sizeof(text)) {
		check_error(check, node, "ids: a word has %zu octets, more than %d", word.len, IDENTITY_DATA_MAX);
		return;
	}
	memcpy(text, word.at, word.len);
	text[word.len] = '\0';
	*id = (struct psk_id){ .is_range = address_range_parse(&id->range, text) == 0, .range = id->range };
	int fault = id->is_range ? 0 : identity_parse_as(&id->id, text, psk->match | MATCH_RANGES, why);
	if (!fault)
		psk->id_count++;
	else if (check_is_input(check, fault))
		check_error(check, node, "ids: '%s' is neither an address, prefix, range or %%any nor an identity; %s", text,
			    why[0] ? why : "those are gw.example, user@host, 'C=CH, O=Example, CN=gw' in quotes, keyid:NAME, keyid:0xHEX, "
			    "fqdn:NAME");
}

static void ids_read(struct check *check, const struct config_node *node, struct psk_settings *psk)
{
	const char *list = config_get(node, "ids");
	size_t count = 0;
	struct bytes word;

	for (const char *at = list; at && word_next_quoted(&at, &word);)
		count++;
	if (list && !count)
		check_error(check, node, "ids names nobody; write ids=\"%%any\" for a key that is for everybody");
	if (count > PSK_IDS_MAX)
		check_error(check, node, "ids has %zu words, more than %d; use a range of addresses, or several keys", count,
			    PSK_IDS_MAX);
	if (!count || count > PSK_IDS_MAX)
		return;
	psk->ids = calloc(count, sizeof(*psk->ids));
	if (!psk->ids) {
		check->is_out_of_memory = true;
		return;
	}
	while (word_next_quoted(&list, &word))
		id_add(check, node, psk, word);
}

/* ---- the file ---- */

bool path_make(char out[PATH_MAX], const struct config_node *node, const char *file)
{
	const char *slash = strrchr(node->file, '/');
	int folder = file[0] == '/' || !slash ? 0 : (int)(slash - node->file) + 1;

	return file[0] && snprintf(out, PATH_MAX, "%.*s%s", folder, node->file, file) < PATH_MAX;
}

/* ---- what is in it ---- */

static int hex_digit(uint8_t c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* These decode in place; 0 octets: it is not of that form. */
static size_t hex_decode(uint8_t *text, size_t len)
{
	if (len % 2)
		return 0;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return 0;
		text[i / 2] = (uint8_t)(high << 4 | low);
	}
	return len / 2;
}

static int base64_digit(uint8_t c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* libresolv's b64_pton() is not in every libc, and does not take what strongSwan takes too: no padding. */
static size_t base64_decode(uint8_t *text, size_t len)
{
	uint32_t bits = 0;
	size_t used = 0, digits = len;

	while (digits && len - digits < 2 && text[digits - 1] == '=')
		digits--;
	if (digits % 4 == 1 || (digits < len && len % 4))
		return 0;
	for (size_t i = 0; i < digits; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return 0;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4)
			text[used++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	return used;
}

/* Says what is odd in a secret that is taken as it stands. */
static void text_hints(struct check *check, const struct config_node *node, const char *path, struct bytes line, bool has_more)
{
	if (line.len >= 2 && line.at[0] == '"' && line.at[line.len - 1] == '"')
		check_warn(check, node, "%s: the quotes are taken as part of the secret", path);
	if (isspace(line.at[0]) || isspace(line.at[line.len - 1]))
		check_warn(check, node, "%s: a blank at an end of the line is taken as part of the secret", path);
	if (has_more)
		check_warn(check, node, "%s: only the first line is the secret, and there are more", path);
}

/* The first line, in place: as it stands, or "0x" hex, or "0s" base64. 0: that was complained about. */
static size_t line_decode(struct check *check, const struct config_node *node, const char *path, uint8_t *text, size_t len)
{
	const char *form = len < 2 || text[0] != '0' ? "" : text[1] == 'x' ? "hex" : text[1] == 's' ? "base64" : "";
	size_t decoded = len;

	if (form[0]) {
		memmove(text, text + 2, len - 2);
		decoded = form[0] == 'h' ? hex_decode(text, len - 2) : base64_decode(text, len - 2);
	}
	if (form[0] && !decoded)
		check_error(check, node, "%s begins with 0%c but is not %s; write a secret that really begins so in base64, "
			    "after 0s", path, form[0] == 'h' ? 'x' : 's', form);
	return decoded;
}

static void secret_take(struct check *check, const struct config_node *node, const char *path, struct secret *raw, struct secret *out)
{
	size_t len = raw->len;
	const uint8_t *newline = len ? memchr(raw->at, '\n', len) : NULL;
	size_t line = newline ? (size_t)(newline - raw->at) : len;
	bool has_more = newline && line + 1 < len;

	if (!newline && len == PSK_FILE_MAX) {
		check_error(check, node, "%s: the secret is longer than %d octets", path, PSK_MAX);
		return;
	}
	/* Editors of other systems end lines with CR LF. */
	if (line && newline && raw->at[line - 1] == '\r')
		line--;
	if (!line) {
		check_error(check, node, "%s: the first line is empty, and it should be the secret", path);
		return;
	}
	text_hints(check, node, path, bytes_of(raw->at, line), has_more);
	size_t decoded = line_decode(check, node, path, raw->at, line);
	if (!decoded)
		return;
	if (decoded > PSK_MAX)
		check_error(check, node, "%s: the secret is longer than %d octets", path, PSK_MAX);
	else if (secret_copy(out, bytes_of(raw->at, decoded)))
		check->is_out_of_memory = true;
	if (decoded < PSK_WEAK)
		check_warn(check, node, "%s: a secret of %zu octets can be guessed by who records a handshake; better is "
			   "'openssl rand -base64 24'", path, decoded);
}

void secret_read(struct check *check, const struct config_node *node, struct secret *out)
{
	const char *file = config_get(node, "file");
	AUTO_SECRET raw = { NULL, 0 };
	char path[PATH_MAX], why[WHY_MAX];

	if (!file)
		return;
	if (!path_make(path, node, file)) {
		check_error(check, node, "file '%s' is not a path", file);
		return;
	}
	int fault = secret_file_read(&raw, path, PSK_FILE_MAX, why);
	if (!fault)
		secret_take(check, node, path, &raw, out);
	else if (check_is_input(check, fault))
		check_error(check, node, "%s", why);
}

void settings_secret_files(struct config *config, config_saw *saw, void *arg)
{
	const struct config_node *root = config_root(config);
	char path[PATH_MAX];

	for (size_t i = 0; i < root->child_count; i++) {
		const char *file = strcmp(root->children[i]->name, "psk") == 0 ? config_get(root->children[i], "file") : NULL;

		if (file && path_make(path, root->children[i], file))
			saw(arg, path, false);
		auth_files(root->children[i], saw, arg);
	}
}

void psk_read(struct check *check, const struct config_node *node, struct psk_settings *psk)
{
	psk->node = node;
	psk->match = word_id_match(check, node);
	ids_read(check, node, psk);
	secret_read(check, node, &psk->secret);
}

void psk_free(struct psk_settings *psk)
{
	for (size_t i = 0; i < psk->id_count; i++)
		identity_free(&psk->ids[i].id);
	free(psk->ids);
	secret_free(&psk->secret);
}
