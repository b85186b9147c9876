/* SPDX-License-Identifier: MIT */
/*
 * proposal.h - transforms of both phases: from words ("aes256-sha256-modp2048"), to and from the wire, choose,
 * verify, and say why not. Words are strongSwan's, because users have them.
 */
#ifndef KEYFERRY_PROPOSAL_H
#define KEYFERRY_PROPOSAL_H
#include "bytes.h"
#include "crypto.h"

/* Limits on what a peer may send, and on what a connection may offer. */
enum {
	PROPOSALS_MAX = 32,        /* proposal payloads in one SA payload that are looked at               */
	TRANSFORMS_MAX = 64,       /* transforms in one SA payload that are looked at; offers of real gear stay below 30 */
	ATTRIBUTES_MAX = 16,       /* attributes of one transform                                          */
	OFFER_MAX = 24,            /* transforms we offer: some gear fails on long lists                   */
	PROPOSAL_TEXT_MAX = 96,
	LIFETIME_UNSAID = 28800,   /* RFC 2407 4.5: seconds, when an offer names none                      */
};

/* Phase 1 (RFC 2409 appendix A). Numbers are the wire's; 0 group only where that is said. */
struct ike_transform {
	uint16_t cipher;           /* encryption algorithm                       */
	uint16_t key_bits;         /* 0: the cipher has one length               */
	uint16_t hash, group;
	/* Resolved when parsed from words or chosen; NULL in one only read from the wire. */
	const struct cipher_alg *cipher_alg;
	const struct hash_alg *hash_alg;
	const struct mac_alg *prf_alg;   /* HMAC of `hash` (RFC 2409 4)           */
	const struct dh_group *group_alg;
};

/* Phase 2: ESP (RFC 2407 4.4.4, 4.5), or AH (4.4.3), which has `auth` and `mac` alone. */
struct esp_transform {
	bool is_ah;
	uint8_t id;                /* ESP or AH transform                        */
	uint16_t key_bits;         /* 0: none sent                               */
	uint16_t auth;             /* authentication algorithm; 0: none (AEAD)   */
	uint16_t group;            /* PFS group description; 0: no PFS           */
	bool esn;                  /* extended sequence numbers (RFC 4304)       */
	bool short_sha256;         /* sha256_96: HMAC-SHA2-256 cut to 96 bits    */
	const struct aead_alg *aead;     /* either this ...                       */
	const struct cipher_alg *cipher; /* ... or this (NULL: NULL cipher, AH) with */
	const struct mac_alg *mac;       /* this                                  */
	const struct dh_group *group_alg;
	uint8_t key_len, salt_len; /* octets of encryption key and of the salt after it in KEYMAT */
	uint8_t mac_key_len, icv_len;
};

struct ike_transforms { struct ike_transform *at; size_t count; };
struct esp_transforms { struct esp_transform *at; size_t count; };

/*
 * Words to transforms: "aes256-sha256-modp2048, aes128-sha1-modp1536". A preset name ("default", "legacy", ...) stands for its list.
 * Several of a kind in one word expand to all combinations. On a fault `why` says which word is wrong and the nearest valid
 * one, or that no loaded backend has it, or that it is refused on principle (des, modp768, modp1024s160 ...). The array is malloc()ed.
 */
enum { WHY_MAX = 512 };
int ike_transforms_parse(struct ike_transforms *out, const char *words, const struct crypto *crypto, char why[WHY_MAX]) MUST_CHECK;
int esp_transforms_parse(struct esp_transforms *out, const char *words, const struct crypto *crypto, char why[WHY_MAX]) MUST_CHECK;
/* Of AH: "sha256-modp2048"; of the presets only "default" has some. */
int ah_transforms_parse(struct esp_transforms *out, const char *words, const struct crypto *crypto, char why[WHY_MAX]) MUST_CHECK;
/* PROTO_ESP or PROTO_AH. */
uint8_t esp_transform_protocol(const struct esp_transform *t);
const char *ike_transform_text(char out[PROPOSAL_TEXT_MAX], const struct ike_transform *t);
const char *esp_transform_text(char out[PROPOSAL_TEXT_MAX], const struct esp_transform *t);
/* Also tells sha256 from sha256_96, which look alike on the wire: what a peer sent is compared by *_choose(). */
bool ike_transform_same(const struct ike_transform *a, const struct ike_transform *b);
bool esp_transform_same(const struct esp_transform *a, const struct esp_transform *b);

/* ---- the SA payload's body (RFC 2408 3.4-3.6, RFC 2407 4.6.1): DOI, situation, proposals ---- */

/* How long an SA may be used, whichever ends first; 0: that is no limit (of seconds, in an offer: not sent). */
struct lifetime {
	uint32_t seconds;
	uint64_t bytes, packets;   /* IKEv1 has no number for packets: they are each end's own */
};

/* The attributes of a lifetime alone, as RESPONDER-LIFETIME carries them (RFC 2407 4.6.3.1). */
void lifetime_put(struct writer *w, bool is_phase1, const struct lifetime *lifetime);
/* FAULT_INPUT: these are no attributes, or others than these, or they contradict themselves. */
int lifetime_read(struct lifetime *out, bool is_phase1, struct bytes attributes) MUST_CHECK;

enum esp_mode { MODE_TUNNEL = 1, MODE_TRANSPORT = 2, MODE_UDP_TUNNEL = 3, MODE_UDP_TRANSPORT = 4 };

/* One phase 1 transform as it stands in an SA payload. */
struct ike_offer {
	struct ike_transform transform;
	uint16_t auth;             /* authentication method                       */
	uint32_t lifetime;         /* seconds; 0: not sent                        */
	uint8_t proposal_number, transform_number;
	/* Why the transform cannot even be understood, static text; NULL: fine. */
	const char *fault;
};

/* IPComp (RFC 3173) that is offered together with ESP or AH. */
struct comp_offer {
	uint16_t cpi;              /* the sender's inbound CPI; 0: none is offered */
	uint8_t transform_number;
};

/* One ESP or AH transform as it stands in an SA payload. */
struct esp_offer {
	struct esp_transform transform;
	uint16_t mode;             /* enum esp_mode, or a draft's number           */
	uint32_t lifetime;         /* seconds, 0: not sent (RFC 2407 4.5: then 28800) */
	uint64_t lifetime_bytes;
	uint32_t spi;              /* the sender's inbound SPI                     */
	uint8_t proposal_number, transform_number;
	uint8_t protocol;          /* PROTO_ESP, PROTO_AH; others have a fault     */
	struct comp_offer comp;    /* wanted with it, or not at all               */
	const char *fault;
};

struct ike_offers { struct ike_offer at[TRANSFORMS_MAX]; size_t count; };
struct esp_offers { struct esp_offer at[TRANSFORMS_MAX]; size_t count; };

/*
 * Reads an SA payload's body whole. FAULT_INPUT: malformed (why says where); a transform that is only unknown
 * or contradictory (an attribute missing, twice, of a wrong kind) is kept with its fault, so that it can be named.
 */
int ike_offers_read(struct ike_offers *out, struct bytes sa_body, char why[WHY_MAX]) MUST_CHECK;
int esp_offers_read(struct esp_offers *out, struct bytes sa_body, char why[WHY_MAX]) MUST_CHECK;

/* Writes an SA payload's body: one proposal, numbered 1, with the transforms numbered from 1; for ESP and AH each transform gets
   the attributes it needs (encapsulation mode, lifetime, key length, auth, group, ESN). With a CPI (not 0) they are offered together with
   IPComp first, and in a proposal 2 without. Of an ESP offer only the transforms with
   the first one's group are written: one Quick Mode carries one KE payload, so all its offers share the group (RFC 2409 5.5). */
void ike_offers_put(struct writer *w, const struct ike_transforms *offer, const uint16_t *auths, size_t auth_count, uint32_t lifetime);
void esp_offers_put(struct writer *w, const struct esp_transforms *offer, uint32_t spi, uint16_t cpi, uint16_t mode,
		    const struct lifetime *lifetime);
/* The responder's answer: the chosen transform repeated octet for octet, as RFC 2408 4.2 wants; for ESP and AH with our SPI. */
int sa_choice_put(struct writer *w, struct bytes sa_body, uint8_t proposal_number, uint8_t transform_number, uint8_t protocol,
		  const uint32_t *spi) MUST_CHECK;
/* The same for ESP or AH with the IPComp that is offered with it, under our CPI. */
int comp_choice_put(struct writer *w, struct bytes sa_body, const struct esp_offer *chosen, uint32_t spi, uint16_t cpi) MUST_CHECK;

/*
 * Index of the first offer that the accepted list has (in the order of the offer), with auth among `auths` for phase 1 and mode for
 * phase 2, where `compress` says whether offers with IPComp may be taken; -1: none, then `why` has one line "peer offers A, B; we accept C; nearest A misses modp2048" in our words; NULL where
 * nobody will read it: it costs far more than the choice, and strangers may ask as often as they like.
 * The offer chosen is resolved: its transform becomes the accepted one. Only the offer is looked at; an initiator also
 * checks that the answer stays within what it sent (one transform, the group of its KE).
 */
int ike_choose(struct ike_offers *offers, const struct ike_transforms *accepted, const uint16_t *auths, size_t auth_count,
	       char *why) MUST_CHECK;
int esp_choose(struct esp_offers *offers, const struct esp_transforms *accepted, uint16_t mode, bool compress, char *why) MUST_CHECK;
/* Is the answer one choice? `compress`: IPComp was offered; then strongSwan repeats what it chose with it without it. */
bool esp_answer_is_one(const struct esp_offers *answer, bool compress);

#endif
