/* SPDX-License-Identifier: MIT */
/* web_server.c - a thread that accepts, and one for each connection; a connection has one request. */
#include "web_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 64 << 10, POLL_MS = 50 };

struct client {
	struct web_request request;
	size_t slot;
	char octets[WEB_REQUEST_MAX + 1];
};

bool web_write(struct web_request *request, struct bytes octets)
{
	size_t done = 0;

	while (done < octets.len) {
		ssize_t n = request->tls ? gnutls_record_send(request->tls, octets.at + done, octets.len - done) :
					   send(request->fd, octets.at + done, octets.len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

void web_answer(struct web_request *request, unsigned status, const char *headers, struct bytes body)
{
	char head[2048];

	int len = snprintf(head, sizeof(head), "HTTP/1.1 %u Said\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", status, body.len, headers);
	if (web_write(request, bytes_of(head, (size_t)len)))
		(void)web_write(request, body);
}

/* False: the client is gone or the server is closed. */
static bool wait_ms(struct web_request *request, int ms)
{
	for (int waited = 0; waited < ms; waited += POLL_MS) {
		struct pollfd fd = { .fd = request->fd, .events = POLLRDHUP };

		if (atomic_load(&request->server->is_stopping) || poll(&fd, 1, POLL_MS) != 0)
			return false;
	}
	return true;
}

void web_hang(struct web_request *request)
{
	while (wait_ms(request, 1000))
		;
}

void web_drip(struct web_request *request)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";

	if (!web_write(request, bytes_text(head)))
		return;
	while (web_write(request, bytes_text("x")) && wait_ms(request, 1000))
		;
}

void web_flood(struct web_request *request, uint64_t total, bool says_so)
{
	char head[128], length[64] = "";
	uint8_t *piece = calloc(1, PIECE);
	uint64_t sent = 0;

	if (says_so)
		snprintf(length, sizeof(length), "Content-Length: %llu\r\n", (unsigned long long)total);
	int len = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nConnection: close\r\n%s\r\n", length);
	bool is_there = piece && web_write(request, bytes_of(head, (size_t)len));
	while (is_there && sent < total) {
		is_there = web_write(request, bytes_of(piece, PIECE));
		sent += PIECE;
	}
	free(piece);
}

ssize_t web_read(struct web_request *request, void *into, size_t len)
{
	return request->tls ? gnutls_record_recv(request->tls, into, len) : recv(request->fd, into, len, 0);
}

static bool read_request(struct client *client)
{
	struct web_request *request = &client->request;
	size_t used = 0, wanted = 0;
	char *end = NULL;

	while (!end || used < wanted) {
		ssize_t n = used < WEB_REQUEST_MAX ? web_read(request, client->octets + used, WEB_REQUEST_MAX - used) : 0;

		if (n <= 0)
			return false;
		used += (size_t)n;
		client->octets[used] = '\0';
		end = end ? end : strstr(client->octets, "\r\n\r\n");
		const char *length = end ? strcasestr(client->octets, "\r\nContent-Length:") : NULL;
		if (end)
			wanted = (size_t)(end + 4 - client->octets) + (length ? strtoul(length + 17, NULL, 10) : 0);
	}
	request->head = client->octets;
	request->body = bytes_of(end + 4, used - (size_t)(end + 4 - client->octets));
	return sscanf(client->octets, "%15s %255s", request->method, request->path) == 2;
}

static bool begin_tls(struct web_request *request)
{
	gnutls_session_t session;

	if (!request->server->credentials)
		return true;
	if (gnutls_init(&session, GNUTLS_SERVER) != 0)
		return false;
	request->tls = session;
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, request->server->credentials);
	gnutls_transport_set_int(session, request->fd);
	int result;
	do
		result = gnutls_handshake(session);
	while (result < 0 && !gnutls_error_is_fatal(result));
	return result == 0;
}

static void *serve_client(void *arg)
{
	struct client *client = arg;
	struct web_request *request = &client->request;
	struct web_server *server = request->server;

	if (begin_tls(request) && (server->is_raw || read_request(client))) {
		atomic_fetch_add(&server->requests, 1);
		server->serve(request);
	}
	if (request->tls) {
		gnutls_bye(request->tls, GNUTLS_SHUT_WR);
		gnutls_deinit(request->tls);
	}
	pthread_mutex_lock(&server->lock);
	server->clients[client->slot] = -1;
	close(request->fd);
	server->client_count--;
	free(client);
	pthread_cond_broadcast(&server->gone);
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static void take_client(struct web_server *server, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	pthread_t thread;
	size_t slot = 0;

	pthread_mutex_lock(&server->lock);
	while (slot < WEB_CLIENTS_MAX && server->clients[slot] >= 0)
		slot++;
	bool is_taken = client && slot < WEB_CLIENTS_MAX;
	if (is_taken) {
		client->slot = slot;
		client->request.server = server;
		client->request.fd = fd;
		is_taken = pthread_create(&thread, NULL, serve_client, client) == 0;
	}
	if (is_taken) {
		server->clients[slot] = fd;
		server->client_count++;
		pthread_detach(thread);
	}
	pthread_mutex_unlock(&server->lock);
	if (is_taken)
		return;
	free(client);
	close(fd);
}

static void *listen_to(void *arg)
{
	struct web_server *server = arg;

	while (!atomic_load(&server->is_stopping)) {
		struct pollfd listener = { .fd = server->fd, .events = POLLIN };
		int fd = poll(&listener, 1, POLL_MS) > 0 ? accept(server->fd, NULL, NULL) : -1;

		if (fd >= 0)
			take_client(server, fd);
	}
	return NULL;
}

int web_open(struct web_server *server)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)server->fixed_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	if (server->address && inet_pton(AF_INET, server->address, &at.sin_addr) != 1)
		return FAULT_INPUT;
	for (size_t i = 0; i < WEB_CLIENTS_MAX; i++)
		server->clients[i] = -1;
	server->client_count = 0;
	atomic_init(&server->is_stopping, false);
	atomic_init(&server->requests, 0);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->gone, NULL);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(server->fd, WEB_CLIENTS_MAX) < 0 ||
	    getsockname(server->fd, (struct sockaddr *)&at, &len) < 0 || pthread_create(&server->listener, NULL, listen_to, server) != 0) {
		close(server->fd);
		return FAULT_SYSTEM;
	}
	server->port = ntohs(at.sin_port);
	return 0;
}

void web_close(struct web_server *server)
{
	atomic_store(&server->is_stopping, true);
	pthread_join(server->listener, NULL);
	close(server->fd);
	pthread_mutex_lock(&server->lock);
	for (size_t i = 0; i < WEB_CLIENTS_MAX; i++)
		if (server->clients[i] >= 0)
			shutdown(server->clients[i], SHUT_RDWR);
	while (server->client_count > 0)
		pthread_cond_wait(&server->gone, &server->lock);
	pthread_mutex_unlock(&server->lock);
	pthread_cond_destroy(&server->gone);
	pthread_mutex_destroy(&server->lock);
}
