/* SPDX-License-Identifier: MIT */
/* fetch_hosts.c - which hosts may be asked: the configured exclusions, and no near address for a URL that a certificate names. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "fetch_parts.h"

static bool is_name(const char *word)
{
	return word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0' &&
	       strpbrk(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static int read_rule(struct host_rule *rule, const char *word)
{
	*rule = (struct host_rule){ 0 };
	if (address_range_parse(&rule->range, word) == 0) {
		rule->is_range = true;
		return 0;
	}
	if (!is_name(word))
		return FAULT_INPUT;
	rule->is_domain = word[0] == '.';
	snprintf(rule->name, sizeof(rule->name), "%s", word);
	return 0;
}

int host_list_read(struct host_list *out, const char *text, char bad[FETCH_HOST_MAX])
{
	static const char blanks[] = " \t\r\n,";
	int fault = 0;

	*out = (struct host_list){ calloc(HOST_RULES_MAX, sizeof(*out->rules)), 0 };
	if (!out->rules)
		return FAULT_MEMORY;
	for (const char *at = text + strspn(text, blanks); *at && !fault; at += strspn(at, blanks)) {
		size_t len = strcspn(at, blanks);

		snprintf(bad, FETCH_HOST_MAX, "%.*s", (int)(len < FETCH_HOST_MAX ? len : FETCH_HOST_MAX), at);
		fault = len >= FETCH_HOST_MAX ? FAULT_INPUT : out->count == HOST_RULES_MAX ? FAULT_FULL : 0;
		if (!fault)
			fault = read_rule(&out->rules[out->count++], bad);
		at += len;
	}
	if (fault)
		host_list_free(out);
	return fault;
}

void host_list_free(struct host_list *list)
{
	free(list->rules);
	*list = (struct host_list){ NULL, 0 };
}

/* ".corp.example" has "ca.corp.example" and "corp.example"; a dot at the end of a name says nothing (RFC 1034 3.1). */
static bool rule_has_name(const struct host_rule *rule, const char *name, size_t len)
{
	size_t rule_len = strlen(rule->name);

	if (rule->is_domain && len >= rule_len)
		return strncasecmp(name + len - rule_len, rule->name, rule_len) == 0;
	const char *whole = rule->name + rule->is_domain;
	return strlen(whole) == len && strncasecmp(name, whole, len) == 0;
}

bool host_list_has_name(const struct host_list *list, const char *name)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '.')
		len--;
	for (size_t i = 0; i < list->count; i++)
		if (!list->rules[i].is_range && rule_has_name(&list->rules[i], name, len))
			return true;
	return false;
}

bool host_list_has_address(const struct host_list *list, const struct address *a)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->rules[i].is_range && address_range_has(&list->rules[i].range, a))
			return true;
	return false;
}

/* RFC 6890 2.2.2: what is not of the whole Internet, but for the private networks, where the authorities of companies are. */
static bool is_near_v4(const uint8_t ip[4])
{
	return ip[0] == 0 || ip[0] == 127 || (ip[0] == 169 && ip[1] == 254) || ip[0] >= 224;
}

bool address_is_near(const struct address *a)
{
	static const uint8_t zeros[12], nat64[12] = { 0x00, 0x64, 0xff, 0x9b }, mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *ip = a->ip;

	if (a->family != AF_INET6)
		return is_near_v4(ip);
	/* ::, ::1, and the IPv4-compatible addresses of old. */
	if (memcmp(ip, zeros, sizeof(zeros)) == 0)
		return true;
	if (memcmp(ip, mapped, sizeof(mapped)) == 0 || memcmp(ip, nat64, sizeof(nat64)) == 0)
		return is_near_v4(ip + 12);
	if (ip[0] == 0x20 && ip[1] == 0x02)
		return is_near_v4(ip + 2);
	return ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

static bool is_near_name(const char *name)
{
	static const struct host_rule local = { .is_domain = true, .name = ".localhost" };
	size_t len = strlen(name);

	/* RFC 6761 6.3; a proxy would look it up, and reach itself. */
	return rule_has_name(&local, name, len > 0 && name[len - 1] == '.' ? len - 1 : len);
}

int host_check(const struct fetch_settings *settings, enum fetch_source source, const char *name, const struct address *a,
	       char why[FETCH_WHY_MAX])
{
	char text[ADDRESS_TEXT_MAX];
	bool is_near = (name && is_near_name(name)) || (a->family && address_is_near(a));
	const char *shown = name ? name : address_host_text(text, a);

	if ((name && host_list_has_name(&settings->exclude, name)) || (a->family && host_list_has_address(&settings->exclude, a))) {
		snprintf(why, FETCH_WHY_MAX, "%s is excluded by exclude=\"...\" of <plugin name=\"fetch-curl\">", shown);
		return FAULT_PERMISSION;
	}
	if (source == FETCH_CONFIGURED || !is_near || (name && host_list_has_name(&settings->allow, name)) ||
	    (a->family && host_list_has_address(&settings->allow, a)))
		return 0;
	snprintf(why, FETCH_WHY_MAX,
		 "%s is this machine or on its link, and the URL is from a certificate: name it in allow=\"...\" of <plugin name=\"fetch-curl\"> "
		 "if that is meant", shown);
	return FAULT_PERMISSION;
}
