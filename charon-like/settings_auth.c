/* SPDX-License-Identifier: MIT */
/*
 * settings_auth.c - what signatures need: our own key and certificate (<local>), what we know of the peer's (<remote>), and the authorities
 * that may vouch for it (<ca>). Keys are read by the plugins that know their forms; certificates by settings_certs.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "secret_file.h"
#include "settings_parts.h"

enum {
	PASSPHRASE_MAX = 1024,               /* octets; what is longer is no passphrase but a mistake */
	CERT_CHAIN_SENT_MAX = 28 * 1024,     /* octets; MESSAGE_OUT_MAX less all else in message 5   */
};

/* ---- keys ---- */

/* Its first line, and a zero octet behind it that is not counted. False: there is none, or that was complained about. */
static bool passphrase_read(struct check *check, const struct config_node *node, struct secret *out)
{
	char path[PATH_MAX], why[WHY_MAX];
	AUTO_SECRET raw = { NULL, 0 };

	if (!place_read(check, node, "passphrase-file", path))
		return false;
	int fault = secret_file_read(&raw, path, PASSPHRASE_MAX + 2, why);
	if (fault) {
		if (check_is_input(check, fault))
			check_error(check, node, "passphrase-file: %s", why);
		return false;
	}
	const uint8_t *newline = raw.len ? memchr(raw.at, '\n', raw.len) : NULL;
	size_t len = newline ? (size_t)(newline - raw.at) : raw.len;
	if (len && raw.at[len - 1] == '\r')
		len--;
	if (len > PASSPHRASE_MAX || (raw.len && memchr(raw.at, '\0', len))) {
		check_error(check, node, "passphrase-file: %s: a passphrase is one line of at most %d octets of text", path, PASSPHRASE_MAX);
		return false;
	}
	if (secret_new(out, len + 1)) {
		check->is_out_of_memory = true;
		return false;
	}
	if (len)
		memcpy(out->at, raw.at, len);
	return true;
}

/* NULL: there is none, which was complained about. */
static const struct provider *key_store_find(struct check *check, const struct config_node *node, const char *attribute, const char *where)
{
	const char *name = place_is_token(where) ? "pkcs11" : "file";
	const struct provider *provider = services_find(check->services, SERVICE_KEY, name);

	if (!provider)
		check_error(check, node, "%s needs the plugin key-%s.so, which is not loaded: install it, or see above why it is left out", attribute,
			    name);
	return provider;
}

static void key_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	AUTO_SECRET passphrase = { NULL, 0 };
	char where[PATH_MAX], why[WHY_MAX] = "";

	bool has_passphrase = passphrase_read(check, node, &passphrase);
	if (has_passphrase && !config_get(node, "key"))
		check_error(check, node, "passphrase-file stands without the key that it opens");
	if (!place_read(check, node, "key", where) || !check->services || !check->crypto)
		return;
	const struct provider *provider = key_store_find(check, node, "key", where);
	if (!provider)
		return;
	const struct key_store *store = provider->ops;
	struct key_request request = { .where = where, .crypto = check->crypto };
	if (has_passphrase)
		request.passphrase = bytes_of(passphrase.at, passphrase.len - 1);
	int fault = store->load(provider->state, &request, &c->key, why);
	if (check_is_input(check, fault))
		check_error(check, node, "key: %s", why);
}

static void public_key_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	char where[PATH_MAX], why[WHY_MAX] = "";

	if (!place_read(check, node, "public-key", where) || !check->services || !check->crypto)
		return;
	const struct provider *provider = key_store_find(check, node, "public-key", where);
	const struct key_store *store = provider ? provider->ops : NULL;
	if (!store)
		return;
	if (!store->load_public) {
		check_error(check, node, "public-key: write the peer's public key into a file, and name that");
		return;
	}
	struct key_request request = { .where = where, .crypto = check->crypto };
	int fault = store->load_public(provider->state, &request, &c->remote_key, why);
	if (check_is_input(check, fault))
		check_error(check, node, "public-key: %s", why);
}

/* ---- elements ---- */

void auth_local_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	static const char *const sends[] = { "asked", "always", "never", NULL };

	c->send_cert = (enum send_cert)word_choice(check, node, "send-cert", sends, SEND_CERT_ASKED);
	key_read(check, node, c);
	certs_read(check, node, "cert", &c->certs);
}

void auth_remote_read(struct check *check, const struct config_node *node, struct connection_settings *c)
{
	struct cert_list certs = { NULL, 0 };

	if (config_get(node, "public-key") && config_get(node, "cert"))
		check_error(check, node, "public-key and cert say both which key is the peer's; write one of them");
	public_key_read(check, node, c);
	certs_read(check, node, "cert", &certs);
	if (certs.count)
		c->remote_cert = certificate_ref(certs.at[0]);
	cert_list_free(&certs);
}

void auth_free(struct connection_settings *c)
{
	private_key_unref(c->key);
	cert_list_free(&c->certs);
	public_key_free(&c->remote_key);
	certificate_unref(c->remote_cert);
	free(c->cas);
}

void ca_read(struct check *check, const struct config_node *node, struct ca_settings *ca)
{
	ca->node = node;
	ca->name = config_get(node, "name");
	if (ca->name && !word_is_name(ca->name))
		check_error(check, node, "name '%s' must be of letters, digits and '.', '_', '-', begin with a letter or digit, and have at most %d of them",
			    ca->name, NAME_WORD_MAX);
	certs_read(check, node, "file", &ca->certs);
	certs_check_anchors(check, node, &ca->certs);
	ca_places_read(check, node, ca);
}

void ca_free(struct ca_settings *ca)
{
	cert_list_free(&ca->certs);
	ca_places_free(ca);
}

/* ---- what needs more than one element ---- */

static const struct ca_settings *ca_find(const struct settings *s, struct bytes name)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (s->cas[i].name && bytes_equal(bytes_text(s->cas[i].name), name))
			return &s->cas[i];
	return NULL;
}

static void ca_unknown(struct check *check, const struct settings *s, const struct config_node *node, struct bytes word)
{
	const char **names = calloc(s->ca_count + 1, sizeof(*names));
	char name[NAME_WORD_MAX + 1], hint[256];

	snprintf(name, sizeof(name), "%.*s", (int)word.len, (const char *)word.at);
	for (size_t i = 0, used = 0; names && i < s->ca_count; i++)
		if (s->cas[i].name)
			names[used++] = s->cas[i].name;
	if (!names)
		check->is_out_of_memory = true;
	else if (!names[0])
		check_error(check, node, "ca: there is no <ca name=\"%s\">", name);
	else
		check_error(check, node, "ca: there is no <ca name=\"%s\">; %s", name, words_hint(hint, sizeof(hint), name, names));
	free(names);
}

/* Those that <remote ca="..."> names, else all. */
static void cas_choose(struct check *check, struct settings *s, struct connection_settings *c)
{
	const struct config_node *node = node_child(c->node, "remote");
	const char *list = node ? config_get(node, "ca") : NULL;
	size_t room = s->ca_count, used = 0;
	struct bytes word;

	for (const char *at = list; at && word_next(&at, &word);)
		room++;
	c->cas = calloc(room ? room : 1, sizeof(*c->cas));
	if (!c->cas) {
		check->is_out_of_memory = true;
		return;
	}
	for (size_t i = 0; !list && i < s->ca_count; i++)
		c->cas[used++] = &s->cas[i];
	while (list && word_next(&list, &word)) {
		const struct ca_settings *ca = ca_find(s, word);
		if (ca)
			c->cas[used++] = ca;
		else
			ca_unknown(check, s, node, word);
	}
	c->ca_count = used;
}

static bool has(const struct connection_settings *c, const char *element, const char *attribute)
{
	const struct config_node *node = node_child(c->node, element);

	return node && config_get(node, attribute);
}

/* The method says of both keys which kind they are of (RFC 2409 appendix A). */
static void kinds_check(struct check *check, const struct connection_settings *c)
{
	enum key_kind kind = c->remote_cert ? c->remote_cert->kind : c->remote_key.kind;
	unsigned bits = c->remote_cert ? c->remote_cert->bits : c->remote_key.bits;
	char ours[KEY_TEXT_MAX], theirs[KEY_TEXT_MAX];

	if (c->key && (c->remote_cert || c->remote_key.spki.at) && kind != c->key->kind)
		check_error(check, node_child(c->node, "remote"), "the peer's key is %s and ours %s; in IKEv1 both ends sign with the same algorithm",
			    key_text(theirs, kind, bits), key_text(ours, c->key->kind, c->key->bits));
}

/* A public key that is like that is refused where it is read; certificates are read by a store that knows not what for. */
static void pinned_check(struct check *check, const struct connection_settings *c)
{
	const struct certificate *pinned = c->remote_cert;

	if (pinned && pinned->kind == KEY_RSA && (pinned->bits < RSA_BITS_MIN || pinned->bits > RSA_BITS_MAX))
		check_warn(check, node_child(c->node, "remote"), "cert: certificate %s (serial %s) has an RSA key of %u bits, and %d to %d are taken, so the peer can "
			   "prove nothing with it: it needs another one", pinned->subject_text, pinned->serial_text, pinned->bits, RSA_BITS_MIN, RSA_BITS_MAX);
}

static void signature_check(struct check *check, const struct settings *s, const struct connection_settings *c)
{
	const struct config_node *local = node_child(c->node, "local");

	if (!has(c, "local", "key"))
		check_error(check, local ? local : c->node, "auth 'signature' needs our private key: write key=\"FILE\" in <local>");
	if (!has(c, "remote", "public-key") && !has(c, "remote", "cert") && !has(c, "remote", "ca") && s->ca_count == 0)
		check_error(check, c->node, "nothing says by what the peer is known: write public-key=\"FILE\" or cert=\"FILE\" in <remote>, or "
			    "<ca name=\"NAME\" file=\"FILE\"/> with the authority that issued its certificate");
	kinds_check(check, c);
	pinned_check(check, c);
}

static void own_check(struct check *check, const struct settings *s, const struct connection_settings *c)
{
	const struct config_node *local = node_child(c->node, "local");

	if (has(c, "local", "cert") && !has(c, "local", "key"))
		check_error(check, local, "cert stands without key, its private key");
	if (c->certs.count && c->key && !bytes_equal(c->certs.at[0]->spki, c->key->spki))
		check_error(check, local, "the first certificate of %s, %s, is not that of %s: its public key is another one", config_get(local, "cert"),
			    c->certs.at[0]->subject_text, config_get(local, "key"));
	else if (c->certs.count && c->key)
		certs_check_own(check, s, c, local);
}

/* Who has a certificate is who it says; so is the peer whose certificate is named. */
static void ids_default(struct check *check, struct connection_settings *c)
{
	if (strcmp(c->auth, "signature") != 0)
		return;
	if (c->certs.count && !has(c, "local", "id")) {
		const struct certificate *own = c->certs.at[0];
		struct certified by = { own->subject, own->names, own->name_count };
		struct identity id = certified_default(&by);
		identity_free(&c->local_id);
		if (id.type)
			check_is_input(check, identity_copy(&c->local_id, &id));
	}
	if (c->remote_cert && !has(c, "remote", "id")) {
		identity_free(&c->remote_id);
		c->remote_id.type = 0;
	}
}

/* A message of IKE has to hold them beside all else. */
static void chain_size_check(struct check *check, const struct connection_settings *c)
{
	size_t octets = 0;

	for (size_t i = 0; i < c->certs.count; i++)
		octets += c->certs.at[i]->der.len;
	if (octets > CERT_CHAIN_SENT_MAX || c->certs.count > CERT_GIVEN_MAX)
		check_error(check, node_child(c->node, "local"), "cert: %zu certificates of %zu octets are too much for a message; %d of %d octets can be sent, and "
			    "the peer needs only those between yours and its authority", c->certs.count, octets, CERT_GIVEN_MAX, CERT_CHAIN_SENT_MAX);
}

void auth_cross_check(struct check *check, struct settings *s)
{
	for (size_t i = 0; i < s->connection_count; i++) {
		struct connection_settings *c = &s->connections[i];
		bool signs = strcmp(c->auth, "signature") == 0;

		cas_choose(check, s, c);
		own_check(check, s, c);
		ids_default(check, c);
		chain_size_check(check, c);
		if (signs)
			signature_check(check, s, c);
		else if (has(c, "local", "key") || has(c, "remote", "public-key") || has(c, "remote", "cert") || has(c, "remote", "ca"))
			check_warn(check, c->node, "keys and certificates are of no use with auth '%s'; write <phase1 auth=\"signature\"/>", c->auth);
	}
}

/* ---- what changed ---- */

static bool certificate_equal(const struct certificate *a, const struct certificate *b)
{
	return a == b || (a && b && certificate_same(a, b));
}

static bool list_same(const struct cert_list *a, const struct cert_list *b)
{
	bool is_same = a->count == b->count;

	for (size_t i = 0; is_same && i < a->count; i++)
		is_same = certificate_same(a->at[i], b->at[i]);
	return is_same;
}

bool auth_same(const struct connection_settings *a, const struct connection_settings *b)
{
	bool is_same = a->remote_key.kind == b->remote_key.kind && bytes_equal(a->remote_key.spki, b->remote_key.spki) &&
		       certificate_equal(a->remote_cert, b->remote_cert) && a->ca_count == b->ca_count;

	/* Whom nobody trusts any more shall not stay; our own key and certificate are renewed without that. */
	if (!a->auth || strcmp(a->auth, "signature") != 0)
		return true;
	for (size_t i = 0; is_same && i < a->ca_count; i++)
		is_same = strcmp(a->cas[i]->name, b->cas[i]->name) == 0 && list_same(&a->cas[i]->certs, &b->cas[i]->certs);
	return is_same;
}

/* ---- which files there are ---- */

static void saw_files(const struct config_node *node, const char *const *attributes, config_saw *saw, void *arg)
{
	char path[PATH_MAX];

	for (; *attributes; attributes++) {
		const char *file = config_get(node, *attributes);
		if (file && !place_is_token(file) && path_make(path, node, file))
			saw(arg, path, false);
	}
}

void auth_files(const struct config_node *node, config_saw *saw, void *arg)
{
	static const char *const local[] = { "key", "passphrase-file", "cert", NULL }, *const remote[] = { "public-key", "cert", NULL };
	static const char *const ca[] = { "file", NULL };

	if (strcmp(node->name, "ca") == 0)
		saw_files(node, ca, saw, arg);
	if (strcmp(node->name, "connection") != 0)
		return;
	for (size_t i = 0; i < node->child_count; i++) {
		if (strcmp(node->children[i]->name, "local") == 0)
			saw_files(node->children[i], local, saw, arg);
		if (strcmp(node->children[i]->name, "remote") == 0)
			saw_files(node->children[i], remote, saw, arg);
	}
}
