/* SPDX-License-Identifier: MIT */
/*
 * pair.h - two engines in one process, a shard each, on a virtual clock, with fake kernels and a wire whose every packet a test
 * may drop, repeat, hold back or change. The plugins are the real ones, loaded as the daemon loads them.
 */
#ifndef KEYFERRY_PAIR_H
#define KEYFERRY_PAIR_H
#include "child.h"
#include "events.h"
#include "intents.h"
#include "peers.h"
#include "shard.h"
#include "unit.h"

enum { LEFT, RIGHT, SIDES };

/* Test programs that do not care by which messages a phase 1 comes up are built for each mode: see pairs.am. */
#ifdef PAIRS_AGGRESSIVE
#define PHASE1 " mode=\"aggressive\""
enum {
	PHASE1_TYPE = EXCHANGE_AGGRESSIVE,
	PHASE1_CLEAR = 2,            /* messages in the clear: 1, 2 ...               */
	PHASE1_KE = 1,               /* the first with a KE; the next has the other   */
	PHASE1_PROOF_I = 3, PHASE1_PROOF_R = 2,
	PHASE1_PROOF_R_BARE = 640,   /* octets of the latter without a certificate    */
	PHASE1_LAST = LEFT,          /* who sends the last message                    */
	PHASE1_PACKETS = 4,          /* with the INITIAL-CONTACT that stands apart    */
	/* Message 2 has HASH and NAT-D besides what message 1 has: that is why nobody gets it who is not configured for it. */
	AMPLIFIED_PERCENT = 160,
	AMPLIFIED_PERCENT_SIGNED = 300,
};
#else
#define PHASE1 ""
enum {
	PHASE1_TYPE = EXCHANGE_MAIN, PHASE1_CLEAR = 4, PHASE1_KE = 3, PHASE1_PROOF_I = 5, PHASE1_PROOF_R = 6, PHASE1_PROOF_R_BARE = 400,
	PHASE1_LAST = RIGHT, PHASE1_PACKETS = 6, AMPLIFIED_PERCENT = 100, AMPLIFIED_PERCENT_SIGNED = 100,
};
#endif

enum { WIRE_MAX = 4096, FAKE_SAS_MAX = 2400, FAKE_POLICIES_MAX = 600, PROBES_MAX = 2048, SHARDS_OF_SIDE_MAX = 4, LOG_KEPT = 400, PAIR_TEXT_MAX = 700 };

/* One datagram under way. */
struct wire_packet {
	struct wire_packet *next;
	unsigned to;                 /* LEFT or RIGHT                             */
	unsigned number;             /* from 1, since pair_up() began             */
	uint64_t due;                /* ms                                        */
	struct address from, dest;
	bool nat_port;
	size_t len;
	uint8_t data[WIRE_MAX];
};

/* What a fake kernel was told. */
struct fake_sa {
	uint32_t spi, child;
	uint16_t cpi;
	bool inbound, udp_encap, transport, is_ah;
	size_t key_len;
	uint8_t keys[CIPHER_KEY_MAX + 8 + HASH_SIZE_MAX];
	struct selector local_ts, remote_ts;
	struct address remote;
	uint64_t packets, last_used;
};

struct fake_kernel {
	struct kernel_ipsec ops;
	struct provider provider;
	struct fake_sa sas[FAKE_SAS_MAX];
	size_t count;
	uint32_t next_spi;
	struct {
		uint32_t child;
		bool want_acquire, compress;
	} policy[FAKE_POLICIES_MAX];
	size_t policies;
	struct pair *pair;
	int refuse;                  /* a fault for the next sa_add()             */
	bool refuse_cpi;             /* it has no IPComp, which is found out late */
};

struct pair;

struct side {
	struct pair *pair;
	unsigned which;
	struct loop *loop;
	struct log *log;
	struct bus *bus;
	struct core core;
	struct services *services;
	struct plugins *plugins;
	struct crypto *crypto;
	struct settings *settings;
	struct engine engine;
	struct shard *shards[SHARDS_OF_SIDE_MAX];  /* all on the one loop: what one posts to another comes in order */
	struct fake_kernel kernel;
	struct subscription *subscription;
	struct intents *intents;     /* NULL before side_begin()                  */
	struct address source;       /* that packets leave from; family 0: there is no route */
	struct address resolved;     /* what any name leads to; family 0: nothing */
	/* What was said and published. */
	char lines[LOG_KEPT][PAIR_TEXT_MAX];
	size_t line_count;
	unsigned events[16];         /* by type                                   */
	char last_code[EVENT_CODE_MAX];
	char last_text[EVENT_TEXT_MAX];
	bool failed_finally;
};

/* Decides what happens to a packet: returns how many copies arrive (0: lost), may change it and its `due`. */
typedef unsigned wire_filter(struct pair *pair, struct wire_packet *packet, void *arg);

/* An ESP packet under way: all that matters of it is whether it can be received. */
struct probe {
	unsigned to;
	uint32_t spi;
	uint64_t due;
};

struct pair {
	uint64_t now;
	struct probe probes[PROBES_MAX];     /* a ring                                    */
	size_t probe_first, probe_count;
	uint64_t probes_sent, probes_held, probes_lost;   /* held: there was no SA to send it with */
	struct side side[SIDES];
	struct wire_packet *wire;    /* by due, then in order                     */
	unsigned sent;               /* packets since pair_reset()                */
	wire_filter *filter;
	void *filter_arg;
	const struct pair_file *files;
	bool echo_log;               /* print lines as they come: for debugging   */
};

/* A file beside a configuration, which may name it. */
struct pair_file {
	const char *name, *content;
	size_t len;                  /* 0: of the text */
};

struct pair_options {
	const char *left, *right;            /* whole XML documents                       */
	const char *left_psk, *right_psk;    /* content of the file "psk" of each         */
	const char *left_crypto, *right_crypto; /* backend; NULL: "openssl"               */
	uint32_t kernel_features;
	unsigned shards;                     /* of each side; 0: one                              */
	const struct pair_file *files;       /* beside both configurations, ends with a NULL name; NULL: none */
	const struct plugin *const *linked;  /* plugins of the test's own on both sides, NULL-terminated; NULL: none */
	const char *skip;                    /* a plugin that is not loaded on the right  */
	const struct config_node *root;      /* of settings of plugins; NULL: none        */
};

/* Aborts the test program with a message when the configurations are refused. */
struct pair *pair_new(const struct pair_options *options);
void pair_free(struct pair *pair);
/* Until nothing is to be done before `ms` more have passed. */
void pair_run(struct pair *pair, uint64_t ms);
/* Both directions idle at this moment: nothing on the wire, no job. */
void pair_settle(struct pair *pair);
/* Brings the connection "t" up from LEFT, waits at most `ms`; true when both ends have all children. */
bool pair_up(struct pair *pair, uint64_t ms);
/* `it` is a struct list in the table of each SA of the side. */
#define EACH_SA(it, side)                                                                        \
	for (unsigned it##_shard = 0; it##_shard < (side)->engine.shard_count; it##_shard++)     \
		LIST_EACH(it, &(side)->shards[it##_shard]->sas.all)
/* As people do it. */
int side_up(struct side *side, const char *connection, const char *child) MUST_CHECK;
size_t side_down(struct side *side, const char *connection, const char *child);
/* An SA of the connection, established if there is such; NULL: none. */
struct ike_sa *side_find(const struct side *side, const char *connection);
/* All that there are, established or not. */
size_t side_all(const struct side *side);
/* From now on what `keep` means is heeded, as by the daemon. */
void side_begin(struct side *side);
/*
 * The side is killed and comes back with this configuration (NULL: the one it has), its intents with it; the other side is told nothing.
 */
void side_restart(struct side *side, struct settings *settings);
/* Another configuration, as after a reload. */
void side_reload(struct side *side, struct settings *settings);
/* A configuration from text, for these. */
struct settings *side_read(struct side *side, const char *xml, const char *psk) MUST_CHECK;
/* Forgets SAs on both sides without a word on the wire, counters and lines too. */
void pair_reset(struct pair *pair);
/* Puts a datagram on the wire as if `from` had sent it. */
void pair_inject(struct pair *pair, const struct wire_packet *like);
/* One ESP packet of each child with a policy on this side: sent with its newest outbound SA, received 1 ms later if it can be. */
void pair_probe(struct pair *pair, unsigned from);
/* A line with this text was said. */
bool side_said(const struct side *side, const char *text);
size_t side_sas(const struct side *side);
size_t side_children(const struct side *side);
/* Each inbound SA of one fake kernel has its outbound twin with the same keys in the other. */
bool pair_keys_agree(const struct pair *pair);

/* A pair of documents for one connection "t" with `children` children; words go in where they belong. */
void pair_documents(char left[4096], char right[4096], const char *ike, const char *esp, unsigned children, bool ipv6, bool transport);

#endif
