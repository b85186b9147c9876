dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([kernel-net], [libmnl >= 1.0.4])
