"""Logs of other programs become readings, and readings become runs; what is doubtful is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wattwatch.cli.main import cli
from wattwatch.errors import WattwatchError
from wattwatch.session.imports.layouts import LogFormat
from wattwatch.session.imports.take import Taken, WantedImport, take_import

DATA = Path(__file__).parents[2] / "data" / "import"
LHM = DATA / "LibreHardwareMonitorLog-2026-03-14.csv"
START, END = "2026-03-14T08:26:55Z", "2026-03-14T08:28:20Z"
Import = Callable[..., Taken]


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WATTWATCH_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("wattwatch.client.SYSTEM_SOCKET", tmp_path / "no.sock")  # of this machine's daemon
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture(name="imported")
def _imported(home: Path) -> Import:
    def take(*files: Path, **options: object) -> Taken:
        wanted = WantedImport(files, **{"node": "vm-1", "time_zone": "Europe/Zurich", **options})  # type: ignore[arg-type]
        taken = take_import(wanted, {"XDG_STATE_HOME": str(home / "state"), "HOME": str(home)})
        assert isinstance(taken, Taken)
        return taken

    return take


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def said(*arguments: str | Path) -> str:
    done = invoke(*arguments)
    assert done.exception is None, done.exception
    return done.output


def refused(*arguments: str | Path) -> str:
    done = invoke(*arguments)
    assert isinstance(done.exception, WattwatchError), (done.exception, done.output)
    assert "\n" not in str(done.exception)
    return str(done.exception)


@pytest.mark.parametrize(
    ("name", "log_format", "expected"),
    [
        (LHM.name, LogFormat.LIBRE_HARDWARE_MONITOR, ("package", 90, 1.0, 31.1)),
        ("hwinfo.csv", LogFormat.HWINFO, ("package", 50, 2.0, 32.5)),
        ("hwinfo-decimal-comma.csv", LogFormat.HWINFO, ("package", 50, 2.0, 32.5)),
        ("coretemp.csv", LogFormat.CORE_TEMP, ("package", 20, 5.0, 33.0)),
        ("um24c.csv", LogFormat.UM_METER, ("board", 200, 0.5, 4.04)),
    ],
)
def test_logs_of_known_programs(
    imported: Import, name: str, log_format: LogFormat, expected: tuple[str, int, float, float]
) -> None:
    scope, readings, interval, watts = expected
    log = imported(DATA / name).log
    assert log.measured.source == f"{log_format}-log"
    assert (log.measured.scope, log.readings, log.interval_seconds) == (scope, readings, interval)
    assert log.mean_watts == pytest.approx(watts, rel=0.01)
    assert log.first_utc_seconds == pytest.approx(1773476810.0, abs=0.2)
    assert (
        json.loads(said("import", DATA / name, "--node", "vm-1", "--time-zone", "Europe/Zurich", "--json"))[
            "is_new"
        ]
        is False
    )


def test_a_run_that_was_cut_out_is_as_one_that_was_measured(imported: Import, home: Path) -> None:
    imported(LHM)
    phases = (
        "--phase", f"load={START}..2026-03-14T08:27:10Z",
        "--phase", "training=2026-03-14T08:27:10Z..2026-03-14T08:28:10Z",
    )  # fmt: skip
    added = said(
        "runs", "add", "--node", "vm-1", "--start", START, "--end", END, "--name", "x", "--json",
        "--experiment", "e", "--label", "device=vm", "--run-id", "cut", *phases,
    )  # fmt: skip
    document = json.loads(added)
    (node,) = document["nodes"]
    assert (node["scope"], node["quality"], node["source"]) == ("package", "sensor", "lhm-log")
    assert (node["sampled_seconds"], node["missing_seconds"]) == (74.0, 11.0)  # ten rows are not in the log
    assert [phase["phase"] for phase in document["phases"]] == ["load", "training", "untagged"]
    parts = sum(phase["energy_joules"] for phase in document["phases"])
    assert parts == pytest.approx(node["energy_joules"], rel=1e-9)
    assert node["temperature_celsius"]["max"] == pytest.approx(53.9)
    assert document["completeness"] == "final"
    assert any("lower bound" in warning for warning in document["warnings"])
    assert json.loads(said("runs", "show", "cut", "--json"))["nodes"] == document["nodes"]
    assert "power" in said("runs", "show", "cut")  # its curve is drawn
    said("report", "cut", "--output", home / "r.html")
    assert "<svg" in (home / "r.html").read_text()
    said("compare", "--experiment", "e", "--by", "device")


def test_the_energy_is_that_of_the_log(imported: Import, home: Path) -> None:
    log = home / "triangle.csv"
    rows = "".join(f"{1_700_000_000 + at},{min(at, 20 - at):.1f}\n" for at in range(21))
    log.write_text(f"t,p\n{rows}")
    imported(log, mapping={"time": "t", "power": "p"}, scope="board")
    found = said(
        "runs", "add", "--node", "vm-1", "--json",
        "--start", "2023-11-14T22:13:22Z", "--end", "2023-11-14T22:13:38Z",
    )  # fmt: skip
    (node,) = json.loads(found)["nodes"]
    assert node["energy_joules"] == pytest.approx(100 - 2 * 2**2 / 2)
    assert node["covered_ratio"] == 1.0


def test_a_counter_of_energy_is_integrated_too(imported: Import, home: Path) -> None:
    log = home / "counter.csv"
    log.write_text("t,wh\n" + "".join(f"{1_700_000_000 + at},{at / 3600}\n" for at in range(61)))
    taken = imported(log, mapping={"time": "t", "energy_watt_hours": "wh"}, scope="wall", quality="metered")
    assert taken.log.mean_watts == pytest.approx(1.0)
    found = said(
        "runs", "add", "--node", "vm-1", "--json",
        "--start", "2023-11-14T22:13:30Z", "--end", "2023-11-14T22:14:00Z",
    )  # fmt: skip
    (node,) = json.loads(found)["nodes"]
    assert node["energy_joules"] == pytest.approx(30.0)
    assert (node["scope"], node["quality"]) == ("wall", "metered")


def test_importing_twice_changes_nothing_and_overlaps_are_told(imported: Import) -> None:
    first = imported(LHM)
    again = imported(LHM)
    assert (again.is_new, again.log) == (False, first.log)
    other = imported(DATA / "hwinfo.csv")
    assert any(f"import {first.log.import_id}" in note for note in other.notes)
    assert other.log.left_out == {"repeated headers or footers": 2}
    assert any(
        "2 of 52 rows are no readings of their own: repeated headers" in line for line in other.lines()
    )
    assert any("import" in note for note in imported(LHM).notes)  # said again, when it is known already
    cut = ("runs", "add", "--node", "vm-1", "--start", START, "--end", END)
    assert "several imports" in refused(*cut)
    said(*cut, "--import", other.log.import_id[:6])


def test_logs_that_follow_each_other_are_one(imported: Import, home: Path) -> None:
    lines = LHM.read_text().splitlines(keepends=True)
    one, other = home / "1.csv", home / "2.csv"
    one.write_text("".join(lines[:62]))
    other.write_text("".join([*lines[:2], *lines[62:]]))
    both = imported(one, other).log
    assert both.readings == 90
    assert both.mean_watts == pytest.approx(imported(LHM).log.mean_watts)
    with pytest.raises(WattwatchError, match="name several files in order of time"):
        imported(other, one)


CSV = "Time,Power [W]\n"


@pytest.mark.parametrize(
    ("text", "options", "cause"),
    [
        ("", (), "the file is empty"),
        ("a,b\n1,2\n", (), "no known log ('a', 'b'): name its columns by --map"),
        (
            CSV + "03/04/2026 10:00:00,5\n",
            ("--time-zone", "UTC"),
            "line 2: day and month cannot be told apart",
        ),
        (
            "Time;P\n1700000000;1,234\n1700000001;2,345\n",
            ("--map", "time=Time,power=P"),
            "line 2: decimals or thousands? pass --decimal",
        ),
        (
            CSV + "2026-03-01 10:00:00,5\n",
            (),
            "line 2: '2026-03-01 10:00:00' has no time zone: pass --time-zone",
        ),
        (CSV + "1700000000,5\n1700000001,x\n", (), "line 3: 'x' is no number"),
        (CSV + "1700000001,5\n1700000000,5\n", (), "line 3: '1700000000': time runs back"),
        (CSV + "soon,5\n", ("--time-zone", "UTC"), "line 2: 'soon' is no date and time"),
        (CSV + "1,5\n", (), "line 2: times count from the start of the log: pass --begin"),
        (CSV + "1700000000,\n", (), "no row has a power"),
        (CSV, (), "no row has a power"),
        (CSV + "1700000000,5\0\n", (), "this is no table of text"),
        (CSV + "1700000000,5\n", ("--scope", ""), "what does this power contain? pass --scope"),
        (CSV + "1700000000,5\n", ("--map", "time=Time,power=Watt"), "--map: no column 'Watt' in the header"),
        (CSV + "1700000000,5\n", ("--map", "power=Power [W]"), "--map: time=COLUMN is missing"),
        (CSV + "1700000000,5\n", ("--map", "x"), "--map 'x': expected KEY=COLUMN"),
        (CSV + "1700000000,5\n", ("--time-zone", "Mars/Olympus"), "no such zone"),
        (CSV + "1700000000,5\n", ("--begin", "noon"), "--begin 'noon': expected such as"),
        (CSV + "1700000000,5\n", ("--node", "a b"), "--node 'a b'"),
        ("Time,Power [W]\n1700000000,5\n", ("--format", "csv", "--map", ""), "expected KEY=COLUMN"),
    ],
)
def test_what_is_doubtful_or_wrong_is_refused_and_nothing_is_kept(
    home: Path, text: str, options: tuple[str, ...], cause: str
) -> None:
    path = home / "log.csv"
    path.write_text(text)
    given_options = dict(zip(options[::2], options[1::2], strict=True))
    defaults = {"--node": "vm-1", "--map": "time=Time,power=Power [W]", "--scope": "board"}
    if "no known log" in cause:
        del defaults["--map"]
    if given_options.get("--scope") == "":
        del defaults["--scope"], given_options["--scope"]
    merged = defaults | given_options
    said = refused("import", path, *(part for pair in merged.items() for part in pair))
    assert cause in said
    assert said.count(str(path)) <= 1
    kept = list((home / "state").rglob("facts.json")) + list((home / "state").rglob(".new-*"))
    assert kept == []


def test_files_that_cannot_be_read_are_named(home: Path) -> None:
    assert "none.csv: No such file" in refused("import", home / "none.csv", "--node", "a")
    (home / "b").write_bytes(bytes(range(1, 256)) * 50)
    assert "wattwatch" not in refused("import", home / "b", "--node", "a")


def test_programs_are_not_mixed() -> None:
    both = (LHM, DATA / "hwinfo.csv")
    assert "logs of several programs (hwinfo, lhm)" in refused(
        "import", *both, "--node", "a", "--time-zone", "UTC"
    )


def test_dates_and_decimals_as_the_user_says(imported: Import, home: Path) -> None:
    log = home / "x.csv"
    log.write_text("When;P\n03/04/2026 10:00:00;1,250\n03/04/2026 10:00:02;1,250\n")
    taken = imported(
        log,
        mapping={"time": "When", "power": "P"},
        scope="board",
        date_order="dmy",
        decimal=",",
        time_zone="UTC",
    )
    assert taken.log.first_utc_seconds == 1775210400.0  # 3 April
    assert taken.log.mean_watts == 1.25


def test_times_that_count_from_a_beginning_and_milliwatts(imported: Import, home: Path) -> None:
    log = home / "x.tsv"
    log.write_text("s\tP\n0\t1000\n0.5\t3000\n1.0\t1000\n")
    taken = imported(
        log, mapping={"time": "s", "power_milliwatts": "P"}, scope="board", begin="2026-03-01T00:00:00Z"
    )
    assert taken.log.mean_watts == pytest.approx(2.0)
    assert taken.log.interval_seconds == 0.5


def test_a_line_that_was_cut_off_is_left_out(imported: Import, home: Path) -> None:
    log = home / LHM.name
    log.write_text(LHM.read_text()[:-30])
    taken = imported(log)
    assert taken.log.readings == 89
    assert taken.log.left_out == {"cut off at the end of the file": 1}


def test_rows_of_one_second_count_by_their_mean(imported: Import, home: Path) -> None:
    log = home / "um.csv"
    rows = [f"2026-03-14 09:26:{second:02},{watts}\n" for second in range(10, 41) for watts in (4, 6)]
    log.write_text("Time,Power(W)\n" + "".join(rows))
    taken = imported(log, scope="board", mapping={"time": "Time", "power": "Power(W)"})
    assert taken.log.readings == 31
    assert taken.log.mean_watts == pytest.approx(5.0)
    assert taken.log.left_out == {"at the instant of the row before, their mean counts": 31}


def test_decimals_parted_by_the_delimiter_are_refused_below_a_header_that_ends_with_one(home: Path) -> None:
    log = home / "hwinfo.csv"
    header = "Date,Time,CPU Package Power [W],CPU Package [°C],\n"
    log.write_bytes((header + "14.3.2026,09:26:50.000,10,9,50,\n").encode("latin-1"))
    told = refused("import", log, "--node", "vm-1", "--time-zone", "UTC")
    assert "line 2: 6 cells below a header of 4" in told
    assert "pass --delimiter" in told


CUTS = [
    (("--start", "2026-03-14T08:26:55", "--end", END), "--start: '2026-03-14T08:26:55' has no time zone"),
    (("--start", END, "--end", START), "--end: it must come after --start"),
    (("--start", "2025-01-01T00:00:00Z", "--end", "2025-01-02T00:00:00Z"), "no imported readings of 'vm-1'"),
    (
        ("--start", "2026-03-14T08:27:31Z", "--end", "2026-03-14T08:27:33Z"),
        "not a second of that time is covered",
    ),
    (("--start", START, "--end", END, "--phase", "x"), "expected NAME=START..END"),
    (("--start", START, "--end", END, "--phase", f"x={END}..{START}"), "its end must come after its start"),
    (("--start", START, "--end", END, "--phase", f"x={START}..2027-01-01T00:00:00Z"), "it is not within"),
    (
        ("--start", START, "--end", END, "--phase", f"x={START}..{END}", "--phase", f"y={START}..{END}"),
        "x and y overlap",
    ),
    (("--start", START, "--end", END, "--name", "x" * 500), "name"),
    (("--start", START, "--end", END, "--label", "x"), "label"),
]


@pytest.mark.parametrize(("arguments", "cause"), CUTS)
def test_cuts_that_cannot_be_are_refused_and_add_nothing(
    imported: Import, arguments: tuple[str, ...], cause: str
) -> None:
    imported(LHM)
    assert cause in refused("runs", "add", "--node", "vm-1", *arguments)
    assert json.loads(said("runs", "list", "--json"))["runs"] == []


def test_an_id_is_taken_once(imported: Import) -> None:
    imported(LHM)
    cut = ("runs", "add", "--node", "vm-1", "--start", START, "--end", END, "--run-id", "cut")
    said(*cut)
    assert "in the ledger already" in refused(*cut)


def test_a_long_log_takes_no_more_memory(home: Path) -> None:
    def peak_kibibytes(rows: int) -> int:
        log = home / f"{rows}.csv"
        with log.open("w") as file:
            file.write(CSV)
            file.writelines(f"{1_700_000_000 + at / 2},{at % 7}.5\n" for at in range(rows))
        process = subprocess.Popen(
            [sys.executable, "-m", "wattwatch", "import", log, "--node", f"n{rows}", "--scope", "board",
             "--map", "time=Time,power=Power [W]"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return used.ru_maxrss

    # 70,000 more rows would be 30 MiB and more if they were held.
    assert peak_kibibytes(100_000) < peak_kibibytes(30_000) + 12 * 1024


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_logs_are_read_or_refused(home: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(path.name for path in DATA.glob("*.csv"))))
    whole = (DATA / name).read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(min_size=1, max_size=8))
    (home / name).write_bytes(whole[:place] + other + whole[place + len(other) :])
    done = invoke("import", home / name, "--node", "vm-1", "--time-zone", "UTC")
    if done.exception is not None:
        assert isinstance(done.exception, WattwatchError), done.exc_info
