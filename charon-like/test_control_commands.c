/* SPDX-License-Identifier: MIT */
/* test_control_commands.c - up, down and status through the control server. */
#include "test_control.h"

static const char up_office[] = "{\"command\":\"up\",\"arguments\":[\"office\"]}\n";

static void publish(struct fixture *f, unsigned type, const char *child, const char *code, const char *text, bool final)
{
	struct event_sa event = { .head = { type, sizeof(event) }, .initiated = true, .final = final };

	snprintf(event.connection, sizeof(event.connection), "office");
	snprintf(event.peer, sizeof(event.peer), "192.0.2.1:500");
	snprintf(event.child, sizeof(event.child), "%s", child);
	snprintf(event.code, sizeof(event.code), "%s", code);
	snprintf(event.text, sizeof(event.text), "%s", text);
	bus_publish(f->bus, &event.head);
	pump(f);
	(void)read_reply(f);
}

/* ---- up and down ---- */

static void up_waits_for_all_children(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, up_office);
	CU_ASSERT_STRING_EQUAL(up_asked, "office/*");
	CU_ASSERT_STRING_EQUAL(wanted, "office/* yes");
	publish(&f, EVENT_TRYING, "", "", "Main Mode", false);
	publish(&f, EVENT_IKE_UP, "", "", "aes256-sha256-modp2048", false);
	publish(&f, EVENT_CHILD_UP, "lan", "", "aes256gcm16", false);
	CU_ASSERT(told(&f, "trying 192.0.2.1:500: Main Mode"));
	CU_ASSERT(told(&f, "phase 1 is up with 192.0.2.1:500: aes256-sha256-modp2048"));
	CU_ASSERT(told(&f, "child lan is up: aes256gcm16"));
	CU_ASSERT(!told(&f, "done"));
	publish(&f, EVENT_CHILD_UP, "voice", "", "", false);
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
}

static void up_of_one_child_is_enough(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"up\",\"arguments\":[\"office/voice\"]}\n");
	CU_ASSERT_STRING_EQUAL(up_asked, "office/voice");
	publish(&f, EVENT_CHILD_UP, "lan", "", "", false);
	CU_ASSERT(!told(&f, "lan") && !told(&f, "done"));
	publish(&f, EVENT_CHILD_UP, "voice", "", "", false);
	CU_ASSERT(done_well(&f));
	fixture_close(&f);
}

static void up_ends_at_final_failure(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, up_office);
	publish(&f, EVENT_FAILURE, "", "no-answer", "nothing came back", false);
	CU_ASSERT(told(&f, "{\"line\":\"no-answer: nothing came back\"}") && !told(&f, "done"));
	publish(&f, EVENT_FAILURE, "", "proposal-mismatch", "offered A, they accept B", true);
	CU_ASSERT(told(&f, "\"status\":1,\"error\":\"proposal-mismatch: offered A, they accept B\""));
	fixture_close(&f);
}

static void up_tells_fault_of_shard(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	up_fault = FAULT_UNSUPPORTED;
	say(&f, up_office);
	CU_ASSERT(told(&f, "\"status\":1"));
	fixture_close(&f);
}

static void up_gives_up_in_time(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"up\",\"arguments\":[\"office\"],\"timeout\":5}\n");
	publish(&f, EVENT_FAILURE, "", "no-answer", "nothing came back", false);
	now_ms += 4999;
	pump(&f);
	(void)read_reply(&f);
	CU_ASSERT(!told(&f, "done"));
	now_ms += 2;
	pump(&f);
	(void)read_reply(&f);
	CU_ASSERT(told(&f, "not up after 5 seconds, last was no-answer: nothing came back"));
	fixture_close(&f);
}

/* An established SA of "office" with these children, in the shard that is asked for it. */
struct fake_sa {
	struct ike_sa sa;
	struct child children[2];
};

static void put_sa(struct fixture *f, struct fake_sa *fake, uint32_t number, const struct connection_settings *c, size_t child_count)
{
	*fake = (struct fake_sa){ .sa = { .number = number, .state = SA_ESTABLISHED, .connection = c, .shard = f->shards[1],
					  .established_at = 40000, .lifetime = 28800 } };
	list_init(&fake->sa.children);
	list_init(&fake->sa.exchanges);
	list_init(&fake->sa.wanted);
	CU_ASSERT(address_parse(&fake->sa.remote, "192.0.2.1") == 0);
	for (size_t i = 0; i < child_count; i++) {
		struct child *child = &fake->children[i];

		child->sa = &fake->sa;
		child->config = &children[i];
		child->has_inbound = child->has_outbound = true;
		child->spi_in = 0xc1000000 + (uint32_t)i;
		CU_ASSERT(selector_parse(&child->local_ts, "10.1.0.0/16") == 0);
		CU_ASSERT(selector_parse(&child->remote_ts, "10.2.0.0/16") == 0);
		list_append(&fake->sa.children, &child->in_sa);
	}
	list_append(&f->shards[1]->sas.all, &fake->sa.in_shard);
}

static void up_of_what_is_up_ends_at_once(void)
{
	struct fixture f;
	struct fake_sa fake;

	fixture_open(&f, NULL);
	put_sa(&f, &fake, 1, &connections[0], 2);
	say(&f, up_office);
	CU_ASSERT(done_well(&f) && told(&f, "\"line\":\"office is up already\""));
	fixture_close(&f);
}

static void early_failure_is_not_missed(void)
{
	struct fixture f;
	struct event_sa event = { .head = { EVENT_FAILURE, sizeof(event) }, .connection = "office", .code = "send-failed",
				  .initiated = true, .final = true };

	fixture_open(&f, NULL);
	CU_ASSERT(send(f.fd, up_office, strlen(up_office), 0) > 0);
	/* The request is with the shard, whose answer comes after the event. */
	loop_turn(f.loop);
	bus_publish(f.bus, &event.head);
	pump(&f);
	(void)read_reply(&f);
	CU_ASSERT(told(&f, "\"status\":1,\"error\":\"send-failed\""));
	fixture_close(&f);
}

static void down_counts(void)
{
	struct fixture f;

	fixture_open(&f, NULL);
	say(&f, "{\"command\":\"down\",\"arguments\":[\"office/lan\"]}\n");
	CU_ASSERT(told(&f, "nothing of office/lan is up"));
	CU_ASSERT_STRING_EQUAL(wanted, "office/lan no");
	say(&f, "{\"command\":\"down\",\"arguments\":[\"ofice\"]}\n");
	CU_ASSERT(told(&f, "there is no connection \\\"ofice\\\""));
	say(&f, "{\"command\":\"down\",\"arguments\":[\"office/lam\"]}\n");
	CU_ASSERT(told(&f, "there is no child of office \\\"lam\\\""));
	down_count = 3;
	say(&f, "{\"command\":\"down\",\"arguments\":[\"office\"]}\n");
	CU_ASSERT(told(&f, "3 SAs deleted") && done_well(&f));
	fixture_close(&f);
}

/* ---- status ---- */

static json_t *data_of(const struct fixture *f)
{
	json_t *line = json_loads(f->reply, JSON_DISABLE_EOF_CHECK, NULL), *data = json_incref(json_object_get(line, "data"));

	json_decref(line);
	return data;
}

static const char *text_at(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void status_shows_what_is_up(void)
{
	struct fixture f;
	struct fake_sa fake;

	fixture_open(&f, NULL);
	put_sa(&f, &fake, 7, &connections[0], 1);
	say(&f, "{\"command\":\"status\"}\n");
	json_t *data = data_of(&f);
	json_t *list = json_object_get(data, "connections"), *office = json_array_get(list, 0);
	json_t *sa = json_array_get(json_object_get(office, "sas"), 0);
	json_t *child = json_array_get(json_object_get(sa, "children"), 0);
	CU_ASSERT(json_integer_value(json_object_get(data, "schema")) == 1 && json_array_size(list) == 2);
	CU_ASSERT_STRING_EQUAL(text_at(office, "state"), "up");
	CU_ASSERT_STRING_EQUAL(text_at(json_array_get(list, 1), "state"), "down");
	CU_ASSERT(json_integer_value(json_object_get(sa, "number")) == 7);
	CU_ASSERT(json_integer_value(json_object_get(sa, "age_seconds")) == 60);
	CU_ASSERT_STRING_EQUAL(text_at(child, "name"), "lan");
	CU_ASSERT_STRING_EQUAL(text_at(child, "spi_in"), "c1000000");
	CU_ASSERT_STRING_EQUAL(text_at(child, "remote"), "10.2.0.0/16");
	json_decref(data);
	fixture_close(&f);
}

static void status_tells_last_failures(void)
{
	struct fixture f;
	struct event_sa stranger = { .head = { EVENT_FAILURE, sizeof(stranger) }, .peer = "203.0.113.9:500", .code = "no-connection" };

	fixture_open(&f, NULL);
	publish(&f, EVENT_FAILURE, "lan", "selector-mismatch", "they want all", true);
	publish(&f, EVENT_FAILURE, "", "no-answer", "nothing", true);
	publish(&f, EVENT_FAILURE, "", "no-answer", "nothing again", true);
	bus_publish(f.bus, &stranger.head);
	now_ms += 90000;
	say(&f, "{\"command\":\"status\",\"arguments\":[\"office\"]}\n");
	json_t *data = data_of(&f);
	json_t *failures = json_object_get(json_array_get(json_object_get(data, "connections"), 0), "failures");
	CU_ASSERT(json_array_size(json_object_get(data, "connections")) == 1 && json_array_size(failures) == 2);
	CU_ASSERT_STRING_EQUAL(text_at(json_array_get(failures, 0), "text"), "nothing again");
	CU_ASSERT(json_integer_value(json_object_get(json_array_get(failures, 0), "count")) == 2);
	CU_ASSERT(json_integer_value(json_object_get(json_array_get(failures, 0), "seconds_ago")) == 90);
	CU_ASSERT_STRING_EQUAL(text_at(json_array_get(failures, 1), "child"), "lan");
	CU_ASSERT_STRING_EQUAL(text_at(json_array_get(json_object_get(data, "strangers"), 0), "peer"), "203.0.113.9:500");
	json_decref(data);
	publish(&f, EVENT_CHILD_UP, "lan", "", "", false);
	say(&f, "{\"command\":\"status\",\"arguments\":[\"office\"]}\n");
	CU_ASSERT(told(&f, "\"failures\":[]"));
	fixture_close(&f);
}

static void status_comes_in_batches(void)
{
	struct fixture f;
	size_t count = 1000;
	struct fake_sa *many = calloc(count, sizeof(*many));

	fixture_open(&f, NULL);
	for (size_t i = 0; i < count; i++)
		put_sa(&f, &many[i], (uint32_t)i + 1, i % 2 ? &connections[1] : NULL, i % 2);
	say(&f, "{\"command\":\"status\"}\n");
	/* More than a socket takes at once. */
	for (int i = 0; i < 1000 && !done_well(&f); i++) {
		pump(&f);
		(void)read_reply(&f);
	}
	json_t *data = data_of(&f);
	json_t *branch = json_array_get(json_object_get(data, "connections"), 1);
	CU_ASSERT(json_array_size(json_object_get(data, "unassigned")) == count / 2);
	CU_ASSERT(json_array_size(json_object_get(branch, "sas")) == count / 2);
	json_decref(data);
	fixture_close(&f);
	free(many);
}

static const struct unit_case cases[] = {
	{ "up waits for all children and tells events", up_waits_for_all_children },
	{ "up of one child waits for that one", up_of_one_child_is_enough },
	{ "up ends at a final failure with its code and text", up_ends_at_final_failure },
	{ "up tells that the shard refused", up_tells_fault_of_shard },
	{ "up gives up when its time is over, with the last failure", up_gives_up_in_time },
	{ "up of what is up ends at once", up_of_what_is_up_ends_at_once },
	{ "a failure that comes before the shard's answer is not missed", early_failure_is_not_missed },
	{ "down says how many SAs were deleted", down_counts },
	{ "status shows SAs and children under their connections", status_shows_what_is_up },
	{ "status tells the last failures, and forgets them with success", status_tells_last_failures },
	{ "status of a thousand SAs is complete", status_comes_in_batches },
};

UNIT_MAIN("control-commands", cases)
