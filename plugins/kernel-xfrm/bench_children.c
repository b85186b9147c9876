/* SPDX-License-Identifier: MIT */
/*
 * bench_children.c - what it costs to install and remove the policies and SAs of many children: bench_children COUNT... Says for each count
 * the microseconds per child, and that the kernel has none of it afterwards. Needs root, and a network namespace that nobody else uses.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "xfrm.h"

enum { COUNT_MAX = 60000, KEY_LEN = 20, REPLAY = 64 };

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

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
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

	return state_delete(x, spi + 1, true, &policy.remote) == 0 && state_delete(x, spi, false, &policy.remote) == 0;
}

static bool measure(struct xfrm *x, uint32_t count)
{
	static const struct { const char *what; bool (*run)(struct xfrm *x, uint32_t i); } steps[] = {
		{ "policies in", add_policy }, { "SAs in", add_sas }, { "SAs out", remove_sas }, { "policies out", remove_policy },
	};

	printf("%u children:", count);
	for (size_t k = 0; k < COUNT(steps); k++) {
		uint64_t began = now_us();
		for (uint32_t i = 0; i < count; i++)
			if (!steps[k].run(x, i))
				return false;
		uint64_t took = now_us() - began;
		printf(" %s %.1f ms, %.1f us each%s", steps[k].what, (double)took / 1000, (double)took / count, k + 1 < COUNT(steps) ? ";" : "\n");
	}
	return true;
}

int main(int argc, char **argv)
{
	struct log_options options = { .level = LEVEL_WARN, .fd = STDOUT_FILENO };
	struct log *log = log_new(&options);
	struct kernel_host host = { .log = log ? log_root(log) : NULL, .encap_socket = no_socket, .acquire = nothing_acquired, .expire = nothing_expired };
	struct xfrm *x = NULL;
	bool fine = log && xfrm_new(&x, host.log) == 0;

	fine = fine && xfrm_ops.attach(x, &host) == 0;
	/* The first one loads modules. */
	fine = fine && add_policy(x, 0) && add_sas(x, 0) && remove_sas(x, 0) && remove_policy(x, 0);
	for (int i = 1; i < argc && fine; i++) {
		unsigned long count = strtoul(argv[i], NULL, 10);
		fine = count > 0 && count <= COUNT_MAX && measure(x, (uint32_t)count);
	}
	if (x)
		xfrm_ops.detach(x);
	xfrm_free(x);
	log_free(log);
	return fine ? 0 : 1;
}
