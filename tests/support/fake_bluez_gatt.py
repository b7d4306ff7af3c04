"""The GATT objects of a meter that speaks Bluetooth Low Energy: service FFE0 with characteristic FFE1."""

from dbus_fast.message import Message
from dbus_fast.signature import Variant

from support.fake_bluez_bus import NOTHING, Answer, Interface, Method, ObjectTree
from support.fake_bluez_device import FFE0_UUID, FFE1_UUID, DeviceSettings, Gatt, MeterBehind

SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
BATTERY_UUID = "0000180f-0000-1000-8000-00805f9b34fb"
FFE2_UUID = FFE1_UUID.replace("ffe1", "ffe2")
_NOTIFICATION_BYTES = 20
_ONE = {"char000f": (FFE1_UUID, ["read", "write", "write-without-response", "notify"])}
_TWO = {"char000f": (FFE1_UUID, ["notify"]), "char0012": (FFE2_UUID, ["write"])}


class GattObjects:
    """There from Connect to Disconnect; every answer goes out in notifications of 20 bytes."""

    def __init__(self, tree: ObjectTree, settings: DeviceSettings, meter: MeterBehind) -> None:
        self._tree = tree
        self._meter = meter
        self._device = settings.path
        self._service = f"{settings.path}/service000e"
        self._service_uuid = BATTERY_UUID if settings.gatt == Gatt.ODD else FFE0_UUID
        self._layout = _TWO if settings.gatt == Gatt.SPLIT else _ONE
        self._characteristic = f"{self._service}/char000f"  # that notifies
        self._notifying = False
        self.write_types: list[str] = []

    def add(self) -> None:
        """Make them appear."""
        service = {
            "UUID": Variant("s", self._service_uuid),
            "Primary": Variant("b", True),
            "Device": Variant("o", self._device),
        }
        methods: dict[str, Method] = {
            "StartNotify": self._start_notify,
            "StopNotify": self._stop_notify,
            "WriteValue": self._write_value,
            "ReadValue": self._read_value,
        }
        self._tree.add(self._service, SERVICE, Interface(service))
        for name, (uuid, flags) in self._layout.items():
            characteristic = {
                "UUID": Variant("s", uuid),
                "Service": Variant("o", self._service),
                "Flags": Variant("as", flags),
                "Notifying": Variant("b", False),
                "MTU": Variant("q", 23),
                "Value": Variant("ay", b""),
            }
            self._tree.add(
                f"{self._service}/{name}", CHARACTERISTIC, Interface(characteristic, dict(methods))
            )

    def remove(self) -> None:
        """Make them vanish."""
        self._notifying = False
        for name in self._layout:
            self._tree.remove(f"{self._service}/{name}")
        self._tree.remove(self._service)

    async def _start_notify(self, call: Message) -> Answer:
        return self._set_notifying(call, on=True)

    async def _stop_notify(self, call: Message) -> Answer:
        return self._set_notifying(call, on=False)

    def _set_notifying(self, call: Message, *, on: bool) -> Answer:
        del call
        self._notifying = on
        self._tree.change(self._characteristic, CHARACTERISTIC, Notifying=Variant("b", on))
        return NOTHING

    async def _write_value(self, call: Message) -> Answer:
        self.write_types.append(str(call.body[1]["type"].value))
        data = self._meter.answer_gatt(bytes(call.body[0]))
        for start in range(0, len(data) if self._notifying else 0, _NOTIFICATION_BYTES):
            piece = data[start : start + _NOTIFICATION_BYTES]
            self._tree.change(self._characteristic, CHARACTERISTIC, Value=Variant("ay", piece))
        return NOTHING

    async def _read_value(self, call: Message) -> Answer:
        del call
        return Answer("ay", (b"",))
