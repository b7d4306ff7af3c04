from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.report.stats.difference import difference
from wattwatch.report.stats.equivalence import equivalence
from wattwatch.report.stats.records import Difference, Equivalence, Estimate
from wattwatch.report.stats.verdict import Compared, Grounds, sentence

ENERGY = Compared("vm", "pi", "energy", "J", 10, 10)
SHOWN = Difference(
    "mann-whitney",
    0.001,
    Estimate(4.3, 3.1, 5.5),
    "Cliff's delta",
    Estimate(0.9, 0.6, 0.98),
    Estimate(1.12, 1.08, 1.16),
)
NOT_SHOWN = replace(SHOWN, p_value=0.4, shift=Estimate(0.3, -1.2, 1.9), ratio=Estimate(1.01, 0.97, 1.05))


@pytest.mark.parametrize(
    ("compared", "found", "grounds", "said"),
    [
        (
            ENERGY,
            SHOWN,
            Grounds(0.003),
            "pi uses 12 % more energy than vm (Holm p = 0.003; +4.3 J, 95 % interval +3.1 to +5.5 J)",
        ),
        (
            ENERGY,
            replace(SHOWN, p_value=1e-5),
            Grounds(),
            "pi uses 12 % more energy than vm (p < 0.001; +4.3 J, 95 % interval +3.1 to +5.5 J)",
        ),
        (
            replace(ENERGY, title="time", unit="s"),
            replace(SHOWN, shift=Estimate(-4.3, -5.5, -3.1), ratio=Estimate(0.88, 0.84, 0.92)),
            Grounds(0.003),
            "pi takes 12 % less time than vm (Holm p = 0.003; -4.3 s, 95 % interval -5.5 to -3.1 s)",
        ),
        (
            replace(ENERGY, title="mean power", unit="W"),
            replace(SHOWN, ratio=Estimate(3.9)),
            Grounds(0.003),
            "mean power of pi is 3.9 times that of vm (Holm p = 0.003; +4.3 W, 95 % interval +3.1 to +5.5 W)",
        ),
        (
            ENERGY,
            replace(SHOWN, shift=Estimate(123456.7, 99000, 150000), ratio=Estimate(2.0)),
            Grounds(0.003),
            "pi uses 2 times the energy of vm (Holm p = 0.003; +123457 J, 95 % interval +99000 to +150000 J)",
        ),
        (
            replace(ENERGY, title="mean power", unit="W"),
            replace(SHOWN, shift=Estimate(0.0, -1, 3.0)),
            Grounds(0.003),
            "mean power of pi tends to be higher than of vm (Holm p = 0.003; 0 W, 95 % interval -1 to +3 W)",
        ),
        (
            replace(ENERGY, title="highest temperature", unit="°C"),
            SHOWN,
            Grounds(0.003),
            (
                "highest temperature of pi is 4.3 °C higher than of vm "
                "(Holm p = 0.003; +4.3 °C, 95 % interval +3.1 to +5.5 °C)"
            ),
        ),
        (
            replace(ENERGY, one_count=5, other_count=5),
            NOT_SHOWN,
            Grounds(0.4, detectable=2.71),
            (
                "no difference of energy between pi and vm could be shown with 5 and 5 repetitions "
                "(Holm p = 0.4; +0.3 J, 95 % interval -1.2 to +1.9 J); "
                "a difference below 2.71 J would be missed more than one time in five"
            ),
        ),
        (
            ENERGY,
            NOT_SHOWN,
            Grounds(0.4, detectable=2.71, equivalence=Equivalence(5.0, 0.0004, is_equivalent=True)),
            "energy of pi and vm is equivalent within ±5 J (TOST p < 0.001)",
        ),
        (
            ENERGY,
            SHOWN,
            Grounds(0.003, equivalence=Equivalence(10.0, 0.01, is_equivalent=True)),
            (
                "pi uses 12 % more energy than vm (Holm p = 0.003; +4.3 J, 95 % interval +3.1 to +5.5 J); "
                "yet equivalent within ±10 J (TOST p = 0.01)"
            ),
        ),
        (
            ENERGY,
            SHOWN,
            Grounds(0.003, resolution=6.0),
            (
                "not resolvable by these meters: pi uses 12 % more energy than vm "
                "(Holm p = 0.003; +4.3 J, 95 % interval +3.1 to +5.5 J) in what they read, "
                "but differences up to 6 J can come from the meters alone"
            ),
        ),
        (
            replace(ENERGY, other_count=1),
            replace(SHOWN, p_value=None, shift=Estimate(4.3)),
            Grounds(),
            "no verdict on energy: with 10 and 1 repetitions pi and vm cannot be tested",
        ),
    ],
)
def test_verdicts_as_they_read(compared: Compared, found: Difference, grounds: Grounds, said: str) -> None:
    assert sentence(compared, found, grounds) == said


def test_what_meters_hide_is_not_called_the_same() -> None:
    same = Equivalence(5.0, 0.01, is_equivalent=True)
    said = sentence(ENERGY, NOT_SHOWN, Grounds(0.4, resolution=6.0, equivalence=same))
    assert said == (
        "energy of pi and vm is equivalent within ±5 J (TOST p = 0.01) in what the meters read, "
        "which alone can be 6 J apart"
    )
    assert "below 6 J" in sentence(ENERGY, NOT_SHOWN, Grounds(0.4, resolution=6.0, detectable=2.7))
    assert "below 7 J" in sentence(ENERGY, NOT_SHOWN, Grounds(0.4, resolution=6.0, detectable=7.0))
    assert "in what the meters" not in sentence(
        ENERGY, NOT_SHOWN, Grounds(0.4, resolution=0.0, equivalence=same)
    )


def test_the_adjusted_p_value_decides() -> None:
    assert "could be shown" in sentence(ENERGY, SHOWN, Grounds(0.06))
    assert "could be shown" not in sentence(ENERGY, SHOWN, Grounds(0.04))
    assert sentence(ENERGY, SHOWN, Grounds(0.05)).startswith("no difference")  # 0.05 itself is not below


def test_a_difference_beyond_the_meters_is_a_difference() -> None:
    assert sentence(ENERGY, SHOWN, Grounds(0.003, resolution=4.0)).startswith("pi uses 12 % more")


def test_a_percentage_that_points_the_other_way_is_not_given() -> None:
    """The medians can lie the other way round than the shift: then the shift speaks."""
    crossed = replace(SHOWN, ratio=Estimate(0.99))
    assert sentence(ENERGY, crossed, Grounds(0.003)).startswith("pi uses 4.3 J more energy")
    assert sentence(ENERGY, replace(SHOWN, ratio=None)).startswith("pi uses 4.3 J more energy")


@given(
    st.lists(st.floats(1, 1e6), min_size=1, max_size=8),
    st.lists(st.floats(1, 1e6), min_size=1, max_size=8),
    st.none() | st.floats(0, 1e5),
    st.none() | st.floats(1, 1e5),
    st.sampled_from(["J", "s", "W", "°C"]),
)
def test_every_verdict_is_one_sentence_that_claims_only_what_was_shown(
    one: list[float], other: list[float], resolution: float | None, margin: float | None, unit: str
) -> None:
    found = difference(one, other)
    same = None if margin is None else equivalence(one, other, margin)
    compared = Compared("vm", "pi", "figure", unit, len(one), len(other))
    said = sentence(compared, found, Grounds(resolution=resolution, equivalence=same))
    assert "\n" not in said
    assert "nan" not in said
    assert "None" not in said
    is_claimed = any(word in said.split(" (")[0] for word in ("more", "less", "higher", "lower", " times "))
    assert is_claimed == (found.p_value is not None and found.p_value < 0.05)
