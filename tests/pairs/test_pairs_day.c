/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_day.c - a day in the life of 200 connections: renewals, losses, cuts, machines that are killed, sleep and come back,
 * configurations that change, people who take things down and up again, all at random from a printed seed. At its end, after some calm, each
 * connection is in the state that somebody wants it in, and nothing is left of all that was before. PAIR_SEED repeats a day.
 */
#include "kin.h"
#include "weather.h"

enum {
	CONNECTIONS = 200, DAY_S = 24 * 3600, CALM_S = 3600, EVENT_S = 30, TRAFFIC_S = 60,
	DOCUMENT_MAX = 200 * 1024,
};

static const char psk[] = "a pre-shared key of some length\n";
static const char *const keeps[] = { "passive", "on-demand", "up" };

struct day {
	struct pair *pair;
	struct weather weather;
	enum keep keep[SIDES][CONNECTIONS];
	bool is_unwanted[SIDES][CONNECTIONS];
	unsigned hours[SIDES][CONNECTIONS];  /* lifetime of phase 1 */
	unsigned minutes[SIDES][CONNECTIONS]; /* of the child       */
	unsigned restarts, cuts, sleeps, downs, ups, reloads, renewals, forgotten;
	bool is_cut;
};

static unsigned draw(struct day *day, unsigned below)
{
	return weather_draw(&day->weather, below);
}

static const char *name_of(unsigned i)
{
	static char name[8];

	snprintf(name, sizeof(name), "t%u", i);
	return name;
}

/* ---- configurations ---- */

static void write_document(const struct day *day, unsigned side, char *out)
{
	size_t used = (size_t)snprintf(out, DOCUMENT_MAX, "<keyferry xmlns=\"urn:keyferry:1\">");

	for (unsigned i = 0; i < CONNECTIONS; i++)
		used += (size_t)snprintf(
			out + used, DOCUMENT_MAX - used,
			"<connection name=\"t%u\" keep=\"%s\" dpd=\"5m\"><local address=\"10.%u.%u.1\"/><remote address=\"10.%u.%u.1\"/>"
			"<phase1" PHASE1 " proposals=\"aes128-sha256-curve25519\" lifetime=\"%uh\"/>"
			"<child name=\"c\" proposals=\"aes128gcm16\" lifetime=\"%um\" local=\"10.%u.%u.0/24\" remote=\"10.%u.%u.0/24\"/></connection>",
			i, keeps[day->keep[side][i]], 100 + side, i, 101 - side, i, day->hours[side][i], day->minutes[side][i], 10 + side, i, 11 - side, i);
	snprintf(out + used, DOCUMENT_MAX - used, "<psk ids=\"%%any\" file=\"psk\"/></keyferry>");
}

static void draw_connection(struct day *day, unsigned i)
{
	do {
		for (unsigned side = 0; side < SIDES; side++) {
			day->keep[side][i] = (enum keep)draw(day, 3);
			day->hours[side][i] = 1 + draw(day, 8);
			day->minutes[side][i] = 20 + draw(day, 100);
		}
	} while (day->keep[LEFT][i] == KEEP_PASSIVE && day->keep[RIGHT][i] == KEEP_PASSIVE);
}

static unsigned pass(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct day *day = arg;

	return day->is_cut ? 0 : weather_pass(pair, packet, &day->weather);
}

static void day_begin(struct day *day)
{
	char *text[SIDES] = { malloc(DOCUMENT_MAX), malloc(DOCUMENT_MAX) };

	for (unsigned i = 0; i < CONNECTIONS; i++)
		draw_connection(day, i);
	for (unsigned side = 0; side < SIDES; side++)
		write_document(day, side, text[side]);
	struct pair_options options = { .left = text[LEFT], .right = text[RIGHT], .left_psk = psk, .right_psk = psk, .shards = 2 };
	day->pair = pair_new(&options);
	day->pair->filter = pass;
	day->pair->filter_arg = day;
	for (unsigned side = 0; side < SIDES; side++) {
		log_set_level(day->pair->side[side].log, LEVEL_INFO);
		side_begin(&day->pair->side[side]);
		free(text[side]);
	}
}

/* ---- what happens ---- */

static struct ike_sa *some_sa(struct day *day, struct side *side)
{
	struct ike_sa *sa = side_find(side, name_of(draw(day, CONNECTIONS)));

	return sa && sa->state == SA_ESTABLISHED ? sa : NULL;
}

static void restart(struct day *day, struct side *side)
{
	side_restart(side, NULL);
	memset(day->is_unwanted[side->which], 0, sizeof(day->is_unwanted[0]));
	day->restarts++;
}

static void take_down(struct day *day, struct side *side)
{
	unsigned i = draw(day, CONNECTIONS);

	intents_set_wanted(side->intents, name_of(i), NULL, false);
	(void)side_down(side, name_of(i), NULL);
	day->is_unwanted[side->which][i] = true;
	day->downs++;
}

static void bring_up(struct day *day, struct side *side)
{
	unsigned i = draw(day, CONNECTIONS), tries = 0;

	while (!day->is_unwanted[side->which][i] && tries++ < CONNECTIONS)
		i = (i + 1) % CONNECTIONS;
	if (tries > CONNECTIONS)
		return;
	intents_set_wanted(side->intents, name_of(i), NULL, true);
	(void)!side_up(side, name_of(i), NULL);
	day->is_unwanted[side->which][i] = false;
	day->ups++;
}

/* One connection of the configuration means something else. */
static void reload(struct day *day, struct side *side)
{
	unsigned i = draw(day, CONNECTIONS);
	char *text = malloc(DOCUMENT_MAX);

	if (draw(day, 2))
		day->hours[side->which][i] = 1 + draw(day, 8);
	else
		day->minutes[side->which][i] = 20 + draw(day, 100);
	write_document(day, side->which, text);
	side_reload(side, side_read(side, text, psk));
	free(text);
	day->reloads++;
}

static void renew(struct day *day, struct side *side)
{
	struct ike_sa *sa = some_sa(day, side);

	if (!sa)
		return;
	day->renewals++;
	if (draw(day, 2))
		(void)!shard_renew(sa, NULL);
	else if (!list_empty(&sa->children))
		child_renew(CONTAINER(list_first(&sa->children), struct child, in_sa));
}

/* As if the Delete for it had been lost. */
static void forget(struct day *day, struct side *side)
{
	struct ike_sa *sa = some_sa(day, side);

	if (sa)
		sa_free(sa);
	day->forgotten += sa != NULL;
}

static void run_seconds(struct day *day, unsigned seconds)
{
	for (unsigned left = seconds; left > 0;) {
		unsigned step = left < TRAFFIC_S ? left : TRAFFIC_S;
		pair_run(day->pair, step * UINT64_C(1000));
		if (!day->is_cut) {
			pair_probe(day->pair, LEFT);
			pair_probe(day->pair, RIGHT);
		}
		left -= step;
	}
}

static void cut(struct day *day)
{
	day->is_cut = true;
	run_seconds(day, 1 + draw(day, draw(day, 2) ? 20 : 1200));
	day->is_cut = false;
	day->cuts++;
}

static void sleep_both(struct day *day)
{
	day->pair->now += (600 + draw(day, 7200)) * UINT64_C(1000);
	pair_settle(day->pair);
	day->sleeps++;
}

static void something(struct day *day)
{
	struct side *side = &day->pair->side[draw(day, 2)];
	unsigned which = draw(day, 100);

	if (which < 2)
		restart(day, side);
	else if (which < 6)
		cut(day);
	else if (which < 7)
		sleep_both(day);
	else if (which < 20)
		take_down(day, side);
	else if (which < 35)
		bring_up(day, side);
	else if (which < 40)
		reload(day, side);
	else if (which < 80)
		renew(day, side);
	else
		forget(day, side);
}

/* ---- the end ---- */

/* Traffic asks for what is on-demand; what is to be up is up by itself. */
static bool is_wanted(const struct day *day, unsigned i)
{
	for (unsigned side = 0; side < SIDES; side++)
		if (day->keep[side][i] != KEEP_PASSIVE && !day->is_unwanted[side][i])
			return true;
	return false;
}

static size_t count_current(const struct side *side, unsigned i, struct child **out)
{
	size_t count = 0;

	for (unsigned shard = 0; shard < side->engine.shard_count; shard++) {
		struct sa_group *group = sa_find_group(&side->shards[shard]->sas, name_of(i));
		for (struct list *it = group ? group->sas.next : NULL; it && it != &group->sas; it = it->next) {
			LIST_EACH(jt, &CONTAINER(it, struct ike_sa, in_group)->children) {
				*out = CONTAINER(jt, struct child, in_sa);
				count++;
			}
		}
	}
	return count;
}

static bool is_as_intended(const struct day *day, unsigned i)
{
	struct child *child[SIDES] = { NULL, NULL };
	size_t want = is_wanted(day, i) ? 1 : 0, count[SIDES];

	for (unsigned side = 0; side < SIDES; side++)
		count[side] = count_current(&day->pair->side[side], i, &child[side]);
	bool is = count[LEFT] == want && count[RIGHT] == want &&
		  (!want || (child[LEFT]->spi_in == child[RIGHT]->spi_out && child[RIGHT]->spi_in == child[LEFT]->spi_out &&
			     child[LEFT]->stage == CHILD_CURRENT && child[RIGHT]->stage == CHILD_CURRENT));
	if (!is)
		printf("t%u (left %s%s, right %s%s): %zu and %zu children instead of %zu\n", i, keeps[day->keep[LEFT][i]],
		       day->is_unwanted[LEFT][i] ? ", unwanted" : "", keeps[day->keep[RIGHT][i]],
		       day->is_unwanted[RIGHT][i] ? ", unwanted" : "", count[LEFT], count[RIGHT], want);
	return is;
}

/* Renewals go on in the calm; a moment without one under way is soon there. */
static unsigned count_wrong(struct day *day, bool *is_wrong)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		if (is_wrong[i])
			is_wrong[i] = !is_as_intended(day, i);
		wrong += is_wrong[i];
	}
	return wrong;
}

static void a_day(void)
{
	struct day *day = calloc(1, sizeof(*day));
	bool is_wrong[CONNECTIONS];
	unsigned wrong = CONNECTIONS;

	day->weather = (struct weather){ .state = weather_seed(), .lose = 5, .delay = 5, .delay_ms = 500, .twice = 2 };
	day_begin(day);
	while (day->pair->now < DAY_S * UINT64_C(1000)) {
		run_seconds(day, 1 + draw(day, 2 * EVENT_S));
		something(day);
	}
	day->weather.lose = day->weather.delay = 0;
	run_seconds(day, CALM_S);
	memset(is_wrong, true, sizeof(is_wrong));
	for (unsigned tries = 0; wrong > 0 && tries < 5; tries++) {
		run_seconds(day, 20);
		wrong = count_wrong(day, is_wrong);
	}
	printf("%u restarts, %u cuts, %u times asleep, %u times taken down, %u up, %u reloads, %u renewals by hand, %u SAs forgotten\n",
	       day->restarts, day->cuts, day->sleeps, day->downs, day->ups, day->reloads, day->renewals, day->forgotten);
	printf("%u packets of IKE lost; %u and %u phase 1, %u and %u children, %u and %u renewals; %u of %u connections are not as intended\n",
	       day->weather.lost, day->pair->side[LEFT].events[EVENT_IKE_UP], day->pair->side[RIGHT].events[EVENT_IKE_UP],
	       day->pair->side[LEFT].events[EVENT_CHILD_UP], day->pair->side[RIGHT].events[EVENT_CHILD_UP],
	       day->pair->side[LEFT].events[EVENT_CHILD_RENEWED], day->pair->side[RIGHT].events[EVENT_CHILD_RENEWED], wrong, CONNECTIONS);
	CU_ASSERT_EQUAL(wrong, 0);
	pair_free(day->pair);
	free(day);
}

static const struct unit_case cases[] = {
	{ "after a day in which everything happened each of 200 connections is as somebody wants it", a_day },
};

UNIT_MAIN("pairs-day", cases)
