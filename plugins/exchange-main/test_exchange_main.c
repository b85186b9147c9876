/* SPDX-License-Identifier: MIT */
/* test_exchange_main.c - the table of Main Mode: which messages fit which row. Whole negotiations are in tests/pairs. */
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
	CU_ASSERT(mode()->step_count == 6 && mode()->creates_sa && mode()->major == 1 && mode()->type == EXCHANGE_MAIN);
	CU_ASSERT(plugin.provides[0].kind == SERVICE_EXCHANGE && plugin.provides[1].kind == SERVICE_END);
	CU_ASSERT_STRING_EQUAL(plugin.provides[0].key, "1/2");
	CU_ASSERT_STRING_EQUAL(mode()->word, "main");
	CU_ASSERT_STRING_EQUAL(plugin.name, "exchange-main");
}

static void sides_alternate(void)
{
	for (size_t i = 0; i < mode()->step_count; i++) {
		CU_ASSERT_EQUAL(mode()->steps[i].from, i % 2 ? RESPONDER : INITIATOR);
		CU_ASSERT_EQUAL(mode()->steps[i].cover, i < 4 ? CLEAR : ENCRYPTED);
	}
}

/* `message` counts from 1, as the RFC does; `auth` is what the chosen method carries. */
struct row {
	const char *says;
	size_t message;
	bool encrypted;
	uint8_t auth;
	uint8_t payloads[8];
	size_t count;
	enum verdict want;
};

static const struct row rows[] = {
	{ "message 1 is an SA", 1, false, PAY_HASH, { PAY_SA }, 1, STEP_OK },
	{ "message 1 may carry vendor IDs", 1, false, PAY_HASH, { PAY_SA, PAY_VID, PAY_VID }, 3, STEP_OK },
	{ "message 1 may carry requests for certificates", 1, false, PAY_HASH, { PAY_SA, PAY_CR, PAY_CR }, 3, STEP_OK },
	{ "the order of payloads is free", 1, false, PAY_HASH, { PAY_VID, PAY_SA }, 2, STEP_OK },
	{ "message 1 without SA is dropped", 1, false, PAY_HASH, { PAY_VID }, 1, STEP_DROP },
	{ "two SAs are dropped", 1, false, PAY_HASH, { PAY_SA, PAY_SA }, 2, STEP_DROP },
	{ "KE does not belong in message 1", 1, false, PAY_HASH, { PAY_SA, PAY_KE }, 2, STEP_DROP },
	{ "a notify does not belong in message 1", 1, false, PAY_HASH, { PAY_SA, PAY_NOTIFY }, 2, STEP_DROP },
	{ "an encrypted message 1 is dropped", 1, true, PAY_HASH, { PAY_SA }, 1, STEP_DROP },
	{ "message 2 is an SA", 2, false, PAY_HASH, { PAY_SA, PAY_VID }, 2, STEP_OK },
	{ "a delete does not belong in message 2", 2, false, PAY_HASH, { PAY_SA, PAY_DELETE }, 2, STEP_DROP },
	{ "message 3 is KE and a nonce", 3, false, PAY_HASH, { PAY_KE, PAY_NONCE }, 2, STEP_OK },
	{ "message 3 may carry NAT-D, of the RFC and of the drafts", 3, false, PAY_HASH,
	  { PAY_KE, PAY_NONCE, PAY_NATD, PAY_NATD, PAY_NATD_DRAFT }, 5, STEP_OK },
	{ "message 3 needs a nonce", 3, false, PAY_HASH, { PAY_KE }, 1, STEP_DROP },
	{ "message 3 needs KE", 3, false, PAY_HASH, { PAY_NONCE }, 1, STEP_DROP },
	{ "two KEs are dropped", 3, false, PAY_HASH, { PAY_KE, PAY_KE, PAY_NONCE }, 3, STEP_DROP },
	{ "an ID in the clear is dropped", 3, false, PAY_HASH, { PAY_KE, PAY_NONCE, PAY_ID }, 3, STEP_DROP },
	{ "an SA does not belong in message 3", 3, false, PAY_HASH, { PAY_SA, PAY_KE, PAY_NONCE }, 3, STEP_DROP },
	{ "message 4 is KE and a nonce", 4, false, PAY_SIG, { PAY_KE, PAY_NONCE, PAY_CR }, 3, STEP_OK },
	{ "message 5 in the clear is dropped", 5, false, PAY_HASH, { PAY_ID, PAY_HASH }, 2, STEP_DROP },
	{ "PSK: message 5 is ID, HASH", 5, true, PAY_HASH, { PAY_ID, PAY_HASH }, 2, STEP_OK },
	{ "PSK: message 5 may carry INITIAL-CONTACT", 5, true, PAY_HASH, { PAY_ID, PAY_HASH, PAY_NOTIFY }, 3, STEP_OK },
	{ "PSK: a signature is not a hash", 5, true, PAY_HASH, { PAY_ID, PAY_SIG }, 2, STEP_DROP },
	{ "PSK: HASH alone names nobody", 5, true, PAY_HASH, { PAY_HASH }, 1, STEP_DROP },
	{ "PSK: ID alone proves nothing", 5, true, PAY_HASH, { PAY_ID }, 1, STEP_DROP },
	{ "two IDs are dropped", 5, true, PAY_HASH, { PAY_ID, PAY_ID, PAY_HASH }, 3, STEP_DROP },
	{ "two proofs are dropped", 5, true, PAY_HASH, { PAY_ID, PAY_HASH, PAY_HASH }, 3, STEP_DROP },
	{ "RSA: message 5 is ID, CERT, SIG", 5, true, PAY_SIG, { PAY_ID, PAY_CERT, PAY_CERT, PAY_SIG }, 4, STEP_OK },
	{ "RSA: a hash is not a signature", 5, true, PAY_SIG, { PAY_ID, PAY_CERT, PAY_HASH }, 3, STEP_DROP },
	{ "payload 31 is not on the wire", 5, true, PAY_HASH, { PAY_ID, PAY_HASH, PAY_AUTH }, 3, STEP_DROP },
	{ "payloads of IKEv2 are dropped", 5, true, PAY_HASH, { PAY_ID, PAY_HASH, 39 }, 3, STEP_DROP },
	{ "message 6 is ID, HASH", 6, true, PAY_HASH, { PAY_ID, PAY_HASH, PAY_VID }, 3, STEP_OK },
	{ "message 6 in the clear is dropped", 6, false, PAY_HASH, { PAY_ID, PAY_HASH }, 2, STEP_DROP },
	{ "a delete does not belong in message 6", 6, true, PAY_HASH, { PAY_ID, PAY_HASH, PAY_DELETE }, 3, STEP_DROP },
};

static void messages(void)
{
	char why[160];

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		enum verdict got = step_check(&mode()->steps[row->message - 1], row->auth, row->encrypted, row->payloads, row->count, why,
					      sizeof(why));
		if (got != row->want)
			printf("not true: %s\n", row->says);
		CU_ASSERT_EQUAL(got, row->want);
	}
}

static const struct unit_case cases[] = {
	{ "the table is sound and has six messages", table },
	{ "the sides take turns, and the last two messages are encrypted", sides_alternate },
	{ "each message has the payloads of RFC 2409 5 and no others", messages },
};

UNIT_MAIN("exchange-main", cases)
