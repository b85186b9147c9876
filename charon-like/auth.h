/* SPDX-License-Identifier: MIT */
/* auth.h - how two ends prove who they are in phase 1. */
#ifndef KEYFERRY_AUTH_H
#define KEYFERRY_AUTH_H
#include "exchange.h"
#include "secret.h"
#include "settings.h"

/*
 * SERVICE_AUTH, key: its name. All run inside a step: they write only to the exchange's arena and scratch, and say why when they
 * fail. `octets` is HASH_I or HASH_R (RFC 2409 5) already computed: PSK sends it as it is, signatures sign it.
 */
struct auth_method {
	const char *name;                    /* "psk"                                              */
	uint16_t v1_id;                      /* RFC 2409 appendix A                                */
	uint8_t carrier;                     /* PAY_HASH or PAY_SIG                                */
	/* SKEYID (RFC 2409 5): `out` is the exchange's. ni, nr without their headers. */
	enum verdict (*skeyid)(struct exchange *ex, struct bytes ni, struct bytes nr, struct bytes dh_shared, struct secret *out);
	enum verdict (*prove)(struct exchange *ex, struct bytes octets, struct writer *proof);
	enum verdict (*check)(struct exchange *ex, struct bytes octets, struct bytes proof);
	/*
	 * As responder the connection was chosen by addresses alone; now the peer said who it is. Would this connection have
	 * led to the same key?
	 */
	bool (*fits)(const struct exchange *ex, const struct connection_settings *c, const struct identity *remote_id);
	/* A clause for the line said when message 5 or 6 cannot be decrypted: "the PSKs differ; ours was chosen by ...". */
	void (*explain)(const struct exchange *ex, char *out, size_t size);
};

#endif
