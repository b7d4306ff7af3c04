"""Runs of the daemon's ledger and of this user's own, merged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from wattwatch.client import Client, find_socket, xdg_state_directory
from wattwatch.clock import Clock
from wattwatch.errors import ClientError, RunError
from wattwatch.runs.choice import EVERY_RUN, RunChoice
from wattwatch.runs.events import Event
from wattwatch.runs.exchange import checked_event
from wattwatch.runs.local import LocalRuns
from wattwatch.runs.run import UnknownRun

LAST: Final = "last"
MOST_LISTED: Final = 10_000
_NOT_FOUND: Final = 404
_SHOWN: Final = 5


def local_ledger(environment: Mapping[str, str]) -> Path:
    """The ledger of runs that were measured in their own process, and of imported ones."""
    return xdg_state_directory(environment) / "local.db"


class Runs:
    """Every run that this user can see; ClientError if there is a daemon that refuses us."""

    def __init__(self, environment: Mapping[str, str], clock: Clock, socket: Path | None = None) -> None:
        found = find_socket(environment, socket)
        self.client = None if found is None else Client(f"unix:{found}")
        self.local = LocalRuns(local_ledger(environment), clock)

    def newest(self, limit: int = MOST_LISTED, choice: RunChoice = EVERY_RUN) -> list[dict[str, Any]]:
        """Documents of wanted runs without phases, epochs and warnings, the last opened first."""
        choice.checked()
        by_id = {document["run_id"]: document for document in self.local.listed(limit, choice)}
        if self.client is not None:
            fields = [("limit", str(min(limit, MOST_LISTED))), *choice.query()]
            listed = self.client.get_json(f"/v1/runs?{urlencode(fields)}")["runs"]
            by_id |= {document["run_id"]: document for document in listed}
        return sorted(by_id.values(), key=_started_at, reverse=True)[:limit]

    def find(self, wanted: str) -> dict[str, Any]:
        """The document of a run by its id, the beginning of its id if only one begins so, or `last`.

        UnknownRun if there is none, RunError if there are several.
        """
        known = self._exactly(wanted)
        if known is not None:
            return known
        if wanted == LAST:
            matching = [document["run_id"] for document in self.newest(1)]
        else:
            listed = self.newest(MOST_LISTED, RunChoice(prefix=wanted))
            matching = [document["run_id"] for document in listed]
        if len(matching) > 1:
            shown = ", ".join(matching[:_SHOWN])
            raise RunError(f"{wanted!r} begins {len(matching)} run ids ({shown} …): give more of it")
        found = self._exactly(matching[0]) if matching else None
        if found is None:
            raise UnknownRun(f"no run {wanted!r}: see wattwatch runs list")
        return found

    def ids(self, wanted: Sequence[str]) -> list[str]:
        """The ids of these runs, each once, as `find` finds them."""
        return list(dict.fromkeys(self.find(one)["run_id"] for one in wanted))

    def events(self, run_id: str) -> list[Event]:
        """Everything that is known of a run: the daemon's, else the user's own; none of a run unknown."""
        answer = self.asked("GET", run_id, "/events")
        if answer is None:
            return self.local.events(run_id)
        return [checked_event(event) for event in answer["events"]]

    def asked(
        self, method: str, run_id: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """What the daemon answers of a run; None without a daemon, and if it does not know the run."""
        if self.client is None or not is_run_id(run_id):
            return None
        place = f"/v1/runs/{run_id}{path}"
        try:
            answer: dict[str, Any] = (
                self.client.get_json(place) if method == "GET" else self.client.post_json(place, body or {})
            )
        except ClientError as error:
            if error.status != _NOT_FOUND:
                raise
            return None
        return answer

    def _exactly(self, run_id: str) -> dict[str, Any] | None:
        if not is_run_id(run_id):
            return None
        return self.asked("GET", run_id, "") or self.local.document(run_id)


def is_run_id(run_id: str) -> bool:
    """Whether it can stand in a path."""
    return run_id.isascii() and run_id.replace(".", "").replace("_", "").replace("-", "").isalnum()


def _started_at(document: Mapping[str, Any]) -> str:
    return str(document["started_at"])
