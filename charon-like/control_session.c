/* SPDX-License-Identifier: MIT */
/*
 * control_session.c - one connected front end: takes lines apart, queues answers, and gives up on who sends too much,
 * reads too little or says nothing. What a request means is control_commands.c's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_private.h"

static struct timers *timers_of(const struct session *session)
{
	return loop_timers(session->control->loop);
}

void session_free(struct session *session)
{
	if (session->request)
		request_abandon(session->request);
	timer_stop(timers_of(session), &session->idle);
	timer_stop(timers_of(session), &session->next);
	loop_unwatch(session->control->loop, &session->watch);
	close(session->watch.fd);
	list_remove(&session->in_control);
	session->control->session_count--;
	free(session->out);
	free(session);
}

/* Starts the time anew in which something has to happen. */
static void stay_awake(struct session *session)
{
	struct loop *loop = session->control->loop;

	if (timer_set(timers_of(session), &session->idle, loop_now(loop) + CONTROL_IDLE_MS) != 0)
		session->is_broken = true;
}

/* Freed in a turn of its own: who answers may still be using the session. */
static void give_up(struct session *session)
{
	struct loop *loop = session->control->loop;

	session->is_broken = true;
	loop_unwatch(loop, &session->watch);
	/* Room for one timer there is: it was set since the session began. */
	if (timer_set(timers_of(session), &session->idle, loop_now(loop)) != 0)
		return;
}

static void watch_again(struct session *session)
{
	bool waits_to_write = session->out_used > session->out_sent;
	uint8_t wants = (uint8_t)((session->in_over ? 0 : 1) | (waits_to_write ? 2 : 0));

	if (session->is_broken || wants == session->watched)
		return;
	session->watched = wants;
	if (loop_watch(session->control->loop, &session->watch, wants & 1, wants & 2) != 0)
		give_up(session);
}

static void idle_too_long(struct timer *timer)
{
	struct session *session = CONTAINER(timer, struct session, idle);

	/* A request has its own time; but its answers have to be read. */
	if (!session->is_broken && session->request && session->out_used == session->out_sent)
		stay_awake(session);
	else
		session_free(session);
}

/* ---- answers ---- */

/* Writes what the socket takes now. */
static void flush(struct session *session)
{
	while (!session->is_broken && session->out_sent < session->out_used) {
		ssize_t sent = send(session->watch.fd, session->out + session->out_sent,
				    session->out_used - session->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (sent < 0) {
			give_up(session);
			return;
		}
		session->out_sent += (size_t)sent;
		stay_awake(session);
	}
	if (session->out_sent == session->out_used)
		session->out_sent = session->out_used = 0;
}

static bool make_room(struct session *session, size_t len)
{
	size_t size = session->out_size ? session->out_size : 4096;

	if (len > CONTROL_OUT_MAX - session->out_used)
		return false;
	while (size < session->out_used + len)
		size *= 2;
	if (size == session->out_size)
		return true;
	char *more = realloc(session->out, size);
	if (!more)
		return false;
	session->out = more;
	session->out_size = size;
	return true;
}

/* Takes `answer`. */
static void put_answer(struct session *session, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(answer);
	if (session->is_broken) {
		free(text);
		return;
	}
	/* An answer that cannot be given ends the session: the front end must not take half an answer for the whole. */
	if (!text || !make_room(session, len + 1)) {
		give_up(session);
		free(text);
		return;
	}
	memcpy(session->out + session->out_used, text, len);
	session->out[session->out_used + len] = '\n';
	session->out_used += len + 1;
	free(text);
	flush(session);
	watch_again(session);
}

void session_say(struct session *session, const char *format, ...)
{
	char line[LOG_LINE_MAX], clean[LOG_LINE_MAX];
	va_list values;

	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	log_escape(clean, sizeof(clean), bytes_text(line));
	put_answer(session, json_pack("{s:s}", "line", clean));
}

void session_data(struct session *session, json_t *data)
{
	put_answer(session, data ? json_pack("{s:o}", "data", data) : NULL);
}

void session_done(struct session *session, const char *error)
{
	char clean[LOG_LINE_MAX];

	if (error)
		log_escape(clean, sizeof(clean), bytes_text(error));
	put_answer(session, json_pack("{s:b, s:i, s:s*}", "done", 1, "status", error ? 1 : 0, "error", error ? clean : NULL));
	if (!session->is_broken)
		stay_awake(session);
}

/* ---- requests ---- */

static void take_line(struct session *session, const char *line, size_t len)
{
	json_error_t why;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	char text[JSON_ERROR_TEXT_LENGTH + 64];

	if (request && json_is_object(request)) {
		command_run(session, request);
	} else {
		snprintf(text, sizeof(text), "a request is one JSON object in one line: %s",
			 request ? "this is something else" : why.text);
		session_done(session, text);
	}
	json_decref(request);
}

/* Whole lines, one at a time: while a request is worked on the rest waits. */
static void take_lines(struct session *session)
{
	size_t at = 0;

	while (!session->request && !session->is_broken) {
		char *end = memchr(session->in + at, '\n', session->in_used - at);
		size_t len = end ? (size_t)(end - (session->in + at)) : 0;

		if (!end)
			break;
		if (len)
			take_line(session, session->in + at, len);
		at += len + 1;
	}
	memmove(session->in, session->in + at, session->in_used - at);
	session->in_used -= at;
}

/* True: try again. */
static bool read_some(struct session *session)
{
	if (session->in_used == sizeof(session->in)) {
		/* Without a request under way it is one line that is too long; with one, a flood. */
		if (!session->request)
			session_done(session, "a request must be shorter than 64 KiB");
		give_up(session);
		return false;
	}
	ssize_t got = recv(session->watch.fd, session->in + session->in_used, sizeof(session->in) - session->in_used, MSG_DONTWAIT);
	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			give_up(session);
		return false;
	}
	if (got == 0) {
		session->in_over = true;
		watch_again(session);
		return false;
	}
	session->in_used += (size_t)got;
	stay_awake(session);
	return true;
}

/* Who has sent all and got all is done. */
static void leave_if_over(struct session *session)
{
	if (session->in_over && !session->request && session->out_used == session->out_sent && !session->is_broken)
		give_up(session);
}

static void session_ready(struct watch *watch, bool readable, bool writable)
{
	struct session *session = CONTAINER(watch, struct session, watch);

	if (writable) {
		flush(session);
		watch_again(session);
	}
	if (readable && read_some(session))
		take_lines(session);
	leave_if_over(session);
}

static void next_time(struct timer *timer)
{
	struct session *session = CONTAINER(timer, struct session, next);

	take_lines(session);
	leave_if_over(session);
}

void session_next(struct session *session)
{
	struct loop *loop = session->control->loop;

	if (timer_set(timers_of(session), &session->next, loop_now(loop)) != 0)
		give_up(session);
}

int session_new(struct control *control, int fd)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session) {
		close(fd);
		return FAULT_MEMORY;
	}
	session->control = control;
	session->watch.fd = fd;
	session->watch.ready = session_ready;
	session->watched = 1;
	session->idle.run = idle_too_long;
	session->next.run = next_time;
	list_append(&control->sessions, &session->in_control);
	control->session_count++;
	stay_awake(session);
	if (session->is_broken || loop_watch(control->loop, &session->watch, true, false) != 0) {
		session_free(session);
		return FAULT_MEMORY;
	}
	return 0;
}
