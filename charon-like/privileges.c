/* SPDX-License-Identifier: MIT */
/* privileges.c - capabilities through libcap-ng, and the process's limits. */
#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Keys of some thousand SAs; without CAP_IPC_LOCK memory is locked up to this only. */
enum { LOCKED_MEMORY_MAX = 64 << 20 };

void privileges_protect_memory(void)
{
	struct rlimit none = { 0, 0 };

	/* Neither can fail for a reason that we could do something about. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void allow_locked_memory(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur >= LOCKED_MEMORY_MAX))
		return;
	limit.rlim_cur = LOCKED_MEMORY_MAX;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < LOCKED_MEMORY_MAX)
		limit.rlim_max = LOCKED_MEMORY_MAX;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		return;
	/* Not more than the hard limit, then. */
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
}

int privileges_drop(const struct log_context *log)
{
	static const unsigned kept[] = { CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE };
	bool has[COUNT(kept)];
	bool may_bound;

	allow_locked_memory();
	if (capng_get_caps_process() != 0) {
		log_error(log, "cannot tell what capabilities there are: %s", strerror(errno));
		return FAULT_PERMISSION;
	}
	for (size_t i = 0; i < COUNT(kept); i++)
		has[i] = capng_have_capability(CAPNG_EFFECTIVE, kept[i]) == 1;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
	if (!has[0])
		log_line(log, LEVEL_ERROR, "no-capability",
			 "CAP_NET_ADMIN is missing, so IPsec SAs cannot be installed; run as root or grant it (systemd: "
			 "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE)");
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < COUNT(kept); i++)
		if (has[i])
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, kept[i]);
	if (capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) {
		log_line(log, LEVEL_ERROR, "capabilities", "cannot give up capabilities: %s", strerror(errno));
		return FAULT_PERMISSION;
	}
	/* Also not through a program that is run later. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return 0;
}
