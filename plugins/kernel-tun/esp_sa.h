/* SPDX-License-Identifier: MIT */
/*
 * esp_sa.h - one direction of an IPsec SA as the packet threads use it, its addresses, and ESP itself (RFC 4303) over a
 * buffer. Each SA is used by one packet thread only, so it has one set of cipher contexts and counts without locks.
 */
#ifndef KEYFERRY_TUN_ESP_SA_H
#define KEYFERRY_TUN_ESP_SA_H
#include "epoch.h"
#include "kernel.h"
#include "map.h"
#include "packet.h"
#include "replay.h"

enum {
	ESP_HEADER = 8,
	ESP_IV_MAX = 16,
	ESP_TRAILER = 2,           /* pad length and next header                                  */
	ESP_ICV_MAX = 64,
	ESP_PAD_MAX = 15,
	ESP_GROWTH_MAX = ESP_HEADER + ESP_IV_MAX + ESP_PAD_MAX + ESP_TRAILER + ESP_ICV_MAX,
	IV_POOL = 4096,
	SA_KEY = 24,
	MTU_MIN = 576,             /* RFC 791: nobody must take less                            */
};

/* Room to rekey at several hundred thousand packets a second. */
#define SEQUENCE_SOFT (UINT64_C(0x100000000) - (1 << 20))

/* Where an SA's packets go; immutable, replaced as a whole when the peer moves. */
struct endpoint {
	struct retired retired;
	struct address local, remote;
	struct sockaddr_storage to;
	socklen_t to_len;
	uint16_t path_mtu;         /* of the outer path                                           */
	uint16_t mtu;              /* what fits: octets of an inner packet                        */
};

/* How far an SA may go; UINT64_MAX: without end. */
struct esp_marks {
	uint64_t sequence, packets, bytes;
};

struct esp_child;

struct esp_sa {
	struct retired retired;
	struct esp_sa *_Atomic next;           /* in its bucket                                       */
	uint8_t key[SA_KEY];               /* outbound: SPI, family, port, address; writers       */
	struct esp_sa *older;                  /* the child's outbound SAs, newest first; writers     */
	struct esp_child *child;
	uint32_t spi;
	bool inbound, transport, udp_encap, esn;
	struct selector local_ts, remote_ts;
	uint16_t mtu_limit;                /* 0: none configured                                  */
	struct endpoint *_Atomic endpoint;

	const struct aead_alg *aead;
	const struct cipher_alg *cipher;
	const struct mac_alg *mac;
	void *aead_context, *cipher_context, *mac_context;
	uint8_t salt[4];
	uint8_t salt_len, iv_len, block, icv_len;

	/* The packet thread's. */
	uint64_t sequence;                 /* last one sent                                       */
	struct esp_marks due, end;         /* where the host is told next; where the SA ends      */
	bool spent;                        /* it has ended: it carries nothing more               */
	struct replay replay;
	uint64_t moved_at;                 /* inbound: when the host was told last; 0: never      */

	/* Written by the packet thread, read by all. */
	_Atomic uint64_t bytes, packets, replayed, bad_icv, outside_selector, last_used;
};

/* One writer, so no locked instruction is needed. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Unpredictable octets for CBC (RFC 3602 3), drawn in bulk; belongs to one thread. */
struct iv_pool {
	const struct crypto *crypto;
	size_t used;               /* starts at IV_POOL: empty                                    */
	uint8_t octets[IV_POOL];
};

/* FAULT_UNSUPPORTED, FAULT_INPUT, FAULT_CRYPTO, FAULT_MEMORY; `why` is a static text then. `endpoint` is the caller's to set. */
int esp_sa_new(struct esp_sa **out, const struct ipsec_sa *from, const char **why) MUST_CHECK;
void esp_sa_free(struct esp_sa *sa);
/* For epoch_retire(). */
void esp_sa_free_retired(struct retired *item);
/* NULL without memory. */
struct endpoint *endpoint_new(const struct esp_sa *sa, const struct address *local, const struct address *remote, uint16_t path_mtu);
void endpoint_free_retired(struct retired *item);
/* Largest inner packet that leaves an outer one of `path_mtu` octets; 0: none does. */
size_t esp_sa_inner_mtu(const struct esp_sa *sa, uint8_t outer_family, size_t path_mtu);
/* Where the plaintext stands in an ESP packet. */
static inline size_t esp_sa_plain_offset(const struct esp_sa *sa)
{
	return (size_t)ESP_HEADER + sa->iv_len;
}
/* One of them is reached. Asked for every packet: three compares, but one branch. */
static inline bool esp_sa_is_at(const struct esp_sa *sa, const struct esp_marks *m)
{
	uint64_t packets = atomic_load_explicit(&sa->packets, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&sa->bytes, memory_order_relaxed);

	return (sa->sequence >= m->sequence) | (packets >= m->packets) | (bytes >= m->bytes);
}
/* Tells the host that the SA is used up, nearly or wholly. */
void esp_sa_expire(struct esp_sa *sa, const struct kernel_host *host);
/* Packet threads, after each packet that was numbered or counted. */
static inline void esp_sa_check(struct esp_sa *sa, const struct kernel_host *host)
{
	if (esp_sa_is_at(sa, &sa->due))
		esp_sa_expire(sa, host);
}

/*
 * The plaintext of `len` octets stands at esp_sa_plain_offset(); there is room for ESP_GROWTH_MAX in all. Returns the ESP packet's length,
 * or 0 when the backend failed or the SA is used up.
 */
size_t esp_seal(struct esp_sa *sa, struct iv_pool *pool, uint8_t *esp, size_t len, uint8_t next_header);

enum esp_result { ESP_OK, ESP_MALFORMED, ESP_REPLAYED, ESP_BAD_ICV };
/* Decrypts in place; `plain` and `next_header` are set with ESP_OK. */
enum esp_result esp_open(struct esp_sa *sa, uint8_t *esp, size_t len, uint8_t **plain, size_t *plain_len, uint8_t *next_header);

#endif
