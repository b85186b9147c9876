/* SPDX-License-Identifier: MIT */
/*
 * settings_grammar.c - which elements and attributes may stand where, for every source of configuration. The schema
 * of the XML form, plugins/config-xml/keyferry.rng, says the same; a test compares the two.
 */
#include <stdio.h>

#include "settings_parts.h"

enum { LIST_MAX = 256 };

/* A child that an element needs, and why. */
struct child_need {
	const char *name, *why;
};

/* All lists end with NULL. */
struct element_rule {
	const char *name;
	const char *const *attributes;      /* NULL: any                                            */
	const char *const *required;        /* attributes                                           */
	const char *const *children;
	const char *const *once;            /* children that may not be repeated                    */
	const struct child_need *needs;     /* ends with a NULL name                                */
	const char *no_text;                /* why text content is refused, when that has a reason  */
};

static const char *const nothing[] = { NULL };

static const struct child_need no_needs[] = { { NULL, NULL } };

static const struct child_need connection_needs[] = {
	{ "remote", "for anybody, write <remote address=\"%any\"/>" },
	{ "child", "a connection without one protects nothing" },
	{ NULL, NULL },
};

static const char psk_no_text[] =
	"the secret does not belong into the configuration, which others may read: write it into a file of its own, "
	"say 'chmod 600 FILE', and name that with file=\"FILE\"";

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct element_rule rules[] = {
	{
		.name = "keyferry",
		.attributes = nothing,
		.required = nothing,
		.children = WORDS("daemon", "plugin", "connection", "shunt", "psk", "ca"),
		.once = WORDS("daemon"),
		.needs = no_needs,
	}, {
		.name = "daemon",
		.attributes = WORDS("crypto", "shards", "kernel", "port", "nat-port", "log-level", "log-format",
				    "half-open-max", "half-open-seconds", "sas-max", "retransmit-tries", "retransmit-first-ms",
				    "skip-plugins", "watch"),
		.required = nothing,
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	}, {
		.name = "plugin",
		.attributes = NULL,
		.required = WORDS("name"),
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	}, {
		.name = "connection",
		.attributes = WORDS("name", "keep", "encap", "dpd", "unique"),
		.required = WORDS("name"),
		.children = WORDS("local", "remote", "phase1", "child"),
		.once = WORDS("local", "remote", "phase1"),
		.needs = connection_needs,
	}, {
		.name = "local",
		.attributes = WORDS("address", "id", "key", "passphrase-file", "cert", "send-cert"),
		.required = nothing,
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	}, {
		.name = "remote",
		.attributes = WORDS("address", "id", "id-match", "port", "public-key", "cert", "ca"),
		.required = WORDS("address"),
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	}, {
		.name = "phase1",
		.attributes = WORDS("mode", "auth", "proposals", "lifetime"),
		.required = nothing,
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	}, {
		.name = "child",
		.attributes = WORDS("name", "local", "remote", "mode", "protocol", "proposals", "lifetime", "lifetime-bytes",
				    "lifetime-packets", "replay-window", "mtu", "compress", "mark", "if-id", "interface",
				    "interface-address", "routes", "reqid", "priority", "copy-dscp", "copy-ecn", "copy-df", "offload"),
		.required = WORDS("name"),
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	}, {
		.name = "shunt",
		.attributes = WORDS("name", "action", "local", "remote"),
		.required = WORDS("name", "action", "remote"),
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	}, {
		.name = "psk",
		.attributes = WORDS("ids", "id-match", "file"),
		.required = WORDS("ids", "file"),
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
		.no_text = psk_no_text,
	}, {
		.name = "ca",
		.attributes = WORDS("name", "file", "crl", "ocsp", "revocation"),
		.required = WORDS("name", "file"),
		.children = nothing,
		.once = nothing,
		.needs = no_needs,
	},
};

static bool has_word(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static const struct element_rule *rule_find(const char *element)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		if (strcmp(rules[i].name, element) == 0)
			return &rules[i];
	return NULL;
}

/* The elements that have an attribute (or, with `of_children`, a child element) of this name: "<phase1>, <child>". */
static const char *owners(char *out, size_t size, const char *word, bool of_children)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < COUNT(rules) && used < size; i++) {
		const char *const *words = of_children ? rules[i].children : rules[i].attributes;

		if (words && has_word(words, word))
			used += (size_t)snprintf(out + used, size - used, "%s<%s>", used ? ", " : "", rules[i].name);
	}
	return used ? out : NULL;
}

static void unknown_attribute(struct check *check, const struct config_node *node, const struct element_rule *rule,
			      const char *name)
{
	const char *nearest = config_nearest(name, rule->attributes);
	char text[LIST_MAX];

	if (rule->no_text && strcmp(name, "secret") == 0)
		check_error(check, node, "attribute 'secret': %s", rule->no_text);
	else if (nearest)
		check_error(check, node, "unknown attribute '%s'; did you mean '%s'?", name, nearest);
	else if (owners(text, sizeof(text), name, false))
		check_error(check, node, "attribute '%s' does not belong here but to %s", name, text);
	else if (!rule->attributes[0])
		check_error(check, node, "unknown attribute '%s'; this element has none", name);
	else
		check_error(check, node, "unknown attribute '%s'; there is: %s", name,
			    words_join(text, sizeof(text), rule->attributes));
}

static void attributes_check(struct check *check, const struct config_node *node, const struct element_rule *rule)
{
	for (size_t i = 0; rule->attributes && i < node->attribute_count; i++)
		if (!has_word(rule->attributes, node->attributes[i].name))
			unknown_attribute(check, node, rule, node->attributes[i].name);
	for (const char *const *name = rule->required; *name; name++)
		if (!config_get(node, *name))
			check_error(check, node, "attribute '%s' is missing", *name);
	if (node->text[0])
		check_error(check, node, "%s", rule->no_text ? rule->no_text : "no text may stand here");
}

void grammar_check_attributes(struct check *check, const struct config_node *node)
{
	const struct element_rule *rule = rule_find(node->name);

	if (rule)
		attributes_check(check, node, rule);
}

static void unknown_element(struct check *check, const struct config_node *parent, const struct config_node *node,
			    const struct element_rule *rule)
{
	const char *nearest = config_nearest(node->name, rule->children);
	char text[LIST_MAX];

	if (nearest)
		check_error(check, node, "unknown element in <%s>; did you mean <%s>?", parent->name, nearest);
	else if (owners(text, sizeof(text), node->name, true))
		check_error(check, node, "this element does not belong into <%s> but into %s", parent->name, text);
	else if (!rule->children[0])
		check_error(check, node, "unknown element; nothing stands in <%s>", parent->name);
	else
		check_error(check, node, "unknown element in <%s>; there is: %s", parent->name,
			    words_join(text, sizeof(text), rule->children));
}

static void once_check(struct check *check, const struct config_node *node, const char *name)
{
	const struct config_node *first = NULL;

	for (size_t i = 0; i < node->child_count; i++) {
		const struct config_node *child = node->children[i];

		if (strcmp(child->name, name) != 0)
			continue;
		if (first)
			check_error(check, child, "there is one already, at %s:%u", first->file, first->line);
		else
			first = child;
	}
}

/* Elements are as deep as the rules nest, whatever the tree: what is unknown is not entered. */
static void element_check(struct check *check, const struct config_node *node, const struct element_rule *rule)
{
	attributes_check(check, node, rule);
	for (size_t i = 0; i < node->child_count; i++) {
		const struct config_node *child = node->children[i];

		if (!has_word(rule->children, child->name))
			unknown_element(check, node, child, rule);
		/* <daemon> is daemon_settings_read()'s: it is needed before there are plugins. */
		else if (strcmp(child->name, "daemon") != 0)
			element_check(check, child, rule_find(child->name));
	}
	for (const char *const *name = rule->once; *name; name++)
		once_check(check, node, *name);
	for (const struct child_need *need = rule->needs; need->name; need++)
		if (!node_child(node, need->name))
			check_error(check, node, "there is no <%s> in it; %s", need->name, need->why);
}

void grammar_check(struct check *check, const struct config_node *root)
{
	if (strcmp(root->name, rules[0].name) != 0)
		check_error(check, root, "the outermost element must be <%s>", rules[0].name);
	else
		element_check(check, root, &rules[0]);
}
