/* SPDX-License-Identifier: MIT */
/* test_comp.c - IPComp: the SA beside that of ESP or AH, the policy for both, and a kernel that has none. */
#include "test_kernel.h"
#include "unit.h"

enum { CPI = 0x1234 };

static const struct xfrm_usersa_info *info_of(size_t back)
{
	return mnl_nlmsg_get_payload(test_request(back));
}

static struct ipsec_sa comp_sa(uint32_t spi, bool inbound)
{
	struct ipsec_sa sa = test_sa(spi, inbound, 12, 5);

	sa.cpi = CPI;
	return sa;
}

static void it_has_the_tunnel(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa in = comp_sa(0x1001, true), out = comp_sa(0x1002, false);
	size_t len;

	CU_ASSERT_EQUAL(state_add(x, &in), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 2);
	CU_ASSERT(test_request(1)->nlmsg_type == XFRM_MSG_UPDSA && test_request(0)->nlmsg_type == XFRM_MSG_UPDSA);
	CU_ASSERT(info_of(1)->id.proto == IPPROTO_COMP && info_of(1)->id.spi == htonl(CPI) && info_of(1)->mode == XFRM_MODE_TUNNEL);
	CU_ASSERT(info_of(1)->reqid == 77 && info_of(1)->lft.soft_use_expires_seconds == BUILD_TAG);
	CU_ASSERT(memcmp(&info_of(1)->id.daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4) == 0);
	const struct xfrm_algo *algorithm = test_attribute(test_request(1), sizeof(*info_of(1)), XFRMA_ALG_COMP, &len);
	CU_ASSERT(algorithm && len == sizeof(*algorithm) && strcmp(algorithm->alg_name, "deflate") == 0 && algorithm->alg_key_len == 0);
	CU_ASSERT_PTR_NULL(test_attribute(test_request(1), sizeof(*info_of(1)), XFRMA_REPLAY_ESN_VAL, &len));
	/* The kernel has no selector of both families, and ours would be one of hosts. */
	CU_ASSERT(info_of(0)->id.proto == IPPROTO_ESP && info_of(0)->mode == XFRM_MODE_TRANSPORT && info_of(0)->flags == 0);
	CU_ASSERT(info_of(0)->sel.family == 0 && info_of(0)->sel.prefixlen_s == 0);
	CU_ASSERT_EQUAL(state_add(x, &out), 0);
	CU_ASSERT(test_request(1)->nlmsg_type == XFRM_MSG_NEWSA && info_of(1)->id.proto == IPPROTO_COMP);
	/* What was reserved is not there any more: both are added. */
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1002, false, &out.remote), 0);
	const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT(test_request(0)->nlmsg_type == XFRM_MSG_DELSA && id->proto == IPPROTO_COMP && id->spi == htonl(CPI));
	CU_ASSERT(memcmp(&id->daddr, (uint8_t[]){ 192, 0, 2, 2 }, 4) == 0);
	id = mnl_nlmsg_get_payload(test_request(1));
	CU_ASSERT(test_request(1)->nlmsg_type == XFRM_MSG_DELSA && id->proto == IPPROTO_ESP);
	test_kernel_close();
}

static void in_transport_mode_neither_has_one(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = comp_sa(0x1001, true);

	sa.transport = true;
	sa.local_ts = test_selector("192.0.2.1");
	sa.remote_ts = test_selector("192.0.2.2");
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	CU_ASSERT(info_of(1)->mode == XFRM_MODE_TRANSPORT && info_of(0)->mode == XFRM_MODE_TRANSPORT);
	CU_ASSERT_EQUAL(info_of(0)->sel.prefixlen_s, 32);
	test_kernel_close();
}

static void what_fails_is_undone(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = comp_sa(0x1001, false);

	test_kernel->error = EEXIST;
	CU_ASSERT_EQUAL(state_add(x, &sa), FAULT_EXISTS);
	CU_ASSERT(test_said("cannot install IPComp with CPI 4660"));
	CU_ASSERT_EQUAL(test_kernel->count, 1);
	/* The second of the two, and the removal of the first. */
	test_kernel->count = 0;
	test_kernel->error_after = 1;
	CU_ASSERT_EQUAL(state_add(x, &sa), FAULT_EXISTS);
	CU_ASSERT_EQUAL(test_kernel->count, 3);
	const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT(test_request(0)->nlmsg_type == XFRM_MSG_DELSA && id->proto == IPPROTO_COMP);
	CU_ASSERT(x->entries == NULL && x->owners == NULL);
	test_kernel_close();
}

static void it_moves_along(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = comp_sa(0x1001, false);
	struct address there = test_address("198.51.100.9", 4500);
	size_t len;

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	/* To both questions the same answer will do. */
	struct xfrm_usersa_info *info = test_answer_with(test_request(1));
	CU_ASSERT_EQUAL(info->id.proto, IPPROTO_COMP);
	CU_ASSERT_EQUAL(state_move(x, PROTO_ESP, 0x1001, false, &sa.remote, &sa.local, &there), 0);
	CU_ASSERT(test_request(0)->nlmsg_type == XFRM_MSG_NEWSA && info_of(0)->id.proto == IPPROTO_COMP);
	CU_ASSERT(memcmp(&info_of(0)->id.daddr, (uint8_t[]){ 198, 51, 100, 9 }, 4) == 0);
	CU_ASSERT_PTR_NOT_NULL(test_attribute(test_request(0), sizeof(*info), XFRMA_ALG_COMP, &len));
	const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(test_request(1));
	CU_ASSERT(test_request(1)->nlmsg_type == XFRM_MSG_DELSA && id->proto == IPPROTO_COMP && id->spi == htonl(CPI));
	CU_ASSERT_EQUAL(test_request(2)->nlmsg_type, XFRM_MSG_GETSA);
	test_kernel_close();
}

/* RFC 3173 2.2: packets that do not become smaller come without. */
static void policies_have_both(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy policy = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	size_t len;

	policy.compress = true;
	CU_ASSERT_EQUAL(policy_add(x, &policy), 0);
	CU_ASSERT_EQUAL_FATAL(test_kernel->count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(test_request(i));
		const struct xfrm_user_tmpl *t = test_attribute(test_request(i), sizeof(*info), XFRMA_TMPL, &len);
		bool is_out = info->dir == XFRM_POLICY_OUT;
		CU_ASSERT_FATAL(t && len == 2 * sizeof(*t));
		CU_ASSERT(t[0].id.proto == IPPROTO_COMP && t[0].mode == XFRM_MODE_TUNNEL && t[0].optional == !is_out && t[0].reqid == 77);
		CU_ASSERT(memcmp(&t[0].id.daddr, is_out ? (uint8_t[]){ 192, 0, 2, 2 } : (uint8_t[]){ 192, 0, 2, 1 }, 4) == 0);
		CU_ASSERT(t[1].id.proto == IPPROTO_ESP && t[1].mode == XFRM_MODE_TRANSPORT && !t[1].optional && t[1].reqid == 77);
		CU_ASSERT(t[1].id.daddr.a4 == 0 && t[1].saddr.a4 == 0 && t[1].family == AF_INET);
	}
	test_kernel_close();
}

static void a_cpi_is_reserved_where_there_is_ipcomp(void)
{
	struct xfrm *x = test_kernel_open();
	struct address local = test_address("192.0.2.1", 500), remote = test_address("192.0.2.2", 500);
	struct test_message *answer = &test_kernel->answers[test_kernel->answer_count++];
	uint32_t cpi = 0;
	void *head;

	struct nlmsghdr *message = netlink_request(&x->netlink, XFRM_MSG_NEWSA, 0, sizeof(struct xfrm_usersa_info), &head);
	((struct xfrm_usersa_info *)head)->id.spi = htonl(CPI);
	answer->len = message->nlmsg_len;
	memcpy(answer->octets, message, answer->len);
	CU_ASSERT_EQUAL(state_spi(x, PROTO_IPCOMP, &local, &remote, &cpi), 0);
	CU_ASSERT_EQUAL(cpi, CPI);
	/* Tried once with an SA that nothing uses, then asked for. */
	CU_ASSERT_EQUAL(test_kernel->count, 3);
	const struct xfrm_userspi_info *asked = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT(asked->info.id.proto == IPPROTO_COMP && asked->min == 256 && asked->max == 61439);
	CU_ASSERT_EQUAL(state_spi(x, PROTO_IPCOMP, &local, &remote, &cpi), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 4);
	/* Of the other family it is another module's. */
	test_kernel->error = EPROTONOSUPPORT;
	local = test_address("2001:db8::1", 500);
	for (size_t i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(state_spi(x, PROTO_IPCOMP, &local, &local, &cpi), FAULT_UNSUPPORTED);
	CU_ASSERT(test_kernel->count == 6 && test_kernel->sends == 4);
	CU_ASSERT(test_said("the kernel has no IPComp over IPv6"));
	CU_ASSERT(test_said("load the modules ipcomp6, xfrm6_tunnel and deflate"));
	test_kernel_close();
}

static void what_an_earlier_run_left_is_removed(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = comp_sa(0x1001, true);

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	(void)test_answer_with(test_request(1));
	test_kernel->count = 0;
	CU_ASSERT_EQUAL(leftovers_adopt(x), 0);
	const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT(test_request(0)->nlmsg_type == XFRM_MSG_DELSA && id->proto == IPPROTO_COMP && id->spi == htonl(CPI));
	test_kernel_close();
}

static void one_cpi_for_two_children_is_said(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa one = test_sa(0x1002, false, 20, 0), two = test_sa(0x1003, false, 20, 0);
	enum { DEFLATE = 2 };

	one.cpi = two.cpi = DEFLATE;
	CU_ASSERT_EQUAL(state_add(x, &one), 0);
	test_kernel->error = EEXIST;
	test_kernel->error_after = test_kernel->count;
	CU_ASSERT_EQUAL(state_add(x, &two), FAULT_EXISTS);
	CU_ASSERT(test_said("cannot install IPComp with CPI 2 beside the SA 00001003: the peer has given the same CPI to the child of the SA 00001002"));
	CU_ASSERT(test_said("write compress=\"no\" for one of the two"));
	/* The first is as it was. */
	CU_ASSERT(HASH_COUNT(x->entries) == 1 && x->entries->key.spi == 0x1002);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_NEWSA);
	/* Where it is not a child of ours it is another program's. */
	two.remote = test_address("192.0.2.3", 500);
	CU_ASSERT_EQUAL(state_add(x, &two), FAULT_EXISTS);
	CU_ASSERT(test_said("cannot install IPComp with CPI 2: File exists; another program has installed the same"));
	test_kernel_close();
}

static const struct unit_case cases[] = {
	{ "one CPI for two children of a peer is said", one_cpi_for_two_children_is_said },
	{ "in tunnel mode IPComp has the tunnel", it_has_the_tunnel },
	{ "in transport mode neither has one", in_transport_mode_neither_has_one },
	{ "what fails is undone", what_fails_is_undone },
	{ "it moves along with the other SA", it_moves_along },
	{ "policies are for both, and inbound for one", policies_have_both },
	{ "a CPI is reserved where there is IPComp", a_cpi_is_reserved_where_there_is_ipcomp },
	{ "what an earlier run left is removed", what_an_earlier_run_left_is_removed },
};

UNIT_MAIN("xfrm comp", cases)
