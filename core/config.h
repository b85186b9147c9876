/* SPDX-License-Identifier: MIT */
/*
 * config.h - configuration as an immutable, reference-counted tree in which every element and attribute
 * knows its file and line. Sources (config-xml, ...) fill a builder; what the words mean is checked above
 * (charon-like/settings.h), so that all sources are checked alike.
 */
#ifndef KEYFERRY_CONFIG_H
#define KEYFERRY_CONFIG_H
#include "bytes.h"
#include "log.h"

struct config_attribute {
	const char *name, *value;
};

/* Read-only; lives as long as its snapshot. Lines count from 1. */
struct config_node {
	const char *name;                /* element name without prefix                     */
	const char *file;
	unsigned line;
	const struct config_attribute *attributes;
	size_t attribute_count;
	const struct config_node *const *children;
	size_t child_count;
	const char *text;                /* text content without surrounding blanks, "" if none */
};

struct config;                           /* a snapshot; any thread                          */

struct config *config_ref(struct config *config);
void config_unref(struct config *config);
const struct config_node *config_root(const struct config *config);
/* Value of an attribute, or NULL. */
const char *config_get(const struct config_node *node, const char *name);

/* Limits a hostile or broken file cannot pass; an error names them. */
enum { CONFIG_DEPTH_MAX = 16, CONFIG_NODES_MAX = 1000000 };

struct config_builder;                   /* one thread                                      */

struct config_builder *config_builder_new(const struct log_context *log) MUST_CHECK;
void config_builder_free(struct config_builder *builder);
/* `saw` is called for each file that a source is about to read or look for, so that changes can be followed. */
typedef void config_saw(void *arg, const char *path, bool is_pattern);
void config_builder_observe(struct config_builder *builder, config_saw *saw, void *arg);
/* The source's part: also of files that are not there. A pattern is glob()'s; the files that fit it are told of too. */
void config_file(struct config_builder *builder, const char *path, bool is_pattern);
/* Copies. A fault is sticky: config_builder_finish() returns it too. */
int config_open(struct config_builder *builder, const char *element, const char *file, unsigned line);
int config_attribute(struct config_builder *builder, const char *name, const char *value);
int config_text(struct config_builder *builder, const char *text);
int config_close(struct config_builder *builder);
/* One snapshot or nothing; the builder is freed either way. */
int config_builder_finish(struct config_builder *builder, struct config **out) MUST_CHECK;

/* Logs "FILE:LINE: <element>: text" at level error with code "config-error". */
void config_complain(const struct log_context *log, const struct config_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The word of the list (NULL-terminated) nearest to `word`, or NULL when none is near enough to be meant. */
const char *config_nearest(const char *word, const char *const *words);

/* SERVICE_CONFIG: a plugin that reads one kind of source. */
struct config_source {
	const char *name;
	bool (*handles)(const char *uri);        /* "/etc/keyferry/keyferry.xml"            */
	/* Fills the builder or logs every error found and returns a fault. */
	int (*load)(void *state, const char *uri, struct config_builder *into, const struct log_context *log);
};

#endif
