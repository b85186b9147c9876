/* SPDX-License-Identifier: MIT */
/* test_fetch_hosts.c - which hosts are near, excluded or allowed; and LDIF. */
#include <stdio.h>

#include "fetch_parts.h"
#include "unit.h"

static bool is_near(const char *text)
{
	struct address a;

	CU_ASSERT_FATAL(address_parse(&a, text) == 0);
	return address_is_near(&a);
}

static void near(void)
{
	static const char *const yes[] = {
		"0.0.0.0", "127.0.0.1", "127.255.255.254", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
		"::ffff:127.0.0.1", "::ffff:169.254.1.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1", "febf::1", "ff02::1",
	};
	static const char *const no[] = {
		"192.0.2.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "2001:db8::1", "fd00::1", "::ffff:192.0.2.1", "64:ff9b::c000:201",
		"2002:c000:201::", "fec0::1",
	};

	for (size_t i = 0; i < COUNT(yes); i++)
		CU_ASSERT(is_near(yes[i]));
	for (size_t i = 0; i < COUNT(no); i++)
		CU_ASSERT(!is_near(no[i]));
}

static int check(const struct fetch_settings *s, enum fetch_source source, const char *name, const char *address)
{
	char why[FETCH_WHY_MAX];
	struct address a = { 0 };

	CU_ASSERT_FATAL(!address || address_parse(&a, address) == 0);
	return host_check(s, source, name, &a, why);
}

static void lists(void)
{
	struct fetch_settings s = { .proxy = "" };
	char bad[FETCH_HOST_MAX];

	CU_ASSERT_FATAL(host_list_read(&s.exclude, " evil.example, .bad.example 192.0.2.0/24 ", bad) == 0);
	CU_ASSERT_FATAL(host_list_read(&s.allow, "ca.local 127.0.0.1", bad) == 0);
	CU_ASSERT_EQUAL(s.exclude.count, 3);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, "EVIL.example", NULL), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, "evil.example.", NULL), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, "a.evil.example", NULL), 0);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, "a.bad.example", NULL), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, "bad.example", NULL), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, "notbad.example", NULL), 0);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, "other.example", "192.0.2.7"), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_CONFIGURED, NULL, "127.0.0.2"), 0);
	CU_ASSERT_EQUAL(check(&s, FETCH_FROM_CERTIFICATE, "x.example", "127.0.0.2"), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_FROM_CERTIFICATE, "x.example", "127.0.0.1"), 0);
	CU_ASSERT_EQUAL(check(&s, FETCH_FROM_CERTIFICATE, "ca.local", "127.0.0.2"), 0);
	CU_ASSERT_EQUAL(check(&s, FETCH_FROM_CERTIFICATE, "localhost", NULL), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_FROM_CERTIFICATE, "a.LocalHost.", NULL), FAULT_PERMISSION);
	CU_ASSERT_EQUAL(check(&s, FETCH_FROM_CERTIFICATE, "x.example", "10.0.0.1"), 0);
	host_list_free(&s.exclude);
	host_list_free(&s.allow);
}

static void bad_words(void)
{
	static const char *const words[] = { "a/b", "10.0.0.1/8", "http://a", "12", "a:1", "..." };
	struct host_list list;
	char bad[FETCH_HOST_MAX], many[HOST_RULES_MAX * 2 + 4] = "";

	for (size_t i = 0; i < COUNT(words); i++) {
		char text[64];

		snprintf(text, sizeof(text), "ok.example %s", words[i]);
		CU_ASSERT_EQUAL(host_list_read(&list, text, bad), FAULT_INPUT);
		CU_ASSERT_STRING_EQUAL(bad, words[i]);
	}
	for (size_t i = 0; i <= HOST_RULES_MAX; i++)
		memcpy(many + 2 * i, "a ", 3);
	CU_ASSERT_EQUAL(host_list_read(&list, many, bad), FAULT_FULL);
}

static int value(const char *text, char out[64])
{
	uint8_t data[128];
	size_t len = strlen(text), got;

	memcpy(data, text, len);
	int fault = ldif_value(data, len, &got);
	snprintf(out, 64, "%.*s", fault ? 0 : (int)got, (const char *)data);
	return fault;
}

static void ldif(void)
{
	char out[64];

	CU_ASSERT_EQUAL(value("DN: cn=a\n\tcertificateRevocationList;binary:: YWJjZA==\n\n", out), 0);
	CU_ASSERT_STRING_EQUAL(out, "abcd");
	CU_ASSERT_EQUAL(value("DN: cn=a\n\tx: plain\n", out), 0);
	CU_ASSERT_STRING_EQUAL(out, "plain");
	CU_ASSERT_EQUAL(value("DN: cn=a\n\n", out), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(value("", out), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(value("\n\n\n", out), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(value("DN: cn=a\n\tx:: ===\n", out), FAULT_INPUT);
	CU_ASSERT_EQUAL(value("DN: cn=a\n\tx::\n", out), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(value("\tx:: YWJj", out), FAULT_NOT_FOUND);
}

static const struct unit_case cases[] = {
	{ "loopback, link-local and multicast addresses are near, in every way they are written", near },
	{ "exclude and allow name hosts, domains and ranges", lists },
	{ "a word that is no host is named", bad_words },
	{ "the first value of an LDAP answer is taken", ldif },
};

UNIT_MAIN("fetch_hosts", cases)
