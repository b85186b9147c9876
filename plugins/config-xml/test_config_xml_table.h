/* SPDX-License-Identifier: MIT */
/* test_config_xml_table.h - a broken file: where the error must be said, how, and whether the schema finds it too. */
#ifndef KEYFERRY_TEST_CONFIG_XML_TABLE_H
#define KEYFERRY_TEST_CONFIG_XML_TABLE_H
#include <stdbool.h>
#include <stddef.h>

/* What the schema says: of a file that cannot be parsed nothing; what it cannot know it lets pass. */
enum schema_verdict { SCHEMA_REFUSES, SCHEMA_PASSES, SCHEMA_UNASKED };

struct broken_file {
	const char *text;
	const char *file;          /* that the first error names; NULL: the file itself */
	unsigned line;             /* of the first error                                */
	const char *words;         /* in the log                                        */
	enum schema_verdict schema;
};

extern const struct broken_file broken_files[];
extern const size_t broken_file_count;

#endif
