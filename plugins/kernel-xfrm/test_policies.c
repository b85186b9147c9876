/* SPDX-License-Identifier: MIT */
/* test_policies.c - policies, what an earlier run left, what the kernel says by itself. */
#include "test_kernel.h"
#include "unit.h"

#include <unistd.h>

static const struct xfrm_userpolicy_info *policy_of(const struct nlmsghdr *message)
{
	return mnl_nlmsg_get_payload(message);
}

static const struct xfrm_user_tmpl *template_of(const struct nlmsghdr *message)
{
	size_t len;
	const void *at = test_attribute(message, sizeof(struct xfrm_userpolicy_info), XFRMA_TMPL, &len);

	return len == sizeof(struct xfrm_user_tmpl) ? at : NULL;
}

static void a_tunnel_has_three_policies(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24");
	static const uint8_t directions[] = { XFRM_POLICY_OUT, XFRM_POLICY_FWD, XFRM_POLICY_IN };

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL_FATAL(test_kernel->count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct xfrm_userpolicy_info *info = policy_of(test_request(i));
		const struct xfrm_user_tmpl *template = template_of(test_request(i));
		bool is_out = directions[i] == XFRM_POLICY_OUT;
		CU_ASSERT_EQUAL(test_request(i)->nlmsg_type, XFRM_MSG_NEWPOLICY);
		CU_ASSERT_EQUAL(info->dir, directions[i]);
		CU_ASSERT_EQUAL(info->action, XFRM_POLICY_ALLOW);
		CU_ASSERT(info->lft.soft_use_expires_seconds == BUILD_TAG && info->lft.hard_byte_limit == XFRM_INF);
		CU_ASSERT_EQUAL(info->sel.prefixlen_s, is_out ? 16 : 24);
		CU_ASSERT(memcmp(&info->sel.daddr, is_out ? (uint8_t[]){ 10, 2, 0, 0 } : (uint8_t[]){ 10, 1, 0, 0 }, 4) == 0);
		CU_ASSERT_FATAL(template != NULL);
		CU_ASSERT(template->reqid == 77 && template->mode == XFRM_MODE_TUNNEL && template->id.proto == IPPROTO_ESP &&
			  template->optional == 0 && template->family == AF_INET);
		CU_ASSERT(memcmp(&template->saddr, is_out ? (uint8_t[]){ 192, 0, 2, 1 } : (uint8_t[]){ 0, 0, 0, 0 }, 4) == 0);
	}
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 6);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELPOLICY);
	CU_ASSERT(x->rules == NULL && x->owners == NULL);
	CU_ASSERT_EQUAL(policy_delete(x, 77), FAULT_NOT_FOUND);
	test_kernel_close();
}

static void a_peer_that_is_not_known_yet_is_asked_for(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/24");

	p.local = p.remote = (struct address){ .family = 0 };
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	const struct xfrm_user_tmpl *template = template_of(test_request(0));
	CU_ASSERT_FATAL(template != NULL);
	CU_ASSERT_EQUAL(template->family, AF_INET);
	CU_ASSERT(memcmp(&template->saddr, (uint8_t[]){ 127, 0, 0, 1 }, 4) == 0);
	CU_ASSERT(memcmp(&template->id.daddr, (uint8_t[]){ 0, 0, 0, 0 }, 4) == 0);
	test_kernel_close();
}

static void transport_has_no_forwarding(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "192.0.2.1[udp/1701]", "192.0.2.2[udp]");

	p.transport = true;
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 2);
	const struct xfrm_userpolicy_info *out = policy_of(test_request(0));
	CU_ASSERT(out->dir == XFRM_POLICY_OUT && out->sel.proto == IPPROTO_UDP);
	CU_ASSERT(ntohs(out->sel.sport) == 1701 && out->sel.sport_mask == 0xffff && out->sel.dport_mask == 0);
	CU_ASSERT_EQUAL(template_of(test_request(0))->mode, XFRM_MODE_TRANSPORT);
	test_kernel_close();
}

static uint32_t priority_of(const char *local, const char *remote)
{
	struct xfrm *x = test_kernel->x;
	struct ipsec_policy p = test_policy(1, local, remote);

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	uint32_t priority = policy_of(test_request(0))->priority;
	CU_ASSERT_EQUAL(policy_delete(x, 1), 0);
	test_kernel->count = 0;
	return priority;
}

static void the_more_specific_goes_first(void)
{
	test_kernel_open();
	uint32_t all = priority_of("0.0.0.0/0", "0.0.0.0/0"), wide = priority_of("10.1.0.0/16", "10.2.0.0/16"),
		 near = priority_of("10.1.0.0/16", "10.2.3.0/24"), nearer = priority_of("10.1.1.0/24", "10.2.3.0/24"),
		 port = priority_of("10.1.1.0/24", "10.2.3.0/24[tcp/22]");
	CU_ASSERT(port < nearer && nearer < near && near < wide);
	CU_ASSERT(port > PRIORITY_NEIGHBOUR);
	CU_ASSERT(wide < all);
	test_kernel_close();
}

static void a_range_becomes_prefixes(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.1-10.2.0.6");

	/* .1, .2/31, .4/31, .6 */
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 12);
	test_kernel->count = 0;
	p = test_policy(78, "10.1.0.1-10.1.255.254", "10.2.0.1-10.2.255.254");
	CU_ASSERT_EQUAL(policy_add(x, &p), FAULT_INPUT);
	CU_ASSERT(test_said("too many policies; write prefixes"));
	CU_ASSERT_EQUAL(test_kernel->count, 0);
	p = test_policy(79, "10.1.0.0/16", "2001:db8::/64");
	CU_ASSERT_EQUAL(policy_add(x, &p), FAULT_INPUT);
	CU_ASSERT(test_said("not of one family"));
	test_kernel_close();
}

static void neighbours_are_found_beside_ipv6_policies(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "fd01::/64", "::/0");
	size_t open = 0;

	p.local = test_address("2001:db8::1", 0);
	p.remote = test_address("2001:db8::2", 0);
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	for (size_t i = 0; i < test_kernel->count; i++) {
		const struct xfrm_userpolicy_info *info = policy_of(test_request(i));
		open += info->priority == PRIORITY_NEIGHBOUR && info->sel.proto == IPPROTO_ICMPV6 && !template_of(test_request(i));
	}
	CU_ASSERT_EQUAL(open, 10);
	test_kernel_close();
}

static void a_policy_goes_with_the_last_outbound_sa(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	struct ipsec_sa one = test_sa(0x1001, false, 20, 0), two = test_sa(0x1002, false, 20, 0);

	CU_ASSERT(policy_add(x, &p) == 0 && state_add(x, &one) == 0 && state_add(x, &two) == 0);
	test_kernel->count = 0;
	CU_ASSERT_EQUAL(policy_delete(x, 77), 0);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1001, false, &one.remote), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 1);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1002, false, &two.remote), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 5);
	CU_ASSERT_EQUAL(test_request(3)->nlmsg_type, XFRM_MSG_DELSA);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELPOLICY);
	CU_ASSERT(x->rules == NULL && x->owners == NULL);
	test_kernel_close();
}

static void a_policy_that_is_replaced_leaves_no_gap(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	/* Nothing is touched for nothing: the kernel would send what waits for its SA. */
	test_kernel->count = 0;
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 0);
	p.remote = test_address("198.51.100.1", 0);
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 3);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT(memcmp(&template_of(test_request(0))->id.daddr, (uint8_t[]){ 198, 51, 100, 1 }, 4) == 0);
	/* Other selectors: the new ones come before the old ones go. */
	test_kernel->count = 0;
	p.remote_ts = test_selector("10.3.0.0/16");
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 6);
	CU_ASSERT_EQUAL(test_request(3)->nlmsg_type, XFRM_MSG_NEWPOLICY);
	CU_ASSERT_EQUAL(test_request(2)->nlmsg_type, XFRM_MSG_DELPOLICY);
	CU_ASSERT_EQUAL(HASH_COUNT(x->rules), 3);
	test_kernel_close();
}

static void equal_selectors_are_the_newest_childs(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy one = test_policy(1, "10.1.0.0/16", "10.2.0.0/16"), two = test_policy(2, "10.1.0.0/16", "10.2.0.0/16");

	CU_ASSERT(policy_add(x, &one) == 0 && policy_add(x, &two) == 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT_EQUAL(template_of(test_request(0))->reqid, 2);
	/* Who is not on top goes quietly; who is makes room for the other. */
	CU_ASSERT_EQUAL(policy_add(x, &one), 0);
	test_kernel->count = 0;
	CU_ASSERT_EQUAL(policy_delete(x, 1), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 3);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT_EQUAL(template_of(test_request(0))->reqid, 2);
	CU_ASSERT_EQUAL(policy_delete(x, 2), 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELPOLICY);
	CU_ASSERT_PTR_NULL(x->rules);
	test_kernel_close();
}

static struct ipsec_policy shunt(uint32_t id, enum ipsec_action action, const char *local, const char *remote)
{
	return (struct ipsec_policy){ .child = id, .action = action, .local_ts = test_selector(local), .remote_ts = test_selector(remote) };
}

static void a_shunt_has_no_template(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy pass = shunt(1, IPSEC_BYPASS, "10.1.0.0/16", "0.0.0.0/0"), drop = shunt(2, IPSEC_DROP, "0.0.0.0/0", "10.2.0.0/16[tcp/22]");

	CU_ASSERT(policy_add(x, &pass) == 0 && policy_add(x, &drop) == 0);
	/* Forwarded too; and a network does not reach itself beside it, for that is in it. */
	CU_ASSERT_EQUAL_FATAL(test_kernel->count, 6);
	for (size_t i = 0; i < 6; i++) {
		CU_ASSERT_PTR_NULL(template_of(test_request(i)));
		CU_ASSERT_EQUAL(policy_of(test_request(i))->action, i < 3 ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW);
	}
	CU_ASSERT_EQUAL(ntohs(policy_of(test_request(0))->sel.dport), 22);
	CU_ASSERT(policy_delete(x, 1) == 0 && policy_delete(x, 2) == 0);
	CU_ASSERT(x->rules == NULL && x->owners == NULL);
	test_kernel_close();
}

static void at_a_tie_the_shunt_wins(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy child = test_policy(77, "10.1.0.0/16", "10.2.0.0/16"), drop = shunt(2, IPSEC_DROP, "10.1.0.0/16", "10.2.0.0/16");

	CU_ASSERT_EQUAL(policy_add(x, &child), 0);
	uint32_t of_child = policy_of(test_request(0))->priority;
	CU_ASSERT_EQUAL(policy_add(x, &drop), 0);
	CU_ASSERT(policy_of(test_request(0))->priority < of_child);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	/* Also over a child that comes later, and it changes nothing in the kernel. */
	test_kernel->count = 0;
	CU_ASSERT_EQUAL(policy_add(x, &child), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 0);
	CU_ASSERT_EQUAL(policy_delete(x, 2), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 3);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT(template_of(test_request(0)) && template_of(test_request(0))->reqid == 77);
	CU_ASSERT_EQUAL(policy_of(test_request(0))->priority, of_child);
	/* A narrower child goes before it all the same. */
	CU_ASSERT_EQUAL(policy_add(x, &drop), 0);
	uint32_t of_shunt = policy_of(test_request(0))->priority;
	child = test_policy(78, "10.1.0.0/16", "10.2.3.0/24");
	CU_ASSERT_EQUAL(policy_add(x, &child), 0);
	CU_ASSERT(policy_of(test_request(0))->priority < of_shunt);
	test_kernel_close();
}

static void half_a_policy_is_none(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");

	test_kernel->error = EEXIST;
	test_kernel->error_after = 2;
	CU_ASSERT_EQUAL(policy_add(x, &p), FAULT_EXISTS);
	CU_ASSERT(test_said("cannot install the policy of 10.1.0.0/16 to 10.2.0.0/16: File exists; another program"));
	/* Two were there and are taken back. */
	CU_ASSERT_EQUAL(test_kernel->count, 5);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELPOLICY);
	CU_ASSERT(x->rules == NULL && x->owners == NULL);
	test_kernel_close();
}

static void a_policy_follows_its_outbound_sa(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	struct ipsec_sa sa = test_sa(0x1001, false, 20, 0);
	struct address remote = test_address("198.51.100.1", 4500);

	CU_ASSERT(policy_add(x, &p) == 0 && state_add(x, &sa) == 0);
	test_answer_with(test_request(0));
	test_kernel->count = 0;
	CU_ASSERT_EQUAL(state_move(x, PROTO_ESP, 0x1001, false, &sa.remote, &sa.local, &remote), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 6);
	CU_ASSERT_EQUAL(test_request(5)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT(memcmp(&template_of(test_request(3))->id.daddr, (uint8_t[]){ 198, 51, 100, 1 }, 4) == 0);
	test_kernel_close();
}

/* ---- what is left ---- */

static struct xfrm_userpolicy_info *left_policy(uint64_t tag, uint8_t direction)
{
	struct test_message *answer = &test_kernel->answers[test_kernel->answer_count++];
	struct nlmsghdr *message = mnl_nlmsg_put_header(answer->octets);
	struct xfrm_userpolicy_info *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = XFRM_MSG_NEWPOLICY;
	info->sel.family = AF_INET;
	info->sel.prefixlen_s = info->sel.prefixlen_d = 16;
	memcpy(&info->sel.saddr, (uint8_t[]){ 10, 1 }, 2);
	memcpy(&info->sel.daddr, (uint8_t[]){ 10, 2 }, 2);
	info->dir = direction;
	info->lft.soft_use_expires_seconds = tag;
	answer->len = message->nlmsg_len;
	return info;
}

static struct xfrm_usersa_info *left_sa(uint32_t spi, uint64_t tag, uint32_t reqid)
{
	struct test_message *answer = &test_kernel->answers[test_kernel->answer_count++];
	struct nlmsghdr *message = mnl_nlmsg_put_header(answer->octets);
	struct xfrm_usersa_info *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = XFRM_MSG_NEWSA;
	info->id.spi = htonl(spi);
	info->id.proto = IPPROTO_ESP;
	info->family = AF_INET;
	info->reqid = reqid;
	info->lft.soft_use_expires_seconds = tag;
	info->lft.soft_byte_limit = info->lft.soft_packet_limit = XFRM_INF;
	memcpy(&info->id.daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4);
	answer->len = message->nlmsg_len;
	return info;
}

static void what_an_earlier_run_left_is_taken_over(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");

	left_sa(0x1001, BUILD_TAG, 77);
	left_sa(0x1002, 0, 77);
	left_sa(0x1003, 0, REQID_SPI);
	left_policy(BUILD_TAG, XFRM_POLICY_OUT);
	left_policy(BUILD_TAG, XFRM_POLICY_FWD);
	left_policy(0, XFRM_POLICY_IN);
	CU_ASSERT_EQUAL(leftovers_adopt(x), 0);
	CU_ASSERT(test_said("an earlier run left 2 SAs and 2 policies"));
	/* Two lists, two deletions; the SA and the policy of others stay. */
	CU_ASSERT_EQUAL(test_kernel->count, 4);
	CU_ASSERT_EQUAL(((const struct xfrm_usersa_id *)mnl_nlmsg_get_payload(test_request(1)))->spi, htonl(0x1001));
	CU_ASSERT_EQUAL(((const struct xfrm_usersa_id *)mnl_nlmsg_get_payload(test_request(0)))->spi, htonl(0x1003));
	CU_ASSERT_EQUAL(x->orphans_until, 1000000 + ORPHAN_MS);
	/* The one that is wanted again is replaced, the other goes. */
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(policy_of(test_request(0))->dir, XFRM_POLICY_OUT);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT_EQUAL(test_request(2)->nlmsg_type, XFRM_MSG_NEWPOLICY);
	test_kernel->count = 0;
	orphans_remove(x);
	CU_ASSERT_EQUAL(test_kernel->count, 1);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELPOLICY);
	CU_ASSERT_EQUAL(((const struct xfrm_userpolicy_id *)mnl_nlmsg_get_payload(test_request(0)))->dir, XFRM_POLICY_FWD);
	CU_ASSERT_EQUAL(HASH_COUNT(x->rules), 3);
	test_kernel_close();
}

static void at_the_end_what_waits_goes_too(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");

	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	test_kernel->count = 0;
	left_sa(0, 0, 77)->seq = 5;
	left_sa(0, 0, 78)->seq = 6;
	leftovers_remove(x);
	/* It gets an SPI so that it can be deleted. */
	CU_ASSERT_EQUAL(test_kernel->count, 4);
	CU_ASSERT_EQUAL(test_request(1)->nlmsg_type, XFRM_MSG_ALLOCSPI);
	CU_ASSERT_EQUAL(((const struct xfrm_userspi_info *)mnl_nlmsg_get_payload(test_request(1)))->info.seq, 5);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELSA);
	test_kernel_close();
}

/* ---- events ---- */

static void acquire_event(uint64_t tag, uint32_t reqid)
{
	struct xfrm_user_acquire *acquire;
	struct nlmsghdr *message = test_event_of(XFRM_MSG_ACQUIRE, sizeof(*acquire), &acquire);
	struct xfrm_user_tmpl template = { .reqid = reqid };

	acquire->policy.lft.soft_use_expires_seconds = tag;
	mnl_attr_put(message, XFRMA_TMPL, sizeof(template), &template);
	test_kernel->events.len = message->nlmsg_len;
	events_read(test_kernel->x);
}

static void the_first_packet_asks_for_its_child(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");

	p.want_acquire = true;
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	p = test_policy(78, "10.1.0.0/16", "10.3.0.0/16");
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	acquire_event(0, 77);
	acquire_event(BUILD_TAG, 78);
	acquire_event(BUILD_TAG, 79);
	CU_ASSERT_EQUAL(test_kernel->acquires, 0);
	acquire_event(BUILD_TAG, 77);
	CU_ASSERT(test_kernel->acquires == 1 && test_kernel->acquired == 77);
	test_kernel_close();
}

static void an_sa_that_is_used_up_is_told_once(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa in = test_sa(0x1001, true, 20, 0);
	struct xfrm_user_expire *expire;

	CU_ASSERT_EQUAL(state_add(x, &in), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct nlmsghdr *message = test_event_of(XFRM_MSG_EXPIRE, sizeof(*expire), &expire);
		expire->state.id.spi = htonl(i == 3 ? 0x2222 : 0x1001);
		expire->state.id.proto = IPPROTO_ESP;
		expire->state.family = AF_INET;
		memcpy(&expire->state.id.daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4);
		expire->hard = i == 2;
		test_kernel->events.len = message->nlmsg_len;
		events_read(x);
	}
	CU_ASSERT_EQUAL(test_kernel->expires, 2);
	CU_ASSERT(test_kernel->expired == 0x1001 && test_kernel->expired_inbound && test_kernel->expired_hard);
	test_kernel_close();
}

static void a_peer_with_another_port_is_told_at_most_once_a_second(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa in = test_sa(0x1001, true, 20, 0);
	struct xfrm_user_mapping *mapping;

	in.udp_encap = true;
	CU_ASSERT_EQUAL(state_add(x, &in), 0);
	struct nlmsghdr *message = test_event_of(XFRM_MSG_MAPPING, sizeof(*mapping), &mapping);
	mapping->id.spi = htonl(0x1001);
	mapping->id.proto = IPPROTO_ESP;
	mapping->id.family = AF_INET;
	memcpy(&mapping->id.daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4);
	memcpy(&mapping->new_saddr, (uint8_t[]){ 203, 0, 113, 5 }, 4);
	mapping->new_sport = htons(40000);
	test_kernel->events.len = message->nlmsg_len;
	events_read(x);
	events_read(x);
	CU_ASSERT(test_kernel->moves == 1 && test_kernel->moved == 0x1001 && test_kernel->moved_to.port == 40000);
	CU_ASSERT(memcmp(test_kernel->moved_to.ip, (uint8_t[]){ 203, 0, 113, 5 }, 4) == 0);
	test_kernel->now += 1000;
	events_read(x);
	CU_ASSERT_EQUAL(test_kernel->moves, 2);
	test_kernel_close();
}

static void lost_events_are_found_by_listing(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	struct ipsec_sa in = test_sa(0x1001, true, 20, 0), out = test_sa(0x1002, false, 20, 0);

	p.want_acquire = true;
	CU_ASSERT(policy_add(x, &p) == 0 && state_add(x, &in) == 0 && state_add(x, &out) == 0);
	struct xfrm_usersa_info *info = left_sa(0x1001, BUILD_TAG, 77);
	info->lft.soft_byte_limit = 100;
	info->curlft.bytes = 100;
	left_sa(0, 0, 77);
	test_kernel->events.len = 0;
	events_read(x);
	CU_ASSERT(test_said("events of the kernel were lost"));
	CU_ASSERT(test_kernel->acquires == 1 && test_kernel->acquired == 77);
	/* The inbound one nearly used up, the outbound one gone. */
	CU_ASSERT_EQUAL(test_kernel->expires, 2);
	CU_ASSERT(test_kernel->expired == 0x1002 && !test_kernel->expired_inbound && test_kernel->expired_hard);
	events_read(x);
	CU_ASSERT_EQUAL(test_kernel->expires, 2);
	test_kernel_close();
}

/* ---- what the kernel can ---- */

static void a_kernel_without_esp_says_so(void)
{
	struct xfrm *x = test_kernel_open();

	test_kernel->error = EPROTONOSUPPORT;
	CU_ASSERT_EQUAL(probe_kernel(x), FAULT_UNSUPPORTED);
	CU_ASSERT_EQUAL(test_kernel->sends, 1);
	CU_ASSERT(test_said("the kernel has no ESP (Protocol not supported): load module esp4"));
	test_kernel->error = EPERM;
	CU_ASSERT_EQUAL(probe_kernel(x), FAULT_PERMISSION);
	CU_ASSERT(test_said("needs CAP_NET_ADMIN"));
	test_kernel->error = 0;
	CU_ASSERT_EQUAL(probe_kernel(x), 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELSA);
	test_kernel_close();
}

static void what_the_kernel_lacks_is_said_in_one_line(void)
{
	struct xfrm *x = test_kernel_open();

	CU_ASSERT_EQUAL(probe_kernel(x), 0);
	test_kernel->error = ENOSYS;
	probe_algorithms(x, &x->netlink);
	CU_ASSERT(test_said("the kernel lacks for ESP: AES-CTR, Camellia-CBC, 3DES-CBC, NULL, AES-GCM, AES-CCM, HMAC-SHA1, HMAC-SHA2-384, "
			    "HMAC-SHA2-512, HMAC-MD5;"));
	test_kernel_close();
}

static char switch_of(const char *path)
{
	FILE *file = fopen(path, "r");
	int value = file ? getc(file) : EOF;

	if (file)
		fclose(file);
	return (char)value;
}

/* The kernel looks for an SA again when the policy is written, else only in a while. */
static void what_waits_goes_with_the_first_sa(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	struct ipsec_sa one = test_sa(0x1002, false, 12, 5), two = test_sa(0x1003, false, 12, 5);

	CU_ASSERT(policy_add(x, &p) == 0 && state_add(x, &one) == 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_NEWSA);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, one.spi, false, &one.remote), 0);
	p.want_acquire = true;
	CU_ASSERT(policy_add(x, &p) == 0 && state_add(x, &one) == 0);
	CU_ASSERT_EQUAL(test_request(3)->nlmsg_type, XFRM_MSG_NEWSA);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT_EQUAL(template_of(test_request(0))->reqid, 77);
	CU_ASSERT_EQUAL(state_add(x, &two), 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_NEWSA);
	test_kernel_close();
}

static void packets_wait_until_the_end(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_policy p = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	char path[] = "test_policies.XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0 && write(fd, "1\n", 2) == 2);
	close(fd);
	x->larval_drop = path;
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(switch_of(path), '1');
	p.want_acquire = true;
	CU_ASSERT_EQUAL(policy_add(x, &p), 0);
	CU_ASSERT_EQUAL(switch_of(path), '0');
	larval_restore(x);
	CU_ASSERT_EQUAL(switch_of(path), '1');
	x->larval_drop = "/dev/null";
	unlink(path);
	test_kernel_close();
}

static const struct unit_case cases[] = {
	{ "a tunnel has three policies", a_tunnel_has_three_policies },
	{ "a peer that is not known yet is asked for", a_peer_that_is_not_known_yet_is_asked_for },
	{ "transport has no forwarding", transport_has_no_forwarding },
	{ "the more specific goes first", the_more_specific_goes_first },
	{ "a range becomes prefixes", a_range_becomes_prefixes },
	{ "neighbours are found beside IPv6 policies", neighbours_are_found_beside_ipv6_policies },
	{ "a policy goes with the last outbound SA", a_policy_goes_with_the_last_outbound_sa },
	{ "a policy that is replaced leaves no gap", a_policy_that_is_replaced_leaves_no_gap },
	{ "equal selectors are the newest child's", equal_selectors_are_the_newest_childs },
	{ "a shunt passes or drops what it selects, in all directions", a_shunt_has_no_template },
	{ "at a tie the shunt wins, a narrower child goes before it", at_a_tie_the_shunt_wins },
	{ "half a policy is none", half_a_policy_is_none },
	{ "a policy follows its outbound SA", a_policy_follows_its_outbound_sa },
	{ "what an earlier run left is taken over", what_an_earlier_run_left_is_taken_over },
	{ "at the end what waits goes too", at_the_end_what_waits_goes_too },
	{ "what waits goes with the first SA", what_waits_goes_with_the_first_sa },
	{ "the first packet asks for its child", the_first_packet_asks_for_its_child },
	{ "packets wait until the end", packets_wait_until_the_end },
	{ "an SA that is used up is told once", an_sa_that_is_used_up_is_told_once },
	{ "a peer with another port is told at most once a second", a_peer_with_another_port_is_told_at_most_once_a_second },
	{ "lost events are found by listing", lost_events_are_found_by_listing },
	{ "a kernel without ESP says so", a_kernel_without_esp_says_so },
	{ "what the kernel lacks is said in one line", what_the_kernel_lacks_is_said_in_one_line },
};

UNIT_MAIN("xfrm policies", cases)
