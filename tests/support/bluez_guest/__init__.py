"""What runs inside the virtual machine of test_bluez_real.py: a real bluetoothd with virtual controllers.

hci0 is the computer's adapter; the simulated meter is behind hci1. Both belong to the one bluetoothd.
"""

import sys
from typing import Final

HOST: Final = "00:AA:01:00:00:00"  # btvirt's address of its first controller, hci0
METER: Final = "00:AA:01:01:00:01"  # and of its second, hci1
NOBODY: Final = "00:AA:01:77:00:77"
WATTS: Final = 5.0  # what the simulated meter shows


def say_ready() -> None:
    """Tell whoever started this process that it does its work from now on."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
