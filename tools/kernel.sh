#!/bin/sh
# Prints the directory with Debian's kernel for a virtual machine: vmlinuz and the Bluetooth modules.
# 6.1 dies (list corruption in krfcommd) when a meter is not there; Raspberry Pi OS has 6.12, too.
# The package is downloaded by apt and unpacked here; nothing is installed, no bootloader is touched.
# Exit 69: it cannot be had here, stderr says why.
set -eu

metapackages="linux-image-6.12-amd64 linux-image-amd64" # the first that apt here knows
modules="bluetooth rfcomm hidp hci_vhci uhid cmac ecb ctr hmac sha512_generic drbg jitterentropy_rng ecdh_generic algif_hash algif_skcipher"

cannot() {
    echo "no kernel for a virtual machine: $*" >&2
    exit 69
}

for command in apt-get dpkg-deb depmod; do
    command -v "$command" >/dev/null || cannot "$command is missing (Debian only: sudo sh tools/debian-packages.sh)"
done
# shellcheck disable=SC2086 # several names
package=$(apt-cache depends $metapackages 2>/dev/null | awk '/Depends: linux-image/ { print $2; exit }')
[ -n "$package" ] || cannot "apt here knows none of $metapackages (sudo apt-get update?)"
release=${package#linux-image-}

cache="$(cd "$(dirname "$0")/.." && pwd)/.cache"
kernel="$cache/kernel-$release-$(echo "$modules" | sha256sum | cut -c 1-6)"
[ -d "$kernel" ] && { echo "$kernel"; exit 0; }

mkdir -p "$cache"
exec 9>"$cache/kernel.lock"
flock 9
[ -d "$kernel" ] && { echo "$kernel"; exit 0; }

made=$(mktemp -d "$cache/making-kernel.XXXXXX")
trap 'rm -rf "$made"' EXIT
trap 'exit 130' INT TERM
echo "making $kernel" >&2
(cd "$made" && apt-get download -qq "$package" 2>log) || cannot "$(tail -n 1 "$made/log")"
dpkg-deb --extract "$made"/*.deb "$made/unpacked"

# Only what Bluetooth needs: every module more is unpacked at each boot of a slow machine.
from="$made/unpacked/lib/modules/$release"
to="$made/kernel/lib/modules/$release"
mkdir -p "$to"
cp "$made/unpacked/boot/vmlinuz-$release" "$made/kernel/vmlinuz"
cp "$from/modules.builtin" "$from/modules.builtin.modinfo" "$from/modules.order" "$to"
depmod --basedir "$made/unpacked" "$release"
for module in $modules; do
    modprobe --dirname "$made/unpacked" --set-version "$release" --show-depends "$module"
done | awk '$1 == "insmod" { print $2 }' | sort -u | while read -r file; do
    install -D -m 644 "$file" "$to/${file#"$from"/}"
done
depmod --basedir "$made/kernel" "$release"
chmod 755 "$made/kernel"
mv "$made/kernel" "$kernel"
echo "$kernel"
