/* SPDX-License-Identifier: MIT */
/* device.c - see device.h. */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel.h"

/* Newer than some headers. */
enum { OFFLOAD_USO4 = 0x20, OFFLOAD_USO6 = 0x40 };

static int complain(struct device *d, int error, const char *what, const struct log_context *log)
{
	bool denied = error == EPERM || error == EACCES;

	if (denied)
		log_at(log, LEVEL_ERROR, "tun-permission", "%s: %s: the daemon needs CAP_NET_ADMIN and access to /dev/net/tun", what,
		       strerror(error));
	else if (error == EBUSY)
		log_at(log, LEVEL_ERROR, "tun-device",
		       "%s: %s is in use: another keyferryd runs here, or set another name with device=\"...\"", what, d->name);
	else if (error == ENOENT || error == ENODEV || error == ENXIO)
		log_at(log, LEVEL_ERROR, "tun-device",
		       "%s: %s: load the module (modprobe tun), or give the container the device /dev/net/tun", what, strerror(error));
	else
		log_at(log, LEVEL_ERROR, "tun-device", "%s: %s: %s", what, d->name, strerror(error));
	device_close(d);
	return denied ? FAULT_PERMISSION : FAULT_SYSTEM;
}

int device_open(struct device *d, const char *name, const struct log_context *log)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	*d = (struct device){ .fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK) };
	/* The length was checked with the settings. */
	memcpy(d->name, name, strnlen(name, IFNAMSIZ - 1));
	memcpy(request.ifr_name, d->name, IFNAMSIZ);
	if (d->fd < 0)
		return complain(d, errno, "cannot open /dev/net/tun", log);
	if (ioctl(d->fd, TUNSETIFF, &request))
		return complain(d, errno, "cannot create the TUN device", log);
	if (ioctl(d->fd, TUNSETOFFLOAD, offloads | OFFLOAD_USO4 | OFFLOAD_USO6) && ioctl(d->fd, TUNSETOFFLOAD, offloads))
		return complain(d, errno, "the TUN device cannot offload", log);
	d->index = (int)if_nametoindex(d->name);
	return d->index ? 0 : complain(d, errno, "the TUN device is gone", log);
}

/* Without a link-local address the device neither looks for duplicates nor for routers: nothing leaves by itself. */
static int set_quiet(struct device *d, struct netlink *n)
{
	void *at;
	struct nlmsghdr *request = netlink_request(n, RTM_NEWLINK, 0, sizeof(struct ifinfomsg), &at);
	struct ifinfomsg *info = at;

	info->ifi_index = d->index;
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *ipv6 = mnl_attr_nest_start(request, AF_INET6);
	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, ipv6);
	mnl_attr_nest_end(request, families);
	return netlink_talk(n, request, NULL, NULL);
}

static int set_up(struct device *d, struct netlink *n)
{
	void *at;
	struct nlmsghdr *request = netlink_request(n, RTM_NEWLINK, 0, sizeof(struct ifinfomsg), &at);
	struct ifinfomsg *info = at;

	info->ifi_index = d->index;
	info->ifi_flags = info->ifi_change = IFF_UP;
	mnl_attr_put_u32(request, IFLA_MTU, PACKET_MAX);
	mnl_attr_put_strz(request, IFLA_IFALIAS, KERNEL_ALIAS);
	return netlink_talk(n, request, NULL, NULL);
}

int device_start(struct device *d, struct netlink *n, const struct log_context *log)
{
	int error = set_quiet(d, n);

	/* A host without IPv6 has nothing to be made quiet. */
	if (error && error != EAFNOSUPPORT && error != EOPNOTSUPP)
		return complain(d, error, "cannot turn off IPv6 addresses on the TUN device", log);
	error = set_up(d, n);
	return error ? complain(d, error, "cannot bring up the TUN device", log) : 0;
}

void device_close(struct device *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

void device_write(struct device *d, const struct iovec *pieces, size_t count)
{
	if (writev(d->fd, pieces, (int)count) < 0)
		atomic_fetch_add_explicit(&d->refused, 1, memory_order_relaxed);
}
