/* SPDX-License-Identifier: MIT */
/*
 * fit.h - whether the kernel service that is there can do what the configuration asks for: known when the configuration is loaded, not
 * first when an SA is to be installed.
 */
#ifndef KEYFERRY_FIT_H
#define KEYFERRY_FIT_H
#include "kernel.h"
#include "settings.h"

/*
 * True when it cannot; `why` says in a clause what is missing, and what to do about that. `t` NULL: of what the child asks for whatever its
 * proposals.
 */
bool fit_lacks(const struct provider *kernel, const struct child_settings *child, const struct esp_transform *t, char why[WHY_MAX]);
/*
 * Leaves out the proposals of new settings that cannot be installed, with one line for each child; complains as settings_new() of children
 * that cannot be at all. `kernel` NULL: there is none, and nothing to be said about it. Before the settings are anybody else's: they change.
 * May block. FAULT_INPUT.
 */
int fit_settings(struct settings *s, const struct provider *kernel, const struct log_context *log) MUST_CHECK;

#endif
