/* SPDX-License-Identifier: MIT */
/* test_settings.c - what a configuration means, and what is wrong in it and where. */
#include "kernel_net.h"
#include "test_settings.h"

/* ---- meaning ---- */

static void test_office(void)
{
	struct run run;
	struct settings *s = run_good(&run, OFFICE);
	const struct connection_settings *c = settings_connection(s, "office");

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(settings_connection_count(s), 1);
	CU_ASSERT_PTR_EQUAL(settings_connection_at(s, 0), c);
	CU_ASSERT_PTR_NULL(settings_connection_at(s, 1));
	CU_ASSERT_PTR_NULL(settings_connection(s, "other"));
	CU_ASSERT_EQUAL(c->keep, KEEP_UP);
	CU_ASSERT_EQUAL(c->local.family, AF_INET);
	CU_ASSERT_EQUAL(c->remote_id.type, ID_FQDN);
	CU_ASSERT_STRING_EQUAL(c->mode, "main");
	CU_ASSERT_STRING_EQUAL(c->auth, "psk");
	CU_ASSERT_EQUAL(c->lifetime, 8 * 3600);
	CU_ASSERT_EQUAL(c->proposals.count, 1);
	CU_ASSERT_EQUAL_FATAL(c->child_count, 1);
	CU_ASSERT_EQUAL(c->children[0].lifetime.seconds, 1800);
	CU_ASSERT_EQUAL(c->children[0].proposals.count, 1);
	CU_ASSERT_FALSE(c->children[0].local_is_host);
	run_end(&run);
}

static void test_defaults(void)
{
	struct run run;
	struct settings *s = run_good(&run, "keyferry\n connection name=a\n  remote address=192.0.2.9\n  child name=b\n" KEY_ANY);
	const struct connection_settings *c = settings_connection_at(s, 0);

	CU_ASSERT_EQUAL(c->keep, KEEP_PASSIVE);
	CU_ASSERT_EQUAL(c->encap, ENCAP_AUTO);
	CU_ASSERT_EQUAL(c->local.family, 0);
	CU_ASSERT_EQUAL(c->local_id.type, 0);
	CU_ASSERT_EQUAL(c->remote_id.type, ID_IPV4_ADDR);
	CU_ASSERT_EQUAL(c->remote_port, 500);
	CU_ASSERT_STRING_EQUAL(c->mode, "main");
	CU_ASSERT_STRING_EQUAL(c->auth, "psk");
	CU_ASSERT_EQUAL(c->lifetime, PHASE1_LIFETIME);
	CU_ASSERT(c->proposals.count > 0);
	CU_ASSERT(c->children[0].local_is_host && c->children[0].remote_is_host);
	CU_ASSERT_FALSE(c->children[0].transport);
	CU_ASSERT_EQUAL(c->children[0].lifetime.seconds, CHILD_LIFETIME);
	CU_ASSERT_EQUAL(c->children[0].replay_window, REPLAY_WINDOW);
	CU_ASSERT_EQUAL(c->children[0].mtu, 0);
	CU_ASSERT(c->children[0].proposals.count > 0);
	run_end(&run);
}

static void test_dynamic(void)
{
	struct run run;
	struct settings *s = run_good(&run, "keyferry\n connection name=a\n  remote address=%any\n"
		"  child name=l2tp mode=transport local=dynamic[udp/1701] remote=dynamic[udp]\n" KEY_ANY);
	const struct child_settings *child = &settings_connection_at(s, 0)->children[0];

	CU_ASSERT(child->local_is_host && child->remote_is_host && child->transport);
	CU_ASSERT_EQUAL(child->local.protocol, 17);
	CU_ASSERT_EQUAL(child->local.port, 1701);
	CU_ASSERT_EQUAL(child->remote.protocol, 17);
	CU_ASSERT_EQUAL(child->remote.port, 0);
	CU_ASSERT_EQUAL(child->local.range.family, 0);
	run_end(&run);
}

static void test_host_name(void)
{
	struct run run;
	struct settings *s = run_good(&run, "keyferry\n connection name=a keep=up\n  remote address=gw.right.example port=4500\n"
		"  child name=b\n" KEY_ANY);
	const struct connection_settings *c = settings_connection_at(s, 0);

	CU_ASSERT_STRING_EQUAL(c->remote_host, "gw.right.example");
	CU_ASSERT_EQUAL(c->remote.family, 0);
	CU_ASSERT_EQUAL(c->remote_id.type, 0);
	CU_ASSERT_EQUAL(c->remote_port, 4500);
	run_end(&run);
}

/* ---- what is wrong, and where ---- */

/* The first error is in this line of the file and has these words. */
struct broken {
	const char *text;
	unsigned line;
	const char *words;
};

static const struct broken broken[] = {
	{ "keyfery\n", 1, "outermost element must be <keyferry>" },
	{ "keyferry\n conection name=a\n", 2, "did you mean <connection>?" },
	{ "keyferry\n child name=a\n", 2, "does not belong into <keyferry> but into <connection>" },
	{ "keyferry\n zebra\n", 2, "there is: daemon, plugin, connection, shunt, psk" },
	{ "keyferry\n plugin\n", 2, "attribute 'name' is missing" },
	{ "keyferry x=1\n", 1, "this element has none" },
	{ "keyferry =text\n", 1, "no text may stand here" },
	{ "keyferry\n shunt name=a remote=10.0.0.0/8\n", 2, "attribute 'action' is missing" },
	{ "keyferry\n shunt name=a action=pass remote=10.0.0.0/8\n", 2, "unknown action 'pass'; " },
	{ "keyferry\n shunt name=a action=drop remote=dynamic\n", 2, "remote 'dynamic' is not an address" },
	{ "keyferry\n shunt name=a action=drop remote=%any\n", 2, "write 0.0.0.0/0 or ::/0" },
	{ "keyferry\n shunt name=a action=drop remote=10.0.0.0/8[tcp/x]\n", 2, "does not end with a protocol and port" },
	{ "keyferry\n shunt name=a action=drop local=::/0 remote=10.0.0.0/8\n", 2, "not of the same family" },
	{ "keyferry\n shunt name=a action=drop local=10.0.0.0/8[tcp] remote=10.0.0.0/8[udp]\n", 2, "not of the same protocol" },
	{ "keyferry\n shunt name=a action=drop remote=10.0.0.0/8\n shunt name=a action=drop remote=10.1.0.0/16\n", 3,
	  "there is one with name 'a' already" },
	{ AROUND(REMOTE, "  child name=b proposal=default\n"), 4, "unknown attribute 'proposal'; did you mean 'proposals'?" },
	{ AROUND(REMOTE, "  child\n"), 4, "attribute 'name' is missing" },
	{ AROUND(REMOTE, "  child name=b auth=psk\n"), 4, "attribute 'auth' does not belong here but to <phase1>" },
	{ AROUND(REMOTE, "  child name=b zebra=1\n"), 4, "there is: name, local, remote, mode" },
	{ AROUND(REMOTE, "  child name=b\n   local address=192.0.2.1\n"), 5, "does not belong into <child> but into <connection>" },
	{ AROUND(REMOTE, ""), 2, "there is no <child> in it" },
	{ AROUND(CHILD, ""), 2, "there is no <remote> in it; for anybody, write <remote address=\"%any\"/>" },
	{ AROUND(REMOTE, CHILD "  remote address=192.0.2.8\n"), 5, "t.conf:3" },
	{ AROUND("  remote address=192.0.2.9 id=a/b\n", CHILD), 3, "id 'a/b' is not an identity; write an address" },
	{ AROUND("  remote address=192.0.2.9 id=*.example\n", CHILD), 3, "id '*.example' is not an identity; '*' stands for many" },
	{ AROUND("  remote address=192.0.2.9 id=O=a,b\n", CHILD), 3, "an attribute such as CN= is missing" },
	{ AROUND("  remote address=192.0.2.9 id=XY=a\n", CHILD), 3, "no attribute is called 'XY'" },
	{ AROUND("  remote address=192.0.2.9 id-match=wildcard\n", CHILD), 3, "unknown id-match 'wildcard'; did you mean 'wildcards'?" },
	{ AROUND("  local id=10.0.0.0/8\n" REMOTE, CHILD), 3, "a range of addresses names nobody" },
	{ AROUND("  local id=*.example\n" REMOTE, CHILD), 3, "'*' stands for many" },
	{ AROUND("  local id-match=wildcards\n" REMOTE, CHILD), 3, "attribute 'id-match' does not belong here but to <remote>, <psk>" },
	{ "keyferry\n connection name=a\n  local id=l.example\n  remote address=192.0.2.9 id=C=CH,CN=* id-match=wildcards\n" CHILD, 2,
	  "add <psk ids=\"l.example 'C=CH,CN=*'\" id-match=\"wildcards\" file=\"a.psk\"/>" },
	{ "keyferry\n connection name=a\n  remote address=192.0.2.9 id=10.0.0.0/8\n" CHILD, 2, "add <psk ids=\"ipv4range:10.0.0.0/8\" file=" },
	{ "keyferry\n psk ids=*@example file=long.psk\n", 2, "ids: '*@example' is neither an address, prefix, range or %any nor an identity; '*' stands" },
	{ "keyferry\n psk ids='CN=a,C=b file=long.psk\n", 2, "ids: ''CN=a' is neither" },
	{ AROUND("  remote address=192.0.2.300\n", CHILD), 3, "address '192.0.2.300' is not an address" },
	{ AROUND("  remote address=10.1.2.3/16\n", CHILD), 3, "bits set behind the prefix of 16; write the network's own" },
	{ AROUND("  remote address=192.0.2.9 port=0\n", CHILD), 3, "port '0' must be from 1 to 65535" },
	{ AROUND("  remote address=192.0.2.9 port=x\n", CHILD), 3, "port 'x' is not a number" },
	{ AROUND("  remote address=192.0.2.9 port=99999999999999999999\n", CHILD), 3, "must be from 1 to 65535" },
	{ AROUND(REMOTE "  local address=10.0.0.0/8\n", CHILD), 4, "is not an address" },
	{ AROUND(REMOTE "  local address=2001:db8::1\n", CHILD), 3, "not of the same family" },
	{ AROUND(REMOTE "  phase1 mode=agressive\n", CHILD), 4, "unknown mode 'agressive'; did you mean 'aggressive'?" },
	{ AROUND(REMOTE "  phase1 mode=quick\n", CHILD), 4, "there is: main, aggressive" },
	{ AROUND(REMOTE "  phase1 lifetime=8hours\n", CHILD), 4, "lifetime '8hours' is not a duration" },
	{ AROUND(REMOTE "  phase1 lifetime=h\n", CHILD), 4, "lifetime 'h' is not a duration" },
	{ AROUND(REMOTE "  phase1 lifetime=31d\n", CHILD), 4, "must be from 10s to 2592000s" },
	{ AROUND(REMOTE "  phase1 lifetime=9\n", CHILD), 4, "must be from 10s to 2592000s" },
	{ AROUND(REMOTE "  phase1 proposals=aes256-sha265-modp2048\n", CHILD), 4, "sha256" },
	{ AROUND(REMOTE "  phase1 auth=p/k\n", CHILD), 4, "auth 'p/k' is not the name of a method" },
	{ AROUND(REMOTE, "  child name=b proposals=aes256\n"), 4, "proposals: \"aes256\"" },
	{ AROUND(REMOTE, "  child name=b mode=tunel\n"), 4, "did you mean 'tunnel'?" },
	{ AROUND(REMOTE, "  child name=b local=%any\n"), 4, "write 0.0.0.0/0 or ::/0" },
	{ AROUND(REMOTE, "  child name=b local=10.1.2.3/16\n"), 4, "bits set behind the prefix" },
	{ AROUND(REMOTE, "  child name=b local=dynamic[x]\n"), 4, "write [tcp], [udp/1701] or [47]" },
	{ AROUND(REMOTE, "  child name=b local=10.0.0.0/8[tcp\n"), 4, "write [tcp], [udp/1701] or [47]" },
	{ AROUND(REMOTE, "  child name=b local=host.example\n"), 4, "or 'dynamic' for the IKE address" },
	{ AROUND(REMOTE, "  child name=b local=10.0.0.0/8 remote=2001:db8::/32\n"), 4, "not of the same family" },
	{ AROUND(REMOTE, "  child name=b mode=transport local=10.0.0.0/8\n"), 4, "protects hosts only, so local" },
	{ AROUND(REMOTE, "  child name=b replay-window=63\n"), 4, "must be from 64 to 4096" },
	{ AROUND(REMOTE, "  child name=b mtu=500\n"), 4, "must be from 576 to 65535" },
	{ AROUND(REMOTE, "  child name=b mtu=1000 local=2001:db8::/32\n"), 4, "below IPv6's least" },
	{ AROUND(REMOTE, "  child name=b mark=x\n"), 4, "mark 'x' is not a mark; write 0x10, or 0x10/0xff" },
	{ AROUND(REMOTE, "  child name=b mark=0x10/\n"), 4, "is not a mark" },
	{ AROUND(REMOTE, "  child name=b mark=0x10/0x0f\n"), 4, "fits no packet: the mask must have all bits of the mark" },
	{ AROUND(REMOTE, "  child name=b mark=1 routes=yes\n"), 4, "would also lead packets without the mark there" },
	{ AROUND(REMOTE, "  child name=b if-id=1 routes=yes\n"), 4, "would also lead packets beside the interface there" },
	{ AROUND(REMOTE, "  child name=b if-id=0\n"), 4, "if-id '0' must be from 1 to" },
	{ AROUND(REMOTE, "  child name=b interface=kf0\n"), 4, "needs a number that its packets are told by; add if-id" },
	{ AROUND(REMOTE, "  child name=b if-id=1 interface=a/b\n"), 4, "interface 'a/b' is no name of a network device" },
	{ AROUND(REMOTE, "  child name=b if-id=1 interface=kf0 mode=transport\n"), 4, "has no networks that could be routed to interface 'kf0'" },
	{ AROUND(REMOTE, "  child name=b interface-address=10.9.0.1/24\n"), 4, "needs an interface" },
	{ AROUND(REMOTE, "  child name=b if-id=1 interface=kf0 interface-address=10.9.0.1/33\n"), 4, "interface-address '10.9.0.1/33' is not" },
	{ AROUND(REMOTE, "  child name=b reqid=16384\n"), 4, "reqid '16384' must be from 1 to 16383" },
	{ AROUND(REMOTE, "  child name=b copy-dscp=yes\n"), 4, "unknown copy-dscp 'yes'; there is: out, in, both, no" },
	{ AROUND(REMOTE, "  child name=b offload=full\n"), 4, "unknown offload 'full'; there is: no, crypto, packet, auto" },
	{ AROUND(REMOTE, "  child name=b reqid=7\n  child name=c local=10.0.0.0/8 reqid=7\n"), 5, "reqid '7' is that of the child 'b' at" },
	{ AROUND("  remote address=%any\n", "  child name=b reqid=7\n"), 4, "each peer of a needs its own" },
	{ AROUND(REMOTE, "  child name=b if-id=1 interface=kf0\n  child name=c local=10.0.0.0/8 if-id=2 interface=kf0\n"), 5,
	  "interface 'kf0' has the if-id 1 already, at" },
	{ AROUND(REMOTE, "  child name=b if-id=1 interface=kf0\n  child name=c local=10.0.0.0/8 if-id=1 interface=kf1\n"), 5,
	  "if-id '1' is that of the interface 'kf0' already, at" },
	{ AROUND(REMOTE, "  child name=b/c\n"), 4, "name 'b/c' must be" },
	{ AROUND(REMOTE, CHILD "  child name=b local=10.0.0.0/8\n"), 5, "there is a child 'b' in this connection already, at" },
	{ AROUND(REMOTE, "  child name=b local=10.0.0.0/8 remote=::1\n"), 4, "not of the same family" },
	{ AROUND(REMOTE, "  child name=b local=10.0.0.0/8\n  child name=c local=10.0.0.0-10.255.255.255\n"), 5,
	  "it protects what the child 'b' at" },
	{ AROUND(REMOTE, "  child name=b protocol=ahh\n"), 4, "unknown protocol 'ahh'; did you mean 'ah'?" },
	{ AROUND(REMOTE, "  child name=b protocol=ah proposals=aes128-sha256\n"), 4, "aes128 encrypts, which AH does not" },
	{ AROUND(REMOTE, "  child name=b compress=maybe\n"), 4, "unknown compress 'maybe'; there is: no, yes" },
	{ "keyferry\n connection name=a encap=yes\n" REMOTE "  child name=b protocol=ah\n" KEY_ANY, 4,
	  "protocol 'ah' has no form in UDP, which encap 'yes' of its connection asks for" },
	{ "keyferry\n connection name=a keep=up\n  remote address=%any\n" CHILD KEY_ANY, 2, "cannot initiate to %any" },
	{ "keyferry\n connection name=a keep=on-demand\n  remote address=10.0.0.0/8\n" CHILD KEY_ANY, 2, "cannot initiate to 10.0.0.0/8" },
	{ "keyferry\n connection name=a keep=upp\n" REMOTE CHILD KEY_ANY, 2, "unknown keep 'upp'; did you mean 'up'?" },
	{ "keyferry\n connection name=a encap=maybe\n" REMOTE CHILD KEY_ANY, 2, "unknown encap 'maybe'; there is: auto, yes, no" },
	{ "keyferry\n connection name=a\n" REMOTE CHILD " connection name=a\n" REMOTE CHILD KEY_ANY, 5, "one with name 'a' already" },
	{ "keyferry\n connection name=-a\n" REMOTE CHILD KEY_ANY, 2, "name '-a' must be" },
	{ "keyferry\n plugin name=x a=1\n plugin name=x\n", 3, "one with name 'x' already" },
	{ "keyferry\n daemon\n daemon\n", 3, "there is one already" },
	{ "keyferry\n connection name=a\n" REMOTE CHILD, 2,
	  "no psk for local any address of ours and remote 192.0.2.9; add <psk ids=\"192.0.2.9\" file=\"a.psk\"/>" },
	{ "keyferry\n connection name=a\n  local id=l.example\n  remote address=192.0.2.9 id=r.example\n" CHILD
	  " psk ids=other.example file=long.psk\n", 2,
	  "no psk for local l.example at any address of ours and remote r.example at 192.0.2.9; "
	  "add <psk ids=\"l.example r.example\" file=\"a.psk\"/>" },
	{ "keyferry\n connection name=a\n  remote address=%any\n" CHILD " psk ids=road.example file=long.psk\n", 2,
	  "Main Mode chooses the key by address" },
	{ AROUND(REMOTE, CHILD " psk file=long.psk\n"), 5, "attribute 'ids' is missing" },
	{ AROUND(REMOTE, CHILD " psk ids=, file=long.psk\n"), 5, "ids names nobody" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b,c/d file=long.psk\n"), 5, "ids: 'c/d' is neither" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b secret=hush\n"), 5, "attribute 'secret': the secret does not belong into the configuration" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=long.psk =hush\n"), 5, "the secret does not belong into the configuration" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=none.psk\n"), 5, "none.psk: No such file or directory" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=.\n"), 5, "is not a regular file" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=/dev/zero\n"), 5, "/dev/zero is not a regular file" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=fifo.psk\n"), 5, "is not a regular file" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=\n"), 5, "is not a path" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=open.psk\n"), 5, "has mode 0644, so others can read or change it: chmod 600 /tmp/" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=empty.psk\n"), 5, "the first line is empty" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=blank.psk\n"), 5, "the first line is empty" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=bad-hex.psk\n"), 5, "begins with 0x but is not hex" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=bad-base64.psk\n"), 5, "begins with 0s but is not base64" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=huge.psk\n"), 5, "longer than 1024 octets" },
	{ AROUND(REMOTE, CHILD " psk ids=a.b file=endless.psk\n"), 5, "longer than 1024 octets" },
	{ AROUND(REMOTE, CHILD " psk ids=%any file=long.psk\n"), 6, "one with ids '%any' already" },
};

static void test_broken(void)
{
	for (size_t i = 0; i < COUNT(broken); i++) {
		char place[32];
		struct run run;

		run_with(&run, broken[i].text, NULL);
		snprintf(place, sizeof(place), "t.conf:%u: <", broken[i].line);
		const char *first = strstr(run.log.text, "t.conf:");
		bool is_placed = first && strncmp(first, place, strlen(place)) == 0;
		if (run.fault != FAULT_INPUT || !is_placed || !kept_log_has(&run.log, broken[i].words))
			printf("case %zu, wanted line %u \"%s\":\n%s---\n%s---\n", i, broken[i].line, broken[i].words,
			       broken[i].text, run.log.text);
		CU_ASSERT_EQUAL(run.fault, FAULT_INPUT);
		CU_ASSERT(is_placed);
		CU_ASSERT(kept_log_has(&run.log, broken[i].words));
		CU_ASSERT_FALSE(kept_log_has(&run.log, "hush"));
		run_end(&run);
	}
}

static void test_all_errors(void)
{
	struct run run;

	run_with(&run, "keyferry\n connection name=a keep=upp\n  remote address=1.2.3\n  phase1 mode=x lifetime=y\n"
		 "  child name=b mtu=1\n psk ids=%any file=none\n zebra\n", NULL);
	CU_ASSERT_EQUAL(run.fault, FAULT_INPUT);
	CU_ASSERT_EQUAL(run.log.errors, 7);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:3: <remote>"));
	CU_ASSERT(kept_log_has(&run.log, "t.conf:5: <child>"));
	CU_ASSERT(kept_log_has(&run.log, "t.conf:7: <zebra>"));
	run_end(&run);
}

static void test_missing_plugins(void)
{
	struct services *none = services_new(), *some = fake_services();
	struct run run;

	run_with(&run, OFFICE, none);
	CU_ASSERT_EQUAL(run.log.errors, 2);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:5: <phase1>: mode 'main' needs the plugin exchange-main.so, which is not loaded"));
	CU_ASSERT(kept_log_has(&run.log, "t.conf:5: <phase1>: auth 'psk' needs the plugin auth-psk.so"));
	CU_ASSERT(kept_log_has(&run.log, "t.conf:2: <connection>: no child can come up"));
	run_end(&run);
	run_with(&run, AROUND(REMOTE, CHILD "  phase1 mode=aggressive auth=pks proposals=aes256-sha256-modp2048\n"), some);
	CU_ASSERT_EQUAL(run.log.errors, 2);
	CU_ASSERT(kept_log_has(&run.log, "exchange-aggressive.so"));
	CU_ASSERT(kept_log_has(&run.log, "loaded methods: psk"));
	run_end(&run);
	run_with(&run, OFFICE, some);
	CU_ASSERT_EQUAL(run.fault, 0);
	run_end(&run);
	run_with(&run, AROUND(REMOTE, "  child name=b if-id=1 interface=kf0\n"), none);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:4: <child>: interface 'kf0' needs the plugin kernel-net.so"));
	run_end(&run);
	services_free(none);
	services_free(some);
}

static void test_kernel_lacks(void)
{
	static const struct kernel_ipsec tun = { .name = "tun" }, xfrm = { .name = "xfrm", .features = KERNEL_AH | KERNEL_IPCOMP };
	static const char of_tun[] = AROUND(REMOTE, "  child name=b protocol=ah\n") " daemon kernel=tun\n";
	static const char of_any[] = AROUND(REMOTE, "  child name=b protocol=ah compress=yes\n") " daemon kernel=auto\n";
	struct services *services = fake_services();
	struct provider provider = { .ops = &tun, .key = "tun", .plugin = "kernel-tun" };
	struct run run;

	/* That there is none at all is said elsewhere. */
	run_with(&run, of_tun, services);
	CU_ASSERT_EQUAL(run.fault, 0);
	run_end(&run);
	CU_ASSERT_EQUAL(services_add(services, SERVICE_KERNEL_IPSEC, &provider, 0), 0);
	run_with(&run, of_any, services);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:4: <child>: protocol 'ah' needs a kernel service that has AH, which no loaded one has"));
	CU_ASSERT(kept_log_has(&run.log, "t.conf:4: <child>: compress 'yes' needs a kernel service that has IPComp, which no loaded one has"));
	run_end(&run);
	provider = (struct provider){ .ops = &xfrm, .key = "xfrm", .plugin = "kernel-xfrm" };
	CU_ASSERT_EQUAL(services_add(services, SERVICE_KERNEL_IPSEC, &provider, 0), 0);
	run_with(&run, of_any, services);
	CU_ASSERT_EQUAL(run.fault, 0);
	run_end(&run);
	run_with(&run, of_tun, services);
	CU_ASSERT_EQUAL(run.fault, FAULT_INPUT);
	CU_ASSERT(kept_log_has(&run.log, "which tun has not: install kernel-xfrm.so and write <daemon kernel=\"xfrm\"/>"));
	run_end(&run);
	services_free(services);
}

/* ---- <daemon> ---- */

static int daemon_run(struct run *run, const char *text, struct daemon_settings *d)
{
	const struct log_context *log = kept_log_open(&run->log);

	run->settings = NULL;
	run->config = build(text, log);
	return daemon_settings_read(d, run->config, log);
}

static void daemon_end(struct run *run, struct daemon_settings *d)
{
	daemon_settings_free(d);
	config_unref(run->config);
	run_end(run);
}

static void test_daemon(void)
{
	struct daemon_settings d;
	struct run run;

	CU_ASSERT_EQUAL(daemon_run(&run, "keyferry\n", &d), 0);
	CU_ASSERT_EQUAL(d.port, 500);
	CU_ASSERT_EQUAL(d.nat_port, 4500);
	CU_ASSERT(d.shards >= 1 && d.shards <= 4);
	CU_ASSERT_EQUAL(d.log_level, LEVEL_INFO);
	CU_ASSERT_STRING_EQUAL(d.kernel, "auto");
	CU_ASSERT_PTR_NULL(d.crypto);
	CU_ASSERT_FALSE(d.watch);
	daemon_end(&run, &d);
	CU_ASSERT_EQUAL(daemon_run(&run, "keyferry\n daemon crypto=openssl,gnutls shards=1 kernel=tun port=1500 nat-port=14500 "
		"log-level=debug log-format=json half-open-max=10 half-open-seconds=1m retransmit-tries=3 "
		"retransmit-first-ms=500 skip-plugins=a watch=yes\n", &d), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d.crypto);
	CU_ASSERT_STRING_EQUAL(d.crypto[0], "openssl");
	CU_ASSERT_STRING_EQUAL(d.crypto[1], "gnutls");
	CU_ASSERT_PTR_NULL(d.crypto[2]);
	CU_ASSERT_STRING_EQUAL(d.plugins_skip[0], "a");
	CU_ASSERT_PTR_NULL(d.plugins_skip[1]);
	CU_ASSERT_EQUAL(d.shards, 1);
	CU_ASSERT_STRING_EQUAL(d.kernel, "tun");
	CU_ASSERT(d.port == 1500 && d.nat_port == 14500);
	CU_ASSERT(d.log_level == LEVEL_DEBUG && d.log_json);
	CU_ASSERT(d.watch);
	CU_ASSERT(d.half_open_max == 10 && d.half_open_seconds == 60);
	CU_ASSERT(d.retransmit_tries == 3 && d.retransmit_first_ms == 500);
	daemon_end(&run, &d);
}

static void test_daemon_broken(void)
{
	struct daemon_settings d;
	struct run run;

	CU_ASSERT_EQUAL(daemon_run(&run, "keyferry\n daemon crypt=x shards=0 log-level=loud port=4500 kernel=a/b crypto=,\n  x\n", &d),
			FAULT_INPUT);
	CU_ASSERT_EQUAL(run.log.errors, 7);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:2: <daemon>: unknown attribute 'crypt'; did you mean 'crypto'?"));
	CU_ASSERT(kept_log_has(&run.log, "shards '0' must be from 1 to 64"));
	CU_ASSERT(kept_log_has(&run.log, "there is: error, warn, info, debug"));
	CU_ASSERT(kept_log_has(&run.log, "port and nat-port are both 4500"));
	CU_ASSERT_STRING_EQUAL(d.kernel, "auto");
	daemon_end(&run, &d);
}

static void test_key_at_load(void)
{
	struct run run;

	/* A road warrior's key may be found by range or %any, or in Aggressive Mode by the id it will say. */
	run_good(&run, "keyferry\n connection name=a\n  remote address=%any\n" CHILD " psk ids=10.0.0.0/8 file=long.psk\n");
	run_end(&run);
	run_good(&run, "keyferry\n connection name=a\n  remote address=%any\n  phase1 mode=aggressive\n" CHILD
		 " psk ids=road@example file=long.psk\n");
	run_end(&run);
	run_good(&run, "keyferry\n connection name=a\n  remote address=%any id=road@example\n" CHILD
		 " psk ids=road@example file=long.psk\n");
	run_end(&run);
	run_with(&run, "keyferry\n connection name=a\n  remote address=10.0.0.0/8\n" CHILD " psk ids=172.16.0.0/12 file=long.psk\n",
		 NULL);
	CU_ASSERT(kept_log_has(&run.log, "no psk for"));
	run_end(&run);
}

/* ---- Aggressive Mode ---- */

#define TO_ONE   "  remote address=192.0.2.9 id=a.example\n"
#define TO_ALL   "  remote address=%any id=a.example\n"
#define MODE     "  phase1 mode=aggressive proposals="
#define GROUPS_2 "aes256-sha256-modp2048-ecp256\n"
#define GROUPS_1 "aes256-aes128-sha256-modp2048\n"

static void test_aggressive_groups(void)
{
	struct run run;

	/* RFC 2409 5: the group of the KE cannot be chosen; who only answers has those of several peers. */
	run_with(&run, AROUND(TO_ONE, MODE GROUPS_2 CHILD), NULL);
	CU_ASSERT_EQUAL(run.log.errors, 1);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:4: <phase1>: proposals aes256-sha256-modp2048 and aes256-sha256-ecp256 differ in their group"));
	CU_ASSERT(kept_log_has(&run.log, "name one group, as in proposals=\"aes256-aes128-sha256-modp2048\""));
	run_end(&run);
	run_with(&run, AROUND("  remote address=gw.example id=a.example\n", MODE GROUPS_2 CHILD), NULL);
	CU_ASSERT_EQUAL(run.log.errors, 1);
	run_end(&run);
	run_good(&run, AROUND(TO_ALL, MODE GROUPS_2 CHILD));
	run_end(&run);
	run_good(&run, AROUND(TO_ONE, MODE GROUPS_1 CHILD));
	run_end(&run);
	/* The default has several. */
	run_with(&run, AROUND(TO_ONE, "  phase1 mode=aggressive\n" CHILD), NULL);
	CU_ASSERT_EQUAL(run.log.errors, 1);
	run_end(&run);
}

static void test_aggressive_told(void)
{
	static const char head[] = "t.conf:4: <phase1>: mode 'aggressive' with a pre-shared key: whoever sends one packet to connection a gets a hash "
				   "to guess the key by, offline, and both identities go in the clear; mode 'main' gives neither away";
	struct run run;

	run_good(&run, "keyferry\n connection name=a\n" TO_ONE MODE GROUPS_1 CHILD " psk ids=a.example file=drawn.psk\n");
	CU_ASSERT_EQUAL(run.log.warnings, 1);
	CU_ASSERT(kept_log_has(&run.log, head));
	run_end(&run);
	run_good(&run, "keyferry\n connection name=a\n" TO_ONE MODE GROUPS_1 CHILD " psk ids=a.example file=guess.psk\n");
	CU_ASSERT_EQUAL(run.log.warnings, 2);
	CU_ASSERT(kept_log_has(&run.log, "t.conf:6: <psk>: this key stands about 2^29 guesses, less than 2^80, and connection a in mode 'aggressive' lets "
			       "everybody guess; better is 'openssl rand -base64 24'"));
	run_end(&run);
	/* It is for others, or not in this mode. */
	run_good(&run, "keyferry\n connection name=a\n" TO_ONE MODE GROUPS_1 CHILD " psk ids=a.example file=drawn.psk\n"
		 " psk ids=b.example file=guess.psk\n");
	CU_ASSERT_EQUAL(run.log.warnings, 1);
	run_end(&run);
	run_good(&run, "keyferry\n connection name=a\n" TO_ONE CHILD " psk ids=a.example file=guess.psk\n");
	CU_ASSERT_EQUAL(run.log.warnings, 0);
	run_end(&run);
}

/* ---- reload ---- */

static void test_same(void)
{
	struct run a, b;
	const struct connection_settings *first = settings_connection_at(run_good(&a, OFFICE), 0), *second;

	second = settings_connection_at(run_good(&b, OFFICE), 0);
	CU_ASSERT(connection_settings_same(first, second));
	CU_ASSERT(child_settings_same(&first->children[0], &second->children[0]));
	run_end(&b);
	second = settings_connection_at(run_good(&b, "keyferry\n connection name=office keep=up\n"
		"  local address=192.0.2.1 id=gw.left.example\n  remote address=198.51.100.1 id=gw.right.example\n"
		"  phase1 proposals=aes128-sha256-modp2048\n"
		"  child name=lan local=10.1.0.0/16 remote=10.3.0.0/16 proposals=aes256gcm16-modp2048 lifetime=30m\n" KEY_ANY), 0);
	CU_ASSERT_FALSE(connection_settings_same(first, second));
	CU_ASSERT_FALSE(child_settings_same(&first->children[0], &second->children[0]));
	run_end(&b);
	run_end(&a);
}

/* ---- what is asked of the kernel ---- */

static void test_options(void)
{
	struct run run;
	struct settings *s = run_good(&run, AROUND(REMOTE, "  child name=b\n  child name=c local=10.0.0.0/8 mark=0x10/0xff reqid=7 priority=9 "
		"copy-dscp=both copy-ecn=no copy-df=no offload=auto\n  child name=d local=10.0.0.0/9 mark=16 if-id=4294967295\n"));
	const struct child_settings *children = settings_connection_at(s, 0)->children;
	const struct ipsec_options *plain = &children[0].options, *o = &children[1].options;

	CU_ASSERT(!plain->mark_mask && !plain->if_id && !plain->priority && !plain->offload && !plain->no_routes);
	CU_ASSERT(!plain->hides_dscp && !plain->takes_dscp && !plain->hides_ecn && !plain->drops_df && !children[0].reqid);
	CU_ASSERT(o->mark == 0x10 && o->mark_mask == 0xff && o->priority == 9 && o->no_routes && children[1].reqid == 7);
	CU_ASSERT(!o->hides_dscp && o->takes_dscp && o->hides_ecn && o->drops_df && o->offload == OFFLOAD_AUTO);
	CU_ASSERT(children[2].options.mark == 16 && children[2].options.mark_mask == UINT32_MAX && children[2].options.if_id == UINT32_MAX);
	CU_ASSERT_FALSE(child_settings_same(&children[1], &children[2]));
	run_end(&run);
}

static void test_interfaces(void)
{
	struct net_interface *all = NULL;
	struct run run;
	size_t count = 0;
	struct settings *s = run_good(&run, AROUND(REMOTE, "  child name=b\n"
		"  child name=c local=10.0.0.0/8 if-id=1 interface=kf0 interface-address=10.9.0.1/24,fd00::1/64 mtu=1400\n"
		"  child name=d local=10.0.0.0/9 if-id=2 interface=kf1\n"
		"  child name=e local=10.0.0.0/10 if-id=1 interface=kf0 interface-address=10.9.0.1/24,10.9.1.1 mtu=1300\n"));

	CU_ASSERT_EQUAL_FATAL(settings_interfaces(s, &all, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT(strcmp(all[0].name, "kf0") == 0 && all[0].if_id == 1 && all[0].mtu == 1300 && all[0].prefix_count == 3);
	CU_ASSERT(all[0].prefixes[0].bits == 24 && all[0].prefixes[1].address.family == AF_INET6 && all[0].prefixes[2].bits == 32);
	CU_ASSERT(strcmp(all[1].name, "kf1") == 0 && all[1].if_id == 2 && all[1].mtu == 0 && all[1].prefix_count == 0);
	free(all);
	run_end(&run);
}

static void test_outlives(void)
{
	struct run run;
	struct settings *s = settings_ref(run_good(&run, OFFICE));

	run_end(&run);
	CU_ASSERT_STRING_EQUAL(settings_connection_at(s, 0)->name, "office");
	settings_unref(s);
	settings_unref(NULL);
	CU_ASSERT_PTR_NULL(settings_ref(NULL));
}

static const struct unit_case cases[] = {
	{ "the example of the design means what it says", test_office },
	{ "what is left out has its default", test_defaults },
	{ "dynamic stands for the IKE address, with protocol and port", test_dynamic },
	{ "a remote host may have a name", test_host_name },
	{ "every broken configuration is refused with its line and a hint", test_broken },
	{ "all errors are said at once", test_all_errors },
	{ "a connection whose plugins are missing is refused by the plugin's name", test_missing_plugins },
	{ "a child of AH needs a kernel service that has it", test_kernel_lacks },
	{ "the daemon's own settings are read before there are plugins", test_daemon },
	{ "errors in the daemon's own settings are all said", test_daemon_broken },
	{ "a connection needs a key that its peers could have", test_key_at_load },
	{ "a connection that may begin in Aggressive Mode has one group", test_aggressive_groups },
	{ "what Aggressive Mode gives away is said once for each connection, and which keys are too weak for it", test_aggressive_told },
	{ "a reload sees what changed", test_same },
	{ "what is asked of the kernel is read", test_options },
	{ "children share interfaces, their addresses and the smaller MTU", test_interfaces },
	{ "settings outlive the one who made them", test_outlives },
};

int main(void)
{
	return settings_tests("settings", cases, COUNT(cases));
}
