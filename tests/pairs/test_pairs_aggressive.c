/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_aggressive.c - what Aggressive Mode has and Main Mode has not: the peer's identity chooses connection and key, those whom nobody
 * knows are answered like those who are known, message 3 may be in the clear or be lost. What both have in common is tested for both: pairs.am.
 */
#include "pair.h"
#include "v1.h"

static const char psk[] = "J9JB83ee3c1TCX1NUW8/ECxkR6bzH9bV\n", other_psk[] = "h7xImOLKWoVRLYkXQn0cZKq1dYzv3TgP\n";

#define HEAD      "<keyferry xmlns=\"urn:keyferry:1\">"
#define TAIL      "</keyferry>"
#define KEY(ids)  "<psk ids=\"" ids "\" file=\"psk\"/>"
#define AGGRESSIVE "<phase1 mode=\"aggressive\" proposals=\"aes128-sha256-curve25519\"/>"
#define LEFT_CHILD "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.1.0.0/24\" remote=\"10.2.0.0/24\"/></connection>"
#define RIGHT_CHILD "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.2.0.0/24\" remote=\"10.1.0.0/24\"/></connection>"

/* The left host calls itself what is given; the right one answers whoever comes. */
#define LEFT_AS(id, phase1)                                                                                                 \
	HEAD "<connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.1\" id=\"" id "\"/><remote address=\"192.0.2.2\" id=\"gw.example\"/>" phase1 \
	LEFT_CHILD KEY("gw.example") TAIL
#define GATEWAY(name, id, phase1)                                                                                               \
	"<connection name=\"" name "\" dpd=\"no\"><local address=\"192.0.2.2\" id=\"gw.example\"/><remote address=\"%any\" id=\"" id "\"/>" phase1 \
	RIGHT_CHILD

static struct pair *make(const char *left, const char *right, const char *right_psk)
{
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = right_psk };

	return pair_new(&options);
}

/* Several, as gateways have them. */
static const char groups[] = HEAD GATEWAY("one", "keyid:one", AGGRESSIVE) GATEWAY("two", "keyid:two", AGGRESSIVE) GATEWAY("three", "keyid:three", AGGRESSIVE)
	KEY("keyid:one") KEY("keyid:two") KEY("keyid:three") TAIL;

static void by_key_id(void)
{
	static const char *const lefts[] = {
		LEFT_AS("keyid:one", AGGRESSIVE), LEFT_AS("keyid:two", AGGRESSIVE), LEFT_AS("keyid:three", AGGRESSIVE),
	};
	static const char *const names[] = { "one", "two", "three" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct pair *pair = make(lefts[i], groups, psk);
		CU_ASSERT(pair_up(pair, 5000));
		CU_ASSERT(pair_keys_agree(pair));
		struct ike_sa *sa = side_find(&pair->side[RIGHT], names[i]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(sa);
		CU_ASSERT_EQUAL(sa->remote_id.type, ID_KEY_ID);
		CU_ASSERT_STRING_EQUAL(sa->mode->name, "Aggressive Mode");
		pair_free(pair);
	}
}

/* ---- whom nobody knows ---- */

/* What came back for a message 1, and how much work it was. */
struct answer {
	unsigned packets;
	size_t len;
	uint8_t data[WIRE_MAX];
};

static unsigned keep_answer(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct answer *answer = arg;

	(void)pair;
	if (packet->to == LEFT) {
		answer->packets++;
		answer->len = packet->len;
		memcpy(answer->data, packet->data, packet->len);
	}
	return packet->to == RIGHT;
}

static void ask(struct pair *pair, struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	pair_reset(pair);
	pair->filter = keep_answer;
	pair->filter_arg = answer;
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	pair_run(pair, 20);
	pair->filter = NULL;
}

/* The types and lengths of the payloads, which is all that may be seen. */
static void shape(const struct answer *answer, char *out, size_t size)
{
	struct ike_header header;
	struct message in;
	const char *why;
	size_t used = 0;

	out[0] = '\0';
	if (header_read(&header, bytes_of(answer->data, answer->len)) < 0 ||
	    message_parse(&in, bytes_of(answer->data + HEADER_SIZE, answer->len - HEADER_SIZE), header.next, 0, &why) < 0)
		return;
	used += (size_t)snprintf(out, size, "%u:", header.exchange);
	for (size_t i = 0; i < in.count; i++)
		used += (size_t)snprintf(out + used, size - used, " %u/%zu", in.payloads[i].type, in.payloads[i].body.len);
}

static bool complained(const struct side *side)
{
	for (size_t i = 0; i < side->line_count; i++)
		if (strncmp(side->lines[i % LOG_KEPT], "debug", 5) != 0)
			return true;
	return false;
}

static void unknown_like_known(void)
{
	static const char *const lefts[] = {
		LEFT_AS("keyid:two", AGGRESSIVE), LEFT_AS("keyid:nix", AGGRESSIVE), LEFT_AS("wer@example.x", AGGRESSIVE), LEFT_AS("keyid:nil", AGGRESSIVE),
	};
	char first[400], other[400];

	for (size_t i = 0; i < COUNT(lefts); i++) {
		struct pair *pair = make(lefts[i], groups, psk);
		struct answer answer;
		ask(pair, &answer);
		CU_ASSERT_EQUAL(answer.packets, 1);
		shape(&answer, i ? other : first, sizeof(first));
		CU_ASSERT(i == 0 || strcmp(first, other) == 0);
		/* Not a line that is not for the known one as well: lines take time, and could be many. */
		CU_ASSERT_FALSE(complained(&pair->side[RIGHT]));
		CU_ASSERT_EQUAL(pair->side[RIGHT].events[EVENT_FAILURE], 0);
		pair_free(pair);
	}
	CU_ASSERT(strncmp(first, "4: 1/", 5) == 0);
}

static void unknown_is_said_later(void)
{
	struct pair *pair = make(LEFT_AS("keyid:nix", AGGRESSIVE), groups, psk);
	struct side *left = &pair->side[LEFT], *right = &pair->side[RIGHT];

	CU_ASSERT_FALSE(pair_up(pair, 120000));
	CU_ASSERT(side_said(left, "psk-mismatch: the HASH of message 2 is wrong: the PSKs differ, or the peer does not know us by our ID"));
	CU_ASSERT(side_said(left, "no-answer: no answer to message 1"));
	CU_ASSERT(side_said(right, "no-answer: the peer did not go on within 30 s"));
	CU_ASSERT(side_said(right, "it says it is nix (KEY_ID), for which there is no connection with this mode and address, or no key"));
	CU_ASSERT_EQUAL(side_sas(right), 0);
	pair_free(pair);
}

/* The connection is for anybody, but there is no key: that is as unknown. */
static void no_key_like_known(void)
{
	static const char right[] = HEAD GATEWAY("any", "%any", AGGRESSIVE) KEY("keyid:one") TAIL;
	char first[400], other[400];
	struct answer answer;

	for (int i = 0; i < 2; i++) {
		struct pair *pair = make(i ? LEFT_AS("keyid:nix", AGGRESSIVE) : LEFT_AS("keyid:one", AGGRESSIVE), right, psk);
		ask(pair, &answer);
		CU_ASSERT_EQUAL(answer.packets, 1);
		shape(&answer, i ? other : first, sizeof(first));
		CU_ASSERT_FALSE(complained(&pair->side[RIGHT]));
		pair_free(pair);
	}
	CU_ASSERT_STRING_EQUAL(first, other);
}

/* What is taken for an unknown peer stays the same as long as the daemon runs: its connection and its key. */
static void decoy_stays(void)
{
	struct pair *pair = make(LEFT_AS("keyid:nix", AGGRESSIVE), groups, psk);
	uint8_t keys[2][DECOY_KEY_SIZE], other[DECOY_KEY_SIZE];
	const char *names[2] = { NULL, NULL };
	struct answer answer;

	for (int i = 0; i < 2; i++) {
		ask(pair, &answer);
		struct ike_sa *sa = CONTAINER(list_first(&pair->side[RIGHT].shards[0]->sas.all), struct ike_sa, in_shard);
		struct exchange *ex = CONTAINER(list_first(&sa->exchanges), struct exchange, in_sa);
		CU_ASSERT(v1_phase1(ex)->is_decoy);
		names[i] = v1_phase1(ex)->connection->name;
		v1_decoy_key(ex, keys[i]);
		pair->side[RIGHT].engine.cookie_key[3] ^= 1;
		v1_decoy_key(ex, other);
		pair->side[RIGHT].engine.cookie_key[3] ^= 1;
	}
	CU_ASSERT_STRING_EQUAL(names[0], names[1]);
	CU_ASSERT_EQUAL(memcmp(keys[0], keys[1], DECOY_KEY_SIZE), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(keys[0], other, DECOY_KEY_SIZE), 0);
	pair_free(pair);
}

/* Whose proposals they are does not show either: each unknown name is that of one of the connections. */
static void refusals_do_not_tell(void)
{
	static const char right[] = HEAD GATEWAY("one", "keyid:one", AGGRESSIVE)
		GATEWAY("two", "keyid:two", "<phase1 mode=\"aggressive\" proposals=\"aes256-sha256-curve25519\"/>") KEY("keyid:one") KEY("keyid:two") TAIL;
	unsigned answered = 0, refused = 0;
	struct answer answer;

	for (int i = 0; i < 32; i++) {
		char left[2048];
		snprintf(left, sizeof(left), HEAD "<connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.1\" id=\"keyid:n%d\"/>"
			 "<remote address=\"192.0.2.2\" id=\"gw.example\"/>" AGGRESSIVE LEFT_CHILD KEY("gw.example") TAIL, i);
		struct pair *pair = make(left, right, psk);
		ask(pair, &answer);
		answered += answer.packets == 1 && answer.data[18] == EXCHANGE_AGGRESSIVE;
		refused += answer.packets == 1 && answer.data[18] == EXCHANGE_INFORMATIONAL;
		pair_free(pair);
	}
	CU_ASSERT_EQUAL(answered + refused, 32);
	CU_ASSERT(answered > 4 && refused > 4);
}

static void not_configured(void)
{
	struct pair *pair = make(LEFT_AS("keyid:one", AGGRESSIVE), HEAD GATEWAY("one", "%any", "<phase1 proposals=\"aes128-sha256-curve25519\"/>")
				 KEY("%any") TAIL, psk);
	struct answer answer;

	ask(pair, &answer);
	CU_ASSERT_EQUAL(answer.packets, 0);
	CU_ASSERT(side_said(&pair->side[RIGHT], "unknown-peer: no connection for 192.0.2.2 with peer 192.0.2.1, which says it is one (KEY_ID), has "
			    "mode=\"aggressive\": not answered"));
	CU_ASSERT_EQUAL(side_all(&pair->side[RIGHT]), 0);
	pair_free(pair);
}

/* ---- what is said ---- */

static void wrong_psk(void)
{
	struct pair *pair = make(LEFT_AS("keyid:two", AGGRESSIVE), groups, other_psk);

	CU_ASSERT_FALSE(pair_up(pair, 120000));
	CU_ASSERT(side_said(&pair->side[LEFT], "psk-mismatch: the HASH of message 2 is wrong"));
	CU_ASSERT(side_said(&pair->side[RIGHT], "it says it is two (KEY_ID) and did not take our answer: usually the PSKs differ"));
	pair_free(pair);
}

static void wrong_proposal(void)
{
	struct pair *pair = make(LEFT_AS("keyid:two", "<phase1 mode=\"aggressive\" proposals=\"aes256-sha256-curve25519\"/>"), groups, psk);

	CU_ASSERT_FALSE(pair_up(pair, 120000));
	CU_ASSERT(side_said(&pair->side[LEFT], "NO-PROPOSAL-CHOSEN"));
	CU_ASSERT(side_said(&pair->side[RIGHT], "proposal-mismatch: no phase 1 proposal fits connection two, peer says it is two (KEY_ID): "));
	pair_free(pair);
}

static void wrong_id_of_gateway(void)
{
	struct pair *pair = make(HEAD "<connection name=\"t\"><local address=\"192.0.2.1\" id=\"keyid:two\"/><remote address=\"192.0.2.2\" id=\"hub.example\"/>"
				 AGGRESSIVE LEFT_CHILD KEY("hub.example") TAIL, groups, psk);

	CU_ASSERT_FALSE(pair_up(pair, 120000));
	CU_ASSERT(side_said(&pair->side[LEFT], "id-mismatch: the peer says it is gw.example (FQDN), connection t expects hub.example (FQDN)"));
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]) + side_sas(&pair->side[RIGHT]), 0);
	pair_free(pair);
}

/* Whoever answers first with what is no proof ends nothing. */
static unsigned forge_id(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct wire_packet forged = *packet;
	bool *done = arg;

	if (packet->to == LEFT && packet->data[18] == EXCHANGE_AGGRESSIVE && !*done) {
		*done = true;
		for (size_t i = 0; i + 10 < forged.len; i++)
			if (memcmp(forged.data + i, "gw.example", 10) == 0)
				forged.data[i] = 'h';
		pair_inject(pair, &forged);
	}
	return 1;
}

static void forged_id(void)
{
	/* Nothing says whom to expect: the key is that of whom it says it is, and there is none. */
	struct pair *pair = make(HEAD "<connection name=\"t\"><local address=\"192.0.2.1\" id=\"keyid:two\"/><remote address=\"192.0.2.2\" id=\"%any\"/>"
				 AGGRESSIVE LEFT_CHILD KEY("gw.example") TAIL, groups, psk);
	bool done = false;

	pair->filter = forge_id;
	pair->filter_arg = &done;
	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(done);
	CU_ASSERT(side_said(&pair->side[LEFT], "no-psk: no <psk> names both ends of connection t with hw.example (FQDN)"));
	pair_free(pair);
}

/* CVE-2023-30570: a message 1 that is refused, then one with the cookie of whoever refused it, and so on. */
static unsigned keep_first(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct wire_packet *kept = arg;

	(void)pair;
	if (packet->to == RIGHT && !kept[0].len)
		kept[0] = *packet;
	if (packet->to == LEFT)
		kept[1] = *packet;
	return 1;
}

static void cookie_of_refusal(void)
{
	static const char *const phases[] = { AGGRESSIVE, "<phase1 mode=\"aggressive\" proposals=\"aes256-sha256-curve25519\"/>" };

	for (int i = 0; i < 2; i++) {
		char left[2048];
		snprintf(left, sizeof(left), HEAD "<connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.1\" id=\"keyid:two\"/>"
			 "<remote address=\"192.0.2.2\" id=\"gw.example\"/>%s" LEFT_CHILD KEY("gw.example") TAIL, phases[i]);
		struct pair *pair = make(left, groups, psk);
		struct wire_packet kept[2] = { { .len = 0 }, { .len = 0 } };
		pair->filter = keep_first;
		pair->filter_arg = kept;
		CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
		pair_run(pair, 20);
		pair->filter = NULL;
		CU_ASSERT_FATAL(kept[0].len && kept[1].len);
		for (unsigned n = 0; n < 64; n++) {
			struct wire_packet copy = kept[0];
			/* All of its own, the cookies of the answer, those exchanged, one alone. */
			for (unsigned role = 0; role < 2; role++)
				if (n >> role & 1)
					memcpy(copy.data + role * COOKIE_SIZE, kept[1].data + (n >> 2 & 1 ? !role : role) * COOKIE_SIZE, COOKIE_SIZE);
			copy.data[18] = n >> 3 & 1 ? EXCHANGE_MAIN : EXCHANGE_AGGRESSIVE;
			copy.due = pair->now;
			pair_inject(pair, &copy);
			pair_run(pair, n >> 4 & 1);
		}
		pair_run(pair, 300000);
		CU_ASSERT_EQUAL(pair->side[RIGHT].engine.half_open, 0);
		CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), i == 0);
		pair_free(pair);
	}
}

/* ---- message 3 ---- */

struct unsealed {
	bool done, has_notify;
};

/* Message 3 as a peer sends it that does not encrypt it; that is how it goes out, so its IVs are those of one that does not. */
static unsigned unseal(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct unsealed *unsealed = arg;
	struct side *left = &pair->side[LEFT];

	if (unsealed->done || packet->to != RIGHT || packet->data[18] != EXCHANGE_AGGRESSIVE || !(packet->data[19] & FLAG_ENCRYPTED))
		return 1;
	struct ike_sa *sa = CONTAINER(list_first(&left->shards[0]->sas.all), struct ike_sa, in_shard);
	struct exchange *ex = CONTAINER(list_first(&sa->exchanges), struct exchange, in_sa);
	struct phase1 *ph1 = v1_phase1(ex);
	uint8_t iv[HASH_SIZE_MAX];
	struct message_out out;
	struct message in;
	const char *why;

	CU_ASSERT_EQUAL(ph1->transform.hash_alg->run(ph1->ke, 2, iv), 0);
	memcpy(ex->iv, iv, sizeof(ex->iv));
	CU_ASSERT_EQUAL(ph1->transform.cipher_alg->run(false, ph1->cipher_key, iv, packet->data + HEADER_SIZE, packet->len - HEADER_SIZE), 0);
	CU_ASSERT_EQUAL(header_read(&in.header, bytes_of(packet->data, packet->len)), 0);
	CU_ASSERT_EQUAL(message_parse(&in, bytes_of(packet->data + HEADER_SIZE, packet->len - HEADER_SIZE), in.header.next, 16, &why), 0);
	struct wire_packet plain = *packet;
	in.header.flags = 0;
	message_begin(&out, plain.data, sizeof(plain.data), &in.header);
	for (size_t i = 0; i < in.count; i++)
		message_put(&out, in.payloads[i].type, in.payloads[i].body);
	if (unsealed->has_notify)
		v1_put_notice(&out, &(struct v1_notice){ .payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = NOTIFY_INITIAL_CONTACT, .spi_count = 1 });
	CU_ASSERT_EQUAL(message_finish(&out), 0);
	plain.len = out.w.used;
	pair_inject(pair, &plain);
	unsealed->done = true;
	return 0;
}

static void message3_in_clear(void)
{
	for (int has_notify = 0; has_notify < 2; has_notify++) {
		struct pair *pair = make(LEFT_AS("keyid:two", AGGRESSIVE), groups, psk);
		struct unsealed unsealed = { .has_notify = has_notify };

		pair->filter = unseal;
		pair->filter_arg = &unsealed;
		CU_ASSERT(pair_up(pair, 400));
		CU_ASSERT(unsealed.done);
		CU_ASSERT(pair_keys_agree(pair));
		/* In the clear anybody could have added it. */
		struct ike_sa *sa = side_find(&pair->side[RIGHT], "two");
		CU_ASSERT(sa && !sa->peer_initial_contact);
		pair_free(pair);
	}
}

static unsigned lose_message3(struct pair *pair, struct wire_packet *packet, void *arg)
{
	uint64_t until = *(uint64_t *)arg;

	return !(packet->to == RIGHT && packet->data[18] == EXCHANGE_AGGRESSIVE && packet->data[19] & FLAG_ENCRYPTED && pair->now < until);
}

static void message3_lost(void)
{
	struct pair *pair = make(LEFT_AS("keyid:two", AGGRESSIVE), groups, psk);
	uint64_t until = pair->now + 4000;

	pair->filter = lose_message3;
	pair->filter_arg = &until;
	CU_ASSERT(pair_up(pair, 20000));
	CU_ASSERT(pair->now >= until);
	CU_ASSERT_PTR_NULL(side_find(&pair->side[LEFT], "t")->last_word);
	pair_free(pair);
}

/* Phase 1 is renewed; nothing else is sent that would miss an answer. Meanwhile the old SA is all that the peer has. */
static void message3_lost_in_renewal(void)
{
	for (int from = LEFT; from <= RIGHT; from++) {
		static const char *const ends[] = {
			HEAD "<connection name=\"t\"><local address=\"192.0.2.1\"/><remote address=\"192.0.2.2\"/>" AGGRESSIVE LEFT_CHILD KEY("%any") TAIL,
			HEAD "<connection name=\"t\"><local address=\"192.0.2.2\"/><remote address=\"192.0.2.1\"/>" AGGRESSIVE RIGHT_CHILD KEY("%any") TAIL,
		};
		struct pair *pair = make(ends[LEFT], ends[RIGHT], psk);
		struct ike_sa *old;
		CU_ASSERT_FATAL(pair_up(pair, 5000));
		pair_run(pair, 6000);
		uint64_t until = pair->now + 14000;
		if (from == LEFT) {
			pair->filter = lose_message3;
			pair->filter_arg = &until;
		}
		old = side_find(&pair->side[from], "t");
		CU_ASSERT_EQUAL(shard_renew(old, NULL), 0);
		for (unsigned i = 0; i < 600; i++) {
			pair_probe(pair, LEFT);
			pair_probe(pair, RIGHT);
			pair_run(pair, 100);
		}
		CU_ASSERT_EQUAL(pair->probes_held + pair->probes_lost, 0);
		for (int i = 0; i < SIDES; i++) {
			CU_ASSERT_EQUAL(pair->side[i].events[EVENT_CHILD_DOWN], 0);
			CU_ASSERT_EQUAL(side_sas(&pair->side[i]), 1);
			CU_ASSERT_EQUAL(side_children(&pair->side[i]), 1);
			CU_ASSERT_EQUAL(side_find(&pair->side[i], "t")->role, i == from ? INITIATOR : RESPONDER);
		}
		pair_free(pair);
	}
}

/* ---- what stands apart ---- */

static void contact_and_lifetime(void)
{
	static const char shorter[] = HEAD GATEWAY("two", "keyid:two", "<phase1 mode=\"aggressive\" proposals=\"aes128-sha256-curve25519\" lifetime=\"1h\"/>")
		KEY("keyid:two") TAIL;
	struct pair *pair = make(LEFT_AS("keyid:two", AGGRESSIVE), shorter, psk);

	CU_ASSERT_FATAL(pair_up(pair, 5000));
	pair_run(pair, 100);
	CU_ASSERT_EQUAL(side_find(&pair->side[LEFT], "t")->lifetime, 3600);
	CU_ASSERT_EQUAL(side_find(&pair->side[RIGHT], "two")->lifetime, 3600);
	/* It has forgotten all. */
	side_restart(&pair->side[LEFT], NULL);
	peers_free(pair->side[LEFT].engine.peers);
	pair->side[LEFT].engine.peers = peers_new();
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	pair_run(pair, 200);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	pair_free(pair);
}

/* Who answers anybody may have several groups; who begins has one KE. */
static void group_of_renewal(void)
{
	static const char right[] = HEAD GATEWAY("two", "keyid:two", "<phase1 mode=\"aggressive\" proposals=\"aes128-sha256-modp2048-ecp256-curve25519\"/>")
		KEY("keyid:two") TAIL;
	struct pair *pair = make(LEFT_AS("keyid:two", AGGRESSIVE), right, psk);

	CU_ASSERT_FATAL(pair_up(pair, 5000));
	pair_run(pair, 6000);
	struct ike_sa *sa = side_find(&pair->side[RIGHT], "two");
	CU_ASSERT_STRING_EQUAL(sa->transform.group_alg->name, "curve25519");
	CU_ASSERT_EQUAL(shard_renew(sa, NULL), 0);
	pair_run(pair, 30000);
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	sa = side_find(&pair->side[RIGHT], "two");
	CU_ASSERT_FATAL(sa != NULL);
	CU_ASSERT(sa->role == INITIATOR && strcmp(sa->transform.group_alg->name, "curve25519") == 0);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), 1);
	pair_free(pair);
}

/* A NAT in front of the left host. */
static unsigned through_nat(struct pair *pair, struct wire_packet *packet, void *arg)
{
	unsigned *floated = arg;

	(void)pair;
	*floated += packet->to == RIGHT && packet->data[18] == EXCHANGE_AGGRESSIVE && packet->nat_port;
	if (packet->to == RIGHT) {
		(void)!address_parse(&packet->from, "203.0.113.9");
		packet->from.port = (uint16_t)(packet->nat_port ? 20001 : 20000);
		return 1;
	}
	(void)!address_parse(&packet->dest, "192.0.2.1");
	packet->dest.port = packet->nat_port ? IKE_NAT_PORT : IKE_PORT;
	return 1;
}

static void nat(void)
{
	struct pair_options options = { .left = LEFT_AS("keyid:two", AGGRESSIVE), .right = groups, .left_psk = psk, .right_psk = psk,
					.kernel_features = KERNEL_UDP_ENCAP | KERNEL_TRANSPORT };
	struct pair *pair = pair_new(&options);
	unsigned floated = 0;

	pair->filter = through_nat;
	pair->filter_arg = &floated;
	CU_ASSERT_FATAL(pair_up(pair, 5000));
	struct ike_sa *left = side_find(&pair->side[LEFT], "t"), *right = side_find(&pair->side[RIGHT], "two");
	CU_ASSERT_EQUAL(floated, 1);
	CU_ASSERT(left->local_nat && !left->remote_nat && left->is_float);
	CU_ASSERT(!right->local_nat && right->remote_nat && right->is_float && right->remote.port == 20001);
	CU_ASSERT(pair->side[LEFT].kernel.sas[0].udp_encap && pair->side[RIGHT].kernel.sas[0].udp_encap);
	pair_free(pair);
}

/* Where none is, message 3 tells the responder so, from whichever port. */
static void no_nat(void)
{
	struct pair *pair = make(LEFT_AS("keyid:two", AGGRESSIVE), groups, psk);

	CU_ASSERT_FATAL(pair_up(pair, 5000));
	struct ike_sa *left = side_find(&pair->side[LEFT], "t"), *right = side_find(&pair->side[RIGHT], "two");
	CU_ASSERT(!left->local_nat && !left->remote_nat && !left->is_float && !left->udp_encap);
	CU_ASSERT(!right->local_nat && !right->remote_nat && !right->is_float && !right->udp_encap);
	pair_free(pair);
}

/* One end's ESP is in userspace, so it wants UDP: each of both, though there is no NAT. */
static void forced(void)
{
	struct pair_options options = { .left = LEFT_AS("keyid:two", AGGRESSIVE), .right = groups, .left_psk = psk, .right_psk = psk,
					.kernel_features = KERNEL_USERSPACE | KERNEL_UDP_ENCAP };
	struct pair *pair = pair_new(&options);

	CU_ASSERT_FATAL(pair_up(pair, 5000));
	struct ike_sa *left = side_find(&pair->side[LEFT], "t"), *right = side_find(&pair->side[RIGHT], "two");
	CU_ASSERT(left->udp_encap && left->is_float && !left->remote_nat && right->udp_encap && right->is_float && !right->remote_nat);
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "a KEY_ID chooses the connection and its key", by_key_id },
	{ "whom nobody knows gets an answer like those who are known, and not a line is said then (CVE-2002-1623)", unknown_like_known },
	{ "who is known to a connection but has no key gets such an answer, too", no_key_like_known },
	{ "whom nobody knows is named when it has not gone on", unknown_is_said_later },
	{ "an unknown name stays with one connection and one random key", decoy_stays },
	{ "whose proposals fit does not tell who is known", refusals_do_not_tell },
	{ "who is configured for Main Mode alone answers nothing", not_configured },
	{ "keys that differ are named at both ends", wrong_psk },
	{ "proposals that differ are named at both ends", wrong_proposal },
	{ "a gateway that proves to be another one is refused", wrong_id_of_gateway },
	{ "a forged answer with another name ends nothing", forged_id },
	{ "message 1 with the cookies of an answer or a refusal is harmless (CVE-2023-30570)", cookie_of_refusal },
	{ "message 3 in the clear is taken, and a notify beside it is not", message3_in_clear },
	{ "message 3 that is lost is sent again until something comes back", message3_lost },
	{ "message 3 of a renewal that is lost costs no packet, whoever begins", message3_lost_in_renewal },
	{ "INITIAL-CONTACT and RESPONDER-LIFETIME follow phase 1", contact_and_lifetime },
	{ "a responder with several groups renews with that of the SA", group_of_renewal },
	{ "the initiator goes to the NAT port with message 3, and both know who is behind the NAT", nat },
	{ "without a NAT both know that there is none", no_nat },
	{ "UDP that is wanted without a NAT is agreed upon", forced },
};

UNIT_MAIN("pairs-aggressive", cases)
