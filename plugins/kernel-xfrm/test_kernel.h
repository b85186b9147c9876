/* SPDX-License-Identifier: MIT */
/* test_kernel.h - for the tests of this folder: a kernel in the place of the netlink socket, which keeps what it is asked. */
#ifndef KEYFERRY_XFRM_TEST_KERNEL_H
#define KEYFERRY_XFRM_TEST_KERNEL_H
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "names.h"
#include "xfrm.h"

enum { KEPT_MAX = 128, ANSWERS_MAX = 16, SAID_MAX = 16 };

struct test_message {
	_Alignas(uint64_t) uint8_t octets[NETLINK_REQUEST];
	size_t len;
};

struct test_kernel {
	struct xfrm *x;
	struct log *log;
	struct test_message kept[KEPT_MAX];      /* the requests, in order                                 */
	size_t count;
	size_t sends, received;                  /* messages, with one request or many; what was answered  */
	int error;                               /* of every request until it is 0 again                   */
	size_t error_after;                      /* so many requests succeed first                         */
	size_t error_count;                      /* and those after so many more; 0: none does             */
	int lost;                                /* the next answer: only this error of the socket         */
	size_t cut;                              /* octets that the next answer lacks at its end           */
	const char *said;                        /* the extended acknowledgement of an error               */
	struct test_message answers[ANSWERS_MAX]; /* to GETSA and ALLOCSPI one each, to a list all          */
	size_t answer_count;
	struct test_message events;              /* what the next events_read() reads; len 0: ENOBUFS      */
	char lines[SAID_MAX][256];
	size_t line_count;
	uint64_t now;
	uint32_t acquired, expired, moved;       /* the last child, SPI, SPI                               */
	unsigned acquires, expires, moves;
	bool expired_hard, expired_inbound;
	struct address moved_to;
};

static struct test_kernel *test_kernel;

static inline void test_keep_line(void *arg, enum log_level level, const char *line)
{
	struct test_kernel *k = arg;

	(void)level;
	snprintf(k->lines[k->line_count++ % SAID_MAX], sizeof(k->lines[0]), "%s", line);
}

static inline bool test_said(const char *text)
{
	for (size_t i = 0; i < SAID_MAX; i++)
		if (strstr(test_kernel->lines[i], text))
			return true;
	return false;
}

/* The two halves of the socket. */
static inline ssize_t test_send(struct netlink *n, const void *at, size_t len)
{
	struct test_kernel *k = test_kernel;
	const struct nlmsghdr *request = at;
	int left = (int)len;

	(void)n;
	k->sends++;
	k->received = k->count;
	for (; mnl_nlmsg_ok(request, left); request = mnl_nlmsg_next(request, &left)) {
		if (k->count == KEPT_MAX || request->nlmsg_len > sizeof(k->kept[0].octets)) {
			errno = EMSGSIZE;
			return -1;
		}
		memcpy(k->kept[k->count].octets, request, request->nlmsg_len);
		k->kept[k->count++].len = request->nlmsg_len;
	}
	return (ssize_t)len;
}

static inline size_t test_put(uint8_t *out, size_t used, const struct test_message *message, uint32_t sequence)
{
	struct nlmsghdr *copy = (void *)(out + used);

	memcpy(copy, message->octets, message->len);
	copy->nlmsg_seq = sequence;
	return used + MNL_ALIGN(message->len);
}

static inline size_t test_put_end(uint8_t *out, size_t used, const struct nlmsghdr *request, int error)
{
	struct nlmsghdr *end = mnl_nlmsg_put_header(out + used);
	struct nlmsgerr *status = mnl_nlmsg_put_extra_header(end, sizeof(*status));

	end->nlmsg_type = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !error ? NLMSG_DONE : NLMSG_ERROR;
	end->nlmsg_seq = request->nlmsg_seq;
	status->error = -error;
	status->msg = *request;
	if (error && test_kernel->said) {
		end->nlmsg_flags |= NLM_F_ACK_TLVS | NLM_F_CAPPED;
		mnl_attr_put_strz(end, NLMSGERR_ATTR_MSG, test_kernel->said);
	}
	return used + MNL_ALIGN(end->nlmsg_len);
}

/* Those that fail are answered even when they do not ask. */
static inline size_t test_answer_one(uint8_t *out, size_t used, size_t i)
{
	struct test_kernel *k = test_kernel;
	const struct nlmsghdr *request = (const void *)k->kept[i].octets;
	bool is_list = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	uint16_t answer = request->nlmsg_type == XFRM_MSG_GETPOLICY ? XFRM_MSG_NEWPOLICY : XFRM_MSG_NEWSA;
	bool wants = is_list || request->nlmsg_type == XFRM_MSG_GETSA || request->nlmsg_type == XFRM_MSG_GETPOLICY ||
		     request->nlmsg_type == XFRM_MSG_ALLOCSPI;
	bool fails = i >= k->error_after && (!k->error_count || i < k->error_after + k->error_count);
	int error = fails ? k->error : 0;

	for (size_t m = 0; m < k->answer_count && wants && !error; m++) {
		const struct nlmsghdr *message = (const void *)k->answers[m].octets;
		if (message->nlmsg_type != answer)
			continue;
		used = test_put(out, used, &k->answers[m], request->nlmsg_seq);
		if (!is_list)
			break;
	}
	return is_list || error || request->nlmsg_flags & NLM_F_ACK ? test_put_end(out, used, request, error) : used;
}

static inline ssize_t test_receive(struct netlink *n, void *at, size_t size)
{
	struct test_kernel *k = test_kernel;
	size_t used = 0;

	(void)n;
	(void)size;
	if (k->lost || k->received == k->count) {
		errno = k->lost ? k->lost : EDEADLK;
		k->lost = 0;
		return -1;
	}
	while (k->received < k->count)
		used = test_answer_one(at, used, k->received++);
	used -= k->cut;
	k->cut = 0;
	return (ssize_t)used;
}

static inline ssize_t test_event(struct netlink *n, void *at, size_t size)
{
	(void)n;
	(void)size;
	if (!test_kernel->events.len) {
		errno = ENOBUFS;
		return -1;
	}
	memcpy(at, test_kernel->events.octets, test_kernel->events.len);
	return (ssize_t)test_kernel->events.len;
}

static inline uint64_t test_now(void)
{
	return test_kernel->now;
}

static inline void test_acquire(void *arg, uint32_t child)
{
	(void)arg;
	test_kernel->acquired = child;
	test_kernel->acquires++;
}

static inline void test_expire(void *arg, uint32_t spi, bool inbound, bool hard)
{
	(void)arg;
	test_kernel->expired = spi;
	test_kernel->expired_inbound = inbound;
	test_kernel->expired_hard = hard;
	test_kernel->expires++;
}

static inline void test_moved(void *arg, uint32_t spi, const struct address *local, const struct address *remote)
{
	(void)arg;
	(void)local;
	test_kernel->moved = spi;
	test_kernel->moved_to = *remote;
	test_kernel->moves++;
}

/* One that has ESP and ESP in UDP. */
static inline struct xfrm *test_kernel_open(void)
{
	struct test_kernel *k = test_kernel = calloc(1, sizeof(*k));
	struct log_options options = { .level = LEVEL_DEBUG, .fd = -1, .sink = test_keep_line, .sink_arg = k };

	k->log = log_new(&options);
	k->now = 1000000;
	(void)!xfrm_new(&k->x, log_root(k->log));
	struct xfrm *x = k->x;
	x->host = (struct kernel_host){ .log = log_root(k->log), .acquire = test_acquire, .expire = test_expire, .moved = test_moved };
	x->netlink.send = test_send;
	x->netlink.receive = test_receive;
	x->events.receive = test_event;
	x->now = test_now;
	x->larval_drop = "/dev/null";
	x->has_esp[0] = x->has_esp[1] = x->has_encap[0] = x->has_encap[1] = true;
	return x;
}

static inline void test_kernel_close(void)
{
	xfrm_free(test_kernel->x);
	log_free(test_kernel->log);
	free(test_kernel);
}

/* ---- what it was asked ---- */

/* From the end: 0 is the last request. */
static inline const struct nlmsghdr *test_request(size_t back)
{
	return (const void *)test_kernel->kept[test_kernel->count - 1 - back].octets;
}

static inline const void *test_attribute(const struct nlmsghdr *message, size_t head_len, uint16_t type, size_t *len)
{
	const struct nlattr *all[XFRMA_MAX + 1];

	netlink_attributes(message, head_len, all, XFRMA_MAX);
	*len = all[type] ? mnl_attr_get_payload_len(all[type]) : 0;
	return all[type] ? mnl_attr_get_payload(all[type]) : NULL;
}

/* ---- what is asked for ---- */

static inline struct address test_address(const char *text, uint16_t port)
{
	struct address a = { 0 };

	(void)!address_parse(&a, text);
	a.port = port;
	return a;
}

static inline struct selector test_selector(const char *text)
{
	struct selector s = { .protocol = 0 };

	(void)!selector_parse(&s, text);
	return s;
}

static const uint8_t test_octets[64] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };

/* Of 192.0.2.1, which is us, and 192.0.2.2. */
static inline struct ipsec_sa test_sa(uint32_t spi, bool inbound, uint8_t cipher, uint16_t auth)
{
	const struct algorithm *algorithm = algorithm_find(false, cipher), *mac = algorithm_find(true, auth);

	return (struct ipsec_sa){
		.spi = spi, .inbound = inbound, .local = test_address("192.0.2.1", 4500), .remote = test_address("192.0.2.2", 4500),
		.local_ts = test_selector("10.1.0.0/16"), .remote_ts = test_selector("10.2.0.0/16"),
		.transform = { .id = cipher, .auth = auth, .icv_len = mac ? mac->icv_len : algorithm->icv_len },
		.encryption_key = bytes_of(test_octets, algorithm->key_len),
		.integrity_key = bytes_of(test_octets, mac ? mac->key_len : 0), .replay_window = 1024, .child = 77,
	};
}

static inline struct ipsec_policy test_policy(uint32_t child, const char *local, const char *remote)
{
	return (struct ipsec_policy){
		.child = child, .local_ts = test_selector(local), .remote_ts = test_selector(remote),
		.local = test_address("192.0.2.1", 0), .remote = test_address("192.0.2.2", 0),
	};
}

/* ---- what it answers ---- */

/* The SA of a NEWSA request, as GETSA shows it. */
static inline struct xfrm_usersa_info *test_answer_with(const struct nlmsghdr *request)
{
	struct test_message *answer = &test_kernel->answers[test_kernel->answer_count++];
	struct nlmsghdr *message = (void *)answer->octets;

	answer->len = request->nlmsg_len;
	memcpy(answer->octets, request, answer->len);
	message->nlmsg_type = XFRM_MSG_NEWSA;
	message->nlmsg_flags = 0;
	return mnl_nlmsg_get_payload(message);
}

/* An event with its fixed part, zeroed. */
static inline struct nlmsghdr *test_event_of(uint16_t type, size_t head_len, void *head)
{
	struct test_message *event = &test_kernel->events;
	void **at = head;

	memset(event, 0, sizeof(*event));
	struct nlmsghdr *message = mnl_nlmsg_put_header(event->octets);
	message->nlmsg_type = type;
	*at = mnl_nlmsg_put_extra_header(message, head_len);
	return message;
}

#endif
