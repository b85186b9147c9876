/* SPDX-License-Identifier: MIT */
/* unit.h - runs a table of CUnit cases: one line per failure, a count at the end, non-zero status on failure. */
#ifndef KEYFERRY_UNIT_H
#define KEYFERRY_UNIT_H
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

/* `says` is a true sentence about the code under test. */
struct unit_case {
	const char *says;
	void (*run)(void);
};

static inline int unit_run(const char *suite_name, const struct unit_case *cases, size_t count)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return EXIT_FAILURE;
	CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
	for (size_t i = 0; suite && i < count; i++)
		if (!CU_add_test(suite, cases[i].says, cases[i].run))
			suite = NULL;
	if (!suite) {
		CU_cleanup_registry();
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_SILENT);
	CU_basic_run_tests();
	for (CU_pFailureRecord f = CU_get_failure_list(); f; f = f->pNext)
		printf("FAIL: %s: %s (%s:%u: %s)\n", suite_name, f->pTest ? f->pTest->pName : "?",
		       f->strFileName ? f->strFileName : "?", f->uiLineNumber,
		       f->strCondition ? f->strCondition : "?");
	unsigned failed = CU_get_number_of_tests_failed();
	printf("%s: %u passed, %u failed\n", suite_name, CU_get_number_of_tests_run() - failed, failed);
	CU_cleanup_registry();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN(suite_name, cases)                                                     \
	int main(void)                                                                   \
	{                                                                                \
		return unit_run(suite_name, cases, sizeof(cases) / sizeof((cases)[0]));   \
	}

#endif
