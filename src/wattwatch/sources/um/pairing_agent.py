"""The agent that bluetoothd asks while it pairs (org.bluez.Agent1), for one device and one PIN."""

from typing import Final

from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method

AGENT_PATH: Final = "/org/wattwatch/agent"
CAPABILITY: Final = "KeyboardDisplay"  # so that bluetoothd may ask for a PIN, a passkey or a yes
_REJECTED: Final = "org.bluez.Error.Rejected"


class PairingAgent(ServiceInterface):
    """Answers for the one device; anything else that wants to pair meanwhile is rejected."""

    def __init__(self, device: str, pin: str) -> None:
        super().__init__("org.bluez.Agent1")
        self._device = device
        self._pin = pin

    @dbus_method("RequestPinCode")
    def request_pin_code(self, device: DBusObjectPath) -> DBusStr:
        """The PIN of the old kind of pairing, which these meters have."""
        self._check(device)
        return self._pin

    @dbus_method("RequestPasskey")
    def request_passkey(self, device: DBusObjectPath) -> DBusUInt32:
        """The PIN as the number that the newer kinds of pairing ask for."""
        self._check(device)
        if not self._pin.isdecimal():
            raise DBusError(_REJECTED, "the PIN is not a number")
        return int(self._pin)

    @dbus_method("RequestConfirmation")
    def request_confirmation(self, device: DBusObjectPath, passkey: DBusUInt32) -> None:
        """Yes: a meter has no way to show the number."""
        del passkey
        self._check(device)

    @dbus_method("RequestAuthorization")
    def request_authorization(self, device: DBusObjectPath) -> None:
        """Yes: the pairing was asked for here."""
        self._check(device)

    @dbus_method("AuthorizeService")
    def authorize_service(self, device: DBusObjectPath, uuid: DBusStr) -> None:
        """Yes: the meter's own services."""
        del uuid
        self._check(device)

    @dbus_method("DisplayPinCode")
    def display_pin_code(self, device: DBusObjectPath, pin_code: DBusStr) -> None:
        """Nothing to show: a meter has no keys to type it in."""
        del pin_code
        self._check(device)

    @dbus_method("DisplayPasskey")
    def display_passkey(self, device: DBusObjectPath, passkey: DBusUInt32, entered: DBusUInt16) -> None:
        """Nothing to show, as above."""
        del passkey, entered
        self._check(device)

    @dbus_method("Cancel")
    def cancel(self) -> None:
        """The pairing failed; the answer to Pair says so, too."""

    @dbus_method("Release")
    def release(self) -> None:
        """Nothing is to be done: we are forgotten."""

    def _check(self, device: str) -> None:
        if device != self._device:
            raise DBusError(_REJECTED, "another device is being paired")
