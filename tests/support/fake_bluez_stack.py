"""What bluetoothd does, as far as a reader of meters meets it: adapters, devices, profiles, agents.

Written from BlueZ's documentation and the behaviour of its src/profile.c and src/device.c; it serves the
D-Bus interfaces on a bus and has no radio.
"""

import asyncio
from dataclasses import dataclass, field

from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.errors import DBusError
from dbus_fast.message import Message
from dbus_fast.signature import Variant

from support.fake_bluez_bus import NOTHING, Answer, Interface, Method, ObjectTree
from support.fake_bluez_device import SPP_UUID, DeviceSettings, Faults, Gatt, MeterBehind, SppLink
from support.fake_bluez_gatt import GattObjects

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
ERROR = "org.bluez.Error."
_RSSI_SECONDS = 0.1


@dataclass(slots=True)
class Device:
    """A device: what it is, how it fares, and what is connected."""

    settings: DeviceSettings
    faults: Faults
    meter: MeterBehind
    paired: bool
    rssi: int = -60
    link: SppLink | None = None
    gatt: GattObjects | None = None
    connects: int = 0  # successful connections
    connecting: bool = False


@dataclass(slots=True)
class Records:
    """What tests want to know afterwards."""

    registrations: int = 0  # RegisterProfile calls that were granted
    connecting_now: dict[str, int] = field(default_factory=dict)  # by adapter
    most_connecting: dict[str, int] = field(default_factory=dict)


class Stack:
    """One bluetoothd on one connection to the bus; everything happens in one event loop."""

    def __init__(
        self, bus: MessageBus, adapters: dict[str, bool], devices: dict[str, Device], records: Records
    ) -> None:
        """`adapters` says which are powered; `devices` by path; both outlive this bluetoothd."""
        self.profiles: dict[str, tuple[str, str, dict[str, Variant]]] = {}  # uuid: owner, path, options
        self.agents: dict[str, str] = {}  # owner: path
        self.default_agent = ""
        self._bus = bus
        self._tree = ObjectTree(bus)
        self._adapters = adapters
        self._devices = devices
        self._records = records
        self._discovering: set[str] = set()

    async def start(self) -> None:
        """Offer everything and take the name."""
        managers: dict[str, dict[str, Method]] = {
            "org.bluez.ProfileManager1": {
                "RegisterProfile": self._register_profile,
                "UnregisterProfile": self._unregister_profile,
            },
            "org.bluez.AgentManager1": {
                "RegisterAgent": self._register_agent,
                "UnregisterAgent": self._unregister_agent,
                "RequestDefaultAgent": self._request_default_agent,
            },
        }
        for name, methods in managers.items():
            self._tree.add("/org/bluez", name, Interface(methods=methods))
        for number, name in enumerate(self._adapters):
            self._add_adapter(name, f"00:11:22:33:44:0{number}")
        for device in self._devices.values():
            if device.settings.known or device.paired:
                self.expose(device)
        await self._bus.request_name("org.bluez")

    async def release_profiles(self) -> None:
        """What a bluetoothd that is stopped in good order says to its profiles."""
        for owner, path, _ in list(self.profiles.values()):
            await self._tree.call(owner, path, "org.bluez.Profile1.Release", NOTHING)
        self.profiles.clear()

    async def stop(self) -> None:
        """Go away: the name is lost, its duplicates of descriptors are closed, the connections stay."""
        for device in self._devices.values():
            if device.link is not None:
                device.link.forget()
            device.gatt = None
        await self._tree.stop()

    # -- adapters -----------------------------------------------------------------------------------------

    def _add_adapter(self, name: str, address: str) -> None:
        properties = {
            "Address": Variant("s", address),
            "Name": Variant("s", "fake"),
            "Alias": Variant("s", "fake"),
            "Powered": Variant("b", self._adapters[name]),
            "Discovering": Variant("b", False),
            "Roles": Variant("as", ["central", "peripheral"]),
            "UUIDs": Variant("as", []),
        }
        methods: dict[str, Method] = {
            "StartDiscovery": self._start_discovery,
            "StopDiscovery": self._stop_discovery,
            "SetDiscoveryFilter": _accept,
            "RemoveDevice": self._remove_device,
        }
        self._tree.add(f"/org/bluez/{name}", ADAPTER, Interface(properties, methods, frozenset({"Powered"})))

    def set_powered(self, name: str, powered: bool) -> None:
        """Switch an adapter; off ends all of its links."""
        self._adapters[name] = powered
        self._tree.change(f"/org/bluez/{name}", ADAPTER, Powered=Variant("b", powered))
        for device in self._devices.values():
            if not powered and device.settings.adapter == name:
                self.drop(device)

    async def _start_discovery(self, call: Message) -> Answer:
        name = str(call.path).rpartition("/")[2]
        self._need_power(name)
        if name not in self._discovering:
            self._discovering.add(name)
            self._tree.start(self._discover(name))
        return NOTHING

    async def _stop_discovery(self, call: Message) -> Answer:
        name = str(call.path).rpartition("/")[2]
        if name not in self._discovering:
            raise DBusError(f"{ERROR}Failed", "No discovery started")
        self._discovering.discard(name)
        self._tree.change(str(call.path), ADAPTER, Discovering=Variant("b", False))
        return NOTHING

    async def _discover(self, name: str) -> None:
        self._tree.change(f"/org/bluez/{name}", ADAPTER, Discovering=Variant("b", True))
        while name in self._discovering:
            for device in self._devices.values():
                if device.settings.adapter == name and device.settings.visible:
                    self._hear(device)
            await asyncio.sleep(_RSSI_SECONDS)

    def _hear(self, device: Device) -> None:
        device.rssi = -60 if device.rssi != -60 else -61
        self.expose(device)
        self._tree.change(device.settings.path, DEVICE, RSSI=Variant("n", device.rssi))

    async def _remove_device(self, call: Message) -> Answer:
        device = self._devices.get(call.body[0])
        if device is None or not self._tree.has(device.settings.path):
            raise DBusError(f"{ERROR}DoesNotExist", "Does Not Exist")
        self.drop(device)
        device.paired = False
        self._tree.remove(device.settings.path)
        return NOTHING

    def _need_power(self, adapter: str) -> None:
        if not self._adapters[adapter]:
            raise DBusError(f"{ERROR}NotReady", "Resource Not Ready")

    # -- devices ------------------------------------------------------------------------------------------

    def expose(self, device: Device) -> None:
        """Make the device's object appear, if it has not."""
        settings = device.settings
        if self._tree.has(settings.path):
            return
        linked = device.link is not None
        properties = {
            "Address": Variant("s", settings.address),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", settings.name),
            "Alias": Variant("s", settings.name),
            "Adapter": Variant("o", f"/org/bluez/{settings.adapter}"),
            "Paired": Variant("b", device.paired),
            "Trusted": Variant("b", device.paired),
            "Connected": Variant("b", linked),
            "ServicesResolved": Variant("b", linked),
            "UUIDs": Variant("as", settings.uuids),
        }
        methods: dict[str, Method] = {
            "Connect": self._connect,
            "Disconnect": self._disconnect,
            "ConnectProfile": self._connect_profile,
            "DisconnectProfile": self._disconnect,
            "Pair": self._pair,
            "CancelPairing": _accept,
        }
        self._tree.add(
            settings.path, DEVICE, Interface(properties, dict(methods), frozenset({"Trusted", "Alias"}))
        )

    def drop(self, device: Device) -> None:
        """The link is lost, as when the meter's supply goes."""
        if device.link is not None:
            device.link.end()
        if device.gatt is not None:
            device.gatt.remove()
            device.gatt = None
            self._note_connected(device)

    async def _connect(self, call: Message) -> Answer:
        device = self._devices[str(call.path)]
        if device.settings.gatt == Gatt.NONE:
            raise DBusError(f"{ERROR}NotAvailable", "br-connection-profile-unavailable")
        await self._page(device)
        if device.gatt is None:
            device.gatt = GattObjects(self._tree, device.settings, device.meter)
            device.connects += 1
            self._note_connected(device, resolved=False)
            device.gatt.add()
            self._note_connected(device)
        return NOTHING

    async def _disconnect(self, call: Message) -> Answer:
        device = self._devices[str(call.path)]
        if device.link is not None and (profile := self.profiles.get(SPP_UUID)) is not None:
            owner, path, _ = profile
            asked = Answer("o", (device.settings.path,))
            await self._tree.call(owner, path, "org.bluez.Profile1.RequestDisconnection", asked)
        self.drop(device)
        return NOTHING

    async def _connect_profile(self, call: Message) -> Answer:
        device = self._devices[str(call.path)]
        uuid = str(call.body[0]).lower()
        profile = self.profiles.get(uuid)
        if profile is None or uuid not in device.settings.uuids:
            raise DBusError(f"{ERROR}NotAvailable", "br-connection-profile-unavailable")
        if device.link is not None:
            return NOTHING  # connected already: bluetoothd succeeds and hands nothing over
        await self._page(device)
        if not device.faults.no_descriptor:
            await self._hand_over(device, *profile[:2])
        return NOTHING

    async def _page(self, device: Device) -> None:
        """Take the time of a connection, and fail as told."""
        self._need_power(device.settings.adapter)
        if device.connecting:
            raise DBusError(f"{ERROR}InProgress", "br-connection-busy")
        adapter, now = device.settings.adapter, self._records.connecting_now
        now[adapter] = now.get(adapter, 0) + 1
        self._records.most_connecting[adapter] = max(
            self._records.most_connecting.get(adapter, 0), now[adapter]
        )
        device.connecting = True
        try:
            if device.faults.connect_seconds:
                await asyncio.sleep(device.faults.connect_seconds)
            device.faults.raise_next()
            if not device.paired and device.settings.spp:
                raise DBusError(f"{ERROR}AuthenticationFailed", "Authentication Failed")
        finally:
            device.connecting = False
            now[adapter] -= 1

    async def _hand_over(self, device: Device, owner: str, path: str) -> None:
        def ended() -> None:
            device.link = None
            self._note_connected(device)

        link = SppLink(device.meter, ended)
        device.link = link
        self._note_connected(device)
        body = Answer("oha{sv}", (device.settings.path, 0, {}))
        member = "org.bluez.Profile1.NewConnection"
        try:
            await self._tree.call(owner, path, member, body, link.client_end.fileno())
        except DBusError as error:
            link.end()
            raise DBusError(f"{ERROR}Failed", "br-connection-refused") from error
        device.connects += 1
        link.handed_over()

    def _note_connected(self, device: Device, *, resolved: bool = True) -> None:
        connected = device.link is not None or device.gatt is not None
        self._tree.change(
            device.settings.path,
            DEVICE,
            Connected=Variant("b", connected),
            ServicesResolved=Variant("b", connected and resolved),
        )

    # -- pairing ------------------------------------------------------------------------------------------

    async def _pair(self, call: Message) -> Answer:
        device = self._devices[str(call.path)]
        self._need_power(device.settings.adapter)
        if device.paired:
            raise DBusError(f"{ERROR}AlreadyExists", "Already Exists")
        if device.faults.connect_seconds:
            await asyncio.sleep(device.faults.connect_seconds)
        device.faults.raise_next()
        owner = str(call.sender) if str(call.sender) in self.agents else self.default_agent
        if owner not in self.agents:
            raise DBusError(f"{ERROR}AuthenticationFailed", "Authentication Failed")
        try:
            answer = await self._ask_agent(device, owner)
        except DBusError as error:
            raise DBusError(f"{ERROR}AuthenticationRejected", "Authentication Rejected") from error
        if answer not in {None, device.settings.pin}:
            raise DBusError(f"{ERROR}AuthenticationFailed", "Authentication Failed")
        device.paired = True
        self._tree.change(device.settings.path, DEVICE, Paired=Variant("b", True))
        return NOTHING

    async def _ask_agent(self, device: Device, owner: str) -> str | None:
        """The PIN that an agent gives, or None for its yes where the device compares numbers."""
        if device.settings.compares:
            member, asked = "RequestConfirmation", Answer("ou", (device.settings.path, 123456))
        else:
            member, asked = "RequestPinCode", Answer("o", (device.settings.path,))
        said: str | None = await self._tree.call(
            owner, self.agents[owner], f"org.bluez.Agent1.{member}", asked
        )
        return said

    async def _register_agent(self, call: Message) -> Answer:
        if str(call.sender) in self.agents:
            raise DBusError(f"{ERROR}AlreadyExists", "Already Exists")
        self.agents[str(call.sender)] = str(call.body[0])
        return NOTHING

    async def _unregister_agent(self, call: Message) -> Answer:
        if self.agents.pop(str(call.sender), None) is None:
            raise DBusError(f"{ERROR}DoesNotExist", "Does Not Exist")
        if self.default_agent == call.sender:
            self.default_agent = ""
        return NOTHING

    async def _request_default_agent(self, call: Message) -> Answer:
        if str(call.sender) not in self.agents:
            raise DBusError(f"{ERROR}DoesNotExist", "Does Not Exist")
        self.default_agent = str(call.sender)
        return NOTHING

    # -- profiles -----------------------------------------------------------------------------------------

    async def _register_profile(self, call: Message) -> Answer:
        path, uuid, options = call.body
        if any((owner, own) == (call.sender, path) for owner, own, _ in self.profiles.values()):
            raise DBusError(f"{ERROR}AlreadyExists", "Already Exists")
        if uuid.lower() in self.profiles:
            raise DBusError(f"{ERROR}NotPermitted", "UUID already registered")
        self.profiles[uuid.lower()] = (str(call.sender), path, options)
        self._records.registrations += 1
        return NOTHING

    async def _unregister_profile(self, call: Message) -> Answer:
        for uuid, (owner, path, _) in list(self.profiles.items()):
            if (owner, path) == (call.sender, call.body[0]):
                self._drop_profile(uuid)
                return NOTHING
        raise DBusError(f"{ERROR}DoesNotExist", "Does Not Exist")

    def forget_client(self, unique_name: str) -> None:
        """A client has left the bus: its profiles, their connections, and its agent go."""
        for uuid, (owner, _, _) in list(self.profiles.items()):
            if owner == unique_name:
                self._drop_profile(uuid)
        self.agents.pop(unique_name, None)
        if self.default_agent == unique_name:
            self.default_agent = ""

    def _drop_profile(self, uuid: str) -> None:
        # bluetoothd closes its duplicates; the kernel's connection ends with its last owner.
        del self.profiles[uuid]
        for device in self._devices.values():
            if device.link is not None:
                device.link.forget()


async def _accept(call: Message) -> Answer:
    del call
    return NOTHING
