/* SPDX-License-Identifier: MIT */
/* fetch_ldif.c - libcurl tells what LDAP finds as LDIF (RFC 2849): "DN: ...", then "<TAB>NAME: VALUE" or "<TAB>NAME:: BASE64" a line. */
#include <sys/types.h>
/* These want the types of the one above. */
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>

#include "fetch_parts.h"

/* The line of the first attribute without its tab, ended by '\0' in place of its newline; NULL: there is none. */
static char *find_line(char *data, size_t len)
{
	char *end = data + len;

	for (char *line = data; line < end;) {
		char *newline = memchr(line, '\n', (size_t)(end - line));

		if (!newline)
			return NULL;
		*newline = '\0';
		/* An attribute without a value has nothing behind its colon. */
		if (line[0] == '\t' && strchr(line, ':'))
			return line + 1;
		line = newline + 1;
	}
	return NULL;
}

int ldif_value(uint8_t *data, size_t len, size_t *value_len)
{
	char *line = find_line((char *)data, len);

	if (!line)
		return FAULT_NOT_FOUND;
	char *value = strchr(line, ':') + 1;
	bool is_base64 = value[0] == ':';
	value += is_base64;
	value += strspn(value, " ");
	if (!is_base64) {
		*value_len = strlen(value);
		memmove(data, value, *value_len);
		return *value_len > 0 ? 0 : FAULT_NOT_FOUND;
	}
	/* It writes three octets for four that it has read, so it may write over what it reads. */
	int got = b64_pton(value, data, len);
	*value_len = got > 0 ? (size_t)got : 0;
	return got > 0 ? 0 : got == 0 ? FAULT_NOT_FOUND : FAULT_INPUT;
}
