/* SPDX-License-Identifier: MIT */
/* test_log.c - lines are whole, safe on a terminal, carry their context, and repeats are counted. */
#include "log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static time_t clock_ahead;

/* Stands before the C library's, so that windows of seconds pass at once. */
int clock_gettime(clockid_t id, struct timespec *out)
{
	int status = (int)syscall(SYS_clock_gettime, id, out);

	out->tv_sec += clock_ahead;
	return status;
}

enum { LINES_MAX = 32 };

struct captured {
	char lines[LINES_MAX][2 * LOG_LINE_MAX];
	enum log_level levels[LINES_MAX];
	size_t count;
	unsigned long told;        /* lines, with those that were only counted */
};

static struct captured captured;

static void capture(void *arg, enum log_level level, const char *line)
{
	struct captured *into = arg;

	if (into->count < LINES_MAX) {
		snprintf(into->lines[into->count], sizeof(into->lines[0]), "%s", line);
		into->levels[into->count] = level;
	}
	const char *number = strstr(line, " more like it");
	while (number && number[-1] != ' ')
		number--;
	into->told += number ? strtoul(number, NULL, 10) : 1;
	into->count++;
}

static struct log *start(struct log_options options)
{
	captured.count = captured.told = 0;
	if (!options.fd)
		options.fd = -1;
	options.sink = capture;
	options.sink_arg = &captured;
	struct log *log = log_new(&options);
	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	return log;
}

/* What a context is embedded in. */
struct talker {
	struct log_context log;
	const char *peer, *connection, *sa, *exchange;
};

static void talker_describe(const struct log_context *ctx, struct log_fields *f)
{
	const struct talker *t = CONTAINER(ctx, const struct talker, log);

	snprintf(f->peer, sizeof(f->peer), "%s", t->peer ? t->peer : "");
	snprintf(f->connection, sizeof(f->connection), "%s", t->connection ? t->connection : "");
	snprintf(f->sa, sizeof(f->sa), "%s", t->sa ? t->sa : "");
	snprintf(f->exchange, sizeof(f->exchange), "%s", t->exchange ? t->exchange : "");
}

static void line_carries_its_context(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO });
	struct talker t = { { log, talker_describe }, "198.51.100.1:500", "office", "1a2b3c4d", "main" };

	log_at(&t.log, LEVEL_WARN, "proposal-mismatch", "offered %d, accepted none", 3);
	CU_ASSERT_STRING_EQUAL(captured.lines[0], "warn  peer=198.51.100.1:500 conn=office sa=1a2b3c4d ex=main "
						  "proposal-mismatch: offered 3, accepted none");
	CU_ASSERT_EQUAL(captured.levels[0], LEVEL_WARN);
	t.peer = t.sa = t.exchange = NULL;
	log_info(&t.log, "loaded");
	CU_ASSERT_STRING_EQUAL(captured.lines[1], "info  conn=office: loaded");
	log_error(log_root(log), "no such file");
	CU_ASSERT_STRING_EQUAL(captured.lines[2], "error no such file");
	log_free(log);
}

static void level_decides(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_WARN });
	const struct log_context *root = log_root(log);

	log_info(root, "no");
	log_line(root, LEVEL_DEBUG, NULL, "no");
	CU_ASSERT_EQUAL(captured.count, 0);
	CU_ASSERT_TRUE(log_wants(root, LEVEL_WARN));
	log_set_level(log, LEVEL_DEBUG);
	CU_ASSERT_EQUAL(log_level(log), LEVEL_DEBUG);
	log_debug(root, "yes");
	CU_ASSERT_EQUAL(captured.count, 1);
	CU_ASSERT_FALSE(log_wants(&(struct log_context){ NULL, NULL }, LEVEL_ERROR));
	log_free(log);
	log_free(NULL);
}

static void level_names_are_words(void)
{
	for (int level = 0; level < LEVEL_COUNT; level++)
		CU_ASSERT_EQUAL(log_level_parse(log_level_name((enum log_level)level)), level);
	CU_ASSERT_EQUAL(log_level_parse("loud"), -1);
	CU_ASSERT_EQUAL(log_level_parse(""), -1);
}

static void time_is_utc_with_milliseconds(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO, .timestamps = true });

	log_info(log_root(log), "now");
	unsigned y, mo, d, h, mi, s, ms;
	int end = 0;
	CU_ASSERT_EQUAL(sscanf(captured.lines[0], "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ info  now%n", &y, &mo, &d, &h, &mi, &s,
			       &ms, &end), 7);
	CU_ASSERT_EQUAL(end, 34);
	log_free(log);
}

static void control_characters_are_escaped(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO });
	struct talker t = { { log, talker_describe }, .connection = "a\nb" };

	log_info(&t.log, "id \x1b[31m%s", "x\r\ny\x9b\xc3\xa9");
	CU_ASSERT_STRING_EQUAL(captured.lines[0], "info  conn=a\\x0ab: id \\x1b[31mx\\x0d\\x0ay\\x9b\\xc3\\xa9");
	log_free(log);
}

static void escape_cuts_to_fit(void)
{
	char out[16];

	CU_ASSERT_STRING_EQUAL(log_escape(out, sizeof(out), bytes_text("123456789012345")), "123456789012345");
	CU_ASSERT_STRING_EQUAL(log_escape(out, sizeof(out), bytes_text("1234567890123456")), "123456789012...");
	CU_ASSERT_STRING_EQUAL(log_escape(out, sizeof(out), bytes_of("\0\1\2\3", 4)), "\\x00\\x01\\x02...");
	CU_ASSERT_STRING_EQUAL(log_escape(out, 13, bytes_of("\0\1\2", 3)), "\\x00\\x01\\x02");
	CU_ASSERT_STRING_EQUAL(log_escape(out, 3, bytes_text("abc")), "..");
	CU_ASSERT_STRING_EQUAL(log_escape(out, 1, bytes_text("abc")), "");
	CU_ASSERT_STRING_EQUAL(log_escape(out, sizeof(out), (struct bytes){ NULL, 0 }), "");
	for (size_t size = 1; size <= sizeof(out); size++)
		for (size_t len = 0; len < 40; len++) {
			uint8_t input[40];

			for (size_t i = 0; i < len; i++)
				input[i] = i * size % 3 ? 'x' : 7;
			CU_ASSERT_TRUE(strlen(log_escape(out, size, bytes_of(input, len))) < size);
		}
}

static void long_line_is_cut(void)
{
	static char text[3 * LOG_LINE_MAX];
	struct log *log = start((struct log_options){ .level = LEVEL_INFO, .timestamps = true });
	struct talker t = { { log, talker_describe }, text, text, text, text };

	memset(text, '"', sizeof(text) - 1);
	log_info(&t.log, "%s", text);
	size_t len = strlen(captured.lines[0]);
	CU_ASSERT_TRUE(len < LOG_LINE_MAX && len > LOG_LINE_MAX / 2);
	CU_ASSERT_STRING_EQUAL(captured.lines[0] + len - 4, "\"...");
	log_free(log);

	log = start((struct log_options){ .level = LEVEL_INFO, .json = true, .timestamps = true });
	t.log.log = log;
	log_at(&t.log, LEVEL_ERROR, text, "%s", text);
	json_t *object = json_loads(captured.lines[0], 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(object);
	json_decref(object);
	log_free(log);
}

static const char *member(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "(none)";
}

static void json_line_is_an_object(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO, .json = true });
	struct talker t = { { log, talker_describe }, "[2001:db8::1]:500", "of\"fice", "1a2b", NULL };

	log_at(&t.log, LEVEL_INFO, "sa-up", "said \"%s\\\"", "\xff\n");
	json_t *object = json_loads(captured.lines[0], JSON_REJECT_DUPLICATES, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	CU_ASSERT_STRING_EQUAL(member(object, "level"), "info");
	CU_ASSERT_STRING_EQUAL(member(object, "peer"), "[2001:db8::1]:500");
	CU_ASSERT_STRING_EQUAL(member(object, "connection"), "of\"fice");
	CU_ASSERT_STRING_EQUAL(member(object, "sa"), "1a2b");
	CU_ASSERT_STRING_EQUAL(member(object, "code"), "sa-up");
	CU_ASSERT_STRING_EQUAL(member(object, "text"), "said \"\\xff\\x0a\\\"");
	CU_ASSERT_EQUAL(json_object_size(object), 6);
	json_decref(object);
	log_free(log);
}

static void repeats_are_counted(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO });
	struct talker a = { { log, talker_describe }, .peer = "192.0.2.1:500", .sa = "11" };
	struct talker b = { { log, talker_describe }, .peer = "192.0.2.2:500" };

	for (int i = 0; i < 100; i++)
		log_at(&a.log, LEVEL_WARN, "bad-cookie", "number %d", i);
	log_at(&b.log, LEVEL_WARN, "bad-cookie", "another peer");
	log_at(&a.log, LEVEL_WARN, "bad-hash", "another code");
	CU_ASSERT_EQUAL(captured.count, 3);
	CU_ASSERT_STRING_EQUAL(captured.lines[0], "warn  peer=192.0.2.1:500 sa=11 bad-cookie: number 0");

	clock_ahead += LOG_REPEAT_SECONDS;
	log_at(&a.log, LEVEL_WARN, "bad-cookie", "number 100");
	CU_ASSERT_EQUAL(captured.count, 5);
	CU_ASSERT_STRING_EQUAL(captured.lines[3], "warn  peer=192.0.2.1:500 bad-cookie: 99 more like it within 10 s");
	CU_ASSERT_EQUAL(captured.levels[3], LEVEL_WARN);
	CU_ASSERT_STRING_EQUAL(captured.lines[4], "warn  peer=192.0.2.1:500 sa=11 bad-cookie: number 100");
	log_free(log);
	CU_ASSERT_EQUAL(captured.count, 5);
}

static void count_appears_without_a_further_repeat(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO });

	log_at(log_root(log), LEVEL_INFO, "bad-cookie", "x");
	log_at(log_root(log), LEVEL_INFO, "bad-cookie", "x");
	clock_ahead += LOG_REPEAT_SECONDS;
	log_info(log_root(log), "something else");
	CU_ASSERT_EQUAL(captured.count, 3);
	CU_ASSERT_STRING_EQUAL(captured.lines[1], "info  bad-cookie: 1 more like it within 10 s");
	log_at(log_root(log), LEVEL_INFO, "bad-cookie", "x");
	log_at(log_root(log), LEVEL_INFO, "bad-cookie", "x");
	CU_ASSERT_EQUAL(captured.count, 4);
	log_free(log);
	CU_ASSERT_EQUAL(captured.count, 5);
}

static void lines_about_nobody_differ_by_their_text(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO });

	for (int i = 0; i < 6; i++)
		log_at(log_root(log), LEVEL_WARN, "server-down", "server %d", i % 2);
	CU_ASSERT_EQUAL(captured.count, 2);
	CU_ASSERT_STRING_EQUAL(captured.lines[1], "warn  server-down: server 1");
	/* However many there are. */
	for (int i = 0; i < 5000; i++)
		log_at(log_root(log), LEVEL_WARN, "server-down", "server %d", i);
	CU_ASSERT(captured.count < 300);
	log_free(log);
}

static void errors_and_plain_lines_are_never_counted(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_DEBUG });

	for (int i = 0; i < 3; i++) {
		log_at(log_root(log), LEVEL_ERROR, "config-error", "x");
		log_at(log_root(log), LEVEL_DEBUG, "received", "x");
		log_info(log_root(log), "x");
	}
	CU_ASSERT_EQUAL(captured.count, 9);
	log_free(log);
}

static void connections_without_a_peer_differ(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_DEBUG });
	struct talker a = { { log, talker_describe }, .connection = "a" };
	struct talker b = { { log, talker_describe }, .connection = "b" };

	log_at(&a.log, LEVEL_INFO, "connection-added", "x");
	log_at(&b.log, LEVEL_INFO, "connection-added", "x");
	CU_ASSERT_EQUAL(captured.count, 2);
	log_free(log);
}

/* One peer may come from as many ports, or forged addresses, as it likes. */
static void many_peers_share_a_count(void)
{
	enum { PEERS = 1000, APART = 256 };
	struct log *log = start((struct log_options){ .level = LEVEL_INFO });
	char peer[32];
	struct talker t = { { log, talker_describe }, .peer = peer };

	for (int i = 0; i < PEERS; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%d:%d", i % 256, i);
		log_at(&t.log, LEVEL_WARN, "bad-cookie", "x");
		log_at(&t.log, LEVEL_WARN, "bad-cookie", "x");
	}
	/* One each; then one that stands for the rest, and pushed another out. */
	CU_ASSERT_EQUAL(captured.count, APART + 2);
	log_free(log);
	CU_ASSERT_EQUAL(captured.count, 2 * APART + 2);
	CU_ASSERT_EQUAL(captured.told, 2 * PEERS);
}

static void errno_is_kept(void)
{
	struct log *log = start((struct log_options){ .level = LEVEL_INFO, .fd = 9999 });

	errno = ENOENT;
	log_at(log_root(log), LEVEL_WARN, "code", "open: %m");
	CU_ASSERT_EQUAL(errno, ENOENT);
	CU_ASSERT_STRING_EQUAL(captured.lines[0], "warn  code: open: No such file or directory");
	log_free(log);
}

static void *shout(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info(log_root(arg), "line %0*d end", 100 + i % 100, i);
	return NULL;
}

static void lines_of_threads_are_whole(void)
{
	FILE *file = tmpfile();
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	struct log *log = log_new(&(struct log_options){ .level = LEVEL_INFO, .fd = fileno(file), .timestamps = true });
	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, shout, log), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);

	char line[512];
	int lines = 0;
	rewind(file);
	for (; fgets(line, sizeof(line), file); lines++) {
		int number = -1, end = 0;

		CU_ASSERT_EQUAL(sscanf(line + 24, " info line %d end%n", &number, &end), 1);
		CU_ASSERT_EQUAL(line[24 + end], '\n');
	}
	CU_ASSERT_EQUAL(lines, 2000);
	log_free(log);
	fclose(file);
}

static const struct unit_case cases[] = {
	{ "a line carries peer, connection, sa, exchange and code", line_carries_its_context },
	{ "only lines of a wanted level are printed", level_decides },
	{ "each level has a word", level_names_are_words },
	{ "the time is UTC with milliseconds", time_is_utc_with_milliseconds },
	{ "control characters and non-ASCII are escaped everywhere in a line", control_characters_are_escaped },
	{ "escaped input is cut with dots to fit", escape_cuts_to_fit },
	{ "a long line is cut and stays well-formed", long_line_is_cut },
	{ "a JSON line is one object without empty members", json_line_is_an_object },
	{ "repeats of one code and peer are counted and the count is printed", repeats_are_counted },
	{ "the count appears at the next line of any kind, or at the end", count_appears_without_a_further_repeat },
	{ "lines about nobody differ by their text", lines_about_nobody_differ_by_their_text },
	{ "errors, debug lines and lines without a code are never counted", errors_and_plain_lines_are_never_counted },
	{ "connections without a peer are told apart", connections_without_a_peer_differ },
	{ "a thousand peers share a count, and no line is lost from it", many_peers_share_a_count },
	{ "errno survives a line", errno_is_kept },
	{ "lines of several threads are whole", lines_of_threads_are_whole },
};

UNIT_MAIN("log", cases)
