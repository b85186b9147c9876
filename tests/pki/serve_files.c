/* SPDX-License-Identifier: MIT */
/*
 * serve_files.c - a web server for daemons under test: serve-files FOLDER ADDRESS PORT. What is not there is answered with 404; /hang with
 * nothing, /drip with an octet a second. A line for each request goes to standard output.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "web_server.h"

enum { FILE_SIZE_MAX = 1 << 20, FILE_PATH_MAX = 1024 };

static void send_file(struct web_request *request)
{
	char path[FILE_PATH_MAX];
	uint8_t *content = malloc(FILE_SIZE_MAX);

	snprintf(path, sizeof(path), "%s%s", (const char *)request->server->arg, request->path);
	FILE *file = content && !strstr(request->path, "..") ? fopen(path, "rb") : NULL;
	web_answer(request, file ? 200 : 404, "", bytes_of(content, file ? fread(content, 1, FILE_SIZE_MAX, file) : 0));
	if (file)
		(void)fclose(file);
	free(content);
}

static void serve(struct web_request *request)
{
	printf("%s %s\n", request->method, request->path);
	if (strcmp(request->path, "/hang") == 0)
		web_hang(request);
	else if (strcmp(request->path, "/drip") == 0)
		web_drip(request);
	else
		send_file(request);
}

int main(int argc, char **argv)
{
	struct web_server server = { .serve = serve };
	sigset_t ends;
	int signal;

	if (argc != 4) {
		fprintf(stderr, "usage: serve-files FOLDER ADDRESS PORT\n");
		return EXIT_FAILURE;
	}
	setlinebuf(stdout);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	server.arg = argv[1];
	server.address = argv[2];
	server.fixed_port = (unsigned)strtoul(argv[3], NULL, 10);
	if (web_open(&server)) {
		fprintf(stderr, "serve-files: cannot listen at %s, port %s\n", argv[2], argv[3]);
		return EXIT_FAILURE;
	}
	sigwait(&ends, &signal);
	web_close(&server);
	return EXIT_SUCCESS;
}
