/* SPDX-License-Identifier: MIT */
/*
 * comp.c - IPComp: beside the SA of ESP or AH one with the CPI in the place of the SPI. Whether the kernel has it is found out when
 * somebody needs it for the first time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xfrm.h"

enum { PROBE_CPI = 63, WHAT_MAX = 160 };       /* RFC 3173 3.3: a number of no algorithm, which nobody is given */

/* In tunnel mode, which needs one module more. */
static int probe(struct netlink *n, uint8_t family)
{
	struct ipsec_sa sa = { .inbound = true, .cpi = PROBE_CPI };
	struct nlmsghdr *request;

	sa.local = sa.remote = (struct address){ .family = family };
	sa.local.ip[address_len(family) - 1] = sa.remote.ip[address_len(family) - 1] = 1;
	sa.local.ip[0] = sa.remote.ip[0] = family == AF_INET ? 127 : 0;
	if (!build_comp(n, XFRM_MSG_NEWSA, &sa, &request))
		return ENOSYS;
	int added, deleted;
	netlink_queue(n, request, &added);
	netlink_queue(n, build_sa_id(n, XFRM_MSG_DELSA, IPPROTO_COMP, PROBE_CPI, &sa.local), &deleted);
	netlink_flush(n);
	/* Of a run that was killed just here. */
	return added && added != EEXIST ? abs(added) : abs(deleted);
}

bool comp_is_there(struct xfrm *x, uint8_t family)
{
	enum comp_state *state = &x->comp[family_index(family)];

	if (*state != COMP_UNKNOWN)
		return *state == COMP_THERE;
	int error = probe(&x->netlink, family);
	*state = error ? COMP_MISSING : COMP_THERE;
	if (error)
		log_at(x->host.log, LEVEL_WARN, "no-ipcomp", "the kernel has no IPComp over %s (%s), so children go without compression; "
		       "load the modules %s and deflate, then start keyferryd again", family == AF_INET6 ? "IPv6" : "IPv4", strerror(error),
		       family == AF_INET6 ? "ipcomp6, xfrm6_tunnel" : "ipcomp, xfrm4_tunnel");
	return !error;
}

/* Another outbound SA with the same peer and CPI. */
static const struct entry *find_rival(const struct xfrm *x, const struct ipsec_sa *sa)
{
	const struct entry *e = x->entries;

	while (e && (e->key.inbound || e->key.spi == sa->spi || e->cpi != sa->cpi || !address_same_host(&e->remote, &sa->remote)))
		e = e->hh.next;
	return e;
}

int comp_add(struct xfrm *x, const struct ipsec_sa *sa)
{
	char what[WHAT_MAX];
	int error = sa->cpi ? state_install(x, sa, build_comp) : 0;
	const struct entry *rival = error == EEXIST && !sa->inbound ? find_rival(x, sa) : NULL;

	if (!error)
		return 0;
	/* RFC 3173 3.3: of numbers below 64 each is an algorithm's, whoever uses it. The kernel tells SAs of IPComp by it as by an SPI. */
	if (rival) {
		log_at(x->host.log, LEVEL_ERROR, "sa-install", "cannot install IPComp with CPI %u beside the SA %08" PRIx32 ": the peer has given the "
		       "same CPI to the child of the SA %08" PRIx32 ", and the kernel has room for one; write compress=\"no\" for one of the two",
		       sa->cpi, sa->spi, rival->key.spi);
		return FAULT_EXISTS;
	}
	snprintf(what, sizeof(what), "cannot install IPComp with CPI %u", sa->cpi);
	return xfrm_complain(x, "sa-install", what, error);
}

void comp_deleted(struct xfrm *x, uint16_t cpi, int status)
{
	char what[WHAT_MAX];

	if (!status || abs(status) == ESRCH)
		return;
	snprintf(what, sizeof(what), "cannot delete IPComp with CPI %u", cpi);
	xfrm_complain(x, "sa-delete", what, abs(status));
}

void comp_delete(struct xfrm *x, uint16_t cpi, const struct address *destination)
{
	if (cpi)
		comp_deleted(x, cpi, netlink_talk(&x->netlink, build_sa_id(&x->netlink, XFRM_MSG_DELSA, IPPROTO_COMP, cpi, destination), NULL,
						  NULL));
}
