/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_ids.c - whole negotiations of two ends with identities of every type, the pre-shared key chosen by them; and ID payloads with the
 * protocols and ports that peers send. identity_put() below stands in front of the library's own (the program exports it).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pair.h"

static const char psk[] = "a pre-shared key of some length\n";

/* ---- what stands in the ID payload ---- */

static uint8_t sent_protocol;
static uint16_t sent_port;

void identity_put(struct writer *w, const struct identity *id)
{
	put_u8(w, id->type);
	put_u8(w, sent_protocol);
	put_u16(w, sent_port);
	put_bytes(w, id->data);
}

/* ---- two ends ---- */

/* What one end says, and expects; NULL: its address. */
struct end {
	const char *id, *expects, *match;
};

static void attribute(char out[300], const char *name, const char *value)
{
	out[0] = '\0';
	if (value)
		snprintf(out, 300, " %s=\"%s\"", name, value);
}

/* A key for the two ids, and one for everybody that is another at each end: who takes that one does not come up. */
static void document(char out[3000], const struct end *end, int which)
{
	static const char *const host[] = { "192.0.2.1", "192.0.2.2" };
	char id[300], expects[300], match[300];

	attribute(id, "id", end->id);
	attribute(expects, "id", end->expects);
	attribute(match, "id-match", end->match);
	snprintf(out, 3000,
		 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"%s\"%s/><remote address=\"%s\"%s%s/>"
		 "<phase1 proposals=\"aes128-sha256-curve25519\"/>"
		 "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection>"
		 "<psk ids=\"'%s' '%s'\"%s file=\"psk\"/></keyferry>",
		 host[which], id, host[!which], expects, match, which + 1, !which + 1, end->id ? end->id : host[which],
		 end->expects ? end->expects : host[!which], match);
}

static struct pair *ends_new(const struct end *left, const struct end *right)
{
	char documents[SIDES][3000];

	document(documents[LEFT], left, LEFT);
	document(documents[RIGHT], right, RIGHT);
	struct pair_options options = { .left = documents[LEFT], .right = documents[RIGHT], .left_psk = psk, .right_psk = psk };
	return pair_new(&options);
}

static bool come_up(const struct end *left, const struct end *right)
{
	struct pair *pair = ends_new(left, right);
	bool is_up = pair_up(pair, 2000);

	if (!is_up)
		printf("%s and %s: %s / %s\n", left->id, right->id, pair->side[LEFT].last_text, pair->side[RIGHT].last_text);
	pair_free(pair);
	return is_up;
}

/* Who is wrong about the other says so, in these words, and the other is told. */
static void refuses(unsigned which, const struct end *left, const struct end *right, const char *words)
{
	struct pair *pair = ends_new(left, right);
	struct side *side = &pair->side[which];

	CU_ASSERT(!pair_up(pair, 2000));
	CU_ASSERT_STRING_EQUAL(side->last_code, "id-mismatch");
	CU_ASSERT_PTR_NOT_NULL(strstr(side->last_text, words));
	if (!strstr(side->last_text, words))
		printf("wanted \"%s\": %s\n", words, side->last_text);
	pair_free(pair);
}

/* ---- cases ---- */

static void every_type(void)
{
	static const struct end ends[][SIDES] = {
		{ { NULL, NULL, NULL }, { NULL, NULL, NULL } },
		{ { "10.9.0.1", "10.9.0.2", NULL }, { "10.9.0.2", "10.9.0.1", NULL } },
		{ { "2001:db8::1", "fqdn:2001:db8::1", NULL }, { "fqdn:2001:db8::1", "2001:db8::1", NULL } },
		{ { "gw.left.example", "gw.right.example", NULL }, { "GW.RIGHT.example", "GW.left.EXAMPLE", NULL } },
		{ { "a@left.example", "b@right.example", NULL }, { "b@RIGHT.example", "a@LEFT.example", NULL } },
		{ { "keyid:left", "keyid:0x00ff", NULL }, { "keyid:#00ff", "@[left]", NULL } },
		{ { "C=CH, O=Left, CN=l", "/C=CH/O=Right/CN=r", NULL }, { "rfc4514:cn=R,o= right ,c=ch", "C=CH,O=left,CN=L", NULL } },
		{ { "gn:#8205722e657861", "r.exa", NULL }, { "r.exa", "gn:#8205722e657861", NULL } },
		{ { "uri:http://left/", "gn:#8801ff", NULL }, { "gn:#8801ff", "uri:http://left/", NULL } },
		{ { "l.example", "*.example", "wildcards" }, { "r.example", "l.example", NULL } },
		{ { "l.example", "*@example", "wildcards" }, { "r@example", "*.example", "wildcards" } },
		{ { "C=CH, O=Left, CN=l", "C=CH, O=*, CN=*", "wildcards" }, { "C=CH, O=Right, CN=r", "CN=l, O=*, C=CH", "reordered wildcards" } },
		{ { "10.9.0.1", "ipv4net:10.8.0.0/16", NULL }, { "10.8.1.1", "ipv4range:10.9.0.1-10.9.0.9", NULL } },
	};

	for (size_t i = 0; i < COUNT(ends); i++)
		CU_ASSERT(come_up(&ends[i][LEFT], &ends[i][RIGHT]));
}

static void wrong_ids(void)
{
	static const struct {
		unsigned who;
		struct end ends[SIDES];
		const char *words;
	} cases[] = {
		{ LEFT, { { NULL, "gw.example", NULL }, { "gx.example", NULL, NULL } },
		  "the peer says it is gx.example (FQDN), connection t expects gw.example (FQDN): correct id= of <remote> here, or the peer's own ID" },
		{ RIGHT, { { "gx.example", NULL, NULL }, { NULL, "gw.example", NULL } },
		  "the peer says it is gx.example (FQDN), connection t expects gw.example (FQDN): correct id=" },
		{ RIGHT, { { "keyid:gw.example", NULL, NULL }, { NULL, "gw.example", NULL } },
		  "the peer says it is gw.example (KEY_ID), connection t expects gw.example (FQDN): the names are equal but their types differ" },
		{ RIGHT, { { "C=CH, O=Example, CN=gw", NULL, NULL }, { NULL, "O=Example, C=CH, CN=gw", NULL } },
		  "expects O=Example, C=CH, CN=gw (DN): only the order differs" },
		{ RIGHT, { { "C=CH, O=Example, CN=gw", NULL, NULL }, { NULL, "C=CH, O=Example, CN=*", "wildcards" } }, NULL },
		{ RIGHT, { { "C=CH, O=Example, OU=x, CN=gw", NULL, NULL }, { NULL, "C=CH, O=Example, CN=*", "wildcards" } },
		  "the peer says it is C=CH, O=Example, OU=x, CN=gw (DN), connection t expects C=CH, O=Example, CN=* (DN)" },
		{ LEFT, { { NULL, "ipv4net:10.8.0.0/16", NULL }, { "10.9.0.1", NULL, NULL } }, "expects 10.8.0.0/16 (IPv4 range)" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		if (cases[i].words)
			refuses(cases[i].who, &cases[i].ends[LEFT], &cases[i].ends[RIGHT], cases[i].words);
		else
			CU_ASSERT(come_up(&cases[i].ends[LEFT], &cases[i].ends[RIGHT]));
}

/* In Main Mode the key was chosen before the peer said who it is. */
static void id_with_another_key(void)
{
	static const char head[] =
		"<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"%s\"%s/><remote address=\"%s\"%s/>"
		"<phase1 proposals=\"aes128-sha256-curve25519\"/>"
		"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection>"
		"<psk ids=\"%%any\" file=\"psk\"/>%s</keyferry>";
	char left[3000], right[3000], other[] = "/tmp/keyferry-pairs-ids-XXXXXX", more[200];
	int fd = mkstemp(other);

	CU_ASSERT_FATAL(fd >= 0 && write(fd, "another secret, for another peer\n", 33) == 33);
	close(fd);
	snprintf(more, sizeof(more), "<psk ids=\"gw.example\" file=\"%s\"/>", other);
	snprintf(left, sizeof(left), head, "192.0.2.1", " id=\"gw.example\"", "192.0.2.2", "", 1, 2, "");
	snprintf(right, sizeof(right), head, "192.0.2.2", "", "192.0.2.1", " id=\"%any\"", 2, 1, more);
	struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk };
	struct pair *pair = pair_new(&options);
	CU_ASSERT(!pair_up(pair, 2000));
	CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "id-mismatch");
	CU_ASSERT_PTR_NOT_NULL(strstr(pair->side[RIGHT].last_text, "says it is gw.example (FQDN), which has another secret than the one that"));
	pair_free(pair);
	unlink(other);
}

static unsigned behind_nat(struct pair *pair, struct wire_packet *packet, void *arg)
{
	(void)pair;
	(void)arg;
	CU_ASSERT_EQUAL(address_parse(packet->to == RIGHT ? &packet->from : &packet->dest, packet->to == RIGHT ? "203.0.113.9" : "192.0.2.1"), 0);
	packet->from.port = packet->dest.port = packet->nat_port ? IKE_NAT_PORT : IKE_PORT;
	return 1;
}

/* The left end has no name, and the right one knows it by the address of the NAT. */
static void address_behind_nat(void)
{
	static const char head[] =
		"<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"%s\"/><remote address=\"%s\"%s/>"
		"<phase1 proposals=\"aes128-sha256-curve25519\"/>"
		"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection>"
		"<psk ids=\"%%any\" file=\"psk\"/></keyferry>";
	char left[2000], right[2000];

	snprintf(left, sizeof(left), head, "192.0.2.1", "192.0.2.2", "", 1, 2);
	for (int i = 0; i < 2; i++) {
		snprintf(right, sizeof(right), head, "192.0.2.2", "203.0.113.9", i ? " id=\"192.0.2.1\"" : "", 2, 1);
		struct pair_options options = { .left = left, .right = right, .left_psk = psk, .right_psk = psk,
						.kernel_features = KERNEL_UDP_ENCAP | KERNEL_TRANSPORT };
		struct pair *pair = pair_new(&options);
		pair->filter = behind_nat;
		CU_ASSERT_EQUAL(pair_up(pair, 2000), i == 1);
		if (i == 0)
			CU_ASSERT_PTR_NOT_NULL(strstr(pair->side[RIGHT].last_text,
						      "the peer says it is 192.0.2.1 (IPv4), connection t expects 203.0.113.9 (IPv4): it is behind a NAT"));
		pair_free(pair);
	}
}

static void protocols_and_ports(void)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
		const char *refused;
	} cases[] = {
		{ 0, 0, NULL }, { 17, 500, NULL }, { 17, 4500, NULL }, { 17, 0, NULL },
		{ 6, 500, "neither zero nor those of IKE (type FQDN, protocol 6, port 500, and 12 octets)" },
		{ 17, 501, "protocol 17, port 501" }, { 0, 500, "protocol 0, port 500" }, { 50, 0, "protocol 50, port 0" },
	};
	static const struct end left = { "left.example", NULL, NULL }, right = { NULL, "left.example", NULL };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair *pair = ends_new(&left, &right);

		sent_protocol = cases[i].protocol;
		sent_port = cases[i].port;
		CU_ASSERT_EQUAL(pair_up(pair, 2000), cases[i].refused == NULL);
		if (cases[i].refused) {
			CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "malformed");
			CU_ASSERT_PTR_NOT_NULL(strstr(pair->side[RIGHT].last_text, cases[i].refused));
		}
		sent_protocol = 0;
		sent_port = 0;
		pair_free(pair);
	}
}

static const struct unit_case cases[] = {
	{ "ends with identities of every type come up with the key that names them", every_type },
	{ "a wrong identity is told with its type, what is expected, and what to change", wrong_ids },
	{ "an identity whose key is another than its address's is told", id_with_another_key },
	{ "an end behind a NAT that has no name is told so", address_behind_nat },
	{ "ID payloads have protocol and port of IKE, or none", protocols_and_ports },
};

UNIT_MAIN("pairs_ids", cases)
