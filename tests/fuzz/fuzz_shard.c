/* SPDX-License-Identifier: MIT */
/*
 * fuzz_shard.c - whole datagrams into the engine, with the real plugins and a fake kernel: a pair of which "s" is up and "t" is being
 * negotiated; and "a", which is "t" in Aggressive Mode. An input is a list of datagrams: what is to be done with it, its length in two octets, its octets.
 */
#include "tamper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bits of the first octet; without any a datagram goes to the right as it is. */
enum {
	TO_LEFT = 1,
	COOKIES_OF_S = 2,            /* of the SA that is established                            */
	COOKIES_OF_T = 4,            /* of the one under way; the responder's zero if unknown    */
	FIX_HEADER = 8,              /* version and length                                       */
	RUN_AFTER = 16,              /* lets what is on the wire arrive first                    */
	START_T = 32,                /* the left side begins a negotiation before                */
	AGGRESSIVE = 64,             /* of "a"; and where no SA is named the addresses are its   */
	DATAGRAMS_MAX = 64,
};

static const char *const a_host[SIDES] = { "203.0.113.1", "203.0.113.2" };

/* The right side has a connection for this group and one for others, the left side is of this group. */
#define ENDS_OF_A(local, local_id, remote, remote_id)                                                                                  \
	"<connection name=\"a\" dpd=\"no\"><local address=\"" local "\" id=\"" local_id "\"/><remote address=\"" remote "\" id=\"" remote_id \
	"\"/><phase1 mode=\"aggressive\" proposals=\"aes128-sha256-curve25519\"/>"
static const char *const a_documents[SIDES] = {
	ENDS_OF_A("203.0.113.1", "keyid:group", "203.0.113.2", "gw.example")
	"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.3.0.0/24\" remote=\"10.4.0.0/24\"/></connection>"
	"<psk ids=\"gw.example\" file=\"psk\"/>",
	ENDS_OF_A("203.0.113.2", "gw.example", "203.0.113.0/24", "keyid:group")
	"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.4.0.0/24\" remote=\"10.3.0.0/24\"/></connection>"
	"<psk ids=\"keyid:group\" file=\"psk\"/>",
};

static const struct ike_sa *sa_of_t(const struct side *side)
{
	LIST_EACH(it, &side->shards[0]->sas.all) {
		const struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		if (!sa->connection || strcmp(sa->connection->name, "s") != 0)
			return sa;
	}
	return NULL;
}

static void aim(struct pair *pair, struct wire_packet *packet, uint8_t how)
{
	const struct side *receiver = &pair->side[packet->to];
	const struct ike_sa *sa = how & COOKIES_OF_S ? tamper_sa(receiver, "s") : how & COOKIES_OF_T ? sa_of_t(receiver) : NULL;
	const struct ike_sa *from = sa ? sa : tamper_sa(receiver, "s");

	if (!from)
		abort();
	packet->from = from->remote;
	packet->dest = from->local;
	if (!sa && how & AGGRESSIVE) {
		(void)!address_parse(&packet->from, a_host[!packet->to]);
		(void)!address_parse(&packet->dest, a_host[packet->to]);
		packet->from.port = packet->dest.port = IKE_PORT;
	}
	if (packet->len < HEADER_SIZE)
		return;
	if (sa)
		memcpy(packet->data, sa->cookie, sizeof(sa->cookie));
	if (how & FIX_HEADER) {
		packet->data[17] = 0x10;
		tamper_set_length(packet, packet->len);
	}
}

static void play(struct pair *pair, struct bytes input)
{
	struct reader r = reader_over(input);

	for (unsigned i = 0; i < DATAGRAMS_MAX && reader_left(&r) >= 3; i++) {
		uint8_t how = read_u8(&r);
		size_t len = read_u16(&r), left = reader_left(&r);
		struct bytes octets = read_bytes(&r, len < left ? len : left);
		struct wire_packet packet = { .to = how & TO_LEFT ? LEFT : RIGHT, .due = pair->now };
		if (how & START_T && shard_up(pair->side[LEFT].shards[0], how & AGGRESSIVE ? "a" : "t", NULL) < 0)
			abort();
		if (how & RUN_AFTER)
			pair_run(pair, 1);
		packet.len = octets.len < sizeof(packet.data) ? octets.len : sizeof(packet.data);
		if (packet.len)
			memcpy(packet.data, octets.at, packet.len);
		aim(pair, &packet, how);
		pair_inject(pair, &packet);
	}
	pair_run(pair, 10);
}

/* One pair for many inputs: making one takes longer than an input does. "s" lives a day of the pair's time. */
static struct pair *the_pair(void)
{
	enum { LIFE_MS = 10 * 3600 * 1000 };
	static struct pair *pair;

	if (pair && pair->now > LIFE_MS) {
		pair_free(pair);
		pair = NULL;
	}
	if (!pair)
		pair = tamper_new_beside("aes128-sha256-curve25519", "", a_documents);
	return pair;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pair *pair = the_pair();

	play(pair, bytes_of(data, size));
	/* Nobody who has no keys can harm what is up, and what was begun ends. */
	if (!tamper_is_up(pair, "s"))
		abort();
	tamper_reset(pair);
	if (pair->side[RIGHT].shards[0]->sas.count != 1 || pair->side[LEFT].shards[0]->sas.count != 1 ||
	    !tamper_kernels_agree(pair, 2))
		abort();
	return 0;
}
