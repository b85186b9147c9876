/* SPDX-License-Identifier: MIT */
/* test_cert_path.c - which ways from a leaf to an anchor are found, and what is said when none is. */
#include "test_scene.h"

static void one_step(void)
{
	struct scene s;

	scene_begin(&s);
	int ca = scene_ca(&s, "CN=root", -1), leaf = scene_leaf(&s, "CN=gw", ca);
	scene_give(&s, leaf);
	scene_trust(&s, ca);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 2, (int[]){ leaf, ca }));
	CU_ASSERT_PTR_NULL(s.failure.code);
	scene_end(&s);
}

static void any_order(void)
{
	struct scene s;

	scene_begin(&s);
	int root = scene_ca(&s, "CN=root", -1), upper = scene_ca(&s, "CN=upper", root), lower = scene_ca(&s, "CN=lower", upper);
	int leaf = scene_leaf(&s, "CN=gw", lower), other = scene_leaf(&s, "CN=other", root);
	scene_trust(&s, root);
	int orders[][5] = { { leaf, lower, upper }, { leaf, upper, lower }, { leaf, root, other, upper, lower }, { leaf, leaf, upper, upper, lower } };
	size_t counts[] = { 3, 3, 5, 5 };
	for (size_t i = 0; i < COUNT(orders); i++) {
		s.query.given_count = 0;
		for (size_t j = 0; j < counts[i]; j++)
			scene_give(&s, orders[i][j]);
		CU_ASSERT_EQUAL(scene_verify(&s), 0);
		CU_ASSERT(scene_path_is(&s, 4, (int[]){ leaf, lower, upper, root }));
	}
	scene_end(&s);
}

static void configured_intermediate(void)
{
	struct scene s;

	scene_begin(&s);
	int root = scene_ca(&s, "CN=root", -1), sub = scene_ca(&s, "CN=sub", root), leaf = scene_leaf(&s, "CN=gw", sub);
	scene_trust(&s, root);
	scene_give(&s, leaf);
	CU_ASSERT(scene_fails(&s, "cert-untrusted", "certificate CN=gw (serial ", "was issued by CN=sub, which is neither among the 1 trusted"));
	scene_know(&s, sub);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 3, (int[]){ leaf, sub, root }));
	/* It completes, it does not vouch. */
	s.query.anchor_count = 0;
	CU_ASSERT(scene_fails(&s, "cert-untrusted", "certificate CN=sub (serial ", "is not trusted, because no authority is: name the one"));
	scene_end(&s);
}

static void intermediate_as_anchor(void)
{
	struct scene s;

	scene_begin(&s);
	int root = scene_ca(&s, "CN=root", -1), sub = scene_ca(&s, "CN=sub", root), leaf = scene_leaf(&s, "CN=gw", sub);
	int elsewhere = scene_leaf(&s, "CN=else", root);
	scene_trust(&s, sub);
	scene_give(&s, leaf);
	scene_give(&s, sub);
	scene_give(&s, root);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 2, (int[]){ leaf, sub }));
	/* What is above it is not trusted for that. */
	s.given[0] = s.read[elsewhere];
	CU_ASSERT(scene_fails(&s, "cert-untrusted", "certificate CN=root (serial ", "is self-signed and not among the 1 trusted"));
	scene_end(&s);
}

/* R1 trusts: leaf <- A (signed by R2, whom we do not trust) and A' (the same name and key, signed by R1). */
static void cross_signed(void)
{
	struct scene s;

	scene_begin(&s);
	int r1 = scene_ca(&s, "CN=R1", -1), r2 = scene_ca(&s, "CN=R2", -1), a = scene_ca(&s, "CN=A", r2);
	int cross = scene_make(&s, &(struct pki_spec){ .dn = "CN=A", .role = PKI_CA, .same_key = &s.made[a] }, r1);
	int leaf = scene_leaf(&s, "CN=gw", a);
	scene_give(&s, leaf);
	scene_give(&s, a);
	scene_give(&s, r2);
	scene_give(&s, cross);
	scene_trust(&s, r1);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 3, (int[]){ leaf, cross, r1 }));
	s.anchors[0] = s.read[r2];
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 3, (int[]){ leaf, a, r2 }));
	scene_end(&s);
}

/* Two roots that have signed each other: no way is walked in circles. */
static void mutual(void)
{
	struct scene s;

	scene_begin(&s);
	int r1 = scene_ca(&s, "CN=R1", -1), r2 = scene_ca(&s, "CN=R2", -1), r3 = scene_ca(&s, "CN=R3", -1);
	int r1_by_r2 = scene_make(&s, &(struct pki_spec){ .dn = "CN=R1", .role = PKI_CA, .same_key = &s.made[r1] }, r2);
	int r2_by_r1 = scene_make(&s, &(struct pki_spec){ .dn = "CN=R2", .role = PKI_CA, .same_key = &s.made[r2] }, r1);
	int r2_by_r3 = scene_make(&s, &(struct pki_spec){ .dn = "CN=R2", .role = PKI_CA, .same_key = &s.made[r2] }, r3);
	int leaf = scene_leaf(&s, "CN=gw", r1);
	scene_give(&s, leaf);
	scene_give(&s, r1_by_r2);
	scene_give(&s, r2_by_r1);
	scene_give(&s, r2_by_r3);
	scene_trust(&s, r3);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 4, (int[]){ leaf, r1_by_r2, r2_by_r3, r3 }));
	scene_end(&s);
}

/* An authority renewed under its name: the old certificate has run out, the new one has the same key or another. */
static void renewed(void)
{
	struct scene s;

	scene_begin(&s);
	int old = scene_make(&s, &(struct pki_spec){ .dn = "CN=root", .role = PKI_CA, .from = PKI_NOW - 400 * PKI_DAY, .until = PKI_NOW - PKI_DAY }, -1);
	int same = scene_make(&s, &(struct pki_spec){ .dn = "CN=root", .role = PKI_CA, .same_key = &s.made[old] }, -1);
	int other = scene_make(&s, &(struct pki_spec){ .dn = "CN=root", .role = PKI_CA, .without_key_ids = true }, -1);
	int leaf = scene_leaf(&s, "CN=gw", old);
	int young = scene_make(&s, &(struct pki_spec){ .dn = "CN=young", .without_key_ids = true }, other);
	scene_give(&s, leaf);
	scene_trust(&s, old);
	CU_ASSERT(scene_fails(&s, "cert-expired", "certificate CN=root (serial ", "expired on 2025-12-31 00:00:00 UTC, and it is 2026-01-01 00:00:00 UTC"));
	scene_trust(&s, same);
	scene_trust(&s, other);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 2, (int[]){ leaf, same }));
	s.given[0] = s.read[young];
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 2, (int[]){ young, other }));
	scene_end(&s);
}

static void other_authority(void)
{
	struct scene s;

	scene_begin(&s);
	int root = scene_ca(&s, "CN=root", -1), stranger = scene_ca(&s, "CN=stranger", -1), leaf = scene_leaf(&s, "CN=gw", stranger);
	int namesake = scene_make(&s, &(struct pki_spec){ .dn = "CN=root", .role = PKI_CA, .without_key_ids = true }, -1);
	int forged = scene_make(&s, &(struct pki_spec){ .dn = "CN=forged", .without_key_ids = true }, namesake);
	scene_give(&s, leaf);
	scene_trust(&s, root);
	CU_ASSERT(scene_fails(&s, "cert-untrusted", "certificate CN=gw (serial ", "was issued by CN=stranger, which is neither among the 1 trusted authorities"));
	scene_give(&s, stranger);
	CU_ASSERT(scene_fails(&s, "cert-untrusted", "certificate CN=stranger (serial ", "is self-signed and not among the 1 trusted for this connection"));
	s.given[0] = s.read[forged];
	s.query.given_count = 1;
	CU_ASSERT(scene_fails(&s, "cert-signature", "certificate CN=forged (serial ", "was not signed with the key of CN=root"));
	s.query.anchor_count = 0;
	CU_ASSERT(scene_fails(&s, "cert-untrusted", "certificate CN=forged (serial ", "name the one that issued it in a <ca>"));
	s.query.given_count = 0;
	CU_ASSERT(scene_fails(&s, "cert-missing", "the peer has sent no certificate", "let it send its own"));
	scene_end(&s);
}

static void pinned(void)
{
	struct scene s;

	scene_begin(&s);
	int root = scene_ca(&s, "CN=root", -1), leaf = scene_leaf(&s, "CN=gw", root), self = scene_leaf(&s, "CN=self", -1);
	int old = scene_make(&s, &(struct pki_spec){ .dn = "CN=old", .from = PKI_NOW - 40 * PKI_DAY, .until = PKI_NOW - PKI_DAY }, -1);
	scene_give(&s, leaf);
	scene_trust(&s, leaf);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 1, (int[]){ leaf }));
	s.given[0] = s.anchors[0] = s.read[self];
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, 1, (int[]){ self }));
	s.given[0] = s.anchors[0] = s.read[old];
	CU_ASSERT(scene_fails(&s, "cert-expired", "certificate CN=old (serial ", "expired on "));
	s.anchors[0] = s.read[self];
	CU_ASSERT(scene_fails(&s, "cert-untrusted", "certificate CN=old (serial ", "is self-signed and not among the 1 trusted"));
	scene_end(&s);
}

static void long_chain(void)
{
	struct scene s;
	int path[CERT_CHAIN_MAX + 1];

	scene_begin(&s);
	path[CERT_CHAIN_MAX] = scene_ca(&s, "CN=root", -1);
	for (size_t i = CERT_CHAIN_MAX; i-- > 1;) {
		char dn[16];
		snprintf(dn, sizeof(dn), "CN=sub%zu", i);
		path[i] = scene_ca(&s, dn, path[i + 1]);
	}
	path[0] = scene_leaf(&s, "CN=gw", path[1]);
	for (size_t i = 0; i < CERT_CHAIN_MAX; i++)
		scene_give(&s, path[i]);
	scene_trust(&s, path[CERT_CHAIN_MAX - 1]);
	CU_ASSERT_EQUAL(scene_verify(&s), 0);
	CU_ASSERT(scene_path_is(&s, CERT_CHAIN_MAX, path));
	s.anchors[0] = s.read[path[CERT_CHAIN_MAX]];
	CU_ASSERT(scene_fails(&s, "cert-chain-too-long", "certificate CN=sub8", "is not reached from an authority of ours in 10 steps"));
	scene_end(&s);
}

/* Certificates that all have the names of each other's issuers, which any peer can make: the search ends. */
static void maze(void)
{
	struct scene s;

	scene_begin(&s);
	int root = scene_ca(&s, "CN=root", -1), first = 0;
	for (int i = 0; i < SCENE_MAX - 1; i++) {
		int made = scene_make(&s, &(struct pki_spec){ .dn = "CN=maze", .role = PKI_CA, .without_key_ids = true }, i == 0 ? -1 : first);
		first = i == 0 ? made : first;
		scene_give(&s, made);
	}
	scene_trust(&s, root);
	CU_ASSERT(scene_fails(&s, "cert-too-many-paths", "certificate CN=maze (serial ", "let the peer send only those of its chain"));
	scene_end(&s);
}

static const struct unit_case cases[] = {
	{ "a leaf that an anchor has issued is fine", one_step },
	{ "certificates of a chain may come in any order, twice, and with others between", any_order },
	{ "a configured intermediate certificate completes a chain but is not trusted", configured_intermediate },
	{ "an intermediate certificate can be the anchor, and then what is above it is not trusted", intermediate_as_anchor },
	{ "of cross-signed authorities the way to the trusted one is found", cross_signed },
	{ "authorities that have signed each other do not make the search turn in circles", mutual },
	{ "an authority that was renewed is found under its name with the old key and with a new one", renewed },
	{ "an unknown authority, one that only has the right name, and no authority at all are told apart", other_authority },
	{ "a pinned certificate stands for itself, until it runs out", pinned },
	{ "a chain has ten certificates at most", long_chain },
	{ "many certificates with fitting names do not make the search endless", maze },
};

UNIT_MAIN("cert-chain path", cases)
