"""Reports as a person opens them: from a file, without a network, on phone and desk, by day and by night."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.chromium import Chromium, Tab, need_chromium
from support.simulated_runs import PI, PI_K3S, VM, VM_K3S
from support.studies import study_of
from wattwatch.report.html import run_page
from wattwatch.report.study_page import study_page

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("chromium")]

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
PAGES = ("run", "study", "four")
PAPER = {False: "rgb(255, 255, 255)", True: "rgb(20, 23, 26)"}
EVERYTHING = {
    "run": ("SIMULATED", "Over time", "Epochs", "Figures", "rise from the start, ΔT", "device=pi"),
    "study": (
        "SIMULATED",
        "Verdict",
        "ratio of energy",
        "ratio of mean power",
        "Run by run",
        "Energy by phase",
    ),
    "four": ("SIMULATED", "vm, k3s against pi", "not comparable in absolute terms", "All runs"),
}


@dataclass
class Written:
    browser: Chromium
    directory: Path

    def url(self, page: str) -> str:
        return (self.directory / f"{page}.html").as_uri()


@pytest.fixture(name="written", scope="module")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    need_chromium()
    directory = tmp_path_factory.mktemp("report")
    study, curves = study_of((PI, VM), 6)
    document = study.documents[4]
    pages = {
        "run": run_page(document, curves[document["run_id"]]),
        "study": study_page(study, curves),
        "four": study_page(*study_of((PI, PI_K3S, VM, VM_K3S), 10)),
    }
    for name, html in pages.items():
        (directory / f"{name}.html").write_text(html, encoding="utf-8")
    with Chromium(directory / "profile") as browser:
        yield Written(browser, directory)


def opened(tab: Tab, url: str) -> None:
    tab.call(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    tab.open(url)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_whole_without_a_network_and_fits(
    written: Written, page: str, size: str, *, dark: bool
) -> None:
    with written.browser.tab(*SIZES[size], dark=dark, javascript=False) as tab:
        opened(tab, written.url(page))
        assert tab.requested() == [written.url(page)]
        assert tab.complaints() == []
        assert tab.overflow_pixels() == 0
        text = tab.text()
        for words in EVERYTHING[page]:
            assert words in text, words
        assert "NaN" not in text
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == PAPER[dark]


OUTSIDE = """[...document.querySelectorAll('.plot')].flatMap(plot => {
  const frame = plot.getBoundingClientRect();
  return [...plot.querySelectorAll('svg *')].filter(e => e.getBBox && !e.closest('title, desc')).map(e => {
    const box = e.getBoundingClientRect();
    return [e.getAttribute('class'), box.left - frame.left, box.right - frame.right, box.top - frame.top,
            box.bottom - frame.bottom];
  }).filter(b => b[1] < -8 || b[2] > 8 || b[3] < -8 || b[4] > 8);
})"""
"""Shapes that leave their drawing by more than half a dot, with by how much."""

HIDDEN = """[...document.querySelectorAll('.plot .x, .plot .y, .plot .name')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width && (box.left < 0 || box.right > document.documentElement.clientWidth);
}).map(e => e.textContent)"""
"""Labels of axes that leave the page."""


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("size", SIZES)
def test_what_is_drawn_is_inside_its_drawing_and_labels_are_on_the_page(
    written: Written, page: str, size: str
) -> None:
    with written.browser.tab(*SIZES[size]) as tab:
        opened(tab, written.url(page))
        assert tab.evaluate("document.querySelectorAll('.plot svg').length") >= 3
        assert tab.evaluate(OUTSIDE) == []
        assert tab.evaluate(HIDDEN) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_screen_reader_is_told_of_every_chart_and_table(written: Written, page: str) -> None:
    with written.browser.tab() as tab:
        opened(tab, written.url(page))
        charts = tab.evaluate("document.querySelectorAll('svg').length")
        tables = tab.evaluate("document.querySelectorAll('table').length")
        nodes = [node for node in tab.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        images = [node for node in nodes if node["role"]["value"] in ("image", "img")]
        assert len(images) == charts
        assert all(len(image["name"]["value"]) > 40 for image in images)
        named = [node["name"]["value"] for node in nodes if node["role"]["value"] == "table"]
        assert len(named) == tables
        assert all(named)
        regions = [node for node in nodes if node["role"]["value"] == "region"]
        assert regions
        assert {"main", "banner", "contentinfo"} <= {node["role"]["value"] for node in nodes}


def test_wide_tables_are_reached_and_scrolled_by_keyboard(written: Written) -> None:
    with written.browser.tab(*SIZES["phone"]) as tab:
        opened(tab, written.url("study"))
        scrolls = tab.evaluate(
            "[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0"
            " && getComputedStyle(e).overflowX === 'auto')"
        )
        assert scrolls
        assert tab.evaluate(
            "[...document.querySelectorAll('.scroll')].some(e => e.scrollWidth > e.clientWidth)"
        )


def test_it_can_be_printed(written: Written) -> None:
    with written.browser.tab(794, 1123) as tab:  # A4 at 96 pixels an inch
        opened(tab, written.url("study"))
        tab.call("Emulation.setEmulatedMedia", media="print")
        assert tab.overflow_pixels() == 0
        printed = tab.call("Page.printToPDF", printBackground=True)["data"]
        assert printed.startswith("JVBER")  # %PDF in base64
