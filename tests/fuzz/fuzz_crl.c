/* SPDX-License-Identifier: MIT */
/* fuzz_crl.c - CRLs, in DER or PEM, and distribution points. The first octet picks which. */
#include <stdlib.h>

#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool is_in(const struct crl *crl, struct bytes b)
{
	return b.len == 0 || (b.at >= crl->der && b.len <= crl->len && (size_t)(b.at - crl->der) <= crl->len - b.len);
}

static void look_up(struct crl *crl)
{
	for (size_t i = 0; i < crl->count && i < 50; i++) {
		const struct crl_entry *e = &crl->entries[i];
		struct bytes serial = bytes_of(crl->der + e->serial_at, e->serial_len);

		must(e->issuer < crl->issuer_count && is_in(crl, serial));
		const struct crl_entry *found = crl_find(crl, crl->issuers[e->issuer], serial);
		must(found && found->serial_len == e->serial_len);
		(void)crl_entry_date(crl, found);
	}
	must(!crl_find(crl, bytes_text("nobody"), bytes_text("nothing")));
}

static void read_points(struct bytes value)
{
	struct point points[POINTS_MAX];
	struct crl_scope scope;
	char url[256];
	size_t count;

	if (scope_read(value, &scope))
		scope = (struct crl_scope){ .reasons = REASONS_ALL };
	must((scope.reasons & ~(unsigned)REASONS_ALL) == 0);
	if (points_read(value, points, &count))
		must(count == 0);
	for (size_t i = 0; i < count; i++) {
		struct reader names = reader_over(points[i].names);

		while (point_next_url(&names, url, sizeof(url)))
			for (const char *c = url; *c; c++)
				must(*c > ' ' && *c < 0x7f);
	}
	(void)point_covers(&scope, points, count);
}

static void read_crls(struct bytes octets)
{
	struct content *content = calloc(1, sizeof(*content));
	char why[WHY_MAX] = "";

	if (!content)
		return;
	atomic_init(&content->references, 1);
	if (crls_read(content, octets, why))
		must(why[0] != '\0');
	for (size_t i = 0; i < content->crl_count; i++) {
		struct crl *crl = content->crls[i];

		must(is_in(crl, crl->tbs) && is_in(crl, crl->issuer) && is_in(crl, crl->number) && is_in(crl, crl->freshest));
		look_up(crl);
		read_points(crl->freshest);
		(void)crl_delta_fits(crl, content->crls[0]);
	}
	content_unref(content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_over(bytes_of(data, size));
	uint8_t kind = read_u8(&r);
	struct bytes rest = read_rest(&r);

	if (kind & 1)
		read_points(rest);
	else
		read_crls(rest);
	return 0;
}
