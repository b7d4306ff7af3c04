import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from support.node import FakeNode
from wattwatch.web.http import Problem, Request, Response, ServerStopping, Stream
from wattwatch.web.runs import run_routes


class FakePeer:
    """The other side of a held run: closes when told to."""

    def __init__(self, node: FakeNode, *, closes_after: int = 1, stops: bool = False) -> None:
        self.lines: list[dict[str, Any]] = []
        self.node = node
        self.closes_after = closes_after
        self.stops = stops

    def send_line(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        if len(self.lines) >= self.closes_after + 1:
            raise BrokenPipeError
        self.lines.append(json.loads(line))

    def wait_closed(self, seconds: float) -> bool:
        self.node.play(seconds)
        if self.stops:
            raise ServerStopping
        return len(self.lines) > self.closes_after


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


def call(node: FakeNode, method: str, path: str, body: Any = None, *, socket: bool = True) -> Any:
    """What a route answers: the JSON document, or the stream."""
    place, _, query = path.partition("?")
    for route in run_routes(node.service):
        values = _match(route.path, place)
        if route.method == method and values is not None:
            raw = b"" if body is None else json.dumps(body).encode()
            request = Request(method, place, dict(parse_qsl(query)), values, {}, raw, over_socket=socket)
            answer = route.handler(request)
            return json.loads(answer.body) if isinstance(answer, Response) else answer
    raise AssertionError(path)


def _match(pattern: str, path: str) -> dict[str, str] | None:
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    pairs = list(zip(wanted, given, strict=True))
    if any(want != have for want, have in pairs if not want.startswith("{")):
        return None
    return {want.strip("{}"): have for want, have in pairs if want.startswith("{")}


def problem(node: FakeNode, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        call(node, *args, **kwargs)
    return caught.value.status, caught.value.detail


def test_a_run_from_opening_to_result(node: FakeNode) -> None:
    opened = call(node, "POST", "/v1/runs", {"run_id": "r", "name": "mnist", "labels": {"lr": "0.1"}})
    assert opened["run_id"] == "r"
    node.play(3)
    marked = call(node, "POST", "/v1/runs/r/phases", {"phase": "training"})
    assert marked["phase"] == "training"
    node.play(3)
    again = {"phase": "training", "window_id": marked["window_id"]}
    assert call(node, "POST", "/v1/runs/r/phases", again)["window_id"] == marked["window_id"]
    call(node, "POST", "/v1/runs/r/phases", {"close": True})
    node.play(2)
    assert call(node, "POST", "/v1/runs/r/end", {"exit_status": 3}) == {"run_id": "r", "state": "failed"}
    node.play(1)
    document = call(node, "GET", "/v1/runs/r")
    assert [phase["sampled_seconds"] for phase in document["phases"]] == [5.0, 3.0]
    (listed,) = call(node, "GET", "/v1/runs")["runs"]
    assert listed == {key: document[key] for key in document if key not in ("phases", "epochs", "warnings")}


def test_opening_twice_tells_the_same_run(node: FakeNode) -> None:
    call(node, "POST", "/v1/runs", {"run_id": "r"})
    assert call(node, "POST", "/v1/runs", {"run_id": "r"}) == {"run_id": "r", "state": "running"}
    assert len(call(node, "GET", "/v1/runs")["runs"]) == 1


def test_a_held_run_is_lost_with_its_stream(node: FakeNode) -> None:
    stream = call(node, "POST", "/v1/runs", {"run_id": "r", "hold": True})
    assert isinstance(stream, Stream)
    peer = FakePeer(node, closes_after=3)
    stream.serve(peer)
    assert peer.lines[0]["run_id"] == "r"
    assert len(peer.lines[0]["token"]) == 32
    assert peer.lines[0]["gap_seconds"] == 3.0
    assert call(node, "GET", "/v1/runs/r")["state"] == "lost"


def test_a_peer_that_cannot_be_written_to_is_gone(node: FakeNode) -> None:
    stream = call(node, "POST", "/v1/runs", {"run_id": "r", "hold": True})
    peer = FakePeer(node, closes_after=-1)
    stream.serve(peer)
    assert call(node, "GET", "/v1/runs/r")["state"] == "lost"


def test_the_stream_ends_with_the_run(node: FakeNode) -> None:
    stream = call(node, "POST", "/v1/runs", {"run_id": "r", "hold": True})
    call(node, "POST", "/v1/runs/r/end", {"exit_status": 0})
    peer = FakePeer(node)
    stream.serve(peer)
    assert len(peer.lines) == 1
    assert call(node, "GET", "/v1/runs/r")["state"] == "succeeded"


def test_a_stopping_server_loses_no_run(node: FakeNode) -> None:
    stream = call(node, "POST", "/v1/runs", {"run_id": "r", "hold": True})
    peer = FakePeer(node, stops=True)
    with pytest.raises(ServerStopping):
        stream.serve(peer)
    token = peer.lines[0]["token"]
    node.service.close()
    node.begin()
    resumed = call(node, "POST", "/v1/runs", {"run_id": "r", "hold": True, "token": token})
    call(node, "POST", "/v1/runs/r/end", {"exit_status": 0})
    again = FakePeer(node)
    resumed.serve(again)
    assert again.lines[0]["token"] == token
    assert call(node, "GET", "/v1/runs/r")["state"] == "succeeded"


def test_exact_edges_by_boot_seconds_and_by_utc(node: FakeNode) -> None:
    call(node, "POST", "/v1/runs", {"run_id": "r", "armed": True})
    node.play(4)
    start = {"boot_id": "boot-1", "boot_seconds": 1003.25}
    call(node, "POST", "/v1/runs/r/start", {"at": start})
    call(node, "POST", "/v1/runs/r/phases", {"phase": "load", "at": "2023-11-14T22:30:04.500000Z"})
    call(node, "POST", "/v1/runs/r/end", {"at": "2023-11-14T23:30:05.25+01:00"})
    document = call(node, "GET", "/v1/runs/r")
    assert document["duration_seconds"] == 2.0
    assert [phase["sampled_seconds"] for phase in document["phases"]] == [1.25, 0.75]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/runs", {"run_id": "a b"}, 400, "1 to 128"),
        ("/v1/runs", {"name": 3}, 400, "name: a string"),
        ("/v1/runs", {"hold": "yes"}, 400, "hold: true or false"),
        ("/v1/runs", {"labels": {"a": 1}}, 400, "object of strings"),
        ("/v1/runs", {"labels": "NaN"}, 400, "object of strings"),
        ("/v1/runs", {"phase": "mixed"}, 400, "reserved"),
        ("/v1/runs", {"at": "yesterday"}, 400, "RFC 3339"),
        ("/v1/runs", {"at": "2023-11-14T22:30:04"}, 400, "with a zone"),
        ("/v1/runs", {"at": "2033-11-14T22:30:04Z"}, 400, "future"),
        ("/v1/runs", {"at": "2003-11-14T22:30:04Z"}, 400, "before this boot"),
        ("/v1/runs", {"at": {"boot_id": "boot-0", "boot_seconds": 1}}, 400, "this boot"),
        ("/v1/runs", {"at": {"boot_id": "boot-1"}}, 400, "RFC 3339"),
        ("/v1/runs", {"run_id": "known", "hold": True}, 409, "choose another"),
        ("/v1/runs", {"run_id": "known", "token": "0"}, 409, "owner's token"),
        ("/v1/runs/known/phases", {}, 400, "phase: a name"),
        ("/v1/runs/known/phases", {"close": True}, 409, "no phase is open"),
        ("/v1/runs/known/start", {}, 409, "known already"),
        ("/v1/runs/known/end", {"state": "fine"}, 400, "succeeded, failed"),
        ("/v1/runs/known/end", {"exit_status": "0"}, 400, "whole number"),
        ("/v1/runs/nope/end", {}, 404, "no run 'nope'"),
        # Each of these was a fault of ours (500) once; the first left the ledger unable to write anything.
        ("/v1/runs", {"at": {"boot_id": "boot-1", "boot_seconds": -1e300}}, 400, "RFC 3339"),
        ("/v1/runs", {"at": {"boot_id": "boot-1", "boot_seconds": float("nan")}}, 400, "RFC 3339"),
        ("/v1/runs", {"at": {"boot_id": "boot-1", "boot_seconds": 10**400}}, 400, "RFC 3339"),
        ("/v1/runs", {"at": "0001-01-01T00:00:00+23:59"}, 400, "before this boot"),
        ("/v1/runs", {"command": "\ud800"}, 400, "command: it holds half a character"),
        ("/v1/runs", {"run_id": "known", "token": "\ud800"}, 400, "token: it holds half a character"),
        ("/v1/runs/known/end", {"exit_status": 10**400}, 400, "32 bits"),
    ],
)
def test_what_is_refused_says_why(
    node: FakeNode, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    call(node, "POST", "/v1/runs", {"run_id": "known"})
    got, detail = problem(node, "POST", path, body)
    assert (got, words in detail) == (status, True), detail
    assert "\n" not in detail


def test_what_is_refused_leaves_the_ledger_writing(node: FakeNode) -> None:
    problem(node, "POST", "/v1/runs", {"at": {"boot_id": "boot-1", "boot_seconds": -1e300}})
    assert call(node, "POST", "/v1/runs", {"run_id": "after"})["run_id"] == "after"
    assert len(call(node, "GET", "/v1/runs")["runs"]) == 1


def test_a_body_that_is_nested_too_deep_is_refused(node: FakeNode) -> None:
    route = next(route for route in run_routes(node.service) if route.method == "POST")
    with pytest.raises(Problem, match="nested too deep") as caught:
        route.handler(Request("POST", "/v1/runs", {}, {}, {}, b"[" * 100_000, over_socket=True))
    assert caught.value.status == 400


@pytest.mark.parametrize("limit", ["0", "x", "10001", "-1"])
def test_limits_that_are_refused(node: FakeNode, limit: str) -> None:
    assert problem(node, "GET", f"/v1/runs?limit={limit}")[0] == 400


def test_an_unknown_run_is_not_found(node: FakeNode) -> None:
    assert problem(node, "GET", "/v1/runs/nope")[0] == 404


def test_phases_are_told_with_their_edges(node: FakeNode) -> None:
    call(node, "POST", "/v1/runs", {"run_id": "r"})
    node.play(2)
    call(node, "POST", "/v1/runs/r/phases", {"phase": "training"})
    node.play(3)
    told = call(node, "GET", "/v1/runs/r/phases", socket=False)
    assert (told["run_id"], told["gap_seconds"]) == ("r", 3.0)
    assert [(w["phase"], w["started_at"][17:26], w["ended_at"]) for w in told["windows"]] == [
        (None, "02.000000", "2023-11-14T22:30:04.000000Z"),
        ("training", "04.000000", None),
    ]
    assert problem(node, "GET", "/v1/runs/unknown/phases")[0] == 404


def test_epochs_are_opened_and_closed(node: FakeNode) -> None:
    call(node, "POST", "/v1/runs", {"run_id": "r"})
    node.play(1)
    first = call(node, "POST", "/v1/runs/r/epochs", {"epoch": 0})
    assert first == {"run_id": "r", "epoch": 0, "started_at": "2023-11-14T22:30:03.000000Z"}
    node.play(3)
    at = {"boot_id": "boot-1", "boot_seconds": 1005.0}
    values = {"loss": 0.5, "accuracy": None}
    closing = {"epoch": 0, "close": True, "at": at, "values": values}
    closed = call(node, "POST", "/v1/runs/r/epochs", closing)
    assert (closed["run_id"], closed["epoch"], closed["duration_seconds"]) == ("r", 0, 2.0)
    assert (closed["energy_joules"], closed["covered_ratio"]) == (pytest.approx(10.0), 1.0)
    assert (closed["temperature_max_celsius"], closed["mean_power_watts"]) == (50.0, pytest.approx(5.0))
    assert call(node, "POST", "/v1/runs/r/epochs", closing) == closed
    (epoch,) = call(node, "GET", "/v1/runs/r")["epochs"]
    assert {"run_id": "r"} | epoch == closed
    assert epoch["values"] == values


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "epoch"),
        ({"epoch": "1"}, 400, "whole number"),
        ({"epoch": True}, 400, "whole number"),
        ({"epoch": 1.5}, 400, "whole number"),
        ({"epoch": -1}, 400, "from 0 to"),
        ({"close": True}, 409, "no epoch is open"),
        ({"epoch": 9, "close": True}, 409, "no epoch 9"),
        ({"close": True, "values": [1]}, 400, "an object of numbers"),
        ({"close": True, "values": {"loss": "low"}}, 400, "an object of numbers"),
        ({"close": True, "values": {"loss": False}}, 400, "an object of numbers"),
        ({"close": True, "values": {"loss": float("nan")}}, 400, "finite"),
        ({"close": True, "values": {"loss": 10**400}}, 400, "finite"),
    ],
)
def test_epoch_marks_that_are_refused(
    node: FakeNode, body: dict[str, Any], status: int, message: str
) -> None:
    call(node, "POST", "/v1/runs", {"run_id": "r"})
    told, detail = problem(node, "POST", "/v1/runs/r/epochs", body)
    assert told == status
    assert message in detail
