"""`wattwatch baseline`: idle power is measured, and found again."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattwatch.client import Client
from wattwatch.clock import Clock
from wattwatch.errors import ConfigError, RunError
from wattwatch.runs.baseline import (
    LEAST_COVERED_RATIO,
    MEASURED_KINDS,
    Baseline,
    BaselineKind,
    baseline_of,
)
from wattwatch.runs.choice import RunChoice
from wattwatch.runs.labels import BASELINE, GOVERNOR
from wattwatch.session.cooldown import clock_text
from wattwatch.session.hold import Hold
from wattwatch.session.idle import CpuTimes, NotIdleError, business
from wattwatch.session.measure import measures_power, wait_for_sources
from wattwatch.session.progress import Progress
from wattwatch.session.runs import MOST_LISTED, Runs

GOVERNOR_FILE: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")

_LOOK_SECONDS: Final = 5.0
_MINUTE_SECONDS: Final = 60.0
_RENEW_SECONDS: Final = 1.0
_MOST_MINUTES: Final = 24 * 60
_LAST: Final = "last"
_NO_POWER: Final = "nothing measures the power of this machine: see wattwatch sources"


@dataclass(frozen=True, slots=True)
class WantedBaseline:
    """What is measured, and for how long."""

    kind: BaselineKind | None = None  # None: what the machine is now
    minutes: int = 5
    minute_seconds: float = _MINUTE_SECONDS
    look_seconds: float = _LOOK_SECONDS  # before it, whether the machine is idle


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that is to be idle, as the measurement sees it."""

    cpu_times: Callable[[], CpuTimes]
    has_platform: Callable[[], bool]
    governor: str
    sleep: Callable[[float], None]


def governor(path: Path = GOVERNOR_FILE) -> str:
    """The governor of CPU frequencies; "" where there is none, as on most virtual machines."""
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def measure_baseline(
    wanted: WantedBaseline, client: Client, clock: Clock, machine: Machine, progress: Progress
) -> Baseline:
    """Measure idle power as a run of the daemon behind `client`, whose epochs are minutes.

    NotIdleError before or after it if the machine is busy, RunError for a kind that this machine is not or if
    too much time is missing, ClientError. A measurement that failed or was interrupted is in the ledger, but
    is no baseline.
    """
    if not 1 <= wanted.minutes <= _MOST_MINUTES:
        raise ConfigError(f"--minutes {wanted.minutes}: expected 1 to {_MOST_MINUTES}")
    kind = _kind(wanted.kind, has_platform=machine.has_platform())
    progress.event(f"looking for {wanted.look_seconds:g} s whether this machine is idle")
    first = machine.cpu_times()
    machine.sleep(wanted.look_seconds)
    business(first, machine.cpu_times()).check(allows_platform=kind is BaselineKind.PLATFORM)
    sources = wait_for_sources(client)
    if not any(source["state"] == "up" and measures_power(source) for source in sources):
        raise RunError(_NO_POWER)
    progress.event(f"measuring idle power ({kind}) for {wanted.minutes} min: leave the machine alone")
    with closing(Hold(client, _opening(kind, machine.governor))) as hold:
        try:
            _Minutes(wanted, kind, client, hold.run_id, clock, machine).wait(progress)
            _check_covered(client.get_json(f"/v1/runs/{hold.run_id}"))
        except (NotIdleError, RunError):
            hold.end({"state": "failed"})
            raise
        except KeyboardInterrupt:
            hold.end({"state": "cancelled"})
            raise
        document = hold.result() if hold.end({"state": "succeeded"}) else None
    found = None if document is None else baseline_of(document)
    if found is None:
        raise RunError(
            f"no baseline came of run {hold.run_id}: {hold.lost or 'see wattwatch runs show last'}"
        )
    return found


def _kind(wanted: BaselineKind | None, *, has_platform: bool) -> BaselineKind:
    if wanted is None:
        return BaselineKind.PLATFORM if has_platform else BaselineKind.BARE
    if wanted is BaselineKind.BARE and has_platform:
        raise RunError(
            "pods run here (a kubelet's cgroups exist): stop Kubernetes, as by k3s-killall.sh, "
            "or measure --kind platform"
        )
    if wanted is BaselineKind.PLATFORM and not has_platform:
        raise RunError("no kubelet runs here: start Kubernetes first, or measure --kind bare")
    return wanted


def _opening(kind: BaselineKind, governor_name: str) -> dict[str, Any]:
    labels = {BASELINE: kind.value} | ({GOVERNOR: governor_name} if governor_name else {})
    return {"name": f"idle baseline, {kind}", "labels": labels}


@dataclass(frozen=True, slots=True)
class _Minutes:
    """The minutes of a measurement, each an epoch of its run and idle by itself.

    A burst within one of them would be little of the whole, and yet make its mean no idle power.
    """

    wanted: WantedBaseline
    kind: BaselineKind
    client: Client
    run_id: str
    clock: Clock
    machine: Machine

    def wait(self, progress: Progress) -> None:
        """Let them pass; NotIdleError after the first that was not idle."""
        start_seconds, count = self.clock.now().boot_seconds, self.wanted.minutes
        before = self.machine.cpu_times()
        for minute in range(1, count + 1):
            self._mark({"epoch": minute})
            end_seconds = start_seconds + minute * self.wanted.minute_seconds
            while (left := end_seconds - self.clock.now().boot_seconds) > 0:
                all_left = clock_text(left + (count - minute) * self.wanted.minute_seconds)
                progress.show(f"idle baseline · minute {minute}/{count} · {all_left} left")
                self.machine.sleep(min(left, _RENEW_SECONDS))
            after = self.machine.cpu_times()
            is_platform = self.kind is BaselineKind.PLATFORM
            business(before, after).check(allows_platform=is_platform, when=f"in minute {minute}")
            before = after
        self._mark({"close": True})
        progress.clear()

    def _mark(self, change: dict[str, Any]) -> None:
        self.client.post_json(f"/v1/runs/{self.run_id}/epochs", change)


def _check_covered(document: dict[str, Any]) -> None:
    node: dict[str, Any] = next(iter(document["nodes"]), {})
    ratio = node.get("covered_ratio")
    if node.get("source") is None or ratio is None:
        raise RunError(_NO_POWER)
    if ratio < LEAST_COVERED_RATIO:
        raise RunError(
            f"only {ratio:.1%} of the time was covered, {LEAST_COVERED_RATIO:.0%} are needed: "
            "see wattwatch sources"
        )


def known_baselines(runs: Runs) -> list[Baseline]:
    """Every baseline in the ledgers, the newest first; ClientError."""
    documents = (
        runs.find(listed["run_id"])
        for kind in MEASURED_KINDS
        for listed in runs.newest(MOST_LISTED, RunChoice(labels={BASELINE: kind.value}))
    )
    found = (baseline_of(document) for document in documents)
    return sorted(filter(None, found), key=lambda one: one.measured_utc_seconds, reverse=True)


def find_baseline(runs: Runs, wanted: str, node: str = "") -> Baseline:
    """The newest baseline of a kind, or `last`, or that of a run; RunError if there is none.

    `node` is the only machine whose baselines are looked at; "" is any.
    """
    return _candidates(runs, wanted, node)[0]


def find_pair(runs: Runs, one: str, other: str, node: str = "") -> tuple[Baseline, Baseline]:
    """The newest two baselines of one and the same machine; RunError if no machine has both.

    Two run ids are taken as they are: who names both means to compare these, machines or not.
    """
    ones, others = _candidates(runs, one, node), _candidates(runs, other, node)
    if not (_is_kind(one) or _is_kind(other)):
        return ones[0], others[0]
    for first in ones:
        for second in others:
            if first.node == second.node and first != second:
                return first, second
    raise RunError(
        f"no node has both, {one} and {other}: see wattwatch baseline list; "
        "two machines are compared by naming two runs"
    )


def _is_kind(wanted: str) -> bool:
    return wanted == _LAST or wanted in MEASURED_KINDS


def _candidates(runs: Runs, wanted: str, node: str) -> list[Baseline]:
    """At least one, the newest first."""
    if _is_kind(wanted):
        known = known_baselines(runs)
        found = [one for one in known if wanted in (_LAST, one.kind) and node in ("", one.node)]
    else:
        of_run = baseline_of(runs.find(wanted))
        found = [of_run] if of_run is not None and node in ("", of_run.node) else []
    if not found:
        kind = wanted if wanted in MEASURED_KINDS else "bare"
        at = f" of node {node}" if node else ""
        raise RunError(f"no baseline {wanted!r}{at}: wattwatch baseline measure --kind {kind} makes one")
    return found
