/* SPDX-License-Identifier: MIT */
/* test_names.c - numbers and their names. */
#include "names.h"

#include "unit.h"

static void known_numbers_have_names(void)
{
	char out[NAME_TEXT_MAX];

	CU_ASSERT_STRING_EQUAL(payload_name(out, PAY_SA), "SA");
	CU_ASSERT_STRING_EQUAL(payload_name(out, 130), "NAT-D(draft)");
	CU_ASSERT_STRING_EQUAL(exchange_name(out, EXCHANGE_QUICK), "Quick Mode");
	CU_ASSERT_STRING_EQUAL(notify_name(out, 14), "NO-PROPOSAL-CHOSEN");
	CU_ASSERT_STRING_EQUAL(notify_name(out, NOTIFY_R_U_THERE), "R-U-THERE");
	CU_ASSERT_STRING_EQUAL(id_type_name(out, ID_KEY_ID), "KEY_ID");
}

static void unknown_numbers_are_numbers(void)
{
	char out[NAME_TEXT_MAX];

	CU_ASSERT_STRING_EQUAL(payload_name(out, 133), "133");
	CU_ASSERT_STRING_EQUAL(exchange_name(out, 0), "0");
	CU_ASSERT_STRING_EQUAL(notify_name(out, 65535), "65535");
	CU_ASSERT_STRING_EQUAL(id_type_name(out, 4294967295u), "4294967295");
}

static void every_number_has_a_text(void)
{
	char out[NAME_TEXT_MAX];

	for (unsigned i = 0; i <= UINT16_MAX; i++)
		CU_ASSERT(payload_name(out, i)[0] && exchange_name(out, i)[0] && notify_name(out, i)[0] && id_type_name(out, i)[0]);
}

static const struct unit_case cases[] = {
	{ "known numbers have the names of the RFCs", known_numbers_have_names },
	{ "the name of an unknown number is the number", unknown_numbers_are_numbers },
	{ "every number has a text", every_number_has_a_text },
};

UNIT_MAIN("names", cases)
