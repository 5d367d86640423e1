#!/usr/bin/env bash
# down.sh: ends what up.sh started in $KUBE_DIR, every pod with it, and undoes mounts, network and cgroups.
set -uo pipefail
dir=$(cd "${KUBE_DIR:?the folder that up.sh was given}" && pwd) || exit 0
cd "$dir"
[ -e pids ] || exit 0
containers() { ctr -a containerd.sock -n k8s.io "$@" 2>/dev/null; }
stop() { # stop NAME: waits for it; the API server lingers for open watches
  local pid
  pid=$(awk -v name="$1" '$2 == name { print $1 }' pids)
  [ -n "$pid" ] && kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do
    [ -d "/proc/$pid" ] || return 0
    sleep 0.1
  done
  kill -9 "$pid"
}

stop coredns
stop kube-proxy
stop kubelet
for task in $(containers tasks ls -q); do containers tasks kill -s 9 "$task"; done
sleep 0.5
for task in $(containers tasks ls -q); do containers tasks rm -f "$task" >/dev/null; done
for container in $(containers containers ls -q); do containers containers rm "$container"; done
stop containerd
awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n1 umount
ip netns list | awk '/^cni-/ { print $1 }' | xargs -r -n1 ip netns del
ip link del cni-sluice0 2>/dev/null
for direction in -i -o; do iptables -D FORWARD $direction cni-sluice0 -j ACCEPT 2>/dev/null; done
for family in ip ip6; do nft delete table $family kube-proxy 2>/dev/null; done
ip route del "${KUBE_SERVICES:-10.98.0.0/24}" dev lo 2>/dev/null
ip addr del 10.99.255.1/32 dev lo 2>/dev/null
for cgroup in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
  [ -d "$cgroup" ] && find "$cgroup" -depth -type d -exec rmdir {} \;
done
for name in kube-scheduler kube-controller-manager kube-apiserver etcd; do stop "$name"; done
rm -rf "$dir"
