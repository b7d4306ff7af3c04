import json
from dataclasses import replace
from itertools import chain
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from support.web_node import HOST, METER, NOW, DatedFakeHistory, FakeNode, snapshot, status
from wattwatch import metrics
from wattwatch.metrics import Sample
from wattwatch.reading import Instant, Kind, Reading
from wattwatch.sampling.snapshot import SourceHealth
from wattwatch.web.dispatch import Dispatcher
from wattwatch.web.guard import Guard
from wattwatch.web.http import Request, Response, Stream
from wattwatch.web.v1 import read_routes
from wattwatch.web.wire import parse_head

POWER = METER[0]
OFFSETS = {"boot-0": 1_690_000_000.0, "boot-1": 1_700_000_000.0, "boot-2": 1_710_000_000.0}


def get(node: FakeNode, path: str, accept: str = "", **more: int) -> Response:
    """The answer to a request, by the way that the server takes."""
    head = parse_head(f"GET {path} HTTP/1.1\r\nAccept: {accept}\r\n\r\n".encode(), 0)
    request = Request("GET", head.path, head.query, {}, head.headers, over_socket=True)
    found = Dispatcher(read_routes(node.view(**more)), Guard()).answer(request)
    assert not isinstance(found, Stream)
    return found


def readings(node: FakeNode, **query: object) -> Response:
    return get(node, "/v1/readings?" + urlencode({"channel": POWER.id} | query))


def node_with(points: list[tuple[str, float]]) -> FakeNode:
    node = FakeNode()
    node.history.offsets = dict(OFFSETS)
    node.history.put(*(Reading(POWER, float(index), Instant(*point)) for index, point in enumerate(points)))
    return node


def test_a_scrape_commits_first_and_says_what_format_it_is() -> None:
    node = FakeNode()
    plain = get(node, "/metrics")
    openmetrics = get(node, "/metrics", "application/openmetrics-text;version=1.0.0")
    assert node.commits == 2
    assert plain.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert openmetrics.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    parsed = parse_openmetrics(openmetrics.body.decode())  # type: ignore[no-untyped-call]
    families = {family.name for family in parsed}
    assert {"wattwatch_power_watts", "wattwatch_node_energy_joules", "process_cpu_seconds"} <= families


def test_the_runs_of_the_node_are_on_the_page() -> None:
    node = FakeNode(runs=(Sample(metrics.RUN_ACTIVE, ("R1", "", "training"), 1.0),))
    assert (
        b'wattwatch_run_active{node="pi-1",run_id="R1",step="",phase="training"} 1.0'
        in get(node, "/metrics").body
    )


def test_what_the_cap_leaves_out_is_counted_on_and_on() -> None:
    runs = tuple(Sample(metrics.RUN_ACTIVE, (f"R{index}", "", "x"), 1.0) for index in range(100))
    node = FakeNode(runs=runs)
    head = parse_head(b"GET /metrics HTTP/1.1\r\n\r\n", 0)
    dispatcher = Dispatcher(read_routes(node.view(series_limit=60)), Guard())
    request = Request("GET", head.path, over_socket=True)
    dropped = []
    for _ in range(2):
        page = dispatcher.answer(request)
        assert isinstance(page, Response)
        lines = [line for line in page.body.decode().splitlines() if line.startswith("wattwatch_")]
        assert len(lines) == 61  # and the count itself
        dropped.append(float(lines[-1].split()[-1]))
    assert dropped[0] > 50
    assert dropped[1] == 2 * dropped[0]


def test_healthy_and_ready_ask_no_one() -> None:
    node = FakeNode()
    assert get(node, "/-/healthy").status == 200
    assert get(node, "/-/ready").status == 200
    assert node.commits == 0


def test_sources_are_told_with_their_live_values_and_reasons() -> None:
    gone = SourceHealth(state="down", consecutive_failures=3, last_error="no such device: /dev/rfcomm0")
    node = FakeNode(snapshot(sources=(status("host", "host", HOST), status("meter", "um24c", METER, gone))))
    node.now = replace(
        node.now, readings={k: r for k, r in node.now.readings.items() if k.startswith("host/")}
    )
    document = json.loads(get(node, "/v1/sources").body)
    host, meter = document["sources"]
    assert document["node"] == "pi-1"
    assert document["primary"]["channel"] == POWER.id
    assert meter["state"] == "down"
    assert meter["last_error"] == "no such device: /dev/rfcomm0"
    assert meter["last_success"] is None
    power = meter["channels"][0]
    assert (power["channel"], power["value"], power["unit"]) == (POWER.id, None, "watts")
    assert (power["scope"], power["quality"]) == ("board", "metered")
    assert host["channels"][0]["value"] == 1.5e9
    assert host["last_success"] == "2023-11-14T22:46:39.500000Z"


def test_channels_that_came_with_the_readings_are_told_too() -> None:
    node = FakeNode(snapshot(sources=(status("meter", "um24c", METER[:1]),)))
    (meter,) = json.loads(get(node, "/v1/sources").body)["sources"]
    assert [channel["channel"] for channel in meter["channels"]] == [channel.id for channel in METER]


def test_infinite_values_are_null_in_json() -> None:
    channel = METER[3]
    node = FakeNode(snapshot(readings=[Reading(channel, float("inf"), NOW)]))
    node.history.put(Reading(channel, float("inf"), NOW))
    for body in (
        get(node, "/v1/sources").body,
        get(node, f"/v1/readings?channel={channel.id}").body,
    ):
        assert b"Infinity" not in body
        assert b"null" in body


def test_rows_carry_utc_and_the_boots_own_time() -> None:
    node = node_with([("boot-1", 1000.25)])
    document = json.loads(readings(node).body)
    assert document["unit"] == "watts"
    assert document["rows"] == [
        {
            "at": "2023-11-14T22:30:00.250000Z",
            "boot_id": "boot-1",
            "boot_seconds": 1000.25,
            "value": 0.0,
        }
    ]
    assert node.commits == 1


@pytest.mark.parametrize(
    ("start", "end", "values"),
    [
        ("2023-11-14T22:30:01Z", "2023-11-14T22:30:03Z", [1, 2, 3]),
        ("2023-11-14T23:30:01+01:00", "2023-11-14T22:30:01Z", [1]),
        ("2023-11-14T22:30:01.5", "2023-11-14T22:30:02", [2]),
        ("1700001001", "1700001002.5", [1, 2]),
        ("1700001004", "", [4]),
        ("", "1700001000", [0]),
        ("1700001004.5", "", []),
        ("-5", "", [0, 1, 2, 3, 4]),
        ("", "99999999999999", [0, 1, 2, 3, 4]),
    ],
)
def test_start_and_end_are_rfc_3339_or_unix_seconds_and_both_included(
    start: str, end: str, values: list[int]
) -> None:
    node = node_with([("boot-1", 1000.0 + index) for index in range(5)])
    document = json.loads(readings(node, start=start, end=end).body)
    assert [row["value"] for row in document["rows"]] == values


@pytest.mark.parametrize(
    ("query", "status_code", "word"),
    [
        ({"start": "yesterday"}, 400, "start: expected RFC 3339"),
        ({"end": "inf"}, 400, "end: expected RFC 3339"),
        ({"end": "nan"}, 400, "end: expected RFC 3339"),
        ({"start": "1.2.3"}, 400, "start: expected RFC 3339"),
        ({"start": "9" * 400}, 400, "start: expected RFC 3339"),
        ({"start": "10", "end": "9"}, 400, "end is before start"),
        ({"limit": "0"}, 400, "limit: expected 1 to 10000"),
        ({"limit": "10001"}, 400, "limit: expected 1 to 10000"),
        ({"limit": "1e3"}, 400, "limit: expected 1 to 10000"),
        ({"limit": "-1"}, 400, "limit: expected 1 to 10000"),
        ({"limit": "9" * 5000}, 400, "limit: expected 1 to 10000"),
        ({"limit": "00000000010001"}, 400, "limit: expected 1 to 10000"),
        ({"after": "nonsense"}, 400, "after: not a cursor"),
        ({"after": "W10"}, 400, "after: not a cursor"),
        ({"after": "ü"}, 400, "after: not a cursor"),
        ({"channel": ""}, 400, "channel= or source= is missing"),
        ({"channel": "meter/vbus/power_wats"}, 404, "nearest: meter/vbus/power_watts"),
        ({"channel": "§" * 2000}, 404, "none is like it"),
    ],
)
def test_what_cannot_be_asked_is_told(query: dict[str, str], status_code: int, word: str) -> None:
    found = readings(node_with([("boot-1", 1000.0)]), **query)
    assert found.status == status_code
    assert word in json.loads(found.body)["detail"]


def test_a_channel_of_the_past_can_be_asked_for() -> None:
    old = replace(POWER, source="old-meter")
    node = FakeNode()
    node.history.put(Reading(old, 7.0, Instant("boot-1", 5.0)))
    assert json.loads(readings(node, channel=old.id).body)["rows"][0]["value"] == 7.0


def test_a_channel_that_is_known_but_was_never_stored_has_no_rows() -> None:
    document = json.loads(readings(FakeNode()).body)
    assert (document["rows"], document["next"], document["more"]) == ([], None, False)


def pages(node: FakeNode, limit: int, **query: object) -> list[list[float]]:
    """Values, page by page, until there are no more."""
    found: list[list[float]] = []
    after: str | None = ""
    more = True
    while more:
        document = json.loads(readings(node, limit=limit, after=after, **query).body)
        found.append([row["value"] for row in document["rows"]])
        after, more = document["next"], document["more"]
    return found


moments = st.lists(
    st.tuples(st.sampled_from(sorted(OFFSETS)), st.integers(0, 40).map(lambda n: n * 0.25)),
    max_size=40,
    unique=True,
).map(sorted)


@given(points=moments, limit=st.integers(1, 15), start=st.integers(0, 12), length=st.integers(0, 12))
def test_the_pages_together_are_the_whole(
    points: list[tuple[str, float]], limit: int, start: int, length: int
) -> None:
    node = node_with(points)
    start_utc, end_utc = OFFSETS["boot-1"] + start, OFFSETS["boot-1"] + start + length
    for query, expected in (
        ({}, points),
        (
            {"start": start_utc, "end": end_utc},
            [p for p in points if start_utc <= OFFSETS[p[0]] + p[1] <= end_utc],
        ),
    ):
        found = pages(node, limit, **query)
        assert list(chain.from_iterable(found)) == [float(points.index(point)) for point in expected]
        assert all(len(page) == limit for page in found[:-1])
        assert len(found[-1]) <= limit


@given(points=moments.filter(bool), limit=st.integers(1, 10))
def test_one_who_comes_back_gets_only_what_is_new(points: list[tuple[str, float]], limit: int) -> None:
    node = node_with([])
    after: str | None = ""
    found: list[float] = []
    for index, point in enumerate(points):
        node.history.put(Reading(POWER, float(index), Instant(*point)))
        document = json.loads(readings(node, after=after or "", limit=limit).body)
        found += [row["value"] for row in document["rows"]]
        after = document["next"]
    assert found == [float(index) for index in range(len(points))]


def test_a_cursor_whose_boot_was_forgotten_goes_on_in_time() -> None:
    node = node_with([("boot-0", 1.0), ("boot-1", 1.0), ("boot-2", 1.0)])
    first = json.loads(readings(node, limit=2).body)
    assert first["more"] is True
    forgetful = FakeNode(history=DatedFakeHistory())
    forgetful.history.offsets = {"boot-2": OFFSETS["boot-2"]}
    forgetful.history.put(Reading(POWER, 9.0, Instant("boot-2", 1.0)))
    rest = json.loads(readings(forgetful, after=first["next"]).body)
    assert [row["value"] for row in rest["rows"]] == [9.0]


def test_a_page_has_at_most_ten_thousand_rows() -> None:
    node = node_with([("boot-1", index * 0.5) for index in range(10_001)])
    document = json.loads(readings(node).body)
    assert (len(document["rows"]), document["more"]) == (10_000, True)
    assert Kind(document["kind"]) is Kind.POWER
