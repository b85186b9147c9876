/* SPDX-License-Identifier: MIT */
/* shard.c - a worker thread's SAs: finds the one that a message is for, begins new ones. Commands are in shard_commands.c. */
#include "shard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "ikev1/v1.h"

struct packet *packet_new(const struct address *local, const struct address *remote, bool nat_port, struct bytes data)
{
	struct packet *packet = malloc(sizeof(*packet) + data.len);

	if (!packet)
		return NULL;
	*packet = (struct packet){ .local = *local, .remote = *remote, .nat_port = nat_port, .len = data.len };
	memcpy(packet->data, data.at, data.len);
	return packet;
}

void packet_free(struct packet *packet)
{
	free(packet);
}

struct shard *shard_new(struct engine *engine, unsigned index, struct loop *loop, struct settings *settings)
{
	struct shard *shard = calloc(1, sizeof(*shard));

	if (!shard)
		return NULL;
	shard->engine = engine;
	shard->index = index;
	shard->loop = loop;
	shard->settings = settings_ref(settings);
	list_init(&shard->sas.all);
	list_init(&shard->sas.connecting);
	list_init(&shard->sas.half_open);
	return shard;
}

void shard_free(struct shard *shard)
{
	if (!shard)
		return;
	while (!list_empty(&shard->sas.all))
		sa_free(CONTAINER(list_first(&shard->sas.all), struct ike_sa, in_shard));
	settings_unref(shard->settings);
	free(shard);
}

/*
 * IKEv1 headers do not tell whose cookie is whose, so an SA belongs to the shard of its initiator's
 * cookie, which is in every packet of either direction.
 */
unsigned shard_of(const struct engine *engine, const uint8_t initiator_cookie[COOKIE_SIZE])
{
	if (engine->shard_count < 2)
		return 0;
	return (unsigned)(siphash(engine->cookie_key, bytes_of(initiator_cookie, COOKIE_SIZE)) % engine->shard_count);
}

/*
 * RFC 2408 2.5.3: made from the addresses and a secret, so that message 1 finds the SA that it
 * made when it comes again, without a second table.
 */
static void make_responder_cookie(const struct engine *engine, const struct packet *packet, uint8_t out[COOKIE_SIZE])
{
	uint8_t in[2 + 2 + 16 + 16 + COOKIE_SIZE];
	struct writer w = writer_over(in, sizeof(in));
	struct writer cookie = writer_over(out, COOKIE_SIZE);

	put_u16(&w, packet->remote.port);
	put_u16(&w, packet->remote.family);
	put_bytes(&w, bytes_of(packet->remote.ip, sizeof(packet->remote.ip)));
	put_bytes(&w, bytes_of(packet->local.ip, sizeof(packet->local.ip)));
	put_bytes(&w, bytes_of(packet->data, COOKIE_SIZE));
	uint64_t value = siphash(engine->cookie_key, writer_bytes(&w));
	put_u64(&cookie, value ? value : 1);
}

static const struct exchange_mode *find_mode(const struct shard *shard, unsigned type)
{
	char key[8];

	snprintf(key, sizeof(key), "1/%u", type);
	const struct provider *provider = services_find(shard->engine->services, SERVICE_EXCHANGE, key);
	return provider ? provider->ops : NULL;
}

/* A refusal without an SA has no context to say it in but the shard's. */
static void refuse(struct shard *shard, const struct packet *packet, enum log_level level, const char *code, const char *text)
{
	char peer[ADDRESS_TEXT_MAX];

	shard->dropped++;
	log_at(shard->engine->log, level, code, "%s: %s", address_text(peer, &packet->remote), text);
}

static bool is_known_mode(struct shard *shard, const struct packet *packet, const struct ike_header *header,
			  const struct exchange_mode *mode)
{
	char name[NAME_TEXT_MAX], text[160];

	if (mode)
		return true;
	snprintf(text, sizeof(text), "it begins %s, which no loaded plugin speaks", exchange_name(name, header->exchange));
	refuse(shard, packet, LEVEL_INFO, "unknown-exchange", text);
	return false;
}

/*
 * Too many are half open: the oldest that has not shown that it gets our answers makes room. An honest peer needs one round trip for
 * that, a flood of forged messages keeps each place only as long as it pays for it.
 */
static bool make_room(struct shard *shard)
{
	struct engine *engine = shard->engine;

	if (atomic_load_explicit(&engine->half_open, memory_order_relaxed) < engine->daemon.half_open_max)
		return true;
	log_at(engine->log, LEVEL_WARN, "half-open-limit",
	       "%u negotiations that nobody has authenticated are under way: the oldest are dropped (half-open-max)",
	       engine->daemon.half_open_max);
	LIST_EACH(it, &shard->sas.half_open) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_connecting);
		struct list *first = list_first(&sa->exchanges);
		if (sa->held || (first && CONTAINER(first, struct exchange, in_sa)->row > ROWS_OF_FORGERS))
			continue;
		sa_free(sa);
		return true;
	}
	return false;
}

/* Message 1 of a peer: an SA and an exchange that last only if the first step is committed. */
static void begin_sa(struct shard *shard, struct packet *packet, const struct ike_header *header)
{
	const struct exchange_mode *mode = find_mode(shard, header->exchange);
	uint8_t cookie[2][COOKIE_SIZE];

	if (!is_known_mode(shard, packet, header, mode)) {
		packet_free(packet);
		return;
	}
	if (!mode->creates_sa || header->message_id != 0) {
		refuse(shard, packet, LEVEL_DEBUG, "unknown-sa", "a message of an SA that does not exist");
		packet_free(packet);
		return;
	}
	memcpy(cookie[INITIATOR], header->cookie[INITIATOR], COOKIE_SIZE);
	make_responder_cookie(shard->engine, packet, cookie[RESPONDER]);
	struct ike_sa *sa = sa_find(&shard->sas, cookie);
	struct exchange *ex = NULL;
	if (sa) {
		/* Message 1 again, or another one under its cookie. */
		LIST_EACH(it, &sa->exchanges)
			if (CONTAINER(it, struct exchange, in_sa)->mode == mode)
				ex = CONTAINER(it, struct exchange, in_sa);
		if (!ex) {
			packet_free(packet);
			return;
		}
	} else {
		sa = make_room(shard) ? sa_new(shard, RESPONDER, (const uint8_t(*)[COOKIE_SIZE])cookie, shard->settings) : NULL;
		if (!sa) {
			packet_free(packet);
			return;
		}
		sa->local = packet->local;
		sa->remote = packet->remote;
		sa->is_float = packet->nat_port;
		ex = exchange_new(sa, mode, RESPONDER, 0);
	}
	if (!ex || (ex->row == 0 && mode->begin && mode->begin(ex, NULL) != STEP_OK)) {
		sa_free(sa);
		packet_free(packet);
		return;
	}
	sa_hold(sa);
	exchange_receive(ex, packet);
	/* A first message that was dropped leaves nothing behind: it costs an attacker more than us. */
	bool is_void = sa->state == SA_CONNECTING && !list_empty(&sa->exchanges) && sa->role == RESPONDER &&
		       CONTAINER(list_first(&sa->exchanges), struct exchange, in_sa)->row == 0 &&
		       !CONTAINER(list_first(&sa->exchanges), struct exchange, in_sa)->is_waiting;
	if (is_void)
		sa_free(sa);
	sa_release(sa);
}

static struct exchange *find_exchange(struct ike_sa *sa, const struct ike_header *header)
{
	LIST_EACH(it, &sa->exchanges) {
		struct exchange *ex = CONTAINER(it, struct exchange, in_sa);
		if (ex->message_id == header->message_id && ex->mode->type == header->exchange)
			return ex;
	}
	return NULL;
}

static bool answer_from_echo(struct ike_sa *sa, const struct packet *packet, const struct ike_header *header)
{
	uint64_t received = map_hash(packet->data, packet->len);
	struct echo *echo = sa_find_echo(sa, header->message_id, &received);

	if (!echo)
		return false;
	child_not_ready(sa, echo->message_id);
	sa_send_echo(echo);
	return true;
}

/* The first message of an exchange under an ISAKMP SA. Nothing is kept of it unless its first step is committed. */
static void begin_exchange(struct ike_sa *sa, struct packet *packet, const struct ike_header *header)
{
	const struct exchange_mode *mode = find_mode(sa->shard, header->exchange);

	if (sa->state != SA_ESTABLISHED || header->message_id == 0 || sa_message_id_seen(sa, header->message_id) ||
	    !is_known_mode(sa->shard, packet, header, mode) || mode->creates_sa || !mode->may_start(sa, RESPONDER)) {
		log_debug(&sa->ctx, "a message of exchange type %u and ID %08" PRIx32 " fits nothing that runs", header->exchange,
			  header->message_id);
		sa->shard->dropped++;
		packet_free(packet);
		return;
	}
	struct exchange *ex = exchange_new(sa, mode, RESPONDER, header->message_id);
	if (!ex || (mode->begin && mode->begin(ex, NULL) != STEP_OK)) {
		if (ex)
			exchange_end(ex);
		packet_free(packet);
		return;
	}
	sa_hold(sa);
	exchange_receive(ex, packet);
	ex = find_exchange(sa, header);
	if (ex && ex->row == 0 && !ex->is_waiting)
		exchange_end(ex);
	sa_release(sa);
}

static void receive_for(struct ike_sa *sa, struct packet *packet, const struct ike_header *header)
{
	struct exchange *ex = find_exchange(sa, header);

	sa->packets_in++;
	sa->bytes_in += packet->len;
	if (ex) {
		exchange_receive(ex, packet);
		return;
	}
	if (answer_from_echo(sa, packet, header)) {
		packet_free(packet);
		return;
	}
	if (header->exchange == EXCHANGE_INFORMATIONAL && !(header->flags & FLAG_ENCRYPTED)) {
		v1_take_hint(sa, packet);
		packet_free(packet);
		return;
	}
	if (header->exchange == EXCHANGE_INFORMATIONAL && sa->state == SA_CONNECTING) {
		v1_take_early_notice(sa, packet);
		packet_free(packet);
		return;
	}
	begin_exchange(sa, packet, header);
}

static struct ike_sa *find_sa(struct shard *shard, const struct ike_header *header)
{
	uint8_t early[2][COOKIE_SIZE] = { { 0 }, { 0 } };
	struct ike_sa *sa = sa_find(&shard->sas, header->cookie);

	if (sa)
		return sa;
	/* Until phase 1 is proven our own SAs as initiator are found by our cookie alone. */
	memcpy(early[INITIATOR], header->cookie[INITIATOR], COOKIE_SIZE);
	return sa_find(&shard->sas, (const uint8_t(*)[COOKIE_SIZE])early);
}

static bool header_has_responder(const struct ike_header *header)
{
	static const uint8_t zero[COOKIE_SIZE];

	return memcmp(header->cookie[RESPONDER], zero, COOKIE_SIZE) != 0;
}

void shard_receive(struct shard *shard, struct packet *packet)
{
	struct ike_header header;

	shard->received++;
	if (header_read(&header, bytes_of(packet->data, packet->len)) < 0) {
		refuse(shard, packet, LEVEL_INFO, "malformed", "a header that does not fit its datagram");
		packet_free(packet);
		return;
	}
	struct ike_sa *sa = find_sa(shard, &header);
	if (sa && (header_has_responder(&header) || sa->role == INITIATOR)) {
		sa_hold(sa);
		receive_for(sa, packet, &header);
		sa_release(sa);
	} else if (!header_has_responder(&header) && !(header.flags & FLAG_ENCRYPTED)) {
		begin_sa(shard, packet, &header);
	} else {
		refuse(shard, packet, LEVEL_DEBUG, "unknown-sa", "a message of an SA that does not exist");
		packet_free(packet);
	}
}

static void packet_run(struct job *job)
{
	struct packet *packet = CONTAINER(job, struct packet, job);

	atomic_fetch_sub_explicit(&packet->shard->waiting, 1, memory_order_relaxed);
	if (loop_stopping(packet->shard->loop))
		packet_free(packet);
	else
		shard_receive(packet->shard, packet);
}

int engine_find_source(const struct engine *engine, const struct address *remote, struct address *out)
{
	const struct transport *transport = &engine->transport;

	return transport->source ? transport->source(transport->state, remote, out) : FAULT_SYSTEM;
}

bool engine_dispatch(struct engine *engine, struct packet *packet)
{
	struct ike_header header;
	char peer[ADDRESS_TEXT_MAX];

	if (header_read(&header, bytes_of(packet->data, packet->len)) < 0) {
		packet_free(packet);
		return false;
	}
	if (header.major != 1) {
		log_at(engine->log, LEVEL_INFO, "wrong-version", "%s speaks IKE version %u.%u, not IKEv1: set its connection to IKEv1",
		       address_text(peer, &packet->remote), header.major, header.minor);
		packet_free(packet);
		return false;
	}
	packet->shard = engine->shards[shard_of(engine, header.cookie[INITIATOR])];
	if (atomic_fetch_add_explicit(&packet->shard->waiting, 1, memory_order_relaxed) >= PACKETS_WAITING_MAX) {
		atomic_fetch_sub_explicit(&packet->shard->waiting, 1, memory_order_relaxed);
		log_at(engine->log, LEVEL_WARN, "overload", "%d messages wait for one shard: further ones are dropped", PACKETS_WAITING_MAX);
		packet_free(packet);
		return false;
	}
	packet->job.run = packet_run;
	loop_post(packet->shard->loop, &packet->job);
	return true;
}

/* For one shard. */
struct hint {
	struct job job;
	struct shard *shard;
	struct address remote;
	char text[160];
};

static void hint_run(struct job *job)
{
	struct hint *hint = CONTAINER(job, struct hint, job);

	LIST_EACH(it, &hint->shard->sas.connecting) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_connecting);
		if (address_same_host(&sa->remote, &hint->remote))
			sa_take_hint(sa, hint->text);
	}
	atomic_fetch_sub_explicit(&hint->shard->engine->hints, 1, memory_order_relaxed);
	free(hint);
}

void engine_hint(struct engine *engine, const struct address *remote, const char *text)
{
	for (unsigned i = 0; i < engine->shard_count; i++) {
		if (atomic_load_explicit(&engine->hints, memory_order_relaxed) >= HINTS_MAX)
			return;
		struct hint *hint = malloc(sizeof(*hint));
		if (!hint)
			return;
		*hint = (struct hint){ .job.run = hint_run, .shard = engine->shards[i], .remote = *remote };
		snprintf(hint->text, sizeof(hint->text), "%s", text);
		atomic_fetch_add_explicit(&engine->hints, 1, memory_order_relaxed);
		loop_post(hint->shard->loop, &hint->job);
	}
}

/* What did not change for a child that is up goes on under the new settings; what did is intents' business. */
static void rebind_child(struct child *child, struct settings *settings, const struct connection_settings *c)
{
	const struct child_settings *config = sa_child_settings(c, child->config->name);

	if (!config || !child_settings_same(config, child->config))
		return;
	child->config = config;
	settings_unref(child->settings);
	child->settings = settings_ref(settings);
}

bool shard_rebind(struct ike_sa *sa, struct settings *settings)
{
	const struct connection_settings *c = sa->connection ? settings_connection(settings, sa->connection->name) : NULL;

	if (sa->settings == settings)
		return true;
	if (sa->state != SA_ESTABLISHED || !c || !connection_settings_same(sa->connection, c) || sa_set_connection(sa, c) < 0)
		return false;
	LIST_EACH(it, &sa->children)
		rebind_child(CONTAINER(it, struct child, in_sa), settings, c);
	LIST_EACH(it, &sa->wanted) {
		struct want *want = CONTAINER(it, struct want, in_sa);
		want->child = sa_child_settings(c, want->child->name);
		if (want->child)
			continue;
		list_remove(it);
		free(want);
	}
	settings_unref(sa->settings);
	sa->settings = settings_ref(settings);
	return true;
}

void shard_set_settings(struct shard *shard, struct settings *settings)
{
	struct settings *old = shard->settings;

	shard->settings = settings_ref(settings);
	LIST_EACH(it, &shard->sas.all)
		(void)shard_rebind(CONTAINER(it, struct ike_sa, in_shard), settings);
	settings_unref(old);
}
