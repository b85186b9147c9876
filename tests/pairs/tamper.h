/* SPDX-License-Identifier: MIT */
/*
 * tamper.h - a pair with two connections: "s", which is up and must stay so, and "t", which is brought up again and again while
 * somebody tampers with its packets. Included by test programs only.
 */
#ifndef KEYFERRY_TAMPER_H
#define KEYFERRY_TAMPER_H
#include "pair.h"
#include "test_keys.h"

enum {
	/* Packets of a "t" that comes up undisturbed: phase 1, Quick Mode 1 to 3; then the two deletes when it goes down. */
	FIRST_QUICK = PHASE1_PACKETS + 1, LAST_PACKET = PHASE1_PACKETS + 3, LAST_DELETE = PHASE1_PACKETS + 5,
	/* An exchange gives up after 85 s; here are two. A test with more sendings waits longer. */
	PATIENCE = 200000,
};

/* By which both ends prove who they are; NULL: a pre-shared key. */
static const struct test_key *tamper_key;

/* All cases once with a pre-shared key, then with signatures. CUnit runs them in order. */
static const struct unit_case *tamper_cases;
static size_t tamper_case_count, tamper_case_next;

static inline void tamper_run_next(void)
{
	size_t i = tamper_case_next++;

	tamper_key = i < tamper_case_count ? NULL : &test_keys[1];
	tamper_cases[i % tamper_case_count].run();
}

static inline int tamper_main(const char *suite, const struct unit_case *cases, size_t count)
{
	struct unit_case *all = calloc(2 * count, sizeof(*all));
	char(*says)[200] = calloc(count, sizeof(*says));

	tamper_cases = cases;
	tamper_case_count = count;
	for (size_t i = 0; i < count; i++) {
		snprintf(says[i], sizeof(says[i]), "with signatures %s", cases[i].says);
		all[i] = (struct unit_case){ cases[i].says, tamper_run_next };
		all[count + i] = (struct unit_case){ says[i], tamper_run_next };
	}
	int status = unit_run(suite, all, 2 * count);
	free(says);
	free(all);
	return status;
}

#define TAMPER_MAIN(suite, cases)                                                        \
	int main(void)                                                                   \
	{                                                                                \
		return tamper_main(suite, cases, sizeof(cases) / sizeof((cases)[0]));    \
	}

static inline const struct pair_file *tamper_files(void)
{
	static struct pair_file files[5];

	for (int i = 0; tamper_key && i < SIDES; i++) {
		files[2 * i] = (struct pair_file){ i == LEFT ? "left.key" : "right.key", tamper_key->private_pem[i], 0 };
		files[2 * i + 1] = (struct pair_file){ i == LEFT ? "left.pub" : "right.pub", tamper_key->public_pem[i], 0 };
	}
	return tamper_key ? files : NULL;
}

/* `ike` is the proposal of phase 1, `daemon` the attributes of <daemon>, `more` what else stands in the document of each side. */
static inline struct pair *tamper_new_beside(const char *ike, const char *daemon, const char *const more[SIDES])
{
	static const char *const local_key[] = { "key=\"left.key\"", "key=\"right.key\"" };
	static const char *const remote_key[] = { "public-key=\"right.pub\"", "public-key=\"left.pub\"" };
	const char *auth = tamper_key ? "signature" : "psk";
	static const char *const host[] = { "192.0.2.1", "192.0.2.2" }, *const other[] = { "198.51.100.1", "198.51.100.2" };
	static const char psk[] = "a pre-shared key of some length\n";
	char document[SIDES][4096];

	for (int i = 0; i < SIDES; i++)
		snprintf(document[i], sizeof(document[i]),
			 "<keyferry xmlns=\"urn:keyferry:1\"><daemon %s/>"
			 "<connection name=\"t\" dpd=\"no\"><local address=\"%s\" %s/><remote address=\"%s\" %s/>"
			 "<phase1" PHASE1 " auth=\"%s\" proposals=\"%s\" lifetime=\"24h\"/>"
			 "<child name=\"c\" proposals=\"aes128gcm16\" lifetime=\"24h\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection>"
			 "<connection name=\"s\" dpd=\"no\"><local address=\"%s\" %s/><remote address=\"%s\" %s/>"
			 "<phase1" PHASE1 " auth=\"%s\" proposals=\"%s\" lifetime=\"24h\"/>"
			 "<child name=\"c\" proposals=\"aes128gcm16\" lifetime=\"24h\" local=\"10.%d.9.0/24\" remote=\"10.%d.9.0/24\"/></connection>"
			 "<psk ids=\"%s %s\" file=\"psk\"/><psk ids=\"%s %s\" file=\"psk\"/>%s</keyferry>",
			 daemon, host[i], tamper_key ? local_key[i] : "", host[!i], tamper_key ? remote_key[i] : "", auth, ike, i + 1, !i + 1,
			 other[i], tamper_key ? local_key[i] : "", other[!i], tamper_key ? remote_key[i] : "", auth, ike, i + 1, !i + 1, host[0], host[1], other[0],
			 other[1], more[i]);
	struct pair_options options = { .left = document[LEFT], .right = document[RIGHT], .left_psk = psk, .right_psk = psk, .files = tamper_files() };
	struct pair *pair = pair_new(&options);
	if (shard_up(pair->side[LEFT].shards[0], "s", NULL) < 0)
		abort();
	pair_run(pair, 100);
	return pair;
}

static inline struct pair *tamper_new_with(const char *ike, const char *daemon)
{
	static const char *const nothing[SIDES] = { "", "" };

	return tamper_new_beside(ike, daemon, nothing);
}

static inline struct pair *tamper_new(void)
{
	return tamper_new_with("aes128-sha256-curve25519", "");
}

/* The SA of a connection that is established; NULL: none. */
static inline struct ike_sa *tamper_sa(const struct side *side, const char *name)
{
	LIST_EACH(it, &side->shards[0]->sas.all) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		if (sa->state == SA_ESTABLISHED && strcmp(sa->connection->name, name) == 0)
			return sa;
	}
	return NULL;
}

static inline size_t tamper_children(const struct side *side, const char *name)
{
	size_t count = 0;

	LIST_EACH(it, &side->shards[0]->sas.all) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		if (sa->state != SA_ESTABLISHED || strcmp(sa->connection->name, name) != 0)
			continue;
		LIST_EACH(jt, &sa->children) {
			const struct child *child = CONTAINER(jt, struct child, in_sa);
			count += child->has_inbound && child->has_outbound;
		}
	}
	return count;
}

/* The connection has one child on either side. */
static inline bool tamper_is_up(const struct pair *pair, const char *name)
{
	return tamper_children(&pair->side[LEFT], name) == 1 && tamper_children(&pair->side[RIGHT], name) == 1;
}

static inline bool tamper_up_within(struct pair *pair, uint64_t ms)
{
	uint64_t end = pair->now + ms;

	pair->sent = 0;
	if (shard_up(pair->side[LEFT].shards[0], "t", NULL) < 0)
		return false;
	while (!tamper_is_up(pair, "t") && pair->now < end)
		pair_run(pair, 25);
	return tamper_is_up(pair, "t");
}

static inline bool tamper_up(struct pair *pair)
{
	return tamper_up_within(pair, PATIENCE);
}

static inline bool tamper_has_twin(const struct fake_sa *sa, const struct fake_kernel *other)
{
	for (size_t i = 0; i < other->count; i++) {
		const struct fake_sa *twin = &other->sas[i];
		if (twin->spi == sa->spi && twin->inbound != sa->inbound)
			return twin->udp_encap == sa->udp_encap && twin->transport == sa->transport &&
			       selector_same(&twin->local_ts, &sa->remote_ts) && selector_same(&twin->remote_ts, &sa->local_ts);
	}
	return false;
}

/* The traffic SAs of "s" and, if it is up, "t" are alike at both ends, and there is nothing besides. */
static inline bool tamper_kernels_agree(const struct pair *pair, size_t count)
{
	for (int i = 0; i < SIDES; i++) {
		if (pair->side[i].kernel.count != count)
			return false;
		for (size_t j = 0; j < count; j++)
			if (!tamper_has_twin(&pair->side[i].kernel.sas[j], &pair->side[!i].kernel))
				return false;
	}
	return pair_keys_agree(pair);
}

/* Both connections are up, with the same traffic SAs at both ends. */
static inline bool tamper_is_sound(const struct pair *pair)
{
	return tamper_is_up(pair, "s") && tamper_is_up(pair, "t") && tamper_kernels_agree(pair, 4);
}

/* Forgets all but "s" without a word, and what is on the wire. */
static inline void tamper_reset(struct pair *pair)
{
	while (pair->wire) {
		struct wire_packet *next = pair->wire->next;
		free(pair->wire);
		pair->wire = next;
	}
	for (int i = 0; i < SIDES; i++) {
		struct side *side = &pair->side[i];
		LIST_EACH(it, &side->shards[0]->sas.all) {
			struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
			if (!sa->connection || strcmp(sa->connection->name, "s") != 0)
				sa_free(sa);
		}
		while (loop_turn(side->loop))
			;
		side->line_count = 0;
	}
	pair->sent = 0;
}

/* The length field of the header follows the datagram's. */
static inline void tamper_set_length(struct wire_packet *packet, size_t len)
{
	packet->len = len;
	if (len < HEADER_SIZE)
		return;
	for (unsigned i = 0; i < 4; i++)
		packet->data[24 + i] = (uint8_t)(len >> (8 * (3 - i)));
}

#endif
