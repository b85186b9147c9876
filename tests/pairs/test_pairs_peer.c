/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_peer.c - a peer that has the keys and means harm, or is broken: authentic Informational and Quick Mode messages that
 * make no sense. The left side's SA makes them, with the engine's own functions.
 */
#include "tamper.h"
#include "v1.h"

/* A message under the SA of "t". */
struct crafted {
	struct exchange *ex;
	struct message_out out;
	uint8_t buffer[4096];
};

static void craft_begin(struct crafted *crafted, struct ike_sa *sa, const char *key, uint32_t message_id)
{
	const struct provider *mode = services_find(sa->shard->engine->services, SERVICE_EXCHANGE, key);
	struct ike_header header = { .major = 1, .flags = FLAG_ENCRYPTED };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mode);
	if (!message_id)
		CU_ASSERT_EQUAL_FATAL(sa_new_message_id(sa, &message_id), 0);
	crafted->ex = exchange_new(sa, mode->ops, INITIATOR, message_id);
	CU_ASSERT_PTR_NOT_NULL_FATAL(crafted->ex);
	header.exchange = crafted->ex->mode->type;
	header.message_id = message_id;
	memcpy(header.cookie, sa->cookie, sizeof(header.cookie));
	message_begin(&crafted->out, crafted->buffer, sizeof(crafted->buffer), &header);
	v1_open_hash(crafted->ex, &crafted->out);
}

static void craft_send(struct crafted *crafted)
{
	static const struct bytes nothing = { NULL, 0 };
	struct exchange *ex = crafted->ex;
	uint8_t next_iv[16];

	CU_ASSERT_EQUAL(v1_close_hash(ex, &crafted->out, nothing, nothing), STEP_OK);
	CU_ASSERT_EQUAL(message_finish(&crafted->out), 0);
	CU_ASSERT_EQUAL(v1_protection.seal(ex, &crafted->out, next_iv), 0);
	CU_ASSERT_EQUAL(sa_send(ex->sa, writer_bytes(&crafted->out.w)), 0);
	ex->is_done = true;
	exchange_end(ex);
}

static struct pair *pair_with_t(struct ike_sa **sa)
{
	struct pair *pair = tamper_new();

	CU_ASSERT_FATAL(tamper_up(pair));
	*sa = tamper_sa(&pair->side[LEFT], "t");
	return pair;
}

/* The other connection was not touched, and after all timers nothing is left over. */
static void close_pair(struct pair *pair)
{
	pair_run(pair, 200000);
	CU_ASSERT(tamper_is_up(pair, "s"));
	LIST_EACH(it, &pair->side[RIGHT].shards[0]->sas.all)
		CU_ASSERT(list_empty(&CONTAINER(it, struct ike_sa, in_shard)->exchanges));
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 2 * (1 + tamper_children(&pair->side[RIGHT], "t")));
	pair_free(pair);
}

/* ---- Informational ---- */

enum { DELETE_SA, DELETE_CHILD, DELETE_OTHERS, NOTIFY_DPD, NOTIFY_CONTACT, NOTIFY_ERROR, NOTICE_KINDS };

static void put_notice(struct message_out *out, const struct ike_sa *sa, unsigned kind)
{
	struct v1_notice notice = { .payload = PAY_DELETE, .protocol = PROTO_ESP, .spi_len = 4, .spi_count = 1 };
	uint8_t spis[400];
	struct writer w = writer_over(spis, sizeof(spis));

	notice.spis = spis;
	if (kind == DELETE_CHILD && !list_empty(&sa->children))
		put_u32(&w, CONTAINER(list_first(&sa->children), struct child, in_sa)->spi_in);
	while (w.used < sizeof(spis))
		put_u32(&w, 0xabcd0000 + (uint32_t)w.used);
	if (kind == DELETE_OTHERS)
		notice.spi_count = 100;
	if (kind == DELETE_CHILD || kind == DELETE_OTHERS) {
		v1_put_notice(out, &notice);
		return;
	}
	memcpy(spis, sa->cookie, sizeof(sa->cookie));
	notice.protocol = PROTO_ISAKMP;
	notice.spi_len = sizeof(sa->cookie);
	if (kind != DELETE_SA) {
		static const uint8_t sequence[4] = { 0, 0, 0, 7 };
		notice.payload = PAY_NOTIFY;
		notice.type = kind == NOTIFY_DPD ? NOTIFY_R_U_THERE :
			      kind == NOTIFY_CONTACT ? NOTIFY_INITIAL_CONTACT : NOTIFY_NO_PROPOSAL_CHOSEN;
		notice.data = bytes_of(sequence, kind == NOTIFY_DPD ? sizeof(sequence) : 0);
	}
	v1_put_notice(out, &notice);
}

/* Every order of three kinds, each twice. */
static void many_notices(void)
{
	for (unsigned order = 0; order < NOTICE_KINDS * NOTICE_KINDS * NOTICE_KINDS; order++) {
		unsigned kinds[3] = { order % NOTICE_KINDS, order / NOTICE_KINDS % NOTICE_KINDS, order / NOTICE_KINDS / NOTICE_KINDS };
		struct crafted crafted;
		struct ike_sa *sa;
		struct pair *pair = pair_with_t(&sa);
		bool deletes_sa = false, deletes_child = false;

		craft_begin(&crafted, sa, "1/5", 0);
		for (unsigned i = 0; i < 6; i++) {
			put_notice(&crafted.out, sa, kinds[i % 3]);
			deletes_sa |= kinds[i % 3] == DELETE_SA;
			deletes_child |= kinds[i % 3] == DELETE_CHILD;
		}
		craft_send(&crafted);
		pair_run(pair, 100);
		CU_ASSERT_EQUAL(!tamper_sa(&pair->side[RIGHT], "t"), deletes_sa);
		CU_ASSERT_EQUAL(tamper_children(&pair->side[RIGHT], "t"), deletes_sa || deletes_child ? 0 : 1);
		close_pair(pair);
	}
}

static void all_notify_types(void)
{
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);

	for (unsigned type = 0; type <= UINT16_MAX; type += type < 60 ? 1 : 257) {
		struct crafted crafted;
		struct v1_notice notice = { .payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = (uint16_t)type, .spi_count = 1 };
		craft_begin(&crafted, sa, "1/5", 0);
		v1_put_notice(&crafted.out, &notice);
		craft_send(&crafted);
		pair_run(pair, 10);
	}
	CU_ASSERT(tamper_is_sound(pair));
	close_pair(pair);
}

static void put_raw_notice(struct message_out *out, uint8_t payload, uint8_t protocol, uint8_t spi_len, uint16_t number, size_t len)
{
	struct writer *w = message_open(out, payload);

	put_u32(w, DOI_IPSEC);
	put_u8(w, protocol);
	put_u8(w, spi_len);
	put_u16(w, number);
	for (size_t i = 0; i < len; i++)
		put_u8(w, (uint8_t)i);
	message_close(out);
}

static void malformed_notices(void)
{
	static const uint8_t spi_lens[] = { 0, 1, 3, 4, 5, 8, 15, 16, 17, 255 };
	static const uint16_t numbers[] = { 0, 1, 2, 255, 256, 16384, 65535 };
	static const size_t lengths[] = { 0, 1, 4, 16, 17, 600 };
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);

	for (size_t i = 0; i < COUNT(spi_lens) * COUNT(numbers) * COUNT(lengths) * 2 * 4; i++) {
		struct crafted crafted;
		size_t rest = i / 8;
		craft_begin(&crafted, sa, "1/5", 0);
		put_raw_notice(&crafted.out, i & 1 ? PAY_NOTIFY : PAY_DELETE, (uint8_t)(i / 2 % 4), spi_lens[rest % COUNT(spi_lens)],
			       numbers[rest / COUNT(spi_lens) % COUNT(numbers)], lengths[rest / COUNT(spi_lens) / COUNT(numbers)]);
		craft_send(&crafted);
		pair_run(pair, 2);
	}
	CU_ASSERT(tamper_is_sound(pair));
	close_pair(pair);
}

/* ---- Quick Mode ---- */

/* What an SA payload's one transform says. */
struct offered {
	uint8_t protocol, id;
	int key_bits;                        /* -1: not said */
	unsigned skip, twice;                /* an attribute's number, 0: none */
};

static void put_attribute(struct writer *w, const struct offered *offered, uint16_t type, uint16_t value)
{
	if (offered->skip == type)
		return;
	for (unsigned i = 0; i < (offered->twice == type ? 2u : 1u); i++) {
		put_u16(w, 0x8000 | type);
		put_u16(w, value);
	}
}

/* RFC 2407 4.5: attributes 1 and 2 are the lifetime, 4 the mode, 5 the authentication, 6 the key's length. */
static void put_sa(struct message_out *out, const struct offered *offered, uint32_t spi)
{
	struct writer *w = message_open(out, PAY_SA);
	size_t proposal, transform;

	put_u32(w, DOI_IPSEC);
	put_u32(w, SIT_IDENTITY_ONLY);
	proposal = w->used;
	put_u32(w, 0);
	put_u8(w, 1);
	put_u8(w, offered->protocol);
	put_u8(w, 4);
	put_u8(w, 1);
	put_u32(w, spi);
	transform = w->used;
	put_u32(w, 0);
	put_u8(w, 1);
	put_u8(w, offered->id);
	put_u16(w, 0);
	put_attribute(w, offered, 1, 1);
	put_attribute(w, offered, 2, 3600);
	put_attribute(w, offered, 4, MODE_TUNNEL);
	put_attribute(w, offered, 5, 5);
	if (offered->key_bits >= 0)
		put_attribute(w, offered, 6, (uint16_t)offered->key_bits);
	patch_u16(w, transform + 2, (uint16_t)(w->used - transform));
	patch_u16(w, proposal + 2, (uint16_t)(w->used - proposal));
	message_close(out);
}

static void put_id(struct message_out *out, uint8_t type, const uint8_t *data, size_t len)
{
	struct writer *w = message_open(out, PAY_ID);

	put_u8(w, type);
	put_u8(w, 0);
	put_u16(w, 0);
	put_bytes(w, bytes_of(data, len));
	message_close(out);
}

static const uint8_t left_net[] = { 10, 1, 0, 0, 255, 255, 255, 0 }, right_net[] = { 10, 2, 0, 0, 255, 255, 255, 0 };
static const uint8_t nonce[32] = { 1, 2, 3 };
/* What "t" accepts. */
static const struct offered good = { PROTO_ESP, 20, 128, 5, 0 };

static void send_quick(struct pair *pair, struct ike_sa *sa, const struct offered *offered)
{
	struct crafted crafted;

	craft_begin(&crafted, sa, "1/32", 0);
	put_sa(&crafted.out, offered, 0xc0ffee01);
	message_put(&crafted.out, PAY_NONCE, bytes_of(nonce, sizeof(nonce)));
	put_id(&crafted.out, ID_IPV4_SUBNET, left_net, sizeof(left_net));
	put_id(&crafted.out, ID_IPV4_SUBNET, right_net, sizeof(right_net));
	craft_send(&crafted);
	pair_run(pair, 2);
}

static void all_transforms(void)
{
	static const int bits[] = { -1, 0, 1, 64, 128, 136, 192, 256, 65535 };
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);

	for (unsigned protocol = 0; protocol <= 5; protocol++)
		for (unsigned id = 0; id < 256; id++)
			for (size_t i = 0; i < COUNT(bits); i++)
				if (id != good.id || bits[i] != good.key_bits)
					send_quick(pair, sa, &(struct offered){ (uint8_t)protocol, (uint8_t)id, bits[i], id % 2 ? 5 : 0, 0 });
	pair_run(pair, 100);
	CU_ASSERT(tamper_is_sound(pair));
	close_pair(pair);
}

static void wrong_attributes(void)
{
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);

	for (unsigned attribute = 1; attribute <= 10; attribute++) {
		send_quick(pair, sa, &(struct offered){ PROTO_ESP, 20, 128, attribute, 0 });
		send_quick(pair, sa, &(struct offered){ PROTO_ESP, 20, 128, 5, attribute });
		send_quick(pair, sa, &(struct offered){ PROTO_ESP, 12, 128, attribute, 0 });
		send_quick(pair, sa, &(struct offered){ PROTO_ESP, 12, 128, 0, attribute });
	}
	close_pair(pair);
}

/* IDci and IDcr of every type and many lengths, in both places, alone, or as one too many. */
static void wrong_ids(void)
{
	static const size_t lengths[] = { 0, 1, 3, 4, 5, 8, 9, 16, 17, 32, 33, 300 };
	static const uint8_t data[300] = { 10, 1, 0, 0, 255, 255, 255, 0 };
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);

	for (unsigned i = 0; i < 14 * COUNT(lengths) * 5; i++) {
		struct crafted crafted;
		uint8_t type = i % 14 == 13 ? 255 : (uint8_t)(i % 14);
		size_t len = lengths[i / 14 % COUNT(lengths)];
		unsigned place = i / 14 / COUNT(lengths);
		if (place < 2 && type == ID_IPV4_SUBNET && len == 8)
			continue;
		craft_begin(&crafted, sa, "1/32", 0);
		put_sa(&crafted.out, &good, 0xc0ffee02);
		message_put(&crafted.out, PAY_NONCE, bytes_of(nonce, sizeof(nonce)));
		if (place == 1 || place == 4)
			put_id(&crafted.out, ID_IPV4_SUBNET, left_net, sizeof(left_net));
		if (place == 4)
			put_id(&crafted.out, ID_IPV4_SUBNET, right_net, sizeof(right_net));
		put_id(&crafted.out, type, data, len);
		if (place == 0)
			put_id(&crafted.out, ID_IPV4_SUBNET, right_net, sizeof(right_net));
		if (place == 3)
			put_id(&crafted.out, type, data, len);
		craft_send(&crafted);
		pair_run(pair, 2);
		CU_ASSERT(tamper_is_sound(pair));
	}
	close_pair(pair);
}

static void wrong_nonce(void)
{
	static const uint8_t octets[300] = { 0 };
	static const size_t lengths[] = { 0, 1, 7, 257, 300 };
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);

	for (size_t i = 0; i < COUNT(lengths) * 2; i++) {
		struct crafted crafted;
		craft_begin(&crafted, sa, "1/32", 0);
		put_sa(&crafted.out, &good, 0xc0ffee03);
		message_put(&crafted.out, PAY_NONCE, bytes_of(octets, i & 1 ? lengths[i / 2] : sizeof(nonce)));
		if (!(i & 1))
			message_put(&crafted.out, PAY_KE, bytes_of(octets, lengths[i / 2]));
		put_id(&crafted.out, ID_IPV4_SUBNET, left_net, sizeof(left_net));
		put_id(&crafted.out, ID_IPV4_SUBNET, right_net, sizeof(right_net));
		craft_send(&crafted);
		pair_run(pair, 2);
		CU_ASSERT(tamper_is_sound(pair));
	}
	close_pair(pair);
}

/* The first message under an ID is the one that counts; one that came to an end cannot be begun again. */
static void reused_message_id(void)
{
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);
	struct crafted crafted;

	for (unsigned i = 0; i < 20; i++) {
		craft_begin(&crafted, sa, "1/5", 77);
		put_notice(&crafted.out, sa, i == 0 ? NOTIFY_DPD : DELETE_CHILD);
		craft_send(&crafted);
		pair_run(pair, 1000);
	}
	CU_ASSERT(tamper_is_sound(pair));
	close_pair(pair);
}

static void too_many_at_once(void)
{
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);
	size_t running = 0;

	for (unsigned i = 0; i < 3 * EXCHANGES_PER_SA_MAX; i++)
		send_quick(pair, sa, &good);
	LIST_EACH(it, &tamper_sa(&pair->side[RIGHT], "t")->exchanges)
		running++;
	CU_ASSERT(running > 1 && running <= EXCHANGES_PER_SA_MAX);
	CU_ASSERT(tamper_is_up(pair, "t"));
	close_pair(pair);
}

/* A delete for the SPI that a Quick Mode under way is about to receive with. */
static void deleted_under_way(void)
{
	struct ike_sa *sa;
	struct pair *pair = pair_with_t(&sa);
	struct crafted crafted;

	for (unsigned i = 0; i < 3; i++) {
		send_quick(pair, sa, &good);
		craft_begin(&crafted, sa, "1/5", 0);
		struct writer *w = message_open(&crafted.out, PAY_DELETE);
		put_u32(w, DOI_IPSEC);
		put_u8(w, PROTO_ESP);
		put_u8(w, 4);
		put_u16(w, 1);
		put_u32(w, 0xc0ffee01);
		message_close(&crafted.out);
		craft_send(&crafted);
		pair_run(pair, 10);
	}
	CU_ASSERT(tamper_is_up(pair, "t"));
	shard_down(pair->side[RIGHT].shards[0], "t", "c");
	close_pair(pair);
}

static const struct unit_case cases[] = {
	{ "notifies and deletes may come in any order and number in one message (CVE-2023-38712)", many_notices },
	{ "a notify of any type is harmless", all_notify_types },
	{ "a malformed notify or delete changes nothing", malformed_notices },
	{ "every protocol, transform and key length that is not ours is refused (CVE-2024-3652)", all_transforms },
	{ "an attribute that is missing or comes twice is harmless (CVE-2016-5391)", wrong_attributes },
	{ "an ID of a wrong type or length is refused, wherever it stands (CVE-2023-38711)", wrong_ids },
	{ "a nonce or KE of a wrong length is refused", wrong_nonce },
	{ "a message ID that was used once is not used again", reused_message_id },
	{ "no more exchanges run at once than the limit, and all end", too_many_at_once },
	{ "a child may be deleted while its Quick Mode runs", deleted_under_way },
};

TAMPER_MAIN("pairs-peer", cases)
