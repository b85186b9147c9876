/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_payloads.c - the messages of phase 1 in the clear forged payload by payload, right headers and cookies around them: situations,
 * counts, public values that are none, payloads missing, twice, empty, too many. The good message follows, and must win.
 */
#include "tamper.h"

enum { VARIANTS_AT_ONCE = POINTS_MAX - 4 };

/* Writes the v-th forgery made of `good`; false when there are no more. */
typedef bool variant(struct wire_packet *out, const struct wire_packet *good, unsigned v);

struct forgery {
	unsigned number;
	variant *make;
	unsigned first;
	bool has_more, after;
};

static unsigned forge(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct forgery *forgery = arg;
	struct wire_packet copy;

	if (packet->number != forgery->number || forgery->has_more)
		return 1;
	forgery->has_more = true;
	if (forgery->after)
		pair_inject(pair, packet);
	for (unsigned v = 0; v < VARIANTS_AT_ONCE && forgery->has_more; v++) {
		copy = *packet;
		forgery->has_more = forgery->make(&copy, packet, forgery->first + v);
		if (forgery->has_more)
			pair_inject(pair, &copy);
	}
	return forgery->after ? 0 : 1;
}

static void forge_all_in(struct pair *pair, variant *make, unsigned number, bool after)
{
	struct forgery forgery = { .number = number, .make = make, .after = after };
	bool has_more = true;

	for (; has_more; forgery.first += VARIANTS_AT_ONCE) {
		forgery.has_more = false;
		pair->filter = forge;
		pair->filter_arg = &forgery;
		bool is_up = tamper_up(pair);
		pair_run(pair, 100);
		if (!is_up || !tamper_is_sound(pair)) {
			printf("message %u, variants from %u, %s: %s\n", number, forgery.first, after ? "after" : "before",
			       is_up ? "unsound" : "not up");
			CU_FAIL("a forged payload did harm");
		}
		has_more = forgery.has_more;
		pair->filter = NULL;
		tamper_reset(pair);
	}
}

static void forge_all(variant *make, unsigned first, unsigned last)
{
	struct pair *pair = tamper_new();

	for (unsigned number = first; number <= last; number++) {
		forge_all_in(pair, make, number, false);
		forge_all_in(pair, make, number, true);
	}
	pair_free(pair);
}

/* ---- rebuilding a message ---- */

static void read_good(struct message *in, const struct wire_packet *good)
{
	const char *why;

	CU_ASSERT_EQUAL_FATAL(header_read(&in->header, bytes_of(good->data, good->len)), 0);
	CU_ASSERT_EQUAL_FATAL(message_parse(in, bytes_of(good->data + HEADER_SIZE, good->len - HEADER_SIZE), in->header.next, 0, &why), 0);
}

static void begin_like(struct message_out *out, struct wire_packet *packet, const struct message *good)
{
	message_begin(out, packet->data, sizeof(packet->data), &good->header);
}

static void finish(struct message_out *out, struct wire_packet *packet)
{
	CU_ASSERT_EQUAL(message_finish(out), 0);
	packet->len = out->w.used;
}

/* The good message with another body for one payload, `times` of it. */
static void replace(struct wire_packet *out, const struct wire_packet *good, uint8_t type, struct bytes body, unsigned times)
{
	struct message in;
	struct message_out rebuilt;

	read_good(&in, good);
	begin_like(&rebuilt, out, &in);
	for (size_t i = 0; i < in.count; i++) {
		if (in.payloads[i].type != type)
			message_put(&rebuilt, in.payloads[i].type, in.payloads[i].body);
		for (unsigned n = 0; in.payloads[i].type == type && n < times; n++)
			message_put(&rebuilt, type, body);
	}
	finish(&rebuilt, out);
}

/* ---- variants ---- */

/* Each octet set to five values. */
static bool any_octet(struct wire_packet *out, const struct wire_packet *good, unsigned v)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	size_t at = v / COUNT(values);

	if (at >= good->len)
		return false;
	out->data[at] = values[v % COUNT(values)];
	return true;
}

/* CVE-2015-3204: bits of the situation that nobody assigned; and of the DOI. */
static bool any_situation(struct wire_packet *out, const struct wire_packet *good, unsigned v)
{
	enum { DOI_AT = HEADER_SIZE + PAYLOAD_HEADER_SIZE };

	if (v >= 130)
		return false;
	(void)good;
	size_t field = DOI_AT + (v < 65 ? 4 : 0);
	uint64_t value = v % 65 < 32 ? UINT64_C(1) << v % 65 % 32 : v % 65 < 64 ? (UINT64_C(1) << v % 65 % 32) - 1 : UINT32_MAX;
	for (unsigned i = 0; i < 4; i++)
		out->data[field + i] = (uint8_t)(value >> (24 - 8 * i));
	return true;
}

/* Payload 0 to 255 in place of each, with its body; and beside them. */
static bool any_payload_beside(struct wire_packet *out, const struct wire_packet *good, unsigned v)
{
	struct message in;
	struct message_out rebuilt;
	uint8_t type = (uint8_t)(v % 256);

	if (v >= 768)
		return false;
	read_good(&in, good);
	begin_like(&rebuilt, out, &in);
	if (v < 256)
		message_put(&rebuilt, type, in.payloads[0].body);
	for (size_t i = v / 512; i < in.count; i++)
		message_put(&rebuilt, in.payloads[i].type, in.payloads[i].body);
	if (v >= 256)
		message_put(&rebuilt, type, in.payloads[0].body);
	finish(&rebuilt, out);
	return true;
}

/* Each payload missing, empty, twice, 48 times, too long for the message. */
static bool any_count(struct wire_packet *out, const struct wire_packet *good, unsigned v)
{
	static const unsigned times[] = { 0, 1, 1, 1, 2, 3, 20, 46, 47, 48, 49, 60 };
	static const size_t lengths[] = { 4096, 0, 1, 3, 4096, 4096, 1, 0, 0, 0, 0, 1 };
	struct message in;

	read_good(&in, good);
	size_t which = v / COUNT(times);
	if (which >= in.count)
		return false;
	struct bytes body = in.payloads[which].body;
	size_t len = lengths[v % COUNT(times)];
	replace(out, good, in.payloads[which].type, bytes_of(body.at, body.len < len ? body.len : len), times[v % COUNT(times)]);
	return true;
}

static bool any_size(struct wire_packet *out, const struct wire_packet *good, unsigned v)
{
	static const size_t sizes[] = { 0, 1, 7, 8, 16, 31, 32, 33, 64, 128, 255, 256, 257, 1024, 1700 };
	static const uint8_t octets[1700] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const uint8_t types[] = { PAY_KE, PAY_NONCE, PAY_NATD, PAY_ID, PAY_HASH };

	if (v >= COUNT(sizes) * COUNT(types))
		return false;
	replace(out, good, types[v % COUNT(types)], bytes_of(octets, sizes[v / COUNT(types)]), 1);
	return true;
}

/* Points of small order of Curve25519: the result would be zero whatever our secret (RFC 7748 6.1). */
static bool bad_point(struct wire_packet *out, const struct wire_packet *good, unsigned v)
{
	static const uint8_t points[][32] = {
		{ 0 },
		{ 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		  0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
		{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	};

	if (v >= COUNT(points))
		return false;
	replace(out, good, PAY_KE, bytes_of(points[v], sizeof(points[v])), 1);
	return true;
}

/* RFC 2409 6.2: the prime of the second group; 0, 1, p - 1, p, p + 1 and all ones are no public values (CVE-2015-3240). */
static bool bad_value(struct wire_packet *out, const struct wire_packet *good, unsigned v)
{
	static const uint8_t prime[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2, 0x21, 0x68, 0xc2, 0x34, 0xc4, 0xc6, 0x62,
		0x8b, 0x80, 0xdc, 0x1c, 0xd1, 0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74, 0x02, 0x0b, 0xbe, 0xa6, 0x3b, 0x13,
		0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd, 0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x1b, 0x30,
		0x2b, 0x0a, 0x6d, 0xf2, 0x5f, 0x14, 0x37, 0x4f, 0xe1, 0x35, 0x6d, 0x6d, 0x51, 0xc2, 0x45, 0xe4, 0x85, 0xb5, 0x76,
		0x62, 0x5e, 0x7e, 0xc6, 0xf4, 0x4c, 0x42, 0xe9, 0xa6, 0x37, 0xed, 0x6b, 0x0b, 0xff, 0x5c, 0xb6, 0xf4, 0x06, 0xb7,
		0xed, 0xee, 0x38, 0x6b, 0xfb, 0x5a, 0x89, 0x9f, 0xa5, 0xae, 0x9f, 0x24, 0x11, 0x7c, 0x4b, 0x1f, 0xe6, 0x49, 0x28,
		0x66, 0x51, 0xec, 0xe6, 0x53, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	};
	uint8_t value[sizeof(prime)] = { 0 };

	if (v >= 6)
		return false;
	if (v == 1)
		value[sizeof(value) - 1] = 1;
	if (v >= 2)
		memcpy(value, prime, sizeof(prime));
	if (v == 2)
		value[sizeof(value) - 1] -= 1;
	if (v == 4)
		memset(value + sizeof(value) - 8, 0, 8), value[sizeof(value) - 9] += 1;
	if (v == 5)
		memset(value, 0xff, sizeof(value));
	replace(out, good, PAY_KE, bytes_of(value, sizeof(value)), 1);
	return true;
}

/* ---- cases ---- */

static void octets(void)
{
	forge_all(any_octet, 1, PHASE1_CLEAR);
}

static void situations(void)
{
	forge_all(any_situation, 1, 2);
}

static void payloads(void)
{
	forge_all(any_payload_beside, 1, PHASE1_CLEAR);
}

static void counts(void)
{
	forge_all(any_count, 1, PHASE1_CLEAR);
}

static void sizes(void)
{
	forge_all(any_size, PHASE1_KE, PHASE1_KE + 1);
}

static void small_points(void)
{
	forge_all(bad_point, PHASE1_KE, PHASE1_KE + 1);
}

static void public_values(void)
{
	struct pair *pair = tamper_new_with("aes128-sha256-modp1024", "");

	for (unsigned number = PHASE1_KE; number <= PHASE1_KE + 1; number++) {
		forge_all_in(pair, bad_value, number, false);
		forge_all_in(pair, bad_value, number, true);
	}
	pair_free(pair);
}

static unsigned only_first(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct wire_packet *kept = arg;

	(void)pair;
	if (packet->number == 1)
		*kept = *packet;
	return 0;
}

/* CVE-2023-30570: under the same cookies an offer that is refused, then one that is not, and again. */
static void refused_first(void)
{
	struct pair *pair = tamper_new();
	struct wire_packet first, refused;
	struct message in;

	pair->sent = 0;
	pair->filter = only_first;
	pair->filter_arg = &first;
	CU_ASSERT_EQUAL(shard_up(pair->side[LEFT].shards[0], "t", NULL), 0);
	pair->filter = NULL;
	read_good(&in, &first);
	refused = first;
	/* Authentication method 1 becomes 3, a signature. */
	static const uint8_t psk[] = { 0x80, 3, 0, 1 };
	for (size_t i = 0; i + 4 <= refused.len; i++)
		if (memcmp(refused.data + i, psk, 4) == 0)
			refused.data[i + 3] = 3;
	for (unsigned i = 0; i < 100; i++) {
		struct wire_packet *next = i % 3 == 2 ? &first : &refused;
		next->due = pair->now;
		pair_inject(pair, next);
		pair_run(pair, i % 7 ? 1 : 100);
	}
	CU_ASSERT(tamper_up(pair));
	CU_ASSERT(tamper_is_sound(pair));
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "no octet of a message in the clear changed to a limit does harm", octets },
	{ "no bit of situation and DOI does harm (CVE-2015-3204)", situations },
	{ "no payload number beside the good ones does harm (CVE-2015-3204, CVE-2015-3991)", payloads },
	{ "payloads missing, empty, twice or too many do no harm (CVE-2015-3240)", counts },
	{ "KE, nonce, NAT-D, ID and HASH of any size do no harm (CVE-2015-3240, CVE-2023-41913)", sizes },
	{ "points of small order are refused", small_points },
	{ "0, 1, p - 1, p and p + 1 are refused as public values (CVE-2015-3240)", public_values },
	{ "offers refused and accepted under the same cookies do no harm (CVE-2023-30570)", refused_first },
};

TAMPER_MAIN("pairs-payloads", cases)
