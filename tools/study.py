"""The example study: a Raspberry Pi and a virtual machine, in Kubernetes and out of it: `make study`.

All of it is simulated. Loads follow the published means of a Raspberry Pi 4 (`simulator_profiles`); those of
the VM and of Kubernetes are chosen so that the published ratio of mean power, about 3.7 to 4, comes out. The
Pi's readings are frames of the simulated UM24C, decoded; the VM's a made-up log of its CPU package. From
there on all is as for anybody's logs: `wattwatch import`, `wattwatch runs add`, `wattwatch compare`.
"""

import argparse
import json
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wattwatch.clock import SystemClock
from wattwatch.runs.labels import POSITION, REPETITION, SEED, SERIES, VARIANT
from wattwatch.session.compare import WantedComparison, make_comparison
from wattwatch.session.imports.cut import PhaseSpan, WantedCut, add_run
from wattwatch.session.imports.take import Taken, WantedImport, take_import
from wattwatch.session.report import WantedReport
from wattwatch.sources.um.protocol import POLL, decode
from wattwatch.sources.um.simulator import MeterSettings, SimulatedMeter
from wattwatch.sources.um.simulator_profiles import (
    INFERENCE_MEAN_WATTS,
    TRAINING_MEAN_WATTS,
    Conditions,
    inference,
    supply_volts,
    training,
)

DOCS = Path(__file__).parents[1] / "docs"
EXPERIMENT = "published study, simulated"
BEGIN = datetime(2025, 6, 1, 8, tzinfo=UTC).timestamp()
SEED_OF_ORDER = 12991
TRAINING_SECONDS = 600.0
INFERENCE_SECONDS = 120.0
IDLE_SECONDS = 60.0  # before, between and after runs


@dataclass(frozen=True)
class Load:
    """A phase of the profile of a Pi, played faster or slower, with more power or less."""

    seconds: float
    watts: float


@dataclass(frozen=True)
class Setup:
    """A device, in Kubernetes or out of it."""

    device: str
    platform: str
    training: Load
    inference: Load
    idle_watts: float
    spread: float = 0.012

    @property
    def name(self) -> str:
        return f"{self.device}, {self.platform}"


PI = Setup("pi", "bare", Load(600.0, TRAINING_MEAN_WATTS), Load(120.0, INFERENCE_MEAN_WATTS), 2.9)
PI_K3S = Setup("pi", "k3s", Load(624.0, 6.55), Load(126.0, 3.52), 3.1)
VM = Setup("vm", "bare", Load(203.0, 24.6), Load(42.0, 12.4), 8.2)
VM_K3S = Setup("vm", "k3s", Load(208.0, 25.1), Load(43.5, 12.9), 8.6)
SETUPS = (PI, PI_K3S, VM, VM_K3S)


@dataclass(frozen=True)
class Made:
    """A run that was played: whose it is, and when its phases were, in UTC seconds."""

    setup: Setup
    repetition: int
    position: int
    start: float
    loads: tuple[Load, Load]

    @property
    def middle(self) -> float:
        return self.start + self.loads[0].seconds

    @property
    def end(self) -> float:
        return self.middle + self.loads[1].seconds


def order(repetitions: int) -> Iterator[tuple[int, Setup]]:
    """Every set-up once in each block, in an order drawn for it."""
    draw = random.Random(SEED_OF_ORDER)
    for repetition in range(1, repetitions + 1):
        block = list(SETUPS)
        draw.shuffle(block)
        yield from ((repetition, setup) for setup in block)


def played(repetitions: int) -> list[Made]:
    """Every run, one after the other."""
    at, runs = BEGIN + IDLE_SECONDS, []
    for position, (repetition, setup) in enumerate(order(repetitions), 1):
        draw = random.Random(f"{setup.name} {repetition}")
        slow, hungry = draw.gauss(1, setup.spread), draw.gauss(1, setup.spread)
        loads = tuple(
            Load(round(load.seconds * slow, 1), load.watts * hungry)
            for load in (setup.training, setup.inference)
        )
        run = Made(setup, repetition, position, at, (loads[0], loads[1]))
        runs.append(run)
        at = run.end + IDLE_SECONDS
    return runs


class DayOf:
    """What a device draws all day, as a load of the simulator; its second 0 is BEGIN."""

    def __init__(self, device: str, runs: Sequence[Made]) -> None:
        self._runs = [run for run in runs if run.setup.device == device]
        self._idle_watts = min(run.setup.idle_watts for run in self._runs)
        self._joules = [0.0]
        self._celsius = [45.0]
        self._tables: dict[int, Any] = {}

    def watts(self, seconds: float) -> float:
        at = BEGIN + seconds
        run = next((run for run in self._runs if run.start <= at < run.end), None)
        return self._idle_watts if run is None else self._of(run, at)

    def _of(self, run: Made, at: float) -> float:
        if run.position not in self._tables:
            self._tables[run.position] = (training(run.position), inference(run.position))
        train, infer = self._tables[run.position]
        if at < run.middle:
            inside = (at - run.start) / run.loads[0].seconds * TRAINING_SECONDS
            return float(train.point(inside).watts * run.loads[0].watts / TRAINING_MEAN_WATTS)
        inside = (at - run.middle) / run.loads[1].seconds * INFERENCE_SECONDS
        return float(infer.point(inside % 60).watts * run.loads[1].watts / INFERENCE_MEAN_WATTS)

    def joules(self, seconds: float) -> float:
        """Energy by then, in steps of half a second, straight between them."""
        whole, rest = divmod(max(seconds, 0.0) * 2, 1)
        while len(self._joules) <= whole + 1:
            self._joules.append(self._joules[-1] + self.watts((len(self._joules) - 0.5) / 2) / 2)
        low, high = self._joules[int(whole)], self._joules[int(whole) + 1]
        return low + rest * (high - low)

    def celsius(self, seconds: float) -> float:
        """Of the CPU: it follows the power by 0.4 % a second."""
        while len(self._celsius) <= int(seconds) + 1:
            watts = self.watts(float(len(self._celsius)))
            wanted = 38.0 + 37.4 * (watts / self._idle_watts - 0.55) / 1.7
            self._celsius.append(self._celsius[-1] + 0.006 * (wanted - self._celsius[-1]))
        return self._celsius[int(seconds)]

    def conditions(self, seconds: float) -> Conditions:
        return Conditions(supply_volts(self.watts(seconds)), 35.0)


def pi_log(path: Path, runs: Sequence[Made], seconds: float) -> None:
    """What a UM24C shows, twice a second, frame by frame; the CPU's temperature beside it."""
    day = DayOf("pi", runs)
    meter = SimulatedMeter(day, settings=MeterSettings(seed=1))
    with path.open("w", encoding="utf-8") as log:
        log.write("Time,Voltage (V),Current (A),Power (W),CPU (°C)\n")
        for tick in range(int(seconds * 2)):
            meter.advance_to(tick / 2)
            frame = decode(b"".join(piece.data for piece in meter.reply(POLL[0])))
            shown = f"{frame.voltage_volts:.2f},{frame.current_amperes:.3f},{frame.power_watts:.3f}"
            log.write(f"{_iso(BEGIN + tick / 2)},{shown},{day.celsius(tick / 2):.1f}\n")


def vm_log(path: Path, runs: Sequence[Made], seconds: float) -> None:
    """What HWiNFO would log of the host's CPU package every second."""
    day, draw = DayOf("vm", runs), random.Random(2)
    with path.open("w", encoding="latin-1") as log:
        log.write("Date,Time,CPU Package [°C],CPU Package Power [W],\n")
        for second in range(int(seconds)):
            at = datetime.fromtimestamp(BEGIN + second, UTC)
            watts = (day.joules(second) - day.joules(second - 1)) * draw.gauss(1, 0.004)
            celsius = day.celsius(second)
            log.write(f"{at:%d.%m.%Y},{at:%H:%M:%S}.000,{celsius:.0f},{watts:.3f},\n")


def _iso(utc_seconds: float) -> str:
    return datetime.fromtimestamp(utc_seconds, UTC).isoformat()


def imported(directory: Path, runs: Sequence[Made], environment: Mapping[str, str]) -> None:
    """Both logs as readings of two nodes."""
    seconds = runs[-1].end + IDLE_SECONDS - BEGIN
    pi_log(directory / "um24c.csv", runs, seconds)
    vm_log(directory / "hwinfo.csv", runs, seconds)
    columns = {
        "time": "Time", "voltage": "Voltage (V)", "current": "Current (A)", "power": "Power (W)",
        "temperature": "CPU (°C)",
    }  # fmt: skip
    wanted = (
        WantedImport((directory / "um24c.csv",), "pi-1", mapping=columns, scope="board", quality="simulated"),
        WantedImport((directory / "hwinfo.csv",), "vm-1", time_zone="UTC", quality="simulated"),
    )
    for one in wanted:
        taken = take_import(one, environment)
        assert isinstance(taken, Taken)
        print(f"  {taken.lines()[0]}")


def added(runs: Sequence[Made], environment: Mapping[str, str]) -> None:
    """Every run, cut out of the readings."""
    for run in runs:
        setup = run.setup
        labels = {
            "device": setup.device,
            "platform": setup.platform,
            SERIES: "study",
            VARIANT: setup.name,
            REPETITION: str(run.repetition),
            POSITION: str(run.position),
            SEED: str(SEED_OF_ORDER),
        }
        phases = (
            PhaseSpan("training", run.start, run.middle),
            PhaseSpan("inference", run.middle, run.end),
        )
        cut = WantedCut(
            f"{setup.device}-1", run.start, run.end, "mnist", EXPERIMENT, labels, phases,
            run_id=f"{setup.device}-{setup.platform}-{run.repetition:02d}",
        )  # fmt: skip
        add_run(cut, environment)


def compared(form: str, output: Path, environment: Mapping[str, str]) -> str:
    """The study in a form."""
    report = WantedReport(experiment=EXPERIMENT, by=("device", "platform"), format=form, output=output)
    make_comparison(WantedComparison(report), environment, SystemClock())
    return output.read_text("utf-8")


def ratios(study: Mapping[str, Any]) -> dict[str, float]:
    """What the VM draws and costs, by the Pi, out of Kubernetes: of medians."""
    groups = {group["name"]: group["summaries"] for group in study["groups"]}
    pi, vm = groups["pi, bare"], groups["vm, bare"]
    keys = ("mean_power_watts", "energy_joules", "duration_seconds")
    return {key: vm[key]["median"]["value"] / pi[key]["median"]["value"] for key in keys}


def made_in(directory: Path, repetitions: int) -> dict[str, str]:
    """The study in every form that the documentation has, by form."""
    environment = {**os.environ, "XDG_STATE_HOME": str(directory), "HOME": str(directory)}
    environment.pop("WATTWATCH_SOCKET", None)
    runs = played(repetitions)
    imported(directory, runs, environment)
    added(runs, environment)
    return {
        form: compared(form, directory / f"study.{form}", environment)
        for form in ("html", "markdown", "json")
    }


PAGE = Path(__file__).with_name("study-page.md")


def main() -> None:
    """Write docs/study.md and docs/examples/study.html."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--output", type=Path, default=DOCS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        forms = made_in(Path(scratch), options.repetitions)
    found = ratios(json.loads(forms["json"]))
    page = PAGE.read_text(encoding="utf-8").format(
        experiment=EXPERIMENT,
        power=found["mean_power_watts"],
        time=found["duration_seconds"],
        share=found["duration_seconds"],
        energy=found["energy_joules"],
        tables=forms["markdown"].replace("\n# ", "\n## "),
    )
    (options.output / "examples").mkdir(parents=True, exist_ok=True)
    (options.output / "study.md").write_text(page, encoding="utf-8")
    (options.output / "examples" / "study.html").write_text(forms["html"], encoding="utf-8")
    print(", ".join(f"{key} {value:.3f}" for key, value in found.items()))


if __name__ == "__main__":
    main()
