/* SPDX-License-Identifier: MIT */
/* settings_parts.h - what the files that make up settings share among themselves; everybody else uses settings.h. */
#ifndef KEYFERRY_SETTINGS_PARTS_H
#define KEYFERRY_SETTINGS_PARTS_H
#include <limits.h>
#include <stdatomic.h>

#include "settings.h"

/* ---- lookup.c: keys to what was added under them, in the order in which it was added ---- */

struct lookup_item {
	struct lookup_item *next;
	const void *at;
};
struct lookup {
	struct lookup_slot *slots;
};
int lookup_add(struct lookup *lookup, struct bytes key, const void *item) MUST_CHECK;
const struct lookup_item *lookup_find(const struct lookup *lookup, struct bytes key);
void lookup_free(struct lookup *lookup);

/* ---- the settings ---- */

/* A range of addresses, or a pattern, that a key is for. */
struct psk_range {
	const struct psk_settings *psk;
	const struct psk_id *id;
};

struct settings {
	atomic_size_t refs;
	struct config *config;
	struct connection_settings *connections;
	size_t connection_count;
	struct shunt_settings *shunts;
	size_t shunt_count;
	struct psk_settings *psks;
	size_t psk_count;
	struct ca_settings *cas;
	size_t ca_count;
	struct lookup names;                     /* connections                                      */
	struct lookup hosts;                     /* connections with a single remote host            */
	const struct connection_settings **ranges; /* the others, the most specific first            */
	size_t range_count;
	struct lookup psk_ids;                   /* keys by the identities and hosts they name       */
	struct psk_range *psk_ranges;            /* the narrowest first                              */
	size_t psk_range_count;
	struct psk_range *psk_patterns;          /* ids that name more than one identity, in order   */
	size_t psk_pattern_count;
};

/* ---- one run of checking: everything that is wrong is said, then the whole is refused ---- */

struct check {
	const struct log_context *log;
	const struct crypto *crypto;             /* NULL: proposals are not looked at                */
	const struct services *services;         /* NULL: plugins are not looked for                 */
	size_t errors;
	bool is_out_of_memory;
};

void check_error(struct check *check, const struct config_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_warn(struct check *check, const struct config_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Notes a fault that is not the input's; true for one that is. */
bool check_is_input(struct check *check, int fault);
int check_result(const struct check *check);

/* settings_grammar.c: elements and attributes that may stand where. Values are read below. */
void grammar_check(struct check *check, const struct config_node *root);
void grammar_check_attributes(struct check *check, const struct config_node *node);

/* settings_words.c: single values. They complain, and return the fallback for what is missing or wrong. */
struct number_rule {
	const char *attribute;
	uint32_t fallback, min, max;
};
uint32_t word_number(struct check *check, const struct config_node *node, const struct number_rule *rule);
/* "90", "90s", "30m", "8h", "1d", in seconds. */
uint32_t word_seconds(struct check *check, const struct config_node *node, const struct number_rule *rule);
/* "1000000", "512M", "4G": K, M, G, T are powers of 1024. 0 when it is not there. */
struct size_rule {
	const char *attribute;
	uint64_t min, max;
};
uint64_t word_size(struct check *check, const struct config_node *node, const struct size_rule *rule);
/* Index of the attribute's value in `words`, which ends with NULL. */
size_t word_choice(struct check *check, const struct config_node *node, const char *attribute, const char *const *words,
		   size_t fallback);
/* A list of words as bits, 1 << the index in `words`, which ends with NULL; 0 when it is not there. */
unsigned word_set(struct check *check, const struct config_node *node, const char *attribute, const char *const *words);
/* "wildcards reordered": enum identity_match. */
unsigned word_id_match(struct check *check, const struct config_node *node);
bool word_is_name(const char *word);
bool word_is_host_name(const char *word);
/* Cuts the next word off a list with blanks or commas between; false at its end. */
bool word_next(const char **list, struct bytes *word);
/* The same, but a word may stand in quotes, single or double, and then hold all but that quote. One that is not closed ends the list. */
bool word_next_quoted(const char **list, struct bytes *word);
/* Writes the words with ", " between, as far as they fit. Returns `out`. */
const char *words_join(char *out, size_t size, const char *const *words);
/* "; did you mean 'X'?" or, when nothing is near, "; there is: A, B". Returns `out`. */
const char *words_hint(char *out, size_t size, const char *word, const char *const *words);
/* Says in a clause what is wrong with an address, prefix or range. */
const char *range_fault(char *out, size_t size, const char *text);

/* settings_connection.c, settings_child.c, settings_shunt.c, settings_secret.c: elements. They fill what they can. */
void connection_read(struct check *check, const struct config_node *node, struct connection_settings *c);
void child_read(struct check *check, const struct config_node *node, struct child_settings *child);
void children_check(struct check *check, const struct connection_settings *c);
void shunt_read(struct check *check, const struct config_node *node, struct shunt_settings *shunt);
/* settings_options.c: what <child> asks of the kernel's own IPsec. */
void options_read(struct check *check, const struct config_node *node, struct child_settings *child);
void options_cross_check(struct check *check, const struct settings *s);
void psk_read(struct check *check, const struct config_node *node, struct psk_settings *psk);
/* settings_auth.c: keys and certificates. */
void auth_local_read(struct check *check, const struct config_node *node, struct connection_settings *c);
void auth_remote_read(struct check *check, const struct config_node *node, struct connection_settings *c);
void auth_free(struct connection_settings *c);
void ca_read(struct check *check, const struct config_node *node, struct ca_settings *ca);
void ca_free(struct ca_settings *ca);
/* settings_ca.c */
void ca_places_read(struct check *check, const struct config_node *node, struct ca_settings *ca);
void ca_places_free(struct ca_settings *ca);
void auth_cross_check(struct check *check, struct settings *s);
bool auth_same(const struct connection_settings *a, const struct connection_settings *b);
/* Of <connection> or <ca>. */
void auth_files(const struct config_node *node, config_saw *saw, void *arg);
void secret_read(struct check *check, const struct config_node *node, struct secret *out);
/* Relative to the folder of the file that names it. False: no path. */
bool path_make(char out[PATH_MAX], const struct config_node *node, const char *file);
const struct config_node *node_child(const struct config_node *node, const char *name);
void connection_free(struct connection_settings *c);
void psk_free(struct psk_settings *psk);

/* settings_certs.c. */
bool place_is_token(const char *where);
/* The attribute's path or URI of a token. False: it is not there, or that was complained about. */
bool place_read(struct check *check, const struct config_node *node, const char *attribute, char path[PATH_MAX]);
/* Adds those of the attribute's file or token. */
void certs_read(struct check *check, const struct config_node *node, const char *attribute, struct cert_list *out);
/* Refuses those that can vouch for nobody. */
void certs_check_anchors(struct check *check, const struct config_node *node, const struct cert_list *certs);
/* Warns of what peers will not like about ours; `node` names it. */
void certs_check_own(struct check *check, const struct settings *s, const struct connection_settings *c, const struct config_node *node);

/* settings_match.c, settings_psk.c: what finds them. FAULT_MEMORY. */
int match_index(struct settings *s) MUST_CHECK;
int psk_index(struct settings *s) MUST_CHECK;
/* Whether any key could be chosen for the connection's peers once more is known of them. */
bool psk_may_be_for(const struct psk_settings *psk, const struct connection_settings *c);
bool psk_may_fit(const struct settings *s, const struct connection_settings *c);

/* settings_aggressive.c: connections in Aggressive Mode. */
void aggressive_check(struct check *check, const struct settings *s);

/* settings_cross.c: what needs all of them and the plugins. */
void cross_check(struct check *check, struct settings *s);

#endif
