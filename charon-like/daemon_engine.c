/* SPDX-License-Identifier: MIT */
/*
 * daemon_engine.c - the daemon's threads and its kernel service: how they begin and, in an order that matters, end. SAs go while
 * everything that they use is still there; what may post to a loop ends before that loop.
 */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ask.h"
#include "child.h"
#include "daemon_private.h"
#include "follow.h"
#include "peers.h"
#include "resolve.h"

/* How long the peers' Delete messages may take to be sent. */
enum { DELETE_SECONDS = 5 };

/* Threads for what exchanges wait for: the signatures of tokens, each of which makes one at a time. */
enum { ERRANDS_MAX = 4 };

/* ---- the kernel service ---- */

/* Something the kernel service tells, on its way to the main loop. */
struct acquire {
	struct job job;
	struct daemon *daemon;
	uint32_t child;
};

static void acquire_run(struct job *job)
{
	struct acquire *acquire = CONTAINER(job, struct acquire, job);

	if (acquire->daemon->intents && !loop_stopping(acquire->daemon->loop))
		intents_acquire(acquire->daemon->intents, acquire->child);
	free(acquire);
}

/* Any thread. Without memory the next packet asks again. */
static void host_acquire(void *arg, uint32_t child)
{
	struct daemon *d = arg;
	struct acquire *acquire = malloc(sizeof(*acquire));

	if (!acquire)
		return;
	*acquire = (struct acquire){ { NULL, acquire_run }, d, child };
	loop_post(d->loop, &acquire->job);
}

struct expire {
	struct ask ask;
	uint32_t spi;
	bool inbound, hard;
};

static bool tell_child(struct ike_sa *sa, const struct expire *expire)
{
	struct child *child = child_find(sa, expire->spi, expire->inbound);

	if (!child)
		return false;
	child_used_up(child, expire->hard);
	return true;
}

static void expire_work(struct ask *ask)
{
	const struct expire *expire = CONTAINER(ask, struct expire, ask);

	LIST_EACH(it, &ask->shard->sas.all)
		if (tell_child(CONTAINER(it, struct ike_sa, in_shard), expire))
			return;
}

static void expire_done(struct ask *ask)
{
	free(CONTAINER(ask, struct expire, ask));
}

/* Any thread. Nobody knows which shard has it, so all look. */
static void host_expire(void *arg, uint32_t spi, bool inbound, bool hard)
{
	struct daemon *d = arg;

	for (unsigned i = 0; i < d->engine.shard_count; i++) {
		struct expire *expire = malloc(sizeof(*expire));

		if (!expire)
			return;
		*expire = (struct expire){ { .work = expire_work, .done = expire_done }, spi, inbound, hard };
		ask_shard(&expire->ask, d->engine.shards[i], d->loop);
	}
}

struct move {
	struct ask ask;
	uint32_t spi;
	struct address local, remote;
};

static void move_work(struct ask *ask)
{
	const struct move *move = CONTAINER(ask, struct move, ask);

	follow_packet(ask->shard, move->spi, &move->local, &move->remote);
}

static void move_done(struct ask *ask)
{
	free(CONTAINER(ask, struct move, ask));
}

/* Any thread. As above. */
static void host_moved(void *arg, uint32_t spi, const struct address *local, const struct address *remote)
{
	struct daemon *d = arg;

	for (unsigned i = 0; i < d->engine.shard_count; i++) {
		struct move *move = malloc(sizeof(*move));

		if (!move)
			return;
		*move = (struct move){ { .work = move_work, .done = move_done }, spi, *local, *remote };
		ask_shard(&move->ask, d->engine.shards[i], d->loop);
	}
}

static int host_encap_socket(void *arg, uint8_t family)
{
	const struct daemon *d = arg;

	return net_encap_socket(d->net, family);
}

/* The first of these that can be attached. One that fails has said why. `is_there`: there was one to try. */
static bool attach_one(struct daemon *d, const char *wanted, bool userspace, bool *is_there)
{
	const struct provider *provider;

	for (size_t i = 0; (provider = services_at(d->load.core.services, SERVICE_KERNEL_IPSEC, i)); i++) {
		const struct kernel_ipsec *kernel = provider->ops;

		if ((wanted && strcmp(provider->key, wanted) != 0) || userspace != ((kernel->features & KERNEL_USERSPACE) != 0))
			continue;
		*is_there = true;
		if (kernel->attach(provider->state, &d->kernel_host) != 0)
			continue;
		d->engine.kernel = provider;
		d->kernel_is_attached = true;
		log_info(d->engine.log, "IPsec SAs are installed with kernel service %s", provider->key);
		return true;
	}
	return false;
}

static bool has_userspace(const struct daemon *d)
{
	const struct provider *provider;

	for (size_t i = 0; (provider = services_at(d->load.core.services, SERVICE_KERNEL_IPSEC, i)); i++)
		if (((const struct kernel_ipsec *)provider->ops)->features & KERNEL_USERSPACE)
			return true;
	return false;
}

void engine_attach_kernel(struct daemon *d)
{
	const char *wanted = strcmp(d->engine.daemon.kernel, "auto") == 0 ? NULL : d->engine.daemon.kernel;
	const struct log_context *log = d->engine.log;
	bool is_there = false;

	d->kernel_host = (struct kernel_host){
		.log = log, .crypto = d->engine.crypto, .encap_socket = host_encap_socket, .acquire = host_acquire,
		.expire = host_expire, .moved = host_moved, .arg = d, .is_named = wanted != NULL,
	};
	net_attach(d);
	/* Where the kernel has ESP it is the faster one. */
	bool is_attached = attach_one(d, wanted, false, &is_there) || attach_one(d, wanted, true, &is_there);
	net_keep(d, is_attached && ((const struct kernel_ipsec *)d->engine.kernel->ops)->features & KERNEL_OPTIONS);
	if (is_attached)
		return;
	if (is_there)
		log_line(log, LEVEL_ERROR, "no-kernel", "no kernel service could be started, see above%s: IPsec SAs cannot be installed; phase 1 only",
			 wanted || has_userspace(d) ? "" : ", and kernel-tun.so, which needs no ESP of the kernel, is not installed");
	else
		log_line(log, LEVEL_ERROR, "no-kernel",
			 "there is no kernel service%s%s: install kernel-xfrm.so or kernel-tun.so; phase 1 only", wanted ? " " : "",
			 wanted ? wanted : "");
}

int engine_check_modes(const struct daemon *d)
{
	/* clang-format off */
	static const struct { const char *key, *name, *plugin, *effect; } modes[] = {
		{ "1/32", "Quick Mode", "exchange-quick.so", "phase 1 only" },
		{ "1/5", "the Informational exchange", "exchange-informational.so", "peers are not told of what ends, nor heard about it" },
	};
	/* clang-format on */
	const struct services *services = d->load.core.services;
	const struct provider *provider;
	bool has_phase1 = false;

	for (size_t i = 0; i < COUNT(modes); i++)
		if (!services_find(services, SERVICE_EXCHANGE, modes[i].key))
			log_line(d->engine.log, LEVEL_ERROR, "no-exchange", "no plugin speaks %s: install %s; %s", modes[i].name,
				 modes[i].plugin, modes[i].effect);
	for (size_t i = 0; (provider = services_at(services, SERVICE_EXCHANGE, i)); i++)
		has_phase1 |= ((const struct exchange_mode *)provider->ops)->creates_sa;
	if (has_phase1)
		return 0;
	log_line(d->engine.log, LEVEL_ERROR, "no-exchange", "no plugin speaks a phase 1 mode: install exchange-main.so");
	return FAULT_UNSUPPORTED;
}

/* ---- threads ---- */

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	pthread_setname_np(pthread_self(), worker->name);
	/* A loop that fails ends its thread; the main loop cannot know, so that the whole process ends, to be started again. */
	if (loop_run(worker->loop) != 0)
		kill(getpid(), SIGTERM);
	return NULL;
}

static int worker_start(struct worker *worker, const struct log_context *log)
{
	sigset_t all, before;
	int status;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	status = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status != 0) {
		log_error(log, "cannot start thread %s: %s", worker->name, strerror(status));
		return FAULT_SYSTEM;
	}
	worker->runs = true;
	return 0;
}

static void worker_end(struct worker *worker)
{
	if (!worker->runs)
		return;
	loop_stop(worker->loop);
	pthread_join(worker->thread, NULL);
	worker->runs = false;
}

static void resolve_by_helper(struct engine *engine, struct resolve *resolve, struct loop *home, void (*done)(struct resolve *resolve))
{
	/* Not by those of exchanges: a token that hangs holds all of these. */
	resolve_start(CONTAINER(engine, struct daemon, engine)->load.core.helpers, resolve, home, done);
}

static int open_shard(struct daemon *d, unsigned i)
{
	struct worker *worker = &d->workers[i];

	snprintf(worker->name, sizeof(worker->name), "kf-shard-%u", i % 1000);
	worker->loop = loop_new(NULL);
	if (!worker->loop)
		return FAULT_MEMORY;
	d->engine.shards[i] = shard_new(&d->engine, i, worker->loop, d->load.settings);
	return d->engine.shards[i] ? 0 : FAULT_MEMORY;
}

int engine_open(struct daemon *d)
{
	struct engine *e = &d->engine;
	unsigned count = d->load.daemon.shards;
	int fault = 0;

	e->log = log_root(d->log);
	e->bus = d->load.core.bus;
	e->helpers = helpers_new(ERRANDS_MAX);
	e->resolve = resolve_by_helper;
	e->services = d->load.core.services;
	e->crypto = d->load.crypto;
	e->daemon = d->load.daemon;
	atomic_init(&e->half_open, 0);
	atomic_init(&e->established, 0);
	e->peers = peers_new();
	e->shards = calloc(count, sizeof(struct shard *));
	d->workers = calloc(count, sizeof(*d->workers));
	snprintf(d->net_worker.name, sizeof(d->net_worker.name), "kf-net");
	d->net_worker.loop = loop_new(NULL);
	if (!e->helpers || !e->peers || !e->shards || !d->workers || !d->net_worker.loop)
		return FAULT_MEMORY;
	e->shard_count = count;
	fault = crypto_random(e->crypto, e->cookie_key, sizeof(e->cookie_key));
	for (unsigned i = 0; i < count && !fault; i++)
		fault = open_shard(d, i);
	return fault;
}

int engine_start_threads(struct daemon *d)
{
	int fault = net_start(d->net, d->net_worker.loop, &d->engine);

	for (unsigned i = 0; i < d->engine.shard_count && !fault; i++)
		fault = worker_start(&d->workers[i], d->engine.log);
	/* Last: what comes in finds its shard running. */
	return fault ? fault : worker_start(&d->net_worker, d->engine.log);
}

/* ---- settings ---- */

struct new_settings {
	struct ask ask;
	struct settings *settings;
};

static void new_settings_work(struct ask *ask)
{
	shard_set_settings(ask->shard, CONTAINER(ask, struct new_settings, ask)->settings);
}

static void new_settings_done(struct ask *ask)
{
	struct new_settings *new = CONTAINER(ask, struct new_settings, ask);

	settings_unref(new->settings);
	free(new);
}

int engine_set_settings(struct daemon *d, struct settings *settings)
{
	unsigned count = d->engine.shard_count, made = 0;
	struct new_settings **all = calloc(count, sizeof(struct new_settings *));

	while (all && made < count && (all[made] = calloc(1, sizeof(struct new_settings))))
		made++;
	if (made < count) {
		while (made > 0)
			free(all[--made]);
		free(all);
		return FAULT_MEMORY;
	}
	for (unsigned i = 0; i < count; i++) {
		all[i]->ask.work = new_settings_work;
		all[i]->ask.done = new_settings_done;
		all[i]->settings = settings_ref(settings);
		ask_shard(&all[i]->ask, d->engine.shards[i], d->loop);
	}
	free(all);
	return 0;
}

/* ---- the end ---- */

struct farewell {
	struct ask ask;
	sem_t *said;
};

static void farewell_work(struct ask *ask)
{
	shard_delete_all(ask->shard, "the daemon is ending");
	sem_post(CONTAINER(ask, struct farewell, ask)->said);
}

static void farewell_done(struct ask *ask)
{
	(void)ask;
}

/* On each shard's own thread, side by side; then the threads end. */
static void say_farewell(struct daemon *d)
{
	unsigned count = d->engine.shard_count;
	struct farewell *all = calloc(count ? count : 1, sizeof(*all));
	struct timespec until;
	sem_t said;

	sem_init(&said, 0, 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DELETE_SECONDS;
	for (unsigned i = 0; all && i < count; i++) {
		if (!d->workers[i].runs)
			continue;
		all[i] = (struct farewell){ { .work = farewell_work, .done = farewell_done }, &said };
		ask_shard(&all[i].ask, d->engine.shards[i], d->loop);
	}
	for (unsigned i = 0; all && i < count; i++) {
		int status = 0;

		while (d->workers[i].runs && (status = sem_timedwait(&said, &until)) < 0 && errno == EINTR)
			;
		if (status < 0)
			log_warn(d->engine.log, "a shard takes longer than %d seconds to delete its SAs", DELETE_SECONDS);
	}
	for (unsigned i = 0; i < count; i++)
		worker_end(&d->workers[i]);
	/* Their answers are in our inbox, or still in a shard's, which hands them on. */
	for (unsigned i = 0; i < count; i++)
		while (loop_turn(d->workers[i].loop) > 0)
			;
	while (loop_turn(d->loop) > 0)
		;
	sem_destroy(&said);
	free(all);
}

/* What is left in the inboxes of loops that no longer run, once nobody adds to them. */
static void drain(struct daemon *d)
{
	size_t ran;

	do {
		ran = loop_turn(d->loop);
		for (unsigned i = 0; i < d->engine.shard_count; i++)
			if (d->workers[i].loop)
				ran += loop_turn(d->workers[i].loop);
	} while (ran > 0);
}

void engine_close(struct daemon *d)
{
	struct engine *e = &d->engine;

	worker_end(&d->net_worker);
	loop_stop(d->loop);
	if (d->workers && e->shards && d->workers[0].runs)
		say_farewell(d);
	/* Now all is ours. What has come up since is few, and goes too. */
	for (unsigned i = 0; i < e->shard_count; i++)
		if (e->shards[i])
			shard_delete_all(e->shards[i], "the daemon is ending");
	if (d->kernel_is_attached)
		((const struct kernel_ipsec *)e->kernel->ops)->detach(e->kernel->state);
	d->kernel_is_attached = false;
	net_keep(d, false);
	helpers_free(e->helpers);
	helpers_free(d->load.core.helpers);
	e->helpers = d->load.core.helpers = NULL;
	drain(d);
	for (unsigned i = 0; i < e->shard_count; i++) {
		if (e->shards[i])
			shard_free(e->shards[i]);
		if (d->workers[i].loop)
			loop_free(d->workers[i].loop);
	}
	if (e->peers)
		peers_free(e->peers);
	net_free(d->net);
	if (d->net_worker.loop)
		loop_free(d->net_worker.loop);
	wipe(e->cookie_key, sizeof(e->cookie_key));
	free(e->shards);
	free(d->workers);
	e->shard_count = 0;
}
