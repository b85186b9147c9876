/* SPDX-License-Identifier: MIT */
/* test_states.c - SAs: the messages octet by octet, errors of the kernel, moves, use. */
#include "test_kernel.h"
#include "unit.h"

#include <linux/udp.h>

static const struct xfrm_usersa_info *info_of(const struct nlmsghdr *message)
{
	return mnl_nlmsg_get_payload(message);
}

static const void *part(uint16_t type, size_t *len)
{
	return test_attribute(test_request(0), sizeof(struct xfrm_usersa_info), type, len);
}

static void a_reserved_spi_is_the_kernels(void)
{
	struct xfrm *x = test_kernel_open();
	struct address local = test_address("192.0.2.1", 500), remote = test_address("192.0.2.2", 500);
	uint32_t spi = 0;
	struct test_message *answer = &test_kernel->answers[test_kernel->answer_count++];
	void *head;

	struct nlmsghdr *message = netlink_request(&x->netlink, XFRM_MSG_NEWSA, 0, sizeof(struct xfrm_usersa_info), &head);
	((struct xfrm_usersa_info *)head)->id.spi = htonl(0xc0ffee01);
	answer->len = message->nlmsg_len;
	memcpy(answer->octets, message, answer->len);
	CU_ASSERT_EQUAL(state_spi(x, PROTO_ESP, &local, &remote, &spi), 0);
	CU_ASSERT_EQUAL(spi, 0xc0ffee01);
	const struct xfrm_userspi_info *asked = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_ALLOCSPI);
	CU_ASSERT(memcmp(&asked->info.id.daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4) == 0);
	CU_ASSERT_EQUAL(asked->info.id.proto, IPPROTO_ESP);
	CU_ASSERT(asked->min >= 256 && asked->max == 0xffffffff);
	test_kernel->error = EPERM;
	CU_ASSERT_EQUAL(state_spi(x, PROTO_ESP, &local, &remote, &spi), FAULT_PERMISSION);
	CU_ASSERT(test_said("cannot reserve an SPI: Operation not permitted; needs CAP_NET_ADMIN"));
	test_kernel_close();
}

static void an_inbound_sa_fills_what_was_reserved(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x12345678, true, 12, 5);
	size_t len;

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	CU_ASSERT_EQUAL(test_kernel->count, 1);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDSA);
	const struct xfrm_usersa_info *info = info_of(test_request(0));
	CU_ASSERT_EQUAL(info->id.spi, htonl(0x12345678));
	CU_ASSERT(memcmp(&info->id.daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4) == 0);
	CU_ASSERT(memcmp(&info->saddr, (uint8_t[]){ 192, 0, 2, 2 }, 4) == 0);
	CU_ASSERT_EQUAL(info->reqid, 77);
	CU_ASSERT_EQUAL(info->mode, XFRM_MODE_TUNNEL);
	CU_ASSERT_EQUAL(info->flags, XFRM_STATE_AF_UNSPEC);
	CU_ASSERT_EQUAL(info->replay_window, 0);
	CU_ASSERT(info->lft.soft_use_expires_seconds == BUILD_TAG && info->lft.hard_use_expires_seconds == 0);
	CU_ASSERT(info->lft.soft_packet_limit == XFRM_INF && info->lft.hard_byte_limit == XFRM_INF);
	const struct xfrm_algo *cipher = part(XFRMA_ALG_CRYPT, &len);
	CU_ASSERT_EQUAL(len, sizeof(*cipher) + 16);
	CU_ASSERT(cipher && strcmp(cipher->alg_name, "cbc(aes)") == 0 && cipher->alg_key_len == 128 && cipher->alg_key[0] == 9);
	const struct xfrm_algo_auth *auth = part(XFRMA_ALG_AUTH_TRUNC, &len);
	CU_ASSERT_EQUAL(len, sizeof(*auth) + 32);
	CU_ASSERT(auth && strcmp(auth->alg_name, "hmac(sha256)") == 0 && auth->alg_key_len == 256 && auth->alg_trunc_len == 128);
	const struct xfrm_replay_state_esn *replay = part(XFRMA_REPLAY_ESN_VAL, &len);
	CU_ASSERT(replay && replay->replay_window == 1024 && replay->bmp_len == 32 && len == sizeof(*replay) + 128);
	CU_ASSERT_PTR_NULL(part(XFRMA_ENCAP, &len));
	/* Nothing of the keys stays. */
	for (size_t i = 0; i < sizeof(x->netlink.request); i++)
		CU_ASSERT_EQUAL_FATAL(x->netlink.request[i], 0);
	test_kernel_close();
}

static void an_inbound_sa_whose_reservation_is_over_is_added(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x12345678, true, 20, 0);
	struct nlmsghdr *request;

	/* Both fail here; what counts is that the second is tried. */
	test_kernel->error = ESRCH;
	CU_ASSERT_EQUAL(state_add(x, &sa), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(test_kernel->count, 2);
	CU_ASSERT_EQUAL(test_request(1)->nlmsg_type, XFRM_MSG_UPDSA);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_NEWSA);
	CU_ASSERT_PTR_NULL(x->entries);
	CU_ASSERT(build_sa(&x->netlink, XFRM_MSG_NEWSA, &sa, &request));
	test_kernel_close();
}

static void each_cipher_has_its_name_and_key(void)
{
	/* clang-format off */
	static const struct { uint8_t id; uint16_t auth; const char *name; unsigned key_bits, icv_bits; const char *mac; unsigned trunc; } rows[] = {
		{ 12, 5, "cbc(aes)",          128, 0,   "hmac(sha256)", 128 },
		{ 13, 2, "rfc3686(ctr(aes))", 160, 0,   "hmac(sha1)",    96 },
		{ 22, 6, "cbc(camellia)",     128, 0,   "hmac(sha384)", 192 },
		{  3, 1, "cbc(des3_ede)",     192, 0,   "hmac(md5)",     96 },
		{ 11, 7, "ecb(cipher_null)",    0, 0,   "hmac(sha512)", 256 },
		{ 20, 0, "rfc4106(gcm(aes))", 160, 128, NULL,             0 },
		{ 19, 0, "rfc4106(gcm(aes))", 160,  96, NULL,             0 },
		{ 18, 0, "rfc4106(gcm(aes))", 160,  64, NULL,             0 },
		{ 16, 0, "rfc4309(ccm(aes))", 152, 128, NULL,             0 },
		{ 15, 0, "rfc4309(ccm(aes))", 152,  96, NULL,             0 },
		{ 14, 0, "rfc4309(ccm(aes))", 152,  64, NULL,             0 },
	};
	/* clang-format on */
	struct xfrm *x = test_kernel_open();

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ipsec_sa sa = test_sa(0x1000 + (uint32_t)i, false, rows[i].id, rows[i].auth);
		size_t len;
		CU_ASSERT_EQUAL(state_add(x, &sa), 0);
		const struct xfrm_algo *cipher = part(rows[i].mac ? XFRMA_ALG_CRYPT : XFRMA_ALG_AEAD, &len);
		CU_ASSERT_FATAL(cipher != NULL);
		CU_ASSERT_STRING_EQUAL(cipher->alg_name, rows[i].name);
		CU_ASSERT_EQUAL(cipher->alg_key_len, rows[i].key_bits);
		if (!rows[i].mac)
			CU_ASSERT_EQUAL(((const struct xfrm_algo_aead *)(const void *)cipher)->alg_icv_len, rows[i].icv_bits);
		const struct xfrm_algo_auth *mac = part(XFRMA_ALG_AUTH_TRUNC, &len);
		CU_ASSERT_EQUAL(mac != NULL, rows[i].mac != NULL);
		if (mac)
			CU_ASSERT(strcmp(mac->alg_name, rows[i].mac) == 0 && mac->alg_trunc_len == rows[i].trunc);
	}
	/* The draft's short one. */
	struct ipsec_sa sa = test_sa(0x2000, false, 12, 5);
	size_t len;
	sa.transform.icv_len = 12;
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	const struct xfrm_algo_auth *mac = part(XFRMA_ALG_AUTH_TRUNC, &len);
	CU_ASSERT(mac && mac->alg_trunc_len == 96);
	test_kernel_close();
}

static void an_outbound_sa_ends_with_its_numbers(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, false, 20, 0);
	size_t len;

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_NEWSA);
	CU_ASSERT(memcmp(&info_of(test_request(0))->id.daddr, (uint8_t[]){ 192, 0, 2, 2 }, 4) == 0);
	CU_ASSERT(info_of(test_request(0))->lft.soft_packet_limit < UINT32_MAX);
	CU_ASSERT_EQUAL(info_of(test_request(0))->lft.hard_packet_limit, UINT32_MAX);
	CU_ASSERT_PTR_NULL(part(XFRMA_REPLAY_ESN_VAL, &len));
	sa.spi++;
	sa.transform.esn = true;
	sa.limits = (struct ipsec_limits){ 1000, 2000, 30, 40 };
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	const struct xfrm_lifetime_cfg *lft = &info_of(test_request(0))->lft;
	CU_ASSERT(lft->soft_byte_limit == 1000 && lft->hard_byte_limit == 2000);
	CU_ASSERT(lft->soft_packet_limit == 30 && lft->hard_packet_limit == 40);
	CU_ASSERT(info_of(test_request(0))->flags & XFRM_STATE_ESN);
	const struct xfrm_replay_state_esn *replay = part(XFRMA_REPLAY_ESN_VAL, &len);
	CU_ASSERT(replay && replay->replay_window > 0 && replay->bmp_len == 1);
	test_kernel_close();
}

static struct ipsec_sa ah_sa(uint32_t spi, bool inbound)
{
	struct ipsec_sa sa = test_sa(spi, inbound, 12, 5);

	sa.transform.is_ah = true;
	sa.transform.id = 5;
	sa.encryption_key = bytes_of(NULL, 0);
	return sa;
}

static void ah_has_integrity_alone(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa in = ah_sa(0x1001, true), out = ah_sa(0x1002, false);
	size_t len;

	/* No ESP is needed for it. */
	x->has_esp[0] = false;
	CU_ASSERT_EQUAL(state_add(x, &in), 0);
	CU_ASSERT_EQUAL(info_of(test_request(0))->id.proto, IPPROTO_AH);
	CU_ASSERT(info_of(test_request(0))->flags & XFRM_STATE_ALIGN4);
	CU_ASSERT_PTR_NULL(part(XFRMA_ALG_CRYPT, &len));
	const struct xfrm_algo_auth *auth = part(XFRMA_ALG_AUTH_TRUNC, &len);
	CU_ASSERT(auth && strcmp(auth->alg_name, "hmac(sha256)") == 0 && auth->alg_key_len == 256 && auth->alg_trunc_len == 128);
	CU_ASSERT_PTR_NOT_NULL(part(XFRMA_REPLAY_ESN_VAL, &len));
	out.local = test_address("2001:db8::1", 0);
	out.remote = test_address("2001:db8::2", 0);
	CU_ASSERT_EQUAL(state_add(x, &out), 0);
	CU_ASSERT_FALSE(info_of(test_request(0))->flags & XFRM_STATE_ALIGN4);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_AH, 0x1001, true, &in.remote), 0);
	const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT_EQUAL(id->proto, IPPROTO_AH);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_AH, 0x1002, false, &out.remote), 0);
	out.udp_encap = true;
	CU_ASSERT_EQUAL(state_add(x, &out), FAULT_UNSUPPORTED);
	CU_ASSERT(test_said("AH has no form in UDP"));
	test_kernel_close();
}

/* RFC 4301 4.1: an SA is told by its SPI together with its protocol. */
static void one_spi_is_two_sas_of_esp_and_ah(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa ah = ah_sa(0x1002, false), esp = test_sa(0x1002, false, 20, 0);
	struct address to = test_address("198.51.100.1", 0);
	struct xfrm_user_expire *expire;

	CU_ASSERT(state_add(x, &ah) == 0 && state_add(x, &esp) == 0);
	CU_ASSERT_EQUAL(state_add(x, &ah), FAULT_EXISTS);
	struct nlmsghdr *message = test_event_of(XFRM_MSG_EXPIRE, sizeof(*expire), &expire);
	expire->state.id.spi = htonl(0x1002);
	expire->state.id.proto = IPPROTO_AH;
	expire->state.family = AF_INET;
	memcpy(&expire->state.id.daddr, ah.remote.ip, 4);
	test_kernel->events.len = message->nlmsg_len;
	events_read(x);
	CU_ASSERT(entry_find(x, IPPROTO_AH, 0x1002, false, &ah.remote)->is_told[false]);
	CU_ASSERT_FALSE(entry_find(x, IPPROTO_ESP, 0x1002, false, &ah.remote)->is_told[false]);
	test_answer_with(test_request(0));
	CU_ASSERT_EQUAL(state_move(x, PROTO_ESP, 0x1002, false, &esp.remote, &esp.local, &to), 0);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1002, false, &esp.remote), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_AH, 0x1002, false, &ah.remote), 0);
	CU_ASSERT_EQUAL(((const struct xfrm_usersa_id *)mnl_nlmsg_get_payload(test_request(0)))->proto, IPPROTO_AH);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1002, false, &to), 0);
	CU_ASSERT_PTR_NULL(x->entries);
	test_kernel_close();
}

static void ah_errors_name_its_module(void)
{
	static const struct { int error; const char *says; } rows[] = {
		{ EPROTONOSUPPORT, "the kernel has no AH over IPv4: load module ah4, or use ESP" },
		{ ENOSYS, "the kernel lacks HMAC-SHA2-256: load its modules (modprobe -a hmac sha256_generic)" },
		{ EEXIST, "another program has installed the same" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct xfrm *x = test_kernel_open();
		struct ipsec_sa sa = ah_sa(0x1001, false);
		test_kernel->error = rows[i].error;
		CU_ASSERT(state_add(x, &sa) < 0);
		CU_ASSERT(test_said(rows[i].says));
		CU_ASSERT_PTR_NULL(x->entries);
		test_kernel_close();
	}
}

static void the_largest_window_is_the_kernels(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, true, 20, 0);
	size_t len;

	sa.replay_window = 1 << 20;
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	const struct xfrm_replay_state_esn *replay = part(XFRMA_REPLAY_ESN_VAL, &len);
	CU_ASSERT(replay && replay->replay_window == 4096 && replay->bmp_len == 128);
	test_kernel_close();
}

static void esp_in_udp_has_the_ports_of_its_direction(void)
{
	struct xfrm *x = test_kernel_open();

	for (int inbound = 0; inbound < 2; inbound++) {
		struct ipsec_sa sa = test_sa(0x1001, inbound, 20, 0);
		size_t len;
		sa.udp_encap = true;
		sa.remote.port = 1024;
		CU_ASSERT_EQUAL(state_add(x, &sa), 0);
		const struct xfrm_encap_tmpl *encap = part(XFRMA_ENCAP, &len);
		CU_ASSERT_FATAL(encap != NULL);
		CU_ASSERT_EQUAL(encap->encap_type, UDP_ENCAP_ESPINUDP);
		CU_ASSERT_EQUAL(ntohs(encap->encap_sport), inbound ? 1024 : 4500);
		CU_ASSERT_EQUAL(ntohs(encap->encap_dport), inbound ? 4500 : 1024);
		CU_ASSERT_EQUAL(part(XFRMA_MTIMER_THRESH, &len) != NULL, inbound);
	}
	x->has_encap[0] = false;
	struct ipsec_sa sa = test_sa(0x1002, true, 20, 0);
	sa.udp_encap = true;
	CU_ASSERT_EQUAL(state_add(x, &sa), FAULT_UNSUPPORTED);
	CU_ASSERT(test_said("takes no ESP in UDP off our socket"));
	test_kernel_close();
}

static void a_transport_sa_is_for_its_selectors(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, true, 20, 0);

	sa.transport = true;
	sa.local_ts = test_selector("192.0.2.1[tcp/80]");
	sa.remote_ts = test_selector("192.0.2.2[tcp]");
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	const struct xfrm_usersa_info *info = info_of(test_request(0));
	CU_ASSERT_EQUAL(info->mode, XFRM_MODE_TRANSPORT);
	CU_ASSERT_EQUAL(info->flags, 0);
	CU_ASSERT(info->sel.family == AF_INET && info->sel.prefixlen_s == 32 && info->sel.prefixlen_d == 32 && info->sel.proto == IPPROTO_TCP);
	CU_ASSERT(ntohs(info->sel.dport) == 80 && info->sel.dport_mask == 0xffff && info->sel.sport_mask == 0);
	CU_ASSERT(memcmp(&info->sel.saddr, (uint8_t[]){ 192, 0, 2, 2 }, 4) == 0);
	test_kernel_close();
}

static void each_error_has_a_fault_and_advice(void)
{
	/* clang-format off */
	static const struct { int error, fault; const char *says; } rows[] = {
		{ EPERM,           FAULT_PERMISSION,  "needs CAP_NET_ADMIN" },
		{ EEXIST,          FAULT_EXISTS,      "another program has installed the same" },
		{ ESRCH,           FAULT_NOT_FOUND,   "it is gone" },
		{ EPROTONOSUPPORT, FAULT_UNSUPPORTED, "load the modules xfrm_user and esp4" },
		{ ENOPROTOOPT,     FAULT_UNSUPPORTED, "built without it (CONFIG_XFRM" },
		{ ENOSYS,          FAULT_UNSUPPORTED, "lacks AES-CBC or HMAC-SHA2-256: load its modules (modprobe -a cbc aes_generic hmac sha256_generic authenc echainiv)" },
		{ ENOENT,          FAULT_UNSUPPORTED, "lacks AES-CBC or HMAC-SHA2-256" },
		{ ENOBUFS,         FAULT_MEMORY,      "no memory left" },
		{ ENOMEM,          FAULT_MEMORY,      "no memory left" },
		{ EINVAL,          FAULT_SYSTEM,      "may be too old" },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct xfrm *x = test_kernel_open();
		struct ipsec_sa sa = test_sa(0x1001, false, 12, 5);
		test_kernel->error = rows[i].error;
		test_kernel->said = "it said so itself";
		CU_ASSERT_EQUAL(state_add(x, &sa), rows[i].fault);
		if (!test_said(rows[i].says))
			printf("# errno %d does not say: %s\n", rows[i].error, rows[i].says);
		CU_ASSERT(test_said(rows[i].says));
		CU_ASSERT_EQUAL(test_said("(the kernel says: it said so itself)"), rows[i].error != ENOSYS && rows[i].error != ENOENT);
		CU_ASSERT_PTR_NULL(x->entries);
		CU_ASSERT_PTR_NULL(x->owners);
		test_kernel_close();
	}
}

static void an_sa_that_is_there_is_not_added_twice(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, false, 20, 0);

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	CU_ASSERT_EQUAL(state_add(x, &sa), FAULT_EXISTS);
	CU_ASSERT_EQUAL(test_kernel->count, 1);
	sa.spi = 255;
	CU_ASSERT_EQUAL(state_add(x, &sa), FAULT_UNSUPPORTED);
	sa.spi = 0x1002;
	x->has_esp[0] = false;
	CU_ASSERT_EQUAL(state_add(x, &sa), FAULT_UNSUPPORTED);
	CU_ASSERT(test_said("load module esp4"));
	test_kernel_close();
}

static void an_sa_is_deleted_by_its_destination(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa in = test_sa(0x1001, true, 20, 0), out = test_sa(0x1002, false, 20, 0);

	CU_ASSERT(state_add(x, &in) == 0 && state_add(x, &out) == 0);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1001, true, &in.remote), 0);
	const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_DELSA);
	CU_ASSERT(id->spi == htonl(0x1001) && id->family == AF_INET && id->proto == IPPROTO_ESP);
	CU_ASSERT(memcmp(&id->daddr, (uint8_t[]){ 192, 0, 2, 1 }, 4) == 0);
	/* Used up, so that the kernel has deleted it by itself. */
	test_kernel->error = ESRCH;
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1002, false, &out.remote), 0);
	id = mnl_nlmsg_get_payload(test_request(0));
	CU_ASSERT(memcmp(&id->daddr, (uint8_t[]){ 192, 0, 2, 2 }, 4) == 0);
	CU_ASSERT_EQUAL(state_delete(x, PROTO_ESP, 0x1002, false, &out.remote), FAULT_NOT_FOUND);
	CU_ASSERT(x->entries == NULL && x->owners == NULL);
	test_kernel_close();
}

static void usage_is_what_the_kernel_counts(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, true, 20, 0);
	struct ipsec_usage usage;

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	struct xfrm_usersa_info *info = test_answer_with(test_request(0));
	CU_ASSERT_EQUAL(state_usage(x, PROTO_ESP, 0x1001, true, &sa.remote, &usage), 0);
	CU_ASSERT(usage.packets == 0 && usage.last_used == 0);
	info->curlft.packets = 3;
	info->curlft.bytes = 252;
	info->stats.replay = 4;
	info->stats.integrity_failed = 5;
	CU_ASSERT_EQUAL(state_usage(x, PROTO_ESP, 0x1001, true, &sa.remote, &usage), 0);
	CU_ASSERT(usage.packets == 3 && usage.bytes == 252 && usage.replayed == 4 && usage.bad_icv == 5);
	CU_ASSERT_EQUAL(usage.last_used, 1000000);
	/* It was used between the looks, or it was not. */
	test_kernel->now = 1005000;
	CU_ASSERT_EQUAL(state_usage(x, PROTO_ESP, 0x1001, true, &sa.remote, &usage), 0);
	CU_ASSERT_EQUAL(usage.last_used, 1000000);
	/* What went out: at the time of the last look, or the one before. */
	struct ipsec_sa out = test_sa(0x1002, false, 20, 0);
	CU_ASSERT_EQUAL(state_add(x, &out), 0);
	test_kernel->now = 1009000;
	CU_ASSERT_EQUAL(state_usage(x, PROTO_ESP, 0x1002, false, &out.remote, &usage), 0);
	CU_ASSERT_EQUAL(usage.last_used, 1005000);
	test_kernel->error = ESRCH;
	CU_ASSERT_EQUAL(state_usage(x, PROTO_ESP, 0x1001, true, &sa.remote, &usage), FAULT_NOT_FOUND);
	CU_ASSERT_EQUAL(state_usage(x, PROTO_ESP, 0x9999, true, &sa.remote, &usage), FAULT_NOT_FOUND);
	test_kernel_close();
}

static void an_sa_that_moves_keeps_keys_and_numbers(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, false, 20, 0);
	struct address local = test_address("192.0.2.1", 4500), remote = test_address("198.51.100.9", 4500);
	size_t len;

	sa.transform.esn = true;
	sa.udp_encap = true;
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	struct xfrm_usersa_info *info = test_answer_with(test_request(0));
	info->curlft.bytes = 1234;
	struct xfrm_replay_state_esn *state = (void *)(uintptr_t)test_attribute((const void *)test_kernel->answers[0].octets, sizeof(*info),
									   XFRMA_REPLAY_ESN_VAL, &len);
	state->oseq = 0xfffffff0;
	CU_ASSERT_EQUAL(state_move(x, PROTO_ESP, 0x1001, false, &sa.remote, &local, &remote), 0);
	/* Read, deleted, added: in this order. */
	CU_ASSERT_EQUAL(test_request(2)->nlmsg_type, XFRM_MSG_GETSA);
	CU_ASSERT_EQUAL(test_request(1)->nlmsg_type, XFRM_MSG_DELSA);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_NEWSA);
	CU_ASSERT(memcmp(&info_of(test_request(0))->id.daddr, (uint8_t[]){ 198, 51, 100, 9 }, 4) == 0);
	const struct xfrm_algo_aead *aead = part(XFRMA_ALG_AEAD, &len);
	CU_ASSERT(aead && len == sizeof(*aead) + 20 && memcmp(aead->alg_key, test_octets, 20) == 0);
	const struct xfrm_replay_state_esn *replay = part(XFRMA_REPLAY_ESN_VAL, &len);
	CU_ASSERT(replay && replay->oseq == 0xfffffff0u + SEQUENCE_GAP && replay->oseq_hi == 1);
	const struct xfrm_lifetime_cur *used = part(XFRMA_LTIME_VAL, &len);
	CU_ASSERT(used && len == sizeof(*used));
	CU_ASSERT_PTR_NOT_NULL(part(XFRMA_ENCAP, &len));
	CU_ASSERT_PTR_NOT_NULL(entry_find(x, IPPROTO_ESP, 0x1001, false, &remote));
	CU_ASSERT_PTR_NULL(entry_find(x, IPPROTO_ESP, 0x1001, false, &sa.remote));
	/* Another port only: in place. */
	struct address again = test_address("198.51.100.9", 1025);
	CU_ASSERT_EQUAL(state_move(x, PROTO_ESP, 0x1001, false, &remote, &local, &again), 0);
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_UPDSA);
	const struct xfrm_encap_tmpl *encap = part(XFRMA_ENCAP, &len);
	CU_ASSERT(encap && ntohs(encap->encap_dport) == 1025);
	CU_ASSERT_EQUAL(state_move(x, PROTO_ESP, 0x7777, false, &remote, &local, &again), FAULT_NOT_FOUND);
	test_kernel_close();
}

static void keys_that_are_not_shown_stay_where_they_are(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = test_sa(0x1001, true, 20, 0);
	struct address local = test_address("192.0.2.1", 4500), remote = test_address("198.51.100.9", 4500);
	size_t len;

	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	struct xfrm_usersa_info *info = test_answer_with(test_request(0));
	struct xfrm_algo_aead *aead = (void *)(uintptr_t)test_attribute((const void *)test_kernel->answers[0].octets, sizeof(*info),
								   XFRMA_ALG_AEAD, &len);
	memset(aead->alg_key, 0, 20);
	CU_ASSERT_EQUAL(state_move(x, PROTO_ESP, 0x1001, true, &sa.remote, &local, &remote), FAULT_SYSTEM);
	CU_ASSERT(test_said("locked down"));
	CU_ASSERT_EQUAL(test_request(0)->nlmsg_type, XFRM_MSG_GETSA);
	CU_ASSERT_PTR_NOT_NULL(entry_find(x, IPPROTO_ESP, 0x1001, true, &sa.remote));
	test_kernel_close();
}

static uint32_t number(uint16_t type)
{
	size_t len;
	const uint32_t *at = part(type, &len);

	return len == sizeof(*at) ? *at : 0;
}

static void what_a_child_asks_for_is_in_its_sas(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa in = test_sa(0x12345678, true, 20, 0), out = test_sa(0x12345679, false, 20, 0);

	in.options = (struct ipsec_options){ .mark = 0x10, .mark_mask = 0xff, .if_id = 42, .takes_dscp = true, .no_routes = true };
	out.options = (struct ipsec_options){ .hides_dscp = true, .hides_ecn = true, .drops_df = true };
	CU_ASSERT_EQUAL(state_add(x, &in), 0);
	CU_ASSERT_EQUAL(info_of(test_request(0))->flags, XFRM_STATE_AF_UNSPEC | XFRM_STATE_DECAP_DSCP);
	CU_ASSERT(number(XFRMA_IF_ID) == 42 && number(XFRMA_SET_MARK) == 0x10 && number(XFRMA_SET_MARK_MASK) == 0xff);
	CU_ASSERT_EQUAL(state_add(x, &out), 0);
	CU_ASSERT_EQUAL(info_of(test_request(0))->flags, XFRM_STATE_AF_UNSPEC | XFRM_STATE_NOECN | XFRM_STATE_NOPMTUDISC);
	CU_ASSERT(number(XFRMA_IF_ID) == 0 && number(XFRMA_SA_EXTRA_FLAGS) == XFRM_SA_XFLAG_DONT_ENCAP_DSCP);
	CU_ASSERT(number(XFRMA_SET_MARK) == KERNEL_MARK && number(XFRMA_SET_MARK_MASK) == UINT32_MAX);
	out = test_sa(0x1234567a, false, 20, 0);
	out.options.no_routes = true;
	CU_ASSERT_EQUAL(state_add(x, &out), 0);
	CU_ASSERT_EQUAL(number(XFRMA_SET_MARK_MASK), 0);
	test_kernel_close();
}

/* An SA of this host's own address, which has a device where the loopback is up. */
static struct ipsec_sa offloaded(uint32_t spi, enum ipsec_offload offload)
{
	struct ipsec_sa sa = test_sa(spi, false, 20, 0);

	sa.local = test_address("127.0.0.1", 0);
	sa.options.offload = offload;
	return sa;
}

static void work_is_given_to_the_device_of_the_local_address(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = offloaded(0x12345678, OFFLOAD_PACKET);
	bool is_up = offload_of(&sa).index > 0;
	size_t len;

	CU_ASSERT_EQUAL(state_add(x, &sa) == 0, is_up);
	const struct xfrm_user_offload *offload = is_up ? part(XFRMA_OFFLOAD_DEV, &len) : NULL;
	CU_ASSERT_EQUAL(offload && offload->ifindex > 0 && offload->flags == OFFLOAD_WHOLE, is_up);
	test_kernel->error = EINVAL;
	test_kernel->said = "Packet offload is not supported";
	sa.spi++;
	CU_ASSERT_NOT_EQUAL(state_add(x, &sa), 0);
	CU_ASSERT(!is_up || test_said("with offload=\"packet\" on the device lo of 127.0.0.1: Packet offload is not supported; write offload=\"auto\""));
	test_kernel_close();
}

static void work_that_no_device_takes_is_the_kernels(void)
{
	struct xfrm *x = test_kernel_open();
	struct ipsec_sa sa = offloaded(0x12345678, OFFLOAD_AUTO);
	size_t len;

	sa.local = test_address("192.0.2.1", 0);
	CU_ASSERT_EQUAL(state_add(x, &sa), 0);
	CU_ASSERT_PTR_NULL(part(XFRMA_OFFLOAD_DEV, &len));
	/* The kernel took it, but does not say that a device does it. */
	sa = offloaded(0x12345679, OFFLOAD_CRYPTO);
	CU_ASSERT_NOT_EQUAL(state_add(x, &sa), 0);
	CU_ASSERT(test_request(0)->nlmsg_type == XFRM_MSG_DELSA || !offload_of(&sa).index);
	CU_ASSERT(test_said("with offload=\"crypto\" on the device"));
	test_kernel_close();
}

static const struct unit_case cases[] = {
	{ "a reserved SPI is the kernel's", a_reserved_spi_is_the_kernels },
	{ "an inbound SA fills what was reserved", an_inbound_sa_fills_what_was_reserved },
	{ "an inbound SA whose reservation is over is added", an_inbound_sa_whose_reservation_is_over_is_added },
	{ "each cipher has its name and key", each_cipher_has_its_name_and_key },
	{ "an outbound SA ends with its numbers", an_outbound_sa_ends_with_its_numbers },
	{ "AH has an integrity algorithm alone", ah_has_integrity_alone },
	{ "one SPI is two SAs, of ESP and of AH", one_spi_is_two_sas_of_esp_and_ah },
	{ "errors about AH name its module", ah_errors_name_its_module },
	{ "the largest window is the kernel's", the_largest_window_is_the_kernels },
	{ "ESP in UDP has the ports of its direction", esp_in_udp_has_the_ports_of_its_direction },
	{ "a transport SA is for its selectors", a_transport_sa_is_for_its_selectors },
	{ "each error has a fault and advice", each_error_has_a_fault_and_advice },
	{ "an SA that is there is not added twice", an_sa_that_is_there_is_not_added_twice },
	{ "an SA is deleted by its destination", an_sa_is_deleted_by_its_destination },
	{ "usage is what the kernel counts", usage_is_what_the_kernel_counts },
	{ "an SA that moves keeps keys and numbers", an_sa_that_moves_keeps_keys_and_numbers },
	{ "keys that are not shown stay where they are", keys_that_are_not_shown_stay_where_they_are },
	{ "what a child asks for is in its SAs", what_a_child_asks_for_is_in_its_sas },
	{ "work is given to the device of the local address", work_is_given_to_the_device_of_the_local_address },
	{ "work that no device takes is the kernel's", work_that_no_device_takes_is_the_kernels },
};

UNIT_MAIN("xfrm states", cases)
