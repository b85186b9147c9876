/* SPDX-License-Identifier: MIT */
/* test_netlink.c - requests and what becomes of them, with a kernel of the test's own in the place of the socket. */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>

#include "unit.h"

enum { SENT_MAX = 8, DATAGRAMS_MAX = 16, TYPE = 0x20, ITEM = 0x21, TEXT_MAX = 64 };

/* One message of the kernel's. */
struct said {
	uint16_t type;                           /* NLMSG_ERROR, NLMSG_DONE, or an ITEM with `error` in it   */
	uint32_t request;                        /* of the exchange, from 0; its number is not known before  */
	int error;
	const char *words;
	bool repeats;                            /* the request as a whole, as old kernels do                */
};

static struct kernel {
	struct netlink n;
	struct { _Alignas(uint64_t) uint8_t octets[NETLINK_QUEUE]; size_t len; } sent[SENT_MAX];
	size_t sent_count;
	int send_error;
	struct { struct said said[4]; size_t count; int error; size_t cut; } datagrams[DATAGRAMS_MAX];
	size_t datagram_count, next;
	unsigned items;
	int last_item;
} *kernel;

static ssize_t keep(struct netlink *n, const void *at, size_t len)
{
	(void)n;
	if (kernel->send_error || kernel->sent_count == SENT_MAX || len > NETLINK_QUEUE) {
		errno = kernel->send_error ? kernel->send_error : EMSGSIZE;
		return -1;
	}
	memcpy(kernel->sent[kernel->sent_count].octets, at, len);
	kernel->sent[kernel->sent_count++].len = len;
	return (ssize_t)len;
}

/* The i-th request of a message. */
static const struct nlmsghdr *request_at(size_t message, size_t i)
{
	const struct nlmsghdr *at = (const void *)kernel->sent[message].octets;
	int left = (int)kernel->sent[message].len;

	while (i-- > 0 && mnl_nlmsg_ok(at, left))
		at = mnl_nlmsg_next(at, &left);
	return mnl_nlmsg_ok(at, left) ? at : NULL;
}

static size_t put(uint8_t *out, const struct said *said)
{
	const struct nlmsghdr *request = request_at(kernel->sent_count - 1, said->request);
	struct nlmsghdr *message = mnl_nlmsg_put_header(out);

	message->nlmsg_type = said->type;
	message->nlmsg_seq = request ? request->nlmsg_seq : said->request;
	if (said->type != NLMSG_ERROR) {
		*(int *)mnl_nlmsg_put_extra_header(message, sizeof(int)) = said->type == ITEM ? said->error : -said->error;
		return MNL_ALIGN(message->nlmsg_len);
	}
	struct nlmsgerr *error = mnl_nlmsg_put_extra_header(message, sizeof(*error));
	error->error = -said->error;
	error->msg = *request;
	if (said->repeats && request->nlmsg_len > sizeof(*request))
		memcpy(mnl_nlmsg_put_extra_header(message, request->nlmsg_len - sizeof(*request)), request + 1, request->nlmsg_len - sizeof(*request));
	else
		message->nlmsg_flags |= NLM_F_CAPPED;
	if (said->words) {
		message->nlmsg_flags |= NLM_F_ACK_TLVS;
		mnl_attr_put_strz(message, NLMSGERR_ATTR_MSG, said->words);
	}
	return MNL_ALIGN(message->nlmsg_len);
}

static ssize_t answer(struct netlink *n, void *at, size_t size)
{
	size_t used = 0, i = kernel->next++;

	(void)n;
	(void)size;
	if (i >= kernel->datagram_count || kernel->datagrams[i].error) {
		errno = i < kernel->datagram_count ? kernel->datagrams[i].error : EDEADLK;
		return -1;
	}
	for (size_t k = 0; k < kernel->datagrams[i].count; k++)
		used += put((uint8_t *)at + used, &kernel->datagrams[i].said[k]);
	return (ssize_t)(used - kernel->datagrams[i].cut);
}

static struct netlink *kernel_open(void)
{
	kernel = calloc(1, sizeof(*kernel));
	kernel->n.send = keep;
	kernel->n.receive = answer;
	return &kernel->n;
}

static void kernel_close(void)
{
	free(kernel);
}

static void say(struct said said)
{
	size_t i = kernel->datagram_count++;

	kernel->datagrams[i].said[kernel->datagrams[i].count++] = said;
}

/* In the datagram of what was said before. */
static void say_too(struct said said)
{
	size_t i = kernel->datagram_count - 1;

	kernel->datagrams[i].said[kernel->datagrams[i].count++] = said;
}

static void fail_to_read(int error)
{
	kernel->datagrams[kernel->datagram_count++].error = error;
}

static void take_item(const struct nlmsghdr *message, void *arg)
{
	struct kernel *k = arg;

	k->items++;
	memcpy(&k->last_item, mnl_nlmsg_get_payload(message), sizeof(k->last_item));
}

static struct nlmsghdr *request_of(uint16_t flags)
{
	void *head;
	struct nlmsghdr *request = netlink_request(&kernel->n, TYPE, flags, sizeof(uint64_t), &head);

	memset(head, 0x5a, sizeof(uint64_t));
	return request;
}

static int talk(uint16_t flags)
{
	return netlink_talk(&kernel->n, request_of(flags), take_item, kernel);
}

static bool is_wiped(const uint8_t *at, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= at[i];
	return any == 0;
}

/* ---- one ---- */

static void one_request_is_answered_by_its_number(void)
{
	struct netlink *n = kernel_open();

	say((struct said){ NLMSG_ERROR, .request = 0 });
	CU_ASSERT_EQUAL(talk(NLM_F_CREATE), 0);
	const struct nlmsghdr *sent = request_at(0, 0);
	CU_ASSERT(sent->nlmsg_type == TYPE && sent->nlmsg_flags == (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE) && sent->nlmsg_seq == 1);
	CU_ASSERT_EQUAL(sent->nlmsg_len, sizeof(*sent) + sizeof(uint64_t));
	CU_ASSERT(is_wiped(n->request, sizeof(n->request)) && is_wiped(n->answer, sizeof(n->answer)));
	say((struct said){ NLMSG_ERROR, .error = EPERM, .words = "not you" });
	CU_ASSERT_EQUAL(talk(0), EPERM);
	CU_ASSERT_STRING_EQUAL(n->why, "not you");
	CU_ASSERT_EQUAL(request_at(1, 0)->nlmsg_seq, 2);
	/* Also where the request is repeated before the words; and they do not stay. */
	say((struct said){ NLMSG_ERROR, .error = EINVAL, .words = "nor me", .repeats = true });
	CU_ASSERT_EQUAL(talk(0), EINVAL);
	CU_ASSERT_STRING_EQUAL(n->why, "nor me");
	say((struct said){ NLMSG_ERROR, .error = EINVAL });
	CU_ASSERT_EQUAL(talk(0), EINVAL);
	CU_ASSERT_STRING_EQUAL(n->why, "");
	kernel_close();
}

static void a_list_ends_by_itself(void)
{
	kernel_open();
	say((struct said){ ITEM, .error = 1 });
	say_too((struct said){ ITEM, .error = 2 });
	say((struct said){ ITEM, .error = 3 });
	say((struct said){ NLMSG_DONE, .request = 0 });
	CU_ASSERT_EQUAL(talk(NLM_F_DUMP), 0);
	CU_ASSERT_EQUAL(request_at(0, 0)->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	CU_ASSERT(kernel->items == 3 && kernel->last_item == 3);
	say((struct said){ NLMSG_DONE, .error = ENOMEM });
	CU_ASSERT_EQUAL(talk(NLM_F_DUMP), ENOMEM);
	kernel_close();
}

static void what_answers_nothing_of_ours_is_passed_over(void)
{
	kernel_open();
	/* A signal; an answer to what was given up long ago. */
	fail_to_read(EINTR);
	say((struct said){ ITEM, .request = 4711 });
	say((struct said){ NLMSG_ERROR, .request = 0 });
	CU_ASSERT_EQUAL(talk(0), 0);
	CU_ASSERT_EQUAL(kernel->items, 0);
	CU_ASSERT_EQUAL(kernel->next, 3);
	kernel_close();
}

static void an_answer_that_is_lost_or_cut_is_an_error(void)
{
	kernel_open();
	fail_to_read(ENOBUFS);
	CU_ASSERT_EQUAL(talk(0), ENOBUFS);
	say((struct said){ NLMSG_ERROR, .request = 0 });
	kernel->datagrams[kernel->datagram_count - 1].cut = 4;
	CU_ASSERT_EQUAL(talk(0), EBADMSG);
	say((struct said){ NLMSG_DONE, .request = 0 });
	kernel->datagrams[kernel->datagram_count - 1].count = 0;
	CU_ASSERT_EQUAL(talk(0), EBADMSG);
	kernel->send_error = EPERM;
	CU_ASSERT_EQUAL(talk(0), EPERM);
	kernel_close();
}

/* ---- many ---- */

enum { MANY = 3 };

static int queue_many(int status[MANY])
{
	for (size_t i = 0; i < MANY; i++)
		netlink_queue(&kernel->n, request_of(0), &status[i]);
	return netlink_flush(&kernel->n);
}

static bool is(const int status[MANY], int first, int middle, int last)
{
	return status[0] == first && status[1] == middle && status[2] == last;
}

static void what_is_queued_is_one_message(void)
{
	struct netlink *n = kernel_open();
	int status[MANY] = { 9, 9, 9 };

	CU_ASSERT_EQUAL(netlink_flush(n), 0);
	CU_ASSERT_EQUAL(kernel->sent_count, 0);
	say((struct said){ NLMSG_ERROR, .request = MANY - 1 });
	CU_ASSERT_EQUAL(queue_many(status), 0);
	CU_ASSERT(is(status, 0, 0, 0));
	CU_ASSERT(kernel->sent_count == 1 && kernel->next == 1);
	/* Each has a number of its own; an answer is asked of the last. */
	for (size_t i = 0; i < MANY; i++) {
		const struct nlmsghdr *request = request_at(0, i);
		CU_ASSERT_EQUAL(request->nlmsg_seq, i + 1);
		CU_ASSERT_EQUAL((request->nlmsg_flags & NLM_F_ACK) != 0, i == MANY - 1);
	}
	CU_ASSERT_PTR_NULL(request_at(0, MANY));
	CU_ASSERT(is_wiped(n->queue, sizeof(n->queue)) && is_wiped(n->request, sizeof(n->request)));
	kernel_close();
}

static void each_of_many_can_fail_alone(void)
{
	struct netlink *n = kernel_open();
	int status[MANY];

	for (uint32_t i = 0; i < MANY; i++) {
		say((struct said){ NLMSG_ERROR, .request = i, .error = EEXIST, .words = "it is there" });
		if (i < MANY - 1)
			say((struct said){ NLMSG_ERROR, .request = MANY - 1 });
		CU_ASSERT_EQUAL(queue_many(status), EEXIST);
		CU_ASSERT(is(status, i == 0 ? EEXIST : 0, i == 1 ? EEXIST : 0, i == 2 ? EEXIST : 0));
		CU_ASSERT_STRING_EQUAL(n->why, "it is there");
		CU_ASSERT_EQUAL(kernel->next, kernel->datagram_count);
	}
	/* All: the first one counts, and its words. */
	say((struct said){ NLMSG_ERROR, .request = 0, .error = EEXIST, .words = "first" });
	say_too((struct said){ NLMSG_ERROR, .request = 1, .error = EINVAL, .words = "second" });
	say((struct said){ NLMSG_ERROR, .request = 2, .error = EPERM, .words = "third" });
	CU_ASSERT_EQUAL(queue_many(status), EEXIST);
	CU_ASSERT(is(status, EEXIST, EINVAL, EPERM));
	CU_ASSERT_STRING_EQUAL(n->why, "first");
	/* It is not remembered. */
	say((struct said){ NLMSG_ERROR, .request = MANY - 1 });
	CU_ASSERT_EQUAL(queue_many(status), 0);
	CU_ASSERT(is(status, 0, 0, 0));
	CU_ASSERT_STRING_EQUAL(n->why, "");
	kernel_close();
}

static void what_is_not_answered_has_the_error_of_the_socket(void)
{
	kernel_open();
	int status[MANY];

	say((struct said){ NLMSG_ERROR, .request = 0, .error = EEXIST });
	fail_to_read(ENOBUFS);
	CU_ASSERT_EQUAL(queue_many(status), EEXIST);
	CU_ASSERT(is(status, EEXIST, -ENOBUFS, -ENOBUFS));
	/* What comes late is nobody's. */
	say((struct said){ NLMSG_ERROR, .request = 1, .error = EPERM });
	kernel->datagrams[kernel->datagram_count - 1].said[0].request = 2;
	kernel->datagrams[kernel->datagram_count - 1].cut = 4;
	CU_ASSERT_EQUAL(queue_many(status), EBADMSG);
	CU_ASSERT(is(status, -EBADMSG, -EBADMSG, -EBADMSG));
	/* What was not sent was not done. */
	kernel->send_error = EMSGSIZE;
	CU_ASSERT_EQUAL(queue_many(status), EMSGSIZE);
	CU_ASSERT(is(status, EMSGSIZE, EMSGSIZE, EMSGSIZE));
	kernel_close();
}

static void a_full_queue_is_sent(void)
{
	struct netlink *n = kernel_open();
	int status[NETLINK_QUEUED_MAX + 2];

	say((struct said){ NLMSG_ERROR, .request = 1, .error = EEXIST, .words = "full" });
	say((struct said){ NLMSG_ERROR, .request = NETLINK_QUEUED_MAX - 1 });
	say((struct said){ NLMSG_ERROR, .request = 1, .error = EPERM, .words = "later" });
	for (size_t i = 0; i < COUNT(status); i++)
		netlink_queue(n, request_of(0), &status[i]);
	CU_ASSERT_EQUAL(kernel->sent_count, 1);
	CU_ASSERT_EQUAL(netlink_flush(n), EEXIST);
	CU_ASSERT_EQUAL(kernel->sent_count, 2);
	CU_ASSERT_STRING_EQUAL(n->why, "full");
	CU_ASSERT(status[0] == 0 && status[1] == EEXIST && status[2] == 0 && status[NETLINK_QUEUED_MAX] == 0 && status[NETLINK_QUEUED_MAX + 1] == EPERM);
	kernel_close();
}

static void one_is_asked_beside_a_queue(void)
{
	struct netlink *n = kernel_open();
	int status = 9;

	say((struct said){ NLMSG_ERROR, .request = 0, .error = ESRCH });
	say((struct said){ NLMSG_ERROR, .request = 0 });
	netlink_queue(n, request_of(0), &status);
	CU_ASSERT_EQUAL(talk(0), ESRCH);
	CU_ASSERT(kernel->sent_count == 1 && status == 9);
	CU_ASSERT_EQUAL(netlink_flush(n), 0);
	CU_ASSERT(kernel->sent_count == 2 && request_at(1, 0)->nlmsg_seq == 2 && status == 0);
	kernel_close();
}

static void a_queue_takes_so_many_octets(void)
{
	struct netlink *n = kernel_open();
	enum { LARGE = NETLINK_REQUEST, FIT = NETLINK_QUEUE / LARGE };

	say((struct said){ NLMSG_ERROR, .request = FIT - 1 });
	for (size_t i = 0; i < FIT + 1; i++) {
		struct nlmsghdr *request = request_of(0);
		request->nlmsg_len = LARGE;
		CU_ASSERT_EQUAL(kernel->sent_count, 0);
		netlink_queue(n, request, NULL);
	}
	CU_ASSERT(kernel->sent_count == 1 && kernel->sent[0].len == NETLINK_QUEUE);
	say((struct said){ NLMSG_ERROR, .request = 0 });
	CU_ASSERT_EQUAL(netlink_flush(n), 0);
	CU_ASSERT_EQUAL(kernel->sent[1].len, LARGE);
	kernel_close();
}

static void attributes_are_found_by_their_type(void)
{
	struct netlink *n = kernel_open();
	const struct nlattr *all[4];
	struct nlmsghdr *request = request_of(0);

	mnl_attr_put_u32(request, 2, 7);
	mnl_attr_put_u32(request, 9, 8);
	mnl_attr_put_u8(request, 3, 1);
	netlink_attributes(request, sizeof(uint64_t), all, 3);
	CU_ASSERT(!all[0] && !all[1] && all[2] && all[3]);
	CU_ASSERT(netlink_number(all[2]) == 7 && netlink_number(all[3]) == 0 && netlink_number(NULL) == 0);
	CU_ASSERT(request == (void *)n->request);
	kernel_close();
}

static void the_kernel_at_hand_answers(void)
{
	struct netlink *n = calloc(1, sizeof(*n));
	int status[2];
	void *head;

	CU_ASSERT_EQUAL_FATAL(netlink_open(n, NETLINK_ROUTE, 0), 0);
	/* A message that nobody knows is refused; nothing is asked that needs rights. */
	netlink_queue(n, netlink_request(n, UINT16_MAX, 0, 4, &head), &status[0]);
	netlink_queue(n, netlink_request(n, NLMSG_NOOP, 0, 4, &head), &status[1]);
	CU_ASSERT_EQUAL(netlink_flush(n), EOPNOTSUPP);
	CU_ASSERT(status[0] == EOPNOTSUPP && status[1] == 0);
	netlink_close(n);
	CU_ASSERT_PTR_NULL(n->socket);
	free(n);
}

static const struct unit_case cases[] = {
	{ "one request is answered by its number", one_request_is_answered_by_its_number },
	{ "a list ends by itself", a_list_ends_by_itself },
	{ "what answers nothing of ours is passed over", what_answers_nothing_of_ours_is_passed_over },
	{ "an answer that is lost or cut is an error", an_answer_that_is_lost_or_cut_is_an_error },
	{ "what is queued is one message, and the last is answered", what_is_queued_is_one_message },
	{ "each of many can fail alone", each_of_many_can_fail_alone },
	{ "what is not answered may have been done, and has the error of the socket", what_is_not_answered_has_the_error_of_the_socket },
	{ "a full queue is sent, and what failed is not forgotten", a_full_queue_is_sent },
	{ "one can be asked beside a queue", one_is_asked_beside_a_queue },
	{ "a queue takes so many octets", a_queue_takes_so_many_octets },
	{ "attributes are found by their type", attributes_are_found_by_their_type },
	{ "the kernel at hand answers", the_kernel_at_hand_answers },
};

UNIT_MAIN("netlink", cases)
