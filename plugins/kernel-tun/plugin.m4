dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([kernel-tun], [libmnl >= 1.0.4])
