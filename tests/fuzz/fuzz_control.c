/* SPDX-License-Identifier: MIT */
/*
 * fuzz_control.c - what a front end may send: octets to a control server whose engine has no shards, no plugins and no settings. The
 * first octet says in how many pieces the rest arrives.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t no_time(void *arg)
{
	(void)arg;
	return 1;
}

static struct settings *no_settings(void *arg)
{
	(void)arg;
	return NULL;
}

static int no_reload(void *arg, void (*say)(void *to, const char *line), void *to)
{
	(void)arg;
	say(to, "nothing to read");
	return FAULT_INPUT;
}

static void pump(struct loop *loop, int fd)
{
	char answers[4096];

	while (loop_turn(loop) > 0 || recv(fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
}

static void talk(struct control *control, struct loop *loop, const uint8_t *data, size_t size)
{
	size_t piece = size ? 1 + (size - 1) / (data[0] % 8 + 1) : 1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return;
	if (control_adopt(control, pair[1]) == 0) {
		for (size_t at = 1; at < size; at += piece) {
			size_t len = size - at < piece ? size - at : piece;

			if (send(pair[0], data + at, len, MSG_NOSIGNAL) < 0)
				break;
			pump(loop, pair[0]);
		}
		shutdown(pair[0], SHUT_WR);
		pump(loop, pair[0]);
	}
	close(pair[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clock clock = { no_time, NULL };
	struct log_options options = { .level = LEVEL_ERROR, .fd = -1 };
	struct log *log = log_new(&options);
	struct loop *loop = loop_new(&clock);
	struct bus *bus = bus_new();
	struct engine *engine = calloc(1, sizeof(*engine));
	struct control *control = NULL;

	if (log && loop && bus && engine) {
		struct control_host host = {
			.log = log_root(log), .bus = bus, .engine = engine, .settings = no_settings, .reload = no_reload,
			.reload_secrets = no_reload,
		};

		if (control_new(&control, loop, &host, NULL) == 0)
			talk(control, loop, data, size);
	}
	control_free(control);
	free(engine);
	if (loop)
		loop_free(loop);
	bus_free(bus);
	if (log)
		log_free(log);
	return 0;
}
