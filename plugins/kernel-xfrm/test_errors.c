/* SPDX-License-Identifier: MIT */
/* test_errors.c - what the kernel refuses or lacks: what becomes of it, and in which words it is said. */
#include "test_kernel.h"
#include "unit.h"

/* ---- algorithms ---- */

static struct esp_transform transform(uint8_t id, uint16_t auth)
{
	static const struct aead_alg aead = { .name = "aead" };

	return (struct esp_transform){ .id = id, .auth = auth, .aead = auth ? NULL : &aead };
}

static void what_a_proposal_lacks_is_named_with_its_module(void)
{
	struct xfrm *x = test_kernel_open();
	struct esp_transform camellia = transform(22, 5), md5 = transform(12, 1), gcm8 = transform(18, 0), none = transform(250, 5);
	char why[WHY_MAX] = "";

	CU_ASSERT_EQUAL(probe_kernel(x), 0);
	test_kernel->error = ENOSYS;
	CU_ASSERT(probe_lacks(x, &camellia, why));
	CU_ASSERT_STRING_EQUAL(why, "the kernel lacks Camellia-CBC (try `modprobe -a cbc camellia_generic`)");
	CU_ASSERT(probe_lacks(x, &md5, why));
	CU_ASSERT_STRING_EQUAL(why, "the kernel lacks HMAC-MD5 (try `modprobe -a hmac md5`)");
	/* Whatever the size of the ICV. */
	CU_ASSERT(probe_lacks(x, &gcm8, why));
	CU_ASSERT_STRING_EQUAL(why, "the kernel lacks AES-GCM (try `modprobe -a gcm aes_generic seqiv`)");
	CU_ASSERT(probe_lacks(x, &none, why));
	CU_ASSERT_STRING_EQUAL(why, "the kernel interface has no name for its cipher");
	test_kernel_close();
}

static void what_is_missing_is_looked_for_again_but_not_at_once(void)
{
	struct xfrm *x = test_kernel_open();
	struct esp_transform camellia = transform(22, 5);
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(probe_kernel(x), 0);
	test_kernel->error = ENOSYS;
	CU_ASSERT(probe_lacks(x, &camellia, why));
	size_t asked = test_kernel->count;
	CU_ASSERT(probe_lacks(x, &camellia, why));
	CU_ASSERT_EQUAL(test_kernel->count, asked);
	/* The module was loaded. */
	test_kernel->error = 0;
	test_kernel->now += 1000;
	CU_ASSERT_FALSE(probe_lacks(x, &camellia, why));
	CU_ASSERT_EQUAL(test_kernel->count, asked + 2);
	test_kernel->now += 1000000;
	CU_ASSERT_FALSE(probe_lacks(x, &camellia, why));
	CU_ASSERT_EQUAL(test_kernel->count, asked + 2);
	test_kernel_close();
}

static void a_kernel_without_ah_is_known_at_load(void)
{
	struct xfrm *x = test_kernel_open();
	struct esp_transform ah = { .is_ah = true, .auth = 5, .icv_len = 16 };
	char why[WHY_MAX] = "";

	CU_ASSERT_EQUAL(probe_kernel(x), 0);
	CU_ASSERT_FALSE(probe_lacks(x, &ah, why));
	const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(test_request(1));
	CU_ASSERT(test_request(1)->nlmsg_type == XFRM_MSG_NEWSA && info->id.proto == IPPROTO_AH && info->family == AF_INET);
	CU_ASSERT(test_request(0)->nlmsg_type == XFRM_MSG_DELSA);
	size_t asked = test_kernel->count;
	CU_ASSERT_FALSE(probe_lacks(x, &ah, why));
	CU_ASSERT_EQUAL(test_kernel->count, asked);
	/* Of both families; and it may be loaded later. */
	x->has_ah = false;
	test_kernel->now += 1000;
	test_kernel->error = EPROTONOSUPPORT;
	CU_ASSERT(probe_lacks(x, &ah, why));
	CU_ASSERT_STRING_EQUAL(why, "the kernel has no AH (try `modprobe -a ah4 ah6`)");
	CU_ASSERT_EQUAL(test_kernel->count, asked + 4);
	CU_ASSERT(probe_lacks(x, &ah, why));
	CU_ASSERT_EQUAL(test_kernel->count, asked + 4);
	test_kernel->now += 1000;
	test_kernel->error_after = test_kernel->count;
	test_kernel->error_count = 2;
	CU_ASSERT_FALSE(probe_lacks(x, &ah, why));
	test_kernel_close();
}

/* ---- every request, every error ---- */

/* Each of these begins where its prepare() ends. */
static struct ipsec_sa in, out;
static struct ipsec_policy policy;

static int nothing(struct xfrm *x)
{
	(void)x;
	return 0;
}

static int add_in(struct xfrm *x) { return state_add(x, &in); }
static int add_out(struct xfrm *x) { return state_add(x, &out); }

static int read_out(struct xfrm *x)
{
	int fault = state_add(x, &out);

	test_answer_with(test_request(0));
	return fault;
}

/* The kernel changes ports in place. */
static int move_port(struct xfrm *x)
{
	struct address remote = test_address("192.0.2.2", 4501);

	return state_move(x, PROTO_ESP, out.spi, false, &out.remote, &out.local, &remote);
}

static int delete_in(struct xfrm *x) { return state_delete(x, PROTO_ESP, in.spi, true, &in.remote); }
static int add_policy(struct xfrm *x) { return policy_add(x, &policy); }
static int delete_policy(struct xfrm *x) { return policy_delete(x, policy.child); }

static int change_policy(struct xfrm *x)
{
	struct ipsec_policy other = policy;

	other.remote = test_address("198.51.100.1", 0);
	return policy_add(x, &other);
}

static int get_spi(struct xfrm *x)
{
	uint32_t spi;

	return state_spi(x, PROTO_ESP, &in.local, &in.remote, &spi);
}

static int resync(struct xfrm *x)
{
	test_kernel->events.len = 0;
	events_read(x);
	return 0;
}

enum {
	TELLS = 1 << 0,            /* the fault is the caller's to know; else it goes on                   */
	GONE_IS_FINE = 1 << 1,     /* what the kernel does not have need not be removed                    */
};

/* clang-format off */
static const struct request {
	int (*prepare)(struct xfrm *x), (*run)(struct xfrm *x);
	unsigned flags, entries, owners;           /* after it failed                                     */
	const char *what;
} requests[] = {
	{ nothing,    add_in,          TELLS,                0, 0, "cannot install the inbound SA 00001001" },
	{ nothing,    add_out,         TELLS,                0, 0, "cannot install the outbound SA 00001002" },
	{ read_out,   move_port,       TELLS,                1, 1, "cannot move the outbound SA 00001002" },
	{ add_in,     delete_in,       TELLS | GONE_IS_FINE, 0, 0, "cannot delete the inbound SA 00001001" },
	{ nothing,    add_policy,      TELLS,                0, 0, "cannot install the policy of 10.1.0.0/16 to 10.2.0.0/16" },
	{ add_policy, change_policy,   TELLS,                0, 1, "cannot install the policy of 10.1.0.0/16 to 10.2.0.0/16" },
	{ add_policy, delete_policy,   GONE_IS_FINE,         0, 0, "cannot remove the policy of 10.1.0.0/16 to 10.2.0.0/16" },
	{ nothing,    get_spi,         TELLS,                0, 0, "cannot reserve an SPI" },
	{ nothing,    leftovers_adopt, TELLS,                0, 0, "cannot remove what an earlier run left in the kernel" },
	{ add_in,     resync,          0,                    1, 0, "cannot list the SAs to find out what the kernel said" },
};
static const struct { int error, fault; const char *advice; } errors[] = {
	{ EEXIST,      FAULT_EXISTS,      "File exists; another program has installed the same; `ip xfrm state` and `ip xfrm policy` show it" },
	{ ESRCH,       FAULT_NOT_FOUND,   "No such process; it is gone: another program, or `ip xfrm ... flush`, has removed it" },
	{ ENOBUFS,     FAULT_MEMORY,      "No buffer space available; the kernel has no memory left for it" },
	{ ENOPROTOOPT, FAULT_UNSUPPORTED, "Protocol not available; the kernel was built without it" },
	{ EPERM,       FAULT_PERMISSION,  "Operation not permitted; needs CAP_NET_ADMIN; run as root or grant it" },
};
/* clang-format on */

static bool fails_well(const struct request *r, size_t e)
{
	struct xfrm *x = test_kernel_open();
	char said[256];

	in = test_sa(0x1001, true, 20, 0);
	out = test_sa(0x1002, false, 20, 0);
	out.udp_encap = true;
	policy = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	CU_ASSERT_EQUAL(r->prepare(x), 0);
	/* The second half of what is added instead fails too. */
	test_kernel->error = errors[e].error;
	test_kernel->error_after = test_kernel->count;
	bool is_fine = errors[e].error == ESRCH && (r->flags & GONE_IS_FINE);
	int fault = r->run(x), expected = !is_fine && (r->flags & TELLS) ? errors[e].fault : 0;
	snprintf(said, sizeof(said), "%s: %s", r->what, errors[e].advice);
	bool is_well = fault == expected && test_said(said) == !is_fine && HASH_COUNT(x->entries) == r->entries &&
		       HASH_COUNT(x->owners) == r->owners;
	/* And it is not stuck. */
	test_kernel->error = 0;
	if (r->run == add_in || r->run == add_out || r->run == add_policy || r->run == change_policy || r->run == move_port)
		is_well &= r->run(x) == 0;
	if (!is_well)
		printf("# %s, errno %d: fault %d, last said: %s\n", r->what, errors[e].error, fault,
		       test_kernel->lines[(test_kernel->line_count + SAID_MAX - 1) % SAID_MAX]);
	test_kernel_close();
	return is_well;
}

static void each_request_that_fails_says_what_why_and_what_to_do(void)
{
	for (size_t i = 0; i < COUNT(requests); i++)
		for (size_t e = 0; e < COUNT(errors); e++)
			CU_ASSERT(fails_well(&requests[i], e));
}

static void a_policy_that_cannot_change_is_what_it_was(void)
{
	struct xfrm *x = test_kernel_open();

	policy = test_policy(77, "10.1.0.0/16", "10.2.0.0/16");
	CU_ASSERT_EQUAL(policy_add(x, &policy), 0);
	test_kernel->error = EPERM;
	/* The first of three succeeds, and is put back. */
	test_kernel->error_after = test_kernel->count + 1;
	CU_ASSERT_EQUAL(change_policy(x), FAULT_PERMISSION);
	CU_ASSERT(address_same_host(&owner_find(x, 77)->policy.remote, &policy.remote));
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDPOLICY);
	CU_ASSERT_EQUAL(HASH_COUNT(x->rules), 3);
	test_kernel_close();
}

static void an_sa_that_the_kernel_did_not_keep_is_added(void)
{
	struct xfrm *x = test_kernel_open();

	in = test_sa(0x1001, true, 20, 0);
	test_kernel->error = ESRCH;
	CU_ASSERT_EQUAL(state_add(x, &in), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(test_kernel->count, 2);
	CU_ASSERT(test_request(1)->nlmsg_type == XFRM_MSG_UPDSA && test_request(0)->nlmsg_type == XFRM_MSG_NEWSA);
	test_kernel_close();
}

static void a_list_that_failed_is_made_again(void)
{
	struct xfrm *x = test_kernel_open();

	in = test_sa(0x1001, true, 20, 0);
	CU_ASSERT_EQUAL(state_add(x, &in), 0);
	test_kernel->error = ENOBUFS;
	(void)resync(x);
	size_t asked = test_kernel->count;
	events_resync(x);
	CU_ASSERT_EQUAL(test_kernel->count, asked);
	/* Then the kernel has the SA no more, and the host is told. */
	test_kernel->error = 0;
	test_kernel->now += 1000;
	events_resync(x);
	CU_ASSERT_EQUAL(test_kernel->count, asked + 1);
	CU_ASSERT(test_kernel->expires == 1 && test_kernel->expired == 0x1001 && test_kernel->expired_hard);
	test_kernel->now += 1000;
	events_resync(x);
	CU_ASSERT_EQUAL(test_kernel->count, asked + 1);
	test_kernel_close();
}

static const struct unit_case cases[] = {
	{ "a list of the SAs that failed is made again", a_list_that_failed_is_made_again },
	{ "each request that fails says what, why, and what to do, and can be made again", each_request_that_fails_says_what_why_and_what_to_do },
	{ "a policy that cannot change is what it was", a_policy_that_cannot_change_is_what_it_was },
	{ "an SA that the kernel did not keep is added", an_sa_that_the_kernel_did_not_keep_is_added },
	{ "a kernel without AH is known when the configuration is loaded", a_kernel_without_ah_is_known_at_load },
	{ "what a proposal lacks is named with its module", what_a_proposal_lacks_is_named_with_its_module },
	{ "what is missing is looked for again, but not at once", what_is_missing_is_looked_for_again_but_not_at_once },
};

UNIT_MAIN("xfrm errors", cases)
