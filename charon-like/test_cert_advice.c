/* SPDX-License-Identifier: MIT */
/* test_cert_advice.c - what is said of certificates of ours; the store here takes all but those whose code says otherwise. */
#include "cert_advice.h"

#include <stdio.h>

#include "unit.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 */
enum { DAY = 24 * 60 * 60 };

static void nothing(struct certificate *certificate)
{
	(void)certificate;
}

/* Names are texts here; nobody parses them. */
static struct certificate make(const char *subject, const char *issuer)
{
	struct certificate c = { .free = nothing, .kind = KEY_ECDSA256, .bits = 256, .not_before = NOW - DAY, .not_after = NOW + 90 * DAY, .is_ca = true };

	c.der = c.subject = bytes_text(subject);
	c.issuer = bytes_text(issuer);
	snprintf(c.subject_text, sizeof(c.subject_text), "%s", subject);
	snprintf(c.serial_text, sizeof(c.serial_text), "01");
	return c;
}

static const struct cert_query *asked;
static const char *answer;
static const struct certificate *asked_anchor;

static int fake_verify(void *state, const struct cert_query *query, struct cert_chain *out, struct cert_failure *failure)
{
	(void)state;
	out->count = 0;
	asked = query;
	asked_anchor = query->anchors[0];
	*failure = (struct cert_failure){ answer, "certificate CN=gw (serial 01) is bad" };
	return answer ? FAULT_CRYPTO : 0;
}

static const struct cert_store store = { .name = "x509", .verify = fake_verify };
static const struct provider provider = { .ops = &store };

static void expiry(void)
{
	struct certificate c = make("CN=gw", "CN=root");
	char why[WHY_MAX], text[CERT_VALIDITY_TEXT_MAX];

	CU_ASSERT(!cert_expires(&c, NOW, why));
	CU_ASSERT_STRING_EQUAL(cert_validity_text(text, &c, NOW), "valid until 2026-04-01 00:00:00 UTC, 90 days left");
	c.not_after = NOW + CERT_EXPIRY_DAYS * (int64_t)DAY;
	CU_ASSERT(!cert_expires(&c, NOW, why));
	CU_ASSERT(cert_expires(&c, NOW + 1, why));
	CU_ASSERT_STRING_EQUAL(why, "certificate CN=gw (serial 01) expires on 2026-01-31 00:00:00 UTC, in 29 days; renew it before");
	CU_ASSERT(cert_expires(&c, c.not_after, why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "in 0 days"));
	CU_ASSERT(cert_expires(&c, c.not_after + 1, why));
	CU_ASSERT_STRING_EQUAL(why, "certificate CN=gw (serial 01) expired on 2026-01-31 00:00:00 UTC; renew it, or set the clock right");
	CU_ASSERT_STRING_EQUAL(cert_validity_text(text, &c, c.not_after + 1), "expired on 2026-01-31 00:00:00 UTC");
	CU_ASSERT(cert_expires(&c, NOW - 2 * DAY, why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "is valid from 2025-12-31 00:00:00 UTC on"));
	CU_ASSERT_STRING_EQUAL(cert_validity_text(text, &c, NOW - 2 * DAY), "not valid before 2025-12-31 00:00:00 UTC");
}

static void anchors(void)
{
	struct certificate c = make("CN=root", "CN=root");
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(cert_anchor_check(&c, why), 0);
	c.is_ca = false;
	CU_ASSERT_EQUAL(cert_anchor_check(&c, why), FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "certificate CN=root (serial 01) is that of no authority (its basicConstraints do not say CA)"));
	c.is_ca = true;
	c.kind = KEY_RSA;
	c.bits = 1024;
	CU_ASSERT_EQUAL(cert_anchor_check(&c, why), FAULT_INPUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "has a key of 1024 bits, and 2048 are the least that is taken"));
	c.kind = KEY_OTHER;
	c.bits = 224;
	CU_ASSERT_EQUAL(cert_anchor_check(&c, why), FAULT_INPUT);
	c.bits = 256;
	CU_ASSERT_EQUAL(cert_anchor_check(&c, why), 0);
}

static void chains(void)
{
	struct certificate leaf = make("CN=gw", "CN=sub"), sub = make("CN=sub", "CN=root"), root = make("CN=root", "CN=root");
	struct certificate *alone[] = { &leaf }, *both[] = { &leaf, &sub }, *known[] = { &root, &sub };
	struct cert_list own = { alone, 1 };
	char why[WHY_MAX];

	answer = NULL;
	/* An authority that we do not know may be the one that peers know. */
	CU_ASSERT(!cert_own_flaw(&provider, &own, NULL, 0, NOW, why));
	CU_ASSERT_PTR_EQUAL(asked_anchor, &leaf);
	CU_ASSERT(cert_own_flaw(&provider, &own, known, 2, NOW, why));
	CU_ASSERT_STRING_EQUAL(why, "the certificate of CN=sub, which has issued CN=gw, is not in the file, and it is no authority at the top that peers know; add it "
				    "behind the others");
	own = (struct cert_list){ both, 2 };
	CU_ASSERT(!cert_own_flaw(&provider, &own, known, 2, NOW, why));
	CU_ASSERT_PTR_EQUAL(asked_anchor, &root);
	CU_ASSERT(!cert_own_flaw(&provider, &own, NULL, 0, NOW, why));
	CU_ASSERT_PTR_EQUAL(asked_anchor, &sub);
}

static void refused(void)
{
	struct certificate leaf = make("CN=gw", "CN=gw");
	struct certificate *alone[] = { &leaf };
	struct cert_list own = { alone, 1 };
	char why[WHY_MAX];

	answer = "cert-key-usage";
	CU_ASSERT(cert_own_flaw(&provider, &own, NULL, 0, NOW, why));
	CU_ASSERT_STRING_EQUAL(why, "peers will refuse it: certificate CN=gw (serial 01) is bad");
	answer = "cert-expired";
	CU_ASSERT(!cert_own_flaw(&provider, &own, NULL, 0, NOW, why));
}

/* Two that have issued each other. */
static void circle(void)
{
	struct certificate a = make("CN=a", "CN=b"), b = make("CN=b", "CN=a");
	struct certificate *both[] = { &a, &b };
	struct cert_list own = { both, 2 };
	char why[WHY_MAX];

	answer = NULL;
	CU_ASSERT(!cert_own_flaw(&provider, &own, NULL, 0, NOW, why));
}

static const struct unit_case cases[] = {
	{ "a certificate that expires within 30 days, has expired or is not yet valid is told of", expiry },
	{ "what is no authority, or has a short key, is no anchor", anchors },
	{ "a certificate between ours and its authority that is known but not in the file is missed", chains },
	{ "what peers will refuse is told of, but time is not told of twice", refused },
	{ "certificates that have issued each other end the search", circle },
};

UNIT_MAIN("cert advice", cases)
