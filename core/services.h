/* SPDX-License-Identifier: MIT */
/* services.h - how the loader fills the table of services; everybody else looks things up with plugin.h. */
#ifndef KEYFERRY_SERVICES_H
#define KEYFERRY_SERVICES_H
#include "plugin.h"

struct services *services_new(void) MUST_CHECK;
void services_free(struct services *services);
/*
 * Copies `provider`, whose copy stays where it is until it is removed. `rank` is the plugin's place in
 * the configured order: of two that provide the same, the lower is found first. FAULT_MEMORY.
 */
int services_add(struct services *services, enum service_kind kind, const struct provider *provider,
		 size_t rank) MUST_CHECK;
/* All that this plugin provides. */
void services_remove(struct services *services, const char *plugin);

#endif
