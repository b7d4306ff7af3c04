"""How often verdicts are wrong and how often they miss: simulated trials through the functions of `compare`.

Ten runs against ten, run-to-run standard deviation 5 %, one meter gain for each trial. All is simulated.

    python benchmarks/bench_calibration.py [--trials 2000] [--seed 1]
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.trials import World, positive_rate, theory, warned
from wattwatch.report.stats.difference import Method

METHODS: tuple[Method, ...] = ("mann-whitney", "welch")
RATIOS = (1.0, 1.025, 1.05, 1.075, 1.1)
DRIFTS = (0.0, 0.005, 0.01, 0.02)


def print_power(number: int, seed: int) -> None:
    print("| true difference | Mann-Whitney | theory | Welch | theory |\n|---|---|---|---|---|")
    for ratio in RATIOS:
        cells = [
            f"{positive_rate(World(ratio), number, seed, method):.3f} | {theory(ratio, method):.3f}"
            for method in METHODS
        ]
        print(f"| {ratio - 1:.1%} | {' | '.join(cells)} |")


def print_drift(number: int, seed: int) -> None:
    print("| drift each run | order | false positives | drift-between | not-shuffled | drift in a group |")
    print("|---|---|---|---|---|---|")
    for drift_ratio in DRIFTS:
        for is_shuffled in (False, True):
            world = World(drift_ratio=drift_ratio, is_shuffled=is_shuffled)
            found, false = warned(world, number, seed), positive_rate(world, number, seed)
            print(
                f"| {drift_ratio:.1%} | {'shuffled' if is_shuffled else 'blocks'} | {false:.3f} | "
                f"{found.drift_between:.3f} | {found.not_shuffled:.3f} | {found.drift:.3f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.process_time()
    print(f"{arguments.trials} simulated trials each, seed {arguments.seed}\n")
    print_power(arguments.trials, arguments.seed)
    print()
    print_drift(arguments.trials, arguments.seed)
    print(f"\n{time.process_time() - began:.0f} s of CPU")


if __name__ == "__main__":
    main()
