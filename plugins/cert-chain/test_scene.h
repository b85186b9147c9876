/* SPDX-License-Identifier: MIT */
/* test_scene.h - a few certificates and one question about them. */
#ifndef KEYFERRY_TEST_SCENE_H
#define KEYFERRY_TEST_SCENE_H
#include "../../tests/pki/pki.h"
#include "../../tests/unit.h"
#include "cert_parts.h"

enum { SCENE_MAX = 16 };

/* Certificates as they were made and as they were read, with the same index; the lists of the question borrow from the second. */
struct scene {
	struct pki_cert made[SCENE_MAX];
	struct certificate *read[SCENE_MAX];
	size_t count;
	struct certificate *given[SCENE_MAX], *anchors[SCENE_MAX], *intermediates[SCENE_MAX];
	struct cert_query query;
	struct cert_chain chain;
	struct cert_failure failure;
};

static inline void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->query = (struct cert_query){ .given = s->given, .anchors = s->anchors, .intermediates = s->intermediates, .now = PKI_NOW };
}

/* Returns its index. `issuer` -1: itself. */
static inline int scene_make(struct scene *s, const struct pki_spec *spec, int issuer)
{
	char why[WHY_MAX] = "";
	size_t i = s->count++;

	CU_ASSERT_FATAL(i < SCENE_MAX);
	pki_make(&s->made[i], spec, issuer < 0 ? NULL : &s->made[issuer]);
	int fault = cert_read(NULL, pki_der(&s->made[i]), &s->read[i], why);
	if (fault)
		printf("%s: %s\n", spec->dn, why);
	CU_ASSERT_EQUAL_FATAL(fault, 0);
	return (int)i;
}

static inline int scene_ca(struct scene *s, const char *dn, int issuer)
{
	return scene_make(s, &(struct pki_spec){ .dn = dn, .role = PKI_CA }, issuer);
}

static inline int scene_leaf(struct scene *s, const char *dn, int issuer)
{
	return scene_make(s, &(struct pki_spec){ .dn = dn }, issuer);
}

static inline void scene_give(struct scene *s, int i)
{
	s->given[s->query.given_count++] = s->read[i];
}

static inline void scene_trust(struct scene *s, int i)
{
	s->anchors[s->query.anchor_count++] = s->read[i];
}

static inline void scene_know(struct scene *s, int i)
{
	s->intermediates[s->query.intermediate_count++] = s->read[i];
}

static inline int scene_verify(struct scene *s)
{
	cert_chain_free(&s->chain);
	return cert_verify(NULL, &s->query, &s->chain, &s->failure);
}

/* The path is these, in this order. */
static inline bool scene_path_is(const struct scene *s, size_t count, const int *indexes)
{
	bool is = s->chain.count == count;

	for (size_t i = 0; is && i < count; i++)
		is = s->chain.at[i] == s->read[indexes[i]];
	return is;
}

/* It fails with this code and a line that begins so and has that in it. */
static inline bool scene_fails(struct scene *s, const char *code, const char *begins, const char *has)
{
	int fault = scene_verify(s);
	bool is = fault == FAULT_CRYPTO && s->chain.count == 0 && s->failure.code && strcmp(s->failure.code, code) == 0 &&
		  strncmp(s->failure.why, begins, strlen(begins)) == 0 && strstr(s->failure.why, has);

	if (!is)
		printf("fault %d, code %s: %s\n", fault, s->failure.code ? s->failure.code : "none", s->failure.why);
	return is;
}

static inline void scene_end(struct scene *s)
{
	cert_chain_free(&s->chain);
	for (size_t i = 0; i < s->count; i++) {
		certificate_unref(s->read[i]);
		pki_free(&s->made[i]);
	}
}

#endif
