/* SPDX-License-Identifier: MIT */
/*
 * secret.c - a process-wide pool for keys: slabs of locked pages outside core dumps, cut into blocks
 * of a few sizes, so that an SA's many small keys cost neither a page nor a system call each.
 */
#include "secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "list.h"

/*
 * Under AddressSanitizer each secret is an allocation of its own: an overrun, a use after
 * secret_free() or a leak is then reported instead of disappearing in a slab.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SECRET_POOLED 0
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SECRET_POOLED 0
#endif
#ifndef SECRET_POOLED
#define SECRET_POOLED 1
#endif

/* A multiple of the page size on every Linux, and a power of two: a block's address tells its slab. */
enum { SLAB_SIZE = 64 * 1024, SLAB_HEAD = 64 };

/* SKEYIDs and most cipher keys fit the first size, Diffie-Hellman values the second and third, private keys the fourth. */
enum { CLASS_COUNT = 5 };
static const size_t block_size[CLASS_COUNT] = { 64, 256, 1024, 4096, SECRET_MAX };

/* Lies in a free block. */
struct spare {
	struct spare *next;
};

/* The head of SLAB_SIZE aligned octets; blocks follow at SLAB_HEAD. Under its class's lock. */
struct slab {
	struct list link;          /* in `roomy`, unless every block is taken                   */
	struct spare *spares;      /* blocks that were given back                               */
	size_t fresh;              /* offset of the first block that was never handed out       */
	size_t used;               /* blocks handed out                                         */
	unsigned class;
};

_Static_assert(sizeof(struct slab) <= SLAB_HEAD, "a slab's head must not reach into its blocks");

/* any thread, under lock */
struct size_class {
	pthread_mutex_t lock;
	struct list roomy;         /* slabs with a block to give                                */
};

#define SIZE_CLASS(i) { PTHREAD_MUTEX_INITIALIZER, { &pool[i].roomy, &pool[i].roomy } }

/* Writable and process-wide on purpose: locked pages are a resource of the process, like malloc's. */
static struct size_class pool[CLASS_COUNT] = {
	SIZE_CLASS(0), SIZE_CLASS(1), SIZE_CLASS(2), SIZE_CLASS(3), SIZE_CLASS(4),
};

void wipe(void *at, size_t len)
{
	if (len)
		explicit_bzero(at, len);
}

bool secret_equal(struct bytes a, struct bytes b)
{
	volatile uint8_t differs = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differs |= a.at[i] ^ b.at[i];
	return differs == 0;
}

static struct slab *slab_new(unsigned class)
{
	/* Twice the size holds one aligned slab; what lies around it goes back. */
	uint8_t *raw = mmap(NULL, 2 * SLAB_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (raw == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)raw & (SLAB_SIZE - 1);
	if (before)
		munmap(raw, before);
	munmap(raw + before + SLAB_SIZE, SLAB_SIZE - before);

	/* Both are defence in depth: beyond RLIMIT_MEMLOCK a key in swap is better than no tunnel. */
	void *at = raw + before;
	(void)mlock(at, SLAB_SIZE);
	(void)madvise(at, SLAB_SIZE, MADV_DONTDUMP);

	struct slab *slab = at;
	slab->fresh = SLAB_HEAD;
	slab->class = class;
	return slab;
}

static bool slab_full(const struct slab *slab)
{
	return !slab->spares && SLAB_SIZE - slab->fresh < block_size[slab->class];
}

static void *slab_take(struct slab *slab)
{
	struct spare *spare = slab->spares;

	slab->used++;
	if (spare) {
		slab->spares = spare->next;
		spare->next = NULL; /* the rest of the block is zero since it was given back */
		return spare;
	}
	void *at = (uint8_t *)slab + slab->fresh;
	slab->fresh += block_size[slab->class];
	return at;
}

static unsigned class_of(size_t len)
{
	unsigned class = 0;

	while (block_size[class] < len)
		class++;
	return class;
}

/* Zeroed; `len` is at most SECRET_MAX. */
static void *pool_take(size_t len)
{
	unsigned class = class_of(len);
	struct size_class *from = &pool[class];
	void *at = NULL;

	pthread_mutex_lock(&from->lock);
	struct list *first = list_first(&from->roomy);
	struct slab *slab = first ? CONTAINER(first, struct slab, link) : slab_new(class);
	if (slab) {
		at = slab_take(slab);
		if (!first)
			list_append(&from->roomy, &slab->link);
		if (slab_full(slab))
			list_remove(&slab->link);
	}
	pthread_mutex_unlock(&from->lock);
	return at;
}

/* The size comes from the slab, so a secret whose owner has shortened `len` is wiped as a whole. */
static void pool_give(void *at)
{
	struct slab *slab = (void *)((uint8_t *)at - ((uintptr_t)at & (SLAB_SIZE - 1)));
	struct size_class *to = &pool[slab->class];
	struct spare *spare = at;

	wipe(at, block_size[slab->class]);
	pthread_mutex_lock(&to->lock);
	if (slab_full(slab))
		list_append(&to->roomy, &slab->link);
	spare->next = slab->spares;
	slab->spares = spare;
	slab->used--;
	/* One slab with room always stays, so that a lone secret that comes and goes maps nothing. */
	bool spare_slab = slab->used == 0 && to->roomy.next != to->roomy.prev;
	if (spare_slab)
		list_remove(&slab->link);
	pthread_mutex_unlock(&to->lock);
	if (spare_slab)
		munmap(slab, SLAB_SIZE);
}

int secret_new(struct secret *out, size_t len)
{
	secret_free(out);
	if (len > SECRET_MAX)
		return FAULT_INPUT;
	if (len == 0)
		return 0;
	out->at = SECRET_POOLED ? pool_take(len) : calloc(1, len);
	if (!out->at)
		return FAULT_MEMORY;
	out->len = len;
	return 0;
}

int secret_copy(struct secret *out, struct bytes from)
{
	/* `from` may be a part of `out`. */
	AUTO_SECRET copy = { NULL, 0 };
	int fault = secret_new(&copy, from.len);

	if (!fault && from.len)
		memcpy(copy.at, from.at, from.len);
	secret_free(out);
	*out = secret_move(&copy);
	return fault;
}

void secret_free(struct secret *s)
{
	if (s->at && SECRET_POOLED) {
		pool_give(s->at);
	} else if (s->at) {
		wipe(s->at, s->len);
		free(s->at);
	}
	*s = (struct secret){ NULL, 0 };
}
