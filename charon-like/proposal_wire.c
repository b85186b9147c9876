/* SPDX-License-Identifier: MIT */
/*
 * proposal_wire.c - the frame of an SA payload's body (RFC 2408 3.4-3.6, RFC 2407 4.6.1): walked when read, and written.
 * What the attributes mean is proposal_read.c's.
 */
#include "proposal_table.h"

#include "names.h"

#include <stdio.h>

enum { HEADER_LEN = 4, TRANSFORMS_PER_PROPOSAL = 255 };

/* ---- reading ---- */

/* One proposal or transform payload: its generic header (RFC 2408 3.2), checked, and what is inside. NULL: fine. */
static const char *payload_read(struct reader *r, uint8_t type, struct bytes *inside, bool *is_last)
{
	uint8_t next = read_u8(r), reserved = read_u8(r);
	size_t len = read_u16(r);

	*is_last = next == PAY_NONE;
	if (r->failed)
		return "ends early";
	if (next != PAY_NONE && next != type)
		return "names a wrong next payload";
	/* RFC 2408 5.3: a message in which this is not zero is discarded. */
	if (reserved != 0)
		return "has a reserved field that is not zero";
	if (len < HEADER_LEN)
		return "is shorter than its own header";
	*inside = read_bytes(r, len - HEADER_LEN);
	return r->failed ? "ends early" : NULL;
}

struct walk {
	void (*visit)(void *arg, const struct sa_transform *t);
	void *arg;
	char *why;
};

static int transforms_walk(const struct walk *walk, struct sa_transform t, struct reader *r, size_t count)
{
	bool is_last = false;
	size_t found = 0;

	for (; !is_last; found++) {
		const char *wrong = payload_read(r, PAY_TRANSFORM, &t.body, &is_last);
		struct reader inside = reader_over(t.body);

		t.number = read_u8(&inside);
		t.id = read_u8(&inside);
		uint16_t reserved = read_u16(&inside);
		t.attributes = read_rest(&inside);
		if (!wrong && inside.failed)
			wrong = "is shorter than its fixed part";
		else if (!wrong && reserved != 0)
			wrong = "has a reserved field that is not zero";
		if (wrong) {
			snprintf(walk->why, WHY_MAX, "in proposal %u the transform payload at place %zu %s", t.proposal_number,
				 found + 1, wrong);
			return FAULT_INPUT;
		}
		if (walk->visit)
			walk->visit(walk->arg, &t);
	}
	if (found != count || !reader_done(r)) {
		snprintf(walk->why, WHY_MAX, "proposal %u announces %zu transforms and has %zu%s", t.proposal_number, count, found,
			 reader_done(r) ? "" : ", then something else");
		return FAULT_INPUT;
	}
	return 0;
}

static int proposals_walk(struct walk walk, struct sa_numbers *numbers, struct reader *r)
{
	bool is_last = false;

	for (size_t place = 1; !is_last; place++) {
		struct sa_transform t = { .number = 0 };
		struct bytes body = bytes_of(NULL, 0);
		const char *wrong = payload_read(r, PAY_PROPOSAL, &body, &is_last);
		struct reader inside = reader_over(body);

		t.proposal_number = read_u8(&inside);
		t.protocol = read_u8(&inside);
		size_t spi_len = read_u8(&inside), count = read_u8(&inside);
		t.spi = read_bytes(&inside, spi_len);
		if (!wrong && inside.failed)
			wrong = "is shorter than its fixed part and SPI";
		if (wrong) {
			snprintf(walk.why, WHY_MAX, "the proposal payload at place %zu %s", place, wrong);
			return FAULT_INPUT;
		}
		if (numbers->payloads[t.proposal_number] < UINT8_MAX)
			numbers->payloads[t.proposal_number]++;
		if (place > PROPOSALS_MAX)
			walk.visit = NULL;
		int fault = transforms_walk(&walk, t, &inside, count);
		if (fault)
			return fault;
	}
	return 0;
}

int sa_walk(struct bytes sa_body, struct sa_numbers *numbers, void (*visit)(void *arg, const struct sa_transform *t), void *arg,
	    char why[WHY_MAX])
{
	struct reader r = reader_over(sa_body);
	uint32_t doi = read_u32(&r), situation = read_u32(&r);

	why[0] = '\0';
	*numbers = (struct sa_numbers){ .payloads = { 0 } };
	if (r.failed) {
		snprintf(why, WHY_MAX, "the SA payload is shorter than its fixed part");
		return FAULT_INPUT;
	}
	if (doi != DOI_IPSEC) {
		snprintf(why, WHY_MAX, "the SA payload has DOI %u instead of %d (IPsec)", (unsigned)doi, DOI_IPSEC);
		return FAULT_INPUT;
	}
	/* RFC 2407 4.2: the other bits bring labels with them that would have to be parsed; nobody uses them. */
	if (situation != SIT_IDENTITY_ONLY) {
		snprintf(why, WHY_MAX, "the SA payload has situation 0x%08x, only identity-only (1) is supported",
			 (unsigned)situation);
		return FAULT_INPUT;
	}
	int fault = proposals_walk((struct walk){ visit, arg, why }, numbers, &r);
	if (!fault && !reader_done(&r)) {
		snprintf(why, WHY_MAX, "the SA payload goes on after its last proposal");
		return FAULT_INPUT;
	}
	return fault;
}

/* ---- writing ---- */

static void basic_put(struct writer *w, uint16_t type, uint16_t value)
{
	put_u16(w, ATTRIBUTE_BASIC | type);
	put_u16(w, value);
}

/* Type and duration, in this order (RFC 2407 4.5); the numbers of the two follow each other in both phases. */
static void life_put(struct writer *w, uint16_t type, uint16_t unit, uint32_t duration)
{
	if (duration == 0)
		return;
	basic_put(w, type, unit);
	if (duration <= UINT16_MAX) {
		basic_put(w, type + 1, (uint16_t)duration);
		return;
	}
	put_u16(w, type + 1);
	put_u16(w, sizeof(duration));
	put_u32(w, duration);
}

static void lives_put(struct writer *w, uint16_t type, const struct lifetime *lifetime)
{
	uint64_t kilobytes = lifetime->bytes / 1024;

	life_put(w, type, LIFE_SECONDS, lifetime->seconds);
	life_put(w, type, LIFE_KILOBYTES, kilobytes > UINT32_MAX ? UINT32_MAX : (uint32_t)kilobytes);
}

void lifetime_put(struct writer *w, bool is_phase1, const struct lifetime *lifetime)
{
	lives_put(w, is_phase1 ? IKE_ATTR_LIFE_TYPE : ESP_ATTR_LIFE_TYPE, lifetime);
}

/* A generic header whose length is set by length_end(); returns where it begins. */
static size_t header_put(struct writer *w, uint8_t next)
{
	size_t begin = w->used;

	put_u8(w, next);
	put_u8(w, 0);
	put_u16(w, 0);
	return begin;
}

static void length_end(struct writer *w, size_t begin)
{
	size_t len = w->used - begin;

	if (len > UINT16_MAX)
		w->failed = true;
	patch_u16(w, begin + 2, (uint16_t)len);
}

static void situation_put(struct writer *w)
{
	put_u32(w, DOI_IPSEC);
	put_u32(w, SIT_IDENTITY_ONLY);
}

/* The head of one proposal; `next` PAY_PROPOSAL: another follows. */
static size_t proposal_begin(struct writer *w, uint8_t next, uint8_t number, uint8_t protocol, struct bytes spi, size_t count)
{
	size_t begin = header_put(w, next);

	put_u8(w, number);
	put_u8(w, protocol);
	put_u8(w, (uint8_t)spi.len);
	if (count == 0 || count > TRANSFORMS_PER_PROPOSAL)
		w->failed = true;
	put_u8(w, (uint8_t)count);
	put_bytes(w, spi);
	return begin;
}

/* As octets; of CPIs RFC 3173 4.1 wants two. */
static struct bytes spi_octets(uint8_t out[sizeof(uint32_t)], size_t len, uint32_t spi)
{
	struct writer w = writer_over(out, sizeof(uint32_t));

	if (len == CPI_LEN)
		put_u16(&w, (uint16_t)spi);
	else
		put_u32(&w, spi);
	return writer_bytes(&w);
}

static size_t transform_begin(struct writer *w, size_t number, size_t count, uint8_t id)
{
	size_t begin = header_put(w, number == count ? PAY_NONE : PAY_TRANSFORM);

	put_u8(w, (uint8_t)number);
	put_u8(w, id);
	put_u16(w, 0);
	return begin;
}

void ike_offers_put(struct writer *w, const struct ike_transforms *offer, const uint16_t *auths, size_t auth_count, uint32_t lifetime)
{
	size_t count = offer->count * auth_count, number = 0;

	situation_put(w);
	size_t proposal = proposal_begin(w, PAY_NONE, 1, PROTO_ISAKMP, bytes_of(NULL, 0), count);
	for (size_t i = 0; i < offer->count; i++) {
		const struct ike_transform *t = &offer->at[i];

		for (size_t a = 0; a < auth_count && !w->failed; a++) {
			size_t begin = transform_begin(w, ++number, count, TRANSFORM_KEY_IKE);

			basic_put(w, IKE_ATTR_CIPHER, t->cipher);
			if (t->key_bits)
				basic_put(w, IKE_ATTR_KEY_LENGTH, t->key_bits);
			basic_put(w, IKE_ATTR_HASH, t->hash);
			basic_put(w, IKE_ATTR_GROUP, t->group);
			basic_put(w, IKE_ATTR_AUTH, auths[a]);
			life_put(w, IKE_ATTR_LIFE_TYPE, LIFE_SECONDS, lifetime);
			length_end(w, begin);
		}
	}
	length_end(w, proposal);
}

static void esp_attributes_put(struct writer *w, const struct esp_transform *t, uint16_t mode, const struct lifetime *lifetime)
{
	if (t->group)
		basic_put(w, ESP_ATTR_GROUP, t->group);
	basic_put(w, ESP_ATTR_MODE, mode);
	lives_put(w, ESP_ATTR_LIFE_TYPE, lifetime);
	if (t->auth)
		basic_put(w, ESP_ATTR_AUTH, t->auth);
	/* RFC 3602 5.3 and the like: also when it is 128. */
	if (t->key_bits)
		basic_put(w, ESP_ATTR_KEY_LENGTH, t->key_bits);
	if (t->esn)
		basic_put(w, ESP_ATTR_ESN, 1);
}

static void esp_proposal_put(struct writer *w, uint8_t next, uint8_t proposal_number, const struct esp_transforms *offer, uint32_t spi,
			     uint16_t mode, const struct lifetime *lifetime)
{
	size_t count = 0, number = 0;
	uint8_t octets[sizeof(spi)];

	for (size_t i = 0; i < offer->count; i++)
		count += offer->at[i].group == offer->at[0].group;
	size_t proposal = proposal_begin(w, next, proposal_number, count ? esp_transform_protocol(&offer->at[0]) : PROTO_ESP,
					 spi_octets(octets, sizeof(octets), spi), count);
	for (size_t i = 0; i < offer->count && !w->failed; i++) {
		if (offer->at[i].group != offer->at[0].group)
			continue;
		size_t begin = transform_begin(w, ++number, count, offer->at[i].id);

		esp_attributes_put(w, &offer->at[i], mode, lifetime);
		length_end(w, begin);
	}
	length_end(w, proposal);
}

/* RFC 3173 4.1: what is the other protocol's, such as the group, is left out. */
static void comp_proposal_put(struct writer *w, uint8_t next, uint8_t proposal_number, uint16_t cpi, uint16_t mode,
			      const struct lifetime *lifetime)
{
	uint8_t octets[sizeof(uint32_t)];
	size_t proposal = proposal_begin(w, next, proposal_number, PROTO_IPCOMP, spi_octets(octets, CPI_LEN, cpi), 1);
	size_t transform = transform_begin(w, 1, 1, IPCOMP_DEFLATE);

	basic_put(w, ESP_ATTR_MODE, mode);
	lives_put(w, ESP_ATTR_LIFE_TYPE, lifetime);
	length_end(w, transform);
	length_end(w, proposal);
}

void esp_offers_put(struct writer *w, const struct esp_transforms *offer, uint32_t spi, uint16_t cpi, uint16_t mode,
		    const struct lifetime *lifetime)
{
	situation_put(w);
	esp_proposal_put(w, cpi ? PAY_PROPOSAL : PAY_NONE, 1, offer, spi, mode, lifetime);
	if (!cpi)
		return;
	comp_proposal_put(w, PAY_PROPOSAL, 1, cpi, mode, lifetime);
	esp_proposal_put(w, PAY_NONE, 2, offer, spi, mode, lifetime);
}

/* ---- answering ---- */

enum { PROTOCOLS_MAX = 2 };

/* One transform that is chosen, of a protocol; its body is found in the offer. */
struct choice {
	uint8_t protocol, transform_number;
	uint8_t octets[sizeof(uint32_t)];
	struct bytes spi, body;
};

struct search {
	uint8_t proposal_number;
	size_t count, found;
	struct choice at[PROTOCOLS_MAX];
	size_t order[PROTOCOLS_MAX];
};

static void search_visit(void *arg, const struct sa_transform *t)
{
	struct search *s = (struct search *)arg;

	for (size_t i = 0; i < s->count && t->proposal_number == s->proposal_number; i++) {
		struct choice *choice = &s->at[i];
		if (choice->body.at || t->number != choice->transform_number || t->protocol != choice->protocol)
			continue;
		choice->body = t->body;
		s->order[s->found++] = i;
		return;
	}
}

/* In the order of the offer. */
static int choices_put(struct writer *w, struct bytes sa_body, struct search *s)
{
	struct sa_numbers numbers;
	char why[WHY_MAX];
	int fault = sa_walk(sa_body, &numbers, search_visit, s, why);

	if (fault)
		return fault;
	if (s->found != s->count)
		return FAULT_NOT_FOUND;
	situation_put(w);
	for (size_t i = 0; i < s->count; i++) {
		const struct choice *choice = &s->at[s->order[i]];
		size_t proposal = proposal_begin(w, i + 1 < s->count ? PAY_PROPOSAL : PAY_NONE, s->proposal_number, choice->protocol,
						 choice->spi, 1);
		size_t transform = header_put(w, PAY_NONE);
		put_bytes(w, choice->body);
		length_end(w, transform);
		length_end(w, proposal);
	}
	return w->failed ? FAULT_FULL : 0;
}

int sa_choice_put(struct writer *w, struct bytes sa_body, uint8_t proposal_number, uint8_t transform_number, uint8_t protocol,
		  const uint32_t *spi)
{
	struct search s = { .proposal_number = proposal_number, .count = 1 };

	s.at[0] = (struct choice){ .protocol = protocol, .transform_number = transform_number };
	if (spi)
		s.at[0].spi = spi_octets(s.at[0].octets, sizeof(*spi), *spi);
	return choices_put(w, sa_body, &s);
}

int comp_choice_put(struct writer *w, struct bytes sa_body, const struct esp_offer *chosen, uint32_t spi, uint16_t cpi)
{
	struct search s = { .proposal_number = chosen->proposal_number, .count = 2 };
	struct choice *esp = &s.at[0], *comp = &s.at[1];

	*esp = (struct choice){ .protocol = chosen->protocol, .transform_number = chosen->transform_number };
	*comp = (struct choice){ .protocol = PROTO_IPCOMP, .transform_number = chosen->comp.transform_number };
	esp->spi = spi_octets(esp->octets, sizeof(spi), spi);
	comp->spi = spi_octets(comp->octets, CPI_LEN, cpi);
	return choices_put(w, sa_body, &s);
}
