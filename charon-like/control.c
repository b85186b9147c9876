/* SPDX-License-Identifier: MIT */
/* control.c - the control server itself: its socket, who is connected, and the events of the bus for who waits for them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control_private.h"

enum { BACKLOG = 16 };

/* ---- the socket ---- */

static int complain_path(const struct control *control, const char *path)
{
	const struct log_context *log = control->host.log;
	bool may_not = errno == EACCES || errno == EPERM || errno == EROFS;

	log_line(log, LEVEL_ERROR, "control-socket", "cannot make the control socket %s: %s%s", path, strerror(errno),
		 may_not ? "; run as root, or choose a place of your own with --control" :
		 errno == ENOENT ? "; its folder is missing" : "");
	return may_not ? FAULT_PERMISSION : FAULT_SYSTEM;
}

/* What is at the path already: 0 when it was a socket that nobody listens on, and is gone now. */
static int remove_stale(const struct control *control, const char *path, const struct sockaddr_un *where)
{
	struct stat found;
	int fd;

	if (lstat(path, &found) == 0 && !S_ISSOCK(found.st_mode)) {
		log_line(control->host.log, LEVEL_ERROR, "control-socket", "%s is in the way of the control socket and is no socket; "
			 "remove it, or choose another place with --control", path);
		return FAULT_EXISTS;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain_path(control, path);
	int status = connect(fd, (const struct sockaddr *)where, sizeof(*where));
	int why = status < 0 ? errno : 0;
	close(fd);
	if (why == ECONNREFUSED && unlink(path) == 0)
		return 0;
	if (why == 0 || why == EAGAIN) {
		log_line(control->host.log, LEVEL_ERROR, "control-socket", "another keyferryd listens on %s; `keyferry version` asks it", path);
		return FAULT_EXISTS;
	}
	errno = why == ECONNREFUSED ? errno : why;
	return complain_path(control, path);
}

/* A socket's permissions are those that it is bound with; later there would be a moment when others could connect. */
static int bind_private(int fd, const struct sockaddr_un *where)
{
	mode_t before = umask(0117);
	int status = bind(fd, (const struct sockaddr *)where, sizeof(*where));

	umask(before);
	return status;
}

static int bind_path(struct control *control, const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd = control->listener.fd;

	if (len >= sizeof(where.sun_path)) {
		log_error(control->host.log, "the path of the control socket is longer than %zu octets: %s", sizeof(where.sun_path) - 1, path);
		return FAULT_INPUT;
	}
	memcpy(where.sun_path, path, len + 1);
	if (bind_private(fd, &where) < 0) {
		if (errno != EADDRINUSE)
			return complain_path(control, path);
		int fault = remove_stale(control, path, &where);
		if (fault)
			return fault;
		if (bind_private(fd, &where) < 0)
			return complain_path(control, path);
	}
	control->path = strdup(path);
	return control->path ? 0 : FAULT_MEMORY;
}

static void refuse(int fd)
{
	static const char answer[] = "{\"done\":true,\"status\":1,\"error\":\"too many front ends are connected; try again\"}\n";

	/* It may not be read; the closed connection says as much. */
	if (send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE)
		errno = 0;
	close(fd);
}

static void accept_one(struct watch *watch, bool readable, bool writable)
{
	struct control *control = CONTAINER(watch, struct control, listener);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)readable;
	(void)writable;
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_at(control->host.log, LEVEL_WARN, "control-socket", "cannot accept a front end: %s", strerror(errno));
		return;
	}
	if (control->session_count >= CONTROL_SESSIONS_MAX)
		refuse(fd);
	else if (session_new(control, fd) != 0)
		log_warn(control->host.log, "no memory to serve a front end");
}

static int listen_on(struct control *control, const char *path)
{
	int fault;

	control->listener.ready = accept_one;
	control->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->listener.fd < 0)
		return complain_path(control, path);
	fault = bind_path(control, path);
	if (fault)
		return fault;
	if (listen(control->listener.fd, BACKLOG) < 0)
		return complain_path(control, path);
	return loop_watch(control->loop, &control->listener, true, false);
}

int control_adopt(struct control *control, int fd)
{
	return session_new(control, fd);
}

/* ---- events ---- */

static void take_event(const struct event *event, void *arg)
{
	struct control *control = arg;

	if (event->type == EVENT_LOST || event->size != sizeof(struct event_sa))
		return;
	const struct event_sa *about = (const struct event_sa *)(const void *)event;
	failures_take(control->failures, about, loop_now(control->loop));
	LIST_EACH(it, &control->requests) {
		struct request *request = CONTAINER(it, struct request, in_control);

		if (request->event)
			request->event(request, about);
	}
}

/* ---- begin and end ---- */

int control_new(struct control **out, struct loop *loop, const struct control_host *host, const char *path)
{
	uint64_t wants = EVENT_BIT(EVENT_IKE_UP) | EVENT_BIT(EVENT_IKE_DOWN) | EVENT_BIT(EVENT_CHILD_UP) |
			 EVENT_BIT(EVENT_CHILD_DOWN) | EVENT_BIT(EVENT_FAILURE) | EVENT_BIT(EVENT_TRYING);
	struct control *control = calloc(1, sizeof(*control));
	int fault = 0;

	if (!control)
		return FAULT_MEMORY;
	control->loop = loop;
	control->host = *host;
	control->listener.fd = -1;
	control->started = loop_now(loop);
	list_init(&control->sessions);
	list_init(&control->requests);
	control->failures = failures_new();
	control->subscription = bus_subscribe(host->bus, loop, wants, take_event, control);
	if (!control->failures || !control->subscription)
		fault = FAULT_MEMORY;
	else if (path)
		fault = listen_on(control, path);
	if (fault) {
		control_free(control);
		return fault;
	}
	*out = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	if (control->path)
		unlink(control->path);
	free(control->path);
	loop_unwatch(control->loop, &control->listener);
	if (control->listener.fd >= 0)
		close(control->listener.fd);
	LIST_EACH(it, &control->sessions)
		session_free(CONTAINER(it, struct session, in_control));
	bus_unsubscribe(control->host.bus, control->subscription);
	failures_free(control->failures);
	free(control);
}
