/* SPDX-License-Identifier: MIT */
/* test_exchange_table.c - which tables are sound, and which payloads fit a row. The engine that runs them is test_exchange.c's. */
#include "exchange.h"

#include "../tests/unit.h"

static enum verdict process(struct exchange *ex, const struct message *in)
{
	(void)ex;
	(void)in;
	return STEP_OK;
}

static enum verdict build(struct exchange *ex, struct message_out *out)
{
	(void)ex;
	(void)out;
	return STEP_OK;
}

static void done(struct exchange *ex)
{
	(void)ex;
}

static bool may_start(const struct ike_sa *sa, enum role role)
{
	(void)sa;
	(void)role;
	return true;
}

static const struct protection protection = { NULL, NULL, NULL, NULL };

enum { ROWS = 4 };

/* A sound table of either kind, for a test to break. */
struct table {
	struct step rows[ROWS_MAX + 1];
	struct exchange_mode mode;
};

static struct step row(enum role from, enum cover cover, uint32_t require, uint8_t first)
{
	struct step step = { .from = from, .cover = cover, .require = require, .first = first, .build = build, .process = process };

	return step;
}

static void phase1_table(struct table *t)
{
	*t = (struct table){
		.rows = {
			row(INITIATOR, CLEAR, P(SA), 0),
			row(RESPONDER, CLEAR, P(SA), 0),
			row(INITIATOR, ENCRYPTED, P(ID) | P(AUTH), 0),
			row(RESPONDER, ENCRYPTED, P(ID) | P(AUTH), 0),
		},
		.mode = {
			.name = "test", .major = 1, .type = 2, .creates_sa = true, .step_count = ROWS, .protection = &protection,
			.may_start = may_start, .done = done,
		},
	};
	t->mode.steps = t->rows;
}

static void phase2_table(struct table *t)
{
	phase1_table(t);
	t->mode.creates_sa = false;
	for (size_t i = 0; i < ROWS; i++)
		t->rows[i] = row(i % 2 ? RESPONDER : INITIATOR, ENCRYPTED, P(HASH) | P(SA), PAY_HASH);
}

static bool is_sound(struct table *t, size_t at_row)
{
	struct table_fault fault = { 99, NULL };
	bool sound = exchange_table_check(&t->mode, &fault);

	CU_ASSERT_EQUAL(sound, fault.why == NULL);
	if (!sound)
		CU_ASSERT_EQUAL(fault.row, at_row);
	return sound;
}

static void sound(void)
{
	struct table t;

	phase1_table(&t);
	CU_ASSERT(is_sound(&t, 0));
	t.rows[2].cover = EITHER;
	CU_ASSERT(is_sound(&t, 0));
	phase2_table(&t);
	CU_ASSERT(is_sound(&t, 0));
	t.mode.step_count = 1;
	CU_ASSERT(is_sound(&t, 0));
}

#define BROKEN(kind, at_row, change)             \
	do {                                     \
		struct table t;                  \
		kind##_table(&t);                \
		change;                          \
		CU_ASSERT(!is_sound(&t, at_row)); \
	} while (0)

static void broken_modes(void)
{
	BROKEN(phase1, 0, t.mode.name = NULL);
	BROKEN(phase1, 0, t.mode.protection = NULL);
	BROKEN(phase1, 0, t.mode.done = NULL);
	BROKEN(phase1, 0, t.mode.may_start = NULL);
	BROKEN(phase1, 0, t.mode.step_count = 0);
	BROKEN(phase1, 0, t.mode.step_count = ROWS_MAX + 1);
	BROKEN(phase1, 0, t.mode.scratch = SCRATCH_MAX + 1);
}

static void without_proof(void)
{
	BROKEN(phase1, 0, t.rows[2].require = P(ID));
	BROKEN(phase1, 0, t.rows[3].require = P(ID));
	/* Allowed is not required. */
	BROKEN(phase1, 0, (t.rows[3].require = P(ID), t.rows[3].allow = P(AUTH)));
}

static void broken_rows(void)
{
	BROKEN(phase1, 1, t.rows[1].build = NULL);
	BROKEN(phase1, 1, t.rows[1].process = NULL);
	BROKEN(phase1, 0, t.rows[0].from = RESPONDER);
	BROKEN(phase1, 1, t.rows[1].from = (enum role)2);
	BROKEN(phase1, 1, t.rows[1].require = 0);
	BROKEN(phase1, 2, t.rows[2].require |= P(HASH));
	BROKEN(phase1, 1, t.rows[1].first = PAY_KE);
}

static void broken_covers(void)
{
	BROKEN(phase1, 3, t.rows[3].cover = CLEAR);
	BROKEN(phase1, 0, t.rows[0].cover = ENCRYPTED);
	BROKEN(phase1, 0, t.rows[0].cover = EITHER);
	BROKEN(phase2, 1, t.rows[1].cover = CLEAR);
	BROKEN(phase2, 1, t.rows[1].cover = EITHER);
	BROKEN(phase2, 1, t.rows[1].first = 0);
	BROKEN(phase2, 1, t.rows[1].first = PAY_SA);
}

static void broken_options(void)
{
	struct table t;

	BROKEN(phase1, 1, t.rows[1].optional = true);
	BROKEN(phase1, 3, t.rows[3].optional = true);
	phase1_table(&t);
	t.rows[2].from = RESPONDER;
	t.rows[1].optional = true;
	t.rows[3].from = INITIATOR;
	CU_ASSERT(is_sound(&t, 0));
}

/* ---- rows ---- */

static enum verdict fits(const struct step *step, uint8_t auth, bool encrypted, const uint8_t *payloads, size_t count)
{
	char why[160] = "";
	enum verdict verdict = step_check(step, auth, encrypted, payloads, count, why, sizeof(why));

	CU_ASSERT_EQUAL(verdict == STEP_OK, why[0] == '\0');
	return verdict;
}

static void covers(void)
{
	static const uint8_t payloads[] = { PAY_SA };

	for (int cover = CLEAR; cover <= EITHER; cover++) {
		struct step step = row(INITIATOR, (enum cover)cover, P(SA), 0);
		CU_ASSERT_EQUAL(fits(&step, PAY_HASH, false, payloads, 1), cover == ENCRYPTED ? STEP_DROP : STEP_OK);
		CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, payloads, 1), cover == CLEAR ? STEP_DROP : STEP_OK);
	}
}

static void first_payload(void)
{
	static const uint8_t right[] = { PAY_HASH, PAY_SA, PAY_NONCE }, wrong[] = { PAY_SA, PAY_HASH, PAY_NONCE };
	struct step step = row(INITIATOR, ENCRYPTED, P(HASH) | P(SA) | P(NONCE), PAY_HASH);

	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, right, 3), STEP_OK);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, wrong, 3), STEP_DROP);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, NULL, 0), STEP_DROP);
}

/* Of all 256 numbers only those in the sets are let through. */
static void every_number(void)
{
	struct step step = row(INITIATOR, CLEAR, P(SA), 0);

	step.allow = P(VID) | P(NATD);
	for (unsigned type = 0; type < 256; type++) {
		uint8_t payloads[] = { PAY_SA, (uint8_t)type };
		bool ok = type == PAY_VID || type == PAY_NATD || type == PAY_NATD_DRAFT;
		CU_ASSERT_EQUAL(fits(&step, PAY_HASH, false, payloads, 2), ok ? STEP_OK : STEP_DROP);
	}
	step.allow = UINT32_MAX;
	for (unsigned type = PAY_AUTH; type < 256; type++) {
		uint8_t payloads[] = { PAY_SA, (uint8_t)type };
		bool ok = type == PAY_NATD_DRAFT || type == PAY_NATOA_DRAFT;
		CU_ASSERT_EQUAL(fits(&step, PAY_HASH, false, payloads, 2), ok ? STEP_OK : STEP_DROP);
	}
}

static void repeated(void)
{
	static const uint8_t payloads[] = { PAY_SA, PAY_VID, PAY_VID }, twice[] = { PAY_SA, PAY_SA };
	struct step step = row(INITIATOR, CLEAR, P(SA), 0);

	step.allow = P(VID);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, false, payloads, 3), STEP_DROP);
	step.many = P(VID);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, false, payloads, 3), STEP_OK);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, false, twice, 2), STEP_DROP);
}

static void carrier(void)
{
	static const uint8_t hash[] = { PAY_ID, PAY_HASH }, sig[] = { PAY_ID, PAY_SIG }, both[] = { PAY_ID, PAY_HASH, PAY_SIG };
	static const uint8_t neither[] = { PAY_ID }, twice[] = { PAY_ID, PAY_HASH, PAY_HASH };
	struct step step = row(INITIATOR, ENCRYPTED, P(ID) | P(AUTH), 0);

	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, hash, 2), STEP_OK);
	CU_ASSERT_EQUAL(fits(&step, PAY_SIG, true, hash, 2), STEP_DROP);
	CU_ASSERT_EQUAL(fits(&step, PAY_SIG, true, sig, 2), STEP_OK);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, sig, 2), STEP_DROP);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, both, 3), STEP_DROP);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, neither, 1), STEP_DROP);
	CU_ASSERT_EQUAL(fits(&step, PAY_HASH, true, twice, 3), STEP_DROP);
}

static void says_why(void)
{
	static const uint8_t payloads[] = { PAY_KE };
	struct step step = row(INITIATOR, CLEAR, P(KE) | P(NONCE), 0);
	char why[160];

	CU_ASSERT_EQUAL(step_check(&step, PAY_HASH, false, payloads, 1, why, sizeof(why)), STEP_DROP);
	CU_ASSERT_STRING_EQUAL(why, "it lacks payload NONCE");
	CU_ASSERT_EQUAL(step_check(&step, PAY_HASH, true, payloads, 1, why, sizeof(why)), STEP_DROP);
	CU_ASSERT_STRING_EQUAL(why, "it is encrypted");
	CU_ASSERT_EQUAL(step_check(&step, PAY_HASH, true, payloads, 1, why, 6), STEP_DROP);
	CU_ASSERT_STRING_EQUAL(why, "it is");
}

static const struct unit_case cases[] = {
	{ "sound tables are accepted", sound },
	{ "a mode that lacks a part, or has too much of one, is refused", broken_modes },
	{ "a phase 1 that does not require a proof of both ends is refused", without_proof },
	{ "a row without functions, sender, payloads or sense is refused", broken_rows },
	{ "a row with a cover that cannot be is refused", broken_covers },
	{ "an optional row that nothing of the same sender follows is refused", broken_options },
	{ "a row takes its cover only", covers },
	{ "the payload that must come first comes first", first_payload },
	{ "of 256 payload numbers only those in a row's sets are let through", every_number },
	{ "a payload comes once unless the row says otherwise", repeated },
	{ "the proof is HASH or SIG, whichever the method carries, and only one", carrier },
	{ "what does not fit is named", says_why },
};

UNIT_MAIN("exchange-table", cases)
