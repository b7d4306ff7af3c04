"""Bytes as the answer of a Windows host's web server: a batch, or SourceUnavailable in one line."""

import functools

from canned_server import CannedServer
from laws import one_line, sound_batch
from support.clock import FakeClock
from wattwatch.errors import SourceUnavailable
from wattwatch.sources.base import LhmSpec
from wattwatch.sources.lhm import LhmSource


@functools.cache
def _server() -> CannedServer:
    return CannedServer()


def check(data: bytes) -> None:
    """Read a source whose server answers so."""
    server = _server()
    server.answer = data
    spec = LhmSpec(url=f"{server.url}/data.json", deadline_seconds=5.0)
    try:
        sound_batch(LhmSource(spec, FakeClock()).read())
    except SourceUnavailable as error:
        one_line(error, longest=30 * 300)
