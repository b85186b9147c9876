/* SPDX-License-Identifier: MIT */
/* log.c - makes lines of text or JSON, counts repeats, and hands each line whole to a descriptor, syslog or a sink. */
#include "log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "map.h"

/*
 * Time, level, fields and code fit HEAD_MAX, so only the text is ever cut. JSON doubles at most the
 * text's quotes and backslashes and adds the names of its members.
 */
enum { STAMP_MAX = 32, CODE_MAX = 48, HEAD_MAX = 384, TEXT_MAX = LOG_LINE_MAX - HEAD_MAX };
enum { OUT_MAX = 2 * LOG_LINE_MAX + 256 };
enum { REPEATS_MAX = 256 };

_Static_assert(STAMP_MAX + CODE_MAX + sizeof(struct log_fields) + 64 <= HEAD_MAX, "a head must fit");

/* A line in the making; what is in it is safe to print. */
struct line {
	enum log_level level;
	char code[CODE_MAX];       /* "" for none                                               */
	struct log_fields fields;
	char text[TEXT_MAX];
};

/* Lines of one code and peer since the first of them was printed. */
struct repeat {
	uint64_t until;            /* ms; 0: this entry is free                                 */
	uint64_t count;            /* lines not printed                                         */
	enum log_level level;
	char code[CODE_MAX];
	struct log_fields fields;  /* peer, or the connection when no peer is known             */
};

struct log {
	struct log_context root;
	struct log_options options;        /* constant                                          */
	atomic_int level;                  /* any thread                                        */
	pthread_mutex_t lock;              /* for what follows, and for the order of lines      */
	uint64_t next_until;               /* the earliest `until`, UINT64_MAX when all are free */
	uint64_t keys[REPEATS_MAX];        /* apart from the rest: they are searched            */
	struct repeat repeats[REPEATS_MAX];
};

static const char *const level_names[LEVEL_COUNT] = {
	[LEVEL_ERROR] = "error", [LEVEL_WARN] = "warn", [LEVEL_INFO] = "info", [LEVEL_DEBUG] = "debug",
};

static const int syslog_priorities[LEVEL_COUNT] = {
	[LEVEL_ERROR] = LOG_ERR, [LEVEL_WARN] = LOG_WARNING, [LEVEL_INFO] = LOG_INFO, [LEVEL_DEBUG] = LOG_DEBUG,
};

struct log *log_new(const struct log_options *options)
{
	struct log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	if (pthread_mutex_init(&log->lock, NULL)) {
		free(log);
		return NULL;
	}
	log->root.log = log;
	log->options = *options;
	log->next_until = UINT64_MAX;
	atomic_init(&log->level, (int)options->level);
	return log;
}

void log_set_level(struct log *log, enum log_level level)
{
	atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

enum log_level log_level(const struct log *log)
{
	return (enum log_level)atomic_load_explicit(&log->level, memory_order_relaxed);
}

const struct log_context *log_root(const struct log *log)
{
	return &log->root;
}

int log_level_parse(const char *word)
{
	for (int level = 0; level < LEVEL_COUNT; level++)
		if (strcmp(word, level_names[level]) == 0)
			return level;
	return -1;
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < LEVEL_COUNT ? level_names[level] : "unknown";
}

/* A context without a log wants nothing. */
bool log_wants(const struct log_context *ctx, enum log_level level)
{
	return ctx->log && level <= log_level(ctx->log);
}

char *log_escape(char *out, size_t size, struct bytes input)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0, fits = 0;         /* `fits`: what can stay when "..." must follow      */

	if (size == 0)
		return out;
	for (size_t i = 0; i < input.len; i++) {
		uint8_t octet = input.at[i];
		bool plain = octet >= 0x20 && octet < 0x7f;
		size_t takes = plain ? 1 : 4;

		if (size - used <= takes) {
			size_t dots = size - 1 - fits;

			memcpy(out + fits, "...", dots < 3 ? dots : 3);
			used = fits + (dots < 3 ? dots : 3);
			break;
		}
		if (plain)
			out[used] = (char)octet;
		else
			memcpy(out + used, (char[]){ '\\', 'x', digits[octet >> 4], digits[octet & 15] }, 4);
		used += takes;
		if (used + 3 < size)
			fits = used;
	}
	out[used] = '\0';
	return out;
}

/* -- one line ----------------------------------------------------------------------------- */

static void stamp_now(char out[STAMP_MAX])
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!gmtime_r(&now.tv_sec, &utc))
		memset(&utc, 0, sizeof(utc));
	size_t used = strftime(out, STAMP_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out + used, STAMP_MAX - used, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
}

static void put_text(struct writer *w, const char *text)
{
	put_bytes(w, bytes_text(text));
}

/* A word of the head, a blank before it unless it is the first. */
static void put_word(struct writer *w, size_t start, const char *name, const char *value)
{
	if (!*value)
		return;
	if (w->used != start)
		put_text(w, " ");
	put_text(w, name);
	put_text(w, value);
}

/* "info  peer=192.0.2.1:500 conn=office sa=1a2b3c4d ex=main code: text" */
static size_t line_as_text(const struct line *line, const char *stamp, char out[OUT_MAX])
{
	struct writer w = writer_over(out, OUT_MAX);

	if (*stamp) {
		put_text(&w, stamp);
		put_text(&w, " ");
	}
	char level[8];
	snprintf(level, sizeof(level), "%-5.5s ", log_level_name(line->level));
	put_text(&w, level);

	size_t start = w.used;
	put_word(&w, start, "peer=", line->fields.peer);
	put_word(&w, start, "conn=", line->fields.connection);
	put_word(&w, start, "sa=", line->fields.sa);
	put_word(&w, start, "ex=", line->fields.exchange);
	put_word(&w, start, "", line->code);
	if (w.used != start)
		put_text(&w, ": ");
	put_text(&w, line->text);
	return w.used;
}

/* What is empty is left out by json_pack()'s "s*", which takes NULL for it. */
static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static size_t line_as_json(const struct line *line, const char *stamp, char out[OUT_MAX])
{
	const struct log_fields *f = &line->fields;
	json_t *object = json_pack("{s:s*,s:s,s:s*,s:s*,s:s*,s:s*,s:s*,s:s}", "time", or_null(stamp),
				   "level", log_level_name(line->level), "peer", or_null(f->peer),
				   "connection", or_null(f->connection), "sa", or_null(f->sa),
				   "exchange", or_null(f->exchange), "code", or_null(line->code),
				   "text", line->text);
	size_t len = object ? json_dumpb(object, out, OUT_MAX, JSON_COMPACT) : 0;

	json_decref(object);
	/* Without memory a line of text is better than none. */
	return len && len <= OUT_MAX ? len : line_as_text(line, stamp, out);
}

static void write_whole(int fd, const char *at, size_t len)
{
	while (len) {
		ssize_t wrote = write(fd, at, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return; /* there is nowhere to complain */
		at += wrote;
		len -= (size_t)wrote;
	}
}

/* Under the lock. The newline goes out in the same write(2), so other processes' lines stay apart. */
static void line_emit(struct log *log, const struct line *line)
{
	const struct log_options *o = &log->options;
	char out[OUT_MAX + 1], stamp[STAMP_MAX] = "";

	if (o->timestamps)
		stamp_now(stamp);
	size_t len = o->json ? line_as_json(line, stamp, out) : line_as_text(line, stamp, out);
	if (o->fd >= 0) {
		out[len] = '\n';
		write_whole(o->fd, out, len + 1);
	}
	out[len] = '\0';
	if (o->to_syslog) {
		/* syslog has a time of its own. */
		size_t skip = !o->json && *stamp ? strlen(stamp) + 1 : 0;

		syslog(LOG_DAEMON | syslog_priorities[line->level], "%s", out + skip);
	}
	if (o->sink)
		o->sink(o->sink_arg, line->level, out);
}

/* -- repeats ------------------------------------------------------------------------------ */

static uint64_t monotonic_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Under the lock: prints the entry's count, unless it is 0, and frees the entry. */
static void repeat_end(struct log *log, struct repeat *repeat)
{
	if (repeat->count) {
		struct line line = { .level = repeat->level, .fields = repeat->fields };

		memcpy(line.code, repeat->code, sizeof(line.code));
		snprintf(line.text, sizeof(line.text), "%llu more like it within %u s",
			 (unsigned long long)repeat->count, (unsigned)LOG_REPEAT_SECONDS);
		line_emit(log, &line);
	}
	repeat->until = 0;
}

/* Under the lock: ends every entry whose time is over. */
static void repeats_flush(struct log *log, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (now < log->next_until)
		return;
	for (size_t i = 0; i < REPEATS_MAX; i++) {
		struct repeat *repeat = &log->repeats[i];

		if (repeat->until && repeat->until <= now)
			repeat_end(log, repeat);
		if (repeat->until && repeat->until < next)
			next = repeat->until;
	}
	log->next_until = next;
}

/* A free entry, or else the one that ends first; its count is printed, so that no line disappears uncounted. */
static size_t repeat_slot(struct log *log)
{
	size_t oldest = 0;

	for (size_t i = 0; i < REPEATS_MAX; i++)
		if (log->repeats[i].until < log->repeats[oldest].until)
			oldest = i;
	if (log->repeats[oldest].until)
		repeat_end(log, &log->repeats[oldest]);
	return oldest;
}

/* Under a hash that a peer cannot aim: 64 bits stand for code and peer. */
static uint64_t repeat_key(const struct line *line, const char *who)
{
	char both[CODE_MAX + TEXT_MAX + 2];
	int len = snprintf(both, sizeof(both), "%s %s", line->code, who);

	return map_hash(both, (size_t)len);
}

/* Lines that are about nobody are equal when they say the same: of two servers that fail both are to be named. */
static bool is_about_nobody(const struct line *line)
{
	return !*line->fields.peer && !*line->fields.connection;
}

/* Under the lock. False: there is no such entry; `is_full` tells whether there is room for one. */
static bool repeat_count(struct log *log, uint64_t key, bool *is_full)
{
	*is_full = true;
	for (size_t i = 0; i < REPEATS_MAX; i++) {
		if (log->repeats[i].until == 0) {
			*is_full = false;
		} else if (log->keys[i] == key) {
			log->repeats[i].count++;
			return true;
		}
	}
	return false;
}

/* Under the lock: an entry for a line that is printed; `is_shared`: for all peers of its code. */
static void repeat_begin(struct log *log, const struct line *line, uint64_t key, uint64_t now, bool is_shared)
{
	size_t slot = repeat_slot(log);
	struct repeat *repeat = &log->repeats[slot];

	*repeat = (struct repeat){ .until = now + LOG_REPEAT_SECONDS * 1000, .level = line->level };
	memcpy(repeat->code, line->code, sizeof(repeat->code));
	if (!is_shared && *line->fields.peer)
		memcpy(repeat->fields.peer, line->fields.peer, sizeof(repeat->fields.peer));
	else if (!is_shared)
		memcpy(repeat->fields.connection, line->fields.connection, sizeof(repeat->fields.connection));
	log->keys[slot] = key;
	if (repeat->until < log->next_until)
		log->next_until = repeat->until;
}

/*
 * Counts the line and returns true when one with its code and peer was printed a short while ago. Ports and addresses
 * can be forged, as many as one likes: where there is no room for a further peer, all further ones of a code share an entry.
 */
static bool line_repeats(struct log *log, const struct line *line)
{
	uint64_t key = repeat_key(line, *line->fields.peer ? line->fields.peer : is_about_nobody(line) ? line->text : line->fields.connection);
	uint64_t now = monotonic_now();
	bool is_full, is_shared;

	pthread_mutex_lock(&log->lock);
	repeats_flush(log, now);
	bool repeats = repeat_count(log, key, &is_full);
	is_shared = is_full && !repeats;
	if (is_shared) {
		key = repeat_key(line, "*");
		repeats = repeat_count(log, key, &is_full);
	}
	if (!repeats)
		repeat_begin(log, line, key, now, is_shared);
	pthread_mutex_unlock(&log->lock);
	return repeats;
}

void log_free(struct log *log)
{
	if (!log)
		return;
	repeats_flush(log, UINT64_MAX);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

/* ----------------------------------------------------------------------------------------- */

/* Names come from the configuration and from the peer. */
static void escape_field(char *field, size_t size)
{
	char raw[sizeof(struct log_fields)];

	field[size - 1] = '\0';
	memcpy(raw, field, size);
	log_escape(field, size, bytes_text(raw));
}

static void line_head(struct line *line, const struct log_context *ctx, const char *code)
{
	struct log_fields *f = &line->fields;

	if (code)
		log_escape(line->code, sizeof(line->code), bytes_text(code));
	if (!ctx->describe)
		return;
	ctx->describe(ctx, f);
	escape_field(f->peer, sizeof(f->peer));
	escape_field(f->connection, sizeof(f->connection));
	escape_field(f->sa, sizeof(f->sa));
	escape_field(f->exchange, sizeof(f->exchange));
}

static void line_text(struct line *line, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void line_text(struct line *line, const char *format, va_list args)
{
	char raw[TEXT_MAX + 4];            /* longer than `text`: what does not fit is seen to be cut */

	if (vsnprintf(raw, sizeof(raw), format, args) < 0)
		raw[0] = '\0';
	log_escape(line->text, sizeof(line->text), bytes_text(raw));
}

void log_line(const struct log_context *ctx, enum log_level level, const char *code, const char *format, ...)
{
	struct log *log = ctx->log;
	struct line line = { .level = level };
	int saved = errno;                 /* the caller's, also for "%m"                       */

	if (!log_wants(ctx, level))
		return;
	line_head(&line, ctx, code);
	bool is_counted = code && (level == LEVEL_WARN || level == LEVEL_INFO), has_text = is_counted && is_about_nobody(&line);
	va_list args;
	va_start(args, format);
	errno = saved;
	if (has_text)
		line_text(&line, format, args);
	bool is_repeat = is_counted && line_repeats(log, &line);
	errno = saved;
	if (!is_repeat && !has_text)
		line_text(&line, format, args);
	va_end(args);
	errno = saved;
	if (is_repeat)
		return;

	pthread_mutex_lock(&log->lock);
	repeats_flush(log, monotonic_now());
	line_emit(log, &line);
	pthread_mutex_unlock(&log->lock);
	errno = saved;
}
