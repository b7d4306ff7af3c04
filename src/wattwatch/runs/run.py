"""A run, its windows, their states and names: the words of the ledger."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wattwatch.errors import RunError
from wattwatch.reading import Instant

UNTAGGED: Final = "untagged"
MIXED: Final = "mixed"

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_RANDOM_BYTES: Final = 10
_ULID_CHARACTERS: Final = 26
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LABEL_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
_NAME_CHARACTERS: Final = 200
_PHASE_CHARACTERS: Final = 64
_LABEL_CHARACTERS: Final = 256
_COMMAND_CHARACTERS: Final = 4096
_LABELS: Final = 32
_VALUES: Final = 32
_VALUE_CHARACTERS: Final = 64
_HIGHEST_EPOCH: Final = 1_000_000_000


class UnknownRun(RunError):  # noqa: N818 - the verdict is the name
    """No run of that id is in the ledger."""


class RunConflict(RunError):  # noqa: N818 - the verdict is the name
    """The request contradicts what the ledger already says."""


class RunState(StrEnum):
    """Whether a run goes on, and how it ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


class Completeness(StrEnum):
    """Whether a result may still change."""

    PROVISIONAL = "provisional"
    INCOMPLETE = "incomplete"  # a node of the run cannot be asked
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Stamp:
    """An instant, and the UTC that was believed when it was written down."""

    at: Instant
    utc_seconds: float

    def is_before(self, other: "Stamp") -> bool:
        """Whether this one is earlier: by boot seconds in one boot, by UTC over two."""
        if self.at.boot_id == other.at.boot_id:
            return self.at.boot_seconds < other.at.boot_seconds
        return self.utc_seconds < other.utc_seconds


@dataclass(frozen=True, slots=True)
class Window:
    """An interval of a run on a node; `window_id` is its identity, all else are attributes."""

    window_id: str
    run_id: str
    node: str
    step: str
    phase: str  # "" has no phase: its time is untagged
    attempt: int
    start: Stamp
    end: Stamp | None = None  # None while it is open
    opening: str = ""  # id of the phase mark that it belongs to; a phase that is resumed keeps it
    outer: tuple[tuple[str, str], ...] = ()  # phase and opening of those suspended below it, outermost first


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training data; not a phase, it lies across them. `epoch_id` is its identity."""

    epoch_id: str
    epoch: int  # as the user counts; two trainings in one run may count alike
    start: Stamp
    end: Stamp | None = None  # None while it is open
    values: Mapping[str, float | None] = field(default_factory=dict)  # loss and the like; None is no number


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the opener of a run says of it; `checked` bounds every part."""

    run_id: str = ""  # "": a ULID is made
    name: str = ""
    experiment: str = ""
    phase: str = ""
    command: str = ""
    labels: Mapping[str, str] | None = None
    hold: bool = False  # the run is lost when its owner goes away
    armed: bool = False  # the start edge will be given by `mark_start`

    def checked(self) -> "RunRequest":
        """This request; RunError says what is allowed if a part is not."""
        if self.run_id:
            check_run_id(self.run_id)
        check_name("name", self.name)
        check_name("experiment", self.experiment)
        check_phase(self.phase)
        check_labels(self.labels or {})
        check_command(self.command)
        return self


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the ledger tells it."""

    run_id: str
    node: str
    name: str
    experiment: str
    phase: str
    command: str
    labels: Mapping[str, str]
    start: Stamp
    armed: bool = False  # opened, but its exact start is not known yet
    end: Stamp | None = None
    state: RunState = RunState.RUNNING
    exit_status: int | None = None
    hold: bool = False
    token_hash: str = ""
    keeper: str = ""  # the process that measures it; "" is the daemon that owns the ledger
    windows: tuple[Window, ...] = ()  # in order of their start
    epochs: tuple[Epoch, ...] = ()  # in order of their start, none over another
    boots: tuple[Stamp, ...] = ()  # first sight of every later boot while it was open
    last_event: Stamp | None = None
    final_at: Stamp | None = None  # when its final result was stored
    deleted: bool = False  # it is shown nowhere; its id stays taken

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.end is None

    @property
    def open_window(self) -> Window | None:
        """The window that is open now."""
        return next((window for window in reversed(self.windows) if window.end is None), None)

    @property
    def open_epoch(self) -> Epoch | None:
        """The epoch that is open now."""
        return self.epochs[-1] if self.epochs and self.epochs[-1].end is None else None


class UlidMaker:
    """ULIDs: 48 bits of milliseconds, 80 of randomness; those of one maker rise."""

    def __init__(
        self, unix_seconds: Callable[[], float], randomness: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._unix_seconds = unix_seconds
        self._randomness = randomness
        self._last = 0

    def __call__(self) -> str:
        """A new ULID, later in order than all before it, even if the clock was set back."""
        milliseconds = max(0, int(self._unix_seconds() * 1000)) & (2**48 - 1)
        number = milliseconds << 80 | int.from_bytes(self._randomness(_RANDOM_BYTES), "big")
        if number >> 80 <= self._last >> 80:
            number = self._last + 1
        self._last = number
        return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_ULID_CHARACTERS)))


def check_run_id(run_id: str) -> str:
    """The id; RunError if it is not 1 to 128 letters, digits, dots, dashes and underscores."""
    if not _RUN_ID.fullmatch(run_id):
        raise RunError(
            f"run id {run_id[:40]!r}: 1 to 128 letters, digits, '.', '_', '-', a letter or digit first"
        )
    return run_id


def check_name(what: str, text: str) -> str:
    """The text; RunError if it is too long or not printable."""
    if len(text) > _NAME_CHARACTERS or not text.isprintable():
        raise RunError(f"{what} {text[:40]!r}: at most {_NAME_CHARACTERS} printable characters")
    return text


def check_command(command: str) -> str:
    """The command; RunError if it is too long."""
    if len(command) > _COMMAND_CHARACTERS:
        raise RunError(f"command: at most {_COMMAND_CHARACTERS} characters, got {len(command)}")
    return command


def check_phase(phase: str) -> str:
    """The phase; RunError if it is too long, not printable, or one of our own words."""
    if len(phase) > _PHASE_CHARACTERS or not phase.isprintable() or phase != phase.strip():
        raise RunError(f"phase {phase[:40]!r}: at most {_PHASE_CHARACTERS} printable characters")
    if phase in (UNTAGGED, MIXED):
        raise RunError(f"phase {phase!r} is reserved: choose another name, such as setup, load or training")
    return phase


def check_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels; RunError if there are too many or one is not allowed."""
    if len(labels) > _LABELS:
        raise RunError(f"labels: at most {_LABELS}, got {len(labels)}")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise RunError(
                f"label {key[:40]!r}: a letter or '_', then up to 62 letters, digits, '_', '.', '-'"
            )
        if len(value) > _LABEL_CHARACTERS or not value.isprintable():
            raise RunError(f"label {key}: at most {_LABEL_CHARACTERS} printable characters")
    return labels


def check_epoch(epoch: int) -> int:
    """The number of an epoch; RunError if it is negative or over a billion."""
    if not 0 <= epoch <= _HIGHEST_EPOCH:
        raise RunError(f"epoch {epoch}: a whole number from 0 to {_HIGHEST_EPOCH}")
    return epoch


def check_values(values: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """What was counted in an epoch; RunError if there is too much of it, or it is neither number nor None."""
    if len(values) > _VALUES:
        raise RunError(f"values: at most {_VALUES}, got {len(values)}")
    for name, value in values.items():
        if not name or len(name) > _VALUE_CHARACTERS or not name.isprintable():
            raise RunError(f"value {name[:40]!r}: a name of 1 to {_VALUE_CHARACTERS} printable characters")
        if value is not None and not abs(value) <= sys.float_info.max:  # nor NaN
            raise RunError(f"value {name}: a finite number, or null where there is none")
    return values
