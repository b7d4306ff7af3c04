import re
from dataclasses import replace
from itertools import combinations

import pytest

from support.pages import outline
from support.simulated_runs import PI, PI_K3S, VM, VM_K3S
from support.studies import study_of
from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.series import trace
from wattwatch.report.stats.records import Caution
from wattwatch.report.study import Measured, Study
from wattwatch.report.study_page import study_page
from wattwatch.report.style import STYLE

EVIL = """</title></style><script src="http://evil.example/x.js">alert('1')</script>&amp;"><img src=x>"""
STUDY, CURVES = study_of((PI, VM), 6)
NOTHING = Study("nothing", (), (), (), "", (), (), ())


def test_the_verdict_comes_before_everything_else() -> None:
    page = outline(study_page(STUDY, CURVES))
    heads = [text for tag, text in page.texts if tag in ("h1", "h2")]
    assert heads == [
        "mnist by device",
        "Verdict",
        "Figures of the groups",
        "Differences",
        "Run by run",
        "Energy by phase",
        "Temperature",
        "Over time",
        "Epochs",
        "How it was measured, and how sure it is",
        "How it was computed",
        "The runs",
    ]
    assert "12 runs in 2 groups by device, 1 of them not counted." in page.text()


def test_every_chart_and_table_says_what_it_is() -> None:
    page = outline(study_page(STUDY, CURVES))
    drawings = page.all("svg")
    assert len(drawings) == 4 + 2 + 1 + 1 + 4 + 1
    ids = {attributes.get("id") for _, attributes in page.tags}
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set(drawing["aria-labelledby"].split()) <= ids
    described = [text for tag, text in page.texts if tag == "desc"]
    assert len(described) == len(drawings)
    assert all(described)
    assert len(page.all("table")) == len(page.all("caption")) == len(page.all("div", "scroll"))
    assert {head.get("scope") for head in page.all("th")} == {"col", "row", "rowgroup"}


def test_what_is_simulated_is_said_in_title_banner_and_every_chart() -> None:
    page = outline(study_page(STUDY, CURVES))
    said = [text for _, text in page.texts if "SIMULATED" in text]
    assert len(said) == 2 + len(page.all("svg"))
    metered = replace(STUDY, groups=tuple(replace(group, quality="metered") for group in STUDY.groups))
    assert "SIMULATED" not in study_page(metered, CURVES)


def test_without_readings_without_contrasts_and_without_anything_it_is_still_a_page() -> None:
    assert "No curves" in outline(study_page(STUDY)).text()
    assert "nothing to compare" in outline(study_page(replace(STUDY, contrasts=()))).text()
    assert "0 runs in 0 groups" in outline(study_page(NOTHING)).text()
    empty = tuple(
        replace(
            group,
            summaries={},
            phases={},
            uncertainty_joules=None,
            repetitions=tuple(
                replace(one, figures={}, phases={}, epochs=(), covered_ratio=None, position=None)
                for one in group.repetitions
            ),
        )
        for group in STUDY.groups
    )
    page = outline(study_page(replace(STUDY, groups=empty, contrasts=(), documents=())))
    assert page.all("svg") == []
    assert not re.search(r"\b0(\.0+)? (J|W|s)\b", page.text())
    assert "unknown" in page.text()


def test_nothing_from_outside_can_become_a_tag() -> None:
    curve = trace(EVIL, EVIL, [(0.0, 1.0), (1.0, 2.0)], 3.0)
    curves = {EVIL: (NodeCurves(EVIL, curve, curve, (PhaseBand(EVIL, 0.0, 1.0),)),)}
    caution = Caution(EVIL, EVIL)
    groups = tuple(
        replace(
            group,
            name=f"{EVIL}{index}",
            factors={EVIL: EVIL},
            measured=(Measured(EVIL, EVIL, EVIL, EVIL, EVIL, 1.0, None, None),),
            repetitions=tuple(
                replace(
                    one,
                    run_id=EVIL,
                    started_at=EVIL,
                    state=EVIL,
                    completeness=EVIL,
                    phases={EVIL: one.figures},
                    epochs=[{"epoch": 1, "energy_joules": 2.0, "values": {EVIL: 1.0}}],
                    reason_left_out=EVIL,
                )
                for one in group.repetitions
            ),
            phases={EVIL: group.summaries},
            summaries={
                key: replace(summary, cautions=(caution,)) for key, summary in group.summaries.items()
            },
            cautions=(caution,),
        )
        for index, group in enumerate(STUDY.groups)
    )
    contrasts = tuple(
        replace(one, one=EVIL, other=f"{EVIL}2", verdict=EVIL, phase=phase, cautions=(caution,))
        for one in STUDY.contrasts
        for phase in ("", EVIL)
    )
    degrees = {"zone": EVIL, "start": 1.0, "max": 2.0}
    baseline = {"kind": EVIL, "watts": 1.0, "measured_at": EVIL}
    node = {"node": EVIL, "temperature_celsius": degrees, "baseline": baseline}
    hostile = Study(
        EVIL, (EVIL,), groups, contrasts, EVIL, (caution,), (EVIL,), ({"run_id": EVIL, "nodes": [node]},)
    )
    page = outline(study_page(hostile, curves))
    assert page.text().count("alert('1')") > 60


@pytest.mark.parametrize("setups", [(PI,), (PI, PI_K3S, VM, VM_K3S)])
def test_one_group_and_four(setups: tuple[object, ...]) -> None:
    study, curves = study_of(setups, 10, warm_up=False)  # type: ignore[arg-type]
    html = study_page(study, curves)
    outline(html)
    assert len(html.encode()) < 2_000_000  # forty runs


def test_one_run_alone_is_a_page_without_intervals() -> None:
    study, curves = study_of((PI,), 1, warm_up=False)
    text = outline(study_page(study, curves)).text()
    assert "1 run in 1 group" in text
    assert "1 repetition: no interval can be given" in text


def palette(dark: bool) -> dict[str, tuple[float, float, float]]:
    """Custom properties of the style: the first of each name is the light one, the last the dark one."""
    found: dict[str, tuple[float, float, float]] = {}
    for name, colour in re.findall(r"--(\w+): #([0-9a-f]{3,6})\b", STYLE):
        digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
        red, green, blue = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
        if dark or name not in found:
            found[name] = (red, green, blue)
    return found


def linear(colour: tuple[float, float, float]) -> list[float]:
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]


# Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision deficiency, 2009;
# severity 1.0.
DEFICIENCIES = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip


def lab(rgb: list[float]) -> list[float]:
    """CIE L*a*b* (D65) of linear sRGB."""
    matrix = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    x, y, z = (
        sum(m * max(c, 0.0) for m, c in zip(row, rgb, strict=True)) / w
        for row, w in zip(matrix, white, strict=True)
    )
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_first_groups_can_be_told_apart_by_those_who_see_fewer_colours(
    deficiency: str, dark: bool
) -> None:
    """Colours of neighbouring shape differ by more than 10 in CIE76; the others by their shape, too."""
    matrix = DEFICIENCIES[deficiency]
    colours = palette(dark)
    seen = {}
    for name in (f"g{index}" for index in range(6)):
        rgb = linear(colours[name])
        seen[name] = lab([sum(m * c for m, c in zip(row, rgb, strict=True)) for row in matrix])
    for one, other in combinations(seen, 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5
        same_shape = int(one[1]) % 2 == int(other[1]) % 2
        assert distance > (10 if same_shape else 5), (one, other, distance)


@pytest.mark.parametrize("dark", [False, True])
def test_marks_stand_out_from_the_paper(dark: bool) -> None:
    """WCAG 2.1, 1.4.11: a contrast of at least 3 for what is drawn."""
    colours = palette(dark)

    def luminance(name: str) -> float:
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colours[name]), strict=True))

    for name in (*(f"g{index}" for index in range(6)), "curve", "heat", "ink", "quiet", "alarm"):
        lighter, darker = sorted((luminance(name), luminance("paper")), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, name
