"""The parts of the Low Energy link that need no radio: forms of a command, the inbox, bleak's errors."""

import threading
import time

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
)
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from wattwatch.sources.um.ble_errors import BLE_ERRORS, explain_ble
from wattwatch.sources.um.ble_forms import Form
from wattwatch.sources.um.ble_inbox import Inbox

METER = "00:15:A6:01:AA:DD"
FREEDESKTOP = "org.freedesktop.DBus.Error."


def test_a_poll_is_wrapped_as_published() -> None:
    assert Form.WRAPPED.written(b"\xf0") == bytes.fromhex("ff551103f00000000040")
    assert Form.RAW.written(b"\xf0") == b"\xf0"
    assert {form.other for form in Form} == set(Form)


@given(st.binary(max_size=5))
def test_every_command_byte_is_wrapped_by_itself_with_its_sum(request: bytes) -> None:
    written = Form.WRAPPED.written(request)
    assert len(written) == 10 * len(request)
    for number, command in enumerate(request):
        frame = written[10 * number : 10 * number + 10]
        assert frame[4] == command
        assert frame[9] == (sum(frame[2:9]) % 256) ^ 0x44


@given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(1, 200))
def test_the_inbox_keeps_order_and_loses_nothing(pieces: list[bytes], count: int) -> None:
    clock = FakeClock()
    inbox = Inbox(clock)
    for piece in pieces:
        inbox.put(piece)
        clock.advance(1.0)
    everything = b"".join(pieces)
    assert inbox.wait(count, time.monotonic()) == (len(everything) >= count)
    data, first_at = inbox.take(count)
    rest, _ = inbox.take(len(everything))
    assert data + rest == everything
    assert (first_at.boot_seconds if first_at else None) == (1000.0 if pieces else None)


def test_dropping_makes_the_next_byte_the_first() -> None:
    clock = FakeClock()
    inbox = Inbox(clock)
    inbox.put(b"stale")
    clock.advance(5.0)
    inbox.drop()
    assert inbox.take(10) == (b"", None)
    inbox.put(b"new")
    assert inbox.take(10) == (b"new", clock.now())


@pytest.mark.parametrize("call", ["put", "end"])
def test_a_waiter_is_woken_by_bytes_and_by_the_end(call: str) -> None:
    inbox = Inbox(FakeClock())
    results: list[bool] = []
    waiter = threading.Thread(target=lambda: results.append(inbox.wait(1, time.monotonic() + 60)))
    waiter.start()
    if call == "put":
        inbox.put(b"x")
    else:
        inbox.end()
    waiter.join(30)
    assert results == [call == "put"]
    assert inbox.ended == (call == "end")


def not_available(reason: BleakBluetoothNotAvailableReason) -> BleakError:
    return BleakBluetoothNotAvailableError("no", reason)


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (not_available(BleakBluetoothNotAvailableReason.POWERED_OFF), "absent", "bluetoothctl power on"),
        (not_available(BleakBluetoothNotAvailableReason.NO_BLUETOOTH), "absent", "wattwatch meters shows"),
        (not_available(BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE), "absent", "no Low Energy"),
        (not_available(BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM), "permission", "refuses this user"),
        (BleakDeviceNotFoundError(METER, "gone"), "absent", "does not answer"),
        (TimeoutError(), "absent", "does not answer"),
        (BleakDBusError(f"{FREEDESKTOP}ServiceUnknown", ["x"]), "absent", "bluetoothd is not running"),
        (BleakDBusError(f"{FREEDESKTOP}AccessDenied", ["x"]), "permission", "usermod -aG bluetooth"),
        (BleakDBusError(f"{FREEDESKTOP}UnknownObject", ["x"]), "absent", "does not answer"),
        (BleakDBusError("org.bluez.Error.Failed", ["br-connection-page-timeout"]), "absent", "not answer"),
        (BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"]), "absent", "not answer"),
        (
            BleakDBusError("org.bluez.Error.NotAvailable", ["profile-unavailable"]),
            "io",
            "no Bluetooth Low Energy",
        ),
        (BleakDBusError("org.bluez.Error.NotReady", ["x"]), "absent", "bluetoothctl power on"),
        (BleakDBusError("org.bluez.Error.AuthenticationFailed", []), "permission", "meters pair"),
        (FileNotFoundError(2, "No such file"), "absent", "there is no system D-Bus"),
        (EOFError(), "io", "was lost"),
        (BleakError("strange"), "io", "strange"),
        (AssertionError(), "io", "AssertionError"),
    ],
)
def test_each_error_of_bleak_is_a_line_with_what_to_do(error: Exception, reason: str, words: str) -> None:
    assert isinstance(error, BLE_ERRORS)
    explained = explain_ble(f"{METER} by ble", METER, "", error)
    assert explained.reason == reason
    assert words in str(explained)
    assert str(explained).startswith(f"{METER} by ble: ")
    assert "\n" not in str(explained)
