/* SPDX-License-Identifier: MIT */
/* test_pairs_signature.c - phase 1 with signatures: every method, both roles, both backends; with keys that know each other. */
#include <unistd.h>

#include "auth.h"
#include "pair.h"
#include "test_keys.h"

enum { FILES = 5 };

/* "left.key", "left.pub", "right.key", "right.pub" of a kind. */
static void key_files(struct pair_file files[FILES], const struct test_key *key)
{
	files[0] = (struct pair_file){ "left.key", key->private_pem[LEFT], 0 };
	files[1] = (struct pair_file){ "left.pub", key->public_pem[LEFT], 0 };
	files[2] = (struct pair_file){ "right.key", key->private_pem[RIGHT], 0 };
	files[3] = (struct pair_file){ "right.pub", key->public_pem[RIGHT], 0 };
	files[4] = (struct pair_file){ NULL, NULL, 0 };
}

/* `local` and `remote` are attributes. */
static void document(char out[2048], int which, const char *ike, const char *local, const char *remote)
{
	static const char *const host[] = { "192.0.2.1", "192.0.2.2" };

	snprintf(out, 2048,
		 "<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"%s\" %s/><remote address=\"%s\" %s/>"
		 "<phase1 auth=\"signature\" proposals=\"%s\"/>"
		 "<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.%d.0.0/24\" remote=\"10.%d.0.0/24\"/></connection></keyferry>",
		 host[which], local, host[!which], remote, ike, which + 1, !which + 1);
}

static struct pair *pair_of(const struct test_key *key, const char *ike, const char *left_crypto, const char *right_crypto)
{
	static struct pair_file files[FILES];
	char left[2048], right[2048];
	struct pair_options options = {
		.left = left, .right = right, .left_psk = "", .right_psk = "", .left_crypto = left_crypto, .right_crypto = right_crypto,
		.files = files,
	};

	key_files(files, key);
	document(left, LEFT, ike, "key=\"left.key\"", "public-key=\"right.pub\"");
	document(right, RIGHT, ike, "key=\"right.key\"", "public-key=\"left.pub\"");
	return pair_new(&options);
}

static void every_method(void)
{
	static const char *const ikes[] = { "aes128-sha1-modp1536", "aes256-sha256-ecp256", "aes128-sha512-curve25519", "3des-md5-modp2048" };
	static const char *const backends[] = { "openssl", "gnutls" };

	for (size_t k = 0; k < COUNT(test_keys); k++)
		for (size_t b = 0; b < 4; b++) {
			struct pair *pair = pair_of(&test_keys[k], ikes[(k + b) % COUNT(ikes)], backends[b / 2], backends[b % 2]);
			CU_ASSERT(pair_up(pair, 5000));
			CU_ASSERT(pair_keys_agree(pair));
			CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 1);
			CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
			if (side_find(&pair->side[LEFT], "t"))
				CU_ASSERT_STRING_EQUAL(side_find(&pair->side[LEFT], "t")->auth->name, "signature");
			pair_free(pair);
		}
}

/* ---- who is not who he says ---- */

static struct pair *pair_with(const struct pair_file *files, const char *left_local, const char *left_remote, const char *right_local,
			      const char *right_remote)
{
	char left[2048], right[2048];
	struct pair_options options = { .left = left, .right = right, .left_psk = "", .right_psk = "", .files = files };

	document(left, LEFT, "aes128-sha256-curve25519", left_local, left_remote);
	document(right, RIGHT, "aes128-sha256-curve25519", right_local, right_remote);
	return pair_new(&options);
}

static bool comes_up(struct pair *pair)
{
	bool is_up = pair_up(pair, 5000);

	/* As initiator it does not take long to give up what was answered wrongly. */
	pair_run(pair, 10000);
	return is_up;
}

/* Who asks has another key than is expected of him. */
static void wrong_initiator(void)
{
	for (size_t k = 0; k < COUNT(test_keys); k++) {
		struct pair_file files[FILES];
		key_files(files, &test_keys[k]);
		struct pair *pair = pair_with(files, "key=\"right.key\"", "public-key=\"right.pub\"", "key=\"right.key\"", "public-key=\"left.pub\"");
		CU_ASSERT_FALSE(comes_up(pair));
		CU_ASSERT(side_said(&pair->side[RIGHT], "is not by the private key of left.pub"));
		CU_ASSERT(side_said(&pair->side[RIGHT], "which connection t expects of its peer: compare that file with the peer's key"));
		CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "bad-signature");
		CU_ASSERT(side_said(&pair->side[LEFT], "somebody, perhaps the peer, says AUTHENTICATION-FAILED in the clear"));
		CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 0);
		pair_run(pair, 200000);
		CU_ASSERT(pair->side[LEFT].failed_finally && pair->side[RIGHT].failed_finally);
		CU_ASSERT_EQUAL(side_all(&pair->side[RIGHT]), 0);
		CU_ASSERT_EQUAL(side_all(&pair->side[LEFT]), 0);
		pair_free(pair);
	}
}

/* Who answers has. */
static void wrong_responder(void)
{
	for (size_t k = 0; k < COUNT(test_keys); k++) {
		struct pair_file files[FILES];
		key_files(files, &test_keys[k]);
		struct pair *pair = pair_with(files, "key=\"left.key\"", "public-key=\"right.pub\"", "key=\"left.key\"", "public-key=\"left.pub\"");
		CU_ASSERT_FALSE(comes_up(pair));
		CU_ASSERT(side_said(&pair->side[LEFT], "is not by the private key of right.pub"));
		CU_ASSERT_STRING_EQUAL(pair->side[LEFT].last_code, "bad-signature");
		CU_ASSERT(pair->side[LEFT].failed_finally);
		CU_ASSERT_EQUAL(side_all(&pair->side[LEFT]), 0);
		pair_free(pair);
	}
}

static void wrong_id(void)
{
	struct pair_file files[FILES];

	key_files(files, &test_keys[1]);
	struct pair *pair = pair_with(files, "id=\"left.example\" key=\"left.key\"", "public-key=\"right.pub\" id=\"%any\"", "key=\"right.key\"",
				      "public-key=\"left.pub\" id=\"other.example\"");
	CU_ASSERT_FALSE(comes_up(pair));
	CU_ASSERT(side_said(&pair->side[RIGHT], "the peer says it is left.example (FQDN), connection t expects other.example (FQDN)"));
	CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "id-mismatch");
	pair_free(pair);
	pair = pair_with(files, "key=\"left.key\"", "public-key=\"right.pub\" id=\"other.example\"", "id=\"right.example\" key=\"right.key\"",
			 "public-key=\"left.pub\"");
	CU_ASSERT_FALSE(comes_up(pair));
	CU_ASSERT(side_said(&pair->side[LEFT], "the peer says it is right.example (FQDN), connection t expects other.example (FQDN)"));
	CU_ASSERT(pair->side[LEFT].failed_finally);
	pair_free(pair);
}

static void other_method(void)
{
	struct pair_file files[2 * FILES];

	key_files(files, &test_keys[0]);
	key_files(files + 4, &test_keys[1]);
	for (int i = 4; i < 8; i++)
		files[i].name = files[i].name[0] == 'l' ? (i % 2 ? "left.ec.pub" : "left.ec.key") : (i % 2 ? "right.ec.pub" : "right.ec.key");
	struct pair *pair = pair_with(files, "key=\"left.key\"", "public-key=\"right.pub\"", "key=\"right.ec.key\"", "public-key=\"left.ec.pub\"");
	CU_ASSERT_FALSE(comes_up(pair));
	CU_ASSERT(side_said(&pair->side[RIGHT], "fits, but peer wants authentication by rsa, we by ecdsa-256"));
	pair_free(pair);
}

/* Two peers at unknown addresses, told apart by their IDs; each has its own key, and neither passes for the other. */
static void several(void)
{
	static const char head[] = "<keyferry xmlns=\"urn:keyferry:1\">";
	static const char one[] =
		"<connection name=\"%s\" dpd=\"no\"><local address=\"192.0.2.2\" id=\"gw.example\" key=\"right.key\"/>"
		"<remote address=\"%%any\" id=\"%s\" public-key=\"%s\"/><phase1 auth=\"signature\" proposals=\"aes128-sha256-curve25519\"/>"
		"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.2.0.0/24\" remote=\"10.1.%d.0/24\"/></connection>";
	static const char left[] =
		"<keyferry xmlns=\"urn:keyferry:1\"><connection name=\"t\" dpd=\"no\"><local address=\"192.0.2.1\" id=\"%s\" key=\"left.key\"/>"
		"<remote address=\"192.0.2.2\" id=\"gw.example\" public-key=\"right.pub\"/><phase1 auth=\"signature\" proposals=\"aes128-sha256-curve25519\"/>"
		"<child name=\"c\" proposals=\"aes128gcm16\" local=\"10.1.2.0/24\" remote=\"10.2.0.0/24\"/></connection></keyferry>";
	char documents[SIDES][4096];
	struct pair_file files[FILES];

	key_files(files, &test_keys[1]);
	int used = snprintf(documents[RIGHT], 4096, "%s", head);
	used += snprintf(documents[RIGHT] + used, 4096 - (size_t)used, one, "first", "first.example", "right.pub", 1);
	used += snprintf(documents[RIGHT] + used, 4096 - (size_t)used, one, "second", "second.example", "left.pub", 2);
	snprintf(documents[RIGHT] + used, 4096 - (size_t)used, "</keyferry>");
	for (int i = 0; i < 2; i++) {
		snprintf(documents[LEFT], 4096, left, i ? "first.example" : "second.example");
		struct pair_options options = {
			.left = documents[LEFT], .right = documents[RIGHT], .left_psk = "", .right_psk = "", .files = files,
		};
		struct pair *pair = pair_new(&options);
		CU_ASSERT_EQUAL(comes_up(pair), i == 0);
		CU_ASSERT_EQUAL(side_find(&pair->side[RIGHT], "second") != NULL, i == 0);
		if (i == 1)
			CU_ASSERT(side_said(&pair->side[RIGHT], "is not by the private key of right.pub (ECDSA-256), which connection first expects"));
		pair_free(pair);
	}
}

/* Both ends begin anew under the same keys, and by themselves. */
static void renewed(void)
{
	struct pair *pair = pair_of(&test_keys[0], "aes128-sha256-curve25519", "openssl", "gnutls");

	CU_ASSERT(pair_up(pair, 5000));
	pair_run(pair, 6000);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(shard_renew(side_find(&pair->side[i % 2], "t"), NULL), 0);
		pair_run(pair, 30000);
		CU_ASSERT_EQUAL(side_sas(&pair->side[LEFT]), 1);
		CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 1);
		CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), 1);
	}
	pair_free(pair);
}

/* A message 5 whose signature is of another length is refused as any other wrong one; nothing is sent that is longer. */
static unsigned cut_message5(struct pair *pair, struct wire_packet *packet, void *arg)
{
	unsigned *count = arg;

	(void)pair;
	if (packet->number == 5 && *count < 3) {
		++*count;
		packet->data[packet->len - 1 - *count] ^= 0x80;
		return 1;
	}
	return 1;
}

static void damaged_once(void)
{
	struct pair *pair = pair_of(&test_keys[0], "aes128-sha256-curve25519", "openssl", "openssl");
	unsigned count = 0;

	pair->filter = cut_message5;
	pair->filter_arg = &count;
	CU_ASSERT(pair_up(pair, 20000));
	CU_ASSERT_EQUAL(count, 1);
	pair_free(pair);
}

/* ---- keys that take their time ---- */

/* A store of keys that sign slowly, as tokens do: "pkcs11:left", "pkcs11:right". */
static struct slow {
	const struct services *services;
	atomic_uint milliseconds, calls;
	atomic_bool fails;
	size_t keys;                         /* index of the pair in test_keys                            */
	/* What the left one makes instead of a signature; NULL: the signature. */
	int (*forge)(struct private_key *real, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX]);
} slow = { .keys = 1 };

struct slow_key {
	struct private_key key;
	bool is_left;
	struct private_key *real;
};

static int slow_sign(struct private_key *key, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	const struct slow_key *slow_key = CONTAINER(key, struct slow_key, key);
	struct private_key *real = slow_key->real;

	atomic_fetch_add(&slow.calls, 1);
	usleep(atomic_load(&slow.milliseconds) * 1000);
	if (slow.forge && slow_key->is_left)
		return slow.forge(real, octets, out, len, why);
	if (!atomic_load(&slow.fails))
		return real->sign(real, octets, out, len, why);
	snprintf(why, WHY_MAX, "the token \"test\" was pulled out: put it back");
	return FAULT_SYSTEM;
}

static void slow_free(struct private_key *key)
{
	struct slow_key *slow_key = CONTAINER(key, struct slow_key, key);

	private_key_unref(slow_key->real);
	free(slow_key);
}

static int slow_load(void *state, const struct key_request *request, struct private_key **out, char why[WHY_MAX])
{
	const struct provider *file = services_find(slow.services, SERVICE_KEY, "file");
	const char *pem = test_keys[slow.keys].private_pem[strcmp(request->where, "pkcs11:right") == 0];
	struct slow_key *key = calloc(1, sizeof(*key));
	char path[] = "/tmp/keyferry-slow-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	struct key_request real = { .where = path, .crypto = request->crypto };
	if (write(fd, pem, strlen(pem)) != (ssize_t)strlen(pem) || close(fd) != 0 ||
	    ((const struct key_store *)file->ops)->load(file->state, &real, &key->real, why) != 0)
		abort();
	unlink(path);
	key->is_left = strcmp(request->where, "pkcs11:left") == 0;
	key->key = (struct private_key){
		.kind = key->real->kind, .bits = key->real->bits, .spki = key->real->spki, .may_block = true, .sign = slow_sign, .free = slow_free,
	};
	atomic_init(&key->key.refs, 1);
	*out = &key->key;
	return 0;
}

static int slow_start(struct core *core, const struct config_node *settings, void **state)
{
	(void)settings;
	(void)state;
	slow.services = core->services;
	return 0;
}

static const struct key_store slow_store = { .name = "pkcs11", .load = slow_load };
static const struct service slow_provides[] = { { SERVICE_KEY, "pkcs11", &slow_store }, { SERVICE_END, NULL, NULL } };
static const struct need slow_needs[] = { { SERVICE_KEY, "file" }, { SERVICE_END, NULL } };
static const struct plugin slow_plugin = {
	.abi = PLUGIN_ABI, .name = "key-slow", .summary = "slow keys", .provides = slow_provides, .needs = slow_needs, .start = slow_start,
};

static struct pair *slow_pair(const char *left_key, const char *right_key)
{
	static const struct plugin *const linked[] = { &slow_plugin, NULL };
	static struct pair_file files[FILES];
	char left[2048], right[2048];
	struct pair_options options = { .left = left, .right = right, .left_psk = "", .right_psk = "", .files = files, .linked = linked };

	key_files(files, &test_keys[slow.keys]);
	document(left, LEFT, "aes128-sha256-curve25519", left_key, "public-key=\"right.pub\"");
	document(right, RIGHT, "aes128-sha256-curve25519", right_key, "public-key=\"left.pub\"");
	atomic_store(&slow.milliseconds, 20);
	atomic_store(&slow.calls, 0);
	atomic_store(&slow.fails, false);
	return pair_new(&options);
}

/* Helpers do not know of the virtual clock. True when both have the child. */
static bool slow_up(struct pair *pair)
{
	if (side_up(&pair->side[LEFT], "t", NULL) < 0)
		return false;
	for (int i = 0; i < 5000; i++) {
		pair_run(pair, 1);
		if (side_children(&pair->side[LEFT]) == 1 && side_children(&pair->side[RIGHT]) == 1)
			return true;
		usleep(1000);
	}
	return false;
}

static void slow_keys(void)
{
	static const char *const keys[][2] = {
		{ "key=\"pkcs11:left\"", "key=\"right.key\"" }, { "key=\"left.key\"", "key=\"pkcs11:right\"" },
		{ "key=\"pkcs11:left\"", "key=\"pkcs11:right\"" },
	};

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct pair *pair = slow_pair(keys[i][0], keys[i][1]);
		CU_ASSERT(slow_up(pair));
		CU_ASSERT(pair_keys_agree(pair));
		/* Once each, however often the step ran. */
		CU_ASSERT_EQUAL(atomic_load(&slow.calls), i == 2 ? 2 : 1);
		CU_ASSERT(side_said(&pair->side[i == 1], "waiting for the key to sign"));
		pair_free(pair);
	}
}

static unsigned keep_message4(struct pair *pair, struct wire_packet *packet, void *arg)
{
	struct wire_packet *kept = arg;

	if (packet->number != 4)
		return 1;
	/* Somebody's KE comes first. */
	struct wire_packet forged = *packet;
	forged.data[HEADER_SIZE + PAYLOAD_HEADER_SIZE + 3] ^= 0x10;
	*kept = *packet;
	pair_inject(pair, &forged);
	return 0;
}

/* While the key signs for what is forged, the right message comes. */
static void forged_while_slow(void)
{
	struct pair *pair = slow_pair("key=\"pkcs11:left\"", "key=\"right.key\"");
	struct wire_packet *kept = calloc(1, sizeof(*kept));

	pair->filter = keep_message4;
	pair->filter_arg = kept;
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	for (int i = 0; i < 1000 && !kept->len; i++)
		pair_run(pair, 1);
	pair_run(pair, 2);
	CU_ASSERT_FATAL(kept->len > 0);
	pair->filter = NULL;
	kept->due = pair->now;
	pair_inject(pair, kept);
	for (int i = 0; i < 5000 && side_children(&pair->side[RIGHT]) == 0; i++) {
		pair_run(pair, 1);
		usleep(1000);
	}
	pair_run(pair, 100);
	CU_ASSERT_EQUAL(side_children(&pair->side[LEFT]), 1);
	CU_ASSERT_EQUAL(side_children(&pair->side[RIGHT]), 1);
	CU_ASSERT(pair_keys_agree(pair));
	CU_ASSERT_EQUAL(atomic_load(&slow.calls), 2);
	free(kept);
	pair_free(pair);
}

/* What waits for a key may end before the key has signed. */
static void ended_while_slow(void)
{
	struct pair *pair = slow_pair("key=\"pkcs11:left\"", "key=\"right.key\"");

	atomic_store(&slow.milliseconds, 200);
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	for (int i = 0; i < 2000 && !atomic_load(&slow.calls); i++) {
		pair_run(pair, 1);
		usleep(100);
	}
	CU_ASSERT_EQUAL(atomic_load(&slow.calls), 1);
	CU_ASSERT_EQUAL(side_down(&pair->side[LEFT], "t", NULL), 1);
	CU_ASSERT_EQUAL(side_all(&pair->side[LEFT]), 0);
	pair_run(pair, 10);
	/* Its answer comes to nobody; or the side ends first. */
	pair_free(pair);
}

static void slow_fails(void)
{
	struct pair *pair = slow_pair("key=\"pkcs11:left\"", "key=\"right.key\"");

	atomic_store(&slow.fails, true);
	CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
	for (int i = 0; i < 2000 && !pair->side[LEFT].failed_finally; i++) {
		pair_run(pair, 1);
		usleep(1000);
	}
	CU_ASSERT_STRING_EQUAL(pair->side[LEFT].last_code, "cannot-sign");
	CU_ASSERT_STRING_EQUAL(pair->side[LEFT].last_text, "connection t: the token \"test\" was pulled out: put it back");
	/* And back again. */
	atomic_store(&slow.fails, false);
	CU_ASSERT(slow_up(pair));
	pair_free(pair);
}

/* ---- signatures of another shape ---- */

static int over_changed(struct private_key *real, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	uint8_t changed[HASH_SIZE_MAX];

	memcpy(changed, octets.at, octets.len);
	changed[octets.len - 1] ^= 1;
	return real->sign(real, bytes_of(changed, octets.len), out, len, why);
}

static int over_fewer(struct private_key *real, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	return real->sign(real, bytes_of(octets.at, octets.len - 1), out, len, why);
}

static int over_more(struct private_key *real, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	uint8_t more[HASH_SIZE_MAX + 1] = { 0 };

	memcpy(more, octets.at, octets.len);
	return real->sign(real, bytes_of(more, octets.len + 1), out, len, why);
}

static int shorter(struct private_key *real, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	int fault = real->sign(real, octets, out, len, why);

	--*len;
	return fault;
}

static int longer(struct private_key *real, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	int fault = real->sign(real, octets, out, len, why);

	out[(*len)++] = 0;
	return fault;
}

static int zeros(struct private_key *real, struct bytes octets, uint8_t *out, size_t *len, char why[WHY_MAX])
{
	int fault = real->sign(real, octets, out, len, why);

	memset(out, 0, *len);
	return fault;
}

static void forged_shapes(void)
{
	static int (*const forge[])(struct private_key *, struct bytes, uint8_t *, size_t *, char *) = { over_changed, shorter, longer, zeros, over_fewer, over_more };

	/* RSA and an ECDSA curve; our backends do not sign another length with the latter, see tests/vectors/ecdsa.txt. */
	for (slow.keys = 0; slow.keys < 2; slow.keys++)
		for (size_t i = 0; i < COUNT(forge) - (slow.keys == 0 ? 0 : 2); i++) {
			struct pair *pair = slow_pair("key=\"pkcs11:left\"", "key=\"right.key\"");
			slow.forge = forge[i];
			CU_ASSERT_EQUAL(side_up(&pair->side[LEFT], "t", NULL), 0);
			/* Helpers do not know of the virtual clock. */
			for (int ms = 0; ms < 10000 && strcmp(pair->side[RIGHT].last_code, "bad-signature") != 0; ms++) {
				pair_run(pair, 1);
				usleep(1000);
			}
			CU_ASSERT_STRING_EQUAL(pair->side[RIGHT].last_code, "bad-signature");
			CU_ASSERT(side_said(&pair->side[RIGHT], "octets) is not by the private key of left.pub"));
			CU_ASSERT_EQUAL(side_sas(&pair->side[RIGHT]), 0);
			slow.forge = NULL;
			pair_free(pair);
		}
	slow.keys = 1;
}

static const struct unit_case cases[] = {
	{ "RSA and ECDSA keys that know each other come up with every hash, between all backends", every_method },
	{ "an initiator with another key than the expected one is refused, and told", wrong_initiator },
	{ "a responder with another key than the expected one is refused within seconds", wrong_responder },
	{ "a peer with the right key and another ID is refused", wrong_id },
	{ "ends with keys of different kinds say so", other_method },
	{ "several peers are told apart by their IDs, and none passes for another", several },
	{ "phase 1 is renewed with signatures, whoever begins", renewed },
	{ "a signature that is damaged on the way comes again", damaged_once },
	{ "a key that blocks signs on a helper while the exchange waits, in both roles", slow_keys },
	{ "a forgery that comes first while a key signs does not keep the right message out", forged_while_slow },
	{ "what waits for a key may end before that has signed", ended_while_slow },
	{ "a signature of another length, or over another hash, a shorter or a longer one, is refused with its line", forged_shapes },
	{ "a key that cannot sign ends the attempt with its reason, and serves again later", slow_fails },
};

UNIT_MAIN("pairs-signature", cases)
