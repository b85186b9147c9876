/* SPDX-License-Identifier: MIT */
/* revocation.h - a step of an exchange asks whether the peer's certificates are revoked, and waits for that a limited time. */
#ifndef KEYFERRY_REVOCATION_H
#define KEYFERRY_REVOCATION_H
#include "auth.h"

/*
 * After everything else about the peer was checked: with the policy and the places of the <ca> that the chain ends at. STEP_OK; STEP_DROP
 * with `failure`; STEP_WAIT: the step runs again when there is more to know, or CERT_CHECK_SECONDS after it first waited. Where it is not
 * known and that is let pass, a line says so. `given`: what the peer sent; one of these may have signed a CRL.
 */
enum verdict revocation_step(struct exchange *ex, const struct connection_settings *c, const struct cert_chain *chain, const struct cert_list *given,
			     struct auth_failure *failure);

#endif
