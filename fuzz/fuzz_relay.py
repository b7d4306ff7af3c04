"""A document as the answer of the daemon that reads our meter: batches in order, or SourceUnavailable.

Never another error, never a batch from before the last one, or from the future.
"""

import functools

from canned_server import CannedServer
from laws import one_line, rising, sound_batch
from support.clock import FakeClock
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Batch
from wattwatch.sources.base import RelaySpec
from wattwatch.sources.relay import RelaySource

_DEADLINE_SECONDS = 5.0
_LONGEST_INTERVAL_SECONDS = 3600.0


@functools.cache
def _server() -> CannedServer:
    return CannedServer()


def check(data: bytes) -> None:
    """Read twice; the first byte tells whether the rest is a document or all of the answer."""
    server, clock = _server(), FakeClock()
    if data[:1] == b"!":
        server.answer = data[1:]
    else:
        server.answer_with_json(data)
    spec = RelaySpec(url=server.url, source="meter", deadline_seconds=_DEADLINE_SECONDS)
    source = RelaySource(spec, clock, pause=lambda _: True)
    source.resume(clock.now().plus(-100))
    given: list[Batch] = []
    for _ in range(2):
        given += _read(source)
        _check_description(source)
        clock.advance(1.0)
    rising(given)
    for batch in given:
        sound_batch(batch)
        assert clock.now().boot_seconds - 102 < batch.at.boot_seconds < clock.now().boot_seconds + 2
        assert batch.at.boot_id == clock.boot_id


def _read(source: RelaySource) -> list[Batch]:
    try:
        batch = source.read()
    except SourceUnavailable as error:
        one_line(error)
        return []
    return [*batch.earlier, batch]


def _check_description(source: RelaySource) -> None:
    description = source.description
    assert 0 < description.interval_seconds <= _LONGEST_INTERVAL_SECONDS
    for channel in description.channels:
        channel.id.encode()
    assert len(description.detail.splitlines()) == 1
    for _, limits in description.counter_limits:
        assert limits.range_joules >= 0
        assert limits.max_watts > 0
