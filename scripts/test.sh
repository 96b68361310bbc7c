#!/usr/bin/env bash
# Sets the machine up, builds, and runs every test. ATTNC_GOLDEN=DIR adds the third-party models found there.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake --preset release
cmake --build --preset release
cmake --build --preset release --target check-attnc
