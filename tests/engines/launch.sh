#!/bin/sh
# First process of an engine's own namespaces (mount, network, processes): makes its root the root, and runs the engine.
# launch.sh ROOT DATA ENGINE OPTION ...      DATA is seen inside as /data; the engine's socket is there.
# It ends with the engine, and all that is left of it then; where DATA/again is there, it runs the engine again instead.
set -eu
root=$1 data=$2
shift 2
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mkdir -p data
mount --bind "$data" data
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
# crun refuses control groups of both versions side by side; nobody here needs the second where the first is.
if mountpoint -q sys/fs/cgroup/unified; then umount sys/fs/cgroup/unified; fi
mount --rbind /dev dev
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
# Not chroot: `docker exec` would leave it again, and find itself in the machine's own file system.
pivot_root . .
umount -l .
cd /
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
unset DOCKER_HOST
trap 'kill -TERM "$engine"' TERM
while true; do
    "$@" &
    engine=$! code=0
    while kill -0 "$engine" 2>/dev/null; do wait "$engine" || code=$?; done # the trap ends `wait` before the engine does
    rm /data/again 2>/dev/null || exit "$code"
done
