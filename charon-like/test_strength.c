/* SPDX-License-Identifier: MIT */
/* test_strength.c - what people choose is weak, what a machine draws is strong. */
#include "strength.h"

#include "settings.h"
#include "unit.h"

static unsigned bits_of(const char *text)
{
	return strength_bits(bytes_text(text));
}

static void weak(void)
{
	static const char *const secrets[] = {
		"secret", "cisco123", "Summer2024Office!", "12345678901234567890", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"qwertyuiopasdfghjkl", "password password password", "correct horse battery staple",
	};

	for (size_t i = 0; i < COUNT(secrets); i++) {
		unsigned bits = bits_of(secrets[i]);
		if (bits >= PSK_AGGRESSIVE_BITS)
			printf("%s: %u bits\n", secrets[i], bits);
		CU_ASSERT(bits < PSK_AGGRESSIVE_BITS);
	}
}

static void strong(void)
{
	CU_ASSERT(bits_of("J9JB83ee3c1TCX1NUW8/ECxkR6bzH9bV") >= PSK_AGGRESSIVE_BITS);
	CU_ASSERT(bits_of("04505c9cdda106f74d6dcdab64d91e1a") >= PSK_AGGRESSIVE_BITS);
}

static void binary(void)
{
	static const uint8_t drawn[16] = { 0x9e, 0x00, 0x37, 0xb1, 0xc4, 0x52, 0xf8, 0x0d, 0x61, 0xaa, 0x17, 0xee, 0x83, 0x2c, 0x95, 0x4b };
	static const uint8_t zeros[200];

	CU_ASSERT(strength_bits(bytes_of(drawn, sizeof(drawn))) >= PSK_AGGRESSIVE_BITS);
	CU_ASSERT(strength_bits(bytes_of(drawn, 8)) < PSK_AGGRESSIVE_BITS);
	CU_ASSERT(strength_bits(bytes_of(zeros, sizeof(zeros))) < PSK_AGGRESSIVE_BITS);
}

static void ends(void)
{
	char longest[4 * STRENGTH_LOOKED_AT + 1];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CU_ASSERT(bits_of(longest) < PSK_AGGRESSIVE_BITS);
	CU_ASSERT_EQUAL(bits_of(""), 0);
}

static const struct unit_case cases[] = {
	{ "what people choose stands too few guesses", weak },
	{ "what openssl rand draws stands enough", strong },
	{ "a secret of any octets is measured", binary },
	{ "an empty secret has no bits, and a long one costs no time", ends },
};

UNIT_MAIN("strength", cases)
