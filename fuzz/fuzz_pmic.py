"""Text as what `vcgencmd` answers: rails and flags with finite values, or the documented error."""

import contextlib
import math

from laws import one_line, sound_batch
from scratch import scratch
from support.clock import FakeClock
from wattwatch.errors import SourceUnavailable
from wattwatch.sources.base import PiSpec
from wattwatch.sources.pi import PiSource
from wattwatch.sources.pi_text import rails_from_text, rails_watts, throttled_from_sysfs, throttled_from_text

_MODEL = "firmware/devicetree/base/model"


def check(data: bytes) -> None:
    """Parse the text as every answer, and read a source whose firmware gives it."""
    text = data.decode("utf-8", "replace")  # as the command's output is
    for parse in (throttled_from_text, throttled_from_sysfs):
        with contextlib.suppress(ValueError):
            parse(text)
    try:
        rails = rails_from_text(text)
    except ValueError as error:
        one_line(error)
    else:
        assert math.isfinite(rails_watts(rails))
        assert len({rail.name for rail in rails}) == len(rails)
    _check_source(text)


class _Firmware:
    """Answers rails with the text up to an empty line, flags with what follows."""

    def __init__(self, text: str) -> None:
        self._rails, _, self._flags = text.partition("\n\n")

    def ask(self, request: str) -> str:
        return self._rails if request == "pmic_read_adc" else self._flags


def _check_source(text: str) -> None:
    root = scratch("pmic")
    if not (root / _MODEL).exists():
        (root / _MODEL).parent.mkdir(parents=True)
        (root / _MODEL).write_bytes(b"Raspberry Pi 5 Model B\0")
    source = PiSource(PiSpec(root=root, board=True), FakeClock(), _Firmware(text))
    try:
        sound_batch(source.read())
    except SourceUnavailable as error:  # never SourceUnsupported: this is a Pi
        one_line(error)
    assert source.description.interval_seconds > 0
