/* SPDX-License-Identifier: MIT */
/* test_exchange_quick.c - the table of Quick Mode: which messages fit which row. Whole negotiations are in tests/pairs. */
#include "exchange.h"
#include "plugin.h"
#include "unit.h"

static const struct exchange_mode *mode(void)
{
	return plugin.provides[0].ops;
}

static void table(void)
{
	struct table_fault fault;

	CU_ASSERT(exchange_table_check(mode(), &fault));
	CU_ASSERT(mode()->step_count == 3 && !mode()->creates_sa && mode()->major == 1 && mode()->type == EXCHANGE_QUICK);
	CU_ASSERT_STRING_EQUAL(plugin.provides[0].key, "1/32");
	CU_ASSERT_STRING_EQUAL(plugin.name, "exchange-quick");
	CU_ASSERT_PTR_NULL(mode()->word);
}

struct row {
	const char *says;
	size_t message;
	bool encrypted;
	uint8_t payloads[8];
	size_t count;
	enum verdict want;
};

static const struct row rows[] = {
	{ "message 1 is HASH, SA, Ni", 1, true, { PAY_HASH, PAY_SA, PAY_NONCE }, 3, STEP_OK },
	{ "message 1 may carry KE and both IDs", 1, true, { PAY_HASH, PAY_SA, PAY_NONCE, PAY_KE, PAY_ID, PAY_ID }, 6, STEP_OK },
	{ "message 1 may carry the original addresses", 1, true, { PAY_HASH, PAY_SA, PAY_NONCE, PAY_NATOA, PAY_NATOA_DRAFT }, 5, STEP_OK },
	{ "message 1 in the clear is dropped", 1, false, { PAY_HASH, PAY_SA, PAY_NONCE }, 3, STEP_DROP },
	{ "HASH comes first", 1, true, { PAY_SA, PAY_HASH, PAY_NONCE }, 3, STEP_DROP },
	{ "message 1 without HASH is dropped", 1, true, { PAY_SA, PAY_NONCE }, 2, STEP_DROP },
	{ "message 1 needs an SA", 1, true, { PAY_HASH, PAY_NONCE }, 2, STEP_DROP },
	{ "message 1 needs a nonce", 1, true, { PAY_HASH, PAY_SA }, 2, STEP_DROP },
	{ "two SAs are dropped", 1, true, { PAY_HASH, PAY_SA, PAY_SA, PAY_NONCE }, 4, STEP_DROP },
	{ "two KEs are dropped", 1, true, { PAY_HASH, PAY_SA, PAY_NONCE, PAY_KE, PAY_KE }, 5, STEP_DROP },
	{ "a second HASH is dropped", 1, true, { PAY_HASH, PAY_HASH, PAY_SA, PAY_NONCE }, 4, STEP_DROP },
	{ "a delete does not belong here", 1, true, { PAY_HASH, PAY_SA, PAY_NONCE, PAY_DELETE }, 4, STEP_DROP },
	{ "message 2 is as message 1", 2, true, { PAY_HASH, PAY_SA, PAY_NONCE, PAY_ID, PAY_ID }, 5, STEP_OK },
	{ "message 2 may carry RESPONDER-LIFETIME", 2, true, { PAY_HASH, PAY_SA, PAY_NONCE, PAY_NOTIFY }, 4, STEP_OK },
	{ "message 2 needs an SA", 2, true, { PAY_HASH, PAY_NONCE }, 2, STEP_DROP },
	{ "message 3 is HASH alone", 3, true, { PAY_HASH }, 1, STEP_OK },
	{ "message 3 may carry a notify", 3, true, { PAY_HASH, PAY_NOTIFY }, 2, STEP_OK },
	{ "message 3 has no SA", 3, true, { PAY_HASH, PAY_SA }, 2, STEP_DROP },
	{ "message 3 in the clear is dropped", 3, false, { PAY_HASH }, 1, STEP_DROP },
};

static void messages(void)
{
	char why[160];

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		enum verdict got = step_check(&mode()->steps[row->message - 1], PAY_HASH, row->encrypted, row->payloads, row->count, why,
					      sizeof(why));
		if (got != row->want)
			printf("not true: %s\n", row->says);
		CU_ASSERT_EQUAL(got, row->want);
	}
}

static const struct unit_case cases[] = {
	{ "the table is sound and has three messages", table },
	{ "each message has the payloads of RFC 2409 5.5 and no others", messages },
};

UNIT_MAIN("exchange-quick", cases)
