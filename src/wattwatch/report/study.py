"""A study: runs in groups, their figures, and the differences between them, as records. Pure and light.

`compare` makes one of run documents; every output (terminal, Markdown, CSV, JSON, LaTeX, HTML, figures for
papers) is a function of it and adds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.report.stats.records import Caution, Difference, Equivalence, Estimate, Summary

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that runs are compared by; `key` is its name in JSON and carries the unit."""

    key: str
    title: str
    unit: str


MEASURES: Final = (
    Measure("energy_joules", "energy", "J"),
    Measure("net_energy_joules", "net energy", "J"),
    Measure("duration_seconds", "time", "s"),
    Measure("mean_power_watts", "mean power", "W"),
    Measure("peak_power_watts", "peak power", "W"),
    Measure("temperature_max_celsius", "highest temperature", "°C"),
)


@dataclass(frozen=True, slots=True)
class Repetition:
    """One run of a group: its figures by measure key, summed over its nodes; None is unknown.

    Of a temperature it is the highest of the nodes. `phases` has the same figures by phase.
    """

    run_id: str
    number: int  # from 1, in order of start within the group
    position: int | None  # place in the order in which all runs of a series were made
    started_at: str
    state: str
    completeness: str
    covered_ratio: float | None
    figures: Mapping[str, float | None]
    phases: Mapping[str, Mapping[str, float | None]]
    epochs: Sequence[Document] = ()
    is_left_out: bool = False  # a warm-up, or without result: shown, not counted
    reason_left_out: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """How the energy of a group was measured: one entry for each node and source that stood for it."""

    node: str
    source: str
    meter_model: str
    scope: str
    quality: str
    covered_ratio: float | None  # the least of all repetitions
    gain_ratio: float | None  # half width of the meter's class, of the reading; None if it is not known
    offset_watts: float | None  # half width of the meter's class, constant


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that share the values of the factors."""

    name: str  # for people: "pi, bare"
    factors: Mapping[str, str]  # {"device": "pi", "platform": "bare"}
    repetitions: tuple[Repetition, ...]
    measured: tuple[Measured, ...]
    quality: str  # the worst of all
    scopes: tuple[str, ...]
    summaries: Mapping[str, Summary]  # by measure key; without those that are unknown
    phases: Mapping[str, Mapping[str, Summary]]  # by phase, then by measure key
    uncertainty_joules: Estimate | None  # of the mean energy at k = 2: spread, meter class, edges, gaps
    cautions: tuple[Caution, ...] = ()
    net_uncertainty_joules: Estimate | None = None  # of the mean net energy, idle power included

    @property
    def counted(self) -> tuple[Repetition, ...]:
        """The repetitions that the summaries are made of."""
        return tuple(repetition for repetition in self.repetitions if not repetition.is_left_out)


@dataclass(frozen=True, slots=True)
class Contrast:
    """One measure of two groups: `other` against `one`."""

    one: str  # names of groups
    other: str
    measure: str  # key
    phase: str  # "" is the whole run
    difference: Difference
    p_value_holm: float | None  # adjusted for all contrasts of the measure
    equivalence: Equivalence | None
    resolvable: bool | None  # whether the difference is beyond what the meters can tell apart; None: unknown
    verdict: str  # one sentence
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that a report of several runs says."""

    title: str
    by: tuple[str, ...]
    groups: tuple[Group, ...]
    contrasts: tuple[Contrast, ...]
    interaction: str  # in words, for two factors; "" for less
    cautions: tuple[Caution, ...]
    method: tuple[str, ...]  # how it was computed, a sentence each
    documents: tuple[Document, ...]  # the run documents that it was made of

    @property
    def is_simulated(self) -> bool:
        """Whether any figure of it is not a measurement."""
        return any(group.quality == "simulated" for group in self.groups)
