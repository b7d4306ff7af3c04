#!/bin/sh
# Makes the virtual environment VENV with PYTHON and installs wattwatch and its development tools.
set -eu
python=$1 venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "wattwatch needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Pass PYTHON=python3.12 to make." >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    else
        echo "the venv module is missing: sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi
echo "setting up $venv (once, about half a minute)"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
