"""A simulated meter on an RFCOMM channel of hci1: `python3 -m support.bluez_guest.spp_meter CHANNEL`.

Prints "ready"; SIGUSR1 drops the connection, as walking away with the meter would. One client at a time.
"""

import contextlib
import signal
import socket
import sys
import time
from types import FrameType

from support.bluez_guest import METER, WATTS, say_ready
from wattwatch.sources.um.simulator import SimulatedMeter
from wattwatch.sources.um.simulator_profiles import constant


class SppMeter:
    """Serves one connection after the other."""

    def __init__(self, channel: int) -> None:
        self._meter = SimulatedMeter(constant(WATTS))
        self._started_at = time.monotonic()
        self._client: socket.socket | None = None
        self._server = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_STREAM, socket.BTPROTO_RFCOMM)
        self._server.bind((METER, channel))
        self._server.listen(1)

    def serve(self) -> None:
        """Until the process is killed."""
        while True:
            client, _ = self._server.accept()
            self._client = client
            with client, contextlib.suppress(OSError):
                self._answer(client)
            self._client = None

    def drop(self, _signal: int, _frame: FrameType | None) -> None:
        """End the connection that there is."""
        if self._client is not None:
            self._client.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket) -> None:
        while request := client.recv(64):
            for byte in request:
                self._meter.advance_to(time.monotonic() - self._started_at)
                client.sendall(b"".join(piece.data for piece in self._meter.reply(byte)))


if __name__ == "__main__":
    meter = SppMeter(int(sys.argv[1]))
    signal.signal(signal.SIGUSR1, meter.drop)
    say_ready()
    meter.serve()
