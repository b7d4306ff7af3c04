import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pages import Outline, outline
from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.html import run_page
from wattwatch.report.series import Trace, trace
from wattwatch.session.summary import summary_lines

EVIL = """</title></style><script src="http://evil.example/x.js">alert('1')</script>&amp;"><img src=x>"""

FIGURES = {
    "node": "pi-1",
    "source": "meter",
    "meter_model": "UM24C",
    "interval_seconds": 0.5,
    "scope": "board",
    "quality": "metered",
    "energy_joules": 412.04,
    "net_energy_joules": None,
    "baseline": None,
    "mean_power_watts": 6.52,
    "peak_power_watts": 7.31,
    "sampled_seconds": 60.0,
    "recovered_seconds": 3.2,
    "missing_seconds": 0.0,
    "covered_ratio": 1.0,
    "edge_uncertainty_joules": 1.2,
    "gap_doubt_joules": 1.8,
    "accumulator_joules": 410.4,
    "disagreement_ratio": 0.004,
    "temperature_celsius": {"zone": "cpu-thermal", "start": 50.0, "mean": 61.5, "max": 75.4},
    "cpu_ratio": 0.93,
    "memory_peak_bytes": 2.5 * 2**30,
    "network_bytes": 0,
    "observer_cpu_ratio": 0.004,
    "observer_energy_joules": 1.5,
}
UNKNOWN = {key: None for key in FIGURES if key != "node"}
BANDS = (PhaseBand("load", 0.0, 10.0), PhaseBand("training", 10.0, 63.2))


def document(*, whole: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    node = FIGURES | (whole or {})
    run = {
        "run_id": "01RUN",
        "name": "training",
        "experiment": "mnist",
        "phase": None,
        "command": "python train.py",
        "exit_status": 0,
        "state": "succeeded",
        "started_at": "2025-06-01T12:00:00.250000Z",
        "ended_at": "2025-06-01T12:01:03.450000Z",
        "duration_seconds": 63.2,
        "completeness": "final",
        "nodes": [node],
        "phases": [{"phase": "load"} | node, {"phase": "training"} | node],
        "warnings": [],
    }
    return run | other


def power(*without: tuple[float, float]) -> Trace:
    """6 or 7 W every half second from 5 s before to 5 s after, but for some stretches."""
    times = [index / 2 for index in range(-10, 137)]
    kept = [at for at in times if not any(start < at < end for start, end in without)]
    return trace("Power of pi-1", "W", [(at, 6.0 + at % 2) for at in kept], 3.0)


def page_of(
    document: dict[str, Any],
    power: Trace | None = None,
    temperature: Trace | None = None,
    bands: tuple[PhaseBand, ...] = (),
) -> str:
    return run_page(document, (NodeCurves("pi-1", power, temperature, bands),))


def cells(page: Outline, head: str) -> list[str]:
    """The values of the row of a table with this head."""
    texts = [(tag, text) for tag, text in page.texts if tag in ("th", "td")]
    index = texts.index(("th", head)) + 1
    row = []
    while index < len(texts) and texts[index][0] == "td":
        row.append(texts[index][1])
        index += 1
    return row


def test_what_was_measured_is_one_plain_sentence() -> None:
    text = outline(page_of(document(), power(), None, BANDS)).text()
    assert "training used 412.0 J (± 3.0 J) in 1 min 03 s on pi-1: 6.52 W on average." in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"whole": {"missing_seconds": 3.0}}, "training used at least 412.0 J"),
        ({"state": "failed", "exit_status": 3}, "training (failed, exit status 3) used 412.0 J"),
        ({"state": "running", "ended_at": None}, "on pi-1 so far: 6.52 W"),
        ({"whole": UNKNOWN}, "training took 1 min 03 s on pi-1; its energy is unknown."),
        ({"nodes": [], "phases": []}, "training took 1 min 03 s; its energy is unknown."),
        ({"name": None, "experiment": None}, "01RUN used 412.0 J"),
        ({"whole": {"edge_uncertainty_joules": None}}, "412.0 J (± unknown)"),
        ({"whole": {"energy_joules": 2.5e6}}, "used 2.50 MJ (± 3.00 J)"),
    ],
)
def test_the_sentence_says_what_is_not_as_it_should_be(change: dict[str, Any], said: str) -> None:
    assert said in outline(page_of(document(**change))).text()


def test_figures_of_the_run_and_its_phases_with_their_doubt() -> None:
    page = outline(page_of(document(), power(), None, BANDS))
    for head, value in {
        "energy (gross)": "412.0 J ± 3.0 J",
        "peak power": "7.31 W",
        "time": "1 min 03 s",
        "recovered from the meter's count": "3.20 s",
        "missing": "0.00 s",
        "by the edges, ±": "1.20 J",
        "by filled gaps, ±": "1.80 J",
        "the meter's own count": "410.4 J",
        "own integral against it": "+0.4%",
        "highest": "75.4 °C",
        "memory, highest use": "2.5 GiB",
        "network": "0 B",
        "its CPU, of all cores": "0.40%",
        "energy above idle (net)": "unknown",
    }.items():
        assert cells(page, head) == [value] * 3
    assert cells(page, "meter") == ["UM24C"]
    assert cells(page, "interval") == ["0.5 s between readings"]
    assert cells(page, "started") == ["2025-06-01 12:00:00 UTC"]


def test_unknown_is_said_and_is_never_zero() -> None:
    page = outline(page_of(document(whole=UNKNOWN)))
    assert cells(page, "energy (gross)") == ["unknown"] * 3
    assert not re.search(r"\b0(\.0+)? (J|mJ|W|s|B|°C)|\b0(\.0+)?%", page.text())
    figures = [text for tag, text in page.texts if tag == "td"]
    assert figures.count("unknown") >= 3 * 21


@given(st.sets(st.sampled_from(sorted(UNKNOWN))), st.sampled_from([None, float("nan"), float("inf")]))
def test_any_figure_may_be_unknown(keys: set[str], value: Any) -> None:
    holes = {key: value if isinstance(FIGURES[key], float | int) else None for key in keys}
    page = outline(page_of(document(whole=holes), power(), None, BANDS))
    assert not {"nan", "inf"} & set(page.text().split())
    if "energy_joules" in keys:
        assert "energy is unknown" in page.text()


def test_tables_tell_their_heads_and_drawings_what_they_show() -> None:
    heat = trace("Temperature of cpu-thermal", "°C", [(0.0, 50.0), (1.0, 51.0)], 3.0)
    page = outline(page_of(document(), power(), heat, BANDS))
    assert len(page.all("table")) == len(page.all("caption")) == 3
    assert {head.get("scope") for head in page.all("th")} == {"col", "row", "rowgroup"}
    assert len(page.all("svg")) == len(page.all("title")) - 1 == len(page.all("desc")) == 2
    ids = {attributes.get("id") for _, attributes in page.tags}
    for drawing in page.all("svg"):
        assert set(drawing["aria-labelledby"].split()) <= ids
    html = page_of(document())
    assert 'name="viewport"' in html
    assert "prefers-color-scheme: dark" in html


def path_of(page: Outline) -> str:
    (path,) = page.all("path", "curve")
    return path["d"]


def test_a_gap_breaks_the_line_and_is_shaded() -> None:
    whole = outline(page_of(document(), power(), None, BANDS))
    assert (path_of(whole).count("M"), whole.all("rect", "gap")) == (1, [])
    assert "the line is broken" not in whole.text()
    broken = outline(page_of(document(), power((20.0, 30.0), (40.0, 42.0)), None, BANDS))
    assert path_of(broken).count("M") == 2  # 2 s without a reading are no gap
    (gap,) = broken.all("rect", "gap")
    assert float(gap["x"]) == pytest.approx(1000 * 25 / 73, abs=0.1)
    assert float(gap["width"]) == pytest.approx(1000 * 10 / 73, abs=0.1)
    assert "the line is broken" in broken.text()
    corners = [float(x) for x in re.findall(r"[ML]([\d.]+) ", path_of(broken))]
    assert not [x for x in corners if 1000 * 25.1 / 73 < x < 1000 * 34.9 / 73]


def test_a_lone_reading_between_gaps_is_a_dot() -> None:
    lone = trace("Power", "W", [(0.0, 5.0), (10.0, 5.0), (20.0, 5.0)], 3.0)
    assert path_of(outline(page_of(document(), lone))).count("h0") == 3


def test_phases_are_bands_with_their_names() -> None:
    again = (*BANDS, PhaseBand("load", 50.0, 60.0))
    page = outline(page_of(document(), power(), None, again))
    bands = page.all("rect", "band")
    assert [band["class"] for band in bands] == ["band p0", "band p1", "band p0"]
    assert float(bands[1]["x"]) == pytest.approx(1000 * 15 / 73, abs=0.1)
    assert [text for tag, text in page.texts if tag == "li"] == ["load", "training"]


def test_without_readings_it_says_so() -> None:
    page = outline(page_of(document()))
    assert page.all("svg") == []
    assert "No power curve" in page.text()
    assert outline(page_of(document(), trace("Power", "W", [], 3.0))).all("svg") == []


def test_what_is_simulated_is_said_loudly() -> None:
    assert "SIMULATED" not in page_of(document(), power())
    page = outline(page_of(document(whole={"quality": "simulated"}), power()))
    said = [text for _, text in page.texts if "SIMULATED" in text]
    assert len(said) == 4  # title, banner, drawing, how it was measured
    assert page.all("p", "simulated")


def test_warnings_and_what_is_not_final_are_told() -> None:
    page = outline(page_of(document(warnings=["too short for this meter"], completeness="provisional")))
    assert "Warning: too short for this meter" in page.text()
    assert "figures may change" in cells(page, "result")[0]
    assert "Not final: provisional: the run goes on" in page.text()
    assert "Not final" not in outline(page_of(document())).text()


def test_who_counted_what_is_told_where_a_fallback_stood_in() -> None:
    parts = [
        {"source": "meter", "scope": "board", "quality": "metered", "energy_joules": 412.04, "seconds": 63.2},
        {"source": "rapl", "scope": "package", "quality": "sensor", "energy_joules": 41.0, "seconds": 9.0},
    ]
    said = "meter 412.0 J in 1 min 03 s (metered, board); rapl 41.0 J in 9.00 s (sensor, package)"
    assert cells(outline(page_of(document(whole={"parts": parts}))), "parts") == [said]
    lines = summary_lines(document(whole={"parts": parts}))
    assert any(line.split(maxsplit=1) == ["parts", said] for line in lines)
    assert not any("parts" in line for line in summary_lines(document()))


def test_nothing_from_outside_can_become_a_tag() -> None:
    whole = FIGURES | dict.fromkeys(("node", "source", "meter_model", "scope", "quality"), EVIL)
    whole["temperature_celsius"] = {"zone": EVIL, "start": 1, "mean": 1, "max": 1}
    whole["baseline"] = {"kind": EVIL, "watts": 2.0, "measured_at": EVIL}
    names = ("run_id", "name", "experiment", "phase", "command", "state", "completeness", "started_at")
    hostile = document(**dict.fromkeys(names, EVIL), whole=whole, warnings=[EVIL])
    hostile["phases"][0]["phase"] = EVIL
    curve = trace(EVIL, EVIL, [(0.0, 1.0), (1.0, 2.0)], 3.0)
    page = outline(page_of(hostile, curve, curve, (PhaseBand(EVIL, 0.0, 63.2),)))
    assert page.text().count("alert('1')") > 20


def test_a_long_run_is_a_small_page() -> None:
    day = trace("Power", "W", ((index / 2, 5.0 + index % 3) for index in range(172_800)), 3.0)
    html = page_of(document(duration_seconds=86_400.0), day)
    assert len(html.encode()) < 60_000


def test_edges_of_the_run_are_marked_and_a_running_one_has_no_end() -> None:
    ended = outline(page_of(document(), power()))
    assert [edge["d"] for edge in ended.all("path", "edge")] == ["M68.5 0V300", "M934.2 0V300"]
    running = outline(page_of(document(state="running", ended_at=None), power()))
    assert [edge["d"] for edge in running.all("path", "edge")] == ["M68.5 0V300"]
