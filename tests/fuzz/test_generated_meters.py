"""The laws of the targets on bytes of meters and sensors by their grammar, with something wrong in them."""

from hypothesis import given
from hypothesis import strategies as st

import fuzz_capture
import fuzz_frame
import fuzz_pmic
import fuzz_stream
import fuzz_sysfs
from support.odd_json import bounded
from support.um_frames import IDS, frame


@given(st.sampled_from(sorted(IDS.values())), st.binary(max_size=140))
@bounded(300)
def test_bytes_after_a_model_id(model_id: int, rest: bytes) -> None:
    fuzz_frame.check(model_id.to_bytes(2, "big") + rest)


@given(
    st.sampled_from(sorted(IDS)), st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1),
    st.integers(0, 129), st.integers(0, 255),
)  # fmt: skip
@bounded(300)
def test_a_frame_with_another_byte(model: str, volts: int, amperes: int, place: int, byte: int) -> None:
    data = bytearray(frame(model=model, volts=volts, amperes=amperes))
    data[place] = byte
    fuzz_frame.check(bytes(data))


@given(st.binary(min_size=10, max_size=300))
@bounded(300)
def test_stories_of_a_link(data: bytes) -> None:
    fuzz_stream.check(data)


@given(
    st.lists(
        st.sampled_from([b"0x", b":", b"\n", b"zz", b"\xff", frame(), frame().hex().encode(), b" 09 63"])
    )
)
@bounded(200)
def test_captures(pieces: list[bytes]) -> None:
    fuzz_capture.check(b"".join(pieces))


_RAIL = st.tuples(
    st.sampled_from(["VDD_CORE", "3V3_SYS", "EXT5V", "", "x"]),
    st.sampled_from(["A", "V", "W"]),
    st.sampled_from(["current", "volt"]),
    st.sampled_from(["1.5", "-0.1", "999999.999999999999", "1e9", "nan", "\u0661", ""]),
    st.sampled_from(["A", "V"]),
)


@given(st.lists(_RAIL, max_size=6), st.sampled_from(["throttled=0x50005", "throttled=0x", "", "0"]))
@bounded(200)
def test_answers_of_the_firmware(rails: list[tuple[str, ...]], flags: str) -> None:
    lines = [f" {name}_{sign} {what}(1)={value}{unit}" for name, sign, what, value, unit in rails]
    fuzz_pmic.check("\n".join([*lines, "", flags]).encode())


_CONTENTS = st.sampled_from(
    [
        "0",
        "-1",
        "48312",
        "9" * 63,
        "9" * 400,
        "9" * 5000,
        "1_0",
        "0x10",
        "1e9",
        "nan",
        "",
        " \n",
        "a\0b",
        "\xff",
        "package-0",
        "psys",
        "core",
        "ina226",
        "powerz",
        "Battery",
        "Discharging",
        "cpu-thermal",
        "a/b c",
    ]
)


@given(st.integers(0, 4), st.lists(_CONTENTS, min_size=1, max_size=12))
@bounded(200)
def test_files_of_the_kernel(kind: int, contents: list[str]) -> None:
    fuzz_sysfs.check(bytes([kind]) + "\n\n".join(contents).encode())
