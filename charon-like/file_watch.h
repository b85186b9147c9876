/* SPDX-License-Identifier: MIT */
/*
 * file_watch.h - tells when files have changed, were replaced, came or went (inotify). Folders are what is watched, since editors put a
 * new file in the place of the old one; so files may be watched that are not there yet.
 */
#ifndef KEYFERRY_FILE_WATCH_H
#define KEYFERRY_FILE_WATCH_H
#include "loop.h"

/* Editors and copies write more than once; who never stops writing is read in the midst of it. */
enum { WATCH_SETTLE_MS = 1000, WATCH_SETTLE_MAX_MS = 10000 };

struct file_watch;                 /* loop's thread */

/*
 * Calls `changed` once for each burst of changes, from the loop; `name` is that of the first file (or folder), without its folder. It may
 * free the watch.
 * NULL with errno: none can be had.
 */
struct file_watch *file_watch_new(struct loop *loop, void (*changed)(void *arg, const char *name), void *arg) MUST_CHECK;
void file_watch_free(struct file_watch *watch);
/*
 * From file_watch_begin() on files are added, each before it is read, so that no change is missed; file_watch_end() forgets those from
 * before that were not added again, or with `keep` does not, and returns an errno when some cannot be watched. A pattern is glob()'s.
 */
void file_watch_begin(struct file_watch *watch);
void file_watch_add(struct file_watch *watch, const char *path, bool is_pattern);
int file_watch_end(struct file_watch *watch, bool keep) MUST_CHECK;

#endif
