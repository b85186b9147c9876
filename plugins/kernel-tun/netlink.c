/* SPDX-License-Identifier: MIT */
/* netlink.c - see netlink.h. */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>

int netlink_open(struct netlink *n)
{
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->socket)
		return errno;
	int on = 1;
	/* Lists are of what is asked for only; kernels that do not know it give all. */
	(void)mnl_socket_setsockopt(n->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return 0;
	int error = errno;
	netlink_close(n);
	return error;
}

void netlink_close(struct netlink *n)
{
	if (n->socket)
		mnl_socket_close(n->socket);
	n->socket = NULL;
}

struct nlmsghdr *netlink_request(struct netlink *n, uint16_t type, uint16_t flags)
{
	memset(n->request, 0, sizeof(n->request));
	struct nlmsghdr *request = mnl_nlmsg_put_header(n->request);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	return request;
}

int netlink_talk(struct netlink *n, struct nlmsghdr *request, mnl_cb_t each, void *arg)
{
	unsigned port = mnl_socket_get_portid(n->socket);
	int more = MNL_CB_OK;

	request->nlmsg_seq = ++n->sequence;
	if (mnl_socket_sendto(n->socket, request, request->nlmsg_len) < 0)
		return errno;
	while (more > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(n->socket, n->answer, sizeof(n->answer));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno;
		more = mnl_cb_run(n->answer, (size_t)len, n->sequence, port, each, arg);
	}
	return more < 0 ? errno : 0;
}
