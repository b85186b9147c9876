/* SPDX-License-Identifier: MIT */
/* threads.c - the plugin's own threads: from the device to the wire, and from the raw sockets to the device. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "timer.h"
#include "tun.h"

enum { OUT, RAW, RECLAIM_MS = 10, SWEEP_LOOK_MS = 500 };

static uint64_t now_ms(void)
{
	return clock_system.now(clock_system.arg);
}

void tun_write(void *tun, const struct iovec *pieces, size_t count)
{
	struct tun *t = tun;

	device_write(&t->device, pieces, count);
}

static void send_batch(void *tun, struct out_batch *batch)
{
	struct tun *t = tun;

	wire_send(&t->wire, batch);
}

static void answer(void *tun, uint8_t *packet, size_t len)
{
	struct tun *t = tun;
	uint8_t vnet[VNET_HEADER] = { 0 };
	struct iovec pieces[2] = { { vnet, sizeof(vnet) }, { packet, len } };

	device_write(&t->device, pieces, 2);
}

static bool pass(void *tun, const struct inner *in, const uint8_t *packet, size_t len)
{
	struct tun *t = tun;

	return wire_send_clear(&t->wire, in, packet, len);
}

/* Reads until a batch is worth sending; false: the device has nothing more. */
static bool read_device(struct tun *t)
{
	while (t->out.batch.count < OUT_ENOUGH) {
		struct vnet_header vnet;
		ssize_t len = read(t->device.fd, t->super, sizeof(t->super));

		if (len < 0)
			return errno == EINTR;
		if (len <= VNET_HEADER)
			continue;
		vnet_read(&vnet, t->super);
		out_packet(&t->out, &vnet, t->super + VNET_HEADER, (size_t)len - VNET_HEADER);
	}
	return true;
}

/* Within one epoch: what is read, sealed and sent. Returns false when the device has nothing more. */
static bool out_turn(struct tun *t, bool is_readable)
{
	struct address remote = { 0 };
	uint32_t spi = 0;

	epoch_enter(&t->tables.epoch, READER_OUT);
	t->out.now = now_ms();
	bool more = is_readable && read_device(t);
	out_release(&t->out);
	out_flush(&t->out);
	if (t->wire.shrunk) {
		spi = t->wire.shrunk->spi;
		remote = atomic_load(&t->wire.shrunk->endpoint)->remote;
		t->wire.shrunk = NULL;
	}
	epoch_leave(&t->tables.epoch, READER_OUT);
	if (spi != 0)
		tun_refresh(t, spi, &remote);
	return more;
}

static bool has_retired(const struct tun *t)
{
	return atomic_load_explicit(&t->tables.epoch.waiting, memory_order_relaxed) > 0;
}

static bool holds_packets(const struct tun *t)
{
	return atomic_load(&t->out.held.count) > 0;
}

/* What a writer could not free, because a packet thread was busy, goes here: keys must not linger. */
static void reclaim(struct tun *t)
{
	if (!has_retired(t) || pthread_mutex_trylock(&t->tables.lock))
		return;
	epoch_reclaim(&t->tables.epoch);
	pthread_mutex_unlock(&t->tables.lock);
}

/* By now what is configured has its rules and routes again. */
static void sweep(struct tun *t)
{
	if (t->leftovers_until == 0 || now_ms() < t->leftovers_until)
		return;
	pthread_mutex_lock(&t->tables.lock);
	routes_sweep(&t->routes);
	pthread_mutex_unlock(&t->tables.lock);
	t->leftovers_until = 0;
}

static int wait_ms(const struct tun *t)
{
	int wait = t->leftovers_until ? SWEEP_LOOK_MS : -1;

	if (holds_packets(t) && (wait < 0 || t->out.held.wait < wait))
		wait = t->out.held.wait;
	return has_retired(t) ? RECLAIM_MS : wait;
}

static void drain(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

/* Somebody deleted the device: without this the thread would spin. */
static int give_up_device(struct tun *t)
{
	log_at(t->host.log, LEVEL_ERROR, "tun-device", "the TUN device %s is gone: nothing is sent any more; restart keyferryd",
	       t->device.name);
	return -1;
}

static void *out_run(void *arg)
{
	struct tun *t = arg;
	struct pollfd fds[2] = { { .fd = t->device.fd, .events = POLLIN }, { .fd = t->wake[OUT], .events = POLLIN } };

	while (!atomic_load_explicit(&t->stopping, memory_order_acquire)) {
		if (poll(fds, 2, wait_ms(t)) < 0)
			continue;
		if (fds[1].revents)
			drain(t->wake[OUT]);
		sweep(t);
		if (fds[0].revents & (POLLERR | POLLNVAL))
			fds[0] = (struct pollfd){ .fd = give_up_device(t) };
		while (out_turn(t, fds[0].revents) && !atomic_load_explicit(&t->stopping, memory_order_acquire))
			reclaim(t);
		reclaim(t);
	}
	return NULL;
}

/* Raw IPv4 sockets give the IP header too. */
static bool describe_ipv4(struct esp_batch *b, uint8_t *at, size_t len)
{
	struct inner outer;

	if (inner_parse(&outer, bytes_of(at, len)) || outer.family != AF_INET || outer.fragment)
		return false;
	*b = (struct esp_batch){
		.local = { .family = AF_INET }, .remote = { .family = AF_INET },
		.data = at + outer.header_len, .len = outer.len - outer.header_len, .tos = outer.tos,
	};
	memcpy(b->local.ip, outer.destination, 4);
	memcpy(b->remote.ip, outer.source, 4);
	return true;
}

static bool describe_ipv6(struct esp_batch *b, struct msghdr *m, uint8_t *at, size_t len)
{
	*b = (struct esp_batch){ .local = { .family = AF_INET6 }, .data = at, .len = len };
	if (address_from_socket(&b->remote, m->msg_name))
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct in6_pktinfo info;
		int tos;

		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof(info))) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(b->local.ip, &info.ipi6_addr, 16);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS && c->cmsg_len >= CMSG_LEN(sizeof(tos))) {
			memcpy(&tos, CMSG_DATA(c), sizeof(tos));
			b->tos = (uint8_t)tos;
		}
	}
	return true;
}

static void prepare_messages(struct raw_worker *w)
{
	for (size_t i = 0; i < RAW_MESSAGES; i++) {
		w->pieces[i] = (struct iovec){ w->octets[i], RAW_OCTETS };
		w->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &w->from[i], .msg_namelen = sizeof(w->from[i]),
			.msg_iov = &w->pieces[i], .msg_iovlen = 1,
			.msg_control = w->control[i], .msg_controllen = RAW_CONTROL,
		};
	}
}

static void raw_turn(struct tun *t, int fd, bool is_ipv6)
{
	struct raw_worker *w = &t->raw;

	prepare_messages(w);
	int count = recvmmsg(fd, w->messages, RAW_MESSAGES, MSG_DONTWAIT, NULL);
	if (count <= 0)
		return;
	epoch_enter(&t->tables.epoch, READER_RAW);
	w->in.now = now_ms();
	for (int i = 0; i < count; i++) {
		size_t len = w->messages[i].msg_len;
		struct esp_batch b;

		if (is_ipv6 ? describe_ipv6(&b, &w->messages[i].msg_hdr, w->octets[i], len) : describe_ipv4(&b, w->octets[i], len))
			in_batch(&w->in, &b);
	}
	in_flush(&w->in);
	epoch_leave(&t->tables.epoch, READER_RAW);
}

static void *raw_run(void *arg)
{
	struct tun *t = arg;
	struct pollfd fds[3] = {
		{ .fd = t->wire.raw[0], .events = POLLIN }, { .fd = t->wire.raw[1], .events = POLLIN },
		{ .fd = t->wake[RAW], .events = POLLIN },
	};

	while (!atomic_load_explicit(&t->stopping, memory_order_acquire)) {
		if (poll(fds, 3, -1) < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				raw_turn(t, fds[i].fd, i);
	}
	return NULL;
}

static int start(struct tun *t, pthread_t *thread, void *(*run)(void *), const char *name)
{
	sigset_t all, before;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		log_at(t->host.log, LEVEL_ERROR, "tun-thread", "cannot start a packet thread: %s", strerror(error));
		return FAULT_SYSTEM;
	}
	(void)pthread_setname_np(*thread, name);
	return 0;
}

static void set_workers(struct tun *t)
{
	t->out.tables = &t->tables;
	t->out.host = &t->host;
	t->out.send = send_batch;
	t->out.answer = answer;
	t->out.pass = pass;
	t->out.arg = t;
	t->out.pool.crypto = t->host.crypto;
	t->out.pool.used = IV_POOL;
	t->udp.tables = t->raw.in.tables = &t->tables;
	t->udp.host = t->raw.in.host = &t->host;
	t->udp.reader = READER_UDP;
	t->raw.in.reader = READER_RAW;
	t->udp.coalescer.write = t->raw.in.coalescer.write = tun_write;
	t->udp.coalescer.arg = t->raw.in.coalescer.arg = t;
}

int threads_start(struct tun *t)
{
	set_workers(t);
	atomic_store(&t->stopping, false);
	for (int i = 0; i < 2; i++) {
		t->wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (t->wake[i] < 0) {
			log_at(t->host.log, LEVEL_ERROR, "tun-thread", "cannot make an eventfd: %s", strerror(errno));
			return FAULT_SYSTEM;
		}
	}
	if (start(t, &t->out_thread, out_run, "keyferry-tun"))
		return FAULT_SYSTEM;
	t->has_out_thread = true;
	if (t->wire.raw[0] < 0 && t->wire.raw[1] < 0)
		return 0;
	if (start(t, &t->raw_thread, raw_run, "keyferry-raw"))
		return FAULT_SYSTEM;
	t->has_raw_thread = true;
	return 0;
}

static void wake(int fd)
{
	uint64_t one = 1;

	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
}

void threads_wake(struct tun *t)
{
	if (has_retired(t) || holds_packets(t))
		wake(t->wake[OUT]);
}

void threads_stop(struct tun *t)
{
	atomic_store_explicit(&t->stopping, true, memory_order_release);
	wake(t->wake[OUT]);
	wake(t->wake[RAW]);
	if (t->has_out_thread)
		pthread_join(t->out_thread, NULL);
	if (t->has_raw_thread)
		pthread_join(t->raw_thread, NULL);
	t->has_out_thread = t->has_raw_thread = false;
	out_close(&t->out);
	for (int i = 0; i < 2; i++) {
		if (t->wake[i] >= 0)
			close(t->wake[i]);
		t->wake[i] = -1;
	}
}
