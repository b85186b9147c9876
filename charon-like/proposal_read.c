/* SPDX-License-Identifier: MIT */
/*
 * proposal_read.c - what the transforms of an SA payload mean. A transform that cannot be used is kept with its fault,
 * so that "no proposal chosen" can say what was offered.
 */
#include "proposal_table.h"

#include "names.h"

#include <stdio.h>

/* ESP's and AH's SPIs from 0 to 255 are reserved (RFC 2406 2.1, RFC 2402 2.4); one of RFC 2408's may have 16 octets (3.5). */
enum { SPI_RESERVED_LAST = 255, IKE_SPI_LEN_MAX = 16, ESP_SPI_LEN = 4, LIFE_LEN_MAX = 8, ATTRIBUTE_NUMBERS = 17 };

#define BIT(n) (1u << (n))

/* Which attributes a phase knows, and how each is encoded. */
struct attribute_rules {
	uint32_t basic;
	uint32_t private_group;    /* the parameters of a group of one's own, RFC 2409 appendix A */
	uint16_t life_type, life_duration;
};

static const struct attribute_rules ike_rules = {
	.basic = BIT(IKE_ATTR_CIPHER) | BIT(IKE_ATTR_HASH) | BIT(IKE_ATTR_AUTH) | BIT(IKE_ATTR_GROUP) | BIT(IKE_ATTR_GROUP_TYPE) |
		 BIT(IKE_ATTR_LIFE_TYPE) | BIT(IKE_ATTR_KEY_LENGTH),
	.private_group = BIT(IKE_ATTR_PRIME) | BIT(IKE_ATTR_GENERATOR_1) | BIT(IKE_ATTR_GENERATOR_2) | BIT(IKE_ATTR_CURVE_A) |
			 BIT(IKE_ATTR_CURVE_B) | BIT(IKE_ATTR_FIELD_SIZE) | BIT(IKE_ATTR_GROUP_ORDER),
	.life_type = IKE_ATTR_LIFE_TYPE, .life_duration = IKE_ATTR_LIFE_DURATION,
};

static const struct attribute_rules esp_rules = {
	.basic = BIT(ESP_ATTR_LIFE_TYPE) | BIT(ESP_ATTR_GROUP) | BIT(ESP_ATTR_MODE) | BIT(ESP_ATTR_AUTH) |
		 BIT(ESP_ATTR_KEY_LENGTH) | BIT(ESP_ATTR_ESN),
	.life_type = ESP_ATTR_LIFE_TYPE, .life_duration = ESP_ATTR_LIFE_DURATION,
};

/* The attributes of one transform. */
struct attributes {
	uint16_t value[ATTRIBUTE_NUMBERS];
	uint32_t seen;
	uint16_t pending_life;     /* a life type that waits for its duration; 0: none */
	uint64_t life[LIFE_KILOBYTES + 1];
	bool has_life[LIFE_KILOBYTES + 1];
	const char *fault;
};

/* ---- attributes ---- */

static const char *duration_take(struct attributes *a, bool is_basic, uint16_t basic, struct bytes data)
{
	uint16_t type = a->pending_life;
	struct reader r = reader_over(data);

	a->pending_life = 0;
	/* RFC 2407 4.5: the duration follows the type that gives it its unit. */
	if (type == 0)
		return "a lifetime without unit";
	if (!is_basic && (data.len == 0 || data.len > LIFE_LEN_MAX))
		return "a lifetime of no usable length";
	if (a->has_life[type])
		return "two lifetimes of the same unit";
	a->has_life[type] = true;
	a->life[type] = is_basic ? basic : read_number(&r, data.len);
	return NULL;
}

static const char *life_type_take(struct attributes *a, uint16_t type)
{
	if (a->pending_life)
		return "a unit of lifetime without lifetime";
	if (type != LIFE_SECONDS && type != LIFE_KILOBYTES)
		return "a lifetime of unknown unit";
	a->pending_life = type;
	return NULL;
}

static const char *attribute_take(struct attributes *a, const struct attribute_rules *rules, uint16_t number, bool is_basic,
				  uint16_t basic, struct bytes data)
{
	uint32_t bit = number < ATTRIBUTE_NUMBERS ? BIT(number) : 0;

	if (number == rules->life_duration)
		return duration_take(a, is_basic, basic, data);
	if (rules->private_group & bit)
		return "a group of the peer's own, which is not trusted";
	if (!(rules->basic & bit))
		return "an unsupported attribute";
	/* RFC 2407 4.5: basic attributes must not be encoded as variable. */
	if (!is_basic)
		return "a basic attribute in variable form";
	if (number == rules->life_type)
		return life_type_take(a, basic);
	if (a->seen & bit)
		return "an attribute that stands twice";
	a->seen |= bit;
	a->value[number] = basic;
	return NULL;
}

/* False: not even readable as attributes. What contradicts itself is noted as the fault, the first of them. */
static bool attributes_read(struct attributes *a, struct bytes body, const struct attribute_rules *rules)
{
	struct reader r = reader_over(body);

	*a = (struct attributes){ .seen = 0 };
	for (size_t count = 1; reader_left(&r); count++) {
		uint16_t type = read_u16(&r), value = read_u16(&r);
		bool is_basic = type & ATTRIBUTE_BASIC;
		struct bytes data = is_basic ? bytes_of(NULL, 0) : read_bytes(&r, value);
		const char *fault = count > ATTRIBUTES_MAX ? "too many attributes" : NULL;

		if (r.failed)
			return false;
		if (!fault)
			fault = attribute_take(a, rules, type & (uint16_t)~ATTRIBUTE_BASIC, is_basic, value, data);
		if (!a->fault)
			a->fault = fault;
	}
	if (a->pending_life && !a->fault)
		a->fault = "a unit of lifetime without lifetime";
	return true;
}

static uint64_t bytes_of_kilobytes(const struct attributes *a)
{
	uint64_t kilobytes = a->life[LIFE_KILOBYTES];

	return kilobytes > UINT64_MAX / 1024 ? UINT64_MAX : kilobytes * 1024;
}

static uint32_t seconds_of(const struct attributes *a)
{
	return a->life[LIFE_SECONDS] > UINT32_MAX ? UINT32_MAX : (uint32_t)a->life[LIFE_SECONDS];
}

int lifetime_read(struct lifetime *out, bool is_phase1, struct bytes attributes)
{
	struct attributes a;

	if (!attributes_read(&a, attributes, is_phase1 ? &ike_rules : &esp_rules) || a.fault)
		return FAULT_INPUT;
	*out = (struct lifetime){ .seconds = seconds_of(&a), .bytes = bytes_of_kilobytes(&a) };
	return 0;
}

/* ---- what both phases check ---- */

static const char *cipher_fault(const struct proposal_rows *rows, uint16_t number, uint16_t key_bits)
{
	const struct proposal_row *row = row_by_number(rows, number, key_bits);
	bool is_known = false, has_lengths = false;

	if (row)
		return row->alg ? NULL : row->refused;
	for (size_t i = 0; i < rows->count && number; i++) {
		is_known = is_known || rows->at[i].number == number;
		has_lengths = has_lengths || (rows->at[i].number == number && rows->at[i].key_bits);
	}
	if (!is_known)
		return "an unknown cipher";
	if (!has_lengths)
		return "a key length for a cipher that has only one";
	return key_bits ? "a key length that the cipher does not have" : "a cipher without its key length";
}

static const char *row_fault(const struct proposal_rows *rows, uint16_t number, const char *unknown)
{
	const struct proposal_row *row = row_by_number(rows, number, 0);

	return !row ? unknown : row->alg ? NULL : row->refused;
}

static const char *first_fault(const char *const *faults, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (faults[i])
			return faults[i];
	return NULL;
}

/* What only shows when all is read; `numbers` NULL: that it is one of several payloads is right. */
static const char *number_fault(const struct sa_numbers *numbers, uint8_t proposal_number, bool is_repeated)
{
	/* RFC 2408 4.2: proposals with one number are wanted all together. */
	if (numbers && numbers->payloads[proposal_number] > 1)
		return "wanted only together with another protocol";
	/* The answer names its choice by the numbers; of two alike only the first can be meant. */
	return is_repeated ? "a transform number that stands twice" : NULL;
}

/* ---- phase 1 ---- */

struct ike_reading {
	struct ike_offers *out;
	char *why;
	bool is_malformed;
};

static const char *ike_fault(const struct sa_transform *t, const struct attributes *a, const struct ike_transform *ike)
{
	/* RFC 2408 3.5: the cookies are the SPI; what stands here is ignored, but for a length that cannot be. */
	const char *faults[] = {
		t->protocol == PROTO_ISAKMP ? NULL : "not for ISAKMP",
		t->spi.len <= IKE_SPI_LEN_MAX ? NULL : "an SPI of more than 16 octets",
		t->id == TRANSFORM_KEY_IKE ? NULL : "not for IKE",
		a->fault,
		a->seen & BIT(IKE_ATTR_CIPHER) ? NULL : "no cipher",
		a->seen & BIT(IKE_ATTR_HASH) ? NULL : "no hash",
		a->seen & BIT(IKE_ATTR_AUTH) ? NULL : "no authentication method",
		a->seen & BIT(IKE_ATTR_GROUP) ? NULL : "no Diffie-Hellman group",
		cipher_fault(&ike_cipher_rows, ike->cipher, ike->key_bits),
		row_fault(&ike_hash_rows, ike->hash, "an unknown hash"),
		row_fault(&group_rows, ike->group, "an unknown Diffie-Hellman group"),
	};

	return first_fault(faults, COUNT(faults));
}

static void ike_visit(void *arg, const struct sa_transform *t)
{
	struct ike_reading *reading = (struct ike_reading *)arg;
	struct ike_offers *out = reading->out;
	struct attributes a;

	if (reading->is_malformed)
		return;
	if (!attributes_read(&a, t->attributes, &ike_rules)) {
		snprintf(reading->why, WHY_MAX, "an attribute of transform %u of proposal %u ends early", t->number,
			 t->proposal_number);
		reading->is_malformed = true;
		return;
	}
	if (out->count == TRANSFORMS_MAX)
		return;
	struct ike_offer offer = {
		.transform = { .cipher = a.value[IKE_ATTR_CIPHER], .key_bits = a.value[IKE_ATTR_KEY_LENGTH],
			       .hash = a.value[IKE_ATTR_HASH], .group = a.value[IKE_ATTR_GROUP] },
		.auth = a.value[IKE_ATTR_AUTH], .lifetime = seconds_of(&a),
		.proposal_number = t->proposal_number, .transform_number = t->number,
	};
	offer.fault = ike_fault(t, &a, &offer.transform);
	out->at[out->count++] = offer;
}

static bool ike_is_repeated(const struct ike_offers *offers, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (offers->at[i].proposal_number == offers->at[index].proposal_number &&
		    offers->at[i].transform_number == offers->at[index].transform_number)
			return true;
	return false;
}

int ike_offers_read(struct ike_offers *out, struct bytes sa_body, char why[WHY_MAX])
{
	struct ike_reading reading = { out, why, false };
	struct sa_numbers numbers;

	out->count = 0;
	int fault = sa_walk(sa_body, &numbers, ike_visit, &reading, why);
	if (!fault && reading.is_malformed)
		fault = FAULT_INPUT;
	if (fault) {
		out->count = 0;
		return fault;
	}
	for (size_t i = 0; i < out->count; i++)
		if (!out->at[i].fault)
			out->at[i].fault = number_fault(&numbers, out->at[i].proposal_number, ike_is_repeated(out, i));
	return 0;
}

/* ---- ESP and AH ---- */

struct esp_reading {
	struct esp_offers *out;
	char *why;
	bool is_malformed;
};

static const char *protocol_fault(uint8_t protocol)
{
	switch (protocol) {
	case PROTO_ESP:
	case PROTO_AH:
	case PROTO_IPCOMP:
		return NULL;
	default:
		return "for neither ESP nor AH";
	}
}

/* RFC 3173 4.1: a CPI has 2 octets, or is the end of 4. */
static const char *comp_fault(const struct sa_transform *t, const struct attributes *a, uint16_t cpi)
{
	const char *faults[] = {
		t->spi.len == CPI_LEN || t->spi.len == ESP_SPI_LEN ? NULL : "a CPI that is neither 2 nor 4 octets",
		t->id == IPCOMP_DEFLATE ? NULL : "IPComp of another kind than DEFLATE",
		(cpi >= CPI_FIRST && cpi <= CPI_LAST) || cpi == t->id ? NULL : "a reserved CPI",
		a->fault,
	};

	return first_fault(faults, COUNT(faults));
}

static const char *mode_fault(const struct attributes *a)
{
	enum { DRAFT_UDP_TUNNEL = 61443, DRAFT_UDP_TRANSPORT = 61444 };
	uint16_t mode = a->value[ESP_ATTR_MODE];

	/* RFC 2407 4.5 leaves it to the host then; two hosts that guess differently lose every packet. */
	if (!(a->seen & BIT(ESP_ATTR_MODE)))
		return "no encapsulation mode";
	if ((mode >= MODE_TUNNEL && mode <= MODE_UDP_TRANSPORT) || mode == DRAFT_UDP_TUNNEL || mode == DRAFT_UDP_TRANSPORT)
		return NULL;
	return "an unknown encapsulation mode";
}

static const char *auth_fault(const struct attributes *a, const struct esp_transform *esp)
{
	const struct proposal_row *cipher = row_by_number(&esp_cipher_rows, esp->id, esp->key_bits);
	bool is_sent = a->seen & BIT(ESP_ATTR_AUTH);

	/* RFC 4106, RFC 4309: the cipher's own tag is the ICV; a second algorithm has no place in the packet. */
	if (cipher && cipher->is_aead)
		return is_sent ? "an integrity algorithm beside a cipher that has its own" : NULL;
	if (!is_sent)
		return "no integrity algorithm";
	return row_fault(&esp_auth_rows, esp->auth, "an unknown integrity algorithm");
}

/* RFC 2407 4.4.3: the attribute must be there, and be the transform's. */
static const char *ah_fault(const struct attributes *a, const struct esp_transform *ah)
{
	const struct proposal_row *row = row_by_number(&esp_auth_rows, ah->auth, 0);

	if (!(a->seen & BIT(ESP_ATTR_AUTH)))
		return "no integrity algorithm";
	if (a->seen & BIT(ESP_ATTR_KEY_LENGTH))
		return "a key length, of which AH's algorithms have only one";
	if (row && row->alg && row->ah != ah->id)
		return "a transform and an integrity algorithm that do not belong together";
	return row_fault(&esp_auth_rows, ah->auth, "an unknown integrity algorithm");
}

static const char *esp_fault(const struct sa_transform *t, const struct attributes *a, const struct esp_offer *offer)
{
	const struct esp_transform *esp = &offer->transform;
	bool has_group = a->seen & BIT(ESP_ATTR_GROUP), has_esn = a->seen & BIT(ESP_ATTR_ESN);
	const char *faults[] = {
		protocol_fault(t->protocol),
		t->spi.len == ESP_SPI_LEN ? NULL : "an SPI that is not 4 octets",
		offer->spi > SPI_RESERVED_LAST ? NULL : "a reserved SPI",
		a->fault,
		esp->is_ah ? ah_fault(a, esp) : cipher_fault(&esp_cipher_rows, esp->id, esp->key_bits),
		esp->is_ah ? NULL : auth_fault(a, esp),
		has_group ? row_fault(&group_rows, esp->group, "an unknown Diffie-Hellman group") : NULL,
		/* RFC 4304 2: any other value ends the negotiation. */
		has_esn && a->value[ESP_ATTR_ESN] != 1 ? "an unknown kind of sequence numbers" : NULL,
		mode_fault(a),
	};

	return first_fault(faults, COUNT(faults));
}

static struct esp_offer comp_offer(const struct sa_transform *t, const struct attributes *a)
{
	struct reader r = reader_over(t->spi);
	uint16_t cpi = (uint16_t)read_number(&r, t->spi.len <= ESP_SPI_LEN ? t->spi.len : 0);

	/* RFC 3173 4.1: the mode is transport mode unless another is named. */
	return (struct esp_offer){
		.transform = { .id = t->id }, .mode = a->seen & BIT(ESP_ATTR_MODE) ? a->value[ESP_ATTR_MODE] : MODE_TRANSPORT,
		.proposal_number = t->proposal_number, .transform_number = t->number, .protocol = t->protocol,
		.comp = { .cpi = cpi, .transform_number = t->number }, .fault = comp_fault(t, a, cpi),
	};
}

static void esp_visit(void *arg, const struct sa_transform *t)
{
	struct esp_reading *reading = (struct esp_reading *)arg;
	struct esp_offers *out = reading->out;
	struct reader spi = reader_over(t->spi);
	struct attributes a;

	if (reading->is_malformed)
		return;
	if (!attributes_read(&a, t->attributes, &esp_rules)) {
		snprintf(reading->why, WHY_MAX, "an attribute of transform %u of proposal %u ends early", t->number,
			 t->proposal_number);
		reading->is_malformed = true;
		return;
	}
	if (out->count == TRANSFORMS_MAX)
		return;
	if (t->protocol == PROTO_IPCOMP) {
		out->at[out->count++] = comp_offer(t, &a);
		return;
	}
	struct esp_offer offer = {
		.transform = { .is_ah = t->protocol == PROTO_AH, .id = t->id, .key_bits = a.value[ESP_ATTR_KEY_LENGTH],
			       .auth = a.value[ESP_ATTR_AUTH], .group = a.value[ESP_ATTR_GROUP], .esn = a.value[ESP_ATTR_ESN] == 1 },
		.mode = a.value[ESP_ATTR_MODE], .lifetime = seconds_of(&a),
		.lifetime_bytes = bytes_of_kilobytes(&a),
		.spi = t->spi.len == ESP_SPI_LEN ? read_u32(&spi) : 0,
		.proposal_number = t->proposal_number, .transform_number = t->number, .protocol = t->protocol,
	};
	offer.fault = esp_fault(t, &a, &offer);
	out->at[out->count++] = offer;
}

static bool esp_is_repeated(const struct esp_offers *offers, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (offers->at[i].proposal_number == offers->at[index].proposal_number &&
		    offers->at[i].transform_number == offers->at[index].transform_number)
			return true;
	return false;
}

int esp_offers_read(struct esp_offers *out, struct bytes sa_body, char why[WHY_MAX])
{
	struct esp_reading reading = { out, why, false };
	struct sa_numbers numbers;

	out->count = 0;
	int fault = sa_walk(sa_body, &numbers, esp_visit, &reading, why);
	if (!fault && reading.is_malformed)
		fault = FAULT_INPUT;
	if (fault) {
		out->count = 0;
		return fault;
	}
	comp_join(out, &numbers);
	for (size_t i = 0; i < out->count; i++) {
		bool is_joined = out->at[i].comp.cpi != 0;
		if (!out->at[i].fault)
			out->at[i].fault = number_fault(is_joined ? NULL : &numbers, out->at[i].proposal_number, esp_is_repeated(out, i));
	}
	return 0;
}
