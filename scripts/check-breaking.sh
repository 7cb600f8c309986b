#!/bin/bash
# Fails when proto/ breaks a contract that main has landed: buf compares the working tree with the last commit that is
# on the remote's main, or, where there is no remote, with the commit before the newest change of proto/.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$(git rev-parse --verify --quiet origin/main || git log -2 --format=%H -- proto/isthmus | tail -1)
[ -n "$base" ] || { echo "proto: nothing to compare with"; exit 0; }
git cat-file -e "$base:proto/buf.yaml" 2>/dev/null || exit 0
against=$(mktemp -d)
trap 'rm -rf "$against"' EXIT
git archive "$base" proto | tar -x -C "$against"
cd proto && PATH="$PWD/node_modules/.bin:$PATH" buf breaking --against "$against/proto"
