#!/usr/bin/env bash
# build.sh OUT: builds etcd, kube-apiserver, kube-controller-manager, kube-proxy, kube-scheduler, kubectl (one program), the kubelet and
# CoreDNS from Go modules into OUT. The first time about 15 minutes and 3 GB of memory, with warm caches one. Needs the Go that Kubernetes asks for.
set -euo pipefail
version=${KUBE_VERSION:-1.37.2}
staging=0.${version#1.}
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0 GOFLAGS=-mod=mod
. "$here/../go-module.sh"
cp -r "$here/tools/." "$work"
cd "$work"

# Kubernetes' own go.mod replaces its libraries by folders of its repository; here by the modules that were published of them, and every
# other dependency stays at the version that it names.
kubernetes=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
{
  echo 'module kubetest'
  grep -E '^(go|godebug) ' "$kubernetes"
  echo "require k8s.io/kubernetes v$version"
  sed -n '/^require (/,/^)/p' "$kubernetes" | sed -E "s,^(\sk8s\.io/[a-z-]+) v0\.0\.0\$,\1 v$staging,"
  echo 'replace ('
  sed -n -E "s#^\s*(k8s\.io/[a-z-]+) => \./staging/.*#\t\1 => \1 v$staging#p" "$kubernetes"
  echo ')'
} >go.mod

flags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags="$flags -X $package.gitVersion=v$version -X $package.gitMajor=1 -X $package.gitMinor=$(echo "$version" | cut -d. -f2)"
  flags="$flags -X $package.gitTreeState=clean -X $package.gitCommit=module"
done
go build -trimpath -ldflags "$flags" -o "$out/kubetest" .
for name in etcd kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl; do ln -sf kubetest "$out/$name"; done
go build -trimpath -ldflags "$flags" -o "$out/kubelet" ./kubelet

mkdir dns && cd dns
cp "$here/dns/main.go" .
module_with github.com/coredns/coredns "v${COREDNS_VERSION:-1.15.0}"
go build -trimpath -ldflags '-s -w' -o "$out/coredns" .
