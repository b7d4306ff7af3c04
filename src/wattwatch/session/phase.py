"""`wattwatch phase`: marks a phase of the run that this process is in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.client import Client, find_socket
from wattwatch.errors import ClientError, RunError
from wattwatch.reading import Instant

RUN_ID: Final = "WATTWATCH_RUN_ID"


class NoRunError(RunError):
    """This process is not in a run."""


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """What happens to the phases of a run at an instant: `phase` begins, or with "" the innermost ends."""

    phase: str
    at: Instant
    nested: bool = False

    def document(self) -> dict[str, Any]:
        """As the daemon takes it."""
        at = {"boot_id": self.at.boot_id, "boot_seconds": self.at.boot_seconds}
        if not self.phase:
            return {"close": True, "at": at}
        return {"phase": self.phase, "nested": self.nested, "at": at}


def mark_phase(mark: PhaseMark, environment: Mapping[str, str]) -> None:
    """Mark the run that the environment names.

    NoRunError outside a run; ClientError if its daemon cannot be told, or does not agree.
    """
    run_id = environment.get(RUN_ID)
    if not run_id:
        raise NoRunError(f"not inside a run (${RUN_ID} is not set): wattwatch tag-run -- CMD makes one")
    socket = find_socket(environment)
    if socket is None:
        raise ClientError("no daemon is running: start `wattwatch daemon`, or set $WATTWATCH_SOCKET")
    Client(f"unix:{socket}").post_json(f"/v1/runs/{run_id}/phases", mark.document())
