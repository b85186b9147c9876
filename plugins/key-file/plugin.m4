dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([key-file], [gnutls >= 3.6.14])
