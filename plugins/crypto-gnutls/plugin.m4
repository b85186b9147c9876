dnl SPDX-License-Identifier: MIT
dnl 3.6.14 is the first GnuTLS with AES-192-GCM and with AEAD over scattered buffers, which work in place.
KEYFERRY_PLUGIN([crypto-gnutls], [gnutls >= 3.6.14 nettle >= 3.4 hogweed >= 3.4 gmp])
