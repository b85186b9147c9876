/* SPDX-License-Identifier: MIT */
/*
 * child.h - the pairs of IPsec SAs of a configured child: keys, install and delete through the kernel service (child.c), and how one
 * pair takes the place of another without a packet lost (child_life.c), at both ends the same one (child_rivals.c).
 */
#ifndef KEYFERRY_CHILD_H
#define KEYFERRY_CHILD_H
#include "address.h"
#include "kernel.h"
#include "list.h"
#include "proposal.h"
#include "secret.h"
#include "settings.h"
#include "timer.h"

struct engine;
struct ike_sa;

/*
 * A child is one pair; of those of one configured child and peer at most one is current. The peer can receive with each of them, and we
 * can until the end.
 */
enum child_stage {
	CHILD_NEW,                   /* Quick Mode is not over                                              */
	CHILD_READY,                 /* negotiated by us, who cannot know yet that the peer has message 3: not sent with for its head start */
	CHILD_CURRENT,               /* we send with it                                                     */
	CHILD_RETIRED,               /* another is current; the peer may still send with this one           */
	CHILD_LINGERING,             /* deleted; only what was under way comes in                           */
};

enum {
	/*
	 * The peer has message 3 when something comes in on the new SA, or when it has not asked for it again by repeating message 2 for
	 * so long: others than keyferry wait 4 s (charon) or 10 s (Cisco IOS) before they do.
	 */
	CHILD_READY_MS = 10000, CHILD_READY_POLL_MS = 250, CHILD_READY_MAX_MS = 3 * CHILD_READY_MS,
	/*
	 * On demand a packet waits for the pair, and a peer that installs its SAs with message 3 would drop it, or the answer, if it came at once after
	 * that. The peer is given as long as message 2 took; more than this is a retransmission and no measure.
	 */
	CHILD_FIRST_MS_MAX = 500,
	/*
	 * A pair that we negotiated, send with and hear nothing on: message 3 is sent again so often, after retransmit-first-ms, a round trip and pauses that
	 * grow by half. Three times are enough for a network that loses a fifth, but for one message in 600, and then the peer asks for it.
	 */
	CHILD_REPEATS = 3, CHILD_LISTEN_MS = 30000,
	CHILD_RETIRE_MS = 2000,      /* what we sent with the old SA has arrived                            */
	CHILD_RETIRE_PEER_MS = 10000, /* the peer began the new one, so deleting the old is its business first */
	CHILD_LINGER_MS = 5000,      /* longer than a packet is under way, or a Delete before the packets sent ahead of it are read */
	/* Pairs of one child and a peer that counts no generations, which came within so short a time of SAs on different shards, crossed. */
	CHILD_CROSSING_MS = 1000,
	/* Of two of one generation that are further apart the later one is from an end that forgot the other: what crossed has had its last try sooner. */
	CHILD_CROSSING_LONG_MS = 30000,
	CHILD_REST_MS = 1500,        /* so that two that did not cross are further apart                   */
	CHILD_AGAIN_MS = 250,        /* least pause before a renewal that failed or may not begin yet is tried again */
	CHILD_URGENT_MS = 3000,      /* before its end: then a renewal does not wait for a better moment       */
	CHILD_SPARE_MS = 1000,       /* of CHILD_LINGER_MS: what is sent last has to arrive within          */
};

/* shard; belongs to its ISAKMP SA */
struct child {
	struct list in_sa;
	struct ike_sa *sa;
	struct settings *settings;               /* keeps `config` alive                               */
	const struct child_settings *config;
	enum child_stage stage;
	uint32_t id;                             /* the kernel's `child`: the same for all SAs of one configured child */
	uint32_t spi_in, spi_out;                /* host order                                         */
	uint16_t cpi_in, cpi_out;                /* of IPComp; 0: not compressed                       */
	struct esp_transform transform;
	struct selector local_ts, remote_ts;
	struct address local, remote;            /* that the SAs are installed with                    */
	bool transport, udp_encap;
	bool has_inbound, has_outbound, has_policy; /* installed                                       */
	bool policy_goes;                        /* with the last pair: nobody keeps the connection up */
	bool initiated;
	uint32_t message_id;                     /* of its Quick Mode                                  */
	uint32_t generation;                     /* see struct child_rival                             */
	bool is_renewal;                         /* there was a current one when it was negotiated     */
	bool is_overdue;                         /* its end was put off once                           */
	bool is_over;                            /* expired or deleted: whatever takes its place is better */
	bool was_up;                             /* EVENT_CHILD_UP or EVENT_CHILD_RENEWED was published */
	struct lifetime lifetime;                /* agreed; the end                                    */
	uint16_t renew_at;                       /* when it is renewed, in RENEW_WHOLE parts of the lifetime */
	uint32_t round_trip;                     /* ms, of messages 1 and 2, where we sent the first   */
	uint32_t head_start;                     /* ms that the peer is given; 0: it needs none        */
	struct secret keys_out;                  /* CHILD_READY: owned, until it is sent with          */
	uint64_t installed_at;
	struct timer renewal, expiry;
	struct timer step;                       /* READY, RETIRED, LINGERING: what comes next; CURRENT: see child_listen() */
	uint32_t listen_ms;                      /* until it is looked again whether the peer is heard */
	uint8_t repeats;                         /* of message 3, unasked                              */
	uint64_t ready_until;
};

/* KEYMAT of one direction (RFC 2409 5.5), from SKEYID_d; dh_shared empty without PFS. `out` is encryption key, salt, integrity key. */
int child_keymat(const struct ike_sa *sa, const struct esp_transform *t, uint32_t spi, struct bytes dh_shared, struct bytes ni,
		 struct bytes nr, struct secret *out) MUST_CHECK;
/*
 * Installs the policy and, behind it, the inbound SA: what comes in is answered through the tunnel or not at all. On a fault nothing is left
 * that child_free() does not remove.
 */
int child_install_inbound(struct child *child, const struct secret *keymat) MUST_CHECK;
int child_install_outbound(struct child *child, const struct secret *keymat) MUST_CHECK;
void child_remove_outbound(struct child *child);
void child_remove_policy(const struct child *child);
/* What was used of one direction; false: not known. */
bool child_usage(const struct child *child, bool inbound, struct ipsec_usage *out);
/* The ISAKMP SA is at another address, or its peer: so are its IPsec SAs. */
void child_move(struct child *child, const struct address *local, const struct address *remote);
/*
 * Removes both directions and frees. A current one takes its policy along, unless its intent keeps it, and is said to be down. Tells the
 * peer nothing.
 */
void child_free(struct child *child, const char *reason);
/* The same for one that has no SA any more: see child_detach(). */
void child_discard(struct child *child, struct engine *engine);
/* The same for one that was to have another SA, which is gone too. */
void child_lose(struct child *child, struct engine *engine, const char *connection);
struct child *child_find(struct ike_sa *sa, uint32_t spi, bool inbound);
/* The current one, or one that is about to be; NULL: none. */
struct child *child_find_config(struct ike_sa *sa, const struct child_settings *config);
/* Stable for a child of a connection over reloads and restarts: the configured number, or a hash of both names; not 0. */
uint32_t child_id(const struct connection_settings *c, const struct child_settings *child);
/* The same for the SAs of one peer: where many may use a connection, each has policies of its own. */
uint32_t child_id_of_peer(const struct ike_sa *sa, const struct child_settings *child, const struct selector *remote_ts);

/* ---- child_life.c ---- */

/* Draws the moment of renewal: once, before anything is installed. */
void child_draw_renewal(struct child *child);
/* Of the lifetime what the kernel service has to watch. */
struct ipsec_limits child_limits(const struct child *child);
/*
 * Quick Mode is over and the inbound SA is there: the child belongs to the SA and takes the place of an older one. `keys_out` is copied.
 * On a fault it is still the caller's.
 */
int child_established(struct child *child, const struct secret *keys_out) MUST_CHECK;
/* The peer repeated message 2 of a Quick Mode that is over here, so it cannot receive yet what that negotiated. */
void child_not_ready(struct ike_sa *sa, uint32_t message_id);
/*
 * A pair of the same child and peer elsewhere: what both ends and all shards can compare. Who begins a Quick Mode with another keyferry tells him
 * the pair's generation, the one after the latest that he has of the child: a pair that was begun to replace another is of a later generation than
 * that, two that crossed are of the same one, and both ends see it alike, though neither the order nor the time of their coming.
 */
struct child_rival {
	uint64_t installed_at;                   /* loop ms                                            */
	struct address local, remote;
	uint32_t generation;                     /* from 1 on; 0: the peer is not keyferry             */
	uint32_t spi;                            /* that who began it receives with                    */
	uint32_t id;                             /* of its policy                                      */
	bool initiated;
};
/* Of those of this SA and the rival, of an SA on another shard, one retires, the same at both ends. */
void child_meet(struct ike_sa *sa, const char *name, const struct child_rival *rival);
/*
 * It leaves its ISAKMP SA for another with the same peer, perhaps on another shard: between the two it belongs to whoever called, has no
 * SA and no timer runs.
 */
void child_detach(struct child *child);
void child_attach(struct child *child, struct ike_sa *sa);
/* After that: where two are current, because both ends negotiated one under an ISAKMP SA each, one retires, the same at both ends. */
void child_settle(struct ike_sa *sa);
/* The peer deleted the SA that we send with: the pair is over, or another takes its place. */
void child_deleted(struct child *child);
/* The kernel service says that it is nearly used up, or (hard) is. */
void child_used_up(struct child *child, bool hard);
/* The one after the latest of this child and peer. */
uint32_t child_next_generation(struct ike_sa *sa, const char *name);
/* What the peer told (0: nothing) under `sa`, or what it must be because the peer has forgotten a pair. */
uint32_t child_settle_generation(struct ike_sa *sa, const char *name, uint32_t told);
/* Is there another of the same configured child and peer that is current? */
bool child_has_current(const struct child *child);
/* Was a pair that we began established which crossed one of this generation and goes first, its SPI being larger? See check_crossing(). */
bool child_has_just_won(struct ike_sa *sa, const char *name, uint32_t spi, uint32_t generation);
/* Ends all pairs of this configured child and peer, and tells the peer. Returns how many were current. */
size_t child_take_down(struct ike_sa *sa, const char *name, const char *reason);
/* The same without those on other shards. */
size_t child_take_down_here(struct ike_sa *sa, const char *name, const char *reason);
/* Renews it now; false: there is nothing to renew, or it is under way. */
bool child_renew(struct child *child);
/* Milliseconds until the current pair of this child is over; UINT64_MAX: there is none, or it has no lifetime in seconds. */
uint64_t child_time_left(struct ike_sa *sa, const char *name);

#endif
