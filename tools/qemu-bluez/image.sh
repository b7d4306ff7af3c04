#!/bin/sh
# Prints the directory of what a virtual machine with a real BlueZ boots: vmlinuz and base.cpio, an
# initramfs of the Debian root tree, the kernel's Bluetooth modules and what wattwatch depends on.
# wattwatch itself comes in a second archive, made anew for each run. Exit 69: cannot be made, stderr says why.
set -eu
export LC_ALL=C # one order of files everywhere

cannot() {
    echo "no virtual machine: $*" >&2
    exit 69
}

here="$(cd "$(dirname "$0")" && pwd)"
repository="$here/../.."
cache="$(cd "$repository" && pwd)/.cache"
python="$repository/.venv/bin/python"
for command in qemu-system-x86_64 cpio; do
    command -v "$command" >/dev/null || cannot "$command is missing (sudo sh tools/debian-packages.sh)"
done
[ -x "$python" ] || cannot "no .venv (make setup)"
tree=$(sh "$repository/tools/rootfs.sh")
kernel=$(sh "$repository/tools/kernel.sh")

# The guest's Python is Debian's, whatever runs here.
wanted=$("$python" -c '
import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
extras = project["optional-dependencies"]
print(*project["dependencies"], *extras["serial"], *extras["bluetooth"], sep="\n")
' "$repository/pyproject.toml")
key=$({ echo "$tree $kernel $wanted"; cat "$repository/constraints.txt" "$0"; } | sha256sum | cut -c 1-12)
image="$cache/qemu-bluez-$key"
[ -d "$image" ] && { echo "$image"; exit 0; }

exec 9>"$cache/qemu-bluez.lock"
flock 9
[ -d "$image" ] && { echo "$image"; exit 0; }

made=$(mktemp -d "$cache/making-qemu-bluez.XXXXXX")
trap 'rm -rf "$made"' EXIT
trap 'exit 130' INT TERM
echo "making $image" >&2
mkdir -p "$made/image" "$made/more/opt/wattwatch" "$made/more/usr/lib"
echo "$wanted" >"$made/wanted.txt"
"$python" -m pip install --quiet --disable-pip-version-check --target "$made/more/opt/wattwatch/lib" \
    --python-version 3.11 --only-binary=:all: --no-compile \
    --constraint "$repository/constraints.txt" --requirement "$made/wanted.txt" 2>"$made/log" \
    || cannot "pip: $(tail -n 1 "$made/log")"
cp -R "$kernel/lib/modules" "$made/more/usr/lib/" # /lib is a link to it in the tree, and must stay one

# What the guest never reads.
unread='./usr/share/(i18n|perl|perl5|zoneinfo|bash-completion|systemd|mime|pixmaps)|./usr/lib/(udev/hwdb|x86_64-linux-gnu/(perl|gconv))|./var/(cache|lib/(apt|dpkg))|./usr/lib/python3.*/(ensurepip|test|idlelib)'
(cd "$tree" && find . -regextype posix-extended -regex "($unread).*" -prune -o -print0 \
    | sort -z | cpio --quiet --null --create --format=newc) >"$made/image/base.cpio"
(cd "$made/more" && find . -print0 | sort -z | cpio --quiet --null --create --format=newc) \
    >>"$made/image/base.cpio"
cp "$kernel/vmlinuz" "$made/image/vmlinuz"
chmod 755 "$made/image"
find "$cache" -maxdepth 1 -name "qemu-bluez-*" -exec rm -rf {} + # of other versions, 150 MB each
mv "$made/image" "$image"
echo "$image"
