#!/usr/bin/env bash
# The browser that tests/prune_bench/report/test_page.py opens the report in. Debian, as root.
set -euo pipefail
command -v chromium >/dev/null && exit 0
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
