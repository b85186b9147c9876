/* SPDX-License-Identifier: MIT */
/*
 * plugin.h - what a plugin is: one folder, one shared object, one exported symbol `plugin`. Also the one
 * loader: find, dlopen, check the ABI, order by needs, start; and the table of services that results.
 */
#ifndef KEYFERRY_PLUGIN_H
#define KEYFERRY_PLUGIN_H
#include "bytes.h"
#include "bus.h"
#include "config.h"
#include "jobs.h"
#include "log.h"
#include "loop.h"

/* Raised whenever a struct that plugins see changes its layout or meaning. */
enum { PLUGIN_ABI = 1 };

/* The kind says which struct `ops` points to; see the header named beside it. */
enum service_kind {
	SERVICE_END,
	SERVICE_EXCHANGE,          /* struct exchange_mode, exchange.h; key "MAJOR/TYPE", "1/2"     */
	SERVICE_AUTH,              /* struct auth_method, auth.h; key its name, "psk"               */
	SERVICE_USER_AUTH,
	SERVICE_CRYPTO,            /* struct crypto_backend, crypto.h; key its name, "gnutls"       */
	SERVICE_KEY,               /* struct key_store, keys.h; key where keys are: "file"          */
	SERVICE_CERT,              /* struct cert_store, certs.h; key "x509"                        */
	SERVICE_CERT_CHECK,        /* struct cert_check, cert_check.h; key "revocation"             */
	SERVICE_FETCH,             /* struct fetcher, fetch.h; key the scheme: "https"              */
	SERVICE_KERNEL_IPSEC,      /* struct kernel_ipsec, kernel.h; key its name, "tun"            */
	SERVICE_KERNEL_NET,        /* struct kernel_net, kernel_net.h; key its name, "linux"        */
	SERVICE_CONFIG,            /* struct config_source, config.h; key its name, "xml"           */
	SERVICE_POOL,
	SERVICE_LISTENER,
	SERVICE_COMMAND,
	SERVICE_KINDS,
};

struct service {
	enum service_kind kind;
	const char *key;
	const void *ops;
};

/* key NULL: any of that kind will do. */
struct need {
	enum service_kind kind;
	const char *key;
};

/* What every plugin may use; lives as long as the plugin does. */
struct core {
	struct log *log;
	struct bus *bus;
	struct helpers *helpers;
	struct loop *main_loop;
	struct services *services;
};

struct plugin {
	uint32_t abi;                    /* PLUGIN_ABI; checked before anything else is read     */
	const char *name;                /* as the folder: "exchange-main"                       */
	const char *summary;             /* one line for `keyferry plugins`                      */
	const struct service *provides;  /* ends with SERVICE_END                                */
	const struct need *needs;        /* NULL or ends with SERVICE_END; unmet: left out       */
	/*
	 * Both may be NULL. `settings` is the <plugin name="..."> element or NULL. A fault leaves the
	 * plugin out; it has logged why. `state` is handed to the ops that take one.
	 */
	int (*start)(struct core *core, const struct config_node *settings, void **state);
	void (*stop)(void *state);
};

/* The one symbol that a plugin exports. */
extern const struct plugin plugin __attribute__((visibility("default")));

/* A service with the plugin that brings it. */
struct provider {
	const void *ops;
	void *state;
	const char *key;
	const char *plugin;
};

struct services;                         /* filled while loading, read-only afterwards     */

/* The first provider in the configured order; NULL when there is none. key NULL: any. */
const struct provider *services_find(const struct services *services, enum service_kind kind, const char *key);
/* The i-th provider of a kind in the configured order; NULL past the last. */
const struct provider *services_at(const struct services *services, enum service_kind kind, size_t i);
const char *service_kind_name(enum service_kind kind);

struct plugins;

/* One row for `keyferry plugins`: why is NULL for a plugin that runs. Valid until plugins_free(). */
struct plugin_status {
	const char *name, *summary, *file;
	const char *why_not;
};

struct plugins_options {
	const char *folder;              /* where NAME.so are                                     */
	const char *prefix;              /* only plugins whose names begin so; NULL: all. Sources of configuration
					    are looked at before there is a configuration that orders the rest. */
	const char *const *order;        /* names, NULL-terminated: these first, in this order; or NULL */
	const char *const *skip;         /* names, NULL-terminated, that must not be loaded; or NULL    */
	const struct config_node *root;  /* searched for <plugin name="..."> settings; may be NULL      */
	/* Linked-in plugins for tests, NULL-terminated; then folder may be NULL. */
	const struct plugin *const *linked;
};

/*
 * Loads what is there; a plugin that cannot be loaded is left out with one line that says why. Fills
 * core->services. FAULT_MEMORY, FAULT_SYSTEM (the folder cannot be read).
 */
int plugins_load(struct plugins **out, struct core *core, const struct plugins_options *options) MUST_CHECK;
/*
 * Stops them in the opposite order. The shared objects are never unloaded: libraries below
 * them (GnuTLS, libxml2) keep thread-local state that outlives dlclose().
 */
void plugins_free(struct plugins *plugins, struct core *core);
size_t plugins_count(const struct plugins *plugins);
struct plugin_status plugins_at(const struct plugins *plugins, size_t i);

#endif
