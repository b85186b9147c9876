/* SPDX-License-Identifier: MIT */
/* test_child.c - keying material, with answers that another program computed, and what the kernel service is told. */
#include "child.h"

#include "events.h"
#include "test_exchange.h"

/* What the fake kernel was told last. */
struct told {
	struct kernel_ipsec ops;
	struct provider provider;
	struct ipsec_sa added[4];
	uint8_t keys[4][128];
	size_t add_count;
	unsigned deletes, policies, policy_deletes;
	struct ipsec_policy policy;
	uint32_t deleted[4];
	int refuse;
};

static int add_told(void *state, const struct ipsec_sa *sa)
{
	struct told *told = state;

	if (told->refuse)
		return told->refuse;
	struct writer w = writer_over(told->keys[told->add_count], sizeof(told->keys[0]));
	put_bytes(&w, sa->encryption_key);
	put_bytes(&w, sa->integrity_key);
	told->added[told->add_count++] = *sa;
	return 0;
}

static int delete_told(void *state, uint8_t protocol, uint32_t spi, bool inbound, const struct address *remote)
{
	struct told *told = state;

	(void)protocol;
	(void)inbound;
	(void)remote;
	told->deleted[told->deletes++] = spi;
	return 0;
}

static int policy_told(void *state, const struct ipsec_policy *policy)
{
	struct told *told = state;

	told->policies++;
	told->policy = *policy;
	return 0;
}

static int policy_delete_told(void *state, uint32_t child)
{
	(void)child;
	((struct told *)state)->policy_deletes++;
	return 0;
}

static struct told told_new(void)
{
	struct told told = {
		.ops = { .name = "told", .sa_add = add_told, .sa_delete = delete_told, .policy_add = policy_told,
			 .policy_delete = policy_delete_told },
	};

	return told;
}

static const struct child_settings settings = { .name = "lan", .replay_window = 512, .mtu = 1300 };
static const struct connection_settings passive = { .name = "office", .keep = KEEP_PASSIVE }, kept = { .name = "office", .keep = KEEP_UP };
static const struct connection_settings on_demand = { .name = "office", .keep = KEEP_ON_DEMAND };

static struct child *make_child(struct bench *bench, struct told *told, const struct connection_settings *c)
{
	struct child *child = calloc(1, sizeof(*child));

	CU_ASSERT_PTR_NOT_NULL_FATAL(child);
	told->provider = (struct provider){ &told->ops, told, "told", "told" };
	bench->engine.kernel = &told->provider;
	if (!bench->sa->connection)
		CU_ASSERT_EQUAL(sa_set_connection(bench->sa, c), 0);
	child->sa = bench->sa;
	child->config = &settings;
	child->id = 77;
	child->spi_in = 0x1111;
	child->spi_out = 0x2222;
	child->transform = (struct esp_transform){ .key_len = 16, .salt_len = 4, .mac_key_len = 3 };
	list_append(&bench->sa->children, &child->in_sa);
	return child;
}

static void installs(void)
{
	struct bench *bench = bench_new(RESPONDER);
	struct told told = told_new();
	struct child *child = make_child(bench, &told, &passive);
	uint8_t keymat[23];
	struct secret keys = { keymat, sizeof(keymat) };

	for (size_t i = 0; i < sizeof(keymat); i++)
		keymat[i] = (uint8_t)i;
	CU_ASSERT_EQUAL(child_install_inbound(child, &keys), 0);
	CU_ASSERT(child->has_inbound && !child->has_outbound);
	CU_ASSERT_EQUAL(child_install_outbound(child, &keys), 0);
	CU_ASSERT(told.add_count == 2 && told.added[0].inbound && told.added[0].spi == 0x1111);
	CU_ASSERT(!told.added[1].inbound && told.added[1].spi == 0x2222);
	CU_ASSERT(told.added[0].encryption_key.len == 20 && told.added[0].integrity_key.len == 3);
	CU_ASSERT(memcmp(told.keys[0], keymat, sizeof(keymat)) == 0);
	CU_ASSERT(told.added[0].replay_window == 512 && told.added[0].mtu == 1300 && told.added[0].child == 77);
	CU_ASSERT(address_same(&told.added[0].remote, &bench->sa->remote));
	CU_ASSERT(told.policies == 2 && told.policy.child == 77 && !told.policy.want_acquire);
	child_free(child, "the test is over");
	CU_ASSERT(told.deletes == 2 && told.policy_deletes == 1);
	/* Nothing can be sent any more before nothing can be received. */
	CU_ASSERT(told.deleted[0] == 0x2222 && told.deleted[1] == 0x1111);
	bench_free(bench);
}

static void refused(void)
{
	struct bench *bench = bench_new(RESPONDER);
	struct told told = told_new();
	struct child *child = make_child(bench, &told, &passive);
	uint8_t keymat[23] = { 0 };
	struct secret keys = { keymat, sizeof(keymat) };

	told.refuse = FAULT_SYSTEM;
	CU_ASSERT_EQUAL(child_install_inbound(child, &keys), FAULT_SYSTEM);
	CU_ASSERT(!child->has_inbound);
	told.refuse = 0;
	CU_ASSERT_EQUAL(child_install_inbound(child, &keys), 0);
	child_free(child, "it could not be installed");
	/* Only what is there is taken away. */
	CU_ASSERT(told.deletes == 1 && told.deleted[0] == 0x1111 && told.policy_deletes == 1);
	bench_free(bench);
}

static void policy_stays(void)
{
	const struct connection_settings *connections[] = { &kept, &on_demand };

	for (size_t i = 0; i < COUNT(connections); i++) {
		struct bench *bench = bench_new(RESPONDER);
		struct told told = told_new();
		struct child *child = make_child(bench, &told, connections[i]);
		uint8_t keymat[23] = { 0 };
		struct secret keys = { keymat, sizeof(keymat) };
		CU_ASSERT(child_install_inbound(child, &keys) == 0 && child_install_outbound(child, &keys) == 0);
		CU_ASSERT_EQUAL(told.policy.want_acquire, connections[i]->keep == KEEP_ON_DEMAND);
		child_free(child, "the test is over");
		CU_ASSERT(told.deletes == 2 && told.policy_deletes == 0);
		bench_free(bench);
	}
}

static void found(void)
{
	struct bench *bench = bench_new(RESPONDER);
	struct told told = told_new();
	struct child *first = make_child(bench, &told, &passive), *second = make_child(bench, &told, &passive);

	second->spi_in = 0x3333;
	second->spi_out = 0x4444;
	CU_ASSERT_PTR_EQUAL(child_find(bench->sa, 0x1111, true), first);
	CU_ASSERT_PTR_EQUAL(child_find(bench->sa, 0x4444, false), second);
	CU_ASSERT_PTR_NULL(child_find(bench->sa, 0x4444, true));
	CU_ASSERT_PTR_NULL(child_find_config(bench->sa, &settings));
	second->stage = CHILD_CURRENT;
	CU_ASSERT_PTR_EQUAL(child_find_config(bench->sa, &settings), second);
	second->stage = CHILD_RETIRED;
	CU_ASSERT_PTR_NULL(child_find_config(bench->sa, &settings));
	/* They go with their SA. */
	bench_free(bench);
}

static void ids(void)
{
	static const struct child_settings dmz = { .name = "dmz" };
	static const struct connection_settings home = { .name = "home" }, offic = { .name = "offic" };
	static const struct child_settings elan = { .name = "elan" };

	CU_ASSERT_EQUAL(child_id(&passive, &settings), child_id(&kept, &settings));
	CU_ASSERT_NOT_EQUAL(child_id(&passive, &settings), child_id(&passive, &dmz));
	CU_ASSERT_NOT_EQUAL(child_id(&passive, &settings), child_id(&home, &settings));
	CU_ASSERT_NOT_EQUAL(child_id(&passive, &settings), child_id(&offic, &elan));
	CU_ASSERT_NOT_EQUAL(child_id(&passive, &settings), 0);
	CU_ASSERT_EQUAL(child_id(&passive, &(struct child_settings){ .name = "lan", .reqid = 7 }), 7);
	/* It must not change with a new version: policies of a running kernel have it. */
	CU_ASSERT_EQUAL(child_id(&passive, &settings), 0x8d17c5fa);
}

/* ---- keying material ---- */

/* The backends of this build; the test is nothing without one. */
struct backend {
	struct core core;
	struct plugins *plugins;
	struct crypto *crypto;
};

static void backend_load(struct backend *backend, struct bench *bench)
{
	const char *top = getenv("TOP_BUILDDIR");
	char folder[512];
	struct plugins_options options = { .folder = folder, .prefix = "crypto-" };

	snprintf(folder, sizeof(folder), "%s/.libs", top ? top : ".");
	*backend = (struct backend){ .core = { .log = bench->log, .bus = bench->bus, .main_loop = bench->loop } };
	CU_ASSERT_EQUAL_FATAL(plugins_load(&backend->plugins, &backend->core, &options), 0);
	CU_ASSERT_EQUAL_FATAL(crypto_new(&backend->crypto, backend->core.services, NULL, log_root(bench->log)), 0);
}

static void backend_free(struct backend *backend)
{
	crypto_free(backend->crypto);
	plugins_free(backend->plugins, &backend->core);
}

/*
 * SKEYID_d is 0, 1, 2 ... as long as the prf's result, Ni is 10, 11 ... 17, Nr a0 ... bf, g(qm)^xy 0, 7, 14 ... of 32 octets. The
 * answers are RFC 2409 5.5 in another language's HMAC.
 */
struct answer {
	const char *prf;
	uint32_t spi;
	bool pfs;
	uint8_t key_len, salt_len, mac_key_len;
	uint8_t keymat[96];
};

/* clang-format off */
static const struct answer answers[] = {
	{ "hmac-sha1", 0x12345678, false, 16, 0, 20, {
		0x9c, 0x2a, 0xc6, 0x4a, 0x85, 0xf2, 0xa6, 0x0c, 0x58, 0xa6, 0xf8, 0xb2, 0xe3, 0x3a, 0xd1, 0x5b, 0x1c, 0x48,
		0xb8, 0x7f, 0xe5, 0xfd, 0x68, 0x75, 0x18, 0x66, 0x4d, 0x06, 0x37, 0x22, 0x1e, 0xc1, 0x4e, 0x85, 0x37, 0x1d } },
	{ "hmac-sha1", 0xc0ffee01, true, 16, 4, 0, {
		0xb7, 0xa4, 0x57, 0x23, 0x1d, 0x74, 0x7b, 0x47, 0xf8, 0x29, 0x5f, 0x22, 0x9c, 0x63, 0xb2, 0x12, 0x49, 0x18,
		0xc6, 0x28 } },
	{ "hmac-sha256", 0xffffffff, true, 32, 0, 64, {
		0x22, 0x5d, 0x01, 0x0f, 0x66, 0xd4, 0x5d, 0x8f, 0x59, 0xef, 0x97, 0x5f, 0x5d, 0xd4, 0xca, 0x4f, 0xdf, 0x5a,
		0x6e, 0xb9, 0x07, 0x14, 0x08, 0x0d, 0x96, 0x3f, 0x61, 0x94, 0xd5, 0xad, 0xbd, 0x76, 0xe1, 0x39, 0xa6, 0x32,
		0x33, 0xd4, 0x13, 0x48, 0xad, 0xd8, 0x8d, 0xd0, 0x1d, 0xf6, 0x69, 0xbd, 0x30, 0xc2, 0xd3, 0x44, 0x01, 0x42,
		0x86, 0x1a, 0xe7, 0xcc, 0x2d, 0xef, 0x6c, 0xf7, 0x2c, 0xf7, 0x89, 0xce, 0xb6, 0xa9, 0x77, 0xbf, 0xed, 0x87,
		0x85, 0x05, 0x1c, 0x75, 0xca, 0xde, 0xd8, 0x9d, 0xbc, 0x2f, 0x40, 0x1e, 0xe1, 0x5f, 0x63, 0x6e, 0x23, 0x54,
		0xaa, 0x6e, 0x00, 0xc0, 0xbf, 0xf2 } },
	{ "hmac-sha256", 0x100, false, 32, 4, 0, {
		0x23, 0x0d, 0x65, 0xe9, 0x84, 0x0b, 0xcb, 0xb8, 0xcf, 0x47, 0xaf, 0x25, 0x1c, 0x46, 0x3d, 0xf3, 0x8a, 0x12,
		0x58, 0xd9, 0x46, 0x30, 0xb2, 0xa5, 0xa3, 0x0e, 0xcd, 0x0c, 0x1c, 0x04, 0xda, 0x1f, 0x27, 0x97, 0xd9, 0x28 } },
};
/* clang-format on */

static void fill(uint8_t *out, size_t len, unsigned first, unsigned step)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i * step);
}

static void check_answer(struct ike_sa *sa, const struct crypto *crypto, const struct answer *answer)
{
	uint8_t ni[8], nr[32], shared[32];
	struct esp_transform t = { .key_len = answer->key_len, .salt_len = answer->salt_len, .mac_key_len = answer->mac_key_len };
	AUTO_SECRET keymat = { NULL, 0 };

	fill(ni, sizeof(ni), 0x10, 1);
	fill(nr, sizeof(nr), 0xa0, 1);
	fill(shared, sizeof(shared), 0, 7);
	sa->transform.prf_alg = crypto_mac(crypto, answer->prf);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sa->transform.prf_alg);
	sa->prf_len = (uint8_t)sa->transform.prf_alg->size;
	CU_ASSERT_EQUAL_FATAL(secret_new(&sa->keys, 2 * (size_t)sa->prf_len), 0);
	fill(sa->keys.at, sa->prf_len, 0, 1);
	CU_ASSERT_EQUAL(child_keymat(sa, &t, answer->spi, bytes_of(shared, answer->pfs ? sizeof(shared) : 0), bytes_of(ni, sizeof(ni)),
				     bytes_of(nr, sizeof(nr)), &keymat), 0);
	CU_ASSERT_EQUAL(keymat.len, (size_t)answer->key_len + answer->salt_len + answer->mac_key_len);
	CU_ASSERT(memcmp(keymat.at, answer->keymat, keymat.len) == 0);
}

static void keymat(void)
{
	struct bench *bench = bench_new(RESPONDER);
	struct backend backend;

	backend_load(&backend, bench);
	for (size_t i = 0; i < COUNT(answers); i++)
		check_answer(bench->sa, backend.crypto, &answers[i]);
	backend_free(&backend);
	bench_free(bench);
}

static const struct unit_case cases[] = {
	{ "both directions and the policy are installed as negotiated, and removed again", installs },
	{ "what the kernel refuses is not removed later", refused },
	{ "the policy of a connection that means to be up outlives its SAs", policy_stays },
	{ "children are found by SPI and direction, and by name once they can send", found },
	{ "a child's number depends on both names and nothing else", ids },
	{ "KEYMAT is that of RFC 2409, for keys shorter and longer than the prf's result, with and without PFS", keymat },
};

UNIT_MAIN("child", cases)
