/* SPDX-License-Identifier: MIT */
/* test_queue.c - what is sent to the kernel together: how many messages it takes, and what becomes of the rest when one request fails. */
#include "test_kernel.h"
#include "unit.h"

enum { POLICIES = 3 };

static uint8_t direction_of(const struct nlmsghdr *request)
{
	if (request->nlmsg_type == XFRM_MSG_DELPOLICY || request->nlmsg_type == XFRM_MSG_GETPOLICY)
		return ((const struct xfrm_userpolicy_id *)mnl_nlmsg_get_payload(request))->dir;
	return ((const struct xfrm_userpolicy_info *)mnl_nlmsg_get_payload(request))->dir;
}

/* How many requests of this type were for that direction; -1: any. */
static size_t asked(uint16_t type, int direction)
{
	size_t count = 0;

	for (size_t i = 0; i < test_kernel->count; i++)
		if (test_request(i)->nlmsg_type == type && (direction < 0 || direction_of(test_request(i)) == direction))
			count++;
	return count;
}

static void forget_requests(void)
{
	test_kernel->count = test_kernel->received = test_kernel->sends = 0;
}

/* What the kernel has for a selector. */
static void answer_policy(bool is_ours)
{
	struct test_message *answer = &test_kernel->answers[test_kernel->answer_count++];
	struct nlmsghdr *message = mnl_nlmsg_put_header(answer->octets);
	struct xfrm_userpolicy_info *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = XFRM_MSG_NEWPOLICY;
	info->lft.soft_use_expires_seconds = is_ours ? BUILD_TAG : 0;
	answer->len = message->nlmsg_len;
}

/* ---- policies ---- */

static void the_policies_of_a_child_are_one_message(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24");

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT(test_kernel->count == POLICIES && test_kernel->sends == 1);
	p.remote = test_address("198.51.100.1", 0);
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT(asked(XFRM_MSG_UPDPOLICY, -1) == POLICIES && test_kernel->sends == 2);
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT(asked(XFRM_MSG_DELPOLICY, -1) == POLICIES && test_kernel->sends == 3);
	test_kernel_close();
}

static void many_policies_are_few_messages(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.1-10.1.0.30", "10.2.0.1-10.2.0.6");
	enum { PAIRS = 8 * 4, MESSAGES = (PAIRS * POLICIES + NETLINK_QUEUED_MAX - 1) / NETLINK_QUEUED_MAX };

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT(test_kernel->count == PAIRS * POLICIES && test_kernel->sends == MESSAGES);
	CU_ASSERT_EQUAL(HASH_COUNT(x->rules), PAIRS * POLICIES);
	forget_requests();
	/* One of the second message is another program's: those of the first go too. */
	p.child = 78;
	p.local_ts = test_selector("10.1.0.33-10.1.0.62");
	test_kernel->error = EEXIST;
	test_kernel->error_after = NETLINK_QUEUED_MAX + 1;
	test_kernel->error_count = 1;
	CU_ASSERT_EQUAL(policy_add(x, &p), FAULT_EXISTS);
	CU_ASSERT(HASH_COUNT(x->rules) == PAIRS * POLICIES && HASH_COUNT(x->owners) == 1);
	test_kernel_close();
}

static void one_that_is_another_programs_is_left_alone(void)
{
	static const uint8_t order[POLICIES] = { XFRM_POLICY_IN, XFRM_POLICY_FWD, XFRM_POLICY_OUT };

	for (size_t which = 0; which < POLICIES; which++) {
		struct xfrm *x = test_kernel_open();
		struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24");

		test_kernel->error = EEXIST;
		test_kernel->error_after = which;
		test_kernel->error_count = 1;
		CU_ASSERT_EQUAL(policy_add(x, &p), FAULT_EXISTS);
		CU_ASSERT(test_said("cannot install the policy of 10.1.0.0/16 to 10.2.0.0/24: File exists"));
		/* The other two were installed, and are removed. */
		CU_ASSERT(asked(XFRM_MSG_NEWPOLICY, -1) == POLICIES && asked(XFRM_MSG_DELPOLICY, -1) == POLICIES - 1);
		CU_ASSERT_EQUAL(asked(XFRM_MSG_DELPOLICY, order[which]), 0);
		CU_ASSERT(x->rules == NULL && x->owners == NULL);
		test_kernel_close();
	}
}

/* Which of them were installed is not known then: what is ours is removed, what is not stays. */
static void fails_to_read(int lost, size_t cut, int fault)
{
	for (int is_ours = 0; is_ours < 2; is_ours++) {
		struct xfrm *x = test_kernel_open();
		struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24");

		answer_policy(is_ours);
		test_kernel->lost = lost;
		test_kernel->cut = cut;
		CU_ASSERT_EQUAL(policy_add(x, &p), fault);
		CU_ASSERT_EQUAL(asked(XFRM_MSG_GETPOLICY, -1), POLICIES);
		CU_ASSERT_EQUAL(asked(XFRM_MSG_DELPOLICY, -1), is_ours ? POLICIES : 0);
		CU_ASSERT(x->rules == NULL && x->owners == NULL);
		/* And again. */
		CU_ASSERT_EQUAL(policy_add(x, &p), 0);
		test_kernel_close();
	}
}

static void answers_that_are_lost_leave_nothing(void)
{
	fails_to_read(ENOBUFS, 0, FAULT_MEMORY);
}

static void answers_that_are_cut_leave_nothing(void)
{
	fails_to_read(0, 4, FAULT_SYSTEM);
}

static void a_change_whose_answer_is_lost_is_taken_back(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24"), other = p;

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	const struct xfrm_userpolicy_info *was = mnl_nlmsg_get_payload(test_request(0));
	other.remote = test_address("198.51.100.1", 0);
	other.options.priority = 7;
	test_kernel->lost = ENOBUFS;
	CU_ASSERT_EQUAL(policy_add(x, &other), FAULT_MEMORY);
	/* Changed, and changed back. */
	CU_ASSERT(asked(XFRM_MSG_UPDPOLICY, -1) == 2 * POLICIES && asked(XFRM_MSG_GETPOLICY, -1) == 0);
	const struct xfrm_userpolicy_info *is = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT(is->dir == was->dir && is->priority == was->priority);
	CU_ASSERT_EQUAL(HASH_COUNT(x->rules), POLICIES);
	test_kernel_close();
}

static void what_is_put_back_has_its_priority_again(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24"), other = p;

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	uint32_t priority = ((const struct xfrm_userpolicy_info *)mnl_nlmsg_get_payload(test_request(0)))->priority;
	other.options.priority = 7;
	test_kernel->error = ENOMEM;
	test_kernel->error_after = test_kernel->count + 2;
	test_kernel->error_count = 1;
	CU_ASSERT_EQUAL(policy_add(x, &other), FAULT_MEMORY);
	/* The first two are changed back, the third never changed. */
	CU_ASSERT_EQUAL(asked(XFRM_MSG_UPDPOLICY, -1), POLICIES + 2);
	for (size_t i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(((const struct xfrm_userpolicy_info *)mnl_nlmsg_get_payload(test_request(i)))->priority, priority);
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_PTR_NULL(x->rules);
	test_kernel_close();
}

static void one_that_is_gone_does_not_keep_the_others(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24");

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	test_kernel->error = ENOENT;
	test_kernel->error_after = test_kernel->count + 1;
	test_kernel->error_count = 1;
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_EQUAL(asked(XFRM_MSG_DELPOLICY, -1), POLICIES);
	CU_ASSERT_FALSE(test_said("cannot remove"));
	/* The last fails otherwise. */
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	test_kernel->error = EPERM;
	test_kernel->error_after = test_kernel->count + 2;
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT(test_said("cannot remove the policy of 10.1.0.0/16 to 10.2.0.0/24: Operation not permitted"));
	CU_ASSERT(x->rules == NULL && x->owners == NULL);
	test_kernel_close();
}

static bool is_clear(const struct nlmsghdr *request)
{
	size_t len;

	return !test_attribute(request, sizeof(struct xfrm_userpolicy_info), XFRMA_TMPL, &len);
}

static void a_network_under_everything_reaches_itself(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "0.0.0.0/0");

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 2 * POLICIES);
	const struct xfrm_userpolicy_info *bypass = mnl_nlmsg_get_payload(test_request(0)), *tunnel = mnl_nlmsg_get_payload(test_request(3));
	CU_ASSERT(is_clear(test_request(0)) && !is_clear(test_request(3)));
	CU_ASSERT(bypass->sel.prefixlen_d == 16 && bypass->sel.prefixlen_s == 16 && bypass->priority < tunnel->priority);
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_PTR_NULL(x->rules);
	test_kernel_close();
}

static void a_network_within_the_remote_one_is_one_policy(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.1.0.0-10.2.255.255");

	/* To 10.2.0.0/16, and to itself, which passes in the clear. */
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 2 * POLICIES);
	CU_ASSERT_EQUAL(HASH_COUNT(x->rules), 2 * POLICIES);
	size_t clear = 0;
	for (size_t i = 0; i < test_kernel->count; i++)
		clear += is_clear(test_request(i));
	CU_ASSERT_EQUAL(clear, POLICIES);
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_PTR_NULL(x->rules);
	test_kernel_close();
}

/* ---- SAs ---- */

static void a_compressed_pair_ends_with_one_message(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, true, 20, 0);

	sa.cpi = 0x3001;
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	forget_requests();
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1001, true, &sa.remote), 0);
	CU_ASSERT(test_kernel->sends == 1 && asked(XFRM_MSG_DELSA, -1) == 2);
	/* Both halves are said. */
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	forget_requests();
	test_kernel->error = EPERM;
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1001, true, &sa.remote), FAULT_PERMISSION);
	CU_ASSERT(test_said("cannot delete the inbound SA 00001001") && test_said("cannot delete IPComp with CPI 12289"));
	CU_ASSERT_PTR_NULL(x->entries);
	test_kernel_close();
}

/* Where 192.0.2.2 was, now 198.51.100.1 is. */
static int move_out(struct xfrm *x, int error, size_t error_after)
{
	struct ipsec_sa sa = test_sa(0x1002, false, 20, 0);
	struct address to = test_address("198.51.100.1", 0);

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	test_answer_with(test_request(0));
	forget_requests();
	test_kernel->error = error;
	test_kernel->error_after = error_after;
	test_kernel->error_count = 1;
	return state_move(x, PROTO_ESP, 0x1002, false, &sa.remote, &sa.local, &to);
}

static const struct address *destination_of(const struct nlmsghdr *request)
{
	static struct address out;

	if (request->nlmsg_type == XFRM_MSG_DELSA)
		out = build_host(&((const struct xfrm_usersa_id *)mnl_nlmsg_get_payload(request))->daddr, AF_INET);
	else
		out = build_host(&((const struct xfrm_usersa_info *)mnl_nlmsg_get_payload(request))->id.daddr, AF_INET);
	return &out;
}

static bool is_at(const struct nlmsghdr *request, uint16_t type, const char *where)
{
	struct address at = test_address(where, 0);

	return request->nlmsg_type == type && address_same_host(destination_of(request), &at);
}

static void an_sa_moves_with_one_message(void)
{
	struct xfrm *x = test_kernel_open();

	CU_ASSERT_EQUAL(move_out(x, 0, 0), 0);
	/* Read, then gone and back. */
	CU_ASSERT(test_kernel->sends == 2 && test_kernel->count == 3);
	CU_ASSERT(is_at(test_request(1), XFRM_MSG_DELSA, "192.0.2.2") && is_at(test_request(0), XFRM_MSG_NEWSA, "198.51.100.1"));
	test_kernel_close();
}

static void an_sa_that_cannot_come_back_is_where_it_was(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1002, false, 20, 0);

	CU_ASSERT_EQUAL(move_out(x, EEXIST, 2), FAULT_EXISTS);
	CU_ASSERT(is_at(test_request(0), XFRM_MSG_NEWSA, "192.0.2.2") && is_at(test_request(1), XFRM_MSG_NEWSA, "198.51.100.1"));
	CU_ASSERT(entry_find(x, IPPROTO_ESP, 0x1002, false, &sa.remote) != NULL);
	test_kernel_close();
}

static void an_sa_that_is_used_up_does_not_come_back(void)
{
	struct xfrm *x = test_kernel_open();

	CU_ASSERT_EQUAL(move_out(x, ESRCH, 1), FAULT_NOT_FOUND);
	CU_ASSERT(is_at(test_request(1), XFRM_MSG_NEWSA, "198.51.100.1") && is_at(test_request(0), XFRM_MSG_DELSA, "198.51.100.1"));
	test_kernel_close();
}

/* ---- an earlier run's ---- */

static void leftovers_go_with_one_message(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24");
	struct ipsec_sa in = test_sa(0x1001, true, 20, 0), out = test_sa(0x1002, false, 20, 0);

	CU_ASSERT(state_add(x, &in) == 0 && state_add(x, &out) == 0);
	test_answer_with(test_request(0));
	test_answer_with(test_request(1));
	answer_policy(true);
	answer_policy(false);
	answer_policy(true);
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	forget_requests();
	leftovers_remove(x);
	/* Two lists, the policies, the SAs. */
	CU_ASSERT(test_kernel->sends == 4 && asked(XFRM_MSG_DELPOLICY, -1) == 2 && asked(XFRM_MSG_DELSA, -1) == 2);
	CU_ASSERT_FALSE(test_said("cannot remove"));
	/* One that is gone is fine, one that is not is said. */
	forget_requests();
	test_kernel->error = ENOENT;
	test_kernel->error_after = 2;
	test_kernel->error_count = 1;
	leftovers_remove(x);
	CU_ASSERT_FALSE(test_said("cannot remove"));
	forget_requests();
	test_kernel->error = EPERM;
	test_kernel->error_after = 5;
	leftovers_remove(x);
	CU_ASSERT(test_said("cannot remove all that was installed in the kernel: Operation not permitted"));
	test_kernel_close();
}

static const struct unit_case cases[] = {
	{ "the policies of a child are one message, and so is their end", the_policies_of_a_child_are_one_message },
	{ "many policies are few messages", many_policies_are_few_messages },
	{ "a policy that is another program's is left alone, and the child has none", one_that_is_another_programs_is_left_alone },
	{ "answers that are lost leave nothing of ours, and what is others'", answers_that_are_lost_leave_nothing },
	{ "answers that are cut leave nothing of ours, and what is others'", answers_that_are_cut_leave_nothing },
	{ "a change whose answer is lost is taken back", a_change_whose_answer_is_lost_is_taken_back },
	{ "what is put back has its priority again", what_is_put_back_has_its_priority_again },
	{ "a policy that is gone does not keep the others", one_that_is_gone_does_not_keep_the_others },
	{ "a network under everything reaches itself", a_network_under_everything_reaches_itself },
	{ "a network within the remote one is one policy", a_network_within_the_remote_one_is_one_policy },
	{ "a compressed pair ends with one message", a_compressed_pair_ends_with_one_message },
	{ "an SA moves with one message", an_sa_moves_with_one_message },
	{ "an SA that cannot come back is where it was", an_sa_that_cannot_come_back_is_where_it_was },
	{ "an SA that is used up does not come back", an_sa_that_is_used_up_does_not_come_back },
	{ "what an earlier run left goes with few messages", leftovers_go_with_one_message },
};

UNIT_MAIN("xfrm queue", cases)
