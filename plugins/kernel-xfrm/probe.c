/* SPDX-License-Identifier: MIT */
/* probe.c - what this kernel can do, found out with an SA that nothing uses; and what an earlier run left in it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xfrm.h"

/* SPIs for each of the two that may probe at once: who asks, and the thread. */
enum { PROBE_SPI = 0x6b666574, PROBE_SPI_THREAD, PROBE_CPI = 0xeffe, LIST_MAX = 256, LEFTOVERS_MAX = 65536 };
/* For so long it is not asked for again: the kernel looks for a module each time, and many children may want the same. */
enum { LACK_MS = 1000 };

/* ---- what it can ---- */

static int try_sa(struct xfrm *x, struct netlink *n, uint8_t family, struct esp_transform t, size_t encryption_len, size_t integrity_len)
{
	/* Each octet another: 3DES takes no key whose parts are the same. */
	static const uint8_t octets[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	uint32_t spi = n == &x->netlink ? PROBE_SPI : PROBE_SPI_THREAD;
	struct ipsec_sa sa = { .spi = spi, .inbound = true, .transport = true, .replay_window = 64, .transform = t };
	struct nlmsghdr *request;
	int added, deleted;

	sa.local = sa.remote = (struct address){ .family = family };
	sa.local.ip[address_len(family) - 1] = sa.remote.ip[address_len(family) - 1] = 1;
	sa.local.ip[0] = sa.remote.ip[0] = family == AF_INET ? 127 : 0;
	sa.encryption_key = bytes_of(octets, encryption_len);
	sa.integrity_key = bytes_of(octets, integrity_len);
	if (!build_sa(n, XFRM_MSG_NEWSA, &sa, &request))
		return ENOSYS;
	netlink_queue(n, request, &added);
	netlink_queue(n, build_sa_id(n, XFRM_MSG_DELSA, t.is_ah ? IPPROTO_AH : IPPROTO_ESP, spi, &sa.local), &deleted);
	netlink_flush(n);
	/* Of a run that was killed just here. */
	return added && added != EEXIST ? abs(added) : abs(deleted);
}

static int probe(struct xfrm *x, struct netlink *n, uint8_t family, const struct algorithm *cipher, const struct algorithm *auth)
{
	struct esp_transform t = { .id = (uint8_t)cipher->number, .auth = auth ? auth->number : 0, .icv_len = auth ? auth->icv_len : 0 };

	return try_sa(x, n, family, t, cipher->key_len, auth ? auth->key_len : 0);
}

static int probe_ah(struct xfrm *x, uint8_t family, const struct algorithm *auth)
{
	struct esp_transform t = { .is_ah = true, .auth = auth->number, .icv_len = auth->icv_len };

	return try_sa(x, &x->netlink, family, t, 0, auth->key_len);
}

/* A kernel without ESP, or one that does not let us, says so whatever the algorithm; any that works will do. */
static int find_any(struct xfrm *x)
{
	const struct algorithm *cipher, *auth;
	int error = ENOSYS;

	for (size_t i = 0; (cipher = algorithm_at(i)); i++) {
		for (size_t k = 0; cipher->kind != ALGORITHM_AUTH && (auth = algorithm_at(k)); k++) {
			bool is_aead = cipher->kind == ALGORITHM_AEAD;
			if (!is_aead && auth->kind != ALGORITHM_AUTH)
				continue;
			error = probe(x, &x->netlink, AF_INET, cipher, is_aead ? NULL : auth);
			x->cipher = cipher;
			x->auth = is_aead ? NULL : auth;
			if (error != ENOSYS && error != ENOENT)
				return error;
			if (is_aead)
				break;
		}
	}
	return error;
}

int probe_kernel(struct xfrm *x)
{
	int error = find_any(x);

	if (error == EPROTONOSUPPORT)
		return xfrm_decline(x, "the kernel has no ESP", error, "load module esp4, or use a kernel with CONFIG_INET_ESP");
	if (error)
		return xfrm_complain(x, "no-kernel-esp", "kernel-xfrm cannot serve: the kernel refuses to add an SA", error);
	x->has_esp[0] = true;
	error = probe(x, &x->netlink, AF_INET6, x->cipher, x->auth);
	x->has_esp[1] = error == 0;
	if (error)
		log_info(x->host.log, "the kernel has no ESP over IPv6 (%s): load module esp6", strerror(error));
	return 0;
}

static bool is_missing(struct xfrm *x, struct netlink *n, const struct algorithm *a)
{
	/* The sizes of an ICV are not the kernel's to lack. */
	if (a == x->cipher || a == x->auth || (a->kind == ALGORITHM_AEAD && a->icv_len != 16))
		return false;
	if (a->kind == ALGORITHM_AEAD)
		return probe(x, n, AF_INET, a, NULL) != 0;
	/* Where no cipher with an authentication algorithm works, all are. */
	if (!x->auth)
		return true;
	return a->kind == ALGORITHM_CIPHER ? probe(x, n, AF_INET, a, x->auth) != 0 : probe(x, n, AF_INET, x->cipher, a) != 0;
}

void probe_algorithms(struct xfrm *x, struct netlink *n)
{
	char missing[LIST_MAX] = "";
	const struct algorithm *a;

	for (size_t i = 0; (a = algorithm_at(i)) && !atomic_load(&x->stopping); i++) {
		size_t used = strlen(missing);
		if (is_missing(x, n, a))
			snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "", a->words);
	}
	if (missing[0])
		log_info(x->host.log, "the kernel lacks for ESP: %s; who proposes these needs their modules", missing);
}

/* The row that is probed: of an AEAD the one with the whole ICV. */
static size_t row_of(const struct algorithm *a)
{
	size_t i = 0;

	while (algorithm_at(i)->kind != a->kind || strcmp(algorithm_at(i)->name, a->name) != 0)
		i++;
	return i;
}

/* What is there stays known; what is missing may be loaded before it is asked for next. */
static bool lacks(struct xfrm *x, const struct algorithm *a)
{
	size_t row = row_of(a);
	uint64_t bit = UINT64_C(1) << row;

	if (x->now() >= x->lacking_until)
		x->lacking = 0;
	if ((x->working | x->lacking) & bit)
		return (x->lacking & bit) != 0;
	bool is_lacking = is_missing(x, &x->netlink, algorithm_at(row));
	*(is_lacking ? &x->lacking : &x->working) |= bit;
	x->lacking_until = x->now() + LACK_MS;
	return is_lacking;
}

/* In neither family: which one a child will need is not known when it is loaded. */
static bool lacks_ah(struct xfrm *x, const struct algorithm *auth)
{
	if (!x->has_ah && x->now() >= x->no_ah_until) {
		x->has_ah = probe_ah(x, AF_INET, auth) == 0 || probe_ah(x, AF_INET6, auth) == 0;
		x->no_ah_until = x->now() + LACK_MS;
	}
	return !x->has_ah;
}

bool probe_lacks(void *state, const struct esp_transform *t, char why[WHY_MAX])
{
	struct xfrm *x = state;
	const struct algorithm *all[] = { t->is_ah ? NULL : algorithm_find(false, t->id), t->aead ? NULL : algorithm_find(true, t->auth) };
	size_t first = t->is_ah ? 1 : 0, end = t->aead ? 1 : 2;
	bool is_lacking = false;

	pthread_mutex_lock(&x->lock);
	for (size_t i = first; i < end && !is_lacking; i++) {
		is_lacking = !all[i] || lacks(x, all[i]);
		if (is_lacking && all[i])
			snprintf(why, WHY_MAX, "the kernel lacks %s (try `modprobe -a %s%s`)", all[i]->words, all[i]->modules,
				 all[i]->kind == ALGORITHM_AEAD ? " seqiv" : "");
		else if (is_lacking)
			snprintf(why, WHY_MAX, "the kernel interface has no name for its %s", i ? "authentication" : "cipher");
	}
	if (!is_lacking && t->is_ah && (is_lacking = lacks_ah(x, all[1])))
		snprintf(why, WHY_MAX, "the kernel has no AH (try `modprobe -a ah4 ah6`)");
	pthread_mutex_unlock(&x->lock);
	return is_lacking;
}

/* ---- what is left ---- */

/* The kernel is not asked anything while it lists. */
struct leftovers {
	struct xfrm *x;
	struct leftover_sa {
		uint32_t spi, sequence, reqid;
		struct address local, remote;
		uint8_t protocol, mode;
		struct rule_key key;
		int status;                    /* of its removal, as netlink_queue() gives it      */
	} *sas;
	struct leftover_policy { struct rule_key key; uint32_t priority; int status; } *policies;
	size_t sa_count, policy_count, sa_size, policy_size;
	bool is_short;                         /* no memory for all                                */
};

static bool grow(void **at, size_t *size, size_t count, size_t each)
{
	if (count < *size)
		return true;
	size_t larger = *size ? *size * 2 : 64;
	void *grown = larger <= LEFTOVERS_MAX ? realloc(*at, larger * each) : NULL;
	if (!grown)
		return false;
	*at = grown;
	*size = larger;
	return true;
}

/* One that only waits for an answer of IKE is the kernel's own and has no tag. */
static bool is_ours(struct xfrm *x, const struct xfrm_usersa_info *info)
{
	if (info->id.proto != IPPROTO_ESP && info->id.proto != IPPROTO_AH && info->id.proto != IPPROTO_COMP)
		return false;
	if (info->lft.soft_use_expires_seconds == BUILD_TAG)
		return true;
	return info->reqid == REQID_SPI || (info->id.spi == 0 && owner_find(x, info->reqid));
}

static void take_sa(const struct nlmsghdr *message, void *arg)
{
	struct leftovers *l = arg;
	const struct nlattr *all[XFRMA_MAX + 1];
	struct xfrm_usersa_info info;

	if (message->nlmsg_type != XFRM_MSG_NEWSA || mnl_nlmsg_get_payload_len(message) < sizeof(info))
		return;
	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	if (!is_ours(l->x, &info))
		return;
	if (!grow((void **)&l->sas, &l->sa_size, l->sa_count, sizeof(l->sas[0]))) {
		l->is_short = true;
		return;
	}
	l->sas[l->sa_count++] = (struct leftover_sa){
		.spi = ntohl(info.id.spi), .sequence = info.seq, .reqid = info.reqid, .protocol = info.id.proto,
		.mode = info.mode,
		.local = build_host(&info.id.daddr, info.family), .remote = build_host(&info.saddr, info.family),
	};
	netlink_attributes(message, sizeof(info), all, XFRMA_MAX);
	build_key_of(&l->sas[l->sa_count - 1].key, all);
}

static void take_policy(const struct nlmsghdr *message, void *arg)
{
	struct leftovers *l = arg;
	const struct nlattr *all[XFRMA_MAX + 1];
	struct xfrm_userpolicy_info info;

	if (message->nlmsg_type != XFRM_MSG_NEWPOLICY || mnl_nlmsg_get_payload_len(message) < sizeof(info))
		return;
	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	if (info.lft.soft_use_expires_seconds != BUILD_TAG || info.dir >= XFRM_POLICY_MAX)
		return;
	if (!grow((void **)&l->policies, &l->policy_size, l->policy_count, sizeof(l->policies[0]))) {
		l->is_short = true;
		return;
	}
	struct leftover_policy *policy = &l->policies[l->policy_count++];
	memset(policy, 0, sizeof(*policy));
	policy->key.selector = info.sel;
	policy->key.direction = info.dir;
	policy->priority = info.priority;
	netlink_attributes(message, sizeof(info), all, XFRMA_MAX);
	build_key_of(&policy->key, all);
}

static int list(struct leftovers *l, struct xfrm *x)
{
	void *head;

	memset(l, 0, sizeof(*l));
	l->x = x;
	int error = netlink_talk(&x->netlink, netlink_request(&x->netlink, XFRM_MSG_GETSA, NLM_F_DUMP, sizeof(struct xfrm_usersa_info),
							      &head), take_sa, l);
	if (error)
		return error;
	return netlink_talk(&x->netlink, netlink_request(&x->netlink, XFRM_MSG_GETPOLICY, NLM_F_DUMP,
							 sizeof(struct xfrm_userpolicy_id), &head), take_policy, l);
}

static void forget(struct leftovers *l)
{
	free(l->sas);
	free(l->policies);
}

/* One that waits has no SPI, and without one it cannot be deleted: so it gets one first. */
static int name_sa(struct xfrm *x, struct leftover_sa *sa)
{
	struct nlmsghdr *request = build_spi(&x->netlink, sa->protocol, &sa->local, &sa->remote);
	struct xfrm_userspi_info *spi = mnl_nlmsg_get_payload(request);

	spi->info.seq = sa->sequence;
	spi->info.reqid = sa->reqid;
	spi->info.mode = sa->mode;
	sa->spi = sa->protocol == IPPROTO_COMP ? PROBE_CPI : PROBE_SPI;
	spi->min = spi->max = sa->spi;
	build_key(request, &sa->key);
	return netlink_talk(&x->netlink, request, NULL, NULL);
}

static int remove_sas(struct xfrm *x, struct leftovers *l)
{
	int error = 0;

	for (size_t i = 0; i < l->sa_count; i++) {
		struct leftover_sa *sa = &l->sas[i];

		if (!sa->spi) {
			/* All of these get the same: the one before has to go first. */
			netlink_flush(&x->netlink);
			if ((sa->status = name_sa(x, sa)))
				continue;
		}
		struct nlmsghdr *request = build_sa_id(&x->netlink, XFRM_MSG_DELSA, sa->protocol, sa->spi, &sa->local);
		build_key(request, &sa->key);
		netlink_queue(&x->netlink, request, &sa->status);
	}
	netlink_flush(&x->netlink);
	for (size_t i = 0; i < l->sa_count && !error; i++)
		error = abs(l->sas[i].status) == ESRCH ? 0 : abs(l->sas[i].status);
	return error;
}

static int remove_policies(struct xfrm *x, struct leftovers *l)
{
	int error = 0;

	for (size_t i = 0; i < l->policy_count; i++)
		netlink_queue(&x->netlink, build_policy_id(&x->netlink, XFRM_MSG_DELPOLICY, &l->policies[i].key), &l->policies[i].status);
	netlink_flush(&x->netlink);
	for (size_t i = 0; i < l->policy_count && !error; i++) {
		int one = abs(l->policies[i].status);
		error = one == ENOENT || one == ESRCH ? 0 : one;
	}
	return error;
}

int leftovers_adopt(struct xfrm *x)
{
	struct leftovers l;
	int error = list(&l, x), fault = 0;

	if (!error)
		error = remove_sas(x, &l);
	for (size_t i = 0; !error && !fault && i < l.policy_count; i++)
		fault = orphan_add(x, &l.policies[i].key, l.policies[i].priority);
	if (error)
		fault = xfrm_complain(x, "leftovers", "cannot remove what an earlier run left in the kernel", error);
	else if (fault || l.is_short)
		log_error(x->host.log, "no memory to remove what an earlier run left in the kernel");
	if (!fault && (x->host.net || l.sa_count + l.policy_count > 0))
		x->orphans_until = x->now() + ORPHAN_MS;
	if (!fault && l.sa_count + l.policy_count > 0) {
		log_info(x->host.log, "an earlier run left %zu SAs and %zu policies in the kernel: the SAs are removed; the policies "
			 "hold traffic back until those of this run are there", l.sa_count, l.policy_count);
	}
	forget(&l);
	return fault;
}

void leftovers_remove(struct xfrm *x)
{
	struct leftovers l;
	int error = list(&l, x), policies = remove_policies(x, &l), sas = remove_sas(x, &l);

	error = error ? error : policies ? policies : sas;
	if (error)
		xfrm_complain(x, "leftovers", "cannot remove all that was installed in the kernel", error);
	forget(&l);
}
