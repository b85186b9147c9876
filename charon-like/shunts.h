/* SPDX-License-Identifier: MIT */
/* shunts.h - the shunts of the configuration, as policies of the kernel service: there before and after all connections. */
#ifndef KEYFERRY_SHUNTS_H
#define KEYFERRY_SHUNTS_H
#include "shard.h"

struct shunts;                     /* main loop's thread */

struct shunts *shunts_new(const struct engine *engine) MUST_CHECK;
/*
 * Installs those that are new or have changed; takes its own reference. One that the kernel service refuses stays out, which is said, and is tried
 * again the next time. FAULT_MEMORY, FAULT_EXISTS: nothing has changed.
 */
int shunts_install(struct shunts *shunts, struct settings *settings) MUST_CHECK;
/* Removes those that are no longer configured: after what may take their place is there, so that nothing passes between the two. */
void shunts_sweep(struct shunts *shunts);
/* Those in force stay, for whoever detaches the kernel service. */
void shunts_free(struct shunts *shunts);

struct shunt_status {
	const struct shunt_settings *settings;
	bool is_installed;
	bool is_counted;           /* `dropped` packets are known                              */
	uint64_t dropped;
};
/* False: past the last. */
bool shunts_at(const struct shunts *shunts, size_t i, struct shunt_status *out);

#endif
