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
	if (pthread_mutex_init(&tokens->lock, NULL)) {
		free(tokens);
		return NULL;
	}
	tokens->refs = 1;
	list_init(&tokens->keys);
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
	pthread_mutex_lock(&tokens->lock);
	tokens->refs++;
	pthread_mutex_unlock(&tokens->lock);
}

void tokens_unref(struct tokens *tokens)
{
	pthread_mutex_lock(&tokens->lock);
	bool is_last = --tokens->refs == 0;
	pthread_mutex_unlock(&tokens->lock);
	if (!is_last)
		return;
	stop(tokens);
	for (size_t i = 0; i < tokens->module_count; i++)
		free(tokens->modules[i]);
	pthread_mutex_destroy(&tokens->lock);
	free(tokens);
}

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
