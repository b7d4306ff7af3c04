"""One request, one frame to trust: pieces put together, noise passed over, each failure in one line."""

from dataclasses import dataclass
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Instant, seconds_between
from wattwatch.sources.um.protocol import FRAME_BYTES, POLL, Frame
from wattwatch.sources.um.resync import Resynchroniser, describe_garbage
from wattwatch.sources.um.transport import Reply, Transport

# So much of another thing than frames is enough: what speaks there is no meter.
_GARBAGE_LIMIT_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Poller:
    """How a meter is asked; `where` names it in error lines."""

    where: str
    clock: Clock
    deadline_seconds: float

    def poll(self, transport: Transport) -> tuple[Frame, Instant]:
        """A frame to trust, and the instant midway between the request and the first byte of its answer.

        Raises SourceUnavailable with the transport's reason, or `timeout` (half a frame), `garbage` (bytes,
        but no frame), `invalid` (a frame that contradicts itself): then the connection is of no further use.
        """
        started_at = self.clock.now()
        reply = transport.exchange(POLL, FRAME_BYTES, self.deadline_seconds)
        sync = Resynchroniser()
        frame = sync.feed(reply.data)
        while frame is None:
            left_seconds = self.deadline_seconds - seconds_between(started_at, self.clock.now())
            if left_seconds <= 0 or sync.hopeless or sync.seen_bytes > _GARBAGE_LIMIT_BYTES:
                raise self._refusal(sync)
            frame = sync.feed(self._more(transport, sync, left_seconds))
        return frame, _midway(reply)

    def _more(self, transport: Transport, sync: Resynchroniser, left_seconds: float) -> bytes:
        try:
            return transport.exchange(b"", sync.missing_bytes, left_seconds).data
        except SourceUnavailable as error:
            if error.reason == "timeout":  # then what did come says more than that no more came
                raise self._refusal(sync) from error
            raise

    def _refusal(self, sync: Resynchroniser) -> SourceUnavailable:
        if sync.doubtful is not None:
            problems = ", ".join(sync.doubtful.problems)
            return SourceUnavailable(
                f"{self.where}: a frame contradicts itself ({problems}): once is line noise; "
                "always is a meter that we do not know: please report a capture of it",
                "invalid",
            )
        if sync.unfinished_bytes > 1 and sync.seen_bytes < FRAME_BYTES:
            return SourceUnavailable(
                f"{self.where}: only {sync.unfinished_bytes} of {FRAME_BYTES} bytes came in "
                f"{self.deadline_seconds:g} s: is the meter near enough?",
                "timeout",
            )
        return SourceUnavailable(
            f"{self.where}: no meter's frame but {describe_garbage(sync.first_bytes, sync.seen_bytes)}: "
            "is this the meter's port?",
            "garbage",
        )


def _midway(reply: Reply) -> Instant:
    return reply.written_at.plus(seconds_between(reply.written_at, reply.first_byte_at) / 2)
