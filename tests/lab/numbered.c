/* SPDX-License-Identifier: MIT */
/*
 * numbered.c - counts what a tunnel loses: sends numbered UDP packets at a steady rate and says which of the other end's did not
 * arrive, and when. numbered LOCAL REMOTE PORT PACKETS-PER-SECOND SECONDS, the same on both hosts with the addresses exchanged.
 *
 * Both ends wait for each other, so nothing is lost before there is somebody to hear it. SIGTERM ends the sending early. While it
 * runs it says when packets come again after a silence; at the end it lists each gap and counts. Both hosts have one clock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PACKET_SIZE = 200,
	LATE_MS = 100,                   /* under way for longer than this is late                             */
	SILENCE_MS = 100,                /* what is told of while it runs                                      */
	HELLO_MS = 20, HELLO_TRIES = 1500,
	GOODBYE_MS = 50, GOODBYE_TIMES = 40, /* the count of what was sent has to arrive; the last packets too */
	COUNT_MAX = 10000000, BUFFER_SIZE = 8 << 20,
};

enum kind { HELLO, NUMBERED, GOODBYE };

/* Both ends are on one machine: it travels as it is. Times are ns of CLOCK_REALTIME. */
struct packet {
	uint64_t start, sent;            /* of the run, of this packet                                         */
	uint32_t kind;
	uint32_t number;                 /* GOODBYE: how many were sent                                        */
	uint8_t filling[PACKET_SIZE - 24];
};

struct run {
	int fd;
	uint64_t interval, start;        /* ns                                                                 */
	uint32_t count, next;
	uint32_t refused;                /* the kernel did not take them, for want of a route for example      */
	/* What the other end sent. */
	uint8_t *seen;                   /* of each number, how often                                          */
	uint64_t peer_start, last_arrival, longest;
	uint32_t peer_count, top, received, doubled, overtaken, late;
	int is_heard, is_over;
};

static volatile sig_atomic_t told_to_end;

static void end_early(int number)
{
	(void)number;
	told_to_end = 1;
}

static int fail(const char *what, const char *about)
{
	fprintf(stderr, "numbered: %s %s: %s\n", what, about, strerror(errno));
	return -1;
}

static uint64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static void sleep_until(uint64_t when)
{
	struct timespec at = { (time_t)(when / 1000000000), (long)(when % 1000000000) };

	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == EINTR && !told_to_end)
		;
}

/* "14:03:21.123", as the logs of the daemons have it. */
static const char *clock_text(char out[32], uint64_t when)
{
	time_t seconds = (time_t)(when / 1000000000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(out, 32, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(when % 1000000000 / 1000000));
	return out;
}

/* ---- what comes ---- */

static void count_packet(struct run *run, const struct packet *packet, uint64_t arrival)
{
	uint64_t delay = arrival > packet->sent ? arrival - packet->sent : 0;

	if (packet->number >= COUNT_MAX)
		return;
	run->peer_start = packet->start;
	if (run->seen[packet->number]) {
		run->doubled++;
		return;
	}
	run->seen[packet->number] = 1;
	run->received++;
	run->overtaken += packet->number + 1 < run->top;
	run->late += delay > (uint64_t)LATE_MS * 1000000;
	run->longest = delay > run->longest ? delay : run->longest;
	run->top = packet->number + 1 > run->top ? packet->number + 1 : run->top;
}

static void note_silence(struct run *run, uint64_t arrival)
{
	char text[32];

	if (run->last_arrival && arrival > run->last_arrival + (uint64_t)SILENCE_MS * 1000000) {
		printf("again: at %s, after a silence of %llu ms\n", clock_text(text, arrival),
		       (unsigned long long)((arrival - run->last_arrival) / 1000000));
		fflush(stdout);
	}
	run->last_arrival = arrival;
}

/* When it arrived, not when we had time for it. */
static uint64_t arrival_of(struct msghdr *message)
{
	struct timespec at;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
	}
	return now_ns();
}

static void take(struct run *run, const struct packet *packet, uint64_t arrival)
{
	run->is_heard = 1;
	if (packet->kind == GOODBYE) {
		run->peer_count = packet->number;
		run->is_over = 1;
	} else if (packet->kind == NUMBERED) {
		note_silence(run, arrival);
		count_packet(run, packet, arrival);
	}
}

static void receive_all(struct run *run)
{
	struct packet packet;
	char control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec part = { &packet, sizeof(packet) };

	for (;;) {
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(run->fd, &message, MSG_DONTWAIT);
		/* An error of the path belongs to something that was sent; what came is behind it. */
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (got == sizeof(packet))
			take(run, &packet, arrival_of(&message));
	}
}

/* ---- what goes ---- */

static int send_one(const struct run *run, enum kind kind, uint32_t number)
{
	struct packet packet = { .start = run->start, .sent = now_ns(), .kind = kind, .number = number };

	/* An error that an earlier packet had comes out here, and stops this one. */
	for (int tries = 0; tries < 3; tries++)
		if (send(run->fd, &packet, sizeof(packet), MSG_DONTWAIT) == sizeof(packet))
			return 0;
	return -1;
}

static int greet(struct run *run)
{
	for (int tries = 0; tries < HELLO_TRIES && !run->is_heard && !told_to_end; tries++) {
		(void)send_one(run, HELLO, 0);
		sleep_until(now_ns() + (uint64_t)HELLO_MS * 1000000);
		receive_all(run);
	}
	/* The other end may have heard nothing yet. */
	for (int tries = 0; tries < 5; tries++)
		(void)send_one(run, HELLO, 0);
	return run->is_heard ? 0 : -1;
}

static void send_numbered(struct run *run)
{
	run->start = now_ns();
	for (; run->next < run->count && !told_to_end; run->next++) {
		sleep_until(run->start + run->next * run->interval);
		if (send_one(run, NUMBERED, run->next) < 0)
			run->refused++;
		receive_all(run);
	}
}

/* At least as long as packets may be under way, and until the other end is over. */
static void part(struct run *run)
{
	for (int times = 0; times < GOODBYE_TIMES; times++) {
		(void)send_one(run, GOODBYE, run->next);
		sleep_until(now_ns() + (uint64_t)GOODBYE_MS * 1000000);
		receive_all(run);
	}
}

/* ---- the end ---- */

static void say_gap(const struct run *run, uint32_t first, uint32_t last)
{
	char text[32];
	uint64_t at = first * run->interval;

	printf("gap: %u packets, %u to %u, sent at %llu ms of the run (%s), %.1f ms long\n", last - first + 1, first, last,
	       (unsigned long long)(at / 1000000), clock_text(text, run->peer_start + at), (double)((last - first + 1) * run->interval) / 1e6);
}

static int say_result(const struct run *run)
{
	uint32_t sent = run->is_over && run->peer_count <= COUNT_MAX ? run->peer_count : run->top;

	for (uint32_t n = 0; n < sent; n++) {
		uint32_t first = n;
		while (n < sent && !run->seen[n])
			n++;
		if (n > first)
			say_gap(run, first, n - 1);
	}
	printf("sent %u, received %u, lost %u, doubled %u, overtaken %u, late %u, longest %.1f ms; refused %u of ours%s\n", sent,
	       run->received, sent - run->received, run->doubled, run->overtaken, run->late, (double)run->longest / 1e6, run->refused,
	       run->is_over ? "" : "; the end of theirs was not seen");
	return run->is_over ? 0 : 1;
}

/* ---- the beginning ---- */

static socklen_t read_address(struct sockaddr_storage *out, const char *text, unsigned port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return sizeof(*v6);
	}
	errno = EINVAL;
	return 0;
}

static int run_open(struct run *run, char **arguments)
{
	struct sockaddr_storage local, remote;
	unsigned port = (unsigned)atoi(arguments[3]), rate = (unsigned)atoi(arguments[4]), seconds = (unsigned)atoi(arguments[5]);
	socklen_t local_len = read_address(&local, arguments[1], port), remote_len = read_address(&remote, arguments[2], port);
	int on = 1, size = BUFFER_SIZE;

	if (!local_len || !remote_len || !rate || !seconds || rate > COUNT_MAX / seconds) {
		errno = EINVAL;
		return fail("cannot use", "the arguments");
	}
	run->interval = 1000000000 / rate;
	run->count = rate * seconds;
	run->seen = calloc(COUNT_MAX, 1);
	run->fd = socket(local.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!run->seen || run->fd < 0)
		return fail("cannot open", "a socket");
	if (setsockopt(run->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(run->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		return fail("cannot set up", "the socket");
	if (bind(run->fd, (const struct sockaddr *)&local, local_len) < 0)
		return fail("cannot bind to", arguments[1]);
	return connect(run->fd, (const struct sockaddr *)&remote, remote_len) < 0 ? fail("cannot send to", arguments[2]) : 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end_early };
	struct run run = { .fd = -1 };
	int status;

	if (argc != 6) {
		fprintf(stderr, "usage: numbered LOCAL REMOTE PORT PACKETS-PER-SECOND SECONDS\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	if (run_open(&run, argv) < 0)
		return 1;
	if (greet(&run) < 0) {
		fprintf(stderr, "numbered: nothing comes from %s\n", argv[2]);
		return 1;
	}
	printf("begins\n");
	fflush(stdout);
	send_numbered(&run);
	part(&run);
	status = say_result(&run);
	free(run.seen);
	return status;
}
