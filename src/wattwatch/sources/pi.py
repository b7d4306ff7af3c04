"""The Raspberry Pi's firmware: under-voltage and throttling flags, on a Pi 5 also the power rails.

Asking costs a process each time (1.3 ms of CPU on a PC, several times that on a Pi). So the flags are asked
for every five seconds at most, and stand as last seen in between; those since boot miss nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from wattwatch.clock import Clock
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Instant, seconds_between
from wattwatch.sources.base import SYSFS, PiSpec, SourceDescription
from wattwatch.sources.firmware_command import CommandFirmware, Firmware
from wattwatch.sources.pi_channels import PiChannels
from wattwatch.sources.pi_text import (
    Rail,
    Throttled,
    rails_from_text,
    throttled_from_sysfs,
    throttled_from_text,
)
from wattwatch.sources.sysfs import read_text

FLAGS_SECONDS: Final = 5.0
"""The flags are asked for at most that often."""

_EARLY_SECONDS: Final = 0.5  # reads are not exactly an interval apart
_MODEL: Final = "Raspberry Pi"
_MODEL_FILE: Final = "firmware/devicetree/base/model"
_PROC_MODEL: Final = Path("/proc/device-tree/model")  # a link to the same, where /sys/firmware is hidden
_FLAGS_FILES: Final = "devices/platform/soc*/soc*:firmware/get_throttled"
_ASK_THE_KERNEL: Final = ("permission", "absent")

_RAILS_LACK: Final = "what hangs on 5 V (USB, HAT, NVMe, fan) is not in them"
_BOARD_IS: Final = (
    "board = 1.1451·Σ(V·I) + 0.5879 W, a fit published in jfikar/RPi5-power (one board, 50 s averages)"
)

Answer = TypeVar("Answer")


class PiSource:
    """Flags of the firmware; volts, amperes and watts of every rail, where they are measured."""

    def __init__(self, spec: PiSpec, clock: Clock, firmware: Firmware | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._firmware = firmware or CommandFirmware(spec.command)
        self._channels = PiChannels(spec.name, board=spec.board, simulated=spec.simulated)
        self._looked = False
        self._model = ""
        self._rails: tuple[str, ...] | None = None  # their names; () where there are none, None: not known
        self._no_rails_cause = ""
        self._flags: tuple[Instant, Throttled] | None = None
        self._flags_file: Path | None = None  # read instead of asking
        self._flags_file_cause = ""

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the channels found: the first time, the firmware is asked."""
        if not self._looked:
            self._look()
        spec = self._spec
        interval_seconds = spec.interval_seconds if self._rails else max(spec.interval_seconds, FLAGS_SECONDS)
        channels = self._channels.known()
        return SourceDescription(spec.name, "pi", interval_seconds, channels, self._detail())

    def read(self) -> Batch:
        """Rails and flags; the instant is midway of asking for the rails, without them for the flags.

        Raises SourceUnsupported on other computers, SourceUnavailable if the firmware does not answer now.
        """
        self._looked = True
        self._model = self._model or _model_of(self._spec.root)
        begun = self._clock.now()
        rails = self._ask_rails()
        asked = self._clock.now()
        flags = self._recent_flags(begun, needed=not rails)
        at = _midway(begun, asked if rails else self._clock.now())
        return Batch(self._spec.name, at, self._channels.readings(rails, flags, at))

    def close(self) -> None:
        """Hold nothing, release nothing: a request ends by itself."""

    def _look(self) -> None:
        try:
            self.read()
        except SourceError:
            return  # the next read says why

    def _ask_rails(self) -> tuple[Rail, ...]:
        """All rails; none where there are none, or where it is not known yet whether there are."""
        if self._rails == ():
            return ()
        try:
            rails = self._ask("pmic_read_adc", rails_from_text)
        except SourceError as error:
            if self._rails:
                raise
            self._rails = () if isinstance(error, SourceUnsupported) else None
            self._no_rails_cause = str(error)
            return ()
        names = tuple(rail.name for rail in rails if rail.amperes is not None)
        if names != (self._rails or names):  # a sum over fewer rails would be too small
            raise SourceUnavailable("the firmware names other power rails than before", "garbage")
        self._rails = names
        return rails

    def _recent_flags(self, now: Instant, *, needed: bool) -> Throttled | None:
        """The flags, asked anew if they are needed or old; None if only the rails can be had."""
        if not needed and self._flags is not None:
            asked_at, flags = self._flags
            if seconds_between(asked_at, now) < FLAGS_SECONDS - _EARLY_SECONDS:
                return flags
        try:
            self._flags = now, self._ask_flags()
        except SourceError:
            if needed:
                raise
            self._flags = None
            return None
        return self._flags[1]

    def _ask_flags(self) -> Throttled:
        if self._flags_file is None:
            try:
                return self._ask("get_throttled", throttled_from_text)
            except SourceError as error:
                self._flags_file = self._file_instead(error)
                self._flags_file_cause = str(error)
        return _parsed(str(self._flags_file), read_text(self._flags_file), throttled_from_sysfs)

    def _file_instead(self, error: SourceError) -> Path:
        """The kernel's own file of the flags, if asking will not get better.

        It is deprecated: its first reader in a boot leaves a warning with a trace in the kernel's log.
        """
        files = sorted(self._spec.root.glob(_FLAGS_FILES))
        passing = isinstance(error, SourceUnavailable) and error.reason not in _ASK_THE_KERNEL
        if passing or not files:
            raise error
        return files[0]

    def _ask(self, request: str, parse: Callable[[str], Answer]) -> Answer:
        return _parsed(request, self._firmware.ask(request), parse)

    def _detail(self) -> str:
        facts = [self._model]
        if self._rails:
            facts.append(f"{_RAILS_LACK}" + (f"; {_BOARD_IS}" if self._spec.board else ""))
        elif self._no_rails_cause:
            facts.append(f"no power rails: {self._no_rails_cause}")
        if self._flags_file is not None:
            facts.append(f"flags from {self._flags_file}: {self._flags_file_cause}")
        return "; ".join(filter(None, facts))


def _model_of(root: Path) -> str:
    """The model of this Raspberry Pi; SourceUnsupported on another computer."""
    texts = []
    for file in (root / _MODEL_FILE, *((_PROC_MODEL,) if root == SYSFS else ())):
        try:
            texts.append(read_text(file).strip("\0"))
        except SourceError:
            continue
    model = next(iter(texts), "")
    if not model.startswith(_MODEL):
        raise SourceUnsupported(f"this is no Raspberry Pi but {model or 'a computer without a device tree'}")
    return model


def _parsed(what: str, text: str, parse: Callable[[str], Answer]) -> Answer:
    try:
        return parse(text)
    except ValueError as error:
        raise SourceUnavailable(f"{what}: {error}", "garbage") from error


def _midway(begun: Instant, ended: Instant) -> Instant:
    return begun.plus(seconds_between(begun, ended) / 2)
