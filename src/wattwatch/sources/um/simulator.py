"""A simulated UM24C, UM25C or UM34C: pure, driven by the times it is told, and never a measurement.

It keeps what is known of the real ones: a display that changes twice a second, digits cut off and not
rounded, accumulators that count what is displayed in the selected group only, group 0 that starts anew after
a power cut, answers that arrive in arbitrary pieces.
"""

import random
from dataclasses import dataclass, field
from typing import Final

from wattwatch.sources.um.protocol import (
    END_MARK,
    GROUPS,
    LAYOUT,
    NO_LOAD_DECIOHMS,
    POLL,
    UM24C,
    Model,
    trailer_sum,
)
from wattwatch.sources.um.simulator_counts import Accumulators, whole
from wattwatch.sources.um.simulator_faults import FaultKind, FaultPlan
from wattwatch.sources.um.simulator_profiles import Profile
from wattwatch.sources.um.simulator_switches import CLEAR_GROUP, Switches

REFRESH_SECONDS: Final = 0.5
_UNKNOWN_ID: Final = b"\xbe\xef"
_OTHER_MARK: Final = b"\x5a\xa5"
_HIGHEST_DIGITS: Final = 0xFFFF
_SLOW_BYTE_SECONDS: Final = 0.008  # about a second for a frame: late, but within a patient deadline
_LONGEST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PIECE_BYTES: Final = 64
_GARBAGE_BYTES: Final = (1, 60)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of an answer, and how long after the piece before it (or the request) it leaves."""

    after_seconds: float
    data: bytes


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One refresh of the simulated meter: what it displays from here on, and the curves up to here."""

    seconds: float
    displayed_watts: float
    displayed_joules: float
    true_watts: float  # mean since the row before
    true_joules: float


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """How a simulated meter is made; `averaging_seconds` is the time that a displayed value is a mean of."""

    model: Model = UM24C
    averaging_seconds: float = REFRESH_SECONDS
    latency_seconds: float = 0.02
    seed: int = 1


@dataclass(frozen=True, slots=True)
class _Display:
    volt_digits: int = 0
    ampere_digits: int = 0
    celsius: int = 25
    fahrenheit: int = 77


@dataclass(slots=True)
class _Energy:
    displayed_joules: float = 0.0
    true_joules: float = 0.0
    profile_joules: float = 0.0
    refreshed_at_seconds: float = field(default=-REFRESH_SECONDS)


class SimulatedMeter:
    """A meter on a load, told what time it is by `advance_to`, and asked by `reply`."""

    def __init__(
        self, profile: Profile, faults: FaultPlan | None = None, settings: MeterSettings | None = None
    ) -> None:
        self.settings = settings or MeterSettings()
        self.counts = Accumulators()
        self._profile = profile
        self._faults = faults or FaultPlan()
        self._random = random.Random(self.settings.seed)  # noqa: S311 - repeatable, not secret
        self._switches = Switches()
        self._energy = _Energy(profile_joules=profile.joules(0.0))
        self._display = _Display()
        self._seconds = 0.0
        self._refreshes = 0
        self._powered = True
        self._frame = b""
        self._unseen_rows = [self._refresh(0.0)]
        self._refreshes = 1

    @property
    def model(self) -> Model:
        """Which meter this pretends to be."""
        return self.settings.model

    @property
    def link_up(self) -> bool:
        """Whether the meter can be connected to."""
        return not (self._has(FaultKind.HANG_UP) or self._has(FaultKind.POWER_CUT))

    @property
    def next_refresh_seconds(self) -> float:
        """When the display changes next: until then nothing happens inside."""
        return self._refreshes * REFRESH_SECONDS

    @property
    def displayed_watts(self) -> float:
        """Volts times amperes of the displayed digits."""
        return self._watts_per_digit * self._display.volt_digits * self._display.ampere_digits

    def advance_to(self, seconds: float) -> list[TruthRow]:
        """Let time pass; one row of truth for every refresh since the last call. Going back does nothing."""
        rows, self._unseen_rows = self._unseen_rows, []
        while self.next_refresh_seconds <= seconds:
            rows.append(self._refresh(self.next_refresh_seconds))
            self._refreshes += 1
        self._seconds = max(seconds, self._seconds)
        return rows

    def reply(self, byte: int) -> tuple[Fragment, ...]:
        """What the meter sends after receiving a byte: pieces of a frame after F0, nothing else ever."""
        if not self.link_up:
            return ()
        if byte != POLL[0]:
            self._obey(byte)
            return ()
        if self._has(FaultKind.SILENCE):
            return ()
        return self._pieces(self._damaged(self._frame))

    def _obey(self, byte: int) -> None:
        if byte == CLEAR_GROUP:
            self.counts.clear(self._switches.group)
        else:
            self._switches.obey(byte, self.model)
            self.counts.recorder.threshold_centiamperes = self._switches.threshold_centiamperes

    @property
    def _watts_per_digit(self) -> float:
        return 1 / (self.model.digits_per_volt * self.model.digits_per_ampere)

    def _has(self, kind: FaultKind) -> bool:
        return self._faults.is_active(kind, self._seconds)

    # -- measuring ----------------------------------------------------------------------------------------

    def _refresh(self, seconds: float) -> TruthRow:
        energy, before_joules = self._energy, self._energy.true_joules
        profile_joules = self._profile.joules(seconds)
        if self._powered and self._refreshes:
            energy.true_joules += profile_joules - energy.profile_joules
            energy.displayed_joules += self.displayed_watts * REFRESH_SECONDS
            amperes = self._display.ampere_digits / self.model.digits_per_ampere
            self.counts.count(self._switches.group, amperes, self.displayed_watts, REFRESH_SECONDS)
        energy.profile_joules = profile_joules
        self._happen(energy.refreshed_at_seconds, seconds)
        energy.refreshed_at_seconds = seconds
        self._display = self._look(seconds) if self._powered else _Display()
        if not (self._frame and self._faults.is_active(FaultKind.FROZEN_FRAME, seconds)):
            self._frame = self._encode()
        true_watts = (energy.true_joules - before_joules) / REFRESH_SECONDS
        return TruthRow(
            seconds, self.displayed_watts, energy.displayed_joules, true_watts, energy.true_joules
        )

    def _happen(self, after_seconds: float, seconds: float) -> None:
        """The events of the time between two refreshes."""
        powered = not self._faults.is_active(FaultKind.POWER_CUT, seconds)
        if powered and not self._powered:
            self.counts.power_on()
        self._powered = powered
        window = (after_seconds, seconds)
        changes = self._faults.begun(FaultKind.GROUP_CHANGE, *window)
        changes -= self._faults.ended(FaultKind.GROUP_CHANGE, *window)
        self._switches.group = (self._switches.group + changes) % GROUPS
        if self._faults.begun(FaultKind.ACCUMULATOR_RESET, *window):
            self.counts.clear(self._switches.group)

    def _look(self, seconds: float) -> _Display:
        window_seconds = self.settings.averaging_seconds
        joules = self._energy.profile_joules - self._profile.joules(seconds - window_seconds)
        conditions = self._profile.conditions(seconds)
        volt_digits = whole(conditions.volts * self.model.digits_per_volt)
        ampere_digits = whole(joules / window_seconds / conditions.volts * self.model.digits_per_ampere)
        celsius = int(conditions.temperature_celsius)
        # Cut from a finer value, yet never more than one degree off what the whole Celsius digits mean.
        fahrenheit = min(int(conditions.temperature_celsius * 1.8 + 32), int(celsius * 1.8 + 33))
        return _Display(
            min(volt_digits, _HIGHEST_DIGITS), min(ampere_digits, _HIGHEST_DIGITS), celsius, fahrenheit
        )

    # -- answering ----------------------------------------------------------------------------------------

    def _encode(self) -> bytes:
        shown, switches, recorder = self._display, self._switches, self.counts.recorder
        volt_digits, ampere_digits = shown.volt_digits, shown.ampere_digits
        deciohms = 100 * volt_digits // ampere_digits if ampere_digits else NO_LOAD_DECIOHMS
        frame = LAYOUT.pack(
            self.model.id,
            volt_digits,
            ampere_digits,
            volt_digits * ampere_digits // self.model.digits_per_milliwatt,
            shown.celsius,
            shown.fahrenheit,
            switches.group,
            *self.counts.shown(),
            306,  # D+ as in the one public frame
            0,
            0,  # charging mode: unknown or normal
            whole(recorder.milliampere_hours),
            whole(recorder.milliwatt_hours),
            recorder.threshold_centiamperes,
            whole(recorder.seconds),
            1,
            switches.screen_timeout_minutes,
            switches.backlight,
            min(deciohms, NO_LOAD_DECIOHMS),
            switches.screen,
            END_MARK,
        )
        return frame[:-2] + bytes((0x80, trailer_sum(frame))) if self.model.sums_trailer else frame

    def _damaged(self, frame: bytes) -> bytes:
        """The frame as the faults of the moment send it."""
        if self._has(FaultKind.WRONG_MODEL):
            frame = _UNKNOWN_ID + frame[2:]
        if self._has(FaultKind.WRONG_TRAILER):
            frame = frame[:-2] + _OTHER_MARK
        if self._has(FaultKind.GARBAGE_INSIDE):
            at = self._random.randrange(2, len(frame) - len(END_MARK))
            frame = frame[:at] + self._garbage() + frame[at:]
        if self._has(FaultKind.GARBAGE):
            frame = self._garbage() + frame
        return frame[: len(frame) // 2] if self._has(FaultKind.HALF_FRAME) else frame

    def _garbage(self) -> bytes:
        return self._random.randbytes(self._random.randint(*_GARBAGE_BYTES))

    def _pieces(self, data: bytes) -> tuple[Fragment, ...]:
        slow = self._has(FaultKind.SLOW_BYTES)
        fragments, pause_seconds = [], self.settings.latency_seconds
        while data:
            size = 1 if slow else self._random.randint(1, _LONGEST_PIECE_BYTES)
            fragments.append(Fragment(pause_seconds, data[:size]))
            data = data[size:]
            pause_seconds = _SLOW_BYTE_SECONDS if slow else self._random.uniform(0, _LONGEST_PAUSE_SECONDS)
        return tuple(fragments)
