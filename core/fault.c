/* SPDX-License-Identifier: MIT */
/* fault.c - the words for a fault. */
#include "fault.h"

const char *fault_text(int fault)
{
	switch (fault) {
	case 0:
		return "no fault";
	case FAULT_MEMORY:
		return "out of memory";
	case FAULT_INPUT:
		return "malformed input";
	case FAULT_SYSTEM:
		return "a system call failed";
	case FAULT_CRYPTO:
		return "a cryptographic operation failed";
	case FAULT_UNSUPPORTED:
		return "not supported here";
	case FAULT_NOT_FOUND:
		return "not found";
	case FAULT_EXISTS:
		return "exists already";
	case FAULT_PERMISSION:
		return "not permitted";
	case FAULT_FULL:
		return "a limit is reached";
	}
	return "unknown fault";
}
