/* SPDX-License-Identifier: MIT */
/*
 * test_settings.h - what the tests of settings share: configurations from lines of text, and files with secrets. The text has an
 * element a line: blanks for its depth, its name, NAME=VALUE for each attribute, =TEXT for its text.
 */
#ifndef KEYFERRY_TEST_SETTINGS_H
#define KEYFERRY_TEST_SETTINGS_H
#include <ftw.h>
#include <limits.h>

#include "settings_fakes.h"
#include "unit.h"

/* One configuration under test. */
struct run {
	struct kept_log log;
	struct config *config;
	struct settings *settings;
	int fault;
};

static char folder[] = "/tmp/keyferry-settings-XXXXXX";

/* ---- a configuration from lines ---- */

static inline void word_build(struct config_builder *b, char *word)
{
	char *equals = strchr(word, '=');

	if (!equals)
		abort();
	*equals = '\0';
	CU_ASSERT_EQUAL(word[0] ? config_attribute(b, word, equals + 1) : config_text(b, equals + 1), 0);
}

static inline struct config *build(const char *text, const struct log_context *log)
{
	struct config_builder *b = config_builder_new(log);
	struct config *config = NULL;
	char *copy = strdup(text), *rest = copy, *line, file[PATH_MAX];
	size_t depth = 0;

	snprintf(file, sizeof(file), "%s/t.conf", folder);
	for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
		size_t indent = strspn(line, " ");
		char *words = line + indent, *element = strsep(&words, " ");

		if (!element[0])
			continue;
		for (; depth > indent; depth--)
			CU_ASSERT_EQUAL(config_close(b), 0);
		CU_ASSERT_EQUAL(config_open(b, element, file, number), 0);
		depth++;
		while (words)
			word_build(b, strsep(&words, " "));
	}
	while (depth-- > 0)
		CU_ASSERT_EQUAL(config_close(b), 0);
	free(copy);
	CU_ASSERT_EQUAL_FATAL(config_builder_finish(b, &config), 0);
	return config;
}

static inline void run_with(struct run *run, const char *text, const struct services *services)
{
	const struct log_context *log = kept_log_open(&run->log);

	run->config = build(text, log);
	run->fault = settings_new(&run->settings, run->config, fake_crypto, services, log);
	CU_ASSERT_EQUAL(run->fault == 0, run->settings != NULL);
	CU_ASSERT_EQUAL(run->fault == 0, run->log.errors == 0);
	config_unref(run->config);
}

static inline void run_end(struct run *run)
{
	settings_unref(run->settings);
	kept_log_close(&run->log);
}

/* A configuration that is right; what went wrong instead is shown. */
static inline struct settings *run_good(struct run *run, const char *text)
{
	run_with(run, text, NULL);
	if (run->fault)
		printf("%s", run->log.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(run->settings);
	return run->settings;
}

static inline void secret_file(const char *name, const char *text, mode_t mode)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	write_file(path, text, strlen(text), mode);
}

#define KEY_ANY " psk ids=%any file=long.psk\n"
#define OFFICE \
	"keyferry\n" \
	" connection name=office keep=up\n" \
	"  local address=192.0.2.1 id=gw.left.example\n" \
	"  remote address=198.51.100.1 id=gw.right.example\n" \
	"  phase1 mode=main auth=psk proposals=aes256-sha256-modp2048 lifetime=8h\n" \
	"  child name=lan local=10.1.0.0/16 remote=10.2.0.0/16 proposals=aes256gcm16-modp2048 lifetime=30m\n" \
	" psk ids=gw.left.example,gw.right.example file=long.psk\n"

#define AROUND(line3, line4) \
	"keyferry\n connection name=a\n" line3 line4 KEY_ANY
#define REMOTE "  remote address=192.0.2.9\n"
#define CHILD "  child name=b\n"


/* ---- files ---- */

static inline void files_make(void)
{
	char *long_line = malloc(5001);

	if (!long_line || !mkdtemp(folder))
		abort();
	memset(long_line, 'a', 5000);
	long_line[5000] = '\0';
	secret_file("endless.psk", long_line, 0600);
	memcpy(long_line + 1025, "\n", 2);
	secret_file("huge.psk", long_line, 0600);
	free(long_line);
	secret_file("long.psk", "a secret of some length\n", 0600);
	secret_file("group.psk", "a secret of some length\n", 0640);
	secret_file("crlf.psk", "a secret of some length\r\n", 0600);
	secret_file("hex.psk", "0x0001fEFf\n", 0600);
	secret_file("base64.psk", "0sa2V5ZmVycnk=\n", 0600);
	secret_file("unpadded.psk", "0sa2V5ZmVycnk\n", 0600);
	secret_file("bare.psk", "no newline at the end", 0600);
	secret_file("one.psk", "0\n", 0600);
	secret_file("drawn.psk", "J9JB83ee3c1TCX1NUW8/ECxkR6bzH9bV\n", 0600);
	secret_file("guess.psk", "Summer2024Office!\n", 0600);
	secret_file("short.psk", "fifteen octets!\n", 0600);
	secret_file("odd.psk", "\"quoted for no reason\"\nmore\n", 0600);
	secret_file("tail.psk", "a blank at the end \n", 0600);
	secret_file("open.psk", "a secret of some length\n", 0644);
	secret_file("empty.psk", "", 0600);
	secret_file("blank.psk", "\nmore\n", 0600);
	secret_file("bad-hex.psk", "0x123\n", 0600);
	secret_file("bad-base64.psk", "0s!!!\n", 0600);
	char fifo[PATH_MAX];
	snprintf(fifo, sizeof(fifo), "%s/fifo.psk", folder);
	if (mkfifo(fifo, 0600))
		abort();
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

/* Runs the cases with the files around them. */
static inline int settings_tests(const char *name, const struct unit_case *cases, size_t count)
{
	files_make();
	int status = unit_run(name, cases, count);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}

#endif
