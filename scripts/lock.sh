#!/bin/bash
# Resolves the workspace's dependencies and writes requirements.lock: versions and hashes, no addresses, so that every
# machine takes them from the package index that it is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
uv=.tools/uv/bin/uv
$uv lock --quiet "$@"
{
  echo "# Written by 'make lock'. Every dependency of every member of the workspace, the development tools included."
  $uv export --quiet --all-packages --all-groups --no-emit-workspace --no-header --no-annotate --format requirements-txt
} > requirements.lock
echo "requirements.lock: $(grep -c '==' requirements.lock) packages"
