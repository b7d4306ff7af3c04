"""A transport without a port: answers are scripted, and all that was written is kept."""

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.transport import Reply

from .clock import FakeClock


class ScriptedTransport:
    """Every request is answered with the next script; an exception in it is raised."""

    def __init__(
        self, clock: FakeClock, *answers: bytes | SourceUnavailable, latency_seconds: float = 0.02
    ) -> None:
        self.written: list[bytes] = []
        self.is_closed = False
        self._clock = clock
        self._answers = list(answers)
        self._latency_seconds = latency_seconds
        self._waiting = b""

    def exchange(self, request: bytes, reply_bytes: int, deadline_seconds: float) -> Reply:
        assert not self.is_closed
        if request:
            self.written.append(request)
            answer = self._answers.pop(0)
            if isinstance(answer, SourceUnavailable):
                raise answer
            self._waiting = answer
        written_at = self._clock.now()
        data, self._waiting = self._waiting[:reply_bytes], self._waiting[reply_bytes:]
        first_byte_at = self._clock.advance(self._latency_seconds)
        if len(data) < reply_bytes:
            self._clock.advance(deadline_seconds - self._latency_seconds)
        if not data:
            raise SourceUnavailable("no answer", "timeout")
        return Reply(data, written_at, first_byte_at)

    def close(self) -> None:
        self.is_closed = True
