/* SPDX-License-Identifier: MIT */
/* events.h - what the daemon publishes on the bus; control, metrics, logs and tests read the same. */
#ifndef KEYFERRY_EVENTS_H
#define KEYFERRY_EVENTS_H
#include "bus.h"

enum event_type {
	/* EVENT_LOST = 0 */
	EVENT_IKE_UP = 1,          /* phase 1 authenticated                                          */
	EVENT_IKE_DOWN,
	EVENT_CHILD_UP,            /* phase 2 installed                                              */
	EVENT_CHILD_DOWN,
	EVENT_FAILURE,             /* an attempt of ours ended, or a peer's was refused: code and text say why */
	EVENT_TRYING,              /* something was sent for the first time or again: for front ends that wait */
	EVENT_CHILD_RENEWED,       /* another pair took the place of one that was up                 */
};
#define EVENT_BIT(type) (UINT64_C(1) << (type))

enum { EVENT_NAME_MAX = 64, EVENT_CODE_MAX = 32, EVENT_TEXT_MAX = 768 };

struct event_sa {
	struct event head;
	char connection[EVENT_NAME_MAX];   /* "" when none fits yet                                  */
	char child[EVENT_NAME_MAX];        /* "" for events of the ISAKMP SA                         */
	char peer[EVENT_NAME_MAX];         /* "192.0.2.1:500"                                        */
	char code[EVENT_CODE_MAX];         /* EVENT_FAILURE: stable code, "proposal-mismatch"        */
	char text[EVENT_TEXT_MAX];
	uint8_t cookies[16];
	uint32_t spi_in, spi_out;
	bool initiated;                    /* we are the initiator                                   */
	bool final;                        /* EVENT_FAILURE: the attempt is over                     */
};

#endif
