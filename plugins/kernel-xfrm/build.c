/* SPDX-License-Identifier: MIT */
/* build.c - see build.h. */
#include "build.h"

#include <linux/udp.h>

#include "secret.h"

/* Without extended sequence numbers an SA ends when they do. The kernel itself says nothing then and drops what is sent. */
#define SEQUENCE_SOFT 0xf0000000ULL
enum { ALGORITHM_KEY_MAX = 64, MOVED_PORTS_SECONDS = 1 };

xfrm_address_t build_address(const struct address *a)
{
	xfrm_address_t out = { .a6 = { 0 } };

	memcpy(&out, a->ip, address_len(a->family));
	return out;
}

struct address build_host(const xfrm_address_t *from, uint16_t family)
{
	struct address out = { .family = (uint8_t)family };

	memcpy(out.ip, from, address_len(out.family));
	return out;
}

/* ---- selectors ---- */

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* For ICMP the kernel has the type where the source port is, and the code where the other is, in both directions. */
static void put_ports(struct xfrm_selector *s, uint16_t from, uint16_t to)
{
	if (is_icmp(s->proto)) {
		uint16_t both = from ? from : to;
		from = both >> 8;
		to = both & 0xff;
		s->sport_mask = s->dport_mask = both ? 0xffff : 0;
	} else {
		s->sport_mask = from ? 0xffff : 0;
		s->dport_mask = to ? 0xffff : 0;
	}
	s->sport = htons(from);
	s->dport = htons(to);
}

struct xfrm_selector build_selector(const struct prefix *from, const struct prefix *to, const struct selector *from_ts,
				    const struct selector *to_ts)
{
	struct xfrm_selector s;

	memset(&s, 0, sizeof(s));
	s.family = from->family;
	s.prefixlen_s = from->bits;
	s.prefixlen_d = to->bits;
	memcpy(&s.saddr, from->ip, address_len(from->family));
	memcpy(&s.daddr, to->ip, address_len(to->family));
	s.proto = from_ts->protocol ? from_ts->protocol : to_ts->protocol;
	put_ports(&s, from_ts->port, to_ts->port);
	return s;
}

uint32_t build_priority(const struct prefix *remote, const struct prefix *local, const struct selector *remote_ts,
			const struct selector *local_ts, bool is_shunt)
{
	uint32_t rank = (uint32_t)(remote_ts->port != 0) + (local_ts->port != 0) + (remote_ts->protocol || local_ts->protocol);

	return PRIORITY_FIRST + (((128u - remote->bits) * 129 + (128u - local->bits)) * 4 + (3 - rank)) * 2 + !is_shunt;
}

/* ---- SAs ---- */

static void put_algorithm(struct nlmsghdr *request, const struct algorithm *algorithm, struct bytes key, size_t icv_len)
{
	union {
		struct xfrm_algo cipher;
		struct xfrm_algo_aead aead;
		struct xfrm_algo_auth auth;
		uint8_t octets[sizeof(struct xfrm_algo_auth) + ALGORITHM_KEY_MAX];
	} u;
	uint8_t *at = (uint8_t *)u.cipher.alg_key;
	uint16_t type = XFRMA_ALG_CRYPT;

	memset(&u, 0, sizeof(u));
	memcpy(u.cipher.alg_name, algorithm->name, strlen(algorithm->name));
	u.cipher.alg_key_len = (unsigned)key.len * 8;
	if (algorithm->kind == ALGORITHM_AEAD) {
		type = XFRMA_ALG_AEAD;
		u.aead.alg_icv_len = (unsigned)icv_len * 8;
		at = (uint8_t *)u.aead.alg_key;
	} else if (algorithm->kind == ALGORITHM_AUTH) {
		type = XFRMA_ALG_AUTH_TRUNC;
		u.auth.alg_trunc_len = (unsigned)icv_len * 8;
		at = (uint8_t *)u.auth.alg_key;
	}
	if (key.len)
		memcpy(at, key.at, key.len);
	mnl_attr_put(request, type, (size_t)(at - u.octets) + key.len, &u);
	wipe(&u, sizeof(u));
}

static bool put_algorithms(struct nlmsghdr *request, const struct ipsec_sa *sa)
{
	const struct algorithm *cipher = algorithm_find(false, sa->transform.id);
	const struct algorithm *auth = algorithm_find(true, sa->transform.auth);

	if (sa->transform.is_ah && auth && sa->integrity_key.len <= ALGORITHM_KEY_MAX) {
		put_algorithm(request, auth, sa->integrity_key, sa->transform.icv_len);
		return true;
	}
	if (!cipher || sa->transform.is_ah || sa->encryption_key.len > ALGORITHM_KEY_MAX || sa->integrity_key.len > ALGORITHM_KEY_MAX)
		return false;
	if (cipher->kind == ALGORITHM_AEAD) {
		put_algorithm(request, cipher, sa->encryption_key, cipher->icv_len);
		return true;
	}
	if (!auth)
		return false;
	put_algorithm(request, cipher, sa->encryption_key, 0);
	put_algorithm(request, auth, sa->integrity_key, sa->transform.icv_len);
	return true;
}

static uint64_t limit(uint64_t given)
{
	return given ? given : XFRM_INF;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct xfrm_lifetime_cfg no_limits(void)
{
	return (struct xfrm_lifetime_cfg){
		.soft_byte_limit = XFRM_INF, .hard_byte_limit = XFRM_INF, .soft_packet_limit = XFRM_INF, .hard_packet_limit = XFRM_INF,
		.soft_use_expires_seconds = BUILD_TAG,
	};
}

static void put_limits(struct xfrm_lifetime_cfg *lft, const struct ipsec_sa *sa)
{
	const struct ipsec_limits *limits = &sa->limits;

	*lft = no_limits();
	lft->soft_byte_limit = limit(limits->soft_bytes);
	lft->hard_byte_limit = limit(limits->hard_bytes);
	lft->soft_packet_limit = limit(limits->soft_packets);
	lft->hard_packet_limit = limit(limits->hard_packets);
	/* The numbers that an inbound SA receives are its peer's to watch. */
	if (!sa->inbound && !sa->transform.esn) {
		lft->soft_packet_limit = least(lft->soft_packet_limit, SEQUENCE_SOFT);
		lft->hard_packet_limit = least(lft->hard_packet_limit, UINT32_MAX);
	}
}

/* Windows of more than 32 packets, and extended numbers, need this form. */
static void put_replay(struct nlmsghdr *request, const struct ipsec_sa *sa)
{
	struct {
		struct xfrm_replay_state_esn head;
		uint32_t bits[REPLAY_WINDOW_MAX / 32];
	} replay;
	uint32_t window = sa->inbound ? sa->replay_window : 32;

	if (!sa->inbound && !sa->transform.esn)
		return;
	memset(&replay, 0, sizeof(replay));
	replay.head.replay_window = window < REPLAY_WINDOW_MAX ? window : REPLAY_WINDOW_MAX;
	replay.head.bmp_len = (replay.head.replay_window + 31) / 32;
	mnl_attr_put(request, XFRMA_REPLAY_ESN_VAL, sizeof(replay.head) + replay.head.bmp_len * sizeof(replay.bits[0]), &replay);
}

static void put_encap(struct nlmsghdr *request, bool inbound, const struct address *local, const struct address *remote)
{
	struct xfrm_encap_tmpl encap;

	memset(&encap, 0, sizeof(encap));
	encap.encap_type = UDP_ENCAP_ESPINUDP;
	encap.encap_sport = htons(inbound ? remote->port : local->port);
	encap.encap_dport = htons(inbound ? local->port : remote->port);
	mnl_attr_put(request, XFRMA_ENCAP, sizeof(encap), &encap);
	/* The peer's new ports are told once in a while, not with every packet. Kernels before 5.17 do not know it. */
	if (inbound)
		mnl_attr_put_u32(request, XFRMA_MTIMER_THRESH, MOVED_PORTS_SECONDS);
}

static struct prefix whole(const struct address_range *range)
{
	struct prefix out = { .family = range->family, .bits = (uint8_t)address_range_weight(range) };

	memcpy(out.ip, range->first, sizeof(out.ip));
	return out;
}

/*
 * In tunnel mode the policies say what may be inside: there the SA itself takes both families. With IPComp it is IPComp that has the
 * tunnel, and the kernel takes one family alone.
 */
static void put_inside(struct xfrm_usersa_info *info, const struct ipsec_sa *sa)
{
	const struct selector *from = sa->inbound ? &sa->remote_ts : &sa->local_ts, *to = sa->inbound ? &sa->local_ts : &sa->remote_ts;

	if (!sa->transport && sa->cpi) {
		info->mode = XFRM_MODE_TRANSPORT;
		return;
	}
	if (!sa->transport) {
		info->mode = XFRM_MODE_TUNNEL;
		info->flags |= XFRM_STATE_AF_UNSPEC;
		return;
	}
	info->mode = XFRM_MODE_TRANSPORT;
	if (from->range.family == sa->local.family && to->range.family == sa->local.family) {
		struct prefix source = whole(&from->range), destination = whole(&to->range);
		info->sel = build_selector(&source, &destination, from, to);
	}
}

static void put_addresses(struct xfrm_usersa_info *info, bool inbound, const struct address *local, const struct address *remote)
{
	info->id.daddr = build_address(inbound ? local : remote);
	info->saddr = build_address(inbound ? remote : local);
	info->family = local->family;
}

static void put_mark(struct nlmsghdr *request, uint32_t mark, uint32_t mask)
{
	mnl_attr_put_u32(request, XFRMA_SET_MARK, mark);
	mnl_attr_put_u32(request, XFRMA_SET_MARK_MASK, mask);
}

/*
 * SAs are found by their SPI or by the reqid of a policy, so only policies select by marks. What came in gets the mark, so that the
 * policy takes it; what goes out gets ours, so that no route to the remote network catches it again.
 */
static void put_options(struct nlmsghdr *request, struct xfrm_usersa_info *info, const struct ipsec_sa *sa)
{
	const struct ipsec_options *o = &sa->options;

	if (o->takes_dscp)
		info->flags |= XFRM_STATE_DECAP_DSCP;
	if (o->hides_ecn)
		info->flags |= XFRM_STATE_NOECN;
	if (o->drops_df)
		info->flags |= XFRM_STATE_NOPMTUDISC;
	if (o->hides_dscp)
		mnl_attr_put_u32(request, XFRMA_SA_EXTRA_FLAGS, XFRM_SA_XFLAG_DONT_ENCAP_DSCP);
	if (o->if_id)
		mnl_attr_put_u32(request, XFRMA_IF_ID, o->if_id);
	if (sa->inbound && o->mark_mask)
		put_mark(request, o->mark, o->mark_mask);
	else if (!sa->inbound && !sa->transport && !o->no_routes)
		put_mark(request, KERNEL_MARK, UINT32_MAX);
}

void build_offload(struct nlmsghdr *request, const struct offload *offload, bool inbound, uint8_t family)
{
	struct xfrm_user_offload out;

	if (!offload->index)
		return;
	memset(&out, 0, sizeof(out));
	out.ifindex = offload->index;
	out.flags = (uint8_t)((inbound ? XFRM_OFFLOAD_INBOUND : 0) | (family == AF_INET6 ? XFRM_OFFLOAD_IPV6 : 0) |
			      (offload->whole ? OFFLOAD_WHOLE : 0));
	mnl_attr_put(request, XFRMA_OFFLOAD_DEV, sizeof(out), &out);
}

bool build_sa(struct netlink *n, uint16_t type, const struct ipsec_sa *sa, struct nlmsghdr **out)
{
	void *head;
	struct nlmsghdr *request = netlink_request(n, type, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct xfrm_usersa_info), &head);
	struct xfrm_usersa_info *info = head;

	*out = request;
	put_addresses(info, sa->inbound, &sa->local, &sa->remote);
	info->id.spi = htonl(sa->spi);
	info->id.proto = sa->transform.is_ah ? IPPROTO_AH : IPPROTO_ESP;
	info->reqid = sa->child;
	info->flags = sa->transform.esn ? XFRM_STATE_ESN : 0;
	/* RFC 4302 2.2: over IPv4 the header is whole words of 32 bits; the kernel fills 64 unless it is told. */
	if (sa->transform.is_ah && sa->local.family == AF_INET)
		info->flags |= XFRM_STATE_ALIGN4;
	put_inside(info, sa);
	put_limits(&info->lft, sa);
	if (!put_algorithms(request, sa))
		return false;
	put_replay(request, sa);
	if (sa->udp_encap)
		put_encap(request, sa->inbound, &sa->local, &sa->remote);
	put_options(request, info, sa);
	return true;
}

bool build_comp(struct netlink *n, uint16_t type, const struct ipsec_sa *sa, struct nlmsghdr **out)
{
	static const struct xfrm_algo deflate = { .alg_name = "deflate" };
	void *head;
	struct nlmsghdr *request = netlink_request(n, type, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct xfrm_usersa_info), &head);
	struct xfrm_usersa_info *info = head;

	*out = request;
	put_addresses(info, sa->inbound, &sa->local, &sa->remote);
	info->id.spi = htonl(sa->cpi);
	info->id.proto = IPPROTO_COMP;
	info->reqid = sa->child;
	info->mode = sa->transport ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL;
	info->lft = no_limits();
	mnl_attr_put(request, XFRMA_ALG_COMP, sizeof(deflate), &deflate);
	/* In tunnel mode it has the outer header. */
	put_options(request, info, sa);
	return true;
}

struct nlmsghdr *build_sa_id(struct netlink *n, uint16_t type, uint8_t protocol, uint32_t spi, const struct address *destination)
{
	void *head;
	struct nlmsghdr *request = netlink_request(n, type, 0, sizeof(struct xfrm_usersa_id), &head);
	struct xfrm_usersa_id *id = head;

	id->daddr = build_address(destination);
	id->spi = htonl(spi);
	id->family = destination->family;
	id->proto = protocol;
	return request;
}

struct nlmsghdr *build_spi(struct netlink *n, uint8_t protocol, const struct address *local, const struct address *remote)
{
	void *head;
	struct nlmsghdr *request = netlink_request(n, XFRM_MSG_ALLOCSPI, 0, sizeof(struct xfrm_userspi_info), &head);
	struct xfrm_userspi_info *spi = head;

	put_addresses(&spi->info, true, local, remote);
	spi->info.id.proto = protocol;
	spi->info.reqid = REQID_SPI;
	spi->info.mode = XFRM_MODE_TUNNEL;
	/* RFC 4303 2.1 and RFC 4302 2.4 reserve the first 256; the rest is easier told from them with a long number. */
	spi->min = protocol == IPPROTO_COMP ? CPI_FIRST : 0x10000000;
	spi->max = protocol == IPPROTO_COMP ? CPI_LAST : 0xffffffff;
	return request;
}

/* ---- policies ---- */

/* IPComp comes before what protects it, in its place in a tunnel. RFC 3173 2.2: what does not become smaller comes without. */
static void put_templates(struct nlmsghdr *request, const struct xfrm_user_tmpl *template, bool compress, bool is_in)
{
	struct xfrm_user_tmpl both[] = { *template, *template };

	if (!compress) {
		mnl_attr_put(request, XFRMA_TMPL, sizeof(*template), template);
		return;
	}
	both[0].id.proto = IPPROTO_COMP;
	both[0].optional = is_in;
	both[1].mode = XFRM_MODE_TRANSPORT;
	memset(&both[1].saddr, 0, sizeof(both[1].saddr));
	memset(&both[1].id.daddr, 0, sizeof(both[1].id.daddr));
	mnl_attr_put(request, XFRMA_TMPL, sizeof(both), both);
}

/* Outbound: where to. Inbound any source will do, for the peer may move: the SA is told by `reqid`. */
static void put_template(struct nlmsghdr *request, const struct ipsec_policy *policy, const struct rule_key *key)
{
	bool is_out = key->direction == XFRM_POLICY_OUT;
	const struct address *from = is_out ? &policy->local : NULL, *to = is_out ? &policy->remote : &policy->local;
	uint8_t outer = policy->remote.family ? policy->remote.family : policy->local.family;
	struct xfrm_user_tmpl template;

	memset(&template, 0, sizeof(template));
	template.family = policy->transport || !outer ? key->selector.family : outer;
	if (from && from->family == template.family)
		template.saddr = build_address(from);
	if (to->family == template.family)
		template.id.daddr = build_address(to);
	/* Without both the kernel would look for a route to nowhere, and drop the packet instead of asking for an SA. */
	if (is_out && !policy->transport && policy->local.family == 0 && policy->remote.family == 0)
		template.saddr = build_address(&(struct address){ .family = (uint8_t)template.family, .ip = {
			[0] = template.family == AF_INET ? 127 : 0, [3] = template.family == AF_INET, [15] = template.family == AF_INET6 } });
	template.id.proto = policy->is_ah ? IPPROTO_AH : IPPROTO_ESP;
	template.reqid = policy->child;
	template.mode = policy->transport ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL;
	template.aalgos = template.ealgos = template.calgos = UINT32_MAX;
	put_templates(request, &template, policy->compress, !is_out);
}

void build_key(struct nlmsghdr *request, const struct rule_key *key)
{
	struct xfrm_mark mark = { .v = key->mark, .m = key->mark_mask };

	if (key->mark_mask)
		mnl_attr_put(request, XFRMA_MARK, sizeof(mark), &mark);
	if (key->if_id)
		mnl_attr_put_u32(request, XFRMA_IF_ID, key->if_id);
}

void build_key_of(struct rule_key *key, const struct nlattr *const all[])
{
	struct xfrm_mark mark;

	if (all[XFRMA_MARK] && mnl_attr_get_payload_len(all[XFRMA_MARK]) >= sizeof(mark)) {
		memcpy(&mark, mnl_attr_get_payload(all[XFRMA_MARK]), sizeof(mark));
		key->mark = mark.v;
		key->mark_mask = mark.m;
	}
	if (all[XFRMA_IF_ID] && mnl_attr_get_payload_len(all[XFRMA_IF_ID]) >= sizeof(key->if_id))
		key->if_id = mnl_attr_get_u32(all[XFRMA_IF_ID]);
}

struct nlmsghdr *build_policy(struct netlink *n, uint16_t type, const struct rule_key *key, uint32_t priority,
			      const struct ipsec_policy *policy)
{
	void *head;
	struct nlmsghdr *request = netlink_request(n, type, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct xfrm_userpolicy_info), &head);
	struct xfrm_userpolicy_info *info = head;

	info->sel = key->selector;
	info->lft = no_limits();
	info->priority = priority;
	info->dir = (uint8_t)key->direction;
	info->action = policy && policy->action == IPSEC_DROP ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
	if (policy && policy->action == IPSEC_PROTECT)
		put_template(request, policy, key);
	build_key(request, key);
	return request;
}

struct nlmsghdr *build_policy_id(struct netlink *n, uint16_t type, const struct rule_key *key)
{
	void *head;
	struct nlmsghdr *request = netlink_request(n, type, 0, sizeof(struct xfrm_userpolicy_id), &head);
	struct xfrm_userpolicy_id *id = head;

	id->sel = key->selector;
	id->dir = (uint8_t)key->direction;
	build_key(request, key);
	return request;
}

/* ---- an SA elsewhere ---- */

/* In transport mode the SA is for its two ends; where those are its selector, it follows them. */
static void follow(xfrm_address_t *address, uint8_t bits, const xfrm_address_t *old, const xfrm_address_t *new, uint16_t family)
{
	size_t len = address_len((uint8_t)family);

	if (bits == len * 8 && memcmp(address, old, len) == 0)
		memcpy(address, new, len);
}

static void follow_both(struct xfrm_usersa_info *info, const struct xfrm_usersa_info *was)
{
	if (info->mode != XFRM_MODE_TRANSPORT || info->family != was->family)
		return;
	follow(&info->sel.daddr, info->sel.prefixlen_d, &was->id.daddr, &info->id.daddr, info->family);
	follow(&info->sel.saddr, info->sel.prefixlen_s, &was->saddr, &info->saddr, info->family);
}

/* Numbers that may have been sent since they were read must not be sent again. */
static void skip_numbers(struct xfrm_replay_state_esn *state, bool is_extended)
{
	uint32_t before = state->oseq;

	state->oseq += SEQUENCE_GAP;
	if (state->oseq < before && is_extended)
		state->oseq_hi++;
	else if (state->oseq < before)
		state->oseq = UINT32_MAX;
}

static void put_copy(struct nlmsghdr *request, const struct nlattr *attribute, bool inbound, bool is_extended)
{
	uint16_t type = mnl_attr_get_type(attribute), len = mnl_attr_get_payload_len(attribute);
	void *at = (uint8_t *)mnl_nlmsg_get_payload_tail(request) + MNL_ATTR_HDRLEN;

	mnl_attr_put(request, type, len, mnl_attr_get_payload(attribute));
	if (inbound)
		return;
	if (type == XFRMA_REPLAY_ESN_VAL && len >= sizeof(struct xfrm_replay_state_esn)) {
		skip_numbers(at, is_extended);
	} else if (type == XFRMA_REPLAY_VAL && len >= sizeof(struct xfrm_replay_state)) {
		struct xfrm_replay_state *state = at;
		struct xfrm_replay_state_esn wide = { .oseq = state->oseq };
		skip_numbers(&wide, false);
		state->oseq = wide.oseq;
	}
}

/* A key of zeros is none: a kernel in lockdown shows those in the place of keys. */
static bool shows_key(const struct nlattr *attribute, size_t head_len)
{
	const uint8_t *at = mnl_attr_get_payload(attribute);
	size_t len = mnl_attr_get_payload_len(attribute);
	uint8_t any = 0;

	if (len <= head_len)
		return true;
	for (size_t i = head_len; i < len; i++)
		any |= at[i];
	return any != 0;
}

static bool shows_keys(const struct nlattr *const all[])
{
	return (!all[XFRMA_ALG_AEAD] || shows_key(all[XFRMA_ALG_AEAD], sizeof(struct xfrm_algo_aead))) &&
	       (!all[XFRMA_ALG_CRYPT] || shows_key(all[XFRMA_ALG_CRYPT], sizeof(struct xfrm_algo))) &&
	       (!all[XFRMA_ALG_AUTH_TRUNC] || shows_key(all[XFRMA_ALG_AUTH_TRUNC], sizeof(struct xfrm_algo_auth)));
}

bool build_moved(struct netlink *n, uint16_t type, const struct nlmsghdr *sa, bool inbound, const struct address *local,
		 const struct address *remote, struct nlmsghdr **out)
{
	const struct xfrm_usersa_info *was = mnl_nlmsg_get_payload(sa);
	const struct nlattr *all[XFRMA_MAX + 1], *attribute;
	void *head;
	struct nlmsghdr *request = netlink_request(n, type, NLM_F_CREATE | NLM_F_EXCL, sizeof(*was), &head);
	struct xfrm_usersa_info *info = head;

	*out = request;
	*info = *was;
	put_addresses(info, inbound, local, remote);
	follow_both(info, was);
	netlink_attributes(sa, sizeof(*was), all, XFRMA_MAX);
	if (!shows_keys(all))
		return false;
	mnl_attr_for_each(attribute, sa, sizeof(*was)) {
		switch (mnl_attr_get_type(attribute)) {
		case XFRMA_LASTUSED:
		case XFRMA_ENCAP:
		case XFRMA_MTIMER_THRESH:
		case XFRMA_PAD:
			break;
		case XFRMA_ALG_AUTH:
			if (all[XFRMA_ALG_AUTH_TRUNC])
				break;
			/* fall through */
		default:
			put_copy(request, attribute, inbound, was->flags & XFRM_STATE_ESN);
		}
	}
	mnl_attr_put(request, XFRMA_LTIME_VAL, sizeof(was->curlft), &was->curlft);
	if (all[XFRMA_ENCAP])
		put_encap(request, inbound, local, remote);
	return true;
}
