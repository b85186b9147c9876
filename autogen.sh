#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes ./configure. Run it after a clone and after a plugin folder has come or gone.
set -eu
cd "$(dirname "$0")"
scripts/list-plugins
mkdir -p m4
autoreconf --force --install --warnings=all
