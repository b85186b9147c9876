/* SPDX-License-Identifier: MIT */
/* test_config.c - cases for configuration trees: what is built, what is refused and how it is said, and sharing. */
#include <pthread.h>

#include "config.h"
#include "unit.h"

enum { MANY = 100000, THREADS = 4 };

struct scene {
	struct log *log;
	struct config_builder *builder;
	char line[4096];           /* the last one logged */
	unsigned lines;
};

static void keep_line(void *arg, enum log_level level, const char *line)
{
	struct scene *scene = arg;

	(void)level;
	scene->lines++;
	snprintf(scene->line, sizeof(scene->line), "%s", line);
}

static void scene_open(struct scene *scene)
{
	*scene = (struct scene){ 0 };
	scene->log = log_new(&(struct log_options){
		.level = LEVEL_ERROR, .fd = -1, .sink = keep_line, .sink_arg = scene });
	scene->builder = config_builder_new(log_root(scene->log));
}

static struct config *finish(struct scene *scene, int expected)
{
	struct config *config = NULL;

	CU_ASSERT_EQUAL(config_builder_finish(scene->builder, &config), expected);
	CU_ASSERT_EQUAL(config == NULL, expected != 0);
	return config;
}

static void open_element(struct scene *scene, const char *element, unsigned line)
{
	CU_ASSERT_EQUAL(config_open(scene->builder, element, "test.xml", line), 0);
}

static void close_element(struct scene *scene)
{
	CU_ASSERT_EQUAL(config_close(scene->builder), 0);
}

static struct config *build_example(struct scene *scene)
{
	struct config_builder *builder = scene->builder;

	open_element(scene, "keyferry", 1);
	CU_ASSERT_EQUAL(config_text(builder, "\n  "), 0);
	open_element(scene, "connection", 2);
	CU_ASSERT_EQUAL(config_attribute(builder, "name", "office"), 0);
	CU_ASSERT_EQUAL(config_attribute(builder, "keep", "up"), 0);
	CU_ASSERT_EQUAL(config_attribute(builder, "note", ""), 0);
	open_element(scene, "local", 3);
	close_element(scene);
	open_element(scene, "remote", 4);
	close_element(scene);
	close_element(scene);
	CU_ASSERT_EQUAL(config_open(builder, "psk", "conf.d/more.xml", 1), 0);
	CU_ASSERT_EQUAL(config_text(builder, " \n two "), 0);
	CU_ASSERT_EQUAL(config_text(builder, " words"), 0);
	CU_ASSERT_EQUAL(config_text(builder, "\t\n"), 0);
	close_element(scene);
	CU_ASSERT_EQUAL(config_text(builder, "\n"), 0);
	close_element(scene);
	return finish(scene, 0);
}

static void tree_is_built(void)
{
	struct scene scene;

	scene_open(&scene);
	struct config *config = build_example(&scene);
	const struct config_node *root = config_root(config);
	CU_ASSERT_STRING_EQUAL(root->name, "keyferry");
	CU_ASSERT_STRING_EQUAL(root->text, "");
	CU_ASSERT_EQUAL_FATAL(root->child_count, 2);
	const struct config_node *connection = root->children[0], *psk = root->children[1];
	CU_ASSERT_EQUAL(connection->line, 2);
	CU_ASSERT_STRING_EQUAL(connection->file, "test.xml");
	CU_ASSERT_EQUAL_FATAL(connection->attribute_count, 3);
	CU_ASSERT_STRING_EQUAL(connection->attributes[0].name, "name");
	CU_ASSERT_STRING_EQUAL(connection->attributes[1].name, "keep");
	CU_ASSERT_STRING_EQUAL(config_get(connection, "keep"), "up");
	CU_ASSERT_STRING_EQUAL(config_get(connection, "note"), "");
	CU_ASSERT_PTR_NULL(config_get(connection, "nam"));
	CU_ASSERT_EQUAL_FATAL(connection->child_count, 2);
	CU_ASSERT_STRING_EQUAL(connection->children[1]->name, "remote");
	CU_ASSERT_EQUAL(connection->children[1]->child_count, 0);
	CU_ASSERT_STRING_EQUAL(psk->file, "conf.d/more.xml");
	CU_ASSERT_STRING_EQUAL(psk->text, "two  words");
	CU_ASSERT_PTR_EQUAL(root->file, connection->file);
	config_unref(config);
	log_free(scene.log);
}

static void snapshot_outlives_its_source(void)
{
	struct scene scene;
	char element[] = "element", file[] = "file", name[] = "name", value[] = "value", text[] = "text";

	scene_open(&scene);
	CU_ASSERT_EQUAL(config_open(scene.builder, element, file, 1), 0);
	CU_ASSERT_EQUAL(config_attribute(scene.builder, name, value), 0);
	CU_ASSERT_EQUAL(config_text(scene.builder, text), 0);
	CU_ASSERT_EQUAL(config_close(scene.builder), 0);
	element[0] = file[0] = name[0] = value[0] = text[0] = 'x';
	struct config *config = finish(&scene, 0);
	CU_ASSERT_STRING_EQUAL(config_root(config)->name, "element");
	CU_ASSERT_STRING_EQUAL(config_root(config)->file, "file");
	CU_ASSERT_STRING_EQUAL(config_root(config)->text, "text");
	CU_ASSERT_STRING_EQUAL(config_get(config_root(config), "name"), "value");
	config_unref(config);
	log_free(scene.log);
}

/* --- refusals ----------------------------------------------------------------------------------- */

/* What was refused stays refused, was logged once, and there is no snapshot. */
static void expect_refused(struct scene *scene, int fault, const char *line)
{
	CU_ASSERT_EQUAL(config_open(scene->builder, "more", "test.xml", 99), fault);
	CU_ASSERT_EQUAL(config_attribute(scene->builder, "more", ""), fault);
	CU_ASSERT_EQUAL(config_text(scene->builder, "more"), fault);
	CU_ASSERT_EQUAL(config_close(scene->builder), fault);
	finish(scene, fault);
	CU_ASSERT_EQUAL(scene->lines, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->line, line));
	log_free(scene->log);
}

static void too_deep(void)
{
	struct scene scene;

	scene_open(&scene);
	for (unsigned i = 1; i <= CONFIG_DEPTH_MAX; i++)
		open_element(&scene, "deeper", i);
	CU_ASSERT_EQUAL(config_open(scene.builder, "deeper", "test.xml", 17), FAULT_FULL);
	expect_refused(&scene, FAULT_FULL, "test.xml:17: <deeper>: elements are nested more than 16 deep");
}

static void too_many(void)
{
	struct scene scene;
	int fault = 0;

	scene_open(&scene);
	open_element(&scene, "root", 1);
	for (unsigned i = 2; i <= CONFIG_NODES_MAX && !fault; i++) {
		fault = config_open(scene.builder, "e", "test.xml", i);
		fault = fault ? fault : config_close(scene.builder);
	}
	CU_ASSERT_EQUAL(fault, 0);
	CU_ASSERT_EQUAL(config_open(scene.builder, "last", "test.xml", 7), FAULT_FULL);
	expect_refused(&scene, FAULT_FULL, "test.xml:7: <last>: there are more than 1000000 elements");
}

static void second_root(void)
{
	struct scene scene;

	scene_open(&scene);
	open_element(&scene, "keyferry", 1);
	close_element(&scene);
	CU_ASSERT_EQUAL(config_open(scene.builder, "again", "test.xml", 3), FAULT_INPUT);
	expect_refused(&scene, FAULT_INPUT, "test.xml:3: <again>: there is an outermost element already");
}

static void attribute_twice(void)
{
	struct scene scene;

	scene_open(&scene);
	open_element(&scene, "child", 5);
	CU_ASSERT_EQUAL(config_attribute(scene.builder, "name", "a"), 0);
	CU_ASSERT_EQUAL(config_attribute(scene.builder, "name", "b"), FAULT_EXISTS);
	expect_refused(&scene, FAULT_EXISTS, "test.xml:5: <child>: attribute \"name\" is there twice");
}

static void too_many_attributes(void)
{
	struct scene scene;
	char name[16];
	int fault = 0;

	scene_open(&scene);
	open_element(&scene, "child", 5);
	for (unsigned i = 0; i < 1000 && !fault; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		fault = config_attribute(scene.builder, name, "");
	}
	expect_refused(&scene, FAULT_FULL, "<child>: there are more than 256 attributes");
}

static void nothing_outside(void)
{
	struct scene scene;

	scene_open(&scene);
	CU_ASSERT_EQUAL(config_text(scene.builder, " \n"), 0);
	CU_ASSERT_EQUAL(config_text(scene.builder, "words"), FAULT_INPUT);
	expect_refused(&scene, FAULT_INPUT, "there is text outside of all elements");
	scene_open(&scene);
	CU_ASSERT_EQUAL(config_attribute(scene.builder, "a", "b"), FAULT_INPUT);
	expect_refused(&scene, FAULT_INPUT, "attribute \"a\" is outside of all elements");
	scene_open(&scene);
	CU_ASSERT_EQUAL(config_close(scene.builder), FAULT_INPUT);
	expect_refused(&scene, FAULT_INPUT, "more elements are closed than were opened");
}

static void unfinished(void)
{
	struct scene scene;

	scene_open(&scene);
	finish(&scene, FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.line, "the configuration is empty"));
	log_free(scene.log);
	scene_open(&scene);
	open_element(&scene, "keyferry", 1);
	finish(&scene, FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.line, "test.xml:1: <keyferry>: the element is not closed"));
	log_free(scene.log);
	scene_open(&scene);
	open_element(&scene, "keyferry", 1);
	config_builder_free(scene.builder);
	log_free(scene.log);
}

static void complaint_names_the_place(void)
{
	struct scene scene;

	scene_open(&scene);
	open_element(&scene, "bad\n\x1b[2J", 12);
	close_element(&scene);
	struct config *config = finish(&scene, 0);
	config_complain(log_root(scene.log), config_root(config), "lifetime is \"%s\"", "never");
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.line, "test.xml:12: <bad"));
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.line, ">: lifetime is \"never\""));
	CU_ASSERT_PTR_NULL(strchr(scene.line, '\x1b'));
	CU_ASSERT_PTR_NULL(strchr(scene.line, '\n'));
	config_complain(log_root(scene.log), NULL, "no place");
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.line, "no place"));
	config_unref(config);
	log_free(scene.log);
}

/* --- size and sharing --------------------------------------------------------------------------- */

static void large_tree(void)
{
	struct scene scene;
	char value[32];
	unsigned wrong = 0;

	scene_open(&scene);
	open_element(&scene, "keyferry", 1);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(value, sizeof(value), "connection-%u", i);
		wrong += config_text(scene.builder, "\n\t") != 0;
		wrong += config_open(scene.builder, "connection", "test.xml", i + 2) != 0;
		wrong += config_attribute(scene.builder, "name", value) != 0;
		wrong += config_close(scene.builder) != 0;
	}
	close_element(&scene);
	struct config *config = finish(&scene, 0);
	const struct config_node *root = config_root(config);
	CU_ASSERT_EQUAL_FATAL(root->child_count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		const struct config_node *node = root->children[i];

		snprintf(value, sizeof(value), "connection-%u", i);
		wrong += node->line != i + 2 || strcmp(config_get(node, "name"), value) != 0;
		wrong += node->name != root->children[0]->name || node->file != root->file;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	config_unref(config);
	log_free(scene.log);
}

static void *hold_and_drop(void *arg)
{
	struct config *config = arg;

	for (unsigned i = 0; i < 1000; i++) {
		if (config_root(config_ref(config))->line != 1)
			return arg;
		config_unref(config);
	}
	config_unref(config);
	return NULL;
}

static void threads_share_a_snapshot(void)
{
	struct scene scene;
	pthread_t threads[THREADS];

	scene_open(&scene);
	struct config *config = build_example(&scene);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, hold_and_drop, config_ref(config));
	config_unref(config);
	for (size_t i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		CU_ASSERT_PTR_NULL(failed);
	}
	config_unref(NULL);
	CU_ASSERT_PTR_NULL(config_ref(NULL));
	log_free(scene.log);
}

/* --- the nearest word --------------------------------------------------------------------------- */

static void nearest_word(void)
{
	const char *const words[] = { "main", "aggressive", "lifetime", "proposals", "psk", "up", "aes128", "aes256", NULL };
	const struct {
		const char *word, *meant;
	} rows[] = {
		{ "mian", "main" },         { "man", "main" },          { "Main", "main" },
		{ "lifetiem", "lifetime" }, { "life-time", "lifetime" }, { "agressive", "aggressive" },
		{ "agresive", "aggressive" }, { "proposal", "proposals" }, { "aes265", "aes256" },
		{ "UP", "up" },             { "pks", "psk" },           { "on", NULL },
		{ "quick", NULL },          { "", NULL },               { "x", NULL },
		{ "lif", NULL },            { "main", "main" },         { "psk", "psk" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *found = config_nearest(rows[i].word, words);

		CU_ASSERT_TRUE(found == rows[i].meant || (found && rows[i].meant && strcmp(found, rows[i].meant) == 0));
	}
	char longest[200];
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CU_ASSERT_PTR_NULL(config_nearest(longest, words));
	CU_ASSERT_PTR_NULL(config_nearest("main", (const char *const[]){ longest, NULL }));
	CU_ASSERT_PTR_NULL(config_nearest("main", (const char *const[]){ NULL }));
}

static const struct unit_case cases[] = {
	{ "a tree has its elements, attributes, texts and places in order", tree_is_built },
	{ "a snapshot keeps nothing of the source's memory", snapshot_outlives_its_source },
	{ "elements that are nested too deep are refused", too_deep },
	{ "more elements than the limit are refused", too_many },
	{ "a second outermost element is refused", second_root },
	{ "an attribute that is there twice is refused", attribute_twice },
	{ "more attributes than the limit are refused", too_many_attributes },
	{ "nothing but elements and blanks is allowed outside", nothing_outside },
	{ "an empty or unclosed configuration is no snapshot", unfinished },
	{ "a complaint names file, line and element, escaped", complaint_names_the_place },
	{ "a hundred thousand elements are built and share their names", large_tree },
	{ "threads share a snapshot, the last one frees it", threads_share_a_snapshot },
	{ "the nearest word is found when it is near enough to be meant", nearest_word },
};

UNIT_MAIN("config", cases)
