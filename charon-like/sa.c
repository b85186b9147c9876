/* SPDX-License-Identifier: MIT */
/* sa.c - the life of an ISAKMP SA and the table of a shard's SAs. What fills an SA with keys is ikev1/'s. */
#include "sa.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth.h"
#include "child.h"
#include "events.h"
#include "ikev1/v1.h"
#include "kin.h"
#include "peers.h"
#include "shard.h"

static void describe(const struct log_context *ctx, struct log_fields *fields)
{
	const struct ike_sa *sa = CONTAINER(ctx, struct ike_sa, ctx);
	char peer[ADDRESS_TEXT_MAX];

	snprintf(fields->peer, sizeof(fields->peer), "%s", address_text(peer, &sa->remote));
	if (sa->connection)
		snprintf(fields->connection, sizeof(fields->connection), "%s", sa->connection->name);
	snprintf(fields->sa, sizeof(fields->sa), "#%" PRIu32, sa->number);
}

static bool table_add(struct ike_sa *sa)
{
	struct sa_table *table = &sa->shard->sas;

	HASH_ADD(hh, table->by_key, key, 2 * COOKIE_SIZE, sa);
	return sa->hh.tbl != NULL;
}

struct ike_sa *sa_new(struct shard *shard, enum role role, const uint8_t cookie[2][COOKIE_SIZE], struct settings *settings)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	if (!sa)
		return NULL;
	sa->ctx = (struct log_context){ shard->engine->log->log, describe };
	sa->shard = shard;
	sa->role = role;
	sa->state = SA_CONNECTING;
	memcpy(sa->cookie, cookie, sizeof(sa->cookie));
	memcpy(sa->key, cookie, sizeof(sa->key));
	if (!table_add(sa)) {
		free(sa);
		return NULL;
	}
	sa->settings = settings_ref(settings);
	sa->number = ++shard->sas.last_number * shard->engine->shard_count - shard->index;
	sa->created_at = loop_now(shard->loop);
	list_init(&sa->in_group);
	list_init(&sa->exchanges);
	list_init(&sa->children);
	list_init(&sa->echoes);
	list_init(&sa->wanted);
	list_append(&shard->sas.all, &sa->in_shard);
	list_init(&sa->in_connecting);
	list_append(role == INITIATOR ? &shard->sas.connecting : &shard->sas.half_open, &sa->in_connecting);
	shard->sas.count++;
	sa->half_open = role == RESPONDER;
	if (sa->half_open)
		atomic_fetch_add_explicit(&shard->engine->half_open, 1, memory_order_relaxed);
	return sa;
}

void sa_set_key(struct ike_sa *sa)
{
	struct sa_table *table = &sa->shard->sas;

	if (sa->hh.tbl)
		HASH_DELETE(hh, table->by_key, sa);
	memcpy(sa->key, sa->cookie, sizeof(sa->key));
	if (!table_add(sa))
		log_error(&sa->ctx, "no memory: messages of this SA will not be found");
}

/* ---- the end ---- */

static void echo_free(struct echo *echo)
{
	timer_stop(loop_timers(echo->sa->shard->loop), &echo->timer);
	list_remove(&echo->in_sa);
	free(echo);
}

static void leave_half_open(struct ike_sa *sa)
{
	if (sa->half_open)
		atomic_fetch_sub_explicit(&sa->shard->engine->half_open, 1, memory_order_relaxed);
	sa->half_open = false;
}

static void drop_contents(struct ike_sa *sa)
{
	while (!list_empty(&sa->exchanges))
		exchange_end(CONTAINER(list_first(&sa->exchanges), struct exchange, in_sa));
	while (!list_empty(&sa->children))
		child_free(CONTAINER(list_first(&sa->children), struct child, in_sa), "its ISAKMP SA is gone");
	while (!list_empty(&sa->echoes))
		echo_free(CONTAINER(list_first(&sa->echoes), struct echo, in_sa));
	while (!list_empty(&sa->wanted)) {
		struct list *first = list_first(&sa->wanted);
		list_remove(first);
		free(CONTAINER(first, struct want, in_sa));
	}
	sa_forget_last_word(sa);
}

static void really_free(struct ike_sa *sa)
{
	struct shard *shard = sa->shard;

	drop_contents(sa);
	if (sa->hh.tbl)
		HASH_DELETE(hh, shard->sas.by_key, sa);
	sa_leave_connection(sa);
	list_remove(&sa->in_shard);
	list_remove(&sa->in_connecting);
	shard->sas.count--;
	sa_stop_life(sa);
	identity_free(&sa->local_id);
	identity_free(&sa->remote_id);
	secret_free(&sa->keys);
	certificate_unref(sa->peer_certificate);
	free(sa->seen_ids);
	settings_unref(sa->settings);
	free(sa);
}

void sa_free(struct ike_sa *sa)
{
	if (sa->state != SA_GONE) {
		bool was_up = sa->state == SA_ESTABLISHED;
		sa->state = SA_GONE;
		leave_half_open(sa);
		if (was_up) {
			atomic_fetch_sub_explicit(&sa->shard->engine->established, 1, memory_order_relaxed);
			peers_remove(sa->shard->engine->peers, sa);
			sa_publish(sa, EVENT_IKE_DOWN, NULL, "");
		}
	}
	if (sa->held == 0)
		really_free(sa);
}

void sa_hold(struct ike_sa *sa)
{
	sa->held++;
}

void sa_release(struct ike_sa *sa)
{
	if (--sa->held == 0 && sa->state == SA_GONE)
		really_free(sa);
}

void sa_delete(struct ike_sa *sa, const char *reason)
{
	sa_hold(sa);
	if (sa->state == SA_ESTABLISHED) {
		log_info(&sa->ctx, "deleting the ISAKMP SA: %s", reason);
		v1_tell_deleted(sa);
	}
	sa_free(sa);
	sa_release(sa);
}

/* ---- established ---- */

void sa_established(struct ike_sa *sa)
{
	char chosen[PROPOSAL_TEXT_MAX], id[IDENTITY_TEXT_MAX];

	sa->state = SA_ESTABLISHED;
	atomic_fetch_add_explicit(&sa->shard->engine->established, 1, memory_order_relaxed);
	list_remove(&sa->in_connecting);
	sa->hint[0] = '\0';
	leave_half_open(sa);
	sa_set_key(sa);
	sa->established_at = sa->heard_at = loop_now(sa->shard->loop);
	sa_start_life(sa);
	if (peers_add(sa->shard->engine->peers, sa) < 0)
		log_error(&sa->ctx, "no memory: this peer will not be known to others");
	log_info(&sa->ctx, "phase 1 is up: peer is %s, %s%s", identity_text(id, &sa->remote_id),
		 ike_transform_text(chosen, &sa->transform),
		 sa->local_nat && sa->remote_nat ? ", both behind NAT" : sa->local_nat ? ", we are behind NAT" :
		 sa->remote_nat ? ", peer is behind NAT" : "");
	sa_publish(sa, EVENT_IKE_UP, NULL, chosen);
	/* A reload came while it was on its way. */
	if (!shard_rebind(sa, sa->shard->settings)) {
		sa_delete(sa, "its connection was removed or changed meanwhile");
		return;
	}
	v1_tell_after(sa);
	kin_take_over(sa);
	peers_forget_oldest(sa->shard->engine, sa);
	sa_run_agenda(sa);
}

struct exchange *sa_find_negotiation(struct ike_sa *sa, const char *child, enum role role)
{
	struct ike_sa *kin[KIN_MAX];
	size_t count = kin_of(sa, kin);

	for (size_t i = 0; i < count; i++) {
		LIST_EACH(it, &kin[i]->exchanges) {
			struct exchange *ex = CONTAINER(it, struct exchange, in_sa);
			const char *name = ex->role == role ? exchange_child(ex) : NULL;
			if (name && strcmp(name, child) == 0)
				return ex;
		}
	}
	return NULL;
}

/* Also by the peer, who may not go on with it, however: two at once would make two pairs. */
static bool is_under_way(struct ike_sa *sa, const char *child)
{
	const struct exchange *theirs = sa_find_negotiation(sa, child, RESPONDER);

	LIST_EACH(it, &sa->wanted)
		if (strcmp(CONTAINER(it, const struct want, in_sa)->child->name, child) == 0)
			return true;
	return sa_find_negotiation(sa, child, INITIATOR) || (theirs && loop_now(sa->shard->loop) - theirs->began < CHILD_READY_MS);
}

static bool is_up(struct ike_sa *sa, const struct child_settings *child)
{
	struct ike_sa *kin[KIN_MAX];
	size_t count = kin_of(sa, kin);

	for (size_t i = 0; i < count; i++)
		if (child_find_config(kin[i], child))
			return true;
	return false;
}

const struct child_settings *sa_child_settings(const struct connection_settings *c, const char *name)
{
	for (size_t i = 0; i < c->child_count; i++)
		if (strcmp(c->children[i].name, name) == 0)
			return &c->children[i];
	return NULL;
}

int sa_want(struct ike_sa *sa, const char *name, bool is_renewal)
{
	const struct child_settings *child = sa_child_settings(sa->connection, name);

	if (!child)
		return FAULT_NOT_FOUND;
	if (is_under_way(sa, name) || (!is_renewal && is_up(sa, child)))
		return 0;
	struct want *want = calloc(1, sizeof(*want));
	if (!want)
		return FAULT_MEMORY;
	want->child = child;
	want->is_renewal = is_renewal;
	list_append(&sa->wanted, &want->in_sa);
	return 0;
}

void sa_run_agenda(struct ike_sa *sa)
{
	const struct provider *quick = services_find(sa->shard->engine->services, SERVICE_EXCHANGE, "1/32");

	if (sa->state != SA_ESTABLISHED)
		return;
	while (!list_empty(&sa->wanted)) {
		struct want *want = CONTAINER(list_first(&sa->wanted), struct want, in_sa);
		const struct child_settings *child = want->child;
		bool is_renewal = want->is_renewal;
		list_remove(&want->in_sa);
		free(want);
		/* The peer was faster. */
		if (is_under_way(sa, child->name) || (!is_renewal && is_up(sa, child)))
			continue;
		if (quick) {
			/* A fault was logged and published where it was found. */
			if (exchange_start(sa, quick->ops, child) < 0)
				log_debug(&sa->ctx, "child %s could not be started", child->name);
			continue;
		}
		log_at(&sa->ctx, LEVEL_ERROR, "no-quick-mode", "child %s needs Quick Mode, which no plugin speaks: install exchange-quick.so",
		       child->name);
		sa_publish_failure(sa, child->name, "no-quick-mode", "no plugin speaks Quick Mode: install exchange-quick.so", true);
	}
}

/* ---- message IDs and echoes ---- */

bool sa_message_id_seen(const struct ike_sa *sa, uint32_t message_id)
{
	size_t count = sa->seen_count < sa->seen_room ? sa->seen_count : sa->seen_room;

	for (size_t i = 0; i < count; i++)
		if (sa->seen_ids[i] == message_id)
			return true;
	return false;
}

int sa_remember_message_id(struct ike_sa *sa, uint32_t message_id)
{
	if (sa->seen_count == sa->seen_room && sa->seen_room < MESSAGE_IDS_KEPT) {
		size_t room = sa->seen_room ? 2 * sa->seen_room : 16;
		uint32_t *grown = realloc(sa->seen_ids, room * sizeof(*grown));
		if (!grown)
			return FAULT_MEMORY;
		sa->seen_ids = grown;
		sa->seen_room = room;
	}
	sa->seen_ids[sa->seen_count++ % sa->seen_room] = message_id;
	return 0;
}

static bool message_id_taken(const struct ike_sa *sa, uint32_t message_id)
{
	LIST_EACH(it, &sa->exchanges)
		if (CONTAINER(it, struct exchange, in_sa)->message_id == message_id)
			return true;
	return message_id == 0 || sa_message_id_seen(sa, message_id);
}

int sa_new_message_id(struct ike_sa *sa, uint32_t *out)
{
	do {
		int fault = crypto_random(sa->shard->engine->crypto, out, sizeof(*out));
		if (fault < 0)
			return fault;
	} while (message_id_taken(sa, *out));
	return 0;
}

static void echo_over(struct timer *timer)
{
	echo_free(CONTAINER(timer, struct echo, timer));
}

int sa_keep_echo(struct ike_sa *sa, const struct exchange *ex)
{
	/* Only what answered the last message is wanted again: where the peer has the last word, it would be answered itself. */
	if (!ex->has_received || !ex->sent || ex->mode->steps[ex->mode->step_count - 1].from != ex->role)
		return 0;
	struct echo *echo = malloc(sizeof(*echo) + ex->sent_len);
	if (!echo)
		return FAULT_MEMORY;
	*echo = (struct echo){ .timer.run = echo_over, .sa = sa, .message_id = ex->message_id, .received = ex->received,
			       .len = ex->sent_len };
	memcpy(echo->message, ex->sent, ex->sent_len);
	list_append(&sa->echoes, &echo->in_sa);
	struct loop *loop = sa->shard->loop;
	if (timer_set(loop_timers(loop), &echo->timer, loop_now(loop) + ECHO_SECONDS * 1000) < 0) {
		echo_free(echo);
		return FAULT_MEMORY;
	}
	return 0;
}

struct echo *sa_find_echo(struct ike_sa *sa, uint32_t message_id, const uint64_t *received)
{
	LIST_EACH(it, &sa->echoes) {
		struct echo *echo = CONTAINER(it, struct echo, in_sa);
		if (echo->message_id == message_id && (!received || echo->received == *received))
			return echo;
	}
	return NULL;
}

void sa_send_echo(struct echo *echo)
{
	if (echo->sendings++ < ANSWERS_MAX && sa_send(echo->sa, bytes_of(echo->message, echo->len)) < 0)
		log_debug(&echo->sa->ctx, "the answer could not be sent again");
}

void sa_take_hint(struct ike_sa *sa, const char *text)
{
	if ((sa->state != SA_CONNECTING && !sa->last_word) || strcmp(sa->hint, text) == 0)
		return;
	snprintf(sa->hint, sizeof(sa->hint), "%s", text);
	sa_publish(sa, EVENT_TRYING, NULL, text);
}

int sa_send(struct ike_sa *sa, struct bytes message)
{
	const struct transport *transport = &sa->shard->engine->transport;

	sa->packets_out++;
	sa->sent_at = loop_now(sa->shard->loop);
	sa->bytes_out += message.len;
	return transport->send(transport->state, &sa->local, &sa->remote, sa->is_float, message);
}

static void fill_event(struct event_sa *event, const struct ike_sa *sa, unsigned type, const char *text)
{
	char peer[ADDRESS_TEXT_MAX];

	memset(event, 0, sizeof(*event));
	event->head = (struct event){ type, sizeof(*event) };
	if (sa->connection)
		snprintf(event->connection, sizeof(event->connection), "%s", sa->connection->name);
	snprintf(event->peer, sizeof(event->peer), "%s", address_text(peer, &sa->remote));
	snprintf(event->text, sizeof(event->text), "%s", text);
	memcpy(event->cookies, sa->cookie, sizeof(event->cookies));
	event->initiated = sa->role == INITIATOR;
}

void sa_publish(const struct ike_sa *sa, unsigned type, const struct child *child, const char *text)
{
	struct event_sa event;

	fill_event(&event, sa, type, text);
	if (child) {
		snprintf(event.child, sizeof(event.child), "%s", child->config->name);
		event.spi_in = child->spi_in;
		event.spi_out = child->spi_out;
		event.initiated = child->initiated;
	}
	bus_publish(sa->shard->engine->bus, &event.head);
}

void sa_publish_failure(const struct ike_sa *sa, const char *child_name, const char *code, const char *text, bool final)
{
	struct event_sa event;

	fill_event(&event, sa, EVENT_FAILURE, text);
	snprintf(event.child, sizeof(event.child), "%s", child_name ? child_name : "");
	snprintf(event.code, sizeof(event.code), "%s", code ? code : "");
	event.final = final;
	bus_publish(sa->shard->engine->bus, &event.head);
}
