/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_flip.c - every bit of every packet flipped, header included; the changed copy arrives before the good one, or right
 * after it. Whoever can do this sees the packets but cannot keep them from arriving.
 */
#include "tamper.h"

enum {
	/* Flips in one handshake. Of a packet in the clear as many as the engine keeps points for, beside the good one. */
	CLEAR_FLIPS = POINTS_MAX - 4, COVERED_FLIPS = 64,
};

struct flips {
	unsigned number;             /* of the packet                 */
	size_t first, count;         /* bits                          */
	bool after;
	size_t bits;                 /* out: how many the packet has  */
	bool has_seen;
};

static unsigned flip(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct flips *flips = arg;
	struct wire_packet copy;

	if (packet->number != flips->number || flips->has_seen)
		return 1;
	flips->has_seen = true;
	flips->bits = packet->len * 8;
	if (flips->after)
		pair_inject(pair, packet);
	for (size_t bit = flips->first; bit < flips->first + flips->count && bit < flips->bits; bit++) {
		copy = *packet;
		copy.data[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		pair_inject(pair, &copy);
	}
	return flips->after ? 0 : 1;
}

static void handshake(struct pair *pair, struct flips *flips)
{
	pair->filter = flip;
	pair->filter_arg = flips;
	bool is_up = tamper_up(pair);
	pair_run(pair, 100);
	if (!is_up || !tamper_is_sound(pair)) {
		printf("packet %u, bits %zu to %zu, %s the good one: %s\n", flips->number, flips->first, flips->first + flips->count - 1,
		       flips->after ? "after" : "before", is_up ? "unsound" : "not up");
		CU_FAIL("a flipped bit did harm");
	}
	CU_ASSERT(flips->has_seen);
	pair->filter = NULL;
	tamper_reset(pair);
}

static void all_bits(unsigned first, unsigned last, size_t at_once, bool after)
{
	struct pair *pair = tamper_new();

	for (unsigned number = first; number <= last; number++) {
		struct flips flips = { .number = number, .count = at_once, .after = after };
		do {
			flips.has_seen = false;
			handshake(pair, &flips);
			flips.first += flips.count;
		} while (flips.first < flips.bits);
	}
	pair_free(pair);
}

static void clear_before(void)
{
	all_bits(1, PHASE1_CLEAR, CLEAR_FLIPS, false);
}

static void clear_after(void)
{
	all_bits(1, PHASE1_CLEAR, CLEAR_FLIPS, true);
}

static void covered_before(void)
{
	all_bits(PHASE1_CLEAR + 1, LAST_PACKET, COVERED_FLIPS, false);
}

static void covered_after(void)
{
	all_bits(PHASE1_CLEAR + 1, LAST_PACKET, COVERED_FLIPS, true);
}

/* One forger flips a bit of each of the packets. */
struct six {
	size_t bit;
	bool after;
};

static unsigned flip_all(struct pair *pair, struct wire_packet *packet, void *arg)
{
	const struct six *six = arg;
	struct wire_packet copy = *packet;
	size_t bit = six->bit % (packet->len * 8);

	copy.data[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	if (six->after)
		pair_inject(pair, packet);
	pair_inject(pair, &copy);
	return six->after ? 0 : 1;
}

static void every_packet(void)
{
	struct pair *pair = tamper_new();

	for (int after = 0; after <= 1; after++) {
		for (size_t bit = 0; bit < 1400; bit += 11) {
			struct six six = { bit, after };
			pair->filter = flip_all;
			pair->filter_arg = &six;
			bool is_up = tamper_up(pair);
			pair_run(pair, 100);
			if (!is_up || !tamper_is_sound(pair)) {
				printf("bit %zu of all packets, %s the good ones: %s\n", bit, after ? "after" : "before",
				       is_up ? "unsound" : "not up");
				CU_FAIL("flipped bits did harm");
			}
			pair->filter = NULL;
			tamper_reset(pair);
		}
	}
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "no bit flipped in a packet in the clear does harm when it arrives before the good one", clear_before },
	{ "no bit flipped in a packet in the clear does harm when it arrives after the good one", clear_after },
	{ "no bit flipped in an encrypted packet does harm when it arrives before the good one", covered_before },
	{ "no bit flipped in an encrypted packet does harm when it arrives after the good one", covered_after },
	{ "a bit flipped in every packet does no harm", every_packet },
};

TAMPER_MAIN("pairs-flip", cases)
