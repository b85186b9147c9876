/* SPDX-License-Identifier: MIT */
/* fuzz_ocsp.c - answers of OCSP responders, as if their signature were good, about a certificate that is made up. */
#include <stdlib.h>

#include "crl.h"
#include "ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "CN=CA"; a public key of four octets; serial 0x1000. The corpus is about these. */
static const uint8_t name[] = { 0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x02, 'C', 'A' };
static const uint8_t key[] = { 0x30, 0x0b, 0x30, 0x02, 0x06, 0x00, 0x03, 0x05, 0x00, 'k', 'e', 'y', '!' };
static const uint8_t serial[] = { 0x10, 0x00 };
enum { NOW = 1767225600 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct certificate issuer = { .subject = { name, sizeof(name) }, .spki = { key, sizeof(key) } };
	static const struct certificate certificate = { .issuer = { name, sizeof(name) }, .serial = { serial, sizeof(serial) } };
	struct ocsp_question question = { .certificate = &certificate, .issuer = &issuer, .nonce = "nonce", .nonce_len = 5 };
	struct cert_failure failure = { NULL, "" };
	struct ocsp_answer answer;
	char text[TIME_TEXT_MAX];

	if (ocsp_read_proved(&answer, &question, bytes_of(data, size), NOW, true, &failure))
		must(failure.code && failure.why[0]);
	else
		must(answer.status <= OCSP_UNKNOWN && answer.this_update <= NOW + OCSP_SKEW && reason_text(answer.reason) && time_text(text, answer.revoked));
	question.nonce_len = 0;
	(void)!ocsp_read_proved(&answer, &question, bytes_of(data, size), NOW, true, &failure);
	return 0;
}
