/* SPDX-License-Identifier: MIT */
/* secret.h - owned memory for keys: locked where the system lets us, out of core dumps, wiped when freed. */
#ifndef KEYFERRY_SECRET_H
#define KEYFERRY_SECRET_H
#include "bytes.h"

/* Owned by whoever declares it; { NULL, 0 } is an empty one. */
struct secret {
	uint8_t *at;
	size_t len;
};

/* The largest secret that can be made, in octets: a file with a private key and the certificates that belong to it. */
enum { SECRET_MAX = 16 * 1024 };

/* Zeroed memory of `len` octets in `out`, which is freed first. FAULT_MEMORY, or FAULT_INPUT over SECRET_MAX. */
int secret_new(struct secret *out, size_t len) MUST_CHECK;
int secret_copy(struct secret *out, struct bytes from) MUST_CHECK;
void secret_free(struct secret *s);

/* The content moves to the caller, `from` is left empty. */
static inline struct secret secret_move(struct secret *from)
{
	struct secret out = *from;

	*from = (struct secret){ NULL, 0 };
	return out;
}

static inline struct bytes secret_bytes(const struct secret *s)
{
	return (struct bytes){ s->at, s->len };
}

/* Wiped on every way out of the block. */
#define AUTO_SECRET __attribute__((cleanup(secret_free))) struct secret

/* Writes zeros that the compiler may not leave out. */
void wipe(void *at, size_t len);

/* Takes the same time whatever differs; false at once when the lengths do. */
bool secret_equal(struct bytes a, struct bytes b);

#endif
