/* SPDX-License-Identifier: MIT */
/* selectors.c - which child a Quick Mode is about: the IDs of RFC 2407 4.6.2 against the configured selectors, and why none fits. */
#include <stdio.h>

#include "kin.h"
#include "quick.h"
#include "shard.h"

/* RFC 3947 5.1: behind a NAT the UDP-encapsulated modes are proposed instead; AH has none (quick_check_ah()). */
uint16_t quick_mode(const struct ike_sa *sa, const struct child_settings *config)
{
	if (sa->udp_encap && !config->is_ah)
		return config->transport ? MODE_UDP_TRANSPORT : MODE_UDP_TUNNEL;
	return config->transport ? MODE_TRANSPORT : MODE_TUNNEL;
}

/* RFC 3715 2.1: what AH protects are also the addresses, which a NAT changes. */
enum verdict quick_check_ah(struct exchange *ex, const struct child_settings *config)
{
	const struct ike_sa *sa = ex->sa;
	const struct kernel_ipsec *kernel = sa->shard->engine->kernel->ops;
	uint16_t notify = ex->role == RESPONDER ? NOTIFY_NO_PROPOSAL_CHOSEN : 0;

	if (!config->is_ah)
		return STEP_OK;
	if (!(kernel->features & KERNEL_AH))
		return ex_abort(ex, notify, "no-ah", "child %s uses AH, which the kernel service %s does not have: use kernel-xfrm, or ESP",
				config->name, kernel->name);
	if (sa->local_nat || sa->remote_nat)
		return ex_abort(ex, notify, "ah-nat", "child %s uses AH, but there is a NAT in front of %s, and what it changes AH protects: "
				"use ESP at both ends", config->name, sa->local_nat ? "us" : "the peer");
	if (sa->udp_encap)
		return ex_abort(ex, notify, "ah-nat", "child %s uses AH, which has no form in UDP, but the peer insists on UDP: use ESP at "
				"both ends, or let the peer do without UDP (keyferry: encap=\"no\")", config->name);
	return STEP_OK;
}

static struct selector side(const struct selector *configured, bool is_host, const struct address *host)
{
	struct selector s = *configured;

	if (is_host)
		s.range = selector_of_host(host).range;
	return s;
}

struct selector quick_local(const struct ike_sa *sa, const struct child_settings *config)
{
	return side(&config->local, config->local_is_host, &sa->local);
}

struct selector quick_remote(const struct ike_sa *sa, const struct child_settings *config)
{
	return side(&config->remote, config->remote_is_host, &sa->remote);
}

/* IDci and IDcr, in this order; none or both (RFC 2409 5.5). */
static enum verdict read_ids(struct exchange *ex, const struct message *in, struct selector ts[2], bool *has_ids)
{
	const struct payload_view *payload;
	const char *why;
	size_t i = 0, count = 0;

	while ((payload = message_next(in, PAY_ID, &i))) {
		if (count == 2)
			return ex_abort(ex, NOTIFY_INVALID_ID_INFORMATION, "malformed", "more than two ID payloads");
		if (selector_read(&ts[count], payload->body, &why) < 0)
			return ex_abort(ex, NOTIFY_INVALID_ID_INFORMATION, "selector-mismatch", "%s is refused: %s",
					count == INITIATOR ? "IDci" : "IDcr", why);
		count++;
	}
	if (count == 1)
		return ex_abort(ex, NOTIFY_INVALID_ID_INFORMATION, "malformed", "one ID payload alone");
	*has_ids = count == 2;
	return STEP_OK;
}

enum verdict quick_take_ids(struct exchange *ex, const struct message *in)
{
	struct quick *quick = quick_of(ex);

	TRY(read_ids(ex, in, quick->ts, &quick->has_ids));
	if (!quick->has_ids) {
		quick->ts[INITIATOR] = selector_of_host(&ex->sa->remote);
		quick->ts[RESPONDER] = selector_of_host(&ex->sa->local);
	}
	return STEP_OK;
}

enum verdict quick_check_ids(struct exchange *ex, const struct message *in)
{
	const struct quick *quick = quick_of(ex);
	struct selector ts[2];
	bool has_ids;
	char ours[2][SELECTOR_TEXT_MAX], theirs[2][SELECTOR_TEXT_MAX];

	TRY(read_ids(ex, in, ts, &has_ids));
	if (!has_ids || (selector_same(&ts[0], &quick->ts[0]) && selector_same(&ts[1], &quick->ts[1])))
		return STEP_OK;
	return ex_abort(ex, NOTIFY_INVALID_ID_INFORMATION, "selector-mismatch", "we proposed %s to %s, the peer answered with %s to %s",
			selector_text(ours[0], &quick->ts[0]), selector_text(ours[1], &quick->ts[1]), selector_text(theirs[0], &ts[0]),
			selector_text(theirs[1], &ts[1]));
}

/* The first field in which two selectors differ, for people; NULL: none. */
static const char *first_difference(const struct selector *a, const struct selector *b)
{
	if (a->range.family != b->range.family)
		return "the address family";
	if (memcmp(a->range.first, b->range.first, sizeof(a->range.first)) != 0)
		return "the address";
	if (memcmp(a->range.last, b->range.last, sizeof(a->range.last)) != 0)
		return "the prefix length or end of the range";
	if (a->protocol != b->protocol)
		return "the protocol";
	if (a->port != b->port)
		return "the port";
	return NULL;
}

/* How much of a child fits: 2 both sides, 1 one, 0 none. */
static unsigned likeness(const struct exchange *ex, const struct child_settings *config)
{
	const struct quick *quick = quick_of(ex);
	struct selector local = quick_local(ex->sa, config), remote = quick_remote(ex->sa, config);

	return (unsigned)selector_same(&local, &quick->ts[RESPONDER]) + (unsigned)selector_same(&remote, &quick->ts[INITIATOR]);
}

static enum verdict refuse_selectors(struct exchange *ex, const struct child_settings *nearest)
{
	const struct quick *quick = quick_of(ex);
	const struct connection_settings *c = ex->sa->connection;
	char ours[2][SELECTOR_TEXT_MAX], theirs[2][SELECTOR_TEXT_MAX];

	selector_text(theirs[0], &quick->ts[INITIATOR]);
	selector_text(theirs[1], &quick->ts[RESPONDER]);
	if (!nearest)
		return ex_abort(ex, NOTIFY_INVALID_ID_INFORMATION, "selector-mismatch",
				"the peer wants %s here and %s there, but connection %s has no child", theirs[1], theirs[0], c->name);
	struct selector local = quick_local(ex->sa, nearest), remote = quick_remote(ex->sa, nearest);
	const char *differs = first_difference(&local, &quick->ts[RESPONDER]);
	const char *which = differs ? "local" : "remote";
	if (!differs)
		differs = first_difference(&remote, &quick->ts[INITIATOR]);
	return ex_abort(ex, NOTIFY_INVALID_ID_INFORMATION, "selector-mismatch",
			"the peer wants %s here and %s there; nearest is child %s with local %s, remote %s; first difference: %s of %s", theirs[1],
			theirs[0], nearest->name, selector_text(ours[0], &local), selector_text(ours[1], &remote),
			differs ? differs : "nothing", which);
}

static uint16_t other_mode(uint16_t mode)
{
	switch (mode) {
	case MODE_TUNNEL:
		return MODE_UDP_TUNNEL;
	case MODE_TRANSPORT:
		return MODE_UDP_TRANSPORT;
	default:
		return mode == MODE_UDP_TUNNEL ? MODE_TUNNEL : MODE_TRANSPORT;
	}
}

static bool wants_comp(const struct esp_offers *offers)
{
	for (size_t i = 0; i < offers->count; i++)
		if (offers->at[i].comp.cpi && !offers->at[i].fault)
			return true;
	return false;
}

uint16_t quick_make_cpi(struct exchange *ex, const struct child_settings *config)
{
	const struct quick *quick = quick_of(ex);
	const struct provider *provider = ex->sa->shard->engine->kernel;
	const struct kernel_ipsec *kernel = provider->ops;
	uint32_t cpi = 0;

	if (!config->compress || !(kernel->features & KERNEL_IPCOMP))
		return 0;
	if (!config->transport && quick->ts[ex->role].range.family != ex->sa->local.family) {
		log_debug(&ex->ctx, "child %s goes without IPComp: in tunnel mode no kernel has it for another family than the outer",
			  config->name);
		return 0;
	}
	/* A kernel service that cannot has said so. */
	return kernel->spi(provider->state, PROTO_IPCOMP, &ex->sa->local, &ex->sa->remote, &cpi) == 0 ? (uint16_t)cpi : 0;
}

/*
 * Nothing authenticates NAT-D, so the two ends may have found differently whether there is a NAT; then the initiator is
 * followed where that works: ESP in UDP when IKE already is on the NAT ports, without UDP when we do not insist on it.
 */
static int choose_transform(struct exchange *ex, const struct child_settings *config, struct esp_offers *offers, char why[WHY_MAX])
{
	struct quick *quick = quick_of(ex);
	const struct ike_sa *sa = ex->sa;
	char unused[WHY_MAX];

	quick->mode = quick_mode(sa, config);
	quick->cpi[RESPONDER] = wants_comp(offers) ? quick_make_cpi(ex, config) : 0;
	bool compress = quick->cpi[RESPONDER] != 0;
	int chosen = esp_choose(offers, &config->proposals, quick->mode, compress, why);
	bool may_differ = sa->udp_encap ? !v1_forces_encap(sa, sa->connection) : sa->is_float && sa->connection->encap != ENCAP_NO;
	if (chosen >= 0 || !may_differ || config->is_ah)
		return chosen;
	quick->mode = other_mode(quick->mode);
	return esp_choose(offers, &config->proposals, quick->mode, compress, unused);
}

static size_t count_children(const struct ike_sa *sa)
{
	size_t count = 0;

	for (const struct list *it = sa->children.next; it != &sa->children; it = it->next)
		count++;
	return count;
}

static uint64_t fewer(uint64_t ours, uint64_t theirs)
{
	if (!theirs || (ours && ours <= theirs))
		return ours;
	return theirs > LIFETIME_BYTES_MIN ? theirs : LIFETIME_BYTES_MIN;
}

void quick_take_choice(struct quick *quick, const struct esp_offer *offer, enum role own)
{
	const struct lifetime *ours = &quick->config->lifetime;
	uint32_t offered = offer->lifetime ? offer->lifetime : LIFETIME_UNSAID;

	quick->transform = offer->transform;
	quick->proposal_number = offer->proposal_number;
	quick->transform_number = offer->transform_number;
	quick->comp_transform = offer->comp.transform_number;
	quick->cpi[role_other(own)] = offer->comp.cpi;
	if (!offer->comp.cpi)
		quick->cpi[own] = 0;
	/* RFC 2407 4.5.4: the shorter of both can do no harm. */
	quick->lifetime = (struct lifetime){ v1_shorter_lifetime(ours->seconds, offered), fewer(ours->bytes, offer->lifetime_bytes), ours->packets };
	quick->tell_lifetime = ours->seconds < offered || (ours->bytes && (!offer->lifetime_bytes || ours->bytes < offer->lifetime_bytes));
}

void quick_take_lifetime(struct quick *quick, const struct message *in)
{
	const struct payload_view *payload;
	struct v1_notice notice;
	struct lifetime theirs;
	size_t i = 0;

	while ((payload = message_next(in, PAY_NOTIFY, &i))) {
		if (v1_read_notice(&notice, payload) < 0 || notice.type != NOTIFY_RESPONDER_LIFETIME ||
		    lifetime_read(&theirs, false, notice.data) < 0)
			continue;
		quick->lifetime.seconds = v1_shorter_lifetime(quick->lifetime.seconds, theirs.seconds);
		quick->lifetime.bytes = fewer(quick->lifetime.bytes, theirs.bytes);
	}
}

/* ---- both ends negotiate the same child at once ---- */

static struct exchange *find_crossing(struct exchange *ex)
{
	struct exchange *own = sa_find_negotiation(ex->sa, quick_of(ex)->config->name, INITIATOR);

	return own && own->mode == ex->mode ? own : NULL;
}

/*
 * Both would come to an end, and which of the two pairs is the newer one each end would see otherwise. So the one with the larger SPI
 * goes first: both ends know both SPIs once they have the other's message 1. Others than keyferry do not know that; of theirs and ours
 * both come to an end, and the pair that does so last is used.
 * Under two ISAKMP SAs it is the one under the SA that takes over from the other: this other one the peer may have deleted already, and then it never
 * gets our message 1. Should the ends not agree on the SAs, who hears nothing under his gives way.
 */
static bool goes_first(const struct exchange *own, const struct exchange *theirs)
{
	if (own->sa == theirs->sa)
		return quick_of(own)->spi[INITIATOR] >= quick_of(theirs)->spi[INITIATOR];
	return kin_beats(own->sa, theirs->sa) && (own->tries <= TRIES_UNREMARKABLE || own->sa->heard_at >= own->began);
}

static enum verdict check_crossing(struct exchange *ex)
{
	const struct quick *quick = quick_of(ex);
	const struct exchange *own = find_crossing(ex);

	/* Ours may be over already, and this be what the peer gave up for it. */
	if (!ex->sa->peer_is_keyferry || ((!own || !goes_first(own, ex)) && !child_has_just_won(ex->sa, quick->config->name, quick->spi[INITIATOR],
											       quick->generation)))
		return STEP_OK;
	/* No failure of anybody's, so that nobody is told of one. */
	log_debug(&ex->ctx, "both ends negotiate child %s at once, ours goes first", quick->config->name);
	return STEP_DROP;
}

void quick_give_way(struct exchange *ex)
{
	struct exchange *own = ex->sa->peer_is_keyferry ? find_crossing(ex) : NULL;

	if (!own)
		return;
	log_debug(&own->ctx, "both ends negotiate child %s at once, the peer goes first", quick_of(ex)->config->name);
	exchange_end(own);
}

enum verdict quick_choose(struct exchange *ex, struct esp_offers *offers)
{
	struct quick *quick = quick_of(ex);
	const struct connection_settings *c = ex->sa->connection;
	const struct child_settings *nearest = NULL, *fitting = NULL;
	char why[WHY_MAX];

	/* A refusal names the SA that the peer proposed: it may have started several Quick Modes at once. */
	ex->notify_spi = offers->count ? offers->at[0].spi : 0;
	ex->notify_protocol = offers->count ? offers->at[0].protocol : 0;
	if (count_children(ex->sa) >= CHILDREN_PER_SA_MAX)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "too-many-children", "the peer has %d children already", CHILDREN_PER_SA_MAX);
	for (size_t i = 0; i < c->child_count; i++) {
		const struct child_settings *config = &c->children[i];
		unsigned like = likeness(ex, config);
		if (!nearest || like > likeness(ex, nearest))
			nearest = config;
		if (like < 2)
			continue;
		TRY(quick_check_ah(ex, config));
		int chosen = choose_transform(ex, config, offers, why);
		fitting = config;
		if (chosen < 0)
			continue;
		quick->config = config;
		quick_take_choice(quick, &offers->at[chosen], RESPONDER);
		quick->spi[INITIATOR] = offers->at[chosen].spi;
		return check_crossing(ex);
	}
	if (fitting)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "proposal-mismatch", "no %s proposal fits child %s: %s",
				fitting->is_ah ? "AH" : "ESP", fitting->name, why);
	return refuse_selectors(ex, nearest);
}
