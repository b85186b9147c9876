/* SPDX-License-Identifier: MIT */
/*
 * web_server.h - a web server for tests, on 127.0.0.1 unless they say otherwise, in threads of its own: answers as the test says, also in all
 * the ways that hang or harm a client.
 */
#ifndef KEYFERRY_WEB_SERVER_H
#define KEYFERRY_WEB_SERVER_H
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "bytes.h"

enum { WEB_REQUEST_MAX = 64 << 10, WEB_PATH_MAX = 256, WEB_CLIENTS_MAX = 64 };

struct web_server;

/* One request, its connection's thread's. */
struct web_request {
	struct web_server *server;
	int fd;
	void *tls;                         /* gnutls_session_t, NULL: none                                             */
	char method[16], path[WEB_PATH_MAX];
	const char *head;                  /* the header's lines                                                       */
	struct bytes body;
};

struct web_server {
	const char *address;               /* IPv4; NULL: 127.0.0.1                                                    */
	unsigned fixed_port;               /* 0: any that is free                                                      */
	unsigned port;
	atomic_uint requests;              /* that were read                                                           */
	void (*serve)(struct web_request *request);
	bool is_raw;                       /* serve() reads the request itself: it is not HTTP                         */
	void *arg;                         /* the test's                                                               */
	/* The rest is the server's. */
	void *credentials;                 /* gnutls_certificate_credentials_t; NULL: no TLS                           */
	int fd;
	atomic_bool is_stopping;
	pthread_t listener;
	pthread_mutex_t lock;
	int clients[WEB_CLIENTS_MAX];      /* descriptors, -1: free; under lock                                        */
	unsigned client_count;
	pthread_cond_t gone;
};

/* Sets port; FAULT_SYSTEM. `serve` and what else is not the server's is set before. */
int web_open(struct web_server *server) MUST_CHECK;
/* Ends connections under way, also those that hang. */
void web_close(struct web_server *server);

/* False: the client is gone. */
bool web_write(struct web_request *request, struct bytes octets);
ssize_t web_read(struct web_request *request, void *into, size_t len);
/* A whole answer; `headers` are lines that end with "\r\n". */
void web_answer(struct web_request *request, unsigned status, const char *headers, struct bytes body);
/* Waits until the client gives up or the server is closed. */
void web_hang(struct web_request *request);
/* An octet a second of a document of a million. */
void web_drip(struct web_request *request);
/* As many octets as are taken, up to `total`; `says_so`: with Content-Length. */
void web_flood(struct web_request *request, uint64_t total, bool says_so);

#endif
