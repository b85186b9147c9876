/* SPDX-License-Identifier: MIT */
/* identity_parts.h - what the files that make up identities share among themselves; everybody else uses identity.h. */
#ifndef KEYFERRY_IDENTITY_PARTS_H
#define KEYFERRY_IDENTITY_PARTS_H
#include "identity.h"

/* A copy of the octets. FAULT_INPUT: none, or more than IDENTITY_DATA_MAX. FAULT_MEMORY. */
int identity_new(struct identity *out, uint8_t type, struct bytes data) MUST_CHECK;
/* Configured ranges of addresses are of type ID_IPV4_RANGE and ID_IPV6_RANGE, with the first and the last address. False for others. */
bool identity_range(struct address_range *out, const struct identity *id);
/* One GeneralName in DER and nothing else. */
bool general_name_read(uint8_t *tag, struct bytes *contents, struct bytes der);

#endif
