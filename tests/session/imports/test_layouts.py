"""What columns of a log are: by its program, by name, number, identifier, and in which unit; or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.reading import Quality, Scope
from wattwatch.session.imports.layouts import Layout, LogFormat
from wattwatch.session.imports.programs import layout_of
from wattwatch.session.imports.quantities import KEYS, column_of, parsed_mapping
from wattwatch.session.imports.readings import LogReader, Reckoning
from wattwatch.session.imports.table import ImportRefused, Row, open_log
from wattwatch.session.imports.zones import zone_of

DATA = Path(__file__).parents[2] / "data" / "import"
LHM = [
    ["", "/intelcpu/0/temperature/20", "/intelcpu/0/power/0", "/intelcpu/1/power/0", "/gpu-nvidia/0/power/0"],
    ["Time", "CPU Package", "CPU Package", "CPU Cores", "GPU Package"],
]
TWO_PACKAGES = [LHM[0], ["Time", "CPU Package", "CPU Package", "CPU Package", "GPU Package"]]


def rows(*lines: list[str]) -> list[Row]:
    return [Row(number, cells) for number, cells in enumerate(lines, 1)]


def layout(lines: list[list[str]], wanted: str = "auto", **mapping: str) -> Layout:
    return layout_of(rows(*lines), wanted, mapping)


def places(found: Layout) -> dict[str, int]:
    return {column.quantity: column.place for column in found.columns}


def read(path: Path, wanted: str = "auto", **mapping: str) -> list[dict[str, float]]:
    log = open_log(path)
    reader = LogReader(log, layout_of(log.head(), wanted, mapping), Reckoning(zone_of("UTC")))
    return [reading.values for reading in reader.readings()]


def test_libre_hardware_monitor_by_identifiers_and_names() -> None:
    found = layout(LHM)
    assert (found.format, found.scope, found.quality) == ("lhm", Scope.PACKAGE, Quality.SENSOR)
    assert places(found) == {"power_watts": 2, "temperature_celsius": 1}
    assert (found.header_line, found.date_order) == (2, "mdy")


def test_amd_packages_have_another_name() -> None:
    amd = [["", "/amdcpu/0/power/0", "/amdcpu/0/power/1"], ["Time", "Package", "Core #1 (SMU)"]]
    assert places(layout(amd)) == {"power_watts": 1}


def test_two_packages_are_not_one_of_them() -> None:
    with pytest.raises(ImportRefused, match=r"2 columns are called 'CPU Package': .*#3, #4"):
        layout(TWO_PACKAGES)
    assert places(layout(TWO_PACKAGES, time="Time", power="#4")) == {"power_watts": 3}


def test_columns_of_one_name_are_named_by_identifier_or_number() -> None:
    with pytest.raises(ImportRefused, match=r"2 columns are called 'CPU Package'"):
        layout(LHM, time="Time", power="CPU Package")
    assert places(layout(LHM, time="Time", power="/intelcpu/0/power/0")) == {"power_watts": 2}
    assert places(layout(LHM, time="#1", power="#3", temperature="#2"))["temperature_celsius"] == 1
    mapped = layout(LHM, "lhm", time="Time", power="GPU Package")
    assert (mapped.format, mapped.scope) == (LogFormat.LIBRE_HARDWARE_MONITOR, Scope.PACKAGE)


def test_a_file_without_a_header_is_read_by_numbers(tmp_path: Path) -> None:
    log = tmp_path / "x.csv"
    log.write_text("1700000000,5\n1700000001,6\n")
    assert [values["power_watts"] for values in read(log, time="#1", power="#2")] == [5.0, 6.0]
    log.write_text("t,p\n1700000000,5\n1700000001,6\n")
    assert [values["power_watts"] for values in read(log, time="#1", power="#2")] == [5.0, 6.0]


@pytest.mark.parametrize(
    ("header", "power"),
    [
        (["Date", "Time", "CPU Package Power [W]"], 2),
        (["Date", "Time", "CPU [#0] Fan", "CPU PPT [W]", "CPU Core Power [W]"], 3),
        (["Date", "Time", "CPU PPT [W]", "CPU Package Power [W]", ""], 3),
    ],
)
def test_hwinfo_by_its_columns(header: list[str], power: int) -> None:
    found = layout([header])
    assert (found.format, found.time, found.date) == ("hwinfo", 1, 0)
    assert places(found) == {"power_watts": power}


def test_hwinfo_in_another_language_by_map() -> None:
    german = [["Datum", "Zeit", "CPU-Gesamt-Leistungsaufnahme [W]"]]
    with pytest.raises(ImportRefused, match=r"no known log .'Datum', 'Zeit'"):
        layout(german)
    found = layout(german, "hwinfo", date="Datum", time="Zeit", power="CPU-Gesamt-Leistungsaufnahme [W]")
    assert (found.scope, found.date, found.time) == (Scope.PACKAGE, 0, 1)


@pytest.mark.parametrize(
    ("header", "factors"),
    [
        (["Time", "Voltage(V)", "Current(A)", "Power(W)"], (1.0, 1.0, 1.0)),
        (["Date/Time", "Voltage [V]", "Current [mA]", "Power [mW]"], (1.0, 1e-3, 1e-3)),
        (["Time", "Voltage", "Current"], (1.0, 1.0)),
    ],
)
def test_um_meters_by_the_units_in_their_columns(header: list[str], factors: tuple[float, ...]) -> None:
    found = layout([header])
    assert (found.format, found.scope, found.quality) == ("um", Scope.BOARD, Quality.METERED)
    assert tuple(column.factor for column in found.columns) == factors
    assert found.has_power


UNITS = [
    ("power", "Power", 1.0),
    ("power", "Power [mW]", 1e-3),
    ("power", "power_mw", 1e-3),
    ("power", "GPU Watts", 1.0),
    ("power_milliwatts", "Power [W]", 1e-3),  # the user knows better
    ("energy", "Energy (kWh)", 3.6e6),
    ("energy", "E [mWh]", 3.6),
    ("energy_joules", "counter", 1.0),
    ("energy_watt_hours", "counter", 3600.0),
    ("current", "I [mA]", 1e-3),
    ("voltage_millivolts", "U", 1e-3),
]


@pytest.mark.parametrize(("key", "name", "factor"), UNITS)
def test_units_are_those_of_the_key_or_of_the_name(key: str, name: str, factor: float) -> None:
    assert column_of(key, 0, name).si(10.0) == pytest.approx(10.0 * factor)


@pytest.mark.parametrize("key", ["temperature_fahrenheit", "temperature"])
def test_fahrenheit(key: str) -> None:
    column = column_of(key, 0, "CPU [°F]")
    assert [column.si(32.0), column.si(212.0)] == pytest.approx([0.0, 100.0])


@pytest.mark.parametrize(("key", "name"), [("power", "P [VA]"), ("power", "Fan [%]"), ("energy", "Energy")])
def test_a_unit_that_is_none_or_is_not_told_is_refused(key: str, name: str) -> None:
    with pytest.raises(ImportRefused, match=rf"--map {key}=.*: in which unit\? pass one of {key}_"):
        column_of(key, 0, name)


def test_maps_are_parsed() -> None:
    assert parsed_mapping(["time=Date, Time,power=CPU Package [W]", "temperature=T"]) == {
        "time": "Date, Time",
        "power": "CPU Package [W]",
        "temperature": "T",
    }
    for bad in ("power", "=x", "watts=P", "power= ", ""):
        with pytest.raises(ImportRefused, match=r"expected KEY=COLUMN with KEY one of time, date, power"):
            parsed_mapping([bad])
    with pytest.raises(ImportRefused, match="power is given twice"):
        parsed_mapping(["power=a", "power=b"])


NAMES = st.text(st.characters(codec="utf-8", exclude_characters=",=#/", exclude_categories=["C"]), min_size=1)


@given(st.dictionaries(st.sampled_from(KEYS), NAMES.filter(lambda name: name == name.strip()), min_size=1))
def test_a_map_comes_back(mapping: dict[str, str]) -> None:
    assert parsed_mapping([",".join(f"{key}={name}" for key, name in mapping.items())]) == mapping


def test_a_map_names_columns_that_are_there() -> None:
    for mapping, cause in (
        ({"time": "t", "power": "x"}, "no column 'x' in the header: it has 't', 'p'"),
        ({"time": "#9", "power": "p"}, "no column '#9'"),
        ({"power": "p"}, "time=COLUMN is missing"),
        ({"time": "t", "temperature": "p"}, "no column of power, energy, or voltage and current"),
    ):
        with pytest.raises(ImportRefused, match=cause):
            layout([["t", "p"]], **mapping)


TABLES: list[tuple[str, dict[str, Any], str]] = [
    (  # decimals written with the sign that parts columns
        "Time,Power [W],x\n1700000000,5,5,1\n1700000001,6,5,1\n",
        {"time": "Time", "power": "Power [W]"},
        r"line 2: 4 cells below a header of 3: .*pass --delimiter",
    ),
    (
        "Time, s;Power, W\n1700000000,0;5,5\n1700000001,0;6,5\n",
        {"time": "Time, s", "power": "Power, W"},
        r"',' and ';' part every line alike: pass --delimiter",
    ),
    (
        "Time,a,Power [W]\n1700000000,1,5\n1700000001\n1700000002,1,5\n",
        {"time": "Time", "power": "Power [W]"},
        r"line 3: it ends after 1 of 3 columns",
    ),
    (
        "Time,a,Power [W]\n1700000000,1,5\nTime,Power [W],a\n1700000001,5,1\n",
        {"time": "Time", "power": "Power [W]"},
        r"line 3: another header, with other columns",
    ),
    (
        "Time,Power [W]\n1700000000,5\n1700000001,-5\n",
        {"time": "Time", "power": "Power [W]"},
        r"line 3: '-5': a power or an energy below 0",
    ),
    (
        "Time;Power [W]\n1700000000;1.5\n1700000001;1,5\n",
        {"time": "Time", "power": "Power [W]"},
        r"line 3: '1,5' is no number with decimal '\.': pass --decimal",
    ),
]


@pytest.mark.parametrize(("text", "mapping", "cause"), TABLES)
def test_tables_that_would_be_read_wrongly_are_refused(
    tmp_path: Path, text: str, mapping: dict[str, str], cause: str
) -> None:
    log = tmp_path / "x.csv"
    log.write_text(text)
    with pytest.raises(ImportRefused, match=cause):
        read(log, **mapping)


def test_a_delimiter_that_is_said_is_taken(tmp_path: Path) -> None:
    log = tmp_path / "x.csv"
    log.write_text("Time, s;Power, W\n1700000000,0;5,5\n1700000001,0;6,5\n")
    assert open_log(log, ";").head()[0].cells == ["Time, s", "Power, W"]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"PK\x03\x04rest", "spreadsheet or an archive: save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "spreadsheet: save it as CSV"),
        (json.dumps({"run_id": "x"}).encode(), "wattwatch runs import"),
        (b"\n \n", "the file is empty"),
    ],
)
def test_what_is_no_table_is_told_by_what_it_is(tmp_path: Path, content: bytes, cause: str) -> None:
    log = tmp_path / "x.csv"
    log.write_bytes(content)
    with pytest.raises(ImportRefused, match=cause):
        open_log(log)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_ends_of_lines(tmp_path: Path, encoding: str, end: str) -> None:
    log = tmp_path / "x.csv"
    lines = ["Time,Temp [°C],Power [W]", "1700000000,41,5", "1700000001,42,6", ""]
    log.write_bytes(end.join(lines).encode(encoding))
    found = read(log, time="Time", temperature="Temp [°C]", power="Power [W]")
    assert found == [
        {"temperature_celsius": 41.0, "power_watts": 5.0},
        {"temperature_celsius": 42.0, "power_watts": 6.0},
    ]


def test_a_number_at_the_end_of_a_file_that_was_cut_is_not_taken(tmp_path: Path) -> None:
    log = tmp_path / "x.csv"
    log.write_text("Time,Power [W]\n1700000000,50\n1700000001,5")  # was it 5, or 53?
    assert [values["power_watts"] for values in read(log, time="Time", power="Power [W]")] == [50.0]


def test_unknown_values_are_missing_not_zero(tmp_path: Path) -> None:
    log = tmp_path / "x.csv"
    log.write_text("Time,T [°C],Power [W]\n1700000000,,5\n1700000001,40,N/A\n1700000002,-,6\n")
    assert read(log, time="Time", temperature="T [°C]", power="Power [W]") == [
        {"power_watts": 5.0},
        {"power_watts": 6.0},
    ]


def test_core_temp_ends_with_lines_that_are_no_rows() -> None:
    found = read(DATA / "coretemp.csv")
    assert len(found) == 20
    assert found[0] == {"power_watts": 18.0, "temperature_celsius": 45.0}
