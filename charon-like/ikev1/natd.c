/* SPDX-License-Identifier: MIT */
/* natd.c - NAT detection and the change to the NAT ports (RFC 3947 3.2 and 4). */
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

/* The first is of the address that the peer sends to, ours; the others are of all that it may send from. */
enum verdict v1_take_natd(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	size_t size = ph1->transform.hash_alg->size, i = 0, count = 0;
	uint8_t local[HASH_SIZE_MAX], remote[HASH_SIZE_MAX], pretended[HASH_SIZE_MAX];
	bool is_remote = false, pretends = false;
	int fault;

	if (!message_payload(in, PAY_NATD).at || ph1->connection->encap == ENCAP_NO)
		return STEP_OK;
	if ((fault = natd_hash(ex, &ex->sa->local, local)) < 0 || (fault = natd_hash(ex, &ex->sa->remote, remote)) < 0)
		return ex_fault(ex, "computing NAT-D failed", fault);
	memcpy(pretended, remote, sizeof(pretended));
	pretend_nat(pretended);
	for (const struct payload_view *payload; (payload = message_next(in, PAY_NATD, &i)); count++) {
		if (count == 0) {
			ph1->local_nat = !bytes_equal(payload->body, bytes_of(local, size));
			continue;
		}
		is_remote |= bytes_equal(payload->body, bytes_of(remote, size));
		pretends |= bytes_equal(payload->body, bytes_of(pretended, size));
	}
	ph1->remote_nat = count > 1 && !is_remote && !pretends;
	/* The peer believes in a NAT that we pretend: what follows from it must hold for us as well. */
	ph1->udp_encap = ph1->local_nat || ph1->remote_nat || pretends || v1_forces_encap(ex->sa, ph1->connection);
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
