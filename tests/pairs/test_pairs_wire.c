/* SPDX-License-Identifier: MIT */
/* test_pairs_wire.c - every packet of every exchange lost, repeated, late, cut short or with junk behind it. */
#include "tamper.h"

struct trick {
	unsigned number;                     /* which packet, from 1                    */
	unsigned losses;                     /* how often it and its repetitions are lost */
	unsigned copies;
	uint64_t delay;                      /* ms, of the original                     */
	uint64_t echo;                       /* ms after which it comes once more       */
	bool cut, extend, patch;             /* changed copies arrive before it; with a header that fits them */
	struct wire_packet seen;
	bool has_seen;
};

static void inject_cuts(struct pair *pair, const struct wire_packet *packet, bool patch)
{
	struct wire_packet copy = *packet;

	for (size_t len = 0; len < packet->len; len++) {
		memcpy(copy.data, packet->data, packet->len);
		copy.len = len;
		if (patch)
			tamper_set_length(&copy, len);
		pair_inject(pair, &copy);
	}
}

/*
 * A single block behind a message that needs no padding is left out: once in 128 times it looks like the padding
 * of racoon, and IKEv1 gives nothing to tell them apart.
 */
static void inject_extensions(struct pair *pair, const struct wire_packet *packet, bool patch)
{
	static const size_t junk[] = { 1, 2, 4, 5, 15, 17, 20, 32, 48, 255, 1024 };
	struct wire_packet copy;

	for (size_t i = 0; i < COUNT(junk); i++) {
		for (unsigned fill = 0; fill < 256; fill += 85) {
			copy = *packet;
			memset(copy.data + copy.len, (int)fill, junk[i]);
			copy.len += junk[i];
			if (patch)
				tamper_set_length(&copy, copy.len);
			pair_inject(pair, &copy);
		}
	}
}

static bool is_same(const struct wire_packet *a, const struct wire_packet *b)
{
	return a->to == b->to && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static unsigned play(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct trick *trick = arg;

	if (trick->has_seen) {
		if (!is_same(packet, &trick->seen) || trick->losses == 0)
			return 1;
		trick->losses--;
		return 0;
	}
	if (packet->number != trick->number)
		return 1;
	trick->seen = *packet;
	trick->has_seen = true;
	if (trick->losses) {
		trick->losses--;
		return 0;
	}
	if (trick->cut)
		inject_cuts(pair, packet, trick->patch);
	if (trick->extend)
		inject_extensions(pair, packet, trick->patch);
	if (trick->echo) {
		struct wire_packet again = *packet;
		again.due += trick->echo;
		pair_inject(pair, &again);
	}
	packet->due += trick->delay;
	return trick->copies;
}

/* "t" comes up whatever happens to one packet, and afterwards nothing more happens. */
static void each_packet(struct trick like)
{
	struct pair *pair = tamper_new();

	for (unsigned number = 1; number <= LAST_PACKET; number++) {
		struct trick trick = like;
		trick.number = number;
		pair->filter = play;
		pair->filter_arg = &trick;
		bool is_up = tamper_up(pair);
		if (!is_up)
			printf("packet %u\n", number);
		CU_ASSERT(is_up);
		CU_ASSERT(trick.has_seen);
		pair_run(pair, 400000);
		CU_ASSERT(tamper_is_sound(pair));
		CU_ASSERT_EQUAL(pair->side[LEFT].shards[0]->sas.count, 2);
		CU_ASSERT_EQUAL(pair->side[RIGHT].shards[0]->sas.count, 2);
		CU_ASSERT_EQUAL(pair->side[RIGHT].engine.half_open, 0);
		pair->filter = NULL;
		tamper_reset(pair);
	}
	pair_free(pair);
}

static void undisturbed(void)
{
	struct pair *pair = tamper_new();
	static const uint8_t zero[COOKIE_SIZE];
	struct trick trick = { .number = 3, .copies = 1 };

	pair->filter = play;
	pair->filter_arg = &trick;
	CU_ASSERT(tamper_up(pair));
	CU_ASSERT_EQUAL(pair->sent, LAST_PACKET);
	CU_ASSERT(tamper_is_sound(pair));
	/* RFC 2408 3.1: message 3 has the responder's cookie, which came with message 2. */
	CU_ASSERT(trick.has_seen && memcmp(trick.seen.data + COOKIE_SIZE, zero, COOKIE_SIZE) != 0);
	CU_ASSERT_EQUAL(shard_down(pair->side[LEFT].shards[0], "t", NULL), 1);
	CU_ASSERT_EQUAL(pair->sent, LAST_DELETE);
	pair_run(pair, 100);
	CU_ASSERT(tamper_is_up(pair, "s"));
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.count, 2);
	pair_free(pair);
}

static void lost(void)
{
	each_packet((struct trick){ .copies = 1, .losses = 1 });
}

static void lost_thrice(void)
{
	each_packet((struct trick){ .copies = 1, .losses = 3 });
}

static void repeated(void)
{
	each_packet((struct trick){ .copies = 2 });
	each_packet((struct trick){ .copies = 20 });
}

static void repeated_later(void)
{
	static const uint64_t later[] = { 2, 3, 10, 100, 20000, 250000 };

	for (size_t i = 0; i < COUNT(later); i++)
		each_packet((struct trick){ .copies = 1, .echo = later[i] });
}

/* By then it was sent again, and what follows it as well. */
static void late(void)
{
	static const uint64_t delay[] = { 900, 1200, 3500, 8000 };

	for (size_t i = 0; i < COUNT(delay); i++)
		each_packet((struct trick){ .copies = 1, .delay = delay[i] });
}

static void cut(void)
{
	each_packet((struct trick){ .copies = 1, .cut = true });
	each_packet((struct trick){ .copies = 1, .cut = true, .patch = true });
}

static void extended(void)
{
	each_packet((struct trick){ .copies = 1, .extend = true });
	each_packet((struct trick){ .copies = 1, .extend = true, .patch = true });
}

/* Deletes are not answered, so a lost one is lost: then the other end keeps its SA until the next INITIAL-CONTACT. */
static void each_delete(struct trick like)
{
	struct pair *pair = tamper_new();

	for (unsigned number = LAST_PACKET + 1; number <= LAST_DELETE; number++) {
		struct trick trick = like;
		trick.number = number;
		pair->filter = play;
		pair->filter_arg = &trick;
		CU_ASSERT(tamper_up(pair));
		CU_ASSERT_EQUAL(shard_down(pair->side[LEFT].shards[0], "t", NULL), 1);
		pair_run(pair, 20000);
		CU_ASSERT(trick.has_seen);
		CU_ASSERT(tamper_is_up(pair, "s"));
		CU_ASSERT_EQUAL(tamper_children(&pair->side[RIGHT], "t"), 0);
		bool is_gone = !tamper_sa(&pair->side[RIGHT], "t");
		CU_ASSERT_EQUAL(is_gone, number != LAST_DELETE || !like.losses);
		pair->filter = NULL;
		CU_ASSERT(tamper_up(pair));
		pair_run(pair, 1000);
		CU_ASSERT(tamper_is_sound(pair));
		tamper_reset(pair);
	}
	pair_free(pair);
}

static void deletes(void)
{
	each_delete((struct trick){ .copies = 1, .losses = 1 });
	each_delete((struct trick){ .copies = 3 });
	each_delete((struct trick){ .copies = 1, .echo = 10000 });
	each_delete((struct trick){ .copies = 1, .delay = 5000 });
	each_delete((struct trick){ .copies = 1, .cut = true, .patch = true });
	each_delete((struct trick){ .copies = 1, .extend = true, .patch = true });
}

static const struct unit_case cases[] = {
	{ "an undisturbed tunnel takes nine packets, and message 3 has both cookies", undisturbed },
	{ "each packet may be lost once", lost },
	{ "each packet may be lost three times", lost_thrice },
	{ "each packet may come twice or twenty times", repeated },
	{ "each packet may come again at any later time", repeated_later },
	{ "each packet may come after what was sent later", late },
	{ "copies cut short at every octet do no harm", cut },
	{ "copies with junk behind them do no harm", extended },
	{ "deletes may be lost, repeated, late, cut or extended", deletes },
};

TAMPER_MAIN("pairs-wire", cases)
