"""A Raspberry Pi for tests: a device tree, and a `vcgencmd` that prints what a file holds."""

from pathlib import Path

PMIC_TEXT = (Path(__file__).parents[1] / "data/pi/pmic_read_adc.txt").read_text(encoding="ascii")
NOT_REGISTERED = 'error=1 error_msg="Command not registered"'
_SCRIPT = """#!/bin/sh
# {answers} has one file a request; a file `status` beside them is the exit status.
echo "$1" >> "{answers}/asked"
cat "{answers}/$1" 2>/dev/null || echo '{unknown}'
exit "$(cat "{answers}/status" 2>/dev/null || echo 0)"
"""


class FakePi:
    """The /sys of a Raspberry Pi, and a firmware whose answers a test sets."""

    def __init__(self, directory: Path, model: str = "Raspberry Pi 5 Model B Rev 1.0") -> None:
        self.root = directory / "sys"
        self._answers = directory / "answers"
        self._answers.mkdir(parents=True)
        self.command = directory / "bin/vcgencmd"
        self.command.parent.mkdir()
        self.command.write_text(_SCRIPT.format(answers=self._answers, unknown=NOT_REGISTERED))
        self.command.chmod(0o755)
        model_file = self.root / "firmware/devicetree/base/model"
        model_file.parent.mkdir(parents=True)
        model_file.write_text(f"{model}\0")

    def answer(self, request: str, text: str) -> None:
        (self._answers / request).write_text(f"{text}\n")

    def exit_status(self, status: int) -> None:
        (self._answers / "status").write_text(str(status))

    def asked(self) -> list[str]:
        """The requests so far."""
        file = self._answers / "asked"
        return file.read_text().split() if file.exists() else []

    def flags_file(self, text: str) -> Path:
        """The kernel's own file of the flags, which real Pis have as well."""
        file = self.root / "devices/platform/soc/soc:firmware/get_throttled"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


def pi_5(directory: Path, throttled: str = "throttled=0x0") -> FakePi:
    """A Pi 5: flags and power rails."""
    pi = FakePi(directory)
    pi.answer("get_throttled", throttled)
    pi.answer("pmic_read_adc", PMIC_TEXT)
    return pi


def pi_4(directory: Path, throttled: str = "throttled=0x0") -> FakePi:
    """A Pi 4: flags only."""
    pi = FakePi(directory, "Raspberry Pi 4 Model B Rev 1.4")
    pi.answer("get_throttled", throttled)
    return pi
