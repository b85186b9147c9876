/* SPDX-License-Identifier: MIT */
/* pki_names.c - GeneralNames and nameConstraints from text (RFC 5280 4.2.1.6, 4.2.1.10). */
#include "pki_parts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 16 * 1024 };

void pki_put_element(struct writer *w, uint8_t tag, struct bytes content)
{
	put_u8(w, tag);
	if (content.len > 0xff) {
		put_u8(w, 0x82);
		put_u16(w, (uint16_t)content.len);
	} else {
		if (content.len > 0x7f)
			put_u8(w, 0x81);
		put_u8(w, (uint8_t)content.len);
	}
	put_bytes(w, content);
}

static void put_address(struct writer *w, const char *text)
{
	char host[64];
	uint8_t octets[16];
	struct writer out = writer_over((uint8_t[32]){ 0 }, 32);
	const char *slash = strchr(text, '/');

	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
	int family = strchr(host, ':') ? AF_INET6 : AF_INET;
	size_t len = family == AF_INET ? 4 : 16;
	pki_must(inet_pton(family, host, octets) == 1, text);
	put_bytes(&out, bytes_of(octets, len));
	int bits = slash ? atoi(slash + 1) : 0;
	for (size_t i = 0; slash && i < len; i++, bits -= 8)
		put_u8(&out, bits >= 8 ? 0xff : bits <= 0 ? 0 : (uint8_t)(0xff << (8 - bits)));
	pki_put_element(w, 0x87, writer_bytes(&out));
}

static void put_dn(struct writer *w, const char *text)
{
	gnutls_x509_dn_t dn;
	gnutls_datum_t der = { NULL, 0 };

	pki_must(gnutls_x509_dn_init(&dn) >= 0 && gnutls_x509_dn_set_str(dn, text, NULL) >= 0 &&
			 gnutls_x509_dn_export2(dn, GNUTLS_X509_FMT_DER, &der) >= 0,
		 text);
	pki_put_element(w, 0xa4, bytes_of(der.data, der.size));
	gnutls_free(der.data);
	gnutls_x509_dn_deinit(dn);
}

static void put_name(struct writer *w, const char *name)
{
	static const struct {
		const char *prefix;
		uint8_t tag;
	} texts[] = { { "email:", 0x81 }, { "dns:", 0x82 }, { "uri:", 0x86 } };

	for (size_t i = 0; i < COUNT(texts); i++)
		if (strncmp(name, texts[i].prefix, strlen(texts[i].prefix)) == 0) {
			pki_put_element(w, texts[i].tag, bytes_text(name + strlen(texts[i].prefix)));
			return;
		}
	if (strncmp(name, "ip:", 3) == 0)
		put_address(w, name + 3);
	else if (strncmp(name, "dn:", 3) == 0)
		put_dn(w, name + 3);
	else
		pki_must(false, name);
}

void pki_put_names(struct writer *w, const char *const *names)
{
	uint8_t room[ROOM];
	struct writer inner = writer_over(room, sizeof(room));

	for (; *names; names++)
		put_name(&inner, *names);
	pki_put_element(w, 0x30, writer_bytes(&inner));
}

static void put_subtrees(struct writer *w, uint8_t tag, const char *const *names)
{
	uint8_t room[ROOM], one[1024];
	struct writer all = writer_over(room, sizeof(room));

	for (; names && *names; names++) {
		struct writer name = writer_over(one, sizeof(one));
		put_name(&name, *names);
		pki_put_element(&all, 0x30, writer_bytes(&name));
	}
	if (all.used > 0)
		pki_put_element(w, tag, writer_bytes(&all));
}

void pki_put_constraints(struct writer *w, const char *const *permitted, const char *const *excluded)
{
	uint8_t room[ROOM];
	struct writer inner = writer_over(room, sizeof(room));

	put_subtrees(&inner, 0xa0, permitted);
	put_subtrees(&inner, 0xa1, excluded);
	pki_put_element(w, 0x30, writer_bytes(&inner));
}
