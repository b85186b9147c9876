/* SPDX-License-Identifier: MIT */
/* hash.c - HASH(1), HASH(2), HASH(3) of RFC 2409 5.5 and 5.7: every message under an ISAKMP SA begins with one. */
#include "v1.h"

static int compute(const struct exchange *ex, struct bytes before, struct bytes between, struct bytes rest, uint8_t out[HASH_SIZE_MAX])
{
	const struct ike_sa *sa = ex->sa;
	uint8_t id[4];
	struct writer w = writer_over(id, sizeof(id));

	put_u32(&w, ex->message_id);
	struct bytes in[] = { before, writer_bytes(&w), between, rest };
	return sa->transform.prf_alg->run(sa_skeyid_a(sa), in, COUNT(in), out);
}

void v1_open_hash(struct exchange *ex, struct message_out *out)
{
	struct writer *w = message_open(out, PAY_HASH);
	uint8_t *at = put_space(w, ex->sa->prf_len);

	if (at)
		memset(at, 0, ex->sa->prf_len);
	message_close(out);
}

enum verdict v1_close_hash(struct exchange *ex, struct message_out *out, struct bytes before, struct bytes between)
{
	size_t prf_len = ex->sa->prf_len, rest = HEADER_SIZE + PAYLOAD_HEADER_SIZE + prf_len;
	uint8_t hash[HASH_SIZE_MAX];

	if (out->w.failed)
		return ex_fault(ex, "a message does not fit its buffer", FAULT_FULL);
	int fault = compute(ex, before, between, bytes_of(out->w.base + rest, out->w.used - rest), hash);
	if (fault < 0)
		return ex_fault(ex, "computing HASH failed", fault);
	memcpy(out->w.base + HEADER_SIZE + PAYLOAD_HEADER_SIZE, hash, prf_len);
	return STEP_OK;
}

enum verdict v1_check_hash(struct exchange *ex, const struct message *in, struct bytes before, struct bytes between)
{
	const struct payload_view *first = &in->payloads[0];
	uint8_t hash[HASH_SIZE_MAX];

	int fault = compute(ex, before, between, bytes_of(in->chain.at + first->whole.len, in->chain.len - first->whole.len), hash);
	if (fault < 0)
		return ex_fault(ex, "computing HASH failed", fault);
	if (!secret_equal(first->body, bytes_of(hash, ex->sa->prf_len)))
		return ex_drop(ex, "bad-hash", "message %zu is not from the peer: its HASH is wrong", ex->row + 1);
	return STEP_OK;
}
