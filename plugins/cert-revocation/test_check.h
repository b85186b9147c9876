/* SPDX-License-Identifier: MIT */
/* test_check.h - the plugin with a network that the test makes: what each URL gives, how often it was asked for, whether it hangs. */
#ifndef KEYFERRY_TEST_CHECK_H
#define KEYFERRY_TEST_CHECK_H
#include <pthread.h>

#include "store.h"
#include "test_pki.h"
#include "unit.h"

enum { PLACES_MAX = 8, LINES_MAX = 64 };

struct place {
	const char *url;
	struct bytes data;                 /* owned by the bench: bench_put()                                          */
	const struct made_answer_spec *ocsp;       /* instead: answers questions                                       */
	bool hangs;                        /* until the bench is closed, or this becomes false                         */
	unsigned asked;
	bool was_conditional;
};

extern struct bench {
	struct core core;
	struct loop *loop;
	struct plugins *plugins;
	struct store *store;
	const struct cert_check *ops;
	char folder[64], crls[64];         /* of the cache, of CRL files                                               */
	pthread_mutex_t lock;
	struct place places[PLACES_MAX];   /* under lock                                                               */
	char lines[LINES_MAX][LOG_LINE_MAX];
	size_t line_count;
	struct cert_failure failure;       /* of the last ask()                                                        */
	struct cert_chain chain;
	struct cert_check_query query;
	struct cert_waiter waiter;
	bool has_news;
} bench;

/* A CA, an intermediate of it, and a leaf of that, whose extensions differ. */
extern struct made_cert root, middle, other;

void bench_open(void);
/* The daemon ends and starts; what the disk has stays. */
void bench_restart(void);
void bench_close(void);
/* The document of a place from now on; takes `data`. */
void bench_put(const char *url, struct bytes data);
void bench_answer(const char *url, const struct made_answer_spec *spec);
void bench_hang(const char *url, bool hangs);
unsigned bench_asked(const char *url);
/* Later, as far as expiry goes. */
void bench_later(int64_t seconds);
/* The chain leaf, root and the policy strict, unless changed in bench.query before. */
void bench_chain(const struct made_cert *leaf, const struct made_cert *issuer);
/* check() until it has decided. */
int bench_ask(void);
/* The last answer was a fault with that code, and the line has these words. */
void bench_says(int result, int wanted, const char *code, const char *words, const char *file, unsigned line);
#define SAYS(result, wanted, code, words) bench_says((result), (wanted), (code), (words), __FILE__, __LINE__)
/* One of the last lines of the log has these words. */
bool bench_said(const char *words);
/* Turns the loop until it is so, or for ten seconds. */
bool bench_until(bool (*is_so)(void));
bool bench_is_idle(void);
void drop(struct bytes b);

#endif
