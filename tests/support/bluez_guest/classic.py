"""Bluetooth as the meters speak it: serial ports by socket and by bluetoothd, with and without pairing."""

import contextlib
import json
import subprocess
from collections.abc import Iterator

from support.bluez_guest import METER, NOBODY
from support.bluez_guest.checks import Facts, Report, drop, failure, frames, meter, reopen, until_read
from support.bluez_guest.machine import (
    Helper,
    bluetoothd,
    controllers,
    get,
    helper,
    open_files,
    publish_serial_port,
    python,
    run,
    switch,
)
from wattwatch.sources.base import UmTransport
from wattwatch.sources.um.bluez import close_bluez

DEVICE = f"/org/bluez/hci0/dev_{METER.replace(':', '_')}"
REOPENINGS = 10


@contextlib.contextmanager
def meter_on(channel: int) -> Iterator[Helper]:
    """A simulated meter that can be found and connected to, and says where its serial port is."""
    switch("hci1", "Discoverable", on=True)
    run("busctl", "set-property", "org.bluez", "/org/bluez/hci1", "org.bluez.Adapter1", "Alias", "s", "UM24C")
    publish_serial_port(channel)
    with helper("spp_meter", str(channel)) as running:
        yield running


def found_meters() -> Facts:
    """What `wattwatch meters` says."""
    report = json.loads(run(*python("wattwatch", "meters", "--seconds", "2", "--json")))
    return {"report": report, "known": get(DEVICE, "Device1", "Name")}


def paired() -> Facts:
    """What `wattwatch meters pair` does with a meter that bluetoothd has forgotten."""
    forget = ("org.bluez", "/org/bluez/hci0", "org.bluez.Adapter1", "RemoveDevice", "o", DEVICE)
    run("busctl", "call", *forget)
    run(*python("wattwatch", "meters", "pair", METER, "--adapter", "hci0"))
    return {name: get(DEVICE, "Device1", name) for name in ("Paired", "Bonded", "Trusted")}


def read_as_nobody(route: str) -> Facts:
    """What `wattwatch read` says to a user without rights."""
    user = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    command = (*user, *python("wattwatch", "read", METER, "--transport", route, "--json"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return {"exit": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def check_route(report: Report, route: UmTransport, running: Helper) -> None:
    """One way to the meter: frames, drop, return, closing and opening, and no descriptor lost."""
    source = meter(route)
    files_before = open_files()
    report.check(f"{route}: frames", lambda: frames(source))
    report.check(f"{route}: dropped by the meter", lambda: drop(source, running.drop))
    files_between = open_files()
    report.check(f"{route}: closed and opened again", lambda: reopen(source, REOPENINGS))
    report.check(
        f"{route}: descriptors",
        lambda: {"before": files_before, "between": files_between, "after": open_files()},
    )
    source.close()


def check_classic(report: Report) -> None:
    """All checks, in an order in which each leaves what the next needs."""
    with controllers("-B"):
        with bluetoothd(simple_pairing=False):
            check_unpaired(report)
        report.check("bluez: no bluetoothd", lambda: failure(meter("bluez")))
        with bluetoothd(), helper("meter_agent"), meter_on(channel=1):
            report.check("meters", found_meters)
            report.check("pair", paired)
            report.check("bluez: paired", lambda: read_and_close("bluez"))
            report.check("rfcomm: paired", lambda: read_and_close("rfcomm"))
        with bluetoothd(), helper("meter_agent"):
            check_restarted(report)


def check_unpaired(report: Report) -> None:
    """A meter that nobody has paired with, as one that demands no pairing."""
    with meter_on(channel=1) as running:
        check_route(report, "rfcomm", running)
        report.check("bluez: not known yet", lambda: failure(meter("bluez", NOBODY)))
        check_route(report, "bluez", running)
        check_rights(report)
    report.check("bluez: nobody listens", lambda: failure(meter("bluez")))
    report.check("rfcomm: nobody listens", lambda: failure(meter("rfcomm")))
    with meter_on(channel=2):
        report.check("rfcomm: channel 2", lambda: read_and_close("rfcomm"))


def check_rights(report: Report) -> None:
    """One client at a time, one registration at a time, and users without rights."""
    source = meter("bluez")
    source.read()
    report.check("rfcomm: held by another", lambda: failure(meter("rfcomm")))
    report.check("bluez: registered by another", lambda: read_as_nobody("bluez"))
    source.close()
    close_bluez()
    report.check("rfcomm: as nobody", lambda: read_as_nobody("rfcomm"))
    report.check("bluez: as nobody", lambda: read_as_nobody("bluez"))


def check_restarted(report: Report) -> None:
    """What bluetoothd answers after a restart, without a serial port, and when a meter is away."""
    report.check("bluez: no record", lambda: failure(meter("bluez")))
    with meter_on(channel=1):
        source = meter("bluez")
        report.check("bluez: after a restart", lambda: until_read(source))
        source.close()
    switch("hci1", "Powered", on=False)
    report.check("bluez: away", lambda: failure(meter("bluez")))
    report.check("rfcomm: away", lambda: failure(meter("rfcomm")))
    switch("hci0", "Powered", on=False)
    report.check("bluez: adapter off", lambda: failure(meter("bluez")))
    report.check("rfcomm: adapter off", lambda: failure(meter("rfcomm")))


def read_and_close(route: UmTransport) -> Facts:
    """Some frames, as soon as the meter lets us."""
    source = meter(route)
    try:
        return {**until_read(source), **frames(source, 10)}
    finally:
        source.close()
