/* SPDX-License-Identifier: MIT */
/* test_kernel_net.c - routes with their rules, and XFRM interfaces: the messages, what is shared, what fails, what was left. */
#include "test_host.h"
#include "unit.h"

static const struct rtmsg *route_head(size_t i)
{
	const struct nlmsghdr *request = test_request(RTM_NEWROUTE, i);

	return request ? mnl_nlmsg_get_payload(request) : NULL;
}

static const struct nlattr *route_part(size_t i, uint16_t type)
{
	return test_attribute(test_request(RTM_NEWROUTE, i), sizeof(struct rtmsg), type);
}

static uint32_t priority_of(uint16_t request, size_t i)
{
	return netlink_number(test_attribute(test_request(request, i), sizeof(struct fib_rule_hdr), FRA_PRIORITY)) - PRIORITY_DEFAULT;
}

/* ---- routes ---- */

static void what_this_host_sends_has_an_address_that_the_policy_covers(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy p = test_policy(7, "10.1.0.0/16", "10.2.0.0/24");

	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	const struct nlmsghdr *way = test_request(RTM_GETROUTE, 0);
	CU_ASSERT(test_is(test_attribute(way, sizeof(struct rtmsg), RTA_DST), "10.2.0.1"));
	CU_ASSERT_EQUAL(netlink_number(test_attribute(way, sizeof(struct rtmsg), RTA_MARK)), KERNEL_MARK);
	/* END, SKIP, OWN: the way round is there first. */
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWRULE), 3);
	CU_ASSERT(priority_of(RTM_NEWRULE, 0) == 6 && priority_of(RTM_NEWRULE, 1) == 0 && priority_of(RTM_NEWRULE, 2) == 1);
	CU_ASSERT_PTR_NOT_NULL(test_attribute(test_request(RTM_NEWRULE, 2), sizeof(struct fib_rule_hdr), FRA_IIFNAME));
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWROUTE), 1);
	CU_ASSERT(route_head(0)->rtm_dst_len == 24 && route_head(0)->rtm_protocol == KERNEL_PROTOCOL && route_head(0)->rtm_type == RTN_UNICAST);
	CU_ASSERT(test_is(route_part(0, RTA_DST), "10.2.0.0") && test_is(route_part(0, RTA_PREFSRC), "10.1.0.1"));
	CU_ASSERT(test_is(route_part(0, RTA_GATEWAY), "192.0.2.254") && netlink_number(route_part(0, RTA_OIF)) == HOST_DEVICE);
	CU_ASSERT_EQUAL(netlink_number(route_part(0, RTA_TABLE)), TABLE_DEFAULT + TABLE_OWN);
	CU_ASSERT_PTR_NULL(route_part(0, RTA_METRICS));
	routes_delete(h, 7);
	CU_ASSERT(test_count(RTM_DELROUTE) == 1 && test_count(RTM_DELRULE) == 3);
	CU_ASSERT_EQUAL(priority_of(RTM_DELRULE, 2), 6);
	CU_ASSERT(!h->routes && !h->owners);
	test_host_close();
}

static void without_a_choice_there_is_no_route(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy none = test_policy(7, "10.9.0.0/16", "10.2.0.0/24"), any = test_policy(8, "0.0.0.0/0", "10.2.0.0/24"),
			    off = test_policy(9, "10.1.0.0/16", "10.2.0.0/24"), hosts = off, nowhere = off;

	off.options.no_routes = true;
	hosts.transport = true;
	CU_ASSERT(routes_add(h, &none) == 0 && routes_add(h, &any) == 0 && routes_add(h, &off) == 0 && routes_add(h, &hosts) == 0);
	test_host->has_no_way = true;
	CU_ASSERT_EQUAL(routes_add(h, &nowhere), 0);
	CU_ASSERT(test_count(RTM_NEWROUTE) == 0 && test_count(RTM_NEWRULE) == 0);
	test_host_close();
}

static void what_is_near_stays_reachable_when_everything_is_remote(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy p = test_policy(7, "10.1.0.0/16", "0.0.0.0/0");

	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	/* END, SKIP, NEAR before OWN_WIDE. */
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWRULE), 4);
	CU_ASSERT(priority_of(RTM_NEWRULE, 2) == 3 && priority_of(RTM_NEWRULE, 3) == 4);
	const struct nlattr *suppress = test_attribute(test_request(RTM_NEWRULE, 2), sizeof(struct fib_rule_hdr), FRA_SUPPRESS_PREFIXLEN);
	CU_ASSERT(suppress && netlink_number(suppress) == 0);
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWROUTE), 2);
	CU_ASSERT(route_head(0)->rtm_dst_len == 0 && netlink_number(route_part(0, RTA_TABLE)) == TABLE_DEFAULT + TABLE_OWN_WIDE);
	/* The peer is never behind its own tunnel. */
	CU_ASSERT(route_head(1)->rtm_type == RTN_THROW && route_head(1)->rtm_dst_len == 32 && test_is(route_part(1, RTA_DST), "198.51.100.9"));
	test_host_close();
}

static void what_passes_in_the_clear_is_not_led(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy drop = test_policy(7, "10.1.0.0/16", "10.2.0.0/24"), ours = drop, all = test_policy(8, "0.0.0.0/0", "10.3.0.0/24"),
			    ssh = test_policy(9, "0.0.0.0/0", "10.4.0.0/24[tcp/22]");

	drop.action = IPSEC_DROP;
	ours.action = all.action = ssh.action = IPSEC_BYPASS;
	CU_ASSERT(routes_add(h, &drop) == 0 && routes_add(h, &ssh) == 0);
	CU_ASSERT_EQUAL(test_count(RTM_NEWROUTE), 0);
	CU_ASSERT(routes_add(h, &ours) == 0 && routes_add(h, &all) == 0);
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWROUTE), 6);
	for (size_t i = 0; i < 6; i++)
		CU_ASSERT(route_head(i)->rtm_type == RTN_THROW && !route_part(i, RTA_OIF));
	CU_ASSERT_EQUAL(netlink_number(route_part(1, RTA_TABLE)), TABLE_DEFAULT + TABLE_OWN_WIDE);
	CU_ASSERT_EQUAL(netlink_number(route_part(3, RTA_TABLE)), TABLE_DEFAULT + TABLE_ALL);
	/* As long as nothing is led anywhere no rule is needed. */
	CU_ASSERT_EQUAL(test_count(RTM_NEWRULE), 0);
	test_host_close();
}

static void an_mtu_is_that_of_a_route_for_all(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy p = test_policy(7, "fd09::/64", "fd02::/64");
	const struct nlattr *metric;
	unsigned mtu = 0;

	p.mtu = 1300;
	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWROUTE), 1);
	CU_ASSERT_EQUAL(netlink_number(route_part(0, RTA_TABLE)), TABLE_DEFAULT + TABLE_ALL);
	CU_ASSERT(test_is(route_part(0, RTA_GATEWAY), "2001:db8::fe") && !route_part(0, RTA_PREFSRC));
	const struct nlattr *metrics = route_part(0, RTA_METRICS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(metrics);
	mnl_attr_for_each_nested(metric, metrics)
		mtu = mnl_attr_get_type(metric) == RTAX_MTU ? netlink_number(metric) : mtu;
	CU_ASSERT_EQUAL(mtu, 1300);
	test_host_close();
}

static void a_route_of_two_children_goes_with_the_last(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy p = test_policy(7, "10.1.0.0/16", "10.2.0.0/24"), q = test_policy(8, "192.0.2.1", "10.2.0.0/24");

	CU_ASSERT(routes_add(h, &p) == 0 && routes_add(h, &p) == 0 && routes_add(h, &q) == 0);
	/* The newest's way; again the other's when that goes. */
	CU_ASSERT_EQUAL(test_count(RTM_NEWROUTE), 2);
	CU_ASSERT(test_is(route_part(1, RTA_PREFSRC), "192.0.2.1"));
	routes_delete(h, 8);
	CU_ASSERT(test_count(RTM_NEWROUTE) == 3 && test_count(RTM_DELROUTE) == 0);
	CU_ASSERT(test_is(route_part(2, RTA_PREFSRC), "10.1.0.1"));
	routes_delete(h, 7);
	routes_delete(h, 7);
	CU_ASSERT_EQUAL(test_count(RTM_DELROUTE), 1);
	test_host_close();
}

static void routes_follow_the_network(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy p = test_policy(7, "10.8.0.0/16", "10.2.0.0/24");

	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	CU_ASSERT_EQUAL(test_count(RTM_NEWROUTE), 0);
	test_host->own[test_host->own_count++] = test_address("10.8.0.3");
	host_net_ops.follow(h);
	CU_ASSERT(test_count(RTM_NEWROUTE) == 1 && test_is(route_part(0, RTA_PREFSRC), "10.8.0.3"));
	/* What the kernel may have taken away is put back. */
	host_net_ops.follow(h);
	CU_ASSERT_EQUAL(test_count(RTM_NEWROUTE), 2);
	test_host->own_count--;
	host_net_ops.follow(h);
	CU_ASSERT(test_count(RTM_NEWROUTE) == 2 && test_count(RTM_DELROUTE) == 1);
	test_host_close();
}

static void a_route_that_fails_is_said_but_ends_no_child(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy p = test_policy(7, "10.1.0.0/16", "10.2.0.0/24");

	test_host->error_type = RTM_NEWROUTE;
	test_host->error = EPERM;
	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	CU_ASSERT(test_said("cannot add the route to 10.2.0.0/24 with source 10.1.0.1: Operation not permitted; needs CAP_NET_ADMIN"));
	CU_ASSERT_PTR_NULL(h->routes);
	test_host->error = 0;
	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	CU_ASSERT_EQUAL(HASH_COUNT(h->routes), 1);
	test_host_close();
}

static void answer_route(const char *to, uint8_t bits, uint32_t table)
{
	struct address a = test_address(to);
	void *head;
	struct nlmsghdr *route = test_answer(RTM_NEWROUTE, sizeof(struct rtmsg), &head);

	*(struct rtmsg *)head = (struct rtmsg){ .rtm_family = AF_INET, .rtm_dst_len = bits, .rtm_protocol = KERNEL_PROTOCOL };
	mnl_attr_put(route, RTA_DST, 4, a.ip);
	mnl_attr_put_u32(route, RTA_TABLE, table);
	test_answered(route);
}

static void routes_of_an_earlier_run_stay_until_it_is_known_who_wants_them(void)
{
	struct host_net *h = test_host_open();
	struct ipsec_policy p = test_policy(7, "10.1.0.0/16", "10.2.0.0/24");

	answer_route("10.2.0.0", 24, TABLE_DEFAULT + TABLE_OWN);
	answer_route("10.3.0.0", 24, TABLE_DEFAULT + TABLE_OWN);
	answer_route("10.4.0.0", 24, RT_TABLE_MAIN);
	routes_find(h);
	/* Both families were listed, with the same answer. */
	CU_ASSERT_EQUAL(HASH_COUNT(h->routes), 2);
	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	CU_ASSERT_EQUAL(test_count(RTM_DELROUTE), 0);
	host_net_ops.settle(h);
	CU_ASSERT_EQUAL(test_count(RTM_DELROUTE), 1);
	CU_ASSERT(test_is(test_attribute(test_request(RTM_DELROUTE, 0), sizeof(struct rtmsg), RTA_DST), "10.3.0.0"));
	CU_ASSERT_EQUAL(HASH_COUNT(h->routes), 1);
	test_host_close();
}

static void answer_rule(uint32_t priority, uint32_t table)
{
	void *head;
	struct nlmsghdr *rule = test_answer(RTM_NEWRULE, sizeof(struct fib_rule_hdr), &head);

	((struct fib_rule_hdr *)head)->family = AF_INET;
	mnl_attr_put_u32(rule, FRA_PRIORITY, priority);
	mnl_attr_put_u32(rule, FRA_TABLE, table);
	mnl_attr_put_u8(rule, FRA_PROTOCOL, KERNEL_PROTOCOL);
	test_answered(rule);
}

static void rules_of_an_earlier_run_are_taken_over_or_go(void)
{
	struct host_net *h = test_host_open();

	answer_rule(PRIORITY_DEFAULT + 1, TABLE_DEFAULT + TABLE_OWN);
	answer_rule(27494, 27494);
	rules_find(h);
	CU_ASSERT(h->has_rule[0][1] && !h->has_rule[0][2]);
	/* That of kernel-tun; once more for the other family, as the answer is the same. */
	CU_ASSERT_EQUAL(test_count(RTM_DELRULE), 2);
	CU_ASSERT_EQUAL(priority_of(RTM_DELRULE, 0), 10);
	host_net_ops.settle(h);
	CU_ASSERT(test_count(RTM_DELRULE) == 3 && !h->has_rule[0][1]);
	test_host_close();
}

/* ---- interfaces ---- */

static struct net_interface interface_of(const char *name, uint32_t if_id)
{
	struct net_interface i = { .if_id = if_id };

	snprintf(i.name, sizeof(i.name), "%s", name);
	return i;
}

static const struct nlattr *link_part(size_t i, uint16_t type)
{
	return test_attribute(test_request(RTM_NEWLINK, i), sizeof(struct ifinfomsg), type);
}

static void an_interface_is_made_marked_addressed_and_led_to(void)
{
	struct host_net *h = test_host_open();
	struct net_interface i = interface_of("kf0", 42);
	struct ipsec_policy p = test_policy(7, "10.1.0.0/16", "10.2.0.0/24");

	i.prefixes[i.prefix_count++] = (struct net_prefix){ test_address("10.9.0.1"), 24 };
	i.prefixes[i.prefix_count++] = (struct net_prefix){ test_address("fd00::1"), 64 };
	/* As the host lists it once it is made. */
	CU_ASSERT_EQUAL(host_net_ops.interfaces(h, &i, 1), FAULT_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(link_part(0, IFLA_LINKINFO));
	CU_ASSERT_STRING_EQUAL(mnl_attr_get_str(link_part(1, IFLA_IFALIAS)), KERNEL_ALIAS);
	test_answer_link("kf0", 9, KERNEL_ALIAS, 42);
	CU_ASSERT_EQUAL(host_net_ops.interfaces(h, &i, 1), 0);
	CU_ASSERT_EQUAL(test_count(RTM_NEWLINK), 4);
	CU_ASSERT_EQUAL(netlink_number(link_part(3, IFLA_MTU)), DEVICE_MTU);
	CU_ASSERT_EQUAL(((const struct ifinfomsg *)mnl_nlmsg_get_payload(test_request(RTM_NEWLINK, 3)))->ifi_flags, IFF_UP);
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWADDR), 2);
	CU_ASSERT(test_is(test_attribute(test_request(RTM_NEWADDR, 1), sizeof(struct ifaddrmsg), IFA_LOCAL), "fd00::1"));
	snprintf(p.options.interface, sizeof(p.options.interface), "kf0");
	CU_ASSERT_EQUAL(routes_add(h, &p), 0);
	CU_ASSERT_EQUAL_FATAL(test_count(RTM_NEWROUTE), 1);
	CU_ASSERT(netlink_number(route_part(0, RTA_OIF)) == 9 && !route_part(0, RTA_GATEWAY) && test_is(route_part(0, RTA_PREFSRC), "10.1.0.1"));
	CU_ASSERT(netlink_number(route_part(0, RTA_TABLE)) == TABLE_DEFAULT + TABLE_ALL && route_head(0)->rtm_scope == RT_SCOPE_LINK);
	test_host_close();
}

static void a_device_of_another_program_is_left_alone(void)
{
	struct host_net *h = test_host_open();
	struct net_interface i = interface_of("kf0", 42);
	struct ipsec_policy p = test_policy(7, "10.1.0.0/16", "10.2.0.0/24");

	test_answer_link("kf0", 9, "mine", 42);
	test_host->error_type = RTM_NEWLINK;
	test_host->error = EEXIST;
	CU_ASSERT_EQUAL(host_net_ops.interfaces(h, &i, 1), FAULT_EXISTS);
	CU_ASSERT(test_said("cannot make the interface kf0 with if-id 42: another program has a device of that name"));
	CU_ASSERT(test_count(RTM_NEWLINK) == 1 && test_count(RTM_DELLINK) == 0);
	/* Its children cannot come up: their packets would go elsewhere. */
	snprintf(p.options.interface, sizeof(p.options.interface), "kf0");
	CU_ASSERT_EQUAL(routes_add(h, &p), FAULT_NOT_FOUND);
	CU_ASSERT(test_said("there is no interface kf0 to lead packets to"));
	CU_ASSERT(!h->owners && test_count(RTM_NEWROUTE) == 0);
	test_host_close();
}

static void interfaces_of_an_earlier_run_are_taken_over_or_go(void)
{
	struct host_net *h = test_host_open();
	struct net_interface i = interface_of("kf0", 42);

	test_answer_link("kf0", 9, KERNEL_ALIAS, 42);
	test_answer_link("kf1", 10, KERNEL_ALIAS, 43);
	CU_ASSERT_EQUAL(host_net_ops.interfaces(h, &i, 1), 0);
	CU_ASSERT_EQUAL(test_count(RTM_DELLINK), 1);
	CU_ASSERT_EQUAL(((const struct ifinfomsg *)mnl_nlmsg_get_payload(test_request(RTM_DELLINK, 0)))->ifi_index, 10);
	CU_ASSERT_PTR_NULL(link_part(0, IFLA_LINKINFO));
	/* Without children that name it, it goes. */
	test_host->answer_count = 1;
	CU_ASSERT_EQUAL(host_net_ops.interfaces(h, NULL, 0), 0);
	CU_ASSERT_EQUAL(test_count(RTM_DELLINK), 2);
	CU_ASSERT_PTR_NULL(h->devices);
	test_host_close();
}

static void an_address_that_is_not_configured_any_more_goes(void)
{
	struct host_net *h = test_host_open();
	struct net_interface i = interface_of("kf0", 42);
	struct address there[] = { test_address("10.9.0.7"), test_address("10.9.0.1") };
	void *head;

	test_answer_link("kf0", 9, KERNEL_ALIAS, 42);
	for (size_t k = 0; k < COUNT(there); k++) {
		struct nlmsghdr *address = test_answer(RTM_NEWADDR, sizeof(struct ifaddrmsg), &head);
		*(struct ifaddrmsg *)head = (struct ifaddrmsg){ .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 9 };
		mnl_attr_put(address, IFA_LOCAL, 4, there[k].ip);
		test_answered(address);
	}
	i.prefixes[i.prefix_count++] = (struct net_prefix){ test_address("10.9.0.1"), 24 };
	CU_ASSERT_EQUAL(host_net_ops.interfaces(h, &i, 1), 0);
	/* The other one may have gone with it. */
	CU_ASSERT(test_count(RTM_NEWADDR) == 1 && test_count(RTM_DELADDR) == 1);
	CU_ASSERT(test_is(test_attribute(test_request(RTM_DELADDR, 0), sizeof(struct ifaddrmsg), IFA_LOCAL), "10.9.0.7"));
	test_host_close();
}

static const struct unit_case cases[] = {
	{ "what this host sends has an address that the policy covers", what_this_host_sends_has_an_address_that_the_policy_covers },
	{ "without a choice there is no route", without_a_choice_there_is_no_route },
	{ "what is near stays reachable when everything is remote", what_is_near_stays_reachable_when_everything_is_remote },
	{ "what passes in the clear is not led", what_passes_in_the_clear_is_not_led },
	{ "an MTU is that of a route for all", an_mtu_is_that_of_a_route_for_all },
	{ "a route of two children goes with the last", a_route_of_two_children_goes_with_the_last },
	{ "routes follow the network", routes_follow_the_network },
	{ "a route that fails is said, but ends no child", a_route_that_fails_is_said_but_ends_no_child },
	{ "routes of an earlier run stay until it is known who wants them", routes_of_an_earlier_run_stay_until_it_is_known_who_wants_them },
	{ "rules of an earlier run are taken over or go", rules_of_an_earlier_run_are_taken_over_or_go },
	{ "an interface is made, marked, addressed and led to", an_interface_is_made_marked_addressed_and_led_to },
	{ "a device of another program is left alone", a_device_of_another_program_is_left_alone },
	{ "interfaces of an earlier run are taken over or go", interfaces_of_an_earlier_run_are_taken_over_or_go },
	{ "an address that is not configured any more goes", an_address_that_is_not_configured_any_more_goes },
};

UNIT_MAIN("kernel net", cases)
