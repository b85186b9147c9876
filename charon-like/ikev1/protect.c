/* SPDX-License-Identifier: MIT */
/* protect.c - how IKEv1 covers its messages: CBC over all that follows the header, IVs chained per exchange (RFC 2409 appendix B). */
#include "shard.h"
#include "v1.h"

struct cover_key {
	const struct ike_transform *transform;
	struct bytes key;
};

/* While phase 1 runs the keys are in its scratch, afterwards in the SA. */
static int find_key(const struct exchange *ex, struct cover_key *out)
{
	if (ex->mode->creates_sa)
		*out = (struct cover_key){ &v1_phase1(ex)->transform, v1_phase1(ex)->cipher_key };
	else
		*out = (struct cover_key){ &ex->sa->transform, sa_cipher_key(ex->sa) };
	return out->key.len && out->transform->cipher_alg ? 0 : FAULT_NOT_FOUND;
}

static int open_message(const struct exchange *ex, struct bytes packet, uint8_t *plain, uint8_t next_iv[16])
{
	struct cover_key key;
	int fault = find_key(ex, &key);

	if (fault < 0)
		return fault;
	const struct cipher_alg *cipher = key.transform->cipher_alg;
	size_t len = packet.len - HEADER_SIZE;
	if (len == 0 || len % cipher->block)
		return FAULT_INPUT;
	memcpy(plain, packet.at, packet.len);
	memcpy(next_iv, packet.at + packet.len - cipher->block, cipher->block);
	fault = cipher->run(false, key.key, ex->iv, plain + HEADER_SIZE, len);
	return fault < 0 ? fault : (int)cipher->block;
}

/* RFC 2409 appendix B: padded with zeros to whole blocks; the header's length counts the padding. */
static int seal_message(const struct exchange *ex, struct message_out *out, uint8_t next_iv[16])
{
	static const uint8_t zeros[CIPHER_BLOCK_MAX];
	struct cover_key key;
	int fault = find_key(ex, &key);

	if (fault < 0)
		return fault;
	const struct cipher_alg *cipher = key.transform->cipher_alg;
	size_t over = (out->w.used - HEADER_SIZE) % cipher->block;
	if (over)
		put_bytes(&out->w, bytes_of(zeros, cipher->block - over));
	if ((fault = message_finish(out)) < 0)
		return fault;
	fault = cipher->run(true, key.key, ex->iv, out->w.base + HEADER_SIZE, out->w.used - HEADER_SIZE);
	memcpy(next_iv, out->w.base + out->w.used - cipher->block, cipher->block);
	return fault;
}

/* RFC 2409 appendix B: phase 2 begins with hash(last block of phase 1 | M-ID); phase 1's first IV comes with its keys. */
static int first_iv(struct exchange *ex)
{
	const struct ike_transform *t = &ex->sa->transform;
	uint8_t id[4], hash[HASH_SIZE_MAX];
	struct writer w = writer_over(id, sizeof(id));

	if (ex->mode->creates_sa)
		return 0;
	if (!t->hash_alg || !t->cipher_alg)
		return FAULT_NOT_FOUND;
	put_u32(&w, ex->message_id);
	struct bytes in[] = { { ex->sa->last_iv, t->cipher_alg->block }, writer_bytes(&w) };
	int fault = t->hash_alg->run(in, COUNT(in), hash);
	if (fault == 0)
		memcpy(ex->iv, hash, sizeof(ex->iv));
	return fault;
}

/* RFC 2408 3.14: before there are keys a notify goes in the clear; whoever gets it must not act on it, but can log it. */
static void tell_in_clear(struct exchange *ex)
{
	uint8_t buffer[HEADER_SIZE + 64];
	struct message_out out;
	struct ike_header header = { .major = 1, .exchange = EXCHANGE_INFORMATIONAL };
	struct v1_notice notice = { .payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = ex->notify };

	memcpy(header.cookie, ex->sa->cookie, sizeof(header.cookie));
	if (sa_new_message_id(ex->sa, &header.message_id) < 0)
		return;
	message_begin(&out, buffer, sizeof(buffer), &header);
	v1_put_notice(&out, &notice);
	if (message_finish(&out) == 0 && sa_send(ex->sa, writer_bytes(&out.w)) < 0)
		log_debug(&ex->ctx, "the notify could not be sent");
}

static void tell(struct exchange *ex)
{
	uint8_t spi[sizeof(ex->notify_spi)];
	struct writer w = writer_over(spi, sizeof(spi));
	bool is_child = ex->notify_spi != 0;

	put_u32(&w, ex->notify_spi);
	if (ex->sa->state == SA_ESTABLISHED)
		v1_send_notify(ex->sa, ex->notify, is_child ? ex->notify_protocol : PROTO_ISAKMP, bytes_of(spi, is_child ? sizeof(spi) : 0),
			       (struct bytes){ NULL, 0 });
	else
		tell_in_clear(ex);
}

const struct protection v1_protection = { .open = open_message, .seal = seal_message, .first_iv = first_iv, .tell = tell };
