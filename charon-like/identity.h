/* SPDX-License-Identifier: MIT */
/* identity.h - who somebody is: an ID of RFC 2407 4.6.2, from text, to and from the wire, matched against a pattern. */
#ifndef KEYFERRY_IDENTITY_H
#define KEYFERRY_IDENTITY_H
#include "address.h"
#include "names.h"

enum { IDENTITY_DATA_MAX = 1024, IDENTITY_TEXT_MAX = 300 };

/* type 0: any identity ("%any"). `data` is owned by whoever owns the struct (settings, SA). */
struct identity {
	uint8_t type;              /* enum id_type                      */
	struct bytes data;
};

/*
 * "192.0.2.1", "2001:db8::1", "gw.example" (FQDN), "alice@example" (USER_FQDN), "@gw.example" (FQDN), "%any", or with its type:
 * "fqdn:...", "user:...", "ipv4:...", "ipv6:...", "keyid:TEXT", "keyid:0xHEX", "dn:HEX". `data` is malloc()ed: identity_free().
 */
int identity_parse(struct identity *out, const char *text) MUST_CHECK;
int identity_of_address(struct identity *out, const struct address *a) MUST_CHECK;
int identity_copy(struct identity *out, const struct identity *from) MUST_CHECK;
void identity_free(struct identity *id);
/* "gw.example (FQDN)"; escaped, cut to fit. Returns `out`. */
const char *identity_text(char out[IDENTITY_TEXT_MAX], const struct identity *id);
bool identity_same(const struct identity *a, const struct identity *b);
/* `pattern` of type 0 matches all; FQDN compares without regard to case (RFC 2407 4.6.2.3 names are DNS names). */
bool identity_matches(const struct identity *pattern, const struct identity *id);

/* Body of an ID payload: type, protocol, port, data. Phase 1 (RFC 2407 4.6.2): protocol/port 0/0, 17/500, 17/4500 or 17/0. */
void identity_put(struct writer *w, const struct identity *id);
/* `out` borrows from `body`. FAULT_INPUT with a static text in `why`. */
int identity_read(struct identity *out, struct bytes body, const char **why) MUST_CHECK;

/* Phase 2 ID bodies (RFC 2407 4.6.2): address, subnet or range with protocol and port. */
void selector_put(struct writer *w, const struct selector *s);
/* Every ID type that is no set of addresses is refused with a static text in `why`. */
int selector_read(struct selector *out, struct bytes body, const char **why) MUST_CHECK;

#endif
