/* SPDX-License-Identifier: MIT */
/* netlink.c - see netlink.h. */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>

static ssize_t socket_send(struct netlink *n, const void *at, size_t len)
{
	return mnl_socket_sendto(n->socket, at, len);
}

static ssize_t socket_receive(struct netlink *n, void *at, size_t size)
{
	return mnl_socket_recvfrom(n->socket, at, size);
}

int netlink_open(struct netlink *n)
{
	int on = 1, error = 0;

	n->send = socket_send;
	n->receive = socket_receive;
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->socket)
		return errno;
	if (mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = errno;
		netlink_close(n);
		return error;
	}
	/* Kernels that know neither say less, or repeat the request. */
	(void)mnl_socket_setsockopt(n->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(n->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (n->socket)
		mnl_socket_close(n->socket);
	n->socket = NULL;
}

struct nlmsghdr *netlink_request(struct netlink *n, uint16_t type, uint16_t flags, size_t head_len, void **head)
{
	memset(n->request, 0, sizeof(n->request));
	struct nlmsghdr *request = mnl_nlmsg_put_header(n->request);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	*head = mnl_nlmsg_put_extra_header(request, head_len);
	return request;
}

void netlink_attributes(const struct nlmsghdr *message, size_t head_len, const struct nlattr *out[], uint16_t max)
{
	const struct nlattr *attribute;

	memset(out, 0, sizeof(out[0]) * (max + 1u));
	mnl_attr_for_each(attribute, message, head_len) {
		uint16_t type = mnl_attr_get_type(attribute);
		if (type <= max)
			out[type] = attribute;
	}
}

uint32_t netlink_number(const struct nlattr *attribute)
{
	uint32_t number = 0;

	if (attribute && mnl_attr_get_payload_len(attribute) >= sizeof(number))
		memcpy(&number, mnl_attr_get_payload(attribute), sizeof(number));
	return number;
}

/* NLMSGERR_ATTR_MSG stands behind the number and as much of the request as is repeated. */
static int take_error(struct netlink *n, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	const struct nlattr *all[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*error);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return EBADMSG;
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > sizeof(error->msg))
		skip += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
	if (message->nlmsg_flags & NLM_F_ACK_TLVS && skip <= mnl_nlmsg_get_payload_len(message)) {
		netlink_attributes(message, skip, all, NLMSGERR_ATTR_MAX);
		const struct nlattr *text = all[NLMSGERR_ATTR_MSG];
		if (text && mnl_attr_get_payload_len(text) > 0) {
			size_t len = strnlen(mnl_attr_get_payload(text), mnl_attr_get_payload_len(text));
			len = len < sizeof(n->why) ? len : sizeof(n->why) - 1;
			memcpy(n->why, mnl_attr_get_payload(text), len);
			n->why[len] = '\0';
		}
	}
	return -error->error;
}

/* Is the answer over? */
static bool take_answer(struct netlink *n, size_t len, void (*each)(const struct nlmsghdr *message, void *arg), void *arg, int *error)
{
	const struct nlmsghdr *message = (const void *)n->answer;
	int left = (int)len;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != n->sequence)
			continue;
		if (message->nlmsg_type == NLMSG_ERROR) {
			*error = take_error(n, message);
			return true;
		}
		if (message->nlmsg_type == NLMSG_DONE) {
			int status = 0;
			if (mnl_nlmsg_get_payload_len(message) >= sizeof(status))
				memcpy(&status, mnl_nlmsg_get_payload(message), sizeof(status));
			*error = status < 0 ? -status : 0;
			return true;
		}
		if (each)
			each(message, arg);
	}
	return false;
}

static int exchange(struct netlink *n, struct nlmsghdr *request, void (*each)(const struct nlmsghdr *message, void *arg), void *arg)
{
	int error = 0;

	if (n->send(n, request, request->nlmsg_len) < 0)
		return errno;
	for (;;) {
		ssize_t len = n->receive(n, n->answer, sizeof(n->answer));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno;
		if (take_answer(n, (size_t)len, each, arg, &error))
			return error;
	}
}

int netlink_talk(struct netlink *n, struct nlmsghdr *request, void (*each)(const struct nlmsghdr *message, void *arg), void *arg)
{
	request->nlmsg_seq = ++n->sequence;
	/* A list ends by itself; NLM_F_EXCL is half of NLM_F_DUMP. */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	n->why[0] = '\0';
	return exchange(n, request, each, arg);
}
