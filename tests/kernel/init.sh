#!/bin/sh
# The first process of the guest kernel: mounts what Linux programs expect, loads modules, runs one program, powers off.
# What begins with wirelab_ was said on the kernel's command line. The root is the host's, and read-only.
trap 'echo o >/proc/sysrq-trigger; sleep 10' EXIT
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/tmp
hostname guest
ip link set dev lo up
chroot "$wirelab_tree" /usr/sbin/modprobe -a \
  sch_netem sch_tbf sch_ingress cls_u32 cls_bpf act_mirred act_gact ifb veth bridge
cd "$wirelab_root" || exit
export HOME=/run/tmp TMPDIR=/run/tmp PYTHONPATH="$wirelab_root" PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
"$wirelab_python" -P -m tests.kernel.inside /dev/ttyS0
