/* SPDX-License-Identifier: MIT */
/* ops.c - the kernel service of this plugin (kernel.h): everything that is no packet. */
#include <inttypes.h>

#include "timer.h"
#include "tun.h"

enum { SPI_MIN = 256, SPI_TRIES = 64 };        /* RFC 4303 2.1: below is reserved */

static int open_all(struct tun *t)
{
	const struct log_context *log = t->host.log;
	int fault = device_open(&t->device, t->options.device, log);

	if (fault)
		return fault;
	int error = netlink_open(&t->netlink, NETLINK_ROUTE, 0);
	if (error) {
		log_at(log, LEVEL_ERROR, "tun-device", "cannot talk to the kernel's routing: %s", strerror(error));
		return FAULT_SYSTEM;
	}
	fault = device_start(&t->device, &t->netlink, log);
	if (fault)
		return fault;
	t->routes = (struct routes){
		.netlink = &t->netlink, .log = log, .device = t->device.index, .mtu = t->options.mtu,
		.rules = { .table = t->options.table, .priority = t->options.priority },
	};
	fault = routes_start(&t->routes);
	if (fault)
		return fault;
	t->leftovers_until = clock_system.now(clock_system.arg) + LEFTOVERS_MS;
	wire_open(&t->wire, &t->host);
	return threads_start(t);
}

static void log_counts(const struct tun *t)
{
	const struct out_counts *out = &t->out.counts;

	log_debug(t->host.log,
		  "dropped on the way out: %" PRIu64 " without policy, %" PRIu64 " without SA, %" PRIu64 " too big, %" PRIu64
		  " malformed, %" PRIu64 " not sealed, %" PRIu64 " not sent; on the way in: %" PRIu64 " without SA, %" PRIu64
		  " malformed, %" PRIu64 " refused by the stack",
		  atomic_load(&out->no_policy), atomic_load(&out->no_sa), atomic_load(&out->too_big), atomic_load(&out->malformed),
		  atomic_load(&out->failed), atomic_load(&t->wire.failed),
		  atomic_load(&t->udp.counts.no_sa) + atomic_load(&t->raw.in.counts.no_sa),
		  atomic_load(&t->udp.counts.malformed) + atomic_load(&t->raw.in.counts.malformed), atomic_load(&t->device.refused));
}

static void tun_detach(void *state)
{
	struct tun *t = state;

	threads_stop(t);
	if (t->attached)
		log_counts(t);
	if (t->netlink.socket)
		routes_stop(&t->routes);
	netlink_close(&t->netlink);
	wire_close(&t->wire);
	device_close(&t->device);
	t->attached = false;
}

static int tun_attach(void *state, const struct kernel_host *host)
{
	struct tun *t = state;

	t->host = *host;
	int fault = open_all(t);
	if (fault) {
		tun_detach(t);
		return fault;
	}
	t->attached = true;
	log_info(host->log, "userspace ESP on %s, MTU %u, routes in table %u, rules from priority %u on", t->device.name, t->options.mtu,
		 t->options.table, t->options.priority);
	return 0;
}

static void lock(struct tun *t)
{
	pthread_mutex_lock(&t->tables.lock);
}

static void unlock(struct tun *t)
{
	pthread_mutex_unlock(&t->tables.lock);
	threads_wake(t);
}

static int tun_spi(void *state, uint8_t protocol, const struct address *local, const struct address *remote, uint32_t *out)
{
	struct tun *t = state;
	uint32_t spi;

	(void)protocol;
	(void)local;
	(void)remote;
	for (size_t i = 0; i < SPI_TRIES; i++) {
		if (crypto_random(t->host.crypto, &spi, sizeof(spi))) {
			log_error(t->host.log, "no random octets for an SPI");
			return FAULT_CRYPTO;
		}
		lock(t);
		bool is_free = spi >= SPI_MIN && !tables_find_sa(&t->tables, spi, true, NULL);
		unlock(t);
		if (is_free) {
			*out = spi;
			return 0;
		}
	}
	log_error(t->host.log, "no SPI was free in %d tries", SPI_TRIES);
	return FAULT_FULL;
}

static int refuse_sa(struct tun *t, const struct ipsec_sa *sa, int fault, const char *why)
{
	log_at(t->host.log, LEVEL_ERROR, "sa-install", "cannot install the %s SA %08x: %s", sa->inbound ? "inbound" : "outbound", sa->spi,
	       why);
	return fault;
}

static int tun_sa_add(void *state, const struct ipsec_sa *from)
{
	struct tun *t = state;
	const char *why = NULL;
	struct esp_sa *sa;

	if (from->spi < SPI_MIN || address_len(from->remote.family) == 0 || from->local.family != from->remote.family)
		return refuse_sa(t, from, FAULT_INPUT, "its SPI or addresses are not valid");
	int fault = esp_sa_new(&sa, from, &why);
	if (fault)
		return refuse_sa(t, from, fault, why);
	lock(t);
	uint16_t path = from->inbound ? 0 : wire_path_mtu(&t->wire, &from->remote);
	struct endpoint *endpoint = endpoint_new(sa, &from->local, &from->remote, path);
	if (endpoint) {
		fault = tables_add_sa(&t->tables, sa, endpoint, from->child);
	} else {
		esp_sa_free(sa);
		fault = FAULT_MEMORY;
	}
	unlock(t);
	return fault ? refuse_sa(t, from, fault, fault == FAULT_EXISTS ? "there is one already" : "no memory") : 0;
}

static int replace_endpoint(struct tun *t, struct esp_sa *sa, const struct address *local, const struct address *remote)
{
	uint16_t path = sa->inbound ? 0 : wire_path_mtu(&t->wire, remote);
	struct endpoint *endpoint = endpoint_new(sa, local, remote, path);

	return endpoint ? tables_move_sa(&t->tables, sa, endpoint) : FAULT_MEMORY;
}

static int tun_sa_move(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *from, const struct address *local,
		       const struct address *remote)
{
	struct tun *t = state;
	int fault = FAULT_NOT_FOUND;

	(void)protocol; /* it has no AH */
	lock(t);
	struct esp_sa *sa = tables_find_sa(&t->tables, spi, inbound, from);
	if (sa)
		fault = replace_endpoint(t, sa, local, remote);
	unlock(t);
	if (fault)
		log_at(t->host.log, LEVEL_ERROR, "sa-install", "cannot move the SA %08x: %s", spi, fault_text(fault));
	return fault;
}

void tun_refresh(struct tun *t, uint32_t spi, const struct address *remote)
{
	lock(t);
	struct esp_sa *sa = tables_find_sa(&t->tables, spi, false, remote);
	if (sa) {
		const struct endpoint *e = atomic_load(&sa->endpoint);
		struct address local = e->local, peer = e->remote;

		/* The old numbers serve on without memory; the next packet that is too large tries again. */
		if (wire_path_mtu(&t->wire, &peer) != e->path_mtu)
			(void)!replace_endpoint(t, sa, &local, &peer);
	}
	unlock(t);
}

static int tun_sa_usage(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote, struct ipsec_usage *out)
{
	struct tun *t = state;
	int fault = FAULT_NOT_FOUND;

	(void)protocol; /* it has no AH */
	lock(t);
	const struct esp_sa *sa = tables_find_sa(&t->tables, spi, inbound, remote);
	if (sa) {
		*out = (struct ipsec_usage){
			.bytes = atomic_load(&sa->bytes), .packets = atomic_load(&sa->packets),
			.replayed = atomic_load(&sa->replayed), .bad_icv = atomic_load(&sa->bad_icv),
			.outside_selector = atomic_load(&sa->outside_selector), .last_used = atomic_load(&sa->last_used),
		};
		fault = 0;
	}
	unlock(t);
	if (fault)
		log_debug(t->host.log, "there is no SA %08x to ask for its use", spi);
	return fault;
}

/* Under the lock. */
static struct route_scope scope_of(const struct policy *policy)
{
	return (struct route_scope){ policy->local_ts, policy->remote_ts, policy->transport, policy->by_source,
				     policy->action != IPSEC_PROTECT };
}

/* What passes in the clear is not brought to the device: of it only comes there what goes the way of a child's or a drop's networks. */
static int add_routes(struct tun *t, enum ipsec_action action, const struct route_scope *scope, unsigned fits)
{
	return action == IPSEC_BYPASS ? 0 : routes_add(&t->routes, scope, fits);
}

static void remove_routes(struct tun *t, enum ipsec_action action, const struct route_scope *scope)
{
	if (action != IPSEC_BYPASS)
		routes_remove(&t->routes, scope);
}

static void remove_policy(struct tun *t, uint32_t child)
{
	const struct policy *policy = tables_policy(&t->tables, child);

	struct route_scope scope = scope_of(policy);

	remove_routes(t, policy->action, &scope);
	(void)!tables_remove_policy(&t->tables, child);
}

static int tun_sa_delete(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote)
{
	struct tun *t = state;

	(void)protocol; /* it has no AH */
	lock(t);
	struct esp_sa *sa = tables_find_sa(&t->tables, spi, inbound, remote);
	if (sa) {
		uint32_t child = sa->child->id;

		tables_remove_sa(&t->tables, sa);
		if (tables_policy_is_over(&t->tables, child))
			remove_policy(t, child);
	}
	unlock(t);
	if (!sa)
		log_debug(t->host.log, "there is no SA %08x to delete", spi);
	return sa ? 0 : FAULT_NOT_FOUND;
}

/* A route knows no ranges of sources; to bypass the device needs a socket. */
static int refuse_shunt(struct tun *t, const struct ipsec_policy *policy)
{
	const struct address_range *local = &policy->local_ts.range;

	if (policy->action == IPSEC_DROP && local->family && address_range_prefix(local) < 0) {
		log_at(t->host.log, LEVEL_ERROR, "tun-route", "what is dropped must come from a prefix, not from a range of addresses: write several");
		return FAULT_UNSUPPORTED;
	}
	return policy->action == IPSEC_BYPASS ? wire_open_clear(&t->wire, policy->remote_ts.range.family) : 0;
}

/* The routes of the new policy come before those of the one that it replaces go. */
static int tun_policy_add(void *state, const struct ipsec_policy *policy)
{
	struct tun *t = state;

	lock(t);
	const struct policy *before = tables_policy(&t->tables, policy->child);
	/* Without anything before, what is removed is a bypass: nothing. */
	enum ipsec_action was = before ? before->action : IPSEC_BYPASS;
	struct route_scope old = before ? scope_of(before) : (struct route_scope){ .transport = false };
	struct route_scope scope = { policy->local_ts, policy->remote_ts, policy->transport, policy_is_by_source(policy),
				     policy->action != IPSEC_PROTECT };
	int fault = refuse_shunt(t, policy);
	if (fault == 0)
		fault = add_routes(t, policy->action, &scope, tables_mtu(&t->tables, policy->child));
	if (fault == 0) {
		fault = tables_set_policy(&t->tables, policy);
		if (fault) {
			log_error(t->host.log, "no memory for a policy");
			remove_routes(t, policy->action, &scope);
		} else {
			remove_routes(t, was, &old);
		}
	}
	unlock(t);
	return fault;
}

static int tun_policy_delete(void *state, uint32_t child)
{
	struct tun *t = state;

	lock(t);
	bool exists = tables_policy(&t->tables, child) != NULL;
	if (exists && tables_end_policy(&t->tables, child))
		remove_policy(t, child);
	unlock(t);
	if (!exists)
		log_debug(t->host.log, "there is no policy of child %u to delete", child);
	return exists ? 0 : FAULT_NOT_FOUND;
}

static int tun_policy_dropped(void *state, uint32_t child, uint64_t *out)
{
	struct tun *t = state;

	lock(t);
	const struct policy *policy = tables_policy(&t->tables, child);
	*out = policy ? atomic_load(&policy->dropped) : 0;
	unlock(t);
	return policy ? 0 : FAULT_NOT_FOUND;
}

static void tun_receive(void *state, const struct esp_batch *batches, size_t count)
{
	struct tun *t = state;

	epoch_enter(&t->tables.epoch, READER_UDP);
	t->udp.now = clock_system.now(clock_system.arg);
	for (size_t i = 0; i < count; i++)
		in_batch(&t->udp, &batches[i]);
	in_flush(&t->udp);
	epoch_leave(&t->tables.epoch, READER_UDP);
}

const struct kernel_ipsec tun_ops = {
	.name = "tun",
	.features = KERNEL_USERSPACE | KERNEL_ESN | KERNEL_UDP_ENCAP | KERNEL_TRANSPORT | KERNEL_SHUNT,
	.attach = tun_attach,
	.detach = tun_detach,
	.spi = tun_spi,
	.sa_add = tun_sa_add,
	.sa_move = tun_sa_move,
	.sa_usage = tun_sa_usage,
	.sa_delete = tun_sa_delete,
	.policy_add = tun_policy_add,
	.policy_delete = tun_policy_delete,
	.policy_dropped = tun_policy_dropped,
	.receive = tun_receive,
};
