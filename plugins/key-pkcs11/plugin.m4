dnl SPDX-License-Identifier: MIT
dnl GnuTLS speaks PKCS#11 by p11-kit; a GnuTLS without is rare, and the plugin says so when a token is named.
KEYFERRY_PLUGIN([key-pkcs11], [gnutls >= 3.6.14 p11-kit-1])
