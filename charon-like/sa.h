/* SPDX-License-Identifier: MIT */
/* sa.h - what one ISAKMP SA is, and the table of a shard's SAs. */
#ifndef KEYFERRY_SA_H
#define KEYFERRY_SA_H
#include "map.h"

#include "address.h"
#include "exchange.h"
#include "proposal.h"
#include "secret.h"
#include "settings.h"

enum sa_state { SA_CONNECTING, SA_ESTABLISHED, SA_GONE };

enum {
	/* Of exchanges that are over, against replay: a day of one message every six seconds. Then the oldest is forgotten. */
	CHILDREN_PER_SA_MAX = 128,   /* each of 64 children twice, while it is changed for a new one  */
	SAS_PER_PEER_MAX = 8,        /* of the same two identities: one, others while it is changed, and a peer that forgets to delete */
	MESSAGE_IDS_KEPT = 16384,
	ECHO_SECONDS = 180,          /* how long our last message of a finished exchange can be sent again; charon's last retransmission comes after 165 s */
};

/* Our last message of an exchange that is over, sent again when its request comes again. */
struct echo {
	struct list in_sa;
	struct timer timer;
	struct ike_sa *sa;
	uint32_t message_id;
	uint64_t received;
	unsigned sendings;
	size_t len;
	uint8_t message[];
};

/* shard */
struct ike_sa {
	struct log_context ctx;
	struct shard *shard;
	UT_hash_handle hh;                       /* by `key`                                           */
	struct list in_shard;
	struct list in_connecting;               /* or in half_open: while phase 1 is on its way       */
	uint8_t key[2][COOKIE_SIZE];             /* as `cookie`, but an initiator's SA has the second only once established */
	uint8_t cookie[2][COOKIE_SIZE];          /* the responder's is zero until we know it           */
	unsigned held;                           /* sa_hold(): somebody on the stack still uses it     */
	uint32_t number;                         /* for people: #1, #2 ...                             */
	enum role role;
	enum sa_state state;
	bool half_open;                          /* counted in the engine's half_open                  */
	struct address local, remote;            /* as used now, with ports; local.family may be 0     */
	bool is_float;                           /* on the NAT port, with the non-ESP marker (RFC 3947 4) */
	bool local_nat, remote_nat;              /* NAT-D found one in front of us, of the peer        */
	bool udp_encap;                          /* ESP goes in UDP: for a NAT, or because it is wanted */
	bool peer_initial_contact;
	struct settings *settings;               /* ours                                               */
	const struct connection_settings *connection;   /* NULL: responder, not chosen yet; sa_set_connection() */
	struct sa_group *group;                  /* all of the same connection                         */
	struct list in_group;
	struct identity local_id, remote_id;     /* owned; type 0 until known                          */
	const struct exchange_mode *mode;        /* of phase 1                                         */
	const struct dh_group *offer_group;      /* of the SA that it is to renew; NULL: it is not     */
	struct ike_transform transform;
	const struct auth_method *auth;
	struct certificate *peer_certificate;    /* by which it proved itself; a reference, NULL: none */
	/* owned, one block: SKEYID_d | SKEYID_a | encryption key                                      */
	struct secret keys;
	uint8_t prf_len, key_len;
	uint8_t last_iv[16];                     /* last ciphertext block of phase 1 (RFC 2409 appendix B) */
	uint32_t lifetime;                       /* seconds                                            */
	uint64_t created_at, established_at;     /* loop ms                                            */
	uint64_t heard_at, sent_at;              /* last authentic IKE message of the peer, last one of ours */
	struct timer expiry, renewal;
	struct timer surplus;                    /* set: another has taken over from this one          */
	struct timer liveness, keepalive;        /* liveness.h                                         */
	uint64_t asked_at;                       /* the first question that is not answered            */
	uint32_t dpd_sequence;
	uint8_t dpd_probes;                      /* unanswered                                         */
	struct name_watch *name_watch;           /* follow.c's; NULL: none                             */
	bool starts_anew;                        /* children are negotiated anew under it: see want_anew() */
	uint32_t generation;                     /* see kin.h                                          */
	bool peer_dpd, peer_is_keyferry;         /* what its vendor IDs said                           */
	bool tell_contact, tell_lifetime;        /* once phase 1 is up: INITIAL-CONTACT, RESPONDER-LIFETIME */
	/* Ours, of phase 1, until the peer shows that it has it: see sa_keep_last_word(). malloc()ed */
	struct last_word *last_word;
	char hint[160];                          /* what somebody unauthenticated said about the peer, for people */
	struct list exchanges, children, echoes;
	struct list wanted;                      /* struct want: children to be started, the agenda    */
	uint32_t *seen_ids;                      /* malloc()ed, grows up to MESSAGE_IDS_KEPT           */
	size_t seen_room, seen_count;            /* count goes on beyond the room: a ring              */
	uint64_t bytes_in, bytes_out, packets_in, packets_out; /* IKE                                  */
};

/* A child that is to be brought up once phase 1 is there. */
struct want {
	struct list in_sa;
	const struct child_settings *child;
	bool is_renewal;             /* also when there is a current one                   */
};

static inline struct bytes sa_skeyid_d(const struct ike_sa *sa)
{
	return bytes_of(sa->keys.at, sa->prf_len);
}
static inline struct bytes sa_skeyid_a(const struct ike_sa *sa)
{
	return bytes_of(sa->keys.at + sa->prf_len, sa->prf_len);
}
static inline struct bytes sa_cipher_key(const struct ike_sa *sa)
{
	return bytes_of(sa->keys.at + 2 * sa->prf_len, sa->key_len);
}

/* The SAs of one connection. */
struct sa_group {
	UT_hash_handle hh;
	struct list sas;
	char name[];
};

struct sa_table {
	struct ike_sa *by_key;
	struct sa_group *by_connection;
	struct list all, connecting, half_open;
	size_t count;
	uint32_t last_number;
};

struct ike_sa *sa_find(struct sa_table *table, const uint8_t cookie[2][COOKIE_SIZE]);
/* Of the SAs of a connection one that is established, else one that is on its way; NULL: none. */
struct ike_sa *sa_find_connection(const struct sa_table *table, const char *connection);
struct sa_group *sa_find_group(const struct sa_table *table, const char *connection);
/* `c` belongs to sa->settings. FAULT_MEMORY: it has none then. */
int sa_set_connection(struct ike_sa *sa, const struct connection_settings *c) MUST_CHECK;
void sa_leave_connection(struct ike_sa *sa);
/* In the table, with a reference to the settings. NULL without memory. */
struct ike_sa *sa_new(struct shard *shard, enum role role, const uint8_t cookie[2][COOKIE_SIZE], struct settings *settings) MUST_CHECK;
/* Both cookies are known and proven: it is found by both from now on. */
void sa_set_key(struct ike_sa *sa);
/* Ends its exchanges and children, tells nobody, frees all; what is held is freed by the last sa_release(). */
void sa_free(struct ike_sa *sa);
void sa_hold(struct ike_sa *sa);
void sa_release(struct ike_sa *sa);
/* Tells the peer (Delete of children and of the SA) when it is established, then sa_free(). */
void sa_delete(struct ike_sa *sa, const char *reason);
/* Phase 1 is over: counts, events, expiry; starts what is wanted. */
void sa_established(struct ike_sa *sa);
/* Starts Quick Modes for what is wanted; each in an exchange of its own. */
void sa_run_agenda(struct ike_sa *sa);
/* NULL: the connection has no such child. */
const struct child_settings *sa_child_settings(const struct connection_settings *c, const char *name);
/*
 * By the name in its connection. Does nothing when it is wanted or negotiated already or, unless it is for a renewal, up. FAULT_NOT_FOUND,
 * FAULT_MEMORY.
 */
int sa_want(struct ike_sa *sa, const char *child, bool is_renewal) MUST_CHECK;
/* The Quick Mode that negotiates it, with this or another SA of the same peer; NULL: none. */
struct exchange *sa_find_negotiation(struct ike_sa *sa, const char *child, enum role role);

/* ---- sa_life.c ---- */

/* When to renew an SA, in RENEW_WHOLE parts of its lifetime. */
uint16_t sa_draw_renewal(const struct ike_sa *sa, bool initiated);
/* May we begin a phase 1 that takes over from this one? Not when another has already. */
bool sa_may_renew(struct ike_sa *sa);
/* Phase 1 is over: its lifetime and the asking after the peer begin. */
void sa_start_life(struct ike_sa *sa);
/* The peer has it for so long only, which it says afterwards (RESPONDER-LIFETIME after Aggressive Mode). */
void sa_shorten_life(struct ike_sa *sa, uint32_t seconds);
void sa_stop_life(struct ike_sa *sa);
/* Another has taken over: this one is deleted in a while, when nothing runs under it. */
void sa_set_surplus(struct ike_sa *sa);
/* The peer deleted it, or its time is over: its children live on where the peer has another SA. */
void sa_end(struct ike_sa *sa, const char *reason, bool tell);
/* We or the peer are at another address: IPsec SAs follow. */
void sa_moved(struct ike_sa *sa);

bool sa_message_id_seen(const struct ike_sa *sa, uint32_t message_id);
int sa_remember_message_id(struct ike_sa *sa, uint32_t message_id) MUST_CHECK;
/* A new message ID, random, not 0 and in use by no exchange of the SA. FAULT_CRYPTO. */
int sa_new_message_id(struct ike_sa *sa, uint32_t *out) MUST_CHECK;
int sa_keep_echo(struct ike_sa *sa, const struct exchange *ex) MUST_CHECK;
/*
 * Phase 1 ended with a message of ours as initiator, to which there is no answer (Aggressive Mode): it is sent again, for some time, until
 * anything authentic comes back. Without it the peer has no SA, and would understand nothing of what follows.
 */
int sa_keep_last_word(struct ike_sa *sa, const struct exchange *ex) MUST_CHECK;
void sa_forget_last_word(struct ike_sa *sa);
/* Was the last message of phase 1 ours? */
bool sa_spoke_last(const struct ike_sa *sa);
/* `received`: its request's hash; NULL: whatever that was. */
struct echo *sa_find_echo(struct ike_sa *sa, uint32_t message_id, const uint64_t *received);
/* At most ANSWERS_MAX times in all. */
void sa_send_echo(struct echo *echo);
/* Keeps a clause for people while phase 1 is on its way, or the peer may not have our last word, and passes it on to those who wait. Nothing is ever done because of it. */
void sa_take_hint(struct ike_sa *sa, const char *text);
int sa_send(struct ike_sa *sa, struct bytes message) MUST_CHECK;
/* Publishes an event about the SA (child may be NULL, spis 0). */
struct child;
void sa_publish(const struct ike_sa *sa, unsigned type, const struct child *child, const char *text);
/* The same for EVENT_FAILURE; `child_name` may be NULL. final: the attempt is over. */
void sa_publish_failure(const struct ike_sa *sa, const char *child_name, const char *code, const char *text, bool final);

#endif
