/* SPDX-License-Identifier: MIT */
/* test_config_xml_table.c - broken files, one for each thing that can be wrong in XML or in what it says. */
#include "test_config_xml_table.h"

/* clang-format off */
#define HEAD   "<keyferry xmlns=\"urn:keyferry:1\">\n"
#define TAIL   "</keyferry>\n"
#define OPEN   HEAD "<connection name=\"a\">\n"
#define REMOTE "<remote address=\"192.0.2.9\"/>\n"
#define CHILD  "<child name=\"b\"/>\n"
#define KEY    "<psk ids=\"%any\" file=\"good.psk\"/>\n"
#define CLOSE  "</connection>\n" KEY TAIL
/* A connection whose lines 3 and 4 are these; and one with <remote> in line 3 and <child> in line 4. */
#define LINES(three, four) OPEN three "\n" four "\n" CLOSE
#define MORE(five) OPEN REMOTE CHILD five "\n" CLOSE

const struct broken_file broken_files[] = {
	/* -- XML -- */
	{ "", NULL, 1, "the file is empty", SCHEMA_UNASKED },
	{ "\xff\xfe<\0k\0", NULL, 1, "not UTF-8", SCHEMA_UNASKED },
	{ "no xml\n", NULL, 1, "Start tag expected", SCHEMA_UNASKED },
	{ HEAD "<connection name=\"a\">\n" TAIL, NULL, 3, "Opening and ending tag mismatch", SCHEMA_UNASKED },
	{ HEAD "<psk\nids=\"%any\"\nfile=good.psk/>\n" TAIL, NULL, 4, "AttValue: \" or ' expected", SCHEMA_UNASKED },
	{ HEAD "<psk ids=\"a\" ids=\"b\"/>\n" TAIL, NULL, 2, "Attribute ids redefined", SCHEMA_UNASKED },
	{ HEAD "<x:psk/>\n" TAIL, NULL, 2, "Namespace prefix x", SCHEMA_UNASKED },
	{ HEAD "\n<psk ids=\"&who;\" file=\"good.psk\"/>\n" TAIL, NULL, 3, "Entity 'who' not defined", SCHEMA_UNASKED },
	{ HEAD "<!-- \xe4 -->\n" TAIL, NULL, 2, "not proper UTF-8", SCHEMA_UNASKED },
	{ HEAD, NULL, 2, "Premature end of data", SCHEMA_UNASKED },
	{ HEAD TAIL "<more/>\n", NULL, 3, "Extra content", SCHEMA_UNASKED },
	{ "<!-- -->\n<!DOCTYPE keyferry>\n" HEAD TAIL, NULL, 2, "a DOCTYPE, and with it entities, are refused", SCHEMA_UNASKED },
	{ "\n<!DOCTYPE keyferry [\n<!ENTITY a \"aaaaaaaaaa\">\n<!ENTITY b \"&a;&a;&a;&a;&a;\">\n]>\n" HEAD "&b;" TAIL, NULL, 2,
	  "a DOCTYPE", SCHEMA_UNASKED },
	{ "<!DOCTYPE keyferry SYSTEM \"http://192.0.2.1/x.dtd\">\n" HEAD TAIL, NULL, 1, "a DOCTYPE", SCHEMA_UNASKED },
	/* -- namespaces -- */
	{ "<keyferry/>\n", NULL, 1, "must be <keyferry xmlns=\"urn:keyferry:1\">", SCHEMA_REFUSES },
	{ "\n<keyferry xmlns=\"urn:keyferry:2\"/>\n", NULL, 2, "must be <keyferry xmlns=\"urn:keyferry:1\">", SCHEMA_REFUSES },
	{ "<connection xmlns=\"urn:keyferry:1\"/>\n", NULL, 1, "must be <keyferry>", SCHEMA_REFUSES },
	{ HEAD "<psk xmlns=\"\"/>\n" TAIL, NULL, 2, "not of the namespace urn:keyferry:1", SCHEMA_REFUSES },
	{ MORE("<local xml:id=\"a\"/>"), NULL, 5, "attribute 'xml:id' is of another namespace", SCHEMA_REFUSES },
	/* -- includes -- */
	{ HEAD "\n<include files=\"none.xml\"/>\n" TAIL, NULL, 3, "there is no file 'none.xml'", SCHEMA_PASSES },
	{ HEAD "<include file=\"a.xml\"/>\n" TAIL, NULL, 2, "attribute 'files' is missing", SCHEMA_REFUSES },
	{ HEAD "<include files=\"folder\"/>\n" TAIL, NULL, 2, "is a directory; for its files write", SCHEMA_PASSES },
	{ HEAD "<include files=\"t.xml\"/>\n" TAIL, NULL, 2, "would include itself", SCHEMA_PASSES },
	{ HEAD "<include files=\"ring.xml\"/>\n" TAIL, "ring.xml", 2, "ring.xml would include itself", SCHEMA_PASSES },
	{ HEAD "<include files=\"t.psk\"/>\n" TAIL, "t.psk", 1, "Start tag expected", SCHEMA_PASSES },
	{ HEAD "<include files=\"wrong*.xml\"/>\n" TAIL, "wrong.xml", 3, "did you mean <remote>?", SCHEMA_PASSES },
	{ HEAD "<include files=\"rooted.xml\"/>\n" TAIL, "rooted.xml", 1, "no attribute may stand here", SCHEMA_PASSES },
	{ HEAD "<include files=\"empty.xml\">x</include>\n" TAIL, NULL, 2, "no text may stand here", SCHEMA_REFUSES },
	{ HEAD "<include files=\"empty.xml\"><x/></include>\n" TAIL, NULL, 2, "there is nothing but", SCHEMA_REFUSES },
	{ MORE("<include files=\"empty.xml\"/>"), NULL, 5, "this element stands in <keyferry> only", SCHEMA_REFUSES },
	{ HEAD "<i:include xmlns:i=\"http://www.w3.org/2001/XInclude\"\nhref=\"none.xml\"/>\n" TAIL, NULL, 2,
	  "there is no file 'none.xml'", SCHEMA_PASSES },
	{ HEAD "<i:include xmlns:i=\"http://www.w3.org/2001/XInclude\" href=\"http://192.0.2.1/a.xml\"/>\n" TAIL, NULL, 2,
	  "'http://192.0.2.1/a.xml' is not a file of this machine", SCHEMA_PASSES },
	{ HEAD "<i:include xmlns:i=\"http://www.w3.org/2001/XInclude\" href=\"t.psk\" parse=\"text\"/>\n" TAIL, NULL, 2,
	  "unknown attribute parse=\"text\"", SCHEMA_REFUSES },
	{ HEAD "<i:fallback xmlns:i=\"http://www.w3.org/2001/XInclude\"/>\n" TAIL, NULL, 2, "not of the namespace", SCHEMA_REFUSES },
	/* -- elements and attributes -- */
	{ HEAD "text\n" TAIL, NULL, 1, "no text may stand here", SCHEMA_REFUSES },
	{ HEAD "<conection name=\"a\"/>\n" TAIL, NULL, 2, "did you mean <connection>?", SCHEMA_REFUSES },
	{ "<keyferry xmlns=\"urn:keyferry:1\"\n\n  version=\"1\">\n" TAIL, NULL, 1, "this element has none", SCHEMA_REFUSES },
	{ LINES("<remote address=\"192.0.2.9\"/>", "<child\n\n  name=\"b\"\n  proposal=\"default\"/>"), NULL, 4,
	  "unknown attribute 'proposal'; did you mean 'proposals'?", SCHEMA_REFUSES },
	{ LINES("<remote address=\"192.0.2.9\"/>", "<child/>"), NULL, 4, "attribute 'name' is missing", SCHEMA_REFUSES },
	{ LINES("<remote address=\"192.0.2.9\"/>", ""), NULL, 2, "there is no <child>", SCHEMA_REFUSES },
	{ LINES("<child name=\"b\"/>", ""), NULL, 2, "there is no <remote>", SCHEMA_REFUSES },
	{ MORE("<remote address=\"192.0.2.8\"/>"), NULL, 5, "there is one already", SCHEMA_REFUSES },
	{ MORE("<local><child/></local>"), NULL, 5, "does not belong into <local> but into <connection>", SCHEMA_REFUSES },
	{ HEAD "<plugin x=\"1\"/>\n" TAIL, NULL, 2, "attribute 'name' is missing", SCHEMA_REFUSES },
	{ HEAD "<daemon/>\n<daemon/>\n" TAIL, NULL, 3, "there is one already", SCHEMA_REFUSES },
	{ HEAD "<daemon shards=\"65\"/>\n" TAIL, NULL, 2, "shards '65' must be from 1 to 64", SCHEMA_REFUSES },
	{ HEAD "<daemon log-level=\"inf\"/>\n" TAIL, NULL, 2, "did you mean 'info'?", SCHEMA_REFUSES },
	{ HEAD "<daemon watch=\"on\"/>\n" TAIL, NULL, 2, "there is: no, yes", SCHEMA_REFUSES },
	{ HEAD "<daemon port=\"4500\"/>\n" TAIL, NULL, 2, "they must differ", SCHEMA_PASSES },
	{ HEAD "<shunt name=\"a\" action=\"pass\" remote=\"10.0.0.0/8\"/>\n" TAIL, NULL, 2, "unknown action 'pass'", SCHEMA_REFUSES },
	{ HEAD "<shunt name=\"a\" action=\"drop\"/>\n" TAIL, NULL, 2, "attribute 'remote' is missing", SCHEMA_REFUSES },
	{ HEAD "<shunt name=\"a\" action=\"drop\" remote=\"10.0.0.0/33\"/>\n" TAIL, NULL, 2, "is not an address", SCHEMA_REFUSES },
	{ HEAD "<shunt name=\"a\" action=\"drop\" remote=\"dynamic\"/>\n" TAIL, NULL, 2, "is not an address", SCHEMA_PASSES },
	/* -- values -- */
	{ OPEN REMOTE CHILD "</connection>\n<connection name=\"a\">\n" REMOTE CHILD CLOSE, NULL, 6, "one with name 'a' already", SCHEMA_PASSES },
	{ MORE("<child name=\"b\" local=\"10.0.0.0/8\"/>"), NULL, 5, "there is a child 'b'", SCHEMA_PASSES },
	{ MORE("<child name=\"c\"/>"), NULL, 5, "it protects what the child 'b'", SCHEMA_PASSES },
	{ HEAD "<connection name=\"a\" keep=\"up\"><remote address=\"%any\"/>\n" CHILD CLOSE, NULL, 2, "cannot initiate to %any", SCHEMA_PASSES },
	{ HEAD "<connection name=\"a\" keep=\"on demand\">" REMOTE CHILD CLOSE, NULL, 2, "did you mean 'on-demand'?", SCHEMA_REFUSES },
	{ HEAD "<connection name=\"a b\">" REMOTE CHILD CLOSE, NULL, 2, "name 'a b' must be", SCHEMA_REFUSES },
	{ LINES("<remote address=\"192.0.2.256\"/>", "<child name=\"b\"/>"), NULL, 3, "is not an address", SCHEMA_REFUSES },
	{ LINES("<remote address=\"10.0.0.1/8\"/>", "<child name=\"b\"/>"), NULL, 3, "has bits set behind the prefix", SCHEMA_PASSES },
	{ LINES("<remote address=\"192.0.2.9\" port=\"65536\"/>", "<child name=\"b\"/>"), NULL, 3, "from 1 to 65535", SCHEMA_REFUSES },
	{ MORE("<local address=\"10.0.0.0/8\"/>"), NULL, 5, "is not an address", SCHEMA_REFUSES },
	{ MORE("<local id=\"\"/>"), NULL, 5, "id '' is not an identity", SCHEMA_REFUSES },
	{ MORE("<local id=\"*.example\"/>"), NULL, 5, "'*' stands for many", SCHEMA_PASSES },
	{ MORE("<local id=\"a/b\"/>"), NULL, 5, "id 'a/b' is not an identity", SCHEMA_PASSES },
	{ MORE("<phase1 mode=\"Main\"/>"), NULL, 5, "did you mean 'main'?", SCHEMA_REFUSES },
	{ MORE("<phase1 mode=\"aggressive\"/>"), NULL, 5, "differ in their group, but mode 'aggressive' sends", SCHEMA_PASSES },
	{ MORE("<phase1 auth=\"hybrid\"/>"), NULL, 5, "needs the plugin auth-hybrid.so", SCHEMA_PASSES },
	{ MORE("<phase1 lifetime=\"8 h\"/>"), NULL, 5, "lifetime '8 h' is not a duration", SCHEMA_REFUSES },
	{ MORE("<phase1 lifetime=\"5s\"/>"), NULL, 5, "must be from 10s", SCHEMA_PASSES },
	{ MORE("<phase1 proposals=\"aes256-sha256-modp2047\"/>"), NULL, 5, "did you mean modp2048?", SCHEMA_PASSES },
	{ MORE("<phase1 proposals=\"aes256;sha256\"/>"), NULL, 5, "proposals: ", SCHEMA_REFUSES },
	{ MORE("<child name=\"c\" mode=\"beet\"/>"), NULL, 5, "there is: tunnel, transport", SCHEMA_REFUSES },
	{ MORE("<child name=\"c\" local=\"10.1.0.0/33\"/>"), NULL, 5, "is not an address", SCHEMA_REFUSES },
	{ MORE("<child name=\"c\" local=\"%any\"/>"), NULL, 5, "write 0.0.0.0/0 or ::/0", SCHEMA_REFUSES },
	{ MORE("<child name=\"c\" local=\"dynamic[udp/x]\"/>"), NULL, 5, "does not end with a protocol and port", SCHEMA_REFUSES },
	{ MORE("<child name=\"c\" replay-window=\"32\"/>"), NULL, 5, "from 64 to 4096", SCHEMA_REFUSES },
	{ MORE("<child name=\"c\" mtu=\"100\"/>"), NULL, 5, "from 576 to 65535", SCHEMA_REFUSES },
	/* -- keys -- */
	{ OPEN REMOTE CHILD "</connection>\n" TAIL, NULL, 2, "no psk for local any address of ours and remote 192.0.2.9", SCHEMA_PASSES },
	{ HEAD "<psk ids=\"a.example\">hush</psk>\n" TAIL, NULL, 2, "the secret does not belong into the configuration", SCHEMA_REFUSES },
	{ HEAD "<psk ids=\"a.example\" secret=\"hush\"/>\n" TAIL, NULL, 2, "the secret does not belong into", SCHEMA_REFUSES },
	{ HEAD "<psk ids=\"a.example\"/>\n" TAIL, NULL, 2, "attribute 'file' is missing", SCHEMA_REFUSES },
	{ HEAD "<psk ids=\" \" file=\"good.psk\"/>\n" TAIL, NULL, 2, "ids names nobody", SCHEMA_REFUSES },
	{ HEAD "<psk ids=\"a.example\" id-match=\"wild\" file=\"good.psk\"/>\n" TAIL, NULL, 2, "unknown id-match 'wild'", SCHEMA_REFUSES },
	{ HEAD "<psk ids=\"a.example\" file=\"\"/>\n" TAIL, NULL, 2, "is not a path", SCHEMA_REFUSES },
	{ HEAD "<psk ids=\"a.example\" file=\"none.psk\"/>\n" TAIL, NULL, 2, "No such file", SCHEMA_PASSES },
	{ HEAD "<psk ids=\"a.example\" file=\"t.psk\"/>\n" TAIL, NULL, 2, "has mode 0644, so others can read or change it", SCHEMA_PASSES },
};
/* clang-format on */

const size_t broken_file_count = sizeof(broken_files) / sizeof(broken_files[0]);
