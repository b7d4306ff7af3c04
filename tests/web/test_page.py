import re
from dataclasses import replace
from html.parser import HTMLParser

from support.web_node import METER, NOW, FakeNode, snapshot, status
from wattwatch import metrics
from wattwatch.clock import WallOffset
from wattwatch.metrics import Sample
from wattwatch.reading import Instant, Quality, Reading
from wattwatch.sampling.snapshot import SourceHealth
from wattwatch.store.base import StoreHealth
from wattwatch.web.page import page

VOID = {"meta", "br"}


class Outline(HTMLParser):
    """Tags that are opened and not closed, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data + " "


def shown(node: FakeNode) -> str:
    response = page(node.view())
    assert response.content_type == "text/html; charset=utf-8"
    outline = Outline()
    outline.feed(response.body.decode())
    assert outline.open == []
    assert "script" not in outline.seen
    return re.sub(r"\s+", " ", outline.text)


def test_it_shows_node_power_sources_values_and_links() -> None:
    text = shown(FakeNode())
    for words in ("pi-1", "5.5 W", "scope board, metered", "1,234 J since boot", "meter/vbus/voltage_volts",
                  "5.1 V", "1.50 GHz", "31 °C", "/metrics", "um24c a test's"):  # fmt: skip
        assert words in text
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


def test_active_runs_are_listed_by_name_and_phase() -> None:
    info = Sample(metrics.RUN_INFO, ("01RUN", "mnist", "e", "", "", ""), 1.0)
    active = Sample(metrics.RUN_ACTIVE, ("01RUN", "", "training"), 1.0)
    text = shown(FakeNode(runs=(active, info)))
    assert "mnist training 01RUN" in text
    assert "None. Try wattwatch tag-run" in shown(FakeNode())


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
    assert evil in shown(node)  # as text; shown() fails on a script tag
