dnl SPDX-License-Identifier: MIT
dnl 7.87 is the first libcurl that does not wait for a name look-up that hangs when a transfer is given up (CURLOPT_QUICK_EXIT).
KEYFERRY_PLUGIN([fetch-curl], [libcurl >= 7.87.0])
