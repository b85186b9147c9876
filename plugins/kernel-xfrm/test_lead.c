/* SPDX-License-Identifier: MIT */
/* test_lead.c - what policies are told by beside their selectors, and how packets come to them. */
#include "kernel_net.h"
#include "test_kernel.h"
#include "unit.h"

static uint32_t interface_of(const struct nlmsghdr *message, size_t head_len)
{
	size_t len;
	const uint32_t *at = test_attribute(message, head_len, XFRMA_IF_ID, &len);

	return len == sizeof(*at) ? *at : 0;
}

static void policies_are_told_by_mark_and_interface(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16"), q = test_policy(78, "10.1.0.0/16", "10.2.0.0/16");
	size_t len;

	p.options = (struct ipsec_options){ .mark = 0x10, .mark_mask = 0xff, .if_id = 42, .priority = 7, .no_routes = true };
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(((const struct xfrm_userpolicy_info *)mnl_nlmsg_get_payload(test_request(0)))->priority, 7);
	const struct xfrm_mark *mark = test_attribute(test_request(0), sizeof(struct xfrm_userpolicy_info), XFRMA_MARK, &len);
	CU_ASSERT(mark && mark->v == 0x10 && mark->m == 0xff);
	CU_ASSERT_EQUAL(interface_of(test_request(0), sizeof(struct xfrm_userpolicy_info)), 42);
	/* Another child with the same selectors, but without these, has policies of its own. */
	CU_ASSERT_EQUAL(policy_add(x, &q), 0);
	CU_ASSERT(test_kernel->count == 6 && test_request(0)->nlmsg_type == XFRM_MSG_NEWPOLICY);
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELPOLICY);
	CU_ASSERT_EQUAL(interface_of(test_request(0), sizeof(struct xfrm_userpolicy_id)), 42);
	mark = test_attribute(test_request(0), sizeof(struct xfrm_userpolicy_id), XFRMA_MARK, &len);
	CU_ASSERT(mark && mark->v == 0x10 && mark->m == 0xff);
	test_kernel_close();
}

/* ---- the service for routes ---- */

struct fake_net {
	size_t led, ended, settled;
	size_t requests;                       /* of the kernel when it was last told              */
	struct ipsec_policy last;
	int fault;
};

static int fake_routes_add(void *state, const struct ipsec_policy *policy)
{
	struct fake_net *net = state;

	net->led++;
	net->last = *policy;
	net->requests = test_kernel->count;
	return net->fault;
}

static void fake_routes_delete(void *state, uint32_t child)
{
	struct fake_net *net = state;

	net->ended += child == 77;
	net->requests = test_kernel->count;
}

static void fake_settle(void *state)
{
	((struct fake_net *)state)->settled++;
}

static void packets_are_led_only_to_what_holds_them_back(void)
{
	static const struct kernel_net ops = { .name = "fake", .routes_add = fake_routes_add, .routes_delete = fake_routes_delete,
					       .settle = fake_settle };
	struct fake_net net = { .led = 0 };
	const struct provider provider = { .ops = &ops, .state = &net, .key = "fake", .plugin = "fake" };
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	struct address moved = test_address("192.0.2.7", 0);

	x->host.net = &provider;
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT(net.led == 1 && net.requests == 3 && net.last.child == 77);
	CU_ASSERT_EQUAL(policy_hold(x, 77), 0);
	policy_follow(x, 77, &p.local, &moved);
	CU_ASSERT(net.led == 2 && address_same_host(&net.last.remote, &moved));
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_EQUAL(net.ended, 0);
	policy_release(x, 77);
	CU_ASSERT(net.ended == 1 && net.requests == 6 && test_kernel->count == 9);
	/* Without its interface there is no child. */
	net.fault = FAULT_NOT_FOUND;
	CU_ASSERT_EQUAL(policy_add(x, &p), FAULT_NOT_FOUND);
	CU_ASSERT(!x->rules && !x->owners);
	lead_settle(x);
	CU_ASSERT_EQUAL(net.settled, 1);
	test_kernel_close();
}

static const struct unit_case cases[] = {
	{ "policies are told by mark and interface", policies_are_told_by_mark_and_interface },
	{ "packets are led only to what holds them back", packets_are_led_only_to_what_holds_them_back },
};

UNIT_MAIN("xfrm leads", cases)
