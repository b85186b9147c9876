/* SPDX-License-Identifier: MIT */
/*
 * liveness.h - whether the peer of an established SA is still there (RFC 3706), and keeping a NAT in front of us from forgetting us
 * (RFC 3948 4). While anything authentic arrives, nobody is asked.
 */
#ifndef KEYFERRY_LIVENESS_H
#define KEYFERRY_LIVENESS_H
#include "sa.h"

enum {
	/*
	 * After a silence of `dpd` seconds: asked so often, each pause half as long again as the one before up to the maximum, 24 s together.
	 * Where a fifth of all packets is lost both ways, one living peer in 3500 is taken for dead.
	 */
	DPD_PROBES = 8, DPD_FIRST_MS = 1000, DPD_PAUSE_MAX_MS = 4000,
	/*
	 * After so many another phase 1 is begun as well: a peer that was started anew does not know what the questions are about, but it takes a
	 * new one, and whoever is really dead is found out by the questions all the same.
	 */
	DPD_KNOCK = 3,
	DPD_DOUBT_MS = 10000,        /* hints that a peer is gone make us ask no more often: anybody can forge them */
	NAT_KEEPALIVE_MS = 20000,    /* RFC 3948 4: the default                                            */
};

void liveness_start(struct ike_sa *sa);
void liveness_stop(struct ike_sa *sa);
/* An authentic message came. */
void liveness_heard(struct ike_sa *sa);
/* Somebody who is not authenticated says that the peer knows nothing of us: it is asked now. */
void liveness_doubt(struct ike_sa *sa);
/* One question, whatever other signs of life there are: for what only an answer under this SA can show. */
void liveness_question(struct ike_sa *sa);
/* Asks now, unless it is being asked. */
void liveness_ask(struct ike_sa *sa);
/* R-U-THERE and R-U-THERE-ACK, authentic. */
struct v1_notice;
void liveness_take(struct ike_sa *sa, const struct v1_notice *notice);
/* An exchange that we began at `since` (loop ms) got no answer: true when nothing else was heard either; then the SA is gone. */
bool liveness_no_answer(struct ike_sa *sa, uint64_t since);

#endif
