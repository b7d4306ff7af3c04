"""What the node's counters say, and what its runs are told: the same joules, each second once.

The two go different ways: counters are added up while readings come and survive kills of the process, runs
read the store. Both are held against each other, and against a truth of constant powers.
"""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.supplies import DESCRIPTIONS, Books
from wattwatch.daemon.primary import choose_supplies
from wattwatch.metrics import NODE_ENERGY
from wattwatch.reading import Instant

CONFIGURATIONS = [
    (("a",), ""),
    (("a", "b"), ""),
    (("rapl",), ""),
    (("a",), "rapl"),
    (("a", "b"), "rapl"),
    (("rapl",), "a"),
]
SECONDS = st.sampled_from([0.5, 0.5, 1.0, 2.9, 3.1, 12.345678, 70.0, 700.0, 3650.0])
ANSWERING = st.sets(st.sampled_from(["a", "b", "rapl"]))
HAPPENINGS = st.sampled_from(["go", "go", "go", "kill", "kill uncommitted", "reset", "power"])

steps = st.lists(
    st.tuples(SECONDS, ANSWERING, HAPPENINGS, st.floats(0.0, 60.0)), min_size=1, max_size=40
)  # fmt: skip


def play(books: Books, drawn: list[tuple[float, set[str], str, float]]) -> None:
    for seconds, answering, happening, watts in drawn:
        books.step(seconds, sorted(answering), commit=happening != "kill uncommitted")
        if happening.startswith("kill"):
            books.kill()
        elif happening == "reset":
            books.truth.joules |= {"package": 0.0, "a": 0.0}
        elif happening == "power":
            books.truth.watts |= {"a": watts, "package": watts / 2}
    books.commit()


@given(st.sampled_from(CONFIGURATIONS), steps)
@settings(max_examples=200, deadline=None)
def test_counters_and_runs_say_the_same_whatever_happens(
    configuration: tuple[tuple[str, ...], str], drawn: list[tuple[float, set[str], str, float]]
) -> None:
    books = Books(*configuration)
    play(books, drawn)
    for of in ("primary", "fallback"):
        until = books.counted_until(of)
        figures = books.figures(of, Instant("boot-1", 0.0), until)
        assert books.counted_joules(of) == pytest.approx(figures.joules, rel=1e-9, abs=1e-9)


@given(st.sampled_from(CONFIGURATIONS), steps, st.lists(st.floats(900.0, 9000.0), min_size=3, max_size=6))
def test_the_parts_of_a_window_add_up_for_sums_counters_and_fallbacks(
    configuration: tuple[tuple[str, ...], str],
    drawn: list[tuple[float, set[str], str, float]],
    edges: list[float],
) -> None:
    books = Books(*configuration)
    play(books, drawn)
    cuts = [Instant("boot-1", round(edge, 6)) for edge in sorted(edges)]
    for of in ("primary", "fallback"):
        whole = books.figures(of, cuts[0], cuts[-1])
        parts = [books.figures(of, start, end) for start, end in pairwise(cuts)]
        together = sum(parts[1:], parts[0])
        assert together.joules == pytest.approx(whole.joules, rel=1e-9, abs=1e-9)
        assert together.sampled_microseconds == whole.sampled_microseconds
        assert together.recovered_microseconds == whole.recovered_microseconds
        assert together.missing_microseconds == whole.missing_microseconds
        assert together.peak_watts == (
            None if whole.peak_watts is None else pytest.approx(whole.peak_watts, rel=1e-6)
        )
        assert together.gap_doubts == whole.gap_doubts


@given(st.sampled_from(CONFIGURATIONS[3:]), steps)
def test_every_second_is_the_primarys_the_fallbacks_or_missing(
    configuration: tuple[tuple[str, ...], str], drawn: list[tuple[float, set[str], str, float]]
) -> None:
    books = Books(*configuration)
    play(books, drawn)
    edges = Instant("boot-1", 0.0), books.counted_until("fallback")
    primary, fallback = books.figures("primary", *edges), books.figures("fallback", *edges)
    counted = primary.sampled_microseconds + primary.recovered_microseconds
    instead = fallback.sampled_microseconds + fallback.recovered_microseconds
    assert counted + instead <= round(edges[1].boot_seconds * 1e6)
    assert instead <= primary.missing_microseconds
    assert fallback.missing_microseconds == round(edges[1].boot_seconds * 1e6) - instead


@given(steps, st.lists(st.sampled_from(CONFIGURATIONS), min_size=2, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_change_of_the_primary_counts_no_second_twice(
    drawn: list[tuple[float, set[str], str, float]],
    configurations: list[tuple[tuple[str, ...], str]],
) -> None:
    """Everything draws 1 W (sums and package with memory 2 W): joules are seconds."""
    books = Books(*configurations[0])
    books.truth.watts = {"a": 1.0, "b": 1.0, "package": 0.5, "dram": 0.5}
    for index, (seconds, answering, happening, _) in enumerate(drawn):
        books.step(seconds, sorted(answering))
        if happening == "kill":
            books.kill()
        if happening == "power":
            wanted = configurations[index % len(configurations)]
            books.reconfigure(choose_supplies(*wanted, list(DESCRIPTIONS.values())))
    books.commit()
    joules = {key[1]: value for key, value in books.counters.items() if key[0] == NODE_ENERGY.name}
    most_watts = 2.0 if (("a", "b"), "") in configurations or (("a", "b"), "rapl") in configurations else 1.0
    seconds = books.clock.boot_seconds - 1000.0
    assert sum(joules.values()) <= most_watts * seconds + 4 * 3.6 + 1e-6  # digits of filled gaps


def test_a_sum_over_a_gap_of_one_of_its_meters_is_recovered_when_that_is() -> None:
    books = Books(("a", "b"))
    for _ in range(5):
        books.step(1.0, ["a", "b"])
    for _ in range(20):
        books.step(1.0, ["a"])  # b is lost
    assert books.counted_joules("primary") == pytest.approx(4 * 10.0)
    books.step(1.0, ["a", "b"])
    figures = books.figures("primary", Instant("boot-1", 1001.0), books.clock.now())
    assert (figures.sampled_seconds, figures.recovered_seconds, figures.missing_seconds) == (4.0, 21.0, 0.0)
    assert figures.joules == pytest.approx(250.0, abs=3.6)
    assert figures.gap_doubt_joules == 3.6
    assert books.counted_joules("primary") == pytest.approx(figures.joules)


def test_what_waited_in_a_killed_daemon_is_counted_by_the_next_one() -> None:
    books = Books(("a", "b"))
    for _ in range(5):
        books.step(1.0, ["a", "b"])
    for _ in range(600):
        books.step(1.0, ["a"])
    books.kill()
    books.step(1.0, ["a", "b"])
    assert books.counted_joules("primary") == pytest.approx(605 * 10.0, abs=3.6)


def test_a_meter_that_is_silent_for_hours_holds_up_an_hour_of_the_others_and_no_more() -> None:
    books = Books(("a", "b"))
    books.step(1.0, ["a", "b"])
    most = 0
    for _ in range(4000):
        books.step(2.0, ["a"])
        most = max(most, books.account._node.waiting())
    assert 1700 < most < 1900
    assert books.account._node.waiting() < 100


def test_a_fallback_counts_what_the_primary_misses_and_nothing_else() -> None:
    books = Books(("a",), "rapl")
    books.truth.joules["a"] = 1000.0
    for _ in range(5):
        books.step(1.0, ["a", "rapl"])
    books.truth.joules["a"] = 0.0  # its counter was cleared in the gap: nothing to fill it from
    for _ in range(10):
        books.step(1.0, ["rapl"])
    assert books.counted_joules("fallback") == 0.0  # the gap is merely open
    books.step(1.0, ["a", "rapl"])
    assert books.counted_joules("primary") == pytest.approx(20.0)
    assert books.counted_joules("fallback") == pytest.approx(11 * 10.0)
    books.step(1.0, ["a", "rapl"])
    assert books.counted_joules("fallback") == pytest.approx(110.0)
    assert books.counted_joules("primary") == pytest.approx(25.0)


def test_a_fallback_stands_in_for_a_primary_that_never_came() -> None:
    books = Books(("a",), "rapl", start=960.0)
    for _ in range(300):
        books.step(1.0, ["rapl"])
    assert books.counted_joules("fallback") == pytest.approx(10.0 * (1200 - 961))  # a minute is waited
    books.step(1.0, ["a", "rapl"])
    books.step(1.0, ["a", "rapl"])
    assert books.counted_joules("fallback") == pytest.approx(10.0 * (1261 - 961))
    assert books.counted_joules("primary") == pytest.approx(5.0)


@given(st.lists(st.tuples(st.floats(0.5, 24.0), st.floats(0.0, 90.0), st.booleans()), max_size=30))
def test_a_counter_that_wraps_and_is_reset_over_restarts_becomes_energy_where_it_can_be_known(
    drawn: list[tuple[float, float, bool]],
) -> None:
    books, expected = Books(("rapl",)), 0.0
    books.truth.watts |= {"dram": 0.0}
    books.step(1.0, ["rapl"])
    for seconds, watts, kill in drawn:
        books.truth.watts["package"] = watts
        books.step(seconds, ["rapl"])  # 24 s at most: half of the range at full power are 25 s
        expected += round(seconds, 6) * watts
        if kill:
            books.kill()
    assert books.counted_joules("primary") == pytest.approx(expected, rel=1e-9, abs=1e-6)
    before = books.counted_joules("primary")
    books.truth.joules["package"] = 0.0
    books.kill()
    books.step(1.0, ["rapl"])
    assert (
        books.counted_joules("primary") <= before + 100.0
    )  # a reset that looks like a wrap of less than that
