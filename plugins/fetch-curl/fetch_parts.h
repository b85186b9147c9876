/* SPDX-License-Identifier: MIT */
/* fetch_parts.h - what the files of fetch-curl share: its settings, which are read-only, and one function per kind of place. */
#ifndef KEYFERRY_FETCH_PARTS_H
#define KEYFERRY_FETCH_PARTS_H
#include "address.h"
#include "config.h"
#include "fetch.h"

/* A host by name, a domain with all below it, or a range of addresses. */
struct host_rule {
	bool is_range;
	struct address_range range;
	bool is_domain;                    /* ".example": what ends so                                                 */
	char name[FETCH_HOST_MAX];
};
struct host_list {
	struct host_rule *rules;
	size_t count;
};
enum { HOST_RULES_MAX = 64 };              /* of one list; more is better said as a range or a domain                  */

/* any thread, read-only after the start */
struct fetch_settings {
	struct host_list exclude;          /* never                                                                    */
	struct host_list allow;            /* although loopback or link-local, and named by a certificate               */
	const char *proxy;                 /* URL; "": none, whatever the environment says                             */
	const char *ca_file;               /* of authorities for https; NULL: the system's                             */
};

/* ---- fetch_hosts.c ---- */
/* "ca.example .corp.example 10.0.0.0/8", with blanks or commas between; FAULT_INPUT with the word in `bad`. */
int host_list_read(struct host_list *out, const char *text, char bad[FETCH_HOST_MAX]) MUST_CHECK;
void host_list_free(struct host_list *list);
bool host_list_has_name(const struct host_list *list, const char *name);
bool host_list_has_address(const struct host_list *list, const struct address *a);
/*
 * This machine, its link, or nobody's: 0/8, 127/8, 169.254/16, multicast and above, their like in IPv6, and IPv6 addresses that stand for
 * one of these (mapped, 6to4, NAT64). A URL of a certificate that leads there is for somebody to reach what only we reach.
 */
bool address_is_near(const struct address *a);
/* FAULT_PERMISSION with a clause in `why`: a request may not go to that host; the address's family may be 0, `name` may be NULL. */
int host_check(const struct fetch_settings *settings, enum fetch_source source, const char *name, const struct address *a,
	       char why[FETCH_WHY_MAX]) MUST_CHECK;

/* ---- one get() each ---- */
int fetch_file(const struct fetch_request *request, struct fetch_answer *out) MUST_CHECK;
int fetch_net(const struct fetch_settings *settings, const struct fetch_request *request, struct fetch_answer *out) MUST_CHECK;

/* ---- fetch_ldif.c ---- */
/* The first value in what libcurl makes of an LDAP answer, in place: `data` is overwritten. FAULT_NOT_FOUND, FAULT_INPUT. */
int ldif_value(uint8_t *data, size_t len, size_t *value_len) MUST_CHECK;

#endif
