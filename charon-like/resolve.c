/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - getaddrinfo() knows all sources of names and their order, and which address is best reached, but not how long that is true;
 * so DNS is asked for that, when the name may come from there.
 */
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
/* These want the types of the one above. */
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
	ANSWER_MAX = 8192,         /* octets of a DNS message; addresses of one name are some hundred */
	CNAMES_MAX = 16,           /* deployed resolvers follow as many at most                       */
};

/* ---- DNS messages ---- */

/* The least time to live of the records of `name`; for a CNAME also where it points to. FAULT_NOT_FOUND: there is none. */
static int find_records(ns_msg *message, const char *name, ns_type type, char target[NS_MAXDNAME], uint32_t *ttl)
{
	int fault = FAULT_NOT_FOUND;
	ns_rr record;

	for (int i = 0; i < ns_msg_count(*message, ns_s_an); i++) {
		if (ns_parserr(message, ns_s_an, i, &record) < 0)
			return FAULT_INPUT;
		if (ns_rr_class(record) != ns_c_in || ns_rr_type(record) != type || strcasecmp(ns_rr_name(record), name) != 0)
			continue;
		if (target && ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), ns_rr_rdata(record), target, NS_MAXDNAME) < 0)
			return FAULT_INPUT;
		if (ns_rr_ttl(record) < *ttl)
			*ttl = ns_rr_ttl(record);
		fault = 0;
	}
	return fault;
}

int resolve_read_ttl(struct bytes message, uint8_t family, uint32_t *ttl)
{
	ns_type type = family == AF_INET ? ns_t_a : ns_t_aaaa;
	char name[NS_MAXDNAME], target[NS_MAXDNAME];
	ns_msg parsed;
	ns_rr question;

	if (message.len > NS_MAXMSG || ns_initparse(message.at, (int)message.len, &parsed) < 0 || ns_msg_count(parsed, ns_s_qd) != 1 ||
	    ns_parserr(&parsed, ns_s_qd, 0, &question) < 0)
		return FAULT_INPUT;
	snprintf(name, sizeof(name), "%s", ns_rr_name(question));
	*ttl = UINT32_MAX;
	for (unsigned i = 0; i <= CNAMES_MAX; i++) {
		int fault = find_records(&parsed, name, type, NULL, ttl);

		if (fault != FAULT_NOT_FOUND)
			return fault;
		fault = find_records(&parsed, name, ns_t_cname, target, ttl);
		if (fault)
			return fault;
		snprintf(name, sizeof(name), "%s", target);
	}
	/* A circle. */
	return FAULT_INPUT;
}

/* ---- asking ---- */

/* The resolver's state is the thread's own. Read anew each time, so that a changed resolv.conf is heeded. */
static void set_up_resolver(const struct sockaddr_in *server)
{
	if (res_init() < 0)
		return;
	_res.retrans = RESOLVE_WAIT;
	_res.retry = RESOLVE_TRIES;
	if (!server)
		return;
	_res.nscount = 1;
	_res.nsaddr_list[0] = *server;
}

static uint32_t ask_ttl(const char *host, uint8_t family)
{
	unsigned char answer[ANSWER_MAX];
	int len = res_nsearch(&_res, host, ns_c_in, family == AF_INET ? ns_t_a : ns_t_aaaa, answer, sizeof(answer));
	size_t known = len < 0 ? 0 : (size_t)len < sizeof(answer) ? (size_t)len : sizeof(answer);
	uint32_t ttl;

	if (resolve_read_ttl(bytes_of(answer, known), family, &ttl) < 0)
		return RESOLVE_TTL_DEFAULT;
	return ttl < RESOLVE_TTL_MIN ? RESOLVE_TTL_MIN : ttl > RESOLVE_TTL_MAX ? RESOLVE_TTL_MAX : ttl;
}

/* Whether the word stands behind an address in a line of /etc/hosts. */
static bool line_names(char *line, const char *host)
{
	char *rest, *word;

	line[strcspn(line, "#\n")] = '\0';
	(void)strtok_r(line, " \t", &rest);
	while ((word = strtok_r(NULL, " \t", &rest)))
		if (strcasecmp(word, host) == 0)
			return true;
	return false;
}

/* With thousands of names there and a DNS server that is down, asking it would take hours. */
static bool is_in_hosts_file(const char *host)
{
	FILE *file = fopen(_PATH_HOSTS, "re");
	bool is_found = false;
	char *line = NULL;
	size_t size = 0;

	while (file && !is_found && getline(&line, &size, file) >= 0)
		is_found = line_names(line, host);
	free(line);
	if (file)
		fclose(file);
	return is_found;
}

/* The one that is preferred, else the first. */
static void choose(struct resolve *resolve, const struct addrinfo *found)
{
	struct address address;

	for (; found; found = found->ai_next) {
		if (address_from_socket(&address, found->ai_addr) < 0)
			continue;
		address.port = 0;
		if (resolve->address.family && !address_same_host(&address, &resolve->prefer))
			continue;
		resolve->address = address;
		if (address_same_host(&address, &resolve->prefer))
			return;
	}
}

void resolve_now(struct resolve *resolve, const struct sockaddr_in *server)
{
	struct addrinfo hints = { .ai_family = resolve->family, .ai_socktype = SOCK_DGRAM }, *found = NULL;
	struct address literal;

	set_up_resolver(server);
	resolve->address = (struct address){ 0 };
	int error = getaddrinfo(resolve->host, NULL, &hints, &found);
	if (error == 0) {
		choose(resolve, found);
		freeaddrinfo(found);
	}
	if (!resolve->address.family) {
		snprintf(resolve->error, sizeof(resolve->error), "%s", error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error ? error : EAI_NONAME));
		return;
	}
	resolve->error[0] = '\0';
	if (address_parse(&literal, resolve->host) == 0)
		resolve->ttl = RESOLVE_TTL_MAX;
	else
		resolve->ttl = is_in_hosts_file(resolve->host) ? RESOLVE_TTL_DEFAULT : ask_ttl(resolve->host, resolve->address.family);
}

static void resolve_work(struct errand *errand)
{
	resolve_now(CONTAINER(errand, struct resolve, errand), NULL);
}

static void resolve_done(struct errand *errand)
{
	struct resolve *resolve = CONTAINER(errand, struct resolve, errand);

	resolve->done(resolve);
}

void resolve_start(struct helpers *helpers, struct resolve *resolve, struct loop *home, void (*done)(struct resolve *resolve))
{
	resolve->errand = (struct errand){ .home = home, .work = resolve_work, .done = resolve_done };
	resolve->done = done;
	resolve->address = (struct address){ 0 };
	resolve->ttl = RESOLVE_TTL_DEFAULT;
	/* What stays if nobody does the work. */
	snprintf(resolve->error, sizeof(resolve->error), "nobody could be asked: the daemon is ending, or out of threads");
	helpers_run(helpers, &resolve->errand);
}
