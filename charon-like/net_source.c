/* SPDX-License-Identifier: MIT */
/* net_source.c - asks the routing table which of our addresses packets to a peer leave from. */
#include <unistd.h>

#include "net.h"

int net_find_source(const struct address *remote, struct address *out)
{
	struct sockaddr_storage to, from;
	socklen_t to_len = address_to_socket(remote, &to), from_len = sizeof(from);
	int mark = KERNEL_MARK, fault = FAULT_SYSTEM;
	int fd = socket(remote->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return FAULT_SYSTEM;
	/* Without the capability there are no policy routes of ours either. */
	(void)!setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	if (connect(fd, (struct sockaddr *)&to, to_len) == 0 && getsockname(fd, (struct sockaddr *)&from, &from_len) == 0)
		fault = address_from_socket(out, (struct sockaddr *)&from);
	out->port = 0;
	close(fd);
	return fault;
}
