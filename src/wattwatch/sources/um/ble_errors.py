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
from wattwatch.sources.um.bluez_errors import RefusedError, explain_bus, explain_refusal
from wattwatch.sources.um.link_errors import adapter_off, away, no_adapter

BLE_ERRORS: Final = (BleakError, DBusFastError, OSError, EOFError, TimeoutError, AssertionError, KeyError)
"""What bleak and dbus-fast raise when a peripheral, bluetoothd or the bus goes away under them.

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
        case BleakDBusError():
            refused = RefusedError(error.dbus_error, error.dbus_error_details or "")
            if "UnknownObject" in refused.name or "le-connection" in refused.text:
                return away(place)
            return explain_refusal(place, address, adapter or "hci0", refused)
        case OSError() | EOFError() | DBusFastError():
            return explain_bus(place, error)
    detail = " ".join(str(error).split()) or type(error).__name__
    return SourceUnavailable(f"{place}: Bluetooth failed ({detail}): switch the meter off and on", "io")


def _not_available(place: str, adapter: str, error: BleakBluetoothNotAvailableError) -> SourceUnavailable:
    match error.reason:
        case BleakBluetoothNotAvailableReason.POWERED_OFF:
            return adapter_off(place, adapter or "hci0")
        case BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE:
            return SourceUnavailable(
                f"{place}: this Bluetooth adapter has no Low Energy: use another, or transport rfcomm",
                "absent",
            )
        case BleakBluetoothNotAvailableReason.NO_BLUETOOTH:
            return no_adapter(place, adapter)
    return explain_bus(place, PermissionError(str(error)))
