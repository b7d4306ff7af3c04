import math
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from support.web_node import FakeNode, snapshot
from wattwatch import __version__, metrics
from wattwatch.exposition.prometheus import render, wants_openmetrics
from wattwatch.exposition.samples import Machine, counter_samples, node_samples
from wattwatch.metrics import METRICS, MetricSpec, Sample
from wattwatch.reading import Quality, Scope

GOLDEN = Path(__file__).parents[1] / "data" / "metrics"
MACHINE = Machine("aarch64", 'Raspberry Pi "4"', "6.1\\rpi")
PLAIN = [spec for spec in METRICS if spec.type != "histogram"]
HISTOGRAMS = [spec for spec in METRICS if spec.type == "histogram"]

label_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.floats(allow_nan=False)


@st.composite
def plain_samples(draw: st.DrawFn) -> Sample:
    spec = draw(st.sampled_from(PLAIN))
    labels = tuple(draw(label_values) for _ in spec.labels)
    # OpenMetrics has no negative or infinite counters, and the parser knows it.
    value = draw(st.floats(0, 1e300) if spec.type == "counter" else values)
    return Sample(spec, labels, value)


many_samples = st.lists(plain_samples(), max_size=30, unique_by=lambda sample: (sample.spec, sample.labels))


def parsed(page: bytes, *, openmetrics: bool) -> list[Metric]:
    parser = parse_openmetrics if openmetrics else parse_text
    families: list[Metric] = list(parser(page.decode()))
    return families


def own_series(families: list[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.startswith("process_")
    }


@pytest.mark.parametrize("openmetrics", [False, True])
@given(samples=many_samples, node=label_values)
def test_the_parser_of_prometheus_reads_back_what_was_rendered(
    openmetrics: bool, samples: list[Sample], node: str
) -> None:
    found = own_series(parsed(render(samples, node, openmetrics=openmetrics), openmetrics=openmetrics))
    assert found == {
        (
            s.spec.name,
            tuple(sorted({"node": node, **dict(zip(s.spec.labels, s.labels, strict=True))}.items())),
        ): s.value
        for s in samples
    }


@pytest.mark.parametrize("openmetrics", [False, True])
@given(samples=many_samples)
def test_a_metric_has_one_head_wherever_its_samples_come(openmetrics: bool, samples: list[Sample]) -> None:
    lines = render(samples, "n", openmetrics=openmetrics).decode().split("\n")
    heads = [line for line in lines if line.startswith("# TYPE wattwatch_")]
    assert len(heads) == len(set(heads)) == len({sample.spec for sample in samples})
    families = parsed("\n".join(lines).encode(), openmetrics=openmetrics)
    types = {family.name: family.type for family in families}
    for sample in samples:
        assert types[sample.spec.name.removesuffix("_total")] == sample.spec.type


@pytest.mark.parametrize("openmetrics", [False, True])
def test_help_survives_whatever_stands_in_it(openmetrics: bool) -> None:
    spec = MetricSpec("wattwatch_odd", "gauge", 'a "quoted"\nhelp \\ with all', ())
    families = parsed(render([Sample(spec, (), 1)], "n", openmetrics=openmetrics), openmetrics=openmetrics)
    assert {family.name: family.documentation for family in families}["wattwatch_odd"] == spec.help


def test_a_value_that_is_not_a_number_is_rendered_as_such() -> None:
    sample = Sample(metrics.POWER, ("m", "vbus", "board", "metered"), math.nan)
    (value,) = own_series(parsed(render([sample], "n", openmetrics=False), openmetrics=False)).values()
    assert math.isnan(value)


def test_a_lone_surrogate_costs_no_scrape() -> None:
    page = render([Sample(metrics.SOURCE_UP, ("bad\udcff",), 1)], "n", openmetrics=False)
    assert 'source="bad?"' in page.decode()


def test_the_process_metrics_are_there_without_node() -> None:
    for openmetrics in (False, True):
        families = parsed(render([], "n", openmetrics=openmetrics), openmetrics=openmetrics)
        cpu = next(family for family in families if family.name.startswith("process_cpu_seconds"))
        assert cpu.samples[0].labels == {}
        assert not any(sample.name.endswith("_created") for family in families for sample in family.samples)


def test_openmetrics_ends_with_its_mark_and_text_does_not() -> None:
    assert render([], "n", openmetrics=True).endswith(b"\n# EOF\n")
    assert b"# EOF" not in render([], "n", openmetrics=False)


@given(
    spec=st.sampled_from(HISTOGRAMS),
    observed=st.lists(st.sampled_from([0.001, 0.01, 0.03, 0.2, 0.7, 1.0, 4.0, 99.0]), max_size=20),
)
def test_histograms_are_cumulative_complete_and_end_in_the_count(
    spec: MetricSpec, observed: list[float]
) -> None:
    labels = tuple("meter" for _ in spec.labels)
    bounds = (*spec.buckets, math.inf)
    counters = {
        (f"{spec.name}_sum", labels): sum(observed),
        (f"{spec.name}_count", labels): float(len(observed)),
    }
    for value in observed:
        bound = next(bound for bound in bounds if value <= bound)
        key = f"{spec.name}_bucket", (*labels, "+Inf" if math.isinf(bound) else f"{bound:g}")
        counters[key] = counters.get(key, 0.0) + 1
    page = render(counter_samples(counters), "n", openmetrics=True)
    family = next(f for f in parsed(page, openmetrics=True) if f.name == spec.name)
    buckets = {float(s.labels["le"]): s.value for s in family.samples if s.name.endswith("_bucket")}
    assert buckets == {bound: sum(value <= bound for value in observed) for bound in bounds}
    sums = {s.name: s.value for s in family.samples if not s.name.endswith("_bucket")}
    assert sums == {f"{spec.name}_sum": sum(observed), f"{spec.name}_count": len(observed)}


# What Prometheus 2.42 sends, and what others do.
ACCEPTS = [
    (
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ),
        True,
    ),
    ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
    ("text/plain;version=0.0.4", False),
    ("text/html,application/xhtml+xml,*/*;q=0.8", False),
    ("*/*", False),
    ("", False),
    ("application/openmetrics-text;version=nonsense", False),
    (";;;,,,=", False),
]


@pytest.mark.parametrize(("accept", "expected"), ACCEPTS)
def test_the_format_is_negotiated(accept: str, expected: bool) -> None:
    assert wants_openmetrics(accept) is expected


@given(st.text(max_size=60))
def test_no_accept_header_breaks_a_scrape(accept: str) -> None:
    assert wants_openmetrics(f"application/openmetrics-text;{accept}") in {True, False}


def every_metric() -> list[Sample]:
    """One sample of every metric that the whole program can show, beyond those of a node."""
    return [
        Sample(spec, tuple(f"{label} 1" for label in spec.labels), 1.0)
        for spec in PLAIN
        if spec.name.startswith("wattwatch_run_")
    ]


def golden_page(*, openmetrics: bool) -> str:
    node = FakeNode()
    samples = [*node_samples(node.now, node.store, MACHINE), *every_metric()]
    page = render(samples, node.now.node, openmetrics=openmetrics).decode()
    lines = [line for line in page.splitlines() if "process_" not in line]
    text = "\n".join(lines).replace(platform.python_version(), "3.11.0") + "\n"
    return text.replace(__version__, "0.0.0", 1)


@pytest.mark.parametrize(("name", "openmetrics"), [("node.prom", False), ("node.om", True)])
def test_the_page_of_a_node_is_as_it_was(name: str, openmetrics: bool) -> None:
    assert golden_page(openmetrics=openmetrics) == (GOLDEN / name).read_text(encoding="utf-8")


def test_both_pages_say_the_same() -> None:
    text = own_series(parsed((GOLDEN / "node.prom").read_bytes(), openmetrics=False))
    assert text == own_series(parsed((GOLDEN / "node.om").read_bytes(), openmetrics=True))
    assert len(text) > 40


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_wrong() -> None:
    # Of the text format only: `promtool check metrics` knows no OpenMetrics names of counters.
    page = (GOLDEN / "node.prom").read_bytes()
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_would_have_found_something() -> None:
    spec = MetricSpec("wattwatch_someThing", "counter", "", ())
    page = render([Sample(spec, (), 1.0)], "n", openmetrics=False)
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert done.returncode != 0


def test_scope_and_quality_stand_in_the_labels() -> None:
    page = render(node_samples(snapshot(), FakeNode().store, MACHINE), "pi-1", openmetrics=False).decode()
    labels = f'node="pi-1",source="meter",zone="vbus",scope="{Scope.BOARD}",quality="{Quality.METERED}"'
    assert f"wattwatch_power_watts{{{labels}}} 5.5\n" in page
