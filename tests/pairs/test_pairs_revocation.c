/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_revocation.c - phase 1 with certificates whose authority tells what is revoked, from a web server that does its worst. The
 * fetches take real time, so the pair's clock goes along with it where something is waited for.
 */
#include <time.h>
#include <unistd.h>

#include "pair.h"
#include "pki.h"
#include "web_server.h"

enum { FILES_MAX = 16, BEFORE = 100, MEANWHILE = 200, MANY = 500, DOCUMENT_MAX = 400 * MANY + 4096 };

static struct pki_cert root, slow, stranger, right, left, lost, hanging, told, strange;
static gnutls_datum_t root_crl;
static struct pair_file files[FILES_MAX + 1];
static size_t file_count;
static struct web_server server;
static atomic_bool is_held;                /* the CRL is not sent yet */

/* ---- certificates and the server ---- */

static char *text_of(gnutls_datum_t datum)
{
	char *text = strndup((const char *)datum.data, datum.size);

	gnutls_free(datum.data);
	return text;
}

static void add_files(const char *name, const struct pki_cert *cert)
{
	gnutls_datum_t key;
	char *path[2];

	if (asprintf(&path[0], "%s.pem", name) < 0 || asprintf(&path[1], "%s.key", name) < 0 || file_count + 2 > FILES_MAX ||
	    gnutls_x509_privkey_export2_pkcs8(cert->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key) < 0)
		abort();
	files[file_count++] = (struct pair_file){ path[0], text_of(pki_pem(cert)), 0 };
	files[file_count++] = (struct pair_file){ path[1], text_of(key), 0 };
}

static void make(struct pki_cert *out, struct pki_spec spec, const struct pki_cert *issuer)
{
	spec.from = time(NULL) - PKI_DAY;
	spec.until = time(NULL) + 90 * PKI_DAY;
	pki_make(out, &spec, issuer);
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void make_all(void)
{
	const struct pki_cert *revoked[] = { &lost };
	static char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/told", server.port);
	make(&root, (struct pki_spec){ .dn = "CN=root", .role = PKI_CA }, NULL);
	make(&slow, (struct pki_spec){ .dn = "CN=slow", .role = PKI_CA }, NULL);
	make(&right, (struct pki_spec){ .dn = "CN=right", .names = NAMES("dns:right.example") }, &root);
	make(&left, (struct pki_spec){ .dn = "CN=left", .names = NAMES("dns:left.example") }, &root);
	make(&lost, (struct pki_spec){ .dn = "CN=lost", .names = NAMES("dns:left.example") }, &root);
	make(&hanging, (struct pki_spec){ .dn = "CN=hanging", .names = NAMES("dns:left.example") }, &slow);
	make(&stranger, (struct pki_spec){ .dn = "CN=slow", .role = PKI_CA }, NULL);
	make(&told, (struct pki_spec){ .dn = "CN=told", .names = NAMES("dns:left.example"), .crl_url = url }, &slow);
	make(&strange, (struct pki_spec){ .dn = "CN=strange", .names = NAMES("dns:left.example"), .crl_url = url }, &stranger);
	root_crl = pki_crl_at(&root, revoked, 1, 1, time(NULL) - PKI_DAY, time(NULL) + PKI_DAY);
	add_files("root", &root);
	add_files("slow", &slow);
	add_files("right", &right);
	add_files("left", &left);
	add_files("lost", &lost);
	add_files("hanging", &hanging);
	add_files("told", &told);
	add_files("strange", &strange);
}

static void serve(struct web_request *request)
{
	const char *path = request->path;

	if (strcmp(path, "/root.crl") == 0) {
		while (atomic_load(&is_held))
			usleep(1000);
		web_answer(request, 200, "", bytes_of(root_crl.data, root_crl.size));
	} else if (strcmp(path, "/drip") == 0) {
		web_drip(request);
	} else if (strcmp(path, "/hang") == 0) {
		web_hang(request);
	} else if (strcmp(path, "/huge") == 0) {
		web_flood(request, UINT64_C(1) << 30, false);
	} else if (strcmp(path, "/loop") == 0) {
		web_answer(request, 302, "Location: /loop\r\n", bytes_text(""));
	} else if (strcmp(path, "/to-file") == 0) {
		web_answer(request, 302, "Location: file:///etc/hostname\r\n", bytes_text(""));
	}
	/* "/close": without an answer. */
}

/* ---- two ends ---- */

/* Nothing of the machine's is read or written. */
static const struct config_attribute attributes[] = { { "name", "cert-revocation" }, { "cache", "none" }, { "crls", "none" }, { "crl-size", "1048576" } };
static const struct config_node node = { .name = "plugin", .file = "test", .attributes = attributes, .attribute_count = COUNT(attributes), .text = "" };
/* So that what a certificate names could be reached. */
static const struct config_attribute fetch_attributes[] = { { "name", "fetch-curl" }, { "allow", "127.0.0.1" } };
static const struct config_node fetch_node = {
	.name = "plugin", .file = "test", .attributes = fetch_attributes, .attribute_count = COUNT(fetch_attributes), .text = "",
};
static const struct config_node *const children[] = { &node, &fetch_node };
static const struct config_node top = { .name = "keyferry", .file = "test", .children = children, .child_count = COUNT(children), .text = "" };

#define HOW "<phase1" PHASE1 " auth=\"signature\" proposals=\"aes128-sha256-curve25519\"/><child name=\"c\" proposals=\"aes128gcm16\" "

/*
 * On the left "t" with the certificate `name`, and "h" from another address with `other`, of the slow authority, whose CRL is at `path`
 * ("": no place is configured).
 */
static struct pair *pair_with(const char *name, const char *other, const char *path, const char *policy)
{
	char document[SIDES][4096], place[128] = "";

	if (path[0])
		snprintf(place, sizeof(place), "crl=\"http://127.0.0.1:%u%s\" ", server.port, path);
	snprintf(document[LEFT], sizeof(document[LEFT]), "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.1\" "
		 "id=\"left.example\" key=\"%s.key\" cert=\"%s.pem\"/><remote address=\"192.0.2.2\" id=\"right.example\"/>"
		 HOW "local=\"10.1.0.0/24\" remote=\"10.2.0.0/24\"/></connection>"
		 "<connection name=\"h\" dpd=\"no\"><local address=\"192.0.2.3\" id=\"left.example\" key=\"%s.key\" cert=\"%s.pem\" send-cert=\"always\"/>"
		 "<remote address=\"192.0.2.2\" id=\"right.example\"/>"
		 HOW "local=\"10.3.0.0/24\" remote=\"10.2.0.0/24\"/></connection>"
		 "<ca name=\"root\" file=\"root.pem\" revocation=\"off\"/></keyferry>", name, name, other, other);
	snprintf(document[RIGHT], sizeof(document[RIGHT]), "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.2\" "
		 "id=\"right.example\" key=\"right.key\" cert=\"right.pem\"/><remote address=\"192.0.2.1\" id=\"left.example\" ca=\"root\"/>"
		 HOW "local=\"10.2.0.0/24\" remote=\"10.1.0.0/24\"/>"
		 "</connection><connection name=\"h\" dpd=\"no\"><local address=\"192.0.2.2\" id=\"right.example\" key=\"right.key\" cert=\"right.pem\"/>"
		 "<remote address=\"192.0.2.3\" id=\"left.example\" ca=\"slow\"/>"
		 HOW "local=\"10.2.0.0/24\" remote=\"10.3.0.0/24\"/></connection>"
		 "<ca name=\"root\" file=\"root.pem\" crl=\"http://127.0.0.1:%u/root.crl\" revocation=\"strict\"/>"
		 "<ca name=\"slow\" file=\"slow.pem\" %srevocation=\"%s\"/></keyferry>", server.port, place, policy);
	struct pair_options options = { .left = document[LEFT], .right = document[RIGHT], .left_psk = "", .right_psk = "", .files = files, .root = &top };
	return pair_new(&options);
}

static struct pair *pair_of(const char *name, const char *path, const char *policy)
{
	return pair_with(name, "hanging", path, policy);
}

/* A millisecond of the pair's for one of ours at least, until it is so, for ten seconds. */
static bool run_until(struct pair *pair, bool (*is_so)(const struct pair *pair))
{
	for (int i = 0; i < 10000 && !is_so(pair); i++) {
		pair_run(pair, 1);
		usleep(1000);
	}
	return is_so(pair);
}

static bool is_up(const struct pair *pair)
{
	return side_children(&pair->side[LEFT]) == 1 && side_children(&pair->side[RIGHT]) == 1;
}

static bool is_refused(const struct pair *pair)
{
	return pair->side[RIGHT].events[EVENT_FAILURE] > 0;
}

/* ---- cases ---- */

static void good_and_revoked(void)
{
	struct pair *pair = pair_of("left", "/hang", "strict");

	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	CU_ASSERT(run_until(pair, is_up));
	pair_free(pair);
	pair = pair_of("lost", "/hang", "strict");
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	CU_ASSERT(run_until(pair, is_refused));
	CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "revoked-by-crl");
	CU_ASSERT(side_said(&pair->side[RIGHT], "certificate \"CN=lost\" (serial "));
	CU_ASSERT(side_said(&pair->side[RIGHT], "says the CRL of http://127.0.0.1:"));
	CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 0);
	pair_free(pair);
}

/* What the CRL server does at once is told at once. */
static void server_faults(void)
{
	static const struct {
		const char *path, *says;
	} rows[] = {
		{ "/huge", "it has more than 1048576 octets" }, { "/loop", "it is redirected more than 5 times" },
		{ "/to-file", "it is redirected to a scheme other than http and https" }, { "/close", "Empty reply from server" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pair *pair = pair_of("left", rows[i].path, "strict");
		CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "h", NULL), 0);
		CU_ASSERT(run_until(pair, is_refused));
		CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "revocation-unreachable");
		CU_ASSERT(side_said(&pair->side[RIGHT], rows[i].says));
		CU_ASSERT(side_said(&pair->side[RIGHT], "has revocation=\"strict\": mend that, or name another place"));
		pair_free(pair);
		pair = pair_of("left", rows[i].path, "if-possible");
		CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "h", NULL), 0);
		CU_ASSERT(run_until(pair, is_up));
		CU_ASSERT(side_said(&pair->side[RIGHT], "revocation=\"if-possible\" lets it pass"));
		pair_free(pair);
	}
}

/* CVE-2022-40617: else anybody could have us fetch from where he likes, before we know him. */
static void strangers_name_no_place(void)
{
	struct pair *pair = pair_with("left", "told", "", "strict");
	unsigned before = atomic_load(&server.requests);

	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "h", NULL), 0);
	CU_ASSERT(run_until(pair, is_refused));
	CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "revocation-unreachable");
	CU_ASSERT_EQUAL(atomic_load(&server.requests), before + 1);
	pair_free(pair);
	pair = pair_with("left", "strange", "", "strict");
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "h", NULL), 0);
	CU_ASSERT(run_until(pair, is_refused));
	CU_ASSERT_STRING_NOT_EQUAL(pair->side[RIGHT].last_code, "revocation-unreachable");
	pair_run(pair, 1000);
	usleep(200000);
	pair_run(pair, 1000);
	CU_ASSERT_EQUAL(atomic_load(&server.requests), before + 1);
	pair_free(pair);
}

/* ---- in the middle of a phase 1: the right end looks, and is initiator or responder ---- */

/* Who has said its last message cannot know whether the other end takes it. */
static bool left_spoke_last(unsigned initiator)
{
	const unsigned last = PHASE1_LAST;

	return (initiator == LEFT) == (last == LEFT);
}

static unsigned warned(const struct side *side, const char *code)
{
	unsigned count = 0;

	for (size_t i = 0; i < side->line_count && i < LOG_KEPT; i++)
		count += strstr(side->lines[i], "warn ") && strstr(side->lines[i], code);
	return count;
}

/* Nothing is left but what one end cannot know of, and nothing was ever up. */
static void check_refused(const struct pair *pair, unsigned initiator, const char *code)
{
	const struct side *left_side = &pair->side[LEFT], *right_side = &pair->side[RIGHT];

	CU_ASSERT_EQUAL(warned(right_side, code), 1);
	CU_ASSERT_EQUAL(right_side->events[EVENT_IKE_UP] + right_side->events[EVENT_CHILD_UP] + left_side->events[EVENT_CHILD_UP], 0);
	CU_ASSERT_EQUAL(left_side->events[EVENT_IKE_UP], left_spoke_last(initiator));
	CU_ASSERT(side_said(left_side, "AUTHENTICATION-FAILED in the clear"));
	CU_ASSERT_EQUAL(side_all(right_side), 0);
}

static void waits_and_goes_on(void)
{
	for (unsigned initiator = LEFT; initiator < SIDES; initiator++) {
		struct pair *pair = pair_of("left", "/hang", "strict");
		const struct side *left_side = &pair->side[LEFT], *right_side = &pair->side[RIGHT];

		atomic_store(&is_held, true);
		CU_ASSERT_EQUAL(side_up(&pair->side[initiator], "t", NULL), 0);
		pair_run(pair, 50);
		CU_ASSERT(side_said(right_side, "waiting for CRLs and OCSP answers"));
		CU_ASSERT_EQUAL(left_side->events[EVENT_IKE_UP], left_spoke_last(initiator));
		/* Messages come again meanwhile, and of Quick Mode too from who thinks that phase 1 is over. */
		pair_run(pair, CERT_CHECK_SECONDS * 1000 / 2);
		CU_ASSERT_EQUAL(right_side->events[EVENT_IKE_UP] + right_side->events[EVENT_FAILURE], 0);
		CU_ASSERT_EQUAL(left_side->events[EVENT_IKE_UP], left_spoke_last(initiator));
		atomic_store(&is_held, false);
		CU_ASSERT(run_until(pair, is_up));
		CU_ASSERT_EQUAL(side_sas(left_side), 1);
		CU_ASSERT_EQUAL(side_sas(right_side), 1);
		CU_ASSERT(pair_keys_agree(pair));
		pair_free(pair);
	}
}

static void waits_and_refuses(void)
{
	for (unsigned initiator = LEFT; initiator < SIDES; initiator++) {
		struct pair *pair = pair_of("lost", "/hang", "strict");
		const struct side *right_side = &pair->side[RIGHT];

		atomic_store(&is_held, true);
		CU_ASSERT_EQUAL(side_up(&pair->side[initiator], "t", NULL), 0);
		pair_run(pair, CERT_CHECK_SECONDS * 1000 / 2);
		CU_ASSERT_EQUAL(right_side->events[EVENT_FAILURE], 0);
		atomic_store(&is_held, false);
		CU_ASSERT(run_until(pair, is_refused));
		CU_ASSERT_STRING_EQUAL(right_side->last_code, "revoked-by-crl");
		pair_run(pair, 60000);
		check_refused(pair, initiator, "revoked-by-crl: certificate \"CN=lost\"");
		pair_free(pair);
	}
}

static void waits_in_vain(void)
{
	for (unsigned initiator = LEFT; initiator < SIDES; initiator++) {
		struct pair *pair = pair_of("left", "/hang", "strict");

		CU_ASSERT_EQUAL(side_up(&pair->side[initiator], "h", NULL), 0);
		pair_run(pair, CERT_CHECK_SECONDS * 1000 - 500);
		CU_ASSERT_EQUAL(pair->side[RIGHT].events[EVENT_FAILURE], 0);
		pair_run(pair, 1000);
		CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "revocation-timeout");
		pair_run(pair, 60000);
		check_refused(pair, initiator, "revocation-timeout: whether \"CN=hanging\"");
		pair_free(pair);
	}
}

static double wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Negotiations of "t", one after the other; the median of what they take, in ms of real time. */
static double median_of(struct pair *pair, size_t count)
{
	double took[MEANWHILE];

	for (size_t i = 0; i < count; i++) {
		double before = wall_ms();
		CU_ASSERT(pair_up(pair, 1000));
		took[i] = wall_ms() - before;
		(void)side_down(&pair->side[LEFT], "t", NULL);
		pair_run(pair, 3);
		CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 0);
	}
	qsort(took, count, sizeof(took[0]), by_size);
	return took[count / 2];
}

static void hangs(void)
{
	static const char *const paths[] = { "/hang", "/drip" };

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct pair *pair = pair_of("left", paths[i], "strict");
		const struct side *side = &pair->side[RIGHT];
		CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
		CU_ASSERT(run_until(pair, is_up));
		(void)side_down(&pair->side[LEFT], "t", NULL);
		pair_run(pair, 3);
		double before = median_of(pair, BEFORE);
		CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "h", NULL), 0);
		pair_run(pair, 20);
		uint64_t began = pair->now;
		double meanwhile = median_of(pair, MEANWHILE);
		CU_ASSERT(pair->now - began < CERT_CHECK_SECONDS * 1000);
		printf("CRL server %s: median of %d negotiations with other certificates %.2f ms, of %d while it hangs %.2f ms\n", paths[i] + 1, BEFORE,
		       before, MEANWHILE, meanwhile);
		/* It waits still, and no longer than it should. */
		CU_ASSERT_FALSE(side_said(side, "revocation-timeout"));
		pair_run(pair, began + CERT_CHECK_SECONDS * 1000 - 500 - pair->now);
		CU_ASSERT_FALSE(side_said(side, "revocation-timeout"));
		pair_run(pair, 1000);
		CU_ASSERT(side_said(side, "revocation-timeout"));
		CU_ASSERT(side_said(side, "it has not answered in 10 seconds"));
		pair_free(pair);
	}
}

static bool all_up(const struct pair *pair)
{
	return pair->side[RIGHT].events[EVENT_IKE_UP] >= MANY;
}

static void one_fetch(void)
{
	static char many[DOCUMENT_MAX];
	char right_document[2048];
	size_t used = 0;
	char name[16];

	used += (size_t)snprintf(many, sizeof(many), "<keyferry xmlns=\"urn:keyferry:1\"><ca name=\"root\" file=\"root.pem\" revocation=\"off\"/>");
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(many + used, sizeof(many) - used, "<connection name=\"c%d\" dpd=\"no\"><local address=\"10.0.%d.%d\" id=\"left.example\" "
					 "key=\"left.key\" cert=\"left.pem\"/><remote address=\"192.0.2.2\" id=\"right.example\"/>"
					 HOW "remote=\"10.2.0.0/24\"/></connection>", i, i / 200, i % 200 + 1);
	snprintf(many + used, sizeof(many) - used, "</keyferry>");
	snprintf(right_document, sizeof(right_document), "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\" unique=\"never\"><local "
		 "address=\"192.0.2.2\" id=\"right.example\" key=\"right.key\" cert=\"right.pem\"/><remote address=\"%%any\" id=\"%%any\"/>"
		 HOW "local=\"10.2.0.0/24\"/></connection>"
		 "<ca name=\"root\" file=\"root.pem\" crl=\"http://127.0.0.1:%u/root.crl\" revocation=\"strict\"/></keyferry>", server.port);
	struct pair_options options = { .left = many, .right = right_document, .left_psk = "", .right_psk = "", .files = files, .root = &top };
	struct pair *pair = pair_new(&options);
	unsigned before = atomic_load(&server.requests);
	atomic_store(&is_held, true);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], name, NULL), 0);
	}
	pair_run(pair, 50);
	CU_ASSERT_EQUAL(pair->side[RIGHT].events[EVENT_IKE_UP], 0);
	atomic_store(&is_held, false);
	CU_ASSERT(run_until(pair, all_up));
	CU_ASSERT_EQUAL(atomic_load(&server.requests), before + 1);
	printf("%u negotiations with certificates of one authority: %u fetch of its CRL\n", pair->side[RIGHT].events[EVENT_IKE_UP],
	       atomic_load(&server.requests) - before);
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "a certificate that the CRL does not name is taken, and one that it names is refused", good_and_revoked },
	{ "a CRL server that floods, redirects or breaks off is told of at once; strict refuses, if-possible takes", server_faults },
	{ "what a certificate of a stranger names is not asked", strangers_name_no_place },
	{ "an end that waits for a CRL goes on when that is there, as initiator and as responder", waits_and_goes_on },
	{ "an end that waits for a CRL refuses whom that names, as initiator and as responder", waits_and_refuses },
	{ "an end that waits for a CRL in vain refuses by the deadline, as initiator and as responder", waits_in_vain },
	{ "while a CRL server hangs others negotiate, and who needs it ends by the deadline", hangs },
	{ "500 negotiations with certificates of one authority fetch its CRL once", one_fetch },
};

int main(void)
{
	server.serve = serve;
	if (web_open(&server))
		return EXIT_FAILURE;
	make_all();
	int status = unit_run("pairs-revocation", cases, COUNT(cases));
	web_close(&server);
	return status;
}
