"""`wattwatch decode` as a user sees it: output, error lines, exit status."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.um_frames import PUBLISHED, frame
from wattwatch.errors import FrameError
from wattwatch.sources.um.capture import decode_capture, frame_object

GOOD = frame()
KEYS = [
    "model",
    "voltage_volts",
    "current_amperes",
    "power_watts",
    "temperature_celsius",
    "selected_group",
    "groups",
    "data_positive_volts",
    "data_negative_volts",
    "charging_mode",
    "record",
    "screen_timeout_minutes",
    "backlight",
    "resistance_ohms",
    "trailer_ok",
    "plausible",
    "problems",
]


def decode(*arguments: str, standard_input: bytes = b"") -> tuple[list[dict[str, Any]], list[str], int]:
    done = subprocess.run(
        [sys.executable, "-c", "from wattwatch.cli.main import run; run()", "decode", *arguments],
        input=standard_input,
        capture_output=True,
        check=False,
    )
    objects = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return objects, done.stderr.decode().splitlines(), done.returncode


def test_hex_on_the_command_line_gives_exactly_the_documented_object() -> None:
    (decoded,), errors, status = decode(GOOD.hex())
    assert (errors, status) == ([], 0)
    assert list(decoded) == KEYS
    assert list(decoded["groups"][0]) == ["charge_milliampere_hours", "energy_milliwatt_hours"]
    assert list(decoded["record"]) == [
        "charge_milliampere_hours", "energy_milliwatt_hours", "threshold_amperes", "seconds", "active",
    ]  # fmt: skip
    groups = [{"charge_milliampere_hours": 403, "energy_milliwatt_hours": 2016}]
    groups += [{"charge_milliampere_hours": 0, "energy_milliwatt_hours": 0}] * 9
    assert decoded == {
        "model": "UM24C",
        "voltage_volts": 5.02,
        "current_amperes": 0.05,
        "power_watts": 0.251,
        "temperature_celsius": 24,
        "selected_group": 0,
        "groups": groups,
        "data_positive_volts": 3.06,
        "data_negative_volts": 0.0,
        "charging_mode": 0,
        "record": {
            "charge_milliampere_hours": 403,
            "energy_milliwatt_hours": 2016,
            "threshold_amperes": 0.03,
            "seconds": 13240,
            "active": True,
        },
        "screen_timeout_minutes": 3,
        "backlight": 5,
        "resistance_ohms": 100.4,
        "trailer_ok": True,
        "plausible": True,
        "problems": [],
    }


def test_the_published_frame_from_its_file() -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"needs the published frame at {PUBLISHED.name} in ../shared/data beside the checkout")
    (decoded,), errors, status = decode(str(PUBLISHED))
    assert (errors, status) == ([], 0)
    assert (decoded["model"], decoded["power_watts"], decoded["plausible"]) == ("UM24C", 0.251, True)


def test_standard_input_with_and_without_a_dash_as_hex_and_binary(tmp_path: Path) -> None:
    several = b"".join(frame(group=group) for group in range(3))
    capture = tmp_path / "capture.bin"
    capture.write_bytes(several)
    wanted: tuple[list[int], list[str], int] = ([0, 1, 2], [], 0)
    lines = b"\n".join(frame(group=group).hex().encode() for group in range(3))
    wrapped = "\n".join(f"{several[at : at + 16].hex(' ').upper()}" for at in range(0, 390, 16)).encode()
    for objects, errors, status in (
        decode(standard_input=several),
        decode("-", standard_input=lines),
        decode("-", standard_input=wrapped),
        decode(str(capture)),
    ):
        assert ([decoded["selected_group"] for decoded in objects], errors, status) == wanted


def test_a_bad_frame_is_one_line_and_the_others_are_decoded() -> None:
    stream = GOOD + frame(model_id=0x0965) + frame(group=1) + GOOD[:30]
    objects, errors, status = decode(standard_input=stream)
    assert [decoded["selected_group"] for decoded in objects] == [0, 1]
    assert errors == [
        "wattwatch: offset 130: unknown model id 0x0965 (130 bytes without a frame); passed over",
        "wattwatch: offset 390: cut short or damaged: 30 of 130 bytes of a UM24C",
    ]
    assert status == 1


def test_a_line_that_is_no_hex_costs_itself_only() -> None:
    text = f"{GOOD.hex()}\nno hex here\n{frame(group=1).hex()}\n".encode()
    objects, errors, status = decode(standard_input=text)
    assert [decoded["selected_group"] for decoded in objects] == [0, 1]
    assert errors == ["wattwatch: offset 130: line 2 is not hex: 'no hex here'"]
    assert status == 1


def test_contradictions_and_end_marks_are_in_the_object_and_no_failure() -> None:
    odd = frame(milliwatts=9, trailer=b"\0\0")
    (decoded,), errors, status = decode(odd.hex())
    assert (errors, status) == ([], 0)
    assert (decoded["trailer_ok"], decoded["plausible"]) == (False, False)
    assert decoded["problems"] == ["power_mismatch"]


def test_the_example_of_the_help_works(tmp_path: Path) -> None:
    (tmp_path / "capture.hex").write_text(GOOD.hex())
    program = [sys.executable, "-c", "from wattwatch.cli.main import run; run()"]
    told = subprocess.run([*program, "decode", "--help"], capture_output=True, text=True, check=True).stdout
    example = told.partition("Example: wattwatch ")[2].split()
    done = subprocess.run([*program, *example], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout)["model"] == "UM24C"


@pytest.mark.parametrize("nothing", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_nothing_to_decode_is_an_error(nothing: bytes) -> None:
    objects, errors, status = decode(standard_input=nothing)
    assert (objects, status) == ([], 1)
    assert errors == [
        "wattwatch: offset 0: nothing to decode: expected frames of 130 bytes, as hex text or binary"
    ]


def test_neither_hex_nor_a_file(tmp_path: Path) -> None:
    for argument in ("captur.hex", str(tmp_path), "09zz"):
        objects, errors, status = decode(argument)
        assert (objects, len(errors), status) == ([], 1, 1)


def test_hex_too_long_for_a_file_name() -> None:
    assert len(decode(GOOD.hex() * 20)[0]) == 20


@pytest.mark.parametrize(
    "text", [GOOD.hex(":"), GOOD.hex().upper(), " ".join(f"0x{byte:02x}" for byte in GOOD)]
)
def test_hex_in_the_usual_dresses(text: str) -> None:
    objects = [item for item in decode_capture(text.encode()) if not isinstance(item, FrameError)]
    assert len(objects) == 1


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
@settings(max_examples=200)
def test_any_capture_gives_objects_and_errors_and_nothing_else(raw: bytes) -> None:
    items = list(decode_capture(raw))
    assert items
    for item in items:
        if not isinstance(item, FrameError):
            json.dumps(frame_object(item), allow_nan=False)
