dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([crypto-openssl], [libcrypto >= 3.0])
