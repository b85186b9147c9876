/* SPDX-License-Identifier: MIT */
/*
 * test_net_watch.c - messages that the kernel might send, in virtual time; and, where a namespace of its own can be had, those that it
 * does send.
 */
#include "net_watch.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "unit.h"

enum { OTHER_OCTETS = 81, SKIPPED = 77, HEARD_MS = 10000 };

/* ---- messages ---- */

struct text {
	_Alignas(struct nlmsghdr) uint8_t data[1024];
	struct writer w;
	size_t head;                       /* of the last message */
};

static void text_open(struct text *t)
{
	memset(t->data, 0, sizeof(t->data));
	t->w = writer_over(t->data, sizeof(t->data));
}

static void set_len(struct text *t)
{
	struct nlmsghdr head;

	memcpy(&head, t->data + t->head, sizeof(head));
	head.nlmsg_len = (uint32_t)(t->w.used - t->head);
	memcpy(t->data + t->head, &head, sizeof(head));
}

static void add_message(struct text *t, uint16_t type, const void *body, size_t len)
{
	struct nlmsghdr head = { .nlmsg_type = type };

	(void)put_space(&t->w, NLMSG_ALIGN(t->w.used) - t->w.used);
	t->head = t->w.used;
	put_bytes(&t->w, bytes_of(&head, sizeof(head)));
	put_bytes(&t->w, bytes_of(body, len));
	set_len(t);
}

static void add_attribute(struct text *t, uint16_t type, const void *value, size_t len)
{
	struct rtattr head = { .rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type };

	(void)put_space(&t->w, NLMSG_ALIGN(t->w.used) - t->w.used);
	put_bytes(&t->w, bytes_of(&head, sizeof(head)));
	put_bytes(&t->w, bytes_of(value, len));
	set_len(t);
}

static void add_route(struct text *t, uint16_t type, uint8_t protocol, uint32_t table)
{
	struct rtmsg head = { .rtm_family = AF_INET, .rtm_protocol = protocol, .rtm_type = RTN_UNICAST };

	head.rtm_table = (unsigned char)(table < 256 ? table : RT_TABLE_COMPAT);
	add_message(t, type, &head, sizeof(head));
	if (table >= 256)
		add_attribute(t, RTA_TABLE, &table, sizeof(table));
}

static bool route_matters(uint16_t type, uint8_t protocol, uint32_t table)
{
	struct text t;

	text_open(&t);
	add_route(&t, type, protocol, table);
	return net_watch_matters(writer_bytes(&t.w));
}

static void routes(void)
{
	CU_ASSERT(route_matters(RTM_NEWROUTE, RTPROT_STATIC, RT_TABLE_MAIN));
	CU_ASSERT(route_matters(RTM_DELROUTE, RTPROT_DHCP, RT_TABLE_DEFAULT));
	CU_ASSERT(route_matters(RTM_DELROUTE, RTPROT_KERNEL, RT_TABLE_LOCAL));
	CU_ASSERT_FALSE(route_matters(RTM_NEWROUTE, RTPROT_STATIC, 42));
	CU_ASSERT_FALSE(route_matters(RTM_NEWROUTE, RTPROT_STATIC, 27494));
	CU_ASSERT_FALSE(route_matters(RTM_NEWROUTE, KERNEL_PROTOCOL, 27494));
	CU_ASSERT_FALSE(route_matters(RTM_NEWROUTE, KERNEL_PROTOCOL, RT_TABLE_MAIN));
	CU_ASSERT_FALSE(route_matters(RTM_GETROUTE, RTPROT_STATIC, RT_TABLE_MAIN));
	struct rtmsg cloned = { .rtm_table = RT_TABLE_MAIN, .rtm_flags = RTM_F_CLONED };
	struct text t;
	text_open(&t);
	add_message(&t, RTM_NEWROUTE, &cloned, sizeof(cloned));
	CU_ASSERT_FALSE(net_watch_matters(writer_bytes(&t.w)));
}

static bool link_matters(uint16_t attribute, const char *value)
{
	struct ifinfomsg head = { .ifi_index = 7, .ifi_flags = IFF_UP };
	struct text t;

	text_open(&t);
	add_message(&t, RTM_NEWLINK, &head, sizeof(head));
	add_attribute(&t, IFLA_IFNAME, "some0", 6);
	add_attribute(&t, attribute, value, strlen(value) + 1);
	return net_watch_matters(writer_bytes(&t.w));
}

static void links_and_addresses(void)
{
	struct ifaddrmsg address = { .ifa_family = AF_INET6, .ifa_index = 7 };
	struct text t;

	CU_ASSERT(link_matters(IFLA_QDISC, "noop"));
	CU_ASSERT(link_matters(IFLA_IFALIAS, "uplink"));
	CU_ASSERT_FALSE(link_matters(IFLA_IFALIAS, KERNEL_ALIAS));
	CU_ASSERT_FALSE(link_matters(IFLA_WIRELESS, "scan"));
	text_open(&t);
	add_message(&t, RTM_NEWADDR, &address, sizeof(address));
	CU_ASSERT(net_watch_matters(writer_bytes(&t.w)));
	text_open(&t);
	add_message(&t, RTM_NEWNEIGH, &address, sizeof(address));
	add_message(&t, NLMSG_DONE, NULL, 0);
	CU_ASSERT_FALSE(net_watch_matters(writer_bytes(&t.w)));
	text_open(&t);
	add_message(&t, NLMSG_OVERRUN, NULL, 0);
	CU_ASSERT(net_watch_matters(writer_bytes(&t.w)));
}

static void second_message(void)
{
	struct text t;

	text_open(&t);
	add_route(&t, RTM_NEWROUTE, KERNEL_PROTOCOL, 27494);
	/* Its end is not aligned. */
	add_attribute(&t, RTA_DST, "\x0a", 1);
	add_route(&t, RTM_NEWROUTE, RTPROT_STATIC, RT_TABLE_MAIN);
	CU_ASSERT(net_watch_matters(writer_bytes(&t.w)));
}

/* Each length of each message, and each octet of the heads as another number; the sanitizers judge. */
static void wrong_lengths(void)
{
	struct text t;

	text_open(&t);
	add_route(&t, RTM_NEWROUTE, RTPROT_STATIC, 27494);
	add_attribute(&t, RTA_DST, "\x0a\x01\x02", 3);
	add_message(&t, RTM_NEWLINK, &(struct ifinfomsg){ 0 }, sizeof(struct ifinfomsg));
	add_attribute(&t, IFLA_IFALIAS, KERNEL_ALIAS, sizeof(KERNEL_ALIAS));
	CU_ASSERT_FALSE(net_watch_matters(writer_bytes(&t.w)));
	for (size_t len = 0; len <= t.w.used; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		CU_ASSERT_PTR_NOT_NULL_FATAL(cut);
		memcpy(cut, t.data, len);
		(void)net_watch_matters(bytes_of(cut, len));
		for (size_t at = 0; at < len; at++)
			for (unsigned value = 0; value < 256; value += value < 24 ? 1 : OTHER_OCTETS) {
				cut[at] = (uint8_t)value;
				(void)net_watch_matters(bytes_of(cut, len));
				cut[at] = t.data[at];
			}
		free(cut);
	}
	CU_ASSERT_FALSE(net_watch_matters(bytes_of(NULL, 0)));
}

/* ---- in time ---- */

static uint64_t now_ms;
static unsigned changes;

static uint64_t test_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static void count_change(void *arg)
{
	(void)arg;
	changes++;
}

static void one_call_a_burst(void)
{
	const struct clock clock = { test_now, NULL };
	struct log *log = log_new(&(struct log_options){ .fd = -1 });
	struct loop *loop = loop_new(&clock);
	struct net_watch *watch;
	struct text main_table, other;

	text_open(&main_table);
	add_route(&main_table, RTM_NEWROUTE, RTPROT_STATIC, RT_TABLE_MAIN);
	text_open(&other);
	add_route(&other, RTM_NEWROUTE, KERNEL_PROTOCOL, 27494);
	if (net_watch_new(&watch, loop, log_root(log), count_change, NULL) == 0) {
		net_watch_hear(watch, writer_bytes(&other.w));
		now_ms += 10 * NET_SETTLE_MAX_MS;
		loop_turn(loop);
		CU_ASSERT_EQUAL(changes, 0);
		for (unsigned i = 0; i < 5; i++)
			net_watch_hear(watch, writer_bytes(&main_table.w));
		now_ms += NET_SETTLE_MS - 1;
		loop_turn(loop);
		CU_ASSERT_EQUAL(changes, 0);
		now_ms++;
		loop_turn(loop);
		CU_ASSERT_EQUAL(changes, 1);
		/* What is under way does not come any more. */
		net_watch_hear(watch, writer_bytes(&main_table.w));
		net_watch_free(watch);
		now_ms += 10 * NET_SETTLE_MAX_MS;
		loop_turn(loop);
		CU_ASSERT_EQUAL(changes, 1);
	}
	net_watch_free(NULL);
	loop_free(loop);
	log_free(log);
}

/* ---- the kernel itself ---- */

static void stop_loop(void *loop)
{
	changes++;
	loop_stop(loop);
}

struct limit {
	struct timer timer;
	struct loop *loop;
};

static void too_late(struct timer *timer)
{
	loop_stop(CONTAINER(timer, struct limit, timer)->loop);
}

/* In a network of its own, where the loopback link comes up. */
static int hear_the_kernel(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	struct log *log = log_new(&(struct log_options){ .fd = -1 });
	struct loop *loop = loop_new(NULL);
	struct limit limit = { { .run = too_late }, loop };
	struct net_watch *watch;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return SKIPPED;
	changes = 0;
	memcpy(request.ifr_name, "lo", 3);
	if (net_watch_new(&watch, loop, log_root(log), stop_loop, loop) < 0)
		return SKIPPED;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return SKIPPED;
	if (timer_set(loop_timers(loop), &limit.timer, loop_now(loop) + HEARD_MS) < 0 || loop_run(loop) < 0)
		return EXIT_FAILURE;
	return changes == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void kernel_is_heard(void)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(hear_the_kernel());
	CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child);
	CU_ASSERT(WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_SUCCESS || WEXITSTATUS(status) == SKIPPED));
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		printf("no network namespace: a real change was left out\n");
}

static const struct unit_case cases[] = {
	{ "routes of the tables that our packets go by matter, those of tunnels do not", routes },
	{ "links and addresses matter, but for our own device and what wireless cards find", links_and_addresses },
	{ "a message that matters is found behind one that does not", second_message },
	{ "lengths that are wrong are not believed", wrong_lengths },
	{ "a burst of messages is one call", one_call_a_burst },
	{ "a link that comes up is heard", kernel_is_heard },
};

UNIT_MAIN("net_watch", cases)
