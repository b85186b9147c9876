/* SPDX-License-Identifier: MIT */
/* test_host.h - for the tests of this folder: a host in the place of the netlink socket, which keeps what it is asked. */
#ifndef KEYFERRY_NET_TEST_HOST_H
#define KEYFERRY_NET_TEST_HOST_H
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "host_net.h"

enum { KEPT_MAX = 128, ANSWERS_MAX = 8, SAID_MAX = 16, HOST_DEVICE = 3, HOST_OWN_MAX = 4 };

struct test_message {
	_Alignas(uint64_t) uint8_t octets[NETLINK_REQUEST];
	size_t len;
};

struct test_host {
	struct host_net *h;
	struct log *log;
	struct test_message kept[KEPT_MAX];      /* the requests, in order                                 */
	size_t count;
	uint16_t error_type;                     /* requests of this type fail                             */
	int error;
	struct test_message answers[ANSWERS_MAX]; /* to lists, by their type                               */
	size_t answer_count;
	bool has_no_way;                         /* else everything goes by 192.0.2.254 or 2001:db8::fe on device 3 */
	struct address own[HOST_OWN_MAX];
	size_t own_count;
	char lines[SAID_MAX][256];
	size_t line_count;
};

static struct test_host *test_host;

static inline struct address test_address(const char *text)
{
	struct address a = { 0 };

	(void)!address_parse(&a, text);
	return a;
}

static inline void test_keep_line(void *arg, enum log_level level, const char *line)
{
	struct test_host *t = arg;

	(void)level;
	snprintf(t->lines[t->line_count++ % SAID_MAX], sizeof(t->lines[0]), "%s", line);
}

static inline bool test_said(const char *text)
{
	for (size_t i = 0; i < SAID_MAX; i++)
		if (strstr(test_host->lines[i], text))
			return true;
	return false;
}

/* ---- the two halves of the socket ---- */

static inline ssize_t test_send(struct netlink *n, const void *at, size_t len)
{
	struct test_host *t = test_host;

	(void)n;
	if (t->count == KEPT_MAX || len > sizeof(t->kept[0].octets)) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(t->kept[t->count].octets, at, len);
	t->kept[t->count++].len = len;
	return (ssize_t)len;
}

static inline size_t test_put_way(uint8_t *out, const struct nlmsghdr *request)
{
	uint8_t family = ((const struct rtmsg *)mnl_nlmsg_get_payload(request))->rtm_family;
	struct address gateway = test_address(family == AF_INET ? "192.0.2.254" : "2001:db8::fe");
	struct nlmsghdr *way = mnl_nlmsg_put_header(out);
	struct rtmsg *head = mnl_nlmsg_put_extra_header(way, sizeof(*head));

	way->nlmsg_type = RTM_NEWROUTE;
	way->nlmsg_seq = request->nlmsg_seq;
	head->rtm_family = family;
	head->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(way, RTA_OIF, HOST_DEVICE);
	mnl_attr_put(way, RTA_GATEWAY, address_len(family), gateway.ip);
	return MNL_ALIGN(way->nlmsg_len);
}

static inline size_t test_put_list(uint8_t *out, const struct nlmsghdr *request)
{
	size_t used = 0;

	for (size_t i = 0; i < test_host->answer_count; i++) {
		const struct test_message *answer = &test_host->answers[i];
		struct nlmsghdr *copy = (void *)(out + used);

		/* RTM_NEW... stands two before RTM_GET... */
		if (((const struct nlmsghdr *)(const void *)answer->octets)->nlmsg_type + 2 != request->nlmsg_type)
			continue;
		memcpy(copy, answer->octets, answer->len);
		copy->nlmsg_seq = request->nlmsg_seq;
		used += MNL_ALIGN(answer->len);
	}
	return used;
}

static inline ssize_t test_receive(struct netlink *n, void *at, size_t size)
{
	struct test_host *t = test_host;
	const struct nlmsghdr *request = (const void *)t->kept[t->count - 1].octets;
	bool is_list = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP, asks_way = request->nlmsg_type == RTM_GETROUTE && !is_list;
	int error = request->nlmsg_type == t->error_type ? t->error : asks_way && t->has_no_way ? ENETUNREACH : 0;
	size_t used = error ? 0 : is_list ? test_put_list(at, request) : asks_way ? test_put_way(at, request) : 0;

	(void)n;
	(void)size;
	struct nlmsghdr *end = mnl_nlmsg_put_header((uint8_t *)at + used);
	struct nlmsgerr *status = mnl_nlmsg_put_extra_header(end, sizeof(*status));
	end->nlmsg_type = is_list && !error ? NLMSG_DONE : NLMSG_ERROR;
	end->nlmsg_seq = request->nlmsg_seq;
	status->error = -error;
	status->msg = *request;
	return (ssize_t)(used + MNL_ALIGN(end->nlmsg_len));
}

static inline void test_own(struct host_net *h)
{
	h->own = h->own ? h->own : calloc(HOST_OWN_MAX, sizeof(*h->own));
	memcpy(h->own, test_host->own, sizeof(test_host->own));
	h->own_count = test_host->own_count;
}

/* One with the addresses 192.0.2.1 and 10.1.0.1. */
static inline struct host_net *test_host_open(void)
{
	struct test_host *t = test_host = calloc(1, sizeof(*t));
	struct log_options options = { .level = LEVEL_DEBUG, .fd = -1, .sink = test_keep_line, .sink_arg = t };

	t->log = log_new(&options);
	(void)!net_new(&t->h, log_root(t->log));
	t->h->netlink.send = test_send;
	t->h->netlink.receive = test_receive;
	t->h->own_read = test_own;
	t->own[t->own_count++] = test_address("192.0.2.1");
	t->own[t->own_count++] = test_address("10.1.0.1");
	return t->h;
}

static inline void test_host_close(void)
{
	/* As at the end, but without a socket nothing is sent. */
	routes_remove(test_host->h, true);
	devices_remove(test_host->h);
	net_free(test_host->h);
	log_free(test_host->log);
	free(test_host);
}

/* ---- what it was asked ---- */

/* The i-th request of this type; NULL: there are not so many. */
static inline const struct nlmsghdr *test_request(uint16_t type, size_t i)
{
	for (size_t k = 0; k < test_host->count; k++) {
		const struct nlmsghdr *request = (const void *)test_host->kept[k].octets;

		if (request->nlmsg_type == type && i-- == 0)
			return request;
	}
	return NULL;
}

static inline size_t test_count(uint16_t type)
{
	size_t count = 0;

	while (test_request(type, count))
		count++;
	return count;
}

static inline const struct nlattr *test_attribute(const struct nlmsghdr *message, size_t head_len, uint16_t type)
{
	enum { TYPES_MAX = 128 };
	const struct nlattr *all[TYPES_MAX + 1];

	if (!message)
		return NULL;
	netlink_attributes(message, head_len, all, TYPES_MAX);
	return all[type];
}

static inline bool test_is(const struct nlattr *attribute, const char *address)
{
	struct address a = test_address(address);

	return attribute && mnl_attr_get_payload_len(attribute) == address_len(a.family) &&
	       memcmp(mnl_attr_get_payload(attribute), a.ip, address_len(a.family)) == 0;
}

/* ---- what it answers ---- */

static inline struct nlmsghdr *test_answer(uint16_t type, size_t head_len, void **head)
{
	struct test_message *answer = &test_host->answers[test_host->answer_count++];
	struct nlmsghdr *message = mnl_nlmsg_put_header(answer->octets);

	message->nlmsg_type = type;
	*head = mnl_nlmsg_put_extra_header(message, head_len);
	return message;
}

/* Once its attributes are there. */
static inline void test_answered(const struct nlmsghdr *message)
{
	test_host->answers[test_host->answer_count - 1].len = message->nlmsg_len;
}

static inline void test_answer_link(const char *name, uint32_t index, const char *alias, uint32_t if_id)
{
	void *head;
	struct nlmsghdr *link = test_answer(RTM_NEWLINK, sizeof(struct ifinfomsg), &head);

	((struct ifinfomsg *)head)->ifi_index = (int)index;
	mnl_attr_put_strz(link, IFLA_IFNAME, name);
	mnl_attr_put_strz(link, IFLA_IFALIAS, alias);
	struct nlattr *info = mnl_attr_nest_start(link, IFLA_LINKINFO);
	mnl_attr_put_strz(link, IFLA_INFO_KIND, "xfrm");
	struct nlattr *data = mnl_attr_nest_start(link, IFLA_INFO_DATA);
	mnl_attr_put_u32(link, IFLA_XFRM_IF_ID, if_id);
	mnl_attr_nest_end(link, data);
	mnl_attr_nest_end(link, info);
	test_answered(link);
}

static inline struct ipsec_policy test_policy(uint32_t child, const char *local, const char *remote)
{
	struct ipsec_policy p = { .child = child, .local = test_address("192.0.2.1"), .remote = test_address("198.51.100.9") };

	(void)!selector_parse(&p.local_ts, local);
	(void)!selector_parse(&p.remote_ts, remote);
	return p;
}

#endif
