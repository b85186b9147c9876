/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_refusal.c - a peer that refuses our proof in phase 1 and says so under the keys of that: by a notify where phase 1 is not over
 * for us, by a Delete where it is. Here it is made up, since keyferry tells in the clear (RFC 2409 5.7).
 */
#include "exchange.h"
#include "pair.h"
#include "v1.h"

enum { MESSAGE_ID = 0x12345678, DELETED = UINT16_MAX };

static const char psk[] = "a pre-shared key of some length\n";

/* What is said in place of a message that does not arrive, or beside it. */
struct saying {
	uint16_t type;               /* of the notify; DELETED: a Delete of the SA     */
	unsigned number;             /* of the packet that is answered so              */
	size_t flip;                 /* this octet of the answer is changed; 0: none   */
	bool arrives;                /* the packet itself, too                         */
	bool is_again;               /* each time that the packet comes                */
	unsigned said;
};

/* From the scratch of a phase 1 or from its SA. */
struct keys {
	const struct ike_transform *transform;
	struct bytes cipher, skeyid_a;
	const uint8_t *iv;
};

static struct exchange *phase1_of(const struct ike_sa *sa)
{
	struct exchange *ex = list_empty(&sa->exchanges) ? NULL : CONTAINER(list_first(&sa->exchanges), struct exchange, in_sa);

	return ex && ex->mode->creates_sa ? ex : NULL;
}

static struct keys keys_of(const struct ike_sa *sa)
{
	const struct exchange *ex = phase1_of(sa);

	if (!ex)
		return (struct keys){ &sa->transform, sa_cipher_key(sa), sa_skeyid_a(sa), sa->last_iv };
	return (struct keys){ &v1_phase1(ex)->transform, v1_phase1(ex)->cipher_key, v1_phase1(ex)->skeyid_a, ex->iv };
}

/* HDR*, HASH(1), N or D, and zeros to a whole number of blocks. */
static size_t put_saying(uint8_t *out, size_t size, const struct ike_sa *sa, uint16_t type)
{
	struct keys keys = keys_of(sa);
	struct ike_header header = { .major = 1, .exchange = EXCHANGE_INFORMATIONAL, .flags = FLAG_ENCRYPTED, .message_id = MESSAGE_ID };
	struct v1_notice notice = { .payload = type == DELETED ? PAY_DELETE : PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = type, .spi_count = 1 };
	size_t hash_size = keys.transform->prf_alg->size, block = keys.transform->cipher_alg->block, rest = HEADER_SIZE + PAYLOAD_HEADER_SIZE + hash_size;
	uint8_t id[4], iv[HASH_SIZE_MAX], zeros[HASH_SIZE_MAX] = { 0 };
	struct writer w = writer_over(id, sizeof(id));
	struct message_out message;

	put_u32(&w, MESSAGE_ID);
	if (type == DELETED) {
		notice.spi_len = sizeof(sa->cookie);
		notice.spis = sa->cookie[0];
	}
	memcpy(header.cookie, sa->cookie, sizeof(header.cookie));
	message_begin(&message, out, size, &header);
	message_put(&message, PAY_HASH, bytes_of(zeros, hash_size));
	v1_put_notice(&message, &notice);
	struct bytes hashed[] = { { id, sizeof(id) }, { out + rest, message.w.used - rest } };
	CU_ASSERT_EQUAL_FATAL(keys.transform->prf_alg->run(keys.skeyid_a, hashed, COUNT(hashed), out + rest - hash_size), 0);
	while ((message.w.used - HEADER_SIZE) % block)
		put_u8(&message.w, 0);
	CU_ASSERT_EQUAL_FATAL(message_finish(&message), 0);
	struct bytes ivs[] = { { keys.iv, block }, { id, sizeof(id) } };
	CU_ASSERT_EQUAL_FATAL(keys.transform->hash_alg->run(ivs, COUNT(ivs), iv), 0);
	CU_ASSERT_EQUAL_FATAL(keys.transform->cipher_alg->run(true, keys.cipher, iv, out + HEADER_SIZE, message.w.used - HEADER_SIZE), 0);
	return message.w.used;
}

static unsigned say(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct saying *saying = arg;
	struct wire_packet answer = *packet;

	if (packet->data[18] != PHASE1_TYPE || packet->number < saying->number || packet->to == (saying->number & 1 ? LEFT : RIGHT))
		return 1;
	if (!saying->said || saying->is_again) {
		const struct ike_sa *sa = CONTAINER(list_first(&pair->side[!packet->to].shards[0]->sas.all), struct ike_sa, in_shard);

		answer.to = !packet->to;
		answer.from = packet->dest;
		answer.dest = packet->from;
		answer.len = put_saying(answer.data, sizeof(answer.data), sa, saying->type);
		answer.data[saying->flip] ^= saying->flip ? 1 : 0;
		pair_inject(pair, &answer);
		saying->said++;
	}
	return saying->arrives;
}

static struct pair *pair_saying(struct saying *saying)
{
	char left[4096], right[4096];

	pair_documents(left, right, "aes128-sha256-curve25519", "aes128gcm16", 1, false, false);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk };
	struct pair *pair = pair_new(&options);
	pair->filter = say;
	pair->filter_arg = saying;
	return pair;
}

static unsigned warnings(const struct side *side)
{
	unsigned count = 0;

	for (size_t i = 0; i < side->line_count && i < LOG_KEPT; i++)
		count += strstr(side->lines[i], "warn ") && strstr(side->lines[i], " ex=");
	return count;
}

/* The proof that the other end looks at first, and who has sent that. */
enum { PROOF = PHASE1_PROOF_I < PHASE1_PROOF_R ? PHASE1_PROOF_I : PHASE1_PROOF_R, PROVER = PROOF & 1 ? LEFT : RIGHT };

static void ends_sooner(void)
{
	struct saying saying = { .type = NOTIFY_AUTHENTICATION_FAILED, .number = PROOF, .is_again = true };
	struct pair *pair = pair_saying(&saying);
	const struct side *prover = &pair->side[PROVER];
	char line[80];

	snprintf(line, sizeof(line), "refused-by-peer: the peer refuses message %d: AUTHENTICATION-FAILED", PROOF);
	CU_ASSERT_FALSE(pair_up(pair, 8000));
	CU_ASSERT(side_said(prover, line));
	CU_ASSERT_STRING_EQUAL(prover->last_code, "refused-by-peer");
	/* A responder waits for who began, in case that has better news. */
	CU_ASSERT_EQUAL(side_all(prover), (int)PROVER == (int)RIGHT);
	pair_run(pair, 200000);
	CU_ASSERT_EQUAL(side_all(prover), 0);
	CU_ASSERT(prover->failed_finally);
	CU_ASSERT_EQUAL(warnings(prover), 1);
	pair_free(pair);
}

/* It may be somebody else's word, or have been about a damaged message. */
static void better_news(void)
{
	struct saying saying = { .type = NOTIFY_AUTHENTICATION_FAILED, .number = PROOF, .arrives = true };
	struct pair *pair = pair_saying(&saying);

	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(side_said(&pair->side[PROVER], "refused-by-peer"));
	pair_free(pair);
}

static void others(void)
{
	/* HASH, the notify behind it. */
	static const size_t flips[] = { HEADER_SIZE, HEADER_SIZE + 20, HEADER_SIZE + 40, HEADER_SIZE + 47 };

	for (size_t i = 0; i < COUNT(flips); i++) {
		struct saying saying = { .type = NOTIFY_AUTHENTICATION_FAILED, .number = PROOF, .flip = flips[i], .is_again = true };
		struct pair *pair = pair_saying(&saying);

		CU_ASSERT_FALSE(pair_up(pair, 8000));
		CU_ASSERT_FALSE(side_said(&pair->side[PROVER], "refused-by-peer"));
		CU_ASSERT(side_said(&pair->side[PROVER], "before phase 1 is over, and cannot be read"));
		pair_free(pair);
	}
	struct saying saying = { .type = NOTIFY_CONNECTED, .number = PROOF, .arrives = true };
	struct pair *pair = pair_saying(&saying);
	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT_FALSE(side_said(&pair->side[PROVER], "refused-by-peer"));
	pair_free(pair);
}

static void deletes(void)
{
	/* The last message, and a Delete of the SA that it made. */
	struct saying saying = { .type = DELETED, .number = PHASE1_PROOF_I > PHASE1_PROOF_R ? PHASE1_PROOF_I : PHASE1_PROOF_R };
	struct pair *pair = pair_saying(&saying);
	const struct side *last = &pair->side[PHASE1_LAST];

	CU_ASSERT_FALSE(pair_up(pair, 1000));
	CU_ASSERT_EQUAL(last->events[EVENT_IKE_UP], 1);
	CU_ASSERT_EQUAL(side_all(last), 0);
	CU_ASSERT(side_said(last, "the ISAKMP SA ends: the peer deleted it"));
	/* Only who began waits for anything. */
	CU_ASSERT_EQUAL(side_said(last, "refused-by-peer: the peer deletes the ISAKMP SA as soon as"), (int)PHASE1_LAST == (int)LEFT);
	CU_ASSERT_EQUAL(last->failed_finally, (int)PHASE1_LAST == (int)LEFT);
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "an error that the peer protects while phase 1 runs is said once, and ends it sooner", ends_sooner },
	{ "after such an error a phase 1 still comes up when the peer goes on", better_news },
	{ "an Informational message that is changed, or no error, is not taken for one", others },
	{ "a peer that deletes the SA in answer to the last message of phase 1 refuses it", deletes },
};

UNIT_MAIN("pairs-refusal", cases)
