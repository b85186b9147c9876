/* SPDX-License-Identifier: MIT */
/* message.h - an ISAKMP message: header and payload chain, in and out (RFC 2408 3). Protection is ikev1/protect.c. */
#ifndef KEYFERRY_MESSAGE_H
#define KEYFERRY_MESSAGE_H
#include "bytes.h"
#include "names.h"

enum role { INITIATOR, RESPONDER };

static inline enum role role_other(enum role role)
{
	return role == INITIATOR ? RESPONDER : INITIATOR;
}

enum {
	COOKIE_SIZE = 8,
	HEADER_SIZE = 28,
	PAYLOAD_HEADER_SIZE = 4,
	PAYLOADS_MAX = 48,         /* in one message; a Windows peer sends 12, chains of certificates about 20 */
	MESSAGE_MAX = 32768,       /* what is accepted from one datagram or one set of fragments               */
	MESSAGE_OUT_MAX = 32768,   /* what we build: chains of certificates, as large as we would take         */
};

/* RFC 2408 3.1 */
enum { FLAG_ENCRYPTED = 1, FLAG_COMMIT = 2, FLAG_AUTH_ONLY = 4 };

struct ike_header {
	uint8_t cookie[2][COOKIE_SIZE];  /* indexed by enum role                                   */
	uint8_t next, major, minor, exchange, flags;
	uint32_t message_id, length;
};

struct payload_view {
	uint8_t type;
	struct bytes body;               /* without the generic header                             */
	struct bytes whole;              /* with it                                                */
};

/* A message that was read; borrows from its packet or from the arena it was decrypted into. */
struct message {
	struct ike_header header;
	bool was_encrypted;
	struct payload_view payloads[PAYLOADS_MAX];
	size_t count;
	struct bytes chain;              /* all payloads, without padding                          */
};

/* A message being built. */
struct message_out {
	struct writer w;
	size_t next_at;                  /* where the type of the next payload has to be written   */
	size_t open_at;                  /* start of the payload being written, 0: none            */
};

/* FAULT_INPUT: shorter than a header, or the length field does not fit the datagram. Checks no version. */
int header_read(struct ike_header *out, struct bytes packet) MUST_CHECK;
/*
 * Splits a chain that starts with payload type `first`. What follows the last payload is the padding of a cipher with blocks of
 * `block` octets (RFC 2409 appendix B); 0: nothing may follow. Nothing authenticates it, and the next IV is made from it, so a block
 * more than is needed must be recognisable: all zeros, or one with its length in the last octet, as racoon pads. Reserved octets must be ignored (RFC 2408
 * 3.2). `why` is static text.
 */
int message_parse(struct message *m, struct bytes chain, uint8_t first, size_t block, const char **why) MUST_CHECK;
/* Body of the first payload of a type; .at NULL when there is none. */
struct bytes message_payload(const struct message *m, uint8_t type);
/* The next payload of a type at or after *i, which is advanced beyond it; NULL when there is none. */
const struct payload_view *message_next(const struct message *m, uint8_t type, size_t *i);

void message_begin(struct message_out *out, uint8_t *buffer, size_t size, const struct ike_header *header);
/* The payload's body is written to the returned writer, then closed. */
struct writer *message_open(struct message_out *out, uint8_t type);
void message_close(struct message_out *out);
void message_put(struct message_out *out, uint8_t type, struct bytes body);
/* Writes the length into the header; FAULT_FULL when something did not fit. */
int message_finish(struct message_out *out) MUST_CHECK;

/* "SA, VID, VID" for the log. Returns `out`. */
const char *message_text(char *out, size_t size, const struct message *m);

#endif
