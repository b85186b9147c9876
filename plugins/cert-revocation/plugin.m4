dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([cert-revocation], [gnutls >= 3.6.14])
