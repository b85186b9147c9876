/* SPDX-License-Identifier: MIT */
/*
 * fetch_net.c - http, https and ldap by libcurl. Redirects are followed here, one transfer each, so that every place on the way is checked
 * like the first; addresses are checked when the socket is made, so that a name cannot lead elsewhere than it was found to.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fetch_parts.h"

enum {
	HEADERS_MAX = 64 << 10,            /* octets in all; libcurl bounds each, not their number                     */
	CANCEL_MS = 100,                   /* how soon a transfer that is given up ends                                */
	FIRST_ROOM = 16 << 10,             /* octets of memory to begin with                                           */
	SOCKETS_MAX = 8,                   /* at once: addresses of a host are tried two at a time             */
	LDAP_EXTRA = 64 << 10,             /* octets that a directory may send beside the document                     */
};

/* One transfer, the helper's. */
struct transfer {
	const struct fetch_settings *settings;
	const struct fetch_request *request;
	struct fetch_answer *out;
	enum fetch_source source;          /* of this place                                                            */
	char host[FETCH_HOST_MAX];         /* a name or an address                                                     */
	char *url;                         /* as libcurl writes it, curl_free()                                        */
	uint64_t deadline;                 /* ms                                                                       */
	CURL *easy;
	size_t room, headers;
	struct { int fd; ino_t inode; } sockets[SOCKETS_MAX];      /* open ones                                        */
	unsigned socket_count;
	bool is_conditional;
	bool is_too_large, has_too_many_headers, is_refused, is_out_of_memory;
	char refusal[FETCH_WHY_MAX], error[CURL_ERROR_SIZE];
};

static int fail(struct transfer *t, int fault, const char *why)
{
	char safe[FETCH_WHY_MAX];

	/* The library's words may hold some of the server's. */
	snprintf(t->out->why, sizeof(t->out->why), "%s", log_escape(safe, sizeof(safe), bytes_text(why)));
	return fault;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what libcurl calls ---- */

static ino_t inode_of(int fd)
{
	struct stat file;

	return fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) ? file.st_ino : 0;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *t = arg;
	struct address a;

	(void)purpose;
	/* With a proxy it is the proxy that is reached; that one was configured. */
	if (t->settings->proxy[0] == '\0') {
		if (address_from_socket(&a, &to->addr) < 0 || host_check(t->settings, t->source, t->host, &a, t->refusal) < 0) {
			t->is_refused = true;
			return CURL_SOCKET_BAD;
		}
	}
	int fd = t->socket_count < SOCKETS_MAX ? socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol) : CURL_SOCKET_BAD;
	if (fd >= 0) {
		t->sockets[t->socket_count].fd = fd;
		t->sockets[t->socket_count++].inode = inode_of(fd);
	}
	return fd;
}

/* libcurl closes what libldap has closed before; by then the number may be another thread's. */
static int close_socket(void *arg, curl_socket_t fd)
{
	struct transfer *t = arg;
	unsigned i = 0;

	while (i < t->socket_count && t->sockets[i].fd != fd)
		i++;
	if (i == t->socket_count)
		return 0;
	bool is_ours = t->sockets[i].inode && inode_of(fd) == t->sockets[i].inode;
	t->sockets[i] = t->sockets[--t->socket_count];
	return is_ours ? close(fd) : 0;
}

static bool make_room(struct transfer *t, size_t len)
{
	size_t room = t->room ? t->room : FIRST_ROOM;

	while (room < len)
		room *= 2;
	if (room == t->room)
		return true;
	uint8_t *data = realloc(t->out->data, room);
	if (!data) {
		t->is_out_of_memory = true;
		return false;
	}
	t->out->data = data;
	t->room = room;
	return true;
}

static size_t take_data(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;

	t->is_too_large = len > t->request->size_max - t->out->len;
	if (t->is_too_large || !make_room(t, t->out->len + len))
		return CURL_WRITEFUNC_ERROR;
	memcpy(t->out->data + t->out->len, data, len);
	t->out->len += len;
	return len;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;

	(void)data;
	t->headers += size * count;
	t->has_too_many_headers = t->headers > HEADERS_MAX;
	return t->has_too_many_headers ? CURL_WRITEFUNC_ERROR : size * count;
}

/* ---- the request ---- */

/* libcurl has made the odd ways to write an IPv4 address into the usual one. */
static int check_host(struct transfer *t, const char *host, const struct transfer *first)
{
	struct address a;

	host += host[0] == '[';
	snprintf(t->host, sizeof(t->host), "%.*s", (int)strcspn(host, "]"), host);
	if (address_parse(&a, t->host) < 0)
		a.family = 0;
	/* Where a server sends us was not the administrator's word, unless it is itself. */
	t->source = first && strcasecmp(t->host, first->host) != 0 ? FETCH_FROM_CERTIFICATE : t->request->source;
	return host_check(t->settings, t->source, t->host, &a, t->out->why);
}

static int check_scheme(struct transfer *t, const char *scheme, bool is_redirect)
{
	bool is_ldap = strcmp(scheme, "ldap") == 0;

	if (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
		return 0;
	if (is_redirect)
		return fail(t, FAULT_PERMISSION, "it is redirected to a scheme other than http and https");
	if (!is_ldap)
		return fail(t, FAULT_PERMISSION, "only http, https and ldap are fetched from a server");
	return t->request->post.len ? fail(t, FAULT_INPUT, "nothing can be sent with ldap: name an http server") : 0;
}

/* What a URL may be, and where to. `first`: it is a redirect, and where it began; NULL: it is none. */
static int check_url(struct transfer *t, const char *url, const struct transfer *first)
{
	unsigned flags = t->request->source == FETCH_CONFIGURED ? 0 : CURLU_DISALLOW_USER;
	CURLU *parsed = curl_url();
	char *scheme = NULL, *host = NULL;
	int fault = 0;

	if (!parsed || strlen(url) >= FETCH_URL_MAX || curl_url_set(parsed, CURLUPART_URL, url, flags | CURLU_NON_SUPPORT_SCHEME) ||
	    curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(parsed, CURLUPART_URL, &t->url, 0))
		fault = fail(t, FAULT_INPUT, "it is no URL, or one with a password in it, or too long");
	if (!fault)
		fault = check_scheme(t, scheme, first != NULL);
	if (!fault)
		fault = curl_url_get(parsed, CURLUPART_HOST, &host, 0) || !host[0] ? fail(t, FAULT_INPUT, "it names no host") : check_host(t, host, first);
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parsed);
	return fault;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *name, const char *value)
{
	char line[FETCH_ETAG_MAX + 64];

	snprintf(line, sizeof(line), "%s: %s", name, value);
	struct curl_slist *more = curl_slist_append(headers, line);
	return more ? more : headers;
}

static struct curl_slist *headers_of(const struct fetch_request *r)
{
	struct curl_slist *headers = NULL;

	if (r->accept)
		headers = add_header(headers, "Accept", r->accept);
	if (r->post.len) {
		headers = add_header(headers, "Content-Type", r->content_type ? r->content_type : "application/octet-stream");
		/* Not to wait a second for a server that does not know "100 Continue". */
		headers = add_header(headers, "Expect", "");
	} else if (r->etag && r->etag[0]) {
		headers = add_header(headers, "If-None-Match", r->etag);
	}
	return headers;
}

static void set_limits(struct transfer *t)
{
	const struct fetch_request *r = t->request;
	CURL *easy = t->easy;
	uint64_t now = now_ms();
	long left = now < t->deadline ? (long)(t->deadline - now) : 1;

	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_max < left ? (long)r->connect_max : left);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)r->slow_octets);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)r->slow_seconds);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->size_max);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,ldap");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* Set, even to nothing, it is not looked for in the environment. */
	curl_easy_setopt(easy, CURLOPT_PROXY, t->settings->proxy);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	if (t->settings->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->settings->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
}

static void set_request(struct transfer *t, struct curl_slist *headers)
{
	const struct fetch_request *r = t->request;
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_URL, t->url);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "keyferry/" PACKAGE_VERSION);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_FILETIME, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	t->is_conditional = r->post.len == 0 && (r->modified || (r->etag && r->etag[0]));
	if (r->post.len) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->post.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->post.at);
	} else if (r->modified) {
		curl_easy_setopt(easy, CURLOPT_TIMECONDITION, (long)CURL_TIMECOND_IFMODSINCE);
		curl_easy_setopt(easy, CURLOPT_TIMEVALUE_LARGE, (curl_off_t)r->modified);
	}
}

/* libldap takes a message whole, whatever length it says, before libcurl tells us of the first octet: up to 2 GiB. */
static bool has_too_much(struct transfer *t)
{
	for (unsigned i = 0; i < t->socket_count && strncmp(t->url, "ldap", 4) == 0; i++) {
		struct tcp_info info = { 0 };
		socklen_t len = sizeof(info);

		if (getsockopt(t->sockets[i].fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
			t->is_too_large |= info.tcpi_bytes_received > t->request->size_max + LDAP_EXTRA;
	}
	return t->is_too_large;
}

/* Until it is over or nobody wants it any more. */
static CURLcode run(struct transfer *t)
{
	CURLM *multi = curl_multi_init();
	CURLcode result = CURLE_OUT_OF_MEMORY;
	int running = 1, left;
	CURLMsg *message;

	if (!multi || curl_multi_add_handle(multi, t->easy)) {
		curl_multi_cleanup(multi);
		return result;
	}
	while (running && !has_too_much(t) && !(t->request->cancel && atomic_load(t->request->cancel)))
		if (curl_multi_perform(multi, &running) || (running && curl_multi_poll(multi, NULL, 0, CANCEL_MS, NULL)))
			break;
	if (running)
		result = CURLE_ABORTED_BY_CALLBACK;
	while ((message = curl_multi_info_read(multi, &left)))
		if (message->msg == CURLMSG_DONE)
			result = message->data.result;
	curl_multi_remove_handle(multi, t->easy);
	curl_multi_cleanup(multi);
	return result;
}

/* ---- the answer ---- */

static int explain(struct transfer *t, CURLcode code)
{
	const char *error = t->error[0] ? t->error : curl_easy_strerror(code);
	char text[FETCH_WHY_MAX];

	if (t->is_out_of_memory || code == CURLE_OUT_OF_MEMORY)
		return fail(t, FAULT_MEMORY, "there is no memory for it");
	if (t->is_too_large || code == CURLE_FILESIZE_EXCEEDED) {
		snprintf(text, sizeof(text), "it has more than %zu octets, which is the limit", t->request->size_max);
		return fail(t, FAULT_FULL, text);
	}
	if (t->has_too_many_headers)
		return fail(t, FAULT_INPUT, "the server's headers have more than 64 KiB");
	if (t->is_refused && code == CURLE_COULDNT_CONNECT)
		return fail(t, FAULT_PERMISSION, t->refusal);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return fail(t, FAULT_SYSTEM, "it was given up: the daemon is ending");
	if (code == CURLE_LDAP_INVALID_URL || code == CURLE_URL_MALFORMAT)
		return fail(t, FAULT_INPUT, error);
	return fail(t, FAULT_SYSTEM, error);
}

static void keep_validators(struct transfer *t)
{
	struct curl_header *header;
	curl_off_t modified = -1;

	if (curl_easy_header(t->easy, "ETag", 0, CURLH_HEADER, -1, &header) == CURLHE_OK && strlen(header->value) < sizeof(t->out->etag))
		snprintf(t->out->etag, sizeof(t->out->etag), "%s", header->value);
	if (curl_easy_getinfo(t->easy, CURLINFO_FILETIME_T, &modified) == CURLE_OK && modified > 0)
		t->out->modified = modified;
}

static int judge_http(struct transfer *t)
{
	long status = 0;
	long is_unmet = 0;
	char text[64];

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	/* libcurl itself compares the times of what is sent in spite of the condition, and leaves it out when it is not newer. */
	curl_easy_getinfo(t->easy, CURLINFO_CONDITION_UNMET, &is_unmet);
	if (t->is_conditional && (status == 304 || (status == 200 && is_unmet))) {
		t->out->is_unchanged = true;
		return 0;
	}
	keep_validators(t);
	if (status == 200)
		return t->out->len > 0 ? 0 : fail(t, FAULT_INPUT, "the server answers with nothing");
	snprintf(text, sizeof(text), "the server answers %ld", status);
	return fail(t, status == 404 || status == 410 ? FAULT_NOT_FOUND : FAULT_SYSTEM, text);
}

static int judge_ldap(struct transfer *t)
{
	int fault = t->out->len ? ldif_value(t->out->data, t->out->len, &t->out->len) : FAULT_NOT_FOUND;

	return fault == 0 ? 0 : fail(t, fault, fault == FAULT_INPUT ? "the answer is malformed" : "the directory has no such attribute there");
}

/* 1: redirected to `next`, to be freed. */
static int judge(struct transfer *t, CURLcode code, char **next)
{
	char *to = NULL;
	long status = 0;

	if (strncmp(t->url, "ldap", 4) == 0)
		return code == CURLE_LDAP_SEARCH_FAILED || code == CURLE_REMOTE_FILE_NOT_FOUND ? fail(t, FAULT_NOT_FOUND, t->error) :
		       code ? explain(t, code) : judge_ldap(t);
	if (code)
		return explain(t, code);
	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!to)
		return judge_http(t);
	/* RFC 9110 15.4.4: what follows is not the answer to what was posted. */
	if (status == 303 && t->request->post.len)
		return fail(t, FAULT_SYSTEM, "the server answers 303 to a question");
	*next = strdup(to);
	return *next ? 1 : fail(t, FAULT_MEMORY, "there is no memory for it");
}

/* One transfer. As judge(). */
static int transfer_once(struct transfer *t, const char *url, const struct transfer *first, char **next)
{
	int fault = check_url(t, url, first);
	struct curl_slist *headers = fault ? NULL : headers_of(t->request);

	t->easy = fault ? NULL : curl_easy_init();
	if (!fault && !t->easy)
		fault = fail(t, FAULT_MEMORY, "there is no memory for it");
	if (!fault) {
		set_limits(t);
		set_request(t, headers);
		fault = judge(t, run(t), next);
	}
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(headers);
	curl_free(t->url);
	return fault;
}

int fetch_net(const struct fetch_settings *settings, const struct fetch_request *request, struct fetch_answer *out)
{
	uint64_t deadline = now_ms() + request->time_max;
	char *url = strdup(request->url);
	struct transfer first;
	int fault = url ? 1 : FAULT_MEMORY;

	for (unsigned hop = 0; fault == 1; hop++) {
		struct transfer t = { .settings = settings, .request = request, .out = out, .deadline = deadline };
		char *next = NULL;

		if (hop > request->redirects_max || hop > FETCH_REDIRECTS_MAX) {
			snprintf(out->why, sizeof(out->why), "it is redirected more than %u times", hop - 1);
			fault = FAULT_PERMISSION;
			break;
		}
		fault = transfer_once(&t, url, hop > 0 ? &first : NULL, &next);
		if (hop == 0)
			first = t;
		if (fault == 1) {
			free(url);
			url = next;
			/* What a redirect says beside it is nothing. */
			free(out->data);
			out->data = NULL;
			out->len = 0;
			out->etag[0] = '\0';
		}
	}
	free(url);
	return fault;
}
