/* SPDX-License-Identifier: MIT */
/* privileges.h - what the process may do: gives up what it does not need, and says what it lacks. */
#ifndef KEYFERRY_PRIVILEGES_H
#define KEYFERRY_PRIVILEGES_H
#include "log.h"

/* No core dumps, nobody may attach: keys are in our memory. First thing in main(). */
void privileges_protect_memory(void);
/*
 * Keeps CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE (those of them that are there) and gives up the rest for good. Before any
 * thread is started, since capabilities are each thread's own. FAULT_PERMISSION is logged.
 */
int privileges_drop(const struct log_context *log) MUST_CHECK;

#endif
