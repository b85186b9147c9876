/* SPDX-License-Identifier: MIT */
/* names.c - the names of numbers, made from the lists in names.h so that number and name cannot differ. */
#include "names.h"

#include <stdio.h>

struct name {
	unsigned number;
	const char *text;
};

#define ROW(word, number, text) { number, text },
static const struct name payloads[] = { PAYLOAD_LIST(ROW) };
static const struct name exchanges[] = { EXCHANGE_LIST(ROW) };
static const struct name notifies[] = { NOTIFY_LIST(ROW) };
static const struct name id_types[] = { ID_LIST(ROW) };

static const char *name_of(const struct name *names, size_t count, unsigned number, char out[NAME_TEXT_MAX])
{
	for (size_t i = 0; i < count; i++)
		if (names[i].number == number)
			return names[i].text;
	snprintf(out, NAME_TEXT_MAX, "%u", number);
	return out;
}

const char *payload_name(char out[NAME_TEXT_MAX], unsigned number)
{
	return name_of(payloads, COUNT(payloads), number, out);
}

const char *exchange_name(char out[NAME_TEXT_MAX], unsigned number)
{
	return name_of(exchanges, COUNT(exchanges), number, out);
}

const char *notify_name(char out[NAME_TEXT_MAX], unsigned number)
{
	return name_of(notifies, COUNT(notifies), number, out);
}

const char *id_type_name(char out[NAME_TEXT_MAX], unsigned number)
{
	return name_of(id_types, COUNT(id_types), number, out);
}
