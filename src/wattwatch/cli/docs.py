"""`python -m wattwatch.cli.docs`: writes the pages of docs/ that are made from the code."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from wattwatch.config.describe import config_document
from wattwatch.exposition.document import metrics_document


def documents() -> Mapping[str, str]:
    """File name below docs/ to its whole text."""
    return {"config.md": config_document(), "metrics.md": metrics_document()}


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("docs"))
def command(directory: Path) -> None:
    """Write the generated pages below DIRECTORY.

    Example: python -m wattwatch.cli.docs docs
    """
    directory.mkdir(exist_ok=True)
    for name, text in documents().items():
        (directory / name).write_text(text, encoding="utf-8")
        click.echo(f"wrote {directory}{os.sep}{name}", err=True)


if __name__ == "__main__":
    command()
