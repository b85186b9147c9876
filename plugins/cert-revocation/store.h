/* SPDX-License-Identifier: MIT */
/*
 * store.h - documents (CRLs, OCSP answers) by where they are from: kept in memory and on disk, fetched when they are wanted and again before
 * they expire. A fetch is joined by all who want the same; it runs on threads of the store's own, so that servers that hang hold up nobody
 * but who waits for them.
 */
#ifndef KEYFERRY_STORE_H
#define KEYFERRY_STORE_H
#include "crl.h"
#include "fetch.h"
#include "jobs.h"
#include "map.h"
#include "ocsp.h"
#include "plugin.h"

enum {
	DOCUMENTS_MAX = 2048,                /* places; an authority of ours has one CRL, a peer one OCSP answer       */
	MEMORY_MAX = 128 << 20,              /* octets of all documents; what is used least goes first                 */
	CRL_SIZE_DEFAULT = 16 << 20,         /* octets of one; the largest of public authorities have some MiB         */
	CRL_SIZE_LIMIT = 64 << 20,
	CRLS_MAX = 256,                      /* in one document: a file of PEM, the files of the folder                */
	ABOUT_MAX = 24,                      /* certificates that a document may be signed by                          */
	DISK_FILES_MAX = 1024,
	DISK_DAYS = 30,                      /* a file that nobody has written for so long is removed                  */
	DISK_CLEAN_SAVES = 64,               /* the folder is cleaned at the first and each so many writes             */
	FETCHERS = 8,                        /* threads                                                                */
	HOST_MAX = 2,                        /* fetches from one host at once                                          */
	FOREIGN_MAX = 6,                     /* of what certificates name: the other threads are for configured places */
	QUEUE_SECONDS = 30,                  /* what is queued so long, not kept and not waited for, is let go         */
	FETCH_MS = 30000, CONNECT_MS = 5000, /* of one fetch, of its beginning                                         */
	/* A server that sends fewer octets a second, so long, is left: longer than a negotiation waits, so what ends that is not left to chance. */
	SLOW_OCTETS = 100, SLOW_SECONDS = CERT_CHECK_SECONDS + 5,
	HURRY_SECONDS = 3,                   /* after these the next place is asked, too                               */
	FAILED_SECONDS = 60,                 /* a place that failed is left alone so long                              */
	AGAIN_SECONDS = 60,                  /* and one whose document does not help, too                              */
	/* How far ahead of its end a document is fetched again: a tenth of its life; and how long one is believed without asking for a newer. */
	AHEAD_PART = 10, AHEAD_MIN = 60, AHEAD_MAX = 86400, REFRESH_MAX = 6 * 3600, JITTER_PART = 20,
	/* A CRL that does not say when the next comes (RFC 5280 5.1.2.5 forbids it) is taken for so long after it was issued. */
	CRL_AGE_MAX = 7 * 86400,
	FOLDER_SECONDS = 60,                 /* how often files are looked at: that costs little                        */
	LOOK_MAX = 3600,                     /* seconds: so soon a clock that was set is noticed                       */
};

enum document_kind { DOCUMENT_CRL, DOCUMENT_OCSP, DOCUMENT_FOLDER };

/* What was got from one place. Immutable, reference-counted, any thread. */
struct content {
	atomic_size_t references;
	uint8_t *octets;                     /* as fetched; NULL for the folder                                        */
	size_t octets_len;
	size_t memory;                       /* all octets of it, roughly                                              */
	struct crl **crls;
	size_t crl_count;
	struct ocsp_answer ocsp;
};
struct content *content_ref(struct content *content);
void content_unref(struct content *content);

enum document_state { IDLE, QUEUED, UNDER_WAY };

/* under the store's lock; what is marked does not change and may be read without it while it is not IDLE */
struct document {
	UT_hash_handle hh;
	struct list in_queue;
	char *key;                           /* fixed: the URL, and the ID of the issuer or, for OCSP, the certificate */
	char *url;                           /* fixed                                                                  */
	char host[FETCH_HOST_MAX];           /* fixed                                                                  */
	enum document_kind kind;             /* fixed                                                                  */
	enum fetch_source source;            /* fixed                                                                  */
	struct certificate *about[ABOUT_MAX];/* fixed while not IDLE: who may sign; OCSP: the certificate, its issuer  */
	size_t about_count;
	enum document_state state;
	int64_t since;                       /* of the state                                                           */
	uint64_t turn;                       /* of the store, when it was used last                                    */
	bool was_on_disk;                    /* the disk was looked at                                                 */
	bool is_forced;                      /* fetch it although it is good                                           */
	struct content *content;             /* NULL: none                                                             */
	char etag[FETCH_ETAG_MAX];
	int64_t modified, fetched, refresh_at, tried, used;
	struct cert_failure failure;         /* of the last attempt; code NULL: it went well                           */
};

struct store_settings {
	const char *cache;                   /* folder of the disk cache; NULL: none                                   */
	const char *folder;                  /* of CRL files; NULL: none                                               */
	size_t crl_size_max;
	enum nonce_policy nonce;
};

/* Reference-counted: the plugin, and each job that is on its way. */
struct store {
	atomic_size_t references;
	pthread_mutex_t lock;
	const struct log_context *log;
	const struct services *services;
	struct helpers *helpers;
	struct loop *main_loop;              /* NULL: nothing is refreshed by itself                                   */
	struct store_settings settings;
	int64_t (*clock)(void);              /* seconds since 1970                                                     */
	atomic_bool is_stopped;
	atomic_uint saves;                   /* to the disk                                                            */
	/* under lock */
	struct document *documents;
	size_t memory;
	struct list queue;                   /* of QUEUED documents, oldest first                                      */
	struct list waiters;
	struct document *running[FETCHERS];  /* those UNDER_WAY                                                        */
	unsigned under_way;
	uint64_t turn;                       /* of who asks: what he has been given is not taken from him meanwhile    */
	int64_t folder_at;                   /* when it was looked whether the folder of CRLs is there                 */
	bool has_folder;
	bool is_nudged;                      /* a job is on its way to the main loop                                   */
	struct timer timer;                  /* main loop's thread                                                     */
};

/* `helpers` of its own are started when first needed. NULL without memory. */
struct store *store_new(const struct core *core, const struct store_settings *settings) MUST_CHECK;
/* Ends fetches under way, and waits for that. */
void store_stop(struct store *store);

/* Main loop: begins what is due, wakes who waits for what has become slow. Seconds until it is to be called again. */
int64_t store_look_after(struct store *store);

/* ---- under lock ---- */
/* That of the key, made if need be. NULL: no memory, or DOCUMENTS_MAX of which all are being fetched or are of this turn. */
struct document *store_document(struct store *store, enum document_kind kind, const char *key, const char *url, enum fetch_source source) MUST_CHECK;
/*
 * Begins to fetch it, or joins who does; `about` as in struct document. False: it was tried just now, with all who may sign it now, and is
 * left alone.
 */
bool store_want(struct store *store, struct document *document, struct certificate *const *about, size_t count);
void store_wait(struct store *store, struct cert_waiter *waiter, struct document *document);
/* Starts what is queued, as far as threads and hosts allow. */
void store_start(struct store *store);
void store_wake(struct store *store, const struct document *document);

/* ---- store_fetch.c: helper thread ---- */
/* One attempt at a document: from the disk, then from its place. */
struct attempt {
	struct errand errand;
	struct store *store;
	struct document *document;
	/* What was known before, and then what is known now. */
	struct content *content;             /* NULL: nothing                                                          */
	char etag[FETCH_ETAG_MAX];
	int64_t modified, fetched, refresh_at;
	struct cert_failure failure;
	bool looks_at_disk, is_forced, is_new;
};
void attempt_run(struct attempt *attempt);

/* ---- store_read.c: helper thread ---- */
/* What an answer of that place means; checked. FAULT_CRYPTO with `failure`. */
int content_read(struct content **out, const struct store *store, const struct document *document, struct bytes octets,
		 const struct ocsp_question *question, struct cert_failure *failure) MUST_CHECK;
int content_read_folder(struct content **out, const struct store *store, const struct document *document, struct cert_failure *failure) MUST_CHECK;
/* CRLs in DER or PEM, added to `out`. */
int crls_read(struct content *out, struct bytes octets, char why[WHY_MAX]) MUST_CHECK;
/* When to ask for a newer one. */
int64_t refresh_time(const struct document *document, const struct content *content, int64_t now);

/* ---- disk.c: helper thread ---- */
struct disk_entry {
	char etag[FETCH_ETAG_MAX];
	int64_t modified, fetched;
	uint8_t *data;                       /* malloc()ed                                                             */
	size_t len;
};
/* FAULT_NOT_FOUND; FAULT_INPUT: it is damaged, and was removed. */
int disk_load(const char *folder, const char *key, size_t size_max, struct disk_entry *out) MUST_CHECK;
/* In the place of an older one, at once; makes the folder. FAULT_SYSTEM with errno. */
int disk_save(const char *folder, const char *key, const struct disk_entry *entry) MUST_CHECK;
/* Removes what is old, and the oldest of more than DISK_FILES_MAX files. */
void disk_clean(const char *folder, int64_t now);

/* ---- check.c ---- */
extern const struct cert_check revocation_check;

#endif
