"""The Keras callback, with a real model."""

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["KERAS_BACKEND"] = "jax"
np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras", reason="the extra `ml` is not installed")

import wattwatch  # noqa: E402 - after the backend is chosen
from support.live import LiveNode  # noqa: E402
from wattwatch.session.keras import LOGGED, EnergyCallback  # noqa: E402

EPOCHS = 3


class Slow(keras.callbacks.Callback):  # type: ignore[misc,name-defined]
    """Makes an epoch long enough for several readings."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del epoch, logs
        time.sleep(0.3)


@pytest.fixture(name="node")
def _node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    for name in ("WATTWATCH_RUN_ID", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with LiveNode(tmp_path) as node:
        monkeypatch.setenv("WATTWATCH_SOCKET", str(node.socket))
        yield node


def fitted(callback: EnergyCallback, **options: Any) -> dict[str, list[float]]:
    """The history of a small model, whose epochs take 0.3 s and more."""
    inputs = np.random.default_rng(0).random((64, 4), dtype="float32")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(
        inputs, inputs.sum(1), epochs=EPOCHS, verbose=0, callbacks=[callback, Slow()], **options
    )
    found: dict[str, list[float]] = history.history
    return found


def test_every_epoch_has_its_energy_in_history_and_ledger(node: LiveNode) -> None:
    callback = EnergyCallback("mnist", experiment="e", labels={"lr": "0.01"})
    history = fitted(callback, validation_split=0.25)
    assert callback.run is not None
    document = node.service.get(callback.run.run_id)
    assert (document["name"], document["experiment"], document["state"]) == ("mnist", "e", "succeeded")
    assert [epoch["epoch"] for epoch in document["epochs"]] == [1, 2, 3]
    assert history["energy_joules"] == [epoch["energy_joules"] for epoch in document["epochs"]]
    for joules, watts, epoch in zip(
        history["energy_joules"], history["mean_power_watts"], document["epochs"], strict=True
    ):
        assert joules == pytest.approx(5.0 * epoch["duration_seconds"], rel=1e-6)
        assert watts == pytest.approx(5.0)
    assert all(math.isnan(celsius) for celsius in history["peak_temperature_celsius"])  # no zone here
    assert [epoch["values"]["loss"] for epoch in document["epochs"]] == pytest.approx(history["loss"])
    assert {"training", "evaluation"} <= {phase["phase"] for phase in document["phases"]}


def test_several_fits_in_one_run(node: LiveNode) -> None:
    with wattwatch.run("both") as run:
        first = fitted(EnergyCallback(run=run))
        second = fitted(EnergyCallback(run=run))
        assert run.document()["state"] == "running"
    assert len(first["energy_joules"]) == len(second["energy_joules"]) == EPOCHS
    document = node.service.get(run.run_id)
    assert [epoch["epoch"] for epoch in document["epochs"]] == [1, 2, 3, 1, 2, 3]


@pytest.mark.filterwarnings("ignore::wattwatch.session.run.EnergyWarning")
def test_training_goes_on_without_the_daemon(node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattwatch.session.hold.RECONNECT_SECONDS", 0.5)

    class Stop(EnergyCallback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                node.stop()
            super().on_epoch_begin(epoch, logs)

    history = fitted(Stop("x"))
    node.start()
    assert len(history["loss"]) == EPOCHS
    assert math.isnan(history["energy_joules"][2])
    assert set(LOGGED) <= set(history)


def test_the_package_has_it() -> None:
    assert wattwatch.EnergyCallback is EnergyCallback
