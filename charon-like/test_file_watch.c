/* SPDX-License-Identifier: MIT */
/* test_file_watch.c - files of a folder of its own that change in all the ways people and programs change files; in virtual time. */
#include "file_watch.h"

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

struct scene {
	char folder[64];
	uint64_t now;
	struct clock clock;
	struct loop *loop;
	struct file_watch *watch;
	unsigned changes;
	char name[64];             /* of the first file of the last change */
};

static uint64_t scene_now(void *arg)
{
	return ((struct scene *)arg)->now;
}

static void count_change(void *arg, const char *name)
{
	struct scene *s = arg;

	s->changes++;
	snprintf(s->name, sizeof(s->name), "%s", name);
}

static void scene_open(struct scene *s)
{
	*s = (struct scene){ .folder = "/tmp/keyferry-watch-XXXXXX", .now = 1000 };
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(s->folder));
	s->clock = (struct clock){ scene_now, s };
	s->loop = loop_new(&s->clock);
	s->watch = file_watch_new(s->loop, count_change, s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->watch);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void scene_close(struct scene *s)
{
	file_watch_free(s->watch);
	loop_free(s->loop);
	nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(char out[PATH_MAX], const struct scene *s, const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", s->folder, name);
	return out;
}

static void write_file(const struct scene *s, const char *name)
{
	char path[PATH_MAX];
	FILE *file = fopen(path_of(path, s, name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs("text", file);
	fclose(file);
}

static void make_folder(const struct scene *s, const char *name)
{
	char path[PATH_MAX];

	CU_ASSERT(mkdir(path_of(path, s, name), 0700) == 0);
}

static void move(const struct scene *s, const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];

	CU_ASSERT(rename(path_of(a, s, from), path_of(b, s, to)) == 0);
}

static void add(const struct scene *s, const char *name)
{
	char path[PATH_MAX];

	file_watch_add(s->watch, path_of(path, s, name), strchr(name, '*') != NULL);
}

/* As if the configuration consisted of these, up to NULL. */
static void watch_files(const struct scene *s, const char *first, ...)
{
	va_list names;

	file_watch_begin(s->watch);
	va_start(names, first);
	for (const char *name = first; name; name = va_arg(names, const char *))
		add(s, name);
	va_end(names);
	CU_ASSERT_EQUAL(file_watch_end(s->watch, false), 0);
}

/* Calls since it was asked last. */
static unsigned changes(struct scene *s)
{
	unsigned before = s->changes;

	loop_turn(s->loop);
	s->now += WATCH_SETTLE_MS - 1;
	loop_turn(s->loop);
	CU_ASSERT_EQUAL(s->changes, before);
	s->now++;
	loop_turn(s->loop);
	return s->changes - before;
}

static void ways_to_change(void)
{
	struct scene s;
	char path[PATH_MAX];

	scene_open(&s);
	write_file(&s, "main.xml");
	watch_files(&s, "main.xml", NULL);
	CU_ASSERT_EQUAL(changes(&s), 0);
	write_file(&s, "main.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	CU_ASSERT_EQUAL(changes(&s), 0);
	write_file(&s, "main.xml.new");
	write_file(&s, ".main.xml.swp");
	CU_ASSERT_EQUAL(changes(&s), 0);
	move(&s, "main.xml.new", "main.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	/* The new one is watched like the old. */
	write_file(&s, "main.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	CU_ASSERT(chmod(path_of(path, &s, "main.xml"), 0600) == 0);
	CU_ASSERT_EQUAL(changes(&s), 1);
	move(&s, "main.xml", "main.xml~");
	CU_ASSERT_EQUAL(changes(&s), 1);
	write_file(&s, "main.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	CU_ASSERT(unlink(path_of(path, &s, "main.xml")) == 0);
	CU_ASSERT_EQUAL(changes(&s), 1);
	scene_close(&s);
}

static void editors_are_waited_for(void)
{
	struct scene s;

	scene_open(&s);
	watch_files(&s, "main.xml", NULL);
	for (unsigned i = 0; i < 5; i++) {
		write_file(&s, "main.xml");
		loop_turn(s.loop);
		s.now += WATCH_SETTLE_MS / 2;
		loop_turn(s.loop);
	}
	CU_ASSERT_EQUAL(s.changes, 0);
	s.now += WATCH_SETTLE_MS / 2;
	loop_turn(s.loop);
	CU_ASSERT_EQUAL(s.changes, 1);
	scene_close(&s);
}

static void patterns(void)
{
	struct scene s;

	scene_open(&s);
	make_folder(&s, "conf.d");
	make_folder(&s, "sites");
	make_folder(&s, "sites/a");
	watch_files(&s, "conf.d/*.xml", "sites/*/ike.xml", NULL);
	write_file(&s, "conf.d/new.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	CU_ASSERT_STRING_EQUAL(s.name, "new.xml");
	write_file(&s, "conf.d/new.xml~");
	write_file(&s, "conf.d/.new.xml");
	CU_ASSERT_EQUAL(changes(&s), 0);
	write_file(&s, "sites/a/ike.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	make_folder(&s, "sites/b");
	CU_ASSERT_EQUAL(changes(&s), 1);
	CU_ASSERT_STRING_EQUAL(s.name, "b");
	scene_close(&s);
}

static void folders_are_replaced(void)
{
	struct scene s;

	scene_open(&s);
	/* Neither is there yet. */
	watch_files(&s, "etc/conf.d/*.xml", "etc/a.psk", NULL);
	make_folder(&s, "etc");
	make_folder(&s, "etc/conf.d");
	CU_ASSERT_EQUAL(changes(&s), 1);
	watch_files(&s, "etc/conf.d/*.xml", "etc/a.psk", NULL);
	write_file(&s, "etc/a.psk");
	CU_ASSERT_EQUAL(changes(&s), 1);
	move(&s, "etc/conf.d", "etc/old");
	make_folder(&s, "etc/conf.d");
	CU_ASSERT_EQUAL(changes(&s), 1);
	watch_files(&s, "etc/conf.d/*.xml", "etc/a.psk", NULL);
	write_file(&s, "etc/old/x.xml");
	CU_ASSERT_EQUAL(changes(&s), 0);
	write_file(&s, "etc/conf.d/x.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	scene_close(&s);
}

/* As Kubernetes mounts a secret: the file is a link into a folder that is a link, which is replaced. */
static void links_are_followed(void)
{
	struct scene s;
	char path[PATH_MAX];

	scene_open(&s);
	make_folder(&s, "one");
	make_folder(&s, "two");
	write_file(&s, "one/a.psk");
	write_file(&s, "two/a.psk");
	CU_ASSERT(symlink("one", path_of(path, &s, "data")) == 0);
	CU_ASSERT(symlink("data/a.psk", path_of(path, &s, "a.psk")) == 0);
	watch_files(&s, "a.psk", NULL);
	write_file(&s, "two/a.psk");
	CU_ASSERT_EQUAL(changes(&s), 0);
	write_file(&s, "one/a.psk");
	CU_ASSERT_EQUAL(changes(&s), 1);
	CU_ASSERT(symlink("two", path_of(path, &s, "data.new")) == 0);
	move(&s, "data.new", "data");
	CU_ASSERT(unlink(path_of(path, &s, "one/a.psk")) == 0);
	CU_ASSERT_EQUAL(changes(&s), 1);
	scene_close(&s);
}

static void old_files(void)
{
	struct scene s;

	scene_open(&s);
	watch_files(&s, "a.xml", "b.xml", NULL);
	watch_files(&s, "b.xml", NULL);
	write_file(&s, "a.xml");
	CU_ASSERT_EQUAL(changes(&s), 0);
	/* A reading that failed: what it did not come to is watched still. */
	file_watch_begin(s.watch);
	add(&s, "c.xml");
	CU_ASSERT_EQUAL(file_watch_end(s.watch, true), 0);
	write_file(&s, "b.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	write_file(&s, "c.xml");
	CU_ASSERT_EQUAL(changes(&s), 1);
	/* What happened before it began again is not forgotten. */
	write_file(&s, "b.xml");
	watch_files(&s, "b.xml", NULL);
	CU_ASSERT_EQUAL(changes(&s), 1);
	file_watch_begin(s.watch);
	file_watch_add(s.watch, "/", false);
	file_watch_add(s.watch, "", false);
	file_watch_add(s.watch, "relative", false);
	file_watch_add(s.watch, "//x", false);
	CU_ASSERT_EQUAL(file_watch_end(s.watch, false), 0);
	write_file(&s, "b.xml");
	CU_ASSERT_EQUAL(changes(&s), 0);
	scene_close(&s);
}

static const struct unit_case cases[] = {
	{ "a file that is written, replaced, moved, removed or made readable has changed", ways_to_change },
	{ "several writings in a row are one change", editors_are_waited_for },
	{ "a new file that fits a pattern is a change", patterns },
	{ "folders may be missing, come, and be replaced", folders_are_replaced },
	{ "what a link points to is watched too", links_are_followed },
	{ "files that are no longer asked for are forgotten, unless they are kept", old_files },
};

UNIT_MAIN("file_watch", cases)
