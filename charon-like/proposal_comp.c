/* SPDX-License-Identifier: MIT */
/* proposal_comp.c - IPComp (RFC 3173) in an SA payload: a part of the ESP or AH that stands under the same proposal number. */
#include "proposal_table.h"

#include "names.h"

enum { PAYLOADS_JOINED = 2 };

/* RFC 3947 5.1 has modes in UDP; that they are in UDP is ESP's. */
static uint16_t plain_mode(uint16_t mode)
{
	return mode == MODE_UDP_TUNNEL ? MODE_TUNNEL : mode == MODE_UDP_TRANSPORT ? MODE_TRANSPORT : mode;
}

/* The answer names its choice by the number; of two alike only the first can be meant. */
static bool is_repeated(const struct esp_offers *offers, size_t index)
{
	const struct esp_offer *offer = &offers->at[index];

	for (size_t i = 0; i < index; i++)
		if (offers->at[i].protocol == PROTO_IPCOMP && offers->at[i].proposal_number == offer->proposal_number &&
		    offers->at[i].transform_number == offer->transform_number)
			return true;
	return false;
}

/* The first of its IPComp transforms that fits it, else the last that does not; NULL: it is offered with none. */
static const struct esp_offer *comp_of(const struct esp_offers *offers, const struct esp_offer *offer)
{
	const struct esp_offer *comp = NULL;

	for (size_t i = 0; i < offers->count; i++) {
		const struct esp_offer *other = &offers->at[i];
		if (other->protocol != PROTO_IPCOMP || other->proposal_number != offer->proposal_number || is_repeated(offers, i))
			continue;
		comp = other;
		if (!other->fault && plain_mode(other->mode) == plain_mode(offer->mode))
			return comp;
	}
	return comp;
}

static void join(const struct esp_offers *offers, struct esp_offer *offer)
{
	const struct esp_offer *comp = comp_of(offers, offer);

	if (!comp || offer->fault)
		return;
	if (comp->fault)
		offer->fault = comp->fault;
	else if (plain_mode(comp->mode) != plain_mode(offer->mode))
		offer->fault = "IPComp in another mode than what it is offered with";
	else
		offer->comp = comp->comp;
}

void comp_join(struct esp_offers *offers, const struct sa_numbers *numbers)
{
	size_t kept = 0;

	for (size_t i = 0; i < offers->count; i++)
		if (offers->at[i].protocol != PROTO_IPCOMP && numbers->payloads[offers->at[i].proposal_number] == PAYLOADS_JOINED)
			join(offers, &offers->at[i]);
	for (size_t i = 0; i < offers->count; i++) {
		struct esp_offer offer = offers->at[i];
		bool is_comp = offer.protocol == PROTO_IPCOMP;
		if (is_comp && numbers->payloads[offer.proposal_number] > 1)
			continue;
		if (is_comp) {
			offer.fault = "IPComp alone, which protects nothing";
			offer.comp.cpi = 0;
		}
		offers->at[kept++] = offer;
	}
	offers->count = kept;
}

bool esp_answer_is_one(const struct esp_offers *answer, bool compress)
{
	const struct esp_offer *with = &answer->at[0], *without = &answer->at[1];

	if (answer->count != 2 || !compress)
		return answer->count == 1;
	return with->comp.cpi && !with->fault && !without->comp.cpi && with->protocol == without->protocol && with->spi == without->spi &&
	       with->mode == without->mode && esp_transform_same(&with->transform, &without->transform);
}
