/* SPDX-License-Identifier: MIT */
/*
 * disk.c - documents in files, so that a daemon that starts without its network knows what it knew. A file is a line that names the
 * format, the SHA-256 of the rest, and the rest: so one that is damaged anywhere is not believed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

static const char format[] = "keyferry revocation 1\n";
enum { HASH_LEN = 32, FORMAT_LEN = sizeof(format) - 1, REST = FORMAT_LEN + HASH_LEN, NAME_OCTETS = 20, KEY_ROOM = FETCH_URL_MAX + OCSP_ID_MAX + 4 };

static void path_of(char *out, size_t size, const char *folder, const char *key)
{
	uint8_t hash[HASH_LEN] = { 0 };

	(void)!gnutls_hash_fast(GNUTLS_DIG_SHA256, key, strlen(key), hash);
	int used = snprintf(out, size, "%s/", folder);
	for (size_t i = 0; i < NAME_OCTETS && used > 0 && (size_t)used < size; i++)
		used += snprintf(out + used, size - (size_t)used, "%02x", hash[i]);
}

/* ---- reading ---- */

static int read_file(int fd, size_t size_max, uint8_t **out, size_t *len)
{
	struct stat file;

	*out = NULL;
	*len = 0;
	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode) || file.st_size < REST || file.st_size > (off_t)(size_max + REST + KEY_ROOM + FETCH_ETAG_MAX))
		return FAULT_INPUT;
	*out = malloc((size_t)file.st_size);
	if (!*out)
		return FAULT_MEMORY;
	while (*len < (size_t)file.st_size) {
		ssize_t n = read(fd, *out + *len, (size_t)file.st_size - *len);

		if (n <= 0)
			return FAULT_INPUT;
		*len += (size_t)n;
	}
	return 0;
}

static int parse(struct bytes file, const char *key, struct disk_entry *out)
{
	struct reader r = reader_over(file);
	uint8_t hash[HASH_LEN];
	struct bytes head = read_bytes(&r, FORMAT_LEN), told = read_bytes(&r, HASH_LEN);

	if (r.failed || memcmp(head.at, format, FORMAT_LEN) != 0 || gnutls_hash_fast(GNUTLS_DIG_SHA256, r.at, reader_left(&r), hash) < 0 ||
	    memcmp(hash, told.at, HASH_LEN) != 0)
		return FAULT_INPUT;
	struct bytes name = read_bytes(&r, read_u32(&r));
	out->modified = (int64_t)read_u64(&r);
	out->fetched = (int64_t)read_u64(&r);
	struct bytes etag = read_bytes(&r, read_u16(&r));
	struct bytes data = read_bytes(&r, read_u32(&r));
	if (!reader_done(&r) || !bytes_equal(name, bytes_text(key)) || etag.len >= sizeof(out->etag) || data.len == 0)
		return FAULT_INPUT;
	memcpy(out->etag, etag.at, etag.len);
	out->etag[etag.len] = '\0';
	out->data = malloc(data.len);
	out->len = data.len;
	if (!out->data)
		return FAULT_MEMORY;
	memcpy(out->data, data.at, data.len);
	return 0;
}

int disk_load(const char *folder, const char *key, size_t size_max, struct disk_entry *out)
{
	char path[PATH_MAX];
	uint8_t *octets;
	size_t len;

	*out = (struct disk_entry){ 0 };
	path_of(path, sizeof(path), folder, key);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return FAULT_NOT_FOUND;
	int fault = read_file(fd, size_max, &octets, &len);
	close(fd);
	if (!fault)
		fault = parse(bytes_of(octets, len), key, out);
	free(octets);
	if (fault == FAULT_INPUT)
		unlink(path);
	return fault;
}

/* ---- writing ---- */

static int write_all(int fd, struct bytes octets)
{
	while (octets.len > 0) {
		ssize_t n = write(fd, octets.at, octets.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAULT_SYSTEM;
		octets = bytes_of(octets.at + n, octets.len - (size_t)n);
	}
	return 0;
}

/* With those above it. */
static int make_folder(const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return FAULT_SYSTEM;
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? FAULT_SYSTEM : 0;
}

static int replace(const char *path, struct bytes octets)
{
	char temporary[PATH_MAX + 16];

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return FAULT_SYSTEM;
	int fault = write_all(fd, octets);
	if (close(fd) < 0)
		fault = FAULT_SYSTEM;
	/* What a crash leaves of it does not have its hash. */
	if (!fault && rename(temporary, path) < 0)
		fault = FAULT_SYSTEM;
	if (fault) {
		int error = errno;

		unlink(temporary);
		errno = error;
	}
	return fault;
}

int disk_save(const char *folder, const char *key, const struct disk_entry *entry)
{
	size_t size = REST + 4 + strlen(key) + 8 + 8 + 2 + strlen(entry->etag) + 4 + entry->len;
	uint8_t *octets = malloc(size);
	char path[PATH_MAX];

	if (!octets)
		return FAULT_MEMORY;
	struct writer w = writer_over(octets, size);
	put_bytes(&w, bytes_of(format, FORMAT_LEN));
	uint8_t *hash = put_space(&w, HASH_LEN);
	put_u32(&w, (uint32_t)strlen(key));
	put_bytes(&w, bytes_text(key));
	put_u64(&w, (uint64_t)entry->modified);
	put_u64(&w, (uint64_t)entry->fetched);
	put_u16(&w, (uint16_t)strlen(entry->etag));
	put_bytes(&w, bytes_text(entry->etag));
	put_u32(&w, (uint32_t)entry->len);
	put_bytes(&w, bytes_of(entry->data, entry->len));
	int fault = hash && !w.failed && gnutls_hash_fast(GNUTLS_DIG_SHA256, octets + REST, size - REST, hash) >= 0 ? 0 : FAULT_CRYPTO;
	if (!fault)
		fault = make_folder(folder);
	if (!fault) {
		path_of(path, sizeof(path), folder, key);
		fault = replace(path, bytes_of(octets, size));
	}
	free(octets);
	return fault;
}

/* ---- cleaning ---- */

struct found {
	char name[64];
	int64_t written;
};

static int oldest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->written < y->written ? -1 : x->written > y->written;
}

/* Is it one of ours, or the beginning of one? */
static bool is_ours(const char *name)
{
	size_t len = strspn(name, "0123456789abcdef");

	return len == 2 * NAME_OCTETS && (name[len] == '\0' || (name[len] == '.' && strlen(name + len) == 7));
}

void disk_clean(const char *folder, int64_t now)
{
	enum { LOOKED_AT = 4 * DISK_FILES_MAX };
	struct found *files = calloc(LOOKED_AT, sizeof(*files));
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct stat file;
	size_t count = 0;

	while (files && dir && count < LOOKED_AT && (entry = readdir(dir))) {
		if (!is_ours(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &file, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (file.st_mtime < now - DISK_DAYS * 86400 || (strchr(entry->d_name, '.') && file.st_mtime < now - 3600)) {
			unlinkat(dirfd(dir), entry->d_name, 0);
			continue;
		}
		snprintf(files[count].name, sizeof(files[count].name), "%.60s", entry->d_name);
		files[count++].written = file.st_mtime;
	}
	if (files && count > DISK_FILES_MAX) {
		qsort(files, count, sizeof(*files), oldest_first);
		for (size_t i = 0; dir && i < count - DISK_FILES_MAX; i++)
			unlinkat(dirfd(dir), files[i].name, 0);
	}
	if (dir)
		closedir(dir);
	free(files);
}
