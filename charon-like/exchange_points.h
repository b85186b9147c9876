/* SPDX-License-Identifier: MIT */
/* exchange_points.h - the engine's own: what a step may change, and the points that an exchange goes on from (see struct exchange). */
#ifndef KEYFERRY_EXCHANGE_POINTS_H
#define KEYFERRY_EXCHANGE_POINTS_H
#include "address.h"
#include "exchange.h"

/* Everything that a step or the message it took may change, but for the scratch, which is kept beside it, and the arena. */
struct exchange_mark {
	size_t row;
	uint8_t carrier;
	bool is_keyed;
	uint8_t iv[16];
	uint8_t cookie[COOKIE_SIZE];         /* the responder's               */
	struct address local, remote;
	bool is_float;
};

/* One that is kept: what was sent there and what that answered are its own. */
struct exchange_point {
	struct exchange_mark mark;
	bool is_left;                        /* the exchange went on from it: its message is sent again only when asked for */
	uint64_t received;
	bool has_received;
	unsigned answers;
	uint8_t *sent;
	size_t sent_len;
	uint8_t scratch[];
};

/* `scratch` has room for SCRATCH_MAX octets. */
void mark_take(const struct exchange *ex, struct exchange_mark *mark, uint8_t *scratch);
/* The arena is not rolled back. */
void mark_restore(struct exchange *ex, const struct exchange_mark *mark, const uint8_t *scratch);
/* Keeps the point that the exchange has just left, and what was sent there. Without memory or room it is forgotten. */
void point_keep(struct exchange *ex, const struct exchange_mark *mark, const uint8_t *scratch);
/* The i-th point becomes the present one, the present one takes its place. */
void point_swap(struct exchange *ex, size_t i);
void points_free(struct exchange *ex);

/* Of a packet whose header was read. */
bool packet_is_encrypted(const struct packet *packet);
/* Is it from the responder with this cookie, all zeros while we know none? */
bool packet_fits_cookie(const struct exchange *ex, const uint8_t known[COOKIE_SIZE], const struct packet *packet);
/* How many points expect a message like this; the present one is the first, then the others. Changes and says nothing. */
size_t points_that_fit(const struct exchange *ex, const struct packet *packet, bool fits[1 + POINTS_MAX]);

/* exchange_wait.c: keeps a message that fits for when the exchange does not wait any more (false: not), and looks at those then; the SA is held. */
bool held_keep(struct exchange *ex, struct packet *packet);
void held_take(struct ike_sa *sa, struct exchange *ex);
void keeps_free(struct exchange *ex);

/* exchange_say.c: the context's describe(); the last and the passing word about a peer that does not answer. */
void exchange_describe(const struct log_context *ctx, struct log_fields *fields);
void say_no_answer(struct exchange *ex);
void say_trying(struct exchange *ex);

#endif
