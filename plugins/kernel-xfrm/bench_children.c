/* SPDX-License-Identifier: MIT */
/*
 * bench_children.c - what it costs to install and remove the policies and SAs of many children: bench_children [--flat] ROUNDS COUNT... Says for
 * each count the microseconds of processor time per child, the best of the rounds. --flat: the last count must not cost a child FLAT times what the
 * first one does. Needs root, and a network namespace that nobody else uses.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "names.h"
#include "xfrm.h"

enum { COUNT_MAX = 60000, COUNTS_MAX = 8, ROUNDS_MAX = 20, KEY_LEN = 20, REPLAY = 64, FLAT = 3 };

static int no_socket(void *arg, uint8_t family)
{
	(void)arg;
	(void)family;
	return -1;
}

static void nothing_acquired(void *arg, uint32_t child)
{
	(void)arg;
	(void)child;
}

static void nothing_expired(void *arg, uint32_t spi, bool inbound, bool hard)
{
	(void)arg;
	(void)spi;
	(void)inbound;
	(void)hard;
}

/* Of this thread, the kernel's work for it too: what else runs on the machine matters less than on a clock. */
static uint64_t used_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* 10.1.0.0/16 to a /30 of its own in 10.128.0.0/9 */
static struct ipsec_policy policy_of(uint32_t i)
{
	struct ipsec_policy policy = { .child = i + 1 };
	uint32_t remote = 0x0a800000 + i * 4;
	char text[64];

	(void)!address_parse(&policy.local, "192.0.2.1");
	(void)!address_parse(&policy.remote, "192.0.2.2");
	(void)!selector_parse(&policy.local_ts, "10.1.0.0/16");
	snprintf(text, sizeof(text), "%u.%u.%u.%u/30", remote >> 24, remote >> 16 & 0xff, remote >> 8 & 0xff, remote & 0xff);
	(void)!selector_parse(&policy.remote_ts, text);
	return policy;
}

static struct ipsec_sa sa_of(const struct ipsec_policy *policy, bool inbound, const uint8_t key[KEY_LEN])
{
	return (struct ipsec_sa){
		.spi = 0x10000000 + policy->child * 2 + inbound, .inbound = inbound, .local = policy->local, .remote = policy->remote,
		.local_ts = policy->local_ts, .remote_ts = policy->remote_ts, .child = policy->child, .replay_window = REPLAY,
		.transform = { .id = 20, .key_len = 16, .salt_len = 4, .icv_len = 16 }, .encryption_key = bytes_of(key, KEY_LEN),
	};
}

static bool add_policy(struct xfrm *x, uint32_t i)
{
	struct ipsec_policy policy = policy_of(i);

	return policy_add(x, &policy) == 0;
}

static bool add_sas(struct xfrm *x, uint32_t i)
{
	static const uint8_t key[KEY_LEN] = "0123456789abcdefghi";
	struct ipsec_policy policy = policy_of(i);
	struct ipsec_sa in = sa_of(&policy, true, key), out = sa_of(&policy, false, key);

	return state_add(x, &in) == 0 && state_add(x, &out) == 0;
}

static bool remove_policy(struct xfrm *x, uint32_t i)
{
	return policy_delete(x, i + 1) == 0;
}

static bool remove_sas(struct xfrm *x, uint32_t i)
{
	struct ipsec_policy policy = policy_of(i);
	uint32_t spi = 0x10000000 + policy.child * 2;

	return state_delete(x, PROTO_ESP, spi + 1, true, &policy.remote) == 0 && state_delete(x, PROTO_ESP, spi, false, &policy.remote) == 0;
}

static const struct { const char *what; bool (*run)(struct xfrm *x, uint32_t i); } steps[] = {
	{ "policies in", add_policy }, { "SAs in", add_sas }, { "SAs out", remove_sas }, { "policies out", remove_policy },
};

/* Per child, in us; `best` is that of earlier rounds, 0: there was none. */
static bool measure(struct xfrm *x, uint32_t count, double best[COUNT(steps)])
{
	for (size_t k = 0; k < COUNT(steps); k++) {
		uint64_t began = used_ns();
		for (uint32_t i = 0; i < count; i++)
			if (!steps[k].run(x, i))
				return false;
		double each = (double)(used_ns() - began) / 1000 / count;
		best[k] = best[k] > 0 && best[k] < each ? best[k] : each;
	}
	return true;
}

static double tell(uint32_t count, const double best[COUNT(steps)])
{
	double sum = 0;

	printf("%u children:", count);
	for (size_t k = 0; k < COUNT(steps); k++) {
		printf(" %s %.0f,", steps[k].what, best[k]);
		sum += best[k];
	}
	printf(" all %.0f us each\n", sum);
	return sum;
}

/* The counts take turns, so that a busy minute is none's alone. */
static bool measure_all(struct xfrm *x, uint32_t rounds, const uint32_t *counts, size_t count, bool must_be_flat)
{
	double best[COUNTS_MAX][COUNT(steps)] = { { 0 } }, first = 0, last = 0;

	for (uint32_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++)
			if (!measure(x, counts[i], best[i]))
				return false;
	for (size_t i = 0; i < count; i++) {
		last = tell(counts[i], best[i]);
		first = i == 0 ? last : first;
	}
	if (must_be_flat && last > FLAT * first)
		printf("%u children cost %.1f times as much each as %u, not at most %d\n", counts[count - 1], last / first, counts[0], FLAT);
	return !must_be_flat || last <= FLAT * first;
}

/* The kernel is not made to look for modules while it is measured; the first child loads those that are needed. */
static bool prepare(struct xfrm *x, const struct kernel_host *host)
{
	if (xfrm_ops.attach(x, host))
		return false;
	events_stop(x);
	return add_policy(x, 0) && add_sas(x, 0) && remove_sas(x, 0) && remove_policy(x, 0);
}

static uint32_t number(const char *text, uint32_t max)
{
	unsigned long value = text ? strtoul(text, NULL, 10) : 0;

	return value <= max ? (uint32_t)value : 0;
}

int main(int argc, char **argv)
{
	struct log_options options = { .level = LEVEL_WARN, .fd = STDOUT_FILENO };
	struct log *log = log_new(&options);
	struct kernel_host host = { .log = log ? log_root(log) : NULL, .encap_socket = no_socket, .acquire = nothing_acquired, .expire = nothing_expired };
	struct xfrm *x = NULL;
	bool must_be_flat = argc > 1 && strcmp(argv[1], "--flat") == 0;
	char **next = argv + 1 + must_be_flat;
	uint32_t rounds = number(*next, ROUNDS_MAX), counts[COUNTS_MAX];
	size_t count = 0;

	while (rounds && count < COUNTS_MAX && *++next && (counts[count] = number(*next, COUNT_MAX)))
		count++;
	bool fine = count > 0 && !*next && log && xfrm_new(&x, host.log) == 0;
	fine = fine && prepare(x, &host) && measure_all(x, rounds, counts, count, must_be_flat);
	if (x)
		xfrm_ops.detach(x);
	xfrm_free(x);
	log_free(log);
	return fine ? 0 : 1;
}
