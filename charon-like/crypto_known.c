/* SPDX-License-Identifier: MIT */
/*
 * crypto_known.c - the known answers that every row of a crypto backend must give at load, and must refuse to give:
 * a wrong tag and a bad public value pass no row. Many more, also random ones, run in tests/vectors.
 */
#include "crypto_known.h"

/* Octets of the longest text below. */
enum { KNOWN_MAX = 160 };
/* Groups up to this public value also make a key of their own here; with larger ones the start would take too long. */
enum { PAIR_PUBLIC_MAX = 64 };

/* Hexadecimal text; NULL reads as nothing. */
struct answer {
	const char *name;
	const char *key, *iv, *aad, *in, *out, *tag;
};

/* public_value belongs to private_value; peer is another's. MODP has neither, see its table. */
struct group_answer {
	const char *name;
	size_t public_len, shared_len;
	const char *private_value, *public_value, *peer, *shared;
};

/* clang-format off */

/* RFC 1321 A.5, FIPS 180-4: "abc". */
static const struct answer hashes[] = {
	{ .name = "md5", .in = "616263",
	  .out = "900150983cd24fb0d6963f7d28e17f72" },
	{ .name = "sha1", .in = "616263",
	  .out = "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ .name = "sha256", .in = "616263",
	  .out = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ .name = "sha384", .in = "616263",
	  .out = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca1"
		"34c825a7" },
	{ .name = "sha512", .in = "616263",
	  .out = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
		"a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

#define JEFE .key = "4a656665", .in = "7768617420646f2079612077616e7420666f72206e6f7468696e673f"

/* RFC 2202 and RFC 4231, test case 2. */
static const struct answer macs[] = {
	{ .name = "hmac-md5", JEFE,
	  .out = "750c783e6ab0b503eaa86e310a5db738" },
	{ .name = "hmac-sha1", JEFE,
	  .out = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ .name = "hmac-sha256", JEFE,
	  .out = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ .name = "hmac-sha384", JEFE,
	  .out = "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ec"
		"fab21649" },
	{ .name = "hmac-sha512", JEFE,
	  .out = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65"
		"f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
};

/*
 * AES-CBC: RFC 3602 4 case 2, SP 800-38A F.2.3 and F.2.5. Camellia: RFC 3713 A, chained with an IV of zeros.
 * 3DES: SP 800-67's sample, chained likewise. AES-CTR: RFC 3686 6, vectors 3, 6 and 9.
 */
static const struct answer ciphers[] = {
	{ .name = "aes128-cbc", .key = "c286696d887c9aa0611bbb3e2025a45a",
	  .iv = "562e17996d093d28ddb3ba695a2e6f58",
	  .in = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	  .out = "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1" },
	{ .name = "aes192-cbc", .key = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
	  .iv = "000102030405060708090a0b0c0d0e0f",
	  .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
	  .out = "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a" },
	{ .name = "aes256-cbc", .key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
	  .iv = "000102030405060708090a0b0c0d0e0f",
	  .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
	  .out = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d" },
	{ .name = "camellia128-cbc", .key = "0123456789abcdeffedcba9876543210",
	  .iv = "00000000000000000000000000000000", .in = "0123456789abcdeffedcba9876543210",
	  .out = "67673138549669730857065648eabe43" },
	{ .name = "camellia192-cbc", .key = "0123456789abcdeffedcba98765432100011223344556677",
	  .iv = "00000000000000000000000000000000", .in = "0123456789abcdeffedcba9876543210",
	  .out = "b4993401b3e996f84ee5cee7d79b09b9" },
	{ .name = "camellia256-cbc", .key = "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff",
	  .iv = "00000000000000000000000000000000", .in = "0123456789abcdeffedcba9876543210",
	  .out = "9acc237dff16d76c20ef7c919e3a7509" },
	{ .name = "3des-cbc", .key = "0123456789abcdef23456789abcdef01456789abcdef0123",
	  .iv = "0000000000000000",
	  .in = "54686520717566636b2062726f776e20666f78206a756d70",
	  .out = "a826fd8ce53b855f854b649a0a3903c970d563820afe8b35" },
	{ .name = "aes128-ctr", .key = "7691be035e5020a8ac6e618529f9a0dc",
	  .iv = "00e0017b27777f3f4a1786f000000001",
	  .in = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
	  .out = "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f" },
	{ .name = "aes192-ctr", .key = "02bf391ee8ecb159b959617b0965279bf59b60a786d3e0fe",
	  .iv = "0007bdfd5cbd60278dcc091200000001",
	  .in = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
	  .out = "96893fc55e5c722f540b7dd1ddf7e758d288bc95c69165884536c811662f2188abee0935" },
	{ .name = "aes256-ctr", .key = "ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d",
	  .iv = "001cc5b751a51d70a1c1114800000001",
	  .in = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
	  .out = "eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8" },
};

/*
 * GCM: test cases 4, 10 and 16 of McGrew and Viega's paper, a shorter tag being the beginning of the longer one.
 * CCM: RFC 4309 has no vectors, and others no nonce of 11 octets; computed by an independent implementation that
 * reproduces the examples of SP 800-38C.
 */
#define GCM(text, key_text, out_text, tag_text)						\
	{ .name = text, .key = key_text, .iv = "cafebabefacedbaddecaf888",		\
	  .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",				\
	  .in = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"	\
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",		\
	  .out = out_text, .tag = tag_text }
#define CCM(text, key_text, out_text, tag_text)							\
	{ .name = text, .key = key_text, .iv = "101112131415161718191a",			\
	  .aad = "0001020304050607",								\
	  .in = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40414243",	\
	  .out = out_text, .tag = tag_text }
#define GCM128_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM128_OUT \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5a" \
	"ac84aa051ba30b396a0aac973d58e091"
#define GCM192_KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c"
#define GCM192_OUT \
	"3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18" \
	"c84a3f4718e2448b2fe324d9ccda2710"
#define GCM256_KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define GCM256_OUT \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10" \
	"56828838c5f61e6393ba7a0abcc9f662"
#define CCM128_KEY "404142434445464748494a4b4c4d4e4f"
#define CCM128_OUT \
	"d6d28b1b24b85b4ffbe0998809dab62e35428a3cca41bdc880d80004b03a18e37ecd2758"
#define CCM192_KEY "404142434445464748494a4b4c4d4e4f5051525354555657"
#define CCM192_OUT \
	"224fc6e63df4e666fe85eba9acf83af71391c7dfcaa17e6221a4378b7a68ac1d25c6383f"
#define CCM256_KEY "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
#define CCM256_OUT \
	"05be4fa985289932bcf824709a4950dd790fa62950bfbf50a8e8e4f98b598e51dc5ffee1"

static const struct answer aeads[] = {
	GCM("aes128-gcm8", GCM128_KEY, GCM128_OUT, "5bc94fbc3221a5db"),
	GCM("aes128-gcm12", GCM128_KEY, GCM128_OUT, "5bc94fbc3221a5db94fae95a"),
	GCM("aes128-gcm16", GCM128_KEY, GCM128_OUT, "5bc94fbc3221a5db94fae95ae7121a47"),
	GCM("aes192-gcm8", GCM192_KEY, GCM192_OUT, "2519498e80f1478f"),
	GCM("aes192-gcm12", GCM192_KEY, GCM192_OUT, "2519498e80f1478f37ba55bd"),
	GCM("aes192-gcm16", GCM192_KEY, GCM192_OUT, "2519498e80f1478f37ba55bd6d27618c"),
	GCM("aes256-gcm8", GCM256_KEY, GCM256_OUT, "76fc6ece0f4e1768"),
	GCM("aes256-gcm12", GCM256_KEY, GCM256_OUT, "76fc6ece0f4e1768cddf8853"),
	GCM("aes256-gcm16", GCM256_KEY, GCM256_OUT, "76fc6ece0f4e1768cddf8853bb2d551b"),
	CCM("aes128-ccm8", CCM128_KEY, CCM128_OUT, "bf99ce3b55caa97a"),
	CCM("aes128-ccm12", CCM128_KEY, CCM128_OUT, "648f2a0cfb573fdccf7f60ba"),
	CCM("aes128-ccm16", CCM128_KEY, CCM128_OUT, "5cfed45d27c2b18daf635aec6f556509"),
	CCM("aes192-ccm8", CCM192_KEY, CCM192_OUT, "bd19b978a647bb27"),
	CCM("aes192-ccm12", CCM192_KEY, CCM192_OUT, "f6171aafb1304110e85e33e1"),
	CCM("aes192-ccm16", CCM192_KEY, CCM192_OUT, "b1006c823364cad32a7fe9f00beafe7d"),
	CCM("aes256-ccm8", CCM256_KEY, CCM256_OUT, "8e68b567bd7f4b0f"),
	CCM("aes256-ccm12", CCM256_KEY, CCM256_OUT, "e2617479699fb6ef5a14971d"),
	CCM("aes256-ccm16", CCM256_KEY, CCM256_OUT, "e84e068907f5f2f063f2b70e27b14abf"),
};

/*
 * ECP: RFC 5903 8. Brainpool: RFC 6932 A. curve25519: RFC 7748 6.1. MODP has no published vectors: `shared` is the
 * beginning of (2^x)^x mod p, x being short so that all groups together take a few milliseconds; whatever goes
 * wrong in an exponentiation changes these octets. Whole values of full length are in tests/vectors/modp.txt.
 */
static const struct group_answer groups[] = {
	{ .name = "modp1024", .public_len = 128, .shared_len = 128,
	  .private_value = "0123456789abcdef",
	  .shared = "c1e62dc78d6d27ee905300edf4a6e5cc82036e781620d501774ec5070589f438" },
	{ .name = "modp1536", .public_len = 192, .shared_len = 192,
	  .private_value = "0123456789abcdef",
	  .shared = "01ec1ff7f2e7ed8195923b17b45911bba7d67a3d7d455389795461a81e778148" },
	{ .name = "modp2048", .public_len = 256, .shared_len = 256,
	  .private_value = "0123456789abcdef",
	  .shared = "f7f8281eacbbab3e9b1649c1a97c608da5e2f2a570ee68b10e30d7da14025326" },
	{ .name = "modp3072", .public_len = 384, .shared_len = 384,
	  .private_value = "0123456789abcdef",
	  .shared = "fd164ecb2930630a5b25228af234d1d2d00eccabd3838828ce84c5993bad18fc" },
	{ .name = "modp4096", .public_len = 512, .shared_len = 512,
	  .private_value = "0123456789abcdef",
	  .shared = "c3b7b1b27d17f1c3eea3036e4c37b6123e3edcbe41f51b2cbc19f53e222a3d87" },
	{ .name = "modp6144", .public_len = 768, .shared_len = 768,
	  .private_value = "0123456789abcdef",
	  .shared = "d4181e5c144e01dfdf93ceb44b836f0c41f274b7fd4c09a5e6675b3a9d161066" },
	{ .name = "modp8192", .public_len = 1024, .shared_len = 1024,
	  .private_value = "0123456789abcdef",
	  .shared = "49ce8a1c9018a00203d2bff3588703b63bb2ee68594ba7f5bef74ebdd84ed556" },
	{ .name = "ecp256", .public_len = 64, .shared_len = 32,
	  .private_value = "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
	  .public_value = "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c45"
		"6fa3e59ab1f45b33accf5f58389e0577b8990bb3",
	  .peer = "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c"
		"13c58d6aac23f046ada30f8353e74f33039872ab",
	  .shared = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de" },
	{ .name = "ecp384", .public_len = 96, .shared_len = 48,
	  .private_value = "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896"
		"783ab194",
	  .public_value = "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732ae"
		"e95f41aa9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947da"
		"e69b4c634573a81c",
	  .peer = "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0"
		"774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff"
		"5eaad96db9e6386c",
	  .shared = "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a2"
		"70f59746" },
	{ .name = "ecp521", .public_len = 132, .shared_len = 66,
	  .private_value = "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d9"
		"37ba9777f5957b2639bab072462f68c27a57382d4a52",
	  .public_value = "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c"
		"2d107564941885942af5a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8c946146239d099e18e"
		"1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
	  .peer = "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352"
		"f6be64a6c2912d4ef2d0433ced2b6171640012d9460f015c68226383956e3bd066e797b623c27ce0eac2f551"
		"a10c2c724d9852077b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
	  .shared = "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a347868"
		"59810c06b3c715a3a8cc3151f2bee417996d19f3ddea" },
	{ .name = "brainpool256", .public_len = 64, .shared_len = 32,
	  .private_value = "041eb8b1e2bc681bce8e39963b2e9fc415b05283313dd1a8bcc055f11ae49699",
	  .public_value = "78028496b5ecaab3c8b6c12e45db1e02c9e4d26b4113bc4f015f60c5ccc0d206a2ae1762a3831c1d20f03f8d"
		"1e3c0c39afe6f09b4d44bbe80cd100987b05f92b",
	  .peer = "8e07e219ba588916c5b06aa30a2f464c2f2acfc1610a3be2fb240b635341f0db148ea1d7d1e7e54b9555b6c9"
		"ac90629c18b63bee5d7aa6949ebbf47b24fde40d",
	  .shared = "05e940915549e9f6a4a75693716e37466aba79b4bf2919877a16dd2cc2e23708" },
	{ .name = "brainpool384", .public_len = 96, .shared_len = 48,
	  .private_value = "014ec0755b78594ba47fb0a56f6173045b4331e74ba1a6f47322e70d79d828d97e095884ca72b73fdabd5910"
		"df0fa76a",
	  .public_value = "45cb26e4384daf6fb776885307b9a38b7ad1b5c692e0c32f0125332778f3b8d3f50ca358099b30deb5ee69a9"
		"5c058b4e8173a1c54affa7e781d0e1e1d12c0dc2b74f4df58e4a4e3af7026c5d32dc530a2cd89c859bb4b4b7"
		"68497f49ab8cc859",
	  .peer = "01bf92a92ee4be8ded1a911125c209b03f99e3161cfcc986dc7711383fc30af9ce28ca3386d59e2c8d72ce1e"
		"7b4666e83289c4a3a4fee035e39bdb885d509d224a142ff9fbcc5cfe5ccbb30268ee47487ed8044858d31d84"
		"8f7a95c635a347ac",
	  .shared = "04cc4ff3dcccb07af24e0acc529955b36d7c807772b92fcbe48f3afe9a2f370a1f98d3fa73fd0c0747c632e1"
		"2f1423ec" },
	{ .name = "brainpool512", .public_len = 128, .shared_len = 64,
	  .private_value = "636b6be0482a6c1c41aa7ae7b245e983392db94cecea2660a379cfe159559e357581825391175fc195d28bac"
		"0cf03a7841a383b95c262b983782874cce6fe333",
	  .public_value = "0562e68b9af7cbfd5565c6b16883b777ff11c199161ecc427a39d17ec2166499389571d6a994977c56ad8252"
		"658ba8a1b72ae42f4fb7532151afc3ef0971ccdaa7ca2d8191e21776a89860afbc1f582faa308d551c1dc613"
		"3af9f9c3cad59998d70079548140b90b1f311afb378aa81f51b275b2be6b7dee978efc7343ea642e",
	  .peer = "5a7954e32663dff11ae24712d87419f26b708ac2b92877d6bfee2bfc43714d89bbdb6d24d807bbd3aeb7f0c3"
		"25f862e8bade4f74636b97eaace739e11720d32396d14621a9283a1bed84de8dd64836b2c0758b11441179dc"
		"0c54c0d49a47c03807d171dd544b72caaef7b7ce01c7753e2cad1a861eca55a71954ee1ba35e04be",
	  .shared = "1ee8321a4bbf93b9cf8921ab209850ec9b7066d1984ef08c2bb723236208ac8f1a483e79461a00e0d5f6921c"
		"e9d360502f85c812bedee23ac5b210e5811b191e" },
	{ .name = "curve25519", .public_len = 32, .shared_len = 32,
	  .private_value = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	  .public_value = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	  .peer = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	  .shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
};

_Static_assert(COUNT(hashes) + COUNT(macs) + COUNT(ciphers) + COUNT(aeads) + COUNT(groups) + KNOWN_SIGNATURES == KNOWN_ROWS,
	       "KNOWN_ROWS must count the rows of these tables");

/* clang-format on */

static const char no_answer[] = "has no known answer";
static const char wrong_shape[] = "has wrong sizes or lacks a function";
static const char wrong_answer[] = "gives a wrong answer";
static const char wrong_context[] = "gives a wrong answer from a kept key";
static const char accepts_tag[] = "accepts a wrong tag";
static const char accepts_public[] = "accepts a bad public value";
static const char no_agreement[] = "does not agree with itself";
static const char no_random[] = "gives no random numbers";

struct buffer {
	uint8_t at[KNOWN_MAX];
	size_t len;
};

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Of the tables above only: their text is whole and in lower case. */
static struct buffer octets(const char *hex)
{
	struct buffer b = { .len = 0 };

	for (; hex && hex[0] && hex[1] && b.len < KNOWN_MAX; hex += 2)
		b.at[b.len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
	return b;
}

static struct bytes view(const struct buffer *b)
{
	return bytes_of(b->at, b->len);
}

static const struct answer *answer_find(const struct answer *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* Input arrives in pieces; one of them is empty. */
enum { PIECES = 3 };

static void cut(const struct buffer *in, struct bytes pieces[PIECES])
{
	pieces[0] = bytes_of(in->at, 1);
	pieces[1] = bytes_of(NULL, 0);
	pieces[2] = bytes_of(in->at + 1, in->len - 1);
}

const char *known_hash(const struct hash_alg *alg)
{
	const struct answer *answer = answer_find(hashes, COUNT(hashes), alg->name);

	if (!answer)
		return no_answer;
	struct buffer in = octets(answer->in), out = octets(answer->out);
	struct bytes pieces[PIECES];
	uint8_t got[HASH_SIZE_MAX];

	cut(&in, pieces);
	if (!alg->run || alg->size != out.len)
		return wrong_shape;
	if (alg->run(pieces, PIECES, got) || !bytes_equal(bytes_of(got, out.len), view(&out)))
		return wrong_answer;
	return NULL;
}

const char *known_mac(const struct mac_alg *alg)
{
	const struct answer *answer = answer_find(macs, COUNT(macs), alg->name);

	if (!answer)
		return no_answer;
	struct buffer key = octets(answer->key), in = octets(answer->in), out = octets(answer->out);
	struct bytes pieces[PIECES];
	uint8_t got[HASH_SIZE_MAX];

	cut(&in, pieces);
	if (!alg->run || !alg->context_new || !alg->context_free || !alg->context_run ||
	    alg->size != out.len)
		return wrong_shape;
	if (alg->run(view(&key), pieces, PIECES, got) ||
	    !bytes_equal(bytes_of(got, out.len), view(&out)))
		return wrong_answer;
	void *context = alg->context_new(view(&key));
	bool ok = context != NULL;
	/* Twice: a run must leave the context as it found it. */
	for (int i = 0; i < 2 && ok; i++) {
		wipe(got, sizeof(got));
		ok = !alg->context_run(context, pieces, PIECES, got) &&
		     bytes_equal(bytes_of(got, out.len), view(&out));
	}
	if (context)
		alg->context_free(context);
	return ok ? NULL : wrong_context;
}

static bool cipher_context_answers(const struct cipher_alg *alg, void *context, bool encrypt,
				   const uint8_t *iv, const struct buffer *in,
				   const struct buffer *out)
{
	struct buffer data = *in;

	return !alg->context_run(context, encrypt, iv, data.at, data.len) &&
	       bytes_equal(view(&data), view(out));
}

const char *known_cipher(const struct cipher_alg *alg)
{
	const struct answer *answer = answer_find(ciphers, COUNT(ciphers), alg->name);

	if (!answer)
		return no_answer;
	struct buffer key = octets(answer->key), iv = octets(answer->iv), in = octets(answer->in),
		      out = octets(answer->out);
	struct buffer data = in;

	if (!alg->run || !alg->context_new || !alg->context_free || !alg->context_run ||
	    alg->key != key.len || alg->iv != iv.len || alg->block == 0 ||
	    alg->block > CIPHER_BLOCK_MAX || in.len % alg->block != 0)
		return wrong_shape;
	if (alg->run(true, view(&key), iv.at, data.at, data.len) ||
	    !bytes_equal(view(&data), view(&out)) ||
	    alg->run(false, view(&key), iv.at, data.at, data.len) ||
	    !bytes_equal(view(&data), view(&in)))
		return wrong_answer;
	void *context = alg->context_new(view(&key));
	/* The second round shows that neither direction leaves anything behind. */
	bool ok = context != NULL;
	for (int i = 0; i < 2 && ok; i++)
		ok = cipher_context_answers(alg, context, true, iv.at, &in, &out) &&
		     cipher_context_answers(alg, context, false, iv.at, &out, &in);
	if (context)
		alg->context_free(context);
	return ok ? NULL : wrong_context;
}

static const char *aead_answers(const struct aead_alg *alg, void *context, const struct answer *answer)
{
	struct buffer nonce = octets(answer->iv), aad = octets(answer->aad), in = octets(answer->in);
	struct buffer out = octets(answer->out), tag = octets(answer->tag), data = in;
	uint8_t got[AEAD_TAG_MAX];

	if (alg->seal(context, nonce.at, view(&aad), in.at, in.len, data.at, got) ||
	    !bytes_equal(view(&data), view(&out)) || !bytes_equal(bytes_of(got, tag.len), view(&tag)))
		return wrong_answer;
	if (alg->open(context, nonce.at, view(&aad), data.at, data.len, data.at, got) ||
	    !bytes_equal(view(&data), view(&in)))
		return wrong_answer;
	got[tag.len - 1] ^= 1;
	if (alg->open(context, nonce.at, view(&aad), out.at, out.len, data.at, got) != FAULT_CRYPTO)
		return accepts_tag;
	/* A refused packet must not spoil the next one. */
	if (alg->open(context, nonce.at, view(&aad), out.at, out.len, data.at, tag.at) ||
	    !bytes_equal(view(&data), view(&in)))
		return wrong_context;
	return NULL;
}

const char *known_aead(const struct aead_alg *alg)
{
	const struct answer *answer = answer_find(aeads, COUNT(aeads), alg->name);

	if (!answer)
		return no_answer;
	struct buffer key = octets(answer->key), nonce = octets(answer->iv),
		      tag = octets(answer->tag);

	if (!alg->context_new || !alg->context_free || !alg->seal || !alg->open ||
	    alg->key != key.len || alg->nonce != nonce.len || alg->tag != tag.len)
		return wrong_shape;
	void *context = alg->context_new(view(&key));
	if (!context)
		return wrong_answer;
	const char *why = aead_answers(alg, context, answer);
	alg->context_free(context);
	return why;
}

/* Our public value and the answer, of which the table may hold only the beginning; for MODP see its table. */
static bool group_answers(const struct dh_group *group, const struct group_answer *answer,
			  const struct secret *private_value, uint8_t *public_out)
{
	struct buffer own = octets(answer->public_value), peer = octets(answer->peer),
		      wanted = octets(answer->shared);
	AUTO_SECRET shared = { NULL, 0 };
	uint8_t generator[DH_PUBLIC_MAX] = { 0 };
	struct bytes from = view(&peer);

	memcpy(public_out, own.at, own.len);
	if (!answer->public_value) {
		generator[group->public_len - 1] = 2;
		if (group->shared(private_value, bytes_of(generator, group->public_len), &shared) ||
		    shared.len != group->public_len)
			return false;
		memcpy(public_out, shared.at, shared.len);
		from = bytes_of(public_out, group->public_len);
	}
	return !group->shared(private_value, from, &shared) && shared.len == group->shared_len &&
	       bytes_equal(bytes_of(shared.at, wanted.len), view(&wanted));
}

/* Zero is bad in every group: in MODP itself, elsewhere as a point off the curve or of small order. */
static bool group_refuses(const struct dh_group *group, const struct secret *private_value,
			  const uint8_t *good)
{
	uint8_t bad[DH_PUBLIC_MAX] = { 0 };
	AUTO_SECRET shared = { NULL, 0 };

	return group->shared(private_value, bytes_of(bad, group->public_len), &shared) &&
	       group->shared(private_value, bytes_of(good, group->public_len - 1), &shared) &&
	       group->shared(private_value, bytes_of(NULL, 0), &shared);
}

/* A fresh key against the known one, from both ends. */
static bool group_agrees(const struct dh_group *group, const struct secret *known_private,
			 const uint8_t *known_public)
{
	AUTO_SECRET fresh = { NULL, 0 };
	AUTO_SECRET here = { NULL, 0 };
	AUTO_SECRET there = { NULL, 0 };
	uint8_t fresh_public[PAIR_PUBLIC_MAX];

	return !group->generate(&fresh, fresh_public) &&
	       !group->shared(&fresh, bytes_of(known_public, group->public_len), &here) &&
	       !group->shared(known_private, bytes_of(fresh_public, group->public_len), &there) &&
	       secret_equal(secret_bytes(&here), secret_bytes(&there));
}

const char *known_group(const struct dh_group *group)
{
	const struct group_answer *answer = NULL;
	AUTO_SECRET private_value = { NULL, 0 };
	uint8_t public_value[DH_PUBLIC_MAX];

	for (size_t i = 0; i < COUNT(groups) && !answer; i++)
		if (strcmp(groups[i].name, group->name) == 0)
			answer = &groups[i];
	if (!answer)
		return no_answer;
	if (!group->generate || !group->shared || group->public_len != answer->public_len ||
	    group->shared_len != answer->shared_len)
		return wrong_shape;
	struct buffer known = octets(answer->private_value);
	if (secret_copy(&private_value, view(&known)) ||
	    !group_answers(group, answer, &private_value, public_value))
		return wrong_answer;
	if (!group_refuses(group, &private_value, public_value))
		return accepts_public;
	if (group->public_len <= PAIR_PUBLIC_MAX && !group_agrees(group, &private_value, public_value))
		return no_agreement;
	return NULL;
}

/* All that one can tell of 32 octets is that they were written, and not the same ones twice. */
const char *known_random(int (*random)(uint8_t *out, size_t len))
{
	uint8_t none[32] = { 0 }, first[32] = { 0 }, second[32] = { 0 };

	if (!random || random(first, sizeof(first)) || random(second, sizeof(second)) ||
	    memcmp(first, none, sizeof(none)) == 0 || memcmp(first, second, sizeof(first)) == 0)
		return no_random;
	return NULL;
}
