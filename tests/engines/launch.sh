#!/bin/sh
# First process of an engine's own namespaces (mount, network, processes): makes its root the root, and becomes the engine.
# launch.sh ROOT DATA ENGINE OPTION ...      DATA is seen inside as /data; the engine's socket is there.
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
exec "$@"
