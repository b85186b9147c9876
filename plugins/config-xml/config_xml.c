/* SPDX-License-Identifier: MIT */
/*
 * config_xml.c - reads the configuration from XML with libxml2. The document passes by as events, straight into the
 * builder: no tree, no DTD and so no entities, no network, and the exact line of every element. What elements mean is
 * checked above all sources of configuration (charon-like/settings.h).
 */
#include "config_xml.h"

#include <ctype.h>
#include <libxml/parser.h>
#include <libxml/uri.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "plugin.h"

#define NAMESPACE "urn:keyferry:1"
#define XINCLUDE "http://www.w3.org/2001/XInclude"

/* libxml2 made it const in 2.12. */
#if LIBXML_VERSION >= 21200
typedef const xmlError *error_argument;
#else
typedef xmlErrorPtr error_argument;
#endif

/* A document that is being parsed. */
struct document {
	struct xml_load *load;
	const struct xml_place *place;
	xmlParserCtxtPtr parser;
	struct bytes content;
	size_t counted;                  /* octets in which lines were counted ...                  */
	unsigned line;                   /* ... and the line after them                             */
	size_t depth;                    /* open elements                                           */
	size_t ignored;                  /* the depth from which nothing is looked at; 0: none      */
	size_t include;                  /* the depth of the <include> we are in; 0: none           */
	unsigned include_line;
	char *missing;                   /* the file it did not find                                */
	char *text;
	size_t text_len;
	bool is_given_up;                /* an error of syntax was said; more would only follow from it */
};

/* One attribute as libxml2 hands it over. */
struct attribute {
	const xmlChar *name, *prefix, *uri, *value, *end;
};

/* ---- complaining ---- */

void xml_complain(struct xml_load *load, const char *path, unsigned line, const char *element, const char *format, ...)
{
	char text[LOG_LINE_MAX / 2], place[32] = "";
	va_list values;

	if (!load->fault)
		load->fault = FAULT_INPUT;
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (line)
		snprintf(place, sizeof(place), ":%u", line);
	if (log_wants(load->log, LEVEL_ERROR))
		log_line(load->log, LEVEL_ERROR, "config-error", "%s%s: %s%s%s%s", path, place, element ? "<" : "",
			 element ? element : "", element ? ">: " : "", text);
}

static void note(struct document *d, int fault)
{
	if (fault && !d->load->fault)
		d->load->fault = fault;
}

/* The line where the tag in hand begins: libxml2's own is that of its end, and 65535 at most. */
static unsigned tag_line(struct document *d)
{
	long consumed = xmlByteConsumed(d->parser);
	size_t at = consumed < 0 || (size_t)consumed > d->content.len ? d->content.len : (size_t)consumed;

	/* An attribute's value has no '<' (XML 1.0 3.1). */
	while (at > 0 && (at == d->content.len || d->content.at[at] != '<'))
		at--;
	if (at < d->counted) {
		d->counted = 0;
		d->line = 1;
	}
	for (; d->counted < at; d->counted++)
		d->line += d->content.at[d->counted] == '\n';
	return d->line;
}

/* ---- text ---- */

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static void text_end(struct document *d)
{
	if (!d->text)
		return;
	if (!is_blank(d->text) && (d->include || (d->depth == 1 && d->place->outer)))
		xml_complain(d->load, d->place->path, d->include ? d->include_line : d->line, d->include ? "include" : "keyferry",
			     "no text may stand here");
	else if (!is_blank(d->text) && !d->load->fault)
		note(d, config_text(d->load->into, d->text));
	free(d->text);
	d->text = NULL;
	d->text_len = 0;
}

static void on_text(void *user, const xmlChar *at, int len)
{
	struct document *d = ((xmlParserCtxtPtr)user)->_private;

	/* Blanks between elements are most of a file; the builder would leave them out too. */
	while (!d->text && len > 0 && strchr(" \t\r\n", *at))
		at++, len--;
	if (d->ignored || len <= 0)
		return;
	if (d->text_len + (size_t)len > XML_TEXT_MAX) {
		xml_complain(d->load, d->place->path, tag_line(d), NULL, "the text of an element is longer than %d octets",
			     XML_TEXT_MAX);
		xmlStopParser(d->parser);
		d->is_given_up = true;
		return;
	}
	char *more = realloc(d->text, d->text_len + (size_t)len + 1);
	if (!more) {
		note(d, FAULT_MEMORY);
		return;
	}
	memcpy(more + d->text_len, at, (size_t)len);
	d->text = more;
	d->text_len += (size_t)len;
	d->text[d->text_len] = '\0';
}

/* ---- includes ---- */

/* XInclude names files by a URI reference; only those of this machine are read. NULL: complained about. */
static char *href_path(struct document *d, const char *href)
{
	const char *path = strncasecmp(href, "file://", 7) == 0 ? href + 7 : href;
	size_t scheme = strcspn(path, ":/?#*[");

	if (path[scheme] == ':' || strncmp(path, "//", 2) == 0 || (path != href && path[0] != '/')) {
		xml_complain(d->load, d->place->path, d->include_line, "include", "'%s' is not a file of this machine", href);
		return NULL;
	}
	char *decoded = xmlURIUnescapeString(path, 0, NULL);
	if (!decoded)
		note(d, FAULT_MEMORY);
	return decoded;
}

static void include_run(struct document *d, const char *pattern)
{
	if (!d->load->may_include) {
		xml_complain(d->load, d->place->path, d->include_line, "include", "no files are included here");
	} else if (!xml_files(d->load, d->place, pattern, d->include_line, "include")) {
		d->missing = strdup(pattern);
		if (!d->missing)
			note(d, FAULT_MEMORY);
	}
}

static void include_start(struct document *d, const struct attribute *attributes, size_t count, bool is_xinclude)
{
	const char *wanted = is_xinclude ? "href" : "files";
	char *pattern = NULL;
	bool is_named = false;

	for (size_t i = 0; i < count; i++) {
		const struct attribute *a = &attributes[i];
		char *value = strndup((const char *)a->value, (size_t)(a->end - a->value));
		bool is_wanted = !a->uri && strcmp((const char *)a->name, wanted) == 0;

		is_named = is_named || is_wanted;
		if (!value)
			note(d, FAULT_MEMORY);
		else if (is_wanted)
			pattern = is_xinclude ? href_path(d, value) : strdup(value);
		else if (!is_xinclude || a->uri || strcmp((const char *)a->name, "parse") != 0 || strcmp(value, "xml") != 0)
			xml_complain(d->load, d->place->path, d->include_line, "include", "unknown attribute %s=\"%s\"; there is: "
				     "%s=\"FILE or PATTERN\"", (const char *)a->name, value, wanted);
		free(value);
	}
	if (pattern)
		include_run(d, pattern);
	else if (!is_named)
		xml_complain(d->load, d->place->path, d->include_line, "include", "attribute '%s' is missing", wanted);
	if (is_xinclude)
		xmlFree(pattern);
	else
		free(pattern);
}

/* In <xi:include> there may be an empty <xi:fallback/>: then the file may be missing. */
static void include_inner(struct document *d, const xmlChar *name, const xmlChar *uri)
{
	bool is_fallback = uri && strcmp((const char *)uri, XINCLUDE) == 0 && strcmp((const char *)name, "fallback") == 0;

	if (!is_fallback || d->depth != d->include + 1) {
		xml_complain(d->load, d->place->path, tag_line(d), (const char *)name,
			     "in <include> there is nothing but an empty fallback of XInclude");
		return;
	}
	free(d->missing);
	d->missing = NULL;
}

static void include_end(struct document *d)
{
	text_end(d);
	d->include = 0;
	if (d->missing)
		xml_complain(d->load, d->place->path, d->include_line, "include", "there is no file '%s'", d->missing);
	free(d->missing);
	d->missing = NULL;
}

/* ---- elements ---- */

static void root_start(struct document *d, const xmlChar *name, const xmlChar *uri, unsigned line, size_t attribute_count)
{
	const char *path = d->place->path, *element = (const char *)name;

	if (!uri || strcmp((const char *)uri, NAMESPACE) != 0)
		xml_complain(d->load, path, line, element, "the outermost element must be <keyferry xmlns=\"%s\">", NAMESPACE);
	else if (strcmp(element, "keyferry") != 0)
		xml_complain(d->load, path, line, element, "the outermost element must be <keyferry>");
	else if (d->place->outer && attribute_count)
		xml_complain(d->load, path, line, element, "no attribute may stand here");
	else
		return;
	d->ignored = d->depth;
}

static void attributes_add(struct document *d, const char *element, unsigned line, const struct attribute *attributes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct attribute *a = &attributes[i];

		if (a->uri) {
			xml_complain(d->load, d->place->path, line, element, "attribute '%s:%s' is of another namespace",
				     a->prefix ? (const char *)a->prefix : "", (const char *)a->name);
			continue;
		}
		char *value = strndup((const char *)a->value, (size_t)(a->end - a->value));
		if (!value)
			note(d, FAULT_MEMORY);
		else if (!d->load->fault)
			note(d, config_attribute(d->load->into, (const char *)a->name, value));
		free(value);
	}
}

/* True when it was one, in its place or not. */
static bool special_start(struct document *d, const xmlChar *name, const xmlChar *uri, unsigned line,
			  const struct attribute *attributes, size_t count)
{
	bool is_xinclude = uri && strcmp((const char *)uri, XINCLUDE) == 0;
	bool is_ours = uri && strcmp((const char *)uri, NAMESPACE) == 0;
	const char *element = (const char *)name;

	if (is_ours && strcmp(element, "include") != 0)
		return false;
	d->ignored = d->depth;
	if ((!is_ours && !is_xinclude) || strcmp(element, "include") != 0) {
		xml_complain(d->load, d->place->path, line, element, "this element is not of the namespace %s", NAMESPACE);
	} else if (d->depth != 2) {
		xml_complain(d->load, d->place->path, line, element, "this element stands in <keyferry> only");
	} else {
		d->ignored = 0;
		d->include = d->depth;
		d->include_line = line;
		include_start(d, attributes, count, is_xinclude);
	}
	return true;
}

static void on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespace_count,
		     const xmlChar **namespaces, int attribute_count, int defaulted, const xmlChar **attributes)
{
	struct document *d = ((xmlParserCtxtPtr)user)->_private;
	const struct attribute *list = (const void *)attributes;
	size_t count = attribute_count > 0 ? (size_t)attribute_count : 0;

	(void)prefix, (void)namespace_count, (void)namespaces, (void)defaulted;
	if (d->ignored) {
		d->depth++;
		return;
	}
	text_end(d);
	d->depth++;
	if (d->include) {
		include_inner(d, name, uri);
		return;
	}
	unsigned line = tag_line(d);
	if (d->depth == 1)
		root_start(d, name, uri, line, count);
	if (d->ignored || (d->depth == 1 && d->place->outer))
		return;
	if (special_start(d, name, uri, line, list, count))
		return;
	if (!d->load->fault)
		note(d, config_open(d->load->into, (const char *)name, d->place->path, line));
	attributes_add(d, (const char *)name, line, list, count);
}

static void on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct document *d = ((xmlParserCtxtPtr)user)->_private;
	size_t depth = d->depth;

	(void)name, (void)prefix, (void)uri;
	if (!d->ignored)
		text_end(d);
	d->depth--;
	if (d->ignored) {
		if (d->ignored == depth)
			d->ignored = 0;
	} else if (d->include) {
		if (d->include == depth)
			include_end(d);
	} else if (!d->load->fault && !(depth == 1 && d->place->outer)) {
		note(d, config_close(d->load->into));
	}
}

/* ---- what is refused ---- */

/* Without a DTD there are no entities to blow up and no files to pull in. */
static void on_doctype(void *user, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	struct document *d = ((xmlParserCtxtPtr)user)->_private;

	(void)name, (void)external, (void)system;
	if (!d->is_given_up)
		xml_complain(d->load, d->place->path, tag_line(d), NULL, "a DOCTYPE, and with it entities, are refused; the schema is "
			     "keyferry.rng");
	d->is_given_up = true;
	xmlStopParser(d->parser);
}

static void on_error(void *user, error_argument error)
{
	struct document *d = ((xmlParserCtxtPtr)user)->_private;
	const char *text = error->message ? error->message : "";

	if (d->is_given_up || error->level < XML_ERR_ERROR)
		return;
	d->is_given_up = true;
	if (error->code == XML_ERR_NO_MEMORY)
		note(d, FAULT_MEMORY);
	xml_complain(d->load, d->place->path, error->line > 0 ? (unsigned)error->line : 1, NULL, "this is not well-formed XML: %.*s",
		     (int)strcspn(text, "\n"), text);
}

/* ---- one document ---- */

/* RFC 3629 is what editors write; others would need a conversion that hides where an octet stood. */
static bool is_utf8_start(struct bytes content)
{
	for (size_t i = 0; i < content.len && i < 4; i++)
		if (content.at[i] == 0 || content.at[i] >= 0xfe)
			return false;
	return true;
}

static void document_parse(struct document *d)
{
	static const xmlSAXHandler handler = {
		.initialized = XML_SAX2_MAGIC,
		.internalSubset = on_doctype,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.serror = (xmlStructuredErrorFunc)on_error,
	};

	*d->parser->sax = handler;
	d->parser->_private = d;
	/*
	 * Events only, so there is no document; what a parser of DTDs would have made is freed all the same. UTF-8 named as the encoding would
	 * be converted to itself, and then xmlByteConsumed() is wrong for all but the last 32000 octets.
	 */
	xmlFreeDoc(xmlCtxtReadMemory(d->parser, (const char *)d->content.at, (int)d->content.len, d->place->path, NULL,
				     XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_BIG_LINES));
	if (!d->parser->wellFormed && !d->is_given_up)
		xml_complain(d->load, d->place->path, d->line, NULL, "not well-formed");
}

void xml_document(struct xml_load *load, const struct xml_place *place, struct bytes content)
{
	struct document d = { .load = load, .place = place, .content = content, .line = 1 };

	if (!is_utf8_start(content)) {
		xml_complain(load, place->path, 1, NULL, "this is not UTF-8; save it as that");
		return;
	}
	if (content.len >= 3 && memcmp(content.at, "\xef\xbb\xbf", 3) == 0)
		d.content = bytes_of(content.at + 3, content.len - 3);
	if (d.content.len == 0 || d.content.len > INT_MAX) {
		xml_complain(load, place->path, 1, NULL, "the file is empty");
		return;
	}
	d.parser = xmlNewParserCtxt();
	if (!d.parser) {
		note(&d, FAULT_MEMORY);
		return;
	}
	document_parse(&d);
	xmlFreeParserCtxt(d.parser);
	free(d.text);
	free(d.missing);
}

/* ---- the service ---- */

static bool handles(const char *uri)
{
	size_t len = strlen(uri);

	return len > 4 && strcasecmp(uri + len - 4, ".xml") == 0;
}

static int load_file(void *state, const char *uri, struct config_builder *into, const struct log_context *log)
{
	struct xml_load load = { .into = into, .log = log, .may_include = true };

	(void)state;
	if (!xml_files(&load, NULL, uri, 0, NULL))
		xml_complain(&load, uri, 0, NULL, "there is no such file");
	return load.fault;
}

static int start(struct core *core, const struct config_node *settings, void **state)
{
	(void)core, (void)settings, (void)state;
	xmlInitParser();
	return 0;
}

static const struct config_source source = {
	.name = "xml",
	.handles = handles,
	.load = load_file,
};

static const struct service services[] = {
	{ SERVICE_CONFIG, "xml", &source },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "config-xml",
	.summary = "reads the configuration from XML files",
	.provides = services,
	.start = start,
};
