"""Between two runs: a wait, or a wait until the machine has cooled down."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from wattwatch.client import Client
from wattwatch.clock import Clock
from wattwatch.errors import ClientError, WattwatchError
from wattwatch.reading import Channel, Kind, Quality, Scope
from wattwatch.runs.hosts import preferred_zones

LIMIT_SECONDS: Final = 1800.0
"""So long a machine is waited for to cool down, unless the user says otherwise."""

_POLL_SECONDS: Final = 1.0

Sleep = Callable[[float], None]


class NoTemperatureError(WattwatchError):
    """Nothing tells the machine's temperature, so that it cannot be waited for."""


class Talk(Protocol):
    """Says what is waited for: events that stay, and a line that is renewed."""

    def event(self, text: str) -> None:
        """A line that stays."""
        ...

    def show(self, text: str) -> None:
        """The line in place."""
        ...


@dataclass(frozen=True, slots=True)
class CoolDown:
    """What is waited for between runs: a temperature, else seconds; neither is no wait."""

    below_celsius: float | None = None
    seconds: float = 0.0
    limit_seconds: float = LIMIT_SECONDS  # of the wait for a temperature


def hottest_celsius(sources: Mapping[str, Any]) -> tuple[str, float] | None:
    """Zone and °C of the hottest zone that may stand for the CPU, in a document of `/v1/sources`.

    The zones are those of a run's temperature; sources that are not up tell nothing about now.
    """
    meters = (sources.get("primary") or {}).get("source", "").split("+")
    celsius = dict(_temperatures(sources))
    known = {channel: celsius[channel] for channel in preferred_zones(celsius, meters)}
    hottest = max(known, key=known.__getitem__, default=None)
    return None if hottest is None else (hottest.zone, known[hottest])


def _temperatures(sources: Mapping[str, Any]) -> Iterator[tuple[Channel, float]]:
    for source in sources["sources"]:
        if not source.get("up") or source.get("measures") != sources.get("node"):
            continue
        for told in source["channels"]:
            if told.get("quantity") == "temperature_celsius" and told.get("value") is not None:
                yield _channel(source["name"], told), float(told["value"])


def _channel(source: str, told: Mapping[str, Any]) -> Channel:
    kind, scope, quality = Kind(told["kind"]), Scope(told["scope"]), Quality(told["quality"])
    return Channel(source, told["zone"], told["quantity"], kind, scope, quality)


class CoolingRoom:
    """Waits between runs as was wished, and says so: an event when it begins, a line once a second."""

    def __init__(self, wanted: CoolDown, client: Client, clock: Clock, sleep: Sleep) -> None:
        self._wanted = wanted
        self._client = client
        self._clock = clock
        self._sleep = sleep

    def check(self) -> None:
        """NoTemperatureError if a temperature was wished for that nobody tells."""
        if self._wanted.below_celsius is not None and self._hottest() is None:
            raise NoTemperatureError(
                "--cooldown-below: no temperature of this machine is known (see wattwatch sources): "
                "use --cooldown SECONDS"
            )

    def wait(self, told: Talk, title: str) -> str:
        """Wait before a run; a warning if the machine did not become as cool as it should, else ""."""
        below_celsius = self._wanted.below_celsius
        if below_celsius is not None:
            told.event(f"cooling down to {below_celsius:g} °C before {title}")
            return self._wait_below(below_celsius, told.show)
        if self._wanted.seconds:
            told.event(f"cooling down for {clock_text(self._wanted.seconds)} before {title}")
            self._wait_seconds(told.show)
        return ""

    def _wait_seconds(self, show: Callable[[str], None]) -> None:
        start_seconds = self._seconds()
        while (left := self._wanted.seconds - (self._seconds() - start_seconds)) > 0:
            show(f"cooling: {clock_text(left)} left")
            self._sleep(min(_POLL_SECONDS, left))

    def _wait_below(self, below_celsius: float, show: Callable[[str], None]) -> str:
        start_seconds = self._seconds()
        last = "unknown"
        while True:
            hottest = self._try_hottest()
            if hottest is not None:
                last = f"{hottest[1]:.1f} °C ({hottest[0]})"
                if hottest[1] < below_celsius:
                    return ""
            waited = self._seconds() - start_seconds
            if waited >= self._wanted.limit_seconds:
                return (
                    f"not below {below_celsius:g} °C after {clock_text(waited)} of cooling, "
                    f"but at {last}: the run began warmer than was asked for"
                )
            now = "temperature unknown" if hottest is None else f"{hottest[1]:.1f} °C"
            show(f"cooling: {now}, down to {below_celsius:g} °C · {clock_text(waited)}")
            self._sleep(min(_POLL_SECONDS, self._wanted.limit_seconds - waited))

    def _try_hottest(self) -> tuple[str, float] | None:
        try:
            return self._hottest()
        except ClientError:  # a daemon that is being restarted: unknown for a while
            return None

    def _hottest(self) -> tuple[str, float] | None:
        return hottest_celsius(self._client.get_json("/v1/sources"))

    def _seconds(self) -> float:
        return self._clock.now().boot_seconds


def clock_text(seconds: float) -> str:
    """Seconds as a clock shows them: `0:42`, `12:05`, `1:02:03`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
