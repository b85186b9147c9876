/* SPDX-License-Identifier: MIT */
/* notice.c - Notify and Delete payloads (RFC 2408 3.14, 3.15) and sending them; the Informational exchange itself is a plugin. */
#include <stdio.h>

#include "child.h"
#include "liveness.h"
#include "shard.h"
#include "v1.h"

/* One Delete payload names as many SPIs as an SA has children; more go into further messages. */
enum { SPIS_PER_DELETE = 64, ESP_SPI_SIZE = 4 };

void v1_put_notice(struct message_out *out, const struct v1_notice *notice)
{
	struct writer *w = message_open(out, notice->payload);

	put_u32(w, DOI_IPSEC);
	put_u8(w, notice->protocol);
	put_u8(w, (uint8_t)notice->spi_len);
	put_u16(w, notice->payload == PAY_DELETE ? (uint16_t)notice->spi_count : notice->type);
	put_bytes(w, bytes_of(notice->spis ? notice->spis : notice->spi, notice->spi_len * notice->spi_count));
	if (notice->payload == PAY_NOTIFY)
		put_bytes(w, notice->data);
	message_close(out);
}

int v1_read_notice(struct v1_notice *out, const struct payload_view *payload)
{
	struct reader r = reader_over(payload->body);

	*out = (struct v1_notice){ .payload = payload->type, .spi_count = 1 };
	read_u32(&r); /* DOI: 0 and 1 both occur, for the same thing */
	out->protocol = read_u8(&r);
	out->spi_len = read_u8(&r);
	out->type = read_u16(&r);
	if (payload->type == PAY_DELETE) {
		out->spi_count = out->type;
		out->type = 0;
	}
	struct bytes spis = read_bytes(&r, out->spi_len * out->spi_count);
	out->spis = spis.at;
	out->data = read_rest(&r);
	if (r.failed || (payload->type == PAY_DELETE && out->data.len))
		return FAULT_INPUT;
	return 0;
}

void v1_send_notice(struct ike_sa *sa, const struct v1_notice *notice)
{
	const struct provider *mode = services_find(sa->shard->engine->services, SERVICE_EXCHANGE, "1/5");

	if (!mode)
		log_at(&sa->ctx, LEVEL_WARN, "no-informational", "the peer is not told: install exchange-informational.so");
	else if (exchange_start(sa, mode->ops, notice) < 0)
		log_debug(&sa->ctx, "the peer could not be told");
}

void v1_send_notify(struct ike_sa *sa, uint16_t type, uint8_t protocol, struct bytes spi, struct bytes data)
{
	struct v1_notice notice = {
		.payload = PAY_NOTIFY, .protocol = protocol, .type = type, .spi_len = spi.len, .spi_count = 1, .spis = spi.at, .data = data,
	};

	v1_send_notice(sa, &notice);
}

static void send_delete(struct ike_sa *sa, uint8_t protocol, const uint8_t *spis, size_t spi_len, size_t count)
{
	struct v1_notice notice = {
		.payload = PAY_DELETE, .protocol = protocol, .spi_len = spi_len, .spi_count = count, .spis = spis,
	};

	v1_send_notice(sa, &notice);
}

/* RFC 2408 3.15: the SPIs are the sender's own, of the SAs it receives with. */
void v1_tell_contact(struct ike_sa *sa)
{
	v1_send_notify(sa, NOTIFY_INITIAL_CONTACT, PROTO_ISAKMP, bytes_of(sa->cookie, sizeof(sa->cookie)), (struct bytes){ NULL, 0 });
}

void v1_tell_after(struct ike_sa *sa)
{
	uint8_t body[LIFETIME_BODY_MAX];
	struct writer w = writer_over(body, sizeof(body));

	if (sa->tell_contact)
		v1_tell_contact(sa);
	lifetime_put(&w, true, &(struct lifetime){ .seconds = sa->lifetime });
	if (sa->tell_lifetime)
		v1_send_notify(sa, NOTIFY_RESPONDER_LIFETIME, PROTO_ISAKMP, bytes_of(sa->cookie, sizeof(sa->cookie)), writer_bytes(&w));
}

void v1_tell_spi_deleted(struct ike_sa *sa, const struct esp_transform *transform, uint32_t spi_in)
{
	uint8_t spi[ESP_SPI_SIZE];
	struct writer w = writer_over(spi, sizeof(spi));

	put_u32(&w, spi_in);
	send_delete(sa, esp_transform_protocol(transform), spi, sizeof(spi), 1);
}

void v1_tell_child_deleted(struct child *child)
{
	v1_tell_spi_deleted(child->sa, &child->transform, child->spi_in);
}

/* A Delete payload is of one protocol. */
static void tell_children_deleted(struct ike_sa *sa, uint8_t protocol)
{
	uint8_t spis[SPIS_PER_DELETE * ESP_SPI_SIZE];
	struct writer w = writer_over(spis, sizeof(spis));

	LIST_EACH(it, &sa->children) {
		const struct child *child = CONTAINER(it, struct child, in_sa);
		if (child->stage != CHILD_LINGERING && esp_transform_protocol(&child->transform) == protocol)
			put_u32(&w, child->spi_in);
		if (w.used == sizeof(spis)) {
			send_delete(sa, protocol, spis, ESP_SPI_SIZE, SPIS_PER_DELETE);
			w = writer_over(spis, sizeof(spis));
		}
	}
	if (w.used)
		send_delete(sa, protocol, spis, ESP_SPI_SIZE, w.used / ESP_SPI_SIZE);
}

void v1_tell_deleted(struct ike_sa *sa)
{
	tell_children_deleted(sa, PROTO_ESP);
	tell_children_deleted(sa, PROTO_AH);
	send_delete(sa, PROTO_ISAKMP, sa->cookie[0], 2 * COOKIE_SIZE, 1);
}

void v1_take_hint(struct ike_sa *sa, const struct packet *packet)
{
	struct ike_header header;
	struct message in;
	struct v1_notice notice;
	const char *why;
	size_t i = 0;
	char name[NAME_TEXT_MAX], hint[160];

	if (header_read(&header, bytes_of(packet->data, packet->len)) < 0 ||
	    message_parse(&in, bytes_of(packet->data + HEADER_SIZE, packet->len - HEADER_SIZE), header.next, 0, &why) < 0)
		return;
	const struct payload_view *payload = message_next(&in, PAY_NOTIFY, &i);
	if (!payload || v1_read_notice(&notice, payload) < 0)
		return;
	if (notice.type == NOTIFY_INVALID_COOKIE || notice.type == NOTIFY_INVALID_SPI)
		liveness_doubt(sa);
	snprintf(hint, sizeof(hint), "somebody, perhaps the peer, says %s in the clear%s", notify_name(name, notice.type),
		 notice.type == NOTIFY_NO_PROPOSAL_CHOSEN ? ": compare the proposals of both ends, and whether it has a connection for us" : "");
	sa_take_hint(sa, hint);
	log_at(&sa->ctx, LEVEL_INFO, "unauthenticated-notify",
	       "somebody, perhaps the peer, says %s in the clear; it is not acted on", notify_name(name, notice.type));
}
