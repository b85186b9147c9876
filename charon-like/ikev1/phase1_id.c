/* SPDX-License-Identifier: MIT */
/* phase1_id.c - identities and the proof of them, messages 5 and 6 of Main Mode (RFC 2409 5), and the end of phase 1. */
#include <stdio.h>

#include "kin.h"
#include "peers.h"
#include "shard.h"
#include "v1.h"

enum verdict v1_put_id(struct exchange *ex, struct message_out *out)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct identity *configured = &ph1->connection->local_id;
	struct bytes ip = address_bytes(&ex->sa->local);
	struct identity address = { ex->sa->local.family == AF_INET ? ID_IPV4_ADDR : ID_IPV6_ADDR, ip };
	uint8_t body[ID_BODY_MAX];
	struct writer w = writer_over(body, sizeof(body));

	identity_put(&w, configured->type ? configured : &address);
	ph1->id_body[ex->role] = arena_keep(&ex->arena, writer_bytes(&w));
	if (w.failed || !ph1->id_body[ex->role].at)
		return ex_fault(ex, "our ID does not fit", FAULT_MEMORY);
	message_put(out, PAY_ID, ph1->id_body[ex->role]);
	return STEP_OK;
}

/*
 * The responder chose a connection by addresses; among those that would have led here as well, the one
 * whose remote ID is the peer's is meant.
 */
enum { TRIED_MAX = 16 };
struct meant {
	struct exchange *ex;
	struct bytes octets, proof;
	enum verdict verdict;        /* of the last whose identity fits             */
	bool is_tried;               /* there was one                               */
	struct auth_failure failure; /* of the first of these                       */
	const struct connection_settings *tried[TRIED_MAX];  /* which of them trust differently; more than that are tried each time */
	size_t tried_count;
	const struct certified *by;  /* the peer's certificate, for who expects another of its names than it sent; or NULL */
};

/* What decides whether a proof is taken, but for the peer's ID. */
static bool trusts_same(const struct connection_settings *a, const struct connection_settings *b)
{
	if (!bytes_equal(a->remote_key.spki, b->remote_key.spki) || !a->remote_cert != !b->remote_cert || a->ca_count != b->ca_count ||
	    a->certs.count != b->certs.count || (a->remote_cert && !certificate_same(a->remote_cert, b->remote_cert)))
		return false;
	for (size_t i = 0; i < a->ca_count; i++)
		if (a->cas[i] != b->cas[i])
			return false;
	for (size_t i = 0; i < a->certs.count; i++)
		if (!certificate_same(a->certs.at[i], b->certs.at[i]))
			return false;
	return true;
}

/* With a certificate that he made himself a peer can fit any number of connections, and none of them has to be cheap to ask. */
static bool is_tried_like(const struct meant *meant, const struct connection_settings *c)
{
	for (size_t i = 0; i < meant->tried_count; i++)
		if (trusts_same(meant->tried[i], c))
			return true;
	return false;
}

/* Of a method that is not keyed: whether the proof is taken depends on whom the connection trusts. */
static bool is_proven(struct meant *meant, const struct connection_settings *c)
{
	struct auth_failure other, *failure = meant->is_tried ? &other : &meant->failure;

	if (is_tried_like(meant, c))
		return false;
	meant->verdict = v1_phase1(meant->ex)->auth->check(meant->ex, c, meant->octets, meant->proof, failure);
	meant->is_tried = true;
	if (meant->verdict == STEP_DROP && meant->tried_count < TRIED_MAX)
		meant->tried[meant->tried_count++] = c;
	if (meant->verdict == STEP_DROP)
		log_debug(&meant->ex->ctx, "connection %s does not take the peer's proof: %s", c->name, failure->why);
	/* With any other verdict than that it is not this one there is nothing to look for. */
	return meant->verdict != STEP_DROP;
}

/*
 * The peer's ID has to be in its certificate, which whoever checks that looks at as well; so another of the names there is the same peer's. Where its
 * key is known without a certificate only the ID says who it is.
 */
static bool is_expected(const struct meant *meant, const struct connection_settings *c)
{
	return identity_fits(&c->remote_id, c->remote_match, &v1_phase1(meant->ex)->peer_id) ||
	       (meant->by && !c->remote_key.spki.at && certified_has(meant->by, &c->remote_id, c->remote_match));
}

static bool is_meant(const struct connection_settings *c, void *arg)
{
	struct meant *meant = arg;
	const struct phase1 *ph1 = v1_phase1(meant->ex);
	bool offers_it = false;

	if (strcmp(c->mode, ph1->connection->mode) != 0 || strcmp(c->auth, ph1->connection->auth) != 0)
		return false;
	for (size_t i = 0; i < c->proposals.count && !offers_it; i++)
		offers_it = ike_transform_same(&c->proposals.at[i], &ph1->transform);
	return offers_it && is_expected(meant, c) && ph1->auth->fits(meant->ex, c, &ph1->peer_id) &&
	       (ph1->auth->is_keyed || is_proven(meant, c));
}

static enum verdict refuse_id_body(struct exchange *ex, struct bytes body, const char *why)
{
	struct reader r = reader_over(body);
	uint8_t type = read_u8(&r), protocol = read_u8(&r);
	uint16_t port = read_u16(&r);
	char name[NAME_TEXT_MAX];

	if (r.failed)
		return ex_drop(ex, "malformed", "the ID payload is refused: %s", why);
	return ex_drop(ex, "malformed", "the ID payload is refused: %s (type %s, protocol %u, port %u, and %zu octets)", why,
		       id_type_name(name, type), protocol, port, reader_left(&r));
}

enum verdict v1_keep_id(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct bytes body = message_payload(in, PAY_ID);
	const char *why;

	if (identity_read(&ph1->peer_id, body, &why) < 0)
		return refuse_id_body(ex, body, why);
	ph1->id_body[role_other(ex->role)] = body;
	return STEP_OK;
}

/* Is there room, and may the peer come from here? With unique="keep" who is connected stays so, until dead peer detection ends that. */
static enum verdict check_place(struct exchange *ex)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct ike_sa *sa = ex->sa;
	struct engine *engine = sa->shard->engine;
	struct identity own, address = { sa->local.family == AF_INET ? ID_IPV4_ADDR : ID_IPV6_ADDR, address_bytes(&sa->local) };
	char theirs[IDENTITY_TEXT_MAX];

	own = ph1->connection->local_id.type ? ph1->connection->local_id : address;
	if (ph1->connection->unique == UNIQUE_KEEP && peers_elsewhere(engine->peers, &own, &ph1->peer_id, &sa->remote))
		return ex_abort(ex, NOTIFY_AUTHENTICATION_FAILED, "already-connected",
				"%s is connected already, from another address, and connection %s has unique=\"keep\"",
				identity_text(theirs, &ph1->peer_id), ph1->connection->name);
	if (atomic_load_explicit(&engine->established, memory_order_relaxed) < engine->daemon.sas_max ||
	    peers_knows(engine->peers, &own, &ph1->peer_id))
		return STEP_OK;
	return ex_abort(ex, NOTIFY_AUTHENTICATION_FAILED, "too-many-sas", "%s is refused: there are %u ISAKMP SAs already (sas-max)",
			identity_text(theirs, &ph1->peer_id), engine->daemon.sas_max);
}

static bool is_address(const struct identity *id)
{
	return id->type == ID_IPV4_ADDR || id->type == ID_IPV6_ADDR;
}

/* What to change. An end behind a NAT that has no name calls itself by an address that nobody else sees. */
static const char *id_remedy(char out[IDENTITY_WHY_MAX], const struct phase1 *ph1)
{
	const struct connection_settings *c = ph1->connection;

	/* Drawn, perhaps of several. */
	if (ph1->is_decoy)
		return "correct id= of <remote> of a connection with this mode and address, or the peer's own ID";
	if (identity_hint(out, &c->remote_id, c->remote_match, &ph1->peer_id)[0])
		return out;
	if (ph1->remote_nat && is_address(&c->remote_id) && is_address(&ph1->peer_id))
		return "it is behind a NAT and names itself by its own address: write that as id= of <remote>, or give it a name as its ID";
	return "correct id= of <remote> here, or the peer's own ID";
}

/* What only who has the key can encrypt is authentic, and ends the exchange. */
static enum verdict refuse_id(struct exchange *ex, const struct certified *by)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct connection_settings *c = ph1->connection;
	char theirs[IDENTITY_TEXT_MAX], ours[IDENTITY_TEXT_MAX], hint[IDENTITY_WHY_MAX], names[CERTIFIED_TEXT_MAX], why[EVENT_TEXT_MAX];

	identity_text(theirs, &ph1->peer_id);
	/* As responder of Main Mode (RFC 2409 5.4); with another key the peer would not have come so far. */
	if (ph1->auth->is_keyed && identity_fits(&c->remote_id, c->remote_match, &ph1->peer_id))
		snprintf(why, sizeof(why), "the peer says it is %s, which has another secret than the one that was chosen by its address, for "
			 "connection %s, before it said so: give both ids the same, or it a connection with its own address and id", theirs, c->name);
	else
		snprintf(why, sizeof(why), "the peer says it is %s%s%s, connection %s expects %s: %s", theirs, by ? " and has a certificate for " : "",
			 by ? certified_text(names, by) : "", c->name, identity_text(ours, &c->remote_id), id_remedy(hint, ph1));
	return ph1->auth->is_keyed ? ex_abort(ex, NOTIFY_INVALID_ID_INFORMATION, "id-mismatch", "%s", why)
				   : ex_refuse(ex, NOTIFY_INVALID_ID_INFORMATION, "id-mismatch", "%s", why);
}

/* As responder there may be several whom the ID fits; as initiator it is the one that we began with. */
static const struct connection_settings *choose_connection(struct exchange *ex, struct meant *meant)
{
	const struct phase1 *ph1 = v1_phase1(ex);

	/* The ID chose it before, and the key with it. */
	if (ex->role == RESPONDER && ph1->is_named && ph1->auth->is_keyed)
		return ph1->connection;
	if (ex->role == RESPONDER)
		return settings_match(ex->sa->settings, &ex->sa->local, &ex->sa->remote, is_meant, meant);
	return is_expected(meant, ph1->connection) && (ph1->auth->is_keyed || is_proven(meant, ph1->connection)) ? ph1->connection : NULL;
}

static enum verdict take_connection(struct exchange *ex, struct meant *meant, const struct connection_settings *c)
{
	if (!c && meant->is_tried)
		return ex_refuse(ex, NOTIFY_AUTHENTICATION_FAILED, meant->failure.code, "%s", meant->failure.why);
	if (!c)
		return refuse_id(ex, meant->by);
	TRY(meant->verdict);
	v1_phase1(ex)->connection = c;
	return ex->role == RESPONDER ? check_place(ex) : STEP_OK;
}

static enum verdict find_connection(struct exchange *ex, struct meant *meant)
{
	const struct connection_settings *c = choose_connection(ex, meant);
	struct cert_list certs = { NULL, 0 };
	char why[WHY_MAX];

	if (c || meant->is_tried || v1_phase1(ex)->auth->is_keyed)
		return take_connection(ex, meant, c);
	/* Nobody expects the ID itself, but maybe who is called so. */
	if (v1_read_certs(ex, &certs, why) < 0)
		return ex_fault(ex, "no room for certificates", FAULT_MEMORY);
	const struct certificate *leaf = certs.count ? certs.at[0] : NULL;
	struct certified by = { .names = NULL };
	if (leaf) {
		by = (struct certified){ leaf->subject, leaf->names, leaf->name_count };
		meant->by = &by;
		c = choose_connection(ex, meant);
	}
	enum verdict verdict = take_connection(ex, meant, c);
	meant->by = NULL;
	cert_list_free(&certs);
	return verdict;
}

/*
 * RFC 2409 5: HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b), HASH_R with
 * initiator and responder exchanged, but SAi_b always.
 */
static int compute_proof(const struct exchange *ex, enum role prover, uint8_t out[HASH_SIZE_MAX], struct bytes *octets)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct mac_alg *own = ph1->auth->proof_prf ? ph1->auth->proof_prf(ex) : NULL, *prf = own ? own : ph1->transform.prf_alg;
	enum role other = role_other(prover);
	const uint8_t *cookie[2] = { ex->sa->cookie[INITIATOR], ph1->cookie_r };
	struct bytes in[] = {
		ph1->ke[prover], ph1->ke[other], { cookie[prover], COOKIE_SIZE }, { cookie[other], COOKIE_SIZE }, ph1->sa_body,
		ph1->id_body[prover],
	};

	*octets = bytes_of(out, prf->size);
	return prf->run(ph1->skeyid, in, COUNT(in), out);
}

enum verdict v1_put_proof(struct exchange *ex, struct message_out *out)
{
	struct phase1 *ph1 = v1_phase1(ex);
	uint8_t hash[HASH_SIZE_MAX];
	struct bytes octets;

	int fault = compute_proof(ex, ex->role, hash, &octets);
	if (fault < 0)
		return ex_fault(ex, "computing HASH_I or HASH_R failed", fault);
	struct writer *w = message_open(out, ph1->auth->carrier);
	enum verdict verdict = ph1->auth->prove(ex, octets, w);
	message_close(out);
	return verdict;
}

/* The ID and the proof are the peer's, and with them, if only by the encryption, what stands beside them. */
static void take_notice(struct exchange *ex, const struct v1_notice *notice)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct reader r = reader_over(notice->data);
	uint32_t generation = read_u32(&r);
	struct lifetime theirs;

	if (notice->type == NOTIFY_INITIAL_CONTACT)
		ph1->initial_contact = true;
	else if (notice->type == NOTIFY_KEYFERRY_GENERATION && ex->role == RESPONDER && ph1->peer_is_keyferry && reader_done(&r) && generation &&
		 generation <= KIN_GENERATION_MAX)
		ph1->generation = generation;
	else if (notice->type == NOTIFY_RESPONDER_LIFETIME && ex->role == INITIATOR && lifetime_read(&theirs, true, notice->data) == 0 &&
		 theirs.seconds)
		ph1->lifetime = v1_shorter_lifetime(ph1->lifetime, theirs.seconds);
}

enum verdict v1_check_proof(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct meant meant = {
		.ex = ex, .proof = message_payload(in, ph1->auth->carrier), .verdict = STEP_OK,
		.failure = { "internal-fault", "no memory to look at the peer's proof" },
	};
	uint8_t hash[HASH_SIZE_MAX];
	size_t i = 0;

	int fault = compute_proof(ex, role_other(ex->role), hash, &meant.octets);
	if (fault < 0)
		return ex_fault(ex, "computing HASH_I or HASH_R failed", fault);
	if (ph1->auth->is_keyed && ph1->auth->check(ex, ph1->connection, meant.octets, meant.proof, &meant.failure) != STEP_OK)
		return ex_drop(ex, meant.failure.code, "%s", meant.failure.why);
	TRY(find_connection(ex, &meant));
	/* RFC 2407 4.6.3: in the clear nothing binds a notify to its exchange. */
	for (const struct payload_view *payload; in->was_encrypted && (payload = message_next(in, PAY_NOTIFY, &i));) {
		struct v1_notice notice;
		if (v1_read_notice(&notice, payload) == 0)
			take_notice(ex, &notice);
	}
	return STEP_OK;
}

bool v1_is_first_contact(const struct exchange *ex)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct identity *peer = ex->role == INITIATOR ? &ph1->connection->remote_id : &ph1->peer_id;
	struct identity own;
	const char *why;

	return identity_read(&own, ph1->id_body[ex->role], &why) == 0 && peer->type && ph1->connection->unique != UNIQUE_NEVER &&
	       !peers_knows(ex->sa->shard->engine->peers, &own, peer);
}

/*
 * RFC 2407 4.6.3.3. It stands before HASH, so that HASH lies in the last cipher block: a message whose last block was
 * changed is refused, and with it a last block that would break the IVs of phase 2.
 */
enum verdict v1_put_initial_contact(struct exchange *ex, struct message_out *out)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	struct v1_notice notice = {
		.payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = NOTIFY_INITIAL_CONTACT, .spi_len = 2 * COOKIE_SIZE, .spi_count = 1,
	};

	if (!v1_is_first_contact(ex))
		return STEP_OK;
	memcpy(notice.spi, ex->sa->cookie[INITIATOR], COOKIE_SIZE);
	memcpy(notice.spi + COOKIE_SIZE, ph1->cookie_r, COOKIE_SIZE);
	v1_put_notice(out, &notice);
	return STEP_OK;
}

const char *v1_unreadable(const struct exchange *ex, char *why, size_t size)
{
	const struct phase1 *ph1 = v1_phase1(ex);

	if (!ph1->auth || !ph1->auth->explain)
		return NULL;
	ph1->auth->explain(ex, why, size);
	return "psk-mismatch";
}

/* See kin.h. */
enum verdict v1_put_generation(struct exchange *ex, struct message_out *out)
{
	uint8_t number[sizeof(uint32_t)];
	struct writer w = writer_over(number, sizeof(number));

	if (ex->role == RESPONDER || !v1_phase1(ex)->peer_is_keyferry)
		return STEP_OK;
	put_u32(&w, ex->sa->generation);
	v1_put_notice(out, &(struct v1_notice){ .payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = NOTIFY_KEYFERRY_GENERATION,
						.spi_count = 1, .data = writer_bytes(&w) });
	return STEP_OK;
}

/* RFC 2407 4.6.3.1: we chose a transform with a lifetime longer than ours. */
enum verdict v1_put_lifetime(struct exchange *ex, struct message_out *out)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	uint8_t body[LIFETIME_BODY_MAX];
	struct writer w = writer_over(body, sizeof(body));
	struct v1_notice notice = {
		.payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = NOTIFY_RESPONDER_LIFETIME, .spi_len = 2 * COOKIE_SIZE, .spi_count = 1,
	};

	if (ex->role == INITIATOR || !ph1->tell_lifetime)
		return STEP_OK;
	lifetime_put(&w, true, &(struct lifetime){ .seconds = ph1->lifetime });
	memcpy(notice.spi, ex->sa->cookie[INITIATOR], COOKIE_SIZE);
	memcpy(notice.spi + COOKIE_SIZE, ph1->cookie_r, COOKIE_SIZE);
	notice.data = writer_bytes(&w);
	v1_put_notice(out, &notice);
	return STEP_OK;
}

static int keep_identities(struct exchange *ex)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct ike_sa *sa = ex->sa;
	struct identity own;
	const char *why;

	if (identity_read(&own, ph1->id_body[ex->role], &why) < 0)
		return FAULT_INPUT;
	int fault = identity_copy(&sa->local_id, &own);
	return fault < 0 ? fault : identity_copy(&sa->remote_id, &ph1->peer_id);
}

static int keep_keys(struct exchange *ex)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct ike_sa *sa = ex->sa;
	size_t prf_len = ph1->transform.prf_alg->size;

	int fault = secret_new(&sa->keys, 2 * prf_len + ph1->cipher_key.len);
	if (fault < 0)
		return fault;
	memcpy(sa->keys.at, ph1->skeyid_d.at, prf_len);
	memcpy(sa->keys.at + prf_len, ph1->skeyid_a.at, prf_len);
	memcpy(sa->keys.at + 2 * prf_len, ph1->cipher_key.at, ph1->cipher_key.len);
	sa->prf_len = (uint8_t)prf_len;
	sa->key_len = (uint8_t)ph1->cipher_key.len;
	return 0;
}

void v1_authenticated(struct exchange *ex)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct ike_sa *sa = ex->sa;
	int fault;

	if ((fault = keep_keys(ex)) < 0 || (fault = keep_identities(ex)) < 0 ||
	    (fault = sa_set_connection(sa, ph1->connection)) < 0) {
		ex_fault(ex, "keeping the new SA failed", fault);
		sa_free(sa);
		return;
	}
	sa->transform = ph1->transform;
	sa->auth = ph1->auth;
	sa->peer_certificate = v1_peer_certificate(ex);
	sa->lifetime = ph1->lifetime;
	sa->local_nat = ph1->local_nat;
	sa->remote_nat = ph1->remote_nat;
	sa->udp_encap = ph1->udp_encap;
	if (sa->role == RESPONDER)
		sa->generation = ph1->generation;
	sa->peer_dpd = ph1->peer_dpd;
	sa->peer_is_keyferry = ph1->peer_is_keyferry;
	sa->peer_initial_contact = ph1->initial_contact;
	sa->tell_contact = ph1->tell_contact;
	/* RFC 2407 4.6.3: not in the exchange itself. */
	sa->tell_lifetime = ph1->is_named && sa->role == RESPONDER && ph1->tell_lifetime;
	memcpy(sa->last_iv, ex->iv, sizeof(sa->last_iv));
	sa_established(sa);
}

bool v1_is_fresh(const struct ike_sa *sa, enum role role)
{
	return sa->state == SA_CONNECTING && sa->role == role && list_empty(&sa->exchanges);
}

bool v1_is_established(const struct ike_sa *sa, enum role role)
{
	(void)role;
	return sa->state == SA_ESTABLISHED;
}
