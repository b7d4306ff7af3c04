"""The verdict first: for each pair of groups its ratios by name, a sentence, what speaks against it. Pure."""

from collections.abc import Iterator
from html import escape
from typing import Final

from wattwatch.report.markup import quiet, warning
from wattwatch.report.quantities import TIMES, measure_of
from wattwatch.report.stats.records import Caution, Estimate
from wattwatch.report.study import Contrast, Study

_TILES: Final = ("energy_joules", "net_energy_joules", "mean_power_watts", "duration_seconds")
_SAID: Final = ("energy_joules", "net_energy_joules", "mean_power_watts", "duration_seconds")
_AS_READ: Final = "; as read, "  # before it: what is not comparable
_MOST_CARDS: Final = 12


def verdict_section(study: Study) -> Iterator[str]:
    """A card for each pair of groups; where nothing was compared, that is said."""
    pairs = list(dict.fromkeys((contrast.other, contrast.one) for contrast in study.contrasts))
    yield "<h2>Verdict</h2>"
    if not pairs:
        yield quiet("Fewer than two groups have runs that count: nothing to compare.")
    if study.interaction:
        yield f'<p class="lead">{escape(study.interaction)}</p>'
    if pairs:
        yield '<div class="cards">'
        for other, one in pairs[:_MOST_CARDS]:
            yield _card(study, one, other)
        yield "</div>"
    if len(pairs) > _MOST_CARDS:
        yield quiet(f"{len(pairs) - _MOST_CARDS} more pairs are in the table of differences.")


def _card(study: Study, one: str, other: str) -> str:
    of_pair = {
        contrast.measure: contrast
        for contrast in study.contrasts
        if (contrast.one, contrast.other, contrast.phase) == (one, other, "")
    }
    tiles = "".join(_tile(of_pair[key]) for key in _TILES if key in of_pair)
    said = "".join(f"<li>{escape(_said(of_pair[key]))}</li>" for key in _SAID if key in of_pair)
    cautions = unique(c for key in _SAID if key in of_pair for c in of_pair[key].cautions)
    return (
        f'<section class="card"><h3>{escape(other)} against {escape(one)}</h3>'
        f'<dl class="tiles">{tiles}</dl>'
        f"{''.join(warning(caution.text, 'Beware') for caution in cautions)}"
        f'<ul class="said">{said}</ul></section>'
    )


def _said(contrast: Contrast) -> str:
    """The verdict; why it is none in absolute terms stands above it, as a caution."""
    _, mark, as_read = contrast.verdict.partition(_AS_READ)
    return f"as read, {as_read}" if mark and contrast.cautions else contrast.verdict


def _tile(contrast: Contrast) -> str:
    ratio = contrast.difference.ratio
    value = "not defined" if ratio is None else f"{ratio.value:.2f} {TIMES}"
    return (
        f"<div><dt>ratio of {escape(measure_of(contrast.measure).title)}</dt>"
        f"<dd>{value}<small>{_interval(ratio)}</small></dd></div>"
    )


def _interval(ratio: Estimate | None) -> str:
    if ratio is None or ratio.low is None or ratio.high is None:
        return "no interval"
    return f"95 % {ratio.low:.2f} to {ratio.high:.2f}"


def unique(cautions: Iterator[Caution]) -> list[Caution]:
    """Each text once, in order."""
    return list({caution.text: caution for caution in cautions}.values())


def caution_section(study: Study) -> Iterator[str]:
    """Everything that has to be known before believing the figures, by whom it concerns."""
    whole = unique(iter(study.cautions))
    said = {caution.text for caution in whole}
    yield from (warning(caution.text, "Beware") for caution in whole)
    for group in study.groups:
        own = [*group.cautions]
        for key, summary in group.summaries.items():
            title = measure_of(key).title
            own += [Caution(caution.code, f"{title}: {caution.text}") for caution in summary.cautions]
        texts = [caution.text for caution in unique(iter(own)) if caution.text not in said]
        if texts:
            yield warning("; ".join(texts), group.name)
