/* SPDX-License-Identifier: MIT */
/* ops.c - the kernel service of this plugin (kernel.h): how it begins and ends, and what it says about errors. */
#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "timer.h"
#include "xfrm.h"

/* ---- errors ---- */

int xfrm_fault(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return FAULT_PERMISSION;
	case EEXIST:
		return FAULT_EXISTS;
	case ESRCH:
	case ENOENT:
		return FAULT_NOT_FOUND;
	case ENOMEM:
	case ENOBUFS:
		return FAULT_MEMORY;
	case EPROTONOSUPPORT:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case ENOSYS:
	case EAFNOSUPPORT:
		return FAULT_UNSUPPORTED;
	default:
		return FAULT_SYSTEM;
	}
}

/* clang-format off */
static const struct { int error; const char *advice; } advices[] = {
	{ EPERM,           "needs CAP_NET_ADMIN; run as root or grant it (systemd: AmbientCapabilities=CAP_NET_ADMIN)" },
	{ EACCES,          "needs CAP_NET_ADMIN; run as root or grant it (systemd: AmbientCapabilities=CAP_NET_ADMIN)" },
	{ EEXIST,          "another program has installed the same; `ip xfrm state` and `ip xfrm policy` show it" },
	{ ESRCH,           "it is gone: another program, or `ip xfrm ... flush`, has removed it" },
	{ ENOENT,          "it is gone: another program, or `ip xfrm ... flush`, has removed it" },
	{ EPROTONOSUPPORT, "load the modules xfrm_user and esp4 (esp6 for IPv6)" },
	{ ENOPROTOOPT,     "the kernel was built without it (CONFIG_XFRM, CONFIG_INET_ESP, CONFIG_INET6_ESP), or is older than 5.8, which ESP in UDP over IPv6 needs" },
	{ EINVAL,          "the kernel may be too old for what was asked" },
	{ ENOSYS,          "load the algorithm's module" },
	{ ENOBUFS,         "the kernel has no memory left for it" },
	{ ENOMEM,          "the kernel has no memory left for it" },
	{ EKEYREJECTED,    "the kernel is locked down (lockdown=confidentiality) and does not show the keys; the connection has to come up anew" },
	{ E2BIG,           "its ranges make up too many policies; write prefixes" },
	{ EAFNOSUPPORT,    "its two sides are not of one family" },
};
/* clang-format on */

int xfrm_complain(struct xfrm *x, const char *code, const char *what, int error)
{
	const char *said = x->netlink.why, *advice = NULL;

	for (size_t i = 0; i < COUNT(advices) && !advice; i++)
		if (advices[i].error == error)
			advice = advices[i].advice;
	log_at(x->host.log, LEVEL_ERROR, code, "%s: %s%s%s%s%s%s", what, strerror(error), said[0] ? " (the kernel says: " : "", said,
	       said[0] ? ")" : "", advice ? "; " : "", advice ? advice : "");
	x->netlink.why[0] = '\0';
	return xfrm_fault(error);
}

int xfrm_decline(struct xfrm *x, const char *lack, int error, const char *advice)
{
	const char *why = x->netlink.why[0] ? x->netlink.why : strerror(error);
	bool is_fault = x->host.is_named;

	log_at(x->host.log, is_fault ? LEVEL_WARN : LEVEL_INFO, is_fault ? "no-kernel-esp" : NULL, "kernel-xfrm cannot serve: %s (%s): %s",
	       lack, why, advice);
	return FAULT_UNSUPPORTED;
}

/* ---- begin and end ---- */

/* From then on the kernel takes ESP off the socket of the NAT port, and leaves us IKE. */
static void take_encap(struct xfrm *x, uint8_t family)
{
	int fd = x->host.encap_socket(x->host.arg, family), type = UDP_ENCAP_ESPINUDP;

	if (fd < 0)
		return;
	if (setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &type, sizeof(type)) == 0)
		x->has_encap[family_index(family)] = true;
	else
		xfrm_complain(x, "no-udp-encap",
			      family == AF_INET6 ? "the kernel takes no ESP in UDP off the IPv6 socket" :
						   "the kernel takes no ESP in UDP off the IPv4 socket", errno);
}

static void close_all(struct xfrm *x)
{
	events_stop(x);
	larval_restore(x);
	netlink_close(&x->netlink);
	states_forget(x);
	policies_forget(x);
}

static void xfrm_detach(void *state)
{
	struct xfrm *x = state;

	events_stop(x);
	if (x->netlink.socket) {
		pthread_mutex_lock(&x->lock);
		leftovers_remove(x);
		pthread_mutex_unlock(&x->lock);
	}
	close_all(x);
}

static int open_kernel(struct xfrm *x)
{
	int error = netlink_open(&x->netlink, NETLINK_XFRM, 0);

	if (error == EPROTONOSUPPORT)
		return xfrm_decline(x, "the kernel has no XFRM", error, "load module xfrm_user, or use a kernel with CONFIG_XFRM_USER");
	if (error)
		return xfrm_complain(x, "no-kernel-esp", "kernel-xfrm cannot talk to the kernel", error);
	return probe_kernel(x);
}

static int xfrm_attach(void *state, const struct kernel_host *host)
{
	struct xfrm *x = state;

	x->host = *host;
	pthread_mutex_lock(&x->lock);
	int fault = open_kernel(x);
	if (!fault)
		fault = leftovers_adopt(x);
	if (!fault) {
		take_encap(x, AF_INET);
		take_encap(x, AF_INET6);
		fault = events_start(x);
	}
	pthread_mutex_unlock(&x->lock);
	if (fault) {
		close_all(x);
		return fault;
	}
	log_info(host->log, "ESP in the kernel: IPv4%s; policies have priorities from %d on", x->has_esp[1] ? " and IPv6" : "",
		 PRIORITY_NEIGHBOUR);
	return 0;
}

static uint64_t now_of_loops(void)
{
	return clock_system.now(clock_system.arg);
}

int xfrm_new(struct xfrm **out, const struct log_context *log)
{
	struct xfrm *x = calloc(1, sizeof(*x));

	*out = x;
	if (!x)
		return FAULT_MEMORY;
	x->host.log = log;
	x->wake = -1;
	x->now = now_of_loops;
	x->larval_drop = "/proc/sys/net/core/xfrm_larval_drop";
	pthread_mutex_init(&x->lock, NULL);
	return 0;
}

void xfrm_free(struct xfrm *x)
{
	if (!x)
		return;
	close_all(x);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

const struct kernel_ipsec xfrm_ops = {
	.name = "xfrm",
	.features = KERNEL_ESN | KERNEL_UDP_ENCAP | KERNEL_TRANSPORT | KERNEL_SHUNT | KERNEL_AH | KERNEL_IPCOMP |
		    KERNEL_OPTIONS,
	.attach = xfrm_attach,
	.detach = xfrm_detach,
	.spi = state_spi,
	.sa_add = state_add,
	.sa_move = state_move,
	.sa_usage = state_usage,
	.sa_delete = state_delete,
	.policy_add = policy_add,
	.policy_delete = policy_delete,
	.lacks = probe_lacks,
};
