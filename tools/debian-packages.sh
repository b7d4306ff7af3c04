#!/bin/sh
# Installs the real servers that the tests use: on Debian as root; elsewhere says what is missing.
set -eu

# command → package, one pair a line
needed="
prometheus          prometheus
promtool            prometheus
chromium            chromium
dbus-daemon         dbus-daemon
debootstrap         debootstrap
systemd-nspawn      systemd-container
qemu-system-x86_64  qemu-system-x86
cpio                cpio
depmod              kmod
"
# The kernel of the virtual machine is downloaded by tools/kernel.sh, never installed.

missing=""
while read -r command package; do
    [ -z "$command" ] || command -v "$command" >/dev/null && continue
    case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
done <<END
$needed
END
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian packages:$missing"
    # Installing must not start services on their default ports.
    policy=/usr/sbin/policy-rc.d
    made_policy=""
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made_policy=yes
    fi
    trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "not installed:$missing. Tests against these servers will be skipped;" \
         "to run them: sudo apt-get install$missing" >&2
fi
