/* SPDX-License-Identifier: MIT */
/* vectors.c - the reader of the files of known answers, whose format stands at the top of each of them. */
#include "vectors.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static void field_add(struct vector_field *field, uint8_t octet)
{
	if (field->len == field->size) {
		field->size = field->size ? 2 * field->size : 64;
		field->at = realloc(field->at, field->size);
		if (!field->at)
			abort();
	}
	field->at[field->len++] = octet;
}

static void field_repeat(struct vector_field *field, size_t from, unsigned long times)
{
	size_t len = field->len - from;

	for (unsigned long i = 1; i < times; i++)
		for (size_t k = 0; k < len; k++)
			field_add(field, field->at[from + k]);
}

/* False: not a value. */
static bool field_value(struct vector_field *field, const char *text)
{
	size_t from = field->len;

	for (const char *p = text; *p;) {
		char pair[3] = { p[0], p[1], 0 };
		char *end;

		if (isspace((unsigned char)*p)) {
			p++;
		} else if (*p == '"') {
			for (p++; *p && *p != '"'; p++)
				field_add(field, (uint8_t)*p);
			if (!*p)
				return false;
			p++;
		} else if (*p == '*') {
			field_repeat(field, from, strtoul(p + 1, &end, 10));
			p = end;
		} else if (isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1])) {
			field_add(field, (uint8_t)strtoul(pair, NULL, 16));
			p += 2;
		} else {
			return false;
		}
	}
	return true;
}

static bool is_word(const struct vector_field *field)
{
	return strcmp(field->name, "alg") == 0 || strcmp(field->name, "refused") == 0;
}

static bool vector_line(struct vector *vector, char *line)
{
	struct vector_field *field = &vector->fields[vector->count];

	line[strcspn(line, "\n")] = 0;
	if (isspace((unsigned char)line[0]))
		return vector->count > 0 && field_value(&vector->fields[vector->count - 1], line);
	char *equals = strchr(line, '=');
	size_t name = strcspn(line, " =");
	if (!equals || vector->count == VECTOR_FIELDS_MAX || name >= sizeof(field->name))
		return false;
	*field = (struct vector_field){ .text = strdup(equals + 1 + strspn(equals + 1, " ")) };
	if (!field->text)
		abort();
	memcpy(field->name, line, name);
	vector->count++;
	return is_word(field) || field_value(field, field->text);
}

static int vector_end(struct vector *vector,
		      void (*each)(const struct vector *vector, const char *alg, void *arg),
		      void *arg)
{
	int calls = 0;
	char *rest = NULL;

	if (vector->count > 0)
		for (char *alg = strtok_r(vector->fields[0].text, " ", &rest); alg;
		     alg = strtok_r(NULL, " ", &rest)) {
			each(vector, alg, arg);
			calls++;
		}
	for (size_t i = 0; i < vector->count; i++) {
		free(vector->fields[i].text);
		free(vector->fields[i].at);
	}
	vector->count = 0;
	return calls;
}

int vectors_read(const char *file,
		 void (*each)(const struct vector *vector, const char *alg, void *arg), void *arg)
{
	struct vector vector = { .file = file };
	const char *top = getenv("TOP_SRCDIR");
	char path[512], line[4096];
	int calls = 0, number = 0;
	bool ok = true;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s", top ? top : ".", file);
	FILE *in = fopen(path, "re");
	if (!in) {
		printf("%s: cannot be read; TOP_SRCDIR is to say where the sources are\n", path);
		return -1;
	}
	while (ok && fgets(line, sizeof(line), in)) {
		number++;
		if (line[0] == '\n') {
			calls += vector_end(&vector, each, arg);
		} else if (line[0] != '#') {
			if (vector.count == 0)
				vector.line = (unsigned)number;
			ok = vector_line(&vector, line);
		}
	}
	if (!ok)
		printf("%s:%d: this line is not understood\n", path, number);
	calls += vector_end(&vector, each, arg);
	fclose(in);
	return ok ? calls : -1;
}

static const struct vector_field *field_find(const struct vector *vector, const char *name)
{
	for (size_t i = 0; i < vector->count; i++)
		if (strcmp(vector->fields[i].name, name) == 0)
			return &vector->fields[i];
	return NULL;
}

struct bytes vector_bytes(const struct vector *vector, const char *name)
{
	const struct vector_field *field = field_find(vector, name);

	return field ? bytes_of(field->at, field->len) : bytes_of(NULL, 0);
}

bool vector_says(const struct vector *vector, const char *name, const char *text)
{
	const struct vector_field *field = field_find(vector, name);

	return field && strcmp(field->text, text) == 0;
}
