/* SPDX-License-Identifier: MIT */
/*
 * cert_subtrees.c - nameConstraints that GnuTLS leaves out (RFC 5280 4.2.1.10): of directory names, for in IKE the subject is most often who
 * the peer is, so an authority that is held to one organisation must not issue for another; and of kinds that nobody here can apply.
 */
#include "cert_parts.h"

#define OID_NAME_CONSTRAINTS "2.5.29.30"

enum { PERMITTED = 0, EXCLUDED = 1 };

/* The first `count` relative names of a Name. */
static struct bytes first_names(struct bytes name, size_t count)
{
	struct reader r = reader_over(name);
	const uint8_t *start = r.at;

	while (count-- > 0)
		element_read(&r);
	return r.failed ? bytes_of(NULL, 0) : bytes_of(start, (size_t)(r.at - start));
}

static size_t count_names(struct bytes name)
{
	struct reader r = reader_over(name);
	size_t count = 0;

	while (reader_left(&r) > 0) {
		element_read(&r);
		count++;
	}
	return r.failed ? 0 : count;
}

/* `base` and `name` are whole Names; compared as identities of peers are, RFC 5280 7.1. */
static bool is_within(struct bytes base, struct bytes name)
{
	uint8_t room[IDENTITY_DATA_MAX];
	struct reader of_base = reader_over(base), of_name = reader_over(name);
	struct bytes inner = element_read(&of_base).content;
	struct bytes head = first_names(element_read(&of_name).content, count_names(inner));
	struct writer w = writer_over(room, sizeof(room));

	/* The empty name is above all. */
	if (reader_done(&of_base) && inner.len == 0)
		return true;
	if (!head.at || of_name.failed)
		return false;
	put_u8(&w, TAG_SEQUENCE);
	if (head.len > 0x7f) {
		put_u8(&w, head.len > 0xff ? 0x82 : 0x81);
		put_number(&w, head.len, head.len > 0xff ? 2 : 1);
	} else {
		put_u8(&w, (uint8_t)head.len);
	}
	put_bytes(&w, head);
	struct identity pattern = { ID_DER_ASN1_DN, base }, id = { ID_DER_ASN1_DN, writer_bytes(&w) };
	return !w.failed && identity_matches(&pattern, &id);
}

/* GeneralSubtrees ::= SEQUENCE OF SEQUENCE { base GeneralName, ... }; `of_directory`: how many of them are of directory names. */
static bool is_in_one(struct bytes subtrees, struct bytes name, size_t *of_directory)
{
	struct reader r = reader_over(subtrees);
	bool is_in = false;

	*of_directory = 0;
	while (reader_left(&r) > 0) {
		struct reader subtree = reader_over(element_read(&r).content);
		struct element base = element_read(&subtree);

		if (base.tag != (TAG_CONTEXT | TAG_CONSTRUCTED | GENERAL_DIRECTORY))
			continue;
		++*of_directory;
		is_in = is_in || is_within(base.content, name);
	}
	return is_in;
}

static int name_check(const struct certificate *authority, const struct certificate *below, const struct bytes subtrees[2], struct bytes name,
		      struct cert_failure *failure)
{
	size_t excluded, permitted;
	char text[IDENTITY_TEXT_MAX];
	struct identity id = { ID_DER_ASN1_DN, name };
	bool is_excluded = is_in_one(subtrees[EXCLUDED], name, &excluded);
	bool is_permitted = is_in_one(subtrees[PERMITTED], name, &permitted) || permitted == 0;

	/* One that is too long to be compared is nobody's identity, but must not get by. */
	if (is_permitted && !is_excluded && (excluded + permitted == 0 || name.len <= IDENTITY_DATA_MAX))
		return 0;
	return cert_fails(failure, "cert-name-constraint", below,
			  "has a name that %s, an authority above it, may not issue for (its nameConstraints of directory names): %s; use a name that it may, or "
			  "another authority",
			  authority->subject_text, identity_text(text, &id));
}

/* Of kinds that nobody applies here; RFC 5280 4.2.1.10: then a certificate that has such a name is refused. */
static bool is_of_other_kind(struct bytes subtrees, const struct identity *name)
{
	struct reader r = reader_over(subtrees);
	uint8_t kind = name->data.at[0] & TAG_NUMBER;

	if (kind == GENERAL_EMAIL || kind == GENERAL_DNS || kind == GENERAL_DIRECTORY || kind == GENERAL_ADDRESS)
		return false;
	while (reader_left(&r) > 0) {
		struct reader subtree = reader_over(element_read(&r).content);

		if ((element_read(&subtree).tag & TAG_NUMBER) == kind)
			return true;
	}
	return false;
}

static int other_check(const struct certificate *authority, const struct certificate *below, const struct bytes subtrees[2], const struct identity *name,
		       struct cert_failure *failure)
{
	char text[IDENTITY_TEXT_MAX];

	if (!is_of_other_kind(subtrees[PERMITTED], name) && !is_of_other_kind(subtrees[EXCLUDED], name))
		return 0;
	return cert_fails(failure, "cert-name-constraint", below,
			  "has a name of a kind that %s, an authority above it, has nameConstraints for, which cannot be applied here: %s; leave that name out",
			  authority->subject_text, identity_text(text, name));
}

/* NameConstraints ::= SEQUENCE { permittedSubtrees [0] OPTIONAL, excludedSubtrees [1] OPTIONAL } */
static void subtrees_find(struct bytes extension, struct bytes subtrees[2])
{
	struct reader r = reader_over(extension);

	subtrees[PERMITTED] = subtrees[EXCLUDED] = bytes_of(NULL, 0);
	r = reader_over(element_read(&r).content);
	while (reader_left(&r) > 0) {
		struct element e = element_read(&r);

		if (e.tag == (TAG_CONTEXT | TAG_CONSTRUCTED | PERMITTED) || e.tag == (TAG_CONTEXT | TAG_CONSTRUCTED | EXCLUDED))
			subtrees[e.tag & TAG_NUMBER] = e.content;
	}
}

int cert_subtrees_check(const struct certificate *authority, const struct certificate *below, struct cert_failure *failure)
{
	gnutls_datum_t extension;
	struct bytes subtrees[2];
	int fault = cert_extension(cert_crt(authority), OID_NAME_CONSTRAINTS, &extension);

	if (fault < 0 || extension.size == 0)
		return fault;
	subtrees_find(bytes_of(extension.data, extension.size), subtrees);
	/* 30 00: a certificate may leave the subject to its subjectAltNames. */
	if (below->subject.len > 2)
		fault = name_check(authority, below, subtrees, below->subject, failure);
	for (size_t i = 0; i < below->name_count && fault == 0; i++)
		if (below->names[i].type == ID_DER_ASN1_DN)
			fault = name_check(authority, below, subtrees, below->names[i].data, failure);
		else if (below->names[i].type == ID_DER_ASN1_GN)
			fault = other_check(authority, below, subtrees, &below->names[i], failure);
	gnutls_free(extension.data);
	return fault;
}
