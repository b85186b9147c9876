/* SPDX-License-Identifier: MIT */
/* cert_names.c - the subjectAltNames of a certificate as identities (RFC 4945 5.1.3.6), octet by octet as they were signed. */
#include "cert_parts.h"

#include <stdio.h>

#define OID_SUBJECT_ALT_NAME "2.5.29.17"

int cert_extension(gnutls_x509_crt_t crt, const char *oid, gnutls_datum_t *out)
{
	char found[64];

	*out = (gnutls_datum_t){ NULL, 0 };
	for (unsigned i = 0;; i++) {
		size_t size = sizeof(found);
		int error = gnutls_x509_crt_get_extension_info(crt, i, found, &size, NULL);

		if (error == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return 0;
		/* An OID that is longer than any that is asked for. */
		if (error == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (error < 0)
			return FAULT_INPUT;
		if (strcmp(found, oid) == 0)
			return gnutls_x509_crt_get_extension_data2(crt, i, out) < 0 ? FAULT_MEMORY : 0;
	}
}

/* What IKE has an ID type for becomes one of that type, all else a whole GeneralName (RFC 2407 4.6.2.11). */
static struct identity name_of(const struct element *e)
{
	switch (e->tag & TAG_NUMBER) {
	case GENERAL_EMAIL:
		return (struct identity){ ID_USER_FQDN, e->content };
	case GENERAL_DNS:
		return (struct identity){ ID_FQDN, e->content };
	case GENERAL_DIRECTORY:
		return (struct identity){ ID_DER_ASN1_DN, e->content };
	case GENERAL_ADDRESS:
		if (e->content.len == 4)
			return (struct identity){ ID_IPV4_ADDR, e->content };
		if (e->content.len == 16)
			return (struct identity){ ID_IPV6_ADDR, e->content };
		break;
	default:
		break;
	}
	return (struct identity){ ID_DER_ASN1_GN, e->whole };
}

static int name_add(struct known_cert *cert, const struct element *e, char why[WHY_MAX])
{
	struct identity name = name_of(e);

	if (cert->public.name_count == CERT_NAMES_MAX) {
		snprintf(why, WHY_MAX, "it has more than %d subjectAltNames", CERT_NAMES_MAX);
		return FAULT_UNSUPPORTED;
	}
	/* What no ID payload can hold can be nobody's identity. */
	if (name.data.len == 0 || name.data.len > IDENTITY_DATA_MAX)
		return 0;
	return identity_copy(&cert->names[cert->public.name_count++], &name);
}

static int names_take(struct known_cert *cert, struct bytes extension, char why[WHY_MAX])
{
	struct reader r = reader_over(extension);
	struct element all = element_read(&r);

	if (!reader_done(&r) || all.tag != TAG_SEQUENCE) {
		snprintf(why, WHY_MAX, "its subjectAltNames cannot be read");
		return FAULT_INPUT;
	}
	r = reader_over(all.content);
	while (reader_left(&r) > 0) {
		struct element e = element_read(&r);

		if (r.failed || (e.tag & TAG_CONTEXT) == 0) {
			snprintf(why, WHY_MAX, "one of its subjectAltNames cannot be read");
			return FAULT_INPUT;
		}
		int fault = name_add(cert, &e, why);
		if (fault < 0)
			return fault;
	}
	return 0;
}

int cert_names_read(struct known_cert *cert, char why[WHY_MAX])
{
	gnutls_datum_t extension;
	int fault = cert_extension(cert->crt, OID_SUBJECT_ALT_NAME, &extension);

	if (fault < 0)
		snprintf(why, WHY_MAX, "its extensions cannot be read");
	if (fault < 0 || extension.size == 0)
		return fault;
	cert->names = calloc(CERT_NAMES_MAX, sizeof(*cert->names));
	cert->public.names = cert->names;
	fault = cert->names ? names_take(cert, bytes_of(extension.data, extension.size), why) : FAULT_MEMORY;
	gnutls_free(extension.data);
	return fault;
}

void cert_names_free(struct known_cert *cert)
{
	for (size_t i = 0; i < cert->public.name_count; i++)
		identity_free(&cert->names[i]);
	free(cert->names);
}
