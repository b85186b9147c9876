/* SPDX-License-Identifier: MIT */
/* control_plugins.c - `plugins`: each with its services, or why it is left out; and which backend serves which algorithm. */
#include "control_private.h"
#include "status.h"

/* Services of a plugin as "kind key". */
static json_t *services_json(const struct services *services, const char *plugin)
{
	json_t *list = json_array();

	for (unsigned kind = SERVICE_END + 1; kind < SERVICE_KINDS; kind++) {
		const struct provider *p;

		for (size_t i = 0; (p = services_at(services, (enum service_kind)kind, i)); i++)
			if (strcmp(p->plugin, plugin) == 0)
				(void)json_array_append_new(list, json_pack("{s:s, s:s}", "kind",
							    service_kind_name((enum service_kind)kind), "key", p->key));
	}
	return list;
}

static json_t *plugins_json(const struct control_host *host)
{
	size_t count = host->plugins ? plugins_count(host->plugins) : 0;
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		struct plugin_status p = plugins_at(host->plugins, i);

		(void)json_array_append_new(list, json_pack("{s:s, s:s*, s:s*, s:b, s:s*, s:o}", "name", p.name,
					    "summary", p.summary, "file", p.file, "runs", p.why_not == NULL,
					    "why_not", p.why_not, "services", services_json(host->engine->services, p.name)));
	}
	return list;
}

static void put_algorithm(json_t *into, const char *kind, const char *name, const char *backend)
{
	(void)json_array_append_new(into, json_pack("{s:s, s:s, s:s}", "kind", kind, "name", name, "backend", backend));
}

/* Only what is used: the first backend in order that passed its known answers. */
static void put_backend(json_t *into, const struct crypto *crypto, const struct crypto_backend *b)
{
	for (const struct hash_alg *it = b->hashes; it && it->name; it++)
		if (crypto_hash(crypto, it->name) == it)
			put_algorithm(into, "hash", it->name, b->name);
	for (const struct mac_alg *it = b->macs; it && it->name; it++)
		if (crypto_mac(crypto, it->name) == it)
			put_algorithm(into, "mac", it->name, b->name);
	for (const struct cipher_alg *it = b->ciphers; it && it->name; it++)
		if (crypto_cipher(crypto, it->name) == it)
			put_algorithm(into, "cipher", it->name, b->name);
	for (const struct aead_alg *it = b->aeads; it && it->name; it++)
		if (crypto_aead(crypto, it->name) == it)
			put_algorithm(into, "aead", it->name, b->name);
	for (const struct dh_group *it = b->groups; it && it->name; it++)
		if (crypto_group(crypto, it->name) == it)
			put_algorithm(into, "group", it->name, b->name);
}

static json_t *algorithms_json(const struct engine *engine)
{
	json_t *list = json_array();
	const struct provider *p;

	for (size_t i = 0; engine->crypto && (p = services_at(engine->services, SERVICE_CRYPTO, i)); i++)
		put_backend(list, engine->crypto, p->ops);
	return list;
}

void command_plugins(struct session *session, const char *const *arguments, const json_t *all)
{
	const struct control_host *host = &session->control->host;

	(void)arguments;
	(void)all;
	session_data(session, json_pack("{s:i, s:o, s:o}", "schema", STATUS_SCHEMA, "plugins", plugins_json(host),
					"algorithms", algorithms_json(host->engine)));
	session_done(session, NULL);
}
