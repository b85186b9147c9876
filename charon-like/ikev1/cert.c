/* SPDX-License-Identifier: MIT */
/*
 * cert.c - certificates on the wire in phase 1: CERT and CR payloads (RFC 2408 3.9 and 3.10, RFC 4945 3.2 and 3.3). Whether a certificate is
 * good is the store's to say (certs.h), whose proof it helps is the authentication method's.
 */
#include <stdlib.h>

#include "shard.h"
#include "v1.h"

enum {
	/* Beyond that one request for any certificate is sent instead: all of a system's bundle would not fit a datagram (RFC 4945 3.2.7.2). */
	REQUESTS_SENT_MAX = 10,
	REQUESTS_OCTETS_MAX = 2048,          /* of their names: message 4 goes in the clear, and in one datagram if it can */
	REQUESTS_TAKEN_MAX = 64,             /* of an exchange; the others are not looked at */
	ENCODING_SIZE = 1,
};

/* ---- requests ---- */

/* RFC 4945 3.2.4: a request for a PKCS #7 is one for certificates. */
static bool is_for_us(uint8_t encoding)
{
	return encoding == CERT_X509_SIGNATURE || encoding == CERT_PKCS7;
}

static size_t requests_count(const struct v1_request *request)
{
	size_t count = 0;

	for (; request; request = request->next)
		count++;
	return count;
}

enum verdict v1_take_requests(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	size_t i = 0, count = requests_count(ph1->requests);

	for (const struct payload_view *payload; (payload = message_next(in, PAY_CR, &i)) && count < REQUESTS_TAKEN_MAX; count++) {
		struct reader r = reader_over(payload->body);
		uint8_t encoding = read_u8(&r);
		if (r.failed)
			return ex_drop(ex, "malformed", "a request for a certificate is empty");
		if (!is_for_us(encoding)) {
			log_debug(&ex->ctx, "a request for a certificate of type %u is not for us", encoding);
			continue;
		}
		/* Never changed once it is there: other points of the exchange may have it too. */
		struct v1_request *request = arena_alloc(&ex->arena, sizeof(*request));
		if (!request)
			return ex_fault(ex, "no room for requests for certificates", FAULT_MEMORY);
		*request = (struct v1_request){ ph1->requests, read_rest(&r) };
		ph1->requests = request;
	}
	return STEP_OK;
}

/* Authorities whose certificates are asked for. */
struct asked {
	struct exchange *ex;
	const struct certificate *at[REQUESTS_SENT_MAX];
	size_t count, octets;
	bool is_any;                 /* there are more */
};

static void ask_for(struct asked *asked, const struct certificate *authority)
{
	for (size_t i = 0; i < asked->count; i++)
		if (bytes_equal(asked->at[i]->subject, authority->subject))
			return;
	asked->octets += authority->subject.len;
	if (asked->count == REQUESTS_SENT_MAX || asked->octets > REQUESTS_OCTETS_MAX)
		asked->is_any = true;
	else
		asked->at[asked->count++] = authority;
}

/* Of a connection that the peer may turn out to be meant by. */
static bool ask_of(const struct connection_settings *c, void *arg)
{
	struct asked *asked = arg;
	const struct phase1 *ph1 = v1_phase1(asked->ex);

	/* Whose key we know anyway need not send it. */
	if (strcmp(c->auth, ph1->connection->auth) != 0 || strcmp(c->mode, ph1->connection->mode) != 0 || c->remote_key.spki.at || c->remote_cert)
		return false;
	for (size_t i = 0; i < c->ca_count; i++)
		for (size_t k = 0; k < c->cas[i]->certs.count; k++)
			ask_for(asked, c->cas[i]->certs.at[k]);
	return false;
}

static void put_request(struct message_out *out, struct bytes authority)
{
	struct writer *w = message_open(out, PAY_CR);

	put_u8(w, CERT_X509_SIGNATURE);
	put_bytes(w, authority);
	message_close(out);
}

enum verdict v1_put_requests(struct exchange *ex, struct message_out *out)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	struct asked asked = { .ex = ex };

	if (ph1->auth->carrier != PAY_SIG)
		return STEP_OK;
	if (ex->role == RESPONDER)
		(void)settings_match(ex->sa->settings, &ex->sa->local, &ex->sa->remote, ask_of, &asked);
	else
		(void)ask_of(ph1->connection, &asked);
	if (asked.is_any)
		put_request(out, bytes_of(NULL, 0));
	for (size_t i = 0; i < asked.count && !asked.is_any; i++)
		put_request(out, asked.at[i]->subject);
	return STEP_OK;
}

/* ---- ours ---- */

enum verdict v1_put_certs(struct exchange *ex, struct message_out *out)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct connection_settings *c = ph1->connection;

	if (ph1->auth->carrier != PAY_SIG || c->send_cert == SEND_CERT_NEVER || (c->send_cert == SEND_CERT_ASKED && !ph1->requests))
		return STEP_OK;
	for (size_t i = 0; i < c->certs.count; i++) {
		const struct certificate *certificate = c->certs.at[i];
		/* An authority that vouches for itself helps nobody: the peer has it, or does not trust it. */
		if (i && bytes_equal(certificate->subject, certificate->issuer))
			continue;
		struct writer *w = message_open(out, PAY_CERT);
		put_u8(w, CERT_X509_SIGNATURE);
		put_bytes(w, certificate->der);
		message_close(out);
	}
	return STEP_OK;
}

/* ---- the peer's ---- */

enum verdict v1_take_certs(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct payload_view *payload;
	size_t i = 0, count = 0;

	while (message_next(in, PAY_CERT, &i))
		count++;
	if (count > CERT_GIVEN_MAX)
		return ex_drop(ex, "malformed", "the peer sent %zu certificates, more than %d", count, CERT_GIVEN_MAX);
	struct v1_cert *certs = count ? arena_alloc(&ex->arena, count * sizeof(*certs)) : NULL;
	if (count && !certs)
		return ex_fault(ex, "no room for certificates", FAULT_MEMORY);
	i = count = 0;
	while ((payload = message_next(in, PAY_CERT, &i))) {
		struct reader r = reader_over(payload->body);
		certs[count].encoding = read_u8(&r);
		certs[count++].data = read_rest(&r);
	}
	ph1->certs = certs;
	ph1->cert_count = count;
	return STEP_OK;
}

/* RFC 4945 3.3.10: what cannot be read, or is of no use, is left out. */
static int read_one(struct exchange *ex, const struct provider *provider, const struct v1_cert *cert, struct cert_list *out, char why[WHY_MAX])
{
	const struct cert_store *store = provider->ops;
	struct certificate *certificate = NULL;
	int fault = FAULT_UNSUPPORTED;

	if (cert->encoding == CERT_X509_SIGNATURE && !(fault = store->read(provider->state, cert->data, &certificate, why)))
		fault = cert_list_add(out, certificate, CERT_GIVEN_MAX);
	else if (cert->encoding == CERT_PKCS7)
		fault = store->unwrap(provider->state, cert->data, out, why);
	else if (cert->encoding != CERT_X509_SIGNATURE)
		log_debug(&ex->ctx, "a certificate payload of type %u is of no use", cert->encoding);
	return fault;
}

/* The peer's own comes first: RFC 4945 3.3.10.3 wants no order, and a PKCS #7 has none. */
static void leaf_first(struct cert_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct certificate *leaf = list->at[i];
		if (leaf->is_ca)
			continue;
		memmove(&list->at[1], &list->at[0], i * sizeof(struct certificate *));
		list->at[0] = leaf;
		return;
	}
}

int v1_read_certs(struct exchange *ex, struct cert_list *out, char why[WHY_MAX])
{
	const struct provider *provider = services_find(ex->sa->shard->engine->services, SERVICE_CERT, "x509");
	const struct phase1 *ph1 = v1_phase1(ex);
	char of_one[WHY_MAX];

	why[0] = '\0';
	for (size_t i = 0; i < ph1->cert_count && provider; i++) {
		of_one[0] = '\0';
		int fault = read_one(ex, provider, &ph1->certs[i], out, of_one);
		if (fault == FAULT_MEMORY)
			return fault;
		if (fault && of_one[0]) {
			log_debug(&ex->ctx, "certificate %zu of the peer is not looked at: %s", i + 1, of_one);
			memcpy(why, of_one, WHY_MAX);
		}
	}
	leaf_first(out);
	return 0;
}

/* ---- what came of it ---- */

struct kept_chain {
	struct ex_keep keep;
	struct cert_chain chain;
};

static void kept_chain_free(struct ex_keep *keep)
{
	struct kept_chain *kept = CONTAINER(keep, struct kept_chain, keep);

	cert_chain_free(&kept->chain);
	free(kept);
}

enum verdict v1_keep_chain(struct exchange *ex, struct cert_chain *chain)
{
	struct ex_keep *keep = ex_kept(ex, kept_chain_free, NULL);
	struct kept_chain *kept = keep ? CONTAINER(keep, struct kept_chain, keep) : calloc(1, sizeof(*kept));

	if (!kept) {
		cert_chain_free(chain);
		return ex_fault(ex, "no room for the peer's certificate", FAULT_MEMORY);
	}
	if (!keep)
		ex_keep(ex, &kept->keep, kept_chain_free);
	cert_chain_free(&kept->chain);
	kept->chain = *chain;
	chain->count = 0;
	return STEP_OK;
}

struct certificate *v1_peer_certificate(const struct exchange *ex)
{
	struct ex_keep *keep = ex_kept(ex, kept_chain_free, NULL);
	const struct kept_chain *kept = keep ? CONTAINER(keep, struct kept_chain, keep) : NULL;

	return kept && kept->chain.count ? certificate_ref(kept->chain.at[0]) : NULL;
}
