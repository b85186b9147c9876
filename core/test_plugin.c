/* SPDX-License-Identifier: MIT */
/*
 * test_plugin.c - cases for the loader and the table of services. Most use plugins that are linked in; the shared
 * objects for the others are test_plugin_module.c's, in core/.libs of the folder that TOP_BUILDDIR names.
 */
#include <dirent.h>
#include <unistd.h>

#include "plugin.h"
#include "unit.h"

/* What the cases look at: the lines of the log, and who was started and stopped, in order. */
struct scene {
	struct core core;
	struct plugins *plugins;
	char lines[8192];
	char told[256];
};

/* The core is the one thing that start() is given; each case has its own. */
static struct scene *scene_of(struct core *core)
{
	return CONTAINER(core, struct scene, core);
}

static void keep_line(void *arg, enum log_level level, const char *line)
{
	struct scene *scene = arg;
	size_t used = strlen(scene->lines);

	if (level != LEVEL_DEBUG)
		snprintf(scene->lines + used, sizeof(scene->lines) - used, "%s\n", line);
}

static struct scene *scene_new(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->core.log = log_new(&(struct log_options){
		.level = LEVEL_DEBUG, .fd = -1, .sink = keep_line, .sink_arg = scene });
	return scene;
}

static void scene_free(struct scene *scene)
{
	plugins_free(scene->plugins, &scene->core);
	log_free(scene->core.log);
	free(scene);
}

/* Stops, so that a case can see who was told, and starts the list anew. */
static void scene_stop(struct scene *scene)
{
	scene->told[0] = '\0';
	plugins_free(scene->plugins, &scene->core);
	scene->plugins = NULL;
}

static const char *why_not(const struct scene *scene, const char *name)
{
	for (size_t i = 0; i < plugins_count(scene->plugins); i++) {
		struct plugin_status status = plugins_at(scene->plugins, i);

		if (strcmp(status.name, name) == 0)
			return status.why_not ? status.why_not : "runs";
	}
	return "is not there";
}

/* --- linked-in plugins -------------------------------------------------------------------------- */

static void tell(struct scene *scene, const char *word)
{
	size_t used = strlen(scene->told);

	snprintf(scene->told + used, sizeof(scene->told) - used, "%s%s", used ? " " : "", word);
}

/* Each plugin has a state of its own, by which stop() knows whom to tell. */
struct running {
	struct scene *scene;
	const char *name;
};

static int begin(struct core *core, const char *name, const struct config_node *settings, void **state)
{
	struct running *running = calloc(1, sizeof(*running));
	const char *word = settings ? config_get(settings, "word") : NULL;

	running->scene = scene_of(core);
	running->name = name;
	tell(running->scene, word ? word : name);
	*state = running;
	return 0;
}

static void end(void *state)
{
	struct running *running = state;

	tell(running->scene, running->name);
	free(running);
}

static int refuse(struct core *core, const struct config_node *settings, void **state)
{
	(void)core;
	(void)settings;
	(void)state;
	return FAULT_PERMISSION;
}

#define STARTS(word)                                                                              \
	static int start_##word(struct core *core, const struct config_node *settings, void **state) \
	{                                                                                          \
		return begin(core, #word, settings, state);                                        \
	}
STARTS(alpha)
STARTS(beta)
STARTS(gamma)

static const struct service crypto_a[] = { { SERVICE_CRYPTO, "one", "of a" }, { SERVICE_END, NULL, NULL } };
static const struct service crypto_b[] = { { SERVICE_CRYPTO, "one", "of b" },
					   { SERVICE_CRYPTO, "two", "of b" },
					   { SERVICE_END, NULL, NULL } };
static const struct service https[] = { { SERVICE_FETCH, "https", "fetch" }, { SERVICE_END, NULL, NULL } };
static const struct service check[] = { { SERVICE_CERT_CHECK, "crl", "check" }, { SERVICE_END, NULL, NULL } };
static const struct need of_crypto[] = { { SERVICE_CRYPTO, NULL }, { SERVICE_END, NULL } };
static const struct need of_https[] = { { SERVICE_FETCH, "https" }, { SERVICE_END, NULL } };
static const struct need of_check[] = { { SERVICE_CERT_CHECK, "crl" }, { SERVICE_END, NULL } };

#define LINKED(...) (const struct plugin *const[]){ __VA_ARGS__, NULL }
#define NAMES(...) (const char *const[]){ __VA_ARGS__, NULL }

static void load(struct scene *scene, const struct plugins_options *options)
{
	CU_ASSERT_EQUAL_FATAL(plugins_load(&scene->plugins, &scene->core, options), 0);
}

static void needs_decide_the_start(void)
{
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "first", check, of_https, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "second", https, of_crypto, start_beta, end };
	struct plugin gamma = { PLUGIN_ABI, "gamma", "third", crypto_a, NULL, start_gamma, end };

	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta, &gamma) });
	CU_ASSERT_STRING_EQUAL(scene->told, "gamma beta alpha");
	CU_ASSERT_EQUAL(plugins_count(scene->plugins), 3);
	CU_ASSERT_STRING_EQUAL(plugins_at(scene->plugins, 0).name, "alpha");
	CU_ASSERT_STRING_EQUAL(plugins_at(scene->plugins, 0).summary, "first");
	CU_ASSERT_PTR_NULL(plugins_at(scene->plugins, 0).why_not);
	CU_ASSERT_PTR_NULL(plugins_at(scene->plugins, 3).name);
	const struct provider *found = services_find(scene->core.services, SERVICE_FETCH, "https");
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_STRING_EQUAL(found->plugin, "beta");
	CU_ASSERT_STRING_EQUAL(((struct running *)found->state)->name, "beta");
	scene_stop(scene);
	CU_ASSERT_STRING_EQUAL(scene->told, "alpha beta gamma");
	CU_ASSERT_PTR_NULL(scene->core.services);
	scene_free(scene);
}

static void first_in_order_is_found_first(void)
{
	struct scene *scene = scene_new();
	/* b starts after a, whom it needs, and is found before it all the same. */
	struct plugin a = { .abi = PLUGIN_ABI, .name = "a", .provides = crypto_a };
	struct plugin b = { .abi = PLUGIN_ABI, .name = "b", .provides = crypto_b, .needs = of_crypto };
	const struct plugin *const *linked = LINKED(&a, &b);

	load(scene, &(struct plugins_options){ .linked = linked, .order = NAMES("unknown", "b") });
	const struct services *services = scene->core.services;
	CU_ASSERT_STRING_EQUAL(services_find(services, SERVICE_CRYPTO, "one")->ops, "of b");
	CU_ASSERT_STRING_EQUAL(services_find(services, SERVICE_CRYPTO, NULL)->plugin, "b");
	CU_ASSERT_STRING_EQUAL(services_at(services, SERVICE_CRYPTO, 1)->key, "two");
	CU_ASSERT_STRING_EQUAL(services_at(services, SERVICE_CRYPTO, 2)->ops, "of a");
	CU_ASSERT_PTR_NULL(services_at(services, SERVICE_CRYPTO, 3));
	CU_ASSERT_PTR_NULL(services_find(services, SERVICE_CRYPTO, "three"));
	CU_ASSERT_PTR_NULL(services_find(services, SERVICE_POOL, NULL));
	CU_ASSERT_PTR_NULL(services_find(services, (enum service_kind)99, NULL));
	scene_free(scene);
}

static void unmet_needs_spread(void)
{
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "", NULL, of_check, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "", check, of_https, start_beta, end };
	struct plugin gamma = { PLUGIN_ABI, "gamma", "", NULL, NULL, start_gamma, end };

	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta, &gamma) });
	CU_ASSERT_STRING_EQUAL(scene->told, "gamma");
	CU_ASSERT_STRING_EQUAL(why_not(scene, "beta"),
			       "it needs a service of kind fetch, key https, which no loaded plugin provides");
	CU_ASSERT_STRING_EQUAL(why_not(scene, "alpha"),
			       "it needs a service of kind cert-check, key crl, which no loaded plugin provides "
			       "(beta would, but is left out itself)");
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->lines, "plugin beta is left out: it needs"));
	CU_ASSERT_PTR_NULL(services_find(scene->core.services, SERVICE_CERT_CHECK, NULL));
	scene_free(scene);
}

static void failed_start_takes_dependants_along(void)
{
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "", check, of_https, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "", https, NULL, refuse, end };
	struct plugin gamma = { PLUGIN_ABI, "gamma", "", crypto_a, NULL, start_gamma, end };

	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta, &gamma) });
	CU_ASSERT_STRING_EQUAL(scene->told, "gamma");
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "beta"), "it did not start: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "alpha"), "beta would, but is left out itself"));
	CU_ASSERT_PTR_NULL(services_find(scene->core.services, SERVICE_FETCH, NULL));
	CU_ASSERT_PTR_NOT_NULL(services_find(scene->core.services, SERVICE_CRYPTO, "one"));
	scene_free(scene);
}

static void another_provider_stands_in(void)
{
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "", check, of_crypto, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "", crypto_b, NULL, refuse, end };
	struct plugin gamma = { PLUGIN_ABI, "gamma", "", crypto_a, NULL, start_gamma, end };

	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta, &gamma) });
	CU_ASSERT_STRING_EQUAL(scene->told, "gamma alpha");
	scene_free(scene);
}

static void circle_is_left_out(void)
{
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "", check, of_https, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "", https, of_check, start_beta, end };
	struct plugin gamma = { PLUGIN_ABI, "gamma", "", crypto_a, of_crypto, start_gamma, end };

	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta, &gamma) });
	CU_ASSERT_STRING_EQUAL(scene->told, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "alpha"), "of beta, and from there the needs go in a circle"));
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "beta"), "alpha would, but is left out itself"));
	/* What it provides itself does not meet its need. */
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "gamma"), "kind crypto, which no loaded plugin"));
	scene_free(scene);
}

static void skipped_and_repeated(void)
{
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "", crypto_a, NULL, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "", crypto_b, NULL, start_beta, end };
	struct plugin again = { PLUGIN_ABI, "alpha", "", https, NULL, start_gamma, end };

	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta, &again), .skip = NAMES("beta") });
	CU_ASSERT_STRING_EQUAL(scene->told, "alpha");
	CU_ASSERT_STRING_EQUAL(why_not(scene, "beta"), "the configuration says to skip it");
	CU_ASSERT_PTR_NULL(strstr(scene->lines, "beta"));
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->lines, "there is another plugin of that name"));
	CU_ASSERT_PTR_NULL(services_find(scene->core.services, SERVICE_FETCH, NULL));
	scene_free(scene);
}

static void unsound_table_is_left_out(void)
{
	static const struct service no_key[] = { { SERVICE_POOL, NULL, "ops" }, { SERVICE_END, NULL, NULL } };
	static const struct service no_kind[] = { { SERVICE_POOL, "key", "ops" }, { 77, "key", "ops" },
						  { SERVICE_END, NULL, NULL } };
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "", no_key, NULL, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "", no_kind, NULL, start_beta, end };

	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta) });
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "alpha"), "row 1 of the services in (linked in) has no key"));
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "beta"), "row 2 of the services in (linked in) has an unknown kind"));
	CU_ASSERT_STRING_EQUAL(scene->told, "");
	scene_free(scene);
}

static void settings_are_handed_over(void)
{
	struct scene *scene = scene_new();
	struct plugin alpha = { PLUGIN_ABI, "alpha", "", crypto_a, NULL, start_alpha, end };
	struct plugin beta = { PLUGIN_ABI, "beta", "", crypto_b, NULL, start_beta, end };
	struct config_builder *builder = config_builder_new(log_root(scene->core.log));
	struct config *config = NULL;

	CU_ASSERT_EQUAL(config_open(builder, "keyferry", "test.xml", 1), 0);
	CU_ASSERT_EQUAL(config_open(builder, "plugin", "test.xml", 2), 0);
	CU_ASSERT_EQUAL(config_attribute(builder, "name", "beta"), 0);
	CU_ASSERT_EQUAL(config_attribute(builder, "word", "settings"), 0);
	CU_ASSERT_EQUAL(config_close(builder), 0);
	CU_ASSERT_EQUAL(config_close(builder), 0);
	CU_ASSERT_EQUAL_FATAL(config_builder_finish(builder, &config), 0);
	load(scene, &(struct plugins_options){ .linked = LINKED(&alpha, &beta), .root = config_root(config) });
	CU_ASSERT_STRING_EQUAL(scene->told, "alpha settings");
	scene_free(scene);
	config_unref(config);
}

/* --- shared objects ----------------------------------------------------------------------------- */

/* A folder of links to some of the modules, so that each case has those that it speaks of. */
static void link_modules(char *folder, size_t size, const char *const *names)
{
	const char *build = getenv("TOP_BUILDDIR");
	char from[2048], to[2048];

	snprintf(folder, size, "/tmp/test_plugin.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	char *base = realpath(build ? build : ".", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(base);
	for (; *names; names++) {
		snprintf(from, sizeof(from), "%s/core/.libs/%s", base, *names);
		snprintf(to, sizeof(to), "%s/%s", folder, *names);
		CU_ASSERT_EQUAL(symlink(from, to), 0);
	}
	free(base);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[2048];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static void remove_folder(const char *folder)
{
	DIR *items = opendir(folder);
	char path[2048];

	for (struct dirent *item; items && (item = readdir(items));) {
		snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
		unlink(path);
	}
	if (items)
		closedir(items);
	rmdir(folder);
}

static void module_is_loaded(void)
{
	struct scene *scene = scene_new();
	char folder[64];

	link_modules(folder, sizeof(folder), NAMES("module-good.so"));
	write_file(folder, "README", "not a plugin, and not looked at\n");
	write_file(folder, ".hidden.so", "neither this\n");
	load(scene, &(struct plugins_options){ .folder = folder });
	CU_ASSERT_EQUAL(plugins_count(scene->plugins), 1);
	CU_ASSERT_STRING_EQUAL(why_not(scene, "module-good"), "runs");
	CU_ASSERT_PTR_NOT_NULL(strstr(plugins_at(scene->plugins, 0).file, "/module-good.so"));
	const struct provider *found = services_find(scene->core.services, SERVICE_COMMAND, "module-good");
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_STRING_EQUAL(found->ops, "from a module");
	scene_free(scene);
	remove_folder(folder);
}

static void bad_modules_are_left_out(void)
{
	struct scene *scene = scene_new();
	char folder[64], line[256];

	link_modules(folder, sizeof(folder),
		     NAMES("module-abi.so", "module-good.so", "module-misnamed.so", "module-mute.so"));
	write_file(folder, "module-text.so", "this is not an ELF file\n");
	load(scene, &(struct plugins_options){ .folder = folder });
	snprintf(line, sizeof(line), "%s/module-abi.so has plugin ABI %d, this program has %d; rebuild", folder,
		 PLUGIN_ABI + 1, PLUGIN_ABI);
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "module-abi"), line));
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->lines, line));
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "module-misnamed"), "calls itself \"another\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "module-mute"), "it has no symbol \"plugin\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(why_not(scene, "module-text"), "cannot be opened"));
	CU_ASSERT_STRING_EQUAL(why_not(scene, "module-good"), "runs");
	CU_ASSERT_PTR_NULL(services_at(scene->core.services, SERVICE_COMMAND, 1));
	scene_free(scene);
	remove_folder(folder);
}

static void skipped_module_is_not_opened(void)
{
	struct scene *scene = scene_new();
	char folder[64];

	link_modules(folder, sizeof(folder), NAMES("module-good.so"));
	write_file(folder, "module-text.so", "this is not an ELF file\n");
	load(scene, &(struct plugins_options){ .folder = folder, .skip = NAMES("module-text") });
	CU_ASSERT_STRING_EQUAL(why_not(scene, "module-text"), "the configuration says to skip it");
	scene_free(scene);
	remove_folder(folder);
}

static void missing_folder_is_a_fault(void)
{
	struct scene *scene = scene_new();
	struct plugins_options options = { .folder = "/nonexistent/plugins" };

	CU_ASSERT_EQUAL(plugins_load(&scene->plugins, &scene->core, &options), FAULT_SYSTEM);
	CU_ASSERT_PTR_NULL(scene->plugins);
	CU_ASSERT_PTR_NULL(scene->core.services);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->lines, "/nonexistent/plugins"));
	scene_free(scene);
}

static const struct unit_case cases[] = {
	{ "plugins start in the order of their needs and stop in the opposite one", needs_decide_the_start },
	{ "of several providers the first in the configured order is found", first_in_order_is_found_first },
	{ "a plugin whose needs are unmet is left out, and so is who needs it", unmet_needs_spread },
	{ "a plugin that does not start takes its dependants along", failed_start_takes_dependants_along },
	{ "a need for any key is met by who is left", another_provider_stands_in },
	{ "plugins that need each other in a circle are left out", circle_is_left_out },
	{ "what is to be skipped or there already is left out", skipped_and_repeated },
	{ "a table of services with holes is left out", unsound_table_is_left_out },
	{ "a plugin is given its settings", settings_are_handed_over },
	{ "a shared object in the folder is loaded", module_is_loaded },
	{ "a shared object that is not fit is left out with its reason", bad_modules_are_left_out },
	{ "what is to be skipped is not even opened", skipped_module_is_not_opened },
	{ "a folder that cannot be read is a fault", missing_folder_is_a_fault },
};

UNIT_MAIN("plugin", cases)
