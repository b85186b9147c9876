/* SPDX-License-Identifier: MIT */
/* store_read.c - what was fetched becomes content, if somebody has signed it who may; the folder of CRLs is read here, too. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

static int fail(struct cert_failure *failure, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct cert_failure *failure, const char *code, const char *format, ...)
{
	va_list list;

	failure->code = code;
	va_start(list, format);
	vsnprintf(failure->why, sizeof(failure->why), format, list);
	va_end(list);
	return FAULT_CRYPTO;
}

/* ---- content ---- */

static struct content *content_new(void)
{
	struct content *content = calloc(1, sizeof(*content));

	if (content)
		atomic_init(&content->references, 1);
	return content;
}

struct content *content_ref(struct content *content)
{
	if (content)
		atomic_fetch_add(&content->references, 1);
	return content;
}

void content_unref(struct content *content)
{
	if (!content || atomic_fetch_sub(&content->references, 1) > 1)
		return;
	for (size_t i = 0; i < content->crl_count; i++)
		crl_unref(content->crls[i]);
	free(content->crls);
	free(content->octets);
	free(content);
}

static int keep_octets(struct content *content, struct bytes octets)
{
	content->octets = malloc(octets.len ? octets.len : 1);
	if (!content->octets)
		return FAULT_MEMORY;
	if (octets.len)
		memcpy(content->octets, octets.at, octets.len);
	content->octets_len = octets.len;
	content->memory += octets.len;
	return 0;
}

/* ---- CRLs ---- */

static int add_crl(struct content *out, struct bytes der, char why[WHY_MAX])
{
	struct crl *crl;

	if (out->crl_count == CRLS_MAX) {
		snprintf(why, WHY_MAX, "there are more than %d CRLs", CRLS_MAX);
		return FAULT_FULL;
	}
	struct crl **more = realloc(out->crls, (out->crl_count + 1) * sizeof(struct crl *));
	if (!more)
		return FAULT_MEMORY;
	out->crls = more;
	int fault = crl_read(&crl, der, why);
	if (fault)
		return fault;
	out->crls[out->crl_count++] = crl;
	out->memory += sizeof(*crl) + crl->len + crl->count * sizeof(*crl->entries) + crl->issuer_count * sizeof(*crl->issuers);
	return 0;
}

static int read_pem(struct content *out, struct bytes octets, char why[WHY_MAX])
{
	static const char begin[] = "-----BEGIN X509 CRL-----";
	const uint8_t *at = octets.at, *end = octets.at + octets.len;
	size_t before = out->crl_count;
	int fault = 0;

	while (!fault && (at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1))) {
		gnutls_datum_t pem = { (unsigned char *)(uintptr_t)at, (unsigned)(end - at) }, der;

		if (gnutls_pem_base64_decode2("X509 CRL", &pem, &der) < 0) {
			snprintf(why, WHY_MAX, "it is no CRL in DER or PEM");
			return FAULT_INPUT;
		}
		fault = add_crl(out, bytes_of(der.data, der.size), why);
		gnutls_free(der.data);
		at += sizeof(begin) - 1;
	}
	if (!fault && out->crl_count == before) {
		snprintf(why, WHY_MAX, "it is no CRL in DER or PEM");
		return FAULT_INPUT;
	}
	return fault;
}

int crls_read(struct content *out, struct bytes octets, char why[WHY_MAX])
{
	if (octets.len == 0) {
		snprintf(why, WHY_MAX, "it is empty");
		return FAULT_INPUT;
	}
	return octets.at[0] == 0x30 ? add_crl(out, octets, why) : read_pem(out, octets, why);
}

/* Has one of those signed it who may? The why of the last whose name it is, if any. */
static bool is_signed(struct crl *crl, const struct document *document, bool *is_named, char why[WHY_MAX])
{
	for (size_t i = 0; i < document->about_count; i++) {
		if (!bytes_equal(document->about[i]->subject, crl->issuer))
			continue;
		*is_named = true;
		if (crl_prove(crl, document->about[i], why) == 0)
			return true;
	}
	return false;
}

static int read_crls(struct content *content, const struct document *document, struct bytes octets, struct cert_failure *failure)
{
	char why[WHY_MAX] = "there is no memory for it";
	int fault = crls_read(content, octets, why);
	bool is_named = false;

	if (fault)
		return fail(failure, fault == FAULT_UNSUPPORTED ? "crl-unsupported" : "crl-malformed", "%s", why);
	/*
	 * A server that sends what nobody has signed must not push out what is good. Each is proved, so that this has not to be done where a
	 * negotiation asks.
	 */
	bool is_any = false;
	for (size_t i = 0; i < content->crl_count; i++)
		is_any |= is_signed(content->crls[i], document, &is_named, why);
	if (is_any)
		return 0;
	if (!is_named)
		return fail(failure, "crl-wrong-issuer", "its issuer is no authority of the certificate: the address leads to the CRL of another one");
	return fail(failure, "crl-unsigned", "%s", why);
}

int content_read(struct content **out, const struct store *store, const struct document *document, struct bytes octets,
		 const struct ocsp_question *question, struct cert_failure *failure)
{
	struct content *content = content_new();
	int fault = content ? keep_octets(content, octets) : FAULT_MEMORY;

	*out = NULL;
	if (fault)
		fault = fail(failure, "revocation-memory", "there is no memory for it");
	else if (document->kind == DOCUMENT_OCSP)
		fault = ocsp_read(&content->ocsp, question, octets, store->clock(), failure);
	else
		fault = read_crls(content, document, octets, failure);
	if (fault) {
		content_unref(content);
		return fault;
	}
	*out = content;
	return 0;
}

/* ---- the folder ---- */

static int read_file(int folder, const char *name, size_t size_max, struct content *into, char why[WHY_MAX])
{
	/* A pipe must not be waited for. */
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat file;
	int fault = FAULT_SYSTEM;

	snprintf(why, WHY_MAX, "it cannot be read: %s", strerror(errno));
	if (fd < 0)
		return fault;
	if (fstat(fd, &file) == 0 && !S_ISREG(file.st_mode)) {
		close(fd);
		return 0;
	}
	if (file.st_size <= 0 || (size_t)file.st_size > size_max) {
		snprintf(why, WHY_MAX, "it is empty or has more than %zu octets", size_max);
		close(fd);
		return FAULT_FULL;
	}
	uint8_t *octets = malloc((size_t)file.st_size);
	if (octets && read(fd, octets, (size_t)file.st_size) == file.st_size)
		fault = crls_read(into, bytes_of(octets, (size_t)file.st_size), why);
	free(octets);
	close(fd);
	return fault;
}

int content_read_folder(struct content **out, const struct store *store, const struct document *document, struct cert_failure *failure)
{
	struct content *content = content_new();
	DIR *dir = content ? opendir(document->url) : NULL;
	struct dirent *entry;
	char why[WHY_MAX];
	bool is_named;

	*out = NULL;
	/* One that is not there is as good as an empty one. */
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || read_file(dirfd(dir), entry->d_name, store->settings.crl_size_max, content, why) == 0)
			continue;
		(void)fail(failure, "crl-malformed", "file %.100s: %s", entry->d_name, why);
		log_line(store->log, LEVEL_WARN, "crl-malformed", "%s/%s is left out: %s", document->url, entry->d_name, why);
	}
	if (dir)
		closedir(dir);
	/* So that this has not to be done where a negotiation asks. */
	for (size_t i = 0; content && i < content->crl_count; i++)
		(void)is_signed(content->crls[i], document, &is_named, why);
	*out = content;
	return content ? 0 : fail(failure, "revocation-memory", "there is no memory for it");
}

/* ---- when next ---- */

static int64_t next_update_of(const struct document *document, const struct content *content)
{
	int64_t next = 0;

	if (document->kind == DOCUMENT_OCSP)
		return content->ocsp.next_update;
	for (size_t i = 0; i < content->crl_count; i++)
		if (content->crls[i]->next_update && (!next || content->crls[i]->next_update < next))
			next = content->crls[i]->next_update;
	return next;
}

int64_t refresh_time(const struct document *document, const struct content *content, int64_t now)
{
	int64_t next = next_update_of(document, content);
	int64_t ahead = next > now ? (next - now) / AHEAD_PART : 0;
	uint8_t random[2] = { 0 };

	if (document->kind == DOCUMENT_FOLDER || strncasecmp(document->url, "file:", 5) == 0)
		return now + FOLDER_SECONDS;
	ahead = ahead < AHEAD_MIN ? AHEAD_MIN : ahead > AHEAD_MAX ? AHEAD_MAX : ahead;
	int64_t wait = next ? next - ahead - now : REFRESH_MAX;
	wait = wait > REFRESH_MAX ? REFRESH_MAX : wait;
	if (wait < AGAIN_SECONDS)
		return now + AGAIN_SECONDS;
	/* A thousand gateways that learnt it at once do not ask again at once. */
	(void)!gnutls_rnd(GNUTLS_RND_NONCE, random, sizeof(random));
	return now + wait - wait / JITTER_PART * (random[0] << 8 | random[1]) / 65536;
}
