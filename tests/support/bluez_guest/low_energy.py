"""Bluetooth Low Energy: the service FFE0 with the characteristic FFE1, by bleak."""

from support.bluez_guest.checks import Report, drop, failure, frames, meter, reopen, until_read
from support.bluez_guest.machine import bluetoothd, controllers, forget_all, helper, open_files

REOPENINGS = 3


def check_low_energy(report: Report) -> None:
    """All checks, in an order in which each leaves what the next needs."""
    forget_all()  # a meter's two radios have two addresses; here the address was another radio's before
    with controllers("-L"), bluetoothd():
        report.check("ble: away", lambda: failure(meter("ble")))
        with helper("le_meter") as running:
            source = meter("ble")
            files_before = open_files()
            report.check("ble: connected", lambda: until_read(source))
            report.check("ble: frames", lambda: frames(source))
            report.check("ble: dropped by the meter", lambda: drop(source, running.drop))
            report.check("ble: closed and opened again", lambda: reopen(source, REOPENINGS))
            source.close()
            report.check("ble: descriptors", lambda: {"before": files_before, "after": open_files()})
            source = meter("auto")
            report.check("auto: Low Energy", lambda: {**until_read(source), **frames(source, 5)})
            source.close()
