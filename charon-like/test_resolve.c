/* SPDX-License-Identifier: MIT */
/* test_resolve.c - DNS messages of all kinds, the names that every machine knows, and a DNS server on the loopback address. */
#include "resolve.h"

#include <netdb.h>
#include <arpa/nameser.h>
#include <pthread.h>
#include <unistd.h>

#include "unit.h"

enum { OTHER_OCTETS = 51, SERVER_TTL = 77 };

/* ---- messages ---- */

struct text {
	uint8_t data[1024];
	struct writer w;
	uint16_t answers;
};

static void put_name(struct writer *w, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		put_u8(w, (uint8_t)len);
		put_bytes(w, bytes_of(name, len));
		name += len + (name[len] == '.');
	}
	put_u8(w, 0);
}

static void text_open(struct text *t, const char *question, uint16_t type)
{
	t->answers = 0;
	t->w = writer_over(t->data, sizeof(t->data));
	put_u16(&t->w, 0x1234);
	put_u16(&t->w, 0x8180);
	put_u16(&t->w, 1);
	put_u16(&t->w, 0);
	put_u32(&t->w, 0);
	put_name(&t->w, question);
	put_u16(&t->w, type);
	put_u16(&t->w, ns_c_in);
}

/* Of a record, all that stands in front of its data. */
static void put_head(struct text *t, const char *name, uint16_t type, uint32_t ttl, size_t len)
{
	put_name(&t->w, name);
	put_u16(&t->w, type);
	put_u16(&t->w, ns_c_in);
	put_u32(&t->w, ttl);
	put_u16(&t->w, (uint16_t)len);
	patch_u16(&t->w, 6, ++t->answers);
}

static void put_address(struct text *t, const char *name, uint32_t ttl, const char *address)
{
	struct address a;

	CU_ASSERT_FATAL(address_parse(&a, address) == 0);
	put_head(t, name, a.family == AF_INET ? ns_t_a : ns_t_aaaa, ttl, address_len(a.family));
	put_bytes(&t->w, address_bytes(&a));
}

static void put_alias(struct text *t, const char *name, uint32_t ttl, const char *target)
{
	put_head(t, name, ns_t_cname, ttl, target[0] ? strlen(target) + 2 : 1);
	put_name(&t->w, target);
}

/* The seconds, or the fault. */
static long ttl_of(const struct text *t, uint8_t family)
{
	uint32_t ttl;
	int fault = resolve_read_ttl(writer_bytes(&t->w), family, &ttl);

	return fault ? fault : (long)ttl;
}

static void least_of_the_chain(void)
{
	struct text t;

	text_open(&t, "gw.example", ns_t_a);
	put_address(&t, "gw.example", 300, "192.0.2.1");
	put_address(&t, "GW.example", 200, "192.0.2.2");
	put_address(&t, "other.example", 1, "192.0.2.3");
	put_address(&t, "gw.example", 2, "2001:db8::1");
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), 200);
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET6), 2);
	text_open(&t, "www.example", ns_t_a);
	put_address(&t, "gw.example", 300, "192.0.2.1");
	put_alias(&t, "mid.example", 20, "gw.example");
	put_alias(&t, "www.example", 3600, "mid.example");
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), 20);
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET6), FAULT_NOT_FOUND);
	/* The root is a name as well. */
	text_open(&t, "", ns_t_a);
	put_address(&t, "", 300, "192.0.2.1");
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), 300);
	text_open(&t, "gw.example", ns_t_a);
	put_alias(&t, "gw.example", 200, "");
	put_address(&t, "", 300, "192.0.2.1");
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), 200);
	/* The top bit is no sign (RFC 2181 8 says to take it as 0 or to bound it; whoever asks bounds it). */
	text_open(&t, "gw.example", ns_t_a);
	put_address(&t, "gw.example", UINT32_MAX, "192.0.2.1");
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), (long)UINT32_MAX);
}

static void no_answer(void)
{
	struct text t;

	text_open(&t, "gw.example", ns_t_a);
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), FAULT_NOT_FOUND);
	put_alias(&t, "gw.example", 60, "nowhere.example");
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), FAULT_NOT_FOUND);
	t.w.used = 0;
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), FAULT_INPUT);
}

static void circles(void)
{
	struct text t;

	text_open(&t, "a.example", ns_t_a);
	put_alias(&t, "a.example", 60, "b.example");
	put_alias(&t, "b.example", 60, "a.example");
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), FAULT_INPUT);
	/* A name that is a pointer to itself, as owner and as target. */
	text_open(&t, "a.example", ns_t_a);
	put_u16(&t.w, (uint16_t)(0xc000 | t.w.used));
	put_u16(&t.w, ns_t_a);
	put_u16(&t.w, ns_c_in);
	put_u32(&t.w, 60);
	put_u16(&t.w, 4);
	put_u32(&t.w, 0x01020304);
	patch_u16(&t.w, 6, 1);
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), FAULT_INPUT);
	text_open(&t, "a.example", ns_t_a);
	put_head(&t, "a.example", ns_t_cname, 60, 2);
	put_u16(&t.w, (uint16_t)(0xc000 | t.w.used));
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), FAULT_INPUT);
	put_address(&t, "a.example", 60, "192.0.2.1");
	t.data[7] = 200;
	CU_ASSERT_EQUAL(ttl_of(&t, AF_INET), FAULT_INPUT);
}

/* Each length, and each octet as another number; the sanitizers judge. */
static void damaged(void)
{
	struct text t;
	uint32_t ttl;

	text_open(&t, "www.example", ns_t_a);
	put_alias(&t, "www.example", 60, "gw.example");
	put_address(&t, "gw.example", 60, "192.0.2.1");
	put_head(&t, "gw.example", ns_t_cname, 60, 2);
	put_u16(&t.w, 0xc00c);
	for (size_t len = 0; len <= t.w.used; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		CU_ASSERT_PTR_NOT_NULL_FATAL(cut);
		memcpy(cut, t.data, len);
		if (len < t.w.used)
			CU_ASSERT_EQUAL(resolve_read_ttl(bytes_of(cut, len), AF_INET, &ttl), FAULT_INPUT);
		for (size_t at = 0; at < len; at++)
			for (unsigned value = 0; value < 256; value += OTHER_OCTETS) {
				cut[at] = (uint8_t)value;
				(void)!resolve_read_ttl(bytes_of(cut, len), AF_INET, &ttl);
				cut[at] = t.data[at];
			}
		free(cut);
	}
}

/* ---- names that every machine knows ---- */

static struct resolve question(const char *host, uint8_t family)
{
	struct resolve resolve = { .family = family };

	snprintf(resolve.host, sizeof(resolve.host), "%s", host);
	return resolve;
}

static void stop_home(struct resolve *resolve)
{
	loop_stop(resolve->errand.home);
}

static void known_names(void)
{
	struct helpers *helpers = helpers_new(1);
	struct loop *loop = loop_new(NULL);
	struct resolve resolve = question("localhost", AF_INET);
	char text[ADDRESS_TEXT_MAX];

	resolve_start(helpers, &resolve, loop, stop_home);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_STRING_EQUAL(address_text(text, &resolve.address), "127.0.0.1");
	CU_ASSERT_EQUAL(resolve.ttl, RESOLVE_TTL_DEFAULT);
	CU_ASSERT_STRING_EQUAL(resolve.error, "");
	helpers_free(helpers);
	loop_free(loop);
}

static void numbers(void)
{
	struct resolve resolve = question("192.0.2.7", 0);
	char text[ADDRESS_TEXT_MAX];

	resolve_now(&resolve, NULL);
	CU_ASSERT_STRING_EQUAL(address_text(text, &resolve.address), "192.0.2.7");
	CU_ASSERT_EQUAL(resolve.ttl, RESOLVE_TTL_MAX);
	resolve = question("2001:db8::7", AF_INET);
	resolve_now(&resolve, NULL);
	CU_ASSERT_EQUAL(resolve.address.family, 0);
	CU_ASSERT_STRING_NOT_EQUAL(resolve.error, "");
	resolve = question("no name at all", 0);
	resolve_now(&resolve, &(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) }, .sin_port = htons(1) });
	CU_ASSERT_EQUAL(resolve.address.family, 0);
	CU_ASSERT_STRING_NOT_EQUAL(resolve.error, "");
}

static void nobody_asked(void)
{
	struct helpers *helpers = helpers_new(1);
	struct loop *loop = loop_new(NULL);
	struct resolve resolve[8];

	for (size_t i = 0; i < COUNT(resolve); i++) {
		resolve[i] = question("192.0.2.7", 0);
		resolve_start(helpers, &resolve[i], loop, stop_home);
	}
	helpers_free(helpers);
	while (loop_turn(loop) > 0)
		;
	for (size_t i = 0; i < COUNT(resolve); i++)
		CU_ASSERT((resolve[i].address.family == 0) == (resolve[i].error[0] != '\0'));
	loop_free(loop);
}

/* ---- a server ---- */

struct server {
	struct sockaddr_in at;
	pthread_t thread;
	int fd;
	unsigned queries;
};

/* Its names: www is an alias of gw, which has two addresses of IPv4. */
static void answer(struct server *s, const uint8_t *query, size_t len, const struct sockaddr_in *to)
{
	struct reader r = reader_over(bytes_of(query, len));
	uint16_t id = read_u16(&r);
	struct text t;

	if (len < 4 + 4)
		return;
	bool is_www = memmem(query, len, "\3www\7example\4test", 17), is_known = is_www || memmem(query, len, "\2gw\7example\4test", 16);
	uint16_t type = memmem(query, len, "test\0\0\x1c", 7) ? ns_t_aaaa : ns_t_a;
	text_open(&t, is_www ? "www.example.test" : is_known ? "gw.example.test" : "none.example.test", type);
	if (is_www)
		put_alias(&t, "www.example.test", SERVER_TTL, "gw.example.test");
	if (is_known && type == ns_t_a) {
		put_address(&t, "gw.example.test", 2 * RESOLVE_TTL_MAX, "127.1.0.1");
		put_address(&t, "gw.example.test", 2 * RESOLVE_TTL_MAX, "127.1.0.2");
	}
	patch_u16(&t.w, 0, id);
	if (!is_known)
		patch_u16(&t.w, 2, 0x8183);
	s->queries++;
	(void)!sendto(s->fd, t.data, t.w.used, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* Until it gets a single octet. */
static void *serve(void *arg)
{
	struct server *s = arg;
	struct sockaddr_in from;
	uint8_t query[512];

	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(s->fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);

		if (len <= 1)
			return NULL;
		answer(s, query, (size_t)len, &from);
	}
}

static void server_open(struct server *s)
{
	socklen_t len = sizeof(s->at);

	*s = (struct server){ .at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } } };
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&s->at, sizeof(s->at)) == 0);
	CU_ASSERT_FATAL(getsockname(s->fd, (struct sockaddr *)&s->at, &len) == 0);
	CU_ASSERT_FATAL(pthread_create(&s->thread, NULL, serve, s) == 0);
}

static void server_close(struct server *s)
{
	CU_ASSERT(sendto(s->fd, "", 1, 0, (struct sockaddr *)&s->at, sizeof(s->at)) == 1);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

/* Whether this machine's resolver asks nobody but files and DNS servers, so that ours is among those asked. */
static bool asks_dns_itself(void)
{
	FILE *file = fopen("/etc/nsswitch.conf", "re");
	bool is_plain = true;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "hosts:", 6) == 0)
			is_plain = strstr(line, "dns") && !strstr(line, "resolve") && !strstr(line, "mdns");
	if (file)
		fclose(file);
	return is_plain && access("/var/run/nscd/socket", F_OK) != 0;
}

static void answers_of_a_server(void)
{
	struct server s;
	char text[ADDRESS_TEXT_MAX];
	struct resolve resolve = question("www.example.test", 0);

	if (!asks_dns_itself()) {
		printf("names do not come from DNS alone here: the server was left out\n");
		return;
	}
	server_open(&s);
	resolve_now(&resolve, &s.at);
	CU_ASSERT_STRING_EQUAL(resolve.error, "");
	CU_ASSERT_EQUAL(resolve.address.family, AF_INET);
	CU_ASSERT_EQUAL(resolve.ttl, SERVER_TTL);
	/* Whichever is preferred stays, if it is among them. */
	for (unsigned i = 1; i <= 2; i++) {
		char wanted[16];

		snprintf(wanted, sizeof(wanted), "127.1.0.%u", i);
		CU_ASSERT(address_parse(&resolve.prefer, wanted) == 0);
		resolve_now(&resolve, &s.at);
		CU_ASSERT_STRING_EQUAL(address_text(text, &resolve.address), wanted);
	}
	CU_ASSERT(address_parse(&resolve.prefer, "127.1.0.3") == 0);
	resolve_now(&resolve, &s.at);
	CU_ASSERT(resolve.address.family == AF_INET && !address_same_host(&resolve.address, &resolve.prefer));
	resolve = question("gw.example.test", AF_INET);
	resolve_now(&resolve, &s.at);
	CU_ASSERT_EQUAL(resolve.ttl, RESOLVE_TTL_MAX);
	resolve = question("gw.example.test", AF_INET6);
	resolve_now(&resolve, &s.at);
	CU_ASSERT_EQUAL(resolve.address.family, 0);
	resolve = question("none.example.test", 0);
	resolve_now(&resolve, &s.at);
	CU_ASSERT_EQUAL(resolve.address.family, 0);
	CU_ASSERT_STRING_NOT_EQUAL(resolve.error, "");
	server_close(&s);
	CU_ASSERT(s.queries >= 6);
}

static const struct unit_case cases[] = {
	{ "the least time to live of aliases and addresses counts", least_of_the_chain },
	{ "a message without the address has none", no_answer },
	{ "circles of aliases and of compressed names end", circles },
	{ "damaged messages are survived", damaged },
	{ "localhost is known without DNS", known_names },
	{ "a literal address is its own answer, a bad name gets a reason", numbers },
	{ "what nobody could be asked comes back with a reason", nobody_asked },
	{ "DNS tells address and time to live, and the preferred address stays", answers_of_a_server },
};

UNIT_MAIN("resolve", cases)
