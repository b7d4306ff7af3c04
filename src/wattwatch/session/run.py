"""`wattwatch.run`: measures a part of a Python program.

    with wattwatch.run("mnist", labels={"lr": "0.1"}) as run:
        with run.phase("training"):
            train()
    print(run.energy_joules, run)

It asks the daemon of this machine, or measures in this process where there is none. What cannot be measured
raises when the run begins; from then on the program comes first: trouble is a Python warning, never an error.
"""

import asyncio
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from wattwatch.client import Client, find_socket
from wattwatch.clock import Clock, SystemClock
from wattwatch.errors import ClientError
from wattwatch.reading import Instant
from wattwatch.report.words import number
from wattwatch.runs.run import RunRequest, RunState
from wattwatch.session.hold import Hold
from wattwatch.session.inprocess import open_local_node
from wattwatch.session.measure import mark_start, wait_for_sources
from wattwatch.session.phase import RUN_ID
from wattwatch.session.summary import summary_lines

_SOCKET: Final = "WATTWATCH_SOCKET"
_CLEAN_EXITS: Final = (None, 0)
_CANCELS: Final = (KeyboardInterrupt, asyncio.CancelledError)

_Of = TypeVar("_Of", bound=Callable[..., Any])


class EnergyWarning(UserWarning):
    """Something of a run could not be measured; the program goes on."""


@dataclass(frozen=True, slots=True)
class WantedBlock:
    """What a measured part of a program is called, and where it is measured."""

    name: str = ""
    experiment: str = ""
    phase: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    local: bool = False
    socket: Path | None = None


def run(  # noqa: PLR0913 - keywords, as people write them
    name: str = "",
    *,
    experiment: str = "",
    phase: str = "",
    labels: Mapping[str, str] | None = None,
    local: bool = False,
    socket: str | Path | None = None,
) -> "EnergyRun":
    """A run to be used by `with` or `async with`, or as a decorator of functions and coroutines.

    `name` and `experiment` are what it is found by, `phase` its first phase, `labels` what comparisons are
    made by. `local` measures in this process even if there is a daemon, `socket` names the daemon's.
    Inside a command of `wattwatch tag-run`, or another run of this process, it joins that run: its phases
    are marked there, and there is one result. RunError for names that are not allowed.
    """
    wanted = WantedBlock(name, experiment, phase, dict(labels or {}), local, Path(socket) if socket else None)
    RunRequest(name=name, experiment=experiment, phase=phase, labels=wanted.labels).checked()
    return EnergyRun(wanted)


class EnergyRun:
    """A measured part of this program. Every method may be called from any thread.

    In a child made by `os.fork` it does nothing: the run is the parent's.
    """

    def __init__(self, wanted: WantedBlock, clock: Clock | None = None) -> None:
        self.run_id = ""
        self.result: dict[str, Any] | None = None
        self._wanted = wanted
        self._clock = clock or SystemClock()
        self._undo = ExitStack()
        self._client: Client | None = None
        self._hold: Hold | None = None
        self._start: Instant | None = None
        self._pid = os.getpid()
        self._warned: set[str] = set()
        self._marking = threading.Lock()

    @property
    def is_joined(self) -> bool:
        """Whether this is a part of a run that somebody else opened and will end."""
        return self._client is not None and self._hold is None

    @property
    def energy_joules(self) -> float | None:
        """Gross energy of this node, of a run that goes on so far; None while it is not known."""
        return number(self._node(), "energy_joules")

    @property
    def mean_power_watts(self) -> float | None:
        """Mean power of this node, of a run that goes on so far; None while it is not known."""
        return number(self._node(), "mean_power_watts")

    def document(self) -> dict[str, Any]:
        """The document of the run, as `wattwatch runs show --json` gives it; empty if it cannot be asked."""
        if self.result is not None:
            return self.result
        return self._asked("GET", "") or {}

    def __str__(self) -> str:
        document = self.document()
        return "\n".join(summary_lines(document)) if document else f"run {self.run_id or 'not begun'}"

    def phase(self, name: str) -> "Phase":
        """A phase of the run, inside the one that is open: by `with`, `async with` or as a decorator."""
        return Phase(self, name)

    @contextmanager
    def epoch(self, number_of_epoch: int) -> Iterator[None]:
        """An epoch of the run: it has figures of its own in the result."""
        self.open_epoch(number_of_epoch)
        try:
            yield
        finally:
            self.close_epoch()

    def open_epoch(self, number_of_epoch: int) -> None:
        """Begin an epoch; it ends the one before."""
        self._marked("/epochs", {"epoch": number_of_epoch})

    def close_epoch(self, values: Mapping[str, float | None] | None = None) -> dict[str, Any]:
        """End the open epoch, with values to be kept beside its energy.

        Its figures as far as they are read now: the last interval of the meter is yet to come.
        """
        return self._marked("/epochs", {"close": True, "values": dict(values or {})}) or {}

    def open_phase(self, name: str) -> str:
        """Begin a phase inside the one that is open; the mark that `close_phase` takes, or "" if not."""
        answer = self._marked("/phases", {"phase": name, "nested": True})
        return str(answer["window_id"]) if answer else ""

    def close_phase(self, mark: str) -> None:
        """End the phase of a mark, and those inside it."""
        if mark:
            self._marked("/phases", {"close": True, "window_id": mark})

    def __call__(self, function: _Of) -> _Of:
        """The function, each call of which is a run of its own, named after it unless this has a name."""
        wanted, clock = self._wanted, self._clock
        name = wanted.name or function.__name__

        def fresh() -> EnergyRun:
            others = (wanted.experiment, wanted.phase, wanted.labels, wanted.local, wanted.socket)
            return EnergyRun(WantedBlock(name, *others), clock)

        return _wrapped(function, fresh)

    def __enter__(self) -> Self:
        """Begin; ClientError, ConfigError or StoreError if nothing here can be asked or measure."""
        self.result = None
        joined, socket = os.environ.get(RUN_ID, ""), os.environ.get(_SOCKET, "")
        if joined and socket:  # it is under way, so a daemon that does not answer now is a warning
            self.run_id, self._client = joined, Client(f"unix:{socket}")
            return self
        with ExitStack() as undo:
            self._open(undo)
            self._undo = undo.pop_all()
        return self

    def _open(self, undo: ExitStack) -> None:
        socket = None if self._wanted.local else find_socket(os.environ, self._wanted.socket)
        if socket is None:
            socket = undo.enter_context(open_local_node(os.environ, self._clock))
        client = Client(f"unix:{socket}")
        wait_for_sources(client)
        wanted = self._wanted
        opening = {
            "name": wanted.name or Path(sys.argv[0] or "python").name,
            "experiment": wanted.experiment or None,
            "phase": wanted.phase or None,
            "labels": dict(wanted.labels),
            "armed": True,
        }
        hold = Hold(client, opening)
        undo.callback(hold.close)
        undo.enter_context(_in_environment({RUN_ID: hold.run_id, _SOCKET: str(socket)}))
        self.run_id, self._client, self._hold = hold.run_id, client, hold
        self._start = start = self._clock.now()
        # In a thread: a daemon that is slow to answer must not be a part of the run.
        threading.Thread(target=mark_start, args=(client, hold.run_id, start), daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = self._clock.now()
        if self._is_child():
            return
        with self._undo:
            if self._hold is None or self._start is None:
                self.result = self._asked("GET", "")
                return
            edges = {"started_at": _json(self._start), "at": _json(end)}
            if self._hold.end({"state": _state_of(error).value, **edges}):
                self.result = self._hold.result()
            if self._hold.lost:
                self._warn(self._hold.lost)
            elif self.energy_joules is None:
                self._warn(next(iter(self.document().get("warnings", ())), "its energy is not known"))

    async def __aenter__(self) -> Self:
        """As `with`, beside the event loop."""
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def _node(self) -> Mapping[str, Any]:
        nodes = self.document().get("nodes") or [{}]
        node: Mapping[str, Any] = nodes[0]
        return node

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """What the daemon answers of this run; None, with a warning, if it does not."""
        if self._client is None or self._is_child():
            return None
        place = f"/v1/runs/{self.run_id}{path}"
        try:
            answer: dict[str, Any] = (
                self._client.get_json(place) if method == "GET" else self._client.post_json(place, body)
            )
        except ClientError as error:
            self._warn(str(error))
            return None
        return answer

    def _marked(self, path: str, change: Mapping[str, Any]) -> dict[str, Any] | None:
        """Tell of a change that happens now; threads one by one, since marks are in order of time."""
        with self._marking:
            return self._asked("POST", path, {**change, "at": _json(self._clock.now())})

    def _is_child(self) -> bool:
        return os.getpid() != self._pid

    def _warn(self, text: str) -> None:
        """Once a text: a training of a thousand epochs is not to have a thousand of them."""
        if text not in self._warned:
            self._warned.add(text)
            warnings.warn(f"wattwatch: run {self.run_id}: {text}", EnergyWarning, stacklevel=3)


class Phase:
    """A phase of a run, by `with`, `async with` or as a decorator; it may be entered again and again."""

    def __init__(self, of: EnergyRun, name: str) -> None:
        self._run = of
        self._name = name
        self._marks: list[str] = []

    def __enter__(self) -> Self:
        self._marks.append(self._run.open_phase(self._name))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.close_phase(self._marks.pop())

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def __call__(self, function: _Of) -> _Of:
        """The function, each call of which is the phase."""
        return _wrapped(function, lambda: Phase(self._run, self._name))


def _wrapped(function: _Of, fresh: Callable[[], EnergyRun | Phase]) -> _Of:
    """The function within a fresh context at every call; of a coroutine function, at every await."""
    if iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            async with fresh():
                return await function(*args, **kwargs)

        return awaited  # type: ignore[return-value]

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with fresh():
            return function(*args, **kwargs)

    return called  # type: ignore[return-value]


@contextmanager
def _in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """For this process and those that it starts: they belong to the run."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _state_of(error: BaseException | None) -> RunState:
    if error is None or (isinstance(error, SystemExit) and error.code in _CLEAN_EXITS):
        return RunState.SUCCEEDED
    return RunState.CANCELLED if isinstance(error, _CANCELS) else RunState.FAILED


def _json(instant: Instant) -> dict[str, Any]:
    return {"boot_id": instant.boot_id, "boot_seconds": instant.boot_seconds}
