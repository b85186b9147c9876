/* SPDX-License-Identifier: MIT */
/*
 * log.h - levelled lines that carry their context (peer, connection, SA, exchange) and, where they
 * tell of a failure, a stable event code. Formatting happens only when the level is wanted.
 */
#ifndef KEYFERRY_LOG_H
#define KEYFERRY_LOG_H
#include "bytes.h"

/* error: an admin must act; warn: a peer misbehaves; info: something came or went; debug: each message and decision. */
enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_COUNT };

struct log;

/* Filled by a context's describe(); what is empty is not printed. */
struct log_fields {
	char peer[64];
	char connection[64];
	char sa[40];
	char exchange[40];
};

/*
 * Embedded in what is talked about (an SA, an exchange); describe() finds that with CONTAINER().
 * describe may be NULL: then only the text is printed.
 */
struct log_context {
	struct log *log;
	void (*describe)(const struct log_context *ctx, struct log_fields *fields);
};

struct log_options {
	enum log_level level;
	bool json;                 /* one JSON object a line instead of text                     */
	bool timestamps;
	int fd;                    /* where lines go; -1: nowhere but the sink                   */
	bool to_syslog;
	/* For tests and front ends; called under the log's lock. NULL: none. `line` ends without a newline. */
	void (*sink)(void *arg, enum log_level level, const char *line);
	void *sink_arg;
};

/* any thread; lines are whole. NULL without memory. */
struct log *log_new(const struct log_options *options) MUST_CHECK;
void log_free(struct log *log);
void log_set_level(struct log *log, enum log_level level);
enum log_level log_level(const struct log *log);
/* The log's own context, without fields. */
const struct log_context *log_root(const struct log *log);

/* "error", "warn", "info", "debug"; -1 for another word. */
int log_level_parse(const char *word);
const char *log_level_name(enum log_level level);

bool log_wants(const struct log_context *ctx, enum log_level level);

/*
 * `code` is a stable event code in lower case with dashes ("proposal-mismatch") or NULL. Equal lines of
 * level warn and info with a code (same code and peer; without a peer the same connection; without that the same text) within
 * LOG_REPEAT_SECONDS are counted, and the count is printed when the time is over, so that a scanner cannot fill the disk. Beyond a few
 * hundred peers at once those of one code are counted together.
 */
enum { LOG_REPEAT_SECONDS = 10, LOG_LINE_MAX = 2048 };
void log_line(const struct log_context *ctx, enum log_level level, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define log_at(ctx, level, code, ...)                                 \
	do {                                                          \
		if (log_wants(ctx, level))                            \
			log_line(ctx, level, code, __VA_ARGS__);      \
	} while (0)
#define log_error(ctx, ...) log_at(ctx, LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warn(ctx, ...)  log_at(ctx, LEVEL_WARN, NULL, __VA_ARGS__)
#define log_info(ctx, ...)  log_at(ctx, LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(ctx, ...) log_at(ctx, LEVEL_DEBUG, NULL, __VA_ARGS__)

/* Input as text that is safe on a terminal: printable ASCII, the rest as \xNN, cut with "..." to fit. Returns `out`. */
char *log_escape(char *out, size_t size, struct bytes input);

#endif
