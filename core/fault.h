/* SPDX-License-Identifier: MIT */
/* fault.h - what a function that is not a step returns: 0, or one of these. */
#ifndef KEYFERRY_FAULT_H
#define KEYFERRY_FAULT_H

#define MUST_CHECK __attribute__((warn_unused_result))

/* Negative so that a function may return a count or a fault. Whoever finds the fault logs it, once. */
enum fault {
	FAULT_MEMORY      = -1, /* no memory                                                */
	FAULT_INPUT       = -2, /* malformed input: packet, file, command                   */
	FAULT_SYSTEM      = -3, /* a system call failed; errno says how                     */
	FAULT_CRYPTO      = -4, /* a crypto library refused, or a check value did not match */
	FAULT_UNSUPPORTED = -5, /* known, but not available here                            */
	FAULT_NOT_FOUND   = -6,
	FAULT_EXISTS      = -7,
	FAULT_PERMISSION  = -8,
	FAULT_FULL        = -9, /* a named limit is reached                                 */
};

/* A short English clause for a fault; never NULL, static. */
const char *fault_text(int fault);

#endif
