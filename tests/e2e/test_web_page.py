"""The page as a person meets it: a real daemon, a simulated meter, a headless Chromium."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.chromium import Chromium, Tab, need_chromium
from support.daemon_process import Home, MeterProcess, free_port, until

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("chromium")]

PHONE = (360, 740)
DESKTOP = (1280, 900)
EVERYTHING = (
    "pi-1",
    "SIMULATED (meter): these are not measurements.",
    "Power of this node",
    "Measured by meter/vbus/power_watts, scope board, simulated",
    "Active runs",
    "mnist-cnn",
    "training",
    "energy so far",
    "Sources and what they read",
    "um24c",
    "/metrics",
    "/v1/sources",
    "Documentation",
)


@dataclass
class Shown:
    """A daemon with a run going on, and a browser."""

    home: Home
    browser: Chromium
    url: str


@pytest.fixture(name="shown", scope="module")
def _shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    need_chromium()
    directory = tmp_path_factory.mktemp("p")
    # Five seconds of noise break the curve; the accumulator fills that gap, but nothing was read.
    with MeterProcess(directory, "training", "--fault", "half-frame@6:5") as meter:
        home = Home(directory, meter.url, port=free_port())
        with home.daemon().ready() as daemon, Chromium(directory / "profile") as browser:
            run = start_run(home)
            url = f"http://127.0.0.1:{home.port}/"
            yield Shown(home, browser, url)
            run.terminate()
            run.wait(20)
            assert daemon.end() == 0


def start_run(home: Home) -> subprocess.Popen[bytes]:
    tag_run = ("tag-run", "--name", "mnist-cnn", "--phase", "training", "--", "sleep", "600")
    run = subprocess.Popen(
        home.command(*tag_run),
        env=home.environment | {"WATTWATCH_SOCKET": str(home.socket)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: "wattwatch_run_gross_energy_joules_total{" in home.metrics(), 30, "a run with energy")
    return run


def check(tab: Tab, shown: Shown) -> None:
    """What holds at every size, in every colour, with and without scripts."""
    text = tab.text()
    for words in EVERYTHING:
        assert words in text, words
    assert "undefined" not in text
    assert tab.overflow_pixels() == 0
    assert tab.complaints() == []
    assert all(url.startswith((shown.url, "data:")) for url in tab.requested())


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_and_complains_of_nothing(shown: Shown, size: tuple[int, int], *, dark: bool) -> None:
    with shown.browser.tab(*size, dark=dark) as tab:
        tab.open(shown.url)
        check(tab, shown)
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(16, 19, 22)" if dark else "rgb(244, 246, 248)")  # the style is in force
        assert min(tab.evaluate(TEXT_PIXELS)) >= 11.9


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_it_is_whole_without_javascript(shown: Shown, size: tuple[int, int]) -> None:
    with shown.browser.tab(*size, javascript=False) as tab:
        tab.open(shown.url)
        check(tab, shown)
        assert tab.requested() == [shown.url]
        assert tab.evaluate("document.querySelector('noscript meta[http-equiv=refresh]') !== null")


def test_with_javascript_it_renews_itself_without_a_reload(shown: Shown) -> None:
    with shown.browser.tab() as tab:
        tab.open(shown.url)
        tab.evaluate("window.mark = 1")
        before = tab.text()
        time_before = tab.evaluate("document.querySelector('time').dateTime")
        until(
            lambda: tab.evaluate("document.querySelector('time').dateTime") != time_before, 20, "a newer time"
        )
        assert tab.text() != before
        assert tab.evaluate("window.mark") == 1  # still the same document
        assert f"{shown.url}-/page" in tab.requested()
        check(tab, shown)


def test_what_a_reader_has_selected_is_left_alone(shown: Shown) -> None:
    with shown.browser.tab() as tab:
        tab.open(shown.url)
        tab.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
        seen = tab.requested().count(f"{shown.url}-/page")
        until(lambda: tab.requested().count(f"{shown.url}-/page") > seen + 1, 20, "two more looks")
        assert tab.evaluate("getSelection().toString()") == "pi-1"


def test_the_curve_has_its_gap_and_its_words(shown: Shown) -> None:
    def curves(tab: Tab) -> int:
        tab.open(shown.url)
        return int(tab.evaluate("document.querySelectorAll('svg .curve').length"))

    with shown.browser.tab() as tab:
        until(lambda: curves(tab) >= 2, 40, "a broken line")
        assert tab.evaluate("document.querySelectorAll('svg .gap').length") == 1
        assert "the line is broken" in tab.text()
        # What a screen reader is told, by the browser's own reckoning.
        nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
        (image,) = [node for node in nodes if node["role"]["value"] in ("image", "img")]
        assert image["name"]["value"].startswith("Power over the last 1 min From ")
        headings = [node["name"]["value"] for node in nodes if node["role"]["value"] == "heading"]
        assert headings[:3] == ["pi-1", "Power of this node", "Active runs"]
        roles = {node["role"]["value"] for node in nodes}
        assert {"main", "navigation", "banner", "contentinfo"} <= roles


def test_text_can_be_told_from_its_ground(shown: Shown) -> None:
    """WCAG 2.1, 1.4.3: a contrast of at least 4.5 for everything that is written."""
    for dark in (False, True):
        with shown.browser.tab(dark=dark) as tab:
            tab.open(shown.url)
            pairs = tab.evaluate(COLOURS)
            assert len(pairs) > 5
            for front, back in pairs:
                assert contrast(front, back) >= 4.5, (front, back, dark)


TEXT_PIXELS = """[...document.querySelectorAll('a, p, dt, dd, h1, h2, span, text')]
  .map(e => parseFloat(getComputedStyle(e).fontSize))"""

COLOURS = """(() => {
  const ground = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (c !== 'rgba(0, 0, 0, 0)') return c; } };
  const found = new Set();
  for (const e of document.querySelectorAll('body *'))
    if (!e.closest('svg, script') && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
      found.add(getComputedStyle(e).color + '|' + ground(e));
  return [...found].map(p => p.split('|').map(c => c.match(/[0-9.]+/g).slice(0, 3).map(Number)));
})()"""


def contrast(front: list[float], back: list[float]) -> float:
    """The ratio of WCAG 2.1 between two sRGB colours."""
    lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: list[float]) -> float:
    shares = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_daemon_that_is_gone_is_said_and_what_stands_there_is_kept(tmp_path: Path) -> None:
    need_chromium()
    home = Home(tmp_path, port=free_port())
    with Chromium(tmp_path / "profile") as browser, browser.tab() as tab:
        with home.daemon().ready() as daemon:
            tab.open(f"http://127.0.0.1:{home.port}/")
            assert "No answer" not in tab.text()
            assert daemon.end() == 0
        until(lambda: "No answer from wattwatch since" in tab.text(), 20, "the notice")
        assert "pi-1" in tab.text()
        with home.daemon().ready() as daemon:
            until(lambda: "No answer" not in tab.text(), 20, "the notice to go")
            assert daemon.end() == 0
