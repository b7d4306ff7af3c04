"""A node with two supplies under a real daemon: one meter hangs up for ten seconds, and its sum with it."""

import json
import threading
from pathlib import Path
from typing import Self

import pytest

from support.daemon_process import NODE_ENERGY, Home, MeterProcess, free_port, until, value

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]

DIGIT_JOULES = 3.6  # a meter counts whole milliwatt hours


def meter(directory: Path, name: str, *faults: str) -> MeterProcess:
    (directory / name).mkdir()
    return MeterProcess(directory / name, "constant", *faults)


def sources(home: Home, text: str) -> None:
    """Put this before the first table, and these sources at the end."""
    head, _, tables = text.partition("\n\n")
    lines = home.config.read_text().splitlines(keepends=True)
    home.config.write_text(f"{head}\ndiscover = false\n" + "".join(lines) + tables)


def is_counted(home: Home) -> bool:
    """Whether the board has energy already."""
    scopes = {("scope", "board")}
    return any(
        v for (name, labels), v in home.scrape().items() if name == NODE_ENERGY and scopes < set(labels)
    )


def test_a_sum_of_two_meters_of_which_one_hangs_up(tmp_path: Path) -> None:
    with meter(tmp_path, "one") as one, meter(tmp_path, "two", "--fault", "hang-up@9:10") as two:
        home = Home(tmp_path, port=free_port())
        sources(
            home,
            'primary = ["a", "b"]\n\n'
            f'[[source]]\ntype = "um24c"\nname = "a"\nurl = "{one.url}"\nsimulated = true\n'
            f'[[source]]\ntype = "um24c"\nname = "b"\nurl = "{two.url}"\nsimulated = true\n'
            '[[source]]\ntype = "host"\n',
        )
        with home.daemon().ready() as daemon:
            until(lambda: is_counted(home), 20, "energy of the sum")
            done = home.run("tag-run", "--name", "two", "--json", "-", "--", "sleep", "18")
            page, document = home.scrape(), json.loads(done.stdout)
            html = tmp_path / "report.html"
            assert home.run("report", document["run_id"], "--output", str(html)).returncode == 0
            assert daemon.end() == 0
    (figures,) = document["nodes"]
    assert "Power of pi-1, W" in html.read_text()
    assert document["completeness"] == "final"
    assert (figures["source"], figures["meter_model"]) == ("a+b", "UM24C+UM24C")
    assert (figures["scope"], figures["quality"]) == ("board", "simulated")
    assert figures["missing_seconds"] == 0
    assert 8 < figures["recovered_seconds"] < 13
    assert figures["energy_joules"] == pytest.approx(10 * document["duration_seconds"], abs=DIGIT_JOULES + 1)
    assert figures["gap_doubt_joules"] == DIGIT_JOULES
    assert figures["accumulator_joules"] == pytest.approx(figures["energy_joules"], abs=4 * DIGIT_JOULES)
    assert value(page, "wattwatch_node_power_watts") == pytest.approx(10, rel=0.02)
    parts = [value(page, "wattwatch_energy_joules_total", source=name) for name in ("a", "b")]
    assert value(page, NODE_ENERGY) == pytest.approx(sum(parts), abs=10)


class Powercap:
    """The counters of a package with its memory, made as the kernel documents them; 20 W and 2 W."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._counters = []
        for folder, name, watts in (("intel-rapl:0", "package-0", 20), ("intel-rapl:0:0", "dram", 2)):
            place = root / "class/powercap" / folder
            place.mkdir(parents=True)
            (place / "name").write_text(f"{name}\n")
            (place / "max_energy_range_uj").write_text("262143328850\n")
            self._counters.append((place / "energy_uj", watts))
        self._stop = threading.Event()
        self._tick = 0
        self._write()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self._tick += 1
            self._write()

    def _write(self) -> None:
        for path, watts in self._counters:
            path.write_text(f"{1_000_000_000 + self._tick * watts * 50_000}\n")


def test_a_fallback_has_the_time_that_the_primary_misses(tmp_path: Path) -> None:
    faults = ("--fault", "hang-up@9:8", "--fault", "accumulator-reset@12")
    with meter(tmp_path, "one", *faults) as one, Powercap(tmp_path / "sys") as powercap:
        home = Home(tmp_path, port=free_port())
        sources(
            home,
            'primary = "meter"\nfallback = "rapl"\n\n'
            f'[[source]]\ntype = "um24c"\nurl = "{one.url}"\nsimulated = true\n'
            f'[[source]]\ntype = "rapl"\nroot = "{powercap.root}"\n'
            '[[source]]\ntype = "host"\n',
        )
        with home.daemon().ready() as daemon:
            until(lambda: is_counted(home), 20, "energy of the meter")
            done = home.run("tag-run", "--json", "-", "--", "sleep", "16")
            page, document = home.scrape(), json.loads(done.stdout)
            assert daemon.end() == 0
    (figures,) = document["nodes"]
    meter_part, rapl_part = figures["parts"]
    assert figures["energy_joules"] == meter_part["energy_joules"]
    assert figures["missing_seconds"] == pytest.approx(rapl_part["seconds"], abs=1e-6)
    assert 7 < rapl_part["seconds"] < 11
    assert meter_part["seconds"] + rapl_part["seconds"] == pytest.approx(document["duration_seconds"])
    assert rapl_part["energy_joules"] == pytest.approx(22 * rapl_part["seconds"], rel=0.2)
    assert (rapl_part["scope"], rapl_part["quality"]) == ("package", "sensor")
    assert any("rapl (package, sensor) counted" in warning for warning in document["warnings"])
    counted = value(page, NODE_ENERGY, scope="package")
    assert counted == pytest.approx(rapl_part["energy_joules"], rel=0.1)
    assert counted < value(page, "wattwatch_energy_joules_total", source="rapl", zone="package-0")
