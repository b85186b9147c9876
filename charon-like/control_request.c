/* SPDX-License-Identifier: MIT */
/*
 * control_request.c - the life of a request that takes more than one turn: it ends once, and is freed when it has ended and no shard
 * still has a question of it.
 */
#include "control_private.h"

static void release(struct request *request)
{
	if (!request->session && request->asked == 0)
		request->free(request);
}

static void detach(struct request *request)
{
	if (request->control) {
		timer_stop(loop_timers(request->control->loop), &request->timer);
		list_remove(&request->in_control);
	}
	if (request->session)
		request->session->request = NULL;
	request->session = NULL;
	request->control = NULL;
}

void request_begin(struct request *request, struct session *session)
{
	request->control = session->control;
	request->session = session;
	session->request = request;
	list_append(&session->control->requests, &request->in_control);
}

void request_end(struct request *request, const char *error)
{
	struct session *session = request->session;

	detach(request);
	if (session) {
		session_done(session, error);
		session_next(session);
	}
	release(request);
}

void request_abandon(struct request *request)
{
	detach(request);
	release(request);
}

void request_ask(struct request *request, struct ask *ask, struct shard *shard)
{
	request->asked++;
	ask_shard(ask, shard, request->control->loop);
}

bool request_answered(struct request *request)
{
	request->asked--;
	if (request->session)
		return true;
	release(request);
	return false;
}

static void timed_out(struct timer *timer)
{
	struct request *request = CONTAINER(timer, struct request, timer);

	request->timeout(request);
}

int request_set_timeout(struct request *request, unsigned seconds)
{
	struct loop *loop = request->control->loop;

	request->timer.run = timed_out;
	return timer_set(loop_timers(loop), &request->timer, loop_now(loop) + (uint64_t)seconds * 1000);
}
