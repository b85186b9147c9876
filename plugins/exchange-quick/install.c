/* SPDX-License-Identifier: MIT */
/* install.c - what Quick Mode does outside of itself: installs the child's SAs, inbound before the peer can send. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "quick.h"
#include "shard.h"

static void expire(struct timer *timer)
{
	struct child *child = CONTAINER(timer, struct child, expiry);
	struct ike_sa *sa = child->sa;
	char name[EVENT_NAME_MAX];
	bool again = child->initiated && sa->connection->keep == KEEP_UP && sa->state == SA_ESTABLISHED;

	/* The child's settings go with it. */
	snprintf(name, sizeof(name), "%s", child->config->name);
	v1_tell_child_deleted(child);
	child_free(child, "its lifetime is over");
	if (again && sa_want(sa, name) == 0)
		sa_run_agenda(sa);
}

static struct child *make_child(struct exchange *ex)
{
	const struct quick *quick = quick_of(ex);
	struct ike_sa *sa = ex->sa;
	struct child *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	*child = (struct child){
		.sa = sa,
		.settings = settings_ref(ex->settings),
		.config = quick->config,
		.id = child_id_of_peer(sa, quick->config, &quick->ts[role_other(ex->role)]),
		.spi_in = quick->spi[ex->role],
		.spi_out = quick->spi[role_other(ex->role)],
		.transform = quick->transform,
		.local_ts = quick->ts[ex->role],
		.remote_ts = quick->ts[role_other(ex->role)],
		.transport = quick->config->transport,
		.udp_encap = quick->mode == MODE_UDP_TUNNEL || quick->mode == MODE_UDP_TRANSPORT,
		.initiated = ex->role == INITIATOR,
		.lifetime = quick->lifetime,
		.expiry.run = expire,
	};
	/* Nobody else may find it, and so end it, before it is the SA's: see quick_done(). */
	list_init(&child->in_sa);
	return child;
}

static int install(struct child *child, bool inbound, struct bytes keymat)
{
	struct secret keys = { (uint8_t *)keymat.at, keymat.len };

	return child_install(child, inbound, &keys);
}

/*
 * Once the keys are there (message 2: built by the responder, processed by the initiator) we can
 * receive; only then the peer is told.
 */
void quick_row_done(struct exchange *ex, size_t row)
{
	struct quick *quick = quick_of(ex);

	if (ex->mode->steps[row].from != RESPONDER)
		return;
	quick->child = make_child(ex);
	int fault = quick->child ? install(quick->child, true, quick->keymat_in) : FAULT_MEMORY;
	if (fault == 0)
		return;
	log_at(&ex->ctx, LEVEL_ERROR, "install-failed", "the inbound SA of child %s cannot be installed: %s", quick->config->name,
	       fault_text(fault));
	if (quick->child)
		child_free(quick->child, "");
	quick->child = NULL;
}

/* The peer believes in an SA that we could not install. */
static void give_up(struct exchange *ex, const char *what, int fault)
{
	struct quick *quick = quick_of(ex);
	char text[160];

	snprintf(text, sizeof(text), "%s of child %s cannot be installed: %s", what, quick->config->name, fault_text(fault));
	log_at(&ex->ctx, LEVEL_ERROR, "install-failed", "%s", text);
	sa_publish_failure(ex->sa, quick->config->name, "install-failed", text, true);
	if (!quick->child)
		return;
	v1_tell_child_deleted(quick->child);
	child_free(quick->child, "it could not be installed");
	quick->child = NULL;
}

void quick_done(struct exchange *ex)
{
	struct quick *quick = quick_of(ex);
	struct child *child = quick->child;
	struct loop *loop = ex->sa->shard->loop;
	char text[PROPOSAL_TEXT_MAX], local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];
	int fault;

	if (!child) {
		give_up(ex, "the inbound SA", FAULT_SYSTEM);
		return;
	}
	if ((fault = install(child, false, quick->keymat_out)) < 0) {
		give_up(ex, "the outbound SA", fault);
		return;
	}
	if ((fault = child_install_policy(child)) < 0) {
		give_up(ex, "the policy", fault);
		return;
	}
	list_append(&ex->sa->children, &child->in_sa);
	child->installed_at = loop_now(loop);
	if (child->lifetime && timer_set(loop_timers(loop), &child->expiry, child->installed_at + (uint64_t)child->lifetime * 1000) < 0)
		log_error(&ex->ctx, "no memory: child %s will not expire", child->config->name);
	log_info(&ex->ctx, "child %s is up: %s to %s, %s%s%s, SPIs %08" PRIx32 " in, %08" PRIx32 " out", child->config->name,
		 selector_text(local, &child->local_ts), selector_text(remote, &child->remote_ts), esp_transform_text(text, &child->transform),
		 child->transport ? ", transport" : "", child->udp_encap ? " in UDP" : "", child->spi_in, child->spi_out);
	sa_publish(ex->sa, EVENT_CHILD_UP, child, text);
}

void quick_failed(struct exchange *ex)
{
	struct quick *quick = quick_of(ex);

	if (quick->child)
		child_free(quick->child, "Quick Mode failed");
}

const char *quick_child(const struct exchange *ex)
{
	return quick_of(ex)->config ? quick_of(ex)->config->name : NULL;
}

bool quick_concerns(const struct exchange *ex, struct bytes spi)
{
	struct reader r = reader_over(spi);

	return spi.len == sizeof(uint32_t) && read_u32(&r) == quick_of(ex)->spi[ex->role];
}
