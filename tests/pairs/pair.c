/* SPDX-License-Identifier: MIT */
/* pair.c - see pair.h; the wire and the clock. Making the sides is pair_side.c. */
#include "ask.h"
#include "pair.h"

static void wire_put(struct pair *pair, const struct wire_packet *packet)
{
	struct wire_packet *copy = malloc(sizeof(*copy)), **at = &pair->wire;

	memcpy(copy, packet, sizeof(*copy));
	while (*at && (*at)->due <= copy->due)
		at = &(*at)->next;
	copy->next = *at;
	*at = copy;
}

void pair_inject(struct pair *pair, const struct wire_packet *like)
{
	wire_put(pair, like);
}

int pair_send(void *state, const struct address *local, const struct address *remote, bool nat_port, struct bytes message);

/* A struct transport's send. */
int pair_send(void *state, const struct address *local, const struct address *remote, bool nat_port, struct bytes message)
{
	struct side *side = state;
	struct pair *pair = side->pair;
	struct wire_packet packet = {
		.to = side->which == LEFT ? RIGHT : LEFT, .number = ++pair->sent, .due = pair->now + 1, .from = *local, .dest = *remote,
		.nat_port = nat_port, .len = message.len,
	};

	if (message.len > sizeof(packet.data))
		return FAULT_SYSTEM;
	memcpy(packet.data, message.at, message.len);
	unsigned copies = pair->filter ? pair->filter(pair, &packet, pair->filter_arg) : 1;
	for (unsigned i = 0; i < copies; i++)
		wire_put(pair, &packet);
	return 0;
}

static bool deliver_due(struct pair *pair)
{
	struct wire_packet *packet = pair->wire;

	if (!packet || packet->due > pair->now)
		return false;
	pair->wire = packet->next;
	struct packet *in = packet_new(&packet->dest, &packet->from, packet->nat_port, bytes_of(packet->data, packet->len));
	if (in)
		engine_dispatch(&pair->side[packet->to].engine, in);
	free(packet);
	return true;
}

static struct fake_sa *find_fake(struct fake_kernel *kernel, uint32_t spi, bool inbound)
{
	for (size_t i = 0; i < kernel->count; i++)
		if (kernel->sas[i].spi == spi && kernel->sas[i].inbound == inbound)
			return &kernel->sas[i];
	return NULL;
}

static void use_fake(struct pair *pair, struct fake_sa *sa)
{
	sa->packets++;
	sa->last_used = pair->now;
}

void pair_probe(struct pair *pair, unsigned from)
{
	struct fake_kernel *kernel = &pair->side[from].kernel;

	for (size_t i = 0; i < kernel->policies; i++) {
		struct fake_sa *newest = NULL;
		for (size_t j = 0; j < kernel->count; j++)
			if (kernel->sas[j].child == kernel->policy[i].child && !kernel->sas[j].inbound)
				newest = &kernel->sas[j];
		pair->probes_held += !newest;
		if (!newest && kernel->policy[i].want_acquire && pair->side[from].intents)
			intents_acquire(pair->side[from].intents, kernel->policy[i].child);
		if (!newest || pair->probe_count == PROBES_MAX)
			continue;
		use_fake(pair, newest);
		pair->probes_sent++;
		pair->probes[(pair->probe_first + pair->probe_count++) % PROBES_MAX] = (struct probe){ !from, newest->spi, pair->now + 1 };
	}
}

static bool probe_arrives(struct pair *pair)
{
	const struct probe *probe = &pair->probes[pair->probe_first];

	if (!pair->probe_count || probe->due > pair->now)
		return false;
	struct fake_sa *sa = find_fake(&pair->side[probe->to].kernel, probe->spi, true);
	if (sa) {
		use_fake(pair, sa);
	} else {
		pair->probes_lost++;
		if (pair->echo_log)
			printf("a packet with SPI %08x cannot be received\n", probe->spi);
	}
	pair->probe_first = (pair->probe_first + 1) % PROBES_MAX;
	pair->probe_count--;
	return true;
}

void pair_settle(struct pair *pair)
{
	bool busy = true;

	while (busy) {
		busy = loop_turn(pair->side[LEFT].loop) + loop_turn(pair->side[RIGHT].loop) > 0;
		busy |= deliver_due(pair) | probe_arrives(pair);
	}
}

static uint64_t next_due(const struct pair *pair)
{
	uint64_t next = pair->wire ? pair->wire->due : UINT64_MAX;

	if (pair->probe_count && pair->probes[pair->probe_first].due < next)
		next = pair->probes[pair->probe_first].due;

	for (int i = 0; i < SIDES; i++) {
		uint64_t due = timers_next(loop_timers(pair->side[i].loop));
		next = due < next ? due : next;
	}
	return next;
}

void pair_run(struct pair *pair, uint64_t ms)
{
	uint64_t end = pair->now + ms;

	for (;;) {
		pair_settle(pair);
		uint64_t next = next_due(pair);
		if (next > end)
			break;
		pair->now = next > pair->now ? next : pair->now;
	}
	pair->now = end;
	/* The loops read the clock when they turn. */
	pair_settle(pair);
}

size_t side_sas(const struct side *side)
{
	size_t count = 0;

	EACH_SA(it, side)
		count += CONTAINER(it, struct ike_sa, in_shard)->state == SA_ESTABLISHED;
	return count;
}

size_t side_children(const struct side *side)
{
	size_t count = 0;

	EACH_SA(it, side) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		LIST_EACH(jt, &sa->children) {
			const struct child *child = CONTAINER(jt, struct child, in_sa);
			count += child->has_inbound && child->has_outbound;
		}
	}
	return count;
}

int side_up(struct side *side, const char *connection, const char *child)
{
	return shard_up(ask_shard_for(&side->engine, connection), connection, child);
}

size_t side_down(struct side *side, const char *connection, const char *child)
{
	size_t count = 0;

	for (unsigned i = 0; i < side->engine.shard_count; i++)
		count += shard_down(side->shards[i], connection, child);
	return count;
}

struct ike_sa *side_find(const struct side *side, const char *connection)
{
	struct ike_sa *best = NULL;

	for (unsigned i = 0; i < side->engine.shard_count; i++) {
		struct ike_sa *sa = sa_find_connection(&side->shards[i]->sas, connection);
		if (sa && (!best || (sa->state == SA_ESTABLISHED && best->state != SA_ESTABLISHED)))
			best = sa;
	}
	return best;
}

size_t side_all(const struct side *side)
{
	size_t count = 0;

	for (unsigned i = 0; i < side->engine.shard_count; i++)
		count += side->shards[i]->sas.count;
	return count;
}

bool pair_up(struct pair *pair, uint64_t ms)
{
	const struct connection_settings *c = settings_connection(pair->side[LEFT].settings, "t");
	uint64_t end = pair->now + ms;

	pair->sent = 0;
	if (side_up(&pair->side[LEFT], "t", NULL) < 0)
		return false;
	while (pair->now < end) {
		pair_settle(pair);
		if (side_children(&pair->side[LEFT]) >= c->child_count && side_children(&pair->side[RIGHT]) >= c->child_count)
			return true;
		uint64_t next = next_due(pair);
		if (next == UINT64_MAX || next > end)
			return false;
		pair->now = next > pair->now ? next : pair->now;
	}
	return false;
}

void pair_reset(struct pair *pair)
{
	for (int i = 0; i < SIDES; i++) {
		struct side *side = &pair->side[i];
		EACH_SA(it, side)
			sa_free(CONTAINER(it, struct ike_sa, in_shard));
		while (loop_turn(side->loop))
			;
		side->line_count = 0;
		memset(side->events, 0, sizeof(side->events));
		side->last_code[0] = side->last_text[0] = '\0';
		side->failed_finally = false;
		side->kernel.policies = 0;
	}
	while (pair->wire) {
		struct wire_packet *next = pair->wire->next;
		free(pair->wire);
		pair->wire = next;
	}
	pair->sent = 0;
	pair->probe_count = 0;
}

bool side_said(const struct side *side, const char *text)
{
	for (size_t i = 0; i < side->line_count; i++)
		if (strstr(side->lines[i % LOG_KEPT], text))
			return true;
	return false;
}

static const struct fake_sa *find_twin(const struct fake_kernel *kernel, const struct fake_sa *sa)
{
	for (size_t i = 0; i < kernel->count; i++)
		if (kernel->sas[i].spi == sa->spi && kernel->sas[i].inbound != sa->inbound)
			return &kernel->sas[i];
	return NULL;
}

bool pair_keys_agree(const struct pair *pair)
{
	for (int i = 0; i < SIDES; i++) {
		const struct fake_kernel *ours = &pair->side[i].kernel, *theirs = &pair->side[!i].kernel;
		for (size_t j = 0; j < ours->count; j++) {
			const struct fake_sa *twin = find_twin(theirs, &ours->sas[j]);
			if (!twin || twin->key_len != ours->sas[j].key_len ||
			    memcmp(twin->keys, ours->sas[j].keys, twin->key_len) != 0)
				return false;
		}
	}
	return pair->side[LEFT].kernel.count > 0;
}
