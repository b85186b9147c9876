/* SPDX-License-Identifier: MIT */
/* status_text.c - prints what status.c, control_status.c and control_plugins.c made. */
#include "status_text.h"

#include <stdbool.h>
#include <string.h>

#include "certs.h"

enum { TEXT_MAX = 32 };

/* ---- members ---- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool has_number(const json_t *object, const char *name)
{
	return json_is_integer(json_object_get(object, name));
}

static bool flag_of(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

/* "45 s", "2 h 10 min", "3 d 4 h": two units are enough. */
static const char *duration_text(char out[TEXT_MAX], json_int_t seconds)
{
	long long s = seconds < 0 ? 0 : seconds;

	if (s < 60)
		snprintf(out, TEXT_MAX, "%lld s", s);
	else if (s < 3600)
		snprintf(out, TEXT_MAX, "%lld min %lld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_MAX, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(out, TEXT_MAX, "%lld d %lld h", s / 86400, s / 3600 % 24);
	return out;
}

static const char *size_text(char out[TEXT_MAX], json_int_t octets)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double size = (double)octets;
	size_t unit = 0;

	while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		size /= 1024;
		unit++;
	}
	snprintf(out, TEXT_MAX, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
	return out;
}

/* ---- an SA ---- */

static void print_usage(FILE *out, const char *direction, const json_t *usage)
{
	static const char *const drops[][2] = {
		{ "replayed", "replayed" }, { "bad_icv", "with a wrong ICV" }, { "outside_selector", "outside the selectors" },
	};
	char size[TEXT_MAX], idle[TEXT_MAX];

	if (!json_is_object(usage))
		return;
	fprintf(out, "      %-3s  %s in %lld packets", direction, size_text(size, number_of(usage, "bytes")),
		(long long)number_of(usage, "packets"));
	if (has_number(usage, "idle_seconds"))
		fprintf(out, ", last %s ago", duration_text(idle, number_of(usage, "idle_seconds")));
	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++)
		if (number_of(usage, drops[i][0]) > 0)
			fprintf(out, ", dropped %lld %s", (long long)number_of(usage, drops[i][0]), drops[i][1]);
	fputc('\n', out);
}

static void print_ages(FILE *out, const json_t *object)
{
	char age[TEXT_MAX], left[TEXT_MAX];

	fprintf(out, "up for %s", duration_text(age, number_of(object, "age_seconds")));
	if (has_number(object, "left_seconds"))
		fprintf(out, ", %s left", duration_text(left, number_of(object, "left_seconds")));
	if (has_number(object, "renewal_seconds"))
		fprintf(out, ", renewed in %s", duration_text(left, number_of(object, "renewal_seconds")));
}

/* Of the kernel's own IPsec, where it was asked for. */
static void print_options(FILE *out, const json_t *child)
{
	static const char *const words[] = { "interface", "mark", "offload" };
	const char *between = "      ";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *text = text_of(child, words[i]);

		if (!text[0])
			continue;
		fprintf(out, "%s%s %s", between, words[i], text);
		between = ", ";
	}
	if (has_number(child, "if_id")) {
		fprintf(out, "%sif-id %lld", between, (long long)number_of(child, "if_id"));
		between = ", ";
	}
	if (between[0] == ',')
		fprintf(out, ", reqid %lld\n", (long long)number_of(child, "reqid"));
}

static void print_child(FILE *out, const json_t *child)
{
	const char *state = text_of(child, "state");

	fprintf(out, "    child %s%s%s: %s === %s\n      %s%s, %s%s, SPI in %s out %s, ", text_of(child, "name"),
		strcmp(state, "up") == 0 ? "" : ", ", strcmp(state, "up") == 0 ? "" : state, text_of(child, "local"), text_of(child, "remote"), text_of(child, "mode"), flag_of(child, "udp_encapsulation") ? " in UDP" : "",
		text_of(child, "proposal"), flag_of(child, "compression") ? ", IPComp" : "", text_of(child, "spi_in"), text_of(child, "spi_out"));
	print_ages(out, child);
	fputc('\n', out);
	print_options(out, child);
	print_usage(out, "in", json_object_get(child, "in"));
	print_usage(out, "out", json_object_get(child, "out"));
}

static void print_end(FILE *out, const char *name, const json_t *end)
{
	const char *id = text_of(end, "id"), *address = text_of(end, "address");

	fprintf(out, "    %-6s %s%s%s%s\n", name, address[0] ? address : "%any", id[0] ? ", " : "", id,
		flag_of(end, "nat") ? ", behind a NAT" : "");
}

static void print_certificate(FILE *out, const json_t *certificate)
{
	char until[CERT_TIME_TEXT_MAX];

	if (json_is_object(certificate))
		fprintf(out, "    certificate of the peer: %s (serial %s), issued by %s, valid until %s\n", text_of(certificate, "subject"),
			text_of(certificate, "serial"), text_of(certificate, "issuer"), certificate_time_text(until, number_of(certificate, "not_after")));
}

static void print_sa(FILE *out, const json_t *sa)
{
	const char *state = text_of(sa, "state"), *proposal = text_of(sa, "proposal"), *auth = text_of(sa, "auth");
	const char *mode = text_of(sa, "mode");
	const json_t *child, *cookies = json_object_get(sa, "cookies");
	size_t i;

	fprintf(out, "  phase 1 #%lld: %s as %s", (long long)number_of(sa, "number"), state, text_of(sa, "role"));
	if (strcmp(state, "established") == 0) {
		fputs(", ", out);
		print_ages(out, sa);
	}
	if (flag_of(sa, "surplus"))
		fputs(", another has taken over", out);
	fprintf(out, "\n    %s%s%s%s%s%scookies %s %s\n", mode, mode[0] ? " mode, " : "", proposal, proposal[0] ? ", " : "", auth,
		auth[0] ? ", " : "",
		text_of(cookies, "initiator"), text_of(cookies, "responder"));
	print_end(out, "local", json_object_get(sa, "local"));
	print_end(out, "remote", json_object_get(sa, "remote"));
	print_certificate(out, json_object_get(sa, "certificate"));
	json_array_foreach(json_object_get(sa, "children"), i, child)
		print_child(out, child);
}

/* ---- all ---- */

static void print_failure(FILE *out, const char *indent, const json_t *failure)
{
	const char *child = text_of(failure, "child"), *peer = text_of(failure, "peer"), *text = text_of(failure, "text");
	long long count = number_of(failure, "count");
	char ago[TEXT_MAX];

	fprintf(out, "%s%s ago%s%s%s%s: %s%s%s", indent, duration_text(ago, number_of(failure, "seconds_ago")), child[0] ? ", child " : "",
		child, peer[0] ? ", peer " : "", peer, text_of(failure, "code"), text[0] ? ": " : "", text);
	if (count > 1)
		fprintf(out, " (%lld times)", count);
	fputc('\n', out);
}

static void print_connection(FILE *out, const json_t *connection)
{
	const json_t *item;
	size_t i;

	fprintf(out, "%s: %s", text_of(connection, "name"), text_of(connection, "state"));
	if (flag_of(connection, "removed"))
		fputs(", no longer configured\n", out);
	else
		fprintf(out, ", keep %s, %s %s, %s ... %s\n", text_of(connection, "keep"), text_of(connection, "mode"),
			text_of(connection, "auth"), text_of(connection, "local"), text_of(connection, "remote"));
	json_array_foreach(json_object_get(connection, "sas"), i, item)
		print_sa(out, item);
	if (json_array_size(json_object_get(connection, "failures")) > 0)
		fputs("  last failure\n", out);
	json_array_foreach(json_object_get(connection, "failures"), i, item)
		print_failure(out, "    ", item);
}

static void print_shunt(FILE *out, const json_t *shunt)
{
	fprintf(out, "shunt %s: %s %s ... %s", text_of(shunt, "name"), text_of(shunt, "action"), text_of(shunt, "local"),
		text_of(shunt, "remote"));
	if (!flag_of(shunt, "installed"))
		fputs(", not in force: see the log", out);
	if (has_number(shunt, "dropped"))
		fprintf(out, ", %lld packets dropped", (long long)number_of(shunt, "dropped"));
	fputc('\n', out);
}

/* ---- CRLs and OCSP answers ---- */

static void print_revocation(FILE *out, const json_t *entry)
{
	json_int_t left = number_of(entry, "seconds_left");
	char text[TEXT_MAX];

	fprintf(out, "%s %s\n ", text_of(entry, "kind"), text_of(entry, "url"));
	if (text_of(entry, "about")[0])
		fprintf(out, " of %s,", text_of(entry, "about"));
	if (has_number(entry, "age_seconds"))
		fprintf(out, " %s old,", duration_text(text, number_of(entry, "age_seconds")));
	else
		fputs(" never got,", out);
	if (has_number(entry, "seconds_left"))
		fprintf(out, left > 0 ? " good for %s," : " expired %s ago,", duration_text(text, left > 0 ? left : -left));
	if (flag_of(entry, "under_way"))
		fputs(" is being fetched,", out);
	else if (has_number(entry, "refresh_seconds"))
		fprintf(out, " fetched again in %s if it is used,", duration_text(text, number_of(entry, "refresh_seconds")));
	fprintf(out, " %lld revoked, %s\n", (long long)number_of(entry, "revoked"), size_text(text, number_of(entry, "octets")));
	if (text_of(entry, "failure")[0])
		fprintf(out, "  last attempt: %s: %s\n", text_of(entry, "failure"), text_of(entry, "why"));
}

void revocation_print(FILE *out, const json_t *revocation)
{
	const json_t *list = json_object_get(revocation, "revocation"), *item;
	size_t i;

	json_array_foreach(list, i, item)
		print_revocation(out, item);
	if (json_array_size(list) == 0)
		fputs("no CRL and no OCSP answer is kept\n", out);
}

void status_print(FILE *out, const json_t *status)
{
	const json_t *daemon = json_object_get(status, "daemon"), *item;
	const char *kernel = text_of(daemon, "kernel");
	char up[TEXT_MAX];
	size_t i;

	fprintf(out, "keyferryd %s, up for %s, kernel service %s", text_of(daemon, "version"),
		duration_text(up, number_of(daemon, "uptime_seconds")), kernel[0] ? kernel : "missing: phase 1 only");
	if (number_of(daemon, "half_open") > 0)
		fprintf(out, ", %lld negotiation%s not authenticated yet", (long long)number_of(daemon, "half_open"),
			number_of(daemon, "half_open") == 1 ? "" : "s");
	fputc('\n', out);
	json_array_foreach(json_object_get(status, "connections"), i, item)
		print_connection(out, item);
	if (json_array_size(json_object_get(status, "connections")) == 0)
		fputs("no connections are configured\n", out);
	json_array_foreach(json_object_get(status, "shunts"), i, item)
		print_shunt(out, item);
	if (json_array_size(json_object_get(status, "unassigned")) > 0)
		fputs("peers that are not assigned to a connection yet\n", out);
	json_array_foreach(json_object_get(status, "unassigned"), i, item)
		print_sa(out, item);
	if (json_array_size(json_object_get(status, "strangers")) > 0)
		fputs("refused peers\n", out);
	json_array_foreach(json_object_get(status, "strangers"), i, item)
		print_failure(out, "  ", item);
	json_array_foreach(json_object_get(status, "revocation"), i, item)
		print_revocation(out, item);
}

static void print_plugin(FILE *out, const json_t *plugin)
{
	const json_t *service;
	size_t i;

	fprintf(out, "%s%s: %s\n", text_of(plugin, "name"), flag_of(plugin, "runs") ? "" : " (left out)", text_of(plugin, "summary"));
	if (!flag_of(plugin, "runs"))
		fprintf(out, "  %s\n", text_of(plugin, "why_not"));
	json_array_foreach(json_object_get(plugin, "services"), i, service)
		fprintf(out, "  %s %s\n", text_of(service, "kind"), text_of(service, "key"));
}

void plugins_print(FILE *out, const json_t *plugins)
{
	const char *kind = "";
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(plugins, "plugins"), i, item)
		print_plugin(out, item);
	json_array_foreach(json_object_get(plugins, "algorithms"), i, item) {
		if (i == 0)
			fputs("\nalgorithms, each with the backend that serves it", out);
		if (strcmp(kind, text_of(item, "kind")) != 0)
			fprintf(out, "\n  %s:", text_of(item, "kind"));
		kind = text_of(item, "kind");
		fprintf(out, " %s[%s]", text_of(item, "name"), text_of(item, "backend"));
	}
	if (json_array_size(json_object_get(plugins, "algorithms")) > 0)
		fputc('\n', out);
}

void version_print(FILE *out, const json_t *version)
{
	fprintf(out, "keyferryd %s\n", text_of(version, "version"));
}
