/* SPDX-License-Identifier: MIT */
/* certs.c - references to certificates, lists and chains of them. Reading and validating is the store's (plugins/cert-chain). */
#include "certs.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct certificate *certificate_ref(struct certificate *certificate)
{
	if (certificate)
		atomic_fetch_add_explicit(&certificate->references, 1, memory_order_relaxed);
	return certificate;
}

void certificate_unref(struct certificate *certificate)
{
	if (certificate && atomic_fetch_sub_explicit(&certificate->references, 1, memory_order_acq_rel) == 1)
		certificate->free(certificate);
}

const char *certificate_time_text(char out[CERT_TIME_TEXT_MAX], int64_t when)
{
	time_t seconds = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(out, CERT_TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(out, CERT_TIME_TEXT_MAX, "%lld", (long long)when);
	return out;
}

bool certificate_same(const struct certificate *a, const struct certificate *b)
{
	return a == b || bytes_equal(a->der, b->der);
}

int cert_list_add(struct cert_list *list, struct certificate *certificate, size_t max)
{
	int fault = list->count >= max ? FAULT_FULL : 0;
	struct certificate **more = fault ? NULL : realloc(list->at, (list->count + 1) * sizeof(struct certificate *));

	if (!more) {
		certificate_unref(certificate);
		return fault ? fault : FAULT_MEMORY;
	}
	list->at = more;
	list->at[list->count++] = certificate;
	return 0;
}

void cert_list_free(struct cert_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		certificate_unref(list->at[i]);
	free(list->at);
	*list = (struct cert_list){ NULL, 0 };
}

void cert_chain_free(struct cert_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		certificate_unref(chain->at[i]);
	chain->count = 0;
}
