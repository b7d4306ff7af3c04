"""What the Keras callback costs: its share of an epoch, in one run at a served node.

python benchmarks/bench_keras.py [--epochs 6]
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from support.daemon_process import Home, MeterProcess
from wattwatch.session.keras import EnergyCallback


class Timed(EnergyCallback):
    """Counts its own time in every epoch, and the time between two of them."""

    def __init__(self, **names: Any) -> None:
        super().__init__("benchmark", **names)
        self.own: list[float] = []
        self.ends: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        started = time.perf_counter()
        super().on_epoch_begin(epoch, logs)
        self.own.append(time.perf_counter() - started)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        started = time.perf_counter()
        super().on_epoch_end(epoch, logs)
        self.ends.append(time.perf_counter())
        self.own[-1] += self.ends[-1] - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the Keras callback.")
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    inputs = np.random.default_rng(0).random((60_000, 784), dtype="float32")  # as MNIST has them
    model = keras.Sequential([keras.layers.Dense(512, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    with tempfile.TemporaryDirectory() as scratch, MeterProcess(Path(scratch), "host") as meter:
        home = Home(Path(scratch) / "h", meter.url)
        with home.daemon().ready():
            callback = Timed(socket=home.socket)
            model.fit(
                inputs, inputs.sum(1), epochs=options.epochs, batch_size=128, verbose=0, callbacks=[callback]
            )
    epochs = [end - start for start, end in zip(callback.ends, callback.ends[1:], strict=False)]
    own = callback.own[1:]
    ratio = median(mine / whole for mine, whole in zip(own, epochs, strict=True))
    print(f"median epoch {median(epochs):.2f} s, of it the callback {median(own) * 1000:.1f} ms: {ratio:.2%}")


if __name__ == "__main__":
    main()
