# Sourced by the other scripts: where things are, and how to reach a machine.
LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LAB/../../.." && pwd)
CACHE=${KDR_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kdr/kubernetes}   # what `build` makes; survives `down`
STATE=$CACHE/state                             # what `up` makes; `down` removes it
NODES=${KDR_LAB_NODES:-3}                      # node1 .. nodeN
PORT=${KDR_LAB_PORT:-6443}                     # the API server, on 127.0.0.1
LAN=10.98.0                                    # .10 control-plane, .11 node1, .12 node2 ...
PODS=10.244                                    # 10.244.N.0/24 on nodeN
SERVICES=10.96.0
CGROUP=kdr-lab
KUBE_VERSION=v1.34.4
# Paths that components have built in; each machine mounts its own there.
FIXED='/var/lib/kubelet /var/lib/cni /tmp/hostpath_pv'
export PATH=$CACHE/bin:$PATH

say() { echo "kdr-lab: $*" >&2; }

# Not every machine can be several: says why this one cannot.
fit() {
  [ "$(id -u)" = 0 ] || { say 'the Kubernetes lab needs root: it makes network, mount and process name spaces'; return 1; }
  command -v apt-get >/dev/null || { say 'the Kubernetes lab is made from Debian packages, and there is no apt-get here'; return 1; }
  [ -d /sys/fs/cgroup/memory ] || { say 'the Kubernetes lab needs cgroup v1, and this machine has cgroup v2 only: point KUBECONFIG at kind or minikube instead'; return 1; }
}

# A machine is one `unshare` process with its own network, mounts, process ids
# and host name. pid_of MACHINE prints its pid, or fails if it is not running.
pid_of() {
  local pid
  pid=$(cat "$STATE/$1/pid" 2>/dev/null) || return 1
  grep -qzxF "$STATE" "/proc/$pid/cmdline" 2>/dev/null || return 1
  echo "$pid"
}

# on MACHINE COMMAND...: run a command inside a machine.
on() {
  local pid
  pid=$(pid_of "$1") || { say "$1 is not running"; return 1; }
  shift
  nsenter -t "$pid" --net --mount --uts --pid="/proc/$pid/ns/pid_for_children" --wd=/ -- "$@"
}

# until_ok SECONDS WHAT COMMAND...: repeat a command until it succeeds.
until_ok() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= end)); then say "gave up waiting for $what"; return 1; fi
    sleep 0.2
  done
}
