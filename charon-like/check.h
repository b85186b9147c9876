/* SPDX-License-Identifier: MIT */
/* check.h - `keyferryd --check` and `keyferry check-config`: would the daemon take this configuration? */
#ifndef KEYFERRY_CHECK_H
#define KEYFERRY_CHECK_H
#include <stdio.h>

#include "load.h"

/* Loads plugins and configuration as the daemon does, opens nothing. What is wrong goes to the log, "FILE: 3 connections, fine" to `out`. */
int check_config(const struct load_options *options, struct log *log, FILE *out) MUST_CHECK;

#endif
