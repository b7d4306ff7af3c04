"""The meter's serial port by an RFCOMM socket of the standard library: no bluetoothd, no D-Bus, no SDP."""

import errno
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Protocol

from wattwatch.clock import Clock
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um import hci
from wattwatch.sources.um.link_errors import (
    adapter_off,
    all_refused,
    explain_connect,
    explain_no_socket,
    no_adapter,
)
from wattwatch.sources.um.links import connecting
from wattwatch.sources.um.stream import StreamTransport
from wattwatch.sources.um.transport import BUSY_PAUSE_SECONDS, BUSY_TRIES

CHANNELS: Final = (1, 2)  # genuine meters are on 1, the A3-B clone on 2 (METERS 1.1)
CONNECT_SECONDS: Final = 12.0  # the controller pages for 5.12 s, and may wait for the link before

_STILL_CLOSING: Final = frozenset({errno.EBUSY, errno.ECONNRESET})
"""What the kernel answers while the last connection to the meter is not quite down."""


class Sockets(Protocol):
    """Where sockets come from; tests bring their own."""

    def rfcomm(self) -> socket.socket:
        """A fresh RFCOMM socket. OSError if the kernel has none, SourceUnsupported if Python has none."""
        ...

    def adapter_address(self, adapter: str) -> str:
        """The address of an adapter such as hci1, or of the first that is on; "" if it is off.

        OSError if it is not there.
        """
        ...


class KernelSockets:
    """The sockets of this machine."""

    def rfcomm(self) -> socket.socket:
        """A fresh RFCOMM socket."""
        return socket.socket(hci.socket_family(), socket.SOCK_STREAM, getattr(socket, "BTPROTO_RFCOMM", 3))

    def adapter_address(self, adapter: str) -> str:
        """What the kernel says of an adapter, or of the first that is on."""
        return hci.adapter_address(adapter or hci.first_adapter())


class RfcommRoute:
    """Connects to one meter, again and again, and remembers the channel on which it answers."""

    def __init__(
        self,
        spec: UmSpec,
        clock: Clock,
        sockets: Sockets | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is opened yet."""
        self._spec = spec
        self._clock = clock
        self._sockets = sockets or KernelSockets()
        self._sleep = sleep
        self._channels: tuple[int, ...] = (spec.channel,) if spec.channel else CHANNELS
        self._last: StreamTransport | None = None

    @property
    def detail(self) -> str:
        """For people: the way, and the channel once there was a connection."""
        return f"rfcomm, channel {self._channels[0]}" if self._last else "rfcomm"

    def __call__(self) -> StreamTransport:
        """A connection made anew.

        Raises SourceUnavailable (reason `absent`, `permission`, `busy` or `io`) or SourceUnsupported.
        """
        with connecting(self._spec.adapter):
            return self._connect_any()

    def _connect_any(self) -> StreamTransport:
        if self._last is not None and not self._last.has_answered:
            # Some meters take connections on a channel on which they never answer.
            self._channels = (*self._channels[1:], self._channels[0])
            self._last = None
        for channel in self._channels:
            stream = self._connect(channel)
            if stream is not None:
                self._channels = (channel, *(other for other in self._channels if other != channel))
                self._last = StreamTransport(stream, self._place(channel), self._clock)
                return self._last
        raise all_refused(self._place(self._channels[0]))

    def _connect(self, channel: int) -> socket.socket | None:
        """A connected socket; None if the meter refuses this channel."""
        for tries_left in reversed(range(BUSY_TRIES)):
            try:
                return self._connect_once(channel)
            except ConnectionRefusedError:
                return None
            except OSError as error:
                if error.errno not in _STILL_CLOSING or not tries_left:
                    spec, place = self._spec, self._place(channel)
                    raise explain_connect(place, spec.address, spec.adapter, error) from error
            self._sleep(BUSY_PAUSE_SECONDS)
        raise AssertionError(channel)  # the last try returns or raises

    def _connect_once(self, channel: int) -> socket.socket:
        with ExitStack() as undo:
            stream = undo.enter_context(self._fresh_socket())
            stream.settimeout(CONNECT_SECONDS)
            if address := self._adapter_address():
                stream.bind((address, 0))
            stream.connect((self._spec.address, channel))
            undo.pop_all()
        return stream

    def _fresh_socket(self) -> socket.socket:
        try:
            return self._sockets.rfcomm()
        except OSError as error:
            raise explain_no_socket(error) from error

    def _adapter_address(self) -> str:
        """The address to connect from; "" leaves it to the kernel, which may not tell whether one is on."""
        place, adapter = f"{self._spec.address} by rfcomm", self._spec.adapter
        try:
            address = self._sockets.adapter_address(adapter)
        except OSError as error:
            if not adapter:
                return ""
            raise no_adapter(place, adapter) from error
        if adapter and not address:
            raise adapter_off(place, adapter)
        return address

    def _place(self, channel: int) -> str:
        return f"{self._spec.address} by rfcomm, channel {channel}"


def open_rfcomm(spec: UmSpec, clock: Clock) -> StreamTransport:
    """A connection to the meter of an address, made anew.

    Raises SourceUnavailable (reason `absent`, `permission`, `busy` or `io`) or SourceUnsupported, with one
    line on cause and next step.
    """
    return RfcommRoute(spec, clock)()
