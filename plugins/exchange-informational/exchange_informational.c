/* SPDX-License-Identifier: MIT */
/*
 * exchange_informational.c - the Informational exchange (RFC 2409 5.7): one message of notifies and deletes under an ISAKMP SA. It
 * is acted on only after its HASH was right; what comes in the clear never gets here.
 */
#include "child.h"
#include "kin.h"
#include "liveness.h"
#include "peers.h"
#include "plugin.h"
#include "shard.h"
#include "v1.h"

enum { NOTICES_MAX = 16, SPI_SIZE = 4, STATUS_FIRST = 16384 };

/* As initiator what is to be said, as responder what was. Views point into the arena. */
struct informational {
	struct v1_notice notices[NOTICES_MAX];
	size_t count;
	bool is_first_word;          /* of the peer after our last message of phase 1, which nothing else answers */
};

static enum verdict begin(struct exchange *ex, const void *argument)
{
	struct informational *info = ex->scratch;
	const struct v1_notice *notice = argument;

	if (!notice)
		return STEP_OK;
	info->notices[0] = *notice;
	info->count = 1;
	return STEP_OK;
}

/* HDR*, HASH(1), N or D. */
static enum verdict send_notice(struct exchange *ex, struct message_out *out)
{
	const struct informational *info = ex->scratch;

	v1_open_hash(ex, out);
	v1_put_notice(out, &info->notices[0]);
	return v1_close_hash(ex, out, (struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 });
}

static enum verdict take_notices(struct exchange *ex, const struct message *in)
{
	struct informational *info = ex->scratch;

	info->is_first_word = ex->sa->last_word;
	TRY(v1_check_hash(ex, in, (struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 }));
	for (size_t i = 0; i < in->count; i++) {
		const struct payload_view *payload = &in->payloads[i];
		if (payload->type != PAY_NOTIFY && payload->type != PAY_DELETE)
			continue;
		if (info->count == NOTICES_MAX)
			return ex_drop(ex, "malformed", "more than %d notifies and deletes in one message", NOTICES_MAX);
		if (v1_read_notice(&info->notices[info->count++], payload) < 0)
			return ex_drop(ex, "malformed", "a notify or delete is malformed");
	}
	return STEP_OK;
}

/* ---- acting on it, once the message is committed ---- */

/* Under whichever ISAKMP SA it is now: the peer may have moved it to another, or we. Each protocol has SPIs of its own. */
static struct child *find_child(struct ike_sa *sa, uint8_t protocol, uint32_t spi)
{
	struct ike_sa *kin[KIN_MAX];
	size_t count = kin_of(sa, kin);
	struct child *child = NULL;

	for (size_t i = 0; i < count && !child; i++)
		child = child_find(kin[i], spi, false);
	return child && esp_transform_protocol(&child->transform) == protocol ? child : NULL;
}

static void delete_children(struct exchange *ex, const struct v1_notice *notice)
{
	if (notice->spi_len != SPI_SIZE)
		return;
	struct reader r = reader_over(bytes_of(notice->spis, notice->spi_count * SPI_SIZE));
	while (reader_left(&r)) {
		uint32_t spi = read_u32(&r);
		struct child *child = find_child(ex->sa, notice->protocol, spi);
		if (child)
			child_deleted(child);
		else
			log_debug(&ex->ctx, "the peer deletes SPI %08x, which is none of ours", spi);
	}
}

/* Who waits for this SA, or for what was to come under it, hears of no other end. */
static void say_refused(struct exchange *ex)
{
	static const char text[] = "the peer deletes the ISAKMP SA as soon as it has our last message of phase 1: it does not take our proof, or expects "
				   "another ID of us; its log knows why";

	log_at(&ex->ctx, LEVEL_WARN, "refused-by-peer", "%s", text);
	sa_publish_failure(ex->sa, NULL, "refused-by-peer", text, true);
}

static void delete_sa(struct exchange *ex, const struct v1_notice *notice, bool is_first_word)
{
	struct ike_sa *sa = ex->sa;

	if (notice->spi_len != sizeof(sa->cookie))
		return;
	for (size_t i = 0; i < notice->spi_count; i++) {
		if (memcmp(notice->spis + i * sizeof(sa->cookie), sa->cookie, sizeof(sa->cookie)) != 0)
			continue;
		if (is_first_word)
			say_refused(ex);
		/* Held by the engine: it is gone when this exchange is. */
		sa_end(sa, "the peer deleted it", false);
		return;
	}
}

/*
 * What a peer says who understood a proposal and does not want it. The other errors are about a message that came damaged, too early or too
 * late, of whichever exchange: it is sent again, and taken then.
 */
static bool is_decision(uint16_t type)
{
	static const uint16_t decisions[] = {
		NOTIFY_DOI_NOT_SUPPORTED, NOTIFY_SITUATION_NOT_SUPPORTED, NOTIFY_INVALID_EXCHANGE_TYPE, NOTIFY_INVALID_PROTOCOL_ID,
		NOTIFY_INVALID_TRANSFORM_ID, NOTIFY_ATTRIBUTES_NOT_SUPPORTED, NOTIFY_NO_PROPOSAL_CHOSEN, NOTIFY_BAD_PROPOSAL_SYNTAX,
		NOTIFY_INVALID_KEY_INFORMATION, NOTIFY_INVALID_ID_INFORMATION, NOTIFY_AUTHENTICATION_FAILED, NOTIFY_UNSUPPORTED_EXCHANGE_TYPE,
	};

	for (size_t i = 0; i < COUNT(decisions); i++)
		if (decisions[i] == type)
			return true;
	return false;
}

/* An error about what one of our running exchanges proposed ends that one. */
static void take_refusal(struct exchange *ex, const struct v1_notice *notice)
{
	char name[NAME_TEXT_MAX];
	struct exchange *only = NULL;
	size_t candidates = 0;

	LIST_EACH(it, &ex->sa->exchanges) {
		struct exchange *other = CONTAINER(it, struct exchange, in_sa);
		if (!other->mode->concerns || other->role != INITIATOR)
			continue;
		if (other->mode->concerns(other, bytes_of(notice->spis, notice->spi_len))) {
			exchange_refused(other, notice->type);
			return;
		}
		only = other;
		candidates++;
	}
	/* Many peers name no SPI, or their own; when one exchange runs it is that one. */
	if (candidates == 1 && is_decision(notice->type))
		exchange_refused(only, notice->type);
	else
		log_info(&ex->ctx, "the peer says %s", notify_name(name, notice->type));
}

/*
 * RFC 2408 5.4: what we send with this SPI, named as the notify's own SPI or in its data, the peer no longer has. It is lost for both, and
 * may be of a proposal that is refused.
 */
static void take_invalid_spi(struct exchange *ex, const struct v1_notice *notice)
{
	struct bytes spi = notice->spi_len == SPI_SIZE ? bytes_of(notice->spis, SPI_SIZE) : notice->data;
	struct reader r = reader_over(spi);
	uint8_t protocol = notice->protocol == PROTO_AH ? PROTO_AH : PROTO_ESP;
	struct child *child = spi.len == SPI_SIZE ? find_child(ex->sa, protocol, read_u32(&r)) : NULL;

	if (!child) {
		take_refusal(ex, notice);
		return;
	}
	log_info(&ex->ctx, "the peer does not know the SA that child %s sends with (INVALID-SPI)", child->config->name);
	child_deleted(child);
}

/* Status that changes nothing here, and why; all other status types are unknown to RFC 2407 and 2408, and to us. */
static const struct {
	uint16_t type;
	const char *why;
} ignored[] = {
	{ NOTIFY_CONNECTED, "we never set the commit bit that it answers (RFC 2408 3.1)" },
	{ NOTIFY_RESPONDER_LIFETIME, "it counts in the exchange that it is about, or after Aggressive Mode (RFC 2407 4.6.3.1)" },
	{ NOTIFY_REPLAY_STATUS, "ours are always protected against replay (RFC 2407 4.6.3.2)" },
	{ NOTIFY_KEYFERRY_GENERATION, "it counts in phase 1 and Quick Mode" },
};

static void ignore(struct exchange *ex, const struct v1_notice *notice)
{
	const char *why = "it is not known";
	char name[NAME_TEXT_MAX];

	for (size_t i = 0; i < COUNT(ignored); i++)
		if (ignored[i].type == notice->type)
			why = ignored[i].why;
	log_debug(&ex->ctx, "the peer says %s, which is ignored: %s", notify_name(name, notice->type), why);
}

/* RFC 2407 4.6.3: of an SA that Aggressive Mode made; of others it stood in message 6, and of IPsec SAs in Quick Mode. */
static void take_lifetime(struct exchange *ex, const struct v1_notice *notice)
{
	struct ike_sa *sa = ex->sa;
	struct lifetime theirs;

	if (sa->role == INITIATOR && sa_spoke_last(sa) && notice->protocol == PROTO_ISAKMP && lifetime_read(&theirs, true, notice->data) == 0 &&
	    theirs.seconds)
		sa_shorten_life(sa, theirs.seconds);
	else
		ignore(ex, notice);
}

static void take_notify(struct exchange *ex, const struct v1_notice *notice)
{
	switch (notice->type) {
	case NOTIFY_R_U_THERE:
	case NOTIFY_R_U_THERE_ACK:
		liveness_take(ex->sa, notice);
		break;
	case NOTIFY_INITIAL_CONTACT:
		if (ex->sa->connection->unique != UNIQUE_NEVER)
			peers_forget_others(ex->sa->shard->engine, ex->sa);
		break;
	case NOTIFY_RESPONDER_LIFETIME:
		take_lifetime(ex, notice);
		break;
	case NOTIFY_INVALID_SPI:
		take_invalid_spi(ex, notice);
		break;
	default:
		if (notice->type < STATUS_FIRST)
			take_refusal(ex, notice);
		else
			ignore(ex, notice);
	}
}

static void act(struct exchange *ex)
{
	const struct informational *info = ex->scratch;

	if (ex_role(ex) == INITIATOR)
		return;
	/* Each looks its SA or child up anew: an earlier one of the same message may have ended it. */
	for (size_t i = 0; i < info->count && ex->sa->state == SA_ESTABLISHED; i++) {
		const struct v1_notice *notice = &info->notices[i];
		if (notice->payload == PAY_NOTIFY)
			take_notify(ex, notice);
		else if (notice->protocol == PROTO_ISAKMP)
			delete_sa(ex, notice, info->is_first_word);
		else if (notice->protocol == PROTO_ESP || notice->protocol == PROTO_AH)
			delete_children(ex, notice);
		else
			log_debug(&ex->ctx, "the peer deletes SAs of protocol %u, of which there are none", notice->protocol);
	}
}

static const struct step steps[] = {
	{ .from = INITIATOR, .cover = ENCRYPTED, .first = PAY_HASH, .require = P(HASH), .allow = P(NOTIFY) | P(DELETE) | P(VID),
	  .many = P(NOTIFY) | P(DELETE) | P(VID), .build = send_notice, .process = take_notices }, /* 1 HDR*, HASH(1), N/D */
};

static const struct exchange_mode informational_mode = {
	.name = "Informational",
	.major = 1,
	.type = EXCHANGE_INFORMATIONAL,
	.steps = steps,
	.step_count = COUNT(steps),
	.scratch = sizeof(struct informational),
	.protection = &v1_protection,
	.may_start = v1_is_established,
	.begin = begin,
	.done = act,
};

static const struct service provides[] = {
	{ SERVICE_EXCHANGE, "1/5", &informational_mode },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_CRYPTO, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "exchange-informational",
	.summary = "Informational exchange: notifies and deletes (RFC 2409 5.7)",
	.provides = provides,
	.needs = needs,
};
