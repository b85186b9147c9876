/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - the engine that runs exchange modes, which are tables with a row per message. The engine does order, cover,
 * required and refused payloads, duplicates, retransmission; and it commits a step or undoes it: a step writes only to the
 * exchange's scratch and arena, and unless its verdict is STEP_OK both go back to where they were.
 */
#ifndef KEYFERRY_EXCHANGE_H
#define KEYFERRY_EXCHANGE_H
#include <stdatomic.h>

#include "arena.h"
#include "jobs.h"
#include "list.h"
#include "log.h"
#include "message.h"
#include "timer.h"

struct child_rival;
struct ike_sa;
struct settings;
struct exchange;
struct shard;
struct packet;

enum cover { CLEAR, ENCRYPTED, EITHER };

enum verdict {
	STEP_OK,        /* commit, go to the next row                                            */
	STEP_WAIT,      /* asked for something slow; the same function runs again: exchange_resume() */
	STEP_DROP,      /* not a message to trust: forget it, keep waiting for the right one     */
	STEP_ABORT,     /* authentic but unacceptable, or our own failure: notify and end        */
};

/* Stands for HASH or SIG in a row, whichever the chosen authentication method carries. */
enum { PAY_AUTH = 31 };
/* Sets of payloads. Draft NAT payloads (130, 131) count as NATD and NATOA; the fragment payload is never in a set. */
#define P(name) (UINT32_C(1) << PAY_##name)

struct step {
	enum role from;
	enum cover cover;
	uint8_t first;             /* payload that must come first, 0: any                      */
	bool optional;             /* the next row of the same sender may come instead          */
	uint32_t require, allow;   /* sets of P(); each required one exactly once unless also in `many` */
	uint32_t many;             /* those that may come several times                         */
	enum verdict (*build)(struct exchange *ex, struct message_out *out);
	enum verdict (*process)(struct exchange *ex, const struct message *in);
	const char *silence;       /* what it usually means when this message is not answered; NULL: nothing special */
	const char *silence_signed;/* the same where the ends prove themselves by signatures; NULL: no difference */
};

/* How a protocol version covers its messages; v1_protection is IKEv1's. */
struct protection {
	/*
	 * Decrypts `packet` (a whole message) into `plain`, of the same length, with the exchange's current IV and writes the IV of
	 * the next message to next_iv; the exchange itself is not changed. Returns the octets of a cipher block, or FAULT_INPUT: not
	 * decryptable (length); FAULT_NOT_FOUND: there are no keys yet.
	 */
	int (*open)(const struct exchange *ex, struct bytes packet, uint8_t *plain, uint8_t next_iv[16]);
	/* Pads and encrypts a finished message in place. */
	int (*seal)(const struct exchange *ex, struct message_out *out, uint8_t next_iv[16]);
	/* The first IV of an exchange that begins. */
	int (*first_iv)(struct exchange *ex);
	/* The exchange ends with ABORT: tells the peer ex->notify. */
	void (*tell)(struct exchange *ex);
};

/* SERVICE_EXCHANGE, key "MAJOR/TYPE". */
struct exchange_mode {
	const char *name;
	uint8_t major, type;                /* as in the header                                    */
	bool creates_sa;                    /* message ID 0, makes an ISAKMP SA: a phase 1 mode    */
	const char *word;                   /* as in the configuration, "main"; NULL: not named there */
	const struct step *steps;
	size_t step_count, scratch;         /* scratch: zeroed at the start, wiped at the end      */
	/*
	 * The one thing that is not undone with a step: octets for what may be made once for all points, our own DH value. So
	 * forgeries cost us no new ones, and all points say the same.
	 */
	size_t shared;
	const struct protection *protection;
	bool (*may_start)(const struct ike_sa *sa, enum role role);
	enum verdict (*begin)(struct exchange *ex, const void *argument);   /* sets scratch up; may be NULL */
	/* A row was committed; its message, if ours, is about to be sent. Outside effects go here. May be NULL. */
	void (*row_done)(struct exchange *ex, size_t row);
	/* An encrypted message of a row could not be read: says why in a clause; may be NULL. Returns the stable code. */
	const char *(*unreadable)(const struct exchange *ex, char *why, size_t size);
	void (*done)(struct exchange *ex);                            /* the last row was committed */
	void (*failed)(struct exchange *ex);                          /* ended before that; undo outside effects; may be NULL */
	/* Name of the child that it is about, for events and so that none is negotiated twice at once; NULL: none. May be NULL. */
	const char *(*child)(const struct exchange *ex);
	/* Has the peer shown by other means what its last message, which is missing, would show? May be NULL. */
	bool (*is_answered)(const struct exchange *ex);
	/* Is an authenticated error notify with this SPI about what this exchange negotiates? May be NULL. */
	bool (*concerns)(const struct exchange *ex, struct bytes spi);
	/* The peer, initiator, did not go on: why that may be, in a clause; may be NULL. */
	void (*given_up)(const struct exchange *ex, char *why, size_t size);
	/* Would the pair of SAs that it waits to install be no better than this one, which is there? May be NULL. */
	bool (*is_overtaken)(const struct exchange *ex, const struct child_rival *rival);
};

enum {
	EXCHANGES_PER_SA_MAX = 64,          /* running at once; a peer with 64 children may start all  */
	SCRATCH_MAX = 2048,                 /* a copy of it stands on the stack while a step runs      */
	ANSWERS_MAX = 10,                   /* how often one of our messages is repeated because its request was */
	POINTS_MAX = 16,                    /* that an exchange goes on from at once, beside the present one; each costs us a DH result at most */
	ROWS_MAX = 8,
	ROWS_OF_FORGERS = 2,                /* messages that somebody can send who does not get our answers */
	/* Of a message in the clear: as many as there may be points to go on from fit into half of an arena. */
	CLEAR_MAX = ARENA_MAX / (2 * (POINTS_MAX + 1)),
	TRIES_UNREMARKABLE = 3,             /* sendings without answer that a lossy network explains */
	TRIES_REFUSED = 3,                  /* more sendings after an answer that ex_refuse() refused: it may have been damaged on the way */
	HELD_MAX = POINTS_MAX - 1,          /* messages in the clear that came while the exchange waited: as many as it can go on from */
	RETRANSMIT_IN_TIME = 4,             /* the interval is at most this part of the time that the pair has which is renewed, but the first at least */
	RETRANSMIT_MAX_MS = 30000,          /* the interval grows up to this: after an outage the peer is found again soon */
};

struct exchange {
	struct log_context ctx;
	struct list in_sa;
	const struct exchange_mode *mode;
	struct ike_sa *sa;
	struct settings *settings;          /* that it began with: pointers into it stay good         */
	enum role role;                     /* ours                                                */
	uint32_t message_id;
	size_t row;                         /* the next to be run                                  */
	uint8_t carrier;                    /* PAY_HASH or PAY_SIG: what PAY_AUTH means, from the method chosen */
	uint8_t iv[16];                     /* IKEv1: last ciphertext block of this exchange       */
	struct arena arena;
	struct timer timer;                 /* retransmission, or the end of waiting for a peer    */
	unsigned tries;                     /* sendings of `sent` that we decided on               */
	unsigned answers;                   /* sendings of `sent` because its request came again   */
	uint64_t began;                     /* loop ms of the first sending of `sent`              */
	uint64_t interval;                  /* ms until the next sending                           */
	uint8_t *sent;                      /* last message, as on the wire; malloc()ed            */
	size_t sent_len;
	/*
	 * Messages in the clear prove nothing. So each that fits is taken from every point where it does, those that the exchange has
	 * left included, and it goes on from all of them until something authentic shows which was right: a forgery wins neither
	 * when it comes first nor when it comes last.
	 */
	struct exchange_point *points[POINTS_MAX];
	size_t point_count;
	bool is_doubtful;                   /* the step runs for a message in the clear, and there are other points: ABORT is a DROP */
	bool is_trial;                      /* another point is tried if this one cannot take it: DROP is not news */
	uint64_t received;                  /* keyed hash of the last message that was committed   */
	bool has_received;
	unsigned drops;                     /* messages refused by the current row, for the log    */
	struct packet *waiting;             /* STEP_WAIT: the message to be tried again            */
	bool is_waiting;
	struct packet *held[HELD_MAX];      /* what else came meanwhile and may be the right one   */
	size_t held_count;
	struct list kept;                   /* struct ex_keep                                      */
	/*
	 * Who is not who he says cannot encrypt either (pre-shared keys). Else the keys follow from what anybody may send in the clear,
	 * and what can be decrypted proves nothing before its signature was checked. Of the method chosen, as `carrier`.
	 */
	bool is_keyed;
	char *refusal;                      /* what ex_refuse() said last; malloc()ed, NULL: nothing */
	char refusal_code[32];              /* and its code                                        */
	unsigned tries_end;                 /* sendings of `sent` after which no answer is waited for; 0: the configured number */
	bool was_told;                      /* ex_refuse() has told the peer                       */
	bool is_done;
	uint16_t notify;                    /* STEP_ABORT: what the peer is told, 0: nothing       */
	uint32_t notify_spi;                /* and about which IPsec SA of its own; 0: this ISAKMP SA */
	uint8_t notify_protocol;            /* of that                                             */
	void *scratch;                      /* mode->scratch octets, behind this struct            */
	void *shared;                       /* mode->shared octets, behind those                   */
};

static inline struct ike_sa *ex_sa(const struct exchange *ex)
{
	return ex->sa;
}

static inline enum role ex_role(const struct exchange *ex)
{
	return ex->role;
}

/*
 * Something that steps of an exchange share and that is not undone with a step. Embedded; `free` runs when the exchange ends, and tells its
 * maker's from others.
 */
struct ex_keep {
	struct list in_exchange;
	void (*free)(struct ex_keep *keep);
};
void ex_keep(struct exchange *ex, struct ex_keep *keep, void (*free)(struct ex_keep *keep));
/* The one after `after` (NULL: the first) that this frees; NULL: none. */
struct ex_keep *ex_kept(const struct exchange *ex, void (*free)(struct ex_keep *keep), const struct ex_keep *after);

/*
 * Work of a helper thread that a step waits for. The step returns STEP_WAIT, is run again when the work is done, and finds it by
 * ex_errand_next(). Outlives the exchange until the work is done. Embedded, first; `work` runs on a helper and may look only at what the
 * errand owns; `free` afterwards. It does not run when the exchange has ended before.
 */
struct ex_errand {
	struct ex_keep keep;
	struct errand errand;
	struct exchange *ex;                /* NULL: it has ended                                  */
	atomic_bool is_left;                /* likewise, for the helper                            */
	bool is_done;
	void (*work)(struct ex_errand *errand);
	void (*free)(struct ex_errand *errand);
};
/* `errand` is the exchange's from now on. Returns STEP_WAIT. */
enum verdict ex_ask(struct exchange *ex, struct ex_errand *errand);
/* The one with this `work` after `after` (NULL: the first), done or not; NULL: none. */
struct ex_errand *ex_errand_next(const struct exchange *ex, void (*work)(struct ex_errand *errand), const struct ex_errand *after);

struct table_fault {
	size_t row;
	const char *why;
};
/* A plugin's table before it is used: false with what is unsound. */
bool exchange_table_check(const struct exchange_mode *mode, struct table_fault *fault);
/* STEP_OK or STEP_DROP with a text in `why`: does a message with these payloads fit the row? */
enum verdict step_check(const struct step *step, uint8_t auth_payload, bool encrypted, const uint8_t *payloads, size_t count,
			char *why, size_t why_size);

/*
 * Starts as initiator; the first message is sent. Faults end it again, and were logged. A phase 1 mode that fails at once takes
 * the SA along: hold it (sa_hold()) to look at it afterwards.
 */
int exchange_start(struct ike_sa *sa, const struct exchange_mode *mode, const void *argument) MUST_CHECK;
/* A message of an exchange that runs (or that begins: ex->row 0). Takes the packet. May end and free `ex` and its SA. */
void exchange_receive(struct exchange *ex, struct packet *packet);
/* As responder, in memory only; exchange_receive() runs the first row. NULL: no memory or too many. */
struct exchange *exchange_new(struct ike_sa *sa, const struct exchange_mode *mode, enum role role, uint32_t message_id) MUST_CHECK;
/* The answer that a STEP_WAIT waited for is there. */
void exchange_resume(struct exchange *ex);
/* The peer refuses what was proposed, authentically: says so, ends the exchange (and the SA, in phase 1). */
void exchange_refused(struct exchange *ex, uint16_t notify);
/* Is over if the peer's last message is not needed any more: see struct exchange_mode, `is_answered`. */
bool exchange_look(struct exchange *ex);
/* See struct exchange_mode, `child`. */
const char *exchange_child(const struct exchange *ex);
/* Ends it now; the mode's failed() runs unless it was done. */
void exchange_end(struct exchange *ex);

/*
 * Says why and returns the verdict, so that a step can end with `return ex_drop(...)`. The line is logged at level info (drop) or warn
 * (abort) and published as EVENT_FAILURE with the code. `notify` goes to the peer, 0: nothing.
 */
enum verdict ex_drop(struct exchange *ex, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
enum verdict ex_abort(struct exchange *ex, uint16_t notify, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * STEP_DROP for what is wrong, but may have been forged or damaged on the way: the right one is still waited for, not for as long. Said at
 * level warn; the peer is told `notify` (0: nothing) in the clear and once, which is a hint to its people only.
 */
enum verdict ex_refuse(struct exchange *ex, uint16_t notify, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* For faults of our own (memory, crypto library): logged as error, nothing is told to the peer. */
enum verdict ex_fault(struct exchange *ex, const char *what, int fault);

#define TRY(call)                                \
	do {                                     \
		enum verdict verdict_ = (call);  \
		if (verdict_ != STEP_OK)         \
			return verdict_;         \
	} while (0)

#endif
