/* SPDX-License-Identifier: MIT */
/*
 * child_rivals.c - which of two pairs of one child is the better one, where both ends have to see it alike: two that crossed, perhaps under
 * ISAKMP SAs on different shards. How one pair takes the place of another is child_life.c's.
 */
#include "child_parts.h"
#include "ikev1/v1.h"
#include "kin.h"
#include "shard.h"

struct child_rival child_rival_of(const struct child *child)
{
	return (struct child_rival){ .installed_at = child->installed_at, .local = child->local, .remote = child->remote,
				     .generation = child->generation, .spi = child->initiated ? child->spi_in : child->spi_out,
				     .id = child->id, .initiated = child->initiated };
}

/* Of two of the same generation. What comes from elsewhere, or long after, was begun by one who did not know of the other, or forgot it. */
static bool may_cross(const struct address *local, const struct address *remote, const struct address *other_local,
		      const struct address *other_remote, uint64_t apart)
{
	return address_same_host(local, other_local) && address_same_host(remote, other_remote) && apart < CHILD_CROSSING_LONG_MS;
}

static bool may_cross_under(const struct child *child, const struct ike_sa *sa)
{
	return may_cross(&child->local, &child->remote, &sa->local, &sa->remote, loop_now(sa->shard->loop) - child->installed_at);
}

bool child_beats(const struct child_rival *a, const struct child_rival *b)
{
	uint64_t apart = a->installed_at < b->installed_at ? b->installed_at - a->installed_at : a->installed_at - b->installed_at;
	bool has_generations = a->generation && b->generation;

	if (has_generations && a->generation != b->generation)
		return a->generation > b->generation;
	if (has_generations ? may_cross(&a->local, &a->remote, &b->local, &b->remote, apart) : apart < CHILD_CROSSING_MS)
		return a->spi > b->spi;
	return a->installed_at > b->installed_at;
}

bool child_has_just_won(struct ike_sa *sa, const char *name, uint32_t spi, uint32_t generation)
{
	struct others others = child_others(sa, name, NULL);

	for (size_t i = 0; i < others.count; i++) {
		const struct child *other = others.at[i];
		if (other->initiated && other->generation == generation && other->spi_in > spi && may_cross_under(other, sa))
			return true;
	}
	return false;
}

uint32_t child_next_generation(struct ike_sa *sa, const char *name)
{
	struct others others = child_others(sa, name, NULL);
	uint32_t latest = 0;

	for (size_t i = 0; i < others.count; i++)
		latest = others.at[i]->generation > latest ? others.at[i]->generation : latest;
	return latest + 1;
}

uint32_t child_settle_generation(struct ike_sa *sa, const char *name, uint32_t told)
{
	struct others others = child_others(sa, name, NULL);
	uint32_t next = child_next_generation(sa, name);

	if (told >= next)
		return told;
	if (told + 1 < next)
		return next;
	for (size_t i = 0; i < others.count; i++)
		if (others.at[i]->generation == told && !may_cross_under(others.at[i], sa))
			return next;
	return told;
}

void child_leave_policy_to(struct child *child, uint32_t id)
{
	if (child->id != id)
		child_remove_policy(child);
}

void child_lose_to(struct child *child, const struct child *winner)
{
	child_leave_policy_to(child, winner->id);
	child_remove_outbound(child);
	child_retire(child, !child->initiated);
}

static void end_overtaken(struct ike_sa *sa, const char *name, const struct child_rival *rival)
{
	LIST_EACH(it, &sa->exchanges) {
		struct exchange *ex = CONTAINER(it, struct exchange, in_sa);
		const char *child = exchange_child(ex);
		if (child && strcmp(child, name) == 0 && ex->mode->is_overtaken && ex->mode->is_overtaken(ex, rival))
			exchange_end(ex);
	}
}

void child_meet(struct ike_sa *sa, const char *name, const struct child_rival *rival)
{
	end_overtaken(sa, name, rival);
	LIST_EACH(it, &sa->children) {
		struct child *child = CONTAINER(it, struct child, in_sa);
		if ((child->stage != CHILD_CURRENT && child->stage != CHILD_READY) || strcmp(child->config->name, name) != 0)
			continue;
		struct child_rival self = child_rival_of(child);
		if (child_beats(&self, rival)) {
			kin_tell_rival(sa, name, &self);
			continue;
		}
		child_leave_policy_to(child, rival->id);
		child_retire(child, !rival->initiated);
	}
}

static void settle_one(struct child *child, struct child *other)
{
	struct child_rival mine = child_rival_of(child), its = child_rival_of(other);

	if (child_beats(&mine, &its))
		child_lose_to(other, child);
	else
		child_lose_to(child, other);
}

void child_settle(struct ike_sa *sa)
{
	LIST_EACH(it, &sa->children) {
		struct child *child = CONTAINER(it, struct child, in_sa);
		struct others others = child_others(sa, child->config->name, child);
		for (size_t i = 0; i < others.count && child->stage == CHILD_CURRENT; i++)
			if (others.at[i]->stage == CHILD_CURRENT)
				settle_one(child, others.at[i]);
	}
}
