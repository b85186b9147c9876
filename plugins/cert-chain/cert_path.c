/* SPDX-License-Identifier: MIT */
/*
 * cert_path.c - every way from a peer's certificate to an anchor, until one passes all checks: authorities are cross-signed, renewed under
 * the same name, or sent in any order, and which of the ways is sound is known only at its end (RFC 4158 2.4).
 */
#include "cert_parts.h"

#include <stdarg.h>
#include <stdio.h>

/* Names fit together before signatures are looked at, so a peer can make many ways that lead nowhere; real ones are one to three. */
enum { PATHS_MAX = 16, STEPS_MAX = 128 };

struct search {
	const struct cert_query *query;
	struct cert_path path;
	unsigned paths, steps;
	struct cert_failure *failure;            /* of the best path so far; code NULL: none       */
	const struct certificate *dead_end;      /* whose issuer is not there, on the longest way  */
	size_t dead_end_at;
};

int cert_fails(struct cert_failure *failure, const char *code, const struct certificate *about, const char *format, ...)
{
	int used = snprintf(failure->why, sizeof(failure->why), "certificate %s (serial %s) ", about->subject_text, about->serial_text);
	va_list arguments;

	failure->code = code;
	va_start(arguments, format);
	if (used > 0 && (size_t)used < sizeof(failure->why))
		vsnprintf(failure->why + used, sizeof(failure->why) - (size_t)used, format, arguments);
	va_end(arguments);
	return FAULT_CRYPTO;
}

/* Of ways that fail, one whose signatures are right tells more than one on which somebody only has the right name. */
static bool tells_more(const struct cert_failure *than, const struct cert_failure *failure)
{
	return !than->code || (strcmp(than->code, "cert-signature") == 0 && strcmp(failure->code, "cert-signature") != 0);
}

static int try_path(struct search *s)
{
	struct cert_failure failure = { NULL, "" };

	if (++s->paths > PATHS_MAX)
		return FAULT_FULL;
	int fault = cert_rules_check(&s->path, s->query->now, &failure);
	/* Any other fault says nothing of the path, and leaves no code. */
	if (fault == FAULT_CRYPTO && tells_more(s->failure, &failure))
		*s->failure = failure;
	return fault;
}

static struct certificate *last_of(const struct search *s)
{
	return s->path.at[s->path.count - 1];
}

/* By name, and by key identifier where both have one; octet by octet, as GnuTLS will compare again. */
static bool may_issue(const struct certificate *issuer, const struct certificate *certificate)
{
	return bytes_equal(issuer->subject, certificate->issuer) && gnutls_x509_crt_check_issuer(cert_crt(certificate), cert_crt(issuer));
}

/* The same authority in another certificate (cross-signed, renewed) is no step on the way up. */
static bool is_on_path(const struct search *s, const struct certificate *c)
{
	for (size_t i = 0; i < s->path.count; i++)
		if (bytes_equal(s->path.at[i]->subject, c->subject) && bytes_equal(s->path.at[i]->spki, c->spki))
			return true;
	return false;
}

static bool is_anchor(const struct search *s, const struct certificate *c)
{
	for (size_t i = 0; i < s->query->anchor_count; i++)
		if (certificate_same(s->query->anchors[i], c))
			return true;
	return false;
}

static int extend(struct search *s);

static int go_on(struct search *s, struct certificate *next, bool is_end)
{
	if (++s->steps > STEPS_MAX)
		return FAULT_FULL;
	s->path.at[s->path.count++] = next;
	int fault = is_end ? try_path(s) : extend(s);
	if (fault < 0)
		s->path.count--;
	return fault;
}

static int extend_over(struct search *s, struct certificate *const *list, size_t count, bool are_anchors, bool *is_found)
{
	for (size_t i = 0; i < count; i++) {
		if (is_on_path(s, list[i]) || !may_issue(list[i], last_of(s)))
			continue;
		*is_found = true;
		int fault = go_on(s, list[i], are_anchors);
		if (fault != FAULT_CRYPTO)
			return fault;
	}
	return FAULT_CRYPTO;
}

/* 0: the path is whole and passes; FAULT_CRYPTO: not from here; FAULT_FULL, FAULT_MEMORY: no more looking. */
static int extend(struct search *s)
{
	const struct cert_query *q = s->query;
	bool is_found = false;
	int fault = FAULT_CRYPTO;

	if (is_anchor(s, last_of(s))) {
		fault = try_path(s);
		if (fault != FAULT_CRYPTO)
			return fault;
	}
	if (s->path.count < CERT_CHAIN_MAX)
		fault = extend_over(s, q->anchors, q->anchor_count, true, &is_found);
	/* One more has to follow. */
	if (fault == FAULT_CRYPTO && s->path.count < CERT_CHAIN_MAX - 1)
		fault = extend_over(s, q->given + 1, q->given_count - 1, false, &is_found);
	if (fault == FAULT_CRYPTO && s->path.count < CERT_CHAIN_MAX - 1)
		fault = extend_over(s, q->intermediates, q->intermediate_count, false, &is_found);
	if (!is_found && s->path.count > s->dead_end_at) {
		s->dead_end = last_of(s);
		s->dead_end_at = s->path.count;
	}
	return fault;
}

static int no_path(const struct search *s)
{
	const struct cert_query *q = s->query;
	const struct certificate *end = s->dead_end ? s->dead_end : q->given[0];

	if (q->anchor_count == 0)
		return cert_fails(s->failure, "cert-untrusted", end, "is not trusted, because no authority is: name the one that issued it in a <ca>");
	if (s->dead_end_at >= CERT_CHAIN_MAX - 1)
		return cert_fails(s->failure, "cert-chain-too-long", end, "is not reached from an authority of ours in %d steps; name one that is nearer in a <ca>",
				  CERT_CHAIN_MAX);
	if (bytes_equal(end->subject, end->issuer))
		return cert_fails(s->failure, "cert-untrusted", end,
				  "is self-signed and not among the %zu trusted for this connection; if it is to be, name it in a <ca>", q->anchor_count);
	return cert_fails(s->failure, "cert-untrusted", end,
			  "was issued by %s, which is neither among the %zu trusted authorities nor among the %zu certificates that came; name that one in a <ca>, or let the "
			  "peer send its certificate too",
			  end->issuer_text, q->anchor_count, q->given_count);
}

int cert_verify(void *state, const struct cert_query *query, struct cert_chain *out, struct cert_failure *failure)
{
	struct search s = { .query = query, .failure = failure };

	(void)state;
	*out = (struct cert_chain){ .count = 0 };
	*failure = (struct cert_failure){ NULL, "" };
	if (query->given_count == 0) {
		*failure = (struct cert_failure){ "cert-missing", "the peer has sent no certificate, and none is configured; let it send its own" };
		return FAULT_CRYPTO;
	}
	s.path.at[s.path.count++] = query->given[0];
	int fault = extend(&s);
	if (fault == 0) {
		for (size_t i = 0; i < s.path.count; i++)
			out->at[i] = certificate_ref(s.path.at[i]);
		out->count = s.path.count;
		return 0;
	}
	if (fault == FAULT_MEMORY) {
		*failure = (struct cert_failure){ "no-memory", "there is no memory to validate certificates" };
		return FAULT_MEMORY;
	}
	if (fault == FAULT_FULL && !failure->code)
		return cert_fails(failure, "cert-too-many-paths", query->given[0],
				  "came with certificates that could be each other's issuers in more ways than are tried; let the peer send only those of its chain");
	return failure->code ? FAULT_CRYPTO : no_path(&s);
}
