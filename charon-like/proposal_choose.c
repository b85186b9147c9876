/* SPDX-License-Identifier: MIT */
/* proposal_choose.c - which offer is taken, and when none can be, what stands in the way in one line. */
#include "proposal_table.h"

#include "names.h"

#include <stdarg.h>
#include <stdio.h>

/* Characters of WHY_MAX for the two lists; the rest is for what is nearest. */
enum { OFFERED_TEXT_MAX = 180, ACCEPTED_TEXT_MAX = 140, LIST_TEXT_MAX = 200 };

/* Places in struct proposal_parts where "nothing" is a choice of its own: the PFS group and ESN. */
enum { PART_PFS = 2 };

/* One offer or accepted transform, as it is compared and named. */
struct view {
	struct proposal_parts parts;
	char text[PROPOSAL_TEXT_MAX];
	const char *fault;
	bool condition_met;        /* authentication method or encapsulation mode */
};

/* Both lists without their phase. */
struct mismatch {
	const void *offers, *accepted;
	size_t offer_count, accepted_count;
	void (*offer_view)(const struct mismatch *m, size_t i, struct view *out);
	void (*accepted_view)(const struct mismatch *m, size_t i, struct view *out);
	/* Says how the offer fails in what is no part of the transform. */
	void (*condition_text)(const struct mismatch *m, size_t i, char *out, size_t size);
	const uint16_t *auths;
	size_t auth_count;
	uint16_t mode;
	bool compress;
};

__attribute__((format(printf, 3, 4))) static void text_add(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, size - used, format, args);
	va_end(args);
}

/* ---- the line ---- */

/* The list's texts, equal neighbours once, cut with a count at `limit` characters. */
static void list_text(const struct mismatch *m, size_t count, void (*view)(const struct mismatch *m, size_t i, struct view *out),
		      char out[LIST_TEXT_MAX], size_t limit)
{
	char last[PROPOSAL_TEXT_MAX] = "";
	struct view v;

	out[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		view(m, i, &v);
		if (strcmp(v.text, last) == 0)
			continue;
		snprintf(last, sizeof(last), "%s", v.text);
		if (strlen(out) + strlen(v.text) > limit - sizeof(", and 255 more")) {
			text_add(out, LIST_TEXT_MAX, " and %zu more", count - i);
			return;
		}
		text_add(out, LIST_TEXT_MAX, "%s%s", out[0] ? ", " : "", v.text);
	}
}

static unsigned likeness(const struct view *offer, const struct view *accepted)
{
	unsigned score = 0;

	for (size_t i = 0; i < offer->parts.count; i++)
		score += 2 * (strcmp(offer->parts.text[i], accepted->parts.text[i]) == 0);
	return score + offer->condition_met;
}

static void difference_text(const struct view *offer, const struct view *accepted, char *out, size_t size)
{
	const char *before = " misses ";

	for (size_t i = 0; i < offer->parts.count; i++)
		if (accepted->parts.text[i][0] && strcmp(offer->parts.text[i], accepted->parts.text[i]) != 0) {
			text_add(out, size, "%s%s", before, accepted->parts.text[i]);
			before = ", ";
		}
	const char *extra = before[0] == ',' ? " and asks for " : " asks for ";
	bool asks = false;
	for (size_t i = PART_PFS; i < offer->parts.count; i++)
		if (!accepted->parts.text[i][0] && offer->parts.text[i][0]) {
			text_add(out, size, "%s%s", asks ? " and " : extra, offer->parts.text[i]);
			asks = true;
		}
	if (asks)
		text_add(out, size, ", which we do not accept");
}

static void nearest_text(const struct mismatch *m, char *out, size_t size)
{
	struct view offer, accepted, best_offer, best_accepted;
	unsigned best = 0;
	size_t best_index = 0;
	char condition[160] = "";

	for (size_t i = 0; i < m->offer_count; i++) {
		m->offer_view(m, i, &offer);
		for (size_t k = 0; k < m->accepted_count; k++) {
			m->accepted_view(m, k, &accepted);
			unsigned score = 1 + 2 * likeness(&offer, &accepted) + !offer.fault;

			if (score <= best)
				continue;
			best = score;
			best_index = i;
			best_offer = offer;
			best_accepted = accepted;
		}
	}
	if (best == 0)
		return;
	text_add(out, size, "; nearest %s", best_offer.text);
	if (best_offer.fault) {
		text_add(out, size, " is not usable: %s", best_offer.fault);
		return;
	}
	difference_text(&best_offer, &best_accepted, out, size);
	if (best_offer.condition_met)
		return;
	m->condition_text(m, best_index, condition, sizeof(condition));
	text_add(out, size, "%s %s", likeness(&best_offer, &best_accepted) == 2 * best_offer.parts.count ? " fits, but" : "; also",
		 condition);
}

static int mismatch_explain(const struct mismatch *m, char *why)
{
	char offered[LIST_TEXT_MAX], accepted[LIST_TEXT_MAX];

	if (!why)
		return -1;
	if (m->offer_count == 0) {
		snprintf(why, WHY_MAX, "peer offers nothing");
		return -1;
	}
	list_text(m, m->offer_count, m->offer_view, offered, OFFERED_TEXT_MAX);
	list_text(m, m->accepted_count, m->accepted_view, accepted, ACCEPTED_TEXT_MAX);
	snprintf(why, WHY_MAX, "peer offers %s; we accept %s", offered, accepted[0] ? accepted : "nothing");
	nearest_text(m, why, WHY_MAX);
	return -1;
}

/* ---- phase 1 ---- */

/* RFC 2409 appendix A, RFC 4754; 64221 and up: the hybrid and XAUTH drafts. */
static const char *auth_name(char out[NAME_TEXT_MAX], uint16_t auth)
{
	static const struct {
		uint16_t number;
		const char *name;
	} names[] = {
		{ 1, "psk" }, { 2, "dss" }, { 3, "rsa" }, { 4, "rsa-encryption" }, { 5, "rsa-encryption-revised" },
		{ 9, "ecdsa-256" }, { 10, "ecdsa-384" }, { 11, "ecdsa-521" },
		{ 64221, "hybrid-rsa" }, { 64222, "hybrid-rsa (responder)" }, { 64223, "hybrid-dss" },
		{ 64224, "hybrid-dss (responder)" }, { 65001, "xauth-psk" }, { 65002, "xauth-psk (responder)" },
		{ 65005, "xauth-rsa" }, { 65006, "xauth-rsa (responder)" },
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].number == auth)
			return names[i].name;
	snprintf(out, NAME_TEXT_MAX, "method %u", auth);
	return out;
}

static bool auth_is_among(uint16_t auth, const uint16_t *auths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (auths[i] == auth)
			return true;
	return false;
}

static void ike_offer_view(const struct mismatch *m, size_t i, struct view *out)
{
	const struct ike_offer *offer = &((const struct ike_offers *)m->offers)->at[i];

	ike_transform_parts(&out->parts, &offer->transform);
	ike_transform_text(out->text, &offer->transform);
	out->fault = offer->fault;
	out->condition_met = auth_is_among(offer->auth, m->auths, m->auth_count);
}

static void ike_accepted_view(const struct mismatch *m, size_t i, struct view *out)
{
	const struct ike_transform *t = &((const struct ike_transforms *)m->accepted)->at[i];

	ike_transform_parts(&out->parts, t);
	ike_transform_text(out->text, t);
}

static void ike_condition_text(const struct mismatch *m, size_t i, char *out, size_t size)
{
	const struct ike_offer *offer = &((const struct ike_offers *)m->offers)->at[i];
	char name[NAME_TEXT_MAX];

	snprintf(out, size, "peer wants authentication by %s, we by ", auth_name(name, offer->auth));
	for (size_t a = 0; a < m->auth_count; a++)
		text_add(out, size, "%s%s", a ? " or " : "", auth_name(name, m->auths[a]));
	if (m->auth_count == 0)
		text_add(out, size, "nothing");
}

int ike_choose(struct ike_offers *offers, const struct ike_transforms *accepted, const uint16_t *auths, size_t auth_count,
	       char *why)
{
	if (why)
		why[0] = '\0';
	for (size_t i = 0; i < offers->count; i++) {
		struct ike_offer *offer = &offers->at[i];

		if (offer->fault || !auth_is_among(offer->auth, auths, auth_count))
			continue;
		for (size_t k = 0; k < accepted->count; k++)
			if (ike_transform_same(&offer->transform, &accepted->at[k])) {
				offer->transform = accepted->at[k];
				return (int)i;
			}
	}
	const struct mismatch m = {
		.offers = offers, .offer_count = offers->count, .offer_view = ike_offer_view,
		.accepted = accepted, .accepted_count = accepted->count, .accepted_view = ike_accepted_view,
		.condition_text = ike_condition_text, .auths = auths, .auth_count = auth_count,
	};
	return mismatch_explain(&m, why);
}

/* ---- ESP and AH ---- */

static const char *mode_name(char out[NAME_TEXT_MAX], uint16_t mode)
{
	static const struct {
		uint16_t number;
		const char *name;
	} names[] = {
		{ MODE_TUNNEL, "tunnel" }, { MODE_TRANSPORT, "transport" }, { MODE_UDP_TUNNEL, "UDP-encapsulated tunnel" },
		{ MODE_UDP_TRANSPORT, "UDP-encapsulated transport" }, { 61443, "UDP-encapsulated tunnel (draft)" },
		{ 61444, "UDP-encapsulated transport (draft)" },
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].number == mode)
			return names[i].name;
	snprintf(out, NAME_TEXT_MAX, "unknown (%u)", mode);
	return out;
}

/* What the wire shows of a transform: nobody can see where SHA-256 is cut. */
static struct esp_transform wire_form(const struct esp_transform *t)
{
	struct esp_transform wire = *t;

	wire.short_sha256 = false;
	return wire;
}

static void esp_offer_view(const struct mismatch *m, size_t i, struct view *out)
{
	const struct esp_offer *offer = &((const struct esp_offers *)m->offers)->at[i];

	esp_transform_parts(&out->parts, &offer->transform);
	esp_transform_text(out->text, &offer->transform);
	out->fault = offer->fault;
	out->condition_met = offer->mode == m->mode && (m->compress || !offer->comp.cpi);
	if (offer->comp.cpi)
		text_add(out->text, sizeof(out->text), " with IPComp");
	if (offer->protocol == PROTO_ESP || (offer->protocol == PROTO_AH && offer->transform.auth))
		return;
	/* Other protocols number their transforms in their own way; AH's without an algorithm is only a number. */
	out->parts = (struct proposal_parts){ .count = PART_COUNT_MAX };
	snprintf(out->parts.text[0], PART_TEXT_MAX, "%s%u",
		 offer->protocol == PROTO_AH ? "AH_" : offer->protocol == PROTO_IPCOMP ? "IPCOMP_" : "protocol_",
		 offer->protocol == PROTO_AH || offer->protocol == PROTO_IPCOMP ? offer->transform.id : offer->protocol);
	snprintf(out->text, sizeof(out->text), "%s", out->parts.text[0]);
}

static void esp_accepted_view(const struct mismatch *m, size_t i, struct view *out)
{
	const struct esp_transform *t = &((const struct esp_transforms *)m->accepted)->at[i];
	struct esp_transform wire = wire_form(t);

	esp_transform_parts(&out->parts, &wire);
	esp_transform_text(out->text, t);
}

static void esp_condition_text(const struct mismatch *m, size_t i, char *out, size_t size)
{
	const struct esp_offer *offer = &((const struct esp_offers *)m->offers)->at[i];
	char theirs[NAME_TEXT_MAX], ours[NAME_TEXT_MAX];

	if (offer->mode == m->mode)
		snprintf(out, size, "peer insists on IPComp, which we do not use here");
	else
		snprintf(out, size, "peer wants %s mode, we %s", mode_name(theirs, offer->mode), mode_name(ours, m->mode));
}

int esp_choose(struct esp_offers *offers, const struct esp_transforms *accepted, uint16_t mode, bool compress, char *why)
{
	if (why)
		why[0] = '\0';
	for (size_t i = 0; i < offers->count; i++) {
		struct esp_offer *offer = &offers->at[i];

		if (offer->fault || offer->mode != mode || (offer->comp.cpi && !compress))
			continue;
		for (size_t k = 0; k < accepted->count; k++) {
			struct esp_transform wire = wire_form(&accepted->at[k]);

			if (esp_transform_same(&offer->transform, &wire)) {
				offer->transform = accepted->at[k];
				return (int)i;
			}
		}
	}
	const struct mismatch m = {
		.offers = offers, .offer_count = offers->count, .offer_view = esp_offer_view,
		.accepted = accepted, .accepted_count = accepted->count, .accepted_view = esp_accepted_view,
		.condition_text = esp_condition_text, .mode = mode, .compress = compress,
	};
	return mismatch_explain(&m, why);
}
