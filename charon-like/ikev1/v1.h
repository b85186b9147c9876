/* SPDX-License-Identifier: MIT */
/*
 * v1.h - what the IKEv1 modes share: negotiation and keys of phase 1, HASHes and IVs, NAT detection, notices. Functions that
 * return a verdict run inside steps and keep to their rule: they write only to the exchange's scratch and arena.
 */
#ifndef KEYFERRY_V1_H
#define KEYFERRY_V1_H
#include "auth.h"
#include "exchange.h"
#include "identity.h"
#include "proposal.h"
#include "sa.h"

enum {
	NONCE_SIZE = 32,           /* ours; RFC 2409 5: 8 to 256 octets                                  */
	NONCE_MIN = 8,
	NONCE_MAX = 256,
	DH_PRIVATE_MAX = 128,      /* the longest, of ecp521, has 66                                     */
	ID_BODY_MAX = IDENTITY_DATA_MAX + 8,
	LIFETIME_BODY_MAX = 32,
};

/* RFC 2408 3.9: encodings of certificates. */
enum { CERT_PKCS7 = 1, CERT_X509_SIGNATURE = 4 };

/* A CR payload of the peer; in the arena, unchanged once it is there. */
struct v1_request {
	const struct v1_request *next;
	struct bytes authority;                      /* Name (DER) of the one that shall have issued it; empty: any */
};

/* A CERT payload of the peer. */
struct v1_cert {
	uint8_t encoding;
	struct bytes data;
};

/* The scratch of a phase 1 mode begins with this. Views point into the exchange's arena. */
struct phase1 {
	const struct connection_settings *connection;
	struct ike_transform transform;
	const struct auth_method *auth;
	uint32_t lifetime;                           /* seconds, agreed                                  */
	bool tell_lifetime;                          /* the peer offered a longer one                    */
	uint8_t proposal_number, transform_number;   /* of the choice                                    */
	uint8_t cookie_r[COOKIE_SIZE];
	struct bytes sa_body;                        /* SAi_b                                            */
	struct bytes ke[2], nonce[2], id_body[2];    /* indexed by role                                  */
	struct bytes dh_private;
	struct bytes skeyid, skeyid_d, skeyid_a, cipher_key;
	struct identity peer_id;
	const struct v1_request *requests;           /* of the peer; NULL: none                          */
	const struct v1_cert *certs;                 /* likewise, as they came                           */
	size_t cert_count;
	bool is_named;                               /* Aggressive Mode: peer_id was there before the keys, and chose them */
	bool is_decoy;                               /* nobody we know: the answer is made with a key that nobody has */
	struct address first_local, first_remote;    /* where message 1 went, as the responder saw it    */
	bool tell_contact;                           /* that the peer is not known yet, once the SA is there */
	bool peer_nat_t, peer_dpd, peer_is_keyferry; /* what its vendor IDs say                          */
	bool local_nat, remote_nat, udp_encap;
	bool initial_contact;                        /* it says so                                       */
	uint32_t generation;                         /* it says, see kin.h; 0: nothing                   */
};

/* What the exchange's points share: our DH value and nonce, made when first needed, anew only for another group. */
struct phase1_own {
	const struct dh_group *group;                /* NULL: not made yet                               */
	size_t private_len;
	uint8_t private_value[DH_PRIVATE_MAX], public_value[DH_PUBLIC_MAX], nonce[NONCE_SIZE];
};

static inline struct phase1 *v1_phase1(const struct exchange *ex)
{
	return ex->scratch;
}

extern const struct protection v1_protection;

/* ---- phase 1: SA (phase1_sa.c) ---- */
enum verdict v1_begin_phase1(struct exchange *ex, const void *unused);
enum verdict v1_put_offer(struct exchange *ex, struct message_out *out);
/* Initiator: of the offer only what has one group, that of our KE (RFC 2409 5). */
enum verdict v1_put_named_offer(struct exchange *ex, struct message_out *out);
uint32_t v1_shorter_lifetime(uint32_t ours, uint32_t theirs);                /* seconds; of a transform, agreed   */
enum verdict v1_choose(struct exchange *ex, const struct message *in);       /* responder: pick one of theirs     */
/* What both ways to choose end with: `c` and the offer are the ones. */
void v1_take_choice(struct exchange *ex, const struct connection_settings *c, const struct auth_method *auth, const struct ike_offers *offers,
		    size_t index);
const struct auth_method *v1_find_auth(const struct exchange *ex, const struct connection_settings *c);
enum verdict v1_put_choice(struct exchange *ex, struct message_out *out);
enum verdict v1_accept(struct exchange *ex, const struct message *in);       /* initiator: it must be ours        */

/* ---- phase 1 where the peer says first who it is: Aggressive Mode (phase1_named.c) ---- */
enum { DECOY_KEY_SIZE = 32 };
/* Responder: as v1_choose(), by the ID of v1_keep_id() and among what has the group of the KE. Sets is_decoy when nobody is known by it. */
enum verdict v1_choose_named(struct exchange *ex, const struct message *in);
/* A key that nobody has, the same for an ID as long as the daemon runs. */
void v1_decoy_key(const struct exchange *ex, uint8_t out[DECOY_KEY_SIZE]);
/* Why a peer did not go on after message 2, for people. */
void v1_given_up(const struct exchange *ex, char *why, size_t size);

/* ---- phase 1: keys (phase1_keys.c) ---- */
enum verdict v1_put_ke_nonce(struct exchange *ex, struct message_out *out);
enum verdict v1_keep_ke_nonce(struct exchange *ex, const struct message *in);
enum verdict v1_derive_keys(struct exchange *ex);                            /* SKEYID, _d, _a, _e, the first IV  */

/* ---- phase 1: identities and proof (phase1_id.c) ---- */
enum verdict v1_put_id(struct exchange *ex, struct message_out *out);
enum verdict v1_keep_id(struct exchange *ex, const struct message *in);
/* Is the peer one that we have no SA with, and is it to be told? */
bool v1_is_first_contact(const struct exchange *ex);
enum verdict v1_put_initial_contact(struct exchange *ex, struct message_out *out);
enum verdict v1_put_generation(struct exchange *ex, struct message_out *out);
enum verdict v1_put_lifetime(struct exchange *ex, struct message_out *out);
enum verdict v1_put_proof(struct exchange *ex, struct message_out *out);
enum verdict v1_check_proof(struct exchange *ex, const struct message *in);
const char *v1_unreadable(const struct exchange *ex, char *why, size_t size);
void v1_authenticated(struct exchange *ex);                                  /* done(): the SA gets it all        */
bool v1_is_fresh(const struct ike_sa *sa, enum role role);
bool v1_is_established(const struct ike_sa *sa, enum role role);

/* ---- phase 1: certificates (cert.c) ---- */
enum verdict v1_take_requests(struct exchange *ex, const struct message *in);
/* For those authorities that we trust, where the peer is known by a certificate. */
enum verdict v1_put_requests(struct exchange *ex, struct message_out *out);
enum verdict v1_take_certs(struct exchange *ex, const struct message *in);
enum verdict v1_put_certs(struct exchange *ex, struct message_out *out);     /* as <local send-cert> says         */
/* What v1_take_certs() took, as far as it can be read, the peer's own first; added to `out`. `why` says what could not, "" for all. FAULT_MEMORY. */
int v1_read_certs(struct exchange *ex, struct cert_list *out, char why[WHY_MAX]) MUST_CHECK;
/* The chain by which the peer's proof was taken; takes its references. */
enum verdict v1_keep_chain(struct exchange *ex, struct cert_chain *chain);
/* The first of that, a reference of the caller's; NULL: there is none. */
struct certificate *v1_peer_certificate(const struct exchange *ex);

/* ---- vendor IDs and NAT detection (vendor.c, natd.c) ---- */
enum verdict v1_put_vendor_ids(struct exchange *ex, struct message_out *out);
enum verdict v1_take_vendor_ids(struct exchange *ex, const struct message *in);
enum verdict v1_put_natd(struct exchange *ex, struct message_out *out);
enum verdict v1_take_natd(struct exchange *ex, const struct message *in);
/*
 * The same of message 3 of Aggressive Mode, which comes from the NAT port when the initiator found a NAT. RFC 3947 3.2 wants the ports of the
 * packet, but some peers hash those of message 1: either will do, as it was seen here.
 */
enum verdict v1_take_natd_late(struct exchange *ex, const struct message *in);
/* RFC 3947 4: once NAT-D told of a NAT, the initiator goes on between the NAT ports. */
void v1_float(struct exchange *ex, size_t row);
/* True where UDP encapsulation is wanted though there may be no NAT. */
bool v1_forces_encap(const struct ike_sa *sa, const struct connection_settings *c);

/* ---- under an ISAKMP SA: HASH(1), (2), (3) (hash.c) ---- */
/* Opens a HASH payload that v1_close_hash() fills once the rest of the message is written. */
void v1_open_hash(struct exchange *ex, struct message_out *out);
/* prf(SKEYID_a, before | M-ID | between | everything after the HASH payload). */
enum verdict v1_close_hash(struct exchange *ex, struct message_out *out, struct bytes before, struct bytes between);
enum verdict v1_check_hash(struct exchange *ex, const struct message *in, struct bytes before, struct bytes between);

/* ---- notices: what an Informational message carries (notice.c) ---- */
struct v1_notice {
	uint8_t payload;                             /* PAY_NOTIFY or PAY_DELETE                         */
	uint8_t protocol;                            /* PROTO_ISAKMP, PROTO_ESP, PROTO_AH                */
	uint16_t type;                               /* PAY_NOTIFY: enum notify_type                     */
	size_t spi_len, spi_count;                   /* octets of one, how many                          */
	uint8_t spi[16];                             /* of a notify; a delete of several takes `spis`    */
	const uint8_t *spis;
	struct bytes data;
};
/* Body of a Notify or Delete payload. */
void v1_put_notice(struct message_out *out, const struct v1_notice *notice);
/* FAULT_INPUT: malformed. `spis` points to the SPIs, one after the other. */
int v1_read_notice(struct v1_notice *out, const struct payload_view *payload) MUST_CHECK;
/* Sends a notice under the established SA, if a plugin speaks Informational. */
void v1_send_notice(struct ike_sa *sa, const struct v1_notice *notice);
void v1_send_notify(struct ike_sa *sa, uint16_t type, uint8_t protocol, struct bytes spi, struct bytes data);
void v1_tell_deleted(struct ike_sa *sa);
/* What Aggressive Mode has no place for (RFC 2407 4.6.3), once the SA is there: INITIAL-CONTACT, RESPONDER-LIFETIME. */
void v1_tell_after(struct ike_sa *sa);
void v1_tell_contact(struct ike_sa *sa);
/* Of an IPsec SA that we receive with, or could not install. */
void v1_tell_spi_deleted(struct ike_sa *sa, const struct esp_transform *transform, uint32_t spi_in);
void v1_tell_child_deleted(struct child *child);
/* An Informational message in the clear: a hint for the log, never more. */
void v1_take_hint(struct ike_sa *sa, const struct packet *packet);
/* One that is encrypted, of an SA whose phase 1 is not over (early_notice.c): an error ends that sooner, as what ex_refuse() refuses does. */
void v1_take_early_notice(struct ike_sa *sa, const struct packet *packet);

#endif
