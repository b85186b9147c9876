/* SPDX-License-Identifier: MIT */
/* events.c - what the kernel says by itself: a packet waits for an SA, one is used up, a peer's port is another. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "xfrm.h"

enum { SOCKET_BUFFER = 4 << 20, ORPHAN_LOOK_MS = 100, RESYNC_AGAIN_MS = 1000 };

/* All of these only post what they are told to a loop: they may be called under the lock. */
static void tell_acquire(struct xfrm *x, uint32_t reqid)
{
	const struct owner *owner = owner_find(x, reqid);

	if (owner && owner->has_policy && owner->policy.want_acquire)
		x->host.acquire(x->host.arg, owner->id);
}

static void tell_expire(struct xfrm *x, struct entry *e, bool hard)
{
	if (e->is_told[hard])
		return;
	e->is_told[hard] = true;
	x->host.expire(x->host.arg, e->key.spi, e->key.inbound, hard);
}

/* ---- one event ---- */

/* The policy is told by the template, which names the child. */
static void take_acquire(struct xfrm *x, const struct nlmsghdr *message)
{
	const struct nlattr *all[XFRMA_MAX + 1];
	struct xfrm_user_tmpl template;
	struct xfrm_user_acquire acquire;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(acquire))
		return;
	memcpy(&acquire, mnl_nlmsg_get_payload(message), sizeof(acquire));
	netlink_attributes(message, sizeof(acquire), all, XFRMA_MAX);
	if (acquire.policy.lft.soft_use_expires_seconds != BUILD_TAG || !all[XFRMA_TMPL] ||
	    mnl_attr_get_payload_len(all[XFRMA_TMPL]) < sizeof(template))
		return;
	memcpy(&template, mnl_attr_get_payload(all[XFRMA_TMPL]), sizeof(template));
	tell_acquire(x, template.reqid);
}

static struct entry *entry_of(struct xfrm *x, const struct xfrm_usersa_info *info)
{
	struct address destination = build_host(&info->id.daddr, info->family);

	return entry_by_destination(x, info->id.proto, ntohl(info->id.spi), &destination);
}

static void take_expire(struct xfrm *x, const struct nlmsghdr *message)
{
	struct xfrm_user_expire expire;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(expire))
		return;
	memcpy(&expire, mnl_nlmsg_get_payload(message), sizeof(expire));
	struct entry *e = entry_of(x, &expire.state);
	if (e)
		tell_expire(x, e, expire.hard != 0);
}

static void take_mapping(struct xfrm *x, const struct nlmsghdr *message)
{
	struct xfrm_user_mapping mapping;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(mapping))
		return;
	memcpy(&mapping, mnl_nlmsg_get_payload(message), sizeof(mapping));
	struct address local = build_host(&mapping.id.daddr, mapping.id.family);
	struct address remote = build_host(&mapping.new_saddr, mapping.id.family);
	struct entry *e = entry_by_destination(x, mapping.id.proto, ntohl(mapping.id.spi), &local);
	uint64_t now = x->now();
	/* Older kernels say so with every packet. */
	if (!e || !e->key.inbound || (e->moved_at && now - e->moved_at < MOVED_PAUSE_MS))
		return;
	e->moved_at = now;
	remote.port = ntohs(mapping.new_sport);
	x->host.moved(x->host.arg, e->key.spi, &e->local, &remote);
}

static void take(struct xfrm *x, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case XFRM_MSG_ACQUIRE:
		take_acquire(x, message);
		break;
	case XFRM_MSG_EXPIRE:
		take_expire(x, message);
		break;
	case XFRM_MSG_MAPPING:
		take_mapping(x, message);
		break;
	default:
		break;
	}
}

/* ---- after a loss ---- */

static bool is_past(uint64_t count, uint64_t limit)
{
	return limit != XFRM_INF && count >= limit;
}

static void look_at(const struct nlmsghdr *message, void *arg)
{
	struct xfrm *x = arg;
	struct xfrm_usersa_info info;

	if (message->nlmsg_type != XFRM_MSG_NEWSA || mnl_nlmsg_get_payload_len(message) < sizeof(info))
		return;
	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	/* The kernel asks once, then waits, for a state without SPI. */
	if (info.id.spi == 0)
		tell_acquire(x, info.reqid);
	struct entry *e = entry_of(x, &info);
	if (!e)
		return;
	e->is_seen = true;
	if (is_past(info.curlft.bytes, info.lft.soft_byte_limit) || is_past(info.curlft.packets, info.lft.soft_packet_limit))
		tell_expire(x, e, false);
}

static void resync(struct xfrm *x)
{
	void *head;

	for (struct entry *e = x->entries; e; e = e->hh.next)
		e->is_seen = false;
	int error = netlink_talk(&x->netlink, netlink_request(&x->netlink, XFRM_MSG_GETSA, NLM_F_DUMP, sizeof(struct xfrm_usersa_info),
							      &head), look_at, x);
	x->resync_at = error ? x->now() + RESYNC_AGAIN_MS : 0;
	if (error) {
		xfrm_complain(x, "events-lost", "cannot list the SAs to find out what the kernel said", error);
		return;
	}
	/* Those that the kernel has no more were used up. */
	for (struct entry *e = x->entries; e; e = e->hh.next)
		if (!e->is_seen)
			tell_expire(x, e, true);
}

void events_read(struct xfrm *x)
{
	ssize_t len = x->events.receive(&x->events, x->events.answer, sizeof(x->events.answer));
	int left = (int)len;

	if (len < 0 && errno != ENOBUFS)
		return;
	pthread_mutex_lock(&x->lock);
	if (len < 0) {
		log_at(x->host.log, LEVEL_WARN, "events-lost", "events of the kernel were lost: its SAs are listed instead");
		resync(x);
	}
	for (const struct nlmsghdr *m = (const void *)x->events.answer; len > 0 && mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
		take(x, m);
	pthread_mutex_unlock(&x->lock);
}

/* ---- the thread ---- */

/* Packets that were held back before their policy was ours again asked for nobody: the kernel still waits for that. */
static void look_for_orphans(struct xfrm *x)
{
	if (!x->orphans_until || x->now() < x->orphans_until)
		return;
	pthread_mutex_lock(&x->lock);
	orphans_remove(x);
	lead_settle(x);
	resync(x);
	pthread_mutex_unlock(&x->lock);
	x->orphans_until = 0;
}

void events_resync(struct xfrm *x)
{
	if (!x->resync_at || x->now() < x->resync_at)
		return;
	pthread_mutex_lock(&x->lock);
	resync(x);
	pthread_mutex_unlock(&x->lock);
}

static int wait_ms(const struct xfrm *x)
{
	return x->orphans_until ? ORPHAN_LOOK_MS : x->resync_at ? RESYNC_AGAIN_MS : -1;
}

static void ask_for_algorithms(struct xfrm *x)
{
	struct netlink *n = calloc(1, sizeof(*n));

	if (n && netlink_open(n, NETLINK_XFRM, 0) == 0) {
		probe_algorithms(x, n);
		netlink_close(n);
	}
	free(n);
}

static void *thread_main(void *arg)
{
	struct xfrm *x = arg;
	struct pollfd waiting[] = {
		{ .fd = mnl_socket_get_fd(x->events.socket), .events = POLLIN }, { .fd = x->wake, .events = POLLIN },
	};

	pthread_setname_np(pthread_self(), "kernel-xfrm");
	ask_for_algorithms(x);
	while (!waiting[1].revents) {
		int ready = poll(waiting, COUNT(waiting), wait_ms(x));

		look_for_orphans(x);
		events_resync(x);
		if (ready > 0 && waiting[0].revents)
			events_read(x);
		else if (ready <= 0)
			waiting[1].revents = 0;
	}
	return NULL;
}

int events_start(struct xfrm *x)
{
	unsigned groups = XFRMGRP_ACQUIRE | XFRMGRP_EXPIRE | 1u << (XFRMNLGRP_MAPPING - 1);
	int size = SOCKET_BUFFER, error = netlink_open(&x->events, NETLINK_XFRM, groups);
	sigset_t all, before;

	if (error)
		return xfrm_complain(x, "no-kernel-esp", "kernel-xfrm cannot hear the kernel's events", error);
	(void)setsockopt(mnl_socket_get_fd(x->events.socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	x->wake = eventfd(0, EFD_CLOEXEC);
	if (x->wake < 0)
		return xfrm_complain(x, "no-kernel-esp", "kernel-xfrm cannot make an eventfd", errno);
	atomic_store(&x->stopping, false);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&x->thread, NULL, thread_main, x);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return xfrm_complain(x, "no-kernel-esp", "kernel-xfrm cannot start its thread", error);
	x->has_thread = true;
	return 0;
}

void events_stop(struct xfrm *x)
{
	uint64_t one = 1;

	atomic_store(&x->stopping, true);
	if (x->has_thread && write(x->wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(x->thread, NULL);
	x->has_thread = false;
	if (x->wake >= 0)
		close(x->wake);
	x->wake = -1;
	netlink_close(&x->events);
}
