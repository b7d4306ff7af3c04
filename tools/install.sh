#!/bin/sh
# Installs wattwatch as a service, or uninstalls it: sh tools/install.sh install|uninstall, as root.
# Installing again upgrades. PREFIX is where its virtual environment is, PYTHON what makes it, EXTRAS what
# is installed beside the core; pip's own PIP_* variables hold (PIP_NO_INDEX and PIP_FIND_LINKS: offline).
# PURGE=1 uninstalls configuration, measurements and user as well.
set -eu
umask 022

PREFIX=${PREFIX:-/opt/wattwatch}
PYTHON=${PYTHON:-python3}
EXTRAS=${EXTRAS:-serial,bluetooth,web}
config=/etc/wattwatch
state=/var/lib/wattwatch
link=/usr/local/bin/wattwatch
units=/etc/systemd/system
device_groups="bluetooth dialout video i2c"

here=$(cd "$(dirname "$0")/.." && pwd)

fail() {
    echo "wattwatch: $*" >&2
    exit 1
}

booted_with_systemd() { [ -d /run/systemd/system ]; }

systemd_is_at_least() {
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge "$1" ]
}

check_python() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "needs Python 3.11 or newer; $PYTHON is $("$PYTHON" -V 2>&1). Pass PYTHON=python3.12."
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null && return
    command -v apt-get >/dev/null || fail "Python's venv module is missing: install it"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
}

install_program() {
    [ -e "$PREFIX" ] && [ ! -e "$PREFIX/pyvenv.cfg" ] && fail "$PREFIX is not ours: pass another PREFIX"
    [ -e "$link" ] && [ ! -L "$link" ] && fail "$link is not ours: move it away"
    echo "installing wattwatch into $PREFIX"
    "$PYTHON" -m venv "$PREFIX"
    "$PREFIX/bin/python" -m pip install --quiet --disable-pip-version-check \
        -c "$here/constraints.txt" "$here[$EXTRAS]"
    mkdir -p "$(dirname "$link")"
    ln -sfn "$PREFIX/bin/wattwatch" "$link"
}

put() { # SOURCE TARGET
    install -D -m 0644 "$here/systemd/$1" "$2"
}

install_units() {
    put wattwatch.service "$units/wattwatch.service"
    put wattwatch-rfcomm@.service "$units/wattwatch-rfcomm@.service"
    if systemd_is_at_least 254; then
        put wattwatch.service.d/backoff.conf "$units/wattwatch.service.d/backoff.conf"
    fi
    put wattwatch.sysusers /usr/lib/sysusers.d/wattwatch.conf
    put wattwatch.tmpfiles /usr/lib/tmpfiles.d/wattwatch.conf
    put wattwatch.rules /etc/udev/rules.d/60-wattwatch.rules
}

make_user() {
    systemd-sysusers /usr/lib/sysusers.d/wattwatch.conf
    for group in $device_groups; do # sysusers would make those that are missing
        getent group "$group" >/dev/null && usermod -aG "$group" wattwatch
    done
    return 0
}

make_config() {
    if [ ! -e "$config/wattwatch.toml" ]; then
        install -D -m 0644 "$here/exporters/node/wattwatch.toml" "$config/wattwatch.toml"
    fi
    "$link" check-config "$config/wattwatch.toml" >/dev/null
}

start() {
    if ! booted_with_systemd; then
        systemctl enable --quiet wattwatch
        echo "systemd does not run here: wattwatch will start at the next boot that has it"
        return
    fi
    # Where there are no such counters, or /sys cannot be changed, there is nothing to be done.
    systemd-tmpfiles --create /usr/lib/tmpfiles.d/wattwatch.conf 2>/dev/null || true
    udevadm control --reload 2>/dev/null || true
    systemctl daemon-reload
    systemctl enable --quiet wattwatch
    systemctl restart wattwatch # what was counted goes on
}

say_what_is_next() {
    cat <<END

wattwatch is installed. Next:
  sudo usermod -aG wattwatch \$USER         # to ask the daemon and tag runs; then log in anew
  wattwatch meters                         # which meter is there? pair it: wattwatch meters pair ADDRESS
  sudoedit $config/wattwatch.toml     # name it; the daemon reads the file again by itself
  wattwatch sources                        # what is measured, what is not, and why
  systemctl status wattwatch
END
}

install_all() {
    command -v systemctl >/dev/null || fail "there is no systemd here: see README.md for running it by hand"
    check_python
    install_program
    install_units
    make_user
    make_config
    start
    say_what_is_next
}

uninstall_all() {
    if booted_with_systemd; then
        systemctl disable --now --quiet wattwatch 2>/dev/null || true
        systemctl list-units --all --plain --no-legend 'wattwatch-rfcomm@*' | while read -r unit _; do
            systemctl disable --now --quiet "$unit"
        done
    elif command -v systemctl >/dev/null; then
        systemctl disable --quiet wattwatch 2>/dev/null || true
    fi
    rm -rf "$units/wattwatch.service.d" /run/wattwatch
    rm -f "$units/wattwatch.service" "$units/wattwatch-rfcomm@.service" /etc/udev/rules.d/60-wattwatch.rules \
        /usr/lib/sysusers.d/wattwatch.conf /usr/lib/tmpfiles.d/wattwatch.conf
    if booted_with_systemd; then
        systemctl daemon-reload
    fi
    case $(readlink "$link" || true) in "$PREFIX"/*) rm -f "$link" ;; esac
    if [ -e "$PREFIX/pyvenv.cfg" ]; then
        rm -rf "$PREFIX"
    fi
    if [ "${PURGE:-}" = 1 ]; then
        rm -rf "$config" "$state"
        if getent passwd wattwatch >/dev/null; then userdel wattwatch 2>/dev/null; fi
        if getent group wattwatch >/dev/null; then groupdel wattwatch; fi
        echo "wattwatch is uninstalled, with its configuration, measurements and user"
    else
        echo "wattwatch is uninstalled. Kept: $config, $state, user wattwatch (PURGE=1 removes them too)"
    fi
}

[ "$(id -u)" = 0 ] || fail "needs root: sudo make ${1:-install}"
case ${1:-} in
    install) install_all ;;
    uninstall) uninstall_all ;;
    *) fail "usage: sh tools/install.sh install|uninstall" ;;
esac
