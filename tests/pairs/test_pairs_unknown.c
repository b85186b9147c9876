/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_unknown.c - how much work message 1 of Aggressive Mode is for a peer that is known, and for one that nobody knows: every
 * costly operation is counted, and has to be as often and on as many octets (CVE-2002-1623). Times are printed, nothing depends on them.
 */
#include <dlfcn.h>
#include <time.h>

#include "map.h"
#include "pair.h"
#include "plain.h"

enum { CONNECTIONS = 40, PROBES = 400, EXCHANGE_AT = 18 };

/* ---- what is counted: these are found before the library's own ---- */

struct work {
	unsigned keys, compared, hashed, drawn, prf, hash, generated, shared;
	size_t octets;               /* of the last two hashes */
};
static struct work work;

#define THE_OTHER(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

const struct psk_settings *settings_psk(const struct settings *s, const struct address *local, const struct identity *local_id,
					const struct address *remote, const struct identity *remote_id, char how[WHY_MAX])
{
	work.keys++;
	return THE_OTHER(settings_psk)(s, local, local_id, remote, remote_id, how);
}

bool identity_fits(const struct identity *pattern, unsigned match, const struct identity *id)
{
	work.compared++;
	return THE_OTHER(identity_fits)(pattern, match, id);
}

uint64_t siphash(const uint8_t key[16], struct bytes data)
{
	work.hashed++;
	work.octets += data.len;
	return THE_OTHER(siphash)(key, data);
}

int crypto_random(const struct crypto *crypto, void *out, size_t len)
{
	work.drawn++;
	return THE_OTHER(crypto_random)(crypto, out, len);
}

/* ---- and these stand in the proposals ---- */

static const struct mac_alg *real_prf;
static const struct hash_alg *real_hash;
static const struct dh_group *real_group;

static int count_prf(struct bytes key, const struct bytes *in, size_t count, uint8_t *out)
{
	work.prf++;
	for (size_t i = 0; i < count; i++)
		work.octets += in[i].len;
	return real_prf->run(key, in, count, out);
}

static int count_hash(const struct bytes *in, size_t count, uint8_t *out)
{
	work.hash++;
	for (size_t i = 0; i < count; i++)
		work.octets += in[i].len;
	return real_hash->run(in, count, out);
}

static int count_generate(struct secret *private_out, uint8_t *public_out)
{
	work.generated++;
	return real_group->generate(private_out, public_out);
}

static int count_shared(const struct secret *private_value, struct bytes peer, struct secret *out)
{
	work.shared++;
	return real_group->shared(private_value, peer, out);
}

static void count_all(const struct side *side)
{
	static struct mac_alg prf;
	static struct hash_alg hash;
	static struct dh_group group;

	for (size_t i = 0; i < settings_connection_count(side->settings); i++) {
		struct ike_transform *t = settings_connection_at(side->settings, i)->proposals.at;
		if (i == 0) {
			real_prf = t->prf_alg;
			real_hash = t->hash_alg;
			real_group = t->group_alg;
			prf = *real_prf;
			hash = *real_hash;
			group = *real_group;
			prf.run = count_prf;
			hash.run = count_hash;
			group.generate = count_generate;
			group.shared = count_shared;
		}
		t->prf_alg = &prf;
		t->hash_alg = &hash;
		t->group_alg = &group;
	}
}

/* ---- a gateway with many peers, and somebody who asks ---- */

static struct pair *gateway_new(void)
{
	static char right[CONNECTIONS * 512];
	int used = snprintf(right, sizeof(right), "<keyferry xmlns=\"urn:keyferry:1\">");

	for (int i = 0; i < CONNECTIONS; i++)
		used += snprintf(right + used, sizeof(right) - (size_t)used,
				 "<connection name=\"c%02d\"><local address=\"192.0.2.2\" id=\"gw.example\"/><remote address=\"%%any\" id=\"keyid:peer%02d\"/>"
				 "<phase1 mode=\"aggressive\" proposals=\"aes128-sha256-curve25519\"/>"
				 "<child name=\"c\" local=\"10.2.%d.0/24\" remote=\"10.1.0.0/24\"/></connection><psk ids=\"keyid:peer%02d\" file=\"psk\"/>",
				 i, i, i, i);
	snprintf(right + used, sizeof(right) - (size_t)used, "</keyferry>");
	struct pair_options options = {
		.left = "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\"><local address=\"192.0.2.1\" id=\"keyid:peer00\"/>"
			"<remote address=\"192.0.2.2\" id=\"gw.example\"/><phase1 mode=\"aggressive\" proposals=\"aes128-sha256-curve25519\"/>"
			"<child name=\"c\" local=\"10.1.0.0/24\" remote=\"10.2.0.0/24\"/></connection><psk ids=\"gw.example\" file=\"psk\"/></keyferry>",
		.right = right, .left_psk = psk, .right_psk = psk,
	};
	return pair_new(&options);
}

/* Message 1, of which only the name and the cookie change. */
static unsigned keep_first(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct wire_packet *first = arg;

	(void)pair;
	*first = *packet;
	return 0;
}

static unsigned count_answers(struct pair *pair, struct wire_packet *packet, void *arg)
{
	unsigned *answers = arg;

	(void)pair;
	*answers += packet->to == LEFT && packet->data[EXCHANGE_AT] == EXCHANGE_AGGRESSIVE;
	return 0;
}

static void name_in(struct wire_packet *packet, const char *name)
{
	for (size_t i = HEADER_SIZE; i + 6 <= packet->len; i++)
		if (memcmp(packet->data + i, "peer00", 6) == 0)
			memcpy(packet->data + i, name, 6);
}

static uint64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* How much one question is; `ns` of the whole way of it. */
static struct work ask(struct pair *pair, const struct wire_packet *first, const char *name, unsigned number, uint64_t *ns)
{
	struct wire_packet packet = *first;
	unsigned answers = 0;

	name_in(&packet, name);
	packet.data[0] = (uint8_t)(number >> 8);
	packet.data[1] = (uint8_t)number;
	packet.due = pair->now;
	pair->filter = count_answers;
	pair->filter_arg = &answers;
	pair_inject(pair, &packet);
	work = (struct work){ 0 };
	uint64_t before = cpu_now();
	pair_settle(pair);
	*ns = cpu_now() - before;
	struct work done = work;
	CU_ASSERT_EQUAL(answers, 1);
	pair_run(pair, 40000);
	return done;
}

static void say(const char *name, const struct work *done)
{
	printf("%s: %u keys looked up, %u names compared, %u hashed, %u drawn, %u prf, %u hash, %u made, %u shared, %zu octets\n", name, done->keys,
	       done->compared, done->hashed, done->drawn, done->prf, done->hash, done->generated, done->shared, done->octets);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void as_much_work(void)
{
	/* The first, one among them, the last; and as many who are not. */
	static const char *const names[] = { "peer00", "peer17", "peer39", "peer40", "peerzz", "nobody" };
	static uint64_t times[COUNT(names)][PROBES];
	struct pair *pair = gateway_new();
	struct wire_packet first = { .len = 0 };

	pair->filter = keep_first;
	pair->filter_arg = &first;
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	CU_ASSERT_FATAL(first.len > 0);
	pair_reset(pair);
	count_all(&pair->side[RIGHT]);
	struct work known = { 0 };
	for (unsigned i = 0; i < PROBES; i++) {
		for (size_t k = 0; k < COUNT(names); k++) {
			struct work done = ask(pair, &first, names[k], 1 + i * (unsigned)COUNT(names) + (unsigned)k, &times[k][i]);
			if (i == 0 && k == 0)
				known = done;
			bool is_same = memcmp(&done, &known, sizeof(done)) == 0;
			if (!is_same)
				say(names[k], &done);
			CU_ASSERT(is_same);
		}
	}
	say("of each", &known);
	CU_ASSERT(known.keys == 1 && known.compared > CONNECTIONS && known.prf > 2 && known.generated == 1 && known.shared == 1);
	for (size_t k = 0; k < COUNT(names); k++) {
		qsort(times[k], PROBES, sizeof(times[k][0]), by_size);
		printf("%s: median %.1f us of CPU time, quarter %.1f, three quarters %.1f\n", names[k], (double)times[k][PROBES / 2] / 1000,
		       (double)times[k][PROBES / 4] / 1000, (double)times[k][3 * PROBES / 4] / 1000);
	}
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "a peer that nobody knows is as much work as one that is known (CVE-2002-1623)", as_much_work },
};

UNIT_MAIN("pairs-unknown", cases)
