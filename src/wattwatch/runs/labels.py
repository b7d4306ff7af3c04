"""Labels that wattwatch itself writes: which series a run belongs to, and its place in it."""

from typing import Final

OURS: Final = "wattwatch."
"""All of them begin so; a user's labels may not."""

SERIES: Final = "wattwatch.series"
VARIANT: Final = "wattwatch.variant"
REPETITION: Final = "wattwatch.repetition"  # from 1, among the runs of a variant that count
POSITION: Final = "wattwatch.position"  # from 1, among all runs of the series
WARMUP: Final = "wattwatch.warmup"  # "true" on runs that do not count
SEED: Final = "wattwatch.seed"
BASELINE: Final = "wattwatch.baseline"  # the kind, on a run that measured idle power
IMPORT: Final = "wattwatch.import"  # id of the imported readings that a run was cut out of
GOVERNOR: Final = "wattwatch.governor"  # of CPU frequencies, on such a run
