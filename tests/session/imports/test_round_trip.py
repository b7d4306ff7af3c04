"""Any readings, written as a program writes them, come back; their energy is that of their curve."""

import csv
import io
import json
import math
import tempfile
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wattwatch.cli.main import cli
from wattwatch.errors import WattwatchError
from wattwatch.reading import Instant
from wattwatch.session.imports.cut import PhaseSpan, WantedCut, add_run
from wattwatch.session.imports.library import Library, StillClock
from wattwatch.session.imports.take import Taken, WantedImport, take_import
from wattwatch.store.base import Span

ZONE: Final = "Europe/Zurich"
BEGIN: Final = 1_773_476_810  # 14 March 2026, 09:26:50 in that zone


@dataclass(frozen=True)
class Sample:
    """One row: seconds from the beginning, watts, °C."""

    seconds: float
    watts: float
    celsius: float

    @property
    def local(self) -> datetime:
        return datetime.fromtimestamp(BEGIN + self.seconds, ZoneInfo(ZONE))


Write = Callable[[list[Sample]], bytes]


def table(rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


def libre_hardware_monitor(samples: list[Sample]) -> bytes:
    names = ["Time", "CPU Package", "CPU Package", "CPU Cores"]
    identifiers = ["", "/intelcpu/0/power/0", "/intelcpu/0/temperature/9", "/intelcpu/0/power/1"]
    rows = [[f"{one.local:%m/%d/%Y %H:%M:%S}", repr(one.watts), repr(one.celsius), "0.5"] for one in samples]
    return table([identifiers, names, *rows])


def hwinfo(samples: list[Sample]) -> bytes:
    header = ["Date", "Time", "CPU Package [°C]", "CPU Package [°C]", "CPU Package Power [W]", ""]
    sensors = ["", "", "CPU [#0]", "CPU [#0]: DTS", "CPU [#0]: Enhanced", ""]
    rows = [
        [
            f"{one.local:%d.%m.%Y}",
            f"{one.local:%H:%M:%S}.000",
            f"{one.celsius:.1f}",
            "0",
            f"{one.watts:.3f}",
            "",
        ]
        for one in samples
    ]
    return table([header, *rows, header, sensors], encoding="latin-1")


def hwinfo_german(samples: list[Sample]) -> bytes:
    header = ["Date", "Time", "CPU Package [°C]", "CPU Package Power [W]"]
    rows = [
        [
            f"{one.local:%d.%m.%Y}", f"{one.local:%H:%M:%S},000",
            f"{one.celsius:.1f}".replace(".", ","), f"{one.watts:.3f}".replace(".", ","),
        ]
        for one in samples
    ]  # fmt: skip
    return table([header, *rows], ";", "latin-1")


def core_temp(samples: list[Sample]) -> bytes:
    about = [["CPUID:", "0x806C1"], ["Processor:", "x"], ["Platform:", "x"], ["Revision:", "B1"]]
    header = ["Time", "Core 0 Temp. (°)", "", "Core 0", "Low temp. (°)", "", "CPU 0 Power"]
    rows = [
        [f"{one.local:%H:%M:%S %m/%d/%y}", f"{one.celsius:.1f}", "", "", "40", "", f"{one.watts:.3f}"]
        for one in samples
    ]
    return table([*about, header, *rows, [], ["Session end:", "x"]], encoding="latin-1")


def um_meter(samples: list[Sample]) -> bytes:
    header = ["Time", "Voltage(V)", "Current(mA)", "Power(mW)"]
    rows = [
        [f"{one.local:%Y-%m-%d %H:%M:%S}", "5.00", f"{one.watts * 200:.1f}", repr(one.watts * 1000)]
        for one in samples
    ]
    return table([header, *rows])


PROGRAMS: Final[dict[str, tuple[Write, bool]]] = {  # and whether it has temperatures of the node
    "lhm": (libre_hardware_monitor, True),
    "hwinfo": (hwinfo, True),
    "hwinfo-german": (hwinfo_german, True),
    "coretemp": (core_temp, True),
    "um": (um_meter, False),
}


@st.composite
def samples(draw: st.DrawFn) -> list[Sample]:
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 3, 4, 20]), min_size=2, max_size=30))
    seconds = [float(sum(steps[:place])) for place in range(len(steps) + 1)]
    watts = st.floats(0, 300).map(lambda value: round(value, 3))
    celsius = st.floats(20, 100).map(lambda value: round(value, 1))
    return [Sample(at, draw(watts), draw(celsius)) for at in seconds]


@dataclass(frozen=True)
class Place:
    """A state directory for one example."""

    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.directory), "XDG_STATE_HOME": str(self.directory / "state")}

    def taken(self, content: bytes, **options: Any) -> Taken:
        log = self.directory / "log.csv"
        log.write_bytes(content)
        found = take_import(WantedImport((log,), "vm-1", **{"time_zone": ZONE, **options}), self.environment)
        assert isinstance(found, Taken)
        return found

    def added(self, first: float, last: float, phases: tuple[PhaseSpan, ...] = ()) -> dict[str, Any]:
        return add_run(WantedCut("vm-1", BEGIN + first, BEGIN + last, phases=phases), self.environment)

    def kept(self, taken: Taken, channel_id: str) -> list[tuple[float, float]]:
        log = taken.log
        store = Library(self.directory / "state" / "wattwatch").open(
            log, StillClock(log.instant(log.last_utc_seconds + 1), log.offset)
        )
        try:
            span = Span(Instant(log.boot_id, 0.0), log.instant(log.last_utc_seconds))
            offset = log.offset.unix_minus_boot_seconds
            return [
                (reading.at.boot_seconds + offset - BEGIN, reading.value)
                for reading in store.readings(channel_id, span)
            ]
        finally:
            store.close()


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=15)
@given(rows=samples())
def test_readings_come_back_from_every_program(program: str, rows: list[Sample]) -> None:
    write, has_heat = PROGRAMS[program]
    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory))
        # Three places after the comma and nothing else in a file are thousands as well.
        taken = place.taken(write(rows), **({"decimal": ","} if program == "hwinfo-german" else {}))
        power = place.kept(taken, taken.log.power.id)
        heat = place.kept(taken, "log-thermal/cpu/temperature_celsius")
    assert [at for at, _ in power] == pytest.approx([one.seconds for one in rows])
    assert [watts for _, watts in power] == pytest.approx([one.watts for one in rows])
    assert [celsius for _, celsius in heat] == pytest.approx([one.celsius for one in rows if has_heat])


def energy_at(rows: list[Sample], at: float, limit: float) -> tuple[float, float]:
    """Joules and covered seconds from the first row to an instant, by the definition of both."""
    joules = covered = 0.0
    for one, other in pairwise(rows):
        step = other.seconds - one.seconds
        if step > limit or at <= one.seconds:
            continue
        share = min(1.0, (at - one.seconds) / step)
        joules += share * step * (one.watts + other.watts) / 2
        covered += share * step
    return joules, covered


@settings(max_examples=30)
@given(rows=samples(), edges=st.tuples(*[st.floats(0, 1)] * 4).map(sorted))
def test_energy_and_coverage_of_a_cut_are_those_of_the_curve(rows: list[Sample], edges: list[float]) -> None:
    first, begin, end, last = (round(edge * rows[-1].seconds, 3) for edge in edges)
    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory))
        log = place.taken(libre_hardware_monitor(rows)).log
        joules = [energy_at(rows, at, log.gap_seconds) for at in (first, begin, end, last)]
        covered_seconds = joules[3][1] - joules[0][1]
        assume(covered_seconds > 1e-3)
        assume(min(begin - first, end - begin, last - end) > 1e-3)
        document = place.added(first, last, (PhaseSpan("training", BEGIN + begin, BEGIN + end),))
    (node,) = document["nodes"]
    assert node["energy_joules"] == pytest.approx(joules[3][0] - joules[0][0], abs=1e-4)
    assert node["sampled_seconds"] == pytest.approx(covered_seconds, abs=1e-5)
    assert node["missing_seconds"] == pytest.approx(last - first - covered_seconds, abs=1e-5)
    phases = {phase["phase"]: phase for phase in document["phases"]}
    of_training = phases["training"]["energy_joules"]
    if joules[2][1] - joules[1][1] < 1e-9:
        assert of_training is None  # nothing of it was read
    else:
        assert of_training == pytest.approx(joules[2][0] - joules[1][0], abs=1e-4)
    parts = sum(phase["energy_joules"] or 0.0 for phase in phases.values())
    assert parts == pytest.approx(node["energy_joules"], rel=1e-9, abs=1e-9)
    assert is_peak(node["peak_power_watts"], rows, first, last)


def is_peak(watts: float | None, rows: list[Sample], first: float, last: float) -> bool:
    inside = [one.watts for one in rows if first <= one.seconds <= last]
    return watts is None or not inside or math.isclose(watts, max(inside))


@settings(max_examples=15)
@given(rows=samples(), cut=st.floats(0.05, 0.95))
def test_a_log_in_two_files_is_the_log_in_one(rows: list[Sample], cut: float) -> None:
    after = bisect_right([one.seconds for one in rows], cut * rows[-1].seconds)
    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory))
        whole = place.taken(libre_hardware_monitor(rows)).log
        files = tuple(Path(directory) / f"{number}.csv" for number in (1, 2))
        for file, part in zip(files, (rows[:after], rows[after:]), strict=True):
            file.write_bytes(libre_hardware_monitor(part))
        joined = take_import(WantedImport(files, "vm-2", time_zone=ZONE), place.environment)
    assert isinstance(joined, Taken)
    for key in ("first_utc_seconds", "last_utc_seconds", "readings", "mean_watts", "gaps", "missing_seconds"):
        assert getattr(joined.log, key) == getattr(whole, key)


@settings(max_examples=60)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_is_read_or_refused_in_one_line(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "log.csv"
        log.write_bytes(b"Time,Power(W),Voltage,Current\n1700000000,1,1,1\n" + content)
        arguments = ["import", str(log), "--node", "a", "--time-zone", "UTC", "--json"]
        done = CliRunner(env=Place(Path(directory)).environment).invoke(cli, arguments)
    if done.exception is None:
        assert json.loads(done.output)["readings"] >= 1
    else:
        assert isinstance(done.exception, WattwatchError), done.exc_info
        assert "\n" not in str(done.exception)
