/* SPDX-License-Identifier: MIT */
/* expiry.c - see expiry.h. Many connections have certificates in common, which are told of once. */
#include "expiry.h"

#include <stdlib.h>

#include "cert_advice.h"
#include "map.h"

struct seen {
	UT_hash_handle hh;
	const struct certificate *certificate;
};

struct walk {
	struct seen *seen;
	int64_t now;
	const struct log_context *log;       /* of expiry_say()                                    */
	FILE *out;                           /* of expiry_list()                                   */
};

/* Whether it is the first of its octets; without memory each one is. */
static bool is_new(struct walk *walk, const struct certificate *c)
{
	struct seen *seen;

	HASH_FIND(hh, walk->seen, c->der.at, c->der.len, seen);
	if (seen)
		return false;
	seen = calloc(1, sizeof(*seen));
	if (!seen)
		return true;
	seen->certificate = c;
	HASH_ADD_KEYPTR(hh, walk->seen, c->der.at, c->der.len, seen);
	/* Without memory for its table uthash leaves it out and says so by this. */
	if (!seen->hh.tbl)
		free(seen);
	return true;
}

static void visit(struct walk *walk, const struct config_node *node, const char *whose, const struct certificate *c)
{
	char why[WHY_MAX], validity[CERT_VALIDITY_TEXT_MAX];

	if (!is_new(walk, c))
		return;
	if (walk->out)
		fprintf(walk->out, "%s:%u: %s %s (serial %s): %s\n", node->file, node->line, whose, c->subject_text, c->serial_text,
			cert_validity_text(validity, c, walk->now));
	else if (cert_expires(c, walk->now, why))
		/* While it is valid nothing is wrong yet. */
		log_line(walk->log, walk->now >= c->not_before && walk->now <= c->not_after ? LEVEL_WARN : LEVEL_ERROR, "cert-expires", "%s:%u: %s: %s", node->file,
			 node->line, whose, why);
}

static void walk_all(struct walk *walk, const struct settings *settings)
{
	struct seen *seen, *next;

	for (size_t i = 0; i < settings_connection_count(settings); i++) {
		const struct connection_settings *c = settings_connection_at(settings, i);

		for (size_t j = 0; j < c->certs.count; j++)
			visit(walk, c->node, j == 0 ? "our certificate" : "with our certificate", c->certs.at[j]);
		if (c->remote_cert)
			visit(walk, c->node, "the peer's certificate", c->remote_cert);
		for (size_t j = 0; j < c->ca_count; j++)
			for (size_t k = 0; k < c->cas[j]->certs.count; k++)
				visit(walk, c->cas[j]->node, "authority", c->cas[j]->certs.at[k]);
	}
	HASH_ITER(hh, walk->seen, seen, next) {
		HASH_DELETE(hh, walk->seen, seen);
		free(seen);
	}
}

void expiry_say(const struct settings *settings, int64_t now, const struct log_context *log)
{
	struct walk walk = { .now = now, .log = log };

	walk_all(&walk, settings);
}

void expiry_list(const struct settings *settings, int64_t now, FILE *out)
{
	struct walk walk = { .now = now, .out = out };

	walk_all(&walk, settings);
}
