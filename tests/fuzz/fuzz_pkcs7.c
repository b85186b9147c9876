/* SPDX-License-Identifier: MIT */
/* fuzz_pkcs7.c - CERT payloads of PKCS#7, and files of certificates in all their forms. The first octet picks which. */
#include "cert_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_over(bytes_of(data, size));
	bool is_payload = read_u8(&r) % 2 == 0;
	struct bytes input = read_rest(&r);
	struct cert_list list = { NULL, 0 };
	char why[WHY_MAX] = "";
	int fault = is_payload ? cert_unwrap(NULL, input, &list, why) : cert_load(NULL, input, &list, why);

	must(fault == 0 ? list.count > 0 : why[0] != '\0');
	must(list.count <= (is_payload ? (size_t)CERT_GIVEN_MAX : (size_t)CERT_FILE_COUNT_MAX));
	for (size_t i = 0; i < list.count; i++)
		must(list.at[i]->der.len > 0 && list.at[i]->subject_text[0]);
	cert_list_free(&list);
	return 0;
}
