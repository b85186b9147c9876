/* SPDX-License-Identifier: MIT */
/* test_table.c - SAs, children and policies: which is found, and that readers never see what was freed. */
#include "table.h"
#include "test_parts.h"
#include "unit.h"

enum { STRESS_ROUNDS = 3000, STRESS_SPIS = 64, MANY = 20000 };

static struct tables tables;
static struct flow_cache cache;
static uint8_t packet[256];

static void open_tables(void)
{
	CU_ASSERT_EQUAL_FATAL(tables_init(&tables), 0);
	memset(&cache, 0, sizeof(cache));
}

static int install(const struct ipsec_sa *from)
{
	const char *why;
	struct esp_sa *sa;
	int fault = esp_sa_new(&sa, from, &why);

	return fault ? fault : tables_add_sa(&tables, sa, endpoint_new(sa, &from->local, &from->remote, 1500), from->child);
}

static int set_policy(uint32_t child, const char *local, const char *remote)
{
	struct ipsec_policy policy = { .child = child };

	if (selector_parse(&policy.local_ts, local) || selector_parse(&policy.remote_ts, remote))
		return FAULT_INPUT;
	return tables_set_policy(&tables, &policy);
}

/* Child that protects a packet to 10.2.0.1 (or fd02::1) and a port; 0: none. */
static uint32_t find(bool ipv6, uint8_t last, uint16_t port)
{
	struct test_packet p = { .ipv6 = ipv6, .protocol = IPPROTO_TCP, .destination_port = port };
	struct inner in;
	size_t len = make_packet(packet, &p);

	packet[ipv6 ? 39 : 19] = last;
	if (inner_parse(&in, bytes_of(packet, len)))
		return 0;
	/* Twice: the second answer comes from the cache. */
	struct policy *first = policies_find(&tables.policies, &cache, &in);
	CU_ASSERT_PTR_EQUAL(policies_find(&tables.policies, &cache, &in), first);
	return first ? first->child->id : 0;
}

static void most_specific(void)
{
	open_tables();
	CU_ASSERT_EQUAL(find(false, 1, 80), 0);
	CU_ASSERT_EQUAL(set_policy(1, "0.0.0.0/0", "0.0.0.0/0"), 0);
	CU_ASSERT_EQUAL(set_policy(2, "10.1.0.0/16", "10.2.0.0/16"), 0);
	CU_ASSERT_EQUAL(set_policy(3, "10.1.0.0/24", "10.2.0.0/16"), 0);
	CU_ASSERT_EQUAL(set_policy(4, "10.1.0.0/24", "10.2.0.0/16[tcp/80]"), 0);
	CU_ASSERT_EQUAL(set_policy(5, "10.1.0.0/24", "10.2.0.0/16[tcp]"), 0);
	CU_ASSERT_EQUAL(set_policy(6, "10.9.0.0/24", "10.2.0.1"), 0);
	CU_ASSERT_EQUAL(set_policy(7, "10.1.0.0/24", "10.2.0.5-10.2.0.9"), 0);
	CU_ASSERT_EQUAL(find(false, 1, 80), 4);
	CU_ASSERT_EQUAL(find(false, 1, 81), 5);
	CU_ASSERT_EQUAL(find(false, 5, 80), 7);
	CU_ASSERT_EQUAL(find(false, 10, 81), 5);
	CU_ASSERT_EQUAL(find(true, 1, 80), 0);
	CU_ASSERT_EQUAL(tables_remove_policy(&tables, 5), 0);
	CU_ASSERT_EQUAL(find(false, 1, 81), 3);
	CU_ASSERT_EQUAL(tables_remove_policy(&tables, 3), 0);
	CU_ASSERT_EQUAL(find(false, 1, 81), 2);
	CU_ASSERT_EQUAL(tables_remove_policy(&tables, 2), 0);
	CU_ASSERT_EQUAL(find(false, 1, 81), 1);
	CU_ASSERT_EQUAL(tables_remove_policy(&tables, 2), FAULT_NOT_FOUND);
	/* Again with the same child: replaces. */
	CU_ASSERT_EQUAL(set_policy(1, "fd00::/8", "fd00::/8"), 0);
	CU_ASSERT_EQUAL(find(false, 1, 81), 0);
	CU_ASSERT_EQUAL(find(true, 1, 81), 1);
	tables_free(&tables);
}

static void any_family(void)
{
	struct ipsec_policy policy = { .child = 3 };

	open_tables();
	CU_ASSERT_EQUAL(tables_set_policy(&tables, &policy), 0);
	CU_ASSERT_EQUAL(find(false, 1, 80), 3);
	CU_ASSERT_EQUAL(find(true, 1, 80), 3);
	tables_free(&tables);
}

static void newest_with_sa(void)
{
	struct ipsec_sa sa = make_sa(SUITE_AEAD, false, 0x2000);

	open_tables();
	CU_ASSERT_EQUAL(set_policy(1, "10.1.0.0/16", "10.2.0.0/16"), 0);
	CU_ASSERT_EQUAL(set_policy(2, "10.1.0.0/16", "10.2.0.0/16"), 0);
	CU_ASSERT_EQUAL(find(false, 1, 1), 2);
	CU_ASSERT_EQUAL(install(&sa), 0);
	CU_ASSERT_EQUAL(find(false, 1, 1), 1);
	sa.child = 2;
	sa.spi++;
	CU_ASSERT_EQUAL(install(&sa), 0);
	CU_ASSERT_EQUAL(find(false, 1, 1), 2);
	tables_free(&tables);
}

static struct esp_sa *current(void)
{
	struct esp_child *child;
	uint32_t id = 1;

	HASH_FIND(hh, tables.children, &id, sizeof(id), child);
	return child ? atomic_load(&child->out) : NULL;
}

static void rekeyed(void)
{
	struct ipsec_sa a = make_sa(SUITE_AEAD, false, 0x2000), b = make_sa(SUITE_AEAD, false, 0x3000), c = make_sa(SUITE_AEAD, false, 0x4000);

	open_tables();
	CU_ASSERT_EQUAL(install(&a) | install(&b) | install(&c), 0);
	CU_ASSERT_EQUAL(current()->spi, 0x4000);
	tables_remove_sa(&tables, tables_find_sa(&tables, 0x3000, false, &b.remote));
	CU_ASSERT_EQUAL(current()->spi, 0x4000);
	tables_remove_sa(&tables, tables_find_sa(&tables, 0x4000, false, &c.remote));
	CU_ASSERT_EQUAL(current()->spi, 0x2000);
	tables_remove_sa(&tables, tables_find_sa(&tables, 0x2000, false, &a.remote));
	CU_ASSERT_PTR_NULL(current());
	CU_ASSERT_PTR_NULL(tables.children);
	CU_ASSERT_EQUAL(atomic_load(&tables.epoch.waiting), 0);
	tables_free(&tables);
}

static void same_spi(void)
{
	struct ipsec_sa a = make_sa(SUITE_AEAD, false, 0x2000), b = a;
	struct address from = a.remote;

	open_tables();
	b.remote.port = 5000;
	b.child = 2;
	CU_ASSERT_EQUAL(install(&a), 0);
	CU_ASSERT_EQUAL(install(&a), FAULT_EXISTS);
	CU_ASSERT_EQUAL(install(&b), 0);
	struct esp_sa *sa = tables_find_sa(&tables, 0x2000, false, &b.remote);
	CU_ASSERT_TRUE(sa && sa->child->id == 2);
	struct esp_sa *first = tables_find_sa(&tables, 0x2000, false, &a.remote);
	CU_ASSERT_TRUE(first && first->child->id == 1);
	/* Moves to where another is: refused. Moves away: found there and nowhere else. */
	CU_ASSERT_EQUAL(tables_move_sa(&tables, first, endpoint_new(first, &a.local, &b.remote, 1500)), FAULT_EXISTS);
	a.remote.port = 6000;
	CU_ASSERT_EQUAL(tables_move_sa(&tables, first, endpoint_new(first, &a.local, &a.remote, 1500)), 0);
	CU_ASSERT_PTR_EQUAL(tables_find_sa(&tables, 0x2000, false, &a.remote), first);
	CU_ASSERT_PTR_NULL(tables_find_sa(&tables, 0x2000, false, &from));
	tables_free(&tables);
}

static void policy_outlives_sa(void)
{
	struct ipsec_sa old = make_sa(SUITE_AEAD, false, 0), new = old;

	open_tables();
	old.child = new.child = 1;
	new.spi = old.spi + 1;
	CU_ASSERT_EQUAL(install(&old) + install(&new) + set_policy(1, "10.1.0.0/16", "10.2.0.0/16"), 0);
	/* The old SA's owner goes, and does not know of the new one. */
	tables_remove_sa(&tables, tables_find_sa(&tables, old.spi, false, &old.remote));
	CU_ASSERT_FALSE(tables_end_policy(&tables, 1));
	CU_ASSERT_FALSE(tables_policy_is_over(&tables, 1));
	CU_ASSERT_EQUAL(find(false, 1, 80), 1);
	tables_remove_sa(&tables, tables_find_sa(&tables, new.spi, false, &new.remote));
	CU_ASSERT_TRUE(tables_policy_is_over(&tables, 1));
	/* Wanted again meanwhile: it stays. */
	CU_ASSERT_EQUAL(set_policy(1, "10.1.0.0/16", "10.2.0.0/16"), 0);
	CU_ASSERT_FALSE(tables_policy_is_over(&tables, 1));
	CU_ASSERT_TRUE(tables_end_policy(&tables, 1));
	tables_free(&tables);
}

static void many(void)
{
	struct ipsec_sa sa = make_sa(SUITE_AEAD, true, 0);
	struct ipsec_policy policy = { 0 };

	open_tables();
	(void)!selector_parse(&policy.local_ts, "10.1.0.0/16");
	for (uint32_t i = 0; i < MANY; i++) {
		struct address host = { .family = AF_INET, .ip = { 10, 2, (uint8_t)(i >> 8), (uint8_t)i } };

		sa.spi = 256 + i * 2654435761u;
		sa.child = policy.child = i + 1;
		policy.remote_ts = selector_of_host(&host);
		if (install(&sa) || tables_set_policy(&tables, &policy))
			CU_FAIL("not added");
	}
	for (uint32_t i = 0; i < MANY; i++)
		if (!tables_inbound(&tables, 256 + i * 2654435761u))
			CU_FAIL("not found");
	CU_ASSERT_EQUAL(find(false, 77, 5), 78);
	CU_ASSERT_EQUAL(atomic_load(&tables.policies.shapes)->count, 1);
	tables_free(&tables);
}

/* What it read while it was inside must have stayed what it was. */
static void *read_all_the_time(void *stop)
{
	struct flow_cache own = { 0 };
	struct test_packet p = { .protocol = IPPROTO_TCP, .destination_port = 7 };
	uint8_t at[64];
	struct inner in;
	size_t wrong = (size_t)inner_parse(&in, bytes_of(at, make_packet(at, &p)));

	while (!atomic_load((_Atomic bool *)stop)) {
		epoch_enter(&tables.epoch, READER_OUT);
		for (uint32_t spi = 256; spi < 256 + STRESS_SPIS; spi++) {
			const struct esp_sa *sa = tables_inbound(&tables, spi);

			if (sa && (sa->spi != spi || sa->child->id != 1 || atomic_load(&sa->endpoint)->remote.family != AF_INET))
				wrong++;
		}
		const struct policy *policy = policies_find(&tables.policies, &own, &in);
		if (policy && policy->child->id != 2 && policy->child->id != 3)
			wrong++;
		epoch_leave(&tables.epoch, READER_OUT);
	}
	return wrong ? stop : NULL;
}

static void *use_inbound(void *stop)
{
	size_t wrong = 0;

	while (!atomic_load((_Atomic bool *)stop)) {
		epoch_enter(&tables.epoch, READER_UDP);
		for (uint32_t spi = 256; spi < 256 + STRESS_SPIS; spi++) {
			struct esp_sa *sa = tables_inbound(&tables, spi);
			uint8_t esp[64] = { 0 }, *plain, next;
			size_t len;

			if (sa && esp_open(sa, esp, 60, &plain, &len, &next) == ESP_OK)
				wrong++;
		}
		epoch_leave(&tables.epoch, READER_UDP);
	}
	return wrong ? stop : NULL;
}

static void change_round(unsigned i)
{
	struct ipsec_sa sa = make_sa(SUITE_AEAD, true, 256 + i * 7 % STRESS_SPIS);
	int fault = 0;

	pthread_mutex_lock(&tables.lock);
	struct esp_sa *there = tables_inbound(&tables, sa.spi);
	if (!there)
		fault = install(&sa);
	else if (i % 3 == 0)
		fault = tables_move_sa(&tables, there, endpoint_new(there, &sa.local, &sa.remote, 1500));
	else
		tables_remove_sa(&tables, there);
	CU_ASSERT_EQUAL(fault, 0);
	CU_ASSERT_EQUAL(set_policy(2, "10.1.0.0/16", i % 2 ? "10.2.0.0/16" : "10.2.0.0/24"), 0);
	if (i % 2)
		fault = set_policy(3, "10.1.0.0/16[tcp]", "10.2.0.0/16[tcp]");
	else
		(void)!tables_remove_policy(&tables, 3);
	CU_ASSERT_EQUAL(fault, 0);
	pthread_mutex_unlock(&tables.lock);
}

static void stress(void)
{
	_Atomic bool stop = false;
	pthread_t readers[2];
	void *wrong[2];

	open_tables();
	CU_ASSERT_EQUAL_FATAL(pthread_create(&readers[0], NULL, read_all_the_time, (void *)&stop), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&readers[1], NULL, use_inbound, (void *)&stop), 0);
	for (unsigned i = 0; i < STRESS_ROUNDS; i++)
		change_round(i);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++) {
		pthread_join(readers[i], &wrong[i]);
		CU_ASSERT_PTR_NULL(wrong[i]);
	}
	epoch_reclaim(&tables.epoch);
	CU_ASSERT_EQUAL(atomic_load(&tables.epoch.waiting), 0);
	tables_free(&tables);
}

static void retired_stays(void)
{
	struct ipsec_sa from = make_sa(SUITE_AEAD, true, 0x5000);

	open_tables();
	CU_ASSERT_EQUAL(install(&from), 0);
	epoch_enter(&tables.epoch, READER_RAW);
	struct esp_sa *sa = tables_inbound(&tables, 0x5000);
	tables_remove_sa(&tables, sa);
	CU_ASSERT_PTR_NULL(tables_inbound(&tables, 0x5000));
	CU_ASSERT_EQUAL(atomic_load(&tables.epoch.waiting), 2);
	CU_ASSERT_EQUAL(sa->spi, 0x5000);
	epoch_leave(&tables.epoch, READER_RAW);
	epoch_reclaim(&tables.epoch);
	CU_ASSERT_EQUAL(atomic_load(&tables.epoch.waiting), 0);
	tables_free(&tables);
}

static const struct unit_case cases[] = {
	{ "the most specific policy protects a packet", most_specific },
	{ "a policy for any address covers both families", any_family },
	{ "of equal policies the newest one that has an SA serves", newest_with_sa },
	{ "the newest outbound SA of a child sends, then the one before it", rekeyed },
	{ "two peers may choose the same SPI, and one may move", same_spi },
	{ "a policy that ends stays while an outbound SA of its child is there", policy_outlives_sa },
	{ "twenty thousand children are found with one probe each", many },
	{ "readers see SAs and policies whole while writers change them", stress },
	{ "what a reader may still see is not freed", retired_stays },
};

UNIT_MAIN("kernel-tun table", cases)
