/* SPDX-License-Identifier: MIT */
/*
 * config.c - builds configuration trees. A snapshot is a chain of memory blocks that nobody writes after it is
 * finished, so that threads share it without a lock and it is given back in one go.
 */
#include "config.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "map.h"

/* Further limits: a million small nodes fit, a file that only wants our memory does not. */
enum { ATTRIBUTES_MAX = 256, OCTETS_MAX = 512 * 1024 * 1024, BLOCK_SIZE = 64 * 1024, BLOCK_SIZE_MAX = 1024 * 1024 };

struct block {
	struct block *before;
	size_t used, size;
	alignas(max_align_t) unsigned char data[];
};

/* any thread */
struct config {
	atomic_size_t refs;
	const struct config_node *root;
	struct block *blocks;            /* all that the tree consists of */
};

/* A name that occurs again and again: of an element, an attribute or a file. */
struct name {
	UT_hash_handle hh;
	char text[];
};

/* The parts of one kind that an open element has so far. */
struct parts {
	void *at;
	size_t count, room;
};

/* An element that is not closed yet. The memory is used again by the next one at the same depth. */
struct frame {
	struct config_node *node;
	struct parts attributes, children, text;
};

/* one thread */
struct config_builder {
	const struct log_context *log;
	config_saw *saw;                 /* or NULL                */
	void *saw_arg;
	struct config *config;
	struct name *names;
	struct frame frames[CONFIG_DEPTH_MAX];
	size_t depth, nodes, octets;
	int fault;                       /* the first; sticky */
};

/* --- complaining -------------------------------------------------------------------------------- */

static void complain(const struct log_context *log, const struct config_node *node, const char *format, va_list values)
{
	char text[LOG_LINE_MAX], element[64];

	vsnprintf(text, sizeof(text), format, values);
	if (node)
		log_line(log, LEVEL_ERROR, "config-error", "%s:%u: <%s>: %s", node->file, node->line,
			 log_escape(element, sizeof(element), bytes_text(node->name)), text);
	else
		log_line(log, LEVEL_ERROR, "config-error", "%s", text);
}

void config_complain(const struct log_context *log, const struct config_node *node, const char *format, ...)
{
	va_list values;

	if (!log_wants(log, LEVEL_ERROR))
		return;
	va_start(values, format);
	complain(log, node, format, values);
	va_end(values);
}

/* Remembers the fault, and says where it was found. */
__attribute__((format(printf, 4, 5)))
static int fail(struct config_builder *builder, const struct config_node *node, int fault, const char *format, ...)
{
	va_list values;

	builder->fault = fault;
	if (!log_wants(builder->log, LEVEL_ERROR))
		return fault;
	va_start(values, format);
	complain(builder->log, node, format, values);
	va_end(values);
	return fault;
}

/* After allocate(), which has named the limit if it was that. */
static int fail_memory(struct config_builder *builder, const struct config_node *node)
{
	return builder->fault ? builder->fault : fail(builder, node, FAULT_MEMORY, "%s", fault_text(FAULT_MEMORY));
}

/* --- memory ------------------------------------------------------------------------------------- */

static struct block *block_add(struct config *config, size_t least)
{
	size_t size = config->blocks ? config->blocks->size * 2 : BLOCK_SIZE;
	struct block *block;

	if (size > BLOCK_SIZE_MAX)
		size = BLOCK_SIZE_MAX;
	if (size < least)
		size = least;
	block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;
	block->before = config->blocks;
	block->used = 0;
	block->size = size;
	config->blocks = block;
	return block;
}

/* NULL without memory, and, with the fault set, when this would be more than OCTETS_MAX. */
static void *allocate(struct config_builder *builder, size_t len, size_t align)
{
	struct block *block = builder->config->blocks;
	size_t at = block ? (block->used + align - 1) / align * align : 0;

	if (len > OCTETS_MAX - builder->octets) {
		fail(builder, NULL, FAULT_FULL, "the configuration is larger than %d octets", OCTETS_MAX);
		return NULL;
	}
	if (!block || at > block->size || block->size - at < len) {
		block = block_add(builder->config, len);
		at = 0;
	}
	if (!block)
		return NULL;
	block->used = at + len;
	builder->octets += len;
	return block->data + at;
}

static const char *keep_text(struct config_builder *builder, const char *text, size_t len)
{
	char *copy = allocate(builder, len + 1, 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

/* One copy of each name, however often it occurs. */
static const char *keep_name(struct config_builder *builder, const char *text)
{
	size_t len = strlen(text);
	struct name *name;

	HASH_FIND(hh, builder->names, text, len, name);
	if (name)
		return name->text;
	name = allocate(builder, sizeof(*name) + len + 1, alignof(struct name));
	if (!name)
		return NULL;
	memcpy(name->text, text, len + 1);
	/* Without memory for the table the name is kept all the same, only not shared. */
	HASH_ADD_KEYPTR(hh, builder->names, name->text, len, name);
	return name->text;
}

static void *parts_add(struct parts *parts, size_t count, size_t size)
{
	if (parts->room - parts->count < count) {
		size_t room = parts->room * 2 + count + 16;
		void *more = realloc(parts->at, room * size);

		if (!more)
			return NULL;
		parts->at = more;
		parts->room = room;
	}
	parts->count += count;
	return (char *)parts->at + (parts->count - count) * size;
}

/* Moves the parts into the snapshot; NULL without memory. */
static const void *keep_parts(struct config_builder *builder, const struct parts *parts, size_t size)
{
	void *copy = allocate(builder, parts->count * size, alignof(max_align_t));

	if (copy && parts->count)
		memcpy(copy, parts->at, parts->count * size);
	return copy;
}

/* --- snapshots ---------------------------------------------------------------------------------- */

struct config *config_ref(struct config *config)
{
	if (config)
		atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
	return config;
}

void config_unref(struct config *config)
{
	struct block *block;

	if (!config || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) > 1)
		return;
	while ((block = config->blocks)) {
		config->blocks = block->before;
		free(block);
	}
	free(config);
}

const struct config_node *config_root(const struct config *config)
{
	return config->root;
}

const char *config_get(const struct config_node *node, const char *name)
{
	for (size_t i = 0; i < node->attribute_count; i++)
		if (strcmp(node->attributes[i].name, name) == 0)
			return node->attributes[i].value;
	return NULL;
}

/* --- building ----------------------------------------------------------------------------------- */

struct config_builder *config_builder_new(const struct log_context *log)
{
	struct config_builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return NULL;
	builder->log = log;
	builder->config = calloc(1, sizeof(*builder->config));
	if (!builder->config) {
		free(builder);
		return NULL;
	}
	atomic_init(&builder->config->refs, 1);
	return builder;
}

void config_builder_free(struct config_builder *builder)
{
	if (!builder)
		return;
	HASH_CLEAR(hh, builder->names);
	for (size_t i = 0; i < CONFIG_DEPTH_MAX; i++) {
		free(builder->frames[i].attributes.at);
		free(builder->frames[i].children.at);
		free(builder->frames[i].text.at);
	}
	config_unref(builder->config);
	free(builder);
}

void config_builder_observe(struct config_builder *builder, config_saw *saw, void *arg)
{
	builder->saw = saw;
	builder->saw_arg = arg;
}

void config_file(struct config_builder *builder, const char *path, bool is_pattern)
{
	if (builder->saw)
		builder->saw(builder->saw_arg, path, is_pattern);
}

/* The innermost open element, or NULL. */
static struct frame *top(struct config_builder *builder)
{
	return builder->depth ? &builder->frames[builder->depth - 1] : NULL;
}

/* Whether another element may follow here; `asked` says what and where, for the line that says why not. */
static int check_open(struct config_builder *builder, const struct config_node *asked)
{
	if (builder->depth == CONFIG_DEPTH_MAX)
		return fail(builder, asked, FAULT_FULL, "elements are nested more than %d deep", CONFIG_DEPTH_MAX);
	if (builder->nodes == CONFIG_NODES_MAX)
		return fail(builder, asked, FAULT_FULL, "there are more than %d elements", CONFIG_NODES_MAX);
	if (builder->depth == 0 && builder->config->root)
		return fail(builder, asked, FAULT_INPUT, "there is an outermost element already, <%s> in line %u",
			    builder->config->root->name, builder->config->root->line);
	return 0;
}

int config_open(struct config_builder *builder, const char *element, const char *file, unsigned line)
{
	struct config_node asked = { .name = element, .file = file, .line = line, .text = "" };
	struct frame *outer = top(builder);

	if (builder->fault || check_open(builder, &asked))
		return builder->fault;
	struct config_node *node = allocate(builder, sizeof(*node), alignof(struct config_node));
	struct config_node **place = outer && node ? parts_add(&outer->children, 1, sizeof(node)) : NULL;
	if (!node || (outer && !place))
		return fail_memory(builder, &asked);
	*node = asked;
	node->name = keep_name(builder, element);
	node->file = keep_name(builder, file);
	if (!node->name || !node->file)
		return fail_memory(builder, &asked);
	if (outer)
		*place = node;
	else
		builder->config->root = node;
	struct frame *frame = &builder->frames[builder->depth++];
	frame->node = node;
	frame->attributes.count = frame->children.count = frame->text.count = 0;
	builder->nodes++;
	return 0;
}

int config_attribute(struct config_builder *builder, const char *name, const char *value)
{
	struct frame *frame = top(builder);

	if (builder->fault)
		return builder->fault;
	if (!frame)
		return fail(builder, NULL, FAULT_INPUT, "attribute \"%s\" is outside of all elements", name);
	struct config_attribute *attribute = frame->attributes.at;
	for (size_t i = 0; i < frame->attributes.count; i++)
		if (strcmp(attribute[i].name, name) == 0)
			return fail(builder, frame->node, FAULT_EXISTS, "attribute \"%s\" is there twice", name);
	if (frame->attributes.count == ATTRIBUTES_MAX)
		return fail(builder, frame->node, FAULT_FULL, "there are more than %d attributes", ATTRIBUTES_MAX);
	attribute = parts_add(&frame->attributes, 1, sizeof(*attribute));
	if (!attribute)
		return fail_memory(builder, frame->node);
	attribute->name = keep_name(builder, name);
	attribute->value = keep_text(builder, value, strlen(value));
	return attribute->name && attribute->value ? 0 : fail_memory(builder, frame->node);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int config_text(struct config_builder *builder, const char *text)
{
	struct frame *frame = top(builder);

	if (builder->fault)
		return builder->fault;
	/* What is in front of the text is not kept, so that an indented file costs nothing. */
	while ((!frame || frame->text.count == 0) && is_blank(*text))
		text++;
	size_t len = strlen(text);
	if (len == 0)
		return 0;
	if (!frame)
		return fail(builder, NULL, FAULT_INPUT, "there is text outside of all elements");
	if (len > OCTETS_MAX - frame->text.count)
		return fail(builder, frame->node, FAULT_FULL, "the text is longer than %d octets", OCTETS_MAX);
	char *place = parts_add(&frame->text, len, 1);
	if (!place)
		return fail_memory(builder, frame->node);
	memcpy(place, text, len);
	return 0;
}

int config_close(struct config_builder *builder)
{
	struct frame *frame = top(builder);

	if (builder->fault)
		return builder->fault;
	if (!frame)
		return fail(builder, NULL, FAULT_INPUT, "more elements are closed than were opened");
	struct config_node *node = frame->node;
	const char *text = frame->text.at;
	size_t len = frame->text.count;
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	node->text = len ? keep_text(builder, text, len) : "";
	node->attributes = keep_parts(builder, &frame->attributes, sizeof(struct config_attribute));
	node->attribute_count = frame->attributes.count;
	node->children = keep_parts(builder, &frame->children, sizeof(struct config_node *));
	node->child_count = frame->children.count;
	if (!node->text || !node->attributes || !node->children)
		return fail_memory(builder, node);
	builder->depth--;
	return 0;
}

int config_builder_finish(struct config_builder *builder, struct config **out)
{
	int fault = builder->fault;

	*out = NULL;
	if (!fault && builder->depth)
		fault = fail(builder, top(builder)->node, FAULT_INPUT, "the element is not closed");
	else if (!fault && !builder->config->root)
		fault = fail(builder, NULL, FAULT_INPUT, "the configuration is empty");
	if (!fault) {
		*out = builder->config;
		builder->config = NULL;
	}
	config_builder_free(builder);
	return fault;
}
