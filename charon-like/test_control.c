/* SPDX-License-Identifier: MIT */
/* test_control.c - conversations with the control server, good and bad, and its socket. What commands do is test_control_commands.c's. */
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "test_control.h"

static const char up_office[] = "{\"command\":\"up\",\"arguments\":[\"office\"]}\n";

/* ---- talking ---- */

static void version_is_answered(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"version\"}\n");
	CU_ASSERT(told(&f, "{\"data\":{\"schema\":1,\"version\":\"" PACKAGE_VERSION "\"") && done_well(&f));
	fixture_close(&f);
}

static void garbage_is_refused(void)
{
	/* clang-format off */
	static const char *const lines[] = {
		"hello\n", "[]\n", "{}\n", "\"up\"\n", "{\"command\":7}\n", "{\"command\":\"up\",\"arguments\":\"office\"}\n",
		"{\"command\":\"up\",\"arguments\":[1]}\n", "{\"command\":\"up\",\"arguments\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}\n",
		"{\"command\":\"up\"}\n", "{\"command\":\"up\",\"arguments\":[\"\"]}\n", "{\"command\":\"up\",\"arguments\":[\"office/\"]}\n",
		"{\"command\":\"up\",\"arguments\":[\"office\"],\"timeout\":-1}\n", "{\"command\":\"a\",\"command\":\"b\"}\n",
		"{\"command\":\"up\",\"arguments\":[\"office\"],\"timeout\":99999999}\n", "\xff\xfe\x01\n", "{\"command\":\"\\u0000\"}\n",
	};
	/* clang-format on */
	struct fixture f;

	fixture_open(&f, NULL);
	for (size_t i = 0; i < COUNT(lines); i++) {
		say(&f, lines[i]);
		CU_ASSERT(told(&f, "\"done\":true,\"status\":1,\"error\":\""));
	}
	say(&f, "\n\n{\"command\":\"version\"}\n");
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
}

static void misspelt_names_are_corrected(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"statsu\"}\n");
	CU_ASSERT(told(&f, "there is no command \\\"statsu\\\"; did you mean \\\"status\\\"?"));
	say(&f, "{\"command\":\"up\",\"arguments\":[\"ofice\"]}\n");
	CU_ASSERT(told(&f, "there is no connection \\\"ofice\\\"; did you mean \\\"office\\\"?"));
	say(&f, "{\"command\":\"up\",\"arguments\":[\"office/lam\"]}\n");
	CU_ASSERT(told(&f, "did you mean \\\"lan\\\"?"));
	fixture_close(&f);
}

static void long_line_ends_session(void)
{
	struct fixture f;
	static char line[CONTROL_LINE_MAX];

	fixture_open(&f, NULL);
	memset(line, 'x', sizeof(line));
	for (size_t sent = 0; sent < sizeof(line);) {
		ssize_t n = send(f.fd, line + sent, sizeof(line) - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		pump(&f);
	}
	(void)!send(f.fd, "y", 1, MSG_NOSIGNAL);
	pump(&f);
	pump(&f);
	CU_ASSERT(!read_reply(&f));
	CU_ASSERT(told(&f, "shorter than 64 KiB"));
	fixture_close(&f);
}

static void pieces_make_a_request(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"comm");
	CU_ASSERT(f.used == 0);
	say(&f, "and\":\"version\"}");
	CU_ASSERT(f.used == 0);
	say(&f, "\n");
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
}

static void requests_wait_their_turn(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"status\"}\n{\"command\":\"version\"}\n{\"command\":\"log-level\",\"arguments\":[\"warn\"]}\n");
	const char *status = strstr(f.reply, "\"schema\":1"), *version = strstr(f.reply, "plugin_abi");
	CU_ASSERT(status && version && status < version);
	CU_ASSERT(log_level(f.log) == LEVEL_WARN);
	/* A front end that has said all it will, and waits. */
	f.used = 0;
	CU_ASSERT(send(f.fd, "{\"command\":\"status\"}\n", 21, 0) == 21 && shutdown(f.fd, SHUT_WR) == 0);
	pump(&f);
	pump(&f);
	CU_ASSERT(!read_reply(&f));
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
}

static void reload_tells_lines(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"reload\"}\n");
	CU_ASSERT(told(&f, "{\"line\":\"office.xml:3: <child>: no such thing\"}"));
	CU_ASSERT(told(&f, "\"status\":1"));
	say(&f, "{\"command\":\"reload\",\"arguments\":[\"secrets\"]}\n");
	CU_ASSERT(told(&f, "{\"line\":\"the secrets were read again\"}") && done_well(&f));
	say(&f, "{\"command\":\"reload\",\"arguments\":[\"secret\"]}\n");
	CU_ASSERT(told(&f, "usage: reload [secrets]") && !told(&f, "\"line\""));
	say(&f, "{\"command\":\"log-level\",\"arguments\":[\"loud\"]}\n");
	CU_ASSERT(told(&f, "error, warn, info or debug"));
	say(&f, "{\"command\":\"plugins\"}\n");
	CU_ASSERT(told(&f, "\"plugins\":[]") && done_well(&f));
	fixture_close(&f);
}

/* ---- ends ---- */

static void front_end_may_leave(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	CU_ASSERT(send(f.fd, up_office, strlen(up_office), 0) > 0);
	loop_turn(f.loop);
	close(f.fd);
	f.fd = connect_pair(&f);
	pump(&f);
	CU_ASSERT(send(f.fd, "{\"command\":\"status\"}\n", 21, 0) == 21);
	loop_turn(f.loop);
	close(f.fd);
	f.fd = -1;
	pump(&f);
	fixture_close(&f);
}

static void server_may_end_first(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	CU_ASSERT(send(f.fd, up_office, strlen(up_office), 0) > 0);
	loop_turn(f.loop);
	int other = connect_pair(&f);
	CU_ASSERT(send(other, "{\"command\":\"status\"}\n", 21, 0) == 21);
	loop_turn(f.loop);
	fixture_close(&f);
	close(other);
}

static void silence_ends_session(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"up\",\"arguments\":[\"office\"],\"timeout\":600}\n");
	now_ms += CONTROL_IDLE_MS + 1000;
	pump(&f);
	CU_ASSERT(read_reply(&f));
	now_ms += 540000;
	pump(&f);
	CU_ASSERT(read_reply(&f) && told(&f, "not up after 600 seconds"));
	now_ms += CONTROL_IDLE_MS + 1000;
	pump(&f);
	CU_ASSERT(!read_reply(&f));
	fixture_close(&f);
}

/* ---- the socket ---- */

static char socket_path[108];

static const char *new_path(void)
{
	static unsigned count;

	snprintf(socket_path, sizeof(socket_path), "/tmp/keyferry-test-%ld-%u", (long)getpid(), count++);
	return socket_path;
}

static int connect_to(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
	CU_ASSERT(connect(fd, (const struct sockaddr *)&where, sizeof(where)) == 0);
	return fd;
}

static void socket_is_private(void)
{
	struct fixture f;
	struct stat found;
	const char *path = new_path();

	fixture_open(&f, path);
	CU_ASSERT(stat(path, &found) == 0 && (found.st_mode & 07777) == 0660);
	f.fd = connect_to(path);
	say(&f, "{\"command\":\"version\"}\n");
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
	CU_ASSERT(stat(path, &found) != 0);
}

static void front_ends_are_bounded(void)
{
	struct fixture f;
	int fds[CONTROL_SESSIONS_MAX];

	fixture_open(&f, new_path());
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = connect_to(socket_path);
		pump(&f);
	}
	f.fd = connect_to(socket_path);
	pump(&f);
	CU_ASSERT(!read_reply(&f));
	CU_ASSERT(told(&f, "too many front ends"));
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	pump(&f);
	close(f.fd);
	f.fd = connect_to(socket_path);
	say(&f, "{\"command\":\"version\"}\n");
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
}

static void second_server_is_refused(void)
{
	struct fixture f;
	struct control *second = NULL;

	fixture_open(&f, new_path());
	struct control_host host = host_of(&f);
	CU_ASSERT(control_new(&second, f.loop, &host, socket_path) == FAULT_EXISTS);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "another keyferryd listens on /tmp/keyferry-test-"));
	/* And the first still serves. */
	f.fd = connect_to(socket_path);
	say(&f, "{\"command\":\"version\"}\n");
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
}

static void leftovers_are_told_apart(void)
{
	struct fixture f;
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	struct control *other = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(where.sun_path, sizeof(where.sun_path), "%s", new_path());
	CU_ASSERT(bind(fd, (const struct sockaddr *)&where, sizeof(where)) == 0);
	close(fd);
	fixture_open(&f, socket_path);
	FILE *file = fopen(new_path(), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fclose(file);
	struct control_host host = host_of(&f);
	CU_ASSERT(control_new(&other, f.loop, &host, socket_path) == FAULT_EXISTS);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "is no socket; remove it"));
	CU_ASSERT(unlink(socket_path) == 0);
	CU_ASSERT(control_new(&other, f.loop, &host, "/nowhere/at/all") == FAULT_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "its folder is missing"));
	fixture_close(&f);
}

static int open_as_nobody(struct fixture *f)
{
	struct control_host host = host_of(f);
	struct control *control = NULL;

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		return 2;
	int fault = control_new(&control, f->loop, &host, "/proc/keyferry-control");
	int denied = control_new(&control, f->loop, &host, "/etc/keyferry-test-control");
	return fault < 0 && denied == FAULT_PERMISSION && strstr(logged, "run as root, or choose a place") ? 0 : 1;
}

static void missing_permission_is_explained(void)
{
	struct fixture f;
	int status = -1;

	fixture_open(&f, NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(open_as_nobody(&f));
	CU_ASSERT(child > 0 && waitpid(child, &status, 0) == child);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	fixture_close(&f);
}

static const struct unit_case cases[] = {
	{ "version is answered with data and an end", version_is_answered },
	{ "garbage is refused and the session goes on", garbage_is_refused },
	{ "misspelt commands and names are answered with the nearest", misspelt_names_are_corrected },
	{ "a line of 64 KiB is refused and ends the session", long_line_ends_session },
	{ "a request may come in pieces", pieces_make_a_request },
	{ "requests that come together are answered in order", requests_wait_their_turn },
	{ "reload tells the lines about what is wrong, of secrets alone too", reload_tells_lines },
	{ "a front end may leave while shards work for it", front_end_may_leave },
	{ "the server may end while shards work for it", server_may_end_first },
	{ "a silent session is ended, one whose request runs is not", silence_ends_session },
	{ "the socket is for owner and group only, and removed at the end", socket_is_private },
	{ "the number of front ends is bounded", front_ends_are_bounded },
	{ "a second server on the same socket is refused", second_server_is_refused },
	{ "a dead socket is replaced, any other file is not touched", leftovers_are_told_apart },
	{ "a missing permission is explained", missing_permission_is_explained },
};

UNIT_MAIN("control", cases)
