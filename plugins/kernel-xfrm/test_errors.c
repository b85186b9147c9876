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
	CU_ASSERT_STRING_EQUAL(why, "the kernel lacks AES-GCM (try `modprobe -a gcm aes_generic`)");
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

static const struct unit_case cases[] = {
	{ "what a proposal lacks is named with its module", what_a_proposal_lacks_is_named_with_its_module },
	{ "what is missing is looked for again, but not at once", what_is_missing_is_looked_for_again_but_not_at_once },
};

UNIT_MAIN("xfrm errors", cases)
