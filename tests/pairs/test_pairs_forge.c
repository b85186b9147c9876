/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_forge.c - messages forged by somebody who sees everything, can send anything, but has no keys: header fields of every
 * value at every position, garbage, notifies in the clear, old packets. Forged payloads are test_pairs_forge_payloads.c's.
 */
#include "tamper.h"
#include "v1.h"

enum { EXCHANGE_AT = 18, FLAGS_AT = 19, VERSION_AT = 17, NEXT_AT = 16, MESSAGE_ID_AT = 20, KEPT_MAX = 32 };

/* The same numbers in each run. */
struct random {
	uint64_t state;
};

static uint8_t random_octet(struct random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (uint8_t)(random->state >> 24);
}

/* Puts what somebody forges from a packet on the wire, before it. */
typedef void forger(struct pair *pair, const struct wire_packet *good);

struct position {
	unsigned number;
	forger *forge;
};

static unsigned forge_before(struct pair *pair, struct wire_packet *packet, void *arg)
{
	const struct position *position = arg;

	if (packet->number == position->number)
		position->forge(pair, packet);
	return 1;
}

static void at_every_position(forger *forge)
{
	struct pair *pair = tamper_new();

	for (unsigned number = 1; number <= LAST_PACKET; number++) {
		struct position position = { number, forge };
		pair->filter = forge_before;
		pair->filter_arg = &position;
		bool is_up = tamper_up(pair);
		pair_run(pair, 100);
		if (!is_up || !tamper_is_sound(pair)) {
			printf("before packet %u: %s\n", number, is_up ? "unsound" : "not up");
			CU_FAIL("a forgery did harm");
		}
		pair->filter = NULL;
		/* Established now; the same forgeries of what went last do nothing either. */
		struct wire_packet last = { .to = RIGHT, .due = pair->now, .len = HEADER_SIZE };
		const struct ike_sa *sa = tamper_sa(&pair->side[LEFT], "t");
		last.from = sa->local;
		last.dest = sa->remote;
		memcpy(last.data, sa->cookie, sizeof(sa->cookie));
		last.data[VERSION_AT] = 0x10;
		tamper_set_length(&last, 92);
		forge(pair, &last);
		pair_run(pair, 70000);
		CU_ASSERT(tamper_is_sound(pair));
		CU_ASSERT_EQUAL(pair->side[RIGHT].engine.half_open, 0);
		tamper_reset(pair);
	}
	pair_free(pair);
}

static void every_value_at(struct pair *pair, const struct wire_packet *good, size_t offset)
{
	struct wire_packet copy = *good;

	for (unsigned value = 0; value < 256; value++) {
		copy.data[offset] = (uint8_t)value;
		if (value != good->data[offset])
			pair_inject(pair, &copy);
	}
}

static void any_exchange(struct pair *pair, const struct wire_packet *good)
{
	every_value_at(pair, good, EXCHANGE_AT);
}

static void any_flags(struct pair *pair, const struct wire_packet *good)
{
	every_value_at(pair, good, FLAGS_AT);
}

static void any_version(struct pair *pair, const struct wire_packet *good)
{
	every_value_at(pair, good, VERSION_AT);
}

static void any_payload(struct pair *pair, const struct wire_packet *good)
{
	every_value_at(pair, good, NEXT_AT);
}

/* Offsets of the "next payload" of each payload of a packet in the clear. */
static void any_later_payload(struct pair *pair, const struct wire_packet *good)
{
	size_t at = HEADER_SIZE;

	if (good->data[FLAGS_AT] & FLAG_ENCRYPTED)
		return;
	while (at + PAYLOAD_HEADER_SIZE <= good->len) {
		every_value_at(pair, good, at);
		size_t len = (size_t)good->data[at + 2] << 8 | good->data[at + 3];
		at += len ? len : good->len;
	}
}

static void any_message_id(struct pair *pair, const struct wire_packet *good)
{
	static const uint32_t ids[] = { 0, 1, 0xffffffff, 0x80000000, 0x01020304 };
	struct wire_packet copy = *good;

	for (size_t i = 0; i < COUNT(ids); i++) {
		for (unsigned shift = 0; shift < 4; shift++)
			copy.data[MESSAGE_ID_AT + shift] = (uint8_t)(ids[i] >> (24 - 8 * shift));
		pair_inject(pair, &copy);
	}
}

/* Bodies that mean nothing, of several lengths, as any exchange that we speak, in the clear and as if encrypted. */
static void garbage(struct pair *pair, const struct wire_packet *good)
{
	static const uint8_t exchanges[] = { EXCHANGE_MAIN, EXCHANGE_AGGRESSIVE, EXCHANGE_INFORMATIONAL, EXCHANGE_TRANSACTION, EXCHANGE_QUICK };
	static const size_t lengths[] = { 28, 29, 32, 44, 60, 76, 124, 172, 1052, 4092 };
	struct random random = { 0x6b65796665727279 };
	struct wire_packet copy = *good;

	for (size_t i = 0; i < COUNT(exchanges); i++) {
		for (size_t j = 0; j < COUNT(lengths); j++) {
			for (unsigned kind = 0; kind < 8; kind++) {
				for (size_t at = HEADER_SIZE; at < lengths[j]; at++)
					copy.data[at] = kind & 1 ? random_octet(&random) : kind & 2 ? 0xff : 0;
				copy.data[EXCHANGE_AT] = exchanges[i];
				copy.data[FLAGS_AT] = kind & 4 ? FLAG_ENCRYPTED : 0;
				tamper_set_length(&copy, lengths[j]);
				pair_inject(pair, &copy);
			}
		}
	}
}

static void forged_exchange(void)
{
	at_every_position(any_exchange);
}

static void forged_flags(void)
{
	at_every_position(any_flags);
}

static void forged_version(void)
{
	at_every_position(any_version);
}

static void forged_payload(void)
{
	at_every_position(any_payload);
	at_every_position(any_later_payload);
}

static void forged_message_id(void)
{
	at_every_position(any_message_id);
}

static void forged_garbage(void)
{
	at_every_position(garbage);
}

/* ---- notifies and deletes in the clear ---- */

static void put_clear(struct pair *pair, const struct wire_packet *good, unsigned to, uint8_t payload, uint16_t type, uint8_t protocol)
{
	struct wire_packet packet = *good;
	struct ike_header header = { .major = 1, .exchange = EXCHANGE_INFORMATIONAL, .message_id = 0x1000u + type };
	struct message_out out;
	struct v1_notice notice = { .payload = payload, .protocol = protocol, .type = type, .spi_count = 1 };

	if (to != good->to) {
		packet.to = to;
		packet.from = good->dest;
		packet.dest = good->from;
	}
	memcpy(header.cookie, good->data, sizeof(header.cookie));
	notice.spi_len = protocol == PROTO_ESP ? 4 : 16;
	memcpy(notice.spi, good->data, 16);
	message_begin(&out, packet.data, sizeof(packet.data), &header);
	v1_put_notice(&out, &notice);
	CU_ASSERT_EQUAL(message_finish(&out), 0);
	packet.len = out.w.used;
	pair_inject(pair, &packet);
}

static void clear_notices(struct pair *pair, const struct wire_packet *good)
{
	static const uint16_t types[] = { NOTIFY_INITIAL_CONTACT, NOTIFY_R_U_THERE, NOTIFY_R_U_THERE_ACK, NOTIFY_CONNECTED,
					  NOTIFY_RESPONDER_LIFETIME, NOTIFY_REPLAY_STATUS, 40503, 65535 };

	for (unsigned to = 0; to < SIDES; to++) {
		for (uint16_t type = 0; type <= NOTIFY_UNEQUAL_PAYLOAD_LENGTHS; type++)
			put_clear(pair, good, to, PAY_NOTIFY, type, PROTO_ISAKMP);
		for (size_t i = 0; i < COUNT(types); i++)
			put_clear(pair, good, to, PAY_NOTIFY, types[i], PROTO_ISAKMP);
		put_clear(pair, good, to, PAY_DELETE, 1, PROTO_ISAKMP);
		put_clear(pair, good, to, PAY_DELETE, 2, PROTO_ESP);
	}
}

static void unprotected_notices(void)
{
	at_every_position(clear_notices);
}

/* ---- old packets ---- */

struct record {
	struct wire_packet kept[KEPT_MAX];
	size_t count;
	size_t old;                          /* of an earlier SA */
};

static unsigned keep_and_replay(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct record *record = arg;

	for (size_t i = 0; i < record->count; i++) {
		record->kept[i].due = packet->due;
		pair_inject(pair, &record->kept[i]);
	}
	if (record->count < KEPT_MAX)
		record->kept[record->count++] = *packet;
	return 1;
}

/* Every packet that was ever seen comes again before each new one, and in the time after. */
static void replayed(void)
{
	struct pair *pair = tamper_new();
	struct record *record = calloc(1, sizeof(*record));

	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	for (unsigned life = 0; life < 3; life++) {
		pair->filter = keep_and_replay;
		pair->filter_arg = record;
		CU_ASSERT(tamper_up(pair));
		pair_run(pair, 1000);
		CU_ASSERT(tamper_is_sound(pair));
		for (size_t wait = 1; wait < 200000; wait *= 3) {
			for (size_t i = 0; i < record->count; i++) {
				record->kept[i].due = pair->now;
				pair_inject(pair, &record->kept[i]);
			}
			pair_run(pair, wait);
			CU_ASSERT(tamper_is_sound(pair));
		}
		CU_ASSERT_EQUAL(shard_down(pair->side[LEFT].shards[0], "t", NULL), 1);
		pair->filter = NULL;
		pair_run(pair, 60000);
		CU_ASSERT(tamper_is_up(pair, "s"));
		CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 2);
		CU_ASSERT_EQUAL(pair->side[RIGHT].shards[0]->sas.count, 1);
	}
	free(record);
	pair_free(pair);
}

/* The peer's delete of a child, sent once more when a hundred other messages have been under the same SA. */
static void replayed_late(void)
{
	struct pair *pair = tamper_new();
	struct record *record = calloc(1, sizeof(*record));

	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT(tamper_up(pair));
	for (unsigned i = 0; i < 100; i++) {
		pair->filter = i < 2 ? keep_and_replay : NULL;
		pair->filter_arg = record;
		CU_ASSERT_EQUAL(shard_down(pair->side[LEFT].shards[0], "t", "c"), 1);
		CU_ASSERT(tamper_up(pair));
	}
	unsigned events = pair->side[RIGHT].events[EVENT_CHILD_UP] + pair->side[RIGHT].events[EVENT_FAILURE];
	for (size_t i = 0; i < record->count; i++) {
		record->kept[i].due = pair->now;
		pair_inject(pair, &record->kept[i]);
		pair_run(pair, 1000);
		CU_ASSERT(tamper_is_sound(pair));
	}
	CU_ASSERT(list_empty(&tamper_sa(&pair->side[RIGHT], "t")->exchanges));
	pair_run(pair, 100000);
	CU_ASSERT(tamper_is_sound(pair));
	CU_ASSERT_EQUAL(pair->side[RIGHT].events[EVENT_CHILD_UP] + pair->side[RIGHT].events[EVENT_FAILURE], events);
	free(record);
	pair_free(pair);
}

/* ---- our own messages, sent back ---- */

struct mirror {
	bool swap;                           /* cookies as well */
	unsigned flip_at;
};

static unsigned reflect(struct pair *pair, struct wire_packet *packet, void *arg)
{
	const struct mirror *mirror = arg;
	struct wire_packet copy = *packet;

	copy.to = !packet->to;
	copy.from = packet->dest;
	copy.dest = packet->from;
	/* A responder's cookie that equals ours. */
	if (mirror->swap)
		memcpy(copy.data + COOKIE_SIZE, copy.data, COOKIE_SIZE);
	pair_inject(pair, &copy);
	return 0;
}

static void reflected(void)
{
	struct pair *pair = tamper_new();

	for (int swap = 0; swap <= 1; swap++) {
		struct mirror mirror = { .swap = swap };
		pair->filter = reflect;
		pair->filter_arg = &mirror;
		CU_ASSERT(!tamper_up(pair));
		CU_ASSERT_PTR_NULL(tamper_sa(&pair->side[LEFT], "t"));
		pair->filter = NULL;
		tamper_reset(pair);
	}
	CU_ASSERT(tamper_up(pair));
	CU_ASSERT(tamper_is_sound(pair));
	pair_free(pair);
}

/* ---- amplification ---- */

static unsigned count_right(struct pair *pair, struct wire_packet *packet, void *arg)
{
	uint64_t *octets = arg;

	(void)pair;
	octets[packet->to == LEFT] += packet->len;
	return 0;
}

static void amplification(void)
{
	struct pair *pair = tamper_new();
	uint64_t octets[2] = { 0, 0 };

	pair->filter = count_right;
	pair->filter_arg = octets;
	CU_ASSERT_EQUAL(shard_up(pair->side[LEFT].shards[0], "t", NULL), 0);
	CU_ASSERT(octets[0] > 0);
	pair->filter = NULL;
	tamper_reset(pair);
	CU_ASSERT_EQUAL(shard_up(pair->side[LEFT].shards[0], "t", NULL), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pair->wire);
	struct wire_packet first = *pair->wire;
	tamper_reset(pair);
	pair->filter = count_right;
	memset(octets, 0, sizeof(octets));
	for (unsigned i = 0; i < 50; i++) {
		first.due = pair->now;
		pair_inject(pair, &first);
		pair_run(pair, 10);
		octets[0] += first.len;
		CU_ASSERT(octets[1] * 100 <= octets[0] * (tamper_key ? AMPLIFIED_PERCENT_SIGNED : AMPLIFIED_PERCENT));
	}
	uint64_t so_far = octets[1];
	CU_ASSERT(so_far > 0);
	pair_run(pair, 100000);
	CU_ASSERT_EQUAL(octets[1], so_far);
	CU_ASSERT_EQUAL(pair->side[RIGHT].shards[0]->sas.count, 1);
	pair->filter = NULL;
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "any exchange type at any position is harmless (CVE-2019-12312, CVE-2014-2338)", forged_exchange },
	{ "any flags at any position are harmless", forged_flags },
	{ "any version at any position is harmless", forged_version },
	{ "any payload number at any position is harmless (CVE-2015-3204, of IKEv2: CVE-2015-3991)", forged_payload },
	{ "any message ID at any position is harmless", forged_message_id },
	{ "garbage at any position is harmless (CVE-2019-10155, with all of it logged: CVE-2020-1763, CVE-2022-23094)", forged_garbage },
	{ "notifies and deletes in the clear are hints for the log, never more (CVE-2019-10155)", unprotected_notices },
	{ "packets replayed during and after every exchange are harmless", replayed },
	{ "packets replayed after a hundred others under the same SA are harmless", replayed_late },
	{ "our own messages sent back bring nothing up", reflected },
	{ "a responder answers message 1 with no more octets than it had, and never unasked (CVE-2016-5361)", amplification },
};

TAMPER_MAIN("pairs-forge", cases)
