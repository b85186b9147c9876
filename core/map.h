/* SPDX-License-Identifier: MIT */
/*
 * map.h - hash maps: uthash with a keyed hash (SipHash-2-4), so that a peer cannot choose keys that collide.
 * Include this, never uthash.h itself; then HASH_ADD and friends are used as uthash documents them.
 */
#ifndef KEYFERRY_MAP_H
#define KEYFERRY_MAP_H
#include "bytes.h"

/* 64-bit SipHash-2-4 of `data` under a 128-bit key. */
uint64_t siphash(const uint8_t key[16], struct bytes data);

/* Under a random key that is drawn once per process (the one piece of process-wide state: set before threads start). */
uint64_t map_hash(const void *key, size_t len);

#define HASH_FUNCTION(key, len, value) ((value) = (unsigned)map_hash((key), (len)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
