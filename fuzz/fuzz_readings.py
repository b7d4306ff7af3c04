"""Queries of /v1/readings against a real store, cursors first of all: a page, or 400 or 404."""

import base64
import functools
import math
from urllib.parse import parse_qsl

from laws import Script, strict_json
from scratch import scratch
from support.clock import FakeClock
from support.store import POWER, WALL, at, commit
from support.web_node import snapshot, status
from wattwatch.store.local import LocalStore, StoreLimits
from wattwatch.web.dispatch import Dispatcher
from wattwatch.web.guard import Guard
from wattwatch.web.http import Request, Response
from wattwatch.web.v1 import read_routes
from wattwatch.web.view import NodeView

_ROWS = 20
_PAGE, _REFUSED = 200, (400, 404)


@functools.cache
def _dispatcher() -> Dispatcher:
    for boot_id in ("boot-0", "boot-1"):
        clock = FakeClock(boot_id=boot_id)
        clock.offset = WALL
        store = LocalStore.open(
            scratch("readings") / "store.db",
            boot_id=boot_id,
            limits=StoreLimits(),
            simulated=False,
            clock=clock,
        )
        for second in range(_ROWS // 2):
            store.append(commit(1000.0 + second, 5.0 + second, boot_id=boot_id))
        if boot_id == "boot-0":
            store.close()
    shown = snapshot(sources=(status("meter", "um24c", (POWER,)),))
    view = NodeView(lambda: shown, store, store.health, now=lambda: at(1100.0))
    return Dispatcher(read_routes(view), Guard())


def check(data: bytes) -> None:
    """The first byte chooses: the rest is a query, the text of a cursor, or the JSON inside of one."""
    script = Script(data)
    kind, rest = script.byte() % 4, script.rest()
    text = rest.decode("iso-8859-1")
    what = {"source": "meter"} if kind & 1 else {"channel": POWER.id}
    if kind == 0:
        query = dict(parse_qsl(text, keep_blank_values=True)) or what
    elif kind == 1:
        query = what | {"after": text, "limit": "3"}
    else:
        query = what | {"after": base64.urlsafe_b64encode(rest).decode().rstrip("="), "limit": "3"}
    following = _ask(query)
    if following:
        _ask(query | {"after": following})


def _ask(query: dict[str, str]) -> str | None:
    """The cursor to go on with."""
    answer = _dispatcher().answer(Request("GET", "/v1/readings", query, over_socket=True))
    assert isinstance(answer, Response)
    document = strict_json(answer.body)
    if answer.status != _PAGE:
        assert answer.status in _REFUSED, document
        assert len(document["detail"].splitlines()) == 1
        return None
    assert len(document["rows"]) <= int(query.get("limit") or _ROWS)
    seconds = [row["boot_seconds"] for row in document["rows"]]
    assert all(map(math.isfinite, seconds))
    following = document["next"]
    assert following is None or isinstance(following, str)
    return following
