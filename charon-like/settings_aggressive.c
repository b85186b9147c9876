/* SPDX-License-Identifier: MIT */
/* settings_aggressive.c - what a connection in Aggressive Mode cannot have, and what its owner should know. */
#include <stdio.h>

#include "settings_parts.h"
#include "strength.h"

static bool is_aggressive(const struct connection_settings *c)
{
	return strcmp(c->mode, "aggressive") == 0;
}

/* RFC 2409 5: the KE goes out with the offer, so its group cannot be chosen. Who only answers takes the group of each peer's KE. */
static void group_check(struct check *check, const struct connection_settings *c, const struct config_node *node)
{
	if (!c->remote_host && !address_range_is_host(&c->remote))
		return;
	for (size_t i = 1; i < c->proposals.count; i++) {
		char first[PROPOSAL_TEXT_MAX], other[PROPOSAL_TEXT_MAX];
		if (c->proposals.at[0].group == c->proposals.at[i].group)
			continue;
		check_error(check, node, "proposals %s and %s differ in their group, but mode 'aggressive' sends its key exchange before the peer can "
			    "choose: name one group, as in proposals=\"aes256-aes128-sha256-modp2048\"",
			    ike_transform_text(first, &c->proposals.at[0]), ike_transform_text(other, &c->proposals.at[i]));
		return;
	}
}

static void tell(struct check *check, const struct connection_settings *c, const struct config_node *node)
{
	const char *name = c->name ? c->name : "";

	if (strcmp(c->auth, "psk") == 0)
		check_warn(check, node, "mode 'aggressive' with a pre-shared key: whoever sends one packet to connection %s gets a hash to guess the key "
			   "by, offline, and both identities go in the clear; mode 'main' gives neither away", name);
	else
		check_warn(check, node, "mode 'aggressive': both identities of connection %s go in the clear; mode 'main' hides them", name);
}

/* The first connection of the kind that could have the key. */
static const struct connection_settings *find_user(const struct settings *s, const struct psk_settings *psk)
{
	for (size_t i = 0; i < s->connection_count; i++) {
		const struct connection_settings *c = &s->connections[i];
		if (is_aggressive(c) && strcmp(c->auth, "psk") == 0 && psk_may_be_for(psk, c))
			return c;
	}
	return NULL;
}

static void strength_check(struct check *check, const struct settings *s)
{
	for (size_t i = 0; i < s->psk_count; i++) {
		const struct psk_settings *psk = &s->psks[i];
		unsigned bits = psk->secret.len ? strength_bits(secret_bytes(&psk->secret)) : PSK_AGGRESSIVE_BITS;
		const struct connection_settings *user = bits < PSK_AGGRESSIVE_BITS ? find_user(s, psk) : NULL;

		if (user)
			check_warn(check, psk->node, "this key stands about 2^%u guesses, less than 2^%d, and connection %s in mode 'aggressive' lets "
				   "everybody guess; better is 'openssl rand -base64 24'", bits, PSK_AGGRESSIVE_BITS,
				   user->name ? user->name : "");
	}
}

void aggressive_check(struct check *check, const struct settings *s)
{
	bool has_psk = false;

	for (size_t i = 0; i < s->connection_count; i++) {
		const struct connection_settings *c = &s->connections[i];
		const struct config_node *phase1 = node_child(c->node, "phase1"), *node = phase1 ? phase1 : c->node;
		if (!is_aggressive(c))
			continue;
		group_check(check, c, node);
		tell(check, c, node);
		has_psk |= strcmp(c->auth, "psk") == 0;
	}
	if (has_psk)
		strength_check(check, s);
}
