/* SPDX-License-Identifier: MIT */
/* child.h - the IPsec SAs of one phase 2: keys, install, delete, through the kernel service. */
#ifndef KEYFERRY_CHILD_H
#define KEYFERRY_CHILD_H
#include "address.h"
#include "kernel.h"
#include "list.h"
#include "proposal.h"
#include "secret.h"
#include "settings.h"
#include "timer.h"

struct ike_sa;

/* shard; belongs to its ISAKMP SA */
struct child {
	struct list in_sa;
	struct ike_sa *sa;
	struct settings *settings;               /* keeps `config` alive                               */
	const struct child_settings *config;
	uint32_t id;                             /* the kernel's `child`: the same for all SAs of one configured child */
	uint32_t spi_in, spi_out;                /* host order                                         */
	struct esp_transform transform;
	struct selector local_ts, remote_ts;
	struct address remote;                   /* that the SAs were installed with                   */
	bool transport, udp_encap;
	bool has_inbound, has_outbound;          /* installed                                          */
	bool initiated;
	uint32_t lifetime;                       /* seconds, agreed                                    */
	uint64_t installed_at;
	struct timer expiry;
};

/* KEYMAT of one direction (RFC 2409 5.5), from SKEYID_d; dh_shared empty without PFS. `out` is encryption key, salt, integrity key. */
int child_keymat(const struct ike_sa *sa, const struct esp_transform *t, uint32_t spi, struct bytes dh_shared, struct bytes ni,
		 struct bytes nr, struct secret *out) MUST_CHECK;
/* Installs one direction; on a fault nothing of it is left. */
int child_install(struct child *child, bool inbound, const struct secret *keymat) MUST_CHECK;
int child_install_policy(struct child *child) MUST_CHECK;
/* Removes both directions (and the policy, unless its intent keeps it) and frees. Tells nobody. */
void child_free(struct child *child, const char *reason);
struct child *child_find(struct ike_sa *sa, uint32_t spi, bool inbound);
struct child *child_find_config(struct ike_sa *sa, const struct child_settings *config);
/* Stable for a child of a connection over reloads and restarts: a hash of both names, not 0. */
uint32_t child_id(const struct connection_settings *c, const struct child_settings *child);
/* The same for the SAs of one peer: where many may use a connection, each has policies of its own. */
uint32_t child_id_of_peer(const struct ike_sa *sa, const struct child_settings *child, const struct selector *remote_ts);

#endif
