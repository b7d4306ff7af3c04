"""`python -m wattwatch`: the command line."""

from wattwatch.cli.main import run

run()
