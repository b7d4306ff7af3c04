"""What a node counts: every second once, every joule once, and the health of its sources."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.power import POWER_CHANNEL, UM24C, instant
from wattwatch import metrics
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.metrics import MetricSpec
from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, Kind, Reading, Scope
from wattwatch.sampling.account import Account, ReadFailure, ReadOutcome
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.snapshot import Primary, SourceHealth
from wattwatch.sources.base import CounterLimits, SourceDescription

METERED = POWER_CHANNEL.quality
ENERGY_LABELS = ("meter", "vbus", "board", "metered")
MILLIWATT_HOURS = Channel(
    "meter", "group-0", "energy_joules", Kind.ACCUMULATOR, quality=POWER_CHANNEL.quality
)
CHARGE = Channel("meter", "group-0", "charge_coulombs", Kind.ACCUMULATOR, quality=METERED)
METER = SourceDescription("meter", "um24c", 0.5, (POWER_CHANNEL,))
PRIMARY = Primary.of(POWER_CHANNEL)
RAPL_CHANNEL = Channel("rapl", "package-0", "energy_joules", Kind.COUNTER, Scope.PACKAGE)
RAPL = SourceDescription(
    "rapl", "powercap", 1.0, (RAPL_CHANNEL,), counter_limits=((RAPL_CHANNEL, CounterLimits(1000.0, 100.0)),)
)
CPU_USER = Channel("rapl", "cpu-user", "cpu_seconds", Kind.COUNTER)
ZONE_POWER = Channel("rapl", "other", "power_watts", Kind.POWER, Scope.RAIL)
HOST = SourceDescription("host", "host", 1.0, ())
SELF = SourceDescription("self", "self", 5.0, ())


class Books:
    """An account, and what it gave."""

    def __init__(self, restored: dict[metrics.SeriesKey, float] | None = None) -> None:
        self.account = Account(
            Counters(restored or {}), [METER, RAPL, HOST], primary=PRIMARY, gap_seconds=3.0
        )
        self.gaps: list[EnergyRecord] = []
        self.kept = 0
        self.last: Batch | None = None

    def meter(self, seconds: float, watts: float = 5.0, milliwatt_hours: float = 100) -> None:
        at = instant(seconds)
        readings = (
            Reading(POWER_CHANNEL, watts, at),
            Reading(MILLIWATT_HOURS, milliwatt_hours * 3.6, at),
            Reading(CHARGE, milliwatt_hours * 3.6 / 5, at),
        )
        self.last = Batch("meter", at, readings, UM24C)
        self.accept(METER, self.last)

    def values(
        self, description: SourceDescription, at: Instant, values: Iterable[tuple[Channel, float]]
    ) -> None:
        readings = tuple(Reading(channel, value, at) for channel, value in values)
        self.accept(description, Batch(description.name, at, readings))

    def accept(self, description: SourceDescription, batch: Batch) -> None:
        accepted = self.account.accept(ReadOutcome(description, batch, 0.001, 0.02))
        self.gaps += accepted.gaps
        self.kept += accepted.keep

    def fail(self, seconds: float, error: SourceError) -> None:
        self.account.fail(ReadFailure(METER, instant(seconds), error))

    def count(self, spec: MetricSpec, *labels: str) -> float | None:
        return self.account.counters.value(spec, labels)

    def seconds(self, zone: tuple[str, str] = ("meter", "vbus")) -> dict[str, float | None]:
        states = ("sampled", "recovered", "missing")
        return {state: self.count(metrics.ENERGY_SECONDS, *zone, state) for state in states}

    def health(self, name: str = "meter") -> SourceHealth:
        return next(s.health for s in self.account.sources() if s.description.name == name)


def test_a_first_reading_makes_counters_appear_at_zero() -> None:
    books = Books()
    assert books.count(metrics.ENERGY, *ENERGY_LABELS) is None
    books.meter(10.0)
    assert books.count(metrics.ENERGY, *ENERGY_LABELS) == 0
    assert books.count(metrics.NODE_ENERGY, "board", "metered") == 0
    assert books.seconds() == {"sampled": 0, "recovered": 0, "missing": 0}
    assert books.count(metrics.ENERGY_RECOVERED, "meter", "vbus") == 0


def test_trapezoids_of_the_primary_are_the_node_energy() -> None:
    books = Books()
    for seconds, watts in ((10.0, 4.0), (10.5, 6.0), (11.0, 6.0)):
        books.meter(seconds, watts)
    assert books.count(metrics.ENERGY, *ENERGY_LABELS) == pytest.approx(2.5 + 3.0)
    assert books.count(metrics.NODE_ENERGY, "board", "metered") == pytest.approx(2.5 + 3.0)
    assert books.seconds()["sampled"] == pytest.approx(1.0)
    assert books.gaps == []  # sampled time follows from the readings


def test_a_source_beside_the_primary_is_not_added_to_the_node() -> None:
    books = Books()
    for seconds, joules in ((1.0, 990.0), (2.0, 995.0), (3.0, 2.0)):  # wraps at 1000 J
        books.values(RAPL, instant(seconds), [(RAPL_CHANNEL, joules)])
    assert books.count(metrics.ENERGY, "rapl", "package-0", "package", "sensor") == pytest.approx(12.0)
    assert books.count(metrics.NODE_ENERGY, "board", "metered") is None


def test_a_gap_is_filled_from_the_accumulator_and_told() -> None:
    books = Books()
    books.meter(10.0, 5.0, 100)
    books.meter(30.0, 5.0, 128)
    (gap,) = books.gaps
    assert gap.recovered_seconds == 20.0
    assert gap.joules == pytest.approx(28 * 3.6)
    assert books.seconds() == {"sampled": 0, "recovered": 20.0, "missing": 0}
    assert books.count(metrics.ENERGY_RECOVERED, "meter", "vbus") == pytest.approx(28 * 3.6)
    assert books.count(metrics.NODE_ENERGY, "board", "metered") == pytest.approx(28 * 3.6)


steps = st.lists(
    st.tuples(
        st.floats(0.1, 4000.0),
        st.floats(0.0, 70.0),
        st.sampled_from(["go", "go", "reset", "fail", "expire", "restart"]),
    ),
    max_size=30,
)


@given(steps)
def test_every_second_is_counted_once_whatever_happens(drawn: list[tuple[float, float, str]]) -> None:
    books, seconds, milliwatt_hours = Books(), 1000.0, 0.0
    books.meter(seconds, 1.0, 0)
    covered_until = seconds
    for elapsed_seconds, watts, happening in drawn:
        seconds = round(seconds + elapsed_seconds, 6)
        milliwatt_hours = 0.0 if happening == "reset" else milliwatt_hours + watts * elapsed_seconds / 3.6
        if happening == "fail":
            books.fail(seconds, SourceUnavailable("gone", "timeout"))
        elif happening == "expire":
            for record in books.account.expire(instant(seconds)):
                covered_until = record.end.boot_seconds
        elif happening == "restart":
            books = restarted(books, covered_until)
        else:
            books.meter(seconds, watts, int(milliwatt_hours))
            covered_until = seconds
    total_seconds = sum(value or 0.0 for value in books.seconds().values())
    assert total_seconds == pytest.approx(covered_until - 1000.0, abs=1e-3)
    energy = books.count(metrics.ENERGY, *ENERGY_LABELS)
    assert energy == books.count(metrics.NODE_ENERGY, "board", "metered")


def restarted(books: Books, covered_until: float) -> Books:
    """A new process with what the store kept."""
    assert books.last is not None
    successor = Books(books.account.counters.snapshot())
    ends = {POWER_CHANNEL: instant(covered_until)} if covered_until > books.last.at.boot_seconds else {}
    successor.account.restore({"meter": books.last}, ends)
    successor.last = books.last
    return successor


def test_failures_cost_health_and_readings_but_no_energy() -> None:
    books = Books()
    books.meter(10.0)
    assert books.health() == SourceHealth(up=True, state="up", last_success=instant(10.0))
    for attempt in (1, 2):
        books.fail(11.0, SourceUnavailable("no answer", "timeout"))
        assert (books.health().state, books.health().consecutive_failures) == ("down", attempt)
    assert books.health().last_error == "no answer"
    assert books.health().last_success == instant(10.0)
    assert books.account.readings() == {}
    assert books.count(metrics.SOURCE_READ_FAILURES, "meter", "timeout") == 2
    assert books.count(metrics.SOURCE_READS, "meter") == 1
    books.meter(12.0)
    assert books.health().consecutive_failures == 0
    assert books.account.readings()[POWER_CHANNEL.id].value == 5.0


def test_what_a_host_will_never_have_is_called_so() -> None:
    books = Books()
    books.fail(1.0, SourceUnsupported("no such thing"))
    assert books.health().state == "unsupported"
    assert books.count(metrics.SOURCE_READ_FAILURES, "meter", "unsupported") == 1


def test_a_frozen_meter_is_stalled_and_its_readings_are_kept_once() -> None:
    books = Books()
    for half_second in range(20):  # 5 W for 10 s, and the same frame all the time: over 3 mWh + 5 %
        books.meter(10.0 + half_second / 2)
    assert books.health().state == "stalled"
    assert not books.health().up
    assert books.account.readings() == {}
    stalled_since = books.account.stalled_since(POWER_CHANNEL.id)
    assert stalled_since is not None
    assert books.kept < 20
    assert books.count(metrics.SOURCE_EVENTS, "meter", "stalled") == 1
    kept = books.kept
    books.meter(21.0, 5.0, 116)
    assert (books.health().state, books.kept) == ("up", kept + 1)
    assert books.account.stalled_since(POWER_CHANNEL.id) is None
    assert sum(value or 0.0 for value in books.seconds().values()) == pytest.approx(11.0)


def test_host_counters_begin_with_what_the_kernel_has_and_never_fall() -> None:
    books, sent = Books(), Channel("host", "network-transmit", "network_bytes", Kind.COUNTER)
    seen = []
    for second, value in enumerate((1000.0, 1500.0, 20.0, 50.0)):  # the interface was made anew
        books.values(HOST, instant(second), [(sent, value)])
        seen.append(books.count(metrics.NETWORK_BYTES, "transmit"))
    assert seen == [1000.0, 1500.0, 1500.0, 1530.0]


def test_own_cpu_time_takes_its_share_of_the_energy() -> None:
    books = Books()
    own = Channel("self", "process", "cpu_seconds", Kind.COUNTER)
    modes = [Channel("host", f"cpu-{mode}", "cpu_seconds", Kind.COUNTER) for mode in ("user", "idle")]
    for second in range(11):
        books.meter(float(second), 5.0, 100 + second)
        books.values(HOST, instant(second), [(modes[0], 100.0 + second), (modes[1], 500.0 + 3 * second)])
        if second in (0, 10):
            books.values(SELF, instant(second), [(own, 1.0 + second / 10)])
    # 1 of 10 busy seconds was ours; the idle ones are nobody's.
    assert books.count(metrics.SELF_ENERGY) == pytest.approx(5.0)
    assert books.count(metrics.CPU_SECONDS, "user") == pytest.approx(110.0)


def test_a_counter_shows_the_mean_power_of_its_last_step_while_it_is_read() -> None:
    books = Books()
    key = (metrics.POWER.name, ("rapl", "package-0", "package", "sensor"))
    books.values(RAPL, instant(1.0), [(RAPL_CHANNEL, 990.0)])
    assert key not in books.account.gauges()
    books.values(RAPL, instant(3.0), [(RAPL_CHANNEL, 2.0)])
    assert books.account.gauges()[key] == pytest.approx(6.0)
    books.values(RAPL, instant(4.0), [(RAPL_CHANNEL, 500.0)])  # more than it can mean: a reset
    assert key not in books.account.gauges()
    books.values(RAPL, instant(5.0), [(RAPL_CHANNEL, 501.0)])
    assert books.account.gauges()[key] == pytest.approx(1.0)
    books.account.fail(ReadFailure(RAPL, instant(6.0), SourceUnavailable("gone")))
    assert key not in books.account.gauges()


def test_a_zone_with_a_counter_and_a_power_is_counted_once() -> None:
    books = Books()
    power = Channel("rapl", "package-0", "power_watts", Kind.POWER, Scope.PACKAGE)
    for second in range(5):
        books.values(RAPL, instant(second), [(power, 7.0), (RAPL_CHANNEL, 5.0 * second)])
    assert books.count(metrics.ENERGY, "rapl", "package-0", "package", "sensor") == pytest.approx(20.0)
    assert books.seconds(("rapl", "package-0"))["sampled"] == pytest.approx(4.0)


def test_an_open_gap_of_a_counter_is_given_up_when_it_could_hide_a_wrap() -> None:
    books = Books()  # a range of 1000 J and at most 100 W: 5 s
    books.values(RAPL, instant(0.0), [(RAPL_CHANNEL, 1.0)])
    assert books.account.expire(instant(5.0)) == ()
    (gap,) = books.account.expire(instant(6.0))
    assert (gap.channel, gap.missing_seconds) == (RAPL_CHANNEL, 6.0)
    books.values(RAPL, instant(8.0), [(RAPL_CHANNEL, 2.0)])
    assert books.seconds(("rapl", "package-0")) == {"sampled": 0, "recovered": 0, "missing": 8.0}


def test_a_reload_forgets_the_sources_that_ended_and_keeps_what_was_counted() -> None:
    books = Books()
    for second in range(3):
        books.meter(10.0 + second)
        books.values(RAPL, instant(10.0 + second), [(RAPL_CHANNEL, 5.0 * second)])
    primary = Primary.of(RAPL_CHANNEL)
    books.account.reconfigure([RAPL, HOST], primary=primary, gap_seconds=3.0)
    assert [status.description.name for status in books.account.sources()] == ["rapl", "host"]
    assert books.health("rapl").up
    assert "meter/vbus/power_watts" not in books.account.readings()
    assert books.count(metrics.ENERGY, *ENERGY_LABELS) == 10.0
    books.values(RAPL, instant(13.0), [(RAPL_CHANNEL, 15.0)])
    assert books.count(metrics.NODE_ENERGY, "board", "metered") == 10.0
    assert books.count(metrics.NODE_ENERGY, "package", "sensor") == 5.0
    assert books.account.expire(instant(4000.0))[0].channel == RAPL_CHANNEL  # no gap of the meter's


def test_channels_that_a_source_tells_of_late_are_noticed() -> None:
    books = Books()
    before = books.account.described
    books.values(SourceDescription("host", "host", 1.0, (RAPL_CHANNEL,)), instant(1.0), [])
    books.values(SourceDescription("host", "host", 1.0, (RAPL_CHANNEL,)), instant(2.0), [])
    assert books.account.described == before + 1


def test_own_integral_and_accumulator_are_compared_once_there_is_enough() -> None:
    books = Books()
    for second in range(91):
        books.meter(float(second), 5.5, 5.0 * second / 3.6)
    assert books.account.disagreement_ratios() == {}  # 450 J: its own digits would be most of it
    for second in range(91, 111):
        books.meter(float(second), 5.5, 5.0 * second / 3.6)
    (ratio,) = books.account.disagreement_ratios().values()
    assert ratio == pytest.approx(0.1, abs=0.001)
    assert books.account.meter_model("meter") == "UM24C"
    assert books.account.meter_model("host") == ""


@given(st.lists(st.permutations(range(3)), min_size=2, max_size=8))
def test_readings_are_counted_in_whatever_order_they_come(orders: list[list[int]]) -> None:
    books = Books()
    for second, order in enumerate(orders):
        values = [(RAPL_CHANNEL, 10.0 * second), (CPU_USER, 2.0 * second), (ZONE_POWER, 3.0)]
        books.values(RAPL, instant(float(second)), [values[place] for place in order])
    counted = books.account.counters.snapshot()
    steps = len(orders) - 1
    assert counted[metrics.ENERGY.name, RAPL_CHANNEL.energy_labels] == pytest.approx(10.0 * steps)
    assert counted[metrics.ENERGY.name, ZONE_POWER.energy_labels] == pytest.approx(3.0 * steps)
    assert counted[metrics.CPU_SECONDS.name, ("user",)] == pytest.approx(2.0 * steps)


def test_a_channel_that_comes_later_is_counted_from_then_on() -> None:
    books = Books()
    books.values(RAPL, instant(1.0), [(RAPL_CHANNEL, 5.0)])
    for second in (2.0, 3.0):
        books.values(RAPL, instant(second), [(RAPL_CHANNEL, 5.0 * second), (ZONE_POWER, 7.0)])
    counted = books.account.counters.snapshot()
    assert counted[metrics.ENERGY.name, RAPL_CHANNEL.energy_labels] == pytest.approx(10.0)
    assert counted[metrics.ENERGY.name, ZONE_POWER.energy_labels] == pytest.approx(7.0)


def test_a_counter_that_cannot_be_read_now_has_no_present_power() -> None:
    """A domain that fails while others answer: its last step is no present power, nor part of the node's."""
    books = Books()
    for second in (1.0, 2.0):
        books.values(RAPL, instant(second), [(RAPL_CHANNEL, 5.0 * second), (ZONE_POWER, 7.0)])
    key = (metrics.POWER.name, RAPL_CHANNEL.energy_labels)
    assert books.account.gauges()[key] == 5.0
    books.values(RAPL, instant(3.0), [(ZONE_POWER, 7.0)])
    assert key not in books.account.gauges()
    for second in (4.0, 5.0):
        books.values(RAPL, instant(second), [(RAPL_CHANNEL, 5.0 * second), (ZONE_POWER, 7.0)])
    assert books.account.gauges()[key] == 5.0
    assert books.count(metrics.ENERGY, *RAPL_CHANNEL.energy_labels) == 20.0
