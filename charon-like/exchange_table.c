/* SPDX-License-Identifier: MIT */
/* exchange_table.c - what a mode's table must look like, and whether a message's payloads fit a row of it. */
#include <stdio.h>

#include "exchange.h"

/* What the engine's commit and cover rules rest on; a plugin whose table breaks one is refused when it is loaded. */
static const char *row_fault(const struct exchange_mode *mode, size_t i)
{
	const struct step *row = &mode->steps[i];

	if (!row->build || !row->process)
		return "it lacks a build or process function";
	if (i == 0 && row->from != INITIATOR)
		return "the first message must be the initiator's";
	if (row->from != INITIATOR && row->from != RESPONDER)
		return "it is neither the initiator's nor the responder's";
	if (!row->require)
		return "it requires no payload";
	if (row->require & P(HASH) && row->require & P(AUTH))
		return "it requires HASH twice, once as AUTH";
	if (row->first && !(row->require & UINT32_C(1) << row->first))
		return "the payload that must come first is not required";
	if (i && row->cover == CLEAR && mode->steps[i - 1].cover == ENCRYPTED)
		return "it is in the clear after an encrypted one";
	if (mode->creates_sa && i == 0 && row->cover != CLEAR)
		return "the first message of phase 1 cannot be encrypted";
	if (!mode->creates_sa && (row->cover != ENCRYPTED || row->first != PAY_HASH))
		return "under an ISAKMP SA every message is encrypted and begins with HASH";
	if (row->optional && (i + 1 == mode->step_count || row[1].from != row->from))
		return "an optional row must be followed by one of the same sender";
	return NULL;
}

static bool both_prove(const struct exchange_mode *mode)
{
	bool proves[2] = { false, false };

	for (size_t i = 0; i < mode->step_count; i++)
		if (mode->steps[i].require & P(AUTH))
			proves[mode->steps[i].from] = true;
	return proves[INITIATOR] && proves[RESPONDER];
}

static bool table_fault(struct table_fault *fault, size_t row, const char *why)
{
	*fault = (struct table_fault){ row, why };
	return false;
}

bool exchange_table_check(const struct exchange_mode *mode, struct table_fault *fault)
{
	if (!mode->name || !mode->protection || !mode->done || !mode->may_start)
		return table_fault(fault, 0, "the mode lacks a name, protection, may_start or done");
	if (mode->step_count == 0 || mode->step_count > ROWS_MAX)
		return table_fault(fault, 0, "it has no rows or too many");
	if (mode->scratch > SCRATCH_MAX)
		return table_fault(fault, 0, "its scratch is larger than SCRATCH_MAX");
	if (mode->creates_sa && !both_prove(mode))
		return table_fault(fault, 0, "phase 1 ends without a proof (AUTH) of both ends");
	for (size_t i = 0; i < mode->step_count; i++) {
		const char *why = row_fault(mode, i);
		if (why)
			return table_fault(fault, i, why);
	}
	return true;
}

/* The bit of a payload type as it comes from the wire; 0: it cannot be in any set. */
static uint32_t payload_bit(uint8_t type, uint8_t auth_payload)
{
	if (type == PAY_NATD_DRAFT)
		return P(NATD);
	if (type == PAY_NATOA_DRAFT)
		return P(NATOA);
	if (type == PAY_NONE || type >= PAY_AUTH)
		return 0;
	return type == auth_payload ? P(AUTH) | UINT32_C(1) << type : UINT32_C(1) << type;
}

static enum verdict misfit(char *why, size_t size, const char *what, unsigned type)
{
	char name[NAME_TEXT_MAX];

	snprintf(why, size, "%s %s", what, payload_name(name, type));
	return STEP_DROP;
}

static unsigned lowest_bit(uint32_t set)
{
	unsigned i = 0;

	while (!(set & 1)) {
		set >>= 1;
		i++;
	}
	return i;
}

enum verdict step_check(const struct step *step, uint8_t auth_payload, bool encrypted, const uint8_t *payloads, size_t count,
			char *why, size_t why_size)
{
	uint32_t seen = 0;

	if (step->cover != EITHER && encrypted != (step->cover == ENCRYPTED)) {
		snprintf(why, why_size, "it is %s", encrypted ? "encrypted" : "in the clear");
		return STEP_DROP;
	}
	if (step->first && (count == 0 || payloads[0] != step->first))
		return misfit(why, why_size, "it does not begin with", step->first);
	for (size_t i = 0; i < count; i++) {
		uint32_t bit = payload_bit(payloads[i], auth_payload) & (step->require | step->allow);
		if (!bit)
			return misfit(why, why_size, "it must not have payload", payloads[i]);
		if (bit & seen & ~step->many)
			return misfit(why, why_size, "it has two payloads", payloads[i]);
		seen |= bit;
	}
	uint32_t missing = step->require & ~seen;
	if (missing)
		return misfit(why, why_size, "it lacks payload", missing & P(AUTH) ? auth_payload : lowest_bit(missing));
	return STEP_OK;
}
