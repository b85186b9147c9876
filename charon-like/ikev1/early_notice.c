/* SPDX-License-Identifier: MIT */
/*
 * early_notice.c - an error that a peer tells under the keys of a phase 1 that is not over. RFC 2409 5.7 wants it in the clear then, but
 * strongSwan and others protect it as soon as they can. It is from who has the other half of the Diffie-Hellman exchange, who need not be
 * the peer: so it is told, and makes us wait for less long, and no more.
 */
#include "shard.h"
#include "v1.h"

enum { EARLY_NOTICE_MAX = 512, STATUS_FIRST = 16384 };   /* octets: HASH and a notify, which has no long data; RFC 2408 3.14.1 */

static struct exchange *find_phase1(const struct ike_sa *sa)
{
	LIST_EACH(it, &sa->exchanges) {
		struct exchange *ex = CONTAINER(it, struct exchange, in_sa);
		if (ex->mode->creates_sa)
			return ex;
	}
	return NULL;
}

/* RFC 2409 appendix B: the IV is that of an exchange after this one, from the last block so far. */
static int decrypt(const struct exchange *ex, const uint8_t message_id[4], uint8_t *octets, size_t len)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct cipher_alg *cipher = ph1->transform.cipher_alg;
	struct bytes in[] = { { ex->iv, cipher->block }, { message_id, 4 } };
	uint8_t iv[HASH_SIZE_MAX];

	if (len == 0 || len % cipher->block)
		return FAULT_INPUT;
	int fault = ph1->transform.hash_alg->run(in, COUNT(in), iv);
	return fault < 0 ? fault : cipher->run(false, ph1->cipher_key, iv, octets, len);
}

/* HASH(1) = prf(SKEYID_a, M-ID | N), which stands first. */
static bool is_proven(const struct phase1 *ph1, const uint8_t message_id[4], const struct message *in)
{
	const struct payload_view *first = &in->payloads[0];
	uint8_t hash[HASH_SIZE_MAX];

	if (in->count < 2 || first->type != PAY_HASH)
		return false;
	struct bytes over[] = { { message_id, 4 }, bytes_of(in->chain.at + first->whole.len, in->chain.len - first->whole.len) };
	return ph1->transform.prf_alg->run(ph1->skeyid_a, over, COUNT(over), hash) == 0 &&
	       secret_equal(first->body, bytes_of(hash, ph1->transform.prf_alg->size));
}

static void tell(struct exchange *ex, const struct v1_notice *notice)
{
	char name[NAME_TEXT_MAX];

	/* Once is enough, also where somebody has much to tell. */
	if (notice->type >= STATUS_FIRST || ex->refusal)
		log_debug(&ex->ctx, "the peer says %s before phase 1 is over", notify_name(name, notice->type));
	else
		(void)ex_refuse(ex, 0, "refused-by-peer", "the peer refuses message %zu: %s%s; its log knows why", ex->row, notify_name(name, notice->type),
				notice->type != NOTIFY_AUTHENTICATION_FAILED ? "" :
				ex->carrier == PAY_SIG ? ": it does not trust our key or certificate, that may be revoked, or it expects another ID of us" :
							 ": it expects another ID of us");
}

void v1_take_early_notice(struct ike_sa *sa, const struct packet *packet)
{
	struct exchange *ex = find_phase1(sa);
	uint8_t octets[EARLY_NOTICE_MAX], message_id[4];
	struct writer w = writer_over(message_id, sizeof(message_id));
	struct ike_header header;
	struct v1_notice notice;
	struct message in;
	const char *why;
	size_t i = 0, len = packet->len - HEADER_SIZE;

	if (!ex || !v1_phase1(ex)->cipher_key.len || packet->len > sizeof(octets) || header_read(&header, bytes_of(packet->data, packet->len)) < 0)
		return;
	put_u32(&w, header.message_id);
	memcpy(octets, packet->data + HEADER_SIZE, len);
	if (decrypt(ex, message_id, octets, len) < 0 ||
	    message_parse(&in, bytes_of(octets, len), header.next, v1_phase1(ex)->transform.cipher_alg->block, &why) < 0 ||
	    !is_proven(v1_phase1(ex), message_id, &in)) {
		log_debug(&sa->ctx, "an Informational message came before phase 1 is over, and cannot be read");
		return;
	}
	const struct payload_view *payload = message_next(&in, PAY_NOTIFY, &i);
	if (payload && v1_read_notice(&notice, payload) == 0)
		tell(ex, &notice);
}
