/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_world.c - a world in which peers die, come back knowing nothing, move and are cut off, and machines sleep: in each case traffic
 * flows again without a hand. How long that took is printed.
 */
#include "follow.h"
#include "kin.h"
#include "liveness.h"
#include "pair.h"

enum { STEP_MS = 100, PATIENCE_MS = 20 * 60000, DPD = 5 };

static const char psk[] = "a pre-shared key of some length\n";

/* "l" is LEFT's side: its address is whatever `source` says, the peer is a name; RIGHT takes anybody with the right ID. */
static const char left_document[] =
	"<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" keep=\"%s\" dpd=\"5s\" %s><local id=\"left.example\"/>"
	"<remote address=\"right.example\" id=\"right.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
	"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.1.0.0/24\" remote=\"10.2.0.0/24\"/></connection>"
	"<psk ids=\"%%any\" file=\"psk\"/></keyferry>";
static const char right_document[] =
	"<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" keep=\"%s\" dpd=\"5s\" %s><local id=\"right.example\"/>"
	"<remote address=\"%s\" id=\"left.example\"/><phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\"/>"
	"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.2.0.0/24\" remote=\"10.1.0.0/24\"/></connection>"
	"<psk ids=\"%%any\" file=\"psk\"/></keyferry>";

/* ---- a wire that leads to addresses, with a NAT that it may pass ---- */

struct place {
	struct address is[SIDES];            /* where each side really is; family 0: nowhere           */
	struct address nat;                  /* what LEFT looks like from outside; family 0: as it is  */
	bool is_cut;
	unsigned drops;
};

static unsigned carry(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct place *place = arg;
	bool to_right = packet->to == RIGHT;
	struct address goal = packet->dest;

	(void)pair;
	if (to_right && place->nat.family) {
		packet->from = place->nat;
	} else if (!to_right && place->nat.family) {
		if (!address_same(&goal, &place->nat))
			return 0;
		packet->dest = place->is[LEFT];
		packet->dest.port = IKE_NAT_PORT;
		goal = packet->dest;
	}
	bool arrives = !place->is_cut && address_same_host(&goal, &place->is[packet->to]) &&
		       (place->nat.family || address_same_host(&packet->from, &place->is[!packet->to]));
	place->drops += !arrives;
	return arrives;
}

static struct address at(const char *text)
{
	struct address a = { .family = 0 };

	if (address_parse(&a, text) < 0)
		abort();
	return a;
}

/* A side goes to another address, and knows it. */
static void go_to(struct pair *pair, struct place *place, unsigned which, const char *where)
{
	struct side *side = &pair->side[which];

	place->is[which] = at(where);
	side->source = place->is[which];
	if (side->intents)
		intents_network_changed(side->intents);
}

static struct pair *world_new(struct place *place, const char *left_keep, const char *right_keep, const char *more, const char *right_remote)
{
	char left[2048], right[2048];

	snprintf(left, sizeof(left), left_document, left_keep, more);
	snprintf(right, sizeof(right), right_document, right_keep, more, right_remote);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk };
	struct pair *pair = pair_new(&options);
	*place = (struct place){ .is = { at("192.0.2.1"), at("192.0.2.2") } };
	for (int i = 0; i < SIDES; i++)
		pair->side[i].source = place->is[i];
	pair->side[LEFT].resolved = place->is[RIGHT];
	pair->side[RIGHT].resolved = place->is[LEFT];
	pair->filter = carry;
	pair->filter_arg = place;
	for (int i = 0; i < SIDES; i++)
		side_begin(&pair->side[i]);
	return pair;
}

/* ---- does traffic flow? ---- */

static uint64_t received(const struct side *side)
{
	uint64_t count = 0;

	for (size_t i = 0; i < side->kernel.count; i++)
		if (side->kernel.sas[i].inbound)
			count += side->kernel.sas[i].packets;
	return count;
}

/* A packet in each direction that is received. Traffic needs the way that IKE needs. */
static bool flows(struct pair *pair, const struct place *place)
{
	uint64_t before[SIDES] = { received(&pair->side[LEFT]), received(&pair->side[RIGHT]) };

	if (place->is_cut)
		return false;
	pair_probe(pair, LEFT);
	pair_probe(pair, RIGHT);
	pair_run(pair, 2);
	return received(&pair->side[LEFT]) > before[LEFT] && received(&pair->side[RIGHT]) > before[RIGHT];
}

/* As long as it must: until it flows, at most PATIENCE_MS. The addresses of the SAs have to be right, which probes do not know. */
static bool is_placed(const struct pair *pair, const struct place *place)
{
	const struct fake_kernel *kernel = &pair->side[LEFT].kernel;

	for (size_t i = kernel->count; i-- > 0;)
		if (!kernel->sas[i].inbound)
			return address_same_host(&kernel->sas[i].remote, &place->is[RIGHT]);
	return false;
}

static void recovers(struct pair *pair, const struct place *place, const char *what)
{
	uint64_t begin = pair->now;
	bool is_back = false;

	while (!is_back && pair->now < begin + PATIENCE_MS) {
		pair_run(pair, STEP_MS);
		is_back = is_placed(pair, place) && flows(pair, place);
	}
	printf("%s: traffic flows after %.1f s\n", what, (double)(pair->now - begin) / 1000);
	CU_ASSERT(is_back);
}

/* Whatever happened before: one pair at either end, alike, after what was left has been cleared away. */
static void is_tidy(struct pair *pair)
{
	pair_run(pair, (DPD + 90) * 1000);
	for (int i = 0; i < SIDES; i++) {
		CU_ASSERT_EQUAL(side_sas(&pair->side[i]), 1);
		CU_ASSERT_EQUAL(side_children(&pair->side[i]), 1);
		CU_ASSERT_EQUAL(pair->side[i].kernel.count, 2);
		CU_ASSERT_EQUAL(side_all(&pair->side[i]), 1);
	}
	CU_ASSERT(pair_keys_agree(pair));
}

static void finish(struct pair *pair)
{
	is_tidy(pair);
	pair_free(pair);
}

/* ---- cases ---- */

static void peer_restarts(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");

	recovers(pair, &place, "first time");
	/* It knows nothing, and says nothing: we find out. */
	side_restart(&pair->side[RIGHT], NULL);
	recovers(pair, &place, "the peer was killed and came back passive");
	is_tidy(pair);
	side_restart(&pair->side[LEFT], NULL);
	recovers(pair, &place, "we were killed and came back");
	is_tidy(pair);
	side_restart(&pair->side[LEFT], NULL);
	side_restart(&pair->side[RIGHT], NULL);
	recovers(pair, &place, "both were killed and came back");
	finish(pair);
}

static void both_keep_up(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "up", "", "192.0.2.1");

	recovers(pair, &place, "both ends keep it up, first time");
	is_tidy(pair);
	side_restart(&pair->side[RIGHT], NULL);
	recovers(pair, &place, "the peer, who keeps it up, was killed and came back");
	is_tidy(pair);
	side_restart(&pair->side[RIGHT], NULL);
	side_restart(&pair->side[LEFT], NULL);
	recovers(pair, &place, "both were killed and came back");
	CU_ASSERT_EQUAL(pair->side[LEFT].events[EVENT_FAILURE], 0);
	finish(pair);
}

static void link_is_cut(void)
{
	static const unsigned seconds[] = { 1, 10, 300, 7200 };
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");
	char text[80];

	recovers(pair, &place, "first time");
	for (size_t i = 0; i < COUNT(seconds); i++) {
		is_tidy(pair);
		place.is_cut = true;
		pair_run(pair, seconds[i] * UINT64_C(1000));
		place.is_cut = false;
		snprintf(text, sizeof(text), "the link was cut for %u s", seconds[i]);
		recovers(pair, &place, text);
	}
	finish(pair);
}

static void we_move(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");

	recovers(pair, &place, "first time");
	is_tidy(pair);
	unsigned down = pair->side[LEFT].events[EVENT_CHILD_DOWN];
	go_to(pair, &place, LEFT, "198.51.100.7");
	recovers(pair, &place, "our address changed");
	is_tidy(pair);
	CU_ASSERT_EQUAL(pair->side[LEFT].events[EVENT_CHILD_DOWN], down);
	/* No network for a while, then another address. */
	pair->side[LEFT].source.family = 0;
	place.is[LEFT].family = 0;
	intents_network_changed(pair->side[LEFT].intents);
	pair_run(pair, 100000);
	go_to(pair, &place, LEFT, "203.0.113.9");
	recovers(pair, &place, "we were without network for 100 s, then at another address");
	finish(pair);
}

static void peer_moves(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");

	recovers(pair, &place, "first time");
	is_tidy(pair);
	go_to(pair, &place, RIGHT, "198.51.100.8");
	pair_run(pair, 3000);
	pair->side[LEFT].resolved = place.is[RIGHT];
	recovers(pair, &place, "the peer's address changed, and 3 s later its name");
	is_tidy(pair);
	/* Its name leads elsewhere, and the old address serves on until the new one does. */
	unsigned down = pair->side[LEFT].events[EVENT_CHILD_DOWN];
	place.is[RIGHT] = at("203.0.113.5");
	pair->side[LEFT].resolved = place.is[RIGHT];
	pair->side[RIGHT].source = place.is[RIGHT];
	recovers(pair, &place, "the peer's name was repointed");
	CU_ASSERT(down <= pair->side[LEFT].events[EVENT_CHILD_DOWN]);
	finish(pair);
}

static void name_fails(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");

	pair_reset(pair);
	pair->side[LEFT].resolved.family = 0;
	side_restart(&pair->side[LEFT], NULL);
	pair_run(pair, 600000);
	CU_ASSERT(side_said(&pair->side[LEFT], "the name right.example has no address"));
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 0);
	pair->side[LEFT].resolved = place.is[RIGHT];
	recovers(pair, &place, "the name had no address for 10 min");
	/* That it has none any more ends nothing. */
	pair->side[LEFT].resolved.family = 0;
	pair_run(pair, 600000);
	CU_ASSERT(flows(pair, &place));
	finish(pair);
}

static void nat_forgets(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");

	pair_reset(pair);
	place.nat = at("203.0.113.1");
	place.nat.port = 40000;
	side_restart(&pair->side[LEFT], NULL);
	side_restart(&pair->side[RIGHT], NULL);
	recovers(pair, &place, "first time, behind a NAT");
	is_tidy(pair);
	unsigned ups = pair->side[RIGHT].events[EVENT_IKE_UP];
	/* Another port: what we ask the peer comes from there, and the answer goes there. */
	place.nat.port = 50000;
	pair_run(pair, (DPD + 2) * 1000);
	CU_ASSERT(flows(pair, &place));
	CU_ASSERT(side_said(&pair->side[RIGHT], "the SA moves"));
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.sas[0].remote.port, 50000);
	/* And by its ESP alone. */
	place.nat.port = 60000;
	follow_packet(pair->side[RIGHT].shards[0], pair->side[RIGHT].kernel.sas[0].spi, &place.is[RIGHT], &place.nat);
	CU_ASSERT_EQUAL(pair->side[RIGHT].kernel.sas[0].remote.port, 60000);
	CU_ASSERT_EQUAL(pair->side[RIGHT].events[EVENT_IKE_UP], ups);
	finish(pair);
}

static void machine_sleeps(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");

	recovers(pair, &place, "first time");
	is_tidy(pair);
	/* The peer has taken us for dead long ago: its clock went on, ours too, but nothing ran. */
	place.is_cut = true;
	pair->now += 9 * 3600 * 1000;
	pair_settle(pair);
	place.is_cut = false;
	recovers(pair, &place, "we slept for 9 h");
	finish(pair);
}

static void on_demand_comes_back(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "on-demand", "passive", "", "%any");

	pair_run(pair, 60000);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 0);
	pair_probe(pair, LEFT);
	recovers(pair, &place, "a packet asked for it");
	for (int i = 0; i < 3; i++) {
		switch (i) {
		case 0:
			side_down(&pair->side[RIGHT], "t", NULL);
			break;
		case 1:
			side_restart(&pair->side[RIGHT], NULL);
			break;
		default:
			/* Nobody needs it: it lapses with its lifetime, and phase 1 with its own. */
			pair_run(pair, UINT64_C(36) * 3600 * 1000);
		}
		pair_run(pair, 60000);
		pair_probe(pair, LEFT);
		recovers(pair, &place, "it was gone, and a packet asked for it again");
	}
	finish(pair);
}

static unsigned slowly(struct pair *pair, struct wire_packet *packet, void *arg)
{
	packet->due += 20;
	return carry(pair, packet, arg);
}

static bool sends(const struct side *side)
{
	for (size_t i = 0; i < side->kernel.count; i++)
		if (!side->kernel.sas[i].inbound)
			return true;
	return false;
}

/* Message 3 and what waits for it leave in one moment, and the second may be handled sooner. */
static void what_waits_is_not_sent_too_soon(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "on-demand", "passive", "", "%any");
	uint64_t up;

	pair->filter = slowly;
	pair_probe(pair, LEFT);
	while (!pair->side[LEFT].events[EVENT_CHILD_UP] && pair->now < 10000)
		pair_run(pair, 1);
	CU_ASSERT_EQUAL(pair->side[LEFT].events[EVENT_CHILD_UP], 1);
	for (up = pair->now; !side_children(&pair->side[RIGHT]) && pair->now < up + 100; pair_run(pair, 1))
		CU_ASSERT_FALSE(sends(&pair->side[LEFT]));
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	pair_run(pair, 50);
	CU_ASSERT(sends(&pair->side[LEFT]));
	finish(pair);
}

static void unwanted_stays_down(void)
{
	struct place place;
	struct pair *pair = world_new(&place, "up", "passive", "", "%any");

	recovers(pair, &place, "first time");
	intents_set_wanted(pair->side[LEFT].intents, "t", NULL, false);
	side_down(&pair->side[LEFT], "t", NULL);
	pair_run(pair, 3600000);
	CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]) + side_sas(&pair->side[RIGHT]), 0);
	intents_set_wanted(pair->side[LEFT].intents, "t", NULL, true);
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	recovers(pair, &place, "it was wanted again");
	finish(pair);
}

static const struct unit_case cases[] = {
	{ "a peer that comes back knowing nothing, or we, or both, find together again", peer_restarts },
	{ "both ends may keep it up, and come back at once", both_keep_up },
	{ "a link that was cut for a second or for hours carries traffic again", link_is_cut },
	{ "a new address of ours ends nothing, a time without network all but the intent", we_move },
	{ "a peer is found again under the new address of its name", peer_moves },
	{ "a name that has no address is asked for again for ever", name_fails },
	{ "a peer whose NAT gives it another port is followed by its IKE and by its ESP", nat_forgets },
	{ "a machine that slept comes back", machine_sleeps },
	{ "what waits on demand is sent when the peer has had time for message 3", what_waits_is_not_sent_too_soon },
	{ "on-demand comes back after every end when a packet asks for it", on_demand_comes_back },
	{ "what was taken down stays down until it is wanted again", unwanted_stays_down },
};

UNIT_MAIN("pairs-world", cases)
