"""Several tests at once."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """p-values adjusted for all tests of the family, in the order given; None (no test made) stays None.

    Holm 1979, step down: the k-th smallest of m times m - k + 1, at least the one before, at most 1. Holds
    the chance of any false alarm at the level, whatever the tests have to do with each other.
    """
    made = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(made):
        largest = max(largest, min(1.0, p * (len(made) - rank)))
        adjusted[place] = largest
    return tuple(adjusted)
