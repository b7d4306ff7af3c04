"""Sensors of a Windows host, by LibreHardwareMonitor's web server; it is only ever read."""

from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import ConfigError, SourceError, SourceUnavailable
from wattwatch.reading import Batch
from wattwatch.sources.base import LhmSpec, SourceDescription
from wattwatch.sources.lhm_address import lhm_address
from wattwatch.sources.lhm_channels import LhmChannels
from wattwatch.sources.lhm_http import LhmConnection
from wattwatch.sources.lhm_tree import sensors_from_json

_LOOK_SECONDS: Final = 2.0  # a daemon that starts does not wait longer for a host that is off


class LhmSource:
    """The chosen sensors of one LibreHardwareMonitor, or all of a known type.

    Constructing one with a wrong `url` raises ConfigError.
    """

    def __init__(self, spec: LhmSpec, clock: Clock) -> None:
        if spec.password_file and not spec.user:
            raise ConfigError(f"source {spec.name!r}: password_file without user: add the user")
        self._spec = spec
        try:
            self._address = lhm_address(spec.url)
        except ValueError as error:
            raise ConfigError(f"source {spec.name!r}: url: {error}") from error
        self._connection = LhmConnection(self._address, clock, spec.user, spec.password_file)
        self._channels = LhmChannels(spec)
        self._looked = False

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the channels expected or found: the first time, the server is asked."""
        if not self._looked:
            self._look()
        spec, channels = self._spec, self._channels.known()
        return SourceDescription(spec.name, "lhm", spec.interval_seconds, channels, str(self._address))

    def read(self) -> Batch:
        """A reading of every chosen sensor that has a value; SourceUnavailable says what to do."""
        return self._read(self._spec.deadline_seconds)

    def close(self) -> None:
        """End a request that is under way."""
        self._connection.close()

    def _look(self) -> None:
        try:
            self._read(min(_LOOK_SECONDS, self._spec.deadline_seconds))
        except SourceError:
            return  # the next read says why

    def _read(self, deadline_seconds: float) -> Batch:
        self._looked = True
        document, at = self._connection.fetch(deadline_seconds)
        try:
            sensors = sensors_from_json(document)
        except ValueError as error:
            cause = f"{self._address} gives no sensors of LibreHardwareMonitor: {error}"
            raise SourceUnavailable(cause, "garbage") from error
        return Batch(self._spec.name, at, self._channels.readings(sensors, at))
