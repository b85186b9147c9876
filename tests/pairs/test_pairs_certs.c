/* SPDX-License-Identifier: MIT */
/* test_pairs_certs.c - phase 1 with certificates: who sends them when, which are taken, and the line for each that is not. */
#include <gnutls/abstract.h>
#include <time.h>

#include "auth.h"
#include "pair.h"
#include "pki.h"
#include "status.h"
#include "status_text.h"

enum { FILES_MAX = 40, CONNECTIONS = 40 };

/* ---- certificates, made once ---- */

static struct pki_cert root, other, between, left, right, right_of_other, expired, early, no_sign, deep, deep_ca, bare, rsa_left, rsa_right, rsa_weak, many;
static struct pair_file files[FILES_MAX + 1];
static size_t file_count;

static void file_add(const char *name, const char *content)
{
	if (file_count == FILES_MAX)
		abort();
	files[file_count++] = (struct pair_file){ name, content, 0 };
}

static char *text_of(gnutls_datum_t datum)
{
	char *text = strndup((const char *)datum.data, datum.size);

	gnutls_free(datum.data);
	return text;
}

/* NAME.pem with what else shall stand in it, NAME.key. */
static void cert_files(const char *name, const struct pki_cert *cert, const struct pki_cert *issuer)
{
	char *pem = NULL, *path = NULL, *own = text_of(pki_pem(cert)), *more = issuer ? text_of(pki_pem(issuer)) : strdup("");
	gnutls_datum_t key;

	if (asprintf(&pem, "%s%s", own, more) < 0 || asprintf(&path, "%s.pem", name) < 0)
		abort();
	file_add(path, pem);
	free(own);
	free(more);
	if (gnutls_x509_privkey_export2_pkcs8(cert->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key) < 0 || asprintf(&path, "%s.key", name) < 0)
		abort();
	file_add(path, text_of(key));
}

static void public_key_file(const char *name, const struct pki_cert *cert)
{
	gnutls_pubkey_t key;
	gnutls_datum_t pem;

	if (gnutls_pubkey_init(&key) < 0 || gnutls_pubkey_import_x509(key, cert->crt, 0) < 0 || gnutls_pubkey_export2(key, GNUTLS_X509_FMT_PEM, &pem) < 0)
		abort();
	gnutls_pubkey_deinit(key);
	file_add(name, text_of(pem));
}

static void make(struct pki_cert *out, struct pki_spec spec, const struct pki_cert *issuer)
{
	int64_t now = time(NULL);

	spec.from = spec.from ? now + spec.from : now - PKI_DAY;
	spec.until = spec.until ? now + spec.until : now + 90 * PKI_DAY;
	pki_make(out, &spec, issuer);
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Of an authority that nobody trusts, with the names of many. */
static void make_many(void)
{
	static char text[CONNECTIONS][32];
	static const char *names[CONNECTIONS + 2] = { "dns:left.example" };

	for (int i = 0; i < CONNECTIONS; i++) {
		snprintf(text[i], sizeof(text[i]), "dns:g%d.example", i);
		names[i + 1] = text[i];
	}
	make(&many, (struct pki_spec){ .dn = "CN=many", .names = names }, &other);
}

static void make_all(void)
{
	make(&root, (struct pki_spec){ .dn = "CN=root", .role = PKI_CA }, NULL);
	make(&other, (struct pki_spec){ .dn = "CN=other root", .role = PKI_CA }, NULL);
	make(&between, (struct pki_spec){ .dn = "CN=between", .role = PKI_CA, .has_path_length = true, .path_length = 0 }, &root);
	make(&left, (struct pki_spec){ .dn = "CN=left,O=Example", .names = NAMES("dns:left.example", "ip:192.0.2.1") }, &between);
	make(&right, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example", "email:gw@right.example") }, &root);
	make(&right_of_other, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example") }, &other);
	make(&expired, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example"), .from = -9 * PKI_DAY, .until = -PKI_DAY }, &root);
	make(&early, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example"), .from = PKI_DAY }, &root);
	make(&no_sign, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example"), .usage = GNUTLS_KEY_KEY_ENCIPHERMENT }, &root);
	make(&deep_ca, (struct pki_spec){ .dn = "CN=too deep", .role = PKI_CA }, &between);
	make(&deep, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example") }, &deep_ca);
	make(&bare, (struct pki_spec){ .dn = "CN=bare" }, &root);
	make(&rsa_left, (struct pki_spec){ .dn = "CN=left,O=Example", .names = NAMES("dns:left.example"), .key = PKI_RSA2048 }, &root);
	make(&rsa_right, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example"), .key = PKI_RSA2048 }, &root);
	make(&rsa_weak, (struct pki_spec){ .dn = "CN=right,O=Example", .names = NAMES("dns:right.example"), .key = PKI_RSA1024 }, &root);
	make_many();
	cert_files("root", &root, NULL);
	cert_files("other", &other, NULL);
	cert_files("between", &between, NULL);
	cert_files("left", &left, &between);
	cert_files("left-alone", &left, NULL);
	public_key_file("left.pub", &left);
	cert_files("right", &right, NULL);
	cert_files("right-of-other", &right_of_other, NULL);
	cert_files("expired", &expired, NULL);
	cert_files("early", &early, NULL);
	cert_files("no-sign", &no_sign, NULL);
	cert_files("deep", &deep, &deep_ca);
	cert_files("bare", &bare, NULL);
	cert_files("rsa-left", &rsa_left, NULL);
	cert_files("rsa-right", &rsa_right, NULL);
	cert_files("rsa-weak", &rsa_weak, NULL);
	cert_files("many", &many, NULL);
}

/* ---- two ends ---- */

/* Attributes of <local> and <remote> of each end, and what else stands in its document. */
struct end {
	const char *local, *remote, *more;
};

static struct pair *pair_of(struct end left_end, struct end right_end)
{
	static const char *const host[] = { "192.0.2.1", "192.0.2.2" };
	const struct end ends[] = { left_end, right_end };
	char document[SIDES][4096];

	for (int i = 0; i < SIDES; i++)
		snprintf(document[i], sizeof(document[i]),
			 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"%s\" %s/><remote address=\"%s\" %s/>"
			 "<phase1" PHASE1 " auth=\"signature\" proposals=\"aes128-sha256-curve25519\"/>"
			 "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection>%s</keyferry>",
			 host[i], ends[i].local, host[!i], ends[i].remote, i + 1, !i + 1, ends[i].more);
	struct pair_options options = { .left = document[LEFT], .right = document[RIGHT], .left_psk = "", .right_psk = "", .files = files };
	return pair_new(&options);
}

#define ROOT "<ca name=\"root\" file=\"root.pem\"/>"
#define OTHER "<ca name=\"other\" file=\"other.pem\"/>"
#define LEFT_CERT "key=\"left.key\" cert=\"left.pem\" "
#define RIGHT_CERT "key=\"right.key\" cert=\"right.pem\" "
#define TO_RIGHT "id=\"right.example\""
#define TO_LEFT "id=\"left.example\""

/* ---- what comes up ---- */

/* CERT payloads in what the pair sends, by the length of the packets with the proofs: certificates have hundreds of octets. */
struct sizes {
	size_t of[8];
};

static unsigned measure(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct sizes *sizes = arg;

	(void)pair;
	if (packet->number < COUNT(sizes->of))
		sizes->of[packet->number] = packet->len;
	return 1;
}

static const struct {
	const char *says;
	struct end left, right;
	bool left_sends, right_sends;
} good[] = {
	{ "certificates of one authority, one by an authority between, asked for by both",
	  { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT }, { RIGHT_CERT "id=\"right.example\"", TO_LEFT, ROOT }, true, true },
	{ "the subject is the default identity",
	  { LEFT_CERT, "id=\"O=Example,CN=right\"", ROOT }, { RIGHT_CERT, "id=\"%any\"", ROOT }, true, true },
	{ "any name of the certificate is an identity",
	  { LEFT_CERT "id=\"192.0.2.1\"", "id=\"gw@right.example\"", ROOT }, { RIGHT_CERT "id=\"gw@right.example\"", "", ROOT }, true, true },
	{ "who is expected by another of its names than it sends",
	  { LEFT_CERT, "id=\"gw@right.example\"", ROOT }, { RIGHT_CERT "id=\"right.example\"", "id=\"*.example\" id-match=\"wildcards\"", ROOT }, true, true },
	{ "who is expected by its address, and has that in its certificate", { LEFT_CERT, TO_RIGHT, ROOT }, { RIGHT_CERT, "", ROOT }, true, true },
	{ "sent always", { LEFT_CERT "send-cert=\"always\" id=\"left.example\"", TO_RIGHT, ROOT }, { RIGHT_CERT "send-cert=\"always\" id=\"right.example\"", TO_LEFT, ROOT },
	  true, true },
	{ "who has the other's certificate asks for none, and is sent none",
	  { LEFT_CERT, "cert=\"right.pem\"", "" }, { RIGHT_CERT, "cert=\"left.pem\"", "" }, false, false },
	{ "who has it may be sent it all the same",
	  { LEFT_CERT "send-cert=\"always\"", "cert=\"right.pem\"", "" }, { RIGHT_CERT "send-cert=\"never\"", "cert=\"left.pem\"", "" }, true, false },
	{ "two authorities, each end has its own",
	  { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT OTHER }, { "key=\"right-of-other.key\" cert=\"right-of-other.pem\" id=\"right.example\"", TO_LEFT, ROOT OTHER },
	  true, true },
	{ "the second of two authorities is named for the peer",
	  { LEFT_CERT "id=\"left.example\"", TO_RIGHT " ca=\"other\"", ROOT OTHER },
	  { "key=\"right-of-other.key\" cert=\"right-of-other.pem\" id=\"right.example\"", TO_LEFT " ca=\"root\"", OTHER ROOT }, true, true },
	{ "RSA", { "key=\"rsa-left.key\" cert=\"rsa-left.pem\" id=\"left.example\"", TO_RIGHT, ROOT },
	  { "key=\"rsa-right.key\" cert=\"rsa-right.pem\" id=\"right.example\"", TO_LEFT, ROOT }, true, true },
	{ "an authority that is not at the top is trusted",
	  { "key=\"left.key\" cert=\"left-alone.pem\" id=\"left.example\"", TO_RIGHT, ROOT },
	  { "key=\"right.key\" cert=\"right.pem\" id=\"right.example\"", TO_LEFT, "<ca name=\"between\" file=\"between.pem\"/>" }, true, true },
};

static void comes_up(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct pair *pair = pair_of(good[i].left, good[i].right);
		struct sizes sizes = { { 0 } };
		pair->filter = measure;
		pair->filter_arg = &sizes;
		bool is_up = pair_up(pair, 5000);
		if (!is_up)
			printf("does not come up: %s: %s\n", good[i].says, pair->side[RIGHT].last_text);
		CU_ASSERT(is_up);
		if (!is_up) {
			pair_free(pair);
			continue;
		}
		CU_ASSERT(pair_keys_agree(pair));
		CU_ASSERT_EQUAL(sizes.of[PHASE1_PROOF_I] > 400, good[i].left_sends);
		CU_ASSERT_EQUAL(sizes.of[PHASE1_PROOF_R] > PHASE1_PROOF_R_BARE, good[i].right_sends);
		const struct ike_sa *sa = side_find(&pair->side[LEFT], "t");
		CU_ASSERT_PTR_NOT_NULL_FATAL(sa->peer_certificate);
		CU_ASSERT_PTR_NOT_NULL(strstr(sa->peer_certificate->subject_text, "CN=right"));
		pair_free(pair);
	}
}

static void shown(void)
{
	struct pair *pair = pair_of(good[0].left, good[0].right);
	json_t *sas = json_array(), *status;
	uint32_t after = 0;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT_FALSE(status_collect(pair->side[LEFT].shards[0], NULL, &after, sas));
	const json_t *certificate = json_object_get(json_array_get(sas, 0), "certificate");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(certificate, "subject")), "O=Example, CN=right");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(certificate, "issuer")), "CN=root");
	CU_ASSERT(json_integer_value(json_object_get(certificate, "not_after")) > time(NULL));
	status = json_pack("{s:[{s:s, s:s, s:O}]}", "connections", "name", "t", "state", "up", "sas", sas);
	status_print(out, status);
	fclose(out);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "    certificate of the peer: O=Example, CN=right (serial "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "), issued by CN=root, valid until 20"));
	free(text);
	json_decref(status);
	json_decref(sas);
	pair_free(pair);
}

/* ---- what does not ---- */

static const struct {
	const char *says;
	struct end left, right;
	unsigned who;                /* says why */
	const char *code, *line;
} bad[] = {
	{ "no certificate is sent, and none is known", { LEFT_CERT "send-cert=\"never\" id=\"left.example\"", TO_RIGHT, ROOT },
	  { RIGHT_CERT "id=\"right.example\"", TO_LEFT, ROOT }, RIGHT, "no-certificate",
	  "the peer sent no certificate: have it send one (send-cert, certificate requests), or name it with cert= in <remote> of connection t" },
	{ "a wrong authority", { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT },
	  { "key=\"right-of-other.key\" cert=\"right-of-other.pem\" id=\"right.example\"", TO_LEFT, ROOT }, LEFT, "cert-untrusted", "CN=right" },
	{ "an authority that is not for this peer", { LEFT_CERT "id=\"left.example\"", TO_RIGHT " ca=\"other\"", ROOT OTHER },
	  { RIGHT_CERT "id=\"right.example\"", TO_LEFT, ROOT }, LEFT, "cert-untrusted", "CN=right" },
	{ "expired", { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT }, { "key=\"expired.key\" cert=\"expired.pem\" id=\"right.example\"", TO_LEFT, ROOT }, LEFT,
	  "cert-expired", "CN=right" },
	{ "not yet valid", { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT }, { "key=\"early.key\" cert=\"early.pem\" id=\"right.example\"", TO_LEFT, ROOT }, LEFT,
	  "cert-not-yet-valid", "CN=right" },
	{ "not for signatures", { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT }, { "key=\"no-sign.key\" cert=\"no-sign.pem\" id=\"right.example\"", TO_LEFT, ROOT },
	  LEFT, "cert-key-usage", "CN=right" },
	{ "more authorities than one allows", { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT },
	  { "key=\"deep.key\" cert=\"deep.pem\" id=\"right.example\"", TO_LEFT, ROOT }, LEFT, "cert-path-length", "certificate CN=between" },
	{ "a certificate for somebody else", { LEFT_CERT "id=\"other.example\"", TO_RIGHT, ROOT }, { RIGHT_CERT "id=\"right.example\"", "id=\"other.example\"", ROOT },
	  RIGHT, "id-not-in-cert", "the peer says it is other.example (FQDN), but its certificate (serial " },
	{ "and all its names are said", { LEFT_CERT "id=\"other.example\"", TO_RIGHT, ROOT }, { RIGHT_CERT "id=\"right.example\"", "id=\"other.example\"", ROOT },
	  RIGHT, "id-not-in-cert", "left.example (FQDN)" },
	{ "the default identity is not that of the certificate", { "key=\"bare.key\" cert=\"bare.pem\" id=\"192.0.2.1\"", TO_RIGHT, ROOT },
	  { RIGHT_CERT "id=\"right.example\"", "", ROOT }, RIGHT, "id-not-in-cert", "CN=bare" },
	{ "another identity than is expected", { LEFT_CERT "id=\"left.example\"", TO_RIGHT, ROOT }, { RIGHT_CERT "id=\"right.example\"", "id=\"other.example\"", ROOT },
	  RIGHT, "id-mismatch", "the peer says it is left.example (FQDN) and has a certificate for O=Example, CN=left (DN), left.example (FQDN), "
	  "192.0.2.1 (IPv4), connection t expects other.example (FQDN): correct id=" },
	{ "another name of a certificate, where the key is known without", { LEFT_CERT "send-cert=\"always\" id=\"192.0.2.1\"", TO_RIGHT, ROOT },
	  { RIGHT_CERT "send-cert=\"always\" id=\"right.example\"", "public-key=\"left.pub\" " TO_LEFT, "" }, RIGHT, "id-mismatch", "connection t expects left.example" },
	{ "another key than that of the certificate", { LEFT_CERT "send-cert=\"never\" id=\"left.example\"", TO_RIGHT, ROOT },
	  { RIGHT_CERT "id=\"right.example\"", "cert=\"bare.pem\"", "" }, RIGHT, "bad-signature",
	  "is not by the private key of the peer's certificate" },
	{ "a key that is too weak", { "key=\"rsa-left.key\" cert=\"rsa-left.pem\" id=\"left.example\"", "cert=\"rsa-weak.pem\" " TO_RIGHT, ROOT },
	  { "key=\"rsa-right.key\" cert=\"rsa-right.pem\" send-cert=\"never\" id=\"right.example\"", TO_LEFT, ROOT }, LEFT, "cert-weak-key",
	  "has an RSA key of 1024 bits, and 2048 to 8192 are taken" },
	{ "another certificate than the one that is named", { LEFT_CERT "send-cert=\"always\" id=\"left.example\"", TO_RIGHT, ROOT },
	  { RIGHT_CERT "id=\"right.example\"", "cert=\"bare.pem\"", "" }, RIGHT, "cert-not-pinned", "that connection t names with cert=" },
};

static void refused(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct pair *pair = pair_of(bad[i].left, bad[i].right);
		const struct side *side = &pair->side[bad[i].who];
		CU_ASSERT_FALSE(pair_up(pair, 5000));
		pair_run(pair, 10000);
		bool is_said = side_said(side, bad[i].line) && side_said(side, bad[i].code);
		if (!is_said)
			printf("%s: not said: %s\nbut: %s: %s\n", bad[i].says, bad[i].line, side->last_code, side->last_text);
		CU_ASSERT(is_said);
		CU_ASSERT_EQUAL(side_sas(&pair->side[!PHASE1_LAST]), 0);
		/* Its own reason, within seconds. */
		if (bad[i].who == LEFT) {
			CU_ASSERT(side->failed_finally);
			CU_ASSERT_STRING_EQUAL(side->last_code, bad[i].code);
		}
		pair_run(pair, 200000);
		/*
		 * Who sends the last message has done its part: that the other does not take it, silence tells. A responder waits for that (dpd), an
		 * initiator has begun Quick Mode.
		 */
		CU_ASSERT_EQUAL(side_all(&pair->side[!PHASE1_LAST]), 0);
		CU_ASSERT_EQUAL(side_all(&pair->side[PHASE1_LAST]), (int)PHASE1_LAST == (int)RIGHT && bad[i].who == LEFT);
		pair_free(pair);
	}
}

/*
 * Whoever makes himself a certificate with the names of all peers of a gateway has it look at that certificate once for all who trust the same
 * authorities, not once for each.
 */
static void many_meant(void)
{
	static char document[32 * 1024];
	char left_document[2048];
	size_t used = (size_t)snprintf(document, sizeof(document), "<keyferry xmlns=\"urn:keyferry:1\">" ROOT OTHER);
	unsigned looked_at = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		used += (size_t)snprintf(document + used, sizeof(document) - used,
					 "<connection name=\"g%d\"><local address=\"192.0.2.2\" " RIGHT_CERT "id=\"right.example\"/>"
					 "<remote address=\"192.0.2.1\" id=\"g%d.example\" ca=\"root\"/><phase1 auth=\"signature\"" PHASE1
					 " proposals=\"aes128-sha256-curve25519\"/><child name=\"c\" proposals=\"aes128gcm16\" local=\"10.2.0.0/24\" "
					 "remote=\"10.1.%d.0/24\"/></connection>", i, i, i);
	snprintf(document + used, sizeof(document) - used, "</keyferry>");
	snprintf(left_document, sizeof(left_document),
		 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.1\" key=\"many.key\" cert=\"many.pem\" "
		 "send-cert=\"always\" id=\"left.example\"/><remote address=\"192.0.2.2\" id=\"right.example\"/><phase1 auth=\"signature\"" PHASE1
		 " proposals=\"aes128-sha256-curve25519\"/><child name=\"c\" proposals=\"aes128gcm16\" local=\"10.1.0.0/24\" remote=\"10.2.0.0/24\"/>"
		 "</connection>" ROOT "</keyferry>");
	struct pair_options options = { .left = left_document, .right = document, .left_psk = "", .right_psk = "", .files = files };
	struct pair *pair = pair_new(&options);
	const struct side *side = &pair->side[RIGHT];

	CU_ASSERT_FALSE(pair_up(pair, 500));
	for (size_t i = 0; i < side->line_count; i++)
		looked_at += strstr(side->lines[i], "does not take the peer's proof") != NULL;
	CU_ASSERT_EQUAL(looked_at, 1);
	CU_ASSERT(side_said(side, "certificate CN=many (serial "));
	CU_ASSERT(side_said(side, "cert-untrusted"));
	pair_free(pair);
}

/* ---- on the wire ---- */

/* Bits of the messages with the proofs flipped, before the good ones arrive. */
struct flips {
	unsigned number;
	size_t bit, bits;
};

static unsigned flip(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct flips *flips = arg;

	if (packet->number != flips->number)
		return 1;
	flips->bits = packet->len * 8;
	struct wire_packet copy = *packet;
	copy.data[flips->bit / 8] ^= (uint8_t)(0x80 >> flips->bit % 8);
	pair_inject(pair, &copy);
	return 1;
}

static void damaged(void)
{
	for (unsigned number = PHASE1_PROOF_I < PHASE1_PROOF_R ? PHASE1_PROOF_I : PHASE1_PROOF_R, i = 0; i < 2; i++, number++) {
		struct flips flips = { .number = number };
		do {
			struct pair *pair = pair_of(good[0].left, good[0].right);
			pair->filter = flip;
			pair->filter_arg = &flips;
			bool is_up = pair_up(pair, 20000);
			if (!is_up)
				printf("packet %u, bit %zu did harm\n", number, flips.bit);
			CU_ASSERT(is_up);
			pair_free(pair);
			flips.bit += 397;
		} while (flips.bit < flips.bits);
	}
}

/* A chain that an authority renews comes with the next phase 1; the SAs stay. */
static void renewed(void)
{
	struct pair *pair = pair_of(good[0].left, good[0].right);

	CU_ASSERT(pair_up(pair, 5000));
	pair_run(pair, 6000);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(shard_renew(side_find(&pair->side[i], "t"), NULL), 0);
		pair_run(pair, 30000);
		CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 1);
		CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	}
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "certificates are asked for, sent and taken as each end says", comes_up },
	{ "status shows the certificate of the peer and how long it is valid", shown },
	{ "each certificate that is not taken has its line", refused },
	{ "a certificate that many connections could mean is looked at once for all with the same authorities", many_meant },
	{ "no bit that is flipped in a message with certificates does harm", damaged },
	{ "phase 1 is renewed with certificates, whoever begins", renewed },
};

int main(void)
{
	make_all();
	return unit_run("pairs-certs", cases, COUNT(cases));
}
