/* SPDX-License-Identifier: MIT */
/* pair_side.c - makes one side of a pair: the real plugins, a configuration from text, a fake kernel. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"
#include "pair.h"
#include "resolve.h"

int pair_send(void *state, const struct address *local, const struct address *remote, bool nat_port, struct bytes message);

static uint64_t pair_now(void *arg)
{
	return ((const struct pair *)arg)->now;
}

static void keep_line(void *arg, enum log_level level, const char *line)
{
	struct side *side = arg;

	snprintf(side->lines[side->line_count++ % LOG_KEPT], PAIR_TEXT_MAX, "%s", line);
	if (side->pair->echo_log)
		printf("%c %s %s\n", side->which == LEFT ? '<' : '>', log_level_name(level), line);
}

static void take_event(const struct event *event, void *arg)
{
	const struct event_sa *sa_event = (const struct event_sa *)event;
	struct side *side = arg;

	side->events[event->type]++;
	if (event->type != EVENT_FAILURE)
		return;
	memcpy(side->last_code, sa_event->code, sizeof(side->last_code));
	memcpy(side->last_text, sa_event->text, sizeof(side->last_text));
	side->failed_finally |= sa_event->final;
}

/* ---- the fake kernel ---- */

static int fake_spi(void *state, uint8_t protocol, const struct address *local, const struct address *remote, uint32_t *out)
{
	struct fake_kernel *kernel = state;

	(void)local;
	(void)remote;
	if (protocol == PROTO_IPCOMP && kernel->refuse_cpi)
		return FAULT_UNSUPPORTED;
	if (protocol == PROTO_IPCOMP) {
		*out = kernel->next_spi++ & 0xffff;
		return 0;
	}
	/* Each once, in no order. */
	*out = kernel->next_spi++ * 2654435761u;
	return 0;
}

static int fake_sa_add(void *state, const struct ipsec_sa *sa)
{
	struct fake_kernel *kernel = state;

	if (kernel->refuse) {
		int fault = kernel->refuse;
		kernel->refuse = 0;
		return fault;
	}
	if (kernel->count == FAKE_SAS_MAX)
		return FAULT_FULL;
	struct fake_sa *fake = &kernel->sas[kernel->count++];
	struct writer w = writer_over(fake->keys, sizeof(fake->keys));
	put_bytes(&w, sa->encryption_key);
	put_bytes(&w, sa->integrity_key);
	fake->key_len = w.used;
	fake->spi = sa->spi;
	fake->child = sa->child;
	fake->inbound = sa->inbound;
	fake->udp_encap = sa->udp_encap;
	fake->transport = sa->transport;
	fake->is_ah = sa->transform.is_ah;
	fake->cpi = sa->cpi;
	fake->local_ts = sa->local_ts;
	fake->remote_ts = sa->remote_ts;
	fake->remote = sa->remote;
	fake->packets = fake->last_used = 0;
	return 0;
}

static bool is_fake(const struct fake_sa *sa, uint8_t protocol, uint32_t spi, bool inbound)
{
	return sa->spi == spi && sa->inbound == inbound && sa->is_ah == (protocol == PROTO_AH);
}

static int fake_sa_delete(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote)
{
	struct fake_kernel *kernel = state;

	(void)remote;
	for (size_t i = 0; i < kernel->count; i++) {
		if (!is_fake(&kernel->sas[i], protocol, spi, inbound))
			continue;
		/* The newest stay behind the older ones. */
		memmove(&kernel->sas[i], &kernel->sas[i + 1], (--kernel->count - i) * sizeof(kernel->sas[0]));
		return 0;
	}
	return FAULT_NOT_FOUND;
}

static int fake_sa_move(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *from,
			const struct address *local, const struct address *remote)
{
	struct fake_kernel *kernel = state;

	(void)local;
	for (size_t i = 0; i < kernel->count; i++) {
		if (!is_fake(&kernel->sas[i], protocol, spi, inbound) || !address_same(&kernel->sas[i].remote, from))
			continue;
		kernel->sas[i].remote = *remote;
		return 0;
	}
	return FAULT_NOT_FOUND;
}

static int fake_sa_usage(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote, struct ipsec_usage *out)
{
	const struct fake_kernel *kernel = state;

	(void)remote;
	for (size_t i = 0; i < kernel->count; i++) {
		const struct fake_sa *sa = &kernel->sas[i];
		if (!is_fake(sa, protocol, spi, inbound))
			continue;
		*out = (struct ipsec_usage){ .bytes = sa->packets * 100, .packets = sa->packets, .last_used = sa->last_used };
		return 0;
	}
	return FAULT_NOT_FOUND;
}

static int fake_policy_delete(void *state, uint32_t child)
{
	struct fake_kernel *kernel = state;

	for (size_t i = 0; i < kernel->policies; i++) {
		if (kernel->policy[i].child != child)
			continue;
		kernel->policy[i] = kernel->policy[--kernel->policies];
		return 0;
	}
	return FAULT_NOT_FOUND;
}

static int fake_policy_add(void *state, const struct ipsec_policy *policy)
{
	struct fake_kernel *kernel = state;

	(void)fake_policy_delete(kernel, policy->child);
	if (kernel->policies == FAKE_POLICIES_MAX)
		return FAULT_FULL;
	kernel->policy[kernel->policies].child = policy->child;
	kernel->policy[kernel->policies].compress = policy->compress;
	kernel->policy[kernel->policies++].want_acquire = policy->want_acquire;
	return 0;
}

static void fake_kernel_init(struct fake_kernel *kernel, unsigned which, uint32_t features)
{
	kernel->ops = (struct kernel_ipsec){
		.name = "fake", .features = features, .spi = fake_spi, .sa_add = fake_sa_add, .sa_move = fake_sa_move,
		.sa_usage = fake_sa_usage, .sa_delete = fake_sa_delete,
		.policy_add = fake_policy_add, .policy_delete = fake_policy_delete,
	};
	kernel->next_spi = 0x1000 + which * 0x100000;
	kernel->provider = (struct provider){ &kernel->ops, kernel, "fake", "fake" };
}

/* ---- configuration ---- */

static void give_up(const struct side *side, const char *what)
{
	printf("pair: %s: %s\n", side->which == LEFT ? "left" : "right", what);
	for (size_t i = 0; i < side->line_count && i < LOG_KEPT; i++)
		printf("  %s\n", side->lines[i]);
	exit(EXIT_FAILURE);
}

static void write_file(const char *folder, const char *name, struct bytes content, char path[256])
{
	snprintf(path, 256, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	if (!file || fwrite(content.at, 1, content.len, file) != content.len || fclose(file) != 0 || chmod(path, 0600) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

static struct config *read_config(struct side *side, const char *path)
{
	const struct provider *source = services_find(side->services, SERVICE_CONFIG, "xml");
	struct config_builder *builder = config_builder_new(log_root(side->log));
	struct config *config = NULL;

	if (!source || !builder)
		give_up(side, "no config-xml");
	const struct config_source *ops = source->ops;
	if (ops->load(source->state, path, builder, log_root(side->log)) < 0) {
		config_builder_free(builder);
		give_up(side, "the XML is refused");
	}
	if (config_builder_finish(builder, &config) < 0)
		give_up(side, "the XML is refused");
	return config;
}

static void each_file(const struct pair *pair, const char *folder, bool remove)
{
	char path[256];

	for (const struct pair_file *it = pair->files; it && it->name; it++) {
		if (remove && snprintf(path, sizeof(path), "%s/%s", folder, it->name) > 0)
			unlink(path);
		else
			write_file(folder, it->name, it->len ? bytes_of(it->content, it->len) : bytes_text(it->content), path);
	}
}

struct settings *side_read(struct side *side, const char *xml, const char *psk)
{
	struct settings *settings = NULL;
	char folder[] = "/tmp/keyferry-pair-XXXXXX", path[256], psk_path[256];

	if (!mkdtemp(folder))
		give_up(side, "no folder in /tmp");
	write_file(folder, "psk", bytes_text(psk), psk_path);
	write_file(folder, "keyferry.xml", bytes_text(xml), path);
	each_file(side->pair, folder, false);
	struct config *config = read_config(side, path);
	if (daemon_settings_read(&side->engine.daemon, config, log_root(side->log)) < 0 ||
	    settings_new(&settings, config, side->crypto, side->services, log_root(side->log)) < 0)
		give_up(side, "the configuration is refused");
	config_unref(config);
	unlink(path);
	unlink(psk_path);
	each_file(side->pair, folder, true);
	rmdir(folder);
	return settings;
}

static const char *plugin_folder(char out[512])
{
	const char *top = getenv("TOP_BUILDDIR");

	snprintf(out, 512, "%s/.libs", top ? top : ".");
	return out;
}

static void load_plugins(struct side *side, const char *crypto, const char *skip, const struct pair_options *pair)
{
	char folder[512];
	const char *skipped[] = { "kernel-tun", skip, NULL };
	const char *backends[] = { crypto ? crypto : "openssl", NULL };
	struct plugins_options options = { .folder = plugin_folder(folder), .skip = skipped, .linked = pair->linked, .root = pair->root };

	side->core = (struct core){ .log = side->log, .bus = side->bus, .helpers = helpers_new(2), .main_loop = side->loop };
	if (plugins_load(&side->plugins, &side->core, &options) < 0)
		give_up(side, "the plugins cannot be loaded");
	side->services = side->core.services;
	if (crypto_new(&side->crypto, side->services, backends, log_root(side->log)) < 0)
		give_up(side, "no crypto backend");
}

/* ---- the network ---- */

static int fake_source(void *state, const struct address *remote, struct address *out)
{
	const struct side *side = state;

	(void)remote;
	*out = side->source;
	return out->family ? 0 : FAULT_SYSTEM;
}

static void fake_answer(struct job *job)
{
	struct resolve *resolve = CONTAINER(job, struct resolve, errand.job);

	resolve->done(resolve);
}

static void fake_resolve(struct engine *engine, struct resolve *resolve, struct loop *home, void (*done)(struct resolve *resolve))
{
	const struct side *side = CONTAINER(engine, const struct side, engine);

	resolve->address = side->resolved;
	resolve->ttl = RESOLVE_TTL_DEFAULT;
	snprintf(resolve->error, sizeof(resolve->error), "nobody knows it");
	resolve->done = done;
	resolve->errand.job.run = fake_answer;
	loop_post(home, &resolve->errand.job);
}

/* ---- the life of a side ---- */

void side_begin(struct side *side)
{
	side->intents = intents_new(&side->engine, side->loop);
	if (!side->intents || intents_apply(side->intents, side->settings) < 0)
		give_up(side, "no memory");
}

static void take_settings(struct side *side, struct settings *settings)
{
	settings_unref(side->settings);
	side->settings = settings;
}

static void set_settings(struct side *side, struct settings *settings)
{
	for (unsigned i = 0; i < side->engine.shard_count; i++)
		shard_set_settings(side->shards[i], settings);
}

void side_restart(struct side *side, struct settings *settings)
{
	bool has_intents = side->intents != NULL;

	intents_free(side->intents);
	side->intents = NULL;
	EACH_SA(it, side)
		sa_free(CONTAINER(it, struct ike_sa, in_shard));
	side->kernel.count = side->kernel.policies = 0;
	while (loop_turn(side->loop))
		;
	if (settings)
		take_settings(side, settings);
	set_settings(side, side->settings);
	if (has_intents)
		side_begin(side);
}

void side_reload(struct side *side, struct settings *settings)
{
	take_settings(side, settings);
	set_settings(side, settings);
	if (side->intents && intents_apply(side->intents, settings) < 0)
		give_up(side, "no memory");
}

static void side_init(struct pair *pair, unsigned which, const struct pair_options *options)
{
	struct side *side = &pair->side[which];
	struct clock clock = { pair_now, pair };
	struct log_options log_options = { .level = LEVEL_DEBUG, .fd = -1, .sink = keep_line, .sink_arg = side };

	side->pair = pair;
	side->which = which;
	side->log = log_new(&log_options);
	side->loop = loop_new(&clock);
	side->bus = bus_new();
	load_plugins(side, which == LEFT ? options->left_crypto : options->right_crypto, which == RIGHT ? options->skip : NULL,
		     options);
	side->settings = side_read(side, which == LEFT ? options->left : options->right, which == LEFT ? options->left_psk : options->right_psk);
	fake_kernel_init(&side->kernel, which, options->kernel_features);
	side->subscription = bus_subscribe(side->bus, side->loop, ~UINT64_C(0), take_event, side);
	struct engine *engine = &side->engine;
	engine->log = log_root(side->log);
	engine->bus = side->bus;
	engine->helpers = side->core.helpers;
	engine->services = side->services;
	engine->crypto = side->crypto;
	engine->transport = (struct transport){ .send = pair_send, .source = fake_source, .state = side };
	engine->resolve = fake_resolve;
	engine->kernel = &side->kernel.provider;
	engine->peers = peers_new();
	engine->shard_count = options->shards ? options->shards : 1;
	engine->shards = side->shards;
	engine->cookie_key[0] = (uint8_t)(1 + which);
	for (unsigned i = 0; i < engine->shard_count; i++)
		if (!(side->shards[i] = shard_new(engine, i, side->loop, side->settings)))
			give_up(side, "no memory");
	if (!side->subscription)
		give_up(side, "no memory");
}

struct pair *pair_new(const struct pair_options *options)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		exit(EXIT_FAILURE);
	pair->now = 1000;
	pair->files = options->files;
	pair->echo_log = getenv("PAIR_ECHO") != NULL;
	side_init(pair, LEFT, options);
	side_init(pair, RIGHT, options);
	return pair;
}

static void side_free(struct side *side)
{
	intents_free(side->intents);
	helpers_free(side->core.helpers);
	for (unsigned i = 0; i < side->engine.shard_count; i++)
		shard_free(side->shards[i]);
	while (loop_turn(side->loop))
		;
	bus_unsubscribe(side->bus, side->subscription);
	settings_unref(side->settings);
	crypto_free(side->crypto);
	plugins_free(side->plugins, &side->core);
	peers_free(side->engine.peers);
	loop_free(side->loop);
	bus_free(side->bus);
	log_free(side->log);
}

void pair_free(struct pair *pair)
{
	pair_reset(pair);
	side_free(&pair->side[LEFT]);
	side_free(&pair->side[RIGHT]);
	free(pair);
}

void pair_documents(char left[4096], char right[4096], const char *ike, const char *esp, unsigned children, bool ipv6, bool transport)
{
	const char *address[] = { ipv6 ? "2001:db8::1" : "192.0.2.1", ipv6 ? "2001:db8::2" : "192.0.2.2" };
	char *out[] = { left, right };

	for (int i = 0; i < SIDES; i++) {
		int used = snprintf(out[i], 4096,
				    "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\"><local address=\"%s\"/><remote address=\"%s\"/>"
				    "<phase1" PHASE1 " proposals=\"%s\"/>", address[i], address[!i], ike);
		for (unsigned c = 0; c < children; c++) {
			used += snprintf(out[i] + used, (size_t)(4096 - used), "<child name=\"c%u\" proposals=\"%s\"", c, esp);
			if (transport)
				used += snprintf(out[i] + used, (size_t)(4096 - used), " mode=\"transport\"/>");
			else
				used += snprintf(out[i] + used, (size_t)(4096 - used), " local=\"10.%d.%u.0/24\" remote=\"10.%d.%u.0/24\"/>",
						 i + 1, c, !i + 1, c);
		}
		snprintf(out[i] + used, (size_t)(4096 - used), "</connection><psk ids=\"%s %s\" file=\"psk\"/></keyferry>", address[0],
			 address[1]);
	}
}
