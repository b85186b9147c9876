/* SPDX-License-Identifier: MIT */
/*
 * fetch.h - documents from other machines: CRLs, answers of OCSP responders. It blocks, so it is for helper threads only; what may be
 * fetched, and how much of what is waited for, is in the request.
 */
#ifndef KEYFERRY_FETCH_H
#define KEYFERRY_FETCH_H
#include <stdatomic.h>

#include "bytes.h"

enum {
	FETCH_URL_MAX = 2048,              /* octets with the end; what proxies and servers take at least              */
	FETCH_HOST_MAX = 256,              /* RFC 1035 2.3.4, with the end                                             */
	FETCH_ETAG_MAX = 128,              /* with the end; a longer one is not kept                                   */
	FETCH_WHY_MAX = 400,
	FETCH_REDIRECTS_MAX = 5,           /* CRLs move to content networks by one or two                              */
};

/* Who named the URL. */
enum fetch_source {
	FETCH_CONFIGURED,                  /* the administrator                                                        */
	FETCH_FROM_CERTIFICATE,            /* an authority: no file:, and not to this machine or link, unless allowed  */
};

/* Borrowed until get() returns. */
struct fetch_request {
	const char *url;
	enum fetch_source source;
	struct bytes post;                 /* len 0: GET                                                               */
	const char *content_type;          /* of `post`                                                                */
	const char *accept;                /* media types, NULL: any                                                   */
	const char *etag;                  /* of what is known already; NULL or "": none                               */
	int64_t modified;                  /* and its time, seconds (Unix); 0: none                                    */
	size_t size_max;                   /* octets of the document                                                   */
	unsigned time_max;                 /* ms for all of it, redirects included                                     */
	unsigned connect_max;              /* ms until there is a connection, name look-up included                    */
	unsigned slow_octets, slow_seconds;/* fewer octets a second than this, for so long: ended                      */
	unsigned redirects_max;            /* 0: none is followed                                                      */
	const atomic_bool *cancel;         /* becomes true: returns at once, nearly; may be NULL                       */
};

struct fetch_answer {
	bool is_unchanged;                 /* what is known is still so; no data                                       */
	uint8_t *data;                     /* malloc()ed, the caller's; NULL when there is none                        */
	size_t len;
	char etag[FETCH_ETAG_MAX];
	int64_t modified;                  /* 0: not told                                                              */
	char why[FETCH_WHY_MAX];           /* after a fault: a clause that names cause and, where there is one, remedy */
};

/*
 * SERVICE_FETCH, key: a scheme ("http", "https", "ldap", "file"). ldap: the first value of the first attribute that is found. 0, or
 *   FAULT_INPUT        no URL that can be fetched, or the server's answer is malformed
 *   FAULT_PERMISSION   the scheme, host, address or redirect is not allowed; nothing was sent there
 *   FAULT_NOT_FOUND    the server has no such document
 *   FAULT_FULL         larger than size_max
 *   FAULT_SYSTEM       the network or the server failed, or was too slow
 *   FAULT_MEMORY
 * `out` is filled in any case; its data is freed by the caller after 0.
 */
struct fetcher {
	int (*get)(void *state, const struct fetch_request *request, struct fetch_answer *out);
};

/* The scheme of a URL in lower case, or "" when there is none. RFC 3986 3.1. */
enum { FETCH_SCHEME_MAX = 16 };
static inline void fetch_scheme(char out[FETCH_SCHEME_MAX], const char *url)
{
	size_t len = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	out[0] = '\0';
	if (url[len] != ':' || len >= FETCH_SCHEME_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		out[i] = url[i] >= 'A' && url[i] <= 'Z' ? (char)(url[i] + 'a' - 'A') : url[i];
	out[len] = '\0';
}

#endif
