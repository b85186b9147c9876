/* SPDX-License-Identifier: MIT */
/* fetch_curl.c - the plugin: its settings, and which function a scheme goes to. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fetch_parts.h"
#include "plugin.h"

static int get(void *state, const struct fetch_request *request, struct fetch_answer *out)
{
	char scheme[FETCH_SCHEME_MAX];

	*out = (struct fetch_answer){ 0 };
	fetch_scheme(scheme, request->url);
	int fault = strcmp(scheme, "file") == 0 ? fetch_file(request, out) : fetch_net(state, request, out);
	if (fault || out->is_unchanged) {
		free(out->data);
		out->data = NULL;
		out->len = 0;
	}
	return fault;
}

static int read_hosts(struct host_list *out, const struct config_node *node, const char *name, const struct log_context *log)
{
	const char *text = config_get(node, name);
	char bad[FETCH_HOST_MAX] = "";
	int fault = text ? host_list_read(out, text, bad) : 0;

	if (fault == FAULT_FULL)
		config_complain(log, node, "%s names more than %d hosts: name ranges or domains (\".example\") instead", name, HOST_RULES_MAX);
	else if (fault)
		config_complain(log, node, "%s: \"%s\" is no name of a host, no domain (\".example\") and no range of addresses", name, bad);
	return fault;
}

static int read_proxy(const char **out, const struct config_node *node, const struct log_context *log)
{
	static const char *const schemes[] = { "http", "https", "socks4", "socks4a", "socks5", "socks5h", NULL };
	const char *text = config_get(node, "proxy");
	char scheme[FETCH_SCHEME_MAX];
	size_t i = 0;

	if (!text || strcmp(text, "none") == 0)
		return 0;
	fetch_scheme(scheme, text);
	while (schemes[i] && strcmp(schemes[i], scheme) != 0)
		i++;
	if (!schemes[i]) {
		config_complain(log, node, "proxy=\"%s\" is no URL of a proxy: write http://HOST:PORT, socks5h://HOST:PORT, or none", text);
		return FAULT_INPUT;
	}
	*out = text;
	return 0;
}

static int read_settings(struct fetch_settings *s, const struct config_node *node, const struct log_context *log)
{
	static const char *const names[] = { "name", "exclude", "allow", "proxy", "ca-file", NULL };

	for (size_t i = 0; i < node->attribute_count; i++) {
		size_t known = 0;

		while (names[known] && strcmp(names[known], node->attributes[i].name) != 0)
			known++;
		if (names[known])
			continue;
		config_complain(log, node, "fetch-curl knows no attribute '%s'; there is: exclude, allow, proxy, ca-file", node->attributes[i].name);
		return FAULT_INPUT;
	}
	s->ca_file = config_get(node, "ca-file");
	if (s->ca_file && access(s->ca_file, R_OK) != 0) {
		config_complain(log, node, "ca-file %s cannot be read: %s", s->ca_file, strerror(errno));
		return FAULT_INPUT;
	}
	int fault = read_hosts(&s->exclude, node, "exclude", log);
	if (!fault)
		fault = read_hosts(&s->allow, node, "allow", log);
	return fault ? fault : read_proxy(&s->proxy, node, log);
}

static void stop(void *state)
{
	struct fetch_settings *s = state;

	host_list_free(&s->exclude);
	host_list_free(&s->allow);
	free(s);
	curl_global_cleanup();
}

static int start(struct core *core, const struct config_node *settings, void **state)
{
	const struct log_context *log = log_root(core->log);
	struct fetch_settings *s = calloc(1, sizeof(*s));

	if (!s || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		log_error(log, "fetch-curl: libcurl cannot be started");
		free(s);
		return FAULT_MEMORY;
	}
	s->proxy = "";
	int fault = settings ? read_settings(s, settings, log) : 0;
	if (fault) {
		stop(s);
		return fault;
	}
	*state = s;
	return 0;
}

static const struct fetcher fetcher = { get };

static const struct service services[] = {
	{ SERVICE_FETCH, "http", &fetcher },
	{ SERVICE_FETCH, "https", &fetcher },
	{ SERVICE_FETCH, "ldap", &fetcher },
	{ SERVICE_FETCH, "file", &fetcher },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "fetch-curl",
	.summary = "fetches CRLs and asks OCSP responders by http, https, ldap and file, with libcurl",
	.provides = services,
	.start = start,
	.stop = stop,
};
