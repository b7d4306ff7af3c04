"""Differences between groups: tests, ratios, verdicts, and whether they may be compared at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.report.groups import PHASE_MEASURES, known_values, metered_of
from wattwatch.report.members import labels_of
from wattwatch.report.stats.difference import Method, difference
from wattwatch.report.stats.equivalence import equivalence
from wattwatch.report.stats.multiplicity import holm
from wattwatch.report.stats.planning import detectable_between
from wattwatch.report.stats.records import Caution, Difference, Equivalence, Summary
from wattwatch.report.stats.trend import confounded_order
from wattwatch.report.stats.uncertainty import is_resolvable, resolution_joules
from wattwatch.report.stats.verdict import Compared, Grounds, sentence
from wattwatch.report.study import MEASURES, Contrast, Group, Measure
from wattwatch.runs.labels import SERIES

_METERED: Final = ("energy_joules", "net_energy_joules", "mean_power_watts", "peak_power_watts")
_RESOLVED: Final = ("energy_joules", "net_energy_joules", "mean_power_watts")
_LEAST_TESTED: Final = 2
_OF_FIGURE: Final = ("no-spread", "p-approximated")
_CELSIUS: Final = "°C"
_SCOPE_CONTENTS: Final = {
    "wall": "a wall meter has the power supply's losses in it",
    "board": "a board's input has memory, network and disk in it",
    "package": "a processor package leaves out memory, disk and power supply",
}
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ContrastOptions:
    """How groups are compared; the margin is a share of the first group's mean."""

    method: Method
    equivalence_ratio: float | None
    seed: int


def contrasts_of(
    pairs: Sequence[tuple[Group, Group]], documents: Mapping[str, Document], options: ContrastOptions
) -> Iterator[Contrast]:
    """Every measure of every pair, whole runs first; `documents` by run id. Holm over a measure's pairs."""
    for measure in MEASURES:
        yield from _of_measure(pairs, measure, "", documents, options)
    phases = dict.fromkeys(phase for one, other in pairs for phase in one.phases if phase in other.phases)
    for phase in phases:
        for measure in MEASURES:
            if measure.key in PHASE_MEASURES:
                yield from _of_measure(pairs, measure, phase, documents, options)


def _of_measure(
    pairs: Sequence[tuple[Group, Group]],
    measure: Measure,
    phase: str,
    documents: Mapping[str, Document],
    options: ContrastOptions,
) -> Iterator[Contrast]:
    known = [
        _Pair(one, other, measure, phase, documents, options)
        for one, other in pairs
        if measure.key in _summaries(one, phase) and measure.key in _summaries(other, phase)
    ]
    found = [pair.difference() for pair in known]
    adjusted = holm([each.p_value for each in found])
    for pair, of_pair, p_value in zip(known, found, adjusted, strict=True):
        yield pair.contrast(of_pair, p_value)


def _summaries(group: Group, phase: str) -> Mapping[str, Summary]:
    return group.phases.get(phase, {}) if phase else group.summaries


@dataclass(frozen=True, slots=True)
class _Pair:
    one: Group
    other: Group
    measure: Measure
    phase: str
    documents: Mapping[str, Document]
    options: ContrastOptions

    def difference(self) -> Difference:
        one, other = (known_values(g.counted, self.measure.key, self.phase) for g in (self.one, self.other))
        return difference(one, other, method=self.options.method, seed=self.options.seed)

    def contrast(self, found: Difference, p_value: float | None) -> Contrast:
        flags = tuple(self._not_comparable())
        resolution = self._resolution()
        equivalent = self._equivalence()
        one, other = self._summary(self.one), self._summary(self.other)
        title = f"{self.measure.title} in {self.phase}" if self.phase else self.measure.title
        compared = Compared(self.one.name, self.other.name, title, self.measure.unit, one.count, other.count)
        detectable = detectable_between(one, other, method=self.options.method)
        grounds = Grounds(p_value, resolution, detectable, equivalent)
        said = sentence(compared, found, grounds)
        return Contrast(
            self.one.name,
            self.other.name,
            self.measure.key,
            self.phase,
            found,
            p_value,
            equivalent,
            is_resolvable(found.shift.value, resolution),
            f"not comparable in absolute terms ({_kinds(self.one, self.other)}); as read, {said}"
            if flags
            else said,
            (*flags, *_named(found.cautions, title), *self._order()),
        )

    def _summary(self, group: Group) -> Summary:
        return _summaries(group, self.phase)[self.measure.key]

    def _not_comparable(self) -> Iterator[Caution]:
        """Energy and power of different scope or quality are not of the same thing."""
        if self.measure.key not in _METERED:
            return
        one, other = self.one, self.other
        if one.scopes != other.scopes:
            parts = [_SCOPE_CONTENTS[s] for s in (*one.scopes, *other.scopes) if s in _SCOPE_CONTENTS]
            why = f": {'; '.join(dict.fromkeys(parts))}" if parts else ""
            text = f"not comparable in absolute terms: {_kinds(one, other)}{why}"
            yield Caution("scopes-differ", text)
        if one.quality != other.quality:
            text = f"{one.name} is {one.quality or 'unknown'}, {other.name} {other.quality or 'unknown'}"
            yield Caution("qualities-differ", f"figures of different quality: {text}")

    def _resolution(self) -> float | None:
        """What the meters alone can make, of whole runs."""
        if self.phase or self.measure.key not in _RESOLVED:
            return None
        one, other = (metered_of(group, self.measure.key) for group in (self.one, self.other))
        if not one or not other:
            return None
        same_meters = _meters(self.one) == _meters(self.other)
        is_net = self.measure.key == "net_energy_joules"
        return resolution_joules(one, other, same_meters=same_meters, is_net=is_net)

    def _equivalence(self) -> Equivalence | None:
        ratio = self.options.equivalence_ratio
        if self.measure.unit == _CELSIUS:  # a share of it means nothing
            return None
        values = [known_values(g.counted, self.measure.key, self.phase) for g in (self.one, self.other)]
        margin = 0.0 if ratio is None else ratio * abs(self._summary(self.one).mean.value)
        if not margin or min(map(len, values)) < _LEAST_TESTED:
            return None
        one, other = values
        return equivalence(one, other, margin)

    def _order(self) -> Iterator[Caution]:
        """Whether what was made in one series was made in an order that hides a drift."""
        places = [[self._place(r.run_id, r.position) for r in g.counted] for g in (self.one, self.other)]
        known = [[place for place in of_group if place is not None] for of_group in places]
        values = [known_values(g.counted, self.measure.key, self.phase) for g in (self.one, self.other)]
        series = {of_run[0] for of_group in known for of_run in of_group}
        if len(series) != 1 or any(len(k) != len(v) or not v for k, v in zip(known, values, strict=True)):
            return
        one_places, other_places = ([place for _, place in of_group] for of_group in known)
        found = confounded_order(values[0], values[1], one_places, other_places)
        if found is not None:
            yield found

    def _place(self, run_id: str, position: int | None) -> tuple[str, int] | None:
        series = labels_of(self.documents[run_id]).get(SERIES)
        return None if series is None or position is None else (series, position)


def _named(cautions: Sequence[Caution], title: str) -> Iterator[Caution]:
    """Those that hold for one figure only, with its name; how few repetitions there are holds for all."""
    for caution in cautions:
        is_of_figure = caution.code in _OF_FIGURE
        yield Caution(caution.code, f"{title}: {caution.text}") if is_of_figure else caution


def _meters(group: Group) -> list[tuple[str, str, str]]:
    return sorted((m.node, m.source, m.meter_model) for m in group.measured)


def _kinds(one: Group, other: Group) -> str:
    described = (
        f"{g.name}: {'+'.join(g.scopes) or 'unknown'}, {g.quality or 'unknown'}" for g in (one, other)
    )
    return "; ".join(described)
