#!/bin/sh
# Starts a guest kernel in the caller's own mount and PID namespaces, so that nothing of it can outlive them.
#   launch.sh TREE KERNEL ARGUMENTS...
# The kernel comes with its own C library, which is newer than the host's may be: so it runs with TREE as its root,
# and sees the host's files, read-only, under /mnt there.
set -eu
tree=$1
shift
mount --rbind / "$tree/mnt"
while read -r _ _ _ _ point _; do
  case $point in "$tree/mnt" | "$tree/mnt/"*) mount -o remount,bind,ro "$point" ;; esac
done </proc/self/mountinfo
mount -t proc proc "$tree/proc"
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
# Not by exec: as the first process of its PID namespace it could not end itself when it panics.
chroot "$tree" "$@" && exit 0 || exit $?
