/* SPDX-License-Identifier: MIT */
/*
 * load_initiator.c - brings up many connections to one responder, a bounded number at a time, and holds them: the load that both
 * daemons get when they are measured. keyferry's engine in one thread with real sockets, but no data path: what would be installed
 * is counted only.
 *
 * Each line on stdin is a number: so many connections, in the order of the configuration, shall have been tried. When all of them
 * have ended, one way or the other, a line on stdout says how. The end of stdin ends it, without a word to the peer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "events.h"
#include "load.h"
#include "net.h"
#include "peers.h"
#include "shard.h"

enum { LINE_SIZE = 32 };

/* one thread */
struct generator {
	struct load load;
	struct loop *loop;
	struct log *log;
	struct net *net;
	struct engine engine;
	struct shard *shards[1];
	struct subscription *subscription;
	struct watch input;
	char line[LINE_SIZE];
	size_t line_len;
	bool *is_over;                       /* of each connection                                 */
	size_t in_flight_max, in_flight;
	size_t started, target;              /* of the connections, in their order                 */
	size_t up, failed;
	uint64_t cpu, wall;                  /* ns, when the target was set                        */
	uint32_t last_spi;
};

/* ---- a kernel that does nothing ---- */

static int null_spi(void *state, uint8_t protocol, const struct address *local, const struct address *remote, uint32_t *out)
{
	struct generator *g = state;

	(void)protocol;
	(void)local;
	(void)remote;
	*out = ++g->last_spi;
	return 0;
}

static int null_sa_add(void *state, const struct ipsec_sa *sa)
{
	(void)state;
	(void)sa;
	return 0;
}

static int null_sa_move(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *from,
			const struct address *local, const struct address *remote)
{
	(void)state;
	(void)protocol;
	(void)spi;
	(void)inbound;
	(void)from;
	(void)local;
	(void)remote;
	return 0;
}

static int null_sa_delete(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote)
{
	(void)state;
	(void)protocol;
	(void)spi;
	(void)inbound;
	(void)remote;
	return 0;
}

static int null_policy_add(void *state, const struct ipsec_policy *policy)
{
	(void)state;
	(void)policy;
	return 0;
}

static int null_policy_delete(void *state, uint32_t child)
{
	(void)state;
	(void)child;
	return 0;
}

static const struct kernel_ipsec null_kernel = {
	.name = "null",
	.features = KERNEL_USERSPACE | KERNEL_UDP_ENCAP,
	.spi = null_spi,
	.sa_add = null_sa_add,
	.sa_move = null_sa_move,
	.sa_delete = null_sa_delete,
	.policy_add = null_policy_add,
	.policy_delete = null_policy_delete,
};

/* ---- the load ---- */

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static void say_result(const struct generator *g)
{
	printf("up %zu failed %zu cpu_ms %.1f wall_ms %.1f\n", g->up, g->failed,
	       (double)(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - g->cpu) / 1e6, (double)(nanoseconds(CLOCK_MONOTONIC) - g->wall) / 1e6);
	fflush(stdout);
}

/* Starts as many as may be under way. */
static void go_on(struct generator *g)
{
	while (g->started < g->target && g->in_flight < g->in_flight_max) {
		const struct connection_settings *c = settings_connection_at(g->load.settings, g->started++);

		if (shard_up(g->shards[0], c->name, NULL) == 0) {
			g->in_flight++;
			continue;
		}
		g->is_over[c->index] = true;
		g->failed++;
	}
}

static void connection_over(struct generator *g, const struct connection_settings *c, bool is_up)
{
	if (g->is_over[c->index])
		return;
	g->is_over[c->index] = true;
	g->in_flight--;
	(*(is_up ? &g->up : &g->failed))++;
	go_on(g);
	if (g->up + g->failed == g->target)
		say_result(g);
}

static void take_event(const struct event *event, void *arg)
{
	const struct event_sa *e = (const struct event_sa *)event;
	struct generator *g = arg;
	const struct connection_settings *c = NULL;

	if (event->type == EVENT_LOST)
		log_error(log_root(g->log), "events were lost, the count is too low");
	else
		c = settings_connection(g->load.settings, e->connection);
	if (c && (event->type == EVENT_CHILD_UP || e->final))
		connection_over(g, c, event->type == EVENT_CHILD_UP);
}

static void set_target(struct generator *g, const char *line)
{
	size_t count = settings_connection_count(g->load.settings);
	unsigned long target = strtoul(line, NULL, 10);

	g->target = target < count ? target : count;
	g->cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
	g->wall = nanoseconds(CLOCK_MONOTONIC);
	go_on(g);
	if (g->up + g->failed >= g->target)
		say_result(g);
}

static void input_ready(struct watch *watch, bool readable, bool writable)
{
	struct generator *g = CONTAINER(watch, struct generator, input);
	char octet;

	(void)readable;
	(void)writable;
	if (read(watch->fd, &octet, 1) != 1) {
		loop_stop(g->loop);
		return;
	}
	if (octet != '\n') {
		if (g->line_len < LINE_SIZE - 1)
			g->line[g->line_len++] = octet;
		return;
	}
	g->line[g->line_len] = '\0';
	g->line_len = 0;
	set_target(g, g->line);
}

/* ---- the engine ---- */

static int open_base(struct generator *g)
{
	struct log_options options = { .level = LEVEL_WARN, .fd = STDERR_FILENO };

	g->log = log_new(&options);
	g->loop = loop_new(NULL);
	g->load.core = (struct core){ .log = g->log, .bus = bus_new(), .main_loop = g->loop };
	return g->log && g->loop && g->load.core.bus ? 0 : FAULT_MEMORY;
}

static int open_engine(struct generator *g, const struct provider *kernel)
{
	struct engine *e = &g->engine;

	e->log = log_root(g->log);
	e->bus = g->load.core.bus;
	e->services = g->load.core.services;
	e->crypto = g->load.crypto;
	e->daemon = g->load.daemon;
	e->kernel = kernel;
	e->transport = net_transport(g->net);
	e->peers = peers_new();
	e->shards = g->shards;
	e->shard_count = 1;
	if (!e->peers || crypto_random(e->crypto, e->cookie_key, sizeof(e->cookie_key)))
		return FAULT_MEMORY;
	g->shards[0] = shard_new(e, 0, g->loop, g->load.settings);
	g->subscription = bus_subscribe(e->bus, g->loop, EVENT_BIT(EVENT_CHILD_UP) | EVENT_BIT(EVENT_FAILURE), take_event, g);
	g->is_over = calloc(settings_connection_count(g->load.settings) + 1, sizeof(*g->is_over));
	return g->shards[0] && g->subscription && g->is_over ? 0 : FAULT_MEMORY;
}

static int generator_open(struct generator *g, const struct load_options *options, const struct provider *kernel)
{
	int fault = open_base(g);

	fault = fault ? fault : load_config(&g->load, options);
	fault = fault ? fault : load_services(&g->load, options);
	fault = fault ? fault : load_settings(&g->load);
	if (fault)
		return fault;
	log_set_level(g->log, g->load.daemon.log_level);
	const struct net_options ports = { g->load.daemon.port, g->load.daemon.nat_port, true, false };
	fault = net_new(&g->net, &ports, log_root(g->log));
	fault = fault ? fault : open_engine(g, kernel);
	fault = fault ? fault : net_start(g->net, g->loop, &g->engine);
	g->input = (struct watch){ .fd = STDIN_FILENO, .ready = input_ready };
	return fault ? fault : loop_watch(g->loop, &g->input, true, false);
}

/* Without Deletes: whoever wants to measure those can have them from the daemon. */
static void generator_close(struct generator *g)
{
	/* Its end can always be read. */
	if (g->input.handle)
		loop_unwatch(g->loop, &g->input);
	if (g->shards[0])
		shard_free(g->shards[0]);
	while (g->loop && loop_turn(g->loop) > 0)
		;
	if (g->subscription)
		bus_unsubscribe(g->load.core.bus, g->subscription);
	net_free(g->net);
	if (g->engine.peers)
		peers_free(g->engine.peers);
	load_free(&g->load);
	if (g->loop)
		loop_free(g->loop);
	if (g->load.core.bus)
		bus_free(g->load.core.bus);
	if (g->log)
		log_free(g->log);
	free(g->is_over);
}

int main(int argc, char **argv)
{
	struct generator g = { .last_spi = 0x1000, .in_flight_max = argc > 3 ? strtoul(argv[3], NULL, 10) : 16 };
	const struct provider kernel = { &null_kernel, &g, "null", "null" };

	if (argc < 3 || argc > 4 || g.in_flight_max == 0) {
		fprintf(stderr, "usage: load_initiator CONFIG PLUGIN-DIR [IN-FLIGHT]\n");
		return EXIT_FAILURE;
	}
	const struct load_options options = { .config_file = argv[1], .plugin_dir = argv[2] };
	int fault = generator_open(&g, &options, &kernel);
	if (fault == 0)
		fault = loop_run(g.loop);
	if (fault)
		fprintf(stderr, "load_initiator: %s\n", fault_text(fault));
	generator_close(&g);
	return fault ? EXIT_FAILURE : EXIT_SUCCESS;
}
