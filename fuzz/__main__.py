"""`python fuzz` replays all seeds; `python fuzz TARGET [DIRECTORY] [-runs=N -max_total_time=S]` fuzzes one.

A new input that atheris finds is kept in DIRECTORY, one that breaks a law in the current directory (or where
-artifact_prefix says). `python fuzz --seed TARGET FILE…` checks single files again.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the fakes of the tests

import runner


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    match arguments:
        case []:
            for name in runner.targets():
                print(f"{name}: {runner.replay(name)} seeds hold")
        case ["--list"]:
            print(*runner.targets(), sep="\n")
        case ["--seed", name, *files]:
            for file in files:
                runner.check_of(name)(Path(file).read_bytes())
        case [name, *options]:
            runner.fuzz(name, options)


if __name__ == "__main__":
    main(sys.argv[1:])
