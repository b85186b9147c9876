/* SPDX-License-Identifier: MIT */
/* child.c - a pair of IPsec SAs: keying material and what the kernel service is told. What becomes of it is child_life.c's. */
#include "child.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "map.h"
#include "names.h"
#include "sa.h"
#include "shard.h"

/* RFC 2409 5.5: KEYMAT = K1 | K2 | ...; Kn = prf(SKEYID_d, Kn-1 | [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b). */
int child_keymat(const struct ike_sa *sa, const struct esp_transform *t, uint32_t spi, struct bytes dh_shared, struct bytes ni,
		 struct bytes nr, struct secret *out)
{
	const struct mac_alg *prf = sa->transform.prf_alg;
	size_t need = (size_t)t->key_len + t->salt_len + t->mac_key_len;
	uint8_t block[HASH_SIZE_MAX], head[5];
	struct writer w = writer_over(head, sizeof(head));
	int fault = secret_new(out, need ? need : 1);

	put_u8(&w, esp_transform_protocol(t));
	put_u32(&w, spi);
	for (size_t done = 0; fault == 0 && done < need; done += prf->size) {
		struct bytes in[] = { { block, done ? prf->size : 0 }, dh_shared, { head, sizeof(head) }, ni, nr };
		fault = prf->run(sa_skeyid_d(sa), in, COUNT(in), block);
		if (fault == 0)
			memcpy(out->at + done, block, need - done < prf->size ? need - done : prf->size);
	}
	wipe(block, sizeof(block));
	if (fault < 0)
		secret_free(out);
	return fault;
}

static const struct kernel_ipsec *kernel_from(const struct engine *engine, void **state)
{
	const struct provider *provider = engine->kernel;

	*state = provider ? provider->state : NULL;
	return provider ? provider->ops : NULL;
}

static const struct kernel_ipsec *kernel_of(const struct child *child, void **state)
{
	return kernel_from(child->sa->shard->engine, state);
}

static uint8_t protocol_of(const struct child *child)
{
	return child->transform.is_ah ? PROTO_AH : PROTO_ESP;
}

static int install(struct child *child, bool inbound, const struct secret *keymat)
{
	const struct esp_transform *t = &child->transform;
	size_t encryption_len = (size_t)t->key_len + t->salt_len;
	void *state;
	const struct kernel_ipsec *kernel = kernel_of(child, &state);

	struct ipsec_sa sa = {
		.spi = inbound ? child->spi_in : child->spi_out,
		.inbound = inbound,
		.transport = child->transport,
		.udp_encap = child->udp_encap,
		.local = child->local,
		.remote = child->remote,
		.local_ts = child->local_ts,
		.remote_ts = child->remote_ts,
		.transform = *t,
		.encryption_key = bytes_of(keymat->at, encryption_len),
		.integrity_key = bytes_of(keymat->at + encryption_len, t->mac_key_len),
		.replay_window = child->config->replay_window,
		.cpi = inbound ? child->cpi_in : child->cpi_out,
		.child = child->id,
		.mtu = child->config->mtu,
		.limits = child_limits(child),
		.options = child->config->options,
	};

	int fault = kernel->sa_add(state, &sa);
	if (fault < 0)
		return fault;
	*(inbound ? &child->has_inbound : &child->has_outbound) = true;
	return 0;
}

static int install_policy(struct child *child)
{
	void *state;
	const struct kernel_ipsec *kernel = kernel_of(child, &state);
	struct ipsec_policy policy = {
		.child = child->id,
		.transport = child->transport,
		.is_ah = child->transform.is_ah,
		.compress = child->cpi_out != 0,
		.local_ts = child->local_ts,
		.remote_ts = child->remote_ts,
		.local = child->local,
		.remote = child->remote,
		.want_acquire = child->sa->connection->keep == KEEP_ON_DEMAND,
		.mtu = child->config->mtu,
		.options = child->config->options,
	};

	int fault = kernel->policy_add(state, &policy);
	child->has_policy = fault == 0;
	child->policy_goes = child->sa->connection->keep == KEEP_PASSIVE;
	return fault;
}

int child_install_inbound(struct child *child, const struct secret *keymat)
{
	/* The ISAKMP SA may follow its peer elsewhere; what is installed is found only by the address that it was installed with. */
	child->local = child->sa->local;
	child->remote = child->sa->remote;
	int fault = install_policy(child);

	return fault < 0 ? fault : install(child, true, keymat);
}

int child_install_outbound(struct child *child, const struct secret *keymat)
{
	/* It may have gone with an older pair of the same number since the inbound SA was installed. */
	int fault = install_policy(child);

	return fault < 0 ? fault : install(child, false, keymat);
}

void child_remove_outbound(struct child *child)
{
	void *state;
	const struct kernel_ipsec *kernel = kernel_of(child, &state);

	if (child->has_outbound)
		kernel->sa_delete(state, protocol_of(child), child->spi_out, false, &child->remote);
	child->has_outbound = false;
}

/*
 * The policy of a connection that means to be up outlives its SAs: nothing leaves in the clear meanwhile. Others of this id, of
 * other SAs and shards, keep theirs: see policy_delete().
 */
void child_remove_policy(const struct child *child)
{
	void *state;
	const struct kernel_ipsec *kernel = kernel_of(child, &state);

	if (child->sa->connection->keep == KEEP_PASSIVE)
		kernel->policy_delete(state, child->id);
}

bool child_usage(const struct child *child, bool inbound, struct ipsec_usage *out)
{
	void *state;
	const struct kernel_ipsec *kernel = kernel_of(child, &state);

	*out = (struct ipsec_usage){ 0 };
	if (!kernel || !kernel->sa_usage || !(inbound ? child->has_inbound : child->has_outbound))
		return false;
	return kernel->sa_usage(state, protocol_of(child), inbound ? child->spi_in : child->spi_out, inbound, &child->remote, out) == 0;
}

void child_move(struct child *child, const struct address *local, const struct address *remote)
{
	void *state;
	const struct kernel_ipsec *kernel = kernel_of(child, &state);
	int fault = 0;

	if (!kernel->sa_move || (address_same(&child->local, local) && address_same(&child->remote, remote)))
		return;
	if (child->has_inbound)
		fault = kernel->sa_move(state, protocol_of(child), child->spi_in, true, &child->remote, local, remote);
	if (child->has_outbound && !fault)
		fault = kernel->sa_move(state, protocol_of(child), child->spi_out, false, &child->remote, local, remote);
	if (fault)
		return;
	child->local = *local;
	child->remote = *remote;
}

void child_discard(struct child *child, struct engine *engine)
{
	void *state;
	const struct kernel_ipsec *kernel = kernel_from(engine, &state);

	if (child->has_outbound)
		kernel->sa_delete(state, protocol_of(child), child->spi_out, false, &child->remote);
	if (child->has_inbound)
		kernel->sa_delete(state, protocol_of(child), child->spi_in, true, &child->remote);
	secret_free(&child->keys_out);
	list_remove(&child->in_sa);
	settings_unref(child->settings);
	free(child);
}

void child_lose(struct child *child, struct engine *engine, const char *connection)
{
	struct event_sa event = { .head = { EVENT_CHILD_DOWN, sizeof(event) }, .spi_in = child->spi_in, .spi_out = child->spi_out,
				  .initiated = child->initiated };
	bool was_current = child->stage == CHILD_CURRENT, policy_goes = child->policy_goes;
	uint32_t id = child->id;
	void *state;
	const struct kernel_ipsec *kernel = kernel_from(engine, &state);

	snprintf(event.connection, sizeof(event.connection), "%s", connection);
	snprintf(event.child, sizeof(event.child), "%s", child->config->name);
	snprintf(event.text, sizeof(event.text), "its ISAKMP SA is gone, and the one that was to have it");
	child_discard(child, engine);
	if (!was_current)
		return;
	if (policy_goes)
		kernel->policy_delete(state, id);
	log_info(engine->log, "connection %s: child %s is down: %s", event.connection, event.child, event.text);
	bus_publish(engine->bus, &event.head);
}

void child_free(struct child *child, const char *reason)
{
	struct ike_sa *sa = child->sa;
	struct timers *timers = loop_timers(sa->shard->loop);

	timer_stop(timers, &child->renewal);
	timer_stop(timers, &child->expiry);
	timer_stop(timers, &child->step);
	child_remove_outbound(child);
	if (child->stage == CHILD_NEW && child->has_policy && !child_has_current(child))
		child_remove_policy(child);
	if (child->was_up && child->stage == CHILD_CURRENT) {
		child_remove_policy(child);
		log_info(&sa->ctx, "child %s is down: %s", child->config->name, reason);
		sa_publish(sa, EVENT_CHILD_DOWN, child, reason);
	}
	child_discard(child, sa->shard->engine);
}

struct child *child_find(struct ike_sa *sa, uint32_t spi, bool inbound)
{
	LIST_EACH(it, &sa->children) {
		struct child *child = CONTAINER(it, struct child, in_sa);
		if ((inbound ? child->spi_in : child->spi_out) == spi)
			return child;
	}
	return NULL;
}

struct child *child_find_config(struct ike_sa *sa, const struct child_settings *config)
{
	LIST_EACH(it, &sa->children) {
		struct child *child = CONTAINER(it, struct child, in_sa);
		if (strcmp(child->config->name, config->name) == 0 && (child->stage == CHILD_CURRENT || child->stage == CHILD_READY))
			return child;
	}
	return NULL;
}

uint32_t child_id(const struct connection_settings *c, const struct child_settings *child)
{
	/* No secret: the same names must give the same number after a restart. */
	static const uint8_t key[16] = "keyferry child";

	if (child->reqid)
		return child->reqid;
	uint64_t a = siphash(key, bytes_text(c->name)), b = siphash(key, bytes_text(child->name));
	uint8_t both[16];
	struct writer w = writer_over(both, sizeof(both));

	put_u64(&w, a);
	put_u64(&w, b);
	uint32_t id = (uint32_t)siphash(key, bytes_of(both, sizeof(both)));
	return id ? id : 1;
}

uint32_t child_id_of_peer(const struct ike_sa *sa, const struct child_settings *child, const struct selector *remote_ts)
{
	uint8_t all[4 + 2 + 16 + 16 + 16];
	struct writer w = writer_over(all, sizeof(all));
	uint32_t id = child_id(sa->connection, child);

	if (sa->connection->remote_host || address_range_is_host(&sa->connection->remote))
		return id;
	put_u32(&w, id);
	put_u16(&w, sa->remote.port);
	put_bytes(&w, bytes_of(sa->remote.ip, sizeof(sa->remote.ip)));
	put_bytes(&w, bytes_of(remote_ts->range.first, sizeof(remote_ts->range.first)));
	put_bytes(&w, bytes_of(remote_ts->range.last, sizeof(remote_ts->range.last)));
	/* A peer must not be able to choose an address or port that gives it the number of another. */
	id = (uint32_t)siphash(sa->shard->engine->cookie_key, writer_bytes(&w));
	return id ? id : 1;
}
