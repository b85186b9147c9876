/* SPDX-License-Identifier: MIT */
/*
 * settings.h - the configuration as the daemon uses it: connections, children, secrets, all checked. Made from the
 * generic tree of config.h, whole or not at all; immutable and reference-counted, so an exchange keeps the one
 * that it began with.
 */
#ifndef KEYFERRY_SETTINGS_H
#define KEYFERRY_SETTINGS_H
#include "address.h"
#include "cert_check.h"
#include "certs.h"
#include "config.h"
#include "crypto.h"
#include "identity.h"
#include "kernel.h"
#include "keys.h"
#include "proposal.h"
#include "secret.h"

/* Defaults and limits of what a configuration may say; docs/keyferry.xml.5 repeats them. */
enum {
	NAME_WORD_MAX = 63,                  /* of a connection or child: what log_fields holds                      */
	IKE_PORT = 500,                      /* RFC 2408 2.5.1                                                       */
	IKE_NAT_PORT = 4500,                 /* RFC 3947 4                                                           */
	/* What strongSwan and most routers propose: long enough to be cheap, a working day at most under one key. */
	PHASE1_LIFETIME = 8 * 3600,
	CHILD_LIFETIME = 3600,
	LIFETIME_MIN = 10,                   /* below it a rekeying that loses a packet ends after the SA            */
	/*
	 * When an SA is renewed, in parts of its lifetime: the initiator somewhere in the tenth after 80 %, its peer in the twentieth after
	 * 90 %, so that both rarely begin at once, and there is time to lose packets. What is drawn keeps a thousand SAs of one moment apart.
	 */
	RENEW_WHOLE = 10000, RENEW_INITIATOR = 8000, RENEW_INITIATOR_SPAN = 1000, RENEW_RESPONDER = 9000, RENEW_RESPONDER_SPAN = 500,
	LIFETIME_PACKETS_MIN = 1000,         /* less is used up while the next SA is negotiated                      */
	LIFETIME_MAX = 30 * 86400,           /* the longest that deployed routers (Cisco IOS) can be told            */
	/* Several cores and batches of 64 KiB reorder by hundreds of packets; a window of 64 would drop them. */
	REPLAY_WINDOW = 1024,
	REPLAY_WINDOW_MIN = 64,              /* RFC 4303 3.4.3                                                       */
	REPLAY_WINDOW_MAX = 4096,            /* XFRMA_REPLAY_ESN_MAX of Linux                                        */
	/* Short enough for people to wait, long enough that idle tunnels cost a packet a minute. RFC 3706 6 names no number. */
	DPD_SECONDS = 30, DPD_SECONDS_MIN = 2, DPD_SECONDS_MAX = 86400,
	CHILD_MTU_MIN = 576,                 /* RFC 791: every IPv4 host takes it                                    */
	CHILD_MTU_MIN_IPV6 = 1280,           /* RFC 8200 5                                                           */
	REQID_MAX = 0x3fff,                  /* Linux numbers from there on by itself (IPSEC_MANUAL_REQID_MAX)       */
	PRIORITY_MAX = 0x7fffffff,           /* some tools show it with a sign                                       */
	PSK_IDS_MAX = 64,                    /* what more know is no secret; a range or %any says so honestly        */
	PSK_MAX = 1024,                      /* octets; HMAC would hash what is longer than a block anyway           */
	PSK_WEAK = 16,                       /* octets; below it guessing offline is feasible                        */
	CA_URLS_MAX = 8,                     /* of each kind of one authority; more would not be waited for          */
	/*
	 * Bits of strength.h, in Aggressive Mode, where guessing needs nobody's answers: at 10^12 guesses a second, a hundred graphics cards, half
	 * of 2^80 take 19,000 years and half of 2^64 four months.
	 */
	PSK_AGGRESSIVE_BITS = 80,
	SHARDS_MAX = 64,
	SHARDS_AUTO_MAX = 4,                 /* thousands of handshakes a second; more threads are the admin's choice */
	/* About 16 KiB each: 16 MiB that senders of forged first messages can make us hold. */
	HALF_OPEN_DEFAULT = 1000, HALF_OPEN_LIMIT = 1000000,
	/* About 7 KiB each: 700 MiB that people with one key in common, and as many names as they like, can make us hold. */
	SAS_DEFAULT = 100000, SAS_LIMIT = 10000000,
	HALF_OPEN_SECONDS = 30, HALF_OPEN_SECONDS_MAX = 600,
	/*
	 * Half as much again each time, ten sendings after the first take 85 s. Where a fifth of the packets is lost in both directions
	 * one message in 80,000 stays unanswered; with five doublings from a second, which take as long, it is one in 500.
	 */
	RETRANSMIT_TRIES = 10, RETRANSMIT_TRIES_MAX = 20,
	RETRANSMIT_FIRST_MS = 500, RETRANSMIT_FIRST_MS_MIN = 100, RETRANSMIT_FIRST_MS_MAX = 30000,
};

/* Of lifetime-bytes: a second of a slow link. More than the largest is no limit at all. */
#define LIFETIME_BYTES_MIN (UINT64_C(1) << 20)
#define LIFETIME_BYTES_MAX (UINT64_C(1) << 42)

enum keep { KEEP_PASSIVE, KEEP_ON_DEMAND, KEEP_UP };
/* A peer that is connected comes again from elsewhere: the new takes the place of the old, the old stays and the new is refused, or both stay. */
enum unique { UNIQUE_REPLACE, UNIQUE_KEEP, UNIQUE_NEVER };
enum send_cert { SEND_CERT_ASKED, SEND_CERT_ALWAYS, SEND_CERT_NEVER };
enum encap { ENCAP_AUTO, ENCAP_YES, ENCAP_NO };     /* UDP encapsulation: when there is a NAT (or the kernel service wants it), always, never */

struct child_settings {
	const char *name;
	struct selector local, remote;
	/* Not configured, or "dynamic": the IKE address of the SA; then the selector has only protocol and port. */
	bool local_is_host, remote_is_host;
	bool transport;
	bool is_ah;                          /* all of `proposals` are                                               */
	bool compress;                       /* IPComp where the peer wants it, too                                  */
	struct esp_transforms proposals;
	struct lifetime lifetime;
	uint32_t replay_window;              /* packets                                                              */
	uint16_t mtu;                        /* of inner packets; 0: from the path                                   */
	uint32_t reqid;                      /* of its SAs and policies; 0: from the names                           */
	struct ipsec_options options;
	const char *interface_address;       /* list of addresses with prefix lengths, checked; NULL: none           */
	const struct config_node *node;
};

/* Authorities whose certificates peers may have. */
struct ca_settings {
	const char *name;
	struct cert_list certs;              /* trusted, each of them                                                */
	/* Whether certificates below it are revoked: what if it cannot be learnt; places, lists that end with NULL, or NULL. */
	enum revocation_policy revocation;
	const char **crl_urls, **ocsp_urls;
	const struct config_node *node;
};

struct connection_settings {
	const char *name;
	enum keep keep;
	struct address local;                /* family 0: whatever the route gives                                   */
	struct identity local_id;            /* type 0: the local address                                            */
	struct address_range remote;         /* who may connect; a single host when we may initiate                  */
	const char *remote_host;             /* a name to resolve, then `remote` is %any; or NULL                    */
	uint16_t remote_port;                /* 500 unless configured                                                */
	struct identity remote_id;           /* type 0: any; not configured: the remote address                      */
	unsigned remote_match;               /* enum identity_match: what of it is a pattern                         */
	const char *mode;                    /* "main", "aggressive"                                                 */
	const char *auth;                    /* "psk", ...                                                           */
	struct private_key *key;             /* with which we sign; NULL: none                                       */
	struct cert_list certs;              /* its certificate, then those between it and its authority             */
	enum send_cert send_cert;
	struct public_key remote_key;        /* the peer's, whatever certificates say; spki.at NULL: not known       */
	struct certificate *remote_cert;     /* likewise                                                             */
	const struct ca_settings **cas;      /* who may have issued the peer's                                       */
	size_t ca_count;
	struct ike_transforms proposals;
	uint32_t lifetime;                   /* seconds                                                              */
	enum encap encap;
	enum unique unique;
	uint32_t dpd;                        /* seconds of silence before a peer is asked whether it is there; 0: never */
	struct child_settings *children;
	size_t child_count;
	const struct config_node *node;
	size_t index;                        /* place in the file: the first that fits wins among equals             */
};

/* What passes beside all connections, in the clear, or does not pass at all. */
struct shunt_settings {
	const char *name;
	bool is_drop;                        /* else it passes                                                       */
	struct selector local, remote;
	const struct config_node *node;
};

/* A pre-shared key and who it is for; the more ids of an SA's two ends it names, the better it fits. */
struct psk_id {
	bool is_range;                       /* "10.0.0.0/8", "%any": an address range; else an identity             */
	struct address_range range;
	struct identity id;
};
struct psk_settings {
	struct psk_id *ids;
	size_t id_count;
	unsigned match;                      /* enum identity_match: what of the ids are patterns                    */
	struct secret secret;
	const struct config_node *node;
};

/* What <daemon> says. Freed with daemon_settings_free(). */
struct daemon_settings {
	unsigned shards;
	uint16_t port, nat_port;             /* 500, 4500                                                            */
	enum log_level log_level;
	bool log_json;
	const char *const *crypto;           /* backends in order, NULL-terminated; NULL: as loaded                  */
	const char *kernel;                  /* "auto" or the key of a kernel_ipsec service                          */
	const char *const *plugins_skip;     /* names, NULL-terminated; NULL: none                                   */
	unsigned half_open_max;              /* responder exchanges that have not authenticated, all shards          */
	unsigned half_open_seconds;
	unsigned sas_max;                    /* established ISAKMP SAs beyond which nobody new is taken, all shards   */
	unsigned retransmit_tries;           /* sendings after the first                                             */
	unsigned retransmit_first_ms;
	bool watch;                          /* files are read again when they change                                */
};

struct settings;                             /* any thread */

struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s);

/*
 * What must be known before plugins are loaded; needs no crypto. Fills `out` with defaults first, so that it may be freed
 * whatever this returns. Logs every error in <daemon>; that element is looked at here only, all else by settings_new().
 * Strings borrow from `config`. FAULT_INPUT, FAULT_MEMORY.
 */
int daemon_settings_read(struct daemon_settings *out, struct config *config, const struct log_context *log) MUST_CHECK;
void daemon_settings_free(struct daemon_settings *d);

/*
 * Checks everything and logs every error found ("FILE:LINE: <element>: ..."), not only the first. Takes its own
 * reference to `config`. Paths of secrets are relative to the file that names them. FAULT_INPUT, FAULT_MEMORY.
 * `services` NULL: whether the plugins that it needs are there is not checked. `crypto` NULL: proposals are not looked at
 * and are empty, so the result is of no use but to check.
 */
int settings_new(struct settings **out, struct config *config, const struct crypto *crypto, const struct services *services,
		 const struct log_context *log) MUST_CHECK;
/* The configuration of `old` once more, with what the files of its secrets hold now. As settings_new(). */
int settings_again(struct settings **out, const struct settings *old, const struct crypto *crypto, const struct services *services,
		   const struct log_context *log) MUST_CHECK;

/* Tells of the files of secrets, keys and certificates that a configuration names, as far as it can be read. */
void settings_secret_files(struct config *config, config_saw *saw, void *arg);

size_t settings_connection_count(const struct settings *s);
const struct connection_settings *settings_connection_at(const struct settings *s, size_t i);
const struct connection_settings *settings_connection(const struct settings *s, const char *name);
size_t settings_shunt_count(const struct settings *s);
const struct shunt_settings *settings_shunt_at(const struct settings *s, size_t i);
/*
 * Calls `visit` for connections whose addresses fit until it returns true, and returns that one; NULL: none. The most specific
 * remote comes first: a host, a range by its size, a host name, %any; then those that name the local address; then the order of
 * the file. Cost does not grow with connections that name other single remote hosts. `local` may be NULL or have family 0,
 * `visit` NULL takes the first.
 */
const struct connection_settings *settings_match(const struct settings *s, const struct address *local, const struct address *remote,
						 bool (*visit)(const struct connection_settings *c, void *arg), void *arg);
/*
 * The best key for two ends; what is not known yet (ids in Main Mode, an address) is NULL or has type or family 0. The remote end
 * decides: its id, then a pattern that its id fits, then its address, then the narrowest range, then %any. Of keys equal in that, one that also names the local end
 * wins; one with several ids of which surely none is the local end is not for us. The first in the file wins a tie. `how` (may be
 * NULL) gets a clause that says by what it was chosen ("psk at office.xml:12, by remote address 192.0.2.1"). NULL: none.
 */
const struct psk_settings *settings_psk(const struct settings *s, const struct address *local, const struct identity *local_id,
					const struct address *remote, const struct identity *remote_id, char how[WHY_MAX]);
/* The XFRM interfaces that children name, each once; to be freed. FAULT_MEMORY. */
struct net_interface;
int settings_interfaces(const struct settings *s, struct net_interface **out, size_t *count) MUST_CHECK;
/*
 * True when both mean the same for SAs that exist (name, addresses, IDs, phase 1; children are compared one by one). `dpd` and
 * `unique` do not count: what exists heeds the new ones.
 */
bool connection_settings_same(const struct connection_settings *a, const struct connection_settings *b);
bool child_settings_same(const struct child_settings *a, const struct child_settings *b);
bool shunt_settings_same(const struct shunt_settings *a, const struct shunt_settings *b);

#endif
