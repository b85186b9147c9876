/* SPDX-License-Identifier: MIT */
/*
 * device.c - XFRM interfaces: made, addressed and set up as configured. Ours have KERNEL_ALIAS as their alias, so that those of an earlier
 * run are known again; a device of the same name that has none is somebody else's and left alone.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "host_net.h"

enum { TEXT_MAX = 256, ADDRESSES_MAX = 64 };

static const char kind[] = "xfrm";

/* ---- what there is ---- */

static struct device *device_find(struct host_net *h, const char *name)
{
	struct device *device;

	HASH_FIND_STR(h->devices, name, device);
	return device;
}

static struct device *device_get(struct host_net *h, const char *name)
{
	struct device *device = device_find(h, name);

	if (device || !(device = calloc(1, sizeof(*device))))
		return device;
	snprintf(device->name, sizeof(device->name), "%s", name);
	HASH_ADD_STR(h->devices, name, device);
	if (device->hh.tbl)
		return device;
	free(device);
	return NULL;
}

static bool is_text(const struct nlattr *attribute, const char *text)
{
	size_t len = strlen(text);

	return attribute && mnl_attr_get_payload_len(attribute) >= len && memcmp(mnl_attr_get_payload(attribute), text, len) == 0 &&
	       (mnl_attr_get_payload_len(attribute) == len || ((const char *)mnl_attr_get_payload(attribute))[len] == '\0');
}

/* IFLA_INFO_DATA holds the number under IFLA_XFRM_IF_ID. */
static bool read_kind(const struct nlattr *info, uint32_t *if_id)
{
	const struct nlattr *part, *member;
	bool is_xfrm = false;

	mnl_attr_for_each_nested(part, info) {
		if (mnl_attr_get_type(part) == IFLA_INFO_KIND)
			is_xfrm = is_text(part, kind);
		if (mnl_attr_get_type(part) != IFLA_INFO_DATA || !is_xfrm)
			continue;
		mnl_attr_for_each_nested(member, part)
			if (mnl_attr_get_type(member) == IFLA_XFRM_IF_ID)
				*if_id = netlink_number(member);
	}
	return is_xfrm;
}

static void take_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *all[IFLA_MAX + 1];
	char name[IF_NAMESIZE] = "";
	uint32_t if_id = 0;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*head))
		return;
	netlink_attributes(message, sizeof(*head), all, IFLA_MAX);
	if (!is_text(all[IFLA_IFALIAS], KERNEL_ALIAS) || !all[IFLA_IFNAME] || !all[IFLA_LINKINFO] || !read_kind(all[IFLA_LINKINFO], &if_id))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)mnl_attr_get_payload_len(all[IFLA_IFNAME]),
		 (const char *)mnl_attr_get_payload(all[IFLA_IFNAME]));
	struct device *device = device_get(arg, name);
	if (!device)
		return;
	device->if_id = if_id;
	device->index = (uint32_t)head->ifi_index;
	device->mtu = netlink_number(all[IFLA_MTU]);
}

void devices_find(struct host_net *h)
{
	void *at;

	for (struct device *device = h->devices; device; device = device->hh.next)
		device->index = 0;
	(void)!netlink_talk(&h->netlink, netlink_request(&h->netlink, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg), &at), take_link, h);
}

uint32_t device_index(struct host_net *h, const char *name)
{
	const struct device *device = device_find(h, name);

	return device && device->is_wanted && device->is_up ? device->index : 0;
}

/* ---- one device ---- */

static int make(struct host_net *h, const struct net_interface *i)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg), &at);

	mnl_attr_put_strz(request, IFLA_IFNAME, i->name);
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, kind);
	struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	mnl_attr_put_u32(request, IFLA_XFRM_IF_ID, i->if_id);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	return netlink_talk(&h->netlink, request, NULL, NULL);
}

static int mark(struct host_net *h, const char *name)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, RTM_NEWLINK, 0, sizeof(struct ifinfomsg), &at);

	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_strz(request, IFLA_IFALIAS, KERNEL_ALIAS);
	return netlink_talk(&h->netlink, request, NULL, NULL);
}

static struct nlmsghdr *change(struct host_net *h, uint16_t type, const struct device *device)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, type, 0, sizeof(struct ifinfomsg), &at);

	((struct ifinfomsg *)at)->ifi_index = (int)device->index;
	return request;
}

static int remove_device(struct host_net *h, struct device *device)
{
	int error = device->index ? netlink_talk(&h->netlink, change(h, RTM_DELLINK, device), NULL, NULL) : 0;

	HASH_DELETE(hh, h->devices, device);
	free(device);
	return error == ENODEV ? 0 : error;
}

/* Without a link-local address it neither looks for duplicates nor for routers: nothing leaves by itself. */
static int set_quiet(struct host_net *h, const struct device *device)
{
	struct nlmsghdr *request = change(h, RTM_NEWLINK, device);
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *ipv6 = mnl_attr_nest_start(request, AF_INET6);

	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, ipv6);
	mnl_attr_nest_end(request, families);
	int error = netlink_talk(&h->netlink, request, NULL, NULL);
	/* A host without IPv6 has nothing to be made quiet. */
	return error == EAFNOSUPPORT || error == EOPNOTSUPP ? 0 : error;
}

static int set_up(struct host_net *h, const struct device *device, uint32_t mtu)
{
	struct nlmsghdr *request = change(h, RTM_NEWLINK, device);
	struct ifinfomsg *head = mnl_nlmsg_get_payload(request);

	head->ifi_flags = head->ifi_change = IFF_UP;
	mnl_attr_put_u32(request, IFLA_MTU, mtu);
	return netlink_talk(&h->netlink, request, NULL, NULL);
}

/* ---- its addresses ---- */

struct present {
	uint32_t index;
	struct net_prefix at[ADDRESSES_MAX];
	size_t count;
};

static void take_address(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *all[IFA_MAX + 1];
	struct present *present = arg;

	if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*head) || head->ifa_index != present->index ||
	    present->count == ADDRESSES_MAX)
		return;
	netlink_attributes(message, sizeof(*head), all, IFA_MAX);
	const struct nlattr *own = all[IFA_LOCAL] ? all[IFA_LOCAL] : all[IFA_ADDRESS];
	struct net_prefix *prefix = &present->at[present->count];
	prefix->bits = head->ifa_prefixlen;
	if (own && !address_from_bytes(&prefix->address, head->ifa_family, bytes_of(mnl_attr_get_payload(own), mnl_attr_get_payload_len(own))))
		present->count++;
}

static int address_talk(struct host_net *h, uint16_t type, const struct device *device, const struct net_prefix *prefix)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0,
						   sizeof(struct ifaddrmsg), &at);
	struct ifaddrmsg *head = at;

	head->ifa_family = prefix->address.family;
	head->ifa_prefixlen = prefix->bits;
	/* Nobody else is on it to have the same. */
	head->ifa_flags = prefix->address.family == AF_INET6 ? IFA_F_NODAD : 0;
	head->ifa_index = device->index;
	mnl_attr_put(request, IFA_LOCAL, address_len(prefix->address.family), prefix->address.ip);
	mnl_attr_put(request, IFA_ADDRESS, address_len(prefix->address.family), prefix->address.ip);
	return netlink_talk(&h->netlink, request, NULL, NULL);
}

static bool has_prefix(const struct net_prefix *all, size_t count, const struct net_prefix *one)
{
	for (size_t i = 0; i < count; i++)
		if (address_same_host(&all[i].address, &one->address) && all[i].bits == one->bits)
			return true;
	return false;
}

/*
 * Linux takes the other addresses of a network along with the first one of it. So what is not wanted goes first, and after that all that are
 * wanted are set, whether they were there or not.
 */
static int set_addresses(struct host_net *h, const struct device *device, const struct net_interface *i)
{
	void *at;
	struct present present = { .index = device->index };
	bool is_less = false;
	int error = netlink_talk(&h->netlink, netlink_request(&h->netlink, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg), &at),
				 take_address, &present);

	for (size_t k = 0; k < present.count && !error; k++) {
		if (has_prefix(i->prefixes, i->prefix_count, &present.at[k]))
			continue;
		is_less = true;
		error = address_talk(h, RTM_DELADDR, device, &present.at[k]);
		error = error == EADDRNOTAVAIL ? 0 : error;
	}
	for (size_t k = 0; k < i->prefix_count && !error; k++)
		if (is_less || !has_prefix(present.at, present.count, &i->prefixes[k]))
			error = address_talk(h, RTM_NEWADDR, device, &i->prefixes[k]);
	return error;
}

/* ---- all ---- */

/* Each change of the network tries again; the same reason is said once. */
static int complain(struct host_net *h, struct configured *c, const char *what, int error)
{
	const struct net_interface *i = &c->as;
	char text[TEXT_MAX];

	if (c->told == error)
		return FAULT_SYSTEM;
	c->told = error;
	if (error == EEXIST)
		snprintf(text, sizeof(text), "cannot make the interface %s with if-id %u: another program has a device of that name, or an XFRM "
			 "interface with that number; remove it, or configure another", i->name, i->if_id);
	else if (error == EOPNOTSUPP)
		snprintf(text, sizeof(text), "cannot make the interface %s: the kernel has no XFRM interfaces; load module xfrm_interface", i->name);
	else
		snprintf(text, sizeof(text), "cannot %s the interface %s", what, i->name);
	return net_complain(h, "net-device", text, error);
}

static int set_device(struct host_net *h, struct configured *c)
{
	const struct net_interface *i = &c->as;
	struct device *device = device_find(h, i->name);
	uint32_t mtu = i->mtu ? i->mtu : DEVICE_MTU;

	if (device && device->index && device->if_id != i->if_id) {
		(void)!remove_device(h, device);
		device = NULL;
	}
	if (!device || !device->index) {
		int error = make(h, i);
		if (!error)
			error = mark(h, i->name);
		if (error)
			return complain(h, c, "make", error);
		devices_find(h);
		device = device_find(h, i->name);
		if (!device || !device->index)
			return complain(h, c, "find", ENODEV);
	}
	int error = set_quiet(h, device);
	if (!error)
		error = set_up(h, device, mtu);
	if (!error)
		error = set_addresses(h, device, i);
	if (error)
		return complain(h, c, "set up", error);
	if (!device->is_up)
		log_info(h->log, "interface %s with if-id %u is up, MTU %u", i->name, i->if_id, mtu);
	device->is_wanted = device->is_up = true;
	c->told = 0;
	return 0;
}

int devices_set(struct host_net *h)
{
	struct device *device, *next;
	int fault = 0;

	devices_find(h);
	for (device = h->devices; device; device = device->hh.next)
		device->is_wanted = false;
	/* Those that go make way for names and numbers of those that come. */
	HASH_ITER(hh, h->devices, device, next) {
		size_t i = 0;

		while (i < h->interface_count && strcmp(h->interfaces[i].as.name, device->name) != 0)
			i++;
		if (i == h->interface_count && remove_device(h, device))
			log_at(h->log, LEVEL_ERROR, "net-device", "cannot remove an interface of ours that is not configured any more");
	}
	for (size_t i = 0; i < h->interface_count; i++) {
		int one = set_device(h, &h->interfaces[i]);
		fault = fault ? fault : one;
	}
	return fault;
}

void devices_remove(struct host_net *h)
{
	struct device *device, *next;

	HASH_ITER(hh, h->devices, device, next)
		(void)!remove_device(h, device);
}
