/* SPDX-License-Identifier: MIT */
/* test_v1_cert.c - CERT and CR payloads, made and read by hand; a store whose certificates are a few words stands behind them. */
#include "services.h"
#include "test_exchange.h"
#include "v1.h"

enum { STREAM_MAX = 70, BODY_MAX = 64, LEAF = 'l' };

/* ---- a store: "lNAME" is a leaf, "aNAME" an authority, "sNAME" one that vouches for itself; a PKCS #7 has them with blanks between ---- */

static void fake_free(struct certificate *certificate)
{
	free((uint8_t *)certificate->der.at);
	free(certificate);
}

static struct certificate *fake_new(struct bytes word)
{
	struct certificate *certificate = calloc(1, sizeof(*certificate));

	certificate->free = fake_free;
	atomic_init(&certificate->references, 1);
	certificate->der = bytes_of(strndup((const char *)word.at, word.len), word.len);
	certificate->subject = bytes_of(certificate->der.at + 1, word.len - 1);
	certificate->issuer = word.at[0] == 's' ? certificate->subject : bytes_text("somebody");
	certificate->is_ca = word.at[0] != LEAF;
	return certificate;
}

static int fake_read(void *state, struct bytes der, struct certificate **out, char why[WHY_MAX])
{
	(void)state;
	if (!der.len || !strchr("las", der.at[0])) {
		snprintf(why, WHY_MAX, "that is no certificate");
		return FAULT_INPUT;
	}
	*out = fake_new(der);
	return 0;
}

static int fake_unwrap(void *state, struct bytes pkcs7, struct cert_list *out, char why[WHY_MAX])
{
	(void)state;
	(void)why;
	for (size_t at = 0; at < pkcs7.len;) {
		const uint8_t *blank = memchr(pkcs7.at + at, ' ', pkcs7.len - at);
		size_t len = blank ? (size_t)(blank - pkcs7.at) - at : pkcs7.len - at;
		int fault = cert_list_add(out, fake_new(bytes_of(pkcs7.at + at, len)), CERT_GIVEN_MAX);
		if (fault)
			return fault;
		at += len + 1;
	}
	return 0;
}

static const struct cert_store store = { .name = "x509", .read = fake_read, .unwrap = fake_unwrap };

/* ---- an exchange of phase 1 without steps ---- */

static const struct step no_steps[] = { { .from = INITIATOR, .require = P(SA) } };
static const struct exchange_mode mode = {
	.name = "test", .word = "main", .major = 1, .type = EXCHANGE_MAIN, .creates_sa = true, .steps = no_steps, .step_count = 1,
	.scratch = sizeof(struct phase1), .protection = &v1_protection,
};
static const struct auth_method signing = { .name = "signature", .carrier = PAY_SIG }, hashing = { .name = "psk", .carrier = PAY_HASH };

struct scene {
	struct bench *bench;
	struct services *services;
	struct exchange *ex;
	struct connection_settings connection;
	struct ca_settings ca;
	const struct ca_settings *cas[1];
	struct message in;
	uint8_t bodies[STREAM_MAX][BODY_MAX];
	uint8_t sent[4096];
	struct message_out out;
};

static void scene_open(struct scene *scene, enum role role)
{
	struct provider provider = { .ops = &store, .key = "x509", .plugin = "fake" };

	*scene = (struct scene){ .bench = bench_new(role), .services = services_new() };
	CU_ASSERT_EQUAL(services_add(scene->services, SERVICE_CERT, &provider, 0), 0);
	scene->bench->engine.services = scene->services;
	scene->ex = exchange_new(scene->bench->sa, &mode, role, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->ex);
	scene->connection = (struct connection_settings){ .name = "t", .auth = "signature", .mode = "main" };
	scene->cas[0] = &scene->ca;
	scene->connection.cas = scene->cas;
	scene->connection.ca_count = 1;
	v1_phase1(scene->ex)->connection = &scene->connection;
	v1_phase1(scene->ex)->auth = &signing;
	static const struct ike_header header = { .major = 1, .exchange = EXCHANGE_MAIN };
	message_begin(&scene->out, scene->sent, sizeof(scene->sent), &header);
}

static void scene_close(struct scene *scene)
{
	cert_list_free(&scene->ca.certs);
	cert_list_free(&scene->connection.certs);
	bench_free(scene->bench);
	services_free(scene->services);
}

static void put(struct scene *scene, uint8_t payload, int encoding, const char *data)
{
	uint8_t *body = scene->bodies[scene->in.count];
	size_t len = encoding < 0 ? 0 : 1 + strlen(data);

	if (len) {
		body[0] = (uint8_t)encoding;
		memcpy(body + 1, data, len - 1);
	}
	scene->in.payloads[scene->in.count++] = (struct payload_view){ payload, bytes_of(body, len), bytes_of(body, len) };
}

static void own(struct cert_list *list, const char *word)
{
	CU_ASSERT_EQUAL(cert_list_add(list, fake_new(bytes_text(word)), SIZE_MAX), 0);
}

/* "6:4left 7:4root ": payloads of what was written, their encodings, their data. */
static const char *written(struct scene *scene, char out[1024])
{
	struct message message;
	struct ike_header header;
	const char *why;

	out[0] = '\0';
	CU_ASSERT_EQUAL(message_finish(&scene->out), 0);
	struct bytes all = writer_bytes(&scene->out.w);
	CU_ASSERT_EQUAL(header_read(&header, all), 0);
	if (header.next == PAY_NONE)
		return out;
	CU_ASSERT_EQUAL_FATAL(message_parse(&message, bytes_of(all.at + HEADER_SIZE, all.len - HEADER_SIZE), header.next, 0, &why), 0);
	for (size_t i = 0; i < message.count; i++)
		snprintf(out + strlen(out), 1024 - strlen(out), "%u:%u%.*s ", message.payloads[i].type, message.payloads[i].body.at[0],
			 (int)message.payloads[i].body.len - 1, (const char *)message.payloads[i].body.at + 1);
	return out;
}

/* ---- the peer's requests ---- */

static size_t request_count(const struct scene *scene)
{
	size_t count = 0;

	for (const struct v1_request *it = v1_phase1(scene->ex)->requests; it; it = it->next)
		count++;
	return count;
}

static void requests_taken(void)
{
	struct scene scene;

	scene_open(&scene, RESPONDER);
	put(&scene, PAY_CR, CERT_X509_SIGNATURE, "root");
	put(&scene, PAY_CR, CERT_PKCS7, "");
	put(&scene, PAY_CR, 6, "kerberos");
	CU_ASSERT_EQUAL(v1_take_requests(scene.ex, &scene.in), STEP_OK);
	CU_ASSERT_EQUAL(request_count(&scene), 2);
	const struct v1_request *before = v1_phase1(scene.ex)->requests;
	CU_ASSERT(bytes_equal(before->next->authority, bytes_text("root")) && before->authority.len == 0);
	/* Those of a later message come in front: what is there is not changed. */
	CU_ASSERT_EQUAL(v1_take_requests(scene.ex, &scene.in), STEP_OK);
	CU_ASSERT(request_count(&scene) == 4 && v1_phase1(scene.ex)->requests->next->next == before);
	put(&scene, PAY_CR, -1, "");
	CU_ASSERT_EQUAL(v1_take_requests(scene.ex, &scene.in), STEP_DROP);
	scene_close(&scene);
}

static void requests_limited(void)
{
	struct scene scene;

	scene_open(&scene, RESPONDER);
	for (int i = 0; i < PAYLOADS_MAX; i++)
		put(&scene, PAY_CR, CERT_X509_SIGNATURE, "any");
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(v1_take_requests(scene.ex, &scene.in), STEP_OK);
	CU_ASSERT_EQUAL(request_count(&scene), 64);
	scene_close(&scene);
}

/* ---- ours ---- */

static void requests_sent(void)
{
	struct scene scene;
	char text[1024], name[16];

	scene_open(&scene, INITIATOR);
	own(&scene.ca.certs, "aroot");
	own(&scene.ca.certs, "sother");
	own(&scene.ca.certs, "sroot");
	CU_ASSERT_EQUAL(v1_put_requests(scene.ex, &scene.out), STEP_OK);
	/* Each subject once. */
	CU_ASSERT_STRING_EQUAL(written(&scene, text), "7:4root 7:4other ");
	scene_close(&scene);
	for (int count = 10; count <= 11; count++) {
		scene_open(&scene, INITIATOR);
		for (int i = 0; i < count; i++) {
			snprintf(name, sizeof(name), "a%d", i);
			own(&scene.ca.certs, name);
		}
		CU_ASSERT_EQUAL(v1_put_requests(scene.ex, &scene.out), STEP_OK);
		CU_ASSERT_EQUAL(strcmp(written(&scene, text), "7:4 ") == 0, count == 11);
		scene_close(&scene);
	}
}

/* Names of authorities can be long. */
static void long_names(void)
{
	struct scene scene;
	char text[1024], *name = calloc(1, 1200);

	scene_open(&scene, INITIATOR);
	for (int i = 0; i < 2; i++) {
		memset(name, 'a' + i, 1100);
		name[0] = 'a';
		own(&scene.ca.certs, name);
	}
	CU_ASSERT_EQUAL(v1_put_requests(scene.ex, &scene.out), STEP_OK);
	CU_ASSERT_STRING_EQUAL(written(&scene, text), "7:4 ");
	scene_close(&scene);
	free(name);
}

static void nothing_is_asked(void)
{
	struct certificate *pinned = fake_new(bytes_text("lright"));
	struct scene scene;
	char text[1024];

	for (int i = 0; i < 4; i++) {
		scene_open(&scene, INITIATOR);
		own(&scene.ca.certs, "aroot");
		scene.connection.remote_cert = i == 1 ? pinned : NULL;
		scene.connection.remote_key.spki = i == 2 ? bytes_text("key") : bytes_of(NULL, 0);
		if (i == 3)
			v1_phase1(scene.ex)->auth = &hashing;
		CU_ASSERT_EQUAL(v1_put_requests(scene.ex, &scene.out), STEP_OK);
		CU_ASSERT_EQUAL(written(&scene, text)[0] == '\0', i > 0);
		scene_close(&scene);
	}
	certificate_unref(pinned);
}

static void certs_sent(void)
{
	static const struct {
		enum send_cert send;
		bool is_asked, sends;
	} rows[] = {
		{ SEND_CERT_ASKED, false, false }, { SEND_CERT_ASKED, true, true }, { SEND_CERT_ALWAYS, false, true },
		{ SEND_CERT_ALWAYS, true, true }, { SEND_CERT_NEVER, true, false },
	};
	struct scene scene;
	char text[1024];

	for (size_t i = 0; i < COUNT(rows); i++) {
		scene_open(&scene, RESPONDER);
		own(&scene.connection.certs, "lleft");
		own(&scene.connection.certs, "abetween");
		own(&scene.connection.certs, "sroot");
		scene.connection.send_cert = rows[i].send;
		put(&scene, PAY_CR, CERT_X509_SIGNATURE, "whoever");
		if (rows[i].is_asked)
			CU_ASSERT_EQUAL(v1_take_requests(scene.ex, &scene.in), STEP_OK);
		CU_ASSERT_EQUAL(v1_put_certs(scene.ex, &scene.out), STEP_OK);
		/* Not the one that vouches for itself. */
		CU_ASSERT_STRING_EQUAL(written(&scene, text), rows[i].sends ? "6:4lleft 6:4abetween " : "");
		scene_close(&scene);
	}
	scene_open(&scene, RESPONDER);
	own(&scene.connection.certs, "sleft");
	scene.connection.send_cert = SEND_CERT_ALWAYS;
	CU_ASSERT_EQUAL(v1_put_certs(scene.ex, &scene.out), STEP_OK);
	CU_ASSERT_STRING_EQUAL(written(&scene, text), "6:4sleft ");
	scene_close(&scene);
}

/* ---- the peer's ---- */

/* The certificates that were read, in order. */
static const char *taken(struct scene *scene, char out[1024], char why[WHY_MAX])
{
	struct cert_list list = { NULL, 0 };

	out[0] = '\0';
	CU_ASSERT_EQUAL(v1_take_certs(scene->ex, &scene->in), STEP_OK);
	CU_ASSERT_EQUAL(v1_read_certs(scene->ex, &list, why), 0);
	for (size_t i = 0; i < list.count; i++)
		snprintf(out + strlen(out), 1024 - strlen(out), "%.*s ", (int)list.at[i]->der.len, (const char *)list.at[i]->der.at);
	cert_list_free(&list);
	return out;
}

static void certs_taken(void)
{
	struct scene scene;
	char text[1024], why[WHY_MAX];

	scene_open(&scene, RESPONDER);
	CU_ASSERT_STRING_EQUAL(taken(&scene, text, why), "");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "abetween");
	put(&scene, PAY_CERT, 7, "a CRL");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "lright");
	put(&scene, PAY_CERT, -1, "");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "lright");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "sroot");
	/* In whichever order they come, the peer's own is first; what is of no use does not matter. */
	CU_ASSERT_STRING_EQUAL(taken(&scene, text, why), "lright abetween lright sroot ");
	CU_ASSERT_STRING_EQUAL(why, "");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "junk");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "");
	CU_ASSERT_STRING_EQUAL(taken(&scene, text, why), "lright abetween lright sroot ");
	CU_ASSERT_STRING_EQUAL(why, "that is no certificate");
	scene_close(&scene);
}

static void pkcs7_taken(void)
{
	struct scene scene;
	char text[1024], why[WHY_MAX];

	scene_open(&scene, RESPONDER);
	put(&scene, PAY_CERT, CERT_PKCS7, "sroot abetween lright aother");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "lsecond");
	CU_ASSERT_STRING_EQUAL(taken(&scene, text, why), "lright sroot abetween aother lsecond ");
	scene_close(&scene);
	/* Only authorities: the first is as good as any. */
	scene_open(&scene, RESPONDER);
	put(&scene, PAY_CERT, CERT_PKCS7, "aone atwo");
	CU_ASSERT_STRING_EQUAL(taken(&scene, text, why), "aone atwo ");
	scene_close(&scene);
}

static void certs_limited(void)
{
	struct scene scene;
	char text[1024], why[WHY_MAX];

	scene_open(&scene, RESPONDER);
	for (int i = 0; i < CERT_GIVEN_MAX; i++)
		put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "l");
	put(&scene, PAY_ID, CERT_X509_SIGNATURE, "not counted");
	CU_ASSERT_EQUAL(strlen(taken(&scene, text, why)), 2 * CERT_GIVEN_MAX);
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "l");
	CU_ASSERT_EQUAL(v1_take_certs(scene.ex, &scene.in), STEP_DROP);
	scene_close(&scene);
	/* Those in a PKCS #7 count as well. */
	scene_open(&scene, RESPONDER);
	put(&scene, PAY_CERT, CERT_PKCS7, "l l l l l l l l l l l l l l l l");
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "aone");
	CU_ASSERT_EQUAL(strlen(taken(&scene, text, why)), 2 * CERT_GIVEN_MAX);
	scene_close(&scene);
}

/* Without a store there is none. */
static void no_store(void)
{
	struct services *none = services_new();
	struct scene scene;
	char text[1024], why[WHY_MAX];

	scene_open(&scene, RESPONDER);
	scene.bench->engine.services = none;
	put(&scene, PAY_CERT, CERT_X509_SIGNATURE, "lright");
	CU_ASSERT_STRING_EQUAL(taken(&scene, text, why), "");
	scene_close(&scene);
	services_free(none);
}

static void chain_kept(void)
{
	struct scene scene;

	scene_open(&scene, RESPONDER);
	CU_ASSERT_PTR_NULL(v1_peer_certificate(scene.ex));
	for (int i = 0; i < 2; i++) {
		struct cert_chain chain = { .at = { fake_new(bytes_text(i ? "lsecond" : "lfirst")), fake_new(bytes_text("sroot")) }, .count = 2 };
		CU_ASSERT_EQUAL(v1_keep_chain(scene.ex, &chain), STEP_OK);
		CU_ASSERT_EQUAL(chain.count, 0);
	}
	struct certificate *certificate = v1_peer_certificate(scene.ex);
	CU_ASSERT(certificate && bytes_equal(certificate->der, bytes_text("lsecond")));
	scene_close(&scene);
	/* A reference of the caller's own. */
	CU_ASSERT(bytes_equal(certificate->der, bytes_text("lsecond")));
	certificate_unref(certificate);
}

static const struct unit_case cases[] = {
	{ "requests for certificates are taken from any message, others not looked at", requests_taken },
	{ "no more requests are taken than the limit", requests_limited },
	{ "each authority that is trusted is asked for once, with many of them any", requests_sent },
	{ "of authorities with long names any is asked for", long_names },
	{ "who is known anyway is asked for nothing", nothing_is_asked },
	{ "certificates are sent as send-cert says, but for authorities that vouch for themselves", certs_sent },
	{ "certificates are taken in any order, and what is of no use is left out", certs_taken },
	{ "certificates are taken out of a PKCS #7", pkcs7_taken },
	{ "a peer that sends more certificates than the limit is not heard", certs_limited },
	{ "without a plugin that reads certificates there are none", no_store },
	{ "the last chain that was taken is kept", chain_kept },
};

UNIT_MAIN("v1-cert", cases)
