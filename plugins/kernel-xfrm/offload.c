/* SPDX-License-Identifier: MIT */
/* offload.c - SAs and policies whose work a network device does: which device, whether it does, why not. */
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>

#include "xfrm.h"

/* That of a local address; 0: none. */
static int device_of(const struct address *local)
{
	struct ifaddrs *all = NULL;
	int index = 0;

	if (getifaddrs(&all))
		return 0;
	for (const struct ifaddrs *i = all; i && !index; i = i->ifa_next) {
		struct address own;

		if (i->ifa_addr && address_from_socket(&own, i->ifa_addr) == 0 && address_same_host(&own, local))
			index = (int)if_nametoindex(i->ifa_name);
	}
	freeifaddrs(all);
	return index;
}

struct offload offload_of(const struct ipsec_sa *sa)
{
	enum ipsec_offload offload = sa->options.offload;

	return (struct offload){ offload == OFFLOAD_NO ? 0 : device_of(&sa->local), offload == OFFLOAD_PACKET };
}

/* Only who does whole packets needs the policies too; forwarded ones it never sees. */
void offload_policy(struct nlmsghdr *request, const struct ipsec_policy *policy, uint32_t direction)
{
	if (policy->options.offload != OFFLOAD_PACKET || direction == XFRM_POLICY_FWD || !policy->local.family)
		return;
	struct offload offload = { device_of(&policy->local), true };
	build_offload(request, &offload, direction == XFRM_POLICY_IN, policy->local.family);
}

static void look(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *all[XFRMA_MAX + 1];

	if (message->nlmsg_type != XFRM_MSG_NEWSA)
		return;
	netlink_attributes(message, sizeof(struct xfrm_usersa_info), all, XFRMA_MAX);
	*(bool *)arg = all[XFRMA_OFFLOAD_DEV] != NULL;
}

static uint8_t protocol_of(const struct ipsec_sa *sa)
{
	return sa->transform.is_ah ? IPPROTO_AH : IPPROTO_ESP;
}

static const struct address *destination_of(const struct ipsec_sa *sa)
{
	return sa->inbound ? &sa->local : &sa->remote;
}

/* Does a device do what was asked for the SA, which is installed? */
static bool is_used(struct xfrm *x, const struct ipsec_sa *sa)
{
	struct nlmsghdr *request = build_sa_id(&x->netlink, XFRM_MSG_GETSA, protocol_of(sa), sa->spi, destination_of(sa));
	bool found = false;

	return !netlink_talk(&x->netlink, request, look, &found) && found;
}

static bool build_offloaded(struct netlink *n, uint16_t type, const struct ipsec_sa *sa, struct nlmsghdr **out)
{
	struct offload offload = offload_of(sa);

	if (!build_sa(n, type, sa, out))
		return false;
	build_offload(*out, &offload, sa->inbound, sa->local.family);
	return true;
}

int offload_install(struct xfrm *x, const struct ipsec_sa *sa)
{
	int error = offload_of(sa).index ? state_install(x, sa, build_offloaded) : ENODEV;

	if (error && sa->options.offload == OFFLOAD_AUTO) {
		log_debug(x->host.log, "the SA %08" PRIx32 " is not offloaded: %s", sa->spi, x->netlink.why[0] ? x->netlink.why : strerror(error));
		return state_install(x, sa, build_sa);
	}
	/* What a device knows nothing of the kernel does itself, and says so only to who asks. */
	if (!error && sa->options.offload == OFFLOAD_CRYPTO && !is_used(x, sa)) {
		(void)netlink_talk(&x->netlink, build_sa_id(&x->netlink, XFRM_MSG_DELSA, protocol_of(sa), sa->spi, destination_of(sa)), NULL, NULL);
		error = EOPNOTSUPP;
	}
	return error;
}

int offload_complain(struct xfrm *x, const struct ipsec_sa *sa, int error)
{
	char local[ADDRESS_TEXT_MAX], device[IF_NAMESIZE] = "";
	const char *why = x->netlink.why[0] ? x->netlink.why : strerror(error);
	int index = device_of(&sa->local);

	if (index)
		(void)!if_indextoname((unsigned)index, device);
	log_at(x->host.log, LEVEL_ERROR, "sa-install",
	       "cannot install the %s SA %08" PRIx32 " with offload=\"%s\" on the device %s of %s: %s; write offload=\"auto\", or \"no\"",
	       sa->inbound ? "inbound" : "outbound", sa->spi, sa->options.offload == OFFLOAD_PACKET ? "packet" : "crypto",
	       device[0] ? device : "(none)", address_host_text(local, &sa->local), why);
	x->netlink.why[0] = '\0';
	return xfrm_fault(error);
}
