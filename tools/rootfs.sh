#!/bin/sh
# Prints the directory of a Debian root tree with systemd and BlueZ, made at its first use (about 40 s).
# Tests boot it in systemd-nspawn and pack it for QEMU; nobody writes to it: it is shared by all of them.
# Mirror and keyring are those of this machine's own apt. Exit 69: it cannot be made here, stderr says why.
set -eu

suite=bookworm
packages="systemd,systemd-sysv,dbus,procps,kmod,make,python3,python3-venv,bluez,bluez-test-tools"

cannot() {
    echo "no Debian root tree: $*" >&2
    exit 69
}

apt_uri() { # the repository that apt here uses for the suite
    apt-get indextargets --format '$(REPO_URI)' \
        "Created-By: Packages" "Codename: $suite" "Component: main" 2>/dev/null | head -n 1
}

cache="$(cd "$(dirname "$0")/.." && pwd)/.cache"
key=$(printf '%s %s' "$suite" "$packages" | sha256sum | cut -c 1-12)
tree="$cache/rootfs-$key"
[ -d "$tree" ] && { echo "$tree"; exit 0; }

[ "$(id -u)" = 0 ] || cannot "debootstrap needs root (sudo sh tools/rootfs.sh makes it once for all users)"
command -v debootstrap >/dev/null || cannot "debootstrap is missing (sudo sh tools/debian-packages.sh)"
command -v apt-get >/dev/null || cannot "the mirror is read out of apt's configuration, and there is no apt here"
uri=$(apt_uri)
[ -n "$uri" ] || cannot "apt here has no repository with $suite main"

mkdir -p "$cache"
exec 9>"$cache/rootfs.lock"
flock 9 # a second caller waits, then finds the tree
[ -d "$tree" ] && { echo "$tree"; exit 0; }

made=$(mktemp -d "$cache/making-rootfs.XXXXXX")
trap 'rm -rf --one-file-system "$made"' EXIT
trap 'exit 130' INT TERM
echo "making $tree" >&2
proxy=$(apt-config shell p Acquire::http::Proxy | sed "s/^p='\(.*\)'$/\1/")
[ -z "$proxy" ] || export http_proxy="$proxy"
debootstrap --variant=minbase --include="$packages" \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$made/root" "$uri" \
    >"$made/log" 2>&1 9>&- || cannot "debootstrap: $(grep -E '^[EW]:' "$made/log" | tail -n 1)"
rm -rf "$made"/root/var/cache/apt/* "$made"/root/var/lib/apt/lists/* \
    "$made"/root/usr/share/doc/* "$made"/root/usr/share/man/* "$made"/root/usr/share/locale/*
mv "$made/root" "$tree" # complete or not there
echo "$tree"
