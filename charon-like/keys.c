/* SPDX-License-Identifier: MIT */
/* keys.c - what the kinds of keys are, and the lives of keys. How one is read and signs is a plugin's. */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>

const struct key_facts *key_facts(enum key_kind kind)
{
	static const struct key_facts facts[KEY_OTHER + 1] = {
		[KEY_RSA] = { "RSA", "rsa", 3, NULL, 0 },
		[KEY_ECDSA256] = { "ECDSA-256", "ecdsa256", 9, "hmac-sha256", 32 },
		[KEY_ECDSA384] = { "ECDSA-384", "ecdsa384", 10, "hmac-sha384", 48 },
		[KEY_ECDSA521] = { "ECDSA-521", "ecdsa521", 11, "hmac-sha512", 64 },
		[KEY_OTHER] = { "another kind", "none", 0, NULL, 0 },
	};

	return &facts[(unsigned)kind < KEY_OTHER ? kind : KEY_OTHER];
}

const char *key_text(char out[KEY_TEXT_MAX], enum key_kind kind, unsigned bits)
{
	if (kind == KEY_RSA)
		snprintf(out, KEY_TEXT_MAX, "%s %u", key_facts(kind)->text, bits);
	else
		snprintf(out, KEY_TEXT_MAX, "%s", key_facts(kind)->text);
	return out;
}

struct private_key *private_key_ref(struct private_key *key)
{
	if (key)
		atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
	return key;
}

void private_key_unref(struct private_key *key)
{
	if (key && atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) == 1)
		key->free(key);
}

int public_key_copy(struct public_key *out, const struct public_key *from)
{
	uint8_t *copy = malloc(from->spki.len ? from->spki.len : 1);

	if (!copy)
		return FAULT_MEMORY;
	if (from->spki.len)
		memcpy(copy, from->spki.at, from->spki.len);
	*out = (struct public_key){ from->kind, from->bits, bytes_of(copy, from->spki.len) };
	return 0;
}

void public_key_free(struct public_key *key)
{
	free((uint8_t *)key->spki.at);
	*key = (struct public_key){ .spki = { NULL, 0 } };
}
