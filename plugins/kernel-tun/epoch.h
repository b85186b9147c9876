/* SPDX-License-Identifier: MIT */
/*
 * epoch.h - when memory that readers may still see can be freed. The packet threads read without locks between
 * epoch_enter() and epoch_leave(); a writer unlinks first, retires then, and what is retired is freed once no reader
 * is left that entered before.
 */
#ifndef KEYFERRY_TUN_EPOCH_H
#define KEYFERRY_TUN_EPOCH_H
#include "bytes.h"

#include <stdatomic.h>

/* The packet threads. Each SA belongs to one of them: OUT those that send, UDP and RAW those that receive. */
enum reader_id { READER_OUT, READER_UDP, READER_RAW, READERS };

/* Embedded in what is retired. */
struct retired {
	struct retired *next;
	uint64_t since;
	void (*free)(struct retired *item);
};

struct epoch {
	_Atomic uint64_t now;              /* starts at 1                                          */
	struct {
		char apart[64];            /* its own cache line                                   */
		_Atomic uint64_t entered;  /* 0: reads nothing                                     */
	} reader[READERS];
	char apart[64];
	_Atomic size_t waiting;            /* how many are retired and not freed                   */
	struct retired *first, **last;     /* under the writers' lock, oldest first                */
};

void epoch_init(struct epoch *e);
/* Packet threads, around each batch; cheap, never nested. */
void epoch_enter(struct epoch *e, enum reader_id reader);
void epoch_leave(struct epoch *e, enum reader_id reader);
/* Under the writers' lock. */
void epoch_retire(struct epoch *e, struct retired *item, void (*free)(struct retired *item));
/* Under the writers' lock: frees what may be freed. */
void epoch_reclaim(struct epoch *e);

#endif
