"""Which runs are wanted: by experiment, name, labels, state, or the beginning of the id."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from wattwatch.errors import RunError
from wattwatch.runs.run import Run, RunState, check_labels, check_name


@dataclass(frozen=True, slots=True)
class RunChoice:
    """What a run must be to be wanted; "" is any."""

    experiment: str = ""
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    prefix: str = ""  # of the run id

    def checked(self) -> Self:
        """This; RunError for what no run can be."""
        check_name("experiment", self.experiment)
        check_name("name", self.name)
        check_labels(self.labels)
        if self.state and self.state not in {state.value for state in RunState}:
            raise RunError(f"state {self.state[:40]!r}: expected {', '.join(RunState)}")
        return self

    def takes(self, run: Run) -> bool:
        """Whether it wants a run."""
        return (
            self.experiment in ("", run.experiment)
            and self.name in ("", run.name)
            and self.state in ("", run.state.value)
            and run.run_id.startswith(self.prefix)
            and all(run.labels.get(key) == value for key, value in self.labels.items())
        )

    def query(self) -> list[tuple[str, str]]:
        """The fields of `/v1/runs` that say the same."""
        plain = (("experiment", self.experiment), ("name", self.name), ("state", self.state))
        fields = [*plain, ("prefix", self.prefix)]
        labels = [("label", f"{key}={value}") for key, value in self.labels.items()]
        return [(key, value) for key, value in fields if value] + labels


EVERY_RUN: Final = RunChoice()


def labels_from_text(texts: Iterable[str]) -> dict[str, str]:
    """The labels of `KEY=VALUE` texts; RunError for one that is none."""
    labels = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise RunError(f"label {text[:40]!r}: expected KEY=VALUE, such as lr=0.001")
        labels[key] = value
    check_labels(labels)
    return labels
