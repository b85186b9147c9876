/* SPDX-License-Identifier: MIT */
/* test_message.c - headers and chains of payloads: what is read, what is refused, what is built. */
#include "message.h"

#include "../tests/unit.h"

static const uint8_t header_octets[HEADER_SIZE] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, PAY_SA, 0x10, EXCHANGE_MAIN, FLAG_ENCRYPTED, 0xde, 0xad, 0xbe, 0xef, 0, 0,
	0, HEADER_SIZE,
};

static void header_fields(void)
{
	struct ike_header header;

	CU_ASSERT_EQUAL(header_read(&header, bytes_of(header_octets, sizeof(header_octets))), 0);
	CU_ASSERT(memcmp(header.cookie, header_octets, 16) == 0);
	CU_ASSERT(header.next == PAY_SA && header.major == 1 && header.minor == 0 && header.exchange == EXCHANGE_MAIN);
	CU_ASSERT(header.flags == FLAG_ENCRYPTED && header.message_id == 0xdeadbeef && header.length == HEADER_SIZE);
}

static void header_short(void)
{
	struct ike_header header;

	for (size_t len = 0; len < HEADER_SIZE; len++)
		CU_ASSERT_EQUAL(header_read(&header, bytes_of(header_octets, len)), FAULT_INPUT);
	CU_ASSERT_EQUAL(header_read(&header, (struct bytes){ NULL, 0 }), FAULT_INPUT);
}

static void header_length(void)
{
	static const uint32_t wrong[] = { 0, 1, 27, 29, 256, 0x1c000000, 0x7fffffff, 0xffffffff };
	uint8_t packet[HEADER_SIZE];
	struct ike_header header;

	for (size_t i = 0; i < COUNT(wrong); i++) {
		memcpy(packet, header_octets, sizeof(packet));
		for (unsigned j = 0; j < 4; j++)
			packet[24 + j] = (uint8_t)(wrong[i] >> (24 - 8 * j));
		CU_ASSERT_EQUAL(header_read(&header, bytes_of(packet, sizeof(packet))), FAULT_INPUT);
	}
}

/* ---- chains ---- */

/* KE of 3 octets, an empty nonce, a vendor ID of 1. */
static const uint8_t chain[] = { PAY_NONCE, 0, 0, 7, 1, 2, 3, PAY_VID, 0xff, 0, 4, PAY_NONE, 0, 0, 5, 9 };

static int parse(struct message *m, struct bytes octets, uint8_t first, size_t block)
{
	const char *why = NULL;
	int fault = message_parse(m, octets, first, block, &why);

	CU_ASSERT_EQUAL(fault == 0, why == NULL);
	return fault;
}

static void chain_read(void)
{
	struct message m;
	size_t i = 0;

	CU_ASSERT_EQUAL(parse(&m, bytes_of(chain, sizeof(chain)), PAY_KE, 0), 0);
	CU_ASSERT_EQUAL(m.count, 3);
	CU_ASSERT(m.payloads[0].type == PAY_KE && m.payloads[0].body.at == chain + 4 && m.payloads[0].body.len == 3);
	CU_ASSERT(m.payloads[0].whole.at == chain && m.payloads[0].whole.len == 7);
	CU_ASSERT(m.payloads[1].type == PAY_NONCE && m.payloads[1].body.len == 0 && m.payloads[1].whole.len == 4);
	CU_ASSERT(m.payloads[2].type == PAY_VID && m.payloads[2].body.at[0] == 9);
	CU_ASSERT(m.chain.at == chain && m.chain.len == sizeof(chain));
	CU_ASSERT(message_payload(&m, PAY_VID).at == chain + 15);
	CU_ASSERT_PTR_NULL(message_payload(&m, PAY_SA).at);
	CU_ASSERT_PTR_EQUAL(message_next(&m, PAY_NONCE, &i), &m.payloads[1]);
	CU_ASSERT_EQUAL(i, 2);
	CU_ASSERT_PTR_NULL(message_next(&m, PAY_NONCE, &i));
}

static void chain_cut(void)
{
	struct message m;

	for (size_t len = 0; len < sizeof(chain); len++)
		for (size_t block = 0; block <= 16; block += 8)
			CU_ASSERT_EQUAL(parse(&m, bytes_of(chain, len), PAY_KE, block), FAULT_INPUT);
}

static void lengths_refused(void)
{
	uint8_t octets[sizeof(chain)];
	struct message m;

	for (unsigned length = 0; length < UINT16_MAX; length += length < 20 ? 1 : 331) {
		memcpy(octets, chain, sizeof(chain));
		octets[13] = (uint8_t)(length >> 8);
		octets[14] = (uint8_t)length;
		CU_ASSERT_EQUAL(parse(&m, bytes_of(octets, sizeof(octets)), PAY_KE, 0) == 0, length == 5);
	}
}

static void empty_refused(void)
{
	struct message m;

	CU_ASSERT_EQUAL(parse(&m, (struct bytes){ NULL, 0 }, PAY_NONE, 0), FAULT_INPUT);
	CU_ASSERT_EQUAL(parse(&m, (struct bytes){ NULL, 0 }, PAY_SA, 0), FAULT_INPUT);
	CU_ASSERT_EQUAL(parse(&m, bytes_of(chain, 4), PAY_NONE, 16), FAULT_INPUT);
}

static void too_many(void)
{
	uint8_t octets[4 * (PAYLOADS_MAX + 1)];
	struct message m;

	for (size_t count = PAYLOADS_MAX - 1; count <= PAYLOADS_MAX + 1; count++) {
		for (size_t i = 0; i < count; i++) {
			memcpy(octets + 4 * i, (uint8_t[]){ PAY_VID, 0, 0, 4 }, 4);
			octets[4 * i] = i + 1 < count ? PAY_VID : PAY_NONE;
		}
		CU_ASSERT_EQUAL(parse(&m, bytes_of(octets, 4 * count), PAY_VID, 0) == 0, count <= PAYLOADS_MAX);
	}
}

/* ---- padding ---- */

static int parse_padded(const uint8_t *padding, size_t len, size_t block)
{
	uint8_t octets[sizeof(chain) + 64];
	struct message m;

	memcpy(octets, chain, sizeof(chain));
	if (len)
		memcpy(octets + sizeof(chain), padding, len);
	int fault = parse(&m, bytes_of(octets, sizeof(chain) + len), PAY_KE, block);
	if (fault == 0)
		CU_ASSERT_EQUAL(m.chain.len, sizeof(chain));
	return fault;
}

static void no_block(void)
{
	static const uint8_t zeros[64];

	CU_ASSERT_EQUAL(parse_padded(zeros, 0, 0), 0);
	for (size_t len = 1; len <= sizeof(zeros); len++)
		CU_ASSERT_EQUAL(parse_padded(zeros, len, 0), FAULT_INPUT);
}

static void short_padding(void)
{
	static const uint8_t anything[] = { 9, 8, 7, 6, 5, 4, 3, 2, 1, 9, 8, 7, 6, 5, 4 };

	for (size_t len = 0; len < 16; len++)
		CU_ASSERT_EQUAL(parse_padded(anything, len, 16), 0);
}

static void long_padding(void)
{
	uint8_t octets[64] = { 0 };

	for (size_t len = 16; len <= sizeof(octets); len++)
		CU_ASSERT_EQUAL(parse_padded(octets, len, 16), 0);
	octets[3] = 1;
	for (size_t len = 16; len <= sizeof(octets); len++)
		CU_ASSERT_EQUAL(parse_padded(octets, len, 16), FAULT_INPUT);
	/* racoon: random octets, then how many there are, with or without this one. */
	for (unsigned last = 0; last < 256; last++) {
		octets[15] = (uint8_t)last;
		CU_ASSERT_EQUAL(parse_padded(octets, 16, 16) == 0, last == 16 || last == 15);
		octets[31] = (uint8_t)last;
		CU_ASSERT_EQUAL(parse_padded(octets, 32, 16), FAULT_INPUT);
	}
}

/* ---- building ---- */

static struct ike_header some_header(void)
{
	struct ike_header header;

	if (header_read(&header, bytes_of(header_octets, sizeof(header_octets))) < 0)
		abort();
	return header;
}

static void built(void)
{
	uint8_t buffer[100];
	struct ike_header header = some_header(), back;
	struct message_out out;
	struct message m;

	message_begin(&out, buffer, sizeof(buffer), &header);
	message_put(&out, PAY_KE, bytes_of("abc", 3));
	struct writer *w = message_open(&out, PAY_NONCE);
	put_u32(w, 0x01020304);
	message_close(&out);
	message_put(&out, PAY_VID, (struct bytes){ NULL, 0 });
	CU_ASSERT_EQUAL(message_finish(&out), 0);
	struct bytes all = writer_bytes(&out.w);
	CU_ASSERT_EQUAL(all.len, HEADER_SIZE + 7 + 8 + 4);
	CU_ASSERT_EQUAL(header_read(&back, all), 0);
	CU_ASSERT(back.length == all.len && back.next == PAY_KE && back.message_id == header.message_id && back.flags == header.flags);
	CU_ASSERT_EQUAL(parse(&m, bytes_of(all.at + HEADER_SIZE, all.len - HEADER_SIZE), back.next, 0), 0);
	CU_ASSERT(m.count == 3 && m.payloads[1].type == PAY_NONCE && bytes_equal(m.payloads[0].body, bytes_text("abc")));
}

/* Whatever the buffer's size: a whole message or a fault. */
static void does_not_fit(void)
{
	static const uint8_t body[20];
	uint8_t buffer[HEADER_SIZE + 40];
	struct ike_header header = some_header();

	for (size_t size = 0; size <= sizeof(buffer); size++) {
		struct message_out out;
		message_begin(&out, buffer, size, &header);
		message_put(&out, PAY_KE, bytes_of(body, sizeof(body)));
		put_u8(message_open(&out, PAY_VID), 1);
		message_close(&out);
		CU_ASSERT_EQUAL(message_finish(&out), size < HEADER_SIZE + 29 ? FAULT_FULL : 0);
	}
}

static void too_long(void)
{
	static uint8_t buffer[80000], body[UINT16_MAX];
	struct ike_header header = some_header();
	struct message_out out;

	message_begin(&out, buffer, sizeof(buffer), &header);
	message_put(&out, PAY_VID, bytes_of(body, UINT16_MAX - 4));
	CU_ASSERT_EQUAL(message_finish(&out), 0);
	message_begin(&out, buffer, sizeof(buffer), &header);
	message_put(&out, PAY_VID, bytes_of(body, UINT16_MAX - 3));
	CU_ASSERT_EQUAL(message_finish(&out), FAULT_FULL);
}

static void text(void)
{
	struct message m;
	char out[200];

	CU_ASSERT_EQUAL(parse(&m, bytes_of(chain, sizeof(chain)), PAY_KE, 0), 0);
	CU_ASSERT_STRING_EQUAL(message_text(out, sizeof(out), &m), "KE, NONCE, VID");
	for (size_t size = 1; size < 16; size++)
		CU_ASSERT_EQUAL(strlen(message_text(out, size, &m)), size - 1 < 14 ? size - 1 : 14);
	m.count = 0;
	CU_ASSERT_STRING_EQUAL(message_text(out, sizeof(out), &m), "");
}

static const struct unit_case cases[] = {
	{ "a header's fields are read", header_fields },
	{ "less than a header is refused", header_short },
	{ "a length that is not the datagram's is refused", header_length },
	{ "a chain is read payload by payload, whatever is in reserved octets", chain_read },
	{ "a chain cut anywhere is refused", chain_cut },
	{ "a payload's length must be that of the payload", lengths_refused },
	{ "a message without payloads is refused", empty_refused },
	{ "more payloads than the limit are refused", too_many },
	{ "in the clear nothing follows the last payload", no_block },
	{ "padding of less than a block may be anything", short_padding },
	{ "padding of a block or more is zeros, or one block with its length", long_padding },
	{ "what is built is read back", built },
	{ "what does not fit its buffer is a fault, never a part of a message", does_not_fit },
	{ "a payload longer than its length field can say is a fault", too_long },
	{ "the text for the log names the payloads and fits its buffer", text },
};

UNIT_MAIN("message", cases)
