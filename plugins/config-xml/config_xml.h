/* SPDX-License-Identifier: MIT */
/* config_xml.h - what the parts of the plugin share: one load of a file with all that it includes. */
#ifndef KEYFERRY_CONFIG_XML_H
#define KEYFERRY_CONFIG_XML_H
#include <sys/types.h>

#include "config.h"

enum {
	XML_FILE_MAX = 32 * 1024 * 1024, /* octets; some 50,000 connections                     */
	XML_FILES_MAX = 10000,           /* in one configuration                                */
	XML_DEPTH_MAX = 8,               /* of files that include files                         */
	XML_TEXT_MAX = 64 * 1024,        /* octets of text in an element; the language has none */
};

/* A file that is being read, and the one that includes it. */
struct xml_place {
	const char *path;
	dev_t device;
	ino_t inode;
	const struct xml_place *outer;
};

/* one thread */
struct xml_load {
	struct config_builder *into;
	const struct log_context *log;
	bool may_include;
	size_t file_count;
	int fault;                       /* the first; then nothing goes into the builder any more, but errors are looked for */
};

/* Logs "PATH:LINE: <element>: text" and notes the fault. */
void xml_complain(struct xml_load *load, const char *path, unsigned line, const char *element, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* config_xml.c: parses one document into the builder; what it includes comes in its place. */
void xml_document(struct xml_load *load, const struct xml_place *place, struct bytes content);

/*
 * config_xml_files.c: `pattern` is a path or a glob pattern, relative to the file at `place` (NULL: to the working
 * directory, and then no pattern). `line` and `element` ask for it. False when a file that is no pattern does not exist.
 */
bool xml_files(struct xml_load *load, const struct xml_place *place, const char *pattern, unsigned line, const char *element);

#endif
