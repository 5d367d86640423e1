#!/usr/bin/env bash
# up.sh: a cluster of one node on this machine, as root: etcd, API server, controllers, scheduler, containerd and a kubelet with pods on a
# bridge, kube-proxy and CoreDNS, and the images of the tests. The tools are in $KUBE_BIN (build.sh), state goes to $KUBE_DIR. README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "${KUBE_DIR:?a folder for the state of the cluster}" && cd "$KUBE_DIR" && pwd)
bin=$(cd "${KUBE_BIN:?the folder with the tools of build.sh}" && pwd)
api=${KUBE_API_PORT:-38443} etcd=${KUBE_ETCD_PORT:-38379} peer=${KUBE_PEER_PORT:-38380} kubelet=${KUBE_KUBELET_PORT:-38250}
proxy_health=${KUBE_PROXY_HEALTH_PORT:-38256} proxy_metrics=${KUBE_PROXY_METRICS_PORT:-38249}
services=${KUBE_SERVICES:-10.98.0.0/24}
node=10.99.255.1 pods=10.99.0.0/24 bridge=cni-sluice0
export KUBECONFIG=$dir/kubeconfig
[ ! -e "$dir/pids" ] || { echo "$dir is in use; down.sh ends what runs there" >&2; exit 1; }
cd "$dir"

start() { # start NAME COMMAND…: in the background, its output in NAME.log
  local name=$1
  shift
  setsid "$@" >"$name.log" 2>&1 &
  echo "$! $name" >>pids
}
await() { # await WHAT COMMAND…: until the command succeeds
  local what=$1
  shift
  local end=$((SECONDS + 120))
  while [ $SECONDS -lt $end ]; do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "waited in vain for $what; the logs are in $dir" >&2
  exit 1
}

images() { # builds what pods run, in the local Docker
  local work
  work=$(mktemp -d)
  docker build -q -f "$here/../../../docker/Dockerfile" -t kafka-sluice:test "$here/../../.."
  (cd "$here/../../clients" && CGO_ENABLED=0 go build -trimpath -o "$work/client" ./franz-go)
  (cd "$here/pause" && CGO_ENABLED=0 go build -trimpath -o "$work/pause" main.go)
  printf 'FROM scratch\nCOPY client /client\nUSER 65532:65532\nENTRYPOINT ["/client"]\n' >"$work/client.Dockerfile"
  printf 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n' >"$work/pause.Dockerfile"
  docker build -q -f "$work/client.Dockerfile" -t kafka-sluice-client:test "$work"
  docker build -q -f "$work/pause.Dockerfile" -t localhost/pause:1 "$work"
  rm -rf "$work"
}

control_plane() {
  local cert=(-newkey rsa:2048 -nodes) token
  openssl req -x509 "${cert[@]}" -days 30 -keyout ca.key -out ca.crt -subj /CN=test-ca -addext keyUsage=critical,keyCertSign 2>/dev/null
  openssl req "${cert[@]}" -keyout api.key -out api.csr -subj /CN=kube-apiserver 2>/dev/null
  openssl x509 -req -in api.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out api.crt \
    -extfile <(echo "subjectAltName=IP:$node,IP:${services%.0/24}.1,DNS:kubernetes.default.svc") 2>/dev/null
  openssl genrsa -out accounts.key 2048 2>/dev/null
  token=$(openssl rand -hex 16)
  echo "$token,admin,admin,\"system:masters\"" >tokens.csv
  cat >kubeconfig <<K
apiVersion: v1
kind: Config
current-context: test
clusters: [{ name: test, cluster: { server: "https://$node:$api", certificate-authority: $dir/ca.crt } }]
users: [{ name: test, user: { token: $token } }]
contexts: [{ name: test, context: { cluster: test, user: test } }]
K
  local clients=http://127.0.0.1:$etcd peers=http://127.0.0.1:$peer
  start etcd "$bin/etcd" --data-dir etcd --unsafe-no-fsync --listen-client-urls "$clients" --advertise-client-urls "$clients" \
    --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers"
  start kube-apiserver "$bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd" --bind-address="$node" --secure-port="$api" \
    --advertise-address="$node" --tls-cert-file=api.crt --tls-private-key-file=api.key --client-ca-file=ca.crt \
    --token-auth-file=tokens.csv --authorization-mode=RBAC --service-account-key-file=accounts.key \
    --service-account-signing-key-file=accounts.key --service-account-issuer=https://kubernetes.default.svc \
    --service-cluster-ip-range="$services" --kubelet-preferred-address-types=InternalIP
  await 'the API server' "$bin/kubectl" get --raw /readyz
  start kube-controller-manager "$bin/kube-controller-manager" --kubeconfig=kubeconfig --service-account-private-key-file=accounts.key \
    --root-ca-file=ca.crt --leader-elect=false --secure-port=0
  start kube-scheduler "$bin/kube-scheduler" --kubeconfig=kubeconfig --leader-elect=false --secure-port=0
}

# The node's address, which pods reach as well; where Services are; and pods among themselves, which Docker would drop.
network() {
  ip addr add "$node/32" dev lo 2>/dev/null || true
  ip route replace "$services" dev lo src "$node"
  iptables -I FORWARD -i "$bridge" -j ACCEPT
  iptables -I FORWARD -o "$bridge" -j ACCEPT
  [ ! -e /proc/sys/net/bridge ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
}

node() {
  mkdir -p cni
  cat >containerd.toml <<K
version = 2
root = "$dir/containerd"
state = "$dir/containerd-state"
[grpc]
  address = "$dir/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
K
  cat >cni/10.conflist <<K
{ "cniVersion": "0.4.0", "name": "pods", "plugins": [{ "type": "bridge", "bridge": "$bridge", "isGateway": true,
  "ipam": { "type": "host-local", "ranges": [[{ "subnet": "$pods" }]], "dataDir": "$dir/addresses",
  "routes": [{ "dst": "$services" }, { "dst": "$node/32" }] } }] }
K
  cat >kubelet.yaml <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node
port: $kubelet
healthzPort: 0
containerRuntimeEndpoint: unix://$dir/containerd.sock
podLogsDir: $dir/logs
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
cgroupDriver: cgroupfs
failCgroupV1: false
enforceNodeAllocatable: []
clusterDNS: [$node]
clusterDomain: cluster.local
failSwapOn: false
makeIPTablesUtilChains: false
imageGCHighThresholdPercent: 100
evictionHard: { memory.available: 50Mi }
K
  start containerd containerd --config containerd.toml
  await containerd ctr -a containerd.sock version
  docker save localhost/pause:1 kafka-sluice:test kafka-sluice-client:test | ctr -a containerd.sock -n k8s.io images import - >/dev/null
  start kubelet "$bin/kubelet" --config=kubelet.yaml --kubeconfig=kubeconfig --root-dir="$dir/kubelet" --cert-dir="$dir/pki" \
    --hostname-override=node-1 --node-ip="$node"
  await 'the node' sh -c "'$bin/kubectl' get node node-1 | grep -q ' Ready'"
}

services() {
  cat >kube-proxy.yaml <<K
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: $pods
hostnameOverride: node-1
healthzBindAddress: 127.0.0.1:$proxy_health
metricsBindAddress: 127.0.0.1:$proxy_metrics
clientConnection: { kubeconfig: $dir/kubeconfig }
conntrack: { maxPerCore: 0 }
K
  cat >Corefile <<K
.:53 {
  bind $node
  errors
  kubernetes cluster.local {
    kubeconfig $dir/kubeconfig
  }
}
K
  start kube-proxy "$bin/kube-proxy" --config=kube-proxy.yaml
  start coredns "$bin/coredns" -conf Corefile
  await "addresses of Services" nft list map ip kube-proxy service-ips
}

images >&2
network
control_plane
node
services
echo "export KUBECONFIG=$KUBECONFIG PATH=$bin:\$PATH SLUICE_KUBE_HOST=${pods%.0/24}.1"
