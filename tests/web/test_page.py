import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from support.web_node import METER, NOW, DatedFakeHistory, FakeNode, snapshot, status
from wattwatch import metrics
from wattwatch.clock import WallOffset
from wattwatch.errors import StoreError
from wattwatch.metrics import Sample
from wattwatch.reading import Instant, Quality, Reading
from wattwatch.runs.run import Run, Stamp
from wattwatch.sampling.snapshot import SourceHealth
from wattwatch.store.base import Span, StoreHealth
from wattwatch.web.http import Response
from wattwatch.web.page import fragment, page

VOID = {"meta", "br", "link", "wbr"}


class Outline(HTMLParser):
    """Tags that are opened and not closed, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += data + " "


def shown(node: FakeNode, **more: Any) -> str:
    response = page(node.view(**more))
    assert response.content_type == "text/html; charset=utf-8"
    outline = Outline()
    outline.feed(response.body.decode())
    assert outline.open == []
    tags = [tag for tag, _ in outline.seen]
    assert tags.count("script") == 1  # ours
    assert not {"iframe", "object", "embed", "img", "form", "base"} & set(tags)
    for tag, attributes in outline.seen:
        assert not {"src", "style"} & attributes.keys()
        assert tag != "link" or attributes["href"].startswith("data:")
        assert not [name for name in attributes if name.startswith("on")]
    ids = [attributes["id"] for _, attributes in outline.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    return re.sub(r"\s+", " ", outline.text)


def test_it_shows_node_power_sources_values_and_links() -> None:
    text = shown(FakeNode())
    for words in ("pi-1", "5.50 W", "5.5 W", "scope board, metered", "since boot 1.23 kJ",
                  "vbus/ voltage_volts",
                  "5.1 V", "1.50 GHz", "31 °C", "/metrics", "/v1/sources", "Documentation", "um24c a test's",
                  "No readings in the last minutes"):  # fmt: skip
        assert words in text, words
    assert "SIMULATED" not in text
    html = page(FakeNode().view()).body.decode()
    assert 'name="viewport"' in html
    assert "color-scheme: light dark" in html


def test_what_is_simulated_is_said_loudly() -> None:
    assert "SIMULATED: these are not measurements" in shown(FakeNode(snapshot(simulated=True)))
    fake = replace(METER[0], quality=Quality.SIMULATED)
    assert "SIMULATED (meter)" in shown(FakeNode(snapshot(readings=[Reading(fake, 1.0, NOW)])))
    expected = snapshot(readings=(), sources=(status("meter", "um24c", (fake,)),))
    assert "SIMULATED (meter)" in shown(FakeNode(expected))


def test_what_does_not_work_is_said_with_its_reason() -> None:
    gone = SourceHealth(state="down", last_error="no such device: /dev/rfcomm0")
    node = FakeNode(snapshot(readings=(), sources=(status("meter", "um24c", METER, gone),)))
    node.store = StoreHealth(0, None, degraded="disk full")
    node.now = replace(node.now, wall=WallOffset(1.7e9, synchronised=False))
    text = shown(node)
    for words in ("down", "no such device: /dev/rfcomm0", "no reading now", "disk full", "not synchronised"):
        assert words in text


def test_without_a_power_source_it_says_so() -> None:
    assert "No power source" in shown(FakeNode(snapshot(primary=None)))


def run_samples(missing_seconds: float = 0.0) -> tuple[Sample, ...]:
    return (
        Sample(metrics.RUN_ACTIVE, ("01RUN", "", "training"), 1.0),
        Sample(metrics.RUN_INFO, ("01RUN", "mnist", "e", "", "", ""), 1.0),
        Sample(metrics.RUN_GROSS_ENERGY, ("01RUN", "load", "board", "metered"), 100.0),
        Sample(metrics.RUN_GROSS_ENERGY, ("01RUN", "training", "board", "metered"), 1134.0),
        Sample(metrics.RUN_SECONDS, ("01RUN", "sampled"), 200.0),
        Sample(metrics.RUN_SECONDS, ("01RUN", "missing"), missing_seconds),
        Sample(metrics.RUN_INFO, ("02OVER", "over", "e", "", "", ""), 1.0),
    )


def a_run(start: Stamp) -> Run:
    return Run("01RUN", "pi-1", "mnist", "e", "training", "train", {}, start)


def test_active_runs_are_listed_by_name_and_phase_with_what_they_have_cost() -> None:
    node = FakeNode(runs=run_samples())
    text = shown(node, known_run=lambda _: a_run(Stamp(Instant("boot-1", 1877.0), 0.0)))
    assert "mnist training elapsed 2 min 03 s energy so far 1.23 kJ 01RUN" in text
    assert "over" not in text.split("Active runs")[1].split("Sources")[0]
    assert "None. Try wattwatch tag-run" in shown(FakeNode())


def test_a_run_with_time_missing_has_a_lower_bound() -> None:
    text = shown(FakeNode(runs=run_samples(missing_seconds=12.0)))
    assert "energy so far ≥ 1.23 kJ missing 12.0 s" in text
    assert "elapsed" not in text  # nobody knows the run


def test_a_run_that_began_before_a_reboot_is_as_old_as_utc_says() -> None:
    started = Stamp(Instant("boot-0", 5.0), 1_700_002_000.0 - 7500)
    assert "elapsed 2 h 05 min" in shown(FakeNode(runs=run_samples()), known_run=lambda _: a_run(started))


def test_what_the_machine_has_not_is_one_list_with_reasons() -> None:
    absent = [SourceHealth(state="unsupported", last_error=f"no {name} here") for name in ("a", "b")]
    sources = (
        status("rapl", "powercap", (), absent[0]),
        status("meter", "um24c", METER),
        status("gpu", "nvml", (), absent[1]),
    )
    text = shown(FakeNode(snapshot(sources=sources)))
    assert "Not on this machine rapl no a here gpu no b here" in text
    assert text.index("31 °C") < text.index("Not on this machine")


def test_how_long_a_source_is_down_is_said() -> None:
    gone = SourceHealth(
        state="down", last_error="hung up", last_success=Instant("boot-1", 1700.0), consecutive_failures=42
    )
    text = shown(FakeNode(snapshot(readings=(), sources=(status("meter", "um24c", METER, gone),))))
    assert "hung up last reading 5 min 00 s ago 42 failures in a row" in text


def test_a_store_that_cannot_be_read_costs_the_curve_only() -> None:
    class Broken(DatedFakeHistory):
        def readings(self, channel_id: str, span: Span) -> Iterator[Reading]:
            raise StoreError(f"no {channel_id} in {span}")

    text = shown(FakeNode(history=Broken()))
    assert "No curve: no meter/vbus/power_watts" in text
    assert "5.50 W" in text


def test_the_policy_allows_our_own_texts_and_nothing_else() -> None:
    response = page(FakeNode().view())
    policy = dict(part.split(" ", 1) for part in header(response, "Content-Security-Policy").split("; "))
    assert policy.pop("default-src") == "'none'"
    html = response.body.decode()
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert policy == {"connect-src": "'self'", "img-src": "data:", "base-uri": "'none'",
                      "form-action": "'none'", "frame-ancestors": "'none'"}  # fmt: skip


def header(response: Response, name: str) -> str:
    (value,) = [value for own, value in response.headers if own == name]
    return value


def test_the_fragment_is_what_changes_of_the_page() -> None:
    node = FakeNode(runs=run_samples())
    whole, part = (make(node.view()).body.decode() for make in (page, fragment))
    assert "<style" not in part
    assert "<script" not in part
    parts = re.findall(r'<\w+ id="(\w+)" data-part>', part)
    assert parts == re.findall(r'<\w+ id="(\w+)" data-part>', whole)
    assert parts == ["top", "warnings", "power", "runs", "sources"]
    assert part.split("data-part", 1)[1].removesuffix("\n") in whole
    assert len(part) < 0.5 * len(whole)


def test_nothing_that_is_shown_can_become_a_tag() -> None:
    evil = "<script>alert(1)</script>&\"'"
    channel = replace(METER[0], source=evil, zone=evil)
    health = SourceHealth(state=evil, last_success=Instant("boot-1", 1.0), last_error=evil)
    sources = (status(evil, evil, (channel,), health),)
    node = FakeNode(
        replace(
            snapshot(readings=[Reading(channel, 1.0, NOW)], sources=sources),
            node=evil,
        ),
        store=StoreHealth(0, None, degraded=evil),
        runs=(
            Sample(metrics.RUN_INFO, (evil, evil, evil, "", "", ""), 1.0),
            Sample(metrics.RUN_ACTIVE, (evil, "", evil), 1.0),
        ),
    )
    assert evil in shown(node)  # as text; shown() fails on another script tag


def test_a_gap_limit_that_a_reload_brings_is_drawn_by() -> None:
    node, limit_seconds = FakeNode(), [3.0]
    for seconds in (-30.0, -25.0, -20.0):
        node.history.put(Reading(METER[0], 5.0, NOW.plus(seconds)))
    view = node.view(gap_seconds=lambda: limit_seconds[0])
    before = page(view).body
    limit_seconds[0] = 60.0
    assert page(view).body != before
    limit_seconds[0] = 3.0
    assert page(view).body == before
