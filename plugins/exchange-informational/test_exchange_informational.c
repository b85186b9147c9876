/* SPDX-License-Identifier: MIT */
/* test_exchange_informational.c - the table of the Informational exchange. What it does is in tests/pairs. */
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
	CU_ASSERT(mode()->step_count == 1 && !mode()->creates_sa && mode()->major == 1 && mode()->type == EXCHANGE_INFORMATIONAL);
	CU_ASSERT_STRING_EQUAL(plugin.provides[0].key, "1/5");
	CU_ASSERT_STRING_EQUAL(plugin.name, "exchange-informational");
}

struct row {
	const char *says;
	bool encrypted;
	uint8_t payloads[8];
	size_t count;
	enum verdict want;
};

static const struct row rows[] = {
	{ "a notify under HASH", true, { PAY_HASH, PAY_NOTIFY }, 2, STEP_OK },
	{ "a delete under HASH", true, { PAY_HASH, PAY_DELETE }, 2, STEP_OK },
	{ "several of both, in any order", true, { PAY_HASH, PAY_DELETE, PAY_NOTIFY, PAY_DELETE, PAY_NOTIFY }, 5, STEP_OK },
	{ "HASH comes first", true, { PAY_NOTIFY, PAY_HASH }, 2, STEP_DROP },
	{ "without HASH it is dropped", true, { PAY_DELETE }, 1, STEP_DROP },
	{ "in the clear it is dropped", false, { PAY_HASH, PAY_DELETE }, 2, STEP_DROP },
	{ "a second HASH is dropped", true, { PAY_HASH, PAY_HASH, PAY_NOTIFY }, 3, STEP_DROP },
	{ "an SA does not belong here", true, { PAY_HASH, PAY_NOTIFY, PAY_SA }, 3, STEP_DROP },
	{ "an ID does not belong here", true, { PAY_HASH, PAY_ID }, 2, STEP_DROP },
};

static void messages(void)
{
	char why[160];

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		enum verdict got = step_check(&mode()->steps[0], PAY_HASH, row->encrypted, row->payloads, row->count, why, sizeof(why));
		if (got != row->want)
			printf("not true: %s\n", row->says);
		CU_ASSERT_EQUAL(got, row->want);
	}
}

static const struct unit_case cases[] = {
	{ "the table is sound and has one message", table },
	{ "the message has the payloads of RFC 2409 5.7 and no others", messages },
};

UNIT_MAIN("exchange-informational", cases)
