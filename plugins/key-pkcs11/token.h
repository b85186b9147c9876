/* SPDX-License-Identifier: MIT */
/* token.h - what the files of key-pkcs11 share: the modules that speak to tokens, and keys that stay in them. */
#ifndef KEYFERRY_TOKEN_H
#define KEYFERRY_TOKEN_H
#include <gnutls/abstract.h>
#include <gnutls/pkcs11.h>
#include <pthread.h>

#include "keys.h"
#include "list.h"

enum {
	TOKEN_MODULES_MAX = 8,
	/* Starting the modules again, to find a token that came back, takes tens of ms and holds up all keys. */
	TOKEN_RESTART_SECONDS = 2,
};

/* Any thread, under `lock`; lives as long as the plugin and all keys. A token does one thing at a time anyway. */
struct tokens {
	pthread_mutex_t lock;                /* held while a token works, which may take seconds    */
	atomic_size_t refs;
	char *modules[TOKEN_MODULES_MAX];    /* paths; none: those that p11-kit is configured with   */
	size_t module_count;
	bool is_started;
	uint64_t started;                    /* monotonic seconds                                    */
	struct list keys;
	/* Keys that nobody has any more: who frees one does not wait for a token, but leaves it to who does. */
	pthread_mutex_t dead_lock;           /* held for moments                                     */
	struct list dead;
};

/* `handle` is NULL while the token is away. */
struct token_key {
	struct private_key key;
	struct tokens *tokens;
	struct list link, dead_link;
	gnutls_privkey_t handle;
	char *url;
	struct secret pin;                   /* ends with a zero octet; at NULL: none                */
	bool pin_failed;                     /* the token said no: it is not asked again with it     */
};

/* ---- token.c ---- */

struct tokens *tokens_new(void) MUST_CHECK;
void tokens_ref(struct tokens *tokens);
void tokens_lock(struct tokens *tokens);
/* Frees keys that died meanwhile. */
void tokens_unlock(struct tokens *tokens);
/* Any thread, without waiting. */
void tokens_bury(struct tokens *tokens, struct token_key *key);
/* Stops the modules with the last one. */
void tokens_unref(struct tokens *tokens);
/* Under the lock. Starts the modules unless they run. FAULT_SYSTEM: `why`. */
int tokens_start(struct tokens *tokens, char why[WHY_MAX]) MUST_CHECK;
/* Under the lock. Whether they were stopped, all keys with them: not if that was just done. */
bool tokens_stop_again(struct tokens *tokens);

/* ---- token_key.c ---- */

/* Under the lock. FAULT_INPUT: `why`. */
int token_key_open(struct token_key *key, char why[WHY_MAX]) MUST_CHECK;
void token_key_close(struct token_key *key);
/* Under the lock: it is in no list any more, its reference to the tokens stays. */
void token_key_free(struct token_key *key);
/* A struct private_key's; locks. */
int token_key_sign(struct private_key *key, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX]);
/* For GnuTLS; `data` is a struct token_key. */
int token_key_pin(void *data, int attempt, const char *url, const char *label, unsigned flags, char *pin, size_t size);

#endif
