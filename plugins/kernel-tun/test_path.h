/* SPDX-License-Identifier: MIT */
/* test_path.h - for tests of whole ways: two sides, what left the one for the wire, and what came to the device of the other. */
#ifndef KEYFERRY_TUN_TEST_PATH_H
#define KEYFERRY_TUN_TEST_PATH_H
#include "in.h"
#include "out.h"
#include "test_parts.h"
#include "unit.h"

enum { SPI = 0x1000, WIRE_MAX = 300 };

/* What left the sender and what reached the receiver's device. */
struct path {
	struct tables near, far;
	struct out_worker *out;
	struct in_worker *in;
	struct kernel_host host;
	struct ipsec_sa outbound, inbound;
	size_t wire_count, wire_len[WIRE_MAX];
	uint8_t wire[WIRE_MAX][2048];
	struct address sent_to;                /* the last of them */
	size_t device_count, device_len;
	struct vnet_header device_vnet;
	uint8_t device[PACKET_MAX];
	size_t answer_len;
	uint8_t answer[ICMP_ANSWER_MAX];
	size_t clear_count, clear_len;         /* what bypassed the device, and the last of it */
	uint8_t clear[PACKET_MAX];
	unsigned moved;
	struct address moved_to;
	unsigned acquired, soft, hard, soft_inbound, hard_inbound;
};

static struct path path;
static uint8_t packet[PACKET_MAX];

static inline void on_send(void *arg, struct out_batch *batch)
{
	struct path *p = arg;
	const uint8_t *at = batch->buffer;

	for (size_t i = 0; i < batch->count && p->wire_count < WIRE_MAX; i++) {
		size_t len = batch->at[i].len < sizeof(p->wire[0]) ? batch->at[i].len : sizeof(p->wire[0]);
		memcpy(p->wire[p->wire_count], at, len);
		p->wire_len[p->wire_count++] = len;
		at += batch->at[i].len;
		p->sent_to = batch->at[i].endpoint->remote;
	}
}

static inline void on_answer(void *arg, uint8_t *at, size_t len)
{
	struct path *p = arg;

	memcpy(p->answer, at, len);
	p->answer_len = len;
}

static inline bool on_clear(void *arg, const struct inner *in, const uint8_t *at, size_t len)
{
	struct path *p = arg;

	(void)in;
	memcpy(p->clear, at, len);
	p->clear_len = len;
	p->clear_count++;
	return true;
}

static inline void on_device(void *arg, const struct iovec *pieces, size_t count)
{
	struct path *p = arg;

	vnet_read(&p->device_vnet, pieces[0].iov_base);
	p->device_len = 0;
	for (size_t i = 1; i < count; i++) {
		memcpy(p->device + p->device_len, pieces[i].iov_base, pieces[i].iov_len);
		p->device_len += pieces[i].iov_len;
	}
	p->device_count++;
}

static inline void on_acquire(void *arg, uint32_t child)
{
	((struct path *)arg)->acquired += child == 1;
}

static inline void on_expire(void *arg, uint32_t spi, bool inbound, bool hard)
{
	struct path *p = arg;

	if (inbound)
		*(hard ? &p->hard_inbound : &p->soft_inbound) += spi == SPI;
	else
		*(hard ? &p->hard : &p->soft) += spi == SPI;
}

static inline void on_moved(void *arg, uint32_t spi, const struct address *local, const struct address *remote)
{
	struct path *p = arg;

	p->moved += spi == SPI && address_same(local, &p->inbound.local);
	p->moved_to = *remote;
}

static inline int install(struct tables *t, const struct ipsec_sa *from)
{
	const char *why;
	struct esp_sa *sa;
	int fault = esp_sa_new(&sa, from, &why);

	return fault ? fault : tables_add_sa(t, sa, endpoint_new(sa, &from->local, &from->remote, 1500), from->child);
}

static inline int set_policy(const char *local, const char *remote, bool transport, bool want_acquire)
{
	struct ipsec_policy policy = { .child = 1, .transport = transport, .want_acquire = want_acquire };

	if (selector_parse(&policy.local_ts, local) || selector_parse(&policy.remote_ts, remote))
		return FAULT_INPUT;
	return tables_set_policy(&path.near, &policy);
}

static inline void path_open(enum test_suite suite)
{
	memset(&path, 0, sizeof(path));
	path.out = calloc(1, sizeof(*path.out));
	path.in = calloc(1, sizeof(*path.in));
	path.host = (struct kernel_host){ .acquire = on_acquire, .expire = on_expire, .moved = on_moved, .arg = &path };
	CU_ASSERT_EQUAL_FATAL(tables_init(&path.near) | tables_init(&path.far), 0);
	*path.out = (struct out_worker){ .tables = &path.near, .host = &path.host, .send = on_send, .answer = on_answer, .pass = on_clear,
					 .arg = &path,
					 .now = 5000, .pool.used = IV_POOL };
	path.in->tables = &path.far;
	path.in->host = &path.host;
	path.in->reader = READER_UDP;
	path.in->now = 5000;
	path.in->coalescer = (struct coalescer){ .write = on_device, .arg = &path };
	path.outbound = make_sa(suite, false, SPI);
	path.inbound = make_sa(suite, true, SPI);
}

static inline void path_close(void)
{
	out_close(path.out);
	tables_free(&path.near);
	tables_free(&path.far);
	free(path.out);
	free(path.in);
}

/* Both SAs and the policy, as usual. */
static inline void path_install(void)
{
	CU_ASSERT_EQUAL_FATAL(set_policy("10.1.0.0/16", "10.2.0.0/16", false, false), 0);
	CU_ASSERT_EQUAL_FATAL(install(&path.near, &path.outbound) | install(&path.far, &path.inbound), 0);
}

static inline void emit(const struct test_packet *p, const struct vnet_header *vnet)
{
	struct vnet_header none = { 0 };

	path.wire_count = 0;
	out_packet(path.out, vnet ? vnet : &none, packet, make_packet(packet, p));
	out_release(path.out);
	out_flush(path.out);
}

static inline void take_as(size_t index, uint8_t tos)
{
	uint8_t *copy = malloc(path.wire_len[index] + 1);
	struct esp_batch b = { .local = path.inbound.local, .remote = path.inbound.remote, .data = copy, .len = path.wire_len[index], .tos = tos };

	path.device_count = 0;
	memcpy(copy, path.wire[index], path.wire_len[index]);
	in_batch(path.in, &b);
	in_flush(path.in);
	free(copy);
}

static inline void take(size_t index)
{
	take_as(index, 0);
}

static inline struct esp_sa *far_sa(void)
{
	return tables_inbound(&path.far, SPI);
}

#endif
