"""The processes of the virtual machine: controllers, bluetoothd, simulated meters."""

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

BLUETOOTHD = "/usr/libexec/bluetooth/bluetoothd"
CONFIGURATION = "/opt/wattwatch/main.conf"
PATIENCE_SECONDS = 30.0


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something; AssertionError if it does not come."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < ends_at, f"waited in vain for {what}"
        time.sleep(0.02)


def run(*command: str) -> str:
    """What a command printed; it must have succeeded."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
    return done.stdout


def python(*arguments: str) -> tuple[str, ...]:
    """The command for a module of this package, or of wattwatch."""
    return (sys.executable, "-m", *arguments)


@contextlib.contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


@contextlib.contextmanager
def helper(*arguments: str) -> Iterator["Helper"]:
    """A module of this package as a process, once it has said that it is ready."""
    command = python(f"support.bluez_guest.{arguments[0]}", *arguments[1:])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n", f"{arguments} did not start"
            yield Helper(running)
        finally:
            running.kill()


class Helper:
    """A helper process that runs."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running

    def drop(self) -> None:
        """Have a simulated meter end its connection."""
        self._running.send_signal(signal.SIGUSR1)


@contextlib.contextmanager
def controllers(*options: str) -> Iterator[None]:
    """Two virtual controllers that hear each other, hci0 and hci1."""
    with process("btvirt", *options, "-l2"):
        until(lambda: len(list(Path("/sys/class/bluetooth").glob("hci?"))) == 2, "two controllers")
        yield
    until(lambda: not list(Path("/sys/class/bluetooth").glob("hci?")), "controllers to go")


def get(path: str, interface: str, name: str) -> str:
    """A property of bluetoothd's, as busctl prints it; empty if it is not there."""
    done = subprocess.run(
        ["busctl", "get-property", "org.bluez", path, f"org.bluez.{interface}", name],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout.strip()


def switch(adapter: str, name: str, *, on: bool) -> None:
    """Set a property of an adapter, and see it set."""
    path, value = f"/org/bluez/{adapter}", str(on).lower()
    run("busctl", "set-property", "org.bluez", path, "org.bluez.Adapter1", name, "b", value)
    until(lambda: get(path, "Adapter1", name) == f"b {value}", f"{adapter} {name} {value}")


@contextlib.contextmanager
def bluetoothd(*, simple_pairing: bool = True) -> Iterator[None]:
    """A bluetoothd whose adapters are on; --compat for sdptool, which publishes the meter's serial port.

    Without simple pairing both adapters are as the meters are, which pair by PIN and demand it from nobody.
    """
    with process(BLUETOOTHD, "--nodetach", "--compat", f"--configfile={CONFIGURATION}") as running:
        for adapter in ("hci0", "hci1"):
            path = f"/org/bluez/{adapter}"
            until(lambda path=path: get(path, "Adapter1", "Powered") == "b true", f"{adapter} to be on")  # type: ignore[misc]
            if not simple_pairing:
                run("btmgmt", "--index", adapter, "ssp", "off")
        yield
        running.terminate()
        running.wait()


def forget_all() -> None:
    """Forget every device, while no bluetoothd runs."""
    for adapter in Path("/var/lib/bluetooth").iterdir():
        shutil.rmtree(adapter)


def publish_serial_port(channel: int) -> None:
    """Have hci1's service records say that there is a serial port."""
    run("sdptool", "add", f"--channel={channel}", "SP")


def open_files() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))
