"""Trees of sensors: every form that the server has had, and whatever else may come."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.lhm_server import document
from wattwatch.sources.lhm_number import BASE_UNITS
from wattwatch.sources.lhm_tree import LhmSensor, sensors_from_json

FORMS = ("lhm-0.9.6-strings", "lhm-0.9.6-german", "lhm-0.9.7-numbers", "open-hardware-monitor")


def by_name(form: str) -> dict[tuple[str, str, str], float | None]:
    sensors = sensors_from_json(document(form))
    return {(sensor.hardware, sensor.type, sensor.name): sensor.value for sensor in sensors}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str) -> None:
    found = by_name(form)
    cpu, gpu = "Intel Core i7-9700", "NVIDIA GeForce GTX 1660"
    assert found[cpu, "Power", "CPU Package"] == pytest.approx(42.03125, abs=0.051)
    assert found[cpu, "Power", "CPU Memory"] == pytest.approx(1.25, abs=0.051)
    assert found[cpu, "Voltage", "CPU Core"] == 1.184
    assert found[cpu, "Clock", "CPU Core #1"] == 4689.5e6
    assert found[cpu, "Load", "CPU Total"] == 0.375
    assert found[cpu, "Temperature", "CPU Package"] == 61.0
    assert found[gpu, "Power", "GPU Package"] == 18.5
    assert found["Internal Battery", "Energy", "Remaining Capacity"] == pytest.approx(41230 * 3.6)
    assert found["Internal Battery", "Power", "Discharge Rate"] is None
    assert len(sensors_from_json(document(form))) == 16


def test_a_number_keeps_all_its_digits() -> None:
    assert by_name("lhm-0.9.7-numbers")["Intel Core i7-9700", "Power", "CPU Package"] == 42.03125


@pytest.mark.parametrize("form", FORMS)
def test_sensors_of_other_types_are_left_out(form: str) -> None:
    names = {sensor.name for sensor in sensors_from_json(document(form))}
    assert not names & {"GPU Fan 1", "Memory Used"}


@pytest.mark.parametrize("form", FORMS)
def test_no_two_sensors_have_one_key(form: str) -> None:
    sensors = sensors_from_json(document(form))
    assert len({(sensor.key, sensor.type) for sensor in sensors}) == len(sensors)
    assert [s.hardware for s in sensors if s.name == "Temperature"] == ["Samsung SSD 970 EVO"] * 2


def leaf(**fields: object) -> bytes:
    node = {"Text": "CPU Package", "Type": "Power", "SensorId": "/cpu/0/power/0", "Children": []} | fields
    return json.dumps({"Children": [{"Text": "CPU", "Children": [node]}]}).encode()


@pytest.mark.parametrize(
    "raw", [None, "NaN", "", "-", True, [], {}, 1e13, -1e13, 10**400, "1e400", "5 V", "∞"]
)
def test_what_is_no_number_is_no_value(raw: object) -> None:
    (sensor,) = sensors_from_json(leaf(RawValue=raw))
    assert sensor.value is None


def test_an_overflowing_number_is_no_value() -> None:
    body = leaf(RawValue=7).replace(b'"RawValue": 7', b'"RawValue": 1e999')
    (sensor,) = sensors_from_json(body)
    assert sensor.value is None


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_bare_nan_and_infinity_are_no_json(constant: bytes) -> None:
    with pytest.raises(ValueError, match="is no JSON"):
        sensors_from_json(leaf(RawValue=7).replace(b'"RawValue": 7', b'"RawValue": ' + constant))


def test_without_a_raw_value_the_shown_one_is_taken() -> None:
    assert sensors_from_json(leaf(Value="42,0 W")) == (
        LhmSensor("/cpu/0/power/0", "", "CPU Package", "Power", 42.0),
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'{"a": 1}', b"<html>", b"\xff\xfe", b'{"Children": '])
def test_other_documents_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        sensors_from_json(body)


def test_deep_trees_are_refused_however_deep() -> None:
    for depth in (17, 100, 3000, 200_000):
        body = b'{"Children": [' * depth + b'{"Text": "x"}' + b"]}" * depth
        with pytest.raises(ValueError, match=r"too large|too deep"):
            sensors_from_json(body)


def test_trees_of_a_real_depth_are_taken() -> None:
    node: dict[str, object] = {"Text": "P", "Type": "Power", "RawValue": 1.0}
    for level in range(8):
        node = {"Text": str(level), "Children": [node]}
    assert len(sensors_from_json(json.dumps(node).encode())) == 1


def test_wide_trees_are_refused() -> None:
    node = {"Text": "P", "Type": "Power", "RawValue": 1.0}
    with pytest.raises(ValueError, match="too large"):
        sensors_from_json(json.dumps({"Children": [node] * 2500}).encode())
    with pytest.raises(ValueError, match="too large"):
        sensors_from_json(json.dumps({"Children": [{}] * 25000}).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NODES = st.recursive(
    st.dictionaries(
        st.sampled_from(["Text", "Value", "RawValue", "Type", "SensorId", "Children"]),
        JSON | st.sampled_from(["Power", "Powers", "Load", "42.0 W", "42,0 W", "NaN", "CPU Package"]),
        max_size=6,
    ),
    lambda inner: st.fixed_dictionaries(
        {"Text": st.sampled_from(["CPU", "Powers", "", "Load"]), "Children": st.lists(inner, max_size=4)}
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(NODES)
def test_any_tree_is_sensors_or_a_value_error(tree: dict[str, object]) -> None:
    check(json.dumps(tree).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_sensors_or_a_value_error(body: bytes) -> None:
    check(body)


@given(st.data())
def test_a_damaged_document_is_sensors_or_a_value_error(data: st.DataObject) -> None:
    whole = document(data.draw(st.sampled_from(FORMS)))
    position = data.draw(st.integers(0, len(whole)))
    check(
        whole[:position] + data.draw(st.binary(max_size=4)) + whole[position + data.draw(st.integers(0, 9)) :]
    )


def check(body: bytes) -> None:
    try:
        sensors = sensors_from_json(body)
    except ValueError:
        return
    for sensor in sensors:
        assert sensor.type in BASE_UNITS
        assert len(sensor.name) <= 100
        assert "\n" not in sensor.name
        assert sensor.value is None or math.isfinite(sensor.value)
    assert len({sensor.key for sensor in sensors}) == len(sensors)
