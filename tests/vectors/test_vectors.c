/* SPDX-License-Identifier: MIT */
/* test_vectors.c - the known answers of this folder, the same ones for every crypto backend. */
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "vectors.h"

/* A failed row names itself, since CUnit only knows the line of this file. */
#define CHECK(vector, backend, condition)                                                          \
	do {                                                                                       \
		bool holds = (condition);                                                          \
		if (!holds)                                                                        \
			printf("%s:%u: %s: %s\n", (vector)->file, (vector)->line, (backend)->name, \
			       #condition);                                                        \
		CU_ASSERT(holds);                                                                  \
	} while (0)

/* Which backends have answered at least one case of an algorithm. */
enum { ALGS_MAX = 64, NAME_LEN = 24 };

struct run {
	const struct crypto_backend *backend;
	char seen[ALGS_MAX][NAME_LEN];
	size_t seen_count;
	size_t rows;
};

static void run_mark(struct run *run, const char *alg)
{
	run->rows++;
	for (size_t i = 0; i < run->seen_count; i++)
		if (strcmp(run->seen[i], alg) == 0)
			return;
	if (run->seen_count < ALGS_MAX)
		snprintf(run->seen[run->seen_count++], NAME_LEN, "%s", alg);
}

static bool run_saw(const struct run *run, const char *alg)
{
	for (size_t i = 0; i < run->seen_count; i++)
		if (strcmp(run->seen[i], alg) == 0)
			return true;
	printf("%s: no case for %s\n", run->backend->name, alg);
	return false;
}

static uint8_t *copy_of(struct bytes b)
{
	/* Never of size 0, so that a pointer is never NULL. */
	uint8_t *copy = malloc(b.len + 1);

	if (!copy)
		abort();
	if (b.len)
		memcpy(copy, b.at, b.len);
	return copy;
}

/* In three pieces, cut at a third and at a half. */
enum { PIECES = 3 };

static void cut(struct bytes in, struct bytes pieces[PIECES])
{
	size_t a = in.len / 3, b = in.len / 2;

	pieces[0] = bytes_of(in.at, a);
	pieces[1] = bytes_of(in.at ? in.at + a : NULL, b - a);
	pieces[2] = bytes_of(in.at ? in.at + b : NULL, in.len - b);
}

static void hash_case(const struct vector *vector, const char *name, void *arg)
{
	struct run *run = arg;
	const struct hash_alg *alg = backend_hash(run->backend, name);
	struct bytes in = vector_bytes(vector, "in"), out = vector_bytes(vector, "out"),
		     pieces[PIECES];
	uint8_t got[HASH_SIZE_MAX];

	if (!alg)
		return;
	run_mark(run, name);
	cut(in, pieces);
	CHECK(vector, run->backend, alg->size == out.len);
	CHECK(vector, run->backend,
	      alg->run(&in, 1, got) == 0 && bytes_equal(bytes_of(got, out.len), out));
	CHECK(vector, run->backend,
	      alg->run(pieces, PIECES, got) == 0 && bytes_equal(bytes_of(got, out.len), out));
}

static void mac_case(const struct vector *vector, const char *name, void *arg)
{
	struct run *run = arg;
	const struct mac_alg *alg = backend_mac(run->backend, name);
	struct bytes key = vector_bytes(vector, "key"), in = vector_bytes(vector, "in"),
		     out = vector_bytes(vector, "out");
	struct bytes pieces[PIECES];
	uint8_t got[HASH_SIZE_MAX];

	if (!alg)
		return;
	run_mark(run, name);
	cut(in, pieces);
	CHECK(vector, run->backend, alg->size == out.len);
	CHECK(vector, run->backend,
	      alg->run(key, &in, 1, got) == 0 && bytes_equal(bytes_of(got, out.len), out));
	void *context = alg->context_new(key);
	CU_ASSERT_PTR_NOT_NULL_FATAL(context);
	for (int i = 0; i < 3; i++) {
		memset(got, 0, sizeof(got));
		CHECK(vector, run->backend, alg->context_run(context, pieces, PIECES, got) == 0);
		CHECK(vector, run->backend, bytes_equal(bytes_of(got, out.len), out));
	}
	alg->context_free(context);
}

static void cipher_case(const struct vector *vector, const char *name, void *arg)
{
	struct run *run = arg;
	const struct cipher_alg *alg = backend_cipher(run->backend, name);
	struct bytes key = vector_bytes(vector, "key"), iv = vector_bytes(vector, "iv");
	struct bytes in = vector_bytes(vector, "in"), out = vector_bytes(vector, "out");

	if (!alg)
		return;
	run_mark(run, name);
	uint8_t *data = copy_of(in);
	struct bytes got = bytes_of(data, in.len);
	CHECK(vector, run->backend, alg->key == key.len && alg->iv == iv.len && in.len == out.len);
	CHECK(vector, run->backend,
	      alg->run(true, key, iv.at, data, in.len) == 0 && bytes_equal(got, out));
	CHECK(vector, run->backend,
	      alg->run(false, key, iv.at, data, in.len) == 0 && bytes_equal(got, in));
	void *context = alg->context_new(key);
	CU_ASSERT_PTR_NOT_NULL_FATAL(context);
	for (int i = 0; i < 2; i++) {
		CHECK(vector, run->backend,
		      alg->context_run(context, true, iv.at, data, in.len) == 0 &&
			      bytes_equal(got, out));
		CHECK(vector, run->backend,
		      alg->context_run(context, false, iv.at, data, in.len) == 0 &&
			      bytes_equal(got, in));
	}
	alg->context_free(context);
	free(data);
}

static void aead_case(const struct vector *vector, const char *name, void *arg)
{
	struct run *run = arg;
	const struct aead_alg *alg = backend_aead(run->backend, name);
	struct bytes key = vector_bytes(vector, "key"), nonce = vector_bytes(vector, "nonce"),
		     aad = vector_bytes(vector, "aad");
	struct bytes in = vector_bytes(vector, "in"), out = vector_bytes(vector, "out"),
		     tag = vector_bytes(vector, "tag");
	uint8_t got_tag[AEAD_TAG_MAX];

	if (!alg)
		return;
	run_mark(run, name);
	uint8_t *data = copy_of(in);
	struct bytes got = bytes_of(data, in.len);
	CHECK(vector, run->backend,
	      alg->key == key.len && alg->nonce == nonce.len && in.len == out.len &&
		      tag.len >= alg->tag);
	void *context = alg->context_new(key);
	CU_ASSERT_PTR_NOT_NULL_FATAL(context);
	for (int i = 0; i < 2; i++) {
		CHECK(vector, run->backend,
		      alg->seal(context, nonce.at, aad, data, in.len, data, got_tag) == 0);
		CHECK(vector, run->backend, bytes_equal(got, out));
		CHECK(vector, run->backend,
		      bytes_equal(bytes_of(got_tag, alg->tag), bytes_of(tag.at, alg->tag)));
		CHECK(vector, run->backend,
		      alg->open(context, nonce.at, aad, out.at, out.len, data, got_tag) == 0);
		CHECK(vector, run->backend, bytes_equal(got, in));
	}
	alg->context_free(context);
	free(data);
}

static void group_case(const struct vector *vector, const char *name, void *arg)
{
	struct run *run = arg;
	const struct dh_group *group = backend_group(run->backend, name);
	struct bytes peer = vector_bytes(vector, "peer"), wanted = vector_bytes(vector, "shared");
	AUTO_SECRET own = { NULL, 0 };
	AUTO_SECRET shared = { NULL, 0 };

	if (!group)
		return;
	run_mark(run, name);
	CU_ASSERT_EQUAL_FATAL(secret_copy(&own, vector_bytes(vector, "private")), 0);
	int fault = group->shared(&own, peer, &shared);
	if (vector_says(vector, "refused", "yes")) {
		CHECK(vector, run->backend, fault == FAULT_CRYPTO);
		CHECK(vector, run->backend, shared.len == 0);
	} else {
		CHECK(vector, run->backend,
		      fault == 0 && wanted.len == group->shared_len && peer.len == group->public_len);
		CHECK(vector, run->backend, bytes_equal(secret_bytes(&shared), wanted));
	}
}

/* Signs, where the case has a key. ECDSA gives another signature each time. */
static void sign_case(const struct vector *vector, const struct run *run, const struct signature_alg *alg)
{
	struct bytes spki = vector_bytes(vector, "spki"), in = vector_bytes(vector, "octets"), wanted = vector_bytes(vector, "signature");
	void *key = alg->key_new(vector_bytes(vector, "key"));
	uint8_t made[SIGNATURE_MAX];
	size_t len = sizeof(made);

	CHECK(vector, run->backend, key != NULL);
	if (!key)
		return;
	CHECK(vector, run->backend, alg->sign(key, in, made, &len) == 0 && len == wanted.len);
	CHECK(vector, run->backend, alg->verify(spki, in, bytes_of(made, len)) == 0);
	CHECK(vector, run->backend, strcmp(alg->name, "rsa") != 0 || bytes_equal(bytes_of(made, len), wanted));
	alg->key_free(key);
}

static void signature_case(const struct vector *vector, const char *name, void *arg)
{
	struct run *run = arg;
	const struct signature_alg *alg = backend_signature(run->backend, name);
	struct bytes in = vector_bytes(vector, "octets"), signature = vector_bytes(vector, "signature");

	if (!alg)
		return;
	run_mark(run, name);
	/* Copies, so that who reads beyond the end is found. */
	uint8_t *spki = copy_of(vector_bytes(vector, "spki")), *proof = copy_of(signature), *octets = copy_of(in);
	int fault = alg->verify(bytes_of(spki, vector_bytes(vector, "spki").len), bytes_of(octets, in.len), bytes_of(proof, signature.len));
	CHECK(vector, run->backend, fault == (vector_says(vector, "refused", "yes") ? FAULT_CRYPTO : 0));
	if (vector_bytes(vector, "key").len)
		sign_case(vector, run, alg);
	free(spki);
	free(proof);
	free(octets);
}

static void run_file(const char *file,
		     void (*each)(const struct vector *vector, const char *alg, void *arg))
{
	for (size_t i = 0; i < vector_backends_count; i++) {
		struct run run = { .backend = vector_backends[i].backend };

		CU_ASSERT(vectors_read(file, each, &run) > 0);
	}
}

static void hashes(void)
{
	run_file("hash.txt", hash_case);
}

static void macs(void)
{
	run_file("hmac.txt", mac_case);
}

static void ciphers(void)
{
	run_file("aes-cbc.txt", cipher_case);
	run_file("camellia-cbc.txt", cipher_case);
	run_file("3des-cbc.txt", cipher_case);
	run_file("aes-ctr.txt", cipher_case);
}

static void aeads(void)
{
	run_file("aes-gcm.txt", aead_case);
	run_file("aes-ccm.txt", aead_case);
}

static void modp(void)
{
	run_file("modp.txt", group_case);
}

static void curves(void)
{
	run_file("ecp.txt", group_case);
	run_file("brainpool.txt", group_case);
	run_file("curve25519.txt", group_case);
}

static void signatures(void)
{
	run_file("rsa.txt", signature_case);
	run_file("ecdsa.txt", signature_case);
}

static void mark_only(const struct vector *vector, const char *alg, void *arg)
{
	(void)vector;
	run_mark(arg, alg);
}

static void nothing_unproven(void)
{
	static const char *const files[] = { "hash.txt",	 "hmac.txt",	  "aes-cbc.txt",
					     "camellia-cbc.txt", "3des-cbc.txt",  "aes-ctr.txt",
					     "aes-gcm.txt",	 "aes-ccm.txt",	  "modp.txt",
					     "ecp.txt",		 "brainpool.txt", "curve25519.txt",
					     "rsa.txt",		 "ecdsa.txt" };

	for (size_t b = 0; b < vector_backends_count; b++) {
		const struct crypto_backend *backend = vector_backends[b].backend;
		struct run run = { .backend = backend };

		for (size_t i = 0; i < COUNT(files); i++)
			CU_ASSERT(vectors_read(files[i], mark_only, &run) > 0);
		for (const struct hash_alg *it = backend->hashes; it->name; it++)
			CU_ASSERT(run_saw(&run, it->name));
		for (const struct mac_alg *it = backend->macs; it->name; it++)
			CU_ASSERT(run_saw(&run, it->name));
		for (const struct cipher_alg *it = backend->ciphers; it->name; it++)
			CU_ASSERT(run_saw(&run, it->name));
		for (const struct aead_alg *it = backend->aeads; it->name; it++)
			CU_ASSERT(run_saw(&run, it->name));
		for (const struct dh_group *it = backend->groups; it->name; it++)
			CU_ASSERT(run_saw(&run, it->name));
		for (const struct signature_alg *it = backend->signatures; it->name; it++)
			CU_ASSERT(run_saw(&run, it->name));
	}
}

static const struct unit_case cases[] = {
	{ "every backend hashes the published messages right", hashes },
	{ "every backend gives the published HMACs, also from a kept key", macs },
	{ "every backend encrypts the published CBC and CTR examples right, and decrypts them",
	  ciphers },
	{ "every backend seals the GCM and CCM examples right, and opens them", aeads },
	{ "every backend gives the MODP results, and refuses 0, 1, p-1 and beyond, and wrong lengths",
	  modp },
	{ "every backend gives the results of the curves, and refuses points off them and results of zero",
	  curves },
	{ "every backend makes and takes the signatures, and refuses all forged, shortened, lengthened ones and unsound keys",
	  signatures },
	{ "no backend has an algorithm without a known answer", nothing_unproven },
};

int main(void)
{
	if (!vector_backends_start())
		return EXIT_FAILURE;
	int status = unit_run("vectors", cases, COUNT(cases));
	vector_backends_stop();
	return status;
}
