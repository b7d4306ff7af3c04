"""Figures in words: what is doubted of them stands with them."""

from typing import Any

import pytest

from support.run_documents import node, run
from wattwatch.report.words import net_text
from wattwatch.session.summary import summary_lines

IDLE = {"kind": "bare", "watts": 3.0, "uncertainty_watts": 0.01}
NET: dict[str, Any] = {"net_energy_joules": -50.0, "baseline": IDLE}  # of 100 J in 50 s


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "-50.0 J ± 1.5 J"),  # edges 0.5 J, and twice 10 mW for 50 s
        ({"gap_doubt_joules": 2.0}, "-50.0 J ± 3.5 J"),
        ({"sampled_seconds": 20.0, "recovered_seconds": 5.0}, "-50.0 J ± 1.0 J"),  # idle for as long as known
        ({"baseline": IDLE | {"uncertainty_watts": None}}, "-50.0 J ± unknown"),  # of one minute, or auto
        ({"edge_uncertainty_joules": None}, "-50.0 J ± unknown"),
        ({"net_energy_joules": None}, "unknown"),
    ],
)
def test_net_energy_has_the_doubt_of_both_that_it_is_made_of(change: dict[str, Any], said: str) -> None:
    assert net_text(node(**(NET | change))) == said


def test_a_summary_says_net_energy_only_where_idle_power_is_known() -> None:
    text = "\n".join(summary_lines(run(1, node(**NET))))
    assert "net          -50.0 J ± 1.5 J above idle 3.00 W (bare)" in text
    assert "above idle" not in "\n".join(summary_lines(run(1, node())))
