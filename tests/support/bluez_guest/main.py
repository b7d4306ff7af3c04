"""`python3 -m support.bluez_guest.main PORT`: every check, reported to a serial port."""

import platform
import sys
from pathlib import Path

from support.bluez_guest.checks import Facts, Report
from support.bluez_guest.classic import check_classic
from support.bluez_guest.low_energy import check_low_energy
from support.bluez_guest.machine import BLUETOOTHD, run


def machine() -> Facts:
    """What this runs on."""
    return {
        "kernel": platform.release(),
        "python": platform.python_version(),
        "bluez": run(BLUETOOTHD, "--version").strip(),
    }


if __name__ == "__main__":
    report = Report(Path(sys.argv[1]))
    report.check("machine", machine)
    for name, checks in (("classic", check_classic), ("low energy", check_low_energy)):
        report.check(name, lambda checks=checks: checks(report) or {})  # type: ignore[misc]
