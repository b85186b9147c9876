/* SPDX-License-Identifier: MIT */
/* identity.h - who somebody is: an ID of RFC 2407 4.6.2, from text, to and from the wire, matched against a pattern. */
#ifndef KEYFERRY_IDENTITY_H
#define KEYFERRY_IDENTITY_H
#include "address.h"
#include "names.h"

enum {
	IDENTITY_DATA_MAX = 1024,            /* octets; the names of certificates have 100 to 200                            */
	IDENTITY_TEXT_MAX = 300,             /* of what is printed                                                          */
	IDENTITY_WHY_MAX = 256,              /* of a clause that says why text is no identity                                */
	IDENTITY_KEY_MAX = 3 * IDENTITY_DATA_MAX,
};

/*
 * What a configured identity names besides itself, each asked for by a word in the configuration. What a peer sends, or its certificate
 * has, never names more than itself: a certificate for "*.example" is not one for gw.example.
 */
enum identity_match {
	MATCH_WILDCARDS = 1,       /* "*.example", "*@example", a value "*" in a DN                             */
	MATCH_REORDERED = 2,       /* the relative names of a DN in any order                                   */
	/* For identity_parse_as() only: a range of addresses may be given. It needs no word, since no peer sends one. */
	MATCH_RANGES = 4,
};

/* type 0: any identity ("%any"). `data` is owned by whoever owns the struct (settings, SA). */
struct identity {
	uint8_t type;              /* enum id_type                      */
	struct bytes data;
};

/*
 * "192.0.2.1", "2001:db8::1", "gw.example" (FQDN), "alice@example" (USER_FQDN), "@gw.example" (FQDN), "C=CH, O=Example, CN=gw" and
 * "/C=CH/O=Example/CN=gw" (DN, in the order of the DER), "%any", or with its type: "fqdn:" or "dns:", "user:" or "userfqdn:", "rfc822:",
 * "email:", "ipv4:", "ipv6:", "keyid:TEXT", "keyid:0xHEX", "keyid:#HEX", "dn:" or "asn1dn:" with text or "#HEX" (DER), "rfc4514:" (DN, the last
 * relative name first), "gn:#HEX" or "asn1gn:#HEX", "uri:" (GN). strongSwan's "@@user@host", "@#HEX" (KEY_ID) and libreswan's "@[TEXT]" (KEY_ID)
 * too. With MATCH_WILDCARDS and MATCH_RANGES also patterns: "*.example", "10.0.0.0/8" or "ipv4net:10.0.0.0/8", "ipv6range:::1-::9".
 * `data` is malloc()ed: identity_free(). FAULT_INPUT with a clause in `why`, "" when there is nothing special to say.
 */
int identity_parse_as(struct identity *out, const char *text, unsigned match, char why[IDENTITY_WHY_MAX]) MUST_CHECK;
/* One identity or "%any", no pattern. */
int identity_parse(struct identity *out, const char *text) MUST_CHECK;
int identity_of_address(struct identity *out, const struct address *a) MUST_CHECK;
int identity_copy(struct identity *out, const struct identity *from) MUST_CHECK;
void identity_free(struct identity *id);
/* "gw.example (FQDN)"; escaped, cut to fit, a DN in its middle. Returns `out`. */
const char *identity_text(char out[IDENTITY_TEXT_MAX], const struct identity *id);
bool identity_same(const struct identity *a, const struct identity *b);
/*
 * Whether `id` is what `pattern` names: type 0 all, a range the addresses in it, everything else what is equal as its type has it: FQDN
 * without regard to case, USER_FQDN (RFC 5280 7.5) and DN (RFC 5280 7.1) likewise where that is so, a GN as what it holds, KEY_ID by octets.
 */
bool identity_fits(const struct identity *pattern, unsigned match, const struct identity *id);
/* Whether there may be identities that fit it and that are not equal to it. */
bool identity_is_pattern(const struct identity *pattern, unsigned match);
/* identity_fits() without wildcards. */
bool identity_matches(const struct identity *pattern, const struct identity *id);
/* Octets, in `out`, that are equal for identities that match without wildcards; those of others may be equal too. */
struct bytes identity_key(uint8_t out[IDENTITY_KEY_MAX], const struct identity *id);
/* A GN (RFC 5280 4.2.1.6) as the FQDN, USER_FQDN, address or DN that it holds, others as they are; borrows from `id`. */
struct identity identity_plain(const struct identity *id);
/* A DN that is written in the order of RFC 4514 as it seems: "CN=gw, O=Example, C=CH". */
bool identity_looks_reversed(const struct identity *id);
/*
 * A clause that says what to change where `id` is nearly what `wanted` names: the same name of another type, a DN in another order.
 * "" when they just differ. Returns `out`.
 */
const char *identity_hint(char out[IDENTITY_WHY_MAX], const struct identity *wanted, unsigned match, const struct identity *id);

/* What a certificate calls its holder: subject (RFC 5280 4.1.2.6; DER) and alternative names (4.2.1.6). All borrowed. */
struct certified {
	struct bytes subject;
	const struct identity *names;
	size_t name_count;
};
enum { CERTIFIED_TEXT_MAX = 480 };
/* Whether one of the names is what `wanted` names; an empty subject is no name. `wanted` of type 0 is every certificate. */
bool certified_has(const struct certified *by, const struct identity *wanted, unsigned match);
/* "C=CH, CN=gw (DN), gw.example (FQDN) and 3 more"; "no name at all". Returns `out`. */
const char *certified_text(char out[CERTIFIED_TEXT_MAX], const struct certified *by);
/* Who the holder is when nobody says: the subject, else the first alternative name; type 0 without any. Borrowed. */
struct identity certified_default(const struct certified *by);

/* Body of an ID payload: type, protocol, port, data. Phase 1 (RFC 2407 4.6.2): protocol/port 0/0, 17/500, 17/4500 or 17/0. */
void identity_put(struct writer *w, const struct identity *id);
/* `out` borrows from `body`. A DN or GN that is not DER is refused. FAULT_INPUT with a static text in `why`. */
int identity_read(struct identity *out, struct bytes body, const char **why) MUST_CHECK;

/* Phase 2 ID bodies (RFC 2407 4.6.2): address, subnet or range with protocol and port. */
void selector_put(struct writer *w, const struct selector *s);
/* Every ID type that is no set of addresses is refused with a static text in `why`. */
int selector_read(struct selector *out, struct bytes body, const char **why) MUST_CHECK;

#endif
