/* SPDX-License-Identifier: MIT */
/* auth.h - how two ends prove who they are in phase 1. */
#ifndef KEYFERRY_AUTH_H
#define KEYFERRY_AUTH_H
#include "events.h"
#include "exchange.h"
#include "secret.h"
#include "settings.h"

/* Why a proof is not taken: a stable code, and a line for people. */
struct auth_failure {
	char code[EVENT_CODE_MAX];
	char why[EVENT_TEXT_MAX];
};

/*
 * SERVICE_AUTH, key: its name. All run inside a step: they write only to the exchange's arena and scratch, and say why when they
 * fail. `octets` is HASH_I or HASH_R (RFC 2409 5) already computed: PSK sends it as it is, signatures sign it.
 */
struct auth_method {
	const char *name;                    /* "psk"                                              */
	uint8_t carrier;                     /* PAY_HASH or PAY_SIG                                */
	bool is_keyed;                       /* see struct exchange                                */
	/* RFC 2409 appendix A: what is offered and accepted for a connection; 0: nothing. */
	uint16_t (*v1_id)(const struct connection_settings *c);
	/* The prf that HASH_I and HASH_R are made with when it is not the negotiated one; NULL: it is. The function may be NULL. */
	const struct mac_alg *(*proof_prf)(const struct exchange *ex);
	/* SKEYID (RFC 2409 5): `out` is the exchange's. ni, nr without their headers. */
	enum verdict (*skeyid)(struct exchange *ex, struct bytes ni, struct bytes nr, struct bytes dh_shared, struct secret *out);
	enum verdict (*prove)(struct exchange *ex, struct bytes octets, struct writer *proof);
	/*
	 * Is it the proof of somebody whom connection `c` lets in, under the ID it gave? A method that is keyed may heed `c` or not: it
	 * is the one whose key was used. STEP_OK; STEP_WAIT; STEP_DROP with `failure`; others were said.
	 */
	enum verdict (*check)(struct exchange *ex, const struct connection_settings *c, struct bytes octets, struct bytes proof,
			      struct auth_failure *failure);
	/*
	 * As responder the connection was chosen by addresses alone; now the peer said who it is. Would this connection have
	 * led to the same method and, if it is keyed, the same key?
	 */
	bool (*fits)(const struct exchange *ex, const struct connection_settings *c, const struct identity *remote_id);
	/* A clause for the line said when message 5 or 6 cannot be decrypted: "the PSKs differ; ours was chosen by ...". */
	void (*explain)(const struct exchange *ex, char *out, size_t size);
};

#endif
