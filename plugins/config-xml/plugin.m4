dnl SPDX-License-Identifier: MIT
KEYFERRY_PLUGIN([config-xml], [libxml-2.0 >= 2.9.10])
