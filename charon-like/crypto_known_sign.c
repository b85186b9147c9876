/* SPDX-License-Identifier: MIT */
/* crypto_known_sign.c - the known answers of signatures. Many more, and all that must be refused, are in tests/vectors. */
#include "crypto_known.h"

/* Hexadecimal text. */
struct signature_answer {
	const char *name;
	const char *key, *spki, *octets, *signature;
};

/* clang-format off */

/* RSA: a key made for this table alone, the answer computed in Python; signing gives the same. ECDSA: RFC 4754 8, SHA-2 of "abc". */
static const struct signature_answer answers[] = {
	{ .name = "rsa",
	  .key =
		"308204bd020100300d06092a864886f70d0101010500048204a7308204a30201000282010100b208956ee6a670f840ec1562be94"
		"31740cdee21e73272d1a0cb36d215fab755daf0b98cdb437058080e396e77096b7f8bbca48eefa6943649f81c88a36c23ab829d6"
		"2696c6787cc417576a21240a72747f75f2c23dffbd0e7ab495dba59aa661414605843c926efc975a146729dcc1da73175206bfef"
		"5367c38be1d4310127e4e43b9b337b69b8614b98f9fb43c923f803138c9ff09d76c6c598edfe6aee1e1eff0b8abfeeb964c92e8a"
		"bf9a773eebb7e6603de2fe53d4ecbf8349c95f1944fed51373a9389e15a4ccfc439aba767e2d1e532276e6397c12afa0a218b05d"
		"b04277e6494aeaffd6b1f50732a16b139a8301dec058e7eea65c96dbe990b20c33df0203010001028201000117422952df88a918"
		"249f0670843aa2bcb7efbe6b621e43ea85303328ec39bd0a789c383e5355bd1173e4ff6f28b3cd9a21d03777fa153ac413bd3672"
		"bd98fcc83953cc530a6b8fb625cf977764912d1e424550a030d675ab921baa1c30e212fa828bac8feb1e14666819d0f6bba0230e"
		"dee5c90e780ac51afa7dd964eaedba8866985d977e6dd1e2af3181f28dad5b0990b275a89e98d94ca8e2fd2d8c4a132b5d597d92"
		"56f13e58b36d6fa50e77817940c8ed9bd50e61cc28669c2acf72dd85beaacb0425272fa10577a8f6de82da492b45805a5da7f7fa"
		"4ee2a9ec55470add75ddcee413eaae87f53ad4245d1527e99a82749fb6579485a76df79b7fae7d02818100e2ee725959a82b9125"
		"d7bfd41fc9f264e78ffdedde20e3e9a7e164e19be2e24162eb6f7e8dc9b34035bcabba4f56725abc1d92d257a7d7eb0f45094338"
		"082d8d5c2f741bfa69e5cb86cf8e2298b2bf64d791269cd36894cea066c996312ea64a2669da4b079d54fd48f49cf5cfa4e8e92a"
		"cbaa6733072420e119bcf40579879302818100c8d6ac5733f358b41f8ab917a31ed8df349aa7ff8e8d37adaefd64b1ca0fad11dd"
		"d34f976096dcac3c173c9502e8d70eec90e3b511d050c4c2e27df15327b5379267cdd59c72a52c91b2739b83b9b3fa3ae37ad4a9"
		"79c919fb2504d7a2bf32375cd540db77d8544fb88a66330affafbd6295bf6ffdcbafe46f17d03ee4fdfa05028180306230853665"
		"71ac87ca013f63ebb5bfa7d37e8b79c1bf7630f210853dac591b21d11abb7bd5965f4955c9b37678f2f6bf86faa7d84293f9ad0e"
		"c613cbdd8a80ca37dfe49b367ae533000bc8fa8f99d91151044f898f91b2a06669f298d7de628ee020c7c07ede0106ce08ad2c31"
		"77eb46d197aa5b29d99d1d0154d51e59b3fb0281806759b95422a2be69eab55b6c637fd340817478b154ed2cd2cef30ca74500ee"
		"21fc91ea2a4f053347daa0668793f8b7fab1181a65aa6615ba3b438c65ec51c9ba7037c4bf8103aa26164fcb9822a02492c74d1a"
		"7f673b0996ba1ba1b349c7b412b34df6533a07f3d31676fa02984d5d654adf1ea585e8147aac048820657ca0f502818100b93b07"
		"69ef006bf1cf3bac4a0416c04691f7a44f08733ad5243e48e8c336c733460de2d44c681380fe8bfa73fbd9b4e70bba0f4d45b5b2"
		"dceeaa48b68d8e8d0d47af2e19a8d84ff806b082318f2c226b77a6e6852c2cf39aeef7fd605661ed7a931ea688a91f11838c804d"
		"a456c94d0e764b8d9ea3bcd3cf4a9bbdc3ba081c34",
	  .spki =
		"30820122300d06092a864886f70d01010105000382010f003082010a0282010100b208956ee6a670f840ec1562be9431740cdee2"
		"1e73272d1a0cb36d215fab755daf0b98cdb437058080e396e77096b7f8bbca48eefa6943649f81c88a36c23ab829d62696c6787c"
		"c417576a21240a72747f75f2c23dffbd0e7ab495dba59aa661414605843c926efc975a146729dcc1da73175206bfef5367c38be1"
		"d4310127e4e43b9b337b69b8614b98f9fb43c923f803138c9ff09d76c6c598edfe6aee1e1eff0b8abfeeb964c92e8abf9a773eeb"
		"b7e6603de2fe53d4ecbf8349c95f1944fed51373a9389e15a4ccfc439aba767e2d1e532276e6397c12afa0a218b05db04277e649"
		"4aeaffd6b1f50732a16b139a8301dec058e7eea65c96dbe990b20c33df0203010001",
	  .octets =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	  .signature =
		"6be43d67d7032150d4c14d62625e3c222317a700a0e5808275569ccdf1283a4f3a2a8c6d665ca64cad8553c54d8f6be0b733536c"
		"f7360ee1a52aedd690bd9ffb24fe7cff65567767146e744fb7cccf096d9a2a5bf9e981e319908d8da5536192698177a9b49e81ea"
		"22c93e51230c940c2a0c243c07601e8d76f084d52a6ece76a2cf753610cdeff6f82daff4576ba892e3bd58b3faf1693028f59b27"
		"27c3df9c17402c1ee82a1e9a448910ab60a02e126a61dcf8c75e4f625d8f8979bc87446cc56d007a1c598dcc0393c36a7771f368"
		"339cec5dc947a36c82123f089ac738c873e0807cb63304c855f245d74349ab8f708bfdd67733fe8f4fb86cf2638ab617" },
	{ .name = "ecdsa256",
	  .key =
		"308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420dc51d3866a15bacde33d96f992fca99d"
		"a7e6ef0934e7097559c27f1614c88a7fa144034200042442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb04235"
		"e9706fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d",
	  .spki =
		"3059301306072a8648ce3d020106082a8648ce3d030107034200042442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0"
		"822cb04235e9706fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d",
	  .octets =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	  .signature =
		"cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c86fa3bb4e26cad5bf90b7f81899256ce7594bb1e"
		"a0c89212748bff3b3d5b0315" },
	{ .name = "ecdsa384",
	  .key =
		"3081b6020100301006072a8648ce3d020106052b8104002204819e30819b02010104300beb646634ba87735d77ae4809a0ebea86"
		"5535de4c1e1dcb692e84708e81a5af62e528c38b2a81b35309668d73524d9fa1640362000496281bf8dd5e0525ca049c048d345d"
		"3082968d10fedf5c5aca0c64e6465a97ea5ce10c9dfec21797415710721f437922447688ba94708eb6e2e4d59f6ab6d7edff9301"
		"d249fe49c33096655f5d502fad3d383b91c5e7edaa2b714cc99d5743ca",
	  .spki =
		"3076301006072a8648ce3d020106052b810400220362000496281bf8dd5e0525ca049c048d345d3082968d10fedf5c5aca0c64e6"
		"465a97ea5ce10c9dfec21797415710721f437922447688ba94708eb6e2e4d59f6ab6d7edff9301d249fe49c33096655f5d502fad"
		"3d383b91c5e7edaa2b714cc99d5743ca",
	  .octets =
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
	  .signature =
		"fb017b914e29149432d8bac29a514640b46f53ddab2c69948084e2930f1c8f7e08e07c9c63f2d21a07dcb56a6af56eb3b263a130"
		"5e057f984d38726a1b46874109f417bca112674c528262a40a629af1cbb9f516ce0fa7d2ff630863a00e8b9f" },
	{ .name = "ecdsa521",
	  .key =
		"3081ee020100301006072a8648ce3d020106052b810400230481d63081d302010104420065fda3409451dcab0a0ead45495112a3"
		"d813c17bfd34bdf8c1209d7df5849120597779060a7ff9d704adf78b570ffad6f062e95c7e0c5d5481c5b153b48b375fa1a18189"
		"03818600040151518f1af0f563517edd5485190df95a4bf57b5cba4cf2a9a3f6474725a35f7afe0a6ddeb8bedbcd6a197e592d40"
		"188901cecd650699c9b5e456aea5add19052a8006f3b142ea1bfff7e2837ad44c9e4ff6d2d34c73184bbad90026dd5e6e85317d9"
		"df45cad7803c6c20035b2f3ff63aff4e1ba64d1c077577da3f4286c58f0aeae643",
	  .spki =
		"30819b301006072a8648ce3d020106052b8104002303818600040151518f1af0f563517edd5485190df95a4bf57b5cba4cf2a9a3"
		"f6474725a35f7afe0a6ddeb8bedbcd6a197e592d40188901cecd650699c9b5e456aea5add19052a8006f3b142ea1bfff7e2837ad"
		"44c9e4ff6d2d34c73184bbad90026dd5e6e85317d9df45cad7803c6c20035b2f3ff63aff4e1ba64d1c077577da3f4286c58f0aea"
		"e643",
	  .octets =
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423"
		"643ce80e2a9ac94fa54ca49f",
	  .signature =
		"0154fd3836af92d0dca57dd5341d3053988534fde8318fc6aaaab68e2e6f4339b19f2f281a7e0b22c269d93cf8794a9278880ed7"
		"dbb8d9362caeacee544320552251017705a7030290d1ceb605a9a1bb03ff9cdd521e87a696ec926c8c10c8362df4975367101f67"
		"d1cf9bccbf2f3d239534fa509e70aac851ae01aac68d62f866472660" },
};

/* clang-format on */

_Static_assert(COUNT(answers) == KNOWN_SIGNATURES, "KNOWN_SIGNATURES must count the rows of this table");

/* Octets of the longest text above. */
enum { ANSWER_MAX = 1280 };

struct buffer {
	uint8_t at[ANSWER_MAX];
	size_t len;
};

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Of the table above only: its text is whole and in lower case. */
static struct bytes octets(struct buffer *out, const char *hex)
{
	for (out->len = 0; hex[0] && hex[1] && out->len < ANSWER_MAX; hex += 2)
		out->at[out->len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
	return bytes_of(out->at, out->len);
}

/* What it signs is right for itself, and where there is only one right signature it is that. */
static const char *sign_answers(const struct signature_alg *alg, void *key, struct bytes spki, struct bytes in, struct bytes wanted)
{
	uint8_t made[SIGNATURE_MAX];
	size_t len = sizeof(made);

	if (alg->sign(key, in, made, &len) || len != wanted.len || alg->verify(spki, in, bytes_of(made, len)))
		return "signs what it does not take itself";
	if (strcmp(alg->name, "rsa") == 0 && !bytes_equal(bytes_of(made, len), wanted))
		return "gives a wrong answer";
	len = wanted.len - 1;
	if (alg->sign(key, in, made, &len) != FAULT_FULL)
		return "writes more than there is room for";
	return NULL;
}

static const char *verify_answers(const struct signature_alg *alg, struct bytes spki, struct bytes in, struct bytes signature)
{
	uint8_t wrong[SIGNATURE_MAX];

	if (alg->verify(spki, in, signature))
		return "gives a wrong answer";
	memcpy(wrong, signature.at, signature.len);
	wrong[signature.len - 1] ^= 1;
	if (alg->verify(spki, in, bytes_of(wrong, signature.len)) != FAULT_CRYPTO)
		return "accepts a wrong signature";
	memcpy(wrong, in.at, in.len);
	wrong[0] ^= 1;
	if (alg->verify(spki, bytes_of(wrong, in.len), signature) != FAULT_CRYPTO)
		return "accepts a signature of something else";
	return NULL;
}

const char *known_signature(const struct signature_alg *alg)
{
	const struct signature_answer *answer = NULL;
	struct buffer buffer[4];

	for (size_t i = 0; i < COUNT(answers) && !answer; i++)
		if (strcmp(answers[i].name, alg->name) == 0)
			answer = &answers[i];
	if (!answer)
		return "has no known answer";
	if (!alg->key_new || !alg->key_free || !alg->sign || !alg->verify)
		return "has wrong sizes or lacks a function";
	struct bytes spki = octets(&buffer[0], answer->spki), in = octets(&buffer[1], answer->octets);
	struct bytes signature = octets(&buffer[2], answer->signature);
	const char *why = verify_answers(alg, spki, in, signature);
	void *key = why ? NULL : alg->key_new(octets(&buffer[3], answer->key));
	if (!why)
		why = key ? sign_answers(alg, key, spki, in, signature) : "refuses a good key";
	if (key)
		alg->key_free(key);
	return why;
}
