/* SPDX-License-Identifier: MIT */
/* services.c - who provides what, in the configured order: one short list for each kind of service. */
#include "services.h"

#include <stdlib.h>

#include "list.h"

struct offer {
	struct list link;
	struct provider provider;
	size_t rank;
};

/* main thread while plugins are loaded and stopped; read by any in between */
struct services {
	struct list offers[SERVICE_KINDS];
};

struct services *services_new(void)
{
	struct services *services = calloc(1, sizeof(*services));

	for (size_t kind = 0; services && kind < SERVICE_KINDS; kind++)
		list_init(&services->offers[kind]);
	return services;
}

/* plugin NULL: everybody's. */
static void remove_offers(struct services *services, const char *plugin)
{
	for (size_t kind = 0; kind < SERVICE_KINDS; kind++) {
		LIST_EACH(it, &services->offers[kind]) {
			struct offer *offer = CONTAINER(it, struct offer, link);

			if (plugin && strcmp(offer->provider.plugin, plugin) != 0)
				continue;
			list_remove(&offer->link);
			free(offer);
		}
	}
}

void services_free(struct services *services)
{
	if (services)
		remove_offers(services, NULL);
	free(services);
}

void services_remove(struct services *services, const char *plugin)
{
	remove_offers(services, plugin);
}

int services_add(struct services *services, enum service_kind kind, const struct provider *provider,
		 size_t rank)
{
	struct list *before = &services->offers[kind];
	struct offer *offer = calloc(1, sizeof(*offer));

	if (!offer)
		return FAULT_MEMORY;
	offer->provider = *provider;
	offer->rank = rank;
	/* Plugins start in the order of their needs, which is not the configured one. */
	LIST_EACH(it, &services->offers[kind]) {
		if (CONTAINER(it, struct offer, link)->rank > rank) {
			before = it;
			break;
		}
	}
	/* To append to a circle seen from `before` is to insert in front of it. */
	list_append(before, &offer->link);
	return 0;
}

static const struct list *offers_of(const struct services *services, enum service_kind kind)
{
	if (!services || (unsigned)kind >= SERVICE_KINDS)
		return NULL;
	return &services->offers[kind];
}

const struct provider *services_find(const struct services *services, enum service_kind kind, const char *key)
{
	const struct list *offers = offers_of(services, kind);

	for (const struct list *it = offers ? offers->next : NULL; it != offers; it = it->next) {
		const struct provider *provider = &CONTAINER(it, const struct offer, link)->provider;

		if (!key || strcmp(provider->key, key) == 0)
			return provider;
	}
	return NULL;
}

const struct provider *services_at(const struct services *services, enum service_kind kind, size_t i)
{
	const struct list *offers = offers_of(services, kind);

	for (const struct list *it = offers ? offers->next : NULL; it != offers; it = it->next)
		if (i-- == 0)
			return &CONTAINER(it, const struct offer, link)->provider;
	return NULL;
}

const char *service_kind_name(enum service_kind kind)
{
	/* clang-format off */
	static const char *const names[SERVICE_KINDS] = {
		[SERVICE_END]          = "none",
		[SERVICE_EXCHANGE]     = "exchange",
		[SERVICE_AUTH]         = "auth",
		[SERVICE_USER_AUTH]    = "user-auth",
		[SERVICE_CRYPTO]       = "crypto",
		[SERVICE_KEY]          = "key",
		[SERVICE_CERT]         = "cert",
		[SERVICE_CERT_CHECK]   = "cert-check",
		[SERVICE_FETCH]        = "fetch",
		[SERVICE_KERNEL_IPSEC] = "kernel-ipsec",
		[SERVICE_KERNEL_NET]   = "kernel-net",
		[SERVICE_CONFIG]       = "config",
		[SERVICE_POOL]         = "pool",
		[SERVICE_LISTENER]     = "listener",
		[SERVICE_COMMAND]      = "command",
	};
	/* clang-format on */
	return (unsigned)kind < SERVICE_KINDS ? names[kind] : "unknown";
}
