"""Whether two groups are the same for all that matters to the user."""

from collections.abc import Sequence

from wattwatch.report.stats import means
from wattwatch.report.stats.records import ALPHA, Equivalence
from wattwatch.report.stats.sample import sample_of


def equivalence(one: Sequence[float], other: Sequence[float], margin: float) -> Equivalence:
    """Two one-sided Welch tests against ±margin, in the figure's unit (Schuirmann 1987).

    p is the greater of both. Where no test can be made (fewer than two values in a group, no spread in
    either) nothing is shown: p is 1. ValueError for a margin that is not positive.
    """
    if not margin > 0:
        raise ValueError(f"an equivalence margin is greater than 0, got {margin:g}")
    p_values = means.one_sided_p_values(sample_of(one), sample_of(other), margin)
    p_value = 1.0 if p_values is None else max(p_values)
    return Equivalence(margin=margin, p_value=p_value, is_equivalent=p_value < ALPHA)
