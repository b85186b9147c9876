/* SPDX-License-Identifier: MIT */
/* fuzz_config.c - libFuzzer target: any octets as XML, through the builder, to settings, and those searched. */
#include "../../plugins/config-xml/config_xml.h"
#include "../settings_fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void settings_search(const struct settings *s)
{
	char how[WHY_MAX];

	for (size_t i = 0; i < settings_connection_count(s); i++) {
		const struct connection_settings *c = settings_connection_at(s, i);
		struct address remote = { .family = c->remote.family };

		memcpy(remote.ip, c->remote.last, sizeof(remote.ip));
		if (!settings_connection(s, c->name) || !connection_settings_same(c, c) ||
		    (!settings_match(s, &c->local, &remote, NULL, NULL) && c->remote.family))
			abort();
		settings_psk(s, &c->local, &c->local_id, &remote, &c->remote_id, how);
	}
}

static void config_check(struct config *config, const struct log_context *log)
{
	struct daemon_settings daemon;
	struct settings *settings;

	if (daemon_settings_read(&daemon, config, log))
		log_debug(log, "refused");
	daemon_settings_free(&daemon);
	if (settings_new(&settings, config, fake_crypto, NULL, log) == 0)
		settings_search(settings);
	settings_unref(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Errors are formatted, as they would be, but go nowhere. A folder that is not there has no secrets. */
	struct log_options options = { .level = LEVEL_ERROR, .fd = -1 };
	struct xml_place place = { .path = "/nonexistent/fuzz.xml" };
	struct log *log = log_new(&options);
	struct config_builder *builder = log ? config_builder_new(log_root(log)) : NULL;
	struct config *config = NULL;

	if (builder) {
		struct xml_load load = { .into = builder, .log = log_root(log) };

		xml_document(&load, &place, bytes_of(data, size));
		if (load.fault)
			config_builder_free(builder);
		else if (config_builder_finish(builder, &config) == 0)
			config_check(config, log_root(log));
	}
	config_unref(config);
	log_free(log);
	return 0;
}
