/* SPDX-License-Identifier: MIT */
/* test_list.c - the intrusive list keeps its order and survives removal at any time. */
#include "list.h"

#include "unit.h"

struct item {
	int number;
	struct list link;
};

static int number_of(struct list *link)
{
	return CONTAINER(link, struct item, link)->number;
}

static void new_list_is_empty(void)
{
	struct list head;
	int seen = 0;

	list_init(&head);
	CU_ASSERT_TRUE(list_empty(&head));
	CU_ASSERT_PTR_NULL(list_first(&head));
	LIST_EACH(it, &head)
		seen++;
	CU_ASSERT_EQUAL(seen, 0);
}

static void order_is_kept(void)
{
	struct item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct list head;
	int next = 1;

	list_init(&head);
	for (size_t i = 0; i < COUNT(items); i++)
		list_append(&head, &items[i].link);
	CU_ASSERT_FALSE(list_empty(&head));
	CU_ASSERT_EQUAL(number_of(list_first(&head)), 1);
	LIST_EACH(it, &head)
		CU_ASSERT_EQUAL(number_of(it), next++);
	CU_ASSERT_EQUAL(next, 4);
}

static void removal_keeps_the_others(void)
{
	struct item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct list head;
	int sum = 0;

	list_init(&head);
	for (size_t i = 0; i < COUNT(items); i++)
		list_append(&head, &items[i].link);
	list_remove(&items[1].link);
	LIST_EACH(it, &head)
		sum = 10 * sum + number_of(it);
	CU_ASSERT_EQUAL(sum, 13);
	CU_ASSERT_EQUAL(head.prev, &items[2].link);
}

static void removal_may_be_repeated(void)
{
	struct item a = { .number = 1 }, b = { .number = 2 };
	struct list head;

	list_init(&head);
	list_append(&head, &a.link);
	list_append(&head, &b.link);
	list_remove(&a.link);
	list_remove(&a.link);
	CU_ASSERT_EQUAL(list_first(&head), &b.link);
	CU_ASSERT_EQUAL(head.prev, &b.link);
	list_append(&head, &a.link);
	CU_ASSERT_EQUAL(head.prev, &a.link);
}

static void loop_may_remove_and_free(void)
{
	struct list head;
	int seen = 0;

	list_init(&head);
	for (int i = 0; i < 10; i++) {
		struct item *item = calloc(1, sizeof(*item));

		CU_ASSERT_PTR_NOT_NULL_FATAL(item);
		item->number = i;
		list_append(&head, &item->link);
	}
	LIST_EACH(it, &head) {
		CU_ASSERT_EQUAL(number_of(it), seen++);
		list_remove(it);
		free(CONTAINER(it, struct item, link));
	}
	CU_ASSERT_EQUAL(seen, 10);
	CU_ASSERT_TRUE(list_empty(&head));
}

static const struct unit_case cases[] = {
	{ "a new list is empty", new_list_is_empty },
	{ "items stay in the order they were appended", order_is_kept },
	{ "removal keeps the others", removal_keeps_the_others },
	{ "removing twice does no harm", removal_may_be_repeated },
	{ "the current item may be removed and freed in a loop", loop_may_remove_and_free },
};

UNIT_MAIN("list", cases)
