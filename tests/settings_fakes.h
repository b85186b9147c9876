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

/* ---- keys and certificates: a file of them has lines "KIND NAME", where KIND is a number of enum key_kind, NAME stands for the public key ---- */

struct fake_line {
	int kind;
	char name[64];
};

/* The next line; false: there is none, or it is no such line. */
static inline bool fake_line_read(const char **at, struct fake_line *out)
{
	int used = 0;

	if (sscanf(*at, "%d %63s\n%n", &out->kind, out->name, &used) != 2)
		return false;
	*at += used;
	return true;
}

static inline struct bytes fake_spki(const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		abort();
	return bytes_text(copy);
}

static inline bool fake_file_read(const char *path, char *out, size_t size, char why[WHY_MAX])
{
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(out, 1, size - 1, file) : 0;

	if (file)
		fclose(file);
	else
		snprintf(why, WHY_MAX, "%s: it is not there", path);
	out[len] = '\0';
	return file != NULL;
}

static inline void fake_key_free(struct private_key *key)
{
	free((uint8_t *)key->spki.at);
	free(key);
}

/* A file whose first line is "locked" opens with the passphrase "ferry". */
static inline int fake_key_load(void *state, const struct key_request *request, struct private_key **out, char why[WHY_MAX])
{
	char text[256];
	const char *at = text;
	struct fake_line line;

	(void)state;
	if (!fake_file_read(request->where, text, sizeof(text), why))
		return FAULT_INPUT;
	bool is_locked = strncmp(text, "locked\n", 7) == 0;
	if (is_locked && (!request->passphrase.at || strcmp((const char *)request->passphrase.at, "ferry") != 0)) {
		snprintf(why, WHY_MAX, "%s does not open", request->where);
		return FAULT_INPUT;
	}
	at += is_locked ? 7 : 0;
	if (!fake_line_read(&at, &line)) {
		snprintf(why, WHY_MAX, "%s has no key", request->where);
		return FAULT_INPUT;
	}
	*out = calloc(1, sizeof(**out));
	if (!*out)
		abort();
	**out = (struct private_key){ .kind = (enum key_kind)line.kind, .bits = 2048, .spki = fake_spki(line.name), .free = fake_key_free };
	atomic_init(&(*out)->refs, 1);
	return 0;
}

static inline int fake_public_load(void *state, const struct key_request *request, struct public_key *out, char why[WHY_MAX])
{
	struct private_key *key;

	int fault = fake_key_load(state, request, &key, why);
	if (fault)
		return fault;
	*out = (struct public_key){ key->kind, key->bits, key->spki };
	free(key);
	return 0;
}

static inline void fake_certificate_free(struct certificate *certificate)
{
	free((uint8_t *)certificate->spki.at);
	free(certificate);
}

static inline int fake_cert_load(void *state, struct bytes file, struct cert_list *out, char why[WHY_MAX])
{
	char text[1024];
	const char *at = text;
	struct fake_line line;

	(void)state;
	snprintf(text, sizeof(text), "%.*s", (int)file.len, (const char *)file.at);
	while (fake_line_read(&at, &line)) {
		struct certificate *certificate = calloc(1, sizeof(*certificate));
		if (!certificate)
			abort();
		unsigned bits = strcmp(line.name, "weak") == 0 ? 1024 : 2048;
		*certificate = (struct certificate){ .kind = (enum key_kind)line.kind, .bits = bits, .spki = fake_spki(line.name), .free = fake_certificate_free };
		certificate->der = certificate->subject = certificate->issuer = certificate->spki;
		certificate->is_ca = strncmp(line.name, "leaf", 4) != 0;
		certificate->not_after = INT64_MAX;
		snprintf(certificate->subject_text, sizeof(certificate->subject_text), "CN=%s", line.name);
		atomic_init(&certificate->references, 1);
		if (cert_list_add(out, certificate, CERT_FILE_COUNT_MAX))
			abort();
	}
	snprintf(why, WHY_MAX, "there is no certificate");
	return out->count ? 0 : FAULT_INPUT;
}

/* Names that begin with "bad" are refused. */
static inline int fake_cert_verify(void *state, const struct cert_query *query, struct cert_chain *out, struct cert_failure *failure)
{
	(void)state;
	out->count = 0;
	*failure = (struct cert_failure){ "cert-key-usage", "certificate CN=bad may not sign" };
	return bytes_equal(bytes_of(query->given[0]->spki.at, 3), bytes_text("bad")) ? FAULT_CRYPTO : 0;
}

static inline void fake_stores(struct services *services)
{
	static const struct key_store keys = { .name = "file", .load = fake_key_load, .load_public = fake_public_load };
	static const struct cert_store certs = { .name = "x509", .load = fake_cert_load, .verify = fake_cert_verify };
	struct provider key = { .ops = &keys, .key = "file", .plugin = "fake" }, cert = { .ops = &certs, .key = "x509", .plugin = "fake" };

	if (services_add(services, SERVICE_KEY, &key, 0) || services_add(services, SERVICE_CERT, &cert, 0))
		abort();
}

/* Main and Quick Mode, pre-shared keys, signatures and interfaces, as a small gateway has them. */
static inline struct services *fake_services(void)
{
	struct services *services = services_new();

	if (!services)
		abort();
	fake_service(services, SERVICE_EXCHANGE, "1/2");
	fake_service(services, SERVICE_EXCHANGE, "1/32");
	fake_service(services, SERVICE_AUTH, "psk");
	fake_service(services, SERVICE_AUTH, "signature");
	fake_stores(services);
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
