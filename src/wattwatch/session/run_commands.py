"""What `wattwatch runs` changes: runs that are started, marked and ended by hand, their labels, their end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.errors import ClientError
from wattwatch.reading import Instant
from wattwatch.report.words import energy_text, run_title
from wattwatch.runs.choice import labels_from_text
from wattwatch.runs.run import RunConflict, RunRequest, RunState, UnknownRun, check_phase
from wattwatch.session.runs import Runs

_NO_DAEMON: Final = (
    "no daemon is running: start `wattwatch daemon`, or measure one command by `wattwatch tag-run --local`"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends: by its state, else by the exit status of what it was."""

    state: str = ""
    exit_status: int | None = None

    def document(self, at: Instant) -> dict[str, Any]:
        """As the daemon takes it."""
        said = {"exit_status": self.exit_status, "at": _at(at)}
        return {**said, "state": self.state} if self.state else said


def start_run(runs: Runs, request: RunRequest, at: Instant) -> str:
    """Open a run that nobody holds, and give its id; RunError for what cannot be, ClientError."""
    request.checked()
    if runs.client is None:
        raise ClientError(_NO_DAEMON)
    body = {
        "name": request.name,
        "experiment": request.experiment,
        "phase": request.phase,
        "labels": dict(request.labels or {}),
        "at": _at(at),
    }
    return str(runs.client.post_json("/v1/runs", body)["run_id"])


def mark_phase(runs: Runs, wanted: str, phase: str, at: Instant, *, nested: bool = False) -> str:
    """Begin a phase of a run, or with "" end its innermost one; the run's id."""
    check_phase(phase)
    change = {"phase": phase, "nested": nested} if phase else {"close": True}
    return _tell_open(runs, wanted, "/phases", {**change, "at": _at(at)})


def end_run(runs: Runs, wanted: str, ending: Ending, at: Instant) -> str:
    """End a run, and give its id; RunConflict for one that has ended."""
    return _tell_open(runs, wanted, "/end", ending.document(at))


def label_run(runs: Runs, wanted: str, texts: Iterable[str]) -> dict[str, str]:
    """Set labels of `KEY=VALUE` texts and remove those of `KEY=`; the labels that the run has now."""
    changes = {key: value or None for key, value in labels_from_text(texts).items()}
    run_id = runs.find(wanted)["run_id"]
    answer = runs.asked("POST", run_id, "/labels", {"labels": changes})
    run = runs.local.run(run_id)
    if run is not None:
        run = runs.local.label(run, changes)
    return dict(answer["labels"]) if answer else dict(run.labels) if run else {}


def deletable(runs: Runs, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """The documents of these runs, each once; RunConflict if one of them is open."""
    documents = {document["run_id"]: document for document in map(runs.find, wanted)}
    for run_id, document in documents.items():
        if document["state"] == RunState.RUNNING:
            raise RunConflict(f"run {run_id} is still open: wattwatch runs end {run_id} first")
    return list(documents.values())


def deletion_lines(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """What would be hidden, for people, a line each."""
    return [
        f"{document['run_id']}  {run_title(document)}, {document['started_at'].partition('.')[0]}Z, "
        f"{energy_text(document['nodes'][0]) if document['nodes'] else 'energy unknown'}"
        for document in documents
    ]


def delete_runs(runs: Runs, documents: Iterable[Mapping[str, Any]]) -> None:
    """Hide these runs for good, wherever they are: in the daemon's ledger, in the user's own, in both."""
    for document in documents:
        run_id = document["run_id"]
        runs.asked("POST", run_id, "/delete")
        if (run := runs.local.run(run_id)) is not None:
            runs.local.delete(run)


def _tell_open(runs: Runs, wanted: str, path: str, body: Mapping[str, Any]) -> str:
    document = runs.find(wanted)
    run_id: str = document["run_id"]
    if document["state"] != RunState.RUNNING:
        raise RunConflict(f"run {run_id} has ended: {document['state']}")
    if runs.asked("POST", run_id, path, body) is None:
        where = "another process measures it" if runs.local.run(run_id) else "its daemon does not know it"
        raise UnknownRun(f"run {run_id}: {where}: mark it from inside its command, by wattwatch phase")
    return run_id


def _at(at: Instant) -> dict[str, Any]:
    return {"boot_id": at.boot_id, "boot_seconds": at.boot_seconds}
