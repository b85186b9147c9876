/* SPDX-License-Identifier: MIT */
/* vendor.c - vendor IDs: what we say that we can do, and what a peer's mean (RFC 2408 3.16). */
#include "v1.h"

/* RFC 3947 3.1: MD5 of "RFC 3947". */
static const uint8_t nat_t[] = { 0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f };
/* RFC 3706 5.1, version 1.0. */
static const uint8_t dpd[] = { 0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00 };

/* Another keyferry: MD5 of "keyferry 1". What follows from it is at each use of peer_is_keyferry. */
static const uint8_t keyferry[] = { 0x04, 0x41, 0x81, 0x8b, 0x3d, 0xd1, 0xc8, 0xb9, 0xc3, 0xa8, 0x1b, 0x35, 0x06, 0x43, 0x1a, 0xf6 };

/* A responder says only what it was asked, so that its answer to a forged message 1 is no longer than that. */
enum verdict v1_put_vendor_ids(struct exchange *ex, struct message_out *out)
{
	const struct phase1 *ph1 = v1_phase1(ex);

	if (ex->role == INITIATOR || ph1->peer_nat_t)
		message_put(out, PAY_VID, bytes_of(nat_t, sizeof(nat_t)));
	if (ex->role == INITIATOR || ph1->peer_dpd)
		message_put(out, PAY_VID, bytes_of(dpd, sizeof(dpd)));
	if (ex->role == INITIATOR || ph1->peer_is_keyferry)
		message_put(out, PAY_VID, bytes_of(keyferry, sizeof(keyferry)));
	return STEP_OK;
}

enum verdict v1_take_vendor_ids(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	size_t i = 0;

	/* An ID that we do not know means nothing (RFC 2408 3.16). */
	for (const struct payload_view *payload; (payload = message_next(in, PAY_VID, &i));) {
		if (bytes_equal(payload->body, bytes_of(nat_t, sizeof(nat_t))))
			ph1->peer_nat_t = true;
		else if (bytes_equal(payload->body, bytes_of(dpd, sizeof(dpd))))
			ph1->peer_dpd = true;
		else if (bytes_equal(payload->body, bytes_of(keyferry, sizeof(keyferry))))
			ph1->peer_is_keyferry = true;
	}
	return STEP_OK;
}
