#!/bin/bash
# Resolves the workspace's dependencies and writes requirements.lock: versions and hashes, no addresses, so that every
# machine takes them from the package index that it is set up for. What is locked stays as it is, unless the arguments say
# otherwise: --upgrade, or --upgrade-package NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
lock=$(mktemp)
trap 'rm -f "$lock"' EXIT
cp requirements.lock "$lock"
.tools/uv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
  --group dev --group build "$@" -o "$lock" pyproject.toml {proto,lab,cli}/pyproject.toml {libs,services}/*/pyproject.toml
{
  echo "# Written by 'make lock'. Every dependency of every member of the workspace, the development tools included."
  grep -v '^-e ' "$lock"  # the workspace's own members
} > requirements.lock
echo "requirements.lock: $(grep -c '==' requirements.lock) packages"
