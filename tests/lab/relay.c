/* SPDX-License-Identifier: MIT */
/*
 * relay.c - a bad cable: passes Ethernet frames between two devices and loses, doubles and delays some of those that carry IP.
 * relay DEVICE DEVICE LOSS DOUBLE DELAY (each in percent). When it is told to end it says what it did.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A frame as the kernel hands it over: a header that tells what is still to be done to it, and up to 64 KiB. */
enum { FRAME_MAX = sizeof(struct virtio_net_hdr) + ETH_HLEN + 65536, DELAY_MS = 20 };

struct frame {
	size_t len;
	unsigned char data[FRAME_MAX];
};

struct end {
	int fd;
	const char *device;
	struct frame held;               /* for this end, len 0: none; goes after the next one */
};

struct relay {
	struct end ends[2];
	struct frame arrived;
	int signals;                     /* readable when it is told to end */
	unsigned loss, twice, delay;
	unsigned long passed, lost, doubled, delayed;
};

static int fail(const char *what, const char *about)
{
	fprintf(stderr, "relay: %s %s: %s\n", what, about, strerror(errno));
	return -1;
}

static int end_open(struct end *end, const char *device)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(device),
	};
	int on = 1;

	end->device = device;
	end->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (end->fd < 0)
		return fail("cannot open a socket for", device);
	/* Frames on a virtual cable have no checksums yet, and may be many in one: that has to be passed on too. */
	if (setsockopt(end->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    setsockopt(end->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		return fail("cannot set up the socket of", device);
	return bind(end->fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ? fail("cannot listen on", device) : 0;
}

static int happens(unsigned percent)
{
	unsigned random = 0;

	return getrandom(&random, sizeof(random), 0) == sizeof(random) && random % 100 < percent;
}

static int is_ip(const struct frame *frame)
{
	const unsigned char *type = frame->data + sizeof(struct virtio_net_hdr) + 2 * ETH_ALEN;
	unsigned protocol = (unsigned)type[0] << 8 | type[1];

	return protocol == ETH_P_IP || protocol == ETH_P_IPV6;
}

/* A cable that cannot take a frame loses it. */
static void send_frame(const struct end *to, const struct frame *frame)
{
	if (write(to->fd, frame->data, frame->len) < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
		fail("cannot send on", to->device);
}

static void release(struct end *to)
{
	if (to->held.len > 0)
		send_frame(to, &to->held);
	to->held.len = 0;
}

static void pass(struct relay *relay, struct end *to, const struct frame *frame)
{
	int harm = is_ip(frame);

	if (harm && happens(relay->loss)) {
		relay->lost++;
		return;
	}
	if (harm && to->held.len == 0 && happens(relay->delay)) {
		relay->delayed++;
		memcpy(to->held.data, frame->data, frame->len);
		to->held.len = frame->len;
		return;
	}
	relay->passed++;
	send_frame(to, frame);
	if (harm && happens(relay->twice)) {
		relay->doubled++;
		send_frame(to, frame);
	}
	release(to);
}

static void receive(struct relay *relay, unsigned from)
{
	struct frame *frame = &relay->arrived;
	ssize_t got = recv(relay->ends[from].fd, frame->data, sizeof(frame->data), MSG_DONTWAIT | MSG_TRUNC);

	if (got < (ssize_t)(sizeof(struct virtio_net_hdr) + ETH_HLEN) || got > (ssize_t)sizeof(frame->data))
		return;
	frame->len = (size_t)got;
	pass(relay, &relay->ends[!from], frame);
}

static void run(struct relay *relay)
{
	struct pollfd waiting[] = {
		{ .fd = relay->ends[0].fd, .events = POLLIN },
		{ .fd = relay->ends[1].fd, .events = POLLIN },
		{ .fd = relay->signals, .events = POLLIN },
	};

	while (!waiting[2].revents) {
		int ready = poll(waiting, 3, DELAY_MS);

		for (unsigned i = 0; i < 2; i++) {
			if (ready > 0 && waiting[i].revents)
				receive(relay, i);
			else if (ready == 0)
				release(&relay->ends[i]);
		}
	}
}

static int relay_open(struct relay *relay, char **arguments)
{
	sigset_t told;

	sigemptyset(&told);
	sigaddset(&told, SIGTERM);
	sigprocmask(SIG_BLOCK, &told, NULL);
	relay->signals = signalfd(-1, &told, SFD_CLOEXEC);
	if (relay->signals < 0)
		return fail("cannot wait for", "a signal");
	relay->loss = (unsigned)atoi(arguments[3]);
	relay->twice = (unsigned)atoi(arguments[4]);
	relay->delay = (unsigned)atoi(arguments[5]);
	return end_open(&relay->ends[0], arguments[1]) < 0 ? -1 : end_open(&relay->ends[1], arguments[2]);
}

int main(int argc, char **argv)
{
	struct relay relay = { .signals = -1 };

	if (argc != 6) {
		fprintf(stderr, "usage: relay DEVICE DEVICE LOSS DOUBLE DELAY\n");
		return 2;
	}
	if (relay_open(&relay, argv) < 0)
		return 1;
	run(&relay);
	printf("passed %lu, lost %lu, doubled %lu, delayed %lu\n", relay.passed, relay.lost, relay.doubled, relay.delayed);
	return 0;
}
