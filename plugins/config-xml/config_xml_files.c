/* SPDX-License-Identifier: MIT */
/*
 * config_xml_files.c - finds and reads the files of a configuration: regular ones of this machine, in bounds, and none
 * inside itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_xml.h"

/* Where somebody asked for a file. */
struct asked {
	const struct xml_place *place;
	unsigned line;
	const char *element;
};

__attribute__((format(printf, 4, 5)))
static void refuse(struct xml_load *load, const struct asked *asked, const char *path, const char *format, ...)
{
	char text[256];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (asked->place)
		xml_complain(load, asked->place->path, asked->line, asked->element, "%s %s", path, text);
	else
		xml_complain(load, path, 0, NULL, "%s", text);
}

static bool is_bounded(struct xml_load *load, const struct asked *asked, const char *path, const struct stat *st)
{
	unsigned depth = 0;

	if (!S_ISREG(st->st_mode)) {
		refuse(load, asked, path, "%s", S_ISDIR(st->st_mode) ? "is a directory; for its files write \"FOLDER/*.xml\""
								     : "is not a regular file");
		return false;
	}
	if (st->st_size > XML_FILE_MAX) {
		refuse(load, asked, path, "is larger than %d octets", XML_FILE_MAX);
		return false;
	}
	for (const struct xml_place *at = asked->place; at; at = at->outer, depth++)
		if (at->device == st->st_dev && at->inode == st->st_ino) {
			refuse(load, asked, path, "would include itself");
			return false;
		}
	if (depth > XML_DEPTH_MAX)
		refuse(load, asked, path, "is included more than %d files deep", XML_DEPTH_MAX);
	else if (load->file_count >= XML_FILES_MAX)
		refuse(load, asked, path, "is one file more than the %d that there may be", XML_FILES_MAX);
	return depth <= XML_DEPTH_MAX && load->file_count < XML_FILES_MAX;
}

/* The whole, or NULL with errno. A file that grows meanwhile is cut; that is found when it is parsed. */
static char *content_read(int fd, size_t size, size_t *len)
{
	char *content = malloc(size + 1);

	for (*len = 0; content && *len < size;) {
		ssize_t got = read(fd, content + *len, size - *len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(content);
			return NULL;
		}
		if (got == 0)
			break;
		*len += (size_t)got;
	}
	return content;
}

static void file_parse(struct xml_load *load, const struct asked *asked, const char *path, int fd)
{
	struct stat st;
	size_t len;

	if (fstat(fd, &st)) {
		refuse(load, asked, path, "cannot be read: %s", strerror(errno));
		return;
	}
	if (!is_bounded(load, asked, path, &st))
		return;
	if (st.st_mode & S_IWOTH)
		log_warn(load->log, "%s: everybody can change this configuration: chmod o-w %s", path, path);
	char *content = content_read(fd, (size_t)st.st_size, &len);
	if (!content) {
		refuse(load, asked, path, "cannot be read: %s", strerror(errno));
		return;
	}
	struct xml_place place = { path, st.st_dev, st.st_ino, asked->place };
	load->file_count++;
	xml_document(load, &place, bytes_of(content, len));
	free(content);
}

static bool file_load(struct xml_load *load, const struct asked *asked, const char *path)
{
	config_file(load->into, path, false);
	/* Opening a FIFO must not wait for who writes it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return false;
	if (fd < 0) {
		refuse(load, asked, path, "cannot be read: %s", strerror(errno));
		return true;
	}
	file_parse(load, asked, path, fd);
	close(fd);
	return true;
}

/* ---- patterns ---- */

/* A folder that we may not look into must not pass for an empty one. */
static int stop_at(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

static void pattern_load(struct xml_load *load, const struct asked *asked, const char *pattern)
{
	glob_t found = { .gl_pathc = 0 };

	config_file(load->into, pattern, true);
	int status = glob(pattern, 0, stop_at, &found);
	if (status == GLOB_NOSPACE)
		load->fault = FAULT_MEMORY;
	else if (status == GLOB_ABORTED)
		refuse(load, asked, pattern, "cannot be looked for: %s", strerror(errno));
	else if (status == GLOB_NOMATCH)
		log_debug(load->log, "%s:%u: <%s>: no file fits %s", asked->place->path, asked->line, asked->element, pattern);
	/* In the order of their names. A file that is gone meanwhile was not there. */
	for (size_t i = 0; status == 0 && i < found.gl_pathc; i++)
		file_load(load, asked, found.gl_pathv[i]);
	globfree(&found);
}

/* The folder of the asking file, then the pattern; what looks like one in the folder's name is not one. */
static bool pattern_make(char out[PATH_MAX], const struct xml_place *place, const char *pattern, bool is_pattern)
{
	const char *slash = place && pattern[0] != '/' ? strrchr(place->path, '/') : NULL;
	size_t used = 0;

	for (const char *c = slash ? place->path : ""; slash && c <= slash && used + 2 < PATH_MAX; c++) {
		if (is_pattern && strchr("*?[\\", *c))
			out[used++] = '\\';
		out[used++] = *c;
	}
	int len = snprintf(out + used, PATH_MAX - used, "%s", pattern);
	return len > 0 && (size_t)len < PATH_MAX - used;
}

bool xml_files(struct xml_load *load, const struct xml_place *place, const char *pattern, unsigned line, const char *element)
{
	struct asked asked = { place, line, element };
	bool is_pattern = place && strpbrk(pattern, "*?[");
	char path[PATH_MAX];

	if (!pattern_make(path, place, pattern, is_pattern)) {
		refuse(load, &asked, pattern, "is not a path");
		return true;
	}
	if (!is_pattern)
		return file_load(load, &asked, path);
	pattern_load(load, &asked, path);
	return true;
}
