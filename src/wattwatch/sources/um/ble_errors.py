"""bleak's errors in our words; imported by `ble` alone."""

from typing import Final

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
)
from dbus_fast.errors import DBusFastError

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.bluez_errors import BluezError, answer_error, bus_error, explain_connect
from wattwatch.sources.um.link_errors import adapter_off, away, no_adapter

BLE_ERRORS: Final = (
    BluezError, BleakError, DBusFastError, OSError, EOFError, TimeoutError, AssertionError, KeyError,
)  # fmt: skip
"""What bleak, dbus-fast and our own questions raise when a meter, bluetoothd or the bus goes away.

AssertionError and KeyError are among it: bleak asserts that replies came, and looks up adapters that have
just gone.
"""


def explain_ble(place: str, address: str, adapter: str, error: Exception) -> SourceUnavailable:
    """The error to raise when connecting or writing failed."""
    match error:
        case BleakBluetoothNotAvailableError():
            return _not_available(place, adapter, error)
        case BleakDeviceNotFoundError() | TimeoutError():
            return away(place)
    if (failed := _as_bluez_error(error)) is not None:
        return _explain_bluez(place, address, adapter, failed)
    detail = " ".join(str(error).split()) or type(error).__name__
    return SourceUnavailable(f"{place}: Bluetooth failed ({detail}): switch the meter off and on", "io")


def _explain_bluez(place: str, address: str, adapter: str, error: BluezError) -> SourceUnavailable:
    if error.has(("UnknownObject", "le-connection")):
        return away(place)
    if error.has(("NotAvailable", "profile-unavailable")):
        return SourceUnavailable(
            f"{place}: this device has no Bluetooth Low Energy: leave transport out, or set it to bluez", "io"
        )
    return explain_connect(place, address, adapter, error)


def _as_bluez_error(error: Exception) -> BluezError | None:
    """What D-Bus had to do with it; None if nothing."""
    match error:
        case BluezError():
            return error
        case BleakDBusError():
            return answer_error(error.dbus_error, error.dbus_error_details or "")
        case OSError() | EOFError() | DBusFastError():
            return bus_error(error)
    return None


def _not_available(place: str, adapter: str, error: BleakBluetoothNotAvailableError) -> SourceUnavailable:
    match error.reason:
        case BleakBluetoothNotAvailableReason.POWERED_OFF:
            return adapter_off(place, adapter)
        case BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE:
            return SourceUnavailable(
                f'{place}: this Bluetooth adapter has no Low Energy: set another (adapter = "hci1"), or '
                'transport = "rfcomm"',
                "absent",
            )
        case BleakBluetoothNotAvailableReason.NO_BLUETOOTH:
            return no_adapter(place, adapter)
    return explain_connect(place, "", adapter, bus_error(PermissionError(str(error))))
