/* SPDX-License-Identifier: MIT */
/*
 * test_config_xml.c - the examples load and fit the schema; broken files are refused at the right line, by the schema
 * too where it can know.
 */
#include <ftw.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <limits.h>

#include "config_xml.h"
#include "plugin.h"
#include "settings_fakes.h"
#include "test_config_xml_table.h"
#include "unit.h"

/* A file under test, from XML to settings. */
struct run {
	struct kept_log log;
	char seen[1024];           /* names of files, in front of patterns a '?', behind each a blank */
	struct config *config;
	struct settings *settings;
	struct daemon_settings daemon;
	int fault;
};

static char folder[] = "/tmp/keyferry-xml-XXXXXX";
static xmlRelaxNGPtr schema;
static struct services *services;

/* ---- helpers ---- */

static const char *path_of(char out[PATH_MAX], const char *name)
{
	if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		abort();
	return out;
}

static void put_file(const char *name, const char *text, mode_t mode)
{
	char path[PATH_MAX];

	/* One of the broken files has zeros in it, and is eight octets long. */
	write_file(path_of(path, name), text, text[0] == '\xff' ? 6 : strlen(text), mode);
}

static void saw_file(void *arg, const char *path, bool is_pattern)
{
	struct run *run = arg;
	size_t used = strlen(run->seen), inside = strncmp(path, folder, strlen(folder)) == 0 ? strlen(folder) + 1 : 0;

	snprintf(run->seen + used, sizeof(run->seen) - used, "%s%s ", is_pattern ? "?" : "", path + inside);
}

static int load_config(struct run *run, const char *path)
{
	const struct config_source *source = plugin.provides[0].ops;
	struct config_builder *builder = config_builder_new(log_root(run->log.log));

	run->seen[0] = '\0';
	config_builder_observe(builder, saw_file, run);
	CU_ASSERT(source->handles(path));
	int fault = source->load(NULL, path, builder, log_root(run->log.log));
	if (fault) {
		config_builder_free(builder);
		return fault;
	}
	return config_builder_finish(builder, &run->config);
}

/* As keyferryd does it: the file, <daemon>, all the rest. */
static void run_file(struct run *run, const char *name)
{
	const struct log_context *log = kept_log_open(&run->log);
	char path[PATH_MAX];

	run->config = NULL;
	run->settings = NULL;
	run->fault = load_config(run, path_of(path, name));
	if (!run->config)
		return;
	int fault = daemon_settings_read(&run->daemon, run->config, log);
	run->fault = settings_new(&run->settings, run->config, fake_crypto, services, log);
	if (!run->fault)
		run->fault = fault;
}

static void run_end(struct run *run)
{
	settings_unref(run->settings);
	if (run->config)
		daemon_settings_free(&run->daemon);
	config_unref(run->config);
	kept_log_close(&run->log);
}

static void run_text(struct run *run, const char *text)
{
	put_file("t.xml", text, 0644);
	run_file(run, "t.xml");
}

/* Shows what was not expected. */
static void run_good(struct run *run)
{
	if (run->fault)
		printf("%s", run->log.text);
	CU_ASSERT_EQUAL(run->fault, 0);
	CU_ASSERT_EQUAL(run->log.errors, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(run->settings);
}

static void be_silent(void *arg, const char *format, ...)
{
	(void)arg, (void)format;
}

static bool schema_accepts(const char *name)
{
	char path[PATH_MAX];
	xmlDocPtr document = xmlReadFile(path_of(path, name), NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt(schema);

	if (!context)
		abort();
	xmlRelaxNGSetValidErrors(context, be_silent, be_silent, NULL);
	bool is_valid = document && xmlRelaxNGValidateDoc(context, document) == 0;
	xmlRelaxNGFreeValidCtxt(context);
	xmlFreeDoc(document);
	return is_valid;
}

/* ---- the examples ---- */

/* In Aggressive Mode what it gives away is said for each connection. */
static const struct {
	const char *name;
	size_t warnings;
} examples[] = {
	{ "two-gateways.xml", 0 },  { "road-warrior-psk.xml", 0 }, { "many-children.xml", 0 },  { "ipv6.xml", 0 },
	{ "transport.xml", 0 },     { "shunts.xml", 0 },           { "xfrm-interface.xml", 0 }, { "aggressive-groups.xml", 2 },
	{ "public-keys.xml", 0 },   { "certificates.xml", 0 },
};

static void copy_example(const char *name)
{
	char path[PATH_MAX], text[8192];
	const char *root = getenv("TOP_SRCDIR");

	snprintf(path, sizeof(path), "%s/docs/examples/%s", root ? root : SOURCE_FOLDER, name);
	FILE *file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	put_file(name, text, 0644);
}

static void test_examples(void)
{
	static const char *const secrets[] = { "office.psk", "road-warriors.psk", "branch.psk", "six.psk", "database.psk", "sales.psk", "service.psk" };
	struct run run;

	/* As the fake plugin reads them: ECDSA. */
	put_file("left.key", "1 left\n", 0600);
	put_file("left.pem", "1 left\n1 between\n", 0644);
	put_file("corp.pem", "1 corp\n", 0644);
	put_file("right.pub", "1 right\n", 0644);
	for (size_t i = 0; i < COUNT(secrets); i++)
		put_file(secrets[i], "J9JB83ee3c1TCX1NUW8/ECxkR6bzH9bV\n", 0600);
	for (size_t i = 0; i < COUNT(examples); i++) {
		copy_example(examples[i].name);
		run_file(&run, examples[i].name);
		run_good(&run);
		CU_ASSERT_EQUAL(run.log.warnings, examples[i].warnings);
		CU_ASSERT(schema_accepts(examples[i].name));
		run_end(&run);
	}
}

/* ---- broken files ---- */

/* The first line of the log is about this line of this file. */
static bool is_placed(const struct run *run, const struct broken_file *broken)
{
	char place[PATH_MAX + 32];

	snprintf(place, sizeof(place), "%s/%s:%u: ", folder, broken->file ? broken->file : "t.xml", broken->line);
	const char *first = strstr(run->log.text, folder);
	return first && strncmp(first, place, strlen(place)) == 0;
}

static void test_broken(void)
{
	for (size_t i = 0; i < broken_file_count; i++) {
		const struct broken_file *broken = &broken_files[i];
		struct run run;

		run_text(&run, broken->text);
		bool is_right = run.fault == FAULT_INPUT && is_placed(&run, broken) && kept_log_has(&run.log, broken->words) &&
				!kept_log_has(&run.log, "hush");
		bool is_agreed = broken->schema == SCHEMA_UNASKED ||
				 schema_accepts("t.xml") == (broken->schema == SCHEMA_PASSES);
		if (!is_right || !is_agreed)
			printf("%s, wanted line %u \"%s\":\n%s---\n%s---\n", is_agreed ? "file" : "schema", broken->line,
			       broken->words, broken->text, run.log.text);
		CU_ASSERT(is_right);
		CU_ASSERT(is_agreed);
		run_end(&run);
	}
}

/* ---- XML ---- */

#define GOOD(more) "<keyferry xmlns=\"urn:keyferry:1\">" more "</keyferry>\n"
#define CONNECTION(name) "<connection name='" name "'><remote address='192.0.2.9'/><child name='b'/></connection>"
#define KEY "<psk ids='%any' file='good.psk'/>"

static void test_well_written(void)
{
	struct run run;

	run_text(&run, "\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<?xml-model href='keyferry.rng'?>\n"
		 "<k:keyferry xmlns:k='urn:keyferry:1'><!-- a --><k:psk ids='a&#46;example &lt;' file='g&#x6f;od.psk'/></k:keyferry>");
	CU_ASSERT(kept_log_has(&run.log, "t.xml:3: <psk>: ids: '<' is neither"));
	run_end(&run);
	run_text(&run, "<?xml version='1.0' encoding='ISO-8859-1'?>" GOOD(CONNECTION("a") "<![CDATA[  ]]>" KEY
		 "<plugin name='metrics-http' port='9' anything='&quot;x&quot;'/><daemon watch='yes'/>"));
	run_good(&run);
	CU_ASSERT(schema_accepts("t.xml"));
	const struct config_node *root = config_root(run.config);
	CU_ASSERT_STRING_EQUAL(config_get(root->children[2], "anything"), "\"x\"");
	run_end(&run);
}

static void test_lines(void)
{
	enum { LINES = 70000 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct run run;

	fprintf(out, "<keyferry xmlns=\"urn:keyferry:1\">");
	for (unsigned i = 0; i < LINES; i++)
		fputc('\n', out);
	fprintf(out, "<psk\n\n ids='%%any'\n file='good.psk'\n/><connection\n name='a'>\n<remote address='%%any'/>\r\n<child name='b'\n/>"
		"</connection></keyferry>");
	fclose(out);
	run_text(&run, text);
	run_good(&run);
	const struct config_node *root = config_root(run.config);
	CU_ASSERT_EQUAL(root->line, 1);
	CU_ASSERT_EQUAL(root->children[0]->line, LINES + 1);
	CU_ASSERT_EQUAL(root->children[1]->line, LINES + 5);
	CU_ASSERT_EQUAL(root->children[1]->children[0]->line, LINES + 7);
	CU_ASSERT_EQUAL(root->children[1]->children[1]->line, LINES + 8);
	run_end(&run);
	free(text);
}

static void test_includes(void)
{
	struct run run;
	char path[PATH_MAX];

	run_text(&run, GOOD(CONNECTION("first") "\n<include files='conf.d/*.xml'/>\n"
		 "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='conf%2Ed/b.ex%74ra'/>\n"
		 "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='none.xml' parse='xml'><i:fallback/></i:include>\n"
		 "<include files='conf.d/none*.xml'/>"));
	run_good(&run);
	CU_ASSERT_EQUAL(settings_connection_count(run.settings), 4);
	/* In the order of the names of the files, each where its <include> stands; the key is in 20.xml. */
	CU_ASSERT_STRING_EQUAL(settings_connection_at(run.settings, 1)->name, "from-10");
	CU_ASSERT_STRING_EQUAL(settings_connection_at(run.settings, 2)->name, "from-20");
	CU_ASSERT_STRING_EQUAL(settings_connection_at(run.settings, 3)->name, "from-b");
	CU_ASSERT_STRING_EQUAL(settings_connection_at(run.settings, 2)->node->file, path_of(path, "conf.d/20.xml"));
	CU_ASSERT_EQUAL(settings_connection_at(run.settings, 2)->node->line, 2);
	CU_ASSERT(schema_accepts("t.xml"));
	CU_ASSERT_STRING_EQUAL(run.seen, "t.xml ?conf.d/*.xml conf.d/10.xml conf.d/20.xml conf.d/b.extra none.xml ?conf.d/none*.xml ");
	run_end(&run);
}

static void test_all_errors(void)
{
	struct run run;

	/* One file that is no XML does not hide what is wrong in the others. */
	run_text(&run, GOOD("\n<include files='t.psk'/>\n<include files='none.xml'/>\n<x xmlns=''/>\n"));
	CU_ASSERT_EQUAL(run.fault, FAULT_INPUT);
	CU_ASSERT_EQUAL(run.log.errors, 3);
	/* Whoever mends them is to be noticed. */
	CU_ASSERT_STRING_EQUAL(run.seen, "t.xml t.psk none.xml ");
	run_end(&run);
}

static void test_files(void)
{
	char path[PATH_MAX];
	struct run run;

	run_file(&run, "none.xml");
	CU_ASSERT(kept_log_has(&run.log, "none.xml: there is no such file"));
	run_end(&run);
	run_file(&run, "folder.xml");
	CU_ASSERT(kept_log_has(&run.log, "folder.xml: is a directory"));
	run_end(&run);
	run_file(&run, "fifo.xml");
	CU_ASSERT(kept_log_has(&run.log, "fifo.xml: is not a regular file"));
	run_end(&run);
	put_file("huge.xml", "", 0600);
	CU_ASSERT_EQUAL(truncate(path_of(path, "huge.xml"), XML_FILE_MAX + 1), 0);
	run_file(&run, "huge.xml");
	CU_ASSERT(kept_log_has(&run.log, "huge.xml: is larger than 33554432 octets"));
	run_end(&run);
	put_file("shut.xml", GOOD(""), 0);
	run_file(&run, "shut.xml");
	CU_ASSERT(geteuid() == 0 || kept_log_has(&run.log, "shut.xml: cannot be read: Permission denied"));
	run_end(&run);
	put_file("open.xml", GOOD(""), 0666);
	run_file(&run, "open.xml");
	CU_ASSERT_EQUAL(run.fault, 0);
	CU_ASSERT(kept_log_has(&run.log, "everybody can change this configuration"));
	run_end(&run);
}

/* Elements, text and includes as deep and as much as they come. */
static void test_bombs(void)
{
	char *text = NULL;
	size_t size;
	struct run run;

	FILE *out = open_memstream(&text, &size);
	fprintf(out, "<keyferry xmlns='urn:keyferry:1'>");
	for (unsigned i = 0; i < 1000; i++)
		fprintf(out, "<a>");
	fclose(out);
	run_text(&run, text);
	CU_ASSERT_NOT_EQUAL(run.fault, 0);
	CU_ASSERT(kept_log_has(&run.log, "elements are nested more than 16 deep"));
	run_end(&run);
	free(text);
	out = open_memstream(&text, &size);
	fprintf(out, "<keyferry xmlns='urn:keyferry:1'>\n");
	for (unsigned i = 0; i < XML_TEXT_MAX; i++)
		fprintf(out, "text");
	fprintf(out, "</keyferry>\n");
	fclose(out);
	run_text(&run, text);
	CU_ASSERT_EQUAL(run.fault, FAULT_INPUT);
	CU_ASSERT(kept_log_has(&run.log, "longer than 65536 octets"));
	run_end(&run);
	free(text);
	for (unsigned i = 0; i < 12; i++) {
		char name[32], inner[128];

		snprintf(name, sizeof(name), "deep%u.xml", i);
		snprintf(inner, sizeof(inner), GOOD("<include files='deep%u.xml'/>"), i + 1);
		put_file(name, inner, 0644);
	}
	run_file(&run, "deep0.xml");
	CU_ASSERT(kept_log_has(&run.log, "deep8.xml:1: <include>"));
	CU_ASSERT(kept_log_has(&run.log, "is included more than 8 files deep"));
	run_end(&run);
}

static void test_many(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct run run;

	fprintf(out, "<keyferry xmlns='urn:keyferry:1'>\n%s\n", KEY);
	for (unsigned i = 0; i < 1000; i++)
		fprintf(out, "<connection name='c%u' keep='up'>\n  <local address='192.0.2.1' id='gw.example'/>\n"
			"  <remote address='10.0.%u.%u'/>\n  <phase1 proposals='default, legacy'/>\n"
			"  <child name='lan' local='10.1.0.0/16' remote='10.2.%u.0/24' proposals='default'/>\n</connection>\n",
			i, i / 250, i % 250 + 1, i % 256);
	fprintf(out, "</keyferry>\n");
	fclose(out);
	run_text(&run, text);
	run_good(&run);
	CU_ASSERT_EQUAL(settings_connection_count(run.settings), 1000);
	for (unsigned i = 0; i < 1000; i += 111) {
		char name[8];
		snprintf(name, sizeof(name), "c%u", i);
		CU_ASSERT_EQUAL(settings_connection(run.settings, name)->node->line, 3 + i * 6);
	}
	run_end(&run);
	free(text);
}

/* ---- */

static void files_make(void)
{
	char path[PATH_MAX];

	if (!mkdtemp(folder) || mkdir(path_of(path, "folder"), 0700) || mkdir(path_of(path, "folder.xml"), 0700) ||
	    mkdir(path_of(path, "conf.d"), 0700) || mkfifo(path_of(path, "fifo.xml"), 0600))
		abort();
	put_file("good.psk", "a secret of some length\n", 0600);
	put_file("t.psk", "a secret of some length\n", 0644);
	put_file("empty.xml", GOOD(""), 0644);
	put_file("ring.xml", GOOD("\n<include files='ring.xml'/>"), 0644);
	put_file("rooted.xml", "<keyferry xmlns='urn:keyferry:1' name='x'/>", 0644);
	put_file("wrong.xml", GOOD("\n<connection name='a'>\n<remot address='%any'/></connection>"), 0644);
	put_file("conf.d/10.xml", GOOD(CONNECTION("from-10")), 0644);
	put_file("conf.d/20.xml", GOOD("\n" CONNECTION("from-20") "<psk ids='%any' file='20.psk'/>"), 0644);
	put_file("conf.d/20.psk", "a secret of some length\n", 0600);
	put_file("conf.d/20.xml~", "an editor's copy", 0644);
	put_file("conf.d/b.extra", GOOD(CONNECTION("from-b")), 0644);
}

static void schema_load(void)
{
	const char *root = getenv("TOP_SRCDIR");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/plugins/config-xml/keyferry.rng", root ? root : SOURCE_FOLDER);
	xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt(path);
	schema = parser ? xmlRelaxNGParse(parser) : NULL;
	xmlRelaxNGFreeParserCtxt(parser);
	if (!schema)
		abort();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static const struct unit_case cases[] = {
	{ "every example loads and fits the schema", test_examples },
	{ "every broken file is refused at its line, and by the schema where it can know", test_broken },
	{ "prefixes, references, comments and marks of well-written files are understood", test_well_written },
	{ "an element's line is where its tag begins, also beyond 65535", test_lines },
	{ "included files stand in the place of their include, are told of, and nodes keep their own file", test_includes },
	{ "an error in one file does not hide those in others, nor the files", test_all_errors },
	{ "what is not a readable file of moderate size is refused by name", test_files },
	{ "depth, text and chains of includes have limits", test_bombs },
	{ "a thousand connections load with their lines", test_many },
};

int main(void)
{
	void *state = NULL;

	files_make();
	services = fake_services();
	fake_service(services, SERVICE_EXCHANGE, "1/4");
	if (plugin.start(NULL, NULL, &state))
		return EXIT_FAILURE;
	schema_load();
	int status = unit_run("config_xml", cases, COUNT(cases));
	xmlRelaxNGFree(schema);
	xmlCleanupParser();
	services_free(services);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}
