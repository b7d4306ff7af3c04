"""Bodies, paths and queries of /v1/runs, as over the Unix socket: an answer, never a fault of ours."""

import itertools
import shutil
from urllib.parse import parse_qsl

from laws import Script, strict_json
from scratch import scratch
from support.node import FakeNode
from wattwatch.web.dispatch import Dispatcher
from wattwatch.web.guard import Guard
from wattwatch.web.http import Request, Response
from wattwatch.web.runs import run_routes

_ROUTES = (
    ("POST", "/v1/runs"),
    ("POST", "/v1/runs/known/phases"),
    ("POST", "/v1/runs/known/start"),
    ("POST", "/v1/runs/known/end"),
    ("GET", "/v1/runs"),
    ("GET", "/v1/runs/"),
)
_FAULTS = (500, 503)
_INPUTS_PER_NODE = 200


class _Node:
    """A node whose ledger begins anew now and then: it holds a hundred open runs at most."""

    def __init__(self) -> None:
        self._inputs = itertools.count()
        self.node: FakeNode
        self.dispatcher: Dispatcher

    def use(self) -> None:
        """Count one input."""
        if next(self._inputs) % _INPUTS_PER_NODE:
            return
        if hasattr(self, "node"):
            self.node.service.close()
        directory = scratch("runs") / "node"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        self.node = FakeNode(directory)
        self.dispatcher = Dispatcher(run_routes(self.node.service), Guard())


_NODE = _Node()


class _Gone:
    """The owner of a held run that is gone at once."""

    def send_line(self, line: bytes) -> None:
        """Take the line."""
        strict_json(line)

    def wait_closed(self, seconds: float) -> bool:  # noqa: ARG002 - the protocol's
        """Yes, closed."""
        return True


def check(data: bytes) -> None:
    """The first byte chooses the route; of a GET the rest is the end of its path, else the body."""
    _NODE.use()
    script = Script(data)
    method, path = _ROUTES[script.byte() % len(_ROUTES)]
    rest = script.rest()
    _ask("POST", "/v1/runs", b'{"run_id": "known", "armed": true}')
    if method == "GET":
        path, _, query = f"{path}?{rest.decode('iso-8859-1')}".partition("?")
        path = path if path == "/v1/runs" else path + query
        _ask("GET", path, query=dict(parse_qsl(query)))
    else:
        _ask(method, path, rest)
    _NODE.node.play(0.5)
    _ask("GET", "/v1/runs")
    for sample in _NODE.node.samples():
        assert sample.value == sample.value
        "".join(sample.labels).encode()


def _ask(method: str, path: str, body: bytes = b"", query: dict[str, str] | None = None) -> None:
    request = Request(method, path, query or {}, {}, {}, body, over_socket=True)
    answer = _NODE.dispatcher.answer(request)
    if not isinstance(answer, Response):
        answer.serve(_Gone())
        return
    document = strict_json(answer.body)
    assert answer.status not in _FAULTS, document
    if "detail" in document:
        assert len(document["detail"].splitlines()) == 1, document
