/* SPDX-License-Identifier: MIT */
/* message.c - reads and builds the header and payload chain of an ISAKMP message (RFC 2408 3). */
#include "message.h"

#include <stdio.h>

int header_read(struct ike_header *out, struct bytes packet)
{
	struct reader r = reader_over(packet);

	for (int role = INITIATOR; role <= RESPONDER; role++) {
		struct bytes cookie = read_bytes(&r, COOKIE_SIZE);
		if (cookie.at)
			memcpy(out->cookie[role], cookie.at, COOKIE_SIZE);
	}
	out->next = read_u8(&r);
	uint8_t version = read_u8(&r);
	out->major = version >> 4;
	out->minor = version & 0x0f;
	out->exchange = read_u8(&r);
	out->flags = read_u8(&r);
	out->message_id = read_u32(&r);
	out->length = read_u32(&r);
	if (r.failed || out->length != packet.len)
		return FAULT_INPUT;
	return 0;
}

static bool parse_fault(const char **why, const char *text)
{
	*why = text;
	return false;
}

/* Takes one payload off the reader and tells the type of the next. */
static bool parse_payload(struct message *m, struct reader *r, uint8_t *type, const char **why)
{
	if (m->count == PAYLOADS_MAX)
		return parse_fault(why, "it has too many payloads");
	const uint8_t *start = r->at;
	uint8_t next = read_u8(r);
	read_u8(r); /* RESERVED: ignored when received, whatever it holds */
	uint16_t length = read_u16(r);
	if (r->failed)
		return parse_fault(why, "it ends inside a payload header");
	if (length < PAYLOAD_HEADER_SIZE)
		return parse_fault(why, "a payload is shorter than its header");
	struct bytes body = read_bytes(r, (size_t)length - PAYLOAD_HEADER_SIZE);
	if (r->failed)
		return parse_fault(why, "a payload is longer than the message");
	m->payloads[m->count++] = (struct payload_view){
		.type = *type, .body = body, .whole = { start, length },
	};
	*type = next;
	return true;
}

/* Less than a block can be anything. A whole one is zeros, or what racoon writes: the length last, which counts itself or does not. */
static bool is_padding(struct bytes rest, size_t block)
{
	size_t zeros = 0;

	if (block == 0 || rest.len < block)
		return block != 0 || rest.len == 0;
	while (zeros < rest.len && rest.at[zeros] == 0)
		zeros++;
	uint8_t last = rest.at[rest.len - 1];
	return zeros == rest.len || (rest.len == block && (last == block || last == block - 1));
}

int message_parse(struct message *m, struct bytes chain, uint8_t first, size_t block, const char **why)
{
	struct reader r = reader_over(chain);
	uint8_t type = first;

	m->count = 0;
	while (type != PAY_NONE)
		if (!parse_payload(m, &r, &type, why))
			return FAULT_INPUT;
	m->chain = bytes_of(chain.at, chain.len - reader_left(&r));
	if (!is_padding(read_rest(&r), block)) {
		*why = block ? "what follows the last payload is no padding" : "something follows the last payload";
		return FAULT_INPUT;
	}
	if (m->count == 0) {
		*why = "it has no payload";
		return FAULT_INPUT;
	}
	return 0;
}

const struct payload_view *message_next(const struct message *m, uint8_t type, size_t *i)
{
	while (*i < m->count) {
		const struct payload_view *payload = &m->payloads[(*i)++];
		if (payload->type == type)
			return payload;
	}
	return NULL;
}

struct bytes message_payload(const struct message *m, uint8_t type)
{
	size_t i = 0;
	const struct payload_view *payload = message_next(m, type, &i);

	return payload ? payload->body : (struct bytes){ NULL, 0 };
}

void message_begin(struct message_out *out, uint8_t *buffer, size_t size, const struct ike_header *header)
{
	*out = (struct message_out){ .w = writer_over(buffer, size) };
	put_bytes(&out->w, bytes_of(header->cookie[INITIATOR], COOKIE_SIZE));
	put_bytes(&out->w, bytes_of(header->cookie[RESPONDER], COOKIE_SIZE));
	out->next_at = out->w.used;
	put_u8(&out->w, PAY_NONE);
	put_u8(&out->w, (uint8_t)(header->major << 4 | header->minor));
	put_u8(&out->w, header->exchange);
	put_u8(&out->w, header->flags);
	put_u32(&out->w, header->message_id);
	put_u32(&out->w, 0);
}

struct writer *message_open(struct message_out *out, uint8_t type)
{
	if (!out->w.failed)
		out->w.base[out->next_at] = type;
	out->open_at = out->next_at = out->w.used;
	put_u8(&out->w, PAY_NONE);
	put_u8(&out->w, 0);
	put_u16(&out->w, 0);
	return &out->w;
}

void message_close(struct message_out *out)
{
	size_t length = out->w.used - out->open_at;

	if (length > UINT16_MAX)
		out->w.failed = true;
	patch_u16(&out->w, out->open_at + 2, (uint16_t)length);
	out->open_at = 0;
}

void message_put(struct message_out *out, uint8_t type, struct bytes body)
{
	put_bytes(message_open(out, type), body);
	message_close(out);
}

int message_finish(struct message_out *out)
{
	enum { LENGTH_AT = 24 };

	patch_u16(&out->w, LENGTH_AT, (uint16_t)(out->w.used >> 16));
	patch_u16(&out->w, LENGTH_AT + 2, (uint16_t)out->w.used);
	return out->w.failed ? FAULT_FULL : 0;
}

const char *message_text(char *out, size_t size, const struct message *m)
{
	char name[NAME_TEXT_MAX];
	size_t used = 0;

	if (size)
		out[0] = '\0';
	for (size_t i = 0; i < m->count && used < size; i++) {
		int n = snprintf(out + used, size - used, "%s%s", i ? ", " : "", payload_name(name, m->payloads[i].type));
		used += n > 0 ? (size_t)n : 0;
	}
	return out;
}
