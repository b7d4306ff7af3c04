"""A document as LibreHardwareMonitor's data.json: sensors with finite values, or ValueError; then a page."""

import math

from laws import one_line, sound_batch
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Batch, Instant
from wattwatch.sources.base import LhmSpec
from wattwatch.sources.lhm_channels import LhmChannels
from wattwatch.sources.lhm_tree import LhmSensor, sensors_from_json

_AT = Instant("boot-1", 1000.0)


def check(data: bytes) -> None:
    """Read the document, and make channels of it, of all sensors and of chosen ones."""
    try:
        sensors = sensors_from_json(data)
    except ValueError as error:
        one_line(error)
        return
    assert len({(sensor.key, sensor.type) for sensor in sensors}) == len(sensors)
    for sensor in sensors:
        assert sensor.value is None or math.isfinite(sensor.value)
        assert len(sensor.name.splitlines()) <= 1
    for zones in ((), ("CPU Package",)):
        _check_channels(LhmSpec(zones=zones), sensors)


def _check_channels(spec: LhmSpec, sensors: tuple[LhmSensor, ...]) -> None:
    channels = LhmChannels(spec)
    try:
        readings = channels.readings(sensors, _AT)
    except SourceUnavailable as error:
        one_line(error, longest=30 * 300)  # it names the zones there are, thirty at most
        return
    sound_batch(Batch(spec.name, _AT, readings))
    assert channels.readings(sensors, _AT) == readings  # names stay
    assert {reading.channel for reading in readings} <= set(channels.known())
