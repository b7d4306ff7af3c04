"""The laws of the target on devices of bluetoothd in which something is wrong."""

from hypothesis import given

import fuzz_bluez
import make_seeds
from support.odd_json import bounded, damaged


@given(damaged(make_seeds.DEVICES))
@bounded(100)
def test_devices_of_bluetoothd(document: bytes) -> None:
    fuzz_bluez.check(document)
