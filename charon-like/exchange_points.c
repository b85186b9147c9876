/* SPDX-License-Identifier: MIT */
/* exchange_points.c - keeps and forgets the points that an exchange may go on from, and tells which of them a message fits. */
#include "exchange_points.h"

#include <stdlib.h>

#include "shard.h"

void mark_take(const struct exchange *ex, struct exchange_mark *mark, uint8_t *scratch)
{
	const struct ike_sa *sa = ex->sa;

	*mark = (struct exchange_mark){
		.row = ex->row, .carrier = ex->carrier, .is_keyed = ex->is_keyed, .local = sa->local, .remote = sa->remote, .is_float = sa->is_float,
	};
	memcpy(mark->iv, ex->iv, sizeof(ex->iv));
	memcpy(mark->cookie, sa->cookie[RESPONDER], COOKIE_SIZE);
	memcpy(scratch, ex->scratch, ex->mode->scratch);
}

void mark_restore(struct exchange *ex, const struct exchange_mark *mark, const uint8_t *scratch)
{
	struct ike_sa *sa = ex->sa;

	ex->row = mark->row;
	ex->carrier = mark->carrier;
	ex->is_keyed = mark->is_keyed;
	sa->local = mark->local;
	sa->remote = mark->remote;
	sa->is_float = mark->is_float;
	memcpy(ex->iv, mark->iv, sizeof(ex->iv));
	memcpy(sa->cookie[RESPONDER], mark->cookie, COOKIE_SIZE);
	memcpy(ex->scratch, scratch, ex->mode->scratch);
}

static void take_answer(struct exchange_point *point, const struct exchange *ex)
{
	point->received = ex->received;
	point->has_received = ex->has_received;
	point->answers = ex->answers;
	point->sent = ex->sent;
	point->sent_len = ex->sent_len;
}

static void restore_answer(struct exchange *ex, const struct exchange_point *point)
{
	ex->received = point->received;
	ex->has_received = point->has_received;
	ex->answers = point->answers;
	ex->sent = point->sent;
	ex->sent_len = point->sent_len;
}

void point_keep(struct exchange *ex, const struct exchange_mark *mark, const uint8_t *scratch)
{
	if (ex->point_count == POINTS_MAX)
		return;
	struct exchange_point *point = malloc(sizeof(*point) + ex->mode->scratch);
	if (!point)
		return;
	point->mark = *mark;
	point->is_left = true;
	memcpy(point->scratch, scratch, ex->mode->scratch);
	take_answer(point, ex);
	ex->points[ex->point_count++] = point;
	ex->sent = NULL;
	ex->sent_len = 0;
	ex->has_received = false;
}

void point_swap(struct exchange *ex, size_t i)
{
	struct exchange_point *point = ex->points[i], now;
	uint8_t scratch[SCRATCH_MAX];

	mark_take(ex, &now.mark, scratch);
	take_answer(&now, ex);
	mark_restore(ex, &point->mark, point->scratch);
	restore_answer(ex, point);
	now.is_left = false;
	*point = now;
	memcpy(point->scratch, scratch, ex->mode->scratch);
	wipe(scratch, sizeof(scratch));
}

void points_free(struct exchange *ex)
{
	while (ex->point_count) {
		struct exchange_point *point = ex->points[--ex->point_count];
		wipe(point->scratch, ex->mode->scratch);
		free(point->sent);
		free(point);
	}
}

/* ---- which of them a message fits ---- */

bool packet_is_encrypted(const struct packet *packet)
{
	enum { FLAGS_AT = 19 };

	return packet->data[FLAGS_AT] & FLAG_ENCRYPTED;
}

/* Does a message in the clear have the payloads of the row? Changes and says nothing. */
static bool clear_fits(const struct step *row, uint8_t carrier, const struct packet *packet)
{
	uint8_t types[PAYLOADS_MAX];
	struct ike_header header;
	struct message in;
	const char *why;
	char text[160];

	if (header_read(&header, bytes_of(packet->data, packet->len)) < 0 ||
	    message_parse(&in, bytes_of(packet->data + HEADER_SIZE, packet->len - HEADER_SIZE), header.next, 0, &why) < 0)
		return false;
	for (size_t i = 0; i < in.count; i++)
		types[i] = in.payloads[i].type;
	return step_check(row, carrier, false, types, in.count, text, sizeof(text)) == STEP_OK;
}

/*
 * RFC 2408 2.5.3: the responder's cookie is never zero; once we know it, another is another's. A responder
 * is found by both cookies, but for message 1, which has no second one.
 */
bool packet_fits_cookie(const struct exchange *ex, const uint8_t known[COOKIE_SIZE], const struct packet *packet)
{
	static const uint8_t zero[COOKIE_SIZE];
	const uint8_t *cookie = packet->data + COOKIE_SIZE;

	if (ex->role == RESPONDER || !ex->mode->creates_sa)
		return true;
	if (memcmp(known, zero, COOKIE_SIZE) == 0)
		return memcmp(cookie, zero, COOKIE_SIZE) != 0;
	return memcmp(known, cookie, COOKIE_SIZE) == 0;
}

/* Is a message like this expected at row `row`? */
static bool may_take(const struct exchange *ex, size_t row, uint8_t carrier, const struct packet *packet)
{
	const struct step *step = &ex->mode->steps[row];

	if (row >= ex->mode->step_count || step->from == ex->role)
		return false;
	return packet_is_encrypted(packet) ? step->cover != CLEAR : step->cover != ENCRYPTED && clear_fits(step, carrier, packet);
}

static bool here_may_take(const struct exchange *ex, const struct packet *packet)
{
	return packet_fits_cookie(ex, ex->sa->cookie[RESPONDER], packet) && may_take(ex, ex->row, ex->carrier, packet);
}

static bool point_may_take(const struct exchange *ex, size_t i, const struct packet *packet)
{
	const struct exchange_point *point = ex->points[i];

	/* Each costs us a DH result at most, and only as many as can be kept. */
	if (point->is_left && ex->point_count == POINTS_MAX)
		return false;
	return packet_fits_cookie(ex, point->mark.cookie, packet) && may_take(ex, point->mark.row, point->mark.carrier, packet);
}

size_t points_that_fit(const struct exchange *ex, const struct packet *packet, bool fits[1 + POINTS_MAX])
{
	size_t count = fits[0] = here_may_take(ex, packet);

	for (size_t i = 0; i < ex->point_count; i++)
		count += fits[1 + i] = point_may_take(ex, i, packet);
	return count;
}
