/* SPDX-License-Identifier: MIT */
/* netlink.c - see netlink.h. */
#include "netlink.h"

#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>

#include "secret.h"

/* ---- the socket ---- */

static ssize_t socket_send(struct netlink *n, const void *at, size_t len)
{
	return mnl_socket_sendto(n->socket, at, len);
}

static ssize_t socket_receive(struct netlink *n, void *at, size_t size)
{
	return mnl_socket_recvfrom(n->socket, at, size);
}

int netlink_open(struct netlink *n, int family, unsigned groups)
{
	int on = 1, error = 0;

	n->send = socket_send;
	n->receive = socket_receive;
	n->socket = mnl_socket_open2(family, SOCK_CLOEXEC);
	if (!n->socket)
		return errno;
	if (mnl_socket_bind(n->socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		error = errno;
		netlink_close(n);
		return error;
	}
	/* Kernels that know neither say less, or repeat the request, which may hold keys: then that is wiped here. */
	(void)mnl_socket_setsockopt(n->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(n->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	/* Lists are of what is asked for only; kernels that do not know it give all. */
	if (family == NETLINK_ROUTE)
		(void)mnl_socket_setsockopt(n->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (n->socket)
		mnl_socket_close(n->socket);
	n->socket = NULL;
}

/* ---- messages ---- */

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

/* ---- answers ---- */

/* What is waited for: the end of the answer to one request, or of that to the last of many. */
struct wait {
	uint32_t first;
	size_t count;
	int *const *status;                    /* of each; NULL: it is one request, `error` alone               */
	int error;                             /* the first                                                      */
	void (*each)(const struct nlmsghdr *message, void *arg);
	void *arg;
};

static void keep_words(struct netlink *n, const struct nlattr *text)
{
	size_t len = strnlen(mnl_attr_get_payload(text), mnl_attr_get_payload_len(text));

	len = len < sizeof(n->why) ? len : sizeof(n->why) - 1;
	memcpy(n->why, mnl_attr_get_payload(text), len);
	n->why[len] = '\0';
}

/* NLMSGERR_ATTR_MSG stands behind the number and as much of the request as is repeated. */
static int take_error(struct netlink *n, const struct nlmsghdr *message, bool is_first)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	const struct nlattr *all[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*error);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return EBADMSG;
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > sizeof(error->msg))
		skip += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
	if (is_first && message->nlmsg_flags & NLM_F_ACK_TLVS && skip <= mnl_nlmsg_get_payload_len(message)) {
		netlink_attributes(message, skip, all, NLMSGERR_ATTR_MAX);
		if (all[NLMSGERR_ATTR_MSG] && mnl_attr_get_payload_len(all[NLMSGERR_ATTR_MSG]) > 0)
			keep_words(n, all[NLMSGERR_ATTR_MSG]);
	}
	return -error->error;
}

static void keep_status(struct wait *w, size_t i, int error)
{
	if (w->status && w->status[i])
		*w->status[i] = error;
	w->error = w->error ? w->error : error;
}

/* Is it what ends the answer to the i-th request? */
static bool take_message(struct netlink *n, const struct nlmsghdr *message, struct wait *w, size_t i)
{
	int status = 0;

	if (message->nlmsg_type == NLMSG_ERROR) {
		keep_status(w, i, take_error(n, message, !w->error));
		return true;
	}
	if (message->nlmsg_type == NLMSG_DONE) {
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(status))
			memcpy(&status, mnl_nlmsg_get_payload(message), sizeof(status));
		keep_status(w, i, status < 0 ? -status : 0);
		return true;
	}
	if (w->each)
		w->each(message, w->arg);
	return false;
}

/* What belongs to neither is that of an earlier request, which was given up. */
static bool take_datagram(struct netlink *n, size_t len, struct wait *w, bool *is_whole)
{
	const struct nlmsghdr *message = (const void *)n->answer;
	int left = (int)len;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		size_t i = message->nlmsg_seq - w->first;

		if (i < w->count && take_message(n, message, w, i) && i == w->count - 1)
			return true;
	}
	*is_whole = len > 0 && left <= 0;
	return false;
}

/* An errno of the socket, or 0. */
static int receive_all(struct netlink *n, struct wait *w)
{
	for (;;) {
		ssize_t len = n->receive(n, n->answer, sizeof(n->answer));
		bool is_whole = true, is_over;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno;
		is_over = take_datagram(n, (size_t)len, w, &is_whole);
		wipe(n->answer, (size_t)len);
		if (is_over)
			return 0;
		if (!is_whole)
			return EBADMSG;
	}
}

/* ---- one request, or many ---- */

enum { UNKNOWN = INT_MIN };                    /* no errno                                                       */

int netlink_talk(struct netlink *n, struct nlmsghdr *request, void (*each)(const struct nlmsghdr *message, void *arg), void *arg)
{
	struct wait w = { .first = ++n->sequence, .count = 1, .each = each, .arg = arg };
	size_t len = request->nlmsg_len;

	request->nlmsg_seq = w.first;
	/* A list ends by itself; NLM_F_EXCL is half of NLM_F_DUMP. */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	n->why[0] = '\0';
	int error = n->send(n, request, len) < 0 ? errno : receive_all(n, &w);
	wipe(n->request, len);
	return error ? error : w.error;
}

/* Errors come without being asked for, so that one answer is enough where there are none. */
static void finish_queue(struct netlink *n)
{
	size_t at = 0;

	for (size_t i = 0; i < n->queued; i++) {
		struct nlmsghdr *request = (void *)(n->queue + at);

		request->nlmsg_seq = ++n->sequence;
		if (i == n->queued - 1)
			request->nlmsg_flags |= NLM_F_ACK;
		at += MNL_ALIGN(request->nlmsg_len);
	}
}

static void send_queue(struct netlink *n)
{
	struct wait w = { .first = n->sequence + 1, .count = n->queued, .status = n->status, .error = n->queue_error };
	int error = 0, unknown = 0;

	if (n->queued == 0)
		return;
	finish_queue(n);
	for (size_t i = 0; i < n->queued; i++)
		if (n->status[i])
			*n->status[i] = UNKNOWN;
	if (n->send(n, n->queue, n->queue_len) < 0)
		error = unknown = errno;
	else if ((error = receive_all(n, &w)))
		unknown = -error;
	for (size_t i = 0; i < n->queued; i++)
		if (n->status[i] && *n->status[i] == UNKNOWN)
			*n->status[i] = unknown;
	n->queue_error = w.error ? w.error : error;
	wipe(n->queue, n->queue_len);
	n->queued = n->queue_len = 0;
}

void netlink_queue(struct netlink *n, const struct nlmsghdr *request, int *status)
{
	size_t len = MNL_ALIGN(request->nlmsg_len);

	if (n->queued == NETLINK_QUEUED_MAX || len > sizeof(n->queue) - n->queue_len)
		send_queue(n);
	if (n->queued == 0 && n->queue_error == 0)
		n->why[0] = '\0';
	memset(n->queue + n->queue_len, 0, len);
	memcpy(n->queue + n->queue_len, request, request->nlmsg_len);
	wipe(n->request, request->nlmsg_len);
	n->status[n->queued++] = status;
	n->queue_len += len;
}

int netlink_flush(struct netlink *n)
{
	send_queue(n);
	int error = n->queue_error;
	n->queue_error = 0;
	return error;
}
