/* SPDX-License-Identifier: MIT */
/* in.h - the way in: ESP packets find their SA, are opened, checked against its selectors and handed to the device. */
#ifndef KEYFERRY_TUN_IN_H
#define KEYFERRY_TUN_IN_H
#include "coalesce.h"
#include "table.h"

enum {
	IN_BOUNCE = 128 * 1024,
	MOVED_MS = 1000,           /* between two tellings of an SA: the host needs some time to move it, and packets are many */
};

/* Why packets from the wire went nowhere, where no SA counts it; an SA that is used up counts as none. */
struct in_counts {
	_Atomic uint64_t malformed, no_sa;
};

/* one packet thread; set all before `counts` */
struct in_worker {
	struct tables *tables;
	const struct kernel_host *host;
	enum reader_id reader;     /* READER_UDP takes SAs with UDP encapsulation only, READER_RAW the others      */
	uint64_t now;
	struct coalescer coalescer;
	struct in_counts counts;
	const struct esp_sa *compared;         /* within a batch: whose peer its sender was compared with */
	bool is_elsewhere;         /* it is not where that SA has its peer                                 */
	size_t bounce_used;
	uint8_t bounce[IN_BOUNCE]; /* packets of transport mode, with the IP header before them                    */
};

/* All packets of a batch. Between epoch_enter() and epoch_leave(), with in_flush() at the end. */
void in_batch(struct in_worker *w, const struct esp_batch *batch);
void in_flush(struct in_worker *w);

#endif
