import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.history import CPU_TEMPERATURE, POWER
from support.node import FakeNode
from support.pages import Outline, outline
from support.web_node import DatedFakeHistory, serving, snapshot, status
from support.web_node import FakeNode as FakeView
from wattwatch.cli.main import cli
from wattwatch.client import find_socket
from wattwatch.errors import ClientError, ConfigError, MissingExtra, RunError, WattwatchError
from wattwatch.runs.run import RunRequest, RunState
from wattwatch.web.http import Request, Response, Route, Stream
from wattwatch.web.runs import run_routes
from wattwatch.web.v1 import read_routes

START_SECONDS = 1002.0


def watts(seconds: float) -> float:
    return 7.0 if seconds > START_SECONDS + 8 else 5.0


@pytest.fixture(name="node")
def _node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    """Two runs: `ab1` of two phases with a gap of 4 s, and `ab2` of 2 s."""
    for name in ("WATTWATCH_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    # A daemon that this machine may have is not looked at.
    monkeypatch.setattr(find_socket, "__defaults__", (None, tmp_path / "none.sock"))
    node = FakeNode(tmp_path, watts=watts)
    node.service.start(RunRequest("ab1", "mnist <b>", "demo", command="python train.py"))
    for phase, seconds in (("load", 8.0), ("training", 10.0)):
        node.service.open_phase("ab1", phase)
        node.play(seconds)
    node.metered = False
    node.play(4)
    node.metered = True
    node.play(6)
    node.service.end("ab1", RunState.SUCCEEDED, 0)
    node.play(20)
    node.service.start(RunRequest("ab2", "short", "demo"))
    node.play(2)
    node.service.end("ab2", RunState.FAILED, 3)
    node.play(10)
    return node


@contextmanager
def daemon(node: FakeNode, *, change: Callable[[Route], Route] = lambda route: route) -> Iterator[str]:
    """The node's daemon on a socket, its path; routes as `change` makes them."""
    sources = (status("meter", "um24c", (POWER,)), status("zones", "thermal", (CPU_TEMPERATURE,)))
    view = FakeView(snapshot(sources=sources), DatedFakeHistory())
    routes = [*read_routes(view.view()), *run_routes(node.service)]
    path = node.path.parent / "wattwatch.sock"
    with serving([*map(change, routes)], listen="", socket_path=path):
        yield str(path)


def report(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments])


def written(done: Result, name: str) -> Outline:
    assert (done.exit_code, done.stdout) == (0, f"{name}\n")
    return outline(Path(name).read_text(encoding="utf-8"))


def bands(page: Outline) -> list[tuple[float, float]]:
    return [(float(band["x"]), float(band["width"])) for band in page.all("rect", "band")]


def curves(page: Outline) -> list[dict[str, str]]:
    return page.all("path", "curve")


def test_a_run_with_its_curves_phases_and_gap(node: FakeNode) -> None:
    with daemon(node) as socket:
        page = written(report("ab1", "--socket", socket), "wattwatch-ab1.html")
    text = page.text()
    assert "mnist <b> used at least" in text
    assert "Power of pi-1, W" in text
    assert "Temperature of cpu-thermal, °C" in text
    power, temperature = curves(page)
    # From the first reading, 1.5 s before the run of 28 s, to 5 s after it: 34.5 s in all.
    assert (power["d"].count("M"), temperature["d"].count("M")) == (2, 1)
    assert (power["d"].count("L"), temperature["d"].count("L")) == (70 - 8 - 2, 70 - 1)
    second = 1000 / 34.5
    (load_x, load_width), (training_x, training_width) = bands(page)[:2]
    assert [load_x, load_width] == pytest.approx([1.5 * second, 8 * second], abs=0.1)
    assert [training_x, training_width] == pytest.approx([9.5 * second, 20 * second], abs=0.1)
    (gap,) = page.all("rect", "gap")
    assert float(gap["width"]) == pytest.approx(4.5 * second, abs=0.1)


def test_the_last_run_by_environment_into_a_named_file(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon(node) as socket:
        monkeypatch.setenv("WATTWATCH_SOCKET", socket)
        page = written(report("last", "--output", "out.html"), "out.html")
    assert "short (failed, exit status 3) used" in page.text()
    assert bands(page) == []


def test_curves_are_made_small_where_the_readings_are(node: FakeNode) -> None:
    asked: list[str] = []

    def few_points(route: Route) -> Route:
        def answer(request: Request) -> Response | Stream:
            asked.append(request.query["points"])
            return route.handler(replace(request, query={"points": "16"}))

        return replace(route, handler=answer) if route.path.endswith("/curves") else route

    with daemon(node, change=few_points) as socket:
        page = written(report("ab1", "--socket", socket), "wattwatch-ab1.html")
    assert asked == ["2000"]
    power, temperature = curves(page)
    assert (power["d"].count("M") + power["d"].count("L")) <= 16
    assert temperature["d"].count("L") <= 16


def test_a_daemon_without_its_readings_still_gives_figures(node: FakeNode) -> None:
    node.history._readings.clear()
    with daemon(node) as socket:
        page = written(report("ab2", "--socket", socket), "wattwatch-ab2.html")
    assert "No power curve" in page.text()
    assert "used 14.0 J" in page.text()  # 7 W, 2 s


def test_a_daemon_that_draws_no_curves_gives_figures(node: FakeNode) -> None:
    def older(route: Route) -> Route:
        return replace(route, path="/v1/else") if route.path.endswith("/curves") else route

    with daemon(node, change=older) as socket:
        page = written(report("ab1", "--socket", socket), "wattwatch-ab1.html")
    assert (bands(page), curves(page)) == ([], [])
    assert "mnist <b> used at least" in page.text()


def said(error: BaseException | None, kind: type[WattwatchError]) -> str:
    assert isinstance(error, kind)
    assert "\n" not in str(error)
    return str(error)


def test_an_unknown_run_is_one_line(node: FakeNode) -> None:
    with daemon(node) as socket:
        asked = report("nope", "--socket", socket), report("ab", "--socket", socket)
    assert said(asked[0].exception, RunError) == "no run 'nope': see wattwatch runs list"
    assert "begins 2 run ids" in said(asked[1].exception, RunError)
    assert list(Path().glob("*.html")) == []


def test_a_file_that_cannot_be_written_is_one_line(node: FakeNode) -> None:
    with daemon(node) as socket:
        done = report("ab1", "--socket", socket, "--output", "missing/directory/r.html")
    expected = (
        "cannot write missing/directory/r.html: No such file or directory; name another file by --output"
    )
    assert said(done.exception, RunError) == expected


def test_no_daemon_is_one_line(node: FakeNode) -> None:
    del node
    assert "no daemon at" in said(report("ab1", "--socket", "gone.sock").exception, ClientError)
    assert said(report("ab1").exception, RunError) == "no run 'ab1': see wattwatch runs list"


def test_a_run_that_was_measured_without_a_daemon(node: FakeNode) -> None:
    directory = node.path.parent / "state" / "wattwatch"
    directory.mkdir(parents=True)
    node.service.close()
    (directory / "local.db").write_bytes(node.path.read_bytes())
    page = written(report("ab2"), "wattwatch-ab2.html")
    assert "No power curve" in page.text()


def test_several_runs_are_a_page_of_groups(node: FakeNode) -> None:
    with daemon(node) as socket:
        page = written(report("ab1", "ab2", "ab1", "--socket", socket), "wattwatch-demo.html")
    text = page.text()
    assert "2 runs in 2 groups by name" in text
    assert "nothing to compare" in text  # one of them failed
    assert "no: failed" in text
    assert "1 repetition: no interval can be given" in text
    assert len(curves(page)) == 4  # power and temperature of each
    assert bands(page)


def test_an_experiment_is_all_its_runs(node: FakeNode) -> None:
    with daemon(node) as socket:
        page = written(
            report("--experiment", "demo", "--by", "name", "--socket", socket), "wattwatch-demo.html"
        )
        unknown = report("--experiment", "other", "--socket", socket)
    assert "mnist <b>" in page.text()
    assert said(unknown.exception, RunError) == "no run of the experiment 'other': see wattwatch runs list"


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json", "latex"])
@pytest.mark.parametrize("runs", [("ab1",), ("ab1", "ab2")], ids=["one", "two"])
def test_other_forms_go_to_stdout_or_a_file(node: FakeNode, form: str, runs: tuple[str, ...]) -> None:
    with daemon(node) as socket:
        shown = report(*runs, "--format", form, "--socket", socket)
        kept = report(*runs, "--format", form, "--output", "kept.txt", "--socket", socket)
    assert (shown.exit_code, kept.exit_code, kept.stdout) == (0, 0, "kept.txt\n")
    assert "demo" in shown.stdout or "ab1" in shown.stdout
    assert Path("kept.txt").read_text(encoding="utf-8") == shown.stdout
    assert list(Path().glob("*.html")) == []


def test_json_of_one_run_is_its_document(node: FakeNode) -> None:
    with daemon(node) as socket:
        document = json.loads(report("ab1", "--format", "json", "--socket", socket).stdout)
    assert (document["run_id"], document["state"]) == ("ab1", "succeeded")


def test_html_may_go_to_stdout(node: FakeNode) -> None:
    with daemon(node) as socket:
        done = report("ab1", "--output", "-", "--socket", socket)
    assert "mnist <b> used at least" in outline(done.stdout).text()


def test_figures_are_written_beside_the_page(node: FakeNode) -> None:
    with daemon(node) as socket:
        one = report("ab1", "--figures", "one", "--socket", socket)
        two = report("ab1", "ab2", "--figures", "two", "--socket", socket)
    names = [Path(line).name for line in one.stdout.splitlines()]
    assert names[:4] == ["wattwatch-ab1.html", "power.pdf", "power.svg", "power.png"]
    assert "two/boxes.pdf" in two.stdout.splitlines()
    for line in (*one.stdout.splitlines(), *two.stdout.splitlines()):
        assert Path(line).stat().st_size > 0


def test_without_the_extra_several_runs_are_one_line(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("wattwatch.report.compare", "wattwatch.report.g"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("wattwatch.report.stats.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with daemon(node) as socket:
        done = report("ab1", "ab2", "--socket", socket)
        alone = report("ab1", "--socket", socket)
    assert (
        said(done.exception, MissingExtra)
        == "statistics need numpy and scipy: pip install 'wattwatch[report]'"
    )
    assert alone.exit_code == 0  # one run needs none


def test_nothing_wanted_is_one_line(node: FakeNode) -> None:
    del node
    assert said(report().exception, ConfigError).startswith("which run? give its id or `last`")


def test_a_factor_that_no_run_has_is_one_line(node: FakeNode) -> None:
    with daemon(node) as socket:
        done = report("ab1", "ab2", "--by", "device,name", "--socket", socket)
    assert "no run has 'device'" in said(done.exception, RunError)
