"""Other nodes of a run: the same run at their daemons, marked by their own clocks, all or nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final, TypeVar

from wattwatch.client import Client
from wattwatch.clock import Clock, ClockOffset
from wattwatch.errors import ClientError
from wattwatch.reading import Instant
from wattwatch.runs.several import NodePart
from wattwatch.session.hold import Hold

_Of = TypeVar("_Of")

_FOLLOW_SECONDS: Final = 0.25  # well below the lag that a daemon allows a mark
_EXCHANGES: Final = 8  # of which the quickest tells the offset of the clocks


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node, by the name that its daemon gives itself, and where that daemon answers."""

    name: str
    url: str

    @classmethod
    def of(cls, text: str) -> "NodeAddress":
        """The address in `pi-2=http://pi-2:9816`; ClientError for anything else."""
        name, equals, url = text.partition("=")
        if not (name and equals and url.startswith(("http://", "https://", "unix:"))):
            raise ClientError(f"{text!r}: expected NAME=URL, such as pi-2=http://pi-2:9816")
        return cls(name, url)


@dataclass(frozen=True, slots=True)
class Access:
    """How other daemons let us in."""

    token_file: Path | None = None
    ca_file: Path | None = None

    def client(self, address: NodeAddress) -> Client:
        """Requests to a node; ClientError if the token cannot be read."""
        try:
            token = self.token_file.read_text("utf-8").strip() if self.token_file else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ClientError(f"--token-file {self.token_file}: {error}") from error
        return Client(address.url, token, ca_file=self.ca_file)


class OtherNode:
    """One daemon that takes part; its instants are ours, mapped by the measured offset of the boot clocks."""

    def __init__(self, address: NodeAddress, client: Client, clock: Clock) -> None:
        """Look at its clock; ClientError if it does not answer, or is another node than we were told."""
        self.address = address
        self.client = client
        self._clock = clock
        self._offset = ClockOffset()
        self._boot_id = ""
        self._ahead_seconds = 0.0
        self._hold: Hold | None = None
        self._marked: set[str] = set()
        self._marking = Lock()
        self._look_at_clock()

    def open(self, opening: Mapping[str, Any]) -> None:
        """Open and hold the run there; ClientError if that daemon does not."""
        try:
            self._hold = Hold(self.client, opening)
        except ClientError as error:
            raise self._told(error) from error

    def mark_start(self, at: Instant) -> None:
        """Tell the opening edge; where that fails the end tells it again."""
        with suppress(ClientError):
            self.client.post_json(f"/v1/runs/{self._run_id}/start", {"at": self._there(at)})

    def mark(self, marks: Iterable["Mark"]) -> None:
        """Tell the phases that were not told yet, in order; one that cannot be told now holds up the rest."""
        with self._marking, suppress(ClientError):
            for mark in marks:
                if mark.window_id not in self._marked:
                    self._mark(mark)
                    self._marked.add(mark.window_id)

    def end(
        self, ending: Mapping[str, Any], start: Instant, end: Instant, marks: Sequence["Mark"]
    ) -> NodePart:
        """End the run there with the phases that it had here; its document, or why there is none."""
        hold = self._hold
        if hold is None:
            return self._part(None, "it was not opened")
        with suppress(ClientError):  # the clocks once more: the better look counts
            self._look_at_clock()
        self.mark(marks)
        edges = {"started_at": self._there(start), "at": self._there(end)}
        document = hold.result() if hold.end({**ending, **edges}) else None
        hold.close()
        return self._part(document, hold.lost)

    def cancel(self) -> None:
        """Give up a run that was opened: another node could not take part."""
        if self._hold is not None:
            self._hold.end({"state": "cancelled"})
            self._hold.close()

    @property
    def _run_id(self) -> str:
        return "" if self._hold is None else self._hold.run_id

    def _mark(self, mark: "Mark") -> None:
        change = {"phase": mark.phase, "window_id": mark.window_id} if mark.phase else {"close": True}
        try:
            self.client.post_json(f"/v1/runs/{self._run_id}/phases", {**change, "at": self._there(mark.at)})
        except ClientError as error:
            if not error.status:
                raise  # it was not reached

    def _look_at_clock(self) -> None:
        try:
            for _ in range(_EXCHANGES):
                self._exchange_clocks()
        except ClientError as error:
            raise self._told(error) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ClientError(f"{self.address.name}: is {self.address.url} a wattwatch daemon?") from error

    def _exchange_clocks(self) -> None:
        exchange = self.client.exchange_json("/v1/clock", self._clock.now)
        there = exchange.document
        if there["node"] != self.address.name:
            raise ClientError(
                f"the daemon at {self.address.url} is of {there['node']!r}: name it so in --node"
            )
        if there["boot_id"] != self._boot_id:  # another boot, another clock
            self._boot_id, self._offset = there["boot_id"], ClockOffset()
        received, sent = float(there["received_boot_seconds"]), float(there["sent_boot_seconds"])
        self._offset.add(exchange.sent_at, exchange.received_at, received, sent)
        here_seconds = self._clock.wall().unix_minus_boot_seconds
        utc_seconds = float(there["unix_minus_boot_seconds"]) - here_seconds
        self._ahead_seconds = round(self._offset.seconds + utc_seconds, 6)

    def _there(self, at: Instant) -> dict[str, Any]:
        return {"boot_id": self._boot_id, "boot_seconds": round(self._offset.there_seconds(at), 6)}

    def _part(self, document: dict[str, Any] | None, lost: str) -> NodePart:
        doubt_seconds = round(self._offset.doubt_seconds, 6)
        name, url = self.address.name, self.address.url
        return NodePart(name, url, self._ahead_seconds, doubt_seconds, document, lost)

    def _told(self, error: ClientError) -> ClientError:
        return ClientError(f"{self.address.name}: {error}", error.status)


@dataclass(frozen=True, slots=True)
class Mark:
    """From when on a phase went on here; "" is none."""

    window_id: str
    phase: str
    at: Instant


def _marks(client: Client, run_id: str) -> list[Mark]:
    """The phases that a run had at a daemon after the one that it began with; ClientError."""
    windows = client.get_json(f"/v1/runs/{run_id}/phases")["windows"]
    return [
        Mark(window["window_id"], window["phase"] or "", Instant(**window["start"])) for window in windows[1:]
    ]


class OtherNodes:
    """All other nodes of a run; what one does takes no time from the others."""

    def __init__(self, nodes: Sequence[OtherNode] = ()) -> None:
        self._nodes = nodes

    @classmethod
    def at(cls, addresses: Sequence[NodeAddress], access: Access, clock: Clock) -> "OtherNodes":
        """The nodes at these addresses; ClientError if one does not answer or a name comes twice."""
        names = [address.name for address in addresses]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ClientError(f"--node {min(twice)}: named twice")
        return cls([OtherNode(address, access.client(address), clock) for address in addresses])

    def __bool__(self) -> bool:
        return bool(self._nodes)

    @property
    def clients(self) -> list[Client]:
        """Requests to each of them."""
        return [node.client for node in self._nodes]

    def open(self, opening: Mapping[str, Any]) -> None:
        """Open the run at all of them, or at none: ClientError names the one that refused."""
        try:
            for node in self._nodes:
                node.open(opening)
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """End the run as cancelled wherever it was opened."""
        for node in self._nodes:
            node.cancel()

    def mark_start(self, at: Instant) -> None:
        """Tell all of them when the command began."""
        list(self._at_once(lambda node: node.mark_start(at)))

    @contextmanager
    def following(self, client: Client, run_id: str) -> Iterator[None]:
        """Tell all of them meanwhile what phase the run has at the daemon behind `client`, as it comes.

        A mark that comes late would lower the counters of a phase, which counters must not.
        """
        over = Event()

        def follow() -> None:
            while not over.wait(_FOLLOW_SECONDS):
                with suppress(ClientError):
                    self._mark(_marks(client, run_id))

        thread = Thread(target=follow, name="wattwatch-nodes", daemon=True)
        if self:
            thread.start()
        try:
            yield
        finally:
            over.set()
            if self:
                thread.join()

    def end(
        self, ending: Mapping[str, Any], start: Instant, end: Instant, client: Client, run_id: str
    ) -> list[NodePart]:
        """End the run at all of them, with the phases that it had at the daemon behind `client`."""
        marks: list[Mark] = []
        with suppress(ClientError):  # those that were told already count
            marks = _marks(client, run_id)
        return list(self._at_once(lambda node: node.end(ending, start, end, marks)))

    def _mark(self, marks: Sequence[Mark]) -> None:
        list(self._at_once(lambda node: node.mark(marks)))

    def _at_once(self, act: Callable[[OtherNode], _Of]) -> Iterator[_Of]:
        with ThreadPoolExecutor(max(1, len(self._nodes))) as threads:
            yield from threads.map(act, self._nodes)


ALONE: Final = OtherNodes()
"""No other node."""
