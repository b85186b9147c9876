/* SPDX-License-Identifier: MIT */
/* file_watch.c - see file_watch.h. Folders are watched in their own folders too, as these may be replaced as a whole. */
#include "file_watch.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "map.h"
#include "settle.h"

/* Writing shows that there is more to come; opening for nothing, and reading, do not matter. */
enum {
	EVENTS = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR,
	NAME_KEY_MAX = NAME_MAX + 16,
	READS_MAX = 64,            /* in one turn */
};

/* A folder that is watched; wd -1: it is not there, or not ours to see. */
struct folder {
	UT_hash_handle hh;
	int wd;
	char path[];
};

/* A name, or pattern, in a folder: "WD/NAME". */
struct name {
	UT_hash_handle hh;
	char key[];
};

struct watched {
	struct folder *folders;
	struct name *names, *patterns;
};

struct file_watch {
	void (*changed)(void *arg, const char *name);
	void *arg;
	struct watch watch;
	struct settle settle;
	char first[NAME_MAX + 1];  /* that has changed; "": nothing has */
	struct watched now, before;
	int error;                 /* the first since file_watch_begin(): errno */
};

/* ---- what is watched ---- */

static void names_free(struct name **names)
{
	struct name *name, *next;

	HASH_ITER(hh, *names, name, next) {
		HASH_DELETE(hh, *names, name);
		free(name);
	}
}

static void watched_free(struct watched *watched)
{
	struct folder *folder, *next;

	names_free(&watched->names);
	names_free(&watched->patterns);
	HASH_ITER(hh, watched->folders, folder, next) {
		HASH_DELETE(hh, watched->folders, folder);
		free(folder);
	}
}

static void name_add(struct file_watch *watch, struct name **names, const char *key)
{
	size_t size = strlen(key) + 1;
	struct name *name;

	HASH_FIND_STR(*names, key, name);
	if (name)
		return;
	name = calloc(1, sizeof(*name) + size);
	if (name) {
		memcpy(name->key, key, size);
		HASH_ADD_STR(*names, key, name);
	}
	if (name && name->hh.tbl)
		return;
	watch->error = ENOMEM;
	free(name);
}

/* The folder, known or new; NULL without memory. */
static struct folder *folder_add(struct file_watch *watch, const char *path, bool *is_new)
{
	size_t size = strlen(path) + 1;
	struct folder *folder;

	HASH_FIND_STR(watch->now.folders, path, folder);
	*is_new = !folder;
	if (folder)
		return folder;
	folder = calloc(1, sizeof(*folder) + size);
	if (folder) {
		memcpy(folder->path, path, size);
		HASH_ADD_STR(watch->now.folders, path, folder);
	}
	if (!folder || !folder->hh.tbl) {
		watch->error = ENOMEM;
		free(folder);
		return NULL;
	}
	folder->wd = inotify_add_watch(watch->watch.fd, path, EVENTS);
	if (folder->wd < 0 && errno == ENOSPC)
		watch->error = errno;
	return folder;
}

/* True: the folder is a new one, so that its own folder is to be watched too. */
static bool add_in_folder(struct file_watch *watch, const char *path, const char *name, bool is_pattern)
{
	char key[NAME_KEY_MAX];
	bool is_new = false;
	struct folder *folder = folder_add(watch, path, &is_new);

	/* A longer name cannot be one of a file. */
	if (folder && folder->wd >= 0 && snprintf(key, sizeof(key), "%d/%s", folder->wd, name) < (int)sizeof(key))
		name_add(watch, is_pattern ? &watch->now.patterns : &watch->now.names, key);
	return is_new;
}

static void add_in_folders(struct file_watch *watch, const char *pattern, const char *name)
{
	glob_t found = { .gl_pathc = 0 };

	if (glob(pattern, GLOB_ONLYDIR, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)add_in_folder(watch, found.gl_pathv[i], name, true);
	globfree(&found);
}

/* Cuts the last part off; the rest is "." or "/" at least. */
static void cut_name(char path[PATH_MAX], char name[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	snprintf(name, PATH_MAX, "%s", slash ? slash + 1 : path);
	if (!slash) {
		memcpy(path, ".", 2);
		return;
	}
	while (slash > path && slash[-1] == '/')
		slash--;
	slash[slash == path] = '\0';
}

/* In its folder, that in its own, and so on, until that is known. */
static void add_path(struct file_watch *watch, const char *path, bool is_pattern)
{
	char rest[PATH_MAX], name[PATH_MAX];
	bool goes_on = snprintf(rest, sizeof(rest), "%s", path) < (int)sizeof(rest);

	while (goes_on && strcmp(rest, "/") != 0 && strcmp(rest, ".") != 0) {
		cut_name(rest, name);
		if (is_pattern)
			add_in_folders(watch, rest, name);
		else
			goes_on = add_in_folder(watch, rest, name, false);
	}
}

void file_watch_begin(struct file_watch *watch)
{
	watched_free(&watch->before);
	watch->before = watch->now;
	watch->now = (struct watched){ NULL, NULL, NULL };
	watch->error = 0;
}

void file_watch_add(struct file_watch *watch, const char *path, bool is_pattern)
{
	char *real = is_pattern ? NULL : realpath(path, NULL);

	add_path(watch, path, is_pattern);
	/* A link, or in a folder that is one: what it points to may change as well. */
	if (real && strcmp(real, path) != 0)
		add_path(watch, real, false);
	free(real);
}

static bool has_wd(const struct watched *watched, int wd)
{
	for (const struct folder *folder = watched->folders; folder; folder = folder->hh.next)
		if (folder->wd == wd)
			return true;
	return false;
}

/* What was watched before goes on being so, but for folders that are others now. */
static void keep_before(struct file_watch *watch)
{
	struct name *name, *next;

	HASH_ITER(hh, watch->before.names, name, next)
		name_add(watch, &watch->now.names, name->key);
	HASH_ITER(hh, watch->before.patterns, name, next)
		name_add(watch, &watch->now.patterns, name->key);
	for (const struct folder *folder = watch->before.folders; folder; folder = folder->hh.next) {
		bool is_new;

		(void)folder_add(watch, folder->path, &is_new);
	}
}

int file_watch_end(struct file_watch *watch, bool keep)
{
	if (keep)
		keep_before(watch);
	for (const struct folder *folder = watch->before.folders; folder; folder = folder->hh.next)
		if (folder->wd >= 0 && !has_wd(&watch->now, folder->wd))
			(void)inotify_rm_watch(watch->watch.fd, folder->wd);
	watched_free(&watch->before);
	return watch->error;
}

/* ---- what happens ---- */

static bool is_known(const struct watched *watched, int wd, const char *file)
{
	char key[NAME_KEY_MAX];
	struct name *name;
	int len = snprintf(key, sizeof(key), "%d/%s", wd, file);

	if (len < 0 || (size_t)len >= sizeof(key))
		return false;
	HASH_FIND_STR(watched->names, key, name);
	for (struct name *pattern = watched->patterns; !name && pattern; pattern = pattern->hh.next) {
		const char *slash = strchr(pattern->key, '/');

		if (atoi(pattern->key) == wd && fnmatch(slash + 1, file, FNM_PERIOD) == 0)
			name = pattern;
	}
	return name != NULL;
}

/* True: it is about one of ours. */
static bool hear(struct file_watch *watch, const struct inotify_event *event, const char *file)
{
	/* More than the queue holds, or a whole file system, may have been one of ours. */
	if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
		file = "something";
	else if (event->len == 0 || !is_known(&watch->now, event->wd, file))
		return false;
	if (!watch->first[0])
		snprintf(watch->first, sizeof(watch->first), "%s", file);
	return true;
}

/* Each event is a head, and a name that ends with at least one zero. */
static bool hear_all(struct file_watch *watch, struct bytes events)
{
	struct reader r = reader_over(events);
	bool matters = false;

	while (reader_left(&r) > 0) {
		struct inotify_event event;
		struct bytes head = read_bytes(&r, sizeof(event));

		if (!head.at)
			break;
		memcpy(&event, head.at, sizeof(event));
		struct bytes name = read_bytes(&r, event.len);
		if (event.len > 0 && (!name.at || name.at[name.len - 1] != '\0'))
			break;
		matters |= hear(watch, &event, (const char *)name.at);
	}
	return matters;
}

static void events_ready(struct watch *queue, bool readable, bool writable)
{
	struct file_watch *watch = CONTAINER(queue, struct file_watch, watch);
	uint8_t events[16 * 1024];
	bool matters = false;
	ssize_t len = 1;

	(void)readable;
	(void)writable;
	for (unsigned i = 0; i < READS_MAX && len > 0; i++) {
		len = read(queue->fd, events, sizeof(events));
		if (len > 0)
			matters |= hear_all(watch, bytes_of(events, (size_t)len));
	}
	/* Last: what it calls without memory may free the watch. */
	if (matters)
		settle_poke(&watch->settle);
}

static void is_settled(struct settle *settle)
{
	struct file_watch *watch = CONTAINER(settle, struct file_watch, settle);
	char name[sizeof(watch->first)];

	memcpy(name, watch->first, sizeof(name));
	watch->first[0] = '\0';
	watch->changed(watch->arg, name);
}

struct file_watch *file_watch_new(struct loop *loop, void (*changed)(void *arg, const char *name), void *arg)
{
	struct file_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	*watch = (struct file_watch){
		.changed = changed, .arg = arg,
		.watch = { .ready = events_ready, .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) },
		.settle = { .loop = loop, .quiet_ms = WATCH_SETTLE_MS, .most_ms = WATCH_SETTLE_MAX_MS, .run = is_settled },
	};
	if (watch->watch.fd >= 0 && loop_watch(loop, &watch->watch, true, false) == 0)
		return watch;
	int error = errno;
	file_watch_free(watch);
	errno = error;
	return NULL;
}

void file_watch_free(struct file_watch *watch)
{
	if (!watch)
		return;
	settle_stop(&watch->settle);
	loop_unwatch(watch->settle.loop, &watch->watch);
	if (watch->watch.fd >= 0)
		close(watch->watch.fd);
	watched_free(&watch->now);
	watched_free(&watch->before);
	free(watch);
}
