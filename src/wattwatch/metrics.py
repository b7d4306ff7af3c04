"""One table of every metric: exposition, docs, dashboards and tests read it here."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

MetricType = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """Name in base units (`_total` for counters), type, help and labels beyond `node`."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


SeriesKey = tuple[str, tuple[str, ...]]
"""Identity of a counter: metric name (histograms: with `_bucket`, `_sum`, `_count`) and its label values.

Label values are those beyond `node`, in the order of the spec; of a bucket, the upper bound (`+Inf` for
the last) comes after them. Bucket counts are kept per bucket and made cumulative when rendered.
"""


class Sample(NamedTuple):
    """One value of a metric; `suffix` is `_bucket`, `_sum` or `_count` for histograms, else empty.

    `node` is empty for the node of the page. A tuple, as hundreds are made for each scrape.
    """

    spec: MetricSpec
    labels: tuple[str, ...]
    value: float
    suffix: str = ""
    node: str = ""


_CHANNEL: Final = ("source", "zone")

BUILD_INFO = MetricSpec(
    "wattwatch_build_info", "gauge", "Version of wattwatch and Python.", ("version", "python")
)
NODE_INFO = MetricSpec(
    "wattwatch_node_info", "gauge", "The measured machine.", ("machine", "model", "kernel")
)

SOURCE_UP = MetricSpec(
    "wattwatch_source_up", "gauge", "1 while the source gives valid readings.", ("source",)
)
SOURCE_LAST_SUCCESS = MetricSpec(
    "wattwatch_source_last_success_timestamp_seconds",
    "gauge",
    "UTC of the last valid reading.",
    ("source",),
)
SOURCE_READS = MetricSpec("wattwatch_source_reads_total", "counter", "Valid reads.", ("source",))
SOURCE_READ_FAILURES = MetricSpec(
    "wattwatch_source_read_failures_total", "counter", "Failed reads, by reason.", ("source", "reason")
)
SOURCE_EVENTS = MetricSpec(
    "wattwatch_source_events_total",
    "counter",
    "Changes seen in a source: group_changed, accumulator_reset, model_changed, stalled.",
    ("source", "event"),
)
SOURCE_READ_SECONDS = MetricSpec(
    "wattwatch_source_read_seconds",
    "histogram",
    "Time that a valid read took.",
    ("source",),
    (0.01, 0.05, 0.2, 1.0, 5.0),
)

POWER = MetricSpec(
    "wattwatch_power_watts",
    "gauge",
    "Power last read; of a counter, the mean of its last step.",
    (*_CHANNEL, "scope", "quality"),
)
ENERGY = MetricSpec(
    "wattwatch_energy_joules_total",
    "counter",
    "Energy measured on a channel since this boot; missing time adds nothing.",
    (*_CHANNEL, "scope", "quality"),
)
ENERGY_SECONDS = MetricSpec(
    "wattwatch_energy_seconds_total",
    "counter",
    "Time of an energy channel by state: sampled, recovered (gap filled by the meter) or missing.",
    (*_CHANNEL, "state"),
)
ENERGY_RECOVERED = MetricSpec(
    "wattwatch_energy_recovered_joules_total",
    "counter",
    "Part of the energy that was filled from the meter's own accumulator.",
    _CHANNEL,
)
METER_DISAGREEMENT = MetricSpec(
    "wattwatch_meter_disagreement_ratio",
    "gauge",
    "Own integral over the meter's accumulator, minus 1, since the daemon started.",
    ("source",),
)
VOLTAGE = MetricSpec("wattwatch_voltage_volts", "gauge", "Voltage last read.", _CHANNEL)
CURRENT = MetricSpec("wattwatch_current_amperes", "gauge", "Current last read.", _CHANNEL)
RESISTANCE = MetricSpec("wattwatch_resistance_ohms", "gauge", "Load resistance last read.", _CHANNEL)
TEMPERATURE = MetricSpec("wattwatch_temperature_celsius", "gauge", "Temperature last read.", _CHANNEL)

CPU_SECONDS = MetricSpec("wattwatch_cpu_seconds_total", "counter", "CPU time of the node by mode.", ("mode",))
CPU_FREQUENCY = MetricSpec("wattwatch_cpu_frequency_hertz", "gauge", "Present frequency of a CPU.", ("cpu",))
MEMORY_USED = MetricSpec("wattwatch_memory_used_bytes", "gauge", "Memory in use.")
MEMORY_AVAILABLE = MetricSpec("wattwatch_memory_available_bytes", "gauge", "Memory available to programs.")
MEMORY_SIZE = MetricSpec("wattwatch_memory_size_bytes", "gauge", "Memory of the node.")
NETWORK_BYTES = MetricSpec(
    "wattwatch_network_bytes_total", "counter", "Bytes over all interfaces but loopback.", ("direction",)
)
NETWORK_ERRORS = MetricSpec(
    "wattwatch_network_errors_total", "counter", "Errors of all interfaces but loopback.", ("direction",)
)
DISK_BYTES = MetricSpec("wattwatch_disk_bytes_total", "counter", "Bytes of all disks.", ("direction",))
THROTTLED = MetricSpec(
    "wattwatch_throttled",
    "gauge",
    "1 if the firmware reports this reason to hold back the processor, now or at any time since boot.",
    ("reason", "when"),
)

NODE_POWER = MetricSpec(
    "wattwatch_node_power_watts",
    "gauge",
    "Power of the node's primary, summed if it is several; of its fallback while there is none.",
    ("scope", "quality"),
)
NODE_ENERGY = MetricSpec(
    "wattwatch_node_energy_joules_total",
    "counter",
    "Energy of the node since this boot: of its primary, and under other labels of its fallback.",
    ("scope", "quality"),
)

RUN_GROSS_ENERGY = MetricSpec(
    "wattwatch_run_gross_energy_joules_total",
    "counter",
    "Node energy over the windows of a run, by phase; read it with max_over_time, never increase.",
    ("run_id", "phase", "scope", "quality"),
)
RUN_SECONDS = MetricSpec(
    "wattwatch_run_seconds_total", "counter", "Time of a run by state of coverage.", ("run_id", "state")
)
RUN_PEAK_POWER = MetricSpec("wattwatch_run_peak_power_watts", "gauge", "Highest power in a run.", ("run_id",))
RUN_TEMPERATURE = MetricSpec(
    "wattwatch_run_temperature_celsius", "gauge", "Temperature in a run.", ("run_id", "stat")
)
RUN_EPOCHS = MetricSpec(
    "wattwatch_run_epochs_total", "counter", "Epochs of a run that have ended.", ("run_id",)
)
RUN_NET_ENERGY = MetricSpec(
    "wattwatch_run_net_energy_joules",
    "gauge",
    "Energy of a final run above idle; may be negative, absent while idle power is unknown.",
    ("run_id", "baseline_kind"),
)
RUN_ACTIVE = MetricSpec(
    "wattwatch_run_active", "gauge", "1 while a phase of a run is open.", ("run_id", "step", "phase")
)
RUN_INFO = MetricSpec(
    "wattwatch_run_info",
    "gauge",
    "Names of a run.",
    ("run_id", "run", "experiment", "pipeline", "image_cached", "kfp_url"),
)
RUN_STATE = MetricSpec("wattwatch_run_state", "gauge", "1 for the state of a run.", ("run_id", "state"))

NODE_BASELINE = MetricSpec(
    "wattwatch_node_baseline_watts", "gauge", "Idle power that net energy is reckoned with.", ("kind",)
)
NODE_BASELINE_TIME = MetricSpec(
    "wattwatch_node_baseline_timestamp_seconds", "gauge", "UTC of its measurement.", ("kind",)
)

STORE_BYTES = MetricSpec("wattwatch_store_bytes", "gauge", "Size of the embedded store on disk.")
STORE_LAST_COMMIT = MetricSpec(
    "wattwatch_store_last_commit_timestamp_seconds", "gauge", "UTC of the last commit."
)
STORE_DEGRADED = MetricSpec(
    "wattwatch_store_degraded", "gauge", "1 while the store keeps readings in memory only."
)
CLOCK_SYNCHRONISED = MetricSpec(
    "wattwatch_clock_synchronised", "gauge", "1 while the wall clock is synchronised."
)
CLOCK_OFFSET = MetricSpec(
    "wattwatch_clock_offset_seconds", "gauge", "How far the UTC of another node is ahead of ours.", ("peer",)
)
TICK_LATENESS = MetricSpec(
    "wattwatch_tick_lateness_seconds",
    "histogram",
    "Start of a read after its grid point.",
    (),
    (0.002, 0.01, 0.05, 0.25, 1.0),
)
SERIES_DROPPED = MetricSpec(
    "wattwatch_series_dropped_total", "counter", "Series left out because a cap was reached."
)
SELF_ENERGY = MetricSpec(
    "wattwatch_self_energy_joules_total",
    "counter",
    "This daemon's share of the node's energy by busy CPU time (an upper bound: idle power is included).",
)

METRICS: Final[tuple[MetricSpec, ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, MetricSpec)
)
"""Every metric, in the order of this file."""

BY_NAME: Final = {spec.name: spec for spec in METRICS}

QUANTITY_METRICS: Final = {
    "power_watts": POWER,
    "voltage_volts": VOLTAGE,
    "current_amperes": CURRENT,
    "resistance_ohms": RESISTANCE,
    "temperature_celsius": TEMPERATURE,
}
"""The gauge that shows the last reading of a channel, by the channel's quantity (labels source, zone)."""
