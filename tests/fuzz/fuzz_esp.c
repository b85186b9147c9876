/* SPDX-License-Identifier: MIT */
/*
 * fuzz_esp.c - the userspace ESP path: what a peer that holds the keys may put inside, ESP packets as such, and packets from the
 * device with any virtio header. The first octet picks which, the second the kind of algorithm.
 */
#include "in.h"
#include "out.h"
#include "test_parts.h"

enum { SPI = 0x1000, FUZZ_MAX = 16384, KINDS = 4 };

struct ends {
	struct tables tables;
	struct out_worker out;
	struct in_worker in;
	struct kernel_host host;
	uint8_t sealed[FUZZ_MAX + ESP_GROWTH_MAX];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* What goes to the device is one whole packet, and its virtio header tells the truth about it. */
static void on_device(void *arg, const struct iovec *pieces, size_t count)
{
	static uint8_t whole[PACKET_MAX];
	struct vnet_header vnet;
	struct inner in;
	size_t len = 0;

	(void)arg;
	vnet_read(&vnet, pieces[0].iov_base);
	for (size_t i = 1; i < count; i++) {
		must(pieces[i].iov_len <= sizeof(whole) - len);
		memcpy(whole + len, pieces[i].iov_base, pieces[i].iov_len);
		len += pieces[i].iov_len;
	}
	must(inner_parse(&in, bytes_of(whole, len)) == 0 && in.len == len);
	must((vnet.gso_type != 0) == (count > 2) && vnet.header_len <= len);
	must(vnet_complete(&vnet, whole, len) == 0);
}

static void on_send(void *arg, struct out_batch *batch)
{
	size_t used = 0;

	(void)arg;
	for (size_t i = 0; i < batch->count; i++)
		used += batch->at[i].len;
	must(used == batch->used && used <= sizeof(batch->buffer));
}

static void on_answer(void *arg, uint8_t *packet, size_t len)
{
	struct inner in;

	(void)arg;
	must(len <= ICMP_ANSWER_MAX && inner_parse(&in, bytes_of(packet, len)) == 0 && in.len == len);
}

static void on_acquire(void *arg, uint32_t child)
{
	(void)arg;
	(void)child;
}

static void install(struct ends *e, enum test_suite suite, bool inbound, bool transport)
{
	struct ipsec_sa from = make_sa(suite, inbound, SPI);
	const char *why;
	struct esp_sa *sa;

	from.transport = transport;
	from.remote.port = 0;
	if (transport || !inbound)
		from.local_ts = from.remote_ts = (struct selector){ 0 };
	(void)!address_parse(&from.local, inbound ? "10.2.0.1" : "10.1.0.1");
	(void)!address_parse(&from.remote, inbound ? "10.1.0.1" : "10.2.0.1");
	must(esp_sa_new(&sa, &from, &why) == 0);
	must(tables_add_sa(&e->tables, sa, endpoint_new(sa, &from.local, &from.remote, 1400), 1) == 0);
}

static struct ends *ends_new(enum test_suite suite, bool transport)
{
	struct ends *e = calloc(1, sizeof(*e));
	struct ipsec_policy policy = { .child = 1, .transport = transport };

	must(e && tables_init(&e->tables) == 0 && tables_set_policy(&e->tables, &policy) == 0);
	e->host.acquire = on_acquire;
	e->out.tables = e->in.tables = &e->tables;
	e->out.host = e->in.host = &e->host;
	e->out.send = on_send;
	e->out.answer = on_answer;
	e->out.now = e->in.now = 1000;
	e->out.pool.used = IV_POOL;
	e->in.reader = READER_UDP;
	e->in.coalescer.write = on_device;
	install(e, suite, true, transport);
	install(e, suite, false, transport);
	return e;
}

/* Tables are large: each kind is made once, and made like new for every input. */
static struct ends *ends_renew(enum test_suite suite, bool transport)
{
	static struct ends *all[SUITES][2];
	struct ends **e = &all[suite][transport];
	struct address to;

	if (!*e)
		*e = ends_new(suite, transport);
	(void)!address_parse(&to, "10.2.0.1");
	struct esp_sa *inbound = tables_find_sa(&(*e)->tables, SPI, true, &to);
	struct esp_sa *outbound = tables_find_sa(&(*e)->tables, SPI, false, &to);
	must(inbound && outbound);
	inbound->replay.top = 0;
	memset(inbound->replay.map, 0, inbound->replay.words * sizeof(inbound->replay.map[0]));
	outbound->sequence = 0;
	(*e)->out.cache = (struct flow_cache){ 0 };
	(*e)->out.limit = (struct icmp_limit){ 0 };
	return *e;
}

static void take(struct ends *e, uint8_t *esp, size_t len, size_t segment)
{
	struct esp_batch b = { .data = esp, .len = len, .segment = segment, .tos = 3 };

	(void)!address_parse(&b.local, "10.2.0.1");
	(void)!address_parse(&b.remote, "10.1.0.1");
	in_batch(&e->in, &b);
}

/* Packets of the input, each behind its length and next header, sealed as by an evil peer and taken in one batch. */
static void take_inside(struct ends *e, struct bytes input)
{
	struct reader r = reader_over(input);
	struct address to;

	(void)!address_parse(&to, "10.2.0.1");
	struct esp_sa *sa = tables_find_sa(&e->tables, SPI, false, &to);
	must(sa != NULL);
	uint8_t *at = e->sealed;
	while (reader_left(&r) > 3) {
		size_t len = read_u16(&r) % 2048;
		uint8_t next = read_u8(&r);
		struct bytes plain = read_bytes(&r, len < reader_left(&r) ? len : reader_left(&r));

		if ((size_t)(e->sealed + sizeof(e->sealed) - at) < plain.len + ESP_GROWTH_MAX)
			break;
		if (plain.len > 0)
			memcpy(at + esp_sa_plain_offset(sa), plain.at, plain.len);
		size_t sealed = esp_seal(sa, &e->out.pool, at, plain.len, next);
		must(sealed > 0);
		take(e, at, sealed, 0);
		at += sealed;
	}
}

static void take_outside(struct ends *e, struct bytes input)
{
	if (input.len < 2)
		return;
	memcpy(e->sealed, input.at + 2, input.len - 2);
	store_u32(e->sealed, SPI);
	take(e, e->sealed, input.len - 2, load_u16(input.at) % 2048);
}

static void send_from_device(struct ends *e, struct bytes input)
{
	struct vnet_header vnet;

	if (input.len <= VNET_HEADER)
		return;
	uint8_t *packet = malloc(input.len - VNET_HEADER);
	must(packet != NULL);
	vnet_read(&vnet, input.at);
	memcpy(packet, input.at + VNET_HEADER, input.len - VNET_HEADER);
	out_packet(&e->out, &vnet, packet, input.len - VNET_HEADER);
	out_flush(&e->out);
	free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > FUZZ_MAX)
		return 0;
	struct ends *e = ends_renew(data[1] % SUITES, data[1] & 0x80);
	struct bytes input = bytes_of(data + 2, size - 2);

	switch (data[0] % KINDS) {
	case 0:
		take_inside(e, input);
		break;
	case 1:
		take_outside(e, input);
		break;
	default:
		send_from_device(e, input);
		break;
	}
	in_flush(&e->in);
	return 0;
}
