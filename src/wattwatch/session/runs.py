"""Runs of the daemon's ledger and of this user's own, merged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from wattwatch.client import Client, find_socket, xdg_state_directory
from wattwatch.clock import Clock
from wattwatch.errors import ClientError, RunError
from wattwatch.runs.local import local_documents
from wattwatch.runs.run import UnknownRun

LAST: Final = "last"
_NOT_FOUND: Final = 404
_SHOWN: Final = 5
_MOST: Final = 1000
_NOT_LISTED: Final = ("phases", "epochs", "warnings")


def local_ledger(environment: Mapping[str, str]) -> Path:
    """The ledger of runs that were measured in their own process."""
    return xdg_state_directory(environment) / "local.db"


class Runs:
    """Every run that this user can see; ClientError if there is a daemon that refuses us."""

    def __init__(self, environment: Mapping[str, str], clock: Clock, socket: Path | None = None) -> None:
        found = find_socket(environment, socket)
        self._client = None if found is None else Client(f"unix:{found}")
        self._local = local_documents(local_ledger(environment), clock)

    def newest(self, limit: int = _MOST) -> list[dict[str, Any]]:
        """Documents without phases and warnings, the last opened first."""
        by_id = {document["run_id"]: _listed(document) for document in self._local}
        if self._client is not None:
            listed = self._client.get_json(f"/v1/runs?limit={min(limit, _MOST)}")["runs"]
            by_id |= {document["run_id"]: document for document in listed}
        return sorted(by_id.values(), key=_started_at, reverse=True)[:limit]

    def find(self, wanted: str) -> dict[str, Any]:
        """The document of a run by its id, the beginning of its id if only one begins so, or `last`.

        UnknownRun if there is none, RunError if there are several.
        """
        known = self._exactly(wanted)
        if known is not None:
            return known
        ids = [document["run_id"] for document in self.newest()]
        matching = ids[:1] if wanted == LAST else [run_id for run_id in ids if run_id.startswith(wanted)]
        if len(matching) > 1:
            shown = ", ".join(matching[:_SHOWN])
            raise RunError(f"{wanted!r} begins {len(matching)} run ids ({shown} …): give more of it")
        found = self._exactly(matching[0]) if matching else None
        if found is None:
            raise UnknownRun(f"no run {wanted!r}: see wattwatch runs list")
        return found

    def _exactly(self, run_id: str) -> dict[str, Any] | None:
        local = next((document for document in self._local if document["run_id"] == run_id), None)
        if self._client is None or not is_run_id(run_id):
            return local
        try:
            document: dict[str, Any] = self._client.get_json(f"/v1/runs/{run_id}")
        except ClientError as error:
            if error.status != _NOT_FOUND:
                raise
            return local
        return document


def is_run_id(run_id: str) -> bool:
    """Whether it can stand in a path."""
    return run_id.isascii() and run_id.replace(".", "").replace("_", "").replace("-", "").isalnum()


def _listed(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _NOT_LISTED}


def _started_at(document: Mapping[str, Any]) -> str:
    return str(document["started_at"])
