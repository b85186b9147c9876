dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([cert-chain], [gnutls >= 3.6.14])
