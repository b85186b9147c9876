/* SPDX-License-Identifier: MIT */
/* test_daemon_net.c - the daemon asks for interfaces and routes only where a kernel service leaves packets to the kernel. */
#include "daemon_private.h"
#include "kernel_net.h"
#include "test_settings.h"

struct fake {
	unsigned attached, detached, followed;
	size_t count;                      /* of interfaces that are wanted            */
	char first[IF_NAMESIZE];
	int fault;
};

static int fake_attach(void *state, const struct log_context *log)
{
	struct fake *fake = state;

	(void)log;
	fake->attached++;
	return fake->fault;
}

static void fake_detach(void *state)
{
	((struct fake *)state)->detached++;
}

static int fake_interfaces(void *state, const struct net_interface *all, size_t count)
{
	struct fake *fake = state;

	fake->count = count;
	snprintf(fake->first, sizeof(fake->first), "%s", count ? all[0].name : "");
	/* One that cannot be made ends only its children. */
	return FAULT_EXISTS;
}

static void fake_follow(void *state)
{
	((struct fake *)state)->followed++;
}

static const struct kernel_net net_ops = {
	.name = "fake", .attach = fake_attach, .detach = fake_detach, .interfaces = fake_interfaces, .follow = fake_follow,
};

/* With a kernel service of these features. */
static struct daemon *daemon_with(struct fake *fake, uint32_t features)
{
	static struct kernel_ipsec ops;
	struct daemon *d = calloc(1, sizeof(*d));
	struct provider net = { .ops = &net_ops, .state = fake, .key = "fake", .plugin = "fake" };
	struct provider kernel = { .ops = &ops, .key = "fake", .plugin = "fake" };

	ops = (struct kernel_ipsec){ .name = "fake", .features = features };
	d->load.core.services = services_new();
	if (services_add(d->load.core.services, SERVICE_KERNEL_NET, &net, 0) ||
	    services_add(d->load.core.services, SERVICE_KERNEL_IPSEC, &kernel, 0))
		abort();
	net_attach(d);
	return d;
}

static void daemon_end(struct daemon *d)
{
	services_free(d->load.core.services);
	free(d);
}

static void interfaces_are_those_of_the_configuration(void)
{
	struct fake fake = { .attached = 0 };
	struct daemon *d = daemon_with(&fake, KERNEL_OPTIONS);
	struct run run;

	CU_ASSERT(fake.attached == 1 && d->kernel_host.net && d->kernel_host.net->state == &fake);
	net_keep(d, true);
	CU_ASSERT_EQUAL(net_set_interfaces(d, run_good(&run, AROUND(REMOTE, "  child name=b if-id=1 interface=kf0\n"))), 0);
	CU_ASSERT(fake.count == 1 && strcmp(fake.first, "kf0") == 0);
	run_end(&run);
	CU_ASSERT_EQUAL(net_set_interfaces(d, run_good(&run, OFFICE)), 0);
	CU_ASSERT_EQUAL(fake.count, 0);
	run_end(&run);
	net_follow(d);
	CU_ASSERT_EQUAL(fake.followed, 1);
	net_keep(d, false);
	net_keep(d, false);
	CU_ASSERT(fake.detached == 1 && !d->kernel_host.net);
	net_follow(d);
	CU_ASSERT_EQUAL(fake.followed, 1);
	daemon_end(d);
}

static void nobody_is_asked_for_a_service_that_has_its_own(void)
{
	struct fake fake = { .attached = 0 };
	struct daemon *d = daemon_with(&fake, KERNEL_USERSPACE);

	CU_ASSERT(fake.attached == 0 && !d->kernel_host.net);
	daemon_end(d);
	fake.fault = FAULT_PERMISSION;
	d = daemon_with(&fake, KERNEL_OPTIONS);
	CU_ASSERT(fake.attached == 1 && !d->kernel_host.net);
	daemon_end(d);
}

static const struct unit_case cases[] = {
	{ "interfaces are those of the configuration, and go at the end", interfaces_are_those_of_the_configuration },
	{ "nobody is asked for a kernel service that has its own routes", nobody_is_asked_for_a_service_that_has_its_own },
};

int main(void)
{
	return settings_tests("daemon net", cases, COUNT(cases));
}
