/* SPDX-License-Identifier: MIT */
/* test_exchange_aggressive.c - the table of Aggressive Mode: which messages fit which row. Whole negotiations are in tests/pairs. */
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
	CU_ASSERT(mode()->step_count == 3 && mode()->creates_sa && mode()->major == 1 && mode()->type == EXCHANGE_AGGRESSIVE);
	CU_ASSERT(plugin.provides[0].kind == SERVICE_EXCHANGE && plugin.provides[1].kind == SERVICE_END);
	CU_ASSERT_STRING_EQUAL(plugin.provides[0].key, "1/4");
	CU_ASSERT_STRING_EQUAL(mode()->word, "aggressive");
	CU_ASSERT_STRING_EQUAL(plugin.name, "exchange-aggressive");
}

static void sides_alternate(void)
{
	static const enum cover covers[] = { CLEAR, CLEAR, EITHER };

	for (size_t i = 0; i < mode()->step_count; i++) {
		CU_ASSERT_EQUAL(mode()->steps[i].from, i % 2 ? RESPONDER : INITIATOR);
		CU_ASSERT_EQUAL(mode()->steps[i].cover, covers[i]);
	}
}

/* `message` counts from 1, as the RFC does; `auth` is what the chosen method carries. */
struct row {
	const char *says;
	size_t message;
	bool encrypted;
	uint8_t auth;
	uint8_t payloads[10];
	size_t count;
	enum verdict want;
};

#define ONE PAY_SA, PAY_KE, PAY_NONCE, PAY_ID

static const struct row rows[] = {
	{ "message 1 is SA, KE, a nonce and an ID", 1, false, PAY_HASH, { ONE }, 4, STEP_OK },
	{ "the order of payloads is free", 1, false, PAY_HASH, { PAY_ID, PAY_NONCE, PAY_VID, PAY_KE, PAY_SA }, 5, STEP_OK },
	{ "message 1 may carry vendor IDs and requests for certificates", 1, false, PAY_HASH, { ONE, PAY_VID, PAY_CR, PAY_VID, PAY_CR }, 8, STEP_OK },
	{ "message 1 without SA is dropped", 1, false, PAY_HASH, { PAY_KE, PAY_NONCE, PAY_ID }, 3, STEP_DROP },
	{ "message 1 without KE is dropped", 1, false, PAY_HASH, { PAY_SA, PAY_NONCE, PAY_ID }, 3, STEP_DROP },
	{ "message 1 without a nonce is dropped", 1, false, PAY_HASH, { PAY_SA, PAY_KE, PAY_ID }, 3, STEP_DROP },
	{ "message 1 without an ID is dropped", 1, false, PAY_HASH, { PAY_SA, PAY_KE, PAY_NONCE }, 3, STEP_DROP },
	{ "two SAs are dropped", 1, false, PAY_HASH, { ONE, PAY_SA }, 5, STEP_DROP },
	{ "two KEs are dropped (CVE-2015-3240)", 1, false, PAY_HASH, { ONE, PAY_KE }, 5, STEP_DROP },
	{ "two IDs are dropped", 1, false, PAY_HASH, { ONE, PAY_ID }, 5, STEP_DROP },
	{ "a hash does not belong in message 1", 1, false, PAY_HASH, { ONE, PAY_HASH }, 5, STEP_DROP },
	{ "a notify does not belong in message 1", 1, false, PAY_HASH, { ONE, PAY_NOTIFY }, 5, STEP_DROP },
	{ "NAT-D does not belong in message 1", 1, false, PAY_HASH, { ONE, PAY_NATD }, 5, STEP_DROP },
	{ "an encrypted message 1 is dropped", 1, true, PAY_HASH, { ONE }, 4, STEP_DROP },
	{ "PSK: message 2 has the same and a hash", 2, false, PAY_HASH, { ONE, PAY_HASH }, 5, STEP_OK },
	{ "message 2 may carry NAT-D, of the RFC and of the drafts", 2, false, PAY_HASH,
	  { ONE, PAY_VID, PAY_NATD, PAY_NATD, PAY_NATD_DRAFT, PAY_HASH }, 9, STEP_OK },
	{ "PSK: message 2 without a hash is dropped", 2, false, PAY_HASH, { ONE }, 4, STEP_DROP },
	{ "PSK: a signature is not a hash", 2, false, PAY_HASH, { ONE, PAY_SIG }, 5, STEP_DROP },
	{ "message 2 without an ID is dropped", 2, false, PAY_HASH, { PAY_SA, PAY_KE, PAY_NONCE, PAY_HASH }, 4, STEP_DROP },
	{ "two hashes are dropped", 2, false, PAY_HASH, { ONE, PAY_HASH, PAY_HASH }, 6, STEP_DROP },
	{ "a notify in the clear is nobody's", 2, false, PAY_HASH, { ONE, PAY_HASH, PAY_NOTIFY }, 6, STEP_DROP },
	{ "an encrypted message 2 is dropped", 2, true, PAY_HASH, { ONE, PAY_HASH }, 5, STEP_DROP },
	{ "RSA: message 2 may carry certificates", 2, false, PAY_SIG, { ONE, PAY_CERT, PAY_CERT, PAY_CR, PAY_SIG }, 8, STEP_OK },
	{ "RSA: a hash is not a signature", 2, false, PAY_SIG, { ONE, PAY_CERT, PAY_HASH }, 6, STEP_DROP },
	{ "PSK: message 3 is a hash", 3, true, PAY_HASH, { PAY_HASH }, 1, STEP_OK },
	{ "PSK: message 3 may be in the clear", 3, false, PAY_HASH, { PAY_HASH }, 1, STEP_OK },
	{ "message 3 may carry NAT-D", 3, true, PAY_HASH, { PAY_HASH, PAY_NATD, PAY_NATD, PAY_NATD }, 4, STEP_OK },
	{ "message 3 may carry what peers say beside it", 3, true, PAY_HASH, { PAY_HASH, PAY_VID, PAY_NOTIFY }, 3, STEP_OK },
	{ "message 3 without a hash is dropped", 3, true, PAY_HASH, { PAY_NATD, PAY_NATD }, 2, STEP_DROP },
	{ "another ID in message 3 is dropped", 3, true, PAY_HASH, { PAY_ID, PAY_HASH }, 2, STEP_DROP },
	{ "a delete does not belong in message 3 (CVE-2023-38712)", 3, true, PAY_HASH, { PAY_HASH, PAY_DELETE }, 2, STEP_DROP },
	{ "RSA: message 3 is CERT, SIG", 3, true, PAY_SIG, { PAY_CERT, PAY_CERT, PAY_NATD, PAY_NATD, PAY_SIG }, 5, STEP_OK },
	{ "RSA: a hash in the clear is not a signature", 3, false, PAY_SIG, { PAY_HASH }, 1, STEP_DROP },
	{ "payload 31 is not on the wire", 3, true, PAY_HASH, { PAY_HASH, PAY_AUTH }, 2, STEP_DROP },
	{ "payloads of IKEv2 are dropped (CVE-2015-3991)", 3, true, PAY_HASH, { PAY_HASH, 39 }, 2, STEP_DROP },
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
	{ "the table is sound and has three messages", table },
	{ "the sides take turns, and only the last message may be encrypted", sides_alternate },
	{ "each message has the payloads of RFC 2409 5 and RFC 3947 and no others", messages },
};

UNIT_MAIN("exchange-aggressive", cases)
