"""A meter held by a command, not by a daemon: frames read from it, bytes sent to it."""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Instant
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.connect import BluetoothLink
from wattwatch.sources.um.polling import Poller
from wattwatch.sources.um.protocol import Frame
from wattwatch.sources.um.transport import Transport

# A first answer may be lost while a radio link settles; a second failure is one to tell.
_TRIES: Final = 2
_WORTH_A_RETRY: Final = frozenset({"timeout", "garbage", "invalid", "hangup"})


class MeterLink:
    """The meter of a specification; its connection is made when it is needed, anew after a failure."""

    def __init__(
        self,
        spec: UmSpec,
        clock: Clock,
        connect: Callable[[], Transport],
        way: Callable[[], str] = lambda: "",
    ) -> None:
        """`way` says for people how it was connected, "" if that is plain."""
        self.way = way
        self.where = spec.url or spec.address
        self._poller = Poller(self.where, clock, spec.deadline_seconds)
        self._connect = connect
        self._transport: Transport | None = None

    def frame(self) -> tuple[Frame, Instant]:
        """A frame of now and its instant; SourceUnavailable, after one more try where that may help."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._frame_once()
            except SourceUnavailable as error:
                if not tries_left or error.reason not in _WORTH_A_RETRY:
                    raise
        raise AssertionError(self.where)  # the last try returns or raises

    def send(self, command: bytes) -> None:
        """Write a command, which the meter never answers; SourceUnavailable."""
        transport = self._connected()
        try:
            transport.exchange(command, 0, self._poller.deadline_seconds)
        except SourceUnavailable:
            self.close()
            raise

    def close(self) -> None:
        """Release the meter; harmless when called twice."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _frame_once(self) -> tuple[Frame, Instant]:
        transport = self._connected()
        try:
            return self._poller.poll(transport)
        except SourceUnavailable:
            self.close()
            raise

    def _connected(self) -> Transport:
        if self._transport is None:
            self._transport = self._connect()
        return self._transport

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def meter_link(spec: UmSpec, clock: Clock) -> MeterLink:
    """A link to the meter of a specification, not connected yet.

    Raises MissingExtra, naming what to install, without the package that the way to it needs.
    """
    if spec.address:
        bluetooth = BluetoothLink(spec, clock)
        return MeterLink(spec, clock, bluetooth, lambda: bluetooth.detail)
    from wattwatch.sources.um.serial import open_serial  # noqa: PLC0415 - pyserial only for who uses it

    return MeterLink(spec, clock, lambda: open_serial(spec.url, clock))
