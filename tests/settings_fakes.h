/* SPDX-License-Identifier: MIT */
/*
 * settings_fakes.h - what tests of configurations need around them: a log that is kept, services without plugins behind
 * them, crypto that has every algorithm by name only. Included by one file of a program, whose functions named
 * crypto_...() then take the place of the library's.
 */
#ifndef KEYFERRY_SETTINGS_FAKES_H
#define KEYFERRY_SETTINGS_FAKES_H
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services.h"
#include "settings.h"

/* ---- the log ---- */

struct kept_log {
	struct log *log;
	char text[64 * 1024];      /* lines as they came, each with a newline */
	size_t used, errors, warnings;
};

static inline void kept_log_line(void *arg, enum log_level level, const char *line)
{
	struct kept_log *kept = arg;
	int len = snprintf(kept->text + kept->used, sizeof(kept->text) - kept->used, "%s\n", line);

	kept->errors += level == LEVEL_ERROR;
	kept->warnings += level == LEVEL_WARN;
	if (len > 0 && (size_t)len < sizeof(kept->text) - kept->used)
		kept->used += (size_t)len;
}

static inline const struct log_context *kept_log_open(struct kept_log *kept)
{
	struct log_options options = { .level = LEVEL_WARN, .fd = -1, .sink = kept_log_line, .sink_arg = kept };

	*kept = (struct kept_log){ .log = NULL };
	kept->log = log_new(&options);
	if (!kept->log)
		abort();
	return log_root(kept->log);
}

static inline void kept_log_close(struct kept_log *kept)
{
	log_free(kept->log);
	kept->log = NULL;
}

static inline bool kept_log_has(const struct kept_log *kept, const char *text)
{
	return strstr(kept->text, text) != NULL;
}

/* ---- services and crypto ---- */

static inline void fake_service(struct services *services, enum service_kind kind, const char *key)
{
	static const int ops;
	struct provider provider = { .ops = &ops, .key = key, .plugin = "fake" };

	if (services_add(services, kind, &provider, 0))
		abort();
}

/* Main and Quick Mode, pre-shared keys and interfaces, as a small gateway has them. */
static inline struct services *fake_services(void)
{
	struct services *services = services_new();

	if (!services)
		abort();
	fake_service(services, SERVICE_EXCHANGE, "1/2");
	fake_service(services, SERVICE_EXCHANGE, "1/32");
	fake_service(services, SERVICE_AUTH, "psk");
	fake_service(services, SERVICE_KERNEL_NET, "linux");
	return services;
}

static const int fake_crypto_object;
static const struct crypto *const fake_crypto = (const struct crypto *)(const void *)&fake_crypto_object;

const struct hash_alg *crypto_hash(const struct crypto *crypto, const char *name)
{
	static const struct hash_alg alg = { .name = "hash", .size = 32 };

	return crypto && name ? &alg : NULL;
}

const struct mac_alg *crypto_mac(const struct crypto *crypto, const char *name)
{
	static const struct mac_alg alg = { .name = "mac", .size = 32 };

	return crypto && name ? &alg : NULL;
}

const struct cipher_alg *crypto_cipher(const struct crypto *crypto, const char *name)
{
	static const struct cipher_alg alg = { .name = "cipher", .key = 32, .block = 16, .iv = 16 };

	return crypto && name ? &alg : NULL;
}

const struct aead_alg *crypto_aead(const struct crypto *crypto, const char *name)
{
	static const struct aead_alg alg = { .name = "aead", .key = 32, .nonce = 12, .tag = 16 };

	return crypto && name ? &alg : NULL;
}

const struct dh_group *crypto_group(const struct crypto *crypto, const char *name)
{
	static const struct dh_group alg = { .name = "group", .public_len = 256, .shared_len = 256 };

	return crypto && name ? &alg : NULL;
}

/* ---- files ---- */

static inline void write_file(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(text, 1, len, file) != len || fclose(file) || chmod(path, mode))
		abort();
}

#endif
