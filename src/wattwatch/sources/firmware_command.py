"""Asking the Raspberry Pi's firmware by its command line tool, bounded, and what to do when it refuses.

What vcgencmd prints is taken from raspberrypi/utils: vcgencmd/vcgencmd.c; older ones talk to /dev/vchiq.
"""

import contextlib
import subprocess
from pathlib import Path
from typing import Final, Protocol

from wattwatch.errors import SourceUnavailable, SourceUnsupported

_DEADLINE_SECONDS: Final = 2.0
_KILL_SECONDS: Final = 0.5
_LONGEST_SHOWN: Final = 100
_DEVICE: Final = Path("/dev/vcio")

_INSTALL: Final = "install it (sudo apt install raspi-utils), or set `command` to its path"
_JOIN_GROUP: Final = "add the user to its group (sudo usermod -aG video USER), then start wattwatch again"


class Firmware(Protocol):
    """The firmware's answers."""

    def ask(self, request: str) -> str:
        """The answer to a request such as `get_throttled`.

        Raises SourceUnsupported where the firmware or its tool does not know how, else SourceUnavailable.
        """
        ...


class CommandFirmware:
    """The firmware behind `vcgencmd`: one process a request, never longer than two seconds."""

    def __init__(
        self, command: str, device: Path = _DEVICE, deadline_seconds: float = _DEADLINE_SECONDS
    ) -> None:
        self._command = command
        self._device = device
        self._deadline_seconds = deadline_seconds

    def ask(self, request: str) -> str:
        """The answer to a request; see Firmware."""
        status, text = self._run(request)
        self._check(request, status, text)
        return text

    def _run(self, request: str) -> tuple[int, str]:
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is the configuration's, no shell
                (self._command, request),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError as error:
            raise SourceUnsupported(f"{self._command} not found: {_INSTALL}") from error
        except OSError as error:
            cause = f"{self._command} cannot be run: {error.strerror}: check `command`"
            raise SourceUnavailable(cause, "permission") from error
        with process.stdout or contextlib.nullcontext():
            try:
                output, _ = process.communicate(timeout=self._deadline_seconds)
            except subprocess.TimeoutExpired as error:
                _kill(process)
                cause = f"{self._command} {request} gave no answer within {self._deadline_seconds:g} s"
                raise SourceUnavailable(cause, "timeout") from error
        return process.returncode, output.decode("utf-8", "replace").strip()

    def _check(self, request: str, status: int, text: str) -> None:
        if "not registered" in text:
            raise SourceUnsupported(f"this firmware does not know {request}")
        if "Can't open device file" in text:
            raise self._no_device()
        if "VCHI initialization failed" in text:
            raise SourceUnavailable(f"VCHI initialization failed: {_JOIN_GROUP}", "permission")
        if status != 0 or text.startswith("error="):
            said = " ".join(text.split())[:_LONGEST_SHOWN] or "nothing"
            raise SourceUnavailable(f"{self._command} {request} failed with status {status} and said: {said}")

    def _no_device(self) -> SourceUnavailable:
        if self._device.exists():
            cause = f"no permission to open {self._device}: {_JOIN_GROUP}"
            return SourceUnavailable(cause, "permission")
        cause = f"{self._device} does not exist: a container needs this device handed in"
        return SourceUnavailable(cause, "absent")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process; one that hangs in the kernel is left behind."""
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_KILL_SECONDS)
