#!/usr/bin/env bash
# Sets the machine up, builds, and runs every test. ATTNC_GOLDEN=DIR adds the third-party models found there.
# Usage: scripts/test.sh [PRESET...]   release (the default), debug, or asan: the address and undefined-behaviour
# sanitizers over everything.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
for preset in "${@:-release}"; do
  cmake --preset "$preset"
  cmake --build --preset "$preset"
  cmake --build --preset "$preset" --target check-attnc
done
