/* SPDX-License-Identifier: MIT */
/* kernel.h - what a kernel interface provides: IPsec SAs and policies, whether in the kernel or in userspace. */
#ifndef KEYFERRY_KERNEL_H
#define KEYFERRY_KERNEL_H
#include <net/if.h>

#include "address.h"
#include "log.h"
#include "plugin.h"
#include "proposal.h"

enum kernel_feature {
	KERNEL_USERSPACE  = 1 << 0,      /* ESP is ours: raw ESP may not reach a peer; prefer UDP encapsulation      */
	KERNEL_ESN        = 1 << 1,
	KERNEL_UDP_ENCAP  = 1 << 2,
	KERNEL_TRANSPORT  = 1 << 3,
	KERNEL_SHUNT      = 1 << 4,      /* policies with another action than IPSEC_PROTECT                          */
	KERNEL_AH         = 1 << 5,
	KERNEL_IPCOMP     = 1 << 6,      /* with DEFLATE                                                              */
	KERNEL_OPTIONS    = 1 << 8,      /* heeds struct ipsec_options                                           */
};

/* Marks our own packets (SO_MARK, also on the IKE and NAT port sockets), so that no policy route of ours catches them again. */
enum { KERNEL_MARK = 0x6b66 };           /* "kf" */
/* Mark the routes (rtm_protocol) and devices (alias) of a kernel service: whoever follows the network's changes leaves them aside. */
enum { KERNEL_PROTOCOL = 107 };          /* 'k' */
#define KERNEL_ALIAS "keyferry"

/*
 * When an SA is used up, by octets of inner packets or by packets; 0: never. At the soft limit the host is told once, at the hard one
 * again, and the SA carries nothing more.
 */
struct ipsec_limits {
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets;
};

enum ipsec_offload { OFFLOAD_NO, OFFLOAD_CRYPTO, OFFLOAD_PACKET, OFFLOAD_AUTO };

/* What a child may ask of a kernel service with KERNEL_OPTIONS. Zeroed before it is filled: memory is compared. */
struct ipsec_options {
	uint32_t mark, mark_mask;        /* only packets with this mark go out, and what came in has it; mask 0: any */
	uint32_t if_id;                  /* only packets of XFRM interfaces with this number; 0: none            */
	uint32_t priority;               /* of its policies; 0: from the selectors                               */
	char interface[IF_NAMESIZE];     /* the XFRM interface that the remote networks are routed to; "": none  */
	enum ipsec_offload offload;
	bool no_routes;
	bool hides_dscp, takes_dscp;     /* not from the inner header to the outer; from the outer to the inner  */
	bool hides_ecn, drops_df;
};

/* One direction of an IPsec SA. Borrowed during sa_add(): the service copies what it keeps. */
struct ipsec_sa {
	uint32_t spi;                    /* host order; the receiver's                                           */
	bool inbound;                    /* we receive with it                                                   */
	bool transport;
	bool udp_encap;
	struct address local, remote;    /* outer addresses; ports only matter for udp_encap                     */
	struct selector local_ts, remote_ts;
	struct esp_transform transform;  /* of AH only where the service has KERNEL_AH                           */
	struct bytes encryption_key;     /* key then salt: transform.key_len + salt_len                          */
	struct bytes integrity_key;      /* transform.mac_key_len                                                */
	uint32_t replay_window;          /* packets; 64 at least                                                 */
	uint16_t cpi;                    /* compressed with IPComp first, under this; 0: not                     */
	uint32_t child;                  /* ties the SAs and the policy of one child (reqid)                     */
	uint16_t mtu;                    /* inner; 0: from the path                                              */
	struct ipsec_limits limits;
	struct ipsec_options options;
};

/* In the clear, whatever other policies say, or not at all. Among policies of the same selectors these win. */
enum ipsec_action { IPSEC_PROTECT, IPSEC_BYPASS, IPSEC_DROP };

/*
 * What is to be protected: packets from local_ts to remote_ts go through the outbound SA of `child`, and are dropped while
 * there is none: nothing leaves in the clear. The reverse is accepted only from the inbound SAs of `child`.
 */
struct ipsec_policy {
	uint32_t child;
	bool transport;
	bool is_ah;                      /* its SAs are of AH                                                    */
	bool compress;                   /* its SAs come with IPComp                                             */
	struct selector local_ts, remote_ts;
	struct address local, remote;    /* outer; remote may have family 0 when it is not known yet             */
	enum ipsec_action action;        /* without IPSEC_PROTECT only `child`, which has no SAs, and the selectors matter */
	bool want_acquire;               /* on-demand: tell the host about the first packet, and send it when there is an SA */
	uint16_t mtu;                    /* of inner packets; 0: from the path                                   */
	struct ipsec_options options;
};

struct ipsec_usage {
	uint64_t bytes, packets;         /* of the payload inside ESP, as delivered or taken                     */
	uint64_t replayed, bad_icv, outside_selector; /* dropped inbound; the last also outbound            */
	uint64_t last_used;              /* loop clock milliseconds; 0: never                                    */
};

/* Datagrams of one sender that arrived together: `segment` octets each, the last may be shorter. */
struct esp_batch {
	struct address local, remote;
	uint8_t *data;                   /* the service may write into it; the memory stays net's                */
	size_t len, segment;
	uint8_t tos;                     /* outer TOS or traffic class (IP_RECVTOS, IPV6_RECVTCLASS): carries ECN */
};

/* What the service may ask of the daemon; any thread. */
struct kernel_host {
	const struct log_context *log;
	const struct crypto *crypto;
	/* UDP socket bound to the NAT port, for sending encapsulated ESP; -1 when the family is off. */
	int (*encap_socket)(void *arg, uint8_t family);
	/* First packet for a child without SA. */
	void (*acquire)(void *arg, uint32_t child);
	/* The sequence number space or a limit is nearly used up: rekey now (hard: it is used up, the SA carries nothing more). */
	void (*expire)(void *arg, uint32_t spi, bool inbound, bool hard);
	/*
	 * An authentic packet of the inbound SA `spi` (in UDP) came from another address or port than the SA's `remote`: a NAT gave its peer
	 * a new one. Told at most once a second and SA until sa_move().
	 */
	void (*moved)(void *arg, uint32_t spi, const struct address *local, const struct address *remote);
	void *arg;
	/* SERVICE_KERNEL_NET, attached; NULL: there are no devices and routes but those of others. */
	const struct provider *net;
	/* The configuration asks for this service by name; else another may serve as well, and a kernel that cannot is no fault. */
	bool is_named;
};

/* SERVICE_KERNEL_IPSEC. All ops may be called from any thread; they return 0 or a fault, which they have logged. */
struct kernel_ipsec {
	const char *name;                /* "tun", "xfrm"                                                        */
	uint32_t features;               /* set of enum kernel_feature                                           */
	/* Opens devices, removes what an earlier run left. Once, before anything else. */
	int (*attach)(void *state, const struct kernel_host *host);
	void (*detach)(void *state);     /* removes everything of ours                                           */
	/* `protocol`: PROTO_ESP, PROTO_AH, or PROTO_IPCOMP for a CPI; FAULT_UNSUPPORTED: this kernel has none of it. */
	int (*spi)(void *state, uint8_t protocol, const struct address *local, const struct address *remote, uint32_t *out);
	int (*sa_add)(void *state, const struct ipsec_sa *sa);
	/*
	 * Outbound SPIs are chosen by the peers and unique only with the protocol, PROTO_ESP or PROTO_AH, and `remote`, as given to sa_add()
	 * or the last sa_move().
	 */
	int (*sa_move)(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *from, const struct address *local,
		       const struct address *remote);
	int (*sa_usage)(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote, struct ipsec_usage *out);
	int (*sa_delete)(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote);
	int (*policy_add)(void *state, const struct ipsec_policy *policy);   /* again with the same child: replaces      */
	/*
	 * While the child has an outbound SA, perhaps of another shard, the policy stays: it goes with the last one, so that what an SA
	 * protects never leaves in the clear.
	 */
	int (*policy_delete)(void *state, uint32_t child);
	/* How many packets an IPSEC_DROP dropped; NULL: it does not count them. */
	int (*policy_dropped)(void *state, uint32_t child, uint64_t *out);
	/*
	 * NULL: it can do every transform that the crypto backends can. True: not this one; `why` names what is missing and what to do. May
	 * block: not for a shard. See fit.h.
	 */
	bool (*lacks)(void *state, const struct esp_transform *t, char why[WHY_MAX]);
	/* Userspace only: datagrams from the NAT port that are no IKE, always from the same one thread (net's); else NULL. */
	void (*receive)(void *state, const struct esp_batch *batches, size_t count);
};

#endif
