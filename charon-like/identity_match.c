/* SPDX-License-Identifier: MIT */
/*
 * identity_match.c - whether an identity is the one that is meant, and which of the names of a certificate. All go by lengths: a NUL in a name
 * ends nothing. Only the configured side may have wildcards.
 */
#include "dn.h"
#include "identity_parts.h"

#include <ctype.h>
#include <stdio.h>

/* ---- one with another ---- */

bool identity_same(const struct identity *a, const struct identity *b)
{
	return a->type == b->type && bytes_equal(a->data, b->data);
}

static bool same_without_case(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (tolower(a.at[i]) != tolower(b.at[i]))
			return false;
	return true;
}

static struct bytes bytes_from(struct bytes b, size_t offset)
{
	return bytes_of(b.at + offset, b.len - offset);
}

static bool is_host_name(struct bytes name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum(name.at[i]) && name.at[i] != '-' && name.at[i] != '_' &&
		    (name.at[i] != '.' || i == 0 || name.at[i - 1] == '.'))
			return false;
	return name.len > 0;
}

/*
 * RFC 2407 4.6.2.3 names are DNS names. "*.example" is every host below example, not example itself. It also fits itself: before a peer
 * has said who it is, a key is looked for by what it is expected to be.
 */
static bool host_fits(struct bytes pattern, unsigned match, struct bytes name)
{
	if (same_without_case(pattern, name))
		return true;
	if (!(match & MATCH_WILDCARDS) || pattern.len < 3 || pattern.at[0] != '*' || pattern.at[1] != '.')
		return false;
	struct bytes tail = bytes_from(pattern, 1);
	return name.len > tail.len && is_host_name(name) && same_without_case(tail, bytes_from(name, name.len - tail.len));
}

/* Octets before the last '@'; all when there is none. */
static size_t local_part(struct bytes user)
{
	size_t at = user.len;

	while (at > 0 && user.at[at - 1] != '@')
		at--;
	return at > 0 ? at - 1 : user.len;
}

/* RFC 5280 7.5: what is before the '@' is the mail server's and compared as it is, what is behind it as a DNS name. */
static bool user_fits(struct bytes pattern, unsigned match, struct bytes user)
{
	size_t before = local_part(pattern), at = local_part(user);
	struct bytes host = bytes_from(pattern, before), user_host = bytes_from(user, at);
	bool is_wild = (match & MATCH_WILDCARDS) && before == 1 && pattern.at[0] == '*' && host.len > 1;

	for (size_t i = 0; is_wild && i < at; i++)
		if (!isgraph(user.at[i]) || user.at[i] == '@')
			return false;
	if (is_wild ? at == 0 : !bytes_equal(bytes_of(pattern.at, before), bytes_of(user.at, at)))
		return false;
	return same_without_case(host, user_host);
}

/* It fits itself, for the same reason. */
static bool range_fits(const struct identity *pattern, const struct identity *id)
{
	struct address_range range;
	struct address a;

	if (identity_same(pattern, id))
		return true;
	return identity_range(&range, pattern) && id->type == (range.family == AF_INET ? ID_IPV4_ADDR : ID_IPV6_ADDR) &&
	       address_from_bytes(&a, range.family, id->data) == 0 && address_range_has(&range, &a);
}

bool identity_fits(const struct identity *pattern, unsigned match, const struct identity *id)
{
	struct identity wanted = identity_plain(pattern), plain = identity_plain(id);

	if (wanted.type == 0)
		return true;
	if (wanted.type == ID_IPV4_RANGE || wanted.type == ID_IPV6_RANGE)
		return range_fits(&wanted, &plain);
	if (wanted.type != plain.type)
		return false;
	switch (wanted.type) {
	case ID_FQDN:
		return host_fits(wanted.data, match, plain.data);
	case ID_USER_FQDN:
		return user_fits(wanted.data, match, plain.data);
	case ID_DER_ASN1_DN:
		return dn_matches(wanted.data, match, plain.data);
	default:
		return bytes_equal(wanted.data, plain.data);
	}
}

bool identity_is_pattern(const struct identity *pattern, unsigned match)
{
	struct identity wanted = identity_plain(pattern);
	bool begins = (match & MATCH_WILDCARDS) && wanted.data.len > 2 && wanted.data.at[0] == '*';
	struct dn dn;

	switch (wanted.type) {
	case ID_IPV4_RANGE:
	case ID_IPV6_RANGE:
		return true;
	case ID_FQDN:
		return begins && wanted.data.at[1] == '.';
	case ID_USER_FQDN:
		return begins && local_part(wanted.data) == 1;
	case ID_DER_ASN1_DN:
		return (match & MATCH_REORDERED) ||
		       ((match & MATCH_WILDCARDS) && dn_read(&dn, wanted.data) == 0 && dn_has_wildcard(&dn));
	default:
		return false;
	}
}

bool identity_matches(const struct identity *pattern, const struct identity *id)
{
	return identity_fits(pattern, 0, id);
}

struct bytes identity_key(uint8_t out[IDENTITY_KEY_MAX], const struct identity *id)
{
	struct identity plain = identity_plain(id);
	struct writer w = writer_over(out, IDENTITY_KEY_MAX);

	put_u8(&w, plain.type);
	if (plain.type == ID_DER_ASN1_DN)
		dn_key(&w, plain.data);
	else
		for (size_t i = 0; i < plain.data.len && i < IDENTITY_DATA_MAX; i++)
			put_u8(&w, (uint8_t)tolower(plain.data.at[i]));
	return bytes_of(out, w.used);
}

/* ---- nearly ---- */

bool identity_looks_reversed(const struct identity *id)
{
	struct dn dn;

	return id->type == ID_DER_ASN1_DN && dn_read(&dn, id->data) == 0 && dn_looks_reversed(&dn);
}

/* What two types may both hold: names of hosts and users, and octets that are read as such. */
static bool is_name(const struct identity *id)
{
	return id->type == ID_FQDN || id->type == ID_USER_FQDN || id->type == ID_KEY_ID;
}

const char *identity_hint(char out[IDENTITY_WHY_MAX], const struct identity *wanted, unsigned match, const struct identity *id)
{
	struct identity a = identity_plain(wanted), b = identity_plain(id);
	char type[NAME_TEXT_MAX], other[NAME_TEXT_MAX];

	out[0] = '\0';
	if (a.type != b.type && is_name(&a) && is_name(&b) && same_without_case(a.data, b.data))
		snprintf(out, IDENTITY_WHY_MAX, "the names are equal but their types differ, %s and %s: write '%s' in front", id_type_name(type, a.type),
			 id_type_name(other, b.type), b.type == ID_FQDN ? "fqdn:" : b.type == ID_USER_FQDN ? "user:" : "keyid:");
	else if (a.type == ID_DER_ASN1_DN && b.type == ID_DER_ASN1_DN && !(match & MATCH_REORDERED) &&
		 dn_matches(a.data, match | MATCH_REORDERED, b.data))
		snprintf(out, IDENTITY_WHY_MAX, "only the order differs: write it in the peer's, or 'rfc4514:' in front when it is the reverse, "
			 "or id-match=\"reordered\"");
	else if (!(match & MATCH_WILDCARDS) && identity_fits(&a, match | MATCH_WILDCARDS, &b))
		snprintf(out, IDENTITY_WHY_MAX, "id-match=\"wildcards\" is missing");
	return out;
}

/* ---- the names of a certificate ---- */

/* With `i` from 0: the subject, if it is not empty, then the alternative names. False at the end. */
static bool name_at(struct identity *out, const struct certified *by, size_t i)
{
	struct dn dn;

	if (dn_read(&dn, by->subject) == 0 && dn.count) {
		*out = (struct identity){ ID_DER_ASN1_DN, by->subject };
		if (i == 0)
			return true;
		i--;
	}
	if (i >= by->name_count)
		return false;
	*out = by->names[i];
	return true;
}

bool certified_has(const struct certified *by, const struct identity *wanted, unsigned match)
{
	struct identity name;

	for (size_t i = 0; name_at(&name, by, i); i++)
		if (name.type && identity_fits(wanted, match, &name))
			return true;
	return wanted->type == 0;
}

struct identity certified_default(const struct certified *by)
{
	struct identity name = { .type = 0 };

	return name_at(&name, by, 0) ? name : (struct identity){ .type = 0 };
}

const char *certified_text(char out[CERTIFIED_TEXT_MAX], const struct certified *by)
{
	/* " and 4294967295 more" */
	enum { MORE_MAX = 24 };
	char text[IDENTITY_TEXT_MAX];
	struct identity name;
	size_t used = 0, left = 0;

	snprintf(out, CERTIFIED_TEXT_MAX, "no name at all");
	for (size_t i = 0; name_at(&name, by, i); i++) {
		size_t len = strlen(identity_text(text, &name));

		if (left || used + len + 2 >= CERTIFIED_TEXT_MAX - MORE_MAX)
			left++;
		else
			used += (size_t)snprintf(out + used, CERTIFIED_TEXT_MAX - used, "%s%s", used ? ", " : "", text);
	}
	if (left)
		snprintf(out + used, CERTIFIED_TEXT_MAX - used, " and %zu more", left);
	return out;
}
