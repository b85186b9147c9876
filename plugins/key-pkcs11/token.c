/* SPDX-License-Identifier: MIT */
/* token.c - the modules that speak to tokens (PKCS#11), started when the first key is wanted and by GnuTLS, which finds keys by their URI (RFC 7512). */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

struct tokens *tokens_new(void)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));

	if (!tokens)
		return NULL;
	atomic_init(&tokens->refs, 1);
	pthread_mutex_init(&tokens->lock, NULL);
	pthread_mutex_init(&tokens->dead_lock, NULL);
	list_init(&tokens->keys);
	list_init(&tokens->dead);
	return tokens;
}

static void stop(struct tokens *tokens)
{
	LIST_EACH(it, &tokens->keys)
		token_key_close(CONTAINER(it, struct token_key, link));
	if (tokens->is_started)
		gnutls_pkcs11_deinit();
	tokens->is_started = false;
}

void tokens_ref(struct tokens *tokens)
{
	atomic_fetch_add(&tokens->refs, 1);
}

void tokens_unref(struct tokens *tokens)
{
	if (atomic_fetch_sub(&tokens->refs, 1) > 1)
		return;
	stop(tokens);
	for (size_t i = 0; i < tokens->module_count; i++)
		free(tokens->modules[i]);
	pthread_mutex_destroy(&tokens->lock);
	pthread_mutex_destroy(&tokens->dead_lock);
	free(tokens);
}

/* ---- the lock ---- */

static struct token_key *next_dead(struct tokens *tokens)
{
	pthread_mutex_lock(&tokens->dead_lock);
	struct list *first = list_first(&tokens->dead);
	if (first)
		list_remove(first);
	pthread_mutex_unlock(&tokens->dead_lock);
	return first ? CONTAINER(first, struct token_key, dead_link) : NULL;
}

static bool has_dead(struct tokens *tokens)
{
	pthread_mutex_lock(&tokens->dead_lock);
	bool has = !list_empty(&tokens->dead);
	pthread_mutex_unlock(&tokens->dead_lock);
	return has;
}

void tokens_lock(struct tokens *tokens)
{
	pthread_mutex_lock(&tokens->lock);
}

/* The caller has a reference, so that those given back here are not the last. */
void tokens_unlock(struct tokens *tokens)
{
	struct token_key *key;

	do {
		while ((key = next_dead(tokens))) {
			token_key_free(key);
			atomic_fetch_sub(&tokens->refs, 1);
		}
		pthread_mutex_unlock(&tokens->lock);
		/* One that died since: its owner found the lock held, unless somebody else has it by now and will see to it. */
	} while (has_dead(tokens) && pthread_mutex_trylock(&tokens->lock) == 0);
}

void tokens_bury(struct tokens *tokens, struct token_key *key)
{
	/* Who holds the lock may free the key, and give its reference back, at any time from now on. */
	tokens_ref(tokens);
	pthread_mutex_lock(&tokens->dead_lock);
	list_append(&tokens->dead, &key->dead_link);
	pthread_mutex_unlock(&tokens->dead_lock);
	if (pthread_mutex_trylock(&tokens->lock) == 0)
		tokens_unlock(tokens);
	tokens_unref(tokens);
}

/* ---- modules ---- */

int tokens_start(struct tokens *tokens, char why[WHY_MAX])
{
	if (tokens->is_started)
		return 0;
	int error = gnutls_pkcs11_init(tokens->module_count ? GNUTLS_PKCS11_FLAG_MANUAL : GNUTLS_PKCS11_FLAG_AUTO, NULL);
	if (error < 0) {
		snprintf(why, WHY_MAX, "PKCS#11 cannot be started: %s", gnutls_strerror(error));
		return FAULT_SYSTEM;
	}
	tokens->is_started = true;
	tokens->started = seconds_now();
	for (size_t i = 0; i < tokens->module_count; i++) {
		error = gnutls_pkcs11_add_provider(tokens->modules[i], NULL);
		if (error >= 0)
			continue;
		snprintf(why, WHY_MAX, "the module %s cannot be used: %s; see modules of <plugin name=\"key-pkcs11\">", tokens->modules[i], gnutls_strerror(error));
		stop(tokens);
		return FAULT_SYSTEM;
	}
	return 0;
}

bool tokens_stop_again(struct tokens *tokens)
{
	if (!tokens->is_started || seconds_now() - tokens->started < TOKEN_RESTART_SECONDS)
		return false;
	stop(tokens);
	return true;
}
