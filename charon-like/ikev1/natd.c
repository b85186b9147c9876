/* SPDX-License-Identifier: MIT */
/* natd.c - NAT detection and the change to the NAT ports (RFC 3947 3.2 and 4). */
#include <stddef.h>

#include "kernel.h"
#include "shard.h"
#include "v1.h"

bool v1_forces_encap(const struct ike_sa *sa, const struct connection_settings *c)
{
	const struct provider *kernel = sa->shard->engine->kernel;
	bool userspace = kernel && ((const struct kernel_ipsec *)kernel->ops)->features & KERNEL_USERSPACE;

	/* Raw ESP does not pass every host's firewall or reach a userspace peer; UDP does. */
	return c->encap == ENCAP_YES || (c->encap == ENCAP_AUTO && userspace);
}

/*
 * A hash that is nobody's makes the peer find a NAT in front of us, and so use UDP. Ours is the right one with
 * one octet inverted, so that another keyferry can tell a wish from a NAT.
 */
static void pretend_nat(uint8_t hash[HASH_SIZE_MAX])
{
	hash[0] ^= 0xff;
}

/* RFC 3947 3.2: HASH(CKY-I | CKY-R | IP | Port). */
static int natd_hash(const struct exchange *ex, const struct address *a, uint8_t out[HASH_SIZE_MAX])
{
	const struct phase1 *ph1 = v1_phase1(ex);
	uint8_t port[2] = { (uint8_t)(a->port >> 8), (uint8_t)a->port };
	struct bytes in[] = {
		{ ex->sa->cookie[INITIATOR], COOKIE_SIZE }, { ph1->cookie_r, COOKIE_SIZE }, address_bytes(a), { port, sizeof(port) },
	};

	return ph1->transform.hash_alg->run(in, COUNT(in), out);
}

enum verdict v1_put_natd(struct exchange *ex, struct message_out *out)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	size_t size = ph1->transform.hash_alg->size;
	uint8_t remote[HASH_SIZE_MAX], local[HASH_SIZE_MAX];
	int fault;

	if (!ph1->peer_nat_t || ph1->connection->encap == ENCAP_NO)
		return STEP_OK;
	if ((fault = natd_hash(ex, &ex->sa->remote, remote)) < 0 || (fault = natd_hash(ex, &ex->sa->local, local)) < 0)
		return ex_fault(ex, "computing NAT-D failed", fault);
	if (v1_forces_encap(ex->sa, ph1->connection))
		pretend_nat(local);
	message_put(out, PAY_NATD, bytes_of(remote, size));
	message_put(out, PAY_NATD, bytes_of(local, size));
	return STEP_OK;
}

/* What NAT-D payloads are compared with. */
struct natd_hashes {
	uint8_t local[HASH_SIZE_MAX], remote[HASH_SIZE_MAX], pretended[HASH_SIZE_MAX];
};

static int natd_hashes(const struct exchange *ex, const struct address *local, const struct address *remote, struct natd_hashes *out)
{
	int fault = natd_hash(ex, local, out->local);

	if (fault == 0)
		fault = natd_hash(ex, remote, out->remote);
	memcpy(out->pretended, out->remote, sizeof(out->pretended));
	pretend_nat(out->pretended);
	return fault;
}

/* Is this payload of one of `count` addresses that it may be of? `which` is a member's offset. */
static bool is_of(const struct exchange *ex, const struct payload_view *payload, const struct natd_hashes *hashes, size_t count, size_t which)
{
	bool is_same = false;

	for (size_t i = 0; i < count; i++)
		is_same |= bytes_equal(payload->body, bytes_of((const uint8_t *)&hashes[i] + which, v1_phase1(ex)->transform.hash_alg->size));
	return is_same;
}

/* The first is of the address that the peer sends to, ours; the others are of all that it may send from. */
static void compare(struct exchange *ex, const struct message *in, const struct natd_hashes *hashes, size_t count)
{
	struct phase1 *ph1 = v1_phase1(ex);
	bool is_remote = false, pretends = false, is_first = true;
	size_t i = 0, senders = 0;

	for (const struct payload_view *payload; (payload = message_next(in, PAY_NATD, &i)); is_first = false) {
		if (is_first) {
			ph1->local_nat = !is_of(ex, payload, hashes, count, offsetof(struct natd_hashes, local));
			continue;
		}
		senders++;
		is_remote |= is_of(ex, payload, hashes, count, offsetof(struct natd_hashes, remote));
		pretends |= is_of(ex, payload, hashes, count, offsetof(struct natd_hashes, pretended));
	}
	ph1->remote_nat = senders && !is_remote && !pretends;
	/* The peer believes in a NAT that we pretend: what follows from it must hold for us as well. */
	ph1->udp_encap = ph1->local_nat || ph1->remote_nat || pretends || v1_forces_encap(ex->sa, ph1->connection);
}

static bool is_wanted(const struct exchange *ex, const struct message *in)
{
	return message_payload(in, PAY_NATD).at && v1_phase1(ex)->connection->encap != ENCAP_NO;
}

enum verdict v1_take_natd(struct exchange *ex, const struct message *in)
{
	struct natd_hashes hashes;

	if (!is_wanted(ex, in))
		return STEP_OK;
	int fault = natd_hashes(ex, &ex->sa->local, &ex->sa->remote, &hashes);
	if (fault < 0)
		return ex_fault(ex, "computing NAT-D failed", fault);
	compare(ex, in, &hashes, 1);
	return STEP_OK;
}

enum verdict v1_take_natd_late(struct exchange *ex, const struct message *in)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	struct natd_hashes hashes[2];

	if (!is_wanted(ex, in))
		return STEP_OK;
	int fault = natd_hashes(ex, &ex->sa->local, &ex->sa->remote, &hashes[0]);
	if (fault == 0)
		fault = natd_hashes(ex, &ph1->first_local, &ph1->first_remote, &hashes[1]);
	if (fault < 0)
		return ex_fault(ex, "computing NAT-D failed", fault);
	compare(ex, in, hashes, COUNT(hashes));
	return STEP_OK;
}

void v1_float(struct exchange *ex, size_t row)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct step *step = &ex->mode->steps[row];
	struct ike_sa *sa = ex->sa;

	if (ex->role != INITIATOR || step->from != RESPONDER || sa->is_float || !ph1->udp_encap)
		return;
	uint16_t nat_port = sa->shard->engine->daemon.nat_port;
	sa->is_float = true;
	sa->local.port = nat_port;
	sa->remote.port = nat_port;
}
