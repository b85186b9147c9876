/* SPDX-License-Identifier: MIT */
/* algorithm.h - ESP's and AH's algorithms by the kernel's names: what an esp_transform becomes, and which module has it. */
#ifndef KEYFERRY_XFRM_ALGORITHM_H
#define KEYFERRY_XFRM_ALGORITHM_H
#include "proposal.h"

enum algorithm_kind { ALGORITHM_CIPHER, ALGORITHM_AEAD, ALGORITHM_AUTH, ALGORITHM_KINDS };

struct algorithm {
	enum algorithm_kind kind;
	uint16_t number;                 /* ESP transform, or authentication algorithm               */
	const char *name;                /* the kernel's                                             */
	const char *words;               /* for people                                               */
	const char *modules;             /* to be loaded when the kernel does not find it by itself  */
	uint8_t key_len;                 /* octets with the salt, of a key that it takes             */
	uint8_t icv_len;                 /* octets, likewise                                         */
};

/* NULL past the last. */
const struct algorithm *algorithm_at(size_t i);
/* NULL: none of that number. The AEADs have one row for each size of the ICV. */
const struct algorithm *algorithm_find(bool is_auth, uint16_t number);

#endif
