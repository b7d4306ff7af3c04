"""The laws of the targets on requests made by their grammar, with something wrong in them."""

import random

from hypothesis import given
from hypothesis import strategies as st

import fuzz_http
import fuzz_readings
import fuzz_runs
from support.odd_json import bounded, damaged

_BODIES = [
    {"run_id": "r", "name": "n", "experiment": "e", "phase": "load", "labels": {"a": "b"}, "hold": True},
    {"at": {"boot_id": "boot-1", "boot_seconds": 1000.5}, "armed": True, "command": "train"},
    {"phase": "training", "nested": True, "window_id": "w", "at": "2023-11-14T22:30:01Z"},
    {"close": True, "exit_status": 1, "state": "failed", "started_at": "2023-11-14T22:30:01Z", "token": "t"},
]


@given(st.integers(0, 3), st.sampled_from(_BODIES).flatmap(damaged))
@bounded(120)
def test_bodies_of_runs(route: int, body: bytes) -> None:
    fuzz_runs.check(bytes([route]) + body)


@given(st.integers(2, 3), damaged(["boot-1", 1001.5, 1700001001.5]))
@bounded(120)
def test_cursors(kind: int, document: bytes) -> None:
    fuzz_readings.check(bytes([kind]) + document)


_FIELDS = st.builds(
    "{}={}".format,
    st.sampled_from(["channel", "source", "after", "start", "end", "limit", "boot_seconds"]),
    st.sampled_from(
        [
            "meter/vbus/power_watts",
            "meter",
            "1",
            "0",
            "-1",
            "1e308",
            "nan",
            "9" * 400,
            "%00",
            "%ED%A0%80",
            "2023-11-14T22:30:01Z",
            "0001-01-01T00:00:00%2B23:59",
            "9999-12-31T23:59:59-23:59",
            "²",
            "",
        ]
    ),
)


@given(st.lists(_FIELDS, max_size=5))
@bounded(120)
def test_queries(fields: list[str]) -> None:
    fuzz_readings.check(b"\0" + "&".join(fields).encode())


_REQUEST = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"/",
    b"/metrics",
    b"/v1/sources",
    b"/v1/echo/a",
    b"/%00",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"Host: x",
    b"Content-Length: 2",
    b"Content-Length: 99",
    b"Transfer-Encoding: chunked",
    b"Authorization: Bearer secret",
    b"Authorization: Basic !",
    b"Expect: 100-continue",
    b"Connection: close",
    b"{}",
    b"Accept: application/openmetrics-text",
    b"Accept-Encoding: gzip",
    b"A: \xff\0",
    b"x" * 9000,
    b"[" * 3000,
]


@given(st.booleans(), st.lists(st.sampled_from(_REQUEST), min_size=1, max_size=12))
@bounded(100)
def test_requests(over_socket: bool, pieces: list[bytes]) -> None:
    fuzz_http.check(bytes([over_socket]) + b"".join(pieces))


@given(st.booleans(), st.randoms(use_true_random=False))
@bounded(60)
def test_good_requests_with_bytes_changed(over_socket: bool, chance: random.Random) -> None:
    data = bytearray(
        b'POST /v1/echo/a HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{"a":1}GET / HTTP/1.1\r\n\r\n'
    )
    for _ in range(chance.randrange(4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    fuzz_http.check(bytes([over_socket]) + bytes(data))
