"""How many repetitions a wished-for difference needs, in words."""

from wattwatch.report.stats.difference import Method
from wattwatch.report.stats.planning import repetitions_needed
from wattwatch.report.study import Group


def detection_text(group: Group, ratio: float, method: Method) -> str:
    """How many runs of a group's spread show a difference of so much of its energy, with a chance of 80 %."""
    energy = group.summaries.get("energy_joules")
    if energy is None or not energy.standard_deviation or energy.mean.value <= 0:
        return f"{group.name}: the spread of its energy is not known, so neither is how many runs are needed."
    try:
        count = repetitions_needed(energy.standard_deviation, ratio * energy.mean.value, method=method)
    except ValueError:
        return f"{group.name}: a difference of {ratio:.3g} of its energy needs over a million runs."
    return (
        f"{group.name}: with its spread, {count} runs in each group show a difference of {ratio:.2%} of its "
        "energy with a chance of 80 %."
    )
