/* SPDX-License-Identifier: MIT */
/* keys.h - kinds of asymmetric keys: of private ones and of those in certificates. */
#ifndef KEYFERRY_KEYS_H
#define KEYFERRY_KEYS_H

/* What IKEv1 signs with: RFC 2409 5.1 and RFC 4754. KEY_OTHER: only authorities have such keys. */
enum key_kind { KEY_RSA, KEY_ECDSA256, KEY_ECDSA384, KEY_ECDSA521, KEY_OTHER };

#endif
