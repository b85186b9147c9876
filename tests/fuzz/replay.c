/* SPDX-License-Identifier: MIT */
/* replay.c - runs a fuzz target over files without a fuzzer: for a corpus in "make check", and to look at one crash. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer's limit unless it is told otherwise is of this order; a message has 64 KiB at most. */
enum { INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_replay(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		return EXIT_FAILURE;
	}
	uint8_t *data = (uint8_t *)malloc(INPUT_MAX);
	size_t size = data ? fread(data, 1, INPUT_MAX, file) : 0;
	int failed = !data || ferror(file);
	fclose(file);
	if (failed)
		fprintf(stderr, "%s: cannot be read\n", path);
	/* Memory of exactly this size, so that a read beyond it is seen. */
	uint8_t *input = failed ? NULL : (uint8_t *)realloc(data, size ? size : 1);
	if (input)
		LLVMFuzzerTestOneInput(input, size);
	free(input ? input : data);
	return input ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	int status = EXIT_SUCCESS;

	for (int i = 1; i < argc; i++)
		if (file_replay(argv[i]) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	printf("%d inputs replayed\n", argc - 1);
	return status;
}
