/* SPDX-License-Identifier: MIT */
/*
 * fuzz_message.c - a datagram up to its payloads: header, chain, notifies and deletes. The first octet picks the size of a cipher
 * block, 0 for a message in the clear.
 */
#include "message.h"

#include <stdlib.h>

#include "v1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* What was read is what is written again. */
static void notice(const struct payload_view *payload)
{
	struct v1_notice read, back;
	static const uint8_t no_cookies[2 * COOKIE_SIZE];
	static uint8_t buffer[HEADER_SIZE + PAYLOAD_HEADER_SIZE + UINT16_MAX];
	struct ike_header header = { .major = 1 };
	struct message_out out;

	if (v1_read_notice(&read, payload) < 0)
		return;
	must(read.spi_len * read.spi_count + read.data.len <= payload->body.len);
	if (payload->body.len > UINT16_MAX - PAYLOAD_HEADER_SIZE)
		return;
	memcpy(header.cookie, no_cookies, sizeof(no_cookies));
	message_begin(&out, buffer, sizeof(buffer), &header);
	v1_put_notice(&out, &read);
	must(message_finish(&out) == 0);
	struct bytes all = writer_bytes(&out.w);
	struct payload_view again = {
		.type = payload->type,
		.body = bytes_of(all.at + HEADER_SIZE + PAYLOAD_HEADER_SIZE, all.len - HEADER_SIZE - PAYLOAD_HEADER_SIZE),
	};
	must(v1_read_notice(&back, &again) == 0 && back.type == read.type && back.spi_count == read.spi_count);
	must(bytes_equal(bytes_of(again.body.at + 4, again.body.len - 4), bytes_of(payload->body.at + 4, payload->body.len - 4)));
}

static void chain(struct bytes octets, uint8_t first, size_t block)
{
	struct message m;
	const char *why = NULL;
	char text[40];
	size_t total = 0;

	if (message_parse(&m, octets, first, block, &why) < 0) {
		must(why != NULL);
		return;
	}
	must(m.count > 0 && m.count <= PAYLOADS_MAX && m.chain.len <= octets.len && (block || m.chain.len == octets.len));
	for (size_t i = 0; i < m.count; i++) {
		const struct payload_view *payload = &m.payloads[i];
		must(payload->whole.at == octets.at + total && payload->whole.len == payload->body.len + PAYLOAD_HEADER_SIZE);
		total += payload->whole.len;
		if (payload->type == PAY_NOTIFY || payload->type == PAY_DELETE)
			notice(payload);
	}
	must(total == m.chain.len && strlen(message_text(text, sizeof(text), &m)) < sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_over(bytes_of(data, size));
	size_t block = 8 * (size_t)(read_u8(&r) % 3);
	struct bytes packet = read_rest(&r);
	struct ike_header header;

	if (packet.len > MESSAGE_MAX)
		return 0;
	if (header_read(&header, packet) == 0) {
		must(header.length == packet.len);
		chain(bytes_of(packet.at + HEADER_SIZE, packet.len - HEADER_SIZE), header.next, block);
	}
	/* Also without a header that is right. */
	chain(packet, block ? PAY_HASH : PAY_SA, block);
	return 0;
}
