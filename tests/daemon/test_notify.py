"""What systemd is told, by a real datagram socket."""

import os
import time
from pathlib import Path

import pytest

from support.notify_socket import NotifySocket
from wattwatch.daemon.notify import Notifier


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_every_message_arrives_in_order(kind: str, tmp_path: Path) -> None:
    address = str(tmp_path / "notify") if kind == "file" else f"@wattwatch-test-{os.getpid()}"
    with NotifySocket(address) as ear:
        notifier = Notifier.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
        notifier.status("starting")
        notifier.ready()
        notifier.alive()
        notifier.reloading()
        notifier.ready()
        notifier.stopping()
    reloading = ear.messages.pop(3)
    assert ear.messages == [
        {"STATUS": "starting"},
        {"READY": "1"},
        {"WATCHDOG": "1"},
        {"READY": "1"},
        {"STOPPING": "1"},
    ]
    assert reloading.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert abs(int(reloading["MONOTONIC_USEC"]) / 1e6 - time.monotonic()) < 60


def test_a_status_is_one_line_and_sent_only_when_it_changes(tmp_path: Path) -> None:
    with NotifySocket(str(tmp_path / "notify")) as ear:
        notifier = Notifier(ear.address)
        for line in ("one", "one", "two\nREADY=1", "x" * 5000, "one"):
            notifier.status(line)
    assert ear.values("STATUS") == ["one", "two READY=1", "x" * 200, "one"]
    assert not ear.values("READY")


def test_without_a_watchdog_nobody_is_told_that_we_live(tmp_path: Path) -> None:
    with NotifySocket(str(tmp_path / "notify")) as ear:
        Notifier(ear.address).alive()
    assert ear.messages == []


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "1500000"}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, 0.0),  # it is another process that is watched
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({"WATCHDOG_USEC": "-5"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdogs_time(environment: dict[str, str], seconds: float) -> None:
    assert Notifier.of({"NOTIFY_SOCKET": "/run/x", **environment}).watchdog_seconds == seconds


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative", "/nowhere/at/all"])
def test_nobody_to_tell_is_no_error(address: str) -> None:
    notifier = Notifier.of({"NOTIFY_SOCKET": address} if address else {})
    notifier.ready()
    notifier.status("fine")
    notifier.stopping()
