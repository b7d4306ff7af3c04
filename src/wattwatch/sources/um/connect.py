"""Which way to a meter's Bluetooth address: the one asked for, or the first that this machine has."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import MissingExtra, SourceUnavailable, SourceUnsupported
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.hci import has_sockets
from wattwatch.sources.um.rfcomm import RfcommRoute
from wattwatch.sources.um.transport import Transport

Open = Callable[[], Transport]
MakeRoute = Callable[[UmSpec, Clock], Open]

AUTO_ORDER: Final = ("rfcomm", "bluez", "ble")
"""How `transport = "auto"` looks for a way: it goes on when a way does not exist here, and keeps what worked.

bluetoothd's route is the more general one; it comes second until it has been seen on real hardware.
"""


def _rfcomm(spec: UmSpec, clock: Clock) -> Open:
    return RfcommRoute(spec, clock)


def _lazily(module: str, name: str) -> MakeRoute:
    """A route whose module, and with it a heavy package, is imported when the route is made."""

    def make(spec: UmSpec, clock: Clock) -> Open:
        return partial(getattr(import_module(f"wattwatch.sources.um.{module}"), name), spec, clock)

    return make


ROUTES: Final[dict[str, MakeRoute]] = {
    "rfcomm": _rfcomm,
    "bluez": _lazily("bluez", "open_bluez"),
    "ble": _lazily("ble", "open_ble"),
}


class BluetoothLink:
    """Opens connections to one meter, and can say by which way."""

    def __init__(self, spec: UmSpec, clock: Clock, routes: dict[str, MakeRoute] | None = None) -> None:
        """Raises MissingExtra if the first way needs a package that is not installed. Nothing is opened."""
        self._spec = spec
        self._clock = clock
        self._makers = ROUTES if routes is None else routes
        self._refusals: dict[str, str] = {}
        names = AUTO_ORDER if spec.transport == "auto" else (spec.transport,)
        self._names = [name for name in names if self._may_exist(name)]
        self._route = ""  # the one that has worked
        self._opens: dict[str, Open] = {}
        self._open_by(self._names[0])

    @property
    def detail(self) -> str:
        """For people: the way, and what is to be known of it; empty before the first connection."""
        if not self._route:
            return ""
        return str(getattr(self._opens[self._route], "detail", self._route))

    def __call__(self) -> Transport:
        """A connection made anew, by the first way that exists here; one found not to is never tried again.

        Raises SourceUnavailable of the way that exists, SourceUnsupported once none does.
        """
        for name in [name for name in self._names if name not in self._refusals]:
            try:
                transport = self._open_by(name)()
            except (SourceUnsupported, MissingExtra) as error:
                self._rule_out(name, str(error))
            except SourceUnavailable as error:
                if not self._should_go_on(name, error):
                    raise
                self._rule_out(name, str(error))
            else:
                self._route = name
                return transport
        raise SourceUnsupported("; ".join(self._refusals.values()))

    def _may_exist(self, name: str) -> bool:
        return name != "rfcomm" or self._spec.transport != "auto" or has_sockets()

    def _open_by(self, name: str) -> Open:
        if name not in self._opens:
            self._opens[name] = self._makers[name](self._spec, self._clock)
        return self._opens[name]

    def _rule_out(self, name: str, why: str) -> None:
        self._refusals[name] = why
        if self._route == name:
            self._route = ""

    def _should_go_on(self, name: str, error: SourceUnavailable) -> bool:
        """Whether a socket found nobody because the meter speaks Bluetooth Low Energy only."""
        if name != "rfcomm" or self._route or error.reason != "absent" or "ble" not in self._names:
            return False
        try:
            from wattwatch.sources.um.bluez import shared_bluez  # noqa: PLC0415 - dbus-fast only when needed
        except MissingExtra:
            return False
        return shared_bluez().is_only_low_energy(self._spec.address)
