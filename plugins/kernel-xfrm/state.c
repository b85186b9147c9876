/* SPDX-License-Identifier: MIT */
/* state.c - SAs: reserved, added, moved, asked for their use, deleted. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "names.h"
#include "secret.h"
#include "xfrm.h"

enum { SPI_MIN = 256, WHAT_MAX = 160 };

static uint8_t ip_protocol(uint8_t protocol)
{
	return protocol == PROTO_AH ? IPPROTO_AH : protocol == PROTO_IPCOMP ? IPPROTO_COMP : IPPROTO_ESP;
}

/* ---- what is installed ---- */

static struct entry_key key_of(uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote, bool udp_encap)
{
	struct entry_key key;

	memset(&key, 0, sizeof(key));
	key.spi = spi;
	key.protocol = protocol;
	key.inbound = inbound;
	if (inbound)
		return key;
	key.family = remote->family;
	key.port = udp_encap ? remote->port : 0;
	memcpy(key.ip, remote->ip, sizeof(key.ip));
	return key;
}

static struct entry *find_key(struct xfrm *x, const struct entry_key *key)
{
	struct entry *e;

	HASH_FIND(hh, x->entries, key, sizeof(*key), e);
	return e;
}

struct entry *entry_find(struct xfrm *x, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote)
{
	struct entry_key in_udp = key_of(protocol, spi, inbound, remote, true), plain = key_of(protocol, spi, inbound, remote, false);
	struct entry *e = find_key(x, &in_udp);

	return e ? e : find_key(x, &plain);
}

const struct address *entry_destination(const struct entry *e)
{
	return e->key.inbound ? &e->local : &e->remote;
}

/* One destination and SPI is one SA for the kernel, whatever the ports. */
struct entry *entry_by_destination(struct xfrm *x, uint8_t protocol, uint32_t spi, const struct address *destination)
{
	struct entry *e = entry_find(x, protocol, spi, true, destination);

	if (e && address_same_host(&e->local, destination))
		return e;
	e = entry_find(x, protocol, spi, false, destination);
	if (e)
		return e;
	for (e = x->entries; e; e = e->hh.next)
		if (e->key.spi == spi && e->key.protocol == protocol && !e->key.inbound && address_same_host(&e->remote, destination))
			return e;
	return NULL;
}

static int link_entry(struct xfrm *x, struct entry *e)
{
	HASH_ADD(hh, x->entries, key, sizeof(e->key), e);
	return e->hh.tbl ? 0 : FAULT_MEMORY;
}

void states_forget(struct xfrm *x)
{
	struct entry *e, *next;

	HASH_ITER(hh, x->entries, e, next) {
		HASH_DELETE(hh, x->entries, e);
		free(e);
	}
}

/* ---- SPIs ---- */

static void take_spi(const struct nlmsghdr *message, void *arg)
{
	struct xfrm_usersa_info info;

	if (message->nlmsg_type != XFRM_MSG_NEWSA || mnl_nlmsg_get_payload_len(message) < sizeof(info))
		return;
	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	*(uint32_t *)arg = ntohl(info.id.spi);
}

/* The kernel keeps it for net.core.xfrm_acq_expires seconds; if IKE takes longer than that it is added like any other. */
int state_spi(void *state, uint8_t protocol, const struct address *local, const struct address *remote, uint32_t *out)
{
	struct xfrm *x = state;
	uint32_t spi = 0;
	int fault = FAULT_UNSUPPORTED;

	pthread_mutex_lock(&x->lock);
	if (protocol != PROTO_IPCOMP || comp_is_there(x, local->family)) {
		int error = netlink_talk(&x->netlink, build_spi(&x->netlink, ip_protocol(protocol), local, remote), take_spi, &spi);
		if (!error && spi < SPI_MIN)
			error = EBADMSG;
		fault = error ? xfrm_complain(x, "sa-install", "cannot reserve an SPI", error) : 0;
	}
	pthread_mutex_unlock(&x->lock);
	*out = spi;
	return fault;
}

/* ---- adding ---- */

static const char *direction(bool inbound)
{
	return inbound ? "inbound" : "outbound";
}

static int refuse(struct xfrm *x, const struct ipsec_sa *sa, int fault, const char *why)
{
	log_at(x->host.log, LEVEL_ERROR, "sa-install", "cannot install the %s SA %08" PRIx32 ": %s", direction(sa->inbound), sa->spi, why);
	return fault;
}

/* AH is not looked for before somebody needs it. */
static int complain_of_ah(struct xfrm *x, const struct ipsec_sa *sa, int error)
{
	const struct algorithm *auth = algorithm_find(true, sa->transform.auth);
	bool is_ipv6 = sa->remote.family == AF_INET6;
	char why[2 * WHAT_MAX];

	if (error == EPROTONOSUPPORT)
		snprintf(why, sizeof(why), "the kernel has no AH over %s: load module %s, or use ESP", is_ipv6 ? "IPv6" : "IPv4",
			 is_ipv6 ? "ah6" : "ah4");
	else
		snprintf(why, sizeof(why), "the kernel lacks %s: load its modules (modprobe -a %s), or propose another algorithm", auth->words,
			 auth->modules);
	return refuse(x, sa, FAULT_UNSUPPORTED, why);
}

/* Names what the kernel may lack. */
static int complain(struct xfrm *x, const struct ipsec_sa *sa, int error)
{
	const struct algorithm *cipher = algorithm_find(false, sa->transform.id), *auth = algorithm_find(true, sa->transform.auth);
	char what[WHAT_MAX], why[2 * WHAT_MAX];

	if (sa->transform.is_ah && (error == EPROTONOSUPPORT || error == ENOSYS || error == ENOENT))
		return complain_of_ah(x, sa, error);
	if (sa->options.offload != OFFLOAD_NO && (error == EOPNOTSUPP || error == EINVAL || error == ENODEV))
		return offload_complain(x, sa, error);
	if (error != ENOSYS && error != ENOENT) {
		snprintf(what, sizeof(what), "cannot install the %s SA %08" PRIx32, direction(sa->inbound), sa->spi);
		return xfrm_complain(x, "sa-install", what, error);
	}
	snprintf(why, sizeof(why), "the kernel lacks %s%s%s%s: load its modules (modprobe -a %s%s%s%s), or propose another algorithm",
		 cipher->words, auth ? " or " : "", auth ? auth->words : "", sa->transform.esn ? " or their use with esn" : "",
		 cipher->modules, auth ? " " : "", auth ? auth->modules : "",
		 cipher->kind == ALGORITHM_AEAD ? " seqiv" : sa->transform.esn ? " authencesn echainiv" : " authenc echainiv");
	return refuse(x, sa, FAULT_UNSUPPORTED, why);
}

static const char *not_possible(const struct xfrm *x, const struct ipsec_sa *sa)
{
	if (sa->spi < SPI_MIN || address_len(sa->remote.family) == 0 || sa->local.family != sa->remote.family)
		return "its SPI or addresses are not valid";
	if (sa->transform.is_ah)
		return sa->udp_encap ? "AH has no form in UDP" : NULL;
	if (!x->has_esp[family_index(sa->remote.family)])
		return sa->remote.family == AF_INET6 ? "the kernel has no ESP over IPv6: load module esp6"
						     : "the kernel has no ESP over IPv4: load module esp4";
	if (sa->udp_encap && !x->has_encap[family_index(sa->remote.family)])
		return "the kernel takes no ESP in UDP off our socket, see above";
	return NULL;
}

/* The inbound one was reserved with its SPI, unless that was too long ago. */
int state_install(struct xfrm *x, const struct ipsec_sa *sa, sa_builder *build)
{
	struct nlmsghdr *request;
	int error = ESRCH;

	if (sa->inbound) {
		if (!build(&x->netlink, XFRM_MSG_UPDSA, sa, &request))
			return ENOSYS;
		error = netlink_talk(&x->netlink, request, NULL, NULL);
	}
	if (error != ESRCH)
		return error;
	if (!build(&x->netlink, XFRM_MSG_NEWSA, sa, &request))
		return ENOSYS;
	return netlink_talk(&x->netlink, request, NULL, NULL);
}

/* IPComp first: what finds the other one is not to miss it. */
static int install(struct xfrm *x, const struct ipsec_sa *sa)
{
	int fault = comp_add(x, sa);

	if (fault)
		return fault;
	int error = sa->options.offload == OFFLOAD_NO ? state_install(x, sa, build_sa) : offload_install(x, sa);
	if (!error)
		return 0;
	comp_delete(x, sa->cpi, sa->inbound ? &sa->local : &sa->remote);
	return complain(x, sa, error);
}

static int add(struct xfrm *x, const struct ipsec_sa *sa)
{
	struct entry *e = calloc(1, sizeof(*e));
	int fault = e ? 0 : FAULT_MEMORY;

	if (!fault) {
		e->key = key_of(sa->transform.is_ah ? IPPROTO_AH : IPPROTO_ESP, sa->spi, sa->inbound, &sa->remote, sa->udp_encap);
		e->local = sa->local;
		e->remote = sa->remote;
		e->child = sa->child;
		e->udp_encap = sa->udp_encap;
		e->cpi = sa->cpi;
		e->looked_at = x->now();
		fault = find_key(x, &e->key) ? FAULT_EXISTS : link_entry(x, e);
		if (fault)
			free(e);
	}
	if (!fault && !sa->inbound && (fault = policy_hold(x, sa->child))) {
		HASH_DELETE(hh, x->entries, e);
		free(e);
	}
	if (fault)
		return refuse(x, sa, fault, fault == FAULT_EXISTS ? "there is one already" : "no memory");
	fault = install(x, sa);
	if (!fault && !sa->inbound)
		policy_wake(x, sa->child);
	if (!fault)
		return 0;
	if (!sa->inbound)
		policy_release(x, sa->child);
	HASH_DELETE(hh, x->entries, e);
	free(e);
	return fault;
}

int state_add(void *state, const struct ipsec_sa *sa)
{
	struct xfrm *x = state;

	pthread_mutex_lock(&x->lock);
	bool is_known = sa->transform.is_ah ? algorithm_find(true, sa->transform.auth) : algorithm_find(false, sa->transform.id);
	const char *why = is_known ? not_possible(x, sa) : "the kernel interface has no name for its algorithm";
	int fault = why ? refuse(x, sa, FAULT_UNSUPPORTED, why) : add(x, sa);
	pthread_mutex_unlock(&x->lock);
	return fault;
}

/* ---- reading one ---- */

/* What GETSA answered, with keys: to be wiped. */
struct answer {
	_Alignas(uint64_t) uint8_t octets[NETLINK_REQUEST];
	bool is_there;
};

static void keep_answer(const struct nlmsghdr *message, void *arg)
{
	struct answer *answer = arg;

	if (message->nlmsg_type != XFRM_MSG_NEWSA || message->nlmsg_len > sizeof(answer->octets) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct xfrm_usersa_info))
		return;
	memcpy(answer->octets, message, message->nlmsg_len);
	answer->is_there = true;
}

/* One of the SAs of an entry, as the kernel tells them apart. */
struct part {
	uint8_t protocol;
	uint32_t spi;
};

static struct part part_of(const struct entry *e)
{
	return (struct part){ e->key.protocol, e->key.spi };
}

static int read_sa(struct xfrm *x, const struct entry *e, struct part part, struct answer *answer)
{
	struct nlmsghdr *request = build_sa_id(&x->netlink, XFRM_MSG_GETSA, part.protocol, part.spi, entry_destination(e));

	answer->is_there = false;
	int error = netlink_talk(&x->netlink, request, keep_answer, answer);
	return error ? error : answer->is_there ? 0 : EBADMSG;
}

static void queue_delete(struct xfrm *x, uint8_t protocol, uint32_t spi, const struct address *destination, int *status)
{
	netlink_queue(&x->netlink, build_sa_id(&x->netlink, XFRM_MSG_DELSA, protocol, spi, destination), status);
}

/* ---- moving ---- */

static int put_back(struct xfrm *x, const struct entry *e, const struct answer *answer, const struct address *local,
		    const struct address *remote, bool in_place)
{
	struct nlmsghdr *request;

	if (!build_moved(&x->netlink, in_place ? XFRM_MSG_UPDSA : XFRM_MSG_NEWSA, (const void *)answer->octets, e->key.inbound, local,
			 remote, &request))
		return EKEYREJECTED;
	return netlink_talk(&x->netlink, request, NULL, NULL);
}

/*
 * In one message, between whose parts the kernel does nothing else of this kind: packets find no SA for as short as can be. It must go before
 * it comes back: an outbound one would use its numbers twice, and an inbound one has the same SPI and destination, when only the peer moved.
 * XFRM_MSG_MIGRATE is not for that: it tells SAs by addresses, mode and reqid without the SPI, so of a child that is being renewed it takes
 * whichever it finds first; and it is left out of many kernels.
 */
static int delete_and_add(struct xfrm *x, const struct entry *e, struct part part, const struct answer *answer, const struct address *local,
			  const struct address *remote)
{
	int gone = 0, back = 0;
	struct nlmsghdr *request;

	/* Keys that are not shown cannot be put back. */
	if (!build_moved(&x->netlink, XFRM_MSG_NEWSA, (const void *)answer->octets, e->key.inbound, local, remote, &request))
		return EKEYREJECTED;
	queue_delete(x, part.protocol, part.spi, entry_destination(e), &gone);
	if (build_moved(&x->netlink, XFRM_MSG_NEWSA, (const void *)answer->octets, e->key.inbound, local, remote, &request))
		netlink_queue(&x->netlink, request, &back);
	netlink_flush(&x->netlink);
	/* Used up meanwhile. */
	if (gone && !back) {
		queue_delete(x, part.protocol, part.spi, e->key.inbound ? local : remote, NULL);
		netlink_flush(&x->netlink);
	} else if (!gone && back) {
		(void)put_back(x, e, answer, &e->local, &e->remote, false);
	}
	return gone ? abs(gone) : abs(back);
}

/* The kernel changes the ports of an SA in place, but nothing else of where it is. */
static int move_part(struct xfrm *x, const struct entry *e, struct part part, const struct address *local, const struct address *remote)
{
	bool in_place = address_same_host(&e->local, local) && address_same_host(&e->remote, remote);
	struct answer answer;
	int error = read_sa(x, e, part, &answer);

	if (!error && in_place)
		error = put_back(x, e, &answer, local, remote, true);
	else if (!error)
		error = delete_and_add(x, e, part, &answer, local, remote);
	wipe(&answer, sizeof(answer));
	return error;
}

/* IPComp has no ports. */
static int move(struct xfrm *x, const struct entry *e, const struct address *local, const struct address *remote)
{
	int error = move_part(x, e, part_of(e), local, remote);

	if (error || !e->cpi || (address_same_host(&e->local, local) && address_same_host(&e->remote, remote)))
		return error;
	return move_part(x, e, (struct part){ IPPROTO_COMP, e->cpi }, local, remote);
}

static int move_entry(struct xfrm *x, struct entry *e, const struct address *local, const struct address *remote)
{
	struct entry_key key = key_of(e->key.protocol, e->key.spi, e->key.inbound, remote, e->udp_encap);
	struct entry *there = find_key(x, &key);
	char what[WHAT_MAX];

	if (there && there != e) {
		log_at(x->host.log, LEVEL_ERROR, "sa-install", "cannot move the SA %08" PRIx32 ": there is one already", e->key.spi);
		return FAULT_EXISTS;
	}
	if (!e->key.inbound)
		policy_follow(x, e->child, local, remote);
	int error = move(x, e, local, remote);
	if (error) {
		snprintf(what, sizeof(what), "cannot move the %s SA %08" PRIx32, direction(e->key.inbound), e->key.spi);
		int fault = xfrm_complain(x, "sa-install", what, error);
		if (!e->key.inbound)
			policy_follow(x, e->child, &e->local, &e->remote);
		return fault;
	}
	HASH_DELETE(hh, x->entries, e);
	e->key = key;
	e->local = *local;
	e->remote = *remote;
	e->moved_at = 0;
	if (link_entry(x, e) == 0)
		return 0;
	log_error(x->host.log, "no memory to move the SA %08" PRIx32, e->key.spi);
	free(e);
	return FAULT_MEMORY;
}

int state_move(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *from, const struct address *local,
	       const struct address *remote)
{
	struct xfrm *x = state;

	pthread_mutex_lock(&x->lock);
	struct entry *e = entry_find(x, ip_protocol(protocol), spi, inbound, from);
	int fault = e ? move_entry(x, e, local, remote) : FAULT_NOT_FOUND;
	pthread_mutex_unlock(&x->lock);
	if (!e)
		log_at(x->host.log, LEVEL_ERROR, "sa-install", "cannot move the SA %08" PRIx32 ": there is none", spi);
	return fault;
}

/* ---- its use ---- */

/*
 * Kernels since 6.2 say in which second it was used; with others all that is known is whether it was since the last look. Then what came in
 * is taken to be new, so that a peer who sends is not asked whether it is there, and what went out to be old, so that a NAT hears of us.
 */
static void note_use(struct entry *e, const struct xfrm_usersa_info *info, const struct nlattr *last_used, uint64_t now)
{
	uint64_t used = e->last_used;
	struct timespec day;

	clock_gettime(CLOCK_REALTIME, &day);
	if (last_used && mnl_attr_get_payload_len(last_used) >= sizeof(uint64_t)) {
		uint64_t second, ago;
		memcpy(&second, mnl_attr_get_payload(last_used), sizeof(second));
		ago = (uint64_t)day.tv_sec > second ? ((uint64_t)day.tv_sec - second) * 1000 : 0;
		used = second && ago < now ? now - ago : used;
	} else if (info->curlft.packets != e->packets) {
		used = e->key.inbound ? now : e->looked_at;
	}
	e->last_used = info->curlft.packets && used > e->last_used ? used : e->last_used;
	e->packets = info->curlft.packets;
	e->looked_at = now;
}

static int usage_of(struct xfrm *x, struct entry *e, struct ipsec_usage *out)
{
	const struct nlattr *all[XFRMA_MAX + 1];
	const struct xfrm_usersa_info *info;
	struct answer answer;
	int error = read_sa(x, e, part_of(e), &answer);

	if (!error) {
		info = mnl_nlmsg_get_payload((const void *)answer.octets);
		netlink_attributes((const void *)answer.octets, sizeof(*info), all, XFRMA_MAX);
		note_use(e, info, all[XFRMA_LASTUSED], x->now());
		*out = (struct ipsec_usage){
			.bytes = info->curlft.bytes, .packets = info->curlft.packets,
			.replayed = info->stats.replay + info->stats.replay_window, .bad_icv = info->stats.integrity_failed,
			.last_used = e->last_used,
		};
	}
	wipe(&answer, sizeof(answer));
	return error;
}

int state_usage(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote, struct ipsec_usage *out)
{
	struct xfrm *x = state;

	pthread_mutex_lock(&x->lock);
	struct entry *e = entry_find(x, ip_protocol(protocol), spi, inbound, remote);
	int error = e ? usage_of(x, e, out) : ESRCH;
	pthread_mutex_unlock(&x->lock);
	if (error)
		log_debug(x->host.log, "cannot tell the use of the SA %08" PRIx32 ": %s", spi, strerror(error));
	return error ? xfrm_fault(error) : 0;
}

/* ---- deleting ---- */

int state_delete(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote)
{
	struct xfrm *x = state;
	int fault = FAULT_NOT_FOUND;
	char what[WHAT_MAX];

	pthread_mutex_lock(&x->lock);
	struct entry *e = entry_find(x, ip_protocol(protocol), spi, inbound, remote);
	if (e) {
		int sa = 0, comp = 0;

		queue_delete(x, e->key.protocol, spi, entry_destination(e), &sa);
		if (e->cpi)
			queue_delete(x, IPPROTO_COMP, e->cpi, entry_destination(e), &comp);
		netlink_flush(&x->netlink);
		/* The kernel itself deletes what is used up. */
		snprintf(what, sizeof(what), "cannot delete the %s SA %08" PRIx32, direction(inbound), spi);
		fault = sa && abs(sa) != ESRCH ? xfrm_complain(x, "sa-delete", what, abs(sa)) : 0;
		comp_deleted(x, e->cpi, comp);
		HASH_DELETE(hh, x->entries, e);
		if (!inbound)
			policy_release(x, e->child);
		free(e);
	}
	pthread_mutex_unlock(&x->lock);
	if (!e)
		log_debug(x->host.log, "there is no SA %08" PRIx32 " to delete", spi);
	return fault;
}
