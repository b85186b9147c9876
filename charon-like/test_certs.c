/* SPDX-License-Identifier: MIT */
/* test_certs.c - references, lists and chains; what certificates say is test_cert_chain's. */
#include "certs.h"

#include "unit.h"

static const uint8_t octets[] = { 0x30, 0x00 };

static size_t freed;

static void count_free(struct certificate *certificate)
{
	freed++;
	free(certificate);
}

static struct certificate *make(void)
{
	struct certificate *made = calloc(1, sizeof(*made));

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	atomic_init(&made->references, 1);
	made->free = count_free;
	made->der = bytes_of(octets, sizeof(octets));
	return made;
}

static void last_reference(void)
{
	struct certificate *one = make();

	freed = 0;
	CU_ASSERT_PTR_EQUAL(certificate_ref(one), one);
	certificate_unref(one);
	CU_ASSERT_EQUAL(freed, 0);
	certificate_unref(one);
	CU_ASSERT_EQUAL(freed, 1);
	CU_ASSERT_PTR_NULL(certificate_ref(NULL));
	certificate_unref(NULL);
	CU_ASSERT_EQUAL(freed, 1);
}

static void same(void)
{
	struct certificate *one = make(), *two = make();

	CU_ASSERT(certificate_same(one, two));
	two->der.len = 1;
	CU_ASSERT(!certificate_same(one, two));
	certificate_unref(one);
	certificate_unref(two);
}

static void full_list(void)
{
	struct cert_list list = { NULL, 0 };

	freed = 0;
	CU_ASSERT_EQUAL(cert_list_add(&list, make(), 2), 0);
	CU_ASSERT_EQUAL(cert_list_add(&list, make(), 2), 0);
	CU_ASSERT_EQUAL(cert_list_add(&list, make(), 2), FAULT_FULL);
	CU_ASSERT_EQUAL(list.count, 2);
	CU_ASSERT_EQUAL(freed, 1);
	cert_list_free(&list);
	CU_ASSERT_EQUAL(freed, 3);
	CU_ASSERT_EQUAL(list.count, 0);
	cert_list_free(&list);
}

static void chain_of_two(void)
{
	struct cert_chain chain = { { make(), make() }, 2 };

	freed = 0;
	cert_chain_free(&chain);
	CU_ASSERT_EQUAL(freed, 2);
	cert_chain_free(&chain);
	CU_ASSERT_EQUAL(freed, 2);
}

static const struct unit_case cases[] = {
	{ "the last reference frees a certificate", last_reference },
	{ "certificates are the same when their octets are", same },
	{ "a list that is full takes no more and frees what it was given", full_list },
	{ "a chain gives its references back once", chain_of_two },
};

UNIT_MAIN("certs", cases)
