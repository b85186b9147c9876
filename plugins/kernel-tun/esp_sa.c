/* SPDX-License-Identifier: MIT */
/* esp_sa.c - makes and frees an SA's packet state: checks what the daemon gives, keeps contexts and no keys. */
#include "esp_sa.h"

#include <stdlib.h>

#include "secret.h"

static int set_aead(struct esp_sa *sa, const struct ipsec_sa *from, struct bytes key, const char **why)
{
	const struct esp_transform *t = &from->transform;

	if (t->key_len != t->aead->key || sa->salt_len + 8u != t->aead->nonce) {
		*why = "the key's length is not the algorithm's";
		return FAULT_INPUT;
	}
	sa->aead = t->aead;
	sa->iv_len = 8;
	sa->icv_len = (uint8_t)t->aead->tag;
	sa->aead_context = t->aead->context_new(key);
	*why = "the crypto backend refused the key";
	return sa->aead_context ? 0 : FAULT_CRYPTO;
}

static int set_cipher(struct esp_sa *sa, const struct ipsec_sa *from, struct bytes key, const char **why)
{
	const struct esp_transform *t = &from->transform;
	bool is_counter = t->cipher && t->cipher->block == 1;

	if (!t->cipher && t->key_len + t->salt_len != 0) {
		*why = "NULL encryption has no key";
		return FAULT_INPUT;
	}
	if (!t->cipher)
		return 0;
	if (t->key_len != t->cipher->key || sa->salt_len != (is_counter ? 4 : 0) || t->cipher->iv > ESP_IV_MAX) {
		*why = "the key's length is not the algorithm's";
		return FAULT_INPUT;
	}
	sa->cipher = t->cipher;
	sa->iv_len = is_counter ? 8 : (uint8_t)t->cipher->iv;
	if (t->cipher->block > sa->block)
		sa->block = (uint8_t)t->cipher->block;
	sa->cipher_context = t->cipher->context_new(key);
	*why = "the crypto backend refused the key";
	return sa->cipher_context ? 0 : FAULT_CRYPTO;
}

static int set_mac(struct esp_sa *sa, const struct ipsec_sa *from, const char **why)
{
	const struct esp_transform *t = &from->transform;

	/* RFC 4303 3.3.2: encryption without integrity is not worth having. */
	if (!t->mac || t->icv_len == 0 || t->icv_len > t->mac->size || t->icv_len > ESP_ICV_MAX) {
		*why = "there is no integrity algorithm";
		return FAULT_UNSUPPORTED;
	}
	if (from->integrity_key.len != t->mac_key_len || t->mac_key_len == 0) {
		*why = "the integrity key's length is not the algorithm's";
		return FAULT_INPUT;
	}
	sa->mac = t->mac;
	sa->icv_len = t->icv_len;
	sa->mac_context = t->mac->context_new(from->integrity_key);
	*why = "the crypto backend refused the integrity key";
	return sa->mac_context ? 0 : FAULT_CRYPTO;
}

static int set_keys(struct esp_sa *sa, const struct ipsec_sa *from, const char **why)
{
	const struct esp_transform *t = &from->transform;

	if (from->encryption_key.len != (size_t)t->key_len + t->salt_len || t->salt_len > sizeof(sa->salt)) {
		*why = "the key's length is not the transform's";
		return FAULT_INPUT;
	}
	struct bytes key = bytes_of(from->encryption_key.at, t->key_len);
	sa->salt_len = t->salt_len;
	if (t->salt_len > 0)
		memcpy(sa->salt, from->encryption_key.at + t->key_len, t->salt_len);
	if (t->aead)
		return set_aead(sa, from, key, why);
	int fault = set_cipher(sa, from, key, why);
	return fault ? fault : set_mac(sa, from, why);
}

static uint64_t limit(uint64_t given)
{
	return given ? given : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The numbers that an inbound SA receives are its peer's to watch: its `sequence` stays 0. */
static void set_limits(struct esp_sa *sa, const struct ipsec_limits *from)
{
	sa->end = (struct esp_marks){
		.sequence = sa->esn ? UINT64_MAX : UINT32_MAX,
		.packets = limit(from->hard_packets), .bytes = limit(from->hard_bytes),
	};
	sa->due = (struct esp_marks){
		.sequence = sa->esn ? UINT64_MAX : SEQUENCE_SOFT,
		.packets = least(limit(from->soft_packets), sa->end.packets), .bytes = least(limit(from->soft_bytes), sa->end.bytes),
	};
}

int esp_sa_new(struct esp_sa **out, const struct ipsec_sa *from, const char **why)
{
	struct esp_sa *sa = calloc(1, sizeof(*sa));
	int fault = FAULT_MEMORY;

	*out = NULL;
	*why = "no memory";
	if (!sa)
		return FAULT_MEMORY;
	sa->spi = from->spi;
	sa->inbound = from->inbound;
	sa->transport = from->transport;
	sa->udp_encap = from->udp_encap;
	sa->esn = from->transform.esn;
	sa->local_ts = from->local_ts;
	sa->remote_ts = from->remote_ts;
	sa->mtu_limit = from->mtu;
	sa->block = 4;
	set_limits(sa, &from->limits);
	if (from->inbound && replay_init(&sa->replay, from->replay_window))
		goto out;
	fault = set_keys(sa, from, why);
	if (fault)
		goto out;
	*out = sa;
	return 0;
out:
	esp_sa_free(sa);
	return fault;
}

void esp_sa_free(struct esp_sa *sa)
{
	if (!sa)
		return;
	if (sa->aead_context)
		sa->aead->context_free(sa->aead_context);
	if (sa->cipher_context)
		sa->cipher->context_free(sa->cipher_context);
	if (sa->mac_context)
		sa->mac->context_free(sa->mac_context);
	replay_free(&sa->replay);
	free(atomic_load(&sa->endpoint));
	wipe(sa->salt, sizeof(sa->salt));
	free(sa);
}

void esp_sa_free_retired(struct retired *item)
{
	esp_sa_free(CONTAINER(item, struct esp_sa, retired));
}

/* Where both are reached at once only the end is told: there is no time left to rekey in. */
void esp_sa_expire(struct esp_sa *sa, const struct kernel_host *host)
{
	if (sa->spent)
		return;
	sa->spent = esp_sa_is_at(sa, &sa->end);
	sa->due = sa->end;
	host->expire(host->arg, sa->spi, sa->inbound, sa->spent);
}

size_t esp_sa_inner_mtu(const struct esp_sa *sa, uint8_t outer_family, size_t path_mtu)
{
	size_t outer = (outer_family == AF_INET6 ? IPV6_HEADER : IPV4_HEADER) + (sa->udp_encap ? UDP_HEADER : 0);
	size_t around = outer + ESP_HEADER + sa->iv_len + sa->icv_len;

	if (path_mtu < around + sa->block)
		return 0;
	size_t inner = (path_mtu - around) / sa->block * sa->block - ESP_TRAILER;
	/* In transport mode the inner IP header is the outer one. */
	if (sa->transport)
		inner += outer_family == AF_INET6 ? IPV6_HEADER : IPV4_HEADER;
	return sa->mtu_limit && sa->mtu_limit < inner ? sa->mtu_limit : inner;
}

struct endpoint *endpoint_new(const struct esp_sa *sa, const struct address *local, const struct address *remote, uint16_t path_mtu)
{
	struct endpoint *e = calloc(1, sizeof(*e));
	struct address to = *remote;

	if (!e)
		return NULL;
	e->local = *local;
	e->remote = *remote;
	if (!sa->udp_encap)
		to.port = 0;
	e->to_len = address_to_socket(&to, &e->to);
	e->path_mtu = path_mtu;
	size_t mtu = esp_sa_inner_mtu(sa, remote->family, path_mtu);
	e->mtu = (uint16_t)(mtu < MTU_MIN ? MTU_MIN : mtu > UINT16_MAX ? UINT16_MAX : mtu);
	return e;
}

void endpoint_free_retired(struct retired *item)
{
	free(CONTAINER(item, struct endpoint, retired));
}
