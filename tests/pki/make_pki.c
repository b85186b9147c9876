/* SPDX-License-Identifier: MIT */
/*
 * make_pki.c - certificates in files, for daemons under test: NAME.pem, NAME.key (PKCS#8) and NAME.der in a folder, valid by the real clock.
 *
 *	make-pki FOLDER NAME [WORD=VALUE...]           a certificate and its key
 *	make-pki FOLDER --crl ISSUER FILE [NAME...]    a CRL (DER) that revokes these
 *
 * Words: dn, issuer (NAME; none: self-signed), role (leaf, ca, bare), key (rsa2048, p256, ...), hash (sha1, sha384, ...), from and days (days from now;
 * negative ones are past), serial, pathlen, crl, ocsp, and any number of name (dns:, email:, ip:, dn:, uri:), eku, permit, exclude.
 */
#include "pki_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { LIST_MAX = 32 };

struct lists {
	const char *names[LIST_MAX], *purposes[LIST_MAX], *permitted[LIST_MAX], *excluded[LIST_MAX];
};

static void write_file(const char *folder, const char *name, const char *suffix, gnutls_datum_t content)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
	FILE *file = fopen(path, "wb");
	pki_must(file && fwrite(content.data, 1, content.size, file) == content.size && fclose(file) == 0, path);
	pki_must(chmod(path, strcmp(suffix, ".key") == 0 ? 0600 : 0644) == 0, path);
}

static gnutls_datum_t read_file(const char *folder, const char *name, const char *suffix)
{
	char path[1024];
	gnutls_datum_t out;

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
	pki_must(gnutls_load_file(path, &out) >= 0, path);
	return out;
}

static void read_cert(struct pki_cert *out, const char *folder, const char *name)
{
	gnutls_datum_t pem = read_file(folder, name, ".pem"), key = read_file(folder, name, ".key");

	pki_must(gnutls_x509_crt_init(&out->crt) >= 0 && gnutls_x509_crt_import(out->crt, &pem, GNUTLS_X509_FMT_PEM) >= 0 &&
			 gnutls_x509_privkey_init(&out->key) >= 0 &&
			 gnutls_x509_privkey_import2(out->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0) >= 0 &&
			 gnutls_x509_crt_export2(out->crt, GNUTLS_X509_FMT_DER, &out->der) >= 0,
		 name);
	gnutls_free(pem.data);
	gnutls_free(key.data);
}

static size_t choose(const char *value, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	pki_must(false, value);
	return 0;
}

static void list_add(const char **list, const char *value)
{
	size_t i = 0;

	while (list[i])
		i++;
	pki_must(i < LIST_MAX - 1, value);
	list[i] = value;
}

static bool take_list(struct lists *lists, const char *word, const char *value)
{
	const char **list = strcmp(word, "name") == 0	   ? lists->names
			    : strcmp(word, "eku") == 0	   ? lists->purposes
			    : strcmp(word, "permit") == 0  ? lists->permitted
			    : strcmp(word, "exclude") == 0 ? lists->excluded
							   : NULL;

	if (list)
		list_add(list, value);
	return list;
}

static void take_word(struct pki_spec *spec, const char *word, const char *value)
{
	static const char *const roles[] = { "leaf", "ca", "bare", NULL };
	static const char *const keys[] = { "p256", "p384", "p521", "rsa1024", "rsa2048", "rsa3072", "rsa4096", "ed25519", "p224", NULL };
	int64_t now = (int64_t)time(NULL);

	if (strcmp(word, "dn") == 0)
		spec->dn = value;
	else if (strcmp(word, "role") == 0)
		spec->role = (enum pki_role)choose(value, roles);
	else if (strcmp(word, "key") == 0)
		spec->key = (enum pki_key)choose(value, keys);
	else if (strcmp(word, "hash") == 0)
		pki_must((spec->hash = gnutls_digest_get_id(value)) != GNUTLS_DIG_UNKNOWN, value);
	else if (strcmp(word, "from") == 0)
		spec->from = now + atoi(value) * (int64_t)PKI_DAY;
	else if (strcmp(word, "days") == 0)
		spec->until = now + atoi(value) * (int64_t)PKI_DAY;
	else if (strcmp(word, "serial") == 0)
		spec->serial = strtoull(value, NULL, 0);
	else if (strcmp(word, "crl") == 0)
		spec->crl_url = value;
	else if (strcmp(word, "ocsp") == 0)
		spec->ocsp_url = value;
	else if (strcmp(word, "pathlen") == 0) {
		spec->has_path_length = true;
		spec->path_length = atoi(value);
	} else {
		pki_must(false, word);
	}
}

static void make_cert(const char *folder, const char *name, char **words)
{
	struct pki_spec spec = { .from = (int64_t)time(NULL) - PKI_DAY, .until = (int64_t)time(NULL) + 365 * (int64_t)PKI_DAY };
	struct pki_cert issuer = { .crt = NULL }, made = { .crt = NULL };
	struct lists lists = { { NULL }, { NULL }, { NULL }, { NULL } };
	gnutls_datum_t key;

	for (; *words; words++) {
		char *value = strchr(*words, '=');
		pki_must(value, *words);
		*value++ = '\0';
		if (strcmp(*words, "issuer") == 0)
			read_cert(&issuer, folder, value);
		else if (!take_list(&lists, *words, value))
			take_word(&spec, *words, value);
	}
	spec.names = lists.names[0] ? lists.names : NULL;
	spec.purposes = lists.purposes[0] ? lists.purposes : NULL;
	spec.permitted = lists.permitted[0] ? lists.permitted : NULL;
	spec.excluded = lists.excluded[0] ? lists.excluded : NULL;
	pki_make(&made, &spec, issuer.crt ? &issuer : NULL);
	gnutls_datum_t pem = pki_pem(&made);
	pki_must(gnutls_x509_privkey_export2_pkcs8(made.key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key) >= 0, "writing a key");
	write_file(folder, name, ".pem", pem);
	write_file(folder, name, ".der", made.der);
	write_file(folder, name, ".key", key);
	gnutls_free(pem.data);
	gnutls_free(key.data);
	pki_free(&made);
	if (issuer.crt)
		pki_free(&issuer);
}

static void make_crl(const char *folder, const char *issuer_name, const char *file, char **names)
{
	struct pki_cert issuer = { .crt = NULL }, revoked[LIST_MAX] = { { .crt = NULL } };
	const struct pki_cert *list[LIST_MAX];
	size_t count = 0;

	read_cert(&issuer, folder, issuer_name);
	for (; names[count]; count++) {
		pki_must(count < LIST_MAX, "so many revoked ones");
		read_cert(&revoked[count], folder, names[count]);
		list[count] = &revoked[count];
	}
	gnutls_datum_t crl = pki_crl_at(&issuer, list, count, 1, (int64_t)time(NULL) - PKI_DAY, (int64_t)time(NULL) + 7 * PKI_DAY);
	write_file(folder, file, "", crl);
	gnutls_free(crl.data);
	while (count-- > 0)
		pki_free(&revoked[count]);
	pki_free(&issuer);
}

int main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[2], "--crl") == 0) {
		make_crl(argv[1], argv[3], argv[4], argv + 5);
	} else if (argc >= 3 && argv[2][0] != '-') {
		make_cert(argv[1], argv[2], argv + 3);
	} else {
		fprintf(stderr, "usage: make-pki FOLDER NAME [WORD=VALUE...] | make-pki FOLDER --crl ISSUER FILE [NAME...]\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
