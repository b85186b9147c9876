/* SPDX-License-Identifier: MIT */
/*
 * test_crosscheck.c - each crypto backend against each other one, itself included, on random values of all small sizes;
 * what all of them must refuse; and what the daemon's table does with a backend that has one wrong row.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "services.h"
#include "vectors.h"

enum { SIZE_MAX_TRIED = 80 };

/* A failed row names itself, since CUnit only knows the line of this file. */
#define CHECK(row, a, b, condition)                                                          \
	do {                                                                                 \
		bool holds = (condition);                                                    \
		if (!holds)                                                                  \
			printf("%s: %s, %s: %s\n", (row), (a)->name, (b)->name, #condition); \
		CU_ASSERT(holds);                                                            \
	} while (0)

static void fill(uint8_t *out, size_t len)
{
	CU_ASSERT_EQUAL_FATAL(vector_backends[0].backend->random(out, len), 0);
}

/* Every ordered pair of backends. */
static void each_pair(void (*run)(const struct crypto_backend *a, const struct crypto_backend *b))
{
	for (size_t i = 0; i < vector_backends_count; i++)
		for (size_t k = 0; k < vector_backends_count; k++)
			run(vector_backends[i].backend, vector_backends[k].backend);
}

static void hash_pair(const struct crypto_backend *a, const struct crypto_backend *b)
{
	uint8_t data[SIZE_MAX_TRIED], here[HASH_SIZE_MAX], there[HASH_SIZE_MAX];

	for (const struct hash_alg *it = a->hashes; it->name; it++) {
		const struct hash_alg *other = backend_hash(b, it->name);

		for (size_t len = 0; other && len <= sizeof(data); len++) {
			fill(data, sizeof(data));
			struct bytes whole = bytes_of(data, len),
				     cut[] = { { data, len / 2 }, { data + len / 2, len - len / 2 } };
			CHECK(it->name, a, b,
			      it->run(&whole, 1, here) == 0 && other->run(cut, 2, there) == 0);
			CHECK(it->name, a, b,
			      it->size == other->size && memcmp(here, there, it->size) == 0);
		}
	}
}

static void mac_pair(const struct crypto_backend *a, const struct crypto_backend *b)
{
	uint8_t key[2 * SIZE_MAX_TRIED], data[SIZE_MAX_TRIED], here[HASH_SIZE_MAX],
		there[HASH_SIZE_MAX];

	for (const struct mac_alg *it = a->macs; it->name; it++) {
		const struct mac_alg *other = backend_mac(b, it->name);

		for (size_t len = 0; other && len <= sizeof(data); len++) {
			fill(key, sizeof(key));
			fill(data, sizeof(data));
			struct bytes whole = bytes_of(data, len), with = bytes_of(key, 2 * len);
			void *context = other->context_new(with);
			CU_ASSERT_PTR_NOT_NULL_FATAL(context);
			CHECK(it->name, a, b, it->run(with, &whole, 1, here) == 0);
			CHECK(it->name, a, b, other->context_run(context, &whole, 1, there) == 0);
			CHECK(it->name, a, b,
			      it->size == other->size && memcmp(here, there, it->size) == 0);
			other->context_free(context);
		}
	}
}

static void cipher_pair(const struct crypto_backend *a, const struct crypto_backend *b)
{
	uint8_t key[CIPHER_KEY_MAX], iv[CIPHER_BLOCK_MAX], plain[SIZE_MAX_TRIED],
		data[SIZE_MAX_TRIED];

	for (const struct cipher_alg *it = a->ciphers; it->name; it++) {
		const struct cipher_alg *other = backend_cipher(b, it->name);

		fill(key, sizeof(key));
		void *context = other ? other->context_new(bytes_of(key, other->key)) : NULL;
		for (size_t len = 0; context && len <= sizeof(data); len += it->block) {
			fill(plain, sizeof(plain));
			fill(iv, sizeof(iv));
			memcpy(data, plain, sizeof(data));
			CHECK(it->name, a, b,
			      it->run(true, bytes_of(key, it->key), iv, data, len) == 0);
			CHECK(it->name, a, b,
			      memcmp(data + len, plain + len, sizeof(data) - len) == 0);
			CHECK(it->name, a, b, other->context_run(context, false, iv, data, len) == 0);
			CHECK(it->name, a, b, memcmp(data, plain, sizeof(data)) == 0);
			CHECK(it->name, a, b, other->context_run(context, true, iv, data, len) == 0);
			CHECK(it->name, a, b,
			      it->run(false, bytes_of(key, it->key), iv, data, len) == 0);
			CHECK(it->name, a, b, memcmp(data, plain, sizeof(data)) == 0);
		}
		CU_ASSERT(!other || context);
		if (context)
			other->context_free(context);
	}
}

/* RFC 3686 4: the counter of a packet does not end at 2^32 blocks, but the block's other octets are the library's to carry into. */
static void counter_pair(const struct crypto_backend *a, const struct crypto_backend *b)
{
	uint8_t key[CIPHER_KEY_MAX], iv[CIPHER_BLOCK_MAX], here[SIZE_MAX_TRIED] = { 0 },
							   there[SIZE_MAX_TRIED] = { 0 };

	for (const struct cipher_alg *it = a->ciphers; it->name; it++) {
		const struct cipher_alg *other = backend_cipher(b, it->name);

		if (!other || it->block != 1)
			continue;
		fill(key, sizeof(key));
		for (size_t ones = 1; ones <= sizeof(iv); ones++) {
			memset(iv, 0, sizeof(iv));
			memset(iv + sizeof(iv) - ones, 0xff, ones);
			CHECK(it->name, a, b,
			      it->run(true, bytes_of(key, it->key), iv, here, sizeof(here)) == 0);
			CHECK(it->name, a, b,
			      other->run(true, bytes_of(key, it->key), iv, there, sizeof(there)) == 0);
			CHECK(it->name, a, b, memcmp(here, there, sizeof(here)) == 0);
		}
	}
}

struct packet {
	uint8_t nonce[AEAD_NONCE_MAX], aad[SIZE_MAX_TRIED], plain[SIZE_MAX_TRIED],
		sealed[SIZE_MAX_TRIED], opened[SIZE_MAX_TRIED];
	uint8_t tag[AEAD_TAG_MAX];
	struct bytes covered;
	size_t len;
};

static int packet_open(const struct aead_alg *alg, void *context, struct packet *p)
{
	memset(p->opened, 0xee, sizeof(p->opened));
	return alg->open(context, p->nonce, p->covered, p->sealed, p->len, p->opened, p->tag);
}

/* Each octet of all that counts, changed by one bit; nothing of the content may come out. */
static bool packet_refused(const struct aead_alg *alg, void *context, struct packet *p)
{
	struct {
		uint8_t *at;
		size_t len;
	} const parts[] = {
		{ p->tag, alg->tag },
		{ p->nonce, alg->nonce },
		{ p->aad, p->covered.len },
		{ p->sealed, p->len },
	};

	for (size_t i = 0; i < COUNT(parts); i++)
		for (size_t k = 0; k < parts[i].len; k++) {
			parts[i].at[k] ^= (uint8_t)(1u << (k % 8));
			int fault = packet_open(alg, context, p);
			parts[i].at[k] ^= (uint8_t)(1u << (k % 8));
			/* Less than this may be equal by chance. */
			if (fault != FAULT_CRYPTO ||
			    (p->len >= 8 && memcmp(p->opened, p->plain, p->len) == 0))
				return false;
		}
	return true;
}

static void aead_sizes(const struct crypto_backend *a, const struct crypto_backend *b,
		       const struct aead_alg *from, const struct aead_alg *to)
{
	static const size_t covered[] = { 0, 8, 12, 16, 33 };
	uint8_t key[CIPHER_KEY_MAX];
	struct packet p;

	fill(key, sizeof(key));
	void *sealing = from->context_new(bytes_of(key, from->key)),
	     *opening = to->context_new(bytes_of(key, to->key));
	CU_ASSERT_FATAL(sealing && opening);
	for (size_t len = 0; len <= SIZE_MAX_TRIED; len++) {
		fill((uint8_t *)&p, offsetof(struct packet, sealed));
		p.len = len;
		p.covered = bytes_of(p.aad, covered[len % COUNT(covered)]);
		memset(p.sealed, 0xdd, sizeof(p.sealed));
		CHECK(from->name, a, b,
		      from->seal(sealing, p.nonce, p.covered, p.plain, len, p.sealed, p.tag) == 0);
		CHECK(from->name, a, b, len == sizeof(p.sealed) || p.sealed[len] == 0xdd);
		CHECK(from->name, a, b,
		      packet_open(to, opening, &p) == 0 && memcmp(p.opened, p.plain, len) == 0);
		CHECK(from->name, a, b, len == sizeof(p.opened) || p.opened[len] == 0xee);
		if (len % 16 < 2)
			CHECK(from->name, a, b, packet_refused(to, opening, &p));
		/* The same, in place. */
		memcpy(p.opened, p.sealed, len);
		CHECK(from->name, a, b,
		      to->open(opening, p.nonce, p.covered, p.opened, len, p.opened, p.tag) == 0);
		CHECK(from->name, a, b, memcmp(p.opened, p.plain, len) == 0);
		CHECK(from->name, a, b,
		      from->seal(sealing, p.nonce, p.covered, p.opened, len, p.opened, p.tag) == 0);
		CHECK(from->name, a, b, memcmp(p.opened, p.sealed, len) == 0);
	}
	from->context_free(sealing);
	to->context_free(opening);
}

static void aead_pair(const struct crypto_backend *a, const struct crypto_backend *b)
{
	for (const struct aead_alg *it = a->aeads; it->name; it++) {
		const struct aead_alg *other = backend_aead(b, it->name);

		if (other)
			aead_sizes(a, b, it, other);
	}
}

static void group_pair(const struct crypto_backend *a, const struct crypto_backend *b)
{
	for (const struct dh_group *it = a->groups; it->name; it++) {
		const struct dh_group *other = backend_group(b, it->name);
		uint8_t here_public[DH_PUBLIC_MAX], there_public[DH_PUBLIC_MAX];
		AUTO_SECRET here = { NULL, 0 };
		AUTO_SECRET there = { NULL, 0 };
		AUTO_SECRET here_shared = { NULL, 0 };
		AUTO_SECRET there_shared = { NULL, 0 };

		if (!other)
			continue;
		CHECK(it->name, a, b, it->generate(&here, here_public) == 0);
		CHECK(it->name, a, b, other->generate(&there, there_public) == 0);
		CHECK(it->name, a, b,
		      it->shared(&here, bytes_of(there_public, it->public_len), &here_shared) == 0);
		CHECK(it->name, a, b,
		      other->shared(&there, bytes_of(here_public, it->public_len), &there_shared) ==
			      0);
		CHECK(it->name, a, b, here_shared.len == it->shared_len);
		CHECK(it->name, a, b,
		      secret_equal(secret_bytes(&here_shared), secret_bytes(&there_shared)));
		/* A private value means the same to both. */
		CHECK(it->name, a, b, here.len == there.len);
		CHECK(it->name, a, b,
		      other->shared(&here, bytes_of(there_public, it->public_len), &there_shared) ==
			      0);
		CHECK(it->name, a, b,
		      secret_equal(secret_bytes(&here_shared), secret_bytes(&there_shared)));
	}
}

static void hashes_agree(void)
{
	each_pair(hash_pair);
}

static void macs_agree(void)
{
	each_pair(mac_pair);
}

static void ciphers_agree(void)
{
	each_pair(cipher_pair);
	each_pair(counter_pair);
}

static void aeads_agree(void)
{
	each_pair(aead_pair);
}

/* Keys are those of the files of known answers; each alg has its first case with a key. */
struct signer {
	const struct crypto_backend *a, *b;
	char seen[64];
};

static void sign_both(const struct vector *vector, const char *name, void *arg)
{
	struct signer *signer = arg;
	const struct signature_alg *from = backend_signature(signer->a, name), *to = backend_signature(signer->b, name);
	struct bytes spki = vector_bytes(vector, "spki");
	uint8_t octets[HASH_SIZE_MAX], made[SIGNATURE_MAX];

	if (!from || !to || !vector_bytes(vector, "key").len || strcmp(signer->seen, name) == 0)
		return;
	snprintf(signer->seen, sizeof(signer->seen), "%s", name);
	void *key = from->key_new(vector_bytes(vector, "key"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(key);
	for (int i = 0; i < 40; i++) {
		size_t len = sizeof(made);
		fill(octets, sizeof(octets));
		struct bytes in = bytes_of(octets, vector_bytes(vector, "octets").len);
		CHECK(name, signer->a, signer->b, from->sign(key, in, made, &len) == 0);
		CHECK(name, signer->a, signer->b, to->verify(spki, in, bytes_of(made, len)) == 0);
		made[(size_t)i * 7 % len] ^= (uint8_t)(1 << i % 8);
		CHECK(name, signer->a, signer->b, to->verify(spki, in, bytes_of(made, len)) == FAULT_CRYPTO);
	}
	from->key_free(key);
}

static void signature_pair(const struct crypto_backend *a, const struct crypto_backend *b)
{
	struct signer signer = { .a = a, .b = b };

	CU_ASSERT(vectors_read("rsa.txt", sign_both, &signer) > 0);
	CU_ASSERT(vectors_read("ecdsa.txt", sign_both, &signer) > 0);
}

static void signatures_agree(void)
{
	each_pair(signature_pair);
}

/* A key's octets, each changed or cut off: no crash, and what is taken as a key still signs or says that it cannot. */
static void cut_keys(const struct vector *vector, const char *name, void *arg)
{
	struct signer *signer = arg;
	const struct signature_alg *alg = backend_signature(signer->a, name);
	struct bytes whole = vector_bytes(vector, "key"), in = vector_bytes(vector, "octets");
	uint8_t copy[1400], made[SIGNATURE_MAX];

	if (!alg || !whole.len || whole.len > sizeof(copy) || strcmp(signer->seen, name) == 0)
		return;
	snprintf(signer->seen, sizeof(signer->seen), "%s", name);
	for (size_t i = 0; i < whole.len; i += whole.len > 400 ? 5 : 1) {
		CHECK(name, signer->a, signer->a, !alg->key_new(bytes_of(whole.at, i)));
		memcpy(copy, whole.at, whole.len);
		copy[i] ^= 0x55;
		size_t len = sizeof(made);
		void *key = alg->key_new(bytes_of(copy, whole.len));
		if (key) {
			(void)!alg->sign(key, in, made, &len);
			alg->key_free(key);
		}
	}
}

static void damaged_keys(void)
{
	for (size_t i = 0; i < vector_backends_count; i++) {
		struct signer signer = { .a = vector_backends[i].backend };
		CU_ASSERT(vectors_read("rsa.txt", cut_keys, &signer) > 0);
		CU_ASSERT(vectors_read("ecdsa.txt", cut_keys, &signer) > 0);
	}
}

static void groups_agree(void)
{
	each_pair(group_pair);
}

static unsigned bits_of(const struct secret *value)
{
	unsigned bits = (unsigned)value->len * 8;

	for (size_t i = 0; i < value->len; i++)
		for (int bit = 7; bit >= 0; bit--, bits--)
			if (value->at[i] >> bit & 1)
				return bits;
	return bits;
}

static void exponents(void)
{
	static const struct {
		const char *name;
		unsigned bits;
	} wanted[] = {
		{ "modp1024", 225 }, { "modp1536", 225 }, { "modp2048", 225 }, { "modp3072", 320 },
		{ "modp4096", 384 }, { "modp6144", 448 }, { "modp8192", 512 },
	};

	for (size_t b = 0; b < vector_backends_count; b++)
		for (size_t i = 0; i < COUNT(wanted); i++) {
			const struct crypto_backend *backend = vector_backends[b].backend;
			const struct dh_group *group = backend_group(backend, wanted[i].name);
			uint8_t public_value[DH_PUBLIC_MAX];
			AUTO_SECRET first = { NULL, 0 };
			AUTO_SECRET second = { NULL, 0 };

			CU_ASSERT_PTR_NOT_NULL_FATAL(group);
			CHECK(group->name, backend, backend,
			      group->generate(&first, public_value) == 0);
			CHECK(group->name, backend, backend,
			      group->generate(&second, public_value) == 0);
			CHECK(group->name, backend, backend, bits_of(&first) == wanted[i].bits);
			CHECK(group->name, backend, backend,
			      !secret_equal(secret_bytes(&first), secret_bytes(&second)));
		}
}

static void lengths_of(const struct crypto_backend *b)
{
	uint8_t key[CIPHER_KEY_MAX + 1] = { 1, 2, 3 }, iv[CIPHER_BLOCK_MAX] = { 0 },
				     data[SIZE_MAX_TRIED] = { 0 };

	for (const struct cipher_alg *it = b->ciphers; it->name; it++)
		for (size_t len = 0; len <= sizeof(key); len++) {
			void *context = it->context_new(bytes_of(key, len));
			CHECK(it->name, b, b, (context != NULL) == (len == it->key));
			CHECK(it->name, b, b,
			      (it->run(true, bytes_of(key, len), iv, data, 16) == 0) ==
				      (len == it->key));
			for (size_t part = 1; context && part < it->block; part++) {
				CHECK(it->name, b, b,
				      it->context_run(context, true, iv, data, part) == FAULT_CRYPTO);
				CHECK(it->name, b, b,
				      it->context_run(context, false, iv, data, it->block + part) ==
					      FAULT_CRYPTO);
				CHECK(it->name, b, b,
				      it->run(true, bytes_of(key, len), iv, data, part) ==
					      FAULT_CRYPTO);
			}
			if (context)
				it->context_free(context);
		}
	for (const struct aead_alg *it = b->aeads; it->name; it++)
		for (size_t len = 0; len <= sizeof(key); len++) {
			void *context = it->context_new(bytes_of(key, len));
			CHECK(it->name, b, b, (context != NULL) == (len == it->key));
			if (context)
				it->context_free(context);
		}
}

static void lengths(void)
{
	for (size_t i = 0; i < vector_backends_count; i++)
		lengths_of(vector_backends[i].backend);
}

static void private_values(void)
{
	uint8_t peer[DH_PUBLIC_MAX];
	AUTO_SECRET own = { NULL, 0 };
	AUTO_SECRET none = { NULL, 0 };
	AUTO_SECRET shared = { NULL, 0 };

	for (size_t b = 0; b < vector_backends_count; b++) {
		const struct crypto_backend *backend = vector_backends[b].backend;

		for (const struct dh_group *it = backend->groups; it->name; it++) {
			CHECK(it->name, backend, backend, it->generate(&own, peer) == 0);
			CHECK(it->name, backend, backend,
			      it->shared(&none, bytes_of(peer, it->public_len), &shared) != 0);
			CHECK(it->name, backend, backend, shared.len == 0);
		}
	}
}

/* How many lines had the code, and what the last of them said. */
struct heard {
	unsigned count;
	char line[LOG_LINE_MAX];
};

static void hear(void *arg, enum log_level level, const char *line)
{
	struct heard *heard = arg;

	if (level != LEVEL_ERROR || !strstr(line, "crypto-self-test"))
		return;
	heard->count++;
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static struct crypto *crypto_from(const struct crypto_backend *const *backends, size_t count,
				  struct heard *heard)
{
	struct log *log = log_new(&(struct log_options){
		.level = LEVEL_ERROR, .fd = -1, .sink = hear, .sink_arg = heard });
	struct services *services = services_new();
	struct crypto *crypto = NULL;

	CU_ASSERT_FATAL(log && services);
	for (size_t i = 0; i < count; i++) {
		struct provider provider = { .ops = backends[i],
					     .key = backends[i]->name,
					     .plugin = "test" };
		CU_ASSERT_EQUAL_FATAL(services_add(services, SERVICE_CRYPTO, &provider, i), 0);
	}
	CU_ASSERT_EQUAL(crypto_new(&crypto, services, NULL, log_root(log)), 0);
	services_free(services);
	log_free(log);
	return crypto;
}

static void all_pass(void)
{
	for (size_t i = 0; i < vector_backends_count; i++) {
		struct heard heard = { 0 };
		struct crypto *crypto = crypto_from(&vector_backends[i].backend, 1, &heard);

		CHECK(heard.line, vector_backends[i].backend, vector_backends[i].backend,
		      heard.count == 0);
		crypto_free(crypto);
	}
}

static int wrong_run(const struct bytes *in, size_t count, uint8_t *out)
{
	(void)in;
	(void)count;
	memset(out, 7, 32);
	return 0;
}

/* A copy of a backend whose sha256 is wrong. */
static void one_wrong_row(void)
{
	for (size_t i = 0; i < vector_backends_count; i++) {
		struct crypto_backend bad = *vector_backends[i].backend;
		struct hash_alg hashes[16] = { { .name = NULL } };
		const struct crypto_backend *backends[] = { &bad, vector_backends[i].backend };
		struct heard heard = { 0 };

		for (size_t k = 0; k < COUNT(hashes) - 1 && bad.hashes[k].name; k++) {
			hashes[k] = bad.hashes[k];
			if (strcmp(hashes[k].name, "sha256") == 0)
				hashes[k].run = wrong_run;
		}
		bad.hashes = hashes;
		bad.name = "bad";
		struct crypto *crypto = crypto_from(backends, 1, &heard);
		CU_ASSERT_EQUAL(heard.count, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(heard.line, "sha256 of crypto backend bad"));
		CU_ASSERT_PTR_NULL(crypto_hash(crypto, "sha256"));
		for (const struct hash_alg *it = hashes; it->name; it++)
			CU_ASSERT(strcmp(it->name, "sha256") == 0 ||
				  crypto_hash(crypto, it->name) == it);
		for (const struct mac_alg *it = bad.macs; it->name; it++)
			CU_ASSERT_PTR_EQUAL(crypto_mac(crypto, it->name), it);
		for (const struct cipher_alg *it = bad.ciphers; it->name; it++)
			CU_ASSERT_PTR_EQUAL(crypto_cipher(crypto, it->name), it);
		for (const struct aead_alg *it = bad.aeads; it->name; it++)
			CU_ASSERT_PTR_EQUAL(crypto_aead(crypto, it->name), it);
		for (const struct dh_group *it = bad.groups; it->name; it++)
			CU_ASSERT_PTR_EQUAL(crypto_group(crypto, it->name), it);
		for (const struct signature_alg *it = bad.signatures; it->name; it++)
			CU_ASSERT_PTR_EQUAL(crypto_signature(crypto, it->name), it);
		crypto_free(crypto);

		/* The next backend serves what the first one got wrong. */
		crypto = crypto_from(backends, 2, &heard);
		CU_ASSERT_PTR_EQUAL(crypto_hash(crypto, "sha256"),
				    backend_hash(backends[1], "sha256"));
		CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, crypto_hash(crypto, "sha256")),
				       backends[1]->name);
		CU_ASSERT_STRING_EQUAL(crypto_backend_of(crypto, crypto_hash(crypto, "sha1")), "bad");
		crypto_free(crypto);
	}
}

static const struct unit_case cases[] = {
	{ "backends hash random messages alike", hashes_agree },
	{ "backends give the same HMAC for keys and messages of all small sizes", macs_agree },
	{ "what one backend encrypts another one decrypts, of all small sizes", ciphers_agree },
	{ "what one backend seals another one opens, unless a bit of it has changed", aeads_agree },
	{ "Diffie-Hellman between two backends agrees in every group", groups_agree },
	{ "what one backend signs another one takes, unless a bit of it has changed", signatures_agree },
	{ "damaged private keys do no harm", damaged_keys },
	{ "MODP exponents are short, but twice as long as the group is strong", exponents },
	{ "keys of a wrong length and parts of a block are refused", lengths },
	{ "an empty private value gives no secret", private_values },
	{ "every row of every backend passes the test at load", all_pass },
	{ "a wrong row is left out with one line, all others stay, and the next backend steps in",
	  one_wrong_row },
};

int main(void)
{
	if (!vector_backends_start())
		return EXIT_FAILURE;
	int status = vector_backends_count > 0 ? unit_run("crosscheck", cases, COUNT(cases))
					       : EXIT_SUCCESS;
	vector_backends_stop();
	return status;
}
