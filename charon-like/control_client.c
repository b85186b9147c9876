/* SPDX-License-Identifier: MIT */
/* control_client.c - see control_client.h; control.h has the protocol. */
#include "control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int complain_connect(const char *path, char error[CLIENT_ERROR_MAX])
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		snprintf(error, CLIENT_ERROR_MAX,
			 "keyferryd does not run (nobody listens on %s): start it with `keyferryd`, or name its "
			 "socket with --control", path);
		return FAULT_NOT_FOUND;
	case EACCES:
	case EPERM:
		snprintf(error, CLIENT_ERROR_MAX, "the control socket %s may not be opened: run as root or as a member of its group", path);
		return FAULT_PERMISSION;
	default:
		snprintf(error, CLIENT_ERROR_MAX, "cannot reach keyferryd on %s: %s", path, strerror(errno));
		return FAULT_SYSTEM;
	}
}

/* A stream, or NULL. */
static FILE *open_socket(const char *path, char error[CLIENT_ERROR_MAX], int *fault)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = strlen(path);
	FILE *stream;

	errno = len < sizeof(where.sun_path) ? errno : ENAMETOOLONG;
	if (len < sizeof(where.sun_path))
		memcpy(where.sun_path, path, len + 1);
	if (fd < 0 || len >= sizeof(where.sun_path) || connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
		*fault = complain_connect(path, error);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	stream = fdopen(fd, "r");
	if (!stream) {
		close(fd);
		snprintf(error, CLIENT_ERROR_MAX, "%s", fault_text(FAULT_MEMORY));
		*fault = FAULT_MEMORY;
	}
	return stream;
}

static int send_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0, sent = 0;

	if (!text)
		return FAULT_MEMORY;
	text[len++] = '\n';
	while (sent < len) {
		ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	free(text);
	return sent == len ? 0 : FAULT_SYSTEM;
}

/* 1: there is more; 0 or a fault: that was the last. */
static int take_answer(const json_t *answer, const struct client_answers *answers, char error[CLIENT_ERROR_MAX])
{
	const char *line = json_string_value(json_object_get(answer, "line"));
	const char *why = json_string_value(json_object_get(answer, "error"));
	const json_t *data = json_object_get(answer, "data");

	if (line && answers->line)
		answers->line(answers->arg, line);
	if (data && answers->data)
		answers->data(answers->arg, data);
	if (!json_is_true(json_object_get(answer, "done")))
		return 1;
	if (json_integer_value(json_object_get(answer, "status")) == 0)
		return 0;
	snprintf(error, CLIENT_ERROR_MAX, "%s", why ? why : "keyferryd does not say why");
	return FAULT_INPUT;
}

static int take_answers(FILE *stream, const struct client_answers *answers, char error[CLIENT_ERROR_MAX])
{
	char *line = NULL;
	size_t size = 0;
	int status = 1;

	while (status == 1) {
		ssize_t len = getline(&line, &size, stream);
		json_t *answer = len > 0 ? json_loadb(line, (size_t)len, 0, NULL) : NULL;

		if (answer) {
			status = take_answer(answer, answers, error);
		} else {
			snprintf(error, CLIENT_ERROR_MAX, len > 0 ? "keyferryd answers with something that is no JSON" :
				 "keyferryd hung up before the end of its answer");
			status = FAULT_SYSTEM;
		}
		json_decref(answer);
	}
	free(line);
	return status;
}

int client_ask(const char *path, const json_t *request, const struct client_answers *answers, char error[CLIENT_ERROR_MAX])
{
	int fault = 0;

	error[0] = '\0';
	FILE *stream = open_socket(path, error, &fault);
	if (!stream)
		return fault;
	fault = send_request(fileno(stream), request);
	if (fault)
		snprintf(error, CLIENT_ERROR_MAX, "cannot ask keyferryd: %s", fault == FAULT_MEMORY ? fault_text(fault) : strerror(errno));
	else
		fault = take_answers(stream, answers, error);
	fclose(stream);
	return fault;
}
