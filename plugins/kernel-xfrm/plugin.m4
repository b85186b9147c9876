dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([kernel-xfrm], [libmnl >= 1.0.4])
