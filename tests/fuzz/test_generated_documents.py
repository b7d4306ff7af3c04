"""The laws of the targets on files and documents made by their grammar, with something wrong in them."""

import json

from hypothesis import given
from hypothesis import strategies as st

import fuzz_config
import fuzz_lhm
import fuzz_lhm_http
import fuzz_relay
import fuzz_web_yml
import make_seeds
from support.odd_json import bounded, damaged
from wattwatch.config import grammar, source_tables


def _answer(body: bytes, head: str = "HTTP/1.1 200 OK") -> bytes:
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


_KEYS = sorted(
    {
        key.name
        for table in (grammar.ROOT, *grammar.SECTIONS, *source_tables.SOURCE_TYPES.values())
        for key in table.keys
    }
    | {"nodde", '"a b"', '"\\u0000"', "controller"}
)
_VALUES = [
    "true",
    "1",
    "-1",
    "1.5",
    "nan",
    "inf",
    "1e999",
    f"1{'0' * 400}",
    "9" * 4400,
    f"0x{'f' * 4000}",
    '""',
    '"pi-1"',
    '"a\\nb\\u0000"',
    '"/a\\u0000b"',
    '"/dev/rfcomm0"',
    '"500ms"',
    '"1e9s"',
    f'"{"9" * 400}d"',
    f'"{"x" * 5000}"',
    "[]",
    '["pi-1", "pi-1"]',
    "[1]",
    "{}",
    "{ a = 1 }",
    "1979-05-27T07:32:00Z",
    "[[[[]]]]",
    '"um24c"',
    '"relay"',
    '"lhm"',
    '"http://[::1"',
    '"0.0.0.0:99999"',
    '"00:15:A6:01:AA:BB"',
]
_LINE = st.builds("{} = {}".format, st.sampled_from(_KEYS), st.sampled_from(_VALUES))
_HEADING = st.sampled_from(
    ["[server]", "[store]", "[sampling]", "[[source]]", "[source]", "[attribution]", "["]
)


@given(st.lists(_LINE | _HEADING | st.sampled_from(make_seeds.CONFIG.splitlines()), max_size=12))
@bounded(300)
def test_configurations(lines: list[str]) -> None:
    fuzz_config.check("\n".join(lines).encode())


_YAML = [
    "tls_server_config:",
    "http_server_config:",
    "basic_auth_users:",
    "rate_limit:",
    "  headers:",
    '  cert: "\\uD800"',
    '  key: "x"',
    '  cert_file: "a\\0b"',
    "  key_file: nowhere",
    "  min_version: TLS13",
    "  interval: 1s",
    f"  interval: {'9' * 400}d",
    f"  burst: {'9' * 4400}",
    "  burst: 3",
    "  ann: no",
    "  ann: [x]",
    f"  ann: {make_seeds._BCRYPT}",
    "    X-Frame-Options: deny",
    '    Strict-Transport-Security: "a\\nb"',
    "  ? [a]",
    "  <<: *a",
    "a: &a [*a]",
    "- x",
    "\t",
    "%YAML 9.9",
    "!!python/object:os.system x",
    "  http2: maybe",
]


@given(st.lists(st.sampled_from(_YAML), max_size=10))
@bounded(300)
def test_web_yml(lines: list[str]) -> None:
    fuzz_web_yml.check("\n".join(lines).encode())


@given(damaged(make_seeds.LHM))
@bounded(200)
def test_trees_of_a_windows_host(document: bytes) -> None:
    fuzz_lhm.check(document)


@given(
    damaged(make_seeds.LHM),
    st.sampled_from(["", "\r\nContent-Encoding: gzip", "\r\nTransfer-Encoding: chunked"]),
)
@bounded(60)
def test_answers_of_a_windows_host(document: bytes, more: str) -> None:
    fuzz_lhm_http.check(_answer(document, f"HTTP/1.1 200 OK{more}"))


@given(damaged(make_seeds.RELAY))
@bounded(200)
def test_answers_of_another_daemon(document: bytes) -> None:
    fuzz_relay.check(document)


@given(st.lists(st.floats(5890, 6010), max_size=6))
@bounded(60)
def test_rows_of_another_daemon_in_any_order(seconds: list[float]) -> None:
    row = make_seeds.RELAY["rows"][0]  # type: ignore[index] # a list of objects
    rows = [row | {"boot_seconds": boot_seconds} for boot_seconds in seconds]
    fuzz_relay.check(json.dumps(make_seeds.RELAY | {"rows": rows}).encode())
