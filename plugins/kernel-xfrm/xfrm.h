/* SPDX-License-Identifier: MIT */
/*
 * xfrm.h - the plugin's state: what was installed in the kernel, so that it can be found, moved and removed again. The service is
 * ops.c (begin and end), state.c, comp.c and offload.c (SAs), policy.c, rules.c, larval.c and lead.c (policies); probe.c asks the kernel what
 * it can and removes what an earlier run left; events.c hears what the kernel says by itself.
 */
#ifndef KEYFERRY_XFRM_XFRM_H
#define KEYFERRY_XFRM_XFRM_H
#include <pthread.h>
#include <stdatomic.h>

#include "build.h"
#include "map.h"

enum { ORPHAN = 0, ORPHAN_MS = 5000, MOVED_PAUSE_MS = 1000 };

/* What an SA is found by. Zeroed before it is filled: memory is compared. */
struct entry_key {
	uint32_t spi;
	uint8_t protocol;                      /* IPPROTO_ESP, IPPROTO_AH                                     */
	uint8_t inbound, family;
	uint16_t port;                         /* outbound in UDP: the peers behind one NAT share its address */
	uint8_t ip[16];                        /* outbound: the peer's                                        */
};

struct entry {
	UT_hash_handle hh;
	struct entry_key key;
	struct address local, remote;
	uint32_t child;
	uint16_t cpi;                          /* of the IPComp with it; 0: none                              */
	bool udp_encap;
	bool is_seen;                          /* while all are listed                                        */
	bool is_told[2];                       /* the host knows that it is nearly used up, or (1) is         */
	uint64_t packets, looked_at;           /* at the last look, for kernels that do not tell when          */
	uint64_t last_used, moved_at;
};

/* A configured child or one of its peers. */
struct owner {
	UT_hash_handle hh;
	uint32_t id;
	bool has_policy, is_over;
	unsigned outbound;
	struct ipsec_policy policy;
};

/* What an owner wants of a rule. */
struct claim {
	uint32_t owner;                        /* id; ORPHAN alone: an earlier run's                          */
	uint32_t priority;
	bool is_bypass;                        /* of a child whose network reaches itself; else as the owner's policy says */
};

/* A policy in the kernel. Several may want the same selectors: then it is a shunt's, else the newest child's, and the others wait. */
struct rule {
	UT_hash_handle hh;
	struct rule_key key;
	size_t count, size;
	struct claim *claims;                  /* the last one's is installed                                 */
	int status;                            /* orphans_remove()'s                                          */
};

enum comp_state { COMP_UNKNOWN, COMP_THERE, COMP_MISSING };

struct xfrm {
	struct kernel_host host;               /* fixed while attached                                        */
	pthread_mutex_t lock;                  /* around all but the events' socket                           */
	struct netlink netlink;
	bool has_esp[2], has_encap[2];         /* by family: IPv4, IPv6                                       */
	enum comp_state comp[2];               /* likewise                                                    */
	const struct algorithm *cipher, *auth; /* that work; auth NULL: an AEAD                               */
	uint64_t working, lacking, lacking_until; /* sets of rows of algorithm.c, and till when the second counts */
	bool has_ah;                           /* over IPv4 or IPv6                                           */
	uint64_t no_ah_until;                  /* and till when it is not looked for again                    */
	bool has_neighbours;                   /* their policies are installed                                */
	const char *larval_drop;               /* the switch's file; see larval.c                             */
	bool holds_larval, cannot_hold;
	struct entry *entries;
	struct owner *owners;
	struct rule *rules;
	struct netlink events;                 /* the thread's                                                */
	pthread_t thread;
	bool has_thread;
	_Atomic bool stopping;
	int wake;                              /* eventfd                                                     */
	uint64_t orphans_until;                /* 0: there are none. The thread's after the attach            */
	uint64_t resync_at;                    /* the SAs could not be listed, which is done again then; 0: they were. The thread's */
	uint64_t (*now)(void);                 /* ms of the loops' clock                                      */
};

extern const struct kernel_ipsec xfrm_ops;

int xfrm_new(struct xfrm **out, const struct log_context *log) MUST_CHECK;
void xfrm_free(struct xfrm *x);

/* A fault for an errno. */
int xfrm_fault(int error);
/* Says what failed, why in the kernel's words, and what to do about it. Returns the fault. Under the lock. */
int xfrm_complain(struct xfrm *x, const char *code, const char *what, int error);
/* Says that this kernel cannot do what the service needs: a fault only where the service is asked for by name. */
int xfrm_decline(struct xfrm *x, const char *lack, int error, const char *advice);
static inline int family_index(uint8_t family)
{
	return family == AF_INET6;
}

/* ---- state.c ---- */
/* `protocol` is IP's number of ESP or AH, here and in the next; the ops have IKE's. */
struct entry *entry_find(struct xfrm *x, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote);
/* By what the kernel tells an SA by. */
struct entry *entry_by_destination(struct xfrm *x, uint8_t protocol, uint32_t spi, const struct address *destination);
const struct address *entry_destination(const struct entry *e);
int state_spi(void *state, uint8_t protocol, const struct address *local, const struct address *remote, uint32_t *out);
int state_add(void *state, const struct ipsec_sa *sa);
int state_move(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *from, const struct address *local,
	       const struct address *remote);
int state_usage(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote, struct ipsec_usage *out);
int state_delete(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote);
void states_forget(struct xfrm *x);

/* What build.h has to make an SA. */
typedef bool sa_builder(struct netlink *n, uint16_t type, const struct ipsec_sa *sa, struct nlmsghdr **out);
/* Returns an errno. Under the lock. */
int state_install(struct xfrm *x, const struct ipsec_sa *sa, sa_builder *build) MUST_CHECK;

/* ---- comp.c: under the lock ---- */
/* Says so once if not. */
bool comp_is_there(struct xfrm *x, uint8_t family);
int comp_add(struct xfrm *x, const struct ipsec_sa *sa) MUST_CHECK;
void comp_delete(struct xfrm *x, uint16_t cpi, const struct address *destination);
/* Says what became of it, if it failed; `status` as netlink_queue() gives it. */
void comp_deleted(struct xfrm *x, uint16_t cpi, int status);

/* ---- offload.c ---- */
struct offload offload_of(const struct ipsec_sa *sa);
/* As state_install(), by the device if it can. */
int offload_install(struct xfrm *x, const struct ipsec_sa *sa) MUST_CHECK;
void offload_policy(struct nlmsghdr *request, const struct ipsec_policy *policy, uint32_t direction);
int offload_complain(struct xfrm *x, const struct ipsec_sa *sa, int error);

/* ---- policy.c ---- */
int policy_add(void *state, const struct ipsec_policy *policy);
int policy_delete(void *state, uint32_t child);
/* An outbound SA of the child came or went, or (policy_follow) is elsewhere. */
int policy_hold(struct xfrm *x, uint32_t child) MUST_CHECK;
void policy_release(struct xfrm *x, uint32_t child);
/* The first outbound SA is installed: what waits for it goes now, and not when the kernel looks for it again, in 0.1 s to 60 s. */
void policy_wake(struct xfrm *x, uint32_t child);
void policy_follow(struct xfrm *x, uint32_t child, const struct address *local, const struct address *remote);
struct owner *owner_find(struct xfrm *x, uint32_t child);
/* Takes over a policy that an earlier run left, until it is replaced or orphans_remove(). */
int orphan_add(struct xfrm *x, const struct rule_key *key, uint32_t priority) MUST_CHECK;
void orphans_remove(struct xfrm *x);
void policies_forget(struct xfrm *x);

/* ---- lead.c ---- */
int lead_to(struct xfrm *x, const struct ipsec_policy *policy) MUST_CHECK;
void lead_no_more(struct xfrm *x, uint32_t child);
/* What an earlier run left of it goes. */
void lead_settle(struct xfrm *x);

/* ---- larval.c ---- */
/* From now on packets wait for their SA. */
void larval_hold(struct xfrm *x);
void larval_restore(struct xfrm *x);

/* ---- probe.c ---- */
/* FAULT_UNSUPPORTED, FAULT_PERMISSION...: this kernel cannot; it was said why. */
int probe_kernel(struct xfrm *x) MUST_CHECK;
/* Says which algorithms it lacks. On a socket of its own and without the lock: the kernel may have to load many modules. */
void probe_algorithms(struct xfrm *x, struct netlink *n);
/* The op. */
bool probe_lacks(void *state, const struct esp_transform *t, char why[WHY_MAX]);
/* SAs go; policies become orphans. */
int leftovers_adopt(struct xfrm *x) MUST_CHECK;
/* Everything of ours goes, also what only waits for an answer of IKE. */
void leftovers_remove(struct xfrm *x);

/* ---- events.c ---- */
int events_start(struct xfrm *x) MUST_CHECK;
void events_stop(struct xfrm *x);
/* What the kernel has to say just now. When some was lost, the SAs are listed to find out what. */
void events_read(struct xfrm *x);
/* The same once more, where that failed and its time has come. */
void events_resync(struct xfrm *x);

#endif
