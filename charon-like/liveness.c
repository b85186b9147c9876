/* SPDX-License-Identifier: MIT */
/* liveness.c - see liveness.h. */
#include "liveness.h"

#include <inttypes.h>
#include <stdio.h>

#include "child.h"
#include "ikev1/v1.h"
#include "kin.h"
#include "shard.h"

enum { SEQUENCE_SIZE = 4 };

static uint64_t now_of(const struct ike_sa *sa)
{
	return loop_now(sa->shard->loop);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* In IKE or ESP. */
static uint64_t last_traffic(const struct ike_sa *sa, bool inbound)
{
	uint64_t last = inbound ? sa->heard_at : sa->sent_at;
	struct ipsec_usage usage;

	for (const struct list *it = sa->children.next; it != &sa->children; it = it->next)
		if (child_usage(CONTAINER(it, const struct child, in_sa), inbound, &usage))
			last = later(last, usage.last_used);
	return last;
}

static void set_timer(struct ike_sa *sa, struct timer *timer, uint64_t when)
{
	if (timer_set(loop_timers(sa->shard->loop), timer, when) < 0)
		log_error(&sa->ctx, "no memory for a timer: a dead peer may not be noticed");
}

/* ---- asking ---- */

/* RFC 3706 5.4: SPI is both cookies, the data a sequence number; 5.5: a question that is sent again keeps its number. */
static void send_dpd(struct ike_sa *sa, uint16_t type, uint32_t sequence)
{
	uint8_t number[SEQUENCE_SIZE];
	struct writer w = writer_over(number, sizeof(number));

	put_u32(&w, sequence);
	v1_send_notify(sa, type, PROTO_ISAKMP, bytes_of(sa->cookie, sizeof(sa->cookie)), writer_bytes(&w));
}

/* What was begun with it meanwhile (DPD_KNOCK) would only time out; the next attempt may look for the peer elsewhere. */
static void end_knocking(struct ike_sa *sa)
{
	LIST_EACH(it, &sa->group->sas) {
		struct ike_sa *other = CONTAINER(it, struct ike_sa, in_group);
		if (other->state == SA_CONNECTING && other->role == INITIATOR && address_same_host(&other->remote, &sa->remote))
			sa_free(other);
	}
}

static void declare_dead(struct ike_sa *sa, const char *code, const char *text)
{
	/* Perhaps the peer has only deleted this one, and we did not hear of it. */
	if (kin_has_other(sa)) {
		kin_doubt(sa);
		sa_end(sa, "the peer does not answer under it any more; there is another one", true);
		return;
	}
	sa_hold(sa);
	end_knocking(sa);
	log_at(&sa->ctx, LEVEL_WARN, code, "%s", text);
	sa_publish_failure(sa, NULL, code, text, true);
	sa_delete(sa, "its peer does not answer");
	sa_release(sa);
}

static void ask(struct ike_sa *sa)
{
	uint64_t pause = DPD_FIRST_MS;
	char text[200];

	if (sa->dpd_probes == DPD_PROBES) {
		snprintf(text, sizeof(text), "the peer is dead: nothing came for %" PRIu64 " s, and no answer to %d questions (DPD)",
			 (now_of(sa) - last_traffic(sa, true)) / 1000, DPD_PROBES);
		declare_dead(sa, "dead-peer", text);
		return;
	}
	if (sa->dpd_probes == 0) {
		sa->dpd_sequence++;
		sa->asked_at = now_of(sa);
	}
	for (unsigned i = 0; i < sa->dpd_probes && pause < DPD_PAUSE_MAX_MS; i++)
		pause = pause * 3 / 2 < DPD_PAUSE_MAX_MS ? pause * 3 / 2 : DPD_PAUSE_MAX_MS;
	sa->dpd_probes++;
	set_timer(sa, &sa->liveness, now_of(sa) + pause);
	send_dpd(sa, NOTIFY_R_U_THERE, sa->dpd_sequence);
	if (sa->dpd_probes == DPD_KNOCK && sa->connection->keep != KEEP_PASSIVE && sa_may_renew(sa) && shard_renew(sa, NULL) == 0)
		log_debug(&sa->ctx, "perhaps the peer was started anew: beginning another phase 1");
}

static void look(struct timer *timer)
{
	struct ike_sa *sa = CONTAINER(timer, struct ike_sa, liveness);
	uint64_t quiet = (uint64_t)sa->connection->dpd * 1000, last = last_traffic(sa, true), now = now_of(sa);

	if (!sa->connection->dpd) {
		sa->dpd_probes = 0;
		set_timer(sa, timer, now + DPD_SECONDS * 1000);
	} else if (sa->dpd_probes ? last > sa->asked_at : last + quiet > now) {
		sa->dpd_probes = 0;
		set_timer(sa, timer, later(last + quiet, now + DPD_FIRST_MS));
	} else {
		ask(sa);
	}
}

void liveness_heard(struct ike_sa *sa)
{
	sa->heard_at = now_of(sa);
	sa->dpd_probes = 0;
	sa_forget_last_word(sa);
}

void liveness_doubt(struct ike_sa *sa)
{
	if (now_of(sa) - sa->sent_at >= DPD_DOUBT_MS)
		liveness_ask(sa);
}

void liveness_ask(struct ike_sa *sa)
{
	if (sa->peer_dpd && sa->state == SA_ESTABLISHED && sa->dpd_probes == 0)
		ask(sa);
}

void liveness_question(struct ike_sa *sa)
{
	if (sa->peer_dpd && sa->state == SA_ESTABLISHED)
		send_dpd(sa, NOTIFY_R_U_THERE, ++sa->dpd_sequence);
}

bool liveness_no_answer(struct ike_sa *sa, uint64_t since)
{
	if (sa->state != SA_ESTABLISHED || last_traffic(sa, true) >= since)
		return false;
	declare_dead(sa, "dead-peer", "the peer is dead: it answers neither this nor anything else since");
	return true;
}

void liveness_take(struct ike_sa *sa, const struct v1_notice *notice)
{
	struct reader r = reader_over(notice->data);
	uint32_t sequence = read_u32(&r);

	if (notice->spi_len != 2 * COOKIE_SIZE || !reader_done(&r)) {
		log_debug(&sa->ctx, "a question or answer of dead peer detection has no cookies or no number");
		return;
	}
	/* An answer has done its work: it was authentic, and no older message is taken twice. */
	if (notice->type == NOTIFY_R_U_THERE)
		send_dpd(sa, NOTIFY_R_U_THERE_ACK, sequence);
}

/* ---- a NAT in front of us ---- */

static void keep_alive(struct timer *timer)
{
	struct ike_sa *sa = CONTAINER(timer, struct ike_sa, keepalive);
	const struct transport *transport = &sa->shard->engine->transport;
	uint64_t last = last_traffic(sa, false), now = now_of(sa);

	if (now - last >= NAT_KEEPALIVE_MS) {
		if (transport->keepalive)
			transport->keepalive(transport->state, &sa->local, &sa->remote);
		last = now;
	}
	set_timer(sa, timer, last + NAT_KEEPALIVE_MS);
}

void liveness_start(struct ike_sa *sa)
{
	sa->liveness.run = look;
	sa->keepalive.run = keep_alive;
	(void)!crypto_random(sa->shard->engine->crypto, &sa->dpd_sequence, sizeof(sa->dpd_sequence));
	sa->dpd_sequence >>= 1;              /* RFC 3706 6.2: it does not wrap soon */
	if (sa->peer_dpd)
		set_timer(sa, &sa->liveness, now_of(sa) + (uint64_t)(sa->connection->dpd ? sa->connection->dpd : DPD_SECONDS) * 1000);
	if (sa->local_nat && sa->is_float)
		set_timer(sa, &sa->keepalive, now_of(sa) + NAT_KEEPALIVE_MS);
}

void liveness_stop(struct ike_sa *sa)
{
	timer_stop(loop_timers(sa->shard->loop), &sa->liveness);
	timer_stop(loop_timers(sa->shard->loop), &sa->keepalive);
}
