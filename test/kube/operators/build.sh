#!/usr/bin/env bash
# build.sh OUT: builds the Prometheus operator and cert-manager's controllers from Go modules into OUT, with their CRDs, and a Prometheus that
# discovers pods, which Debian's does not. Some 10 minutes of CPU the first time. The versions are the newest that are published as modules.
set -euo pipefail
prometheus_operator=v${PROMETHEUS_OPERATOR_VERSION:-0.85.0} cert_manager=v${CERT_MANAGER_VERSION:-1.21.2}
prometheus=v${PROMETHEUS_VERSION:-0.305.0} # as a program it is 3.5.0
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0 GOFLAGS=-mod=mod
. "$here/../go-module.sh"

crds() { # crds MODULE VERSION FOLDER NAME: what the module has in FOLDER
  local from
  from=$(go mod download -json "$1@$2" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
  rm -rf "$out/crds/$4" && mkdir -p "$out/crds/$4"
  install -m 644 "$from/$3"/*.yaml "$out/crds/$4"
}

mkdir "$work/prometheus-operator" && cd "$work/prometheus-operator"
module=github.com/prometheus-operator/prometheus-operator
module_with $module "$prometheus_operator"
go build -trimpath -ldflags '-s -w' -o "$out/prometheus-operator" $module/cmd/operator
crds $module "$prometheus_operator" example/prometheus-operator-crd prometheus-operator

mkdir "$work/cert-manager" && cd "$work/cert-manager"
module=github.com/cert-manager/cert-manager
cp "$here/cert-manager/main.go" .
module_with $module "$cert_manager"
go build -trimpath -ldflags '-s -w' -o "$out/cert-manager" .
crds $module "$cert_manager" deploy/crds cert-manager

mkdir "$work/prometheus" && cd "$work/prometheus"
module=github.com/prometheus/prometheus
module_with $module "$prometheus"
go build -trimpath -ldflags '-s -w' -o "$out/prometheus" $module/cmd/prometheus
