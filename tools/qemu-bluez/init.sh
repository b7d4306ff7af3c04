#!/bin/sh
# The first process of the virtual machine: kernel file systems, modules, the system bus, then the checks.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export PYTHONPATH=/opt/wattwatch/src:/opt/wattwatch/tests:/opt/wattwatch/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/dbus /var/lib/bluetooth
# What bluetooth asks for by itself later, it asks for in vain where no udev is: ciphers, drbg.
modprobe -a bluetooth rfcomm hci_vhci uhid cmac ecb ctr hmac drbg ecdh_generic algif_hash algif_skcipher
[ -e /dev/vhci ] || mknod /dev/vhci c 10 137
dbus-daemon --system --fork
python3 -m support.bluez_guest.main /dev/ttyS1
echo o >/proc/sysrq-trigger # power off
sleep 10
