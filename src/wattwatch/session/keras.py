"""A Keras callback: joules, mean power and peak temperature of every epoch."""

import math
from collections.abc import Mapping
from typing import Any, Final

from wattwatch.errors import MissingExtra
from wattwatch.report.words import number
from wattwatch.session.run import EnergyRun, run

try:
    import keras  # type: ignore[import-untyped]
except ModuleNotFoundError as missing:
    if missing.name != "keras":
        raise
    raise MissingExtra("EnergyCallback needs Keras and a backend: pip install 'wattwatch[ml]'") from missing

LOGGED: Final = {
    "energy_joules": "energy_joules",
    "mean_power_watts": "mean_power_watts",
    "peak_temperature_celsius": "temperature_max_celsius",
}
"""What stands in `logs`, and where it comes from in an epoch of a run's document."""

_EVALUATION: Final = "evaluation"


class EnergyCallback(keras.callbacks.Callback):  # type: ignore[misc] # Keras is not typed
    """Measures the epochs of `fit`: into `logs` and `History`, and into the run.

        model.fit(x, y, epochs=10, callbacks=[wattwatch.EnergyCallback("mnist")])

    An epoch's `energy_joules`, `mean_power_watts` and `peak_temperature_celsius` are in `logs` as far as they
    are read at its end: the meter's last interval is missing then. When training ends, `History` is given
    the final values. What is not known is NaN, since Keras compares and averages what is in `logs`.

    Without `run` each `fit` is a run of its own, called `name`, with a phase `training` and, for validation
    data, `evaluation`. Use `with wattwatch.run(...) as run` and `run=run` to have more in one run, and for
    it to end as failed when training raises.
    """

    def __init__(self, name: str = "", *, run: EnergyRun | None = None, **names: Any) -> None:
        """`names` are the keywords of `wattwatch.run`: experiment, labels, local, socket."""
        super().__init__()
        self._given = run
        self._name = name
        self._names = names
        self._run: EnergyRun | None = None
        self._training = ""
        self._evaluation = ""
        self._epochs: list[int] = []

    @property
    def run(self) -> EnergyRun | None:
        """The run that is, or was last, measured."""
        return self._run

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin the run, unless one was given, and its phase."""
        del logs
        self._epochs = []
        self._run = self._given or _begun(self._name, self._names)
        self._training = self._run.open_phase("training")

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keras counts from 0 and shows from 1, as we do."""
        del logs
        if self._run is not None:
            self._run.open_epoch(epoch + 1)
            self._epochs.append(epoch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the figures of the epoch beside its losses."""
        del epoch
        if self._run is None:
            return
        figures = self._run.close_epoch(_numbers(logs or {}))
        if logs is not None:
            logs.update(logged(figures))

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Validation within `fit` is a phase of its own."""
        del logs
        if self._training and self._run is not None:
            self._evaluation = self._run.open_phase(_EVALUATION)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Training goes on."""
        del logs
        if self._evaluation and self._run is not None:
            self._run.close_phase(self._evaluation)
            self._evaluation = ""

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End the phase, and the run if it is our own; `History` gets the final values."""
        del logs
        if self._run is None:
            return
        self._run.close_phase(self._training)
        self._training = ""
        if self._given is None:
            self._run.__exit__(None, None, None)
        self._complete_history(self._run)

    def _complete_history(self, of: EnergyRun) -> None:
        history = getattr(getattr(self.model, "history", None), "history", {})
        epochs = of.document().get("epochs", [])[-len(self._epochs) :] if self._epochs else []
        for key, own in LOGGED.items():
            values = history.get(key)
            if values is not None and len(values) == len(epochs):
                values[:] = [_value(epoch, own) for epoch in epochs]


def _begun(name: str, names: Mapping[str, Any]) -> EnergyRun:
    return run(name or "fit", **names).__enter__()


def logged(figures: Mapping[str, Any]) -> dict[str, float]:
    """What stands in `logs` of the figures of an epoch; NaN for what is not known."""
    return {key: _value(figures, own) for key, own in LOGGED.items()}


def _value(figures: Mapping[str, Any], key: str) -> float:
    value = number(figures, key)
    return math.nan if value is None else value


def _numbers(logs: Mapping[str, Any]) -> dict[str, float | None]:
    """The losses and metrics that are numbers; the ledger has no NaN: it is unknown."""
    found: dict[str, float | None] = {}
    for key, value in logs.items():
        try:
            as_float = float(value)
        except (TypeError, ValueError):
            continue
        found[key] = as_float if math.isfinite(as_float) else None
    return found
