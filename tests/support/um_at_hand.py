"""A simulated meter at the other end of a transport, in the time of a clock that tests move."""

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.protocol import MODELS, Model
from wattwatch.sources.um.simulator import MeterSettings, SimulatedMeter
from wattwatch.sources.um.simulator_profiles import constant
from wattwatch.sources.um.transport import Reply

from .clock import FakeClock


def model_named(name: str) -> Model:
    return next(model for model in MODELS.values() if model.name == name)


class MeterAtHand:
    """A Transport to a simulated meter. `deaf_to` counts the commands that it misses, as real ones do."""

    def __init__(self, clock: FakeClock, model: str = "UM24C", watts: float = 5.0, deaf_to: int = 0) -> None:
        self.meter = SimulatedMeter(constant(watts), settings=MeterSettings(model=model_named(model)))
        self.commands: list[int] = []  # all but polls
        self.deaf_to = deaf_to
        self.closings = 0
        self._clock = clock
        self._started = clock.now().boot_seconds

    def exchange(self, request: bytes, reply_bytes: int, deadline_seconds: float) -> Reply:
        del deadline_seconds
        at = self._clock.now()
        self.meter.advance_to(at.boot_seconds - self._started)
        answer = b"".join(self._obey(byte) for byte in request)[:reply_bytes]
        if reply_bytes and not answer:
            raise SourceUnavailable("no answer", "timeout")
        return Reply(answer, at, at)

    def _obey(self, byte: int) -> bytes:
        if byte != 0xF0:
            self.commands.append(byte)
            if self.deaf_to:
                self.deaf_to -= 1
                return b""
        return b"".join(fragment.data for fragment in self.meter.reply(byte))

    def close(self) -> None:
        self.closings += 1
