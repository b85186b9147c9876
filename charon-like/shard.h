/* SPDX-License-Identifier: MIT */
/*
 * shard.h - worker threads, each the only owner of its SAs; and the engine: what all shards share, which is read-only
 * but for atomics and `peers`.
 */
#ifndef KEYFERRY_SHARD_H
#define KEYFERRY_SHARD_H
#include <stdatomic.h>

#include "address.h"
#include "kernel.h"
#include "loop.h"
#include "plugin.h"
#include "sa.h"
#include "settings.h"

enum {
	PACKETS_WAITING_MAX = 4096,          /* in one inbox: a second of handshakes; more is a flood */
	HINTS_MAX = 64,                      /* under way at once: anybody can forge an ICMP error */
};

/* A datagram that is IKE, without the non-ESP marker. Owned by whoever handles it; freed with packet_free(). */
struct packet {
	struct job job;
	struct shard *shard;
	struct address local, remote;
	bool nat_port;                       /* it came with a non-ESP marker                      */
	size_t len;
	uint8_t data[];
};

struct packet *packet_new(const struct address *local, const struct address *remote, bool nat_port, struct bytes data) MUST_CHECK;
void packet_free(struct packet *packet);

/* Sends one message: 0 or FAULT_SYSTEM (logged, rate-limited). Any thread. local.family 0: the route decides. */
struct transport {
	int (*send)(void *state, const struct address *local, const struct address *remote, bool nat_port, struct bytes message);
	/* One octet from the NAT port that the peer ignores (RFC 3948 2.3). May be NULL. */
	void (*keepalive)(void *state, const struct address *local, const struct address *remote);
	/* The address that packets to `remote` leave from, port 0: FAULT_SYSTEM: there is no route. NULL: nobody knows. Any thread. */
	int (*source)(void *state, const struct address *remote, struct address *out);
	void *state;
};

struct peers;
struct resolve;

/* any thread, read-only after start unless said otherwise */
struct engine {
	const struct log_context *log;
	struct bus *bus;
	struct helpers *helpers;             /* for what exchanges wait for, and nothing else      */
	/* Asks for the address of a host name, see resolve_start(); NULL: none are resolved. */
	void (*resolve)(struct engine *engine, struct resolve *resolve, struct loop *home, void (*done)(struct resolve *resolve));
	const struct services *services;
	const struct crypto *crypto;
	struct transport transport;
	const struct provider *kernel;       /* a struct kernel_ipsec and its state; NULL: none loaded */
	struct peers *peers;                 /* its own lock                                       */
	struct daemon_settings daemon;
	uint8_t cookie_key[16];              /* shard_of(), our responder cookies, numbers of children */
	atomic_uint half_open;
	atomic_uint established;
	atomic_uint hints;                   /* engine_hint(): under way                           */
	unsigned shard_count;
	struct shard **shards;
};

/* one thread: its loop's */
struct shard {
	struct engine *engine;
	unsigned index;
	struct loop *loop;
	struct settings *settings;           /* what new SAs begin with                            */
	struct sa_table sas;
	uint8_t out[MESSAGE_OUT_MAX];        /* the message being built                            */
	uint64_t received, dropped;          /* messages                                           */
	atomic_uint waiting;                 /* packets in the inbox; any thread                   */
};

struct shard *shard_new(struct engine *engine, unsigned index, struct loop *loop, struct settings *settings) MUST_CHECK;
/* Frees its SAs without telling peers; see shard_delete_all(). */
void shard_free(struct shard *shard);
unsigned shard_of(const struct engine *engine, const uint8_t initiator_cookie[COOKIE_SIZE]);
/* On the shard's thread. The packet is freed. */
void shard_receive(struct shard *shard, struct packet *packet);
/* See struct transport. */
int engine_find_source(const struct engine *engine, const struct address *remote, struct address *out) MUST_CHECK;
/* Posts to the owner after a look at the header; any thread. False: no IKEv1 header, or shedding load; the packet is freed. */
bool engine_dispatch(struct engine *engine, struct packet *packet);

/*
 * Somebody who is not authenticated, the network for one, says something about a peer: phase 1 exchanges that wait for it repeat it to people.
 * Any thread.
 */
void engine_hint(struct engine *engine, const struct address *remote, const char *text);

/* Commands, on the shard's thread. `child` NULL: all. FAULT_NOT_FOUND, FAULT_UNSUPPORTED (%any), ...; logged. */
int shard_up(struct shard *shard, const char *connection, const char *child) MUST_CHECK;
/*
 * Begins another phase 1 with the peer of `sa`, to take over from it. Where it leads from or to elsewhere (`remote` may be NULL: the same
 * host), the children are negotiated anew under it. FAULT_EXISTS: one is on its way.
 */
int shard_renew(struct ike_sa *sa, const struct address *remote) MUST_CHECK;
/* After a reload: what is up of a connection or child that means something else now is deleted at the peer and negotiated again. */
void shard_change(struct shard *shard, const char *connection, const char *child);
/* Returns how many SAs (children with `child`) were deleted at the peer. */
size_t shard_down(struct shard *shard, const char *connection, const char *child);
void shard_delete_all(struct shard *shard, const char *reason);
/*
 * An established SA whose connection means the same there goes on under other settings. False: it does not.
 */
bool shard_rebind(struct ike_sa *sa, struct settings *settings);
/* New SAs begin with these, established ones go on under them where they can; takes its own reference. */
void shard_set_settings(struct shard *shard, struct settings *settings);

#endif
