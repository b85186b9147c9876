/* SPDX-License-Identifier: MIT */
/* test_net.c - net over the loopback interface, on ports that need no privilege; the shard and the kernel service are fakes. */
#include "net.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { SEEN_MAX = 64, IKE_SIZE = 60 };

/* What the fakes were given, in order. */
struct seen {
	char kind;                   /* 'i' IKE, 'e' a stretch of ESP                             */
	struct address local, remote;
	bool nat_port;
	size_t len, segment;
	uint8_t tos;
	uint8_t first[8];            /* octets of it                                              */
};

static struct seen seen[SEEN_MAX];
static size_t seen_count, receive_calls;
static char logged[4096];

struct packet *packet_new(const struct address *local, const struct address *remote, bool nat_port, struct bytes data)
{
	struct packet *packet = calloc(1, sizeof(*packet) + data.len);

	packet->local = *local;
	packet->remote = *remote;
	packet->nat_port = nat_port;
	packet->len = data.len;
	memcpy(packet->data, data.at, data.len);
	return packet;
}

void packet_free(struct packet *packet)
{
	free(packet);
}

static unsigned hints;

void engine_hint(struct engine *engine, const struct address *remote, const char *text)
{
	(void)engine;
	hints += remote && text;
}

bool engine_dispatch(struct engine *engine, struct packet *packet)
{
	struct seen *s = &seen[seen_count < SEEN_MAX ? seen_count++ : 0];

	(void)engine;
	*s = (struct seen){ .kind = 'i', .local = packet->local, .remote = packet->remote,
			    .nat_port = packet->nat_port, .len = packet->len };
	memcpy(s->first, packet->data, sizeof(s->first));
	packet_free(packet);
	return true;
}

static void take_esp(void *state, const struct esp_batch *batches, size_t count)
{
	(void)state;
	receive_calls++;
	for (size_t i = 0; i < count; i++) {
		struct seen *s = &seen[seen_count < SEEN_MAX ? seen_count++ : 0];

		*s = (struct seen){ .kind = 'e', .local = batches[i].local, .remote = batches[i].remote,
				    .len = batches[i].len, .segment = batches[i].segment,
				    .tos = batches[i].tos };
		memcpy(s->first, batches[i].data, sizeof(s->first));
		/* The service may write into it. */
		memset(batches[i].data, 0xee, batches[i].len);
	}
}

static void log_sink(void *arg, enum log_level level, const char *line)
{
	size_t used = strlen(logged);

	(void)arg;
	(void)level;
	snprintf(logged + used, sizeof(logged) - used, "%s\n", line);
}

/* Stands still: nothing here waits for time. */
static uint64_t no_time(void *arg)
{
	(void)arg;
	return 1000;
}

struct fixture {
	struct log *log;
	struct loop *loop;
	struct net *net;
	struct engine engine;
	struct kernel_ipsec kernel;
	struct provider provider;
	uint16_t port, nat_port;
};

static struct log *log_open(void)
{
	struct log_options options = { .level = LEVEL_DEBUG, .fd = -1, .sink = log_sink };

	logged[0] = '\0';
	return log_new(&options);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	struct address a = { 0 };

	CU_ASSERT(getsockname(fd, (struct sockaddr *)&bound, &len) == 0);
	CU_ASSERT(address_from_socket(&a, (struct sockaddr *)&bound) == 0);
	return a.port;
}

/* A UDP socket on the loopback address of the family, with a port that the system chose. */
static int peer_open(uint8_t family)
{
	struct address a = { .family = family };
	struct sockaddr_storage where;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CU_ASSERT(address_parse(&a, family == AF_INET ? "127.0.0.1" : "::1") == 0);
	socklen_t len = address_to_socket(&a, &where);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&where, len) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static uint16_t free_port(void)
{
	int fd = peer_open(AF_INET);
	uint16_t port = port_of(fd);

	close(fd);
	return port;
}

static bool host_has_ipv6(void)
{
	int fd = peer_open(AF_INET6);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool fixture_open(struct fixture *f, bool with_kernel)
{
	static const struct clock still = { no_time, NULL };

	*f = (struct fixture){ .log = log_open(), .loop = loop_new(&still) };
	seen_count = receive_calls = 0;
	for (int tries = 0; tries < 20 && !f->net; tries++) {
		f->port = free_port();
		f->nat_port = free_port();
		struct net_options options = { f->port, f->nat_port, true, true };
		if (f->port == f->nat_port || net_new(&f->net, &options, log_root(f->log)) != 0)
			f->net = NULL;
	}
	CU_ASSERT_PTR_NOT_NULL(f->net);
	if (!f->net)
		return false;
	f->kernel = (struct kernel_ipsec){ .name = "fake", .receive = take_esp };
	f->provider = (struct provider){ .ops = &f->kernel };
	f->engine.kernel = with_kernel ? &f->provider : NULL;
	CU_ASSERT(net_start(f->net, f->loop, &f->engine) == 0);
	return true;
}

static void fixture_close(struct fixture *f)
{
	net_free(f->net);
	loop_free(f->loop);
	log_free(f->log);
}

static void turn(struct fixture *f)
{
	while (loop_turn(f->loop) > 0)
		;
}

/* segment 0: one datagram. */
static void send_to(int fd, const char *host, uint16_t port, const void *data, size_t len, int segment)
{
	struct address a;
	struct sockaddr_storage to;

	CU_ASSERT(address_parse(&a, host) == 0);
	a.port = port;
	socklen_t to_len = address_to_socket(&a, &to);
	CU_ASSERT(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == 0 || segment == 0);
	CU_ASSERT(sendto(fd, data, len, 0, (const struct sockaddr *)&to, to_len) == (ssize_t)len);
}

/* A message of IKE's size, with a marker in front when it is for the NAT port. */
static size_t make_ike(uint8_t *out, bool marker)
{
	size_t at = marker ? 4 : 0;

	memset(out, 0, 4);
	for (size_t i = 0; i < IKE_SIZE; i++)
		out[at + i] = (uint8_t)(0xa0 + i);
	return at + IKE_SIZE;
}

static void plain_port_is_ike(void)
{
	struct fixture f;
	uint8_t data[IKE_SIZE];
	int fd = peer_open(AF_INET);
	char text[ADDRESS_TEXT_MAX];

	if (!fixture_open(&f, true))
		return;
	send_to(fd, "127.0.0.1", f.port, data, make_ike(data, false), 0);
	turn(&f);
	CU_ASSERT(seen_count == 1 && seen[0].kind == 'i' && !seen[0].nat_port && seen[0].len == IKE_SIZE);
	CU_ASSERT(memcmp(seen[0].first, data, 8) == 0);
	CU_ASSERT_STRING_EQUAL(address_host_text(text, &seen[0].local), "127.0.0.1");
	CU_ASSERT(seen[0].local.port == f.port && seen[0].remote.port == port_of(fd));
	close(fd);
	fixture_close(&f);
}

static void marker_is_ike(void)
{
	struct fixture f;
	uint8_t data[IKE_SIZE + 4];
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, true))
		return;
	send_to(fd, "127.0.0.1", f.nat_port, data, make_ike(data, true), 0);
	turn(&f);
	CU_ASSERT(seen_count == 1 && seen[0].kind == 'i' && seen[0].nat_port && seen[0].len == IKE_SIZE);
	CU_ASSERT(seen[0].first[0] == 0xa0 && seen[0].local.port == f.nat_port);
	CU_ASSERT(receive_calls == 0);
	close(fd);
	fixture_close(&f);
}

static void junk_goes_nowhere(void)
{
	static const uint8_t keepalive[] = { 0xff }, three[] = { 1, 2, 3 }, bare_marker[4], short_ike[20];
	struct fixture f;
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, true))
		return;
	send_to(fd, "127.0.0.1", f.nat_port, keepalive, sizeof(keepalive), 0);
	send_to(fd, "127.0.0.1", f.nat_port, three, sizeof(three), 0);
	send_to(fd, "127.0.0.1", f.nat_port, bare_marker, sizeof(bare_marker), 0);
	send_to(fd, "127.0.0.1", f.nat_port, short_ike, sizeof(short_ike), 0);
	send_to(fd, "127.0.0.1", f.nat_port, "", 0, 0);
	send_to(fd, "127.0.0.1", f.port, "", 0, 0);
	send_to(fd, "127.0.0.1", f.port, keepalive, sizeof(keepalive), 0);
	turn(&f);
	CU_ASSERT(seen_count == 0 && receive_calls == 0);
	close(fd);
	fixture_close(&f);
}

static void esp_goes_to_kernel(void)
{
	static const uint8_t esp[40] = { 0xc1, 2, 3, 4 };
	struct fixture f;
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, true))
		return;
	for (int i = 0; i < 5; i++)
		send_to(fd, "127.0.0.1", f.nat_port, esp, sizeof(esp), 0);
	turn(&f);
	size_t octets = 0;
	for (size_t i = 0; i < seen_count; i++) {
		CU_ASSERT(seen[i].kind == 'e' && seen[i].segment == sizeof(esp) && seen[i].remote.port == port_of(fd));
		octets += seen[i].len;
	}
	CU_ASSERT(octets == 5 * sizeof(esp));
	CU_ASSERT(receive_calls == 1);
	close(fd);
	fixture_close(&f);
}

static void esp_without_kernel_is_dropped(void)
{
	static const uint8_t esp[40] = { 0xc1, 2, 3, 4 };
	struct fixture f;
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, false))
		return;
	send_to(fd, "127.0.0.1", f.nat_port, esp, sizeof(esp), 0);
	turn(&f);
	CU_ASSERT(seen_count == 0);
	close(fd);
	fixture_close(&f);
}

static void group_is_one_batch(void)
{
	struct fixture f;
	uint8_t esp[10 * 100 + 40];
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, true))
		return;
	memset(esp, 0xc1, sizeof(esp));
	send_to(fd, "127.0.0.1", f.nat_port, esp, sizeof(esp), 100);
	turn(&f);
	CU_ASSERT(seen_count == 1 && seen[0].kind == 'e' && seen[0].segment == 100 && seen[0].len == sizeof(esp));
	close(fd);
	fixture_close(&f);
}

static void tos_is_told(void)
{
	static const uint8_t esp[40] = { 0xc1, 2, 3, 4 };
	struct fixture f;
	int fd = peer_open(AF_INET), ce = 3, fd6 = peer_open(AF_INET6);

	if (!fixture_open(&f, true))
		return;
	CU_ASSERT(setsockopt(fd, IPPROTO_IP, IP_TOS, &ce, sizeof(ce)) == 0);
	send_to(fd, "127.0.0.1", f.nat_port, esp, sizeof(esp), 0);
	turn(&f);
	CU_ASSERT(seen_count == 1 && seen[0].tos == 3);
	if (fd6 >= 0) {
		CU_ASSERT(setsockopt(fd6, IPPROTO_IPV6, IPV6_TCLASS, &ce, sizeof(ce)) == 0);
		send_to(fd6, "::1", f.nat_port, esp, sizeof(esp), 0);
		turn(&f);
		CU_ASSERT(seen_count == 2 && seen[1].tos == 3);
		close(fd6);
	}
	close(fd);
	fixture_close(&f);
}

static void mixed_group_is_split(void)
{
	/* ESP, ESP, IKE, ESP, IKE, keepalive: of equal size but for the last, as GRO joins them. */
	struct fixture f;
	uint8_t data[5 * (IKE_SIZE + 4) + 1];
	size_t size = IKE_SIZE + 4;
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, true))
		return;
	memset(data, 0xff, sizeof(data));
	for (size_t i = 0; i < 4; i++)
		memset(data + i * size, 0xc0 + (int)i, size);
	CU_ASSERT(make_ike(data + 2 * size, true) == size);
	CU_ASSERT(make_ike(data + 4 * size, true) == size);
	send_to(fd, "127.0.0.1", f.nat_port, data, sizeof(data), (int)size);
	turn(&f);
	CU_ASSERT(seen_count == 4);
	char order[5] = { seen[0].kind, seen[1].kind, seen[2].kind, seen[3].kind, '\0' };
	/* IKE is handed over at once, ESP at the end of the batch. */
	CU_ASSERT_STRING_EQUAL(order, "iiee");
	CU_ASSERT(seen[0].len == IKE_SIZE && seen[1].len == IKE_SIZE && seen[1].first[0] == 0xa0);
	CU_ASSERT(seen[2].len == 2 * size && seen[2].segment == size && seen[2].first[0] == 0xc0);
	CU_ASSERT(seen[3].len == size && seen[3].first[0] == 0xc3);
	CU_ASSERT(receive_calls == 1);
	close(fd);
	fixture_close(&f);
}

static bool wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 2000) == 1;
}

/* Sends from net to a peer and says what arrived there and where it came from. */
static size_t send_back(struct fixture *f, int fd, const char *local, const char *remote, bool nat_port,
			struct address *from, uint8_t *data, size_t size)
{
	static const uint8_t message[] = { 9, 8, 7, 6, 5, 4, 3, 2 };
	struct transport transport = net_transport(f->net);
	struct address ours = { 0 }, theirs;
	struct sockaddr_storage source;
	socklen_t source_len = sizeof(source);

	CU_ASSERT(!local || address_parse(&ours, local) == 0);
	CU_ASSERT(address_parse(&theirs, remote) == 0);
	theirs.port = port_of(fd);
	CU_ASSERT(transport.send(transport.state, &ours, &theirs, nat_port, bytes_of(message, sizeof(message))) == 0);
	if (!wait_for(fd))
		return 0;
	ssize_t len = recvfrom(fd, data, size, 0, (struct sockaddr *)&source, &source_len);
	CU_ASSERT(len > 0 && address_from_socket(from, (struct sockaddr *)&source) == 0);
	return len > 0 ? (size_t)len : 0;
}

static void reply_leaves_from_where_it_came_to(void)
{
	struct fixture f;
	struct address from;
	uint8_t data[64];
	char text[ADDRESS_TEXT_MAX];
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, true))
		return;
	/* All of 127/8 is ours; the route would choose 127.0.0.1. */
	CU_ASSERT(send_back(&f, fd, "127.0.0.9", "127.0.0.1", false, &from, data, sizeof(data)) == 8);
	CU_ASSERT_STRING_EQUAL(address_host_text(text, &from), "127.0.0.9");
	CU_ASSERT(from.port == f.port && data[0] == 9);
	CU_ASSERT(send_back(&f, fd, NULL, "127.0.0.1", false, &from, data, sizeof(data)) == 8);
	CU_ASSERT_STRING_EQUAL(address_host_text(text, &from), "127.0.0.1");
	close(fd);
	fixture_close(&f);
}

static void nat_port_sends_marker(void)
{
	static const uint8_t expected[12] = { 0, 0, 0, 0, 9, 8, 7, 6, 5, 4, 3, 2 };
	struct fixture f;
	struct address from;
	uint8_t data[64];
	int fd = peer_open(AF_INET);

	if (!fixture_open(&f, true))
		return;
	CU_ASSERT(send_back(&f, fd, NULL, "127.0.0.1", true, &from, data, sizeof(data)) == 12);
	CU_ASSERT(from.port == f.nat_port && memcmp(data, expected, sizeof(expected)) == 0);
	close(fd);
	fixture_close(&f);
}

static void ipv6_works_alike(void)
{
	struct fixture f;
	struct address from;
	uint8_t data[IKE_SIZE + 4];
	char text[ADDRESS_TEXT_MAX];

	if (!host_has_ipv6() || !fixture_open(&f, true))
		return;
	int fd = peer_open(AF_INET6);
	send_to(fd, "::1", f.nat_port, data, make_ike(data, true), 0);
	turn(&f);
	CU_ASSERT(seen_count == 1 && seen[0].kind == 'i' && seen[0].nat_port);
	CU_ASSERT_STRING_EQUAL(address_host_text(text, &seen[0].local), "::1");
	CU_ASSERT(send_back(&f, fd, "::1", "::1", true, &from, data, sizeof(data)) == 12);
	CU_ASSERT(from.port == f.nat_port);
	CU_ASSERT(net_encap_socket(f.net, AF_INET6) >= 0 &&
		  net_encap_socket(f.net, AF_INET6) != net_encap_socket(f.net, AF_INET));
	close(fd);
	fixture_close(&f);
}

static void error_from_network_is_told(void)
{
	static const uint8_t message[IKE_SIZE];
	struct fixture f;
	struct address none = { 0 }, closed;
	uint8_t data[IKE_SIZE];
	int fd = peer_open(AF_INET);
	char text[ADDRESS_TEXT_MAX];

	if (!fixture_open(&f, true))
		return;
	struct transport transport = net_transport(f.net);
	CU_ASSERT(address_parse(&closed, "127.0.0.1") == 0);
	closed.port = free_port();
	/* The error of the first is waiting at the socket when the second is sent, which must go out all the same. */
	CU_ASSERT(transport.send(transport.state, &none, &closed, false, bytes_of(message, sizeof(message))) == 0);
	CU_ASSERT(transport.send(transport.state, &none, &closed, false, bytes_of(message, sizeof(message))) == 0);
	send_to(fd, "127.0.0.1", f.port, data, make_ike(data, false), 0);
	turn(&f);
	CU_ASSERT(seen_count == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "not reachable: Connection refused"));
	CU_ASSERT(hints > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, address_text(text, &closed)));
	close(fd);
	fixture_close(&f);
}

static void failing_send_names_peer(void)
{
	static const uint8_t message[IKE_SIZE];
	struct fixture f;
	struct address none = { 0 }, foreign, to;

	if (!fixture_open(&f, true))
		return;
	struct transport transport = net_transport(f.net);
	/* TEST-NET-1: not an address of this host. */
	CU_ASSERT(address_parse(&foreign, "192.0.2.77") == 0);
	CU_ASSERT(address_parse(&to, "127.0.0.5") == 0);
	to.port = 4;
	CU_ASSERT(transport.send(transport.state, &foreign, &to, false, bytes_of(message, sizeof(message))) == FAULT_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "127.0.0.5:4"));
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "cannot send from 192.0.2.77: "));
	to.family = 0;
	CU_ASSERT(transport.send(transport.state, &none, &to, false, bytes_of(message, sizeof(message))) == FAULT_SYSTEM);
	fixture_close(&f);
}

static void port_in_use_is_explained(void)
{
	struct fixture f;
	struct net *second = NULL;
	char remedy[64];

	if (!fixture_open(&f, true))
		return;
	struct net_options options = { f.port, free_port(), true, false };
	CU_ASSERT(net_new(&second, &options, log_root(f.log)) == FAULT_SYSTEM);
	snprintf(remedy, sizeof(remedy), "UDP port %u (IPv4) is in use", f.port);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, remedy));
	snprintf(remedy, sizeof(remedy), "`ss -ulpn sport = :%u`", f.port);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, remedy));
	fixture_close(&f);
}

/* Containers often let everybody bind every port. */
static bool port_500_is_privileged(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
	int start = 1024;

	if (file && fscanf(file, "%d", &start) != 1)
		start = 1024;
	if (file)
		fclose(file);
	return start > 500;
}

static int open_as_nobody(void)
{
	struct net_options options = { 500, 499, true, false };
	struct net *net = NULL;
	struct log *log = log_open();
	int fault;

	if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
		return 2;
	fault = net_new(&net, &options, log_root(log));
	log_free(log);
	return fault == FAULT_PERMISSION && strstr(logged, "needs CAP_NET_BIND_SERVICE") &&
	       strstr(logged, "port 500") && strstr(logged, "run as root") ? 0 : 1;
}

static void missing_capability_is_named(void)
{
	int status = -1;

	if (!port_500_is_privileged())
		return;
	pid_t child = fork();
	if (child == 0)
		_exit(open_as_nobody());
	CU_ASSERT(child > 0 && waitpid(child, &status, 0) == child);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const struct unit_case cases[] = {
	{ "a datagram to the plain port is IKE", plain_port_is_ike },
	{ "a datagram with the non-ESP marker is IKE without it", marker_is_ike },
	{ "keepalives and datagrams too short to be anything go nowhere", junk_goes_nowhere },
	{ "ESP goes to the kernel service, all of a batch in one call", esp_goes_to_kernel },
	{ "ESP is dropped when no kernel service asks for it", esp_without_kernel_is_dropped },
	{ "a GRO super-packet of ESP is handed over whole", group_is_one_batch },
	{ "ESP comes with the TOS or traffic class of its packet", tos_is_told },
	{ "a GRO super-packet that mixes ESP, IKE and a keepalive is split", mixed_group_is_split },
	{ "a reply leaves from the address that the request came to", reply_leaves_from_where_it_came_to },
	{ "what leaves the NAT port carries the non-ESP marker", nat_port_sends_marker },
	{ "IPv6 works alike", ipv6_works_alike },
	{ "an ICMP error is told with its peer and ends nothing", error_from_network_is_told },
	{ "a sending that fails names the peer and our address", failing_send_names_peer },
	{ "a port in use is named with the command that finds its owner", port_in_use_is_explained },
	{ "a missing capability is named with the remedy", missing_capability_is_named },
};

UNIT_MAIN("net", cases)
