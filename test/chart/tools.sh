#!/usr/bin/env bash
# tools.sh OUT: builds helm and helm-unittest from Go modules into OUT. About 4 minutes the first time, one with warm caches.
# Needs the Go that helm's go.mod asks for (1.26).
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
export CGO_ENABLED=0
GOBIN=$out go install -trimpath -ldflags '-s -w' helm.sh/helm/v4/cmd/helm@v4.3.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# helm-unittest replaces a module, which `go install` of a version refuses.
cat >go.mod <<'MOD'
module unittest
go 1.26.0
require github.com/helm-unittest/helm-unittest v1.1.2
replace github.com/vmware-labs/yaml-jsonpath v0.3.2 => github.com/helm-unittest/yaml-jsonpath v0.4.0
MOD
GOFLAGS=-mod=mod go build -trimpath -ldflags '-s -w' -o "$out/helm-unittest" github.com/helm-unittest/helm-unittest/cmd/helm-unittest
